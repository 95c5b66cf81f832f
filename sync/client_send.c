/* client_send.c: what goes up next. Entries are read from the log only now, so nothing waits in
 * memory and a custody entry written a moment ago goes before a note written an hour ago. */
#include "client_core.h"

#include "elsewhere.h"

#include <assert.h>
#include <string.h>

/* ---- PUSH ---- */

typedef struct push_walk {
    hf_client *client;
    hf_upload_next next;
    uint64_t seq; /* of the last entry taken */
    uint32_t entries;
    size_t bytes;
} push_walk;

static hf_status push_entry(void *context, const hf_entry *entry)
{
    push_walk *walk = context;
    if (entry->dot.seq != walk->seq + 1) return HF_ERR_LIMIT; /* a gap: none may be skipped */
    if (walk->entries > 0 && walk->bytes + entry->body.size > walk->next.bytes)
        return HF_ERR_LIMIT; /* full: the walk ends here */
    hf_write_raw(&walk->client->items, entry->body);
    walk->seq = entry->dot.seq;
    walk->entries++;
    walk->bytes += entry->body.size;
    return walk->client->items.status;
}

/* The entries that go next, into client->items. */
static hf_status read_push(hf_client *client, push_walk *walk)
{
    size_t origin = walk->next.log / HF_LANE_COUNT;
    uint8_t lane = (uint8_t)(walk->next.log % HF_LANE_COUNT);
    hf_buffer_clear(&client->items);
    walk->seq = walk->next.after;
    walk->entries = 0;
    walk->bytes = 0;
    hf_status status = hf_log_read(client->store, client->own[origin]->no, lane, walk->next.after,
                                   walk->next.entries, push_entry, walk);
    if (status == HF_ERR_LIMIT) status = HF_OK;
    if (status != HF_OK || walk->entries > 0) return status;
    if (origin == 0) return HF_ERR_CORRUPT; /* the log's vector counts it, its row is gone */
    /* Of a former life that we were set back from we hold what we may see, and that has gaps: what
     * is behind one, others bring. */
    hf_upload_end(&client->upload, walk->next.log);
    return HF_OK;
}

static hf_status write_push(hf_client *client, uint64_t now_ms)
{
    push_walk walk = {.client = client};
    while (walk.entries == 0 && hf_upload_choose(&client->upload, now_ms, &walk.next)) {
        if (walk.next.log >= (size_t)HF_HELLO_ORIGINS_MAX * HF_LANE_COUNT)
            return hf_client_write_relay(client, &walk.next);
        hf_status status = read_push(client, &walk);
        if (status != HF_OK) return status;
    }
    if (walk.entries == 0) return HF_OK;
    hf_message message = {.type = HF_FRAME_PUSH};
    message.as.push = (hf_push){.origin = (uint8_t)(walk.next.log / HF_LANE_COUNT),
                                .lane = (uint8_t)(walk.next.log % HF_LANE_COUNT),
                                .bodies = {hf_buffer_bytes(&client->items), walk.entries}};
    hf_message_write(&client->raw, &message);
    hf_upload_sent(&client->upload, walk.next.log, walk.seq, walk.entries, walk.bytes);
    return HF_OK;
}

static hf_status write_head(hf_client *client, size_t log, uint64_t now_ms)
{
    hf_message message = {.type = HF_FRAME_HEAD};
    hf_head_item *item = &message.as.head;
    hf_status status =
        hf_head_sign(client->store, client->own[log / HF_LANE_COUNT],
                     (uint8_t)(log % HF_LANE_COUNT), client->upload.logs[log].sent, &item->head);
    item->origin = (uint32_t)(log / HF_LANE_COUNT);
    if (status != HF_OK) return status;
    hf_message_write(&client->raw, &message);
    hf_upload_head_sent(&client->upload, log, now_ms);
    return HF_OK;
}

/* ---- REFILL ---- */

/* Answers the first wish, or the first for a hub's own log: what it decided goes before all else.
 */
static hf_status write_refill(hf_client *client, bool control_only)
{
    for (size_t i = 0; i < client->wish_count; i++) {
        hf_wish wish = client->wishes[i];
        if (control_only && wish.lane != HF_LANE_CONTROL) continue;
        memmove(&client->wishes[i], &client->wishes[i + 1],
                (--client->wish_count - i) * sizeof wish);
        return hf_refill_answer(client->store, &wish, &client->items, &client->hashes,
                                &client->raw);
    }
    return HF_OK;
}

/* ---- VECTOR and START ---- */

typedef struct vector_walk {
    hf_client *client;
    uint32_t scope;
    size_t count;
    hf_log_name last;
} vector_walk;

static hf_status vector_item(void *context, const hf_vector_item *item)
{
    vector_walk *walk = context;
    hf_held held = {.log = {.set = true, .origin = item->origin, .lane = item->lane}};
    hf_status status = hf_vector_claim(walk->client->store, walk->scope, item, &held.seq);
    if (status != HF_OK) return status;
    hf_write_held(&walk->client->items, &held);
    hf_client_name(walk->client, item->origin_no, item->lane, held.seq);
    walk->last = held.log;
    walk->count++;
    if (walk->client->items.status != HF_OK) return walk->client->items.status;
    if (walk->client->named.status != HF_OK) return walk->client->named.status;
    return hf_claim_head(walk->client->store, item->origin_no, item->lane, item->seq,
                         &walk->client->hashes);
}

static hf_status write_vector(hf_client *client)
{
    hf_download *download = &client->download;
    uint32_t scope = download->scopes[download->scope_at];
    vector_walk walk = {.client = client, .scope = scope};
    hf_buffer_clear(&client->items);
    hf_buffer_clear(&client->hashes);
    hf_buffer_clear(&client->named);
    hf_status status =
        hf_vector_read(client->store, scope, download->from.set ? &download->from.origin : NULL,
                       download->from.lane, HF_VECTOR_LOGS_MAX, vector_item, &walk);
    if (status != HF_OK) return status;
    download->to = (hf_log_name){.set = false};
    if (walk.count == HF_VECTOR_LOGS_MAX) download->to = walk.last; /* there may be more */
    hf_message message = {.type = HF_FRAME_VECTOR};
    message.as.vector = (hf_vector){.scope = scope,
                                    .from = download->from,
                                    .to = download->to,
                                    .logs = {hf_buffer_bytes(&client->items), walk.count},
                                    .heads = {hf_buffer_bytes(&client->hashes), walk.count}};
    hf_message_write(&client->raw, &message);
    download->asked = true;
    return HF_OK;
}

static void write_start(hf_client *client)
{
    hf_message message = {.type = HF_FRAME_START};
    message.as.start.position = client->download.cursor.position;
    memcpy(message.as.start.chain, client->download.cursor.chain, 16);
    hf_message_write(&client->raw, &message);
    client->download.phase = HF_PHASE_FEED;
    client->fed_acked = client->download.cursor.position;
}

/* FEED_ACK, or before START TAKEN: of what is in the store, for download says so. True: written. */
static bool acknowledge(hf_client *client)
{
    const hf_download *download = &client->download;
    bool fed = download->phase == HF_PHASE_FEED;
    if (!fed && download->phase != HF_PHASE_VECTORS && download->phase != HF_PHASE_FETCH)
        return false;
    uint64_t applied = fed ? download->cursor.position : download->taken;
    if (fed && client->claimed > applied) applied = client->claimed;
    if (applied <= client->fed_acked) return false;
    hf_message message = {.type = fed ? HF_FRAME_FEED_ACK : HF_FRAME_TAKEN,
                          .timed = true,
                          .at_ms = (uint32_t)client->wall_now_ms,
                          .as.position = applied};
    hf_message_write(&client->raw, &message);
    client->fed_acked = applied;
    return true;
}

hf_status hf_client_write(hf_client *client, uint64_t now_ms)
{
    const hf_download *download = &client->download;
    if (client->session.state == HF_SESSION_GREETING) return hf_client_greet(client, now_ms);
    if (client->session.state != HF_SESSION_OPEN) return HF_OK;
    if (hf_client_renewal_at_ms(client) <= now_ms) {
        hf_client_write_renew(client);
        return HF_OK;
    }
    hf_status status = hf_client_write_wish(client);
    if (status != HF_OK || client->raw.size > 0) return status;
    if (hf_client_ask_at_ms(client) <= now_ms) status = hf_client_write_ask(client);
    if (status != HF_OK || client->raw.size > 0) return status;
    if (hf_client_probe_due(client, now_ms)) return hf_client_write_probe(client, now_ms);
    if (acknowledge(client)) return HF_OK;
    if (download->phase == HF_PHASE_START) {
        write_start(client);
        return HF_OK;
    }
    if (download->phase == HF_PHASE_VECTORS && !download->asked) return write_vector(client);
    if (download->phase == HF_PHASE_FETCH) {
        hf_client_write_want(client);
        if (client->raw.size > 0) return HF_OK;
    }
    size_t log;
    if (hf_upload_head_due(&client->upload, now_ms, &log)) return write_head(client, log, now_ms);
    status = write_refill(client, true);
    if (status == HF_OK && client->raw.size == 0 && client->upload.logs)
        status = write_push(client, now_ms);
    if (status == HF_OK && client->raw.size == 0) status = hf_client_write_asks(client);
    if (status == HF_OK && client->raw.size == 0) status = write_refill(client, false);
    /* Bundles go while nothing of our own is under way, and a quarter of a second at a time. */
    size_t piece = client->upload.flight_count ? 0 : hf_pace_quarter(&client->upload.pace);
    if (status == HF_OK && client->raw.size == 0)
        status = hf_carrier_write(&client->carrier, piece, &client->raw);
    return status;
}
