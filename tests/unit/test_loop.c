/* test_loop.c: when the owner gets its turn, and what ends a wait. */
#include "platform/clock.h"
#include "platform/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "both_loops.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TRACE_MAX = 64, PIPES = 3, LONG_MS = 30 * 1000 };

typedef struct bench {
    hf_loop *loop;
    int pipes[PIPES][2];
    hf_watch *watches[PIPES];
    char trace[TRACE_MAX]; /* 'r' for a descriptor served, 't' for a turn */
    size_t count;
    size_t turns, turns_max; /* stops the loop after so many */
    uint64_t wait_ms;
} bench;

static void note(bench *b, char what)
{
    assert_true(b->count < TRACE_MAX - 1);
    b->trace[b->count++] = what;
}

static uint64_t on_turn(void *context, uint64_t now_ms)
{
    bench *b = context;
    note(b, 't');
    if (++b->turns == b->turns_max) hf_loop_stop(b->loop);
    return b->wait_ms == HF_LOOP_NEVER ? HF_LOOP_NEVER : now_ms + b->wait_ms;
}

static void on_ready(void *context)
{
    bench *b = context;
    char byte;
    note(b, 'r');
    for (int i = 0; i < PIPES; i++) {
        if (b->watches[i] && read(b->pipes[i][0], &byte, 1) == 1) return;
    }
}

static int set_up_loop(void **state, bool many)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    hf_loop_options options = {.many = many};
    assert_int_equal(hf_loop_new(&options, &b->loop), HF_OK);
    for (int i = 0; i < PIPES; i++) {
        assert_int_equal(pipe2(b->pipes[i], O_NONBLOCK | O_CLOEXEC), 0);
        assert_int_equal(hf_watch_open(b->loop, b->pipes[i][0], on_ready, b, &b->watches[i]),
                         HF_OK);
    }
    b->wait_ms = LONG_MS;
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    for (int i = 0; i < PIPES; i++) {
        hf_watch_close(b->watches[i]);
        close(b->pipes[i][0]);
        close(b->pipes[i][1]);
    }
    hf_loop_free(b->loop);
    free(b);
    return 0;
}

/* Group commit rests on this: what one wait brought is all handed over before the turn. */
static void all_that_one_wait_brought_comes_before_the_turn(void **state)
{
    bench *b = *state;
    for (int i = 0; i < PIPES; i++) assert_int_equal(write(b->pipes[i][1], "x", 1), 1);
    b->turns_max = 2;
    assert_int_equal(hf_loop_run(b->loop, on_turn, b), HF_OK);
    assert_string_equal(b->trace, "trrrt");
}

static void a_deadline_ends_the_wait(void **state)
{
    bench *b = *state;
    uint64_t begun_ms = hf_clock_now_ms();
    b->wait_ms = 20;
    b->turns_max = 4;
    assert_int_equal(hf_loop_run(b->loop, on_turn, b), HF_OK);
    uint64_t took_ms = hf_clock_now_ms() - begun_ms;
    assert_true(took_ms < LONG_MS);
    /* Not a busy loop: turns come at deadlines, but for the few that lws itself asks for. */
    assert_true(took_ms >= 20);
    assert_string_equal(b->trace, "tttt");
}

static void *wake_soon(void *context)
{
    bench *b = context;
    hf_loop_wake(b->loop);
    return NULL;
}

static void another_thread_can_end_the_wait(void **state)
{
    bench *b = *state;
    pthread_t thread;
    uint64_t begun_ms = hf_clock_now_ms();
    b->turns_max = 2;
    assert_int_equal(pthread_create(&thread, NULL, wake_soon, b), 0);
    assert_int_equal(hf_loop_run(b->loop, on_turn, b), HF_OK);
    pthread_join(thread, NULL);
    assert_true(hf_clock_now_ms() - begun_ms < LONG_MS);
}

static void a_signal_stops_the_loop_and_says_which(void **state)
{
    bench *b = *state;
    b->wait_ms = HF_LOOP_NEVER;
    b->turns_max = TRACE_MAX;
    assert_int_equal(hf_loop_signal(b->loop), 0);
    kill(getpid(), SIGTERM); /* pending until the loop reads it: nothing dies of it */
    assert_int_equal(hf_loop_run(b->loop, on_turn, b), HF_OK);
    assert_true(hf_loop_stopped(b->loop));
    assert_int_equal(hf_loop_signal(b->loop), SIGTERM);
}

/* A watch that another's callback ends must not be called for what was ready at that moment. */
static void end_the_others(void *context)
{
    bench *b = context;
    char byte;
    note(b, 'r');
    for (int i = 0; i < PIPES; i++) {
        if (b->watches[i] && read(b->pipes[i][0], &byte, 1) != 1) continue;
        hf_watch_close(b->watches[i]);
        b->watches[i] = NULL;
    }
}

static void a_watch_may_be_ended_by_any_callback(void **state)
{
    bench *b = *state;
    for (int i = 0; i < PIPES; i++) {
        hf_watch_close(b->watches[i]);
        assert_int_equal(hf_watch_open(b->loop, b->pipes[i][0], end_the_others, b, &b->watches[i]),
                         HF_OK);
        assert_int_equal(write(b->pipes[i][1], "x", 1), 1);
    }
    b->turns_max = 2;
    assert_int_equal(hf_loop_run(b->loop, on_turn, b), HF_OK);
    assert_string_equal(b->trace, "trt");
}

/* Shells and service managers start programs with room for a thousand files; a hub has more
 * devices. And lws takes memory for every descriptor that may be, so a limit of a billion must not
 * stand. */
static void the_limit_on_descriptors_is_raised_as_far_as_we_can_use_it(void **state)
{
    (void)state;
    struct rlimit before, now;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(before.rlim_max > 600); /* else this machine cannot show it */
    struct rlimit low = {.rlim_cur = 600, .rlim_max = before.rlim_max};
    for (int many = 0; many <= 1; many++) {
        hf_loop *loop = NULL;
        hf_loop_options options = {.many = many};
        rlim_t most = many ? HF_LOOP_DESCRIPTORS_MANY : HF_LOOP_DESCRIPTORS_FEW;
        if (most > before.rlim_max) most = before.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
        assert_int_equal(hf_loop_new(&options, &loop), HF_OK);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
        assert_int_equal(now.rlim_cur, most);
        assert_int_equal(hf_loop_connections_max(loop), most - HF_LOOP_DESCRIPTORS_KEPT);
        hf_loop_free(loop);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(all_that_one_wait_brought_comes_before_the_turn),
        BOTH(a_deadline_ends_the_wait),
        BOTH(another_thread_can_end_the_wait),
        BOTH(a_signal_stops_the_loop_and_says_which),
        BOTH(a_watch_may_be_ended_by_any_callback),
        cmocka_unit_test(the_limit_on_descriptors_is_raised_as_far_as_we_can_use_it),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
