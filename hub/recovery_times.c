/* recovery_times.c: how long entries waited, lane by lane, and how the backlog grew and went. */
#include "recovery.h"

#include <stdlib.h>

static int delay_compare(const void *a, const void *b)
{
    const hf_arrival *x = a, *y = b;
    if (x->lane != y->lane) return x->lane < y->lane ? -1 : 1;
    uint64_t left = x->came_ms - x->written_ms, right = y->came_ms - y->written_ms;
    return (left > right) - (left < right);
}

/* The nearest rank: of n delays the one below which lie at least `percent` of them. */
static uint64_t at_percent(const hf_arrival *of_lane, size_t count, unsigned percent)
{
    size_t rank = (count * percent + 99) / 100;
    const hf_arrival *one = &of_lane[rank ? rank - 1 : 0];
    return one->came_ms - one->written_ms;
}

static void lane_times(hf_recovery *out, const hf_arrival *of_lane, size_t count)
{
    hf_lane_recovery *lane = &out->lanes[of_lane->lane];
    lane->timed = count;
    lane->p50_ms = at_percent(of_lane, count, 50);
    lane->p95_ms = at_percent(of_lane, count, 95);
    lane->max_ms = at_percent(of_lane, count, 100);
    uint64_t ended_ms = out->episode.ended_ms;
    for (size_t i = 0; i < count; i++) {
        uint64_t after = of_lane[i].came_ms > ended_ms ? of_lane[i].came_ms - ended_ms : 0;
        if (ended_ms && after > lane->cleared_ms) lane->cleared_ms = after;
    }
}

/* ---- the backlog ---- */

static int number_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

typedef struct moments { /* when each entry was written, and came: each sorted for itself */
    uint64_t *written, *came;
    size_t count;
} moments;

static size_t count_until(const uint64_t *times, size_t count, uint64_t wall_ms)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (times[middle] <= wall_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* It is highest at a moment of writing. */
static void find_peak(hf_recovery *out, const moments *m)
{
    for (size_t i = 0; i < m->count; i++) {
        uint64_t waiting = i + 1 - count_until(m->came, m->count, m->written[i]);
        if (i + 1 < count_until(m->came, m->count, m->written[i])) waiting = 0;
        if (waiting <= out->backlog_max) continue;
        out->backlog_max = waiting;
        out->backlog_max_ms = m->written[i];
    }
}

static void draw(hf_recovery *out, const moments *m)
{
    uint64_t from_ms = out->episode.began_ms, to_ms = out->episode.ended_ms;
    if (m->count && m->came[m->count - 1] > to_ms) to_ms = m->came[m->count - 1];
    if (to_ms == 0) to_ms = out->now_ms;
    if (to_ms <= from_ms) to_ms = from_ms + 1;
    for (size_t i = 0; i < HF_RECOVERY_POINTS; i++) {
        hf_point *point = &out->backlog[i];
        point->wall_ms = from_ms + (to_ms - from_ms) * i / (HF_RECOVERY_POINTS - 1);
        size_t written = count_until(m->written, m->count, point->wall_ms);
        size_t came = count_until(m->came, m->count, point->wall_ms);
        point->waiting = written > came ? written - came : 0;
    }
}

hf_status hf_recovery_times(hf_recovery *recovery, hf_arrival *arrivals, size_t count)
{
    moments m = {.written = calloc(count + 1, sizeof *m.written),
                 .came = calloc(count + 1, sizeof *m.came),
                 .count = count};
    hf_status status = m.written && m.came ? HF_OK : HF_ERR_NOMEM;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        m.written[i] = arrivals[i].written_ms;
        m.came[i] = arrivals[i].came_ms;
    }
    if (status == HF_OK && count) {
        qsort(m.written, count, sizeof *m.written, number_compare);
        qsort(m.came, count, sizeof *m.came, number_compare);
        qsort(arrivals, count, sizeof *arrivals, delay_compare);
    }
    for (size_t from = 0, to = 0; status == HF_OK && from < count; from = to) {
        while (to < count && arrivals[to].lane == arrivals[from].lane) to++;
        lane_times(recovery, &arrivals[from], to - from);
    }
    if (status == HF_OK) find_peak(recovery, &m);
    if (status == HF_OK) draw(recovery, &m);
    free(m.written);
    free(m.came);
    return status;
}
