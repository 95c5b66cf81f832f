/* clock.c: monotonic and wall time.
 *
 * Why CLOCK_BOOTTIME: an officer's phone sleeps in a pocket. CLOCK_MONOTONIC stops meanwhile, and
 * a link that died an hour ago would seem alive. */
#include "clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static int64_t clock_read_ms(clockid_t id)
{
    struct timespec t;
    int failed = clock_gettime(id, &t);
    assert(!failed); /* both clocks exist on every Linux that we support */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What is not a whole number counts as no offset: a mistyped drill must not move evidence. */
static int64_t clock_offset_ms(void)
{
    const char *text = getenv("HOLDFAST_CLOCK_OFFSET_MS");
    if (!text || !*text) return 0;
    char *end = NULL;
    errno = 0;
    long long offset_ms = strtoll(text, &end, 10);
    return errno || *end ? 0 : offset_ms;
}

uint64_t hf_clock_now_ms(void)
{
    return (uint64_t)clock_read_ms(CLOCK_BOOTTIME);
}

uint64_t hf_clock_wall_ms(void)
{
    int64_t wall_ms = 0;
    if (__builtin_add_overflow(clock_read_ms(CLOCK_REALTIME), clock_offset_ms(), &wall_ms))
        return 0;
    return wall_ms < 0 ? 0 : (uint64_t)wall_ms;
}
