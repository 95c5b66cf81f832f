/* pack.c: reads a compiled pack: which record types there are, and how each field merges.
 *
 * A pack comes from outside, so nothing in it is believed: every length, name, number and index is
 * checked, and every state table is built and tried here again. What a newer compiler may add
 * (further items, unknown rules and kinds) is passed over, and such a field merges as `keep`. The
 * layout is in protocol.md 6. */
#include "pack.h"

#include "lattice.h"
#include "system_types.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    PACK_FORMAT = 1,
    JOINS_MAX = HF_PACK_STATES_MAX * (HF_PACK_STATES_MAX - 1) / 2 /* every pair */
};

_Static_assert(HF_PACK_NAME_MAX + 1 + 26 < HF_RECORD_TEXT_SIZE, "a record's id as text");
_Static_assert((int)HF_PACK_CODES_MAX < (int)HF_DISPUTED, "a code's index is never HF_DISPUTED");

/* What the pack's tables are made of: blocks that live as long as it does. */
typedef struct block {
    struct block *next;
    max_align_t start[];
} block;

struct hf_pack {
    uint32_t version;
    uint8_t *compiled;
    size_t compiled_size;
    hf_type *types; /* ascending by number; without the system's */
    size_t type_count;
    block *blocks;
};

/* One reading of one pack. After `status` has failed, every call is a no-op. */
typedef struct parser {
    hf_pack *pack;
    hf_reader in;
} parser;

static void refuse(parser *p)
{
    hf_reader_fail(&p->in, HF_ERR_PROTOCOL);
}

static void require(parser *p, bool holds)
{
    if (!holds) refuse(p);
}

/* Zeroed; NULL after a failure, of this or of anything before. */
static void *take(parser *p, size_t count, size_t size)
{
    if (p->in.status != HF_OK) return NULL;
    assert(count <= SIZE_MAX / 2 / size);
    block *taken = calloc(1, sizeof *taken + count * size);
    if (taken == NULL) {
        hf_reader_fail(&p->in, HF_ERR_NOMEM);
        return NULL;
    }
    taken->next = p->pack->blocks;
    p->pack->blocks = taken;
    return taken->start;
}

/* An array of at least `least` items; the caller reads those it knows and then skips the rest. */
static size_t open_array(parser *p, size_t least)
{
    size_t count = hf_read_array(&p->in, HF_PACK_SIZE_MAX);
    require(p, count >= least);
    return p->in.status == HF_OK ? count : 0;
}

static void skip_items(parser *p, size_t count)
{
    for (size_t i = 0; i < count && p->in.status == HF_OK; i++) (void)hf_read_item(&p->in);
}

/* Text of 1 to `max` bytes without control characters, with a NUL after it. */
static const char *read_text(parser *p, size_t max)
{
    hf_bytes text = hf_read_text(&p->in);
    require(p, text.size > 0 && text.size <= max);
    char *copy = take(p, text.size + 1, 1);
    if (copy == NULL) return NULL;
    for (size_t i = 0; i < text.size; i++) {
        copy[i] = (char)text.data[i];
        require(p, text.data[i] >= 0x20 && text.data[i] != 0x7f);
    }
    return copy;
}

/* a-z first, then also 0-9 and single underscores: safe in an id, a URL and a column name. */
static const char *read_name(parser *p)
{
    const char *name = read_text(p, HF_PACK_NAME_MAX);
    if (name == NULL) return NULL;
    require(p, name[0] >= 'a' && name[0] <= 'z');
    for (size_t i = 0; name[i] != '\0'; i++) {
        bool letter = name[i] >= 'a' && name[i] <= 'z';
        bool digit = name[i] >= '0' && name[i] <= '9';
        bool joint = name[i] == '_' && name[i + 1] != '_' && name[i + 1] != '\0';
        require(p, letter || digit || joint);
    }
    return name;
}

/* ---- one field ---- */

static void read_codes(parser *p, hf_field *field)
{
    size_t count = hf_read_array(&p->in, HF_PACK_CODES_MAX);
    const char **codes = take(p, count, sizeof *codes);
    hf_bytes *values = take(p, count, sizeof *values);
    for (size_t i = 0; i < count && p->in.status == HF_OK; i++) {
        const uint8_t *start = p->in.at;
        codes[i] = read_text(p, HF_PACK_LABEL_MAX);
        values[i] = (hf_bytes){start, (size_t)(p->in.at - start)};
        for (size_t j = 0; j < i; j++) require(p, !hf_bytes_equal(values[i], values[j]));
    }
    field->codes = codes;
    field->code_values = values;
    field->code_count = count;
}

/* moves: [from, to, from, to, ...] as indexes of states. */
static const uint8_t *read_moves(parser *p, size_t states)
{
    uint8_t *moves = take(p, states * states, 1);
    size_t count = hf_read_array(&p->in, 2 * states * states);
    require(p, count % 2 == 0);
    for (size_t i = 0; i < count / 2 && p->in.status == HF_OK; i++) {
        uint64_t from = hf_read_uint_max(&p->in, states - 1);
        uint64_t to = hf_read_uint_max(&p->in, states - 1);
        if (p->in.status == HF_OK) moves[from * states + to] = 1;
    }
    return moves;
}

/* joins: [a, b, joined, ...] */
static size_t read_joins(parser *p, size_t states, hf_lattice_join *joins)
{
    size_t count = hf_read_array(&p->in, 3 * JOINS_MAX);
    require(p, count % 3 == 0);
    for (size_t i = 0; i < count / 3 && p->in.status == HF_OK; i++) {
        joins[i].a = (uint8_t)hf_read_uint_max(&p->in, states - 1);
        joins[i].b = (uint8_t)hf_read_uint_max(&p->in, states - 1);
        joins[i].c = (uint8_t)hf_read_uint_max(&p->in, states - 1);
    }
    return count / 3;
}

/* `items` are left of the field's array: moves, joins, and what we do not know. */
static void read_states(parser *p, hf_field *field, size_t items)
{
    size_t states = field->code_count;
    require(p, states <= HF_PACK_STATES_MAX);
    if (p->in.status != HF_OK) return;
    const uint8_t *moves = NULL;
    hf_lattice_join joins[JOINS_MAX];
    size_t join_count = 0;
    if (items > 0)
        moves = read_moves(p, states);
    else
        moves = take(p, states * states, 1);
    if (items > 1) join_count = read_joins(p, states, joins);
    uint8_t *join = take(p, states * states, 1);
    if (p->in.status != HF_OK) return;

    hf_lattice_fault found = hf_lattice_build(states, moves, joins, join_count, join);
    require(p, found.kind == HF_LATTICE_SOUND);
    field->join = join;
    field->moves = moves;
    skip_items(p, items > 2 ? items - 2 : 0);
}

static hf_rule known_rule(uint64_t number)
{
    return number <= HF_RULE_STRICTEST ? (hf_rule)number : HF_RULE_KEEP;
}

static hf_value_kind known_kind(uint64_t number)
{
    return number <= HF_VALUE_BYTES ? (hf_value_kind)number : HF_VALUE_ANY;
}

/* field = [number, rule, kind, name, label, scale, codes, moves, joins]; the last four may lack. */
static void read_field(parser *p, hf_field *field)
{
    size_t items = open_array(p, 5);
    if (items == 0) return;
    field->number = (uint32_t)hf_read_uint_max(&p->in, UINT16_MAX);
    field->rule = known_rule(hf_read_uint(&p->in));
    field->kind = known_kind(hf_read_uint(&p->in));
    field->name = read_name(p);
    field->label = read_text(p, HF_PACK_LABEL_MAX);
    require(p, field->number > 0);
    items -= 5;
    if (items > 0) {
        field->scale = (uint8_t)hf_read_uint_max(&p->in, HF_PACK_SCALE_MAX);
        items--;
    }
    if (items > 0) {
        read_codes(p, field);
        items--;
    }
    bool by_code = field->rule == HF_RULE_STATE || field->rule == HF_RULE_STRICTEST;
    require(p, !by_code || (field->kind == HF_VALUE_CODE && field->code_count > 0));
    if (field->rule == HF_RULE_STATE)
        read_states(p, field, items);
    else
        skip_items(p, items);
}

/* ---- one type ---- */

static void read_fields(parser *p, hf_type *type)
{
    size_t count = hf_read_array(&p->in, HF_PACK_FIELDS_MAX);
    hf_field *fields = take(p, count, sizeof *fields);
    for (size_t i = 0; i < count && p->in.status == HF_OK; i++) {
        read_field(p, &fields[i]);
        require(p, i == 0 || fields[i].number > fields[i - 1].number);
        for (size_t j = 0; j < i && p->in.status == HF_OK; j++) {
            require(p, strcmp(fields[i].name, fields[j].name) != 0);
        }
    }
    type->fields = fields;
    type->field_count = p->in.status == HF_OK ? count : 0;
}

/* "type17" is how a type that a node does not know is printed: no known one may look like it. */
static bool looks_unknown(const char *name)
{
    if (strncmp(name, "type", 4) != 0 || name[4] == '\0') return false;
    return name[4 + strspn(name + 4, "0123456789")] == '\0';
}

/* ---- its series of numbers ---- */

static const hf_field *series_field(parser *p, const hf_type *type, hf_rule rule)
{
    uint32_t number = (uint32_t)hf_read_uint_max(&p->in, UINT16_MAX);
    for (size_t i = 0; i < type->field_count; i++) {
        const hf_field *field = &type->fields[i];
        if (field->number != number) continue;
        require(p, field->rule == rule && field->kind == HF_VALUE_TEXT);
        return field;
    }
    refuse(p);
    return NULL;
}

bool hf_series_format_sound(const char *format)
{
    const char *number = strstr(format, "{number}"), *year = strstr(format, "{yy}");
    size_t braces = 0;
    if (!number) return false;
    for (const char *at = format; *at; at++) braces += *at == '{' || *at == '}';
    for (const char *at = format; *at; at++)
        if (*at < 0x20 || *at > 0x7e) return false;
    if (braces != (year ? 4u : 2u)) return false;
    char before = number > format ? number[-1] : '-', after = number[8];
    return !(before >= '0' && before <= '9') && !(after >= '0' && after <= '9') && before != '}' &&
           after != '{';
}

/* series = [field, aliases, name, format, block, ...] */
static void read_series(parser *p, hf_type *type)
{
    size_t items = open_array(p, 5);
    hf_series *series = take(p, 1, sizeof *series);
    if (items == 0 || series == NULL) return;
    series->field = series_field(p, type, HF_RULE_ONCE);
    series->aliases = series_field(p, type, HF_RULE_SET);
    series->name = read_name(p);
    series->format = read_text(p, HF_SERIES_FORMAT_MAX);
    require(p, series->format == NULL || hf_series_format_sound(series->format));
    series->block = (uint32_t)hf_read_uint_max(&p->in, HF_SERIES_BLOCK_MAX);
    require(p, series->block >= HF_SERIES_BLOCK_MIN);
    skip_items(p, items - 5);
    type->series = series;
}

/* Two series of one name would lease the same numbers twice; of one format, people could not tell
 * them apart. */
static void require_own_series(parser *p, const hf_type *types, size_t count)
{
    size_t all = 0;
    for (size_t i = 0; i < count && p->in.status == HF_OK; i++) {
        const hf_series *mine = types[i].series;
        if (mine == NULL) continue;
        require(p, ++all <= HF_SERIES_MAX);
        for (size_t j = 0; j < i && p->in.status == HF_OK; j++) {
            const hf_series *other = types[j].series;
            require(p, other == NULL || (strcmp(mine->name, other->name) != 0 &&
                                         strcmp(mine->format, other->format) != 0));
        }
    }
}

/* type = [number, lane, title, name, label, fields, series, ...]; the series may lack, or be null.
 */
static void read_type(parser *p, hf_type *type)
{
    size_t items = open_array(p, 6);
    if (items == 0) return;
    type->number = (uint32_t)hf_read_uint_max(&p->in, UINT16_MAX);
    type->lane = (uint8_t)hf_read_uint_max(&p->in, HF_LANE_COUNT - 1);
    uint32_t title = (uint32_t)hf_read_uint_max(&p->in, UINT16_MAX);
    type->name = read_name(p);
    type->label = read_text(p, HF_PACK_LABEL_MAX);
    read_fields(p, type);
    require(p, type->number >= HF_TYPE_FIRST_PACK);
    require(p, type->lane != HF_LANE_CONTROL);
    require(p, type->name == NULL || !looks_unknown(type->name));
    for (size_t i = 0; i < type->field_count; i++) {
        if (type->fields[i].number == title) type->title = &type->fields[i];
    }
    require(p, title == 0 || type->title != NULL);
    bool numbered = items > 6 && hf_reader_kind(&p->in) != HF_KIND_NULL;
    if (numbered) read_series(p, type);
    skip_items(p, items - (numbered ? 7 : 6));
}

/* ---- the pack ---- */

/* pack = [1, version, types, ...] */
static void read_pack(parser *p)
{
    size_t items = open_array(p, 3);
    require(p, hf_read_uint(&p->in) == PACK_FORMAT);
    p->pack->version = (uint32_t)hf_read_uint_max(&p->in, UINT32_MAX);
    require(p, p->pack->version > 0);
    size_t count = hf_read_array(&p->in, HF_PACK_TYPES_MAX);
    hf_type *types = take(p, count, sizeof *types);
    for (size_t i = 0; i < count && p->in.status == HF_OK; i++) {
        read_type(p, &types[i]);
        require(p, i == 0 || types[i].number > types[i - 1].number);
        for (size_t j = 0; j < i && p->in.status == HF_OK; j++) {
            require(p, strcmp(types[i].name, types[j].name) != 0);
        }
    }
    require_own_series(p, types, count);
    p->pack->types = types;
    p->pack->type_count = p->in.status == HF_OK ? count : 0;
    skip_items(p, items > 3 ? items - 3 : 0);
}

hf_status hf_pack_open(hf_bytes compiled, hf_pack **out)
{
    *out = NULL;
    if (compiled.size > HF_PACK_SIZE_MAX) return HF_ERR_PROTOCOL;
    hf_pack *pack = calloc(1, sizeof *pack);
    if (pack == NULL) return HF_ERR_NOMEM;
    hf_status status = HF_OK;
    if (compiled.size == 0) goto done;

    pack->compiled = malloc(compiled.size);
    if (pack->compiled == NULL) {
        status = HF_ERR_NOMEM;
        goto done;
    }
    memcpy(pack->compiled, compiled.data, compiled.size);
    pack->compiled_size = compiled.size;
    status = hf_cbor_check_profile(hf_pack_bytes(pack));
    if (status != HF_OK) goto done;
    parser p = {pack, hf_reader_open(hf_pack_bytes(pack))};
    read_pack(&p);
    status = hf_reader_end(&p.in);

done:
    if (status == HF_OK) {
        *out = pack;
        return HF_OK;
    }
    hf_pack_close(pack);
    return status == HF_ERR_NOMEM ? HF_ERR_NOMEM : HF_ERR_PROTOCOL;
}

void hf_pack_close(hf_pack *pack)
{
    if (pack == NULL) return;
    while (pack->blocks != NULL) {
        block *next = pack->blocks->next;
        free(pack->blocks);
        pack->blocks = next;
    }
    free(pack->compiled);
    free(pack);
}

uint32_t hf_pack_version(const hf_pack *pack)
{
    return pack->version;
}

hf_bytes hf_pack_bytes(const hf_pack *pack)
{
    return (hf_bytes){pack->compiled, pack->compiled_size};
}

size_t hf_pack_type_count(const hf_pack *pack)
{
    return pack->type_count;
}

const hf_type *hf_pack_type_at(const hf_pack *pack, size_t index)
{
    assert(index < pack->type_count);
    return &pack->types[index];
}

static bool is_named(const char *name, hf_bytes text)
{
    return strlen(name) == text.size && memcmp(name, text.data, text.size) == 0;
}

/* Both tables ascend by number; neither is long. */
static const hf_type *find_type(const hf_type *types, size_t count, uint32_t number)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (types[middle].number == number) return &types[middle];
        if (types[middle].number < number)
            low = middle + 1;
        else
            count = middle;
    }
    return NULL;
}

const hf_type *hf_pack_type(const hf_pack *pack, uint32_t number)
{
    if (number >= HF_TYPE_FIRST_PACK) return find_type(pack->types, pack->type_count, number);
    size_t count = 0;
    const hf_type *types = hf_system_types(&count);
    return find_type(types, count, number);
}

const hf_type *hf_pack_type_named(const hf_pack *pack, hf_bytes name)
{
    for (size_t i = 0; i < pack->type_count; i++) {
        if (is_named(pack->types[i].name, name)) return &pack->types[i];
    }
    size_t count = 0;
    const hf_type *types = hf_system_types(&count);
    for (size_t i = 0; i < count; i++) {
        if (is_named(types[i].name, name)) return &types[i];
    }
    return NULL;
}

const hf_type *hf_pack_series(const hf_pack *pack, hf_bytes name)
{
    for (size_t i = 0; i < pack->type_count; i++) {
        const hf_series *series = pack->types[i].series;
        if (series != NULL && is_named(series->name, name)) return &pack->types[i];
    }
    return NULL;
}

const hf_field *hf_pack_field(const hf_pack *pack, uint32_t type, uint32_t number)
{
    /* Several deletes may stand side by side, each with its own context: nothing to choose. */
    static const hf_field deleted = {
        .name = "_deleted", .label = "Deleted", .rule = HF_RULE_SET, .kind = HF_VALUE_ANY};
    static const hf_field unknown = {.rule = HF_RULE_KEEP, .kind = HF_VALUE_ANY};
    if (number == HF_FIELD_DELETED) return &deleted;
    const hf_type *found = hf_pack_type(pack, type);
    size_t low = 0, high = found != NULL ? found->field_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (found->fields[middle].number == number) return &found->fields[middle];
        if (found->fields[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return &unknown;
}

const hf_field *hf_type_field_named(const hf_type *type, hf_bytes name)
{
    for (size_t i = 0; i < type->field_count; i++) {
        if (is_named(type->fields[i].name, name)) return &type->fields[i];
    }
    return NULL;
}

const char *hf_rule_name(hf_rule rule)
{
    switch (rule) {
    case HF_RULE_LAST: return "last";
    case HF_RULE_LAST_REVIEW: return "last-review";
    case HF_RULE_ONCE: return "once";
    case HF_RULE_APPEND: return "append";
    case HF_RULE_SET: return "set";
    case HF_RULE_STATE: return "state";
    case HF_RULE_MAX: return "max";
    case HF_RULE_MIN: return "min";
    case HF_RULE_STRICTEST: return "strictest";
    default: return "keep";
    }
}
