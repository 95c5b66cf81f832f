/* refill.h: what the hub lacks and its devices hold: seen in their vectors, asked for, taken. */
#ifndef HF_HUB_REFILL_H
#define HF_HUB_REFILL_H

#include "peer.h"

/* A VECTOR came: notes which logs of others' the device holds further than we do. */
HF_MUST_CHECK hf_status hf_refill_look(hf_peer *peer, const hf_vector *vector);
/* Writes a LACK into hub->raw, if there is anything to ask of this peer now. */
HF_MUST_CHECK hf_status hf_refill_write(hf_hub *hub, hf_peer *peer);
/* A REFILL is in the open batch's turn. */
HF_MUST_CHECK hf_status hf_refill_take(hf_peer *peer, hf_batch *batch, const hf_refill *refill);
void hf_refill_reset(hf_peer *peer);  /* the batch was undone */
void hf_refill_settle(hf_peer *peer); /* ... or is on disk */
void hf_refill_forget(hf_peer *peer); /* its link is gone: others may be asked in its place */

#endif
