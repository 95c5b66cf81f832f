/* test_outage.c: who was cut off, since when, what had to wait: as devices and hub come to know. */
#include "pair.h"

#include "sync/feed.h"
#include "sync/outage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, SEEN_MAX = 16 };

typedef struct seen { /* outages as a store has them; of the logs, how many entries had to wait */
    hf_outage rows[SEEN_MAX];
    uint64_t waited[SEEN_MAX];
    size_t count;
} seen;

static hf_status on_outage(void *context, const hf_outage *outage)
{
    seen *s = context;
    size_t count;
    hf_outage_log log;
    assert_true(s->count < SEEN_MAX);
    hf_reader reader = hf_outage_logs(outage->logs, &count);
    s->waited[s->count] = 0;
    for (size_t i = 0; i < count && hf_outage_next_log(&reader, &log); i++)
        if (log.to > log.from) s->waited[s->count] += log.to - log.from;
    s->rows[s->count++] = *outage;
    return HF_OK;
}

static seen look(hf_store *store, const uint8_t *seer)
{
    seen s = {.count = 0};
    assert_int_equal(hf_outage_each(store, seer, 0, on_outage, &s), HF_OK);
    return s;
}

static const uint8_t *key_of(const pair_node *node)
{
    return node->crypto.table.own_key_id;
}

static hf_edge_status status_of(pair_world *pair, size_t edge)
{
    hf_edge_status status;
    hf_edge_status_get(pair->nodes[edge].edge, &status);
    return status;
}

static pair_world *serving(size_t edges)
{
    pair_world *pair = pair_new(edges);
    assert_int_equal(hf_hub_begin(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_OK);
    pair_wait(pair, MINUTE_MS);
    return pair;
}

static void cut_off(pair_world *pair, size_t edge)
{
    pair->nodes[edge].offline = true;
    pair_cut(pair, edge);
}

static void back(pair_world *pair, size_t edge)
{
    pair->nodes[edge].offline = false;
    pair_wait(pair, HF_REDIAL_MAX_MS + MINUTE_MS);
}

/* The hub is told of the time it took, and of just those entries that had to wait. */
static void what_a_device_saw_of_an_outage_reaches_the_hub(void **state)
{
    (void)state;
    pair_world *pair = serving(2);
    pair_crime(pair, 0, "Before");
    pair_run(pair);
    uint64_t lost_ms = pair_wall_ms(pair);
    cut_off(pair, 0);
    for (int n = 0; n < 3; n++) pair_crime(pair, 0, "Meanwhile");
    assert_false(status_of(pair, 0).cut_off);
    pair_wait(pair, MINUTE_MS);
    assert_true(status_of(pair, 0).cut_off);
    assert_false(status_of(pair, 1).cut_off);
    assert_int_equal(look(pair->hub_node.store, NULL).count, 0);
    uint64_t back_ms = pair_wall_ms(pair);
    back(pair, 0);
    assert_false(status_of(pair, 0).cut_off);
    seen s = look(pair->hub_node.store, key_of(&pair->nodes[0]));
    assert_int_equal(s.count, 1);
    assert_int_equal(s.waited[0], 3);
    assert_int_equal(s.rows[0].reason, HF_OUTAGE_LOST);
    assert_in_range(s.rows[0].last_ms, lost_ms - HF_PROBE_EVERY_MS - SECOND_MS, lost_ms);
    assert_in_range(s.rows[0].noticed_ms, lost_ms, lost_ms + 2 * HF_CUT_OFF_MS);
    assert_in_range(s.rows[0].ended_ms, back_ms, back_ms + HF_REDIAL_MAX_MS + MINUTE_MS);
    assert_int_equal(look(pair->hub_node.store, NULL).count, 1);
    pair_free(pair);
}

static bool drop_answers(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)pair;
    (void)edge;
    return way == PAIR_UP || (message->type != HF_FRAME_PROBED && message->type != HF_FRAME_PING);
}

/* A hub that lives, answers pings and saves nothing is not there. */
static void a_link_without_answers_is_an_outage(void **state)
{
    (void)state;
    pair_world *pair = serving(1);
    pair->tap = drop_answers;
    pair_wait(pair, HF_PROBE_EVERY_MS + HF_PROBES_MISSED * HF_PROBE_PATIENCE_MS + 5 * SECOND_MS);
    assert_true(status_of(pair, 0).cut_off);
    assert_non_null(pair->nodes[0].peer);
    pair->tap = NULL;
    pair_wait(pair, 2 * MINUTE_MS);
    assert_false(status_of(pair, 0).cut_off);
    seen s = look(pair->hub_node.store, key_of(&pair->nodes[0]));
    assert_int_equal(s.count, 1);
    assert_int_equal(s.rows[0].reason, HF_OUTAGE_SILENT);
    pair_free(pair);
}

static void a_quiet_link_is_no_outage(void **state)
{
    (void)state;
    pair_world *pair = serving(2);
    pair_wait(pair, 20 * MINUTE_MS);
    cut_off(pair, 0);
    pair_wait(pair, 2 * SECOND_MS); /* and a link that is made anew at once is none either */
    back(pair, 0);
    assert_int_equal(look(pair->nodes[0].store, NULL).count, 0);
    assert_int_equal(look(pair->hub_node.store, NULL).count, 0);
    pair_free(pair);
}

static void an_outage_goes_on_through_a_restart_of_the_device(void **state)
{
    (void)state;
    pair_world *pair = serving(1);
    cut_off(pair, 0);
    pair_crime(pair, 0, "In the first run");
    pair_wait(pair, MINUTE_MS);
    pair_power_cut(pair, &pair->nodes[0]);
    assert_true(status_of(pair, 0).cut_off);
    pair_crime(pair, 0, "In the second");
    pair_wait(pair, 10 * MINUTE_MS);
    back(pair, 0);
    seen s = look(pair->hub_node.store, key_of(&pair->nodes[0]));
    assert_int_equal(s.count, 1);
    assert_int_equal(s.waited[0], 2);
    assert_true(s.rows[0].ended_ms - s.rows[0].last_ms >= 11 * MINUTE_MS);
    pair_free(pair);
}

/* It starts anew with a wrong clock before it knows that it is cut off. The hub that is back dates
 * the outage, or the account of the hub's own would leave it out. */
static void a_wrong_clock_dates_no_outage(void **state)
{
    (void)state;
    const int64_t wrong_ms[] = {-3 * INT64_C(365) * 24 * 60 * MINUTE_MS, 40 * MINUTE_MS};
    for (size_t i = 0; i < 2; i++) {
        pair_world *pair = serving(1);
        uint64_t lost_ms = pair_wall_ms(pair);
        cut_off(pair, 0);
        pair_power_cut(pair, &pair->nodes[0]);
        pair->nodes[0].ahead_ms = (uint64_t)wrong_ms[i];
        pair_wait(pair, 10 * MINUTE_MS);
        pair_crime(pair, 0, "By a wrong clock");
        back(pair, 0);
        seen s = look(pair->hub_node.store, key_of(&pair->nodes[0]));
        assert_int_equal(s.count, 1);
        assert_int_equal(s.waited[0], 1);
        assert_in_range(s.rows[0].last_ms, lost_ms - SECOND_MS, lost_ms + SECOND_MS);
        assert_in_range(s.rows[0].ended_ms, lost_ms + 10 * MINUTE_MS, pair_wall_ms(pair));
        assert_int_equal(look(pair->nodes[0].store, NULL).count, 1);
        pair_free(pair);
    }
}

static void restart_hub(pair_world *pair, bool killed, uint64_t away_ms)
{
    if (!killed) assert_int_equal(hf_hub_rest(pair->hub, pair_wall_ms(pair)), HF_OK);
    for (size_t i = 0; i < pair->edge_count; i++) cut_off(pair, i);
    pair_shut(pair, &pair->hub_node);
    if (killed) sim_disk_revive(pair->hub_node.disk, true);
    pair->now_ms += away_ms;
    pair_open(pair, &pair->hub_node);
    assert_int_equal(hf_hub_begin(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_OK);
}

static void a_hub_that_was_killed_knows_how_long_it_was_away(void **state)
{
    (void)state;
    pair_world *pair = serving(1);
    pair_wait(pair, MINUTE_MS);
    uint64_t killed_ms = pair_wall_ms(pair);
    restart_hub(pair, true, 6 * MINUTE_MS);
    uint64_t began_ms = pair_wall_ms(pair);
    seen s = look(pair->hub_node.store, key_of(&pair->hub_node));
    assert_int_equal(s.count, 1);
    assert_int_equal(s.rows[0].reason, HF_OUTAGE_FELL);
    assert_int_equal(s.rows[0].ended_ms, began_ms);
    assert_in_range(s.rows[0].last_ms, killed_ms - HF_BEAT_EVERY_MS - SECOND_MS, killed_ms);
    restart_hub(pair, false, MINUTE_MS);
    s = look(pair->hub_node.store, key_of(&pair->hub_node));
    assert_int_equal(s.count, 2);
    assert_int_equal(s.rows[1].reason, HF_OUTAGE_STOPPED);
    pair_free(pair);
}

/* Its clock was three years ahead for a while; or it was a station, and its centre's was. */
static void a_hub_that_beat_by_a_clock_far_ahead_dates_no_outage_in_the_future(void **state)
{
    (void)state;
    pair_world *pair = serving(1);
    hf_store *store = pair->hub_node.store;
    uint64_t ahead_ms = pair_wall_ms(pair) + 3 * UINT64_C(365) * 24 * 60 * MINUTE_MS;
    assert_int_equal(hf_beat_put(store, hf_feed_position(store), ahead_ms), HF_OK);
    for (size_t i = 1; i <= 2; i++) { /* and each time until then */
        restart_hub(pair, true, 6 * MINUTE_MS);
        uint64_t began_ms = pair_wall_ms(pair);
        seen s = look(pair->hub_node.store, key_of(&pair->hub_node));
        assert_int_equal(s.count, i);
        assert_int_equal(s.rows[i - 1].reason, HF_OUTAGE_FELL);
        assert_int_equal(s.rows[i - 1].ended_ms, began_ms);
        assert_int_equal(s.rows[i - 1].last_ms, began_ms);
        assert_int_equal(s.rows[i - 1].quality, 0);
        pair_wait(pair, MINUTE_MS);
    }
    pair_free(pair);
}

/* A machine without a battery for its clock starts in the past, until somebody tells it the time.
 */
static void a_hub_that_began_by_a_clock_far_behind_dates_its_absence_once_it_is_right(void **state)
{
    (void)state;
    pair_world *pair = serving(1);
    const uint64_t behind_ms = 3 * UINT64_C(365) * 24 * 60 * MINUTE_MS;
    uint64_t killed_ms = pair_wall_ms(pair);
    pair_shut(pair, &pair->hub_node);
    pair->now_ms += 6 * MINUTE_MS;
    pair_open(pair, &pair->hub_node);
    uint64_t began_ms = pair_wall_ms(pair);
    assert_int_equal(hf_hub_begin(pair->hub, pair->now_ms, began_ms - behind_ms), HF_OK);
    seen s = look(pair->hub_node.store, key_of(&pair->hub_node));
    assert_int_equal(s.count, 1);
    assert_int_equal(s.rows[0].ended_ms, began_ms - behind_ms);
    assert_int_equal(s.rows[0].quality, 0);
    pair_wait(pair, 2 * MINUTE_MS); /* it is right from here on */
    s = look(pair->hub_node.store, key_of(&pair->hub_node));
    assert_int_equal(s.count, 1);
    assert_in_range(s.rows[0].last_ms, killed_ms - HF_BEAT_EVERY_MS - SECOND_MS, killed_ms);
    assert_int_equal(s.rows[0].ended_ms, began_ms);
    assert_int_equal(s.rows[0].quality, 3);
    pair_free(pair);
}

static bool lose_answers(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)pair;
    (void)edge;
    return way == PAIR_UP || message->type != HF_FRAME_PROBED;
}

/* Told again until it is known to be kept; kept once. */
static void an_outage_whose_answer_was_lost_is_told_again_and_stands_once(void **state)
{
    (void)state;
    pair_world *pair = serving(1);
    cut_off(pair, 0);
    pair_crime(pair, 0, "Meanwhile");
    pair_wait(pair, MINUTE_MS);
    pair->tap = lose_answers;
    pair->nodes[0].offline = false;
    pair_wait(pair, 3 * SECOND_MS);
    assert_int_equal(look(pair->hub_node.store, NULL).count, 1);
    assert_false(look(pair->nodes[0].store, NULL).rows[0].told);
    pair->tap = NULL;
    pair_wait(pair, MINUTE_MS);
    assert_int_equal(look(pair->hub_node.store, NULL).count, 1);
    assert_true(look(pair->nodes[0].store, NULL).rows[0].told);
    pair_free(pair);
}

static void keep_outage(hf_store *store, uint64_t last_ms, size_t log_count)
{
    hf_buffer logs = {0};
    hf_outage outage = {
        .last_ms = last_ms, .noticed_ms = last_ms + 1, .ended_ms = last_ms + 2, .quality = 3};
    memcpy(outage.seer, hf_store_own_origin(store)->key_id, sizeof outage.seer);
    hf_write_array(&logs, log_count);
    for (size_t i = 0; i < log_count; i++) {
        hf_outage_log log = {.origin = hf_store_own_origin(store)->id, .lane = 3, .to = 1};
        hf_write_outage_log(&logs, &log);
    }
    outage.logs = hf_buffer_bytes(&logs);
    assert_int_equal(hf_outage_put(store, &outage), HF_OK);
    hf_buffer_free(&logs);
}

/* One that has no room in a PROBE waits for the next, and so do shorter ones behind it: an answer
 * is taken for all up to the last one that was told. */
static void a_long_outage_is_not_passed_over_for_a_short_one(void **state)
{
    (void)state;
    pair_world *pair = serving(1);
    for (uint64_t at = 1; at <= 3; at++) keep_outage(pair->nodes[0].store, at, at == 2 ? 60 : 1);
    pair_wait(pair, 2 * MINUTE_MS);
    seen here = look(pair->nodes[0].store, NULL), there = look(pair->hub_node.store, NULL);
    assert_int_equal(here.count, 3);
    for (size_t i = 0; i < here.count; i++) assert_true(here.rows[i].told);
    assert_int_equal(there.count, 3);
    pair_free(pair);
}

static hf_status say_outage(pair_world *pair, const hf_origin_id *origin)
{
    hf_buffer logs = {0}, items = {0}, raw = {0};
    hf_outage_log log = {.origin = *origin, .lane = 3, .from = 0, .to = 5};
    hf_write_array(&logs, 1);
    hf_write_outage_log(&logs, &log);
    hf_outage outage = {
        .last_ms = 1000, .noticed_ms = 2000, .ended_ms = 3000, .logs = hf_buffer_bytes(&logs)};
    hf_write_outage(&items, &outage);
    hf_message message = {.type = HF_FRAME_PROBE};
    message.as.probe = (hf_probe_frame){.number = 7, .outages = {hf_buffer_bytes(&items), 1}};
    hf_message_write(&raw, &message);
    hf_status status = pair_say(pair, 0, &raw);
    hf_buffer_free(&logs);
    hf_buffer_free(&items);
    hf_buffer_free(&raw);
    return status;
}

static void nobody_tells_of_anothers_log(void **state)
{
    (void)state;
    pair_world *pair = serving(2);
    hf_standing other;
    assert_int_equal(hf_store_standing(pair->nodes[1].store, &other), HF_OK);
    assert_int_equal(say_outage(pair, &other.origin), HF_OK); /* judged in the next turn */
    pair_run(pair);
    assert_true(pair->nodes[0].closed_by_hub);
    assert_int_equal(look(pair->hub_node.store, NULL).count, 0);
    pair_free(pair);
}

static void a_drill_refuses_its_unit_through_a_restart_and_ends_by_itself(void **state)
{
    (void)state;
    pair_world *pair = serving(2);
    uint64_t until_ms = pair_wall_ms(pair) + 10 * MINUTE_MS;
    assert_int_equal(hf_hub_drill(pair->hub, "Central", until_ms, pair_wall_ms(pair)), HF_OK);
    assert_int_equal(hf_hub_drill(pair->hub, "North", until_ms, pair_wall_ms(pair)), HF_ERR_BUSY);
    pair_wait(pair, 2 * MINUTE_MS);
    assert_true(status_of(pair, 0).cut_off);
    assert_true(status_of(pair, 1).drill);
    pair_crime(pair, 0, "Written in the drill");
    restart_hub(pair, true, MINUTE_MS);
    for (size_t i = 0; i < 2; i++) pair->nodes[i].offline = false;
    pair_wait(pair, 3 * MINUTE_MS);
    assert_true(status_of(pair, 0).cut_off);
    pair_wait(pair, 10 * MINUTE_MS);
    assert_false(status_of(pair, 0).cut_off);
    seen s = look(pair->hub_node.store, key_of(&pair->nodes[0]));
    assert_int_equal(s.count, 1);
    assert_int_equal(s.rows[0].reason, HF_OUTAGE_DRILL);
    assert_int_equal(s.waited[0], 1);
    pair_free(pair);
}

static void a_drill_can_be_ended_early_and_leaves_other_units_alone(void **state)
{
    (void)state;
    pair_world *pair = serving(1);
    uint64_t until_ms = pair_wall_ms(pair) + 60 * MINUTE_MS;
    assert_int_equal(hf_hub_drill(pair->hub, "North", until_ms, pair_wall_ms(pair)), HF_OK);
    pair_wait(pair, 2 * MINUTE_MS);
    assert_false(status_of(pair, 0).cut_off);
    assert_int_equal(hf_hub_drill(pair->hub, "", 0, pair_wall_ms(pair)), HF_OK);
    assert_int_equal(hf_hub_drill(pair->hub, "", 0, pair_wall_ms(pair)), HF_ERR_NOT_FOUND);
    until_ms = pair_wall_ms(pair) + 60 * MINUTE_MS;
    assert_int_equal(hf_hub_drill(pair->hub, "Central", until_ms, pair_wall_ms(pair)), HF_OK);
    pair_wait(pair, 2 * MINUTE_MS);
    assert_true(status_of(pair, 0).cut_off);
    assert_int_equal(hf_hub_drill(pair->hub, "", 0, pair_wall_ms(pair)), HF_OK);
    pair_wait(pair, 2 * MINUTE_MS);
    assert_false(status_of(pair, 0).cut_off);
    pair_free(pair);
}

static hf_status count_beat(void *context, const hf_beat *beat)
{
    hf_beat *last = context;
    assert_true(beat->position > last->position || last->position == 0);
    assert_true(beat->first_ms >= last->last_ms && beat->last_ms >= beat->first_ms);
    *last = *beat;
    return HF_OK;
}

/* When an entry came can be told later, to the second. */
static void beats_tell_when_the_feed_was_how_far(void **state)
{
    (void)state;
    pair_world *pair = serving(1);
    uint64_t wrote_ms = pair_wall_ms(pair), position, before;
    assert_int_equal(hf_beat_position(pair->hub_node.store, wrote_ms, &before), HF_OK);
    pair_crime(pair, 0, "At a known moment");
    pair_wait(pair, 20 * SECOND_MS);
    assert_int_equal(hf_beat_position(pair->hub_node.store, wrote_ms - SECOND_MS, &position),
                     HF_OK);
    assert_int_equal(position, before);
    assert_int_equal(hf_beat_position(pair->hub_node.store, wrote_ms + 2 * SECOND_MS, &position),
                     HF_OK);
    assert_int_equal(position, before + 1);
    hf_beat last = {.position = 0};
    assert_int_equal(hf_beat_each(pair->hub_node.store, 0, count_beat, &last), HF_OK);
    assert_in_range(last.last_ms, pair_wall_ms(pair) - HF_BEAT_EVERY_MS - SECOND_MS,
                    pair_wall_ms(pair));
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_device_saw_of_an_outage_reaches_the_hub),
        cmocka_unit_test(a_link_without_answers_is_an_outage),
        cmocka_unit_test(a_quiet_link_is_no_outage),
        cmocka_unit_test(an_outage_goes_on_through_a_restart_of_the_device),
        cmocka_unit_test(a_wrong_clock_dates_no_outage),
        cmocka_unit_test(a_hub_that_was_killed_knows_how_long_it_was_away),
        cmocka_unit_test(a_hub_that_beat_by_a_clock_far_ahead_dates_no_outage_in_the_future),
        cmocka_unit_test(a_hub_that_began_by_a_clock_far_behind_dates_its_absence_once_it_is_right),
        cmocka_unit_test(an_outage_whose_answer_was_lost_is_told_again_and_stands_once),
        cmocka_unit_test(a_long_outage_is_not_passed_over_for_a_short_one),
        cmocka_unit_test(nobody_tells_of_anothers_log),
        cmocka_unit_test(a_drill_refuses_its_unit_through_a_restart_and_ends_by_itself),
        cmocka_unit_test(a_drill_can_be_ended_early_and_leaves_other_units_alone),
        cmocka_unit_test(beats_tell_when_the_feed_was_how_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
