/* clone.c: a device that is set back guard and all, as a cloned machine or a rolled back disk is:
 * nothing beside its store tells it, and it writes on under seqs that it has given already.
 *
 * The hub has what came first under them, so it must say so at once; the device takes another name
 * and writes its branch again under that. What it shows of its old log meanwhile is its own, so
 * nothing else is asked of it (docs/roadmap.md); what reaches the hub is judged as everybody's. */
#include "world_private.h"

#include "sync/store.h"

#include <string.h>

/* Only of what all came to the hub can nobody lose anything by it. */
static bool all_at_hub(const sim_world *world, const sim_node *node, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < world->dot_count; i++) {
        const sim_dot *dot = &world->dots[i];
        if (dot->author != node->index) continue;
        if (!(dot->held & 1) || dot->hollow & 1) return false;
        ++*count;
    }
    return true;
}

void sim_clone(sim_world *world)
{
    sim_node *node = &world->nodes[1];
    bool may = node->up && node->registered && !node->revoked && !node->set_back;
    if (!may || node->cloned || world->hub_lost_ms) return;
    size_t count;
    bool is_safe = all_at_hub(world, node, &count);
    if (!node->twin && is_safe) {
        node->twin_count = count;
        sim_node_crash(world, node, false);
        node->twin = sim_disk_copy(node->disk, "\x01"); /* all there is */
        return;
    }
    /* Who wrote nothing since gives no seq twice. */
    if (!node->twin || !is_safe || count == node->twin_count) return;
    const hf_origin_row *own = hf_store_own_origin(node->store);
    node->cloned_as = own->id;
    sim_node_crash(world, node, false);
    if (!sim_disk_restore(node->disk, node->twin)) return;
    node->cloned = node->set_back = true;
    sim_say(world, "%s goes on from a copy of itself", node->name);
}

bool sim_clone_is_told(const sim_world *world)
{
    const sim_node *node = &world->nodes[1];
    hf_standing standing;
    if (!node->cloned || !node->branched || node->revoked) return true;
    if (!node->up) return false;
    const hf_origin_id *own = &hf_store_own_origin(node->store)->id;
    sim_disk_look(node->disk, true);
    hf_status status = hf_store_waiting(node->store, &standing);
    sim_disk_look(node->disk, false);
    bool renamed = memcmp(own->bytes, node->cloned_as.bytes, HF_ORIGIN_SIZE) != 0;
    return status == HF_OK && renamed && standing.waiting == 0;
}

void sim_clone_wrote(sim_node *node)
{
    const hf_origin_id *own = &hf_store_own_origin(node->store)->id;
    if (memcmp(own->bytes, node->cloned_as.bytes, HF_ORIGIN_SIZE) == 0) node->branched = true;
}
