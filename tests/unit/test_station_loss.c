/* test_station_loss.c: a station whose centre was set back, or which a frame was lost on the way
 * to: what was said of others' work falls back, goes up again, and nobody is told what is not so.
 */
#include "tiers.h"

#include "sync/control.h"
#include "sync/log.h"

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

/* ---- taps ---- */

typedef struct losing {
    size_t node;     /* of whose frames */
    uint8_t type;    /* these, */
    uint8_t or_type; /* and these; 0: no others */
    bool down;       /* ... this way */
    size_t at_most;  /* are lost */
    size_t lost;
} losing;

static bool lose(tiers *t, size_t node, bool down, const hf_message *message, hf_buffer *instead)
{
    losing *what = t->context;
    (void)instead;
    bool is_it = message->type == what->type || message->type == what->or_type;
    is_it = is_it && node == what->node && down == what->down;
    if (!is_it || what->lost == what->at_most) return true;
    what->lost++;
    return false;
}

static void tap(tiers *t, losing *what)
{
    t->tap = what ? lose : NULL;
    t->context = what;
}

/* ---- a centre that was set back ---- */

static void write_three(tiers *t, hf_record_id records[3])
{
    for (int i = 0; i < 3; i++) records[i] = tiers_crime(t, FIRST, "Lost at the centre");
    tiers_run(t);
    assert_int_equal(tiers_place(t, FIRST, FIRST, 3), HF_PLACE_HUB);
    assert_int_equal(tiers_place(t, STATION, FIRST, 3), HF_PLACE_HUB);
}

/* While what was lost cannot go up again, nobody is told that the centre has it; then it has. */
static void expect_fallen_and_back(tiers *t, const hf_record_id records[3])
{
    losing relays = {
        .node = STATION, .type = HF_FRAME_RELAY, .or_type = HF_FRAME_REFILL, .at_most = SIZE_MAX};
    assert_string_equal(tiers_summary(t, CENTRE, &records[2]), "");
    tap(t, &relays);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_true(relays.lost > 0);
    assert_int_equal(tiers_place(t, STATION, FIRST, 1), HF_PLACE_STATION);
    assert_int_equal(tiers_place(t, FIRST, FIRST, 1), HF_PLACE_STATION);
    assert_int_equal(tiers_standing(t, FIRST).at_station, 3);
    tap(t, NULL);
    tiers_cut(t, STATION); /* a link that lost frames has ended */
    t->nodes[SECOND].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    for (int i = 0; i < 3; i++)
        assert_string_equal(tiers_summary(t, CENTRE, &records[i]), "Lost at the centre");
    assert_int_equal(tiers_place(t, STATION, FIRST, 3), HF_PLACE_HUB);
    assert_int_equal(tiers_place(t, FIRST, FIRST, 3), HF_PLACE_HUB);
    assert_int_equal(tiers_standing(t, FIRST).at_station, 0);
    assert_true(tiers_equal(t));
}

/* It says so by its new name; and its devices, which never meet it, hear that from the station. */
static void what_a_set_back_centre_lost_goes_up_again_and_falls_back_meanwhile(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    hf_record_id records[3];
    sim_image *image = tiers_image(t, CENTRE, ".guard");
    tiers_wait(t, HF_REDIAL_MAX_MS);
    write_three(t, records);
    tiers_set_back(t, CENTRE, image);
    expect_fallen_and_back(t, records);
    tiers_free(t);
}

/* Guard and all: it does not know it itself. The place in its feed shows it. */
static void a_loss_that_the_centre_did_not_notice_is_made_good_too(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    hf_record_id records[3];
    tiers_go_to(t, SECOND, CENTRE);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    sim_image *image = tiers_image(t, CENTRE, "\x01");
    tiers_wait(t, HF_REDIAL_MAX_MS);
    write_three(t, records);
    (void)tiers_crime(t, SECOND, "This moves the station's place");
    tiers_run(t);
    t->nodes[SECOND].offline = true; /* it would bring them */
    tiers_set_back(t, CENTRE, image);
    expect_fallen_and_back(t, records);
    tiers_free(t);
}

/* ... nor does the place in its feed, where that is not past what was acknowledged: only asking
 * shows it. */
static void what_was_acknowledged_and_not_yet_fed_past_is_asked_after(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    hf_record_id records[3];
    losing feed = {.node = STATION, .type = HF_FRAME_FEED, .down = true, .at_most = SIZE_MAX};
    sim_image *image = tiers_image(t, CENTRE, "\x01");
    tiers_wait(t, HF_REDIAL_MAX_MS);
    tap(t, &feed);
    write_three(t, records);
    tiers_set_back(t, CENTRE, image);
    tap(t, NULL);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    for (int i = 0; i < 3; i++)
        assert_string_equal(tiers_summary(t, CENTRE, &records[i]), "Lost at the centre");
    assert_true(tiers_equal(t));
    tiers_free(t);
}

static void a_question_whose_answer_was_lost_is_asked_again(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    hf_record_id records[3];
    losing feed = {.node = STATION, .type = HF_FRAME_FEED, .down = true, .at_most = SIZE_MAX};
    losing answers = {.node = STATION, .type = HF_FRAME_ACK, .down = true, .at_most = SIZE_MAX};
    sim_image *image = tiers_image(t, CENTRE, "\x01");
    tiers_wait(t, HF_REDIAL_MAX_MS);
    tap(t, &feed);
    write_three(t, records);
    tiers_set_back(t, CENTRE, image);
    tap(t, &answers);
    tiers_wait(t, 2 * HF_REDIAL_MIN_MS);
    assert_true(answers.lost > 0);
    tiers_cut(t, STATION);
    tap(t, NULL);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    for (int i = 0; i < 3; i++)
        assert_string_equal(tiers_summary(t, CENTRE, &records[i]), "Lost at the centre");
    tiers_free(t);
}

/* The heads that it went up under are gone; its author signed for more since, or the same. */
static void what_a_centre_lost_goes_up_again_under_the_newest_head(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    hf_record_id records[3];
    losing refills = {.node = STATION, .type = HF_FRAME_REFILL, .at_most = SIZE_MAX};
    sim_image *image = tiers_image(t, CENTRE, ".guard");
    tiers_wait(t, HF_REDIAL_MAX_MS);
    write_three(t, records);
    for (int i = 0; i < 2; i++) { /* long ago: it is past what would be asked after anyway */
        tiers_power_cut(t, STATION);
        tiers_wait(t, HF_REDIAL_MAX_MS);
    }
    tap(t, &refills); /* that way would bring it too */
    t->relayed = 0;
    tiers_set_back(t, CENTRE, image);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_int_equal(t->relayed, 3);
    assert_string_equal(tiers_summary(t, CENTRE, &records[2]), "Lost at the centre");
    assert_int_equal(tiers_place(t, FIRST, FIRST, 3), HF_PLACE_HUB);
    assert_true(tiers_equal(t));
    tiers_free(t);
}

/* Who heard at the centre that it was set back is not told the old word by a station that did not.
 */
static void a_station_that_speaks_by_a_former_centre_is_not_believed(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    hf_record_id records[3];
    losing pushes = {.node = FIRST, .type = HF_FRAME_PUSH, .at_most = SIZE_MAX};
    sim_image *image = tiers_image(t, CENTRE, ".guard");
    tiers_wait(t, HF_REDIAL_MAX_MS);
    write_three(t, records);
    t->nodes[STATION].offline = true;
    tiers_cut(t, STATION);
    tiers_set_back(t, CENTRE, image);
    tap(t, &pushes); /* she cannot bring it herself */
    tiers_go_to(t, FIRST, CENTRE);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_int_equal(tiers_place(t, FIRST, FIRST, 1), HF_PLACE_STATION);
    tiers_go_to(t, FIRST, STATION);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_non_null(t->nodes[FIRST].peer);
    assert_int_equal(tiers_place(t, FIRST, FIRST, 1), HF_PLACE_STATION);
    assert_int_equal(tiers_standing(t, FIRST).at_station, 3);
    tap(t, NULL);
    t->nodes[STATION].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_int_equal(tiers_place(t, FIRST, FIRST, 3), HF_PLACE_HUB);
    assert_string_equal(tiers_summary(t, CENTRE, &records[0]), "Lost at the centre");
    tiers_free(t);
}

/* ---- lost on the way, or brought by another ---- */

/* So many RELAYs are lost, and the session lives on: what was in them comes all the same. */
static void expect_relayed_without(size_t lost, uint64_t within_ms)
{
    tiers *t = tiers_new(2);
    losing relays = {.node = STATION, .type = HF_FRAME_RELAY, .at_most = lost};
    tap(t, &relays);
    hf_record_id record = tiers_crime(t, FIRST, "The last word of the day");
    tiers_run(t);
    assert_string_equal(tiers_summary(t, CENTRE, &record), "");
    hf_peer *session = t->nodes[STATION].peer;
    tiers_wait(t, within_ms);
    assert_int_equal(relays.lost, lost);
    assert_string_equal(tiers_summary(t, CENTRE, &record), "The last word of the day");
    assert_ptr_equal(t->nodes[STATION].peer, session);
    assert_int_equal(tiers_place(t, FIRST, FIRST, 1), HF_PLACE_HUB);
    tiers_free(t);
}

static void a_single_relay_that_was_lost_is_noticed_and_goes_again(void **state)
{
    (void)state;
    expect_relayed_without(1, 2 * HF_PACE_PATIENCE_MS);
}

static void a_question_that_was_lost_is_asked_again(void **state)
{
    (void)state;
    expect_relayed_without(2, 3 * HF_PACE_PATIENCE_MS); /* the second one asks for the first */
}

/* Another device that held it brought it to the centre: its author, at the station, hears so. */
static void an_author_hears_that_another_brought_his_work_to_the_centre(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    losing relays = {.node = STATION, .type = HF_FRAME_RELAY, .at_most = SIZE_MAX};
    t->nodes[STATION].offline = true;
    tiers_cut(t, STATION);
    hf_record_id record = tiers_crime(t, FIRST, "Carried by a colleague");
    tiers_run(t);
    assert_string_equal(tiers_summary(t, SECOND, &record), "Carried by a colleague");
    tiers_go_to(t, SECOND, CENTRE);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, CENTRE, &record), "Carried by a colleague");
    assert_int_equal(tiers_standing(t, FIRST).at_station, 1);
    tap(t, &relays); /* it goes no other way */
    t->nodes[STATION].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_int_equal(tiers_standing(t, FIRST).at_station, 0);
    assert_int_equal(tiers_place(t, FIRST, FIRST, 1), HF_PLACE_HUB);
    assert_int_equal(tiers_place(t, STATION, FIRST, 1), HF_PLACE_HUB);
    tiers_free(t);
}

/* ---- outages ---- */

/* A station notes when it was away itself, for its own account. That is no client's outage: told
 * upstream, it would end each session as malformed. */
static void a_station_keeps_its_own_absence_to_itself(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    sim_image *image = tiers_image(t, CENTRE, ".guard");
    hf_hub *hub = t->nodes[STATION].hub;
    assert_int_equal(hf_hub_begin(hub, t->now_ms, tiers_wall_ms(t)), HF_OK);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    tiers_power_cut(t, STATION);
    t->now_ms += 5 * 60 * 1000;
    hub = t->nodes[STATION].hub;
    assert_int_equal(hf_hub_begin(hub, t->now_ms, tiers_wall_ms(t)), HF_OK);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    tiers_set_back(t, CENTRE, image); /* so that all that was told is told again */
    memset(t->down, 0, sizeof t->down);
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    assert_int_equal(t->down[HF_FRAME_ERROR], 0);
    assert_true(t->up[HF_FRAME_PROBE] > 0);
    assert_non_null(t->nodes[STATION].peer);
    tiers_free(t);
}

/* ---- a station that is lost for good ---- */

/* Its devices' copies rebuild what it had not sent, the author's own or not. */
static void what_a_lost_station_had_not_sent_comes_back_from_whoever_read_it_there(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    tiers_go_to(t, SECOND, CENTRE); /* it has a place in the centre's feed, by which it resumes */
    tiers_wait(t, HF_REDIAL_MAX_MS);
    tiers_go_to(t, SECOND, STATION);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    tiers_leave(t, STATION);
    hf_record_id record = tiers_crime(t, FIRST, "Only at the station");
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, SECOND, &record), "Only at the station");
    tiers_shut(t, STATION);
    tiers_leave(t, FIRST); /* burnt with the station */
    tiers_go_to(t, SECOND, CENTRE);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_int_equal(hf_hub_revoke(t->nodes[CENTRE].hub, "north", "Insp Hall", "it burnt down",
                                   tiers_wall_ms(t)),
                     HF_OK);
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, CENTRE, &record), "Only at the station");
    tiers_free(t);
}

/* Of what its former life wrote, it got back what it may see; its head would not be the hub's. */
static void a_device_that_was_set_back_signs_no_former_log_that_it_holds_in_part(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_batch *batch;
    losing heads = {.node = FIRST, .type = HF_FRAME_HEAD, .at_most = SIZE_MAX};
    sim_image *image = tiers_image(t, FIRST, ".guard");
    tiers_wait(t, HF_REDIAL_MAX_MS);
    tiers_leave(t, STATION); /* the centre has none of it, so that its heads are wanted */
    hf_grant grants[] = {{t->beat, true, "beat"}, {99, true, "not granted"}};
    assert_int_equal(hf_batch_begin(t->nodes[FIRST].store, tiers_wall_ms(t), &batch), HF_OK);
    assert_int_equal(hf_batch_grants(batch, grants, 2), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    tap(t, &heads);
    (void)tiers_crime(t, FIRST, "First");
    uint32_t beat = t->beat;
    t->beat = 99; /* the device was made to believe that it may */
    (void)tiers_crime(t, FIRST, "Where it may not look");
    t->beat = beat;
    hf_record_id last = tiers_crime(t, FIRST, "Last");
    tiers_run(t);
    tap(t, NULL);
    tiers_set_back(t, FIRST, image);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, FIRST, &last), "Last");
    tiers_cut(t, FIRST);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_int_equal(t->down[HF_FRAME_ERROR], 0);
    assert_non_null(t->nodes[FIRST].peer);
    tiers_free(t);
}

/* The centre had no more of its former log than it, as it came. What the station it was at had
 * comes to it by the centre all the same; and nothing that it sent itself. */
static void what_comes_later_of_its_former_life_reaches_a_device_that_was_set_back(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    (void)tiers_crime(t, FIRST, "First");
    tiers_wait(t, HF_REDIAL_MAX_MS);
    sim_image *image = tiers_image(t, FIRST, ".guard");
    tiers_wait(t, HF_REDIAL_MAX_MS);
    tiers_leave(t, STATION);
    hf_record_id last = tiers_crime(t, FIRST, "Last");
    tiers_run(t);
    tiers_set_back(t, FIRST, image);
    tiers_go_to(t, FIRST, CENTRE);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, FIRST, &last), "");
    tiers_come_back(t, STATION);
    assert_string_equal(tiers_summary(t, CENTRE, &last), "Last");
    assert_string_equal(tiers_summary(t, FIRST, &last), "Last");
    tiers_cut(t, FIRST);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_int_equal(t->down[HF_FRAME_ERROR], 0);
    assert_true(tiers_equal(t));
    tiers_free(t);
}

/* A tap: counts entries of crimes that the first device is fed. */
static bool count_crimes(tiers *t, size_t node, bool down, const hf_message *message,
                         hf_buffer *instead)
{
    size_t *count = t->context;
    (void)down, (void)instead;
    if (node != FIRST || message->type != HF_FRAME_FEED) return true;
    for (hf_bodies walk = hf_bodies_of_runs(&message->as.feed.runs); hf_next_body(&walk);)
        *count += walk.lane == HF_LANE_CRIME;
    return true;
}

/* It had not come to send it when it got another name: it goes up, and does not come back down. */
static void what_a_device_sends_of_a_former_life_is_not_fed_to_it(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    tiers_go_to(t, FIRST, CENTRE);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    tiers_leave(t, FIRST);
    hf_record_id unsent = tiers_crime(t, FIRST, "Not sent yet");
    tiers_set_back(t, FIRST, tiers_image(t, FIRST, ".guard"));
    size_t fed = 0;
    t->tap = count_crimes;
    t->context = &fed;
    tiers_come_back(t, FIRST);
    assert_string_equal(tiers_summary(t, CENTRE, &unsent), "Not sent yet");
    assert_int_equal(fed, 0);
    tiers_free(t);
}

/* By nobody's session: as a colleague or a bundle brought it. */
static void give(tiers *t, size_t to, const hf_origin_row *author, const hf_buffer *body)
{
    hf_batch *batch;
    hf_applied_entry applied;
    const hf_origin_row *row;
    hf_store *store = t->nodes[to].store;
    assert_int_equal(hf_batch_begin(store, tiers_wall_ms(t), &batch), HF_OK);
    assert_int_equal(hf_origin_learn(store, author->key_id, author->incarnation,
                                     t->nodes[FIRST].crypto.table.own_certificate, &row),
                     HF_OK);
    assert_int_equal(hf_batch_entry(batch, row, HF_LANE_CRIME, hf_buffer_bytes(body), 0, &applied),
                     HF_OK);
    assert_int_equal(applied.what, HF_APPLIED_NEW);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

/* What lies behind a gap in its former log it may not send. Once the gap is filled it does, in the
 * session in which that came, and signs for it, so that a station can pass it on. */
static void what_lies_behind_a_gap_in_a_former_life_goes_up_once_that_is_filled(void **state)
{
    (void)state;
    static const char *const scopes[] = {"beat", "yard"};
    tiers *t = tiers_new_in(1, scopes, 2);
    hf_buffer second = {0}, third = {0};
    uint32_t beat = t->beat;
    tiers_go_to(t, FIRST, CENTRE);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    (void)tiers_crime(t, FIRST, "First");
    tiers_run(t);
    sim_image *image = tiers_image(t, FIRST, ".guard");
    tiers_leave(t, FIRST);
    assert_int_equal(hf_scope_by_name(t->nodes[CENTRE].store, "yard", &t->beat), HF_OK);
    hf_record_id lost = tiers_crime(t, FIRST, "In the yard");
    t->beat = beat;
    hf_record_id behind = tiers_crime(t, FIRST, "Behind it");
    tiers_body(t, FIRST, 2, &second);
    tiers_body(t, FIRST, 3, &third);
    const hf_origin_row former = *hf_store_own_origin(t->nodes[FIRST].store);
    tiers_set_back(t, FIRST, image);
    give(t, FIRST, &former, &third);
    tiers_come_back(t, FIRST);
    assert_string_equal(tiers_summary(t, CENTRE, &behind), "");
    size_t hellos = t->up[HF_FRAME_HELLO], heads = t->up[HF_FRAME_HEAD];
    give(t, CENTRE, &former, &second);
    tiers_wait(t, 2 * HF_HEAD_INTERVAL_MS);
    assert_string_equal(tiers_summary(t, FIRST, &lost), "In the yard");
    assert_string_equal(tiers_summary(t, CENTRE, &behind), "Behind it");
    assert_int_equal(t->up[HF_FRAME_HELLO], hellos);
    assert_int_equal(t->up[HF_FRAME_HEAD], heads + 1);
    hf_buffer_free(&second);
    hf_buffer_free(&third);
    tiers_free(t);
}

static bool count_told(tiers *t, size_t node, bool down, const hf_message *message,
                       hf_buffer *instead)
{
    (void)instead;
    if (node == STATION && !down && message->type == HF_FRAME_PROBE)
        *(size_t *)t->context += message->as.probe.outages.count;
    return true;
}

/* Its own falls stand beside what it saw of its centre, and are not for the centre. */
static void a_station_that_fell_tells_of_its_centres_absence_once(void **state)
{
    (void)state;
    size_t told = 0;
    tiers *t = tiers_new(1);
    t->tap = count_told;
    t->context = &told;
    for (int i = 0; i < 2; i++) {
        tiers_power_cut(t, STATION);
        tiers_wait(t, HF_CUT_OFF_MS);
        hf_hub *hub = t->nodes[STATION].hub;
        assert_int_equal(hf_hub_begin(hub, t->now_ms, tiers_wall_ms(t)), HF_OK);
    }
    tiers_leave(t, STATION);
    tiers_wait(t, 2 * HF_CUT_OFF_MS);
    tiers_come_back(t, STATION);
    tiers_wait(t, 2 * HF_PROBE_EVERY_MS);
    size_t once = told;
    assert_true(once > 0);
    for (int i = 0; i < 3; i++) {
        tiers_cut(t, STATION);
        tiers_wait(t, 2 * HF_PROBE_EVERY_MS);
    }
    assert_int_equal(told, once);
    tiers_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_lost_station_had_not_sent_comes_back_from_whoever_read_it_there),
        cmocka_unit_test(a_device_that_was_set_back_signs_no_former_log_that_it_holds_in_part),
        cmocka_unit_test(what_comes_later_of_its_former_life_reaches_a_device_that_was_set_back),
        cmocka_unit_test(what_lies_behind_a_gap_in_a_former_life_goes_up_once_that_is_filled),
        cmocka_unit_test(what_a_device_sends_of_a_former_life_is_not_fed_to_it),
        cmocka_unit_test(what_a_set_back_centre_lost_goes_up_again_and_falls_back_meanwhile),
        cmocka_unit_test(a_loss_that_the_centre_did_not_notice_is_made_good_too),
        cmocka_unit_test(what_was_acknowledged_and_not_yet_fed_past_is_asked_after),
        cmocka_unit_test(a_question_whose_answer_was_lost_is_asked_again),
        cmocka_unit_test(what_a_centre_lost_goes_up_again_under_the_newest_head),
        cmocka_unit_test(a_station_that_speaks_by_a_former_centre_is_not_believed),
        cmocka_unit_test(a_single_relay_that_was_lost_is_noticed_and_goes_again),
        cmocka_unit_test(a_question_that_was_lost_is_asked_again),
        cmocka_unit_test(an_author_hears_that_another_brought_his_work_to_the_centre),
        cmocka_unit_test(a_station_keeps_its_own_absence_to_itself),
        cmocka_unit_test(a_station_that_fell_tells_of_its_centres_absence_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
