/* carry.c: see carry.h. */
#include "carry.h"

#include "bundle.h"
#include "store_core.h"

#include <string.h>

#define DAY_MS (24ull * 60 * 60 * 1000)

hf_status hf_carry_newest(hf_store *store, uint64_t *out)
{
    hf_status status = HF_OK;
    if (!store->carry_counted) {
        bool row;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_NEWEST);
        status = hf_sql_row(store, statement, &row);
        if (status == HF_OK && row)
            store->carry_number = (uint64_t)sqlite3_column_int64(statement, 0);
        if (statement) sqlite3_reset(statement);
        store->carry_counted = status == HF_OK;
    }
    *out = store->carry_number;
    return status;
}

static hf_status next_number(hf_store *store, uint64_t *out)
{
    hf_status status = hf_store_writable(store);
    if (status == HF_OK) status = hf_carry_newest(store, out);
    if (status == HF_OK) *out = ++store->carry_number;
    return status;
}

/* ---- reading ---- */

static hf_status read_row(hf_store *store, sqlite3_stmt *statement, hf_carry_row *out)
{
    *out = (hf_carry_row){.stage = (uint8_t)sqlite3_column_int(statement, 2),
                          .lane = (uint8_t)sqlite3_column_int(statement, 3),
                          .number = (uint64_t)sqlite3_column_int64(statement, 4),
                          .serial = (uint64_t)sqlite3_column_int64(statement, 5),
                          .since_ms = (uint64_t)sqlite3_column_int64(statement, 6),
                          .size = (uint32_t)sqlite3_column_int64(statement, 7)};
    hf_status status = hf_column_exact(store, statement, 0, out->id, HF_HASH_SIZE);
    if (status == HF_OK) status = hf_column_exact(store, statement, 1, out->station, HF_HASH_SIZE);
    return status;
}

hf_status hf_carry_each(hf_store *store, uint64_t after, hf_carry_visitor visit, void *context)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_EACH);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)after);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_carry_row found;
        status = read_row(store, statement, &found);
        if (status == HF_OK) status = visit(context, &found);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_carry_get(hf_store *store, const uint8_t id[HF_HASH_SIZE], hf_carry_row *out,
                       bool *found)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_GET);
    hf_bind_bytes(statement, 1, id, HF_HASH_SIZE);
    hf_status status = hf_sql_row(store, statement, found);
    if (status == HF_OK && *found) status = read_row(store, statement, out);
    if (statement) sqlite3_reset(statement);
    return status;
}

/* The first column of the one row that there may be, copied. */
static hf_status copy_blob(hf_store *store, sqlite3_stmt *statement, hf_buffer *out)
{
    bool row;
    hf_buffer_clear(out);
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) hf_write_raw(out, hf_column_bytes(statement, 0));
    if (statement) sqlite3_reset(statement);
    if (status != HF_OK) return status;
    return row ? out->status : HF_ERR_NOT_FOUND;
}

static hf_status drop_carriers(hf_store *store, const uint8_t id[HF_HASH_SIZE])
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_DROP_CARRIERS);
    hf_bind_bytes(statement, 1, id, HF_HASH_SIZE);
    return hf_sql_run(store, statement);
}

static hf_status drop(hf_store *store, const uint8_t id[HF_HASH_SIZE])
{
    hf_status status = drop_carriers(store, id);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_DROP);
    hf_bind_bytes(statement, 1, id, HF_HASH_SIZE);
    return hf_sql_run(store, statement);
}

hf_status hf_carry_bytes(hf_store *store, const uint8_t id[HF_HASH_SIZE], uint8_t stage,
                         hf_buffer *out)
{
    uint8_t hash[HF_HASH_SIZE];
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_BYTES);
    hf_bind_bytes(statement, 1, id, HF_HASH_SIZE);
    sqlite3_bind_int(statement, 2, stage);
    hf_status status = copy_blob(store, statement, out);
    if (status != HF_OK || stage != HF_CARRY_BUNDLE) return status;
    hf_bundle_id(store->crypto, hf_buffer_bytes(out), hash);
    if (memcmp(hash, id, sizeof hash) == 0) return HF_OK;
    /* It rotted here. Its station has it, and seals it anew where this was that station. */
    status = drop(store, id);
    return status == HF_OK ? HF_ERR_NOT_FOUND : status;
}

hf_status hf_carry_covers(hf_store *store, const uint8_t id[HF_HASH_SIZE], hf_buffer *out)
{
    hf_bytes content;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_COVERS);
    hf_bind_bytes(statement, 1, id, HF_HASH_SIZE);
    hf_status status = copy_blob(store, statement, out);
    if (status == HF_OK) status = hf_unseal(store, hf_buffer_bytes(out), &content);
    if (status == HF_OK) out->size = content.size; /* its checksum stands at the end */
    return status;
}

/* ---- writing ---- */

hf_status hf_carry_put(hf_store *store, const hf_carry_row *row, hf_bytes covers, hf_bytes bytes)
{
    uint64_t number;
    hf_buffer noted = {0};
    hf_status status = next_number(store, &number);
    if (status != HF_OK) return status;
    hf_write_raw(&noted, covers);
    hf_seal(&noted);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_PUT);
    hf_bind_bytes(statement, 1, row->id, HF_HASH_SIZE);
    hf_bind_bytes(statement, 2, row->station, HF_HASH_SIZE);
    sqlite3_bind_int(statement, 3, row->stage);
    sqlite3_bind_int(statement, 4, row->lane);
    sqlite3_bind_int64(statement, 5, (sqlite3_int64)number);
    sqlite3_bind_int64(statement, 6, (sqlite3_int64)row->serial);
    sqlite3_bind_int64(statement, 7, (sqlite3_int64)row->since_ms);
    hf_bind_bytes(statement, 8, noted.data, noted.size);
    hf_bind_bytes(statement, 9, bytes.data, bytes.size);
    status = noted.status == HF_OK ? hf_sql_run(store, statement) : noted.status;
    hf_buffer_free(&noted);
    return status;
}

hf_status hf_carry_settle(hf_store *store, const uint8_t id[HF_HASH_SIZE])
{
    uint64_t number;
    hf_status status = next_number(store, &number);
    if (status == HF_OK) status = drop_carriers(store, id);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_SETTLE);
    hf_bind_bytes(statement, 1, id, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)number);
    return hf_sql_run(store, statement);
}

static uint64_t rows_max(const hf_store *store)
{
    return store->is_hub ? HF_CARRY_ROWS_HUB : HF_CARRY_ROWS_DEVICE;
}

static hf_status fits(hf_store *store, uint64_t rows, uint32_t bytes, bool *out)
{
    uint64_t bytes_max = store->is_hub ? HF_CARRY_BYTES_HUB : HF_CARRY_BYTES_DEVICE;
    bool row;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_SUM);
    hf_bind_bytes(statement, 1, store->crypto->own_key_id, HF_HASH_SIZE);
    hf_status status = hf_sql_row(store, statement, &row);
    *out = status == HF_OK &&
           (uint64_t)sqlite3_column_int64(statement, 0) + rows <= rows_max(store) &&
           (uint64_t)sqlite3_column_int64(statement, 1) + bytes <= bytes_max;
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_carry_room(hf_store *store, const hf_carry_row *wanted, bool *has)
{
    bool is_answer = wanted->stage == HF_CARRY_ANSWER; /* it takes the place of its bundle */
    bool row = true;
    hf_status status = fits(store, !is_answer, wanted->size, has);
    while (status == HF_OK && !*has && row) {
        uint8_t id[HF_HASH_SIZE];
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_LEAST);
        hf_bind_bytes(statement, 1, store->crypto->own_key_id, HF_HASH_SIZE);
        sqlite3_bind_int(statement, 2, is_answer ? HF_LANE_CONTROL : wanted->lane);
        status = hf_sql_row(store, statement, &row);
        if (status == HF_OK && row) status = hf_column_exact(store, statement, 0, id, sizeof id);
        if (statement) sqlite3_reset(statement);
        if (status == HF_OK && row) status = drop(store, id);
        if (status == HF_OK && row) status = fits(store, !is_answer, wanted->size, has);
    }
    return status;
}

static hf_status forget_settled(hf_store *store)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_FORGET);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)rows_max(store));
    return hf_sql_run(store, statement);
}

hf_status hf_carry_age(hf_store *store, uint64_t wall_ms)
{
    uint64_t age_ms = HF_CARRY_KEPT_DAYS * DAY_MS;
    hf_status status = forget_settled(store);
    bool row = wall_ms > age_ms;
    while (status == HF_OK && row) {
        uint8_t id[HF_HASH_SIZE];
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_OLD);
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)(wall_ms - age_ms));
        hf_bind_bytes(statement, 2, store->crypto->own_key_id, HF_HASH_SIZE);
        status = hf_sql_row(store, statement, &row);
        if (status == HF_OK && row) status = hf_column_exact(store, statement, 0, id, sizeof id);
        if (statement) sqlite3_reset(statement);
        if (status == HF_OK && row) status = drop(store, id);
    }
    return status;
}

/* ---- who took it along, and how much there is ---- */

hf_status hf_carry_took(hf_store *store, const uint8_t id[HF_HASH_SIZE],
                        const uint8_t key_id[HF_HASH_SIZE], uint64_t wall_ms)
{
    hf_status status = hf_store_writable(store);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_TOOK);
    hf_bind_bytes(statement, 1, id, HF_HASH_SIZE);
    hf_bind_bytes(statement, 2, key_id, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)wall_ms);
    return hf_sql_run(store, statement);
}

hf_status hf_carry_carriers(hf_store *store, const uint8_t station[HF_HASH_SIZE],
                            hf_carrier_visitor visit, void *context)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_CARRIERS);
    hf_bind_bytes(statement, 1, station, HF_HASH_SIZE);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_carrier_row found = {.since_ms = (uint64_t)sqlite3_column_int64(statement, 1),
                                .bundles = (uint64_t)sqlite3_column_int64(statement, 2),
                                .bytes = (uint64_t)sqlite3_column_int64(statement, 3)};
        status = hf_column_exact(store, statement, 0, found.key_id, HF_HASH_SIZE);
        if (status == HF_OK) status = visit(context, &found);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_carry_count(hf_store *store, hf_carry_sum *out)
{
    *out = (hf_carry_sum){.bundles = 0};
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CARRY_COUNT);
    hf_bind_bytes(statement, 1, store->crypto->own_key_id, HF_HASH_SIZE);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        bool own = sqlite3_column_int(statement, 0) != 0;
        uint64_t count = (uint64_t)sqlite3_column_int64(statement, 2);
        uint64_t bytes = (uint64_t)sqlite3_column_int64(statement, 3);
        uint64_t since_ms = (uint64_t)sqlite3_column_int64(statement, 4);
        if (sqlite3_column_int(statement, 1) == HF_CARRY_ANSWER) {
            out->answers += count;
        } else if (own) {
            out->own_bundles = count;
            out->own_bytes = bytes;
            out->own_since_ms = since_ms;
        } else {
            out->bundles = count;
            out->bytes = bytes;
            out->since_ms = since_ms;
        }
        status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}
