/* archive.c: see archive.h. */
#include "archive.h"

#include "digest.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHECK_SIZE = 16, MAGIC_SIZE = 8, END_SIZE = MAGIC_SIZE + 8 + CHECK_SIZE };
static const char MAGIC[MAGIC_SIZE + 1] = "HFBACKUP";

struct hf_archive {
    hf_bytes file; /* all of it, mapped */
    hf_bytes store, manifest, sealed;
};

static void put32(uint8_t *at, size_t value)
{
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static size_t get32(const uint8_t *at)
{
    return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

static hf_status map(const char *path, hf_bytes *out)
{
    struct stat info;
    *out = (hf_bytes){NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? HF_ERR_NOT_FOUND
               : errno == EACCES                   ? HF_ERR_DENIED
                                                   : HF_ERR_IO;
    hf_status status = fstat(fd, &info) == 0 ? HF_OK : HF_ERR_IO;
    if (status == HF_OK && !S_ISREG(info.st_mode)) status = HF_ERR_PROTOCOL;
    if (status == HF_OK && info.st_size > 0) {
        void *at = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (at == MAP_FAILED) status = HF_ERR_NOMEM;
        if (status == HF_OK) *out = (hf_bytes){at, (size_t)info.st_size};
    }
    close(fd);
    return status;
}

static void unmap(hf_bytes bytes)
{
    if (bytes.data) (void)munmap((void *)(uintptr_t)bytes.data, bytes.size);
}

void hf_archive_sum(hf_bytes bytes, uint8_t digest[HF_HASH_SIZE])
{
    hf_sha256(&bytes, 1, digest);
}

hf_status hf_archive_digest(const char *path, uint8_t digest[HF_HASH_SIZE], uint64_t *size)
{
    hf_bytes bytes;
    hf_status status = map(path, &bytes);
    if (status != HF_OK) return status;
    hf_archive_sum(bytes, digest);
    *size = bytes.size;
    unmap(bytes);
    return HF_OK;
}

static void write_end(hf_bytes manifest, hf_bytes sealed, uint8_t end[END_SIZE])
{
    uint8_t digest[HF_HASH_SIZE];
    hf_bytes pieces[] = {manifest, sealed};
    hf_sha256(pieces, 2, digest);
    memcpy(end, MAGIC, MAGIC_SIZE);
    put32(end + MAGIC_SIZE, manifest.size);
    put32(end + MAGIC_SIZE + 4, sealed.size);
    memcpy(end + MAGIC_SIZE + 8, digest, CHECK_SIZE);
}

hf_status hf_archive_finish(const char *temporary, const char *path, hf_bytes manifest,
                            hf_bytes sealed)
{
    uint8_t end[END_SIZE];
    write_end(manifest, sealed, end);
    hf_bytes pieces[] = {manifest, sealed, {end, END_SIZE}};
    return hf_file_publish(temporary, path, pieces, 3);
}

hf_status hf_archive_open(const char *path, hf_archive **out)
{
    *out = NULL;
    hf_archive *archive = calloc(1, sizeof *archive);
    if (!archive) return HF_ERR_NOMEM;
    hf_status status = map(path, &archive->file);
    const hf_bytes all = archive->file;
    const uint8_t *end = all.size >= END_SIZE ? all.data + all.size - END_SIZE : NULL;
    if (status == HF_OK && (!end || memcmp(end, MAGIC, MAGIC_SIZE) != 0)) status = HF_ERR_PROTOCOL;
    size_t manifest = status == HF_OK ? get32(end + MAGIC_SIZE) : 0;
    size_t sealed = status == HF_OK ? get32(end + MAGIC_SIZE + 4) : 0;
    if (status == HF_OK && (manifest > HF_ARCHIVE_PART_MAX || sealed > HF_ARCHIVE_PART_MAX ||
                            manifest + sealed + END_SIZE > all.size))
        status = HF_ERR_PROTOCOL;
    if (status == HF_OK) {
        uint8_t expected[END_SIZE];
        archive->store = (hf_bytes){all.data, all.size - END_SIZE - sealed - manifest};
        archive->manifest = (hf_bytes){all.data + archive->store.size, manifest};
        archive->sealed = (hf_bytes){archive->manifest.data + manifest, sealed};
        write_end(archive->manifest, archive->sealed, expected);
        if (memcmp(expected, end, END_SIZE) != 0) status = HF_ERR_PROTOCOL;
    }
    if (status == HF_OK)
        *out = archive;
    else
        hf_archive_close(archive);
    return status;
}

void hf_archive_close(hf_archive *archive)
{
    if (!archive) return;
    unmap(archive->file);
    free(archive);
}

hf_bytes hf_archive_manifest(const hf_archive *archive)
{
    return archive->manifest;
}

hf_bytes hf_archive_sealed(const hf_archive *archive)
{
    return archive->sealed;
}

hf_bytes hf_archive_store(const hf_archive *archive)
{
    return archive->store;
}
