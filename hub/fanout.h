/* fanout.h: which peers are owed which entries. */
#ifndef HF_HUB_FANOUT_H
#define HF_HUB_FANOUT_H

#include "peer.h"

/* After a commit: wakes every peer that may be owed something by it. `all`: entries came by another
 * way than the batch, so every scope may have grown. */
void hf_fanout_wake(hf_hub *hub, bool all);
/* Writes the next frame that this peer is owed (ORIGIN, ENTRIES, VECTOR_DONE, FEED, HEADS, and
 * those of snapshots) into hub->raw, which stays empty when there is none. */
HF_MUST_CHECK hf_status hf_fanout_write(hf_hub *hub, hf_peer *peer, uint64_t now_ms);
/* Any frame to this peer, the one just written too, went out as so many bytes. */
void hf_fanout_wired(hf_peer *peer, size_t wire, uint64_t now_ms);

/* ---- the pace: of whatever the peer acknowledges ---- */

/* May another such frame go now? If not, the peer is woken when one may. */
bool hf_fanout_open(hf_hub *hub, hf_peer *peer, uint64_t now_ms);
/* One was written, of so many bytes as they are in the store; an acknowledgement of `to` takes it
 * off again. */
void hf_fanout_flies(hf_peer *peer, uint64_t to, size_t bytes);
/* What was under way is behind us: nothing is known of the link. */
void hf_fanout_landed(hf_peer *peer);
/* Wakes those whose link has carried what it had. */
void hf_fanout_wake_paced(hf_hub *hub);
/* A peer that came, its scopes known: HF_ERR_NOMEM. And one whose link is gone. */
HF_MUST_CHECK hf_status hf_fanout_join(hf_hub *hub, hf_peer *peer);
void hf_fanout_drop(hf_hub *hub, hf_peer *peer);
/* Was ORIGIN sent for it? If not, it is put on the list of those to be sent next. */
bool hf_fanout_named(hf_peer *peer, int64_t origin_no);
/* Of what lies behind `from`, by a sample: how many entries the peer would be fed, and how large.
 */
HF_MUST_CHECK hf_status hf_fanout_sample(const hf_peer *peer, uint64_t from, uint64_t *entries,
                                         uint64_t *bytes);
/* What heads the peer has, by its vectors: those are not sent to it. */
HF_MUST_CHECK hf_status hf_fanout_note_heads(hf_peer *peer, const hf_vector *vector);
void hf_fanout_forget_had(hf_peer *peer); /* what it named counts no more: it is fed */

#endif
