/* test_program.c: a command gets its answer from whoever may hold the store, and from no one else.
 */
#include "platform/files.h"
#include "platform/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct bench {
    char folder[64];
    hf_cli_args args;
    hf_program program;
    const char *answer; /* what the store says here; NULL: no memory for it */
    int refuses;        /* what prepare returns */
    size_t opened, closed;
} bench;

static int prepare(hf_program *program)
{
    const bench *b = program->node;
    return b->refuses;
}

static int open_store(hf_program *program)
{
    bench *b = program->node;
    b->opened++;
    return HF_EXIT_OK;
}

static hf_status answer(hf_program *program, const char *request, char **reply)
{
    const bench *b = program->node;
    assert_non_null(strstr(request, "\"op\""));
    *reply = b->answer ? strdup(b->answer) : NULL;
    return *reply ? HF_OK : HF_ERR_NOMEM;
}

static void close_store(hf_program *program)
{
    bench *b = program->node;
    b->closed++;
}

static const hf_program_kind kind = {
    .prepare = prepare, .open = open_store, .answer = answer, .close = close_store};
static const hf_cli_program cli = {.name = "test-program", .version = "0", .summary = ""};

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    snprintf(b->folder, sizeof b->folder, "/tmp/hf-test-program-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    b->args.given[b->args.given_count++] = (hf_cli_given){"data", b->folder};
    b->program = (hf_program){.cli = &cli, .kind = &kind, .node = b};
    assert_int_equal(hf_program_find(&b->program, &b->args), HF_EXIT_OK);
    assert_int_equal(hf_keys_create(b->program.home.key), HF_OK);
    b->answer = "{\"schema\":\"here\"}";
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    hf_home home = b->program.home;
    hf_home_close(&b->program.home);
    free(b->program.reply);
    unlink(home.key);
    unlink(home.lock_file);
    unlink(home.socket);
    rmdir(b->folder);
    free(b);
    return 0;
}

/* Asks, and gives the document's schema: who answered. */
static int ask(bench *b, char schema[32])
{
    json_t *document = NULL;
    int code = hf_program_ask(&b->program, hf_request_new("status", &b->args), &document);
    snprintf(schema, 32, "%s", hf_show_text(document, "schema"));
    json_decref(document);
    return code;
}

static void a_store_that_nobody_holds_is_opened_and_answers(void **state)
{
    bench *b = *state;
    char schema[32];
    assert_int_equal(hf_program_open(&b->program, &b->args), HF_EXIT_OK);
    assert_true(b->program.is_open);
    assert_int_equal(ask(b, schema), HF_EXIT_OK);
    assert_string_equal(schema, "here");
    assert_int_equal(b->opened, 1);
}

static void what_is_not_set_up_is_not_opened(void **state)
{
    bench *b = *state;
    b->refuses = HF_EXIT_CONFIG;
    assert_int_equal(hf_program_open(&b->program, &b->args), HF_EXIT_CONFIG);
    assert_int_equal(hf_program_open_alone(&b->program, &b->args), HF_EXIT_CONFIG);
    assert_int_equal(b->opened, 0);
    assert_null(b->program.home.lock);
}

static void a_refusal_gives_its_own_exit_code(void **state)
{
    bench *b = *state;
    char schema[32], refusal[96];
    snprintf(refusal, sizeof refusal, "{\"schema\":\"holdfast.error/1\",\"status\":%d}",
             HF_ERR_DENIED);
    assert_int_equal(hf_program_open(&b->program, &b->args), HF_EXIT_OK);
    b->answer = refusal;
    assert_int_equal(ask(b, schema), HF_EXIT_DENIED);
    b->answer = "half a docu";
    assert_int_equal(ask(b, schema), HF_EXIT_PROTOCOL);
    b->answer = NULL;
    assert_int_equal(ask(b, schema), HF_EXIT_NO_MEMORY);
}

/* A daemon in a process of its own, until it is told to end; `ready` is closed once it listens. */
static void serve(bench *b, int ready)
{
    hf_loop *loop = NULL;
    hf_local *local = NULL;
    hf_loop_options options = {.many = false};
    b->answer = "{\"schema\":\"there\"}";
    bool good = hf_program_open_alone(&b->program, &b->args) == HF_EXIT_OK &&
                hf_loop_new(&options, &loop) == HF_OK &&
                hf_program_listen(&b->program, loop, &local) == HF_OK && write(ready, "y", 1) == 1;
    while (good && !hf_loop_stopped(loop)) good = hf_loop_run_once(loop, 1000) == HF_OK;
    hf_local_close(local);
    if (loop) hf_loop_free(loop);
    _exit(good ? 0 : 1);
}

static void a_daemon_is_asked_and_its_store_left_alone(void **state)
{
    bench *b = *state;
    char schema[32], word = 0;
    int ready[2], status;
    assert_int_equal(pipe(ready), 0);
    pid_t daemon = fork();
    assert_true(daemon >= 0);
    if (daemon == 0) serve(b, ready[1]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &word, 1), 1);
    close(ready[0]);
    assert_int_equal(hf_program_open(&b->program, &b->args), HF_EXIT_OK);
    assert_false(b->program.is_open);
    assert_int_equal(b->program.holder, daemon);
    assert_int_equal(ask(b, schema), HF_EXIT_OK);
    assert_string_equal(schema, "there");
    assert_int_equal(hf_program_open_alone(&b->program, &b->args), HF_EXIT_TRY_LATER);
    assert_int_equal(b->opened, 0);
    assert_int_equal(kill(daemon, SIGTERM), 0);
    assert_int_equal(waitpid(daemon, &status, 0), daemon);
    assert_int_equal(status, 0);
    assert_int_equal(ask(b, schema), HF_EXIT_OK); /* it has ended: the store is ours to open */
    assert_string_equal(schema, "here");
    assert_int_equal(b->opened, 1);
}

static void whatever_a_command_did_is_closed_behind_it(void **state)
{
    bench *b = *state;
    char *words[] = {"test-program", "--version", NULL};
    assert_int_equal(hf_program_main(&cli, &kind, b, 2, words), HF_EXIT_OK);
    assert_int_equal(b->opened, 0);
    assert_int_equal(b->closed, 1);
}

int main(void)
{
#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        PROMISE(a_store_that_nobody_holds_is_opened_and_answers),
        PROMISE(what_is_not_set_up_is_not_opened),
        PROMISE(a_refusal_gives_its_own_exit_code),
        PROMISE(a_daemon_is_asked_and_its_store_left_alone),
        PROMISE(whatever_a_command_did_is_closed_behind_it),
    };
    return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
