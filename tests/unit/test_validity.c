/* test_validity.c: when a certificate holds, and when the next one is due. */
#include "sync/limits.h"
#include "sync/validity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define DAY_MS (24ull * 60 * 60 * 1000)

static const hf_validity YEAR = {.from_ms = 1000 * DAY_MS, .until_ms = 1365 * DAY_MS};

static void both_ends_belong_to_it(void **state)
{
    (void)state;
    assert_false(hf_validity_holds(YEAR, YEAR.from_ms - 1));
    assert_true(hf_validity_holds(YEAR, YEAR.from_ms));
    assert_true(hf_validity_holds(YEAR, YEAR.until_ms));
    assert_false(hf_validity_holds(YEAR, YEAR.until_ms + 1));
    assert_false(hf_validity_holds((hf_validity){2, 1}, 1)); /* an end before its beginning */
}

/* A force that enrolled in one day must not renew in one day. */
static void devices_ask_after_two_thirds_spread_by_their_keys(void **state)
{
    (void)state;
    uint8_t first[HF_HASH_SIZE] = {0}, middle[HF_HASH_SIZE] = {0x80}, last[HF_HASH_SIZE];
    for (size_t i = 0; i < sizeof last; i++) last[i] = 0xff;
    uint64_t life = YEAR.until_ms - YEAR.from_ms;
    uint64_t earliest = YEAR.from_ms + life / 100 * 67, latest = YEAR.from_ms + life / 100 * 73;
    assert_int_equal(hf_validity_due_ms(YEAR, first), earliest);
    assert_int_equal(hf_validity_due_ms(YEAR, middle), (earliest + latest) / 2);
    assert_in_range(hf_validity_due_ms(YEAR, last), latest - DAY_MS / 24, latest - 1);
    assert_true(latest + 90 * DAY_MS < YEAR.until_ms); /* a season is left to try again */
}

static void a_hub_is_ready_before_any_device_asks(void **state)
{
    (void)state;
    uint8_t key[HF_HASH_SIZE] = {0};
    assert_false(hf_validity_may_renew(YEAR, YEAR.from_ms));
    assert_false(hf_validity_may_renew(YEAR, 1182 * DAY_MS));
    assert_true(hf_validity_may_renew(YEAR, 1183 * DAY_MS));
    assert_true(hf_validity_may_renew(YEAR, hf_validity_due_ms(YEAR, key) - 30 * DAY_MS));
    assert_true(hf_validity_may_renew(YEAR, 9999 * DAY_MS));
    assert_true(hf_validity_may_renew(YEAR, YEAR.from_ms - 1)); /* not valid yet is no use either */
}

/* Dates up to the year 9999, and beyond, do not overflow into the past. */
static void far_dates_stay_in_order(void **state)
{
    (void)state;
    uint8_t key[HF_HASH_SIZE] = {0xff, 0xff};
    hf_validity ages = {.from_ms = 0, .until_ms = 253402300799000};
    assert_true(hf_validity_due_ms(ages, key) > 253402300799000 / 100 * 72);
    assert_true(hf_validity_due_ms(ages, key) < 253402300799000 / 100 * 74);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_belong_to_it),
        cmocka_unit_test(devices_ask_after_two_thirds_spread_by_their_keys),
        cmocka_unit_test(a_hub_is_ready_before_any_device_asks),
        cmocka_unit_test(far_dates_stay_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
