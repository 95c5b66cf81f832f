/* program.h: the hub program's own state, shared by its commands and the daemon. Every command's
 * context is the hf_program, whose node is a hub_node. */
#ifndef HF_HUB_PROGRAM_H
#define HF_HUB_PROGRAM_H

#include "api.h"
#include "platform/ca.h"
#include "platform/config.h"
#include "platform/program.h"
#include "platform/uplink.h"

#define HUB_PROGRAM "holdfast-hub"

enum { HUB_DEVICES_MAX = 100000 }; /* connected at once; `run` says if the system allows fewer */

typedef struct hub_node {
    hf_hub_config config;
    hf_ca *ca;
    hf_store *store; /* NULL while another process holds it */
    hf_hub *hub;
    hf_authority authority;
    hf_enroll enroll;
    hf_api api;
    const hf_uplink *uplink; /* a station's daemon: its link to the centre */
    char own_name[HF_NAME_SIZE];
    char sync_address[HF_ADDRESS_SIZE], enrol_address[HF_ADDRESS_SIZE]; /* as devices see them */
    char upstream[HF_ADDRESS_SIZE];
    bool promotes; /* this command goes on with a promotion that was begun */
} hub_node;

extern const hf_cli_program hf_hub_cli;   /* commands.c */
extern const hf_program_kind hf_hub_kind; /* cli.c */

bool hf_hub_is_station(const hub_node *node);
/* Says on standard error what is wrong and returns an exit code. */
int hf_hub_open_ca(hf_program *program);
/* Issues the hub's own certificate, by which it is called so, for these names, in place of any that
 * is there. */
HF_MUST_CHECK hf_status hf_hub_issue_own(hf_program *program, const char *called,
                                         const char *const *names, size_t name_count);
/* One of the key files of a backup, to be freed; the passphrase as `restore` takes it. Says on
 * standard error what is wrong and returns an exit code. */
int hf_hub_backup_file(const hf_cli_args *args, const char *path, const char *name, char **text);
/* The ports to listen on: a port that was chosen once is kept, since devices were told it. */
void hf_hub_ports(const hf_program *program, uint16_t *sync_port, uint16_t *enrol_port);
/* As devices reach the hub: its address and these ports; 0: not known before it runs. */
void hf_hub_set_ports(hub_node *node, uint16_t sync_port, uint16_t enrol_port);

int hf_hub_cli_run(void *context, const hf_cli_args *args);   /* main.c */
int hf_hub_cli_init(void *context, const hf_cli_args *args);  /* commands_setup.c */
int hf_hub_cli_token(void *context, const hf_cli_args *args); /* commands_devices.c */
int hf_hub_cli_devices(void *context, const hf_cli_args *args);
int hf_hub_cli_revoke(void *context, const hf_cli_args *args);
int hf_hub_cli_pack(void *context, const hf_cli_args *args);
int hf_hub_cli_show(void *context, const hf_cli_args *args); /* commands_read.c */
int hf_hub_cli_status(void *context, const hf_cli_args *args);
int hf_hub_cli_backup(void *context, const hf_cli_args *args); /* commands_recovery.c */
int hf_hub_cli_restore(void *context, const hf_cli_args *args);
int hf_hub_cli_refill(void *context, const hf_cli_args *args); /* commands_refill.c */
int hf_hub_cli_declare_lost(void *context, const hf_cli_args *args);
int hf_hub_cli_accept_control_loss(void *context, const hf_cli_args *args);
int hf_hub_cli_references(void *context, const hf_cli_args *args); /* commands_references.c */
int hf_hub_cli_promote(void *context, const hf_cli_args *args);    /* commands_promote.c */
int hf_hub_cli_hubs(void *context, const hf_cli_args *args);       /* commands_hubs.c */
int hf_hub_cli_check_receipt(void *context, const hf_cli_args *args);
int hf_hub_cli_outage(void *context, const hf_cli_args *args); /* commands_outage.c */
int hf_hub_cli_sla(void *context, const hf_cli_args *args);
int hf_hub_cli_drill(void *context, const hf_cli_args *args);
int hf_hub_cli_window(void *context, const hf_cli_args *args);
int hf_hub_cli_readiness(void *context, const hf_cli_args *args);

#endif
