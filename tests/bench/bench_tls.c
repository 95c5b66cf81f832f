/* bench_tls.c: mutual TLS 1.3 and nothing on it: what a link of ours cannot cost less than.
 *
 *   tls serve FOLDER                    prints its port; holds what connects; on standard input:
 *     count                             {"open":N,"rss":KIB}
 *   tls dial FOLDER PORT COUNT WINDOW   COUNT full handshakes, WINDOW at a time, all kept open;
 *                                       prints {"seconds":...,"ms":the median of one}
 *
 * Both end with their standard input. */
#include "folder.h"
#include "tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256 };

typedef struct tls_link {
    SSL *ssl;
    bool done;
    double began, ended;
} tls_link;

static void watch(int epoll_fd, int fd, void *owner)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = owner};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
        perror("bench: epoll");
        exit(1);
    }
}

static bool asked(char line[32])
{
    ssize_t size = read(STDIN_FILENO, line, 31);
    line[size > 0 ? size : 0] = 0;
    return size > 0;
}

/* ---- the server ---- */

static void accept_all(SSL_CTX *ctx, int listen_fd, int epoll_fd)
{
    int fd;
    while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        tls_link *l = calloc(1, sizeof *l);
        if (l) l->ssl = SSL_new(ctx);
        if (!l || !l->ssl || SSL_set_fd(l->ssl, fd) != 1) exit(1);
        SSL_set_accept_state(l->ssl);
        watch(epoll_fd, fd, l);
    }
}

/* True when it came to be open by this. What else the client may send is none of our business. */
static bool serve_link(tls_link *l)
{
    if (l->done) return false;
    l->done = tls_outcome(l->ssl, SSL_do_handshake(l->ssl)) == TLS_DONE;
    return l->done;
}

static int serve(const char *place)
{
    SSL_CTX *ctx = tls_server(place);
    uint16_t port;
    int listen_fd = tls_listen(&port), epoll_fd = epoll_create1(0), open_count = 0;
    int listener, commands; /* their addresses tell them apart */
    watch(epoll_fd, listen_fd, &listener);
    watch(epoll_fd, STDIN_FILENO, &commands);
    printf("%u\n", port);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            char line[32];
            void *owner = events[i].data.ptr;
            if (owner == &listener) {
                accept_all(ctx, listen_fd, epoll_fd);
            } else if (owner == &commands) {
                if (!asked(line)) return 0;
                printf("{\"open\":%d,\"rss\":%llu}\n", open_count,
                       (unsigned long long)tls_rss_kib());
                fflush(stdout);
            } else {
                open_count += serve_link(owner);
            }
        }
    }
}

/* ---- the client ---- */

typedef struct dialling {
    SSL_CTX *ctx;
    int epoll_fd;
    uint16_t port;
    tls_link *links;
    size_t count, begun, done;
} dialling;

static void begin(dialling *d)
{
    tls_link *l = &d->links[d->begun++];
    l->began = bench_seconds();
    int fd = tls_dial(d->port);
    l->ssl = SSL_new(d->ctx);
    if (fd < 0 || !l->ssl || SSL_set_fd(l->ssl, fd) != 1) {
        fprintf(stderr, "bench: tls: nobody answers\n");
        exit(1);
    }
    SSL_set_connect_state(l->ssl);
    watch(d->epoll_fd, fd, l);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_ms(const dialling *d)
{
    double *ms = calloc(d->count, sizeof *ms);
    if (!ms) exit(1);
    for (size_t i = 0; i < d->count; i++) ms[i] = 1000 * (d->links[i].ended - d->links[i].began);
    qsort(ms, d->count, sizeof *ms, by_value);
    double median = ms[d->count / 2];
    free(ms);
    return median;
}

static int dial(const char *place, uint16_t port, size_t count, size_t window)
{
    char line[32];
    dialling d = {.ctx = tls_client(place, true),
                  .epoll_fd = epoll_create1(0),
                  .port = port,
                  .links = calloc(count, sizeof *d.links),
                  .count = count};
    if (!d.links) return 1;
    double began = bench_seconds();
    while (d.done < count) {
        struct epoll_event events[EVENTS];
        while (d.begun < count && d.begun - d.done < window) begin(&d);
        int ready = epoll_wait(d.epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            tls_link *l = events[i].data.ptr;
            if (l->done) continue;
            tls_step step = tls_outcome(l->ssl, SSL_do_handshake(l->ssl));
            if (step == TLS_FAILED) {
                fprintf(stderr, "bench: tls: a handshake failed\n");
                return 1;
            }
            if (step != TLS_DONE) continue;
            l->done = true;
            l->ended = bench_seconds();
            d.done++;
        }
    }
    printf("{\"seconds\":%.6f,\"ms\":%.4f}\n", bench_seconds() - began, median_ms(&d));
    fflush(stdout);
    while (asked(line)) continue;
    return 0;
}

int main(int argument_count, char **arguments)
{
    tls_raise_descriptors();
    if (argument_count == 3 && strcmp(arguments[1], "serve") == 0) return serve(arguments[2]);
    if (argument_count == 6 && strcmp(arguments[1], "dial") == 0)
        return dial(arguments[2], (uint16_t)strtoul(arguments[3], NULL, 10),
                    strtoul(arguments[4], NULL, 10), strtoul(arguments[5], NULL, 10));
    fprintf(stderr, "usage: tls serve FOLDER | tls dial FOLDER PORT COUNT WINDOW\n");
    return 2;
}
