/* client_greet.c: what we say we have, and what the hub makes of it: protocol.md 4, HELLO and
 * WELCOME. */
#include "client_core.h"

#include "control.h"
#include "elsewhere.h"
#include "feed.h"
#include "outage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { META_KEY_SIZE = 16 + 2 * HF_HASH_SIZE };

/* Named values in the store: meta keys. */
static const char META_HUB[] = "hub"; /* 16 bytes: the last hub that welcomed us */
static const char META_HEADS[] =
    "heads"; /* and the hub: [hub, epoch, number, own origin, [seq, ...]] */
static const char META_KEY[] = "hub-key";   /* and a hub's key: its 16 bytes */
static const char META_NAME[] = "hub-name"; /* and a station's 16 bytes: its name */
static const char META_CLOCK[] = "clock";   /* [hub's wall ms, our wall ms then] */
static const char META_LEFT[] = "left";     /* origins of ours that forked: never sent again */

/* ---- our own origins ---- */

typedef struct own_walk {
    hf_client *client;
    hf_buffer logs, claims;
    size_t log_count, claim_count;
    bool waiting; /* an entry of this origin is not known to be at any hub */
} own_walk;

static hf_status claim_log(void *context, const hf_log_state *log)
{
    own_walk *walk = context;
    hf_claimed_log claimed = {.lane = log->lane, .seq = log->seq};
    memcpy(claimed.chain, log->chain, HF_HASH_SIZE);
    hf_write_claimed_log(&walk->logs, &claimed);
    walk->log_count++;
    if (log->central < log->seq) walk->waiting = true;
    return HF_OK;
}

static hf_status claim_origin(void *context, const hf_origin_row *origin)
{
    own_walk *walk = context;
    hf_client *client = walk->client;
    hf_buffer_clear(&walk->logs);
    walk->log_count = 0;
    walk->waiting = false;
    hf_status status = hf_log_each(client->store, origin->no, claim_log, walk);
    if (status != HF_OK) return status;
    bool first = client->own_count == 0;
    if (!first && walk->log_count == 0) return HF_OK;
    /* More lives than one HELLO may name: those with nothing to send wait for another day. */
    if (client->own_count >= HF_HELLO_ORIGINS_MAX / 2 && !walk->waiting) return HF_OK;
    if (client->own_count == HF_HELLO_ORIGINS_MAX) return HF_OK;
    hf_claim claim = {.logs = {hf_buffer_bytes(&walk->logs), walk->log_count}};
    memcpy(claim.incarnation, origin->incarnation, HF_INCARNATION_SIZE);
    hf_write_claim(&walk->claims, &claim);
    client->own[client->own_count++] = origin;
    return walk->logs.status;
}

/* ---- stored places ---- */

/* A key for what is kept of each hub. */
static const char *key_of(const char *kind, const uint8_t *id, size_t size, char out[META_KEY_SIZE])
{
    int used = snprintf(out, META_KEY_SIZE, "%s/", kind);
    for (size_t i = 0; i < size; i++)
        used += snprintf(out + used, META_KEY_SIZE - (size_t)used, "%02x", id[i]);
    return out;
}

hf_status hf_client_station_name(hf_store *store, const hf_origin_id *hub, char *out, size_t size)
{
    char key[META_KEY_SIZE];
    hf_buffer name = {0};
    hf_status status =
        hf_meta_get(store, key_of(META_NAME, hub->bytes, sizeof hub->bytes, key), &name);
    (void)snprintf(out, size, "%.*s", (int)name.size, name.size ? (const char *)name.data : "");
    hf_buffer_free(&name);
    return status;
}

/* Whom we met: next time HELLO names its cursor, and people are told where their work is. */
static hf_status keep_hub(hf_client *client, const hf_origin_id *id)
{
    char key[META_KEY_SIZE];
    const hf_certificate *hub = &client->hub;
    hf_bytes bytes = {id->bytes, HF_ORIGIN_SIZE};
    hf_status status = hf_meta_set(client->store, META_HUB, bytes);
    if (status == HF_OK && client->hub_known)
        status =
            hf_meta_set(client->store, key_of(META_KEY, hub->key_id, HF_HASH_SIZE, key), bytes);
    if (status == HF_OK && client->hub_known && hub->is_station)
        status = hf_meta_set(client->store, key_of(META_NAME, id->bytes, HF_ORIGIN_SIZE, key),
                             (hf_bytes){(const uint8_t *)hub->name, strlen(hub->name)});
    return status;
}

static hf_status heads_get(hf_client *client, const hf_cursor *cursor, hf_download *out)
{
    char key[META_KEY_SIZE];
    hf_buffer stored = {0};
    hf_status status = hf_meta_get(
        client->store, key_of(META_HEADS, cursor->hub.bytes, HF_ORIGIN_SIZE, key), &stored);
    hf_reader reader = hf_reader_open(hf_buffer_bytes(&stored));
    uint8_t hub[HF_ORIGIN_SIZE], epoch[16], own[HF_ORIGIN_SIZE];
    uint64_t up[HF_LANE_COUNT] = {0};
    (void)hf_read_array(&reader, 5);
    hf_read_bytes_exact(&reader, hub, sizeof hub);
    hf_read_bytes_exact(&reader, epoch, sizeof epoch);
    uint64_t number = hf_read_uint(&reader);
    hf_read_bytes_exact(&reader, own, sizeof own);
    size_t count = hf_read_array(&reader, HF_LANE_COUNT);
    for (size_t i = 0; i < count; i++) up[i] = hf_read_uint(&reader);
    bool ours = status == HF_OK && stored.size && hf_reader_end(&reader) == HF_OK &&
                memcmp(hub, cursor->hub.bytes, sizeof hub) == 0 &&
                memcmp(epoch, cursor->epoch, sizeof epoch) == 0;
    if (ours) out->heads = number;
    if (ours && memcmp(own, hf_store_own_origin(client->store)->id.bytes, sizeof own) == 0)
        memcpy(out->heads_up, up, sizeof up);
    hf_buffer_free(&stored);
    return status;
}

hf_status hf_client_keep_heads(hf_client *client)
{
    const hf_download *download = &client->download;
    if (!download->heads_moved && !download->heads_up_moved) return HF_OK;
    hf_buffer *out = &client->items;
    hf_buffer_clear(out);
    hf_write_array(out, 5);
    hf_write_bytes(out, download->cursor.hub.bytes, HF_ORIGIN_SIZE);
    hf_write_bytes(out, download->cursor.epoch, sizeof download->cursor.epoch);
    hf_write_uint(out, download->heads);
    hf_write_bytes(out, hf_store_own_origin(client->store)->id.bytes, HF_ORIGIN_SIZE);
    hf_write_array(out, HF_LANE_COUNT);
    for (size_t i = 0; i < HF_LANE_COUNT; i++) hf_write_uint(out, download->heads_up[i]);
    if (out->status != HF_OK) return out->status;
    char key[META_KEY_SIZE];
    return hf_meta_set(client->store,
                       key_of(META_HEADS, download->cursor.hub.bytes, HF_ORIGIN_SIZE, key),
                       hf_buffer_bytes(out));
}

static hf_status clock_keep(hf_client *client)
{
    if (!client->hub_time.known) return HF_OK;
    hf_buffer *out = &client->items;
    hf_buffer_clear(out);
    hf_write_array(out, 2);
    hf_write_uint(out, client->hub_time.hub_ms);
    hf_write_uint(out, client->wall_ms - (client->wall_now_ms - client->hub_time.at_ms));
    if (out->status != HF_OK) return out->status;
    return hf_meta_set(client->store, META_CLOCK, hf_buffer_bytes(out));
}

hf_status hf_client_stored_time(hf_store *store, uint64_t *hub_ms, uint64_t *wall_ms, bool *found)
{
    hf_buffer stored = {0};
    hf_status status = hf_meta_get(store, META_CLOCK, &stored);
    hf_reader reader = hf_reader_open(hf_buffer_bytes(&stored));
    (void)hf_read_array(&reader, 2);
    *hub_ms = hf_read_uint(&reader);
    *wall_ms = hf_read_uint(&reader);
    *found = status == HF_OK && stored.size && hf_reader_end(&reader) == HF_OK;
    hf_buffer_free(&stored);
    return status;
}

hf_status hf_client_met(hf_store *store, hf_origin_id *hub, bool *found)
{
    hf_buffer name = {0};
    hf_status status = hf_meta_get(store, META_HUB, &name);
    *found = status == HF_OK && name.size == HF_ORIGIN_SIZE;
    if (*found) memcpy(hub->bytes, name.data, HF_ORIGIN_SIZE);
    hf_buffer_free(&name);
    return status;
}

static hf_status resume_get(hf_client *client)
{
    hf_buffer hub = {0};
    char key[META_KEY_SIZE];
    client->resume = (hf_cursor){.position = 0};
    hf_status status = hf_meta_get(client->store, META_HUB, &hub);
    client->resuming = status == HF_OK && hub.size == HF_ORIGIN_SIZE;
    if (client->resuming && client->hub_known) /* it may be another than the last: its own cursor */
        status = hf_meta_get(client->store, key_of(META_KEY, client->hub.key_id, HF_HASH_SIZE, key),
                             &hub);
    if (status == HF_OK && client->resuming && hub.size == HF_ORIGIN_SIZE) {
        hf_origin_id id;
        bool found;
        memcpy(id.bytes, hub.data, sizeof id.bytes);
        status = hf_cursor_get(client->store, &id, &client->resume, &found);
        if (!found) client->resume = (hf_cursor){.position = 0}; /* we hold data: zeros, not null */
    }
    hf_buffer_free(&hub);
    return status;
}

/* How far a hub's receipts reach, for each log of `own`: those that are lacking are given. */
static hf_status receipts_get(hf_client *client, const hf_origin_id *hub, hf_buffer *items,
                              hf_receipt_reach *out)
{
    hf_status status = HF_OK;
    *out = (hf_receipt_reach){.set = true, .hub = *hub};
    for (size_t i = 0; i < client->own_count; i++) {
        for (uint8_t lane = 0; lane < HF_LANE_COUNT && status == HF_OK; lane++) {
            hf_receipted one = {.origin = (uint32_t)i, .lane = lane};
            status = hf_receipt_newest(client->store, hub, client->own[i]->no, lane, &one.seq);
            if (status != HF_OK || one.seq == 0) continue;
            hf_write_receipted(items, &one);
            out->logs.count++;
        }
    }
    out->logs.items = hf_buffer_bytes(items);
    return status == HF_OK ? items->status : status;
}

/* A station passes the centre's on: it is told which we have. */
static hf_status passed_get(hf_client *client, hf_buffer *items, hf_receipt_reach *out)
{
    hf_origin_id centre;
    bool found;
    if (!client->hub_known || !client->hub.is_station) return HF_OK;
    hf_status status = hf_receipt_centre(client->store, &centre, &found);
    return status == HF_OK && found ? receipts_get(client, &centre, items, out) : status;
}

/* A station's entries come from its devices, and its upload asks what the centre has of them. */
static hf_status elsewhere_get(hf_client *client, hf_buffer *groups, size_t *count)
{
    *count = 0;
    hf_buffer_clear(&client->named);
    if (client->resume.position == 0 || client->relays.on) return HF_OK;
    return hf_elsewhere_write(client->store, client->resume.here, &client->named, groups, count);
}

/* Of our own logs it says more in ACK; and a station asks when it relays. */
void hf_client_name(hf_client *client, int64_t origin_no, uint8_t lane, uint64_t seq)
{
    const uint8_t *author = hf_origin_by_no(client->store, origin_no)->key_id;
    const uint8_t *own = hf_store_crypto(client->store)->own_key_id;
    bool is_own = memcmp(author, own, HF_HASH_SIZE) == 0;
    hf_relay_log log = {.origin_no = origin_no, .lane = lane, .seq = seq};
    if (is_own || client->relays.on) log.seq = 0;
    hf_write_raw(&client->named, (hf_bytes){(const uint8_t *)&log, sizeof log});
}

hf_status hf_client_on_had(hf_client *client, hf_batch *batch, hf_bytes bits)
{
    size_t count = client->named.size / sizeof(hf_relay_log);
    if (bits.size != (count + 7) / 8) {
        hf_session_fail(&client->session, HF_CODE_TURN, "speaks of logs that we did not name");
        return HF_ERR_PROTOCOL;
    }
    hf_status status = HF_OK;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        hf_relay_log log;
        if (!(bits.data[i / 8] & 1u << i % 8)) continue;
        memcpy(&log, client->named.data + i * sizeof log, sizeof log);
        if (log.seq == 0) continue;
        status = hf_batch_acked(batch, &client->download.cursor.hub,
                                hf_origin_by_no(client->store, log.origin_no), log.lane, log.seq,
                                client->hub.is_station ? 0 : log.seq);
    }
    return status;
}

/* ---- HELLO ---- */

hf_status hf_client_write_hello(hf_client *client, uint64_t now_ms)
{
    own_walk walk = {.client = client};
    client->own_count = 0;
    hf_status status = hf_origin_each_own(client->store, claim_origin, &walk);
    if (status == HF_OK) status = walk.claims.status;
    if (status == HF_OK) status = resume_get(client);
    hf_download stored = {.heads = 0};
    if (status == HF_OK) status = heads_get(client, &client->resume, &stored);
    hf_buffer receipts = {0}, passed = {0}, elsewhere = {0};
    hf_receipt_reach ours = {.set = false}, centres = {.set = false};
    if (status == HF_OK) status = receipts_get(client, &client->resume.hub, &receipts, &ours);
    if (status == HF_OK) status = passed_get(client, &passed, &centres);
    size_t groups = 0;
    if (status == HF_OK) status = elsewhere_get(client, &elsewhere, &groups);
    hf_message message = {.type = HF_FRAME_HELLO};
    message.as.hello = (hf_hello){
        .protocol_min = HF_PROTOCOL,
        .protocol_max = HF_PROTOCOL,
        .implementation = {(const uint8_t *)client->implementation, strlen(client->implementation)},
        .origins = {hf_buffer_bytes(&walk.claims), client->own_count},
        .pack_version = hf_pack_version(hf_store_pack(client->store)),
        .resuming = client->resuming,
        .resume = client->resume,
        .wall_ms = client->wall_ms + (now_ms - client->wall_now_ms),
        .heads = stored.heads,
        .receipts = ours,
        .passed = centres,
        .elsewhere = {hf_buffer_bytes(&elsewhere), groups},
    };
    if (status == HF_OK) status = hf_client_capabilities(client, &message.as.hello.capabilities);
    if (status == HF_OK) hf_message_write(&client->raw, &message);
    hf_buffer_free(&walk.logs);
    hf_buffer_free(&walk.claims);
    hf_buffer_free(&receipts);
    hf_buffer_free(&passed);
    hf_buffer_free(&elsewhere);
    if (status != HF_OK) return status;
    client->hello_at_ms = now_ms;
    hf_session_greeted(&client->session);
    return HF_OK;
}

/* ---- logs that were left ---- */

static bool is_left(const hf_buffer *left, const hf_origin_id *origin)
{
    for (size_t at = 0; at + HF_ORIGIN_SIZE <= left->size; at += HF_ORIGIN_SIZE)
        if (memcmp(left->data + at, origin->bytes, HF_ORIGIN_SIZE) == 0) return true;
    return false;
}

hf_status hf_client_has_left(hf_store *store, const hf_origin_id *origin, bool *has)
{
    hf_buffer left = {0};
    hf_status status = hf_meta_get(store, META_LEFT, &left);
    *has = status == HF_OK && is_left(&left, origin);
    hf_buffer_free(&left);
    return status;
}

hf_status hf_client_leave(hf_store *store, const hf_origin_id *origin)
{
    hf_buffer left = {0};
    hf_status status = hf_meta_get(store, META_LEFT, &left);
    if (status == HF_OK && !is_left(&left, origin)) {
        hf_write_raw(&left, (hf_bytes){origin->bytes, HF_ORIGIN_SIZE});
        status = left.status;
        if (status == HF_OK) status = hf_meta_set(store, META_LEFT, hf_buffer_bytes(&left));
    }
    hf_buffer_free(&left);
    return status;
}

/* ---- WELCOME ---- */

static hf_status take_scopes(hf_client *client, hf_batch *batch, const hf_welcome *welcome)
{
    hf_download *download = &client->download;
    hf_grant *grants = calloc(HF_SCOPES_MAX, sizeof *grants);
    if (!grants) return HF_ERR_NOMEM;
    hf_scope_item scope;
    size_t count = 0;
    hf_status status = HF_OK;
    for (hf_list walk = welcome->scopes; hf_next_scope(&walk, &scope); count++) {
        hf_grant *grant = &grants[count];
        if (scope.name.size >= sizeof grant->name) status = HF_ERR_LIMIT;
        if (status != HF_OK) break;
        grant->number = download->scopes[count] = scope.number;
        grant->may_write = scope.may_write;
        if (scope.name.size) memcpy(grant->name, scope.name.data, scope.name.size);
    }
    download->scope_count = count;
    if (status == HF_OK) status = hf_batch_grants(batch, grants, count);
    free(grants);
    hf_scope_set_hash(hf_store_crypto(client->store), download->scopes, count,
                      download->cursor.scopes);
    return status;
}

/* The hub's entry at `durable` is another than ours. Where our branch is the longer one only we can
 * see that; to take it for an acknowledgement would lose what we wrote below. */
static hf_status is_other_branch(hf_client *client, const hf_yours *yours, bool *other)
{
    static const uint8_t hole[HF_HASH_SIZE] = {0};
    uint8_t chain[HF_HASH_SIZE];
    hf_status status = hf_log_chain_at(client->store, client->own[yours->origin]->no, yours->lane,
                                       yours->durable, chain);
    *other = status == HF_OK && memcmp(yours->chain, hole, sizeof hole) != 0 &&
             memcmp(yours->chain, chain, sizeof chain) != 0;
    return status == HF_ERR_NOT_FOUND ? HF_OK : status;
}

static hf_status take_one_of_yours(hf_client *client, hf_batch *batch, const hf_welcome *welcome,
                                   const hf_yours *yours, const hf_log_state *log)
{
    hf_download *download = &client->download;
    /* More than we hold is not ours to count, whatever the verdict says. */
    if (yours->origin == 0 && yours->durable > log->seq) download->phase = HF_PHASE_RENEW;
    if (yours->durable > log->seq) return HF_OK;
    bool other = false;
    hf_status status = yours->durable ? is_other_branch(client, yours, &other) : HF_OK;
    if (status == HF_OK && other) {
        download->phase = HF_PHASE_RENEW;
        download->verdict = HF_FORKED;
        download->forked = yours->origin;
        return HF_OK;
    }
    /* More than we hold is not ours to count, at the centre either. */
    hf_yours counted = *yours;
    if (counted.central > log->seq) counted.central = log->seq;
    if (client->centre_void) counted.central = 0;
    if (status == HF_OK) status = hf_client_fall_back(client, batch, welcome, &counted);
    if (status != HF_OK || yours->durable == 0) return status;
    return hf_batch_acked(batch, &welcome->hub, client->own[yours->origin], yours->lane,
                          yours->durable, counted.central);
}

/* A log that forked was written again under a later name: there its entries wait, and not here. */
static hf_status take_left(hf_client *client, hf_batch *batch, const hf_welcome *welcome,
                           const hf_buffer *left)
{
    hf_status status = HF_OK;
    for (size_t i = 0; i < client->own_count && status == HF_OK; i++) {
        const hf_origin_row *origin = client->own[i];
        for (uint8_t lane = 0; lane < HF_LANE_COUNT && is_left(left, &origin->id); lane++) {
            hf_log_state log;
            status = hf_log_state_get(client->store, origin->no, lane, &log);
            if (status == HF_OK && log.central < log.seq)
                status = hf_batch_acked(batch, &welcome->hub, origin, lane, log.seq, log.seq);
            if (status != HF_OK) break;
        }
    }
    return status;
}

typedef struct yours_walk {
    hf_client *client;
    hf_batch *batch;
    const hf_welcome *welcome;
    size_t index; /* of the origin in HELLO */
} yours_walk;

/* What the hub does not name it does not hold. */
static hf_status take_own_log(void *context, const hf_log_state *log)
{
    const yours_walk *walk = context;
    hf_yours found = {.origin = (uint8_t)walk->index, .lane = log->lane}, yours;
    for (hf_list list = walk->welcome->yours; hf_next_yours(&list, &yours);)
        if (yours.origin == walk->index && yours.lane == log->lane) found = yours;
    return take_one_of_yours(walk->client, walk->batch, walk->welcome, &found, log);
}

/* Of a log that we have nothing of, the hub may still hold something: then we are behind. */
static hf_status look_at_others(hf_client *client, const hf_welcome *welcome)
{
    hf_yours yours;
    for (hf_list walk = welcome->yours; hf_next_yours(&walk, &yours);) {
        hf_log_state log;
        if (yours.origin >= client->own_count) return HF_ERR_PROTOCOL;
        hf_status status =
            hf_log_state_get(client->store, client->own[yours.origin]->no, yours.lane, &log);
        if (status != HF_OK) return status;
        if (yours.origin == 0 && yours.durable > log.seq) client->download.phase = HF_PHASE_RENEW;
    }
    return HF_OK;
}

static hf_status take_yours(hf_client *client, hf_batch *batch, const hf_welcome *welcome)
{
    hf_buffer left = {0};
    yours_walk walk = {.client = client, .batch = batch, .welcome = welcome};
    client->fell_back = 0;
    hf_status status = hf_meta_get(client->store, META_LEFT, &left);
    if (status == HF_OK) status = take_left(client, batch, welcome, &left);
    if (status == HF_OK) status = look_at_others(client, welcome);
    for (size_t i = 0; i < client->own_count && status == HF_OK; i++) {
        walk.index = i;
        if (is_left(&left, &client->own[i]->id)) continue;
        status = hf_log_each(client->store, client->own[i]->no, take_own_log, &walk);
    }
    hf_buffer_free(&left);
    /* It lost heads with them. */
    if (client->fell_back) memset(client->download.heads_up, 0, sizeof client->download.heads_up);
    return status;
}

static hf_status place_by_verdict(hf_client *client, const hf_welcome *welcome)
{
    hf_download *download = &client->download;
    switch (welcome->verdict) {
    case HF_RESUME:
        download->phase = HF_PHASE_FEED;
        download->cursor.position = client->resuming ? client->resume.position : 0;
        memcpy(download->cursor.chain, client->resuming ? client->resume.chain : welcome->epoch,
               16);
        if (!client->resuming) download->cursor_moved = true; /* from now on we have a place */
        if (client->resuming &&
            (memcmp(&client->resume.hub, &welcome->hub, sizeof welcome->hub) != 0 ||
             memcmp(client->resume.epoch, welcome->epoch, sizeof welcome->epoch) != 0)) {
            hf_session_fail(&client->session, HF_CODE_EPOCH, "resumes a feed we did not name");
            return HF_ERR_PROTOCOL;
        }
        return client->resuming ? heads_get(client, &download->cursor, download) : HF_OK;
    case HF_VECTORS:
        download->phase = HF_PHASE_VECTORS;
        if (download->scope_count == 0) download->phase = HF_PHASE_START;
        download->cursor.position = welcome->position;
        memcpy(download->cursor.chain, welcome->chain, sizeof welcome->chain);
        return HF_OK;
    case HF_SNAPSHOT:
        download->phase = HF_PHASE_OFFER; /* and these, should there be none */
        download->cursor.position = welcome->position;
        memcpy(download->cursor.chain, welcome->chain, sizeof welcome->chain);
        return HF_OK;
    case HF_REFILLING:
        download->phase = download->scope_count ? HF_PHASE_VECTORS : HF_PHASE_REFILLED;
        return HF_OK;
    case HF_EXPIRED:
        download->phase = HF_PHASE_EXPIRED;
        return heads_get(client, &download->cursor, download);
    default: download->phase = HF_PHASE_RENEW; return HF_OK;
    }
}

/* A hub that was set back has lost what it was told of outages, too. It is told again wherever that
 * may be so: what it has, it has once. */
static hf_status take_back_told(hf_client *client, const hf_welcome *welcome)
{
    if (welcome->verdict == HF_RESUME && client->fell_back == 0) return HF_OK;
    return hf_outage_untold(client->store, hf_store_own_origin(client->store)->key_id);
}

hf_status hf_client_on_welcome(hf_client *client, hf_batch *batch, const hf_welcome *welcome)
{
    hf_download *download = &client->download;
    if (welcome->protocol != HF_PROTOCOL) {
        hf_session_fail(&client->session, HF_CODE_VERSION, "protocol %u is not spoken here",
                        welcome->protocol);
        return HF_ERR_PROTOCOL;
    }
    download->cursor.hub = welcome->hub;
    memcpy(download->cursor.epoch, welcome->epoch, sizeof welcome->epoch);
    download->announced = welcome->position;
    download->verdict = (hf_resume_verdict)welcome->verdict;
    hf_status status = take_scopes(client, batch, welcome);
    if (status == HF_OK) status = place_by_verdict(client, welcome);
    bool is_fed = download->phase != HF_PHASE_EXPIRED && download->verdict != HF_REFILLING;
    if (status == HF_OK && is_fed)
        status = hf_client_expect_snapshot(client, download->phase == HF_PHASE_OFFER);
    if (status == HF_OK) status = hf_client_take_former(client, batch, welcome);
    if (status == HF_OK && download->phase != HF_PHASE_RENEW)
        status = take_yours(client, batch, welcome);
    if (status == HF_OK) status = take_back_told(client, welcome);
    if (status == HF_OK) status = keep_hub(client, &welcome->hub);
    if (status == HF_OK) status = clock_keep(client);
    if (status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT)
        hf_session_fail_status(&client->session, status, "WELCOME");
    return status;
}
