/* receipts.c: what devices may show to anyone: one signature a second, at most, for all of them.
 *
 * Why apart from the acks: a signature costs a millisecond, and an ack must not wait for it. So it
 * is made between turns, over a tree of every log that has grown, and each device is sent its own
 * branch. Nothing is stored: what was not sent is signed anew when the device is back. */
#include "fanout.h"

#include "sync/planted.h"

#include <stdlib.h>
#include <string.h>

/* ---- who is due one ---- */

static void list_add(hf_hub *hub, hf_peer *peer)
{
    if (peer->receipt_waits) return;
    peer->receipt_waits = true;
    peer->next_receipt = hub->receipt_first;
    hub->receipt_first = peer;
}

static void list_remove(hf_hub *hub, hf_peer *peer)
{
    if (!peer->receipt_waits) return;
    hf_peer **at = &hub->receipt_first;
    while (*at != peer) at = &(*at)->next_receipt;
    *at = peer->next_receipt;
    peer->receipt_waits = false;
}

void hf_receipts_due(hf_peer *peer, size_t origin, uint8_t lane)
{
    hf_hub *hub = peer->hub;
    if (hf_store_crypto(hub->store)->own_certificate.size == 0) return; /* none could check it */
    hf_peer_origin_at(peer, origin)->receipt_due |= (uint8_t)(1u << lane);
    list_add(hub, peer);
    if (hub->receipts_at_ms != UINT64_MAX) return;
    uint64_t soonest_ms = hub->now_ms + HF_RECEIPT_GATHER_MS;
    uint64_t next_ms = hub->receipts_signed_ms + HF_RECEIPT_INTERVAL_MS;
    hub->receipts_at_ms = soonest_ms > next_ms ? soonest_ms : next_ms;
}

void hf_receipts_forget(hf_peer *peer)
{
    hf_hub *hub = peer->hub;
    size_t kept = 0;
    list_remove(hub, peer);
    for (size_t i = 0; i < hub->point_count; i++)
        if (hub->points[i].peer != peer) hub->points[kept++] = hub->points[i];
    hub->point_count = kept;
}

uint64_t hf_receipts_deadline_ms(const hf_hub *hub)
{
    return hub->receipts_at_ms;
}

/* ---- what is signed for ---- */

/* A device names no more logs than fit in a frame; a station may. */
static size_t points_of(const hf_peer *peer)
{
    size_t count = 0;
    const hf_hub *hub = peer->hub;
    for (size_t i = 0; i < hub->point_count; i++) count += hub->points[i].peer == peer;
    return count;
}

/* A log as it stands now, which is as it is on disk: no batch is open. */
static hf_status note_point(hf_peer *peer, size_t index, uint8_t lane)
{
    hf_hub *hub = peer->hub;
    hf_peer_origin *origin = hf_peer_origin_at(peer, index);
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    hf_receipt_point *point = &hub->points[hub->point_count];
    *point = (hf_receipt_point){
        .peer = peer, .origin = index, .lane = lane, .seq = origin->durable[lane].held};
    hf_status status =
        hf_head_leaves(hub->store, origin->no, lane, point->seq, leaves, &count, point->root);
    if (status == HF_OK) hub->point_count++;
    if (status == HF_OK || status == HF_ERR_NOT_FOUND || status == HF_ERR_LIMIT) {
        origin->receipted[lane] = point->seq; /* one that cannot be covered is not tried again */
        origin->receipt_due &= (uint8_t) ~(1u << lane);
        return HF_OK;
    }
    return status;
}

/* `all`, or only logs that have grown so much since that a proof would become long. Where there is
 * no room, or what was sent last still waits for the link, it is left for the next signature. */
static hf_status note_origin(hf_peer *peer, size_t index, bool all, size_t *room)
{
    const hf_peer_origin *origin = hf_peer_origin_at(peer, index);
    hf_status status = HF_OK;
    for (uint8_t lane = 0; lane<HF_LANE_COUNT && * room> 0 && status == HF_OK; lane++) {
        uint64_t more = origin->durable[lane].held - origin->receipted[lane];
        if (!(origin->receipt_due & 1u << lane) || (!all && more < HF_RECEIPT_APART)) continue;
        status = note_point(peer, index, lane);
        --*room;
    }
    return status;
}

static hf_status note_peer(hf_peer *peer, bool all)
{
    hf_status status = HF_OK;
    size_t used = peer->is_station ? points_of(peer) : 0,
           left = HF_RECEIPT_LOGS_MAX - peer->hub->point_count;
    size_t room = used < HF_RECEIPT_FRAME_LOGS ? HF_RECEIPT_FRAME_LOGS - used : 0;
    if (room > left) room = left;
    if (peer->receipt.size > 0) return HF_OK;
    for (size_t i = 0; i < peer->origin_count && status == HF_OK; i++)
        status = note_origin(peer, i, all, &room);
    for (size_t i = 0; i < peer->relayed_durable && room > 0 && status == HF_OK; i++)
        status = note_origin(peer, HF_HELLO_ORIGINS_MAX + i, all, &room);
    return status;
}

static bool is_due(const hf_peer *peer)
{
    for (size_t i = 0; i < peer->origin_count; i++)
        if (peer->origins[i].receipt_due) return true;
    for (size_t i = 0; i < peer->relayed_durable; i++)
        if (peer->relayed[i].origin.receipt_due) return true;
    return false;
}

static hf_status note_all(hf_hub *hub)
{
    hf_status status = HF_OK;
    for (hf_peer *peer = hub->receipt_first, *next; peer && status == HF_OK; peer = next) {
        next = peer->next_receipt;
        status = note_peer(peer, true);
        if (status == HF_OK && !is_due(peer)) list_remove(hub, peer);
    }
    return status;
}

/* ---- the signature ---- */

static hf_status sign(hf_hub *hub, hf_receipt *receipts, uint8_t (*roots)[HF_HASH_SIZE])
{
    const hf_crypto *crypto = hf_store_crypto(hub->store);
    uint8_t digest[HF_HASH_SIZE], signature[HF_SIGNATURE_SIZE];
    for (size_t i = 0; i < hub->point_count; i++) {
        const hf_receipt_point *point = &hub->points[i];
        hf_receipt *receipt = &receipts[i];
        *receipt = (hf_receipt){.hub = hf_store_own_origin(hub->store)->id,
                                .time_ms = hub->wall_ms,
                                .lane = point->lane,
                                .seq = point->seq};
        int64_t no = hf_peer_origin_at(point->peer, point->origin)->no;
        receipt->origin = hf_origin_by_no(hub->store, no)->id;
        memcpy(receipt->epoch, hf_store_epoch(hub->store), sizeof receipt->epoch);
        memcpy(roots[i], point->root, HF_HASH_SIZE);
    }
    hf_status status = hf_receipts_fold(crypto, receipts, roots, hub->point_count, digest);
    if (HF_PLANTED(RECEIPT_UNCHECKED)) digest[0] ^= 1;
    if (status == HF_OK) status = crypto->sign(crypto->context, digest, signature);
    for (size_t i = 0; i < hub->point_count && status == HF_OK; i++)
        memcpy(receipts[i].signature, signature, sizeof signature);
    return status;
}

/* The frame for one peer, of all its points. */
static void write_frame(hf_hub *hub, hf_peer *peer, const hf_receipt *receipts)
{
    hf_buffer *items = &hub->items;
    size_t count = 0;
    hf_buffer_clear(items);
    for (size_t i = 0; i < hub->point_count; i++) {
        const hf_receipt_point *point = &hub->points[i];
        if (point->peer != peer) continue;
        hf_receipt_item item = {.origin = (uint32_t)point->origin, .receipt = receipts[i]};
        hf_write_receipt_item(items, &item);
        count++;
    }
    hf_message message = {.type = HF_FRAME_RECEIPT};
    message.as.receipt = (hf_receipt_frame){
        .hub = (uint32_t)hf_store_own_origin(hub->store)->no,
        .time_ms = receipts->time_ms,
        .logs = {hf_buffer_bytes(items), count},
    };
    memcpy(message.as.receipt.epoch, receipts->epoch, sizeof receipts->epoch);
    memcpy(message.as.receipt.signature, receipts->signature, HF_SIGNATURE_SIZE);
    hf_message_write(&peer->receipt, &message);
    if (items->status != HF_OK) peer->receipt.status = items->status;
    hf_peer_wake(peer);
}

static hf_status sign_all(hf_hub *hub)
{
    hf_receipt *receipts = calloc(hub->point_count, sizeof *receipts);
    uint8_t(*roots)[HF_HASH_SIZE] = calloc(hub->point_count, sizeof *roots);
    hf_status status = receipts && roots ? sign(hub, receipts, roots) : HF_ERR_NOMEM;
    for (size_t i = 0; i < hub->point_count && status == HF_OK; i++) {
        hf_peer *peer = hub->points[i].peer;
        if (peer->receipt.size == 0) write_frame(hub, peer, receipts);
        status = peer->receipt.status;
        if (status != HF_OK) hf_buffer_free(&peer->receipt); /* half a frame */
    }
    free(receipts);
    free(roots);
    return status;
}

hf_status hf_receipts_turn(hf_hub *hub)
{
    hf_status status = HF_OK;
    if (!hub->receipt_first && hub->point_count == 0) {
        hub->receipts_at_ms = UINT64_MAX; /* whoever was due one has left */
        return HF_OK;
    }
    if (!hub->points) hub->points = calloc(HF_RECEIPT_LOGS_MAX, sizeof *hub->points);
    if (!hub->points) return HF_ERR_NOMEM;
    for (hf_peer *peer = hub->receipt_first; peer && status == HF_OK; peer = peer->next_receipt)
        status = note_peer(peer, false);
    if (status != HF_OK || hub->now_ms < hub->receipts_at_ms) return status;
    status = note_all(hub);
    if (status == HF_OK && hub->point_count > 0) status = sign_all(hub);
    if (status != HF_OK) return status;
    hub->point_count = 0;
    hub->receipts_signed_ms = hub->now_ms;
    hub->receipts_at_ms = hub->receipt_first ? hub->now_ms + HF_RECEIPT_INTERVAL_MS : UINT64_MAX;
    return HF_OK;
}

/* ---- sending ---- */

void hf_peer_write_receipt(hf_peer *peer, hf_buffer *raw)
{
    hf_hub *hub = peer->hub;
    if (peer->receipt.size == 0 || peer->session.state != HF_SESSION_OPEN) return;
    if (peer->fed == HF_FED_NOT) return; /* to an expired device nothing is sent */
    if (!hf_fanout_named(peer, hf_store_own_origin(hub->store)->no)) return; /* ORIGIN goes first */
    hf_write_raw(raw, hf_buffer_bytes(&peer->receipt));
    hf_buffer_free(&peer->receipt);
}
