/* files.c: atomic replacement of small files, and lock files.
 *
 * Why its own file: the order write, fsync, rename, fsync of the directory is easy to get wrong
 * once per caller. Keys, the reserved-seq mark and receipts all go through this one. */
#include "files.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct hf_lock {
    int fd;
};

static hf_status status_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR: return HF_ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS: return HF_ERR_DENIED;
    case ENOSPC:
    case EFBIG: /* a limit set on this process */
    case EDQUOT: return HF_ERR_FULL;
    case EEXIST: return HF_ERR_BUSY;
    case ENOMEM: return HF_ERR_NOMEM;
    case ENAMETOOLONG: return HF_ERR_LIMIT;
    default: return HF_ERR_IO;
    }
}

static hf_status write_all(int fd, hf_bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t done = write(fd, bytes.data, bytes.size);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return status_of_errno(errno);
        bytes.data += done;
        bytes.size -= (size_t)done;
    }
    return HF_OK;
}

/* Without this a rename can be undone by a power cut although the file's bytes are on disk. */
static hf_status sync_directory_of(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 1;
    if (size >= sizeof directory) return HF_ERR_LIMIT;
    memcpy(directory, slash ? path : ".", size);
    directory[size] = 0;
    int fd = open(size ? directory : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return status_of_errno(errno);
    hf_status status = fsync(fd) ? status_of_errno(errno) : HF_OK;
    close(fd);
    return status;
}

hf_status hf_dir_make(const char *path)
{
    if (mkdir(path, 0700) == 0) return sync_directory_of(path);
    int error = errno;
    struct stat info;
    if (error == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return HF_OK;
    return status_of_errno(error);
}

/* Reads to the end rather than to st_size: /proc and pipes have none. */
static hf_status read_all(int fd, size_t size_max, uint8_t **out, size_t *size)
{
    size_t room = 0, used = 0;
    uint8_t *bytes = NULL;
    for (;;) {
        if (used == room) {
            room = room ? room * 2 : 4096;
            if (room > size_max + 1) room = size_max + 1; /* one more shows that it is too long */
            uint8_t *more = realloc(bytes, room + 1);
            if (!more) goto no_memory;
            bytes = more;
        }
        ssize_t got = read(fd, bytes + used, room - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            free(bytes);
            return status_of_errno(errno);
        }
        if (got == 0) break;
        used += (size_t)got;
        if (used > size_max) {
            free(bytes);
            return HF_ERR_LIMIT;
        }
    }
    bytes[used] = 0;
    *out = bytes;
    *size = used;
    return HF_OK;

no_memory:
    free(bytes);
    return HF_ERR_NOMEM;
}

hf_status hf_file_read(const char *path, size_t size_max, uint8_t **out, size_t *size)
{
    assert(size_max < SIZE_MAX / 4);
    *out = NULL;
    *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return status_of_errno(errno);
    hf_status status = read_all(fd, size_max, out, size);
    close(fd);
    return status;
}

/* Writes and syncs `<path>.<pid>.tmp`; its name comes back in `temporary`. */
static hf_status write_temporary(const char *path, hf_bytes bytes, mode_t mode,
                                 char temporary[PATH_MAX])
{
    int length = snprintf(temporary, PATH_MAX, "%s.%ld.tmp", path, (long)getpid());
    if (length < 0 || length >= PATH_MAX) return HF_ERR_LIMIT;
    unlink(temporary); /* what a crash of an earlier process with our pid left */
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) return status_of_errno(errno);
    hf_status status = write_all(fd, bytes);
    if (status == HF_OK && fchmod(fd, mode)) status = status_of_errno(errno); /* despite umask */
    if (status == HF_OK && fsync(fd)) status = status_of_errno(errno);
    if (close(fd) && status == HF_OK) status = status_of_errno(errno);
    if (status != HF_OK) unlink(temporary);
    return status;
}

hf_status hf_file_write(const char *path, hf_bytes bytes, mode_t mode)
{
    char temporary[PATH_MAX];
    hf_status status = write_temporary(path, bytes, mode, temporary);
    if (status != HF_OK) return status;
    if (rename(temporary, path)) {
        status = status_of_errno(errno);
        unlink(temporary);
        return status;
    }
    return sync_directory_of(path);
}

hf_status hf_file_create(const char *path, hf_bytes bytes, mode_t mode)
{
    char temporary[PATH_MAX];
    hf_status status = write_temporary(path, bytes, mode, temporary);
    if (status != HF_OK) return status;
    if (link(temporary, path)) status = status_of_errno(errno); /* link, unlike rename, refuses */
    unlink(temporary);
    return status == HF_OK ? sync_directory_of(path) : status;
}

hf_status hf_file_publish(const char *temporary, const char *path, const hf_bytes *pieces,
                          size_t count)
{
    int fd = open(temporary, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    hf_status status = fd < 0 ? status_of_errno(errno) : HF_OK;
    for (size_t i = 0; i < count && status == HF_OK; i++) status = write_all(fd, pieces[i]);
    if (status == HF_OK && fsync(fd)) status = status_of_errno(errno);
    if (fd >= 0 && close(fd) && status == HF_OK) status = status_of_errno(errno);
    if (status == HF_OK && link(temporary, path)) status = status_of_errno(errno);
    unlink(temporary);
    return status == HF_OK ? sync_directory_of(path) : status;
}

hf_status hf_file_remove(const char *path)
{
    if (unlink(path) && errno != ENOENT) return status_of_errno(errno);
    return sync_directory_of(path);
}

static pid_t lock_holder(int fd)
{
    char text[32] = {0};
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    char *end = NULL;
    long pid = got > 0 ? strtol(text, &end, 10) : 0;
    return pid > 0 && *end == '\n' ? (pid_t)pid : 0;
}

/* The pid is for people; the lock itself is the kernel's, so a stale file locks nobody out. */
static hf_status lock_sign(int fd)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0)) return status_of_errno(errno);
    return pwrite(fd, text, (size_t)length, 0) == length ? HF_OK : HF_ERR_IO;
}

hf_status hf_lock_open(const char *path, hf_lock **out, pid_t *holder)
{
    *out = NULL;
    *holder = 0;
    hf_lock *lock = malloc(sizeof *lock);
    if (!lock) return HF_ERR_NOMEM;
    hf_status status = HF_OK;
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock->fd < 0) {
        status = status_of_errno(errno);
        goto done;
    }
    /* flock, not fcntl: fcntl's lock is lost when any other descriptor of the file is closed. */
    if (flock(lock->fd, LOCK_EX | LOCK_NB)) {
        status = errno == EWOULDBLOCK ? HF_ERR_BUSY : status_of_errno(errno);
        if (status == HF_ERR_BUSY) *holder = lock_holder(lock->fd);
        goto done;
    }
    status = lock_sign(lock->fd);

done:
    if (status == HF_OK) {
        *out = lock;
    } else {
        if (lock->fd >= 0) close(lock->fd);
        free(lock);
    }
    return status;
}

void hf_lock_close(hf_lock *lock)
{
    if (!lock) return;
    close(lock->fd);
    free(lock);
}

uint64_t hf_file_free_mib(const char *path)
{
    struct statvfs disk;
    if (statvfs(path, &disk) != 0) return 0;
    return (uint64_t)disk.f_bavail * disk.f_frsize / (1024 * 1024);
}
