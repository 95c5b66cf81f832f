/* feed.c: reads the log back in the order this replica wrote it.
 *
 * Why its own file: the feed is the only road by which data leaves a hub. One query and one loop on
 * one screen let a reviewer check that no entry is skipped, none is sent twice, and none is sent to
 * someone who may not see it. */
#include "feed.h"

#include "store_core.h"

#include <assert.h>
#include <string.h>

uint64_t hf_feed_position(const hf_store *store)
{
    return store->position;
}

hf_status hf_feed_chain_at(hf_store *store, uint64_t position, uint8_t out[16])
{
    if (position == 0) {
        memcpy(out, store->epoch, sizeof store->epoch);
        return HF_OK;
    }
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_FEED_CHAIN);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)position);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && !row) return HF_ERR_NOT_FOUND;
    if (status == HF_OK) status = hf_column_exact(store, statement, 0, out, 16);
    sqlite3_reset(statement);
    return status;
}

void hf_scope_set_hash(const hf_crypto *crypto, const uint32_t *scopes, size_t count,
                       uint8_t out[16])
{
    static const uint8_t tag = 0x08;
    uint8_t numbers[HF_SCOPES_MAX * 4], hash[HF_HASH_SIZE];
    assert(count <= HF_SCOPES_MAX);
    for (size_t i = 0; i < count; i++) {
        assert(i == 0 || scopes[i] > scopes[i - 1]); /* ascending, or two ends would differ */
        for (int byte = 0; byte < 4; byte++)
            numbers[i * 4 + (size_t)byte] = (uint8_t)(scopes[i] >> (24 - 8 * byte));
    }
    hf_bytes pieces[] = {{&tag, 1}, {numbers, count * 4}};
    crypto->hash(crypto->context, pieces, 2, hash);
    memcpy(out, hash, 16);
}

/* Rows of (position, log, seq, scope, hlc, withheld, body, feed_chain). The statement stays open
 * while visitors run, so they must not read the feed themselves. */
static sqlite3_stmt *rows_after(hf_store *store, uint64_t position, uint32_t limit)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_FEED);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)position);
    sqlite3_bind_int64(statement, 2, limit);
    return statement;
}

hf_status hf_feed_read(hf_store *store, uint64_t position, uint32_t limit, hf_entry_visitor visit,
                       void *context)
{
    assert(!store->batch); /* our bug if so: we would show what a crash can still take back */
    if (limit > HF_FEED_READ_MAX) limit = HF_FEED_READ_MAX;
    sqlite3_stmt *statement = rows_after(store, position, limit);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_entry entry;
        int64_t origin_no;
        status = hf_entry_from_row(store, statement, &entry, &origin_no);
        if (status == HF_OK) status = visit(context, &entry);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    return status;
}

/* What leaves this node of a withheld entry: its hashes. Whoever follows the log can step over it,
 * and learns nothing that it said. */
hf_status hf_entry_outward(hf_store *store, hf_entry *entry, hf_buffer *emptied)
{
    if (!entry->withheld || HF_PLANTED(WITHHELD_FED)) return HF_OK;
    hf_status status = hf_entry_erase(store->crypto, entry->body, emptied);
    entry->body = hf_buffer_bytes(emptied);
    return status;
}

static bool may_see(const hf_feed_query *query, const hf_entry *entry, int64_t origin_no)
{
    for (size_t i = 0; i < query->skip_count; i++)
        if (query->skip[i] == origin_no) return false;
    if (hf_had_entry(query->had, origin_no, entry)) return false;
    for (size_t i = 0; i < query->scope_count; i++)
        if (query->scopes[i] == entry->scope) return true;
    return false;
}

/* An entry that this verdict made count again: those who stepped over it get it now. */
static hf_status visit_opened(hf_store *store, const hf_feed_query *query, uint64_t position,
                              hf_feed_visitor visit, void *context, size_t *bytes)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_OPENED);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)position);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_feed_item item;
        status = hf_entry_from_row(store, statement, &item.entry, &item.origin_no);
        bool shown =
            status == HF_OK && !item.entry.withheld && may_see(query, &item.entry, item.origin_no);
        if (shown) status = visit(context, &item);
        if (shown) *bytes += item.entry.body.size; /* verdict and entry fill a frame together */
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    return status;
}

hf_status hf_feed_read_scopes(hf_store *store, const hf_feed_query *query, hf_feed_visitor visit,
                              void *context, uint64_t *reached, uint8_t chain[16])
{
    assert(!store->batch);
    uint32_t limit = query->limit < HF_FEED_READ_MAX ? query->limit : HF_FEED_READ_MAX;
    size_t bytes = 0;
    hf_buffer emptied = {0};
    *reached = query->after;
    sqlite3_stmt *statement = rows_after(store, query->after, limit);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    bool first = true;
    while (status == HF_OK && row && bytes < query->bytes) {
        hf_feed_item item;
        status = hf_entry_from_row(store, statement, &item.entry, &item.origin_no);
        if (status != HF_OK) break;
        bool shown = may_see(query, &item.entry, item.origin_no);
        if (shown) status = hf_entry_outward(store, &item.entry, &emptied);
        if (status != HF_OK) break;
        if (shown && !first && bytes + item.entry.body.size > query->bytes) break;
        if (shown) {
            status = visit(context, &item);
            bytes += item.entry.body.size;
            first = false;
        }
        if (status == HF_OK && item.entry.dot.lane == HF_LANE_CONTROL)
            status = visit_opened(store, query, item.entry.position, visit, context, &bytes);
        if (status != HF_OK) break;
        *reached = item.entry.position;
        status = hf_column_exact(store, statement, 7, chain, 16);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    hf_buffer_free(&emptied);
    if (status == HF_OK && *reached == query->after)
        status = hf_feed_chain_at(store, query->after, chain);
    return status;
}

hf_status hf_feed_size_at(hf_store *store, uint64_t position, const hf_feed_query *query,
                          size_t *size)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_ENTRY_SIZE);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)position);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && !row) return HF_ERR_NOT_FOUND;
    if (status != HF_OK) return status;
    int64_t log = sqlite3_column_int64(statement, 2);
    hf_entry entry = {
        .scope = (uint32_t)sqlite3_column_int64(statement, 0),
        .dot = {.lane = (uint8_t)(log % 8), .seq = (uint64_t)sqlite3_column_int64(statement, 3)}};
    bool shown = may_see(query, &entry, log / 8);
    *size = shown ? (size_t)sqlite3_column_int64(statement, 1) : 0;
    sqlite3_reset(statement);
    return HF_OK;
}
