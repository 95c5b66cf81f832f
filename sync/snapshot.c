/* snapshot.c: makes a snapshot of one moment, bit by bit, while the store goes on being written.
 *
 * Why not one long read: a second connection would hold SQLite's journal back, and reading all at
 * once would keep every device waiting. So records are read in the order of their ids, some in each
 * turn, and one that is about to change before its turn came is put aside first, as it stood. */
#include "store_core.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct record_key {
    uint32_t type;
    uint8_t id[HF_RECORD_ID_SIZE];
    int64_t scope;
} record_key;

typedef struct kept { /* a record as it stood at the cut */
    int64_t no;       /* 0: the slot is free */
    uint8_t *bytes;   /* a chunk of it alone */
    size_t size;
} kept;

typedef struct scope_making {
    uint32_t scope;
    hf_vector_item *logs; /* as they stood at the cut */
    hf_hole *holes;
    size_t log_count, log_capacity, log_at;
    size_t hole_count, hole_capacity, hole_at;
    hf_chunk chunk;
} scope_making;

struct hf_making {
    hf_store *store;
    hf_making_options options;
    scope_making scopes[HF_SNAPSHOT_SCOPES_AT_ONCE];
    int64_t newest; /* record no: later ones began after the cut */
    record_key walked;
    bool logs_done, records_done;
    kept *kept; /* open addressing, by no */
    size_t kept_count, kept_size;
    hf_buffer raw;
    hf_status failed; /* what could not be put aside: it is no snapshot any more */
};

void hf_chunk_hash(const hf_crypto *crypto, hf_bytes raw, uint8_t out[HF_HASH_SIZE])
{
    static const uint8_t tag = 0x0f;
    hf_bytes pieces[] = {{&tag, 1}, raw};
    crypto->hash(crypto->context, pieces, 2, out);
}

static scope_making *scope_of(hf_making *making, int64_t scope)
{
    for (size_t i = 0; i < making->options.scope_count; i++)
        if (making->scopes[i].scope == scope) return &making->scopes[i];
    return NULL;
}

/* ---- the cut ---- */

static hf_status grow(void **items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return HF_OK;
    size_t wanted = *capacity ? *capacity * 2 : 64;
    void *more = realloc(*items, wanted * size);
    if (!more) return HF_ERR_NOMEM;
    *items = more;
    *capacity = wanted;
    return HF_OK;
}

static hf_status add_log(scope_making *in, const hf_vector_item *item)
{
    hf_status status = grow((void **)&in->logs, in->log_count, &in->log_capacity, sizeof *in->logs);
    if (status == HF_OK) in->logs[in->log_count++] = *item;
    return status;
}

static hf_status on_log(void *context, const hf_vector_item *item)
{
    return add_log(context, item);
}

static hf_status on_hole(void *context, const hf_hole *hole)
{
    hf_making *making = context;
    scope_making *in = scope_of(making, hole->scope);
    if (!in) return HF_OK;
    hf_status status =
        grow((void **)&in->holes, in->hole_count, &in->hole_capacity, sizeof *in->holes);
    if (status == HF_OK) in->holes[in->hole_count++] = *hole;
    return status;
}

static int hole_compare(const void *a, const void *b)
{
    const hf_hole *left = a, *right = b;
    return hf_dot_compare(&left->dot, &right->dot);
}

static int log_compare(const void *a, const void *b)
{
    const hf_vector_item *left = a, *right = b;
    int order = memcmp(left->origin.bytes, right->origin.bytes, HF_ORIGIN_SIZE);
    return order ? order : (int)left->lane - (int)right->lane;
}

static bool is_of(const hf_hole *hole, const hf_vector_item *log)
{
    return hole->dot.lane == log->lane && hf_origin_equal(&hole->dot.origin, &log->origin);
}

/* Logs of which only holes are known have a place, too. */
static hf_status add_hole_logs(hf_store *store, scope_making *in)
{
    size_t at = 0, before = in->log_count;
    hf_status status = HF_OK;
    for (size_t i = 0; i < in->hole_count && status == HF_OK; i++) {
        const hf_dot *dot = &in->holes[i].dot;
        hf_vector_item log = {.origin = dot->origin, .lane = dot->lane};
        while (at < before && log_compare(&in->logs[at], &log) < 0) at++;
        bool has = (at < before && is_of(&in->holes[i], &in->logs[at])) ||
                   (in->log_count > before && is_of(&in->holes[i], &in->logs[in->log_count - 1]));
        const hf_origin_row *origin = hf_origin_by_id(store, &dot->origin);
        assert(origin); /* its hole's row goes by it */
        log.origin_no = origin->no;
        if (!has) status = add_log(in, &log);
    }
    if (in->log_count > before) qsort(in->logs, in->log_count, sizeof *in->logs, log_compare);
    return status;
}

static hf_status cut(hf_making *making)
{
    hf_store *store = making->store;
    hf_status status = HF_OK;
    for (size_t i = 0; i < making->options.scope_count && status == HF_OK; i++) {
        scope_making *in = &making->scopes[i];
        in->scope = making->options.scopes[i];
        in->chunk.scope = in->scope;
        status = hf_vector_read(store, in->scope, NULL, 0, UINT32_MAX, on_log, in);
    }
    if (status == HF_OK) status = hf_hole_each(store, on_hole, making);
    for (size_t i = 0; i < making->options.scope_count && status == HF_OK; i++) {
        scope_making *in = &making->scopes[i];
        if (in->hole_count) qsort(in->holes, in->hole_count, sizeof *in->holes, hole_compare);
        status = add_hole_logs(store, in);
    }
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_RECORD_NEWEST);
    bool row = false;
    if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    if (row) making->newest = sqlite3_column_int64(statement, 0);
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_making_begin(hf_store *store, const hf_making_options *options, hf_making **out)
{
    assert(!store->batch && !store->making); /* between turns, and one at a time */
    assert(options->scope_count <= HF_SNAPSHOT_SCOPES_AT_ONCE);
    *out = NULL;
    hf_making *making = calloc(1, sizeof *making);
    if (!making) return HF_ERR_NOMEM;
    making->store = store;
    making->options = *options;
    if (!options->chunk_size) making->options.chunk_size = HF_SNAPSHOT_CHUNK_SIZE;
    hf_status status = cut(making);
    if (status != HF_OK) {
        hf_making_free(making);
        return status;
    }
    store->making = making;
    *out = making;
    return HF_OK;
}

void hf_making_free(hf_making *making)
{
    if (!making) return;
    if (making->store->making == making) making->store->making = NULL;
    for (size_t i = 0; i < HF_SNAPSHOT_SCOPES_AT_ONCE; i++) {
        free(making->scopes[i].logs);
        free(making->scopes[i].holes);
        hf_chunk_free(&making->scopes[i].chunk);
    }
    for (size_t i = 0; i < making->kept_size; i++) free(making->kept[i].bytes);
    free(making->kept);
    hf_buffer_free(&making->raw);
    free(making);
}

/* ---- put aside ---- */

static kept *kept_slot(const hf_making *making, int64_t no)
{
    size_t mask = making->kept_size - 1;
    size_t at = (size_t)((uint64_t)no * 0x9e3779b97f4a7c15u >> 32) & mask;
    while (making->kept[at].no && making->kept[at].no != no) at = (at + 1) & mask;
    return &making->kept[at];
}

static hf_status kept_grow(hf_making *making)
{
    if ((making->kept_count + 1) * 2 <= making->kept_size) return HF_OK;
    size_t size = making->kept_size ? making->kept_size * 2 : 64, former_size = making->kept_size;
    kept *former = making->kept, *table = calloc(size, sizeof *table);
    if (!table) return HF_ERR_NOMEM;
    making->kept = table;
    making->kept_size = size;
    for (size_t i = 0; i < former_size; i++)
        if (former[i].no) *kept_slot(making, former[i].no) = former[i];
    free(former);
    return HF_OK;
}

static int key_compare(const record_key *a, const record_key *b)
{
    if (a->type != b->type) return a->type < b->type ? -1 : 1;
    int ids = memcmp(a->id, b->id, HF_RECORD_ID_SIZE);
    if (ids) return ids;
    return a->scope < b->scope ? -1 : a->scope > b->scope;
}

static hf_status whole_record(hf_store *store, int64_t no, hf_record *out)
{
    hf_status status = hf_record_load_no(store, no, true, out);
    if (status == HF_OK) status = hf_record_drop_seen(store, out);
    if (status != HF_OK) hf_record_clear(out);
    return status;
}

/* With every citation: one that is seen by now may not have been at the cut. */
static hf_status put_aside(hf_making *making, int64_t no)
{
    hf_record whole;
    hf_buffer bytes = {0};
    hf_status status = kept_grow(making);
    if (status == HF_OK) status = hf_record_load_no(making->store, no, true, &whole);
    if (status != HF_OK) return status;
    status = hf_chunk_of_record(making->store, &whole, &bytes);
    hf_record_clear(&whole);
    if (status != HF_OK) {
        hf_buffer_free(&bytes);
        return status;
    }
    *kept_slot(making, no) = (kept){.no = no, .bytes = bytes.data, .size = bytes.size};
    making->kept_count++;
    return HF_OK;
}

hf_status hf_making_keep(hf_store *store, const hf_record *record)
{
    hf_making *making = store->making;
    record_key key = {.type = record->id.type, .scope = record->scope};
    memcpy(key.id, record->id.bytes, sizeof key.id);
    if (making->records_done || record->no > making->newest) return HF_OK;
    if (!scope_of(making, record->scope) || key_compare(&key, &making->walked) <= 0) return HF_OK;
    if (making->kept_size && kept_slot(making, record->no)->no) return HF_OK;
    hf_status status = put_aside(making, record->no);
    /* Short of memory it is the snapshot that is given up, not what a device has written. */
    if (status == HF_ERR_NOMEM) making->failed = status;
    return status == HF_ERR_NOMEM ? HF_OK : status;
}

/* ---- chunks of records ---- */

static hf_status emit(hf_making *making, scope_making *in)
{
    hf_buffer_clear(&making->raw);
    hf_chunk_end(&in->chunk, &making->raw);
    if (making->raw.status != HF_OK) return making->raw.status;
    return making->options.sink(making->options.context, in->scope, hf_buffer_bytes(&making->raw));
}

/* Where one chunk ends goes by the ids in it and not by what came before, so that one record more
 * changes one chunk and not all that follow. */
static bool ends_before(const hf_making *making, const scope_making *in, const hf_record *record)
{
    size_t aim = making->options.chunk_size;
    bool mark = record->id.bytes[15] == 0 && (record->id.bytes[14] & 3) == 0;
    return in->chunk.record_count > 0 &&
           (in->chunk.size >= aim || (in->chunk.size >= aim / 2 && mark));
}

static hf_status add_record(hf_making *making, scope_making *in, const hf_record *record)
{
    hf_chunk_place place = {.field = 0};
    hf_status status = HF_OK;
    while (status == HF_OK && !place.done) {
        bool begins = place.field == 0 && place.live == 0;
        if (in->chunk.size >= making->options.chunk_size ||
            (begins && ends_before(making, in, record)))
            status = emit(making, in);
        if (status == HF_OK)
            status =
                hf_chunk_add(making->store, &in->chunk, record, making->options.chunk_size, &place);
    }
    return status;
}

typedef struct aside {
    hf_making *making;
    scope_making *in;
} aside;

static hf_status add_aside(void *context, hf_record *record)
{
    aside *from = context;
    return add_record(from->making, from->in, record);
}

static hf_status add_row(hf_making *making, scope_making *in, int64_t no)
{
    const kept *put = making->kept_size ? kept_slot(making, no) : NULL;
    if (put && put->no) {
        aside from = {.making = making, .in = in};
        hf_chunk_visitor visitor = {.context = &from, .record = add_aside};
        return hf_chunk_read(making->store, (hf_bytes){put->bytes, put->size}, &visitor);
    }
    hf_record record;
    hf_status status = whole_record(making->store, no, &record);
    if (status != HF_OK) return status;
    status = add_record(making, in, &record);
    hf_record_clear(&record);
    return status;
}

static hf_status read_page(hf_making *making, record_key page[HF_SNAPSHOT_WALK_MAX],
                           int64_t numbers[HF_SNAPSHOT_WALK_MAX], size_t *count)
{
    hf_store *store = making->store;
    *count = 0;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_WALK);
    sqlite3_bind_int64(statement, 1, making->walked.type);
    hf_bind_bytes(statement, 2, making->walked.id, HF_RECORD_ID_SIZE);
    sqlite3_bind_int64(statement, 3, making->walked.scope);
    sqlite3_bind_int64(statement, 4, HF_SNAPSHOT_WALK_MAX);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        assert(*count < HF_SNAPSHOT_WALK_MAX); /* the statement's own bound */
        record_key *key = &page[*count];
        numbers[(*count)++] = sqlite3_column_int64(statement, 0);
        key->type = (uint32_t)sqlite3_column_int64(statement, 1);
        status = hf_column_exact(store, statement, 2, key->id, HF_RECORD_ID_SIZE);
        key->scope = sqlite3_column_int64(statement, 3);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

static hf_status walk(hf_making *making)
{
    record_key page[HF_SNAPSHOT_WALK_MAX];
    int64_t numbers[HF_SNAPSHOT_WALK_MAX];
    size_t count;
    hf_status status = read_page(making, page, numbers, &count);
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        scope_making *in = scope_of(making, page[i].scope);
        if (in && numbers[i] <= making->newest) status = add_row(making, in, numbers[i]);
    }
    if (status != HF_OK) return status;
    if (count > 0) making->walked = page[count - 1];
    making->records_done = count < HF_SNAPSHOT_WALK_MAX;
    for (size_t i = 0; i < making->options.scope_count && making->records_done; i++) {
        scope_making *in = &making->scopes[i];
        if (status == HF_OK && in->chunk.record_count > 0) status = emit(making, in);
    }
    return status;
}

/* ---- chunks of logs ---- */

static hf_status write_hole(hf_making *making, const hf_vector_item *log, const hf_hole *hole,
                            hf_buffer *out)
{
    uint8_t chain[HF_HASH_SIZE];
    int64_t number = hf_log_no(log->origin_no, log->lane);
    hf_status status = HF_ERR_NOT_FOUND; /* beyond a gap it has none yet */
    if (hole->dot.seq <= log->seq)
        status = hf_log_chain_through(making->store, number, hole->dot.seq, chain);
    hf_write_array(out, HF_CHUNK_HOLE_ITEMS);
    hf_write_uint(out, hole->dot.seq);
    hf_write_uint(out, hole->pseq);
    hf_write_bytes(out, hole->hash, HF_HASH_SIZE);
    hf_write_uint(out, hole->reason);
    hf_write_text(out, hole->text, strlen(hole->text));
    if (status == HF_OK)
        hf_write_bytes(out, chain, HF_HASH_SIZE);
    else
        hf_write_null(out);
    return status == HF_ERR_NOT_FOUND ? out->status : status;
}

/* The log, with those of its holes that fit; *whole: that was all of them. */
static hf_status write_log(hf_making *making, scope_making *in, hf_buffer *out, bool *whole)
{
    const hf_vector_item *log = &in->logs[in->log_at];
    const hf_origin_row *origin = hf_origin_by_no(making->store, log->origin_no);
    hf_buffer der = {0}, holes = {0};
    size_t count = 0;
    hf_status status = hf_origin_certificate(making->store, log->origin_no, &der);
    bool more = in->hole_at < in->hole_count && is_of(&in->holes[in->hole_at], log);
    while (more && status == HF_OK &&
           (count == 0 || out->size + holes.size < making->options.chunk_size)) {
        status = write_hole(making, log, &in->holes[in->hole_at++], &holes);
        count++;
        more = in->hole_at < in->hole_count && is_of(&in->holes[in->hole_at], log);
    }
    *whole = !more;
    hf_write_array(out, HF_CHUNK_LOG_ITEMS);
    /* One that is only cited is known by its name alone. */
    hf_write_bytes(out, origin->key_id, origin->known ? HF_HASH_SIZE : 0);
    hf_write_bytes(out, origin->known ? origin->incarnation : origin->id.bytes,
                   HF_INCARNATION_SIZE);
    hf_write_bytes(out, der.data, der.size);
    hf_write_uint(out, log->lane);
    hf_write_uint(out, log->seq);
    hf_write_bytes(out, log->chain, HF_HASH_SIZE);
    hf_write_array(out, count);
    hf_write_raw(out, hf_buffer_bytes(&holes));
    if (status == HF_OK) status = holes.status;
    hf_buffer_free(&der);
    hf_buffer_free(&holes);
    return status;
}

/* One chunk of the first scope that has logs left; *done when none has. */
static hf_status write_logs(hf_making *making, bool *done)
{
    scope_making *in = NULL;
    for (size_t i = 0; i < making->options.scope_count && !in; i++)
        if (making->scopes[i].log_at < making->scopes[i].log_count) in = &making->scopes[i];
    *done = !in;
    if (!in) return HF_OK;
    hf_buffer logs = {0};
    size_t count = 0;
    hf_status status = HF_OK;
    while (status == HF_OK && in->log_at < in->log_count && count < HF_SNAPSHOT_WALK_MAX &&
           logs.size < making->options.chunk_size) {
        bool whole;
        status = write_log(making, in, &logs, &whole);
        if (status == HF_OK && whole) in->log_at++;
        count++;
    }
    hf_buffer_clear(&making->raw);
    hf_write_array(&making->raw, 3);
    hf_write_uint(&making->raw, HF_CHUNK_LOGS);
    hf_write_uint(&making->raw, in->scope);
    hf_write_array(&making->raw, count);
    hf_write_raw(&making->raw, hf_buffer_bytes(&logs));
    if (status == HF_OK) status = logs.status;
    if (status == HF_OK) status = making->raw.status;
    hf_buffer_free(&logs);
    if (status != HF_OK) return status;
    return making->options.sink(making->options.context, in->scope, hf_buffer_bytes(&making->raw));
}

hf_status hf_making_step(hf_making *making, bool *done)
{
    assert(!making->store->batch); /* what a crash can take back is in no snapshot */
    *done = false;
    if (making->failed != HF_OK) return making->failed;
    hf_status status = HF_OK;
    if (!making->logs_done) {
        bool logs_done;
        status = write_logs(making, &logs_done);
        making->logs_done = logs_done;
        return status;
    }
    /* One transaction: else each row would take and leave the file's lock. */
    if (!making->records_done)
        status = hf_sql_run(making->store, hf_sql(making->store, HF_SQL_BEGIN_READING));
    if (!making->records_done && status == HF_OK) {
        status = walk(making);
        hf_store_undo(making->store);
    }
    *done = status == HF_OK && making->records_done;
    return status;
}
