/* plant.c: gives a planted build of holdfast-edge or holdfast-hub its mistake.
 *
 * HOLDFAST_PLANT names it (DROP_ENTRY), read before main so that the programs need not know. An
 * unknown name ends the process: a demo that plants nothing would prove nothing. */
#include "planted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((constructor)) static void plant(void)
{
    const char *name = getenv("HOLDFAST_PLANT");
    if (!name || !*name) return;
    size_t count;
    const sim_planted *table = sim_planted_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0 && sim_plant(table[i].number)) return;
    }
    fprintf(stderr, "HOLDFAST_PLANT: no planted bug is called %s\n", name);
    exit(2);
}
