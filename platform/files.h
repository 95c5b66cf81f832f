/* files.h: small files that must be whole or absent after a power cut, and the lock of a store. */
#ifndef HF_PLATFORM_FILES_H
#define HF_PLATFORM_FILES_H

#include "holdfast/status.h"

#include <stdbool.h>
#include <sys/types.h>

/* Makes one directory, mode 0700; one that is there already is well.
 * Errors: HF_ERR_NOT_FOUND (its parent is not there), HF_ERR_DENIED, HF_ERR_FULL, HF_ERR_IO. */
HF_MUST_CHECK hf_status hf_dir_make(const char *path);

/* Reads the whole file into *out, of which the byte after the last is 0.
 * Owns:   the caller frees *out with free(); it is NULL on failure.
 * Errors: HF_ERR_NOT_FOUND; HF_ERR_LIMIT when it is larger than `size_max`; HF_ERR_DENIED,
 *         HF_ERR_IO, HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_file_read(const char *path, size_t size_max, uint8_t **out,
                                     size_t *size);

/* Puts `bytes` in place of the file: after HF_OK, and after a power cut at any moment, a reader
 * finds all of the old or all of the new, never a mixture (temporary file, fsync, rename, fsync of
 * the directory). `mode` is the permissions, for instance 0600.
 * Errors: HF_ERR_FULL, HF_ERR_DENIED, HF_ERR_NOT_FOUND (the directory), HF_ERR_IO; the old file
 *         stands, or after HF_ERR_IO of the very last step perhaps the new, whole. */
HF_MUST_CHECK hf_status hf_file_write(const char *path, hf_bytes bytes, mode_t mode);

/* As hf_file_write, but refuses to replace: for keys, which are made once.
 * Errors: also HF_ERR_BUSY when the file is there already. */
HF_MUST_CHECK hf_status hf_file_create(const char *path, hf_bytes bytes, mode_t mode);

/* Adds `pieces` to the file `temporary`, waits for the disk and gives it the name `path`. The
 * temporary file is gone either way. Errors: as hf_file_create. */
HF_MUST_CHECK hf_status hf_file_publish(const char *temporary, const char *path,
                                        const hf_bytes *pieces, size_t count);
/* Removes the file, and waits until that is on disk; one that is not there is well. */
HF_MUST_CHECK hf_status hf_file_remove(const char *path);

/* One process per store: held from open to close, and let go by the kernel if the process dies. */
typedef struct hf_lock hf_lock;

/* `path` is the lock file, made if need be and never deleted; it holds the pid as text.
 * Errors: HF_ERR_BUSY with the other process's pid in *holder (0 when it could not be read);
 *         HF_ERR_DENIED, HF_ERR_NOT_FOUND (the directory), HF_ERR_IO, HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_lock_open(const char *path, hf_lock **out, pid_t *holder);
void hf_lock_close(hf_lock *lock);

/* Room for us on the disk of `path`, in MiB; 0 when that is not known. */
uint64_t hf_file_free_mib(const char *path);

#endif
