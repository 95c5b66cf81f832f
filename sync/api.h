/* api.h: one request in JSON in, one document in JSON out: how a device or a hub is asked anything.
 *
 * A side declares its own operations; what stands here is what both need for them, and those that
 * read records, which are the same at both. docs/cli.md lists requests and documents. */
#ifndef HF_API_H
#define HF_API_H

#include "json.h"
#include "store.h"

#include <jansson.h>

enum { HF_API_REQUEST_MAX = 1024 * 1024, HF_API_WHY_SIZE = 640 };

typedef struct hf_call hf_call;

typedef struct hf_operation {
    const char *name; /* the request's "op" */
    hf_status (*answer)(hf_call *call);
} hf_operation;

typedef struct hf_api_side { /* what a device and a hub do not share */
    const char *self;        /* "device": as in "This device holds no record" */
    const char *no_types;    /* said while there is no pack yet, and so no type to name */
    const hf_operation *operations;
    size_t operation_count;
} hf_api_side;

typedef struct hf_api { /* filled by the caller; everything outlives the calls */
    const hf_api_side *side;
    const void *node; /* what the side's own operations work on: its api.h says what */
    hf_store *store;
    const char *name; /* the certificate's */
    bool running;     /* a daemon answers */
    int64_t pid;
    uint64_t now_ms, wall_ms; /* set before each call */
} hf_api;

/* Answers one request; `reply` then holds one JSON object: a document, or
 * {"schema":"holdfast.error/1","status":N,"name":"…","message":"…"} with the status returned. */
HF_MUST_CHECK hf_status hf_api_answer(const hf_api *api, hf_bytes request, hf_buffer *reply);
/* The same for a socket or a command: text to text. `*reply` is the caller's to free(); NULL with
 * HF_ERR_NOMEM alone. */
HF_MUST_CHECK hf_status hf_api_answer_text(const hf_api *api, const char *request, char **reply);

/* ---- for the operations ---- */

struct hf_call { /* one request being answered */
    const hf_api *api;
    json_t *request;
    hf_json json; /* the reply's object is open */
    char why[HF_API_WHY_SIZE];
};

/* Remembers the sentence; returns `status`. */
HF_MUST_CHECK hf_status hf_call_fail(hf_call *call, hf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A member as text; "" when it is not there or not text. Borrowed from the request. */
const char *hf_call_text(const hf_call *call, const char *key);
/* A member as a number of at most `max`; `otherwise` when it is not there. */
size_t hf_call_number(const hf_call *call, const char *key, size_t otherwise, size_t max);
bool hf_call_flag(const hf_call *call, const char *key); /* is the member true? */
hf_bytes hf_json_bytes(const json_t *text); /* a string's own bytes; empty when it is none */

/* The record that "id" names: its name taken apart, and the record itself, which must be held. The
 * caller frees the view. */
HF_MUST_CHECK hf_status hf_call_record(hf_call *call, hf_record_id *out);
HF_MUST_CHECK hf_status hf_call_open(hf_call *call, hf_record_id *out, hf_view **view);
/* HF_ERR_INPUT, with a sentence that lists what there is. */
HF_MUST_CHECK hf_status hf_call_no_type(hf_call *call, const char *name);
HF_MUST_CHECK hf_status hf_call_no_field(hf_call *call, const hf_type *type, const char *name);

void hf_call_process(hf_call *call); /* running, pid */

/* ---- operations that both sides have ---- */

HF_MUST_CHECK hf_status hf_api_get(hf_call *call);
HF_MUST_CHECK hf_status hf_api_list(hf_call *call);
HF_MUST_CHECK hf_status hf_api_conflicts(hf_call *call);
HF_MUST_CHECK hf_status hf_api_history(hf_call *call);
HF_MUST_CHECK hf_status hf_api_receipt(hf_call *call);
HF_MUST_CHECK hf_status hf_api_verify(hf_call *call);

#endif
