/* hlc.c: a clock that follows others a little, and never far. */
#include "hlc.h"

#include "limits.h"
#include "planted.h"

static const uint64_t LAST_MS = (UINT64_C(1) << 48) - 1;

/* The latest stamp that we may hold when our own clock shows `wall_ms`: counted in whole
 * milliseconds, so that a burst of writes there still rises by its counter. */
static hf_hlc clamp(hf_hlc hlc, uint64_t wall_ms)
{
    uint64_t ahead_ms =
        wall_ms < LAST_MS - HF_HLC_AHEAD_MAX_MS ? wall_ms + HF_HLC_AHEAD_MAX_MS : LAST_MS;
    bool is_ahead = hlc >> 16 > ahead_ms && !HF_PLANTED(HLC_INFECTED);
    return is_ahead ? ahead_ms << 16 : hlc;
}

hf_hlc hf_hlc_next(hf_hlc last, uint64_t wall_ms)
{
    hf_hlc now = (wall_ms < LAST_MS ? wall_ms : LAST_MS) << 16;
    hf_hlc held = clamp(last, wall_ms);
    if (held < now) return now;
    return held < UINT64_MAX ? held + 1 : held; /* a full counter runs over into the milliseconds */
}

hf_hlc hf_hlc_raise(hf_hlc last, hf_hlc remote, uint64_t wall_ms)
{
    hf_hlc ours = clamp(last, wall_ms), theirs = clamp(remote, wall_ms);
    return ours > theirs ? ours : theirs;
}
