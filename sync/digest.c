/* digest.c: one scope's whole state as 32 bytes: protocol.md 7.
 *
 * Two replicas with equal digests hold the same live writes, vectors and holes. Folds are left
 * out: they follow from the live writes, and differ while nodes have different packs. */
#include "store_core.h"

#include <stdlib.h>
#include <string.h>

typedef struct digesting {
    hf_store *store;
    uint32_t scope;
    uint8_t *digest;
    hf_buffer item;
} digesting;

/* digest = H(0c || digest || item), and the item is done with. */
static hf_status add_item(digesting *d)
{
    static const uint8_t tag = 0x0c;
    hf_bytes pieces[] = {{&tag, 1}, {d->digest, HF_HASH_SIZE}, hf_buffer_bytes(&d->item)};
    hf_status status = d->item.status;
    const hf_crypto *crypto = d->store->crypto;
    if (status == HF_OK) crypto->hash(crypto->context, pieces, 3, d->digest);
    hf_buffer_clear(&d->item);
    return status;
}

static void write_dot(hf_buffer *out, const hf_dot *dot)
{
    hf_write_bytes(out, dot->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(out, dot->lane);
    hf_write_uint(out, dot->seq);
}

/* ---- records ---- */

static void write_record(hf_buffer *out, const hf_record *record, size_t live_fields)
{
    hf_write_array(out, 3);
    hf_write_uint(out, record->id.type);
    hf_write_bytes(out, record->id.bytes, HF_RECORD_ID_SIZE);
    hf_write_array(out, live_fields);
    for (size_t i = 0; i < record->field_count; i++) {
        const hf_cell *cell = &record->fields[i].cell;
        if (cell->live_count == 0) continue;
        hf_write_array(out, 2);
        hf_write_uint(out, record->fields[i].number);
        hf_write_array(out, cell->live_count);
        for (size_t j = 0; j < cell->live_count; j++) { /* a cell keeps them ascending by dot */
            const hf_live *live = &cell->live[j];
            hf_write_array(out, 5);
            write_dot(out, &live->at.dot);
            hf_write_uint(out, live->at.dot.ordinal);
            hf_write_raw(out, live->value);
        }
    }
}

static hf_status add_record(digesting *d, int64_t no, hf_record_id *id)
{
    hf_record record;
    hf_status status = hf_record_load_no(d->store, no, true, &record);
    if (status != HF_OK) return status;
    *id = record.id;
    size_t live_fields = 0;
    for (size_t i = 0; i < record.field_count; i++)
        if (record.fields[i].cell.live_count) live_fields++;
    if (live_fields) {
        write_record(&d->item, &record, live_fields);
        status = add_item(d);
    }
    hf_record_clear(&record);
    return status;
}

static hf_status add_records(digesting *d)
{
    enum { PAGE = 64 };
    hf_record_id last = {0};
    for (;;) {
        int64_t page[PAGE];
        size_t count = 0;
        sqlite3_stmt *statement = hf_sql(d->store, HF_SQL_R_SCOPE_RECORDS);
        sqlite3_bind_int64(statement, 1, d->scope);
        sqlite3_bind_int64(statement, 2, last.type);
        hf_bind_bytes(statement, 3, last.bytes, HF_RECORD_ID_SIZE);
        bool row;
        hf_status status = hf_sql_row(d->store, statement, &row);
        while (status == HF_OK && row && count < PAGE) {
            page[count++] = sqlite3_column_int64(statement, 0);
            status = hf_sql_row(d->store, statement, &row);
        }
        if (statement) sqlite3_reset(statement);
        for (size_t i = 0; i < count && status == HF_OK; i++)
            status = add_record(d, page[i], &last);
        if (status != HF_OK || count < PAGE) return status;
    }
}

/* ---- vector and holes ---- */

static hf_status on_vector(void *context, const hf_vector_item *vector)
{
    digesting *d = context;
    if (vector->seq == 0) return HF_OK;
    hf_dot dot = {.origin = vector->origin, .lane = vector->lane, .seq = vector->seq};
    hf_write_array(&d->item, 3);
    write_dot(&d->item, &dot);
    return add_item(d);
}

typedef struct hole_list {
    uint32_t scope;
    hf_hole *items;
    size_t count, capacity;
} hole_list;

static hf_status on_hole(void *context, const hf_hole *hole)
{
    hole_list *list = context;
    if (hole->scope != list->scope) return HF_OK;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        hf_hole *items = realloc(list->items, capacity * sizeof *items);
        if (!items) return HF_ERR_NOMEM;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = *hole;
    return HF_OK;
}

static int hole_compare(const void *a, const void *b)
{
    const hf_hole *left = a, *right = b;
    return hf_dot_compare(&left->dot, &right->dot);
}

static hf_status add_holes(digesting *d)
{
    hole_list list = {.scope = d->scope};
    hf_status status = hf_hole_each(d->store, on_hole, &list);
    /* The store lists them by its own small numbers, which no other replica shares. */
    if (list.count) qsort(list.items, list.count, sizeof *list.items, hole_compare);
    for (size_t i = 0; i < list.count && status == HF_OK; i++) {
        hf_write_array(&d->item, 4);
        write_dot(&d->item, &list.items[i].dot);
        hf_write_uint(&d->item, list.items[i].reason);
        status = add_item(d);
    }
    free(list.items);
    return status;
}

hf_status hf_store_digest(hf_store *store, uint32_t scope, uint8_t out[HF_HASH_SIZE])
{
    digesting d = {.store = store, .scope = scope, .digest = out};
    memset(out, 0, HF_HASH_SIZE);
    hf_status status = add_records(&d);
    if (status == HF_OK) status = hf_vector_read(store, scope, NULL, 0, UINT32_MAX, on_vector, &d);
    if (status == HF_OK) status = add_holes(&d);
    hf_buffer_free(&d.item);
    return status;
}

static hf_status next_scope(hf_store *store, int64_t after, int64_t *scope)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_SCOPE_AFTER);
    sqlite3_bind_int64(statement, 1, after);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    bool found = status == HF_OK && row && sqlite3_column_type(statement, 0) != SQLITE_NULL;
    *scope = found ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_reset(statement);
    return status;
}

hf_status hf_store_digests(hf_store *store, hf_digest_visitor visit, void *context)
{
    int64_t scope;
    hf_status status = next_scope(store, -1, &scope);
    while (status == HF_OK && scope >= 0) {
        uint8_t digest[HF_HASH_SIZE];
        status = hf_store_digest(store, (uint32_t)scope, digest);
        if (status == HF_OK) status = visit(context, (uint32_t)scope, digest);
        if (status == HF_OK) status = next_scope(store, scope, &scope);
    }
    return status;
}
