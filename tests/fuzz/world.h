/* world.h: a hub and two edges that always begin at the same moment of the same day.
 *
 * Why a picture of their disks and not a new world for each input: to enrol, publish and sync costs
 * twenty milliseconds, to open a store from its picture less than one; and most inputs change
 * nothing on disk, so not even that is due. Every input meets the same bytes, the same clock and
 * the same chance, so it does the same each time. */
#ifndef HF_FUZZ_WORLD_H
#define HF_FUZZ_WORLD_H

#include "pair.h"

enum { WORLD_NODES = 3, WORLD_FRAMES_MAX = 64 };

typedef struct world_node {
    pair_node *node;
    sim_image *image; /* its disk at that moment */
    sim_random random;
    int changes; /* rows that SQLite had changed when it was last fresh */
} world_node;

typedef struct world_frame { /* raw, out of its Z; empty: the nodes turned here */
    uint8_t *data;
    size_t size;
} world_frame;

typedef struct world_talk { /* what one side said in a conversation that began at that moment */
    world_frame frames[WORLD_FRAMES_MAX];
    size_t count;
} world_talk;

typedef struct fuzz_world {
    pair_world *pair;
    world_node hub, edges[2]; /* both edges hold writes that no hub has; the hub holds news */
    uint64_t now_ms;
    hf_record_id record; /* one that all three hold, in conflict once they have talked */
    /* edges[e]'s conversation with the hub; and the same when the edge has lost its cursor. */
    world_talk up[2], down[2], up_anew, down_anew;
} fuzz_world;

/* The one world of this process, made at the first call. */
fuzz_world *fuzz_world_get(void);
/* The node as it stood, its store open, without a link; true when it had to be opened anew. */
bool fuzz_world_fresh(fuzz_world *world, world_node *node);
/* Did anything change the node's store since? */
bool fuzz_world_changed(const world_node *node);

#endif
