/* api_call.h: one request being answered, as the api's own files see it. */
#ifndef HF_EDGE_API_CALL_H
#define HF_EDGE_API_CALL_H

#include "api.h"
#include "sync/json.h"
#include "sync/store.h"

#include <jansson.h>

typedef struct api_call {
    hf_edge_api *api;
    json_t *request;
    hf_json json; /* the reply's object is open */
    char why[HF_EDGE_WHY_SIZE];
} api_call;

/* Remembers the sentence; returns `status`. */
HF_MUST_CHECK hf_status hf_edge_fail(api_call *call, hf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A member as text; "" when it is not there or not text. Borrowed from the request. */
const char *hf_edge_text(const api_call *call, const char *key);
hf_bytes hf_edge_bytes(const json_t *text); /* of a string; empty when it is none */
/* A member as a number of at most `max`; `otherwise` when it is not there. */
size_t hf_edge_number(const api_call *call, const char *key, size_t otherwise, size_t max);
/* The record that "id" names. */
HF_MUST_CHECK hf_status hf_edge_record(api_call *call, hf_record_id *out);
/* Who acts and when: "actor", else the device's name, and the clock as the hub corrected it. */
void hf_edge_author(const api_call *call, hf_author *out);

/* HF_ERR_INPUT, with a sentence that lists what there is. */
HF_MUST_CHECK hf_status hf_edge_no_type(api_call *call, const char *name);
HF_MUST_CHECK hf_status hf_edge_no_field(api_call *call, const hf_type *type, const char *name);

HF_MUST_CHECK hf_status hf_edge_api_put(api_call *call);
HF_MUST_CHECK hf_status hf_edge_api_delete(api_call *call);
HF_MUST_CHECK hf_status hf_edge_api_resolve(api_call *call);
HF_MUST_CHECK hf_status hf_edge_api_import(api_call *call);

#endif
