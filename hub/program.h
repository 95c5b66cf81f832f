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
    hf_hub *hub;
    hf_authority authority;
    hf_enroll enroll;
    hf_hub_api api;
    char own_name[HF_NAME_SIZE];
    char sync_address[HF_ADDRESS_SIZE], enrol_address[HF_ADDRESS_SIZE]; /* as devices see them */
    hf_buffer reply; /* the last answer, as it came */
} hub_program;

/* Each says on standard error what is wrong and returns an exit code. */
int hub_find(hub_program *program, const hf_cli_args *args); /* names files, opens nothing */
int hub_open(hub_program *program, const hf_cli_args *args); /* ready to ask, either way */
int hub_open_store(hub_program *program);                    /* the lock is held */
int hub_read_config(hub_program *program);
int hub_open_ca(hub_program *program);
int hub_ask(hub_program *program, json_t *request, json_t **document); /* takes `request` */
void hub_close(hub_program *program);
/* The ports to listen on: a port that was chosen once is kept, since devices were told it. */
void hub_ports(const hub_program *program, uint16_t *sync_port, uint16_t *enrol_port);
/* As devices reach the hub: its address and these ports; 0: not known before it runs. */
void hub_set_ports(hub_program *program, uint16_t sync_port, uint16_t enrol_port);

typedef void (*hub_printer)(const hf_show *show, const json_t *document);
int hub_answer(hub_program *program, const hf_cli_args *args, json_t *request, hub_printer print);
/* Opens, asks one thing, prints it, closes. */
int hub_once(const hf_cli_args *args, json_t *request, hub_printer print);

extern const hf_cli_program hub_cli;

int hub_run(void *context, const hf_cli_args *args);       /* main.c */
int hub_init(void *context, const hf_cli_args *args);      /* commands_setup.c */
int hub_token(void *context, const hf_cli_args *args);     /* commands_devices.c */
int hub_devices(void *context, const hf_cli_args *args);
int hub_revoke(void *context, const hf_cli_args *args);
int hub_pack(void *context, const hf_cli_args *args);
int hub_status(void *context, const hf_cli_args *args);    /* commands_read.c */
int hub_conflicts(void *context, const hf_cli_args *args);
int hub_show(void *context, const hf_cli_args *args);
int hub_list(void *context, const hf_cli_args *args);
int hub_verify(void *context, const hf_cli_args *args);

#endif
