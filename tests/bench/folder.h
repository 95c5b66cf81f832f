/* folder.h: a node's data folder, opened as its own program opens it, while that does not run. */
#ifndef HF_BENCH_FOLDER_H
#define HF_BENCH_FOLDER_H

#include "holdfast/store.h"

#include "platform/keys.h"

#define BENCH_SCOPE "beat" /* what every device here is granted */

typedef struct folder {
    char key[512], certificate[512], ca[512], database[512];
    hf_keys *keys;
    hf_store *store;
} folder;

/* Names the files and opens the keys; says on standard error what failed. */
bool folder_keys(folder *f, const char *path);
bool folder_open(folder *f, const char *path, bool is_hub); /* and the store */
void folder_close(folder *f);

/* The number of BENCH_SCOPE at an edge that has met its hub; 0 and a sentence: it may not write. */
uint32_t folder_scope(folder *f);

/* Writes gen.h's records `first` to `first + count`, each an entry of its own, `per_commit` in
 * each transaction. Says on standard error what failed. */
bool folder_write(folder *f, uint32_t first, uint32_t count, uint32_t per_commit);

double bench_seconds(void); /* monotonic, the same in every process of this machine */

#endif
