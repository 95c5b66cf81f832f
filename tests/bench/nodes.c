/* nodes.c: see nodes.h. */
#include "nodes.h"

#include "folder.h"
#include "platform/clock.h"
#include "platform/files.h"
#include "sync/embedded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GREETING_SECONDS_MAX = 120 };

static bool is_ok(hf_status status, const char *what)
{
    if (status != HF_OK) fprintf(stderr, "bench: %s: %s\n", what, hf_status_name(status));
    return status == HF_OK;
}

/* ---- files ---- */

static void nodes_path(const nodes *n, const char *name, char out[96])
{
    snprintf(out, 96, "%s/%s", n->folder, name);
}

static void nodes_remove_database(const char *path)
{
    static const char *const suffixes[] = {"",       "-wal",   "-shm",     "-journal",
                                           ".guard", ".fence", ".applying"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name); /* most are not there */
    }
}

static bool make_folder(nodes *n)
{
    const char *parent = getenv("TMPDIR");
    int size = snprintf(n->folder, sizeof n->folder, "%s/holdfast-bench-XXXXXX",
                        parent && *parent ? parent : "/var/tmp");
    if (size > 0 && (size_t)size < sizeof n->folder && mkdtemp(n->folder)) return true;
    perror("bench: the temporary folder");
    n->folder[0] = 0;
    return false;
}

/* ---- keys ---- */

static bool issue(nodes *n, node *one, hf_ca *ca)
{
    uint8_t der[HF_CERTIFICATE_DER_MAX];
    char pem[HF_PEM_MAX];
    size_t der_size = sizeof der, pem_size = sizeof pem;
    static const char *const names[] = {"localhost"};
    bool is_hub = one == &n->hub_node;
    hf_issue wish = {.public_key = hf_keys_public(one->keys),
                     .name = one->name,
                     .days = 2,
                     .wall_ms = hf_clock_wall_ms(),
                     .is_hub = is_hub,
                     .names = is_hub ? names : NULL,
                     .name_count = is_hub ? 1 : 0};
    hf_status status = hf_ca_issue(ca, &wish, der, &der_size);
    if (status == HF_OK)
        status = hf_pem_encode("CERTIFICATE", (hf_bytes){der, der_size}, pem, &pem_size);
    if (status == HF_OK)
        status = hf_file_create(one->certificate, (hf_bytes){(uint8_t *)pem, pem_size}, 0644);
    return is_ok(status, "the certificate");
}

static bool make_node(nodes *n, node *one, const char *name, hf_ca *ca)
{
    char file[32];
    snprintf(one->name, sizeof one->name, "%s", name);
    snprintf(file, sizeof file, "%s.key", name);
    nodes_path(n, file, one->key);
    snprintf(file, sizeof file, "%s.crt", name);
    nodes_path(n, file, one->certificate);
    snprintf(file, sizeof file, "%s.db", name);
    nodes_path(n, file, one->database);
    hf_key_paths bare = {.key = one->key};
    hf_key_paths paths = {one->key, one->certificate, n->ca_certificate};
    if (!is_ok(hf_keys_create(one->key), "the key")) return false;
    if (!is_ok(hf_keys_open(&bare, &one->keys), "the key")) return false;
    if (!issue(n, one, ca)) return false;
    hf_keys_close(one->keys); /* opened again, now with its certificate */
    one->keys = NULL;
    return is_ok(hf_keys_open(&paths, &one->keys), "the key and its certificate");
}

bool nodes_make_keys(nodes *n)
{
    hf_ca *ca = NULL;
    memset(n, 0, sizeof *n);
    if (!make_folder(n)) return false;
    nodes_path(n, "ca.key", n->ca_key);
    nodes_path(n, "ca.crt", n->ca_certificate);
    hf_status status = hf_ca_create(n->ca_key, n->ca_certificate, "Bench CA", hf_clock_wall_ms());
    if (status == HF_OK) status = hf_ca_open(n->ca_key, n->ca_certificate, &ca);
    bool made = is_ok(status, "the CA") && make_node(n, &n->hub_node, "hub", ca) &&
                make_node(n, &n->edge_node, "edge", ca);
    hf_ca_close(ca);
    return made;
}

void nodes_free(nodes *n)
{
    nodes_close(n);
    node *both[] = {&n->hub_node, &n->edge_node};
    for (size_t i = 0; i < 2; i++) {
        if (both[i]->keys) hf_keys_close(both[i]->keys);
        (void)unlink(both[i]->key);
        (void)unlink(both[i]->certificate);
    }
    (void)unlink(n->ca_key);
    (void)unlink(n->ca_certificate);
    if (n->folder[0] && rmdir(n->folder) != 0) perror("bench: the temporary folder");
}

/* ---- stores ---- */

static bool open_store(node *one, bool is_hub)
{
    char problem[512] = "";
    hf_store_options options = {
        .path = one->database, .crypto = hf_keys_crypto(one->keys), .is_hub = is_hub};
    nodes_remove_database(one->database);
    hf_status status = hf_store_open(&options, &one->store, problem, sizeof problem);
    if (status != HF_OK) fprintf(stderr, "bench: %s\n", problem);
    return status == HF_OK;
}

static bool open_hub(nodes *n)
{
    const char *scopes[] = {BENCH_SCOPE};
    const hf_crypto *edge = hf_keys_crypto(n->edge_node.keys);
    hf_hub_options options = {.implementation = "bench hub", .peers_max = 4};
    hf_bytes pack = {hf_pack_police, hf_pack_police_size};
    hf_status status = hf_hub_new(n->hub_node.store, &options, &n->hub);
    if (status == HF_OK) status = hf_hub_publish_pack(n->hub, pack, hf_clock_wall_ms());
    if (status == HF_OK)
        status = hf_hub_register(n->hub, edge->own_key_id,
                                 &(hf_registration){.name = "edge",
                                                    .force = "Avon",
                                                    .unit = "Central",
                                                    .scopes = scopes,
                                                    .scope_count = 1,
                                                    .certificate = edge->own_certificate},
                                 hf_clock_wall_ms());
    return is_ok(status, "the hub");
}

/* ---- the link ---- */

static hf_status pump_up(nodes *n, uint64_t now_ms)
{
    hf_bytes message;
    hf_status status;
    while ((status = hf_edge_send(n->edge, now_ms, &message)) == HF_OK && message.size > 0) {
        status = hf_hub_recv(n->hub, n->peer, message, now_ms);
        if (status != HF_OK) break;
    }
    return status;
}

static hf_status pump_down(nodes *n, hf_peer *peer, uint64_t now_ms)
{
    hf_bytes message;
    hf_status status;
    while ((status = hf_hub_send(n->hub, peer, now_ms, &message)) == HF_OK && message.size > 0) {
        status = hf_edge_recv(n->edge, message, now_ms);
        if (status != HF_OK) break;
    }
    return status;
}

/* One pass of both programs' loops: what came, then the commit, then what is to be said. */
static hf_status turn(nodes *n)
{
    uint64_t now_ms = hf_clock_now_ms(), wall_ms = hf_clock_wall_ms();
    hf_status status = hf_edge_turn(n->edge, now_ms, wall_ms);
    if (status == HF_OK) status = pump_up(n, now_ms);
    if (status == HF_OK) status = hf_hub_turn(n->hub, now_ms, wall_ms);
    for (hf_peer *peer; status == HF_OK && (peer = hf_hub_next_ready(n->hub)) != NULL;)
        status = pump_down(n, peer, now_ms);
    if (status == HF_OK && hf_edge_wants_close(n->edge)) status = HF_ERR_PROTOCOL;
    return status;
}

static void unlink_nodes(nodes *n)
{
    uint64_t now_ms = hf_clock_now_ms();
    if (!n->peer) return;
    hf_hub_link_down(n->hub, n->peer, now_ms);
    hf_edge_link_down(n->edge, now_ms);
    n->peer = NULL;
}

static bool link_nodes(nodes *n)
{
    const hf_crypto *edge = hf_keys_crypto(n->edge_node.keys);
    uint64_t now_ms = hf_clock_now_ms();
    if (!is_ok(hf_hub_link_up(n->hub, edge->own_key_id, (hf_validity){.until_ms = UINT64_MAX},
                              now_ms, &n->peer),
               "the link"))
        return false;
    hf_edge_link_up(n->edge, NULL, now_ms);
    return true;
}

static bool has_receipt(nodes *n, uint8_t lane, uint64_t seq)
{
    hf_dot dot;
    bool has = false;
    while (hf_edge_next_receipt(n->edge, &dot, NULL)) has |= dot.lane == lane && dot.seq >= seq;
    return has;
}

bool nodes_upload(nodes *n, uint8_t lane, uint64_t seq, double seconds)
{
    double until = bench_seconds() + seconds;
    bool has = false;
    if (!link_nodes(n)) return false;
    while (!has) {
        hf_status status = turn(n);
        if (!is_ok(status, "the session")) break;
        has = has_receipt(n, lane, seq);
        if (!has && bench_seconds() > until) {
            fprintf(stderr, "bench: the upload did not end within %.0f s\n", seconds);
            break;
        }
    }
    unlink_nodes(n);
    return has;
}

/* The edge may write once its first session has told it its scopes and the pack. */
static bool greet(nodes *n)
{
    double until = bench_seconds() + GREETING_SECONDS_MAX;
    hf_edge_status now = {.link = HF_LINK_DOWN};
    if (!link_nodes(n)) return false;
    while (now.link != HF_LINK_IN_SYNC && bench_seconds() < until) {
        if (!is_ok(turn(n), "the first session")) break;
        hf_edge_status_get(n->edge, &now);
    }
    unlink_nodes(n);
    if (now.link != HF_LINK_IN_SYNC) fprintf(stderr, "bench: the edge did not get in sync\n");
    return now.link == HF_LINK_IN_SYNC;
}

bool nodes_open(nodes *n)
{
    hf_edge_options options = {.implementation = "bench edge"};
    return open_store(&n->hub_node, true) && open_hub(n) && open_store(&n->edge_node, false) &&
           is_ok(hf_edge_new(n->edge_node.store, &options, &n->edge), "the edge") && greet(n);
}

void nodes_close(nodes *n)
{
    unlink_nodes(n);
    hf_edge_free(n->edge);
    hf_hub_free(n->hub);
    n->edge = NULL;
    n->hub = NULL;
    node *both[] = {&n->hub_node, &n->edge_node};
    for (size_t i = 0; i < 2; i++) {
        hf_store_close(both[i]->store);
        both[i]->store = NULL;
        if (both[i]->database[0]) nodes_remove_database(both[i]->database);
    }
}
