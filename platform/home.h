/* home.h: one installation's folder: where each file is, and who holds it.
 *
 * Both programs keep the same files under the same names, so that a person who knows one data
 * directory knows them all; docs/cli.md lists them. */
#ifndef HF_PLATFORM_HOME_H
#define HF_PLATFORM_HOME_H

#include "cli.h"
#include "fall.h"
#include "files.h"
#include "keys.h"

#include "holdfast/store.h"

enum {
    HF_PATH_SIZE = 1024,
    HF_HOME_PAUSE_MS = 50, /* between two tries for a store that another process holds */
    HF_HOME_TRIES = 200    /* a command is done in a moment, and its lock is worth waiting for */
};

typedef struct hf_home {
    char data[HF_PATH_SIZE];
    char key[HF_PATH_SIZE], certificate[HF_PATH_SIZE], ca[HF_PATH_SIZE], ca_key[HF_PATH_SIZE];
    char store[HF_PATH_SIZE], lock_file[HF_PATH_SIZE], socket[HF_PATH_SIZE];
    char config[HF_PATH_SIZE], ports[HF_PATH_SIZE], fell[HF_PATH_SIZE];
    hf_lock *lock;
    hf_keys *keys;
} hf_home;

/* Finds the folder from --data, the environment or the default, and names its files. Says on
 * standard error what is wrong; returns an exit code. */
int hf_home_find(hf_home *home, const hf_cli_args *args, const char *program);
bool hf_home_has(const char *path); /* is there such a file */

/* Takes the lock. HF_ERR_BUSY: another process holds the store, its pid in *holder. */
HF_MUST_CHECK hf_status hf_home_lock(hf_home *home, pid_t *holder);
void hf_home_pause(void);
/* Opens the keys that are there; says on standard error what is wrong. Returns an exit code. */
int hf_home_keys(hf_home *home, const char *program);
/* How the last daemon ended; ours is noted from now on. To be asked with the lock held. */
hf_ending hf_home_ending(const hf_home *home);
void hf_home_close(hf_home *home); /* what was opened, in reverse; may be called twice */

/* Makes the folder and its parents. Says on standard error what is wrong; returns an exit code. */
int hf_home_make(const hf_home *home, const char *program);

#endif
