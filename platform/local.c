/* local.c: the daemon's end of the local socket.
 *
 * Why it cannot be held up: a command that stops reading, or sends half a line, keeps one of a few
 * places and the memory of its own answer; the loop never waits for it. */
#include "local.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_FIRST_SIZE = 4096, BACKLOG = 16 };

/* One command's connection: reads a line, writes the answer, reads the next. */
typedef struct caller {
    struct hf_local *local;
    struct caller *next;
    hf_watch *watch;
    int fd;
    char *in;
    size_t in_size, in_room;
    char *out;
    size_t out_size, out_sent;
} caller;

struct hf_local {
    hf_loop *loop;
    hf_watch *watch;
    int fd;
    hf_local_handler handler;
    void *context;
    caller *callers;
    size_t count;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
};

static void caller_drop(caller *c)
{
    caller **at = &c->local->callers;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    c->local->count--;
    hf_watch_close(c->watch);
    close(c->fd);
    free(c->in);
    free(c->out);
    free(c);
}

/* Returns false when the connection is to end. */
static bool caller_write(caller *c)
{
    while (c->out_sent < c->out_size) {
        ssize_t done = send(c->fd, c->out + c->out_sent, c->out_size - c->out_sent, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0 && errno == EAGAIN) return true;
        if (done < 0) return false;
        c->out_sent += (size_t)done;
    }
    free(c->out);
    c->out = NULL;
    c->out_size = c->out_sent = 0;
    hf_watch_write(c->watch, false);
    return true;
}

/* The reply's NUL becomes the newline that ends it. */
static bool caller_answer(caller *c, const char *request)
{
    char *reply = NULL;
    hf_status status = c->local->handler(c->local->context, request, &reply);
    if (status != HF_OK || !reply) {
        free(reply);
        return false;
    }
    size_t size = strlen(reply);
    assert(!memchr(reply, '\n', size)); /* ours: it would end the answer early */
    if (size > HF_LOCAL_REPLY_MAX) {
        free(reply);
        return false;
    }
    reply[size] = '\n';
    c->out = reply;
    c->out_size = size + 1;
    c->out_sent = 0;
    hf_watch_write(c->watch, true);
    return caller_write(c);
}

/* Answers every whole line that is there, one at a time: the next waits until the last is out. */
static bool caller_serve(caller *c)
{
    while (!c->out && c->in_size > 0) {
        char *end = memchr(c->in, '\n', c->in_size);
        if (!end) return c->in_size <= HF_LOCAL_REQUEST_MAX;
        *end = 0;
        size_t used = (size_t)(end - c->in) + 1;
        if (strlen(c->in) + 1 != used) return false; /* a NUL within: no JSON */
        if (!caller_answer(c, c->in)) return false;
        c->in_size -= used;
        memmove(c->in, c->in + used, c->in_size);
    }
    return true;
}

/* Reads what there is. Returns false at the end or on an error. */
static bool caller_read(caller *c)
{
    if (c->in_size == c->in_room) {
        size_t room = c->in_room ? c->in_room * 2 : READ_FIRST_SIZE;
        if (room > 2 * (size_t)HF_LOCAL_REQUEST_MAX) return false;
        char *more = realloc(c->in, room);
        if (!more) return false;
        c->in = more;
        c->in_room = room;
    }
    ssize_t got = recv(c->fd, c->in + c->in_size, c->in_room - c->in_size, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    c->in_size += (size_t)got;
    return got > 0;
}

static void on_caller(void *context)
{
    caller *c = context;
    bool alive = !c->out || caller_write(c);
    if (alive) alive = caller_read(c);
    if (alive) alive = caller_serve(c);
    if (!alive) caller_drop(c);
}

/* The file's mode keeps others out already; this also holds where a file system ignores it. */
static bool is_welcome(int fd)
{
    struct ucred who;
    socklen_t size = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size)) return false;
    return who.uid == geteuid() || who.uid == 0;
}

static void on_listen(void *context)
{
    hf_local *local = context;
    int fd = accept4(local->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    caller *c = NULL;
    if (local->count < HF_LOCAL_CONNECTIONS_MAX && is_welcome(fd)) c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        return;
    }
    *c = (caller){.local = local, .fd = fd, .next = local->callers};
    if (hf_watch_open(local->loop, fd, on_caller, c, &c->watch) != HF_OK) {
        close(fd);
        free(c);
        return;
    }
    local->callers = c;
    local->count++;
}

/* Made under a mask, so that it is never open to others, not even between bind and chmod. */
static hf_status listen_at(hf_local *local)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, local->path, sizeof at.sun_path);
    local->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (local->fd < 0) return HF_ERR_IO;
    unlink(local->path);
    mode_t mask = umask(0177);
    int failed = bind(local->fd, (struct sockaddr *)&at, sizeof at);
    umask(mask);
    if (failed || listen(local->fd, BACKLOG)) return HF_ERR_IO;
    return HF_OK;
}

hf_status hf_local_open(hf_loop *loop, const char *path, hf_local_handler handler, void *context,
                        hf_local **out)
{
    *out = NULL;
    hf_local *local = calloc(1, sizeof *local);
    if (!local) return HF_ERR_NOMEM;
    *local = (hf_local){.loop = loop, .fd = -1, .handler = handler, .context = context};
    hf_status status = strlen(path) < sizeof local->path ? HF_OK : HF_ERR_LIMIT;
    if (status == HF_OK) {
        memcpy(local->path, path, strlen(path) + 1);
        status = listen_at(local);
    }
    if (status == HF_OK) status = hf_watch_open(loop, local->fd, on_listen, local, &local->watch);
    if (status == HF_OK) {
        *out = local;
    } else {
        if (local->fd >= 0) close(local->fd);
        free(local);
    }
    return status;
}

void hf_local_close(hf_local *local)
{
    if (!local) return;
    while (local->callers) caller_drop(local->callers);
    hf_watch_close(local->watch);
    unlink(local->path);
    close(local->fd);
    free(local);
}
