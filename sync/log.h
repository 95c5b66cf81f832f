/* log.h: logs as others ask for them: how far, from where, under which chain and signed head. */
#ifndef HF_LOG_H
#define HF_LOG_H

#include "apply.h"

typedef struct hf_log_state {
    int64_t origin_no;
    uint8_t lane;
    uint64_t seq;                /* last entry held; 0: none */
    uint8_t chain[HF_HASH_SIZE]; /* of that entry, in its scope */
    uint64_t acked;              /* highest seq any hub acknowledged */
    uint64_t central;            /* ... and that one of them said is at the centre */
} hf_log_state;
/* How much of a log this one hub acknowledged; 0: nothing. */
HF_MUST_CHECK hf_status hf_acked_by(hf_store *store, const hf_origin_id *hub, int64_t origin_no,
                                    uint8_t lane, uint64_t *durable);
typedef hf_status (*hf_log_visitor)(void *context, const hf_log_state *log);
/* The logs of one origin, ascending by lane. */
HF_MUST_CHECK hf_status hf_log_each(hf_store *store, int64_t origin_no, hf_log_visitor visit,
                                    void *context);
HF_MUST_CHECK hf_status hf_log_state_get(hf_store *store, int64_t origin_no, uint8_t lane,
                                         hf_log_state *out); /* zeroed when there is no such log */
/* Chain value of one entry; HF_ERR_NOT_FOUND when it is not held. */
HF_MUST_CHECK hf_status hf_log_chain_at(hf_store *store, int64_t origin_no, uint8_t lane,
                                        uint64_t seq, uint8_t out[HF_HASH_SIZE]);

/* Entries of one whole log after `seq`, in seq order, at most `limit`: what an upload reads. */
HF_MUST_CHECK hf_status hf_log_read(hf_store *store, int64_t origin_no, uint8_t lane, uint64_t seq,
                                    uint32_t limit, hf_entry_visitor visit, void *context);
/* The same, of one scope of the log: what answers a VECTOR. Withheld entries come with every part
 * erased; an entry that a verdict opened comes before that verdict, and is of another log. */
HF_MUST_CHECK hf_status hf_log_read_scope(hf_store *store, int64_t origin_no, uint8_t lane,
                                          uint32_t scope, uint64_t seq, uint32_t limit,
                                          hf_entry_visitor visit, void *context);

/* How far a log is held in a scope; 0: not at all. */
HF_MUST_CHECK hf_status hf_vector_seq(hf_store *store, int64_t origin_no, uint8_t lane,
                                      uint32_t scope, uint64_t *seq);

/* The vector of a scope: every log held in it, by (origin id, lane). */
typedef struct hf_vector_item {
    int64_t origin_no;
    hf_origin_id origin;
    uint8_t lane;
    uint64_t seq;
    uint8_t chain[HF_HASH_SIZE];
} hf_vector_item;
typedef hf_status (*hf_vector_visitor)(void *context, const hf_vector_item *item);
/* After (origin, lane), which may be NULL for the start; at most `limit`. */
HF_MUST_CHECK hf_status hf_vector_read(hf_store *store, uint32_t scope, const hf_origin_id *origin,
                                       uint8_t lane, uint32_t limit, hf_vector_visitor visit,
                                       void *context);

/* Up to where we can say that we hold the log in this scope, each entry that counts with its body:
 * before the first of which we have but the hashes, and nothing withholds. */
HF_MUST_CHECK hf_status hf_vector_claim(hf_store *store, uint32_t scope, const hf_vector_item *item,
                                        uint64_t *seq);

typedef struct hf_hole {
    hf_dot dot;
    uint32_t scope;
    uint64_t pseq;
    uint32_t reason;
    bool held; /* we have the entry's body */
    uint8_t hash[HF_HASH_SIZE];
    char text[256];
} hf_hole;
typedef hf_status (*hf_hole_visitor)(void *context, const hf_hole *hole);
HF_MUST_CHECK hf_status hf_hole_each(hf_store *store, hf_hole_visitor visit, void *context);

/* Signs a head over a log of our key, of this life or a former one, as it stands at `seq` (an
 * entry's seq we hold). HF_ERR_LIMIT: it has more scopes than a head can cover, and goes without.
 */
HF_MUST_CHECK hf_status hf_head_sign(hf_store *store, const hf_origin_row *origin, uint8_t lane,
                                     uint64_t seq, hf_head *out);
/* Merkle root over a log's scopes as they stood at `seq`; leaves ascending by scope. */
HF_MUST_CHECK hf_status hf_head_leaves(hf_store *store, int64_t origin_no, uint8_t lane,
                                       uint64_t seq, hf_head_leaf leaves[HF_LOG_SCOPES_MAX],
                                       size_t *count, uint8_t root[HF_HASH_SIZE]);
/* The leaves that the newest accepted head of the log came with, its own chains in them: all of
 * them, or those that a relay could show. HF_ERR_NOT_FOUND: it is not the one at `seq` any more. */
HF_MUST_CHECK hf_status hf_head_kept_leaves(hf_store *store, const hf_head *head,
                                            hf_head_leaf leaves[HF_LOG_SCOPES_MAX], size_t *count);
/* The root that a leaf's path leads to; HF_ERR_PROTOCOL when the path has the wrong length. */
HF_MUST_CHECK hf_status hf_head_leaf_root(const hf_crypto *crypto, const hf_head_leaf *leaf,
                                          uint8_t root[HF_HASH_SIZE]);
/* The newest accepted head of each log whose acceptance number is above `after`, in that order; and
 * their numbers. A hub passes heads on by this. */
typedef hf_status (*hf_head_visitor)(void *context, uint64_t number, const hf_head *head,
                                     uint64_t position);
HF_MUST_CHECK hf_status hf_head_each(hf_store *store, uint64_t after, uint32_t limit,
                                     hf_head_visitor visit, void *context);
uint64_t hf_head_newest(const hf_store *store); /* the last acceptance number; 0: none */

#endif
