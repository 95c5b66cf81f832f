/* loop_private.h: what the files of the loop and transport share. For these only. */
#ifndef HF_PLATFORM_LOOP_PRIVATE_H
#define HF_PLATFORM_LOOP_PRIVATE_H

#include "loop.h"
#include "transport.h"

#include <uv.h>

#include <libwebsockets.h>

struct hf_loop {
    struct lws_context *lws; /* NULLed by lws itself when it is wholly gone */
    struct lws_vhost *base;  /* first of all: lws asks it about servers' certificates */
    bool many;
    uint32_t descriptors; /* that this process may have */
    uv_loop_t uv;         /* used when `many` */
    uv_timer_t timer;
    lws_sorted_usec_list_t sul; /* the timer when not */
    int epoll_fd;               /* holds all watches; is itself one descriptor to lws */
    int wake_fd;
    int signal_fd;
    hf_watch *wake_watch, *signal_watch;
    hf_watch *dead; /* closed while events for them may be in hand */
    bool dispatching;
    bool stopping;
    int signal;
    uint32_t descriptors_max;
    size_t buffer_used, buffer_max;
    uint8_t *send_buffer;
    size_t send_room;
    char error[256];
};

/* What a vhost's user pointer points to: the head of a server, dialer or enrolment listener. */
typedef struct hf_endpoint {
    enum { HF_ENDPOINT_SERVER, HF_ENDPOINT_DIALER, HF_ENDPOINT_ENROL } kind;
    hf_loop *loop;
    hf_conn_events events;
    size_t message_size_max;
    uint32_t open_count; /* TCP connections */
    bool closed;         /* takes no more; its memory lives until the loop's end (loop.h) */
    hf_conn *conns;      /* those that are open */
} hf_endpoint;

struct hf_conn {
    struct lws *wsi;
    hf_endpoint *endpoint; /* NULL while the upgrade has not been agreed to */
    hf_conn *previous, *next;
    void *user;
    uint8_t
        *buffer; /* the part of a message that has arrived; its room counts in the loop's pool */
    size_t size, room;
    bool is_open;        /* on_open was answered HF_OK, on_close not yet called */
    bool closing;        /* hands nothing more up; a close frame is due, or under way */
    bool farewell_begun; /* lws goes on saying that one may write */
    uint16_t close_code;
    bool sending; /* within on_writable, nothing sent yet */
    char reason[HF_CONN_REASON_SIZE];
};

/* Puts a sentence where hf_loop_error finds it, and returns `status`. */
HF_MUST_CHECK hf_status hf_loop_fail(hf_loop *loop, hf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum { HF_ADDRESS_SIZE_MAX = 64 }; /* an IP address as text */

/* The IP address of the peer of a socket; "" when it has gone. */
void hf_loop_address(int fd, char out[HF_ADDRESS_SIZE_MAX]);

/* A vhost description that has all our refusals in it: no extensions, no HTTP/2, no proxy. */
void hf_loop_vhost(hf_loop *loop, struct lws_context_creation_info *info);

/* Closes all connections of a server or dialer, and lets none in from now on.
 * Why no vhost is ever destroyed before the loop: lws 4.1.6 forgets to mark it, so that it closes
 * nothing and is never freed. Its context, at the end, frees all. */
void hf_endpoint_close(hf_endpoint *endpoint, const char *reason);

/* Opens a listening vhost, or says why not in hf_loop_error. */
HF_MUST_CHECK hf_status hf_loop_listen(hf_loop *loop, struct lws_context_creation_info *info,
                                       const char *address, uint16_t port, struct lws_vhost **out);

/* The websocket side that server and dialer have in common. `begin` prepares the hf_conn that lws
 * keeps for a connection; `open` tells the owner; both return lws's "close" as non-zero. */
void hf_conn_begin(hf_conn *conn, struct lws *wsi, hf_endpoint *endpoint);
int hf_conn_open(hf_conn *conn, const hf_identity *peer);
int hf_conn_receive(hf_conn *conn, const void *bytes, size_t size);
int hf_conn_writable(hf_conn *conn);
int hf_conn_timer(hf_conn *conn);
void hf_conn_peer_closes(hf_conn *conn, const uint8_t *payload, size_t size);
void hf_conn_closed(hf_conn *conn);

#endif
