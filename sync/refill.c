/* refill.c: see refill.h.
 *
 * Why hashes go along: a head's signature covers where the chain stands at its leaf, and entries of
 * a chain can be checked only by going on to there. With the hashes of what follows each frame is
 * proved by itself, so nothing unproved is kept between two. */
#include "refill.h"

#include "store_core.h"

#include <assert.h>
#include <string.h>

/* ---- answering ---- */

/* The newest head that we hold of the log, and its leaf in the scope; false: none. */
static hf_status find_leaf(hf_store *store, int64_t log, hf_refill *out, bool *found)
{
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count = 0;
    *found = false;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_HEAD_LOG);
    sqlite3_bind_int64(statement, 1, log);
    bool row;
    hf_bytes stored;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status != HF_OK || !row) return status;
    out->head.seq = (uint64_t)sqlite3_column_int64(statement, 0);
    out->head.hlc = (hf_hlc)sqlite3_column_int64(statement, 1);
    status = hf_column_exact(store, statement, 2, out->head.root, HF_HASH_SIZE);
    if (status == HF_OK)
        status = hf_column_exact(store, statement, 3, out->head.signature, HF_SIGNATURE_SIZE);
    if (status == HF_OK) status = hf_head_row_leaves(store, statement, &stored);
    if (status == HF_OK) status = hf_head_read_leaves(stored, leaves, &count);
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        if (leaves[i].scope != out->scope) continue;
        out->leaf = leaves[i];
        *found = true;
    }
    sqlite3_reset(statement);
    return status;
}

typedef struct filling {
    hf_store *store;
    const hf_origin_row *origin;
    hf_refill *refill;
    hf_buffer *bodies, *hashes;
    uint64_t seq;   /* as far as the walk came without a gap */
    bool to_centre; /* it judges for itself: what is withheld here goes to it whole, too */
    bool full;      /* what follows goes as its hash */
    bool broken;
} filling;

static hf_status fill_entry(filling *f, hf_entry *entry, hf_buffer *emptied)
{
    hf_entry_body body;
    uint8_t hash[HF_HASH_SIZE];
    hf_status status = f->to_centre ? HF_OK : hf_entry_outward(f->store, entry, emptied);
    if (status == HF_OK) status = hf_entry_parse(entry->body, &body);
    if (status == HF_OK)
        status = hf_entry_hash(f->store->crypto, &f->origin->id, entry->dot.lane, &body, hash);
    if (status != HF_OK) return status;
    size_t count = f->refill->bodies.count, size = f->bodies->size;
    f->full |=
        count == HF_REFILL_ENTRIES_MAX || (count > 0 && size + entry->body.size > HF_REFILL_BYTES);
    f->broken = body.pseq != f->seq ||
                (f->full && f->hashes->size == (size_t)HF_REFILL_HASHES_MAX * HF_HASH_SIZE);
    f->seq = body.seq;
    if (f->full)
        hf_write_raw(f->hashes, (hf_bytes){hash, HF_HASH_SIZE});
    else
        hf_write_raw(f->bodies, entry->body);
    if (!f->full) f->refill->bodies.count++;
    return f->bodies->status == HF_OK ? f->hashes->status : f->bodies->status;
}

static hf_status fill(filling *f)
{
    hf_buffer emptied = {0};
    const hf_refill *refill = f->refill;
    sqlite3_stmt *statement = hf_sql(f->store, HF_SQL_LOG_SCOPE_RANGE);
    sqlite3_bind_int64(statement, 1, hf_log_no(f->origin->no, refill->lane));
    sqlite3_bind_int64(statement, 2, refill->scope);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)f->seq);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)refill->leaf.seq);
    bool row;
    hf_status status = hf_sql_row(f->store, statement, &row);
    while (status == HF_OK && row && !f->broken) {
        hf_entry entry;
        int64_t origin_no;
        status = hf_entry_from_row(f->store, statement, &entry, &origin_no);
        if (status == HF_OK) status = fill_entry(f, &entry, &emptied);
        if (status == HF_OK && !f->broken) status = hf_sql_row(f->store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    hf_buffer_free(&emptied);
    return status;
}

hf_status hf_refill_answer(hf_store *store, const hf_wish *wish, hf_buffer *bodies,
                           hf_buffer *hashes, hf_buffer *out)
{
    assert(!store->batch); /* nothing leaves that a crash can still take back */
    hf_refill refill = {.origin = wish->origin, .lane = wish->lane, .scope = wish->scope};
    const hf_refill nothing = refill;
    const hf_origin_row *origin = hf_origin_by_id(store, &wish->origin);
    hf_buffer certificate = {0};
    filling f = {.store = store,
                 .origin = origin,
                 .refill = &refill,
                 .bodies = bodies,
                 .hashes = hashes,
                 .seq = wish->after,
                 .to_centre = wish->by_centre};
    hf_status status = HF_OK;
    hf_buffer_clear(bodies);
    hf_buffer_clear(hashes);
    if (origin && origin->known)
        status = find_leaf(store, hf_log_no(origin->no, wish->lane), &refill, &refill.proven);
    refill.proven = refill.proven && refill.leaf.seq > wish->after;
    if (status == HF_OK && refill.proven) status = fill(&f);
    if (status == HF_OK && refill.proven)
        status = hf_origin_certificate(store, origin->no, &certificate);
    if (status == HF_OK) {
        bool whole = refill.proven && !f.broken && f.seq == refill.leaf.seq && certificate.size;
        if (whole) {
            memcpy(refill.key_id, origin->key_id, HF_HASH_SIZE);
            memcpy(refill.incarnation, origin->incarnation, HF_INCARNATION_SIZE);
            refill.certificate = hf_buffer_bytes(&certificate);
            refill.bodies.items = hf_buffer_bytes(bodies);
            refill.hashes = hf_buffer_bytes(hashes);
        }
        hf_write_refill(out, whole ? &refill : &nothing);
    }
    hf_buffer_free(&certificate);
    return status;
}

/* ---- believing ---- */

/* The chain from what we hold, over the bodies that we lack and the hashes behind them, to the
 * leaf. */
static hf_status leaf_chain(hf_store *store, const hf_refill *refill, hf_head_leaf *leaf,
                            bool *follows)
{
    const hf_origin_row *origin = hf_origin_by_id(store, &refill->origin);
    hf_vector_slot *slot;
    uint64_t seq = 0;
    *follows = true;
    memset(leaf->chain, 0, HF_HASH_SIZE);
    if (origin) {
        hf_status status =
            hf_vector_get(store, hf_log_no(origin->no, refill->lane), refill->scope, &slot);
        if (status != HF_OK) return status;
        seq = slot->seq;
        memcpy(leaf->chain, slot->chain, HF_HASH_SIZE);
    }
    hf_bodies walk = hf_bodies_of_refill(refill);
    while (hf_next_body(&walk) && *follows) {
        hf_entry_body body;
        uint8_t hash[HF_HASH_SIZE];
        hf_status status = hf_entry_parse(walk.body, &body);
        if (status == HF_OK)
            status = hf_entry_hash(store->crypto, &refill->origin, refill->lane, &body, hash);
        if (status != HF_OK) return status;
        *follows = body.scope == refill->scope && (body.seq <= seq || body.pseq == seq);
        if (body.seq <= seq) continue; /* it came another way meanwhile */
        hf_chain_next(store->crypto, leaf->chain, hash);
        seq = body.seq;
    }
    for (size_t at = 0; at < refill->hashes.size; at += HF_HASH_SIZE)
        hf_chain_next(store->crypto, leaf->chain, refill->hashes.data + at);
    return HF_OK;
}

hf_status hf_refill_prove(hf_batch *batch, const hf_refill *refill, const hf_origin_row **row)
{
    hf_store *store = batch->store;
    hf_head_leaf leaf = refill->leaf;
    hf_origin_id id;
    uint8_t root[HF_HASH_SIZE];
    bool follows;
    *row = NULL;
    if (!refill->proven || refill->certificate.size == 0) return HF_OK;
    hf_origin_make_id(store->crypto, refill->key_id, refill->incarnation, &id);
    if (memcmp(&id, &refill->origin, sizeof id) != 0) return HF_ERR_PROTOCOL;
    hf_status status = leaf_chain(store, refill, &leaf, &follows);
    if (status != HF_OK || !follows) return status;
    status = hf_head_leaf_root(store->crypto, &leaf, root);
    if (status != HF_OK) return status;
    /* Another branch than ours, or no chain at all: which of the two, nobody can tell by this. */
    if (memcmp(root, refill->head.root, sizeof root) != 0) return HF_OK;
    const hf_origin_row *origin;
    status =
        hf_origin_learn(store, refill->key_id, refill->incarnation, refill->certificate, &origin);
    if (status == HF_OK) status = hf_head_check(store, &refill->head);
    if (status == HF_ERR_NOT_FOUND) status = HF_ERR_PROTOCOL;
    if (status == HF_OK) *row = origin;
    return status;
}
