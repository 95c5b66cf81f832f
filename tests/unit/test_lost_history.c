/* test_lost_history.c: a hub that lost what it had: what it had decided, and what devices had
 * brought.
 */
#include "pair.h"

#include "sync/control.h"
#include "sync/coverage.h"
#include "sync/outage.h"
#include "sync/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EVERYTHING_BACK_MS = 20 * HF_REDIAL_MIN_MS };

/* ---- a hub's disk, set back ---- */

static sim_image *image_of_hub(pair_world *pair, const char *except)
{
    pair_shut(pair, &pair->hub_node);
    sim_image *image = sim_disk_copy(pair->hub_node.disk, except);
    assert_non_null(image);
    pair_open(pair, &pair->hub_node);
    return image;
}

static void lose(pair_world *pair, const char *end)
{
    size_t *size;
    assert_non_null(sim_disk_rot(pair->hub_node.disk, end, &size));
    *size = 0;
}

/* The hub's files as they were then; those whose names end so are gone too, NULL: none. */
static void set_back(pair_world *pair, sim_image *image, const char *lost, const char *lost_too)
{
    pair_shut(pair, &pair->hub_node);
    assert_true(sim_disk_restore(pair->hub_node.disk, image));
    sim_image_free(image);
    if (lost) lose(pair, lost);
    if (lost_too) lose(pair, lost_too);
    pair_open(pair, &pair->hub_node);
}

static void revoke(pair_world *pair, const char *name)
{
    assert_int_equal(hf_hub_revoke(pair->hub, name, "Operator", "stolen", pair_wall_ms(pair)),
                     HF_OK);
}

static bool is_revoked(pair_world *pair, size_t edge)
{
    hf_device device;
    assert_int_equal(
        hf_device_by_key(pair->hub_node.store, pair->nodes[edge].crypto.table.own_key_id, &device),
        HF_OK);
    return device.revoked;
}

typedef struct identity {
    hf_origin_id origin;
    uint8_t epoch[16];
} identity;

static identity identity_of(const hf_store *store)
{
    identity is = {.origin = hf_store_own_origin(store)->id};
    memcpy(is.epoch, hf_store_epoch(store), sizeof is.epoch);
    return is;
}

static void expect_new_life(pair_world *pair, const identity *before)
{
    identity now = identity_of(pair->hub_node.store);
    assert_memory_not_equal(&now.origin, &before->origin, sizeof now.origin);
    assert_memory_not_equal(now.epoch, before->epoch, sizeof now.epoch);
    hf_verify_report report;
    assert_int_equal(hf_store_verify(pair->hub_node.store, &report), HF_OK);
    assert_string_equal(report.first_fault, "");
}

/* ---- what it had decided ---- */

/* Whichever of its files were put back: what stands beside the store is of now. */
static void a_revoked_device_is_not_let_in_again_by_a_restore(void **state)
{
    (void)state;
    for (int guard = 0; guard < 2; guard++) {
        pair_world *pair = pair_new(2);
        sim_image *image = image_of_hub(pair, ".fence");
        revoke(pair, "edge1");
        pair_run(pair);
        identity before = identity_of(pair->hub_node.store);
        set_back(pair, image, guard ? NULL : ".guard", NULL);
        assert_true(is_revoked(pair, 1));
        assert_false(is_revoked(pair, 0));
        assert_false(hf_store_control_waits(pair->hub_node.store));
        expect_new_life(pair, &before);
        pair_free(pair);
    }
}

static void without_a_second_record_of_its_decisions_a_hub_says_so(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    sim_image *image = image_of_hub(pair, "\x01");
    revoke(pair, "edge1");
    identity before = identity_of(pair->hub_node.store);
    set_back(pair, image, ".guard", ".fence");
    expect_new_life(pair, &before);
    for (int openings = 0; openings < 2; openings++) { /* to start it again changes nothing */
        assert_true(hf_store_control_waits(pair->hub_node.store));
        pair_shut(pair, &pair->hub_node);
        pair_open(pair, &pair->hub_node);
    }
    assert_int_equal(hf_store_control_accept(pair->hub_node.store), HF_OK);
    pair_shut(pair, &pair->hub_node);
    pair_open(pair, &pair->hub_node);
    assert_false(hf_store_control_waits(pair->hub_node.store));
    pair_free(pair);
}

/* Set back once more while it waits, beside a file that lacks nothing since: that says nothing of
 * what was lost before. */
static void a_hub_that_waits_goes_on_waiting_when_it_is_set_back_again(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    sim_image *image = image_of_hub(pair, "\x01");
    revoke(pair, "edge1");
    set_back(pair, image, ".guard", ".fence");
    assert_true(hf_store_control_waits(pair->hub_node.store));
    image = image_of_hub(pair, ".fence");
    pair_run(pair);
    identity before = identity_of(pair->hub_node.store);
    set_back(pair, image, ".guard", NULL);
    expect_new_life(pair, &before);
    assert_true(hf_store_control_waits(pair->hub_node.store));
    pair_free(pair);
}

/* What stands beside it is of an earlier day than the store that is put back. */
static void an_older_record_of_its_decisions_is_not_taken_for_all_of_them(void **state)
{
    (void)state;
    pair_world *pair = pair_new(3);
    sim_image *early = image_of_hub(pair, ".db");
    revoke(pair, "edge1");
    pair_shut(pair, &pair->hub_node);
    assert_true(sim_disk_restore(pair->hub_node.disk, early));
    sim_image_free(early);
    lose(pair, ".guard");
    pair_open(pair, &pair->hub_node);
    assert_true(hf_store_control_waits(pair->hub_node.store));
    assert_true(is_revoked(pair, 1));
    pair_free(pair);
}

/* Power fails at any disk operation while a device is revoked and the hub starts again: once it was
 * said to be done, no older store undoes it. */
static void what_was_decided_is_on_disk_twice_or_is_said_to_be_missing(void **state)
{
    (void)state;
    bool died = true;
    for (uint64_t call = 1; died; call++) {
        pair_world *pair = pair_new(2);
        sim_image *image = image_of_hub(pair, ".fence");
        sim_disk_kill_at(pair->hub_node.disk, call);
        hf_status status =
            hf_hub_revoke(pair->hub, "edge1", "Operator", "stolen", pair_wall_ms(pair));
        died = sim_disk_killed(pair->hub_node.disk);
        sim_disk_kill_at(pair->hub_node.disk, 0);
        pair_power_cut(pair, &pair->hub_node); /* ... and starts, which adds what is missing */
        if (status == HF_OK) assert_true(is_revoked(pair, 1));
        set_back(pair, image, ".guard", NULL);
        if (status == HF_OK) assert_true(is_revoked(pair, 1));
        pair_free(pair);
        assert_true(call < 1000);
    }
}

/* ---- what devices had brought ---- */

static hf_standing standing_of(pair_world *pair, size_t edge)
{
    hf_standing standing;
    assert_int_equal(hf_store_standing(pair->nodes[edge].store, &standing), HF_OK);
    return standing;
}

static void expect_summary(pair_world *pair, const pair_node *node, const hf_record_id *record,
                           const char *text)
{
    (void)pair;
    assert_string_equal(pair_summary(node->store, record), text);
}

typedef struct watch { /* what a tap saw */
    uint64_t waiting;  /* the most that edge0 said waits */
    size_t lacks, entries;
    uint32_t deny_scope; /* LACKs of this scope do not arrive; 0: all do */
    bool hold;           /* a REFILL is kept and not delivered */
    hf_buffer held;
} watch;

/* Receipts fall back when the hub says what it holds, before anything is sent again. */
static bool see(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    watch *w = pair->context;
    hf_standing standing = standing_of(pair, 0);
    if (edge == 0 && standing.waiting > w->waiting) w->waiting = standing.waiting;
    if (way == PAIR_DOWN && message->type == HF_FRAME_LACK) w->lacks++;
    if (way == PAIR_DOWN && message->type == HF_FRAME_ENTRIES) w->entries++;
    if (way == PAIR_DOWN && message->type == HF_FRAME_FEED) w->entries++;
    if (w->hold && message->type == HF_FRAME_REFILL) {
        hf_buffer_clear(&w->held);
        hf_message_write(&w->held, message);
        return false;
    }
    return !(message->type == HF_FRAME_LACK && message->as.lack.scope == w->deny_scope);
}

static void expect_whole(pair_world *pair)
{
    hf_verify_report report;
    assert_true(pair_equal(pair));
    assert_int_equal(hf_store_verify(pair->hub_node.store, &report), HF_OK);
    assert_string_equal(report.first_fault, "");
}

static hf_status count_missing(void *context, const hf_missing *missing)
{
    size_t *count = context;
    if (!missing->declared) *count += missing->last - missing->first + 1;
    return HF_OK;
}

static size_t missing_count(pair_world *pair)
{
    size_t count = 0;
    assert_int_equal(hf_coverage_missing(pair->hub_node.store, count_missing, &count), HF_OK);
    return count;
}

/* Nobody told anyone that the hub lost something: neither its guard nor an operator. */
static void what_a_hub_lost_comes_back_by_itself_and_receipts_fall_back_meanwhile(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    watch w = {.waiting = 0};
    hf_record_id records[30];
    sim_image *image = image_of_hub(pair, "\x01");
    pair_wait(pair, EVERYTHING_BACK_MS);
    for (int i = 0; i < 30; i++) records[i] = pair_crime(pair, 0, "Lost at the hub");
    pair_run(pair);
    assert_int_equal(standing_of(pair, 0).waiting, 0);
    set_back(pair, image, NULL, NULL);
    expect_summary(pair, &pair->hub_node, &records[0], "");
    pair->tap = see;
    pair->context = &w;
    pair->nodes[1].offline = true; /* it would bring them too */
    pair_wait(pair, EVERYTHING_BACK_MS);
    pair->nodes[1].offline = false;
    assert_int_equal(w.waiting, 30);
    assert_int_equal(standing_of(pair, 0).waiting, 0);
    for (int i = 0; i < 30; i++)
        expect_summary(pair, &pair->hub_node, &records[i], "Lost at the hub");
    pair_wait(pair, EVERYTHING_BACK_MS);
    hf_record_id next = pair_crime(pair, 1, "And on it goes");
    pair_run(pair);
    expect_summary(pair, &pair->nodes[0], &next, "And on it goes");
    expect_whole(pair);
    pair_free(pair);
}

static hf_status count_waited(void *context, const hf_outage *outage)
{
    size_t logs;
    hf_outage_log log;
    uint64_t *waited = context;
    hf_reader reader = hf_outage_logs(outage->logs, &logs);
    while (logs-- > 0 && hf_outage_next_log(&reader, &log)) *waited += log.to - log.from;
    return HF_OK;
}

static uint64_t waited_at_hub(pair_world *pair)
{
    uint64_t waited = 0;
    const uint8_t *seer = pair->nodes[0].crypto.table.own_key_id;
    assert_int_equal(hf_outage_each(pair->hub_node.store, seer, 0, count_waited, &waited), HF_OK);
    return waited;
}

static void what_a_hub_was_told_of_an_outage_and_lost_is_told_again(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    sim_image *image = image_of_hub(pair, "\x01");
    pair_wait(pair, EVERYTHING_BACK_MS);
    pair->nodes[0].offline = true;
    pair_cut(pair, 0);
    for (int i = 0; i < 3; i++) pair_crime(pair, 0, "Had to wait");
    pair_wait(pair, EVERYTHING_BACK_MS);
    pair->nodes[0].offline = false;
    pair_wait(pair, EVERYTHING_BACK_MS);
    assert_int_equal(waited_at_hub(pair), 3);
    set_back(pair, image, NULL, NULL);
    assert_int_equal(waited_at_hub(pair), 0);
    pair_wait(pair, EVERYTHING_BACK_MS);
    assert_int_equal(waited_at_hub(pair), 3);
    pair_free(pair);
}

static uint64_t outages_at_hub(pair_world *pair)
{
    uint64_t count = 0;
    const uint8_t *seer = pair->nodes[0].crypto.table.own_key_id;
    assert_int_equal(hf_outage_told_count(pair->hub_node.store, seer, &count), HF_OK);
    return count;
}

/* Nothing else came between: its place in the feed stands, and the hub holds what it held. */
static void an_outage_is_told_again_where_a_hub_lost_nothing_but_that(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    pair_wait(pair, EVERYTHING_BACK_MS);
    sim_image *image = image_of_hub(pair, "\x01");
    uint64_t before = outages_at_hub(pair);
    pair->nodes[0].offline = true;
    pair_cut(pair, 0);
    pair_wait(pair, EVERYTHING_BACK_MS);
    pair->nodes[0].offline = false;
    pair_wait(pair, EVERYTHING_BACK_MS);
    uint64_t told = outages_at_hub(pair);
    assert_true(told > before);
    set_back(pair, image, NULL, NULL);
    assert_int_equal(outages_at_hub(pair), before);
    pair_wait(pair, EVERYTHING_BACK_MS);
    assert_true(outages_at_hub(pair) >= told);
    pair_free(pair);
}

/* Its author never comes back. */
static void what_a_lost_device_wrote_comes_back_from_others(void **state)
{
    (void)state;
    pair_world *pair = pair_new(3);
    hf_record_id records[700]; /* more than one frame holds */
    sim_image *image = image_of_hub(pair, "\x01");
    pair_wait(pair, EVERYTHING_BACK_MS);
    for (int i = 0; i < 700; i++) records[i] = pair_crime(pair, 0, "Written by a lost device");
    pair_wait(pair, EVERYTHING_BACK_MS); /* its last head has gone round */
    pair_shut(pair, &pair->nodes[0]);
    pair->nodes[0].offline = true;
    pair_count_from_here(pair);
    set_back(pair, image, NULL, NULL);
    pair_wait(pair, EVERYTHING_BACK_MS);
    for (int i = 0; i < 700; i++)
        expect_summary(pair, &pair->hub_node, &records[i], "Written by a lost device");
    assert_true(pair->frames[PAIR_UP][HF_FRAME_REFILL] >= 2);
    assert_true(pair->frames[PAIR_UP][HF_FRAME_REFILL] <= 4); /* not by both of them */
    assert_int_equal(missing_count(pair), 0);
    expect_whole(pair);
    pair_free(pair);
}

/* One byte of an entry is another: its author's signature does not cover it. */
static void what_a_device_brings_of_others_is_believed_by_their_signature_alone(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    watch w = {.hold = true};
    sim_image *image = image_of_hub(pair, "\x01");
    pair_wait(pair, EVERYTHING_BACK_MS);
    hf_record_id record = pair_crime(pair, 0, "As it was written");
    pair_wait(pair, EVERYTHING_BACK_MS);
    pair->nodes[0].offline = true;
    set_back(pair, image, NULL, NULL);
    pair->tap = see;
    pair->context = &w;
    pair_cut(pair, 0);
    pair_wait(pair, EVERYTHING_BACK_MS);
    assert_true(w.held.size > 0);
    uint8_t *at = memmem(w.held.data, w.held.size, "As it was", 9);
    assert_non_null(at);
    at[0] = 'O';
    assert_int_equal(pair_say(pair, 1, &w.held), HF_OK);
    pair->tap = NULL;
    pair_run(pair);
    expect_summary(pair, &pair->hub_node, &record, "");
    at[0] = 'A'; /* and as it was, the same frame is out of turn now: it was asked for once */
    assert_int_equal(pair_say(pair, 1, &w.held), HF_OK);
    pair_run(pair);
    expect_summary(pair, &pair->hub_node, &record, "");
    pair->nodes[0].offline = false;
    pair_wait(pair, EVERYTHING_BACK_MS);
    expect_summary(pair, &pair->hub_node, &record, "As it was written");
    expect_whole(pair);
    hf_buffer_free(&w.held);
    pair_free(pair);
}

/* Others brought back what was in one scope, and later in the log than what was in another. Their
 * author may not be told that all of it is there. */
static void a_log_that_came_back_with_gaps_is_not_acknowledged_past_them(void **state)
{
    (void)state;
    static const char *const SCOPES[] = {"beat", "custody"};
    pair_world *pair =
        pair_new_with(&(pair_options){.edge_count = 2, .scopes = SCOPES, .scope_count = 2});
    uint32_t custody = 0;
    assert_int_equal(hf_scope_by_name(pair->hub_node.store, "custody", &custody), HF_OK);
    watch w = {.deny_scope = custody};
    sim_image *image = image_of_hub(pair, "\x01");
    pair_wait(pair, EVERYTHING_BACK_MS);
    hf_record_id first = pair_crime_in(pair, 0, custody, "In one scope");
    hf_record_id second = pair_crime(pair, 0, "In another");
    pair_wait(pair, EVERYTHING_BACK_MS);
    pair->nodes[0].offline = true;
    set_back(pair, image, NULL, NULL);
    pair->tap = see;
    pair->context = &w;
    pair_cut(pair, 0);
    pair_wait(pair, EVERYTHING_BACK_MS);
    expect_summary(pair, &pair->hub_node, &second, "In another");
    expect_summary(pair, &pair->hub_node, &first, "");
    assert_int_equal(missing_count(pair), 1);
    w.waiting = 0;
    pair->nodes[0].offline = false;
    pair_wait(pair, EVERYTHING_BACK_MS);
    assert_int_equal(w.waiting, 2);
    assert_int_equal(standing_of(pair, 0).waiting, 0);
    expect_summary(pair, &pair->hub_node, &first, "In one scope");
    assert_int_equal(missing_count(pair), 0);
    expect_whole(pair);
    pair_free(pair);
}

/* ---- until it knows whom it revoked ---- */

static void
a_hub_that_does_not_know_whom_it_revoked_takes_uploads_and_hands_out_nothing(void **state)
{
    (void)state;
    pair_world *pair = pair_new(3);
    watch w = {.waiting = 0};
    sim_image *image = image_of_hub(pair, "\x01");
    pair_wait(pair, EVERYTHING_BACK_MS);
    revoke(pair, "edge1");
    pair_wait(pair, EVERYTHING_BACK_MS);
    hf_record_id theirs = pair_crime(pair, 2, "Before it was lost");
    pair_wait(pair, EVERYTHING_BACK_MS);
    pair_shut(pair, &pair->nodes[2]);
    pair->nodes[2].offline = true;
    set_back(pair, image, ".guard", ".fence");
    assert_true(hf_hub_uploads_only(pair->hub));
    assert_false(is_revoked(pair, 1));
    pair->nodes[1].offline = true; /* for now: the honest device comes first */
    pair->tap = see;
    pair->context = &w;
    hf_record_id mine = pair_crime(pair, 0, "Written meanwhile");
    pair_wait(pair, EVERYTHING_BACK_MS);
    expect_summary(pair, &pair->hub_node, &mine, "Written meanwhile");
    expect_summary(pair, &pair->hub_node, &theirs, "Before it was lost");
    assert_int_equal(w.entries, 0);
    assert_true(is_revoked(pair, 1)); /* a device brought the notice */
    pair->nodes[1].offline = false;
    pair_wait(pair, EVERYTHING_BACK_MS);
    assert_null(pair->nodes[1].peer);
    assert_int_equal(hf_hub_accept_control_loss(pair->hub, "Operator", "no other was revoked",
                                                pair_wall_ms(pair)),
                     HF_OK);
    pair->nodes[2].offline = false;
    pair_open(pair, &pair->nodes[2]);
    pair_wait(pair, EVERYTHING_BACK_MS);
    expect_summary(pair, &pair->nodes[2], &mine, "Written meanwhile");
    assert_null(pair->nodes[1].peer);
    pair_free(pair);
}

/* ---- what nobody has ---- */

static void
what_nobody_has_is_listed_until_it_is_declared_lost_and_taken_should_it_turn_up(void **state)
{
    (void)state;
    static const char *const SCOPES[] = {"beat", "custody"};
    pair_world *pair =
        pair_new_with(&(pair_options){.edge_count = 2, .scopes = SCOPES, .scope_count = 2});
    uint32_t custody = 0;
    assert_int_equal(hf_scope_by_name(pair->hub_node.store, "custody", &custody), HF_OK);
    watch w = {.deny_scope = custody};
    sim_image *image = image_of_hub(pair, "\x01");
    pair_wait(pair, EVERYTHING_BACK_MS);
    hf_record_id first = pair_crime_in(pair, 0, custody, "Nobody has it");
    (void)pair_crime(pair, 0, "Others have it");
    pair_wait(pair, EVERYTHING_BACK_MS);
    hf_dot dot = {.origin = hf_store_own_origin(pair->nodes[0].store)->id, .lane = 3, .seq = 1};
    pair->nodes[0].offline = true;
    set_back(pair, image, NULL, NULL);
    pair->tap = see;
    pair->context = &w;
    pair_cut(pair, 0);
    pair_wait(pair, EVERYTHING_BACK_MS);
    assert_int_equal(missing_count(pair), 1);
    assert_int_equal(hf_hub_declare_lost(pair->hub, &dot, 1, "Operator", "burnt with its station",
                                         pair_wall_ms(pair)),
                     HF_OK);
    assert_int_equal(missing_count(pair), 0);
    pair_power_cut(pair, &pair->hub_node);
    assert_int_equal(missing_count(pair), 0); /* it was durable */
    uint64_t dense = 0;
    const hf_origin_row *row = hf_origin_by_id(pair->hub_node.store, &dot.origin);
    assert_int_equal(hf_log_dense(pair->hub_node.store, row->no, dot.lane, &dense), HF_OK);
    assert_int_equal(dense, 2); /* nothing waits for it */
    w.deny_scope = 0;
    pair_wait(pair, EVERYTHING_BACK_MS);
    pair_cut(pair, 1);
    pair_wait(pair, EVERYTHING_BACK_MS);
    expect_summary(pair, &pair->hub_node, &first, "Nobody has it");
    expect_whole(pair);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_revoked_device_is_not_let_in_again_by_a_restore),
        cmocka_unit_test(without_a_second_record_of_its_decisions_a_hub_says_so),
        cmocka_unit_test(a_hub_that_waits_goes_on_waiting_when_it_is_set_back_again),
        cmocka_unit_test(an_older_record_of_its_decisions_is_not_taken_for_all_of_them),
        cmocka_unit_test(what_was_decided_is_on_disk_twice_or_is_said_to_be_missing),
        cmocka_unit_test(what_a_hub_lost_comes_back_by_itself_and_receipts_fall_back_meanwhile),
        cmocka_unit_test(what_a_hub_was_told_of_an_outage_and_lost_is_told_again),
        cmocka_unit_test(an_outage_is_told_again_where_a_hub_lost_nothing_but_that),
        cmocka_unit_test(what_a_lost_device_wrote_comes_back_from_others),
        cmocka_unit_test(what_a_device_brings_of_others_is_believed_by_their_signature_alone),
        cmocka_unit_test(a_log_that_came_back_with_gaps_is_not_acknowledged_past_them),
        cmocka_unit_test(
            a_hub_that_does_not_know_whom_it_revoked_takes_uploads_and_hands_out_nothing),
        cmocka_unit_test(
            what_nobody_has_is_listed_until_it_is_declared_lost_and_taken_should_it_turn_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
