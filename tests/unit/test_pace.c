/* test_pace.c: how much is under way on a link, shown on links of every kind: one that carries so
 * many bytes a second, so far away, behind a buffer that takes all it is given. */
#include "sync/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FLIGHTS_MAX = 4096, SECOND_MS = 1000 };
#define PEERS_CLOCK 4294960000u /* ahead of ours by this; it wraps around on its way */

typedef struct slow_link {
    hf_pace pace;
    uint64_t now_ms, free_us; /* when the last byte given to it is through */
    uint32_t bytes_per_s, round_trip_ms;
    uint64_t answer_ms; /* of the round trip; the rest is the way there */
    struct {
        hf_pace_mark mark;
        uint64_t back_ms;
    } flights[FLIGHTS_MAX];
    size_t first, count;
    uint64_t carried;         /* bytes acknowledged since it was last set to 0 */
    uint64_t longest_wait_ms; /* of a frame in the buffer, likewise */
} slow_link;

static slow_link *link_new(uint32_t bytes_per_s, uint32_t round_trip_ms)
{
    slow_link *l = calloc(1, sizeof *l);
    assert_non_null(l);
    hf_pace_open(&l->pace);
    l->now_ms = 123456;
    l->bytes_per_s = bytes_per_s;
    l->round_trip_ms = round_trip_ms;
    l->answer_ms = round_trip_ms / 2;
    return l;
}

static void put(slow_link *l, size_t size)
{
    assert_true(l->count < FLIGHTS_MAX);
    size_t at = (l->first + l->count++) % FLIGHTS_MAX;
    uint64_t now_us = l->now_ms * 1000;
    uint64_t begins_us = l->free_us > now_us ? l->free_us : now_us;
    uint64_t wait_ms = (begins_us - now_us) / 1000;
    if (wait_ms > l->longest_wait_ms) l->longest_wait_ms = wait_ms;
    l->flights[at].mark = hf_pace_sent(&l->pace, size, size, l->now_ms);
    l->free_us = begins_us + (uint64_t)l->flights[at].mark.size * 1000000 / l->bytes_per_s;
    l->flights[at].back_ms = l->free_us / 1000 + l->round_trip_ms;
}

/* Bulk without end, for so long. */
static void saturate(slow_link *l, uint64_t ms)
{
    uint64_t until_ms = l->now_ms + ms;
    l->carried = l->longest_wait_ms = 0;
    while (l->now_ms < until_ms) {
        while (hf_pace_open_for(&l->pace, l->pace.in_flight, l->now_ms))
            put(l, hf_pace_frame(&l->pace));
        uint64_t due_ms = hf_pace_due_ms(&l->pace);
        if (due_ms < l->flights[l->first].back_ms) {
            l->now_ms = due_ms;
            continue;
        }
        l->now_ms = l->flights[l->first].back_ms;
        l->carried += l->flights[l->first].mark.size;
        hf_pace_acked(&l->pace, &l->flights[l->first].mark, l->now_ms,
                      PEERS_CLOCK + l->now_ms - l->answer_ms);
        l->first = (l->first + 1) % FLIGHTS_MAX;
        l->count--;
    }
}

static void expect_full_and_short(slow_link *l, uint64_t ms)
{
    saturate(l, ms);
    assert_true(l->carried * 100 >= (uint64_t)l->bytes_per_s * ms / 1000 * 95);
    /* A quarter second, and the frame that is on its way out; on the thinnest, two small ones. */
    uint64_t two_ms = (uint64_t)2 * (HF_PACE_FRAME_MIN + HF_PACE_OVERHEAD) * 1000 / l->bytes_per_s;
    uint64_t most_ms = two_ms > 2 * HF_PACE_AHEAD_MS ? two_ms : 2 * HF_PACE_AHEAD_MS;
    assert_true(l->longest_wait_ms <= most_ms + 20);
}

/* From a village mast by satellite to a cable in the next room. */
static void a_link_is_full_and_its_buffers_are_not(void **state)
{
    (void)state;
    static const struct {
        uint32_t bytes_per_s, round_trip_ms;
    } LINKS[] = {{5000, 1000}, {5000, 100},    {15000, 600}, {15000, 60},    {125000, 1000},
                 {125000, 40}, {1250000, 200}, {1250000, 5}, {12500000, 30}, {2000, 1500}};
    for (size_t i = 0; i < sizeof LINKS / sizeof *LINKS; i++) {
        slow_link *l = link_new(LINKS[i].bytes_per_s, LINKS[i].round_trip_ms);
        saturate(l, 20 * SECOND_MS);
        expect_full_and_short(l, 100 * SECOND_MS);
        free(l);
    }
}

/* A frame that some program lost: only what comes after it can show that to the other end. */
static void what_is_never_acknowledged_holds_nothing_back_for_ever(void **state)
{
    (void)state;
    hf_pace pace;
    uint64_t now_ms = SECOND_MS;
    hf_pace_open(&pace);
    while (hf_pace_open_for(&pace, pace.in_flight, now_ms))
        (void)hf_pace_sent(&pace, hf_pace_frame(&pace), hf_pace_frame(&pace), now_ms);
    uint64_t due_ms = now_ms + HF_PACE_PATIENCE_MS;
    assert_int_equal(hf_pace_due_ms(&pace), due_ms);
    assert_false(hf_pace_open_for(&pace, pace.in_flight, due_ms - 1));
    assert_true(hf_pace_open_for(&pace, pace.in_flight, due_ms));
    (void)hf_pace_sent(&pace, HF_PACE_FRAME_MIN, HF_PACE_FRAME_MIN, due_ms); /* one, and no more */
    assert_false(hf_pace_open_for(&pace, pace.in_flight, due_ms));
}

static void frames_are_a_quarter_second_within_bounds(void **state)
{
    (void)state;
    static const struct {
        uint32_t bytes_per_s;
        size_t low, high;
    } LINKS[] = {{100, HF_PACE_FRAME_MIN, HF_PACE_FRAME_MIN},
                 {5000, 1125, 1400},
                 {125000, 28000, 35000},
                 {5000000, HF_FRAME_TARGET_SIZE, HF_FRAME_TARGET_SIZE}};
    for (size_t i = 0; i < sizeof LINKS / sizeof *LINKS; i++) {
        slow_link *l = link_new(LINKS[i].bytes_per_s, 100);
        saturate(l, 200 * SECOND_MS);
        put(l, 1); /* the first frame on an empty link is small */
        assert_in_range(hf_pace_frame(&l->pace), LINKS[i].low, LINKS[i].high);
        free(l);
    }
}

/* The car leaves the town: a hundredth of the rate, and the other way round. */
static void a_link_that_changes_is_followed(void **state)
{
    (void)state;
    slow_link *l = link_new(500000, 60);
    saturate(l, 20 * SECOND_MS);
    l->bytes_per_s = 5000;
    l->round_trip_ms = 1000;
    saturate(l, 150 * SECOND_MS);
    expect_full_and_short(l, 100 * SECOND_MS);
    l->bytes_per_s = 500000;
    l->round_trip_ms = 60;
    saturate(l, 60 * SECOND_MS);
    expect_full_and_short(l, 100 * SECOND_MS);
    free(l);
}

/* The same rate by a longer way must not be taken for a queue that never ends. */
static void a_longer_way_is_no_queue(void **state)
{
    (void)state;
    slow_link *l = link_new(50000, 20);
    saturate(l, 20 * SECOND_MS);
    l->round_trip_ms = 800;
    saturate(l, 60 * SECOND_MS);
    expect_full_and_short(l, 100 * SECOND_MS);
    free(l);
}

/* Entries that compress to a quarter fill the same wire. */
static void what_shrinks_on_its_way_may_be_larger(void **state)
{
    (void)state;
    hf_pace pace;
    hf_pace_open(&pace);
    size_t before = hf_pace_frame(&pace);
    for (int i = 0; i < 40; i++) (void)hf_pace_sent(&pace, 4000, 1000, 5);
    pace.in_flight = 0;
    assert_in_range(hf_pace_frame(&pace), 7 * before / 2, 9 * before / 2);
}

/* A few records now and then say nothing about what the link could carry. */
static void a_quiet_hour_does_not_slow_the_link_down(void **state)
{
    (void)state;
    slow_link *l = link_new(125000, 100);
    saturate(l, 30 * SECOND_MS);
    uint32_t rate = l->pace.rate;
    while (l->count) { /* the last of it */
        l->now_ms = l->flights[l->first].back_ms;
        hf_pace_acked(&l->pace, &l->flights[l->first].mark, l->now_ms,
                      PEERS_CLOCK + l->now_ms - l->answer_ms);
        l->first = (l->first + 1) % FLIGHTS_MAX;
        l->count--;
    }
    for (int i = 0; i < 1000; i++, l->now_ms += 3600) {
        hf_pace_mark mark = hf_pace_sent(&l->pace, 200, 200, l->now_ms);
        hf_pace_acked(&l->pace, &mark, l->now_ms + 102, PEERS_CLOCK + l->now_ms + 52);
    }
    assert_true(l->pace.rate >= rate / 10 * 9);
    free(l);
}

/* A peer's clock is input: it may jump either way, and nothing waits longer or is faster for it. */
static void a_clock_that_jumps_says_nothing_of_the_link(void **state)
{
    (void)state;
    slow_link *l = link_new(1000 * 1000, 100);
    hf_pace_mark mark = hf_pace_sent(&l->pace, 5000, 5000, l->now_ms);
    hf_pace_acked(&l->pace, &mark, l->now_ms + 100, PEERS_CLOCK + l->now_ms + 50);
    uint32_t rate = l->pace.rate;
    for (int i = 1; i < 20; i++) {
        uint64_t off_ms = i % 2 ? 3600 * 1000 : (uint64_t)-3600 * 1000;
        l->now_ms += 1000;
        mark = hf_pace_sent(&l->pace, 5000, 5000, l->now_ms);
        (void)hf_pace_sent(&l->pace, 5000, 5000, l->now_ms); /* so that the link is never idle */
        hf_pace_acked(&l->pace, &mark, l->now_ms + 100, PEERS_CLOCK + l->now_ms + 50 + off_ms);
        assert_in_range(l->pace.wait_ms, 0, 100);
        assert_in_range(l->pace.rate, rate / 20, 20 * rate);
    }
    free(l);
}

/* To see how short the way is takes a small frame: a large one shows how slow the link is. */
static void a_large_frame_alone_does_not_make_the_way_longer(void **state)
{
    (void)state;
    slow_link *l = link_new(10 * 1000, 100);
    hf_pace_mark mark = hf_pace_sent(&l->pace, 500, 500, l->now_ms);
    hf_pace_acked(&l->pace, &mark, l->now_ms + 100, PEERS_CLOCK + l->now_ms + 50);
    uint32_t base_ms = l->pace.base_ms;
    for (size_t size = 64 * 1024; size >= 500; size -= size - 500 ? size - 500 : 500) {
        l->pace.draining = true;
        l->now_ms += 20 * 1000;
        mark = hf_pace_sent(&l->pace, size, size, l->now_ms);
        uint64_t way_ms = 60 + size / 10;
        hf_pace_acked(&l->pace, &mark, l->now_ms + way_ms + 50, PEERS_CLOCK + l->now_ms + way_ms);
        assert_true((l->pace.base_ms == base_ms) == (size > HF_PACE_START));
    }
    free(l);
}

static void no_link_is_too_fast_to_be_counted(void **state)
{
    (void)state;
    slow_link *l = link_new(1, 0);
    for (int i = 0; i < 100; i++) {
        hf_pace_mark mark = hf_pace_sent(&l->pace, 10 * 1000 * 1000, 10 * 1000 * 1000, l->now_ms);
        l->now_ms++;
        hf_pace_acked(&l->pace, &mark, l->now_ms, PEERS_CLOCK + l->now_ms);
    }
    assert_int_equal(l->pace.rate, UINT32_MAX);
    assert_int_equal(hf_pace_frame(&l->pace), HF_PACE_ALONE);
    assert_int_equal(hf_pace_quarter(&l->pace), HF_FRAME_TARGET_SIZE);
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_jumps_says_nothing_of_the_link),
        cmocka_unit_test(a_large_frame_alone_does_not_make_the_way_longer),
        cmocka_unit_test(no_link_is_too_fast_to_be_counted),
        cmocka_unit_test(a_link_is_full_and_its_buffers_are_not),
        cmocka_unit_test(what_is_never_acknowledged_holds_nothing_back_for_ever),
        cmocka_unit_test(frames_are_a_quarter_second_within_bounds),
        cmocka_unit_test(a_link_that_changes_is_followed),
        cmocka_unit_test(a_longer_way_is_no_queue),
        cmocka_unit_test(what_shrinks_on_its_way_may_be_larger),
        cmocka_unit_test(a_quiet_hour_does_not_slow_the_link_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
