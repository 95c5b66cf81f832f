/* sim_vfs_private.h: what the two halves of the simulated disk share: its files (sim_files.c) and
 * the SQLite side of them (sim_vfs.c). */
#ifndef SIM_VFS_PRIVATE_H
#define SIM_VFS_PRIVATE_H

#include "random.h"
#include "sim_vfs.h"

#include <sqlite3.h>

enum { SIM_FILE_NAME_SIZE = 96, SIM_SHM_REGIONS = 64, SIM_FILES_MAX = 16 };

typedef struct sim_bytes { /* one copy of a file's content */
    uint8_t *data;
    size_t size, capacity;
} sim_bytes;

typedef struct sim_write { /* not yet synced, in the order it came */
    uint64_t offset;
    size_t size, at; /* bytes in the file's arena */
    bool truncate;   /* to `offset` */
} sim_write;

typedef struct sim_handle sim_handle;

typedef struct sim_file {
    char name[SIM_FILE_NAME_SIZE];
    sim_bytes now;  /* what reads see */
    sim_bytes safe; /* what a power cut leaves for certain */
    sim_bytes arena;
    sim_write *writes;
    size_t write_count, write_capacity;
    bool exists, exists_safe;
    sim_handle *handles; /* open ones */
    uint8_t *shm[SIM_SHM_REGIONS];
} sim_file;

struct sim_handle {
    sqlite3_file base; /* first: SQLite sees only this */
    sim_disk *disk;
    sim_file *file;
    sim_handle *next;
    int lock;
    unsigned shm_shared, shm_exclusive; /* a bit for each of the eight locks */
    bool delete_on_close;
};

struct sim_disk {
    sqlite3_vfs vfs;
    char name[SIM_DISK_NAME_SIZE];
    sim_random random;
    sim_file *files[SIM_FILES_MAX];
    size_t file_count;
    uint64_t kill_in, fail_in, fail_count; /* 0: not planned */
    uint64_t room;
    bool dead, sync_lost, looked_at;
    bool careless; /* a torn sector is garbage throughout, also where nothing was written */
    unsigned sector;
    sim_disk_counts counts;
};

typedef enum sim_fate { SIM_GO, SIM_FAIL } sim_fate;

/* One file operation begins: is this the one that fails, or that the process dies in? */
sim_fate sim_disk_step(sim_disk *disk);

/* All return false when memory is short. */
bool sim_bytes_write(sim_bytes *bytes, uint64_t offset, const void *data, size_t size);
bool sim_bytes_resize(sim_bytes *bytes, size_t size);      /* zeroes what is new */
sim_file *sim_file_find(sim_disk *disk, const char *name); /* NULL: no such file */
sim_file *sim_file_make(sim_disk *disk, const char *name);
bool sim_file_write(sim_file *file, uint64_t offset, const void *data, size_t size);
bool sim_file_truncate(sim_file *file, uint64_t size);
bool sim_file_sync(sim_disk *disk, sim_file *file);
void sim_file_drop_writes(sim_file *file); /* they are never coming to the disk */
void sim_disk_sync_names(sim_disk *disk);  /* what exists now will exist after a power cut */
void sim_file_shm_free(sim_file *file);

#endif
