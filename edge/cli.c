/* cli.c: what the edge program opens, and what it says when it cannot. */
#include "program.h"

#include "platform/clock.h"

#include <string.h>

static int not_enrolled(const hf_home *home)
{
    if (!hf_home_has(home->key)) {
        fprintf(stderr, "%s: %s is not set up. Next: %s --data %s init\n", EDGE_PROGRAM, home->data,
                EDGE_PROGRAM, home->data);
    } else {
        fprintf(stderr,
                "%s: this device is not enrolled. Next: ask the hub's operator for a "
                "token, then %s --data %s enrol --token-file FILE\n",
                EDGE_PROGRAM, EDGE_PROGRAM, home->data);
    }
    return HF_EXIT_CONFIG;
}

static int prepare(hf_program *program)
{
    char error[256] = "";
    edge_node *node = program->node;
    const hf_home *home = &program->home;
    const hf_place *hub = &node->config.hubs[0];
    if (!hf_home_has(home->certificate)) return not_enrolled(home);
    if (hf_config_edge(home->config, &node->config, error, sizeof error) != HF_OK) {
        fprintf(stderr, "%s: %s\n", EDGE_PROGRAM, error);
        return HF_EXIT_CONFIG;
    }
    hf_address_join(hub->host, hub->port, node->hub);
    if (node->config.hub_count) return HF_EXIT_OK;
    fprintf(stderr, "%s: %s names no hub: it needs a line such as hub = \"hub.example:7443\".\n",
            EDGE_PROGRAM, home->config);
    return HF_EXIT_CONFIG;
}

static int open_store(hf_program *program)
{
    char problem[512] = "";
    edge_node *node = program->node;
    const hf_crypto *crypto = hf_keys_crypto(program->home.keys);
    hf_certificate certificate;
    hf_status status = crypto->certificate(crypto->context, crypto->own_certificate, &certificate);
    if (status != HF_OK) return not_enrolled(&program->home);
    (void)snprintf(node->device, sizeof node->device, "%s", certificate.name);
    hf_store_options options = {
        .path = program->home.store, .crypto = crypto, .ending = program->ending};
    hf_edge_options edge_options = {.implementation = EDGE_PROGRAM " " HF_VERSION};
    status = hf_store_open(&options, &node->store, problem, sizeof problem);
    if (status == HF_OK) status = hf_edge_new(node->store, &edge_options, &node->edge);
    if (status != HF_OK) {
        const char *sentence = node->store ? hf_store_problem(node->store) : problem;
        fprintf(stderr, "%s: %s\n", EDGE_PROGRAM, *sentence ? sentence : hf_status_name(status));
        return hf_cli_exit(status);
    }
    node->own = (hf_edge_api){.edge = node->edge, .hub = node->hub};
    node->api = (hf_api){
        .side = &hf_edge_side, .node = &node->own, .store = node->store, .name = node->device};
    return HF_EXIT_OK;
}

static hf_status answer(hf_program *program, const char *request, char **reply)
{
    edge_node *node = program->node;
    node->api.now_ms = hf_clock_now_ms();
    node->api.wall_ms = hf_clock_wall_ms();
    return hf_api_answer_text(&node->api, request, reply);
}

static void close_store(hf_program *program)
{
    edge_node *node = program->node;
    hf_edge_free(node->edge);
    hf_store_close(node->store);
    node->edge = NULL;
    node->store = NULL;
}

const hf_program_kind hf_edge_kind = {
    .prepare = prepare, .open = open_store, .answer = answer, .close = close_store};
