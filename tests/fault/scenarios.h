/* scenarios.h: what people and programs do with a store, each as a thing that can fail anywhere;
 * and the loop that makes it fail at every point in turn. */
#ifndef FAULT_SCENARIOS_H
#define FAULT_SCENARIOS_H

#include "world.h"

typedef struct fault_scenario {
    const char *name;
    unsigned open;                       /* nodes whose stores are open before it begins */
    unsigned faulty;                     /* nodes whose disks may fail */
    void (*prepare)(fault_world *world); /* before anything fails; may be NULL */
    void (*run)(fault_world *world);     /* everything in here may fail */
    /* All is open again and works: is what was said true, and all or nothing there of the rest? */
    void (*judge)(fault_world *world);
    /* Statuses that memory running out may be told as besides, a bit for each: jansson cannot tell
     * a text that it has no room for from one that is no JSON, nor SQLite's check of its pages one
     * that it has no room for from one that the disk did not give. */
    uint32_t also;
    bool reads; /* it promises an answer: `text` is the whole of it, or the call failed */
} fault_scenario;

const fault_scenario *fault_scenarios(size_t *count);

typedef enum fault_mode {
    FAULT_ONCE,
    FAULT_FROM_THERE_ON,
    FAULT_OURS_ONCE, /* only what our own code asks for: most scenarios have few of these */
    FAULT_MODES
} fault_mode;

/* How a machine is made to fail, and how it is put right again. */
typedef struct fault_kind {
    const char *name;
    /* The `at`-th point from now fails (0: none). */
    void (*arm)(fault_world *world, const fault_scenario *scenario, uint64_t at, fault_mode mode);
    /* The points met since; *failed: how many of them failed. */
    uint64_t (*disarm)(fault_world *world, const fault_scenario *scenario, uint64_t *failed);
    uint32_t allowed;   /* statuses that such a failure may be told as, a bit for each */
    uint64_t short_max; /* runs of one scenario in the short form */
    fault_mode modes;   /* the first so many */
    bool power_cuts;    /* after every other failure the power goes, too */
} fault_kind;

/* A program of these: every scenario, failing once and failing from there on. Arguments: a test's
 * name, to run only that; and the one point to fail at. Returns main's result. */
int fault_main(const fault_kind *kind, int argc, char **argv);
bool fault_is_long(void); /* the long form was asked for: no point is passed over */

#endif
