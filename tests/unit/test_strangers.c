/* test_strangers.c: connections that say nothing: how many there may be, from whom, and how long.
 */
#include "platform/transport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "transport_bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

enum {
    PATIENCE_MS = 120 * 1000,
    MESSAGE_MAX = 1024,
    STRANGERS = 12,
    PER_ADDRESS = 5,
    LIFE_MS = 300,
    LONG_MS = 60 * 60 * 1000
};

typedef struct scene {
    credentials *made;
    hf_loop *loop;
    hf_server *server;
    hf_dialer *dialer;
    int sockets[STRANGERS];
    size_t opened, closed; /* sessions of the known device, at the hub */
    bool failed;           /* its dial */
} scene;

static bool on_admit(void *context, const hf_identity *peer)
{
    (void)context;
    (void)peer;
    return true;
}

static hf_status on_open(void *context, hf_conn *conn, const hf_identity *peer, void **user)
{
    (void)conn;
    (void)peer;
    ((scene *)context)->opened++;
    *user = context;
    return HF_OK;
}

static hf_status on_device_open(void *context, hf_conn *conn, const hf_identity *peer, void **user)
{
    (void)conn;
    (void)peer;
    *user = context;
    return HF_OK;
}

static void on_message(void *user, hf_bytes message)
{
    (void)user;
    (void)message;
}

static void on_writable(void *user)
{
    (void)user;
}

static void on_close(void *user, const char *reason)
{
    (void)reason;
    ((scene *)user)->closed++;
}

static int set_up(void **state)
{
    scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->made = *state;
    memset(s->sockets, -1, sizeof s->sockets);
    hf_loop_options options = {.many = true}; /* as a hub's */
    assert_int_equal(hf_loop_new(&options, &s->loop), HF_OK);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    scene *s = *state;
    for (size_t i = 0; i < STRANGERS; i++)
        if (s->sockets[i] >= 0) close(s->sockets[i]);
    hf_dialer_close(s->dialer);
    hf_server_close(s->server);
    hf_loop_free(s->loop);
    *state = s->made;
    free(s);
    return 0;
}

static void serve_within(scene *s, const hf_strangers_limits *limits)
{
    hf_server_options options = {.address = "127.0.0.1",
                                 .paths = s->made->hub.paths,
                                 .message_size_max = MESSAGE_MAX,
                                 .strangers = *limits,
                                 .events = {.context = s,
                                            .admit = on_admit,
                                            .on_open = on_open,
                                            .on_message = on_message,
                                            .on_writable = on_writable,
                                            .on_close = on_close}};
    assert_int_equal(hf_server_open(s->loop, &options, &s->server), HF_OK);
}

static void serve(scene *s, uint32_t max, uint32_t per_address, uint32_t life_ms)
{
    hf_strangers_limits limits = {.max = max, .per_address = per_address, .life_ms = life_ms};
    serve_within(s, &limits);
}

static void run(scene *s, uint64_t ms)
{
    for (uint64_t until_ms = hf_clock_now_ms() + ms; hf_clock_now_ms() < until_ms;)
        assert_int_equal(hf_loop_run_once(s->loop, 10), HF_OK);
}

/* One that says nothing, or half a byte of TLS; the hub has noticed it when this returns. */
static void strange(scene *s, size_t index, bool talks)
{
    struct sockaddr_in hub = {.sin_family = AF_INET, .sin_port = htons(hf_server_port(s->server))};
    hub.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->sockets[index] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(s->sockets[index], (struct sockaddr *)&hub, sizeof hub), 0);
    if (talks) assert_int_equal(send(s->sockets[index], "\x16", 1, MSG_NOSIGNAL), 1);
    run(s, 20);
}

static bool is_open(const scene *s, size_t index)
{
    char byte;
    return recv(s->sockets[index], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void expect_open_from(scene *s, size_t first)
{
    uint64_t limit_ms = hf_clock_now_ms() + PATIENCE_MS;
    while (first > 0 && is_open(s, first - 1) && hf_clock_now_ms() < limit_ms) run(s, 10);
    for (size_t i = 0; i < STRANGERS; i++) assert_int_equal(is_open(s, i), i >= first);
}

static void the_oldest_of_an_address_makes_room_for_its_newest(void **state)
{
    scene *s = *state;
    serve(s, STRANGERS, PER_ADDRESS, LONG_MS);
    for (size_t i = 0; i < STRANGERS; i++) strange(s, i, i % 2);
    expect_open_from(s, STRANGERS - PER_ADDRESS);
}

static void there_are_never_more_than_may_be_in_all(void **state)
{
    scene *s = *state;
    serve(s, PER_ADDRESS, STRANGERS, LONG_MS);
    for (size_t i = 0; i < STRANGERS; i++) strange(s, i, i % 2);
    expect_open_from(s, STRANGERS - PER_ADDRESS);
}

/* Whether it is silent or sends a byte now and then: it has so long, and not longer. */
static void a_stranger_is_let_go_in_time(void **state)
{
    scene *s = *state;
    serve(s, STRANGERS, STRANGERS, LIFE_MS);
    for (size_t i = 0; i < STRANGERS; i++) strange(s, i, i % 2);
    for (uint64_t until_ms = hf_clock_now_ms() + PATIENCE_MS; hf_clock_now_ms() < until_ms;) {
        run(s, 50);
        (void)!send(s->sockets[1], "\x03", 1, MSG_NOSIGNAL);
        if (!is_open(s, STRANGERS - 1)) break;
    }
    expect_open_from(s, STRANGERS);
}

static void on_fail(void *context, const char *address, const char *reason)
{
    (void)address;
    (void)reason;
    ((scene *)context)->failed = true;
}

/* A device dials; false when it was cut before the hub knew who it is. */
static bool known(scene *s)
{
    hf_dialer_options options = {.host = "127.0.0.1",
                                 .port = hf_server_port(s->server),
                                 .paths = s->made->one.paths,
                                 .message_size_max = MESSAGE_MAX,
                                 .events = {.context = s,
                                            .on_open = on_device_open,
                                            .on_message = on_message,
                                            .on_writable = on_writable,
                                            .on_close = on_close,
                                            .on_fail = on_fail}};
    hf_dialer_close(s->dialer);
    s->failed = false;
    assert_int_equal(hf_dialer_open(s->loop, &options, &s->dialer), HF_OK);
    assert_int_equal(hf_dialer_dial(s->dialer), HF_OK);
    uint64_t limit_ms = hf_clock_now_ms() + PATIENCE_MS;
    while (!s->opened && !s->failed && hf_clock_now_ms() < limit_ms) run(s, 10);
    return s->opened == 1;
}

static void whoever_is_known_is_no_stranger_any_more(void **state)
{
    scene *s = *state;
    uint32_t life_ms = LIFE_MS;
    serve(s, 2, 1, life_ms);
    while (!known(s)) { /* a slow machine needs longer for a handshake than a stranger lives */
        hf_server_close(s->server);
        serve(s, 2, 1, life_ms *= 2);
        assert_true(life_ms < PATIENCE_MS);
    }
    assert_int_equal(s->opened, 1);
    for (size_t i = 0; i < STRANGERS; i++) strange(s, i, false);
    run(s, life_ms + life_ms / 2);
    assert_int_equal(s->closed, 0);
}

/* There is room for three. Were more let in, the oldest would be cut in the midst of theirs. */
static void while_handshakes_get_done_the_next_wait_outside(void **state)
{
    scene *s = *state;
    hf_strangers_limits limits = {.max = 3,
                                  .per_address = 3,
                                  .life_ms = LONG_MS,
                                  .handshakes = 2,
                                  .fresh_ms = LONG_MS,
                                  .flow_ms = LONG_MS};
    serve_within(s, &limits);
    assert_true(known(s)); /* the one who got done */
    for (size_t i = 0; i < STRANGERS; i++) strange(s, i, i % 2);
    expect_open_from(s, 0);
    for (size_t i = 0; i < 2; i++) { /* two go, two who waited come in */
        close(s->sockets[i]);
        s->sockets[i] = -1;
    }
    run(s, 100);
    for (size_t i = 2; i < STRANGERS; i++) assert_true(is_open(s, i));
}

/* Nobody inside gets done: whoever knocks is let in, and who only holds a place is driven out. */
static void those_who_only_hold_places_close_no_door(void **state)
{
    scene *s = *state;
    hf_strangers_limits limits = {.max = PER_ADDRESS,
                                  .per_address = PER_ADDRESS,
                                  .life_ms = LONG_MS,
                                  .handshakes = 2,
                                  .fresh_ms = LONG_MS,
                                  .flow_ms = 1};
    serve_within(s, &limits);
    for (size_t i = 0; i < STRANGERS; i++) strange(s, i, i % 2);
    assert_true(known(s));
    expect_open_from(s, STRANGERS - PER_ADDRESS + 1); /* it drove one out as it came */
    for (size_t i = 0; i < STRANGERS; i++) {          /* again, now that one has got done */
        close(s->sockets[i]);
        strange(s, i, i % 2);
    }
    expect_open_from(s, STRANGERS - PER_ADDRESS);
    assert_int_equal(s->closed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_of_an_address_makes_room_for_its_newest, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(there_are_never_more_than_may_be_in_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stranger_is_let_go_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_is_known_is_no_stranger_any_more, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(while_handshakes_get_done_the_next_wait_outside, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(those_who_only_hold_places_close_no_door, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, credentials_make, credentials_drop);
}
