/* test_transport.c: real TLS on loopback, with the loops that there are: a device's for few links
 * and a hub's for many, or one for many where a hub is at both ends, as a station is. */
#include "platform/loop_private.h"
#include "platform/transport.h"
#include "sync/validity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "both_loops.h"
#include "transport_bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum {
    MESSAGE_MAX = 256 * 1024,
    PATIENCE_MS = 120 * 1000, /* how long a test waits for what must happen */
    QUEUE_MAX = 16,
    ENDS_MAX = 4
};

/* One end of an open connection, and what it has to say. */
typedef struct end {
    hf_conn *conn;
    bool echoes;
    uint8_t *queue[QUEUE_MAX];
    size_t queue_size[QUEUE_MAX], queued;
    uint8_t *received; /* the last message */
    size_t received_size, received_count, byte_count;
    bool closed;
    char reason[HF_CONN_REASON_SIZE];
} end;

typedef struct bench {
    credentials *made;
    hf_loop *loop, *hub_loop; /* the same for many */
    hf_server *server;
    end hub_ends[ENDS_MAX], device_ends[ENDS_MAX];
    size_t hub_count, device_count;
    uint8_t barred[HF_HASH_SIZE]; /* the key that `admit` refuses */
    size_t admit_count, admit_resumed, device_asked;
    hf_validity saw_valid, saw_hub_valid;
    bool device_refuses;
    uint8_t seen_key[HF_HASH_SIZE];
    size_t refused_count, failed_count;
    char refused[HF_CONN_REASON_SIZE], failed[HF_CONN_REASON_SIZE];
} bench;

/* --- the two owners ------------------------------------------------------------------------ */

static bool on_admit(void *context, const hf_identity *peer)
{
    bench *b = context;
    b->admit_count++;
    b->saw_valid = peer->valid;
    b->admit_resumed += peer->resumed;
    assert_string_equal(peer->address, "127.0.0.1");
    memcpy(b->seen_key, peer->key_id, HF_HASH_SIZE);
    return memcmp(peer->key_id, b->barred, HF_HASH_SIZE) != 0;
}

static hf_status on_hub_open(void *context, hf_conn *conn, const hf_identity *peer, void **user)
{
    bench *b = context;
    assert_memory_equal(peer->key_id, b->seen_key, HF_HASH_SIZE);
    assert_true(peer->certificate.size > 0);
    if (b->hub_count == ENDS_MAX) return HF_ERR_LIMIT;
    end *e = &b->hub_ends[b->hub_count++];
    *e = (end){.conn = conn, .echoes = true};
    *user = e;
    return HF_OK;
}

static hf_status on_device_open(void *context, hf_conn *conn, const hf_identity *peer, void **user)
{
    bench *b = context;
    assert_memory_equal(peer->key_id, b->made->hub.key_id, HF_HASH_SIZE);
    b->saw_hub_valid = peer->valid;
    b->device_asked++;
    if (b->device_refuses || b->device_count == ENDS_MAX) return HF_ERR_LIMIT;
    end *e = &b->device_ends[b->device_count++];
    *e = (end){.conn = conn};
    *user = e;
    return HF_OK;
}

static void end_say(end *e, const uint8_t *bytes, size_t size)
{
    assert_true(e->queued < QUEUE_MAX);
    e->queue[e->queued] = malloc(size + 1);
    assert_non_null(e->queue[e->queued]);
    if (size) memcpy(e->queue[e->queued], bytes, size);
    e->queue_size[e->queued++] = size;
    hf_conn_want_write(e->conn);
}

static void on_message(void *user, hf_bytes message)
{
    end *e = user;
    assert_false(e->closed);
    free(e->received);
    e->received = malloc(message.size + 1);
    if (message.size) memcpy(e->received, message.data, message.size);
    e->received_size = message.size;
    e->received_count++;
    e->byte_count += message.size;
    if (e->echoes) end_say(e, message.data, message.size);
}

static void on_writable(void *user)
{
    end *e = user;
    if (e->queued == 0) return;
    hf_status status = hf_conn_send(e->conn, (hf_bytes){e->queue[0], e->queue_size[0]});
    assert_int_equal(status, HF_OK);
    free(e->queue[0]);
    e->queued--;
    memmove(e->queue, e->queue + 1, e->queued * sizeof *e->queue);
    memmove(e->queue_size, e->queue_size + 1, e->queued * sizeof *e->queue_size);
    if (e->queued > 0) hf_conn_want_write(e->conn);
}

static void on_close(void *user, const char *reason)
{
    end *e = user;
    assert_false(e->closed); /* once */
    e->closed = true;
    e->conn = NULL;
    snprintf(e->reason, sizeof e->reason, "%s", reason);
}

static void on_refused(void *context, const char *address, const char *reason)
{
    bench *b = context;
    assert_string_equal(address, "127.0.0.1");
    b->refused_count++;
    snprintf(b->refused, sizeof b->refused, "%s", reason);
}

static void on_fail(void *context, const char *address, const char *reason)
{
    bench *b = context;
    (void)address;
    b->failed_count++;
    snprintf(b->failed, sizeof b->failed, "%s", reason);
}

/* --- the bench ----------------------------------------------------------------------------- */

static bench *bench_of(void **state)
{
    return *state;
}

static void server_start(bench *b, const identity *who, uint32_t connections_max)
{
    hf_server_options options = {.address = "127.0.0.1",
                                 .paths = who->paths,
                                 .message_size_max = MESSAGE_MAX,
                                 .connections_max = connections_max,
                                 .events = {.context = b,
                                            .admit = on_admit,
                                            .on_open = on_hub_open,
                                            .on_message = on_message,
                                            .on_writable = on_writable,
                                            .on_close = on_close,
                                            .on_fail = on_refused}};
    hf_status status = hf_server_open(b->hub_loop, &options, &b->server);
    if (status != HF_OK) print_error("%s\n", hf_loop_error(b->hub_loop));
    assert_int_equal(status, HF_OK);
    assert_int_not_equal(hf_server_port(b->server), 0);
}

static hf_dialer *client_to(bench *b, const identity *who, const char *host, uint16_t port)
{
    hf_dialer *client = NULL;
    hf_dialer_options options = {.host = host,
                                 .port = port,
                                 .paths = who->paths,
                                 .message_size_max = MESSAGE_MAX,
                                 .events = {.context = b,
                                            .on_open = on_device_open,
                                            .on_message = on_message,
                                            .on_writable = on_writable,
                                            .on_close = on_close,
                                            .on_fail = on_fail}};
    hf_status status = hf_dialer_open(b->loop, &options, &client);
    if (status != HF_OK) print_error("%s\n", hf_loop_error(b->loop));
    assert_int_equal(status, HF_OK);
    return client;
}

static hf_dialer *client_start(bench *b, const identity *who)
{
    hf_dialer *client = client_to(b, who, "127.0.0.1", hf_server_port(b->server));
    assert_int_equal(hf_dialer_dial(client), HF_OK);
    return client;
}

/* Two loops take turns that are short: neither knows what the other waits for. */
static void run_loops(bench *b)
{
    if (b->hub_loop == b->loop) {
        assert_int_equal(hf_loop_run_once(b->loop, 100), HF_OK);
        return;
    }
    assert_int_equal(hf_loop_run_once(b->hub_loop, 1), HF_OK);
    assert_int_equal(hf_loop_run_once(b->loop, 1), HF_OK);
}

/* Runs the loops until `done` or patience ends. */
#define RUN_UNTIL(b, done)                                                                         \
    do {                                                                                           \
        uint64_t limit_ms = hf_clock_now_ms() + PATIENCE_MS;                                       \
        while (!(done) && hf_clock_now_ms() < limit_ms) run_loops(b);                              \
        assert_true(done);                                                                         \
    } while (0)

static int set_up_loop(void **state, bool many)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->made = *state;
    hf_loop_options options = {.many = many};
    assert_int_equal(hf_loop_new(&options, &b->loop), HF_OK);
    b->hub_loop = b->loop;
    options.many = true;
    if (!many) assert_int_equal(hf_loop_new(&options, &b->hub_loop), HF_OK);
    *state = b;
    return 0;
}

static void end_free(end *e)
{
    free(e->received);
    while (e->queued > 0) free(e->queue[--e->queued]);
}

static int tear_down(void **state)
{
    bench *b = *state;
    hf_server_close(b->server);
    hf_loop_free(b->loop);
    if (b->hub_loop != b->loop) hf_loop_free(b->hub_loop);
    for (size_t i = 0; i < ENDS_MAX; i++) {
        assert_true(i >= b->hub_count || b->hub_ends[i].closed); /* each open had its close */
        assert_true(i >= b->device_count || b->device_ends[i].closed);
        end_free(&b->hub_ends[i]);
        end_free(&b->device_ends[i]);
    }
    *state = b->made;
    free(b);
    return 0;
}

static uint8_t *pattern(size_t size, uint8_t seed)
{
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(i * 31 + (i >> 8) * 7 + seed);
    return bytes;
}

/* --- what works ---------------------------------------------------------------------------- */

static void messages_of_any_size_come_back_whole(void **state)
{
    static const size_t sizes[] = {0,    1,     125,   126,    127,        4095,       4096,
                                   4097, 65535, 65536, 100000, 200 * 1024, MESSAGE_MAX};
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    hf_dialer *client = client_start(b, &b->made->one);
    RUN_UNTIL(b, b->device_count == 1 && b->hub_count == 1);
    assert_memory_equal(b->seen_key, b->made->one.key_id, HF_HASH_SIZE);
    assert_true(hf_validity_holds(b->saw_valid, hf_clock_wall_ms()));
    end *device = &b->device_ends[0];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *sent = pattern(sizes[i], (uint8_t)i);
        end_say(device, sent, sizes[i]);
        RUN_UNTIL(b, device->received_count == i + 1);
        assert_int_equal(device->received_size, sizes[i]);
        assert_memory_equal(device->received, sent, sizes[i]);
        free(sent);
    }
    hf_dialer_close(client);
}

static void many_messages_arrive_in_order_without_one_lost(void **state)
{
    enum { ROUNDS = 300 };
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    hf_dialer *client = client_start(b, &b->made->one);
    RUN_UNTIL(b, b->device_count == 1);
    end *device = &b->device_ends[0];
    size_t expected = 0;
    uint8_t *bytes = pattern(70000, 3);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        memcpy(bytes, &i, sizeof i);
        size_t size = 4 + (i * 7919) % 60000;
        expected += size;
        RUN_UNTIL(b, device->queued < QUEUE_MAX - 1 && device->received_count + 8 > i);
        end_say(device, bytes, size);
    }
    RUN_UNTIL(b, device->received_count == ROUNDS);
    assert_int_equal(device->byte_count, expected);
    uint32_t last = 0;
    memcpy(&last, device->received, sizeof last);
    assert_int_equal(last, ROUNDS - 1);
    free(bytes);
    hf_dialer_close(client);
}

static void two_clients_do_not_mix(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    hf_dialer *first = client_start(b, &b->made->one);
    RUN_UNTIL(b, b->device_count == 1);
    hf_dialer *second = client_start(b, &b->made->two);
    RUN_UNTIL(b, b->device_count == 2 && b->hub_count == 2);
    uint8_t *one = pattern(90000, 1), *two = pattern(90000, 2);
    end_say(&b->device_ends[0], one, 90000);
    end_say(&b->device_ends[1], two, 90000);
    RUN_UNTIL(b, b->device_ends[0].received_count == 1 && b->device_ends[1].received_count == 1);
    assert_memory_equal(b->device_ends[0].received, one, 90000);
    assert_memory_equal(b->device_ends[1].received, two, 90000);
    hf_dialer_close(first);
    RUN_UNTIL(b, b->hub_ends[0].closed);
    assert_false(b->hub_ends[1].closed);
    free(one);
    free(two);
    hf_dialer_close(second);
}

static void closing_sends_what_was_said_and_the_reason(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    hf_dialer *client = client_start(b, &b->made->one);
    RUN_UNTIL(b, b->device_count == 1 && b->hub_count == 1);
    end *hub = &b->hub_ends[0], *device = &b->device_ends[0];
    uint8_t *last_words = pattern(150000, 9), *unheard = pattern(200000, 8);
    end_say(device, unheard, 200000); /* in flight, unread, when the hub closes */
    end_say(hub, last_words, 150000);
    RUN_UNTIL(b, hub->queued == 0);
    hf_conn_close(hub->conn, "revoked");
    size_t handed_up = hub->received_count;
    RUN_UNTIL(b, hub->closed && device->closed);
    assert_int_equal(hub->received_count, handed_up);
    assert_int_equal(device->received_count, 1);
    assert_memory_equal(device->received, last_words, 150000);
    assert_string_equal(hub->reason, "revoked");
    assert_string_equal(device->reason, "the peer closed, saying \"revoked\"");
    free(last_words);
    free(unheard);
    hf_dialer_close(client);
}

static void a_client_can_dial_again_after_a_close(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    hf_dialer *client = client_start(b, &b->made->one);
    for (size_t i = 0; i < 3; i++) {
        RUN_UNTIL(b, b->device_count == i + 1 && b->hub_count == i + 1);
        assert_int_equal(hf_dialer_dial(client), HF_ERR_BUSY);
        hf_conn_close(b->device_ends[i].conn, "enough");
        RUN_UNTIL(b, b->device_ends[i].closed && b->hub_ends[i].closed);
        assert_int_equal(hf_dialer_dial(client), HF_OK);
    }
    RUN_UNTIL(b, b->device_count == 4);
    assert_int_equal(b->admit_count, 4);   /* asked every time, resumed or not */
    assert_int_equal(b->admit_resumed, 3); /* and the certificates went over the link once */
    hf_dialer_close(client);
}

static void an_owner_that_declines_a_connection_can_dial_again(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    b->device_refuses = true;
    hf_dialer *client = client_start(b, &b->made->one);
    RUN_UNTIL(b, b->device_asked == 1 && b->hub_count == 1 && b->hub_ends[0].closed);
    assert_int_equal(b->failed_count, 0);
    b->device_refuses = false;
    assert_int_equal(hf_dialer_dial(client), HF_OK);
    RUN_UNTIL(b, b->device_count == 1);
    hf_dialer_close(client);
}

static void reading_stops_while_not_wanted(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    hf_dialer *client = client_start(b, &b->made->one);
    RUN_UNTIL(b, b->device_count == 1 && b->hub_count == 1);
    end *hub = &b->hub_ends[0], *device = &b->device_ends[0];
    hf_conn_read(hub->conn, false);
    uint8_t *bytes = pattern(50000, 1);
    end_say(device, bytes, 50000);
    for (uint64_t until_ms = hf_clock_now_ms() + 200; hf_clock_now_ms() < until_ms;) run_loops(b);
    assert_int_equal(hub->received_count, 0);
    hf_conn_read(hub->conn, true);
    RUN_UNTIL(b, device->received_count == 1);
    assert_memory_equal(device->received, bytes, 50000);
    free(bytes);
    hf_dialer_close(client);
}

/* --- who is refused ------------------------------------------------------------------------ */

static void revoked_key_is_refused_and_told_so(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    memcpy(b->barred, b->made->two.key_id, HF_HASH_SIZE);
    hf_dialer *client = client_start(b, &b->made->two);
    RUN_UNTIL(b, b->failed_count == 1 && b->refused_count == 1);
    assert_string_equal(b->failed, "the hub does not admit this key");
    assert_string_equal(b->refused, "this key is not admitted");
    assert_int_equal(b->device_count + b->hub_count, 0);
    hf_dialer_close(client);
}

static void device_of_another_ca_is_refused_before_admit(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    hf_dialer *client = client_start(b, &b->made->stranger);
    RUN_UNTIL(b, b->failed_count == 1 && b->refused_count == 1);
    assert_string_equal(b->refused, "TLS: unknown CA");
    assert_string_equal(b->failed, "TLS: unknown CA");
    assert_int_equal(b->admit_count + b->hub_count, 0);
    hf_dialer_close(client);
}

static void expired_certificate_reaches_admit_with_its_dates(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    hf_dialer *client = client_start(b, &b->made->expired);
    RUN_UNTIL(b, b->device_count == 1);
    uint64_t now_ms = hf_clock_wall_ms(), made_ms = now_ms - 400ULL * DAY_MS;
    assert_false(hf_validity_holds(b->saw_valid, now_ms));
    /* as they were asked for, to the second: a day before, and two days after */
    assert_in_range(b->saw_valid.from_ms, made_ms - DAY_MS - 60000, made_ms - DAY_MS);
    assert_int_equal(b->saw_valid.until_ms - b->saw_valid.from_ms, 3 * DAY_MS);
    hf_dialer_close(client);
}

/* A station runs for years, and its certificate is renewed meanwhile. */
static void a_renewed_certificate_is_shown_without_a_restart(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    hf_dialer *first = client_start(b, &b->made->one);
    RUN_UNTIL(b, b->device_count == 1);
    uint64_t former_ms = b->saw_hub_valid.until_ms;
    assert_int_equal(hf_server_renewed(b->server, &b->made->hub_renewed.paths), HF_OK);
    hf_dialer *second = client_start(b, &b->made->two);
    RUN_UNTIL(b, b->device_count == 2);
    assert_in_range(b->saw_hub_valid.until_ms - former_ms, DAY_MS / 2 - 60000, DAY_MS / 2 + 60000);
    const hf_key_paths mixed = {
        .key = b->made->one.key, .certificate = b->made->hub.certificate, .ca = b->made->hub.ca};
    assert_int_equal(hf_server_renewed(b->server, &mixed), HF_ERR_CORRUPT);
    hf_dialer *third = client_start(b, &b->made->two);
    RUN_UNTIL(b, b->device_count == 3);
    assert_true(b->saw_hub_valid.until_ms > former_ms);
    assert_false(b->device_ends[0].closed); /* who is here stays */
    hf_dialer_close(first);
    hf_dialer_close(second);
    hf_dialer_close(third);
}

static void hub_of_another_ca_is_refused_by_the_device(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub_of_stranger, 0);
    hf_dialer *client = client_start(b, &b->made->one);
    RUN_UNTIL(b, b->failed_count == 1);
    assert_non_null(strstr(b->failed, "TLS: "));
    assert_non_null(strstr(b->failed, "certificate"));
    assert_int_equal(b->device_count + b->admit_count, 0);
    hf_dialer_close(client);
}

static void hub_of_another_name_is_refused_by_the_device(void **state)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "::1"};
    static const char *const expected[] = {"TLS: IP address mismatch", "TLS: hostname mismatch"};
    bench *b = bench_of(state);
    server_start(b, &b->made->hub_elsewhere, 0);
    for (size_t i = 0; i < 2; i++) {
        hf_dialer *client = client_to(b, &b->made->one, names[i], hf_server_port(b->server));
        assert_int_equal(hf_dialer_dial(client), HF_OK);
        RUN_UNTIL(b, b->failed_count == i + 1);
        assert_string_equal(b->failed, expected[i]);
        hf_dialer_close(client);
    }
    assert_int_equal(b->device_count + b->admit_count, 0);
}

static void a_host_name_is_looked_up_and_checked(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    hf_dialer *client = client_to(b, &b->made->one, "localhost", hf_server_port(b->server));
    assert_int_equal(hf_dialer_dial(client), HF_OK);
    RUN_UNTIL(b, b->device_count == 1); /* ::1 answers nobody; 127.0.0.1 does */
    hf_dialer_close(client);
}

/* A port that is ours until `fd` is closed, so that nobody else listens there; nor do we. */
static uint16_t silent_port(int *fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    *fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(*fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&at, &size), 0);
    return ntohs(at.sin_port);
}

static void an_unanswered_dial_says_so(void **state)
{
    bench *b = bench_of(state);
    int fd;
    hf_dialer *client = client_to(b, &b->made->one, "127.0.0.1", silent_port(&fd));
    for (size_t i = 1; i <= 3; i++) { /* and again, for the owner redials */
        assert_int_equal(hf_dialer_dial(client), HF_OK);
        RUN_UNTIL(b, b->failed_count == i);
        assert_string_equal(b->failed, "nobody answers there");
    }
    close(fd);
    hf_dialer_close(client);
}

static void a_closed_server_lets_nobody_in_and_its_clients_go(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    hf_dialer *client = client_start(b, &b->made->one);
    RUN_UNTIL(b, b->device_count == 1 && b->hub_count == 1);
    hf_server_close(b->server);
    RUN_UNTIL(b, b->device_ends[0].closed && b->hub_ends[0].closed);
    assert_string_equal(b->device_ends[0].reason,
                        "the peer closed, saying \"the hub is stopping\"");
    assert_int_equal(hf_dialer_dial(client), HF_OK);
    RUN_UNTIL(b, b->failed_count == 1);
    assert_int_equal(b->admit_count, 1);
    b->server = NULL;
    hf_dialer_close(client);
}

static void more_connections_than_allowed_are_turned_away(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 1);
    hf_dialer *first = client_start(b, &b->made->one);
    RUN_UNTIL(b, b->device_count == 1);
    hf_dialer *second = client_start(b, &b->made->two);
    RUN_UNTIL(b, b->failed_count == 1 && b->refused_count > 0);
    assert_int_equal(b->refused_count, 1); /* and the hub's log says so */
    assert_string_equal(b->refused, "as many connections as there may be");
    hf_dialer_close(first);
    RUN_UNTIL(b, b->hub_ends[0].closed);
    assert_int_equal(hf_dialer_dial(second), HF_OK); /* room again */
    RUN_UNTIL(b, b->device_count == 2);
    hf_dialer_close(second);
}

static void a_taken_port_is_named(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    hf_server *second = NULL;
    hf_server_options options = {.address = "127.0.0.1",
                                 .port = hf_server_port(b->server),
                                 .paths = b->made->hub.paths,
                                 .message_size_max = MESSAGE_MAX};
    assert_int_equal(hf_server_open(b->hub_loop, &options, &second), HF_ERR_BUSY);
    assert_non_null(strstr(hf_loop_error(b->hub_loop), "Address already in use"));
    options.address = "not an address";
    assert_int_equal(hf_server_open(b->hub_loop, &options, &second), HF_ERR_INPUT);
    options.address = "127.0.0.1";
    options.port = 0;
    options.paths.key = b->made->one.key; /* not the certificate's */
    assert_int_equal(hf_server_open(b->hub_loop, &options, &second), HF_ERR_CORRUPT);
    assert_non_null(strstr(hf_loop_error(b->hub_loop), b->made->one.key));
}

/* --- raw clients: what our own client would never do --------------------------------------- */

typedef struct raw {
    const bench *bench;
    const identity *who; /* NULL: no certificate */
    int version_max;     /* 0: the newest */
    SSL_SESSION *session;
    const uint8_t *frame; /* sent after the upgrade */
    size_t frame_size;
    const char *request; /* NULL: a good upgrade */
    bool abrupt;         /* breaks the link without a farewell */
    atomic_bool done;
    bool handshake, resumed;
    char answer[512];
} raw;

static int raw_connect(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return connect(fd, (struct sockaddr *)&to, sizeof to) ? -1 : fd;
}

static const char UPGRADE[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Protocol: holdfast.1\r\n\r\n";

static void raw_talk(raw *r, SSL *ssl)
{
    const char *request = r->request ? r->request : UPGRADE;
    SSL_write(ssl, request, (int)strlen(request));
    int got = SSL_read(ssl, r->answer, sizeof r->answer - 1);
    if (got > 0) r->answer[got] = 0;
    if (r->frame && got > 0) SSL_write(ssl, r->frame, (int)r->frame_size);
    if (r->frame && got > 0) {
        got = SSL_read(ssl, r->answer, sizeof r->answer - 1); /* the answer: a close frame */
        int code = got >= 4 ? (uint8_t)r->answer[2] << 8 | (uint8_t)r->answer[3] : 0;
        snprintf(r->answer, sizeof r->answer, "%d", code);
    }
}

static void *raw_run(void *context)
{
    raw *r = context;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (r->version_max) {
        SSL_CTX_set_security_level(ctx, 0);
        SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(ctx, r->version_max);
    }
    if (r->who) {
        SSL_CTX_use_certificate_file(ctx, r->who->certificate, SSL_FILETYPE_PEM);
        SSL_CTX_use_PrivateKey_file(ctx, r->who->key, SSL_FILETYPE_PEM);
    }
    SSL *ssl = SSL_new(ctx);
    int fd = raw_connect(hf_server_port(r->bench->server));
    SSL_set_fd(ssl, fd);
    if (r->session) SSL_set_session(ssl, r->session);
    r->handshake = SSL_connect(ssl) == 1;
    r->resumed = SSL_session_reused(ssl) == 1;
    if (r->handshake) raw_talk(r, ssl);
    SSL_SESSION *session = r->handshake ? SSL_SESSION_dup(SSL_get0_session(ssl)) : NULL;
    SSL_SESSION_free(r->session);
    r->session = session;
    if (r->handshake && !r->abrupt) SSL_shutdown(ssl);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    atomic_store(&r->done, true);
    hf_loop_wake(r->bench->loop);
    return NULL;
}

static void raw_try(bench *b, raw *r)
{
    pthread_t thread;
    r->bench = b;
    atomic_store(&r->done, false);
    assert_int_equal(pthread_create(&thread, NULL, raw_run, r), 0);
    RUN_UNTIL(b, atomic_load(&r->done));
    pthread_join(thread, NULL);
}

static void client_without_certificate_is_refused(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    raw r = {.who = NULL};
    raw_try(b, &r);
    assert_string_equal(r.answer, "");
    assert_int_equal(b->admit_count + b->hub_count, 0);
    RUN_UNTIL(b, b->refused_count == 1);
    SSL_SESSION_free(r.session);
    raw old = {.who = NULL, .version_max = TLS1_2_VERSION};
    raw_try(b, &old);
    assert_false(old.handshake);
    assert_int_equal(b->admit_count + b->hub_count, 0);
    RUN_UNTIL(b, b->refused_count == 2);
}

static void old_tls_is_refused_and_1_2_and_1_3_are_not(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    raw old = {.who = &b->made->one, .version_max = TLS1_1_VERSION};
    raw_try(b, &old);
    assert_false(old.handshake);
    RUN_UNTIL(b, b->refused_count == 1);
    assert_string_equal(b->refused, "TLS: protocol version");
    raw middle = {.who = &b->made->one, .version_max = TLS1_2_VERSION};
    raw_try(b, &middle);
    assert_non_null(strstr(middle.answer, "101 "));
    assert_int_equal(SSL_SESSION_get_protocol_version(middle.session), TLS1_2_VERSION);
    SSL_SESSION_free(middle.session);
    raw new = {.who = &b->made->one};
    raw_try(b, &new);
    assert_non_null(strstr(new.answer, "101 "));
    assert_int_equal(SSL_SESSION_get_protocol_version(new.session), TLS1_3_VERSION);
    SSL_SESSION_free(new.session);
}

/* A resumed session skips OpenSSL's verification; `admit` must be asked all the same. */
static void resumed_session_is_put_to_admit_again(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    for (size_t i = 0; i < 2; i++) {
        raw r = {.who = &b->made->one, .version_max = versions[i]};
        memset(b->barred, 0, sizeof b->barred);
        b->admit_count = 0;
        raw_try(b, &r);
        assert_non_null(strstr(r.answer, "101 "));
        assert_int_equal(b->admit_count, 1);
        raw_try(b, &r);
        assert_true(r.resumed);
        assert_non_null(strstr(r.answer, "101 "));
        assert_int_equal(b->admit_count, 2);
        assert_memory_equal(b->seen_key, b->made->one.key_id, HF_HASH_SIZE);
        memcpy(b->barred, b->made->one.key_id, HF_HASH_SIZE); /* revoked meanwhile */
        raw_try(b, &r);
        assert_true(r.resumed);
        assert_int_equal(b->admit_count, 3);
        assert_non_null(strstr(r.answer, "403 "));
        SSL_SESSION_free(r.session);
    }
}

static void session_survives_a_link_that_broke(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    raw r = {.who = &b->made->one, .abrupt = true};
    for (size_t i = 0; i < 3; i++) {
        raw_try(b, &r);
        assert_non_null(strstr(r.answer, "101 "));
        assert_int_equal(r.resumed, i > 0);
        RUN_UNTIL(b, b->hub_ends[i].closed);
    }
    SSL_SESSION_free(r.session);
}

static void only_our_subprotocol_is_served(void **state)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /enrol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi",
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: none\r\n\r\n",
    };
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        raw r = {.who = &b->made->one, .request = requests[i]};
        raw_try(b, &r);
        assert_null(strstr(r.answer, "101 "));
        assert_null(strstr(r.answer, "200 "));
        SSL_SESSION_free(r.session);
    }
    assert_int_equal(b->admit_count + b->hub_count, 0);
}

static void oversized_or_text_message_closes_the_connection(void **state)
{
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    /* Only announced: 256 KiB and one byte. Refused at once, before it is sent. */
    static const uint8_t announced[] = {0x82, 0xff, 0, 0, 0, 0, 0, 4, 0, 1, 1, 2, 3, 4, 9};
    raw big = {.who = &b->made->one, .frame = announced, .frame_size = sizeof announced};
    raw_try(b, &big);
    assert_string_equal(big.answer, "1009");
    RUN_UNTIL(b, b->hub_ends[0].closed);
    assert_string_equal(b->hub_ends[0].reason, "sent a message over the limit");
    assert_int_equal(b->hub_ends[0].received_count, 0);
    static const uint8_t text[] = {0x81, 0x82, 0, 0, 0, 0, 'h', 'i'};
    raw words = {.who = &b->made->one, .frame = text, .frame_size = sizeof text};
    raw_try(b, &words);
    assert_string_equal(words.answer, "1003");
    RUN_UNTIL(b, b->hub_ends[1].closed);
    assert_int_equal(b->hub_ends[1].received_count, 0);
    SSL_SESSION_free(big.session);
    SSL_SESSION_free(words.session);
}

/* One of our own fragments, from the middle of a message whose sum is over the limit. */
static void fragments_that_add_up_to_too_much_close_the_connection(void **state)
{
    enum { PIECE = 60000, PIECES = 5, ROOM = PIECES * (PIECE + 8) };
    bench *b = bench_of(state);
    server_start(b, &b->made->hub, 0);
    uint8_t *frames = calloc(1, ROOM), *at = frames;
    assert_non_null(frames);
    for (int i = 0; i < PIECES; i++) {
        const uint8_t head[] = {i ? 0x00 : 0x02, 0xfe, PIECE >> 8, PIECE & 0xff, 0, 0, 0, 0};
        memcpy(at, head, sizeof head); /* not final; masked with zeros */
        at += sizeof head + PIECE;
    }
    raw r = {.who = &b->made->one, .frame = frames, .frame_size = (size_t)(at - frames)};
    raw_try(b, &r);
    assert_string_equal(r.answer, "1009");
    RUN_UNTIL(b, b->hub_ends[0].closed);
    assert_int_equal(b->hub_ends[0].received_count, 0);
    SSL_SESSION_free(r.session);
    free(frames);
}

/* What all peers together can pin down in memory is one number; who asks for more is closed. */
static void half_messages_of_all_connections_share_one_bound(void **state)
{
    bench *b = bench_of(state);
    b->hub_loop->buffer_max = 100 * 1024;
    server_start(b, &b->made->hub, 0);
    hf_dialer *client = client_start(b, &b->made->one);
    RUN_UNTIL(b, b->device_count == 1 && b->hub_count == 1);
    b->hub_ends[0].echoes = false; /* else the device's own half would count too */
    uint8_t *bytes = pattern(150000, 1);
    end_say(&b->device_ends[0], bytes, 60000);
    RUN_UNTIL(b, b->hub_ends[0].received_count == 1);
    assert_int_equal(b->hub_loop->buffer_used, 0); /* given back with the message */
    end_say(&b->device_ends[0], bytes, 150000);
    RUN_UNTIL(b, b->hub_ends[0].closed && b->device_ends[0].closed);
    assert_string_equal(b->hub_ends[0].reason, "no room for its message");
    assert_int_equal(b->hub_ends[0].received_count, 1);
    assert_int_equal(b->hub_loop->buffer_used, 0);
    free(bytes);
    hf_dialer_close(client);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        BOTH(messages_of_any_size_come_back_whole),
        BOTH(many_messages_arrive_in_order_without_one_lost),
        BOTH(two_clients_do_not_mix),
        BOTH(closing_sends_what_was_said_and_the_reason),
        BOTH(a_client_can_dial_again_after_a_close),
        BOTH(an_owner_that_declines_a_connection_can_dial_again),
        BOTH(reading_stops_while_not_wanted),
        BOTH(revoked_key_is_refused_and_told_so),
        BOTH(device_of_another_ca_is_refused_before_admit),
        BOTH(expired_certificate_reaches_admit_with_its_dates),
        BOTH(a_renewed_certificate_is_shown_without_a_restart),
        BOTH(hub_of_another_ca_is_refused_by_the_device),
        BOTH(hub_of_another_name_is_refused_by_the_device),
        BOTH(a_host_name_is_looked_up_and_checked),
        BOTH(an_unanswered_dial_says_so),
        BOTH(a_closed_server_lets_nobody_in_and_its_clients_go),
        BOTH(more_connections_than_allowed_are_turned_away),
        BOTH(a_taken_port_is_named),
        BOTH(client_without_certificate_is_refused),
        BOTH(old_tls_is_refused_and_1_2_and_1_3_are_not),
        BOTH(resumed_session_is_put_to_admit_again),
        BOTH(session_survives_a_link_that_broke),
        BOTH(only_our_subprotocol_is_served),
        BOTH(oversized_or_text_message_closes_the_connection),
        BOTH(fragments_that_add_up_to_too_much_close_the_connection),
        BOTH(half_messages_of_all_connections_share_one_bound),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("transport", tests, credentials_make, credentials_drop);
}
