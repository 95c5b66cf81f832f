/* chunk.c: writes records as a snapshot has them: protocol.md 4, "Snapshots".
 *
 * Why a form of its own: a record's row goes by this store's small numbers, which no other replica
 * shares; and deflate makes more of like beside like: ids, prefixes and the values of each field
 * stand together here. The same state gives the same bytes wherever it is written, so a chunk is
 * known by its hash. */
#include "store_core.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { DOTS_LOOKED_BACK = 4 };

/* ---- the logs that the chunk's dots are of ---- */

static hf_chunk_log *slot_of(const hf_chunk *chunk, int64_t log)
{
    size_t mask = chunk->table_size - 1;
    size_t at = (size_t)((uint64_t)log * 0x9e3779b97f4a7c15u >> 32) & mask;
    while (chunk->table[at].log && chunk->table[at].log != log) at = (at + 1) & mask;
    return &chunk->table[at];
}

static hf_status table_grow(hf_chunk *chunk)
{
    if ((chunk->log_count + 1) * 2 <= chunk->table_size) return HF_OK;
    size_t size = chunk->table_size ? chunk->table_size * 2 : 16;
    hf_chunk_log *former = chunk->table, *table = calloc(size, sizeof *table);
    if (!table) return HF_ERR_NOMEM;
    size_t former_size = chunk->table_size;
    chunk->table = table;
    chunk->table_size = size;
    for (size_t i = 0; i < former_size; i++)
        if (former[i].log) *slot_of(chunk, former[i].log) = former[i];
    free(former);
    return HF_OK;
}

static hf_status log_of(hf_store *store, hf_chunk *chunk, const hf_dot *dot, hf_chunk_log **out)
{
    const hf_origin_row *origin = hf_origin_by_id(store, &dot->origin);
    if (!origin) return hf_store_damaged(store, "a record names an unknown installation");
    hf_status status = table_grow(chunk);
    if (status != HF_OK) return status;
    int64_t log = hf_log_no(origin->no, dot->lane);
    *out = slot_of(chunk, log);
    if ((*out)->log == log) return HF_OK;
    **out = (hf_chunk_log){.log = log, .index = (uint32_t)chunk->log_count++};
    hf_write_array(&chunk->logs, 2);
    hf_write_bytes(&chunk->logs, dot->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&chunk->logs, dot->lane);
    return HF_OK;
}

/* ---- values, field by field ---- */

static int column_compare(const hf_chunk_column *column, uint32_t type, uint32_t field)
{
    if (column->type != type) return column->type < type ? -1 : 1;
    return column->field < field ? -1 : column->field > field;
}

static hf_status column_insert(hf_chunk *chunk, size_t at, uint32_t type, uint32_t field)
{
    if (chunk->column_count == chunk->column_capacity) {
        size_t capacity = chunk->column_capacity ? chunk->column_capacity * 2 : 32;
        hf_chunk_column *columns = realloc(chunk->columns, capacity * sizeof *columns);
        if (!columns) return HF_ERR_NOMEM;
        chunk->columns = columns;
        chunk->column_capacity = capacity;
    }
    memmove(&chunk->columns[at + 1], &chunk->columns[at],
            (chunk->column_count - at) * sizeof *chunk->columns);
    chunk->columns[at] = (hf_chunk_column){.type = type, .field = field};
    chunk->column_count++;
    return HF_OK;
}

/* Fields ascend in a record: the next value's column is mostly the next one. */
static hf_status add_value(hf_chunk *chunk, uint32_t type, uint32_t field, hf_bytes value)
{
    size_t at = chunk->column_at;
    if (at >= chunk->column_count || column_compare(&chunk->columns[at], type, field) > 0) at = 0;
    while (at < chunk->column_count && column_compare(&chunk->columns[at], type, field) < 0) at++;
    if (at == chunk->column_count || column_compare(&chunk->columns[at], type, field) > 0) {
        hf_status status = column_insert(chunk, at, type, field);
        if (status != HF_OK) return status;
    }
    chunk->column_at = at;
    chunk->values_size += value.size;
    hf_write_raw(&chunk->columns[at].values, value);
    return chunk->columns[at].values.status;
}

static void write_columns(hf_chunk *chunk, hf_buffer *raw)
{
    size_t used = 0;
    for (size_t i = 0; i < chunk->column_count; i++)
        if (chunk->columns[i].values.size) used++;
    hf_write_array(raw, used * HF_CHUNK_COLUMN_ITEMS);
    for (size_t i = 0; i < chunk->column_count; i++) {
        hf_chunk_column *column = &chunk->columns[i];
        if (column->values.size == 0) continue;
        hf_write_uint(raw, column->type);
        hf_write_uint(raw, column->field);
        hf_write_bytes(raw, column->values.data, column->values.size);
        hf_buffer_clear(&column->values);
    }
    chunk->values_size = 0;
}

/* ---- one record ---- */

typedef struct dot_list { /* the entries that this record's writes are of */
    hf_cite last[DOTS_LOOKED_BACK];
    size_t count;
} dot_list;

/* The number of the officer who made the entry, in the chunk's list; 0: not known. */
static hf_status actor_number(hf_store *store, hf_chunk *chunk, const hf_chunk_log *log,
                              uint64_t seq, uint32_t *number)
{
    *number = 0;
    hf_status status = hf_actor_of(store, chunk->scope, log->log, seq, &chunk->actor);
    if (status != HF_OK || chunk->actor.size == 0) return status;
    return hf_names_add(&chunk->actors, store->crypto, hf_buffer_bytes(&chunk->actor), number);
}

/* The index of the write's entry in the record's list, where it is put if it is not near its end.
 */
static hf_status dot_index(hf_store *store, hf_chunk *chunk, dot_list *list, const hf_cite *at,
                           const hf_live *live, size_t *index)
{
    size_t back = list->count < DOTS_LOOKED_BACK ? list->count : DOTS_LOOKED_BACK;
    for (size_t i = 1; i <= back; i++) {
        const hf_cite *other = &list->last[(list->count - i) % DOTS_LOOKED_BACK];
        *index = list->count - i;
        if (other->dot.seq == at->dot.seq && other->dot.lane == at->dot.lane &&
            hf_origin_equal(&other->dot.origin, &at->dot.origin) &&
            memcmp(other->prefix, at->prefix, HF_PREFIX_SIZE) == 0)
            return HF_OK;
    }
    hf_chunk_log *log = NULL;
    uint32_t actor = 0;
    hf_status status = log_of(store, chunk, &at->dot, &log);
    if (status == HF_OK && live && !chunk->anonymous)
        status = actor_number(store, chunk, log, at->dot.seq, &actor);
    if (status != HF_OK) return status;
    hf_hlc hlc = live ? live->hlc : chunk->hlc;
    hf_write_uint(&chunk->dots, log->index);
    hf_write_int(&chunk->dots, (int64_t)(at->dot.seq - log->seq));
    hf_write_int(&chunk->dots, (int64_t)(hlc - chunk->hlc));
    hf_write_uint(&chunk->dots, live ? live->quality : 0);
    hf_write_uint(&chunk->dots, actor);
    hf_write_raw(&chunk->prefixes, (hf_bytes){at->prefix, HF_PREFIX_SIZE});
    log->seq = at->dot.seq;
    chunk->hlc = hlc;
    *index = list->count;
    list->last[list->count++ % DOTS_LOOKED_BACK] = *at;
    return HF_OK;
}

static size_t written(const hf_chunk *chunk)
{
    return chunk->logs.size + chunk->actors.texts.size + chunk->ids.size + chunk->prefixes.size +
           chunk->records.size + chunk->dots.size + chunk->fields.size + chunk->values_size;
}

/* A field of one write, its entry the first of the record's, is its number alone. */
static bool is_plain(const hf_cell *cell, size_t index)
{
    return cell->live_count == 1 && cell->pending_count == 0 && index == 0 &&
           cell->live[0].at.dot.ordinal == 0;
}

static hf_status add_plain(hf_store *store, hf_chunk *chunk, dot_list *list, uint32_t type,
                           const hf_record_field *field, bool *plain)
{
    size_t index = 1;
    const hf_cell *cell = &field->cell;
    *plain = false;
    if (cell->live_count != 1 || cell->pending_count > 0) return HF_OK;
    if (list->count > DOTS_LOOKED_BACK) return HF_OK; /* the first is out of sight */
    hf_status status = dot_index(store, chunk, list, &cell->live[0].at, &cell->live[0], &index);
    if (status != HF_OK || !is_plain(cell, index)) return status;
    *plain = true;
    hf_write_uint(&chunk->fields, field->number);
    return add_value(chunk, type, field->number, cell->live[0].value);
}

/* Live writes from place->live on, as far as they fit; and, with the first of them, what is
 * pending. */
static hf_status add_field(hf_store *store, hf_chunk *chunk, dot_list *list,
                           const hf_record *record, size_t size, hf_chunk_place *place)
{
    const hf_record_field *field = &record->fields[place->field];
    const hf_cell *cell = &field->cell;
    size_t first = place->live, count = cell->live_count - first, index, taken = 0;
    size_t pending = first == 0 ? cell->pending_count : 0;
    hf_buffer live = {0};
    hf_status status = HF_OK;
    for (; taken < count && status == HF_OK; taken++) {
        const hf_live *write = &cell->live[first + taken];
        if (taken > 0 && written(chunk) + live.size >= size) break;
        status = dot_index(store, chunk, list, &write->at, write, &index);
        hf_write_uint(&live, index);
        hf_write_uint(&live, write->at.dot.ordinal);
        if (status == HF_OK)
            status = add_value(chunk, record->id.type, field->number, write->value);
    }
    hf_write_int(&chunk->fields, -1 - (int64_t)field->number);
    hf_write_array(&chunk->fields, taken * 2);
    hf_write_raw(&chunk->fields, hf_buffer_bytes(&live));
    hf_write_array(&chunk->fields, pending * 2);
    for (size_t i = 0; i < pending && status == HF_OK; i++) {
        status = dot_index(store, chunk, list, &cell->pending[i], NULL, &index);
        hf_write_uint(&chunk->fields, index);
        hf_write_uint(&chunk->fields, cell->pending[i].dot.ordinal);
    }
    if (status == HF_OK) status = live.status;
    hf_buffer_free(&live);
    place->live = first + taken;
    return status;
}

static hf_status add_fields(hf_store *store, hf_chunk *chunk, const hf_record *record, size_t size,
                            dot_list *list, hf_chunk_place *place, size_t *items)
{
    for (size_t begun = 0; place->field < record->field_count; begun++) {
        const hf_record_field *field = &record->fields[place->field];
        bool plain = false;
        if (begun > 0 && written(chunk) >= size) return HF_OK;
        hf_status status = HF_OK;
        if (field->cell.live_count + field->cell.pending_count > 0) {
            if (place->live == 0)
                status = add_plain(store, chunk, list, record->id.type, field, &plain);
            if (status == HF_OK && !plain)
                status = add_field(store, chunk, list, record, size, place);
            *items += plain ? 1 : 3;
        }
        if (status != HF_OK) return status;
        if (!plain && place->live < field->cell.live_count) return HF_OK;
        place->field++;
        place->live = 0;
    }
    place->done = true;
    return HF_OK;
}

hf_status hf_chunk_add(hf_store *store, hf_chunk *chunk, const hf_record *record, size_t size,
                       hf_chunk_place *place)
{
    dot_list list = {.count = 0};
    size_t items = 0;
    hf_buffer_clear(&chunk->dots);
    hf_buffer_clear(&chunk->fields);
    chunk->scope = record->scope;
    hf_status status = add_fields(store, chunk, record, size, &list, place, &items);
    if (status != HF_OK || items == 0) return status;
    hf_write_raw(&chunk->ids, (hf_bytes){record->id.bytes, HF_RECORD_ID_SIZE});
    hf_write_array(&chunk->records, 3);
    hf_write_uint(&chunk->records, record->id.type);
    hf_write_array(&chunk->records, list.count * HF_CHUNK_DOT_ITEMS);
    hf_write_raw(&chunk->records, hf_buffer_bytes(&chunk->dots));
    hf_write_array(&chunk->records, items);
    hf_write_raw(&chunk->records, hf_buffer_bytes(&chunk->fields));
    chunk->record_count++;
    hf_buffer_clear(&chunk->dots);
    hf_buffer_clear(&chunk->fields);
    chunk->size = written(chunk);
    const hf_buffer *all[] = {&chunk->logs,    &chunk->ids,  &chunk->prefixes,
                              &chunk->records, &chunk->dots, &chunk->fields};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->status != HF_OK) return all[i]->status;
    return HF_OK;
}

void hf_chunk_end(hf_chunk *chunk, hf_buffer *raw)
{
    hf_write_array(raw, HF_CHUNK_ITEMS);
    hf_write_uint(raw, HF_CHUNK_RECORDS);
    hf_write_uint(raw, chunk->scope);
    hf_write_array(raw, chunk->log_count);
    hf_write_raw(raw, hf_buffer_bytes(&chunk->logs));
    hf_write_array(raw, chunk->actors.count);
    hf_write_raw(raw, hf_buffer_bytes(&chunk->actors.texts));
    hf_write_bytes(raw, chunk->ids.data, chunk->ids.size);
    hf_write_bytes(raw, chunk->prefixes.data, chunk->prefixes.size);
    write_columns(chunk, raw);
    hf_write_array(raw, chunk->record_count);
    hf_write_raw(raw, hf_buffer_bytes(&chunk->records));
    hf_buffer_clear(&chunk->logs);
    hf_names_clear(&chunk->actors);
    hf_buffer_clear(&chunk->ids);
    hf_buffer_clear(&chunk->prefixes);
    hf_buffer_clear(&chunk->records);
    if (chunk->table_size) memset(chunk->table, 0, chunk->table_size * sizeof *chunk->table);
    chunk->log_count = chunk->record_count = chunk->size = 0;
    chunk->hlc = 0;
}

void hf_chunk_free(hf_chunk *chunk)
{
    hf_buffer_free(&chunk->logs);
    hf_buffer_free(&chunk->ids);
    hf_buffer_free(&chunk->prefixes);
    hf_buffer_free(&chunk->records);
    hf_buffer_free(&chunk->dots);
    hf_buffer_free(&chunk->fields);
    hf_buffer_free(&chunk->actor);
    hf_names_free(&chunk->actors);
    for (size_t i = 0; i < chunk->column_count; i++) hf_buffer_free(&chunk->columns[i].values);
    free(chunk->columns);
    free(chunk->table);
    *chunk = (hf_chunk){0};
}

hf_status hf_chunk_of_record(hf_store *store, const hf_record *record, hf_buffer *raw)
{
    hf_chunk chunk = {.scope = record->scope, .anonymous = true};
    hf_chunk_place place = {.field = 0};
    hf_status status = hf_chunk_add(store, &chunk, record, SIZE_MAX, &place);
    assert(status != HF_OK || place.done); /* there is no size at which it would stop */
    if (status == HF_OK) hf_chunk_end(&chunk, raw);
    hf_chunk_free(&chunk);
    return status == HF_OK ? raw->status : status;
}
