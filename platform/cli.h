/* cli.h: what a command line promises: one table of commands that parses, helps and suggests.
 *
 * Data goes to standard output, talk to standard error. A command or an option that is not known is
 * answered with the one that was probably meant, and no one has to guess what a status means:
 * exit codes stand in one table, here and in docs/cli.md. */
#ifndef HF_PLATFORM_CLI_H
#define HF_PLATFORM_CLI_H

#include "holdfast/status.h"

#include <stdbool.h>
#include <stdio.h>

enum {
    HF_EXIT_OK = 0,
    HF_EXIT_CHECK = 1,        /* a check failed: verify found faults */
    HF_EXIT_USAGE = 2,        /* the command line is wrong */
    HF_EXIT_DATA = 65,        /* bad data: a value, a file's content, a damaged store */
    HF_EXIT_NO_INPUT = 66,    /* no such record, device or file */
    HF_EXIT_UNAVAILABLE = 69, /* the hub or the daemon does not answer */
    HF_EXIT_INTERNAL = 70,
    HF_EXIT_NO_MEMORY = 71,
    HF_EXIT_CANNOT_CREATE = 73, /* an output file */
    HF_EXIT_IO = 74,
    HF_EXIT_TRY_LATER = 75, /* disk full, or another process holds the store */
    HF_EXIT_PROTOCOL = 76,
    HF_EXIT_DENIED = 77,
    HF_EXIT_CONFIG = 78,   /* configuration, or not yet set up */
    HF_CLI_GIVEN_MAX = 128 /* options in one command line; more is a usage error */
};

typedef struct hf_cli_option {
    const char *name;     /* long name, without the dashes; NULL ends a list */
    const char *argument; /* what it takes, as help shows it: "FILE"; NULL for a switch */
    const char *help;
} hf_cli_option;
#define HF_CLI_OPTIONS_END                                                                         \
    {                                                                                              \
        .name = NULL                                                                               \
    }

typedef struct hf_cli_given {
    const char *name, *value; /* value "" for a switch */
} hf_cli_given;

typedef struct hf_cli_args { /* all borrowed from argv and the tables */
    const struct hf_cli_command *command;
    const char *const *operands;
    size_t operand_count;
    hf_cli_given given[HF_CLI_GIVEN_MAX];
    size_t given_count;
} hf_cli_args;

typedef struct hf_cli_command {
    const char *name;
    const char *operands; /* as usage shows them: "TYPE FIELD=VALUE..." */
    const char *summary;  /* one line, no full stop */
    const char *examples; /* whole command lines, one per line */
    const char *notes;    /* paragraphs, or NULL */
    const hf_cli_option *options;
    size_t operands_min, operands_max;                  /* max SIZE_MAX: any number */
    int (*run)(void *context, const hf_cli_args *args); /* returns an exit code */
} hf_cli_command;

typedef struct hf_cli_program {
    const char *name, *version, *summary, *examples;
    const hf_cli_option *options; /* that every command takes */
    const hf_cli_command *commands;
    size_t command_count;
} hf_cli_program;

/* Parses, answers --help, --version and `help COMMAND`, or runs the command. Returns the exit
 * code. */
int hf_cli_run(const hf_cli_program *program, int argc, char **argv, void *context);

bool hf_cli_has(const hf_cli_args *args, const char *name);
/* The last value given; NULL when the option was not given. */
const char *hf_cli_value(const hf_cli_args *args, const char *name);
/* The n-th value given, from 0; NULL when there are not so many. */
const char *hf_cli_nth(const hf_cli_args *args, const char *name, size_t n);

int hf_cli_exit(hf_status status);

/* The nearest of `names` within two edits (a swap is one); NULL when none is that near, or when
 * `word` is empty. `stride` is the distance in bytes between the pointers. */
const char *hf_cli_nearest(const char *word, const char *const *names, size_t count, size_t stride);

/* --data, else HOLDFAST_DATA, else $XDG_DATA_HOME/<program>, else ~/.local/share/<program>.
 * Errors: HF_ERR_NOT_FOUND (no home), HF_ERR_LIMIT (longer than `size`). */
HF_MUST_CHECK hf_status hf_cli_data_dir(const hf_cli_args *args, const char *program, char *out,
                                        size_t size);

/* "90s", "15m", "24h" or "7d" to milliseconds. HF_ERR_INPUT when it is not one. */
HF_MUST_CHECK hf_status hf_cli_duration(const char *text, uint64_t *out_ms);

/* "2026-11-21 10:42, 3 min ago": local time for people, and how long ago. */
void hf_cli_time(uint64_t wall_ms, uint64_t now_wall_ms, char *out, size_t size);

/* A table for people: columns aligned by what they hold, two spaces between. `cells` has
 * `columns` pointers a row, row by row; the first row is the heads. Control characters are shown as
 * '?': what a peer wrote must not drive a terminal. */
void hf_cli_table(FILE *out, const char *const *cells, size_t columns, size_t rows);
void hf_cli_text(FILE *out, const char *text); /* the same care for one text */

#endif
