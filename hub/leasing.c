/* leasing.c: a device asks for numbers, and gets a block that is its own: protocol.md 11. The lease
 * is in our log, on disk, before the device hears of it: whatever befalls us then, nobody else is
 * leased these numbers. */
#include "peer.h"

#include "sync/lease.h"

hf_status hf_peer_on_ask(hf_peer *peer, hf_bytes raw)
{
    if (peer->hub->upstream) return HF_OK; /* the centre gives them out; the device asks there */
    if (peer->verdict == HF_REFILLING) return HF_OK; /* we do not know what we leased */
    if (peer->verdict == HF_EXPIRED || !hf_issue_ask(peer, HF_ISSUE_NUMBERS)) {
        hf_session_fail(&peer->session, HF_CODE_TURN, "ASK out of turn");
        return HF_ERR_PROTOCOL;
    }
    hf_buffer_clear(&peer->asked);
    hf_write_raw(&peer->asked, raw);
    return peer->asked.status; /* what is not whole ends the session */
}

/* What it asks for that our pack does not have is passed over: its pack may be a newer one. */
static hf_status lease(hf_peer *peer, hf_batch *batch)
{
    hf_store *store = peer->hub->store;
    hf_message message;
    hf_asked asked;
    hf_hub_touch(&peer->hub->touched, HF_SCOPE_CONTROL); /* stations hold it */
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

hf_status hf_leasing_turn(hf_hub *hub)
{
    return hf_issue_turn(hub, HF_ISSUE_NUMBERS, HF_LEASES_PER_TURN, HF_SERIES_MAX, lease);
}

void hf_peer_write_lease(hf_peer *peer, hf_buffer *raw)
{
    if (!hf_issue_due(peer, HF_ISSUE_NUMBERS)) return;
    hf_message message = {.type = HF_FRAME_LEASE};
    message.as.leased = (hf_list){hf_buffer_bytes(&peer->leased), peer->leased_count};
    hf_message_write(raw, &message);
    hf_buffer_free(&peer->asked);
    hf_buffer_free(&peer->leased);
}
