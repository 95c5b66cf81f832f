/* outage.c: rows of outages and of a hub's beats: see outage.h. */
#include "outage.h"

#include "store_core.h"

#include <string.h>

enum { BEAT_JOIN_MS = 1000 }; /* arrivals are known to the second */
static const uint64_t DAY_MS = 24 * 60 * 60 * 1000;

/* ---- lists of logs ---- */

hf_reader hf_outage_logs(hf_bytes logs, size_t *count)
{
    hf_reader reader = hf_reader_open(logs);
    *count = logs.size ? hf_read_array(&reader, HF_OUTAGE_LOGS_MAX) : 0;
    return reader;
}

bool hf_outage_next_log(hf_reader *reader, hf_outage_log *out)
{
    if (hf_read_array(reader, 4) != 4) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    hf_read_bytes_exact(reader, out->origin.bytes, HF_ORIGIN_SIZE);
    out->lane = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    out->from = hf_read_uint_max(reader, INT64_MAX);
    out->to = hf_read_uint_max(reader, INT64_MAX);
    return reader->status == HF_OK;
}

void hf_write_outage_log(hf_buffer *out, const hf_outage_log *log)
{
    hf_write_array(out, 4);
    hf_write_bytes(out, log->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(out, log->lane);
    hf_write_uint(out, log->from);
    hf_write_uint(out, log->to);
}

/* ---- outages ---- */

static hf_status prune(hf_store *store, const uint8_t seer[HF_HASH_SIZE])
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_OUTAGE_PRUNE);
    hf_bind_bytes(statement, 1, seer, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 2, HF_OUTAGES_PER_SEER);
    return hf_sql_run(store, statement);
}

hf_status hf_outage_put(hf_store *store, const hf_outage *outage)
{
    hf_status status = hf_store_writable(store);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_OUTAGE_PUT);
    hf_bind_bytes(statement, 1, outage->seer, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)outage->last_ms);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)outage->noticed_ms);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)outage->ended_ms);
    sqlite3_bind_int64(statement, 5, outage->reason);
    sqlite3_bind_int64(statement, 6, outage->quality);
    sqlite3_bind_int64(statement, 7, outage->told);
    sqlite3_bind_int64(statement, 8, (sqlite3_int64)outage->position);
    sqlite3_bind_text(statement, 9, outage->unit, -1, SQLITE_STATIC);
    hf_bind_bytes(statement, 10, outage->logs.data, outage->logs.size);
    status = hf_sql_run(store, statement);
    return status == HF_OK ? prune(store, outage->seer) : status;
}

hf_status hf_outage_end(hf_store *store, const hf_outage *outage, uint64_t was_ms)
{
    hf_status status = hf_store_writable(store);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_OUTAGE_END);
    hf_bind_bytes(statement, 1, outage->seer, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)was_ms);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)outage->last_ms);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)outage->noticed_ms);
    sqlite3_bind_int64(statement, 5, (sqlite3_int64)outage->ended_ms);
    sqlite3_bind_int64(statement, 6, outage->quality);
    hf_bind_bytes(statement, 7, outage->logs.data, outage->logs.size);
    return hf_sql_run(store, statement);
}

static hf_status from_row(hf_store *store, sqlite3_stmt *row, hf_outage *out)
{
    *out = (hf_outage){.last_ms = (uint64_t)sqlite3_column_int64(row, 1),
                       .noticed_ms = (uint64_t)sqlite3_column_int64(row, 2),
                       .ended_ms = (uint64_t)sqlite3_column_int64(row, 3),
                       .reason = (uint32_t)sqlite3_column_int64(row, 4),
                       .quality = (uint8_t)sqlite3_column_int64(row, 5),
                       .told = sqlite3_column_int64(row, 6) != 0,
                       .position = (uint64_t)sqlite3_column_int64(row, 7),
                       .logs = hf_column_bytes(row, 9)};
    const char *unit = (const char *)sqlite3_column_text(row, 8);
    strncpy(out->unit, unit ? unit : "", sizeof out->unit - 1);
    return hf_column_exact(store, row, 0, out->seer, HF_HASH_SIZE);
}

hf_status hf_outage_each(hf_store *store, const uint8_t *seer, uint64_t since_ms,
                         hf_outage_visitor visit, void *context)
{
    sqlite3_stmt *statement = hf_sql(store, seer ? HF_SQL_OUTAGES_OF : HF_SQL_OUTAGES);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)since_ms);
    if (seer) hf_bind_bytes(statement, 2, seer, HF_HASH_SIZE);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_outage one;
        status = from_row(store, statement, &one);
        if (status == HF_OK) status = visit(context, &one);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_outage_told(hf_store *store, const uint8_t seer[HF_HASH_SIZE], uint64_t up_to_ms)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_OUTAGE_TOLD);
    hf_bind_bytes(statement, 1, seer, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)up_to_ms);
    return hf_sql_run(store, statement);
}

hf_status hf_outage_told_count(hf_store *store, const uint8_t seer[HF_HASH_SIZE], uint64_t *out)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_OUTAGE_TOLD_COUNT);
    hf_bind_bytes(statement, 1, seer, HF_HASH_SIZE);
    return hf_sql_number(store, statement, out);
}

hf_status hf_outage_untold(hf_store *store, const uint8_t seer[HF_HASH_SIZE])
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_OUTAGE_UNTOLD);
    hf_bind_bytes(statement, 1, seer, HF_HASH_SIZE);
    return hf_sql_run(store, statement);
}

/* ---- beats ---- */

static void beat_of_row(sqlite3_stmt *row, hf_beat *out)
{
    *out = (hf_beat){.position = (uint64_t)sqlite3_column_int64(row, 0),
                     .first_ms = (uint64_t)sqlite3_column_int64(row, 1),
                     .last_ms = (uint64_t)sqlite3_column_int64(row, 2)};
}

hf_status hf_beat_last(hf_store *store, hf_beat *out, bool *found)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_BEAT_LAST);
    hf_status status = hf_sql_row(store, statement, found);
    if (status == HF_OK && *found) beat_of_row(statement, out);
    if (statement) sqlite3_reset(statement);
    return status;
}

static hf_status beat_write(hf_store *store, const hf_beat *before, const hf_beat *now)
{
    bool joins = before != NULL;
    sqlite3_stmt *statement = hf_sql(store, joins ? HF_SQL_BEAT_ON : HF_SQL_BEAT_ADD);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)now->position);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)now->first_ms);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)now->last_ms);
    if (joins) sqlite3_bind_int64(statement, 4, (sqlite3_int64)before->position);
    return hf_sql_run(store, statement);
}

hf_status hf_beat_put(hf_store *store, uint64_t position, uint64_t wall_ms)
{
    hf_beat before;
    bool found;
    hf_status status = hf_store_writable(store);
    if (status == HF_OK) status = hf_beat_last(store, &before, &found);
    if (status != HF_OK) return status;
    bool same = found && position <= before.position;
    /* A clock that was set back must not give two beats one moment, nor end one before it began. */
    bool soon = found && wall_ms < before.first_ms + BEAT_JOIN_MS;
    hf_beat now = {.position = position, .first_ms = wall_ms, .last_ms = wall_ms};
    if (same) now.position = before.position;
    if (same || soon) now.first_ms = before.first_ms;
    if (found && now.last_ms < before.last_ms) now.last_ms = before.last_ms;
    status = beat_write(store, same || soon ? &before : NULL, &now);
    if (status != HF_OK || same || soon || wall_ms < HF_BEATS_KEPT_DAYS * DAY_MS) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_BEAT_PRUNE);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)(wall_ms - HF_BEATS_KEPT_DAYS * DAY_MS));
    return hf_sql_run(store, statement);
}

hf_status hf_beat_each(hf_store *store, uint64_t position, hf_beat_visitor visit, void *context)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_BEATS);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)position);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_beat one;
        beat_of_row(statement, &one);
        status = visit(context, &one);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_beat_position(hf_store *store, uint64_t wall_ms, uint64_t *position)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_BEAT_AT);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)wall_ms);
    return hf_sql_number(store, statement, position);
}

/* ---- what devices told ---- */

hf_status hf_told_put(hf_store *store, const hf_told *told)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_TOLD_PUT);
    hf_bind_bytes(statement, 1, told->key_id, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)told->at_ms);
    sqlite3_bind_int64(statement, 3, told->clock_ms);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)told->waiting);
    sqlite3_bind_int64(statement, 5, (sqlite3_int64)told->oldest_ms);
    sqlite3_bind_int64(statement, 6, (sqlite3_int64)told->free_mib);
    sqlite3_bind_int64(statement, 7, (sqlite3_int64)told->synced_ms);
    sqlite3_bind_int64(statement, 8, told->pack_version);
    sqlite3_bind_text(statement, 9, told->implementation, -1, SQLITE_STATIC);
    return hf_sql_run(store, statement);
}

static uint64_t number_at(sqlite3_stmt *row, int index)
{
    return (uint64_t)sqlite3_column_int64(row, index);
}

hf_status hf_told_get(hf_store *store, const uint8_t key_id[HF_HASH_SIZE], hf_told *out)
{
    *out = (hf_told){.at_ms = 0};
    memcpy(out->key_id, key_id, HF_HASH_SIZE);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_TOLD);
    hf_bind_bytes(statement, 1, key_id, HF_HASH_SIZE);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) {
        out->at_ms = number_at(statement, 1);
        out->clock_ms = sqlite3_column_int64(statement, 2);
        out->waiting = number_at(statement, 3);
        out->oldest_ms = number_at(statement, 4);
        out->free_mib = number_at(statement, 5);
        out->synced_ms = number_at(statement, 6);
        out->pack_version = (uint32_t)number_at(statement, 7);
        const char *text = (const char *)sqlite3_column_text(statement, 8);
        strncpy(out->implementation, text ? text : "", sizeof out->implementation - 1);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_window_known_put(hf_store *store, const uint8_t id[HF_RECORD_ID_SIZE],
                              const uint8_t key_id[HF_HASH_SIZE], uint64_t at_ms)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_WINDOW_KNOWN);
    hf_bind_bytes(statement, 1, id, HF_RECORD_ID_SIZE);
    hf_bind_bytes(statement, 2, key_id, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)at_ms);
    return hf_sql_run(store, statement);
}

hf_status hf_window_known_get(hf_store *store, const uint8_t id[HF_RECORD_ID_SIZE],
                              const uint8_t key_id[HF_HASH_SIZE], uint64_t *at_ms)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_WINDOW_KNOWN_AT);
    hf_bind_bytes(statement, 1, id, HF_RECORD_ID_SIZE);
    hf_bind_bytes(statement, 2, key_id, HF_HASH_SIZE);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    *at_ms = status == HF_OK && row ? number_at(statement, 0) : 0;
    if (statement) sqlite3_reset(statement);
    return status;
}
