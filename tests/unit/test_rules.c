/* test_rules.c: what a rule refuses, in which words, and how values of any kind are weighed. */
#include "sync/codec.h"
#include "sync/lattice.h"
#include "sync/merge.h"

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

static hf_live live_at(uint64_t seq, const char *cbor, size_t size)
{
    hf_live made = {.at.dot.seq = seq, .hlc = seq, .quality = 3};
    made.value = (hf_bytes){(const uint8_t *)cbor, size};
    return made;
}

#define LIVE(seq, cbor) live_at(seq, cbor, sizeof(cbor) - 1)

/* ---- refusals ---- */

static const char *const CODES[] = {"new", "open", "charged", "dropped"};
static const hf_bytes CODE_VALUES[] = {{(const uint8_t *)T3 "new", 4},
                                       {(const uint8_t *)T4 "open", 5},
                                       {(const uint8_t *)T7 "charged", 8},
                                       {(const uint8_t *)T7 "dropped", 8}};
static const uint8_t MOVES[] = {0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0};

static hf_field coded(hf_rule rule, uint8_t join[16])
{
    hf_field field = {.name = "status",
                      .rule = rule,
                      .kind = HF_VALUE_CODE,
                      .codes = CODES,
                      .code_count = 4,
                      .code_values = CODE_VALUES,
                      .moves = MOVES,
                      .join = join};
    assert_int_equal(hf_lattice_build(4, MOVES, NULL, 0, join).kind, HF_LATTICE_SOUND);
    return field;
}

static const hf_bytes NO_REASON = {NULL, 0};
static const hf_bytes REASON = {(const uint8_t *)"misheard", 8};

static hf_status admits(const hf_field *field, const hf_live *live, size_t count, hf_bytes value,
                        hf_bytes reason, char why[256])
{
    return hf_rule_admits(field, live, count, value, reason, why, 256);
}

#define TEXT(cbor) ((hf_bytes){(const uint8_t *)(cbor), sizeof(cbor) - 1})

static void what_is_written_once_changes_only_for_a_reason(void **state)
{
    (void)state;
    char why[256];
    hf_field field = {.name = "crime_ref", .rule = HF_RULE_ONCE, .kind = HF_VALUE_TEXT};
    hf_live live[] = {LIVE(1, T2 "A1")};
    assert_int_equal(admits(&field, NULL, 0, TEXT(T2 "A1"), NO_REASON, why), HF_OK);
    assert_int_equal(admits(&field, live, 1, TEXT(T2 "A1"), NO_REASON, why), HF_OK);
    assert_int_equal(admits(&field, live, 1, TEXT(T2 "A2"), NO_REASON, why), HF_ERR_DENIED);
    assert_string_equal(why,
                        "crime_ref is written once, and is \"A1\". To correct it, give a reason.");
    assert_int_equal(admits(&field, live, 1, TEXT(T2 "A2"), REASON, why), HF_OK);
    assert_string_equal(why, "");
}

static void a_state_moves_along_declared_steps_only(void **state)
{
    (void)state;
    char why[256];
    uint8_t join[16];
    hf_field field = coded(HF_RULE_STATE, join);
    hf_live is_new[] = {LIVE(1, T3 "new")}, open[] = {LIVE(1, T4 "open")};
    assert_int_equal(admits(&field, NULL, 0, CODE_VALUES[2], NO_REASON, why), HF_OK);
    assert_int_equal(admits(&field, is_new, 1, CODE_VALUES[1], NO_REASON, why), HF_OK);
    assert_int_equal(admits(&field, is_new, 1, CODE_VALUES[3], NO_REASON, why), HF_OK); /* a path */
    assert_int_equal(admits(&field, is_new, 1, CODE_VALUES[0], NO_REASON, why), HF_OK);
    assert_int_equal(admits(&field, open, 1, CODE_VALUES[0], NO_REASON, why), HF_ERR_DENIED);
    assert_string_equal(why,
                        "status is \"open\" and cannot become \"new\": the next step is charged "
                        "or dropped. To correct it, give a reason.");
    assert_int_equal(admits(&field, open, 1, CODE_VALUES[0], REASON, why), HF_OK);
    assert_int_equal(admits(&field, open, 1, TEXT(T3 "odd"), REASON, why), HF_ERR_DENIED);
    assert_string_equal(why, "status has no state \"odd\".");
    hf_live charged[] = {LIVE(1, T7 "charged")};
    assert_int_equal(admits(&field, charged, 1, CODE_VALUES[3], NO_REASON, why), HF_ERR_DENIED);
    assert_non_null(strstr(why, "no further step is declared"));
}

static void a_disputed_state_is_settled_by_a_person_with_a_reason(void **state)
{
    (void)state;
    char why[256];
    uint8_t join[16];
    hf_field field = coded(HF_RULE_STATE, join);
    hf_live live[] = {LIVE(1, T7 "charged"), LIVE(2, T7 "dropped")};
    assert_int_equal(admits(&field, live, 2, CODE_VALUES[2], NO_REASON, why), HF_ERR_DENIED);
    assert_string_equal(why, "status is disputed; choose a state and give a reason.");
    assert_int_equal(admits(&field, live, 2, CODE_VALUES[2], REASON, why), HF_OK);
}

static void lattices_go_one_way_without_a_reason(void **state)
{
    (void)state;
    char why[256];
    uint8_t join[16];
    hf_field most = {.name = "harm", .rule = HF_RULE_MAX, .kind = HF_VALUE_INT};
    hf_field least = {.name = "due", .rule = HF_RULE_MIN, .kind = HF_VALUE_DATE};
    hf_field strictest = coded(HF_RULE_STRICTEST, join);
    hf_live seven[] = {LIVE(1, "\x07")}, day[] = {LIVE(1, T10 "2019-10-21")};
    hf_live open[] = {LIVE(1, T4 "open")};
    assert_int_equal(admits(&most, seven, 1, TEXT("\x08"), NO_REASON, why), HF_OK);
    assert_int_equal(admits(&most, seven, 1, TEXT("\x07"), NO_REASON, why), HF_OK);
    assert_int_equal(admits(&most, seven, 1, TEXT("\x06"), NO_REASON, why), HF_ERR_DENIED);
    assert_string_equal(why, "harm is 7 and may only go up. To correct it, give a reason.");
    assert_int_equal(admits(&most, seven, 1, TEXT("\x06"), REASON, why), HF_OK);
    assert_int_equal(admits(&least, day, 1, TEXT(T10 "2019-10-20"), NO_REASON, why), HF_OK);
    assert_int_equal(admits(&least, day, 1, TEXT(T10 "2019-10-22"), NO_REASON, why), HF_ERR_DENIED);
    assert_string_equal(
        why, "due is \"2019-10-21\" and may only go down. To correct it, give a reason.");
    assert_int_equal(admits(&strictest, open, 1, CODE_VALUES[2], NO_REASON, why), HF_OK);
    assert_int_equal(admits(&strictest, open, 1, CODE_VALUES[0], NO_REASON, why), HF_ERR_DENIED);
    assert_non_null(strstr(why, "to a stricter one"));
}

static void other_rules_take_any_write(void **state)
{
    (void)state;
    char why[256];
    static const hf_rule rules[] = {HF_RULE_KEEP,   HF_RULE_LAST, HF_RULE_LAST_REVIEW,
                                    HF_RULE_APPEND, HF_RULE_SET,  (hf_rule)99};
    hf_live live[] = {LIVE(1, T1 "z")};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        hf_field field = {.rule = rules[i]};
        assert_int_equal(admits(&field, live, 1, TEXT(T1 "a"), NO_REASON, why), HF_OK);
        assert_int_equal(admits(&field, live, 1, (hf_bytes){NULL, 0}, NO_REASON, why), HF_OK);
    }
}

/* What only overwrites sets nothing, so no rule has a say in it. */
static void taking_a_value_away_is_refused_by_no_rule(void **state)
{
    (void)state;
    char why[256];
    uint8_t join[16];
    hf_live open[] = {LIVE(1, T4 "open"), LIVE(2, T7 "charged")};
    for (hf_rule rule = HF_RULE_KEEP; rule <= HF_RULE_STRICTEST; rule++) {
        hf_field field = coded(rule, join);
        for (size_t count = 0; count <= 2; count++)
            assert_int_equal(admits(&field, open, count, (hf_bytes){NULL, 0}, NO_REASON, why),
                             HF_OK);
    }
}

static void expect_fits(const hf_field *field, const hf_live *live, hf_bytes value)
{
    char why[256];
    for (size_t room = 1; room <= sizeof why; room++) {
        memset(why, '#', sizeof why);
        hf_status status = hf_rule_admits(field, live, 1, value, NO_REASON, why, room);
        assert_int_equal(status, HF_ERR_DENIED);
        assert_true(strlen(why) < room);
        assert_true(room == sizeof why || why[room] == '#');
    }
    assert_true(hf_utf8_valid((hf_bytes){(const uint8_t *)why, strlen(why)}));
}

static void a_refusal_fits_any_room_and_never_splits_a_letter(void **state)
{
    (void)state;
    char value[2 + 121], why[256];
    value[0] = 0x78;
    value[1] = 121;
    hf_field field = {.rule = HF_RULE_ONCE, .kind = HF_VALUE_TEXT};
    for (size_t before = 0; before < 2; before++) { /* the cut falls on either byte of a letter */
        memset(value + 2, 'x', 121);
        for (size_t i = 0; i < 60; i++) memcpy(value + 2 + before + 2 * i, "\xc5\xb5", 2); /* ŵ */
        hf_live live[] = {live_at(1, value, sizeof value)};
        expect_fits(&field, live, TEXT(T1 "a"));
        assert_int_equal(admits(&field, live, 1, TEXT(T1 "a"), NO_REASON, why), HF_ERR_DENIED);
        assert_non_null(strstr(why, "\xc5\xb5…"));
    }
    uint8_t join[16];
    hf_field steps = coded(HF_RULE_STATE, join);
    hf_live open[] = {LIVE(1, T4 "open")};
    expect_fits(&steps, open, CODE_VALUES[0]); /* said piece by piece */
}

static void a_state_that_this_pack_does_not_know_is_named_as_such(void **state)
{
    (void)state;
    char why[256];
    uint8_t join[16];
    hf_field field = coded(HF_RULE_STATE, join);
    hf_live odd[] = {LIVE(1, T3 "odd")};
    assert_int_equal(admits(&field, odd, 1, CODE_VALUES[1], NO_REASON, why), HF_ERR_DENIED);
    assert_string_equal(why, "status is in a state that this pack does not know; choose a state "
                             "and give a reason.");
    assert_int_equal(admits(&field, odd, 1, CODE_VALUES[1], REASON, why), HF_OK);
}

static void several_versions_are_not_overwritten_in_passing(void **state)
{
    (void)state;
    char why[256];
    static const hf_rule rules[] = {HF_RULE_KEEP, HF_RULE_LAST_REVIEW, HF_RULE_ONCE, (hf_rule)99};
    hf_live differ[] = {LIVE(1, T1 "a"), LIVE(2, T1 "b")},
            same[] = {LIVE(1, T1 "a"), LIVE(2, T1 "a")};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        hf_field field = {.rule = rules[i]};
        assert_int_equal(admits(&field, differ, 2, TEXT(T1 "a"), NO_REASON, why), HF_ERR_DENIED);
        assert_string_equal(why, "This field has several versions: choose one, and say why.");
        assert_int_equal(admits(&field, differ, 2, TEXT(T1 "a"), REASON, why), HF_OK);
        hf_status alike = rules[i] == HF_RULE_ONCE ? HF_ERR_DENIED : HF_OK;
        assert_int_equal(admits(&field, same, 2, TEXT(T1 "a"), NO_REASON, why), alike);
    }
}

static void numbers_and_other_values_are_quoted_as_they_can_be(void **state)
{
    (void)state;
    char why[256];
    hf_field field = {.name = "n", .rule = HF_RULE_ONCE, .kind = HF_VALUE_INT};
    hf_live minus[] = {LIVE(1, "\x29")}, yes[] = {LIVE(1, "\xf5")}, tenths[] = {LIVE(1, "\x07")};
    assert_int_equal(admits(&field, minus, 1, TEXT("\x00"), NO_REASON, why), HF_ERR_DENIED);
    assert_non_null(strstr(why, "and is -10."));
    assert_int_equal(admits(&field, yes, 1, TEXT("\x00"), NO_REASON, why), HF_ERR_DENIED);
    assert_non_null(strstr(why, "and is another value."));
    field.kind = HF_VALUE_DECIMAL; /* its scale is the pack's: a bare 7 would mislead */
    assert_int_equal(admits(&field, tenths, 1, TEXT("\x00"), NO_REASON, why), HF_ERR_DENIED);
    assert_non_null(strstr(why, "and is another value."));
}

/* A stray value, from a newer pack or a faulty device, never hides a sound one. */
static void a_value_that_suits_its_field_outweighs_any_that_does_not(void **state)
{
    (void)state;
    static const struct {
        hf_value_kind kind;
        bool whole, text, other; /* what suits it */
    } kinds[] = {{HF_VALUE_INT, true, false, false},     {HF_VALUE_TIME, true, false, false},
                 {HF_VALUE_DECIMAL, true, false, false}, {HF_VALUE_TEXT, false, true, false},
                 {HF_VALUE_DATE, false, true, false},    {HF_VALUE_CODE, false, true, false},
                 {HF_VALUE_ANY, true, true, true}};
    hf_live whole = LIVE(1, "\x07"), minus = LIVE(2, "\x20"), text = LIVE(3, T1 "a"),
            other = LIVE(4, "\xf5");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        hf_live each[] = {whole, minus, text, other};
        bool suits[] = {kinds[i].whole, kinds[i].whole, kinds[i].text, kinds[i].other};
        for (size_t a = 0; a < 4; a++) {
            for (size_t b = 0; b < 4; b++) {
                if (suits[a] == suits[b]) continue;
                for (hf_rule rule = HF_RULE_MAX; rule <= HF_RULE_MIN; rule++) {
                    hf_field field = {.rule = rule, .kind = kinds[i].kind};
                    hf_live live[] = {each[a], each[b]};
                    size_t order[2];
                    hf_fold fold;
                    hf_fold_live(&field, live, 2, order, &fold);
                    assert_int_equal(fold.shown, suits[a] ? 0 : 1);
                }
            }
        }
    }
}

/* In a field of any kind all values have one order: by their encoding, whole numbers as numbers. */
static void values_of_any_kind_have_one_order(void **state)
{
    (void)state;
    hf_field most = {.rule = HF_RULE_MAX, .kind = HF_VALUE_ANY};
    hf_field least = {.rule = HF_RULE_MIN, .kind = HF_VALUE_ANY};
    hf_live rising[] = {LIVE(1, "\x29"), LIVE(2, "\x20"),  LIVE(3, "\x00"), LIVE(4, "\x41z"),
                        LIVE(5, T1 "b"), LIVE(6, T2 "ba"), LIVE(7, "\x80"), LIVE(8, "\xf5")};
    enum { COUNT = sizeof rising / sizeof *rising };
    for (size_t a = 0; a < COUNT; a++) {
        for (size_t b = 0; b < COUNT; b++) {
            if (a == b) continue;
            bool whole_and_other = (a < 2) != (b < 2) && (a > 2 || b > 2);
            if (whole_and_other) continue; /* their encoding decides: below */
            hf_live live[] = {rising[a], rising[b]};
            size_t order[2];
            hf_fold fold;
            hf_fold_live(&most, live, 2, order, &fold);
            assert_int_equal(fold.shown, a > b ? 0 : 1);
            hf_fold_live(&least, live, 2, order, &fold);
            assert_int_equal(fold.shown, a < b ? 0 : 1);
        }
    }
    hf_live live[] = {LIVE(1, "\x20"), LIVE(2, T1 "a")}; /* 0x20 lies before 0x61 */
    size_t order[2];
    hf_fold fold;
    hf_fold_live(&most, live, 2, order, &fold);
    assert_int_equal(fold.shown, 1);
    hf_live turned[] = {live[1], live[0]};
    hf_fold_live(&most, turned, 2, order, &fold);
    assert_int_equal(fold.shown, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_once_changes_only_for_a_reason),
        cmocka_unit_test(a_state_moves_along_declared_steps_only),
        cmocka_unit_test(a_disputed_state_is_settled_by_a_person_with_a_reason),
        cmocka_unit_test(lattices_go_one_way_without_a_reason),
        cmocka_unit_test(other_rules_take_any_write),
        cmocka_unit_test(taking_a_value_away_is_refused_by_no_rule),
        cmocka_unit_test(a_refusal_fits_any_room_and_never_splits_a_letter),
        cmocka_unit_test(a_state_that_this_pack_does_not_know_is_named_as_such),
        cmocka_unit_test(several_versions_are_not_overwritten_in_passing),
        cmocka_unit_test(numbers_and_other_values_are_quoted_as_they_can_be),
        cmocka_unit_test(a_value_that_suits_its_field_outweighs_any_that_does_not),
        cmocka_unit_test(values_of_any_kind_have_one_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
