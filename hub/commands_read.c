/* commands_read.c: commands that print: show, status. */
#include "program.h"

#include "sync/report.h"

#include <inttypes.h>

int hf_hub_cli_show(void *context, const hf_cli_args *args)
{
    bool history = hf_cli_has(args, "history");
    json_t *request = hf_request_new(history ? "history" : "show", args);
    hf_request_give(request, "id", args->operands[0]);
    return hf_program_once(context, args, request, history ? hf_show_history : hf_show_record);
}

static void show_status(const hf_show *show, const json_t *status)
{
    char until[64];
    const json_t *devices = json_object_get(status, "devices");
    bool running = json_is_true(json_object_get(status, "running"));
    fputs("Hub        ", show->out);
    hf_cli_text(show->out, hf_show_text(status, "hub"));
    if (running)
        fprintf(show->out, ", running, pid %" PRIu64 "\n", hf_show_number(status, "pid"));
    else
        fputs(", not running\n", show->out);
    fputs("Contact    ", show->out);
    hf_cli_text(show->out, hf_show_text(json_object_get(status, "contact"), "words"));
    fputc('\n', show->out);
    fprintf(show->out, "Sessions   %s\nEnrolment  %s\n", hf_show_text(status, "listen"),
            hf_show_text(status, "enrol"));
    fprintf(show->out,
            "Devices    %" PRIu64 " enrolled, %" PRIu64 " connected, %" PRIu64
            " of them up to date; %" PRIu64 " revoked\n",
            hf_show_number(devices, "enrolled"), hf_show_number(devices, "connected"),
            hf_show_number(devices, "in_sync"), hf_show_number(devices, "revoked"));
    fprintf(show->out, "Records    %" PRIu64 " held, %" PRIu64 " with versions to choose from\n",
            hf_show_number(status, "records"), hf_show_number(status, "conflicts"));
    fprintf(show->out, "Entries    %" PRIu64 ", the feed at %" PRIu64 "\n",
            hf_show_number(status, "entries"), hf_show_number(status, "position"));
    fprintf(show->out, "Pack       version %" PRIu64 "\n", hf_show_number(status, "pack_version"));
    hf_show_time(show, status, "certificate_until", until, sizeof until);
    fprintf(show->out,
            "Key        certificate ends %s; renewed when the hub starts in its last third\n",
            until);
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
