/* nodes.h: a hub and one edge in this process, with real keys and real files, and no sockets.
 *
 * What is measured with it is the engine and its disk, not the network: every frame is made,
 * compressed, checked and applied as in life. A failure is said on standard error. */
#ifndef HF_BENCH_NODES_H
#define HF_BENCH_NODES_H

#include "holdfast/edge.h"
#include "holdfast/hub.h"

#include "platform/ca.h"

typedef struct node {
    char name[8];
    char key[96], certificate[96], database[96];
    hf_keys *keys;
    hf_store *store;
} node;

typedef struct nodes {
    char folder[64];
    char ca_key[96], ca_certificate[96];
    node hub_node, edge_node;
    hf_hub *hub;
    hf_edge *edge;
    hf_peer *peer; /* the hub's end of the link; NULL: no link */
} nodes;

/* Makes the folder, a CA, and a key and certificate for each. Under $TMPDIR, else /var/tmp, which
 * is on a disk where /tmp may be memory. */
bool nodes_make_keys(nodes *n);
void nodes_free(nodes *n); /* removes the files */

/* Opens new, empty stores; registers the edge at the hub and lets it learn its scopes and the pack;
 * then takes the link away. */
bool nodes_open(nodes *n);
void nodes_close(nodes *n); /* and removes the stores */

/* Connects, and turns both until the hub has acknowledged the edge's entry `seq` of `lane` as
 * durable, or for `seconds` at most. */
bool nodes_upload(nodes *n, uint8_t lane, uint64_t seq, double seconds);

#endif
