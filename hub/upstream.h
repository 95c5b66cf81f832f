/* upstream.h: a station's own session to the centre. Inside hub/ only.
 *
 * It is the client that an edge has, over the hub's own store: what the centre feeds is in the
 * hub's feed at once, and what devices sent goes up from the same logs that they are read from. */
#ifndef HF_HUB_UPSTREAM_H
#define HF_HUB_UPSTREAM_H

#include "peer.h"

HF_MUST_CHECK hf_status hf_upstream_new(hf_hub *hub, hf_upstream **out);
void hf_upstream_free(hf_upstream *upstream); /* NULL is fine */

/* Commits what the centre sent, closes the sessions of those whom it revoked, and wakes those of
 * whose work it has more. First of a hub's turn: what came is then fed in the same one. */
HF_MUST_CHECK hf_status hf_upstream_turn(hf_upstream *upstream);
/* After ingest: heads that the centre sent are told to the peers. */
void hf_upstream_heads(hf_upstream *upstream);
uint64_t hf_upstream_deadline_ms(const hf_upstream *upstream);

/* The centre is asked for the next certificate of this device. */
HF_MUST_CHECK hf_status hf_upstream_wish(hf_upstream *upstream, const uint8_t key_id[HF_HASH_SIZE]);

/* ... or for its receipt of a device's log, of more than up to `seq`. */
HF_MUST_CHECK hf_status hf_upstream_wish_receipt(hf_upstream *upstream, int64_t origin_no,
                                                 uint8_t lane, uint64_t seq);
/* ... or for a block of numbers behind `last`. */
HF_MUST_CHECK hf_status hf_upstream_wish_numbers(hf_upstream *upstream, int64_t origin_no,
                                                 const char *series, uint64_t last);
/* What devices still lack in a while is wished for then, once more. */
void hf_upstream_look_again(hf_hub *hub);

/* The centre's name as we know it, into `welcome`, and its former ones. */
HF_MUST_CHECK hf_status hf_upstream_centre(hf_upstream *upstream, hf_buffer *former,
                                           hf_welcome *welcome);

/* Does the centre feed us this scope? */
bool hf_upstream_holds(const hf_upstream *upstream, uint32_t scope);
/* ... and all that the device is granted? */
bool hf_upstream_serves(const hf_upstream *upstream, const hf_device *device);

#endif
