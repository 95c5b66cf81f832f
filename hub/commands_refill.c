/* commands_refill.c: refill, declare-lost, accept-control-loss. */
#include "program.h"

#include "sync/limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_SIZE = 64 };

/* As declare-lost takes it. */
static void add_name(hf_rows *rows, const json_t *missing)
{
    char name[CELL_SIZE * 2];
    uint64_t first = hf_show_number(missing, "first"), last = hf_show_number(missing, "last");
    int size = snprintf(name, sizeof name, "%.32s/%" PRIu64 "/%" PRIu64,
                        hf_show_text(missing, "origin"), hf_show_number(missing, "lane"), first);
    if (last > first && size > 0)
        (void)snprintf(name + size, sizeof name - (size_t)size, "-%" PRIu64, last);
    hf_rows_add(rows, name);
}

static void show_missing(const hf_show *show, const json_t *missing)
{
    static const char *const heads[] = {"ENTRIES", "DEVICE", "HELD TO", "STATE"};
    hf_rows rows = {.columns = 4};
    for (size_t i = 0; i < 4; i++) hf_rows_add(&rows, heads[i]);
    for (size_t i = 0; i < json_array_size(missing); i++) {
        const json_t *one = json_array_get(missing, i);
        char held[CELL_SIZE];
        bool declared = json_is_true(json_object_get(one, "declared_lost"));
        (void)snprintf(held, sizeof held, "%" PRIu64, hf_show_number(one, "held"));
        add_name(&rows, one);
        hf_rows_add(&rows, hf_show_text(one, "device"));
        hf_rows_add(&rows, held);
        hf_rows_add(&rows, declared ? hf_show_text(one, "reason") : "nobody has brought it");
    }
    hf_rows_print(&rows, show->out);
}

static void show_offers(const hf_show *show, const json_t *offers)
{
    static const char *const heads[] = {"LOG OF", "LANE", "SCOPE", "HELD", "REPORTED", "BY KEY"};
    static const char *const numbers[] = {"lane", "scope", "held", "reported"};
    hf_rows rows = {.columns = 6};
    for (size_t i = 0; i < 6; i++) hf_rows_add(&rows, heads[i]);
    for (size_t i = 0; i < json_array_size(offers); i++) {
        const json_t *offer = json_array_get(offers, i);
        char cell[CELL_SIZE];
        const char *name = hf_show_text(offer, "device");
        hf_rows_add(&rows, *name ? name : hf_show_text(offer, "origin"));
        for (size_t j = 0; j < 4; j++) {
            (void)snprintf(cell, sizeof cell, "%" PRIu64, hf_show_number(offer, numbers[j]));
            hf_rows_add(&rows, cell);
        }
        (void)snprintf(cell, sizeof cell, "%.8s%s", hf_show_text(offer, "by"),
                       json_is_true(json_object_get(offer, "could_not_prove")) ? ", not proved"
                                                                               : "");
        hf_rows_add(&rows, cell);
    }
    hf_rows_print(&rows, show->out);
}

static void show_refill(const hf_show *show, const json_t *document)
{
    const json_t *missing = json_object_get(document, "missing");
    const json_t *offers = json_object_get(document, "offers");
    uint64_t lacking = hf_show_number(document, "missing_count");
    if (json_is_true(json_object_get(document, "uploads_only")))
        fputs("Uploads only: it is not known whom this hub has revoked since its backup.\n",
              show->out);
    if (json_array_size(missing)) show_missing(show, missing);
    if (json_array_size(offers)) {
        fputs("Devices hold more than the hub of these, and are asked when they are connected:\n",
              show->out);
        show_offers(show, offers);
    }
    if (lacking)
        fprintf(show->out,
                "%" PRIu64 " entries are missing. Their devices bring them when they come back; of "
                "one that never will: %s declare-lost --help\n",
                lacking, HUB_PROGRAM);
    else if (json_array_size(offers) == 0)
        fputs("Nothing is known to be missing.\n", show->out);
}

int hf_hub_cli_refill(void *context, const hf_cli_args *args)
{
    return hf_program_once(context, args, hf_request_new("refill", args), show_refill);
}

static void show_declared(const hf_show *show, const json_t *document)
{
    fprintf(show->out, "Given up: %" PRIu64 " entries. Should one turn up, it is taken.\n",
            hf_show_number(document, "entries"));
}

/* "ORIGIN/LANE/FIRST-LAST"; what is wrong with it, the hub says. */
static json_t *lost_request(const hf_cli_args *args, const char *reason, const char *actor)
{
    char origin[CELL_SIZE] = "";
    unsigned lane = HF_LANE_COUNT;
    unsigned long long first = 0, last = 0;
    int found = sscanf(args->operands[0], "%32[0-9a-f]/%u/%llu-%llu", origin, &lane, &first, &last);
    if (found == 3) last = first;
    return json_pack("{s:s,s:s,s:i,s:I,s:I,s:s,s:s}", "op", "declare-lost", "origin",
                     found >= 3 ? origin : "", "lane", (int)lane, "first", (json_int_t)first,
                     "last", (json_int_t)last, "reason", reason, "actor", actor);
}

int hf_hub_cli_declare_lost(void *context, const hf_cli_args *args)
{
    const char *reason = hf_cli_value(args, "reason"), *actor = hf_request_actor(args);
    return hf_program_once(
        context, args, lost_request(args, reason ? reason : "", actor ? actor : ""), show_declared);
}

static void show_accepted(const hf_show *show, const json_t *document)
{
    fputs("From now on this hub serves as ever. Decided by ", show->out);
    hf_cli_text(show->out, hf_show_text(document, "actor"));
    fputs(".\n", show->out);
}

int hf_hub_cli_accept_control_loss(void *context, const hf_cli_args *args)
{
    const char *reason = hf_cli_value(args, "reason"), *actor = hf_request_actor(args);
    json_t *request = json_pack("{s:s,s:s,s:s}", "op", "accept-control-loss", "reason",
                                reason ? reason : "", "actor", actor ? actor : "");
    return hf_program_once(context, args, request, show_accepted);
}
