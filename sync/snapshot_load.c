/* snapshot_load.c: a snapshot in place of what was held of its scopes, in one transaction.
 *
 * Why staged first: a link dies, a battery is empty, and what came must not have to come again; but
 * nobody may be shown half a record. What comes waits beside the tables until the last of it is
 * here. What this device holds and the snapshot does not (its own entries that no hub has) is
 * folded again on top, by the same lines as ever. */
#include "store_core.h"

#include "hlc.h"
#include "system_types.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char META_OUTDATED[] = "outdated";

/* ---- staged ---- */

hf_status hf_staged_put(hf_batch *batch, const uint8_t hash[HF_HASH_SIZE], uint32_t start,
                        hf_bytes bytes)
{
    sqlite3_stmt *statement = hf_sql(batch->store, HF_SQL_STAGED_ADD);
    hf_bind_bytes(statement, 1, hash, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 2, start);
    hf_bind_bytes(statement, 3, bytes.data, bytes.size);
    return hf_sql_run(batch->store, statement);
}

hf_status hf_staged_size(hf_store *store, const uint8_t hash[HF_HASH_SIZE], uint32_t *size)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_STAGED_SIZE);
    hf_bind_bytes(statement, 1, hash, HF_HASH_SIZE);
    uint64_t number;
    hf_status status = hf_sql_number(store, statement, &number);
    *size = (uint32_t)number;
    return status;
}

hf_status hf_staged_drop(hf_batch *batch, const uint8_t hash[HF_HASH_SIZE])
{
    sqlite3_stmt *statement = hf_sql(batch->store, HF_SQL_STAGED_FORGET);
    hf_bind_bytes(statement, 1, hash, HF_HASH_SIZE);
    return hf_sql_run(batch->store, statement);
}

static hf_status read_packed(hf_store *store, const hf_chunk_name *chunk, hf_buffer *packed)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_STAGED_GET);
    hf_bind_bytes(statement, 1, chunk->hash, HF_HASH_SIZE);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_write_raw(packed, hf_column_bytes(statement, 0));
        status = packed->status;
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_staged_read(hf_store *store, hf_deflater *deflater, const hf_chunk_name *chunk,
                         hf_buffer *raw)
{
    uint8_t hash[HF_HASH_SIZE];
    hf_buffer packed = {0};
    hf_status status = read_packed(store, chunk, &packed);
    if (status == HF_OK)
        status = hf_chunk_unpack(deflater, hf_buffer_bytes(&packed), chunk->raw_size, raw);
    hf_buffer_free(&packed);
    if (status == HF_ERR_PROTOCOL) return HF_ERR_NOT_FOUND;
    if (status != HF_OK) return status;
    hf_chunk_hash(store->crypto, hf_buffer_bytes(raw), hash);
    return memcmp(hash, chunk->hash, HF_HASH_SIZE) == 0 ? HF_OK : HF_ERR_NOT_FOUND;
}

static bool is_named(const hf_chunk_name *chunks, size_t count, hf_bytes hash)
{
    for (size_t i = 0; i < count; i++)
        if (hf_bytes_equal(hash, (hf_bytes){chunks[i].hash, HF_HASH_SIZE})) return true;
    return false;
}

hf_status hf_staged_keep(hf_batch *batch, const hf_chunk_name *chunks, size_t count)
{
    hf_store *store = batch->store;
    if (count == 0) return hf_sql_run(store, hf_sql(store, HF_SQL_STAGED_CLEAR));
    int64_t at = 0;
    for (;;) {
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_STAGED_EACH);
        sqlite3_bind_int64(statement, 1, at);
        bool row;
        hf_status status = hf_sql_row(store, statement, &row);
        if (status != HF_OK || !row) return status;
        at = sqlite3_column_int64(statement, 0);
        bool named = is_named(chunks, count, hf_column_bytes(statement, 1));
        sqlite3_reset(statement);
        if (named) continue;
        statement = hf_sql(store, HF_SQL_STAGED_DROP);
        sqlite3_bind_int64(statement, 1, at);
        status = hf_sql_run(store, statement);
        if (status != HF_OK) return status;
    }
}

/* ---- what is part of one ---- */

hf_status hf_in_base(hf_store *store, uint32_t scope, int64_t log, uint64_t seq, bool *in)
{
    *in = false;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_BASE_HAS);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, scope);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)seq);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) *in = sqlite3_column_int(statement, 0) != 0;
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_snapshot_outdate(hf_store *store)
{
    static const uint8_t yes = 1;
    if (HF_PLANTED(SNAPSHOT_NOT_ANEW)) return HF_OK;
    return hf_meta_set(store, META_OUTDATED, (hf_bytes){&yes, 1});
}

hf_status hf_snapshot_is_outdated(hf_store *store, bool *outdated)
{
    hf_buffer value = {0};
    hf_status status = hf_meta_get(store, META_OUTDATED, &value);
    *outdated = value.size > 0;
    hf_buffer_free(&value);
    return status;
}

hf_status hf_snapshot_each_base(hf_store *store, hf_base_visitor visit, void *context)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_BASES);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        int64_t log = sqlite3_column_int64(statement, 1);
        const hf_origin_row *origin = hf_origin_by_no(store, log / 8);
        if (!origin) status = HF_ERR_CORRUPT;
        if (status != HF_OK) break;
        hf_vector_item item = {.origin_no = origin->no,
                               .origin = origin->id,
                               .lane = (uint8_t)(log % 8),
                               .seq = (uint64_t)sqlite3_column_int64(statement, 2)};
        status = hf_column_exact(store, statement, 3, item.chain, HF_HASH_SIZE);
        if (status == HF_OK)
            status = visit(context, (uint32_t)sqlite3_column_int64(statement, 0), &item);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_record_refold_based(hf_store *store)
{
    int64_t after = 0;
    for (;;) {
        int64_t numbers[64];
        size_t count = 0;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECORD_BASED);
        sqlite3_bind_int64(statement, 1, after);
        bool row;
        hf_status status = hf_sql_row(store, statement, &row);
        while (status == HF_OK && row) {
            assert(count < 64); /* the statement's own bound */
            numbers[count++] = sqlite3_column_int64(statement, 0);
            status = hf_sql_row(store, statement, &row);
        }
        if (statement) sqlite3_reset(statement);
        for (size_t i = 0; i < count && status == HF_OK; i++)
            status = hf_record_refold(store, numbers[i]);
        if (status != HF_OK || count == 0) return status;
        after = numbers[count - 1];
    }
}

/* ---- loading ---- */

typedef struct held_log { /* as it was before */
    int64_t log;
    uint64_t seq;
    uint8_t chain[HF_HASH_SIZE];
} held_log;

typedef struct loading {
    hf_batch *batch;
    hf_store *store;
    uint32_t scope;
    held_log *held;
    size_t held_count, held_capacity;
    int64_t log;     /* the last one that was set */
    hf_record last;  /* id and no of the last record: the next may go on with it */
    bool has_system; /* records of the system's own types are among them */
} loading;

static hf_status run_scope(loading *in, hf_sql_id sql)
{
    sqlite3_stmt *statement = hf_sql(in->store, sql);
    sqlite3_bind_int64(statement, 1, in->scope);
    return hf_sql_run(in->store, statement);
}

static hf_status read_held(loading *in)
{
    sqlite3_stmt *statement = hf_sql(in->store, HF_SQL_R_VECTOR);
    sqlite3_bind_int64(statement, 1, in->scope);
    bool row;
    hf_status status = hf_sql_row(in->store, statement, &row);
    while (status == HF_OK && row) {
        if (in->held_count == in->held_capacity) {
            size_t capacity = in->held_capacity ? in->held_capacity * 2 : 64;
            held_log *held = realloc(in->held, capacity * sizeof *held);
            if (!held) status = HF_ERR_NOMEM;
            if (held) in->held = held;
            if (held) in->held_capacity = capacity;
        }
        if (status != HF_OK) break;
        held_log *log = &in->held[in->held_count++];
        log->log = sqlite3_column_int64(statement, 0);
        log->seq = (uint64_t)sqlite3_column_int64(statement, 1);
        status = hf_column_exact(in->store, statement, 2, log->chain, HF_HASH_SIZE);
        if (status == HF_OK) status = hf_sql_row(in->store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

/* Records keep their rows, so that what is held of their history is still theirs. */
static hf_status clear_records(loading *in)
{
    hf_buffer empty = {0};
    hf_write_uint(&empty, 0); /* no fields */
    hf_seal(&empty);
    hf_status status = run_scope(in, HF_SQL_SCOPE_ELEMENTS_CLEAR);
    if (status == HF_OK) status = run_scope(in, HF_SQL_SCOPE_CONFLICTS_CLEAR);
    if (status == HF_OK) status = run_scope(in, HF_SQL_SCOPE_BASES_CLEAR);
    if (status == HF_OK) status = run_scope(in, HF_SQL_SCOPE_PROVISIONALS_CLEAR);
    if (status == HF_OK) status = empty.status;
    if (status == HF_OK) {
        sqlite3_stmt *statement = hf_sql(in->store, HF_SQL_SCOPE_RECORDS_CLEAR);
        sqlite3_bind_int64(statement, 1, in->scope);
        hf_bind_bytes(statement, 2, empty.data, empty.size);
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)in->store->position);
        status = hf_sql_run(in->store, statement);
    }
    hf_buffer_free(&empty);
    return status;
}

static hf_status scope_begin(loading *in, uint32_t scope)
{
    in->scope = scope;
    in->held_count = 0;
    in->log = 0;
    in->last = (hf_record){.no = 0};
    hf_status status = hf_vectors_flush(in->store); /* rows are what is read and cleared */
    if (status == HF_OK) status = read_held(in);
    if (status == HF_OK && in->held_count > 0) status = clear_records(in);
    if (status == HF_OK) status = run_scope(in, HF_SQL_SCOPE_VECTOR_CLEAR);
    if (status == HF_OK) status = run_scope(in, HF_SQL_SCOPE_BASE_CLEAR);
    if (status == HF_OK) status = hf_acted_clear(in->store, in->scope);
    hf_vectors_forget(in->store);
    return status;
}

/* ---- a chunk of logs ---- */

static hf_status read_origin(loading *in, hf_reader *reader, const hf_origin_row **out)
{
    uint8_t incarnation[HF_INCARNATION_SIZE];
    hf_bytes key_id = hf_read_bytes(reader);
    hf_read_bytes_exact(reader, incarnation, sizeof incarnation);
    hf_bytes certificate = hf_read_bytes(reader);
    if (reader->status != HF_OK) return reader->status;
    if (certificate.size > HF_CERTIFICATE_MAX) return HF_ERR_LIMIT;
    if (key_id.size == HF_HASH_SIZE)
        return hf_origin_learn(in->store, key_id.data, incarnation, certificate, out);
    if (key_id.size > 0) return HF_ERR_PROTOCOL;
    hf_origin_id id;
    hf_origin_row *row;
    memcpy(id.bytes, incarnation, sizeof id.bytes);
    hf_status status = hf_origin_intern(in->store, &id, &row);
    if (status == HF_OK) *out = row;
    return status;
}

static hf_status read_hole(loading *in, hf_reader *reader, int64_t log)
{
    uint8_t hash[HF_HASH_SIZE], chain[HF_HASH_SIZE];
    if (hf_read_array(reader, HF_CHUNK_HOLE_ITEMS) != HF_CHUNK_HOLE_ITEMS)
        hf_reader_fail(reader, HF_ERR_PROTOCOL);
    uint64_t seq = hf_read_uint_max(reader, INT64_MAX);
    uint64_t pseq = hf_read_uint_max(reader, INT64_MAX);
    hf_read_bytes_exact(reader, hash, sizeof hash);
    uint32_t reason = (uint32_t)hf_read_uint_max(reader, UINT16_MAX);
    hf_bytes text = hf_read_text(reader);
    bool chained = hf_reader_kind(reader) == HF_KIND_BYTES;
    if (chained)
        hf_read_bytes_exact(reader, chain, sizeof chain);
    else
        hf_read_null(reader);
    if (reader->status != HF_OK) return reader->status;
    if (pseq >= seq || reason == 0 || text.size > HF_TEXT_MAX) return HF_ERR_PROTOCOL;
    if (HF_PLANTED(SNAPSHOT_NO_HOLES)) return HF_OK;
    sqlite3_stmt *statement = hf_sql(in->store, HF_SQL_HOLE_LOAD);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    sqlite3_bind_int64(statement, 3, in->scope);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)pseq);
    hf_bind_bytes(statement, 5, hash, sizeof hash);
    sqlite3_bind_int64(statement, 6, reason);
    sqlite3_bind_text(statement, 7, text.size ? (const char *)text.data : "", (int)text.size,
                      SQLITE_STATIC);
    if (chained) hf_bind_bytes(statement, 8, chain, sizeof chain);
    hf_status status = hf_sql_run(in->store, statement);
    if (statement) sqlite3_clear_bindings(statement);
    return status;
}

static hf_status set_log(loading *in, int64_t log, uint64_t seq, const uint8_t chain[HF_HASH_SIZE])
{
    if (log == in->log) return HF_OK; /* more holes of the same */
    in->log = log;
    sqlite3_stmt *statement = hf_sql(in->store, HF_SQL_LOG_HOLES_CLEAR);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, in->scope);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)seq);
    hf_status status = hf_sql_run(in->store, statement);
    if (status != HF_OK || seq == 0) return status;
    hf_sql_id rows[] = {HF_SQL_VECTOR_SET, HF_SQL_BASE_SET};
    for (size_t i = 0; i < 2 && status == HF_OK; i++) {
        statement = hf_sql(in->store, rows[i]);
        sqlite3_bind_int64(statement, 1, log);
        sqlite3_bind_int64(statement, 2, in->scope);
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)seq);
        hf_bind_bytes(statement, 4, chain, HF_HASH_SIZE);
        if (i == 1) sqlite3_bind_int64(statement, 5, (sqlite3_int64)in->store->position);
        status = hf_sql_run(in->store, statement);
    }
    return status;
}

static hf_status load_log(loading *in, hf_reader *reader)
{
    const hf_origin_row *origin;
    uint8_t chain[HF_HASH_SIZE];
    if (hf_read_array(reader, HF_CHUNK_LOG_ITEMS) != HF_CHUNK_LOG_ITEMS) return HF_ERR_PROTOCOL;
    hf_status status = read_origin(in, reader, &origin);
    uint8_t lane = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    uint64_t seq = hf_read_uint_max(reader, INT64_MAX);
    hf_read_bytes_exact(reader, chain, sizeof chain);
    size_t holes = hf_read_array(reader, (size_t)(reader->end - reader->at));
    if (status == HF_OK) status = reader->status;
    if (status != HF_OK) return status;
    int64_t log = hf_log_no(origin->no, lane);
    status = set_log(in, log, seq, chain);
    for (size_t i = 0; i < holes && status == HF_OK; i++) status = read_hole(in, reader, log);
    return status;
}

static hf_status load_logs(loading *in, hf_bytes raw)
{
    hf_reader reader = hf_reader_open(raw);
    if (hf_read_array(&reader, 3) != 3 || hf_read_uint(&reader) != HF_CHUNK_LOGS ||
        hf_read_uint(&reader) != in->scope)
        return HF_ERR_PROTOCOL;
    size_t count = hf_read_array(&reader, (size_t)(reader.end - reader.at));
    hf_status status = HF_OK;
    for (size_t i = 0; i < count && status == HF_OK; i++) status = load_log(in, &reader);
    hf_vectors_forget(in->store);
    return status == HF_OK ? hf_reader_end(&reader) : status;
}

/* ---- a chunk of records ---- */

static int id_compare(const hf_record_id *a, const hf_record_id *b)
{
    if (a->type != b->type) return a->type < b->type ? -1 : 1;
    return memcmp(a->bytes, b->bytes, HF_RECORD_ID_SIZE);
}

static hf_status move_field(hf_record *to, hf_record_field *from)
{
    hf_record_field *field;
    hf_status status = hf_record_field_at(to, from->number, &field);
    if (status != HF_OK) return status;
    for (size_t i = 0; i < from->cell.live_count && status == HF_OK; i++)
        status = hf_cell_merge(&field->cell, &(hf_write){.write = from->cell.live[i]}, NULL, NULL);
    if (status != HF_OK || from->cell.pending_count == 0) return status;
    if (field->cell.pending_count > 0) return HF_ERR_PROTOCOL; /* a field's stand together */
    free(field->cell.pending);
    field->cell.pending = from->cell.pending;
    field->cell.pending_count = from->cell.pending_count;
    field->cell.pending_capacity = from->cell.pending_capacity;
    from->cell.pending = NULL;
    from->cell.pending_count = from->cell.pending_capacity = 0;
    return HF_OK;
}

/* The rest of a record that was too large for one piece, or one that has a row here already. */
static hf_status join(loading *in, hf_record *record)
{
    hf_record stored;
    hf_status status = hf_record_load_scope(in->store, &record->id, in->scope, &stored);
    for (size_t i = 0; i < record->field_count && status == HF_OK; i++)
        status = move_field(&stored, &record->fields[i]);
    stored.basis = HF_BASIS_STATE;
    if (status == HF_OK) status = hf_record_settle(in->store, &stored, true);
    in->last.no = stored.no;
    hf_record_clear(&stored);
    return status;
}

static void raise_clock(loading *in, const hf_record *record)
{
    for (size_t i = 0; i < record->field_count; i++)
        for (size_t j = 0; j < record->fields[i].cell.live_count; j++)
            if (record->fields[i].cell.live[j].hlc > in->store->hlc)
                in->store->hlc = hf_hlc_raise(in->store->hlc, record->fields[i].cell.live[j].hlc,
                                              in->batch->wall_ms);
}

static hf_status load_record(void *context, hf_record *record)
{
    loading *in = context;
    if (record->scope != in->scope) return HF_ERR_PROTOCOL;
    int order = in->last.id.type ? id_compare(&in->last.id, &record->id) : -1;
    if (order > 0) return HF_ERR_PROTOCOL; /* ascending: so a record's pieces stand together */
    raise_clock(in, record);
    hf_status status = hf_record_cap(in->store, record);
    if (status != HF_OK) return status;
    in->last.id = record->id;
    if (record->id.type < HF_TYPE_FIRST_PACK) in->has_system = true;
    if (order == 0 || in->held_count > 0) return join(in, record);
    record->basis = HF_BASIS_STATE;
    status = hf_record_settle(in->store, record, true);
    in->last.no = record->no;
    return status;
}

static hf_status load_acted(void *context, int64_t log, uint64_t seq, hf_chunk_actor *actor)
{
    loading *in = context;
    return hf_acted_put(in->store, in->scope, log, seq, actor);
}

static hf_status load_chunk(loading *in, hf_bytes raw)
{
    hf_reader reader = hf_reader_open(raw);
    (void)hf_read_array(&reader, SIZE_MAX);
    uint64_t kind = hf_read_uint(&reader);
    if (reader.status != HF_OK) return HF_ERR_PROTOCOL;
    hf_chunk_visitor visitor = {.context = in, .record = load_record, .acted = load_acted};
    return kind == HF_CHUNK_LOGS ? load_logs(in, raw) : hf_chunk_read(in->store, raw, &visitor);
}

/* ---- what is held and not in the snapshot ---- */

static hf_status fold_parts(hf_store *store, const hf_entry *entry, const hf_entry_body *body,
                            const uint8_t hash[HF_HASH_SIZE])
{
    hf_reader parts = hf_reader_open(body->parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    hf_status status = HF_OK;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        hf_part part;
        status = hf_part_next(store->crypto, &parts, &part);
        if (status == HF_OK && !part.erased)
            status = hf_record_fold(store, &part, body, &entry->dot.origin, entry->dot.lane, hash,
                                    entry->position);
    }
    return status;
}

static hf_status rejoin_entry(loading *in, int64_t log, const hf_entry *entry)
{
    hf_store *store = in->store;
    hf_vector_slot *slot;
    hf_entry_body body;
    uint8_t hash[HF_HASH_SIZE];
    hf_status status = hf_entry_parse(entry->body, &body);
    if (status == HF_OK)
        status = hf_entry_hash(store->crypto, &entry->dot.origin, entry->dot.lane, &body, hash);
    if (status == HF_OK) status = hf_vector_get(store, log, in->scope, &slot);
    if (status == HF_OK && body.pseq != slot->seq) status = HF_ERR_DENIED;
    if (status == HF_OK && !entry->withheld && !HF_PLANTED(SNAPSHOT_OWN_FORGOTTEN))
        status = fold_parts(store, entry, &body, hash);
    if (status == HF_OK) status = hf_vector_advance(store, log, in->scope, body.seq, hash);
    return status == HF_OK ? hf_vector_step(store, log, in->scope) : status;
}

/* The next entry of the log after what the vector has, copied: folding reads other entries. */
static hf_status next_held(loading *in, int64_t log, uint64_t after, hf_buffer *copy, hf_entry *out)
{
    int64_t origin_no;
    sqlite3_stmt *statement = hf_sql(in->store, HF_SQL_REJOIN);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, in->scope);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)after);
    bool row;
    hf_status status = hf_sql_row(in->store, statement, &row);
    if (status == HF_OK && !row) return HF_ERR_DENIED;
    if (status == HF_OK) status = hf_entry_from_row(in->store, statement, out, &origin_no);
    hf_buffer_clear(copy);
    if (status == HF_OK) hf_write_raw(copy, out->body);
    if (status == HF_OK) status = copy->status;
    out->body = hf_buffer_bytes(copy);
    if (statement) sqlite3_reset(statement);
    return status;
}

static hf_status rejoin(loading *in, const held_log *held)
{
    hf_buffer copy = {0};
    hf_vector_slot *slot;
    bool ahead = false;
    hf_status status = hf_vector_step(in->store, held->log, in->scope);
    for (;;) {
        if (status == HF_OK) status = hf_vector_get(in->store, held->log, in->scope, &slot);
        if (status != HF_OK || slot->seq >= held->seq) break;
        hf_entry entry;
        ahead = true;
        status = next_held(in, held->log, slot->seq, &copy, &entry);
        if (status == HF_OK) status = rejoin_entry(in, held->log, &entry);
    }
    hf_buffer_free(&copy);
    /* Both had its beginning, and from there on it is ours: it must end as it did. */
    if (status == HF_OK && ahead && slot->seq == held->seq &&
        memcmp(slot->chain, held->chain, HF_HASH_SIZE) != 0)
        status = HF_ERR_DENIED;
    return status;
}

/* ---- all of it ---- */

static hf_status load_control(loading *in)
{
    int64_t type = 0;
    hf_status status = HF_OK;
    hf_record_id id = {.type = 0};
    for (bool row = in->has_system; row && status == HF_OK;) {
        sqlite3_stmt *statement = hf_sql(in->store, HF_SQL_SCOPE_SYSTEM);
        sqlite3_bind_int64(statement, 1, in->scope);
        sqlite3_bind_int64(statement, 2, type);
        hf_bind_bytes(statement, 3, id.bytes, HF_RECORD_ID_SIZE);
        status = hf_sql_row(in->store, statement, &row);
        if (status != HF_OK || !row) break;
        type = sqlite3_column_int64(statement, 0);
        id.type = (uint32_t)type;
        status = hf_column_exact(in->store, statement, 1, id.bytes, HF_RECORD_ID_SIZE);
        sqlite3_reset(statement);
        if (status == HF_OK) status = hf_control_fold(in->store, &id, true);
    }
    return status;
}

static hf_status scope_end(loading *in)
{
    hf_status status = load_control(in);
    in->has_system = false;
    in->store->rejoining = true;
    for (size_t i = 0; i < in->held_count && status == HF_OK; i++)
        status = rejoin(in, &in->held[i]);
    in->store->rejoining = false;
    if (status == HF_OK && in->held_count > 0) status = run_scope(in, HF_SQL_SCOPE_HELD_WITHHOLD);
    if (status == HF_OK && in->held_count > 0) status = run_scope(in, HF_SQL_SCOPE_HELD_COUNT);
    return status == HF_OK ? run_scope(in, HF_SQL_SCOPE_STALE) : status;
}

hf_status hf_snapshot_load(hf_batch *batch, hf_deflater *deflater, const hf_chunk_name *chunks,
                           size_t count)
{
    loading in = {.batch = batch, .store = batch->store};
    hf_buffer raw = {0};
    /* Before, for what is held may outdate this one, too. */
    hf_status status = hf_meta_set(batch->store, META_OUTDATED, (hf_bytes){NULL, 0});
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        if (i == 0 || chunks[i].scope != in.scope) status = scope_begin(&in, chunks[i].scope);
        if (status == HF_OK) status = hf_staged_read(in.store, deflater, &chunks[i], &raw);
        if (status == HF_OK) status = load_chunk(&in, hf_buffer_bytes(&raw));
        bool ends = i + 1 == count || chunks[i + 1].scope != in.scope;
        if (status == HF_OK && ends) status = scope_end(&in);
    }
    hf_buffer_free(&raw);
    free(in.held);
    if (status == HF_OK) status = hf_staged_keep(batch, NULL, 0);
    return status;
}
