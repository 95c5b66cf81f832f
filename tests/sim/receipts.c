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

static bool is_remembered(const sim_node *node, const hf_receipt *receipt)
{
    for (size_t i = node->receipt_count; i-- > 0;) {
        const sim_signed *seen = &node->receipts[i];
        if (seen->seq == receipt->seq && seen->lane == receipt->lane &&
            seen->time_ms == receipt->time_ms &&
            memcmp(&seen->origin, &receipt->origin, sizeof seen->origin) == 0)
            return true;
    }
    return false;
}

static void remember(sim_node *node, const hf_receipt *receipt)
{
    if (is_remembered(node, receipt)) return;
    if (node->receipt_count == node->receipt_capacity) {
        node->receipt_capacity = node->receipt_capacity ? 2 * node->receipt_capacity : 16;
        node->receipts = realloc(node->receipts, node->receipt_capacity * sizeof *node->receipts);
        assert(node->receipts);
    }
    node->receipts[node->receipt_count++] =
        (sim_signed){receipt->origin, receipt->lane, receipt->seq, receipt->time_ms};
}

/* As long as the hub was not set back, none of its receipts is undone; after that the device learns
 * which are when the hub greets it. */
static hf_status on_receipt(void *context, const hf_receipt *receipt)
{
    looking *look = context;
    sim_world *world = look->world;
    hf_dot dot = {.origin = receipt->origin, .lane = receipt->lane, .seq = receipt->seq};
    const sim_dot *entry = sim_dot_find(world, &dot);
    /* The centre says itself what it signed and lost. */
    bool by_centre = !look->node->stale || !sim_at_station(world, look->node);
    hf_status status = hf_receipt_check(look->node->store, receipt);
    if (sim_disk_killed(look->node->disk) || status == HF_ERR_IO) return HF_ERR_IO;
    sim_checked(world, SIM_RECEIPT);
    if (status != HF_OK)
        sim_break(world, SIM_RECEIPT, "%s holds a receipt for its entry %u/%llu that is not good",
                  look->node->name, dot.lane, (unsigned long long)dot.seq);
    else if (!by_centre || !sim_is_greeted(world, look->node) ||
             (receipt->undone_ms && world->hub_lost_ms))
        return HF_OK;
    else if (!entry || !(entry->held & 1ull << SIM_HUB) || receipt->undone_ms)
        sim_break(world, SIM_RECEIPT, "%s holds a receipt for its entry %u/%llu, which the hub %s",
                  look->node->name, dot.lane, (unsigned long long)dot.seq,
                  receipt->undone_ms ? "is said to have lost" : "has not");
    else
        remember(look->node, receipt);
    return sim_over(world) ? HF_ERR_INPUT : HF_OK;
}

/* What was once proved for a time is proved still, for a time not much later, by a way not long. */
static void check_remembered(sim_world *world, sim_node *node, const sim_signed *seen)
{
    hf_receipt receipt;
    bool found;
    const hf_origin_row *origin = hf_origin_by_id(node->store, &seen->origin);
    hf_status status = origin ? hf_receipt_find(node->store, origin->no, seen->lane, seen->seq,
                                                false, &receipt, &found)
                              : HF_ERR_NOT_FOUND;
    if (sim_disk_killed(node->disk) || status == HF_ERR_IO) return;
    sim_checked(world, SIM_RECEIPT);
    bool near = status == HF_OK && found && receipt.seq <= seen->seq + HF_RECEIPT_APART &&
                receipt.time_ms < seen->time_ms + HF_RECEIPT_APART_MS;
    if (!near)
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

bool sim_all_signed(const sim_world *world, const sim_node *node)
{
    const sim_node *hub = &world->nodes[SIM_HUB];
    if (!node->up || !hub->up) return false;
    if (sim_at_station(world, node)) return true; /* the centre alone signs, when it is met */
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
