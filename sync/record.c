/* record.c: a record's row: its live writes as one blob, its large fields as rows.
 *
 * Why one blob: a row per field would cost fifteen inserts a record. Why rows for append fields and
 * large sets: a custody log of 500 lines must not be rewritten for each line. The blob's layout is
 * this store's own business; what replicas agree on are entries and digests. */
#include "store_core.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void hf_record_clear(hf_record *record)
{
    for (size_t i = 0; i < record->field_count; i++) hf_cell_free(&record->fields[i].cell);
    free(record->fields);
    for (size_t i = 0; i < record->kept_count; i++) free(record->kept[i]);
    free(record->kept);
    hf_buffer_free(&record->blob);
    memset(record, 0, sizeof *record);
}

hf_status hf_record_field_at(hf_record *record, uint32_t number, hf_record_field **out)
{
    size_t at = 0;
    while (at < record->field_count && record->fields[at].number < number) at++;
    if (at < record->field_count && record->fields[at].number == number) {
        *out = &record->fields[at];
        return HF_OK;
    }
    if (record->field_count == record->field_capacity) {
        size_t capacity = record->field_capacity ? record->field_capacity * 2 : 16;
        hf_record_field *fields = realloc(record->fields, capacity * sizeof *fields);
        if (!fields) return HF_ERR_NOMEM;
        record->fields = fields;
        record->field_capacity = capacity;
    }
    memmove(&record->fields[at + 1], &record->fields[at],
            (record->field_count - at) * sizeof *record->fields);
    record->field_count++;
    record->fields[at] = (hf_record_field){.number = number};
    *out = &record->fields[at];
    return HF_OK;
}

/* ---- the blob: a sequence of CBOR items; counts stand before what they count ---- */

static void read_dot(hf_store *store, hf_reader *reader, hf_cite *at)
{
    int64_t log = (int64_t)hf_read_uint_max(reader, INT64_MAX);
    const hf_origin_row *origin = hf_origin_by_no(store, log / 8);
    if (!origin) hf_reader_fail(reader, HF_ERR_CORRUPT);
    at->dot.seq = hf_read_uint(reader);
    at->dot.ordinal = (uint32_t)hf_read_uint(reader);
    hf_read_bytes_exact(reader, at->prefix, HF_PREFIX_SIZE);
    if (!origin) return;
    at->dot.origin = origin->id;
    at->dot.lane = (uint8_t)(log % 8);
}

static hf_status read_cell(hf_store *store, hf_reader *reader, hf_cell *cell)
{
    size_t count = hf_read_uint_max(reader, SIZE_MAX / sizeof *cell->live);
    if (count > (size_t)(reader->end - reader->at)) hf_reader_fail(reader, HF_ERR_CORRUPT);
    if (reader->status != HF_OK) return reader->status;
    cell->live = count ? calloc(count, sizeof *cell->live) : NULL;
    if (count && !cell->live) return HF_ERR_NOMEM;
    cell->live_capacity = count;
    for (size_t i = 0; i < count && reader->status == HF_OK; i++) {
        hf_live *live = &cell->live[cell->live_count++];
        read_dot(store, reader, &live->at);
        live->hlc = hf_read_uint(reader);
        live->quality = (uint8_t)hf_read_uint(reader);
        live->value = hf_read_item(reader);
    }
    count = hf_read_uint_max(reader, SIZE_MAX / sizeof *cell->pending);
    if (count > (size_t)(reader->end - reader->at)) hf_reader_fail(reader, HF_ERR_CORRUPT);
    if (reader->status != HF_OK) return reader->status;
    cell->pending = count ? calloc(count, sizeof *cell->pending) : NULL;
    if (count && !cell->pending) return HF_ERR_NOMEM;
    cell->pending_capacity = count;
    for (size_t i = 0; i < count && reader->status == HF_OK; i++)
        read_dot(store, reader, &cell->pending[cell->pending_count++]);
    return reader->status;
}

static hf_status read_state(hf_store *store, hf_record *record, hf_bytes sealed)
{
    hf_bytes content;
    hf_write_raw(&record->blob, sealed);
    hf_status status = record->blob.status;
    if (status == HF_OK) status = hf_unseal(store, hf_buffer_bytes(&record->blob), &content);
    if (status != HF_OK) return status;
    hf_reader reader = hf_reader_open(content);
    size_t count = hf_read_uint(&reader);
    for (size_t i = 0; i < count && reader.status == HF_OK; i++) {
        hf_record_field *field;
        status = hf_record_field_at(record, (uint32_t)hf_read_uint(&reader), &field);
        if (status != HF_OK) return status;
        field->rows = hf_read_bool(&reader);
        status = read_cell(store, &reader, &field->cell);
        if (status == HF_ERR_NOMEM) return status;
    }
    if (hf_reader_end(&reader) == HF_OK) return HF_OK;
    store->damaged = true;
    return hf_store_say(store, HF_ERR_CORRUPT,
                        "A record in %s does not read back. Nothing more is "
                        "written; what a hub acknowledged is safe there.",
                        store->path);
}

/* ---- element rows ---- */

/* A row's checksum, behind its value, is over all of the row: whose element it is and of which
 * field must be as true as what it says. So the rest of the row is put in front of the value here.
 */
static void element_begin(hf_buffer *row, int64_t record, uint32_t field, int64_t log,
                          const hf_live *live)
{
    const uint64_t numbers[] = {
        (uint64_t)record,     field,        live->hlc, (uint64_t)log, live->at.dot.seq,
        live->at.dot.ordinal, live->quality};
    hf_write_raw(row, (hf_bytes){(const uint8_t *)numbers, sizeof numbers});
    hf_write_raw(row, (hf_bytes){live->at.prefix, HF_PREFIX_SIZE});
}

/* A copy of the value, as long as the record is. */
static hf_status element_value(hf_store *store, hf_record *record, const hf_record_field *field,
                               int64_t log, hf_bytes sealed, hf_live *live)
{
    hf_buffer row = {0};
    hf_bytes content;
    if (sealed.size < HF_SUM_SIZE) return hf_store_damaged(store, "an element is too short");
    element_begin(&row, record->no, field->number, log, live);
    size_t before = row.size;
    hf_write_raw(&row, sealed);
    uint8_t **kept = realloc(record->kept, (record->kept_count + 1) * sizeof *kept);
    if (kept) record->kept = kept;
    hf_status status = kept ? row.status : HF_ERR_NOMEM;
    if (status == HF_OK) status = hf_unseal(store, hf_buffer_bytes(&row), &content);
    if (status != HF_OK) {
        hf_buffer_free(&row);
        return status;
    }
    kept[record->kept_count++] = row.data;
    live->value = (hf_bytes){row.data + before, content.size - before};
    return HF_OK;
}

static hf_status element_read(hf_store *store, hf_record *record, const hf_record_field *field,
                              sqlite3_stmt *statement, hf_live *live)
{
    int64_t log = sqlite3_column_int64(statement, 1);
    const hf_origin_row *origin = hf_origin_by_no(store, log / 8);
    if (!origin) return HF_ERR_CORRUPT;
    *live = (hf_live){.hlc = (hf_hlc)sqlite3_column_int64(statement, 0),
                      .quality = (uint8_t)sqlite3_column_int(statement, 4)};
    live->at.dot = (hf_dot){.origin = origin->id,
                            .lane = (uint8_t)(log % 8),
                            .seq = (uint64_t)sqlite3_column_int64(statement, 2),
                            .ordinal = (uint32_t)sqlite3_column_int64(statement, 3)};
    hf_status status = hf_column_exact(store, statement, 5, live->at.prefix, HF_PREFIX_SIZE);
    if (status != HF_OK) return status;
    return element_value(store, record, field, log, hf_column_bytes(statement, 6), live);
}

hf_status hf_elements_load(hf_store *store, hf_record *record, hf_record_field *field)
{
    if (field->loaded) return HF_OK;
    field->loaded = true;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ELEMENTS);
    sqlite3_bind_int64(statement, 1, record->no);
    sqlite3_bind_int64(statement, 2, field->number);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_live live;
        status = element_read(store, record, field, statement, &live);
        if (status == HF_OK)
            status = hf_cell_merge(&field->cell, &(hf_write){.write = live}, NULL, NULL);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    return status;
}

static hf_status element_write(hf_store *store, int64_t record, uint32_t field, const hf_live *live)
{
    const hf_origin_row *origin = hf_origin_by_id(store, &live->at.dot.origin);
    assert(origin); /* a live write's origin was met when it was applied */
    int64_t log = hf_log_no(origin->no, live->at.dot.lane);
    hf_buffer row = {0};
    element_begin(&row, record, field, log, live);
    size_t before = row.size;
    hf_write_raw(&row, live->value);
    hf_seal(&row);
    hf_status status = row.status;
    if (status == HF_OK) {
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_ELEMENT_ADD);
        sqlite3_bind_int64(statement, 1, record);
        sqlite3_bind_int64(statement, 2, field);
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)live->hlc);
        sqlite3_bind_int64(statement, 4, log);
        sqlite3_bind_int64(statement, 5, (sqlite3_int64)live->at.dot.seq);
        sqlite3_bind_int64(statement, 6, live->at.dot.ordinal);
        sqlite3_bind_int64(statement, 7, live->quality);
        hf_bind_bytes(statement, 8, live->at.prefix, HF_PREFIX_SIZE);
        hf_bind_bytes(statement, 9, row.data + before, row.size - before);
        status = hf_sql_run(store, statement);
    }
    hf_buffer_free(&row);
    return status;
}

hf_status hf_element_delete(hf_store *store, int64_t record, uint32_t field, const hf_cite *cite,
                            bool *was_live)
{
    *was_live = false;
    const hf_origin_row *origin = hf_origin_by_id(store, &cite->dot.origin);
    if (!origin) return HF_OK;
    hf_sql_id steps[] = {HF_SQL_ELEMENT_GET, HF_SQL_ELEMENT_DELETE};
    for (int i = 0; i < 2; i++) {
        sqlite3_stmt *statement = hf_sql(store, steps[i]);
        sqlite3_bind_int64(statement, 1, record);
        sqlite3_bind_int64(statement, 2, field);
        sqlite3_bind_int64(statement, 3, hf_log_no(origin->no, cite->dot.lane));
        sqlite3_bind_int64(statement, 4, (sqlite3_int64)cite->dot.seq);
        sqlite3_bind_int64(statement, 5, cite->dot.ordinal);
        bool row;
        hf_status status = hf_sql_row(store, statement, &row);
        if (status == HF_OK && i == 0 && row) {
            hf_bytes prefix = hf_column_bytes(statement, 0);
            *was_live = prefix.size == HF_PREFIX_SIZE &&
                        memcmp(prefix.data, cite->prefix, HF_PREFIX_SIZE) == 0;
        }
        sqlite3_reset(statement);
        if (status != HF_OK || !*was_live) return status;
    }
    return HF_OK;
}

/* ---- load ---- */

static hf_status load_row(hf_store *store, sqlite3_stmt *statement, bool rows, hf_record *out)
{
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) {
        out->no = sqlite3_column_int64(statement, 0);
        out->id.type = (uint32_t)sqlite3_column_int64(statement, 1);
        status = hf_column_exact(store, statement, 2, out->id.bytes, HF_RECORD_ID_SIZE);
        out->scope = (uint32_t)sqlite3_column_int64(statement, 3);
        int shown = sqlite3_column_int(statement, 4);
        out->deleted = shown == HF_SHOWN_DELETED;
        out->edited_deleted = shown == HF_SHOWN_EDITED_DELETED;
        out->first = (uint64_t)sqlite3_column_int64(statement, 6);
        out->basis = (hf_record_basis)sqlite3_column_int(statement, 7);
        if (status == HF_OK) status = read_state(store, out, hf_column_bytes(statement, 5));
    }
    sqlite3_reset(statement);
    for (size_t i = 0; i < out->field_count && status == HF_OK && rows; i++)
        if (out->fields[i].rows) status = hf_elements_load(store, out, &out->fields[i]);
    if (status != HF_OK) hf_record_clear(out);
    return status;
}

hf_status hf_record_load(hf_store *store, const hf_record_id *id, bool rows, hf_record *out)
{
    memset(out, 0, sizeof *out);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECORD_GET);
    sqlite3_bind_int64(statement, 1, id->type);
    hf_bind_bytes(statement, 2, id->bytes, HF_RECORD_ID_SIZE);
    hf_status status = load_row(store, statement, rows, out);
    if (status == HF_OK) out->id = *id;
    return status;
}

hf_status hf_record_load_scope(hf_store *store, const hf_record_id *id, uint32_t scope,
                               hf_record *out)
{
    memset(out, 0, sizeof *out);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECORD_GET_SCOPE);
    sqlite3_bind_int64(statement, 1, id->type);
    hf_bind_bytes(statement, 2, id->bytes, HF_RECORD_ID_SIZE);
    sqlite3_bind_int64(statement, 3, scope);
    hf_status status = load_row(store, statement, false, out);
    if (status != HF_OK) return status;
    out->id = *id;
    out->scope = scope;
    return HF_OK;
}

hf_status hf_record_load_no(hf_store *store, int64_t no, bool rows, hf_record *out)
{
    memset(out, 0, sizeof *out);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECORD_GET_NO);
    sqlite3_bind_int64(statement, 1, no);
    return load_row(store, statement, rows, out);
}

/* ---- store ---- */

static void write_dot(hf_store *store, hf_buffer *out, const hf_cite *at, hf_status *status)
{
    hf_origin_row *origin;
    if (*status == HF_OK) *status = hf_origin_intern(store, &at->dot.origin, &origin);
    if (*status != HF_OK) return;
    hf_write_uint(out, (uint64_t)hf_log_no(origin->no, at->dot.lane));
    hf_write_uint(out, at->dot.seq);
    hf_write_uint(out, at->dot.ordinal);
    hf_write_bytes(out, at->prefix, HF_PREFIX_SIZE);
}

static hf_status write_state(hf_store *store, const hf_record *record, hf_buffer *out)
{
    hf_status status = HF_OK;
    hf_buffer_clear(out);
    hf_write_uint(out, record->field_count);
    for (size_t i = 0; i < record->field_count; i++) {
        const hf_record_field *field = &record->fields[i];
        hf_write_uint(out, field->number);
        hf_write_bool(out, field->rows);
        size_t live_count = field->rows ? 0 : field->cell.live_count;
        hf_write_uint(out, live_count);
        for (size_t j = 0; j < live_count; j++) {
            const hf_live *live = &field->cell.live[j];
            write_dot(store, out, &live->at, &status);
            hf_write_uint(out, live->hlc);
            hf_write_uint(out, live->quality);
            hf_write_raw(out, live->value);
        }
        hf_write_uint(out, field->cell.pending_count);
        for (size_t j = 0; j < field->cell.pending_count; j++)
            write_dot(store, out, &field->cell.pending[j], &status);
    }
    if (out->status == HF_OK) hf_seal(out);
    return status == HF_OK ? out->status : status;
}

static bool wants_rows(hf_store *store, const hf_record *record, const hf_record_field *field)
{
    if (field->rows) return true;
    hf_rule rule = hf_pack_field(store->pack, record->id.type, field->number)->rule;
    return rule == HF_RULE_APPEND ||
           (rule == HF_RULE_SET && field->cell.live_count > HF_ELEMENT_INLINE_MAX);
}

static hf_status row_write(hf_store *store, hf_record *record, hf_bytes state)
{
    bool fresh = record->no == 0;
    sqlite3_stmt *statement = hf_sql(store, fresh ? HF_SQL_RECORD_ADD : HF_SQL_RECORD_SET);
    int at = 2;
    if (fresh) {
        sqlite3_bind_int64(statement, 1, record->id.type);
        hf_bind_bytes(statement, at++, record->id.bytes, HF_RECORD_ID_SIZE);
    } else {
        sqlite3_bind_int64(statement, 1, record->no);
    }
    sqlite3_bind_int64(statement, at++, record->scope);
    sqlite3_bind_int(statement, at++,
                     record->deleted          ? HF_SHOWN_DELETED
                     : record->edited_deleted ? HF_SHOWN_EDITED_DELETED
                                              : HF_SHOWN);
    sqlite3_bind_int64(statement, at++, (sqlite3_int64)store->position);
    hf_bind_bytes(statement, at++, state.data, state.size);
    sqlite3_bind_int(statement, at++, (int)record->basis);
    if (fresh) sqlite3_bind_int64(statement, at, (sqlite3_int64)record->first);
    hf_status status = hf_sql_run(store, statement);
    if (status == HF_OK && fresh) record->no = sqlite3_last_insert_rowid(store->db);
    return status;
}

hf_status hf_record_store(hf_store *store, hf_record *record)
{
    for (size_t i = 0; i < record->field_count; i++)
        record->fields[i].rows = wants_rows(store, record, &record->fields[i]);
    hf_record_note_crowded(store, record);
    hf_buffer state = {0};
    hf_status status = write_state(store, record, &state);
    if (status == HF_OK) status = row_write(store, record, hf_buffer_bytes(&state));
    hf_buffer_free(&state);
    for (size_t i = 0; i < record->field_count && status == HF_OK; i++) {
        const hf_record_field *field = &record->fields[i];
        for (size_t j = 0; field->rows && j < field->cell.live_count && status == HF_OK; j++)
            status = element_write(store, record->no, field->number, &field->cell.live[j]);
    }
    return status;
}

/* ---- as it stood ---- */

static hf_status keep_base(hf_store *store, const hf_record *record)
{
    hf_record whole;
    hf_status status = hf_record_load_no(store, record->no, true, &whole);
    if (status != HF_OK) return status;
    hf_buffer bytes = {0};
    status = hf_chunk_of_record(store, &whole, &bytes);
    if (status == HF_OK) hf_seal(&bytes);
    if (status == HF_OK) status = bytes.status;
    if (status == HF_OK) {
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECORD_BASE_SET);
        sqlite3_bind_int64(statement, 1, record->no);
        hf_bind_bytes(statement, 2, bytes.data, bytes.size);
        status = hf_sql_run(store, statement);
    }
    hf_buffer_free(&bytes);
    hf_record_clear(&whole);
    return status;
}

hf_status hf_record_keep(hf_store *store, hf_record *record)
{
    hf_status status = HF_OK;
    if (record->no == 0) return HF_OK;
    if (store->making) status = hf_making_keep(store, record);
    if (status != HF_OK || record->basis != HF_BASIS_STATE) return status;
    status = keep_base(store, record);
    if (status == HF_OK) record->basis = HF_BASIS_KEPT;
    return status;
}

typedef struct base_reading {
    hf_store *store;
    hf_record *out;
} base_reading;

/* The visitor's record borrows from the row: it is copied first, and read again from the copy. */
static hf_status take_base(void *context, hf_record *record)
{
    base_reading *reading = context;
    *reading->out = *record; /* moved: the reader is left with an empty one */
    *record = (hf_record){.no = 0};
    (void)reading->store;
    return HF_OK;
}

hf_status hf_record_load_base(hf_store *store, const hf_record *record, hf_record *out)
{
    *out = (hf_record){.no = record->no,
                       .id = record->id,
                       .scope = record->scope,
                       .basis = record->basis,
                       .first = record->first};
    if (record->basis == HF_BASIS_NONE) return HF_OK;
    if (record->basis == HF_BASIS_STATE) return hf_record_load_no(store, record->no, true, out);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECORD_BASE_GET);
    sqlite3_bind_int64(statement, 1, record->no);
    bool row;
    hf_buffer blob = {0};
    hf_bytes content;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && !row) status = hf_store_damaged(store, "a record lost what it began as");
    if (status == HF_OK) hf_write_raw(&blob, hf_column_bytes(statement, 0));
    if (statement) sqlite3_reset(statement);
    if (status == HF_OK) status = blob.status;
    if (status == HF_OK) status = hf_unseal(store, hf_buffer_bytes(&blob), &content);
    base_reading reading = {.store = store, .out = out};
    if (status == HF_OK)
        status = hf_chunk_read(store, content,
                               &(hf_chunk_visitor){.context = &reading, .record = take_base});
    out->no = record->no;
    out->basis = record->basis;
    out->first = record->first;
    if (out->blob.data) hf_buffer_free(&out->blob);
    out->blob = blob; /* what its values borrow from */
    if (status != HF_OK) hf_record_clear(out);
    return status;
}
