/* bench_engine.c: an upload within one process, without sockets or TLS: what a profiler wants to
 * see.
 *
 *   engine [TIMES]     records per second, once for each time
 *
 * `./dev bench` measures the programs as they run in life; this is to find out why. */
#include "folder.h"
#include "gen.h"
#include "nodes.h"

#include <stdio.h>
#include <stdlib.h>

enum { PER_COMMIT = 1000, SECONDS_MAX = 60 };

/* From the first byte of the session to the edge's receipt for its last entry. */
static bool upload(nodes *n)
{
    folder edge = {.keys = n->edge_node.keys, .store = n->edge_node.store};
    hf_standing standing;
    double unasked;
    if (!folder_write(&edge, GEN_COUNT, PER_COMMIT, &unasked)) return false;
    double began = bench_seconds();
    if (!nodes_upload(n, HF_LANE_CRIME, GEN_COUNT, SECONDS_MAX)) return false;
    double seconds = bench_seconds() - began;
    if (hf_store_standing(n->hub_node.store, &standing) != HF_OK || standing.records != GEN_COUNT) {
        fprintf(stderr, "bench: the hub does not hold what was sent to it\n");
        return false;
    }
    printf("%.0f records/s\n", GEN_COUNT / seconds);
    fflush(stdout);
    return true;
}

int main(int argument_count, char **arguments)
{
    nodes n;
    unsigned long times = argument_count > 1 ? strtoul(arguments[1], NULL, 10) : 1;
    bool measured = nodes_make_keys(&n);
    for (unsigned long i = 0; i < times && measured; i++) {
        measured = nodes_open(&n) && upload(&n);
        nodes_close(&n);
    }
    nodes_free(&n);
    return measured ? 0 : 1;
}
