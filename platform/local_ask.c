/* local_ask.c: the command's end of the local socket.
 *
 * Why its own file: it blocks, which nothing that runs beside a loop may. */
#include "clock.h"
#include "local.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { REPLY_FIRST_SIZE = 64 * 1024 };

static hf_status connect_status(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED: return HF_ERR_NOT_FOUND; /* no file, or left over from a process that died */
    case EACCES:
    case EPERM: return HF_ERR_DENIED;
    case EAGAIN: return HF_ERR_BUSY;
    default: return HF_ERR_IO;
    }
}

static hf_status wait_for(int fd, short events, uint64_t deadline_ms)
{
    for (;;) {
        uint64_t now_ms = hf_clock_now_ms();
        if (now_ms >= deadline_ms) return HF_ERR_BUSY;
        uint64_t left_ms = deadline_ms - now_ms;
        struct pollfd wanted = {.fd = fd, .events = events};
        int ready = poll(&wanted, 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (ready > 0) return HF_OK;
        if (ready < 0 && errno != EINTR) return HF_ERR_IO;
    }
}

static hf_status send_all(int fd, const char *bytes, size_t size, uint64_t deadline_ms)
{
    while (size > 0) {
        hf_status status = wait_for(fd, POLLOUT, deadline_ms);
        if (status != HF_OK) return status;
        ssize_t done = send(fd, bytes, size, MSG_NOSIGNAL);
        if (done < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (done < 0) return errno == EPIPE || errno == ECONNRESET ? HF_ERR_PROTOCOL : HF_ERR_IO;
        bytes += done;
        size -= (size_t)done;
    }
    return HF_OK;
}

/* Reads one line. A connection that ends before any byte was one too many, or unwelcome. */
static hf_status read_line(int fd, uint64_t deadline_ms, char **reply)
{
    size_t used = 0, room = REPLY_FIRST_SIZE;
    char *text = malloc(room);
    hf_status status = text ? HF_OK : HF_ERR_NOMEM;
    while (status == HF_OK) {
        if (used == room) {
            room *= 2;
            char *more = room <= 2 * (size_t)HF_LOCAL_REPLY_MAX ? realloc(text, room) : NULL;
            if (!more) {
                status = used > HF_LOCAL_REPLY_MAX ? HF_ERR_LIMIT : HF_ERR_NOMEM;
                break;
            }
            text = more;
        }
        status = wait_for(fd, POLLIN, deadline_ms);
        if (status != HF_OK) break;
        ssize_t got = recv(fd, text + used, room - used, 0);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) {
            status = HF_ERR_PROTOCOL;
            break;
        }
        used += (size_t)got;
        if (text[used - 1] != '\n') continue;
        text[used - 1] = 0;
        *reply = text;
        return HF_OK;
    }
    free(text);
    return status;
}

hf_status hf_local_ask(const char *path, const char *request, uint64_t timeout_ms, char **reply)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const uint64_t deadline_ms = hf_clock_now_ms() + timeout_ms;
    const size_t size = strlen(request);
    *reply = NULL;
    if (strlen(path) >= sizeof at.sun_path || size > HF_LOCAL_REQUEST_MAX) return HF_ERR_LIMIT;
    if (memchr(request, '\n', size)) return HF_ERR_INPUT;
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return HF_ERR_IO;
    hf_status status = HF_OK;
    if (connect(fd, (struct sockaddr *)&at, sizeof at)) status = connect_status(errno);
    if (status == HF_OK) status = send_all(fd, request, size, deadline_ms);
    if (status == HF_OK) status = send_all(fd, "\n", 1, deadline_ms);
    if (status == HF_OK) status = read_line(fd, deadline_ms, reply);
    close(fd);
    return status;
}
