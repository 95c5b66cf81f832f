/* peer.c: what one session may say and hear between commits: windows, acknowledgements, its turn.
 */
#include "peer.h"

#include "fanout.h"
#include "refill.h"
#include "snapshots.h"

#include "sync/planted.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { ACKED_PER_FRAME = HF_FRAME_ENTRIES_MAX / 2 }; /* of relayed logs, beside its own */

void hf_peer_wake(hf_peer *peer)
{
    hf_hub *hub = peer->hub;
    if (peer->ready || peer->linkless) return;
    peer->ready = true;
    peer->next_ready = NULL;
    if (hub->ready_last)
        hub->ready_last->next_ready = peer;
    else
        hub->ready_first = peer;
    hub->ready_last = peer;
}

void hf_hub_touch(hf_scope_list *list, uint32_t scope)
{
    for (size_t i = 0; i < list->count && i < HF_HUB_TOUCHED_MAX; i++)
        if (list->scopes[i] == scope) return;
    if (list->count < HF_HUB_TOUCHED_MAX) list->scopes[list->count] = scope;
    if (list->count <= HF_HUB_TOUCHED_MAX) list->count++;
}

bool hf_peer_holds(const hf_peer *peer, uint32_t scope)
{
    size_t low = 0, high = peer->scope_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (peer->scopes[middle] == scope) return true;
        if (peer->scopes[middle] < scope)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* ---- with the batch ---- */

static void origin_reset(hf_peer_origin *origin)
{
    memcpy(origin->now, origin->durable, sizeof origin->now);
    origin->touched = 0;
}

static void origin_settle(hf_peer_origin *origin)
{
    memcpy(origin->durable, origin->now, sizeof origin->durable);
    origin->ack_due |= origin->touched;
    origin->touched = 0;
}

void hf_peer_reset_staged(hf_peer *peer)
{
    if (peer->greeted && !peer->hello_durable) {
        peer->origin_count = 0; /* learned in the batch that is no more */
        hf_fanout_forget_had(peer);
        peer->greeted = false;
    }
    for (size_t i = 0; i < peer->origin_count; i++) origin_reset(&peer->origins[i]);
    peer->relayed_count = peer->relayed_durable; /* the others' frames come again */
    for (size_t i = 0; i < peer->relayed_count; i++) {
        origin_reset(&peer->relayed[i].origin);
        peer->relayed[i].gapped_now = peer->relayed[i].gapped;
    }
    hf_refill_reset(peer);
    peer->probe = peer->probed;
    peer->notice_count = peer->notices_durable;
    peer->notices.size = peer->notices_durable_size;
}

static void receipts_due(hf_peer *peer, size_t index, uint8_t lanes)
{
    const hf_peer_origin *origin = hf_peer_origin_at(peer, index);
    for (uint8_t lane = 0; lane < HF_LANE_COUNT && peer->wants_receipts; lane++)
        if (lanes & 1u << lane && origin->durable[lane].held > origin->receipted[lane])
            hf_receipts_due(peer, index, lane);
}

hf_peer_origin *hf_peer_origin_at(hf_peer *peer, size_t index)
{
    if (index < HF_HELLO_ORIGINS_MAX)
        return index < peer->origin_count ? &peer->origins[index] : NULL;
    size_t place = index - HF_HELLO_ORIGINS_MAX;
    return place < peer->relayed_count ? &peer->relayed[place].origin : NULL;
}

void hf_peer_settle(hf_peer *peer)
{
    for (size_t i = 0; i < peer->origin_count; i++) {
        origin_settle(&peer->origins[i]);
        receipts_due(peer, i, UINT8_MAX);
    }
    for (size_t i = 0; i < peer->relayed_count; i++) {
        uint8_t touched = peer->relayed[i].origin.touched;
        origin_settle(&peer->relayed[i].origin);
        peer->relayed[i].gapped = peer->relayed[i].gapped_now;
        if (touched) receipts_due(peer, HF_HELLO_ORIGINS_MAX + i, touched);
    }
    peer->relayed_durable = peer->relayed_count;
    peer->settled_ms = peer->hub->now_ms;
    peer->notices_durable = peer->notice_count;
    peer->notices_durable_size = peer->notices.size;
    if (peer->greeted) peer->hello_durable = true;
    hf_refill_settle(peer);
    if (peer->probe) peer->probed = peer->probe;
    hf_peer_wake(peer);
}

/* ---- acknowledgements ---- */

static bool ack_due(const hf_peer *peer)
{
    if (peer->notices_durable > 0) return true;
    for (size_t i = 0; i < peer->origin_count; i++)
        if (peer->origins[i].ack_due) return true;
    for (size_t i = 0; i < peer->relayed_durable; i++)
        if (peer->relayed[i].origin.ack_due) return true;
    return false;
}

hf_status hf_peer_central(hf_hub *hub, int64_t origin_no, uint8_t lane, uint64_t held,
                          uint64_t *out)
{
    hf_log_state log;
    *out = held; /* here, durable is durable at the centre */
    if (!hub->upstream || HF_PLANTED(STATION_IS_CENTRE)) return HF_OK;
    hf_status status = hf_log_state_get(hub->store, origin_no, lane, &log);
    if (status == HF_OK) *out = log.central;
    return status;
}

static size_t write_acked(hf_hub *hub, hf_peer_origin *origin, uint32_t index, hf_buffer *items)
{
    size_t count = 0;
    for (uint8_t lane = 0; lane < HF_LANE_COUNT; lane++) {
        if (!(origin->ack_due & 1u << lane)) continue;
        uint64_t central;
        hf_status status =
            hf_peer_central(hub, origin->no, lane, origin->durable[lane].held, &central);
        if (status != HF_OK) items->status = status;
        hf_acked acked = {.origin = index,
                          .lane = lane,
                          .durable = origin->durable[lane].held,
                          .central = central,
                          .head = origin->durable[lane].head};
        hf_write_acked(items, &acked);
        count++;
    }
    origin->ack_due = 0;
    return count;
}

void hf_peer_write_ack(hf_peer *peer, hf_buffer *raw)
{
    if (!ack_due(peer)) return;
    hf_buffer *items = &peer->hub->items;
    hf_buffer_clear(items);
    size_t count = 0;
    for (size_t i = 0; i < peer->origin_count; i++)
        count += write_acked(peer->hub, &peer->origins[i], (uint32_t)i, items);
    size_t i = 0;
    for (; i < peer->relayed_durable && count < ACKED_PER_FRAME; i++)
        count += write_acked(peer->hub, &peer->relayed[i].origin,
                             (uint32_t)(HF_HELLO_ORIGINS_MAX + i), items);
    if (i < peer->relayed_durable) hf_peer_wake(peer); /* the rest goes in the next */
    hf_message message = {.type = HF_FRAME_ACK, .timed = true, .at_ms = (uint32_t)peer->settled_ms};
    message.as.ack.logs = (hf_list){hf_buffer_bytes(items), count};
    message.as.ack.notices = (hf_list){hf_buffer_bytes(&peer->notices), peer->notice_count};
    hf_message_write(raw, &message);
    if (items->status != HF_OK) raw->status = items->status;
    hf_buffer_free(&peer->notices);
    peer->notice_count = peer->notices_durable = peer->notices_durable_size = 0;
}

/* ---- frames ---- */

static hf_status out_of_turn(hf_peer *peer, const char *what)
{
    hf_session_fail(&peer->session, HF_CODE_TURN, "%s out of turn", what);
    return HF_ERR_PROTOCOL;
}

/* FEED_ACK and TAKEN. */
static hf_status on_fed(hf_peer *peer, const hf_message *message, uint64_t now_ms)
{
    uint64_t position = message->as.position;
    hf_fed expected = message->type == HF_FRAME_FEED_ACK ? HF_FED_FEED : HF_FED_VECTORS;
    if (peer->fed != expected || position > peer->told || position < peer->acked)
        return out_of_turn(peer, "an acknowledgement");
    peer->acked = position;
    while (peer->flight_count > 0 && peer->flights[peer->first_flight].to <= position) {
        const hf_pace_mark *mark = &peer->flights[peer->first_flight].mark;
        if (mark->size)
            hf_pace_acked(&peer->pace, mark, now_ms, message->timed ? message->at_ms : now_ms);
        peer->flight_bytes -= peer->flights[peer->first_flight].bytes;
        peer->first_flight = (peer->first_flight + 1) % HF_FEED_FRAMES_MAX;
        peer->flight_count--;
    }
    hf_peer_wake(peer);
    return HF_OK;
}

static hf_status on_vector(hf_peer *peer, const hf_vector *vector, hf_bytes raw)
{
    if (peer->fed != HF_FED_VECTORS || peer->vector.size > 0) return out_of_turn(peer, "VECTOR");
    if (!hf_peer_holds(peer, vector->scope)) {
        hf_session_fail(&peer->session, HF_CODE_SCOPE, "no grant for scope %u", vector->scope);
        return HF_ERR_PROTOCOL;
    }
    hf_write_raw(&peer->vector, raw);
    peer->vector_at = vector->from;
    peer->vector_seq = 0;
    hf_peer_wake(peer);
    hf_status status = hf_refill_look(peer, vector);
    if (status == HF_OK) status = hf_fanout_note_heads(peer, vector);
    return status == HF_OK ? peer->vector.status : status;
}

static hf_status on_start(hf_peer *peer, const hf_start *start)
{
    if (peer->fed != HF_FED_VECTORS || peer->vector.size > 0 || peer->verdict == HF_REFILLING)
        return out_of_turn(peer, "START");
    bool welcomed = start->position == peer->announced &&
                    memcmp(start->chain, peer->announced_chain, sizeof start->chain) == 0;
    bool loaded = peer->offered && start->position == peer->offer_position &&
                  memcmp(start->chain, peer->offer_chain, sizeof start->chain) == 0;
    if (!welcomed && !loaded) return out_of_turn(peer, "START from another position than we told");
    peer->fed = HF_FED_FEED;
    peer->snapshot = HF_PEER_SNAPSHOT_NOT;
    peer->want_count = 0;
    hf_fanout_landed(peer); /* the device has stored what went before */
    peer->scanned = peer->told = peer->acked = start->position;
    if (HF_PLANTED(SNAPSHOT_LATE_PLACE) && loaded)
        peer->scanned = hf_feed_position(peer->hub->store);
    hf_peer_wake(peer);
    return HF_OK;
}

/* The window is promised to the client; a client that sends past it is not one of ours. One entry
 * may always go, whatever its size. */
static hf_status on_push(hf_peer *peer, const hf_push *push)
{
    uint32_t *entries = &peer->queued_entries[push->lane], *bytes = &peer->queued_bytes[push->lane];
    bool first = *entries == 0 && push->bodies.count == 1;
    *entries += (uint32_t)push->bodies.count;
    *bytes += (uint32_t)push->bodies.items.size;
    if (push->origin >= peer->origin_count) {
        hf_session_fail(&peer->session, HF_CODE_MALFORMED, "PUSH of an origin not in HELLO");
        return HF_ERR_PROTOCOL;
    }
    if (!first && (*entries > HF_CREDIT_ENTRIES || *bytes > HF_CREDIT_BYTES)) {
        hf_session_fail(&peer->session, HF_CODE_LIMIT, "more in lane %u than its window",
                        push->lane);
        return HF_ERR_LIMIT;
    }
    return HF_OK;
}

/* As PUSH; but its head covers all of it, so it cannot be cut to the window: it may go alone. */
static hf_status on_relay(hf_peer *peer, const hf_relay *relay)
{
    uint32_t *entries = &peer->queued_entries[relay->lane];
    uint32_t *bytes = &peer->queued_bytes[relay->lane];
    bool first = *entries == 0;
    if (!peer->is_station) return out_of_turn(peer, "RELAY by a device");
    *entries += (uint32_t)relay->bodies.count;
    *bytes += (uint32_t)relay->bodies.items.size;
    if (first || (*entries <= HF_CREDIT_ENTRIES && *bytes <= HF_CREDIT_BYTES)) return HF_OK;
    hf_session_fail(&peer->session, HF_CODE_LIMIT, "more in lane %u than its window", relay->lane);
    return HF_ERR_LIMIT;
}

static hf_status on_carrier(hf_peer *peer, const hf_message *message)
{
    hf_hub *hub = peer->hub;
    hf_carrier *carrier = &peer->carrier;
    if (!carrier->on) return out_of_turn(peer, "CARRY");
    hf_status status = hf_carrier_on(carrier, message, hub->wall_ms);
    if (status == HF_ERR_PROTOCOL) return out_of_turn(peer, "PIECE or FETCH");
    if (carrier->refusal[0]) {
        hub->refused++;
        (void)snprintf(hub->refusal, sizeof hub->refusal, "%.40s brought what is refused: %.120s",
                       peer->name, carrier->refusal);
    }
    carrier->refusal[0] = 0;
    hf_peer_wake(peer);
    return status;
}

hf_status hf_peer_on_frame(hf_peer *peer, const hf_message *message, hf_bytes raw, uint64_t now_ms,
                           bool *queue)
{
    *queue = false;
    switch (message->type) {
    case HF_FRAME_HELLO: *queue = true; return hf_peer_find_certificate(peer);
    case HF_FRAME_HUBS: return hf_hub_on_hubs(peer, message->as.hubs);
    case HF_FRAME_PUSH: *queue = true; return on_push(peer, &message->as.push);
    case HF_FRAME_REFILL:
    case HF_FRAME_HEAD:
    case HF_FRAME_PROBE: *queue = true; return HF_OK;
    case HF_FRAME_RELAY: *queue = true; return on_relay(peer, &message->as.relay);
    case HF_FRAME_ORIGIN:
        *queue = true;
        return peer->is_station ? HF_OK : out_of_turn(peer, "ORIGIN by a device");
    case HF_FRAME_RECEIPT_FOR:
    case HF_FRAME_ASK_FOR:
        *queue = true;
        return peer->is_station ? HF_OK : out_of_turn(peer, "a station's wish by a device");
    case HF_FRAME_FEED_ACK:
    case HF_FRAME_TAKEN: return on_fed(peer, message, now_ms);
    case HF_FRAME_VECTOR: return on_vector(peer, &message->as.vector, raw);
    case HF_FRAME_START: return on_start(peer, &message->as.start);
    case HF_FRAME_WANT: return hf_snapshots_on_want(peer, &message->as.chunk);
    case HF_FRAME_RENEW: return hf_peer_on_renew(peer, now_ms);
    case HF_FRAME_RENEW_FOR:
        return peer->is_station ? hf_peer_on_renew_for(peer, message->as.key_id)
                                : out_of_turn(peer, "RENEW_FOR by a device");
    case HF_FRAME_ASK: return hf_peer_on_ask(peer, raw);
    case HF_FRAME_CARRY:
    case HF_FRAME_FETCH:
    case HF_FRAME_PIECE:
    case HF_FRAME_CARRIED: return on_carrier(peer, message);
    default: return HF_OK; /* nothing, or a PONG: we ask only to hear that they live */
    }
}
