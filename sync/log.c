/* log.c: logs as others ask for them: how far, from where, and the vector of a scope. */
#include "log.h"

#include "store_core.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- one log ---- */

/* A chain that stands in one row, if `sql` finds one. */
static hf_status chain_from(hf_store *store, hf_sql_id sql, int64_t log, uint64_t seq,
                            uint8_t out[HF_HASH_SIZE])
{
    sqlite3_stmt *statement = hf_sql(store, sql);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && !row) return HF_ERR_NOT_FOUND;
    if (status == HF_OK) status = hf_column_exact(store, statement, 0, out, HF_HASH_SIZE);
    if (statement) sqlite3_reset(statement);
    return status;
}

/* Of the last entry that a snapshot stands for its chain is held, and not its body. */
hf_status hf_log_chain_at(hf_store *store, int64_t origin_no, uint8_t lane, uint64_t seq,
                          uint8_t out[HF_HASH_SIZE])
{
    int64_t log = hf_log_no(origin_no, lane);
    hf_status status = chain_from(store, HF_SQL_R_CHAIN_AT, log, seq, out);
    return status == HF_ERR_NOT_FOUND ? chain_from(store, HF_SQL_BASE_AT, log, seq, out) : status;
}

hf_status hf_hole_chain(hf_store *store, int64_t log, uint64_t seq, uint8_t chain[HF_HASH_SIZE],
                        bool *known)
{
    hf_status status = chain_from(store, HF_SQL_HOLE_CHAIN, log, seq, chain);
    *known = status == HF_OK;
    return status == HF_ERR_NOT_FOUND ? HF_OK : status;
}

/* The hole at `seq`: its hash is put on the pile; *seq becomes the one before it in its scope. */
static hf_status hole_push(hf_store *store, int64_t log, uint64_t *seq, hf_buffer *hashes)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_HOLE_GET);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)*seq);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && !row) return HF_ERR_NOT_FOUND;
    uint8_t hash[HF_HASH_SIZE];
    if (status == HF_OK) status = hf_column_exact(store, statement, 1, hash, HF_HASH_SIZE);
    uint64_t before = status == HF_OK ? (uint64_t)sqlite3_column_int64(statement, 3) : 0;
    sqlite3_reset(statement);
    if (status != HF_OK) return status;
    if (before >= *seq) return HF_ERR_CORRUPT; /* it would never end */
    *seq = before;
    hf_write_raw(hashes, (hf_bytes){hash, HF_HASH_SIZE});
    return hashes->status;
}

/* Back over holes whose bodies are not here to an entry that is, then on from its chain. */
hf_status hf_log_chain_through(hf_store *store, int64_t log, uint64_t seq,
                               uint8_t out[HF_HASH_SIZE])
{
    hf_buffer hashes = {0};
    hf_status status = HF_ERR_NOT_FOUND;
    while (seq > 0) {
        status = hf_log_chain_at(store, log / 8, (uint8_t)(log % 8), seq, out);
        if (status == HF_ERR_NOT_FOUND)
            status = chain_from(store, HF_SQL_HOLE_CHAIN, log, seq, out);
        if (status != HF_ERR_NOT_FOUND) break;
        status = hole_push(store, log, &seq, &hashes);
        if (status != HF_OK) goto done;
        status = HF_ERR_NOT_FOUND;
    }
    if (status == HF_ERR_NOT_FOUND) { /* down to the start of the scope */
        memset(out, 0, HF_HASH_SIZE);
        status = HF_OK;
    }
    for (size_t at = hashes.size; status == HF_OK && at > 0; at -= HF_HASH_SIZE)
        hf_chain_next(store->crypto, out, hashes.data + at - HF_HASH_SIZE);

done:
    hf_buffer_free(&hashes);
    return status;
}

static hf_status acked(hf_store *store, int64_t log, hf_log_state *out)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ACK_GET);
    sqlite3_bind_int64(statement, 1, log);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) out->acked = (uint64_t)sqlite3_column_int64(statement, 0);
    if (status == HF_OK && row) out->central = (uint64_t)sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    return status;
}

hf_status hf_acked_by(hf_store *store, const hf_origin_id *hub, int64_t origin_no, uint8_t lane,
                      uint64_t *durable)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ACK_BY);
    hf_bind_bytes(statement, 1, hub->bytes, HF_ORIGIN_SIZE);
    sqlite3_bind_int64(statement, 2, hf_log_no(origin_no, lane));
    return hf_sql_number(store, statement, durable);
}

hf_status hf_log_state_get(hf_store *store, int64_t origin_no, uint8_t lane, hf_log_state *out)
{
    *out = (hf_log_state){.origin_no = origin_no, .lane = lane};
    int64_t log = hf_log_no(origin_no, lane);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_LOG_TAIL);
    sqlite3_bind_int64(statement, 1, log);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status != HF_OK || !row) return status;
    out->seq = (uint64_t)sqlite3_column_int64(statement, 0);
    status = hf_column_exact(store, statement, 1, out->chain, HF_HASH_SIZE);
    sqlite3_reset(statement);
    return status == HF_OK ? acked(store, log, out) : status;
}

hf_status hf_log_each(hf_store *store, int64_t origin_no, hf_log_visitor visit, void *context)
{
    hf_status status = HF_OK;
    for (uint8_t lane = 0; lane < HF_LANE_COUNT && status == HF_OK; lane++) {
        hf_log_state log;
        status = hf_log_state_get(store, origin_no, lane, &log);
        if (status == HF_OK && log.seq) status = visit(context, &log);
    }
    return status;
}

/* ---- entries of a log ---- */

static hf_status read_rows(hf_store *store, sqlite3_stmt *statement, bool outward,
                           hf_entry_visitor visit, void *context)
{
    bool row;
    hf_buffer emptied = {0};
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_entry entry;
        int64_t origin_no;
        status = hf_entry_from_row(store, statement, &entry, &origin_no);
        if (status == HF_OK && outward) status = hf_entry_outward(store, &entry, &emptied);
        if (status == HF_OK) status = visit(context, &entry);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    hf_buffer_free(&emptied);
    return status;
}

hf_status hf_log_read(hf_store *store, int64_t origin_no, uint8_t lane, uint64_t seq,
                      uint32_t limit, hf_entry_visitor visit, void *context)
{
    assert(!store->batch); /* nothing leaves that a crash can still take back */
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_LOG);
    sqlite3_bind_int64(statement, 1, hf_log_no(origin_no, lane));
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    sqlite3_bind_int64(statement, 3, limit < HF_FEED_READ_MAX ? limit : HF_FEED_READ_MAX);
    return read_rows(store, statement, false, visit, context); /* our own, whole: to a hub */
}

/* A verdict that opened an entry brings it along, for those whose vector is past it: the entry
 * first, then the verdict, so that whoever stops between the two asks for both again. */
hf_status hf_log_read_scope(hf_store *store, int64_t origin_no, uint8_t lane, uint32_t scope,
                            uint64_t seq, uint32_t limit, hf_entry_visitor visit, void *context)
{
    assert(!store->batch);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_LOG_SCOPE);
    sqlite3_bind_int64(statement, 1, hf_log_no(origin_no, lane));
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    sqlite3_bind_int64(statement, 3, limit < HF_FEED_READ_MAX ? limit : HF_FEED_READ_MAX);
    sqlite3_bind_int64(statement, 4, scope);
    return read_rows(store, statement, true, visit, context);
}

/* ---- the vector of a scope ---- */

hf_status hf_vector_seq(hf_store *store, int64_t origin_no, uint8_t lane, uint32_t scope,
                        uint64_t *seq)
{
    hf_vector_slot *slot;
    hf_status status = hf_vector_get(store, hf_log_no(origin_no, lane), scope, &slot);
    if (status == HF_OK) *seq = slot->seq;
    return status;
}

static int item_compare(const void *a, const void *b)
{
    const hf_vector_item *left = a, *right = b;
    int order = memcmp(left->origin.bytes, right->origin.bytes, HF_ORIGIN_SIZE);
    return order ? order : (int)left->lane - (int)right->lane;
}

static hf_status items_read(hf_store *store, uint32_t scope, hf_vector_item **out, size_t *count)
{
    size_t capacity = 0;
    *out = NULL;
    *count = 0;
    hf_status status = hf_vectors_flush(store);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_VECTOR);
    sqlite3_bind_int64(statement, 1, scope);
    bool row;
    status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        int64_t log = sqlite3_column_int64(statement, 0);
        const hf_origin_row *origin = hf_origin_by_no(store, log / 8);
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            hf_vector_item *more = realloc(*out, capacity * sizeof *more);
            if (!more) status = HF_ERR_NOMEM;
            if (more) *out = more;
        }
        if (status == HF_OK && !origin) status = HF_ERR_CORRUPT;
        if (status != HF_OK) break;
        hf_vector_item *item = &(*out)[(*count)++];
        *item = (hf_vector_item){.origin_no = origin->no,
                                 .origin = origin->id,
                                 .lane = (uint8_t)(log % 8),
                                 .seq = (uint64_t)sqlite3_column_int64(statement, 1)};
        status = hf_column_exact(store, statement, 2, item->chain, HF_HASH_SIZE);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    if (status == HF_OK && *count) qsort(*out, *count, sizeof **out, item_compare);
    return status;
}

hf_status hf_vector_read(hf_store *store, uint32_t scope, const hf_origin_id *origin, uint8_t lane,
                         uint32_t limit, hf_vector_visitor visit, void *context)
{
    hf_vector_item *items;
    size_t count;
    hf_status status = items_read(store, scope, &items, &count);
    hf_vector_item after = {.lane = lane};
    if (origin) after.origin = *origin;
    for (size_t i = 0; i < count && limit > 0 && status == HF_OK; i++) {
        if (origin && item_compare(&items[i], &after) <= 0) continue;
        limit--;
        status = visit(context, &items[i]);
    }
    free(items);
    return status;
}

/* ---- holes ---- */

hf_status hf_hole_each(hf_store *store, hf_hole_visitor visit, void *context)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_HOLES);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        int64_t log = sqlite3_column_int64(statement, 0);
        const hf_origin_row *origin = hf_origin_by_no(store, log / 8);
        if (!origin) status = HF_ERR_CORRUPT;
        if (status != HF_OK) break;
        hf_hole hole = {.scope = (uint32_t)sqlite3_column_int64(statement, 2),
                        .pseq = (uint64_t)sqlite3_column_int64(statement, 3),
                        .reason = (uint32_t)sqlite3_column_int64(statement, 4),
                        .held = sqlite3_column_int(statement, 6) != 0};
        hole.dot = (hf_dot){.origin = origin->id,
                            .lane = (uint8_t)(log % 8),
                            .seq = (uint64_t)sqlite3_column_int64(statement, 1)};
        const char *text = (const char *)sqlite3_column_text(statement, 5);
        if (text) strncpy(hole.text, text, sizeof hole.text - 1);
        status = hf_column_exact(store, statement, 7, hole.hash, HF_HASH_SIZE);
        if (status == HF_OK) status = visit(context, &hole);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    return status;
}
