/* leasing.c: a device asks for numbers, and gets a block that is its own: protocol.md 11. The lease
 * is in the centre's log, on disk, before the device hears of it: whatever befalls us then, nobody
 * else is leased these numbers.
 *
 * A station leases nothing. It has the centre lease each of its devices a block more than that one
 * has asked for, and hands it over when it does, by the record that the centre wrote: so numbers go
 * on in the dark, and whatever becomes of the station, it can give no number to two. */
#include "upstream.h"

#include "sync/control.h"
#include "sync/lease.h"

#include <stdio.h>

hf_status hf_peer_on_ask(hf_peer *peer, hf_bytes raw)
{
    if (peer->verdict == HF_REFILLING) return HF_OK; /* we do not know what we leased */
    if (peer->verdict == HF_EXPIRED || !hf_issue_ask(peer, HF_ISSUE_NUMBERS)) {
        hf_session_fail(&peer->session, HF_CODE_TURN, "ASK out of turn");
        return HF_ERR_PROTOCOL;
    }
    hf_buffer_clear(&peer->asked);
    hf_write_raw(&peer->asked, raw);
    return peer->asked.status; /* what is not whole ends the session */
}

/* ---- at a station ---- */

/* What the device asks for it is handed from the stock; and behind that, and behind the last number
 * of those series of which it wants none, there is to be another block: else one is wished for. */
static hf_status look_in_stock(hf_peer *peer, const hf_asked *asked, bool wanted, hf_lease *block,
                               bool *got)
{
    hf_hub *hub = peer->hub;
    hf_lease behind;
    bool spare = false;
    char name[HF_PACK_NAME_MAX + 1];
    uint64_t last = asked->last;
    const hf_origin_row *holder = hf_origin_by_no(hub->store, peer->origins[0].no);
    const hf_type *type = hf_pack_series(hf_store_pack(hub->store), asked->series);
    hf_status status = HF_OK;
    *got = false;
    if (!type) return HF_OK;
    (void)snprintf(name, sizeof name, "%s", type->series->name);
    if (wanted) status = hf_lease_next(hub->store, name, holder, last, block, got);
    if (*got) last = block->last;
    if (status == HF_OK) status = hf_lease_next(hub->store, name, holder, last, &behind, &spare);
    if (status != HF_OK || spare) return status;
    hf_upstream_look_again(hub);
    return hf_upstream_wish_numbers(hub->upstream, holder->no, name, last);
}

hf_status hf_leasing_look(hf_peer *peer)
{
    hf_message ask;
    hf_asked asked;
    hf_lease block;
    bool got;
    if (peer->asked.size == 0 || peer->is_station) return HF_OK;
    hf_status status = hf_message_read(hf_buffer_bytes(&peer->asked), &ask);
    for (hf_list walk = ask.as.ask.asked; status == HF_OK && hf_next_asked(&walk, &asked);)
        status = look_in_stock(peer, &asked, true, &block, &got);
    for (hf_list walk = ask.as.ask.held; status == HF_OK && hf_next_asked(&walk, &asked);)
        status = look_in_stock(peer, &asked, false, &block, &got);
    return status;
}

/* ---- at the centre ---- */

hf_status hf_leasing_for(hf_peer *station, hf_batch *batch, const hf_ask_for *ask)
{
    hf_store *store = station->hub->store;
    hf_device device;
    hf_asked asked;
    const hf_peer_origin *origin = hf_peer_origin_at(station, ask->origin);
    if (!origin) return HF_ERR_PROTOCOL;
    const hf_origin_row *holder = hf_origin_by_no(store, origin->no);
    hf_status status = hf_device_by_key(store, holder->key_id, &device);
    if (status == HF_ERR_NOT_FOUND) return HF_OK; /* nobody that we know */
    if (status != HF_OK || device.revoked || hf_store_control_waits(store)) return status;
    hf_hub_touch(&station->hub->touched, HF_SCOPE_CONTROL);
    for (hf_list walk = ask->asked; status == HF_OK && hf_next_asked(&walk, &asked);) {
        const hf_type *type = hf_pack_series(hf_store_pack(store), asked.series);
        hf_lease block;
        bool got;
        if (type) status = hf_batch_lease(batch, type->series, holder, asked.last, &block, &got);
    }
    return status;
}

/* ---- a device's own asking ---- */

static hf_status lease_one(hf_peer *peer, hf_batch *batch, const hf_asked *asked)
{
    hf_store *store = peer->hub->store;
    const hf_type *type = hf_pack_series(hf_store_pack(store), asked->series);
    const hf_origin_row *holder = hf_origin_by_no(store, peer->origins[0].no);
    hf_lease block;
    bool got = false;
    if (!type) return HF_OK; /* its pack may be a newer one */
    hf_status status = peer->hub->upstream
                           ? look_in_stock(peer, asked, true, &block, &got)
                           : hf_batch_lease(batch, type->series, holder, asked->last, &block, &got);
    if (status != HF_OK || !got) return status;
    hf_leased item = {.series = asked->series, .first = block.first, .last = block.last};
    hf_write_leased(&peer->leased, &item);
    peer->leased_count++;
    return peer->leased.status;
}

static hf_status lease(hf_peer *peer, hf_batch *batch)
{
    hf_message message;
    hf_asked asked;
    bool is_station = peer->hub->upstream != NULL, got;
    if (!is_station) hf_hub_touch(&peer->hub->touched, HF_SCOPE_CONTROL); /* stations hold it */
    hf_buffer_clear(&peer->leased);
    peer->leased_count = 0;
    hf_status status = hf_message_read(hf_buffer_bytes(&peer->asked), &message);
    for (hf_list walk = message.as.ask.asked; status == HF_OK && hf_next_asked(&walk, &asked);)
        status = lease_one(peer, batch, &asked);
    for (hf_list walk = message.as.ask.held; status == HF_OK && hf_next_asked(&walk, &asked);) {
        hf_lease block;
        if (is_station) status = look_in_stock(peer, &asked, false, &block, &got);
    }
    return status;
}

hf_status hf_leasing_turn(hf_hub *hub)
{
    size_t entries = hub->upstream ? 0 : HF_SERIES_MAX;
    return hf_issue_turn(hub, HF_ISSUE_NUMBERS, HF_LEASES_PER_TURN, entries, lease);
}

void hf_peer_write_lease(hf_peer *peer, hf_buffer *raw)
{
    if (!hf_issue_due(peer, HF_ISSUE_NUMBERS)) return;
    hf_message message = {.type = HF_FRAME_LEASE};
    message.as.leased = (hf_list){hf_buffer_bytes(&peer->leased), peer->leased_count};
    hf_message_write(raw, &message);
    if (!peer->hub->upstream) hf_buffer_free(&peer->asked); /* a station goes by it */
    hf_buffer_free(&peer->leased);
}
