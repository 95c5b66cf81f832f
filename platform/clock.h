/* clock.h: the two clocks. Read both in main.c, once per loop turn, and pass them down. */
#ifndef HF_PLATFORM_CLOCK_H
#define HF_PLATFORM_CLOCK_H

#include <stdint.h>

/* Milliseconds since some fixed moment before this process began. Never runs backwards, and counts
 * the time a device sleeps, so that a session that slept through its time-out knows it. */
uint64_t hf_clock_now_ms(void);

/* Unix time in milliseconds, as this machine believes it: it may be wrong and may jump. Never
 * before 1970. For drills and tests the environment variable HOLDFAST_CLOCK_OFFSET_MS (a whole
 * number, may be negative) is added, so that one process can live three years ahead. */
uint64_t hf_clock_wall_ms(void);

#endif
