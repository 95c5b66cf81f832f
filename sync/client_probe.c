/* client_probe.c: is the hub there, and does it save? Asked of what answers only after a commit.
 *
 * Why not by PING: a process that lives and cannot write answers that too. A PROBE goes through the
 * hub's committer like an entry, takes along what we saw while we were cut off, and its answer says
 * that all of it is on the hub's disk. */
#include "client_core.h"

#include "system_types.h"

#include <string.h>

void hf_client_probe_link(hf_client *client)
{
    uint64_t free_mib = client->probing.free_mib, number = client->probing.number;
    client->probing = (hf_probing){.free_mib = free_mib, .number = number};
}

static bool may_probe(const hf_client *client)
{
    return client->session.state == HF_SESSION_OPEN && client->download.phase != HF_PHASE_RENEW;
}

bool hf_client_in_touch(const hf_client *client)
{
    return client->session.state == HF_SESSION_OPEN && client->probing.missed < HF_PROBES_MISSED;
}

bool hf_client_silent(const hf_client *client)
{
    return client->session.state == HF_SESSION_OPEN && !hf_client_in_touch(client);
}

uint64_t hf_client_heard_ms(const hf_client *client)
{
    return client->probing.heard_ms;
}

void hf_client_free_mib(hf_client *client, uint64_t free_mib)
{
    client->probing.free_mib = free_mib;
}

/* Anything but a PONG shows that the hub goes on: behind a day's feed on a slow link our answer has
 * to wait, and is not missed. */
void hf_client_probe_heard(hf_client *client, uint64_t now_ms)
{
    client->probing.heard_ms = now_ms;
    client->probing.missed = 0;
}

/* ---- when ---- */

static uint64_t missed_at_ms(const hf_probing *probing)
{
    uint64_t from_ms = probing->sent_ms;
    if (probing->heard_ms > from_ms) from_ms = probing->heard_ms;
    return from_ms + HF_PROBE_PATIENCE_MS;
}

void hf_client_probe_tick(hf_client *client, uint64_t now_ms)
{
    hf_probing *probing = &client->probing;
    if (!may_probe(client)) return;
    if (!probing->begun) { /* the greeting was an answer */
        probing->begun = true;
        probing->due_ms = probing->news ? now_ms : now_ms + HF_PROBE_EVERY_MS;
        probing->heard_ms = now_ms;
    }
    if (!probing->out || now_ms < missed_at_ms(probing)) return;
    if (probing->missed < HF_PROBES_MISSED) probing->missed++;
    probing->out = false;
    probing->due_ms = now_ms;
}

uint64_t hf_client_probe_at_ms(const hf_client *client)
{
    const hf_probing *probing = &client->probing;
    if (!may_probe(client) || !probing->begun) return UINT64_MAX;
    return probing->out ? missed_at_ms(probing) : probing->due_ms;
}

bool hf_client_probe_due(const hf_client *client, uint64_t now_ms)
{
    const hf_probing *probing = &client->probing;
    return may_probe(client) && probing->begun && !probing->out && now_ms >= probing->due_ms;
}

uint64_t hf_client_probe_took_ms(const hf_client *client, uint64_t number, uint64_t now_ms)
{
    const hf_probing *probing = &client->probing;
    return number == probing->number && probing->out ? now_ms - probing->sent_ms : UINT64_MAX;
}

void hf_client_has_news(hf_client *client)
{
    client->probing.news = true;
    client->probing.told_up_to_ms = 0; /* the probe that is out knows nothing of it */
    client->probing.due_ms = 0;        /* with the next turn, or the next link */
}

/* ---- PROBE ---- */

typedef struct tell_walk {
    hf_client *client;
    hf_buffer items;
    size_t count;
    bool more;
} tell_walk;

static hf_status tell_outage(void *context, const hf_outage *outage)
{
    tell_walk *walk = context;
    if (outage->told || outage->ended_ms == 0) return HF_OK;
    /* One may be long: then it goes alone. None goes before an older one, for an answer means all
     * up to the newest in it. */
    bool full = walk->more || walk->count == HF_PROBE_OUTAGES_MAX ||
                (walk->count && walk->items.size + outage->logs.size > HF_PACE_FRAME_MIN);
    walk->more = full;
    if (full) return HF_OK;
    hf_write_outage(&walk->items, outage);
    walk->client->probing.told_up_to_ms = outage->last_ms;
    walk->count++;
    return walk->items.status;
}

typedef struct window_walk {
    hf_buffer items;
    size_t count;
} window_walk;

static hf_status tell_window(void *context, const hf_record_id *id, uint32_t scope, bool deleted)
{
    window_walk *walk = context;
    (void)scope;
    if (deleted) return HF_OK;
    if (walk->count == HF_PROBE_WINDOWS_MAX) return HF_OK;
    hf_write_bytes(&walk->items, id->bytes, HF_RECORD_ID_SIZE);
    walk->count++;
    return walk->items.status;
}

/* The newest ones, which are those that are still to come. */
static hf_status tell_windows(hf_client *client, window_walk *walk)
{
    hf_record_id after = {.type = HF_TYPE_WINDOW};
    uint64_t wall_ms = client->hub_time.known ? client->hub_time.hub_ms : client->wall_ms;
    const uint64_t known_ms = HF_WINDOW_KNOWN_DAYS * UINT64_C(24 * 60 * 60 * 1000);
    uint64_t from_ms = wall_ms > known_ms ? wall_ms - known_ms : 0;
    for (size_t i = 0; i < 6; i++) after.bytes[i] = (uint8_t)(from_ms >> (40 - 8 * i));
    return hf_store_list(client->store, HF_TYPE_WINDOW, &after, HF_PROBE_WINDOWS_MAX, tell_window,
                         walk);
}

static bool at_station(const hf_client *client)
{
    return client->hub_known && client->hub.is_station;
}

hf_status hf_client_write_probe(hf_client *client, uint64_t now_ms)
{
    hf_probing *probing = &client->probing;
    tell_walk told = {.client = client};
    window_walk windows = {.count = 0};
    hf_standing standing = {.waiting = 0};
    probing->told_up_to_ms = 0;
    const uint8_t *seer = hf_store_own_origin(client->store)->key_id;
    hf_status status = HF_OK;
    /* The account is the centre's: what a station was told would never come there. */
    if (!at_station(client)) status = hf_outage_each(client->store, seer, 0, tell_outage, &told);
    if (status == HF_OK) status = hf_store_waiting(client->store, &standing);
    if (status == HF_OK) status = tell_windows(client, &windows);
    hf_message message = {.type = HF_FRAME_PROBE};
    message.as.probe =
        (hf_probe_frame){.number = ++probing->number,
                         .wall_ms = client->wall_ms + (now_ms - client->wall_now_ms),
                         .waiting = standing.waiting,
                         .oldest_ms = standing.oldest_waiting_ms,
                         .free_mib = probing->free_mib,
                         .pack_version = hf_pack_version(hf_store_pack(client->store)),
                         .outages = {hf_buffer_bytes(&told.items), told.count},
                         .windows = {hf_buffer_bytes(&windows.items), windows.count}};
    if (status == HF_OK) hf_message_write(&client->raw, &message);
    hf_buffer_free(&told.items);
    hf_buffer_free(&windows.items);
    if (status != HF_OK) return status;
    probing->out = true;
    probing->news = told.more;
    probing->sent_ms = now_ms;
    probing->due_ms = now_ms + HF_PROBE_EVERY_MS;
    return HF_OK;
}

/* ---- PROBED ---- */

hf_status hf_client_on_probed(hf_client *client, const hf_probe_frame *probed)
{
    uint64_t count;
    hf_probing *probing = &client->probing;
    const uint8_t *seer = hf_store_own_origin(client->store)->key_id;
    /* Else of one that was given up: what went with it goes again. */
    bool awaited = probed->number == probing->number && probing->out;
    hf_status status = HF_OK;
    if (awaited && probing->told_up_to_ms > 0)
        status = hf_outage_told(client->store, seer, probing->told_up_to_ms);
    if (status != HF_OK || !probed->has_held || at_station(client)) return status;
    status = hf_outage_told_count(client->store, seer, &count);
    if (status != HF_OK || probed->held >= count) return status;
    probing->news = true; /* it was set back, by so little that nothing else shows it */
    return hf_outage_untold(client->store, seer);
}

void hf_client_probed(hf_client *client, uint64_t number)
{
    hf_probing *probing = &client->probing;
    if (number != probing->number) return;
    probing->out = false;
    probing->missed = 0;
    if (probing->news) probing->due_ms = 0; /* there is more to tell */
}
