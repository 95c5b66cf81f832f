/* elsewhere.h: what a device had of another hub since it left this one, said in few bytes: so that
 * it is not fed it again. */
#ifndef HF_ELSEWHERE_H
#define HF_ELSEWHERE_H

#include "apply.h"
#include "messages.h"
#include "relay.h"

/* First bytes of a hash over the whole names of a group's logs, each its origin and lane. */
void hf_elsewhere_check(const hf_crypto *crypto, hf_bytes names, uint8_t out[HF_ELSEWHERE_CHECK]);

/* ---- at a device ---- */

/* The groups that HELLO names to a hub, at which it was last up to date when its own feed stood at
 * `here`. Of each log it names no more than what is held whole; at most HF_ELSEWHERE_LOGS_MAX.
 * `named` has the same as hf_relay_log in a row: HAD is about these. */
HF_MUST_CHECK hf_status hf_elsewhere_write(hf_store *store, uint64_t here, hf_buffer *named,
                                           hf_buffer *groups, size_t *count);

/* How far our newest head of this log goes beyond `seq`, as a frame says it: 0, none so far. */
HF_MUST_CHECK hf_status hf_claim_head(hf_store *store, int64_t origin_no, uint8_t lane,
                                      uint64_t seq, hf_buffer *out);

/* ---- at a hub ---- */

typedef struct hf_had hf_had; /* what a peer named, by our own numbers */

/* NULL where it named nothing that we hold as far. Of a group in which one log cannot be told which
 * it is, nothing counts. `bits`: for HAD. */
HF_MUST_CHECK hf_status hf_had_read(hf_store *store, const hf_list *groups, hf_buffer *bits,
                                    hf_had **out);
/* By a VECTOR: the heads that it claims, at most `room` more. New where *had is NULL. */
HF_MUST_CHECK hf_status hf_had_add_heads(hf_store *store, const hf_vector *vector, size_t room,
                                         hf_had **had);
void hf_had_free(hf_had *had);
/* Of the logs that a VECTOR lists, at most HF_VECTOR_LOGS_MAX: which we hold whole as far. */
HF_MUST_CHECK hf_status hf_had_bits(hf_store *store, const hf_list *logs, hf_buffer *bits);
size_t hf_had_count(const hf_had *had); /* of logs and scopes; NULL: 0 */
/* Does it have this entry; a head of this log up to `seq`? Of NULL: no. */
bool hf_had_entry(const hf_had *had, int64_t origin_no, const hf_entry *entry);
bool hf_had_head(const hf_had *had, int64_t origin_no, uint8_t lane, uint64_t seq);

#endif
