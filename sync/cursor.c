/* cursor.c: how far we are in a hub's feed, and how far a hub is in our logs. Both are stored in
 * the transaction of the data that they speak of, so a crash can make neither of them wrong. */
#include "store_core.h"

#include <string.h>

hf_status hf_batch_cursor(hf_batch *batch, const hf_cursor *cursor)
{
    hf_store *store = batch->store;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CURSOR_SET);
    hf_bind_bytes(statement, 1, cursor->hub.bytes, HF_ORIGIN_SIZE);
    hf_bind_bytes(statement, 2, cursor->epoch, sizeof cursor->epoch);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)cursor->position);
    hf_bind_bytes(statement, 4, cursor->chain, sizeof cursor->chain);
    hf_bind_bytes(statement, 5, cursor->scopes, sizeof cursor->scopes);
    sqlite3_bind_int64(statement, 6, (sqlite3_int64)cursor->here);
    return hf_sql_run(store, statement);
}

hf_status hf_cursor_get(hf_store *store, const hf_origin_id *hub, hf_cursor *out, bool *found)
{
    *out = (hf_cursor){.hub = *hub};
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CURSOR_GET);
    hf_bind_bytes(statement, 1, hub->bytes, HF_ORIGIN_SIZE);
    hf_status status = hf_sql_row(store, statement, found);
    if (status != HF_OK || !*found) return status;
    status = hf_column_exact(store, statement, 0, out->epoch, sizeof out->epoch);
    out->position = (uint64_t)sqlite3_column_int64(statement, 1);
    if (status == HF_OK)
        status = hf_column_exact(store, statement, 2, out->chain, sizeof out->chain);
    if (status == HF_OK)
        status = hf_column_exact(store, statement, 3, out->scopes, sizeof out->scopes);
    out->here = (uint64_t)sqlite3_column_int64(statement, 4);
    sqlite3_reset(statement);
    return status;
}

hf_status hf_batch_acked(hf_batch *batch, const hf_origin_id *hub, const hf_origin_row *origin,
                         uint8_t lane, uint64_t durable, uint64_t central)
{
    hf_store *store = batch->store;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ACK_SET);
    hf_bind_bytes(statement, 1, hub->bytes, HF_ORIGIN_SIZE);
    sqlite3_bind_int64(statement, 2, hf_log_no(origin->no, lane));
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)durable);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)central);
    batch->acks_changed = true;
    return hf_sql_run(store, statement);
}

hf_status hf_batch_acks_void(hf_batch *batch, const hf_origin_id *hub, bool *any)
{
    hf_store *store = batch->store;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ACK_VOID);
    hf_bind_bytes(statement, 1, hub->bytes, HF_ORIGIN_SIZE);
    hf_bind_bytes(statement, 2, store->crypto->own_key_id, HF_HASH_SIZE);
    hf_status status = hf_sql_run(store, statement);
    *any = status == HF_OK && sqlite3_changes(store->db) > 0;
    batch->acks_changed = batch->acks_changed || *any;
    return status;
}

/* ---- receipts that the disk gave back wrong ---- */

static const char META_ACKS[] = "acks"; /* checksum over all rows of ack */

/* All acks there are, and behind them their checksum. A few rows: our logs, at the hubs we met. */
static hf_status read_acks(hf_store *store, hf_buffer *out)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ACKS);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_bytes hub = hf_column_bytes(statement, 0);
        hf_write_bytes(out, hub.data, hub.size);
        for (int i = 1; i < 4; i++) hf_write_int(out, sqlite3_column_int64(statement, i));
        status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    if (status == HF_OK) hf_seal(out);
    return status == HF_OK ? out->status : status;
}

static hf_bytes sum_of(const hf_buffer *acks)
{
    return (hf_bytes){acks->data + acks->size - sizeof(uint64_t), sizeof(uint64_t)};
}

hf_status hf_acks_seal(hf_store *store)
{
    hf_buffer acks = {0};
    hf_status status = read_acks(store, &acks);
    if (status == HF_OK) status = hf_meta_set(store, META_ACKS, sum_of(&acks));
    hf_buffer_free(&acks);
    return status;
}

/* One flipped bit in these few bytes would tell an officer that what never left this device is at
 * the hub. So none of them is believed: the store is damaged, and an empty table stands before the
 * real one. Stores of before this check have no checksum until the next acknowledgement. */
hf_status hf_acks_check(hf_store *store)
{
    hf_buffer acks = {0}, stored = {0};
    hf_status status = read_acks(store, &acks);
    if (status == HF_OK) status = hf_meta_get(store, META_ACKS, &stored);
    bool same = status == HF_OK && hf_bytes_equal(sum_of(&acks), hf_buffer_bytes(&stored));
    bool known = stored.size > 0;
    hf_buffer_free(&acks);
    hf_buffer_free(&stored);
    if (status != HF_OK || same || !known) return status;
    status = hf_sql_exec(store, "CREATE TEMP TABLE ack(hub, log, durable, central)");
    return status == HF_OK
               ? hf_store_damaged(store, "what a hub acknowledged is not as it was stored")
               : status;
}
