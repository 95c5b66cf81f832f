/* sim_vfs.h: a disk in memory that behaves as badly as SQLite has to expect, and no worse.
 *
 * Each disk is a SQLite VFS of its own, registered under its name, and serves any file. What was
 * written but not synced can be lost or torn by a power cut, sector by sector and out of order;
 * what was synced stays. A process can die at any call; a call can fail; the disk can fill up. */
#ifndef SIM_VFS_H
#define SIM_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sim_disk sim_disk;
typedef struct sim_image sim_image; /* a disk's files as they stood: a backup */

enum { SIM_DISK_NAME_SIZE = 32 };

typedef struct sim_disk_counts {
    uint64_t calls;  /* file operations served */
    uint64_t lost;   /* unsynced writes that a power cut dropped whole */
    uint64_t torn;   /* ... of which it kept some sectors */
    uint64_t failed; /* calls answered with an IO error */
    uint64_t full;   /* calls answered with SQLITE_FULL */
} sim_disk_counts;

/* NULL when memory is short. The name must outlast no one: it is copied. */
sim_disk *sim_disk_new(const char *name, uint64_t seed);
void sim_disk_free(sim_disk *disk); /* every file must have been closed; NULL is fine */
const char *sim_disk_name(const sim_disk *disk);

/* The process that uses this disk dies at the `calls`-th file operation from now (1: the next):
 * that one happens in part, and every later one fails, until sim_disk_revive. 0: call it off. */
void sim_disk_kill_at(sim_disk *disk, uint64_t calls);
bool sim_disk_killed(const sim_disk *disk);
/* From here on what is lost, torn or done in part is drawn anew from `seed`. */
void sim_disk_seed(sim_disk *disk, uint64_t seed);
/* `count` operations, from the `calls`-th from now on, fail with an IO error. A failed sync loses
 * what it should have made durable, though reads still see it, as Linux does. 0: call it off. */
void sim_disk_fail_at(sim_disk *disk, uint64_t calls, uint64_t count);
/* While it is being looked at by the simulator itself, calls neither count nor fail. */
void sim_disk_look(sim_disk *disk, bool looking);
/* Files may grow by `bytes` in all from now on; UINT64_MAX: without end. */
void sim_disk_set_room(sim_disk *disk, uint64_t bytes);

/* After the process is gone. A process's death loses nothing that was written; a power cut loses or
 * tears what was not synced. Everything must be closed first. */
void sim_disk_revive(sim_disk *disk, bool power_cut);

/* Every file whose name does not end in `except`, as the next to open it would see it; restoring
 * replaces those files and leaves the others. Nothing may be open then. NULL when memory is short.
 */
sim_image *sim_disk_copy(const sim_disk *disk, const char *except);
bool sim_disk_restore(sim_disk *disk, const sim_image *image);
void sim_image_free(sim_image *image); /* NULL is fine */
/* A disk that rots: the file whose name ends in `end`, to be spoiled while nothing is open.
 * NULL: there is none. Shortening is by *size, which may not grow. */
uint8_t *sim_disk_rot(sim_disk *disk, const char *end, size_t **size);
void sim_disk_wipe(sim_disk *disk); /* no file is left; nothing may be open */
/* Mixes in the names and contents of all files: equal where the next to open them sees the same. */
uint64_t sim_disk_mix(const sim_disk *disk, uint64_t hash);

sim_disk_counts sim_disk_counted(const sim_disk *disk);
uint64_t sim_disk_size(const sim_disk *disk); /* bytes in all files */

#endif
