/* loop.c: waiting, by libwebsockets.
 *
 * Why a nested epoll: libwebsockets runs two kinds of loop, its own and libuv's. Signals, wake-ups
 * and the local socket sit in one epoll set, which is a single descriptor to either, so they are
 * written once. */
#include "loop_private.h"

#include "clock.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    SERVICE_BUFFER_SIZE = 64 * 1024, /* lws's scratch: one per loop, not per connection */
    BUFFER_SIZE_MAX = 64 * 1024 * 1024,
    WATCH_EVENTS = 32,
    WAIT_MAX_MS = 60 * 60 * 1000,
    UV_CLOSE_ROUNDS_MAX = 10000,
    HEADER_SIZE_MAX = 4096,       /* one request's headers */
    DESCRIPTORS_LEAST = 1024,     /* when the system does not say */
    DESCRIPTORS_MAX = 128 * 1024, /* libwebsockets keeps a table of this size */
    KEEPALIVE_S = 60,
    KEEPALIVE_PROBES = 3,
    KEEPALIVE_INTERVAL_S = 10,
    HANDSHAKE_TIMEOUT_S = HF_CONNECT_TIMEOUT_MS / 1000
};

struct hf_watch {
    hf_loop *loop;
    int fd;
    hf_watch_ready on_ready;
    void *context;
    hf_watch *next; /* in the list of dead ones */
    bool closed;
};

/* Never pinged by lws: the session has its own PING, and knows what silence means. */
static const lws_retry_bo_t NO_PINGS = {.secs_since_valid_ping = 0, .secs_since_valid_hangup = 0};

hf_status hf_loop_fail(hf_loop *loop, hf_status status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(loop->error, sizeof loop->error, format, values);
    va_end(values);
    return status;
}

const char *hf_loop_error(const hf_loop *loop)
{
    return loop->error;
}

void hf_loop_address(int fd, char out[HF_ADDRESS_SIZE_MAX])
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    const void *bytes = NULL;
    out[0] = 0;
    if (fd < 0 || getpeername(fd, (struct sockaddr *)&peer, &size)) return;
    if (peer.ss_family == AF_INET) bytes = &((struct sockaddr_in *)&peer)->sin_addr;
    if (peer.ss_family == AF_INET6) bytes = &((struct sockaddr_in6 *)&peer)->sin6_addr;
    if (bytes && !inet_ntop(peer.ss_family, bytes, out, HF_ADDRESS_SIZE_MAX)) out[0] = 0;
}

/* --- watches ------------------------------------------------------------------------------- */

hf_status hf_watch_open(hf_loop *loop, int fd, hf_watch_ready on_ready, void *context,
                        hf_watch **out)
{
    *out = NULL;
    hf_watch *watch = calloc(1, sizeof *watch);
    if (!watch) return HF_ERR_NOMEM;
    *watch = (hf_watch){.loop = loop, .fd = fd, .on_ready = on_ready, .context = context};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
        free(watch);
        return hf_loop_fail(loop, HF_ERR_IO, "cannot watch a descriptor: %s", strerror(errno));
    }
    *out = watch;
    return HF_OK;
}

void hf_watch_write(hf_watch *watch, bool wanted)
{
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0U), .data.ptr = watch};
    int failed = epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
    assert(!failed); /* the descriptor is in the set for as long as the watch is open */
}

/* Freed only after the round: events for it may be in the array that is being walked. */
void hf_watch_close(hf_watch *watch)
{
    if (!watch) return;
    hf_loop *loop = watch->loop;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->closed = true;
    if (!loop->dispatching) {
        free(watch);
        return;
    }
    watch->next = loop->dead;
    loop->dead = watch;
}

static void watches_dispatch(hf_loop *loop)
{
    struct epoll_event events[WATCH_EVENTS];
    int count = epoll_wait(loop->epoll_fd, events, WATCH_EVENTS, 0);
    loop->dispatching = true;
    for (int i = 0; i < count; i++) {
        hf_watch *watch = events[i].data.ptr;
        if (!watch->closed) watch->on_ready(watch->context);
    }
    loop->dispatching = false;
    while (loop->dead) {
        hf_watch *next = loop->dead->next;
        free(loop->dead);
        loop->dead = next;
    }
}

static void on_wake(void *context)
{
    hf_loop *loop = context;
    uint64_t times;
    ssize_t got = read(loop->wake_fd, &times, sizeof times);
    (void)got; /* empty already: then the wait has ended all the same */
}

static void on_signal(void *context)
{
    hf_loop *loop = context;
    struct signalfd_siginfo info;
    if (read(loop->signal_fd, &info, sizeof info) != (ssize_t)sizeof info) return;
    loop->signal = (int)info.ssi_signo;
    hf_loop_stop(loop);
}

void hf_loop_wake(hf_loop *loop)
{
    const uint64_t one = 1;
    ssize_t put = write(loop->wake_fd, &one, sizeof one);
    (void)put; /* fails only when it is full, that is, set */
}

/* --- lws ----------------------------------------------------------------------------------- */

/* The base vhost: carries the epoll descriptor, and is the one that lws asks about a server's
 * certificate. Returning 0 there keeps OpenSSL's verdict, whichever it was. */
static int on_base(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                   size_t size)
{
    (void)user;
    (void)in;
    (void)size;
    if (reason == LWS_CALLBACK_RAW_RX_FILE) {
        watches_dispatch(lws_vhost_user(lws_get_vhost(wsi)));
    }
    return 0;
}

static const struct lws_protocols BASE_PROTOCOLS[] = {{.name = "base", .callback = on_base},
                                                      {.name = NULL}};

void hf_loop_vhost(hf_loop *loop, struct lws_context_creation_info *info)
{
    (void)loop;
    memset(info, 0, sizeof *info);
    info->port = CONTEXT_PORT_NO_LISTEN;
    info->options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    info->alpn = "http/1.1";
    info->http_proxy_address = ""; /* else lws obeys the environment's http_proxy */
    info->retry_and_idle_policy = &NO_PINGS;
    info->connect_timeout_secs = HANDSHAKE_TIMEOUT_S;
    info->ka_time = KEEPALIVE_S;
    info->ka_probes = KEEPALIVE_PROBES;
    info->ka_interval = KEEPALIVE_INTERVAL_S;
}

/* Binds as lws will, and lets go. lws itself says only that it could not, and leaks when it does.
 */
static hf_status listen_try(hf_loop *loop, const char *address, uint16_t port)
{
    char service[8];
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const char *shown = address ? address : "all addresses";
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(address, service, &hints, &found) != 0) {
        return hf_loop_fail(loop, HF_ERR_INPUT, "%s is not an IP address", shown);
    }
    const int on = 1;
    int error = 0;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen)) error = errno;
    if (fd >= 0) close(fd);
    freeaddrinfo(found);
    if (!error) return HF_OK;
    return hf_loop_fail(loop, error == EADDRINUSE ? HF_ERR_BUSY : HF_ERR_IO,
                        "cannot listen on %s port %u: %s", shown, port, strerror(error));
}

hf_status hf_loop_listen(hf_loop *loop, struct lws_context_creation_info *info, const char *address,
                         uint16_t port, struct lws_vhost **out)
{
    *out = NULL;
    if (address && (strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0)) address = NULL;
    hf_status status = listen_try(loop, address, port);
    if (status != HF_OK) return status;
    info->port = port;
    info->iface = address; /* lws keeps the pointer */
    info->options |= LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND;
    if (address && !strchr(address, ':')) info->options |= LWS_SERVER_OPTION_DISABLE_IPV6;
    *out = lws_create_vhost(loop->lws, info);
    if (*out) return HF_OK;
    return hf_loop_fail(loop, HF_ERR_IO, "cannot listen on port %u: libwebsockets refuses", port);
}

static hf_status lws_start(hf_loop *loop)
{
    struct lws_context_creation_info info;
    void *foreign = &loop->uv;
    const char *wanted = getenv("HOLDFAST_LWS_LOG"); /* a bit mask of lws's; for debugging it */
    lws_set_log_level(wanted ? (int)strtol(wanted, NULL, 0) : 0, NULL);
    hf_loop_vhost(loop, &info);
    info.options |= LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    info.pt_serv_buf_size = SERVICE_BUFFER_SIZE;
    info.max_http_header_data = HEADER_SIZE_MAX;
    info.timeout_secs = HANDSHAKE_TIMEOUT_S;
    info.pcontext = &loop->lws;
    if (loop->many) {
        info.options |= LWS_SERVER_OPTION_LIBUV;
        info.foreign_loops = &foreign;
    }
    loop->lws = lws_create_context(&info);
    if (!loop->lws) {
        return hf_loop_fail(loop, HF_ERR_IO, "libwebsockets does not start%s",
                            loop->many ? "; is libwebsockets-evlib-uv installed?" : "");
    }
    info.options &= ~(uint64_t)LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT; /* it speaks no TLS itself */
    info.vhost_name = "base";
    info.protocols = BASE_PROTOCOLS;
    info.user = loop;
    loop->base = lws_create_vhost(loop->lws, &info);
    if (!loop->base) return HF_ERR_NOMEM;
    /* lws closes what it adopts; the set is ours to close. */
    lws_sock_file_fd_type fd = {.filefd = fcntl(loop->epoll_fd, F_DUPFD_CLOEXEC, 0)};
    if (fd.filefd < 0) return HF_ERR_IO;
    return lws_adopt_descriptor_vhost(loop->base, LWS_ADOPT_RAW_FILE_DESC, fd, "base", NULL)
               ? HF_OK
               : HF_ERR_NOMEM;
}

/* Before lws starts, which sizes its tables by this. */
static hf_status descriptors_limit(hf_loop *loop)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return HF_ERR_IO;
    rlim_t wanted = loop->many ? HF_LOOP_DESCRIPTORS_MANY : HF_LOOP_DESCRIPTORS_FEW;
    if (wanted > limit.rlim_max) wanted = limit.rlim_max;
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit)) return HF_ERR_IO;
    loop->descriptors = (uint32_t)wanted;
    return HF_OK;
}

uint32_t hf_loop_connections_max(const hf_loop *loop)
{
    if (loop->descriptors > 2 * HF_LOOP_DESCRIPTORS_KEPT)
        return loop->descriptors - HF_LOOP_DESCRIPTORS_KEPT;
    return loop->descriptors / 2; /* hardly a hub; but a command must reach it all the same */
}

static hf_status descriptors_open(hf_loop *loop)
{
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return HF_ERR_IO;
    if (sigprocmask(SIG_BLOCK, &ours, NULL)) return HF_ERR_IO;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->signal_fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 || loop->signal_fd < 0) return HF_ERR_IO;
    hf_status status = hf_watch_open(loop, loop->wake_fd, on_wake, loop, &loop->wake_watch);
    if (status != HF_OK) return status;
    return hf_watch_open(loop, loop->signal_fd, on_signal, loop, &loop->signal_watch);
}

/* A hub needs a descriptor for each device, and the usual limit is for programs that need a few. */
static uint32_t raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return DESCRIPTORS_LEAST;
    rlim_t wanted = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
    struct rlimit raised = {.rlim_cur = wanted, .rlim_max = limit.rlim_max};
    if (limit.rlim_cur < wanted && setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    return limit.rlim_cur < DESCRIPTORS_MAX ? (uint32_t)limit.rlim_cur : DESCRIPTORS_MAX;
}

hf_status hf_loop_new(const hf_loop_options *options, hf_loop **out)
{
    *out = NULL;
    hf_loop *loop = calloc(1, sizeof *loop);
    if (!loop) return HF_ERR_NOMEM;
    loop->epoll_fd = loop->wake_fd = loop->signal_fd = -1;
    loop->buffer_max = options->buffer_size_max ? options->buffer_size_max : BUFFER_SIZE_MAX;
    if (options->many && uv_loop_init(&loop->uv)) {
        free(loop);
        return HF_ERR_NOMEM;
    }
    loop->many = options->many;
    loop->descriptors_max = options->many ? raise_descriptors() : DESCRIPTORS_LEAST;
    if (loop->many) uv_timer_init(&loop->uv, &loop->timer);
    hf_status status = descriptors_limit(loop);
    if (status == HF_OK) status = descriptors_open(loop);
    if (status == HF_OK) status = lws_start(loop);
    if (status == HF_OK) {
        *out = loop;
    } else {
        hf_loop_free(loop);
    }
    return status;
}

static void uv_drain(hf_loop *loop)
{
    for (int i = 0; i < UV_CLOSE_ROUNDS_MAX && uv_run(&loop->uv, UV_RUN_NOWAIT); i++) continue;
}

/* libuv closes handles in later rounds, and lws frees what belonged to them only when it is told a
 * second time that it is to go. */
static void uv_finish(hf_loop *loop)
{
    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_drain(loop);
    if (loop->lws) lws_context_destroy(loop->lws);
    uv_drain(loop);
    uv_loop_close(&loop->uv);
}

void hf_loop_free(hf_loop *loop)
{
    if (!loop) return;
    if (loop->lws) lws_context_destroy(loop->lws);
    if (loop->many) uv_finish(loop);
    hf_watch_close(loop->wake_watch);
    hf_watch_close(loop->signal_watch);
    if (loop->epoll_fd >= 0) close(loop->epoll_fd);
    if (loop->wake_fd >= 0) close(loop->wake_fd);
    if (loop->signal_fd >= 0) close(loop->signal_fd);
    free(loop->send_buffer);
    free(loop);
}

/* --- rounds -------------------------------------------------------------------------------- */

/* A timer's only work is to end the wait. */
static void on_uv_timer(uv_timer_t *timer)
{
    (void)timer;
}

static void on_sul(lws_sorted_usec_list_t *sul)
{
    (void)sul;
}

static hf_status round_uv(hf_loop *loop, uint64_t timeout_ms)
{
    uv_update_time(
        &loop->uv); /* libuv counts from when it last looked, which was before our turn */
    uv_timer_start(&loop->timer, on_uv_timer, timeout_ms, 0);
    uv_run(&loop->uv, timeout_ms ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    return loop->lws ? HF_OK : HF_ERR_IO;
}

static hf_status round_poll(hf_loop *loop, uint64_t timeout_ms)
{
    lws_sul_schedule(loop->lws, 0, &loop->sul, on_sul, (lws_usec_t)(timeout_ms * 1000 + 1));
    int failed = lws_service(loop->lws, 0);
    lws_sul_cancel(&loop->sul);
    return failed < 0 ? HF_ERR_IO : HF_OK;
}

hf_status hf_loop_run_once(hf_loop *loop, uint64_t timeout_ms)
{
    if (timeout_ms > WAIT_MAX_MS) timeout_ms = WAIT_MAX_MS;
    hf_status status = loop->many ? round_uv(loop, timeout_ms) : round_poll(loop, timeout_ms);
    if (status != HF_OK) return hf_loop_fail(loop, status, "waiting for sockets failed");
    return HF_OK;
}

hf_status hf_loop_run(hf_loop *loop, hf_loop_turn turn, void *context)
{
    hf_status status = HF_OK;
    while (status == HF_OK && !loop->stopping) {
        uint64_t now_ms = hf_clock_now_ms();
        uint64_t deadline_ms = turn(context, now_ms);
        if (loop->stopping) break;
        now_ms = hf_clock_now_ms(); /* a turn may take a commit's time */
        status = hf_loop_run_once(loop, deadline_ms > now_ms ? deadline_ms - now_ms : 0);
    }
    return status;
}

void hf_loop_stop(hf_loop *loop)
{
    loop->stopping = true;
    hf_loop_wake(loop);
}

bool hf_loop_stopped(const hf_loop *loop)
{
    return loop->stopping;
}

int hf_loop_signal(const hf_loop *loop)
{
    return loop->signal;
}
