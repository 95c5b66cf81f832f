/* node.c: the processes of the simulated world: how they start, take their turns, and die. */
#include "world_private.h"

#include "sync/control.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 40, IDLE_TURNS_MAX = 3000 };

sim_node *sim_node_add(sim_world *world, const char *name, sim_rank rank)
{
    assert(world->node_count < SIM_NODES_MAX);
    sim_node *node = &world->nodes[world->node_count];
    node->index = world->node_count++;
    node->exists = true;
    node->link = SIM_LINKS_MAX;
    node->turn_at = UINT64_MAX;
    snprintf(node->name, sizeof node->name, "%s", name);
    uint64_t seed = world->options->seed;
    node->random = sim_random_from(seed, 1000 + node->index);
    node->disk = sim_disk_new(name, sim_mix(seed) + node->index);
    assert(node->disk);
    sim_crypto_init(&node->crypto, seed, name, rank);
    node->is_station = rank == SIM_STATION;
    node->hub_count = 1; /* the centre */
    return node;
}

static void forget_process(sim_node *node)
{
    if (!node->hub) hf_edge_free(node->edge); /* a station's is its hub's */
    hf_hub_free(node->hub);
    hf_store_close(node->store);
    node->edge = NULL;
    node->hub = NULL;
    node->store = NULL;
    node->up = false;
    node->turn_at = UINT64_MAX;
}

void sim_node_free(sim_node *node)
{
    forget_process(node);
    sim_image_free(node->backup);
    sim_image_free(node->twin);
    sim_disk_free(node->disk);
    free(node->feed);
    free(node->tails);
    sim_forget_receipts(node);
}

uint64_t sim_node_now(const sim_world *world, const sim_node *node)
{
    return world->now_ms - node->boot_ms + 1;
}

uint64_t sim_node_wall(const sim_world *world, const sim_node *node)
{
    uint64_t running = node->frozen_at_ms ? node->frozen_at_ms : world->now_ms;
    return (uint64_t)((int64_t)(SIM_EPOCH_MS + running) + node->skew_ms);
}

/* Errors that a disk may cause are life; damage, refusal and bad input between honest nodes are
 * not. */
bool sim_status_sane(sim_world *world, sim_node *node, hf_status status, const char *doing)
{
    if (sim_disk_killed(node->disk)) return false;
    sim_checked(world, SIM_HONEST);
    if (status == HF_OK) return true;
    sim_outage_doubt(node);
    sim_say(world, "%s: %s: %s (%s)", node->name, doing, hf_status_name(status),
            node->store ? hf_store_problem(node->store) : "");
    bool excused = status == HF_ERR_IO || status == HF_ERR_FULL;
    if (!excused)
        sim_break(world, SIM_HONEST, "%s: %s: %s (%s)", node->name, doing, hf_status_name(status),
                  node->store ? hf_store_problem(node->store) : "");
    return false;
}

static hf_status open_store(sim_world *world, sim_node *node, char *problem, size_t size)
{
    char path[PATH_SIZE];
    bool is_hub = node->index == SIM_HUB || node->is_station || node->was_centre;
    snprintf(path, sizeof path, "%s.db", node->name);
    hf_store_options options = {.path = path,
                                .vfs = sim_disk_name(node->disk),
                                .crypto = &node->crypto.table,
                                .is_hub = is_hub,
                                .ending = HF_ENDING_QUIET};
    hf_status status = hf_store_open(&options, &node->store, problem, size);
    if (status == HF_OK && is_hub) {
        hf_hub_options hub = {.implementation = "sim",
                              .peers_max = SIM_LINKS_MAX,
                              .authority = node->is_station ? NULL : &world->authority,
                              .station = node->is_station,
                              .snapshot_behind_min = world->swarm.snapshot_behind,
                              .snapshot_chunk_size = world->swarm.snapshot_chunk};
        status = hf_hub_new(node->store, &hub, &node->hub);
        if (status == HF_OK && node->promotes) status = sim_promote(world, node);
        if (status == HF_OK) node->edge = hf_hub_upstream(node->hub);
        if (node->edge) hf_edge_hubs(node->edge, node->hub_count);
        if (status == HF_OK)
            status = hf_hub_begin(node->hub, sim_node_now(world, node), sim_node_wall(world, node));
    } else if (status == HF_OK) {
        hf_edge_options edge = {.implementation = "sim"};
        status = hf_edge_new(node->store, &edge, &node->edge);
        if (status == HF_OK) hf_edge_hubs(node->edge, node->hub_count);
    }
    return status;
}

void sim_node_start(sim_world *world, sim_node *node)
{
    bool is_set_up = node->index == SIM_HUB || node->was_centre || node->registered;
    if (node->up || !node->exists || !is_set_up) return;
    char problem[512] = "";
    hf_status status = open_store(world, node, problem, sizeof problem);
    sim_trace(world, 0x57a7, status);
    sim_say(world, "%s starts: %s %s", node->name, hf_status_name(status), problem);
    if (sim_disk_killed(node->disk)) { /* died in its own recovery: the double crash */
        node->up = true;
        sim_node_crash(world, node, sim_random_chance(&node->random, world->swarm.power_cut));
        return;
    }
    if (status != HF_OK) {
        if (status != HF_ERR_IO && status != HF_ERR_FULL)
            sim_break(world, SIM_HONEST, "%s cannot open its store: %s (%s)", node->name,
                      hf_status_name(status), problem);
        forget_process(node);
        sim_disk_revive(node->disk, false);
        sim_schedule(world, world->now_ms + 2 * SIM_SECOND, SIM_START, node->index, 0);
        return;
    }
    node->up = true;
    node->promotes = false;
    node->followed = UINT64_MAX;
    if (node->hub) sim_outage_hub_begins(world, node);
    node->cut_since_ms = 0;
    node->wall_seen_ms = 0;
    sim_observe_again(world, node);
    if (sim_node_alive(world, node)) sim_node_wake(world, node, world->now_ms);
}

/* One of the links of a process that is gone, at whichever end it was. */
static void drop_link(sim_world *world, sim_node *node, uint32_t index, bool power_cut)
{
    sim_link *link = &world->links[index];
    bool dialled = link->node == node->index;
    if (!link->used || (!dialled && link->hub != node->index)) return;
    bool awaited = !dialled && !link->edge_end && !link->peer;
    if (awaited && world->nodes[link->node].link == index)
        return; /* who dials hears in a moment that nobody answers */
    /* The kernel says goodbye for a dead process; without power nobody does. */
    bool told = !power_cut && !sim_random_chance(&node->random, world->swarm.half_open);
    sim_link_break(world, link, !dialled && told, dialled && told);
    if (dialled)
        link->edge_end = false;
    else
        link->peer = NULL; /* gone with its hub */
    if (node->link == index) node->link = SIM_LINKS_MAX;
    sim_link_end(world, link);
}

void sim_node_crash(sim_world *world, sim_node *node, bool power_cut)
{
    if (!node->up) return;
    world->result->counts.kill++;
    if (node->index == SIM_HUB) sim_outage_hub_dies(world, node);
    sim_say(world, "%s dies%s", node->name, power_cut ? " by a power cut" : "");
    sim_trace(world, 0xdead, node->index);
    for (uint32_t i = 0; i < SIM_LINKS_MAX; i++) drop_link(world, node, i, power_cut);
    forget_process(node);
    sim_disk_revive(node->disk, power_cut);
    if (power_cut) node->boot_ms = world->now_ms;
    uint64_t away = sim_random_wait(&node->random, world->calm ? SIM_SECOND : 40 * SIM_SECOND);
    sim_schedule(world, world->now_ms + away, SIM_START, node->index, 0);
}

bool sim_node_alive(sim_world *world, sim_node *node)
{
    if (!node->up) return false;
    if (!sim_disk_killed(node->disk)) return true;
    sim_node_crash(world, node, sim_random_chance(&node->random, world->swarm.power_cut));
    return false;
}

void sim_node_wake(sim_world *world, sim_node *node, uint64_t at)
{
    if (at < world->now_ms) at = world->now_ms;
    if (at >= node->turn_at) return;
    node->turn_at = at;
    sim_schedule(world, at, SIM_TURN, node->index, 0);
}

/* Sleeps until the node's own deadline: what a driver's loop does. */
static void plan_next(sim_world *world, sim_node *node)
{
    uint64_t deadline = UINT64_MAX;
    bool dialling = node->link < SIM_LINKS_MAX && !world->links[node->link].edge_end;
    if (node->hub) deadline = hf_hub_deadline_ms(node->hub);
    /* It has asked for a link: that will wake it. */
    if (node->edge && !dialling && hf_edge_deadline_ms(node->edge) < deadline)
        deadline = hf_edge_deadline_ms(node->edge);
    if (deadline == UINT64_MAX) return;
    uint64_t now = sim_node_now(world, node);
    sim_checked(world, SIM_S15);
    if (++node->idle_turns > IDLE_TURNS_MAX)
        sim_break(world, SIM_S15,
                  "%s spins: %u turns and nothing said; its deadline is %lld ms away", node->name,
                  node->idle_turns, (long long)(deadline - now));
    uint64_t wait = deadline > now ? deadline - now : 1; /* a deadline in the past spins a loop */
    sim_node_wake(world, node, world->now_ms + wait);
}

/* What the platform does: the new certificate into its place, and from now on it is shown. */
static void take_certificate(sim_world *world, sim_node *node)
{
    hf_bytes der;
    if (!hf_edge_certificate(node->edge, &der)) return;
    bool kept = !sim_random_chance(&node->random, world->calm ? 0 : 100);
    if (kept) sim_crypto_take(&node->crypto, der);
    hf_edge_certificate_kept(node->edge, kept);
    world->result->counts.renewed += kept;
    sim_say(world, "%s has a new certificate%s", node->name, kept ? "" : " and cannot keep it");
}

/* Is a better hub there? If so it is gone to; what a daemon does beside its link is short here. */
static void look_for_better(sim_world *world, sim_node *node, sim_link *link)
{
    size_t better;
    uint64_t now = sim_node_now(world, node);
    if (!link || !link->edge_end || !hf_edge_wants_better(node->edge, now, &better)) return;
    const sim_node *hub = &world->nodes[node->hubs[better]];
    bool reached = hub->up && !node->cut_off && !(hub->index == SIM_HUB && world->hub_cut_off);
    if (reached)
        sim_edge_closes(world, link);
    else
        hf_edge_better_failed(node->edge, now);
}

static sim_link *own_link(sim_world *world, const sim_node *node)
{
    return node->link < SIM_LINKS_MAX ? &world->links[node->link] : NULL;
}

/* Before its turn: it dials, or says what a loop may have it say early. */
static void dial_and_send_early(sim_world *world, sim_node *node)
{
    sim_follow_list(world, node);
    if (!own_link(world, node) && hf_edge_wants_link(node->edge, sim_node_now(world, node)))
        sim_dial(world, node);
    look_for_better(world, node, own_link(world, node));
    sim_link *link = own_link(world, node);
    if (link && link->edge_end && world->swarm.early_sends) sim_pump(world, link, SIM_UP);
}

static void send_and_close(sim_world *world, sim_node *node, bool fine)
{
    take_certificate(world, node);
    sim_observe(world, node); /* what it has committed by now it may tell, and die as it tells it */
    if (!sim_node_alive(world, node) || sim_over(world)) return;
    sim_link *link = own_link(world, node);
    if (link && link->edge_end) sim_pump(world, link, SIM_UP);
    if (!sim_node_alive(world, node)) return;
    link = own_link(world, node);
    if (link && link->edge_end && (!fine || hf_edge_wants_close(node->edge)))
        sim_edge_closes(world, link);
    if (!fine) sim_node_wake(world, node, world->now_ms + SIM_SECOND);
}

static void edge_turn(sim_world *world, sim_node *node)
{
    uint64_t now = sim_node_now(world, node);
    dial_and_send_early(world, node);
    if (!sim_node_alive(world, node)) return;
    hf_status status = hf_edge_turn(node->edge, now, sim_node_wall(world, node));
    if (!sim_node_alive(world, node)) return;
    bool fine = sim_status_sane(world, node, status, "turn");
    if (!node->cloned) sim_outage_look(world, node);
    send_and_close(world, node, fine);
}

/* A hub beats by its own clock, a station by what its centre says of the time. */
static void note_pulse(sim_node *node, uint64_t now)
{
    uint64_t wall_ms = node->turn_wall_ms;
    uint8_t quality;
    if (node->edge) hf_edge_clock(node->edge, now, node->turn_wall_ms, &wall_ms, &quality);
    if (wall_ms > node->pulse_high_ms) node->pulse_high_ms = wall_ms;
    if (node->turn_wall_ms > node->pulse_high_ms) node->pulse_high_ms = node->turn_wall_ms;
}

static void hub_turn(sim_world *world, sim_node *node)
{
    uint64_t now = sim_node_now(world, node);
    if (world->swarm.early_sends)
        for (uint32_t i = 0; i < SIM_LINKS_MAX && node->up; i++)
            if (world->links[i].used && world->links[i].peer && world->links[i].hub == node->index)
                sim_pump(world, &world->links[i], SIM_DOWN);
    if (!sim_node_alive(world, node)) return;
    if (node->edge) dial_and_send_early(world, node);
    if (!sim_node_alive(world, node)) return;
    node->turn_wall_ms = sim_node_wall(world, node); /* until here it went by its last turn's */
    hf_status status = hf_hub_turn(node->hub, now, node->turn_wall_ms);
    note_pulse(node, now); /* though its disk may have died of it */
    if (!sim_node_alive(world, node)) return;
    bool fine = sim_status_sane(world, node, status, "turn");
    if (!fine) sim_node_wake(world, node, world->now_ms + SIM_SECOND);
    sim_observe(world, node); /* what it has committed by now it may tell, and die as it tells it */
    hf_peer *peer;
    while (node->up && !sim_over(world) && (peer = hf_hub_next_ready(node->hub)) != NULL)
        sim_pump(world, hf_peer_context(peer), SIM_DOWN);
    if (node->up && node->edge && !sim_over(world)) send_and_close(world, node, fine);
}

void sim_node_turn(sim_world *world, sim_node *node)
{
    node->turn_at = UINT64_MAX;
    node->wall_seen_ms = sim_node_wall(world, node);
    world->result->turns++;
    sim_trace(world, world->now_ms, node->index);
    if (node->hub)
        hub_turn(world, node);
    else
        edge_turn(world, node);
    if (!sim_node_alive(world, node) || sim_over(world)) return;
    sim_observe(world, node);
    if (node->based_anew && sim_node_alive(world, node)) sim_look_at_snapshot(world, node);
    if (sim_node_alive(world, node)) plan_next(world, node);
}
