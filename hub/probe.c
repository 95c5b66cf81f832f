/* probe.c: a device asks whether we save what we are sent, and tells how it fared: protocol.md 4.
 *
 * Why in the batch: the answer must say that the disk has it, or a hub that lives and cannot write
 * would look well. */
#include "peer.h"

#include "sync/planted.h"

#include <string.h>

/* What it saw must be of its own logs: nobody tells what another had to wait for. */
static hf_status take_outage(hf_peer *peer, hf_outage *outage)
{
    static const uint8_t none[] = {0x80}; /* an empty list */
    size_t count;
    hf_outage_log log;
    hf_store *store = peer->hub->store;
    hf_reader reader = hf_outage_logs(outage->logs, &count);
    for (size_t i = 0; i < count && hf_outage_next_log(&reader, &log); i++) {
        const hf_origin_row *origin = hf_origin_by_id(store, &log.origin);
        /* Of a life that is not in HELLO: nothing came of it. */
        if (!origin) outage->logs = (hf_bytes){none, sizeof none};
        bool is_own = !origin || memcmp(origin->key_id, peer->key_id, HF_HASH_SIZE) == 0;
        if (is_own) continue;
        hf_session_fail(&peer->session, HF_CODE_MALFORMED, "PROBE tells of another's log");
        return HF_ERR_PROTOCOL;
    }
    memcpy(outage->seer, peer->key_id, sizeof outage->seer);
    outage->told = true;
    return HF_PLANTED(PROBE_DROPPED) ? HF_OK : hf_outage_put(store, outage);
}

static bool is_synced(const hf_peer *peer, const hf_probe_frame *probe)
{
    return peer->fed == HF_FED_FEED && peer->at_end && peer->acked == peer->told &&
           probe->waiting == 0;
}

/* Ten thousand devices each say every few seconds that all is as it was. */
static bool is_worth_writing(const hf_peer *peer, const hf_probe_frame *probe)
{
    bool late = peer->hub->now_ms - peer->told_at_ms >= HF_TOLD_EVERY_MS;
    return peer->told_at_ms == 0 || late || peer->told_synced != is_synced(peer, probe);
}

static hf_status take_standing(hf_peer *peer, const hf_probe_frame *probe)
{
    hf_hub *hub = peer->hub;
    hf_told told;
    if (!is_worth_writing(peer, probe)) return HF_OK;
    hf_status status = hf_told_get(hub->store, peer->key_id, &told);
    bool synced = is_synced(peer, probe);
    told.at_ms = hub->wall_ms;
    told.clock_ms = (int64_t)(probe->wall_ms - hub->wall_ms);
    told.waiting = probe->waiting;
    told.oldest_ms = probe->oldest_ms;
    told.free_mib = probe->free_mib;
    if (synced) told.synced_ms = hub->wall_ms;
    told.pack_version = probe->pack_version;
    memcpy(told.implementation, peer->implementation, sizeof told.implementation);
    if (status == HF_OK) status = hf_told_put(hub->store, &told);
    peer->told_at_ms = hub->now_ms ? hub->now_ms : 1;
    peer->told_synced = synced;
    return status;
}

hf_status hf_peer_probe(hf_peer *peer, const hf_probe_frame *probe)
{
    hf_hub *hub = peer->hub;
    hf_outage outage;
    uint8_t window[HF_RECORD_ID_SIZE];
    hf_status status = take_standing(peer, probe);
    for (hf_list walk = probe->outages; status == HF_OK && hf_next_outage(&walk, &outage);)
        status = take_outage(peer, &outage);
    for (hf_list walk = probe->windows; status == HF_OK && hf_next_window(&walk, window);)
        status = hf_window_known_put(hub->store, window, peer->key_id, hub->wall_ms);
    peer->probe = probe->number;
    return status;
}

void hf_peer_write_probed(hf_peer *peer, uint64_t wall_ms, hf_buffer *raw)
{
    if (peer->probed == 0 || peer->hub->pulse.failed) return;
    hf_message message = {.type = HF_FRAME_PROBED};
    message.as.probe.number = peer->probed;
    message.as.probe.wall_ms = wall_ms;
    if (!peer->counted && !peer->hub->upstream) /* the account is the centre's */
        message.as.probe.has_held = peer->counted =
            hf_outage_told_count(peer->hub->store, peer->key_id, &message.as.probe.held) == HF_OK;
    hf_message_write(raw, &message);
    peer->probe = peer->probed = 0;
}
