/* transport_client.c: dials a hub.
 *
 * Why a dial has one clock of its own: libwebsockets gives each of its steps a time-out, and their
 * sum is over a minute. An officer's device must know in ten seconds that this hub is not there. */
#include "loop_private.h"
#include "resolve.h"
#include "tls_identity.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RX_BUFFER_SIZE = 4096, TX_PACKET_SIZE = 64 * 1024, HOST_SIZE = 256, TEXT_SIZE = 96 };

/* As in loop.c: the session has its own PING. lws does not take a vhost's word for a client. */
static const lws_retry_bo_t NO_PINGS = {.secs_since_valid_ping = 0, .secs_since_valid_hangup = 0};

struct hf_client {
    hf_endpoint endpoint; /* first: the vhost's user pointer */
    struct lws_vhost *vhost;
    struct lws *wsi; /* of the dial or connection there is now; NULL when none */
    hf_tls_client *tls;
    hf_resolve *resolve;
    hf_addresses addresses;
    size_t address_index;
    lws_sorted_usec_list_t timer; /* runs from dial to open */
    enum { CLIENT_IDLE, CLIENT_DIALING, CLIENT_OPEN } state;
    bool timed_out;
    uint16_t port;
    char host[HOST_SIZE], authority[HOST_SIZE + 8], name[32];
    char failure[HF_CONN_REASON_SIZE];
};

/* The end of a dial that came to nothing. The owner may dial again at once. */
static void dial_failed(hf_client *client, const char *reason)
{
    const hf_conn_events *events = &client->endpoint.events;
    char address[HF_RESOLVE_ADDRESS_SIZE] = "";
    if (client->address_index < client->addresses.count) {
        memcpy(address, client->addresses.text[client->address_index], sizeof address);
    }
    lws_sul_cancel(&client->timer);
    hf_resolve_close(client->resolve);
    client->resolve = NULL;
    client->wsi = NULL;
    client->state = CLIENT_IDLE;
    hf_tls_client_reset(client->tls);
    if (!client->endpoint.closed && events->on_fail) events->on_fail(events->context, address, reason);
}

static void on_timeout(lws_sorted_usec_list_t *timer)
{
    hf_client *client = lws_container_of(timer, hf_client, timer);
    assert(client->state == CLIENT_DIALING);
    client->timed_out = true;
    if (client->wsi) {
        lws_set_timeout(client->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    } else {
        dial_failed(client, "time-out while looking up the hub's name");
    }
}

/* --- what went wrong, for a person --------------------------------------------------------- */

/* lws's words for what its own steps met; the rest pass as they are. */
static const char *plain_words(const char *words)
{
    static const char *const known[][2] = {
        {"closed before established", "the hub closed the connection"},
        {"Closed before conn", "the hub closed the connection"},
        {"Peer hung up", "the hub closed the connection"},
        {"read failed", "the hub closed the connection"},
        {"Timed out waiting SSL", "time-out while agreeing on TLS"},
        {"HS: ws upgrade response not 101", "not a holdfast hub"},
        {"HS: ACCEPT missing", "not a holdfast hub"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(words, known[i][0]) == 0) return known[i][1];
    }
    return words;
}

static void explain(hf_client *client, struct lws *wsi, const void *in, size_t size)
{
    char words[TEXT_SIZE];
    if (!in || size >= sizeof words) size = in ? sizeof words - 1 : 0;
    if (size) memcpy(words, in, size);
    words[size] = 0;
    const char *tls = hf_tls_client_failure(client->tls, lws_get_ssl(wsi));
    if (client->timed_out) {
        snprintf(client->failure, sizeof client->failure, "time-out");
    } else if (tls) {
        snprintf(client->failure, sizeof client->failure, "TLS: %s", tls);
    } else if (lws_http_client_http_response(wsi) == 403) {
        snprintf(client->failure, sizeof client->failure, "the hub does not admit this key");
    } else {
        snprintf(client->failure, sizeof client->failure, "%s",
                 words[0] ? plain_words(words) : "the hub closed the connection");
    }
}

/* --- dialling ------------------------------------------------------------------------------ */

/* Hands one address to lws. A NULL comes without a callback: lws reports no error to a dial that it
 * never took up. */
static bool dial_address(hf_client *client)
{
    struct lws_client_connect_info info;
    memset(&info, 0, sizeof info);
    info.context = client->endpoint.loop->lws;
    info.vhost = client->vhost;
    info.address = client->addresses.text[client->address_index];
    info.port = client->port;
    /* The host name is checked by the context (tls_identity.c), which also knows addresses; lws's
     * own check cuts an IPv6 address at its first colon, down to nothing, which matches all. */
    info.ssl_connection = LCCSCF_USE_SSL | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK |
                          LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
    info.path = "/";
    info.host = client->authority;
    info.origin = client->authority;
    info.protocol = "holdfast.1";
    info.local_protocol_name = "holdfast.1";
    info.alpn = "http/1.1";
    info.retry_and_idle_policy = &NO_PINGS;
    info.pwsi = &client->wsi;
    if (lws_client_connect_via_info(&info)) return true;
    client->wsi = NULL;
    return false;
}

/* Dials the address that is due, or the first after it that lws takes up. */
static void dial_next(hf_client *client)
{
    for (; client->address_index < client->addresses.count; client->address_index++) {
        if (dial_address(client)) return;
    }
    client->address_index = 0; /* the one to report */
    dial_failed(client, "nobody answers there");
}

/* Without an SSL object nobody answered: lws's own words differ between its two kinds of loop. */
static void on_connection_error(hf_client *client, struct lws *wsi, const void *in, size_t size)
{
    if (wsi != client->wsi || client->state != CLIENT_DIALING) return; /* one we gave up on */
    client->wsi = NULL;
    if (lws_get_ssl(wsi) || client->timed_out) {
        explain(client, wsi, in, size);
        dial_failed(client, client->failure);
        return;
    }
    client->address_index++;
    dial_next(client);
}

static void on_resolved(void *context, const hf_addresses *addresses)
{
    hf_client *client = context;
    client->addresses = *addresses;
    client->address_index = 0;
    hf_resolve_close(client->resolve);
    client->resolve = NULL;
    if (client->addresses.count == 0) {
        snprintf(client->failure, sizeof client->failure, "the hub's name is not known: %s",
                 client->addresses.error);
        dial_failed(client, client->failure);
        return;
    }
    dial_next(client);
}

hf_status hf_client_dial(hf_client *client)
{
    if (client->state != CLIENT_IDLE) return HF_ERR_BUSY;
    hf_loop *loop = client->endpoint.loop;
    client->timed_out = false;
    client->addresses.count = 0;
    hf_tls_client_reset(client->tls);
    hf_status status =
        hf_resolve_open(loop, client->host, on_resolved, client, &client->resolve);
    if (status != HF_OK) return hf_loop_fail(loop, status, "cannot look up %s", client->host);
    client->state = CLIENT_DIALING;
    lws_sul_schedule(loop->lws, 0, &client->timer, on_timeout,
                     (lws_usec_t)HF_CONNECT_TIMEOUT_MS * 1000);
    hf_loop_wake(loop); /* lets lws under libuv arm the timer */
    return HF_OK;
}

/* --- the connection ------------------------------------------------------------------------ */

static int on_established(hf_client *client, hf_conn *conn, struct lws *wsi)
{
    hf_tls_peer held;
    hf_conn_begin(conn, wsi, &client->endpoint);
    lws_sul_cancel(&client->timer);
    /* The chain and the name were OpenSSL's to check; this refuses if it somehow was not asked. */
    if (hf_tls_peer_read(lws_get_ssl(wsi), &held) != HF_OK) return -1;
    hf_peer peer = {.certificate = {held.certificate, held.certificate_size},
                    .expired = held.expired,
                    .address = client->addresses.text[client->address_index]};
    memcpy(peer.key_id, held.key_id, sizeof peer.key_id);
    client->state = CLIENT_OPEN;
    int refused = hf_conn_open(conn, &peer);
    hf_tls_peer_free(&held);
    return refused;
}

static void on_closed(hf_client *client, hf_conn *conn)
{
    const char *tls = hf_tls_client_failure(client->tls, lws_get_ssl(conn->wsi));
    if (tls && !conn->reason[0]) snprintf(conn->reason, sizeof conn->reason, "TLS: %s", tls);
    client->wsi = NULL;
    client->state = CLIENT_IDLE; /* first: the owner may dial again from on_close */
    hf_conn_closed(conn);
}

static int on_session(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                      size_t size)
{
    hf_client *client = lws_vhost_user(lws_get_vhost(wsi));
    hf_conn *conn = user;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: on_connection_error(client, wsi, in, size); return 0;
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP: /* before the upgrade; lws reports it so, now and then */
    case LWS_CALLBACK_WSI_DESTROY:        /* whatever else: a dial never ends in silence */
        on_connection_error(client, wsi, NULL, 0);
        return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED: return on_established(client, conn, wsi);
    case LWS_CALLBACK_CLIENT_RECEIVE: return hf_conn_receive(conn, in, size);
    case LWS_CALLBACK_CLIENT_WRITEABLE: return hf_conn_writable(conn);
    case LWS_CALLBACK_TIMER: return hf_conn_timer(conn);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: hf_conn_peer_closes(conn, in, size); return 0;
    case LWS_CALLBACK_CLIENT_CLOSED: on_closed(client, conn); return 0;
    default: return 0;
    }
}

static const struct lws_protocols CLIENT_PROTOCOLS[] = {
    {.name = "holdfast.1",
     .callback = on_session,
     .per_session_data_size = sizeof(hf_conn),
     .rx_buffer_size = RX_BUFFER_SIZE,
     .tx_packet_size = TX_PACKET_SIZE},
    {.name = NULL},
};

static void client_free(hf_client *client)
{
    hf_tls_client_free(client->tls);
    free(client);
}

/* Called by lws at the end of the loop. */
static void on_finalize(struct lws_vhost *vhost, void *context)
{
    (void)vhost;
    client_free(context);
}

static hf_status vhost_open(hf_client *client)
{
    struct lws_context_creation_info info;
    hf_loop_vhost(client->endpoint.loop, &info);
    info.vhost_name = client->name;
    info.protocols = CLIENT_PROTOCOLS;
    info.user = client;
    info.provided_client_ssl_ctx = hf_tls_client_context(client->tls);
    info.finalize = on_finalize;
    info.finalize_arg = client;
    client->vhost = lws_create_vhost(client->endpoint.loop->lws, &info);
    return client->vhost ? HF_OK : HF_ERR_NOMEM;
}

hf_status hf_client_open(hf_loop *loop, const hf_client_options *options, hf_client **out)
{
    *out = NULL;
    hf_client *client = calloc(1, sizeof *client);
    if (!client) return HF_ERR_NOMEM;
    client->endpoint = (hf_endpoint){.kind = HF_ENDPOINT_CLIENT,
                                     .loop = loop,
                                     .events = options->events,
                                     .message_size_max = options->message_size_max};
    client->port = options->port;
    bool is_ipv6 = strchr(options->host, ':') != NULL;
    int length = snprintf(client->host, sizeof client->host, "%s", options->host);
    snprintf(client->authority, sizeof client->authority, is_ipv6 ? "[%s]:%u" : "%s:%u",
             client->host, client->port);
    snprintf(client->name, sizeof client->name, "dial-%p", (void *)client);
    hf_status status = length > 0 && length < HOST_SIZE ? HF_OK : HF_ERR_INPUT;
    if (status == HF_OK) status = hf_tls_client_new(&options->paths, client->host, &client->tls);
    if (status == HF_OK) status = vhost_open(client);
    if (status != HF_OK) {
        client_free(client);
        return hf_loop_fail(loop, status, "cannot prepare to dial %s: %s, %s, %s", options->host,
                            options->paths.key, options->paths.certificate, options->paths.ca);
    }
    *out = client;
    return HF_OK;
}

void hf_client_close(hf_client *client)
{
    if (!client) return;
    lws_sul_cancel(&client->timer);
    hf_resolve_close(client->resolve);
    client->resolve = NULL;
    hf_endpoint_close(&client->endpoint, "no longer wanted");
    if (client->state == CLIENT_DIALING && client->wsi) {
        lws_set_timeout(client->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
        hf_loop_wake(client->endpoint.loop);
    }
}
