/* test_local.c: a command asks a daemon, over a real socket file. */
#include "platform/local.h"
#include "platform/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "both_loops.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 120 * 1000 };

typedef struct bench {
    char directory[64], path[100];
    hf_loop *loop;
    hf_local *local;
    size_t asked_count;
    size_t reply_size; /* 0: the request itself */
    bool silent;
} bench;

static hf_status on_ask(void *context, const char *request, char **reply)
{
    bench *b = context;
    b->asked_count++;
    if (b->silent) return HF_ERR_INPUT;
    size_t size = b->reply_size ? b->reply_size : strlen(request);
    *reply = malloc(size + 1);
    assert_non_null(*reply);
    if (b->reply_size) {
        memset(*reply, 'x', size);
    } else {
        memcpy(*reply, request, size);
    }
    (*reply)[size] = 0;
    return HF_OK;
}

static int set_up_loop(void **state, bool many)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    snprintf(b->directory, sizeof b->directory, "/tmp/hf-test-local-XXXXXX");
    assert_non_null(mkdtemp(b->directory));
    snprintf(b->path, sizeof b->path, "%s/control.sock", b->directory);
    hf_loop_options options = {.many = many};
    assert_int_equal(hf_loop_new(&options, &b->loop), HF_OK);
    assert_int_equal(hf_local_open(b->loop, b->path, on_ask, b, &b->local), HF_OK);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    hf_local_close(b->local);
    hf_loop_free(b->loop);
    rmdir(b->directory);
    free(b);
    return 0;
}

typedef struct command {
    bench *bench;
    const char *request;
    uint64_t timeout_ms;
    atomic_bool done;
    hf_status status;
    char *reply;
} command;

static void *command_run(void *context)
{
    command *c = context;
    c->status = hf_local_ask(c->bench->path, c->request, c->timeout_ms, &c->reply);
    atomic_store(&c->done, true);
    hf_loop_wake(c->bench->loop);
    return NULL;
}

static void command_start(bench *b, command *c, const char *request, pthread_t *thread)
{
    *c = (command){.bench = b, .request = request, .timeout_ms = PATIENCE_MS};
    assert_int_equal(pthread_create(thread, NULL, command_run, c), 0);
}

static void command_wait(bench *b, command *c, pthread_t thread)
{
    uint64_t limit_ms = hf_clock_now_ms() + 2 * PATIENCE_MS;
    while (!atomic_load(&c->done) && hf_clock_now_ms() < limit_ms) {
        assert_int_equal(hf_loop_run_once(b->loop, 100), HF_OK);
    }
    assert_true(atomic_load(&c->done));
    pthread_join(thread, NULL);
}

static void ask(bench *b, command *c, const char *request)
{
    pthread_t thread;
    command_start(b, c, request, &thread);
    command_wait(b, c, thread);
}

static void a_request_is_answered(void **state)
{
    bench *b = *state;
    command c;
    ask(b, &c, "{\"do\":\"status\"}");
    assert_int_equal(c.status, HF_OK);
    assert_string_equal(c.reply, "{\"do\":\"status\"}");
    free(c.reply);
}

static void large_requests_and_replies_pass_whole(void **state)
{
    bench *b = *state;
    command c;
    char *request = malloc(HF_LOCAL_REQUEST_MAX + 2);
    memset(request, 'q', HF_LOCAL_REQUEST_MAX + 1);
    request[HF_LOCAL_REQUEST_MAX] = 0;
    ask(b, &c, request);
    assert_int_equal(c.status, HF_OK);
    assert_string_equal(c.reply, request);
    free(c.reply);
    b->reply_size = 20 * 1024 * 1024;
    ask(b, &c, "{}");
    assert_int_equal(c.status, HF_OK);
    assert_int_equal(strlen(c.reply), b->reply_size);
    free(c.reply);
    request[HF_LOCAL_REQUEST_MAX] = 'q';
    request[HF_LOCAL_REQUEST_MAX + 1] = 0;
    ask(b, &c, request);
    assert_int_equal(c.status, HF_ERR_LIMIT);
    ask(b, &c, "{\n}");
    assert_int_equal(c.status, HF_ERR_INPUT);
    assert_int_equal(b->asked_count, 2);
    free(request);
}

static void no_daemon_is_told_from_one_that_does_not_answer(void **state)
{
    bench *b = *state;
    command c;
    b->silent = true;
    ask(b, &c, "{}");
    assert_int_equal(c.status, HF_ERR_PROTOCOL);
    hf_local_close(b->local);
    b->local = NULL;
    ask(b, &c, "{}");
    assert_int_equal(c.status, HF_ERR_NOT_FOUND); /* no file */
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", b->path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    close(fd); /* as a process that was killed leaves it */
    ask(b, &c, "{}");
    assert_int_equal(c.status, HF_ERR_NOT_FOUND);
    b->silent = false;
    assert_int_equal(hf_local_open(b->loop, b->path, on_ask, b, &b->local), HF_OK);
    ask(b, &c, "{}");
    assert_int_equal(c.status, HF_OK); /* a stale file is replaced */
    free(c.reply);
}

static void the_socket_is_for_its_owner_only(void **state)
{
    bench *b = *state;
    struct stat info;
    assert_int_equal(stat(b->path, &info), 0);
    assert_true(S_ISSOCK(info.st_mode));
    assert_int_equal(info.st_mode & 0777, 0600);
}

static int raw_connect(const bench *b)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", b->path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* Callers that say nothing, or half a line, hold places but nobody up; one too many is told. */
static void idle_callers_hold_nobody_up(void **state)
{
    bench *b = *state;
    command c;
    int fds[HF_LOCAL_CONNECTIONS_MAX];
    for (int i = 0; i < HF_LOCAL_CONNECTIONS_MAX - 1; i++) {
        fds[i] = raw_connect(b);
        assert_int_equal(write(fds[i], "{\"half", 6), 6);
    }
    ask(b, &c, "{}");
    assert_int_equal(c.status, HF_OK);
    free(c.reply);
    fds[HF_LOCAL_CONNECTIONS_MAX - 1] = raw_connect(b);
    ask(b, &c, "{}");
    assert_int_equal(c.status, HF_ERR_PROTOCOL);
    for (int i = 0; i < HF_LOCAL_CONNECTIONS_MAX; i++) close(fds[i]);
    ask(b, &c, "{}");
    assert_int_equal(c.status, HF_OK);
    free(c.reply);
}

static void requests_on_one_connection_are_answered_in_order(void **state)
{
    static const char lines[] = "1\n22\n333\n";
    bench *b = *state;
    char got[sizeof lines] = "";
    size_t size = 0;
    int fd = raw_connect(b);
    assert_int_equal(write(fd, lines, sizeof lines - 1), sizeof lines - 1);
    uint64_t limit_ms = hf_clock_now_ms() + PATIENCE_MS;
    while (size < sizeof lines - 1 && hf_clock_now_ms() < limit_ms) {
        assert_int_equal(hf_loop_run_once(b->loop, 10), HF_OK);
        ssize_t more = recv(fd, got + size, sizeof got - 1 - size, MSG_DONTWAIT);
        if (more > 0) size += (size_t)more;
    }
    assert_string_equal(got, lines);
    close(fd);
}

static void a_daemon_that_never_answers_is_given_up(void **state)
{
    bench *b = *state;
    char *reply = NULL;
    /* Nobody runs the loop: the connection waits in the backlog. */
    assert_int_equal(hf_local_ask(b->path, "{}", 50, &reply), HF_ERR_BUSY);
    assert_null(reply);
}

static void a_path_too_long_for_a_socket_is_refused(void **state)
{
    bench *b = *state;
    char path[200];
    hf_local *local = NULL;
    char *reply = NULL;
    memset(path, 'p', sizeof path);
    path[sizeof path - 1] = 0;
    assert_int_equal(hf_local_open(b->loop, path, on_ask, b, &local), HF_ERR_LIMIT);
    assert_int_equal(hf_local_ask(path, "{}", 50, &reply), HF_ERR_LIMIT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_request_is_answered),
        BOTH(large_requests_and_replies_pass_whole),
        BOTH(no_daemon_is_told_from_one_that_does_not_answer),
        BOTH(the_socket_is_for_its_owner_only),
        BOTH(idle_callers_hold_nobody_up),
        BOTH(requests_on_one_connection_are_answered_in_order),
        BOTH(a_daemon_that_never_answers_is_given_up),
        BOTH(a_path_too_long_for_a_socket_is_refused),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("local", tests, NULL, NULL);
}
