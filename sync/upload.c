/* upload.c: strict order between lanes, seq order within; a window that the hub sets per lane. */
#include "upload.h"

#include "planted.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_WIRE = 192, /* bytes of a HEAD on its way */
    /* Of bodies that a head may cover: a frame of what is left would be a small one. */
    UNSIGNED_FULL = HF_FRAME_TARGET_SIZE - HF_FRAME_TARGET_SIZE / 16,
    WINDOW_SHARE = 4 /* a frame waits for so large a part of the window at most */
};

hf_status hf_upload_open(hf_upload *upload, size_t origin_count)
{
    assert(origin_count > 0 && origin_count <= HF_HELLO_ORIGINS_MAX);
    memset(upload, 0, sizeof *upload);
    upload->logs = calloc(origin_count * HF_LANE_COUNT, sizeof *upload->logs);
    if (!upload->logs) return HF_ERR_NOMEM;
    upload->origin_count = upload->signer_count = origin_count;
    hf_pace_open(&upload->pace);
    return HF_OK;
}

hf_status hf_upload_grow(hf_upload *upload, size_t origin_count)
{
    if (origin_count <= upload->origin_count) return HF_OK;
    size_t room = origin_count + origin_count / 2; /* they come one by one */
    hf_upload_log *logs = realloc(upload->logs, room * HF_LANE_COUNT * sizeof *logs);
    if (!logs) return HF_ERR_NOMEM;
    size_t held = upload->origin_count * HF_LANE_COUNT;
    memset(logs + held, 0, (room * HF_LANE_COUNT - held) * sizeof *logs);
    upload->logs = logs;
    upload->origin_count = room;
    return HF_OK;
}

void hf_upload_free(hf_upload *upload)
{
    free(upload->logs);
    memset(upload, 0, sizeof *upload);
}

void hf_upload_window(hf_upload *upload, uint8_t lane, uint32_t entries, uint32_t bytes)
{
    upload->lanes[lane].window_entries = entries;
    upload->lanes[lane].window_bytes = bytes;
}

/* Room in the lane's window for a frame to be worth while: a smaller one would be acknowledged as
 * it is, and so make room for the next small one, and so on. */
static size_t worth(size_t frame, uint32_t window)
{
    size_t most = window / WINDOW_SHARE;
    if (frame < most) most = frame;
    return most > HF_ENTRY_SIZE_MAX ? most : HF_ENTRY_SIZE_MAX;
}

/* How much of the lane's window is left. An empty lane may always send one entry, whatever its
 * size, unless the hub closed the lane: else a window below one entry would hold it for ever. */
static bool lane_room(const hf_upload *upload, uint8_t lane, hf_upload_next *out)
{
    uint32_t entries = upload->lanes[lane].entries, bytes = upload->lanes[lane].bytes;
    uint32_t most = upload->lanes[lane].window_entries, room = upload->lanes[lane].window_bytes;
    out->entries = HF_PUSH_ENTRIES_MAX;
    out->bytes = hf_pace_frame(&upload->pace);
    if (entries >= most || room == 0) return false;
    if (entries > 0 && (uint64_t)bytes + worth(out->bytes, room) > room) return false;
    if (most - entries < out->entries) out->entries = most - entries;
    if (room - bytes < out->bytes) out->bytes = room - bytes;
    return true;
}

static bool is_unsigned_full(const hf_upload_log *log)
{
    return log->unsigned_entries >= HF_UNSIGNED_ENTRIES_MAX || log->unsigned_bytes >= UNSIGNED_FULL;
}

/* Never more without a head than a relay can pass on in one frame: it can cut only at heads. */
static bool limit_unsigned(const hf_upload_log *log, hf_upload_next *out)
{
    if (log->headless) return true;
    if (is_unsigned_full(log)) return false; /* its head goes first */
    uint32_t entries = HF_UNSIGNED_ENTRIES_MAX - log->unsigned_entries;
    size_t bytes = HF_FRAME_TARGET_SIZE - log->unsigned_bytes;
    if (entries < out->entries) out->entries = entries;
    if (bytes < out->bytes) out->bytes = bytes;
    return true;
}

/* The first log of the lane that has something which the hub lets go. */
static bool lane_next(const hf_upload *upload, uint8_t lane, hf_upload_next *out)
{
    for (size_t origin = 0; origin < upload->origin_count; origin++) {
        out->log = origin * HF_LANE_COUNT + lane;
        const hf_upload_log *log = &upload->logs[out->log];
        out->after = log->sent;
        if (log->asking || log->sent >= log->last || !lane_room(upload, lane, out)) continue;
        if (origin < upload->signer_count && !limit_unsigned(log, out)) continue;
        return true;
    }
    return false;
}

/* The most urgent one that has something; HF_LANE_COUNT: none. */
static uint8_t first_lane(const hf_upload *upload, hf_upload_next *out)
{
    for (uint8_t i = 0; i < HF_LANE_COUNT; i++) {
        uint8_t lane = HF_PLANTED(LANE_ORDER) ? (uint8_t)(HF_LANE_COUNT - 1 - i) : i;
        if (lane_next(upload, lane, out)) return lane;
    }
    return HF_LANE_COUNT;
}

/* Of those below `first` that have something, the one after whoever had the last turn. */
static uint8_t floor_lane(const hf_upload *upload, uint8_t first, hf_upload_next *out)
{
    for (uint8_t i = 1; i <= HF_LANE_COUNT; i++) {
        uint8_t lane = (uint8_t)((upload->floor_lane + i) % HF_LANE_COUNT);
        if (lane > first && lane_next(upload, lane, out)) return lane;
    }
    return HF_LANE_COUNT;
}

static bool floor_due(const hf_upload *upload)
{
    if (HF_PLANTED(LANE_STARVED)) return false;
    return upload->owed >= hf_pace_quarter(&upload->pace);
}

bool hf_upload_choose(const hf_upload *upload, uint64_t now_ms, hf_upload_next *out)
{
    if (upload->flight_count == HF_PUSHES_MAX) return false;
    uint8_t first = first_lane(upload, out);
    if (first == HF_LANE_COUNT) return false;
    if (floor_due(upload) && hf_pace_open_for(&upload->pace, upload->pace.in_flight, now_ms)) {
        hf_upload_next below;
        if (floor_lane(upload, first, &below) < HF_LANE_COUNT) {
            *out = below;
            return true;
        }
    }
    uint64_t ahead = 0;
    for (uint8_t lane = 0; lane <= first; lane++) ahead += upload->lanes[lane].wire;
    return hf_pace_open_for(&upload->pace, ahead, now_ms);
}

void hf_upload_sent(hf_upload *upload, size_t log, uint64_t seq, uint32_t entries, size_t bytes)
{
    assert(upload->flight_count < HF_PUSHES_MAX);
    assert(seq > upload->logs[log].sent);
    size_t slot = (upload->first + upload->flight_count++) % HF_PUSHES_MAX;
    upload->flights[slot] =
        (hf_flight){.log = (uint32_t)log, .seq = seq, .entries = entries, .bytes = (uint32_t)bytes};
    upload->lanes[log % HF_LANE_COUNT].entries += entries;
    upload->lanes[log % HF_LANE_COUNT].bytes += (uint32_t)bytes;
    upload->logs[log].sent = seq;
    upload->logs[log].unsigned_entries += entries;
    upload->logs[log].unsigned_bytes += bytes;
}

/* Who goes before others owes them their share; who went before a more urgent lane has had it. */
static void settle_floor(hf_upload *upload, uint8_t lane, uint64_t wire)
{
    hf_upload_next next;
    uint8_t first = first_lane(upload, &next);
    if (first < lane) {
        upload->owed -= wire < upload->owed ? wire : upload->owed;
        upload->floor_lane = lane;
    }
    bool waits = floor_lane(upload, lane < first ? lane : first, &next) < HF_LANE_COUNT;
    uint64_t share = HF_PLANTED(FLOOR_WITHOUT_MEASURE) ? wire : wire / (HF_LANE_FLOOR - 1);
    if (!waits)
        upload->owed = 0;
    else if (first >= lane)
        upload->owed += share;
}

void hf_upload_wired(hf_upload *upload, size_t wire, uint64_t now_ms)
{
    size_t newest = (upload->first + upload->flight_count - 1) % HF_PUSHES_MAX;
    hf_flight *flight = upload->flight_count ? &upload->flights[newest] : NULL;
    if (!flight || flight->mark.size) {
        hf_pace_besides(&upload->pace, wire);
        return;
    }
    uint8_t lane = (uint8_t)(flight->log % HF_LANE_COUNT);
    flight->mark = hf_pace_sent(&upload->pace, flight->bytes, wire, now_ms);
    upload->lanes[lane].wire += flight->mark.size;
    settle_floor(upload, lane, flight->mark.size);
}

/* Takes off every flight of `log` up to `seq`, keeping the others in order. */
static void land(hf_upload *upload, size_t log, uint64_t seq, uint64_t now_ms, uint64_t stamp_ms)
{
    size_t kept = 0;
    uint8_t lane = (uint8_t)(log % HF_LANE_COUNT);
    for (size_t i = 0; i < upload->flight_count; i++) {
        hf_flight flight = upload->flights[(upload->first + i) % HF_PUSHES_MAX];
        if (flight.log == log && flight.seq <= seq) {
            upload->lanes[lane].entries -= flight.entries;
            upload->lanes[lane].bytes -= flight.bytes;
            upload->lanes[lane].wire -= flight.mark.size;
            if (flight.mark.size) hf_pace_acked(&upload->pace, &flight.mark, now_ms, stamp_ms);
        } else {
            upload->flights[(upload->first + kept++) % HF_PUSHES_MAX] = flight;
        }
    }
    upload->flight_count = kept;
}

bool hf_upload_admits(const hf_upload *upload, const hf_acked *acked)
{
    if (acked->origin >= upload->origin_count) return false;
    const hf_upload_log *log = &upload->logs[(size_t)acked->origin * HF_LANE_COUNT + acked->lane];
    /* What others wrote may have come to the hub by other ways, too. */
    if (acked->origin >= upload->signer_count) return true;
    return acked->durable <= log->sent && acked->head <= log->head_sent;
}

void hf_upload_asked(hf_upload *upload, size_t log, uint64_t now_ms)
{
    upload->asked += !upload->logs[log].asked;
    upload->logs[log].asked = true;
    upload->asked_at_ms = now_ms;
}

void hf_upload_answered(hf_upload *upload, size_t log)
{
    upload->asked -= upload->logs[log].asked;
    upload->logs[log].asking = upload->logs[log].asked = false;
}

void hf_upload_acked(hf_upload *upload, const hf_acked *acked, uint64_t now_ms, uint64_t stamp_ms)
{
    assert(hf_upload_admits(upload, acked));
    size_t index = (size_t)acked->origin * HF_LANE_COUNT + acked->lane;
    hf_upload_log *log = &upload->logs[index];
    log->said = acked->durable;
    if (log->asking) { /* what went out before the question, and is not here, is nowhere */
        hf_upload_answered(upload, index);
        log->rewound = true;
        log->sent = log->said;
        land(upload, index, UINT64_MAX, now_ms, stamp_ms);
    }
    if (acked->durable > log->durable) log->durable = acked->durable;
    if (acked->central > log->central) log->central = acked->central;
    if (acked->head > log->head_durable) log->head_durable = acked->head;
    if (log->sent < log->durable && !log->rewound) log->sent = log->durable;
    if (log->last < log->sent) log->last = log->sent;
    land(upload, index, log->rewound ? log->said : log->durable, now_ms, stamp_ms);
}

/* A question that was lost is asked again: what waits for its answer would wait for ever. */
static uint64_t answer_overdue_ms(const hf_upload *upload, uint64_t now_ms, size_t *log)
{
    uint64_t at_ms = upload->asked_at_ms + HF_PACE_PATIENCE_MS;
    if (upload->asked == 0) return UINT64_MAX;
    if (at_ms > now_ms) return at_ms;
    *log = 0;
    while (!upload->logs[*log].asked) ++*log;
    return now_ms;
}

/* When what is under way of others' logs is overdue; UINT64_MAX: none is. */
static uint64_t overdue_ms(const hf_upload *upload, uint64_t now_ms, size_t *log)
{
    uint64_t first_ms = answer_overdue_ms(upload, now_ms, log);
    if (first_ms <= now_ms) return first_ms;
    for (size_t i = 0; i < upload->flight_count; i++) {
        const hf_flight *flight = &upload->flights[(upload->first + i) % HF_PUSHES_MAX];
        bool signed_for = flight->log < upload->signer_count * HF_LANE_COUNT; /* HEAD shows a gap */
        if (signed_for || upload->logs[flight->log].asking || !flight->mark.size) continue;
        uint32_t age_ms = (uint32_t)now_ms - flight->mark.at_ms;
        if (age_ms > INT32_MAX) age_ms = 0; /* it went out behind the turn whose time this is */
        uint64_t at_ms =
            age_ms < HF_PACE_PATIENCE_MS ? now_ms + HF_PACE_PATIENCE_MS - age_ms : now_ms;
        if (at_ms < first_ms) *log = flight->log;
        if (at_ms < first_ms) first_ms = at_ms;
    }
    return first_ms;
}

bool hf_upload_overdue(const hf_upload *upload, uint64_t now_ms, size_t *log)
{
    return overdue_ms(upload, now_ms, log) <= now_ms;
}

void hf_upload_rewind(hf_upload *upload, size_t log, uint64_t now_ms, uint64_t stamp_ms)
{
    upload->logs[log].rewound = true;
    upload->logs[log].sent = upload->logs[log].said;
    land(upload, log, UINT64_MAX, now_ms, stamp_ms);
}

void hf_upload_stop(hf_upload *upload, size_t log, uint64_t now_ms, uint64_t stamp_ms)
{
    upload->logs[log].stopped = true;
    hf_upload_answered(upload, log);
    upload->logs[log].last = upload->logs[log].sent = upload->logs[log].durable;
    land(upload, log, UINT64_MAX, now_ms, stamp_ms);
}

/* Heads take no more of a thin link than the lanes' floor. */
static uint64_t head_interval_ms(const hf_upload *upload)
{
    uint32_t rate = upload->pace.rate ? upload->pace.rate : UINT32_MAX;
    uint64_t thin_ms = (uint64_t)HEAD_WIRE * HF_LANE_FLOOR * 1000 / rate;
    if (thin_ms > HF_HEAD_INTERVAL_MAX_MS) return HF_HEAD_INTERVAL_MAX_MS;
    return thin_ms > HF_HEAD_INTERVAL_MS ? thin_ms : HF_HEAD_INTERVAL_MS;
}

/* Earliest time for the next head of this log; UINT64_MAX when it owes none. */
static uint64_t head_time(const hf_upload *upload, const hf_upload_log *log)
{
    if (log->sent == 0 || log->head_sent >= log->sent) return UINT64_MAX;
    if (log->stopped || log->headless) return UINT64_MAX;
    return log->head_at_ms && !is_unsigned_full(log) ? log->head_at_ms + head_interval_ms(upload)
                                                     : 0;
}

bool hf_upload_head_due(const hf_upload *upload, uint64_t now_ms, size_t *log)
{
    for (size_t i = 0; i < upload->signer_count * HF_LANE_COUNT && upload->logs; i++) {
        if (head_time(upload, &upload->logs[i]) > now_ms) continue;
        *log = i;
        return true;
    }
    return false;
}

void hf_upload_head_sent(hf_upload *upload, size_t log, uint64_t now_ms)
{
    upload->logs[log].head_sent = upload->logs[log].sent;
    upload->logs[log].head_at_ms = now_ms ? now_ms : 1;
    upload->logs[log].unsigned_entries = 0;
    upload->logs[log].unsigned_bytes = 0;
}

uint64_t hf_upload_deadline_ms(const hf_upload *upload, uint64_t now_ms)
{
    hf_upload_next next;
    uint64_t deadline = UINT64_MAX;
    if (!upload->logs) return deadline;
    if (first_lane(upload, &next) < HF_LANE_COUNT) deadline = hf_pace_due_ms(&upload->pace);
    if (deadline <= now_ms) deadline = UINT64_MAX;
    size_t log;
    uint64_t overdue = overdue_ms(upload, now_ms, &log);
    if (overdue > now_ms && overdue < deadline) deadline = overdue;
    for (size_t i = 0; i < upload->signer_count * HF_LANE_COUNT; i++) {
        uint64_t head_ms = head_time(upload, &upload->logs[i]);
        if (head_ms > now_ms && head_ms < deadline) deadline = head_ms;
    }
    return deadline;
}

bool hf_upload_news(hf_upload *upload, hf_upload_told *out)
{
    for (size_t i = 0; i < upload->signer_count * HF_LANE_COUNT; i++) {
        hf_upload_log *log = &upload->logs[i];
        uint64_t central = log->central < log->last ? log->central : log->last;
        bool is_central = log->central_told < central, is_durable = log->told < log->durable;
        if (!is_central && !is_durable) continue;
        /* The better word first: of what is at the centre nobody need hear that it is here, too. */
        *out = (hf_upload_told){i, is_central ? central : log->durable, is_central};
        if (is_central) log->central_told = central;
        if (log->told < out->seq) log->told = out->seq;
        return true;
    }
    return false;
}

void hf_upload_end(hf_upload *upload, size_t log)
{
    upload->logs[log].last = upload->logs[log].sent;
}

bool hf_upload_done(const hf_upload *upload)
{
    for (size_t i = 0; i < upload->origin_count * HF_LANE_COUNT; i++)
        if (upload->logs[i].asking || upload->logs[i].durable < upload->logs[i].last) return false;
    return true;
}
