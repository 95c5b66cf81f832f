/* test_item.c: exactly the items that are the one encoding of a value are accepted. */
#include "sync/codec.h"

#include "cbor_oracle.h"
#include "hex.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#ifndef HF_SOURCE_DIR
#define HF_SOURCE_DIR "." /* run from the project's root */
#endif
#define PUBLISHED                                                                                  \
    HF_SOURCE_DIR "/../shared/data/cbor/" /* no licence: it may not be copied here                 \
                                           */

/* NULL: there is no such file. Integers as reals: some of the published ones are above 2^63. */
static json_t *load(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
    if (root == NULL && json_error_code(&error) != json_error_cannot_open_file)
        fail_msg("%s: %s", path, error.text);
    return root;
}

/* The published vectors, or a skip that says why. */
static json_t *load_published(const char *path)
{
    json_t *root = load(path);
    if (root != NULL) return root;
    print_message("skipped: the published CBOR vectors are not at %s\n", path);
    skip();
    return NULL;
}

static hf_status profile(const char *hex)
{
    uint8_t bytes[HEX_MAX];
    return hf_cbor_check_profile(unhex(hex, bytes));
}

static hf_status generic(const char *hex)
{
    uint8_t bytes[HEX_MAX];
    return hf_cbor_check_generic(unhex(hex, bytes));
}

/* ---- vectors ---- */

/* f818 is simple(24), which RFC 8949 made malformed after that list was written. */
static void accepts_of_rfc_appendix_a_what_is_deterministic(void **state)
{
    (void)state;
    json_t *items = load_published(PUBLISHED "appendix_a.json"), *item;
    size_t index, accepted = 0;
    json_array_foreach(items, index, item)
    {
        const char *hex = json_string_value(json_object_get(item, "hex"));
        bool good = json_is_true(json_object_get(item, "roundtrip")) && strcmp(hex, "f818") != 0;
        if (generic(hex) != (good ? HF_OK : HF_ERR_PROTOCOL)) fail_msg("%s", hex);
        accepted += good;
    }
    assert_int_equal(json_array_size(items), 82);
    assert_true(accepted > 60);
    json_decref(items);
}

static void refuses_all(const char *path, size_t count)
{
    json_t *items = load_published(path), *item;
    size_t index;
    json_array_foreach(items, index, item)
    {
        const char *hex = json_string_value(json_object_get(item, "hex"));
        if (generic(hex) == HF_OK) fail_msg("generic: %s", hex);
        if (profile(hex) == HF_OK) fail_msg("profile: %s", hex);
    }
    assert_int_equal(json_array_size(items), count);
    json_decref(items);
}

static void refuses_all_of_the_published_bad_items(void **state)
{
    (void)state;
    refuses_all(PUBLISHED "fail.json", 568);
}

static void refuses_all_of_rfc_appendix_f(void **state)
{
    (void)state;
    refuses_all(PUBLISHED "rfc8949_appendix_f.json", 94);
}

static hf_status status_named(const char *name)
{
    if (strcmp(name, "ok") == 0) return HF_OK;
    return strcmp(name, "limit") == 0 ? HF_ERR_LIMIT : HF_ERR_PROTOCOL;
}

static void profile_vectors_hold(void **state)
{
    (void)state;
    json_t *items = load(HF_SOURCE_DIR "/tests/vectors/cbor_profile.json"), *item;
    assert_non_null(items);
    size_t index;
    json_array_foreach(items, index, item)
    {
        const char *hex = json_string_value(json_object_get(item, "hex"));
        hf_status narrow = status_named(json_string_value(json_object_get(item, "profile")));
        hf_status wide = status_named(json_string_value(json_object_get(item, "generic")));
        if (profile(hex) != narrow) fail_msg("profile: %s", hex);
        if (generic(hex) != wide) fail_msg("generic: %s", hex);
    }
    assert_true(index > 60);
    json_decref(items);
}

/* ---- damage ---- */

static const char *const GOOD[] = {
    "00",
    "1818",
    "190100",
    "1a00010000",
    "1b0000000100000000",
    "1bffffffffffffffff",
    "20",
    "3b7fffffffffffffff",
    "40",
    "4401020304",
    "60",
    "6161",
    "62c3bc",
    "64f0908591",
    "f4",
    "f5",
    "f6",
    "80",
    "a0",
    "8301820203820405",
    "a2016161616100",
    "a3001818646162636460f6f5",
    "a26161016162820203",
    "8181818181818180",
    "a1638ea00062c3a9",
    "8401500102030405060708090a0b0c0d0e0f1080818301806d4f6e206f72206e656172204134",
};

/* Codec and oracle agree on `bytes`, read from a heap block of its exact size: ASan sees a byte
 * too many. */
static void expect_agreement(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    bool accepted = hf_cbor_check_profile((hf_bytes){exact, size}) == HF_OK;
    bool expected = oracle_accepts(exact, size);
    bool generic_accepted = hf_cbor_check_generic((hf_bytes){exact, size}) == HF_OK;
    free(exact);
    if (accepted == expected && (generic_accepted || !accepted)) return;
    for (size_t i = 0; i < size; i++) print_message("%02x", bytes[i]);
    fail_msg(" accepted %d, expected %d, generic %d", accepted, expected, generic_accepted);
}

static void a_truncated_item_is_no_item(void **state)
{
    (void)state;
    uint8_t bytes[HEX_MAX];
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        hf_bytes item = unhex(GOOD[i], bytes);
        bool good = hf_cbor_check_profile(item) == HF_OK;
        for (size_t size = 0; size < item.size; size++) {
            expect_agreement(bytes, size);
            if (good)
                assert_int_equal(hf_cbor_check_profile((hf_bytes){bytes, size}), HF_ERR_PROTOCOL);
        }
    }
}

static void a_changed_byte_is_refused_or_another_value(void **state)
{
    (void)state;
    uint8_t bytes[HEX_MAX];
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        hf_bytes item = unhex(GOOD[i], bytes);
        for (size_t at = 0; at < item.size; at++) {
            uint8_t was = bytes[at];
            for (unsigned value = 0; value < 256; value++) {
                bytes[at] = (uint8_t)value;
                expect_agreement(bytes, item.size);
            }
            bytes[at] = was;
        }
    }
}

static void every_short_input_is_judged_as_by_the_oracle(void **state)
{
    (void)state;
    uint8_t bytes[4] = {0};
    expect_agreement(bytes, 0);
    for (unsigned first = 0; first < 256; first++) {
        bytes[0] = (uint8_t)first;
        expect_agreement(bytes, 1);
        for (unsigned second = 0; second < 256; second++) {
            bytes[1] = (uint8_t)second;
            expect_agreement(bytes, 2);
            for (unsigned third = 0; third < 256; third += 5) {
                bytes[2] = (uint8_t)third;
                expect_agreement(bytes, 3);
            }
        }
    }
}

static uint64_t next_random(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Out of bytes that mean something, so that many get far. */
static void random_inputs_are_judged_as_by_the_oracle(void **state)
{
    (void)state;
    static const uint8_t LIKELY[] = {0x00, 0x01, 0x17, 0x18, 0x19, 0x20, 0x40, 0x41, 0x58, 0x60,
                                     0x61, 0x62, 0x78, 0x80, 0x81, 0x82, 0x83, 0x98, 0xa0, 0xa1,
                                     0xa2, 0xb8, 0xc2, 0xbc, 0xf4, 0xf6, 0xf7, 0xf9, 0xff, 0x7f};
    uint64_t seed = 20191021;
    for (int round = 0; round < 200000; round++) {
        uint8_t bytes[12];
        size_t size = 1 + next_random(&seed) % sizeof bytes;
        for (size_t i = 0; i < size; i++) bytes[i] = LIKELY[next_random(&seed) % sizeof LIKELY];
        expect_agreement(bytes, size);
    }
}

/* ---- nesting and order ---- */

static void nesting_ends_at_the_limit(void **state)
{
    (void)state;
    uint8_t bytes[HF_CBOR_DEPTH_MAX + 2];
    for (size_t depth = 1; depth <= HF_CBOR_DEPTH_MAX + 1; depth++) {
        memset(bytes, 0x81, sizeof bytes);
        bytes[depth - 1] = 0x80;
        hf_status expected = depth <= HF_CBOR_DEPTH_MAX ? HF_OK : HF_ERR_LIMIT;
        assert_int_equal(hf_cbor_check_profile((hf_bytes){bytes, depth}), expected);
        memset(bytes, 0xc6, sizeof bytes); /* tags nest too */
        bytes[depth] = 0x00;
        assert_int_equal(hf_cbor_check_generic((hf_bytes){bytes, depth + 1}), expected);
    }
}

/* A megabyte of openings: no stack is spent on them, and the first one too many ends it. */
static void a_million_openings_cost_nothing(void **state)
{
    (void)state;
    size_t size = 1 << 20;
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    memset(bytes, 0x81, size);
    assert_int_equal(hf_cbor_check_generic((hf_bytes){bytes, size}), HF_ERR_LIMIT);
    free(bytes);
}

static void map_keys_rise(void **state)
{
    (void)state;
    assert_int_equal(profile("a201000200"), HF_OK);
    assert_int_equal(profile("a202000100"), HF_ERR_PROTOCOL);
    assert_int_equal(profile("a201000100"), HF_ERR_PROTOCOL);
    assert_int_equal(profile("a2186400616100"), HF_OK); /* uints before texts */
    assert_int_equal(profile("a2616100186400"), HF_ERR_PROTOCOL);
    assert_int_equal(profile("a2617a0062616100"), HF_OK); /* bytewise: the head first */
    assert_int_equal(profile("a262616100617a00"), HF_ERR_PROTOCOL);
    assert_int_equal(profile("a201a200000100020a"), HF_OK); /* each map for itself */
    assert_int_equal(profile("a12000"), HF_ERR_PROTOCOL);   /* keys: uint or text */
    assert_int_equal(profile("a14000"), HF_ERR_PROTOCOL);
    assert_int_equal(generic("a220004000"), HF_OK);
    assert_int_equal(generic("a2818000818000"), HF_ERR_PROTOCOL); /* a key that is a container */
    assert_int_equal(generic("a2818000818100"), HF_ERR_PROTOCOL);
    assert_int_equal(generic("a281800081810000"), HF_OK);
    assert_int_equal(generic("a281810000818000"), HF_ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_of_rfc_appendix_a_what_is_deterministic),
        cmocka_unit_test(refuses_all_of_the_published_bad_items),
        cmocka_unit_test(refuses_all_of_rfc_appendix_f),
        cmocka_unit_test(profile_vectors_hold),
        cmocka_unit_test(a_truncated_item_is_no_item),
        cmocka_unit_test(a_changed_byte_is_refused_or_another_value),
        cmocka_unit_test(every_short_input_is_judged_as_by_the_oracle),
        cmocka_unit_test(random_inputs_are_judged_as_by_the_oracle),
        cmocka_unit_test(nesting_ends_at_the_limit),
        cmocka_unit_test(a_million_openings_cost_nothing),
        cmocka_unit_test(map_keys_rise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
