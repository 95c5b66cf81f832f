/* test_cli.c: the command line says what was meant, and a code says how it went. */
#include "platform/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct seen {
    int runs;
    size_t operand_count;
    char first[32], name[32], second[32];
    bool loud;
} seen;

static int on_run(void *context, const hf_cli_args *args)
{
    seen *s = context;
    const char *name = hf_cli_value(args, "name"), *second = hf_cli_nth(args, "name", 1);
    s->runs++;
    s->operand_count = args->operand_count;
    s->loud = hf_cli_has(args, "loud");
    (void)snprintf(s->first, sizeof s->first, "%s", args->operand_count ? args->operands[0] : "");
    (void)snprintf(s->name, sizeof s->name, "%s", name ? name : "");
    (void)snprintf(s->second, sizeof s->second, "%s", second ? second : "");
    return 42;
}

static const hf_cli_option common[] = {{"data", "DIR", "where"}, {NULL, NULL, NULL}};
static const hf_cli_option options[] = {
    {"name", "NAME", "who"}, {"loud", NULL, "louder"}, {NULL, NULL, NULL}};
static const hf_cli_command commands[] = {
    {"enrol", "FILE", "become known", "x enrol a", "Some notes.", options, 1, 2, on_run},
    {"status", "", "how it is", "x status", NULL, NULL, 0, 0, on_run},
};
static const hf_cli_program program = {.name = "x",
                                       .version = "1",
                                       .summary = "a program",
                                       .examples = "x enrol a",
                                       .options = common,
                                       .commands = commands,
                                       .command_count = 2};

/* Runs with standard output and error going to `out`. */
static int run(seen *s, char *out, size_t room, const char *line)
{
    char copy[256], *argv[16] = {NULL};
    int argc = 0;
    (void)snprintf(copy, sizeof copy, "%s", line);
    for (char *word = copy; *word;) {
        size_t size = strcspn(word, " ");
        argv[argc++] = word;
        word += size;
        if (*word) *word++ = 0;
    }
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    memset(s, 0, sizeof *s);
    int code = hf_cli_run(&program, argc, argv, s);
    fflush(stdout);
    dup2(saved_out, STDOUT_FILENO);
    dup2(saved_err, STDERR_FILENO);
    close(saved_out);
    close(saved_err);
    rewind(file);
    size_t size = fread(out, 1, room - 1, file);
    out[size] = 0;
    fclose(file);
    return code;
}

static void options_and_operands_may_stand_in_any_order(void **state)
{
    (void)state;
    static const char *const lines[] = {"x enrol a --name b --loud --name=c",
                                        "x --data d enrol --name b a --name c --loud",
                                        "x enrol --loud --name b --name c -- a"};
    seen s;
    char out[4096];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(run(&s, out, sizeof out, lines[i]), 42);
        assert_int_equal(s.runs, 1);
        assert_int_equal(s.operand_count, 1);
        assert_string_equal(s.first, "a");
        assert_string_equal(s.name, "c"); /* the last one counts */
        assert_string_equal(s.second, "c");
        assert_true(s.loud);
    }
}

static void a_mistake_is_answered_with_what_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } mistakes[] = {
        {"x enroll a", "Did you mean \"enrol\"?"},
        {"x statsu", "Did you mean \"status\"?"},
        {"x enrol a --nmae b", "Did you mean \"--name\"?"},
        {"x enrol a --name", "--name needs a value."},
        {"x enrol a --loud=yes", "--loud takes no value."},
        {"x enrol", "something is missing"},
        {"x enrol a b c", "\"c\" is one too many"},
        {"x status --name b", "no option \"--name\" here"},
        {"x --dta d status", "Did you mean \"--data\"?"},
        {"x", "say what to do"},
    };
    seen s;
    char out[4096];
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        assert_int_equal(run(&s, out, sizeof out, mistakes[i].line), HF_EXIT_USAGE);
        assert_int_equal(s.runs, 0);
        if (!strstr(out, mistakes[i].says)) print_error("%s: %s", mistakes[i].line, out);
        assert_non_null(strstr(out, mistakes[i].says));
    }
    assert_int_equal(run(&s, out, sizeof out, "x frobnicate"), HF_EXIT_USAGE);
    assert_null(strstr(out, "Did you mean")); /* nothing is near: no guess */
}

static void help_begins_with_examples(void **state)
{
    (void)state;
    static const char *const lines[] = {"x enrol --help", "x help enrol", "x --help enrol"};
    seen s;
    char out[8192];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(run(&s, out, sizeof out, lines[i]), HF_EXIT_OK);
        assert_int_equal(s.runs, 0);
        const char *examples = strstr(out, "Examples:"), *usage = strstr(out, "Usage:");
        assert_true(examples && usage && examples < usage);
        assert_non_null(strstr(out, "--data DIR"));
        assert_non_null(strstr(out, "Exit codes:"));
    }
    assert_int_equal(run(&s, out, sizeof out, "x --help"), HF_EXIT_OK);
    assert_non_null(strstr(out, "status"));
    assert_int_equal(run(&s, out, sizeof out, "x --version"), HF_EXIT_OK);
    assert_string_equal(out, "x 1\n");
}

static void words_are_near_within_two_edits(void **state)
{
    (void)state;
    static const char *const names[] = {"enrol", "status", "get"};
    assert_string_equal(hf_cli_nearest("enroll", names, 3, sizeof names[0]), "enrol");
    assert_string_equal(hf_cli_nearest("enorl", names, 3, sizeof names[0]), "enrol");
    assert_string_equal(hf_cli_nearest("sttus", names, 3, sizeof names[0]), "status");
    assert_null(hf_cli_nearest("enrolment", names, 3, sizeof names[0]));
    assert_null(hf_cli_nearest("", names, 3, sizeof names[0]));
    assert_null(hf_cli_nearest("xy", names, 3, sizeof names[0])); /* nothing of it is left */
    char huge[200];
    memset(huge, 'a', sizeof huge - 1);
    huge[sizeof huge - 1] = 0;
    assert_null(hf_cli_nearest(huge, names, 3, sizeof names[0]));
}

static void durations_need_a_unit(void **state)
{
    (void)state;
    uint64_t ms = 0;
    assert_int_equal(hf_cli_duration("90s", &ms), HF_OK);
    assert_int_equal(ms, 90000);
    assert_int_equal(hf_cli_duration("15m", &ms), HF_OK);
    assert_int_equal(ms, 900000);
    assert_int_equal(hf_cli_duration("24h", &ms), HF_OK);
    assert_int_equal(ms, 86400000);
    assert_int_equal(hf_cli_duration("7d", &ms), HF_OK);
    assert_int_equal(ms, 604800000);
    static const char *const wrong[] = {
        "", "5", "h", "-5h", "5 h", "5hh", "1e3s", "99999999999999999999s", "9999999999999999d"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(hf_cli_duration(wrong[i], &ms), HF_ERR_INPUT);
    }
}

static void each_status_has_its_code(void **state)
{
    (void)state;
    static const struct {
        hf_status status;
        int code;
    } table[] = {{HF_OK, 0},
                 {HF_ERR_NOMEM, 71},
                 {HF_ERR_IO, 74},
                 {HF_ERR_CORRUPT, 65},
                 {HF_ERR_PROTOCOL, 76},
                 {HF_ERR_DENIED, 77},
                 {HF_ERR_NOT_FOUND, 66},
                 {HF_ERR_INPUT, 65},
                 {HF_ERR_FULL, 75},
                 {HF_ERR_BUSY, 75},
                 {HF_ERR_LIMIT, 65}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(hf_cli_exit(table[i].status), table[i].code);
    }
}

/* What a peer wrote must not move the cursor, ring the bell or repaint the screen. */
static void a_table_shows_no_control_characters(void **state)
{
    (void)state;
    static const char *const cells[] = {"A", "B", "x\x1b[2J", "\xc2\2331m", "Łódź", "y"};
    char out[256];
    FILE *file = fmemopen(out, sizeof out, "w");
    assert_non_null(file);
    hf_cli_table(file, cells, 2, 3);
    fclose(file);
    assert_string_equal(out, "A      B\nx?[2J  ?1m\nŁódź   y\n");
}

static void the_data_directory_has_an_order_of_sources(void **state)
{
    (void)state;
    hf_cli_args given = {.given = {{"data", "/given"}}, .given_count = 1},
                none = {.given_count = 0};
    char out[64];
    unsetenv("HOLDFAST_DATA");
    setenv("XDG_DATA_HOME", "/xdg", 1);
    setenv("HOME", "/home/rees", 1);
    assert_int_equal(hf_cli_data_dir(&none, "p", out, sizeof out), HF_OK);
    assert_string_equal(out, "/xdg/p");
    unsetenv("XDG_DATA_HOME");
    assert_int_equal(hf_cli_data_dir(&none, "p", out, sizeof out), HF_OK);
    assert_string_equal(out, "/home/rees/.local/share/p");
    setenv("HOLDFAST_DATA", "/env", 1);
    assert_int_equal(hf_cli_data_dir(&none, "p", out, sizeof out), HF_OK);
    assert_string_equal(out, "/env");
    assert_int_equal(hf_cli_data_dir(&given, "p", out, sizeof out), HF_OK);
    assert_string_equal(out, "/given");
    assert_int_equal(hf_cli_data_dir(&given, "p", out, 4), HF_ERR_LIMIT);
    unsetenv("HOLDFAST_DATA");
    unsetenv("HOME");
    assert_int_equal(hf_cli_data_dir(&none, "p", out, sizeof out), HF_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_operands_may_stand_in_any_order),
        cmocka_unit_test(a_mistake_is_answered_with_what_was_meant),
        cmocka_unit_test(help_begins_with_examples),
        cmocka_unit_test(words_are_near_within_two_edits),
        cmocka_unit_test(durations_need_a_unit),
        cmocka_unit_test(each_status_has_its_code),
        cmocka_unit_test(a_table_shows_no_control_characters),
        cmocka_unit_test(the_data_directory_has_an_order_of_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
