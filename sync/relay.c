/* relay.c: see relay.h. */
#include "relay.h"

#include "store_core.h"

#include <string.h>

enum { RELAY_BYTES_MAX = HF_FRAME_TARGET_SIZE + HF_ENTRY_SIZE_MAX };

void hf_relay_start(hf_store *store)
{
    store->relays = true;
}

hf_status hf_relay_keep(hf_store *store, int64_t log, const hf_head *head)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RELAY_ADD);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)head->seq);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)store->head_number);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)head->hlc);
    hf_bind_bytes(statement, 5, head->root, HF_HASH_SIZE);
    hf_bind_bytes(statement, 6, head->signature, HF_SIGNATURE_SIZE);
    return hf_sql_run(store, statement);
}

hf_status hf_relay_done(hf_batch *batch, const hf_origin_row *origin, uint8_t lane, uint64_t seq)
{
    hf_store *store = batch->store;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RELAY_DONE);
    sqlite3_bind_int64(statement, 1, hf_log_no(origin->no, lane));
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    return hf_sql_run(store, statement);
}

hf_status hf_relay_each(hf_store *store, uint64_t *number, hf_relay_visitor visit, void *context)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RELAY_LOGS);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)*number);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        int64_t log = sqlite3_column_int64(statement, 0);
        hf_relay_log found = {.origin_no = log / 8,
                              .lane = (uint8_t)(log % 8),
                              .seq = (uint64_t)sqlite3_column_int64(statement, 1)};
        uint64_t newest = (uint64_t)sqlite3_column_int64(statement, 2);
        if (newest > *number) *number = newest;
        status = visit(context, &found);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

uint64_t hf_relay_filled(const hf_store *store)
{
    return store->filled;
}

hf_status hf_relay_unknown(hf_store *store, const hf_origin_id *hub, hf_relay_visitor visit,
                           void *context)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RELAY_ASK);
    hf_bind_bytes(statement, 1, hub->bytes, HF_ORIGIN_SIZE);
    hf_bind_bytes(statement, 2, store->crypto->own_key_id, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 3, HF_UNSIGNED_ENTRIES_MAX);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        int64_t log = sqlite3_column_int64(statement, 0);
        hf_relay_log found = {.origin_no = log / 8, .lane = (uint8_t)(log % 8)};
        status = visit(context, &found);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_relay_count(hf_store *store, const hf_relay_log *log, uint64_t after, uint64_t *count)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RELAY_FED);
    sqlite3_bind_int64(statement, 1, hf_log_no(log->origin_no, log->lane));
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)after);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)log->seq);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) *count = (uint64_t)sqlite3_column_int64(statement, 0);
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_relay_waiting(hf_store *store, uint64_t *count, uint64_t *oldest_ms)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RELAY_WAITING);
    hf_bind_bytes(statement, 1, store->crypto->own_key_id, HF_HASH_SIZE);
    bool row;
    *count = *oldest_ms = 0;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) {
        *count = (uint64_t)sqlite3_column_int64(statement, 0);
        *oldest_ms = (uint64_t)sqlite3_column_int64(statement, 1) >> 16;
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

static hf_status read_head(hf_store *store, sqlite3_stmt *statement, hf_head *out)
{
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && !row) return HF_ERR_NOT_FOUND;
    if (status != HF_OK) return status;
    out->seq = (uint64_t)sqlite3_column_int64(statement, 0);
    out->hlc = (hf_hlc)sqlite3_column_int64(statement, 1);
    status = hf_column_exact(store, statement, 2, out->root, HF_HASH_SIZE);
    if (status == HF_OK)
        status = hf_column_exact(store, statement, 3, out->signature, HF_SIGNATURE_SIZE);
    sqlite3_reset(statement);
    return status;
}

hf_status hf_relay_newest(hf_store *store, const hf_relay_log *log, hf_head *out)
{
    const hf_origin_row *origin = hf_origin_by_no(store, log->origin_no);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_HEAD_LOG);
    sqlite3_bind_int64(statement, 1, hf_log_no(log->origin_no, log->lane));
    if (!origin) return HF_ERR_CORRUPT;
    *out = (hf_head){.origin = origin->id, .lane = log->lane};
    return read_head(store, statement, out);
}

static hf_status size_between(hf_store *store, int64_t log, uint64_t after, uint64_t seq,
                              size_t *out)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RELAY_SIZE);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)after);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)seq);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) *out = (size_t)sqlite3_column_int64(statement, 0);
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_relay_again(hf_batch *batch, const hf_origin_row *origin, uint8_t lane, uint64_t after,
                         uint64_t *last)
{
    hf_store *store = batch->store;
    hf_head head;
    uint64_t count = 0;
    hf_relay_log log = {.origin_no = origin->no, .lane = lane};
    hf_status status = hf_relay_newest(store, &log, &head);
    if (status == HF_ERR_NOT_FOUND || (status == HF_OK && head.seq <= after)) return HF_OK;
    log.seq = head.seq;
    if (status == HF_OK) status = hf_relay_count(store, &log, after, &count);
    if (status != HF_OK || count != head.seq - after || count > HF_FEED_READ_MAX) return status;
    if (*last < head.seq) *last = head.seq;
    return hf_relay_keep(store, hf_log_no(origin->no, lane), &head);
}

hf_status hf_relay_next(hf_store *store, const hf_relay_log *log, uint64_t after, uint32_t entries,
                        size_t bytes, hf_head *out)
{
    const hf_origin_row *origin = hf_origin_by_no(store, log->origin_no);
    int64_t number = hf_log_no(log->origin_no, log->lane);
    if (!origin) return HF_ERR_CORRUPT;
    *out = (hf_head){.origin = origin->id, .lane = log->lane};
    for (uint32_t most = entries; most > 0; most /= 2) {
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_RELAY_FAR);
        sqlite3_bind_int64(statement, 1, number);
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)after);
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)(after + most));
        size_t size = 0;
        hf_status status = read_head(store, statement, out);
        if (status == HF_ERR_NOT_FOUND) break;
        if (status == HF_OK) status = size_between(store, number, after, out->seq, &size);
        if (status != HF_OK || size <= bytes) return status;
    }
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RELAY_NEAR);
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)after);
    return read_head(store, statement, out);
}

typedef struct group_walk {
    hf_buffer *bodies, *withheld;
    uint64_t seq, until;
    size_t entries, withheld_count;
    bool emptied; /* the next is here by its hashes alone */
} group_walk;

static hf_status is_emptied(const hf_entry *entry, bool *emptied)
{
    hf_entry_body body;
    hf_status status = hf_entry_parse(entry->body, &body);
    *emptied = status == HF_OK && body.erased_count > 0 && body.erased_count == body.part_count;
    return status;
}

static hf_status add_entry(void *context, const hf_entry *entry)
{
    group_walk *walk = context;
    if (walk->seq >= walk->until || entry->dot.seq != walk->seq + 1) return HF_ERR_LIMIT;
    hf_status status = entry->withheld ? is_emptied(entry, &walk->emptied) : HF_OK;
    if (status != HF_OK || walk->emptied) return status != HF_OK ? status : HF_ERR_LIMIT;
    hf_write_raw(walk->bodies, entry->body);
    walk->seq = entry->dot.seq;
    walk->entries++;
    if (entry->withheld) {
        hf_write_uint(walk->withheld, entry->dot.seq);
        walk->withheld_count++;
    }
    return walk->bodies->status;
}

hf_status hf_relay_group(hf_store *store, const hf_relay_log *log, const hf_head *head,
                         uint64_t after, hf_buffer *bodies, hf_buffer *withheld, hf_relay *out)
{
    group_walk walk = {.bodies = bodies, .withheld = withheld, .seq = after, .until = head->seq};
    hf_buffer_clear(bodies);
    hf_buffer_clear(withheld);
    hf_status status =
        hf_log_read(store, log->origin_no, log->lane, after, HF_FEED_READ_MAX, add_entry, &walk);
    if (status == HF_ERR_LIMIT) status = HF_OK; /* the walk ended there */
    if (status == HF_OK) status = withheld->status;
    if (status != HF_OK) return status;
    *out = (hf_relay){.lane = head->lane,
                      .bodies = {hf_buffer_bytes(bodies), walk.entries},
                      .withheld = {hf_buffer_bytes(withheld), walk.withheld_count},
                      .head = *head};
    if (walk.emptied) return HF_ERR_DENIED;
    if (walk.seq != head->seq) return HF_ERR_NOT_FOUND;
    return bodies->size > RELAY_BYTES_MAX ? HF_ERR_LIMIT : HF_OK;
}
