/* based.c: what a device has by a snapshot, seen from outside: it has the effect of entries that it
 * does not hold, and must show what the model makes of them all the same. */
#include "world_private.h"

#include "sync/log.h"

#include <stdio.h>
#include <string.h>

typedef struct looking {
    sim_world *world;
    sim_node *node;
    const hf_dot *dot;
    bool hole;
} looking;

bool sim_outdated(const sim_node *node)
{
    bool outdated = false;
    sim_disk_look(node->disk, true); /* a fault that is due is the node's to meet */
    hf_status status = hf_snapshot_is_outdated(node->store, &outdated);
    sim_disk_look(node->disk, false);
    return status == HF_OK && outdated;
}

static hf_status add_based(void *context, uint32_t scope, const hf_vector_item *item)
{
    (void)scope;
    *(uint64_t *)context += item->seq + 1;
    return HF_OK;
}

static bool same_log(const hf_dot *dot, const hf_origin_id *origin, uint8_t lane)
{
    return dot->lane == lane && memcmp(dot->origin.bytes, origin->bytes, HF_ORIGIN_SIZE) == 0;
}

static hf_status on_hole(void *context, const hf_hole *hole)
{
    looking *at = context;
    if (hole->dot.seq == at->dot->seq && same_log(at->dot, &hole->dot.origin, hole->dot.lane))
        at->hole = true;
    return HF_OK;
}

/* Its effect is here; whether it is one of those that are stepped over, the holes say. */
static void take_based(looking *at, sim_dot *dot)
{
    uint64_t bit = 1ull << at->node->index;
    at->dot = &dot->dot;
    at->hole = false;
    if (dot->held & bit && !(dot->based & bit)) return; /* it has the entry itself */
    if (hf_hole_each(at->node->store, on_hole, at) != HF_OK) return;
    dot->held |= bit;
    dot->based |= bit;
    dot->hollow = at->hole ? dot->hollow | bit : dot->hollow & ~bit;
    sim_checked(at->world, SIM_S14);
    if (!sim_may_hold(at->world, at->node, dot))
        sim_break(at->world, SIM_S14, "%s has a snapshot with entry %llu of scope %u in it",
                  at->node->name, (unsigned long long)dot->dot.seq, dot->scope);
}

static hf_status on_base(void *context, uint32_t scope, const hf_vector_item *item)
{
    looking *at = context;
    sim_world *world = at->world;
    size_t origin, known = 0;
    (void)sim_origin_node(world, &item->origin, &origin);
    for (size_t i = 0; i < world->dot_count && !sim_over(world); i++) {
        sim_dot *dot = &world->dots[i];
        if (dot->scope != scope || dot->dot.seq > item->seq ||
            !same_log(&dot->dot, &item->origin, item->lane))
            continue;
        sim_tail *tail = sim_tail_of(at->node, dot, (uint32_t)origin);
        if (tail->seq < item->seq) tail->seq = item->seq;
        if (tail->based < item->seq) tail->based = item->seq;
        if (dot->dot.seq == item->seq) known++;
        take_based(at, dot);
    }
    sim_checked(world, SIM_S5);
    if (!known && !sim_over(world))
        sim_break(world, SIM_S5, "%s has a snapshot up to an entry that nobody wrote",
                  at->node->name);
    return HF_OK;
}

void sim_observe_bases(sim_world *world, sim_node *node)
{
    uint64_t based = 0;
    looking at = {.world = world, .node = node};
    if (hf_snapshot_each_base(node->store, add_based, &based) != HF_OK || based == node->based)
        return;
    if (hf_snapshot_each_base(node->store, on_base, &at) != HF_OK) return;
    node->based = based;
    node->based_anew = true;
}
