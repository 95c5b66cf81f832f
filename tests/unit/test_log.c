/* test_log.c: one line per event, that no peer can forge; and the two clocks it is stamped by. */
#include "platform/clock.h"
#include "platform/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 4096 };

typedef struct bench {
    int pipe[2], stderr_fd;
    char text[TEXT_MAX];
} bench;

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    assert_int_equal(pipe(b->pipe), 0);
    b->stderr_fd = dup(STDERR_FILENO);
    unsetenv("HOLDFAST_LOG");
    unsetenv("HOLDFAST_CLOCK_OFFSET_MS");
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    close(b->pipe[0]);
    close(b->pipe[1]);
    close(b->stderr_fd);
    unsetenv("HOLDFAST_LOG");
    unsetenv("HOLDFAST_CLOCK_OFFSET_MS");
    free(b);
    return 0;
}

/* What `speak` writes to standard error. */
static const char *said(bench *b, void (*speak)(void))
{
    dup2(b->pipe[1], STDERR_FILENO);
    speak();
    dup2(b->stderr_fd, STDERR_FILENO);
    assert_int_equal(write(b->pipe[1], "", 1), 1); /* so that reading nothing does not wait */
    ssize_t got = read(b->pipe[0], b->text, sizeof b->text - 1);
    assert_true(got > 0);
    b->text[got - 1] = 0;
    return b->text;
}

static void speak_plainly(void)
{
    hf_log(HF_LOG_WARN, "peer-refused", "key=%s code=%d", "9f31c0de", 403);
}

static void speak_without_fields(void)
{
    hf_log(HF_LOG_INFO, "started", "%s", "");
    hf_log(HF_LOG_DEBUG, "unheard", "%s", "");
}

static void speak_of_a_forger(void)
{
    hf_log(HF_LOG_ERROR, "peer", "said=\"%s\"",
           "x\n2026-01-01T00:00:00.000Z error forged\r\x1b[2J");
}

static void speak_at_length(void)
{
    char text[3000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    hf_log(HF_LOG_ERROR, "long", "text=%s", text);
}

static void a_line_has_time_level_event_and_fields(void **state)
{
    const char *text = said(*state, speak_plainly);
    int year = 0, length = 0;
    assert_int_equal(sscanf(text, "%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ%n", &year, &length), 1);
    assert_int_equal(length, 24);
    assert_true(year >= 2024);
    assert_string_equal(text + length, " warn peer-refused key=9f31c0de code=403\n");
}

static void only_what_is_asked_for_is_written(void **state)
{
    assert_string_equal(said(*state, speak_without_fields) + 24, " info started\n");
    setenv("HOLDFAST_LOG", "error", 1);
    assert_string_equal(said(*state, speak_plainly), "");
    setenv("HOLDFAST_LOG", "debug", 1);
    assert_non_null(strstr(said(*state, speak_without_fields), "debug unheard"));
    setenv("HOLDFAST_LOG", "nonsense", 1);
    assert_null(strstr(said(*state, speak_without_fields), "debug"));
}

static void no_text_can_forge_a_line(void **state)
{
    const char *text = said(*state, speak_of_a_forger);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_null(strchr(text, '\x1b'));
    assert_null(strchr(text, '\r'));
}

static void a_long_line_is_cut_and_shows_it(void **state)
{
    const char *text = said(*state, speak_at_length);
    assert_true(strlen(text) < 1010);
    assert_string_equal(text + strlen(text) - 4, "…\n");
}

static void the_wall_clock_can_be_shifted_and_the_other_cannot(void **state)
{
    (void)state;
    const uint64_t year_ms = 365ULL * 24 * 3600 * 1000;
    uint64_t wall_ms = hf_clock_wall_ms(), now_ms = hf_clock_now_ms();
    setenv("HOLDFAST_CLOCK_OFFSET_MS", "94608000000", 1); /* three years */
    assert_true(hf_clock_wall_ms() >= wall_ms + 3 * year_ms);
    assert_true(hf_clock_wall_ms() < wall_ms + 4 * year_ms);
    assert_true(hf_clock_now_ms() < now_ms + year_ms);
    setenv("HOLDFAST_CLOCK_OFFSET_MS", "-94608000000", 1);
    assert_true(hf_clock_wall_ms() < wall_ms - 2 * year_ms);
    setenv("HOLDFAST_CLOCK_OFFSET_MS", "-9223372036854775807", 1);
    assert_int_equal(hf_clock_wall_ms(), 0);          /* never before 1970 */
    setenv("HOLDFAST_CLOCK_OFFSET_MS", "3 years", 1); /* no number: no shift */
    assert_true(hf_clock_wall_ms() < wall_ms + year_ms);
}

int main(void)
{
#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_line_has_time_level_event_and_fields),
        LOG_TEST(only_what_is_asked_for_is_written),
        LOG_TEST(no_text_can_forge_a_line),
        LOG_TEST(a_long_line_is_cut_and_shows_it),
        LOG_TEST(the_wall_clock_can_be_shifted_and_the_other_cannot),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
