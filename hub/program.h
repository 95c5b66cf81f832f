/* program.h: the hub program's own state, shared by its commands and the daemon.
 *
 * As edge/program.h: a command asks the daemon when one holds the store, else opens it itself. */
#ifndef HF_HUB_PROGRAM_H
#define HF_HUB_PROGRAM_H

#include "api.h"
#include "platform/ca.h"
#include "platform/config.h"
#include "platform/home.h"
#include "platform/show.h"

#include <jansson.h>

#define HUB_PROGRAM "holdfast-hub"

typedef struct hub_program {
    hf_home home;
    hf_hub_config config;
    hf_ca *ca;
    hf_store *store; /* NULL while a daemon holds it */
    bool serves;     /* as a daemon: how the last one ended is its business */
    hf_hub *hub;
    hf_authority authority;
    hf_enroll enroll;
    hf_hub_api api;
    char own_name[HF_NAME_SIZE];
    char sync_address[HF_ADDRESS_SIZE], enrol_address[HF_ADDRESS_SIZE]; /* as devices see them */
    hf_buffer reply; /* the last answer, as it came */
} hub_program;

/* Each says on standard error what is wrong and returns an exit code. */
int hf_hub_cli_find(hub_program *program, const hf_cli_args *args); /* names files, opens nothing */
int hf_hub_cli_open(hub_program *program, const hf_cli_args *args); /* ready to ask, either way */
int hf_hub_cli_open_alone(hub_program *program, const hf_cli_args *args); /* for a daemon */
int hf_hub_cli_open_store(hub_program *program);                          /* the lock is held */
int hf_hub_cli_read_config(hub_program *program);
int hf_hub_cli_open_ca(hub_program *program);
int hf_hub_cli_ask(hub_program *program, json_t *request, json_t **document); /* takes `request` */
void hf_hub_cli_close(hub_program *program);
/* The ports to listen on: a port that was chosen once is kept, since devices were told it. */
void hf_hub_cli_ports(const hub_program *program, uint16_t *sync_port, uint16_t *enrol_port);
/* As devices reach the hub: its address and these ports; 0: not known before it runs. */
void hf_hub_cli_set_ports(hub_program *program, uint16_t sync_port, uint16_t enrol_port);

typedef void (*hub_printer)(const hf_show *show, const json_t *document);
int hf_hub_cli_answer(hub_program *program, const hf_cli_args *args, json_t *request,
                      hub_printer print);
/* Opens, asks one thing, prints it, closes. */
int hf_hub_cli_once(const hf_cli_args *args, json_t *request, hub_printer print);

extern const hf_cli_program hf_hub_cli;

int hf_hub_cli_run(void *context, const hf_cli_args *args);   /* main.c */
int hf_hub_cli_init(void *context, const hf_cli_args *args);  /* commands_setup.c */
int hf_hub_cli_token(void *context, const hf_cli_args *args); /* commands_devices.c */
int hf_hub_cli_devices(void *context, const hf_cli_args *args);
int hf_hub_cli_revoke(void *context, const hf_cli_args *args);
int hf_hub_cli_pack(void *context, const hf_cli_args *args);
int hf_hub_cli_status(void *context, const hf_cli_args *args); /* commands_read.c */
int hf_hub_cli_conflicts(void *context, const hf_cli_args *args);
int hf_hub_cli_show(void *context, const hf_cli_args *args);
int hf_hub_cli_list(void *context, const hf_cli_args *args);
int hf_hub_cli_verify(void *context, const hf_cli_args *args);

#endif
