/* cli.c: the command line, driven by one table.
 *
 * Why a table: usage, help, parsing and suggestions come from the same lines, so none of them can
 * promise what another does not do. */
#include "cli.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    COLUMNS_MAX = 16,
    OPTIONS_MAX = 48,  /* of one command, with those that all take */
    WORD_SIZE_MAX = 32 /* longer words get no suggestion */
};

/* ---- what was given ---- */

const char *hf_cli_nth(const hf_cli_args *args, const char *name, size_t n)
{
    for (size_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].name, name) == 0 && n-- == 0) return args->given[i].value;
    }
    return NULL;
}

const char *hf_cli_value(const hf_cli_args *args, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].name, name) == 0) value = args->given[i].value;
    }
    return value;
}

bool hf_cli_has(const hf_cli_args *args, const char *name)
{
    return hf_cli_value(args, name) != NULL;
}

int hf_cli_exit(hf_status status)
{
    switch (status) {
    case HF_OK: return HF_EXIT_OK;
    case HF_ERR_NOMEM: return HF_EXIT_NO_MEMORY;
    case HF_ERR_IO: return HF_EXIT_IO;
    case HF_ERR_CORRUPT: return HF_EXIT_DATA;
    case HF_ERR_PROTOCOL: return HF_EXIT_PROTOCOL;
    case HF_ERR_DENIED: return HF_EXIT_DENIED;
    case HF_ERR_NOT_FOUND: return HF_EXIT_NO_INPUT;
    case HF_ERR_INPUT: return HF_EXIT_DATA;
    case HF_ERR_FULL: return HF_EXIT_TRY_LATER;
    case HF_ERR_BUSY: return HF_EXIT_TRY_LATER;
    case HF_ERR_LIMIT: return HF_EXIT_DATA;
    }
    return HF_EXIT_INTERNAL;
}

/* ---- suggestions ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits from one word to another; two neighbours swapped are one edit (string alignment). */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_SIZE_MAX + 1];
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > WORD_SIZE_MAX || b_size > WORD_SIZE_MAX) return SIZE_MAX;
    for (size_t j = 0; j <= b_size; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            now[j] = smaller(smaller(before[j] + 1, now[j - 1] + 1), before[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = smaller(now[j], earlier[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

const char *hf_cli_nearest(const char *word, const char *const *names, size_t count, size_t stride)
{
    const char *best = NULL;
    size_t best_distance = 3;
    for (size_t i = 0; i < count; i++) {
        const char *name = NULL;
        memcpy(&name, (const char *)names + i * stride, sizeof name);
        if (!name) break;
        size_t distance = edit_distance(word, name);
        if (distance >= strlen(word) || distance >= best_distance) continue;
        best = name;
        best_distance = distance;
    }
    return best;
}

/* ---- help ---- */

static void print_indented(FILE *out, const char *lines)
{
    for (const char *line = lines; *line;) {
        size_t size = strcspn(line, "\n");
        fprintf(out, size ? "  %.*s\n" : "%.*s\n", (int)size, line);
        line += size + (line[size] == '\n');
    }
}

static void print_options(FILE *out, const hf_cli_option *options)
{
    for (; options && options->name; options++) {
        char head[64];
        (void)snprintf(head, sizeof head, "--%s%s%s", options->name, options->argument ? " " : "",
                       options->argument ? options->argument : "");
        fprintf(out, "  %-22s %s\n", head, options->help);
    }
}

static void print_usage(FILE *out, const hf_cli_program *program, const hf_cli_command *command)
{
    fprintf(out, "Usage: %s %s%s%s%s\n", program->name, command->name,
            command->options && command->options->name ? " [options]" : "",
            *command->operands ? " " : "", command->operands);
}

static void print_exit_codes(FILE *out)
{
    fputs("\nExit codes:\n"
          "   0 ok                   1 a check failed       2 usage\n"
          "  65 bad data            66 no input            69 unavailable\n"
          "  70 internal            71 no memory           73 cannot create\n"
          "  74 input or output     75 try again later     76 protocol\n"
          "  77 denied              78 configuration, or not set up yet\n",
          out);
}

static int help_command(const hf_cli_program *program, const hf_cli_command *command)
{
    printf("%s %s: %s.\n\nExamples:\n", program->name, command->name, command->summary);
    print_indented(stdout, command->examples);
    putchar('\n');
    print_usage(stdout, program, command);
    if (command->notes) printf("\n%s\n", command->notes);
    puts("\nOptions:");
    print_options(stdout, command->options);
    print_options(stdout, program->options);
    print_exit_codes(stdout);
    return HF_EXIT_OK;
}

static int help_program(const hf_cli_program *program)
{
    printf("%s: %s.\n\nExamples:\n", program->name, program->summary);
    print_indented(stdout, program->examples);
    puts("\nCommands:");
    for (size_t i = 0; i < program->command_count; i++) {
        printf("  %-10s %s\n", program->commands[i].name, program->commands[i].summary);
    }
    puts("\nOptions of every command:");
    print_options(stdout, program->options);
    printf("\n\"%s COMMAND --help\" tells more of one command.\n", program->name);
    print_exit_codes(stdout);
    return HF_EXIT_OK;
}

/* ---- parsing ---- */

static const hf_cli_command *command_find(const hf_cli_program *program, const char *name)
{
    for (size_t i = 0; i < program->command_count; i++) {
        if (strcmp(program->commands[i].name, name) == 0) return &program->commands[i];
    }
    return NULL;
}

static int unknown_command(const hf_cli_program *program, const char *name)
{
    const char *near = hf_cli_nearest(name, &program->commands[0].name, program->command_count,
                                      sizeof program->commands[0]);
    fprintf(stderr, "%s: no command \"", program->name);
    hf_cli_text(stderr, name);
    fputs("\".", stderr);
    if (near) fprintf(stderr, " Did you mean \"%s\"?", near);
    fprintf(stderr, " \"%s --help\" lists them all.\n", program->name);
    return HF_EXIT_USAGE;
}

typedef struct parse {
    const hf_cli_program *program;
    const hf_cli_command *command; /* NULL: still before the command */
    struct option options[OPTIONS_MAX + 1];
    const char *names[OPTIONS_MAX];
    size_t count;
} parse;

static void parse_add(parse *p, const hf_cli_option *options)
{
    for (; options && options->name; options++) {
        assert(p->count < OPTIONS_MAX); /* our own tables */
        p->names[p->count] = options->name;
        p->options[p->count++] = (struct option){
            .name = options->name,
            .has_arg = options->argument ? required_argument : no_argument,
        };
    }
}

static int bad_option(const parse *p, const char *culprit, bool lacks_argument)
{
    char word[WORD_SIZE_MAX + 1];
    size_t dashes = strspn(culprit, "-");
    (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(culprit + dashes, "="),
                   culprit + dashes);
    const char *near = hf_cli_nearest(word, p->names, p->count, sizeof p->names[0]);
    fprintf(stderr, "%s: ", p->program->name);
    if (lacks_argument) {
        fprintf(stderr, "--%s needs a value.", word);
    } else {
        fputs("no option \"", stderr);
        hf_cli_text(stderr, culprit);
        fputs("\" here.", stderr);
        if (near && strcmp(near, word) != 0) fprintf(stderr, " Did you mean \"--%s\"?", near);
        if (near && strcmp(near, word) == 0) fprintf(stderr, " --%s takes no value.", near);
    }
    fprintf(stderr, " \"%s%s%s --help\" lists the options.\n", p->program->name,
            p->command ? " " : "", p->command ? p->command->name : "");
    return HF_EXIT_USAGE;
}

/* Takes options until the first operand (before the command) or all of them (after it). The index
 * of the first operand goes to *next. */
static int parse_options(parse *p, int argc, char **argv, hf_cli_args *args, int *next)
{
    optind = 0; /* glibc: start afresh */
    opterr = 0; /* we say it better */
    int which = 0, found;
    while ((found = getopt_long(argc, argv, p->command ? ":" : "+:", p->options, &which)) != -1) {
        if (found == '?' || found == ':') return bad_option(p, argv[optind - 1], found == ':');
        if (args->given_count == HF_CLI_GIVEN_MAX) {
            fprintf(stderr, "%s: more than %d options.\n", p->program->name, HF_CLI_GIVEN_MAX);
            return HF_EXIT_USAGE;
        }
        args->given[args->given_count++] =
            (hf_cli_given){p->options[which].name, optarg ? optarg : ""};
    }
    *next = optind;
    return HF_EXIT_OK;
}

static int check_operands(const hf_cli_program *program, const hf_cli_args *args)
{
    const hf_cli_command *command = args->command;
    size_t count = args->operand_count;
    if (count >= command->operands_min && count <= command->operands_max) return HF_EXIT_OK;
    if (count < command->operands_min) {
        fprintf(stderr, "%s %s: something is missing.\n", program->name, command->name);
    } else {
        fprintf(stderr, "%s %s: \"", program->name, command->name);
        hf_cli_text(stderr, args->operands[command->operands_max]);
        fputs("\" is one too many.\n", stderr);
    }
    print_usage(stderr, program, command);
    size_t first = strcspn(command->examples, "\n");
    fprintf(stderr, "Example: %.*s\n", (int)first, command->examples);
    return HF_EXIT_USAGE;
}

static int run_command(const hf_cli_program *program, int argc, char **argv, hf_cli_args *args,
                       void *context)
{
    parse p = {.program = program, .command = args->command};
    parse_add(&p, args->command->options);
    parse_add(&p, program->options);
    parse_add(&p, (const hf_cli_option[]){{"help", NULL, ""}, {NULL, NULL, NULL}});
    int next = 0;
    int code = parse_options(&p, argc, argv, args, &next);
    if (code != HF_EXIT_OK) return code;
    if (hf_cli_has(args, "help")) return help_command(program, args->command);
    args->operands = (const char *const *)(argv + next);
    args->operand_count = (size_t)(argc - next);
    code = check_operands(program, args);
    return code != HF_EXIT_OK ? code : args->command->run(context, args);
}

/* Standard output is data: a full disk or a closed pipe behind it must not look like success. */
static int finish(const hf_cli_program *program, int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    fprintf(stderr, "%s: could not write the output: %s.\n", program->name, strerror(errno));
    return code == HF_EXIT_OK ? HF_EXIT_IO : code;
}

int hf_cli_run(const hf_cli_program *program, int argc, char **argv, void *context)
{
    static const hf_cli_option about[] = {
        {"help", NULL, ""}, {"version", NULL, ""}, {NULL, NULL, NULL}};
    hf_cli_args args = {.given_count = 0};
    parse p = {.program = program};
    parse_add(&p, program->options);
    parse_add(&p, about);
    int next = 0;
    int code = parse_options(&p, argc, argv, &args, &next);
    if (code != HF_EXIT_OK) return code;
    if (hf_cli_has(&args, "version")) {
        printf("%s %s\n", program->name, program->version);
        return finish(program, HF_EXIT_OK);
    }
    bool wants_help = hf_cli_has(&args, "help");
    if (next < argc && strcmp(argv[next], "help") == 0) {
        wants_help = true;
        next++;
    }
    if (next == argc && wants_help) return finish(program, help_program(program));
    if (next == argc) {
        fprintf(stderr, "%s: say what to do. \"%s --help\" lists the commands.\n", program->name,
                program->name);
        return HF_EXIT_USAGE;
    }
    args.command = command_find(program, argv[next]);
    if (!args.command) return unknown_command(program, argv[next]);
    if (wants_help) return finish(program, help_command(program, args.command));
    return finish(program, run_command(program, argc - next, argv + next, &args, context));
}

/* ---- small things that every command needs ---- */

hf_status hf_cli_data_dir(const hf_cli_args *args, const char *program, char *out, size_t size)
{
    const char *given = hf_cli_value(args, "data");
    if (!given || !*given) given = getenv("HOLDFAST_DATA");
    int used;
    if (given && *given) {
        used = snprintf(out, size, "%s", given);
    } else {
        const char *base = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
        if (base && *base == '/') {
            used = snprintf(out, size, "%s/%s", base, program);
        } else {
            if (!home || *home != '/') return HF_ERR_NOT_FOUND;
            used = snprintf(out, size, "%s/.local/share/%s", home, program);
        }
    }
    return used < 0 || (size_t)used >= size ? HF_ERR_LIMIT : HF_OK;
}

hf_status hf_cli_duration(const char *text, uint64_t *out_ms)
{
    static const struct {
        char letter;
        uint64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    char *end = NULL;
    errno = 0;
    if (*text < '0' || *text > '9') return HF_ERR_INPUT; /* strtoull would take "-1" */
    unsigned long long count = strtoull(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (errno || *end != units[i].letter || end[1]) continue;
        if (__builtin_mul_overflow((uint64_t)count, units[i].ms, out_ms)) return HF_ERR_INPUT;
        return HF_OK;
    }
    return HF_ERR_INPUT;
}

void hf_cli_time(uint64_t wall_ms, uint64_t now_wall_ms, char *out, size_t size)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local;
    char date[32];
    if (!localtime_r(&seconds, &local) || !strftime(date, sizeof date, "%Y-%m-%d %H:%M", &local)) {
        (void)snprintf(out, size, "%" PRIu64 " ms", wall_ms);
        return;
    }
    bool ahead = wall_ms > now_wall_ms;
    uint64_t away = (ahead ? wall_ms - now_wall_ms : now_wall_ms - wall_ms) / 1000;
    if (away < 2) {
        (void)snprintf(out, size, "%s, now", date);
        return;
    }
    const char *unit = away < 120 ? "s" : away < 7200 ? "min" : away < 172800 ? "h" : "days";
    uint64_t count = away < 120      ? away
                     : away < 7200   ? away / 60
                     : away < 172800 ? away / 3600
                                     : away / 86400;
    (void)snprintf(out, size, "%s, %" PRIu64 " %s %s", date, count, unit, ahead ? "ahead" : "ago");
}

void hf_cli_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool is_c1 = c == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0;
        fputc(c < 0x20 || c == 0x7f || is_c1 ? '?' : c, out);
        if (is_c1) text++;
    }
}

static size_t shown_width(const char *text) /* code points: near enough for names and words */
{
    size_t width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void hf_cli_table(FILE *out, const char *const *cells, size_t columns, size_t rows)
{
    size_t widths[COLUMNS_MAX] = {0};
    assert(columns <= COLUMNS_MAX);
    for (size_t i = 0; i < columns * rows; i++) {
        size_t width = shown_width(cells[i]);
        if (width > widths[i % columns]) widths[i % columns] = width;
    }
    for (size_t i = 0; i < columns * rows; i++) {
        bool is_last = i % columns == columns - 1;
        hf_cli_text(out, cells[i]);
        for (size_t pad = shown_width(cells[i]); !is_last && pad < widths[i % columns] + 2; pad++) {
            fputc(' ', out);
        }
        if (is_last) fputc('\n', out);
    }
}
