/* grants.c: which scopes a device was granted, and so where it may write; at a hub, everywhere.
 *
 * Why not with the control records: a device holds those of nobody. Its grants are what WELCOME
 * said last, in a table of their own. */
#include "control.h"

#include "store_core.h"

#include <stdlib.h>
#include <string.h>

hf_status hf_batch_grants(hf_batch *batch, const hf_grant *grants, size_t count)
{
    hf_store *store = batch->store;
    store->may_write = 0; /* whatever becomes of this batch, it is looked up anew */
    store->grants_set++;  /* whom the list of hubs sends us to is a matter of our scopes */
    hf_status status = hf_sql_run(store, hf_sql(store, HF_SQL_R_GRANTS_CLEAR));
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_GRANT_ADD);
        sqlite3_bind_int64(statement, 1, grants[i].number);
        sqlite3_bind_int(statement, 2, grants[i].may_write);
        sqlite3_bind_text(statement, 3, grants[i].name, -1, SQLITE_STATIC);
        status = hf_sql_run(store, statement);
    }
    return status;
}

static hf_status grants_read(hf_store *store, hf_sql_id sql, hf_grant *out, size_t *count)
{
    size_t room = *count, found = 0;
    sqlite3_stmt *statement = hf_sql(store, sql);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        if (found < room) {
            out[found] = (hf_grant){.number = (uint32_t)sqlite3_column_int64(statement, 0),
                                    .may_write = sqlite3_column_int(statement, 1) != 0};
            const char *name = (const char *)sqlite3_column_text(statement, 2);
            if (name) strncpy(out[found].name, name, sizeof out[found].name - 1);
        }
        found++;
        status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    *count = found;
    return status;
}

hf_status hf_grants_get(hf_store *store, hf_grant *out, size_t *count)
{
    return grants_read(store, HF_SQL_R_GRANTS, out, count);
}

hf_status hf_store_scopes(hf_store *store, hf_scope_view *out, size_t *count)
{
    size_t room = *count, all = HF_SCOPES_MAX, found = 0;
    hf_grant *grants = calloc(all, sizeof *grants);
    if (!grants) return HF_ERR_NOMEM;
    hf_status status =
        grants_read(store, store->is_hub ? HF_SQL_R_SCOPES : HF_SQL_R_GRANTS, grants, &all);
    if (all > HF_SCOPES_MAX) all = HF_SCOPES_MAX;
    for (size_t i = 0; i < all && status == HF_OK; i++) {
        bool home = strncmp(grants[i].name, "device/", 7) == 0; /* the hub's words to a device */
        if (!grants[i].may_write || home || grants[i].number <= HF_SCOPE_COMMON) continue;
        if (found < room) {
            out[found].number = grants[i].number;
            memcpy(out[found].name, grants[i].name, sizeof out[found].name);
        }
        found++;
    }
    free(grants);
    *count = found;
    return status;
}

hf_status hf_may_write(hf_store *store, uint32_t scope, bool *may)
{
    *may = store->is_hub || (scope && store->may_write == scope);
    if (*may) return HF_OK;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_GRANT);
    sqlite3_bind_int64(statement, 1, scope);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) *may = sqlite3_column_int(statement, 0) != 0;
    sqlite3_reset(statement);
    if (*may) store->may_write = scope;
    return status;
}
