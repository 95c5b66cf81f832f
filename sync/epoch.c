/* epoch.c: one life of this replica's feed, and the step into the next.
 *
 * A position means the same entry for as long as an epoch lasts. A store that was set back would
 * give positions that it has told of to other entries; so it begins a new epoch, which no cursor
 * names, and whoever comes with an old one is met by vectors. */
#include "store_core.h"

#include <string.h>

enum { ROWS_PER_READ = 256 };

static hf_status epoch_draw(hf_store *store, uint8_t epoch[16])
{
    const hf_crypto *crypto = store->crypto;
    hf_status status = crypto->random(crypto->context, epoch, 16);
    if (status == HF_OK) status = hf_meta_set(store, "epoch", (hf_bytes){epoch, 16});
    return status;
}

hf_status hf_epoch_load(hf_store *store)
{
    hf_buffer value = {0};
    hf_status status = hf_meta_get(store, "epoch", &value);
    if (status == HF_OK && value.size == sizeof store->epoch)
        memcpy(store->epoch, value.data, sizeof store->epoch);
    else if (status == HF_OK && !store->read_only)
        status = epoch_draw(store, store->epoch);
    hf_buffer_free(&value);
    return status;
}

typedef struct place { /* in the feed, and its chain there */
    uint64_t position;
    uint8_t chain[16];
} place;

/* The chains of the next rows, which follow from their entries' own; *count 0: there are no more.
 */
static hf_status next_places(hf_store *store, place *at, place out[ROWS_PER_READ], size_t *count)
{
    *count = 0;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_FEED_CHAINS);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)at->position);
    sqlite3_bind_int64(statement, 2, ROWS_PER_READ);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        at->position = (uint64_t)sqlite3_column_int64(statement, 0);
        hf_feed_chain_next(store->crypto, at->chain, hf_column_bytes(statement, 1));
        out[(*count)++] = *at;
        status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

static hf_status write_chains(hf_store *store, place *at)
{
    place places[ROWS_PER_READ];
    size_t count;
    hf_status status;
    do {
        status = next_places(store, at, places, &count);
        for (size_t i = 0; i < count && status == HF_OK; i++) {
            sqlite3_stmt *statement = hf_sql(store, HF_SQL_FEED_CHAIN_SET);
            sqlite3_bind_int64(statement, 1, (sqlite3_int64)places[i].position);
            hf_bind_bytes(statement, 2, places[i].chain, sizeof places[i].chain);
            status = hf_sql_run(store, statement);
        }
    } while (status == HF_OK && count > 0);
    return status;
}

/* The chain begins with the epoch, so every value of it is another from here on. */
hf_status hf_epoch_renew(hf_store *store)
{
    uint8_t epoch[16];
    hf_status status = hf_store_writable(store);
    if (status == HF_OK) status = hf_sql_run(store, hf_sql(store, HF_SQL_BEGIN));
    if (status != HF_OK) return status;
    status = epoch_draw(store, epoch);
    place at = {.position = 0};
    memcpy(at.chain, epoch, sizeof epoch);
    if (status == HF_OK) status = write_chains(store, &at);
    if (status == HF_OK) status = hf_sql_run(store, hf_sql(store, HF_SQL_COMMIT));
    if (status != HF_OK) {
        hf_store_undo(store);
        return status;
    }
    memcpy(store->epoch, epoch, sizeof epoch);
    memcpy(store->feed_chain, at.chain, sizeof at.chain);
    return HF_OK;
}
