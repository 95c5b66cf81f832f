/* enrol_server.c: the listener for devices that have no certificate yet.
 *
 * Why its own listener and port: this is the only door that opens to somebody unknown. It takes two
 * requests, one body of a bounded size, so many a second, and knows nothing else. */
#include "enrol.h"

#include "clock.h"
#include "files.h"
#include "loop_private.h"
#include "tls_identity.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADERS_MAX = 1024 };

struct hf_enrol_server {
    hf_endpoint endpoint; /* first: the vhost's user pointer */
    struct lws_vhost *vhost;
    hf_tls_listener listener;
    hf_strangers *strangers;
    hf_key_paths paths; /* for the time of hf_enrol_open only */
    void *context;
    hf_enrol_handler on_enrol;
    uint8_t *ca; /* PEM */
    size_t ca_size;
    uint64_t window_ms; /* the second that is being counted */
    uint32_t window_count;
    bool failed_open; /* the caller frees it, not lws */
    char address[HF_ADDRESS_SIZE_MAX], name[32];
};

/* One request, kept by lws for its connection. */
typedef struct request {
    uint8_t *body;
    size_t size;
} request;

static void on_tls_refused(void *context, int fd, const char *reason)
{
    (void)context; /* whoever cannot speak TLS here is no device of ours, and unknown anyway */
    (void)fd;
    (void)reason;
}

/* Sends the whole answer and ends the connection with it: a device has one thing to ask. */
static int answer(struct lws *wsi, int code, const char *type, hf_bytes body)
{
    uint8_t *buffer = malloc(LWS_PRE + HEADERS_MAX + body.size);
    if (!buffer) return -1;
    int head = snprintf((char *)buffer + LWS_PRE, HEADERS_MAX,
                        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\nCache-Control: no-store\r\n\r\n",
                        code, code == 200 ? "OK" : "Refused", type, body.size);
    assert(head > 0 && head < HEADERS_MAX);
    if (body.size) memcpy(buffer + LWS_PRE + head, body.data, body.size);
    lws_write(wsi, buffer + LWS_PRE, (size_t)head + body.size, LWS_WRITE_HTTP);
    free(buffer);
    return -1;
}

static int refuse(struct lws *wsi, int code, const char *words)
{
    return answer(wsi, code, "text/plain", (hf_bytes){(const uint8_t *)words, strlen(words)});
}

/* A fixed window of a second: crude, but what it guards is guessing secrets of 128 bits. */
static bool may_answer(hf_enrol_server *server)
{
    uint64_t now_ms = hf_clock_now_ms();
    if (now_ms - server->window_ms >= 1000) {
        server->window_ms = now_ms;
        server->window_count = 0;
    }
    return server->window_count++ < HF_ENROL_PER_SECOND;
}

static bool is_path(const void *in, size_t size, const char *path)
{
    return size == strlen(path) && memcmp(in, path, size) == 0;
}

/* The length must be announced, and fit: then no body can surprise us. */
static int on_post(hf_enrol_server *server, struct lws *wsi)
{
    char length[16];
    int got = lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    if (got <= 0) return refuse(wsi, 411, "Content-Length, please.\n");
    char *end = NULL;
    long size = strtol(length, &end, 10);
    if (*end || size <= 0) return refuse(wsi, 400, "What Content-Length is that?\n");
    if (size > HF_ENROL_BODY_MAX) return refuse(wsi, 413, "At most 16 KiB.\n");
    if (!may_answer(server)) return refuse(wsi, 429, "Too many at once: try again shortly.\n");
    return 0; /* the body comes */
}

static int on_request(hf_enrol_server *server, struct lws *wsi, const void *in, size_t size)
{
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) && is_path(in, size, "/ca")) {
        return answer(wsi, 200, "application/x-pem-file", (hf_bytes){server->ca, server->ca_size});
    }
    if (lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) && is_path(in, size, "/enrol")) {
        return on_post(server, wsi);
    }
    return refuse(wsi, 404, "Here are only GET /ca and POST /enrol.\n");
}

static int on_body(struct lws *wsi, request *r, const void *in, size_t size)
{
    if (size > HF_ENROL_BODY_MAX - r->size) return refuse(wsi, 413, "At most 16 KiB.\n");
    if (!r->body) r->body = malloc(HF_ENROL_BODY_MAX);
    if (!r->body) return -1;
    memcpy(r->body + r->size, in, size);
    r->size += size;
    return 0;
}

static int on_whole_body(hf_enrol_server *server, struct lws *wsi, const request *r)
{
    char address[HF_ADDRESS_SIZE_MAX];
    size_t size = HF_ENROL_REPLY_MAX;
    uint8_t *reply = malloc(size);
    if (!reply) return -1;
    hf_loop_address(lws_get_socket_fd(wsi), address);
    int code =
        server->on_enrol(server->context, (hf_bytes){r->body, r->size}, address, reply, &size);
    assert(size <= HF_ENROL_REPLY_MAX);
    int result = answer(wsi, code, "application/octet-stream", (hf_bytes){reply, size});
    free(reply);
    return result;
}

static int on_context(hf_enrol_server *server, void *ssl_ctx)
{
    server->listener = (hf_tls_listener){on_tls_refused, server};
    return hf_tls_serve(ssl_ctx, &server->paths, false, &server->listener) == HF_OK ? 0 : -1;
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                   size_t size)
{
    hf_enrol_server *server = lws_vhost_user(lws_get_vhost(wsi));
    request *r = user;
    switch (reason) {
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS: return on_context(server, user);
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        hf_strangers_announce(server->strangers, (int)(intptr_t)in);
        return server->endpoint.closed;
    case LWS_CALLBACK_WSI_CREATE: hf_strangers_enter(server->strangers, wsi); return 0;
    case LWS_CALLBACK_WSI_DESTROY: hf_strangers_leave(server->strangers, wsi); return 0;
    case LWS_CALLBACK_HTTP: return on_request(server, wsi, in, size);
    case LWS_CALLBACK_HTTP_BODY: return on_body(wsi, r, in, size);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION: return on_whole_body(server, wsi, r);
    case LWS_CALLBACK_CLOSED_HTTP:
        if (r) free(r->body);
        if (r) r->body = NULL;
        return 0;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: /* fall through: no websockets here */
    case LWS_CALLBACK_ESTABLISHED: return -1;
    default: return 0;
    }
}

static const struct lws_protocols ENROL_PROTOCOLS[] = {
    {.name = "http", .callback = on_http, .per_session_data_size = sizeof(request)},
    {.name = NULL},
};

static void server_free(hf_enrol_server *server)
{
    hf_strangers_free(server->strangers);
    free(server->ca);
    free(server);
}

/* Called by lws at the end of the loop. */
static void on_finalize(struct lws_vhost *vhost, void *context)
{
    (void)vhost;
    hf_enrol_server *server = context;
    if (!server->failed_open) server_free(server);
}

static hf_status listen_on(hf_loop *loop, hf_enrol_server *server, uint16_t port)
{
    struct lws_context_creation_info info;
    hf_loop_vhost(loop, &info);
    info.vhost_name = server->name;
    info.protocols = ENROL_PROTOCOLS;
    info.options |= LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
    info.user = server;
    info.finalize = on_finalize;
    info.finalize_arg = server;
    return hf_loop_listen(loop, &info, server->address[0] ? server->address : NULL, port,
                          &server->vhost);
}

hf_status hf_enrol_open(hf_loop *loop, const hf_enrol_options *options, hf_enrol_server **out)
{
    *out = NULL;
    hf_status status = hf_tls_check(&options->paths);
    if (status != HF_OK) {
        return hf_loop_fail(loop, status, "the hub's key, certificate and CA do not match");
    }
    hf_enrol_server *server = calloc(1, sizeof *server);
    if (!server) return HF_ERR_NOMEM;
    server->endpoint = (hf_endpoint){.kind = HF_ENDPOINT_ENROL, .loop = loop};
    server->paths = options->paths;
    server->context = options->context;
    server->on_enrol = options->on_enrol;
    server->failed_open = true;
    snprintf(server->address, sizeof server->address, "%s",
             options->address ? options->address : "");
    snprintf(server->name, sizeof server->name, "enrol-%p", (void *)server);
    status = hf_file_read(options->paths.ca, HF_PEM_MAX, &server->ca, &server->ca_size);
    if (status == HF_OK) status = hf_strangers_new(loop, &options->strangers, &server->strangers);
    if (status == HF_OK) status = listen_on(loop, server, options->port);
    if (status != HF_OK) {
        server_free(server);
        return status;
    }
    server->failed_open = false;
    memset(&server->paths, 0, sizeof server->paths);
    *out = server;
    return HF_OK;
}

uint16_t hf_enrol_port(const hf_enrol_server *server)
{
    return (uint16_t)lws_get_vhost_listen_port(server->vhost);
}

void hf_enrol_close(hf_enrol_server *server)
{
    if (server) hf_endpoint_close(&server->endpoint, "the hub is stopping");
}
