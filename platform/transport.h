/* transport.h: messages over websockets over mutual TLS.
 *
 * A connection carries whole binary messages, subprotocol `holdfast.1`, TLS 1.2 or later, never
 * compressed by the transport. Who the peer is, is its public key: the certificate's chain is
 * checked without dates (DESIGN 4), and then `admit` is asked at every connection, resumed ones
 * included, because only the owner's table knows who has been revoked. */
#ifndef HF_PLATFORM_TRANSPORT_H
#define HF_PLATFORM_TRANSPORT_H

#include "keys.h"
#include "loop.h"
#include "strangers.h"

enum {
    HF_CONNECT_TIMEOUT_MS = 10 * 1000, /* from dial to open: name, TCP, TLS and upgrade together */
    HF_CLOSE_TIMEOUT_MS = 15 * 1000,   /* from hf_conn_close to on_close, whatever the peer does */
    HF_CONN_REASON_SIZE = 192
};

typedef struct hf_conn hf_conn;
typedef struct hf_server hf_server;
typedef struct hf_dialer hf_dialer;

/* Whom TLS has proved to be at the far end. Borrowed for the call. */
typedef struct hf_identity {
    uint8_t key_id[HF_HASH_SIZE]; /* SHA-256 of its SubjectPublicKeyInfo */
    hf_bytes certificate;         /* DER; chains to the CA */
    hf_validity valid;            /* its dates; judged by whoever has the time */
    bool resumed;                 /* TLS took an earlier session up: no certificates were sent */
    const char *address;          /* IP address, as text */
} hf_identity;

/* What the owner of a server or dialer wants to hear. `user` is what on_open gave. */
typedef struct hf_conn_events {
    void *context;

    /* Server only: may this key connect? Called before the upgrade; false refuses with HTTP 403. */
    bool (*admit)(void *context, const hf_identity *peer);

    /* The connection is open. Anything but HF_OK closes it, and on_close does not follow. */
    hf_status (*on_open)(void *context, hf_conn *conn, const hf_identity *peer, void **user);

    /* One whole message, borrowed until the callback returns. */
    void (*on_message)(void *user, hf_bytes message);

    /* hf_conn_want_write was called, and one hf_conn_send may now be. */
    void (*on_writable)(void *user);

    /* The connection is gone; `conn` is not to be used again. Comes once for each on_open. `reason`
     * is a sentence for a log or a person. */
    void (*on_close)(void *user, const char *reason);

    /* Server: somebody was turned away, by TLS or by `admit`. Dialer: the dial failed, before
     * on_open. `address` is the peer's, "" when unknown. May be NULL. */
    void (*on_fail)(void *context, const char *address, const char *reason);
} hf_conn_events;

/* Asks for on_writable as soon as the connection can take more. */
void hf_conn_want_write(hf_conn *conn);

/* Sends one message; only from within on_writable, once. Copies `message`, of at most the
 * connection's message_size_max.
 * Errors: HF_ERR_IO (it is closing; on_close will say), HF_ERR_NOMEM, HF_ERR_LIMIT. */
HF_MUST_CHECK hf_status hf_conn_send(hf_conn *conn, hf_bytes message);

/* Ends the connection once what was sent is out; from here on nothing is handed up but on_close,
 * at most HF_CLOSE_TIMEOUT_MS later. `reason` comes back in on_close. From any callback or turn. */
void hf_conn_close(hf_conn *conn, const char *reason);

/* Stops or resumes reading, for an owner that has more than it can take. */
void hf_conn_read(hf_conn *conn, bool wanted);

/* --- server -------------------------------------------------------------------------------- */

typedef struct hf_server_options {
    const char *address; /* IP address to listen on; NULL for all */
    uint16_t port;       /* 0: any free one; hf_server_port tells */
    hf_key_paths paths;
    size_t message_size_max;       /* a longer message closes the connection; HF_FRAME_SIZE_MAX */
    uint32_t connections_max;      /* more are turned away; 0 for no bound but the system's */
    hf_strangers_limits strangers; /* of those that `admit` was not yet asked about */
    hf_conn_events events;
} hf_server_options;

/* Copies the options.
 * Errors: HF_ERR_BUSY (port taken), HF_ERR_CORRUPT (key and certificate do not match or cannot be
 *         read), HF_ERR_INPUT (address), HF_ERR_NOMEM, HF_ERR_IO; hf_loop_error says more. */
HF_MUST_CHECK hf_status hf_server_open(hf_loop *loop, const hf_server_options *options,
                                       hf_server **out);
uint16_t hf_server_port(const hf_server *server);
/* The certificate was renewed in its file: whoever dials from now on is shown the new one.
 * Errors: HF_ERR_CORRUPT (as above), HF_ERR_NOMEM; the old one goes on. */
HF_MUST_CHECK hf_status hf_server_renewed(hf_server *server, const hf_key_paths *paths);

/* Turns new connections away and closes those there are, as hf_conn_close does; on_close comes for
 * each, at the latest from hf_loop_free, which also gives the memory back. */
void hf_server_close(hf_server *server);

/* --- dialer -------------------------------------------------------------------------------- */

typedef struct hf_dialer_options {
    const char *host; /* name or IP address; must be one of the hub certificate's names */
    uint16_t port;
    hf_key_paths paths;
    size_t message_size_max;
    hf_conn_events events;
} hf_dialer_options;

/* A dialer has at most one connection at a time. It reads its files once: after a renewal, close
 * it and open another. Copies the options.
 * Errors: HF_ERR_NOT_FOUND, HF_ERR_CORRUPT (files), HF_ERR_INPUT (host), HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_dialer_open(hf_loop *loop, const hf_dialer_options *options,
                                       hf_dialer **out);

/* Begins to connect; on_open or on_fail follows from a later round, never from within this call.
 * Names are looked up beside the loop, which never waits for them.
 * Errors: HF_ERR_BUSY (connecting or connected already), HF_ERR_NOMEM, HF_ERR_IO. */
HF_MUST_CHECK hf_status hf_dialer_dial(hf_dialer *dialer);

/* Closes its connection, if any, as hf_conn_close does; no on_fail follows. The memory (some 50
 * KiB) is given back by hf_loop_free. */
void hf_dialer_close(hf_dialer *dialer);

#endif
