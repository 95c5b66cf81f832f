/* bench_proxy.c: a TCP proxy on loopback that counts what goes by, each way.
 *
 *   proxy TARGET_PORT [BYTES_PER_SECOND DELAY_MS]
 *                          prints its own port, then answers commands on standard input:
 *     read                 {"connections":N,"up":B,"down":B,"accepted":S,"wall":S}
 *     cut                  drops every connection, as a dead link does
 *
 * up and down are of the newest connection: the bytes that TLS gave to TCP, without TCP's own
 * headers. `accepted` is when it was accepted, in seconds of the monotonic clock, `wall` the same
 * in Unix time. With a rate and a delay each way is a thin link: bytes leave one behind the other
 * at that rate, arrive so much later, and wait meanwhile in a buffer of 64 KiB, which fills before
 * the sender's own do. It ends with its standard input. */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LINKS_MAX = 64,
    ROOM = 64 * 1024,
    BACKLOG = 128,
    PIECE = 256,
    PIECES = ROOM / PIECE + 1,
    TICK_MS = 2
};

typedef struct piece { /* of what was read, on a thin link */
    size_t size;
    double due; /* when it is at the other end */
} piece;

typedef struct half { /* what was read at one end and waits to be written at the other */
    int fd;
    uint8_t bytes[ROOM];
    size_t begin, end;
    uint64_t passed;
    bool ended;           /* its end was read, and passed on once all before it was */
    piece pieces[PIECES]; /* on a thin link, the bytes from begin on, oldest first, around */
    size_t first, count;
    double free_at; /* when the last byte read has left the near end */
} half;

typedef struct proxy_link {
    bool used;
    half up, down; /* up.fd: the client's socket; down.fd: the hub's */
} proxy_link;

typedef struct proxy {
    int epoll_fd, listen_fd;
    uint16_t target;
    double rate, delay;             /* bytes a second, seconds; rate 0: as fast as it goes */
    uint64_t connections, up, down; /* counts of the newest connection */
    double accepted, wall;
    size_t newest;
    proxy_link links[LINKS_MAX];
} proxy;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void add(proxy *p, int fd, uint64_t token, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = token};
    if (epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &event)) fail("proxy: epoll");
}

static int listen_loopback(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, BACKLOG) ||
        getsockname(fd, (struct sockaddr *)&address, &size))
        fail("proxy: listen");
    *port = ntohs(address.sin_port);
    return fd;
}

static int dial(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) fail("proxy: socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static double wall_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void accept_one(proxy *p)
{
    const int on = 1;
    int client = accept4(p->listen_fd, NULL, NULL, SOCK_NONBLOCK);
    double accepted = bench_seconds(), wall = wall_seconds();
    if (client < 0) return;
    size_t at = 0;
    while (at < LINKS_MAX && p->links[at].used) at++;
    int hub = at < LINKS_MAX ? dial(p->target) : -1;
    if (hub < 0) { /* as if the hub itself were not there */
        close(client);
        return;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    proxy_link *l = &p->links[at];
    memset(l, 0, sizeof *l);
    l->used = true;
    l->up.fd = client;
    l->down.fd = hub;
    p->connections++;
    p->newest = at;
    p->up = p->down = 0;
    p->accepted = accepted;
    p->wall = wall;
    add(p, client, 2 * at, EPOLLIN | EPOLLOUT | EPOLLET);
    add(p, hub, 2 * at + 1, EPOLLIN | EPOLLOUT | EPOLLET);
}

static void drop(proxy *p, proxy_link *l)
{
    (void)p;
    if (!l->used) return;
    close(l->up.fd);
    close(l->down.fd);
    l->used = false;
}

/* Moves what it can from `from` to the other end. False: the link is broken. */
static bool pump(half *from, int to)
{
    for (;;) {
        if (from->begin == from->end && !from->ended) {
            ssize_t got = read(from->fd, from->bytes, ROOM);
            if (got < 0) return errno == EAGAIN || errno == EINTR;
            from->begin = 0;
            from->end = (size_t)got;
            from->ended = got == 0;
            if (from->ended) shutdown(to, SHUT_WR);
        }
        if (from->ended) return true;
        ssize_t put = write(to, from->bytes + from->begin, from->end - from->begin);
        if (put < 0) return errno == EAGAIN || errno == EINTR;
        from->begin += (size_t)put;
        from->passed += (uint64_t)put;
    }
}

/* Takes what there is room for, in pieces small enough that none holds up the next. */
static bool thin_read(const proxy *p, half *from)
{
    while (from->count < PIECES && !from->ended) {
        if (from->end + PIECE > ROOM) { /* move up what waits */
            memmove(from->bytes, from->bytes + from->begin, from->end - from->begin);
            from->end -= from->begin;
            from->begin = 0;
            if (from->end + PIECE > ROOM) return true;
        }
        ssize_t got = read(from->fd, from->bytes + from->end, PIECE);
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        from->ended = got == 0;
        if (from->ended) return true;
        double now = bench_seconds();
        if (from->free_at < now) from->free_at = now;
        from->free_at += (double)got / p->rate;
        from->end += (size_t)got;
        from->pieces[(from->first + from->count++) % PIECES] =
            (piece){(size_t)got, from->free_at + p->delay};
    }
    return true;
}

static bool thin_write(half *from, int to)
{
    double now = bench_seconds();
    while (from->count && from->pieces[from->first].due <= now) {
        piece *next = &from->pieces[from->first];
        ssize_t put = write(to, from->bytes + from->begin, next->size);
        if (put < 0) return errno == EAGAIN || errno == EINTR;
        from->begin += (size_t)put;
        from->passed += (uint64_t)put;
        next->size -= (size_t)put;
        if (next->size) continue;
        from->first = (from->first + 1) % PIECES;
        from->count--;
    }
    if (from->ended && from->count == 0) shutdown(to, SHUT_WR);
    return true;
}

static bool thin_pump(const proxy *p, half *from, int to)
{
    return thin_read(p, from) && thin_write(from, to) && thin_read(p, from);
}

static bool move(const proxy *p, half *from, int to)
{
    return p->rate > 0 ? thin_pump(p, from, to) : pump(from, to);
}

static void serve(proxy *p, size_t at)
{
    proxy_link *l = &p->links[at];
    if (!l->used) return;
    bool whole = move(p, &l->up, l->down.fd) && move(p, &l->down, l->up.fd);
    if (at == p->newest) {
        p->up = l->up.passed;
        p->down = l->down.passed;
    }
    bool empty = l->up.count == 0 && l->down.count == 0;
    if (!whole || (l->up.ended && l->down.ended && empty)) drop(p, l);
}

static bool obey(proxy *p)
{
    char line[32];
    ssize_t size = read(STDIN_FILENO, line, sizeof line - 1);
    if (size <= 0) return false;
    line[size] = 0;
    if (strncmp(line, "cut", 3) == 0)
        for (size_t i = 0; i < LINKS_MAX; i++) drop(p, &p->links[i]);
    printf("{\"connections\":%llu,\"up\":%llu,\"down\":%llu,\"accepted\":%.6f,\"wall\":%.6f}\n",
           (unsigned long long)p->connections, (unsigned long long)p->up,
           (unsigned long long)p->down, p->accepted, p->wall);
    fflush(stdout);
    return true;
}

int main(int argument_count, char **arguments)
{
    enum { LISTEN = 2 * LINKS_MAX, COMMANDS };
    static proxy p; /* its buffers are too large for a stack */
    uint16_t port;
    if (argument_count != 2 && argument_count != 4) {
        fprintf(stderr, "usage: proxy TARGET_PORT [BYTES_PER_SECOND DELAY_MS]\n");
        return 2;
    }
    if (argument_count == 4) {
        p.rate = strtod(arguments[2], NULL);
        p.delay = strtod(arguments[3], NULL) / 1000;
    }
    signal(SIGPIPE, SIG_IGN);
    p.target = (uint16_t)strtoul(arguments[1], NULL, 10);
    p.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    p.listen_fd = listen_loopback(&port);
    add(&p, p.listen_fd, LISTEN, EPOLLIN);
    add(&p, STDIN_FILENO, COMMANDS, EPOLLIN);
    printf("%u\n", port);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[32];
        int count = epoll_wait(p.epoll_fd, events, 32, p.rate > 0 ? TICK_MS : -1);
        for (size_t at = 0; at < LINKS_MAX && p.rate > 0; at++) serve(&p, at);
        for (int i = 0; i < count; i++) {
            uint64_t token = events[i].data.u64;
            if (token == LISTEN) accept_one(&p);
            if (token == COMMANDS && !obey(&p)) return 0;
            if (token < LISTEN) serve(&p, (size_t)token / 2);
        }
    }
}
