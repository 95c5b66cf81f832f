/* test_columns.c: entries turned on their side come back to the byte, or not at all. */
#include "sync/columns.h"

#include "sync/frame.h"
#include "sync/messages.h"

#include "hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>

enum { FRAME_C_HEAD = 3 };

typedef struct fixture {
    hf_deflater *deflater;
    hf_columns columns;
    hf_buffer raw, message, scratch, part, out;
    uint64_t random;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    memset(&f, 0, sizeof f);
    f.random = 20191021;
    assert_int_equal(hf_deflater_new(&f.deflater), HF_OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    hf_deflater_free(f->deflater);
    hf_columns_free(&f->columns);
    hf_buffer *buffers[] = {&f->raw, &f->message, &f->scratch, &f->part, &f->out};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) hf_buffer_free(buffers[i]);
    return 0;
}

static uint32_t draw(fixture *f, uint32_t below)
{
    f->random = f->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(f->random >> 33) % below;
}

static void random_bytes(fixture *f, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) out[i] = (uint8_t)draw(f, 256);
}

/* ---- frames of entries ---- */

static void write_op(fixture *f, uint32_t field, bool cites)
{
    uint8_t prefix[4];
    random_bytes(f, prefix, sizeof prefix);
    hf_write_array(&f->part, 3);
    hf_write_uint(&f->part, field);
    hf_write_array(&f->part, cites);
    if (cites) {
        hf_write_array(&f->part, 3);
        hf_write_uint(&f->part, 0);
        hf_write_uint(&f->part, 1 + draw(f, 1000));
        hf_write_bytes(&f->part, prefix, sizeof prefix);
    }
    char text[40];
    (void)snprintf(text, sizeof text, "On or near Street %u", draw(f, 2000));
    if (field % 3)
        hf_write_string(&f->part, text);
    else
        hf_write_int(&f->part, (int64_t)draw(f, 1000000) - 500000);
}

static void write_part(fixture *f, uint32_t ops, bool cites)
{
    uint8_t random[24];
    random_bytes(f, random, sizeof random);
    hf_buffer_clear(&f->part);
    hf_write_raw(&f->part, (hf_bytes){random, 8});
    hf_write_array(&f->part, 4);
    hf_write_uint(&f->part, 16 + ops % 5);
    memcpy(random + 8, "\x01\x8f\x3a\x00\x11\x22", 6);
    hf_write_bytes(&f->part, random + 8, 16);
    hf_write_array(&f->part, 0);
    hf_write_array(&f->part, ops);
    for (uint32_t i = 0; i < ops; i++) write_op(f, i + 1, cites);
    hf_write_bytes(&f->raw, f->part.data, f->part.size);
}

static void write_body(fixture *f, uint64_t seq, uint32_t ops, uint32_t parts)
{
    uint8_t hash[32];
    hf_write_array(&f->raw, 9);
    hf_write_uint(&f->raw, seq);
    hf_write_uint(&f->raw, seq - 1 - draw(f, 2) * (seq > 1));
    hf_write_uint(&f->raw, 5);
    hf_write_uint(&f->raw, (UINT64_C(1571600000000) << 16) + seq * 70001);
    hf_write_uint(&f->raw, 3);
    hf_write_uint(&f->raw, 1);
    hf_write_string(&f->raw, "PC 4411 Rees");
    if (parts > 1)
        hf_write_bytes(&f->raw, "12345678", 8);
    else
        hf_write_null(&f->raw);
    hf_write_array(&f->raw, parts);
    for (uint32_t i = 0; i < parts; i++) {
        if (i + 1 < parts || parts == 1) {
            write_part(f, ops, draw(f, 4) == 0);
            continue;
        }
        random_bytes(f, hash, sizeof hash); /* the last of several: erased */
        hf_write_array(&f->raw, 1);
        hf_write_bytes(&f->raw, hash, sizeof hash);
    }
}

static void make_push(fixture *f, size_t count, bool alike)
{
    hf_buffer_clear(&f->raw);
    hf_write_array(&f->raw, 4);
    hf_write_uint(&f->raw, HF_FRAME_PUSH);
    hf_write_uint(&f->raw, 0);
    hf_write_uint(&f->raw, 3);
    hf_write_array(&f->raw, count);
    for (size_t i = 0; i < count; i++)
        write_body(f, i + 1, alike ? 13 : 1 + draw(f, 9), alike ? 1 : 1 + draw(f, 3));
}

static void write_runs(fixture *f, size_t runs)
{
    uint64_t seq = 1;
    hf_write_array(&f->raw, runs);
    for (size_t i = 0; i < runs; i++) {
        size_t count = 1 + draw(f, 5);
        hf_write_array(&f->raw, 3);
        hf_write_uint(&f->raw, i);
        hf_write_uint(&f->raw, 1 + i % 6);
        hf_write_array(&f->raw, count);
        for (size_t j = 0; j < count; j++) write_body(f, seq++, 1 + draw(f, 4), 1);
    }
}

static void make_feed(fixture *f, size_t runs)
{
    hf_buffer_clear(&f->raw);
    hf_write_array(&f->raw, 5);
    hf_write_uint(&f->raw, HF_FRAME_FEED);
    hf_write_uint(&f->raw, 1000);
    hf_write_uint(&f->raw, 2000);
    hf_write_bytes(&f->raw, "0123456789abcdef", 16);
    write_runs(f, runs);
}

static void make_entries(fixture *f, size_t runs)
{
    hf_buffer_clear(&f->raw);
    hf_write_array(&f->raw, 2);
    hf_write_uint(&f->raw, HF_FRAME_ENTRIES);
    write_runs(f, runs);
}

static bool is_c(const hf_buffer *message)
{
    return message->size > FRAME_C_HEAD && memcmp(message->data, "\x86\x18\x3d", 3) == 0;
}

static void seal(fixture *f)
{
    assert_int_equal(hf_frame_seal(f->deflater, hf_buffer_bytes(&f->raw), &f->message), HF_OK);
}

static void expect_back(fixture *f)
{
    hf_bytes opened;
    assert_int_equal(hf_frame_open(f->deflater, hf_buffer_bytes(&f->message), &f->scratch, &opened),
                     HF_OK);
    assert_true(hf_bytes_equal(opened, hf_buffer_bytes(&f->raw)));
}

/* ---- there and back ---- */

static void entries_come_back_as_they_went(void **state)
{
    fixture *f = *state;
    for (size_t count = 8; count <= 400; count += 1 + count / 2) {
        for (int alike = 0; alike < 2; alike++) {
            make_push(f, count, alike);
            seal(f);
            assert_true(is_c(&f->message));
            expect_back(f);
        }
        make_feed(f, 8 + count / 3);
        seal(f);
        assert_true(is_c(&f->message));
        expect_back(f);
        make_entries(f, 8 + count / 3);
        seal(f);
        assert_true(is_c(&f->message));
        expect_back(f);
    }
}

/* What the detour is for: 18 random bytes and what the texts say, and little else. */
static void side_by_side_takes_a_fifth_less(void **state)
{
    fixture *f = *state;
    make_push(f, 400, true);
    seal(f);
    size_t beside = f->message.size;
    f->raw.data[1] = 14; /* a frame that is none of the three goes row by row */
    seal(f);
    assert_false(is_c(&f->message));
    assert_true(beside * 5 < f->message.size * 4);
}

static void few_entries_and_other_frames_go_as_before(void **state)
{
    fixture *f = *state;
    for (size_t count = 1; count < 8; count++) {
        make_push(f, count, true);
        seal(f);
        assert_false(is_c(&f->message));
        expect_back(f);
    }
    /* What is no entry is not turned, and not lost: another count of items, or no number as its
     * seq. */
    for (size_t at = 5; at < 7; at++) {
        make_push(f, 20, true);
        assert_int_equal(f->raw.data[5], 0x89); /* the first body's count */
        f->raw.data[at] = 0x88;
        seal(f);
        assert_false(is_c(&f->message));
        expect_back(f);
    }
}

/* ---- what a hostile peer may send ---- */

static void make_c(fixture *f, uint64_t size, hf_bytes stream, hf_bytes plain)
{
    uint8_t packed[4096]; /* one stored block: a legal deflate stream of any content */
    assert_true(stream.size < sizeof packed - 5);
    packed[0] = 1;
    packed[1] = (uint8_t)stream.size;
    packed[2] = (uint8_t)(stream.size >> 8);
    packed[3] = (uint8_t)~packed[1];
    packed[4] = (uint8_t)~packed[2];
    memcpy(packed + 5, stream.data, stream.size);
    hf_buffer_clear(&f->message);
    hf_write_array(&f->message, 6);
    hf_write_uint(&f->message, 61);
    hf_write_uint(&f->message, 1);
    hf_write_uint(&f->message, size);
    hf_write_uint(&f->message, stream.size);
    hf_write_bytes(&f->message, packed, stream.size + 5);
    hf_write_bytes(&f->message, plain.data, plain.size);
}

static hf_status open_status(fixture *f)
{
    hf_bytes opened;
    hf_status status =
        hf_frame_open(f->deflater, hf_buffer_bytes(&f->message), &f->scratch, &opened);
    if (status != HF_OK) assert_int_equal(opened.size, 0);
    return status;
}

static hf_status open_hex(fixture *f, uint64_t size, const char *stream, const char *plain)
{
    uint8_t bytes[HEX_MAX], random[HEX_MAX];
    make_c(f, size, unhex(stream, bytes), unhex(plain, random));
    return open_status(f);
}

static void each_way_to_be_wrong_is_refused(void **state)
{
    fixture *f = *state;
    /* Two pieces, 82 00 40 and 2 rows, then nothing and no rows; one shape, no order; 2 rows of 4
     * cells: an item, a step, a length, 2 plain bytes. */
    static const char GOOD[] = "0243820040024000014002440001024205050a010202";
    static const uint8_t FRAME[] = {0x82, 0x00, 0x40, 0x05, 0x0a, 0x42, 0xaa,
                                    0xbb, 0x05, 0x0b, 0x42, 0xcc, 0xdd};
    assert_int_equal(open_hex(f, sizeof FRAME, GOOD, "aabbccdd"), HF_OK);
    assert_int_equal(f->scratch.size, sizeof FRAME);
    assert_memory_equal(f->scratch.data, FRAME, sizeof FRAME);
    static const struct {
        size_t at; /* which byte of the good one is another */
        const char *byte, *plain;
        size_t size;
    } SPOILT[] = {
        {0, "02", "aabbccdd", 12},   /* more comes out than was told */
        {0, "02", "aabbccdd", 14},   /* less */
        {0, "02", "aabbcc", 13},     /* plain runs out */
        {0, "02", "aabbccddee", 13}, /* plain is left */
        {5, "03", "aabbccdd", 13},   /* more rows are asked for than there are */
        {5, "01", "aabbccdd", 8},    /* a row is left */
        {14, "03", "aabbccdd", 13},  /* a kind that is none */
        {21, "61", "aabbccdd", 13},  /* a length that is a text */
        {19, "41", "aabbccdd", 13},  /* a step that is a string */
    };
    for (size_t i = 0; i < sizeof SPOILT / sizeof *SPOILT; i++) {
        char stream[sizeof GOOD];
        memcpy(stream, GOOD, sizeof GOOD);
        memcpy(stream + 2 * SPOILT[i].at, SPOILT[i].byte, 2);
        assert_int_equal(open_hex(f, SPOILT[i].size, stream, SPOILT[i].plain), HF_ERR_PROTOCOL);
    }
    assert_int_equal(open_hex(f, HF_FRAME_INFLATED_MAX + 1, GOOD, "aabbccdd"), HF_ERR_LIMIT);
}

static void what_a_stream_may_not_claim_is_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *stream;
        size_t size;
        hf_status status;
    } BAD[] = {
        {"0143820040000141000102410005", 3, HF_ERR_PROTOCOL}, /* an order where there is none */
        {"01438200400101400141000500", 4, HF_ERR_PROTOCOL},   /* more behind the last column */
        {"0143820040000140190401410005", 3, HF_ERR_LIMIT},    /* more rows than a frame may have */
        {"014382004000188140", 3, HF_ERR_LIMIT},              /* too many shapes */
        {"0143820040000140004100", 3, HF_ERR_PROTOCOL},       /* a shape without rows */
        {"01438200400101400140", 3, HF_ERR_PROTOCOL},         /* rows without cells */
        {"014584183c0100000040", 5, HF_ERR_PROTOCOL},         /* a Z frame within */
    };
    assert_int_equal(open_hex(f, 4, "014382004001014001410005", ""), HF_OK); /* and this is one */
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_int_equal(open_hex(f, BAD[i].size, BAD[i].stream, ""), BAD[i].status);
}

/* Two shapes, taken in an order that uses one more often than it has rows. */
static void rows_are_not_used_twice(void **state)
{
    fixture *f = *state;
    static const char TEMPLATE[] = "02438200400340000243%s014100050241000607";
    static const struct {
        const char *order;
        hf_status status;
    } CASES[] = {{"000101", HF_OK},
                 {"010001", HF_OK},
                 {"000001", HF_ERR_PROTOCOL},
                 {"010101", HF_ERR_PROTOCOL},
                 {"000201", HF_ERR_PROTOCOL}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char stream[sizeof TEMPLATE + 8];
        (void)snprintf(stream, sizeof stream, TEMPLATE, CASES[i].order);
        assert_int_equal(open_hex(f, 6, stream, ""), CASES[i].status);
    }
}

/* A few bytes may claim many columns: they are refused before there is memory for them. */
static void columns_are_bounded(void **state)
{
    fixture *f = *state;
    hf_buffer_clear(&f->columns.stream);
    hf_buffer *stream = &f->columns.stream;
    hf_write_uint(stream, 0);
    hf_write_uint(stream, 1);
    hf_write_bytes(stream, "", 0);
    hf_write_uint(stream, 1);
    static uint8_t kinds[HF_COLUMNS_MAX + 1];
    memset(kinds, 0x41, sizeof kinds);
    hf_write_bytes(stream, kinds, sizeof kinds);
    assert_int_equal(hf_columns_read(&f->columns, (hf_bytes){kinds, sizeof kinds}, 10, &f->out),
                     HF_ERR_LIMIT);
    assert_int_equal(f->columns.places.size, 0);
}

/* Each shape within the bound of rows, and the two of them not. */
static void rows_are_bounded_over_all_shapes(void **state)
{
    enum { ROWS = HF_FRAME_ENTRIES_MAX / 2 + 1 };
    fixture *f = *state;
    static uint8_t bytes[2 * ROWS];
    const uint8_t kind = 0x41;
    hf_buffer *stream = &f->columns.stream;
    hf_buffer_clear(stream);
    hf_write_uint(stream, 0);
    hf_write_uint(stream, 2);
    hf_write_bytes(stream, bytes, sizeof bytes);
    for (int i = 0; i < 2; i++) {
        hf_write_uint(stream, ROWS);
        hf_write_bytes(stream, &kind, 1);
    }
    assert_int_equal(
        hf_columns_read(&f->columns, (hf_bytes){bytes, sizeof bytes}, sizeof bytes, &f->out),
        HF_ERR_LIMIT);
}

/* A number takes the room that its head needs: that may be more than was told. */
static void a_number_that_needs_more_room_than_was_told_is_refused(void **state)
{
    fixture *f = *state;
    static const char STREAM[] = "0140010140014201011903e805"; /* 1000 and 5: 3 bytes and 1 */
    uint8_t bytes[HEX_MAX];
    for (size_t size = 1; size < 6; size++) {
        hf_buffer_clear(&f->columns.stream);
        hf_write_raw(&f->columns.stream, unhex(STREAM, bytes));
        assert_int_equal(hf_columns_read(&f->columns, (hf_bytes){NULL, 0}, size, &f->out),
                         size == 4 ? HF_OK : HF_ERR_PROTOCOL);
    }
}

/* Entries of many small values: more cells than a reader takes, so they go as any frame does. To
 * send them side by side would end each session that tries. */
static void what_no_reader_takes_is_not_written(void **state)
{
    fixture *f = *state;
    make_push(f, 8, true);
    assert_true(hf_columns_write(&f->columns, hf_buffer_bytes(&f->raw)));
    f->raw.size = 5; /* the same eight, longer */
    for (size_t i = 0; i < 8; i++) write_body(f, i + 1, 1200 + i, 1);
    assert_false(hf_columns_write(&f->columns, hf_buffer_bytes(&f->raw)));
}

/* Any bit of a real one turned over: refused, or another frame of the size that was told. */
static void damage_is_refused_or_stays_within_bounds(void **state)
{
    fixture *f = *state;
    make_push(f, 12, false);
    assert_true(hf_columns_write(&f->columns, hf_buffer_bytes(&f->raw)));
    size_t size = f->raw.size, refused = 0, tried = f->columns.stream.size * 8;
    hf_buffer plain = {0};
    hf_write_raw(&plain, hf_buffer_bytes(&f->columns.plain));
    for (size_t bit = 0; bit < tried; bit++) {
        uint8_t *at = &f->columns.stream.data[bit / 8];
        *at ^= (uint8_t)(1 << bit % 8);
        hf_status status = hf_columns_read(&f->columns, hf_buffer_bytes(&plain), size, &f->out);
        assert_true(status == HF_OK || status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT);
        assert_true(f->out.size <= size);
        if (status == HF_OK) assert_int_equal(f->out.size, size);
        refused += status != HF_OK;
        *at ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(refused > tried / 8);
    assert_int_equal(hf_columns_read(&f->columns, hf_buffer_bytes(&plain), size, &f->out), HF_OK);
    assert_true(hf_bytes_equal(hf_buffer_bytes(&f->out), hf_buffer_bytes(&f->raw)));
    hf_buffer_free(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_back_as_they_went),
        cmocka_unit_test(side_by_side_takes_a_fifth_less),
        cmocka_unit_test(few_entries_and_other_frames_go_as_before),
        cmocka_unit_test(each_way_to_be_wrong_is_refused),
        cmocka_unit_test(what_a_stream_may_not_claim_is_refused),
        cmocka_unit_test(rows_are_not_used_twice),
        cmocka_unit_test(columns_are_bounded),
        cmocka_unit_test(rows_are_bounded_over_all_shapes),
        cmocka_unit_test(a_number_that_needs_more_room_than_was_told_is_refused),
        cmocka_unit_test(what_no_reader_takes_is_not_written),
        cmocka_unit_test(damage_is_refused_or_stays_within_bounds),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
