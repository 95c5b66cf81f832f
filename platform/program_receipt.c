/* program_receipt.c: a receipt to a file, and a file that someone shows us, checked. Both programs
 * have it: who checks is often neither the officer nor the hub that signed. */
#include "program.h"

#include "clock.h"
#include "files.h"
#include "keys.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { RECEIPT_SIZE_MAX = 1024 * 1024 };

const hf_cli_option hf_entry_options[] = {
    {"entry", "REFERENCE", "of one entry alone, by its reference"}, HF_CLI_OPTIONS_END};
const hf_cli_option hf_receipt_options[] = {
    {"entry", "REFERENCE", "of one entry alone, by its reference"},
    {"export", "FILE", "also write a file that proves it to others"},
    HF_CLI_OPTIONS_END,
};
const hf_cli_option hf_check_options[] = {
    {"ca", "FILE", "the authority's certificate, PEM; else the one of this installation"},
    HF_CLI_OPTIONS_END,
};

/* ---- receipt ---- */

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

static int write_file(const hf_program *program, const char *path, const char *hex)
{
    size_t size = strlen(hex) / 2;
    uint8_t *bytes = malloc(size ? size : 1);
    if (!bytes) return HF_EXIT_NO_MEMORY;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    hf_status status = hf_file_write(path, (hf_bytes){bytes, size}, 0644);
    free(bytes);
    if (status == HF_OK) return HF_EXIT_OK;
    fprintf(stderr, "%s: cannot write %s (%s).\n", program->cli->name, path,
            hf_status_name(status));
    return HF_EXIT_CANNOT_CREATE;
}

/* What was asked for and is not in the file is told, each with its reason. */
static void tell_rest(const json_t *document, const char *path)
{
    uint64_t proved = hf_show_number(document, "proved"),
             unsigned_yet = hf_show_number(document, "unsigned_yet"),
             others = hf_show_number(document, "others");
    if (proved) fprintf(stderr, "%s proves %" PRIu64 " of its entries.\n", path, proved);
    if (unsigned_yet)
        fprintf(stderr,
                "%" PRIu64 " of its entries cannot be proved yet: no hub has signed for %s.\n",
                unsigned_yet, unsigned_yet == 1 ? "it" : "them");
    if (others)
        fprintf(stderr, "%" PRIu64 " of its entries: by other devices, which alone can prove %s.\n",
                others, others == 1 ? "it" : "them");
}

static int export_to(const hf_program *program, const json_t *document, const char *path)
{
    if (hf_show_number(document, "proved") == 0) {
        fprintf(stderr, "%s: nothing was written: there is nothing to prove it by yet.\n",
                program->cli->name);
        tell_rest(document, path);
        return HF_EXIT_TRY_LATER;
    }
    int code = write_file(program, path, hf_show_text(document, "file"));
    if (code == HF_EXIT_OK) tell_rest(document, path);
    return code;
}

int hf_program_receipt(void *context, const hf_cli_args *args)
{
    hf_program *program = context;
    json_t *document = NULL, *request = hf_request_new("receipt", args);
    const char *path = hf_cli_value(args, "export");
    hf_request_give(request, "id", args->operands[0]);
    hf_request_give(request, "reference", hf_cli_value(args, "entry"));
    if (request && path) (void)json_object_set_new(request, "export", json_true());
    int code = hf_program_answer(program, args, request, hf_show_receipt, &document);
    if (code == HF_EXIT_OK && path) code = export_to(program, document, path);
    json_decref(document);
    return code;
}

/* ---- verify-receipt ---- */

static int open_ca(hf_program *program, const hf_cli_args *args, hf_keys **keys)
{
    const char *path = hf_cli_value(args, "ca");
    if (!path) {
        int code = hf_program_find(program, args);
        if (code != HF_EXIT_OK) return code;
        path = program->home.ca;
    }
    hf_status status = hf_keys_open_ca(path, keys);
    if (status == HF_OK) return HF_EXIT_OK;
    fprintf(stderr,
            "%s verify-receipt: there is no authority's certificate in %s. Give one: --ca FILE.\n",
            program->cli->name, path);
    return status == HF_ERR_NOT_FOUND ? HF_EXIT_NO_INPUT : hf_cli_exit(status);
}

static int show_checked(hf_program *program, const hf_cli_args *args, const char *reply)
{
    json_error_t error;
    json_t *document = json_loads(reply, 0, &error);
    hf_show show = {stdout, program->cli->name, hf_clock_wall_ms()};
    bool genuine = json_is_true(json_object_get(document, "genuine"));
    if (hf_cli_has(args, "json"))
        puts(reply);
    else
        hf_show_proof(&show, document);
    json_decref(document);
    return genuine ? HF_EXIT_OK : HF_EXIT_CHECK;
}

int hf_program_check_receipt(hf_program *program, const hf_cli_args *args, hf_receipt_checker check)
{
    hf_keys *keys = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    char *reply = NULL;
    const char *path = args->operands[0];
    int code = open_ca(program, args, &keys);
    if (code != HF_EXIT_OK) return code;
    hf_status status = hf_file_read(path, RECEIPT_SIZE_MAX, &bytes, &size);
    if (status == HF_OK)
        status = check(hf_keys_crypto(keys), (hf_bytes){bytes, size}, &reply);
    else if (status == HF_ERR_LIMIT)
        fprintf(stderr, "%s verify-receipt: %s is larger than any receipt: it proves nothing.\n",
                program->cli->name, path);
    else
        fprintf(stderr, "%s verify-receipt: cannot read %s (%s).\n", program->cli->name, path,
                hf_status_name(status));
    code = reply ? show_checked(program, args, reply) : hf_cli_exit(status);
    free(reply);
    free(bytes);
    hf_keys_close(keys);
    return code;
}
