/* pace.c: see pace.h. The rate is the best of the last round trips, the way there the shortest of
 * late: as BBR has it for a TCP connection, done for one session's frames. */
#include "pace.h"

#include "planted.h"

#include <string.h>

enum {
    FILLING_GAIN = 2, /* until the link has shown its end, twice of what it has shown */
    EARLY_MS = HF_PACE_AHEAD_MS / 4,  /* a frame goes before the link is idle */
    SHORT_MS = HF_PACE_AHEAD_MS / 2,  /* a wait that says that the link could do more */
    LONG_MS = HF_PACE_AHEAD_MS,       /* ... less; */
    LATE_MS = 2 * HF_PACE_AHEAD_MS,   /* ... that, after so many round trips, ... */
    LATE_ROUNDS = 3,                  /* ... perhaps the way is longer than it was; */
    LOST_MS = 4 * HF_PACE_AHEAD_MS,   /* ... that only what the link does now is to be believed */
    ANSWER_MS = 2 * HF_PACE_AHEAD_MS, /* that an answer may stand behind the other way's bulk */
    RATIO_ONE = 256,
    NEWEST_SHARE = 8, /* one part in so many is what the newest frame says: of the ratio, ... */
    LATEST_SHARE = 4  /* ... and of times */
};

void hf_pace_open(hf_pace *pace)
{
    memset(pace, 0, sizeof *pace);
    pace->ratio = RATIO_ONE;
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

/* More than this says that acknowledgements do not come, whatever the clock allows. */
static uint64_t window(const hf_pace *pace)
{
    if (pace->rate == 0) return HF_PACE_START;
    uint64_t clear_ms = pace->clear_ms;
    if (clear_ms > (uint64_t)pace->least_ms + ANSWER_MS) clear_ms = pace->least_ms + ANSWER_MS;
    uint64_t bytes = carried(pace, clear_ms + 2 * HF_PACE_AHEAD_MS);
    if (pace->filling) bytes *= FILLING_GAIN;
    return bytes < HF_PACE_START ? HF_PACE_START : bytes;
}

uint64_t hf_pace_due_ms(const hf_pace *pace)
{
    if (pace->in_flight == 0) return 0;
    if (pace->draining || pace->in_flight >= window(pace))
        return pace->moved_ms + HF_PACE_PATIENCE_MS;
    uint64_t free_ms = pace->free_us / 1000;
    return free_ms > EARLY_MS ? free_ms - EARLY_MS : 0;
}

bool hf_pace_open_for(const hf_pace *pace, uint64_t ahead, uint64_t now_ms)
{
    if (HF_PLANTED(NO_PACE)) return true;
    if (ahead < pace->in_flight && ahead < hf_pace_quarter(pace)) return true;
    return hf_pace_due_ms(pace) <= now_ms;
}

/* ---- sending ---- */

/* Bytes in 100 s. A little faster than the link is believed to be while nothing waits there, for so
 * it shows when it has become faster; slower when something does. */
static uint64_t gained(const hf_pace *pace)
{
    uint64_t percent = 100;
    if (pace->wait_ms < SHORT_MS) percent = 110;
    if (pace->wait_ms > LONG_MS) percent = 80;
    if (pace->filling) percent = 100 * FILLING_GAIN;
    return pace->rate * percent;
}

void hf_pace_besides(hf_pace *pace, size_t wire)
{
    pace->unpaced += (uint32_t)wire + HF_PACE_OVERHEAD;
}

hf_pace_mark hf_pace_sent(hf_pace *pace, size_t raw, size_t wire, uint64_t now_ms)
{
    uint32_t now = (uint32_t)now_ms;
    bool alone = pace->in_flight == 0, probe = alone && pace->draining;
    if (alone) { /* an idle link's time is nobody's; a round trip's worth at once would be a queue
                  */
        pace->sent_ms = now;
        pace->stamped = false;
        pace->draining = false;
    }
    uint32_t newest = raw > wire ? (uint32_t)(raw * RATIO_ONE / (wire ? wire : 1)) : RATIO_ONE;
    pace->ratio += newest / NEWEST_SHARE - pace->ratio / NEWEST_SHARE;
    hf_pace_mark mark = {.size = (uint32_t)wire + HF_PACE_OVERHEAD + pace->unpaced,
                         .at_ms = now,
                         .delivered = pace->delivered,
                         .stamp_ms = pace->stamp_ms,
                         .sent_ms = pace->sent_ms,
                         .blind = !pace->stamped,
                         .probe = probe};
    pace->unpaced = 0;
    pace->moved_ms = now_ms;
    pace->in_flight += mark.size;
    if (pace->free_us < now_ms * 1000 || alone) pace->free_us = now_ms * 1000;
    if (pace->rate) pace->free_us += (uint64_t)mark.size * 1000000 * 100 / gained(pace);
    mark.full = pace->in_flight >= carried(pace, pace->clear_ms);
    return mark;
}

/* ---- what came back ---- */

/* How long the frame stood behind others on its way. A way may have become longer for good: now and
 * then the link is let run empty, for then its length shows, by a small frame that is alone on it.
 * That costs a round trip or two in a minute, and only where it is never idle. */
static uint32_t learn_wait(hf_pace *pace, const hf_pace_mark *mark, uint32_t now, uint32_t stamp)
{
    uint32_t way = stamp - mark->at_ms;
    bool shows = mark->probe && mark->size <= HF_PACE_START;
    if (!pace->based || shows || (int32_t)(way - pace->base_ms) < 0) pace->base_ms = way;
    pace->based = true;
    uint32_t wait = way - pace->base_ms, took = now - mark->at_ms;
    if (wait > took) wait = took; /* the peer's clock is input */
    if (pace->rate) {             /* its own time on the link is none that it waited */
        uint64_t own = (uint64_t)mark->size * 1000 / pace->rate;
        wait = wait > own ? wait - (uint32_t)own : 0;
    }
    if (wait <= HF_PACE_AHEAD_MS) pace->base_at_ms = now;
    if (now - pace->base_at_ms > HF_PACE_BASE_MS || pace->late >= LATE_ROUNDS) {
        pace->draining = true;
        pace->base_at_ms = now;
        pace->late = 0;
    }
    uint32_t clear = took - wait;
    if (pace->rate == 0) pace->clear_ms = pace->least_ms = clear;
    if (shows || clear < pace->least_ms) pace->least_ms = clear;
    pace->wait_ms += (uint32_t)(((int64_t)wait - pace->wait_ms) / LATEST_SHARE);
    pace->clear_ms += (uint32_t)(((int64_t)clear - pace->clear_ms) / LATEST_SHARE);
    return wait;
}

/* Acknowledgements may be made all at once, and frames may have been sent so: the slower of the two
 * is what the link did. Of what went out on an empty link only the round trip is known. */
static uint32_t rate_of(const hf_pace *pace, const hf_pace_mark *mark, uint32_t now, uint32_t stamp)
{
    uint32_t came = stamp - mark->stamp_ms, went = mark->at_ms - mark->sent_ms;
    uint32_t ms = came > went && came < INT32_MAX ? came : went;
    if (mark->blind) ms = now - mark->at_ms;
    uint64_t rate = (uint64_t)(pace->delivered - mark->delivered) * 1000 / (ms ? ms : 1);
    return rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate;
}

static void end_round(hf_pace *pace, const hf_pace_mark *mark, uint32_t wait)
{
    uint32_t before = pace->best[(pace->round + HF_PACE_ROUNDS - 1) % HF_PACE_ROUNDS];
    uint32_t best = pace->best[pace->round];
    pace->late = wait > LATE_MS && mark->full ? (uint8_t)(pace->late + 1) : 0;
    bool grows = !mark->full || !before || best >= before + before / 4;
    if (!grows) pace->filling = false;
    pace->round_end = pace->delivered;
    if (!mark->full) return; /* it carried all there was: that is no sign of what it can */
    pace->round = (uint8_t)((pace->round + 1) % HF_PACE_ROUNDS);
    pace->best[pace->round] = 0;
}

void hf_pace_acked(hf_pace *pace, const hf_pace_mark *mark, uint64_t now_ms, uint64_t stamp_ms)
{
    uint32_t now = (uint32_t)now_ms, stamp = (uint32_t)stamp_ms;
    pace->moved_ms = now_ms;
    pace->in_flight -= mark->size;
    pace->delivered += mark->size;
    uint32_t wait = learn_wait(pace, mark, now, stamp), rate = rate_of(pace, mark, now, stamp);
    pace->stamp_ms = stamp;
    pace->stamped = true;
    pace->sent_ms = mark->at_ms;
    if (wait > LATE_MS) pace->filling = false;
    if (wait > LOST_MS && mark->full) memset(pace->best, 0, sizeof pace->best);
    if (rate > pace->best[pace->round]) pace->best[pace->round] = rate;
    pace->rate = 1;
    for (size_t i = 0; i < HF_PACE_ROUNDS; i++)
        if (pace->best[i] > pace->rate) pace->rate = pace->best[i];
    if ((int32_t)(mark->delivered - pace->round_end) >= 0) end_round(pace, mark, wait);
}
