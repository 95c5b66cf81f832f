/* commands_read.c: commands that print: status, conflicts, show, list, verify. */
#include "program.h"

#include "platform/clock.h"

#include <inttypes.h>
#include <stdlib.h>

static json_t *request_for(const char *op, const hf_cli_args *args)
{
    json_t *request = json_pack("{s:s}", "op", op);
    const char *limit = hf_cli_value(args, "limit");
    if (request && limit && strtoll(limit, NULL, 10) > 0)
        (void)json_object_set_new(request, "limit", json_integer(strtoll(limit, NULL, 10)));
    return request;
}

static void give(json_t *request, const char *key, const char *text)
{
    if (request && text) (void)json_object_set_new(request, key, json_string(text));
}

int hf_hub_cli_conflicts(void *context, const hf_cli_args *args)
{
    (void)context;
    return hf_hub_cli_once(args, request_for("conflicts", args), hf_show_conflicts);
}

int hf_hub_cli_show(void *context, const hf_cli_args *args)
{
    (void)context;
    bool history = hf_cli_has(args, "history");
    json_t *request = request_for(history ? "history" : "show", args);
    give(request, "id", args->operands[0]);
    return hf_hub_cli_once(args, request, history ? hf_show_history : hf_show_record);
}

int hf_hub_cli_list(void *context, const hf_cli_args *args)
{
    (void)context;
    json_t *request = request_for("list", args);
    if (args->operand_count) give(request, "type", args->operands[0]);
    give(request, "id", hf_cli_value(args, "after"));
    if (request && hf_cli_has(args, "deleted"))
        (void)json_object_set_new(request, "deleted", json_true());
    return hf_hub_cli_once(args, request, hf_show_list);
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
    (void)context;
    return hf_hub_cli_once(args, request_for("status", args), show_status);
}

int hf_hub_cli_verify(void *context, const hf_cli_args *args)
{
    (void)context;
    hub_program program;
    json_t *document = NULL;
    int code = hf_hub_cli_open(&program, args);
    if (code == HF_EXIT_OK) code = hf_hub_cli_ask(&program, request_for("verify", args), &document);
    if (code == HF_EXIT_OK) {
        hf_show show = {stdout, HUB_PROGRAM, hf_clock_wall_ms()};
        if (hf_cli_has(args, "json"))
            printf("%.*s\n", (int)program.reply.size, (const char *)program.reply.data);
        else
            hf_show_verify(&show, document);
        if (hf_show_number(document, "faults")) code = HF_EXIT_CHECK;
    }
    json_decref(document);
    hf_hub_cli_close(&program);
    return code;
}
