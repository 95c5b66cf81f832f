/* fanout.h: which peers are owed which entries. */
#ifndef HF_HUB_FANOUT_H
#define HF_HUB_FANOUT_H

#include "peer.h"

/* After a commit: wakes every peer that may be owed something by it. `all`: entries came by another
 * way than the batch, so every scope may have grown. */
void hf_fanout_wake(hf_hub *hub, bool all);
/* Writes the next frame that this peer is owed (ORIGIN, ENTRIES, VECTOR_DONE, FEED, HEADS) into
 * hub->raw, which stays empty when there is none. */
HF_MUST_CHECK hf_status hf_fanout_write(hf_hub *hub, hf_peer *peer, uint64_t now_ms);
/* Any frame to this peer, the one just written too, went out as so many bytes. */
void hf_fanout_wired(hf_peer *peer, size_t wire, uint64_t now_ms);

/* Wakes those whose link has carried what it had. */
void hf_fanout_wake_paced(hf_hub *hub);
void hf_fanout_drop(hf_hub *hub, hf_peer *peer); /* its link is gone */
/* Origins whose entries the peer has: they are not fed to it. */
size_t hf_fanout_skipped(const hf_peer *peer, int64_t skip[HF_HELLO_ORIGINS_MAX]);

#endif
