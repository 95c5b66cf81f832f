/* report.c: documents about records.
 *
 * Why not in each api.c: an officer on the phone and an operator at the hub talk about the same
 * record; what they read to each other must have the same names and the same numbers. */
#include "report.h"

#include "control.h"
#include "log.h"
#include "render.h"
#include "safe.h"

#include <stdio.h>
#include <string.h>

typedef struct found_record {
    hf_record_id id;
    bool deleted;
} found_record;

/* What a walk finds is kept, and read once the walk is over: no statement is stepped while
 * another call uses the store. */
typedef struct found_list {
    hf_buffer items;
    bool with_deleted;
} found_list;

static hf_status on_record(void *context, const hf_record_id *id, uint32_t scope, bool deleted)
{
    found_list *list = context;
    (void)scope;
    if (deleted && !list->with_deleted) return HF_OK;
    found_record one = {.id = *id, .deleted = deleted};
    hf_write_raw(&list->items, (hf_bytes){(const uint8_t *)&one, sizeof one});
    return list->items.status;
}

static found_record found_at(const hf_buffer *items, size_t index)
{
    found_record one;
    memcpy(&one, items->data + index * sizeof one, sizeof one);
    return one;
}

/* ---- parts of documents ---- */

const char *hf_withheld_words(uint32_t code)
{
    switch (code) {
    case 600: return "this device holds no grant for the scope";
    case 601: return "records of this type are not written in this lane";
    case 602: return "only hubs write records of this type";
    case 603: return "the operations do not suit the record's type";
    case 604: return "withheld by an operator";
    case 605: return "the record holds more than it can, or what it cites is not known";
    case 606: return "applying it ended the program";
    default: return "withheld";
    }
}

const char *hf_clock_words(uint8_t quality)
{
    static const char *const words[] = {"known wrong", "never synced", "synced within 7 days",
                                        "synced within 24 hours"};
    return quality < 4 ? words[quality] : "unknown";
}

void hf_report_dot(hf_json *json, const char *key, const hf_dot *dot)
{
    char text[HF_DOT_TEXT_SIZE];
    hf_dot_format(dot, text);
    hf_json_string(json, key, text);
}

static void json_id(hf_json *json, const char *key, hf_store *store, const hf_record_id *id)
{
    char text[HF_RECORD_TEXT_SIZE];
    hf_record_id_format(hf_store_pack(store), id, text);
    hf_json_string(json, key, text);
}

/* A delete's value is a context that no person reads. */
static void json_value(hf_json *json, hf_store *store, const hf_record_id *id, uint32_t field,
                       hf_bytes value)
{
    const hf_pack *pack = hf_store_pack(store);
    if (field == HF_FIELD_DELETED && value.data) {
        hf_json_string(json, "value", "deleted");
        return;
    }
    hf_value_json(json, "value", pack, hf_pack_field(pack, id->type, field), value);
}

static void json_author(hf_json *json, const hf_value_view *value)
{
    hf_json_string(json, "actor", value->actor ? value->actor : "");
    hf_json_string(json, "device", value->device ? value->device : "");
    hf_json_time(json, "time", hf_hlc_wall_ms(value->hlc));
    hf_json_string(json, "clock", hf_clock_words(value->quality));
    hf_report_dot(json, "at", &value->dot);
    if (value->reason && *value->reason) hf_json_string(json, "reason", value->reason);
}

static size_t first_equal(const hf_field_view *field, size_t index)
{
    size_t first = 0;
    while (!hf_bytes_equal(field->values[first].value, field->values[index].value)) first++;
    return first;
}

/* Equal values are one choice; they are numbered from 1 in the order shown. */
static size_t choice_of(const hf_field_view *field, size_t index)
{
    size_t distinct = 0;
    for (size_t i = 0; i <= first_equal(field, index); i++) distinct += first_equal(field, i) == i;
    return distinct;
}

hf_status hf_field_choice(const hf_field_view *field, size_t number, hf_bytes *out)
{
    for (size_t i = 0; i < field->value_count; i++) {
        if (choice_of(field, i) != number) continue;
        *out = field->values[i].value;
        return HF_OK;
    }
    return HF_ERR_NOT_FOUND;
}

static void json_field_name(hf_json *json, const char *key, const hf_pack *pack, uint32_t type,
                            uint32_t number)
{
    char unknown[24];
    const hf_field *field = hf_pack_field(pack, type, number);
    const char *name = number == HF_FIELD_DELETED ? "_deleted" : field->name;
    if (!name) (void)snprintf(unknown, sizeof unknown, "field%u", (unsigned)number);
    hf_json_string(json, key, name ? name : unknown);
}

static hf_status json_values(hf_json *json, hf_store *store, const hf_record_id *id,
                             const hf_field_view *field)
{
    hf_status status = HF_OK;
    hf_json_array(json, "values");
    for (size_t i = 0; i < field->value_count && status == HF_OK; i++) {
        hf_place place = HF_PLACE_DEVICE;
        status = hf_safe_place(store, &field->values[i].dot, &place);
        hf_json_object(json, NULL);
        if (field->conflict) hf_json_uint(json, "choice", choice_of(field, i));
        json_value(json, store, id, field->number, field->values[i].value);
        json_author(json, &field->values[i]);
        hf_json_string(json, "saved", hf_place_name(place));
        hf_json_end(json);
    }
    hf_json_end(json);
    return status;
}

static void json_type(hf_json *json, const hf_pack *pack, uint32_t number)
{
    char unknown[24];
    const hf_type *type = hf_pack_type(pack, number);
    if (!type) (void)snprintf(unknown, sizeof unknown, "type%u", (unsigned)number);
    hf_json_string(json, "type", type ? type->name : unknown);
}

static const hf_field_view *view_field(const hf_view *view, uint32_t number)
{
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        if (hf_view_field(view, i)->number == number) return hf_view_field(view, i);
    }
    return NULL;
}

static void json_title(hf_json *json, hf_store *store, const hf_view *view)
{
    const hf_pack *pack = hf_store_pack(store);
    const hf_type *type = hf_pack_type(pack, hf_view_id(view).type);
    const hf_field_view *field = type && type->title ? view_field(view, type->title->number) : NULL;
    if (!field || field->value_count == 0) {
        hf_json_string(json, "title", "");
        return;
    }
    hf_bytes value = field->shown.data ? field->shown : field->values[0].value;
    hf_value_json(json, "title", pack, type->title, value);
}

static hf_status json_scope(hf_json *json, hf_store *store, uint32_t number)
{
    char name[64];
    hf_status status = hf_scope_name(store, number, name, sizeof name);
    if (status == HF_ERR_NOT_FOUND) (void)snprintf(name, sizeof name, "scope%u", (unsigned)number);
    hf_json_string(json, "scope", name);
    return status == HF_ERR_NOT_FOUND ? HF_OK : status;
}

/* The part that lists and single records share. */
hf_status hf_report_heading(hf_json *json, hf_store *store, const hf_view *view)
{
    hf_record_id id = hf_view_id(view);
    json_id(json, "id", store, &id);
    json_type(json, hf_store_pack(store), id.type);
    hf_status status = json_scope(json, store, hf_view_scope(view));
    json_title(json, store, view);
    hf_json_bool(json, "deleted", hf_view_deleted(view));
    hf_json_bool(json, "edited_while_deleted", hf_view_edited_deleted(view));
    return status;
}

/* ---- one record ---- */

static bool is_many(const hf_pack *pack, const hf_field_view *field, uint32_t type)
{
    hf_rule rule = hf_pack_field(pack, type, field->number)->rule;
    return rule == HF_RULE_SET || rule == HF_RULE_APPEND;
}

static hf_status json_field(hf_json *json, hf_store *store, const hf_view *view,
                            const hf_field_view *field)
{
    hf_record_id id = hf_view_id(view);
    const hf_pack *pack = hf_store_pack(store);
    const hf_field *known = hf_pack_field(pack, id.type, field->number);
    hf_json_object(json, NULL);
    json_field_name(json, "field", pack, id.type, field->number);
    hf_json_string(json, "rule", hf_rule_name(known->rule));
    hf_json_bool(json, "conflict", field->conflict);
    hf_json_bool(json, "many", is_many(pack, field, id.type));
    hf_value_json(json, "value", pack, known, field->shown);
    hf_status status = json_values(json, store, &id, field);
    hf_json_end(json);
    return status;
}

/* A record is as safe as the least safe of what stands in it. The reference and the time are those
 * of the newest write among these: by then all of it was there. */
static hf_status json_safe(hf_json *json, hf_store *store, const hf_view *view)
{
    hf_place least = HF_PLACE_HUB, place;
    const hf_value_view *newest = NULL;
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        const hf_field_view *field = hf_view_field(view, i);
        for (size_t j = 0; j < field->value_count; j++) {
            const hf_value_view *value = &field->values[j];
            hf_status status = hf_safe_place(store, &value->dot, &place);
            if (status != HF_OK) return status;
            bool newer = !newest || place < least || (place == least && value->hlc > newest->hlc);
            if (place <= least && newer) newest = value;
            if (place < least) least = place;
        }
    }
    hf_safe safe = {.place = least};
    char reference[HF_SPOKEN_SIZE] = "";
    hf_status status = newest ? hf_safe_find(store, &newest->dot, newest->hlc, &safe) : HF_OK;
    if (status == HF_OK && newest) status = hf_reference_of(store, &newest->dot, reference);
    if (status != HF_OK && status != HF_ERR_NOT_FOUND) return status; /* its body may be gone */
    hf_json_string(json, "saved", hf_place_name(least));
    char station[HF_NAME_SIZE] = "";
    if (least == HF_PLACE_STATION) status = hf_safe_station(store, &newest->dot, station);
    if (*station) hf_json_string(json, "station", station);
    hf_json_time(json, "since", safe.since_ms);
    hf_json_string(json, "reference", reference);
    return status == HF_ERR_NOT_FOUND ? HF_OK : status;
}

hf_status hf_report_record(hf_store *store, const hf_view *view, hf_json *json)
{
    hf_status status = hf_report_heading(json, store, view);
    if (status == HF_OK) status = json_safe(json, store, view);
    hf_json_array(json, "fields");
    for (size_t i = 0; i < hf_view_field_count(view) && status == HF_OK; i++) {
        const hf_field_view *field = hf_view_field(view, i);
        if (field->value_count) status = json_field(json, store, view, field);
    }
    hf_json_end(json);
    return status == HF_OK ? json->out->status : status;
}

/* ---- lists ---- */

static hf_status json_found(hf_json *json, hf_store *store, const hf_buffer *items, size_t limit)
{
    hf_status status = HF_OK;
    size_t count = items->size / sizeof(found_record);
    hf_json_array(json, "records");
    for (size_t i = 0; i < count && i < limit && status == HF_OK; i++) {
        found_record one = found_at(items, i);
        hf_view *view = NULL;
        size_t conflicts = 0;
        status = hf_store_get(store, &one.id, &view);
        if (status != HF_OK) break;
        hf_json_object(json, NULL);
        status = hf_report_heading(json, store, view);
        for (size_t j = 0; j < hf_view_field_count(view); j++) {
            conflicts += hf_view_field(view, j)->conflict;
        }
        hf_json_uint(json, "conflicts", conflicts);
        hf_json_end(json);
        hf_view_free(view);
    }
    hf_json_end(json);
    return status;
}

hf_status hf_report_list(hf_store *store, const hf_report_query *query, hf_json *json)
{
    enum { PAGE = 512 };
    found_list list = {.with_deleted = query->with_deleted};
    size_t limit = query->limit > HF_REPORT_LIST_MAX ? HF_REPORT_LIST_MAX : query->limit;
    hf_record_id last_seen;
    const hf_record_id *after = query->after;
    hf_status status = HF_OK;
    bool more = true;
    /* Pages of everything, deleted ones too, until enough that is shown has come. */
    while (more && status == HF_OK && list.items.size / sizeof(found_record) <= limit) {
        found_list page = {.with_deleted = true};
        status = hf_store_list(store, query->type, after, PAGE, on_record, &page);
        size_t count = page.items.size / sizeof(found_record);
        for (size_t i = 0; i < count && status == HF_OK; i++) {
            found_record one = found_at(&page.items, i);
            last_seen = one.id;
            after = &last_seen;
            status = on_record(&list, &one.id, 0, one.deleted);
        }
        more = count == PAGE;
        hf_buffer_free(&page.items);
    }
    size_t count = list.items.size / sizeof(found_record);
    if (status == HF_OK) status = json_found(json, store, &list.items, limit);
    if (status == HF_OK && count > limit && limit > 0) {
        found_record last = found_at(&list.items, limit - 1);
        json_id(json, "next", store, &last.id);
    } else {
        hf_json_null(json, "next");
    }
    hf_buffer_free(&list.items);
    return status == HF_OK ? json->out->status : status;
}

hf_status hf_report_find(hf_store *store, hf_bytes words, size_t limit, hf_json *json)
{
    found_list list = {.with_deleted = false};
    if (limit > HF_REPORT_LIST_MAX) limit = HF_REPORT_LIST_MAX;
    hf_status status = hf_store_find(store, words, limit, on_record, &list);
    if (status == HF_OK) status = json_found(json, store, &list.items, limit);
    hf_json_bool(json, "complete", hf_store_found_all(store));
    hf_buffer_free(&list.items);
    return status == HF_OK ? json->out->status : status;
}

/* ---- conflicts ---- */

static hf_status on_conflict(void *context, const hf_conflict *conflict)
{
    hf_buffer *items = context;
    hf_write_raw(items, (hf_bytes){(const uint8_t *)conflict, sizeof *conflict});
    return items->status;
}

static hf_status json_conflict(hf_json *json, hf_store *store, const hf_conflict *conflict)
{
    const hf_pack *pack = hf_store_pack(store);
    const hf_field *field = hf_pack_field(pack, conflict->record.type, conflict->field);
    bool is_delete = conflict->field == HF_FIELD_DELETED;
    hf_view *view = NULL;
    hf_status status = hf_store_get(store, &conflict->record, &view);
    if (status != HF_OK) return status;
    hf_json_object(json, NULL);
    json_id(json, "record", store, &conflict->record);
    json_type(json, pack, conflict->record.type);
    status = json_scope(json, store, conflict->scope);
    json_title(json, store, view);
    json_field_name(json, "field", pack, conflict->record.type, conflict->field);
    hf_json_string(json, "rule", is_delete ? "delete" : hf_rule_name(field->rule));
    hf_json_time(json, "since", hf_hlc_wall_ms(conflict->since));
    const hf_field_view *shown = view_field(view, conflict->field);
    if (shown && status == HF_OK) status = json_values(json, store, &conflict->record, shown);
    hf_json_end(json);
    hf_view_free(view);
    return status;
}

hf_status hf_report_conflicts(hf_store *store, size_t limit, hf_json *json)
{
    hf_buffer items = {0};
    hf_status status = hf_store_conflicts(store, on_conflict, &items);
    size_t count = items.size / sizeof(hf_conflict);
    hf_json_array(json, "conflicts");
    for (size_t i = 0; i < count && i < limit && status == HF_OK; i++) {
        hf_conflict one;
        memcpy(&one, items.data + i * sizeof one, sizeof one);
        status = json_conflict(json, store, &one);
    }
    hf_json_end(json);
    hf_json_uint(json, "total", count);
    hf_buffer_free(&items);
    return status == HF_OK ? json->out->status : status;
}

/* ---- history ---- */

typedef struct history_walk {
    hf_store *store;
    hf_json *json;
    const hf_record_id *id;
} history_walk;

static hf_status json_write_safe(hf_json *json, hf_store *store, const hf_value_view *view)
{
    hf_safe safe;
    char reference[HF_SPOKEN_SIZE] = "";
    hf_status status = hf_safe_find(store, &view->dot, view->hlc, &safe);
    if (status == HF_OK) status = hf_reference_of(store, &view->dot, reference);
    if (status != HF_OK) return status;
    hf_json_string(json, "saved", hf_place_name(safe.place));
    hf_json_time(json, "since", safe.since_ms);
    hf_json_string(json, "reference", reference);
    return HF_OK;
}

static hf_status on_history(void *context, const hf_history_item *item)
{
    history_walk *walk = context;
    hf_json *json = walk->json;
    hf_json_object(json, NULL);
    json_field_name(json, "field", hf_store_pack(walk->store), walk->id->type, item->field);
    json_value(json, walk->store, walk->id, item->field, item->view.value);
    json_author(json, &item->view);
    hf_status status = json_write_safe(json, walk->store, &item->view);
    if (status != HF_OK) return status;
    hf_json_bool(json, "live", item->live);
    hf_json_bool(json, "resolution", item->resolution);
    if (item->withheld) {
        hf_json_object(json, "withheld");
        hf_json_uint(json, "code", item->withheld);
        hf_json_string(json, "why", hf_withheld_words(item->withheld));
        hf_json_end(json);
    } else {
        hf_json_null(json, "withheld");
    }
    hf_json_array(json, "overwrites");
    for (size_t i = 0; i < item->overwritten_count; i++) {
        hf_report_dot(json, NULL, &item->overwritten[i]);
    }
    hf_json_end(json);
    hf_json_end(json);
    return json->out->status;
}

hf_status hf_report_history(hf_store *store, const hf_record_id *id, uint32_t field, hf_json *json)
{
    hf_view *view = NULL;
    hf_status status = hf_store_get(store, id, &view);
    if (status != HF_OK) return status;
    status = hf_report_heading(json, store, view);
    hf_json_bool(json, "complete", !hf_view_from_snapshot(view));
    hf_view_free(view);
    history_walk walk = {.store = store, .json = json, .id = id};
    hf_json_array(json, "writes");
    if (status == HF_OK) status = hf_store_history(store, id, field, on_history, &walk);
    hf_json_end(json);
    return status == HF_OK ? json->out->status : status;
}

/* ---- withheld, verify ---- */

static hf_status on_hole(void *context, const hf_hole *hole)
{
    hf_buffer *items = context;
    hf_write_raw(items, (hf_bytes){(const uint8_t *)hole, sizeof *hole});
    return items->status;
}

static hf_status json_hole(hf_json *json, hf_store *store, const hf_hole *hole)
{
    const hf_origin_row *origin = hf_origin_by_id(store, &hole->dot.origin);
    hf_json_object(json, NULL);
    hf_report_dot(json, "at", &hole->dot);
    hf_json_string(json, "device", origin ? origin->name : "");
    hf_status status = json_scope(json, store, hole->scope);
    hf_json_uint(json, "code", hole->reason);
    hf_json_string(json, "why", *hole->text ? hole->text : hf_withheld_words(hole->reason));
    hf_json_bool(json, "held", hole->held);
    hf_json_end(json);
    return status;
}

hf_status hf_report_withheld(hf_store *store, bool own, size_t limit, hf_json *json)
{
    hf_buffer items = {0};
    size_t written = 0;
    hf_status status = hf_hole_each(store, on_hole, &items);
    const uint8_t *own_key = hf_store_own_origin(store)->key_id;
    hf_json_array(json, "withheld");
    for (size_t i = 0; i < items.size / sizeof(hf_hole) && status == HF_OK; i++) {
        hf_hole one;
        memcpy(&one, items.data + i * sizeof one, sizeof one);
        const hf_origin_row *origin = hf_origin_by_id(store, &one.dot.origin);
        bool is_own = origin && memcmp(origin->key_id, own_key, HF_HASH_SIZE) == 0;
        if (own && !is_own) continue;
        if (written++ < limit) status = json_hole(json, store, &one);
    }
    hf_json_end(json);
    hf_buffer_free(&items);
    return status == HF_OK ? json->out->status : status;
}

static hf_status json_digest(void *context, uint32_t scope, const uint8_t digest[HF_HASH_SIZE])
{
    hf_json *json = context;
    hf_json_object(json, NULL);
    hf_json_uint(json, "scope", scope);
    hf_json_hex(json, "digest", (hf_bytes){digest, HF_HASH_SIZE});
    hf_json_end(json);
    return json->out->status;
}

hf_status hf_report_verify(hf_store *store, const hf_verify_report *report, hf_json *json)
{
    hf_json_uint(json, "entries", report->entries);
    hf_json_uint(json, "chains", report->chains);
    hf_json_uint(json, "heads", report->heads);
    hf_json_uint(json, "heads_unproved", report->heads_unproved);
    hf_json_uint(json, "from_snapshot", report->from_snapshot);
    hf_json_uint(json, "receipts", report->receipts);
    hf_json_uint(json, "faults", report->faults);
    hf_json_string(json, "first_fault", report->first_fault);
    hf_json_array(json, "digests");
    /* What is damaged has no state that another could be compared with. */
    hf_status status = report->faults == 0 ? hf_store_digests(store, json_digest, json) : HF_OK;
    hf_json_end(json);
    return status == HF_OK ? json->out->status : status;
}
