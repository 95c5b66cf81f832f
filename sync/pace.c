/* pace.c: see pace.h. The rate is the best of the last round trips, the round trip the shortest of
 * late: what BBR (draft-ietf-ccwg-bbr) does for a TCP connection, done for one session's frames. */
#include "pace.h"

#include "planted.h"

#include <string.h>

enum {
    FILLING_GAIN = 2, /* as long as the link has not shown its end, twice of what it has shown */
    LATE_ROUNDS = 3,  /* so many too long round trips: perhaps they are no shorter any more */
    LATE_MS = 2 * HF_PACE_AHEAD_MS,
    LOST_MS = 4 * HF_PACE_AHEAD_MS, /* that far behind, only what the link does now is believed */
    RATIO_ONE = 256,
    RATIO_SHARE = 8 /* one part in eight is what the newest frame says */
};

void hf_pace_open(hf_pace *pace)
{
    memset(pace, 0, sizeof *pace);
    pace->ratio = RATIO_ONE;
    pace->base_ms = UINT32_MAX;
    pace->filling = true;
}

static uint64_t carried(const hf_pace *pace, uint64_t ms)
{
    return (uint64_t)pace->rate * ms / 1000;
}

size_t hf_pace_quarter(const hf_pace *pace)
{
    if (pace->rate == 0) return HF_PACE_START;
    uint64_t quarter = carried(pace, HF_PACE_AHEAD_MS);
    if (quarter < HF_PACE_FRAME_MIN) return HF_PACE_FRAME_MIN;
    return quarter > HF_FRAME_TARGET_SIZE ? HF_FRAME_TARGET_SIZE : (size_t)quarter;
}

size_t hf_pace_frame(const hf_pace *pace)
{
    if (HF_PLANTED(FRAMES_AS_LARGE_AS_CAN_BE)) return HF_FRAME_TARGET_SIZE;
    size_t wire = hf_pace_quarter(pace);
    if (pace->in_flight == 0) wire = HF_PACE_ALONE; /* see learn_base */
    uint64_t raw = (uint64_t)wire * pace->ratio / RATIO_ONE;
    return raw > HF_FRAME_TARGET_SIZE ? HF_FRAME_TARGET_SIZE : (size_t)raw;
}

static uint64_t window(const hf_pace *pace)
{
    if (pace->rate == 0) return HF_PACE_START;
    uint64_t bytes = carried(pace, (uint64_t)pace->base_ms + HF_PACE_AHEAD_MS);
    if (pace->filling) bytes *= FILLING_GAIN;
    if (bytes > pace->ramp) bytes = pace->ramp;
    return bytes < HF_PACE_START ? HF_PACE_START : bytes;
}

bool hf_pace_open_for(const hf_pace *pace, uint64_t ahead)
{
    if (HF_PLANTED(NO_PACE) || pace->in_flight == 0) return true;
    if (!pace->draining && pace->in_flight < window(pace)) return true;
    return ahead < pace->in_flight && ahead < hf_pace_quarter(pace);
}

/* ---- sending ---- */

void hf_pace_besides(hf_pace *pace, size_t wire)
{
    pace->unpaced += (uint32_t)wire + HF_PACE_OVERHEAD;
}

hf_pace_mark hf_pace_sent(hf_pace *pace, size_t raw, size_t wire, uint64_t now_ms)
{
    uint32_t now = (uint32_t)now_ms;
    bool alone = pace->in_flight == 0;
    if (alone) { /* an idle link's time is nobody's */
        pace->sent_ms = pace->delivered_ms = now;
        pace->draining = false;
        pace->ramp = 2 * hf_pace_quarter(pace); /* a round trip's worth at once would be a queue */
    }
    uint32_t newest = raw > wire ? (uint32_t)(raw * RATIO_ONE / (wire ? wire : 1)) : RATIO_ONE;
    pace->ratio += newest / RATIO_SHARE - pace->ratio / RATIO_SHARE;
    hf_pace_mark mark = {.size = (uint32_t)wire + HF_PACE_OVERHEAD + pace->unpaced,
                         .at_ms = now,
                         .delivered = pace->delivered,
                         .delivered_ms = pace->delivered_ms,
                         .sent_ms = pace->sent_ms,
                         .alone = alone};
    pace->unpaced = 0;
    pace->in_flight += mark.size;
    mark.full = pace->in_flight >= carried(pace, pace->base_ms);
    return mark;
}

/* ---- what came back ---- */

/* A route may have become longer for good: now and then the link is let run empty, for then its
 * length shows, by a small frame that is alone on it. That costs a round trip or two in a minute,
 * and only where it is never idle. */
static void learn_base(hf_pace *pace, const hf_pace_mark *mark, uint32_t now)
{
    uint32_t took = now - mark->at_ms;
    bool near = took <= (uint64_t)pace->base_ms + HF_PACE_AHEAD_MS;
    bool shows = mark->alone && mark->size <= HF_PACE_START;
    if (shows || near || took < pace->base_ms) pace->base_at_ms = now;
    if (shows || took < pace->base_ms) pace->base_ms = took;
    if (now - pace->base_at_ms > HF_PACE_BASE_MS || pace->late >= LATE_ROUNDS) {
        pace->draining = true;
        pace->base_at_ms = now;
        pace->late = 0;
    }
}

static void best_of_rounds(hf_pace *pace)
{
    pace->rate = 1;
    for (size_t i = 0; i < HF_PACE_ROUNDS; i++)
        if (pace->best[i] > pace->rate) pace->rate = pace->best[i];
}

static void end_round(hf_pace *pace, const hf_pace_mark *mark, uint32_t took)
{
    uint32_t before = pace->best[(pace->round + HF_PACE_ROUNDS - 1) % HF_PACE_ROUNDS];
    uint32_t best = pace->best[pace->round];
    bool late = took > (uint64_t)pace->base_ms + LATE_MS;
    pace->late = late && mark->full ? (uint8_t)(pace->late + 1) : 0;
    if (late || (mark->full && before && best < before + before / 4)) pace->filling = false;
    pace->round_end = pace->delivered;
    if (!mark->full) return; /* it carried all there was: that is no sign of what it can */
    pace->round = (uint8_t)((pace->round + 1) % HF_PACE_ROUNDS);
    pace->best[pace->round] = 0;
}

void hf_pace_acked(hf_pace *pace, const hf_pace_mark *mark, uint64_t now_ms)
{
    uint32_t now = (uint32_t)now_ms, took = now - mark->at_ms;
    pace->in_flight -= mark->size;
    pace->ramp += mark->size;
    pace->delivered += mark->size;
    pace->delivered_ms = now;
    pace->sent_ms = mark->at_ms;
    learn_base(pace, mark, now);
    /* Acknowledgements may come all at once after a wait, and frames may have been sent so: the
     * slower of the two is what the link did. */
    uint32_t came = now - mark->delivered_ms, went = mark->at_ms - mark->sent_ms;
    uint32_t ms = came > went ? came : went;
    uint64_t rate = (uint64_t)(pace->delivered - mark->delivered) * 1000 / (ms ? ms : 1);
    uint32_t sample = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate;
    if (took > (uint64_t)pace->base_ms + LOST_MS && mark->full)
        memset(pace->best, 0, sizeof pace->best);
    if (sample > pace->best[pace->round]) pace->best[pace->round] = sample;
    best_of_rounds(pace);
    if ((int32_t)(mark->delivered - pace->round_end) >= 0) end_round(pace, mark, took);
}
