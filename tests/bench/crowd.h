/* crowd.h: many devices' links in one thread: OpenSSL, epoll, a websocket by hand, and frames by
 * sync/messages. */
#ifndef HF_BENCH_CROWD_H
#define HF_BENCH_CROWD_H

#include "fleet_file.h"
#include "tls.h"

#include "sync/frame.h"

typedef enum crowd_state {
    CROWD_AWAY,      /* not wanted, or waiting for its next try */
    CROWD_SHAKING,   /* TCP and TLS */
    CROWD_UPGRADING, /* the websocket's request is out */
    CROWD_GREETING,  /* HELLO is out */
    CROWD_IN_SYNC
} crowd_state;

typedef struct crowd_member {
    EVP_PKEY *key;
    X509 *certificate;
    uint8_t hello[sizeof(((fleet_device *)0)->hello)];
    size_t hello_size;
    crowd_state state;
    int fd;
    SSL *ssl;
    uint8_t *in; /* what came and is not yet whole; NULL while there is nothing */
    size_t in_size, in_room;
    unsigned tries;
    double due; /* next dial or PING, or the end of our patience with this dial */
} crowd_member;

typedef struct crowd {
    SSL_CTX *ctx;
    int epoll_fd;
    uint16_t port;
    crowd_member *members;
    size_t count, wanted, in_sync;
    size_t window, begun, pending;    /* dials at a time; devices that had their first; under way */
    size_t dials, closed, pings, fed; /* since the last crowd_connect */
    hf_deflater *deflater;
    hf_buffer inflated, frame;
    double looked; /* when due times were last looked at */
} crowd;

bool crowd_member_init(crowd_member *m, const fleet_device *device);
void crowd_open(crowd *c, const char *hub_folder, uint16_t port); /* exits when it cannot */
void crowd_connect(crowd *c, size_t count,
                   size_t window);          /* the first `count`, `window` at a time */
void crowd_round(crowd *c, int timeout_ms); /* waits, and serves */

#endif
