/* planted.h (simulator): the table of planted bugs that the simulator must find. */
#ifndef SIM_PLANTED_H
#define SIM_PLANTED_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sim_planted {
    const char *name;
    int number; /* hf_planted_name */
} sim_planted;

const sim_planted *sim_planted_table(size_t *count);
/* Plants one (0: none) in this process. False: this program was built without them. */
bool sim_plant(int number);

#endif
