/* view.c: one record as a person is shown it: each field folded, and who wrote what stands. */
#include "view.h"

#include <stdlib.h>
#include <string.h>

struct hf_view {
    hf_record record; /* what the views below borrow from */
    hf_field_view *fields;
    size_t count;
    char **texts; /* actors, devices, reasons */
    size_t text_count;
};

hf_status hf_texts_add(hf_texts *texts, const char *data, size_t size, const char **out)
{
    *out = "";
    if (size == 0) return HF_OK;
    char **more = realloc(texts->items, (texts->count + 1) * sizeof *more);
    if (!more) return HF_ERR_NOMEM;
    texts->items = more;
    char *copy = malloc(size + 1);
    if (!copy) return HF_ERR_NOMEM;
    memcpy(copy, data, size);
    copy[size] = 0;
    more[texts->count++] = copy;
    *out = copy;
    return HF_OK;
}

void hf_texts_free(hf_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) free(texts->items[i]);
    free(texts->items);
    *texts = (hf_texts){0};
}

/* Finds the op that made this write, for its reason. */
static hf_status find_reason(hf_store *store, const hf_entry_body *body, const hf_dot *dot,
                             const hf_record_id *id, uint32_t field, hf_bytes *reason)
{
    hf_reader parts = hf_reader_open(body->parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        hf_part part;
        hf_op op;
        hf_status status = hf_part_next(store->crypto, &parts, &part);
        if (status != HF_OK) return status;
        bool ours = !part.erased && part.record.type == id->type &&
                    memcmp(part.record.bytes, id->bytes, HF_RECORD_ID_SIZE) == 0;
        while (ours && part.op_left > 0) {
            status = hf_op_next(&part, &dot->origin, dot->lane, &op);
            if (status != HF_OK) return status;
            if (op.field == field && op.ordinal == dot->ordinal) *reason = op.reason;
        }
    }
    return HF_OK;
}

/* Its body is not held: the value stands without a reason; who acted, a snapshot may have told. */
static hf_status describe_told(hf_store *store, const hf_record *record, int64_t log,
                               hf_texts *texts, hf_value_view *view)
{
    hf_buffer name = {0};
    hf_status status = hf_acted_get(store, record->scope, log, view->dot.seq, &name);
    if (status == HF_OK)
        status = hf_texts_add(texts, (const char *)name.data, name.size, &view->actor);
    hf_buffer_free(&name);
    return status;
}

hf_status hf_describe_write(hf_store *store, const hf_record *record, uint32_t field,
                            hf_texts *texts, hf_value_view *view)
{
    view->actor = view->device = view->reason = "";
    const hf_origin_row *origin = hf_origin_by_id(store, &view->dot.origin);
    if (!origin) return HF_OK;
    view->device = origin->name;
    hf_entry entry;
    hf_entry_body body;
    hf_bytes reason = {NULL, 0};
    int64_t log = hf_log_no(origin->no, view->dot.lane);
    hf_status status = hf_entry_by_dot(store, log, view->dot.seq, &entry);
    if (status == HF_ERR_NOT_FOUND) return describe_told(store, record, log, texts, view);
    if (status == HF_OK) status = hf_entry_parse(entry.body, &body);
    if (status == HF_OK)
        status = find_reason(store, &body, &view->dot, &record->id, field, &reason);
    if (status == HF_OK)
        status = hf_texts_add(texts, (const char *)body.actor.data, body.actor.size, &view->actor);
    if (status == HF_OK)
        status = hf_texts_add(texts, (const char *)reason.data, reason.size, &view->reason);
    return status;
}

static hf_status view_field(hf_store *store, hf_view *view, hf_texts *texts,
                            const hf_record_field *from, hf_field_view *out)
{
    const hf_field *field = hf_pack_field(store->pack, view->record.id.type, from->number);
    size_t count = from->cell.live_count;
    size_t *order = malloc(count * sizeof *order);
    hf_value_view *values = calloc(count, sizeof *values);
    out->values = values;
    if (!order || !values) {
        free(order);
        return HF_ERR_NOMEM;
    }
    hf_fold fold;
    hf_fold_live(field, from->cell.live, count, order, &fold);
    *out = (hf_field_view){.number = from->number,
                           .name = from->number == HF_FIELD_DELETED ? "_deleted" : field->name,
                           .shown = fold.value,
                           .conflict = fold.conflict && from->number != HF_FIELD_DELETED,
                           .values = values,
                           .value_count = count};
    if (from->number == HF_FIELD_DELETED) out->conflict = view->record.edited_deleted;
    hf_status status = HF_OK;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        const hf_live *live = &from->cell.live[order[i]];
        values[i] = (hf_value_view){
            .dot = live->at.dot, .hlc = live->hlc, .quality = live->quality, .value = live->value};
        status = hf_describe_write(store, &view->record, from->number, texts, &values[i]);
    }
    free(order);
    return status;
}

void hf_view_free(hf_view *view)
{
    if (!view) return;
    for (size_t i = 0; i < view->count; i++) free((void *)view->fields[i].values);
    free(view->fields);
    hf_texts texts = {view->texts, view->text_count};
    hf_texts_free(&texts);
    hf_record_clear(&view->record);
    free(view);
}

hf_status hf_store_get(hf_store *store, const hf_record_id *id, hf_view **out)
{
    *out = NULL;
    hf_view *view = calloc(1, sizeof *view);
    if (!view) return hf_store_say(store, HF_ERR_NOMEM, "Out of memory. What was saved is safe.");
    hf_status status = hf_record_load(store, id, true, &view->record);
    size_t live = 0;
    for (size_t i = 0; i < view->record.field_count && status == HF_OK; i++)
        if (view->record.fields[i].cell.live_count) live++;
    /* One whose every write is withheld is held all the same: its history says what happened. */
    if (status == HF_OK && view->record.no == 0)
        status = hf_store_say(store, HF_ERR_NOT_FOUND, "There is no such record on this node.");
    if (status == HF_OK) view->fields = calloc(live + 1, sizeof *view->fields);
    if (status == HF_OK && !view->fields) status = HF_ERR_NOMEM;
    hf_texts texts = {0};
    for (size_t i = 0; i < view->record.field_count && status == HF_OK; i++) {
        const hf_record_field *field = &view->record.fields[i];
        if (field->cell.live_count == 0) continue;
        status = view_field(store, view, &texts, field, &view->fields[view->count++]);
    }
    view->texts = texts.items;
    view->text_count = texts.count;
    if (status == HF_OK)
        *out = view;
    else
        hf_view_free(view);
    return status;
}

hf_record_id hf_view_id(const hf_view *view)
{
    return view->record.id;
}

uint32_t hf_view_scope(const hf_view *view)
{
    return view->record.scope;
}

bool hf_view_deleted(const hf_view *view)
{
    return view->record.deleted;
}

bool hf_view_edited_deleted(const hf_view *view)
{
    return view->record.edited_deleted;
}

bool hf_view_from_snapshot(const hf_view *view)
{
    return view->record.basis != HF_BASIS_NONE;
}

size_t hf_view_field_count(const hf_view *view)
{
    return view->count;
}

const hf_field_view *hf_view_field(const hf_view *view, size_t index)
{
    return index < view->count ? &view->fields[index] : NULL;
}
