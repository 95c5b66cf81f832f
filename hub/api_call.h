/* api_call.h: one request being answered, as the api's own files see it. */
#ifndef HF_HUB_API_CALL_H
#define HF_HUB_API_CALL_H

#include "api.h"
#include "sync/json.h"
#include "sync/store.h"

#include <jansson.h>

typedef struct api_call {
    hf_hub_api *api;
    json_t *request;
    hf_json json; /* the reply's object is open */
    char why[HF_HUB_WHY_SIZE];
} api_call;

/* Remembers the sentence; returns `status`. */
HF_MUST_CHECK hf_status hf_hub_fail(api_call *call, hf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *hf_hub_text(const api_call *call, const char *key); /* "" when there is none */

HF_MUST_CHECK hf_status hf_hub_api_devices(api_call *call);
HF_MUST_CHECK hf_status hf_hub_api_token(api_call *call);
HF_MUST_CHECK hf_status hf_hub_api_revoke(api_call *call);
HF_MUST_CHECK hf_status hf_hub_api_pack(api_call *call);

typedef struct hub_fleet { /* devices, counted; hubs are none */
    uint64_t enrolled, revoked, connected, in_sync;
} hub_fleet;
HF_MUST_CHECK hf_status hf_hub_fleet_count(api_call *call, hub_fleet *out);

#endif
