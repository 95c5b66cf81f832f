/* cli.c: how a command reaches the store: through the daemon that holds it, or by itself.
 *
 * Why the lock decides and not the socket: a socket file outlives the process that made it, and two
 * processes that both believe to be alone would write at once. */
#include "program.h"

#include "platform/clock.h"
#include "platform/config.h"
#include "platform/local.h"

#include <stdlib.h>
#include <string.h>

int edge_find(edge_program *program, const hf_cli_args *args)
{
    memset(program, 0, sizeof *program);
    return hf_home_find(&program->home, args, EDGE_PROGRAM);
}

static int not_enrolled(const edge_program *program)
{
    const hf_home *home = &program->home;
    if (!hf_home_has(home->key)) {
        fprintf(stderr, "%s: %s is not set up. Next: %s --data %s init\n", EDGE_PROGRAM, home->data,
                EDGE_PROGRAM, home->data);
    } else {
        fprintf(stderr, "%s: this device is not enrolled. Next: ask the hub's operator for a "
                        "token, then %s --data %s enrol --token-file FILE\n", EDGE_PROGRAM,
                EDGE_PROGRAM, home->data);
    }
    return HF_EXIT_CONFIG;
}

/* ---- the store ---- */

static int read_names(edge_program *program)
{
    const hf_crypto *crypto = hf_keys_crypto(program->home.keys);
    hf_certificate certificate;
    hf_status status = crypto->certificate(crypto->context, crypto->own_certificate, &certificate);
    if (status != HF_OK) return not_enrolled(program);
    (void)snprintf(program->device, sizeof program->device, "%s", certificate.name);
    return HF_EXIT_OK;
}

int edge_open_store(edge_program *program)
{
    char problem[512] = "";
    int code = program->home.keys ? HF_EXIT_OK : hf_home_keys(&program->home, EDGE_PROGRAM);
    if (code == HF_EXIT_OK) code = read_names(program);
    if (code != HF_EXIT_OK) return code;
    hf_store_options options = {.path = program->home.store,
                                .crypto = hf_keys_crypto(program->home.keys)};
    hf_edge_options edge_options = {.implementation = EDGE_PROGRAM " " HF_VERSION};
    hf_status status = hf_store_open(&options, &program->store, problem, sizeof problem);
    if (status == HF_OK) status = hf_edge_new(program->store, &edge_options, &program->edge);
    if (status != HF_OK) {
        const char *sentence = program->store ? hf_store_problem(program->store) : problem;
        fprintf(stderr, "%s: %s\n", EDGE_PROGRAM, *sentence ? sentence : hf_status_name(status));
        return hf_cli_exit(status);
    }
    program->api = (hf_edge_api){.store = program->store,
                                 .edge = program->edge,
                                 .device = program->device,
                                 .hub = program->hub};
    return HF_EXIT_OK;
}

int edge_open(edge_program *program, const hf_cli_args *args)
{
    pid_t holder = 0;
    int code = edge_find(program, args);
    if (code != HF_EXIT_OK) return code;
    if (!hf_home_has(program->home.certificate)) return not_enrolled(program);
    code = edge_read_config(program);
    if (code != HF_EXIT_OK) return code;
    hf_status status = hf_home_lock(&program->home, &holder);
    if (status == HF_OK) return edge_open_store(program);
    if (status == HF_ERR_BUSY) return HF_EXIT_OK; /* a daemon's: it will be asked */
    fprintf(stderr, "%s: cannot use %s (%s).\n", EDGE_PROGRAM, program->home.data,
            hf_status_name(status));
    return hf_cli_exit(status);
}

void edge_close(edge_program *program)
{
    hf_edge_free(program->edge);
    hf_store_close(program->store);
    hf_home_close(&program->home);
    hf_buffer_free(&program->reply);
    program->edge = NULL;
    program->store = NULL;
}
