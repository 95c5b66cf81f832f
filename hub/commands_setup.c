/* commands_setup.c: init: from an empty folder to a hub that can run.
 *
 * Why the configuration is written last: until it is there, "init" may be run again and goes on
 * with the keys that it made before, so that a power cut in between costs nothing. */
#include "program.h"

#include "platform/clock.h"
#include "platform/program_enrol.h"
#include "sync/embedded.h"
#include "sync/store.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_TEXT_SIZE = 8192 };

typedef struct setup {
    hf_program *program;
    hf_place listen, enrol;
    const char *names[HF_CA_NAMES_MAX];
    size_t name_count;
    bool is_station;
    hf_place upstream; /* host "": what the centre says of itself */
} setup;

static int failed(const char *what, hf_status status)
{
    fprintf(stderr, "%s init: cannot %s (%s). Nothing is lost: put it right and run it again.\n",
            HUB_PROGRAM, what, hf_status_name(status));
    return HF_EXIT_CANNOT_CREATE;
}

static int read_place(const hf_cli_args *args, const char *option, const char *otherwise,
                      uint16_t port, hf_place *out)
{
    const char *text = hf_cli_value(args, option);
    if (hf_place_read(text ? text : otherwise, port, out) == HF_OK) return HF_EXIT_OK;
    fprintf(stderr, "%s init: --%s takes an address and a port, such as 127.0.0.1:%u.\n",
            HUB_PROGRAM, option, port);
    return HF_EXIT_USAGE;
}

/* Names go into a certificate and into a file that is read again. */
static bool is_host(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == ':';
        if (!is_good) return false;
    }
    return size > 0 && size < HF_CONFIG_HOST_SIZE;
}

/* "wss://host:port" as well: that is what it is. */
static int read_upstream(setup *s, const hf_cli_args *args)
{
    static const char scheme[] = "wss://";
    const char *text = hf_cli_value(args, "upstream");
    bool is_needed = s->is_station && !hf_cli_value(args, "token-file");
    if (is_needed || (!s->is_station && (text || hf_cli_value(args, "token-file")))) {
        fprintf(stderr,
                "%s init: a station is made with --station --token-file FILE, the token by "
                "\"holdfast-hub token --station\" at the centre.\n",
                HUB_PROGRAM);
        return HF_EXIT_USAGE;
    }
    if (!text) return HF_EXIT_OK;
    if (strncmp(text, scheme, sizeof scheme - 1) == 0) text += sizeof scheme - 1;
    if (hf_place_read(text, HF_PORT_SESSION, &s->upstream) == HF_OK && *s->upstream.host)
        return HF_EXIT_OK;
    fprintf(stderr, "%s init: --upstream takes an address and a port, such as hub.example:%u.\n",
            HUB_PROGRAM, HF_PORT_SESSION);
    return HF_EXIT_USAGE;
}

static int read_options(setup *s, const hf_cli_args *args)
{
    const char *name;
    int code = read_place(args, "listen", "127.0.0.1:7443", HF_PORT_SESSION, &s->listen);
    if (code == HF_EXIT_OK)
        code = read_place(args, "enrol", "127.0.0.1:7444", HF_PORT_ENROL, &s->enrol);
    s->is_station = hf_cli_has(args, "station");
    if (code == HF_EXIT_OK) code = read_upstream(s, args);
    if (code != HF_EXIT_OK) return code;
    for (size_t i = 0; (name = hf_cli_nth(args, "name", i)) != NULL; i++) {
        if (s->name_count == HF_CA_NAMES_MAX || !is_host(name)) {
            fprintf(stderr, "%s init: --name takes a host name or an address, at most %d times.\n",
                    HUB_PROGRAM, HF_CA_NAMES_MAX);
            return HF_EXIT_USAGE;
        }
        s->names[s->name_count++] = name;
    }
    if (s->name_count == 0) s->names[s->name_count++] = "localhost";
    return HF_EXIT_OK;
}

/* ---- keys and certificates ---- */

static int make_keys(setup *s)
{
    hf_home *home = &s->program->home;
    uint64_t wall_ms = hf_clock_wall_ms();
    char ca_name[HF_NAME_SIZE];
    (void)snprintf(ca_name, sizeof ca_name, "holdfast CA of %.96s", s->names[0]);
    hf_status status = hf_ca_create(home->ca_key, home->ca, ca_name, wall_ms);
    if (status != HF_OK && status != HF_ERR_BUSY)
        return failed("make the certificate authority", status);
    status = hf_keys_create(home->key);
    if (status != HF_OK && status != HF_ERR_BUSY) return failed("make the hub's key", status);
    return hf_hub_open_ca(s->program);
}

hf_status hf_hub_issue_own(hf_program *program, const char *called, const char *const *names,
                           size_t name_count)
{
    hf_home *home = &program->home;
    const hub_node *node = program->node;
    uint8_t der[HF_CERTIFICATE_DER_MAX];
    size_t size = sizeof der;
    hf_issue issue = {.public_key = hf_keys_public(home->keys),
                      .name = called,
                      .days = HF_CA_HUB_DAYS,
                      .wall_ms = hf_clock_wall_ms(),
                      .is_hub = true,
                      .names = names,
                      .name_count = name_count};
    hf_status status = hf_ca_issue(node->ca, &issue, der, &size);
    return status == HF_OK ? hf_keys_replace(home->keys, home->certificate, (hf_bytes){der, size})
                           : status;
}

static int make_certificate(setup *s)
{
    hub_node *node = s->program->node;
    int code = hf_home_keys(&s->program->home, HUB_PROGRAM);
    if (code != HF_EXIT_OK) return code;
    hf_status status = hf_hub_issue_own(s->program, s->names[0], s->names, s->name_count);
    if (status != HF_OK) return failed("issue the hub's certificate", status);
    hf_ca_close(node->ca); /* opened again when the store is */
    node->ca = NULL;
    return HF_EXIT_OK;
}

/* ---- store and configuration ---- */

static int make_store(setup *s)
{
    const hub_node *node = s->program->node;
    int code = hf_program_open_store(s->program);
    if (code != HF_EXIT_OK) return code;
    bool is_there = hf_pack_version(hf_store_pack(node->store)) > 0; /* by an earlier run */
    if (is_there) return HF_EXIT_OK;
    hf_bytes pack = {hf_pack_police, hf_pack_police_size};
    hf_status status = hf_hub_publish_pack(node->hub, pack, hf_clock_wall_ms());
    return status == HF_OK ? HF_EXIT_OK : failed("publish the police pack", status);
}

static void add_line(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_line(char *text, const char *format, ...)
{
    va_list values;
    size_t used = strlen(text);
    va_start(values, format);
    (void)vsnprintf(text + used, CONFIG_TEXT_SIZE - used, format, values);
    va_end(values);
}

static void add_place(char *text, const char *option, const hf_place *place)
{
    char address[HF_ADDRESS_SIZE];
    hf_address_join(place->host, place->port, address);
    add_line(text, "%s = \"%s\"\n", option, address);
}

static int write_config(const setup *s)
{
    char text[CONFIG_TEXT_SIZE] = "# Written by \"holdfast-hub init\"; see docs/cli.md.\n";
    add_place(text, "listen", &s->listen);
    add_place(text, "enrol_listen", &s->enrol);
    hf_place address = {.port = s->listen.port};
    (void)snprintf(address.host, sizeof address.host, "%s", s->names[0]);
    add_place(text, "address", &address);
    add_line(text, "names = {");
    for (size_t i = 0; i < s->name_count; i++) {
        add_line(text, "%s\"%s\"", i ? ", " : "", s->names[i]);
    }
    add_line(text, "}\n");
    if (s->is_station) add_place(text, "upstream", &s->upstream);
    hf_bytes bytes = {(const uint8_t *)text, strlen(text)};
    hf_status status = hf_file_write(s->program->home.config, bytes, 0644);
    return status == HF_OK ? HF_EXIT_OK : failed("write the configuration", status);
}

/* ---- a station ---- */

static hf_status configure(void *context, hf_bytes address)
{
    char text[HF_ADDRESS_SIZE];
    setup *s = context;
    (void)snprintf(text, sizeof text, "%.*s", (int)address.size, (const char *)address.data);
    if (!*s->upstream.host && hf_place_read(text, HF_PORT_SESSION, &s->upstream) != HF_OK)
        return HF_ERR_PROTOCOL;
    return write_config(s) == HF_EXIT_OK ? HF_OK : HF_ERR_IO;
}

/* Its key is its own, and its certificate the centre's: it has no authority, and makes no pack. */
static int set_up_station(setup *s, const hf_cli_args *args)
{
    hf_enrol_kind kind = {.is_station = true, .context = s, .configure = configure};
    hf_status status = hf_keys_create(s->program->home.key);
    if (status != HF_OK && status != HF_ERR_BUSY) return failed("make the station's key", status);
    int code = hf_home_keys(&s->program->home, HUB_PROGRAM);
    return code == HF_EXIT_OK ? hf_program_enrol(s->program, &kind, args) : code;
}

static int set_up(setup *s, const hf_cli_args *args)
{
    pid_t holder = 0;
    int code = hf_home_make(&s->program->home, HUB_PROGRAM);
    if (code != HF_EXIT_OK) return code;
    hf_status status = hf_home_lock(&s->program->home, &holder);
    if (status == HF_ERR_BUSY) {
        fprintf(stderr, "%s init: process %ld is using %s; end it first.\n", HUB_PROGRAM,
                (long)holder, s->program->home.data);
        return HF_EXIT_TRY_LATER;
    }
    if (status != HF_OK) return failed("take the lock", status);
    if (s->is_station) return set_up_station(s, args);
    code = make_keys(s);
    if (code == HF_EXIT_OK) code = make_certificate(s);
    if (code == HF_EXIT_OK) code = make_store(s);
    if (code == HF_EXIT_OK) code = write_config(s);
    return code;
}

int hf_hub_cli_init(void *context, const hf_cli_args *args)
{
    setup s = {.program = context};
    int code = hf_program_find(s.program, args);
    if (code == HF_EXIT_OK) code = read_options(&s, args);
    if (code == HF_EXIT_OK &&
        hf_home_has(s.is_station ? s.program->home.certificate : s.program->home.config)) {
        fprintf(stderr, "%s init: %s is set up already; nothing was changed.\n", HUB_PROGRAM,
                s.program->home.data);
        code = HF_EXIT_CANNOT_CREATE;
    }
    if (code == HF_EXIT_OK) code = set_up(&s, args);
    if (code == HF_EXIT_OK && !s.is_station)
        fprintf(stderr,
                "The hub is made, in %s. Keep a copy of ca-key.pem somewhere safe.\n"
                "Next: %s --data %s run\n"
                "then: %s --data %s token --name \"PC 4411 Rees\" --force beds --unit "
                "response --scopes beds/response --out token.txt\n",
                s.program->home.data, HUB_PROGRAM, s.program->home.data, HUB_PROGRAM,
                s.program->home.data);
    return code;
}
