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

struct hf_dialer {
    hf_endpoint endpoint; /* first: the vhost's user pointer */
    struct lws_vhost *vhost;
    struct lws *wsi; /* of the dial or connection there is now; NULL when none */
    hf_tls_client *tls;
    hf_resolve *resolve;
    hf_addresses addresses;
    size_t address_index;
    lws_sorted_usec_list_t timer; /* runs from dial to open */
    enum { DIALER_IDLE, DIALER_DIALING, DIALER_OPEN } state;
    bool timed_out;
    uint16_t port;
    char host[HOST_SIZE], authority[HOST_SIZE + 8], name[32];
    char failure[HF_CONN_REASON_SIZE];
};

/* The end of a dial that came to nothing. The owner may dial again at once. */
static void dial_failed(hf_dialer *dialer, const char *reason)
{
    const hf_conn_events *events = &dialer->endpoint.events;
    char address[HF_RESOLVE_ADDRESS_SIZE] = "";
    if (dialer->address_index < dialer->addresses.count) {
        memcpy(address, dialer->addresses.text[dialer->address_index], sizeof address);
    }
    lws_sul_cancel(&dialer->timer);
    hf_resolve_close(dialer->resolve);
    dialer->resolve = NULL;
    dialer->wsi = NULL;
    dialer->state = DIALER_IDLE;
    hf_tls_client_reset(dialer->tls);
    if (!dialer->endpoint.closed && events->on_fail)
        events->on_fail(events->context, address, reason);
}

static void on_timeout(lws_sorted_usec_list_t *timer)
{
    hf_dialer *dialer = lws_container_of(timer, hf_dialer, timer);
    assert(dialer->state == DIALER_DIALING);
    dialer->timed_out = true;
    if (dialer->wsi) {
        lws_set_timeout(dialer->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    } else {
        dial_failed(dialer, "time-out while looking up the hub's name");
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

static void explain(hf_dialer *dialer, struct lws *wsi, const void *in, size_t size)
{
    char words[TEXT_SIZE];
    if (!in || size >= sizeof words) size = in ? sizeof words - 1 : 0;
    if (size) memcpy(words, in, size);
    words[size] = 0;
    const char *tls = hf_tls_client_failure(dialer->tls, lws_get_ssl(wsi));
    if (dialer->timed_out) {
        snprintf(dialer->failure, sizeof dialer->failure, "time-out");
    } else if (tls) {
        snprintf(dialer->failure, sizeof dialer->failure, "TLS: %s", tls);
    } else if (lws_http_client_http_response(wsi) == 403) {
        snprintf(dialer->failure, sizeof dialer->failure, "the hub does not admit this key");
    } else {
        snprintf(dialer->failure, sizeof dialer->failure, "%s",
                 words[0] ? plain_words(words) : "the hub closed the connection");
    }
}

/* --- dialling ------------------------------------------------------------------------------ */

/* Hands one address to lws. A NULL comes without a callback: lws reports no error to a dial that it
 * never took up. */
static bool dial_address(hf_dialer *dialer)
{
    struct lws_client_connect_info info;
    memset(&info, 0, sizeof info);
    info.context = dialer->endpoint.loop->lws;
    info.vhost = dialer->vhost;
    info.address = dialer->addresses.text[dialer->address_index];
    info.port = dialer->port;
    /* The host name is checked by the context (tls_identity.c), which also knows addresses; lws's
     * own check cuts an IPv6 address at its first colon, down to nothing, which matches all. */
    info.ssl_connection =
        LCCSCF_USE_SSL | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK | LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
    info.path = "/";
    info.host = dialer->authority;
    info.origin = dialer->authority;
    info.protocol = "holdfast.1";
    info.local_protocol_name = "holdfast.1";
    info.alpn = "http/1.1";
    info.retry_and_idle_policy = &NO_PINGS;
    info.pwsi = &dialer->wsi;
    if (lws_client_connect_via_info(&info)) return true;
    dialer->wsi = NULL;
    return false;
}

/* Dials the address that is due, or the first after it that lws takes up. */
static void dial_next(hf_dialer *dialer)
{
    for (; dialer->address_index < dialer->addresses.count; dialer->address_index++) {
        if (dial_address(dialer)) return;
    }
    dialer->address_index = 0; /* the one to report */
    dial_failed(dialer, "nobody answers there");
}

/* Without an SSL object nobody answered: lws's own words differ between its two kinds of loop. */
static void on_connection_error(hf_dialer *dialer, struct lws *wsi, const void *in, size_t size)
{
    if (wsi != dialer->wsi || dialer->state != DIALER_DIALING) return; /* one we gave up on */
    dialer->wsi = NULL;
    if (lws_get_ssl(wsi) || dialer->timed_out) {
        explain(dialer, wsi, in, size);
        dial_failed(dialer, dialer->failure);
        return;
    }
    dialer->address_index++;
    dial_next(dialer);
}

static void on_resolved(void *context, const hf_addresses *addresses)
{
    hf_dialer *dialer = context;
    dialer->addresses = *addresses;
    dialer->address_index = 0;
    hf_resolve_close(dialer->resolve);
    dialer->resolve = NULL;
    if (dialer->addresses.count == 0) {
        snprintf(dialer->failure, sizeof dialer->failure, "the hub's name is not known: %s",
                 dialer->addresses.error);
        dial_failed(dialer, dialer->failure);
        return;
    }
    dial_next(dialer);
}

hf_status hf_dialer_dial(hf_dialer *dialer)
{
    if (dialer->state != DIALER_IDLE) return HF_ERR_BUSY;
    hf_loop *loop = dialer->endpoint.loop;
    dialer->timed_out = false;
    dialer->addresses.count = 0;
    hf_tls_client_reset(dialer->tls);
    hf_status status = hf_resolve_open(loop, dialer->host, on_resolved, dialer, &dialer->resolve);
    if (status != HF_OK) return hf_loop_fail(loop, status, "cannot look up %s", dialer->host);
    dialer->state = DIALER_DIALING;
    lws_sul_schedule(loop->lws, 0, &dialer->timer, on_timeout,
                     (lws_usec_t)HF_CONNECT_TIMEOUT_MS * 1000);
    hf_loop_wake(loop); /* lets lws under libuv arm the timer */
    return HF_OK;
}

/* --- the connection ------------------------------------------------------------------------ */

/* The chain and the name were OpenSSL's to check; without its verdict nobody is there. */
static hf_status owner_open(hf_dialer *dialer, hf_conn *conn)
{
    hf_tls_peer held;
    hf_status status = hf_tls_peer_read(lws_get_ssl(conn->wsi), &held);
    if (status != HF_OK) return status;
    hf_identity peer = {.certificate = {held.certificate, held.certificate_size},
                        .valid = held.valid,
                        .resumed = held.resumed,
                        .address = dialer->addresses.text[dialer->address_index]};
    memcpy(peer.key_id, held.key_id, sizeof peer.key_id);
    status = hf_conn_open(conn, &peer) == 0 ? HF_OK : HF_ERR_LIMIT;
    hf_tls_peer_free(&held);
    return status;
}

static int on_established(hf_dialer *dialer, hf_conn *conn, struct lws *wsi)
{
    hf_conn_begin(conn, wsi, &dialer->endpoint);
    lws_sul_cancel(&dialer->timer);
    dialer->state = DIALER_OPEN;
    hf_status status = owner_open(dialer, conn);
    if (status == HF_OK) return 0;
    dialer->wsi = NULL; /* what lws will say of it concerns nobody any more */
    dialer->state = DIALER_IDLE;
    if (status == HF_ERR_DENIED) dial_failed(dialer, "the hub has proved no identity");
    return -1;
}

static void on_closed(hf_dialer *dialer, hf_conn *conn)
{
    const char *tls = hf_tls_client_failure(dialer->tls, lws_get_ssl(conn->wsi));
    if (tls && !conn->reason[0]) snprintf(conn->reason, sizeof conn->reason, "TLS: %s", tls);
    dialer->wsi = NULL;
    dialer->state = DIALER_IDLE; /* first: the owner may dial again from on_close */
    hf_conn_closed(conn);
}

static int on_session(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                      size_t size)
{
    hf_dialer *dialer = lws_vhost_user(lws_get_vhost(wsi));
    hf_conn *conn = user;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: on_connection_error(dialer, wsi, in, size); return 0;
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP: /* before the upgrade; lws reports it so, now and then */
        on_connection_error(dialer, wsi, NULL, 0);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY: /* whatever else: neither dial nor link ends in silence */
        on_connection_error(dialer, wsi, NULL, 0);
        if (wsi == dialer->wsi && dialer->state == DIALER_OPEN) on_closed(dialer, conn);
        return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED: return on_established(dialer, conn, wsi);
    case LWS_CALLBACK_CLIENT_RECEIVE: return hf_conn_receive(conn, in, size);
    case LWS_CALLBACK_CLIENT_WRITEABLE: return hf_conn_writable(conn);
    case LWS_CALLBACK_TIMER: return hf_conn_timer(conn);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: hf_conn_peer_closes(conn, in, size); return 0;
    case LWS_CALLBACK_CLIENT_CLOSED: on_closed(dialer, conn); return 0;
    default: return 0;
    }
}

static const struct lws_protocols DIALER_PROTOCOLS[] = {
    {.name = "holdfast.1",
     .callback = on_session,
     .per_session_data_size = sizeof(hf_conn),
     .rx_buffer_size = RX_BUFFER_SIZE,
     .tx_packet_size = TX_PACKET_SIZE},
    {.name = NULL},
};

static void dialer_free(hf_dialer *dialer)
{
    hf_tls_client_free(dialer->tls);
    free(dialer);
}

/* Called by lws at the end of the loop. */
static void on_finalize(struct lws_vhost *vhost, void *context)
{
    (void)vhost;
    dialer_free(context);
}

static hf_status vhost_open(hf_dialer *dialer)
{
    struct lws_context_creation_info info;
    hf_loop_vhost(dialer->endpoint.loop, &info);
    info.vhost_name = dialer->name;
    info.protocols = DIALER_PROTOCOLS;
    info.user = dialer;
    info.provided_client_ssl_ctx = hf_tls_client_context(dialer->tls);
    info.finalize = on_finalize;
    info.finalize_arg = dialer;
    dialer->vhost = lws_create_vhost(dialer->endpoint.loop->lws, &info);
    return dialer->vhost ? HF_OK : HF_ERR_NOMEM;
}

hf_status hf_dialer_open(hf_loop *loop, const hf_dialer_options *options, hf_dialer **out)
{
    *out = NULL;
    hf_dialer *dialer = calloc(1, sizeof *dialer);
    if (!dialer) return HF_ERR_NOMEM;
    dialer->endpoint = (hf_endpoint){.kind = HF_ENDPOINT_DIALER,
                                     .loop = loop,
                                     .events = options->events,
                                     .message_size_max = options->message_size_max};
    dialer->port = options->port;
    bool is_ipv6 = strchr(options->host, ':') != NULL;
    int length = snprintf(dialer->host, sizeof dialer->host, "%s", options->host);
    snprintf(dialer->authority, sizeof dialer->authority, is_ipv6 ? "[%s]:%u" : "%s:%u",
             dialer->host, dialer->port);
    snprintf(dialer->name, sizeof dialer->name, "dial-%p", (void *)dialer);
    hf_status status = length > 0 && length < HOST_SIZE ? HF_OK : HF_ERR_INPUT;
    if (status == HF_OK) status = hf_tls_client_new(&options->paths, dialer->host, &dialer->tls);
    if (status == HF_OK) status = vhost_open(dialer);
    if (status != HF_OK) {
        dialer_free(dialer);
        return hf_loop_fail(loop, status, "cannot prepare to dial %s: %s, %s, %s", options->host,
                            options->paths.key, options->paths.certificate, options->paths.ca);
    }
    *out = dialer;
    return HF_OK;
}

void hf_dialer_close(hf_dialer *dialer)
{
    if (!dialer) return;
    lws_sul_cancel(&dialer->timer);
    hf_resolve_close(dialer->resolve);
    dialer->resolve = NULL;
    hf_endpoint_close(&dialer->endpoint, "no longer wanted");
    if (dialer->state == DIALER_DIALING && dialer->wsi) {
        lws_set_timeout(dialer->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
        hf_loop_wake(dialer->endpoint.loop);
    }
}
