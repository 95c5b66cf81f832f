/* api.h: what may be asked of an edge, beside what sync/api.h answers at both ends.
 *
 * The command line asks through here, whether a daemon holds the store or the command opened it
 * itself, so that both ways give the same answer. */
#ifndef HF_EDGE_API_H
#define HF_EDGE_API_H

#include "holdfast/edge.h"
#include "sync/api.h"

typedef struct hf_edge_api { /* the node of an hf_api whose side is hf_edge_side */
    hf_edge *edge;           /* never NULL: it knows the clock, even where no link is ever made */
    const char *hub;         /* "host:port" */
    hf_validity hub_certificate; /* as the last link showed it; zeros: there was none */
} hf_edge_api;

extern const hf_api_side hf_edge_side;

/* ---- among the api's own files ---- */

const hf_edge_api *hf_edge_of(const hf_call *call);
/* Who acts and when: "actor", else the device's name, and the clock as the hub corrected it. */
void hf_edge_author(const hf_call *call, hf_author *out);

HF_MUST_CHECK hf_status hf_edge_api_put(hf_call *call);
HF_MUST_CHECK hf_status hf_edge_api_delete(hf_call *call);
HF_MUST_CHECK hf_status hf_edge_api_resolve(hf_call *call);
HF_MUST_CHECK hf_status hf_edge_api_import(hf_call *call);

#endif
