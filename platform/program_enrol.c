/* program_enrol.c: a token becomes a certificate: for a device, and for a station.
 *
 * Why the CA is fetched before it is trusted: the token carries its SHA-256, so who enrols knows
 * the hub before the hub knows him, and the secret is sent to no one else. It is compiled into each
 * program and not into the platform: it speaks the engine's messages over the platform's link. */
#include "program_enrol.h"

#include "enrol.h"

#include "sync/enrolment.h"

#include <stdlib.h>
#include <string.h>

typedef struct enrolment {
    hf_program *program;
    const hf_enrol_kind *kind;
    hf_home *home;
    hf_token token;
    hf_enrol_peer peer;
    char host[HF_ADDRESS_SIZE], error[256];
    uint8_t ca[HF_CERTIFICATE_DER_MAX];
    size_t ca_size;
    uint8_t reply[HF_ENROL_REPLY_MAX];
    size_t reply_size;
} enrolment;

static int token_bytes(const enrolment *e, const char *path, char *out, size_t room, size_t *size)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: there is no token file %s.\n", e->program->cli->name, path);
        return HF_EXIT_NO_INPUT;
    }
    *size = fread(out, 1, room, file);
    bool failed = ferror(file) != 0;
    if (file != stdin) fclose(file);
    if (failed) fprintf(stderr, "%s: cannot read the token.\n", e->program->cli->name);
    return failed ? HF_EXIT_IO : HF_EXIT_OK;
}

static int token_take(enrolment *e, const hf_cli_args *args)
{
    char text[HF_TOKEN_TEXT_MAX + 1], why[256] = "";
    size_t size = 0;
    const char *path = hf_cli_value(args, "token-file");
    if (!path) {
        fprintf(stderr,
                "%s: give the token: --token-file FILE, or --token-file - for "
                "standard input.\n",
                e->program->cli->name);
        return HF_EXIT_USAGE;
    }
    int code = token_bytes(e, path, text, sizeof text, &size);
    if (code != HF_EXIT_OK) return code;
    hf_status status =
        hf_token_read((hf_bytes){(const uint8_t *)text, size}, &e->token, why, sizeof why);
    explicit_bzero(text, sizeof text);
    if (status == HF_OK)
        status = hf_address_split(e->token.address, e->host, sizeof e->host, &e->peer.port);
    if (status != HF_OK) {
        fprintf(stderr, "%s: %s\n", e->program->cli->name, why);
        return HF_EXIT_DATA;
    }
    if (e->token.is_station == e->kind->is_station) return HF_EXIT_OK;
    fprintf(stderr,
            e->token.is_station
                ? "%s: this token makes a station: use it with \"holdfast-hub init --station\". "
                  "It was not spent.\n"
                : "%s: this token is a device's: a station needs one of \"holdfast-hub token "
                  "--station\". It was not spent.\n",
            e->program->cli->name);
    return HF_EXIT_DATA;
}

/* Why the far end could not be talked to; the token is not spent. */
static int link_trouble(const enrolment *e, hf_status status)
{
    if (status == HF_ERR_DENIED) {
        fprintf(stderr,
                "%s: the hub at %s could not prove that it is the one this token names "
                "(%s). The token was not sent.\n",
                e->program->cli->name, e->token.address, e->error);
        return HF_EXIT_DENIED;
    }
    fprintf(stderr,
            "%s: no hub answers at %s (%s). The token still works: try again when the "
            "hub can be reached.\n",
            e->program->cli->name, e->token.address, e->error);
    return HF_EXIT_UNAVAILABLE;
}

static int ca_fetch(enrolment *e)
{
    const hf_crypto *crypto = hf_keys_crypto(e->home->keys);
    uint8_t hash[HF_HASH_SIZE];
    e->peer.host = e->host;
    e->peer.error = e->error;
    e->peer.error_size = sizeof e->error;
    e->ca_size = sizeof e->ca;
    hf_status status = hf_enrol_fetch_ca(&e->peer, e->ca, &e->ca_size);
    if (status != HF_OK) return link_trouble(e, status);
    hf_bytes der = {e->ca, e->ca_size};
    crypto->hash(crypto->context, &der, 1, hash);
    if (memcmp(hash, e->token.ca, sizeof hash) == 0) return HF_EXIT_OK;
    fprintf(stderr,
            "%s: this token is of another hub: the one at %s has another certificate than "
            "the token names. The token was not sent.\n",
            e->program->cli->name, e->token.address);
    return HF_EXIT_DENIED;
}

static int ask_hub(enrolment *e)
{
    uint8_t csr[HF_CSR_DER_MAX];
    size_t csr_size = sizeof csr;
    hf_buffer body = {0};
    int http = 0;
    hf_status status = hf_keys_request(e->home->keys, csr, &csr_size);
    if (status != HF_OK) {
        fprintf(stderr, "%s: cannot make the certificate request (%s).\n", e->program->cli->name,
                hf_status_name(status));
        return hf_cli_exit(status);
    }
    hf_enrol_request request = {.csr = {csr, csr_size}};
    memcpy(request.hub, e->token.hub, sizeof request.hub);
    memcpy(request.secret, e->token.secret, sizeof request.secret);
    hf_enrol_request_write(&request, &body);
    e->reply_size = sizeof e->reply;
    status = body.status;
    if (status == HF_OK)
        status = hf_enrol_post(&e->peer, (hf_bytes){e->ca, e->ca_size}, hf_buffer_bytes(&body),
                               &http, e->reply, &e->reply_size);
    if (body.data) explicit_bzero(body.data, body.capacity);
    hf_buffer_free(&body);
    if (status != HF_OK) return link_trouble(e, status);
    if (http != 429) return HF_EXIT_OK;
    fprintf(stderr,
            "%s: the hub is busy enrolling others. The token still works: try again in a "
            "minute.\n",
            e->program->cli->name);
    return HF_EXIT_TRY_LATER;
}

static int refused(const enrolment *e, const hf_enrol_answer *answer)
{
    fprintf(stderr, "%s: ", e->program->cli->name);
    char text[512];
    size_t size = answer->text.size < sizeof text ? answer->text.size : sizeof text - 1;
    (void)snprintf(text, sizeof text, "%.*s", (int)size, (const char *)answer->text.data);
    hf_cli_text(stderr, text);
    fputc('\n', stderr);
    if (answer->code == HF_ENROL_BUSY) return HF_EXIT_TRY_LATER;
    if (answer->code == HF_ENROL_MALFORMED) return HF_EXIT_PROTOCOL;
    return answer->code == HF_ENROL_INTERNAL ? HF_EXIT_UNAVAILABLE : HF_EXIT_DENIED;
}

static hf_status write_ca(const char *path, hf_bytes der)
{
    char pem[HF_PEM_MAX];
    size_t size = sizeof pem;
    hf_status status = hf_pem_encode("CERTIFICATE", der, pem, &size);
    if (status != HF_OK) return status;
    return hf_file_write(path, (hf_bytes){(const uint8_t *)pem, size}, 0644);
}

/* The hub's address goes into a file that is read again: it must be one, and nothing else. */
static bool is_address(hf_bytes address)
{
    char text[HF_ADDRESS_SIZE], host[HF_ADDRESS_SIZE];
    uint16_t port;
    if (address.size >= sizeof text) return false;
    for (size_t i = 0; i < address.size; i++) {
        uint8_t c = address.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '$') return false;
    }
    (void)snprintf(text, sizeof text, "%.*s", (int)address.size, (const char *)address.data);
    return hf_address_split(text, host, sizeof host, &port) == HF_OK;
}

/* The certificate comes last: once it is there, the device is enrolled. */
static int keep(enrolment *e, const hf_enrol_answer *answer)
{
    hf_home *home = e->home;
    hf_status status = is_address(answer->address) ? HF_OK : HF_ERR_PROTOCOL;
    if (status == HF_OK) status = write_ca(home->ca, (hf_bytes){e->ca, e->ca_size});
    if (status == HF_OK) {
        hf_keys_close(home->keys); /* opened again with the CA, to check what it issued */
        home->keys = NULL;
        int code = hf_home_keys(home, e->program->cli->name);
        if (code != HF_EXIT_OK) return code;
    }
    if (status == HF_OK) status = e->kind->configure(e->kind->context, answer->address);
    if (status == HF_OK)
        status = hf_keys_replace(home->keys, home->certificate, answer->certificate);
    if (status == HF_OK) return HF_EXIT_OK;
    fprintf(stderr, "%s: %s (%s). The token still works on this device: enrol again.\n",
            e->program->cli->name,
            status == HF_ERR_PROTOCOL ? "the hub's answer is not valid"
                                      : "the answer could not be kept",
            hf_status_name(status));
    return hf_cli_exit(status);
}

static int enrol_at_hub(enrolment *e)
{
    hf_enrol_answer answer;
    int code = ca_fetch(e);
    if (code == HF_EXIT_OK) code = ask_hub(e);
    if (code != HF_EXIT_OK) return code;
    if (hf_enrol_answer_read((hf_bytes){e->reply, e->reply_size}, &answer) != HF_OK) {
        fprintf(stderr,
                "%s: the answer from %s makes no sense. Is it a holdfast hub's enrolment "
                "address?\n",
                e->program->cli->name, e->token.address);
        return HF_EXIT_PROTOCOL;
    }
    if (answer.code != HF_ENROL_OK) return refused(e, &answer);
    code = keep(e, &answer);
    if (code != HF_EXIT_OK) return code;
    fprintf(stderr,
            "Enrolled as %.*s, with the hub at %.*s. Delete the token file.\n"
            "Next: %s --data %s run\n",
            (int)answer.name.size, (const char *)answer.name.data, (int)answer.address.size,
            (const char *)answer.address.data, e->program->cli->name, e->home->data);
    return HF_EXIT_OK;
}

int hf_program_enrol(hf_program *program, const hf_enrol_kind *kind, const hf_cli_args *args)
{
    enrolment *e = calloc(1, sizeof *e);
    if (!e) return HF_EXIT_NO_MEMORY;
    e->program = program;
    e->kind = kind;
    e->home = &program->home;
    int code = token_take(e, args);
    if (code == HF_EXIT_OK) code = enrol_at_hub(e);
    explicit_bzero(e, sizeof *e);
    free(e);
    return code;
}
