/* api.h: what may be asked of a hub, beside what sync/api.h answers at both ends. */
#ifndef HF_HUB_API_H
#define HF_HUB_API_H

#include "enroll.h"
#include "holdfast/hub.h"
#include "seen.h"
#include "sync/api.h"

/* The node of an hf_api with this side is an hf_enroll, which knows the hub too. */
extern const hf_api_side hf_hub_side;

/* ---- among the api's own files ---- */

const hf_enroll *hf_enroll_of(const hf_call *call);

/* What only the centre decides: HF_ERR_DENIED with a sentence anywhere else. */
HF_MUST_CHECK hf_status hf_hub_at_centre(hf_call *call);

HF_MUST_CHECK hf_status hf_hub_api_hubs(hf_call *call); /* api_hubs.c */
HF_MUST_CHECK hf_status hf_hub_api_hubs_set(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_devices(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_token(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_revoke(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_pack(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_refill(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_declare_lost(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_accept_control_loss(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_references(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_outages(hf_call *call); /* api_outage.c */
HF_MUST_CHECK hf_status hf_hub_api_outage(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_sla(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_drill(hf_call *call); /* api_ready.c */
HF_MUST_CHECK hf_status hf_hub_api_window(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_window_off(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_windows(hf_call *call);
HF_MUST_CHECK hf_status hf_hub_api_readiness(hf_call *call);

typedef struct hub_contact {      /* of a hub with its devices */
    bool known;                   /* the hub was away once; */
    uint64_t ended_ms, lasted_ms; /* its last time */
    bool drill;
    char unit[64];
    uint64_t away, waiting; /* devices; entries on those, as they last told */
} hub_contact;
HF_MUST_CHECK hf_status hf_hub_contact(hf_call *call, hub_contact *out);

typedef struct hub_fleet { /* devices, counted; and stations, which are none */
    uint64_t enrolled, revoked, connected, in_sync;
    uint64_t stations, stations_connected;
} hub_fleet;
HF_MUST_CHECK hf_status hf_hub_fleet_count(hf_call *call, hub_fleet *out);

#endif
