/* refill.c: see refill.h.
 *
 * Why a device's vector is enough to begin with: it says how far the device holds each log, so that
 * a hub which lost something sees that in the same frames by which the device asks for what it
 * lacks itself. Nobody has to say that anything was lost. Each log is asked of one device at a
 * time, or three hundred would bring the same. */
#include "refill.h"

#include "judge.h"

#include "sync/control.h"
#include "sync/coverage.h"
#include "sync/refill.h"

#include <stdlib.h>
#include <string.h>

struct hf_ahead {
    hf_report log; /* it holds the log so far in this scope */
    uint64_t held; /* and we so far, when it was last asked */
    bool asked;    /* a LACK is out */
    bool answered; /* in the open batch */
    bool done;     /* it has no more of it for us, or cannot prove it */
    bool staged_done;
};

/* ---- how far are we ---- */

static hf_status held_of(hf_store *store, const hf_report *log, uint64_t *out)
{
    const hf_origin_row *row = hf_origin_by_id(store, &log->origin);
    *out = 0;
    return row ? hf_coverage_held(store, row->no, log->lane, log->scope, out) : HF_OK;
}

static bool is_its_own(const hf_peer *peer, const hf_origin_id *origin)
{
    const hf_origin_row *row = hf_origin_by_id(peer->hub->store, origin);
    return row && row->known && memcmp(row->key_id, peer->key_id, HF_HASH_SIZE) == 0;
}

/* ---- what it holds ---- */

static hf_status add(hf_peer *peer, const hf_report *log)
{
    if (peer->ahead_count == HF_REFILL_AHEAD_MAX) return HF_OK; /* it is on record all the same */
    if ((peer->ahead_count & (peer->ahead_count - 1)) == 0) {
        size_t room = peer->ahead_count ? peer->ahead_count * 2 : 1;
        struct hf_ahead *more = realloc(peer->ahead, room * sizeof *more);
        if (!more) return HF_ERR_NOMEM;
        peer->ahead = more;
    }
    /* What hubs decided is asked for first: until it is here, what they withheld would count. */
    size_t last = peer->ahead_count++, at = last;
    if (log->lane == HF_LANE_CONTROL)
        for (at = 0; at < last && peer->ahead[at].log.lane == HF_LANE_CONTROL;) at++;
    if (at < last) peer->ahead[last] = peer->ahead[at];
    peer->ahead[at] = (struct hf_ahead){.log = *log};
    return HF_OK;
}

/* A disk that does not take the note now is no reason not to ask now. */
static void note(const hf_peer *peer, const hf_report *reports, size_t count)
{
    (void)!hf_coverage_report(peer->hub->store, peer->key_id, reports, count);
}

hf_status hf_refill_look(hf_peer *peer, const hf_vector *vector)
{
    hf_store *store = peer->hub->store;
    hf_report found[64];
    size_t count = 0;
    hf_held held;
    hf_status status = HF_OK;
    for (hf_list walk = vector->logs; status == HF_OK && hf_next_held(&walk, &held);) {
        uint64_t ours;
        hf_report log = {held.log.origin, held.log.lane, vector->scope, held.seq};
        status = held_of(store, &log, &ours);
        if (status != HF_OK || ours >= held.seq || is_its_own(peer, &log.origin)) continue;
        status = add(peer, &log);
        found[count++] = log;
        if (count < sizeof found / sizeof found[0]) continue;
        note(peer, found, count);
        count = 0;
    }
    if (count > 0) note(peer, found, count);
    return status;
}

/* ---- asking ---- */

static bool same_log(const hf_report *a, const hf_report *b)
{
    return a->scope == b->scope && a->lane == b->lane &&
           memcmp(&a->origin, &b->origin, sizeof a->origin) == 0;
}

static bool is_asked(const hf_hub *hub, const hf_report *log)
{
    for (size_t i = 0; i < hub->asked_count; i++)
        if (same_log(&hub->asked[i].log, log)) return true;
    return false;
}

static void ask(hf_peer *peer, struct hf_ahead *at)
{
    hf_hub *hub = peer->hub;
    at->asked = true;
    peer->asked_count++;
    hub->asked[hub->asked_count].peer = peer;
    hub->asked[hub->asked_count++].log = at->log;
}

static void release(hf_peer *peer, struct hf_ahead *at)
{
    hf_hub *hub = peer->hub;
    at->asked = at->answered = false;
    peer->asked_count--;
    for (size_t i = 0; i < hub->asked_count; i++) {
        if (!same_log(&hub->asked[i].log, &at->log)) continue;
        hub->asked[i] = hub->asked[--hub->asked_count];
        return;
    }
}

static void drop_done(hf_peer *peer)
{
    size_t kept = 0;
    for (size_t i = 0; i < peer->ahead_count; i++)
        if (!peer->ahead[i].done) peer->ahead[kept++] = peer->ahead[i];
    peer->ahead_count = kept;
}

hf_status hf_refill_write(hf_hub *hub, hf_peer *peer)
{
    if (peer->ahead_count == 0) return HF_OK;
    size_t count = 0;
    hf_message message = {.type = HF_FRAME_LACK};
    hf_status status = HF_OK;
    hf_buffer_clear(&hub->items);
    for (size_t i = 0; i < peer->ahead_count && status == HF_OK; i++) {
        struct hf_ahead *at = &peer->ahead[i];
        if (peer->asked_count == HF_LACK_LOGS_MAX || hub->asked_count == HF_REFILL_ASKED_MAX) break;
        bool other_scope = count > 0 && at->log.scope != message.as.lack.scope;
        if (at->done || other_scope || is_asked(hub, &at->log)) continue;
        status = held_of(hub->store, &at->log, &at->held);
        at->done = status == HF_OK && at->held >= at->log.seq;
        if (status != HF_OK || at->done) continue;
        hf_held held = {.log = {.set = true, .origin = at->log.origin, .lane = at->log.lane},
                        .seq = at->held};
        hf_write_held(&hub->items, &held);
        message.as.lack.scope = at->log.scope;
        ask(peer, at);
        count++;
    }
    drop_done(peer);
    message.as.lack.logs = (hf_list){hf_buffer_bytes(&hub->items), count};
    if (count > 0) hf_message_write(&hub->raw, &message);
    return status == HF_OK ? hub->items.status : status;
}

/* ---- taking ---- */

typedef struct taking {
    hf_peer *peer;
    hf_batch *batch;
    const hf_refill *refill;
    hf_rights rights;
} taking;

/* An hf_judge. */
static hf_status relayed_reason(void *context, const hf_entry_body *entry, uint32_t *reason)
{
    const taking *in = context;
    bool crowds = false;
    *reason = in->rights.row->is_hub ? 0 : hf_judge_entry(&in->rights, entry);
    if (*reason != 0 || in->rights.row->is_hub) return HF_OK;
    hf_status status =
        hf_entry_crowds(in->rights.store, in->rights.row, in->refill->lane, entry, &crowds);
    if (crowds) *reason = HF_REASON_CROWDED;
    return status;
}

static hf_status withheld(taking *in, const hf_entry_body *entry, uint32_t reason, uint32_t scope)
{
    hf_hub *hub = in->peer->hub;
    if (hub->upstream) return HF_OK; /* a verdict is the centre's word */
    hf_dot dot = {.origin = in->refill->origin, .lane = in->refill->lane, .seq = entry->seq};
    hf_hub_touch(&hub->touched, scope);
    return hf_batch_verdict(in->batch, &dot, scope, reason, hf_judge_text(reason), hub->wall_ms);
}

static hf_status take_entry(taking *in, const hf_entry_body *entry, bool *follows)
{
    hf_hub *hub = in->peer->hub;
    hf_applied_entry applied;
    hf_status status = hf_batch_judged(in->batch, in->rights.row, in->refill->lane, entry,
                                       relayed_reason, in, &applied);
    if (status != HF_OK) return status;
    *follows = applied.what != HF_APPLIED_GAP && applied.what != HF_APPLIED_FORK;
    if (applied.what != HF_APPLIED_NEW && applied.what != HF_APPLIED_WITHHELD) return HF_OK;
    hf_hub_touch(&hub->touched, entry->scope);
    hub->refilled++;
    if (in->rights.row->own) hub->set_back = true;
    if (applied.what == HF_APPLIED_NEW || applied.reason < HF_REASON_NO_GRANT) return HF_OK;
    status = withheld(in, entry, applied.reason, entry->scope);
    bool tell = status == HF_OK && in->rights.home && !in->rights.row->is_hub;
    return tell && applied.reason == HF_REASON_NO_GRANT
               ? withheld(in, entry, applied.reason, in->rights.home)
               : status;
}

static hf_status take_bodies(taking *in)
{
    bool follows = true;
    hf_status status = HF_OK;
    hf_bodies walk = hf_bodies_of_refill(in->refill);
    while (status == HF_OK && follows && hf_next_body(&walk)) {
        hf_entry_body entry;
        status = hf_batch_next(in->batch);
        if (status == HF_OK) status = hf_entry_parse(walk.body, &entry);
        if (status == HF_OK) status = take_entry(in, &entry, &follows);
    }
    if (status == HF_OK)
        status = hf_log_known(in->batch, in->rights.row, in->refill->lane, in->refill->head.seq);
    /* Where we hold all of the log again, the head is ours to pass on; where not, it is not. */
    hf_status head = HF_OK;
    if (status == HF_OK && follows && !in->rights.row->own)
        head = hf_batch_head(in->batch, &in->refill->head);
    return head == HF_OK || head == HF_ERR_PROTOCOL ? status : head;
}

/* Whose log it is decides what may stand in it: a hub's own words, or a device's by its grants.
 * Of a device that we do not know nothing is taken yet. */
static hf_status take_proven(taking *in, const hf_origin_row *row)
{
    hf_device author = {.home = 0};
    hf_hub *hub = in->peer->hub;
    hf_status status = HF_OK;
    if (row->is_hub != (in->refill->lane == HF_LANE_CONTROL)) return HF_OK;
    if (!row->is_hub) status = hf_device_by_key(hub->store, row->key_id, &author);
    if (status == HF_ERR_NOT_FOUND) return HF_OK;
    if (status != HF_OK) return status;
    in->rights = (hf_rights){.store = hub->store,
                             .row = row,
                             .lane = in->refill->lane,
                             .home = author.home,
                             .scopes = author.scopes,
                             .scope_count = author.scope_count,
                             .relayed = true,
                             .revoked_at = author.revoked ? author.revoked_at : 0};
    return take_bodies(in);
}

hf_status hf_refill_take(hf_peer *peer, hf_batch *batch, const hf_refill *refill)
{
    hf_store *store = peer->hub->store;
    struct hf_ahead *at = NULL;
    const hf_report log = {refill->origin, refill->lane, refill->scope, 0};
    for (size_t i = 0; i < peer->ahead_count && !at; i++)
        if (peer->ahead[i].asked && same_log(&peer->ahead[i].log, &log)) at = &peer->ahead[i];
    if (!at) {
        hf_session_fail(&peer->session, HF_CODE_TURN, "REFILL that was not asked for");
        return HF_ERR_PROTOCOL;
    }
    taking in = {.peer = peer, .batch = batch, .refill = refill};
    const hf_origin_row *row;
    uint64_t held;
    hf_status status = hf_refill_prove(batch, refill, &row);
    if (status == HF_ERR_PROTOCOL)
        hf_session_fail(&peer->session, HF_CODE_SIGNATURE, "REFILL is not signed by its origin");
    if (status == HF_OK && row) status = take_proven(&in, row);
    if (status == HF_OK) status = held_of(store, &at->log, &held);
    if (status != HF_OK) return status;
    at->answered = true;
    at->staged_done = held >= at->log.seq || held <= at->held;
    return held <= at->held ? hf_coverage_tried(batch, peer->key_id, &at->log) : HF_OK;
}

void hf_refill_reset(hf_peer *peer)
{
    for (size_t i = 0; i < peer->ahead_count; i++) peer->ahead[i].answered = false;
}

/* Whoever else holds them may be asked now. */
static void wake_others(const hf_hub *hub)
{
    for (hf_peer *other = hub->peers; other; other = other->next)
        if (other->ahead_count > 0) hf_peer_wake(other);
}

/* Stations that named its author wait to hear how far we have the log, whoever brought it. */
static void tell_stations(const hf_hub *hub, const hf_report *log)
{
    const hf_origin_row *row = hf_origin_by_id(hub->store, &log->origin);
    uint64_t held;
    if (!row || hf_log_dense(hub->store, row->no, log->lane, &held) != HF_OK) return;
    for (hf_peer *peer = hub->peers; peer; peer = peer->next) {
        for (size_t i = 0; i < peer->relayed_durable; i++) {
            hf_peer_origin *origin = &peer->relayed[i].origin;
            if (origin->no != row->no) continue;
            origin->durable[log->lane].held = origin->now[log->lane].held = held;
            origin->ack_due |= (uint8_t)(1u << log->lane);
            hf_peer_wake(peer);
        }
    }
}

void hf_refill_settle(hf_peer *peer)
{
    bool freed = false;
    for (size_t i = 0; i < peer->ahead_count && peer->asked_count > 0; i++) {
        struct hf_ahead *at = &peer->ahead[i];
        if (!at->answered) continue;
        at->done = at->staged_done;
        tell_stations(peer->hub, &at->log);
        release(peer, at);
        freed |= at->done;
    }
    if (freed) wake_others(peer->hub);
}

void hf_refill_forget(hf_peer *peer)
{
    bool freed = peer->asked_count > 0;
    for (size_t i = 0; i < peer->ahead_count; i++)
        if (peer->ahead[i].asked) release(peer, &peer->ahead[i]);
    free(peer->ahead);
    peer->ahead = NULL;
    peer->ahead_count = 0;
    if (freed) wake_others(peer->hub);
}
