/* commands_devices.c: token, devices, revoke, pack. */
#include "program.h"

#include "platform/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TIME_SIZE = 64, PACK_FILE_MAX = 64 * 1024 };

/* ---- token ---- */

/* "a,b,c" as an array of names. */
static json_t *names_of(const char *list)
{
    json_t *names = json_array();
    while (names && *list) {
        size_t size = strcspn(list, ",");
        json_t *name = json_stringn(list, size);
        if (!name || json_array_append_new(names, name) != 0) {
            json_decref(names);
            return NULL;
        }
        list += size + (list[size] == ',');
    }
    return names;
}

static json_t *addresses_of(const hf_cli_args *args)
{
    const char *address;
    json_t *addresses = json_array();
    for (size_t i = 0; addresses && (address = hf_cli_nth(args, "address", i)) != NULL; i++)
        (void)json_array_append_new(addresses, json_string(address));
    return addresses;
}

static json_t *token_request(const hf_cli_args *args)
{
    static const char *const wanted[] = {"name", "force", "unit", "scopes"};
    const char *expires = hf_cli_value(args, "expires");
    uint64_t lasts_ms = HF_TOKEN_LASTS_DEFAULT_HOURS * UINT64_C(3600000);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (hf_cli_has(args, wanted[i])) continue;
        fprintf(stderr, "%s token: --%s is missing.\nExample: %.*s\n", HUB_PROGRAM, wanted[i],
                (int)strcspn(args->command->examples, "\n"), args->command->examples);
        return NULL;
    }
    if (expires && hf_cli_duration(expires, &lasts_ms) != HF_OK) {
        fprintf(stderr, "%s token: --expires takes a duration, such as 90m, 24h or 7d.\n",
                HUB_PROGRAM);
        return NULL;
    }
    if (hf_cli_has(args, "station") != (hf_cli_value(args, "address") != NULL)) {
        fprintf(stderr,
                "%s token: a station's token has --station, and --address HOST:PORT for each "
                "address by which devices reach it.\n",
                HUB_PROGRAM);
        return NULL;
    }
    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:I,s:o}", "op", "token", "name",
                     hf_cli_value(args, "name"), "force", hf_cli_value(args, "force"), "unit",
                     hf_cli_value(args, "unit"), "scopes", names_of(hf_cli_value(args, "scopes")),
                     "lasts_ms", (json_int_t)lasts_ms, "addresses", addresses_of(args));
}

static int token_write(const hf_cli_args *args, const hf_program *program, const json_t *document)
{
    const char *path = hf_cli_value(args, "out"), *text = hf_show_text(document, "token");
    if (path && strcmp(path, "-") != 0) {
        hf_status status =
            hf_file_create(path, (hf_bytes){(const uint8_t *)text, strlen(text)}, 0600);
        if (status != HF_OK) {
            fprintf(stderr,
                    "%s token: cannot make %s (%s). The token was not given to anyone and "
                    "dies by itself.\n",
                    HUB_PROGRAM, path,
                    status == HF_ERR_BUSY ? "it is there already" : hf_status_name(status));
            return HF_EXIT_CANNOT_CREATE;
        }
        fprintf(stderr,
                "The token for %s is in %s. It works once.\n"
                "Next, on the %s\n",
                hf_show_text(document, "name"), path,
                hf_cli_has(args, "station")
                    ? "station: holdfast-hub init --station --token-file FILE"
                    : "device: holdfast-edge enrol --token-file FILE");
    } else if (hf_cli_has(args, "json")) {
        puts(program->reply);
    } else {
        fputs(text, stdout);
    }
    return HF_EXIT_OK;
}

int hf_hub_cli_token(void *context, const hf_cli_args *args)
{
    hf_program *program = context;
    const hub_node *node = program->node;
    json_t *document = NULL, *request = token_request(args);
    if (!request) return HF_EXIT_USAGE;
    int code = hf_program_open(program, args);
    if (code == HF_EXIT_OK && !*node->enrol_address && program->is_open) {
        fprintf(stderr,
                "%s token: the hub's ports are chosen when it starts. Start \"%s run\" "
                "first.\n",
                HUB_PROGRAM, HUB_PROGRAM);
        code = HF_EXIT_CONFIG;
    }
    if (code == HF_EXIT_OK) code = hf_program_ask(program, json_incref(request), &document);
    if (code == HF_EXIT_OK) code = token_write(args, program, document);
    json_decref(request);
    json_decref(document);
    return code;
}

/* ---- devices ---- */

static void add_standing(hf_rows *rows, const json_t *device)
{
    char behind[48];
    bool connected = json_is_true(json_object_get(device, "connected"));
    const char *state = json_is_true(json_object_get(device, "revoked"))   ? "revoked"
                        : !connected                                       ? "not connected"
                        : json_is_true(json_object_get(device, "in_sync")) ? "up to date"
                                                                           : "catching up";
    (void)snprintf(behind, sizeof behind, "%" PRIu64, hf_show_number(device, "behind"));
    hf_rows_add(rows, state);
    hf_rows_add(rows, behind);
}

static void show_devices(const hf_show *show, const json_t *document)
{
    static const char *const heads[] = {"NAME",   "FORCE",     "UNIT",    "STATE",
                                        "BEHIND", "LAST SEEN", "ENROLLED"};
    const json_t *devices = json_object_get(document, "devices");
    hf_rows rows = {.columns = 7};
    for (size_t i = 0; i < 7; i++) hf_rows_add(&rows, heads[i]);
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *device = json_array_get(devices, i);
        char when[TIME_SIZE];
        hf_rows_add(&rows, hf_show_text(device, "name"));
        hf_rows_add(&rows, hf_show_text(device, "force"));
        hf_rows_add(&rows, hf_show_text(device, "unit"));
        add_standing(&rows, device);
        bool connected = json_is_true(json_object_get(device, "connected"));
        hf_show_time(show, device, "last_seen", when, sizeof when);
        hf_rows_add(&rows, connected ? "now" : when);
        hf_show_time(show, device, "enrolled", when, sizeof when);
        hf_rows_add(&rows, when);
    }
    hf_rows_print(&rows, show->out);
}

int hf_hub_cli_devices(void *context, const hf_cli_args *args)
{
    return hf_program_once(context, args, json_pack("{s:s}", "op", "devices"), show_devices);
}

static void show_revoked(const hf_show *show, const json_t *document)
{
    fprintf(show->out, "Revoked: ");
    hf_cli_text(show->out, hf_show_text(document, "name"));
    fprintf(show->out, ". Sessions closed: %" PRIu64 ".\n",
            hf_show_number(document, "sessions_closed"));
}

int hf_hub_cli_revoke(void *context, const hf_cli_args *args)
{
    const char *reason = hf_cli_value(args, "reason"), *actor = hf_request_actor(args);
    json_t *request = json_pack("{s:s,s:s,s:s,s:s}", "op", "revoke", "name", args->operands[0],
                                "reason", reason ? reason : "", "actor", actor ? actor : "");
    return hf_program_once(context, args, request, show_revoked);
}

/* ---- pack ---- */

static void show_pack(const hf_show *show, const json_t *document)
{
    fprintf(show->out,
            "Published: pack version %" PRIu64 ". Devices get it at their next "
            "contact.\n",
            hf_show_number(document, "version"));
}

int hf_hub_cli_pack(void *context, const hf_cli_args *args)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *bytes = NULL;
    size_t size = 0;
    hf_status status = hf_file_read(args->operands[0], PACK_FILE_MAX, &bytes, &size);
    if (status != HF_OK) {
        fprintf(stderr, "%s pack: cannot read %s (%s).\n", HUB_PROGRAM, args->operands[0],
                hf_status_name(status));
        return hf_cli_exit(status);
    }
    char *hex = malloc(2 * size + 1);
    for (size_t i = 0; hex && i < size; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    if (hex) hex[2 * size] = 0;
    json_t *request = hex ? json_pack("{s:s,s:s}", "op", "pack", "hex", hex) : NULL;
    free(hex);
    free(bytes);
    return hf_program_once(context, args, request, show_pack);
}
