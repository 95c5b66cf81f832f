/* backup.h: a store copied while its process writes on, and what a copy says of itself. */
#ifndef HF_BACKUP_H
#define HF_BACKUP_H

#include "holdfast/store.h"

typedef struct hf_store_facts {
    hf_origin_id origin; /* that writes in it */
    uint8_t key_id[HF_HASH_SIZE];
    uint8_t epoch[16];
    uint64_t position, entries;
    uint32_t tables; /* version of its tables */
} hf_store_facts;

enum { HF_STORE_TABLES = 1 }; /* the newest version of the tables that this program knows */

/* Copies the store at `from` to `to`, a new file, as of one moment; whoever writes to it is not
 * kept waiting. `out` says what the copy holds. On failure `problem` holds a sentence, and `to` may
 * be there in part. Errors: HF_ERR_CORRUPT (it is damaged, or no hub's store), else as
 * hf_store_open. */
HF_MUST_CHECK hf_status hf_store_copy(const char *from, const char *to, hf_store_facts *out,
                                      char *problem, size_t problem_size);
/* The same facts of a store that nobody holds, which is left as it is. */
HF_MUST_CHECK hf_status hf_store_facts_read(const char *path, hf_store_facts *out);

#endif
