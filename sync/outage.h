/* outage.h: what a node saw of being cut off, kept through restarts; and a hub's own pulse.
 *
 * An outage is a thing that each node saw for itself: a device from its last contact to the next, a
 * hub from its last sign of life to its next start. Devices tell their hub what they saw. What they
 * tell needs no clock but the hub's: both ends are by the hub's time, and what had to wait is named
 * by log and seq, so the hub can count it against what it holds. */
#ifndef HF_OUTAGE_H
#define HF_OUTAGE_H

#include "store.h"

typedef enum hf_outage_reason {                       /* wire format */
                                HF_OUTAGE_LOST = 0,   /* no link to a hub */
                                HF_OUTAGE_SILENT = 1, /* a link, and no answer on it */
                                HF_OUTAGE_DRILL = 2,  /* refused on purpose; at a hub: of `unit` */
                                /* a hub's own: */
                                HF_OUTAGE_STOPPED = 3, /* it was told to end */
                                HF_OUTAGE_FELL = 4,    /* killed, lost its power, or failed */
                                HF_OUTAGE_REPLACED = 5 /* of its centre, until it was promoted */
} hf_outage_reason;

typedef struct hf_outage_log { /* what had to wait: the entries of one log in (from, to] */
    hf_origin_id origin;
    uint8_t lane;
    uint64_t from, to;
} hf_outage_log;

typedef struct hf_outage {
    uint8_t seer[HF_HASH_SIZE]; /* key id of who saw it */
    uint64_t last_ms;           /* last contact, Unix time: also its name, with the seer's */
    uint64_t noticed_ms;        /* when the seer knew */
    uint64_t ended_ms;          /* 0: it lasts */
    uint32_t reason;            /* hf_outage_reason */
    uint8_t quality;            /* of the clock behind these times, as an entry's */
    bool told;                  /* a device's: its hub has it */
    uint64_t position;          /* a hub's own: of its feed then */
    char unit[64];              /* of a drill at a hub; else "" */
    hf_bytes logs;              /* CBOR: [[origin, lane, from, to], ...]; borrowed */
} hf_outage;

/* The encoded list, item by item; false at its end, or where it is not one. */
hf_reader hf_outage_logs(hf_bytes logs, size_t *count);
bool hf_outage_next_log(hf_reader *reader, hf_outage_log *out);
void hf_write_outage_log(hf_buffer *out, const hf_outage_log *log);

/* In the open batch, or on its own: written anew, or over what the same seer said of the same
 * moment. Of one seer at most HF_OUTAGES_PER_SEER are kept: the oldest go. */
HF_MUST_CHECK hf_status hf_outage_put(hf_store *store, const hf_outage *outage);
/* The one that was noted under `was_ms` is over: when it was, as it is known now, and its logs. In
 * one step, so that no crash leaves it twice, or not at all. */
HF_MUST_CHECK hf_status hf_outage_end(hf_store *store, const hf_outage *outage, uint64_t was_ms);
/* Those that had not ended by `since_ms`, by their last contact, oldest first. `seer` NULL: all. */
typedef hf_status (*hf_outage_visitor)(void *context, const hf_outage *outage);
HF_MUST_CHECK hf_status hf_outage_each(hf_store *store, const uint8_t *seer, uint64_t since_ms,
                                       hf_outage_visitor visit, void *context);
/* A device's that have ended, with their last contact by `up_to_ms`: its hub has them. */
HF_MUST_CHECK hf_status hf_outage_told(hf_store *store, const uint8_t seer[HF_HASH_SIZE],
                                       uint64_t up_to_ms);
/* How many of what this seer saw as a client were told: at its hub, how many that has of it. */
HF_MUST_CHECK hf_status hf_outage_told_count(hf_store *store, const uint8_t seer[HF_HASH_SIZE],
                                             uint64_t *out);
/* Its hub was perhaps set back, and has lost them: all are told again. */
HF_MUST_CHECK hf_status hf_outage_untold(hf_store *store, const uint8_t seer[HF_HASH_SIZE]);

/* ---- a hub's pulse: when it lived, and when its feed came how far ---- */

typedef struct hf_beat {
    uint64_t position; /* all up to here, and after the beat before, came ... */
    uint64_t first_ms; /* ... by this time, Unix; */
    uint64_t last_ms;  /* and the hub still lived at this one */
} hf_beat;
/* Writes the newest one: a new row where the feed went on by another second, else the last one
 * goes on. Durable when HF_OK. */
HF_MUST_CHECK hf_status hf_beat_put(hf_store *store, uint64_t position, uint64_t wall_ms);
HF_MUST_CHECK hf_status hf_beat_last(hf_store *store, hf_beat *out, bool *found);
typedef hf_status (*hf_beat_visitor)(void *context, const hf_beat *beat);
/* From the one that covers `position` on, in order. */
HF_MUST_CHECK hf_status hf_beat_each(hf_store *store, uint64_t position, hf_beat_visitor visit,
                                     void *context);
/* How far the feed was at `wall_ms`: of the last beat that began by then; 0 before the first. */
HF_MUST_CHECK hf_status hf_beat_position(hf_store *store, uint64_t wall_ms, uint64_t *position);

/* ---- at a hub: how its devices said they were ---- */

typedef struct hf_told {
    uint8_t key_id[HF_HASH_SIZE];
    uint64_t at_ms;     /* hub's time; 0: never told */
    int64_t clock_ms;   /* the device's clock less the hub's */
    uint64_t waiting;   /* entries that no hub is known to hold */
    uint64_t oldest_ms; /* when the oldest of them was written; 0: none waits */
    uint64_t free_mib;  /* room on its disk; 0: not known */
    uint64_t synced_ms; /* last time that it held all it may see and we all that it wrote */
    uint32_t pack_version;
    char implementation[48];
} hf_told;
HF_MUST_CHECK hf_status hf_told_put(hf_store *store, const hf_told *told);
/* Zeros when it has never told. */
HF_MUST_CHECK hf_status hf_told_get(hf_store *store, const uint8_t key_id[HF_HASH_SIZE],
                                    hf_told *out);
/* The device knows of a planned window; the first time counts. *at_ms 0: it does not. */
HF_MUST_CHECK hf_status hf_window_known_put(hf_store *store, const uint8_t id[HF_RECORD_ID_SIZE],
                                            const uint8_t key_id[HF_HASH_SIZE], uint64_t at_ms);
HF_MUST_CHECK hf_status hf_window_known_get(hf_store *store, const uint8_t id[HF_RECORD_ID_SIZE],
                                            const uint8_t key_id[HF_HASH_SIZE], uint64_t *at_ms);

#endif
