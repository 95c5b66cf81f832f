/* client_apply.c: what the hub sent becomes durable, together with where that leaves us.
 *
 * Why in two walks: the first puts every frame into one batch and moves a copy of our place; only
 * when the batch is on disk does the second tell the upload what was acknowledged. A frame that
 * cannot be applied undoes the batch, which is then made again without it and what came after. */
#include "client_core.h"

#include "feed.h"
#include "planted.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hf_status bad(hf_client *client, uint16_t code, const char *what, uint64_t number)
{
    hf_session_fail(&client->session, code, "%s %llu", what, (unsigned long long)number);
    return HF_ERR_PROTOCOL;
}

/* ---- origins the hub has named ---- */

static size_t known_place(const hf_client *client, uint32_t index)
{
    size_t low = 0, high = client->known_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (client->known[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const hf_origin_row *known_origin(const hf_client *client, uint32_t index)
{
    size_t place = known_place(client, index);
    if (place == client->known_count || client->known[place].index != index) return NULL;
    return client->known[place].row;
}

static hf_status known_add(hf_client *client, uint32_t index, const hf_origin_row *row)
{
    size_t place = known_place(client, index);
    if (place < client->known_count && client->known[place].index == index)
        return client->known[place].row == row ? HF_OK : HF_ERR_PROTOCOL;
    if (client->known_count == client->known_capacity) {
        size_t capacity = client->known_capacity ? client->known_capacity * 2 : 64;
        hf_known *known = realloc(client->known, capacity * sizeof *known);
        if (!known) return HF_ERR_NOMEM;
        client->known = known;
        client->known_capacity = capacity;
    }
    hf_known *at = &client->known[place];
    memmove(at + 1, at, (client->known_count - place) * sizeof *at);
    *at = (hf_known){.index = index, .fresh = true, .row = row};
    client->known_count++;
    return HF_OK;
}

/* After the batch: those it taught stay, or their rows are gone with it. */
static void known_settle(hf_client *client, bool committed)
{
    size_t kept = 0;
    for (size_t i = 0; i < client->known_count; i++) {
        if (!committed && client->known[i].fresh) continue;
        client->known[kept] = client->known[i];
        client->known[kept++].fresh = false;
    }
    client->known_count = kept;
}

static hf_status on_origin(hf_client *client, const hf_origin_frame *frame)
{
    const hf_origin_row *row;
    hf_status status =
        hf_origin_learn(client->store, frame->key_id, frame->incarnation, frame->certificate, &row);
    if (status == HF_OK) status = known_add(client, frame->index, row);
    if (status != HF_ERR_PROTOCOL) return status;
    return bad(client, HF_CODE_SIGNATURE, "certificate not to be trusted: origin", frame->index);
}

/* ---- entries ---- */

static bool is_our_key(const hf_client *client, const hf_origin_row *origin)
{
    const uint8_t *own = hf_store_crypto(client->store)->own_key_id;
    return memcmp(origin->key_id, own, HF_HASH_SIZE) == 0;
}

static hf_status refused(hf_client *client, const hf_bodies *walk, const hf_origin_row *origin,
                         const hf_applied_entry *applied)
{
    bool gap = applied->what == HF_APPLIED_GAP;
    const uint8_t *id = origin->id.bytes;
    hf_session_fail(&client->session, gap ? HF_CODE_GAP : HF_CODE_FORK,
                    "%s in log %02x%02x%02x%02x/%u at entry %llu", gap ? "gap" : "fork", id[0],
                    id[1], id[2], id[3], walk->lane, (unsigned long long)applied->seq);
    return HF_ERR_PROTOCOL;
}

static hf_status take_body(hf_client *client, hf_batch *batch, const hf_bodies *walk)
{
    const hf_origin_row *origin = known_origin(client, walk->origin);
    if (!origin) return bad(client, HF_CODE_TURN, "no ORIGIN came for index", walk->origin);
    hf_applied_entry applied;
    hf_status status = hf_batch_entry(batch, origin, walk->lane, walk->body, 0, &applied);
    if (status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT) {
        hf_session_fail_status(&client->session, status, "entry");
        return status;
    }
    if (status != HF_OK) return status;
    bool taken = applied.what != HF_APPLIED_GAP && applied.what != HF_APPLIED_FORK;
    if (walk->lane == HF_LANE_CONTROL) client->relays.control_came = true;
    if (taken && walk->lane == HF_LANE_CONTROL) return HF_OK;
    if (taken && is_our_key(client, origin)) client->former_came = true;
    /* Nor need the hub have more of it than its hashes: what it has, it says. */
    if (taken && applied.emptied) return HF_OK;
    if (taken) return hf_client_relay_fed(client, batch, origin, walk->lane, applied.seq);
    /* A hub that was set back gave seqs of its own a second time: what we hold stands here. */
    if (applied.what == HF_APPLIED_FORK && origin->is_hub) return HF_OK;
    if (is_our_key(client, origin)) {
        /* A former life of ours that went on elsewhere: the branch that we hold stands here. */
        bool forked = applied.what == HF_APPLIED_FORK;
        if (!forked) status = hf_client_has_left(client->store, &origin->id, &forked);
        if (forked || status != HF_OK) return status;
    }
    bool pass_over;
    status = hf_client_relay_forked(client, origin, &applied, &pass_over);
    if (status != HF_OK || pass_over) return status;
    if (applied.what == HF_APPLIED_GAP && client->download.phase == HF_PHASE_VECTORS) {
        client->download.gap = true; /* its hole's verdict may be in another log: ask again */
        return HF_OK;
    }
    return refused(client, walk, origin, &applied);
}

static hf_status take_bodies(hf_client *client, hf_batch *batch, const hf_list *runs)
{
    hf_status status = HF_OK;
    hf_bodies walk = hf_bodies_of_runs(runs);
    while (status == HF_OK && hf_next_body(&walk)) status = take_body(client, batch, &walk);
    if (status == HF_OK) status = hf_client_relay_fed(client, batch, NULL, 0, 0);
    if (status != HF_OK) client->relays.run_origin = NULL; /* undone, and perhaps taken again */
    return status;
}

static hf_status on_entries(hf_client *client, hf_batch *batch, const hf_feed *entries)
{
    if (client->download.phase != HF_PHASE_VECTORS || !client->download.asked)
        return bad(client, HF_CODE_TURN, "frame out of turn:", HF_FRAME_ENTRIES);
    client->download.taken++;
    return take_bodies(client, batch, &entries->runs);
}

static hf_status on_feed(hf_client *client, hf_batch *batch, const hf_feed *feed)
{
    hf_download *download = &client->download;
    if (download->phase != HF_PHASE_FEED)
        return bad(client, HF_CODE_TURN, "frame out of turn:", HF_FRAME_FEED);
    if (feed->from != download->cursor.position)
        return bad(client, HF_CODE_GAP, "the feed goes on from another position:", feed->from);
    hf_status status = take_bodies(client, batch, &feed->runs);
    download->cursor.position = feed->to;
    memcpy(download->cursor.chain, feed->chain, sizeof feed->chain);
    download->cursor_moved = true;
    return status;
}

static bool same_end(const hf_log_name *a, const hf_log_name *b)
{
    return a->set == b->set && (!a->set || hf_log_name_compare(a, b) == 0);
}

static hf_status next_pass(hf_client *client, hf_batch *batch)
{
    hf_download *download = &client->download;
    download->scope_at = 0;
    (void)hf_client_next_scope(download); /* there was one, or no VECTOR was out */
    if (download->gap && ++download->pass >= HF_VECTOR_PASSES_MAX)
        return bad(client, HF_CODE_GAP,
                   "gaps remain after passes over the vectors:", download->pass);
    bool gap = download->gap;
    download->gap = false;
    if (gap) return HF_OK;
    if (download->verdict != HF_REFILLING) return hf_client_vectors_done(client, batch);
    download->phase = HF_PHASE_REFILLED; /* nothing came: this is no place in its feed */
    return HF_OK;
}

static hf_status on_had(hf_client *client, hf_batch *batch, hf_bytes bits)
{
    if (client->download.phase != HF_PHASE_FEED)
        return bad(client, HF_CODE_TURN, "frame out of turn:", HF_FRAME_HAD);
    return hf_client_on_had(client, batch, bits);
}

static hf_status on_vector_done(hf_client *client, hf_batch *batch, const hf_vector_done *done)
{
    hf_download *download = &client->download;
    if (download->phase != HF_PHASE_VECTORS || !download->asked ||
        done->scope != download->scopes[download->scope_at] || !same_end(&done->to, &download->to))
        return bad(client, HF_CODE_TURN, "frame out of turn:", HF_FRAME_VECTOR_DONE);
    download->asked = false;
    download->from = done->to;
    hf_status status = done->had.size ? hf_client_on_had(client, batch, done->had) : HF_OK;
    if (status != HF_OK || done->to.set) return status;
    download->scope_at++;
    return hf_client_next_scope(download) ? HF_OK : next_pass(client, batch);
}

/* ---- acknowledgements and heads ---- */

static hf_status on_ack(hf_client *client, hf_batch *batch, const hf_ack *ack)
{
    hf_download *download = &client->download;
    hf_status status = HF_OK;
    hf_acked acked;
    for (hf_list walk = ack->logs; status == HF_OK && hf_next_acked(&walk, &acked);) {
        if (!client->upload.logs || !hf_upload_admits(&client->upload, &acked))
            return bad(client, HF_CODE_MALFORMED, "acknowledges what was not sent: entry",
                       acked.durable);
        if (acked.origin >= HF_HELLO_ORIGINS_MAX) {
            status = hf_client_relay_acked(client, batch, &acked);
            continue;
        }
        if (acked.origin >= client->own_count) return HF_ERR_PROTOCOL;
        if (client->centre_void) acked.central = 0;
        status = hf_batch_acked(batch, &download->cursor.hub, client->own[acked.origin], acked.lane,
                                acked.durable, acked.central);
        if (acked.origin == 0 && acked.head > download->heads_up[acked.lane]) {
            download->heads_up[acked.lane] = acked.head;
            download->heads_up_moved = true;
        }
    }
    return status;
}

static hf_status on_head(hf_client *client, hf_batch *batch, hf_head_item *item)
{
    const hf_origin_row *origin = known_origin(client, item->origin);
    if (!origin) return bad(client, HF_CODE_TURN, "no ORIGIN came for index", item->origin);
    /* Ours we know better, and without a certificate there is nothing to check a signature by. */
    if (is_our_key(client, origin) || !origin->name[0]) return HF_OK;
    item->head.origin = origin->id;
    size_t count = 0;
    for (hf_list walk = item->leaves; count < HF_LOG_SCOPES_MAX; count++)
        if (!hf_next_leaf(&walk, &client->leaves[count])) break;
    hf_status status = hf_batch_head_relayed(batch, &item->head, client->leaves, count);
    if (status != HF_ERR_PROTOCOL) return status;
    return bad(client, HF_CODE_CHAIN, "a signed head does not match what we hold: entry",
               item->head.seq);
}

static hf_status on_heads(hf_client *client, hf_batch *batch, const hf_heads *heads)
{
    hf_download *download = &client->download;
    if (download->phase != HF_PHASE_FEED)
        return bad(client, HF_CODE_TURN, "frame out of turn:", HF_FRAME_HEADS);
    hf_status status = HF_OK;
    hf_head_item item;
    for (hf_list walk = heads->heads; status == HF_OK && hf_next_head(&walk, &item);)
        status = on_head(client, batch, &item);
    download->heads = heads->number;
    download->heads_moved = true;
    client->relays.heads_came = true;
    return status;
}

/* A hub asks for no more than is answered: so these always have room. */
static hf_status on_lack(hf_client *client, const hf_lack *lack)
{
    hf_held held;
    bool by_station = client->hub_known && client->hub.is_station;
    for (hf_list walk = lack->logs; hf_next_held(&walk, &held);) {
        if (client->wish_count == HF_WISHES_MAX)
            return bad(client, HF_CODE_LIMIT, "asks for more logs at a time than", HF_WISHES_MAX);
        client->wishes[client->wish_count++] = (hf_wish){.origin = held.log.origin,
                                                         .lane = held.log.lane,
                                                         .scope = lack->scope,
                                                         .after = held.seq,
                                                         .by_centre = !by_station};
    }
    return HF_OK;
}

/* ---- receipts ---- */

static hf_status take_receipt(hf_client *client, hf_batch *batch, const hf_receipt_item *item)
{
    hf_receipt receipt = item->receipt;
    const hf_origin_row *row = item->origin < client->own_count
                                   ? client->own[item->origin]
                                   : hf_client_relayed_origin(client, item->origin);
    if (!row)
        return bad(client, HF_CODE_MALFORMED,
                   "a receipt of a log that was not named:", item->origin);
    receipt.origin = row->id;
    hf_status status = hf_batch_receipt(batch, &receipt);
    /* A former life of ours may have gone on elsewhere, and of another's log we may hold a part:
     * then it is over what we do not hold. */
    if (status == HF_ERR_PROTOCOL && item->origin > 0) return HF_OK;
    if (status == HF_ERR_PROTOCOL)
        return bad(client, HF_CODE_SIGNATURE, "a receipt that is not true: entry", receipt.seq);
    if (status == HF_OK && item->origin >= HF_HELLO_ORIGINS_MAX)
        status = hf_client_receipted(client, row->no, receipt.lane);
    return status;
}

/* By the hub that we are connected to; or by the centre, and a station passed it on. */
static hf_status on_receipt(hf_client *client, hf_batch *batch, const hf_receipt_frame *frame)
{
    const hf_origin_row *hub = known_origin(client, frame->hub);
    if (!hub) return bad(client, HF_CODE_TURN, "no ORIGIN came for index", frame->hub);
    hf_status status = HF_OK;
    hf_receipt_item item;
    for (hf_list walk = frame->logs; status == HF_OK && hf_next_receipt(&walk, &item);) {
        item.receipt.hub = hub->id;
        memcpy(item.receipt.epoch, frame->epoch, sizeof item.receipt.epoch);
        item.receipt.time_ms = frame->time_ms;
        memcpy(item.receipt.signature, frame->signature, HF_SIGNATURE_SIZE);
        status = take_receipt(client, batch, &item);
    }
    return status;
}

/* ---- the batch ---- */

static hf_status apply_frame(hf_client *client, hf_batch *batch, const hf_message *message)
{
    /* What the hub fed before it heard that we leave: it comes again, to our new name. */
    if (client->download.phase == HF_PHASE_RENEW) return HF_OK;
    switch (message->type) {
    case HF_FRAME_WELCOME: return hf_client_on_welcome(client, batch, &message->as.welcome);
    case HF_FRAME_ORIGIN: return on_origin(client, &message->as.origin);
    case HF_FRAME_ENTRIES: return on_entries(client, batch, &message->as.feed);
    case HF_FRAME_VECTOR_DONE: return on_vector_done(client, batch, &message->as.done);
    case HF_FRAME_FEED: return on_feed(client, batch, &message->as.feed);
    case HF_FRAME_HAD: return on_had(client, batch, message->as.had);
    case HF_FRAME_HEADS: return on_heads(client, batch, &message->as.heads);
    case HF_FRAME_ACK: return on_ack(client, batch, &message->as.ack);
    case HF_FRAME_OFFER: return hf_client_on_offer(client, batch, &message->as.offer);
    case HF_FRAME_CHUNK: return hf_client_on_chunk(client, batch, &message->as.chunk);
    case HF_FRAME_RECEIPT: return on_receipt(client, batch, &message->as.receipt);
    case HF_FRAME_LACK: return on_lack(client, &message->as.lack);
    case HF_FRAME_CERTIFICATE: return hf_client_on_certificate(client, &message->as.certificate);
    case HF_FRAME_LEASE: return hf_client_on_lease(client, batch, &message->as.leased);
    case HF_FRAME_PROBED: return hf_client_on_probed(client, &message->as.probe);
    default: return HF_OK; /* CREDIT moves nothing that is stored */
    }
}

/* The place goes into the transaction of what it covers: a crash can never leave one without the
 * other. */
static hf_status keep_place(hf_client *client, hf_batch *batch)
{
    hf_status status = HF_OK;
    hf_cursor *cursor = &client->download.cursor;
    /* Until we have all that it had when we came, what came elsewhere stays to be named. */
    bool caught_up = cursor->position >= client->download.announced;
    cursor->here = caught_up ? hf_feed_position(client->store) : client->resume.here;
    if (client->download.cursor_moved) status = hf_batch_cursor(batch, cursor);
    if (status == HF_OK) status = hf_client_keep_heads(client);
    return status;
}

uint64_t hf_client_true_ms(const hf_client *client)
{
    if (!client->hub_time.known) return client->wall_ms;
    return client->hub_time.hub_ms + (client->wall_now_ms - client->hub_time.at_ms);
}

/* `*culprit` is left alone unless one frame is to blame: then it is that frame's place. */
static hf_status apply_first(hf_client *client, size_t count, size_t *culprit)
{
    hf_batch *batch;
    hf_status status = hf_batch_begin(client->store, hf_client_true_ms(client), &batch);
    if (status != HF_OK) return status;
    const hf_received *at = client->inbox.first;
    for (size_t i = 0; i < count && status == HF_OK; i++, at = at->next) {
        hf_message message;
        status = hf_message_read((hf_bytes){at->data, at->size}, &message);
        if (status == HF_OK) status = hf_batch_next(batch);
        if (status == HF_OK) status = apply_frame(client, batch, &message);
        if (status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT) *culprit = i;
    }
    if (status == HF_OK) status = hf_batch_next(batch);
    if (status == HF_OK) status = keep_place(client, batch);
    if (status == HF_OK) return hf_batch_commit(batch);
    hf_batch_rollback(batch);
    return status;
}

static void note(hf_client *client, const hf_notice *notice)
{
    (void)snprintf(client->notice, sizeof client->notice,
                   "entry %llu in lane %u is withheld (%u): %.*s", (unsigned long long)notice->seq,
                   notice->lane, notice->code, (int)notice->text.size,
                   notice->text.size ? (const char *)notice->text.data : "");
}

static void note_welcome(hf_client *client)
{
    if (client->download.verdict == HF_REFILLING)
        (void)snprintf(client->notice, sizeof client->notice,
                       "The hub was restored: it takes what we send, and hands nothing out yet.");
    else if (client->fell_back)
        (void)snprintf(client->notice, sizeof client->notice,
                       "%s has lost %llu of our entries that it had; what is lost is sent again.",
                       client->hub_known && client->hub.is_station ? "The station" : "The hub",
                       (unsigned long long)client->fell_back);
}

/* What came of bundles is stored by itself: it is of no log, and moves no place. */
static hf_status on_carrier(hf_client *client, const hf_message *message)
{
    hf_carrier *carrier = &client->carrier;
    hf_status status = hf_carrier_on(carrier, message, hf_client_true_ms(client));
    if (status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT) {
        hf_session_fail(&client->session, HF_CODE_TURN, "frame out of turn: %u", message->type);
        return HF_OK;
    }
    if (carrier->refusal[0])
        (void)snprintf(client->notice, sizeof client->notice, "%s", carrier->refusal);
    carrier->refusal[0] = 0;
    return status;
}

static hf_status settle_frame(hf_client *client, const hf_message *message)
{
    hf_acked acked;
    hf_notice notice;
    hf_list logs = message->as.ack.logs, notices = message->as.ack.notices;
    uint64_t stamp_ms;
    bool leaves = client->download.phase == HF_PHASE_RENEW;
    if (leaves && message->type != HF_FRAME_WELCOME) return HF_OK; /* it was not applied */
    switch (message->type) {
    case HF_FRAME_WELCOME:
        note_welcome(client);
        return hf_client_begin_upload(client, &message->as.welcome);
    case HF_FRAME_CREDIT:
        hf_upload_window(&client->upload, message->as.credit.lane, message->as.credit.entries,
                         message->as.credit.bytes);
        return HF_OK;
    case HF_FRAME_LEASE: hf_client_lease_settled(client); return HF_OK;
    case HF_FRAME_ACK:
        stamp_ms = message->timed ? message->at_ms : client->wall_now_ms;
        while (hf_next_acked(&logs, &acked)) {
            if (client->centre_void) acked.central = 0;
            hf_upload_acked(&client->upload, &acked, client->wall_now_ms, stamp_ms);
        }
        while (hf_next_notice(&notices, &notice)) {
            note(client, &notice);
            hf_client_relay_refused(client, &notice, stamp_ms);
        }
        return HF_OK;
    case HF_FRAME_PROBED: hf_client_probed(client, message->as.probe.number); return HF_OK;
    case HF_FRAME_CARRY:
    case HF_FRAME_FETCH:
    case HF_FRAME_PIECE:
    case HF_FRAME_CARRIED: return on_carrier(client, message);
    default: return HF_OK;
    }
}

static hf_status settle(hf_client *client, size_t count)
{
    hf_status status = HF_OK;
    const hf_received *at = client->inbox.first;
    for (size_t i = 0; i < count && status == HF_OK; i++, at = at->next) {
        hf_message message;
        status = hf_message_read((hf_bytes){at->data, at->size}, &message);
        if (status == HF_OK) status = settle_frame(client, &message);
    }
    client->download.cursor_moved = false;
    client->download.heads_moved = client->download.heads_up_moved = false;
    return status;
}

/* The mistake behind HF_PLANTED_CURSOR_BEFORE_DATA: the place goes first, on its own. */
static hf_status cursor_first(hf_client *client)
{
    hf_cursor cursor = client->download.cursor;
    hf_batch *batch;
    for (const hf_received *at = client->inbox.first; at; at = at->next) {
        hf_message message;
        hf_status status = hf_message_read((hf_bytes){at->data, at->size}, &message);
        if (status != HF_OK || message.type != HF_FRAME_FEED) continue;
        cursor.position = message.as.feed.to;
        memcpy(cursor.chain, message.as.feed.chain, sizeof cursor.chain);
    }
    if (cursor.position == client->download.cursor.position) return HF_OK;
    hf_status status = hf_batch_begin(client->store, client->wall_ms, &batch);
    if (status != HF_OK) return status;
    status = hf_batch_cursor(batch, &cursor);
    if (status == HF_OK) return hf_batch_commit(batch);
    hf_batch_rollback(batch);
    return status;
}

static hf_status apply_inbox(hf_client *client)
{
    const hf_download before = client->download;
    client->relays.run_origin = NULL;
    size_t count = client->inbox.count, wishes = client->wish_count;
    hf_status status = HF_OK;
    if (HF_PLANTED(CURSOR_BEFORE_DATA)) status = cursor_first(client);
    while (count > 0 && status == HF_OK) {
        size_t culprit = SIZE_MAX;
        status = apply_first(client, count, &culprit);
        known_settle(client, status == HF_OK);
        if (status == HF_OK) {
            status = settle(client, count);
            break;
        }
        client->download = before;
        client->wish_count = wishes;
        if (culprit == SIZE_MAX) break; /* the store's trouble, not a frame's */
        count = culprit;
        status = HF_OK;
    }
    hf_inbox_drop(&client->inbox, NULL);
    return status;
}

/* What came behind a WELCOME. It ends its batch: only when it is settled do we know what an
 * acknowledgement may be of, and a station has one to say at once when its centre is heard. */
static hf_inbox behind_welcome(hf_inbox *inbox)
{
    hf_inbox rest = {.count = 0};
    hf_message message;
    hf_received *at = inbox->first;
    while (at && (hf_message_read((hf_bytes){at->data, at->size}, &message) != HF_OK ||
                  message.type != HF_FRAME_WELCOME))
        at = at->next;
    while (at && at->next) {
        hf_received *next = at->next;
        at->next = next->next;
        inbox->last = at;
        hf_inbox_pass(inbox, &rest, next);
    }
    return rest;
}

hf_status hf_client_apply(hf_client *client)
{
    if (client->download.phase != HF_PHASE_WAITING) return apply_inbox(client);
    hf_inbox rest = behind_welcome(&client->inbox);
    hf_status status = apply_inbox(client);
    if (status != HF_OK || !hf_session_live(&client->session)) {
        hf_inbox_drop(&rest, NULL);
        return status;
    }
    client->inbox = rest;
    return apply_inbox(client);
}
