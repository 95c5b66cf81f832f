/* fleet.h: the fleet of October 2019 at full size, in virtual time: one centre, 27 stations, 270
 * devices of nine forces; the centre dark for six hours and ten minutes, and what goes wrong on
 * top.
 *
 * Why beside the worlds of world.h: those try bad luck of every kind on few nodes, and look at each
 * entry at each node. Here the luck is that of one day, and what is judged is what an operator
 * would ask: did all of it come back, is it alike everywhere, how long did each lane take? */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sim_fleet_result {
    char wrong[240];       /* what was not as it must be; "" when all was */
    uint64_t entries;      /* written while the centre was dark */
    uint64_t conflicts;    /* that wait for a person at the centre */
    uint64_t drained_s[8]; /* by lane: from the centre's return to the last receipt */
    uint64_t virtual_ms;
} sim_fleet_result;

/* `per_hour`: entries of each device. */
void sim_fleet(uint64_t seed, unsigned per_hour, bool verbose, sim_fleet_result *out);

#endif
