/* test_node.c: an edge and a hub, joined: what an officer is told, and when. */
#include "pair.h"

#include "sync/apply.h"
#include "sync/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static hf_link_state link_of(pair_world *pair, size_t edge)
{
    hf_edge_status status;
    hf_edge_status_get(pair->nodes[edge].edge, &status);
    return status.link;
}

static hf_standing standing_of(pair_world *pair, size_t edge)
{
    hf_standing standing;
    assert_int_equal(hf_store_standing(pair->nodes[edge].store, &standing), HF_OK);
    return standing;
}

static void what_one_writes_the_others_read(void **state)
{
    (void)state;
    pair_world *pair = pair_new(3);
    pair_run(pair);
    assert_int_equal(link_of(pair, 0), HF_LINK_IN_SYNC);
    hf_record_id record = pair_crime(pair, 0, "Shed broken into");
    pair_run(pair);
    assert_string_equal(pair_summary(pair->hub_node.store, &record), "Shed broken into");
    assert_string_equal(pair_summary(pair->nodes[1].store, &record), "Shed broken into");
    assert_string_equal(pair_summary(pair->nodes[2].store, &record), "Shed broken into");
    assert_int_equal(standing_of(pair, 0).waiting, 0);
    assert_true(pair_equal(pair));
    for (size_t i = 0; i < 3; i++) assert_int_equal(link_of(pair, i), HF_LINK_IN_SYNC);
    pair_free(pair);
}

static void a_shift_apart_comes_together(void **state)
{
    (void)state;
    pair_world *pair = pair_new(3);
    pair_run(pair);
    hf_record_id shared = pair_crime(pair, 0, "First");
    pair_run(pair);
    for (size_t i = 0; i < 3; i++) {
        pair->nodes[i].offline = true;
        pair_cut(pair, i);
    }
    for (int n = 0; n < 200; n++)
        for (size_t i = 0; i < 3; i++) pair_crime(pair, i, "Written in a cellar");
    for (size_t i = 0; i < 3; i++) pair_set(pair, i, &shared, 27, "Changed apart");
    pair_run(pair);
    assert_int_equal(standing_of(pair, 1).waiting, 201);
    for (size_t i = 0; i < 3; i++) pair->nodes[i].offline = false;
    pair_wait(pair, HF_REDIAL_MAX_MS);
    assert_true(pair_equal(pair));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(standing_of(pair, i).waiting, 0);
        assert_int_equal(link_of(pair, i), HF_LINK_IN_SYNC);
    }
    pair_free(pair);
}

/* A reconnect with nothing new costs the greeting and no entry: never a restart from zero. */
static void a_reconnect_resumes_and_sends_nothing_twice(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    for (int n = 0; n < 200; n++) pair_crime(pair, 0, "Before"); /* no new block of numbers yet */
    for (int again = 0; again < 2; again++) { /* the first one moves the writer past its own */
        pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
        pair_count_from_here(pair);
        pair_cut(pair, 1);
        pair_cut(pair, 0);
        pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    }
    assert_int_equal(link_of(pair, 1), HF_LINK_IN_SYNC);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_HELLO], 2);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_PUSH], 0);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_HEAD], 0);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_VECTOR], 0);
    assert_int_equal(pair->frames[PAIR_DOWN][HF_FRAME_FEED], 0);
    assert_int_equal(pair->frames[PAIR_DOWN][HF_FRAME_HEADS], 0);
    assert_true(pair->bytes[PAIR_UP] + pair->bytes[PAIR_DOWN] < 2 * 700);
    pair_free(pair);
}

static bool drop_feed(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)pair;
    (void)edge;
    if (way == PAIR_UP) return true;
    return message->type != HF_FRAME_FEED && message->type != HF_FRAME_HEADS; /* about the feed */
}

/* What comes down hangs; what goes up goes on and is acknowledged. */
static void a_stuck_download_never_stops_an_upload(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    uint64_t before = standing_of(pair, 0).entries;
    pair->tap = drop_feed;
    for (int n = 0; n < 50; n++) pair_crime(pair, 1, "Never arrives");
    for (int n = 0; n < 50; n++) pair_crime(pair, 0, "Goes up");
    pair_run(pair);
    assert_int_equal(standing_of(pair, 0).waiting, 0);
    assert_int_equal(standing_of(pair, 0).entries, before + 50); /* and nothing came */
    pair_free(pair);
}

/* Cut at every frame in turn: the cursor is never ahead of what is held, so nothing is ever
 * missing. */
static size_t cut_after;
static bool drop_after(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)pair;
    (void)edge;
    (void)way;
    (void)message;
    if (cut_after == 0) return false;
    cut_after--;
    return true;
}

static void a_link_cut_anywhere_loses_and_doubles_nothing(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < 24; cut++) {
        pair_world *pair = pair_new(2);
        pair_cut(pair, 0);
        pair_cut(pair, 1);
        for (int n = 0; n < 20; n++) pair_crime(pair, 0, "From the first");
        for (int n = 0; n < 20; n++) pair_crime(pair, 1, "From the second");
        pair->now_ms += HF_REDIAL_MIN_MS;
        cut_after = cut;
        pair->tap = drop_after;
        for (int steps = 0; steps < 30; steps++) pair_step(pair);
        pair_cut(pair, 0);
        pair_cut(pair, 1);
        pair->tap = NULL;
        pair_wait(pair, 10 * HF_REDIAL_MIN_MS);
        assert_true(pair_equal(pair));
        assert_int_equal(standing_of(pair, 0).waiting, 0);
        assert_int_equal(standing_of(pair, 0).entries, standing_of(pair, 1).entries);
        pair_free(pair);
    }
}

/* Power fails at the device at every file operation of taking in a feed. */
static void cursor_and_data_commit_together(void **state)
{
    (void)state;
    bool died = true;
    for (uint64_t call = 1; died; call += 3) {
        pair_world *pair = pair_new(2);
        pair_run(pair);
        pair->nodes[1].offline = true;
        pair_cut(pair, 1);
        hf_record_id first = pair_crime(pair, 0, "One");
        hf_record_id second = pair_crime(pair, 0, "Two");
        pair_run(pair);
        pair_node *node = &pair->nodes[1];
        node->offline = false;
        sim_disk_kill_at(node->disk, call);
        for (int steps = 0; steps < 3000 && !sim_disk_killed(node->disk); steps++) {
            /* The edge alone is turned here: its own failure is what is looked for. */
            pair->now_ms += 10;
            if (!node->peer && hf_edge_wants_link(node->edge, pair->now_ms)) {
                assert_int_equal(hf_hub_link_up(pair->hub, node->crypto.table.own_key_id,
                                                sim_crypto_validity(&node->crypto), pair->now_ms,
                                                &node->peer),
                                 HF_OK);
                hf_peer_set_context(node->peer, node);
                hf_edge_link_up(node->edge, NULL, pair->now_ms);
            }
            hf_bytes message;
            hf_status status = hf_edge_turn(node->edge, pair->now_ms, pair_wall_ms(pair));
            if (status != HF_OK || !node->peer) continue;
            while (hf_edge_send(node->edge, pair->now_ms, &message) == HF_OK && message.size)
                assert_int_equal(hf_hub_recv(pair->hub, node->peer, message, pair->now_ms), HF_OK);
            assert_int_equal(hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_OK);
            while (hf_hub_next_ready(pair->hub)) continue;
            do {
                assert_int_equal(hf_hub_send(pair->hub, node->peer, pair->now_ms, &message), HF_OK);
                if (message.size)
                    assert_int_equal(hf_edge_recv(node->edge, message, pair->now_ms), HF_OK);
            } while (message.size);
            if (link_of(pair, 1) == HF_LINK_IN_SYNC) break;
        }
        died = sim_disk_killed(node->disk);
        sim_disk_kill_at(node->disk, 0);
        pair_power_cut(pair, node);
        pair_wait(pair, 5 * HF_REDIAL_MIN_MS);
        assert_string_equal(pair_summary(node->store, &first), "One");
        assert_string_equal(pair_summary(node->store, &second), "Two");
        assert_true(pair_equal(pair));
        pair_free(pair);
    }
}

static bool lanes_rise(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)edge;
    uint8_t *last = pair->context;
    if (way == PAIR_UP && message->type == HF_FRAME_PUSH) {
        assert_true(message->as.push.lane >= *last);
        *last = message->as.push.lane;
    }
    return true;
}

static void note_in(pair_world *pair, uint32_t type)
{
    hf_store *store = pair->nodes[0].store;
    hf_author author = {.actor = "PC", .wall_ms = pair_wall_ms(pair), .quality = 3};
    hf_txn *txn;
    hf_record_id record;
    const uint8_t text[] = {0x62, 'h', 'i'};
    assert_int_equal(hf_txn_begin(store, &author, &txn), HF_OK);
    assert_int_equal(hf_txn_new_id(txn, type, &record), HF_OK);
    hf_change change = {
        .record = record, .scope = pair_scope(pair), .field = 1, .value = {text, sizeof text}};
    assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
}

/* Crimes (lane 3) were written first; notes (lane 2) go before them all the same. */
static void the_more_urgent_lane_goes_up_first(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    pair_run(pair);
    pair->nodes[0].offline = true;
    pair_cut(pair, 0);
    for (int n = 0; n < 600; n++) pair_crime(pair, 0, "Routine, and a lot of it");
    for (int n = 0; n < 5; n++) note_in(pair, 20);
    uint8_t last = 0;
    pair->context = &last;
    pair->tap = lanes_rise;
    pair->nodes[0].offline = false;
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    assert_int_equal(last, HF_LANE_CRIME);
    assert_int_equal(standing_of(pair, 0).waiting, 0);
    pair_free(pair);
}

/* ---- heads ---- */

static void every_tail_is_proved_at_every_replica(void **state)
{
    (void)state;
    pair_world *pair = pair_new(3);
    for (int n = 0; n < 30; n++)
        for (size_t i = 0; i < 3; i++) pair_crime(pair, i, "Signed for");
    pair_run(pair);
    pair_wait(pair, 2 * HF_HEAD_INTERVAL_MS);
    hf_verify_report report;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hf_store_verify(pair->nodes[i].store, &report), HF_OK);
        assert_string_equal(report.first_fault, "");
        assert_int_equal(report.faults, 0);
        assert_int_equal(report.heads, 3); /* the others' and the hub's; its own is at the hub */
    }
    assert_int_equal(hf_store_verify(pair->hub_node.store, &report), HF_OK);
    assert_int_equal(report.faults, 0);
    assert_int_equal(report.heads, 4);
    assert_int_equal(report.heads_unproved, 0);
    pair_free(pair);
}

/* ---- redialling ---- */

static void redials_spread_out_and_grow_to_a_cap(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_edge *edge = pair->nodes[0].edge;
    uint64_t most_ms = 0, total_ms = 0;
    for (int tries = 0; tries < 40; tries++) {
        hf_edge_link_down(edge, pair->now_ms);
        hf_edge_status now;
        hf_edge_status_get(edge, &now);
        uint64_t wait_ms = now.redial_at_ms - pair->now_ms;
        uint64_t bound_ms = (uint64_t)HF_REDIAL_MIN_MS << (tries < 16 ? tries : 16);
        if (bound_ms > HF_REDIAL_MAX_MS) bound_ms = HF_REDIAL_MAX_MS;
        assert_true(wait_ms <= bound_ms);
        if (wait_ms > most_ms) most_ms = wait_ms;
        total_ms += wait_ms;
        if (wait_ms) assert_false(hf_edge_wants_link(edge, pair->now_ms + wait_ms - 1));
        assert_true(hf_edge_wants_link(edge, pair->now_ms + wait_ms));
        pair->now_ms += wait_ms;
    }
    assert_true(most_ms > HF_REDIAL_MAX_MS / 2);
    assert_true(total_ms < 40ull * HF_REDIAL_MAX_MS * 3 / 4); /* jitter from zero on */
    pair_free(pair);
}

/* Nobody sleeps through the end of what was announced; and if it lasts longer, they try often. */
static void after_a_planned_outage_a_device_dials_at_once(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_edge *edge = pair->nodes[0].edge;
    for (int round = 0; round < 10; round++) {
        uint64_t until_ms = pair_wall_ms(pair) + 60 * HF_REDIAL_MAX_MS, wait_ms;
        hf_record_id id;
        hf_edge_status now;
        assert_int_equal(hf_hub_window(pair->hub, pair_wall_ms(pair), until_ms, "new disks",
                                       pair_wall_ms(pair), &id),
                         HF_OK);
        pair_run(pair);
        while (pair_wall_ms(pair) < until_ms) {
            hf_edge_link_down(edge, pair->now_ms);
            hf_edge_status_get(edge, &now);
            pair->now_ms = now.redial_at_ms;
        }
        assert_in_range(pair_wall_ms(pair), until_ms, until_ms + HF_WINDOW_SPREAD_MS);
        for (unsigned tries = 0; tries < 3; tries++) {
            hf_edge_link_down(edge, pair->now_ms);
            hf_edge_status_get(edge, &now);
            wait_ms = now.redial_at_ms - pair->now_ms;
            assert_true(wait_ms <= (uint64_t)HF_REDIAL_MIN_MS << tries);
        }
        pair_cut(pair, 0);
        pair_wait(pair, HF_REDIAL_MAX_MS);
    }
    pair_free(pair);
}

/* ---- clocks ---- */

/* Three years ahead, until the hub says what time it is; and after a restart still right. */
static void a_wrong_clock_is_corrected_and_stays_so(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    pair_node *node = &pair->nodes[0];
    uint64_t ahead_ms = 3ull * 365 * PAIR_WALL_MS_PER_DAY, true_ms;
    uint8_t quality;
    hf_edge_clock(node->edge, pair->now_ms, pair_wall_ms(pair) + ahead_ms, &true_ms, &quality);
    assert_int_equal(quality, 3);
    assert_true(true_ms + 5 >= pair_wall_ms(pair) && true_ms <= pair_wall_ms(pair) + 5);
    hf_edge_clock(node->edge, pair->now_ms + 25ull * 3600 * 1000, 17, &true_ms, &quality);
    assert_int_equal(quality, 2); /* a day old: and the wall clock was not asked */
    pair_shut(pair, node);
    pair_open(pair, node);
    node->offline = true;
    hf_edge_clock(node->edge, 5, pair_wall_ms(pair), &true_ms, &quality);
    assert_int_equal(quality, 3);
    hf_edge_clock(node->edge, 5, pair_wall_ms(pair) - PAIR_WALL_MS_PER_DAY, &true_ms, &quality);
    assert_int_equal(quality, 0); /* before the last sync: it was set back */
    pair_free(pair);
}

/* ---- a copied or restored device ---- */

static void a_restored_device_takes_its_own_entries_back(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_record_id early = pair_crime(pair, 0, "Early");
    pair_run(pair);
    pair_node *node = &pair->nodes[0];
    pair_shut(pair, node);
    sim_image *image = sim_disk_copy(node->disk, "\x01"); /* all files: the guard too */
    assert_non_null(image);
    pair_open(pair, node);
    hf_record_id late = pair_crime(pair, 0, "Late");
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    pair_shut(pair, node);
    assert_true(sim_disk_restore(node->disk, image));
    sim_image_free(image);
    pair_open(pair, node);
    assert_string_equal(pair_summary(node->store, &late), "");
    pair_wait(pair, 10 * HF_REDIAL_MIN_MS);
    assert_string_equal(pair_summary(node->store, &early), "Early");
    assert_string_equal(pair_summary(node->store, &late), "Late");
    hf_record_id next = pair_crime(pair, 0, "Next");
    pair_run(pair);
    assert_string_equal(pair_summary(pair->nodes[1].store, &next), "Next");
    assert_int_equal(link_of(pair, 0), HF_LINK_IN_SYNC);
    assert_true(pair_equal(pair));
    pair_free(pair);
}

/* Restored, and written to before it met the hub again: the same dot means two things. The hub's
 * stands; what the device wrote reaches everybody under its new name. */
static void fork_it(pair_world *pair, hf_record_id *lost, hf_record_id *mine)
{
    pair_node *node = &pair->nodes[0];
    pair_shut(pair, node);
    sim_image *image = sim_disk_copy(node->disk, "\x01");
    pair_open(pair, node);
    *lost = pair_crime(pair, 0, "Branch that the hub has");
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    pair_shut(pair, node);
    assert_true(sim_disk_restore(node->disk, image));
    sim_image_free(image);
    pair_open(pair, node);
    *mine = pair_crime(pair, 0, "Branch that only I have");
}

static void expect_both_branches(pair_world *pair, const hf_record_id *lost,
                                 const hf_record_id *mine)
{
    assert_string_equal(pair_summary(pair->hub_node.store, lost), "Branch that the hub has");
    assert_string_equal(pair_summary(pair->hub_node.store, mine), "Branch that only I have");
    assert_string_equal(pair_summary(pair->nodes[1].store, mine), "Branch that only I have");
    assert_int_equal(standing_of(pair, 0).waiting, 0);
    assert_int_equal(link_of(pair, 0), HF_LINK_IN_SYNC);
}

static void a_forked_device_writes_its_branch_again(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_record_id shared = pair_crime(pair, 0, "As it was"), lost, mine;
    pair_run(pair);
    fork_it(pair, &lost, &mine);
    pair_wait(pair, 10 * HF_REDIAL_MIN_MS);
    expect_both_branches(pair, &lost, &mine);
    assert_string_equal(pair_summary(pair->nodes[0].store, &shared), "As it was");
    pair_free(pair);
}

/* The branch that only the device has is the longer one: the hub cannot see the fork in HELLO
 * alone. */
static void a_longer_branch_is_written_again_too(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    (void)pair_crime(pair, 0, "As it was");
    pair_run(pair);
    hf_record_id lost, mine;
    fork_it(pair, &lost, &mine);
    hf_record_id more = pair_crime(pair, 0, "And one more");
    pair_wait(pair, 10 * HF_REDIAL_MIN_MS);
    expect_both_branches(pair, &lost, &mine);
    assert_string_equal(pair_summary(pair->nodes[1].store, &more), "And one more");
    pair_free(pair);
}

/* Power fails at any disk operation while the branch is written again: none of it is forgotten. */
static void a_branch_half_written_again_is_finished(void **state)
{
    (void)state;
    bool died = true;
    for (uint64_t call = 1; died; call += 5) {
        pair_world *pair = pair_new(2);
        pair_node *node = &pair->nodes[0];
        hf_record_id lost, mine;
        hf_bytes message;
        fork_it(pair, &lost, &mine);
        pair->now_ms += HF_REDIAL_MAX_MS;
        assert_int_equal(hf_hub_link_up(pair->hub, node->crypto.table.own_key_id,
                                        sim_crypto_validity(&node->crypto), pair->now_ms,
                                        &node->peer),
                         HF_OK);
        hf_peer_set_context(node->peer, node);
        hf_edge_link_up(node->edge, NULL, pair->now_ms);
        assert_int_equal(hf_edge_send(node->edge, pair->now_ms, &message), HF_OK);
        assert_int_equal(hf_hub_recv(pair->hub, node->peer, message, pair->now_ms), HF_OK);
        assert_int_equal(hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_OK);
        assert_int_equal(hf_hub_send(pair->hub, node->peer, pair->now_ms, &message), HF_OK);
        assert_int_equal(hf_edge_recv(node->edge, message, pair->now_ms), HF_OK);
        sim_disk_kill_at(node->disk, call); /* WELCOME says fork: the turn renews */
        hf_status status = hf_edge_turn(node->edge, pair->now_ms, pair_wall_ms(pair));
        died = sim_disk_killed(node->disk);
        assert_true(died || status == HF_OK);
        sim_disk_kill_at(node->disk, 0);
        pair_power_cut(pair, node);
        pair_wait(pair, 10 * HF_REDIAL_MIN_MS);
        expect_both_branches(pair, &lost, &mine);
        pair_free(pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_writes_the_others_read),
        cmocka_unit_test(a_shift_apart_comes_together),
        cmocka_unit_test(a_reconnect_resumes_and_sends_nothing_twice),
        cmocka_unit_test(a_stuck_download_never_stops_an_upload),
        cmocka_unit_test(a_link_cut_anywhere_loses_and_doubles_nothing),
        cmocka_unit_test(cursor_and_data_commit_together),
        cmocka_unit_test(the_more_urgent_lane_goes_up_first),
        cmocka_unit_test(every_tail_is_proved_at_every_replica),
        cmocka_unit_test(redials_spread_out_and_grow_to_a_cap),
        cmocka_unit_test(after_a_planned_outage_a_device_dials_at_once),
        cmocka_unit_test(a_wrong_clock_is_corrected_and_stays_so),
        cmocka_unit_test(a_restored_device_takes_its_own_entries_back),
        cmocka_unit_test(a_forked_device_writes_its_branch_again),
        cmocka_unit_test(a_longer_branch_is_written_again_too),
        cmocka_unit_test(a_branch_half_written_again_is_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
