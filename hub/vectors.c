/* vectors.c: a device that cannot resume says per log how far it is, and gets the rest, log by log.
 *
 * Why log by log and not in the feed's order: the device's place in the feed is what is lost.
 * Within a log and scope the order is the log's own, which is all that applying it needs. */
#include "vectors.h"

#include "fanout.h"

#include <assert.h>
#include <string.h>

enum { LOGS_PER_READ = 64 };

typedef struct logs_walk {
    hf_vector_item items[LOGS_PER_READ];
    size_t count;
} logs_walk;

static hf_status keep_log(void *context, const hf_vector_item *item)
{
    logs_walk *walk = context;
    walk->items[walk->count++] = *item;
    return HF_OK;
}

typedef struct bodies_walk {
    hf_hub *hub;
    hf_peer *peer;
    int64_t origin_no;
    uint8_t lane;
    uint64_t seq; /* of the last entry looked at */
    size_t room;  /* bytes of bodies in one frame */
    bool full;
    bool opened; /* the last one was brought by the verdict that comes next */
} bodies_walk;

static hf_status add_body(void *context, const hf_entry *entry)
{
    bodies_walk *walk = context;
    hf_runs *runs = &walk->hub->runs;
    /* A verdict goes with the entry that it opened, however large: it is the verdict that moves on.
     */
    walk->full =
        !walk->opened && (runs->total == HF_FRAME_ENTRIES_MAX - 1 ||
                          (runs->total > 0 && runs->bytes + entry->body.size > walk->room));
    if (walk->full) return HF_ERR_LIMIT;
    const hf_origin_row *origin = hf_origin_by_id(walk->hub->store, &entry->dot.origin);
    assert(origin); /* it is in the store's own row */
    bool opened = origin->no != walk->origin_no || entry->dot.lane != walk->lane;
    walk->full = opened && !hf_fanout_named(walk->peer, origin->no); /* its ORIGIN goes first */
    if (walk->full) return HF_ERR_LIMIT;
    walk->opened = opened;
    if (!opened) walk->seq = entry->dot.seq;
    hf_runs_add(runs, (uint32_t)origin->no, entry->dot.lane, entry->body);
    return runs->bodies.status;
}

/* How far the device says it has this log: 0 when the list does not name it. The list ascends, as
 * do our logs, so one walk serves the whole range. */
static uint64_t claimed_seq(hf_list *list, hf_held *next, bool *has_next, const hf_log_name *log)
{
    while (*has_next && hf_log_name_compare(&next->log, log) < 0)
        *has_next = hf_next_held(list, next);
    if (*has_next && hf_log_name_compare(&next->log, log) == 0) return next->seq;
    return 0;
}

/* Adds what the device lacks of one log; `*full` when the frame is, and there is more. */
static hf_status add_log(hf_hub *hub, hf_peer *peer, uint32_t scope, const hf_vector_item *item,
                         uint64_t after, bool *full)
{
    bodies_walk walk = {.hub = hub,
                        .peer = peer,
                        .origin_no = item->origin_no,
                        .lane = item->lane,
                        .seq = peer->vector_seq > after ? peer->vector_seq : after,
                        .room = hf_pace_frame(&peer->pace)};
    *full = false;
    while (walk.seq < item->seq) {
        uint64_t before = walk.seq;
        hf_status status = hf_log_read_scope(hub->store, item->origin_no, item->lane, scope,
                                             walk.seq, HF_FEED_READ_MAX, add_body, &walk);
        if (walk.seq > before) peer->vector_seq = walk.seq;
        *full = walk.full;
        if (walk.full) return HF_OK;
        if (status != HF_OK) return status;
        if (walk.seq == before) break; /* what is left was never sent to us: holes without bodies */
    }
    return HF_OK;
}

static hf_status fill(hf_hub *hub, hf_peer *peer, const hf_vector *vector, bool *full, bool *done)
{
    logs_walk walk = {.count = 0};
    hf_list list = vector->logs;
    hf_held next;
    bool has_next = hf_next_held(&list, &next);
    *full = *done = false;
    hf_status status = hf_vector_read(hub->store, vector->scope,
                                      peer->vector_at.set ? &peer->vector_at.origin : NULL,
                                      peer->vector_at.lane, LOGS_PER_READ, keep_log, &walk);
    for (size_t i = 0; i < walk.count && status == HF_OK; i++) {
        const hf_vector_item *item = &walk.items[i];
        hf_log_name log = {.set = true, .origin = item->origin, .lane = item->lane};
        *done = vector->to.set && hf_log_name_compare(&log, &vector->to) > 0;
        if (*done) return HF_OK;
        uint64_t held = claimed_seq(&list, &next, &has_next, &log);
        if (held < item->seq && !hf_fanout_named(peer, item->origin_no)) {
            *full = true; /* its ORIGIN goes first */
            return HF_OK;
        }
        status = add_log(hub, peer, vector->scope, item, held, full);
        if (status != HF_OK || *full) return status;
        peer->vector_at = log;
        peer->vector_seq = 0;
    }
    *done = walk.count < LOGS_PER_READ;
    return status;
}

static void write_entries(hf_hub *hub, hf_peer *peer)
{
    hf_message message = {.type = HF_FRAME_ENTRIES};
    message.as.feed.runs = hf_runs_end(&hub->runs);
    hf_message_write(&hub->raw, &message);
    if (hub->runs.done.status != HF_OK) hub->raw.status = hub->runs.done.status;
    hf_fanout_flies(peer, peer->told + 1, hub->runs.bytes);
}

hf_status hf_vectors_write(hf_hub *hub, hf_peer *peer, uint64_t now_ms)
{
    if (peer->vector.size == 0 || !hf_fanout_open(hub, peer, now_ms)) return HF_OK;
    hf_message request;
    hf_status status = hf_message_read(hf_buffer_bytes(&peer->vector), &request);
    bool full = false, done = false;
    hf_runs_clear(&hub->runs);
    done = peer->verdict == HF_REFILLING; /* to hear what it holds: it is given nothing yet */
    while (status == HF_OK && !full && !done)
        status = fill(hub, peer, &request.as.vector, &full, &done);
    if (status != HF_OK) return status;
    if (hub->runs.total > 0) {
        write_entries(hub, peer);
        return HF_OK;
    }
    if (peer->wanted_count > 0 || !done) return HF_OK; /* ORIGIN goes with the next call */
    hf_message message = {.type = HF_FRAME_VECTOR_DONE};
    message.as.done.scope = request.as.vector.scope;
    message.as.done.to = request.as.vector.to;
    if (peer->verdict != HF_REFILLING) {
        status = hf_had_bits(hub->store, &request.as.vector.logs, &hub->items);
        message.as.done.had = hf_buffer_bytes(&hub->items);
    }
    hf_message_write(&hub->raw, &message);
    hf_buffer_free(&peer->vector);
    return status;
}
