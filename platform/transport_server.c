/* transport_server.c: the listener that devices' sessions come in by. */
#include "loop_private.h"
#include "tls_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RX_BUFFER_SIZE = 4096, TX_PACKET_SIZE = 64 * 1024 };

struct hf_server {
    hf_endpoint endpoint; /* first: the vhost's user pointer */
    struct lws_vhost *vhost;
    void *ssl_ctx; /* the vhost's */
    uint32_t connections_max;
    hf_strangers *strangers;
    hf_key_paths paths; /* for the time of hf_server_open only */
    char address[HF_ADDRESS_SIZE_MAX];
    char name[32]; /* lws keeps the pointer */
    hf_tls_listener listener;
    bool failed_open; /* the caller frees it, not lws */
};

static void tell_refused(hf_server *server, const char *address, const char *reason)
{
    const hf_conn_events *events = &server->endpoint.events;
    if (events->on_fail) events->on_fail(events->context, address, reason);
}

static void on_tls_refused(void *context, int fd, const char *reason)
{
    char address[HF_ADDRESS_SIZE_MAX], text[HF_CONN_REASON_SIZE];
    hf_loop_address(fd, address);
    snprintf(text, sizeof text, "TLS: %s", reason);
    tell_refused(context, address, text);
}

/* Reads whom TLS proved at the far end of `wsi`; `held` keeps what `peer` borrows. */
static hf_status peer_read(struct lws *wsi, hf_tls_peer *held, char address[HF_ADDRESS_SIZE_MAX],
                           hf_identity *peer)
{
    hf_loop_address(lws_get_socket_fd(wsi), address);
    hf_status status = hf_tls_peer_read(lws_get_ssl(wsi), held);
    if (status != HF_OK) return status;
    *peer = (hf_identity){.certificate = {held->certificate, held->certificate_size},
                          .valid = held->valid,
                          .resumed = held->resumed,
                          .address = address};
    memcpy(peer->key_id, held->key_id, sizeof peer->key_id);
    return HF_OK;
}

/* Before the upgrade: the only question that revocation needs asked, so it is asked of every
 * connection, and its answer never cached. */
static int on_filter(hf_server *server, struct lws *wsi)
{
    static const char forbidden[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n"
                                    "Connection: close\r\n\r\n";
    const hf_conn_events *events = &server->endpoint.events;
    char address[HF_ADDRESS_SIZE_MAX];
    hf_tls_peer held;
    hf_identity peer;
    hf_status status = peer_read(wsi, &held, address, &peer);
    bool admitted = status == HF_OK && events->admit(events->context, &peer);
    hf_tls_peer_free(&held);
    if (admitted) return 0;
    tell_refused(server, address,
                 status == HF_OK ? "this key is not admitted" : "no verified certificate");
    unsigned char answer[LWS_PRE + sizeof forbidden];
    memcpy(answer + LWS_PRE, forbidden, sizeof forbidden - 1);
    lws_write(wsi, answer + LWS_PRE, sizeof forbidden - 1, LWS_WRITE_HTTP);
    return -1;
}

static int on_established(hf_server *server, hf_conn *conn, struct lws *wsi)
{
    hf_strangers_proved(server->strangers, wsi);
    char address[HF_ADDRESS_SIZE_MAX];
    hf_tls_peer held;
    hf_identity peer;
    hf_conn_begin(conn, wsi, &server->endpoint);
    int refused = peer_read(wsi, &held, address, &peer) == HF_OK ? hf_conn_open(conn, &peer) : -1;
    hf_tls_peer_free(&held);
    return refused;
}

static int on_session(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                      size_t size)
{
    hf_conn *conn = user;
    hf_server *server = lws_vhost_user(lws_get_vhost(wsi));
    switch (reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return on_filter(server, wsi);
    case LWS_CALLBACK_ESTABLISHED: return on_established(server, conn, wsi);
    case LWS_CALLBACK_RECEIVE: return hf_conn_receive(conn, in, size);
    case LWS_CALLBACK_SERVER_WRITEABLE: return hf_conn_writable(conn);
    case LWS_CALLBACK_TIMER: return hf_conn_timer(conn);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: hf_conn_peer_closes(conn, in, size); return 0;
    case LWS_CALLBACK_CLOSED:
        hf_tls_keep_session(lws_get_ssl(wsi));
        hf_conn_closed(conn);
        return 0;
    default: return 0;
    }
}

/* A connection is a descriptor from its first moment; beyond the bound it is let go at once, and
 * the device comes back later. */
static int on_connection(hf_server *server, struct lws *listener, int fd)
{
    char address[HF_ADDRESS_SIZE_MAX];
    if (server->endpoint.closed) return -1;
    if (server->connections_max && server->endpoint.open_count >= server->connections_max) {
        hf_loop_address(fd, address);
        tell_refused(server, address, "as many connections as there may be");
        return -1;
    }
    hf_strangers_listener(server->strangers, listener);
    hf_strangers_announce(server->strangers, fd);
    return 0;
}

static int on_context(hf_server *server, void *ssl_ctx)
{
    server->listener = (hf_tls_listener){on_tls_refused, server};
    server->ssl_ctx = ssl_ctx;
    return hf_tls_serve(ssl_ctx, &server->paths, true, &server->listener) == HF_OK ? 0 : -1;
}

static void on_born(hf_server *server, struct lws *wsi)
{
    server->endpoint.open_count++;
    hf_strangers_enter(server->strangers, wsi);
}

static void on_gone(hf_server *server, const struct lws *wsi)
{
    if (server->endpoint.open_count > 0) server->endpoint.open_count--; /* else the listener */
    hf_strangers_leave(server->strangers, wsi);
}

/* Whatever is no `holdfast.1`: plain HTTP, another subprotocol, and the connections' birth and
 * death. All of it is refused; the default is not to know. */
static int on_other(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size)
{
    (void)size;
    hf_server *server = lws_vhost_user(lws_get_vhost(wsi));
    switch (reason) {
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS: return on_context(server, user);
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return on_connection(server, wsi, (int)(intptr_t)in);
    case LWS_CALLBACK_WSI_CREATE: on_born(server, wsi); return 0;
    case LWS_CALLBACK_WSI_DESTROY: on_gone(server, wsi); return 0;
    case LWS_CALLBACK_FILTER_HTTP_CONNECTION:     /* fall through */
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: /* fall through */
    case LWS_CALLBACK_HTTP:                       /* fall through */
    case LWS_CALLBACK_ESTABLISHED: return -1;
    default: return 0;
    }
}

static const struct lws_protocols SERVER_PROTOCOLS[] = {
    {.name = "none", .callback = on_other},
    {.name = "holdfast.1",
     .callback = on_session,
     .per_session_data_size = sizeof(hf_conn),
     .rx_buffer_size = RX_BUFFER_SIZE,
     .tx_packet_size = TX_PACKET_SIZE},
    {.name = NULL},
};

static void server_free(hf_server *server)
{
    hf_strangers_free(server->strangers);
    free(server);
}

/* Called by lws at the end of the loop. */
static void on_finalize(struct lws_vhost *vhost, void *context)
{
    (void)vhost;
    hf_server *server = context;
    if (!server->failed_open) server_free(server);
}

/* Asked first, for lws leaks the vhost that it cannot set up. */
static hf_status check_files(hf_loop *loop, const hf_key_paths *paths)
{
    hf_status status = hf_tls_check(paths);
    if (status == HF_OK) return HF_OK;
    return hf_loop_fail(loop, status,
                        "the hub's key, certificate and CA cannot be read or do not match: %s, "
                        "%s, %s",
                        paths->key, paths->certificate, paths->ca);
}

hf_status hf_server_open(hf_loop *loop, const hf_server_options *options, hf_server **out)
{
    *out = NULL;
    hf_status status = check_files(loop, &options->paths);
    if (status != HF_OK) return status;
    hf_server *server = calloc(1, sizeof *server);
    if (!server) return HF_ERR_NOMEM;
    server->endpoint = (hf_endpoint){.kind = HF_ENDPOINT_SERVER,
                                     .loop = loop,
                                     .events = options->events,
                                     .message_size_max = options->message_size_max};
    server->connections_max = options->connections_max;
    server->paths = options->paths;
    server->failed_open = true;
    snprintf(server->address, sizeof server->address, "%s",
             options->address ? options->address : "");
    snprintf(server->name, sizeof server->name, "session-%p", (void *)server);
    struct lws_context_creation_info info;
    hf_loop_vhost(loop, &info);
    info.vhost_name = server->name;
    info.protocols = SERVER_PROTOCOLS;
    info.options |= LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
    info.user = server;
    info.finalize = on_finalize;
    info.finalize_arg = server;
    status = hf_strangers_new(loop, &options->strangers, &server->strangers);
    if (status == HF_OK)
        status = hf_loop_listen(loop, &info, server->address[0] ? server->address : NULL,
                                options->port, &server->vhost);
    if (status != HF_OK) {
        server_free(server);
        return status;
    }
    server->failed_open = false;
    memset(&server->paths, 0, sizeof server->paths);
    *out = server;
    return HF_OK;
}

uint16_t hf_server_port(const hf_server *server)
{
    return (uint16_t)lws_get_vhost_listen_port(server->vhost);
}

hf_status hf_server_renewed(hf_server *server, const hf_key_paths *paths)
{
    return hf_tls_show_renewed(server->ssl_ctx, paths);
}

void hf_server_close(hf_server *server)
{
    if (server) hf_endpoint_close(&server->endpoint, "the hub is stopping");
}
