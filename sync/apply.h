/* apply.h: received entries -> merge -> store, in one transaction; the same code at both ends.
 *
 * A batch is everything that must become durable together: entries, heads, the cursor that says how
 * far they bring us. Nothing in it has happened until hf_batch_commit returns HF_OK. */
#ifndef HF_APPLY_H
#define HF_APPLY_H

#include "entry.h"
#include "store.h"

/* Would this entry bring a record that it touches further above HF_FIELD_DOTS_MAX or
 * HF_RECORD_DOTS_MAX? One that takes away as much as it adds does not: so a crowded record can be
 * put in order. For a hub to ask before it applies an entry that it does not hold. Known of records
 * that were seen at a limit since the store was opened: of another, one entry more is let through.
 */
HF_MUST_CHECK hf_status hf_entry_crowds(hf_store *store, const hf_origin_row *origin, uint8_t lane,
                                        const hf_entry_body *entry, bool *crowds);

typedef enum hf_applied {
    HF_APPLIED_NEW,      /* folded in */
    HF_APPLIED_KNOWN,    /* held already, same hash: nothing to do */
    HF_APPLIED_WITHHELD, /* stored as a hole: it does not count, what is behind it does */
    HF_APPLIED_GAP,      /* pseq is ahead of what we hold: not taken; ask from `expected` */
    HF_APPLIED_FORK      /* the same dot with another hash: not taken; the first one stands */
} hf_applied;

typedef struct hf_applied_entry {
    hf_applied what;
    uint64_t position; /* in our feed; 0 when not taken */
    uint64_t expected; /* after a gap: the seq we hold in that log and scope */
    uint32_t scope;
    uint8_t lane;
    uint64_t seq;
    uint32_t reason; /* of one withheld: as asked, or that applying it once ended the program */
    bool emptied;    /* only its hashes came */
} hf_applied_entry;

typedef struct hf_batch hf_batch;

HF_MUST_CHECK hf_status hf_batch_begin(hf_store *store, uint64_t wall_ms, hf_batch **out);
/* The same for a batch that will write up to `own_entries` entries of our own (verdicts and other
 * control records): their seqs are reserved first, which cannot be done once it is open. */
HF_MUST_CHECK hf_status hf_batch_begin_own(hf_store *store, uint64_t wall_ms, uint64_t own_entries,
                                           hf_batch **out);
/* Applies one entry of `origin`'s log in `lane`. `withhold` 0, or the reason code (protocol.md 5)
 * for which it is stored as a hole; the hub's ingest decides that and issues the verdict. Errors:
 * HF_ERR_PROTOCOL/HF_ERR_LIMIT (malformed: the batch is poisoned, roll it back), HF_ERR_IO,
 * HF_ERR_FULL, HF_ERR_CORRUPT, HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_batch_entry(hf_batch *batch, const hf_origin_row *origin, uint8_t lane,
                                       hf_bytes body, uint32_t withhold, hf_applied_entry *out);
/* The same for one that has been parsed already, and is to be judged: `judge` says why to withhold
 * it (*reason; 0: it may stand); NULL: all may. One that ended the program is not shown to it. */
typedef hf_status (*hf_judge)(void *context, const hf_entry_body *entry, uint32_t *reason);
HF_MUST_CHECK hf_status hf_batch_judged(hf_batch *batch, const hf_origin_row *origin, uint8_t lane,
                                        const hf_entry_body *entry, hf_judge judge, void *context,
                                        hf_applied_entry *out);
/* Before a frame, and before each entry that is not given to hf_batch_entry, is looked at: where
 * entries are applied one by one, the last is committed on its own first, and is not blamed for
 * what follows. */
HF_MUST_CHECK hf_status hf_batch_next(hf_batch *batch);
/* As the hub: writes a control record in the same transaction (verdicts, devices, scopes, packs).
 * The changes become one entry of our own lane 0 in `scope`. */
HF_MUST_CHECK hf_status hf_batch_control(hf_batch *batch, uint32_t scope, const hf_author *author,
                                         const hf_change *changes, size_t count);
/* As the hub: the verdict that makes (or unmakes, reason 0) a hole of a held entry. Writes the
 * `_verdict` record in `scope` and refolds what it touches. `text` says why, for people. */
HF_MUST_CHECK hf_status hf_batch_verdict(hf_batch *batch, const hf_dot *dot, uint32_t scope,
                                         uint32_t reason, const char *text, uint64_t wall_ms);

/* Has a hub said anything of this entry, in this scope? */
HF_MUST_CHECK hf_status hf_verdict_known(hf_store *store, const hf_dot *dot, uint32_t scope,
                                         bool *known);

typedef struct hf_head {
    hf_origin_id origin;
    uint8_t lane;
    uint64_t seq;
    hf_hlc hlc;
    uint8_t root[HF_HASH_SIZE];
    uint8_t signature[HF_SIGNATURE_SIZE];
} hf_head;
typedef struct hf_head_leaf { /* one scope's chain under a head, and its way to the root */
    uint32_t scope;
    uint64_t seq;
    uint8_t chain[HF_HASH_SIZE];
    uint32_t index, count; /* leaf number, of how many */
    uint8_t path[HF_HEAD_PATH_MAX][HF_HASH_SIZE];
    size_t path_count;
} hf_head_leaf;
/* From the log's own origin: we hold the whole log up to head.seq, so the root is built from our
 * own chains and compared. Verifies the signature. HF_ERR_PROTOCOL when either is wrong. */
HF_MUST_CHECK hf_status hf_batch_head(hf_batch *batch, const hf_head *head);
/* Through a relay: each leaf's chain is compared with ours and its path walked to the signed root.
 */
HF_MUST_CHECK hf_status hf_batch_head_relayed(hf_batch *batch, const hf_head *head,
                                              const hf_head_leaf *leaves, size_t leaf_count);

/* Where we are in a hub's feed. Stored in the same transaction as what it covers (S7). */
typedef struct hf_cursor {
    hf_origin_id hub;
    uint8_t epoch[16];
    uint64_t position;
    uint8_t chain[16];  /* the hub's feed chain at position */
    uint8_t scopes[16]; /* hash of the scope set the position is good for */
    uint64_t here;      /* of our own feed, when we last had all of the hub's; nobody is told */
} hf_cursor;
HF_MUST_CHECK hf_status hf_batch_cursor(hf_batch *batch, const hf_cursor *cursor);
HF_MUST_CHECK hf_status hf_cursor_get(hf_store *store, const hf_origin_id *hub, hf_cursor *out,
                                      bool *found);
/* What this hub said of others' logs is void. *any: it had said something. */
HF_MUST_CHECK hf_status hf_batch_acks_void(hf_batch *batch, const hf_origin_id *hub, bool *any);
/* The hub said: durable there up to `seq` (and `central` at the centre). Never lowers. */
HF_MUST_CHECK hf_status hf_batch_acked(hf_batch *batch, const hf_origin_id *hub,
                                       const hf_origin_row *origin, uint8_t lane, uint64_t durable,
                                       uint64_t central);

/* Durable when HF_OK. On any error everything since hf_batch_begin is undone. Frees the batch. */
HF_MUST_CHECK hf_status hf_batch_commit(hf_batch *batch);
void hf_batch_rollback(hf_batch *batch); /* frees it; NULL is fine */

#endif
