/* sim_vfs.c: the simulated disk as SQLite sees it: a VFS whose every call may be the last.
 *
 * Shared memory for the WAL index is heap memory of the file: one process plays them all. */
#include "sim_vfs_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sim_fate sim_disk_step(sim_disk *disk)
{
    if (disk->dead) return SIM_FAIL;
    if (disk->looked_at) return SIM_GO;
    disk->counts.calls++;
    if (disk->kill_in && --disk->kill_in == 0) {
        disk->dead = true;
        return SIM_FAIL;
    }
    if (disk->fail_in && --disk->fail_in == 0) {
        disk->counts.failed++;
        if (disk->fail_count && --disk->fail_count) disk->fail_in = 1;
        return SIM_FAIL;
    }
    return SIM_GO;
}

/* ---- one file ---- */

static int on_close(sqlite3_file *base)
{
    sim_handle *handle = (sim_handle *)base;
    for (sim_handle **at = &handle->file->handles; *at; at = &(*at)->next) {
        if (*at != handle) continue;
        *at = handle->next;
        break;
    }
    if (handle->delete_on_close) handle->file->exists = false;
    return SQLITE_OK;
}

static int on_read(sqlite3_file *base, void *out, int size, sqlite3_int64 offset)
{
    sim_handle *handle = (sim_handle *)base;
    if (sim_disk_step(handle->disk) != SIM_GO) return SQLITE_IOERR_READ;
    const sim_bytes *now = &handle->file->now;
    size_t there = (uint64_t)offset < now->size ? now->size - (size_t)offset : 0;
    if (there > (size_t)size) there = (size_t)size;
    if (there) memcpy(out, now->data + offset, there);
    if (there == (size_t)size) return SQLITE_OK;
    memset((uint8_t *)out + there, 0, (size_t)size - there);
    return SQLITE_IOERR_SHORT_READ;
}

/* A write that fails may have happened in part: in whole sectors, for a disk tears none. */
static size_t part_of(sim_disk *disk, uint64_t offset, uint64_t size)
{
    uint64_t part = sim_random_below(&disk->random, size + 1);
    if (part == size) return (size_t)size;
    uint64_t end = (offset + part) / disk->sector * disk->sector;
    return end > offset ? (size_t)(end - offset) : 0;
}

static int on_write(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset)
{
    sim_handle *handle = (sim_handle *)base;
    sim_disk *disk = handle->disk;
    bool was_dead = disk->dead;
    size_t written = (size_t)size;
    int code = SQLITE_OK;
    if (sim_disk_step(disk) != SIM_GO) {
        written = was_dead ? 0 : part_of(disk, (uint64_t)offset, (uint64_t)size);
        code = SQLITE_IOERR_WRITE;
    }
    size_t had = handle->file->now.size, end = (size_t)offset + written;
    uint64_t growth = end > had ? end - had : 0;
    if (growth > disk->room) {
        disk->counts.full++;
        written = 0;
        growth = 0;
        if (code == SQLITE_OK) code = SQLITE_FULL;
    }
    if (disk->room != UINT64_MAX) disk->room -= growth;
    if (written && !sim_file_write(handle->file, (uint64_t)offset, data, written))
        return SQLITE_IOERR_NOMEM;
    return code;
}

static int on_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    sim_handle *handle = (sim_handle *)base;
    if (sim_disk_step(handle->disk) != SIM_GO) return SQLITE_IOERR_TRUNCATE;
    uint64_t had = handle->file->now.size;
    if (handle->disk->room != UINT64_MAX && (uint64_t)size < had)
        handle->disk->room += had - (uint64_t)size;
    return sim_file_truncate(handle->file, (uint64_t)size) ? SQLITE_OK : SQLITE_IOERR_NOMEM;
}

static int on_sync(sqlite3_file *base, int flags)
{
    (void)flags;
    sim_handle *handle = (sim_handle *)base;
    bool was_dead = handle->disk->dead;
    if (sim_disk_step(handle->disk) != SIM_GO) {
        /* The kernel now believes these pages clean. Not on a careless disk: there SQLite fills up
         * the last sector of a commit after its sync, and has no way to know that this was lost. */
        if (!was_dead && !handle->disk->dead && !handle->disk->careless) {
            handle->disk->sync_lost = true;
            sim_file_drop_writes(handle->file);
        }
        return SQLITE_IOERR_FSYNC;
    }
    return sim_file_sync(handle->disk, handle->file) ? SQLITE_OK : SQLITE_IOERR_NOMEM;
}

static int on_file_size(sqlite3_file *base, sqlite3_int64 *size)
{
    sim_handle *handle = (sim_handle *)base;
    if (sim_disk_step(handle->disk) != SIM_GO) return SQLITE_IOERR_FSTAT;
    *size = (sqlite3_int64)handle->file->now.size;
    return SQLITE_OK;
}

static int on_lock(sqlite3_file *base, int lock)
{
    sim_handle *handle = (sim_handle *)base;
    if (lock <= handle->lock) return SQLITE_OK;
    if (sim_disk_step(handle->disk) != SIM_GO) return SQLITE_IOERR_LOCK;
    for (const sim_handle *other = handle->file->handles; other; other = other->next) {
        if (other == handle) continue;
        bool clash = lock == SQLITE_LOCK_SHARED     ? other->lock >= SQLITE_LOCK_PENDING
                     : lock == SQLITE_LOCK_RESERVED ? other->lock >= SQLITE_LOCK_RESERVED
                                                    : other->lock >= SQLITE_LOCK_SHARED;
        if (clash) return SQLITE_BUSY;
    }
    handle->lock = lock;
    return SQLITE_OK;
}

static int on_unlock(sqlite3_file *base, int lock)
{
    ((sim_handle *)base)->lock = lock;
    return SQLITE_OK;
}

static int on_check_reserved(sqlite3_file *base, int *reserved)
{
    sim_handle *handle = (sim_handle *)base;
    *reserved = 0;
    for (const sim_handle *other = handle->file->handles; other; other = other->next)
        if (other->lock >= SQLITE_LOCK_RESERVED) *reserved = 1;
    return SQLITE_OK;
}

static int on_control(sqlite3_file *base, int op, void *argument)
{
    (void)base;
    (void)op;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int on_sector_size(sqlite3_file *base)
{
    return (int)((sim_handle *)base)->disk->sector;
}

static int on_characteristics(sqlite3_file *base)
{
    return ((sim_handle *)base)->disk->careless ? 0 : SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* ---- shared memory ---- */

static int on_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **out)
{
    sim_handle *handle = (sim_handle *)base;
    *out = NULL;
    assert(region >= 0 && region < SIM_SHM_REGIONS);
    if (sim_disk_step(handle->disk) != SIM_GO) return SQLITE_IOERR_SHMMAP;
    uint8_t **at = &handle->file->shm[region];
    if (!*at && extend) *at = calloc(1, (size_t)size);
    if (!*at && extend) return SQLITE_IOERR_NOMEM;
    *out = *at;
    return SQLITE_OK;
}

static int on_shm_lock(sqlite3_file *base, int first, int count, int flags)
{
    sim_handle *handle = (sim_handle *)base;
    unsigned mask = ((1u << count) - 1) << first;
    if (flags & SQLITE_SHM_UNLOCK) {
        if (flags & SQLITE_SHM_SHARED) handle->shm_shared &= ~mask;
        if (flags & SQLITE_SHM_EXCLUSIVE) handle->shm_exclusive &= ~mask;
        return SQLITE_OK;
    }
    if (sim_disk_step(handle->disk) != SIM_GO) return SQLITE_IOERR_SHMLOCK;
    for (const sim_handle *other = handle->file->handles; other; other = other->next) {
        if (other == handle) continue;
        if (other->shm_exclusive & mask) return SQLITE_BUSY;
        if ((flags & SQLITE_SHM_EXCLUSIVE) && (other->shm_shared & mask)) return SQLITE_BUSY;
    }
    if (flags & SQLITE_SHM_SHARED) handle->shm_shared |= mask;
    if (flags & SQLITE_SHM_EXCLUSIVE) handle->shm_exclusive |= mask;
    return SQLITE_OK;
}

static void on_shm_barrier(sqlite3_file *base)
{
    (void)base; /* one thread: nothing is reordered */
}

static int on_shm_unmap(sqlite3_file *base, int delete_it)
{
    sim_handle *handle = (sim_handle *)base;
    handle->shm_shared = handle->shm_exclusive = 0;
    if (delete_it && handle->file->handles == handle && !handle->next)
        sim_file_shm_free(handle->file);
    return SQLITE_OK;
}

/* SQLite calls these, and only these, on every file of every simulated disk. */
static const sqlite3_io_methods METHODS = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_file_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_reserved,
    .xFileControl = on_control,
    .xSectorSize = on_sector_size,
    .xDeviceCharacteristics = on_characteristics,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

/* ---- the VFS ---- */

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                   int *out_flags)
{
    sim_disk *disk = vfs->pAppData;
    sim_handle *handle = (sim_handle *)base;
    memset(handle, 0, sizeof *handle); /* pMethods NULL: nothing to close if we fail */
    if (sim_disk_step(disk) != SIM_GO) return SQLITE_CANTOPEN;
    char temporary[SIM_FILE_NAME_SIZE];
    if (!name) {
        snprintf(temporary, sizeof temporary, "temporary-%llx",
                 (unsigned long long)sim_random_next(&disk->random));
        name = temporary;
    }
    sim_file *file = sim_file_find(disk, name);
    if (!file && !(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
    if (!file) file = sim_file_make(disk, name);
    if (!file) return SQLITE_NOMEM;
    handle->base.pMethods = &METHODS;
    handle->disk = disk;
    handle->file = file;
    handle->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    handle->next = file->handles;
    file->handles = handle;
    if (out_flags) *out_flags = flags;
    return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    sim_disk *disk = vfs->pAppData;
    if (sim_disk_step(disk) != SIM_GO) return SQLITE_IOERR_DELETE;
    sim_file *file = sim_file_find(disk, name);
    if (!file) return SQLITE_IOERR_DELETE_NOENT;
    if (disk->room != UINT64_MAX) disk->room += file->now.size;
    file->exists = false;
    if (sync_folder) sim_disk_sync_names(disk);
    return SQLITE_OK;
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    sim_disk *disk = vfs->pAppData;
    *out = 0;
    if (sim_disk_step(disk) != SIM_GO) return SQLITE_IOERR_ACCESS;
    const sim_file *file = sim_file_find(disk, name);
    *out = file && (flags != SQLITE_ACCESS_EXISTS || file->now.size > 0);
    return SQLITE_OK;
}

static int on_full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    int needed = snprintf(out, (size_t)size, "%s", name);
    return needed < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int on_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    sim_random_fill(&((sim_disk *)vfs->pAppData)->random, (uint8_t *)out, (size_t)size);
    return size;
}

static int on_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int on_time(sqlite3_vfs *vfs, double *julian)
{
    (void)vfs;
    *julian = 2458773.0; /* nothing in the engine may ask SQLite for the time */
    return SQLITE_OK;
}

static int on_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    if (size > 0) out[0] = 0;
    return 0;
}

sim_disk *sim_disk_new(const char *name, uint64_t seed)
{
    sim_disk *disk = calloc(1, sizeof *disk);
    if (!disk) return NULL;
    snprintf(disk->name, sizeof disk->name, "%s", name);
    sim_disk_seed(disk, seed);
    disk->room = UINT64_MAX;
    disk->sector = sim_random_chance(&disk->random, 500) ? 512 : 4096;
    disk->careless = sim_random_chance(&disk->random, 300);
    disk->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(sim_handle),
        .mxPathname = SIM_FILE_NAME_SIZE - 1,
        .zName = disk->name,
        .pAppData = disk,
        .xOpen = on_open,
        .xDelete = on_delete,
        .xAccess = on_access,
        .xFullPathname = on_full_name,
        .xRandomness = on_randomness,
        .xSleep = on_sleep,
        .xCurrentTime = on_time,
        .xGetLastError = on_last_error,
    };
    if (sqlite3_vfs_register(&disk->vfs, 0) == SQLITE_OK) return disk;
    free(disk);
    return NULL;
}

void sim_disk_free(sim_disk *disk)
{
    if (!disk) return;
    sqlite3_vfs_unregister(&disk->vfs);
    for (size_t i = 0; i < disk->file_count; i++) {
        sim_file *file = disk->files[i];
        assert(!file->handles);
        sim_file_shm_free(file);
        free(file->now.data);
        free(file->safe.data);
        free(file->arena.data);
        free(file->writes);
        free(file);
    }
    free(disk);
}

const char *sim_disk_name(const sim_disk *disk)
{
    return disk->name;
}

void sim_disk_kill_at(sim_disk *disk, uint64_t calls)
{
    disk->kill_in = calls;
}

void sim_disk_seed(sim_disk *disk, uint64_t seed)
{
    disk->random = sim_random_from(seed, 0xd15c);
}

bool sim_disk_killed(const sim_disk *disk)
{
    return disk->dead;
}

void sim_disk_fail_at(sim_disk *disk, uint64_t calls, uint64_t count)
{
    disk->fail_in = calls;
    disk->fail_count = count;
}

void sim_disk_look(sim_disk *disk, bool looking)
{
    disk->looked_at = looking;
}

void sim_disk_set_room(sim_disk *disk, uint64_t bytes)
{
    disk->room = bytes;
}

sim_disk_counts sim_disk_counted(const sim_disk *disk)
{
    return disk->counts;
}
