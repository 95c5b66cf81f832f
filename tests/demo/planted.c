/* planted.c: lets the environment choose the mistake that a planted build of the programs makes,
 * for
 * `./dev demo --break`. Only those builds have this file. */
#include "sync/planted.h"

#include <stdlib.h>
#include <string.h>

hf_planted_name hf_planted_bug = HF_PLANTED_NONE;

__attribute__((constructor)) static void choose(void)
{
    const char *name = getenv("HOLDFAST_PLANTED");
    if (!name) return;
    if (strcmp(name, "ack-early") == 0) hf_planted_bug = HF_PLANTED_ACK_BEFORE_COMMIT;
    if (strcmp(name, "drop-entry") == 0) hf_planted_bug = HF_PLANTED_DROP_ENTRY;
    if (strcmp(name, "last-wins") == 0) hf_planted_bug = HF_PLANTED_WRONG_FOLD_KEEP;
    if (strcmp(name, "poison") == 0) hf_planted_bug = HF_PLANTED_ENTRY_ABORTS;
}
