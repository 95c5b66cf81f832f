/* test_words.c: what was typed one way is found when it is typed another. */
#include "sync/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static hf_bytes bytes_of(const char *text)
{
    return (hf_bytes){(const uint8_t *)text, strlen(text)};
}

static void expect_fold(const char *text, const char *folded)
{
    hf_buffer once = {0}, twice = {0};
    assert_int_equal(hf_text_fold(bytes_of(text), &once), HF_OK);
    hf_write_raw(&once, (hf_bytes){(const uint8_t *)"", 1});
    assert_int_equal(once.status, HF_OK);
    assert_string_equal((const char *)once.data, folded);
    assert_int_equal(hf_text_fold(bytes_of((const char *)once.data), &twice), HF_OK);
    assert_int_equal(twice.size, strlen(folded)); /* what is folded stays as it is */
    assert_memory_equal(twice.data, folded, twice.size);
    hf_buffer_free(&once);
    hf_buffer_free(&twice);
}

static void case_accents_and_typography_do_not_count(void **state)
{
    (void)state;
    expect_fold("ZOË", "zoe");
    expect_fold("Zoe\xcc\x88", "zoe"); /* the mark by itself */
    expect_fold("O’Brien", "o'brien");
    expect_fold("OʼBrien", "o'brien");
    expect_fold("Łukasz Wałęsa", "lukasz walesa");
    expect_fold("Søren Ørsted", "soren orsted");
    expect_fold("Đorđe", "dorde");
    expect_fold("Þór Ægisson", "thor aegisson");
    expect_fold("STRASSE Straße", "strasse strasse");
    expect_fold("IŞIK ışık İZMİR", "isik isik izmir");
    expect_fold("ﬁrst ＡＢ１２", "first ab12");
    expect_fold("Smith–Jones", "smith-jones");
    expect_fold("co\xc2\xad"
                "op\xe2\x80\x8b",
                "coop"); /* soft hyphen, zero-width space */
    expect_fold("ΣΊΣΥΦΟΣ", "σισυφοσ");
    expect_fold("Йорданов", "иорданов");
    expect_fold("Llŷn Tŷ Gŵyr", "llyn ty gwyr");
}

typedef struct heard {
    char text[256];
    size_t count, stop_after;
} heard;

static hf_status hear(void *context, hf_bytes word)
{
    heard *h = context;
    size_t used = strlen(h->text);
    snprintf(h->text + used, sizeof h->text - used, "%.*s|", (int)word.size,
             (const char *)word.data);
    h->count++;
    return h->count == h->stop_after ? HF_ERR_LIMIT : HF_OK;
}

static void expect_words(const char *text, const char *words)
{
    heard h = {0};
    assert_int_equal(hf_words_each(bytes_of(text), hear, &h), HF_OK);
    assert_string_equal(h.text, words);
}

static void text_falls_into_words_as_people_search_for_them(void **state)
{
    (void)state;
    expect_words("On or near High Street, Luton", "on|or|near|high|street|luton|");
    expect_words("O'Brien, O’BRIEN and OBrien", "obrien|obrien|and|obrien|");
    expect_words("Smith-Jones/Żak", "smith|jones|zak|");
    expect_words("AB12 CDE", "ab12|cde|");
    expect_words("  \t\n ... - ", "");
    expect_words("", "");
    expect_words("'quoted'", "quoted|");
    expect_words("07700 900123", "07700|900123|");
    expect_words("Дело №5", "дело|no5|");
}

static void a_visitor_stops_the_walk(void **state)
{
    (void)state;
    heard h = {.stop_after = 2};
    assert_int_equal(hf_words_each(bytes_of("one two three"), hear, &h), HF_ERR_LIMIT);
    assert_int_equal(h.count, 2);
    heard last = {.stop_after = 3};
    assert_int_equal(hf_words_each(bytes_of("one two three"), hear, &last), HF_ERR_LIMIT);
}

static void what_is_not_utf8_is_refused_and_leaves_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"\xff", "a\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xc0\xaf"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hf_buffer out = {0};
        hf_write_raw(&out, bytes_of("before"));
        assert_int_equal(hf_text_fold(bytes_of(bad[i]), &out), HF_ERR_INPUT);
        assert_int_equal(out.size, 6);
        assert_int_equal(out.status, HF_OK);
        hf_buffer_free(&out);
    }
}

/* Each letter of the first planes, alone: folds to itself once folded, and never fails. */
static void folding_what_is_folded_changes_nothing(void **state)
{
    (void)state;
    size_t letters = 0;
    hf_buffer once = {0}, twice = {0};
    for (uint32_t point = 1; point < 0x20000; point++) {
        if (point >= 0xd800 && point < 0xe000) continue;
        uint8_t text[4];
        size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        uint32_t rest = point;
        for (size_t i = size; i-- > 1; rest >>= 6) text[i] = (uint8_t)(0x80 | (rest & 0x3f));
        static const uint8_t leads[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
        text[0] = (uint8_t)(leads[size] | rest);
        hf_buffer_clear(&once);
        hf_buffer_clear(&twice);
        assert_int_equal(hf_text_fold((hf_bytes){text, size}, &once), HF_OK);
        assert_int_equal(hf_text_fold(hf_buffer_bytes(&once), &twice), HF_OK);
        bool same = hf_bytes_equal(hf_buffer_bytes(&once), hf_buffer_bytes(&twice));
        if (!same) fail_msg("U+%04X folds twice", point);
        letters++;
    }
    assert_true(letters > 120000);
    hf_buffer_free(&once);
    hf_buffer_free(&twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_accents_and_typography_do_not_count),
        cmocka_unit_test(text_falls_into_words_as_people_search_for_them),
        cmocka_unit_test(a_visitor_stops_the_walk),
        cmocka_unit_test(what_is_not_utf8_is_refused_and_leaves_nothing),
        cmocka_unit_test(folding_what_is_folded_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
