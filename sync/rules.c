/* rules.c: the declared rules: which of the live values is shown, and what may be written over it.
 *
 * Why apart from merge.c: a fold only reads. It can change with a new pack, or be wrong, and every
 * replica still holds the same live writes and agrees again once it is put right. Each order used
 * here is total over data that never changes, so the same set folds alike everywhere. */
#include "codec.h"
#include "merge.h"
#include "planted.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Negative when `a` stands before `b`. Never 0 for two writes: their dots differ. */
typedef int (*live_order)(const hf_live *a, const hf_live *b);

static int newest_first(const hf_live *a, const hf_live *b)
{
    if (a->quality != b->quality) return a->quality > b->quality ? -1 : 1;
    if (a->hlc != b->hlc) return (a->hlc > b->hlc) != HF_PLANTED(WRONG_FOLD_LAST) ? -1 : 1;
    return hf_dot_compare(&b->at.dot, &a->at.dot);
}

static int oldest_first(const hf_live *a, const hf_live *b)
{
    if (a->hlc != b->hlc) return a->hlc < b->hlc ? -1 : 1;
    return hf_dot_compare(&a->at.dot, &b->at.dot);
}

static int by_value(const hf_live *a, const hf_live *b)
{
    int values = hf_bytes_compare(a->value, b->value);
    return values != 0 ? values : hf_dot_compare(&a->at.dot, &b->at.dot);
}

/* Restores the heap below `root`: the last in order on top. */
static void sift_down(const hf_live *live, size_t *order, size_t root, size_t count,
                      live_order before)
{
    size_t child = 2 * root + 1;
    while (child < count) {
        if (child + 1 < count && before(&live[order[child]], &live[order[child + 1]]) < 0) child++;
        if (before(&live[order[root]], &live[order[child]]) >= 0) return;
        size_t held = order[root];
        order[root] = order[child];
        order[child] = held;
        root = child;
        child = 2 * root + 1;
    }
}

/* Heap sort: no recursion, no allocation, no worst case for a hostile set of elements. */
static void sort(const hf_live *live, size_t *order, size_t count, live_order before)
{
    for (size_t root = count / 2; root-- > 0;) sift_down(live, order, root, count, before);
    for (size_t end = count; end-- > 1;) {
        size_t held = order[0];
        order[0] = order[end];
        order[end] = held;
        sift_down(live, order, 0, end, before);
    }
}

/* ---- values that have an order ---- */

enum { NO_CODE = HF_DISPUTED };

static size_t code_of(const hf_field *field, hf_bytes value)
{
    for (size_t i = 0; i < field->code_count; i++) {
        if (hf_bytes_equal(field->code_values[i], value)) return i;
    }
    return NO_CODE;
}

/* Is it a value that can be weighed as the field's kind? */
static bool suits(hf_value_kind kind, hf_kind found)
{
    bool whole = found == HF_KIND_UINT || found == HF_KIND_NINT;
    switch (kind) {
    case HF_VALUE_INT:
    case HF_VALUE_TIME:
    case HF_VALUE_DECIMAL: return whole;
    case HF_VALUE_TEXT:
    case HF_VALUE_DATE:
    case HF_VALUE_CODE: return found == HF_KIND_TEXT;
    default: return true;
    }
}

/* How `a` weighs against `b` in a max or min field: numbers as numbers, text by its bytes (so that
 * dates fall in order), all else by its encoding. Deterministic CBOR keeps the order of numbers of
 * one sign, so none is decoded and none can overflow. The kinds lie in the order of their first
 * bytes, which makes this one total order over all values. */
static int weigh(hf_bytes a, hf_bytes b)
{
    hf_reader reader_a = hf_reader_open(a), reader_b = hf_reader_open(b);
    hf_kind kind_a = hf_reader_kind(&reader_a), kind_b = hf_reader_kind(&reader_b);
    if (kind_a == HF_KIND_NINT && kind_b == HF_KIND_NINT) return hf_bytes_compare(b, a);
    if (kind_a == HF_KIND_NINT && kind_b == HF_KIND_UINT) return -1;
    if (kind_a == HF_KIND_UINT && kind_b == HF_KIND_NINT) return 1;
    if (kind_a == HF_KIND_TEXT && kind_b == HF_KIND_TEXT) {
        return hf_bytes_compare(hf_read_text(&reader_a), hf_read_text(&reader_b));
    }
    return hf_bytes_compare(a, b);
}

/* Which of two values does the field's lattice put on top? Positive: `a`. */
static int outweighs(const hf_field *field, hf_bytes a, hf_bytes b)
{
    if (field->rule == HF_RULE_STRICTEST) {
        size_t code_a = code_of(field, a), code_b = code_of(field, b);
        if (code_a != code_b) return code_a < code_b ? -1 : 1; /* an unknown code is strictest */
        return hf_bytes_compare(a, b);
    }
    hf_reader reader_a = hf_reader_open(a), reader_b = hf_reader_open(b);
    bool suits_a = suits(field->kind, hf_reader_kind(&reader_a));
    bool suits_b = suits(field->kind, hf_reader_kind(&reader_b));
    if (suits_a != suits_b) return suits_a ? 1 : -1; /* a stray value never hides a sound one */
    int weight = weigh(a, b);
    return field->rule == HF_RULE_MIN ? -weight : weight;
}

/* The join of all live states: its index, HF_DISPUTED, or HF_DISPUTED with `*alone` set when one
 * undeclared state stands by itself. */
static size_t joined_state(const hf_field *field, const hf_live *live, size_t count, bool *alone)
{
    size_t state = code_of(field, live[0].value);
    *alone = state == NO_CODE;
    for (size_t i = 1; i < count; i++) {
        if (hf_bytes_equal(live[i].value, live[0].value)) continue;
        *alone = false;
        size_t next = code_of(field, live[i].value);
        if (state == HF_DISPUTED || next == NO_CODE) return HF_DISPUTED;
        state = field->join[state * field->code_count + next];
    }
    return state;
}

/* ---- what is shown ---- */

static void show(hf_fold *out, const hf_live *live, size_t at)
{
    out->value = live[at].value;
    out->shown = at;
}

/* The join may be a state that nobody wrote: then the pack lends the value. Of several writes of
 * one state, the newest is the one shown. */
static void show_state(const hf_field *field, const hf_live *live, size_t count, hf_fold *out)
{
    bool alone = false;
    size_t state = joined_state(field, live, count, &alone);
    if (state == HF_DISPUTED && !alone) {
        out->conflict = true;
        return;
    }
    out->value = alone ? live[0].value : field->code_values[state];
    for (size_t i = 0; i < count; i++) {
        if (!hf_bytes_equal(live[i].value, out->value)) continue;
        if (out->shown == SIZE_MAX || newest_first(&live[i], &live[out->shown]) < 0) out->shown = i;
    }
    if (out->shown != SIZE_MAX) out->value = live[out->shown].value;
}

static bool shown_rather(const hf_field *field, const hf_live *a, const hf_live *b)
{
    int weight = 0;
    switch (field->rule) {
    case HF_RULE_ONCE: return oldest_first(a, b) < 0;
    case HF_RULE_MAX:
    case HF_RULE_MIN:
    case HF_RULE_STRICTEST:
        weight = outweighs(field, a->value, b->value);
        return weight > 0 || (weight == 0 && newest_first(a, b) < 0);
    default: return newest_first(a, b) < 0;
    }
}

/* All of the fold but the groups. */
static void pick(const hf_field *field, const hf_live *live, size_t count, hf_fold *out)
{
    *out = (hf_fold){.shown = SIZE_MAX};
    if (count == 0 || field->rule == HF_RULE_APPEND || field->rule == HF_RULE_SET) return;
    if (field->rule == HF_RULE_STATE) {
        show_state(field, live, count, out);
        return;
    }
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        if (shown_rather(field, &live[i], &live[best])) best = i;
    }
    show(out, live, best);
}

static size_t count_groups(const hf_live *live, size_t *order, size_t count)
{
    sort(live, order, count, by_value);
    size_t groups = count > 0 ? 1 : 0;
    for (size_t i = 1; i < count; i++) {
        if (!hf_bytes_equal(live[order[i - 1]].value, live[order[i]].value)) groups++;
    }
    return groups;
}

/* Are different values a matter for a person under this rule? (`state` answers for itself.) */
static bool needs_a_person(hf_rule rule)
{
    switch (rule) {
    case HF_RULE_LAST:
    case HF_RULE_APPEND:
    case HF_RULE_SET:
    case HF_RULE_STATE:
    case HF_RULE_MAX:
    case HF_RULE_MIN:
    case HF_RULE_STRICTEST: return false;
    default: return true; /* last-review, once, keep, and any rule we do not know */
    }
}

void hf_fold_live(const hf_field *field, const hf_live *live, size_t count, size_t *order,
                  hf_fold *out)
{
    for (size_t i = 0; i < count; i++) order[i] = i;
    pick(field, live, count, out);
    out->groups = count_groups(live, order, count);
    bool open = needs_a_person(field->rule) && !HF_PLANTED(WRONG_FOLD_KEEP);
    if (out->groups > 1 && open) out->conflict = true;
    if (field->rule == HF_RULE_SET) return; /* they lie by value already */

    sort(live, order, count, field->rule == HF_RULE_APPEND ? oldest_first : newest_first);
    if (out->shown == SIZE_MAX) return;
    size_t at = 0;
    while (order[at] != out->shown) at++;
    memmove(&order[1], &order[0], at * sizeof *order);
    order[0] = out->shown;
}

/* ---- what may be written ---- */

/* A value as a sentence quotes it: text in quotes and cut to what a line holds, numbers plain. */
static const char *quote(const hf_field *field, hf_bytes value, char *out, size_t size)
{
    enum { QUOTE_MAX = 60 };
    hf_reader reader = hf_reader_open(value);
    hf_kind kind = hf_reader_kind(&reader);
    if (kind == HF_KIND_TEXT) {
        hf_bytes text = hf_read_text(&reader);
        size_t shown = text.size < QUOTE_MAX ? text.size : QUOTE_MAX;
        while (shown < text.size && (text.data[shown] & 0xc0) == 0x80) shown--; /* it is UTF-8 */
        snprintf(out, size, "\"%.*s%s\"", (int)shown, (const char *)text.data,
                 shown < text.size ? "…" : "");
    } else if (suits(HF_VALUE_INT, kind) && field->kind != HF_VALUE_DECIMAL) {
        snprintf(out, size, "%" PRId64, hf_read_int(&reader));
    } else {
        snprintf(out, size, "another value");
    }
    return out;
}

static const char *name_of(const hf_field *field)
{
    return field->name != NULL ? field->name : "This field";
}

/* Appends to a sentence that may already fill its room: a cut sentence still ends in NUL. */
static void say(char *why, size_t why_size, const char *text)
{
    size_t used = strlen(why);
    if (used + 1 < why_size) snprintf(why + used, why_size - used, "%s", text);
}

/* "charged, no_further_action or cancelled": the states that one declared step leads to. */
static void say_steps(const hf_field *field, size_t state, char *why, size_t why_size)
{
    const uint8_t *steps = &field->moves[state * field->code_count];
    size_t left = 0;
    for (size_t i = 0; i < field->code_count; i++) left += steps[i] != 0;
    if (left == 0) {
        say(why, why_size, "no further step is declared.");
        return;
    }
    say(why, why_size, "the next step is ");
    for (size_t i = 0; i < field->code_count; i++) {
        if (steps[i] == 0) continue;
        left--;
        say(why, why_size, field->codes[i]);
        say(why, why_size, left > 1 ? ", " : left == 1 ? " or " : ".");
    }
}

static hf_status admit_state(const hf_field *field, const hf_live *live, size_t count,
                             hf_bytes value, bool reasoned, char *why, size_t why_size)
{
    size_t to = code_of(field, value);
    char text[96];
    if (to == NO_CODE) {
        snprintf(why, why_size, "%s has no state %s.", name_of(field),
                 quote(field, value, text, sizeof text));
        return HF_ERR_DENIED;
    }
    if (reasoned || count == 0) return HF_OK;
    bool alone = false;
    size_t from = joined_state(field, live, count, &alone);
    if (from == HF_DISPUTED) {
        snprintf(why, why_size, "%s is %s; choose a state and give a reason.", name_of(field),
                 alone ? "in a state that this pack does not know" : "disputed");
        return HF_ERR_DENIED;
    }
    if (field->join[from * field->code_count + to] == to) return HF_OK; /* declared, or a path is */
    snprintf(why, why_size, "%s is \"%s\" and cannot become \"%s\": ", name_of(field),
             field->codes[from], field->codes[to]);
    say_steps(field, from, why, why_size);
    say(why, why_size, " To correct it, give a reason.");
    return HF_ERR_DENIED;
}

static bool differ(const hf_live *live, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (!hf_bytes_equal(live[0].value, live[i].value)) return true;
    return false;
}

hf_status hf_rule_admits(const hf_field *field, const hf_live *live, size_t count, hf_bytes value,
                         hf_bytes reason, char *why, size_t why_size)
{
    assert(why_size > 0);
    why[0] = '\0';
    bool reasoned = reason.size > 0;
    if (value.data == NULL) return HF_OK; /* it only overwrites: nothing is set */
    if (field->rule == HF_RULE_STATE) {
        return admit_state(field, live, count, value, reasoned, why, why_size);
    }
    hf_fold shown;
    pick(field, live, count, &shown);
    if (shown.value.data == NULL || reasoned) return HF_OK;

    /* A plain write would overwrite versions that its author may never have looked at. */
    if (needs_a_person(field->rule) && differ(live, count)) {
        snprintf(why, why_size, "%s has several versions: choose one, and say why.",
                 name_of(field));
        return HF_ERR_DENIED;
    }
    char text[96];
    quote(field, shown.value, text, sizeof text);
    switch (field->rule) {
    case HF_RULE_ONCE:
        if (count == 1 && hf_bytes_equal(shown.value, value)) return HF_OK; /* says nothing new */
        snprintf(why, why_size, "%s is written once, and is %s. To correct it, give a reason.",
                 name_of(field), text);
        return HF_ERR_DENIED;
    case HF_RULE_MAX:
    case HF_RULE_MIN:
    case HF_RULE_STRICTEST:
        if (outweighs(field, value, shown.value) >= 0) return HF_OK;
        snprintf(why, why_size, "%s is %s and may only go %s. To correct it, give a reason.",
                 name_of(field), text,
                 field->rule == HF_RULE_MAX   ? "up"
                 : field->rule == HF_RULE_MIN ? "down"
                                              : "to a stricter one");
        return HF_ERR_DENIED;
    default: return HF_OK;
    }
}
