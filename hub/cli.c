/* cli.c: how a command reaches the store: through the daemon that holds it, or by itself.
 *
 * Why the lock decides and not the socket: a socket file outlives the process that made it, and two
 * processes that both believe to be alone would write at once. */
#include "program.h"

#include "platform/clock.h"
#include "platform/local.h"

#include <stdlib.h>
#include <string.h>

enum {
    ASK_TIMEOUT_MS = 10 * 60 * 1000, /* verify reads everything */
    PEERS_MAX = 100000,
    PORTS_FILE_MAX = 256
};

int hf_hub_cli_find(hub_program *program, const hf_cli_args *args)
{
    memset(program, 0, sizeof *program);
    return hf_home_find(&program->home, args, HUB_PROGRAM);
}

/* ---- what the CA does for the hub ---- */

static hf_status authority_read(void *context, hf_bytes csr, uint8_t public_key[HF_PUBLIC_KEY_MAX],
                                size_t *size)
{
    (void)context;
    return hf_request_read(csr, public_key, size);
}

static hf_status authority_issue(void *context, hf_bytes public_key, const char *name,
                                 uint64_t wall_ms, uint8_t *out, size_t *size)
{
    hub_program *program = context;
    hf_issue issue = {.public_key = public_key,
                      .name = name,
                      .days = program->config.device_days,
                      .wall_ms = wall_ms};
    if (*size < HF_CERTIFICATE_DER_MAX) return HF_ERR_LIMIT;
    return hf_ca_issue(program->ca, &issue, out, size);
}

int hf_hub_cli_open_ca(hub_program *program)
{
    hf_status status = hf_ca_open(program->home.ca_key, program->home.ca, &program->ca);
    if (status == HF_OK) return HF_EXIT_OK;
    fprintf(stderr,
            "%s: the certificate authority in %s cannot be used (%s). Devices that are "
            "enrolled are not touched by this; put ca-key.pem and ca.pem back from where "
            "they were kept.\n",
            HUB_PROGRAM, program->home.data, hf_status_name(status));
    return hf_cli_exit(status);
}

/* ---- addresses ---- */

static void write_address(char out[HF_ADDRESS_SIZE], const char *host, uint16_t port)
{
    bool is_v6 = strchr(host, ':') != NULL;
    out[0] = 0;
    if (port) (void)snprintf(out, HF_ADDRESS_SIZE, is_v6 ? "[%s]:%u" : "%s:%u", host, port);
}

void hf_hub_cli_set_ports(hub_program *program, uint16_t sync_port, uint16_t enrol_port)
{
    write_address(program->sync_address, program->config.address.host, sync_port);
    write_address(program->enrol_address, program->config.address.host, enrol_port);
}

void hf_hub_cli_ports(const hub_program *program, uint16_t *sync_port, uint16_t *enrol_port)
{
    uint8_t *text = NULL;
    size_t size = 0;
    unsigned first = 0, second = 0;
    *sync_port = program->config.listen.port;
    *enrol_port = program->config.enrol_listen.port;
    if (*sync_port && *enrol_port) return;
    if (hf_file_read(program->home.ports, PORTS_FILE_MAX, &text, &size) != HF_OK) return;
    if (sscanf((const char *)text, "listen %u enrol %u", &first, &second) == 2) {
        if (!*sync_port) *sync_port = (uint16_t)first;
        if (!*enrol_port) *enrol_port = (uint16_t)second;
    }
    free(text);
}

int hf_hub_cli_read_config(hub_program *program)
{
    char error[256] = "";
    uint16_t sync_port, enrol_port;
    hf_status status = hf_config_hub(program->home.config, &program->config, error, sizeof error);
    if (status != HF_OK) {
        fprintf(stderr, "%s: %s\n", HUB_PROGRAM, error);
        return HF_EXIT_CONFIG;
    }
    hf_hub_cli_ports(program, &sync_port, &enrol_port);
    hf_hub_cli_set_ports(program, sync_port, enrol_port);
    return HF_EXIT_OK;
}

/* ---- the store ---- */

static int read_names(hub_program *program)
{
    const hf_crypto *crypto = hf_keys_crypto(program->home.keys);
    hf_bytes ca = hf_ca_certificate(program->ca);
    hf_certificate certificate;
    hf_status status = crypto->certificate(crypto->context, crypto->own_certificate, &certificate);
    if (status != HF_OK) {
        fprintf(stderr, "%s: the hub's certificate in %s is not by its own authority.\n",
                HUB_PROGRAM, program->home.data);
        return HF_EXIT_CONFIG;
    }
    (void)snprintf(program->own_name, sizeof program->own_name, "%s", certificate.name);
    crypto->hash(crypto->context, &ca, 1, program->enroll.ca);
    memcpy(program->enroll.hub_id, crypto->own_key_id, sizeof program->enroll.hub_id);
    return HF_EXIT_OK;
}

static hf_status open_hub(hub_program *program, char *problem, size_t problem_size)
{
    hf_store_options options = {.path = program->home.store,
                                .crypto = hf_keys_crypto(program->home.keys),
                                .is_hub = true,
                                .ending = program->serves ? hf_home_ending(&program->home)
                                                          : HF_ENDING_UNKNOWN};
    hf_hub_options hub_options = {.implementation = HUB_PROGRAM " " HF_VERSION,
                                  .peers_max = PEERS_MAX};
    hf_status status = hf_store_open(&options, &program->store, problem, problem_size);
    if (status == HF_OK) status = hf_hub_new(program->store, &hub_options, &program->hub);
    return status;
}

int hf_hub_cli_open_store(hub_program *program)
{
    char problem[512] = "";
    int code = program->home.keys ? HF_EXIT_OK : hf_home_keys(&program->home, HUB_PROGRAM);
    if (code == HF_EXIT_OK) code = hf_hub_cli_open_ca(program);
    if (code == HF_EXIT_OK) code = read_names(program);
    if (code != HF_EXIT_OK) return code;
    hf_status status = open_hub(program, problem, sizeof problem);
    if (status != HF_OK) {
        const char *sentence = program->store ? hf_store_problem(program->store) : problem;
        fprintf(stderr, "%s: %s\n", HUB_PROGRAM, *sentence ? sentence : hf_status_name(status));
        return hf_cli_exit(status);
    }
    if (program->serves) hf_fall_forget();
    program->authority =
        (hf_authority){.context = program, .read = authority_read, .issue = authority_issue};
    program->enroll.store = program->store;
    program->enroll.hub = program->hub;
    program->enroll.authority = &program->authority;
    program->enroll.enrol_address = program->enrol_address;
    program->enroll.sync_address = program->sync_address;
    program->api = (hf_hub_api){.store = program->store,
                                .hub = program->hub,
                                .enroll = &program->enroll,
                                .name = program->own_name};
    return HF_EXIT_OK;
}

/* Opens the store, or finds who holds it. */
static int open_found(hub_program *program)
{
    pid_t holder = 0;
    if (!hf_home_has(program->home.config)) {
        fprintf(stderr, "%s: %s is not set up. Next: %s --data %s init\n", HUB_PROGRAM,
                program->home.data, HUB_PROGRAM, program->home.data);
        return HF_EXIT_CONFIG;
    }
    int code = hf_hub_cli_read_config(program);
    if (code != HF_EXIT_OK) return code;
    hf_status status = hf_home_lock(&program->home, &holder);
    if (status == HF_OK) return hf_hub_cli_open_store(program);
    program->api.pid = holder;
    if (status == HF_ERR_BUSY) return HF_EXIT_OK; /* a daemon's: it will be asked */
    fprintf(stderr, "%s: cannot use %s (%s).\n", HUB_PROGRAM, program->home.data,
            hf_status_name(status));
    return hf_cli_exit(status);
}

int hf_hub_cli_open(hub_program *program, const hf_cli_args *args)
{
    int code = hf_hub_cli_find(program, args);
    return code == HF_EXIT_OK ? open_found(program) : code;
}

static hf_status ask_daemon(hub_program *program, const char *request)
{
    char *answer = NULL;
    hf_status status = hf_local_ask(program->home.socket, request, ASK_TIMEOUT_MS, &answer);
    if (status != HF_OK) return status;
    hf_buffer_clear(&program->reply);
    hf_write_raw(&program->reply, (hf_bytes){(const uint8_t *)answer, strlen(answer)});
    free(answer);
    return program->reply.status;
}

int hf_hub_cli_open_alone(hub_program *program, const hf_cli_args *args)
{
    int code = hf_hub_cli_find(program, args);
    program->serves = true;
    if (code == HF_EXIT_OK) code = open_found(program);
    for (int i = 0; code == HF_EXIT_OK && !program->store && i < HF_HOME_TRIES; i++) {
        pid_t holder = 0;
        if (hf_home_lock(&program->home, &holder) == HF_OK) return hf_hub_cli_open_store(program);
        if (holder) program->api.pid = holder;
        if (ask_daemon(program, "{\"op\":\"status\"}") == HF_OK) break; /* it will stay */
        hf_home_pause();
    }
    if (code != HF_EXIT_OK || program->store) return code;
    fprintf(stderr, "%s run: process %ld holds %s already. End it first.\n", HUB_PROGRAM,
            (long)program->api.pid, program->home.data);
    return HF_EXIT_TRY_LATER;
}

void hf_hub_cli_close(hub_program *program)
{
    hf_hub_free(program->hub);
    hf_store_close(program->store);
    hf_ca_close(program->ca);
    hf_home_close(&program->home);
    hf_buffer_free(&program->reply);
    program->hub = NULL;
    program->store = NULL;
    program->ca = NULL;
}

/* ---- asking ---- */

static int ask_failed(const hub_program *program, hf_status status)
{
    long holder = (long)program->api.pid;
    if (status == HF_ERR_BUSY)
        fprintf(stderr, "%s: process %ld, which holds %s, is busy. Try again.\n", HUB_PROGRAM,
                holder, program->home.data);
    else
        fprintf(stderr,
                "%s: process %ld holds %s but does not answer (%s). If it is not a "
                "\"%s run\", wait until it is done; else end it and try again.\n",
                HUB_PROGRAM, holder, program->home.data, hf_status_name(status), HUB_PROGRAM);
    return status == HF_ERR_BUSY ? HF_EXIT_TRY_LATER : HF_EXIT_UNAVAILABLE;
}

/* A refusal stands in the reply, as it does when a daemon answers. */
static int ask_self(hub_program *program, const char *request)
{
    hf_bytes text = {(const uint8_t *)request, strlen(request)};
    program->api.now_ms = hf_clock_now_ms();
    program->api.wall_ms = hf_clock_wall_ms();
    hf_status status = hf_hub_api_answer(&program->api, text, &program->reply);
    return program->reply.status == HF_OK ? HF_EXIT_OK : hf_cli_exit(status);
}

/* Whoever holds the store either answers, or is a command that will be done in a moment. */
static int ask_holder(hub_program *program, const char *request)
{
    hf_status status = HF_ERR_NOT_FOUND;
    for (int i = 0; i < HF_HOME_TRIES; i++) {
        pid_t holder = 0;
        status = ask_daemon(program, request);
        if (status == HF_OK) return HF_EXIT_OK;
        if (status != HF_ERR_NOT_FOUND) break;
        if (hf_home_lock(&program->home, &holder) == HF_OK) {
            int code = hf_hub_cli_open_store(program);
            return code == HF_EXIT_OK ? ask_self(program, request) : code;
        }
        if (holder) program->api.pid = holder;
        hf_home_pause();
    }
    return ask_failed(program, status);
}

static int told_error(const json_t *document)
{
    fprintf(stderr, "%s: ", HUB_PROGRAM);
    const char *message = hf_show_text(document, "message");
    hf_cli_text(stderr, *message ? message : hf_show_text(document, "name"));
    fputc('\n', stderr);
    return hf_cli_exit((hf_status)hf_show_number(document, "status"));
}

int hf_hub_cli_ask(hub_program *program, json_t *request, json_t **document)
{
    json_error_t error;
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    *document = NULL;
    if (!text) {
        fprintf(stderr, "%s: what was given is not UTF-8 text.\n", HUB_PROGRAM);
        return HF_EXIT_DATA;
    }
    int code = program->store ? ask_self(program, text) : ask_holder(program, text);
    free(text);
    if (code != HF_EXIT_OK) return code;
    *document =
        json_loadb((const char *)program->reply.data, program->reply.size, JSON_ALLOW_NUL, &error);
    if (!*document) {
        fprintf(stderr, "%s: the answer is not one that this program knows.\n", HUB_PROGRAM);
        return HF_EXIT_PROTOCOL;
    }
    bool is_error = strcmp(hf_show_text(*document, "schema"), "holdfast.error/1") == 0;
    return is_error ? told_error(*document) : HF_EXIT_OK;
}

int hf_hub_cli_answer(hub_program *program, const hf_cli_args *args, json_t *request,
                      hub_printer print)
{
    json_t *document = NULL;
    hf_show show = {stdout, HUB_PROGRAM, hf_clock_wall_ms()};
    int code = hf_hub_cli_ask(program, request, &document);
    if (code == HF_EXIT_OK && hf_cli_has(args, "json"))
        printf("%.*s\n", (int)program->reply.size, (const char *)program->reply.data);
    else if (code == HF_EXIT_OK)
        print(&show, document);
    json_decref(document);
    return code;
}

int hf_hub_cli_once(const hf_cli_args *args, json_t *request, hub_printer print)
{
    hub_program program;
    int code = hf_hub_cli_open(&program, args);
    if (code == HF_EXIT_OK)
        code = hf_hub_cli_answer(&program, args, request, print);
    else
        json_decref(request);
    hf_hub_cli_close(&program);
    return code;
}
