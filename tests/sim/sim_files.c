/* sim_files.c: the simulated disk's files: what reads see, what is safe, and what is in between.
 *
 * Why two copies and a list of writes: a power cut keeps any subset of the unsynced sectors, in any
 * order. Only with each write kept apart can every such outcome be made. */
#include "sim_vfs_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct sim_image {
    size_t count;
    char names[SIM_FILES_MAX][SIM_FILE_NAME_SIZE];
    sim_bytes contents[SIM_FILES_MAX];
};

bool sim_bytes_resize(sim_bytes *bytes, size_t size)
{
    if (size > bytes->capacity) {
        size_t capacity = bytes->capacity ? bytes->capacity : 4096;
        while (capacity < size) capacity *= 2;
        uint8_t *grown = realloc(bytes->data, capacity);
        if (!grown) return false;
        bytes->data = grown;
        bytes->capacity = capacity;
    }
    if (size > bytes->size) memset(bytes->data + bytes->size, 0, size - bytes->size);
    bytes->size = size;
    return true;
}

bool sim_bytes_write(sim_bytes *bytes, uint64_t offset, const void *data, size_t size)
{
    if (offset + size > bytes->size && !sim_bytes_resize(bytes, (size_t)offset + size))
        return false;
    if (size) memcpy(bytes->data + offset, data, size);
    return true;
}

sim_file *sim_file_find(sim_disk *disk, const char *name)
{
    for (size_t i = 0; i < disk->file_count; i++)
        if (strcmp(disk->files[i]->name, name) == 0)
            return disk->files[i]->exists ? disk->files[i] : NULL;
    return NULL;
}

sim_file *sim_file_make(sim_disk *disk, const char *name)
{
    sim_file *file = NULL;
    for (size_t i = 0; i < disk->file_count && !file; i++)
        if (strcmp(disk->files[i]->name, name) == 0) file = disk->files[i];
    if (!file) {
        assert(disk->file_count < SIM_FILES_MAX);
        if (strlen(name) >= SIM_FILE_NAME_SIZE) return NULL;
        file = calloc(1, sizeof *file);
        if (!file) return NULL;
        memcpy(file->name, name, strlen(name) + 1);
        disk->files[disk->file_count++] = file;
    }
    if (!file->exists && !sim_file_truncate(file, 0)) return NULL;
    file->exists = true;
    return file;
}

static bool remember(sim_file *file, uint64_t offset, const void *data, size_t size, bool truncate)
{
    if (file->write_count == file->write_capacity) {
        size_t capacity = file->write_capacity ? 2 * file->write_capacity : 64;
        sim_write *grown = realloc(file->writes, capacity * sizeof *grown);
        if (!grown) return false;
        file->writes = grown;
        file->write_capacity = capacity;
    }
    size_t at = file->arena.size;
    if (!sim_bytes_write(&file->arena, at, data, size)) return false;
    file->writes[file->write_count++] = (sim_write){offset, size, at, truncate};
    return true;
}

bool sim_file_write(sim_file *file, uint64_t offset, const void *data, size_t size)
{
    return remember(file, offset, data, size, false) &&
           sim_bytes_write(&file->now, offset, data, size);
}

bool sim_file_truncate(sim_file *file, uint64_t size)
{
    if (file->now.size == size) return true;
    return remember(file, size, NULL, 0, true) && sim_bytes_resize(&file->now, (size_t)size);
}

void sim_file_drop_writes(sim_file *file)
{
    file->write_count = 0;
    file->arena.size = 0;
}

bool sim_file_sync(sim_disk *disk, sim_file *file)
{
    for (size_t i = 0; i < file->write_count; i++) {
        const sim_write *write = &file->writes[i];
        bool ok = write->truncate ? sim_bytes_resize(&file->safe, (size_t)write->offset)
                                  : sim_bytes_write(&file->safe, write->offset,
                                                    file->arena.data + write->at, write->size);
        if (!ok) return false;
    }
    sim_file_drop_writes(file);
    sim_disk_sync_names(disk); /* journalled folders: what was done before a sync is done */
    return true;
}

void sim_disk_sync_names(sim_disk *disk)
{
    for (size_t i = 0; i < disk->file_count; i++) {
        sim_file *file = disk->files[i];
        file->exists_safe = file->exists;
        if (file->exists) continue;
        sim_file_drop_writes(file);
        file->now.size = file->safe.size = 0;
    }
}

void sim_file_shm_free(sim_file *file)
{
    for (size_t i = 0; i < SIM_SHM_REGIONS; i++) {
        free(file->shm[i]);
        file->shm[i] = NULL;
    }
}

/* ---- power cuts ---- */

typedef enum cut_mode { CUT_ALL_LOST, CUT_PREFIX, CUT_ANY_SECTOR, CUT_NOTHING_LOST } cut_mode;

/* Brings to `safe` what a power cut leaves of one write; true when all of it came. */
static bool cut_write(sim_disk *disk, sim_file *file, const sim_write *write, uint32_t keep,
                      bool *none)
{
    bool all = true;
    *none = true;
    for (uint64_t at = write->offset; at < write->offset + write->size;) {
        uint64_t sector = at / disk->sector * disk->sector;
        uint64_t end = sector + disk->sector;
        if (end > write->offset + write->size) end = write->offset + write->size;
        const uint8_t *data = file->arena.data + write->at + (at - write->offset);
        if (sim_random_chance(&disk->random, keep)) {
            sim_bytes_write(&file->safe, at, data, (size_t)(end - at));
            *none = false;
        } else {
            all = false;
            if (disk->careless && sim_random_chance(&disk->random, 200)) {
                uint8_t garbage[4096];
                sim_random_fill(&disk->random, garbage, disk->sector);
                sim_bytes_write(&file->safe, sector, garbage, disk->sector);
                *none = false;
            }
        }
        at = end;
    }
    return all;
}

static void cut_file(sim_disk *disk, sim_file *file)
{
    cut_mode mode = (cut_mode)sim_random_below(&disk->random, 4);
    size_t prefix = (size_t)sim_random_below(&disk->random, file->write_count + 1);
    uint32_t share = (uint32_t)sim_random_below(&disk->random, 1001);
    for (size_t i = 0; i < file->write_count; i++) {
        const sim_write *write = &file->writes[i];
        uint32_t keep = mode == CUT_NOTHING_LOST ? 1000 : mode == CUT_ALL_LOST ? 0 : share;
        if (mode == CUT_PREFIX) keep = i < prefix ? 1000 : i == prefix ? 500 : 0;
        if (write->truncate) {
            if (sim_random_chance(&disk->random, keep))
                sim_bytes_resize(&file->safe, (size_t)write->offset);
            continue;
        }
        bool none;
        if (cut_write(disk, file, write, keep, &none)) continue;
        if (none)
            disk->counts.lost++;
        else
            disk->counts.torn++;
    }
    sim_file_drop_writes(file);
    if (file->exists != file->exists_safe && sim_random_chance(&disk->random, 500))
        file->exists = file->exists_safe;
    file->exists_safe = file->exists;
    if (!file->exists) file->safe.size = 0;
    file->now.size = 0;
    sim_bytes_write(&file->now, 0, file->safe.data, file->safe.size);
}

void sim_disk_revive(sim_disk *disk, bool power_cut)
{
    /* Where a sync was lost, the cache and the disk disagree for good; only a reboot ends that. */
    for (size_t i = 0; i < disk->file_count; i++) {
        assert(!disk->files[i]->handles);
        sim_file_shm_free(disk->files[i]);
        if (power_cut || disk->sync_lost) cut_file(disk, disk->files[i]);
    }
    disk->dead = disk->sync_lost = false;
    disk->kill_in = disk->fail_in = disk->fail_count = 0;
}

/* ---- backups ---- */

static bool name_ends(const char *name, const char *end)
{
    size_t size = strlen(name), end_size = strlen(end);
    return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

sim_image *sim_disk_copy(const sim_disk *disk, const char *except)
{
    sim_image *image = calloc(1, sizeof *image);
    if (!image) return NULL;
    for (size_t i = 0; i < disk->file_count; i++) {
        const sim_file *file = disk->files[i];
        if (!file->exists || name_ends(file->name, except)) continue;
        memcpy(image->names[image->count], file->name, SIM_FILE_NAME_SIZE);
        sim_bytes *copy = &image->contents[image->count++];
        if (!sim_bytes_write(copy, 0, file->now.data, file->now.size)) {
            sim_image_free(image);
            return NULL;
        }
    }
    return image;
}

static bool restore_file(sim_disk *disk, const char *name, const sim_bytes *content)
{
    sim_file *file = sim_file_make(disk, name);
    if (!file || !sim_file_truncate(file, 0)) return false;
    bool written = !content->size || sim_file_write(file, 0, content->data, content->size);
    return written && sim_file_sync(disk, file);
}

bool sim_disk_restore(sim_disk *disk, const sim_image *image)
{
    for (size_t i = 0; i < disk->file_count; i++) { /* a journal of another day would be replayed */
        sim_file *file = disk->files[i];
        if (name_ends(file->name, "-wal") || name_ends(file->name, "-journal"))
            file->exists = false;
    }
    sim_disk_sync_names(disk);
    for (size_t i = 0; i < image->count; i++)
        if (!restore_file(disk, image->names[i], &image->contents[i])) return false;
    return true;
}

uint8_t *sim_disk_rot(sim_disk *disk, const char *end, size_t **size)
{
    for (size_t i = 0; i < disk->file_count; i++) {
        sim_file *file = disk->files[i];
        if (!file->exists || !name_ends(file->name, end)) continue;
        assert(!file->handles && file->write_count == 0);
        *size = &file->now.size;
        return file->now.data;
    }
    return NULL;
}

void sim_disk_wipe(sim_disk *disk)
{
    for (size_t i = 0; i < disk->file_count; i++) {
        assert(!disk->files[i]->handles);
        disk->files[i]->exists = false;
    }
    sim_disk_sync_names(disk);
}

uint64_t sim_disk_mix(const sim_disk *disk, uint64_t hash)
{
    for (size_t i = 0; i < disk->file_count; i++) {
        const sim_file *file = disk->files[i];
        if (!file->exists) continue;
        hash = sim_mix_bytes(sim_mix(hash ^ file->now.size), file->name, strlen(file->name));
        hash = sim_mix_bytes(hash, file->now.data, file->now.size);
    }
    return hash;
}

void sim_image_free(sim_image *image)
{
    if (!image) return;
    for (size_t i = 0; i < image->count; i++) free(image->contents[i].data);
    free(image);
}

uint64_t sim_disk_size(const sim_disk *disk)
{
    uint64_t size = 0;
    for (size_t i = 0; i < disk->file_count; i++) size += disk->files[i]->now.size;
    return size;
}
