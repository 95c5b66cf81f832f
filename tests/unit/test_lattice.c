/* test_lattice.c: every way to declare moves among up to four states, with every single join, and
 * with many: what is called sound merges alike in any order, and nothing sound is refused. */
#include "sync/lattice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { STATES = 4, TOP = STATES }; /* the model's own name for disputed */

typedef struct declaration {
    size_t count;
    uint8_t moves[STATES * STATES];
    hf_lattice_join joins[STATES * STATES];
    size_t join_count;
} declaration;

static bool leads(const declaration *d, size_t from, size_t to)
{
    bool reached[STATES] = {false}; /* by one or more moves */
    for (size_t pass = 0; pass <= d->count; pass++) {
        for (size_t a = 0; a < d->count; a++) {
            for (size_t b = 0; b < d->count; b++) {
                if ((a == from || reached[a]) && d->moves[a * d->count + b]) reached[b] = true;
            }
        }
    }
    return reached[to];
}

/* What two states are together, by the words of the design. */
static size_t model_join(const declaration *d, size_t a, size_t b)
{
    if (a == TOP || b == TOP) return TOP;
    if (a == b || leads(d, a, b)) return b;
    if (leads(d, b, a)) return a;
    for (size_t i = 0; i < d->join_count; i++) {
        const hf_lattice_join *j = &d->joins[i];
        if ((j->a == a && j->b == b) || (j->a == b && j->b == a)) return j->c;
    }
    return TOP;
}

static bool model_is_sound(const declaration *d)
{
    for (size_t i = 0; i < d->join_count; i++) {
        const hf_lattice_join *j = &d->joins[i];
        if (j->a == j->b || leads(d, j->a, j->b) || leads(d, j->b, j->a)) return false;
        if (!leads(d, j->a, j->c) || !leads(d, j->b, j->c)) return false;
        for (size_t k = 0; k < i; k++) {
            const hf_lattice_join *other = &d->joins[k];
            if (other->a + other->b == j->a + j->b && (other->a == j->a || other->a == j->b)) {
                return false;
            }
        }
    }
    for (size_t a = 0; a < d->count; a++) {
        if (leads(d, a, a)) return false;
        for (size_t b = 0; b < d->count; b++) {
            for (size_t c = 0; c < d->count; c++) {
                size_t left = model_join(d, model_join(d, a, b), c);
                if (left != model_join(d, a, model_join(d, b, c))) return false;
            }
        }
    }
    return true;
}

/* Returns whether it is sound. */
static bool expect_model(const declaration *d)
{
    uint8_t join[STATES * STATES];
    hf_lattice_fault found = hf_lattice_build(d->count, d->moves, d->joins, d->join_count, join);
    bool sound = model_is_sound(d);
    assert_int_equal(found.kind == HF_LATTICE_SOUND, sound);
    for (size_t a = 0; a < d->count && sound; a++) {
        for (size_t b = 0; b < d->count; b++) {
            size_t expected = model_join(d, a, b);
            assert_int_equal(join[a * d->count + b], expected == TOP ? HF_DISPUTED : expected);
        }
    }
    return sound;
}

/* Bit i of `number`: the i-th of the possible moves from one state to another is declared. */
static void declare_moves(declaration *d, size_t count, unsigned number)
{
    *d = (declaration){.count = count};
    for (size_t i = 0; i < count * count; i++) {
        if (i / count == i % count) continue;
        d->moves[i] = number & 1;
        number >>= 1;
    }
}

static void every_declaration_is_judged_rightly(void **state)
{
    (void)state;
    size_t sound = 0, refused = 0;
    for (size_t count = 1; count <= STATES; count++) {
        for (unsigned number = 0; number < 1U << count * (count - 1); number++) {
            declaration d;
            declare_moves(&d, count, number);
            *(expect_model(&d) ? &sound : &refused) += 1;
            d.join_count = 1;
            for (size_t join = 0; join < count * count * count; join++) {
                d.joins[0] =
                    (hf_lattice_join){(uint8_t)(join % count), (uint8_t)(join / count % count),
                                      (uint8_t)(join / count / count)};
                *(expect_model(&d) ? &sound : &refused) += 1;
            }
        }
    }
    print_message("%zu declarations are sound, %zu are not\n", sound, refused);
    assert_true(sound > 500);
    assert_true(refused > 200000);
}

/* Two joins at once, also of the same pair, over the diamonds of four states. */
static void joins_declared_together_are_judged_together(void **state)
{
    (void)state;
    size_t sound = 0;
    for (unsigned number = 0; number < 1U << STATES * (STATES - 1); number++) {
        declaration d;
        declare_moves(&d, STATES, number);
        if (leads(&d, 0, 0) || leads(&d, 1, 1) || leads(&d, 2, 2) || leads(&d, 3, 3)) continue;
        d.join_count = 2;
        for (size_t pair = 0; pair < 64 * 64; pair++) {
            for (size_t i = 0; i < 2; i++) {
                size_t digits = i == 0 ? pair % 64 : pair / 64;
                d.joins[i] = (hf_lattice_join){(uint8_t)(digits % 4), (uint8_t)(digits / 4 % 4),
                                               (uint8_t)(digits / 16)};
            }
            sound += expect_model(&d);
        }
    }
    assert_true(sound > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_declaration_is_judged_rightly),
        cmocka_unit_test(joins_declared_together_are_judged_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
