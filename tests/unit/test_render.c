/* test_render.c: what a person types and reads means the same on every device. */
#include "sync/render.h"

#include "sync/embedded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static hf_bytes text_of(const char *text)
{
    return (hf_bytes){(const uint8_t *)text, strlen(text)};
}

static hf_pack *police(void)
{
    hf_pack *pack = NULL;
    hf_bytes compiled = {hf_pack_police, hf_pack_police_size};
    assert_int_equal(hf_pack_open(compiled, &pack), HF_OK);
    return pack;
}

static void expect_json(const hf_pack *pack, const hf_field *field, hf_bytes value,
                        const char *json_text)
{
    hf_buffer out = {0};
    hf_json json = {.out = &out};
    hf_value_json(&json, NULL, pack, field, value);
    hf_write_raw(&out, (hf_bytes){(const uint8_t *)"", 1});
    assert_int_equal(out.status, HF_OK);
    assert_string_equal((const char *)out.data, json_text);
    hf_buffer_free(&out);
}

static void record_ids_survive_the_way_through_text(void **state)
{
    (void)state;
    hf_pack *pack = police();
    hf_record_id id = {.type = 16}, back;
    char text[HF_RECORD_TEXT_SIZE];
    for (unsigned round = 0; round < 256; round++) {
        for (size_t i = 0; i < sizeof id.bytes; i++) id.bytes[i] = (uint8_t)(round * 31 + i * 77);
        hf_record_id_format(pack, &id, text);
        assert_int_equal(strlen(text), 6 + 26);
        assert_int_equal(hf_record_id_parse(pack, text_of(text), &back), HF_OK);
        assert_memory_equal(&back, &id, sizeof id);
    }
    /* The worked example of the TypeID specification: an independent vector. */
    static const uint8_t uuid[16] = {0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b,
                                     0xbc, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80, 0x57};
    memcpy(id.bytes, uuid, sizeof uuid);
    hf_record_id_format(pack, &id, text);
    assert_string_equal(text, "crime_01h455vb4pex5vsknk084sn02q");
    id.type = 4000; /* of a newer pack */
    hf_record_id_format(pack, &id, text);
    assert_int_equal(strncmp(text, "type4000_", 9), 0);
    assert_int_equal(hf_record_id_parse(pack, text_of(text), &back), HF_OK);
    assert_memory_equal(&back, &id, sizeof id);
    hf_pack_close(pack);
}

static void what_is_no_record_id_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "crime",
        "crime_",
        "crime_01k",
        "_01h455vb4pex5vsknk084sn02q",
        "crim_01h455vb4pex5vsknk084sn02q",
        "crime-01h455vb4pex5vsknk084sn02q",
        "crime_81h455vb4pex5vsknk084sn02q", /* above 128 bits */
        "crime_01h455vb4pex5vsknk084sn02u",
        "crime_01h455vb4pex5vsknk084sn02",
        "crime_01h455vb4pex5vsknk084sn02q0",
        "type0_01h455vb4pex5vsknk084sn02q",
        "type99999999999_01h455vb4pex5vsknk084sn02q",
    };
    hf_pack *pack = police();
    hf_record_id id;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(hf_record_id_parse(pack, text_of(wrong[i]), &id), HF_ERR_INPUT);
    }
    hf_pack_close(pack);
}

static void times_are_read_with_their_zone(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2019-10-21T12:00:00Z", INT64_C(1571659200000)},
        {"2019-10-21T13:00:00+01:00", INT64_C(1571659200000)},
        {"2019-10-21 12:00Z", INT64_C(1571659200000)},
        {"2019-10-21t12:00:00.5z", INT64_C(1571659200500)},
        {"2019-10-21T12:00:00.123456Z", INT64_C(1571659200123)},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
        {"0001-01-01T00:00:00Z", INT64_C(-62135596800000)},
    };
    static const char *const wrong[] = {
        "",
        "yesterday",
        "2019-10-21",
        "2019-10-21T12:00:00",
        "2019-02-29T00:00:00Z",
        "2019-13-01T00:00:00Z",
        "2019-10-21T24:00:00Z",
        "2019-10-21T12:60:00Z",
        "2019-10-21T12:00:00.Z",
        "2019-10-21T12:00:00Zx",
        "2019-10-21T12:00:00+0100",
        "2019-10-21T12Z",
        "19-10-21T12:00:00Z",
        "0000-01-01T00:00:00Z",
    };
    int64_t ms;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(hf_time_parse(text_of(good[i].text), &ms), HF_OK);
        assert_true(ms == good[i].ms);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(hf_time_parse(text_of(wrong[i]), &ms), HF_ERR_INPUT);
    }
}

static void times_are_written_so_that_they_read_back(void **state)
{
    (void)state;
    char text[HF_TIME_TEXT_SIZE];
    int64_t back;
    hf_time_format(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    hf_time_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    for (int64_t ms = INT64_C(-62135596800000); ms < INT64_C(253402300799999);
         ms += INT64_C(86399999) * 97) { /* every part of the day, every month, leap years */
        hf_time_format(ms, text);
        assert_int_equal(hf_time_parse(text_of(text), &back), HF_OK);
        assert_true(back == ms);
    }
    hf_time_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    hf_time_format(INT64_MIN, text);
    assert_string_equal(text, "0001-01-01T00:00:00.000Z");
}

/* Text in, value, JSON out: as a person sees it. */
static void expect_typed(const hf_pack *pack, const hf_field *field, const char *typed,
                         const char *json_text)
{
    hf_buffer value = {0};
    char why[256] = "";
    hf_status status = hf_value_parse(pack, field, text_of(typed), &value, why, sizeof why);
    if (json_text) {
        assert_int_equal(status, HF_OK);
        expect_json(pack, field, hf_buffer_bytes(&value), json_text);
    } else {
        assert_int_equal(status, HF_ERR_INPUT);
        assert_true(strlen(why) > 10 &&
                    strstr(why, field->name)); /* says which, and what to enter */
    }
    hf_buffer_free(&value);
}

static void values_are_typed_by_their_field(void **state)
{
    (void)state;
    hf_pack *pack = police();
    hf_field field = {.name = "f"};
    field.kind = HF_VALUE_INT;
    expect_typed(pack, &field, "12", "12");
    expect_typed(pack, &field, "-9223372036854775808", "-9223372036854775808");
    expect_typed(pack, &field, "9223372036854775808", NULL);
    expect_typed(pack, &field, "1.5", NULL);
    expect_typed(pack, &field, "", NULL);
    expect_typed(pack, &field, "-", NULL);
    field.kind = HF_VALUE_DECIMAL;
    field.scale = 6;
    expect_typed(pack, &field, "-0.111497", "\"-0.111497\"");
    expect_typed(pack, &field, "51.5", "\"51.500000\"");
    expect_typed(pack, &field, "7", "\"7.000000\"");
    expect_typed(pack, &field, "0.1234567", NULL);
    expect_typed(pack, &field, ".5", NULL);
    expect_typed(pack, &field, "5.", NULL);
    expect_typed(pack, &field, "9223372036855", NULL);
    field.kind = HF_VALUE_BOOL;
    expect_typed(pack, &field, "true", "true");
    expect_typed(pack, &field, "yes", NULL);
    field.kind = HF_VALUE_TIME;
    expect_typed(pack, &field, "2019-10-21T13:00:00+01:00", "\"2019-10-21T12:00:00.000Z\"");
    expect_typed(pack, &field, "noon", NULL);
    field.kind = HF_VALUE_TEXT;
    expect_typed(pack, &field, "a \"b\"\n\\", "\"a \\\"b\\\"\\n\\\\\"");
    expect_typed(pack, &field, "Łódź", "\"Łódź\"");
    expect_typed(pack, &field, "\xff", NULL);
    field.kind = HF_VALUE_REF;
    expect_typed(pack, &field, "crime_01h455vb4pex5vsknk084sn02q",
                 "\"crime_01h455vb4pex5vsknk084sn02q\"");
    expect_typed(pack, &field, "crime", NULL);
    field.kind = HF_VALUE_BYTES;
    expect_typed(pack, &field, "00ff10", "{\"bytes\":\"00ff10\"}");
    expect_typed(pack, &field, "0f0", NULL);
    expect_typed(pack, &field, "0F", NULL);
    hf_pack_close(pack);
}

/* A value that a newer pack typed otherwise is shown as what it is, never dropped. */
static void a_value_of_another_kind_is_shown_as_it_is(void **state)
{
    (void)state;
    static const uint8_t nested[] = {0x83, 0x01, 0x82, 0x20, 0x41, 0xff,
                                     0xa1, 0x01, 0x62, 'h',  'i'};
    static const uint8_t big[] = {0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t broken[] = {0x61};
    hf_pack *pack = police();
    hf_field field = {.name = "f", .kind = HF_VALUE_TIME};
    expect_json(pack, &field, (hf_bytes){nested, sizeof nested},
                "[1,[-1,{\"bytes\":\"ff\"}],{\"map\":[1,\"hi\"]}]");
    expect_json(pack, &field, (hf_bytes){big, sizeof big}, "\"18446744073709551615\"");
    expect_json(pack, &field, (hf_bytes){broken, sizeof broken}, "{\"cbor\":\"61\"}");
    expect_json(pack, &field, (hf_bytes){NULL, 0}, "null");
    hf_pack_close(pack);
}

static void json_is_escaped_so_that_it_always_parses(void **state)
{
    (void)state;
    hf_buffer out = {0};
    hf_json json = {.out = &out};
    static const char odd[] = "\x01\x7f\x1f/\xc3\xa9\xf0\x9f\x9a\x94\xc3(\xed\xa0\x80\0x";
    hf_json_object(&json, NULL);
    hf_json_text(&json, "odd", (hf_bytes){(const uint8_t *)odd, sizeof odd - 1});
    hf_json_array(&json, "list");
    hf_json_uint(&json, NULL, UINT64_MAX);
    hf_json_int(&json, NULL, INT64_MIN);
    hf_json_object(&json, NULL);
    hf_json_end(&json);
    hf_json_bool(&json, NULL, false);
    hf_json_null(&json, NULL);
    hf_json_end(&json);
    hf_json_time(&json, "never", 0);
    hf_json_time(&json, "then", 1);
    hf_json_end(&json);
    hf_write_raw(&out, (hf_bytes){(const uint8_t *)"", 1});
    assert_string_equal((const char *)out.data,
                        "{\"odd\":\"\\u0001\\u007f\\u001f/\xc3\xa9\xf0\x9f\x9a\x94\xef\xbf\xbd("
                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\u0000x\",\"list\":["
                        "\"18446744073709551615\",-9223372036854775808,{},false,null],\"never\":"
                        "null,\"then\":\"1970-01-01T00:00:00.001Z\"}");
    hf_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_ids_survive_the_way_through_text),
        cmocka_unit_test(what_is_no_record_id_is_refused),
        cmocka_unit_test(times_are_read_with_their_zone),
        cmocka_unit_test(times_are_written_so_that_they_read_back),
        cmocka_unit_test(values_are_typed_by_their_field),
        cmocka_unit_test(a_value_of_another_kind_is_shown_as_it_is),
        cmocka_unit_test(json_is_escaped_so_that_it_always_parses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
