/* enroll.h: which devices may connect: one-time tokens, and the one request that spends one.
 *
 * The secret is never kept, only its hash. Who a device is (name, force, unit, scopes) comes from
 * the token's row, never from what the device says of itself; DESIGN 7, protocol.md 8. */
#ifndef HF_HUB_ENROLL_H
#define HF_HUB_ENROLL_H

#include "holdfast/hub.h"
#include "holdfast/crypto.h"
#include "sync/enrolment.h"

typedef struct hf_enroll { /* filled by the caller; everything outlives the calls */
    hf_store *store;
    hf_hub *hub;
    const hf_authority *authority;
    uint8_t ca[HF_HASH_SIZE]; /* SHA-256 of the CA's certificate */
    uint8_t hub_id[HF_HUB_ID_SIZE];
    const char *enrol_address; /* as devices reach it: "localhost:7444" */
    const char *sync_address;
    const char *upstream;         /* a station's centre, "host:port"; NULL: this is the centre */
    const char *upstream_problem; /* why the last dial of it failed; "" when it did not */
} hf_enroll;

typedef struct hf_token_grant {
    const char *name, *force, *unit;
    const char *const *scopes; /* names; made when they are new */
    size_t scope_count;
    uint64_t lasts_ms;
    const char *const *addresses; /* "host:port", where devices reach it: it is a station */
    size_t address_count;
} hf_token_grant;

enum {
    HF_TOKEN_LASTS_MAX_HOURS = 30 * 24,
    HF_TOKEN_LASTS_DEFAULT_HOURS = 24,
    HF_TOKEN_SCOPES_MAX = 50
};

/* Makes a token; durable when HF_OK. HF_ERR_INPUT with a sentence in `why`. */
HF_MUST_CHECK hf_status hf_enroll_token(const hf_enroll *enroll, const hf_token_grant *grant,
                                        uint64_t wall_ms, hf_token *out, char *why,
                                        size_t why_size);

/* Answers one request onto `answer`; returns the HTTP status that goes with it. The device is
 * registered, durably, before a certificate stands in the answer. */
int hf_enroll_answer(const hf_enroll *enroll, hf_bytes request, uint64_t wall_ms,
                     hf_buffer *answer);

#endif
