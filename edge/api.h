/* api.h: what may be asked of an edge: a request in JSON in, a document in JSON out.
 *
 * The command line asks through here, whether a daemon holds the store or the command opened it
 * itself, so that both ways give the same answer. docs/cli.md lists requests and documents. */
#ifndef HF_EDGE_API_H
#define HF_EDGE_API_H

#include "holdfast/edge.h"
#include "sync/codec.h"

enum { HF_EDGE_REQUEST_MAX = 1024 * 1024, HF_EDGE_WHY_SIZE = 640 };

typedef struct hf_edge_api { /* filled by the caller; everything outlives the calls */
    hf_store *store;
    hf_edge *edge;      /* never NULL: it knows the clock, even where no link is ever made */
    const char *device; /* the certificate's name */
    const char *hub;    /* "host:port" */
    hf_validity hub_certificate; /* as the last link showed it; zeros: there was none */
    bool running;                /* a daemon answers */
    int64_t pid;
    uint64_t now_ms, wall_ms; /* set before each call */
} hf_edge_api;

/* Answers one request; `reply` then holds one JSON object: a document, or
 * {"schema":"holdfast.error/1","status":N,"name":"…","message":"…"} with the status returned. */
HF_MUST_CHECK hf_status hf_edge_api_answer(hf_edge_api *api, hf_bytes request, hf_buffer *reply);

#endif
