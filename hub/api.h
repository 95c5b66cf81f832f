/* api.h: what may be asked of a hub, beside what sync/api.h answers at both ends. */
#ifndef HF_HUB_API_H
#define HF_HUB_API_H

#include "enroll.h"
#include "holdfast/hub.h"
#include "sync/api.h"

/* The node of an hf_api with this side is an hf_enroll, which knows the hub too. */
extern const hf_api_side hf_hub_side;

#define HF_POSITION_UNKNOWN UINT64_MAX /* a session that ended badly no longer tells */

/* When a device was last here, and how far it was fed: what `devices` shows of those who are away.
 */
typedef struct hf_last_seen {
    uint8_t key_id[HF_HASH_SIZE];
    uint64_t wall_ms, position;
} hf_last_seen;
/* Keeps them in one transaction: a hub that stops lets go of thousands at once. Not while a batch
 * is open. */
HF_MUST_CHECK hf_status hf_hub_api_seen(hf_store *store, const hf_last_seen *seen, size_t count,
                                        uint64_t wall_ms);

/* ---- among the api's own files ---- */

const hf_enroll *hf_enroll_of(const hf_call *call);

HF_MUST_CHECK hf_status hf_hub_api_devices(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_token(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_revoke(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_pack(hf_call *call);

typedef struct hub_fleet { /* devices, counted; and stations, which are none */
    uint64_t enrolled, revoked, connected, in_sync;
    uint64_t stations, stations_connected;
} hub_fleet;
HF_MUST_CHECK hf_status hf_hub_fleet_count(hf_call *call, hub_fleet *out);

#endif
