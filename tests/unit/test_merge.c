/* test_merge.c: single promises of live writes, folds and deletes. All small merges together are in
 * test_merge_exhaustive.c; what may be written is in test_rules.c. */
#include "sync/merge.h"

#include "sync/codec.h"
#include "sync/lattice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Heads of CBOR texts of so many bytes; the formatter would tear them from their texts. */
#define T1 "\x61"
#define T2 "\x62"
#define T3 "\x63"
#define T4 "\x64"
#define T7 "\x67"
#define T10 "\x6a"

/* ---- a small language for writes ---- */

static const uint8_t TRUE_VALUE[] = {0xf5};

static hf_cite cite(uint8_t origin, uint64_t seq)
{
    hf_cite made = {.dot = {.lane = HF_LANE_CRIME, .seq = seq}};
    memset(made.dot.origin.bytes, origin, HF_ORIGIN_SIZE);
    made.prefix[0] = origin;
    made.prefix[3] = (uint8_t)seq;
    return made;
}

static bool not_seen(void *context, const hf_dot *dot)
{
    (void)context;
    (void)dot;
    return false;
}

static bool all_seen(void *context, const hf_dot *dot)
{
    (void)context;
    (void)dot;
    return true;
}

static void merge(hf_cell *cell, hf_cite at, const hf_cite *over, size_t count)
{
    hf_write write = {.overwritten = over, .overwritten_count = count};
    write.write.at = at;
    write.write.value = (hf_bytes){TRUE_VALUE, sizeof TRUE_VALUE};
    assert_int_equal(hf_cell_merge(cell, &write, not_seen, NULL), HF_OK);
}

static bool is_live(const hf_cell *cell, hf_cite at)
{
    for (size_t i = 0; i < cell->live_count; i++) {
        if (hf_dot_compare(&cell->live[i].at.dot, &at.dot) == 0) return true;
    }
    return false;
}

/* ---- dots ---- */

/* By origin, lane, seq and ordinal in turn: what comes first decides, whatever follows says. */
static void dots_have_one_order(void **state)
{
    (void)state;
    hf_dot dots[16];
    for (size_t i = 0; i < 16; i++) {
        dots[i] = (hf_dot){.origin.bytes[HF_ORIGIN_SIZE - 1] = (uint8_t)(i >> 3),
                           .lane = (uint8_t)(1 + (i >> 2 & 1)),
                           .seq = 1 + (i >> 1 & 1),
                           .ordinal = i & 1};
    }
    for (size_t a = 0; a < 16; a++) {
        for (size_t b = 0; b < 16; b++)
            assert_int_equal(hf_dot_compare(&dots[a], &dots[b]), a < b ? -1 : a > b);
    }
}

/* ---- live writes ---- */

static void a_write_replaces_what_it_cites(void **state)
{
    (void)state;
    hf_cell cell = {0};
    hf_cite first = cite(1, 1), second = cite(2, 1);
    merge(&cell, first, NULL, 0);
    merge(&cell, second, &first, 1);
    assert_int_equal(cell.live_count, 1);
    assert_true(is_live(&cell, second));
    assert_int_equal(cell.pending_count, 0);
    hf_cell_free(&cell);
}

static void writes_that_did_not_see_each_other_both_stand(void **state)
{
    (void)state;
    hf_cell cell = {0};
    hf_cite first = cite(1, 1), second = cite(2, 1), third = cite(3, 1);
    merge(&cell, first, NULL, 0);
    merge(&cell, second, &first, 1);
    merge(&cell, third, &first, 1);
    assert_int_equal(cell.live_count, 2);
    assert_true(is_live(&cell, second));
    assert_true(is_live(&cell, third));
    hf_cell_free(&cell);
}

static void a_write_overwritten_before_it_arrives_never_shows(void **state)
{
    (void)state;
    hf_cell cell = {0};
    hf_cite first = cite(1, 1), second = cite(2, 1);
    merge(&cell, second, &first, 1);
    assert_int_equal(cell.pending_count, 1);
    merge(&cell, first, NULL, 0);
    assert_int_equal(cell.live_count, 1);
    assert_true(is_live(&cell, second));
    assert_int_equal(cell.pending_count, 0);
    hf_cell_free(&cell);
}

static void nobody_suppresses_a_write_he_has_not_seen(void **state)
{
    (void)state;
    hf_cell cell = {0};
    hf_cite first = cite(1, 1), guess = first;
    guess.prefix[2] ^= 0x40;
    merge(&cell, cite(2, 1), &guess, 1);
    merge(&cell, first, NULL, 0);
    assert_true(is_live(&cell, first)); /* the guess came before */
    merge(&cell, cite(2, 2), &guess, 1);
    assert_true(is_live(&cell, first)); /* and after */
    assert_int_equal(cell.pending_count, 0);
    hf_cell_free(&cell);
}

static void a_true_citation_holds_beside_a_false_one(void **state)
{
    (void)state;
    hf_cell cell = {0};
    hf_cite first = cite(1, 1), guess = first;
    guess.prefix[0] ^= 1;
    merge(&cell, cite(2, 1), &guess, 1);
    merge(&cell, cite(3, 1), &first, 1);
    assert_int_equal(cell.pending_count, 2);
    merge(&cell, first, NULL, 0);
    assert_false(is_live(&cell, first));
    assert_int_equal(cell.live_count, 2);
    assert_int_equal(cell.pending_count, 0);
    hf_cell_free(&cell);
}

/* A hundred devices that saw one write, all heard of before it: that is one thing to wait for. */
static void what_is_waited_for_is_waited_for_once(void **state)
{
    (void)state;
    hf_cell cell = {0};
    hf_cite awaited[] = {cite(9, 2), cite(9, 1)};
    for (uint8_t origin = 1; origin <= 100; origin++) merge(&cell, cite(origin, 1), awaited, 2);
    assert_int_equal(cell.pending_count, 2);
    assert_true(hf_dot_compare(&cell.pending[0].dot, &cell.pending[1].dot) < 0);
    hf_cell_free(&cell);
}

/* Room is made for all that a write cites, however few there were before. */
static void one_write_may_wait_for_many_more_than_there_are(void **state)
{
    (void)state;
    for (size_t before = 0; before < 4; before++) {
        hf_cell cell = {0};
        hf_cite over[64];
        for (size_t i = 0; i < 64; i++) over[i] = cite(2, i + 1);
        for (size_t i = 0; i < before; i++) merge(&cell, cite(1, i + 1), &over[i], 1);
        merge(&cell, cite(1, 100), over, 64);
        assert_int_equal(cell.pending_count, 64);
        assert_int_equal(cell.live_count, before + 1);
        hf_cell_free(&cell);
    }
}

static void what_was_seen_and_is_gone_is_not_waited_for(void **state)
{
    (void)state;
    hf_cell cell = {0};
    hf_cite gone = cite(1, 1);
    hf_write write = {.overwritten = &gone, .overwritten_count = 1};
    write.write.at = cite(2, 1);
    assert_int_equal(hf_cell_merge(&cell, &write, all_seen, NULL), HF_OK);
    assert_int_equal(cell.pending_count, 0);
    assert_int_equal(cell.live_count, 0); /* it had no value: it only overwrites */
    hf_cell_free(&cell);
}

static void two_elements_of_one_entry_are_two_writes(void **state)
{
    (void)state;
    hf_cell cell = {0};
    hf_cite first = cite(1, 1), second = first;
    second.dot.ordinal = 1;
    merge(&cell, first, NULL, 0);
    merge(&cell, second, NULL, 0);
    assert_int_equal(cell.live_count, 2);
    merge(&cell, cite(1, 2), &first, 1);
    assert_false(is_live(&cell, first));
    assert_true(is_live(&cell, second));
    hf_cell_free(&cell);
}

static void hundreds_of_live_writes_stay_in_order_and_go_in_one_write(void **state)
{
    (void)state;
    enum { MANY = 300 };
    hf_cell cell = {0};
    hf_cite all[MANY];
    for (size_t i = 0; i < MANY; i++) {
        all[i] = cite((uint8_t)(i * 7 % 251), i + 1);
        merge(&cell, all[i], NULL, 0);
    }
    assert_int_equal(cell.live_count, MANY);
    for (size_t i = 1; i < MANY; i++) {
        assert_true(hf_dot_compare(&cell.live[i - 1].at.dot, &cell.live[i].at.dot) < 0);
    }
    merge(&cell, cite(255, 1), all, MANY);
    assert_int_equal(cell.live_count, 1);
    hf_cell_free(&cell);
    assert_null(cell.live);
}

/* ---- folds: what the exhaustive test does not reach ---- */

static hf_live live_at(uint64_t seq, const char *cbor, size_t size)
{
    hf_live made = {.at = cite(1, seq), .hlc = seq, .quality = 3};
    made.value = (hf_bytes){(const uint8_t *)cbor, size};
    return made;
}
#define LIVE(seq, cbor) live_at(seq, cbor, sizeof(cbor) - 1)

static void an_empty_field_shows_nothing(void **state)
{
    (void)state;
    for (int rule = HF_RULE_KEEP; rule <= HF_RULE_STRICTEST; rule++) {
        hf_field field = {.rule = (hf_rule)rule};
        hf_fold fold;
        hf_fold_live(&field, NULL, 0, NULL, &fold);
        assert_null(fold.value.data);
        assert_true(fold.shown == SIZE_MAX);
        assert_int_equal(fold.groups, 0);
        assert_false(fold.conflict);
    }
}

static void equal_values_are_no_conflict(void **state)
{
    (void)state;
    hf_field field = {.rule = HF_RULE_KEEP};
    hf_live live[] = {LIVE(1, T1 "x"), LIVE(2, T1 "x")};
    size_t order[2];
    hf_fold fold;
    hf_fold_live(&field, live, 2, order, &fold);
    assert_int_equal(fold.groups, 1);
    assert_false(fold.conflict);
}

/* Encoded bytes of numbers of both signs do not lie in the order of the numbers. */
static void numbers_of_any_size_and_sign_are_weighed_as_numbers(void **state)
{
    (void)state;
    static const char *const rising[] = {"\x09\x3b\xff\xff\xff\xff\xff\xff\xff\xff", /* -2^64 */
                                         "\x09\x3b\x7f\xff\xff\xff\xff\xff\xff\xff", /* -2^63 */
                                         "\x03\x39\x01\x00",
                                         "\x02\x38\xff",
                                         "\x01\x37",
                                         "\x01\x20", /* -257 -256 -24 -1 */
                                         "\x01\x00",
                                         "\x01\x17",
                                         "\x02\x18\x18",
                                         "\x02\x18\xff",
                                         "\x03\x19\x01\x00",
                                         "\x09\x1b\x7f\xff\xff\xff\xff\xff\xff\xff",
                                         "\x09\x1b\xff\xff\xff\xff\xff\xff\xff\xff"};
    enum { COUNT = sizeof rising / sizeof *rising };
    hf_field most = {.rule = HF_RULE_MAX, .kind = HF_VALUE_INT};
    hf_field least = {.rule = HF_RULE_MIN, .kind = HF_VALUE_INT};
    for (size_t a = 0; a < COUNT; a++) {
        for (size_t b = 0; b < COUNT; b++) {
            hf_live live[] = {live_at(1, rising[a] + 1, (size_t)rising[a][0]),
                              live_at(2, rising[b] + 1, (size_t)rising[b][0])};
            size_t order[2];
            hf_fold fold;
            hf_fold_live(&most, live, 2, order, &fold);
            assert_int_equal(fold.shown, a > b ? 0 : 1);
            hf_fold_live(&least, live, 2, order, &fold);
            assert_int_equal(fold.shown, a < b ? 0 : 1);
        }
    }
}

static void a_long_log_is_shown_in_the_order_it_was_written(void **state)
{
    (void)state;
    enum { LINES = 1000 };
    static hf_live live[LINES];
    static size_t order[LINES];
    hf_field field = {.rule = HF_RULE_APPEND, .kind = HF_VALUE_TEXT};
    for (size_t i = 0; i < LINES; i++) {
        live[i] = LIVE(i * 373 % LINES + 1, T1 "x");
        live[i].quality = (uint8_t)(i % 4); /* a doubtful clock does not move a line */
    }
    hf_fold fold;
    hf_fold_live(&field, live, LINES, order, &fold);
    for (size_t i = 0; i < LINES; i++) assert_int_equal(live[order[i]].hlc, i + 1);
    assert_int_equal(fold.groups, 1);
    assert_null(fold.value.data);
}

/* ---- deletes ---- */

/* [[origin of ones, 3, 10, [4, 7]], [origin of twos, 3, 5, []]] */
static void write_context(hf_buffer *out)
{
    uint8_t ones[HF_ORIGIN_SIZE], twos[HF_ORIGIN_SIZE];
    memset(ones, 1, sizeof ones);
    memset(twos, 2, sizeof twos);
    hf_write_array(out, 2);
    hf_write_array(out, 4);
    hf_write_bytes(out, ones, sizeof ones);
    hf_write_uint(out, 3);
    hf_write_uint(out, 10);
    hf_write_array(out, 2);
    hf_write_uint(out, 4);
    hf_write_uint(out, 7);
    hf_write_array(out, 4);
    hf_write_bytes(out, twos, sizeof twos);
    hf_write_uint(out, 3);
    hf_write_uint(out, 5);
    hf_write_array(out, 0);
}

static bool covers(hf_bytes context, uint8_t origin, uint8_t lane, uint64_t seq)
{
    hf_dot dot = cite(origin, seq).dot;
    dot.lane = lane;
    bool covered = false;
    assert_int_equal(hf_delete_covers(context, &dot, &covered), HF_OK);
    return covered;
}

static void a_delete_covers_what_its_writer_had_seen(void **state)
{
    (void)state;
    hf_buffer context = {0};
    write_context(&context);
    hf_bytes bytes = hf_buffer_bytes(&context);
    assert_true(covers(bytes, 1, 3, 1));
    assert_true(covers(bytes, 1, 3, 10));
    assert_true(covers(bytes, 2, 3, 5));
    assert_false(covers(bytes, 1, 3, 11)); /* written later */
    assert_false(covers(bytes, 1, 3, 4));  /* a hole */
    assert_false(covers(bytes, 1, 3, 7));
    assert_true(covers(bytes, 1, 3, 5));
    assert_false(covers(bytes, 1, 2, 1));      /* another lane */
    assert_false(covers(bytes, 3, 3, 1));      /* another origin */
    context.data[2 + HF_ORIGIN_SIZE + 5] = 10; /* the second hole, at the end of what was seen */
    assert_false(covers(bytes, 1, 3, 10));
    assert_true(covers(bytes, 1, 3, 9));
    hf_buffer_free(&context);
}

/* Not a prefix, no byte more, no disorder: a delete that can be read two ways would diverge. */
static void a_malformed_delete_is_refused(void **state)
{
    (void)state;
    hf_buffer context = {0};
    write_context(&context);
    hf_write_uint(&context, 0);
    hf_dot dot = cite(1, 1).dot;
    bool covered = true;
    for (size_t size = 0; size <= context.size; size++) {
        if (size == context.size - 1) continue; /* the sound one */
        hf_bytes part = {context.data, size};
        assert_int_equal(hf_delete_covers(part, &dot, &covered), HF_ERR_PROTOCOL);
        assert_false(covered);
    }
    hf_bytes sound = {context.data, context.size - 1};
    const size_t second_origin = 3 + HF_ORIGIN_SIZE + 6; /* its byte string */
    const struct {
        size_t at;
        uint8_t byte;
    } faults[] = {
        {2 + HF_ORIGIN_SIZE + 1, 7},  /* a lane that is none */
        {2 + HF_ORIGIN_SIZE + 4, 7},  /* holes 7, 7 */
        {2 + HF_ORIGIN_SIZE + 4, 0},  /* hole 0 */
        {2 + HF_ORIGIN_SIZE + 5, 11}, /* a hole past the end */
        {second_origin, 0x41},        /* an origin too short */
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        uint8_t kept = context.data[faults[i].at];
        context.data[faults[i].at] = faults[i].byte;
        assert_int_equal(hf_delete_covers(sound, &dot, &covered), HF_ERR_PROTOCOL);
        context.data[faults[i].at] = kept;
    }
    memset(context.data + second_origin + 1, 1, HF_ORIGIN_SIZE); /* the same log twice */
    assert_int_equal(hf_delete_covers(sound, &dot, &covered), HF_ERR_PROTOCOL);
    memset(context.data + second_origin + 1, 0, HF_ORIGIN_SIZE); /* out of order */
    assert_int_equal(hf_delete_covers(sound, &dot, &covered), HF_ERR_PROTOCOL);
    hf_buffer_free(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dots_have_one_order),
        cmocka_unit_test(a_write_replaces_what_it_cites),
        cmocka_unit_test(writes_that_did_not_see_each_other_both_stand),
        cmocka_unit_test(a_write_overwritten_before_it_arrives_never_shows),
        cmocka_unit_test(nobody_suppresses_a_write_he_has_not_seen),
        cmocka_unit_test(a_true_citation_holds_beside_a_false_one),
        cmocka_unit_test(what_is_waited_for_is_waited_for_once),
        cmocka_unit_test(one_write_may_wait_for_many_more_than_there_are),
        cmocka_unit_test(what_was_seen_and_is_gone_is_not_waited_for),
        cmocka_unit_test(two_elements_of_one_entry_are_two_writes),
        cmocka_unit_test(hundreds_of_live_writes_stay_in_order_and_go_in_one_write),
        cmocka_unit_test(an_empty_field_shows_nothing),
        cmocka_unit_test(equal_values_are_no_conflict),
        cmocka_unit_test(numbers_of_any_size_and_sign_are_weighed_as_numbers),
        cmocka_unit_test(a_long_log_is_shown_in_the_order_it_was_written),
        cmocka_unit_test(a_delete_covers_what_its_writer_had_seen),
        cmocka_unit_test(a_malformed_delete_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
