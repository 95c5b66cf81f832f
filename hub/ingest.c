/* ingest.c: may this origin write this? Then one transaction for all of it, and only then the acks.
 *
 * Why a refused entry is stored all the same: its author holds it, its log goes on behind it, and a
 * person may yet allow it. It becomes a hole with a reason, and nothing waits for it. */
#include "ingest.h"

#include "backlog.h"
#include "judge.h"
#include "refill.h"

#include "sync/planted.h"

#include <assert.h>
#include <string.h>

typedef struct ingest { /* one pass over the inbox */
    hf_hub *hub;
    hf_batch *batch;
    hf_peer *peer;
    hf_peer_origin *origin;
    const hf_origin_row *row;
    uint8_t lane;
    uint64_t heads; /* taken in this pass */
} ingest;

/* ---- may it? ---- */

/* An hf_judge. */
static hf_status entry_reason(void *context, const hf_entry_body *entry, uint32_t *reason)
{
    const ingest *in = context;
    bool crowds = false, is_new = entry->seq > in->origin->now[in->lane].held;
    const hf_rights rights = {.store = in->hub->store,
                              .row = in->row,
                              .lane = in->lane,
                              .home = in->peer->home,
                              .scopes = in->peer->scopes,
                              .scope_count = in->peer->scope_count};
    *reason = hf_judge_entry(&rights, entry);
    if (*reason != 0 || !is_new) return HF_OK;
    hf_status status = hf_entry_crowds(in->hub->store, in->row, in->lane, entry, &crowds);
    if (crowds) *reason = HF_REASON_CROWDED;
    return status;
}

/* ---- what it changes ---- */

static hf_status withheld(ingest *in, const hf_entry_body *entry, uint32_t reason)
{
    hf_hub *hub = in->hub;
    hf_peer *peer = in->peer;
    hf_dot dot = {.origin = in->row->id, .lane = in->lane, .seq = entry->seq};
    const char *text = hf_judge_text(reason);
    peer->withheld_turn = hub->turn;
    hf_status status = hf_batch_verdict(in->batch, &dot, entry->scope, reason, text, hub->wall_ms);
    hf_hub_touch(&hub->touched, entry->scope);
    /* The author must hear it, even where it may not see the scope. */
    if (status == HF_OK && !hf_peer_holds(peer, entry->scope)) {
        status = hf_batch_verdict(in->batch, &dot, peer->home, reason, text, hub->wall_ms);
        hf_hub_touch(&hub->touched, peer->home);
    }
    if (status != HF_OK || peer->notice_count == HF_NOTICES_MAX) return status;
    hf_notice notice = {.origin = (uint8_t)(in->origin - peer->origins),
                        .lane = in->lane,
                        .seq = entry->seq,
                        .code = reason,
                        .text = {(const uint8_t *)text, strlen(text)}};
    hf_write_notice(&peer->notices, &notice);
    peer->notice_count++;
    return peer->notices.status;
}

static hf_status refuse(ingest *in, uint16_t code, const char *what, uint64_t seq)
{
    const uint8_t *id = in->row->id.bytes;
    hf_session_fail(&in->peer->session, code, "%s in log %02x%02x%02x%02x/%u at entry %llu", what,
                    id[0], id[1], id[2], id[3], in->lane, (unsigned long long)seq);
    return HF_ERR_PROTOCOL;
}

static hf_status take_entry(ingest *in, const hf_entry_body *entry)
{
    hf_peer_log *log = &in->origin->now[in->lane];
    hf_applied_entry applied;
    if (entry->seq > log->held + 1) return refuse(in, HF_CODE_GAP, "gap", entry->seq);
    if (HF_PLANTED(DROP_ENTRY) && entry->seq % 20 == 13) {
        if (entry->seq > log->held) log->held = entry->seq;
        return HF_OK;
    }
    hf_status status =
        hf_batch_judged(in->batch, in->row, in->lane, entry, entry_reason, in, &applied);
    if (status != HF_OK) return status;
    if (applied.what == HF_APPLIED_GAP) return refuse(in, HF_CODE_GAP, "gap", entry->seq);
    if (applied.what == HF_APPLIED_FORK) return refuse(in, HF_CODE_FORK, "fork", entry->seq);
    if (applied.what == HF_APPLIED_NEW) hf_hub_touch(&in->hub->touched, entry->scope);
    if (applied.what == HF_APPLIED_WITHHELD) status = withheld(in, entry, applied.reason);
    if (HF_PLANTED(WITHHELD_BLOCKS) && applied.what == HF_APPLIED_WITHHELD) return status;
    if (entry->seq > log->held) log->held = entry->seq;
    return status;
}

static hf_status on_push(ingest *in, const hf_push *push)
{
    in->origin = &in->peer->origins[push->origin];
    in->row = hf_origin_by_no(in->hub->store, in->origin->no);
    in->lane = push->lane;
    assert(in->row); /* learned at HELLO, which is committed */
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
        status = take_entry(in, &entry);
    }
    in->origin->touched |= (uint8_t)(1u << push->lane);
    return status;
}

/* Is the head wrong, or only its signature? The device is told which. */
static hf_status head_refused(ingest *in, const hf_head *head)
{
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    uint8_t root[HF_HASH_SIZE];
    hf_status status =
        hf_head_leaves(in->hub->store, in->origin->no, head->lane, head->seq, leaves, &count, root);
    bool same = status == HF_OK && memcmp(root, head->root, HF_HASH_SIZE) == 0;
    return refuse(in, same ? HF_CODE_SIGNATURE : HF_CODE_CHAIN,
                  same ? "signature not good" : "chain differs from the signed head", head->seq);
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
    in->origin = &in->peer->origins[item->origin];
    in->row = hf_origin_by_no(in->hub->store, in->origin->no);
    in->lane = item->head.lane;
    hf_head head = item->head;
    head.origin = in->row->id;
    hf_peer_log *log = &in->origin->now[in->lane];
    if (head.seq > log->held) return refuse(in, HF_CODE_GAP, "head past the end", head.seq);
    if (!in->row->name[0]) return HF_OK; /* no certificate, no judgement: it will be sent again */
    hf_status status = hf_batch_head(in->batch, &head);
    if (status == HF_ERR_PROTOCOL) return head_refused(in, &head);
    if (status == HF_OK) status = touch_leaves(in, &head);
    if (head.seq > log->head) log->head = head.seq;
    in->heads++;
    in->origin->touched |= (uint8_t)(1u << in->lane);
    return status;
}

static hf_status take_frame(ingest *in, const hf_received *received)
{
    hf_message message;
    in->peer = received->owner;
    hf_status status = hf_message_read((hf_bytes){received->data, received->size}, &message);
    if (status == HF_OK) status = hf_batch_next(in->batch);
    if (status != HF_OK) return status;
    switch (message.type) {
    case HF_FRAME_HELLO: return hf_peer_greet(in->peer, &message.as.hello);
    case HF_FRAME_PUSH: return on_push(in, &message.as.push);
    case HF_FRAME_HEAD: return on_head(in, &message.as.head);
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
    status = hf_head_sign(hub->store, HF_LANE_CONTROL, log.seq, head);
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
    for (const hf_received *at = hub->inbox.first; at && status == HF_OK; at = at->next) {
        status = take_frame(&in, at);
        if (status != HF_ERR_PROTOCOL && status != HF_ERR_LIMIT) continue;
        *culprit = at;
        hf_session_fail_status(&in.peer->session, status, "frame");
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
        hf_peer_wake(culprit->owner);
        /* The rest again, without it and what followed. */
        hf_inbox_drop(&hub->backlog, culprit->owner);
        hf_inbox_drop_from(&hub->inbox, culprit);
        status = HF_OK;
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
