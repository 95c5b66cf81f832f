/* acted.c: who acted: the officer's name for a write, where its entry may not be held.
 *
 * Why not from the entry alone: a device that was set up by a snapshot holds values without their
 * entries, and for police work a value that nobody stands for is worth little. So a snapshot names
 * who acted, entry by entry, and it is kept here beside the records. Few people write much: each
 * name is stored once for a scope, so that it goes with the scope. */
#include "store_core.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- a list of names ---- */

static bool is_text(const hf_names *names, const hf_name *name, uint64_t hash, hf_bytes text)
{
    return name->hash == hash &&
           hf_bytes_equal((hf_bytes){names->texts.data + name->start, name->size}, text);
}

/* The slot of the text, or the free one where it belongs. */
static hf_name *slot_of(const hf_names *names, uint64_t hash, hf_bytes text)
{
    size_t mask = names->table_size - 1, at = (size_t)hash & mask;
    while (names->table[at].number && !is_text(names, &names->table[at], hash, text))
        at = (at + 1) & mask;
    return &names->table[at];
}

static hf_status table_grow(hf_names *names)
{
    if ((names->count + 1) * 2 <= names->table_size) return HF_OK;
    size_t size = names->table_size ? names->table_size * 2 : 16, former_size = names->table_size;
    hf_name *former = names->table, *table = calloc(size, sizeof *table);
    if (!table) return HF_ERR_NOMEM;
    names->table = table;
    names->table_size = size;
    for (size_t i = 0; i < former_size; i++) {
        if (former[i].number == 0) continue;
        hf_bytes text = {names->texts.data + former[i].start, former[i].size};
        *slot_of(names, former[i].hash, text) = former[i];
    }
    free(former);
    return HF_OK;
}

/* By a hash that nobody can choose names for: any device may write under as many as it likes. */
static uint64_t hash_of(const hf_crypto *crypto, hf_bytes text)
{
    uint8_t hash[HF_HASH_SIZE];
    uint64_t first;
    crypto->hash(crypto->context, &text, 1, hash);
    memcpy(&first, hash, sizeof first);
    return first;
}

hf_status hf_names_add(hf_names *names, const hf_crypto *crypto, hf_bytes text, uint32_t *number)
{
    assert(text.size > 0);
    hf_status status = table_grow(names);
    if (status != HF_OK) return status;
    uint64_t hash = hash_of(crypto, text);
    hf_name *slot = slot_of(names, hash, text);
    *number = slot->number;
    if (slot->number) return HF_OK;
    hf_write_text(&names->texts, (const char *)text.data, text.size);
    if (names->texts.status != HF_OK) return names->texts.status;
    *number = (uint32_t)++names->count;
    *slot = (hf_name){.hash = hash,
                      .start = (uint32_t)(names->texts.size - text.size),
                      .size = (uint32_t)text.size,
                      .number = *number};
    return HF_OK;
}

void hf_names_clear(hf_names *names)
{
    hf_buffer_clear(&names->texts);
    if (names->table_size) memset(names->table, 0, names->table_size * sizeof *names->table);
    names->count = 0;
}

void hf_names_free(hf_names *names)
{
    hf_buffer_free(&names->texts);
    free(names->table);
    *names = (hf_names){.count = 0};
}

/* ---- what snapshots told ---- */

hf_status hf_acted_clear(hf_store *store, uint32_t scope)
{
    static const hf_sql_id both[] = {HF_SQL_SCOPE_ACTED_CLEAR, HF_SQL_SCOPE_ACTORS_CLEAR};
    hf_status status = HF_OK;
    for (size_t i = 0; i < 2 && status == HF_OK; i++) {
        sqlite3_stmt *statement = hf_sql(store, both[i]);
        sqlite3_bind_int64(statement, 1, scope);
        status = hf_sql_run(store, statement);
    }
    return status;
}

static hf_status actor_find(hf_store *store, uint32_t scope, hf_bytes sealed, int64_t *no)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ACTOR_FIND);
    sqlite3_bind_int64(statement, 1, scope);
    hf_bind_bytes(statement, 2, sealed.data, sealed.size);
    uint64_t number;
    hf_status status = hf_sql_number(store, statement, &number);
    *no = (int64_t)number;
    return status;
}

static hf_status actor_number(hf_store *store, uint32_t scope, hf_bytes name, int64_t *no)
{
    hf_buffer sealed = {0};
    hf_write_raw(&sealed, name);
    hf_seal(&sealed);
    hf_status status = sealed.status;
    if (status == HF_OK) status = actor_find(store, scope, hf_buffer_bytes(&sealed), no);
    if (status == HF_OK && *no == 0) {
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_ACTOR_ADD);
        sqlite3_bind_int64(statement, 1, scope);
        hf_bind_bytes(statement, 2, sealed.data, sealed.size);
        status = hf_sql_run(store, statement);
        if (status == HF_OK) *no = sqlite3_last_insert_rowid(store->db);
    }
    hf_buffer_free(&sealed);
    return status;
}

static void bind_place(sqlite3_stmt *statement, uint32_t scope, int64_t log, uint64_t seq)
{
    sqlite3_bind_int64(statement, 1, scope);
    sqlite3_bind_int64(statement, 2, log);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)seq);
}

hf_status hf_acted_put(hf_store *store, uint32_t scope, int64_t log, uint64_t seq,
                       hf_chunk_actor *actor)
{
    hf_status status = HF_OK;
    if (actor->no == 0) status = actor_number(store, scope, actor->name, &actor->no);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ACTED_ADD);
    bind_place(statement, scope, log, seq);
    sqlite3_bind_int64(statement, 4, actor->no);
    status = hf_sql_run(store, statement);
    if (status != HF_OK || sqlite3_changes(store->db) > 0) return status;
    hf_buffer former = {0}; /* several records may have writes of one entry: by one officer */
    status = hf_acted_get(store, scope, log, seq, &former);
    if (status == HF_OK && !hf_bytes_equal(hf_buffer_bytes(&former), actor->name))
        status = HF_ERR_PROTOCOL;
    hf_buffer_free(&former);
    return status;
}

hf_status hf_acted_get(hf_store *store, uint32_t scope, int64_t log, uint64_t seq, hf_buffer *out)
{
    hf_buffer_clear(out);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ACTED_GET);
    bind_place(statement, scope, log, seq);
    bool row;
    hf_bytes name = {NULL, 0};
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) status = hf_unseal(store, hf_column_bytes(statement, 0), &name);
    if (status == HF_OK) hf_write_raw(out, name);
    if (statement) sqlite3_reset(statement);
    return status == HF_OK ? out->status : status;
}

hf_status hf_actor_of(hf_store *store, uint32_t scope, int64_t log, uint64_t seq, hf_buffer *out)
{
    hf_bytes body, actor;
    hf_buffer_clear(out);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ENTRY_BODY);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) {
        status = hf_unseal(store, hf_column_bytes(statement, 0), &body);
        if (status == HF_OK) status = hf_entry_actor(body, &actor);
        if (status == HF_OK) hf_write_raw(out, actor);
    }
    /* Not left open as other look-ups are: who makes a snapshot must let go of the file. */
    if (statement) sqlite3_reset(statement);
    if (status == HF_OK && !row) return hf_acted_get(store, scope, log, seq, out);
    return status == HF_OK ? out->status : status;
}
