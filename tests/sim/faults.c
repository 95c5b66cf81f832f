/* faults.c: the bad luck of one seed: which kinds, how often, and when each comes right again.
 *
 * Swarm testing: each seed leaves out some kinds of fault altogether and overdoes others. Faults
 * that always come together hide each other. */
#include "world_private.h"

#include <string.h>

typedef enum fault { /* also what a relief relieves */
                     FAULT_KILL,
                     FAULT_IO,
                     FAULT_FULL,
                     FAULT_CLOCK,
                     FAULT_PARTITION,
                     FAULT_RESTORE,
                     FAULT_HUB_LOSS,
                     FAULT_STATION_LOSS,
                     FAULT_CENTRE_LOSS,
                     FAULT_CLONE,
                     FAULT_KINDS
} fault;

enum { BURNS_AFTER_MS = 10 * SIM_MINUTE }; /* since its line went */
#define YEAR_MS (365ll * 24 * 60 * SIM_MINUTE)

static uint64_t sometimes(sim_random *random, uint32_t per_thousand, uint64_t low, uint64_t high)
{
    uint64_t wait = sim_random_between(random, low, high);
    return sim_random_chance(random, per_thousand) ? wait : 0;
}

/* By dice of their own: they are rare, and the other worlds are as they were without them. */
static void draw_losses(sim_world *world)
{
    sim_random random = sim_random_from(world->options->seed, 79);
    sim_swarm *s = &world->swarm;
    sim_random questions = sim_random_from(world->options->seed, 80);
    s->tried_again = sim_random_chance(&questions, 150);
    s->storms = sim_random_chance(&questions, 150);
    s->looks_at_snapshots = sim_random_chance(&questions, 300);
    s->versions = sim_random_chance(&questions, 200);
    if (!s->stations) s->clone_ms = sometimes(&questions, 200, 5 * SIM_MINUTE, 30 * SIM_MINUTE);
    if (!s->stations) return;
    s->station_loss_ms = sometimes(&random, 300, 20 * SIM_MINUTE, 90 * SIM_MINUTE);
    if (!s->station_loss_ms)
        s->centre_loss_ms = sometimes(&random, 350, 10 * SIM_MINUTE, 60 * SIM_MINUTE);
    s->comes_back = sim_random_chance(&random, 500);
    s->listed = s->centre_loss_ms > 0;
}

void sim_swarm_draw(sim_world *world)
{
    sim_random random = sim_random_from(world->options->seed, 77);
    sim_swarm *s = &world->swarm;
    world->hot_fields = (uint32_t)sim_random_next(&random);
    s->kill_ms = sometimes(&random, 750, 2 * SIM_MINUTE, 20 * SIM_MINUTE);
    s->io_ms = sometimes(&random, 500, 2 * SIM_MINUTE, 20 * SIM_MINUTE);
    s->full_ms = sometimes(&random, 400, 10 * SIM_MINUTE, 40 * SIM_MINUTE);
    s->clock_ms = sometimes(&random, 500, 5 * SIM_MINUTE, 40 * SIM_MINUTE);
    s->partition_ms = sometimes(&random, 600, 5 * SIM_MINUTE, 30 * SIM_MINUTE);
    s->cut_ms = sometimes(&random, 700, 10 * SIM_SECOND, 15 * SIM_MINUTE);
    s->restore_ms = sometimes(&random, 250, 20 * SIM_MINUTE, 60 * SIM_MINUTE);
    s->operate_ms = sim_random_between(&random, 2 * SIM_MINUTE, 20 * SIM_MINUTE);
    s->write_ms = sim_random_between(&random, 15 * SIM_SECOND, 4 * SIM_MINUTE);
    if (world->options->writes_per_day)
        s->write_ms = 24ull * 60 * SIM_MINUTE / world->options->writes_per_day;
    s->power_cut = (uint32_t)sim_random_below(&random, 1001);
    s->cut_per_message = (uint32_t)sometimes(&random, 500, 1, 60);
    s->half_open = (uint32_t)sometimes(&random, 500, 1, 500);
    s->ghost = (uint32_t)sometimes(&random, 300, 1, 300);
    s->refuse = (uint32_t)sometimes(&random, 300, 1, 500);
    s->swallow = (uint32_t)sometimes(&random, 250, 5, 40);
    s->rogue = (uint32_t)sometimes(&random, 400, 10, 150);
    s->forge = (uint32_t)sometimes(&random, 300, 10, 100);
    s->unknown_type = (uint32_t)sometimes(&random, 400, 10, 200);
    s->edges_slow = (uint32_t)sometimes(&random, 400, 1, 1000);
    s->delay_ms = (uint32_t)sim_random_between(&random, 2, 400);
    s->bulky = sim_random_chance(&random, 40);
    uint32_t revokes = sim_random_chance(&random, 200) ? 1000 : 0;
    s->early_sends = sim_random_chance(&random, 500);
    sim_random snapshots = sim_random_from(world->options->seed, 78);
    s->snapshot_behind = UINT32_MAX;
    if (sim_random_chance(&snapshots, 700))
        s->snapshot_behind = (uint32_t)sim_random_between(&snapshots, 5, 60);
    s->snapshot_chunk = (uint32_t)sim_random_between(&snapshots, 256, 8192);
    s->certificate_ms = sometimes(&random, 400, 10 * SIM_MINUTE, 150 * SIM_MINUTE);
    if (sim_random_chance(&random, 500))
        s->stations = 1 + (unsigned)sim_random_below(&random, SIM_STATIONS_MAX);
    /* At a station the next certificate is given when it is asked for a second time. */
    if (s->stations && s->certificate_ms && s->certificate_ms < 3 * HF_RENEW_RETRY_MS)
        s->certificate_ms = 3 * HF_RENEW_RETRY_MS;
    s->revokes = revokes || (s->stations && sim_random_chance(&random, 400));
    s->dark_ms =
        s->stations ? sim_random_between(&random, 5 * SIM_MINUTE, 90 * SIM_MINUTE) : 8 * SIM_MINUTE;
    s->hub_loss_ms = sometimes(&random, 350, 10 * SIM_MINUTE, 40 * SIM_MINUTE);
    draw_losses(world);
}

static uint64_t mean_of(const sim_swarm *s, fault kind)
{
    switch (kind) {
    case FAULT_KILL: return s->kill_ms;
    case FAULT_IO: return s->io_ms;
    case FAULT_FULL: return s->full_ms;
    case FAULT_CLOCK: return s->clock_ms;
    case FAULT_PARTITION: return s->partition_ms;
    case FAULT_RESTORE: return s->restore_ms;
    case FAULT_HUB_LOSS: return s->hub_loss_ms;
    case FAULT_STATION_LOSS: return s->station_loss_ms;
    case FAULT_CENTRE_LOSS: return s->centre_loss_ms;
    case FAULT_CLONE: return s->clone_ms;
    case FAULT_KINDS: break;
    }
    return 0;
}

static void plan_one(sim_world *world, fault kind)
{
    uint64_t mean = mean_of(&world->swarm, kind);
    if (mean)
        sim_schedule(world, world->now_ms + sim_random_wait(&world->random, mean), SIM_FAULT, 0,
                     kind);
}

void sim_faults_plan(sim_world *world)
{
    for (uint32_t kind = 0; kind < FAULT_KINDS; kind++) plan_one(world, (fault)kind);
    sim_schedule(world, sim_random_wait(&world->random, world->swarm.operate_ms), SIM_OPERATE, 0,
                 0);
    sim_schedule(world, 4 * SIM_MINUTE, SIM_LOOK, 0, 0);
}

/* ---- what goes wrong ---- */

/* At some file operation to come, near or far; or at once, between two. */
static void kill_node(sim_world *world, sim_node *node)
{
    if (!node->up) return;
    if (sim_random_chance(&world->random, 150)) {
        sim_node_crash(world, node, sim_random_chance(&world->random, world->swarm.power_cut));
        return;
    }
    static const uint64_t REACH[] = {20, 200, 2000};
    sim_disk_kill_at(node->disk, 1 + sim_random_below(&world->random,
                                                      REACH[sim_random_below(&world->random, 3)]));
}

static void fill_disk(sim_world *world, sim_node *node)
{
    sim_disk_set_room(node->disk, sim_random_below(&world->random, 64 * 1024));
    sim_say(world, "the disk of %s is full", node->name);
    sim_schedule(world, world->now_ms + sim_random_wait(&world->random, 5 * SIM_MINUTE), SIM_RELIEF,
                 node->index, FAULT_FULL);
}

static void partition(sim_world *world, sim_node *node)
{
    world->result->counts.cut++;
    bool is_hub = node->index == SIM_HUB;
    if (is_hub)
        world->hub_cut_off = true;
    else
        node->cut_off = true;
    sim_say(world, "%s is out of reach", node->name);
    uint64_t mean = is_hub ? world->swarm.dark_ms : 8 * SIM_MINUTE;
    sim_schedule(world, world->now_ms + sim_random_wait(&world->random, mean), SIM_RELIEF,
                 node->index, FAULT_PARTITION);
}

static void shift_clock(sim_world *world, sim_node *node)
{
    sim_random *random = &world->random;
    world->result->counts.clock++;
    sim_outage_doubt(node);
    switch (sim_random_below(random, 5)) {
    case 0: node->skew_ms = 3 * YEAR_MS; break;
    case 1: node->skew_ms = -3 * YEAR_MS; break;
    case 2: node->skew_ms -= (int64_t)sim_random_below(random, 90 * SIM_MINUTE); break;
    case 3: node->skew_ms += (int64_t)sim_random_below(random, 90 * SIM_MINUTE); break;
    default: node->frozen_at_ms = world->now_ms; break;
    }
    sim_say(world, "the clock of %s is off by %lld ms%s", node->name, (long long)node->skew_ms,
            node->frozen_at_ms ? " and stands still" : "");
    if (sim_random_chance(random, 700))
        sim_schedule(world, world->now_ms + sim_random_wait(random, 20 * SIM_MINUTE), SIM_RELIEF,
                     node->index, FAULT_CLOCK);
    if (node->hub || !sim_random_chance(random, 500)) return;
    sim_node_crash(world, node,
                   true); /* a flat battery: it comes back out of reach, on another day */
    partition(world, node);
}

/* A phone or a station is set back to its backup of another day; the guard beside the store is not
 * in it. */
static void restore(sim_world *world, sim_node *node)
{
    bool awaited = node->is_station && world->nodes[SIM_HUB].lost_ms; /* one is to be promoted */
    if (node->index == SIM_HUB || node->was_centre || awaited || !node->up || node->twin) return;
    if (!node->backup) { /* only a closed store can be copied; the guard moves on at the next open
                          */
        sim_node_crash(world, node, false);
        node->backup = sim_disk_copy(node->disk, ".guard");
        return;
    }
    sim_node_crash(world, node, false);
    if (!sim_disk_restore(node->disk, node->backup)) return;
    sim_image_free(node->backup);
    node->backup = NULL;
    node->set_back = node->just_restored = true;
    node->set_back_ms = world->now_ms;
    sim_say(world, "%s is set back to its backup", node->name);
}

void sim_on_fault(sim_world *world, uint32_t kind)
{
    if (world->calm) return;
    plan_one(world, (fault)kind);
    sim_node *node = &world->nodes[sim_random_below(&world->random, world->node_count)];
    if (!node->exists) return;
    switch ((fault)kind) {
    case FAULT_KILL: kill_node(world, node); break;
    case FAULT_IO:
        sim_disk_fail_at(node->disk, 1 + sim_random_below(&world->random, 60),
                         1 + sim_random_below(&world->random, 4));
        break;
    case FAULT_FULL: fill_disk(world, node); break;
    case FAULT_CLOCK: shift_clock(world, node); break;
    case FAULT_PARTITION: partition(world, node); break;
    case FAULT_RESTORE: restore(world, node); break;
    case FAULT_HUB_LOSS: sim_hub_loss(world); break;
    case FAULT_STATION_LOSS:
        if (sim_lose_station(world)) break;
        partition(world, &world->nodes[SIM_HUB]); /* all are at their stations, and write there */
        sim_schedule(world, world->now_ms + BURNS_AFTER_MS, SIM_FAULT, 0, FAULT_STATION_LOSS);
        break;
    case FAULT_CENTRE_LOSS: sim_lose_centre(world); break;
    case FAULT_CLONE: sim_clone(world); break;
    case FAULT_KINDS: break;
    }
}

void sim_on_relief(sim_world *world, uint32_t index, uint32_t what)
{
    sim_node *node = &world->nodes[index];
    switch ((fault)what) {
    case FAULT_FULL: sim_disk_set_room(node->disk, UINT64_MAX); break;
    case FAULT_CLOCK:
        node->skew_ms = 0;
        node->frozen_at_ms = 0;
        sim_outage_doubt(node);
        break;
    case FAULT_PARTITION:
        if (index == SIM_HUB)
            world->hub_cut_off = false;
        else
            node->cut_off = false;
        break;
    case FAULT_KILL:
    case FAULT_IO:
    case FAULT_RESTORE:
    case FAULT_HUB_LOSS:
    case FAULT_STATION_LOSS:
    case FAULT_CENTRE_LOSS:
    case FAULT_CLONE:
    case FAULT_KINDS: break;
    }
}

/* All faults stop. Clocks stay as wrong as they are: that alone must keep nobody from anything. */
void sim_calm(sim_world *world)
{
    world->calm = true;
    world->hub_cut_off = false;
    sim_say(world, "the bad luck is over");
    for (unsigned i = 0; i < world->node_count; i++) {
        sim_node *node = &world->nodes[i];
        node->cut_off = false;
        node->frozen_at_ms = 0;
        sim_outage_doubt(node);
        sim_disk_set_room(node->disk, UINT64_MAX);
        sim_disk_kill_at(node->disk, 0);
        sim_disk_fail_at(node->disk, 0, 0);
        if (node->up) sim_node_wake(world, node, world->now_ms);
        sim_schedule(world, world->now_ms, SIM_START, node->index, 0);
    }
    sim_schedule(world, world->now_ms + SIM_SECOND, SIM_OPERATE, 0, 0);
}
