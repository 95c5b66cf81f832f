/* test_fold_exhaustive.c: every small set of live writes, in every order, under every rule.
 *
 * Sets of 1 to 4 writes, with values out of 3 and clocks out of 3, by 3 origins in every pattern.
 * The model is written from the design: it looks for the answer by trying each candidate against
 * each other, and for the join of states by trying each state. */
#include "sync/lattice.h"
#include "sync/merge.h"

#include "small_sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Heads of CBOR texts of so many bytes; the formatter would tear them from their texts. */
#define T1 "\x61"
#define T3 "\x63"
#define T4 "\x64"
#define T6 "\x66"
#define T7 "\x67"
#define T10 "\x6a"

#include "sync/lattice.h"
#include "sync/merge.h"

/* ---- folds and their model ---- */

enum { VALUES = 3, CLOCKS = 3, STATES_MAX = 6 };

/* One rule with three values to choose from, given as CBOR and as what the model weighs. */
typedef struct scenario {
    const char *name;
    hf_field field;
    const char *values[VALUES]; /* one byte of length, then CBOR */
    int rank[VALUES]; /* max, min, strictest: heavier is higher; state: number, -1 unknown */
    bool conflicts;
    bool below[STATES_MAX][STATES_MAX]; /* state: a leads to b, or is b */
    uint8_t join[STATES_MAX * STATES_MAX], moves[STATES_MAX * STATES_MAX];
    hf_bytes code_values[STATES_MAX];
} scenario;

static hf_bytes value_of(const scenario *s, size_t value)
{
    const uint8_t *at = (const uint8_t *)s->values[value];
    return (hf_bytes){at + 1, at[0]};
}

typedef struct stamp {
    uint8_t quality;
    hf_hlc hlc;
} stamp;
static const stamp CLOCK[CLOCKS] = {{2, 10}, {2, 20}, {3, 5}};

typedef struct standing { /* a set of live writes, as the model sees it */
    size_t count;
    size_t value[ENTRIES], clock[ENTRIES];
    hf_dot dots[ENTRIES];
} standing;

static bool newer(const standing *s, size_t a, size_t b)
{
    const stamp *x = &CLOCK[s->clock[a]], *y = &CLOCK[s->clock[b]];
    if (x->quality != y->quality) return x->quality > y->quality;
    if (x->hlc != y->hlc) return x->hlc > y->hlc;
    return hf_dot_compare(&s->dots[a], &s->dots[b]) > 0;
}

static bool older(const standing *s, size_t a, size_t b)
{
    hf_hlc x = CLOCK[s->clock[a]].hlc, y = CLOCK[s->clock[b]].hlc;
    return x != y ? x < y : hf_dot_compare(&s->dots[a], &s->dots[b]) < 0;
}

static bool ahead(const scenario *sc, const standing *s, size_t a, size_t b)
{
    int x = sc->rank[s->value[a]], y = sc->rank[s->value[b]];
    if (x == y) return newer(s, a, b);
    return sc->field.rule == HF_RULE_MIN ? x < y : x > y;
}

typedef struct answer {
    int shown; /* which of the set, or -1 */
    int value; /* which value is shown; -1 none; 100 + n: state n, from the pack */
    size_t groups;
    bool conflict;
    size_t order[ENTRIES];
} answer;

/* Which one comes before all others? */
static int first_of(const scenario *sc, const standing *s)
{
    for (size_t i = 0; i < s->count; i++) {
        bool first = true;
        for (size_t j = 0; j < s->count; j++) {
            if (i == j) continue;
            switch (sc->field.rule) {
            case HF_RULE_ONCE: first = first && older(s, i, j); break;
            case HF_RULE_MAX:
            case HF_RULE_MIN:
            case HF_RULE_STRICTEST: first = first && ahead(sc, s, i, j); break;
            default: first = first && newer(s, i, j); break;
            }
        }
        if (first) return (int)i;
    }
    fail_msg("no first one: the model's order is not total");
    return -1;
}

/* The lowest state that all of them lead to; -1 when there is none. */
static int lowest_above(const scenario *sc, const standing *s)
{
    for (size_t u = 0; u < sc->field.code_count; u++) {
        bool above = true;
        for (size_t i = 0; i < s->count; i++) {
            above = above && sc->below[sc->rank[s->value[i]]][u];
        }
        for (size_t v = 0; v < sc->field.code_count && above; v++) {
            bool lower = v != u && sc->below[v][u];
            for (size_t i = 0; i < s->count; i++) {
                lower = lower && sc->below[sc->rank[s->value[i]]][v];
            }
            if (lower) above = false;
        }
        if (above) return (int)u;
    }
    return -1;
}

static void model_state(const scenario *sc, const standing *s, answer *out)
{
    bool known = true;
    for (size_t i = 0; i < s->count; i++) known = known && sc->rank[s->value[i]] >= 0;
    int state = known ? lowest_above(sc, s) : -1;
    if (out->groups > 1 && state < 0) {
        out->conflict = true;
        return;
    }
    if (out->groups > 1) out->value = 100 + state;
    for (size_t i = 0; i < s->count; i++) {
        bool says_so = out->groups == 1 || sc->rank[s->value[i]] == state;
        if (!says_so) continue;
        out->value = (int)s->value[i];
        if (out->shown < 0 || newer(s, i, (size_t)out->shown)) out->shown = (int)i;
    }
}

/* `a` stands before `b` on the screen. */
static bool displayed_before(const scenario *sc, const standing *s, const answer *out, size_t a,
                             size_t b)
{
    if (sc->field.rule == HF_RULE_APPEND) return older(s, a, b);
    if (sc->field.rule == HF_RULE_SET) {
        int values = hf_bytes_compare(value_of(sc, s->value[a]), value_of(sc, s->value[b]));
        return values != 0 ? values < 0 : hf_dot_compare(&s->dots[a], &s->dots[b]) < 0;
    }
    if ((int)a == out->shown || (int)b == out->shown) return (int)a == out->shown;
    return newer(s, a, b);
}

static answer model_fold(const scenario *sc, const standing *s)
{
    answer out = {.shown = -1, .value = -1};
    bool present[VALUES] = {false};
    for (size_t i = 0; i < s->count; i++) present[s->value[i]] = true;
    for (size_t i = 0; i < VALUES; i++) out.groups += present[i] ? 1 : 0;
    bool list = sc->field.rule == HF_RULE_APPEND || sc->field.rule == HF_RULE_SET;
    if (sc->field.rule == HF_RULE_STATE) {
        model_state(sc, s, &out);
    } else if (!list) {
        out.shown = first_of(sc, s);
        out.value = (int)s->value[out.shown];
        out.conflict = sc->conflicts && out.groups > 1;
    }
    for (size_t i = 0; i < s->count; i++) {
        size_t place = 0;
        for (size_t j = 0; j < s->count; j++) {
            if (i != j && displayed_before(sc, s, &out, j, i)) place++;
        }
        out.order[place] = i;
    }
    return out;
}

static void expect_fold(const scenario *sc, const standing *s, const answer *expected,
                        const uint8_t order[ENTRIES])
{
    hf_live live[ENTRIES];
    memset(live, 0, sizeof live);
    for (size_t i = 0; i < s->count; i++) {
        size_t from = order[i];
        live[i].at.dot = s->dots[from];
        live[i].quality = CLOCK[s->clock[from]].quality;
        live[i].hlc = CLOCK[s->clock[from]].hlc;
        live[i].value = value_of(sc, s->value[from]);
    }
    size_t display[ENTRIES];
    hf_fold fold;
    hf_fold_live(&sc->field, live, s->count, display, &fold);
    assert_int_equal(fold.groups, expected->groups);
    assert_int_equal(fold.conflict, expected->conflict);
    assert_int_equal(fold.shown == SIZE_MAX ? -1 : order[fold.shown], expected->shown);
    hf_bytes value = {NULL, 0};
    if (expected->value >= 100)
        value = sc->code_values[expected->value - 100];
    else if (expected->value >= 0)
        value = value_of(sc, (size_t)expected->value);
    assert_true((value.data == NULL) == (fold.value.data == NULL));
    assert_true(hf_bytes_equal(value, fold.value));
    for (size_t i = 0; i < s->count; i++) assert_int_equal(order[display[i]], expected->order[i]);
}

static uint64_t fold_every_set(const scenario *sc)
{
    uint64_t folds = 0;
    for (size_t count = 1; count <= ENTRIES; count++) {
        uint64_t sets = power(VALUES * CLOCKS, count);
        for (uint64_t number = 0; number < sets; number++) {
            standing s = {.count = count};
            uint64_t digits = number;
            for (size_t i = 0; i < count; i++) {
                s.value[i] = (size_t)take_digit(&digits, VALUES);
                s.clock[i] = (size_t)take_digit(&digits, CLOCKS);
            }
            give_dots(s.dots, count, (size_t)(number * 7 % power(ORIGINS, count)));
            answer expected = model_fold(sc, &s);
            for (size_t order = 0; order < ORDERS; order++) {
                if (!is_order_of(ORDER_OF_4[order], count)) continue;
                expect_fold(sc, &s, &expected, ORDER_OF_4[order]);
                folds++;
            }
        }
    }
    return folds;
}

#define ONE_LOW "\x01\x20" /* -1 */
#define ONE_MID "\x01\x05"
#define ONE_TOP "\x03\x19\x01\x00"
#define A_TEXT "\x04" T3 "abc"
#define B_TEXT "\x02" T1 "z"
#define C_TEXT "\x04" T3 "abd"
#define YEAR "\x05" T4 "2019"
#define MONTH "\x08" T7 "2019-02"
#define DAY "\x0b" T10 "2019-02-01"

static const scenario PLAIN[] = {
    {.name = "keep",
     .field = {.rule = HF_RULE_KEEP, .kind = HF_VALUE_TEXT},
     .values = {A_TEXT, B_TEXT, C_TEXT},
     .conflicts = true},
    {.name = "a rule not known",
     .field = {.rule = (hf_rule)77, .kind = HF_VALUE_TEXT},
     .values = {A_TEXT, B_TEXT, C_TEXT},
     .conflicts = true},
    {.name = "last",
     .field = {.rule = HF_RULE_LAST, .kind = HF_VALUE_TEXT},
     .values = {A_TEXT, B_TEXT, C_TEXT}},
    {.name = "last-review",
     .field = {.rule = HF_RULE_LAST_REVIEW, .kind = HF_VALUE_TEXT},
     .values = {A_TEXT, B_TEXT, C_TEXT},
     .conflicts = true},
    {.name = "once",
     .field = {.rule = HF_RULE_ONCE, .kind = HF_VALUE_TEXT},
     .values = {A_TEXT, B_TEXT, C_TEXT},
     .conflicts = true},
    {.name = "append",
     .field = {.rule = HF_RULE_APPEND, .kind = HF_VALUE_TEXT},
     .values = {A_TEXT, B_TEXT, C_TEXT}},
    {.name = "set",
     .field = {.rule = HF_RULE_SET, .kind = HF_VALUE_TEXT},
     .values = {A_TEXT, B_TEXT, C_TEXT}},
    {.name = "max of numbers",
     .field = {.rule = HF_RULE_MAX, .kind = HF_VALUE_INT},
     .values = {ONE_MID, ONE_TOP, ONE_LOW},
     .rank = {1, 2, 0}},
    {.name = "min of numbers",
     .field = {.rule = HF_RULE_MIN, .kind = HF_VALUE_TIME},
     .values = {ONE_MID, ONE_TOP, ONE_LOW},
     .rank = {1, 2, 0}},
    {.name = "max of dates",
     .field = {.rule = HF_RULE_MAX, .kind = HF_VALUE_DATE},
     .values = {DAY, YEAR, MONTH},
     .rank = {2, 0, 1}},
    {.name = "min of dates",
     .field = {.rule = HF_RULE_MIN, .kind = HF_VALUE_DATE},
     .values = {DAY, YEAR, MONTH},
     .rank = {2, 0, 1}},
    {.name = "max with a stray text",
     .field = {.rule = HF_RULE_MAX, .kind = HF_VALUE_INT},
     .values = {ONE_MID, A_TEXT, ONE_LOW},
     .rank = {2, 0, 1}},
    {.name = "min with a stray text",
     .field = {.rule = HF_RULE_MIN, .kind = HF_VALUE_DECIMAL},
     .values = {ONE_MID, A_TEXT, ONE_LOW},
     .rank = {1, 2, 0}},
};

/* Fills in what the lattice and the model each need from the same declaration. */
static void declare_states(scenario *s, const char *const *codes, const char *moves,
                           const hf_lattice_join *joins, size_t join_count)
{
    size_t count = 0;
    for (; codes[count] != NULL; count++) {
        const uint8_t *at = (const uint8_t *)codes[count];
        s->code_values[count] = (hf_bytes){at + 1, at[0]};
    }
    s->field.code_count = count;
    s->field.code_values = s->code_values;
    for (size_t i = 0; i < count; i++) s->below[i][i] = true;
    for (; *moves != '\0'; moves += 2) {
        s->moves[(size_t)(moves[0] - '0') * count + (size_t)(moves[1] - '0')] = 1;
        s->below[moves[0] - '0'][moves[1] - '0'] = true;
    }
    for (size_t pass = 0; pass < count; pass++) { /* as far as moves lead */
        for (size_t a = 0; a < count; a++) {
            for (size_t b = 0; b < count; b++) {
                for (size_t c = 0; c < count; c++) {
                    if (s->below[a][b] && s->below[b][c]) s->below[a][c] = true;
                }
            }
        }
    }
    hf_lattice_fault found = hf_lattice_build(count, s->moves, joins, join_count, s->join);
    assert_int_equal(found.kind, HF_LATTICE_SOUND);
    s->field.join = s->join;
    s->field.moves = s->moves;
    for (size_t v = 0; v < VALUES; v++) {
        s->rank[v] = s->field.rule == HF_RULE_STATE ? -1 : (int)count;
        for (size_t i = 0; i < count; i++) {
            if (hf_bytes_equal(value_of(s, v), s->code_values[i])) s->rank[v] = (int)i;
        }
    }
}

#define NEW "\x04" T3 "new"
#define OPEN "\x05" T4 "open"
#define CHARGED "\x08" T7 "charged"
#define DROPPED "\x08" T7 "dropped"
#define CLOSED "\x07" T6 "closed"
#define STRANGE "\x08" T7 "strange"

static uint64_t fold_states(const char *a, const char *b, const char *c, bool joined)
{
    static const char *const codes[] = {NEW, OPEN, CHARGED, DROPPED, CLOSED, NULL};
    static const hf_lattice_join join[] = {{2, 3, 4}};
    scenario s = {.name = "state",
                  .field = {.rule = HF_RULE_STATE, .kind = HF_VALUE_CODE},
                  .values = {a, b, c}};
    if (joined)
        declare_states(&s, codes, "0112132434", join, 1);
    else
        declare_states(&s, codes, "01121324", NULL, 0);
    return fold_every_set(&s);
}

static uint64_t fold_strictest(const char *a, const char *b, const char *c)
{
    static const char *const codes[] = {NEW, OPEN, CLOSED, NULL};
    scenario s = {.name = "strictest",
                  .field = {.rule = HF_RULE_STRICTEST, .kind = HF_VALUE_CODE},
                  .values = {a, b, c}};
    declare_states(&s, codes, "", NULL, 0);
    return fold_every_set(&s);
}

static void every_set_of_live_writes_folds_alike_in_every_order(void **state)
{
    (void)state;
    uint64_t folds = 0;
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++) folds += fold_every_set(&PLAIN[i]);
    static const char *const codes[] = {NEW, OPEN, CHARGED, DROPPED, CLOSED, STRANGE};
    enum { CODES = sizeof codes / sizeof *codes };
    for (size_t a = 0; a < CODES; a++) { /* any three of the five states and an unknown one */
        for (size_t b = a + 1; b < CODES; b++) {
            for (size_t c = b + 1; c < CODES; c++) {
                folds += fold_states(codes[a], codes[b], codes[c], false);
                folds += fold_states(codes[a], codes[b], codes[c], true);
            }
        }
    }
    folds += fold_strictest(NEW, OPEN, CLOSED);
    folds += fold_strictest(CLOSED, STRANGE, OPEN);
    print_message("all rules: %llu folds agree with the model\n", (unsigned long long)folds);
    assert_true(folds > 8000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_of_live_writes_folds_alike_in_every_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
