/* fence.c: what a hub has ever decided stands a second time, in a file beside its store.
 *
 * Why: a store that is put back from a backup has forgotten which devices were revoked since, and
 * no device may be asked that, for none holds the hubs' own scope. So each entry of the hub's
 * control log is appended here too, once it is committed, and a store that knows less takes it back
 * before it serves anyone. Where this file is gone as well, nobody can say what is missing: then
 * the hub takes what devices bring, and hands out nothing, until a person decides.
 *
 * A record: its size (4 bytes, big-endian), then CBOR [incarnation, body], sealed. The last one may
 * be torn by a power cut; what it held is in the store, and is written again. */
#include "store_core.h"

#include "control.h"

#include <stdlib.h>
#include <string.h>

static const char SUFFIX[] = ".fence", META[] = "control_wait";
static const uint8_t DOUBT = '?', WAIT = 'w';

enum { SIZE_BYTES = 4, SEAL_SIZE = 8, OVERHEAD = 32, ENTRIES_PER_READ = 64 };
enum { RECORD_MAX = HF_ENTRY_SIZE_MAX + OVERHEAD + SEAL_SIZE, ENTRIES_PER_BATCH = 256 };

static hf_status wait_set(hf_store *store, uint8_t value)
{
    store->control_wait = value == WAIT;
    return hf_meta_set(store, META, (hf_bytes){&value, value ? 1 : 0});
}

/* A hub that waits already goes on waiting: that its file lacks nothing since then says nothing of
 * what it lacked before. */
hf_status hf_fence_doubt(hf_store *store)
{
    hf_buffer value = {0};
    hf_status status = hf_meta_get(store, META, &value);
    bool waits = value.size == 1 && value.data[0] == WAIT;
    hf_buffer_free(&value);
    return status == HF_OK && !waits ? wait_set(store, DOUBT) : status;
}

bool hf_store_control_waits(const hf_store *store)
{
    return store->control_wait;
}

/* Scopes that were made since are not known by their numbers either, except where their entries
 * came back: no number that may be taken is given to another scope. */
hf_status hf_store_control_accept(hf_store *store)
{
    uint32_t number;
    uint8_t floor[4];
    hf_status status = hf_scope_next(store, &number);
    if (status != HF_OK) return status;
    number += HF_SCOPES_SKIPPED;
    for (int i = 0; i < 4; i++) floor[i] = (uint8_t)(number >> (24 - 8 * i));
    status = hf_meta_set(store, "scope_floor", (hf_bytes){floor, sizeof floor});
    return status == HF_OK ? wait_set(store, 0) : status;
}

hf_status hf_store_control_known(hf_store *store)
{
    return wait_set(store, 0);
}

hf_status hf_control_was_lost(hf_store *store, bool *lost)
{
    hf_buffer floor = {0};
    hf_status status = hf_meta_get(store, "scope_floor", &floor);
    *lost = floor.size > 0;
    hf_buffer_free(&floor);
    return status;
}

/* ---- appending ---- */

static hf_status append(hf_store *store, const uint8_t *incarnation, hf_bytes body,
                        hf_buffer *record)
{
    uint8_t size[SIZE_BYTES] = {0};
    hf_fence *fence = &store->fence;
    hf_buffer_clear(record);
    hf_write_array(record, 2);
    hf_write_bytes(record, incarnation, HF_INCARNATION_SIZE);
    hf_write_raw(record, body);
    hf_seal(record);
    if (record->status != HF_OK) return record->status;
    for (int i = 0; i < SIZE_BYTES; i++) size[i] = (uint8_t)(record->size >> (24 - 8 * i));
    const sqlite3_io_methods *methods = fence->file.file->pMethods;
    int code = methods->xWrite(fence->file.file, size, SIZE_BYTES, fence->end);
    if (code == SQLITE_OK)
        code = methods->xWrite(fence->file.file, record->data, (int)record->size,
                               fence->end + SIZE_BYTES);
    if (code != SQLITE_OK) return hf_store_fault(store, code);
    fence->end += SIZE_BYTES + (sqlite3_int64)record->size;
    return HF_OK;
}

/* Appends what follows `*seq` of one of our logs; *seq moves. */
static hf_status append_log(hf_store *store, const hf_origin_row *origin, uint64_t *seq)
{
    hf_buffer record = {0};
    uint64_t before;
    hf_status status;
    do {
        before = *seq;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_CONTROL_AFTER);
        sqlite3_bind_int64(statement, 1, hf_log_no(origin->no, HF_LANE_CONTROL));
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)*seq);
        sqlite3_bind_int64(statement, 3, ENTRIES_PER_READ);
        bool row;
        status = hf_sql_row(store, statement, &row);
        while (status == HF_OK && row) {
            hf_bytes body;
            status = hf_unseal(store, hf_column_bytes(statement, 1), &body);
            if (status == HF_OK) status = append(store, origin->incarnation, body, &record);
            if (status == HF_OK) *seq = (uint64_t)sqlite3_column_int64(statement, 0);
            if (status == HF_OK) status = hf_sql_row(store, statement, &row);
        }
        if (statement) sqlite3_reset(statement);
    } while (status == HF_OK && *seq > before);
    hf_buffer_free(&record);
    return status;
}

static hf_status sync_file(hf_store *store)
{
    sqlite3_file *file = store->fence.file.file;
    int code = file->pMethods->xSync(file, SQLITE_SYNC_FULL);
    return code == SQLITE_OK ? HF_OK : hf_store_fault(store, code);
}

hf_status hf_fence_follow(hf_store *store)
{
    hf_fence *fence = &store->fence;
    hf_log_slot *last;
    if (!fence->ready) return HF_OK;
    hf_status status = hf_log_last(store, hf_log_no(store->own->no, HF_LANE_CONTROL), &last);
    if (status != HF_OK || last->seq <= fence->seq) return status;
    int64_t end = fence->end;
    uint64_t seq = fence->seq;
    status = append_log(store, store->own, &seq);
    if (status == HF_OK) status = sync_file(store);
    if (status == HF_OK)
        fence->seq = seq;
    else
        fence->end = end; /* the next commit writes it again, over what came of this */
    return status;
}

/* ---- reading ---- */

typedef struct reading {
    hf_store *store;
    sqlite3_int64 size;
    hf_batch *batch; /* open once something is missing from the store */
    size_t taken;    /* entries in it */
    bool restored;   /* the store lacked some */
    bool behind;     /* ... or holds some that are not here */
    bool broken;     /* a record in the middle is not what was written */
    bool empty;
    uint64_t *last; /* by origin number: it holds the log up to here */
    size_t last_count;
} reading;

/* True when a whole record stands at `at`: `record` then holds it, without its seal. */
static bool read_record(const hf_store *store, int64_t at, int64_t size, hf_buffer *record,
                        uint8_t *bytes)
{
    sqlite3_file *file = store->fence.file.file;
    if (at + SIZE_BYTES > size) return false;
    if (file->pMethods->xRead(file, bytes, SIZE_BYTES, at) != SQLITE_OK) return false;
    size_t length = 0;
    for (int i = 0; i < SIZE_BYTES; i++) length = length << 8 | bytes[i];
    if (length <= SEAL_SIZE || length > RECORD_MAX) return false;
    if (at + SIZE_BYTES + (int64_t)length > size) return false;
    if (file->pMethods->xRead(file, bytes, (int)length, at + SIZE_BYTES) != SQLITE_OK) return false;
    hf_buffer_clear(record);
    hf_write_raw(record, (hf_bytes){bytes, length - SEAL_SIZE});
    hf_seal(record);
    bool same = record->status == HF_OK && memcmp(record->data, bytes, length) == 0;
    if (same) record->size -= SEAL_SIZE;
    return same;
}

static hf_status batch_turn(reading *in, bool more)
{
    hf_status status = HF_OK;
    if (in->batch && (!more || in->taken >= ENTRIES_PER_BATCH)) {
        status = hf_batch_commit(in->batch);
        in->batch = NULL;
        in->taken = 0;
    }
    if (status == HF_OK && more && !in->batch)
        status = hf_batch_begin(in->store, in->store->hlc >> 16, &in->batch);
    return status;
}

/* The store does not hold this one: it is taken as if a peer had sent it. */
static hf_status take(reading *in, const uint8_t *incarnation, hf_bytes body, hf_hlc hlc)
{
    hf_store *store = in->store;
    const hf_origin_row *origin;
    hf_applied_entry applied;
    hf_status status = batch_turn(in, true);
    if (status != HF_OK) return status;
    uint64_t wall_ms = hlc >> 16; /* our own clock wrote it */
    if (in->batch->wall_ms < wall_ms) in->batch->wall_ms = wall_ms;
    status = hf_origin_learn(store, store->crypto->own_key_id, incarnation,
                             store->crypto->own_certificate, &origin);
    if (status == HF_OK)
        status = hf_batch_entry(in->batch, origin, HF_LANE_CONTROL, body, 0, &applied);
    if (status != HF_OK) return status;
    if (applied.what == HF_APPLIED_NEW) in->restored = true;
    in->taken++;
    return HF_OK;
}

static hf_status note_last(reading *in, int64_t origin_no, uint64_t seq)
{
    size_t count = (size_t)origin_no + 1;
    if (count > in->last_count) {
        uint64_t *last = realloc(in->last, count * sizeof *last);
        if (!last) return HF_ERR_NOMEM;
        memset(last + in->last_count, 0, (count - in->last_count) * sizeof *last);
        in->last = last;
        in->last_count = count;
    }
    in->last[origin_no] = seq;
    return HF_OK;
}

static hf_status on_record(reading *in, hf_bytes record)
{
    hf_store *store = in->store;
    uint8_t incarnation[HF_INCARNATION_SIZE];
    hf_entry_body entry;
    hf_origin_id id;
    hf_reader reader = hf_reader_open(record);
    if (hf_read_array(&reader, 2) != 2) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    hf_read_bytes_exact(&reader, incarnation, sizeof incarnation);
    hf_bytes body = hf_read_item(&reader);
    hf_status status = hf_reader_end(&reader);
    if (status == HF_OK) status = hf_entry_parse(body, &entry);
    if (status != HF_OK) return status;
    hf_origin_make_id(store->crypto, store->crypto->own_key_id, incarnation, &id);
    const hf_origin_row *origin = hf_origin_by_id(store, &id);
    hf_entry held;
    status = HF_ERR_NOT_FOUND;
    if (origin)
        status = hf_entry_by_dot(store, hf_log_no(origin->no, HF_LANE_CONTROL), entry.seq, &held);
    if (HF_PLANTED(FENCE_IGNORED) && status == HF_ERR_NOT_FOUND) return HF_OK;
    if (status == HF_ERR_NOT_FOUND) status = take(in, incarnation, body, entry.hlc);
    if (status != HF_OK) return status;
    return note_last(in, hf_origin_by_id(store, &id)->no, entry.seq);
}

static hf_status read_all(reading *in)
{
    hf_store *store = in->store;
    hf_buffer record = {0};
    uint8_t *bytes = sqlite3_malloc(RECORD_MAX);
    hf_status status = bytes ? HF_OK : hf_store_fault(store, SQLITE_NOMEM);
    while (status == HF_OK && read_record(store, store->fence.end, in->size, &record, bytes)) {
        status = on_record(in, hf_buffer_bytes(&record));
        store->fence.end += SIZE_BYTES + (int64_t)record.size + SEAL_SIZE;
    }
    if (status == HF_OK) status = record.status;
    if (status == HF_OK) status = batch_turn(in, false);
    hf_batch_rollback(in->batch);
    if (status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT) {
        in->broken = true; /* sealed, and yet not an entry: not written by us */
        status = HF_OK;
    }
    if (in->size - store->fence.end > SIZE_BYTES + RECORD_MAX) in->broken = true;
    sqlite3_free(bytes);
    hf_buffer_free(&record);
    return status;
}

/* What the store holds of our control logs and the file does not: the last commit was not followed,
 * or the file begins anew, or is of an earlier day than the store. */
static hf_status catch_up(reading *in)
{
    hf_store *store = in->store;
    const uint8_t *key = store->crypto->own_key_id;
    hf_status status = HF_OK;
    for (size_t i = 0; i < store->origin_count && status == HF_OK; i++) {
        const hf_origin_row *origin = store->origins[i];
        size_t no = (size_t)origin->no;
        if (!origin->known || memcmp(origin->key_id, key, HF_HASH_SIZE) != 0) continue;
        uint64_t before = no < in->last_count ? in->last[no] : 0, seq = before;
        status = append_log(store, origin, &seq);
        if (seq > before) in->behind = true;
        if (origin->own) store->fence.seq = seq;
    }
    return status == HF_OK && in->behind ? sync_file(store) : status;
}

/* Is all that was ever decided known, then? After doubt only a file that was not behind says so. */
static hf_status decide(reading *in, bool doubted)
{
    hf_store *store = in->store;
    bool known = !in->empty && !in->broken && !in->behind;
    if (doubted) return wait_set(store, known ? 0 : WAIT);
    if (!in->restored) return HF_OK;
    /* Nobody had noticed that the store lost its tail: its positions and seqs may be known. */
    return hf_store_new_life(store);
}

hf_status hf_fence_check(hf_store *store)
{
    hf_buffer value = {0};
    if (store->damaged) return HF_OK;
    reading in = {.store = store};
    hf_status status = hf_meta_get(store, META, &value);
    bool doubted = value.size == 1 && value.data[0] == DOUBT;
    store->control_wait = value.size == 1 && value.data[0] == WAIT;
    hf_buffer_free(&value);
    if (status == HF_OK) status = hf_beside_open(store, SUFFIX, &store->fence.file);
    if (status != HF_OK) return status;
    sqlite3_file *file = store->fence.file.file;
    int code = file->pMethods->xFileSize(file, &in.size);
    if (code != SQLITE_OK) return hf_store_fault(store, code);
    in.empty = in.size == 0;
    if (in.empty && doubted)
        status = wait_set(store, WAIT); /* before there is one that says less */
    if (status == HF_OK) status = read_all(&in);
    if (status == HF_OK) status = catch_up(&in);
    free(in.last);
    if (status == HF_OK) status = decide(&in, doubted);
    store->fence.ready = status == HF_OK;
    return status;
}
