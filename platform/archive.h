/* archive.h: a hub's backup as one file: its store as it is, and behind it what it is and the keys.
 *
 *     store ‖ manifest ‖ sealed keys ‖ end
 *     end = "HFBACKUP" ‖ sizes of manifest and sealed keys (4 bytes each, big-endian)
 *           ‖ first 16 bytes of SHA-256(manifest ‖ sealed keys)
 *
 * The store comes first, so that it is copied once, and SQLite's own tools open the file. What is
 * cut short has no end. */
#ifndef HF_PLATFORM_ARCHIVE_H
#define HF_PLATFORM_ARCHIVE_H

#include "holdfast/crypto.h"

#include <sys/types.h>

enum { HF_ARCHIVE_PART_MAX = 1024 * 1024 }; /* of manifest and keys, each */

typedef struct hf_archive hf_archive; /* open for reading */

void hf_archive_sum(hf_bytes bytes, uint8_t digest[HF_HASH_SIZE]); /* SHA-256 */
/* ... of a file, and its size. */
HF_MUST_CHECK hf_status hf_archive_digest(const char *path, uint8_t digest[HF_HASH_SIZE],
                                          uint64_t *size);
/* `temporary` holds the store: adds the rest, waits for the disk, and gives it its name.
 * Errors: HF_ERR_BUSY when `path` is there already, which is never replaced; HF_ERR_FULL,
 *         HF_ERR_DENIED, HF_ERR_IO. The temporary file is gone either way. */
HF_MUST_CHECK hf_status hf_archive_finish(const char *temporary, const char *path,
                                          hf_bytes manifest, hf_bytes sealed);

/* Errors: HF_ERR_NOT_FOUND; HF_ERR_PROTOCOL when it is not a backup, or not all of one; HF_ERR_IO.
 */
HF_MUST_CHECK hf_status hf_archive_open(const char *path, hf_archive **out);
void hf_archive_close(hf_archive *archive);
hf_bytes hf_archive_manifest(const hf_archive *archive); /* these live as long as the archive */
hf_bytes hf_archive_sealed(const hf_archive *archive);
hf_bytes hf_archive_store(const hf_archive *archive);

#endif
