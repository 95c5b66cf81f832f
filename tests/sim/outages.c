/* outages.c: is what nodes say of their outages what happened to them? The world knows when each
 * was down, cut off, and writing; the hub's account must come to the same. */
#include "world_private.h"

#include "hub/recovery.h"
#include "sync/outage.h"

#include <stdlib.h>
#include <string.h>

enum { EPISODES_LOOKED_AT = 5, BEAT_SLACK_MS = SIM_SECOND };

typedef struct row_search {     /* one row of a store, copied */
    uint64_t last_ms, ended_ms; /* what is looked for; 0: any */
    bool found;
    hf_outage row;
    hf_buffer logs;
} row_search;

static void keep(row_search *search, const hf_outage *outage)
{
    search->found = true;
    search->row = *outage;
    hf_buffer_clear(&search->logs);
    hf_write_raw(&search->logs, outage->logs);
    search->row.logs = hf_buffer_bytes(&search->logs);
}

/* ---- the hub's own ---- */

void sim_outage_hub_dies(sim_world *world, sim_node *hub)
{
    hub->died_wall_ms = sim_node_wall(world, hub);
}

void sim_outage_doubt(sim_node *node)
{
    node->pulse_doubt = true;
}

static hf_status find_ended(void *context, const hf_outage *outage)
{
    row_search *search = context;
    if (outage->ended_ms == search->ended_ms) keep(search, outage);
    return HF_OK;
}

/* It has begun to serve: does it know that it was away, and from when? */
void sim_outage_hub_begins(sim_world *world, sim_node *hub)
{
    uint64_t wall_ms = sim_node_wall(world, hub);
    row_search search = {.ended_ms = wall_ms};
    bool was_before = hub->pulsed;
    bool doubt = hub->pulse_doubt;
    bool undated = wall_ms < hub->pulse_high_ms || hub->died_wall_ms < hub->pulse_high_ms;
    hf_status status =
        hf_outage_each(hub->store, hub->crypto.table.own_key_id, 0, find_ended, &search);
    hub->pulsed = true;
    hub->pulse_doubt = false;
    if (wall_ms > hub->pulse_high_ms) hub->pulse_high_ms = wall_ms;
    hf_buffer_free(&search.logs);
    if (status != HF_OK || !was_before || doubt || sim_disk_killed(hub->disk)) return;
    sim_checked(world, SIM_OUTAGES);
    if (!search.found)
        sim_break(world, SIM_OUTAGES, "the hub does not know that it was away until now");
    if (!search.found || undated) return; /* it beat by a wrong clock: nobody knows since when */
    if (search.row.last_ms > hub->died_wall_ms)
        sim_break(world, SIM_OUTAGES, "the hub says that it lived %llu ms longer than it did",
                  (unsigned long long)(search.row.last_ms - hub->died_wall_ms));
    else if (search.row.last_ms + HF_BEAT_EVERY_MS + BEAT_SLACK_MS < hub->died_wall_ms)
        sim_break(world, SIM_OUTAGES, "the hub says that it died %llu ms before it did",
                  (unsigned long long)(hub->died_wall_ms - search.row.last_ms));
}

/* ---- a device's ---- */

typedef struct waited_search { /* is an entry among those that some row says had to wait? */
    const sim_dot *dot;
    bool found;
} waited_search;

static hf_status find_waited(void *context, const hf_outage *outage)
{
    waited_search *search = context;
    const hf_dot *dot = &search->dot->dot;
    size_t count;
    hf_outage_log log;
    hf_reader reader = hf_outage_logs(outage->logs, &count);
    for (size_t i = 0; i < count && hf_outage_next_log(&reader, &log); i++)
        if (log.lane == dot->lane && dot->seq > log.from && dot->seq <= log.to &&
            memcmp(&log.origin, &dot->origin, sizeof log.origin) == 0)
            search->found = true;
    return HF_OK;
}

/* It is back: everything that it wrote while it was cut off had to wait, and its row says so. */
static void check_row(sim_world *world, sim_node *edge)
{
    for (size_t i = 0; i < world->dot_count; i++) {
        const sim_dot *dot = &world->dots[i];
        waited_search search = {.dot = dot};
        bool meanwhile = dot->created_ms > edge->cut_since_ms && dot->created_ms < world->now_ms;
        bool here = dot->held >> edge->index & 1;
        if (dot->author != edge->index || !meanwhile || !here) continue;
        if (hf_outage_each(edge->store, edge->crypto.table.own_key_id, 0, find_waited, &search) !=
            HF_OK)
            return;
        sim_checked(world, SIM_OUTAGES);
        if (search.found) continue;
        sim_break(world, SIM_OUTAGES,
                  "%s wrote entry %u/%llu while it was cut off, and does not say so", edge->name,
                  dot->dot.lane, (unsigned long long)dot->dot.seq);
        return;
    }
}

void sim_outage_look(sim_world *world, sim_node *edge)
{
    hf_edge_status status;
    hf_edge_status_get(edge->edge, &status);
    if (status.cut_off && edge->cut_since_ms == 0) edge->cut_since_ms = world->now_ms;
    if (status.cut_off || edge->cut_since_ms == 0) return;
    if (!edge->just_restored && !edge->set_back) check_row(world, edge);
    edge->cut_since_ms = 0;
}

/* ---- what was told ---- */

typedef struct told_walk {
    sim_world *world;
    sim_node *edge;
} told_walk;

static hf_status find_last(void *context, const hf_outage *outage)
{
    row_search *search = context;
    if (outage->last_ms == search->last_ms) keep(search, outage);
    return HF_OK;
}

static hf_status check_told(void *context, const hf_outage *outage)
{
    told_walk *walk = context;
    row_search search = {.last_ms = outage->last_ms};
    if (!outage->told) return HF_OK;
    if (outage->reason >= HF_OUTAGE_STOPPED) return HF_OK; /* a station's own, as a hub */
    hf_status status =
        hf_outage_each(walk->world->nodes[SIM_HUB].store, outage->seer, 0, find_last, &search);
    hf_buffer_free(&search.logs);
    if (status != HF_OK) return status;
    sim_checked(walk->world, SIM_OUTAGES);
    if (!search.found || search.row.ended_ms != outage->ended_ms)
        sim_break(walk->world, SIM_OUTAGES, "%s was answered, and the hub has not what it told",
                  walk->edge->name);
    return HF_OK;
}

/* ---- the account ---- */

/* By what the world itself has seen of each entry. */
static void check_log(sim_world *world, const hf_log_recovery *log)
{
    const sim_node *hub = &world->nodes[SIM_HUB];
    uint64_t counted = 0, withheld = 0, missing = 0, stepped = 0;
    for (uint64_t seq = log->from + 1; seq <= log->to; seq++) {
        hf_dot dot = {.origin = log->origin, .lane = log->lane, .seq = seq};
        const sim_dot *seen = sim_dot_find(world, &dot);
        bool is_here = seen && seen->held & 1;
        /* Of what the hub lost, and nobody has any more, it may have got its own verdict back. */
        if (!is_here && sim_is_hole(hub, &dot)) stepped++;
        if (!is_here)
            missing++;
        else if (seen->withheld)
            withheld++;
        else
            counted++;
    }
    sim_checked(world, SIM_OUTAGES);
    if (counted != log->counted || withheld != log->withheld || log->erased > stepped ||
        missing != log->missing + log->erased)
        sim_break(world, SIM_OUTAGES,
                  "the account has %llu counted, %llu withheld, %llu missing of a log; it is %llu, "
                  "%llu, %llu",
                  (unsigned long long)log->counted, (unsigned long long)log->withheld,
                  (unsigned long long)log->missing, (unsigned long long)counted,
                  (unsigned long long)withheld, (unsigned long long)missing);
}

static void check_account(sim_world *world, const hf_episodes *episodes, size_t index)
{
    hf_recovery r;
    sim_node *hub = &world->nodes[SIM_HUB];
    uint64_t wall_ms = sim_node_wall(world, hub), total = 0;
    if (hf_recovery_compute(hub->store, episodes, index, wall_ms, &r) != HF_OK) return;
    const hf_log_recovery *logs = (const hf_log_recovery *)(const void *)r.logs.data;
    for (size_t i = 0; i < r.logs.size / sizeof *logs && !sim_over(world); i++) {
        check_log(world, &logs[i]);
        total += logs[i].counted + logs[i].withheld + logs[i].erased + logs[i].missing;
    }
    sim_checked(world, SIM_OUTAGES);
    if (!sim_over(world) && (r.fault[0] || total != r.entries || r.here + r.missing != r.entries))
        sim_break(world, SIM_OUTAGES, "an account of %llu entries does not add up: %s",
                  (unsigned long long)r.entries, r.fault);
    hf_recovery_free(&r);
}

void sim_outage_judge(sim_world *world)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    hf_episodes episodes;
    if (!hub->up) return;
    for (unsigned i = 1; i < world->node_count && !sim_over(world); i++) {
        sim_node *edge = &world->nodes[i];
        told_walk walk = {world, edge};
        if (!edge->up || edge->cloned || edge->stale)
            continue; /* stale: nobody told it yet of the hub's loss */
        if (hf_outage_each(edge->store, edge->crypto.table.own_key_id, 0, check_told, &walk) !=
            HF_OK)
            return;
    }
    if (sim_over(world) ||
        hf_episodes_read(hub->store, hub->hub, 0, sim_node_wall(world, hub), &episodes) != HF_OK)
        return;
    size_t stride = episodes.count / EPISODES_LOOKED_AT + 1;
    for (size_t i = 0; i < episodes.count && !sim_over(world); i += stride)
        check_account(world, &episodes, i);
    hf_episodes_free(&episodes);
}
