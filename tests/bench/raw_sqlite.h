/* raw_sqlite.h: what SQLite alone can do on this disk: the limit that our figures are held to.
 *
 * WAL and synchronous=FULL, as our store has it. Each makes its own file at `path`, which must not
 * be there, and returns rows per second, or 0 when SQLite failed. */
#ifndef HF_BENCH_RAW_SQLITE_H
#define HF_BENCH_RAW_SQLITE_H

#include <stdbool.h>
#include <stdint.h>

enum { RAW_BLOB_SIZE = 369 }; /* one of gen.h's records in plain CBOR, with field names */

/* Inserts `count` blobs, `per_commit` in each transaction. With `indexed`, each has an id of 16
 * bytes that rises, under a unique index. */
double raw_blobs(const char *path, uint32_t count, uint32_t per_commit, bool indexed);

/* Inserts `count` records as a hub and an edge keep them, into their own tables with all indexes:
 * an entry, a record and the row that joins them, ids ascending, `per_commit` records in each
 * transaction. */
double raw_rows(const char *path, uint32_t count, uint32_t per_commit);

/* Commits `count` blobs, each alone; `ms` gets what each took. */
bool raw_commits(const char *path, uint32_t count, double *ms);

#endif
