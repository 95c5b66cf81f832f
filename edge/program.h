/* program.h: the edge program's own state, shared by its commands and the daemon.
 *
 * A command asks the daemon over its local socket when one holds the store, and opens the store
 * itself when none does; either way hf_edge_api_answer gives the answer. */
#ifndef HF_EDGE_PROGRAM_H
#define HF_EDGE_PROGRAM_H

#include "api.h"
#include "platform/config.h"
#include "platform/home.h"
#include "platform/show.h"
#include "sync/enrolment.h"

#include <jansson.h>

#define EDGE_PROGRAM "holdfast-edge"

typedef struct edge_program {
    hf_home home;
    hf_store *store; /* NULL while a daemon holds it */
    bool serves;     /* as a daemon: how the last one ended is its business */
    hf_edge *edge;
    hf_edge_api api;
    hf_edge_config config;
    char device[HF_NAME_SIZE], hub[HF_ADDRESS_SIZE];
    hf_buffer reply; /* the last answer, as it came */
} edge_program;

/* Each says on standard error what is wrong and returns an exit code. */
int hf_edge_cli_find(edge_program *program,
                     const hf_cli_args *args); /* names files, opens nothing */
int hf_edge_cli_open(edge_program *program, const hf_cli_args *args); /* ready to ask, either way */
int hf_edge_cli_open_alone(edge_program *program, const hf_cli_args *args); /* for a daemon */
int hf_edge_cli_open_store(edge_program *program);                          /* the lock is held */
int hf_edge_cli_ask(edge_program *program, json_t *request,
                    json_t **document); /* takes `request` */
void hf_edge_cli_close(edge_program *program);

/* Asks, then prints the document: as it came with --json, else by `print`. */
typedef void (*edge_printer)(const hf_show *show, const json_t *document);
int hf_edge_cli_answer(edge_program *program, const hf_cli_args *args, json_t *request,
                       edge_printer print);
/* Opens, asks one thing, prints it, closes. */
int hf_edge_cli_once(const hf_cli_args *args, json_t *request, edge_printer print);

extern const hf_cli_program hf_edge_cli;

int hf_edge_cli_run(void *context, const hf_cli_args *args);  /* main.c */
int hf_edge_cli_init(void *context, const hf_cli_args *args); /* commands_setup.c */
int hf_edge_cli_enrol(void *context, const hf_cli_args *args);
int hf_edge_cli_import(void *context, const hf_cli_args *args); /* commands_import.c */
int hf_edge_cli_put(void *context, const hf_cli_args *args);    /* commands_write.c */
int hf_edge_cli_delete(void *context, const hf_cli_args *args);
int hf_edge_cli_resolve(void *context, const hf_cli_args *args);
int hf_edge_cli_get(void *context, const hf_cli_args *args); /* commands_read.c */
int hf_edge_cli_list(void *context, const hf_cli_args *args);
int hf_edge_cli_find_words(void *context, const hf_cli_args *args);
int hf_edge_cli_conflicts(void *context, const hf_cli_args *args);
int hf_edge_cli_history(void *context, const hf_cli_args *args);
int hf_edge_cli_status(void *context, const hf_cli_args *args);
int hf_edge_cli_verify(void *context, const hf_cli_args *args);

#endif
