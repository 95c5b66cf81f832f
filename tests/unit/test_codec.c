/* test_codec.c: heads in shortest form only, readers that fail once and for all, writers. */
#include "sync/codec.h"

#include "hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static hf_bytes text_bytes(const char *text)
{
    return (hf_bytes){(const uint8_t *)text, strlen(text)};
}

/* ---- floats ---- */

static uint64_t next_random(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t half_as_single(uint16_t half) /* by arithmetic, not by bits */
{
    int exponent = half >> 10 & 31;
    float value = (float)(half & 0x3ff);
    if (exponent == 31)
        value = value > 0 ? __builtin_nanf("") : __builtin_inff();
    else if (exponent > 0)
        value += 1024;
    for (int i = exponent > 0 ? exponent : 1; exponent < 31 && i < 25; i++) value /= 2;
    for (int i = 25; exponent < 31 && i < exponent; i++) value *= 2;
    if (half >> 15) value = -value;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static hf_status check_float(uint8_t initial, uint64_t bits)
{
    size_t size = (size_t)1 << (initial - 0xf8);
    uint8_t bytes[9] = {initial};
    for (size_t i = 0; i < size; i++) bytes[1 + i] = (uint8_t)(bits >> (8 * (size - 1 - i)));
    assert_int_equal(hf_cbor_check_profile((hf_bytes){bytes, 1 + size}), HF_ERR_PROTOCOL);
    return hf_cbor_check_generic((hf_bytes){bytes, 1 + size});
}

static void a_float_that_fits_half_is_refused_wider(void **state)
{
    (void)state;
    for (uint32_t half = 0; half <= UINT16_MAX; half++) {
        bool is_nan = (half & 0x7c00) == 0x7c00 && (half & 0x3ff) != 0;
        hf_status expected = is_nan && half != 0x7e00 ? HF_ERR_PROTOCOL : HF_OK;
        assert_int_equal(check_float(0xf9, half), expected);
        uint32_t single = half_as_single((uint16_t)half);
        float value;
        memcpy(&value, &single, sizeof value);
        double wide = value;
        uint64_t bits;
        memcpy(&bits, &wide, sizeof bits);
        assert_int_equal(check_float(0xfa, single), HF_ERR_PROTOCOL);
        assert_int_equal(check_float(0xfb, bits), HF_ERR_PROTOCOL);
        if ((half & 0x7c00) == 0x7c00) continue;
        /* Its neighbours in single precision are no halves; in double, no singles. */
        for (unsigned bit = 0; bit < 13; bit++)
            assert_int_equal(check_float(0xfa, single | 1U << bit), HF_OK);
        assert_int_equal(check_float(0xfb, bits | 1), HF_OK);
    }
}

static void a_float_beyond_half_is_taken_as_single(void **state)
{
    (void)state;
    assert_int_equal(check_float(0xfa, 0x47800000), HF_OK); /* 65536: one above the largest half */
    assert_int_equal(check_float(0xfa, 0x477fe000), HF_ERR_PROTOCOL); /* 65504: the largest */
    assert_int_equal(check_float(0xfa, 0x33000000), HF_OK);           /* 2^-25 */
    assert_int_equal(check_float(0xfa, 0x33800000), HF_ERR_PROTOCOL); /* 2^-24: the smallest */
    assert_int_equal(check_float(0xfa, 0x00000001), HF_OK);           /* 2^-149 */
}

static void a_double_that_fits_single_is_refused(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 200000; round++) {
        uint64_t bits = next_random(&seed);
        if (round % 2 == 0) bits &= ~((UINT64_C(1) << next_random(&seed) % 53) - 1);
        if (round % 4 < 2)
            bits = (bits & ~(UINT64_C(0x7ff) << 52)) |
                   (UINT64_C(1023 - 160) + next_random(&seed) % 320) << 52;
        double value;
        memcpy(&value, &bits, sizeof value);
        bool fits = value != value || __builtin_isinf(value);
        if (!fits && value <= 3.5e38 && value >= -3.5e38) {
            volatile float narrow = (float)value;
            fits = (double)narrow == value;
        }
        assert_int_equal(check_float(0xfb, bits), fits ? HF_ERR_PROTOCOL : HF_OK);
    }
}

/* ---- readers ---- */

static void a_reader_takes_what_a_writer_wrote(void **state)
{
    (void)state;
    static const int64_t INTS[] = {
        0,         23, 24,  255, 256,  65535, 65536,  UINT32_MAX, (int64_t)UINT32_MAX + 1,
        INT64_MAX, -1, -24, -25, -256, -257,  -65536, -65537,     INT64_MIN};
    enum { INT_COUNT = sizeof INTS / sizeof *INTS };
    hf_buffer out = {0};
    hf_write_array(&out, INT_COUNT + 7);
    for (size_t i = 0; i < INT_COUNT; i++) hf_write_int(&out, INTS[i]);
    hf_write_uint(&out, UINT64_MAX);
    hf_write_bool(&out, true);
    hf_write_bool(&out, false);
    hf_write_null(&out);
    hf_write_bytes(&out, NULL, 0);
    hf_write_string(&out, "Zo\xc3\xab");
    hf_write_map(&out, 1);
    hf_write_uint(&out, 5);
    hf_write_bytes(&out, "\x01\x02", 2);
    assert_int_equal(out.status, HF_OK);
    assert_int_equal(hf_cbor_check_profile(hf_buffer_bytes(&out)), HF_OK);

    hf_reader in = hf_reader_open(hf_buffer_bytes(&out));
    assert_int_equal(hf_read_array(&in, 100), INT_COUNT + 7);
    for (size_t i = 0; i < INT_COUNT; i++) assert_true(hf_read_int(&in) == INTS[i]);
    assert_true(hf_read_uint(&in) == UINT64_MAX);
    assert_true(hf_read_bool(&in));
    assert_false(hf_read_bool(&in));
    hf_read_null(&in);
    hf_bytes empty = hf_read_bytes(&in);
    assert_int_equal(empty.size, 0);
    assert_true(hf_bytes_equal(hf_read_text(&in), text_bytes("Zo\xc3\xab")));
    assert_int_equal(hf_read_map(&in, 1), 1);
    assert_int_equal(hf_read_uint_max(&in, 5), 5);
    uint8_t two[2];
    hf_read_bytes_exact(&in, two, sizeof two);
    assert_memory_equal(two, "\x01\x02", 2);
    assert_int_equal(hf_reader_end(&in), HF_OK);
    hf_buffer_free(&out);
}

static hf_reader reader_of(const char *hex, uint8_t bytes[HEX_MAX])
{
    return hf_reader_open(unhex(hex, bytes));
}

static void the_first_failure_sticks(void **state)
{
    (void)state;
    uint8_t bytes[HEX_MAX], exact[2] = {9, 9};
    /* What each of the calls below would take, in their order. */
    hf_reader in = reader_of("010220f5f6f741ff6161038100a100004205060a", bytes);
    hf_reader_fail(&in, HF_ERR_LIMIT);
    hf_reader_fail(&in, HF_ERR_PROTOCOL);
    assert_int_equal(hf_reader_kind(&in), HF_KIND_END);
    assert_int_equal(hf_read_uint(&in), 0);
    assert_int_equal(hf_read_uint_max(&in, 9), 0);
    assert_int_equal(hf_read_int(&in), 0);
    assert_false(hf_read_bool(&in));
    hf_read_null(&in);
    hf_read_undefined(&in);
    assert_null(hf_read_bytes(&in).data);
    assert_null(hf_read_text(&in).data);
    assert_null(hf_read_item(&in).data);
    assert_int_equal(hf_read_array(&in, 9), 0);
    assert_int_equal(hf_read_map(&in, 9), 0);
    hf_read_bytes_exact(&in, exact, 2);
    assert_int_equal(exact[0] + exact[1], 0);
    assert_ptr_equal(in.at, bytes);
    assert_int_equal(hf_reader_end(&in), HF_ERR_LIMIT);
}

static void a_reader_refuses_another_kind(void **state)
{
    (void)state;
    static const char *const ITEMS[] = {"01", "20", "4101", "6161",   "8100", "a10000",
                                        "f5", "f6", "f7",   "f90000", "c100", "e0"};
    static const hf_kind KINDS[] = {HF_KIND_UINT,      HF_KIND_NINT,  HF_KIND_BYTES, HF_KIND_TEXT,
                                    HF_KIND_ARRAY,     HF_KIND_MAP,   HF_KIND_BOOL,  HF_KIND_NULL,
                                    HF_KIND_UNDEFINED, HF_KIND_OTHER, HF_KIND_OTHER, HF_KIND_OTHER};
    for (size_t i = 0; i < sizeof ITEMS / sizeof *ITEMS; i++) {
        uint8_t bytes[HEX_MAX], exact[1];
        hf_reader at = reader_of(ITEMS[i], bytes), in = at;
        hf_kind kind = hf_reader_kind(&in);
        assert_int_equal(kind, KINDS[i]);
#define EXPECT(call, good) in = at, (void)(call), assert_int_equal(in.status == HF_OK, (good))
        EXPECT(hf_read_uint(&in), kind == HF_KIND_UINT);
        EXPECT(hf_read_int(&in), kind == HF_KIND_UINT || kind == HF_KIND_NINT);
        EXPECT(hf_read_bytes(&in), kind == HF_KIND_BYTES);
        EXPECT(hf_read_bytes_exact(&in, exact, 1), kind == HF_KIND_BYTES);
        EXPECT(hf_read_text(&in), kind == HF_KIND_TEXT);
        EXPECT(hf_read_array(&in, 9), kind == HF_KIND_ARRAY);
        EXPECT(hf_read_map(&in, 9), kind == HF_KIND_MAP);
        EXPECT(hf_read_bool(&in), kind == HF_KIND_BOOL);
        EXPECT(hf_read_null(&in), kind == HF_KIND_NULL);
        EXPECT(hf_read_undefined(&in), kind == HF_KIND_UNDEFINED);
        EXPECT(hf_read_item(&in), kind != HF_KIND_UNDEFINED && kind != HF_KIND_OTHER);
#undef EXPECT
    }
}

static void readers_check_what_they_are_told(void **state)
{
    (void)state;
    uint8_t bytes[HEX_MAX], exact[2];
    hf_reader in = reader_of("1901f4", bytes);
    assert_int_equal(hf_read_uint_max(&in, 499), 0);
    assert_int_equal(in.status, HF_ERR_PROTOCOL);
    in = reader_of("1b8000000000000000", bytes);
    assert_int_equal(hf_read_int(&in), 0);
    assert_int_equal(in.status, HF_ERR_PROTOCOL);
    in = reader_of("3b8000000000000000", bytes);
    assert_int_equal(hf_read_int(&in), 0);
    assert_int_equal(in.status, HF_ERR_PROTOCOL);
    in = reader_of("43010203", bytes);
    hf_read_bytes_exact(&in, exact, 2);
    assert_int_equal(in.status, HF_ERR_PROTOCOL);
    in = reader_of("62c328", bytes);
    assert_null(hf_read_text(&in).data);
    assert_int_equal(in.status, HF_ERR_PROTOCOL);
    in = reader_of("83000000", bytes); /* all there, but more than the caller takes */
    assert_int_equal(hf_read_array(&in, 2), 0);
    assert_int_equal(in.status, HF_ERR_LIMIT);
    in = reader_of("84000000", bytes); /* not all there: a lie, whatever the caller takes */
    assert_int_equal(hf_read_array(&in, 2), 0);
    assert_int_equal(in.status, HF_ERR_PROTOCOL);
    in = reader_of("bb800000000000000100", bytes);
    assert_int_equal(hf_read_map(&in, SIZE_MAX), 0);
    assert_int_equal(in.status, HF_ERR_PROTOCOL);
    in = reader_of("a2000000", bytes); /* two pairs are four items */
    assert_int_equal(hf_read_map(&in, 9), 0);
    assert_int_equal(in.status, HF_ERR_PROTOCOL);
    in = reader_of("0000", bytes);
    (void)hf_read_uint(&in);
    assert_int_equal(hf_reader_end(&in), HF_ERR_PROTOCOL); /* one is left */
    in = hf_reader_open((hf_bytes){NULL, 0});
    assert_int_equal(hf_reader_kind(&in), HF_KIND_END);
    assert_int_equal(hf_reader_end(&in), HF_OK);
    (void)hf_read_uint(&in);
    assert_int_equal(hf_reader_end(&in), HF_ERR_PROTOCOL);
}

static void an_item_is_returned_verbatim(void **state)
{
    (void)state;
    uint8_t bytes[HEX_MAX];
    hf_reader in = reader_of("01a1016161f6", bytes);
    assert_int_equal(hf_read_uint(&in), 1);
    hf_bytes item = hf_read_item(&in);
    assert_ptr_equal(item.data, bytes + 1);
    assert_int_equal(item.size, 4);
    hf_read_null(&in);
    assert_int_equal(hf_reader_end(&in), HF_OK);
}

/* ---- buffers and names ---- */

static void a_failed_allocation_silences_the_buffer(void **state)
{
    (void)state;
    hf_buffer out = {0};
    hf_write_uint(&out, 7);
    assert_null(hf_buffer_reserve(&out, SIZE_MAX));
    assert_int_equal(out.status, HF_ERR_NOMEM);
    hf_write_string(&out, "lost");
    hf_write_array(&out, 1);
    hf_write_null(&out);
    hf_write_bool(&out, true);
    assert_int_equal(out.size, 1); /* what stood there stands */
    hf_buffer_clear(&out);
    hf_write_null(&out);
    assert_int_equal(out.status, HF_OK);
    assert_true(hf_bytes_equal(hf_buffer_bytes(&out), text_bytes("\xf6")));
    hf_buffer_free(&out);
    assert_null(out.data);
    hf_buffer_free(&out);
}

static void a_buffer_grows_as_it_must(void **state)
{
    (void)state;
    hf_buffer out = {0};
    uint8_t *at = hf_buffer_reserve(&out, 300000);
    assert_non_null(at);
    memset(at, 0x5a, 300000);
    out.size = 300000;
    for (int i = 0; i < 1000; i++) hf_write_undefined(&out);
    assert_int_equal(out.size, 301000);
    assert_int_equal(out.data[299999], 0x5a);
    assert_int_equal(out.data[300999], 0xf7);
    hf_buffer_free(&out);
}

static void every_status_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = HF_OK; i <= HF_ERR_LIMIT; i++) {
        assert_true(hf_status_name((hf_status)i)[0] != 0);
        assert_string_not_equal(hf_status_name((hf_status)i), "unknown status");
        for (int k = HF_OK; k < i; k++)
            assert_string_not_equal(hf_status_name((hf_status)i), hf_status_name((hf_status)k));
    }
    assert_string_equal(hf_status_name((hf_status)(HF_ERR_LIMIT + 1)), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_float_that_fits_half_is_refused_wider),
        cmocka_unit_test(a_float_beyond_half_is_taken_as_single),
        cmocka_unit_test(a_double_that_fits_single_is_refused),
        cmocka_unit_test(a_reader_takes_what_a_writer_wrote),
        cmocka_unit_test(the_first_failure_sticks),
        cmocka_unit_test(a_reader_refuses_another_kind),
        cmocka_unit_test(readers_check_what_they_are_told),
        cmocka_unit_test(an_item_is_returned_verbatim),
        cmocka_unit_test(a_failed_allocation_silences_the_buffer),
        cmocka_unit_test(a_buffer_grows_as_it_must),
        cmocka_unit_test(every_status_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
