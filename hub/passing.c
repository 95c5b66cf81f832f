/* passing.c: at a station, what the centre signed goes on to whom it is for, as the centre wrote
 * it.
 *
 * Why it is kept here: the author may be away when the centre signs, and the centre when the author
 * is back. One receipt a log is enough, the newest: it covers all that the others did. */
#include "fanout.h"
#include "upstream.h"

#include <string.h>

/* The centre's newest receipt of the log that is here, and fits what we hold; seq 0: none. */
static hf_status kept(hf_store *store, int64_t origin_no, uint8_t lane, hf_receipt *out)
{
    bool found;
    hf_status status = hf_receipt_by(store, origin_no, lane, 1, true, out, &found);
    if (status == HF_OK && found) status = hf_receipt_check(store, out);
    bool fits = status == HF_OK && found;
    if (!fits) out->seq = 0;
    return status == HF_ERR_PROTOCOL || status == HF_ERR_NOT_FOUND ? HF_OK : status;
}

static hf_status look_at(hf_peer *peer, hf_peer_origin *origin, uint8_t lane)
{
    hf_hub *hub = peer->hub;
    hf_receipt receipt;
    hf_log_state log;
    if (!peer->wants_receipts) return HF_OK;
    hf_status status = hf_log_state_get(hub->store, origin->no, lane, &log);
    if (status == HF_OK) status = kept(hub->store, origin->no, lane, &receipt);
    if (status != HF_OK) return status;
    if (receipt.seq && memcmp(&receipt.hub, &peer->passed_hub, sizeof receipt.hub) != 0) {
        for (size_t i = 0; i < peer->origin_count; i++) /* another life of the centre signed */
            memset(peer->origins[i].passed, 0, sizeof peer->origins[i].passed);
        peer->passed_hub = receipt.hub;
    }
    /* By what we tell of the centre the device knows which of its receipts stand. */
    if (origin->passed[lane] > log.central) origin->passed[lane] = log.central;
    uint64_t passed = origin->passed[lane];
    if (receipt.seq > passed) {
        origin->pass_due |= (uint8_t)(1u << lane);
        peer->passes = true;
        hf_peer_wake(peer);
    }
    if (log.central <= passed || log.central <= receipt.seq) return HF_OK;
    return hf_upstream_wish_receipt(hub->upstream, origin->no, lane, receipt.seq);
}

hf_status hf_passing_look(hf_peer *peer)
{
    hf_status status = HF_OK;
    for (size_t i = 0; i < peer->origin_count; i++)
        for (uint8_t lane = 1; lane < HF_LANE_COUNT && status == HF_OK; lane++)
            status = look_at(peer, &peer->origins[i], lane);
    return status;
}

hf_status hf_passing_look_at(hf_peer *peer, int64_t origin_no, uint8_t lane)
{
    hf_status status = HF_OK;
    if (peer->session.state != HF_SESSION_OPEN) return HF_OK;
    for (size_t i = 0; i < peer->origin_count && status == HF_OK; i++) {
        hf_peer_origin *origin = &peer->origins[i];
        if (origin->no == origin_no) status = look_at(peer, origin, lane);
    }
    return status;
}

static hf_status write_one(hf_peer *peer, size_t index, uint8_t lane, hf_buffer *raw)
{
    hf_store *store = peer->hub->store;
    hf_peer_origin *origin = &peer->origins[index];
    hf_receipt_item item = {.origin = (uint32_t)index};
    hf_receipt *receipt = &item.receipt;
    hf_buffer *items = &peer->hub->items;
    hf_status status = kept(store, origin->no, lane, receipt);
    if (status != HF_OK) return status;
    const hf_origin_row *hub = receipt->seq ? hf_origin_by_id(store, &receipt->hub) : NULL;
    if (hub && !hf_fanout_named(peer, hub->no)) return HF_OK; /* ORIGIN goes first */
    origin->pass_due &= (uint8_t) ~(1u << lane);
    if (!hub || receipt->seq <= origin->passed[lane]) return HF_OK; /* the centre lost it since */
    origin->passed[lane] = receipt->seq;
    hf_buffer_clear(items);
    hf_write_receipt_item(items, &item);
    hf_message message = {.type = HF_FRAME_RECEIPT};
    message.as.receipt = (hf_receipt_frame){
        .hub = (uint32_t)hub->no, .time_ms = receipt->time_ms, .logs = {hf_buffer_bytes(items), 1}};
    memcpy(message.as.receipt.epoch, receipt->epoch, sizeof receipt->epoch);
    memcpy(message.as.receipt.signature, receipt->signature, HF_SIGNATURE_SIZE);
    hf_message_write(raw, &message);
    return items->status;
}

hf_status hf_peer_write_passed(hf_peer *peer, hf_buffer *raw)
{
    if (!peer->passes || peer->session.state != HF_SESSION_OPEN || peer->fed == HF_FED_NOT)
        return HF_OK;
    for (size_t i = 0; i < peer->origin_count; i++) {
        for (uint8_t lane = 1; lane < HF_LANE_COUNT; lane++) {
            if (!(peer->origins[i].pass_due & 1u << lane)) continue;
            hf_status status = write_one(peer, i, lane, raw);
            if (status != HF_OK || raw->size > 0) return status;
            if (peer->origins[i].pass_due & 1u << lane) return HF_OK; /* waits for ORIGIN */
        }
    }
    peer->passes = false;
    return HF_OK;
}
