/* verify.c: is what this store holds whole, and is it what it says it is?
 *
 * Everything that is kept twice is worked out again from the entries' bodies alone and compared:
 * chains, vectors, signed heads, and every record. A fault is counted and told, and the walk goes
 * on: a person who is told that one record of a hundred thousand is wrong can use the others. */
#include "verify.h"

#include "receipt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACE_SIZE = 48 };

typedef struct scope_chain { /* one scope of the log being walked, as its bodies say */
    uint32_t scope;
    uint64_t seq;
    uint8_t chain[HF_HASH_SIZE];
    uint64_t base_seq; /* a snapshot stands for the log up to here; 0: none does */
    uint8_t base_chain[HF_HASH_SIZE];
    bool past_base;
    bool compared; /* with its row in `vector` */
} scope_chain;

typedef struct verifying {
    hf_store *store;
    hf_verify_report *report;
    scope_chain *chains;
    size_t chain_count, chain_capacity;
} verifying;

void hf_verify_fault(hf_verify_report *report, const char *format, ...)
{
    if (report->faults++ > 0) return; /* the first one is told, the others are counted */
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(report->first_fault, sizeof report->first_fault, format, arguments);
    va_end(arguments);
}

hf_status hf_verify_excuse(hf_store *store, hf_verify_report *report, hf_status status)
{
    if (status != HF_ERR_CORRUPT && status != HF_ERR_PROTOCOL && status != HF_ERR_LIMIT &&
        status != HF_ERR_NOT_FOUND)
        return status;
    const char *problem = hf_store_problem(store);
    hf_verify_fault(report, "%.200s",
                    status == HF_ERR_NOT_FOUND ? "An entry that a record is made of is missing."
                    : *problem                 ? problem
                                               : "An entry does not read back.");
    return HF_OK;
}

/* "0f3a12… lane 3, entry 17" */
static const char *place_of(hf_store *store, int64_t log, uint64_t seq, char out[PLACE_SIZE])
{
    const hf_origin_row *origin = hf_origin_by_no(store, log / 8);
    static const uint8_t nobody[3];
    const uint8_t *id = origin ? origin->id.bytes : nobody;
    (void)snprintf(out, PLACE_SIZE, "%02x%02x%02x… lane %d, entry %llu", id[0], id[1], id[2],
                   (int)(log % 8), (unsigned long long)seq);
    return out;
}

/* ---- the feed: dense, chained, and every part of it folded into a record ---- */

static hf_status check_part(verifying *verify, const hf_part *part, const hf_entry *entry)
{
    hf_store *store = verify->store;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_PART_FOLDED);
    sqlite3_bind_int64(statement, 1, part->record.type);
    hf_bind_bytes(statement, 2, part->record.bytes, HF_RECORD_ID_SIZE);
    sqlite3_bind_int64(statement, 3, entry->scope);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)entry->position);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && !row)
        hf_verify_fault(verify->report,
                        "Entry %llu of the feed writes a record that does not know of it.",
                        (unsigned long long)entry->position);
    if (statement) sqlite3_reset(statement);
    return status;
}

static hf_status check_body(verifying *verify, const hf_entry *entry)
{
    hf_entry_body body;
    hf_status status = hf_entry_parse(entry->body, &body);
    if (status != HF_OK) return status;
    if (body.seq != entry->dot.seq || body.scope != entry->scope || body.hlc != entry->hlc)
        hf_verify_fault(verify->report,
                        "Entry %llu of the feed is filed under another place than it names.",
                        (unsigned long long)entry->position);
    hf_reader parts = hf_reader_open(body.parts);
    size_t count = entry->withheld ? 0 : hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        hf_part part;
        status = hf_part_next(NULL, &parts, &part);
        if (status == HF_OK && !part.erased) status = check_part(verify, &part, entry);
    }
    return status;
}

static hf_status check_feed_row(verifying *verify, sqlite3_stmt *statement, uint64_t *position,
                                uint8_t feed[16])
{
    hf_store *store = verify->store;
    uint64_t at = (uint64_t)sqlite3_column_int64(statement, 0);
    if (at != *position + 1)
        hf_verify_fault(verify->report, "The feed has no entry %llu.",
                        (unsigned long long)*position + 1);
    *position = at;
    verify->report->entries++;
    hf_feed_chain_next(store->crypto, feed, hf_column_bytes(statement, 8));
    hf_bytes stored = hf_column_bytes(statement, 7);
    if (!hf_bytes_equal(stored, (hf_bytes){feed, 16}))
        hf_verify_fault(verify->report, "The feed's chain breaks at entry %llu.",
                        (unsigned long long)at);
    if (stored.size == 16) memcpy(feed, stored.data, 16); /* one break is one fault */
    hf_entry entry;
    int64_t origin_no;
    hf_status status = hf_entry_from_row(store, statement, &entry, &origin_no);
    if (status == HF_OK) status = check_body(verify, &entry);
    return hf_verify_excuse(verify->store, verify->report, status);
}

static hf_status check_feed(verifying *verify)
{
    hf_store *store = verify->store;
    uint64_t position = 0, before;
    uint8_t feed[16];
    memcpy(feed, store->epoch, sizeof feed);
    hf_status status;
    do { /* in pages: an open read keeps the log of the database from being emptied */
        before = position;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_FEED_CHECK);
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)position);
        bool row;
        status = hf_sql_row(store, statement, &row);
        while (status == HF_OK && row) {
            status = check_feed_row(verify, statement, &position, feed);
            if (status == HF_OK) status = hf_sql_row(store, statement, &row);
        }
        if (statement) sqlite3_reset(statement);
    } while (status == HF_OK && position > before);
    if (status == HF_OK && position != store->position)
        hf_verify_fault(verify->report, "The feed ends at entry %llu; it should at %llu.",
                        (unsigned long long)position, (unsigned long long)store->position);
    return status;
}

/* ---- one log: each scope's chain, stepping over holes as its vector did ---- */

static hf_status chain_of(verifying *verify, uint32_t scope, scope_chain **out)
{
    for (size_t i = 0; i < verify->chain_count; i++) {
        *out = &verify->chains[i];
        if ((*out)->scope == scope) return HF_OK;
    }
    if (verify->chain_count == verify->chain_capacity) {
        size_t capacity = verify->chain_capacity ? verify->chain_capacity * 2 : HF_LOG_SCOPES_MAX;
        scope_chain *chains = realloc(verify->chains, capacity * sizeof *chains);
        if (!chains) return HF_ERR_NOMEM;
        verify->chains = chains;
        verify->chain_capacity = capacity;
    }
    *out = &verify->chains[verify->chain_count++];
    **out = (scope_chain){.scope = scope};
    return HF_OK;
}

/* Of what a snapshot stands for some entries may be held all the same, our own above all; they are
 * checked as far as they hang together, and from its end on all of them must. */
static void past_base(verifying *verify, scope_chain *at, int64_t log, uint64_t seq)
{
    char place[PLACE_SIZE];
    if (at->past_base || !at->base_seq || seq <= at->base_seq) return;
    if (at->seq == at->base_seq && memcmp(at->chain, at->base_chain, HF_HASH_SIZE) != 0)
        hf_verify_fault(verify->report, "The snapshot ends at another entry than %s.",
                        place_of(verify->store, log, at->seq, place));
    at->past_base = true;
    at->seq = at->base_seq;
    memcpy(at->chain, at->base_chain, HF_HASH_SIZE);
}

static hf_status read_bases(verifying *verify, int64_t log)
{
    sqlite3_stmt *statement = hf_sql(verify->store, HF_SQL_R_BASES);
    sqlite3_bind_int64(statement, 1, log);
    bool row;
    hf_status status = hf_sql_row(verify->store, statement, &row);
    while (status == HF_OK && row) {
        scope_chain *at;
        status = chain_of(verify, (uint32_t)sqlite3_column_int64(statement, 0), &at);
        if (status != HF_OK) break;
        at->base_seq = (uint64_t)sqlite3_column_int64(statement, 1);
        status = hf_column_exact(verify->store, statement, 2, at->base_chain, HF_HASH_SIZE);
        if (status == HF_OK) status = hf_sql_row(verify->store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return hf_verify_excuse(verify->store, verify->report, status);
}

/* A row of (seq, scope, body, chain, hole's hash, hole's pseq): an entry, a hole, or both. */
static hf_status check_link(verifying *verify, sqlite3_stmt *statement, int64_t log,
                            scope_chain *at)
{
    char place[PLACE_SIZE];
    hf_store *store = verify->store;
    uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0);
    hf_bytes hole = hf_column_bytes(statement, 4), body, stored = hf_column_bytes(statement, 3);
    hf_entry_body entry;
    uint8_t hash[HF_HASH_SIZE];
    const hf_origin_row *origin = hf_origin_by_no(store, log / 8);
    if (!origin) return HF_ERR_CORRUPT;
    hf_status status = hf_unseal(store, hf_column_bytes(statement, 2), &body);
    if (status == HF_OK) status = hf_entry_parse(body, &entry);
    if (status == HF_OK)
        status = hf_entry_hash(store->crypto, &origin->id, (uint8_t)(log % 8), &entry, hash);
    bool alone = seq <= at->base_seq && status == HF_OK && entry.pseq != at->seq;
    if (status == HF_OK && entry.pseq != at->seq && !alone)
        hf_verify_fault(verify->report, "%s does not continue what stands before it.",
                        place_of(store, log, seq, place));
    if (status == HF_OK && hole.size && !hf_bytes_equal(hole, (hf_bytes){hash, sizeof hash}))
        hf_verify_fault(verify->report, "%s is not the entry that was withheld there.",
                        place_of(store, log, seq, place));
    if (status == HF_OK) hf_chain_next(store->crypto, at->chain, hash);
    if (status == HF_OK && !alone && !hf_bytes_equal(stored, (hf_bytes){at->chain, HF_HASH_SIZE}))
        hf_verify_fault(verify->report, "The chain breaks at %s.",
                        place_of(store, log, seq, place));
    at->seq = seq;
    if (stored.size == HF_HASH_SIZE) memcpy(at->chain, stored.data, HF_HASH_SIZE);
    return hf_verify_excuse(verify->store, verify->report, status);
}

static hf_status check_log_row(verifying *verify, sqlite3_stmt *statement, int64_t log)
{
    scope_chain *at;
    hf_status status = chain_of(verify, (uint32_t)sqlite3_column_int64(statement, 1), &at);
    if (status != HF_OK) return status;
    past_base(verify, at, log, (uint64_t)sqlite3_column_int64(statement, 0));
    bool held = sqlite3_column_type(statement, 2) != SQLITE_NULL;
    if (held) return check_link(verify, statement, log, at);
    /* A hole that lies beyond a gap is stepped over when the gap is filled, not before. */
    if ((uint64_t)sqlite3_column_int64(statement, 5) != at->seq) return HF_OK;
    hf_bytes hash = hf_column_bytes(statement, 4);
    if (hash.size != HF_HASH_SIZE)
        return hf_verify_excuse(verify->store, verify->report, HF_ERR_CORRUPT);
    hf_chain_next(verify->store->crypto, at->chain, hash.data);
    at->seq = (uint64_t)sqlite3_column_int64(statement, 0);
    return HF_OK;
}

static hf_status check_links(verifying *verify, int64_t log, uint64_t *tail)
{
    hf_store *store = verify->store;
    uint64_t after = 0, before;
    *tail = 0;
    hf_status status;
    do {
        before = after;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_LOG_CHECK);
        sqlite3_bind_int64(statement, 1, log);
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)after);
        bool row;
        status = hf_sql_row(store, statement, &row);
        while (status == HF_OK && row) {
            after = (uint64_t)sqlite3_column_int64(statement, 0);
            if (sqlite3_column_type(statement, 2) != SQLITE_NULL) *tail = after;
            status = check_log_row(verify, statement, log);
            if (status == HF_OK) status = hf_sql_row(store, statement, &row);
        }
        if (statement) sqlite3_reset(statement);
    } while (status == HF_OK && after > before);
    return status;
}

static hf_status check_vectors(verifying *verify, int64_t log)
{
    char place[PLACE_SIZE];
    hf_store *store = verify->store;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_VECTOR_LOG);
    sqlite3_bind_int64(statement, 1, log);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        scope_chain *at;
        status = chain_of(verify, (uint32_t)sqlite3_column_int64(statement, 0), &at);
        if (status != HF_OK) break;
        uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 1);
        past_base(verify, at, log, UINT64_MAX);
        hf_bytes chain = {at->chain, HF_HASH_SIZE};
        if (seq != at->seq || !hf_bytes_equal(hf_column_bytes(statement, 2), chain))
            hf_verify_fault(
                verify->report, "The vector of scope %u names %s; the entries held lead to %llu.",
                at->scope, place_of(store, log, seq, place), (unsigned long long)at->seq);
        at->compared = true;
        verify->report->chains++;
        status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    for (size_t i = 0; i < verify->chain_count && status == HF_OK; i++)
        if (!verify->chains[i].compared && verify->chains[i].seq > 0)
            hf_verify_fault(verify->report, "No vector of scope %u names %s, which is held.",
                            verify->chains[i].scope,
                            place_of(store, log, verify->chains[i].seq, place));
    return status;
}

/* ---- signed heads ---- */

static hf_status head_read(hf_store *store, int64_t log, hf_head *head, hf_head_leaf *leaves,
                           size_t *count, bool *found)
{
    const hf_origin_row *origin = hf_origin_by_no(store, log / 8);
    *count = 0;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_HEAD_LOG);
    sqlite3_bind_int64(statement, 1, log);
    hf_status status = hf_sql_row(store, statement, found);
    if (status != HF_OK || !*found) return status;
    *head = (hf_head){.lane = (uint8_t)(log % 8),
                      .seq = (uint64_t)sqlite3_column_int64(statement, 0),
                      .hlc = (hf_hlc)sqlite3_column_int64(statement, 1)};
    if (origin) head->origin = origin->id;
    status = hf_column_exact(store, statement, 2, head->root, HF_HASH_SIZE);
    if (status == HF_OK)
        status = hf_column_exact(store, statement, 3, head->signature, HF_SIGNATURE_SIZE);
    hf_bytes stored;
    if (status == HF_OK) status = hf_head_row_leaves(store, statement, &stored);
    if (status == HF_OK) status = hf_head_read_leaves(stored, leaves, count);
    sqlite3_reset(statement);
    return status;
}

static hf_status check_leaf(verifying *verify, const hf_head *head, int64_t log,
                            const hf_head_leaf *leaf)
{
    char place[PLACE_SIZE];
    hf_store *store = verify->store;
    uint8_t chain[HF_HASH_SIZE], root[HF_HASH_SIZE];
    hf_status status = hf_log_chain_through(store, log, leaf->seq, chain);
    if (status ==
        HF_ERR_NOT_FOUND) { /* a later snapshot may stand for it: then no chain is known */
        bool had = false;
        status = hf_in_base(store, leaf->scope, log, leaf->seq, &had);
        if (status != HF_OK || had) return status;
        hf_verify_fault(verify->report, "A signed head covers %s, which is not held.",
                        place_of(store, log, leaf->seq, place));
        return HF_OK;
    }
    if (status == HF_OK) status = hf_head_leaf_root(store->crypto, leaf, root);
    bool same = status == HF_OK && memcmp(chain, leaf->chain, HF_HASH_SIZE) == 0 &&
                memcmp(root, head->root, HF_HASH_SIZE) == 0;
    if (status == HF_OK && !same)
        hf_verify_fault(verify->report,
                        "The signed head at %s is over another log than the one held.",
                        place_of(store, log, head->seq, place));
    return status;
}

static hf_status check_head(verifying *verify, int64_t log, uint64_t tail)
{
    char place[PLACE_SIZE];
    hf_head head = {.seq = 0};
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    bool found = false;
    hf_status status = head_read(verify->store, log, &head, leaves, &count, &found);
    if (tail > head.seq) verify->report->heads_unproved++;
    if (status != HF_OK || !found) return hf_verify_excuse(verify->store, verify->report, status);
    verify->report->heads++;
    status = hf_head_check(verify->store, &head);
    if (status == HF_ERR_PROTOCOL || status == HF_ERR_NOT_FOUND || count == 0) {
        hf_verify_fault(verify->report, "The head at %s is not signed by the device it names.",
                        place_of(verify->store, log, head.seq, place));
        status = HF_OK;
    }
    for (size_t i = 0; i < count && status == HF_OK; i++)
        status = check_leaf(verify, &head, log, &leaves[i]);
    return hf_verify_excuse(verify->store, verify->report, status);
}

static hf_status check_logs(verifying *verify)
{
    hf_store *store = verify->store;
    int64_t log = 0;
    for (;;) {
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_LOG_NEXT);
        sqlite3_bind_int64(statement, 1, log);
        bool row;
        uint64_t tail;
        hf_status status = hf_sql_row(store, statement, &row);
        bool more = status == HF_OK && row && sqlite3_column_type(statement, 0) != SQLITE_NULL;
        if (more) log = sqlite3_column_int64(statement, 0);
        if (statement) sqlite3_reset(statement);
        if (!more) return status;
        verify->chain_count = 0;
        status = read_bases(verify, log);
        if (status == HF_OK) status = check_links(verify, log, &tail);
        if (status == HF_OK) status = check_vectors(verify, log);
        if (status == HF_OK) status = check_head(verify, log, tail);
        if (status != HF_OK) return status;
    }
}

/* ---- receipts ---- */

static hf_status check_receipt(void *context, const hf_receipt *receipt)
{
    char place[PLACE_SIZE];
    verifying *verify = context;
    hf_store *store = verify->store;
    const hf_origin_row *origin = hf_origin_by_id(store, &receipt->origin);
    hf_status status = hf_receipt_check(store, receipt);
    verify->report->receipts++;
    /* A station keeps others' to pass them on, and passes on what fits; of a log that it came to
     * hold otherwise it keeps one in vain. */
    bool is_own = origin && memcmp(origin->key_id, store->crypto->own_key_id, HF_HASH_SIZE) == 0;
    if (!is_own && origin && status == HF_ERR_PROTOCOL) return HF_OK;
    if (status == HF_ERR_PROTOCOL || status == HF_ERR_NOT_FOUND) {
        hf_verify_fault(verify->report, "The receipt at %s is not what a hub signed for.",
                        place_of(store, hf_log_no(origin->no, receipt->lane), receipt->seq, place));
        status = HF_OK;
    }
    return hf_verify_excuse(store, verify->report, status);
}

/* ---- all of it ---- */

static hf_status count_based(hf_store *store, uint64_t *out)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_BASED_COUNT);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) *out = (uint64_t)sqlite3_column_int64(statement, 0);
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_store_verify(hf_store *store, hf_verify_report *out)
{
    *out = (hf_verify_report){0};
    store->problem[0] = 0;
    verifying verify = {.store = store, .report = out};
    hf_status status = check_feed(&verify);
    if (status == HF_OK) status = check_logs(&verify);
    if (status == HF_OK)
        status = hf_verify_excuse(store, out, hf_receipt_each(store, check_receipt, &verify));
    free(verify.chains);
    if (status == HF_OK) status = count_based(store, &out->from_snapshot);
    return status == HF_OK ? hf_verify_records(store, out) : status;
}
