/* world.h: one small deployment, set back to the same moment before each run, and what was said in
 * a run: so that memory, disks and the power can fail at each point of it in turn.
 *
 * A hub and two devices in one process. All hold the same records, one of them in conflict; each
 * device has written more that the hub has not seen. */
#ifndef FAULT_WORLD_H
#define FAULT_WORLD_H

#include "pair.h"

#include "sync/apply.h"

enum { WORLD_HUB = 0, WORLD_EDGE = 1, WORLD_OTHER = 2, WORLD_NODES = 3 };
enum { WORLD_PUT = 3, WORLD_UNSENT = 3, WORLD_TEXT_SIZE = 16 * 1024 };
#define WORLD_LIFE_MS (30ull * PAIR_WALL_MS_PER_DAY) /* of the devices' certificates */
#define WORLD_BIT(node) (1u << (node))

typedef struct world_parcel { /* an entry of the other device's, as a PUSH brings it */
    uint8_t lane;
    hf_buffer body;
} world_parcel;

typedef struct fault_world {
    pair_world *pair;
    sim_image *base[WORLD_NODES];
    sim_image *cut;       /* the device's disk as a power cut in the middle of a commit left it */
    sim_image *crowded;   /* the hub's, where `gone` is one write short of its limit; may be NULL */
    sim_image *unguarded; /* ... as it was copied without the file beside the store */
    uint8_t certificate[WORLD_NODES][SIM_CERTIFICATE_SIZE]; /* each one's own */
    sim_random random[WORLD_NODES];                         /* where each one stands at the base */
    uint64_t base_ms;
    uint32_t beat, custody;
    hf_record_id conflict, edited, gone; /* held by all; `conflict` has two values of its summary */
    hf_record_id unsent[2][WORLD_UNSENT]; /* by each device */
    world_parcel parcels[2 * WORLD_UNSENT];
    size_t parcel_count;
    hf_origin_id author;  /* the device's */
    hf_origin_row sender; /* of the parcels */
    hf_buffer sender_certificate;
    uint8_t one_too_many[256]; /* an entry for `gone`, at its limit */
    size_t one_too_many_size;
    uint8_t digest[WORLD_NODES][HF_HASH_SIZE]; /* of "beat", at the base */

    /* ---- of the run at hand ---- */
    uint64_t at;    /* the point that fails */
    hf_status said; /* by the call that promises something */
    hf_record_id made[WORLD_PUT];
    uint64_t acked[HF_LANE_COUNT]; /* of the device's own logs, as its hub said */
    char text[WORLD_TEXT_SIZE];    /* what was read */
    size_t text_size;
} fault_world;

fault_world *world_new(void);
void world_free(fault_world *world);
pair_node *world_node(fault_world *world, int node);
void world_reset(fault_world *world, unsigned open); /* all as at the base; these are opened */
void world_shut(fault_world *world);
/* Of all disks, and of what was said in this run: what comes next depends on nothing else. */
uint64_t world_state(fault_world *world);
void world_reopen(fault_world *world, int node, bool power_cut); /* it must open */

/* Remembers what a failing machine made of a call: only what it may say is let pass. */
hf_status world_heard(fault_world *world, hf_status status);

/* ---- what must hold of a store, whatever happened ---- */
void world_expect_whole(fault_world *world, int node);
bool world_is_base(fault_world *world, int node); /* "beat" holds what it held before the run */
/* The live values of one field, each followed by a newline. */
void world_values(fault_world *world, int node, const hf_record_id *id, uint32_t field,
                  char out[512]);
bool world_has(fault_world *world, int node, const hf_record_id *id);
void world_expect_base_records(fault_world *world, int node);
/* Lets time pass until all that are open hold the same. */
void world_settle(fault_world *world);
/* All that was written anywhere reaches everyone. */
void world_expect_converges(fault_world *world);

#endif
