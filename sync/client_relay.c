/* client_relay.c: a station's upstream: what its devices wrote goes up under their own heads, and
 * what the centre has is known by its acknowledgements and by what it feeds us.
 *
 * Why no list of what the hub holds is asked for: acknowledgements are stored, in the transaction
 * of what they speak of, and who holds less than he said is told so by the gap. So an hour in the
 * dark costs what was written in it, and nothing for what was not. */
#include "client_core.h"

#include "coverage.h"
#include "planted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char META_MET[] = "stations";   /* "1": one of them has fed us */
static const char META_RECENT[] = "relayed"; /* numbers of logs, as below: fresh and before */
static const char META_FORKED[] = "forked"; /* [origin, lane] of logs with two branches, in a row */

void hf_client_relay(hf_client *client)
{
    client->relays.on = true;
    hf_relay_start(client->store);
}

void hf_client_relays_free(hf_client *client)
{
    free(client->relays.origins);
    hf_buffer_free(&client->relays.withheld);
    hf_buffer_free(&client->relays.wishes);
    hf_buffer_free(&client->relays.receipt_wishes);
    hf_buffer_free(&client->relays.number_wishes);
    hf_buffer_free(&client->relays.receipted);
    hf_buffer_free(&client->relays.told);
    hf_buffer_free(&client->relays.asks);
    hf_buffer_free(&client->relays.doubts);
    hf_buffer_free(&client->relays.mute);
    hf_buffer_free(&client->relays.fresh);
    hf_buffer_free(&client->relays.before);
}

void hf_client_relays_link(hf_client *client)
{
    hf_client_relays *relays = &client->relays;
    relays->count = relays->named = 0;
    relays->number = 0;
    hf_buffer_clear(&relays->wishes);
    hf_buffer_clear(&relays->receipt_wishes);
    hf_buffer_clear(&relays->number_wishes);
    hf_buffer_clear(&relays->asks);
    hf_buffer_clear(&relays->doubts);
    hf_buffer_clear(&relays->mute);
    relays->asked = 0;
    relays->begun = false;
    relays->run_origin = NULL;
    relays->looked = false;
}

/* ---- what is to go up ---- */

hf_status hf_client_relay_place(hf_client *client, int64_t origin_no, size_t *out)
{
    hf_client_relays *relays = &client->relays;
    for (*out = 0; *out < relays->count; ++*out)
        if (relays->origins[*out]->no == origin_no) return HF_OK;
    if (relays->count == HF_RELAY_ORIGINS_MAX) return HF_ERR_LIMIT;
    if (relays->count == relays->capacity) {
        size_t capacity = relays->capacity ? relays->capacity * 2 : 32;
        const hf_origin_row **more = realloc(relays->origins, capacity * sizeof(*more));
        if (!more) return HF_ERR_NOMEM;
        relays->origins = more;
        relays->capacity = capacity;
    }
    hf_status status = hf_upload_grow(&client->upload, HF_HELLO_ORIGINS_MAX + relays->count + 1);
    if (status == HF_OK)
        relays->origins[relays->count++] = hf_origin_by_no(client->store, origin_no);
    return status;
}

static hf_status look_at(void *context, const hf_relay_log *found)
{
    hf_client *client = context;
    size_t place;
    hf_log_state state;
    hf_status status = hf_client_relay_place(client, found->origin_no, &place);
    if (status == HF_ERR_LIMIT) return HF_OK; /* more authors than one session can name */
    if (status == HF_OK)
        status = hf_log_state_get(client->store, found->origin_no, found->lane, &state);
    if (status != HF_OK) return status;
    hf_upload_log *log =
        &client->upload.logs[(HF_HELLO_ORIGINS_MAX + place) * HF_LANE_COUNT + found->lane];
    if (!log->stopped) log->last = found->seq;
    if (log->sent < state.acked && !log->rewound) log->sent = log->durable = state.acked;
    if (log->last < log->sent) log->last = log->sent;
    return HF_OK;
}

static hf_status ask_about(hf_client *client, size_t index)
{
    hf_client_relays *relays = &client->relays;
    if (client->upload.logs[index].asking) return HF_OK;
    client->upload.logs[index].asking = true;
    if (relays->asked == relays->asks.size) { /* all went out */
        hf_buffer_clear(&relays->asks);
        relays->asked = 0;
    }
    hf_write_raw(&relays->asks, (hf_bytes){(const uint8_t *)&index, sizeof index});
    return relays->asks.status;
}

static hf_status ask_of(void *context, const hf_relay_log *found)
{
    hf_client *client = context;
    size_t place;
    hf_status status = hf_client_relay_place(client, found->origin_no, &place);
    if (status == HF_ERR_LIMIT) return HF_OK;
    if (status != HF_OK) return status;
    return ask_about(client, (HF_HELLO_ORIGINS_MAX + place) * HF_LANE_COUNT + found->lane);
}

static hf_status ask_of_all(hf_client *client, hf_buffer *logs)
{
    hf_status status = HF_OK;
    for (size_t at = 0; at < logs->size && status == HF_OK; at += sizeof(hf_relay_log)) {
        hf_relay_log log;
        memcpy(&log, logs->data + at, sizeof log);
        if (hf_origin_by_no(client->store, log.origin_no)) status = ask_of(client, &log);
    }
    hf_buffer_clear(logs);
    return status;
}

/* Of what was fed: only now, for the batch that fed it, and named its author, may have been undone.
 * Heads are fed behind what they cover. */
static hf_status ask_of_doubts(hf_client *client)
{
    hf_client_relays *relays = &client->relays;
    hf_status status = ask_of_all(client, &relays->doubts);
    if (status == HF_OK && relays->heads_came) status = ask_of_all(client, &relays->mute);
    relays->heads_came = false;
    return status;
}

/* What was acknowledged while our place in the feed is not past it: should the centre be set back
 * to between the two and not notice, only asking shows it. */
static hf_status ask_recent(hf_client *client)
{
    hf_client_relays *relays = &client->relays;
    hf_buffer_clear(&relays->fresh);
    hf_buffer_clear(&relays->before);
    hf_status status = hf_meta_get(client->store, META_RECENT, &relays->before);
    for (size_t at = 0; at < relays->before.size && status == HF_OK; at += sizeof(int64_t)) {
        int64_t log;
        memcpy(&log, relays->before.data + at, sizeof log);
        const hf_relay_log found = {.origin_no = log / 8, .lane = (uint8_t)(log % 8)};
        status = ask_of(client, &found);
    }
    return status;
}

static hf_status keep_recent(hf_client *client)
{
    hf_client_relays *relays = &client->relays;
    hf_buffer both = {0};
    hf_write_raw(&both, hf_buffer_bytes(&relays->before));
    hf_write_raw(&both, hf_buffer_bytes(&relays->fresh));
    hf_status status = both.status;
    if (status == HF_OK) status = hf_meta_set(client->store, META_RECENT, hf_buffer_bytes(&both));
    hf_buffer_free(&both);
    return status;
}

static bool all_answered(const hf_client *client)
{
    const hf_upload_log *logs = &client->upload.logs[HF_HELLO_ORIGINS_MAX * HF_LANE_COUNT];
    for (size_t i = 0; i < client->relays.count * HF_LANE_COUNT; i++)
        if (logs[i].asking) return false;
    return true;
}

/* Our place is past all that was there when this session began, and the centre has said how far it
 * is: should the link end before that, all is to be asked again. */
static hf_status forget_recent(hf_client *client)
{
    if (client->relays.before.size == 0 || !hf_client_caught_up(client)) return HF_OK;
    if (!all_answered(client)) return HF_OK;
    hf_buffer_clear(&client->relays.before);
    return keep_recent(client);
}

static hf_status note_recent(hf_client *client, int64_t origin_no, uint8_t lane)
{
    hf_buffer *fresh = &client->relays.fresh;
    int64_t log = origin_no * 8 + lane, other;
    for (size_t at = 0; at < fresh->size; at += sizeof other) {
        memcpy(&other, fresh->data + at, sizeof other);
        if (other == log) return HF_OK;
    }
    hf_write_raw(fresh, (hf_bytes){(const uint8_t *)&log, sizeof log});
    return fresh->status == HF_OK ? keep_recent(client) : fresh->status;
}

hf_status hf_client_relays_look(hf_client *client)
{
    hf_status status = HF_OK;
    if (!client->relays.on) return HF_OK;
    if (!client->relays.begun) { /* on each link, before anything goes */
        status = hf_relay_unknown(client->store, &client->download.cursor.hub, ask_of, client);
        if (status == HF_OK) status = ask_recent(client);
        client->relays.begun = status == HF_OK;
    }
    if (status == HF_OK) status = ask_of_doubts(client);
    if (status == HF_OK) status = forget_recent(client);
    if (status != HF_OK) return status;
    uint64_t filled = hf_relay_filled(client->store);
    if (filled != client->relays.filled)
        client->relays.number = 0; /* it may have been waited for */
    client->relays.filled = filled;
    return hf_relay_each(client->store, &client->relays.number, look_at, client);
}

/* ---- frames ---- */

/* ORIGIN, of the next author that was not yet named on this link. */
hf_status hf_client_write_author(hf_client *client)
{
    hf_client_relays *relays = &client->relays;
    const hf_origin_row *row = relays->origins[relays->named];
    hf_buffer_clear(&client->items);
    hf_status status = hf_origin_certificate(client->store, row->no, &client->items);
    if (status != HF_OK) return status;
    hf_message message = {.type = HF_FRAME_ORIGIN};
    message.as.origin.index = (uint32_t)(HF_HELLO_ORIGINS_MAX + relays->named++);
    memcpy(message.as.origin.key_id, row->key_id, HF_HASH_SIZE);
    memcpy(message.as.origin.incarnation, row->incarnation, HF_INCARNATION_SIZE);
    message.as.origin.certificate = hf_buffer_bytes(&client->items);
    hf_message_write(&client->raw, &message);
    return HF_OK;
}

/* It cannot go: its author signed too seldom, or we hold the log in part. It is told, and what is
 * in other logs goes on. */
static void give_up(hf_client *client, hf_upload_log *log, const hf_origin_row *row, uint8_t lane)
{
    (void)snprintf(client->notice, sizeof client->notice,
                   "entries of %.60s in lane %u after %llu cannot be relayed", row->name, lane,
                   (unsigned long long)log->sent);
    log->last = log->sent;
}

/* What came to the centre by another way since we looked need not go. False: nothing is left. */
static hf_status skip_held(hf_client *client, const hf_relay_log *log, hf_upload_log *up,
                           bool *is_left)
{
    hf_log_state state;
    hf_status status = hf_log_state_get(client->store, log->origin_no, log->lane, &state);
    if (status == HF_OK && up->sent < state.acked && !up->rewound)
        up->sent = up->durable = state.acked;
    if (up->last < up->sent) up->last = up->sent;
    *is_left = up->sent < up->last;
    return status;
}

/* The mistake behind HF_PLANTED_RELAY_FORGETS: sent is as good as acknowledged. */
static hf_status forget(hf_client *client, const hf_origin_row *row, uint8_t lane, uint64_t seq)
{
    hf_batch *batch;
    hf_status status = hf_batch_begin(client->store, client->wall_ms, &batch);
    if (status != HF_OK) return status;
    status = hf_batch_acked(batch, &client->download.cursor.hub, row, lane, seq, 0);
    if (status == HF_OK) status = hf_relay_done(batch, row, lane, seq);
    if (status == HF_OK) return hf_batch_commit(batch);
    hf_batch_rollback(batch);
    return status;
}

hf_status hf_client_write_relay(hf_client *client, const hf_upload_next *next)
{
    hf_client_relays *relays = &client->relays;
    size_t place = next->log / HF_LANE_COUNT - HF_HELLO_ORIGINS_MAX;
    uint8_t lane = (uint8_t)(next->log % HF_LANE_COUNT);
    hf_upload_log *up = &client->upload.logs[next->log];
    if (place >= relays->named) return hf_client_write_author(client);
    const hf_origin_row *row = relays->origins[place];
    hf_relay_log log = {.origin_no = row->no, .lane = lane, .seq = up->last};
    hf_head head;
    bool is_left;
    hf_status status = skip_held(client, &log, up, &is_left);
    if (status != HF_OK || !is_left) return status;
    status = hf_relay_next(client->store, &log, up->sent, next->entries, next->bytes, &head);
    if (status == HF_ERR_NOT_FOUND) up->last = up->sent;
    if (status == HF_ERR_NOT_FOUND) return HF_OK;
    hf_message message = {.type = HF_FRAME_RELAY};
    hf_relay *group = &message.as.relay;
    if (status == HF_OK)
        status = hf_relay_group(client->store, &log, &head, up->sent, &client->items,
                                &relays->withheld, group);
    /* Who has all of it sends it, and then it comes down to us; or its author brings it here. */
    if (status == HF_ERR_DENIED) hf_upload_end(&client->upload, next->log);
    if (status == HF_ERR_DENIED) return HF_OK;
    if (status == HF_ERR_NOT_FOUND || status == HF_ERR_LIMIT) {
        give_up(client, up, row, lane);
        return HF_OK;
    }
    if (status != HF_OK) return status;
    /* It is not to be cut: where the lane has no room for it, it goes alone. */
    uint32_t entries = (uint32_t)group->bodies.count;
    size_t bytes = group->bodies.items.size;
    bool fits = entries <= next->entries && bytes <= next->bytes;
    if (!fits && client->upload.lanes[lane].entries > 0) return HF_OK;
    group->origin = (uint32_t)(HF_HELLO_ORIGINS_MAX + place);
    hf_message_write(&client->raw, &message);
    hf_upload_sent(&client->upload, next->log, head.seq, entries, bytes);
    up->head_sent = head.seq;
    if (HF_PLANTED(RELAY_FORGETS)) return forget(client, row, lane, head.seq);
    return HF_OK;
}

/* A RELAY without entries: how far does the centre have this log? */
hf_status hf_client_write_asks(hf_client *client)
{
    hf_client_relays *relays = &client->relays;
    size_t index;
    hf_status status = HF_OK;
    if (relays->asked == relays->asks.size &&
        hf_upload_overdue(&client->upload, client->wall_now_ms, &index)) {
        hf_upload_answered(&client->upload,
                           index); /* nothing is awaited any more: it is asked anew */
        status = ask_about(client, index);
    }
    if (status != HF_OK || relays->asked == relays->asks.size) return status;
    memcpy(&index, relays->asks.data + relays->asked, sizeof index);
    size_t place = index / HF_LANE_COUNT - HF_HELLO_ORIGINS_MAX;
    if (place >= relays->named) return hf_client_write_author(client);
    relays->asked += sizeof index;
    hf_relay_log log = {.origin_no = relays->origins[place]->no,
                        .lane = (uint8_t)(index % HF_LANE_COUNT)};
    hf_head head;
    status = hf_relay_newest(client->store, &log, &head);
    if (status == HF_ERR_NOT_FOUND) { /* nobody signed for it yet */
        hf_upload_answered(&client->upload, index);
        hf_write_raw(&relays->mute, (hf_bytes){(const uint8_t *)&log, sizeof log});
        return relays->mute.status;
    }
    if (status != HF_OK) return status;
    hf_message message = {.type = HF_FRAME_RELAY};
    message.as.relay =
        (hf_relay){.origin = (uint32_t)(index / HF_LANE_COUNT), .lane = head.lane, .head = head};
    hf_message_write(&client->raw, &message);
    hf_upload_asked(&client->upload, index, client->wall_now_ms);
    return HF_OK;
}

/* ---- what the hub has ---- */

static hf_status news_of(hf_client *client, const hf_origin_row *origin, uint8_t lane)
{
    hf_buffer *told = &client->relays.told;
    const hf_relay_log log = {.origin_no = origin->no, .lane = lane};
    for (size_t at = 0; at < told->size; at += sizeof log) {
        hf_relay_log other;
        memcpy(&other, told->data + at, sizeof other);
        if (other.origin_no == log.origin_no && other.lane == log.lane) return HF_OK;
    }
    hf_write_raw(told, (hf_bytes){(const uint8_t *)&log, sizeof log});
    return told->status;
}

/* An answer that is less than the centre once said: it was set back, and did not notice. */
static hf_status lower(hf_client *client, hf_batch *batch, const hf_origin_row *row,
                       const hf_acked *acked)
{
    hf_log_state state;
    size_t index = (size_t)acked->origin * HF_LANE_COUNT + acked->lane;
    hf_upload_log *log = &client->upload.logs[index];
    bool answers = log->asking;
    hf_status status = hf_log_state_get(client->store, row->no, acked->lane, &state);
    if (status == HF_OK && answers)
        status = hf_relay_again(batch, row, acked->lane, acked->durable, &log->last);
    if (status != HF_OK || !answers || acked->durable >= state.acked) return status;
    client->relays.centre_lost = true;
    return hf_batch_fall_back(batch, &client->download.cursor.hub, row, acked, false);
}

hf_status hf_client_relay_acked(hf_client *client, hf_batch *batch, const hf_acked *acked)
{
    size_t place = acked->origin - HF_HELLO_ORIGINS_MAX;
    if (place >= client->relays.count) return HF_ERR_PROTOCOL;
    const hf_origin_row *row = client->relays.origins[place];
    const hf_origin_id *hub = &client->download.cursor.hub;
    hf_log_state before;
    hf_status status = hf_log_state_get(client->store, row->no, acked->lane, &before);
    if (status == HF_OK) status = lower(client, batch, row, acked);
    if (status == HF_OK)
        status = hf_batch_acked(batch, hub, row, acked->lane, acked->durable, acked->central);
    /* An answer that says what we knew is not news: else it would be asked for on each link. */
    if (status == HF_OK && acked->durable > before.acked)
        status = note_recent(client, row->no, acked->lane);
    if (status == HF_OK) status = news_of(client, row, acked->lane);
    return status == HF_OK ? hf_relay_done(batch, row, acked->lane, acked->durable) : status;
}

hf_status hf_client_carried(hf_client *client, hf_batch *batch, const hf_receipt *receipt)
{
    const hf_origin_row *row = hf_origin_by_id(client->store, &receipt->origin);
    if (!row) return HF_ERR_NOT_FOUND;
    hf_status status = hf_batch_receipt(batch, receipt);
    if (status == HF_OK) status = hf_client_receipted(client, row->no, receipt->lane);
    if (status == HF_OK)
        status =
            hf_batch_acked(batch, &receipt->hub, row, receipt->lane, receipt->seq, receipt->seq);
    if (status == HF_OK) status = note_recent(client, row->no, receipt->lane);
    if (status == HF_OK) status = news_of(client, row, receipt->lane);
    return status == HF_OK ? hf_relay_done(batch, row, receipt->lane, receipt->seq) : status;
}

void hf_client_relay_refused(hf_client *client, const hf_notice *notice, uint64_t stamp_ms)
{
    size_t place = notice->origin - HF_HELLO_ORIGINS_MAX;
    bool is_relayed = notice->origin >= HF_HELLO_ORIGINS_MAX && place < client->relays.count;
    if (!is_relayed || notice->code >= HF_REASON_NO_GRANT) return; /* withheld: it was taken */
    size_t log = (size_t)notice->origin * HF_LANE_COUNT + notice->lane;
    if (notice->code == HF_CODE_GAP) {
        hf_upload_rewind(&client->upload, log, client->wall_now_ms, stamp_ms);
        return;
    }
    (void)snprintf(client->notice, sizeof client->notice,
                   "the hub refused entry %llu of %.60s in lane %u, which we relayed (%u)",
                   (unsigned long long)notice->seq, client->relays.origins[place]->name,
                   notice->lane, notice->code);
    hf_upload_stop(&client->upload, log, client->wall_now_ms, stamp_ms);
}

/* A device that only ever met the centre need not note what came from where. */
static hf_status look_for_stations(hf_client *client)
{
    hf_buffer met = {0};
    hf_status status = hf_meta_get(client->store, META_MET, &met);
    bool is_first = client->hub.is_station && met.size == 0;
    if (status == HF_OK && is_first)
        status = hf_meta_set(client->store, META_MET, (hf_bytes){(const uint8_t *)"1", 1});
    client->relays.counts_fed = client->relays.on || met.size > 0 || is_first;
    client->relays.looked = status == HF_OK;
    hf_buffer_free(&met);
    return status;
}

/* A hub may feed what stands behind a gap in what it has: it lost a part, or was brought a part by
 * who saw only that. Then this says nothing of what we hold up to there and were not fed. Of a
 * station, its centre's acknowledgement does: protocol.md 4, Stations. So it is asked, where the
 * gap is here too; what we hold, and it does not, goes up. */
static hf_status run_proves(hf_client *client, bool *proves)
{
    hf_client_relays *relays = &client->relays;
    hf_relay_log log = {relays->run_origin->no, relays->run_lane, relays->run_seq};
    uint64_t count = 0, dense = UINT64_MAX; /* a device may see no more than a part of a log */
    *proves = true;
    if (log.seq <= relays->run_acked) return HF_OK;
    if (!relays->on && client->hub.is_station) return HF_OK; /* to be at a station is the least */
    hf_status status = hf_relay_count(client->store, &log, relays->run_acked, &count);
    if (status == HF_OK && relays->on)
        status = hf_log_dense(client->store, log.origin_no, log.lane, &dense);
    *proves = dense >= log.seq && count <= relays->run_entries;
    if (status != HF_OK || dense >= log.seq) return status;
    hf_write_raw(&relays->doubts, (hf_bytes){(const uint8_t *)&log, sizeof log});
    return relays->doubts.status;
}

static hf_status begin_run(hf_client *client, const hf_origin_row *origin, uint8_t lane)
{
    hf_client_relays *relays = &client->relays;
    hf_log_state state;
    hf_status status = hf_log_state_get(client->store, origin->no, lane, &state);
    relays->run_origin = origin;
    relays->run_lane = lane;
    relays->run_acked = client->hub.is_station ? state.acked : state.central;
    relays->run_entries = 0;
    return status;
}

static hf_status end_run(hf_client *client, hf_batch *batch)
{
    hf_client_relays *relays = &client->relays;
    bool proves;
    uint64_t central = client->hub.is_station ? 0 : relays->run_seq;
    hf_status status = run_proves(client, &proves);
    if (status != HF_OK || !proves) return status;
    status = hf_batch_acked(batch, &client->download.cursor.hub, relays->run_origin,
                            relays->run_lane, relays->run_seq, central);
    if (status != HF_OK || !relays->on) return status;
    status = hf_relay_done(batch, relays->run_origin, relays->run_lane, relays->run_seq);
    return status == HF_OK ? news_of(client, relays->run_origin, relays->run_lane) : status;
}

/* One row for each run of a log: entries in order. A log that the centre was brought scope by scope
 * is fed out of order, and then what comes after a step back is another run: see run_proves. */
hf_status hf_client_relay_fed(hf_client *client, hf_batch *batch, const hf_origin_row *origin,
                              uint8_t lane, uint64_t seq)
{
    hf_client_relays *relays = &client->relays;
    hf_status status = relays->looked ? HF_OK : look_for_stations(client);
    if (status != HF_OK || !relays->counts_fed) return status;
    bool is_other = relays->run_origin && (relays->run_origin != origin ||
                                           relays->run_lane != lane || seq < relays->run_seq);
    if (is_other) status = end_run(client, batch);
    if (is_other) relays->run_origin = NULL;
    if (status == HF_OK && origin && !relays->run_origin) status = begin_run(client, origin, lane);
    relays->run_seq = seq;
    if (seq > relays->run_acked) relays->run_entries++;
    return status;
}

hf_status hf_client_tell(hf_buffer *logs, hf_relay_visitor visit, void *context)
{
    hf_status status = HF_OK;
    for (size_t at = 0; at < logs->size && status == HF_OK; at += sizeof(hf_relay_log)) {
        hf_relay_log log;
        memcpy(&log, logs->data + at, sizeof log);
        status = visit(context, &log);
    }
    hf_buffer_clear(logs);
    return status;
}

hf_status hf_client_relayed(hf_client *client, hf_relay_visitor visit, void *context)
{
    return hf_client_tell(&client->relays.told, visit, context);
}

bool hf_client_centre_lost(hf_client *client)
{
    bool lost = client->relays.centre_lost;
    client->relays.centre_lost = false;
    return lost;
}

bool hf_client_control_came(hf_client *client)
{
    bool came = client->relays.control_came;
    client->relays.control_came = false;
    return came;
}

/* ---- two branches ---- */

/* A device was copied, and one copy wrote here and the other at the centre. It must not cut the
 * whole station off: its log stops here, and a person is told. */
hf_status hf_client_relay_forked(hf_client *client, const hf_origin_row *origin,
                                 const hf_applied_entry *applied, bool *pass_over)
{
    uint8_t name[HF_ORIGIN_SIZE + 1];
    hf_buffer forked = {0};
    memcpy(name, origin->id.bytes, HF_ORIGIN_SIZE);
    name[HF_ORIGIN_SIZE] = applied->lane;
    *pass_over = false;
    if (!client->relays.on) return HF_OK;
    hf_status status = hf_meta_get(client->store, META_FORKED, &forked);
    for (size_t at = 0; at + sizeof name <= forked.size; at += sizeof name)
        if (memcmp(forked.data + at, name, sizeof name) == 0) *pass_over = true;
    if (status == HF_OK && !*pass_over && applied->what == HF_APPLIED_FORK) {
        hf_write_raw(&forked, (hf_bytes){name, sizeof name});
        status = forked.status;
        if (status == HF_OK)
            status = hf_meta_set(client->store, META_FORKED, hf_buffer_bytes(&forked));
        *pass_over = true;
    }
    if (*pass_over)
        (void)snprintf(client->notice, sizeof client->notice,
                       "%.60s wrote two different entries %llu in lane %u, here and elsewhere",
                       origin->name, (unsigned long long)applied->seq, applied->lane);
    hf_buffer_free(&forked);
    return status;
}
