/* test_sla.c: the arithmetic of a contract, by the months that are known. */
#include "hub/sla.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };

/* 2019-10-08 09:00 and 2019-10-22 19:00, London's summer time. */
static const uint64_t FIRST_MS = 1570521600000, SECOND_MS = 1571767200000;

/* Both outages of October 2019, 6 h 10 and 3 h, in the 745 hours that it had: 98.77 %. */
static void october_2019_comes_out_as_98_77_percent(void **state)
{
    (void)state;
    hf_sla_terms terms = hf_sla_terms_default(2019, 10);
    const hf_span outages[] = {{FIRST_MS, FIRST_MS + 6 * HOUR_MS + 10 * MINUTE_MS},
                               {SECOND_MS, SECOND_MS + 3 * HOUR_MS}};
    hf_sla sla;
    hf_sla_compute(&terms, outages, 2, &sla);
    assert_int_equal(sla.service_ms, 745ull * HOUR_MS);
    assert_int_equal(sla.down_ms, 9 * HOUR_MS + 10 * MINUTE_MS);
    assert_int_equal((sla.availability_ppm + 50) / 100, 9877);
    hf_sla_compute(&terms, outages, 1, &sla);
    assert_int_equal((sla.availability_ppm + 50) / 100, 9917);
    terms.london = false;
    hf_sla_compute(&terms, outages, 2, &sla);
    assert_int_equal(sla.service_ms, 744ull * HOUR_MS);
    assert_int_equal((sla.availability_ppm + 50) / 100, 9877);
}

static void what_a_month_allows(void **state)
{
    (void)state;
    hf_sla_terms terms = hf_sla_terms_default(2019, 10);
    hf_sla sla;
    hf_sla_compute(&terms, NULL, 0, &sla);
    assert_int_equal(sla.availability_ppm, 1000000);
    assert_int_equal(sla.credit_ppm, 0);
    assert_int_equal(hf_sla_allowance_ms(&sla, 999000), 2682000);         /* 44.7 min */
    assert_int_equal(hf_sla_allowance_ms(&sla, 995000) / MINUTE_MS, 223); /* 3 h 43 */
    assert_int_equal(hf_sla_allowance_ms(&sla, 990000) / MINUTE_MS, 7 * 60 + 27);
}

static void the_lowest_band_that_it_falls_below_is_due(void **state)
{
    (void)state;
    hf_sla_terms terms = hf_sla_terms_default(2019, 10);
    terms.charge_pence = 29166700; /* 291,667 pounds a month */
    hf_span outage = {FIRST_MS, FIRST_MS + 9 * HOUR_MS + 10 * MINUTE_MS};
    hf_sla sla;
    hf_sla_compute(&terms, &outage, 1, &sla);
    assert_int_equal(sla.credit_ppm, 100000);
    assert_int_equal(sla.credit_pence, 2916670);
    outage.to_ms = FIRST_MS + 2 * HOUR_MS; /* 99.73 % */
    hf_sla_compute(&terms, &outage, 1, &sla);
    assert_int_equal(sla.credit_ppm, 20000);
    terms.band_count = 0;
    hf_sla_compute(&terms, &outage, 1, &sla);
    assert_int_equal(sla.credit_pence, 0);
}

static void planned_short_and_overlapping_outages(void **state)
{
    (void)state;
    hf_sla_terms terms = hf_sla_terms_default(2019, 10);
    const hf_span outages[] = {{FIRST_MS, FIRST_MS + 2 * HOUR_MS},
                               {FIRST_MS + HOUR_MS, FIRST_MS + 3 * HOUR_MS},
                               {SECOND_MS, SECOND_MS + 2 * MINUTE_MS}};
    hf_sla sla;
    hf_sla_compute(&terms, outages, 3, &sla);
    assert_int_equal(sla.down_ms, 3 * HOUR_MS + 2 * MINUTE_MS);
    terms.minimum_ms = 5 * MINUTE_MS;
    hf_sla_compute(&terms, outages, 3, &sla);
    assert_int_equal(sla.down_ms, 3 * HOUR_MS);
    assert_int_equal(sla.short_ms, 2 * MINUTE_MS);
    terms.excluded[0] = (hf_span){FIRST_MS - HOUR_MS, FIRST_MS + HOUR_MS};
    terms.excluded_count = 1;
    hf_sla_compute(&terms, outages, 3, &sla);
    assert_int_equal(sla.down_ms, 2 * HOUR_MS);
    assert_int_equal(sla.excluded_ms, HOUR_MS);
}

/* 8 October 2019 was a Tuesday; the outage is from 09:00 to 15:10. */
static void only_service_hours_count(void **state)
{
    (void)state;
    hf_sla_terms terms = hf_sla_terms_default(2019, 10);
    const hf_span outage = {FIRST_MS, FIRST_MS + 6 * HOUR_MS + 10 * MINUTE_MS};
    terms.hours_from = 12;
    terms.hours_to = 18;
    terms.weekdays_only = true;
    hf_sla sla;
    hf_sla_compute(&terms, &outage, 1, &sla);
    assert_int_equal(sla.service_ms, 23ull * 6 * HOUR_MS); /* 23 weekdays */
    assert_int_equal(sla.down_ms, 3 * HOUR_MS + 10 * MINUTE_MS);
}

static void months_begin_where_the_clocks_say(void **state)
{
    (void)state;
    static const struct {
        uint64_t wall_ms;
        bool london;
        unsigned year, month;
    } CASES[] = {{1569883800000, true, 2019, 9},  /* 2019-09-30 23:50 summer time */
                 {1569884400000, true, 2019, 10}, /* ten minutes later */
                 {1569884400000, false, 2019, 9}, {1582934400000, false, 2020, 2}, /* 29 February */
                 {1577836799999, true, 2019, 12}, {1577836800000, true, 2020, 1}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        unsigned year, month;
        hf_sla_month_of(CASES[i].wall_ms, CASES[i].london, &year, &month);
        assert_int_equal(year, CASES[i].year);
        assert_int_equal(month, CASES[i].month);
    }
    static const unsigned HOURS[][3] = {
        {2020, 2, 29 * 24}, {2020, 3, 31 * 24 - 1}, {2021, 2, 28 * 24}, {2020, 12, 31 * 24}};
    for (size_t i = 0; i < 4; i++) {
        hf_sla_terms terms = hf_sla_terms_default(HOURS[i][0], HOURS[i][1]);
        hf_sla sla;
        hf_sla_compute(&terms, NULL, 0, &sla);
        assert_int_equal(sla.service_ms, (uint64_t)HOURS[i][2] * HOUR_MS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(october_2019_comes_out_as_98_77_percent),
        cmocka_unit_test(what_a_month_allows),
        cmocka_unit_test(the_lowest_band_that_it_falls_below_is_due),
        cmocka_unit_test(planned_short_and_overlapping_outages),
        cmocka_unit_test(only_service_hours_count),
        cmocka_unit_test(months_begin_where_the_clocks_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
