/* resolve.c: getaddrinfo in a thread.
 *
 * Why a thread per look-up: Debian's libwebsockets resolves in its loop and blocks it. One thread
 * a dial, at most one dial a second, is the simplest thing that cannot stall. */
#include "resolve.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { HOST_SIZE = 256 };

/* Shared by the loop and the thread; whoever lets go last frees it. */
typedef struct lookup {
    atomic_int holders;
    int done_fd;
    char host[HOST_SIZE];
    atomic_bool done;
    hf_addresses found; /* the thread's until `done` */
} lookup;

struct hf_resolve {
    lookup *lookup;
    hf_watch *watch;
    hf_resolve_done on_done;
    void *context;
};

static void lookup_release(lookup *l)
{
    if (atomic_fetch_sub(&l->holders, 1) > 1) return;
    close(l->done_fd);
    free(l);
}

static void lookup_run(lookup *l, int flags)
{
    struct addrinfo hints = {.ai_flags = flags, .ai_socktype = SOCK_STREAM};
    struct addrinfo *answer = NULL;
    int code = getaddrinfo(l->host, NULL, &hints, &answer);
    if (code != 0) snprintf(l->found.error, sizeof l->found.error, "%s", gai_strerror(code));
    for (const struct addrinfo *a = answer; a && l->found.count < HF_RESOLVE_MAX; a = a->ai_next) {
        char *text = l->found.text[l->found.count];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, HF_RESOLVE_ADDRESS_SIZE, NULL, 0,
                        NI_NUMERICHOST) == 0) {
            l->found.count++;
        }
    }
    if (answer) freeaddrinfo(answer);
}

static void lookup_tell(lookup *l)
{
    const uint64_t one = 1;
    atomic_store_explicit(&l->done, true, memory_order_release); /* `found` is written before it */
    ssize_t put = write(l->done_fd, &one, sizeof one);
    (void)put;
}

static void *lookup_thread(void *context)
{
    lookup *l = context;
    lookup_run(l, AI_ADDRCONFIG);
    lookup_tell(l);
    lookup_release(l);
    return NULL;
}

static hf_status lookup_start(lookup *l)
{
    pthread_attr_t detached;
    pthread_t thread;
    if (pthread_attr_init(&detached)) return HF_ERR_NOMEM;
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    atomic_fetch_add(&l->holders, 1);
    int failed = pthread_create(&thread, &detached, lookup_thread, l);
    if (failed) atomic_fetch_sub(&l->holders, 1);
    pthread_attr_destroy(&detached);
    return failed ? HF_ERR_IO : HF_OK;
}

static bool is_numeric(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static void on_lookup(void *context)
{
    hf_resolve *resolve = context;
    bool done = atomic_load_explicit(&resolve->lookup->done, memory_order_acquire);
    assert(done);                   /* nothing else makes the descriptor readable */
    hf_watch_close(resolve->watch); /* once */
    resolve->watch = NULL;
    resolve->on_done(resolve->context, &resolve->lookup->found);
}

hf_status hf_resolve_open(hf_loop *loop, const char *host, hf_resolve_done on_done, void *context,
                          hf_resolve **out)
{
    *out = NULL;
    if (strlen(host) >= HOST_SIZE) return HF_ERR_LIMIT;
    hf_resolve *resolve = calloc(1, sizeof *resolve);
    lookup *l = calloc(1, sizeof *l);
    hf_status status = HF_ERR_NOMEM;
    if (!resolve || !l) goto failed;
    atomic_init(&l->holders, 1);
    snprintf(l->host, sizeof l->host, "%s", host);
    status = HF_ERR_IO;
    l->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->done_fd < 0) goto failed;
    *resolve = (hf_resolve){.lookup = l, .on_done = on_done, .context = context};
    status = hf_watch_open(loop, l->done_fd, on_lookup, resolve, &resolve->watch);
    if (status != HF_OK) goto failed;
    if (is_numeric(host)) {
        lookup_run(l, AI_NUMERICHOST);
        lookup_tell(l);
    } else {
        status = lookup_start(l);
    }
    if (status != HF_OK) {
        hf_resolve_close(resolve);
        return status;
    }
    *out = resolve;
    return HF_OK;

failed:
    if (l && l->done_fd > 0) close(l->done_fd);
    free(l);
    free(resolve);
    return status;
}

void hf_resolve_close(hf_resolve *resolve)
{
    if (!resolve) return;
    hf_watch_close(resolve->watch);
    lookup_release(resolve->lookup);
    free(resolve);
}
