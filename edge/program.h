/* program.h: the edge program's own state, shared by its commands and the daemon. Every command's
 * context is the hf_program, whose node is an edge_node. */
#ifndef HF_EDGE_PROGRAM_H
#define HF_EDGE_PROGRAM_H

#include "api.h"
#include "platform/config.h"
#include "platform/program.h"
#include "sync/enrolment.h"

#define EDGE_PROGRAM "holdfast-edge"

typedef struct edge_node {
    hf_edge_config config;
    hf_store *store; /* NULL while another process holds it */
    hf_edge *edge;
    hf_edge_api own;
    hf_api api;
    char device[HF_NAME_SIZE], hub[HF_ADDRESS_SIZE];
} edge_node;

extern const hf_cli_program hf_edge_cli;   /* commands.c */
extern const hf_program_kind hf_edge_kind; /* cli.c */

int hf_edge_cli_run(void *context, const hf_cli_args *args);  /* main.c */
int hf_edge_cli_init(void *context, const hf_cli_args *args); /* commands_setup.c */
int hf_edge_cli_enrol(void *context, const hf_cli_args *args);
int hf_edge_cli_import(void *context, const hf_cli_args *args); /* commands_import.c */
int hf_edge_cli_put(void *context, const hf_cli_args *args);    /* commands_write.c */
int hf_edge_cli_delete(void *context, const hf_cli_args *args);
int hf_edge_cli_resolve(void *context, const hf_cli_args *args);
int hf_edge_cli_get(void *context, const hf_cli_args *args); /* commands_read.c */
int hf_edge_cli_find_words(void *context, const hf_cli_args *args);
int hf_edge_cli_history(void *context, const hf_cli_args *args);
int hf_edge_cli_status(void *context, const hf_cli_args *args);
int hf_edge_cli_check_receipt(void *context, const hf_cli_args *args);

#endif
