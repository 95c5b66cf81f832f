/* storm.c: every hub goes down and everybody writes; then all of them come back at once. */
#include "world_private.h"

enum { STORM_TYPE = 900 /* of no pack */, STORM_ENTRIES = 5, STORM_TEXT = 300 };

void sim_storm(sim_world *world)
{
    sim_say(world, "a storm");
    for (unsigned i = 0; i < world->node_count; i++)
        if (world->nodes[i].hub && world->nodes[i].up)
            sim_node_crash(world, &world->nodes[i], false);
    for (unsigned i = 1; i < world->node_count; i++) {
        sim_node *node = &world->nodes[i];
        bool writes = node->up && node->edge && !node->revoked && node->scope_count > 2;
        for (int j = 0; j < STORM_ENTRIES && writes && !sim_over(world); j++)
            sim_write_text(world, node, STORM_TYPE, STORM_TEXT);
    }
}
