/* model_rules.c: what is shown of a field's live writes, and whether a person must choose.
 *
 * DESIGN.md 3, "Merge rules", row by row. */
#include "model_private.h"

#include <stdlib.h>
#include <string.h>

int model_dot_compare(const hf_dot *a, const hf_dot *b)
{
    int order = memcmp(a->origin.bytes, b->origin.bytes, HF_ORIGIN_SIZE);
    if (order) return order;
    if (a->lane != b->lane) return a->lane < b->lane ? -1 : 1;
    if (a->seq != b->seq) return a->seq < b->seq ? -1 : 1;
    if (a->ordinal != b->ordinal) return a->ordinal < b->ordinal ? -1 : 1;
    return 0;
}

int model_age_compare(const model_live *a, const model_live *b)
{
    if (a->quality != b->quality) return a->quality < b->quality ? -1 : 1;
    if (a->hlc != b->hlc) return a->hlc < b->hlc ? -1 : 1;
    return model_dot_compare(&a->dot, &b->dot);
}

static bool same(hf_bytes a, hf_bytes b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static size_t groups_of(const model_live *live, size_t count)
{
    size_t groups = 0;
    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++) seen = same(live[i].value, live[j].value);
        if (!seen) groups++;
    }
    return groups;
}

static size_t newest(const model_live *live, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (model_age_compare(&live[i], &live[best]) > 0) best = i;
    return best;
}

static size_t oldest(const model_live *live, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (model_age_compare(&live[i], &live[best]) < 0) best = i;
    return best;
}

typedef struct number { /* a whole number of either sign, over the whole range of CBOR's */
    bool negative;
    uint64_t size; /* of a negative one: -1 - the number */
} number;

static bool number_of(hf_bytes value, number *out) /* false when it is something else */
{
    reader r = {value.data, value.data + value.size, false};
    unsigned major = reader_major(&r);
    *out = (number){major == MAJOR_NINT, reader_head(&r, major)};
    return !r.bad && (major == MAJOR_UINT || major == MAJOR_NINT);
}

static int number_compare(number a, number b)
{
    if (a.negative != b.negative) return a.negative ? -1 : 1;
    if (a.size == b.size) return 0;
    return (a.size < b.size) != a.negative ? -1 : 1;
}

static size_t code_of(const hf_field *rule, hf_bytes value) /* SIZE_MAX: not in the list */
{
    reader r = {value.data, value.data + value.size, false};
    hf_bytes text = reader_string(&r, MAJOR_TEXT);
    for (size_t i = 0; i < rule->code_count && !r.bad; i++)
        if (strlen(rule->codes[i]) == text.size && memcmp(rule->codes[i], text.data, text.size) == 0)
            return i;
    return SIZE_MAX;
}

static size_t extreme(const hf_field *rule, const model_live *live, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        int order;
        number a, b;
        if (rule->rule == HF_RULE_STRICTEST) { /* SIZE_MAX + 1: unknown to us is least */
            size_t here = code_of(rule, live[i].value) + 1;
            size_t there = code_of(rule, live[best].value) + 1;
            order = here < there ? -1 : here > there;
        } else if (number_of(live[i].value, &a) && number_of(live[best].value, &b)) {
            order = number_compare(a, b);
        } else {
            return SIZE_MAX; /* not numbers: the pack does not say how they compare */
        }
        if (rule->rule == HF_RULE_MIN ? order < 0 : order > 0) best = i;
    }
    return best;
}

/* The join of all live states by the pack's table; HF_DISPUTED where branches do not meet. */
static size_t join_of(const hf_field *rule, const model_live *live, size_t count)
{
    size_t state = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t next = code_of(rule, live[i].value);
        if (next == SIZE_MAX) return HF_DISPUTED;
        if (state == SIZE_MAX) {
            state = next;
        } else {
            state = rule->join[state * rule->code_count + next];
        }
        if (state == HF_DISPUTED) return HF_DISPUTED;
    }
    return state;
}

static void rule_state(const hf_field *rule, const model_live *live, size_t count, model_field *out)
{
    size_t state = join_of(rule, live, count);
    out->conflict = state == HF_DISPUTED && groups_of(live, count) > 1;
    out->shows = state != HF_DISPUTED;
    for (size_t i = 0; i < count && out->shows; i++)
        if (code_of(rule, live[i].value) == state) out->shown = live[i].value;
    /* The join of two states can be a third that nobody wrote: then its bytes are the pack's. */
}

static int by_time(const void *left, const void *right)
{
    const model_live *a = left, *b = right;
    if (a->hlc != b->hlc) return a->hlc < b->hlc ? -1 : 1;
    return model_dot_compare(&a->dot, &b->dot);
}

void model_rule(const hf_field *rule, model_live *live, size_t count, model_field *out)
{
    size_t shown = SIZE_MAX;
    bool differ = groups_of(live, count) > 1;
    switch (rule->rule) {
    case HF_RULE_LAST: shown = newest(live, count); break;
    case HF_RULE_LAST_REVIEW:
        shown = newest(live, count);
        out->conflict = differ;
        break;
    case HF_RULE_ONCE:
        shown = oldest(live, count);
        out->conflict = differ;
        break;
    case HF_RULE_APPEND: qsort(live, count, sizeof *live, by_time); break;
    case HF_RULE_SET: break;
    case HF_RULE_STATE: rule_state(rule, live, count, out); return;
    case HF_RULE_MAX:
    case HF_RULE_MIN:
    case HF_RULE_STRICTEST: shown = extreme(rule, live, count); break;
    case HF_RULE_KEEP:
    default:
        shown = newest(live, count);
        out->conflict = differ;
        break;
    }
    out->shows = shown != SIZE_MAX;
    if (out->shows) out->shown = live[shown].value;
}
