/* commands_setup.c: init and enrol: from an empty folder to a device that a hub knows. */
#include "program.h"

#include "platform/program_enrol.h"

#include <string.h>

enum { CONFIG_TEXT_SIZE = 4096 }; /* a hub and its stations, each at most 260 bytes */

int hf_edge_cli_init(void *context, const hf_cli_args *args)
{
    hf_program *program = context;
    const hf_home *home = &program->home;
    int code = hf_program_find(program, args);
    if (code == HF_EXIT_OK) code = hf_home_make(home, EDGE_PROGRAM);
    if (code != HF_EXIT_OK) return code;
    hf_status status = hf_keys_create(home->key);
    if (status == HF_ERR_BUSY) {
        fprintf(stderr, "%s: %s is set up already; nothing was changed.\n", EDGE_PROGRAM,
                home->data);
        return HF_EXIT_CANNOT_CREATE;
    }
    if (status != HF_OK) {
        fprintf(stderr, "%s: cannot make the device's key in %s (%s).\n", EDGE_PROGRAM, home->data,
                hf_status_name(status));
        return HF_EXIT_CANNOT_CREATE;
    }
    fprintf(stderr,
            "This device's key is made, in %s.\n"
            "Next: ask the hub's operator for a token (holdfast-hub token), then run\n"
            "  %s --data %s enrol --token-file FILE\n",
            home->data, EDGE_PROGRAM, home->data);
    return HF_EXIT_OK;
}

/* ---- enrol ---- */

typedef struct enrolling {
    const hf_program *program;
    const hf_cli_args *args;
} enrolling;

static hf_status configure(void *context, hf_bytes address)
{
    const enrolling *e = context;
    char text[CONFIG_TEXT_SIZE];
    const char *station;
    int used =
        snprintf(text, sizeof text, "# Written by \"holdfast-edge enrol\".\nhub = \"%.*s\"\n",
                 (int)address.size, (const char *)address.data);
    for (size_t i = 0; (station = hf_cli_nth(e->args, "station", i)) != NULL; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s\"%s\"",
                         i ? ", " : "stations = {", station);
    if (hf_cli_has(e->args, "station"))
        used += snprintf(text + used, sizeof text - (size_t)used, "}\n");
    return hf_file_write(e->program->home.config, (hf_bytes){(const uint8_t *)text, (size_t)used},
                         0644);
}

/* They go into a file that is read again: each must be a place, and they must be few. */
static int check_stations(const hf_cli_args *args)
{
    const char *station;
    hf_place place;
    for (size_t i = 0; (station = hf_cli_nth(args, "station", i)) != NULL; i++) {
        bool is_place = hf_place_read(station, HF_PORT_SESSION, &place) == HF_OK && *place.host;
        if (is_place && i + 1 < HF_CONFIG_HUBS_MAX && !strchr(station, '$')) continue;
        fprintf(stderr,
                "%s enrol: --station takes an address and a port, such as north.example:7443, at "
                "most %d times.\n",
                EDGE_PROGRAM, HF_CONFIG_HUBS_MAX - 1);
        return HF_EXIT_USAGE;
    }
    return HF_EXIT_OK;
}

int hf_edge_cli_enrol(void *context, const hf_cli_args *args)
{
    hf_program *program = context;
    hf_home *home = &program->home;
    enrolling e = {.program = program, .args = args};
    hf_enrol_kind kind = {.is_station = false, .context = &e, .configure = configure};
    pid_t holder = 0;
    int code = hf_program_find(program, args);
    if (code == HF_EXIT_OK) code = check_stations(args);
    if (code == HF_EXIT_OK) code = hf_home_keys(home, EDGE_PROGRAM);
    if (code == HF_EXIT_OK && hf_home_has(home->certificate)) {
        fprintf(stderr, "%s: this device is enrolled already; nothing was changed.\n",
                EDGE_PROGRAM);
        code = HF_EXIT_CANNOT_CREATE;
    }
    if (code == HF_EXIT_OK && hf_home_lock(home, &holder) != HF_OK) {
        fprintf(stderr, "%s: process %ld is using %s; end it first.\n", EDGE_PROGRAM, (long)holder,
                home->data);
        code = HF_EXIT_TRY_LATER;
    }
    return code == HF_EXIT_OK ? hf_program_enrol(program, &kind, args) : code;
}
