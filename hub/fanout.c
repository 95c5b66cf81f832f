/* fanout.c: the feed, cut to what each peer may see, never faster than it says it has stored it.
 *
 * Why from the store and not from memory: a peer that was away for a week and one that is waiting
 * are served by the same few lines, and a slow one holds nothing but its own place. */
#include "fanout.h"

#include "snapshots.h"
#include "vectors.h"

#include "sync/planted.h"
#include "sync/validity.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    READS_PER_FRAME = 8,
    HEADS_PER_FRAME = 32,
    SAMPLES = 256
}; /* bounds on one peer's turn at the store */

/* ---- waking ---- */

static void mark(uint64_t marks[HF_PEER_MARKS], uint32_t scope)
{
    uint32_t bit = scope * UINT32_C(0x9e3779b1) >> 24; /* of 256: 64 in each */
    marks[bit / 64] |= UINT64_C(1) << bit % 64;
}

static void mark_all(uint64_t marks[HF_PEER_MARKS], const hf_scope_list *list)
{
    memset(marks, list->count > HF_HUB_TOUCHED_MAX ? 0xff : 0, HF_PEER_MARKS * sizeof *marks);
    for (size_t i = 0; i < list->count && i < HF_HUB_TOUCHED_MAX; i++) mark(marks, list->scopes[i]);
}

static bool meets(const hf_rest *rest, const uint64_t marks[HF_PEER_MARKS])
{
    uint64_t common = 0;
    for (size_t i = 0; i < HF_PEER_MARKS; i++) common |= rest->marks[i] & marks[i];
    return common != 0;
}

static bool concerns(const hf_scope_list *list, const hf_peer *peer)
{
    if (list->count > HF_HUB_TOUCHED_MAX) return true;
    for (size_t i = 0; i < list->count; i++)
        if (hf_peer_holds(peer, list->scopes[i])) return true;
    return false;
}

/* Told of nothing for so long, a peer is told how far the feed is. Not all at the same position:
 * ten thousand frames at once would keep everybody waiting. */
static uint64_t lag_max(const hf_peer *peer)
{
    uint32_t dice = (uint32_t)peer->key_id[0] << 8 | peer->key_id[1];
    return HF_FEED_LAG_MAX / 2 + dice % (HF_FEED_LAG_MAX / 2);
}

static bool lags(const hf_peer *peer)
{
    return peer->scanned - peer->told >= lag_max(peer);
}

static bool is_owed(const hf_hub *hub, const hf_peer *peer)
{
    return !peer->at_end || peer->scanned != hf_feed_position(hub->store) || lags(peer) ||
           peer->heads_looked != hub->heads_taken;
}

/* Ten thousand peers that a commit does not concern are passed over without a look at them. */
static void rest(hf_hub *hub, hf_peer *peer)
{
    hub->rests[peer->rest].until = peer->told + lag_max(peer);
}

static void end_rest(hf_hub *hub, hf_peer *peer)
{
    if (hub->rests[peer->rest].until == 0) return;
    hub->rests[peer->rest].until = 0;
    peer->scanned = hub->position;
    if (peer->heads_looked == hub->heads_woken) return;
    peer->heads_looked = hub->heads_woken;
    peer->heads = hub->heads_newest;
}

/* One who had looked at all heads before, and holds no scope of the new ones, has nothing to look
 * for: else each head, four a second from each device that writes, would be a query for every peer.
 */
static void pass_heads_over(hf_hub *hub, hf_peer *peer)
{
    if (hub->heads_taken == hub->heads_woken || peer->heads_looked != hub->heads_woken) return;
    if (concerns(&hub->headed, peer)) return;
    peer->heads_looked = hub->heads_taken;
    peer->heads = hf_head_newest(hub->store);
}

static void wake(hf_hub *hub, hf_peer *peer, bool all)
{
    uint64_t position = hf_feed_position(hub->store);
    if (peer->fed != HF_FED_FEED || peer->session.state != HF_SESSION_OPEN) return;
    end_rest(hub, peer);
    /* Nothing new in its scopes: it is as far as the feed goes without a look. */
    if (position != hub->position && peer->at_end && !all && !concerns(&hub->touched, peer))
        peer->scanned = position;
    pass_heads_over(hub, peer);
    if (peer->scanned < position) peer->at_end = false;
    if (is_owed(hub, peer))
        hf_peer_wake(peer);
    else
        rest(hub, peer);
}

void hf_fanout_wake(hf_hub *hub, bool all)
{
    uint64_t position = hf_feed_position(hub->store);
    uint64_t touched[HF_PEER_MARKS], headed[HF_PEER_MARKS];
    bool heads_came = hub->heads_taken != hub->heads_woken;
    mark_all(touched, &hub->touched);
    mark_all(headed, &hub->headed);
    for (size_t i = 0; i < hub->peer_count; i++) {
        const hf_rest *rest = &hub->rests[i];
        bool is_left = position < rest->until && !all && !meets(rest, touched) &&
                       !(heads_came && meets(rest, headed));
        if (!is_left) wake(hub, rest->peer, all);
    }
    hub->position = position;
    hub->heads_woken = hub->heads_taken;
    hub->heads_newest = hf_head_newest(hub->store);
}

hf_status hf_fanout_join(hf_hub *hub, hf_peer *peer)
{
    if (hub->peer_count == hub->rest_capacity) {
        size_t capacity = hub->rest_capacity ? hub->rest_capacity * 2 : 16;
        hf_rest *rests = realloc(hub->rests, capacity * sizeof *rests);
        if (!rests) return HF_ERR_NOMEM;
        hub->rests = rests;
        hub->rest_capacity = capacity;
    }
    peer->rest = hub->peer_count;
    hub->rests[peer->rest] = (hf_rest){.peer = peer};
    for (size_t i = 0; i < peer->scope_count; i++)
        mark(hub->rests[peer->rest].marks, peer->scopes[i]);
    return HF_OK;
}

/* ---- ORIGIN ---- */

bool hf_fanout_named(hf_peer *peer, int64_t origin_no)
{
    size_t byte = (size_t)origin_no / 8;
    if (byte < peer->named_size && peer->named[byte] & 1u << (origin_no % 8)) return true;
    for (size_t i = 0; i < peer->wanted_count; i++)
        if (peer->wanted[i] == origin_no) return false;
    if (peer->wanted_count < HF_PEER_WANTED_MAX) peer->wanted[peer->wanted_count++] = origin_no;
    return false;
}

static hf_status name(hf_peer *peer, int64_t origin_no)
{
    size_t byte = (size_t)origin_no / 8;
    if (byte >= peer->named_size) {
        size_t size = byte + 16;
        uint8_t *named = realloc(peer->named, size);
        if (!named) return HF_ERR_NOMEM;
        memset(named + peer->named_size, 0, size - peer->named_size);
        peer->named = named;
        peer->named_size = size;
    }
    peer->named[byte] |= (uint8_t)(1u << (origin_no % 8));
    return HF_OK;
}

static hf_status write_origin(hf_hub *hub, hf_peer *peer)
{
    int64_t origin_no = peer->wanted[--peer->wanted_count];
    const hf_origin_row *row = hf_origin_by_no(hub->store, origin_no);
    assert(row && origin_no <= HF_ORIGIN_INDEX_MAX);
    hf_status status = hf_origin_certificate(hub->store, origin_no, &hub->bytes);
    if (status == HF_OK) status = name(peer, origin_no);
    if (status != HF_OK) return status;
    hf_message message = {.type = HF_FRAME_ORIGIN};
    message.as.origin.index = (uint32_t)origin_no;
    memcpy(message.as.origin.key_id, row->key_id, HF_HASH_SIZE);
    memcpy(message.as.origin.incarnation, row->incarnation, HF_INCARNATION_SIZE);
    message.as.origin.certificate = hf_buffer_bytes(&hub->bytes);
    hf_message_write(&hub->raw, &message);
    return HF_OK;
}

/* ---- FEED ---- */

typedef struct feed_walk {
    hf_hub *hub;
    hf_peer *peer;
} feed_walk;

/* It came from this station, in this session: it has it. */
static bool was_relayed(const hf_peer *peer, const hf_feed_item *item)
{
    for (size_t i = 0; i < peer->relayed_durable; i++) {
        const hf_peer_relayed *author = &peer->relayed[i];
        if (author->origin.no != item->origin_no) continue;
        uint64_t sent = author->sent[item->entry.dot.lane];
        return item->entry.dot.seq <= sent || (sent && HF_PLANTED(RELAY_SKIPS_FEED));
    }
    return false;
}

/* The same of a device's own; what others bring of its former lives it may lack. */
static bool was_pushed(const hf_peer *peer, const hf_feed_item *item)
{
    const hf_dot *dot = &item->entry.dot;
    for (size_t i = 0; i < peer->origin_count; i++) {
        const hf_peer_origin *origin = &peer->origins[i];
        if (origin->no != item->origin_no) continue;
        bool sent = origin->pushed & 1u << dot->lane;
        return sent && dot->seq <= origin->durable[dot->lane].held;
    }
    return false;
}

static hf_status feed_item(void *context, const hf_feed_item *item)
{
    feed_walk *walk = context;
    if (HF_PLANTED(FEED_SKIPS_FILTERED) && item->entry.dot.seq % 16 == 15) return HF_OK;
    if (was_relayed(walk->peer, item) || was_pushed(walk->peer, item)) return HF_OK;
    if (!hf_fanout_named(walk->peer, item->origin_no) || walk->peer->wanted_count > 0) return HF_OK;
    hf_runs_add(&walk->hub->runs, (uint32_t)item->origin_no, item->entry.dot.lane,
                item->entry.body);
    return walk->hub->runs.bodies.status;
}

/* What the peer may see and does not have; `skip` is room for what the query borrows. */
static hf_feed_query query_of(const hf_peer *peer, int64_t skip[HF_HELLO_ORIGINS_MAX])
{
    hf_feed_query query = {
        .scopes = peer->scopes, .scope_count = peer->scope_count, .skip = skip, .had = peer->had};
    for (size_t i = 0; i < peer->origin_count; i++)
        if (peer->origins[i].skip) skip[query.skip_count++] = peer->origins[i].no;
    return query;
}

/* It is woken when its link has carried what it has. */
static void wait_for_link(hf_hub *hub, hf_peer *peer)
{
    uint64_t due_ms = hf_pace_due_ms(&peer->pace);
    if (peer->paced_at_ms) return;
    peer->paced_at_ms = due_ms ? due_ms : 1;
    peer->next_paced = hub->paced;
    hub->paced = peer;
    if (due_ms < hub->paced_at_ms) hub->paced_at_ms = due_ms;
}

void hf_fanout_wake_paced(hf_hub *hub)
{
    if (hub->now_ms < hub->paced_at_ms) return;
    hub->paced_at_ms = UINT64_MAX;
    for (hf_peer **at = &hub->paced; *at;) {
        hf_peer *peer = *at;
        if (peer->paced_at_ms <= hub->now_ms) {
            *at = peer->next_paced;
            peer->paced_at_ms = 0;
            hf_peer_wake(peer);
            continue;
        }
        if (peer->paced_at_ms < hub->paced_at_ms) hub->paced_at_ms = peer->paced_at_ms;
        at = &peer->next_paced;
    }
}

void hf_fanout_drop(hf_hub *hub, hf_peer *peer)
{
    hub->rests[peer->rest] = hub->rests[hub->peer_count - 1];
    hub->rests[peer->rest].peer->rest = peer->rest;
    hf_peer **at = &hub->paced;
    while (peer->paced_at_ms && *at != peer) at = &(*at)->next_paced;
    if (peer->paced_at_ms) *at = peer->next_paced;
    peer->paced_at_ms = 0;
}

bool hf_fanout_open(hf_hub *hub, hf_peer *peer, uint64_t now_ms)
{
    if (!hf_pace_open_for(&peer->pace, peer->pace.in_flight, now_ms)) {
        wait_for_link(hub, peer);
        return false;
    }
    return peer->flight_count < HF_FEED_FRAMES_MAX &&
           peer->flight_bytes + HF_FRAME_TARGET_SIZE + HF_ENTRY_SIZE_MAX <= HF_FEED_WINDOW_BYTES;
}

void hf_fanout_flies(hf_peer *peer, uint64_t to, size_t bytes)
{
    size_t slot = (peer->first_flight + peer->flight_count++) % HF_FEED_FRAMES_MAX;
    peer->flights[slot].to = to;
    peer->flights[slot].bytes = (uint32_t)bytes;
    peer->flights[slot].mark.size = 0;
    peer->flight_bytes += bytes;
    peer->told = to;
}

void hf_fanout_landed(hf_peer *peer)
{
    peer->flight_count = peer->flight_bytes = 0;
    hf_pace_open(&peer->pace);
}

static void write_feed(hf_hub *hub, hf_peer *peer, uint64_t to, const uint8_t chain[16])
{
    hf_message message = {.type = HF_FRAME_FEED};
    message.as.feed.from = peer->told;
    message.as.feed.to = to;
    memcpy(message.as.feed.chain, chain, 16);
    message.as.feed.runs = hf_runs_end(&hub->runs);
    hf_message_write(&hub->raw, &message);
    if (hub->runs.done.status != HF_OK) hub->raw.status = hub->runs.done.status;
    hf_fanout_flies(peer, to, hub->runs.bytes);
}

static hf_status read_feed(hf_hub *hub, hf_peer *peer, uint64_t *reached, uint8_t chain[16])
{
    int64_t skip[HF_HELLO_ORIGINS_MAX];
    feed_walk walk = {.hub = hub, .peer = peer};
    hf_runs_clear(&hub->runs);
    hf_feed_query query = query_of(peer, skip);
    query.after = peer->scanned;
    query.limit = HF_FEED_READ_MAX;
    query.bytes = hf_pace_frame(&peer->pace);
    return hf_feed_read_scopes(hub->store, &query, feed_item, &walk, reached, chain);
}

hf_status hf_fanout_sample(const hf_peer *peer, uint64_t from, uint64_t *entries, uint64_t *bytes)
{
    hf_store *store = peer->hub->store;
    int64_t skip[HF_HELLO_ORIGINS_MAX];
    hf_feed_query query = query_of(peer, skip);
    uint64_t end = hf_feed_position(store), seen = 0, sampled = 0, looked = 0;
    uint64_t step = (end - from) / SAMPLES + 1;
    for (uint64_t at = from + 1; at <= end; at += step, looked++) {
        size_t size;
        hf_status status = hf_feed_size_at(store, at, &query, &size);
        if (status != HF_OK) return status;
        sampled += size;
        if (size > 0) seen++;
    }
    *entries = looked ? seen * (end - from) / looked : 0;
    *bytes = looked ? sampled / looked * (end - from) : 0;
    return HF_OK;
}

static hf_status feed(hf_hub *hub, hf_peer *peer, uint64_t now_ms)
{
    uint64_t end = hf_feed_position(hub->store);
    for (int reads = 0; reads < READS_PER_FRAME; reads++) {
        if (peer->scanned >= end && peer->at_end && !lags(peer)) return HF_OK;
        if (!hf_fanout_open(hub, peer, now_ms)) return HF_OK;
        uint64_t reached;
        uint8_t chain[16];
        hf_status status = read_feed(hub, peer, &reached, chain);
        if (status != HF_OK) return status;
        if (peer->wanted_count > 0) return write_origin(hub, peer); /* the read is made again */
        peer->scanned = reached;
        peer->at_end = reached >= end;
        bool worth =
            hub->runs.total > 0 || lags(peer) || (peer->at_end && peer->told < peer->announced);
        if (!worth || reached == peer->told) continue;
        write_feed(hub, peer, reached, chain);
        return HF_OK;
    }
    hf_peer_wake(peer); /* a long way with nothing for it: go on when others have had their turn */
    return HF_OK;
}

/* ---- HEADS ---- */

typedef struct heads_walk {
    const hf_peer *peer;
    struct {
        hf_head head;
        uint64_t number;
    } found[HEADS_PER_FRAME];
    size_t count;
    bool ahead; /* the next head covers what the peer has not been fed yet */
} heads_walk;

static hf_status find_head(void *context, uint64_t number, const hf_head *head, uint64_t position)
{
    heads_walk *walk = context;
    walk->ahead = position > walk->peer->scanned;
    if (walk->ahead || walk->count == HEADS_PER_FRAME) return HF_ERR_LIMIT;
    walk->found[walk->count].head = *head;
    walk->found[walk->count++].number = number;
    return HF_OK;
}

static bool is_own(const hf_peer *peer, int64_t origin_no)
{
    for (size_t i = 0; i < peer->origin_count; i++)
        if (peer->origins[i].no == origin_no) return true;
    return false;
}

/* Adds a head with those of its leaves that the peer may see; *added false when there are none. */
static hf_status add_head(hf_hub *hub, hf_peer *peer, const hf_head *head, bool *added)
{
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    const hf_origin_row *row = hf_origin_by_id(hub->store, &head->origin);
    *added = false;
    if (!row || is_own(peer, row->no)) return HF_OK;
    if (hf_had_head(peer->had, row->no, head->lane, head->seq)) {
        peer->heads_passed = true;
        return HF_OK;
    }
    /* As they came: a station holds a log in part, and could not make them anew. */
    hf_status status = hf_head_kept_leaves(hub->store, head, leaves, &count);
    if (status == HF_ERR_NOT_FOUND) return HF_OK; /* a newer one is here, and comes */
    if (status != HF_OK) return status;
    hf_head_item item = {.origin = (uint32_t)row->no, .head = *head};
    hf_buffer_clear(&hub->bytes);
    for (size_t i = 0; i < count; i++) {
        if (!hf_peer_holds(peer, leaves[i].scope)) continue;
        hf_write_leaf(&hub->bytes, &leaves[i]);
        item.leaves.count++;
    }
    item.leaves.items = hf_buffer_bytes(&hub->bytes);
    if (item.leaves.count == 0 || !hf_fanout_named(peer, row->no)) return HF_OK;
    hf_write_head_item(&hub->items, &item);
    *added = true;
    return hub->bytes.status;
}

static hf_status heads(hf_hub *hub, hf_peer *peer)
{
    if (peer->heads_looked == hub->heads_taken) return HF_OK;
    heads_walk walk = {.peer = peer};
    hf_status status = hf_head_each(hub->store, peer->heads, HEADS_PER_FRAME + 1, find_head, &walk);
    if (status != HF_OK && status != HF_ERR_LIMIT) return status;
    hf_buffer_clear(&hub->items);
    size_t added_count = 0;
    uint64_t number = peer->heads;
    status = HF_OK;
    for (size_t i = 0; i < walk.count && status == HF_OK; i++) {
        bool added;
        status = add_head(hub, peer, &walk.found[i].head, &added);
        if (peer->wanted_count > 0) return write_origin(hub, peer); /* the look is made again */
        number = walk.found[i].number;
        if (added) added_count++;
    }
    if (status != HF_OK) return status;
    peer->heads = number;
    if (walk.count < HEADS_PER_FRAME && !walk.ahead) peer->heads_looked = hub->heads_taken;
    bool more = added_count == 0 && walk.count == HEADS_PER_FRAME;
    if (more) hf_peer_wake(peer); /* look on later */
    /* What it has of them it is told by their number alone: else they would come the next time. */
    if (more || (added_count == 0 && !peer->heads_passed)) return HF_OK;
    peer->heads_passed = false;
    hf_message message = {.type = HF_FRAME_HEADS};
    message.as.heads.heads = (hf_list){hf_buffer_bytes(&hub->items), added_count};
    message.as.heads.number = number;
    hf_message_write(&hub->raw, &message);
    return hub->items.status;
}

/* ---- what it had elsewhere ---- */

void hf_fanout_forget_had(hf_peer *peer)
{
    if (!peer->had) return; /* nor a hub, perhaps: it was never let in */
    peer->hub->had_count -= hf_had_count(peer->had);
    hf_had_free(peer->had);
    peer->had = NULL;
}

hf_status hf_fanout_note_heads(hf_peer *peer, const hf_vector *vector)
{
    hf_hub *hub = peer->hub;
    size_t before = hf_had_count(peer->had), room = HF_ELSEWHERE_HEADS_MAX - before;
    if (peer->verdict != HF_VECTORS) return HF_OK; /* what a snapshot brings, heads are to prove */
    if (room > HF_ELSEWHERE_HUB_MAX - hub->had_count) room = HF_ELSEWHERE_HUB_MAX - hub->had_count;
    hf_status status = hf_had_add_heads(hub->store, vector, room, &peer->had);
    hub->had_count += hf_had_count(peer->had) - before;
    return status;
}

/* Once all is looked at that was here when it came, what it named is behind it. */
static void settle_had(hf_hub *hub, hf_peer *peer)
{
    bool looked = peer->at_end && peer->scanned == hf_feed_position(hub->store) &&
                  peer->heads_looked == hub->heads_taken;
    if (looked) hf_fanout_forget_had(peer);
}

/* It is not fed what it had; so it is told that we have it, too. */
static void write_had(hf_hub *hub, hf_peer *peer)
{
    hf_message message = {.type = HF_FRAME_HAD, .as.had = hf_buffer_bytes(&peer->had_bits)};
    hf_message_write(&hub->raw, &message);
    hf_buffer_clear(&peer->had_bits);
}

/* ---- one frame ---- */

void hf_fanout_wired(hf_peer *peer, size_t wire, uint64_t now_ms)
{
    size_t newest = (peer->first_flight + peer->flight_count - 1) % HF_FEED_FRAMES_MAX;
    if (peer->flight_count == 0 || peer->flights[newest].mark.size)
        hf_pace_besides(&peer->pace, wire);
    else
        peer->flights[newest].mark =
            hf_pace_sent(&peer->pace, peer->flights[newest].bytes, wire, now_ms);
}

hf_status hf_fanout_write(hf_hub *hub, hf_peer *peer, uint64_t now_ms)
{
    if (peer->session.state != HF_SESSION_OPEN) return HF_OK;
    bool holds = hf_validity_holds(peer->valid, hub->wall_ms);
    bool since = holds && peer->verdict == HF_EXPIRED; /* it did not yet as the session began */
    if (peer->fed == HF_FED_NOT && !since) return HF_OK;
    /* All that others wrote goes through here: past its certificate's end a device gets none. */
    if (since || (!holds && !HF_PLANTED(EXPIRED_FED))) {
        hf_session_bye(&peer->session, HF_CODE_EXPIRED, HF_REDIAL_MIN_MS);
        hf_peer_wake(peer);
        return HF_OK;
    }
    if (peer->budget_turn != hub->turn) {
        peer->budget_turn = hub->turn;
        peer->budget = HF_PEER_FRAMES_PER_TURN;
    }
    if (peer->budget == 0) {
        peer->starved = hub->starved = true;
        return HF_OK;
    }
    hf_status status = HF_OK;
    if (peer->had_bits.size > 0) {
        write_had(hub, peer);
    } else if (peer->wanted_count > 0) {
        status = write_origin(hub, peer);
    } else if (peer->fed == HF_FED_VECTORS) {
        status = hf_vectors_write(hub, peer, now_ms);
        if (status == HF_OK && hub->raw.size == 0 && peer->wanted_count > 0)
            status = write_origin(hub, peer);
        if (status == HF_OK && hub->raw.size == 0) status = hf_snapshots_write(hub, peer, now_ms);
    } else {
        end_rest(hub, peer);
        status = feed(hub, peer, now_ms);
        if (status == HF_OK && hub->raw.size == 0 && peer->at_end) status = heads(hub, peer);
        if (status == HF_OK) settle_had(hub, peer);
        if (status == HF_OK && hub->raw.size == 0 && !is_owed(hub, peer)) rest(hub, peer);
    }
    if (status == HF_OK && hub->raw.size > 0) peer->budget--;
    return status;
}
