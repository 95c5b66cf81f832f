/* poison.c: an entry that ends the program ends it twice at most, wherever it is applied; then all
 * else flows, and everyone can see which entry that was.
 *
 * The processes are real ones, and fall for real: what they leave behind is what the next finds. */
#include "pair.h"

#include "sync/log.h"
#include "sync/store_core.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the mistake: the linker sends hf_record_fold here ---- */

static struct {
    int signal; /* what a poisoned part ends the process with; 0: nothing */
    bool at_hub;
} mistake;

hf_status __real_hf_record_fold(hf_store *store, hf_part *part, const hf_entry_body *entry,
                                const hf_origin_id *origin, uint8_t lane,
                                const uint8_t hash[HF_HASH_SIZE], uint64_t position);
hf_status __wrap_hf_record_fold(hf_store *store, hf_part *part, const hf_entry_body *entry,
                                const hf_origin_id *origin, uint8_t lane,
                                const uint8_t hash[HF_HASH_SIZE], uint64_t position);

hf_status __wrap_hf_record_fold(hf_store *store, hf_part *part, const hf_entry_body *entry,
                                const hf_origin_id *origin, uint8_t lane,
                                const uint8_t hash[HF_HASH_SIZE], uint64_t position)
{
    bool received = memcmp(origin, &store->own->id, sizeof *origin) != 0;
    bool poisoned = memmem(entry->parts.data, entry->parts.size, "POISON", 6) != NULL;
    if (mistake.signal && received && poisoned && store->is_hub == mistake.at_hub)
        raise(mistake.signal);
    return __real_hf_record_fold(store, part, entry, origin, lane, hash, position);
}

/* ---- the scene: two devices that wrote while they were away ---- */

typedef struct scene {
    char folder[64];
    pair_world *pair;
    hf_record_id before, poison, after, other;
    hf_dot culprit;
} scene;

static int set_up(void **state)
{
    static const char *const BEAT[] = {"beat"};
    scene *s = calloc(1, sizeof *s);
    snprintf(s->folder, sizeof s->folder, "/tmp/holdfast-poison-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    s->pair = pair_new_with(
        &(pair_options){.edge_count = 2, .scopes = BEAT, .scope_count = 1, .folder = s->folder});
    pair_cut(s->pair, 0);
    pair_cut(s->pair, 1);
    s->before = pair_crime(s->pair, 0, "written before");
    s->poison = pair_crime(s->pair, 0, "POISON");
    s->after = pair_crime(s->pair, 0, "written after");
    s->other = pair_crime(s->pair, 1, "written by the other");
    s->culprit = (hf_dot){.origin = hf_store_own_origin(s->pair->nodes[0].store)->id,
                          .lane = HF_LANE_CRIME,
                          .seq = 2};
    *state = s;
    return 0;
}

static void shut_all(pair_world *pair)
{
    for (size_t i = 0; i < pair->edge_count; i++) pair_shut(pair, &pair->nodes[i]);
    pair_shut(pair, &pair->hub_node);
}

static int tear_down(void **state)
{
    scene *s = *state;
    char command[96];
    mistake.signal = 0;
    pair_free(s->pair);
    snprintf(command, sizeof command, "rm -r '%s'", s->folder);
    (void)!system(command);
    free(s);
    return 0;
}

/* A whole life of all three in a process of its own; returns the signal that ended it, or 0. */
static int live(scene *s, hf_ending ending, int signal)
{
    shut_all(s->pair);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        mistake.signal = signal;
        s->pair->ending = ending;
        pair_open(s->pair, &s->pair->hub_node);
        for (size_t i = 0; i < 2; i++) pair_open(s->pair, &s->pair->nodes[i]);
        pair_wait(s->pair, 2 * HF_REDIAL_MAX_MS);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* Here, in this process: the mistake is still in it. */
static void live_on(scene *s, hf_ending ending, int signal)
{
    shut_all(s->pair);
    mistake.signal = signal;
    s->pair->ending = ending;
    pair_open(s->pair, &s->pair->hub_node);
    for (size_t i = 0; i < 2; i++) pair_open(s->pair, &s->pair->nodes[i]);
    pair_wait(s->pair, 2 * HF_REDIAL_MAX_MS);
}

/* ---- what must hold ---- */

static hf_status count_hole(void *context, const hf_hole *hole)
{
    hf_hole *last = context;
    uint64_t count = last->pseq; /* how many there were before */
    *last = *hole;
    last->pseq = count + 1;
    return HF_OK;
}

static hf_hole only_hole(hf_store *store)
{
    hf_hole hole = {.pseq = 0};
    assert_int_equal(hf_hole_each(store, count_hole, &hole), HF_OK);
    assert_int_equal(hole.pseq, 1);
    return hole;
}

static void expect_culprit(scene *s, hf_store *store)
{
    hf_hole hole = only_hole(store);
    assert_memory_equal(&hole.dot.origin, &s->culprit.origin, sizeof hole.dot.origin);
    assert_int_equal(hole.dot.seq, s->culprit.seq);
    assert_int_equal(hole.reason, 606);
    assert_string_equal(hole.text, "applying it ended the program");
    assert_string_equal(pair_summary(store, &s->poison), "");
}

static void expect_whole(hf_store *store)
{
    hf_verify_report report;
    assert_int_equal(hf_store_verify(store, &report), HF_OK);
    if (report.faults) print_error("%s\n", report.first_fault);
    assert_int_equal(report.faults, 0);
}

static void expect_the_rest_everywhere(scene *s)
{
    hf_store *stores[] = {s->pair->hub_node.store, s->pair->nodes[0].store,
                          s->pair->nodes[1].store};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(pair_summary(stores[i], &s->before), "written before");
        assert_string_equal(pair_summary(stores[i], &s->after), "written after");
        assert_string_equal(pair_summary(stores[i], &s->other), "written by the other");
        expect_whole(stores[i]);
    }
}

static hf_status on_history(void *context, const hf_history_item *item)
{
    *(uint32_t *)context = item->withheld;
    return HF_OK;
}

static void at_the_hub_it_is_withheld_and_its_author_and_the_operator_see_why(void **state)
{
    scene *s = *state;
    hf_dot dot;
    mistake.at_hub = true;
    assert_int_equal(live(s, HF_ENDING_QUIET, SIGABRT), SIGABRT);
    assert_int_equal(live(s, HF_ENDING_FAULT, SIGABRT), SIGABRT); /* one by one: it is found */
    live_on(s, HF_ENDING_FAULT, SIGABRT);
    assert_true(hf_store_blamed(s->pair->hub_node.store, &dot));
    assert_memory_equal(&dot.origin, &s->culprit.origin, sizeof dot.origin);
    assert_int_equal(dot.lane, s->culprit.lane);
    assert_int_equal(dot.seq, s->culprit.seq);
    expect_culprit(s, s->pair->hub_node.store);
    expect_the_rest_everywhere(s);
    uint32_t withheld = 0; /* as its author sees it */
    hf_store *author = s->pair->nodes[0].store;
    assert_int_equal(hf_store_history(author, &s->poison, UINT32_MAX, on_history, &withheld),
                     HF_OK);
    assert_int_equal(withheld, 606);
    assert_string_equal(pair_summary(s->pair->nodes[1].store, &s->poison), "");
    live_on(s, HF_ENDING_QUIET, SIGABRT); /* and so it stays */
    assert_false(hf_store_blamed(s->pair->hub_node.store, &dot));
    expect_culprit(s, s->pair->hub_node.store);
}

static void at_a_device_it_is_withheld_and_the_feed_goes_on(void **state)
{
    scene *s = *state;
    mistake.at_hub = false;
    assert_int_equal(live(s, HF_ENDING_QUIET, SIGABRT), SIGABRT);
    assert_int_equal(live(s, HF_ENDING_FAULT, SIGABRT), SIGABRT);
    live_on(s, HF_ENDING_FAULT, SIGABRT);
    expect_culprit(s, s->pair->nodes[1].store);
    expect_the_rest_everywhere(s);
    assert_string_equal(pair_summary(s->pair->hub_node.store, &s->poison), "POISON");
}

/* A kill is nobody's fault, however often it comes at the same moment. */
static void nobody_is_blamed_for_a_kill(void **state)
{
    scene *s = *state;
    hf_dot dot;
    mistake.at_hub = true;
    for (int i = 0; i < 4; i++) assert_int_equal(live(s, HF_ENDING_QUIET, SIGKILL), SIGKILL);
    live_on(s, HF_ENDING_QUIET, 0);
    assert_false(hf_store_blamed(s->pair->hub_node.store, &dot));
    expect_the_rest_everywhere(s);
    assert_string_equal(pair_summary(s->pair->hub_node.store, &s->poison), "POISON");
}

/* Nor for a fault somewhere else, after a kill in the middle of a batch. */
static void nobody_is_blamed_for_a_fault_elsewhere(void **state)
{
    scene *s = *state;
    hf_dot dot;
    mistake.at_hub = true;
    assert_int_equal(live(s, HF_ENDING_QUIET, SIGABRT), SIGABRT);
    assert_int_equal(live(s, HF_ENDING_FAULT, SIGKILL), SIGKILL); /* leaves a name behind */
    shut_all(s->pair);
    s->pair->ending = HF_ENDING_QUIET;
    pair_open(s->pair, &s->pair->hub_node);
    live_on(s, HF_ENDING_FAULT, 0);
    assert_false(hf_store_blamed(s->pair->hub_node.store, &dot));
    expect_the_rest_everywhere(s);
    assert_string_equal(pair_summary(s->pair->hub_node.store, &s->poison), "POISON");
}

/* Someone who looks at a store between two lives of its daemon does not wipe out the traces. */
static void a_command_in_between_destroys_no_evidence(void **state)
{
    scene *s = *state;
    mistake.at_hub = true;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(live(s, i ? HF_ENDING_FAULT : HF_ENDING_QUIET, SIGABRT), SIGABRT);
        s->pair->ending = HF_ENDING_UNKNOWN;
        pair_open(s->pair, &s->pair->hub_node);
        pair_shut(s->pair, &s->pair->hub_node);
    }
    live_on(s, HF_ENDING_FAULT, SIGABRT);
    expect_culprit(s, s->pair->hub_node.store);
    expect_the_rest_everywhere(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            at_the_hub_it_is_withheld_and_its_author_and_the_operator_see_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(at_a_device_it_is_withheld_and_the_feed_goes_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_blamed_for_a_kill, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_blamed_for_a_fault_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_command_in_between_destroys_no_evidence, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("poison", tests, NULL, NULL);
}
