/* home.c: the data directory.
 *
 * Why its own file: who holds the store, and where its key is, must be answered alike by a daemon,
 * a command and two programs, or one day two of them write at once. */
#include "home.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NAME_SIZE_MAX = 32 }; /* of the files within */

static void name_file(char out[HF_PATH_SIZE], const char *data, const char *name)
{
    (void)snprintf(out, HF_PATH_SIZE, "%.*s/%s", HF_PATH_SIZE - NAME_SIZE_MAX - 2, data, name);
}

int hf_home_find(hf_home *home, const hf_cli_args *args, const char *program)
{
    memset(home, 0, sizeof *home);
    hf_status status =
        hf_cli_data_dir(args, program, home->data, sizeof home->data - NAME_SIZE_MAX);
    if (status != HF_OK) {
        fprintf(stderr,
                status == HF_ERR_LIMIT
                    ? "%s: the data directory's name is too long.\n"
                    : "%s: no data directory: give --data DIR, or set HOLDFAST_DATA.\n",
                program);
        return HF_EXIT_CONFIG;
    }
    name_file(home->key, home->data, "key.pem");
    name_file(home->certificate, home->data, "certificate.pem");
    name_file(home->ca, home->data, "ca.pem");
    name_file(home->ca_key, home->data, "ca-key.pem");
    name_file(home->store, home->data, "store.db");
    name_file(home->lock_file, home->data, "lock");
    name_file(home->socket, home->data, "control.sock");
    name_file(home->config, home->data, "holdfast.conf");
    name_file(home->ports, home->data, "ports");
    name_file(home->fell, home->data, "fell");
    return HF_EXIT_OK;
}

bool hf_home_has(const char *path)
{
    return access(path, F_OK) == 0;
}

hf_status hf_home_lock(hf_home *home, pid_t *holder)
{
    return hf_lock_open(home->lock_file, &home->lock, holder);
}

void hf_home_pause(void)
{
    struct timespec pause = {.tv_nsec = HF_HOME_PAUSE_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
}

int hf_home_keys(hf_home *home, const char *program)
{
    hf_key_paths paths = {.key = home->key, .certificate = home->certificate, .ca = home->ca};
    hf_status status = hf_keys_open(&paths, &home->keys);
    if (status == HF_OK) return HF_EXIT_OK;
    if (status == HF_ERR_NOT_FOUND) {
        fprintf(stderr, "%s: %s has not been set up. Run \"%s init\" first.\n", program, home->data,
                program);
        return HF_EXIT_CONFIG;
    }
    fprintf(stderr,
            "%s: the key or certificate in %s cannot be used (%s). The records are safe "
            "in %s; put the files back from where they were kept.\n",
            program, home->data, hf_status_name(status), home->store);
    return hf_cli_exit(status);
}

hf_ending hf_home_ending(const hf_home *home)
{
    bool fell;
    /* Where nothing can be noted, nothing can be known: then nobody is blamed. */
    if (hf_fall_watch(home->fell, &fell) != HF_OK) return HF_ENDING_UNKNOWN;
    return fell ? HF_ENDING_FAULT : HF_ENDING_QUIET;
}

void hf_home_close(hf_home *home)
{
    hf_keys_close(home->keys);
    hf_lock_close(home->lock);
    home->keys = NULL;
    home->lock = NULL;
}

int hf_home_make(const hf_home *home, const char *program)
{
    char path[HF_PATH_SIZE];
    size_t size = strlen(home->data);
    for (size_t i = 1; i <= size; i++) { /* each parent in turn, then the folder itself */
        if (i < size && home->data[i] != '/') continue;
        memcpy(path, home->data, i);
        path[i] = 0;
        if (i < size && hf_home_has(path)) continue;
        hf_status status = hf_dir_make(path);
        if (status == HF_OK) continue;
        fprintf(stderr, "%s: cannot make the directory %s (%s).\n", program, path,
                hf_status_name(status));
        return HF_EXIT_CANNOT_CREATE;
    }
    return HF_EXIT_OK;
}
