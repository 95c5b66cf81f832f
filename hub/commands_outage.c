/* commands_outage.c: before, during and after an outage: readiness, window, drill, outage, sla. */
#include "program.h"

#include "platform/clock.h"
#include "platform/files.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TIME_SIZE = 64, WORDS_SIZE = 64 };

/* ---- small things ---- */

/* "6 h 10 min" for a number of milliseconds that the document has. */
static const char *lasting(const json_t *object, const char *key, char out[WORDS_SIZE])
{
    uint64_t seconds = (hf_show_number(object, key) + 500) / 1000, minutes = seconds / 60;
    if (seconds < 120)
        (void)snprintf(out, WORDS_SIZE, "%" PRIu64 " s", seconds);
    else if (minutes < 60)
        (void)snprintf(out, WORDS_SIZE, "%" PRIu64 " min", minutes);
    else
        (void)snprintf(out, WORDS_SIZE, "%" PRIu64 " h %" PRIu64 " min", minutes / 60,
                       minutes % 60);
    return out;
}

static void add_number(hf_rows *rows, const json_t *object, const char *key)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, hf_show_number(object, key));
    hf_rows_add(rows, text);
}

static void add_heads(hf_rows *rows, const char *const *heads, size_t count)
{
    rows->columns = count;
    for (size_t i = 0; i < count; i++) hf_rows_add(rows, heads[i]);
}

static void add_time(hf_rows *rows, const hf_show *show, const json_t *object, const char *key,
                     const char *otherwise)
{
    char when[TIME_SIZE];
    hf_show_time(show, object, key, when, sizeof when);
    hf_rows_add(rows, *hf_show_text(object, key) ? when : otherwise);
}

static void give_flag(json_t *request, const hf_cli_args *args, const char *option, const char *key)
{
    if (request && hf_cli_has(args, option)) (void)json_object_set_new(request, key, json_true());
}

static int not_known(const hf_cli_args *args, const char *command, const char *known)
{
    fprintf(stderr, "%s %s: \"%s\" is none of %s.\n", HUB_PROGRAM, command, args->operands[0],
            known);
    return HF_EXIT_USAGE;
}

/* ---- outage ---- */

static const char *what_happened(const json_t *outage)
{
    const char *extent = hf_show_text(outage, "extent"), *reason = hf_show_text(outage, "reason");
    if (json_is_true(json_object_get(outage, "drill"))) return "drill";
    if (strcmp(extent, "hub") == 0)
        return strcmp(reason, "stopped") == 0 ? "the hub was stopped" : "the hub fell";
    if (strcmp(extent, "centre") == 0)
        return strcmp(reason, "replaced") == 0 ? "the centre was lost"
                                               : "the centre did not answer";
    return strcmp(extent, "unit") == 0 ? "a unit was cut off" : "a device was cut off";
}

static void show_outages(const hf_show *show, const json_t *document)
{
    static const char *const heads[] = {"BEGAN", "LASTED", "WHAT", "UNIT", "TOLD BY"};
    const json_t *outages = json_object_get(document, "outages");
    hf_rows rows = {0};
    char words[WORDS_SIZE];
    if (json_array_size(outages) == 0) {
        fputs("No outage is known.\n", show->out);
        return;
    }
    add_heads(&rows, heads, 5);
    for (size_t i = 0; i < json_array_size(outages); i++) {
        const json_t *one = json_array_get(outages, i);
        bool lasts = !*hf_show_text(one, "ended");
        add_time(&rows, show, one, "began", "");
        hf_rows_add(&rows, lasts ? "it lasts" : lasting(one, "lasted_ms", words));
        hf_rows_add(&rows, what_happened(one));
        hf_rows_add(&rows, hf_show_text(one, "unit"));
        add_number(&rows, one, "seen_by");
    }
    hf_rows_print(&rows, show->out);
}

static void show_lanes(const hf_show *show, const json_t *document)
{
    static const char *const heads[] = {"LANE",      "ENTRIES", "MEDIAN",
                                        "95 OF 100", "LONGEST", "CLEAR AFTER"};
    static const char *const keys[] = {"delay_p50_ms", "delay_p95_ms", "delay_max_ms",
                                       "clear_after_ms"};
    const json_t *lanes = json_object_get(document, "lanes");
    hf_rows rows = {0};
    add_heads(&rows, heads, 6);
    for (size_t i = 0; i < json_array_size(lanes); i++) {
        const json_t *lane = json_array_get(lanes, i);
        char words[WORDS_SIZE];
        if (hf_show_number(lane, "entries") == 0) continue;
        hf_rows_add(&rows, hf_show_text(lane, "name"));
        add_number(&rows, lane, "entries");
        for (size_t j = 0; j < 4; j++) hf_rows_add(&rows, lasting(lane, keys[j], words));
    }
    if (rows.count > 6) fputc('\n', show->out);
    if (rows.count == 6) rows.columns = 6;
    hf_rows_print(&rows, show->out);
}

static void show_absent(const hf_show *show, const json_t *document)
{
    static const char *const heads[] = {"NOT BACK", "UNIT", "LAST CONTACT", "WAITED ON IT"};
    const json_t *absent = json_object_get(document, "not_back");
    hf_rows rows = {0};
    if (json_array_size(absent) == 0) return;
    fputc('\n', show->out);
    add_heads(&rows, heads, 4);
    for (size_t i = 0; i < json_array_size(absent); i++) {
        const json_t *one = json_array_get(absent, i);
        hf_rows_add(&rows, hf_show_text(one, "name"));
        hf_rows_add(&rows, hf_show_text(one, "unit"));
        add_time(&rows, show, one, "last_contact", "never");
        add_number(&rows, one, "waiting");
    }
    hf_rows_print(&rows, show->out);
}

static void show_outage(const hf_show *show, const json_t *document)
{
    const json_t *entries = json_object_get(document, "entries");
    const json_t *integrity = json_object_get(document, "integrity");
    char when[TIME_SIZE], words[WORDS_SIZE];
    hf_show_time(show, document, "began", when, sizeof when);
    fprintf(show->out, "Outage     %s, began %s, %s\n", what_happened(document), when,
            *hf_show_text(document, "ended") ? lasting(document, "lasted_ms", words) : "it lasts");
    if (*hf_show_text(document, "unit")) {
        fputs("Unit       ", show->out);
        hf_cli_text(show->out, hf_show_text(document, "unit"));
        fputc('\n', show->out);
    }
    fprintf(show->out,
            "Entries    %" PRIu64 " had to wait: %" PRIu64 " are here (%" PRIu64
            " of them withheld), %" PRIu64 " still out\n",
            hf_show_number(entries, "waited"), hf_show_number(entries, "here"),
            hf_show_number(entries, "withheld"), hf_show_number(entries, "missing"));
    fprintf(show->out, "Account    %s%s\n",
            json_is_true(json_object_get(integrity, "reconciles")) ? "adds up, to the entry"
                                                                   : "DOES NOT ADD UP: ",
            hf_show_text(integrity, "fault"));
    show_lanes(show, document);
    show_absent(show, document);
}

static int write_page(const hf_cli_args *args, const json_t *document)
{
    const char *text = hf_show_text(document, "text"), *path = hf_cli_value(args, "out");
    if (!path || strcmp(path, "-") == 0) {
        fputs(text, stdout);
    } else {
        hf_status status =
            hf_file_write(path, (hf_bytes){(const uint8_t *)text, strlen(text)}, 0644);
        if (status != HF_OK) {
            fprintf(stderr, "%s outage report: cannot write %s (%s).\n", HUB_PROGRAM, path,
                    hf_status_name(status));
            return HF_EXIT_CANNOT_CREATE;
        }
    }
    if (json_is_true(json_object_get(document, "reconciles"))) return HF_EXIT_OK;
    fprintf(stderr, "%s outage report: the account does not add up: %s\n", HUB_PROGRAM,
            hf_show_text(document, "fault"));
    return HF_EXIT_CHECK;
}

static json_t *number_of(const hf_cli_args *args, const char *option)
{
    const char *text = hf_cli_value(args, option);
    return text ? json_integer(strtoll(text, NULL, 10)) : NULL;
}

/* Pounds, with or without pence, as pence. */
static void give_charge(json_t *request, const hf_cli_args *args)
{
    const char *text = hf_cli_value(args, "charge");
    double pounds = text ? strtod(text, NULL) : 0;
    if (request && pounds > 0 && pounds < 1e9)
        (void)json_object_set_new(request, "charge_pence",
                                  json_integer((json_int_t)(pounds * 100 + 0.5)));
}

static json_t *with_terms(json_t *request, const hf_cli_args *args)
{
    uint64_t minimum_ms = 0;
    const char *minimum = hf_cli_value(args, "minimum"), *also = hf_cli_value(args, "also");
    if (minimum && hf_cli_duration(minimum, &minimum_ms) == HF_OK)
        (void)json_object_set_new(request, "minimum_ms", json_integer((json_int_t)minimum_ms));
    hf_request_give(request, "month", hf_cli_value(args, "month"));
    hf_request_give(request, "bands", hf_cli_value(args, "bands"));
    hf_request_give(request, "hours", hf_cli_value(args, "hours"));
    give_charge(request, args);
    give_flag(request, args, "weekdays", "weekdays");
    give_flag(request, args, "utc", "utc");
    give_flag(request, args, "exclude-planned", "exclude_planned");
    json_t *list = request && also ? json_array() : NULL;
    for (size_t i = 0; list && i < args->given_count; i++)
        if (strcmp(args->given[i].name, "also") == 0)
            (void)json_array_append_new(list, json_string(args->given[i].value));
    if (list) (void)json_object_set_new(request, "also", list);
    return request;
}

static int outage_report(hf_program *program, const hf_cli_args *args, json_t *request)
{
    json_t *document = NULL;
    hf_request_give(request, "format", hf_cli_has(args, "markdown") ? "markdown" : "html");
    int code = hf_program_open(program, args);
    if (code == HF_EXIT_OK)
        code = hf_program_ask(program, request, &document);
    else
        json_decref(request);
    if (code == HF_EXIT_OK) code = write_page(args, document);
    json_decref(document);
    return code;
}

static int check_account(const json_t *document)
{
    const json_t *integrity = json_object_get(document, "integrity");
    return json_is_false(json_object_get(integrity, "reconciles")) ? HF_EXIT_CHECK : HF_EXIT_OK;
}

int hf_hub_cli_outage(void *context, const hf_cli_args *args)
{
    const char *what = args->operands[0];
    bool list = strcmp(what, "list") == 0, report = strcmp(what, "report") == 0;
    if (!list && !report && strcmp(what, "show") != 0)
        return not_known(args, "outage", "list, show and report");
    json_t *request = hf_request_new(list ? "outages" : "outage", args);
    if (args->operand_count > 1) hf_request_give(request, list ? "since" : "at", args->operands[1]);
    give_flag(request, args, "devices", "devices");
    if (list) return hf_program_once(context, args, request, show_outages);
    request = with_terms(request, args);
    if (report && !hf_cli_has(args, "json")) return outage_report(context, args, request);
    return hf_program_checked(context, args, request, show_outage, check_account);
}

/* ---- sla ---- */

static void show_sla(const hf_show *show, const json_t *document)
{
    uint64_t ppm = hf_show_number(document, "availability_ppm") + 50;
    char down[WORDS_SIZE], service[WORDS_SIZE];
    fprintf(show->out, "Month      %" PRIu64 "-%02" PRIu64 ", %s\n",
            hf_show_number(document, "year"), hf_show_number(document, "month"),
            strcmp(hf_show_text(document, "clocks"), "utc") == 0 ? "by UTC" : "by London's clocks");
    fprintf(show->out, "Available  %" PRIu64 ".%02" PRIu64 " %%: %s down of %s\n", ppm / 10000,
            ppm / 100 % 100, lasting(document, "down_ms", down),
            lasting(document, "service_ms", service));
    fprintf(show->out, "Left out   %s planned, %s too short to count\n",
            lasting(document, "planned_ms", down), lasting(document, "too_short_ms", service));
    uint64_t credit = hf_show_number(document, "credit_ppm");
    fprintf(show->out, "Credit     %" PRIu64 ".%02" PRIu64 " %% of the charge", credit / 10000,
            credit / 100 % 100);
    uint64_t pence = hf_show_number(document, "credit_pence");
    if (pence) fprintf(show->out, ": %" PRIu64 ".%02" PRIu64 " pounds", pence / 100, pence % 100);
    fputc('\n', show->out);
}

int hf_hub_cli_sla(void *context, const hf_cli_args *args)
{
    return hf_program_once(context, args, with_terms(hf_request_new("sla", args), args), show_sla);
}

/* ---- drill ---- */

static void show_drill(const hf_show *show, const json_t *document)
{
    char until[TIME_SIZE];
    if (json_is_null(json_object_get(document, "unit"))) {
        fputs("The drill is over. Its devices come back within a minute; then: "
              "holdfast-hub outage report\n",
              show->out);
        return;
    }
    hf_show_time(show, document, "until", until, sizeof until);
    fputs("DRILL      unit ", show->out);
    hf_cli_text(show->out, hf_show_text(document, "unit"));
    fprintf(show->out, ": its %" PRIu64 " devices are refused until %s\n",
            hf_show_number(document, "devices"), until);
}

int hf_hub_cli_drill(void *context, const hf_cli_args *args)
{
    json_t *request = hf_request_new("drill", args);
    hf_request_give(request, "unit", hf_cli_value(args, "unit"));
    json_t *minutes = number_of(args, "minutes");
    if (request && minutes) (void)json_object_set_new(request, "minutes", minutes);
    give_flag(request, args, "end", "end");
    return hf_program_once(context, args, request, show_drill);
}

/* ---- window ---- */

static void show_window(const hf_show *show, const json_t *document)
{
    const char *id = hf_show_text(document, "id");
    if (*id)
        fprintf(show->out,
                "Announced: %s. Devices acknowledge it as they hear of it: "
                "holdfast-hub window list\n",
                id);
    else
        fputs("Called off.\n", show->out);
}

static void show_windows(const hf_show *show, const json_t *document)
{
    static const char *const heads[] = {"FROM", "UNTIL", "WHY", "KNOWN TO", "NOT TO", "ID"};
    const json_t *windows = json_object_get(document, "windows");
    hf_rows rows = {0};
    if (json_array_size(windows) == 0) {
        fputs("No planned window was announced.\n", show->out);
        return;
    }
    add_heads(&rows, heads, 6);
    for (size_t i = 0; i < json_array_size(windows); i++) {
        const json_t *one = json_array_get(windows, i);
        char missing[24];
        bool off = json_is_true(json_object_get(one, "called_off"));
        (void)snprintf(missing, sizeof missing, "%zu",
                       json_array_size(json_object_get(one, "not_acknowledged")));
        add_time(&rows, show, one, "from", "");
        add_time(&rows, show, one, "until", "");
        hf_rows_add(&rows, off ? "called off" : hf_show_text(one, "why"));
        add_number(&rows, one, "acknowledged");
        hf_rows_add(&rows, missing);
        hf_rows_add(&rows, hf_show_text(one, "id"));
    }
    hf_rows_print(&rows, show->out);
}

int hf_hub_cli_window(void *context, const hf_cli_args *args)
{
    const char *what = args->operands[0];
    if (strcmp(what, "list") == 0)
        return hf_program_once(context, args, hf_request_new("windows", args), show_windows);
    bool announce = strcmp(what, "announce") == 0;
    if (!announce && (strcmp(what, "off") != 0 || args->operand_count < 2))
        return not_known(args, "window", "announce, list and off ID");
    json_t *request = hf_request_new(announce ? "window" : "window-off", args);
    hf_request_give(request, "from", hf_cli_value(args, "from"));
    hf_request_give(request, "until", hf_cli_value(args, "until"));
    hf_request_give(request, "why", hf_cli_value(args, "why"));
    if (!announce) hf_request_give(request, "id", args->operands[1]);
    hf_request_give(request, "actor", hf_request_actor(args));
    return hf_program_once(context, args, request, show_window);
}

/* ---- readiness ---- */

static void show_readiness(const hf_show *show, const json_t *document)
{
    static const char *const heads[] = {"DEVICE",    "UNIT",        "IN SYNC", "FREE MIB",
                                        "CLOCK OFF", "CERTIFICATE", "VERSION", "WRONG"};
    const json_t *devices = json_object_get(document, "devices");
    hf_rows rows = {0};
    add_heads(&rows, heads, 8);
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *one = json_array_get(devices, i), *wrong = json_object_get(one, "wrong");
        char text[64];
        hf_rows_add(&rows, hf_show_text(one, "name"));
        hf_rows_add(&rows, hf_show_text(one, "unit"));
        add_time(&rows, show, one, "synced", "never");
        add_number(&rows, one, "free_mib");
        (void)snprintf(text, sizeof text, "%lld s",
                       (long long)json_integer_value(json_object_get(one, "clock_off_ms")) / 1000);
        hf_rows_add(&rows, text);
        (void)snprintf(text, sizeof text, "%lld days",
                       (long long)json_integer_value(json_object_get(one, "certificate_days")));
        hf_rows_add(&rows, text);
        hf_rows_add(&rows, hf_show_text(one, "version"));
        const char *first = json_string_value(json_array_get(wrong, 0));
        hf_rows_add(&rows, first ? first : "ready");
    }
    hf_rows_print(&rows, show->out);
    fprintf(show->out, "%s: %" PRIu64 " of %" PRIu64 " devices are ready; 95 in 100 are needed.\n",
            json_is_true(json_object_get(document, "ready")) ? "Ready" : "Not ready",
            hf_show_number(document, "ready_count"), hf_show_number(document, "device_count"));
}

static int check_ready(const json_t *document)
{
    return json_is_true(json_object_get(document, "ready")) ? HF_EXIT_OK : HF_EXIT_CHECK;
}

int hf_hub_cli_readiness(void *context, const hf_cli_args *args)
{
    json_t *request = hf_request_new("readiness", args);
    hf_request_give(request, "unit", hf_cli_value(args, "unit"));
    return hf_program_checked(context, args, request, show_readiness, check_ready);
}
