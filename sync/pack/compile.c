/* compile.c: a pack's JSON, checked, put in order and encoded.
 *
 * Why a compiler: what a pack declares decides how nine forces' records merge, and it cannot be
 * taken back once records were written by it. So what would not converge, or would be lost on an
 * older node, is refused here, before anyone has it. Members are read in the JSON's order and
 * written in the order of their numbers: the layout of the file does not change the bytes. */
#include "compile.h"

#include "../pack.h"
#include "source.h"
#include "states.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PACK_FORMAT = 1, RETIRED_MAX = 256 };

/* A field or a type, encoded, waiting to be put in the order of numbers. */
typedef struct piece {
    uint32_t number;
    const char *name; /* borrowed from the JSON */
    hf_rule rule;     /* of a field; and its kind */
    hf_value_kind kind;
    hf_buffer encoded;
} piece;

typedef struct pieces {
    piece *items;
    size_t count;
} pieces;

static void pieces_free(pieces *all)
{
    for (size_t i = 0; i < all->count; i++) hf_buffer_free(&all->items[i].encoded);
    free(all->items);
    *all = (pieces){0};
}

/* Takes `made` in at its place. Its name and number must be new. */
static void pieces_add(source *src, pieces *all, const char *what, piece *made)
{
    if (made->encoded.status != HF_OK) source_no_memory(src);
    for (size_t i = 0; i < all->count; i++) {
        const piece *other = &all->items[i];
        if (other->number == made->number) {
            source_refuse_at(src, "number", "%u is the number of \"%s\" too. Give this %s its own.",
                             made->number, other->name, what);
        } else if (src->status == HF_OK && strcmp(other->name, made->name) == 0) {
            source_refuse_at(src, "name", "there is another %s \"%s\". Give this one its own name.",
                             what, made->name);
        }
    }
    if (src->status != HF_OK) {
        hf_buffer_free(&made->encoded);
        return;
    }
    size_t at = all->count++;
    while (at > 0 && all->items[at - 1].number > made->number) {
        all->items[at] = all->items[at - 1];
        at--;
    }
    all->items[at] = *made;
}

static void pieces_write(const pieces *all, hf_buffer *out)
{
    hf_write_array(out, all->count);
    for (size_t i = 0; i < all->count; i++) {
        hf_write_raw(out, hf_buffer_bytes(&all->items[i].encoded));
    }
}

/* ---- one field ---- */

static const char *const RULES[] = {"keep", "last",  "last-review", "once", "append",
                                    "set",  "state", "max",         "min",  "strictest"};
static const char *const KINDS[] = {"any",  "text",    "int",  "bool", "time",
                                    "date", "decimal", "code", "ref",  "bytes"};
enum { RULE_COUNT = sizeof RULES / sizeof *RULES, KIND_COUNT = sizeof KINDS / sizeof *KINDS };
_Static_assert(RULE_COUNT == HF_RULE_STRICTEST + 1, "the names stand in the order of the numbers");
_Static_assert(KIND_COUNT == HF_VALUE_BYTES + 1, "the names stand in the order of the numbers");

typedef struct declared { /* what a field's JSON says, but its states */
    uint32_t number, scale;
    const char *name, *label;
    hf_rule rule;
    hf_value_kind kind;
    const char *codes[HF_PACK_CODES_MAX];
    size_t code_count;
} declared;

static size_t choice(source *src, const json_t *object, const char *member,
                     const char *const *words, size_t count)
{
    const char *word = source_text(src, object, member, HF_PACK_LABEL_MAX, true);
    if (word == NULL) return 0;
    size_t mark = source_enter(src, member);
    size_t found = source_choice(src, member, word, words, count);
    source_leave(src, mark);
    return found;
}

/* A list that the rule or kind does not use would be read by nobody: say so. */
static void refuse_stray(source *src, const json_t *object, const char *member, bool used,
                         const char *who)
{
    if (used || json_object_get(object, member) == NULL) return;
    source_refuse_at(src, member, "only %s has this. Take it out.", who);
}

/* The codes stand under the word that says what they are. */
static void read_codes(source *src, const json_t *object, declared *field)
{
    bool state = field->rule == HF_RULE_STATE, strictest = field->rule == HF_RULE_STRICTEST;
    bool plain = field->kind == HF_VALUE_CODE && !state && !strictest;
    refuse_stray(src, object, "states", state, "a field with the rule \"state\"");
    refuse_stray(src, object, "moves", state, "a field with the rule \"state\"");
    refuse_stray(src, object, "joins", state, "a field with the rule \"state\"");
    refuse_stray(src, object, "levels", strictest, "a field with the rule \"strictest\"");
    refuse_stray(src, object, "codes", plain, "a field of kind \"code\" without states or levels");
    if (!state && !strictest && !plain) return;

    const char *member = state ? "states" : strictest ? "levels" : "codes";
    size_t max = state ? HF_PACK_STATES_MAX : HF_PACK_CODES_MAX;
    const json_t *items = source_array(src, object, member, max, true);
    size_t mark = source_enter(src, member);
    if (items != NULL && json_array_size(items) == 0) source_refuse(src, "write at least one.");
    for (size_t i = 0; items != NULL && i < json_array_size(items); i++) {
        size_t inner = source_enter_item(src, i);
        const char *code = json_string_value(json_array_get(items, i));
        if (code == NULL || code[0] == '\0' || strlen(code) > HF_PACK_LABEL_MAX) {
            source_refuse(src, "write text of 1 to %d bytes.", HF_PACK_LABEL_MAX);
        }
        for (size_t j = 0; j < i && src->status == HF_OK; j++) {
            if (strcmp(code, field->codes[j]) == 0) {
                source_refuse(src, "\"%s\" stands in the list already. Take one out.", code);
            }
        }
        for (size_t j = 0; src->status == HF_OK && code[j] != '\0'; j++) {
            bool control = (unsigned char)code[j] < 0x20 || code[j] == 0x7f;
            if (control) source_refuse(src, "take the control character out of the text.");
        }
        field->codes[field->code_count++] = code;
        source_leave(src, inner);
    }
    source_leave(src, mark);
}

static bool is_ordered(hf_value_kind kind)
{
    return kind == HF_VALUE_INT || kind == HF_VALUE_TIME || kind == HF_VALUE_DATE ||
           kind == HF_VALUE_DECIMAL;
}

static void read_declared(source *src, const json_t *object, declared *field)
{
    static const char *const members[] = {"number", "name",  "label",  "rule",  "kind",
                                          "scale",  "codes", "states", "moves", "joins",
                                          "levels", "about", NULL};
    if (!source_object(src, object, members)) return;
    field->number = source_number(src, object, "number", 1, UINT16_MAX);
    field->name = source_name(src, object, "name", HF_PACK_NAME_MAX);
    field->label = source_text(src, object, "label", HF_PACK_LABEL_MAX, true);
    (void)source_text(src, object, "about", 4096, false);
    if (json_object_get(object, "rule") != NULL) {
        field->rule = (hf_rule)choice(src, object, "rule", RULES, RULE_COUNT);
    }
    bool coded = field->rule == HF_RULE_STATE || field->rule == HF_RULE_STRICTEST;
    field->kind = HF_VALUE_CODE;
    if (!coded || json_object_get(object, "kind") != NULL) {
        field->kind = (hf_value_kind)choice(src, object, "kind", KINDS, KIND_COUNT);
    }
    if (coded && field->kind != HF_VALUE_CODE) {
        source_refuse_at(src, "kind", "the rule \"%s\" is for codes. Take the kind out.",
                         RULES[field->rule]);
    }
    bool weighed = field->rule == HF_RULE_MAX || field->rule == HF_RULE_MIN;
    if (weighed && !is_ordered(field->kind)) {
        source_refuse_at(src, "kind",
                         "the rule \"%s\" needs values that have an order. Use int, time, date or "
                         "decimal.",
                         RULES[field->rule]);
    }
    refuse_stray(src, object, "scale", field->kind == HF_VALUE_DECIMAL, "kind \"decimal\"");
    if (field->kind == HF_VALUE_DECIMAL) {
        field->scale = source_number(src, object, "scale", 1, HF_PACK_SCALE_MAX);
    }
    read_codes(src, object, field);
}

/* Items at the end that say nothing are left out. */
static void write_field(source *src, const json_t *object, const declared *field, hf_buffer *out)
{
    bool state = field->rule == HF_RULE_STATE;
    hf_write_array(out, state ? 9 : field->code_count > 0 ? 7 : field->scale > 0 ? 6 : 5);
    hf_write_uint(out, field->number);
    hf_write_uint(out, field->rule);
    hf_write_uint(out, field->kind);
    hf_write_string(out, field->name);
    hf_write_string(out, field->label);
    if (field->scale > 0 || field->code_count > 0) hf_write_uint(out, field->scale);
    if (field->code_count > 0) {
        hf_write_array(out, field->code_count);
        for (size_t i = 0; i < field->code_count; i++) hf_write_string(out, field->codes[i]);
    }
    if (state) states_compile(src, object, field->codes, field->code_count, out);
}

static void compile_field(source *src, const json_t *object, pieces *fields)
{
    declared field = {.rule = HF_RULE_KEEP};
    read_declared(src, object, &field);
    if (src->status != HF_OK) return;
    piece made = {.number = field.number, .name = field.name};
    made.rule = field.rule;
    made.kind = field.kind;
    write_field(src, object, &field, &made.encoded);
    pieces_add(src, fields, "field", &made);
}

/* ---- one type ---- */

/* Numbers that fields once had: they must not come back with another meaning. */
static void check_retired(source *src, const json_t *object, const pieces *fields)
{
    const json_t *retired = source_array(src, object, "retired", RETIRED_MAX, false);
    size_t mark = source_enter(src, "retired");
    for (size_t i = 0; retired != NULL && i < json_array_size(retired); i++) {
        size_t inner = source_enter_item(src, i);
        const json_t *item = json_array_get(retired, i);
        json_int_t number = json_is_integer(item) ? json_integer_value(item) : 0;
        if (number < 1 || number > UINT16_MAX) {
            source_refuse(src, "write the number of a field that is no longer used.");
        }
        for (size_t j = 0; j < fields->count; j++) {
            if (number != (json_int_t)fields->items[j].number) continue;
            source_refuse(src, "%u is retired, and \"%s\" uses it. Give that field a new number.",
                          fields->items[j].number, fields->items[j].name);
        }
        source_leave(src, inner);
    }
    source_leave(src, mark);
}

static uint32_t title_of(source *src, const json_t *object, const pieces *fields)
{
    const char *title = source_text(src, object, "title", HF_PACK_NAME_MAX, false);
    if (title == NULL) return 0;
    const char *names[HF_PACK_FIELDS_MAX];
    for (size_t i = 0; i < fields->count; i++) names[i] = fields->items[i].name;
    size_t mark = source_enter(src, "title");
    size_t found = source_choice(src, "field", title, names, fields->count);
    hf_rule rule = fields->items[found].rule;
    if (src->status == HF_OK && (rule == HF_RULE_SET || rule == HF_RULE_APPEND)) {
        source_refuse(src, "\"%s\" holds a list. Name a field that shows one value.", title);
    }
    source_leave(src, mark);
    return src->status == HF_OK ? fields->items[found].number : 0;
}

/* Compiles each item of the array `member` of `object`. */
static void compile_items(source *src, const json_t *object, const char *member, size_t max,
                          void (*compile)(source *, const json_t *, pieces *), pieces *out)
{
    const json_t *items = source_array(src, object, member, max, true);
    if (items == NULL) return;
    size_t mark = source_enter(src, member);
    size_t count = json_array_size(items);
    if (count == 0) source_refuse(src, "write at least one.");
    out->items = calloc(count + 1, sizeof *out->items);
    if (out->items == NULL) source_no_memory(src);
    for (size_t i = 0; i < count && src->status == HF_OK; i++) {
        size_t inner = source_enter_item(src, i);
        compile(src, json_array_get(items, i), out);
        source_leave(src, inner);
    }
    source_leave(src, mark);
}

/* What it must be, in the words of the JSON. */
static uint32_t series_field(source *src, const json_t *object, const char *member,
                             const pieces *fields, hf_rule rule)
{
    const char *name = source_text(src, object, member, HF_PACK_NAME_MAX, true);
    if (name == NULL) return 0;
    const char *names[HF_PACK_FIELDS_MAX];
    for (size_t i = 0; i < fields->count; i++) names[i] = fields->items[i].name;
    size_t mark = source_enter(src, member);
    size_t found = source_choice(src, "field", name, names, fields->count);
    const piece *field = &fields->items[found];
    if (src->status == HF_OK && (field->rule != rule || field->kind != HF_VALUE_TEXT)) {
        source_refuse(src, "\"%s\" must be of kind \"text\" with the rule \"%s\".", name,
                      RULES[rule]);
    }
    source_leave(src, mark);
    return src->status == HF_OK ? field->number : 0;
}

/* "reference": how the type's records come by their number. False: they do not. */
static bool compile_series(source *src, const json_t *type, const pieces *fields, hf_buffer *out)
{
    static const char *const members[] = {"field", "aliases", "series", "format",
                                          "block", "about",   NULL};
    const json_t *object = json_object_get(type, "reference");
    if (object == NULL || src->status != HF_OK) return false;
    size_t mark = source_enter(src, "reference");
    if (source_object(src, object, members)) {
        uint32_t field = series_field(src, object, "field", fields, HF_RULE_ONCE);
        uint32_t aliases = series_field(src, object, "aliases", fields, HF_RULE_SET);
        const char *name = source_name(src, object, "series", HF_PACK_NAME_MAX);
        const char *format = source_text(src, object, "format", HF_SERIES_FORMAT_MAX, true);
        uint32_t block =
            source_number(src, object, "block", HF_SERIES_BLOCK_MIN, HF_SERIES_BLOCK_MAX);
        (void)source_text(src, object, "about", 4096, false);
        if (src->status == HF_OK && !hf_series_format_sound(format)) {
            source_refuse_at(src, "format",
                             "write {number} once and {yy} once or not at all, no other braces, "
                             "and no digit beside {number}: \"CR/{number}/{yy}\".");
        }
        hf_write_array(out, 5);
        hf_write_uint(out, field);
        hf_write_uint(out, aliases);
        hf_write_string(out, name ? name : "");
        hf_write_string(out, format ? format : "");
        hf_write_uint(out, block);
    }
    source_leave(src, mark);
    return true;
}

/* Types are given out one by one; that two of them share a series is seen at the end. */
static void check_series(source *src, const json_t *root)
{
    const json_t *types = json_object_get(root, "types");
    for (size_t i = 0; i < json_array_size(types) && src->status == HF_OK; i++) {
        const json_t *mine = json_object_get(json_array_get(types, i), "reference");
        for (size_t j = 0; j < i && mine != NULL && src->status == HF_OK; j++) {
            const json_t *other = json_object_get(json_array_get(types, j), "reference");
            static const char *const own[] = {"series", "format"};
            for (size_t k = 0; k < 2 && other != NULL; k++) {
                const char *text = json_string_value(json_object_get(mine, own[k]));
                const char *same = json_string_value(json_object_get(other, own[k]));
                if (strcmp(text, same) != 0) continue;
                source_refuse(src,
                              "types[%zu].reference.%s: types[%zu] has \"%s\" too. Give each type "
                              "its own.",
                              i, own[k], j, text);
            }
        }
    }
}

static void check_type_name(source *src, const char *name)
{
    if (src->status != HF_OK || strncmp(name, "type", 4) != 0) return;
    size_t digits = strspn(name + 4, "0123456789");
    if (digits == 0 || name[4 + digits] != '\0') return;
    source_refuse_at(src, "name",
                     "\"%s\" is how a node prints a type that it does not know. Use another name.",
                     name);
}

static void compile_type(source *src, const json_t *object, pieces *types)
{
    static const char *const members[] = {"number",  "name",   "label", "lane",      "title",
                                          "retired", "fields", "about", "reference", NULL};
    if (!source_object(src, object, members)) return;
    piece made = {.number = source_number(src, object, "number", HF_TYPE_FIRST_PACK, UINT16_MAX)};
    uint32_t lane = source_number(src, object, "lane", HF_LANE_RISK, HF_LANE_AUDIT);
    made.name = source_name(src, object, "name", HF_PACK_NAME_MAX);
    check_type_name(src, made.name);
    const char *label = source_text(src, object, "label", HF_PACK_LABEL_MAX, true);
    (void)source_text(src, object, "about", 4096, false);
    pieces fields = {0};
    compile_items(src, object, "fields", HF_PACK_FIELDS_MAX, compile_field, &fields);
    check_retired(src, object, &fields);
    uint32_t title = title_of(src, object, &fields);
    hf_buffer series = {0};
    bool numbered = compile_series(src, object, &fields, &series);
    if (src->status == HF_OK) {
        hf_write_array(&made.encoded, numbered ? 7 : 6);
        hf_write_uint(&made.encoded, made.number);
        hf_write_uint(&made.encoded, lane);
        hf_write_uint(&made.encoded, title);
        hf_write_string(&made.encoded, made.name);
        hf_write_string(&made.encoded, label);
        pieces_write(&fields, &made.encoded);
        if (numbered) hf_write_raw(&made.encoded, hf_buffer_bytes(&series));
        if (series.status != HF_OK) source_no_memory(src);
        pieces_add(src, types, "type", &made);
    }
    hf_buffer_free(&series);
    pieces_free(&fields);
}

/* ---- the pack ---- */

/* The reader is the judge: what it would refuse must not leave the compiler. */
static void check_result(source *src, hf_bytes compiled)
{
    if (compiled.size > HF_PACK_SIZE_MAX) {
        source_refuse(
            src,
            "it compiles to %zu bytes, and %d is the most. Shorten labels and code lists, "
            "or keep long lists as records.",
            compiled.size, HF_PACK_SIZE_MAX);
    }
    if (src->status != HF_OK) return;
    hf_pack *pack = NULL;
    hf_status status = hf_pack_open(compiled, &pack);
    if (status == HF_ERR_NOMEM) source_no_memory(src);
    assert(status != HF_ERR_PROTOCOL); /* compiler and reader would disagree: our own mistake */
    hf_pack_close(pack);
}

hf_status hf_pack_compile(hf_bytes json, const char *file, hf_buffer *out, char *why,
                          size_t why_size)
{
    static const char *const members[] = {"holdfast_pack", "version", "types", "about", NULL};
    assert(why_size > 0);
    why[0] = '\0';
    source src = {.file = file, .why = why, .why_size = why_size, .status = HF_OK};
    hf_buffer compiled = {0};
    pieces types = {0};
    json_t *root = source_parse(&src, json);
    if (root == NULL || !source_object(&src, root, members)) goto done;
    (void)source_number(&src, root, "holdfast_pack", PACK_FORMAT, PACK_FORMAT);
    uint32_t version = source_number(&src, root, "version", 1, INT32_MAX);
    (void)source_text(&src, root, "about", 4096, false);
    compile_items(&src, root, "types", HF_PACK_TYPES_MAX, compile_type, &types);
    check_series(&src, root);
    if (src.status != HF_OK) goto done;

    hf_write_array(&compiled, 3);
    hf_write_uint(&compiled, PACK_FORMAT);
    hf_write_uint(&compiled, version);
    pieces_write(&types, &compiled);
    if (compiled.status != HF_OK) source_no_memory(&src);
    check_result(&src, hf_buffer_bytes(&compiled));
    if (src.status == HF_OK) hf_write_raw(out, hf_buffer_bytes(&compiled));
    if (src.status == HF_OK && out->status != HF_OK) source_no_memory(&src);

done:
    pieces_free(&types);
    hf_buffer_free(&compiled);
    json_decref(root);
    return src.status;
}
