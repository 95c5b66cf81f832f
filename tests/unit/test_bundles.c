/* test_bundles.c: a device as a mule: what it takes along from a station that is cut off, what it
 * can and cannot do to it, and what comes back. */
#include "tiers.h"

#include "sync/bundle.h"
#include "sync/carrier.h"
#include "sync/hubs.h"
#include "sync/log.h"
#include "sync/receipt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    CENTRE = TIERS_CENTRE,
    STATION = TIERS_STATION,
    AUTHOR = TIERS_EDGE,
    MULE = TIERS_EDGE + 1,
    OTHER = TIERS_EDGE + 2
};
enum { LONG_ENOUGH_MS = 3 * HF_CUT_OFF_MS };
static const char *const YARD[] = {"yard", NULL};

static void visit(tiers *t, size_t device, size_t hub)
{
    t->nodes[device].offline = false;
    tiers_go_to(t, device, hub);
    tiers_wait(t, 3 * HF_REDIAL_MIN_MS);
}

static hf_carry_sum sum_of(tiers *t, size_t node)
{
    hf_carry_sum sum;
    assert_int_equal(hf_carry_count(t->nodes[node].store, &sum), HF_OK);
    return sum;
}

/* The centre's own receipt of what the author wrote, as one node has it: up to where. */
static uint64_t receipted(tiers *t, size_t node)
{
    const hf_origin_row *writer = hf_store_own_origin(t->nodes[AUTHOR].store);
    const hf_origin_row *row = hf_origin_by_id(t->nodes[node].store, &writer->id);
    hf_receipt receipt;
    bool found;
    assert_int_equal(
        hf_receipt_by(t->nodes[node].store, row->no, HF_LANE_CRIME, 1, true, &receipt, &found),
        HF_OK);
    if (!found) return 0;
    assert_int_equal(hf_receipt_check(t->nodes[node].store, &receipt), HF_OK);
    return receipt.seq;
}

/* One who writes, and devices that may see nothing of what she writes. */
static tiers *with_mules(void)
{
    static const char *const scopes[] = {"beat", "yard"};
    tiers *t = tiers_new_in(1, scopes, 2);
    assert_int_equal(tiers_add_device(t, "mule", YARD, STATION), MULE);
    assert_int_equal(tiers_add_device(t, "other", YARD, STATION), OTHER);
    return t;
}

/* The author stays at the station; the mules have taken along what she wrote there. */
static tiers *loaded(hf_record_id *record)
{
    tiers *t = with_mules();
    tiers_leave(t, STATION);
    *record = tiers_crime(t, AUTHOR, "Written in the dark");
    tiers_wait(t, LONG_ENOUGH_MS);
    return t;
}

static void what_waits_at_a_cut_off_station_reaches_the_centre_by_a_device(void **state)
{
    (void)state;
    hf_record_id record;
    tiers *t = loaded(&record);
    assert_int_equal(sum_of(t, STATION).own_bundles, 1);
    assert_int_equal(sum_of(t, MULE).bundles, 1);
    assert_string_equal(tiers_summary(t, CENTRE, &record), "");
    visit(t, MULE, CENTRE);
    assert_string_equal(tiers_summary(t, CENTRE, &record), "Written in the dark");
    assert_int_equal(sum_of(t, MULE).bundles, 0); /* it carries the answer in its place */
    assert_int_equal(sum_of(t, MULE).answers, 1);
    /* At the station nobody is told so before somebody comes and says it. */
    assert_int_equal(tiers_place(t, AUTHOR, AUTHOR, 1), HF_PLACE_STATION);
    assert_int_equal(receipted(t, AUTHOR), 0);
    visit(t, MULE, STATION);
    assert_int_equal(tiers_place(t, STATION, AUTHOR, 1), HF_PLACE_HUB);
    assert_int_equal(tiers_place(t, AUTHOR, AUTHOR, 1), HF_PLACE_HUB);
    /* She can prove it from now on, though neither she nor her station has a line. */
    assert_int_equal(receipted(t, STATION), 1);
    assert_int_equal(receipted(t, AUTHOR), 1);
    assert_int_equal(sum_of(t, STATION).own_bundles, 0);
    assert_int_equal(sum_of(t, MULE).answers, 0); /* and nothing is left to carry */
    tiers_free(t);
}

/* The scenario of a constable who has only the neighbour station in reach. */
static void a_bundle_goes_on_by_another_station_and_its_answer_comes_back(void **state)
{
    (void)state;
    hf_record_id record;
    tiers *t = with_mules();
    size_t south = tiers_add_station(t, "south");
    tiers_leave(t, STATION);
    record = tiers_crime(t, AUTHOR, "Written in the dark");
    tiers_wait(t, LONG_ENOUGH_MS);
    visit(t, MULE, south);
    assert_string_equal(tiers_summary(t, CENTRE, &record), "Written in the dark");
    visit(t, MULE, STATION);
    assert_int_equal(tiers_place(t, AUTHOR, AUTHOR, 1), HF_PLACE_HUB);
    tiers_free(t);
}

/* The neighbour is cut off itself when the device comes by: it keeps the bundle until it is not. */
static void a_station_that_is_cut_off_itself_keeps_a_bundle_until_it_can_pass_it_on(void **state)
{
    (void)state;
    hf_record_id record;
    tiers *t = with_mules();
    size_t south = tiers_add_station(t, "south");
    tiers_leave(t, STATION);
    tiers_leave(t, south);
    record = tiers_crime(t, AUTHOR, "Written in the dark");
    tiers_wait(t, LONG_ENOUGH_MS);
    tiers_leave(t, OTHER);
    visit(t, MULE, south);
    tiers_leave(t, MULE); /* for good */
    assert_int_equal(sum_of(t, south).bundles, 1);
    tiers_power_cut(t, south);
    t->nodes[south].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, CENTRE, &record), "Written in the dark");
    assert_int_equal(sum_of(t, south).answers, 1);
    tiers_free(t);
}

/* A station that reaches its centre needs nobody: it hands out nothing of its own or of others'. */
static void a_station_in_touch_hands_out_no_bundles(void **state)
{
    (void)state;
    hf_record_id record;
    tiers *t = with_mules();
    size_t south = tiers_add_station(t, "south");
    tiers_leave(t, STATION);
    record = tiers_crime(t, AUTHOR, "Written in the dark");
    tiers_wait(t, LONG_ENOUGH_MS);
    visit(t, OTHER, south); /* which is in touch, and passes it on */
    assert_string_equal(tiers_summary(t, CENTRE, &record), "Written in the dark");
    size_t fresh = tiers_add_device(t, "fresh", YARD, STATION);
    visit(t, fresh, south);
    assert_int_equal(sum_of(t, fresh).bundles + sum_of(t, fresh).answers, 0);
    t->nodes[STATION].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS);
    (void)tiers_crime(t, AUTHOR, "The line is back");
    visit(t, fresh, STATION);
    tiers_wait(t, LONG_ENOUGH_MS);
    assert_int_equal(sum_of(t, fresh).bundles + sum_of(t, fresh).answers, 0);
    assert_int_equal(sum_of(t, STATION).own_bundles, 0);
    tiers_free(t);
}

typedef struct held { /* the bundle that a node has: the one of its station's serial */
    uint64_t serial;
    bool found;
    hf_carry_row row;
} held;

static hf_status find_row(void *context, const hf_carry_row *row)
{
    held *h = context;
    if (h->found || row->serial != h->serial) return HF_OK;
    h->found = true;
    h->row = *row;
    return HF_OK;
}

static hf_carry_row row_of(tiers *t, size_t node, uint64_t serial)
{
    held h = {.serial = serial};
    assert_int_equal(hf_carry_each(t->nodes[node].store, 0, find_row, &h), HF_OK);
    assert_true(h.found);
    return h.row;
}

static bool holds(hf_bytes bytes, const char *word)
{
    return memmem(bytes.data, bytes.size, word, strlen(word)) != NULL;
}

/* What a device holds is bytes to it: the words are nowhere in them, and its key opens nothing. */
static void who_carries_a_bundle_cannot_read_it(void **state)
{
    (void)state;
    hf_record_id record;
    tiers *t = loaded(&record);
    hf_buffer bytes = {0}, plain = {0};
    hf_bundle bundle;
    hf_list messages;
    hf_bytes message, raw;
    bool is_inside = false;
    hf_carry_row row = row_of(t, MULE, 1);
    assert_int_equal(hf_carry_bytes(t->nodes[MULE].store, row.id, row.stage, &bytes), HF_OK);
    assert_int_equal(hf_bundle_read(hf_buffer_bytes(&bytes), &bundle), HF_OK);
    assert_false(holds(hf_buffer_bytes(&bytes), "in the dark"));
    const hf_crypto *mules = &t->nodes[MULE].crypto.table;
    const hf_crypto *stations = &t->nodes[STATION].crypto.table;
    const hf_crypto *centres = &t->nodes[CENTRE].crypto.table;
    assert_int_equal(hf_bundle_open(mules, &bundle, &plain, &messages), HF_ERR_PROTOCOL);
    assert_int_equal(hf_bundle_open(stations, &bundle, &plain, &messages), HF_ERR_PROTOCOL);
    assert_int_equal(hf_bundle_open(centres, &bundle, &plain, &messages), HF_OK);
    while (hf_next_message_item(&messages, &message)) {
        assert_int_equal(hf_frame_open(t->deflater, message, &t->scratch, &raw), HF_OK);
        is_inside |= holds(raw, "in the dark");
    }
    assert_true(is_inside);
    hf_buffer_free(&bytes);
    hf_buffer_free(&plain);
    tiers_free(t);
}

/* ---- harm ---- */

/* One byte of what the mule hands over is another. */
static bool damages(tiers *t, size_t node, bool down, const hf_message *message, hf_buffer *instead)
{
    bool *done = t->context;
    if (node != MULE || down || message->type != HF_FRAME_PIECE || *done) return true;
    hf_message altered = *message;
    hf_buffer bytes = {0};
    hf_write_raw(&bytes, message->as.piece.bytes);
    bytes.data[bytes.size / 2] ^= 1;
    altered.as.piece.bytes = hf_buffer_bytes(&bytes);
    hf_message_write(instead, &altered);
    hf_buffer_free(&bytes);
    *done = true;
    return true;
}

static void a_damaged_bundle_is_refused_in_a_sentence_and_blocks_nothing(void **state)
{
    (void)state;
    hf_record_id record;
    uint64_t refused;
    bool done = false;
    tiers *t = loaded(&record);
    t->tap = damages;
    t->context = &done;
    visit(t, MULE, CENTRE);
    assert_true(done);
    const char *said = hf_hub_refused(t->nodes[CENTRE].hub, &refused);
    assert_int_equal(refused, 1);
    assert_non_null(strstr(said, "mule brought"));
    assert_string_equal(tiers_summary(t, CENTRE, &record), "");
    assert_non_null(t->nodes[MULE].peer); /* the session lives */
    visit(t, OTHER, CENTRE);              /* who carries it too */
    assert_string_equal(tiers_summary(t, CENTRE, &record), "Written in the dark");
    tiers_free(t);
}

/* As if it came from `signer`, with `words` sealed in it for the centre; in the mule's store. */
static void plant(tiers *t, size_t signer, hf_bytes words)
{
    const hf_crypto *crypto = &t->nodes[signer].crypto.table;
    const hf_crypto *centres = &t->nodes[CENTRE].crypto.table;
    hf_certificate centre;
    hf_buffer items = {0}, bytes = {0};
    hf_bundle parts = {.serial = 77, .lane = HF_LANE_CRIME, .made_ms = tiers_wall_ms(t)};
    assert_int_equal(centres->certificate(centres->context, centres->own_certificate, &centre),
                     HF_OK);
    hf_write_message_item(&items, words);
    assert_int_equal(
        hf_bundle_seal(crypto, &parts, &centre, (hf_list){hf_buffer_bytes(&items), 1}, &bytes),
        HF_OK);
    hf_carry_row row = {.lane = parts.lane, .serial = 77, .since_ms = tiers_wall_ms(t)};
    memcpy(row.station, crypto->own_key_id, HF_HASH_SIZE);
    hf_bundle_id(crypto, hf_buffer_bytes(&bytes), row.id);
    assert_int_equal(
        hf_carry_put(t->nodes[MULE].store, &row, (hf_bytes){NULL, 0}, hf_buffer_bytes(&bytes)),
        HF_OK);
    hf_buffer_free(&items);
    hf_buffer_free(&bytes);
}

static void a_device_seals_nothing(void **state)
{
    (void)state;
    uint64_t refused;
    tiers *t = with_mules();
    tiers_leave(t, MULE);
    plant(t, AUTHOR, (hf_bytes){(const uint8_t *)"\x82\x0a\x00", 3});
    visit(t, MULE, CENTRE);
    assert_non_null(strstr(hf_hub_refused(t->nodes[CENTRE].hub, &refused), "mule brought"));
    assert_int_equal(sum_of(t, CENTRE).bundles + sum_of(t, CENTRE).answers, 0);
    tiers_free(t);
}

/* What a station may say in a session and no bundle holds: here, that it heard of more. */
static void what_does_not_belong_into_a_bundle_is_refused_and_its_station_is_told(void **state)
{
    (void)state;
    uint64_t refused;
    tiers *t = with_mules();
    tiers_leave(t, STATION);
    tiers_leave(t, MULE);
    plant(t, STATION, (hf_bytes){(const uint8_t *)"\x82\x0d\x01", 3});
    visit(t, MULE, CENTRE);
    const char *said = hf_hub_refused(t->nodes[CENTRE].hub, &refused);
    assert_non_null(strstr(said, "of north is refused"));
    assert_non_null(strstr(said, "does not belong"));
    assert_int_equal(sum_of(t, MULE).answers, 1);
    tiers_free(t);
}

static void a_revoked_stations_bundle_is_refused(void **state)
{
    (void)state;
    hf_record_id record;
    uint64_t refused;
    tiers *t = loaded(&record);
    tiers_leave(t, MULE);
    assert_int_equal(
        hf_hub_revoke(t->nodes[CENTRE].hub, "north", "an operator", "stolen", tiers_wall_ms(t)),
        HF_OK);
    visit(t, MULE, CENTRE);
    assert_non_null(strstr(hf_hub_refused(t->nodes[CENTRE].hub, &refused), "revoked"));
    assert_string_equal(tiers_summary(t, CENTRE, &record), "");
    tiers_free(t);
}

/* Nothing is called "at the hub" but by the centre's own signature. */
static void an_answer_that_the_centre_did_not_sign_is_not_believed(void **state)
{
    (void)state;
    hf_record_id record;
    tiers *t = loaded(&record);
    hf_carry_row row = row_of(t, MULE, 1);
    const hf_crypto *crypto = &t->nodes[MULE].crypto.table;
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    hf_buffer items = {0}, bytes = {0};
    const hf_origin_row *own = hf_store_own_origin(t->nodes[AUTHOR].store);
    hf_answered log = {.origin = own->id, .lane = HF_LANE_CRIME, .seq = 1};
    assert_int_equal(
        hf_head_leaves(t->nodes[AUTHOR].store, own->no, HF_LANE_CRIME, 1, leaves, &count, log.root),
        HF_OK);
    hf_write_answered(&items, &log);
    hf_answer answer = {.time_ms = tiers_wall_ms(t), .logs = {hf_buffer_bytes(&items), 1}};
    memcpy(answer.bundle, row.id, HF_HASH_SIZE);
    assert_int_equal(hf_answer_write(crypto, &answer, &bytes), HF_OK);
    row.stage = HF_CARRY_ANSWER;
    tiers_leave(t, MULE);
    assert_int_equal(
        hf_carry_put(t->nodes[MULE].store, &row, (hf_bytes){NULL, 0}, hf_buffer_bytes(&bytes)),
        HF_OK);
    visit(t, MULE, STATION);
    uint64_t refused;
    assert_non_null(
        strstr(hf_hub_refused(t->nodes[STATION].hub, &refused), "the answer to bundle"));
    assert_int_equal(tiers_place(t, STATION, AUTHOR, 1), HF_PLACE_STATION);
    assert_int_equal(sum_of(t, STATION).own_bundles, 1);
    hf_buffer_free(&items);
    hf_buffer_free(&bytes);
    tiers_free(t);
}

/* The centre was set back after it had answered, and the station heard of that first. */
static void an_answer_of_a_former_life_of_the_centre_does_not_count(void **state)
{
    (void)state;
    hf_record_id record;
    tiers *t = loaded(&record);
    const hf_crypto *centre = &t->nodes[CENTRE].crypto.table;
    const uint8_t later[HF_INCARNATION_SIZE] = "a later life";
    const hf_origin_row *row;
    visit(t, MULE, CENTRE);
    tiers_leave(t, MULE);
    assert_int_equal(hf_origin_learn(t->nodes[STATION].store, centre->own_key_id, later,
                                     centre->own_certificate, &row),
                     HF_OK);
    visit(t, MULE, STATION);
    assert_int_equal(tiers_place(t, STATION, AUTHOR, 1), HF_PLACE_STATION);
    tiers_wait(t, 2 * HF_BUNDLE_EVERY_MS);
    assert_int_equal(sum_of(t, STATION).own_bundles, 1); /* it is sealed anew */
    (void)row_of(t, MULE, 2);
    tiers_free(t);
}

/* ---- another is the centre ---- */

/* The centre of before is lost, and the cut-off station does not know. What it sealed for it the
 * new one cannot open: it says so, and who it is; and it is all sealed anew, for who can. */
static void what_was_sealed_for_a_centre_that_was_lost_is_sealed_anew_for_the_next(void **state)
{
    (void)state;
    uint64_t refused;
    tiers *t = with_mules();
    size_t south = tiers_add_station(t, "south");
    tiers_leave(t, STATION);
    tiers_leave(t, south);
    visit(t, AUTHOR, south);
    hf_record_id souths = tiers_crime(t, AUTHOR, "In the dark, too");
    tiers_wait(t, LONG_ENOUGH_MS);
    assert_int_equal(sum_of(t, south).own_bundles, 1);
    visit(t, AUTHOR, STATION);
    hf_record_id record = tiers_crime(t, AUTHOR, "Written in the dark");
    tiers_wait(t, LONG_ENOUGH_MS);
    tiers_leave(t, MULE);
    tiers_shut(t, CENTRE);
    tiers_shut(t, south);
    tiers_promote(t, south);
    tiers_wait(t, 2 * HF_BUNDLE_EVERY_MS);
    assert_int_equal(sum_of(t, south).own_bundles, 0); /* what was in it is at the centre: here */
    assert_string_equal(tiers_summary(t, south, &souths), "In the dark, too");
    visit(t, MULE, south);
    const char *said = hf_hub_refused(t->nodes[south].hub, &refused);
    assert_non_null(strstr(said, "of north is refused: it is sealed for another centre"));
    assert_string_equal(tiers_summary(t, south, &record), "");
    visit(t, MULE, STATION);
    assert_int_equal(tiers_place(t, AUTHOR, AUTHOR, 2), HF_PLACE_STATION);
    tiers_wait(t, 3 * HF_REDIAL_MIN_MS);
    visit(t, MULE, south);
    assert_string_equal(tiers_summary(t, south, &record), "Written in the dark");
    visit(t, MULE, STATION);
    assert_int_equal(tiers_place(t, AUTHOR, AUTHOR, 2), HF_PLACE_HUB);
    assert_int_equal(receipted(t, AUTHOR), 2);
    assert_int_equal(sum_of(t, STATION).own_bundles, 0);
    tiers_free(t);
}

/* It had it, and was lost with it; the station heard who is the centre before it heard the answer.
 */
static void an_answer_of_a_centre_that_was_replaced_does_not_count(void **state)
{
    (void)state;
    hf_record_id record;
    bool taken;
    hf_buffer list = {0};
    tiers *t = loaded(&record);
    size_t south = tiers_add_station(t, "south");
    visit(t, MULE, CENTRE);
    assert_int_equal(sum_of(t, MULE).answers, 1);
    tiers_leave(t, MULE);
    tiers_shut(t, CENTRE);
    tiers_shut(t, south);
    tiers_promote(t, south);
    assert_int_equal(hf_hub_list_get(t->nodes[south].store, &list), HF_OK);
    assert_int_equal(hf_hub_list_take(t->nodes[STATION].store, hf_buffer_bytes(&list), &taken),
                     HF_OK);
    assert_true(taken);
    visit(t, MULE, STATION);
    assert_int_equal(tiers_place(t, STATION, AUTHOR, 1), HF_PLACE_STATION);
    assert_int_equal(receipted(t, STATION), 0);
    tiers_wait(t, HF_REDIAL_MIN_MS);
    assert_int_equal(sum_of(t, STATION).own_bundles, 1); /* it is sealed for the new one */
    visit(t, MULE, south);
    assert_string_equal(tiers_summary(t, south, &record), "Written in the dark");
    hf_buffer_free(&list);
    tiers_free(t);
}

/* ---- any way, any number of times ---- */

static void what_comes_twice_counts_once(void **state)
{
    (void)state;
    hf_record_id record;
    tiers *t = loaded(&record);
    visit(t, MULE, CENTRE);
    visit(t, OTHER, CENTRE);
    visit(t, AUTHOR, CENTRE); /* and her own device brings it, too */
    t->nodes[STATION].offline = false;
    tiers_wait(t, HF_REDIAL_MAX_MS); /* and the line is back */
    uint64_t refused;
    assert_string_equal(hf_hub_refused(t->nodes[CENTRE].hub, &refused), "");
    assert_string_equal(tiers_summary(t, CENTRE, &record), "Written in the dark");
    assert_int_equal(sum_of(t, STATION).own_bundles, 0);
    visit(t, MULE, STATION);
    visit(t, OTHER, STATION);
    assert_int_equal(sum_of(t, MULE).answers + sum_of(t, OTHER).answers, 0);
    tiers_free(t);
}

/* The second bundle is there first: it waits, and nothing is claimed; then both are in. */
static void a_bundle_waits_for_the_one_before_it(void **state)
{
    (void)state;
    hf_record_id first, second;
    tiers *t = loaded(&first);
    tiers_leave(t, MULE);
    second = tiers_crime(t, AUTHOR, "And later");
    tiers_wait(t, 2 * HF_BUNDLE_EVERY_MS);
    assert_int_equal(sum_of(t, OTHER).bundles, 2);
    assert_int_equal(hf_carry_settle(t->nodes[OTHER].store, row_of(t, OTHER, 1).id), HF_OK);
    visit(t, OTHER, CENTRE);
    assert_int_equal(sum_of(t, CENTRE).bundles, 1);
    assert_int_equal(sum_of(t, OTHER).answers, 0);
    assert_string_equal(tiers_summary(t, CENTRE, &second), "");
    visit(t, MULE, CENTRE);
    assert_string_equal(tiers_summary(t, CENTRE, &first), "Written in the dark");
    assert_string_equal(tiers_summary(t, CENTRE, &second), "And later");
    assert_int_equal(sum_of(t, OTHER).answers, 1);
    visit(t, OTHER, STATION);
    assert_int_equal(tiers_place(t, AUTHOR, AUTHOR, 2), HF_PLACE_HUB);
    tiers_free(t);
}

/* Power fails everywhere between any two steps. */
static void what_travels_survives_every_power_cut(void **state)
{
    (void)state;
    hf_record_id record;
    tiers *t = loaded(&record);
    tiers_power_cut(t, STATION);
    tiers_power_cut(t, MULE);
    tiers_wait(t, LONG_ENOUGH_MS);
    assert_int_equal(sum_of(t, STATION).own_bundles, 1);
    visit(t, MULE, CENTRE);
    tiers_power_cut(t, CENTRE);
    tiers_power_cut(t, MULE);
    tiers_wait(t, 3 * HF_REDIAL_MIN_MS);
    assert_string_equal(tiers_summary(t, CENTRE, &record), "Written in the dark");
    visit(t, MULE, STATION);
    tiers_power_cut(t, STATION);
    assert_int_equal(tiers_place(t, STATION, AUTHOR, 1), HF_PLACE_HUB);
    assert_int_equal(sum_of(t, STATION).own_bundles, 0);
    tiers_free(t);
}

/* ---- bounds ---- */

static void a_long_outage_comes_to_a_bounded_number_of_bundles(void **state)
{
    (void)state;
    hf_record_id record;
    tiers *t = loaded(&record);
    enum { HOURS = 24, APART_MS = 5 * 60 * 1000 };
    for (int i = 0; i < HOURS * 12; i++) {
        (void)tiers_crime(t, AUTHOR, "Another");
        t->now_ms += APART_MS;
        tiers_wait(t, 1);
    }
    uint64_t bundles = sum_of(t, STATION).own_bundles;
    assert_in_range(bundles, 2, HF_BUNDLES_OWN_MAX - 1);
    tiers_wait(t, HF_BUNDLE_EVERY_MS * (2 + bundles / HF_BUNDLE_EVERY_SHARE));
    visit(t, MULE, CENTRE);
    visit(t, MULE, STATION);
    assert_int_equal(tiers_place(t, AUTHOR, AUTHOR, 1 + HOURS * 12), HF_PLACE_HUB);
    tiers_free(t);
}

static void put(tiers *t, size_t node, uint8_t name, uint8_t lane, uint32_t size)
{
    hf_carry_row row = {.lane = lane, .serial = name, .since_ms = tiers_wall_ms(t)};
    hf_buffer bytes = {0};
    memset(row.station, 7, sizeof row.station);
    memset(hf_buffer_reserve(&bytes, size), name, size);
    bytes.size = size;
    hf_bundle_id(&t->nodes[node].crypto.table, hf_buffer_bytes(&bytes), row.id);
    assert_int_equal(
        hf_carry_put(t->nodes[node].store, &row, (hf_bytes){NULL, 0}, hf_buffer_bytes(&bytes)),
        HF_OK);
    hf_buffer_free(&bytes);
}

static bool has_room(hf_store *store, hf_carry_stage stage, uint8_t lane, uint32_t size)
{
    bool has;
    hf_carry_row row = {.stage = (uint8_t)stage, .lane = lane, .size = size};
    assert_int_equal(hf_carry_room(store, &row, &has), HF_OK);
    return has;
}

static void answer(tiers *t, size_t node, uint64_t serial)
{
    hf_carry_row row = row_of(t, node, serial);
    row.stage = HF_CARRY_ANSWER;
    assert_int_equal(hf_carry_put(t->nodes[node].store, &row, (hf_bytes){NULL, 0},
                                  (hf_bytes){(const uint8_t *)"answer", 6}),
                     HF_OK);
}

static bool is_held(tiers *t, size_t node, uint64_t serial)
{
    held h = {.serial = serial};
    assert_int_equal(hf_carry_each(t->nodes[node].store, 0, find_row, &h), HF_OK);
    return h.found;
}

static void a_full_device_keeps_what_is_most_urgent(void **state)
{
    (void)state;
    enum { COUNT = HF_CARRY_BYTES_DEVICE / HF_BUNDLE_SIZE_MAX };
    tiers *t = tiers_new(1);
    hf_store *store = t->nodes[AUTHOR].store;
    for (int i = 0; i < COUNT; i++)
        put(t, AUTHOR, (uint8_t)(i + 1), i % 2 ? HF_LANE_CRIME : HF_LANE_REST, HF_BUNDLE_SIZE_MAX);
    /* Nothing in it is less urgent: it stays where it is. */
    assert_false(has_room(store, HF_CARRY_BUNDLE, HF_LANE_REST, 1));
    assert_int_equal(sum_of(t, AUTHOR).bundles, COUNT);
    assert_true(has_room(store, HF_CARRY_BUNDLE, HF_LANE_RISK, HF_BUNDLE_SIZE_MAX));
    assert_int_equal(sum_of(t, AUTHOR).bundles, COUNT - 1);
    assert_false(is_held(t, AUTHOR, COUNT - 1)); /* the newest of the least urgent gave way */
    assert_int_equal(row_of(t, AUTHOR, COUNT).lane, HF_LANE_CRIME);
    /* A month later it is of no use, and none of it is kept. */
    assert_int_equal(
        hf_carry_age(store, tiers_wall_ms(t) + (HF_CARRY_KEPT_DAYS + 1) * 24ull * 3600 * 1000),
        HF_OK);
    assert_int_equal(sum_of(t, AUTHOR).bundles, 0);
    tiers_free(t);
}

/* What was answered is answered again to who asks; what waits nobody else may have along. So a
 * device that never comes back to a station does not stay full of what that was told. */
static void answers_give_way_to_what_waits_the_oldest_first(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_store *store = t->nodes[AUTHOR].store;
    for (uint8_t i = 0; i < HF_CARRY_ROWS_DEVICE - 1; i++) put(t, AUTHOR, i, HF_LANE_RISK, 64);
    answer(t, AUTHOR, 9);
    answer(t, AUTHOR, 3);
    assert_true(has_room(store, HF_CARRY_BUNDLE, HF_LANE_REST, 64)); /* one more fits as it is */
    assert_int_equal(sum_of(t, AUTHOR).answers, 2);
    put(t, AUTHOR, HF_CARRY_ROWS_DEVICE - 1, HF_LANE_RISK, 64);
    assert_true(has_room(store, HF_CARRY_ANSWER, HF_LANE_RISK, 64)); /* in its bundle's place */
    assert_int_equal(sum_of(t, AUTHOR).answers, 2);
    assert_true(has_room(store, HF_CARRY_BUNDLE, HF_LANE_REST, 64));
    assert_false(is_held(t, AUTHOR, 9));
    assert_true(is_held(t, AUTHOR, 3));
    assert_int_equal(sum_of(t, AUTHOR).bundles, HF_CARRY_ROWS_DEVICE - 2);
    tiers_free(t);
}

/* However many a node has ever carried, it keeps the names of no more than it can carry. */
static void names_of_what_is_settled_are_bounded(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_store *store = t->nodes[AUTHOR].store;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < HF_CARRY_ROWS_DEVICE; i++) {
            hf_carry_row row = {.lane = HF_LANE_REST, .serial = (uint64_t)i};
            row.id[0] = (uint8_t)i;
            row.id[1] = (uint8_t)(1 + round);
            row.since_ms = tiers_wall_ms(t);
            assert_int_equal(hf_carry_put(store, &row, (hf_bytes){NULL, 0},
                                          (hf_bytes){(const uint8_t *)"sealed", 6}),
                             HF_OK);
            assert_int_equal(hf_carry_settle(store, row.id), HF_OK);
        }
    }
    assert_int_equal(hf_carry_age(store, tiers_wall_ms(t)), HF_OK);
    hf_carry_row row = {.serial = 0}, found;
    bool is_there;
    row.id[1] = 1;
    assert_int_equal(hf_carry_get(store, row.id, &found, &is_there), HF_OK);
    assert_false(is_there);
    row.id[1] = 2;
    assert_int_equal(hf_carry_get(store, row.id, &found, &is_there), HF_OK);
    assert_true(is_there);
    tiers_free(t);
}

/* Each asks what became of a bundle that is said to be ours, and nobody takes an answer away. */
static void one_who_asks_and_never_listens_is_not_kept_words_for(void **state)
{
    (void)state;
    enum { FRAMES = 64 };
    tiers *t = tiers_new(1);
    hf_carrier carrier = {.store = NULL};
    hf_carried item = {.lane = HF_LANE_REST, .size = 100};
    memcpy(item.station, t->nodes[STATION].crypto.table.own_key_id, HF_HASH_SIZE);
    hf_carrier_open(&carrier, t->nodes[STATION].store, t->nodes[AUTHOR].crypto.table.own_key_id,
                    false);
    carrier.most = HF_CARRY_ROWS_DEVICE;
    for (uint32_t frame = 0; frame < FRAMES; frame++) {
        hf_buffer items = {0};
        for (uint32_t i = 0; i < HF_CARRY_LIST_MAX; i++) {
            uint32_t name = frame * HF_CARRY_LIST_MAX + i;
            memcpy(item.id, &name, sizeof name);
            hf_write_carried(&items, &item);
        }
        hf_message message = {.type = HF_FRAME_CARRY};
        message.as.carried = (hf_list){hf_buffer_bytes(&items), HF_CARRY_LIST_MAX};
        assert_int_equal(hf_carrier_on(&carrier, &message, tiers_wall_ms(t)), HF_OK);
        hf_buffer_free(&items);
    }
    assert_in_range(carrier.said.size / sizeof item, 1, HF_CARRY_ROWS_DEVICE);
    assert_in_range(carrier.theirs.size, 1, HF_CARRY_ROWS_DEVICE * (HF_HASH_SIZE + 1));
    assert_int_equal(carrier.wants.size, 0);
    hf_carrier_close(&carrier);
    tiers_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_at_a_cut_off_station_reaches_the_centre_by_a_device),
        cmocka_unit_test(a_bundle_goes_on_by_another_station_and_its_answer_comes_back),
        cmocka_unit_test(a_station_that_is_cut_off_itself_keeps_a_bundle_until_it_can_pass_it_on),
        cmocka_unit_test(a_station_in_touch_hands_out_no_bundles),
        cmocka_unit_test(who_carries_a_bundle_cannot_read_it),
        cmocka_unit_test(a_damaged_bundle_is_refused_in_a_sentence_and_blocks_nothing),
        cmocka_unit_test(a_device_seals_nothing),
        cmocka_unit_test(what_does_not_belong_into_a_bundle_is_refused_and_its_station_is_told),
        cmocka_unit_test(a_revoked_stations_bundle_is_refused),
        cmocka_unit_test(an_answer_that_the_centre_did_not_sign_is_not_believed),
        cmocka_unit_test(an_answer_of_a_former_life_of_the_centre_does_not_count),
        cmocka_unit_test(what_was_sealed_for_a_centre_that_was_lost_is_sealed_anew_for_the_next),
        cmocka_unit_test(an_answer_of_a_centre_that_was_replaced_does_not_count),
        cmocka_unit_test(what_comes_twice_counts_once),
        cmocka_unit_test(a_bundle_waits_for_the_one_before_it),
        cmocka_unit_test(what_travels_survives_every_power_cut),
        cmocka_unit_test(a_long_outage_comes_to_a_bounded_number_of_bundles),
        cmocka_unit_test(a_full_device_keeps_what_is_most_urgent),
        cmocka_unit_test(answers_give_way_to_what_waits_the_oldest_first),
        cmocka_unit_test(names_of_what_is_settled_are_bounded),
        cmocka_unit_test(one_who_asks_and_never_listens_is_not_kept_words_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
