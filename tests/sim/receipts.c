/* receipts.c: what a hub signed for is in its store; all that it acknowledged it signs for; and no
 * entry that could once be proved to have been there at some time is later proved only for a time
 * that is far from it. */
#include "world_private.h"

#include "sync/log.h"
#include "sync/receipt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct looking {
    sim_world *world;
    sim_node *node;
} looking;

/* Which node signed it. */
static unsigned signer_of(const sim_world *world, const hf_receipt *receipt, bool *by_centre)
{
    size_t index;
    unsigned node = sim_origin_node(world, &receipt->hub, &index);
    *by_centre = node < SIM_NODES_MAX && !world->origins[index].by_station;
    return node;
}

static bool is_remembered(const sim_node *node, const hf_receipt *receipt, bool by_centre)
{
    for (size_t i = node->receipt_count; i-- > 0;) {
        const sim_signed *seen = &node->receipts[i];
        if (seen->by_centre == by_centre && seen->seq == receipt->seq &&
            seen->lane == receipt->lane && seen->time_ms == receipt->time_ms &&
            memcmp(&seen->origin, &receipt->origin, sizeof seen->origin) == 0)
            return true;
    }
    return false;
}

static void remember(sim_node *node, const hf_receipt *receipt, bool by_centre)
{
    if (is_remembered(node, receipt, by_centre)) return;
    if (node->receipt_count == node->receipt_capacity) {
        node->receipt_capacity = node->receipt_capacity ? 2 * node->receipt_capacity : 16;
        node->receipts = realloc(node->receipts, node->receipt_capacity * sizeof *node->receipts);
        assert(node->receipts);
    }
    node->receipts[node->receipt_count++] =
        (sim_signed){receipt->origin, receipt->lane, by_centre, receipt->seq, receipt->time_ms};
}

/* The hub lost something, and nobody could tell the node: not yet, or not at a station, when the
 * hub itself does not know. */
static bool may_be_stale(const sim_world *world, const sim_node *node, bool by_centre)
{
    /* What the centre signed and lost it says itself. */
    bool unheard = by_centre && node->stale && sim_at_station(world, node);
    return unheard || node->misled || !sim_is_greeted(world, node);
}

/* Whoever signed was set back, and may have said so: the device shows what was lost until it is
 * signed for again, and longer in its account. */
static bool may_be_undone(const sim_world *world, unsigned signer)
{
    return world->hub_lost_ms || (signer < SIM_NODES_MAX && world->nodes[signer].set_back);
}

/* A centre that was set back and then replaced has told nobody what it lost; a station that was set
 * back tells those who come to it. That it signed is true all the same, and what counts as at the
 * hub is the centre's word. */
static bool cannot_tell(const sim_world *world, const sim_node *node, unsigned signer)
{
    if (signer >= SIM_NODES_MAX || !world->nodes[signer].set_back) return false;
    const sim_node *hub = &world->nodes[signer];
    return hub->was_centre || (hub->is_station && world->links[node->link].hub != signer);
}

/* Whoever signed it holds it, the centre or a station. As long as that was not set back, none of
 * its receipts is undone; after that the device learns which are when the hub greets it. */
static hf_status on_receipt(void *context, const hf_receipt *receipt)
{
    looking *look = context;
    sim_world *world = look->world;
    hf_dot dot = {.origin = receipt->origin, .lane = receipt->lane, .seq = receipt->seq};
    const sim_dot *entry = sim_dot_find(world, &dot);
    bool by_centre;
    unsigned signer = signer_of(world, receipt, &by_centre);
    hf_status status = hf_receipt_check(look->node->store, receipt);
    if (sim_disk_killed(look->node->disk) || status == HF_ERR_IO) return HF_ERR_IO;
    sim_checked(world, SIM_RECEIPT);
    /* A station hands on what fits; of a log that it came to hold otherwise it keeps one in vain.
     */
    if (status == HF_ERR_PROTOCOL && look->node->is_station) return HF_OK;
    if (status != HF_OK)
        sim_break(world, SIM_RECEIPT, "%s holds a receipt for its entry %u/%llu that is not good",
                  look->node->name, dot.lane, (unsigned long long)dot.seq);
    else if (may_be_stale(world, look->node, by_centre) || cannot_tell(world, look->node, signer) ||
             (receipt->undone_ms && may_be_undone(world, signer)))
        return HF_OK;
    else if (!entry || signer >= SIM_NODES_MAX || !(entry->held & 1ull << signer) ||
             receipt->undone_ms)
        sim_break(world, SIM_RECEIPT, "%s holds a receipt for entry %u/%llu, which %s %s",
                  look->node->name, dot.lane, (unsigned long long)dot.seq,
                  signer < SIM_NODES_MAX ? world->nodes[signer].name : "an unknown hub",
                  receipt->undone_ms ? "is said to have lost" : "has not");
    else if (!look->node->is_station) /* which keeps the newest, to pass it on */
        remember(look->node, receipt, by_centre);
    return sim_over(world) ? HF_ERR_INPUT : HF_OK;
}

/* What it signed for and lost it signs for anew, later, once it has it again. */
static bool is_station_set_back(const sim_world *world)
{
    for (unsigned i = 0; i < world->node_count; i++)
        if (world->nodes[i].is_station && world->nodes[i].set_back) return true;
    return false;
}

/* What was once proved for a time is proved still, for a time not much later, by a way not long. */
static void check_remembered(sim_world *world, sim_node *node, const sim_signed *seen)
{
    hf_receipt receipt;
    bool found;
    const hf_origin_row *origin = hf_origin_by_id(node->store, &seen->origin);
    hf_status status = origin ? hf_receipt_by(node->store, origin->no, seen->lane, seen->seq,
                                              seen->by_centre, &receipt, &found)
                              : HF_ERR_NOT_FOUND;
    if (sim_disk_killed(node->disk) || status == HF_ERR_IO) return;
    if (!seen->by_centre && is_station_set_back(world)) return;
    sim_checked(world, SIM_RECEIPT);
    bool near = status == HF_OK && found && receipt.seq <= seen->seq + HF_RECEIPT_APART &&
                receipt.time_ms < seen->time_ms + HF_RECEIPT_APART_MS;
    /* Of two stations one may have had the entry much later. */
    bool of_several = !seen->by_centre && world->station_count > 1;
    if (!near && !(of_several && status == HF_OK && found))
        sim_break(world, SIM_RECEIPT, "%s can no longer prove when its entry %u/%llu was there",
                  node->name, seen->lane, (unsigned long long)seen->seq);
}

void sim_look_at_receipts(sim_world *world, sim_node *node)
{
    looking look = {world, node};
    if (!node->edge) return;
    hf_status status = hf_receipt_each(node->store, on_receipt, &look);
    if (sim_over(world) || sim_disk_killed(node->disk) || status != HF_OK) return;
    for (size_t i = 0; i < node->receipt_count && !sim_over(world); i++)
        check_remembered(world, node, &node->receipts[i]);
}

void sim_forget_receipts(sim_node *node)
{
    free(node->receipts);
    node->receipts = NULL;
    node->receipt_count = node->receipt_capacity = 0;
}

static bool all_signed_by(const sim_node *node, const sim_node *hub)
{
    const hf_origin_id *id = &hf_store_own_origin(hub->store)->id;
    const hf_origin_row *own = hf_store_own_origin(node->store);
    for (uint8_t lane = 1; lane < HF_LANE_COUNT; lane++) {
        hf_log_state log;
        uint64_t seq;
        if (hf_log_state_get(node->store, own->no, lane, &log) != HF_OK) return false;
        if (hf_receipt_newest(node->store, id, own->no, lane, &seq) != HF_OK) return false;
        if (seq < log.acked) return false;
    }
    return true;
}

/* At a station it is signed for by that, and by the centre, whose receipts the station passes on.
 */
bool sim_all_signed(const sim_world *world, const sim_node *node)
{
    const sim_node *hub = &world->nodes[SIM_HUB];
    if (!node->up || !hub->up) return false;
    if (node->version < 0) return true; /* it knows of none, and asks for none */
    if (!sim_at_station(world, node)) return all_signed_by(node, hub);
    const sim_node *station = &world->nodes[world->links[node->link].hub];
    return station->up && all_signed_by(node, station) && all_signed_by(node, hub);
}
