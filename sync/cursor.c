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
    return hf_sql_run(store, statement);
}
