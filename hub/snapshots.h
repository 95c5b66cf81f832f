/* snapshots.h: snapshots of scopes, made once and given to all who may see the scope. */
#ifndef HF_HUB_SNAPSHOTS_H
#define HF_HUB_SNAPSHOTS_H

#include "peer.h"

HF_MUST_CHECK hf_status hf_snapshots_new(hf_hub *hub, const hf_hub_options *options,
                                         hf_snapshots **out);
void hf_snapshots_free(hf_snapshots *snapshots);

/* Is this device to be offered one, rather than fed? By HELLO and the verdict without it. */
HF_MUST_CHECK hf_status hf_snapshots_suit(const hf_peer *peer, const hf_hello *hello, bool *suits);
void hf_snapshots_wait(hf_peer *peer); /* it gets an OFFER, when what it may see is made */
/* Goes on with what peers wait for, by a bounded piece. */
void hf_snapshots_turn(hf_hub *hub);
bool hf_snapshots_busy(const hf_hub *hub); /* there is more to do, without waiting */
/* The chunk is among those that the peer may see; else a new OFFER follows. */
HF_MUST_CHECK hf_status hf_snapshots_on_want(hf_peer *peer, const hf_chunk_frame *want);
/* OFFER or the next piece of a chunk; nothing when neither is due, or it waits for the link. */
HF_MUST_CHECK hf_status hf_snapshots_write(hf_hub *hub, hf_peer *peer, uint64_t now_ms);

#endif
