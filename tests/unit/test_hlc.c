/* test_hlc.c: the clock rises, follows others a little, and never far. */
#include "sync/hlc.h"

#include "sync/limits.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint64_t NOW_MS = UINT64_C(1571666400000); /* 21 October 2019 */
static const uint64_t YEAR_MS = UINT64_C(31556952000);

static hf_hlc at(uint64_t ms, uint64_t counter)
{
    return ms << 16 | counter;
}

static void a_write_is_stamped_with_the_wall_clock(void **state)
{
    (void)state;
    assert_true(hf_hlc_next(0, NOW_MS) == at(NOW_MS, 0));
    assert_true(hf_hlc_next(at(NOW_MS - 5, 77), NOW_MS) == at(NOW_MS, 0));
}

static void stamps_rise_while_the_wall_clock_stands_or_runs_back(void **state)
{
    (void)state;
    hf_hlc last = hf_hlc_next(0, NOW_MS);
    for (uint64_t i = 0; i < 70000; i++) { /* the counter runs over into the milliseconds */
        hf_hlc next = hf_hlc_next(last, NOW_MS - i % 30000);
        assert_true(next == last + 1);
        last = next;
    }
    assert_true(last >> 16 == NOW_MS + 1);
}

static void a_peer_in_the_future_moves_us_a_minute_at_most(void **state)
{
    (void)state;
    hf_hlc raised = hf_hlc_raise(at(NOW_MS, 0), at(NOW_MS + 3 * YEAR_MS, 5), NOW_MS);
    assert_true(raised == at(NOW_MS + HF_HLC_AHEAD_MAX_MS, 0));
    hf_hlc last = raised;
    for (int i = 0; i < 1000; i++) { /* writes go on rising from there */
        hf_hlc next = hf_hlc_next(last, NOW_MS);
        assert_true(next == last + 1);
        last = next;
    }
    assert_true(last >> 16 == NOW_MS + HF_HLC_AHEAD_MAX_MS);
}

static void a_peer_within_the_minute_is_followed_exactly(void **state)
{
    (void)state;
    hf_hlc remote = at(NOW_MS + HF_HLC_AHEAD_MAX_MS, 9);
    assert_true(hf_hlc_raise(at(NOW_MS, 0), remote, NOW_MS) == remote);
    assert_true(hf_hlc_next(remote, NOW_MS) == remote + 1);
    assert_true(hf_hlc_raise(at(NOW_MS, 3), at(NOW_MS - 1, 9), NOW_MS) == at(NOW_MS, 3));
}

/* A device that was three years ahead is put right, and must not stamp the future until 2022. */
static void a_corrected_clock_writes_right_times_again(void **state)
{
    (void)state;
    hf_hlc ahead = hf_hlc_next(0, NOW_MS + 3 * YEAR_MS);
    hf_hlc next = hf_hlc_next(ahead, NOW_MS);
    assert_true(next == at(NOW_MS + HF_HLC_AHEAD_MAX_MS, 1));
    hf_hlc later = hf_hlc_next(next, NOW_MS + HF_HLC_AHEAD_MAX_MS + 1);
    assert_true(later == at(NOW_MS + HF_HLC_AHEAD_MAX_MS + 1, 0));
    assert_true(hf_hlc_raise(ahead, at(NOW_MS, 0), NOW_MS) == at(NOW_MS + HF_HLC_AHEAD_MAX_MS, 0));
}

/* However two honest clocks and any remote stamps interleave: never more than a minute ahead. */
static void nobody_pulls_an_honest_clock_further_than_a_minute(void **state)
{
    (void)state;
    uint64_t random = 1;
    hf_hlc last = 0;
    for (uint64_t i = 0; i < 200000; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t wall_ms = NOW_MS + i;
        hf_hlc remote = random; /* any 64 bits at all */
        last = random >> 63 != 0 ? hf_hlc_raise(last, remote, wall_ms) : hf_hlc_next(last, wall_ms);
        assert_true(last >> 16 <= wall_ms + HF_HLC_AHEAD_MAX_MS);
    }
}

static void the_end_of_time_is_no_overflow(void **state)
{
    (void)state;
    uint64_t last_ms = (UINT64_C(1) << 48) - 1;
    assert_true(hf_hlc_next(0, UINT64_MAX) == last_ms << 16);
    assert_true(hf_hlc_next(UINT64_MAX, UINT64_MAX) == UINT64_MAX);
    assert_true(hf_hlc_raise(0, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
    assert_true(hf_hlc_next(UINT64_MAX, 0) == at(HF_HLC_AHEAD_MAX_MS, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_is_stamped_with_the_wall_clock),
        cmocka_unit_test(stamps_rise_while_the_wall_clock_stands_or_runs_back),
        cmocka_unit_test(a_peer_in_the_future_moves_us_a_minute_at_most),
        cmocka_unit_test(a_peer_within_the_minute_is_followed_exactly),
        cmocka_unit_test(a_corrected_clock_writes_right_times_again),
        cmocka_unit_test(nobody_pulls_an_honest_clock_further_than_a_minute),
        cmocka_unit_test(the_end_of_time_is_no_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
