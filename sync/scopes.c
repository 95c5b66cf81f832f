/* scopes.c: their numbers and names, as the control records say. */
#include "control.h"

#include "store_core.h"

#include <stdlib.h>
#include <string.h>

hf_status hf_scope_by_name(hf_store *store, const char *name, uint32_t *number)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_SCOPE_NUMBER);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && !row) return HF_ERR_NOT_FOUND;
    if (status == HF_OK) *number = (uint32_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return status;
}

hf_status hf_scope_name(hf_store *store, uint32_t number, char *out, size_t size)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_SCOPE_NAME);
    sqlite3_bind_int64(statement, 1, number);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && !row) return HF_ERR_NOT_FOUND;
    if (status == HF_OK) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        strncpy(out, name ? name : "", size - 1);
        out[size - 1] = 0;
    }
    sqlite3_reset(statement);
    return status;
}

hf_status hf_scope_next(hf_store *store, uint32_t *number)
{
    hf_buffer floor = {0};
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_SCOPE_LAST);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    int64_t last = status == HF_OK && row ? sqlite3_column_int64(statement, 0) : 0;
    if (statement) sqlite3_reset(statement);
    if (status == HF_OK) status = hf_meta_get(store, "scope_floor", &floor);
    int64_t least = 0; /* after a loss of control entries */
    for (size_t i = 0; i < 4 && floor.size == 4; i++) least = least << 8 | floor.data[i];
    hf_buffer_free(&floor);
    if (last < least) last = least;
    *number = (uint32_t)(last > HF_SCOPE_COMMON ? last : HF_SCOPE_COMMON) + 1;
    return status;
}

hf_status hf_scopes_all(hf_store *store, uint32_t out[HF_SCOPES_MAX], size_t *count)
{
    size_t most = HF_SCOPES_MAX - 3; /* beside its own, the common one and the hubs' */
    hf_scope_view *scopes = calloc(most, sizeof *scopes);
    *count = 0;
    if (!scopes) return HF_ERR_NOMEM;
    size_t all = most;
    hf_status status = hf_store_scopes(store, scopes, &all);
    for (; *count < all && *count < most && status == HF_OK; ++*count)
        out[*count] = scopes[*count].number;
    free(scopes);
    return status;
}
