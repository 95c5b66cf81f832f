/* cli.c: what the hub program opens, and what it says when it cannot. */
#include "program.h"

#include "platform/clock.h"

#include <stdlib.h>
#include <string.h>

enum { PORTS_FILE_MAX = 256 };

/* ---- what the CA does for the hub ---- */

static hf_status authority_read(void *context, hf_bytes csr, uint8_t public_key[HF_PUBLIC_KEY_MAX],
                                size_t *size)
{
    (void)context;
    return hf_request_read(csr, public_key, size);
}

static hf_status authority_issue(void *context, const hf_certificate_wish *wish, uint8_t *out,
                                 size_t *size)
{
    const hub_node *node = context;
    char hosts[HF_STATION_ADDRESSES_MAX][HF_STATION_ADDRESS_SIZE];
    const char *names[HF_STATION_ADDRESSES_MAX];
    uint16_t port;
    hf_issue issue = {.public_key = wish->public_key,
                      .name = wish->name,
                      .days = node->config.device_days,
                      .wall_ms = wish->wall_ms,
                      .is_station = wish->address_count > 0,
                      .names = names,
                      .name_count = wish->address_count};
    if (*size < HF_CERTIFICATE_DER_MAX) return HF_ERR_LIMIT;
    for (size_t i = 0; i < wish->address_count; i++) {
        names[i] = hosts[i];
        hf_status status = hf_address_split(wish->addresses[i], hosts[i], sizeof hosts[i], &port);
        if (status != HF_OK) return status;
    }
    return hf_ca_issue(node->ca, &issue, out, size);
}

int hf_hub_open_ca(hf_program *program)
{
    hub_node *node = program->node;
    hf_status status = hf_ca_open(program->home.ca_key, program->home.ca, &node->ca);
    if (status == HF_OK) return HF_EXIT_OK;
    fprintf(stderr,
            "%s: the certificate authority in %s cannot be used (%s). Devices that are "
            "enrolled are not touched by this; put ca-key.pem and ca.pem back from where "
            "they were kept.\n",
            HUB_PROGRAM, program->home.data, hf_status_name(status));
    return hf_cli_exit(status);
}

/* ---- addresses ---- */

static void write_address(char out[HF_ADDRESS_SIZE], const char *host, uint16_t port)
{
    out[0] = 0;
    if (port) hf_address_join(host, port, out);
}

void hf_hub_set_ports(hub_node *node, uint16_t sync_port, uint16_t enrol_port)
{
    write_address(node->sync_address, node->config.address.host, sync_port);
    write_address(node->enrol_address, node->config.address.host, enrol_port);
}

void hf_hub_ports(const hf_program *program, uint16_t *sync_port, uint16_t *enrol_port)
{
    const hub_node *node = program->node;
    uint8_t *text = NULL;
    size_t size = 0;
    unsigned first = 0, second = 0;
    *sync_port = node->config.listen.port;
    *enrol_port = node->config.enrol_listen.port;
    if (*sync_port && *enrol_port) return;
    if (hf_file_read(program->home.ports, PORTS_FILE_MAX, &text, &size) != HF_OK) return;
    if (sscanf((const char *)text, "listen %u enrol %u", &first, &second) == 2) {
        if (!*sync_port) *sync_port = (uint16_t)first;
        if (!*enrol_port) *enrol_port = (uint16_t)second;
    }
    free(text);
}

bool hf_hub_is_station(const hub_node *node)
{
    return *node->config.upstream.host != 0;
}

static int prepare(hf_program *program)
{
    char error[256] = "";
    hub_node *node = program->node;
    const hf_home *home = &program->home;
    uint16_t sync_port, enrol_port;
    if (!hf_home_has(home->config)) {
        fprintf(stderr, "%s: %s is not set up. Next: %s --data %s init\n", HUB_PROGRAM, home->data,
                HUB_PROGRAM, home->data);
        return HF_EXIT_CONFIG;
    }
    if (hf_config_hub(home->config, &node->config, error, sizeof error) != HF_OK) {
        fprintf(stderr, "%s: %s\n", HUB_PROGRAM, error);
        return HF_EXIT_CONFIG;
    }
    hf_hub_ports(program, &sync_port, &enrol_port);
    hf_hub_set_ports(node, sync_port, enrol_port);
    if (hf_hub_is_station(node) && hf_home_has(home->ca_key) && !node->promotes) {
        fprintf(stderr,
                "%s: the promotion of this station was begun and is not done. Next: run the same "
                "\"%s --data %s promote\" again\n",
                HUB_PROGRAM, HUB_PROGRAM, home->data);
        return HF_EXIT_CONFIG;
    }
    if (!hf_hub_is_station(node) || hf_home_has(home->certificate)) return HF_EXIT_OK;
    fprintf(stderr,
            "%s: this station is not enrolled. Next: ask the centre's operator for a token "
            "(holdfast-hub token --station), then %s --data %s init --station --token-file FILE\n",
            HUB_PROGRAM, HUB_PROGRAM, home->data);
    return HF_EXIT_CONFIG;
}

/* ---- the store ---- */

static int read_names(hf_program *program)
{
    hub_node *node = program->node;
    const hf_crypto *crypto = hf_keys_crypto(program->home.keys);
    hf_certificate certificate;
    hf_status status = crypto->certificate(crypto->context, crypto->own_certificate, &certificate);
    if (status != HF_OK) {
        fprintf(stderr, "%s: the hub's certificate in %s is not by its own authority.\n",
                HUB_PROGRAM, program->home.data);
        return HF_EXIT_CONFIG;
    }
    (void)snprintf(node->own_name, sizeof node->own_name, "%s", certificate.name);
    if (hf_hub_is_station(node)) return HF_EXIT_OK; /* it enrols nobody */
    hf_bytes ca = hf_ca_certificate(node->ca);
    crypto->hash(crypto->context, &ca, 1, node->enroll.ca);
    memcpy(node->enroll.hub_id, crypto->own_key_id, sizeof node->enroll.hub_id);
    return HF_EXIT_OK;
}

static hf_status open_hub(hf_program *program, char *problem, size_t problem_size)
{
    hub_node *node = program->node;
    hf_store_options options = {.path = program->home.store,
                                .crypto = hf_keys_crypto(program->home.keys),
                                .is_hub = true,
                                .ending = program->ending};
    hf_hub_options hub_options = {.implementation = HUB_PROGRAM " " HF_VERSION,
                                  .peers_max = HUB_DEVICES_MAX,
                                  .authority = hf_hub_is_station(node) ? NULL : &node->authority,
                                  .station = hf_hub_is_station(node)};
    hf_status status = hf_store_open(&options, &node->store, problem, problem_size);
    if (status == HF_OK) status = hf_hub_new(node->store, &hub_options, &node->hub);
    return status;
}

static int open_store(hf_program *program)
{
    char problem[512] = "";
    hub_node *node = program->node;
    int code = hf_hub_is_station(node) ? HF_EXIT_OK : hf_hub_open_ca(program);
    if (code == HF_EXIT_OK) code = read_names(program);
    if (code != HF_EXIT_OK) return code;
    node->authority =
        (hf_authority){.context = node, .read = authority_read, .issue = authority_issue};
    hf_status status = open_hub(program, problem, sizeof problem);
    if (status != HF_OK) {
        const char *sentence = node->store ? hf_store_problem(node->store) : problem;
        fprintf(stderr, "%s: %s\n", HUB_PROGRAM, *sentence ? sentence : hf_status_name(status));
        return hf_cli_exit(status);
    }
    node->enroll.store = node->store;
    node->enroll.hub = node->hub;
    node->enroll.authority = &node->authority;
    node->enroll.enrol_address = node->enrol_address;
    node->enroll.sync_address = node->sync_address;
    if (hf_hub_is_station(node)) {
        hf_address_join(node->config.upstream.host, node->config.upstream.port, node->upstream);
        node->enroll.upstream = node->upstream;
    }
    node->api = (hf_api){
        .side = &hf_hub_side, .node = &node->enroll, .store = node->store, .name = node->own_name};
    return HF_EXIT_OK;
}

static hf_status answer(hf_program *program, const char *request, char **reply)
{
    hub_node *node = program->node;
    node->api.now_ms = hf_clock_now_ms();
    node->api.wall_ms = hf_clock_wall_ms();
    node->enroll.upstream_problem = node->uplink ? hf_uplink_problem(node->uplink) : "";
    return hf_api_answer_text(&node->api, request, reply);
}

static void close_store(hf_program *program)
{
    hub_node *node = program->node;
    hf_hub_free(node->hub);
    hf_store_close(node->store);
    hf_ca_close(node->ca);
    node->hub = NULL;
    node->store = NULL;
    node->ca = NULL;
}

const hf_program_kind hf_hub_kind = {
    .prepare = prepare, .open = open_store, .answer = answer, .close = close_store};
