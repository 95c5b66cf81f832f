/* episodes.c: see episodes.h. */
#include "episodes.h"

#include "seen.h"

#include "sync/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLAP_MS = 2 * 60 * 1000, /* a hub that is back for less has not been back */
    NEAR_MS = 60 * 1000,     /* how far two nodes' times of one event may lie apart */
    UNIT_SEERS_MIN = 3
};

/* ---- who there is ---- */

static hf_status on_device(void *context, const hf_device *device)
{
    hf_buffer *items = context;
    hf_party party = {.connected = false};
    if (device->is_hub || device->revoked) return HF_OK;
    memcpy(party.key_id, device->key_id, sizeof party.key_id);
    memcpy(party.name, device->name, sizeof party.name);
    memcpy(party.force, device->force, sizeof party.force);
    memcpy(party.unit, device->unit, sizeof party.unit);
    hf_write_raw(items, (hf_bytes){(const uint8_t *)&party, sizeof party});
    return items->status;
}

static int party_compare(const void *a, const void *b)
{
    const hf_party *x = a, *y = b;
    return memcmp(x->key_id, y->key_id, HF_HASH_SIZE);
}

static size_t party_find(const hf_episodes *e, const uint8_t key_id[HF_HASH_SIZE])
{
    hf_party wanted;
    memcpy(wanted.key_id, key_id, HF_HASH_SIZE);
    const hf_party *found =
        e->party_count ? bsearch(&wanted, e->parties, e->party_count, sizeof wanted, party_compare)
                       : NULL;
    return found ? (size_t)(found - e->parties) : HF_NOBODY;
}

static hf_status on_peer(void *context, const hf_peer_status *peer)
{
    hf_episodes *e = context;
    size_t at = party_find(e, peer->key_id);
    if (at != HF_NOBODY) e->parties[at].connected = true;
    return HF_OK;
}

static hf_status read_contact(hf_store *store, hf_party *party, uint64_t now_ms)
{
    hf_last_seen seen;
    hf_status status = hf_told_get(store, party->key_id, &party->told);
    if (status == HF_OK) status = hf_last_seen_get(store, party->key_id, &seen);
    if (status != HF_OK) return status;
    party->contact_ms = seen.wall_ms > party->told.at_ms ? seen.wall_ms : party->told.at_ms;
    if (party->connected) party->contact_ms = now_ms;
    return HF_OK;
}

static hf_status read_parties(hf_store *store, hf_hub *hub, uint64_t now_ms, hf_episodes *e)
{
    hf_status status = hf_hub_devices(hub, on_device, &e->storage[0]);
    e->parties = (hf_party *)(void *)e->storage[0].data;
    e->party_count = e->storage[0].size / sizeof *e->parties;
    if (e->party_count) qsort(e->parties, e->party_count, sizeof *e->parties, party_compare);
    if (status == HF_OK) status = hf_hub_peers(hub, on_peer, e);
    for (size_t i = 0; i < e->party_count && status == HF_OK; i++)
        status = read_contact(store, &e->parties[i], now_ms);
    return status;
}

/* ---- what was seen ---- */

typedef struct sighting_walk {
    hf_episodes *e;
    const uint8_t *own_key;
    uint64_t now_ms;
} sighting_walk;

static hf_status on_outage(void *context, const hf_outage *outage)
{
    sighting_walk *walk = context;
    hf_episodes *e = walk->e;
    bool own = memcmp(outage->seer, walk->own_key, HF_HASH_SIZE) == 0;
    hf_sighting one = {.party = own ? HF_NOBODY : party_find(e, outage->seer),
                       .last_ms = outage->last_ms,
                       .noticed_ms = outage->noticed_ms,
                       .ended_ms = outage->ended_ms > walk->now_ms ? 0 : outage->ended_ms,
                       .reason = outage->reason,
                       .quality = outage->quality,
                       .position = outage->position,
                       .logs_at = e->logs.size,
                       .logs_size = outage->logs.size,
                       .episode = HF_NOBODY};
    if (!own && one.party == HF_NOBODY) return HF_OK; /* revoked since: it is not waited for */
    memcpy(one.seer, outage->seer, sizeof one.seer);
    memcpy(one.unit, outage->unit, sizeof one.unit);
    hf_write_raw(&e->logs, outage->logs);
    hf_write_raw(&e->storage[1], (hf_bytes){(const uint8_t *)&one, sizeof one});
    return e->logs.status == HF_OK ? e->storage[1].status : e->logs.status;
}

/* ---- putting together ---- */

static uint64_t end_of(uint64_t ended_ms)
{
    return ended_ms ? ended_ms : UINT64_MAX - NEAR_MS;
}

/* How long it was, or has been so far. */
static uint64_t lasted_ms(const hf_episodes *e, const hf_sighting *sighting)
{
    uint64_t until_ms = sighting->ended_ms ? sighting->ended_ms : e->now_ms;
    return until_ms > sighting->last_ms ? until_ms - sighting->last_ms : 0;
}

static bool meets(const hf_episode *episode, const hf_sighting *sighting, uint64_t slack_ms)
{
    return sighting->last_ms <= end_of(episode->ended_ms) + slack_ms &&
           episode->began_ms <= end_of(sighting->ended_ms) + slack_ms;
}

static void reach(hf_episode *episode, const hf_sighting *sighting)
{
    if (sighting->last_ms < episode->began_ms) episode->began_ms = sighting->last_ms;
    if (end_of(sighting->ended_ms) > end_of(episode->ended_ms))
        episode->ended_ms = sighting->ended_ms;
}

static hf_status add_episode(hf_episodes *e, hf_sighting *sighting, hf_extent extent)
{
    hf_episode one = {.began_ms = sighting->last_ms,
                      .ended_ms = sighting->ended_ms,
                      .extent = extent,
                      .reason = sighting->reason,
                      .drill = sighting->reason == HF_OUTAGE_DRILL,
                      .position = sighting->position};
    bool own = sighting->party == HF_NOBODY;
    one.position_known = own && extent != HF_EXTENT_CENTRE; /* it noted that as a client does */
    const hf_party *party = own ? NULL : &e->parties[sighting->party];
    (void)snprintf(one.unit, sizeof one.unit, "%s", own ? sighting->unit : party->unit);
    (void)snprintf(one.force, sizeof one.force, "%s", own ? "" : party->force);
    if (extent == HF_EXTENT_HUB) one.away_ms = lasted_ms(e, sighting);
    one.seers = !own;
    sighting->episode = e->count;
    hf_write_raw(&e->storage[2], (hf_bytes){(const uint8_t *)&one, sizeof one});
    e->items = (hf_episode *)(void *)e->storage[2].data;
    e->count++;
    return e->storage[2].status;
}

static hf_extent own_extent(const hf_sighting *sighting)
{
    switch (sighting->reason) {
    case HF_OUTAGE_DRILL: return HF_EXTENT_UNIT;
    case HF_OUTAGE_STOPPED:
    case HF_OUTAGE_FELL: return HF_EXTENT_HUB;
    default: return HF_EXTENT_CENTRE; /* a station was there, and its centre was not */
    }
}

/* The hub's own come first: each is an outage, but that a hub which falls again as it comes back
 * has one. */
static hf_status place_own(hf_episodes *e, hf_sighting *sighting)
{
    hf_extent extent = own_extent(sighting);
    for (size_t i = 0; i < e->count && extent != HF_EXTENT_UNIT; i++) {
        hf_episode *episode = &e->items[i];
        if (episode->extent != extent || !meets(episode, sighting, FLAP_MS)) continue;
        reach(episode, sighting);
        if (extent == HF_EXTENT_HUB) episode->away_ms += lasted_ms(e, sighting);
        sighting->episode = i;
        return HF_OK;
    }
    return add_episode(e, sighting, extent);
}

static bool is_for(const hf_episodes *e, const hf_episode *episode, const hf_sighting *sighting)
{
    const hf_party *party = &e->parties[sighting->party];
    if (hf_extent_is_all(episode->extent)) return meets(episode, sighting, NEAR_MS);
    if (strcmp(episode->unit, party->unit) != 0) return false;
    if (episode->drill != (sighting->reason == HF_OUTAGE_DRILL)) return false;
    return meets(episode, sighting, episode->drill ? NEAR_MS : 0);
}

/* What a device saw belongs to the hub's outage, else its unit's. Of the hub's own the ends stand:
 * a device that is switched off until Monday does not make the outage last so long. */
static hf_status place_told(hf_episodes *e, hf_sighting *sighting)
{
    for (size_t i = 0; i < e->count; i++) {
        hf_episode *episode = &e->items[i];
        if (!is_for(e, episode, sighting)) continue;
        sighting->episode = i;
        episode->seers++;
        if (!hf_extent_is_all(episode->extent) && !episode->position_known)
            reach(episode, sighting);
        return HF_OK;
    }
    return add_episode(e, sighting, HF_EXTENT_DEVICE);
}

static hf_status place_all(hf_episodes *e)
{
    hf_status status = HF_OK;
    for (size_t i = 0; i < e->sighting_count && status == HF_OK; i++)
        if (e->sightings[i].party == HF_NOBODY) status = place_own(e, &e->sightings[i]);
    for (size_t i = 0; i < e->sighting_count && status == HF_OK; i++)
        if (e->sightings[i].party != HF_NOBODY) status = place_told(e, &e->sightings[i]);
    return status;
}

static hf_status settle(hf_store *store, hf_episodes *e)
{
    hf_status status = HF_OK;
    for (size_t i = 0; i < e->count && status == HF_OK; i++) {
        hf_episode *episode = &e->items[i];
        if (episode->extent == HF_EXTENT_DEVICE && episode->seers >= UNIT_SEERS_MIN)
            episode->extent = HF_EXTENT_UNIT;
        if (!episode->position_known)
            status = hf_beat_position(store, episode->began_ms, &episode->position);
    }
    return status;
}

/* ---- in order ---- */

typedef struct placed {
    hf_episode episode;
    size_t was;
} placed;

static int placed_compare(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    uint64_t left = x->episode.began_ms, right = y->episode.began_ms;
    if (left != right) return left < right ? -1 : 1;
    return x->was < y->was ? -1 : x->was > y->was;
}

static hf_status sort(hf_episodes *e)
{
    if (e->count == 0) return HF_OK;
    placed *order = malloc(e->count * sizeof *order);
    size_t *now = malloc(e->count * sizeof *now);
    hf_status status = order && now ? HF_OK : HF_ERR_NOMEM;
    for (size_t i = 0; i < e->count && status == HF_OK; i++)
        order[i] = (placed){.episode = e->items[i], .was = i};
    if (status == HF_OK) qsort(order, e->count, sizeof *order, placed_compare);
    for (size_t i = 0; i < e->count && status == HF_OK; i++) {
        e->items[i] = order[i].episode;
        now[order[i].was] = i;
    }
    for (size_t i = 0; i < e->sighting_count && status == HF_OK; i++)
        if (e->sightings[i].episode != HF_NOBODY)
            e->sightings[i].episode = now[e->sightings[i].episode];
    free(order);
    free(now);
    return status;
}

hf_status hf_episodes_read(hf_store *store, hf_hub *hub, uint64_t since_ms, uint64_t now_ms,
                           hf_episodes *out)
{
    *out = (hf_episodes){.now_ms = now_ms};
    sighting_walk walk = {
        .e = out, .own_key = hf_store_crypto(store)->own_key_id, .now_ms = now_ms};
    hf_status status = read_parties(store, hub, now_ms, out);
    if (status == HF_OK) status = hf_outage_each(store, NULL, since_ms, on_outage, &walk);
    out->sightings = (hf_sighting *)(void *)out->storage[1].data;
    out->sighting_count = out->storage[1].size / sizeof *out->sightings;
    if (status == HF_OK) status = place_all(out);
    if (status == HF_OK) status = settle(store, out);
    if (status == HF_OK) status = sort(out);
    if (status != HF_OK) hf_episodes_free(out);
    return status;
}

void hf_episodes_free(hf_episodes *episodes)
{
    for (size_t i = 0; i < 3; i++) hf_buffer_free(&episodes->storage[i]);
    hf_buffer_free(&episodes->logs);
    *episodes = (hf_episodes){.count = 0};
}

size_t hf_episodes_find(const hf_episodes *episodes, uint64_t wall_ms, bool devices)
{
    size_t found = HF_NOBODY;
    bool covered = false;
    for (size_t i = 0; i < episodes->count; i++) {
        const hf_episode *one = &episodes->items[i];
        if (one->extent == HF_EXTENT_DEVICE && !devices) continue;
        if (wall_ms && one->began_ms > wall_ms) continue;
        bool covers = wall_ms && wall_ms <= end_of(one->ended_ms);
        bool wider = found != HF_NOBODY && one->extent < episodes->items[found].extent;
        if (found == HF_NOBODY || (covers && (!covered || wider)) || (!covers && !covered))
            found = i;
        covered = covered || covers;
    }
    return found;
}
