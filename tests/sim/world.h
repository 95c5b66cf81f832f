/* world.h: a whole deployment in one thread, from one seed: a hub, devices, people, bad luck.
 *
 * The production sync/ and hub/ run here unchanged. Time is a number that events
 * move; links are queues; disks are memory (sim_vfs.h). Nothing outside the seed is asked for
 * anything, so the same seed is the same run, to the byte. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sim_invariant {         /* sync.md 4.2 */
                             SIM_S1, /* what was acknowledged, or called saved, is there */
                             SIM_S2, /* one (log, seq), one content, everywhere */
                             SIM_S3, /* equal vectors and holes, equal digests */
                             SIM_S4, /* a replica shows what the model works out from the entries it
                                        holds */
                             SIM_S5, /* no vector passes a missing entry that is not a hole */
                             SIM_S6, /* the conflicts listed are the model's */
                             SIM_S7, /* a cursor never stands past data that is not there */
                             SIM_S11, /* chains and signed heads verify, by everyone's own account
                                       */
                             SIM_S12, /* nobody's clock pulls another's more than a minute ahead */
                             SIM_S13, /* positions dense, epochs never reused */
                             SIM_S14, /* nothing waits behind what is withheld, and nobody is shown
                                         it */
                             SIM_S15, /* every bound holds */
                             SIM_L1,  /* after the faults, all arrives everywhere in bounded time */
                             SIM_L4,  /* and without sending it over and over */
                             SIM_REFS, /* no two records bear one number, nobody leases one twice */
                             SIM_RECEIPT, /* what a device holds a receipt for is in that hub's
                                             store, and all that is acknowledged has one */
                             SIM_LANES,   /* what is most urgent goes first, and the rest gets its
                                             floor */
                             SIM_URGENT,  /* behind a thin link that bulk fills both ways, what is
                                             about a life is at the hub within 2 s, 99 in 100 */
                             SIM_HONEST,  /* honest nodes never refuse each other, and no store is
                                             ever damaged */
                             SIM_OUTAGES, /* what is said of an outage is what happened, to the
                                             entry */
                             SIM_S16,     /* a snapshot is seen only once it is whole, and is then
                                             what its entries come to */
                             SIM_L3,   /* when all come back at once, all is settled in minutes */
                             SIM_META, /* other orders, other pieces, and twice: the same digest */
                             SIM_INVARIANTS
} sim_invariant;

const char *sim_invariant_name(sim_invariant invariant); /* "S1" */

typedef struct sim_options {
    uint64_t seed;
    uint64_t duration_ms; /* virtual, faults on; then they stop and all must settle */
    unsigned edges;
    unsigned writes_per_day; /* by each device; 0: as the seed has it */
    bool verbose;            /* tell what happens, on standard error */
} sim_options;

typedef struct sim_counts { /* misfortunes that happened */
    uint64_t kill, cut, torn, lost, io, full, clock;
    uint64_t renewed;  /* certificates */
    uint64_t hub_lost; /* times that the hub was set back */
    uint64_t gone;     /* stations and centres that were lost for good */
    uint64_t carried;  /* pieces of bundles and answers that arrived */
} sim_counts;

typedef struct sim_result {
    bool failed;
    sim_invariant broken;
    char text[600]; /* which ids, at what time */
    uint64_t trace; /* hash over every event and message */
    uint64_t virtual_ms;
    uint64_t entries, messages, commits, turns;
    uint64_t references; /* numbers that records came to bear */
    sim_counts counts;
    uint64_t checks[SIM_INVARIANTS]; /* how often each was looked at */
} sim_result;

/* Runs one world to its end, or to the first broken invariant. */
void sim_run(const sim_options *options, sim_result *result);

#endif
