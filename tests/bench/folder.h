/* folder.h: a node's data folder, opened as its own program opens it, while that does not run. */
#ifndef HF_BENCH_FOLDER_H
#define HF_BENCH_FOLDER_H

#include "holdfast/store.h"

#include "platform/keys.h"

#define BENCH_SCOPE                                                                                \
    "beat" /* what every device here is granted; or several whose names begin so                   \
            */

typedef struct folder {
    char key[512], certificate[512], ca[512], database[512];
    hf_keys *keys;
    hf_store *store;
    uint32_t scopes[64]; /* after folder_scopes: of those it may write in */
    size_t scope_count;
} folder;

/* Names the files and opens the keys; says on standard error what failed. */
bool folder_keys(folder *f, const char *path);
bool folder_open(folder *f, const char *path, bool is_hub); /* and the store */
void folder_close(folder *f);

/* Finds the scopes; false and a sentence at an edge that has not met its hub. */
bool folder_scopes(folder *f);

/* Writes the first `count` of gen.h's records, which never end, each an entry of its own, over the
 * scopes in turn, `per_commit` in each transaction; `seconds` is what the writing alone took. Says
 * on standard error what failed. */
bool folder_write(folder *f, uint32_t count, uint32_t per_commit, double *seconds);

double bench_seconds(void); /* monotonic, the same in every process of this machine */

#endif
