/* program.h: one run of a program: it holds its store, or asks the process that does.
 *
 * Both programs are alike in this: a data directory, one process at a time that holds the store in
 * it, and commands that get the same answer from a daemon as from a store they opened themselves.
 * What that store is, and what it answers, the program brings in an hf_program_kind. */
#ifndef HF_PLATFORM_PROGRAM_H
#define HF_PLATFORM_PROGRAM_H

#include "home.h"
#include "local.h"
#include "show.h"

typedef struct hf_program hf_program;

/* What is the program's own. The first two say on standard error what is wrong and return an exit
 * code. */
typedef struct hf_program_kind {
    int (*prepare)(hf_program *program); /* is it set up? reads its configuration; no lock yet */
    int (*open)(hf_program *program);    /* the lock is held: opens the store */
    /* The store is open: one request in JSON, one document on one line. `*reply` is the caller's
     * to free(); it is there, and says what is wrong, whenever the status is not HF_ERR_NOMEM. */
    hf_status (*answer)(hf_program *program, const char *request, char **reply);
    void (*close)(hf_program *program); /* whatever is open, all or in part */
} hf_program_kind;

struct hf_program {
    const hf_cli_program *cli;
    const hf_program_kind *kind;
    void *node; /* the program's own state */
    hf_home home;
    bool serves;      /* as a daemon: how the last one ended is its business */
    hf_ending ending; /* ... and this is how: for whoever opens the store */
    bool is_open;     /* the store is open in this process */
    pid_t holder;     /* else the process that holds it; 0 while not known */
    char *reply;      /* the last answer, as it came */
};

/* A main(): runs the command that `argv` names with the hf_program as its context, then closes what
 * it opened. `node` begins as zeros. Returns the exit code. */
int hf_program_main(const hf_cli_program *cli, const hf_program_kind *kind, void *node, int argc,
                    char **argv);

/* Each says on standard error what is wrong and returns an exit code. */
int hf_program_find(hf_program *program, const hf_cli_args *args); /* names files, no more */
int hf_program_open(hf_program *program, const hf_cli_args *args); /* ready to ask, either way */
int hf_program_open_store(hf_program *program);                    /* the lock is held */
int hf_program_ask(hf_program *program, json_t *request, json_t **document); /* takes `request` */

/* Opens, asks one thing, and prints the document: as it came with --json, else by `print`. Takes
 * `request`. */
typedef void (*hf_printer)(const hf_show *show, const json_t *document);
int hf_program_once(hf_program *program, const hf_cli_args *args, json_t *request,
                    hf_printer print);
/* The same; then `check` says the exit code, of a document that came. */
int hf_program_checked(hf_program *program, const hf_cli_args *args, json_t *request,
                       hf_printer print, int (*check)(const json_t *document));

/* ---- for a daemon ---- */

/* Opens the store in this process, or says who has it. */
int hf_program_open_alone(hf_program *program, const hf_cli_args *args);
/* Answers the commands beside it. As hf_local_open. */
HF_MUST_CHECK hf_status hf_program_listen(hf_program *program, hf_loop *loop, hf_local **out);
/* Says why a daemon could not start; `loop` may be NULL. */
int hf_program_cannot_start(const hf_program *program, const hf_loop *loop, hf_status status);

/* ---- what commands are made of ---- */

json_t *hf_request_new(const char *op, const hf_cli_args *args); /* with --limit, when given */
void hf_request_give(json_t *request, const char *key, const char *text); /* NULL: left out */
/* --actor, or else HOLDFAST_ACTOR: who acts is the same for a whole shift. May be NULL. */
const char *hf_request_actor(const hf_cli_args *args);

/* Opens, asks and prints as hf_program_once does, and leaves the document to the caller; NULL when
 * there is none. Takes `request`. */
int hf_program_answer(hf_program *program, const hf_cli_args *args, json_t *request,
                      hf_printer print, json_t **document);

extern const hf_cli_option hf_list_options[], hf_limit_options[], hf_run_options[],
    hf_entry_options[], hf_receipt_options[], hf_check_options[];

/* Commands that both programs have, as an hf_cli_command runs them. */
int hf_program_list(void *program, const hf_cli_args *args);
int hf_program_conflicts(void *program, const hf_cli_args *args);
int hf_program_verify(void *program, const hf_cli_args *args);
int hf_program_receipt(void *program, const hf_cli_args *args); /* program_receipt.c */

/* verify-receipt: no store is opened, and no installation need be there. `check` makes the document
 * from the file's bytes, by nothing but the CA in `crypto`; hf_report_proof_text is one. */
typedef hf_status (*hf_receipt_checker)(const hf_crypto *crypto, hf_bytes file, char **reply);
int hf_program_check_receipt(hf_program *program, const hf_cli_args *args,
                             hf_receipt_checker check);

#endif
