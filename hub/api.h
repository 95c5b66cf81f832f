/* api.h: what may be asked of a hub: a request in JSON in, a document in JSON out.
 *
 * As edge/api.h: the command line asks through here whether a daemon holds the store or not. */
#ifndef HF_HUB_API_H
#define HF_HUB_API_H

#include "enroll.h"
#include "holdfast/hub.h"
#include "sync/codec.h"

enum { HF_HUB_REQUEST_MAX = 1024 * 1024, HF_HUB_WHY_SIZE = 640 };

typedef struct hf_hub_api { /* filled by the caller; everything outlives the calls */
    hf_store *store;
    hf_hub *hub;
    const hf_enroll *enroll;
    const char *name; /* the certificate's */
    bool running;     /* a daemon answers */
    int64_t pid;
    uint64_t now_ms, wall_ms; /* set before each call */
} hf_hub_api;

/* Answers one request; `reply` then holds one JSON object: a document, or
 * {"schema":"holdfast.error/1","status":N,"name":"...","message":"..."}, the status returned. */
HF_MUST_CHECK hf_status hf_hub_api_answer(hf_hub_api *api, hf_bytes request, hf_buffer *reply);

#define HF_POSITION_UNKNOWN UINT64_MAX /* a session that ended badly no longer tells */

/* When a device was last here, and how far it was fed: what `devices` shows of those who are away.
 */
typedef struct hf_seen {
    uint8_t key_id[HF_HASH_SIZE];
    uint64_t wall_ms, position;
} hf_seen;
/* Keeps them in one transaction: a hub that stops lets go of thousands at once. Not while a batch
 * is open. */
HF_MUST_CHECK hf_status hf_hub_api_seen(hf_store *store, const hf_seen *seen, size_t count,
                                        uint64_t wall_ms);

#endif
