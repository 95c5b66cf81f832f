/* commands_references.c: `references`, for people. */
#include "program.h"

#include <inttypes.h>
#include <string.h>

enum { CELL_SIZE = 64 };

static void show_series(const hf_show *show, const json_t *series)
{
    const json_t *blocks = json_object_get(series, "blocks"), *block;
    hf_rows rows = {.columns = 5};
    size_t at;
    fprintf(show->out,
            "%s (%s): %" PRIu64 " numbers leased in %" PRIu64 " blocks, %" PRIu64
            " of them on records here\n",
            hf_show_text(series, "series"), hf_show_text(series, "format"),
            hf_show_number(series, "leased"), hf_show_number(series, "leases"),
            hf_show_number(series, "used"));
    json_array_foreach(blocks, at, block)
    {
        char cell[CELL_SIZE];
        hf_rows_add(&rows, "  ");
        (void)snprintf(cell, sizeof cell, "%" PRIu64 " to %" PRIu64, hf_show_number(block, "first"),
                       hf_show_number(block, "last"));
        hf_rows_add(&rows, cell);
        hf_rows_add(&rows, hf_show_text(block, "device"));
        (void)snprintf(cell, sizeof cell, "%" PRIu64 " used", hf_show_number(block, "used"));
        hf_rows_add(&rows, cell);
        hf_show_time(show, block, "leased", cell, sizeof cell);
        hf_rows_add(&rows, cell);
    }
    hf_rows_print(&rows, show->out);
}

static void show_references(const hf_show *show, const json_t *document)
{
    const json_t *list = json_object_get(document, "series"), *item;
    uint64_t waiting = hf_show_number(document, "provisional_count");
    size_t at;
    json_array_foreach(list, at, item) show_series(show, item);
    if (json_array_size(list) == 0) fputs("The pack names no series of numbers.\n", show->out);
    fprintf(show->out, "%" PRIu64 " record%s a provisional reference only%s\n", waiting,
            waiting == 1 ? " has" : "s have",
            waiting ? "; each gets its number when its device is back:" : ".");
    json_array_foreach(json_object_get(document, "provisional"), at, item)
    {
        fprintf(show->out, "  %s  ", hf_show_text(item, "id"));
        hf_cli_text(show->out, hf_show_text(item, "reference"));
        fputc('\n', show->out);
    }
    json_array_foreach(json_object_get(document, "shared"), at, item)
    {
        fputs("Two records bear ", show->out);
        hf_cli_text(show->out, hf_show_text(item, "reference"));
        fprintf(show->out, ": %s and %s. A person must correct one of them, with a reason.\n",
                hf_show_text(item, "id"), hf_show_text(item, "also"));
    }
}

int hf_hub_cli_references(void *context, const hf_cli_args *args)
{
    return hf_program_once(context, args, hf_request_new("references", args), show_references);
}
