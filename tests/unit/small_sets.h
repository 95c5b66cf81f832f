/* small_sets.h: the orders of up to four things, and numbers taken apart into choices: all
 * it takes to go through every small case. */
#ifndef HF_TEST_SMALL_SETS_H
#define HF_TEST_SMALL_SETS_H

#include "holdfast/record.h"

enum { ENTRIES = 4, ORIGINS = 3, ORDERS = 24, ORIGIN_FIRST = 0x70 };

static const uint8_t ORDER_OF_4[ORDERS][ENTRIES] = {
    {0, 1, 2, 3}, {0, 1, 3, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 3, 2, 1},
    {1, 0, 2, 3}, {1, 0, 3, 2}, {1, 2, 0, 3}, {1, 2, 3, 0}, {1, 3, 0, 2}, {1, 3, 2, 0},
    {2, 0, 1, 3}, {2, 0, 3, 1}, {2, 1, 0, 3}, {2, 1, 3, 0}, {2, 3, 0, 1}, {2, 3, 1, 0},
    {3, 0, 1, 2}, {3, 0, 2, 1}, {3, 1, 0, 2}, {3, 1, 2, 0}, {3, 2, 0, 1}, {3, 2, 1, 0}};

/* Orders of fewer than four: those of four that leave the missing ones in their last places. */
static inline bool is_order_of(const uint8_t order[ENTRIES], size_t count)
{
    for (size_t i = count; i < ENTRIES; i++) {
        if (order[i] != i) return false;
    }
    return true;
}

/* Origins by pattern: the digits of `pattern` in base 3; seqs dense in each. */
static inline void give_dots(hf_dot *dots, size_t count, size_t pattern)
{
    uint64_t seqs[ORIGINS] = {0};
    for (size_t i = 0; i < count; i++) {
        size_t origin = pattern % ORIGINS;
        pattern /= ORIGINS;
        dots[i] = (hf_dot){.lane = HF_LANE_CRIME, .seq = ++seqs[origin]};
        dots[i].origin.bytes[0] = (uint8_t)(ORIGIN_FIRST + origin);
    }
}

static inline uint64_t take_digit(uint64_t *number, uint64_t base)
{
    uint64_t digit = *number % base;
    *number /= base;
    return digit;
}

static inline uint64_t power(uint64_t base, size_t exponent)
{
    uint64_t result = 1;
    while (exponent-- > 0) result *= base;
    return result;
}

#endif
