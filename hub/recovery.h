/* recovery.h: one outage accounted for, to the entry: what had to wait, when it came, what is still
 * out. Computed from the store alone; three renderings are made of the one structure.
 *
 * Nothing is told twice by the same source: how many entries of a log had to wait is what its
 * device said, how many came is counted in the log itself, and the two must add up. */
#ifndef HF_HUB_RECOVERY_H
#define HF_HUB_RECOVERY_H

#include "episodes.h"

#include "sync/json.h"

enum {
    HF_RECOVERY_POINTS = 61,         /* of the backlog over time */
    HF_RECOVERY_RECORDS_MAX = 20000, /* looked at for what a rule settled by itself */
    HF_RECOVERY_AFTER_HOURS = 24,    /* looked through for entries that no device told of */
    HF_RECOVERY_NAME_SIZE = 128
};

typedef struct hf_tally { /* one line of a table, with where it is from */
    char name[HF_RECOVERY_NAME_SIZE];
    uint64_t entries;
} hf_tally;

typedef struct hf_tallies {
    hf_buffer items; /* hf_tally, one behind the other; sorted by name */
} hf_tallies;

typedef struct hf_lane_recovery {
    uint64_t entries;
    uint64_t timed; /* of these, with times that can be believed: what the delays are of */
    uint64_t p50_ms, p95_ms, max_ms;
    uint64_t cleared_ms; /* after the end of the outage the last of them came; 0: none after it */
} hf_lane_recovery;

typedef struct hf_log_recovery { /* one log of one device */
    size_t party;
    hf_origin_id origin;
    uint8_t lane;
    uint64_t from, to; /* (from, to] had to wait */
    bool told;         /* by its device; else known from the entries' own times */
    uint64_t counted, withheld, erased, missing; /* add up to `to - from` */
    uint8_t chain[HF_HASH_SIZE];  /* of the log at the last entry held; zeros: a hole */
    uint8_t digest[HF_HASH_SIZE]; /* over the hashes of the entries held, in order */
} hf_log_recovery;

typedef struct hf_rule_recovery { /* fields of one rule, in records that the outage touched */
    char name[24];
    uint64_t settled, chosen, open; /* by the rule alone; by a person; not yet */
} hf_rule_recovery;

typedef struct hf_reference_recovery { /* references that were given while it lasted */
    char series[40];
    uint64_t numbers, provisional; /* from leased blocks; where those had run out */
} hf_reference_recovery;

typedef struct hf_point {
    uint64_t wall_ms, waiting;
} hf_point;

typedef struct hf_scope_digest {
    uint32_t scope;
    uint8_t digest[HF_HASH_SIZE];
} hf_scope_digest;

typedef struct hf_recovery { /* free with hf_recovery_free */
    hf_episode episode;
    uint64_t now_ms;
    uint64_t entries, here, counted, withheld, erased, missing; /* here + missing = entries */
    uint64_t earlier;      /* of those here, that came before it began: only the word was lost */
    uint64_t told_entries; /* of `entries`, told by their devices */
    uint64_t parts;        /* records written, over all entries here */
    hf_buffer logs;        /* hf_log_recovery */
    hf_tallies types, forces, units; /* of those here; of all; of all */
    hf_lane_recovery lanes[HF_LANE_COUNT];
    uint64_t untimed; /* here, and their clock is not to be believed */
    uint64_t noticed_p50_ms, noticed_max_ms, noticed_count;
    hf_point backlog[HF_RECOVERY_POINTS];
    uint64_t backlog_max, backlog_max_ms;
    hf_buffer rules;      /* hf_rule_recovery, by name */
    hf_buffer references; /* hf_reference_recovery */
    uint64_t records;     /* touched */
    bool rules_partial;
    hf_buffer absent;             /* size_t, of episodes.parties: not back since it ended */
    hf_buffer sightings;          /* size_t, of episodes.sightings */
    uint8_t digest[HF_HASH_SIZE]; /* over the logs' digests */
    hf_buffer scopes;             /* hf_scope_digest: the hub's state now */
    char fault[256];              /* what does not add up; "" when all does */
} hf_recovery;

/* `index` of `episodes`, which must outlive what is done with the result. */
HF_MUST_CHECK hf_status hf_recovery_compute(hf_store *store, const hf_episodes *episodes,
                                            size_t index, uint64_t now_ms, hf_recovery *out);
void hf_recovery_free(hf_recovery *recovery);

/* ---- recovery_times.c: of entries that came ---- */
typedef struct hf_arrival {
    uint64_t written_ms, came_ms;
    uint8_t lane;
} hf_arrival;
/* Delays by lane, when each lane was clear, the backlog over time. `arrivals` is sorted anew. */
HF_MUST_CHECK hf_status hf_recovery_times(hf_recovery *recovery, hf_arrival *arrivals,
                                          size_t count);

/* ---- recovery_conflicts.c ---- */
/* `touched`: hf_record_id of every part, in any order, with repetitions; it is sorted. */
HF_MUST_CHECK hf_status hf_recovery_conflicts(hf_store *store, hf_recovery *recovery,
                                              hf_buffer *touched);

/* ---- renderings ---- */
typedef struct hf_recovery_view { /* what all three are made of */
    const hf_episodes *episodes;
    const hf_recovery *recovery;
    const char *hub;          /* its name */
    const struct hf_sla *sla; /* of the month it began in */
} hf_recovery_view;
/* recovery_json.c: the members of an open object. */
void hf_recovery_json(const hf_recovery_view *view, hf_json *json);
void hf_episode_json(const hf_episode *episode, uint64_t now_ms, hf_json *json);
void hf_sla_json(const struct hf_sla *sla, hf_json *json);
const char *hf_outage_reason_name(uint32_t reason);
/* recovery_page.c: for people, as one HTML page or as Markdown. */
void hf_recovery_page(const hf_recovery_view *view, bool html, hf_buffer *out);

const char *hf_lane_words(uint8_t lane);
void hf_tally_add(hf_tallies *tallies, const char *name, uint64_t entries);
size_t hf_tally_count(const hf_tallies *tallies);
const hf_tally *hf_tally_at(const hf_tallies *tallies, size_t index);

#endif
