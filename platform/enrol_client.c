/* enrol_client.c: the device's end of enrolment: two blocking HTTPS requests, by mbedTLS.
 *
 * Why the host's name is checked here: mbedTLS 2.28 compares names but not IP addresses, and a hub
 * in a police station is often just an address. Nothing is sent before that check. */
#include "enrol.h"

#include "clock.h"
#include "http_reply.h"
#include "keys_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/ssl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEAD_MAX = 1024,
    REPLY_MAX = HF_ENROL_REPLY_MAX + 4096, /* and its headers */
    SAN_DNS = 0x82,
    SAN_IP = 0x87
};

typedef struct call {
    const hf_enrol_peer *peer;
    int fd;
    uint64_t deadline_ms;
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
    mbedtls_x509_crt ca;
    uint8_t *reply; /* all that came, headers too */
    size_t reply_size;
} call;

static hf_status fail(const call *c, hf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static hf_status fail(const call *c, hf_status status, const char *format, ...)
{
    va_list values;
    if (!c->peer->error) return status;
    va_start(values, format);
    vsnprintf(c->peer->error, c->peer->error_size, format, values);
    va_end(values);
    return status;
}

/* --- the link ------------------------------------------------------------------------------ */

static bool wait_for(int fd, short events, uint64_t deadline_ms)
{
    for (;;) {
        uint64_t now_ms = hf_clock_now_ms();
        if (now_ms >= deadline_ms) return false;
        struct pollfd wanted = {.fd = fd, .events = events};
        int ready = poll(&wanted, 1, (int)(deadline_ms - now_ms));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

static int link_send(void *context, const unsigned char *bytes, size_t size)
{
    call *c = context;
    if (!wait_for(c->fd, POLLOUT, c->deadline_ms)) return MBEDTLS_ERR_SSL_TIMEOUT;
    ssize_t done = send(c->fd, bytes, size, MSG_NOSIGNAL);
    if (done >= 0) return (int)done;
    return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_WRITE
                                             : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int link_recv(void *context, unsigned char *bytes, size_t size)
{
    call *c = context;
    if (!wait_for(c->fd, POLLIN, c->deadline_ms)) return MBEDTLS_ERR_SSL_TIMEOUT;
    ssize_t got = recv(c->fd, bytes, size, 0);
    if (got >= 0) return (int)got;
    return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_READ
                                             : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

/* Tries one address; -1 with errno set when nobody answers there. */
static int connect_to(const struct addrinfo *to, uint64_t deadline_ms)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int error = connect(fd, to->ai_addr, to->ai_addrlen) ? errno : 0;
    if (error == EINPROGRESS) {
        socklen_t size = sizeof error;
        error = ETIMEDOUT;
        if (wait_for(fd, POLLOUT, deadline_ms)) {
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        }
    }
    if (!error) return fd;
    close(fd);
    errno = error;
    return -1;
}

static hf_status link_open(call *c)
{
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    snprintf(service, sizeof service, "%u", c->peer->port);
    int code = getaddrinfo(c->peer->host, service, &hints, &found);
    if (code != 0) {
        return fail(c, HF_ERR_IO, "%s is not known: %s", c->peer->host, gai_strerror(code));
    }
    int error = ENOENT;
    for (const struct addrinfo *to = found; to && c->fd < 0; to = to->ai_next) {
        c->fd = connect_to(to, c->deadline_ms);
        error = errno;
    }
    freeaddrinfo(found);
    if (c->fd >= 0) return HF_OK;
    return fail(c, HF_ERR_IO, "nobody answers at %s port %u: %s", c->peer->host, c->peer->port,
                strerror(error));
}

/* --- who is there -------------------------------------------------------------------------- */

static bool name_matches(const mbedtls_x509_buf *name, const char *host)
{
    struct in6_addr address;
    size_t size = 0;
    if (inet_pton(AF_INET, host, &address) == 1) size = sizeof(struct in_addr);
    if (inet_pton(AF_INET6, host, &address) == 1) size = sizeof address;
    if (size) /* an address is not a name, even where one is written like the other */
        return name->tag == SAN_IP && name->len == size && memcmp(name->p, &address, size) == 0;
    return name->tag == SAN_DNS && name->len == strlen(host) &&
           strncasecmp((char *)name->p, host, name->len) == 0;
}

static hf_status check_host(const call *c)
{
    const mbedtls_x509_crt *certificate = mbedtls_ssl_get_peer_cert(&c->ssl);
    const mbedtls_x509_sequence *names = certificate ? &certificate->subject_alt_names : NULL;
    if (certificate && !hf_keys_has_usage(certificate, MBEDTLS_OID_SERVER_AUTH,
                                          MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)))
        return fail(c, HF_ERR_DENIED, "what answers there shows a certificate that is not a hub's");
    for (; names; names = names->next) {
        if (names->buf.len && name_matches(&names->buf, c->peer->host)) return HF_OK;
    }
    return fail(c, HF_ERR_DENIED, "the hub's certificate is not for %s", c->peer->host);
}

static hf_status handshake(call *c, bool trusted)
{
    mbedtls_ssl_set_bio(&c->ssl, c, link_send, link_recv, NULL);
    int code;
    do {
        code = mbedtls_ssl_handshake(&c->ssl);
    } while (code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE);
    if (code == 0) return trusted ? check_host(c) : HF_OK;
    if (code == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
        return fail(c, HF_ERR_DENIED,
                    "the hub's certificate is not by the CA that the token names");
    }
    if (code == MBEDTLS_ERR_SSL_TIMEOUT) return fail(c, HF_ERR_IO, "time-out: no TLS answer");
    return fail(c, HF_ERR_PROTOCOL, "no TLS with %s port %u (-0x%04x)", c->peer->host,
                c->peer->port, (unsigned)-code);
}

static hf_status tls_prepare(call *c, hf_bytes ca)
{
    int code =
        mbedtls_ssl_config_defaults(&c->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT);
    if (code == 0 && ca.size) code = mbedtls_x509_crt_parse_der(&c->ca, ca.data, ca.size);
    if (code != 0) return fail(c, HF_ERR_PROTOCOL, "the CA's certificate cannot be read");
    mbedtls_ssl_conf_rng(&c->config, hf_keys_rng, NULL);
    mbedtls_ssl_conf_min_version(&c->config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3); /* TLS 1.2 */
    mbedtls_ssl_conf_authmode(&c->config,
                              ca.size ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_ca_chain(&c->config, &c->ca, NULL);
    mbedtls_ssl_conf_verify(&c->config, hf_keys_judge_chain, NULL);
    code = mbedtls_ssl_setup(&c->ssl, &c->config);
    if (code == 0) code = mbedtls_ssl_set_hostname(&c->ssl, NULL); /* check_host does it */
    return code == 0 ? HF_OK : HF_ERR_NOMEM;
}

/* --- one request --------------------------------------------------------------------------- */

static hf_status send_all(call *c, hf_bytes bytes)
{
    while (bytes.size > 0) {
        int done = mbedtls_ssl_write(&c->ssl, bytes.data, bytes.size);
        if (done == MBEDTLS_ERR_SSL_WANT_WRITE || done == MBEDTLS_ERR_SSL_WANT_READ) continue;
        if (done <= 0) return fail(c, HF_ERR_IO, "the link broke while asking");
        bytes.data += done;
        bytes.size -= (size_t)done;
    }
    return HF_OK;
}

/* Reads to the end of the connection; what is a whole reply is for http_reply.c to say. */
static hf_status read_all(call *c)
{
    c->reply = malloc(REPLY_MAX);
    if (!c->reply) return HF_ERR_NOMEM;
    while (c->reply_size < REPLY_MAX) {
        int got = mbedtls_ssl_read(&c->ssl, c->reply + c->reply_size, REPLY_MAX - c->reply_size);
        if (got == MBEDTLS_ERR_SSL_WANT_READ || got == MBEDTLS_ERR_SSL_WANT_WRITE) continue;
        if (got == MBEDTLS_ERR_SSL_TIMEOUT) return fail(c, HF_ERR_IO, "time-out: no answer");
        if (got <= 0) return HF_OK;
        c->reply_size += (size_t)got;
    }
    return fail(c, HF_ERR_PROTOCOL, "the answer is too long");
}

static void call_begin(call *c, const hf_enrol_peer *peer)
{
    memset(c, 0, sizeof *c);
    c->peer = peer;
    c->fd = -1;
    c->deadline_ms = hf_clock_now_ms() + HF_ENROL_TIMEOUT_MS;
    mbedtls_ssl_config_init(&c->config);
    mbedtls_ssl_init(&c->ssl);
    mbedtls_x509_crt_init(&c->ca);
    if (peer->error && peer->error_size) peer->error[0] = 0;
}

static void call_end(call *c)
{
    mbedtls_ssl_free(&c->ssl);
    mbedtls_ssl_config_free(&c->config);
    mbedtls_x509_crt_free(&c->ca);
    if (c->fd >= 0) close(c->fd);
    free(c->reply);
}

/* An empty `ca` trusts whoever answers. `body` of the reply borrows from `c`. */
static hf_status ask(call *c, hf_bytes ca, hf_bytes head, hf_bytes request, int *http_status,
                     hf_bytes *body)
{
    hf_status status = tls_prepare(c, ca);
    if (status == HF_OK) status = link_open(c);
    if (status == HF_OK) status = handshake(c, ca.size > 0);
    if (status == HF_OK) status = send_all(c, head);
    if (status == HF_OK) status = send_all(c, request);
    if (status == HF_OK) status = read_all(c);
    if (status != HF_OK) return status;
    status = hf_http_reply_read((hf_bytes){c->reply, c->reply_size}, http_status, body);
    if (status == HF_OK) return HF_OK;
    return fail(c, status, "%s port %u is no enrolment listener", c->peer->host, c->peer->port);
}

static hf_bytes head_of(char out[HEAD_MAX], const hf_enrol_peer *peer, const char *what,
                        size_t size)
{
    int length = snprintf(out, HEAD_MAX,
                          "%s HTTP/1.1\r\nHost: %.255s\r\nContent-Length: %zu\r\n"
                          "Connection: close\r\n\r\n",
                          what, peer->host, size);
    return (hf_bytes){(const uint8_t *)out, (size_t)length};
}

hf_status hf_enrol_fetch_ca(const hf_enrol_peer *peer, uint8_t out[HF_CERTIFICATE_DER_MAX],
                            size_t *size)
{
    call c;
    char head[HEAD_MAX];
    hf_bytes body = {NULL, 0}, none = {NULL, 0};
    int http_status = 0;
    size_t room = HF_CERTIFICATE_DER_MAX;
    *size = 0;
    call_begin(&c, peer);
    hf_status status = ask(&c, none, head_of(head, peer, "GET /ca", 0), none, &http_status, &body);
    if (status == HF_OK &&
        (http_status != 200 || hf_pem_decode("CERTIFICATE", body, out, &room) != HF_OK)) {
        status =
            fail(&c, HF_ERR_PROTOCOL, "%s port %u gives no CA certificate", peer->host, peer->port);
    }
    if (status == HF_OK) *size = room;
    call_end(&c);
    return status;
}

hf_status hf_enrol_post(const hf_enrol_peer *peer, hf_bytes ca, hf_bytes body, int *http_status,
                        uint8_t *reply, size_t *size)
{
    call c;
    char head[HEAD_MAX];
    hf_bytes got = {NULL, 0};
    const size_t room = *size;
    *size = 0;
    if (ca.size == 0 || body.size == 0) return HF_ERR_INPUT; /* without a CA: whom would we trust */
    call_begin(&c, peer);
    hf_status status =
        ask(&c, ca, head_of(head, peer, "POST /enrol", body.size), body, http_status, &got);
    if (status == HF_OK && got.size > room)
        status = fail(&c, HF_ERR_LIMIT, "the answer is too long");
    if (status == HF_OK && got.size) memcpy(reply, got.data, got.size);
    if (status == HF_OK) *size = got.size;
    call_end(&c);
    return status;
}
