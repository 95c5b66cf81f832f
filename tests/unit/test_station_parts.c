/* test_station_parts.c: a station, or its centre, that has a log in part: what it passes on of it,
 * and what it then says of the rest. */
#include "tiers.h"

#include "sync/control.h"
#include "sync/coverage.h"
#include "sync/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { CENTRE = TIERS_CENTRE, STATION = TIERS_STATION, FIRST = TIERS_EDGE };

/* Hands entry `seq` of FIRST's to `node`, as another device that holds it would. */
static void bring(tiers *t, size_t node, uint64_t seq, bool emptied, bool headed, uint32_t reason)
{
    tiers_piece piece = {.seq = seq, .emptied = emptied, .headed = headed, .reason = reason};
    tiers_bring(t, FIRST, node, &piece);
}

/* Of a write that another station withheld, a device brings its hashes. They are not the write:
 * the centre would have to judge what nobody has shown it. */
static void hashes_alone_are_not_relayed(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    t->nodes[FIRST].offline = t->nodes[STATION].offline = true;
    tiers_cut(t, FIRST);
    tiers_cut(t, STATION);
    hf_record_id record = tiers_crime(t, FIRST, "Withheld elsewhere");
    bring(t, STATION, 1, true, true, 0);
    t->nodes[STATION].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_non_null(t->nodes[STATION].peer);
    assert_int_equal(tiers_standing(t, CENTRE).withheld, 0);
    assert_string_equal(tiers_summary(t, CENTRE, &record), "");
    t->nodes[FIRST].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, STATION, &record), "Withheld elsewhere");
    assert_string_equal(tiers_summary(t, CENTRE, &record), "Withheld elsewhere");
    assert_int_equal(tiers_standing(t, CENTRE).withheld, 0);
    assert_true(tiers_equal(t));
    tiers_free(t);
}

/* The centre was brought a log by a device that may see only a part of it, and feeds that. Its
 * author, who comes with all of it, must not be told that the centre has the rest. */
static void what_is_fed_from_behind_a_gap_says_nothing_of_the_gap(void **state)
{
    (void)state;
    static const char *const both[] = {"beat", "covert"};
    uint32_t covert;
    tiers *t = tiers_new_in(1, both, 2);
    uint32_t beat = t->beat;
    assert_int_equal(hf_scope_by_name(t->nodes[CENTRE].store, "covert", &covert), HF_OK);
    t->nodes[FIRST].offline = true;
    tiers_cut(t, FIRST);
    tiers_cut(t, STATION);
    t->beat = covert;
    hf_record_id first = tiers_crime(t, FIRST, "The centre has it not");
    t->beat = beat;
    hf_record_id second = tiers_crime(t, FIRST, "The centre has it");
    bring(t, CENTRE, 2, false, false, 0);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, STATION, &second), "The centre has it");
    hf_edge_status status; /* that it has no head to ask by is no reason to wait */
    hf_edge_status_get(t->nodes[STATION].edge, &status);
    assert_int_equal(status.link, HF_LINK_IN_SYNC);
    t->nodes[STATION].offline = true;
    tiers_cut(t, STATION);
    t->nodes[FIRST].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, STATION, &first), "The centre has it not");
    assert_int_equal(tiers_standing(t, FIRST).at_station, 2);
    t->nodes[STATION].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, CENTRE, &first), "The centre has it not");
    assert_int_equal(tiers_standing(t, FIRST).at_station, 0);
    tiers_free(t);
}

static bool centre_holds_the_first(tiers *t)
{
    uint8_t chain[HF_HASH_SIZE];
    hf_store *centre = t->nodes[CENTRE].store;
    const hf_origin_id *id = &hf_store_own_origin(t->nodes[FIRST].store)->id;
    const hf_origin_row *author = hf_origin_by_id(centre, id);
    return hf_log_chain_at(centre, author->no, HF_LANE_CRIME, 1, chain) == HF_OK;
}

/* Whether the device was told that any of its crimes is at the centre, before the first was. */
static bool hear(tiers *t, size_t node, bool down, const hf_message *message, hf_buffer *instead)
{
    bool *early = t->context;
    hf_acked acked;
    (void)instead;
    hf_list logs = message->as.ack.logs;
    if (!down || node != FIRST || message->type != HF_FRAME_ACK) return true;
    while (hf_next_acked(&logs, &acked))
        if (acked.lane == HF_LANE_CRIME && acked.central > 0 && !centre_holds_the_first(t))
            *early = true;
    return true;
}

/* Brought scope by scope, a log is fed so: its later entries before the earlier ones. */
static void what_is_fed_out_of_order_says_nothing_of_a_gap(void **state)
{
    (void)state;
    static const char *const three[] = {"beat", "covert", "other"};
    const char *const order[] = {"covert", "beat", "other", "other"};
    tiers *t = tiers_new_in(1, three, 3);
    t->nodes[STATION].offline = true;
    tiers_cut(t, STATION);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(hf_scope_by_name(t->nodes[CENTRE].store, order[i], &t->beat), HF_OK);
        (void)tiers_crime(t, FIRST, order[i]);
    }
    tiers_run(t);
    assert_int_equal(tiers_standing(t, FIRST).at_station, 4);
    bring(t, CENTRE, 3, false, false, 0);
    bring(t, CENTRE, 4, false, false, 0);
    bring(t, CENTRE, 2, false, false, 0);
    bool early = false;
    t->tap = hear;
    t->context = &early;
    t->nodes[STATION].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_false(early);
    assert_int_equal(tiers_standing(t, FIRST).at_station, 0);
    assert_int_equal(tiers_standing(t, CENTRE).entries, tiers_standing(t, STATION).entries);
    tiers_free(t);
}

static bool no_head(tiers *t, size_t node, bool down, const hf_message *message, hf_buffer *instead)
{
    (void)t, (void)node, (void)down, (void)instead;
    return message->type != HF_FRAME_HEAD;
}

/* It is fed before the head by which the station can ask: once that has come, it asks. */
static void a_log_held_in_part_is_asked_about_once_its_author_has_signed(void **state)
{
    (void)state;
    static const char *const both[] = {"beat", "covert", NULL};
    tiers *t = tiers_new(0);
    size_t edge = tiers_add_device(t, "khan", both, CENTRE); /* more than the station serves */
    uint32_t beat = t->beat;
    assert_int_equal(hf_scope_by_name(t->nodes[CENTRE].store, "covert", &t->beat), HF_OK);
    (void)tiers_crime(t, edge, "Not for the station");
    t->beat = beat;
    t->tap = no_head;
    hf_record_id record = tiers_crime(t, edge, "For the station, too");
    tiers_wait(t, HF_REDIAL_MIN_MS);
    assert_string_equal(tiers_summary(t, STATION, &record), "For the station, too");
    assert_int_equal(tiers_place(t, STATION, edge, 2), HF_PLACE_STATION);
    t->tap = NULL;
    tiers_cut(t, edge); /* it signs anew on the next link */
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_int_equal(tiers_place(t, STATION, edge, 2), HF_PLACE_HUB);
    tiers_free(t);
}

static bool no_refill(tiers *t, size_t node, bool down, const hf_message *message,
                      hf_buffer *instead)
{
    (void)t, (void)node, (void)down, (void)instead;
    return message->type != HF_FRAME_REFILL;
}

/* What a device had of a station is there, on its screens, until the centre has shown it that: a
 * later entry of the same log does not. */
static void what_a_colleague_wrote_is_not_at_the_centre_before_that_has_shown_it(void **state)
{
    (void)state;
    enum { OTHER = FIRST + 1 };
    static const char *const both[] = {"beat", "other"};
    tiers *t = tiers_new_in(2, both, 2);
    tiers_go_to(t, OTHER, CENTRE);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    tiers_leave(t, STATION);
    tiers_go_to(t, OTHER, STATION);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    for (int i = 0; i < 2; i++) (void)tiers_crime(t, FIRST, "At the station");
    tiers_run(t);
    assert_int_equal(tiers_place(t, OTHER, FIRST, 2), HF_PLACE_STATION);
    tiers_leave(t, OTHER);
    assert_int_equal(hf_scope_by_name(t->nodes[CENTRE].store, "other", &t->beat), HF_OK);
    (void)tiers_crime(t, FIRST, "At the station");
    tiers_run(t);
    bring(t, CENTRE, 3, false, false, 0);
    t->tap = no_refill;
    tiers_go_to(t, OTHER, CENTRE);
    tiers_come_back(t, OTHER);
    assert_int_equal(tiers_place(t, OTHER, FIRST, 3), HF_PLACE_HUB);
    assert_int_equal(tiers_place(t, OTHER, FIRST, 2), HF_PLACE_STATION);
    assert_int_equal(tiers_place(t, OTHER, FIRST, 1), HF_PLACE_STATION);
    tiers_free(t);
}

/* Nothing withholds it any more, and the verdict that opened it came before: only by what it says
 * of the log does the device ask for the body. */
static void what_is_had_by_its_hashes_comes_whole_by_vectors(void **state)
{
    (void)state;
    enum { OTHER = FIRST + 1 };
    tiers *t = tiers_new(2);
    tiers_leave(t, OTHER);
    hf_record_id record = tiers_crime(t, FIRST, "Whole at the centre");
    (void)tiers_crime(t, FIRST, "And more");
    tiers_run(t);
    bring(t, OTHER, 1, true, false, 0);
    bring(t, OTHER, 2, false, false, 0);
    assert_string_equal(tiers_summary(t, OTHER, &record), "");
    tiers_go_to(t, OTHER, CENTRE); /* for the first time: by vectors */
    tiers_come_back(t, OTHER);
    assert_string_equal(tiers_summary(t, OTHER, &record), "Whole at the centre");
    assert_true(tiers_equal(t));
    tiers_free(t);
}

/* A write that is withheld by its header alone: the hub still owes its author the body's safety. */
static void hashes_are_not_acknowledged_whatever_the_verdict(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_store *centre = t->nodes[CENTRE].store;
    const hf_origin_row *own = hf_store_own_origin(t->nodes[FIRST].store);
    uint64_t dense = 1;
    t->nodes[FIRST].offline = true;
    tiers_cut(t, FIRST);
    (void)tiers_crime(t, FIRST, "Where she may not write");
    bring(t, CENTRE, 1, true, false, HF_REASON_NO_GRANT);
    const hf_origin_row *row = hf_origin_by_id(centre, &own->id);
    assert_int_equal(hf_log_dense(centre, row->no, HF_LANE_CRIME, &dense), HF_OK);
    assert_int_equal(dense, 0);
    t->nodes[FIRST].offline = false;
    tiers_go_to(t, FIRST, CENTRE);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_int_equal(hf_log_dense(centre, row->no, HF_LANE_CRIME, &dense), HF_OK);
    assert_true(dense >= 1); /* its number may have come, which is a write of its own */
    tiers_free(t);
}

static hf_status is_in_a_wrong_lane(void *context, const hf_entry_body *entry, uint32_t *reason)
{
    (void)context;
    *reason = entry->erased_count == entry->part_count ? 0 : HF_REASON_LANE;
    return HF_OK;
}

/* Only its body shows that a write is not allowed; until then nobody can tell. */
static void what_came_by_its_hashes_is_judged_once_it_is_whole(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_store *centre = t->nodes[CENTRE].store;
    const hf_origin_row *own = hf_store_own_origin(t->nodes[FIRST].store);
    hf_batch *batch;
    hf_applied_entry applied;
    hf_entry_body entry;
    hf_buffer body = {0};
    t->nodes[FIRST].offline = true;
    tiers_cut(t, FIRST);
    hf_record_id record = tiers_crime(t, FIRST, "In a wrong lane");
    bring(t, CENTRE, 1, true, false, 0);
    tiers_body(t, FIRST, 1, &body);
    assert_int_equal(hf_entry_parse(hf_buffer_bytes(&body), &entry), HF_OK);
    assert_int_equal(hf_batch_begin(centre, tiers_wall_ms(t), &batch), HF_OK);
    assert_int_equal(hf_batch_judged(batch, hf_origin_by_id(centre, &own->id), HF_LANE_CRIME,
                                     &entry, is_in_a_wrong_lane, NULL, &applied),
                     HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    assert_int_equal(applied.what, HF_APPLIED_WITHHELD);
    assert_int_equal(applied.reason, HF_REASON_LANE);
    assert_string_equal(tiers_summary(t, CENTRE, &record), "");
    hf_buffer_free(&body);
    tiers_free(t);
}

static void lose_beside(tiers *t, const char *end)
{
    size_t *size;
    if (sim_disk_rot(t->nodes[STATION].disk, end, &size)) *size = 0;
}

/* It may have forgotten who was revoked. Nothing of that is its own word, so nobody has to say what
 * is lost: while the centre is dark it takes what is brought, and after that it serves. */
static void a_restored_station_serves_once_it_has_heard_the_centre(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    const uint8_t *stolen = t->nodes[FIRST + 1].crypto.table.own_key_id;
    tiers_shut(t, STATION);
    sim_image *image = sim_disk_copy(t->nodes[STATION].disk, "\x01");
    assert_non_null(image);
    tiers_open(t, STATION);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    hf_record_id here = tiers_crime(t, FIRST, "Held at the station");
    assert_int_equal(
        hf_hub_revoke(t->nodes[CENTRE].hub, "edge1", "an operator", "lost", tiers_wall_ms(t)),
        HF_OK);
    tiers_run(t);
    tiers_shut(t, STATION);
    assert_true(sim_disk_restore(t->nodes[STATION].disk, image));
    sim_image_free(image);
    lose_beside(t, ".guard");
    lose_beside(t, ".fence");
    for (size_t i = STATION; i < t->count; i++) t->nodes[i].offline = true;
    tiers_open(t, STATION);
    hf_hub *hub = t->nodes[STATION].hub;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_true(hf_hub_uploads_only(hub));
    assert_true(hf_hub_admits(hub, stolen)); /* it knows no better */
    t->nodes[STATION].offline = t->nodes[FIRST].offline = false;
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    assert_false(hf_hub_uploads_only(hub));
    assert_false(hf_hub_admits(hub, stolen));
    hf_record_id later = tiers_crime(t, FIRST, "Later");
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, CENTRE, &later), "Later");
    assert_string_equal(tiers_summary(t, STATION, &here), "Held at the station");
    tiers_free(t);
}

/* What comes before it in the log may be lost for good: no account may call that accounted for,
 * until someone says so. */
static void a_gap_that_nobody_decided_on_is_missing(void **state)
{
    (void)state;
    static const char *const both[] = {"beat", "covert"};
    uint64_t count = 1;
    tiers *t = tiers_new_in(1, both, 2);
    hf_store *centre = t->nodes[CENTRE].store;
    t->nodes[FIRST].offline = true;
    tiers_cut(t, FIRST);
    (void)tiers_crime(t, FIRST, "Lost");
    assert_int_equal(hf_scope_by_name(centre, "covert", &t->beat), HF_OK);
    (void)tiers_crime(t, FIRST, "The centre has it");
    bring(t, CENTRE, 2, false, false, 0);
    hf_dot first = {
        .origin = hf_store_own_origin(t->nodes[FIRST].store)->id, .lane = HF_LANE_CRIME, .seq = 1};
    const hf_origin_row *row = hf_origin_by_id(centre, &first.origin);
    assert_int_equal(hf_log_stepped(centre, row->no, HF_LANE_CRIME, 0, 2, &count), HF_OK);
    assert_int_equal(count, 0);
    assert_int_equal(hf_hub_declare_lost(t->nodes[CENTRE].hub, &first, 1, "Insp Hall",
                                         "her phone burnt", tiers_wall_ms(t)),
                     HF_OK);
    assert_int_equal(hf_log_stepped(centre, row->no, HF_LANE_CRIME, 0, 2, &count), HF_OK);
    assert_int_equal(count, 1);
    tiers_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_alone_are_not_relayed),
        cmocka_unit_test(what_is_fed_from_behind_a_gap_says_nothing_of_the_gap),
        cmocka_unit_test(what_is_fed_out_of_order_says_nothing_of_a_gap),
        cmocka_unit_test(a_log_held_in_part_is_asked_about_once_its_author_has_signed),
        cmocka_unit_test(what_a_colleague_wrote_is_not_at_the_centre_before_that_has_shown_it),
        cmocka_unit_test(what_is_had_by_its_hashes_comes_whole_by_vectors),
        cmocka_unit_test(hashes_are_not_acknowledged_whatever_the_verdict),
        cmocka_unit_test(what_came_by_its_hashes_is_judged_once_it_is_whole),
        cmocka_unit_test(a_gap_that_nobody_decided_on_is_missing),
        cmocka_unit_test(a_restored_station_serves_once_it_has_heard_the_centre),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
