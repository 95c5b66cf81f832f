/* each.c: one scenario, failing at each of its points in turn, and what must hold after each. */
#include "memory.h"
#include "scenarios.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NAME_SIZE = 64, CASES_MAX = 96, OURS_SHARE = 3 };

typedef struct fault_case {
    char name[NAME_SIZE];
    const fault_kind *kind;
    const fault_scenario *scenario;
    fault_mode mode;
    bool goes_on;   /* the same process, once all works again; else it ends where it stands */
    bool power_cut; /* ... and what was not synced may be gone */
    uint64_t only;  /* 0: every point */
    fault_world *world;
    char answer[WORLD_TEXT_SIZE]; /* what is read where nothing fails */
} fault_case;

bool fault_is_long(void)
{
    return getenv("HOLDFAST_LONG") != NULL;
}

/* A machine that fails may be said to fail, and nothing else: above all not that a peer sent
 * nonsense, or that the store is damaged. */
static void expect_only(uint32_t troubles, uint32_t allowed)
{
    for (unsigned status = 0; status < 32; status++)
        if ((troubles & ~allowed) >> status & 1)
            fail_msg("a call said \"%s\", which is not what happened",
                     hf_status_name((hf_status)status));
}

/* The same process, once all works again: it goes on. */
static void try_again(fault_world *world, const fault_scenario *scenario)
{
    if (world->said == HF_OK) return;
    world->text[world->text_size = 0] = 0;
    world->pair->troubles = 0;
    scenario->run(world);
    expect_only(world->pair->troubles, 1u << HF_OK);
    assert_int_equal(world->said, HF_OK);
}

static void expect_answer(fault_case *which)
{
    const fault_world *world = which->world;
    if (!which->scenario->reads || world->said != HF_OK) return;
    if (world->at == 0) memcpy(which->answer, world->text, sizeof which->answer);
    assert_string_equal(world->text, which->answer);
}

/* Opens all again where nothing fails, and judges; also what the failed try left, if another was
 * made since. */
static void judge(fault_case *which, hf_status said, const hf_record_id made[WORLD_PUT])
{
    fault_world *world = which->world;
    const fault_scenario *scenario = which->scenario;
    world_shut(world);
    world->pair->faults = false;
    for (int i = 0; i < WORLD_NODES; i++)
        if ((scenario->open | scenario->faulty) & WORLD_BIT(i))
            world_reopen(world, i, which->power_cut);
    bool twice = memcmp(world->made, made, sizeof world->made) != 0;
    scenario->judge(world);
    world->said = said;
    memcpy(world->made, made, sizeof world->made);
    if (twice) scenario->judge(world);
    world_shut(world);
}

/* Fails at `at` (0: nowhere); returns how many points failed. */
static uint64_t one(fault_case *which, uint64_t at, uint64_t *met)
{
    fault_world *world = which->world;
    const fault_scenario *scenario = which->scenario;
    uint64_t failed;
    world->at = at;
    world_reset(world, 0);
    int64_t live = fault_memory_live();
    world_reset(world, scenario->open);
    if (scenario->prepare) scenario->prepare(world);
    world->pair->faults = true;
    which->kind->arm(world, scenario, at, which->mode);
    scenario->run(world);
    if (!which->goes_on) world_shut(world); /* to end is also something that can fail */
    *met = which->kind->disarm(world, scenario, &failed);
    expect_only(world->pair->troubles, which->kind->allowed | scenario->also | 1u << HF_OK);
    if (failed == 0) assert_int_equal(world->said, HF_OK);
    expect_answer(which);
    hf_status said = world->said;
    hf_record_id made[WORLD_PUT];
    memcpy(made, world->made, sizeof made);
    if (which->goes_on) try_again(world, scenario);
    judge(which, said, made);
    assert_int_equal(fault_memory_live(), live);
    return failed;
}

/* Fails at `at` in the ways there are: the process goes on, or ends; and with or without power.
 * The short form takes one of them, in turn. Returns how many runs met a failure. */
static uint64_t in_each_way(fault_case *which, uint64_t at, uint64_t turn)
{
    uint64_t failures = 0, points;
    unsigned ways = which->kind->power_cuts ? 4 : 2;
    for (unsigned way = 0; way < ways; way++) {
        which->goes_on = way % 2 == 1;
        which->power_cut = way / 2 == 1;
        if (!fault_is_long() && !which->only && turn % ways != way) continue;
        failures += one(which, at, &points) > 0;
    }
    return failures;
}

static void fails_anywhere(void **state)
{
    fault_case *which = *state;
    uint64_t points, failures = 0, stride = 1;
    which->goes_on = which->power_cut = false;
    assert_int_equal(one(which, 0, &points), 0);
    uint64_t most = which->kind->short_max;
    if (which->mode == FAULT_OURS_ONCE) most *= OURS_SHARE;
    if (!fault_is_long() && points > most) stride = points / most;
    uint64_t at = which->only ? which->only : 1;
    /* A failure may make more points than there were: on until one run in each way met none. */
    for (uint64_t turn = 0, quiet = 0; at <= points || quiet < 4; turn++, at += stride) {
        uint64_t failed = in_each_way(which, at, turn);
        failures += failed;
        quiet = failed ? 0 : quiet + 1;
        if (which->only) break;
    }
    assert_true(points == 0 || failures > 0);
    printf("note: %s: %llu points; of each %llu one failed: %llu runs\n", which->name,
           (unsigned long long)points, (unsigned long long)stride, (unsigned long long)failures);
    which->world->at = 0;
}

static int set_up(void **state)
{
    fault_case *which = *state;
    which->world = world_new();
    return 0;
}

static int tear_down(void **state)
{
    fault_case *which = *state;
    uint64_t met, failed;
    (void)which->kind->disarm(which->world, which->scenario, &failed);
    (void)met;
    if (which->world->at)
        print_error("%s: at point %llu\n", which->name, (unsigned long long)which->world->at);
    world_shut(which->world);
    world_free(which->world);
    return 0;
}

int fault_main(const fault_kind *kind, int argc, char **argv)
{
    static const char *const MODES[] = {"once", "from_there_on", "ours"};
    static fault_case cases[CASES_MAX];
    struct CMUnitTest tests[CASES_MAX];
    size_t scenarios, count = 0;
    const fault_scenario *table = fault_scenarios(&scenarios);
    for (size_t i = 0; i < kind->modes * scenarios; i++) {
        const fault_scenario *scenario = &table[i / kind->modes];
        fault_case *which = &cases[count];
        *which = (fault_case){.kind = kind, .scenario = scenario, .mode = i % kind->modes};
        which->only = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
        snprintf(which->name, sizeof which->name, "%s (%s)", scenario->name, MODES[which->mode]);
        if (argc > 1 && strcmp(argv[1], which->name) != 0) continue;
        tests[count] = (struct CMUnitTest){.name = which->name,
                                           .test_func = fails_anywhere,
                                           .setup_func = set_up,
                                           .teardown_func = tear_down,
                                           .initial_state = which};
        count++;
        assert_true(count < CASES_MAX);
    }
    return _cmocka_run_group_tests(kind->name, tests, count, NULL, NULL);
}
