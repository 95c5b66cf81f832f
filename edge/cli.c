/* cli.c: how a command reaches the store: through the daemon that holds it, or by itself.
 *
 * Why the lock decides and not the socket: a socket file outlives the process that made it, and two
 * processes that both believe to be alone would write at once. */
#include "program.h"

#include "platform/clock.h"
#include "platform/local.h"

#include <stdlib.h>
#include <string.h>

enum { ASK_TIMEOUT_MS = 10 * 60 * 1000 }; /* verify reads everything */

int hf_edge_cli_find(edge_program *program, const hf_cli_args *args)
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
        fprintf(stderr,
                "%s: this device is not enrolled. Next: ask the hub's operator for a "
                "token, then %s --data %s enrol --token-file FILE\n",
                EDGE_PROGRAM, EDGE_PROGRAM, home->data);
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

int hf_edge_cli_open_store(edge_program *program)
{
    char problem[512] = "";
    int code = program->home.keys ? HF_EXIT_OK : hf_home_keys(&program->home, EDGE_PROGRAM);
    if (code == HF_EXIT_OK) code = read_names(program);
    if (code != HF_EXIT_OK) return code;
    hf_store_options options = {.path = program->home.store,
                                .crypto = hf_keys_crypto(program->home.keys),
                                .ending = program->serves ? hf_home_ending(&program->home)
                                                          : HF_ENDING_UNKNOWN};
    hf_edge_options edge_options = {.implementation = EDGE_PROGRAM " " HF_VERSION};
    hf_status status = hf_store_open(&options, &program->store, problem, sizeof problem);
    if (status == HF_OK) status = hf_edge_new(program->store, &edge_options, &program->edge);
    if (status != HF_OK) {
        const char *sentence = program->store ? hf_store_problem(program->store) : problem;
        fprintf(stderr, "%s: %s\n", EDGE_PROGRAM, *sentence ? sentence : hf_status_name(status));
        return hf_cli_exit(status);
    }
    if (program->serves) hf_fall_forget();
    program->api = (hf_edge_api){.store = program->store,
                                 .edge = program->edge,
                                 .device = program->device,
                                 .hub = program->hub};
    return HF_EXIT_OK;
}

static int read_config(edge_program *program)
{
    char error[256] = "";
    hf_edge_config *config = &program->config;
    hf_status status = hf_config_edge(program->home.config, config, error, sizeof error);
    if (status != HF_OK) {
        fprintf(stderr, "%s: %s\n", EDGE_PROGRAM, error);
        return HF_EXIT_CONFIG;
    }
    bool is_v6 = strchr(config->hub.host, ':') != NULL;
    (void)snprintf(program->hub, sizeof program->hub, is_v6 ? "[%s]:%u" : "%s:%u", config->hub.host,
                   config->hub.port);
    if (*config->hub.host) return HF_EXIT_OK;
    fprintf(stderr, "%s: %s names no hub: it needs a line such as hub = \"hub.example:7443\".\n",
            EDGE_PROGRAM, program->home.config);
    return HF_EXIT_CONFIG;
}

/* Opens the store, or finds who holds it. */
static int open_found(edge_program *program)
{
    pid_t holder = 0;
    if (!hf_home_has(program->home.certificate)) return not_enrolled(program);
    int code = read_config(program);
    if (code != HF_EXIT_OK) return code;
    hf_status status = hf_home_lock(&program->home, &holder);
    program->api.pid = holder;
    if (status == HF_OK) return hf_edge_cli_open_store(program);
    if (status == HF_ERR_BUSY) return HF_EXIT_OK; /* a daemon's: it will be asked */
    fprintf(stderr, "%s: cannot use %s (%s).\n", EDGE_PROGRAM, program->home.data,
            hf_status_name(status));
    return hf_cli_exit(status);
}

int hf_edge_cli_open(edge_program *program, const hf_cli_args *args)
{
    int code = hf_edge_cli_find(program, args);
    return code == HF_EXIT_OK ? open_found(program) : code;
}

static hf_status ask_daemon(edge_program *program, const char *request)
{
    char *answer = NULL;
    hf_status status = hf_local_ask(program->home.socket, request, ASK_TIMEOUT_MS, &answer);
    if (status != HF_OK) return status;
    hf_buffer_clear(&program->reply);
    hf_write_raw(&program->reply, (hf_bytes){(const uint8_t *)answer, strlen(answer)});
    free(answer);
    return program->reply.status;
}

int hf_edge_cli_open_alone(edge_program *program, const hf_cli_args *args)
{
    int code = hf_edge_cli_find(program, args);
    program->serves = true;
    if (code == HF_EXIT_OK) code = open_found(program);
    for (int i = 0; code == HF_EXIT_OK && !program->store && i < HF_HOME_TRIES; i++) {
        pid_t holder = 0;
        if (hf_home_lock(&program->home, &holder) == HF_OK) return hf_edge_cli_open_store(program);
        if (holder) program->api.pid = holder;
        if (ask_daemon(program, "{\"op\":\"status\"}") == HF_OK) break; /* it will stay */
        hf_home_pause();
    }
    if (code != HF_EXIT_OK || program->store) return code;
    fprintf(stderr, "%s run: process %ld holds %s already. End it first.\n", EDGE_PROGRAM,
            (long)program->api.pid, program->home.data);
    return HF_EXIT_TRY_LATER;
}

void hf_edge_cli_close(edge_program *program)
{
    hf_edge_free(program->edge);
    hf_store_close(program->store);
    hf_home_close(&program->home);
    hf_buffer_free(&program->reply);
    program->edge = NULL;
    program->store = NULL;
}

/* ---- asking ---- */

static int ask_failed(const edge_program *program, hf_status status)
{
    long holder = (long)program->api.pid;
    if (status == HF_ERR_BUSY)
        fprintf(stderr, "%s: process %ld, which holds %s, is busy. Try again.\n", EDGE_PROGRAM,
                holder, program->home.data);
    else
        fprintf(stderr,
                "%s: process %ld holds %s but does not answer (%s). If it is not a "
                "\"%s run\", wait until it is done; else end it and try again.\n",
                EDGE_PROGRAM, holder, program->home.data, hf_status_name(status), EDGE_PROGRAM);
    return status == HF_ERR_BUSY ? HF_EXIT_TRY_LATER : HF_EXIT_UNAVAILABLE;
}

/* A refusal stands in the reply, as it does when a daemon answers. */
static int ask_self(edge_program *program, const char *request)
{
    hf_bytes text = {(const uint8_t *)request, strlen(request)};
    program->api.now_ms = hf_clock_now_ms();
    program->api.wall_ms = hf_clock_wall_ms();
    hf_status status = hf_edge_api_answer(&program->api, text, &program->reply);
    return program->reply.status == HF_OK ? HF_EXIT_OK : hf_cli_exit(status);
}

/* Whoever holds the store either answers, or is a command that will be done in a moment. */
static int ask_holder(edge_program *program, const char *request)
{
    hf_status status = HF_ERR_NOT_FOUND;
    for (int i = 0; i < HF_HOME_TRIES; i++) {
        pid_t holder = 0;
        status = ask_daemon(program, request);
        if (status == HF_OK) return HF_EXIT_OK;
        if (status != HF_ERR_NOT_FOUND) break;
        if (hf_home_lock(&program->home, &holder) == HF_OK) {
            int code = hf_edge_cli_open_store(program);
            return code == HF_EXIT_OK ? ask_self(program, request) : code;
        }
        if (holder) program->api.pid = holder;
        hf_home_pause();
    }
    return ask_failed(program, status);
}

static int told_error(const json_t *document)
{
    fprintf(stderr, "%s: ", EDGE_PROGRAM);
    const char *message = hf_show_text(document, "message");
    hf_cli_text(stderr, *message ? message : hf_show_text(document, "name"));
    fputc('\n', stderr);
    return hf_cli_exit((hf_status)hf_show_number(document, "status"));
}

int hf_edge_cli_ask(edge_program *program, json_t *request, json_t **document)
{
    json_error_t error;
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    *document = NULL;
    if (!text) {
        fprintf(stderr, "%s: what was given is not UTF-8 text.\n", EDGE_PROGRAM);
        return HF_EXIT_DATA;
    }
    int code = program->store ? ask_self(program, text) : ask_holder(program, text);
    free(text);
    if (code != HF_EXIT_OK) return code;
    *document =
        json_loadb((const char *)program->reply.data, program->reply.size, JSON_ALLOW_NUL, &error);
    if (!*document) {
        fprintf(stderr, "%s: the answer is not one that this program knows.\n", EDGE_PROGRAM);
        return HF_EXIT_PROTOCOL;
    }
    bool is_error = strcmp(hf_show_text(*document, "schema"), "holdfast.error/1") == 0;
    return is_error ? told_error(*document) : HF_EXIT_OK;
}

int hf_edge_cli_answer(edge_program *program, const hf_cli_args *args, json_t *request,
                       edge_printer print)
{
    json_t *document = NULL;
    hf_show show = {stdout, EDGE_PROGRAM, hf_clock_wall_ms()};
    int code = hf_edge_cli_ask(program, request, &document);
    if (code == HF_EXIT_OK && hf_cli_has(args, "json"))
        printf("%.*s\n", (int)program->reply.size, (const char *)program->reply.data);
    else if (code == HF_EXIT_OK)
        print(&show, document);
    json_decref(document);
    return code;
}

int hf_edge_cli_once(const hf_cli_args *args, json_t *request, edge_printer print)
{
    edge_program program;
    int code = hf_edge_cli_open(&program, args);
    if (code == HF_EXIT_OK)
        code = hf_edge_cli_answer(&program, args, request, print);
    else
        json_decref(request);
    hf_edge_cli_close(&program);
    return code;
}
