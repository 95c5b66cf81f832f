/* commands_write.c: commands that change records: put, delete, resolve.
 *
 * Why the id goes to standard output and the promise to standard error: a script keeps the one and
 * a person reads the other. */
#include "program.h"

#include <stdlib.h>
#include <string.h>

static void give_author(json_t *request, const hf_cli_args *args)
{
    hf_request_give(request, "actor", hf_request_actor(args));
    hf_request_give(request, "reason", hf_cli_value(args, "reason"));
}

static void show_saved(const hf_show *show, const json_t *document)
{
    fprintf(show->out, "%s\n", hf_show_text(document, "id"));
    fputs("Saved on this device.\n", stderr);
    if (!json_object_get(document, "called")) return;
    fputs("Its reference is ", stderr);
    hf_cli_text(stderr, hf_show_text(document, "called"));
    bool provisional = json_is_true(json_object_get(document, "provisional"));
    fputs(provisional ? ", for now: its number follows, and this will find it then too.\n" : ".\n",
          stderr);
}

/* "field=value" as one change; false, with a sentence, when it is not that. */
static bool add_change(json_t *changes, const char *kind, const char *pair)
{
    const char *sign = strchr(pair, '=');
    if (!sign || sign == pair) {
        fprintf(stderr, "%s put: \"", EDGE_PROGRAM);
        hf_cli_text(stderr, pair);
        fputs("\" is not FIELD=VALUE. Example: put crime status=recorded \"summary=Window "
              "forced\"\n",
              stderr);
        return false;
    }
    json_t *field = json_stringn(pair, (size_t)(sign - pair)), *value = json_string(sign + 1);
    if (!field || !value) {
        json_decref(field);
        json_decref(value);
        fprintf(stderr, "%s put: the value is not UTF-8 text.\n", EDGE_PROGRAM);
        return false;
    }
    return json_array_append_new(changes, json_pack("{s:o,s:o,s:s}", "field", field, "value", value,
                                                    "kind", kind)) == 0;
}

static bool add_given(json_t *changes, const hf_cli_args *args, const char *option)
{
    const char *pair;
    for (size_t i = 0; (pair = hf_cli_nth(args, option, i)) != NULL; i++) {
        if (!add_change(changes, option, pair)) return false;
    }
    return true;
}

int hf_edge_cli_put(void *context, const hf_cli_args *args)
{
    json_t *changes = json_array();
    json_t *request =
        json_pack("{s:s,s:s,s:o}", "op", "put", "type", args->operands[0], "changes", changes);
    bool good = request != NULL;
    for (size_t i = 1; good && i < args->operand_count; i++) {
        good = add_change(changes, "set", args->operands[i]);
    }
    good = good && add_given(changes, args, "add") && add_given(changes, args, "remove");
    if (!good) {
        json_decref(request);
        return HF_EXIT_USAGE;
    }
    hf_request_give(request, "id", hf_cli_value(args, "id"));
    hf_request_give(request, "scope", hf_cli_value(args, "scope"));
    give_author(request, args);
    return hf_program_once(context, args, request, show_saved);
}

int hf_edge_cli_delete(void *context, const hf_cli_args *args)
{
    json_t *request = json_pack("{s:s,s:s}", "op", "delete", "id", args->operands[0]);
    give_author(request, args);
    return hf_program_once(context, args, request, show_saved);
}

static int usage(const char *sentence)
{
    fprintf(stderr,
            "%s resolve: %s\nExample: %s resolve crime_01k... outcome --choose 2 --reason "
            "\"CPS letter of 3 May\"\n",
            EDGE_PROGRAM, sentence, EDGE_PROGRAM);
    return HF_EXIT_USAGE;
}

int hf_edge_cli_resolve(void *context, const hf_cli_args *args)
{
    const char *choose = hf_cli_value(args, "choose"), *value = hf_cli_value(args, "value");
    bool keep = hf_cli_has(args, "keep-deleted"), restore = hf_cli_has(args, "restore");
    bool has_field = args->operand_count > 1;
    if ((choose != NULL) + (value != NULL) + keep + restore != 1)
        return usage("give one of --choose N, --value V, --keep-deleted, --restore.");
    if (has_field == (keep || restore))
        return usage(has_field ? "a deleted record is resolved whole: leave out the field."
                               : "name the field.");
    json_t *request = json_pack("{s:s,s:s}", "op", "resolve", "id", args->operands[0]);
    if (!request) return HF_EXIT_NO_MEMORY;
    if (has_field) hf_request_give(request, "field", args->operands[1]);
    if (value) hf_request_give(request, "value", value);
    if (choose) {
        char *end = NULL;
        long number = strtol(choose, &end, 10);
        if (*end || number < 1) {
            json_decref(request);
            return usage("--choose takes a number that \"conflicts\" shows.");
        }
        (void)json_object_set_new(request, "choose", json_integer(number));
    }
    if (keep) (void)json_object_set_new(request, "keep_deleted", json_true());
    if (restore) (void)json_object_set_new(request, "restore", json_true());
    give_author(request, args);
    return hf_program_once(context, args, request, show_saved);
}
