/* check.c: is every row what was stored? Asked at open.
 *
 * Why so early: a disk may give back a wrong byte years later, SQLite does not notice one within a
 * row, and what is written on top of damage makes it ours. So it must not wait until it is read by
 * chance. The store opens all the same: what is sound in it can be read, and nothing is written. */
#include "merge.h"
#include "store_core.h"

#include <string.h>

typedef hf_status (*row_check)(hf_store *store, sqlite3_stmt *row, void *context);

static hf_status each_row(hf_store *store, hf_sql_id sql, row_check check, void *context)
{
    sqlite3_stmt *statement = hf_sql(store, sql);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        status = check(store, statement, context);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

void hf_feed_chain_next(const hf_crypto *crypto, uint8_t feed[16], hf_bytes chain)
{
    static const uint8_t tag = 0x07;
    uint8_t hash[HF_HASH_SIZE];
    hf_bytes pieces[] = {{&tag, 1}, {feed, 16}, chain};
    crypto->hash(crypto->context, pieces, 3, hash);
    memcpy(feed, hash, 16);
}

/* (chain, feed chain, body, seq, scope, hlc) */
static hf_status check_entry(hf_store *store, sqlite3_stmt *row, void *context)
{
    uint8_t *feed = context;
    hf_entry_body entry;
    hf_bytes body, stored = hf_column_bytes(row, 1);
    hf_feed_chain_next(store->crypto, feed, hf_column_bytes(row, 0));
    if (!hf_bytes_equal(stored, (hf_bytes){feed, 16}))
        return hf_store_damaged(store, "the chain over its entries is broken");
    hf_status status = hf_unseal(store, hf_column_bytes(row, 2), &body);
    if (status != HF_OK) return status;
    bool same = hf_entry_parse(body, &entry) == HF_OK &&
                entry.seq == (uint64_t)sqlite3_column_int64(row, 3) &&
                entry.scope == (uint32_t)sqlite3_column_int64(row, 4) &&
                entry.hlc == (hf_hlc)sqlite3_column_int64(row, 5);
    if (same) return HF_OK;
    return hf_store_damaged(store, "an entry is filed under another place than it names");
}

/* (the vector's chain, its entry's): the next entry's chain is made from it. */
static hf_status check_vector(hf_store *store, sqlite3_stmt *row, void *context)
{
    (void)context;
    if (hf_bytes_equal(hf_column_bytes(row, 0), hf_column_bytes(row, 1))) return HF_OK;
    return hf_store_damaged(store, "a vector does not end where its log does");
}

static hf_status check_head(hf_store *store, sqlite3_stmt *row, void *context)
{
    (void)context;
    hf_bytes leaves;
    return hf_head_row_leaves(store, row, &leaves);
}

/* (what was sealed) */
static hf_status check_sealed(hf_store *store, sqlite3_stmt *row, void *context)
{
    (void)context;
    hf_bytes content;
    return hf_unseal(store, hf_column_bytes(row, 0), &content);
}

/* Whom entries are believed to be by. */
static hf_status check_origins(hf_store *store)
{
    for (size_t i = 0; i < store->origin_count; i++) {
        const hf_origin_row *origin = store->origins[i];
        hf_origin_id id;
        if (!origin->known) continue;
        hf_origin_make_id(store->crypto, origin->key_id, origin->incarnation, &id);
        if (memcmp(&id, &origin->id, sizeof id) != 0)
            return hf_store_damaged(store, "an origin's name does not follow from its key");
    }
    return HF_OK;
}

hf_status hf_store_check(hf_store *store)
{
    uint8_t feed[16];
    memcpy(feed, store->epoch, sizeof feed);
    hf_status status = hf_acks_check(store);
    if (status == HF_OK) status = check_origins(store);
    if (status == HF_OK) status = each_row(store, HF_SQL_ENTRY_CHECK, check_entry, feed);
    if (status == HF_OK) status = each_row(store, HF_SQL_VECTOR_CHECK, check_vector, NULL);
    if (status == HF_OK) status = each_row(store, HF_SQL_HEAD_CHECK, check_head, NULL);
    if (status == HF_OK) status = each_row(store, HF_SQL_RECORD_CHECK, check_sealed, NULL);
    if (status == HF_OK) status = each_row(store, HF_SQL_ACTOR_CHECK, check_sealed, NULL);
    if (status == HF_OK) status = each_row(store, HF_SQL_BLOCK_CHECK, hf_block_check, NULL);
    return status == HF_ERR_CORRUPT ? HF_OK : status;
}
