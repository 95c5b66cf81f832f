/* vectors.h: what answers a VECTOR: the entries a device lacks of each log in a range of one scope.
 */
#ifndef HF_HUB_VECTORS_H
#define HF_HUB_VECTORS_H

#include "peer.h"

/* Writes the next ENTRIES, or VECTOR_DONE when all went, into hub->raw; or an ORIGIN that must go
 * before. Empty when no VECTOR waits for an answer, or it waits for the link. */
HF_MUST_CHECK hf_status hf_vectors_write(hf_hub *hub, hf_peer *peer, uint64_t now_ms);

#endif
