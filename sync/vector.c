/* vector.c: how far each log is held in each scope, and the holes it steps over.
 *
 * The vector is what every promise about completeness rests on: v = s means that every entry of
 * that log in that scope up to s is held, or is a hole with a reason. So there is one function that
 * moves it, and it moves only from an entry's own predecessor. */
#include "store_core.h"

#include <assert.h>
#include <string.h>

void hf_chain_next(const hf_crypto *crypto, uint8_t chain[HF_HASH_SIZE],
                   const uint8_t hash[HF_HASH_SIZE])
{
    static const uint8_t tag = 0x01;
    hf_bytes pieces[] = {{&tag, 1}, {chain, HF_HASH_SIZE}, {hash, HF_HASH_SIZE}};
    crypto->hash(crypto->context, pieces, 3, chain);
}

static hf_status slot_write(hf_store *store, hf_vector_slot *slot)
{
    if (!slot->known || !slot->dirty) return HF_OK;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_VECTOR_SET);
    sqlite3_bind_int64(statement, 1, slot->log);
    sqlite3_bind_int64(statement, 2, slot->scope);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)slot->seq);
    hf_bind_bytes(statement, 4, slot->chain, HF_HASH_SIZE);
    hf_status status = hf_sql_run(store, statement);
    if (status == HF_OK) slot->dirty = false;
    return status;
}

static hf_status slot_read(hf_store *store, hf_vector_slot *slot)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_VECTOR_GET);
    sqlite3_bind_int64(statement, 1, slot->log);
    sqlite3_bind_int64(statement, 2, slot->scope);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) {
        slot->seq = (uint64_t)sqlite3_column_int64(statement, 0);
        status = hf_column_exact(store, statement, 1, slot->chain, HF_HASH_SIZE);
        sqlite3_reset(statement);
    }
    slot->known = status == HF_OK;
    return status;
}

hf_status hf_vector_get(hf_store *store, int64_t log, uint32_t scope, hf_vector_slot **out)
{
    uint64_t mix = (uint64_t)log * 0x9e3779b97f4a7c15u + scope;
    hf_vector_slot *slot = &store->vectors[(mix ^ mix >> 32) % HF_VECTOR_SLOTS];
    *out = slot;
    if (slot->known && slot->log == log && slot->scope == scope) return HF_OK;
    hf_status status = slot_write(store, slot);
    if (status != HF_OK) return status;
    *slot = (hf_vector_slot){.log = log, .scope = scope};
    return slot_read(store, slot);
}

hf_status hf_log_last(hf_store *store, int64_t log, hf_log_slot **out)
{
    hf_log_slot *slot = &store->logs[(uint64_t)log % HF_LOG_SLOTS];
    *out = slot;
    if (slot->known && slot->log == log) return HF_OK;
    hf_status status = hf_vectors_flush(store); /* rows are what is asked below */
    if (status != HF_OK) return status;
    *slot = (hf_log_slot){.log = log};
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_LOG_LAST);
    sqlite3_bind_int64(statement, 1, log);
    bool row;
    status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) slot->seq = (uint64_t)sqlite3_column_int64(statement, 0);
    slot->known = status == HF_OK;
    sqlite3_reset(statement);
    return status;
}

hf_status hf_vectors_flush(hf_store *store)
{
    hf_status status = HF_OK;
    for (size_t i = 0; i < HF_VECTOR_SLOTS && status == HF_OK; i++)
        status = slot_write(store, &store->vectors[i]);
    return status;
}

void hf_vectors_forget(hf_store *store)
{
    memset(store->vectors, 0, sizeof store->vectors);
    memset(store->logs, 0, sizeof store->logs);
}

hf_status hf_vector_advance(hf_store *store, int64_t log, uint32_t scope, uint64_t seq,
                            const uint8_t hash[HF_HASH_SIZE])
{
    hf_vector_slot *slot;
    hf_log_slot *last;
    hf_status status = hf_log_last(store, log, &last);
    if (status == HF_OK) status = hf_vector_get(store, log, scope, &slot);
    if (status != HF_OK) return status;
    assert(seq > slot->seq); /* the callers checked that pseq is what we hold */
    slot->seq = seq;
    slot->dirty = true;
    hf_chain_next(store->crypto, slot->chain, hash);
    if (seq > last->seq) last->seq = seq;
    return HF_OK;
}

hf_status hf_hole_next(hf_store *store, int64_t log, uint32_t scope, uint64_t *seq,
                       uint8_t hash[HF_HASH_SIZE])
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_HOLE_NEXT);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, scope);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)*seq);
    *seq = 0;
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status != HF_OK || !row) return status;
    *seq = (uint64_t)sqlite3_column_int64(statement, 0);
    status = hf_column_exact(store, statement, 1, hash, HF_HASH_SIZE);
    sqlite3_reset(statement);
    return status;
}

hf_status hf_vector_step(hf_store *store, int64_t log, uint32_t scope)
{
    for (;;) {
        hf_vector_slot *slot;
        uint8_t hash[HF_HASH_SIZE];
        hf_status status = hf_vector_get(store, log, scope, &slot);
        uint64_t seq = slot->seq;
        if (status == HF_OK) status = hf_hole_next(store, log, scope, &seq, hash);
        if (status != HF_OK || seq == 0) return status;
        status = hf_vector_advance(store, log, scope, seq, hash);
        if (status != HF_OK) return status;
    }
}

hf_status hf_hole_get(hf_store *store, int64_t log, uint64_t seq, uint32_t *reason,
                      uint8_t hash[HF_HASH_SIZE])
{
    *reason = 0;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_HOLE_GET);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) {
        *reason = (uint32_t)sqlite3_column_int64(statement, 0);
        status = hf_column_exact(store, statement, 1, hash, HF_HASH_SIZE);
        sqlite3_reset(statement);
    }
    return status;
}

hf_status hf_hole_set(hf_store *store, const hf_hole_row *hole)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_HOLE_SET);
    sqlite3_bind_int64(statement, 1, hole->log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)hole->seq);
    sqlite3_bind_int64(statement, 3, hole->scope);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)hole->pseq);
    hf_bind_bytes(statement, 5, hole->hash, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 6, hole->reason);
    sqlite3_bind_text(statement, 7, hole->text, -1, SQLITE_STATIC);
    return hf_sql_run(store, statement);
}

hf_status hf_hole_delete(hf_store *store, int64_t log, uint64_t seq)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_HOLE_DELETE);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    return hf_sql_run(store, statement);
}

hf_status hf_dot_seen(hf_store *store, uint32_t scope, const hf_dot *dot, bool *seen)
{
    *seen = false;
    const hf_origin_row *origin = hf_origin_by_id(store, &dot->origin);
    if (!origin) return HF_OK;
    int64_t log = hf_log_no(origin->no, dot->lane);
    hf_vector_slot *slot;
    hf_status status = hf_vector_get(store, log, scope, &slot);
    if (status != HF_OK || dot->seq > slot->seq) return status;
    uint32_t reason;
    uint8_t hash[HF_HASH_SIZE];
    status = hf_hole_get(store, log, dot->seq, &reason, hash);
    *seen = status == HF_OK && reason == 0;
    return status;
}

hf_status hf_vector_claim(hf_store *store, uint32_t scope, const hf_vector_item *item,
                          uint64_t *seq)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_AWAITED);
    sqlite3_bind_int64(statement, 1, hf_log_no(item->origin_no, item->lane));
    sqlite3_bind_int64(statement, 2, scope);
    sqlite3_bind_int64(statement, 3, HF_HOLE_AWAITED);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)item->seq);
    bool row;
    *seq = item->seq;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) *seq = (uint64_t)sqlite3_column_int64(statement, 0);
    if (statement) sqlite3_reset(statement);
    return status;
}
