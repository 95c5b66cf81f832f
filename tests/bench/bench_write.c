/* bench_write.c: an officer's device writes, with no daemon beside it.
 *
 *   write FOLDER COUNT PER_COMMIT     prints {"seconds":...,"records":...}
 *
 * What was not written cannot have been fast: the store is asked afterwards what it holds. */
#include "folder.h"
#include "gen.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argument_count, char **arguments)
{
    folder f;
    hf_standing before, after;
    if (argument_count != 4) {
        fprintf(stderr, "usage: write FOLDER COUNT PER_COMMIT\n");
        return 2;
    }
    uint32_t count = (uint32_t)strtoul(arguments[2], NULL, 10);
    uint32_t per_commit = (uint32_t)strtoul(arguments[3], NULL, 10);
    bool written = per_commit > 0 && folder_open(&f, arguments[1], false) &&
                   gen_is_the_peers(hf_keys_crypto(f.keys)) &&
                   hf_store_standing(f.store, &before) == HF_OK;
    double seconds = 0;
    written = written && folder_write(&f, count, per_commit, &seconds);
    written = written && hf_store_standing(f.store, &after) == HF_OK &&
              after.records == before.records + count;
    folder_close(&f);
    if (!written) {
        fprintf(stderr, "bench: %u records were not written\n", count);
        return 1;
    }
    printf("{\"seconds\":%.6f,\"records\":%llu}\n", seconds, (unsigned long long)after.records);
    return 0;
}
