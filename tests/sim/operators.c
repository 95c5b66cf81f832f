/* operators.c: what operators do at the simulated hub: enrol, revoke, withhold, publish. */
#include "world_private.h"

#include "sync/control.h"
#include "sync/embedded.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { PACK_VERSIONS = 3, WITHHELD_BY_OPERATOR = 604 };

static const char *const SCOPE_NAMES[SIM_SCOPES] = {"north", "south", "east", "west", "cid"};

/* As it is, but for its blocks of numbers: devices must run dry within their hours. */
static void write_type(hf_buffer *out, hf_bytes type)
{
    hf_reader reader = hf_reader_open(type);
    size_t items = hf_read_array(&reader, SIZE_MAX);
    hf_write_array(out, items);
    for (size_t i = 0; i < items && i < 6; i++) hf_write_raw(out, hf_read_item(&reader));
    if (items <= 6) return;
    assert(items == 7);
    size_t series = hf_read_array(&reader, SIZE_MAX);
    hf_write_array(out, series);
    for (size_t i = 0; i + 1 < series; i++) hf_write_raw(out, hf_read_item(&reader));
    hf_write_uint(out, SIM_BLOCK);
}

/* The police pack as it was before its last type was added, or as it is: [1, version, [type, ...],
 * ...]. */
static hf_buffer pack_of(uint32_t version)
{
    hf_reader reader = hf_reader_open((hf_bytes){hf_pack_police, hf_pack_police_size});
    hf_buffer out = {0};
    size_t items = hf_read_array(&reader, SIZE_MAX);
    hf_write_array(&out, items);
    hf_write_uint(&out, hf_read_uint(&reader));
    (void)hf_read_uint(&reader);
    hf_write_uint(&out, version);
    size_t types = hf_read_array(&reader, SIZE_MAX);
    hf_write_array(&out, version > 1 ? types : types - 1);
    for (size_t i = 0; i < types; i++) {
        hf_bytes type = hf_read_item(&reader);
        if (version > 1 || i + 1 < types) write_type(&out, type);
    }
    for (size_t i = 3; i < items; i++) hf_write_raw(&out, hf_read_item(&reader));
    assert(hf_reader_end(&reader) == HF_OK && out.status == HF_OK);
    return out;
}

void sim_publish_pack(sim_world *world, uint32_t version)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    if (!hub->up) return;
    hf_buffer pack = pack_of(version);
    hub->wall_seen_ms = sim_node_wall(world, hub);
    hf_status status =
        hf_hub_publish_pack(hub->hub, hf_buffer_bytes(&pack), sim_node_wall(world, hub));
    hf_buffer_free(&pack);
    if (!sim_node_alive(world, hub)) return;
    if (!sim_status_sane(world, hub, status, "publish")) return;
    sim_say(world, "pack %u is published", version);
    sim_observe(world, hub);
    if (hub->up) sim_node_wake(world, hub, world->now_ms);
}

/* All stations, in their order; or the wish of who takes the centre's place. */
static hf_status set_hubs(sim_world *world, sim_node *hub, bool promotes)
{
    const char *names[SIM_STATIONS_MAX];
    hf_hubs_wish wish = {.name = hub->name, .address = "centre.example:7443", .stations = names};
    for (unsigned i = 1; i <= world->station_count; i++) {
        const sim_node *station = &world->nodes[i];
        if (station->is_station && station->registered && !station->lost_ms)
            names[wish.station_count++] = station->name;
    }
    hub->wall_seen_ms = sim_node_wall(world, hub);
    return promotes ? hf_hub_promote(hub->hub, &wish, "Insp Hall", hub->wall_seen_ms)
                    : hf_hub_set_hubs(hub->hub, &wish, "Insp Hall", hub->wall_seen_ms);
}

void sim_publish_hubs(sim_world *world)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    hf_status status = set_hubs(world, hub, false);
    if (!sim_node_alive(world, hub) || !sim_status_sane(world, hub, status, "hubs")) return;
    sim_observe(world, hub);
    if (hub->up) sim_node_wake(world, hub, world->now_ms);
}

hf_status sim_promote(sim_world *world, sim_node *hub)
{
    hf_status status = set_hubs(world, hub, true);
    /* What an operator is told to do: whom the former centre revoked last, nobody else may know. */
    for (unsigned i = 1; i < world->node_count && status == HF_OK; i++)
        if (world->nodes[i].revoked)
            status = hf_hub_revoke(hub->hub, world->nodes[i].name, "Insp Hall", "lost in town",
                                   hub->wall_seen_ms);
    if (status == HF_OK) sim_say(world, "%s is the centre now", hub->name);
    return status;
}

/* The device's scopes, as the hub numbers them: what it may hold, and what it may write. */
static bool learn_scopes(sim_world *world, sim_node *edge)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    static hf_device device;
    hf_status status = hf_device_by_key(hub->store, edge->crypto.table.own_key_id, &device);
    if (!sim_node_alive(world, hub) || status != HF_OK) return false;
    assert(device.scope_count <= SIM_SCOPES);
    edge->scope_count = 0;
    edge->scopes[edge->scope_count++] = HF_SCOPE_COMMON;
    if (edge->is_station) edge->scopes[edge->scope_count++] = HF_SCOPE_CONTROL;
    for (size_t i = 0; i < device.scope_count; i++)
        edge->scopes[edge->scope_count++] = device.scopes[i];
    edge->scopes[edge->scope_count++] = device.home;
    return true;
}

/* ---- the hub's certificate authority ---- */

static hf_validity validity_from(const sim_world *world, uint64_t wall_ms)
{
    if (!world->swarm.certificate_ms) return (hf_validity){.until_ms = 2 * SIM_EPOCH_MS};
    return (hf_validity){.from_ms = wall_ms - SIM_MINUTE,
                         .until_ms = wall_ms + world->swarm.certificate_ms};
}

static hf_status authority_issue(void *context, const hf_certificate_wish *wish, uint8_t *out,
                                 size_t *size)
{
    assert(*size >= SIM_CERTIFICATE_SIZE);
    sim_rank rank = wish->address_count ? SIM_STATION : SIM_DEVICE;
    sim_certify(wish->public_key, wish->name, rank, validity_from(context, wish->wall_ms), out);
    *size = SIM_CERTIFICATE_SIZE;
    return HF_OK;
}

void sim_authority_init(sim_world *world)
{
    world->authority = (hf_authority){.context = world, .issue = authority_issue};
}

static void certify(sim_world *world, sim_node *edge, uint64_t wall_ms)
{
    uint8_t der[SIM_CERTIFICATE_SIZE];
    sim_certify((hf_bytes){edge->crypto.key, SIM_KEY_SIZE}, edge->name,
                edge->is_station ? SIM_STATION : SIM_DEVICE, validity_from(world, wall_ms), der);
    sim_crypto_take(&edge->crypto, (hf_bytes){der, sizeof der});
}

bool sim_register(sim_world *world, sim_node *edge)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    if (!hub->up) return false;
    const char *names[SIM_SCOPES];
    size_t count = 0;
    uint32_t holds = world->swarm.listed ? 1000 : 900; /* who is to take the centre's place: all */
    for (size_t i = 0; i < SIM_SCOPES; i++)
        if (world->thin || sim_random_chance(&edge->random, edge->is_station ? holds : 500))
            names[count++] = SCOPE_NAMES[i];
    if (!count) names[count++] = SCOPE_NAMES[0];
    static const char *const addresses[] = {"station.example:7443"};
    sim_random which = sim_random_from(world->options->seed, 3000 + edge->index);
    if (world->swarm.versions && !edge->is_station)
        edge->version = (int)sim_random_below(&which, 3) - 1;
    hf_bytes certificate = edge->crypto.table.own_certificate;
    hub->wall_seen_ms = sim_node_wall(world, hub);
    certify(world, edge, hub->wall_seen_ms);
    hf_status status = hf_hub_register(hub->hub, edge->crypto.table.own_key_id,
                                       &(hf_registration){.name = edge->name,
                                                          .force = "force",
                                                          .unit = "unit",
                                                          .scopes = names,
                                                          .scope_count = count,
                                                          .certificate = certificate,
                                                          .addresses = addresses,
                                                          .address_count = edge->is_station},
                                       hub->wall_seen_ms);
    if (!sim_node_alive(world, hub)) return false;
    if (!sim_status_sane(world, hub, status, "register")) return false;
    edge->registered = learn_scopes(world, edge);
    if (edge->registered) sim_choose_hubs(world, edge);
    sim_observe(world, hub);
    sim_node_wake(world, hub, world->now_ms);
    return edge->registered && !sim_over(world);
}

/* Withholds an entry of a device, or lets one count again. */
static void judge_entry(sim_world *world)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    if (!hub->feed_count) return;
    sim_dot *dot = &world->dots[hub->feed[sim_random_below(&world->random, hub->feed_count)]];
    if (sim_is_centres(world, dot) || (dot->withheld && !dot->by_operator)) return;
    uint32_t reason = dot->withheld ? 0 : WITHHELD_BY_OPERATOR;
    hub->wall_seen_ms = sim_node_wall(world, hub);
    hf_batch *batch = NULL;
    hf_status status = hf_batch_begin(hub->store, hub->wall_seen_ms, &batch);
    if (status == HF_OK)
        status = hf_batch_verdict(batch, &dot->dot, dot->scope, reason, "as an operator decided",
                                  hub->wall_seen_ms);
    if (status == HF_OK) {
        status = hf_batch_commit(batch);
    } else {
        hf_batch_rollback(batch);
    }
    if (status == HF_OK) {
        dot->withheld = dot->by_operator = reason != 0;
        if (!reason) dot->opened_at = hub->feed_count + 1;
        if (!reason) sim_tell_links(world, hub, dot);
        sim_say(world, "%s %u/%llu", reason ? "withheld" : "opened", dot->dot.lane,
                (unsigned long long)dot->dot.seq);
    }
    if (!sim_node_alive(world, hub)) return;
    (void)sim_status_sane(world, hub, status, "verdict");
    sim_observe(world, hub);
    if (hub->up) sim_node_wake(world, hub, world->now_ms);
}

static void revoke_one(sim_world *world)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    sim_node *edge = &world->nodes[1 + sim_random_below(&world->random, world->node_count - 1)];
    if (edge->revoked || edge->is_station || !edge->registered || !world->swarm.revokes) return;
    hub->wall_seen_ms = sim_node_wall(world, hub);
    hf_status status =
        hf_hub_revoke(hub->hub, edge->name, "Insp Hall", "lost in town", hub->wall_seen_ms);
    if (!sim_node_alive(world, hub)) {
        edge->revoked = edge->perhaps_revoked = true; /* nothing more is owed to it or by it */
        return;
    }
    if (!sim_status_sane(world, hub, status, "revoke")) return;
    sim_say(world, "%s is revoked", edge->name);
    edge->revoked = true;
    world->swarm.revokes = false;
    sim_observe(world, hub);
    if (hub->up) sim_node_wake(world, hub, world->now_ms);
}

static void enrol_one(sim_world *world)
{
    if (world->node_count >= world->options->edges + 3) return;
    sim_node *edge = &world->nodes[world->node_count - 1];
    if (edge->registered || edge->index == SIM_HUB) {
        char name[24];
        snprintf(name, sizeof name, "edge%u", world->node_count);
        edge = sim_node_add(world, name, SIM_DEVICE);
    }
    if (!sim_register(world, edge)) return; /* again, another time */
    sim_schedule(world, world->now_ms, SIM_START, edge->index, 0);
    sim_schedule(world, world->now_ms + SIM_MINUTE, SIM_WRITE, edge->index, 0);
}

static void publish_next(sim_world *world)
{
    const hf_pack *pack = hf_store_pack(world->nodes[SIM_HUB].store);
    if (hf_pack_version(pack) < PACK_VERSIONS) sim_publish_pack(world, hf_pack_version(pack) + 1);
}

void sim_on_operate(sim_world *world)
{
    uint64_t wait =
        world->calm ? SIM_SECOND : sim_random_wait(&world->random, world->swarm.operate_ms);
    if (!world->calm || world->hub_lost_ms || world->result->counts.gone)
        sim_schedule(world, world->now_ms + wait, SIM_OPERATE, 0, 0);
    sim_hub_operate(world);
    sim_losses_operate(world);
    if (world->calm || sim_over(world) || !world->nodes[SIM_HUB].up) return;
    if (hf_hub_uploads_only(world->nodes[SIM_HUB].hub)) return;
    uint64_t what = sim_random_below(&world->random, 12);
    if (what < 8)
        judge_entry(world);
    else if (what < 9)
        revoke_one(world);
    else if (what < 10)
        enrol_one(world);
    else
        publish_next(world);
}
