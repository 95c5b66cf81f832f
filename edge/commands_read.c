/* commands_read.c: commands that print: get, find, history, status, verify-receipt. */
#include "program.h"

#include "sync/report.h"

#include <inttypes.h>
#include <string.h>

enum { TIME_SIZE = 64 };

int hf_edge_cli_get(void *context, const hf_cli_args *args)
{
    json_t *request = hf_request_new("get", args);
    hf_request_give(request, "id", args->operands[0]);
    return hf_program_once(context, args, request, hf_show_record);
}

int hf_edge_cli_find_words(void *context, const hf_cli_args *args)
{
    char words[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < args->operand_count; i++) {
        int more =
            snprintf(words + used, sizeof words - used, "%s%s", i ? " " : "", args->operands[i]);
        if (more < 0 || (size_t)more >= sizeof words - used) {
            fprintf(stderr, "%s find: that is more than %zu bytes of words.\n", EDGE_PROGRAM,
                    sizeof words);
            return HF_EXIT_USAGE;
        }
        used += (size_t)more;
    }
    json_t *request = hf_request_new("find", args);
    hf_request_give(request, "words", words);
    return hf_program_once(context, args, request, hf_show_list);
}

int hf_edge_cli_history(void *context, const hf_cli_args *args)
{
    json_t *request = hf_request_new("history", args);
    hf_request_give(request, "id", args->operands[0]);
    if (args->operand_count > 1) hf_request_give(request, "field", args->operands[1]);
    return hf_program_once(context, args, request, hf_show_history);
}

/* ---- status ---- */

static const char *link_words(const char *link)
{
    if (strcmp(link, "in-sync") == 0) return "in sync";
    if (strcmp(link, "catching-up") == 0) return "connected, catching up";
    if (strcmp(link, "greeting") == 0) return "connecting";
    return "not in reach";
}

/* In the order in which it tries them. */
static void show_hubs(const hf_show *show, const json_t *status)
{
    const json_t *hub;
    char since[TIME_SIZE];
    size_t at;
    hf_show_time(show, status, "connected_since", since, sizeof since);
    json_array_foreach(json_object_get(status, "hubs"), at, hub)
    {
        fputs(at ? "           " : "Hubs       ", show->out);
        hf_cli_text(show->out, hf_show_text(hub, "name"));
        fputs(", ", show->out);
        hf_cli_text(show->out, hf_show_text(hub, "address"));
        if (json_is_true(json_object_get(hub, "centre"))) fputs(", the centre", show->out);
        if (json_is_true(json_object_get(hub, "connected")))
            fprintf(show->out, ": connected since %s", since);
        fputc('\n', show->out);
    }
}

static void show_link(const hf_show *show, const json_t *status)
{
    char last[TIME_SIZE];
    bool running = json_is_true(json_object_get(status, "running"));
    const char *error = hf_show_text(status, "last_error");
    uint64_t dials_in_ms = hf_show_number(status, "dials_in_ms");
    hf_show_time(show, status, "last_sync", last, sizeof last);
    if (running)
        fprintf(show->out, "Daemon     running, pid %" PRIu64 "\n", hf_show_number(status, "pid"));
    else
        fputs("Daemon     not running\n", show->out);
    fprintf(show->out, "Hub        %s: %s", hf_show_text(status, "hub"),
            running ? link_words(hf_show_text(status, "link")) : "not connected");
    const json_t *snapshot = json_object_get(status, "snapshot");
    if (json_is_object(snapshot) && hf_show_number(snapshot, "of") > 0)
        fprintf(show->out, ", receiving a snapshot: %" PRIu64 " of %" PRIu64 " parts",
                hf_show_number(snapshot, "parts"), hf_show_number(snapshot, "of"));
    else if (json_is_object(snapshot))
        fputs(", a snapshot is being made", show->out);
    if (*error && strcmp(hf_show_text(status, "link"), "down") == 0) {
        fputs(" (", show->out);
        hf_cli_text(show->out, error);
        fputc(')', show->out);
    }
    if (dials_in_ms) fprintf(show->out, ", next try in %" PRIu64 " s", dials_in_ms / 1000 + 1);
    fprintf(show->out, "\nLast sync  %s\n", last);
    show_hubs(show, status);
}

static void show_clock(const hf_show *show, const json_t *status)
{
    const json_t *clock = json_object_get(status, "clock");
    long long offset_ms = json_integer_value(json_object_get(clock, "offset_ms"));
    long long away = (offset_ms < 0 ? -offset_ms : offset_ms) / 1000;
    if (!json_is_true(json_object_get(clock, "known")))
        fputs("Clock      not yet compared with the hub's\n", show->out);
    else if (away < 2)
        fputs("Clock      agrees with the hub's\n", show->out);
    else
        fprintf(show->out,
                "Clock      this device's is %lld s %s the hub's; times written here "
                "are corrected\n",
                away, offset_ms < 0 ? "ahead of" : "behind");
}

static void show_certificate(const hf_show *show, const json_t *status)
{
    const json_t *certificate = json_object_get(status, "certificate");
    const char *state = hf_show_text(certificate, "state"),
               *problem = hf_show_text(certificate, "problem");
    long long days = json_integer_value(json_object_get(certificate, "days_left"));
    if (strcmp(state, "none") == 0) return;
    if (strcmp(state, "ended") == 0)
        fprintf(show->out,
                "Key        certificate ended %lld days ago: until it is renewed this "
                "device sends, and receives nothing",
                -days);
    else if (strcmp(state, "not-yet") == 0)
        fputs("Key        certificate is not valid yet by the hub's time", show->out);
    else
        fprintf(show->out, "Key        certificate ends in %lld days", days);
    if (*problem) {
        fputs("; not renewed: ", show->out);
        hf_cli_text(show->out, problem);
        fputc('\n', show->out);
    } else {
        fputs(strcmp(state, "good") == 0 ? "; renews itself\n"
                                         : "; renews itself at the next contact\n",
              show->out);
    }
}

static void show_references(const hf_show *show, const json_t *status)
{
    const json_t *series = json_object_get(status, "references"), *item;
    uint64_t waiting = hf_show_number(status, "provisional");
    size_t at;
    if (json_array_size(series) == 0) return;
    fputs("Numbers    ", show->out);
    json_array_foreach(series, at, item)
    {
        uint64_t left = hf_show_number(item, "left");
        fprintf(show->out, "%s%s: ", at ? ", " : "", hf_show_text(item, "series"));
        if (left)
            fprintf(show->out, "%" PRIu64 " left", left);
        else
            fputs("none left, provisional ones are given", show->out);
    }
    fputc('\n', show->out);
    if (waiting)
        fprintf(show->out, "           %" PRIu64 " record%s only a provisional one so far\n",
                waiting, waiting == 1 ? " has" : "s have");
}

static void show_contact(const hf_show *show, const json_t *status)
{
    const json_t *planned = json_object_get(status, "planned");
    char from[TIME_SIZE], until[TIME_SIZE];
    fprintf(show->out, "Contact    %s\n",
            hf_show_text(json_object_get(status, "contact"), "words"));
    if (!json_is_object(planned)) return;
    hf_show_time(show, planned, "from", from, sizeof from);
    hf_show_time(show, planned, "until", until, sizeof until);
    fprintf(show->out, "Planned    the hub will be away from %s until %s: ", from, until);
    hf_cli_text(show->out, hf_show_text(planned, "why"));
    fputc('\n', show->out);
}

static void show_status(const hf_show *show, const json_t *status)
{
    char oldest[TIME_SIZE];
    uint64_t waiting = hf_show_number(status, "waiting");
    uint64_t at_station = hf_show_number(status, "at_the_station");
    const json_t *scopes = json_object_get(status, "scopes");
    hf_show_time(show, status, "oldest_waiting", oldest, sizeof oldest);
    fputs("Device     ", show->out);
    hf_cli_text(show->out, hf_show_text(status, "device"));
    fputs(", may write in", show->out);
    for (size_t i = 0; i < json_array_size(scopes); i++) {
        fputs(i ? ", " : " ", show->out);
        hf_cli_text(show->out, json_string_value(json_array_get(scopes, i)));
    }
    fputs(json_array_size(scopes) ? "\n" : " no scope yet\n", show->out);
    show_contact(show, status);
    show_link(show, status);
    show_clock(show, status);
    show_certificate(show, status);
    fprintf(show->out, "Records    %" PRIu64 " held, %" PRIu64 " with versions to choose from\n",
            hf_show_number(status, "records"), hf_show_number(status, "conflicts"));
    fprintf(show->out, "Changes    %" PRIu64 " written here: %" PRIu64 " at the hub, ",
            hf_show_number(status, "written_here"), hf_show_number(status, "at_the_hub"));
    if (at_station) fprintf(show->out, "%" PRIu64 " at the station, ", at_station);
    fprintf(show->out, "%" PRIu64 " saved on this device and waiting\n", waiting);
    if (waiting) fprintf(show->out, "           the oldest since %s\n", oldest);
    hf_show_bundles(show, status);
    show_references(show, status);
    hf_show_withheld(show, status);
    fprintf(show->out, "Next: %s\n", hf_show_text(status, "next"));
}

int hf_edge_cli_status(void *context, const hf_cli_args *args)
{
    return hf_program_once(context, args, hf_request_new("status", args), show_status);
}

int hf_edge_cli_check_receipt(void *context, const hf_cli_args *args)
{
    return hf_program_check_receipt(context, args, hf_report_proof_text);
}
