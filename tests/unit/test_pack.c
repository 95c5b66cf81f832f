/* test_pack.c: what a pack declares is checked twice: by the compiler, which says what is wrong,
 * and by the reader, which believes nobody. */
#include "sync/pack.h"

#include "sync/lattice.h"
#include "sync/pack/compile.h"
#include "sync/system_types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Heads of CBOR texts of so many bytes; the formatter would tear them from their texts. */
#define T1 "\x61"
#define T3 "\x63"
#define T4 "\x64"
#define T5 "\x65"
#define T7 "\x67"
#define T9 "\x69"
#define T10 "\x6a"
#define T11 "\x6b"
#define T13 "\x6d"
#define T22 "\x76"

static hf_bytes bytes_of(const char *text)
{
    return (hf_bytes){(const uint8_t *)text, strlen(text)};
}

/* ---- the police pack ---- */

static void read_police(hf_buffer *json)
{
    FILE *file = fopen(HF_SOURCE_DIR "/sync/pack/police.json", "rb");
    assert_non_null(file);
    uint8_t chunk[4096];
    size_t size;
    while ((size = fread(chunk, 1, sizeof chunk, file)) > 0) {
        hf_write_raw(json, (hf_bytes){chunk, size});
    }
    fclose(file);
    assert_int_equal(json->status, HF_OK);
}

static void compile_police(hf_buffer *compiled)
{
    hf_buffer json = {0};
    char why[1024];
    read_police(&json);
    hf_status status =
        hf_pack_compile(hf_buffer_bytes(&json), "police.json", compiled, why, sizeof why);
    if (status != HF_OK) fail_msg("%s", why);
    hf_buffer_free(&json);
}

static hf_pack *open_police(void)
{
    hf_buffer compiled = {0};
    hf_pack *pack = NULL;
    compile_police(&compiled);
    assert_int_equal(hf_pack_open(hf_buffer_bytes(&compiled), &pack), HF_OK);
    assert_true(hf_bytes_equal(hf_pack_bytes(pack), hf_buffer_bytes(&compiled)));
    hf_buffer_free(&compiled);
    return pack;
}

static void the_police_pack_uses_every_rule_and_reads_back(void **state)
{
    (void)state;
    hf_pack *pack = open_police();
    bool used[HF_RULE_STRICTEST + 1] = {false};
    static const char *const names[] = {
        "crime",   "person", "vehicle",      "location",  "note",        "custody",  "incident",
        "missing", "dash",   "intelligence", "statement", "stop_search", "property", "case"};
    enum { TYPES = sizeof names / sizeof *names };
    assert_int_equal(hf_pack_version(pack), 1);
    assert_int_equal(hf_pack_type_count(pack), TYPES);
    for (size_t t = 0; t < TYPES; t++) {
        const hf_type *type = hf_pack_type_at(pack, t);
        assert_string_equal(type->name, names[t]);
        assert_ptr_equal(hf_pack_type(pack, type->number), type);
        assert_ptr_equal(hf_pack_type_named(pack, bytes_of(names[t])), type);
        assert_non_null(type->title);
        for (size_t f = 0; f < type->field_count; f++) {
            const hf_field *field = &type->fields[f];
            used[field->rule] = true;
            assert_ptr_equal(hf_pack_field(pack, type->number, field->number), field);
            assert_ptr_equal(hf_type_field_named(type, bytes_of(field->name)), field);
        }
    }
    for (size_t rule = 0; rule <= HF_RULE_STRICTEST; rule++) assert_true(used[rule]);
    hf_pack_close(pack);
}

/* The columns of the published data, each with a place of the right kind. */
static void a_street_crime_fits_its_type(void **state)
{
    (void)state;
    hf_pack *pack = open_police();
    const hf_type *crime = hf_pack_type_named(pack, bytes_of("crime"));
    static const struct {
        const char *name, *value;
    } cells[] = {
        {"crime_ref", "\x78\x40"
                      "2fb781ec8e8576cdb8a0bf8ff9253b3065910a6641d7fbce83858ebedacd2c35"},
        {"month", T7 "2018-10"},
        {"reported_by", T22 "City of London Police "},
        {"falls_within", T22 "City of London Police "},
        {"longitude", "\x3a\x00\x01\xb3\x88"},
        {"latitude", "\x1a\x03\x12\x1a\x52"},
        {"location_text", T11 "No Location"},
        {"lsoa_code", T9 "E01000914"},
        {"lsoa_name", T11 "Camden 028B"},
        {"category", T13 "Bicycle theft"},
        {"outcome", "\x78\x2d"
                    "Investigation complete; no suspect identified"},
        {"context", T1 "-"},
    };
    assert_int_equal(crime->lane, HF_LANE_CRIME);
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        const hf_field *field = hf_type_field_named(crime, bytes_of(cells[i].name));
        assert_non_null(field);
        size_t size = strlen(cells[i].value);
        if (strcmp(cells[i].name, "longitude") == 0 || strcmp(cells[i].name, "latitude") == 0) {
            size = 5; /* they hold a zero byte */
            assert_int_equal(field->scale, 6);
        }
        char why[256];
        hf_bytes value = {(const uint8_t *)cells[i].value, size};
        hf_status status = hf_field_check(field, value, why, sizeof why);
        if (status != HF_OK) fail_msg("%s: %s", cells[i].name, why);
    }
    hf_pack_close(pack);
}

static uint8_t state_of(const hf_field *field, const char *name)
{
    for (size_t i = 0; i < field->code_count; i++) {
        if (strcmp(field->codes[i], name) == 0) return (uint8_t)i;
    }
    fail_msg("no state %s", name);
    return 0;
}

static uint8_t joined(const hf_field *field, const char *a, const char *b)
{
    return hf_lattice_join_of(field->code_count, field->join, state_of(field, a),
                              state_of(field, b));
}

static void charging_a_crime_and_dropping_it_at_once_is_disputed(void **state)
{
    (void)state;
    hf_pack *pack = open_police();
    const hf_type *crime = hf_pack_type_named(pack, bytes_of("crime"));
    const hf_field *status = hf_type_field_named(crime, bytes_of("status"));
    assert_int_equal(joined(status, "charged", "no_further_action"), HF_DISPUTED);
    assert_int_equal(joined(status, "cancelled", "under_investigation"), HF_DISPUTED);
    assert_int_equal(joined(status, "draft", "finalised"), state_of(status, "finalised"));
    const hf_type *note = hf_pack_type_named(pack, bytes_of("note"));
    const hf_field *signing = hf_type_field_named(note, bytes_of("status"));
    assert_int_equal(joined(signing, "signed", "reviewed"), state_of(signing, "complete"));
    assert_int_equal(joined(signing, "reviewed", "signed"), state_of(signing, "complete"));
    hf_pack_close(pack);
}

/* ---- unknown and built-in ---- */

static void what_the_pack_does_not_know_is_kept(void **state)
{
    (void)state;
    hf_pack *pack = open_police();
    static const uint32_t unknown[][2] = {{999, 1}, {16, 999}, {0, 1}, {15, 1}, {3, 999}};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        const hf_field *field = hf_pack_field(pack, unknown[i][0], unknown[i][1]);
        assert_non_null(field);
        assert_null(field->name);
        assert_int_equal(field->rule, HF_RULE_KEEP);
        assert_int_equal(field->kind, HF_VALUE_ANY);
    }
    assert_string_equal(hf_pack_field(pack, 16, HF_FIELD_DELETED)->name, "_deleted");
    assert_null(hf_pack_type(pack, 999));
    assert_null(hf_pack_type_named(pack, bytes_of("crim")));
    assert_null(hf_pack_type_named(pack, bytes_of("")));
    hf_pack_close(pack);
}

static void a_node_without_a_pack_still_reads_who_is_enrolled(void **state)
{
    (void)state;
    hf_pack *pack = NULL;
    assert_int_equal(hf_pack_open((hf_bytes){NULL, 0}, &pack), HF_OK);
    assert_int_equal(hf_pack_version(pack), 0);
    assert_int_equal(hf_pack_type_count(pack), 0);
    const hf_type *device = hf_pack_type_named(pack, bytes_of("_device"));
    assert_int_equal(device->number, HF_TYPE_DEVICE);
    const hf_field *standing = hf_pack_field(pack, HF_TYPE_DEVICE, HF_DEVICE_STANDING);
    assert_int_equal(joined(standing, "active", "revoked"), state_of(standing, "revoked"));
    size_t count = 0;
    const hf_type *types = hf_system_types(&count);
    assert_int_equal(count, 10);
    for (size_t t = 0; t < count; t++) {
        assert_true(t == 0 || types[t].number > types[t - 1].number);
        assert_true(types[t].number < HF_TYPE_FIRST_PACK);
        assert_int_equal(types[t].lane, HF_LANE_CONTROL);
        assert_int_equal(types[t].name[0], '_'); /* no pack can take such a name */
        for (size_t f = 0; f < types[t].field_count; f++) {
            const hf_field *field = &types[t].fields[f];
            assert_int_equal(field->number, f + 1);
            assert_ptr_equal(hf_pack_field(pack, types[t].number, field->number), field);
            for (size_t c = 0; c < field->code_count; c++) {
                hf_reader reader = hf_reader_open(field->code_values[c]);
                hf_bytes text = hf_read_text(&reader);
                assert_int_equal(hf_reader_end(&reader), HF_OK);
                assert_true(hf_bytes_equal(text, bytes_of(field->codes[c])));
            }
        }
    }
    hf_pack_close(pack);
    hf_pack_close(NULL);
}

/* The built-in tables are written out by hand: they must be what is declared. */
static void built_in_states_are_a_lattice_too(void **state)
{
    (void)state;
    size_t count = 0, tables = 0;
    const hf_type *types = hf_system_types(&count);
    for (size_t t = 0; t < count; t++) {
        for (size_t f = 0; f < types[t].field_count; f++) {
            const hf_field *field = &types[t].fields[f];
            if (field->rule != HF_RULE_STATE) continue;
            uint8_t join[HF_PACK_STATES_MAX * HF_PACK_STATES_MAX];
            hf_lattice_fault found =
                hf_lattice_build(field->code_count, field->moves, NULL, 0, join);
            assert_int_equal(found.kind, HF_LATTICE_SOUND);
            assert_memory_equal(join, field->join, field->code_count * field->code_count);
            tables++;
        }
    }
    assert_int_equal(tables, 2);
}

static void rules_are_named_as_packs_name_them(void **state)
{
    (void)state;
    assert_string_equal(hf_rule_name(HF_RULE_LAST_REVIEW), "last-review");
    assert_string_equal(hf_rule_name(HF_RULE_STRICTEST), "strictest");
    assert_string_equal(hf_rule_name((hf_rule)99), "keep");
}

/* ---- the reader ---- */

/* A pack by hand, so that it can say what the compiler never would. */
typedef struct forged {
    uint64_t format, version, type, lane, title, field, rule, kind;
    const char *type_name, *field_name;
    size_t states;
    const uint8_t *moves; /* pairs */
    size_t move_items;
    const uint8_t *joins; /* triples */
    size_t join_items;
    bool twice, unknown_tail;
} forged;

static const forged SOUND = {.format = 1,
                             .version = 1,
                             .type = 16,
                             .lane = 3,
                             .title = 1,
                             .field = 1,
                             .rule = HF_RULE_STATE,
                             .kind = HF_VALUE_CODE,
                             .type_name = "crime",
                             .field_name = "status",
                             .states = 4,
                             .moves = (const uint8_t *)"\0\1\0\2\1\3\2\3",
                             .move_items = 8,
                             .joins = (const uint8_t *)"\1\2\3",
                             .join_items = 3};

static void write_type(hf_buffer *out, const forged *f)
{
    hf_write_array(out, f->unknown_tail ? 8 : 6);
    hf_write_uint(out, f->type);
    hf_write_uint(out, f->lane);
    hf_write_uint(out, f->title);
    hf_write_string(out, f->type_name);
    hf_write_string(out, "Label");
    hf_write_array(out, 1);
    hf_write_array(out, f->unknown_tail ? 10 : 9);
    hf_write_uint(out, f->field);
    hf_write_uint(out, f->rule);
    hf_write_uint(out, f->kind);
    hf_write_string(out, f->field_name);
    hf_write_string(out, "Label");
    hf_write_uint(out, 0);
    hf_write_array(out, f->states);
    for (size_t i = 0; i < f->states; i++) {
        char name[24];
        snprintf(name, sizeof name, "s%zu", f->twice ? 0 : i);
        hf_write_string(out, name);
    }
    hf_write_array(out, f->move_items);
    for (size_t i = 0; i < f->move_items; i++) hf_write_uint(out, f->moves[i]);
    hf_write_array(out, f->join_items);
    for (size_t i = 0; i < f->join_items; i++) hf_write_uint(out, f->joins[i]);
    if (!f->unknown_tail) return;
    hf_write_string(out, "of a newer compiler");
    hf_write_null(out); /* no series of numbers */
    hf_write_array(out, 0);
}

static hf_status open_forged(const forged *f, hf_pack **pack)
{
    hf_buffer out = {0};
    hf_write_array(&out, f->unknown_tail ? 4 : 3);
    hf_write_uint(&out, f->format);
    hf_write_uint(&out, f->version);
    hf_write_array(&out, 1);
    write_type(&out, f);
    if (f->unknown_tail) hf_write_bool(&out, true);
    assert_int_equal(out.status, HF_OK);
    hf_status status = hf_pack_open(hf_buffer_bytes(&out), pack);
    hf_buffer_free(&out);
    return status;
}

static void the_reader_takes_what_it_knows_and_passes_over_the_rest(void **state)
{
    (void)state;
    hf_pack *pack = NULL;
    forged f = SOUND;
    f.unknown_tail = true;
    assert_int_equal(open_forged(&f, &pack), HF_OK);
    assert_int_equal(hf_pack_field(pack, 16, 1)->join[1 * 4 + 2], 3);
    hf_pack_close(pack);
    f.rule = 57;
    f.kind = 58;
    assert_int_equal(open_forged(&f, &pack), HF_OK);
    assert_int_equal(hf_pack_field(pack, 16, 1)->rule, HF_RULE_KEEP);
    assert_int_equal(hf_pack_field(pack, 16, 1)->kind, HF_VALUE_ANY);
    hf_pack_close(pack);
}

static void expect_refused(const forged *f)
{
    hf_pack *pack = NULL;
    assert_int_equal(open_forged(f, &pack), HF_ERR_PROTOCOL);
    assert_null(pack);
}

#define FORGE(member, value)                                                                       \
    do {                                                                                           \
        forged f = SOUND;                                                                          \
        f.member = value;                                                                          \
        expect_refused(&f);                                                                        \
    } while (0)

static void the_reader_refuses_what_the_compiler_would(void **state)
{
    (void)state;
    hf_pack *pack = NULL;
    assert_int_equal(open_forged(&SOUND, &pack), HF_OK);
    hf_pack_close(pack);
    FORGE(format, 2);
    FORGE(version, 0);
    FORGE(version, UINT64_C(1) << 32);
    FORGE(type, 15);
    FORGE(type, 65536);
    FORGE(lane, 0);
    FORGE(lane, 7);
    FORGE(title, 2);
    FORGE(field, 0);
    FORGE(field, 65536);
    FORGE(kind, HF_VALUE_TEXT);
    FORGE(type_name, "_pack");
    FORGE(type_name, "type16");
    FORGE(type_name, "");
    FORGE(type_name, "a_name_of_more_than_32_characters");
    FORGE(field_name, "Status");
    FORGE(field_name, "status_");
    FORGE(states, 0);
    FORGE(states, 65);
    FORGE(twice, true);
    FORGE(move_items, 7);
    FORGE(moves, (const uint8_t *)"\0\1\0\2\1\3\2\4"); /* a state that is none */
    FORGE(moves, (const uint8_t *)"\0\1\0\2\1\3\3\0"); /* a circle */
    FORGE(moves, (const uint8_t *)"\0\1\0\2\1\3\2\2"); /* the smallest circle */
    FORGE(moves, (const uint8_t *)"\0\1\0\2\1\3\1\2"); /* the join is of states in order */
    FORGE(moves, (const uint8_t *)"\0\1\0\2\1\3\1\3"); /* nothing leads from 2 to the join */
    FORGE(join_items, 2);
    FORGE(join_items, 0); /* then 1 and 2 are disputed, yet both lead to 3 */
    FORGE(joins, (const uint8_t *)"\1\2\4");
    FORGE(joins, (const uint8_t *)"\1\2\0");
    FORGE(joins, (const uint8_t *)"\1\1\3");
}

static void a_pack_broken_off_or_lengthened_is_refused(void **state)
{
    (void)state;
    hf_buffer compiled = {0};
    compile_police(&compiled);
    hf_pack *pack = NULL;
    for (size_t size = 1; size < compiled.size; size += 3) {
        hf_bytes part = {compiled.data, size};
        assert_int_equal(hf_pack_open(part, &pack), HF_ERR_PROTOCOL);
        assert_null(pack);
    }
    hf_write_null(&compiled);
    assert_int_equal(hf_pack_open(hf_buffer_bytes(&compiled), &pack), HF_ERR_PROTOCOL);
    hf_buffer_free(&compiled);
    static const uint8_t large[HF_PACK_SIZE_MAX + 1];
    assert_int_equal(hf_pack_open((hf_bytes){large, sizeof large}, &pack), HF_ERR_PROTOCOL);
}

/* A wrong bit in any byte: refused, or still a pack whose states merge alike in any order. */
static void a_flipped_bit_never_leaves_a_pack_that_diverges(void **state)
{
    (void)state;
    hf_buffer compiled = {0};
    compile_police(&compiled);
    size_t opened = 0;
    for (size_t byte = 0; byte < compiled.size; byte++) {
        uint8_t bit = (uint8_t)(1 << byte % 8);
        compiled.data[byte] ^= bit;
        hf_pack *pack = NULL;
        hf_status status = hf_pack_open(hf_buffer_bytes(&compiled), &pack);
        assert_true(status == HF_OK || status == HF_ERR_PROTOCOL);
        assert_true((status == HF_OK) == (pack != NULL));
        opened += pack != NULL;
        hf_pack_close(pack);
        compiled.data[byte] ^= bit;
    }
    assert_true(opened > 0 && opened < compiled.size); /* letters of labels may change */
    hf_buffer_free(&compiled);
}

/* ---- values ---- */

typedef struct check {
    hf_value_kind kind;
    const char *value;
    size_t size;
    hf_status status;
} check;
#define CHECK(kind, value, status)                                                                 \
    {                                                                                              \
        kind, value, sizeof(value) - 1, status                                                     \
    }

static const check CHECKS[] = {
    CHECK(HF_VALUE_TEXT, "\x60", HF_OK),
    CHECK(HF_VALUE_TEXT, "\x01", HF_ERR_INPUT),
    CHECK(HF_VALUE_INT, "\x20", HF_OK),
    CHECK(HF_VALUE_INT, "\x1b\xff\xff\xff\xff\xff\xff\xff\xff", HF_ERR_INPUT),
    CHECK(HF_VALUE_INT, T1 "1", HF_ERR_INPUT),
    CHECK(HF_VALUE_INT, "\x18\x01", HF_ERR_INPUT), /* not the shortest form */
    CHECK(HF_VALUE_INT, "", HF_ERR_INPUT),
    CHECK(HF_VALUE_INT, "\x01\x01", HF_ERR_INPUT),
    CHECK(HF_VALUE_BOOL, "\xf4", HF_OK),
    CHECK(HF_VALUE_BOOL, "\x00", HF_ERR_INPUT),
    CHECK(HF_VALUE_TIME, "\x00", HF_OK),
    CHECK(HF_VALUE_TIME, "\x1b\x7f\xff\xff\xff\xff\xff\xff\xff", HF_ERR_INPUT),
    CHECK(HF_VALUE_TIME, T10 "2019-10-21", HF_ERR_INPUT),
    CHECK(HF_VALUE_DECIMAL, "\x39\x01\x00", HF_OK),
    CHECK(HF_VALUE_DECIMAL, T3 "1.5", HF_ERR_INPUT),
    CHECK(HF_VALUE_REF,
          "\x82\x10\x50"
          "0123456789abcdef",
          HF_OK),
    CHECK(HF_VALUE_REF,
          "\x82\x10\x4f"
          "0123456789abcde",
          HF_ERR_INPUT),
    CHECK(HF_VALUE_REF,
          "\x82\x1a\x00\x01\x00\x00\x50"
          "0123456789abcdef",
          HF_ERR_INPUT),
    CHECK(HF_VALUE_BYTES, "\x41x", HF_OK),
    CHECK(HF_VALUE_BYTES, "\x61x", HF_ERR_INPUT),
    CHECK(HF_VALUE_ANY, "\x82\x01\x02", HF_OK),
    CHECK(HF_VALUE_ANY, "\x82\x01", HF_ERR_INPUT),
};

static void a_value_suits_its_field_or_the_person_hears_what_to_enter(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CHECKS / sizeof *CHECKS; i++) {
        const check *c = &CHECKS[i];
        hf_field field = {.kind = c->kind, .scale = 2};
        char why[128];
        hf_bytes value = {(const uint8_t *)c->value, c->size};
        hf_status status = hf_field_check(&field, value, why, sizeof why);
        if (status != c->status) fail_msg("number %zu: %d, \"%s\"", i, (int)status, why);
        assert_true((why[0] != '\0') == (status != HF_OK));
        assert_true(status == HF_OK || strncmp(why, "Enter ", 6) == 0);
    }
}

static hf_status check_text(const hf_field *field, const char *text, char why[128])
{
    hf_buffer value = {0};
    hf_write_string(&value, text);
    hf_status status = hf_field_check(field, hf_buffer_bytes(&value), why, 128);
    hf_buffer_free(&value);
    return status;
}

/* Question marks are escaped for the preprocessor alone. */
static void a_date_may_be_known_in_part(void **state)
{
    (void)state;
    static const char *const sound[] = {"2019",         "2019-10",     "2019-10-21", "1984-?\?-?\?",
                                        "?\??\?-02-29", "1984-?\?-31", "2000-02-29"};
    static const char *const unsound[] = {"1900-02-29", "2019-02-29", "2019-04-31", "2019-13-01",
                                          "2019-00-01", "2019-01-00", "0000-01-01", "2019-1?-01",
                                          "2019/10/21", "21-10-2019", "2019-",      ""};
    hf_field field = {.kind = HF_VALUE_DATE};
    char why[128];
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++) {
        if (check_text(&field, sound[i], why) != HF_OK) fail_msg("%s is refused", sound[i]);
    }
    for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++) {
        if (check_text(&field, unsound[i], why) == HF_OK) fail_msg("%s is taken", unsound[i]);
        assert_string_equal(why, "Enter a date as 2019-10-21; parts may be ??.");
    }
}

static void a_code_out_of_the_list_is_answered_with_the_list(void **state)
{
    (void)state;
    hf_pack *pack = open_police();
    const hf_type *crime = hf_pack_type_named(pack, bytes_of("crime"));
    const hf_field *risk = hf_type_field_named(crime, bytes_of("risk"));
    const hf_field *outcome = hf_type_field_named(crime, bytes_of("outcome"));
    char why[64];
    assert_int_equal(hf_field_check(risk, bytes_of("\x64high"), why, sizeof why), HF_OK);
    assert_int_equal(hf_field_check(risk, bytes_of("\x64none"), why, sizeof why), HF_ERR_INPUT);
    assert_string_equal(why, "Enter one of: standard, medium, high");
    for (size_t room = 1; room <= sizeof why; room++) { /* a long list is cut, never overrun */
        memset(why, '#', sizeof why);
        assert_int_equal(hf_field_check(outcome, bytes_of("\x64none"), why, room), HF_ERR_INPUT);
        assert_true(strlen(why) < room);
        assert_true(room == sizeof why || why[room] == '#');
    }
    hf_pack_close(pack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_police_pack_uses_every_rule_and_reads_back),
        cmocka_unit_test(a_street_crime_fits_its_type),
        cmocka_unit_test(charging_a_crime_and_dropping_it_at_once_is_disputed),
        cmocka_unit_test(what_the_pack_does_not_know_is_kept),
        cmocka_unit_test(a_node_without_a_pack_still_reads_who_is_enrolled),
        cmocka_unit_test(built_in_states_are_a_lattice_too),
        cmocka_unit_test(rules_are_named_as_packs_name_them),
        cmocka_unit_test(the_reader_takes_what_it_knows_and_passes_over_the_rest),
        cmocka_unit_test(the_reader_refuses_what_the_compiler_would),
        cmocka_unit_test(a_pack_broken_off_or_lengthened_is_refused),
        cmocka_unit_test(a_flipped_bit_never_leaves_a_pack_that_diverges),
        cmocka_unit_test(a_value_suits_its_field_or_the_person_hears_what_to_enter),
        cmocka_unit_test(a_date_may_be_known_in_part),
        cmocka_unit_test(a_code_out_of_the_list_is_answered_with_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
