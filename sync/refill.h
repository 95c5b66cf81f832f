/* refill.h: entries that one replica lost and another holds: sent on, and believed.
 *
 * For whoever listens and for whoever dials: a hub asks for what a VECTOR showed it to lack (LACK),
 * and a device, or a station of its centre, answers (REFILL). Entries of others' logs are believed
 * by their origin's signature alone, whoever brings them: protocol.md 4, Refill. */
#ifndef HF_REFILL_H
#define HF_REFILL_H

#include "messages.h"

typedef struct hf_wish { /* what the other end lacks of a log in a scope comes after `after` */
    hf_origin_id origin;
    uint8_t lane;
    uint32_t scope;
    uint64_t after;
    bool by_centre; /* else it is a station, which hands on what it has not heard judged */
} hf_wish;

/* Writes the REFILL that answers: as much as one frame holds, or that there is nothing that could
 * be proved. `bodies` and `hashes` are scratch. Not inside a batch. */
HF_MUST_CHECK hf_status hf_refill_answer(hf_store *store, const hf_wish *wish, hf_buffer *bodies,
                                         hf_buffer *hashes, hf_buffer *out);

/* Does what came lead from what we hold to a head that its origin signed? Then *row is the origin,
 * learned in the open batch, and the entries may be applied; NULL: it does not, and that is
 * nobody's fault. HF_ERR_PROTOCOL: certificate or signature are not good. */
HF_MUST_CHECK hf_status hf_refill_prove(hf_batch *batch, const hf_refill *refill,
                                        const hf_origin_row **row);

#endif
