/* again.h: the entries of an own log that has forked, written again under the name that we write
 * under now (protocol.md 4, "Forks"): each once, op by op, also when power fails half way. */
#ifndef HF_AGAIN_H
#define HF_AGAIN_H

#include "store.h"

/* Begins it, durably: what no hub acknowledged of `old` is to be written again. */
HF_MUST_CHECK hf_status hf_again_begin(hf_store *store, const hf_origin_row *old);
/* *old: whose entries are still to be written again; NULL: nobody's. */
HF_MUST_CHECK hf_status hf_again_whose(hf_store *store, const hf_origin_row **old);
/* Writes what is left of it, under an origin that is not the old one. */
HF_MUST_CHECK hf_status hf_again_finish(hf_store *store);

/* ---- between again.c and again_delete.c ---- */

/* Entries of the old log that stand one after the other, and so do those that they became. */
typedef struct hf_again_run {
    hf_origin_id origin; /* of the new ones */
    uint8_t lane;        /* of both */
    uint64_t from, becomes, count;
} hf_again_run;

typedef struct hf_again {
    hf_origin_id old;
    uint64_t durable[HF_LANE_COUNT]; /* what a hub had said it holds, when we began */
    uint64_t done[HF_LANE_COUNT];    /* the last one written again, or found to be empty */
    hf_again_run *runs;              /* one a lane, as a rule */
    size_t run_count;
} hf_again;

/* The context of a delete that is written again: it names no more of the old log than the hub holds
 * of it, and of the new log what its writer had seen of the old one above that. */
HF_MUST_CHECK hf_status hf_again_context(hf_store *store, const hf_again *again,
                                         const hf_record_id *id, uint32_t scope, hf_bytes value,
                                         hf_buffer *out);

#endif
