/* apply.c: a batch of received (or own) entries becomes durable, all of it or nothing.
 *
 * Why one file for both ends and both sources: what an officer writes and what a peer sends go
 * through the same lines, so a record cannot come to differ by the road its entries took. */
#include "store_core.h"

#include "hlc.h"
#include "messages.h"
#include "system_types.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- begin, commit, roll back ---- */

/* What a rollback comes back to. */
static void keep(hf_batch *batch)
{
    const hf_store *store = batch->store;
    batch->hlc = store->hlc;
    batch->position = store->position;
    batch->head_number = store->head_number;
    batch->pack_changed = store->pack_changed;
    batch->origin_count = store->origin_count;
    memcpy(batch->feed_chain, store->feed_chain, sizeof batch->feed_chain);
}

hf_status hf_batch_begin_own(hf_store *store, uint64_t wall_ms, uint64_t own_entries,
                             hf_batch **out)
{
    assert(!store->batch); /* our bug: batches do not nest */
    *out = NULL;
    hf_status status = hf_store_writable(store);
    for (uint8_t lane = 0; lane < HF_LANE_COUNT && status == HF_OK && own_entries; lane++) {
        hf_log_slot *last;
        status = hf_log_last(store, hf_log_no(store->own->no, lane), &last);
        if (status == HF_OK) status = hf_guard_reserve(store, last->seq, own_entries);
    }
    /* A row that was lent before would hold the journal where it stood then. */
    (void)hf_sql(store, HF_SQL_ENTRY_AT);
    (void)hf_sql(store, HF_SQL_ENTRY_DOT);
    if (status == HF_OK) status = hf_sql_run(store, hf_sql(store, HF_SQL_BEGIN));
    if (status != HF_OK) return status;
    hf_batch *batch = calloc(1, sizeof *batch);
    if (!batch) {
        hf_store_undo(store);
        return hf_store_say(store, HF_ERR_NOMEM, "Out of memory; nothing was changed.");
    }
    batch->store = store;
    batch->wall_ms = wall_ms;
    keep(batch);
    store->batch = batch;
    *out = batch;
    return HF_OK;
}

/* A hub answers what it withholds with verdicts of its own, in the same batch. */
hf_status hf_batch_begin(hf_store *store, uint64_t wall_ms, hf_batch **out)
{
    return hf_batch_begin_own(store, wall_ms, store->is_hub ? HF_BATCH_CONTROL_MAX : 0, out);
}

static void batch_free(hf_batch *batch)
{
    batch->store->batch = NULL;
    batch->store->undone = HF_OK;
    hf_poison_leave(batch->store);
    hf_buffer_free(&batch->scratch);
    free(batch);
}

void hf_batch_rollback(hf_batch *batch)
{
    if (!batch) return;
    hf_store *store = batch->store;
    for (size_t i = 0; i < HF_SQL_COUNT; i++) sqlite3_reset(store->statements[i]);
    hf_store_undo(store);
    store->position = batch->position;
    memcpy(store->feed_chain, batch->feed_chain, sizeof store->feed_chain);
    store->head_number = batch->head_number;
    store->hlc = batch->hlc;
    store->pack_changed = batch->pack_changed;
    store->may_write = 0;
    hf_origins_undo(store, batch->origin_count);
    hf_vectors_forget(store);
    hf_head_forget(store);
    batch_free(batch);
}

/* Makes durable what the batch holds so far. */
static hf_status commit(hf_batch *batch)
{
    hf_store *store = batch->store;
    hf_status status = store->undone;
    if (status == HF_OK) status = hf_vectors_flush(store);
    if (status == HF_OK && batch->acks_changed) status = hf_acks_seal(store);
    if (status == HF_OK) status = hf_sql_run(store, hf_sql(store, HF_SQL_COMMIT));
    if (status == HF_OK) hf_origins_settle(store);
    return status;
}

hf_status hf_batch_commit(hf_batch *batch)
{
    hf_store *store = batch->store;
    hf_status status = batch->failed ? HF_ERR_PROTOCOL : commit(batch);
    if (status != HF_OK) {
        hf_batch_rollback(batch);
        return status;
    }
    batch_free(batch);
    /* What cannot be added beside the store now is added after the next commit, or at open. */
    (void)!hf_fence_follow(store);
    /* It is durable, whatever comes of this: a pack that the disk does not give now is asked for
     * again after the next commit. */
    if (store->pack_changed && hf_pack_load(store) == HF_OK) store->pack_changed = false;
    return HF_OK;
}

hf_status hf_batch_split(hf_batch *batch)
{
    hf_store *store = batch->store;
    hf_status status = commit(batch);
    if (status != HF_OK) return status;
    keep(batch); /* this much is not undone any more */
    batch->acks_changed = false;
    return hf_sql_run(store, hf_sql(store, HF_SQL_BEGIN));
}

/* ---- one entry ---- */

hf_status hf_entry_from_row(hf_store *store, sqlite3_stmt *statement, hf_entry *out,
                            int64_t *origin_no)
{
    int64_t log = sqlite3_column_int64(statement, 1);
    const hf_origin_row *origin = hf_origin_by_no(store, log / 8);
    if (!origin) return HF_ERR_CORRUPT;
    *origin_no = origin->no;
    *out = (hf_entry){.position = (uint64_t)sqlite3_column_int64(statement, 0),
                      .scope = (uint32_t)sqlite3_column_int64(statement, 3),
                      .hlc = (hf_hlc)sqlite3_column_int64(statement, 4),
                      .withheld = (uint32_t)sqlite3_column_int64(statement, 5)};
    out->dot = (hf_dot){.origin = origin->id,
                        .lane = (uint8_t)(log % 8),
                        .seq = (uint64_t)sqlite3_column_int64(statement, 2)};
    return hf_unseal(store, hf_column_bytes(statement, 6), &out->body);
}

static hf_status entry_row(hf_store *store, sqlite3_stmt *statement, hf_entry *out,
                           int64_t *origin_no)
{
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && !row) status = HF_ERR_NOT_FOUND;
    return status == HF_OK ? hf_entry_from_row(store, statement, out, origin_no) : status;
}

hf_status hf_entry_at(hf_store *store, uint64_t position, hf_entry *out, int64_t *origin_no)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ENTRY_AT);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)position);
    return entry_row(store, statement, out, origin_no);
}

hf_status hf_entry_by_dot(hf_store *store, int64_t log, uint64_t seq, hf_entry *out)
{
    int64_t origin_no;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ENTRY_DOT);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    return entry_row(store, statement, out, &origin_no);
}

typedef struct arrival { /* an entry on its way in */
    hf_batch *batch;
    const hf_origin_row *origin;
    uint8_t lane;
    int64_t log;
    hf_entry_body entry;
    uint8_t hash[HF_HASH_SIZE];
    uint32_t withhold;
    bool late;      /* the vector is past it: a hole, whose body comes only now */
    uint64_t fills; /* position of the row that so far had only its hashes; 0: none */
    bool judged;    /* its hole says already why it is withheld */
} arrival;

/* By what an entry says, which only its body shows; all else was judged by its header. */
static bool is_of_body(uint32_t reason)
{
    return reason == HF_REASON_LANE || reason == HF_REASON_HUB_ONLY ||
           reason == HF_REASON_MALFORMED || reason == HF_REASON_CROWDED;
}

/* A row of this dot is here: the same entry, whole or with its parts erased; or another branch. */
static hf_status place_held(arrival *in, const hf_entry *held, hf_applied_entry *out)
{
    hf_store *store = in->batch->store;
    hf_entry_body body;
    uint8_t hash[HF_HASH_SIZE];
    if (hf_bytes_equal(held->body, in->entry.body)) {
        out->what = HF_APPLIED_KNOWN;
        out->position = held->position;
        return HF_OK;
    }
    hf_status status = hf_entry_parse(held->body, &body);
    if (status == HF_OK)
        status = hf_entry_hash(store->crypto, &in->origin->id, in->lane, &body, hash);
    if (status != HF_OK) return status;
    bool same = memcmp(hash, in->hash, HF_HASH_SIZE) == 0;
    bool fills = same && body.erased_count > in->entry.erased_count;
    out->what = fills ? HF_APPLIED_NEW : same ? HF_APPLIED_KNOWN : HF_APPLIED_FORK;
    out->position = same ? held->position : 0;
    if (!fills) return HF_OK;
    in->late = true;
    in->fills = held->position;
    in->judged = held->withheld != HF_HOLE_AWAITED;
    if (in->judged || !is_of_body(in->withhold)) in->withhold = in->judged ? held->withheld : 0;
    return HF_OK;
}

/* An entry at or below what we hold of its log: the same again, another branch, or an awaited body.
 */
static hf_status place_known(arrival *in, hf_applied_entry *out)
{
    hf_store *store = in->batch->store;
    hf_entry held;
    hf_status status = hf_entry_by_dot(store, in->log, in->entry.seq, &held);
    if (status == HF_OK) return place_held(in, &held, out);
    if (status != HF_ERR_NOT_FOUND) return status;
    uint32_t reason;
    uint8_t hash[HF_HASH_SIZE];
    status = hf_hole_get(store, in->log, in->entry.seq, &reason, hash);
    if (status != HF_OK) return status;
    bool ours = reason != 0 && memcmp(hash, in->hash, HF_HASH_SIZE) == 0, had, was_hole;
    uint8_t chain[HF_HASH_SIZE];
    status = hf_in_base(store, in->entry.scope, in->log, in->entry.seq, &had);
    if (status == HF_OK) status = hf_hole_chain(store, in->log, in->entry.seq, chain, &was_hole);
    if (status != HF_OK) return status;
    /* What a snapshot brought of it must not come twice: its effect, or that it is a hole. */
    bool emptied = in->entry.erased_count == in->entry.part_count;
    if (had && (!was_hole || emptied)) {
        out->what = HF_APPLIED_KNOWN;
        return HF_OK;
    }
    out->what = ours ? HF_APPLIED_NEW : HF_APPLIED_FORK;
    in->late = ours;
    in->judged = ours && reason != HF_HOLE_AWAITED;
    if (in->judged) in->withhold = reason;
    return HF_OK;
}

static hf_status place(arrival *in, hf_applied_entry *out)
{
    hf_store *store = in->batch->store;
    hf_vector_slot *slot;
    hf_log_slot *last;
    hf_status status = hf_vector_get(store, in->log, in->entry.scope, &slot);
    if (status == HF_OK && in->entry.pseq > slot->seq) {
        status = hf_vector_step(store, in->log, in->entry.scope);
        if (status == HF_OK) status = hf_vector_get(store, in->log, in->entry.scope, &slot);
    }
    uint64_t held = status == HF_OK ? slot->seq : 0;
    if (status == HF_OK) status = hf_log_last(store, in->log, &last);
    if (status != HF_OK) return status;
    out->expected = held;
    if (in->entry.seq <= held) return place_known(in, out);
    if (in->entry.pseq > held) {
        out->what = HF_PLANTED(VECTOR_PAST_GAP) ? HF_APPLIED_NEW : HF_APPLIED_GAP;
        return HF_OK;
    }
    /* A predecessor before what we hold, or a seq that another scope's entry has: two branches. */
    hf_entry other;
    bool branch = in->entry.pseq < held;
    if (!branch && in->entry.seq <= last->seq) {
        status = hf_entry_by_dot(store, in->log, in->entry.seq, &other);
        branch = status == HF_OK;
        if (status != HF_OK && status != HF_ERR_NOT_FOUND) return status;
    }
    out->what = branch ? HF_APPLIED_FORK : HF_APPLIED_NEW;
    return HF_OK;
}

/* The chain at the nearest entry below this one that is held in its scope, or at the snapshot that
 * stands for those: between are holes. */
static hf_status chain_below(arrival *in, uint64_t *seq, uint8_t chain[HF_HASH_SIZE])
{
    hf_store *store = in->batch->store;
    memset(chain, 0, HF_HASH_SIZE);
    *seq = 0;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CHAIN_BELOW);
    sqlite3_bind_int64(statement, 1, in->log);
    sqlite3_bind_int64(statement, 2, in->entry.scope);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)in->entry.seq);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) {
        *seq = (uint64_t)sqlite3_column_int64(statement, 0);
        status = hf_column_exact(store, statement, 1, chain, HF_HASH_SIZE);
    }
    sqlite3_reset(statement);
    return status;
}

/* A late entry's chain: the vector's is that of a later entry, so the holes are walked once more,
 * up to the one that this entry fills. */
static hf_status chain_late(arrival *in, uint8_t chain[HF_HASH_SIZE])
{
    hf_store *store = in->batch->store;
    uint64_t seq;
    bool known;
    hf_status status = hf_hole_chain(store, in->log, in->entry.seq, chain, &known);
    if (status != HF_OK || known) return status;
    status = chain_below(in, &seq, chain);
    while (status == HF_OK && seq != in->entry.seq) {
        uint8_t hash[HF_HASH_SIZE];
        status = hf_hole_next(store, in->log, in->entry.scope, &seq, hash);
        if (status == HF_OK && (seq == 0 || seq > in->entry.seq))
            return hf_store_say(store, HF_ERR_PROTOCOL,
                                "An entry does not stand where a hub's verdict put it.");
        if (status == HF_OK) hf_chain_next(store->crypto, chain, hash);
    }
    return status;
}

static hf_status entry_insert(arrival *in, uint8_t chain[HF_HASH_SIZE])
{
    hf_store *store = in->batch->store;
    hf_feed_chain_next(store->crypto, store->feed_chain, (hf_bytes){chain, HF_HASH_SIZE});
    store->position++;
    hf_buffer *sealed = &in->batch->scratch;
    hf_buffer_clear(sealed);
    hf_write_raw(sealed, in->entry.body);
    hf_seal(sealed);
    if (sealed->status != HF_OK) return sealed->status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ENTRY_ADD);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)store->position);
    sqlite3_bind_int64(statement, 2, in->log);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)in->entry.seq);
    sqlite3_bind_int64(statement, 4, in->entry.scope);
    sqlite3_bind_int64(statement, 5, (sqlite3_int64)in->entry.hlc);
    sqlite3_bind_int64(statement, 6, in->withhold);
    hf_bind_bytes(statement, 7, chain, HF_HASH_SIZE);
    hf_bind_bytes(statement, 8, store->feed_chain, sizeof store->feed_chain);
    hf_bind_bytes(statement, 9, sealed->data, sealed->size);
    return hf_sql_run(store, statement);
}

static hf_status fold_parts(arrival *in)
{
    hf_store *store = in->batch->store;
    hf_bytes all = in->entry.parts;
    assert(!HF_PLANTED(ENTRY_ABORTS) || !memmem(all.data, all.size, "POISON", 6));
    hf_reader parts = hf_reader_open(in->entry.parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        hf_part part;
        hf_status status = hf_part_next(store->crypto, &parts, &part);
        if (status != HF_OK) return status;
        if (part.erased || HF_PLANTED(STATE_NOT_WRITTEN)) continue;
        bool system = part.record.type < HF_TYPE_FIRST_PACK;
        if (system != (in->lane == HF_LANE_CONTROL) || (system && !in->origin->is_hub))
            return hf_store_say(store, HF_ERR_PROTOCOL,
                                "An entry writes control records outside a hub's control log.");
        status = hf_record_fold(store, &part, &in->entry, &in->origin->id, in->lane, in->hash,
                                store->position);
        if (status != HF_OK) return status;
    }
    return HF_OK;
}

static hf_status withhold(arrival *in)
{
    hf_hole_row hole = {.log = in->log,
                        .seq = in->entry.seq,
                        .pseq = in->entry.pseq,
                        .scope = in->entry.scope,
                        .reason = in->withhold,
                        .hash = in->hash,
                        .text = in->withhold == HF_REASON_POISON ? HF_POISON_TEXT : ""};
    return hf_hole_set(in->batch->store, &hole);
}

/* The body of a row that had only its hashes: the entry keeps its place, and counts from here on.
 */
static hf_status fill(arrival *in, hf_applied_entry *out)
{
    hf_store *store = in->batch->store;
    hf_buffer *sealed = &in->batch->scratch;
    hf_buffer_clear(sealed);
    hf_write_raw(sealed, in->entry.body);
    hf_seal(sealed);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ENTRY_FILL);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)in->fills);
    hf_bind_bytes(statement, 2, sealed->data, sealed->size);
    sqlite3_bind_int64(statement, 3, in->withhold);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)store->position);
    hf_status status = sealed->status == HF_OK ? hf_sql_run(store, statement) : sealed->status;
    store->filled++;
    if (in->withhold && !in->judged) out->what = HF_APPLIED_WITHHELD;
    if (status == HF_OK && in->withhold && !in->judged) status = withhold(in);
    if (status == HF_OK && !in->withhold) status = hf_hole_delete(store, in->log, in->entry.seq);
    return status == HF_OK && !in->withhold ? hf_record_refold_entry(store, in->fills) : status;
}

static hf_status take(arrival *in, hf_applied_entry *out)
{
    hf_store *store = in->batch->store;
    hf_vector_slot *slot;
    uint8_t chain[HF_HASH_SIZE];
    hf_log_slot *last;
    hf_status status = hf_log_last(store, in->log, &last);
    bool gap = status == HF_OK && in->entry.seq > last->seq + 1;
    if (gap || out->emptied) status = hf_log_patch(store, in->log);
    if (status == HF_OK) status = hf_vector_get(store, in->log, in->entry.scope, &slot);
    if (status != HF_OK) return status;
    memcpy(chain, slot->chain, HF_HASH_SIZE);
    if (in->late) store->filled++;
    if (in->late)
        status = chain_late(in, chain);
    else
        hf_chain_next(store->crypto, chain, in->hash);
    if (status == HF_OK) status = entry_insert(in, chain);
    if (status != HF_OK) return status;
    if (!in->origin->own) store->hlc = hf_hlc_raise(store->hlc, in->entry.hlc, in->batch->wall_ms);
    out->position = store->position;
    if (in->withhold) {
        out->what = HF_APPLIED_WITHHELD;
        if (!in->judged) status = withhold(in); /* else the verdict's text would be lost */
    } else {
        status = fold_parts(in);
        if (status == HF_OK && in->late) status = hf_hole_delete(store, in->log, in->entry.seq);
    }
    /* After the fold: until then the entry has not been seen, and may cite itself. */
    if (status == HF_OK && !in->late)
        status = hf_vector_advance(store, in->log, in->entry.scope, in->entry.seq, in->hash);
    if (status == HF_OK) status = hf_vector_step(store, in->log, in->entry.scope);
    return status;
}

static hf_status withhold_as_told(void *context, const hf_entry_body *entry, uint32_t *reason)
{
    (void)entry;
    *reason = *(const uint32_t *)context;
    return HF_OK;
}

hf_status hf_batch_entry(hf_batch *batch, const hf_origin_row *origin, uint8_t lane, hf_bytes body,
                         uint32_t withhold, hf_applied_entry *out)
{
    hf_entry_body entry;
    hf_status status = hf_batch_next(batch);
    if (status == HF_OK) status = hf_entry_parse(body, &entry);
    if (status == HF_OK)
        return hf_batch_judged(batch, origin, lane, &entry, withhold_as_told, &withhold, out);
    batch->failed = true;
    return status;
}

hf_status hf_batch_judged(hf_batch *batch, const hf_origin_row *origin, uint8_t lane,
                          const hf_entry_body *entry, hf_judge judge, void *context,
                          hf_applied_entry *out)
{
    assert(!batch->failed);
    assert(lane < HF_LANE_COUNT);
    arrival in = {.batch = batch,
                  .origin = origin,
                  .lane = lane,
                  .log = hf_log_no(origin->no, lane),
                  .entry = *entry};
    *out = (hf_applied_entry){.lane = lane, .scope = entry->scope, .seq = entry->seq};
    hf_status status = hf_entry_hash(batch->store->crypto, &origin->id, lane, entry, in.hash);
    hf_dot dot = {.origin = origin->id, .lane = lane, .seq = entry->seq};
    bool blamed = status == HF_OK && !origin->own && hf_poison_enter(batch, &dot, in.hash);
    if (status == HF_OK && judge && !blamed) status = judge(context, &in.entry, &in.withhold);
    if (status == HF_OK) status = place(&in, out);
    if (blamed && !in.withhold) in.withhold = HF_REASON_POISON;
    /* Nothing of what it says is here: a hub withholds it, and its verdict follows. */
    bool emptied = in.entry.erased_count > 0 && in.entry.erased_count == in.entry.part_count;
    if (status == HF_OK && emptied && !in.withhold) in.withhold = HF_HOLE_AWAITED;
    out->emptied = emptied;
    if (status == HF_OK && out->what == HF_APPLIED_NEW)
        status = in.fills ? fill(&in, out) : take(&in, out);
    out->reason = in.withhold;
    if (status != HF_OK) batch->failed = true;
    return status;
}

/* ---- an entry of our own ---- */

static void write_body(hf_buffer *out, const hf_entry_body *entry)
{
    hf_write_array(out, 9);
    hf_write_uint(out, entry->seq);
    hf_write_uint(out, entry->pseq);
    hf_write_uint(out, entry->scope);
    hf_write_uint(out, entry->hlc);
    hf_write_uint(out, entry->quality);
    hf_write_uint(out, entry->pack);
    hf_write_text(out, (const char *)entry->actor.data, entry->actor.size);
    if (entry->transaction.size)
        hf_write_bytes(out, entry->transaction.data, entry->transaction.size);
    else
        hf_write_null(out);
    hf_write_raw(out, entry->parts);
}

/* A log of more scopes than a head can cover could never be proved again. A hub's own verdicts
 * stand in the scopes they are about, however many: they go on, and its log goes without a head. */
static hf_status scope_admit(hf_store *store, int64_t log)
{
    if (store->is_hub) return HF_OK;
    hf_status status = hf_vectors_flush(store); /* rows are what is counted */
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_LOG_SCOPES);
    sqlite3_bind_int64(statement, 1, log);
    uint64_t count;
    status = hf_sql_number(store, statement, &count);
    if (status == HF_OK && count >= HF_LOG_SCOPES_MAX)
        status = hf_store_say(store, HF_ERR_LIMIT,
                              "This device has written in %d scopes, which is all that it may. "
                              "Ask for it to be enrolled anew; nothing was saved.",
                              HF_LOG_SCOPES_MAX);
    return status;
}

hf_status hf_batch_own(hf_batch *batch, const hf_draft *draft, hf_dot *dot)
{
    hf_store *store = batch->store;
    int64_t log = hf_log_no(store->own->no, draft->lane);
    hf_log_slot *last;
    hf_vector_slot *slot;
    hf_status status = hf_log_last(store, log, &last);
    uint64_t seq = status == HF_OK ? last->seq + 1 : 0;
    if (HF_PLANTED(REUSED_SEQ) && seq > 3 && seq % 7 == 0) seq -= 1;
    if (status == HF_OK) status = hf_vector_get(store, log, draft->scope, &slot);
    if (status == HF_OK && slot->seq == 0) status = scope_admit(store, log);
    if (status != HF_OK) return status;
    if (seq > store->reserved) return HF_ERR_LIMIT; /* more than hf_batch_begin_own reserved */
    store->hlc = hf_hlc_next(store->hlc, batch->wall_ms);
    hf_entry_body entry = {.seq = seq,
                           .pseq = slot->seq,
                           .scope = draft->scope,
                           .hlc = store->hlc,
                           .quality = draft->quality,
                           .pack = hf_pack_version(store->pack),
                           .actor = {(const uint8_t *)draft->actor, strlen(draft->actor)},
                           .transaction = draft->transaction,
                           .parts = draft->parts};
    hf_buffer body = {0};
    write_body(&body, &entry);
    hf_applied_entry applied;
    status = body.status;
    if (status == HF_OK && body.size > HF_ENTRY_SIZE_MAX)
        status = hf_store_say(store, HF_ERR_LIMIT,
                              "This is %zu bytes in one go; at most %d can be saved together. "
                              "Save it in smaller pieces; nothing of it was saved yet.",
                              body.size, HF_ENTRY_SIZE_MAX);
    if (status == HF_OK) status = hf_entry_parse(hf_buffer_bytes(&body), &entry);
    if (status == HF_OK)
        status = hf_batch_judged(batch, store->own, draft->lane, &entry, NULL, NULL, &applied);
    assert(status != HF_OK || applied.what == HF_APPLIED_NEW || HF_PLANTED(REUSED_SEQ));
    if (dot) *dot = (hf_dot){.origin = store->own->id, .lane = draft->lane, .seq = seq};
    hf_buffer_free(&body);
    return status;
}
