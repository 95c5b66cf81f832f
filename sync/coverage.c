/* coverage.c: see coverage.h. */
#include "coverage.h"

#include "store_core.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_PER_READ = 256, LOGS_PER_READ = 256 };

/* ---- logs with gaps ---- */

/* Called before the vector moves: until now the log was held to its last entry. */
hf_status hf_log_patch(hf_store *store, int64_t log)
{
    hf_log_slot *last;
    if (!store->is_hub) return HF_OK; /* a device holds parts of others' logs, and of its own all */
    hf_status status = hf_log_last(store, log, &last);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_PATCHY_ADD);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)last->seq);
    return status == HF_OK ? hf_sql_run(store, statement) : status;
}

typedef struct patchy {
    bool is;
    uint64_t dense, known;
} patchy;

static hf_status patchy_get(hf_store *store, int64_t log, patchy *out)
{
    *out = (patchy){.is = false};
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_PATCHY_GET);
    sqlite3_bind_int64(statement, 1, log);
    hf_status status = hf_sql_row(store, statement, &out->is);
    if (status == HF_OK && out->is) {
        out->dense = (uint64_t)sqlite3_column_int64(statement, 0);
        out->known = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

static hf_status is_lost(hf_store *store, int64_t log, uint64_t seq, uint64_t *last)
{
    *last = 0;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_LOST_AT);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) *last = (uint64_t)sqlite3_column_int64(statement, 0);
    if (statement) sqlite3_reset(statement);
    return status;
}

/* The next seqs after `after` whose entries are here with their bodies, ascending. */
static hf_status next_held(hf_store *store, int64_t log, uint64_t *after,
                           uint64_t seqs[ROWS_PER_READ], size_t *count)
{
    *count = 0;
    size_t rows = 0;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_LOG_BODIES);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)*after);
    sqlite3_bind_int64(statement, 3, ROWS_PER_READ);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_bytes content;
        hf_entry_body body = {.erased_count = 0};
        *after = (uint64_t)sqlite3_column_int64(statement, 0);
        bool withheld = sqlite3_column_int64(statement, 1) != 0; /* only then may it be empty */
        if (withheld) status = hf_unseal(store, hf_column_bytes(statement, 2), &content);
        if (status == HF_OK && withheld) status = hf_entry_parse(content, &body);
        bool emptied = withheld && body.erased_count == body.part_count;
        if (status == HF_OK && !emptied) seqs[(*count)++] = *after;
        rows++;
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    if (status == HF_OK && rows < ROWS_PER_READ) *after = UINT64_MAX; /* that was the last */
    return status;
}

/* From `dense` on over what is held, and over what was given up. */
static hf_status dense_on(hf_store *store, int64_t log, uint64_t *dense)
{
    uint64_t after = *dense;
    hf_status status = HF_OK;
    while (status == HF_OK && after != UINT64_MAX) {
        uint64_t seqs[ROWS_PER_READ], lost = 0;
        size_t count;
        status = next_held(store, log, &after, seqs, &count);
        for (size_t i = 0; i < count && status == HF_OK; i++) {
            while (status == HF_OK && seqs[i] > *dense + 1) {
                status = is_lost(store, log, *dense + 1, &lost);
                if (lost == 0) return status;
                *dense = lost < seqs[i] ? lost : seqs[i] - 1;
            }
            if (seqs[i] == *dense + 1) *dense = seqs[i];
        }
    }
    return status;
}

hf_status hf_log_dense(hf_store *store, int64_t origin_no, uint8_t lane, uint64_t *seq)
{
    int64_t log = hf_log_no(origin_no, lane);
    hf_log_slot *last;
    patchy at;
    hf_status status = patchy_get(store, log, &at);
    if (status == HF_OK) status = hf_log_last(store, log, &last);
    if (status != HF_OK) return status;
    *seq = last->seq;
    if (!at.is || HF_PLANTED(PATCHY_ACKED)) return HF_OK;
    uint64_t end = last->seq > at.known ? last->seq : at.known;
    *seq = at.dense;
    status = dense_on(store, log, seq);
    if (status != HF_OK || *seq == at.dense) return status;
    sqlite3_stmt *statement = hf_sql(store, *seq == end ? HF_SQL_PATCHY_DELETE : HF_SQL_PATCHY_SET);
    sqlite3_bind_int64(statement, 1, log);
    if (*seq != end) sqlite3_bind_int64(statement, 2, (sqlite3_int64)*seq);
    return store->batch ? hf_sql_run(store, statement) : HF_OK; /* who only looks writes nothing */
}

static hf_status count_of(hf_store *store, hf_sql_id sql, int64_t log, uint64_t after,
                          uint64_t last, uint64_t *out)
{
    sqlite3_stmt *statement = hf_sql(store, sql);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)after);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)last);
    return hf_sql_number(store, statement, out);
}

/* The next range after `after` that was given up, cut to `last`; empty: there is none. */
static hf_status next_lost(hf_store *store, int64_t log, uint64_t after, uint64_t last,
                           uint64_t *from, uint64_t *to)
{
    bool row;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_LOST_NEXT);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)after + 1);
    hf_status status = hf_sql_row(store, statement, &row);
    *from = *to = last;
    if (status == HF_OK && row) {
        uint64_t first = (uint64_t)sqlite3_column_int64(statement, 0);
        uint64_t end = (uint64_t)sqlite3_column_int64(statement, 1);
        *from = first > after ? first - 1 : after;
        *to = end < last ? end : last;
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_log_stepped(hf_store *store, int64_t origin_no, uint8_t lane, uint64_t after,
                         uint64_t last, uint64_t *count)
{
    int64_t log = hf_log_no(origin_no, lane);
    hf_status status = count_of(store, HF_SQL_R_HOLES_BARE, log, after, last, count);
    while (status == HF_OK && after < last) {
        uint64_t from, to, held, bare = 0;
        status = next_lost(store, log, after, last, &from, &to);
        if (status != HF_OK || from >= to) break;
        status = count_of(store, HF_SQL_RELAY_FED, log, from, to, &held);
        if (status == HF_OK) status = count_of(store, HF_SQL_R_HOLES_BARE, log, from, to, &bare);
        *count += to - from - held - bare;
        after = to;
    }
    return status;
}

hf_status hf_log_known(hf_batch *batch, const hf_origin_row *origin, uint8_t lane, uint64_t seq)
{
    hf_store *store = batch->store;
    int64_t log = hf_log_no(origin->no, lane);
    hf_log_slot *last;
    hf_status status = hf_log_last(store, log, &last);
    if (status != HF_OK || last->seq >= seq) return status;
    status = hf_log_patch(store, log);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_PATCHY_KNOWN);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    return hf_sql_run(store, statement);
}

/* ---- what devices hold ---- */

static hf_status report_one(hf_store *store, const uint8_t *key_id, const hf_report *report)
{
    hf_origin_row *origin;
    hf_status status = hf_origin_intern(store, &report->origin, &origin);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_REPORTED_SET);
    hf_bind_bytes(statement, 1, key_id, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 2, hf_log_no(origin->no, report->lane));
    sqlite3_bind_int64(statement, 3, report->scope);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)report->seq);
    sqlite3_bind_int64(statement, 5, HF_REPORTED_MAX);
    return hf_sql_run(store, statement);
}

hf_status hf_coverage_report(hf_store *store, const uint8_t key_id[HF_HASH_SIZE],
                             const hf_report *reports, size_t count)
{
    assert(!store->batch);
    size_t known = store->origin_count;
    hf_status status = hf_store_writable(store);
    if (status == HF_OK) status = hf_sql_run(store, hf_sql(store, HF_SQL_BEGIN));
    if (status != HF_OK) return status;
    for (size_t i = 0; i < count && status == HF_OK; i++)
        if (hf_origin_by_id(store, &reports[i].origin) ||
            store->origin_count < HF_ORIGINS_CITED_MAX)
            status = report_one(store, key_id, &reports[i]);
    if (status == HF_OK) status = hf_sql_run(store, hf_sql(store, HF_SQL_COMMIT));
    if (status == HF_OK) return HF_OK;
    hf_store_undo(store);
    hf_origins_undo(store, known);
    return status;
}

hf_status hf_coverage_tried(hf_batch *batch, const uint8_t key_id[HF_HASH_SIZE],
                            const hf_report *report)
{
    hf_store *store = batch->store;
    const hf_origin_row *origin = hf_origin_by_id(store, &report->origin);
    if (!origin) return HF_OK; /* there was no room to note it */
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_REPORTED_TRIED);
    hf_bind_bytes(statement, 1, key_id, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 2, hf_log_no(origin->no, report->lane));
    sqlite3_bind_int64(statement, 3, report->scope);
    return hf_sql_run(store, statement);
}

hf_status hf_coverage_held(hf_store *store, int64_t origin_no, uint8_t lane, uint32_t scope,
                           uint64_t *seq)
{
    hf_status status = hf_vector_seq(store, origin_no, lane, scope, seq);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_NO_BODY);
    sqlite3_bind_int64(statement, 1, hf_log_no(origin_no, lane));
    sqlite3_bind_int64(statement, 2, scope);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)*seq);
    bool row;
    status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) *seq = (uint64_t)sqlite3_column_int64(statement, 0);
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_coverage_owes(hf_store *store, const uint8_t key_id[HF_HASH_SIZE], bool *owes)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_REPORTED_OWED);
    hf_bind_bytes(statement, 1, key_id, HF_HASH_SIZE);
    hf_status status = hf_sql_row(store, statement, owes);
    if (statement) sqlite3_reset(statement);
    return status;
}

/* ---- for an operator ---- */

typedef struct gaps { /* one log being walked */
    hf_store *store;
    const hf_origin_row *origin;
    hf_missing at;
    hf_missing_visitor visit;
    void *context;
} gaps;

/* From first to last, cut where what was declared lost begins and ends. */
static hf_status tell_gap(gaps *g, uint64_t first, uint64_t last)
{
    int64_t log = hf_log_no(g->origin->no, g->at.lane);
    hf_status status = HF_OK;
    while (status == HF_OK && first <= last) {
        char text[256] = "";
        uint64_t from = last + 1, to = last;
        sqlite3_stmt *statement = hf_sql(g->store, HF_SQL_R_LOST_NEXT);
        sqlite3_bind_int64(statement, 1, log);
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)first);
        bool row;
        status = hf_sql_row(g->store, statement, &row);
        if (status == HF_OK && row) {
            from = (uint64_t)sqlite3_column_int64(statement, 0);
            to = (uint64_t)sqlite3_column_int64(statement, 1);
            const char *why = (const char *)sqlite3_column_text(statement, 2);
            strncpy(text, why ? why : "", sizeof text - 1);
        }
        if (statement) sqlite3_reset(statement);
        g->at.declared = from <= first;
        g->at.text = g->at.declared ? text : "";
        g->at.first = first;
        g->at.last = g->at.declared ? to : from - 1;
        if (g->at.last > last) g->at.last = last;
        first = g->at.last + 1;
        if (status == HF_OK) status = g->visit(g->context, &g->at);
    }
    return status;
}

static hf_status tell_log(gaps *g, uint64_t dense, uint64_t end)
{
    int64_t log = hf_log_no(g->origin->no, g->at.lane);
    uint64_t after = dense, next = dense + 1;
    hf_status status = HF_OK;
    while (status == HF_OK && after != UINT64_MAX) {
        uint64_t seqs[ROWS_PER_READ];
        size_t count;
        status = next_held(g->store, log, &after, seqs, &count);
        for (size_t i = 0; i < count && status == HF_OK; i++) {
            if (seqs[i] > next) status = tell_gap(g, next, seqs[i] - 1);
            next = seqs[i] + 1;
        }
    }
    return status == HF_OK && next <= end ? tell_gap(g, next, end) : status;
}

static hf_status tell_patchy(hf_store *store, int64_t log, hf_missing_visitor visit, void *context)
{
    patchy at;
    hf_log_slot *last;
    const hf_origin_row *origin = hf_origin_by_no(store, log / 8);
    if (!origin) return HF_ERR_CORRUPT;
    gaps g = {.store = store, .origin = origin, .visit = visit, .context = context};
    g.at = (hf_missing){.origin = origin->id, .name = origin->name, .lane = (uint8_t)(log % 8)};
    hf_status status = patchy_get(store, log, &at);
    if (status == HF_OK) status = hf_log_dense(store, origin->no, g.at.lane, &g.at.held);
    if (status == HF_OK) status = hf_log_last(store, log, &last);
    if (status != HF_OK) return status;
    return tell_log(&g, at.dense, last->seq > at.known ? last->seq : at.known);
}

hf_status hf_coverage_missing(hf_store *store, hf_missing_visitor visit, void *context)
{
    int64_t logs[LOGS_PER_READ], log = -1;
    size_t count;
    hf_status status;
    do {
        count = 0;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_PATCHY_AFTER);
        sqlite3_bind_int64(statement, 1, log);
        sqlite3_bind_int64(statement, 2, LOGS_PER_READ);
        bool row;
        status = hf_sql_row(store, statement, &row);
        while (status == HF_OK && row) {
            log = logs[count++] = sqlite3_column_int64(statement, 0);
            status = hf_sql_row(store, statement, &row);
        }
        if (statement) sqlite3_reset(statement);
        for (size_t i = 0; i < count && status == HF_OK; i++)
            status = tell_patchy(store, logs[i], visit, context);
    } while (status == HF_OK && count == LOGS_PER_READ);
    return status;
}

hf_status hf_coverage_holdings(hf_store *store, hf_holding_visitor visit, void *context)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_REPORTED);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        int64_t log = sqlite3_column_int64(statement, 1);
        const hf_origin_row *origin = hf_origin_by_no(store, log / 8);
        if (!origin) status = HF_ERR_CORRUPT;
        if (status != HF_OK) break;
        hf_holding holding = {.origin = origin->id,
                              .name = origin->name,
                              .lane = (uint8_t)(log % 8),
                              .scope = (uint32_t)sqlite3_column_int64(statement, 2),
                              .reported = (uint64_t)sqlite3_column_int64(statement, 3),
                              .tried = sqlite3_column_int(statement, 4) != 0,
                              .held = (uint64_t)sqlite3_column_int64(statement, 5)};
        status = hf_column_exact(store, statement, 0, holding.key_id, HF_HASH_SIZE);
        if (status == HF_OK) status = visit(context, &holding);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}
