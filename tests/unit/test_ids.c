/* test_ids.c: ids are time-ordered, are UUIDs of version 7, and differ by chance alone. */
#include "sync/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef struct dice {
    uint8_t fill;
    hf_status status;
    size_t asked;
} dice;

static hf_status roll(void *context, uint8_t *out, size_t size)
{
    dice *d = context;
    d->asked += size;
    if (d->status == HF_OK) memset(out, d->fill, size);
    return d->status;
}

static hf_record_id mint(dice *d, uint64_t wall_ms)
{
    hf_crypto crypto = {.context = d, .random = roll};
    hf_record_id id;
    memset(&id, 0xaa, sizeof id);
    assert_int_equal(hf_record_id_new(&crypto, 16, wall_ms, &id), HF_OK);
    return id;
}

/* The example of RFC 9562 A.6, but for its random bits. */
static void an_id_is_laid_out_as_uuid_version_7(void **state)
{
    (void)state;
    static const uint8_t ones[] = {0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7f, 0xff,
                                   0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t zeros[] = {0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x70, 0, 0x80};
    dice d = {.fill = 0xff};
    hf_record_id id = mint(&d, UINT64_C(0x017f22e279b0));
    assert_int_equal(id.type, 16);
    assert_memory_equal(id.bytes, ones, sizeof ones);
    assert_int_equal(d.asked, 10);
    d.fill = 0;
    id = mint(&d, UINT64_C(0x017f22e279b0));
    assert_memory_equal(id.bytes, zeros, sizeof zeros);
}

static void later_ids_sort_behind_earlier_ones_whatever_their_chance(void **state)
{
    (void)state;
    dice high = {.fill = 0xff}, low = {.fill = 0};
    static const uint64_t times[] = {0,
                                     1,
                                     0xff,
                                     0x100,
                                     0xffffffff,
                                     UINT64_C(0x100000000),
                                     UINT64_C(0x017f22e279b0),
                                     UINT64_C(0xffffffffffff)};
    for (size_t i = 1; i < sizeof times / sizeof *times; i++) {
        hf_record_id before = mint(&high, times[i - 1]), after = mint(&low, times[i]);
        assert_true(memcmp(before.bytes, after.bytes, HF_RECORD_ID_SIZE) < 0);
    }
}

static void a_clock_past_the_48_bits_still_gives_ids(void **state)
{
    (void)state;
    dice d = {.fill = 0};
    hf_record_id last = mint(&d, UINT64_C(0xffffffffffff)), past = mint(&d, UINT64_MAX);
    assert_memory_equal(last.bytes, past.bytes, HF_RECORD_ID_SIZE);
}

static void without_chance_there_is_no_id(void **state)
{
    (void)state;
    dice d = {.status = HF_ERR_IO};
    hf_crypto crypto = {.context = &d, .random = roll};
    hf_record_id id = {.type = 9};
    assert_int_equal(hf_record_id_new(&crypto, 16, 1, &id), HF_ERR_IO);
    assert_int_equal(id.type, 9); /* a failed call changes nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_laid_out_as_uuid_version_7),
        cmocka_unit_test(later_ids_sort_behind_earlier_ones_whatever_their_chance),
        cmocka_unit_test(a_clock_past_the_48_bits_still_gives_ids),
        cmocka_unit_test(without_chance_there_is_no_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
