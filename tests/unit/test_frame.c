/* test_frame.c: frames come back as they went in; a message that lies about its size is refused. */
#include "sync/frame.h"

#include "hex.h"
#include "sync/embedded.h"

#include <jansson.h>
#include <mbedtls/sha256.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include <cmocka.h>

#ifndef HF_SOURCE_DIR
#define HF_SOURCE_DIR "." /* run from the project's root */
#endif

enum { ZEROS_MAX = 4 << 20 };

typedef struct fixture {
    hf_deflater *deflater;
    hf_buffer raw, message, scratch;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    if (f == NULL || hf_deflater_new(&f->deflater) != HF_OK) return -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    hf_deflater_free(f->deflater);
    hf_buffer_free(&f->raw);
    hf_buffer_free(&f->message);
    hf_buffer_free(&f->scratch);
    free(f);
    return 0;
}

/* A frame [10, bytes...] of random bytes, which do not shrink. */
static void make_random(hf_buffer *out, size_t size, uint32_t seed)
{
    hf_buffer_clear(out);
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
    hf_write_array(out, 2);
    hf_write_uint(out, 10);
    hf_write_bytes(out, bytes, size);
    free(bytes);
}

/* A frame [10, texts...] of words, which does. */
static void make_words(hf_buffer *out, size_t count)
{
    hf_buffer_clear(out);
    hf_write_array(out, 1 + count);
    hf_write_uint(out, 10);
    for (size_t i = 0; i < count; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "On or near Street %zu", i * i * 7919 % 10007);
        hf_write_string(out, text);
    }
}

static void expect_opens_as(fixture *f, const hf_buffer *message, const hf_buffer *raw)
{
    hf_bytes opened;
    assert_int_equal(hf_frame_open(f->deflater, hf_buffer_bytes(message), &f->scratch, &opened),
                     HF_OK);
    assert_true(hf_bytes_equal(opened, hf_buffer_bytes(raw)));
}

static bool is_z(const hf_buffer *message)
{
    return message->size > 3 && memcmp(message->data, "\x84\x18\x3c", 3) == 0;
}

/* A Z frame as a hostile peer would make it: all as told, whatever it deflates to. */
static void make_z(hf_buffer *out, uint64_t dictionary, uint64_t declared, hf_bytes packed)
{
    hf_buffer_clear(out);
    hf_write_array(out, 4);
    hf_write_uint(out, 60);
    hf_write_uint(out, dictionary);
    hf_write_uint(out, declared);
    hf_write_bytes(out, packed.data, packed.size);
}

/* Raw deflate at level 9, with dictionary 1. */
static void deflate_all(hf_bytes raw, hf_buffer *out)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflateSetDictionary(&z, hf_dictionary_1, (uInt)hf_dictionary_1_size), Z_OK);
    hf_buffer_clear(out);
    size_t room = deflateBound(&z, raw.size);
    z.next_out = hf_buffer_reserve(out, room);
    assert_non_null(z.next_out);
    z.avail_out = (uInt)room;
    z.next_in = (z_const Bytef *)raw.data;
    z.avail_in = (uInt)raw.size;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->size = room - z.avail_out;
    assert_int_equal(deflateEnd(&z), Z_OK);
}

static hf_status open_status(fixture *f, const hf_buffer *message)
{
    hf_bytes opened = {(const uint8_t *)"x", 1};
    hf_status status = hf_frame_open(f->deflater, hf_buffer_bytes(message), &f->scratch, &opened);
    if (status != HF_OK) assert_int_equal(opened.size, 0);
    return status;
}

/* ---- there and back ---- */

static void frames_come_back_as_they_went(void **state)
{
    fixture *f = *state;
    for (size_t count = 1; count < 6000; count += 1 + count / 3) {
        make_words(&f->raw, count);
        assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&f->raw), &f->message), HF_OK);
        assert_true(f->message.size <= f->raw.size);
        if (f->raw.size <= HF_FRAME_DEFLATE_MIN) assert_int_equal(f->message.size, f->raw.size);
        if (f->raw.size > 1000) assert_true(f->message.size < f->raw.size / 2);
        expect_opens_as(f, &f->message, &f->raw);
    }
}

static void what_does_not_shrink_goes_as_it_is(void **state)
{
    fixture *f = *state;
    for (size_t size = 1; size < HF_FRAME_SIZE_MAX - 7; size = size * 2 + 1) {
        make_random(&f->raw, size, (uint32_t)size);
        assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&f->raw), &f->message), HF_OK);
        assert_false(is_z(&f->message));
        expect_opens_as(f, &f->message, &f->raw);
    }
}

/* Else a secret in one scope's frame could be felt out by the size of another's. */
static void nothing_is_kept_between_frames(void **state)
{
    fixture *f = *state;
    hf_buffer first = {0};
    make_words(&f->raw, 40);
    assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&f->raw), &first), HF_OK);
    assert_true(is_z(&first));
    hf_buffer other = {0};
    make_words(&other, 3000);
    assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&other), &f->message), HF_OK);
    expect_opens_as(f, &f->message, &other);
    assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&f->raw), &f->message), HF_OK);
    assert_true(hf_bytes_equal(hf_buffer_bytes(&first), hf_buffer_bytes(&f->message)));
    hf_deflater *fresh;
    assert_int_equal(hf_deflater_new(&fresh), HF_OK);
    hf_bytes opened;
    assert_int_equal(hf_frame_open(fresh, hf_buffer_bytes(&first), &f->scratch, &opened), HF_OK);
    assert_true(hf_bytes_equal(opened, hf_buffer_bytes(&f->raw)));
    hf_deflater_free(fresh);
    hf_buffer_free(&first);
    hf_buffer_free(&other);
}

/* A refused message leaves the shared deflater fit for the next peer's. */
static void a_bad_frame_does_not_spoil_the_next(void **state)
{
    fixture *f = *state;
    make_words(&f->raw, 100);
    assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&f->raw), &f->message), HF_OK);
    hf_buffer bad = {0};
    hf_write_raw(&bad, hf_buffer_bytes(&f->message));
    memset(bad.data + bad.size / 2, 0xff, bad.size / 2);
    assert_int_equal(open_status(f, &bad), HF_ERR_PROTOCOL);
    expect_opens_as(f, &f->message, &f->raw);
    hf_buffer_free(&bad);
}

/* A frame of zeros shrinks beyond the ratio that a reader admits: it goes as it is, if it may. */
static void a_frame_too_good_to_be_true_is_not_deflated(void **state)
{
    fixture *f = *state;
    uint8_t *zeros = calloc(1, ZEROS_MAX);
    assert_non_null(zeros);
    static const size_t SIZES[] = {200, 5000, 100000, HF_FRAME_SIZE_MAX - 7};
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        hf_buffer_clear(&f->raw);
        hf_write_array(&f->raw, 2);
        hf_write_uint(&f->raw, 10);
        hf_write_bytes(&f->raw, zeros, SIZES[i]);
        assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&f->raw), &f->message), HF_OK);
        expect_opens_as(f, &f->message, &f->raw);
    }
    assert_int_equal(f->raw.size, HF_FRAME_SIZE_MAX);
    assert_false(is_z(&f->message));
    hf_write_null(&f->raw); /* one byte more, and it could only go deflated */
    assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&f->raw), &f->message),
                     HF_ERR_LIMIT);
    assert_int_equal(f->message.size, 0);
    free(zeros);
}

static void a_frame_that_no_message_can_carry_is_refused(void **state)
{
    fixture *f = *state;
    make_random(&f->raw, HF_FRAME_SIZE_MAX, 1);
    assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&f->raw), &f->message),
                     HF_ERR_LIMIT);
    make_random(&f->raw, 700000, 2);
    for (size_t i = 10; i < f->raw.size; i++) f->raw.data[i] &= 15; /* it shrinks, not enough */
    assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&f->raw), &f->message),
                     HF_ERR_LIMIT);
    make_words(&f->raw, 20000); /* larger than a message, but it shrinks */
    assert_true(f->raw.size > HF_FRAME_SIZE_MAX);
    assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&f->raw), &f->message), HF_OK);
    expect_opens_as(f, &f->message, &f->raw);
    make_words(&f->raw, 60000);
    assert_true(f->raw.size > HF_FRAME_INFLATED_MAX);
    assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&f->raw), &f->message),
                     HF_ERR_LIMIT);
    assert_int_equal(f->message.size, 0);
}

/* ---- lies ---- */

static void bombs_are_refused(void **state)
{
    fixture *f = *state;
    hf_buffer packed = {0};
    uint8_t *zeros = calloc(1, ZEROS_MAX);
    assert_non_null(zeros);
    deflate_all((hf_bytes){zeros, ZEROS_MAX}, &packed); /* 4 MiB in 4 KiB */
    assert_true(packed.size < HF_FRAME_SIZE_MAX / 16);
    make_z(&f->message, 1, ZEROS_MAX, hf_buffer_bytes(&packed));
    assert_int_equal(open_status(f, &f->message), HF_ERR_LIMIT); /* says so */
    make_z(&f->message, 1, HF_FRAME_INFLATED_MAX, hf_buffer_bytes(&packed));
    assert_int_equal(open_status(f, &f->message), HF_ERR_LIMIT); /* by its ratio */
    make_z(&f->message, 1, packed.size * HF_FRAME_RATIO_MAX, hf_buffer_bytes(&packed));
    assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL); /* lies */
    assert_true(f->scratch.capacity <= 2 * HF_FRAME_INFLATED_MAX);
    make_z(&f->message, 1, UINT64_MAX, hf_buffer_bytes(&packed));
    assert_int_equal(open_status(f, &f->message), HF_ERR_LIMIT);
    make_words(&f->raw, 50000); /* no bomb, but too large all the same */
    assert_true(f->raw.size > HF_FRAME_INFLATED_MAX);
    deflate_all(hf_buffer_bytes(&f->raw), &packed);
    make_z(&f->message, 1, f->raw.size, hf_buffer_bytes(&packed));
    assert_true(f->message.size < HF_FRAME_SIZE_MAX);
    assert_int_equal(open_status(f, &f->message), HF_ERR_LIMIT);
    hf_buffer_free(&packed);
    free(zeros);
}

static void a_length_that_is_not_exact_is_refused(void **state)
{
    fixture *f = *state;
    hf_buffer packed = {0};
    make_words(&f->raw, 50);
    deflate_all(hf_buffer_bytes(&f->raw), &packed);
    make_z(&f->message, 1, f->raw.size, hf_buffer_bytes(&packed));
    expect_opens_as(f, &f->message, &f->raw);
    for (uint64_t wrong = f->raw.size - 3; wrong <= f->raw.size + 3; wrong++) {
        if (wrong == f->raw.size) continue;
        make_z(&f->message, 1, wrong, hf_buffer_bytes(&packed));
        assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL);
    }
    make_z(&f->message, 1, 0, hf_buffer_bytes(&packed));
    assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL);
    hf_write_null(&packed); /* a byte behind the deflate stream's end */
    make_z(&f->message, 1, f->raw.size, hf_buffer_bytes(&packed));
    assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL);
    hf_buffer_free(&packed);
}

static void a_z_frame_has_one_form(void **state)
{
    fixture *f = *state;
    hf_buffer packed = {0};
    make_words(&f->raw, 50);
    deflate_all(hf_buffer_bytes(&f->raw), &packed);
    static const uint64_t UNKNOWN[] = {0, 2, 60, UINT64_MAX};
    for (size_t i = 0; i < sizeof UNKNOWN / sizeof *UNKNOWN; i++) {
        make_z(&f->message, UNKNOWN[i], f->raw.size, hf_buffer_bytes(&packed));
        assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL);
    }
    make_z(&f->message, 1, f->raw.size, hf_buffer_bytes(&packed));
    f->message.data[0] = 0x83; /* its count is wrong */
    assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL);
    f->message.data[0] = 0x85;
    assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL);
    hf_write_null(&f->message); /* right, but one item too many */
    assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL);
    f->message.data[0] = 0x84; /* an item behind the frame */
    assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL);
    hf_buffer_free(&packed);
}

static void what_is_inside_must_be_another_frame(void **state)
{
    fixture *f = *state;
    hf_buffer packed = {0}, inner = {0};
    make_words(&f->raw, 50);
    deflate_all(hf_buffer_bytes(&f->raw), &packed);
    make_z(&inner, 1, f->raw.size, hf_buffer_bytes(&packed));
    deflate_all(hf_buffer_bytes(&inner), &packed); /* a Z frame in a Z frame */
    make_z(&f->message, 1, inner.size, hf_buffer_bytes(&packed));
    assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL);
    static const char *const NO_FRAMES[] = {"80",   "a0", "00",     "8160",
                                            "8120", "ff", "81180a", "8001"};
    for (size_t i = 0; i < sizeof NO_FRAMES / sizeof *NO_FRAMES; i++) {
        uint8_t bytes[HEX_MAX];
        hf_bytes no_frame = unhex(NO_FRAMES[i], bytes);
        deflate_all(no_frame, &packed);
        make_z(&f->message, 1, no_frame.size, hf_buffer_bytes(&packed));
        assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL);
        hf_buffer_clear(&f->message);
        hf_write_raw(&f->message, no_frame);
        assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL);
    }
    hf_buffer_clear(&f->message);
    assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL); /* an empty message */
    hf_buffer_free(&packed);
    hf_buffer_free(&inner);
}

static void a_message_above_the_limit_is_refused(void **state)
{
    fixture *f = *state;
    make_random(&f->raw, HF_FRAME_SIZE_MAX - 7, 3);
    assert_int_equal(f->raw.size, HF_FRAME_SIZE_MAX);
    assert_int_equal(open_status(f, &f->raw), HF_OK);
    hf_write_null(&f->raw);
    assert_int_equal(open_status(f, &f->raw), HF_ERR_LIMIT);
}

/* Of a Z frame, no truncation opens, and no change of a byte gives more than was declared. */
static void damage_is_refused_or_stays_within_bounds(void **state)
{
    fixture *f = *state;
    make_words(&f->raw, 12);
    assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&f->raw), &f->message), HF_OK);
    assert_true(is_z(&f->message));
    size_t size = f->message.size;
    for (size_t at = 0; at < size; at++) {
        f->message.size = at;
        assert_int_equal(open_status(f, &f->message), HF_ERR_PROTOCOL);
        f->message.size = size;
        uint8_t was = f->message.data[at];
        for (unsigned value = 0; value < 256; value++) {
            f->message.data[at] = (uint8_t)value;
            hf_bytes opened;
            hf_status status =
                hf_frame_open(f->deflater, hf_buffer_bytes(&f->message), &f->scratch, &opened);
            if (status == HF_OK && opened.data == f->scratch.data) /* a Z frame still */
                assert_int_equal(opened.size, f->raw.size);
        }
        f->message.data[at] = was;
    }
    expect_opens_as(f, &f->message, &f->raw);
}

/* ---- what is frozen ---- */

static void the_head_of_a_frame_is_read(void **state)
{
    (void)state;
    uint8_t bytes[HEX_MAX];
    uint64_t type;
    hf_reader body;
    size_t items;
    assert_int_equal(hf_frame_head(unhex("83183e186561"
                                         "78",
                                         bytes),
                                   &type, &body, &items),
                     HF_OK);
    assert_int_equal(type, 62);
    assert_int_equal(items, 2);
    assert_int_equal(hf_read_uint(&body), 101);
    assert_int_equal(hf_read_text(&body).size, 1);
    assert_int_equal(hf_reader_end(&body), HF_OK);
    assert_int_equal(hf_frame_head(unhex("9a7fffffff01", bytes), &type, &body, &items),
                     HF_ERR_PROTOCOL);
    assert_int_equal(type, 0);
}

/* Peers name the dictionary by its number alone: other bytes would need another number. */
static void dictionary_1_is_frozen(void **state)
{
    (void)state;
    static const char FROZEN[] = "7723b818db3868391005ebb84171ba24f7443159ea437d678a616e046c751e6d";
    uint8_t expected[HEX_MAX], found[32];
    assert_int_equal(mbedtls_sha256_ret(hf_dictionary_1, hf_dictionary_1_size, found, 0), 0);
    assert_memory_equal(unhex(FROZEN, expected).data, found, sizeof found);
    assert_true(hf_dictionary_1_size <= 32 * 1024);
}

static void expect_file_opens(fixture *f, const char *path)
{
    json_error_t error;
    json_t *vectors = json_load_file(path, 0, &error), *v;
    if (vectors == NULL) fail_msg("%s: %s", path, error.text);
    size_t index;
    json_array_foreach(vectors, index, v)
    {
        uint8_t message[HEX_MAX], raw[HEX_MAX];
        hf_bytes opened;
        hf_bytes sealed = unhex(json_string_value(json_object_get(v, "message")), message);
        assert_int_equal(hf_frame_open(f->deflater, sealed, &f->scratch, &opened), HF_OK);
        assert_ptr_equal(opened.data, f->scratch.data);
        hf_bytes frame = unhex(json_string_value(json_object_get(v, "frame")), raw);
        assert_true(hf_bytes_equal(opened, frame));
    }
    assert_true(index > 0);
    json_decref(vectors);
}

/* What was sealed by any earlier build, or by another program, opens in this one. */
static void frozen_messages_open(void **state)
{
    expect_file_opens(*state, HF_SOURCE_DIR "/tests/vectors/frame_z.json");
    expect_file_opens(*state, HF_SOURCE_DIR "/tests/vectors/frame_c.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_back_as_they_went),
        cmocka_unit_test(what_does_not_shrink_goes_as_it_is),
        cmocka_unit_test(nothing_is_kept_between_frames),
        cmocka_unit_test(a_bad_frame_does_not_spoil_the_next),
        cmocka_unit_test(a_frame_too_good_to_be_true_is_not_deflated),
        cmocka_unit_test(a_frame_that_no_message_can_carry_is_refused),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(a_length_that_is_not_exact_is_refused),
        cmocka_unit_test(a_z_frame_has_one_form),
        cmocka_unit_test(what_is_inside_must_be_another_frame),
        cmocka_unit_test(a_message_above_the_limit_is_refused),
        cmocka_unit_test(damage_is_refused_or_stays_within_bounds),
        cmocka_unit_test(the_head_of_a_frame_is_read),
        cmocka_unit_test(dictionary_1_is_frozen),
        cmocka_unit_test(frozen_messages_open),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
