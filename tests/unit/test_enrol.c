/* test_enrol.c: the enrolment listener and the device's two calls, over real TLS on loopback. */
#include "platform/enrol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "both_loops.h"
#include "transport_bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum { PATIENCE_MS = 120 * 1000 };

typedef struct bench {
    credentials *made;
    hf_loop *loop;
    hf_enrol_server *server;
    size_t asked_count;
    uint8_t asked[HF_ENROL_BODY_MAX];
    size_t asked_size;
    int answer;
    size_t answer_size;
} bench;

static int on_enrol(void *context, hf_bytes body, const char *address, uint8_t *reply, size_t *size)
{
    bench *b = context;
    assert_string_equal(address, "127.0.0.1");
    assert_true(body.size <= sizeof b->asked && *size == HF_ENROL_REPLY_MAX);
    memcpy(b->asked, body.data, body.size);
    b->asked_size = body.size;
    b->asked_count++;
    memset(reply, 'r', b->answer_size);
    *size = b->answer_size;
    return b->answer;
}

static int set_up_loop(void **state, bool many)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->made = *state;
    b->answer = 200;
    b->answer_size = 1000;
    hf_loop_options options = {.many = many};
    assert_int_equal(hf_loop_new(&options, &b->loop), HF_OK);
    hf_enrol_options enrol = {
        .address = "127.0.0.1", .paths = b->made->hub.paths, .context = b, .on_enrol = on_enrol};
    hf_status status = hf_enrol_open(b->loop, &enrol, &b->server);
    if (status != HF_OK) print_error("%s\n", hf_loop_error(b->loop));
    assert_int_equal(status, HF_OK);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    hf_enrol_close(b->server);
    hf_loop_free(b->loop);
    *state = b->made;
    free(b);
    return 0;
}

/* --- the device, in a thread of its own, for its calls block ------------------------------- */

typedef struct device {
    const bench *bench;
    const char *host;
    const char *ca_path; /* NULL: GET /ca */
    size_t body_size;
    const char *raw; /* instead: these bytes over TLS */
    atomic_bool done;
    hf_status status;
    int http_status;
    uint8_t reply[HF_ENROL_REPLY_MAX];
    size_t size;
    char error[256];
} device;

static void read_pem(const char *path, uint8_t *der, size_t *size)
{
    uint8_t *pem = NULL;
    size_t pem_size = 0;
    assert_int_equal(hf_file_read(path, HF_PEM_MAX, &pem, &pem_size), HF_OK);
    assert_int_equal(hf_pem_decode("CERTIFICATE", (hf_bytes){pem, pem_size}, der, size), HF_OK);
    free(pem);
}

static void raw_ask(device *d)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(hf_enrol_port(d->bench->server))};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    int fd = socket(AF_INET, SOCK_STREAM, 0), got;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) {
        SSL_set_fd(ssl, fd);
        if (SSL_connect(ssl) == 1) {
            SSL_write(ssl, d->raw, (int)strlen(d->raw));
            while ((got = SSL_read(ssl, d->reply + d->size, (int)(sizeof d->reply - d->size))) >
                   0) {
                d->size += (size_t)got;
            }
        }
    }
    sscanf((char *)d->reply, "HTTP/1.1 %d", &d->http_status);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
}

static void *device_run(void *context)
{
    device *d = context;
    hf_enrol_peer peer = {.host = d->host,
                          .port = hf_enrol_port(d->bench->server),
                          .error = d->error,
                          .error_size = sizeof d->error};
    uint8_t ca[HF_CERTIFICATE_DER_MAX];
    size_t ca_size = sizeof ca;
    d->size = 0;
    if (d->raw) {
        raw_ask(d);
    } else if (!d->ca_path) {
        d->status = hf_enrol_fetch_ca(&peer, d->reply, &d->size);
    } else {
        uint8_t *body = malloc(d->body_size);
        memset(body, 'b', d->body_size);
        read_pem(d->ca_path, ca, &ca_size);
        d->size = sizeof d->reply;
        d->status = hf_enrol_post(&peer, (hf_bytes){ca, ca_size}, (hf_bytes){body, d->body_size},
                                  &d->http_status, d->reply, &d->size);
        free(body);
    }
    atomic_store(&d->done, true);
    hf_loop_wake(d->bench->loop);
    return NULL;
}

static void device_try(bench *b, device *d)
{
    pthread_t thread;
    d->bench = b;
    if (!d->host) d->host = "127.0.0.1";
    atomic_store(&d->done, false);
    assert_int_equal(pthread_create(&thread, NULL, device_run, d), 0);
    uint64_t limit_ms = hf_clock_now_ms() + PATIENCE_MS;
    while (!atomic_load(&d->done) && hf_clock_now_ms() < limit_ms) {
        assert_int_equal(hf_loop_run_once(b->loop, 100), HF_OK);
    }
    assert_true(atomic_load(&d->done));
    pthread_join(thread, NULL);
}

/* --- tests --------------------------------------------------------------------------------- */

static void the_ca_can_be_fetched_by_anybody(void **state)
{
    bench *b = *state;
    uint8_t der[HF_CERTIFICATE_DER_MAX];
    size_t size = sizeof der;
    device *d = calloc(1, sizeof *d);
    device_try(b, d);
    read_pem(b->made->hub.ca, der, &size);
    assert_int_equal(d->status, HF_OK);
    assert_int_equal(d->size, size);
    assert_memory_equal(d->reply, der, size);
    assert_int_equal(b->asked_count, 0);
    free(d);
}

static void a_body_reaches_the_owner_and_its_answer_comes_back(void **state)
{
    static const size_t sizes[] = {1, 1000, 5000, HF_ENROL_BODY_MAX};
    static const size_t answers[] = {0, 1, 20000, HF_ENROL_REPLY_MAX};
    bench *b = *state;
    device *d = calloc(1, sizeof *d);
    d->ca_path = b->made->hub.ca;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        d->body_size = sizes[i];
        b->answer_size = answers[i];
        b->answer = i == 1 ? 403 : 200;
        device_try(b, d);
        assert_string_equal(d->error, "");
        assert_int_equal(d->status, HF_OK);
        assert_int_equal(d->http_status, b->answer);
        assert_int_equal(b->asked_size, sizes[i]);
        assert_int_equal(b->asked[sizes[i] - 1], 'b');
        assert_int_equal(d->size, answers[i]);
        if (d->size) assert_int_equal(d->reply[d->size - 1], 'r');
    }
    assert_int_equal(b->asked_count, 4);
    free(d);
}

static void a_hub_of_another_ca_or_name_is_told_nothing(void **state)
{
    bench *b = *state;
    device *d = calloc(1, sizeof *d);
    d->body_size = 100;
    d->ca_path = b->made->stranger.certificate; /* some other certificate for a CA */
    device_try(b, d);
    assert_int_equal(d->status, HF_ERR_DENIED);
    assert_string_equal(d->error, "the hub's certificate is not by the CA that the token names");
    d->ca_path = b->made->hub.ca;
    d->host = "127.0.0.2"; /* loopback too, but no name of the hub's */
    device_try(b, d);
    assert_int_equal(d->status, HF_ERR_IO); /* it listens on 127.0.0.1 alone */
    assert_int_equal(b->asked_count, 0);
    free(d);
}

static void a_certificate_for_another_host_is_told_nothing(void **state)
{
    bench *b = *state;
    hf_enrol_options enrol = {.address = "127.0.0.1",
                              .paths = b->made->hub_elsewhere.paths,
                              .context = b,
                              .on_enrol = on_enrol};
    hf_enrol_close(b->server);
    assert_int_equal(hf_enrol_open(b->loop, &enrol, &b->server), HF_OK);
    device *d = calloc(1, sizeof *d);
    d->ca_path = b->made->hub.ca;
    d->body_size = 100;
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    for (size_t i = 0; i < 2; i++) {
        d->host = hosts[i];
        device_try(b, d);
        assert_int_equal(d->status, HF_ERR_DENIED);
        assert_non_null(strstr(d->error, "is not for"));
    }
    assert_int_equal(b->asked_count, 0);
    free(d);
}

static void whatever_else_is_asked_is_refused_by_number(void **state)
{
    static const struct {
        const char *request;
        int code;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 404},
        {"GET /ca/.. HTTP/1.1\r\nHost: h\r\n\r\n", 404},
        {"GET /enrol HTTP/1.1\r\nHost: h\r\n\r\n", 404},
        {"POST /ca HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 404},
        {"POST /enrol HTTP/1.1\r\nHost: h\r\nContent-Length: 16385\r\n\r\nhi", 413},
        {"POST /enrol HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\nhi", 413},
        {"POST /enrol HTTP/1.1\r\nHost: h\r\n\r\n", 411},
        {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         0},
    };
    bench *b = *state;
    device *d = calloc(1, sizeof *d);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(d->reply, 0, sizeof d->reply);
        d->http_status = 0;
        d->raw = cases[i].request;
        device_try(b, d);
        if (d->http_status != cases[i].code) print_error("%s -> %s\n", d->raw, (char *)d->reply);
        assert_int_equal(d->http_status, cases[i].code);
    }
    assert_int_equal(b->asked_count, 0);
    free(d);
}

static void the_rate_is_limited(void **state)
{
    bench *b = *state;
    device *d = calloc(1, sizeof *d);
    d->raw = "POST /enrol HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";
    int refused = 0;
    uint64_t begun_ms = hf_clock_now_ms();
    size_t tries = 0;
    for (; tries < 2 * HF_ENROL_PER_SECOND; tries++) {
        d->http_status = 0;
        device_try(b, d);
        refused += d->http_status == 429;
        if (refused) break;
    }
    /* A slow machine may need more than a second for eleven: then none need be refused. */
    assert_true(refused || hf_clock_now_ms() - begun_ms > 1000);
    assert_true(b->asked_count <= tries);
    free(d);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        BOTH(the_ca_can_be_fetched_by_anybody),
        BOTH(a_body_reaches_the_owner_and_its_answer_comes_back),
        BOTH(a_hub_of_another_ca_or_name_is_told_nothing),
        BOTH(a_certificate_for_another_host_is_told_nothing),
        BOTH(whatever_else_is_asked_is_refused_by_number),
        BOTH(the_rate_is_limited),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("enrol", tests, credentials_make, credentials_drop);
}
