/* history.c: every value a field ever had, by whom and when; and the lists of what there is.
 *
 * Told from the entries, which are never changed, not from the record, which is only their fold: so
 * nothing that was ever written can drop out of sight. */
#include "view.h"

#include <stdlib.h>
#include <string.h>

/* ---- history ---- */

typedef struct telling {
    hf_store *store;
    hf_record record; /* as it stands now: what is live */
    uint32_t field;   /* wanted; UINT32_MAX: all */
    hf_history_visitor visit;
    void *context;
} telling;

static bool is_live(const hf_record *record, uint32_t field, const hf_dot *dot)
{
    for (size_t i = 0; i < record->field_count; i++) {
        if (record->fields[i].number != field) continue;
        const hf_cell *cell = &record->fields[i].cell;
        for (size_t j = 0; j < cell->live_count; j++)
            if (hf_dot_compare(&cell->live[j].at.dot, dot) == 0) return true;
    }
    return false;
}

static hf_status tell_op(telling *tell, const hf_entry *entry, const hf_entry_body *body,
                         const hf_op *op)
{
    hf_dot overwritten[HF_OVERWRITTEN_MAX];
    for (size_t i = 0; i < op->cite_count; i++) overwritten[i] = op->cites[i].dot;
    hf_texts texts = {0};
    const hf_origin_row *origin = hf_origin_by_id(tell->store, &entry->dot.origin);
    hf_history_item item = {.field = op->field,
                            .withheld = entry->withheld,
                            .overwritten = overwritten,
                            .overwritten_count = op->cite_count,
                            .resolution = op->cite_count > 1 && op->reason.size > 0};
    item.view = (hf_value_view){.dot = entry->dot,
                                .hlc = body->hlc,
                                .quality = body->quality,
                                .value = op->value,
                                .device = origin ? origin->name : ""};
    item.view.dot.ordinal = op->ordinal;
    item.live = op->value.data && is_live(&tell->record, op->field, &item.view.dot);
    hf_status status =
        hf_texts_add(&texts, (const char *)body->actor.data, body->actor.size, &item.view.actor);
    if (status == HF_OK)
        status =
            hf_texts_add(&texts, (const char *)op->reason.data, op->reason.size, &item.view.reason);
    if (status == HF_OK) status = tell->visit(tell->context, &item);
    hf_texts_free(&texts);
    return status;
}

static hf_status tell_parts(telling *tell, const hf_entry *entry, const hf_entry_body *body)
{
    const hf_record_id *id = &tell->record.id;
    hf_reader parts = hf_reader_open(body->parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        hf_part part;
        hf_status status = hf_part_next(tell->store->crypto, &parts, &part);
        if (status != HF_OK) return status;
        bool ours = !part.erased && part.record.type == id->type &&
                    memcmp(part.record.bytes, id->bytes, HF_RECORD_ID_SIZE) == 0;
        while (ours && part.op_left > 0) {
            hf_op op;
            status = hf_op_next(&part, &entry->dot.origin, entry->dot.lane, &op);
            if (status == HF_OK && (tell->field == UINT32_MAX || tell->field == op.field))
                status = tell_op(tell, entry, body, &op);
            if (status != HF_OK) return status;
        }
    }
    return HF_OK;
}

static hf_status visit_entry(hf_store *store, uint64_t position, hf_entry_visitor visit,
                             void *context)
{
    hf_entry entry;
    int64_t origin_no;
    hf_buffer copy = {0}; /* a visitor may read other entries */
    hf_status status = hf_entry_at(store, position, &entry, &origin_no);
    if (status == HF_OK) hf_write_raw(&copy, entry.body);
    if (status == HF_OK) status = copy.status;
    entry.body = hf_buffer_bytes(&copy);
    if (status == HF_OK) status = visit(context, &entry);
    hf_buffer_free(&copy);
    return status;
}

static hf_status tell_entry(void *context, const hf_entry *entry)
{
    hf_entry_body body;
    hf_status status = hf_entry_parse(entry->body, &body);
    return status == HF_OK ? tell_parts(context, entry, &body) : status;
}

typedef struct place { /* where an entry stands in the story: by its hlc, then as it came */
    hf_hlc hlc;
    uint64_t position;
} place;

static int place_compare(const void *a, const void *b)
{
    const place *left = a, *right = b;
    if (left->hlc != right->hlc) return left->hlc < right->hlc ? -1 : 1;
    return left->position < right->position ? -1 : left->position > right->position;
}

static hf_status places(hf_store *store, int64_t record, place **out, size_t *count)
{
    uint64_t after = 0, positions[64];
    size_t found = 1;
    hf_status status = HF_OK;
    *out = NULL;
    *count = 0;
    while (status == HF_OK && found > 0) {
        status = hf_record_entries(store, record, after, positions, &found);
        if (status != HF_OK || found == 0) break;
        place *more = realloc(*out, (*count + found) * sizeof *more);
        if (!more) return HF_ERR_NOMEM;
        *out = more;
        for (size_t i = 0; i < found && status == HF_OK; i++) {
            hf_entry entry;
            int64_t origin_no;
            status = hf_entry_at(store, positions[i], &entry, &origin_no);
            more[(*count)++] = (place){entry.hlc, positions[i]};
        }
        after = positions[found - 1];
    }
    if (status == HF_OK && *count) qsort(*out, *count, sizeof **out, place_compare);
    return status;
}

hf_status hf_store_story(hf_store *store, const hf_record_id *id, hf_entry_visitor visit,
                         void *context)
{
    hf_record record;
    hf_status status = hf_record_load(store, id, false, &record);
    if (status != HF_OK) return status;
    int64_t no = record.no;
    hf_record_clear(&record);
    if (no == 0)
        return hf_store_say(store, HF_ERR_NOT_FOUND, "There is no such record on this node.");
    place *story;
    size_t count;
    status = places(store, no, &story, &count);
    for (size_t i = 0; i < count && status == HF_OK; i++)
        status = visit_entry(store, story[i].position, visit, context);
    free(story);
    return status;
}

hf_status hf_store_history(hf_store *store, const hf_record_id *id, uint32_t field,
                           hf_history_visitor visit, void *context)
{
    telling tell = {.store = store, .field = field, .visit = visit, .context = context};
    hf_status status = hf_record_load(store, id, true, &tell.record);
    if (status != HF_OK) return status;
    if (tell.record.no == 0)
        return hf_store_say(store, HF_ERR_NOT_FOUND, "There is no such record on this node.");
    place *story;
    size_t count;
    status = places(store, tell.record.no, &story, &count);
    for (size_t i = 0; i < count && status == HF_OK; i++)
        status = visit_entry(store, story[i].position, tell_entry, &tell);
    free(story);
    hf_record_clear(&tell.record);
    return status;
}

/* ---- lists ---- */

typedef struct listed {
    hf_record_id id;
    uint32_t scope, field;
    int shown;
    hf_hlc since;
} listed;

enum { LIST_PAGE = 128 };

/* Reads a page into memory first: a visitor may call back into the store. */
static hf_status page_read(hf_store *store, sqlite3_stmt *statement, listed page[LIST_PAGE],
                           size_t *count)
{
    *count = 0;
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row && *count < LIST_PAGE) {
        listed *item = &page[*count];
        item->id.type = (uint32_t)sqlite3_column_int64(statement, 0);
        status = hf_column_exact(store, statement, 1, item->id.bytes, HF_RECORD_ID_SIZE);
        item->scope = (uint32_t)sqlite3_column_int64(statement, 2);
        item->shown = sqlite3_column_int(statement, 3);
        item->field = (uint32_t)sqlite3_column_int64(statement, 4);
        item->since = (hf_hlc)sqlite3_column_int64(statement, 5);
        (*count)++;
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    return status;
}

hf_status hf_store_list(hf_store *store, uint32_t type, const hf_record_id *after, size_t limit,
                        hf_record_visitor visit, void *context)
{
    listed last = {.id = {.type = type ? type : HF_TYPE_FIRST_PACK}};
    if (after) last.id = *after;
    bool from_start = after == NULL;
    for (;;) {
        listed page[LIST_PAGE];
        size_t count;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_LIST);
        sqlite3_bind_int64(statement, 1, last.id.type);
        hf_bind_bytes(statement, 2, last.id.bytes, from_start ? 0 : HF_RECORD_ID_SIZE);
        sqlite3_bind_int64(statement, 3, type ? type : INT32_MAX);
        sqlite3_bind_int64(statement, 4, type ? type : HF_TYPE_FIRST_PACK);
        hf_status status = page_read(store, statement, page, &count);
        for (size_t i = 0; i < count && status == HF_OK && limit > 0; i++, limit--)
            status = visit(context, &page[i].id, page[i].scope, page[i].shown == HF_SHOWN_DELETED);
        if (status != HF_OK || count < LIST_PAGE || limit == 0) return status;
        last = page[count - 1];
        from_start = false;
    }
}

hf_status hf_store_conflicts(hf_store *store, hf_conflict_visitor visit, void *context)
{
    for (int64_t skip = 0;; skip += LIST_PAGE) {
        listed page[LIST_PAGE];
        size_t count;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_CONFLICTS);
        sqlite3_bind_int64(statement, 1, LIST_PAGE);
        sqlite3_bind_int64(statement, 2, skip);
        hf_status status = page_read(store, statement, page, &count);
        for (size_t i = 0; i < count && status == HF_OK; i++) {
            hf_conflict conflict = {.record = page[i].id,
                                    .scope = page[i].scope,
                                    .field = page[i].field,
                                    .since = page[i].since};
            status = visit(context, &conflict);
        }
        if (status != HF_OK || count < LIST_PAGE) return status;
    }
}

/* ---- in numbers ---- */

static hf_status count_rows(hf_store *store, hf_sql_id sql, uint64_t *out)
{
    sqlite3_stmt *statement = hf_sql(store, sql);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) *out = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return status;
}

hf_status hf_store_waiting(hf_store *store, hf_standing *out)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_WAITING);
    hf_bind_bytes(statement, 1, store->crypto->own_key_id, HF_HASH_SIZE);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) {
        out->own_entries = (uint64_t)sqlite3_column_int64(statement, 0);
        out->waiting = (uint64_t)sqlite3_column_int64(statement, 1);
        out->oldest_waiting_ms = (uint64_t)sqlite3_column_int64(statement, 2) >> 16;
        out->at_station = (uint64_t)sqlite3_column_int64(statement, 3);
    }
    sqlite3_reset(statement);
    return status;
}

hf_status hf_store_standing(hf_store *store, hf_standing *out)
{
    *out = (hf_standing){.position = store->position,
                         .entries = store->position,
                         .pack_version = hf_pack_version(store->pack)};
    if (store->own) out->origin = store->own->id;
    hf_status status = count_rows(store, HF_SQL_R_RECORD_COUNT, &out->records);
    if (status == HF_OK) status = count_rows(store, HF_SQL_R_CONFLICT_COUNT, &out->conflicts);
    if (status == HF_OK) status = count_rows(store, HF_SQL_R_HOLE_COUNT, &out->withheld);
    /* A hub's own words are durable where they are made. */
    return status == HF_OK && !store->is_hub ? hf_store_waiting(store, out) : status;
}
