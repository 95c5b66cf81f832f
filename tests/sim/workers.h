/* workers.h: worlds in processes of their own, a few at a time.
 *
 * Why processes: an assert that fails in one world must not take the others, nor its own report,
 * with it; and what a world leaks or leaves in SQLite's globals is gone with it. */
#ifndef SIM_WORKERS_H
#define SIM_WORKERS_H

#include "world.h"

typedef struct sim_job {
    sim_options options;
    int planted; /* see planted.h; 0: none */
    bool twice;  /* run it a second time and compare the traces */
} sim_job;

typedef struct sim_outcome {
    sim_job job;
    sim_result result;
    bool crashed; /* result.text says by which signal; `broken` means nothing */
} sim_outcome;

/* The next job; false: there are no more. */
typedef bool (*sim_next_job)(void *context, sim_job *job);
/* In the order in which they end. False: start no more. */
typedef bool (*sim_on_outcome)(void *context, const sim_outcome *outcome);

void sim_work(unsigned workers, sim_next_job next, sim_on_outcome done, void *context);
/* Monotonic, real: only to tell how much faster than life the worlds ran. */
double sim_real_seconds(void);

#endif
