/* test_lost_withheld.c: a hub that lost its history, and in it what an operator had withheld: both
 * the verdict and what it is about come back, the one before the other.
 */
#include "pair.h"

#include "sync/apply.h"
#include "sync/coverage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EVERYTHING_BACK_MS = 20 * HF_REDIAL_MIN_MS };

/* ---- a hub whose disk was set back to before there was anything ---- */

typedef struct loss {
    pair_world *pair;
    sim_image *image;
    hf_held first_lack; /* the first log that the hub asked for */
    size_t lacks;
    uint8_t deny_lane; /* REFILLs of this lane do not arrive; 0: all do */
} loss;

static bool see(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    loss *l = pair->context;
    (void)edge;
    if (way == PAIR_DOWN && message->type == HF_FRAME_LACK && l->lacks++ == 0) {
        hf_list logs = message->as.lack.logs;
        assert_true(hf_next_held(&logs, &l->first_lack));
    }
    bool denied = message->type == HF_FRAME_REFILL && l->deny_lane;
    return !denied || message->as.refill.lane != l->deny_lane;
}

static loss begin(size_t edges)
{
    loss l = {.pair = pair_new(edges)};
    pair_shut(l.pair, &l.pair->hub_node);
    l.image = sim_disk_copy(l.pair->hub_node.disk, "\x01"); /* no name ends so: all of it */
    assert_non_null(l.image);
    pair_open(l.pair, &l.pair->hub_node);
    pair_wait(l.pair, EVERYTHING_BACK_MS);
    return l;
}

/* The first `gone` devices are out of reach from now on, too. */
static void set_back(loss *l, size_t gone)
{
    pair_world *pair = l->pair;
    for (size_t i = 0; i < gone; i++) pair->nodes[i].offline = true;
    pair->tap = see;
    pair->context = l;
    pair_shut(pair, &pair->hub_node);
    assert_true(sim_disk_restore(pair->hub_node.disk, l->image));
    sim_image_free(l->image);
    pair_open(pair, &pair->hub_node);
    pair_wait(pair, EVERYTHING_BACK_MS);
}

static void judge(pair_world *pair, uint32_t reason)
{
    hf_batch *batch;
    hf_store *store = pair->hub_node.store;
    hf_dot dot = {
        .origin = hf_store_own_origin(pair->nodes[0].store)->id, .lane = HF_LANE_CRIME, .seq = 1};
    assert_int_equal(hf_batch_begin_own(store, pair_wall_ms(pair), 1, &batch), HF_OK);
    assert_int_equal(
        hf_batch_verdict(batch, &dot, pair_scope(pair), reason, "Operator", pair_wall_ms(pair)),
        HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    pair_wait(pair, EVERYTHING_BACK_MS); /* and the hub's head over it goes round */
}

/* A crime that an operator then withholds, when all had read it. */
static hf_record_id withheld_crime(loss *l, const char *summary)
{
    hf_record_id record = pair_crime(l->pair, 0, summary);
    pair_wait(l->pair, EVERYTHING_BACK_MS);
    judge(l->pair, HF_REASON_OPERATOR);
    return record;
}

static void expect_hub_shows(const loss *l, const hf_record_id *record, const char *text)
{
    assert_string_equal(pair_summary(l->pair->hub_node.store, record), text);
}

/* The verdict came back as well; and once it is taken back, so is what it was about. */
static void expect_whole(const loss *l, const hf_record_id *record, const char *summary)
{
    expect_hub_shows(l, record, "");
    judge(l->pair, 0);
    expect_hub_shows(l, record, summary);
}

static hf_status count_missing(void *context, const hf_missing *missing)
{
    *(uint64_t *)context += missing->last - missing->first + 1;
    return HF_OK;
}

static uint64_t missing_count(const loss *l)
{
    uint64_t count = 0;
    assert_int_equal(hf_coverage_missing(l->pair->hub_node.store, count_missing, &count), HF_OK);
    return count;
}

/* ---- what comes back ---- */

/* Who had read it before an operator withheld it is the last one to have what it says. */
static void what_an_operator_withheld_comes_back_whole_too(void **state)
{
    (void)state;
    loss l = begin(2);
    hf_record_id record = withheld_crime(&l, "Withheld, and not forgotten");
    set_back(&l, 1);
    assert_int_equal(missing_count(&l), 0);
    expect_whole(&l, &record, "Withheld, and not forgotten");
    pair_free(l.pair);
}

/* The verdict comes back first, and the link is gone before the entry that it is about. */
static void what_a_verdict_steps_over_is_asked_for_all_the_same(void **state)
{
    (void)state;
    loss l = begin(2);
    hf_record_id record = withheld_crime(&l, "Judged before it came");
    l.deny_lane = HF_LANE_CRIME;
    set_back(&l, 1);
    assert_int_equal(missing_count(&l), 1);
    l.deny_lane = 0;
    pair_cut(l.pair, 1);
    pair_wait(l.pair, EVERYTHING_BACK_MS);
    assert_int_equal(missing_count(&l), 0);
    expect_whole(&l, &record, "Judged before it came");
    pair_free(l.pair);
}

static void what_a_hub_decided_is_asked_for_before_what_it_decided_on(void **state)
{
    (void)state;
    loss l = begin(4);
    hf_origin_id hub = hf_store_own_origin(l.pair->hub_node.store)->id;
    bool one_is_before = false;
    for (size_t i = 0; i < 3; i++) {
        hf_origin_id id = hf_store_own_origin(l.pair->nodes[i].store)->id;
        one_is_before = one_is_before || memcmp(&id, &hub, sizeof id) < 0;
        (void)pair_crime(l.pair, i, "In a log that may be listed before the hub's");
    }
    assert_true(one_is_before);
    pair_wait(l.pair, EVERYTHING_BACK_MS);
    judge(l.pair, HF_REASON_OPERATOR);
    set_back(&l, 3);
    assert_true(l.lacks > 0);
    assert_int_equal(l.first_lack.log.lane, HF_LANE_CONTROL);
    pair_free(l.pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_operator_withheld_comes_back_whole_too),
        cmocka_unit_test(what_a_verdict_steps_over_is_asked_for_all_the_same),
        cmocka_unit_test(what_a_hub_decided_is_asked_for_before_what_it_decided_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
