/* hub.c: all links and whose turn it is. A turn commits what every device sent, in one transaction;
 * then each is told what of its own is safe, and given what it may see of the others'. */
#include "peer.h"

#include "backlog.h"
#include "fanout.h"
#include "ingest.h"
#include "refill.h"
#include "snapshots.h"
#include "upstream.h"

#include "sync/control.h"
#include "sync/hubs.h"
#include "sync/planted.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hf_status hf_hub_new(hf_store *store, const hf_hub_options *options, hf_hub **out)
{
    *out = NULL;
    hf_hub *hub = calloc(1, sizeof *hub);
    if (!hub) return HF_ERR_NOMEM;
    hub->store = store;
    hub->peers_max = options->peers_max;
    hub->authority = options->authority;
    hub->position = hf_feed_position(store);
    hub->heads_newest = hf_head_newest(store);
    hub->receipts_at_ms = hub->wish_at_ms = UINT64_MAX;
    hub->paced_at_ms = UINT64_MAX;
    for (hub->bucket_count = 1; hub->bucket_count < hub->peers_max;) hub->bucket_count *= 2;
    hub->buckets = calloc(hub->bucket_count, sizeof *hub->buckets);
    (void)snprintf(hub->implementation, sizeof hub->implementation, "%s", options->implementation);
    hf_status status = hub->buckets ? hf_deflater_new(&hub->deflater) : HF_ERR_NOMEM;
    if (status == HF_OK) status = hf_snapshots_new(hub, options, &hub->snapshots);
    if (status == HF_OK && options->station) status = hf_upstream_new(hub, &hub->upstream);
    if (status == HF_OK) status = hf_bundles_new(&hub->bundles);
    if (status == HF_OK) status = hf_pulse_load(hub);
    if (status == HF_OK) status = hf_hub_look_retired(hub);
    if (status != HF_OK) {
        hf_hub_free(hub);
        return status;
    }
    *out = hub;
    return HF_OK;
}

void hf_hub_free(hf_hub *hub)
{
    if (!hub) return;
    while (hub->peers) hf_hub_link_down(hub, hub->peers, hub->now_ms);
    free(hub->rests);
    hf_bundles_free(hub);
    hf_snapshots_free(hub->snapshots);
    hf_upstream_free(hub->upstream);
    hf_deflater_free(hub->deflater);
    hf_buffer_free(&hub->inflated);
    hf_buffer_free(&hub->raw);
    hf_buffer_free(&hub->items);
    hf_buffer_free(&hub->sealed);
    hf_buffer_free(&hub->bytes);
    hf_runs_free(&hub->runs);
    free(hub->points);
    free(hub->buckets);
    free(hub);
}

/* ---- links ---- */

/* A station serves those whose scopes it holds: what it takes from them it must be able to hold
 * whole, and what it does not hold it cannot feed. */
static bool may_connect(hf_hub *hub, const hf_device *device)
{
    if (device->revoked && !(hub->upstream && HF_PLANTED(REVOKED_AT_STATION))) return false;
    return !hub->upstream || hf_upstream_serves(hub->upstream, device);
}

bool hf_hub_admits(hf_hub *hub, const uint8_t key_id[HF_HASH_SIZE])
{
    hf_device device;
    return hf_device_by_key(hub->store, key_id, &device) == HF_OK && may_connect(hub, &device);
}

static void add_scope(hf_peer *peer, uint32_t scope)
{
    size_t at = peer->scope_count;
    while (at > 0 && peer->scopes[at - 1] > scope) at--;
    if (at > 0 && peer->scopes[at - 1] == scope) return;
    memmove(&peer->scopes[at + 1], &peer->scopes[at],
            (peer->scope_count - at) * sizeof *peer->scopes);
    peer->scopes[at] = scope;
    peer->scope_count++;
}

static hf_status scopes_of(hf_hub *hub, hf_peer *peer, const hf_device *device)
{
    if (device->scope_count > HF_SCOPES_MAX - 3) return HF_ERR_LIMIT;
    peer->scopes = calloc(device->scope_count + 3, sizeof *peer->scopes);
    if (!peer->scopes) return HF_ERR_NOMEM;
    add_scope(peer, HF_SCOPE_COMMON);
    if (device->is_hub) add_scope(peer, HF_SCOPE_CONTROL); /* it must know whom to admit */
    if (!hub->upstream || hf_upstream_holds(hub->upstream, device->home))
        add_scope(peer, device->home);
    for (size_t i = 0; i < device->scope_count; i++)
        if (device->scopes[i] != HF_SCOPE_CONTROL) add_scope(peer, device->scopes[i]);
    return HF_OK;
}

static void peer_free(hf_peer *peer)
{
    hf_carrier_close(&peer->carrier);
    hf_fanout_forget_had(peer);
    free(peer->scopes);
    free(peer->origins);
    free(peer->relayed);
    free(peer->named);
    hf_buffer_free(&peer->certificate);
    hf_buffer_free(&peer->notices);
    hf_buffer_free(&peer->had_bits);
    hf_buffer_free(&peer->vector);
    hf_buffer_free(&peer->renewed);
    hf_buffer_free(&peer->renew_for);
    hf_buffer_free(&peer->asked);
    hf_buffer_free(&peer->leased);
    hf_buffer_free(&peer->receipt);
    free(peer);
}

hf_status hf_peer_new_linkless(hf_hub *hub, const hf_device *station, hf_peer **out)
{
    hf_peer *peer = calloc(1, sizeof *peer);
    *out = peer;
    if (!peer) return HF_ERR_NOMEM;
    peer->hub = hub;
    peer->linkless = peer->is_station = true;
    peer->greeted = peer->hello_durable = true;
    memcpy(peer->key_id, station->key_id, HF_HASH_SIZE);
    memcpy(peer->name, station->name, sizeof peer->name);
    hf_session_open(&peer->session, HF_SIDE_HUB, hub->now_ms);
    peer->session.state = HF_SESSION_OPEN;
    return HF_OK;
}

void hf_peer_free_linkless(hf_peer *peer)
{
    hf_backlog_drop(peer->hub, peer);
    peer_free(peer);
}

/* Where the peers with such a key hang. A key id is a hash: its bytes are spread already. */
static hf_peer **bucket_of(const hf_hub *hub, const uint8_t key_id[HF_HASH_SIZE])
{
    uint32_t word;
    memcpy(&word, key_id, sizeof word);
    return &hub->buckets[word & (hub->bucket_count - 1)];
}

/* A device has one session: an older one is a link that died without our hearing of it. It is told
 * to go, which takes as long as the link does; until then its memory is held, so they are counted.
 */
static hf_status supersede(hf_hub *hub, const uint8_t key_id[HF_HASH_SIZE])
{
    unsigned count = 0;
    hf_peer *first = *bucket_of(hub, key_id);
    for (hf_peer *older = first; older; older = older->next_in_bucket)
        if (memcmp(older->key_id, key_id, HF_HASH_SIZE) == 0) count++;
    if (count >= HF_KEY_SESSIONS_MAX) return HF_ERR_LIMIT;
    for (hf_peer *older = first; older && count; older = older->next_in_bucket) {
        if (memcmp(older->key_id, key_id, HF_HASH_SIZE) != 0) continue;
        hf_session_bye(&older->session, HF_CODE_BUSY, HF_REDIAL_MIN_MS);
        hf_backlog_drop(hub, older);
        hf_peer_wake(older);
    }
    return HF_OK;
}

static void bucket_add(hf_hub *hub, hf_peer *peer)
{
    hf_peer **bucket = bucket_of(hub, peer->key_id);
    peer->next_in_bucket = *bucket;
    *bucket = peer;
}

static void bucket_remove(hf_hub *hub, const hf_peer *peer)
{
    hf_peer **at = bucket_of(hub, peer->key_id);
    while (*at != peer) at = &(*at)->next_in_bucket;
    *at = peer->next_in_bucket;
}

hf_status hf_hub_link_up(hf_hub *hub, const uint8_t key_id[HF_HASH_SIZE], hf_validity valid,
                         uint64_t now_ms, hf_peer **out)
{
    *out = NULL;
    hf_device device;
    hf_status status = hf_device_by_key(hub->store, key_id, &device);
    if (status == HF_ERR_NOT_FOUND) return HF_ERR_DENIED;
    if (status == HF_OK && !may_connect(hub, &device)) return HF_ERR_DENIED;
    if (status != HF_OK) return status;
    if (hub->peer_count >= hub->peers_max) return HF_ERR_LIMIT;
    hf_peer *peer = calloc(1, sizeof *peer);
    if (!peer) return HF_ERR_NOMEM;
    status = scopes_of(hub, peer, &device);
    if (status == HF_OK) status = supersede(hub, key_id);
    if (status == HF_OK) status = hf_fanout_join(hub, peer);
    if (status != HF_OK) {
        peer_free(peer);
        return status;
    }
    peer->hub = hub;
    memcpy(peer->key_id, key_id, HF_HASH_SIZE);
    memcpy(peer->name, device.name, sizeof peer->name);
    peer->home = device.home;
    peer->is_station = device.is_hub;
    peer->valid = valid;
    peer->connected_ms = now_ms;
    hf_backlog_join(hub, peer);
    hf_session_open(&peer->session, HF_SIDE_HUB, now_ms);
    hf_pace_open(&peer->pace);
    peer->next = hub->peers;
    if (hub->peers) hub->peers->previous = peer;
    hub->peers = peer;
    hub->peer_count++;
    bucket_add(hub, peer);
    uint64_t hello_ms = hf_session_deadline_ms(&peer->session);
    if (hello_ms < hub->timers_at_ms) hub->timers_at_ms = hello_ms;
    hf_pulse_refuse(hub, peer, device.unit);
    peer->tells_hubs = hub->retired && !HF_PLANTED(RETIRED_SERVES);
    if (hub->retired) hf_peer_wake(peer);
    *out = peer;
    return HF_OK;
}

static void leave_ready(hf_hub *hub, hf_peer *peer)
{
    if (!peer->ready) return;
    hf_peer **at = &hub->ready_first;
    hub->ready_last = NULL;
    while (*at) {
        if (*at == peer) {
            *at = peer->next_ready;
            continue;
        }
        hub->ready_last = *at;
        at = &(*at)->next_ready;
    }
    peer->ready = false;
}

/* What it sent and is not applied is dropped: it was not acknowledged, so it will be sent again. */
void hf_hub_link_down(hf_hub *hub, hf_peer *peer, uint64_t now_ms)
{
    (void)now_ms;
    hf_backlog_drop(hub, peer);
    leave_ready(hub, peer);
    hf_issues_forget(peer);
    hf_refill_forget(peer);
    hf_receipts_forget(peer);
    hf_fanout_drop(hub, peer);
    if (peer->previous)
        peer->previous->next = peer->next;
    else
        hub->peers = peer->next;
    if (peer->next) peer->next->previous = peer->previous;
    hub->peer_count--;
    bucket_remove(hub, peer);
    peer_free(peer);
}

/* ---- receiving ---- */

static hf_status refuse(hf_peer *peer, hf_status status, const char *what)
{
    hf_session_fail_status(&peer->session, status, what);
    hf_peer_wake(peer);
    return status;
}

hf_status hf_hub_recv(hf_hub *hub, hf_peer *peer, hf_bytes message, uint64_t now_ms)
{
    if (!hf_session_live(&peer->session)) return HF_OK;
    hf_bytes raw;
    hf_message frame;
    hf_status status = hf_frame_open(hub->deflater, message, &hub->inflated, &raw);
    if (status != HF_OK) return refuse(peer, status, "message");
    status = hf_session_recv(&peer->session, raw, now_ms, &frame);
    if (hf_session_has_output(&peer->session) || hf_session_over(&peer->session))
        hf_peer_wake(peer); /* a PONG, an ERROR; or it has said goodbye */
    if (status != HF_OK) return status;
    bool queue;
    status = hf_peer_on_frame(peer, &frame, raw, now_ms, &queue);
    if (status != HF_OK) return refuse(peer, status, "frame");
    if (!queue) return HF_OK;
    status = hf_backlog_put(hub, peer, &frame, raw);
    return status == HF_OK ? HF_OK : refuse(peer, status, "inbox");
}

/* ---- a turn ---- */

static void run_timers(hf_hub *hub)
{
    if (hub->now_ms < hub->timers_at_ms) return;
    hub->timers_at_ms = UINT64_MAX;
    for (hf_peer *peer = hub->peers; peer; peer = peer->next) {
        hf_session_tick(&peer->session, hub->now_ms);
        if (hf_session_has_output(&peer->session) || hf_session_over(&peer->session))
            hf_peer_wake(peer);
        uint64_t deadline_ms = hf_session_deadline_ms(&peer->session);
        if (deadline_ms < hub->timers_at_ms) hub->timers_at_ms = deadline_ms;
    }
}

static void wake_starved(hf_hub *hub)
{
    if (!hub->starved) return;
    hub->starved = false;
    for (hf_peer *peer = hub->peers; peer; peer = peer->next) {
        if (peer->starved) hf_peer_wake(peer);
        peer->starved = false;
    }
}

void hf_hub_part(hf_hub *hub)
{
    for (hf_peer *peer = hub->peers; peer; peer = peer->next) {
        if (!hf_session_live(&peer->session)) continue;
        hf_session_bye(&peer->session, HF_CODE_BUSY, HF_REDIAL_MIN_MS);
        hf_backlog_drop(hub, peer);
        hf_peer_wake(peer);
    }
}

void hf_hub_look_gone(hf_hub *hub)
{
    uint64_t gone = hf_hubs_gone_changes(hub->store);
    if (gone == hub->hubs_gone) return;
    hub->hubs_gone = gone;
    hf_hub_part(hub);
}

/* Our own control log goes further than we knew: we were set back, and did not notice. What we may
 * have written since under its seqs ends here; from now on we are another. */
static hf_status begin_anew(hf_hub *hub)
{
    hf_status status = hf_store_new_life(hub->store);
    if (status != HF_OK) return status;
    hub->set_back = false;
    hub->own_head_seq = hub->own_head_at_ms = 0;
    hf_hub_part(hub);
    return HF_OK;
}

bool hf_hub_uploads_only(const hf_hub *hub)
{
    return hf_store_control_waits(hub->store);
}

hf_status hf_hub_turn(hf_hub *hub, uint64_t now_ms, uint64_t wall_ms)
{
    hub->now_ms = now_ms;
    hub->wall_ms = wall_ms;
    hub->turn++;
    hf_status upstream = hub->upstream ? hf_upstream_turn(hub->upstream) : HF_OK;
    run_timers(hub);
    /* Registered a device, published a pack, or the operator wrote: entries that no device sent. */
    bool wrote_outside = hf_feed_position(hub->store) != hub->position;
    uint64_t heads_before = hub->heads_taken;
    hf_status bundles = hf_bundles_turn(hub);
    hf_backlog_take(hub);
    hf_status status = hf_ingest(hub);
    hf_hub_look_gone(hub); /* before anyone is fed past it */
    if (status == HF_OK && hub->set_back) status = begin_anew(hub);
    if (status == HF_OK) status = hf_renew_turn(hub);
    if (status == HF_OK) status = hf_leasing_turn(hub);
    if (status == HF_OK) status = hf_receipts_turn(hub);
    if (status == HF_OK) status = hf_pulse_turn(hub);
    if (hub->upstream) hf_upstream_heads(hub->upstream);
    bool moved = hf_feed_position(hub->store) != hub->position;
    if (moved || hub->heads_taken != heads_before) hf_fanout_wake(hub, wrote_outside);
    if (status == HF_OK) hf_snapshots_turn(hub);
    wake_starved(hub);
    hf_fanout_wake_paced(hub);
    if (status == HF_OK) status = upstream;
    if (status == HF_OK) status = bundles;
    hub->retry_at_ms = status == HF_OK ? 0 : now_ms + HF_STORE_RETRY_MS;
    return status;
}

hf_peer *hf_hub_next_ready(hf_hub *hub)
{
    hf_peer *peer = hub->ready_first;
    if (!peer) return NULL;
    hub->ready_first = peer->next_ready;
    if (!hub->ready_first) hub->ready_last = NULL;
    peer->next_ready = NULL;
    peer->ready = false;
    return peer;
}

/* ---- sending ---- */

static hf_status write_frame(hf_hub *hub, hf_peer *peer, uint64_t now_ms)
{
    uint64_t wall_ms = hub->wall_ms + (now_ms - hub->now_ms);
    if (hf_session_send(&peer->session, now_ms, wall_ms, &hub->raw)) return HF_OK;
    if (!hf_session_live(&peer->session)) return HF_OK;
    if (peer->tells_hubs) return hf_peer_write_hubs(peer, &hub->raw);
    if (peer->hello_durable && peer->session.state == HF_SESSION_GREETED)
        return hf_peer_write_welcome(peer, &hub->raw);
    hf_peer_drop_wishes(peer);
    hf_peer_write_ack(peer, &hub->raw);
    if (hub->raw.size == 0) hf_peer_write_probed(peer, wall_ms, &hub->raw);
    if (hub->raw.size == 0) hf_peer_write_certificate(peer, &hub->raw);
    hf_status status = HF_OK;
    if (hub->raw.size == 0) status = hf_refill_write(hub, peer);
    if (status != HF_OK) return status;
    if (hub->raw.size == 0) hf_peer_write_lease(peer, &hub->raw);
    if (hub->raw.size == 0) hf_peer_write_receipt(peer, &hub->raw);
    if (hub->raw.size == 0) status = hf_peer_write_passed(peer, &hub->raw);
    if (status == HF_OK && hub->raw.size == 0) status = hf_fanout_write(hub, peer, now_ms);
    /* What others sealed goes when there is nothing else, a quarter of a second at a time. */
    size_t piece = peer->flight_count ? 0 : hf_pace_quarter(&peer->pace);
    bool may = hub->raw.size == 0 && peer->session.state == HF_SESSION_OPEN;
    if (status == HF_OK && may) status = hf_carrier_write(&peer->carrier, piece, &hub->raw);
    return status;
}

hf_status hf_hub_send(hf_hub *hub, hf_peer *peer, uint64_t now_ms, hf_bytes *message)
{
    *message = (hf_bytes){NULL, 0};
    hf_buffer_clear(&hub->raw);
    hub->plain = false;
    hf_status status = write_frame(hub, peer, now_ms);
    if (status == HF_OK) status = hub->raw.status;
    if (status == HF_OK && hub->raw.size == 0) return HF_OK;
    if (status == HF_OK && !hub->plain)
        status = hf_frame_seal(hub->deflater, hf_buffer_bytes(&hub->raw), &hub->sealed);
    if (status != HF_OK) return refuse(peer, status, "output");
    *message = hf_buffer_bytes(hub->plain ? &hub->raw : &hub->sealed);
    hf_fanout_wired(peer, message->size, now_ms);
    return HF_OK;
}

bool hf_hub_wants_close(const hf_hub *hub, const hf_peer *peer)
{
    (void)hub;
    return hf_session_over(&peer->session);
}

uint64_t hf_hub_deadline_ms(const hf_hub *hub)
{
    if (hub->postponed_until_ms) return hub->postponed_until_ms;
    uint64_t backlog_ms = hub->backlog.count > 0 ? hub->backlog_ms : UINT64_MAX;
    if (hub->starved || hub->inbox.count > 0 || backlog_ms == 0) return 0;
    if (hf_issues_wait(hub) || hf_snapshots_busy(hub)) return hub->retry_at_ms;
    uint64_t head_ms = hf_ingest_deadline_ms(hub);
    uint64_t due_ms = head_ms < hub->timers_at_ms ? head_ms : hub->timers_at_ms;
    uint64_t upstream_ms = hub->upstream ? hf_upstream_deadline_ms(hub->upstream) : UINT64_MAX;
    if (upstream_ms < due_ms) due_ms = upstream_ms;
    if (hub->wish_at_ms < due_ms) due_ms = hub->wish_at_ms;
    uint64_t receipts_ms = hf_receipts_deadline_ms(hub);
    if (receipts_ms < due_ms) due_ms = receipts_ms;
    uint64_t pulse_ms = hf_pulse_deadline_ms(hub);
    if (pulse_ms < due_ms) due_ms = pulse_ms;
    uint64_t bundles_ms = hf_bundles_deadline_ms(hub);
    if (bundles_ms < due_ms) due_ms = bundles_ms;
    if (hub->paced_at_ms < due_ms) due_ms = hub->paced_at_ms;
    if (backlog_ms < due_ms) due_ms = backlog_ms;
    return due_ms < hub->retry_at_ms ? hub->retry_at_ms : due_ms;
}

const char *hf_hub_refused(const hf_hub *hub, uint64_t *count)
{
    *count = hub->refused;
    return hub->refusal;
}

bool hf_peer_ended(const hf_peer *peer, char *out, size_t size)
{
    const hf_session *session = &peer->session;
    (void)snprintf(out, size, "%s %u: %s", session->by_peer ? "the device said" : "we told it",
                   session->code, session->text);
    return session->code != 0;
}

void *hf_peer_context(const hf_peer *peer)
{
    return peer->context;
}

void hf_peer_set_context(hf_peer *peer, void *context)
{
    peer->context = context;
}

bool hf_peer_status_get(const hf_peer *peer, hf_peer_status *out)
{
    if (!hf_session_live(&peer->session)) return false;
    bool fed = peer->fed == HF_FED_FEED;
    *out = (hf_peer_status){.connected_ms = peer->connected_ms,
                            .fed_position = fed ? peer->acked : 0,
                            .in_sync = fed && peer->at_end && peer->acked == peer->told};
    memcpy(out->name, peer->name, sizeof out->name);
    memcpy(out->key_id, peer->key_id, HF_HASH_SIZE);
    return true;
}

hf_status hf_hub_peers(hf_hub *hub, hf_peer_visitor visit, void *context)
{
    hf_status status = HF_OK;
    for (hf_peer *peer = hub->peers; peer && status == HF_OK; peer = peer->next) {
        hf_peer_status view;
        if (hf_peer_status_get(peer, &view)) status = visit(context, &view);
    }
    return status;
}
