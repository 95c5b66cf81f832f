/* model_rules.c: what is shown of a field's live writes, and whether a person must choose.
 *
 * The tables of protocol.md 6.2 and 6.3, row by row. */
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

/* Oldest first: the clock's quality does not count. */
static int by_time(const void *left, const void *right)
{
    const model_live *a = left, *b = right;
    if (a->hlc != b->hlc) return a->hlc < b->hlc ? -1 : 1;
    return model_dot_compare(&a->dot, &b->dot);
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
        if (by_time(&live[i], &live[best]) < 0) best = i;
    return best;
}

static int bytes_compare(hf_bytes a, hf_bytes b)
{
    size_t both = a.size < b.size ? a.size : b.size;
    int order = both ? memcmp(a.data, b.data, both) : 0;
    return order ? order : a.size < b.size ? -1 : a.size > b.size;
}

typedef struct weight { /* how a value stands under max and min: protocol.md 6.2 */
    bool fits;          /* is of the field's kind */
    unsigned major;     /* MAJOR_UINT, MAJOR_NINT, MAJOR_TEXT; else compared as encoded */
    uint64_t number;    /* of a negative one: -1 - the number */
    hf_bytes text, encoded;
} weight;

static weight weight_of(const hf_field *rule, hf_bytes value)
{
    reader r = {value.data, value.data + value.size, false};
    weight out = {.major = reader_major(&r), .encoded = value};
    bool whole = out.major == MAJOR_UINT || out.major == MAJOR_NINT;
    if (whole) out.number = reader_head(&r, out.major);
    if (out.major == MAJOR_TEXT) out.text = reader_string(&r, MAJOR_TEXT);
    switch (rule->kind) {
    case HF_VALUE_INT:
    case HF_VALUE_TIME:
    case HF_VALUE_DECIMAL: out.fits = whole; break;
    case HF_VALUE_TEXT:
    case HF_VALUE_DATE:
    case HF_VALUE_CODE: out.fits = out.major == MAJOR_TEXT; break;
    default: out.fits = true; break;
    }
    return out;
}

static int weight_compare(const weight *a, const weight *b)
{
    bool numbers = a->major <= MAJOR_NINT && b->major <= MAJOR_NINT;
    if (a->major == MAJOR_TEXT && b->major == MAJOR_TEXT) return bytes_compare(a->text, b->text);
    if (!numbers) return bytes_compare(a->encoded, b->encoded);
    if (a->major != b->major) return a->major == MAJOR_NINT ? -1 : 1;
    if (a->number == b->number) return 0;
    return (a->number < b->number) != (a->major == MAJOR_NINT) ? -1 : 1;
}

static size_t code_of(const hf_field *rule, hf_bytes value) /* SIZE_MAX: not in the list */
{
    reader r = {value.data, value.data + value.size, false};
    hf_bytes text = reader_string(&r, MAJOR_TEXT);
    for (size_t i = 0; i < rule->code_count && !r.bad; i++)
        if (strlen(rule->codes[i]) == text.size &&
            memcmp(rule->codes[i], text.data, text.size) == 0)
            return i;
    return SIZE_MAX; /* which is also stricter than every place in it */
}

/* Above zero: `a` is to be shown rather than `b`. */
static int preferred(const hf_field *rule, const model_live *a, const model_live *b)
{
    int order;
    if (rule->rule == HF_RULE_STRICTEST) {
        size_t here = code_of(rule, a->value), there = code_of(rule, b->value);
        order = here < there ? -1 : here > there;
        if (!order && here == SIZE_MAX) order = bytes_compare(a->value, b->value);
    } else {
        weight here = weight_of(rule, a->value), there = weight_of(rule, b->value);
        if (here.fits != there.fits) return here.fits ? 1 : -1;
        order = weight_compare(&here, &there);
        if (rule->rule == HF_RULE_MIN) order = -order;
    }
    return order ? order : model_age_compare(a, b);
}

static size_t extreme(const hf_field *rule, const model_live *live, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (preferred(rule, &live[i], &live[best]) > 0) best = i;
    return best;
}

/* Do declared moves lead from one state to the other? Spreads out from `from` until nothing is new.
 */
static bool follows(const hf_field *rule, size_t from, size_t to)
{
    bool reached[HF_DISPUTED + 1] = {false};
    reached[from] = true;
    for (bool grew = true; grew;) {
        grew = false;
        for (size_t a = 0; a < rule->code_count; a++)
            for (size_t b = 0; b < rule->code_count; b++)
                if (reached[a] && rule->moves[a * rule->code_count + b] && !reached[b])
                    grew = reached[b] = true;
    }
    return reached[to];
}

static size_t join(const hf_field *rule, size_t a, size_t b)
{
    if (a == HF_DISPUTED || b == HF_DISPUTED || a == SIZE_MAX || b == SIZE_MAX) return HF_DISPUTED;
    if (follows(rule, a, b)) return b;
    if (follows(rule, b, a)) return a;
    return rule
        ->join[a * rule->code_count + b]; /* what the pack declares for the pair, if anything */
}

static void rule_state(const hf_field *rule, const model_live *live, size_t count, model_field *out)
{
    if (groups_of(live, count) == 1) {
        out->shows = true;
        out->shown = live[0].value;
        return;
    }
    size_t state = code_of(rule, live[0].value);
    for (size_t i = 1; i < count; i++) state = join(rule, state, code_of(rule, live[i].value));
    out->conflict = state == HF_DISPUTED;
    out->shows = !out->conflict;
    if (out->shows) out->shown = rule->code_values[state]; /* perhaps one that nobody wrote */
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
