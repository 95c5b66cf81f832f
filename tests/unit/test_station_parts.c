/* test_station_parts.c: a station, or its centre, that has a log in part: what it passes on of it,
 * and what it then says of the rest. */
#include "tiers.h"

#include "sync/control.h"
#include "sync/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { CENTRE = TIERS_CENTRE, STATION = TIERS_STATION, FIRST = TIERS_EDGE };

typedef struct taken { /* one entry of a device's log of crime */
    uint64_t seq;
    hf_buffer body;
} taken;

static hf_status on_entry(void *context, const hf_entry *entry)
{
    taken *out = context;
    if (entry->dot.seq == out->seq) hf_write_raw(&out->body, entry->body);
    return HF_OK;
}

/* Hands entry `seq` of FIRST's to `node`, as another device that holds it would; with its signed
 * head, or not. */
static void bring(tiers *t, size_t node, uint64_t seq, bool emptied, bool headed)
{
    hf_store *from = t->nodes[FIRST].store, *to = t->nodes[node].store;
    const hf_origin_row *own = hf_store_own_origin(from), *row;
    const hf_crypto *crypto = &t->nodes[FIRST].crypto.table;
    hf_head head;
    hf_batch *batch;
    hf_applied_entry applied;
    taken it = {.seq = seq};
    hf_buffer hashes = {0};
    assert_int_equal(hf_log_read(from, own->no, HF_LANE_CRIME, 0, 64, on_entry, &it), HF_OK);
    assert_int_equal(hf_entry_erase(crypto, hf_buffer_bytes(&it.body), &hashes), HF_OK);
    assert_int_equal(hf_head_sign(from, own, HF_LANE_CRIME, seq, &head), HF_OK);
    assert_int_equal(hf_batch_begin(to, tiers_wall_ms(t), &batch), HF_OK);
    assert_int_equal(
        hf_origin_learn(to, own->key_id, own->incarnation, crypto->own_certificate, &row), HF_OK);
    assert_int_equal(hf_batch_entry(batch, row, HF_LANE_CRIME,
                                    hf_buffer_bytes(emptied ? &hashes : &it.body), 0, &applied),
                     HF_OK);
    if (headed) assert_int_equal(hf_batch_head(batch, &head), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    hf_buffer_free(&it.body);
    hf_buffer_free(&hashes);
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
    bring(t, STATION, 1, true, true);
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
    bring(t, CENTRE, 2, false, false);
    tiers_wait(t, HF_REDIAL_MAX_MS);
    assert_string_equal(tiers_summary(t, STATION, &second), "The centre has it");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_alone_are_not_relayed),
        cmocka_unit_test(what_is_fed_from_behind_a_gap_says_nothing_of_the_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
