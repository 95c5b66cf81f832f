/* episodes.h: what each node saw for itself, put together into outages.
 *
 * A hub that fell, a unit whose line was cut and one phone in a cellar look alike to who lives
 * through them. Put side by side they do not: the hub knows when it was away itself, and devices of
 * one unit that were cut off together were so by their line. */
#ifndef HF_HUB_EPISODES_H
#define HF_HUB_EPISODES_H

#include "holdfast/hub.h"

#include "sync/outage.h"

typedef enum hf_extent {
    HF_EXTENT_HUB,    /* the hub was away: everyone was cut off */
    HF_EXTENT_CENTRE, /* ... the centre, while this hub was its station: so was everyone elsewhere
                       */
    HF_EXTENT_UNIT,   /* several devices of one unit, or a drill of it */
    HF_EXTENT_DEVICE  /* one or two on their own */
} hf_extent;
static inline bool hf_extent_is_all(hf_extent extent)
{
    return extent <= HF_EXTENT_CENTRE;
}

typedef struct hf_party { /* a device, as the hub knows it */
    uint8_t key_id[HF_HASH_SIZE];
    char name[128], force[64], unit[64];
    bool connected;
    uint64_t contact_ms; /* Unix time; 0: never */
    hf_told told;
} hf_party;

typedef struct hf_sighting { /* what one node saw */
    uint8_t seer[HF_HASH_SIZE];
    size_t party; /* whose it is; HF_NOBODY: the hub's own */
    uint64_t last_ms, noticed_ms, ended_ms;
    uint32_t reason;
    uint8_t quality;
    uint64_t position;
    char unit[64];
    size_t logs_at, logs_size; /* in hf_episodes.logs */
    size_t episode;
} hf_sighting;
#define HF_NOBODY SIZE_MAX

typedef struct hf_episode {
    uint64_t began_ms, ended_ms; /* Unix time; ended 0: it lasts */
    uint64_t away_ms;            /* of that, the hub itself was away */
    hf_extent extent;
    uint32_t reason; /* of the first sighting */
    bool drill;
    char force[64], unit[64]; /* HUB, CENTRE: "" */
    size_t seers;             /* devices that told of it */
    uint64_t position;        /* of the hub's feed when it began */
    bool position_known;
} hf_episode;

typedef struct hf_episodes { /* free with hf_episodes_free */
    hf_party *parties;       /* not revoked, by key id */
    size_t party_count;
    hf_sighting *sightings; /* by last contact */
    size_t sighting_count;
    hf_episode *items; /* by their beginning */
    size_t count;
    uint64_t now_ms; /* when they were read */
    hf_buffer logs;
    hf_buffer storage[3]; /* where the arrays lie */
} hf_episodes;

/* All that reached into the time after `since_ms`; `now_ms` by the hub's wall clock. */
HF_MUST_CHECK hf_status hf_episodes_read(hf_store *store, hf_hub *hub, uint64_t since_ms,
                                         uint64_t now_ms, hf_episodes *out);
void hf_episodes_free(hf_episodes *episodes);
/* The one that covers `wall_ms`, else the last that began before it; 0: the newest. HF_NOBODY:
 * there is none. Of episodes that cover it, the hub's own comes before a unit's, and that before
 * one of single devices, which are looked at only if `devices` says so. */
size_t hf_episodes_find(const hf_episodes *episodes, uint64_t wall_ms, bool devices);

#endif
