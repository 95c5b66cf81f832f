/* test_station.c: a station between its devices and the centre: what it passes on, what it claims,
 * what it is believed. */
#include "tiers.h"

#include "sync/control.h"
#include "sync/log.h"
#include "sync/safe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    CENTRE = TIERS_CENTRE,
    STATION = TIERS_STATION,
    FIRST = TIERS_EDGE,
    SECOND = TIERS_EDGE + 1
};

/* Both ways, and what was written at the centre's own devices, too. */
static void what_is_written_at_a_station_reaches_all(void **state)
{
    (void)state;
    tiers *t = tiers_new(3);
    tiers_go_to(t, TIERS_EDGE + 2, CENTRE);
    tiers_wait(t, 3 * HF_REDIAL_MIN_MS);
    hf_record_id here = tiers_crime(t, FIRST, "At the station");
    hf_record_id there = tiers_crime(t, TIERS_EDGE + 2, "At the centre");
    tiers_run(t);
    for (size_t i = 0; i < t->count; i++) {
        assert_string_equal(tiers_summary(t, i, &here), "At the station");
        assert_string_equal(tiers_summary(t, i, &there), "At the centre");
    }
    assert_true(tiers_equal(t));
    assert_true(t->up[HF_FRAME_RELAY] > 0);
    tiers_free(t);
}

static hf_place place_of(tiers *t, size_t node, size_t writer)
{
    char name[HF_NAME_SIZE];
    hf_dot dot = {
        .origin = hf_store_own_origin(t->nodes[writer].store)->id, .lane = HF_LANE_CRIME, .seq = 1};
    hf_place place = tiers_place(t, node, writer, 1);
    assert_int_equal(hf_safe_station(t->nodes[node].store, &dot, name), HF_OK);
    if (place == HF_PLACE_STATION && node != STATION) assert_string_equal(name, "north");
    return place;
}

/* No screen says "at the hub" before the centre has it on disk. */
static void a_receipt_is_the_stations_until_the_centre_has_it(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    hf_dot dot;
    bool at_centre = true;
    t->nodes[STATION].offline = true;
    tiers_cut(t, STATION);
    hf_record_id record = tiers_crime(t, FIRST, "While the centre is dark");
    assert_int_equal(place_of(t, FIRST, FIRST), HF_PLACE_DEVICE);
    tiers_run(t);
    assert_string_equal(tiers_summary(t, SECOND, &record), "While the centre is dark");
    assert_true(hf_edge_next_receipt(t->nodes[FIRST].edge, &dot, &at_centre));
    assert_false(at_centre);
    for (size_t i = STATION; i < t->count; i++)
        assert_int_equal(place_of(t, i, FIRST), HF_PLACE_STATION);
    assert_int_equal(tiers_standing(t, FIRST).at_station, 1);
    t->nodes[STATION].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, CENTRE, &record), "While the centre is dark");
    assert_true(hf_edge_next_receipt(t->nodes[FIRST].edge, &dot, &at_centre));
    assert_true(at_centre);
    assert_int_equal(place_of(t, FIRST, FIRST), HF_PLACE_HUB);
    assert_int_equal(place_of(t, STATION, FIRST), HF_PLACE_HUB);
    assert_int_equal(tiers_standing(t, FIRST).at_station, 0);
    tiers_free(t);
}

static bool only_by_another_way(tiers *t, size_t node, bool down, const hf_message *message,
                                hf_buffer *instead)
{
    (void)instead;
    if (node == STATION && !down) return message->type != HF_FRAME_RELAY;
    bool tells = message->type == HF_FRAME_ACK || message->type == HF_FRAME_RECEIPT;
    return !(node == FIRST && down && t->nodes[FIRST].at == CENTRE && tells);
}

/* Its author was elsewhere for a moment, and the centre had it from there before the station could
 * bring it: the station hears that by the feed alone. */
static void an_author_hears_that_the_centre_had_it_by_another_way(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    t->tap = only_by_another_way;
    t->nodes[STATION].offline = true;
    tiers_cut(t, STATION);
    (void)tiers_crime(t, FIRST, "Brought by himself");
    tiers_run(t);
    tiers_go_to(t, FIRST, CENTRE);
    tiers_wait(t, 2 * HF_REDIAL_MIN_MS);
    assert_int_equal(place_of(t, CENTRE, FIRST), HF_PLACE_HUB);
    tiers_go_to(t, FIRST, STATION);
    tiers_wait(t, 2 * HF_REDIAL_MIN_MS);
    assert_int_equal(place_of(t, FIRST, FIRST), HF_PLACE_STATION);
    t->nodes[STATION].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_int_equal(place_of(t, STATION, FIRST), HF_PLACE_HUB);
    assert_int_equal(place_of(t, FIRST, FIRST), HF_PLACE_HUB);
    tiers_free(t);
}

/* What a station has not heard of yet, the centre has not lost; and what the station itself was
 * said to have, and has not, it has. */
static void a_station_that_knows_less_has_lost_nothing(void **state)
{
    (void)state;
    hf_edge_status status;
    tiers *t = tiers_new(1);
    tiers_leave(t, STATION);
    tiers_go_to(t, FIRST, CENTRE);
    tiers_wait(t, 2 * HF_REDIAL_MIN_MS);
    (void)tiers_crime(t, FIRST, "At the centre");
    tiers_run(t);
    tiers_go_to(t, FIRST, STATION);
    tiers_wait(t, 2 * HF_REDIAL_MIN_MS);
    hf_edge_status_get(t->nodes[FIRST].edge, &status);
    assert_int_equal(status.link, HF_LINK_IN_SYNC);
    assert_string_equal(status.last_error, "");
    assert_int_equal(place_of(t, FIRST, FIRST), HF_PLACE_HUB);

    sim_image *before = tiers_image(t, STATION, "\x01");
    (void)tiers_crime(t, FIRST, "At the station");
    tiers_run(t);
    tiers_set_back(t, STATION, before);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    hf_edge_status_get(t->nodes[FIRST].edge, &status);
    assert_non_null(strstr(status.last_error, "The station has lost 1 of our entries"));
    tiers_free(t);
}

/* A day in the dark goes up in as many frames as it took signatures, not in one per entry; and
 * power may fail at the station and at the centre. */
static void a_day_in_the_dark_comes_back_whole(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    hf_record_id last;
    tiers_shut(t, CENTRE);
    tiers_run(t);
    for (int i = 0; i < 700; i++) {
        char text[32];
        snprintf(text, sizeof text, "Number %d", i);
        last = tiers_crime(t, i % 2 ? FIRST : SECOND, text);
        if (i % 100 == 99) tiers_run(t);
        if (i == 350) tiers_power_cut(t, STATION);
        if (i == 350) tiers_wait(t, HF_REDIAL_MAX_MS);
    }
    tiers_run(t);
    assert_int_equal(tiers_standing(t, FIRST).at_station, 350);
    tiers_open(t, CENTRE);
    memset(t->up, 0, sizeof t->up);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    tiers_power_cut(t, CENTRE);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_true(tiers_equal(t));
    assert_string_equal(tiers_summary(t, CENTRE, &last), "Number 699");
    assert_int_equal(tiers_standing(t, FIRST).at_station, 0);
    assert_in_range(t->up[HF_FRAME_RELAY], 2, 20);
    tiers_free(t);
}

/* What went up is not fed back; and a station that comes again does not send what it sent: it asks
 * how far the centre has it. */
static void nothing_goes_twice(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    for (int i = 0; i < 50; i++) (void)tiers_crime(t, FIRST, "Once");
    tiers_run(t);
    size_t relayed = t->relayed;
    uint64_t entries = tiers_standing(t, CENTRE).entries;
    assert_int_equal(relayed, 50);
    assert_int_equal(tiers_standing(t, STATION).entries, entries);
    tiers_power_cut(t, STATION);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_int_equal(t->relayed, relayed);
    assert_true(tiers_equal(t));
    tiers_free(t);
}

/* What was acknowledged last may be asked after on the next link; then the feed is past it, which
 * is sign enough. Else a station would ask after each log that there ever was, at each link. */
static void what_is_long_at_the_centre_is_not_asked_after(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    (void)tiers_crime(t, FIRST, "Once");
    (void)tiers_crime(t, SECOND, "Once, too");
    tiers_run(t);
    for (int i = 0; i < 3; i++) {
        t->up[HF_FRAME_RELAY] = 0;
        tiers_power_cut(t, STATION);
        tiers_wait(t, HF_REDIAL_MAX_MS);
        assert_non_null(t->nodes[STATION].peer);
        assert_in_range(t->up[HF_FRAME_RELAY], 0, i == 0 ? 2 : 0);
    }
    tiers_free(t);
}

/* What a device's link carries, both ways, from its dialling `hub` until all is quiet. */
static size_t cost_of_going(tiers *t, size_t hub)
{
    tiers_go_to(t, FIRST, hub);
    t->bytes[FIRST] = 0;
    tiers_wait(t, 3 * HF_REDIAL_MIN_MS);
    assert_non_null(t->nodes[FIRST].peer);
    return t->bytes[FIRST];
}

/* A hub that it knows goes on where it left off; of what came since by that hub's own count it
 * names what it has. At a hub that it never met, a vector for each scope. */
static void to_change_hubs_costs_what_was_written_meanwhile(void **state)
{
    (void)state;
    enum { ENTRIES = 300, QUIET_MAX = 1500 };
    tiers *t = tiers_new(2);
    size_t first = cost_of_going(t, CENTRE);
    size_t back = cost_of_going(t, STATION);
    size_t again = cost_of_going(t, CENTRE);
    (void)cost_of_going(t, STATION);
    for (int i = 0; i < ENTRIES; i++) (void)tiers_crime(t, SECOND, "Meanwhile");
    tiers_run(t);
    assert_int_equal(tiers_standing(t, FIRST).entries, tiers_standing(t, SECOND).entries);
    size_t after = cost_of_going(t, CENTRE);
    print_message("note: to change hubs: %zu bytes at a first visit, %zu and %zu when nothing was "
                  "written, %zu with %d entries that it had\n",
                  first, back, again, after, ENTRIES);
    assert_in_range(first, 1, 2 * QUIET_MAX);
    assert_in_range(back, 1, QUIET_MAX);
    assert_in_range(again, 1, QUIET_MAX);
    assert_in_range(after, 1, QUIET_MAX);
    tiers_free(t);
}

/* The device comes back with a certificate that ends in `left_ms`; of those on record, which hold a
 * hundred years, half is over by then. */
static void carries_one_until(tiers *t, size_t node, int64_t left_ms)
{
    tier_node *device = &t->nodes[node];
    uint8_t old[SIM_CERTIFICATE_SIZE];
    t->now_ms += 60 * UINT64_C(24 * 60 * 60 * 1000);
    const hf_validity valid = {1, tiers_wall_ms(t) + (uint64_t)left_ms};
    sim_certify((hf_bytes){device->crypto.key, SIM_KEY_SIZE}, device->name, SIM_DEVICE, valid, old);
    sim_crypto_take(&device->crypto, (hf_bytes){old, sizeof old});
    tiers_power_cut(t, node);
}

/* It was away past the end of its certificate. The station has a newer one for it, which is old
 * enough by now for a next one to be asked for: that takes minutes, and the device is not kept
 * waiting. */
static void one_whose_certificate_ended_is_given_what_the_station_has(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    tier_node *device = &t->nodes[FIRST];
    hf_bytes der;
    carries_one_until(t, FIRST, -1);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_true(hf_edge_certificate(device->edge, &der));
    tiers_free(t);
}

/* The next one is due, and the station's is too old: the device's question waits there for the
 * centre's answer, and not at the device until it asks again. */
static void who_asks_a_station_is_answered_once_the_centre_has_issued(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    tier_node *device = &t->nodes[FIRST];
    hf_bytes der;
    t->nodes[STATION].offline = true;
    tiers_cut(t, STATION);
    carries_one_until(t, FIRST, HF_REDIAL_MAX_MS * 60);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_int_equal(t->up[HF_FRAME_RENEW], 1);
    assert_false(hf_edge_certificate(device->edge, &der));
    t->nodes[STATION].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_true(hf_edge_certificate(device->edge, &der));
    tiers_free(t);
}

/* ---- a relay that cheats ---- */

typedef struct cheat {
    enum { ALTERS, REORDERS, CUTS, FORGES_HEAD } how;
    hf_origin_id victim; /* whose log it meddles with */
    size_t done;
} cheat;

static void put_body(hf_buffer *out, hf_bytes body, bool altered)
{
    size_t at = out->size;
    hf_write_raw(out, body);
    if (altered) out->data[at + body.size - 4] ^= 1; /* the last letter of what was written */
}

static bool meddle(tiers *t, size_t node, bool down, const hf_message *message, hf_buffer *instead)
{
    cheat *c = t->context;
    if (node != STATION || down || message->type != HF_FRAME_RELAY) return true;
    const hf_relay *relay = &message->as.relay;
    hf_message forged = *message;
    hf_buffer bodies = {0};
    hf_bytes all[8];
    size_t count = 0;
    for (hf_bodies walk = hf_bodies_of_relay(relay); count < 8 && hf_next_body(&walk);)
        all[count++] = walk.body;
    if (count < 3 || c->done) return true;
    c->done++;
    for (size_t i = 0; i < count - (c->how == CUTS); i++)
        put_body(&bodies, all[i], c->how == ALTERS && i == 1);
    if (c->how == FORGES_HEAD) forged.as.relay.head.signature[5] ^= 1;
    forged.as.relay.bodies = (hf_list){hf_buffer_bytes(&bodies), count - (c->how == CUTS)};
    if (c->how == CUTS) forged.as.relay.head.seq--; /* as if the author had stopped there */
    hf_message_write(instead, &forged);
    hf_buffer_free(&bodies);
    return true;
}

static void cheating(int how)
{
    tiers *t = tiers_new(2);
    uint64_t refused;
    cheat c = {.how = how};
    t->nodes[STATION].offline = true;
    tiers_cut(t, STATION);
    for (int i = 0; i < 4; i++) (void)tiers_crime(t, FIRST, "What she wrote");
    tiers_run(t);
    hf_record_id other = tiers_crime(t, SECOND, "Another's");
    tiers_run(t);
    uint64_t before = tiers_standing(t, CENTRE).entries;
    t->tap = meddle;
    t->context = &c;
    t->nodes[STATION].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_int_equal(c.done, 1);
    const char *said = hf_hub_refused(t->nodes[CENTRE].hub, &refused);
    assert_int_equal(refused, 1);
    assert_non_null(strstr(said, "north relayed entry"));
    assert_non_null(strstr(said, "edge0"));
    /* Not one of hers counts, what another wrote came through, and the session lives. */
    assert_int_equal(tiers_standing(t, CENTRE).entries, before + 1);
    assert_string_equal(tiers_summary(t, CENTRE, &other), "Another's");
    assert_non_null(t->nodes[STATION].peer);
    hf_record_id later = tiers_crime(t, SECOND, "Later");
    tiers_run(t);
    assert_string_equal(tiers_summary(t, CENTRE, &later), "Later");
    assert_int_equal(tiers_standing(t, FIRST).at_station, 4); /* and nobody is told otherwise */
    tiers_go_to(t, FIRST, CENTRE);                            /* by herself she gets through */
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_true(tiers_equal(t));
    assert_int_equal(tiers_standing(t, FIRST).at_station, 0);
    tiers_free(t);
}

static void an_altered_entry_is_refused_and_blocks_nothing(void **state)
{
    (void)state;
    cheating(ALTERS);
}

static void a_log_cut_short_is_refused_and_blocks_nothing(void **state)
{
    (void)state;
    cheating(CUTS);
}

static void a_forged_head_is_refused_and_blocks_nothing(void **state)
{
    (void)state;
    cheating(FORGES_HEAD);
}

/* A device cannot pass itself off as a station. */
static bool relays_itself(tiers *t, size_t node, bool down, const hf_message *message,
                          hf_buffer *instead)
{
    hf_message forged = {.type = HF_FRAME_ORIGIN};
    if (node != FIRST || down || message->type != HF_FRAME_PUSH) return true;
    forged.as.origin.index = HF_HELLO_ORIGINS_MAX;
    hf_message_write(instead, &forged);
    (void)t;
    return true;
}

static void a_device_relays_nothing(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    t->tap = relays_itself;
    (void)tiers_crime(t, FIRST, "Mine");
    uint64_t before = tiers_standing(t, STATION).entries;
    tiers_run(t);
    assert_int_equal(tiers_standing(t, STATION).entries, before);
    tiers_free(t);
}

/* ---- whom it admits ---- */

static void a_dark_station_admits_whom_it_knows_and_no_one_else(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    tiers_shut(t, CENTRE);
    tiers_power_cut(t, STATION); /* what it knows is on its disk */
    hf_hub *hub = t->nodes[STATION].hub;
    sim_crypto stranger;
    sim_crypto_init(&stranger, 42, "stranger", SIM_DEVICE);
    assert_true(hf_hub_admits(hub, t->nodes[FIRST].crypto.table.own_key_id));
    assert_false(hf_hub_admits(hub, stranger.table.own_key_id));
    hf_record_id record = tiers_crime(t, FIRST, "Dark");
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, SECOND, &record), "Dark");
    tiers_free(t);
}

static void a_device_that_the_centre_revoked_is_shut_out_at_the_station(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    assert_non_null(t->nodes[FIRST].peer);
    assert_int_equal(
        hf_hub_revoke(t->nodes[CENTRE].hub, "edge0", "an operator", "lost", tiers_wall_ms(t)),
        HF_OK);
    tiers_run(t);
    assert_false(hf_hub_admits(t->nodes[STATION].hub, t->nodes[FIRST].crypto.table.own_key_id));
    assert_null(t->nodes[FIRST].peer);
    assert_non_null(t->nodes[SECOND].peer);
    tiers_free(t);
}

static void a_station_serves_only_those_whose_scopes_it_holds(void **state)
{
    (void)state;
    static const char *const wider[] = {"beat", "covert"};
    tiers *t = tiers_new(2);
    sim_crypto other;
    sim_crypto_init(&other, 42, "covert1", SIM_DEVICE);
    hf_registration wish = {.name = "covert1",
                            .force = "Avon",
                            .unit = "Central",
                            .scopes = wider,
                            .scope_count = 2,
                            .certificate = other.table.own_certificate};
    assert_int_equal(
        hf_hub_register(t->nodes[CENTRE].hub, other.table.own_key_id, &wish, tiers_wall_ms(t)),
        HF_OK);
    tiers_run(t);
    assert_true(hf_hub_admits(t->nodes[CENTRE].hub, other.table.own_key_id));
    assert_false(hf_hub_admits(t->nodes[STATION].hub, other.table.own_key_id));
    tiers_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_at_a_station_reaches_all),
        cmocka_unit_test(a_receipt_is_the_stations_until_the_centre_has_it),
        cmocka_unit_test(an_author_hears_that_the_centre_had_it_by_another_way),
        cmocka_unit_test(a_station_that_knows_less_has_lost_nothing),
        cmocka_unit_test(a_day_in_the_dark_comes_back_whole),
        cmocka_unit_test(nothing_goes_twice),
        cmocka_unit_test(what_is_long_at_the_centre_is_not_asked_after),
        cmocka_unit_test(to_change_hubs_costs_what_was_written_meanwhile),
        cmocka_unit_test(one_whose_certificate_ended_is_given_what_the_station_has),
        cmocka_unit_test(who_asks_a_station_is_answered_once_the_centre_has_issued),
        cmocka_unit_test(an_altered_entry_is_refused_and_blocks_nothing),
        cmocka_unit_test(a_log_cut_short_is_refused_and_blocks_nothing),
        cmocka_unit_test(a_forged_head_is_refused_and_blocks_nothing),
        cmocka_unit_test(a_device_relays_nothing),
        cmocka_unit_test(a_dark_station_admits_whom_it_knows_and_no_one_else),
        cmocka_unit_test(a_device_that_the_centre_revoked_is_shut_out_at_the_station),
        cmocka_unit_test(a_station_serves_only_those_whose_scopes_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
