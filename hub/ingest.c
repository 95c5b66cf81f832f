/* ingest.c: may this origin write this? Then one transaction for all of it, and only then the acks.
 *
 * Why a refused entry is stored all the same: its author holds it, its log goes on behind it, and a
 * person may yet allow it. It becomes a hole with a reason, and nothing waits for it. */
#include "ingest.h"

#include "backlog.h"
#include "judge.h"
#include "refill.h"

#include "sync/control.h"
#include "sync/coverage.h"
#include "sync/planted.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct ingest { /* one pass over the inbox */
    hf_hub *hub;
    hf_batch *batch;
    hf_peer *peer;
    hf_peer_origin *origin;
    const hf_origin_row *row;
    uint8_t lane;
    uint32_t index;           /* of the origin, as the peer knows it */
    hf_rights rights;         /* the author's: of the peer, or of whom a station relays */
    uint64_t heads;           /* taken in this pass */
    hf_received *received;    /* the frame being taken */
    hf_device relayed_author; /* rights may point into it */
} ingest;

/* ---- may it? ---- */

/* An hf_judge. */
static hf_status entry_reason(void *context, const hf_entry_body *entry, uint32_t *reason)
{
    const ingest *in = context;
    bool crowds = false, is_new = entry->seq > in->origin->now[in->lane].held;
    *reason = hf_judge_entry(&in->rights, entry);
    if (*reason != 0 || !is_new) return HF_OK;
    hf_status status = hf_entry_crowds(in->hub->store, in->row, in->lane, entry, &crowds);
    if (crowds) *reason = HF_REASON_CROWDED;
    return status;
}

/* ---- what it changes ---- */

static hf_status add_notice(ingest *in, uint64_t seq, uint32_t code, const char *text)
{
    hf_peer *peer = in->peer;
    if (peer->notice_count == HF_NOTICES_MAX) return HF_OK;
    hf_notice notice = {.origin = in->index,
                        .lane = in->lane,
                        .seq = seq,
                        .code = code,
                        .text = {(const uint8_t *)text, strlen(text)}};
    hf_write_notice(&peer->notices, &notice);
    peer->notice_count++;
    return peer->notices.status;
}

static hf_status withheld(ingest *in, const hf_entry_body *entry, uint32_t reason)
{
    hf_hub *hub = in->hub;
    hf_peer *peer = in->peer;
    hf_dot dot = {.origin = in->row->id, .lane = in->lane, .seq = entry->seq};
    const char *text = hf_judge_text(reason);
    peer->withheld_turn = hub->turn;
    hf_hub_touch(&hub->touched, entry->scope);
    /* A verdict is the centre's word. Until it comes, what a station takes for wrong does not count
     * there, and its relay says so: protocol.md 4, RELAY. */
    if (hub->upstream) return add_notice(in, entry->seq, reason, text);
    hf_status status = hf_batch_verdict(in->batch, &dot, entry->scope, reason, text, hub->wall_ms);
    /* The author must hear it, even where it may not see the scope. */
    if (status == HF_OK && !hf_judge_may_write(&in->rights, entry->scope)) {
        status = hf_batch_verdict(in->batch, &dot, in->rights.home, reason, text, hub->wall_ms);
        hf_hub_touch(&hub->touched, in->rights.home);
    }
    return status == HF_OK ? add_notice(in, entry->seq, reason, text) : status;
}

static hf_status refuse(ingest *in, uint16_t code, const char *what, uint64_t seq)
{
    const uint8_t *id = in->row->id.bytes;
    hf_session_fail(&in->peer->session, code, "%s in log %02x%02x%02x%02x/%u at entry %llu", what,
                    id[0], id[1], id[2], id[3], in->lane, (unsigned long long)seq);
    return HF_ERR_PROTOCOL;
}

/* What is wrong with a relayed group is its own matter: that log waits, and all else goes on. */
static hf_status refuse_relay(ingest *in, uint16_t code, const char *what, uint64_t seq)
{
    hf_hub *hub = in->hub;
    const uint8_t *id = in->row->id.bytes;
    in->received->refused = code;
    hub->refused++;
    (void)snprintf(hub->refusal, sizeof hub->refusal,
                   "%.40s relayed entry %llu in log %02x%02x%02x%02x/%u of %.40s: %s",
                   in->peer->name, (unsigned long long)seq, id[0], id[1], id[2], id[3], in->lane,
                   in->row->name[0] ? in->row->name : "an unknown device", what);
    return HF_ERR_PROTOCOL;
}

static hf_status take_entry(ingest *in, const hf_entry_body *entry, hf_applied_entry *applied)
{
    hf_peer_log *log = &in->origin->now[in->lane];
    if (entry->seq > log->held + 1) return refuse(in, HF_CODE_GAP, "gap", entry->seq);
    if (HF_PLANTED(DROP_ENTRY) && entry->seq % 20 == 13) {
        if (entry->seq > log->held) log->held = entry->seq;
        return HF_OK;
    }
    hf_status status =
        hf_batch_judged(in->batch, in->row, in->lane, entry, entry_reason, in, applied);
    if (status != HF_OK) return status;
    if (applied->what == HF_APPLIED_GAP && in->index >= HF_HELLO_ORIGINS_MAX)
        return refuse_relay(in, HF_CODE_GAP, "it does not follow what is here", entry->seq);
    if (applied->what == HF_APPLIED_GAP) return refuse(in, HF_CODE_GAP, "gap", entry->seq);
    if (applied->what == HF_APPLIED_FORK && in->index >= HF_HELLO_ORIGINS_MAX)
        return refuse_relay(in, HF_CODE_FORK, "another branch of what is here", entry->seq);
    if (applied->what == HF_APPLIED_FORK) return refuse(in, HF_CODE_FORK, "fork", entry->seq);
    if (applied->what == HF_APPLIED_NEW) hf_hub_touch(&in->hub->touched, entry->scope);
    if (applied->what == HF_APPLIED_WITHHELD) status = withheld(in, entry, applied->reason);
    if (HF_PLANTED(WITHHELD_BLOCKS) && applied->what == HF_APPLIED_WITHHELD) return status;
    if (entry->seq > log->held) log->held = entry->seq;
    return status;
}

static void author_is_peer(ingest *in, uint32_t index, uint8_t lane)
{
    in->origin = &in->peer->origins[index];
    in->row = hf_origin_by_no(in->hub->store, in->origin->no);
    assert(in->row); /* learned at HELLO, which is committed */
    in->lane = lane;
    in->index = index;
    in->rights = (hf_rights){.store = in->hub->store,
                             .row = in->row,
                             .lane = lane,
                             .home = in->peer->home,
                             .scopes = in->peer->scopes,
                             .scope_count = in->peer->scope_count};
}

static hf_status on_push(ingest *in, const hf_push *push)
{
    author_is_peer(in, push->origin, push->lane);
    hf_status status = HF_OK;
    uint64_t last_seq = 0;
    hf_bodies walk = hf_bodies_of_push(push);
    while (status == HF_OK && hf_next_body(&walk)) {
        hf_entry_body entry;
        status = hf_batch_next(in->batch);
        if (status == HF_OK) status = hf_entry_parse(walk.body, &entry);
        if (status == HF_OK && last_seq && entry.seq != last_seq + 1)
            return refuse(in, HF_CODE_GAP, "gap", entry.seq);
        if (status != HF_OK) break;
        last_seq = entry.seq;
        hf_applied_entry applied;
        status = take_entry(in, &entry, &applied);
    }
    in->origin->touched |= (uint8_t)(1u << push->lane);
    in->origin->pushed |= (uint8_t)(1u << push->lane);
    return status;
}

/* Is the head wrong, or only its signature? Who sent it is told which. */
static hf_status head_refused(ingest *in, const hf_head *head, bool relayed)
{
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    uint8_t root[HF_HASH_SIZE];
    hf_status status =
        hf_head_leaves(in->hub->store, in->origin->no, head->lane, head->seq, leaves, &count, root);
    bool same = status == HF_OK && memcmp(root, head->root, HF_HASH_SIZE) == 0;
    uint16_t code = same ? HF_CODE_SIGNATURE : HF_CODE_CHAIN;
    const char *what = same ? "signature not good" : "chain differs from the signed head";
    return relayed ? refuse_relay(in, code, what, head->seq) : refuse(in, code, what, head->seq);
}

/* Who holds one of the scopes that the head covers will be told of it; nobody else is woken. */
static hf_status touch_leaves(ingest *in, const hf_head *head)
{
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    uint8_t root[HF_HASH_SIZE];
    hf_status status =
        hf_head_leaves(in->hub->store, in->origin->no, head->lane, head->seq, leaves, &count, root);
    for (size_t i = 0; status == HF_OK && i < count; i++)
        hf_hub_touch(&in->hub->headed, leaves[i].scope);
    return status;
}

static hf_status on_head(ingest *in, const hf_head_item *item)
{
    if (item->origin >= in->peer->origin_count) return HF_ERR_PROTOCOL;
    author_is_peer(in, item->origin, item->head.lane);
    hf_head head = item->head;
    head.origin = in->row->id;
    hf_peer_log *log = &in->origin->now[in->lane];
    if (head.seq > log->held) return refuse(in, HF_CODE_GAP, "head past the end", head.seq);
    if (!in->row->name[0]) return HF_OK; /* no certificate, no judgement: it will be sent again */
    hf_status status = hf_batch_head(in->batch, &head);
    if (status == HF_ERR_PROTOCOL) return head_refused(in, &head, false);
    if (status == HF_OK) status = touch_leaves(in, &head);
    if (head.seq > log->head) log->head = head.seq;
    in->heads++;
    in->origin->touched |= (uint8_t)(1u << in->lane);
    return status;
}

/* ---- what a station relays ---- */

static hf_status room_for_author(hf_peer *peer)
{
    if (peer->relayed_count < peer->relayed_capacity) return HF_OK;
    if (peer->relayed_count == HF_RELAY_ORIGINS_MAX) return HF_ERR_LIMIT;
    size_t capacity = peer->relayed_capacity ? peer->relayed_capacity * 2 : 16;
    hf_peer_relayed *more = realloc(peer->relayed, capacity * sizeof *more);
    if (!more) return HF_ERR_NOMEM;
    peer->relayed = more;
    peer->relayed_capacity = capacity;
    return HF_OK;
}

static hf_status on_origin(ingest *in, const hf_origin_frame *frame)
{
    hf_peer *peer = in->peer;
    const hf_origin_row *row;
    if (frame->index != HF_HELLO_ORIGINS_MAX + peer->relayed_count) return HF_ERR_PROTOCOL;
    hf_status status = room_for_author(peer);
    if (status == HF_OK)
        status = hf_origin_learn(in->hub->store, frame->key_id, frame->incarnation,
                                 frame->certificate, &row);
    if (status != HF_OK) return status;
    peer->relayed[peer->relayed_count++] = (hf_peer_relayed){.origin = {.no = row->no}};
    return HF_OK;
}

/* Who wrote it, and what that device may: by our own table, whatever the station says. */
static hf_status author_is_relayed(ingest *in, const hf_relay *relay)
{
    hf_device *author = &in->relayed_author;
    size_t place = relay->origin - HF_HELLO_ORIGINS_MAX;
    if (place >= in->peer->relayed_count) return HF_ERR_PROTOCOL;
    in->origin = &in->peer->relayed[place].origin;
    in->row = hf_origin_by_no(in->hub->store, in->origin->no);
    in->lane = relay->lane;
    in->index = relay->origin;
    hf_status status = hf_device_by_key(in->hub->store, in->row->key_id, author);
    if (status == HF_ERR_NOT_FOUND)
        return refuse_relay(in, HF_CODE_UNKNOWN, "its author is not enrolled", relay->head.seq);
    in->rights = (hf_rights){.store = in->hub->store,
                             .row = in->row,
                             .lane = relay->lane,
                             .home = author->home,
                             .scopes = author->scopes,
                             .scope_count = author->scope_count,
                             .relayed = true,
                             .revoked_at = author->revoked}; /* whatever its clock says */
    return status;
}

/* It stood in the station's way: the verdict that sets it free reaches all who hold its scope. */
static hf_status allow(ingest *in, const hf_entry_body *entry, const hf_applied_entry *applied)
{
    hf_dot dot = {.origin = in->row->id, .lane = in->lane, .seq = entry->seq};
    bool counts = applied->what == HF_APPLIED_NEW || applied->what == HF_APPLIED_KNOWN;
    if (!counts || applied->reason != 0) return HF_OK;
    hf_hub_touch(&in->hub->touched, entry->scope);
    return hf_batch_verdict(in->batch, &dot, entry->scope, 0, "", in->hub->wall_ms);
}

static hf_status relayed_entries(ingest *in, const hf_relay *relay)
{
    hf_status status = HF_OK;
    hf_list withheld = relay->withheld;
    uint64_t next = 0, last_seq = 0;
    bool is_flagged = hf_next_seq(&withheld, &next);
    hf_bodies walk = hf_bodies_of_relay(relay);
    while (status == HF_OK && hf_next_body(&walk)) {
        hf_entry_body entry;
        hf_applied_entry applied = {.seq = 0};
        status = hf_batch_next(in->batch);
        if (status == HF_OK) status = hf_entry_parse(walk.body, &entry);
        if (status == HF_OK && last_seq && entry.seq != last_seq + 1) return HF_ERR_PROTOCOL;
        if (status == HF_OK) status = take_entry(in, &entry, &applied);
        last_seq = entry.seq;
        while (is_flagged && next < entry.seq) is_flagged = hf_next_seq(&withheld, &next);
        if (status == HF_OK && is_flagged && next == entry.seq)
            status = allow(in, &entry, &applied);
    }
    if (status == HF_OK && last_seq != relay->head.seq) status = HF_ERR_PROTOCOL;
    return status;
}

static uint64_t first_seq(const hf_relay *relay)
{
    hf_entry_body entry;
    hf_bodies walk = hf_bodies_of_relay(relay);
    return hf_next_body(&walk) && hf_entry_parse(walk.body, &entry) == HF_OK ? entry.seq : 0;
}

/* The station takes us for further than we are. It hears so once, and goes back to where we are. */
static hf_status gap(ingest *in, hf_peer_relayed *author, uint64_t seq)
{
    uint8_t bit = (uint8_t)(1u << in->lane);
    if (author->gapped_now & bit) return HF_OK;
    author->gapped_now |= bit;
    return add_notice(in, seq, HF_CODE_GAP, "less of this log is here");
}

/* All of it under its author's own head, or none of it: what failed is undone with the batch. */
static hf_status on_relay(ingest *in, const hf_relay *relay)
{
    uint64_t held;
    hf_status status = author_is_relayed(in, relay);
    if (status != HF_OK) return status;
    hf_peer_relayed *author = &in->peer->relayed[relay->origin - HF_HELLO_ORIGINS_MAX];
    uint8_t bit = (uint8_t)(1u << in->lane);
    status = hf_log_dense(in->hub->store, in->row->no, in->lane, &held);
    if (status != HF_OK) return status;
    in->origin->now[in->lane].held = held; /* it may have come by another way meanwhile */
    in->origin->touched |= bit;
    if (author->blocked & bit) return HF_OK;    /* told why, and how far we are */
    if (relay->bodies.count == 0) return HF_OK; /* it only asks how far we are */
    if (first_seq(relay) > held + 1) return gap(in, author, first_seq(relay));
    author->gapped_now &= (uint8_t)~bit;
    status = relayed_entries(in, relay);
    if (status != HF_OK) return status;
    hf_head head = relay->head;
    head.origin = in->row->id;
    if (!in->row->name[0] && !HF_PLANTED(RELAY_UNPROVED)) return head_refused(in, &head, true);
    status = HF_PLANTED(RELAY_UNPROVED) ? HF_OK : hf_batch_head(in->batch, &head);
    if (status == HF_ERR_PROTOCOL) return head_refused(in, &head, true);
    if (status == HF_OK) status = touch_leaves(in, &head);
    if (head.seq > in->origin->now[in->lane].head) in->origin->now[in->lane].head = head.seq;
    if (head.seq > author->sent[in->lane]) author->sent[in->lane] = head.seq;
    in->heads++;
    return status;
}

/* A station lacks our receipt of an author's log, or of the end of it. */
static hf_status on_receipt_for(ingest *in, const hf_receipted *reach)
{
    hf_peer_origin *origin = hf_peer_origin_at(in->peer, reach->origin);
    if (!origin || reach->lane == HF_LANE_CONTROL) return HF_ERR_PROTOCOL;
    hf_peer_log *log = &origin->now[reach->lane];
    hf_status status = hf_log_dense(in->hub->store, origin->no, reach->lane, &log->held);
    origin->receipted[reach->lane] = reach->seq < log->held ? reach->seq : log->held;
    origin->touched |= (uint8_t)(1u << reach->lane);
    return status;
}

/* Said before, in a pass that was undone: the station hears why, and its log waits. */
static hf_status on_refused(ingest *in, const hf_relay *relay, uint16_t code)
{
    size_t place = relay->origin - HF_HELLO_ORIGINS_MAX;
    if (place >= in->peer->relayed_count) return HF_ERR_PROTOCOL;
    in->origin = &in->peer->relayed[place].origin;
    in->lane = relay->lane;
    in->index = relay->origin;
    in->peer->relayed[place].blocked |= (uint8_t)(1u << in->lane);
    in->origin->touched |= (uint8_t)(1u << in->lane);
    return add_notice(in, relay->head.seq, code, "not as its author signed it");
}

static hf_status take_frame(ingest *in, hf_received *received)
{
    hf_message message;
    in->peer = received->owner;
    in->received = received;
    hf_status status = hf_message_read((hf_bytes){received->data, received->size}, &message);
    if (status == HF_OK) status = hf_batch_next(in->batch);
    if (status != HF_OK) return status;
    if (received->refused) return on_refused(in, &message.as.relay, received->refused);
    switch (message.type) {
    case HF_FRAME_HELLO: return hf_peer_greet(in->peer, &message.as.hello);
    case HF_FRAME_PUSH: return on_push(in, &message.as.push);
    case HF_FRAME_HEAD: return on_head(in, &message.as.head);
    case HF_FRAME_ORIGIN: return on_origin(in, &message.as.origin);
    case HF_FRAME_RELAY: return on_relay(in, &message.as.relay);
    case HF_FRAME_RECEIPT_FOR: return on_receipt_for(in, &message.as.reach);
    case HF_FRAME_ASK_FOR: return hf_leasing_for(in->peer, in->batch, &message.as.ask_for);
    case HF_FRAME_REFILL: return hf_refill_take(in->peer, in->batch, &message.as.refill);
    case HF_FRAME_PROBE: return hf_peer_probe(in->peer, &message.as.probe);
    default: return HF_OK;
    }
}

/* ---- our own signed head ---- */

static hf_status own_head(hf_hub *hub, hf_head *head, bool *due)
{
    *due = false;
    if (hf_store_crypto(hub->store)->own_certificate.size == 0)
        return HF_OK; /* none could check it */
    const hf_origin_row *own = hf_store_own_origin(hub->store);
    hf_log_state log;
    hf_status status = hf_log_state_get(hub->store, own->no, HF_LANE_CONTROL, &log);
    if (status != HF_OK || log.seq <= hub->own_head_seq) return status;
    if (hub->own_head_seq && hub->now_ms - hub->own_head_at_ms < HF_HEAD_INTERVAL_MS) return HF_OK;
    *due = true;
    status =
        hf_head_sign(hub->store, hf_store_own_origin(hub->store), HF_LANE_CONTROL, log.seq, head);
    if (status != HF_ERR_LIMIT) return status;
    /* Verdicts stand in the scopes they are about, and there came to be more than a head can cover:
     * this log goes unproved, and all else goes on. */
    *due = false;
    hub->own_head_seq = log.seq;
    hub->own_head_at_ms = hub->now_ms;
    return HF_OK;
}

uint64_t hf_ingest_deadline_ms(const hf_hub *hub)
{
    hf_log_state log;
    if (hf_store_crypto(hub->store)->own_certificate.size == 0) return UINT64_MAX;
    const hf_origin_row *own = hf_store_own_origin(hub->store);
    hf_status status = hf_log_state_get(hub->store, own->no, HF_LANE_CONTROL, &log);
    if (status != HF_OK || log.seq <= hub->own_head_seq) return UINT64_MAX;
    return hub->own_head_seq ? hub->own_head_at_ms + HF_HEAD_INTERVAL_MS : 0;
}

/* Who holds a scope that we have written in since the last one is told; a lease or a renewal is
 * nobody's news, and there are many. */
static hf_status touch_own(hf_hub *hub, const hf_head *head)
{
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    uint8_t root[HF_HASH_SIZE];
    const hf_origin_row *own = hf_store_own_origin(hub->store);
    hf_status status =
        hf_head_leaves(hub->store, own->no, HF_LANE_CONTROL, head->seq, leaves, &count, root);
    for (size_t i = 0; status == HF_OK && i < count; i++)
        if (leaves[i].seq > hub->own_head_seq) hf_hub_touch(&hub->headed, leaves[i].scope);
    return status;
}

/* ---- the batch ---- */

static void each_owner(hf_hub *hub, void (*act)(hf_peer *peer))
{
    for (const hf_received *at = hub->inbox.first; at; at = at->next) act(at->owner);
}

/* One pass. `*culprit` is the frame to blame, if one is; it has failed its session. */
static hf_status pass(hf_hub *hub, const hf_head *head, const hf_received **culprit)
{
    ingest in = {.hub = hub};
    /* Each entry may need two verdicts; their seqs cannot be reserved once the batch is open. */
    hf_status status =
        hf_batch_begin_own(hub->store, hub->wall_ms, 2 * hub->inbox_entries, &in.batch);
    if (status != HF_OK) return status;
    for (hf_received *at = hub->inbox.first; at && status == HF_OK; at = at->next) {
        uint16_t was_refused = at->refused;
        status = take_frame(&in, at);
        if (status != HF_ERR_PROTOCOL && status != HF_ERR_LIMIT) continue;
        *culprit = at;
        if (at->refused == was_refused) hf_session_fail_status(&in.peer->session, status, "frame");
    }
    if (status == HF_OK) status = hf_batch_next(in.batch);
    if (status == HF_OK && head) status = hf_batch_head(in.batch, head);
    if (status == HF_ERR_PROTOCOL && !*culprit)
        status = HF_ERR_CORRUPT; /* our own head: our bytes */
    if (status != HF_OK) {
        hf_batch_rollback(in.batch);
        return status;
    }
    status = hf_batch_commit(in.batch);
    if (status == HF_OK) hub->heads_taken += in.heads + (head != NULL);
    return status;
}

/* The mistake behind HF_PLANTED_ACK_BEFORE_COMMIT: says what is held a moment before it is, as one
 * who gathers commits to save on them would. */
static bool acks_too_soon(hf_hub *hub)
{
    enum { GATHER_MS = 100 };
    if (!HF_PLANTED(ACK_BEFORE_COMMIT)) return false;
    if (hub->postponed_until_ms == 0) hub->postponed_until_ms = hub->now_ms + GATHER_MS;
    bool late = hub->now_ms >= hub->postponed_until_ms || hub->inbox.count == 0;
    if (late) hub->postponed_until_ms = 0;
    for (const hf_received *at = hub->inbox.first; at && !late; at = at->next) {
        hf_message message;
        hf_peer *peer = at->owner;
        hf_status status = hf_message_read((hf_bytes){at->data, at->size}, &message);
        if (status != HF_OK || message.type != HF_FRAME_PUSH) continue;
        hf_peer_origin *origin = &peer->origins[message.as.push.origin];
        hf_peer_log *log = &origin->durable[message.as.push.lane];
        hf_entry_body entry = {.seq = 0};
        hf_bodies walk = hf_bodies_of_push(&message.as.push);
        while (hf_next_body(&walk) && hf_entry_parse(walk.body, &entry) == HF_OK)
            if (entry.seq == log->held + 1) log->held = entry.seq;
        origin->ack_due |= (uint8_t)(1u << message.as.push.lane);
        hf_peer_wake(peer);
    }
    return !late;
}

static void fail_all(hf_hub *hub, hf_status status)
{
    for (const hf_received *at = hub->inbox.first; at; at = at->next) {
        hf_peer *peer = at->owner;
        hf_session_fail_status(&peer->session, status, "store");
        hf_inbox_drop(&hub->backlog, peer); /* it was not told that it holds what comes before */
        hf_peer_wake(peer);
    }
}

hf_status hf_ingest(hf_hub *hub)
{
    if (acks_too_soon(hub)) return HF_OK;
    hf_head head;
    bool has_head;
    hf_status status = own_head(hub, &head, &has_head);
    hub->touched.count = 0; /* over all passes: what one committed, the next finds known */
    hub->headed.count = 0;
    if (status == HF_OK && has_head) status = touch_own(hub, &head);
    while (status == HF_OK && (hub->inbox.count > 0 || has_head)) {
        const hf_received *culprit = NULL;
        status = pass(hub, has_head ? &head : NULL, &culprit);
        if (status == HF_OK) break;
        each_owner(hub, hf_peer_reset_staged);
        if (!culprit) break; /* the store's trouble, not a frame's */
        status = HF_OK;
        if (culprit->refused) continue; /* all again: that frame is passed over, and told why */
        hf_peer_wake(culprit->owner);
        /* The rest again, without it and what followed. */
        hf_inbox_drop(&hub->backlog, culprit->owner);
        hf_inbox_drop_from(&hub->inbox, culprit);
    }
    if (status == HF_OK) {
        if (has_head) hub->own_head_seq = head.seq;
        if (has_head) hub->own_head_at_ms = hub->now_ms;
        each_owner(hub, hf_peer_settle);
    } else {
        fail_all(hub, status);
    }
    hf_backlog_done(hub);
    return status;
}
