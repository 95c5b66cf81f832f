/* crash_twice.c: the process dies at each call to the disk, and again at each call while it
 * recovers from that; by kill or by power cut. Then everything that was promised is there.
 *
 * A crash in recovery is the one that nobody tries by hand, and a device whose battery is flat
 * starts again and again until it is charged. */
#include "memory.h"
#include "scenarios.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>

enum { NAME_SIZE = 64, CASES_MAX = 32, SHORT_FIRST = 10, SHORT_SECOND = 6 };

typedef struct crash_case {
    char name[NAME_SIZE];
    const fault_scenario *scenario;
    int node; /* whose process dies */
    fault_world *world;
    uint64_t first, second; /* the calls in which it dies */
} crash_case;

static sim_disk *disk_of(const crash_case *which)
{
    return world_node(which->world, which->node)->disk;
}

/* ---- what was seen already ---- */

typedef struct state_set { /* an open hash table; 0 is free */
    uint64_t *states;
    size_t count, capacity;
} state_set;

static uint64_t *place_of(const state_set *set, uint64_t state)
{
    size_t at = state & (set->capacity - 1);
    while (set->states[at] && set->states[at] != state) at = (at + 1) & (set->capacity - 1);
    return &set->states[at];
}

/* True when it was not there yet. */
static bool add_state(state_set *set, uint64_t state)
{
    if (set->count * 2 >= set->capacity) {
        state_set larger = {.count = set->count,
                            .capacity = set->capacity ? 2 * set->capacity : 1024};
        larger.states = calloc(larger.capacity, sizeof *larger.states);
        assert_non_null(larger.states);
        for (size_t i = 0; i < set->capacity; i++)
            if (set->states[i]) *place_of(&larger, set->states[i]) = set->states[i];
        free(set->states);
        *set = larger;
    }
    uint64_t *place = place_of(set, state);
    if (*place) return false;
    *place = state;
    set->count++;
    return true;
}

/* ---- two deaths ---- */

/* Runs until it dies at `first`; false when there are not so many calls. */
static bool die(crash_case *which)
{
    fault_world *world = which->world;
    const fault_scenario *scenario = which->scenario;
    world_reset(world, scenario->open);
    if (scenario->prepare) scenario->prepare(world);
    world->pair->faults = true;
    sim_disk_seed(disk_of(which), which->first);
    assert_int_equal(sqlite3_test_control(SQLITE_TESTCTRL_PRNG_RESTORE), SQLITE_OK);
    sim_disk_kill_at(disk_of(which), which->first);
    scenario->run(world);
    world_shut(world); /* of a process that is gone this only frees the memory */
    bool died = sim_disk_killed(disk_of(which));
    sim_disk_revive(disk_of(which), which->first % 2 == 1);
    return died;
}

/* Opens until it dies again at `second`; false when it opens without that many calls. */
static bool die_in_recovery(crash_case *which)
{
    fault_world *world = which->world;
    sim_disk_kill_at(disk_of(which), which->second);
    hf_status status = pair_try_open(world->pair, world_node(world, which->node));
    bool died = sim_disk_killed(disk_of(which));
    assert_true(died || status == HF_OK);
    world_shut(world);
    sim_disk_revive(disk_of(which), which->second / 2 % 2 == 1);
    return died;
}

static void judge(crash_case *which)
{
    fault_world *world = which->world;
    world->pair->faults = false;
    for (int i = 0; i < WORLD_NODES; i++)
        if ((which->scenario->open | which->scenario->faulty) & WORLD_BIT(i))
            pair_open(world->pair, world_node(world, i));
    which->scenario->judge(world);
    world_shut(world);
}

/* The calls of a run, or of the recovery from one that died at `first`, when nothing stops it. */
static uint64_t points(crash_case *which, uint64_t first)
{
    which->first = first ? first : UINT64_MAX;
    uint64_t before = sim_disk_counted(disk_of(which)).calls;
    world_reset(which->world, which->scenario->open);
    uint64_t opened = sim_disk_counted(disk_of(which)).calls - before;
    before = sim_disk_counted(disk_of(which)).calls;
    bool died = die(which);
    uint64_t calls = sim_disk_counted(disk_of(which)).calls - before - opened;
    if (first) assert_true(died);
    if (!first) return calls;
    which->second = UINT64_MAX;
    before = sim_disk_counted(disk_of(which)).calls;
    assert_false(die_in_recovery(which));
    return sim_disk_counted(disk_of(which)).calls - before;
}

static uint64_t stride_of(uint64_t count, uint64_t most)
{
    return fault_is_long() || count <= most ? 1 : count / most;
}

/* A call that only reads leaves the disks as the one before it did, and what was said too: from
 * there all goes the same way, so it is gone once. */
static void dies_twice(void **state)
{
    crash_case *which = *state;
    uint64_t runs = 0, judged = 0, first_points = points(which, 0);
    uint64_t second_points = points(which, first_points / 2 + 1);
    uint64_t first_stride = stride_of(first_points, SHORT_FIRST);
    uint64_t second_stride = stride_of(second_points, SHORT_SECOND);
    state_set rows = {0}, ends = {0};
    for (uint64_t first = 1; first <= first_points; first += first_stride) {
        bool died = true;
        /* Each row of the short form begins elsewhere, so that the columns differ. */
        for (uint64_t second = 1 + first % second_stride; died; second += second_stride) {
            bool row_begins = second <= second_stride;
            which->first = first;
            which->second = second;
            if (!die(which)) break;
            if (row_begins && !add_state(&rows, world_state(which->world))) break;
            died = die_in_recovery(which);
            runs++;
            if (!add_state(&ends, world_state(which->world))) continue;
            judge(which);
            judged++;
        }
    }
    assert_true(judged > 0);
    printf("note: %s: dies at %llu points, each %llu., and of recovery at %llu, each %llu.: "
           "%llu runs from %zu states, %llu ends\n",
           which->name, (unsigned long long)first_points, (unsigned long long)first_stride,
           (unsigned long long)second_points, (unsigned long long)second_stride,
           (unsigned long long)runs, rows.count, (unsigned long long)judged);
    which->first = 0;
    free(rows.states);
    free(ends.states);
}

static int set_up(void **state)
{
    crash_case *which = *state;
    which->world = world_new();
    assert_int_equal(sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SAVE), SQLITE_OK);
    return 0;
}

static int tear_down(void **state)
{
    crash_case *which = *state;
    if (which->first)
        print_error("%s: died at %llu, then at %llu\n", which->name,
                    (unsigned long long)which->first, (unsigned long long)which->second);
    world_shut(which->world);
    world_free(which->world);
    return 0;
}

int main(int argc, char **argv)
{
    static crash_case cases[CASES_MAX];
    struct CMUnitTest tests[CASES_MAX];
    size_t scenarios, count = 0;
    const fault_scenario *table = fault_scenarios(&scenarios);
    fault_memory_install();
    for (size_t i = 0; i < 2 * scenarios; i++) {
        const fault_scenario *scenario = &table[i / 2];
        crash_case *which = &cases[count];
        int node = i % 2 ? WORLD_EDGE : WORLD_HUB;
        if (scenario->reads || !(scenario->faulty & WORLD_BIT(node))) continue;
        *which = (crash_case){.scenario = scenario, .node = node};
        snprintf(which->name, sizeof which->name, "%s (%s)", scenario->name,
                 node == WORLD_HUB ? "hub" : "device");
        if (argc > 1 && strcmp(argv[1], which->name) != 0) continue;
        tests[count++] = (struct CMUnitTest){.name = which->name,
                                             .test_func = dies_twice,
                                             .setup_func = set_up,
                                             .teardown_func = tear_down,
                                             .initial_state = which};
    }
    return _cmocka_run_group_tests("crash_twice", tests, count, NULL, NULL);
}
