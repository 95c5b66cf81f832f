/* test_passing.c: a station signs for what it holds, and hands on what the centre signed. */
#include "tiers.h"

#include "sync/log.h"
#include "sync/proof.h"
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
    SECOND = TIERS_EDGE + 1,
    SIGNED_MS = 3 * HF_RECEIPT_INTERVAL_MS
};

static hf_safe safe_of(tiers *t, size_t node, uint64_t seq)
{
    hf_safe safe;
    hf_store *store = t->nodes[node].store;
    hf_dot dot = {.origin = hf_store_own_origin(store)->id, .lane = HF_LANE_CRIME, .seq = seq};
    assert_int_equal(hf_safe_find(store, &dot, 0, &safe), HF_OK);
    return safe;
}

static bool receipt_by(tiers *t, size_t node, size_t writer, bool centre, hf_receipt *out)
{
    bool found;
    hf_store *store = t->nodes[node].store;
    const hf_origin_id *id = &hf_store_own_origin(t->nodes[writer].store)->id;
    const hf_origin_row *row = hf_origin_by_id(store, id);
    assert_non_null(row);
    assert_int_equal(hf_receipt_by(store, row->no, HF_LANE_CRIME, 1, centre, out, &found), HF_OK);
    if (found) assert_int_equal(hf_receipt_check(store, out), HF_OK);
    return found;
}

/* In the dark an officer has a proof all the same; and it says that a station gave it. */
static hf_status note_proved(void *context, const hf_proof_entry *entry)
{
    hf_proof_entry *out = context;
    *out = *entry;
    assert_string_equal(entry->hub, entry->by_station ? "north" : "centre");
    return HF_OK;
}

static bool proved_by_station(tiers *t, size_t node, const hf_record_id *record)
{
    hf_buffer file = {0};
    hf_proof_counts counts;
    hf_proof_entry entry = {.time_ms = 0};
    hf_record_id of;
    const char *why;
    hf_store *store = t->nodes[node].store;
    assert_int_equal(hf_proof_write(store, record, NULL, &file, &counts), HF_OK);
    assert_int_equal(counts.proved, 1);
    assert_int_equal(hf_proof_check(hf_store_crypto(store), hf_buffer_bytes(&file), &of,
                                    note_proved, &entry, &why),
                     HF_OK);
    hf_buffer_free(&file);
    return entry.by_station;
}

static void a_station_signs_for_what_it_holds(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_receipt receipt;
    tiers_leave(t, STATION); /* the centre is dark */
    hf_record_id record = tiers_crime(t, FIRST, "While the centre is dark");
    tiers_wait(t, SIGNED_MS);
    hf_safe safe = safe_of(t, FIRST, 1);
    assert_int_equal(safe.place, HF_PLACE_STATION);
    assert_true(safe.is_signed);
    assert_string_equal(safe.by, "north");
    assert_string_equal(safe.station, "north");
    assert_in_range(safe.since_ms, 1, tiers_wall_ms(t));
    assert_false(receipt_by(t, FIRST, FIRST, true, &receipt));
    assert_true(proved_by_station(t, FIRST, &record));
    tiers_come_back(t, STATION);
    safe = safe_of(t, FIRST, 1);
    assert_int_equal(safe.place, HF_PLACE_HUB);
    assert_string_equal(safe.by, "centre");
    assert_string_equal(safe.station, "north"); /* both are told, each with its time */
    assert_true(safe.station_ms < safe.since_ms);
    assert_false(proved_by_station(t, FIRST, &record));
    tiers_free(t);
}

/* What the author is given is what the centre wrote, to the bit. */
static void the_centres_receipt_passes_through_unaltered(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    hf_receipt kept, given;
    (void)tiers_crime(t, FIRST, "One");
    (void)tiers_crime(t, SECOND, "Two");
    tiers_wait(t, 2 * SIGNED_MS);
    for (size_t i = FIRST; i <= SECOND; i++) {
        assert_true(receipt_by(t, STATION, i, true, &kept));
        assert_true(receipt_by(t, i, i, true, &given));
        assert_memory_equal(&kept, &given, sizeof kept);
        assert_memory_equal(&given.hub, &hf_store_own_origin(t->nodes[CENTRE].store)->id,
                            sizeof given.hub);
    }
    tiers_free(t);
}

/* ... and it is given once. */
static void a_receipt_that_came_while_its_author_was_away_waits_for_it(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_receipt receipt;
    tiers_leave(t, STATION);
    (void)tiers_crime(t, FIRST, "Written, and away");
    tiers_run(t);
    tiers_leave(t, FIRST);
    tiers_come_back(t, STATION);
    assert_false(receipt_by(t, FIRST, FIRST, true, &receipt));
    tiers_power_cut(t, STATION); /* it is on its disk */
    tiers_leave(t, STATION);
    tiers_come_back(t, FIRST);
    assert_true(receipt_by(t, FIRST, FIRST, true, &receipt));
    tiers_come_back(t, STATION);
    memset(t->down, 0, sizeof t->down);
    tiers_leave(t, FIRST);
    tiers_come_back(t, FIRST);
    assert_int_equal(t->down[HF_FRAME_RECEIPT], 0);
    tiers_free(t);
}

static bool drop_receipts(tiers *t, size_t node, bool down, const hf_message *message,
                          hf_buffer *instead)
{
    (void)instead;
    return !(t->context && node == STATION && down && message->type == HF_FRAME_RECEIPT);
}

/* The link went after the acknowledgement and before the signature: the station asks for it. */
static void a_receipt_that_was_lost_on_its_way_is_asked_for(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_receipt receipt;
    t->tap = drop_receipts;
    t->context = t;
    (void)tiers_crime(t, FIRST, "Acknowledged, not signed for");
    tiers_wait(t, SIGNED_MS);
    assert_int_equal(safe_of(t, FIRST, 1).place, HF_PLACE_HUB);
    assert_false(receipt_by(t, FIRST, FIRST, true, &receipt));
    t->context = NULL;
    tiers_leave(t, STATION);
    memset(t->up, 0, sizeof t->up);
    tiers_come_back(t, STATION);
    assert_int_equal(t->up[HF_FRAME_RECEIPT_FOR], 1);
    assert_true(receipt_by(t, FIRST, FIRST, true, &receipt));
    tiers_free(t);
}

/* A station that was set back: what it signed beyond is marked, and the screen falls back. */
static void what_a_station_lost_is_no_longer_at_the_station(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    tiers_leave(t, STATION);
    (void)tiers_crime(t, FIRST, "Before its backup");
    tiers_wait(t, SIGNED_MS);
    tiers_shut(t, STATION);
    sim_image *image = sim_disk_copy(t->nodes[STATION].disk, "-shm");
    tiers_open(t, STATION);
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    (void)tiers_crime(t, FIRST, "After it");
    tiers_wait(t, SIGNED_MS);
    assert_string_equal(safe_of(t, FIRST, 2).by, "north");
    tiers_leave(t, FIRST);
    tiers_shut(t, STATION);
    assert_true(sim_disk_restore(t->nodes[STATION].disk, image));
    tiers_open(t, STATION);
    t->nodes[FIRST].offline = false;
    uint64_t lowest = HF_PLACE_HUB;
    for (int n = 0; n < 200000 && lowest != HF_PLACE_DEVICE; n++) {
        tiers_step(t);
        if (safe_of(t, FIRST, 2).place < lowest) lowest = safe_of(t, FIRST, 2).place;
    }
    assert_int_equal(lowest, HF_PLACE_DEVICE);
    assert_true(safe_of(t, FIRST, 2).undone_ms > 0);
    assert_int_equal(safe_of(t, FIRST, 1).place, HF_PLACE_STATION);
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    assert_int_equal(safe_of(t, FIRST, 2).place, HF_PLACE_STATION); /* it has it again */
    assert_true(safe_of(t, FIRST, 2).is_signed);
    assert_true(safe_of(t, FIRST, 2).undone_ms > 0); /* and the evidence stays */
    sim_image_free(image);
    tiers_free(t);
}

static bool unfed(tiers *t, size_t node, bool down, const hf_message *message, hf_buffer *instead)
{
    const size_t *late = t->context;
    (void)instead;
    return node != *late || !down ||
           (message->type != HF_FRAME_FEED && message->type != HF_FRAME_ENTRIES);
}

/* The other station has heard who is the centre now, and not yet what it has. */
static void what_a_promoted_station_signed_another_does_not_undo(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_receipt receipt;
    hf_edge_status status;
    size_t south = tiers_add_station(t, "south");
    tiers_wait(t, SIGNED_MS);
    tiers_leave(t, south);
    tiers_leave(t, STATION);
    (void)tiers_crime(t, FIRST, "Signed for by the station");
    tiers_wait(t, SIGNED_MS);
    assert_true(receipt_by(t, FIRST, FIRST, false, &receipt));
    tiers_shut(t, CENTRE);
    tiers_shut(t, STATION);
    tiers_promote(t, STATION);
    tiers_go_to(t, south, STATION);
    t->tap = unfed;
    t->context = &south;
    tiers_come_back(t, south);
    tiers_leave(t, south);
    t->tap = NULL;
    tiers_go_to(t, FIRST, south);
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    assert_int_equal(safe_of(t, FIRST, 1).undone_ms, 0);
    hf_edge_status_get(t->nodes[FIRST].edge, &status);
    assert_null(strstr(status.last_error, "has lost"));
    tiers_free(t);
}

static bool altered(tiers *t, size_t node, bool down, const hf_message *message, hf_buffer *instead)
{
    bool *done = t->context;
    hf_message forged = *message;
    if (node != FIRST || !down || message->type != HF_FRAME_RECEIPT || *done) return true;
    *done = true;
    forged.as.receipt.time_ms--;
    hf_message_write(instead, &forged);
    return true;
}

static void a_station_that_alters_a_receipt_is_left(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    bool done = false;
    t->tap = altered;
    t->context = &done;
    (void)tiers_crime(t, FIRST, "Sooner than it was");
    memset(t->up, 0, sizeof t->up);
    tiers_wait(t, SIGNED_MS);
    assert_true(done);
    assert_true(t->up[HF_FRAME_ERROR] > 0);
    tiers_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_station_signs_for_what_it_holds),
        cmocka_unit_test(the_centres_receipt_passes_through_unaltered),
        cmocka_unit_test(a_receipt_that_came_while_its_author_was_away_waits_for_it),
        cmocka_unit_test(a_receipt_that_was_lost_on_its_way_is_asked_for),
        cmocka_unit_test(what_a_station_lost_is_no_longer_at_the_station),
        cmocka_unit_test(what_a_promoted_station_signed_another_does_not_undo),
        cmocka_unit_test(a_station_that_alters_a_receipt_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
