/* client_relay.c: a station's upstream: what its devices wrote goes up under their own heads, and
 * what the centre has is known by its acknowledgements and by what it feeds us.
 *
 * Why no list of what the hub holds is asked for: acknowledgements are stored, in the transaction
 * of what they speak of, and who holds less than he said is told so by the gap. So an hour in the
 * dark costs what was written in it, and nothing for what was not. */
#include "client_core.h"

#include "planted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RELAY_BYTES_MAX = HF_FRAME_TARGET_SIZE + HF_ENTRY_SIZE_MAX };

static const char META_MET[] = "stations";  /* "1": one of them has fed us */
static const char META_FORKED[] = "forked"; /* [origin, lane] of logs with two branches, in a row */

void hf_client_relay(hf_client *client)
{
    client->relays.on = true;
    hf_relay_start(client->store);
}

void hf_client_relays_free(hf_client *client)
{
    free(client->relays.origins);
    hf_buffer_free(&client->relays.fed);
    hf_buffer_free(&client->relays.withheld);
    hf_buffer_free(&client->relays.wishes);
}

void hf_client_relays_link(hf_client *client)
{
    hf_client_relays *relays = &client->relays;
    relays->count = relays->named = 0;
    relays->number = 0;
    hf_buffer_clear(&relays->wishes);
    relays->run_origin = NULL;
    relays->looked = false;
}

/* ---- what is to go up ---- */

static hf_status place_of(hf_client *client, int64_t origin_no, size_t *out)
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
    hf_status status = place_of(client, found->origin_no, &place);
    if (status == HF_ERR_LIMIT) return HF_OK; /* more authors than one session can name */
    if (status == HF_OK)
        status = hf_log_state_get(client->store, found->origin_no, found->lane, &state);
    if (status != HF_OK) return status;
    hf_upload_log *log =
        &client->upload.logs[(HF_HELLO_ORIGINS_MAX + place) * HF_LANE_COUNT + found->lane];
    if (!log->stopped) log->last = found->seq;
    if (log->sent < state.acked && !log->rewound) log->sent = log->durable = state.acked;
    if (log->last < log->sent) log->last = log->sent;
    if (log->central_told == 0) log->central = log->central_told = state.central;
    return HF_OK;
}

hf_status hf_client_relays_look(hf_client *client)
{
    if (!client->relays.on) return HF_OK;
    return hf_relay_each(client->store, &client->relays.number, look_at, client);
}

/* ---- frames ---- */

static hf_status write_origin(hf_client *client)
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

typedef struct relay_walk {
    hf_client *client;
    uint64_t seq, until;
    uint32_t entries, withheld;
    size_t bytes;
} relay_walk;

static hf_status relay_entry(void *context, const hf_entry *entry)
{
    relay_walk *walk = context;
    if (walk->seq >= walk->until || entry->dot.seq != walk->seq + 1) return HF_ERR_LIMIT;
    hf_write_raw(&walk->client->items, entry->body);
    walk->seq = entry->dot.seq;
    walk->entries++;
    walk->bytes += entry->body.size;
    if (entry->withheld) {
        hf_write_uint(&walk->client->relays.withheld, entry->dot.seq);
        walk->withheld++;
    }
    return walk->client->items.status;
}

static hf_status read_group(hf_client *client, const hf_relay_log *log, const hf_head *head,
                            uint64_t after, relay_walk *walk)
{
    *walk = (relay_walk){.client = client, .seq = after, .until = head->seq};
    hf_buffer_clear(&client->items);
    hf_buffer_clear(&client->relays.withheld);
    hf_status status = hf_log_read(client->store, log->origin_no, log->lane, after,
                                   HF_FEED_READ_MAX, relay_entry, walk);
    if (status == HF_ERR_LIMIT) status = HF_OK;
    return status == HF_OK ? client->relays.withheld.status : status;
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

static void write_relay(hf_client *client, uint32_t index, const hf_head *head,
                        const relay_walk *walk)
{
    hf_message message = {.type = HF_FRAME_RELAY};
    message.as.relay =
        (hf_relay){.origin = index,
                   .lane = head->lane,
                   .bodies = {hf_buffer_bytes(&client->items), walk->entries},
                   .withheld = {hf_buffer_bytes(&client->relays.withheld), walk->withheld},
                   .head = *head};
    hf_message_write(&client->raw, &message);
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
    if (place >= relays->named) return write_origin(client);
    const hf_origin_row *row = relays->origins[place];
    hf_relay_log log = {.origin_no = row->no, .lane = lane, .seq = up->last};
    hf_head head;
    bool is_left;
    hf_status status = skip_held(client, &log, up, &is_left);
    if (status != HF_OK || !is_left) return status;
    status = hf_relay_next(client->store, &log, up->sent, next->entries, next->bytes, &head);
    if (status == HF_ERR_NOT_FOUND) up->last = up->sent;
    if (status == HF_ERR_NOT_FOUND) return HF_OK;
    relay_walk walk;
    if (status == HF_OK) status = read_group(client, &log, &head, up->sent, &walk);
    if (status != HF_OK) return status;
    if (walk.seq != head.seq || walk.bytes > RELAY_BYTES_MAX) {
        give_up(client, up, row, lane);
        return HF_OK;
    }
    /* It is not to be cut: where the lane has no room for it, it goes alone. */
    bool fits = walk.entries <= next->entries && walk.bytes <= next->bytes;
    if (!fits && client->upload.lanes[lane].entries > 0) return HF_OK;
    write_relay(client, (uint32_t)(HF_HELLO_ORIGINS_MAX + place), &head, &walk);
    hf_upload_sent(&client->upload, next->log, head.seq, walk.entries, walk.bytes);
    up->head_sent = head.seq;
    if (HF_PLANTED(RELAY_FORGETS)) return forget(client, row, lane, head.seq);
    return HF_OK;
}

/* ---- what the hub has ---- */

hf_status hf_client_relay_acked(hf_client *client, hf_batch *batch, const hf_acked *acked)
{
    size_t place = acked->origin - HF_HELLO_ORIGINS_MAX;
    if (place >= client->relays.count) return HF_ERR_PROTOCOL;
    const hf_origin_row *row = client->relays.origins[place];
    client->relays.news = true;
    hf_status status = hf_batch_acked(batch, &client->download.cursor.hub, row, acked->lane,
                                      acked->durable, acked->central);
    return status == HF_OK ? hf_relay_done(batch, row, acked->lane, acked->durable) : status;
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

/* The hub that feeds us a run of a log holds it. One row for each run. */
static hf_status fed_run(hf_client *client, hf_batch *batch)
{
    hf_client_relays *relays = &client->relays;
    hf_relay_log log = {relays->run_origin->no, relays->run_lane, relays->run_seq};
    uint64_t central = client->hub.is_station ? 0 : log.seq;
    hf_status status = hf_batch_acked(batch, &client->download.cursor.hub, relays->run_origin,
                                      log.lane, log.seq, central);
    if (status != HF_OK || !relays->on) return status;
    status = hf_relay_done(batch, relays->run_origin, log.lane, log.seq);
    hf_write_raw(&relays->fed, (hf_bytes){(const uint8_t *)&log, sizeof log});
    return status == HF_OK ? relays->fed.status : status;
}

hf_status hf_client_relay_fed(hf_client *client, hf_batch *batch, const hf_origin_row *origin,
                              uint8_t lane, uint64_t seq)
{
    hf_client_relays *relays = &client->relays;
    hf_status status = relays->looked ? HF_OK : look_for_stations(client);
    if (status != HF_OK || !relays->counts_fed) return status;
    bool is_other =
        relays->run_origin && (relays->run_origin != origin || relays->run_lane != lane);
    if (is_other) status = fed_run(client, batch);
    relays->run_origin = origin;
    relays->run_lane = lane;
    relays->run_seq = seq;
    return status;
}

/* Their authors may be here, and nothing of it went up from here that could be acknowledged. */
static hf_status tell_fed(hf_client *client, hf_relay_visitor visit, void *context)
{
    hf_buffer *fed = &client->relays.fed;
    hf_status status = HF_OK;
    for (size_t at = 0; at < fed->size && status == HF_OK; at += sizeof(hf_relay_log)) {
        hf_relay_log log;
        memcpy(&log, fed->data + at, sizeof log);
        status = visit(context, &log);
    }
    hf_buffer_clear(fed);
    return status;
}

hf_status hf_client_relayed(hf_client *client, hf_relay_visitor visit, void *context)
{
    hf_client_relays *relays = &client->relays;
    hf_status status = tell_fed(client, visit, context);
    if (status != HF_OK) return status;
    if (!relays->news || !client->upload.logs) return HF_OK;
    relays->news = false;
    for (size_t i = 0; i < relays->count * HF_LANE_COUNT && status == HF_OK; i++) {
        hf_upload_log *log = &client->upload.logs[(size_t)HF_HELLO_ORIGINS_MAX * HF_LANE_COUNT + i];
        if (log->central_told >= log->central) continue;
        hf_relay_log told = {.origin_no = relays->origins[i / HF_LANE_COUNT]->no,
                             .lane = (uint8_t)(i % HF_LANE_COUNT),
                             .seq = log->central};
        log->central_told = log->central;
        status = visit(context, &told);
    }
    return status;
}

bool hf_client_control_came(hf_client *client)
{
    bool came = client->relays.control_came;
    client->relays.control_came = false;
    return came;
}

/* ---- certificates of those who never see the centre ---- */

hf_status hf_client_wish(hf_client *client, const uint8_t key_id[HF_HASH_SIZE])
{
    hf_buffer *wishes = &client->relays.wishes;
    if (client->session.state != HF_SESSION_OPEN) return HF_OK; /* it will ask again */
    for (size_t at = 0; at < wishes->size; at += HF_HASH_SIZE)
        if (memcmp(wishes->data + at, key_id, HF_HASH_SIZE) == 0) return HF_OK;
    if (wishes->size == (size_t)HF_RENEW_FOR_MAX * HF_HASH_SIZE) return HF_OK;
    hf_write_raw(wishes, (hf_bytes){key_id, HF_HASH_SIZE});
    return wishes->status;
}

void hf_client_write_wish(hf_client *client)
{
    hf_buffer *wishes = &client->relays.wishes;
    hf_message message = {.type = HF_FRAME_RENEW_FOR};
    if (wishes->size == 0) return;
    wishes->size -= HF_HASH_SIZE;
    memcpy(message.as.key_id, wishes->data + wishes->size, HF_HASH_SIZE);
    hf_message_write(&client->raw, &message);
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
