/* commands_hubs.c: `hubs`: where devices go, in which order. */
#include "program.h"

#include <inttypes.h>
#include <string.h>

enum { TIME_SIZE = 64 };

static void show_hubs(const hf_show *show, const json_t *document)
{
    const json_t *hubs = json_object_get(document, "hubs"), *hub;
    hf_rows rows = {.columns = 3};
    char made[TIME_SIZE];
    size_t at;
    if (json_array_size(hubs) == 0) {
        fputs("There is no list of hubs: each device goes where it was told when it was "
              "enrolled.\nNext: holdfast-hub hubs set STATION ...\n",
              show->out);
        return;
    }
    json_array_foreach(hubs, at, hub)
    {
        hf_rows_add(&rows, hf_show_text(hub, "name"));
        hf_rows_add(&rows, hf_show_text(hub, "address"));
        hf_rows_add(&rows, json_is_true(json_object_get(hub, "centre")) ? "the centre" : "");
    }
    hf_rows_print(&rows, show->out);
    hf_show_time(show, document, "signed", made, sizeof made);
    fprintf(show->out, "Term %" PRIu64 ", signed %s\n", hf_show_number(document, "term"), made);
    if (json_is_true(json_object_get(document, "retired")))
        fputs("This hub is the centre no longer: it serves nobody.\n", show->out);
}

static json_t *stations_of(const hf_cli_args *args)
{
    json_t *names = json_array();
    for (size_t i = 1; names && i < args->operand_count; i++)
        (void)json_array_append_new(names, json_string(args->operands[i]));
    return names;
}

int hf_hub_cli_hubs(void *context, const hf_cli_args *args)
{
    const char *what = args->operand_count ? args->operands[0] : "list";
    if (strcmp(what, "list") == 0 && args->operand_count <= 1)
        return hf_program_once(context, args, hf_request_new("hubs", args), show_hubs);
    if (strcmp(what, "set") != 0) {
        fprintf(stderr, "%s hubs: there is \"hubs list\", and \"hubs set STATION ...\".\n",
                HUB_PROGRAM);
        return HF_EXIT_USAGE;
    }
    json_t *request = hf_request_new("hubs-set", args);
    if (request) (void)json_object_set_new(request, "stations", stations_of(args));
    hf_request_give(request, "actor", hf_request_actor(args));
    return hf_program_once(context, args, request, show_hubs);
}
