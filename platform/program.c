/* program.c: how a command reaches the store: through the daemon that holds it, or by itself.
 *
 * Why the lock decides and not the socket: a socket file outlives the process that made it, and two
 * processes that both believe to be alone would write at once. */
#include "program.h"

#include "log.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ASK_TIMEOUT_MS = 10 * 60 * 1000 }; /* verify reads everything */

int hf_program_main(const hf_cli_program *cli, const hf_program_kind *kind, void *node, int argc,
                    char **argv)
{
    hf_program program = {.cli = cli, .kind = kind, .node = node};
    umask(0077);                    /* records, keys and tokens are nobody else's */
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow: an error, not our end */
    int code = hf_cli_run(cli, argc, argv, &program);
    kind->close(&program);
    hf_home_close(&program.home); /* the lock, when all is on the disk */
    free(program.reply);
    return code;
}

/* ---- opening ---- */

int hf_program_find(hf_program *program, const hf_cli_args *args)
{
    return hf_home_find(&program->home, args, program->cli->name);
}

int hf_program_open_store(hf_program *program)
{
    hf_home *home = &program->home;
    int code = home->keys ? HF_EXIT_OK : hf_home_keys(home, program->cli->name);
    if (code == HF_EXIT_OK && program->serves) program->ending = hf_home_ending(home);
    if (code == HF_EXIT_OK) code = program->kind->open(program);
    program->is_open = code == HF_EXIT_OK;
    if (program->is_open && program->serves) hf_fall_forget();
    return code;
}

/* Who holds it is worth knowing even when the next one to ask finds no one. */
static hf_status try_lock(hf_program *program)
{
    pid_t holder = 0;
    hf_status status = hf_home_lock(&program->home, &holder);
    if (holder) program->holder = holder;
    return status;
}

int hf_program_open(hf_program *program, const hf_cli_args *args)
{
    int code = hf_program_find(program, args);
    if (code == HF_EXIT_OK) code = program->kind->prepare(program);
    if (code != HF_EXIT_OK) return code;
    hf_status status = try_lock(program);
    if (status == HF_OK) return hf_program_open_store(program);
    if (status == HF_ERR_BUSY) return HF_EXIT_OK; /* a daemon's: it will be asked */
    fprintf(stderr, "%s: cannot use %s (%s).\n", program->cli->name, program->home.data,
            hf_status_name(status));
    return hf_cli_exit(status);
}

static hf_status ask_daemon(hf_program *program, const char *request)
{
    free(program->reply);
    return hf_local_ask(program->home.socket, request, ASK_TIMEOUT_MS, &program->reply);
}

int hf_program_open_alone(hf_program *program, const hf_cli_args *args)
{
    program->serves = true;
    int code = hf_program_open(program, args);
    for (int i = 0; code == HF_EXIT_OK && !program->is_open && i < HF_HOME_TRIES; i++) {
        if (try_lock(program) == HF_OK) return hf_program_open_store(program);
        if (ask_daemon(program, "{\"op\":\"status\"}") == HF_OK) break; /* it will stay */
        hf_home_pause();
    }
    if (code != HF_EXIT_OK || program->is_open) return code;
    fprintf(stderr, "%s run: process %ld holds %s already. End it first.\n", program->cli->name,
            (long)program->holder, program->home.data);
    return HF_EXIT_TRY_LATER;
}

/* ---- asking ---- */

static int ask_failed(const hf_program *program, hf_status status)
{
    const char *name = program->cli->name;
    long holder = (long)program->holder;
    if (status == HF_ERR_BUSY)
        fprintf(stderr, "%s: process %ld, which holds %s, is busy. Try again.\n", name, holder,
                program->home.data);
    else
        fprintf(stderr,
                "%s: process %ld holds %s but does not answer (%s). If it is not a "
                "\"%s run\", wait until it is done; else end it and try again.\n",
                name, holder, program->home.data, hf_status_name(status), name);
    return status == HF_ERR_BUSY ? HF_EXIT_TRY_LATER : HF_EXIT_UNAVAILABLE;
}

/* A refusal stands in the reply, as it does when a daemon answers. */
static int ask_self(hf_program *program, const char *request)
{
    free(program->reply);
    program->reply = NULL;
    hf_status status = program->kind->answer(program, request, &program->reply);
    return program->reply ? HF_EXIT_OK : hf_cli_exit(status);
}

/* Whoever holds the store either answers, or is a command that will be done in a moment. */
static int ask_holder(hf_program *program, const char *request)
{
    hf_status status = HF_ERR_NOT_FOUND;
    for (int i = 0; i < HF_HOME_TRIES; i++) {
        status = ask_daemon(program, request);
        if (status == HF_OK) return HF_EXIT_OK;
        if (status != HF_ERR_NOT_FOUND) break;
        if (try_lock(program) == HF_OK) {
            int code = hf_program_open_store(program);
            return code == HF_EXIT_OK ? ask_self(program, request) : code;
        }
        hf_home_pause();
    }
    return ask_failed(program, status);
}

static int told_error(const hf_program *program, const json_t *document)
{
    fprintf(stderr, "%s: ", program->cli->name);
    const char *message = hf_show_text(document, "message");
    hf_cli_text(stderr, *message ? message : hf_show_text(document, "name"));
    fputc('\n', stderr);
    return hf_cli_exit((hf_status)hf_show_number(document, "status"));
}

int hf_program_ask(hf_program *program, json_t *request, json_t **document)
{
    json_error_t error;
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    *document = NULL;
    if (!text) {
        fprintf(stderr, "%s: what was given is not UTF-8 text.\n", program->cli->name);
        return HF_EXIT_DATA;
    }
    int code = program->is_open ? ask_self(program, text) : ask_holder(program, text);
    free(text);
    if (code != HF_EXIT_OK) return code;
    *document = json_loads(program->reply, JSON_ALLOW_NUL, &error);
    if (!*document) {
        fprintf(stderr, "%s: the answer is not one that this program knows.\n", program->cli->name);
        return HF_EXIT_PROTOCOL;
    }
    bool is_error = strcmp(hf_show_text(*document, "schema"), "holdfast.error/1") == 0;
    return is_error ? told_error(program, *document) : HF_EXIT_OK;
}

/* ---- answering ---- */

static hf_status on_request(void *context, const char *request, char **reply)
{
    hf_program *program = context;
    hf_status status = program->kind->answer(program, request, reply);
    hf_log(HF_LOG_DEBUG, "request", "status=%s", hf_status_name(status));
    return *reply ? HF_OK : HF_ERR_NOMEM;
}

hf_status hf_program_listen(hf_program *program, hf_loop *loop, hf_local **out)
{
    return hf_local_open(loop, program->home.socket, on_request, program, out);
}

int hf_program_cannot_start(const hf_program *program, const hf_loop *loop, hf_status status)
{
    fprintf(stderr, "%s run: cannot start (%s%s%s).\n", program->cli->name, hf_status_name(status),
            loop ? ": " : "", loop ? hf_loop_error(loop) : "");
    return status == HF_ERR_BUSY ? HF_EXIT_UNAVAILABLE : hf_cli_exit(status);
}
