/* greet.c: what a device says it has against what we hold: HELLO, the verdict, WELCOME. */
#include "peer.h"

#include "fanout.h"
#include "snapshots.h"
#include "upstream.h"

#include "sync/control.h"
#include "sync/coverage.h"
#include "sync/hubs.h"
#include "sync/planted.h"
#include "sync/validity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- HELLO ---- */

/* The device's certificate, from its control record: other replicas know its entries by it. */
hf_status hf_peer_find_certificate(hf_peer *peer)
{
    hf_record_id record;
    hf_status status =
        hf_device_certificate(peer->hub->store, peer->key_id, &peer->certificate, &record);
    return status == HF_ERR_NOT_FOUND ? HF_OK : status; /* its entries travel without a name */
}

typedef struct compared {         /* a device's log against ours */
    uint64_t last[HF_LANE_COUNT]; /* ours, with whatever gaps it has */
    bool behind, forked;
} compared;

typedef struct hold_walk {
    hf_store *store;
    hf_peer_origin *origin;
    compared *with;
} hold_walk;

/* What is acknowledged has no gaps; whether the device is behind is seen by the last of all. */
static hf_status hold_log(void *context, const hf_log_state *log)
{
    const hold_walk *walk = context;
    walk->with->last[log->lane] = log->seq;
    return hf_log_dense(walk->store, log->origin_no, log->lane, &walk->origin->now[log->lane].held);
}

static hf_status compare(hf_store *store, const hf_peer_origin *origin, const hf_claim *claim,
                         compared *out)
{
    uint64_t claimed[HF_LANE_COUNT] = {0};
    hf_claimed_log log;
    for (hf_list walk = claim->logs; hf_next_claimed_log(&walk, &log);) {
        uint8_t chain[HF_HASH_SIZE];
        claimed[log.lane] = log.seq;
        if (log.seq > out->last[log.lane]) continue; /* we cannot judge what we lack */
        hf_status status = hf_log_chain_at(store, origin->no, log.lane, log.seq, chain);
        if (status == HF_ERR_NOT_FOUND) continue;
        if (status != HF_OK) return status;
        if (memcmp(chain, log.chain, HF_HASH_SIZE) != 0) out->forked = true;
    }
    for (size_t lane = 0; lane < HF_LANE_COUNT; lane++)
        if (out->last[lane] > claimed[lane]) out->behind = true;
    return HF_OK;
}

static hf_status greet_origin(hf_peer *peer, const hf_claim *claim, compared *out)
{
    hf_store *store = peer->hub->store;
    hf_peer_origin *origin = &peer->origins[peer->origin_count];
    memset(origin, 0, sizeof *origin);
    const hf_origin_row *row;
    hf_status status = hf_origin_learn(store, peer->key_id, claim->incarnation,
                                       hf_buffer_bytes(&peer->certificate), &row);
    if (status != HF_OK) return status;
    for (size_t i = 0; i < peer->origin_count; i++)
        if (peer->origins[i].no == row->no) return HF_ERR_PROTOCOL; /* named twice */
    origin->no = row->no;
    *out = (compared){.behind = false};
    hold_walk walk = {.store = store, .origin = origin, .with = out};
    status = hf_log_each(store, row->no, hold_log, &walk);
    memcpy(origin->durable, origin->now, sizeof origin->durable);
    if (status == HF_OK) status = compare(store, origin, claim, out);
    /* The log that it writes it has, and of another's branch we have nothing for it. Of a former
     * life's log others may still bring what it lost when it was set back. */
    bool writing = peer->origin_count == 0;
    origin->skip = out->forked || (writing && !out->behind);
    peer->origin_count++;
    return status;
}

static hf_status is_our_feed(hf_peer *peer, const hf_cursor *resume, bool *ours)
{
    hf_store *store = peer->hub->store;
    uint8_t chain[16], scopes[16];
    *ours = false;
    if (memcmp(&resume->hub, &hf_store_own_origin(store)->id, sizeof resume->hub) != 0)
        return HF_OK;
    if (memcmp(resume->epoch, hf_store_epoch(store), sizeof resume->epoch) != 0) return HF_OK;
    hf_scope_set_hash(hf_store_crypto(store), peer->scopes, peer->scope_count, scopes);
    if (memcmp(resume->scopes, scopes, sizeof scopes) != 0) return HF_OK;
    hf_status status = hf_feed_chain_at(store, resume->position, chain);
    if (status == HF_ERR_NOT_FOUND) return HF_OK;
    *ours = status == HF_OK && memcmp(resume->chain, chain, sizeof chain) == 0;
    return status;
}

/* A station is gone since it was here. Stations bring what they hold by themselves. */
static hf_status may_have_read(const hf_peer *peer, const hf_hello *hello, bool *may)
{
    uint64_t gone;
    hf_status status = hf_hubs_gone(peer->hub->store, &gone);
    *may = status == HF_OK && !peer->is_station && hello->resume.position < gone;
    return status;
}

/* By its vectors a device says more exactly what it holds; and a snapshot may take from it what it
 * names, so there nothing of it is believed. */
static hf_status take_elsewhere(hf_peer *peer, const hf_hello *hello)
{
    hf_fanout_forget_had(peer);
    hf_buffer_clear(&peer->had_bits);
    if (peer->verdict != HF_RESUME || peer->is_station) return HF_OK;
    hf_status status =
        hf_had_read(peer->hub->store, &hello->elsewhere, &peer->had_bits, &peer->had);
    if (status != HF_OK) return status;
    peer->hub->had_count += hf_had_count(peer->had);
    if (peer->hub->had_count > HF_ELSEWHERE_HUB_MAX) hf_fanout_forget_had(peer);
    if (!peer->had) hf_buffer_clear(&peer->had_bits);
    return HF_OK;
}

static hf_status judge(hf_peer *peer, const hf_hello *hello, const compared *writing)
{
    bool ours = false;
    hf_status status = hello->resuming ? is_our_feed(peer, &hello->resume, &ours) : HF_OK;
    if (status != HF_OK) return status;
    bool owes =
        false; /* what it holds and we lack, vectors show; a device that resumes sends none */
    if (ours) status = hf_coverage_owes(peer->hub->store, peer->key_id, &owes);
    if (status == HF_OK && ours && !owes) status = may_have_read(peer, hello, &owes);
    if (status != HF_OK) return status;
    peer->verdict = !hello->resuming || (ours && !owes) ? HF_RESUME : HF_VECTORS;
    bool waits = hf_store_control_waits(peer->hub->store) && !HF_PLANTED(WAIT_FED);
    if (waits) peer->verdict = HF_REFILLING;
    if (!hf_validity_holds(peer->valid, peer->hub->wall_ms)) peer->verdict = HF_EXPIRED;
    if (writing->behind) peer->verdict = HF_BEHIND;
    if (writing->forked) peer->verdict = HF_FORKED;
    status = take_elsewhere(peer, hello);
    bool suits = false;
    if (status == HF_OK) status = hf_snapshots_suit(peer, hello, &suits);
    if (status != HF_OK) return status;
    if (suits) {
        hf_fanout_forget_had(peer);
        hf_buffer_clear(&peer->had_bits);
        peer->snapshot_from =
            peer->verdict == HF_RESUME && hello->resuming ? hello->resume.position : 0;
        peer->snapshot_needed = hello->capabilities & HF_NEEDS_SNAPSHOT;
        peer->verdict = HF_SNAPSHOT;
        hf_snapshots_wait(peer);
    }
    bool carries = peer->verdict != HF_EXPIRED && peer->verdict != HF_BEHIND &&
                   peer->verdict != HF_FORKED && hello->capabilities & HF_CARRIES;
    hf_carrier_open(&peer->carrier, peer->hub->store, peer->key_id, false);
    if (!peer->is_station) peer->carrier.most = HF_CARRY_ROWS_DEVICE;
    peer->carrier.on = carries;
    bool resumes = peer->verdict == HF_RESUME;
    bool by_vectors = peer->verdict == HF_VECTORS || peer->verdict == HF_SNAPSHOT ||
                      peer->verdict == HF_REFILLING;
    peer->fed = resumes ? HF_FED_FEED : by_vectors ? HF_FED_VECTORS : HF_FED_NOT;
    uint64_t position = resumes && hello->resuming ? hello->resume.position : 0;
    peer->scanned = peer->told = peer->acked = position;
    if (HF_PLANTED(RESYNC_FROM_ZERO)) peer->scanned = 0;
    peer->heads = resumes && hello->resuming ? hello->heads : 0;
    peer->heads_looked = UINT64_MAX; /* not looked yet */
    return HF_OK;
}

/* Receipts of another hub, or of a former life of this one, are none of ours; and one that covers
 * more than is here speaks of what was lost. */
static void note_receipts(hf_peer *peer, const hf_hello *hello)
{
    const hf_origin_id *own = &hf_store_own_origin(peer->hub->store)->id;
    bool ours = memcmp(&hello->receipts.hub, own, sizeof *own) == 0;
    hf_receipted one;
    peer->wants_receipts = hello->receipts.set && peer->fed != HF_FED_NOT;
    for (hf_list walk = hello->receipts.logs; ours && hf_next_receipted(&walk, &one);) {
        if (one.origin >= peer->origin_count) continue;
        hf_peer_origin *origin = &peer->origins[one.origin];
        uint64_t held = origin->now[one.lane].held;
        origin->receipted[one.lane] = one.seq < held ? one.seq : held;
    }
    for (size_t i = 0; HF_PLANTED(RECEIPT_ONCE) && i < peer->origin_count; i++)
        for (size_t lane = 0; lane < HF_LANE_COUNT; lane++)
            peer->origins[i].receipted[lane] = peer->origins[i].now[lane].held;
    peer->passed_hub = hello->passed.hub;
    for (hf_list walk = hello->passed.logs; hf_next_receipted(&walk, &one);)
        if (one.origin < peer->origin_count) peer->origins[one.origin].passed[one.lane] = one.seq;
}

hf_status hf_peer_greet(hf_peer *peer, const hf_hello *hello)
{
    if (hello->protocol_min > HF_PROTOCOL || hello->protocol_max < HF_PROTOCOL) {
        hf_session_fail(&peer->session, HF_CODE_VERSION, "this hub speaks protocol %d",
                        HF_PROTOCOL);
        return HF_ERR_PROTOCOL;
    }
    hf_peer_origin *origins = realloc(peer->origins, hello->origins.count * sizeof *origins);
    if (!origins) return HF_ERR_NOMEM;
    peer->origins = origins;
    peer->origin_count = 0;
    (void)snprintf(peer->implementation, sizeof peer->implementation, "%.*s",
                   (int)hello->implementation.size, (const char *)hello->implementation.data);
    compared writing = {.behind = false}, other;
    hf_status status = HF_OK;
    hf_claim claim;
    for (hf_list walk = hello->origins; status == HF_OK && hf_next_claim(&walk, &claim);)
        status = greet_origin(peer, &claim, peer->origin_count == 0 ? &writing : &other);
    if (status == HF_OK) status = judge(peer, hello, &writing);
    if (status == HF_OK) note_receipts(peer, hello);
    if (status == HF_OK) peer->greeted = true;
    if (status == HF_ERR_PROTOCOL) hf_session_fail_status(&peer->session, status, "HELLO");
    return status;
}

/* ---- WELCOME ---- */

static hf_status write_scopes(hf_peer *peer, hf_buffer *items)
{
    for (size_t i = 0; i < peer->scope_count; i++) {
        char name[64];
        uint32_t number = peer->scopes[i];
        hf_status status = hf_scope_name(peer->hub->store, number, name, sizeof name);
        if (status == HF_ERR_NOT_FOUND) name[0] = 0;
        if (status != HF_OK && status != HF_ERR_NOT_FOUND) return status;
        hf_scope_item item = {.number = number,
                              .name = {(const uint8_t *)name, strlen(name)},
                              .may_write = number != peer->home && number > HF_SCOPE_COMMON};
        hf_write_scope_item(items, &item);
    }
    return items->status;
}

/* Our own former lives; and at the centre each centre before it, where a station was promoted:
 * there is one centre, and what it has not that one has lost. Of very many the newest are told. */
static size_t write_former(hf_hub *hub, hf_buffer *items)
{
    const hf_origin_row *own = hf_store_own_origin(hub->store);
    size_t count = 0;
    for (size_t no = hf_origin_count(hub->store); no > 0 && count < HF_FORMER_MAX; no--) {
        const hf_origin_row *row = hf_origin_by_no(hub->store, (int64_t)no);
        bool was_ours = row && row->known && memcmp(row->key_id, own->key_id, HF_HASH_SIZE) == 0;
        bool was_centre = row && row->is_hub && !hub->upstream;
        if (!row || row == own || (!was_ours && !was_centre)) continue;
        hf_write_bytes(items, row->id.bytes, HF_ORIGIN_SIZE);
        count++;
    }
    return count;
}

static hf_status write_yours_of(const hf_peer *peer, size_t index, hf_buffer *items, size_t *count)
{
    const hf_peer_origin *origin = &peer->origins[index];
    for (uint8_t lane = 0; lane < HF_LANE_COUNT; lane++) {
        uint64_t held = origin->durable[lane].held;
        hf_yours yours = {.origin = (uint8_t)index, .lane = lane, .durable = held};
        if (held == 0) continue;
        hf_status status = hf_peer_central(peer->hub, origin->no, lane, held, &yours.central);
        if (status != HF_OK) return status;
        status = hf_log_chain_at(peer->hub->store, origin->no, lane, held, yours.chain);
        if (status != HF_OK && status != HF_ERR_NOT_FOUND) return status;
        hf_write_yours(items, &yours);
        (*count)++;
    }
    return items->status;
}

/* Ours; and at a station its centre's, by whose word it speaks: a device may only ever meet us. */
static hf_status write_formers(hf_hub *hub, hf_buffer *items, hf_welcome *welcome)
{
    hf_buffer names = {0};
    size_t count = write_former(hub, items);
    hf_status status = items->status;
    if (status == HF_OK && hub->upstream)
        status = hf_upstream_centre(hub->upstream, &names, welcome);
    size_t at = names.size;
    for (; at >= HF_ORIGIN_SIZE && count < HF_FORMER_MAX; count++) { /* the newest */
        at -= HF_ORIGIN_SIZE;
        hf_write_bytes(items, names.data + at, HF_ORIGIN_SIZE);
    }
    hf_buffer_free(&names);
    welcome->former = (hf_list){hf_buffer_bytes(items), count};
    return status == HF_OK ? items->status : status;
}

hf_status hf_peer_write_welcome(hf_peer *peer, hf_buffer *raw)
{
    hf_hub *hub = peer->hub;
    hf_buffer *scopes = &hub->items, *yours = &hub->bytes;
    hf_buffer_clear(scopes);
    hf_buffer_clear(yours);
    peer->announced = hf_feed_position(hub->store);
    hf_status status = hf_feed_chain_at(hub->store, peer->announced, peer->announced_chain);
    if (status == HF_OK) status = write_scopes(peer, scopes);
    size_t yours_count = 0;
    hf_buffer former = {0};
    hf_message message = {.type = HF_FRAME_WELCOME};
    for (size_t i = 0; i < peer->origin_count && status == HF_OK; i++)
        status = write_yours_of(peer, i, yours, &yours_count);
    if (status != HF_OK) return status;
    message.as.welcome = (hf_welcome){
        .protocol = HF_PROTOCOL,
        .implementation = {(const uint8_t *)hub->implementation, strlen(hub->implementation)},
        .hub = hf_store_own_origin(hub->store)->id,
        .position = peer->announced,
        .wall_ms = hub->wall_ms,
        .yours = {hf_buffer_bytes(yours), yours_count},
        .scopes = {hf_buffer_bytes(scopes), peer->scope_count},
        .verdict = (uint8_t)peer->verdict,
        .window_entries = HF_CREDIT_ENTRIES,
        .window_bytes = HF_CREDIT_BYTES,
        .pack_version = hf_pack_version(hf_store_pack(hub->store)),
    };
    memcpy(message.as.welcome.epoch, hf_store_epoch(hub->store), 16);
    memcpy(message.as.welcome.chain, peer->announced_chain, 16);
    status = write_formers(hub, &former, &message.as.welcome);
    if (status == HF_OK) hf_message_write(raw, &message);
    if (status == HF_OK) hf_session_greeted(&peer->session);
    hf_buffer_free(&former);
    return status == HF_OK && hub->upstream ? hf_passing_look(peer) : status;
}
