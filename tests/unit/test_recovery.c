/* test_recovery.c: an outage accounted for, to the entry, and what is said when it is not. */
#include "pair.h"

#include "hub/recovery.h"
#include "hub/sla.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS };

static pair_world *serving(size_t edges)
{
    pair_world *pair = pair_new(edges);
    assert_int_equal(hf_hub_begin(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_OK);
    pair_wait(pair, MINUTE_MS);
    (void)pair_scope(pair); /* as devices write while there is no hub to ask */
    return pair;
}

static void cut_off(pair_world *pair, size_t edge)
{
    pair->nodes[edge].offline = true;
    pair_cut(pair, edge);
}

static void hub_away(pair_world *pair, uint64_t away_ms)
{
    for (size_t i = 0; i < pair->edge_count; i++) cut_off(pair, i);
    pair_shut(pair, &pair->hub_node);
    sim_disk_revive(pair->hub_node.disk, true);
    pair_wait(pair, away_ms);
    pair_open(pair, &pair->hub_node);
    assert_int_equal(hf_hub_begin(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_OK);
}

static void back(pair_world *pair, size_t edge)
{
    pair->nodes[edge].offline = false;
    pair_wait(pair, HF_REDIAL_MAX_MS + MINUTE_MS);
}

typedef struct told {
    hf_episodes episodes;
    hf_recovery recovery;
} told;

static told account_at(pair_world *pair, size_t index)
{
    told t;
    hf_store *store = pair->hub_node.store;
    assert_int_equal(hf_episodes_read(store, pair->hub, 0, pair_wall_ms(pair), &t.episodes), HF_OK);
    assert_true(index < t.episodes.count);
    assert_int_equal(
        hf_recovery_compute(store, &t.episodes, index, pair_wall_ms(pair), &t.recovery), HF_OK);
    return t;
}

static void told_free(told *t)
{
    hf_recovery_free(&t->recovery);
    hf_episodes_free(&t->episodes);
}

static void every_entry_of_a_hubs_outage_is_accounted_for(void **state)
{
    (void)state;
    pair_world *pair = serving(3);
    pair_crime(pair, 0, "Before");
    pair_run(pair);
    for (size_t i = 0; i < 3; i++) cut_off(pair, i);
    for (int n = 0; n < 5; n++) pair_crime(pair, 0, "Meanwhile");
    for (int n = 0; n < 7; n++) pair_crime(pair, 1, "Meanwhile");
    pair_crime(pair, 2, "On a device that is not back");
    hub_away(pair, 10 * MINUTE_MS);
    back(pair, 0);
    back(pair, 1);
    told t = account_at(pair, 0);
    const hf_recovery *r = &t.recovery;
    assert_string_equal(r->fault, "");
    assert_int_equal(t.episodes.count, 1);
    assert_int_equal(r->episode.extent, HF_EXTENT_HUB);
    assert_in_range(r->episode.away_ms, 10 * MINUTE_MS, 12 * MINUTE_MS);
    assert_int_equal(r->entries, 12);
    assert_int_equal(r->told_entries, 12);
    assert_int_equal(r->here, 12);
    assert_int_equal(r->missing, 0);
    assert_int_equal(r->lanes[HF_LANE_CRIME].entries, 12);
    assert_int_equal(r->lanes[HF_LANE_CRIME].timed, 12);
    assert_in_range(r->lanes[HF_LANE_CRIME].max_ms, 10 * MINUTE_MS, 30 * MINUTE_MS);
    assert_true(r->lanes[HF_LANE_CRIME].p50_ms <= r->lanes[HF_LANE_CRIME].p95_ms);
    assert_int_equal(r->backlog_max, 12);
    assert_int_equal(r->backlog[HF_RECOVERY_POINTS - 1].waiting, 0);
    assert_int_equal(hf_tally_count(&r->types), 1);
    assert_string_equal(hf_tally_at(&r->types, 0)->name, "crime");
    assert_int_equal(r->noticed_count, 2);
    assert_int_equal(r->absent.size / sizeof(size_t), 1);
    told_free(&t);
    pair_free(pair);
}

/* An hour later than the rest, one device comes back: its entries are then in the same account. */
static void what_is_still_out_is_named_until_it_is_back(void **state)
{
    (void)state;
    pair_world *pair = serving(2);
    for (int n = 0; n < 4; n++) pair_crime(pair, 0, "On its way");
    hub_away(pair, 5 * MINUTE_MS);
    pair_crime(pair, 0, "Later, still cut off");
    back(pair, 1);
    told t = account_at(pair, 0);
    assert_int_equal(t.recovery.entries, 0);
    assert_int_equal(t.recovery.absent.size / sizeof(size_t), 1);
    told_free(&t);
    pair_wait(pair, 30 * MINUTE_MS);
    back(pair, 0);
    t = account_at(pair, 0);
    assert_string_equal(t.recovery.fault, "");
    assert_int_equal(t.recovery.entries, 5);
    assert_int_equal(t.recovery.here, 5);
    assert_int_equal(t.recovery.absent.size, 0);
    told_free(&t);
    pair_free(pair);
}

/* Too short for a device to notice: the entries' own times tell. */
static void a_short_outage_is_accounted_for_by_the_entries_times(void **state)
{
    (void)state;
    pair_world *pair = serving(1);
    cut_off(pair, 0);
    pair_shut(pair, &pair->hub_node);
    sim_disk_revive(pair->hub_node.disk, true);
    pair_wait(pair, 3 * SECOND_MS);
    pair_crime(pair, 0, "While it was away");
    pair_crime(pair, 0, "And another");
    pair_wait(pair, 3 * SECOND_MS);
    pair_open(pair, &pair->hub_node);
    assert_int_equal(hf_hub_begin(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_OK);
    pair->nodes[0].offline = false;
    pair_wait(pair, 20 * SECOND_MS);
    told t = account_at(pair, 0);
    assert_string_equal(t.recovery.fault, "");
    assert_int_equal(t.recovery.told_entries, 0);
    assert_int_equal(t.recovery.entries, 2);
    assert_int_equal(t.recovery.here, 2);
    told_free(&t);
    pair_free(pair);
}

static void a_unit_is_told_from_a_phone_in_a_cellar(void **state)
{
    (void)state;
    pair_world *pair = serving(4);
    cut_off(pair, 0);
    pair_wait(pair, 2 * MINUTE_MS);
    back(pair, 0);
    for (size_t i = 0; i < 3; i++) cut_off(pair, i);
    pair_crime(pair, 1, "In the station");
    pair_wait(pair, 5 * MINUTE_MS);
    for (size_t i = 0; i < 3; i++) back(pair, i);
    told t = account_at(pair, 1);
    assert_int_equal(t.episodes.count, 2);
    assert_int_equal(t.episodes.items[0].extent, HF_EXTENT_DEVICE);
    assert_int_equal(t.episodes.items[1].extent, HF_EXTENT_UNIT);
    assert_int_equal(t.episodes.items[1].seers, 3);
    assert_int_equal(t.episodes.items[1].away_ms, 0);
    assert_string_equal(t.episodes.items[1].unit, "Central");
    assert_int_equal(t.recovery.entries, 1);
    assert_int_equal(hf_episodes_find(&t.episodes, 0, false), 1);
    uint64_t first_ms = t.episodes.items[0].began_ms;
    assert_int_equal(hf_episodes_find(&t.episodes, first_ms, true), 0);
    assert_int_equal(hf_episodes_find(&t.episodes, first_ms, false), HF_NOBODY);
    told_free(&t);
    pair_free(pair);
}

static void a_drill_ends_in_a_report_that_says_so(void **state)
{
    (void)state;
    pair_world *pair = serving(2);
    uint64_t until_ms = pair_wall_ms(pair) + 10 * MINUTE_MS;
    assert_int_equal(hf_hub_drill(pair->hub, "Central", until_ms, pair_wall_ms(pair)), HF_OK);
    pair_wait(pair, MINUTE_MS);
    for (int n = 0; n < 3; n++) pair_crime(pair, 0, "In the drill");
    told t = account_at(pair, 0);
    assert_int_equal(t.recovery.episode.ended_ms, 0);
    told_free(&t);
    pair_wait(pair, 15 * MINUTE_MS);
    t = account_at(pair, 0);
    assert_true(t.recovery.episode.drill);
    assert_int_equal(t.episodes.count, 1);
    assert_int_equal(t.recovery.episode.seers, 2);
    assert_int_equal(t.recovery.entries, 3);
    assert_string_equal(t.recovery.fault, "");
    hf_sla sla;
    hf_sla_terms terms = hf_sla_terms_default(2019, 10);
    hf_sla_compute(&terms, NULL, 0, &sla);
    hf_recovery_view view = {&t.episodes, &t.recovery, "hub", &sla};
    hf_buffer page = {0};
    hf_recovery_page(&view, false, &page);
    hf_write_raw(&page, (hf_bytes){(const uint8_t *)"", 1});
    assert_int_equal(page.status, HF_OK);
    assert_non_null(strstr((const char *)page.data, "# Operational recovery: drill"));
    assert_non_null(strstr((const char *)page.data, "DRILL."));
    assert_non_null(strstr((const char *)page.data, "References given to records"));
    hf_buffer_free(&page);
    told_free(&t);
    pair_free(pair);
}

/* A withheld entry waited too: it is in the account, and said to be withheld. */
static void what_is_withheld_is_in_the_account(void **state)
{
    (void)state;
    pair_world *pair = serving(1);
    hf_standing standing;
    cut_off(pair, 0);
    pair_crime(pair, 0, "Good");
    pair_wait(pair, MINUTE_MS);
    back(pair, 0);
    assert_int_equal(hf_store_standing(pair->nodes[0].store, &standing), HF_OK);
    hf_batch *batch;
    hf_dot dot = {.origin = standing.origin, .lane = HF_LANE_CRIME, .seq = 1};
    assert_int_equal(hf_batch_begin_own(pair->hub_node.store, pair_wall_ms(pair), 1, &batch),
                     HF_OK);
    assert_int_equal(hf_batch_verdict(batch, &dot, pair_scope(pair), HF_REASON_OPERATOR,
                                      "looked at", pair_wall_ms(pair)),
                     HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    told t = account_at(pair, 0);
    assert_string_equal(t.recovery.fault, "");
    assert_int_equal(t.recovery.entries, 1);
    assert_int_equal(t.recovery.withheld, 1);
    assert_int_equal(t.recovery.counted, 0);
    told_free(&t);
    pair_free(pair);
}

static void versions_written_apart_are_counted_by_their_rule(void **state)
{
    (void)state;
    pair_world *pair = serving(2);
    hf_record_id record = pair_crime(pair, 0, "First");
    pair_run(pair);
    for (size_t i = 0; i < 2; i++) cut_off(pair, i);
    pair_set(pair, 0, &record, 27, "One thing");
    pair_set(pair, 1, &record, 27, "Another");
    hub_away(pair, 5 * MINUTE_MS);
    for (size_t i = 0; i < 2; i++) back(pair, i);
    told t = account_at(pair, 0);
    const hf_rule_recovery *rules = (const hf_rule_recovery *)(const void *)t.recovery.rules.data;
    assert_int_equal(t.recovery.rules.size / sizeof *rules, 1);
    assert_int_equal(rules[0].open, 1);
    assert_int_equal(rules[0].chosen + rules[0].settled, 0);
    assert_int_equal(t.recovery.records, 1);
    told_free(&t);
    pair_free(pair);
}

/* Names come from people: neither page may be written by one. */
static void a_name_cannot_write_the_page(void **state)
{
    (void)state;
    hf_episode episode = {.began_ms = 1571659200000,
                          .ended_ms = 1571659300000,
                          .extent = HF_EXTENT_UNIT,
                          .unit = "<script>x</script> [a](b) **c**"};
    hf_episodes episodes = {.items = &episode, .count = 1};
    hf_recovery recovery = {.episode = episode, .now_ms = 1571659400000};
    hf_sla sla;
    hf_sla_terms terms = hf_sla_terms_default(2019, 10);
    hf_sla_compute(&terms, NULL, 0, &sla);
    hf_recovery_view view = {&episodes, &recovery, "hub", &sla};
    for (int html = 0; html < 2; html++) {
        hf_buffer page = {0};
        hf_recovery_page(&view, html, &page);
        hf_write_raw(&page, (hf_bytes){(const uint8_t *)"", 1});
        assert_int_equal(page.status, HF_OK);
        const char *said = strstr((const char *)page.data, "script");
        assert_non_null(said);
        assert_memory_equal(said - (html ? 4 : 2), html ? "&lt;" : "\\<", html ? 4 : 2);
        if (!html) assert_null(strstr(said, "[a](b)"));
        hf_buffer_free(&page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_of_a_hubs_outage_is_accounted_for),
        cmocka_unit_test(what_is_still_out_is_named_until_it_is_back),
        cmocka_unit_test(a_short_outage_is_accounted_for_by_the_entries_times),
        cmocka_unit_test(a_unit_is_told_from_a_phone_in_a_cellar),
        cmocka_unit_test(a_drill_ends_in_a_report_that_says_so),
        cmocka_unit_test(what_is_withheld_is_in_the_account),
        cmocka_unit_test(versions_written_apart_are_counted_by_their_rule),
        cmocka_unit_test(a_name_cannot_write_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
