/* world.c: virtual time. Events in order, nothing between them, and the truth about what broke. */
#include "world_private.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

enum {
    LOOK_EVERY_MS = 6 * SIM_MINUTE,  /* one replica, against the model */
    SETTLE_MAX_MS = 45 * SIM_MINUTE, /* L1's bound: several redials at their slowest */
    STORM_MAX_MS = 4 * SIM_MINUTE,   /* L3's */
    SETTLE_STEP_MS = 20 * SIM_SECOND,
    EVENTS_MAX = 40 * 1000 * 1000 /* a world that spins is broken too */
};

const char *sim_invariant_name(sim_invariant invariant)
{
    static const char *const NAMES[SIM_INVARIANTS] = {
        "S1",    "S2",     "S3",     "S4",      "S5",  "S6", "S7",   "S11",
        "S12",   "S13",    "S14",    "S15",     "L1",  "L4", "REFS", "RECEIPT",
        "LANES", "URGENT", "HONEST", "OUTAGES", "S16", "L3", "META"};
    return NAMES[invariant];
}

/* ---- events: a binary heap by (time, order of asking) ---- */

static bool earlier(const sim_event *a, const sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_schedule(sim_world *world, uint64_t at, sim_event_kind kind, uint32_t who, uint32_t what)
{
    if (world->event_count == world->event_capacity) {
        world->event_capacity = world->event_capacity ? 2 * world->event_capacity : 1024;
        world->events = realloc(world->events, world->event_capacity * sizeof *world->events);
        assert(world->events);
    }
    if (at < world->now_ms) at = world->now_ms;
    sim_event event = {at, world->event_order++, kind, who, what};
    size_t i = world->event_count++;
    for (; i > 0 && earlier(&event, &world->events[(i - 1) / 2]); i = (i - 1) / 2)
        world->events[i] = world->events[(i - 1) / 2];
    world->events[i] = event;
}

static bool next_event(sim_world *world, uint64_t until, sim_event *out)
{
    if (!world->event_count || world->events[0].at > until) return false;
    *out = world->events[0];
    sim_event last = world->events[--world->event_count];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < world->event_count) {
        if (child + 1 < world->event_count &&
            earlier(&world->events[child + 1], &world->events[child]))
            child++;
        if (!earlier(&world->events[child], &last)) break;
        world->events[i] = world->events[child];
        i = child;
    }
    world->events[i] = last;
    return true;
}

/* ---- telling ---- */

void sim_trace(sim_world *world, uint64_t a, uint64_t b)
{
    world->result->trace = sim_mix(world->result->trace ^ sim_mix(a) ^ (b << 1));
}

void sim_break(sim_world *world, sim_invariant invariant, const char *format, ...)
{
    if (world->result->failed) return;
    if (world->judges_snapshot) invariant = SIM_S16;
    world->result->failed = true;
    world->result->broken = invariant;
    char *text = world->result->text;
    size_t room = sizeof world->result->text;
    int size = snprintf(text, room, "at %llu.%03llu s: ", (unsigned long long)world->now_ms / 1000,
                        (unsigned long long)world->now_ms % 1000);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + size, room - (size_t)size, format, arguments);
    va_end(arguments);
    sim_say(world, "BROKEN %s %s", sim_invariant_name(invariant), text);
}

void sim_say(const sim_world *world, const char *format, ...)
{
    if (!world->options->verbose) return;
    fprintf(stderr, "%6llu.%03llu ", (unsigned long long)world->now_ms / 1000,
            (unsigned long long)world->now_ms % 1000);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* ---- the run ---- */

static void on_look(sim_world *world)
{
    if (world->calm) return; /* all are looked at once it is settled, and may differ until then */
    sim_node *node = &world->nodes[sim_random_below(&world->random, world->node_count)];
    if (node->up) sim_look(world, node);
    sim_schedule(world, world->now_ms + LOOK_EVERY_MS, SIM_LOOK, 0, 0);
}

static void dispatch(sim_world *world, const sim_event *event)
{
    sim_node *node = event->who < SIM_NODES_MAX ? &world->nodes[event->who] : NULL;
    switch (event->kind) {
    case SIM_TURN:
        if (node->up && node->turn_at == event->at) sim_node_turn(world, node);
        break;
    case SIM_START: sim_node_start(world, node); break;
    case SIM_DIALLED: sim_on_dialled(world, event->who, event->what); break;
    case SIM_DELIVER: sim_on_deliver(world, event->who, event->what); break;
    case SIM_LOST: sim_on_lost(world, event->who, event->what); break;
    case SIM_WRITE: sim_on_write(world, node); break;
    case SIM_OPERATE: sim_on_operate(world); break;
    case SIM_FAULT: sim_on_fault(world, event->what); break;
    case SIM_RELIEF: sim_on_relief(world, event->who, event->what); break;
    case SIM_LOOK: on_look(world); break;
    case SIM_THIN: sim_on_thin(world, event->what); break;
    }
}

static void run_until(sim_world *world, uint64_t until)
{
    sim_event event;
    while (!sim_over(world) && next_event(world, until, &event)) {
        if (world->event_order > EVENTS_MAX) {
            sim_break(world, SIM_L1, "%d events and no end: something spins", EVENTS_MAX);
            return;
        }
        world->now_ms = event.at;
        dispatch(world, &event);
    }
    if (!sim_over(world)) world->now_ms = until;
}

/* The hub is set up before anything goes wrong; devices come up as they are registered. */
static void populate(sim_world *world)
{
    sim_authority_init(world);
    sim_node *hub = sim_node_add(world, "hub", SIM_CENTRE);
    sim_node_start(world, hub);
    if (!sim_over(world)) sim_publish_pack(world, 1);
    for (unsigned i = 1; i <= world->swarm.stations && !sim_over(world); i++) {
        char name[24];
        snprintf(name, sizeof name, "station%u", i);
        sim_node *station = sim_node_add(world, name, SIM_STATION);
        world->station_count = i;
        if (!sim_register(world, station)) return;
        sim_schedule(world, sim_random_below(&world->random, 30 * SIM_SECOND), SIM_START,
                     station->index, 0);
    }
    if (world->swarm.listed && !sim_over(world)) sim_publish_hubs(world);
    unsigned edges = world->thin ? 2 : world->options->edges;
    for (unsigned i = 1; i <= edges && !sim_over(world); i++) {
        char name[24];
        snprintf(name, sizeof name, "edge%u", i);
        sim_node *edge = sim_node_add(world, name, SIM_DEVICE);
        if (!sim_register(world, edge)) return;
        if (world->thin) continue; /* they have a plan of their own */
        sim_schedule(world, sim_random_below(&world->random, 30 * SIM_SECOND), SIM_START,
                     edge->index, 0);
        sim_schedule(world, sim_random_wait(&world->random, world->swarm.write_ms), SIM_WRITE,
                     edge->index, 0);
    }
}

static bool settle_within(sim_world *world, uint64_t most_ms)
{
    uint64_t deadline = world->now_ms + most_ms;
    bool settled = false;
    while (!sim_over(world) && !settled && world->now_ms < deadline) {
        run_until(world, world->now_ms + SETTLE_STEP_MS);
        settled = sim_settled(world);
    }
    return settled;
}

static void settle(sim_world *world)
{
    sim_calm(world);
    bool settled = settle_within(world, SETTLE_MAX_MS);
    if (settled && world->swarm.storms && !sim_over(world)) {
        sim_storm(world);
        uint64_t began_ms = world->now_ms;
        settled = settle_within(world, STORM_MAX_MS);
        sim_checked(world, SIM_L3);
        sim_say(world, "the storm took %llu s",
                (unsigned long long)(world->now_ms - began_ms) / 1000);
        if (!settled)
            sim_break(world, SIM_L3,
                      "all came back at once, and after %d minutes not all is settled",
                      STORM_MAX_MS / SIM_MINUTE);
    }
    if (!sim_over(world)) sim_last_judgement(world);
}

static void gather(sim_world *world)
{
    for (unsigned i = 0; i < world->node_count; i++) {
        sim_disk_counts counts = sim_disk_counted(world->nodes[i].disk);
        world->result->counts.lost += counts.lost;
        world->result->counts.torn += counts.torn;
        world->result->counts.io += counts.failed;
        world->result->counts.full += counts.full;
    }
    world->result->virtual_ms = world->now_ms;
    world->result->entries = world->dot_count;
}

/* SQLite draws its own random numbers from the default VFS: from the seed, then, like all else. */
static void seed_sqlite(const sim_node *node)
{
    sqlite3_vfs_register(sqlite3_vfs_find(sim_disk_name(node->disk)), 1);
    sqlite3_randomness(0, NULL);
}

void sim_run(const sim_options *options, sim_result *result)
{
    assert(options->edges + 4 + SIM_STATIONS_MAX < SIM_NODES_MAX);
    memset(result, 0, sizeof *result);
    sim_world *world = calloc(1, sizeof *world);
    assert(world);
    world->options = options;
    world->result = result;
    world->random = sim_random_from(options->seed, 0);
    sim_disk *first = sim_disk_new("first", options->seed);
    assert(first);
    sim_node seeder = {.disk = first};
    sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
    seed_sqlite(&seeder);
    world->thin = sim_is_thin(options);
    if (world->thin)
        sim_thin_draw(world);
    else
        sim_swarm_draw(world);
    populate(world);
    if (world->thin)
        sim_thin_plan(world);
    else
        sim_faults_plan(world);
    run_until(world, world->thin ? SIM_THIN_MS : options->duration_ms);
    if (world->thin && !sim_over(world)) sim_thin_judge(world);
    if (!sim_over(world)) settle(world);
    gather(world);
    sim_links_free(world);
    for (unsigned i = 0; i < world->node_count; i++) sim_node_free(&world->nodes[i]);
    sim_observe_free(world);
    sqlite3_vfs_register(usual, 1);
    sim_disk_free(first);
    free(world->events);
    free(world);
}
