/* test_pack_compile.c: the pack compiler refuses what would not converge, and says where, what and
 * what to do; and what it takes has the same bytes however it is laid out. */
#include "sync/pack/compile.h"

#include "sync/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static hf_bytes bytes_of(const char *text)
{
    return (hf_bytes){(const uint8_t *)text, strlen(text)};
}

#define PACK(types) "{\"holdfast_pack\":1,\"version\":1,\"types\":[" types "]}"
#define TYPE(fields)                                                                               \
    "{\"number\":16,\"name\":\"crime\",\"label\":\"Crime\",\"lane\":3,\"fields\":[" fields "]}"
#define FIELD(rest) "{\"number\":1,\"name\":\"a\",\"label\":\"A\"," rest "}"
#define ONE(rest) PACK(TYPE(FIELD(rest)))
#define NUMBERED(number, rest)                                                                     \
    "{\"number\":" number ",\"name\":\"t" number                                                   \
    "\",\"label\":\"T\",\"lane\":3,\"reference\":{" rest "},\"fields\":["                          \
    "{\"number\":1,\"name\":\"ref\",\"label\":\"R\",\"rule\":\"once\",\"kind\":\"text\"},"         \
    "{\"number\":2,\"name\":\"others\",\"label\":\"O\",\"rule\":\"set\",\"kind\":\"text\"}]}"
#define SERIES(name, format)                                                                       \
    "\"field\":\"ref\",\"aliases\":\"others\",\"series\":\"" name "\",\"format\":\"" format        \
    "\",\"block\":500"
#define STATES(rest) ONE("\"rule\":\"state\",\"states\":[\"a\",\"b\",\"c\",\"d\"]," rest)

static hf_status compile(const char *json, hf_buffer *out, char why[1024])
{
    return hf_pack_compile(bytes_of(json), "x.json", out, why, 1024);
}

static void the_layout_of_the_file_does_not_change_the_bytes(void **state)
{
    (void)state;
    char why[1024];
    hf_buffer one = {0}, other = {0};
    static const char two_ways[2][1024] = {
        PACK("{\"number\":16,\"name\":\"p\",\"label\":\"P\",\"lane\":5,\"title\":\"x\",\"fields\":["
             "{\"number\":1,\"name\":\"x\",\"label\":\"X\",\"kind\":\"text\"},"
             "{\"number\":2,\"name\":\"s\",\"label\":\"S\",\"rule\":\"state\",\"states\":[\"a\","
             "\"b\",\"c\","
             "\"d\"],\"moves\":[[\"a\",\"b\"],[\"a\",\"c\"],[\"b\",\"d\"],[\"c\",\"d\"]],"
             "\"joins\":[[\"b\",\"c\",\"d\"]]}]},"
             "{\"number\":17,\"name\":\"q\",\"label\":\"Q\",\"lane\":6,\"fields\":["
             "{\"number\":9,\"name\":\"y\",\"label\":\"Y\",\"rule\":\"max\",\"kind\":\"int\"}]}"),
        "{\"types\":[ "
        "{\"fields\":[{\"kind\":\"int\",\"rule\":\"max\",\"label\":\"Y\",\"number\":9,\"name\":"
        "\"y\"}],\"lane\":6,\"label\":\"Q\",\"name\":\"q\",\"number\":17,\"about\":\"why\"},\n"
        "{\"number\":16,\"name\":\"p\",\"label\":\"P\",\"lane\":5,\"title\":\"x\",\"fields\":["
        "{\"number\":2,\"name\":\"s\",\"label\":\"S\",\"rule\":\"state\",\"kind\":\"code\","
        "\"states\":[\"a\","
        "\"b\",\"c\",\"d\"],\"moves\":[[\"c\",\"d\"],[\"b\",\"d\"],[\"a\",\"c\"],[\"a\",\"b\"]],"
        "\"joins\":[[\"c\",\"b\",\"d\"]]},"
        "{\"number\":1,\"name\":\"x\",\"label\":\"X\",\"kind\":\"text\",\"rule\":\"keep\"}]}],"
        "\"version\":1,\"holdfast_pack\":1}"};
    if (compile(two_ways[0], &one, why) != HF_OK) fail_msg("%s", why);
    if (compile(two_ways[1], &other, why) != HF_OK) fail_msg("%s", why);
    assert_true(one.size > 0);
    assert_true(hf_bytes_equal(hf_buffer_bytes(&one), hf_buffer_bytes(&other)));
    hf_buffer_free(&one);
    hf_buffer_free(&other);
}

typedef struct refusal {
    const char *json, *at, *says;
} refusal;

static const refusal REFUSALS[] = {
    {"", "x.json: line 1, column 0", "'[' or '{' expected"},
    {"[]", "x.json: write an object", ""},
    {"{\"version\":1,\"version\":2}", "x.json: line 1", "duplicate object key"},
    {PACK("") "x", "x.json: line 1", "end of file expected"},
    {"{\"version\":1}", "x.json: \"holdfast_pack\" is missing", ""},
    {"{\"holdfast_pack\":2,\"version\":1}", "x.json: holdfast_pack", "whole number from 1 to 1"},
    {"{\"holdfast_pack\":1}", "x.json: \"version\" is missing", ""},
    {"{\"holdfast_pack\":1,\"verzion\":1}", "x.json", "Did you mean \"version\"?"},
    {"{\"holdfast_pack\":1,\"version\":0}", "x.json: version", "from 1 to"},
    {"{\"holdfast_pack\":1,\"version\":1.5}", "x.json: version", "whole number"},
    {PACK(""), "x.json: types", "at least one"},
    {PACK("7"), "x.json: types[0]", "write an object"},
    {PACK("{\"number\":15,\"name\":\"a\",\"label\":\"A\",\"lane\":3,\"fields\":[]}"),
     "x.json: types[0].number", "from 16 to 65535"},
    {PACK("{\"number\":16,\"name\":\"a\",\"label\":\"A\",\"lane\":0,\"fields\":[]}"),
     "x.json: types[0].lane", "from 1 to 6"},
    {PACK("{\"number\":16,\"name\":\"_a\",\"label\":\"A\",\"lane\":3,\"fields\":[]}"),
     "x.json: types[0].name", "Begin with a letter"},
    {PACK("{\"number\":16,\"name\":\"a__b\",\"label\":\"A\",\"lane\":3,\"fields\":[]}"),
     "x.json: types[0].name", "single underscores"},
    {PACK("{\"number\":16,\"name\":\"type17\",\"label\":\"A\",\"lane\":3,\"fields\":[]}"),
     "x.json: types[0].name", "does not know"},
    {PACK("{\"number\":16,\"name\":\"a\",\"label\":\"\",\"lane\":3,\"fields\":[]}"),
     "x.json: types[0].label", "1 to 64 bytes"},
    {PACK("{\"number\":16,\"name\":\"a\",\"label\":\"A\\u0007\",\"lane\":3,\"fields\":[]}"),
     "x.json: types[0].label", "control character"},
    {PACK("{\"number\":16,\"name\":\"a\",\"label\":\"A\\u0000\",\"lane\":3,\"fields\":[]}"),
     "x.json: line 1", "\\u0000"},
    {PACK(TYPE(FIELD("\"kind\":\"int\"")) "," TYPE(FIELD("\"kind\":\"int\""))),
     "x.json: types[1].number", "16 is the number of \"crime\" too"},
    {PACK(TYPE(FIELD(
         "\"kind\":\"int\"") ",{\"number\":2,\"name\":\"a\",\"label\":\"B\",\"kind\":\"int\"}")),
     "x.json: types[0].fields[1].name", "another field \"a\""},
    {PACK("{\"number\":16,\"name\":\"crime\",\"label\":\"C\",\"lane\":3,\"retired\":[4,1],"
          "\"fields\":[" FIELD("\"kind\":\"int\"") "]}"),
     "x.json: types[0].retired[1]", "1 is retired, and \"a\" uses it"},
    {PACK("{\"number\":16,\"name\":\"crime\",\"label\":\"C\",\"lane\":3,\"title\":\"b\",\"fields\":"
          "[" FIELD("\"kind\":\"int\"") "]}"),
     "x.json: types[0].title", "no field \"b\""},
    {PACK("{\"number\":16,\"name\":\"crime\",\"label\":\"C\",\"lane\":3,\"title\":\"a\",\"fields\":"
          "[" FIELD("\"rule\":\"set\",\"kind\":\"int\"") "]}"),
     "x.json: types[0].title", "holds a list"},
    {ONE("\"rule\":\"lst\",\"kind\":\"int\""), "x.json: types[0].fields[0].rule",
     "there is no rule \"lst\". Did you mean \"last\"?"},
    {ONE("\"rule\":\"owner\",\"kind\":\"int\""), "x.json: types[0].fields[0].rule",
     "Use one of: keep,"},
    {ONE("\"kynd\":\"int\""), "x.json: types[0].fields[0]", "Did you mean \"kind\"?"},
    {ONE("\"kind\":\"integer\""), "x.json: types[0].fields[0].kind", "Use one of: any,"},
    {ONE("\"rule\":\"last\""), "x.json: types[0].fields[0]", "\"kind\" is missing"},
    {ONE("\"kind\":7"), "x.json: types[0].fields[0].kind", "write text"},
    {ONE("\"kind\":\"decimal\""), "x.json: types[0].fields[0]", "\"scale\" is missing"},
    {ONE("\"kind\":\"decimal\",\"scale\":10"), "x.json: types[0].fields[0].scale", "from 1 to 9"},
    {ONE("\"kind\":\"int\",\"scale\":2"), "x.json: types[0].fields[0].scale",
     "only kind \"decimal\""},
    {ONE("\"kind\":\"code\""), "x.json: types[0].fields[0]", "\"codes\" is missing"},
    {ONE("\"kind\":\"code\",\"codes\":[]"), "x.json: types[0].fields[0].codes", "at least one"},
    {ONE("\"kind\":\"code\",\"codes\":[\"a\",\"a\"]"), "x.json: types[0].fields[0].codes[1]",
     "stands in the list already"},
    {ONE("\"kind\":\"int\",\"codes\":[\"a\"]"), "x.json: types[0].fields[0].codes", "Take it out"},
    {ONE("\"rule\":\"max\",\"kind\":\"text\""), "x.json: types[0].fields[0].kind",
     "Use int, time, date or decimal"},
    {ONE("\"rule\":\"strictest\",\"codes\":[\"a\"]"), "x.json: types[0].fields[0].codes",
     "only a field"},
    {ONE("\"rule\":\"strictest\",\"kind\":\"int\",\"levels\":[\"a\"]"),
     "x.json: types[0].fields[0].kind", "is for codes"},
    {ONE("\"rule\":\"last\",\"kind\":\"int\",\"moves\":[]"), "x.json: types[0].fields[0].moves",
     "rule \"state\""},
    {STATES("\"moves\":[[\"a\",\"e\"]]"), "x.json: types[0].fields[0].moves[0][1]",
     "no state \"e\""},
    {STATES("\"moves\":[[\"a\"]]"), "x.json: types[0].fields[0].moves[0]", "a list of 2 states"},
    {STATES("\"moves\":[[\"a\",\"a\"]]"), "x.json: types[0].fields[0].moves[0]", "to itself"},
    {STATES("\"moves\":[[\"a\",\"b\"],[\"a\",\"b\"]]"), "x.json: types[0].fields[0].moves[1]",
     "already"},
    {STATES("\"moves\":[[\"a\",\"b\"],[\"b\",\"c\"],[\"c\",\"b\"]]"), "x.json: types[0].fields[0]",
     "in a circle: b -> c -> b."},
    {STATES("\"moves\":[[\"d\",\"c\"],[\"c\",\"b\"],[\"b\",\"a\"],[\"a\",\"d\"]]"),
     "x.json: types[0].fields[0]", "in a circle: a -> d -> c -> b -> a."},
    {STATES("\"moves\":[[\"a\",\"b\"]],\"joins\":[[\"a\",\"b\",\"b\"]]"),
     "x.json: types[0].fields[0]", "moves lead from one to the other"},
    {STATES("\"moves\":[[\"a\",\"c\"],[\"b\",\"c\"]],\"joins\":[[\"a\",\"b\",\"c\"],[\"b\",\"a\","
            "\"c\"]]"),
     "x.json: types[0].fields[0]", "declared twice"},
    {STATES("\"moves\":[[\"a\",\"c\"]],\"joins\":[[\"a\",\"b\",\"c\"]]"),
     "x.json: types[0].fields[0]", "no move leads from \"b\" to \"c\""},
    {STATES("\"moves\":[],\"joins\":[[\"b\",\"a\",\"a\"]]"), "x.json: types[0].fields[0]",
     "Declare that as a move"},
    {STATES("\"moves\":[[\"a\",\"c\"],[\"b\",\"c\"]]"), "x.json: types[0].fields[0]",
     "Declare what they are together, \"joins\": [[\"a\", \"b\", \"c\"]]"},
    {STATES("\"moves\":[[\"a\",\"c\"],[\"b\",\"c\"],[\"a\",\"d\"],[\"b\",\"d\"]],"
            "\"joins\":[[\"a\",\"b\",\"c\"]]"),
     "x.json: types[0].fields[0]", "declare a move or a join between \"c\" and \"d\""},
    {PACK(NUMBERED("16", SERIES("a", "CR-{yy}"))), "x.json: types[0].reference.format",
     "write {number} once"},
    {PACK(NUMBERED("16", SERIES("a", "7{number}"))), "x.json: types[0].reference.format",
     "no digit beside {number}"},
    {PACK(NUMBERED("16", "\"field\":\"ref\"")), "x.json: types[0].reference",
     "\"aliases\" is missing"},
    {PACK(NUMBERED("16", "\"field\":\"others\",\"aliases\":\"others\",\"series\":\"a\","
                         "\"format\":\"{number}\",\"block\":9")),
     "x.json: types[0].reference.field", "with the rule \"once\""},
    {PACK(NUMBERED("16", "\"field\":\"ref\",\"aliases\":\"ref\",\"series\":\"a\","
                         "\"format\":\"{number}\",\"block\":9")),
     "x.json: types[0].reference.aliases", "with the rule \"set\""},
    {PACK(NUMBERED("16", "\"field\":\"rfe\",\"aliases\":\"others\",\"series\":\"a\","
                         "\"format\":\"{number}\",\"block\":9")),
     "x.json: types[0].reference.field", "Did you mean \"ref\"?"},
    {PACK(NUMBERED("16", "\"field\":\"ref\",\"aliases\":\"others\",\"series\":\"a\","
                         "\"format\":\"{number}\",\"block\":1")),
     "x.json: types[0].reference.block", "from 2 to 100000"},
    {PACK(NUMBERED("16", SERIES("a", "A{number}")) "," NUMBERED("17", SERIES("a", "B{number}"))),
     "x.json: types[1].reference.series", "types[0] has \"a\" too"},
    {PACK(NUMBERED("16", SERIES("a", "A{number}")) "," NUMBERED("17", SERIES("b", "A{number}"))),
     "x.json: types[1].reference.format", "types[0] has \"A{number}\" too"},
};

static void each_refusal_says_where_what_and_what_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
        hf_buffer out = {0};
        char why[1024];
        hf_status status = compile(REFUSALS[i].json, &out, why);
        if (status != HF_ERR_INPUT) fail_msg("number %zu is taken: %s", i, REFUSALS[i].json);
        if (strncmp(why, REFUSALS[i].at, strlen(REFUSALS[i].at)) != 0 ||
            strstr(why, REFUSALS[i].says) == NULL) {
            fail_msg("number %zu says \"%s\", not \"%s ... %s\"", i, why, REFUSALS[i].at,
                     REFUSALS[i].says);
        }
        assert_int_equal(out.size, 0);
        hf_buffer_free(&out);
    }
}

static void a_pack_too_large_for_one_entry_is_refused(void **state)
{
    (void)state;
    hf_buffer json = {0}, out = {0};
    char why[1024], item[128];
    hf_write_raw(
        &json,
        bytes_of("{\"holdfast_pack\":1,\"version\":1,\"types\":[{\"number\":16,\"name\":\"a\","
                 "\"label\":\"A\",\"lane\":3,\"fields\":["));
    for (int field = 1; field <= 4; field++) {
        snprintf(item, sizeof item,
                 "%s{\"number\":%d,\"name\":\"f%d\",\"label\":\"F\",\"kind\":\"code\",\"codes\":[",
                 field > 1 ? "," : "", field, field);
        hf_write_raw(&json, bytes_of(item));
        for (int code = 0; code < HF_PACK_CODES_MAX; code++) {
            snprintf(item, sizeof item, "%s\"a code of middling length %d\"", code > 0 ? "," : "",
                     code);
            hf_write_raw(&json, bytes_of(item));
        }
        hf_write_raw(&json, bytes_of("]}"));
    }
    hf_write_raw(&json, bytes_of("]}]}"));
    assert_int_equal(hf_pack_compile(hf_buffer_bytes(&json), "x.json", &out, why, sizeof why),
                     HF_ERR_INPUT);
    assert_non_null(strstr(why, "and 15360 is the most"));
    hf_buffer_free(&json);
    hf_buffer_free(&out);
}

/* Every length at which the text may break off, and every byte of it changed: an answer, and no
 * crash. */
static void a_damaged_file_is_refused_or_compiles(void **state)
{
    (void)state;
    static const char sound[] =
        STATES("\"moves\":[[\"a\",\"b\"],[\"a\",\"c\"]],\"joins\":[[\"b\",\"c\",\"d\"]]");
    char json[sizeof sound], why[1024];
    for (size_t at = 0; at < sizeof sound - 1; at++) {
        hf_buffer out = {0};
        hf_status status =
            hf_pack_compile((hf_bytes){(const uint8_t *)sound, at}, "x", &out, why, 64);
        assert_int_equal(status, HF_ERR_INPUT);
        for (int byte = 0; byte < 256; byte += 7) {
            memcpy(json, sound, sizeof sound);
            json[at] = (char)byte;
            hf_bytes text = {(const uint8_t *)json, sizeof sound - 1};
            status = hf_pack_compile(text, "x", &out, why, sizeof why);
            assert_true(status == HF_OK || (status == HF_ERR_INPUT && why[0] != '\0'));
            hf_buffer_clear(&out);
        }
        hf_buffer_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layout_of_the_file_does_not_change_the_bytes),
        cmocka_unit_test(each_refusal_says_where_what_and_what_to_do),
        cmocka_unit_test(a_pack_too_large_for_one_entry_is_refused),
        cmocka_unit_test(a_damaged_file_is_refused_or_compiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
