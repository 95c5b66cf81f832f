/* fleet.c: see fleet.h. Processes, links without delay, and time that goes from deadline to
 * deadline. */
#include "fleet_private.h"

#include "sync/control.h"
#include "sync/embedded.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

enum {
    BEFORE_MS = 5 * 60 * 1000,      /* all is well until then */
    SETTLE_MAX_MS = 45 * 60 * 1000, /* after the return */
    SETTLE_STEP_MS = 5 * 1000,
    ROUNDS_MAX = 200000 /* of talk at one moment: they would never end */
};
#define EPOCH_MS 1571443200000u

void fleet_wrong(fleet *f, const char *format, ...)
{
    if (f->out->wrong[0]) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(f->out->wrong, sizeof f->out->wrong, format, arguments);
    va_end(arguments);
}

uint64_t fleet_wall_ms(const fleet *f, const fleet_node *node)
{
    return (uint64_t)((int64_t)(EPOCH_MS + f->now_ms) + node->skew_ms);
}

/* A full disk is life; anything else between honest nodes is not. */
bool fleet_fine(fleet *f, const fleet_node *node, hf_status status, const char *doing)
{
    if (status == HF_OK) return true;
    if (status != HF_ERR_FULL)
        fleet_wrong(f, "%s: %s: %s (%.80s)", node->name, doing, hf_status_name(status),
                    node->store ? hf_store_problem(node->store) : "");
    return false;
}

/* ---- processes ---- */

static hf_status new_node(fleet *f, fleet_node *node)
{
    hf_hub_options hub = {.implementation = "fleet",
                          .peers_max = FLEET_NODES,
                          .authority = node->index == FLEET_CENTRE ? &f->authority : NULL,
                          .station = node->index != FLEET_CENTRE};
    hf_edge_options edge = {.implementation = "fleet"};
    if (node->index >= FLEET_FIRST) return hf_edge_new(node->store, &edge, &node->edge);
    hf_status status = hf_hub_new(node->store, &hub, &node->hub);
    if (status == HF_OK) node->edge = hf_hub_upstream(node->hub);
    return status == HF_OK ? hf_hub_begin(node->hub, f->now_ms, fleet_wall_ms(f, node)) : status;
}

void fleet_open(fleet *f, fleet_node *node)
{
    char path[40], problem[512] = "";
    snprintf(path, sizeof path, "%s.db", node->name);
    hf_store_options options = {.path = path,
                                .vfs = sim_disk_name(node->disk),
                                .ending = HF_ENDING_QUIET,
                                .crypto = &node->crypto.table,
                                .is_hub = node->index < FLEET_FIRST};
    hf_status status = hf_store_open(&options, &node->store, problem, sizeof problem);
    if (status == HF_OK) status = new_node(f, node);
    if (!fleet_fine(f, node, status, "start")) return;
    if (node->edge && !node->hub) hf_edge_hubs(node->edge, node->hub_count);
    node->dirty = true;
}

void fleet_cut(fleet *f, fleet_node *node)
{
    if (!node->peer) return;
    hf_hub_link_down(f->nodes[node->at].hub, node->peer, f->now_ms);
    node->peer = NULL;
    f->nodes[node->at].dirty = node->dirty = true;
    hf_edge_link_down(node->edge, f->now_ms);
}

void fleet_shut(fleet *f, fleet_node *node, bool power_cut)
{
    for (size_t i = 1; i < FLEET_NODES; i++)
        if (i == node->index || f->nodes[i].at == node->index) fleet_cut(f, &f->nodes[i]);
    if (!node->hub) hf_edge_free(node->edge);
    hf_hub_free(node->hub);
    hf_store_close(node->store);
    node->hub = NULL;
    node->edge = NULL;
    node->store = NULL;
    sim_disk_revive(node->disk, power_cut);
}

/* ---- links ---- */

static bool pump_up(fleet *f, fleet_node *node)
{
    bool any = false;
    while (node->peer) {
        hf_bytes message;
        hf_status status = hf_edge_send(node->edge, f->now_ms, &message);
        if (!fleet_fine(f, node, status, "send") || message.size == 0) break;
        any = true;
        status = hf_hub_recv(f->nodes[node->at].hub, node->peer, message, f->now_ms);
        if (!fleet_fine(f, node, status, "is heard")) break;
    }
    if (any) f->nodes[node->at].dirty = true;
    if (node->peer && hf_edge_wants_close(node->edge)) fleet_cut(f, node);
    return any;
}

static void pump_down(fleet *f, fleet_node *hub, hf_peer *peer)
{
    fleet_node *node = hf_peer_context(peer);
    while (node->peer) {
        hf_bytes message;
        hf_status status = hf_hub_send(hub->hub, peer, f->now_ms, &message);
        if (!fleet_fine(f, hub, status, "send") || message.size == 0) break;
        node->dirty = true;
        status = hf_edge_recv(node->edge, message, f->now_ms);
        if (!fleet_fine(f, node, status, "hear")) break;
    }
    if (node->peer && hf_hub_wants_close(hub->hub, peer)) fleet_cut(f, node);
}

static void dial(fleet *f, fleet_node *node)
{
    if (node->peer || !hf_edge_wants_link(node->edge, f->now_ms)) return;
    node->at = node->hubs[hf_edge_hub(node->edge)];
    fleet_node *hub = &f->nodes[node->at];
    hf_status status = HF_ERR_IO;
    if (hub->hub)
        status = hf_hub_link_up(hub->hub, node->crypto.table.own_key_id,
                                sim_crypto_validity(&node->crypto), f->now_ms, &node->peer);
    if (status != HF_OK) {
        node->peer = NULL;
        hf_edge_link_down(node->edge, f->now_ms);
        return;
    }
    hf_certificate facts;
    hf_peer_set_context(node->peer, node);
    status = hub->crypto.table.certificate(&hub->crypto, hub->crypto.table.own_certificate, &facts);
    if (fleet_fine(f, hub, status, "be known")) hf_edge_link_up(node->edge, &facts, f->now_ms);
}

static void look_for_better(fleet *f, fleet_node *node)
{
    size_t better;
    if (!node->peer || !hf_edge_wants_better(node->edge, f->now_ms, &better)) return;
    if (f->nodes[node->hubs[better]].hub)
        fleet_cut(f, node);
    else
        hf_edge_better_failed(node->edge, f->now_ms);
}

/* ---- time ---- */

static void turn(fleet *f, fleet_node *node)
{
    uint64_t wall_ms = fleet_wall_ms(f, node), due_ms = UINT64_MAX;
    node->dirty = false;
    if (node->edge) look_for_better(f, node);
    if (node->edge) dial(f, node);
    hf_status status = node->hub ? hf_hub_turn(node->hub, f->now_ms, wall_ms)
                                 : hf_edge_turn(node->edge, f->now_ms, wall_ms);
    bool fine = fleet_fine(f, node, status, "turn");
    for (hf_peer *peer; node->hub && (peer = hf_hub_next_ready(node->hub)) != NULL;)
        pump_down(f, node, peer);
    if (node->edge && pump_up(f, node)) node->dirty = true;
    if (!node->hub) fleet_note_receipts(f, node);
    if (node->hub) due_ms = hf_hub_deadline_ms(node->hub);
    if (node->edge && hf_edge_deadline_ms(node->edge) < due_ms)
        due_ms = hf_edge_deadline_ms(node->edge);
    node->due_ms = due_ms > f->now_ms ? due_ms : f->now_ms + 1;
    if (!fine) node->due_ms = f->now_ms + 1000;
    if (!fine) node->dirty = false;
}

static void talk(fleet *f)
{
    bool any = true;
    for (unsigned rounds = 0; any && !f->out->wrong[0]; rounds++) {
        any = false;
        for (size_t i = FLEET_NODES; i-- > 0;) { /* devices, then stations, then the centre */
            fleet_node *node = &f->nodes[i];
            if (!node->store || (!node->dirty && node->due_ms > f->now_ms)) continue;
            turn(f, node);
            any |= node->dirty;
        }
        for (size_t i = 0; i < FLEET_NODES && !any; i++)
            any = f->nodes[i].store && f->nodes[i].dirty;
        if (rounds > ROUNDS_MAX) fleet_wrong(f, "they talk without end");
    }
}

bool fleet_run_until(fleet *f, uint64_t until_ms)
{
    while (f->now_ms < until_ms && !f->out->wrong[0]) {
        uint64_t next_ms = until_ms;
        for (size_t i = 0; i < FLEET_NODES; i++) {
            const fleet_node *node = &f->nodes[i];
            if (node->store && node->due_ms < next_ms) next_ms = node->due_ms;
            if (node->write_ms && node->write_ms < next_ms) next_ms = node->write_ms;
        }
        f->now_ms = next_ms > f->now_ms ? next_ms : f->now_ms;
        for (size_t i = FLEET_FIRST; i < FLEET_NODES; i++) {
            fleet_node *node = &f->nodes[i];
            if (node->write_ms && node->write_ms <= f->now_ms) fleet_write(f, node);
        }
        talk(f);
    }
    return !f->out->wrong[0];
}

/* ---- the fleet ---- */

static hf_status issue(void *context, const hf_certificate_wish *wish, uint8_t *out, size_t *size)
{
    (void)context;
    hf_validity valid = {.until_ms = 2 * (uint64_t)EPOCH_MS};
    sim_certify(wish->public_key, wish->name, wish->address_count ? SIM_STATION : SIM_DEVICE, valid,
                out);
    *size = SIM_CERTIFICATE_SIZE;
    return HF_OK;
}

static unsigned force_of(const fleet_node *node)
{
    unsigned station =
        node->index < FLEET_FIRST ? node->index - 1 : (node->index - FLEET_FIRST) % FLEET_STATIONS;
    return station % FLEET_FORCES;
}

/* One device in five has the centre alone; the others their station, too. */
static void choose_hubs(fleet_node *node)
{
    unsigned number = node->index - FLEET_FIRST;
    node->hubs[0] = FLEET_CENTRE;
    node->hub_count = 1;
    if (node->index < FLEET_FIRST || number % 5 == 4) return;
    node->hubs[node->hub_count++] = 1 + number % FLEET_STATIONS;
}

static void enrol(fleet *f, fleet_node *node)
{
    static const char *const addresses[] = {"station.example:7443"};
    char texts[FLEET_SCOPES_MAX][16];
    const char *names[FLEET_SCOPES_MAX] = {texts[0], texts[1], texts[2]};
    bool is_station = node->index < FLEET_FIRST;
    size_t count = 0;
    snprintf(texts[count++], sizeof texts[0], "region");
    snprintf(texts[count++], sizeof texts[0], "force-%u", force_of(node));
    if (is_station) /* ... and its neighbour's, for guests */
        snprintf(texts[count++], sizeof texts[0], "force-%u", (force_of(node) + 1) % FLEET_FORCES);
    fleet_node *centre = &f->nodes[FLEET_CENTRE];
    hf_registration wish = {.name = node->name,
                            .force = texts[1],
                            .unit = is_station ? "stations" : "response",
                            .scopes = names,
                            .scope_count = count,
                            .certificate = node->crypto.table.own_certificate,
                            .addresses = addresses,
                            .address_count = is_station};
    hf_status status = hf_hub_register(centre->hub, node->crypto.table.own_key_id, &wish,
                                       fleet_wall_ms(f, centre));
    for (size_t i = 0; i < count && status == HF_OK; i++)
        status = hf_scope_by_name(centre->store, names[i], &node->scopes[i]);
    node->scope_count = count;
    if (fleet_fine(f, node, status, "enrol")) fleet_open(f, node);
}

static void populate(fleet *f)
{
    f->authority = (hf_authority){.context = f, .issue = issue};
    for (unsigned i = 0; i < FLEET_NODES && !f->out->wrong[0]; i++) {
        fleet_node *node = &f->nodes[i];
        node->index = i;
        const char *rank = i == FLEET_CENTRE ? "centre" : i < FLEET_FIRST ? "station" : "device";
        snprintf(node->name, sizeof node->name, "%s%u", rank, i);
        node->disk = sim_disk_new(node->name, sim_mix(f->seed) + i);
        assert(node->disk);
        sim_crypto_init(&node->crypto, f->seed, node->name,
                        i == FLEET_CENTRE ? SIM_CENTRE
                        : i < FLEET_FIRST ? SIM_STATION
                                          : SIM_DEVICE);
        choose_hubs(node);
        if (i > FLEET_CENTRE) {
            enrol(f, node);
            continue;
        }
        fleet_open(f, node);
        hf_bytes pack = {hf_pack_police, hf_pack_police_size};
        (void)fleet_fine(f, node, hf_hub_publish_pack(node->hub, pack, fleet_wall_ms(f, node)),
                         "publish the pack");
    }
}

static void release(fleet *f)
{
    for (size_t i = FLEET_NODES; i-- > 0;)
        if (f->nodes[i].store) fleet_shut(f, &f->nodes[i], false);
    for (size_t i = 0; i < FLEET_NODES; i++) sim_disk_free(f->nodes[i].disk);
    free(f);
}

void sim_fleet(uint64_t seed, unsigned per_hour, bool verbose, sim_fleet_result *out)
{
    *out = (sim_fleet_result){.entries = 0};
    fleet *f = calloc(1, sizeof *f);
    assert(f);
    f->seed = seed;
    f->out = out;
    f->verbose = verbose;
    f->random = sim_random_from(seed, 0);
    f->write_every_ms = FLEET_HOUR_MS / per_hour;
    f->now_ms = 1;
    sim_disk *first = sim_disk_new("first", seed); /* SQLite draws its random numbers from it */
    sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
    sqlite3_vfs_register(sqlite3_vfs_find(sim_disk_name(first)), 1);
    sqlite3_randomness(0, NULL);
    populate(f);
    if (fleet_run_until(f, BEFORE_MS)) fleet_make_disputed(f);
    if (fleet_run_until(f, 2 * BEFORE_MS)) fleet_day(f);
    uint64_t deadline_ms = f->now_ms + SETTLE_MAX_MS;
    while (fleet_run_until(f, f->now_ms + SETTLE_STEP_MS) && f->now_ms < deadline_ms &&
           !fleet_is_settled(f))
        continue;
    if (!out->wrong[0]) fleet_judge(f);
    out->virtual_ms = f->now_ms;
    release(f);
    sqlite3_vfs_register(usual, 1);
    sim_disk_free(first);
}
