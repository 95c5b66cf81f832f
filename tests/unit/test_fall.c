/* test_fall.c: a fault is noted, by whatever it was; a kill and an orderly end are not. */
#include "platform/fall.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct bench {
    char folder[64], path[96];
} bench;

static int set_up(void **state)
{
    static bench b;
    snprintf(b.folder, sizeof b.folder, "/tmp/holdfast-fall-XXXXXX");
    assert_non_null(mkdtemp(b.folder));
    snprintf(b.path, sizeof b.path, "%s/fell", b.folder);
    *state = &b;
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    (void)unlink(b->path);
    return rmdir(b->folder);
}

/* A process that watches, takes in what it is told, and ends by this signal (0: in order).
 * Returns what it was told. */
static bool life(bench *b, int number)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool fell;
        if (hf_fall_watch(b->path, &fell) != HF_OK) _exit(9);
        hf_fall_forget();
        if (number == SIGABRT) abort();
        if (number) (void)raise(number);
        _exit(fell);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (number) assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : 0, number);
    if (number) return false;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
    return WEXITSTATUS(status) == 1;
}

static void a_fault_is_noted_and_ends_the_program_as_ever(void **state)
{
    static const int FAULTS[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (size_t i = 0; i < sizeof FAULTS / sizeof *FAULTS; i++) {
        life(*state, FAULTS[i]);
        assert_true(life(*state, 0));
        assert_false(life(*state, 0)); /* told once */
    }
}

static void a_kill_and_an_orderly_end_are_no_faults(void **state)
{
    assert_false(life(*state, 0));
    life(*state, SIGKILL);
    assert_false(life(*state, 0));
    life(*state, SIGTERM);
    assert_false(life(*state, 0));
}

static void where_nothing_can_be_noted_it_is_said(void **state)
{
    bool fell = true;
    (void)state;
    assert_int_equal(hf_fall_watch("/nowhere/at/all/fell", &fell), HF_ERR_NOT_FOUND);
    assert_false(fell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_fault_is_noted_and_ends_the_program_as_ever, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_kill_and_an_orderly_end_are_no_faults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_nothing_can_be_noted_it_is_said, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("fall", tests, NULL, NULL);
}
