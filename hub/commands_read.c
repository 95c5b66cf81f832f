/* commands_read.c: commands that print: show, status. */
#include "program.h"

#include "sync/report.h"

#include <inttypes.h>
#include <string.h>

int hf_hub_cli_show(void *context, const hf_cli_args *args)
{
    bool history = hf_cli_has(args, "history");
    json_t *request = hf_request_new(history ? "history" : "show", args);
    hf_request_give(request, "id", args->operands[0]);
    return hf_program_once(context, args, request, history ? hf_show_history : hf_show_record);
}

/* Whether this station is cut off, since when, what waits here, and why. */
static void show_upstream(const hf_show *show, const json_t *upstream)
{
    char oldest[64];
    const char *link = hf_show_text(upstream, "link"), *problem = hf_show_text(upstream, "problem");
    uint64_t waiting = hf_show_number(upstream, "waiting");
    const char *why = *problem ? problem : hf_show_text(upstream, "last_error");
    bool is_down = strcmp(link, "down") == 0;
    fputs("Centre     ", show->out);
    hf_cli_text(show->out, hf_show_text(upstream, "address"));
    if (is_down)
        fputs(", no link", show->out);
    else
        fputs(strcmp(link, "in-sync") == 0 ? ", in sync" : ", connected", show->out);
    if (is_down && *why) {
        fputs(" (", show->out);
        hf_cli_text(show->out, why);
        fputc(')', show->out);
    }
    fputc('\n', show->out);
    hf_show_time(show, upstream, "oldest_waiting", oldest, sizeof oldest);
    fprintf(show->out, "Waiting    %" PRIu64 " change%s at this station and not yet at the hub",
            waiting, waiting == 1 ? " is" : "s are");
    fprintf(show->out, waiting ? ", the oldest since %s\n" : "\n", oldest);
}

static void show_status(const hf_show *show, const json_t *status)
{
    char until[64];
    const json_t *devices = json_object_get(status, "devices");
    bool running = json_is_true(json_object_get(status, "running"));
    fputs("Hub        ", show->out);
    hf_cli_text(show->out, hf_show_text(status, "hub"));
    const json_t *upstream = json_object_get(status, "upstream"),
                 *stations = json_object_get(status, "stations");
    if (running)
        fprintf(show->out, ", running, pid %" PRIu64 "\n", hf_show_number(status, "pid"));
    else
        fputs(", not running\n", show->out);
    fputs("Contact    ", show->out);
    hf_cli_text(show->out, hf_show_text(json_object_get(status, "contact"), "words"));
    fputc('\n', show->out);
    fprintf(show->out, "Sessions   %s\nEnrolment  %s\n", hf_show_text(status, "listen"),
            json_is_object(upstream) ? "at the centre" : hf_show_text(status, "enrol"));
    fprintf(show->out,
            "Devices    %" PRIu64 " enrolled, %" PRIu64 " connected, %" PRIu64
            " of them up to date; %" PRIu64 " revoked\n",
            hf_show_number(devices, "enrolled"), hf_show_number(devices, "connected"),
            hf_show_number(devices, "in_sync"), hf_show_number(devices, "revoked"));
    if (hf_show_number(stations, "enrolled"))
        fprintf(show->out, "Stations   %" PRIu64 " enrolled, %" PRIu64 " connected\n",
                hf_show_number(stations, "enrolled"), hf_show_number(stations, "connected"));
    if (json_is_object(upstream)) show_upstream(show, upstream);
    hf_show_bundles(show, status);
    if (hf_show_number(status, "relay_refused")) {
        fputs("Refused    ", show->out);
        hf_cli_text(show->out, hf_show_text(status, "relay_refusal"));
        fputc('\n', show->out);
    }
    fprintf(show->out, "Records    %" PRIu64 " held, %" PRIu64 " with versions to choose from\n",
            hf_show_number(status, "records"), hf_show_number(status, "conflicts"));
    fprintf(show->out, "Entries    %" PRIu64 ", the feed at %" PRIu64 "\n",
            hf_show_number(status, "entries"), hf_show_number(status, "position"));
    fprintf(show->out, "Pack       version %" PRIu64 "\n", hf_show_number(status, "pack_version"));
    hf_show_time(show, status, "certificate_until", until, sizeof until);
    fprintf(show->out, "Key        certificate ends %s; %s\n", until,
            json_is_object(upstream) ? "renews itself"
                                     : "renewed when the hub starts in its last third");
    hf_show_withheld(show, status);
    fprintf(show->out, "Next: %s\n", hf_show_text(status, "next"));
}

int hf_hub_cli_status(void *context, const hf_cli_args *args)
{
    return hf_program_once(context, args, hf_request_new("status", args), show_status);
}

int hf_hub_cli_check_receipt(void *context, const hf_cli_args *args)
{
    return hf_program_check_receipt(context, args, hf_report_proof_text);
}
