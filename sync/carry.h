/* carry.h: what travels on devices between stations and the centre: bundles, and answers to them.
 *
 * One row for each bundle, at whoever has it. It goes through three stages and never back: a bundle
 * that nobody but the centre can read; the centre's answer in its place; settled, when its station
 * has read the answer, or needs none. So a bundle may come by any number of ways, and twice. */
#ifndef HF_CARRY_H
#define HF_CARRY_H

#include "codec.h"
#include "holdfast/crypto.h"
#include "store.h"

typedef enum hf_carry_stage { /* wire format */
                              HF_CARRY_BUNDLE = 0,
                              HF_CARRY_ANSWER = 1,
                              HF_CARRY_SETTLED = 2
} hf_carry_stage;

typedef struct hf_carry_row {
    uint8_t id[HF_HASH_SIZE];
    uint8_t station[HF_HASH_SIZE]; /* key id of who sealed it */
    uint8_t stage, lane;
    uint64_t number;   /* rises with every change of any row, in this run */
    uint64_t serial;   /* the station counts its bundles */
    uint64_t since_ms; /* Unix time: it is here since then */
    uint32_t size;     /* of its bytes; 0 once it is settled */
} hf_carry_row;
typedef hf_status (*hf_carry_visitor)(void *context, const hf_carry_row *row);

/* The last number that was given; 0: there was never a row. */
HF_MUST_CHECK hf_status hf_carry_newest(hf_store *store, uint64_t *out);
/* Rows whose number is above `after`, most urgent lane first, then as their station counted. */
HF_MUST_CHECK hf_status hf_carry_each(hf_store *store, uint64_t after, hf_carry_visitor visit,
                                      void *context);
HF_MUST_CHECK hf_status hf_carry_get(hf_store *store, const uint8_t id[HF_HASH_SIZE],
                                     hf_carry_row *out, bool *found);
/* Its bytes at that stage; HF_ERR_NOT_FOUND when it is not here at it. A bundle that is not what
 * its id says any more is dropped, and not found. */
HF_MUST_CHECK hf_status hf_carry_bytes(hf_store *store, const uint8_t id[HF_HASH_SIZE],
                                       uint8_t stage, hf_buffer *out);
/* Keeps it, durably; or raises its stage, if this is a later one. `number` is given here; `covers`
 * is the station's own note of what is in it, and may be empty. */
HF_MUST_CHECK hf_status hf_carry_put(hf_store *store, const hf_carry_row *row, hf_bytes covers,
                                     hf_bytes bytes);
/* Nobody needs to carry it any more. Its name stays, so that it is not taken again. */
HF_MUST_CHECK hf_status hf_carry_settle(hf_store *store, const uint8_t id[HF_HASH_SIZE]);
HF_MUST_CHECK hf_status hf_carry_covers(hf_store *store, const uint8_t id[HF_HASH_SIZE],
                                        hf_buffer *out);
/* Is there room for it, by its stage, lane and size? Answers give way, the oldest first, for
 * whoever gave one gives it again; then bundles of others that are less urgent, the newest first,
 * for their stations have them still. For an answer any bundle gives way. */
HF_MUST_CHECK hf_status hf_carry_room(hf_store *store, const hf_carry_row *row, bool *has);
/* Drops what is too old to be of use, and names of what is settled beyond the newest. */
HF_MUST_CHECK hf_status hf_carry_age(hf_store *store, uint64_t wall_ms);

/* ---- at a station: who took it along ---- */
HF_MUST_CHECK hf_status hf_carry_took(hf_store *store, const uint8_t id[HF_HASH_SIZE],
                                      const uint8_t key_id[HF_HASH_SIZE], uint64_t wall_ms);
typedef struct hf_carrier_row {
    uint8_t key_id[HF_HASH_SIZE];
    uint64_t since_ms, bundles, bytes; /* the first that it took of those that are under way */
} hf_carrier_row;
typedef hf_status (*hf_carrier_visitor)(void *context, const hf_carrier_row *row);
/* Devices with bundles sealed by `station` that are not answered yet. */
HF_MUST_CHECK hf_status hf_carry_carriers(hf_store *store, const uint8_t station[HF_HASH_SIZE],
                                          hf_carrier_visitor visit, void *context);

typedef struct hf_carry_sum {
    uint64_t own_bundles, own_bytes, own_since_ms; /* sealed here, and not answered */
    uint64_t bundles, bytes, since_ms;             /* others', on their way to the centre */
    uint64_t answers;                              /* on their way back */
} hf_carry_sum;
HF_MUST_CHECK hf_status hf_carry_count(hf_store *store, hf_carry_sum *out);

#endif
