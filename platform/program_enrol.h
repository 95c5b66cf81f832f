/* program_enrol.h: how a program becomes one that the centre knows. */
#ifndef HF_PLATFORM_PROGRAM_ENROL_H
#define HF_PLATFORM_PROGRAM_ENROL_H

#include "program.h"

typedef struct hf_enrol_kind {
    bool is_station;
    /* Writes the configuration; the address is the one by which sessions reach the hub. */
    hf_status (*configure)(void *context, hf_bytes address);
    void *context;
} hf_enrol_kind;

/* Spends --token-file: the CA's certificate, the configuration and, last, our own certificate are
 * kept. The lock is held, and the key is there. Says on standard error what is wrong, and what is
 * next; returns an exit code. */
int hf_program_enrol(hf_program *program, const hf_enrol_kind *kind, const hf_cli_args *args);

#endif
