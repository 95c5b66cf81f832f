/* leasing.c: a device asks for numbers, and gets a block that is its own: protocol.md 11.
 *
 * Why not in the batch of what devices send: as with certificates, a whole force asks when it comes
 * back; so many a turn. The lease is in our log, on disk, before the device hears of it: whatever
 * befalls us then, nobody else is leased these numbers. */
#include "peer.h"

#include "sync/lease.h"

hf_status hf_peer_on_ask(hf_peer *peer, hf_bytes raw)
{
    if (peer->leasing != HF_RENEWAL_NONE || peer->verdict == HF_EXPIRED) {
        hf_session_fail(&peer->session, HF_CODE_TURN, "ASK out of turn");
        return HF_ERR_PROTOCOL;
    }
    if (peer->hub->upstream) return HF_OK; /* the centre gives them out; the device asks there */
    hf_buffer_clear(&peer->asked);
    hf_write_raw(&peer->asked, raw);
    if (peer->asked.status != HF_OK) return peer->asked.status;
    peer->leasing = HF_RENEWAL_ASKED;
    peer->hub->leasings++;
    return HF_OK;
}

void hf_peer_forget_ask(hf_peer *peer)
{
    if (peer->leasing == HF_RENEWAL_ASKED) peer->hub->leasings--;
    peer->leasing = HF_RENEWAL_NONE;
}

/* What it asks for that our pack does not have is passed over: its pack may be a newer one. */
static hf_status lease(hf_peer *peer, hf_batch *batch)
{
    hf_store *store = peer->hub->store;
    hf_message message;
    hf_asked asked;
    hf_buffer_clear(&peer->leased);
    peer->leased_count = 0;
    hf_status status = hf_message_read(hf_buffer_bytes(&peer->asked), &message);
    const hf_origin_row *holder = hf_origin_by_no(store, peer->origins[0].no);
    for (hf_list walk = message.as.asked; status == HF_OK && hf_next_asked(&walk, &asked);) {
        const hf_type *type = hf_pack_series(hf_store_pack(store), asked.series);
        hf_lease block;
        bool got = false;
        if (!type) continue;
        status = hf_batch_lease(batch, type->series, holder, asked.last, &block, &got);
        if (status != HF_OK || !got) continue;
        hf_leased item = {.series = asked.series, .first = block.first, .last = block.last};
        hf_write_leased(&peer->leased, &item);
        peer->leased_count++;
        status = peer->leased.status;
    }
    return status;
}

static void settle(hf_hub *hub, bool committed)
{
    for (hf_peer *peer = hub->peers; peer; peer = peer->next) {
        if (peer->leasing != HF_RENEWAL_STAGED) continue;
        peer->leasing = committed ? HF_RENEWAL_DUE : HF_RENEWAL_ASKED;
        if (!committed) continue;
        hub->leasings--;
        hf_buffer_free(&peer->asked);
        hf_peer_wake(peer);
    }
}

hf_status hf_leasing_turn(hf_hub *hub)
{
    if (hub->leasings == 0) return HF_OK;
    hf_batch *batch;
    size_t most = hub->leasings < HF_LEASES_PER_TURN ? hub->leasings : HF_LEASES_PER_TURN;
    hf_status status = hf_batch_begin_own(hub->store, hub->wall_ms, most * HF_SERIES_MAX, &batch);
    hf_hub_touch(&hub->touched, HF_SCOPE_CONTROL); /* stations hold it */
    if (status != HF_OK) return status;
    size_t count = 0;
    for (hf_peer *peer = hub->peers; peer && status == HF_OK; peer = peer->next) {
        if (peer->leasing != HF_RENEWAL_ASKED || count == most) continue;
        if (!hf_session_live(&peer->session)) { /* revoked since it asked, perhaps */
            hf_peer_forget_ask(peer);
            continue;
        }
        peer->leasing = HF_RENEWAL_STAGED;
        status = lease(peer, batch);
        count++;
    }
    if (status == HF_OK)
        status = hf_batch_commit(batch);
    else
        hf_batch_rollback(batch);
    settle(hub, status == HF_OK);
    return status;
}

void hf_peer_write_lease(hf_peer *peer, hf_buffer *raw)
{
    if (peer->leasing != HF_RENEWAL_DUE) return;
    hf_message message = {.type = HF_FRAME_LEASE};
    message.as.leased = (hf_list){hf_buffer_bytes(&peer->leased), peer->leased_count};
    hf_message_write(raw, &message);
    hf_buffer_free(&peer->leased);
    peer->leasing = HF_RENEWAL_NONE;
}
