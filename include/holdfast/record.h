/* record.h: the names of things: installations, logs, writes, records and times. */
#ifndef HOLDFAST_RECORD_H
#define HOLDFAST_RECORD_H

#include "holdfast/status.h"

#include <stdbool.h>

enum {
    HF_ORIGIN_SIZE = 16,
    HF_RECORD_ID_SIZE = 16,
    HF_HASH_SIZE = 32,
    HF_PREFIX_SIZE = 4, /* bytes of an entry's hash that a citation carries */
    HF_INCARNATION_SIZE = 16,
    HF_RECORD_TEXT_SIZE = 64 /* room for "crime_01k…" and its NUL */
};

/* One installation: the first 16 bytes of H(key id || incarnation); protocol.md 2. */
typedef struct hf_origin_id {
    uint8_t bytes[HF_ORIGIN_SIZE];
} hf_origin_id;

/* Hybrid logical clock: 48 bits of Unix milliseconds, 16 of counter. Breaks ties, times nothing. */
typedef uint64_t hf_hlc;

typedef enum hf_lane {
    HF_LANE_CONTROL = 0,  /* hubs only */
    HF_LANE_RISK = 1,     /* custody and risk to life */
    HF_LANE_INCIDENT = 2, /* live incidents */
    HF_LANE_CRIME = 3,
    HF_LANE_CASE = 4, /* deadlines and case */
    HF_LANE_REST = 5,
    HF_LANE_AUDIT = 6, /* audit of reads */
    HF_LANE_COUNT = 7
} hf_lane;

/* Names one write: the entry's place, and which write of this record and field it is within it. */
typedef struct hf_dot {
    hf_origin_id origin;
    uint8_t lane;
    uint64_t seq;     /* from 1, dense in its log */
    uint32_t ordinal; /* 0 unless the entry writes several elements of one set or append field */
} hf_dot;

/* A record: its type's number in the pack, and 16 time-ordered bytes (UUIDv7 layout). */
typedef struct hf_record_id {
    uint32_t type;
    uint8_t bytes[HF_RECORD_ID_SIZE];
} hf_record_id;

#endif
