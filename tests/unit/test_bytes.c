/* test_bytes.c: byte order, and what is UTF-8. */
#include "sync/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static hf_bytes text_bytes(const char *text)
{
    return (hf_bytes){(const uint8_t *)text, strlen(text)};
}

static void comparing_bytes_is_a_total_order(void **state)
{
    (void)state;
    static const char *const RISING[] = {"", "A", "AA", "B", "BA", "\xff", "\xff\x01"};
    for (size_t i = 0; i < sizeof RISING / sizeof *RISING; i++) {
        for (size_t k = 0; k < sizeof RISING / sizeof *RISING; k++) {
            hf_bytes a = text_bytes(RISING[i]), b = text_bytes(RISING[k]);
            int order = hf_bytes_compare(a, b);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
            assert_int_equal(hf_bytes_equal(a, b), i == k);
        }
    }
    hf_bytes none = {NULL, 0};
    assert_true(hf_bytes_equal(none, text_bytes("")));
    assert_int_equal(hf_bytes_compare(none, none), 0);
}

/* A wrong byte behind long ASCII is found wherever the fast path left off. */
static void bad_utf8_is_found_at_any_place(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
        "\xc3",         "\xe2\x82",         "\xf0\x9f\x98",     "\xfe",
        "\xff",         "\xe2\x28\xa1",     "\xe2\x82\x28"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        for (size_t before = 0; before < 20; before++) {
            char text[32];
            memset(text, 'a', before);
            memcpy(text + before, BAD[i], strlen(BAD[i]) + 1);
            assert_false(hf_utf8_valid(text_bytes(text)));
            memcpy(text + before, "\xf0\x9f\x98\x80", 5);
            assert_true(hf_utf8_valid(text_bytes(text)));
        }
    }
    assert_true(hf_utf8_valid(text_bytes("\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
                                         "\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing_bytes_is_a_total_order),
        cmocka_unit_test(bad_utf8_is_found_at_any_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
