/* program_commands.c: the commands that both programs have, and what commands are made of. */
#include "program.h"

#include "clock.h"

#include <stdlib.h>

const hf_cli_option hf_list_options[] = {
    {"limit", "N", "at most so many; 100 unless given"},
    {"after", "ID", "go on after this record"},
    {"deleted", NULL, "deleted records too"},
    HF_CLI_OPTIONS_END,
};
const hf_cli_option hf_limit_options[] = {{"limit", "N", "at most so many"}, HF_CLI_OPTIONS_END};
const hf_cli_option hf_run_options[] = {
    {"foreground", NULL, "stay in the foreground; it always does"}, HF_CLI_OPTIONS_END};

json_t *hf_request_new(const char *op, const hf_cli_args *args)
{
    json_t *request = json_pack("{s:s}", "op", op);
    const char *limit = hf_cli_value(args, "limit");
    if (request && limit && strtoll(limit, NULL, 10) > 0)
        (void)json_object_set_new(request, "limit", json_integer(strtoll(limit, NULL, 10)));
    return request;
}

void hf_request_give(json_t *request, const char *key, const char *text)
{
    if (request && text) (void)json_object_set_new(request, key, json_string(text));
}

const char *hf_request_actor(const hf_cli_args *args)
{
    const char *actor = hf_cli_value(args, "actor");
    return actor ? actor : getenv("HOLDFAST_ACTOR");
}

int hf_program_answer(hf_program *program, const hf_cli_args *args, json_t *request,
                      hf_printer print, json_t **document)
{
    int code = hf_program_open(program, args);
    *document = NULL;
    if (code == HF_EXIT_OK)
        code = hf_program_ask(program, request, document);
    else
        json_decref(request);
    hf_show show = {stdout, program->cli->name, hf_clock_wall_ms()};
    if (code == HF_EXIT_OK && hf_cli_has(args, "json"))
        puts(program->reply);
    else if (code == HF_EXIT_OK)
        print(&show, *document);
    return code;
}

int hf_program_once(hf_program *program, const hf_cli_args *args, json_t *request, hf_printer print)
{
    json_t *document;
    int code = hf_program_answer(program, args, request, print, &document);
    json_decref(document);
    return code;
}

int hf_program_checked(hf_program *program, const hf_cli_args *args, json_t *request,
                       hf_printer print, int (*check)(const json_t *document))
{
    json_t *document;
    int code = hf_program_answer(program, args, request, print, &document);
    if (code == HF_EXIT_OK) code = check(document);
    json_decref(document);
    return code;
}

int hf_program_list(void *program, const hf_cli_args *args)
{
    json_t *request = hf_request_new("list", args);
    if (args->operand_count) hf_request_give(request, "type", args->operands[0]);
    hf_request_give(request, "id", hf_cli_value(args, "after"));
    if (request && hf_cli_has(args, "deleted"))
        (void)json_object_set_new(request, "deleted", json_true());
    return hf_program_once(program, args, request, hf_show_list);
}

int hf_program_conflicts(void *program, const hf_cli_args *args)
{
    return hf_program_once(program, args, hf_request_new("conflicts", args), hf_show_conflicts);
}

static int no_faults(const json_t *document)
{
    return hf_show_number(document, "faults") ? HF_EXIT_CHECK : HF_EXIT_OK;
}

int hf_program_verify(void *program, const hf_cli_args *args)
{
    return hf_program_checked(program, args, hf_request_new("verify", args), hf_show_verify,
                              no_faults);
}
