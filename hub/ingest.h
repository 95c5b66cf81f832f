/* ingest.h: what devices sent becomes durable, all sessions' frames in one transaction. */
#ifndef HF_HUB_INGEST_H
#define HF_HUB_INGEST_H

#include "peer.h"

/* Applies the inbox and signs our own log where it is due. A frame that turns out bad fails its own
 * session and nothing else. Not HF_OK: nothing was applied, and every session that had sent
 * something has failed, so nobody believes otherwise. */
HF_MUST_CHECK hf_status hf_ingest(hf_hub *hub);
uint64_t hf_ingest_deadline_ms(const hf_hub *hub); /* our own head; UINT64_MAX: none is due */

#endif
