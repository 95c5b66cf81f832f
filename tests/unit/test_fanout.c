/* test_fanout.c: which entries reach which device, by the feed and by vectors, and how fast. */
#include "pair.h"

#include "hub/peer.h"
#include "sync/apply.h"
#include "sync/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CRIME = 16 };

static hf_standing edge_standing(pair_world *pair, size_t edge)
{
    hf_standing standing;
    assert_int_equal(hf_store_standing(pair->nodes[edge].store, &standing), HF_OK);
    return standing;
}

/* ---- the feed ---- */

/* The first few pass, so that the hub has seen how fast the link is. */
static bool drop_feed_acks(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)edge;
    if (way == PAIR_DOWN || message->type != HF_FRAME_FEED_ACK) return true;
    return edge_standing(pair, 1).entries < 60;
}

/* A device that says no more that it has stored what it got gets a window's worth and no more. */
static void the_feed_stops_at_its_window(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    char text[2001];
    memset(text, 'x', sizeof text);
    text[2000] = 0;
    pair->nodes[1].offline = true;
    pair_cut(pair, 1);
    for (int n = 0; n < 900; n++) pair_crime(pair, 0, text); /* 1.8 MB */
    pair_wait(pair, 1000);
    pair_count_from_here(pair);
    pair->tap = drop_feed_acks;
    pair->nodes[1].offline = false;
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    uint64_t entries = edge_standing(pair, 1).entries;
    assert_true(entries > 300 && entries < 600);
    pair->tap = NULL;
    pair_cut(pair, 1);
    pair_wait(pair, 5 * HF_REDIAL_MIN_MS);
    assert_true(edge_standing(pair, 1).entries > 900);
    assert_true(pair_equal(pair));
    pair_free(pair);
}

/* Its cursor is into a feed that the hub does not know: another life of it. */
static void lose_place(pair_world *pair, hf_store *store)
{
    hf_cursor cursor;
    bool found;
    hf_batch *batch;
    const hf_origin_id *hub = &hf_store_own_origin(pair->hub_node.store)->id;
    assert_int_equal(hf_cursor_get(store, hub, &cursor, &found), HF_OK);
    assert_true(found);
    cursor.epoch[0] ^= 1;
    assert_int_equal(hf_batch_begin(store, pair_wall_ms(pair), &batch), HF_OK);
    assert_int_equal(hf_batch_cursor(batch, &cursor), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

static bool drop_taken(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)pair;
    (void)edge;
    return way == PAIR_DOWN || message->type != HF_FRAME_TAKEN;
}

/* By vectors too: one that does not say what it has taken gets no more than an unknown link may. */
static void what_is_lacking_waits_for_the_link(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    pair->nodes[1].offline = true;
    pair_cut(pair, 1);
    for (int n = 0; n < 700; n++) pair_crime(pair, 0, "While it was away");
    pair_run(pair);
    lose_place(pair, pair->nodes[1].store);
    pair->nodes[1].offline = false;
    pair_count_from_here(pair);
    pair->tap = drop_taken;
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    size_t sent = pair->frames[PAIR_DOWN][HF_FRAME_ENTRIES];
    assert_true(sent > 1 && edge_standing(pair, 1).entries < 200);
    pair_wait(pair, HF_PACE_PATIENCE_MS / 2);
    assert_int_equal(pair->frames[PAIR_DOWN][HF_FRAME_ENTRIES], sent);
    pair->tap = NULL;
    pair_wait(pair, HF_PACE_PATIENCE_MS);
    assert_true(pair_equal(pair));
    pair_free(pair);
}

/* The vector road: more logs and entries than one frame, holes among them, then live again. */
static void a_device_that_cannot_resume_gets_what_it_lacks(void **state)
{
    (void)state;
    pair_world *pair = pair_new(3);
    uint32_t beat = pair_scope(pair);
    for (int n = 0; n < 40; n++) pair_crime(pair, 0, "Before");
    pair_run(pair);
    pair->nodes[2].offline = true;
    pair_cut(pair, 2);
    for (int n = 0; n < 700; n++) pair_crime(pair, 0, "While it was away");
    pair_run(pair);
    pair_forged hole = {.seq = 1, .scope = beat, .type = 3, .lane = HF_LANE_CRIME};
    assert_int_equal(pair_forge(pair, 1, &hole, 1), HF_OK);
    assert_int_equal(hf_hub_turn(pair->hub, ++pair->now_ms, pair_wall_ms(pair)), HF_OK);
    pair_cut(pair, 1);
    pair->nodes[1].offline = true;
    pair_run(pair);
    hf_store *store = pair->nodes[2].store;
    lose_place(pair, store);
    pair->nodes[2].offline = false;
    pair_count_from_here(pair);
    pair_wait(pair, 3 * HF_REDIAL_MIN_MS);
    assert_true(pair->frames[PAIR_UP][HF_FRAME_VECTOR] >= 3);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_START], 1);
    assert_int_equal(pair->frames[PAIR_DOWN][HF_FRAME_FEED], 0); /* nothing comes twice */
    uint8_t at_hub[HF_HASH_SIZE], at_edge[HF_HASH_SIZE];
    assert_int_equal(hf_store_digest(pair->hub_node.store, beat, at_hub), HF_OK);
    assert_int_equal(hf_store_digest(store, beat, at_edge), HF_OK);
    assert_memory_equal(at_hub, at_edge, HF_HASH_SIZE);
    hf_record_id live = pair_crime(pair, 0, "Live again");
    pair_run(pair);
    assert_string_equal(pair_summary(store, &live), "Live again");
    pair_free(pair);
}

/* A hub with two devices that share no scope; the second one. */
static pair_node *pair_with_a_stranger(pair_world **out)
{
    pair_world *pair = *out = pair_new(1);
    pair_node *other = &pair->nodes[1];
    const char *scopes[] = {"elsewhere"};
    snprintf(other->name, sizeof other->name, "other");
    other->disk = sim_disk_new("other", 9);
    sim_crypto_init(&other->crypto, 43, "other", false);
    assert_int_equal(
        hf_hub_register(pair->hub, other->crypto.table.own_key_id,
                        &(hf_registration){.name = "other",
                                           .force = "Wilts",
                                           .unit = "West",
                                           .scopes = scopes,
                                           .scope_count = 1,
                                           .certificate = other->crypto.table.own_certificate},
                        pair_wall_ms(pair)),
        HF_OK);
    pair_open(pair, other);
    pair->edge_count = 2;
    pair_run(pair);
    return other;
}

/* Entries of a scope that a device does not hold never reach it, by either road. */
static void nothing_outside_its_grants_reaches_a_device(void **state)
{
    (void)state;
    pair_world *pair;
    (void)pair_with_a_stranger(&pair);
    uint64_t before = edge_standing(pair, 1).entries;
    for (int n = 0; n < 1200; n++) pair_crime(pair, 0, "Not for them");
    pair_run(pair);
    assert_int_equal(edge_standing(pair, 1).entries, before);
    pair_cut(pair, 1);
    pair_count_from_here(pair);
    pair_wait(pair, 3 * HF_REDIAL_MIN_MS);
    assert_int_equal(edge_standing(pair, 1).entries, before);
    assert_true(pair->bytes[PAIR_DOWN] < 1000); /* and the way past it was not walked in frames */
    pair_free(pair);
}

/* With ten thousand devices there, what one writes must not make the hub look for all the others.
 */
static void what_does_not_concern_a_device_costs_it_no_turn(void **state)
{
    (void)state;
    pair_world *pair;
    const hf_peer *other = pair_with_a_stranger(&pair)->peer;
    pair_wait(pair, HF_HEAD_INTERVAL_MS + 1); /* the hub's own head is for all */
    uint64_t served = other->budget_turn, heads = pair->hub->heads_taken;
    pair_crime(pair, 0, "Not for them");
    pair_run(pair);
    pair_wait(pair, HF_HEAD_INTERVAL_MS + 1);
    assert_true(pair->hub->heads_taken > heads); /* a signed head of it came too */
    assert_int_equal(other->budget_turn, served);
    /* and is not owed either: the next commit does not even look at it */
    assert_true(pair->hub->rests[other->rest].until > hf_feed_position(pair->hub_node.store));
    pair_free(pair);
}

/* It keeps its place in the feed by that, and the hub need not read all of it again one day. Where
 * all were told at the same position, the frames of ten thousand would go out at once. */
static void a_device_is_told_now_and_then_how_far_the_feed_is(void **state)
{
    (void)state;
    enum { EACH = 32, COUNT = 3 * HF_FEED_LAG_MAX };
    pair_world *pair;
    hf_peer *other = pair_with_a_stranger(&pair)->peer;
    pair_wait(pair, HF_HEAD_INTERVAL_MS + 1);
    int told[3] = {0};
    uint8_t key_id[HF_HASH_SIZE];
    memcpy(key_id, other->key_id, sizeof key_id);
    for (uint8_t dice = 0; dice < 3; dice++) { /* as other keys have it */
        other->key_id[0] = (uint8_t)(dice % 2);
        other->key_id[1] = (uint8_t)(dice / 2 * 255);
        for (uint32_t n = 0; n < COUNT; n += EACH) {
            uint64_t before = other->told;
            for (int i = 0; i < EACH; i++) pair_crime(pair, 0, "Not for it");
            pair_run(pair);
            if (other->told != before) told[dice]++;
            uint64_t end = hf_feed_position(pair->hub_node.store);
            assert_true(end - other->told < HF_FEED_LAG_MAX + EACH);
            assert_int_equal(other->acked, other->told);
        }
    }
    memcpy(other->key_id, key_id, sizeof key_id);
    assert_true(told[0] > told[1] && told[1] >= 3);
    assert_true(told[2] < told[0] && told[2] >= 3);
    pair_free(pair);
}

/* Who else is enrolled is none of its business, and ten thousand names would fill its store. */
static void enrolling_others_tells_a_device_nothing(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    const char *scopes[] = {"beat"};
    uint64_t before = edge_standing(pair, 0).entries;
    for (uint8_t n = 1; n <= 30; n++) {
        const uint8_t key_id[HF_HASH_SIZE] = {n, 0xee};
        assert_int_equal(hf_hub_register(pair->hub, key_id,
                                         &(hf_registration){.name = "another",
                                                            .force = "Wilts",
                                                            .unit = "West",
                                                            .scopes = scopes,
                                                            .scope_count = 1,
                                                            .certificate = {NULL, 0}},
                                         pair_wall_ms(pair)),
                         HF_OK);
    }
    pair_run(pair);
    assert_int_equal(edge_standing(pair, 0).entries, before);
    pair_free(pair);
}

/* ---- size ---- */

static void an_idle_session_holds_little(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    for (int n = 0; n < 100; n++) pair_crime(pair, 0, "Some traffic first");
    pair_run(pair);
    const hf_peer *peer = pair->nodes[1].peer;
    size_t size = sizeof *peer + peer->scope_count * sizeof *peer->scopes +
                  peer->origin_count * sizeof *peer->origins + peer->named_size +
                  peer->certificate.capacity + peer->notices.capacity + peer->vector.capacity;
    assert_true(size <= 4096);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_feed_stops_at_its_window),
        cmocka_unit_test(what_is_lacking_waits_for_the_link),
        cmocka_unit_test(a_device_that_cannot_resume_gets_what_it_lacks),
        cmocka_unit_test(nothing_outside_its_grants_reaches_a_device),
        cmocka_unit_test(what_does_not_concern_a_device_costs_it_no_turn),
        cmocka_unit_test(a_device_is_told_now_and_then_how_far_the_feed_is),
        cmocka_unit_test(enrolling_others_tells_a_device_nothing),
        cmocka_unit_test(an_idle_session_holds_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
