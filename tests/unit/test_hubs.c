/* test_hubs.c: the list of hubs: whose word it is, whom it moves, and what becomes of a centre that
 * another one has replaced. */
#include "tiers.h"

#include "hub/episodes.h"
#include "sync/control.h"
#include "sync/hubs.h"
#include "sync/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CENTRE = TIERS_CENTRE, STATION = TIERS_STATION, FIRST = TIERS_EDGE, SECOND };

static const hf_crypto *crypto_of(tiers *t, size_t node)
{
    return &t->nodes[node].crypto.table;
}

/* One hub, its signer. */
static void sign(tiers *t, size_t node, uint64_t term, uint64_t number, hf_buffer *out)
{
    hf_listed_hub hub = {.name = "somebody", .address = "there.example:7443"};
    hf_buffer items = {0};
    memcpy(hub.key_id, crypto_of(t, node)->own_key_id, HF_HASH_SIZE);
    hf_write_listed(&items, &hub);
    hf_hub_list list = {.term = term, .number = number, .hubs = {hf_buffer_bytes(&items), 1}};
    assert_int_equal(hf_hub_list_sign(crypto_of(t, node), &list, out), HF_OK);
    hf_buffer_free(&items);
}

static bool taken(tiers *t, size_t node, const hf_buffer *list)
{
    bool is_taken;
    assert_int_equal(hf_hub_list_take(t->nodes[node].store, hf_buffer_bytes(list), &is_taken),
                     HF_OK);
    return is_taken;
}

static void set_hubs(tiers *t, size_t station_count)
{
    static const char *const stations[] = {"north"};
    hf_hubs_wish wish = {.name = "centre",
                         .address = "hub.example:7443",
                         .stations = stations,
                         .station_count = station_count};
    assert_int_equal(hf_hub_set_hubs(t->nodes[CENTRE].hub, &wish, "Sgt Khan", tiers_wall_ms(t)),
                     HF_OK);
}

/* ---- whose word it is ---- */

static void no_byte_of_a_list_can_be_another(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_buffer list = {0};
    hf_hub_list read;
    sign(t, CENTRE, 3, 7, &list);
    assert_int_equal(hf_hub_list_check(crypto_of(t, FIRST), hf_buffer_bytes(&list), &read), HF_OK);
    assert_int_equal(read.term, 3);
    assert_int_equal(read.number, 7);
    assert_memory_equal(read.centre, crypto_of(t, CENTRE)->own_key_id, HF_HASH_SIZE);
    for (size_t i = 0; i < list.size; i++) {
        list.data[i] ^= 1;
        hf_status status = hf_hub_list_check(crypto_of(t, FIRST), hf_buffer_bytes(&list), &read);
        /* A certificate says when it holds; that is nobody's business here, and nothing else. */
        bool same = status == HF_OK && read.term == 3 && read.number == 7 &&
                    memcmp(read.centre, crypto_of(t, CENTRE)->own_key_id, HF_HASH_SIZE) == 0;
        assert_true(status != HF_OK || same);
        list.data[i] ^= 1;
    }
    for (size_t size = 0; size < list.size; size++)
        assert_int_not_equal(
            hf_hub_list_check(crypto_of(t, FIRST), (hf_bytes){list.data, size}, &read), HF_OK);
    hf_buffer_free(&list);
    tiers_free(t);
}

static void a_station_or_a_device_signs_no_list(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_buffer list = {0};
    for (size_t liar = STATION; liar <= FIRST; liar++) {
        sign(t, liar, 9, 9, &list);
        for (size_t node = CENTRE; node <= FIRST; node++) assert_false(taken(t, node, &list));
    }
    hf_buffer_free(&list);
    tiers_free(t);
}

static void an_older_list_moves_nobody(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_buffer list = {0};
    static const struct {
        uint64_t term, number;
        bool is_newer;
    } in_turn[] = {{1, 5, true}, {1, 5, false}, {1, 4, false},
                   {2, 1, true}, {1, 9, false}, {2, 2, true}};
    for (size_t i = 0; i < sizeof in_turn / sizeof *in_turn; i++) {
        uint64_t before = hf_hub_list_changes(t->nodes[FIRST].store);
        sign(t, CENTRE, in_turn[i].term, in_turn[i].number, &list);
        assert_int_equal(taken(t, FIRST, &list), in_turn[i].is_newer);
        assert_int_equal(hf_hub_list_changes(t->nodes[FIRST].store) - before, in_turn[i].is_newer);
    }
    hf_buffer_free(&list);
    tiers_free(t);
}

/* ---- whom it moves ---- */

static void the_list_comes_by_the_station_and_names_who_serves_us(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    hf_hub_place places[4];
    size_t count = 4;
    assert_int_equal(hf_edge_places(t->nodes[FIRST].edge, places, &count), HF_OK);
    assert_int_equal(count, 0);
    set_hubs(t, 1);
    tiers_run(t);
    count = 4;
    assert_int_equal(hf_edge_places(t->nodes[FIRST].edge, places, &count), HF_OK);
    assert_int_equal(count, 2);
    assert_true(places[0].is_centre);
    assert_string_equal(places[0].address, "hub.example:7443");
    assert_memory_equal(places[0].key_id, crypto_of(t, CENTRE)->own_key_id, HF_HASH_SIZE);
    assert_false(places[1].is_centre);
    assert_string_equal(places[1].address, "north.example:7443");
    count = 4;
    assert_int_equal(hf_edge_places(t->nodes[STATION].edge, places, &count), HF_OK);
    assert_int_equal(count, 1); /* not itself */
    /* Who has a scope that the station does not serve is not sent there. */
    hf_batch *batch;
    hf_grant grants[] = {{t->beat, true, "beat"}, {99, true, "custody"}};
    assert_int_equal(hf_batch_begin(t->nodes[SECOND].store, tiers_wall_ms(t), &batch), HF_OK);
    assert_int_equal(hf_batch_grants(batch, grants, 2), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    count = 4;
    assert_int_equal(hf_edge_places(t->nodes[SECOND].edge, places, &count), HF_OK);
    assert_int_equal(count, 1);
    assert_true(places[0].is_centre);
    tiers_free(t);
}

/* Else a device would go on down the old list, and wait until it looks for a better one. */
static void a_link_that_ended_for_a_new_list_begins_with_its_best(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_edge *edge = t->nodes[FIRST].edge;
    hf_buffer list = {0};
    tiers_cut(t, FIRST);
    hf_edge_hubs(edge, 4);
    hf_edge_link_down(edge, ++t->now_ms); /* nobody answers at the first */
    assert_int_equal(hf_edge_hub(edge), 1);
    hf_edge_link_up(edge, NULL, ++t->now_ms);
    hf_edge_link_down(edge, ++t->now_ms); /* of no use */
    assert_int_equal(hf_edge_hub(edge), 2);
    hf_edge_link_up(edge, NULL, ++t->now_ms);
    sign(t, CENTRE, 5, 1, &list);
    assert_true(taken(t, FIRST, &list));
    hf_edge_hubs_changed(edge, 3, 2, ++t->now_ms); /* the one that we are at is in it */
    assert_int_equal(hf_edge_hub(edge), 2);
    hf_edge_link_down(edge, ++t->now_ms);
    assert_int_equal(hf_edge_hub(edge), 0);
    hf_edge_link_up(edge, NULL, ++t->now_ms);
    hf_edge_hubs_changed(edge, 2, 2, ++t->now_ms); /* it is not: its owner ends the link */
    hf_edge_link_down(edge, ++t->now_ms);
    assert_int_equal(hf_edge_hub(edge), 0);
    hf_buffer_free(&list);
    tiers_free(t);
}

static void only_the_centre_makes_one(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    const char *failed = NULL, *stations[] = {"edge0"};
    hf_hubs_wish wish = {.name = "north",
                         .address = "north.example:7443",
                         .stations = stations,
                         .station_count = 1,
                         .failed = &failed};
    uint64_t wall_ms = tiers_wall_ms(t);
    assert_int_equal(hf_hub_set_hubs(t->nodes[STATION].hub, &wish, "x", wall_ms), HF_ERR_DENIED);
    assert_int_equal(hf_hub_set_hubs(t->nodes[CENTRE].hub, &wish, "x", wall_ms), HF_ERR_INPUT);
    assert_string_equal(failed, "edge0");
    stations[0] = "nobody";
    assert_int_equal(hf_hub_set_hubs(t->nodes[CENTRE].hub, &wish, "x", wall_ms), HF_ERR_NOT_FOUND);
    tiers_free(t);
}

/* A centre that was set back has forgotten what it signed last. */
static void a_list_that_a_set_back_centre_signs_is_newer_all_the_same(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_hub_list first, second;
    hf_buffer held = {0};
    bool found;
    set_hubs(t, 1);
    assert_int_equal(hf_hub_list_load(t->nodes[CENTRE].store, &held, &first, &found), HF_OK);
    assert_int_equal(first.number, tiers_wall_ms(t));
    set_hubs(t, 0); /* within the same millisecond */
    assert_int_equal(hf_hub_list_load(t->nodes[CENTRE].store, &held, &second, &found), HF_OK);
    assert_int_equal(second.number, first.number + 1);
    assert_int_equal(hf_meta_set(t->nodes[CENTRE].store, "hubs", (hf_bytes){NULL, 0}), HF_OK);
    t->now_ms += 1000;
    set_hubs(t, 1);
    assert_int_equal(hf_hub_list_load(t->nodes[CENTRE].store, &held, &first, &found), HF_OK);
    assert_int_equal(first.term, second.term);
    assert_true(first.number > second.number);
    hf_buffer_free(&held);
    tiers_free(t);
}

/* A station that is granted every scope serves a new one at once, and the list says so; one that is
 * revoked is in it no more. */
static void a_station_of_every_scope_is_granted_new_ones_too(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    static const char *const every[] = {HF_EVERY_SCOPE}, *const scopes[] = {"beat", "custody"};
    static const char *const addresses[] = {"south.example:7443"};
    uint8_t south[HF_HASH_SIZE] = {1}, other[HF_HASH_SIZE] = {2};
    hf_hub *hub = t->nodes[CENTRE].hub;
    hf_device device;
    hf_hub_list list;
    hf_listed_hub hubs[3];
    hf_buffer held = {0};
    bool found;
    hf_registration station = {.name = "south",
                               .force = "f",
                               .unit = "u",
                               .scopes = every,
                               .scope_count = 1,
                               .addresses = addresses,
                               .address_count = 1};
    hf_registration more = {
        .name = "new", .force = "f", .unit = "u", .scopes = scopes, .scope_count = 2};
    const char *const stations[] = {"south", "north"};
    hf_hubs_wish wish = {
        .name = "centre", .address = "hub.example:7443", .stations = stations, .station_count = 2};
    assert_int_equal(hf_hub_register(hub, south, &station, tiers_wall_ms(t)), HF_OK);
    assert_int_equal(hf_hub_set_hubs(hub, &wish, "x", tiers_wall_ms(t)), HF_OK);
    assert_int_equal(hf_device_by_key(t->nodes[CENTRE].store, south, &device), HF_OK);
    assert_int_equal(device.scope_count, 1);
    assert_int_equal(hf_hub_register(hub, other, &more, tiers_wall_ms(t)), HF_OK);
    assert_int_equal(hf_device_by_key(t->nodes[CENTRE].store, south, &device), HF_OK);
    assert_int_equal(device.scope_count, 2);
    assert_int_equal(hf_hub_list_load(t->nodes[CENTRE].store, &held, &list, &found), HF_OK);
    assert_int_equal(list.hubs.count, 3);
    for (size_t i = 0; i < 3; i++) assert_true(hf_next_listed(&list.hubs, &hubs[i]));
    assert_string_equal(hubs[1].name, "south");
    assert_int_equal(hubs[1].scopes.count, 2);
    assert_int_equal(hubs[2].scopes.count, 1);
    assert_int_equal(hf_hub_revoke(hub, "south", "x", "lost", tiers_wall_ms(t)), HF_OK);
    assert_int_equal(hf_hub_list_load(t->nodes[CENTRE].store, &held, &list, &found), HF_OK);
    assert_int_equal(list.hubs.count, 2);
    hf_buffer_free(&held);
    tiers_free(t);
}

/* ---- promotion ---- */

static void a_station_that_lacks_a_scope_says_which(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_scope_view lacking[2];
    size_t count = 2;
    static const char *const scopes[] = {"beat", "custody"};
    assert_int_equal(hf_hub_lacks(t->nodes[STATION].hub, lacking, &count), HF_OK);
    assert_int_equal(count, 0);
    hf_registration wish = {
        .name = "new", .force = "f", .unit = "u", .scopes = scopes, .scope_count = 2};
    uint8_t key[HF_HASH_SIZE] = {1};
    assert_int_equal(hf_hub_register(t->nodes[CENTRE].hub, key, &wish, tiers_wall_ms(t)), HF_OK);
    tiers_run(t);
    count = 2;
    assert_int_equal(hf_hub_lacks(t->nodes[STATION].hub, lacking, &count), HF_OK);
    assert_int_equal(count, 1);
    assert_string_equal(lacking[0].name, "custody");
    tiers_free(t);
}

/* What only the old centre and a device had comes back; what the station had is the centre's. */
static void a_promoted_station_is_the_centre_for_all(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    set_hubs(t, 1);
    tiers_go_to(t, SECOND, CENTRE);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    tiers_cut(t, STATION);
    t->nodes[STATION].offline = true;
    hf_record_id there = tiers_crime(t, SECOND, "Only at the old centre");
    hf_record_id here = tiers_crime(t, FIRST, "Only at the station");
    tiers_run(t);
    assert_int_equal(tiers_standing(t, FIRST).at_station, 1);
    assert_int_equal(tiers_standing(t, SECOND).waiting, 0);
    tiers_shut(t, CENTRE);
    tiers_shut(t, STATION);
    tiers_promote(t, STATION);
    tiers_go_to(t, SECOND, STATION);
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    for (size_t i = STATION; i < t->count; i++) {
        assert_string_equal(tiers_summary(t, i, &there), "Only at the old centre");
        assert_string_equal(tiers_summary(t, i, &here), "Only at the station");
    }
    for (size_t i = FIRST; i <= SECOND; i++) {
        hf_hub_place places[4];
        size_t count = 4;
        assert_int_equal(tiers_standing(t, i).at_station, 0);
        assert_int_equal(tiers_standing(t, i).waiting, 0);
        assert_int_equal(hf_edge_places(t->nodes[i].edge, places, &count), HF_OK);
        assert_int_equal(count, 1);
        assert_true(places[0].is_centre);
        assert_string_equal(places[0].name, "north");
    }
    assert_true(tiers_equal(t));
    tiers_free(t);
}

static hf_episodes episodes_of(tiers *t, size_t node)
{
    hf_episodes episodes;
    assert_int_equal(
        hf_episodes_read(t->nodes[node].store, t->nodes[node].hub, 0, tiers_wall_ms(t), &episodes),
        HF_OK);
    return episodes;
}

static void begin(tiers *t, size_t node)
{
    assert_int_equal(hf_hub_begin(t->nodes[node].hub, t->now_ms, tiers_wall_ms(t)), HF_OK);
}

/* Nobody else would: who is the centre has no centre that could answer again. And what it is away
 * for itself from then on is another outage. */
static void a_promotion_ends_the_absence_of_the_former_centre(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    begin(t, STATION);
    tiers_shut(t, CENTRE);
    tiers_wait(t, 10 * HF_CUT_OFF_MS);
    hf_episodes seen = episodes_of(t, STATION);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.items[0].extent, HF_EXTENT_CENTRE);
    assert_int_equal(seen.items[0].ended_ms, 0);
    assert_int_equal(seen.items[0].away_ms, 0);
    hf_episodes_free(&seen);
    tiers_shut(t, STATION);
    t->now_ms += HF_CUT_OFF_MS;
    uint64_t promoted_ms = tiers_wall_ms(t);
    tiers_promote(t, STATION);
    t->now_ms += HF_CUT_OFF_MS;
    begin(t, STATION);
    seen = episodes_of(t, STATION);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.items[0].extent, HF_EXTENT_CENTRE);
    assert_int_equal(seen.items[0].reason, HF_OUTAGE_REPLACED);
    assert_int_equal(seen.items[0].ended_ms, promoted_ms);
    assert_int_equal(seen.items[1].extent, HF_EXTENT_HUB);
    assert_int_equal(seen.items[1].reason, HF_OUTAGE_FELL);
    hf_episodes_free(&seen);
    tiers_free(t);
}

/* A verdict that only the station had given is everyone's once it is the centre. */
static void what_a_station_withheld_it_says_again_as_the_centre(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    bool known;
    hf_batch *batch;
    hf_grant grants[] = {{t->beat, true, "beat"}, {99, true, "not granted"}};
    tiers_shut(t, CENTRE);
    assert_int_equal(hf_batch_begin(t->nodes[FIRST].store, tiers_wall_ms(t), &batch), HF_OK);
    assert_int_equal(hf_batch_grants(batch, grants, 2), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    uint32_t beat = t->beat;
    t->beat = 99; /* the device was made to believe that it may */
    (void)tiers_crime(t, FIRST, "Not its to write");
    t->beat = beat;
    tiers_run(t);
    hf_dot dot = {
        .origin = hf_store_own_origin(t->nodes[FIRST].store)->id, .lane = HF_LANE_CRIME, .seq = 1};
    assert_int_equal(tiers_standing(t, STATION).withheld, 1);
    assert_int_equal(hf_verdict_known(t->nodes[STATION].store, &dot, 99, &known), HF_OK);
    assert_false(known);
    tiers_shut(t, STATION);
    tiers_promote(t, STATION);
    assert_int_equal(hf_verdict_known(t->nodes[STATION].store, &dot, 99, &known), HF_OK);
    assert_true(known);
    assert_int_equal(tiers_standing(t, STATION).withheld, 1);
    tiers_free(t);
}

/* ---- the centre that was replaced ---- */

static void an_old_centre_that_is_shown_the_list_serves_nobody_and_passes_it_on(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    tiers_shut(t, CENTRE);
    tiers_shut(t, STATION);
    tiers_cut(t, SECOND);
    t->nodes[SECOND].offline = true; /* it knows nothing of all this */
    tiers_promote(t, STATION);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_false(hf_hub_retired(t->nodes[STATION].hub));
    tiers_open(t, CENTRE);
    assert_false(hf_hub_retired(t->nodes[CENTRE].hub));
    hf_record_id record = tiers_crime(t, FIRST, "For the new centre");
    tiers_go_to(t, FIRST, CENTRE); /* who knows meets it */
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    assert_true(hf_hub_retired(t->nodes[CENTRE].hub));
    assert_int_equal(tiers_standing(t, FIRST).waiting, 1);
    assert_string_equal(tiers_summary(t, CENTRE, &record), "");
    hf_hubs_wish wish = {.name = "centre", .address = "hub.example:7443"};
    assert_int_equal(hf_hub_set_hubs(t->nodes[CENTRE].hub, &wish, "x", tiers_wall_ms(t)),
                     HF_ERR_DENIED);
    t->nodes[SECOND].offline = false;
    tiers_go_to(t, SECOND, CENTRE); /* who does not know learns it here */
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    hf_hub_place places[4];
    size_t count = 4;
    assert_int_equal(hf_edge_places(t->nodes[SECOND].edge, places, &count), HF_OK);
    assert_int_equal(count, 1);
    assert_string_equal(places[0].name, "north");
    tiers_power_cut(t, CENTRE);
    assert_true(hf_hub_retired(t->nodes[CENTRE].hub)); /* through a restart, too */
    tiers_go_to(t, FIRST, STATION);
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, STATION, &record), "For the new centre");
    tiers_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_byte_of_a_list_can_be_another),
        cmocka_unit_test(a_station_or_a_device_signs_no_list),
        cmocka_unit_test(an_older_list_moves_nobody),
        cmocka_unit_test(the_list_comes_by_the_station_and_names_who_serves_us),
        cmocka_unit_test(a_link_that_ended_for_a_new_list_begins_with_its_best),
        cmocka_unit_test(only_the_centre_makes_one),
        cmocka_unit_test(a_list_that_a_set_back_centre_signs_is_newer_all_the_same),
        cmocka_unit_test(a_station_of_every_scope_is_granted_new_ones_too),
        cmocka_unit_test(a_station_that_lacks_a_scope_says_which),
        cmocka_unit_test(a_promoted_station_is_the_centre_for_all),
        cmocka_unit_test(a_promotion_ends_the_absence_of_the_former_centre),
        cmocka_unit_test(what_a_station_withheld_it_says_again_as_the_centre),
        cmocka_unit_test(an_old_centre_that_is_shown_the_list_serves_nobody_and_passes_it_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
