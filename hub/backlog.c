/* backlog.c: see backlog.h. */
#include "backlog.h"

#include "sync/entry.h"

#include <assert.h>
#include <string.h>

enum {
    WORK_BYTES = 256,
    WORK_CITES = 16,
    WORK_HEAD = 4,
    WORK_HELLO = 32,
    WORK_LIFE = 4,
    WORK_WITHHELD = 16,
    WORK_ORIGIN = 8,
    LONG_WORK = 2 * HF_TURN_WORK_MIN
};

/* What applying a frame costs, in entries of the usual size. A head is a signature to check: 60 us.
 * A life is an incarnation that HELLO names: what is there of it is looked up, or it gets a row.
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
    received->work = WORK_HEAD;
    if (message->type == HF_FRAME_HELLO)
        received->work = WORK_HELLO + WORK_LIFE * (uint32_t)message->as.hello.origins.count;
    if (message->type == HF_FRAME_REFILL) {
        received->work = refill_work(&message->as.refill);
        received->judged = (uint32_t)message->as.refill.bodies.count;
        received->asked = true;
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

/* Of one entry, beside its bytes: the records it is about, and the writes it cites. */
static uint32_t entry_work(hf_bytes body)
{
    hf_entry_body entry;
    if (hf_entry_parse(body, &entry) != HF_OK) return 1; /* the session let it through */
    return (uint32_t)(entry.part_count + entry.cite_count / WORK_CITES);
}

static hf_status put_piece(hf_hub *hub, hf_peer *peer, const hf_message *piece, uint32_t work)
{
    hf_buffer_clear(&hub->raw);
    hf_message_write(&hub->raw, piece);
    if (hub->raw.status != HF_OK) return hub->raw.status;
    hf_status status = put(hub, peer, piece, (hf_bytes){hub->raw.data, hub->raw.size});
    if (status == HF_OK) hub->backlog.last->work = work;
    return status;
}

/* In pieces of little work, each a PUSH of its own: a turn may end between any two of them. */
static hf_status put_push(hf_hub *hub, hf_peer *peer, const hf_message *message)
{
    size_t most = HF_TURN_SMALL_WORK / (peer->had_withheld ? WORK_WITHHELD : 1);
    hf_message piece = *message;
    hf_list *bodies = &piece.as.push.bodies;
    bodies->count = bodies->items.size = 0;
    uint32_t work = 0;
    hf_status status = HF_OK;
    hf_bodies walk = hf_bodies_of_push(&message->as.push);
    while (status == HF_OK && hf_next_body(&walk)) {
        uint32_t more = entry_work(walk.body);
        size_t bytes = bodies->items.size + walk.body.size;
        if (bodies->count && work + more + bytes / WORK_BYTES > most) {
            status = put_piece(hub, peer, &piece, work);
            *bodies = (hf_list){.items = {.data = walk.body.data}};
            work = 0;
        }
        bodies->count++;
        bodies->items.size += walk.body.size;
        work += more;
    }
    return status == HF_OK ? put_piece(hub, peer, &piece, work) : status;
}

hf_status hf_backlog_put(hf_hub *hub, hf_peer *peer, const hf_message *message, hf_bytes raw)
{
    bool is_push = message->type == HF_FRAME_PUSH;
    return is_push ? put_push(hub, peer, message) : put(hub, peer, message, raw);
}

/* ---- an allowance ---- */

static hf_spent *slot_of(hf_hub *hub, const uint8_t key_id[HF_HASH_SIZE])
{
    uint16_t word;
    memcpy(&word, key_id, sizeof word); /* a key id is a hash */
    return &hub->spent[word % HF_SPENT_KEPT];
}

void hf_backlog_join(hf_hub *hub, hf_peer *peer)
{
    const hf_spent *spent = slot_of(hub, peer->key_id);
    bool known = memcmp(spent->key_id, peer->key_id, HF_HASH_SIZE) == 0;
    peer->allowance = known ? spent->allowance : HF_ALLOWANCE_WORK;
    peer->allowance_ms = known ? spent->at_ms : hub->now_ms;
}

/* A session that was superseded may end after the one that followed it. */
static void note_spent(hf_hub *hub, const hf_peer *peer)
{
    hf_spent *spent = slot_of(hub, peer->key_id);
    bool known = memcmp(spent->key_id, peer->key_id, HF_HASH_SIZE) == 0;
    if (peer->allowance == HF_ALLOWANCE_WORK || (known && spent->at_ms > peer->allowance_ms))
        return;
    spent->allowance = peer->allowance;
    spent->at_ms = peer->allowance_ms;
    memcpy(spent->key_id, peer->key_id, HF_HASH_SIZE);
}

static void grow_allowance(const hf_hub *hub, hf_peer *peer)
{
    uint64_t ms = hub->now_ms - peer->allowance_ms;
    uint64_t work = ms < 1000 ? peer->allowance + ms * HF_ALLOWANCE_WORK / 1000 : HF_ALLOWANCE_WORK;
    if (work == peer->allowance) return; /* too soon for one more: the time stays */
    peer->allowance = work < HF_ALLOWANCE_WORK ? (uint32_t)work : HF_ALLOWANCE_WORK;
    peer->allowance_ms = hub->now_ms;
}

static bool is_urgent(const hf_received *received)
{
    return received->by_lane && received->lane < HF_LANE_CRIME;
}

/* Who sends little waits for the end of the turn; who sends much, for the end of many. Noted of the
 * last who did, and of the last other one. */
static void note_light(hf_hub *hub, const hf_received *received)
{
    const hf_peer *peer = received->owner;
    if (received->asked || peer->allowance <= HF_ALLOWANCE_WORK / 8 * 7) return;
    if (hub->light != peer) hub->other_light_ms = hub->light_ms;
    hub->light = peer;
    hub->light_ms = hub->now_ms;
}

/* For a while nobody has sent little, or only who is the only one to send now. */
static bool nobody_waits(const hf_hub *hub, size_t senders)
{
    bool is_itself = senders == 1 && hub->backlog.first->owner == hub->light;
    uint64_t light_ms = is_itself ? hub->other_light_ms : hub->light_ms;
    return light_ms == 0 || hub->now_ms - light_ms >= HF_LIGHT_MS;
}

static size_t count_senders(hf_hub *hub, bool *any_urgent)
{
    size_t count = 0;
    *any_urgent = false;
    for (const hf_received *at = hub->backlog.first; at; at = at->next) {
        hf_peer *peer = at->owner;
        if (peer->share_turn != hub->turn) {
            peer->share_turn = hub->turn;
            peer->share_used = 0;
            peer->share_waits = 0;
            grow_allowance(hub, peer);
            count++;
        }
        if (is_urgent(at)) *any_urgent = true;
        note_light(hub, at);
    }
    return count;
}

typedef struct turn_budget {
    uint32_t left;  /* of the turn's work */
    uint32_t share; /* of each sender in it */
    bool bulk;      /* nobody waits for its end */
} turn_budget;

static uint32_t shared_work(size_t senders)
{
    size_t work = HF_TURN_WORK_EACH * senders;
    if (work < HF_TURN_WORK_MIN) return HF_TURN_WORK_MIN;
    return work < HF_TURN_WORK_MAX ? (uint32_t)work : HF_TURN_WORK_MAX;
}

/* Long turns are cheaper, since each costs a sync of the disk: so where nobody waits for their end;
 * and where many have something to say, each waits for the others in any case, and for the fewer
 * syncs the shorter. */
static turn_budget budget_of(const hf_hub *hub, size_t senders)
{
    bool bulk = nobody_waits(hub, senders);
    uint32_t work = bulk ? HF_TURN_WORK_MAX : shared_work(senders);
    return (turn_budget){.left = work, .share = work / (uint32_t)senders, .bulk = bulk};
}

/* Whoever writes while a frame is applied waits for its end. What is longer than two turns and
 * cannot be cut is charged by the square, so that few of the others' writes meet one. */
static uint32_t charge_of(const hf_received *received)
{
    const hf_peer *peer = received->owner;
    if (received->asked || peer->is_station) return 0;
    uint64_t charge = work_of(received), whole = received->work;
    if (whole > LONG_WORK) charge += whole * whole / LONG_WORK;
    return charge < HF_ALLOWANCE_WORK ? (uint32_t)charge : HF_ALLOWANCE_WORK;
}

/* What a device sends without end fills the store's journal, and the others wait while that is
 * moved to the database. A station sends for many, and refills are what the hub asked for. */
static bool is_allowed(const hf_received *received, uint32_t charge, const turn_budget *budget)
{
    const hf_peer *peer = received->owner;
    uint32_t kept = is_urgent(received) ? 0 : HF_ALLOWANCE_KEPT;
    return charge == 0 || budget->bulk || charge + kept <= peer->allowance ||
           peer->allowance == HF_ALLOWANCE_WORK;
}

static uint8_t bit_of(const hf_received *received)
{
    return (uint8_t)(1u << (received->by_lane ? received->lane : HF_LANE_COUNT));
}

/* In a session's own order: once a frame has to wait, so do those behind it. But each lane is a
 * log of its own, so what is urgent goes before what waits of those that are less so. */
static bool is_in_order(const hf_received *received, uint8_t bit)
{
    uint8_t to_here = (uint8_t)(bit | (bit - 1u));
    uint8_t before = is_urgent(received) ? to_here | 1u << HF_LANE_COUNT : UINT8_MAX;
    return (((const hf_peer *)received->owner)->share_waits & before) == 0;
}

/* What is small goes at once; of what is large each session's first frame, as long as the turn has
 * room. */
static bool goes_now(hf_hub *hub, const hf_received *received, turn_budget *budget)
{
    hf_peer *peer = received->owner;
    uint32_t work = work_of(received), charge = charge_of(received);
    uint8_t bit = bit_of(received);
    bool first = peer->share_used == 0;
    bool small = peer->share_used + work <= HF_TURN_SMALL_WORK;
    bool fits = first || peer->share_used + work <= budget->share;
    bool has_room = small || (fits && budget->left > 0);
    if (!is_in_order(received, bit) || !has_room || !is_allowed(received, charge, budget)) {
        peer->share_waits |= bit;
        return false;
    }
    peer->share_used += work;
    peer->allowance -= charge < peer->allowance ? charge : peer->allowance;
    budget->left -= work < budget->left ? work : budget->left;
    hub->inbox_entries += received->judged;
    return true;
}

static void take(hf_hub *hub, turn_budget *budget, bool urgent)
{
    hf_received **at = &hub->backlog.first;
    hub->backlog.last = NULL;
    while (*at) {
        hf_received *received = *at;
        hf_peer *peer = received->owner;
        if (urgent && !received->by_lane) peer->share_waits |= bit_of(received);
        bool is_its_turn = !urgent || is_urgent(received);
        if (!is_its_turn || !goes_now(hub, received, budget)) {
            hub->backlog.last = received;
            at = &received->next;
            continue;
        }
        *at = received->next;
        hf_inbox_pass(&hub->backlog, &hub->inbox, received);
    }
}

void hf_backlog_take(hf_hub *hub)
{
    bool any_urgent;
    size_t senders = count_senders(hub, &any_urgent);
    if (senders == 0) return;
    turn_budget budget = budget_of(hub, senders);
    if (any_urgent) { /* else the rest of its session, which came before it, would fill the share */
        take(hub, &budget, true);
        for (const hf_received *at = hub->backlog.first; at; at = at->next) {
            hf_peer *peer = at->owner;
            peer->share_waits = 0;
        }
    }
    take(hub, &budget, false);
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
    note_spent(hub, peer);
    hf_inbox_drop(&hub->backlog, peer);
    hf_inbox_drop(&hub->inbox, peer);
    if (hub->light == peer) hub->light = NULL;
}
