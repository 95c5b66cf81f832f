/* lease.h: which numbers of a series were leased, to whom, and which are still to be had.
 *
 * A lease is a control record, so it is in the hub's log before anyone hears of it, is held by
 * every hub, and comes back with the rest when a hub has lost its disk. */
#ifndef HF_LEASE_H
#define HF_LEASE_H

#include "apply.h"

typedef struct hf_lease {
    uint64_t first, last; /* the numbers, both included */
    hf_origin_id holder;
    uint8_t key_id[HF_HASH_SIZE];
    uint64_t granted_ms; /* Unix time, by the hub's clock */
} hf_lease;

struct hf_record;
/* control.c: a `_lease` record changed. */
HF_MUST_CHECK hf_status hf_lease_fold(hf_store *store, const struct hf_record *record);

/* Leases a block to `holder`, whose newest ends at `last` (0: it has none). If one that lies above
 * was leased to it before, its answer was lost: that one again. *got false: not now (it has had
 * one a moment ago), or there are no more. At the centre. */
HF_MUST_CHECK hf_status hf_batch_lease(hf_batch *batch, const hf_series *series,
                                       const hf_origin_row *holder, uint64_t last, hf_lease *out,
                                       bool *got);

/* The first block above `last` that was leased to this incarnation. At the centre its answer was
 * lost; at a station it is in stock, for the centre leased it before the device asked. */
HF_MUST_CHECK hf_status hf_lease_next(hf_store *store, const char *series,
                                      const hf_origin_row *holder, uint64_t last, hf_lease *out,
                                      bool *got);

/* ---- at a device: reference.c ---- */

/* A hub leased these numbers to the incarnation that writes now. *taken false: we hold some of them
 * already, so they are not ours to use again. HF_ERR_PROTOCOL: no such range. */
HF_MUST_CHECK hf_status hf_batch_block(hf_batch *batch, hf_bytes series, uint64_t first,
                                       uint64_t last, bool *taken);

typedef struct hf_series_left {
    uint64_t left;  /* numbers that we may still use */
    uint64_t last;  /* the highest that was leased to this incarnation; 0: none */
    uint64_t block; /* size of the block that it ends */
} hf_series_left;
HF_MUST_CHECK hf_status hf_series_left_get(hf_store *store, const hf_series *series,
                                           hf_series_left *out);

/* Gives records that this device gave a provisional reference their number, as far as there are
 * any, HF_REFERENCES_PER_TURN at most. *more: there may be more to give. */
HF_MUST_CHECK hf_status hf_references_give(hf_store *store, const hf_author *author, bool *more);
/* Records that lack theirs: all that are known of here. */
HF_MUST_CHECK hf_status hf_provisional_count(hf_store *store, uint64_t *out);
/* Rises when blocks move, or the pack, or who we are: then it is worth to look again. */
uint64_t hf_references_moved(const hf_store *store);

/* ---- for people ---- */

typedef hf_status (*hf_lease_visitor)(void *context, const hf_lease *lease);
/* Newest first. */
HF_MUST_CHECK hf_status hf_lease_each(hf_store *store, const char *series, size_t limit,
                                      hf_lease_visitor visit, void *context);

typedef struct hf_series_sum {
    uint64_t leases, leased; /* blocks, and numbers in them */
    uint64_t used;           /* numbers that records bear or bore */
} hf_series_sum;
HF_MUST_CHECK hf_status hf_series_sum_get(hf_store *store, const char *series, hf_series_sum *out);
HF_MUST_CHECK hf_status hf_series_used(hf_store *store, const char *series, uint64_t first,
                                       uint64_t last, uint64_t *out);

/* Two records of one series that bear one number now: by a fork, a false device or a typing error.
 * `text` is what both show. */
typedef hf_status (*hf_shared_visitor)(void *context, const hf_record_id *first,
                                       const hf_record_id *second, hf_bytes text);
HF_MUST_CHECK hf_status hf_references_shared(hf_store *store, const hf_series *series,
                                             hf_shared_visitor visit, void *context);

/* Records that have only a provisional reference, with one of them. */
typedef hf_status (*hf_provisional_visitor)(void *context, const hf_record_id *record,
                                            hf_bytes text);
HF_MUST_CHECK hf_status hf_provisionals(hf_store *store, size_t limit, hf_provisional_visitor visit,
                                        void *context);

#endif
