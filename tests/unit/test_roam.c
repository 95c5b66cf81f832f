/* test_roam.c: a device goes from hub to hub. What it had at one it is not fed again at the other;
 * what it did not have, it is. */
#include "tiers.h"

#include "hub/peer.h"
#include "sync/safe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    CENTRE = TIERS_CENTRE,
    STATION = TIERS_STATION,
    FIRST = TIERS_EDGE, /* who roams */
    SECOND,             /* stays at the station */
    THIRD,              /* at the centre */
    SOME = 20
};

typedef struct heard { /* by FIRST since it was cleared */
    size_t entries, heads, origins, named;
    size_t cut_after; /* FEED frames, and its link is lost; 0: never */
    size_t feeds;
} heard;

static size_t named_in(const hf_hello *hello)
{
    hf_elsewhere group;
    size_t count = 0;
    for (hf_list walk = hello->elsewhere; hf_next_elsewhere(&walk, &group);)
        count += group.lanes.size;
    return count;
}

static size_t entries_in(const hf_feed *feed)
{
    size_t count = 0;
    hf_bodies walk = hf_bodies_of_runs(&feed->runs);
    while (hf_next_body(&walk)) count++;
    return count;
}

static bool listen(tiers *t, size_t node, bool down, const hf_message *message, hf_buffer *instead)
{
    heard *h = t->context;
    (void)instead;
    if (node != FIRST) return true;
    if (!down && message->type == HF_FRAME_HELLO) h->named += named_in(&message->as.hello);
    if (!down) return true;
    if (h->cut_after && h->feeds == h->cut_after) return false; /* it is lost, with what follows */
    if (message->type == HF_FRAME_FEED) h->entries += entries_in(&message->as.feed);
    if (message->type == HF_FRAME_FEED) h->feeds++;
    if (message->type == HF_FRAME_HEADS) h->heads += message->as.heads.heads.count;
    if (message->type == HF_FRAME_ORIGIN) h->origins++;
    return true;
}

/* FIRST has met both hubs and is at the station; THIRD is at the centre. */
static tiers *begin(heard *h)
{
    tiers *t = tiers_new(3);
    tiers_go_to(t, THIRD, CENTRE);
    tiers_go_to(t, FIRST, CENTRE);
    tiers_wait(t, 2 * HF_REDIAL_MIN_MS);
    tiers_go_to(t, FIRST, STATION);
    tiers_wait(t, 2 * HF_REDIAL_MIN_MS);
    *h = (heard){.entries = 0};
    t->tap = listen;
    t->context = h;
    return t;
}

static void go(tiers *t, size_t hub)
{
    heard *h = t->context;
    tiers_go_to(t, FIRST, hub);
    *h = (heard){.cut_after = h->cut_after};
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    assert_non_null(t->nodes[FIRST].peer);
}

/* Where FIRST says that the first of what SECOND wrote is. */
static hf_place place_of(tiers *t)
{
    hf_place place;
    hf_dot dot = {
        .origin = hf_store_own_origin(t->nodes[SECOND].store)->id, .lane = HF_LANE_CRIME, .seq = 1};
    assert_int_equal(hf_safe_place(t->nodes[FIRST].store, &dot, &place), HF_OK);
    return place;
}

static void write_some(tiers *t, size_t node)
{
    for (int i = 0; i < SOME; i++) (void)tiers_crime(t, node, "Meanwhile");
    tiers_run(t);
}

/* Both ways: what came elsewhere is named, heads and all, and not fed; what came here is fed. */
static void what_was_had_elsewhere_is_not_fed_again_and_what_was_not_is(void **state)
{
    (void)state;
    heard h;
    tiers *t = begin(&h);
    tiers_leave(t, STATION); /* from the centre: each side has its own */
    write_some(t, SECOND);
    write_some(t, THIRD);
    assert_int_equal(place_of(t), HF_PLACE_STATION);
    tiers_leave(t, FIRST);
    tiers_come_back(t, STATION);
    t->nodes[FIRST].offline = false;
    go(t, CENTRE);
    assert_int_equal(h.entries, SOME);
    assert_int_equal(h.heads, 1);
    assert_int_equal(place_of(t), HF_PLACE_HUB); /* the hub said so */
    assert_true(tiers_equal(t));
    write_some(t, THIRD);
    go(t, STATION);
    assert_int_equal(h.entries, 0);
    assert_int_equal(h.heads, 0);
    assert_int_equal(h.origins, 0);
    assert_true(tiers_equal(t));
    go(t, STATION); /* nor the next time, when there is nothing to name */
    assert_int_equal(h.named, 0);
    assert_int_equal(h.heads, 0);
    assert_int_equal(h.origins, 0);
    write_some(t, SECOND);
    assert_int_equal(h.entries, SOME); /* what is written from now on comes as ever */
    assert_true(tiers_equal(t));
    tiers_free(t);
}

/* Its vectors say what it holds, and how far its heads go: nothing of that comes again; and it
 * hears how much of that is there. */
static void at_a_first_visit_nothing_comes_that_it_has(void **state)
{
    (void)state;
    heard h = {.entries = 0};
    tiers *t = tiers_new(3);
    t->tap = listen;
    t->context = &h;
    tiers_go_to(t, THIRD, CENTRE);
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    write_some(t, SECOND);
    write_some(t, THIRD);
    assert_int_equal(place_of(t), HF_PLACE_STATION);
    go(t, CENTRE);
    assert_int_equal(h.entries, 0);
    assert_int_equal(h.heads, 0);
    assert_int_equal(h.origins, 0);
    assert_int_equal(place_of(t), HF_PLACE_HUB); /* the hub said so */
    assert_int_equal(t->nodes[CENTRE].hub->had_count, 0);
    write_some(t, SECOND);
    assert_int_equal(h.entries, SOME);
    assert_true(tiers_equal(t));
    tiers_free(t);
}

/* It comes to the centre by the station's relay, when the device is there already: that it is fed
 * then tells the device where it is. */
static void what_reaches_the_hub_after_the_device_is_fed(void **state)
{
    (void)state;
    heard h;
    tiers *t = begin(&h);
    tiers_leave(t, STATION);
    write_some(t, SECOND);
    go(t, CENTRE);
    assert_true(h.named > 0);
    assert_int_equal(place_of(t), HF_PLACE_STATION);
    tiers_come_back(t, STATION);
    assert_int_equal(h.entries, SOME);
    assert_int_equal(place_of(t), HF_PLACE_HUB);
    assert_true(tiers_equal(t));
    tiers_free(t);
}

/* Its place at the hub has moved by then; what it had elsewhere is still to come. */
static void what_was_named_on_a_link_that_was_lost_is_named_on_the_next(void **state)
{
    (void)state;
    heard h;
    tiers *t = begin(&h);
    tiers_leave(t, STATION);
    write_some(t, SECOND);
    for (int i = 0; i < 30; i++) write_some(t, THIRD); /* more than one frame */
    tiers_leave(t, FIRST);
    tiers_come_back(t, STATION);
    uint64_t before = tiers_standing(t, FIRST).entries;
    t->nodes[FIRST].offline = false;
    h.cut_after = 2;
    go(t, CENTRE);
    size_t at_first = h.entries;
    assert_int_equal(h.feeds, 2);
    assert_in_range(at_first, 1, 30 * SOME - 1);
    h.cut_after = 0;
    go(t, CENTRE);
    assert_int_equal(at_first + h.entries, 30 * SOME);
    assert_int_equal(tiers_standing(t, FIRST).entries, before + 30 * SOME);
    assert_true(tiers_equal(t));
    tiers_free(t);
}

/* A device that was restored from a backup names what it holds now, and not what it once had. */
static void a_device_that_was_set_back_is_fed_what_it_lost(void **state)
{
    (void)state;
    heard h;
    tiers *t = begin(&h);
    write_some(t, SECOND);
    sim_image *image = tiers_image(t, FIRST, "none");
    tiers_wait(t, 2 * HF_REDIAL_MIN_MS);
    write_some(t, SECOND);
    tiers_set_back(t, FIRST, image);
    go(t, CENTRE);
    assert_int_equal(h.entries, SOME);
    assert_true(tiers_equal(t));
    tiers_free(t);
}

/* Its epoch is another, so the vectors tell. */
static void at_a_hub_that_was_set_back_vectors_tell(void **state)
{
    (void)state;
    heard h;
    tiers *t = begin(&h);
    sim_image *image = tiers_image(t, CENTRE, ".guard");
    write_some(t, SECOND);
    tiers_set_back(t, CENTRE, image);
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    t->up[HF_FRAME_VECTOR] = 0;
    go(t, CENTRE);
    assert_true(t->up[HF_FRAME_VECTOR] > 0);
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    assert_true(tiers_equal(t));
    tiers_free(t);
}

/* The station had no more of an entry than its hashes. The centre has it whole. */
static void what_came_by_its_hashes_is_fed_whole(void **state)
{
    (void)state;
    heard h;
    tiers *t = begin(&h);
    tiers_leave(t, STATION);
    hf_record_id before = tiers_crime(t, THIRD, "Before");
    hf_record_id hollow = tiers_crime(t, THIRD, "Hashes elsewhere");
    hf_record_id behind = tiers_crime(t, THIRD, "Behind");
    tiers_run(t);
    for (uint64_t seq = 1; seq <= 3; seq++)
        tiers_bring(t, THIRD, STATION, &(tiers_piece){.seq = seq, .emptied = seq == 2});
    tiers_cut(t, FIRST);
    tiers_wait(t, 2 * HF_REDIAL_MIN_MS);
    assert_string_equal(tiers_summary(t, FIRST, &before), "Before");
    assert_string_equal(tiers_summary(t, FIRST, &hollow), "");
    assert_string_equal(tiers_summary(t, FIRST, &behind), "Behind");
    go(t, CENTRE);
    assert_int_equal(h.entries, 2);
    assert_string_equal(tiers_summary(t, FIRST, &hollow), "Hashes elsewhere");
    tiers_free(t);
}

/* Costly, and right. */
static void where_a_hub_has_no_room_for_names_all_is_fed(void **state)
{
    (void)state;
    heard h;
    tiers *t = begin(&h);
    write_some(t, SECOND);
    t->nodes[CENTRE].hub->had_count = HF_ELSEWHERE_HUB_MAX;
    go(t, CENTRE);
    assert_true(h.named > 0);
    assert_int_equal(h.entries, SOME);
    assert_int_equal(t->nodes[CENTRE].hub->had_count, HF_ELSEWHERE_HUB_MAX);
    t->nodes[CENTRE].hub->had_count = 0;
    assert_true(tiers_equal(t));
    tiers_free(t);
}

/* What is fed past is forgotten. */
static void a_hub_remembers_names_no_longer_than_they_matter(void **state)
{
    (void)state;
    heard h;
    tiers *t = begin(&h);
    hf_hub *hub = t->nodes[CENTRE].hub;
    write_some(t, SECOND);
    go(t, CENTRE);
    assert_true(h.named > 0);
    assert_int_equal(hub->had_count, 0);
    tiers_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_had_elsewhere_is_not_fed_again_and_what_was_not_is),
        cmocka_unit_test(at_a_first_visit_nothing_comes_that_it_has),
        cmocka_unit_test(what_reaches_the_hub_after_the_device_is_fed),
        cmocka_unit_test(what_was_named_on_a_link_that_was_lost_is_named_on_the_next),
        cmocka_unit_test(a_device_that_was_set_back_is_fed_what_it_lost),
        cmocka_unit_test(at_a_hub_that_was_set_back_vectors_tell),
        cmocka_unit_test(what_came_by_its_hashes_is_fed_whole),
        cmocka_unit_test(where_a_hub_has_no_room_for_names_all_is_fed),
        cmocka_unit_test(a_hub_remembers_names_no_longer_than_they_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
