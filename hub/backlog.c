/* backlog.c: see backlog.h. */
#include "backlog.h"

#include <assert.h>

enum { WORK_BYTES = 256, WORK_HEAD = 4, WORK_HELLO = 64, WORK_WITHHELD = 8, WORK_ORIGIN = 8 };

/* What applying a frame costs, in entries of the usual size. A head is a signature to check: 60 us.
 * An entry that is withheld makes the hub write one or two of its own; whether it will be is not
 * known yet, but a device of which some were in its last turn is likely to go on. */
static uint32_t work_of(const hf_received *received)
{
    const hf_peer *peer = received->owner;
    uint32_t work = received->work + received->bytes / WORK_BYTES;
    return peer->had_withheld ? work * WORK_WITHHELD : work;
}

/* A signature to check, and hashes to go through. */
static uint32_t refill_work(const hf_refill *refill)
{
    size_t hashes = refill->hashes.size / HF_HASH_SIZE;
    return (uint32_t)(WORK_HEAD + refill->bodies.count + hashes / 8);
}

static hf_status put(hf_hub *hub, hf_peer *peer, const hf_message *message, hf_bytes raw)
{
    size_t size = sizeof(hf_received) + raw.size;
    if (peer->queued_size + size > HF_INBOX_BYTES_MAX) {
        hf_session_fail(&peer->session, HF_CODE_LIMIT, "more sent than is kept of one session");
        return HF_ERR_LIMIT;
    }
    if (hub->backlog.bytes + size > HF_HUB_INBOX_BYTES_MAX) {
        hf_session_bye(&peer->session, HF_CODE_BUSY, HF_REDIAL_MIN_MS);
        return HF_ERR_LIMIT;
    }
    hf_status status = hf_inbox_put(&hub->backlog, peer, raw);
    if (status != HF_OK) return status;
    hf_received *received = hub->backlog.last;
    received->work = message->type == HF_FRAME_HELLO ? WORK_HELLO : WORK_HEAD;
    if (message->type == HF_FRAME_REFILL) {
        received->work = refill_work(&message->as.refill);
        received->judged = (uint32_t)message->as.refill.bodies.count;
    }
    if (message->type == HF_FRAME_PUSH) {
        received->lane = message->as.push.lane;
        received->by_lane = true;
        received->entries = received->judged = (uint32_t)message->as.push.bodies.count;
        received->bytes = (uint32_t)message->as.push.bodies.items.size;
    }
    if (message->type == HF_FRAME_HEAD) {
        received->lane = message->as.head.head.lane;
        received->by_lane = true;
    }
    if (message->type == HF_FRAME_ORIGIN) received->work = WORK_ORIGIN;
    if (message->type == HF_FRAME_RELAY) {
        received->lane = message->as.relay.lane;
        received->entries = (uint32_t)message->as.relay.bodies.count;
        received->work = received->entries + WORK_HEAD;
        received->bytes = (uint32_t)message->as.relay.bodies.items.size;
    }
    peer->queued_size += size;
    hub->backlog_ms = 0;
    return HF_OK;
}

/* How many records an entry is about. What does not read costs nothing, and is found out later. */
static uint32_t parts_of(hf_bytes body)
{
    enum { ITEMS_BEFORE = 8 };
    hf_reader reader = hf_reader_open(body);
    (void)hf_read_array(&reader, ITEMS_BEFORE + 1);
    for (int i = 0; i < ITEMS_BEFORE; i++) (void)hf_read_item(&reader);
    size_t count = hf_read_array(&reader, HF_ENTRY_PARTS_MAX);
    return reader.status == HF_OK && count ? (uint32_t)count : 1;
}

static hf_status put_piece(hf_hub *hub, hf_peer *peer, const hf_message *piece, uint32_t parts)
{
    hf_buffer_clear(&hub->raw);
    hf_message_write(&hub->raw, piece);
    if (hub->raw.status != HF_OK) return hub->raw.status;
    hf_status status = put(hub, peer, piece, (hf_bytes){hub->raw.data, hub->raw.size});
    if (status == HF_OK) hub->backlog.last->work = parts;
    return status;
}

/* In pieces of little work, each a PUSH of its own: a turn may end between any two of them. */
static hf_status put_push(hf_hub *hub, hf_peer *peer, const hf_message *message)
{
    size_t most = HF_TURN_SMALL_WORK / (peer->had_withheld ? WORK_WITHHELD : 1);
    hf_message piece = *message;
    hf_list *bodies = &piece.as.push.bodies;
    bodies->count = bodies->items.size = 0;
    uint32_t parts = 0;
    hf_status status = HF_OK;
    hf_bodies walk = hf_bodies_of_push(&message->as.push);
    while (status == HF_OK && hf_next_body(&walk)) {
        uint32_t more = parts_of(walk.body);
        size_t work = parts + more + (bodies->items.size + walk.body.size) / WORK_BYTES;
        if (bodies->count && work > most) {
            status = put_piece(hub, peer, &piece, parts);
            *bodies = (hf_list){.items = {.data = walk.body.data}};
            parts = 0;
        }
        bodies->count++;
        bodies->items.size += walk.body.size;
        parts += more;
    }
    return status == HF_OK ? put_piece(hub, peer, &piece, parts) : status;
}

hf_status hf_backlog_put(hf_hub *hub, hf_peer *peer, const hf_message *message, hf_bytes raw)
{
    bool is_push = message->type == HF_FRAME_PUSH;
    return is_push ? put_push(hub, peer, message) : put(hub, peer, message, raw);
}

/* ---- a turn's share ---- */

static void grow_allowance(const hf_hub *hub, hf_peer *peer)
{
    uint64_t ms = hub->now_ms - peer->allowance_ms;
    uint64_t work = ms < 1000 ? peer->allowance + ms * HF_ALLOWANCE_WORK / 1000 : HF_ALLOWANCE_WORK;
    if (work == peer->allowance) return; /* too soon for one more: the time stays */
    peer->allowance = work < HF_ALLOWANCE_WORK ? (uint32_t)work : HF_ALLOWANCE_WORK;
    peer->allowance_ms = hub->now_ms;
}

static size_t count_senders(hf_hub *hub)
{
    size_t count = 0;
    for (const hf_received *at = hub->backlog.first; at; at = at->next) {
        hf_peer *peer = at->owner;
        if (peer->share_turn == hub->turn) continue;
        peer->share_turn = hub->turn;
        peer->share_used = 0;
        peer->share_waits = 0;
        grow_allowance(hub, peer);
        count++;
    }
    return count;
}

typedef struct turn_budget {
    uint32_t left;  /* of the turn's work */
    uint32_t share; /* of each sender in it */
    bool alone;     /* one device alone has sent, for a while: nobody waits */
} turn_budget;

static bool is_alone(hf_hub *hub, size_t senders)
{
    const hf_peer *first = hub->backlog.first->owner;
    if (senders == 1 && hub->alone == first)
        return hub->now_ms - hub->alone_since_ms >= HF_TURN_ALONE_MS;
    hub->alone = senders == 1 ? first : NULL;
    hub->alone_since_ms = hub->now_ms;
    return false;
}

static uint32_t shared_work(size_t senders)
{
    size_t work = HF_TURN_WORK_EACH * senders;
    if (work < HF_TURN_WORK_MIN) return HF_TURN_WORK_MIN;
    return work < HF_TURN_WORK_MAX ? (uint32_t)work : HF_TURN_WORK_MAX;
}

/* Long turns are cheaper, since each costs a sync of the disk. Where one device has been alone for
 * a while, nobody waits for their end; and where many have something to say, each waits for the
 * others in any case, and for the fewer syncs the shorter. */
static turn_budget budget_of(hf_hub *hub, size_t senders)
{
    bool alone = is_alone(hub, senders);
    uint32_t work = alone ? HF_TURN_ALONE_WORK_MAX : shared_work(senders);
    return (turn_budget){.left = work, .share = work / (uint32_t)senders, .alone = alone};
}

static bool is_urgent(const hf_received *received)
{
    return received->by_lane && received->lane < HF_LANE_CRIME;
}

/* What a device sends without end fills the store's journal, and the others wait while that is
 * moved to the database. A station sends for many, and refills are what the hub asked for. */
static bool is_allowed(const hf_received *received, uint32_t work, const turn_budget *budget)
{
    const hf_peer *peer = received->owner;
    bool counts = received->entries > 0 && !peer->is_station && !budget->alone;
    uint32_t kept = is_urgent(received) ? 0 : HF_ALLOWANCE_KEPT;
    return !counts || work + kept <= peer->allowance || peer->allowance == HF_ALLOWANCE_WORK;
}

/* In a session's own order: once a frame has to wait, so do those behind it. But each lane is a
 * log of its own, so what is urgent goes before what waits of the others. */
static bool is_in_order(const hf_received *received, uint8_t bit)
{
    uint8_t before = is_urgent(received) ? bit | 1u << HF_LANE_COUNT : UINT8_MAX;
    return (((const hf_peer *)received->owner)->share_waits & before) == 0;
}

/* What is small goes at once; of what is large each session's first frame, as long as the turn has
 * room. */
static bool goes_now(hf_hub *hub, const hf_received *received, turn_budget *budget)
{
    hf_peer *peer = received->owner;
    uint32_t work = work_of(received);
    uint8_t bit = (uint8_t)(1u << (received->by_lane ? received->lane : HF_LANE_COUNT));
    bool first = peer->share_used == 0;
    bool small = peer->share_used + work <= HF_TURN_SMALL_WORK;
    bool fits = first || peer->share_used + work <= budget->share;
    bool has_room = small || (fits && budget->left > 0);
    if (!is_in_order(received, bit) || !has_room || !is_allowed(received, work, budget)) {
        peer->share_waits |= bit;
        return false;
    }
    peer->share_used += work;
    peer->allowance -= work < peer->allowance ? work : peer->allowance;
    budget->left -= work < budget->left ? work : budget->left;
    hub->inbox_entries += received->judged;
    return true;
}

void hf_backlog_take(hf_hub *hub)
{
    size_t senders = count_senders(hub);
    if (senders == 0) return;
    turn_budget budget = budget_of(hub, senders);
    hf_received **at = &hub->backlog.first;
    hub->backlog.last = NULL;
    while (*at) {
        hf_received *received = *at;
        if (!goes_now(hub, received, &budget)) {
            hub->backlog.last = received;
            at = &received->next;
            continue;
        }
        *at = received->next;
        hf_inbox_pass(&hub->backlog, &hub->inbox, received);
    }
    hub->backlog_ms = hub->inbox.count > 0 ? 0 : hub->now_ms + HF_ALLOWANCE_WAIT_MS;
}

void hf_backlog_done(hf_hub *hub)
{
    for (const hf_received *at = hub->inbox.first; at; at = at->next) {
        hf_peer *peer = at->owner;
        peer->queued_size -= sizeof *at + at->size;
        assert(peer->queued_entries[at->lane] >= at->entries);
        peer->queued_entries[at->lane] -= at->entries;
        peer->queued_bytes[at->lane] -= at->bytes;
        peer->had_withheld = peer->withheld_turn == hub->turn;
    }
    hf_inbox_drop(&hub->inbox, NULL);
    hub->inbox_entries = 0;
}

void hf_backlog_drop(hf_hub *hub, const hf_peer *peer)
{
    hf_inbox_drop(&hub->backlog, peer);
    hf_inbox_drop(&hub->inbox, peer);
    if (hub->alone == peer) hub->alone = NULL;
}
