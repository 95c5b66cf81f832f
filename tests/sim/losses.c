/* losses.c: what is lost for good, with its disk: a station; or the centre, and a station takes its
 * place.
 *
 * What it had not passed on, those have who were there: each of them, at the next hub that it
 * meets, brings its own entries, and those of others that it can prove. */
#include "world_private.h"

#include "sync/control.h"

#include <string.h>

enum { NOTICED_MS = 5 * SIM_MINUTE, BACK_AFTER_MS = 10 * SIM_MINUTE };

static void lose(sim_world *world, sim_node *node)
{
    if (node->up) sim_node_crash(world, node, true);
    sim_disk_wipe(node->disk);
    node->exists = false;
    node->lost_ms = world->now_ms;
    for (size_t i = 0; i < world->dot_count; i++) /* the hub may have lost it, and have none now */
        if (world->dots[i].author == node->index && !(world->dots[i].held & 1))
            world->dots[i].excused = true;
    sim_say(world, "%s is lost for good", node->name);
}

/* Somebody who was there, and what he wrote: then others have it, who read it there, or nobody. */
static void lose_one_of_its_devices(sim_world *world, const sim_node *station)
{
    for (unsigned i = 1; i < world->node_count; i++) {
        sim_node *node = &world->nodes[i];
        bool is_there = node->up && sim_at_station(world, node) &&
                        world->links[node->link].hub == station->index;
        if (!is_there || node->is_station) continue;
        lose(world, node);
        return;
    }
}

bool sim_lose_station(sim_world *world)
{
    unsigned any = 1 + (unsigned)sim_random_below(&world->random, world->station_count);
    sim_node *station = &world->nodes[world->doomed ? world->doomed : any];
    if (world->result->counts.gone || !station->registered) return true;
    if (!world->doomed) {
        world->doomed = any;
        station->cut_off = true;
        return false;
    }
    world->result->counts.gone++;
    if (sim_random_chance(&world->random, 500)) lose_one_of_its_devices(world, station);
    lose(world, station);
    return true;
}

/* ---- the centre, and who takes its place ---- */

static bool knows_all(const sim_world *world, const sim_node *station)
{
    static hf_device device;
    for (unsigned i = 1; i < world->node_count; i++) {
        const sim_node *node = &world->nodes[i];
        if (!node->registered && node->index + 1 != world->node_count) continue;
        if (hf_device_by_key(station->store, node->crypto.table.own_key_id, &device) != HF_OK)
            return false;
    }
    return true;
}

/* It holds every scope, and knows everybody who was enrolled: an operator would have to enrol
 * again whom it does not know. */
static sim_node *find_heir(sim_world *world)
{
    for (unsigned i = 1; i <= world->station_count; i++) {
        sim_node *station = &world->nodes[i];
        hf_scope_view lacking;
        size_t count = 1;
        if (!station->up || station->scope_count != SIM_SCOPES + 3) continue;
        sim_disk_look(station->disk, true);
        bool fit = hf_hub_lacks(station->hub, &lacking, &count) == HF_OK && count == 0 &&
                   !hf_hub_uploads_only(station->hub) && knows_all(world, station);
        sim_disk_look(station->disk, false);
        if (fit) return station;
    }
    return NULL;
}

void sim_lose_centre(sim_world *world)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    if (world->result->counts.gone || !find_heir(world)) return;
    sim_node_crash(world, hub, true);
    hub->exists = false;
    hub->lost_ms = world->now_ms;
    world->result->counts.gone++;
    sim_say(world, "the centre is lost for good");
}

static void swap_bits(uint64_t *bits, unsigned other)
{
    uint64_t differs = (*bits ^ *bits >> other) & 1;
    *bits ^= differs | differs << other;
}

static void swap_index(unsigned *index, unsigned other)
{
    if (*index == SIM_HUB)
        *index = other;
    else if (*index == other)
        *index = SIM_HUB;
}

static bool is_of_a_node(sim_event_kind kind)
{
    return kind == SIM_TURN || kind == SIM_START || kind == SIM_WRITE || kind == SIM_RELIEF;
}

static void move(sim_node *node, unsigned index)
{
    node->index = index;
    node->crypto.table.context = &node->crypto;
    node->crypto.table.own_certificate.data = node->crypto.certificate;
}

/* Node 0 is whoever is the centre: the two change places, wherever they are named. */
static void change_places(sim_world *world, unsigned other)
{
    sim_node former = world->nodes[SIM_HUB];
    world->nodes[SIM_HUB] = world->nodes[other];
    world->nodes[other] = former;
    move(&world->nodes[SIM_HUB], SIM_HUB);
    move(&world->nodes[other], other);
    for (size_t i = 0; i < world->dot_count; i++) {
        swap_bits(&world->dots[i].held, other);
        swap_bits(&world->dots[i].based, other);
        swap_bits(&world->dots[i].hollow, other);
        swap_index(&world->dots[i].author, other);
    }
    for (size_t i = 0; i < world->origin_count; i++) swap_index(&world->origins[i].node, other);
    for (size_t i = 0; i < SIM_LINKS_MAX; i++) {
        swap_index(&world->links[i].node, other);
        swap_index(&world->links[i].hub, other);
    }
    for (size_t i = 0; i < world->event_count; i++)
        if (is_of_a_node(world->events[i].kind)) swap_index(&world->events[i].who, other);
    for (unsigned i = 0; i < world->node_count; i++) {
        sim_node *node = &world->nodes[i];
        uint64_t heard_ms = node->heard_ms[SIM_HUB];
        node->heard_ms[SIM_HUB] = node->heard_ms[other];
        node->heard_ms[other] = heard_ms;
        for (size_t j = 0; j < node->hub_count; j++) swap_index(&node->hubs[j], other);
        for (size_t j = 0; j < node->configured_count; j++) swap_index(&node->configured[j], other);
    }
}

static void certify_as_centre(sim_node *node)
{
    uint8_t der[SIM_CERTIFICATE_SIZE];
    sim_certify((hf_bytes){node->crypto.key, SIM_KEY_SIZE}, node->name, SIM_CENTRE,
                sim_crypto_validity(&node->crypto), der);
    sim_crypto_take(&node->crypto, (hf_bytes){der, sizeof der});
}

/* Who was set up to know the former centre alone is told where the new one is. */
static void tell_of_centre(sim_world *world)
{
    for (unsigned i = 1; i < world->node_count; i++) {
        sim_node *node = &world->nodes[i];
        if (node->configured_count == 0 || node->was_centre) continue;
        bool knows = false;
        for (size_t j = 0; j < node->configured_count; j++)
            knows = knows || node->configured[j] == SIM_HUB;
        if (!knows) node->configured[node->configured_count++] = SIM_HUB;
        node->followed = UINT64_MAX;
        if (node->up) sim_follow_list(world, node);
    }
}

static void promote(sim_world *world, unsigned heir)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    sim_node_crash(world, &world->nodes[heir], false);
    sim_say(world, "%s is to be the centre", world->nodes[heir].name);
    sim_hub_excuse(world, &world->nodes[heir]);
    world->nodes[SIM_HUB].was_centre = true;
    change_places(world, heir);
    sim_image_free(hub->backup); /* a station's is no use to a centre */
    hub->backup = NULL;
    hub->is_station = false;
    hub->promotes = true;
    certify_as_centre(hub);
    sim_outage_doubt(hub);
    world->hub_lost_ms = world->now_ms;
    world->result->counts.hub_lost++;
    sim_hub_forget(world, hub);
    tell_of_centre(world);
}

/* ---- it comes back ---- */

static sim_node *former_centre(sim_world *world)
{
    for (unsigned i = 1; i <= world->station_count; i++)
        if (world->nodes[i].was_centre) return &world->nodes[i];
    return NULL;
}

/* As a device does by and by, beside its link (platform/uplink.c): it looks whether a centre that
 * the list does not name is there, and shows it the list. */
static void knock(sim_world *world, sim_node *former)
{
    sim_node *node = &world->nodes[1 + sim_random_below(&world->random, world->node_count - 1)];
    bool knows = node->up && node->edge && node->link < SIM_LINKS_MAX &&
                 world->links[node->link].hub == SIM_HUB && world->links[node->link].edge_end;
    hf_certificate facts;
    hf_bytes list;
    hf_peer *peer;
    if (!knows || former->cut_off) return;
    const sim_crypto *shown = &former->crypto;
    hf_status status =
        shown->table.certificate(&node->crypto, shown->table.own_certificate, &facts);
    if (status == HF_OK) status = hf_edge_hubs_message(node->edge, &facts, &list);
    if (!sim_node_alive(world, node) || status != HF_OK || !list.size) return;
    uint64_t now_ms = sim_node_now(world, former);
    status = hf_hub_link_up(former->hub, node->crypto.table.own_key_id,
                            sim_crypto_validity(&node->crypto), now_ms, &peer);
    if (!sim_node_alive(world, former) || status != HF_OK) return;
    status = hf_hub_recv(former->hub, peer, list, now_ms);
    if (sim_node_alive(world, former)) hf_hub_link_down(former->hub, peer, now_ms);
    if (former->up) sim_node_wake(world, former, world->now_ms);
    sim_say(world, "%s shows %s the list: %s", node->name, former->name, hf_status_name(status));
}

/* Until somebody has heard of the new one, the former would find everything as it left it: that is
 * why an operator never starts it again. */
static bool anyone_knows(const sim_world *world)
{
    for (unsigned i = 1; i < world->node_count; i++)
        if (world->nodes[i].up && world->nodes[i].edge && sim_knows_centre(world, &world->nodes[i]))
            return true;
    return false;
}

static void look_for_former(sim_world *world)
{
    sim_node *former = former_centre(world);
    if (!former || !world->swarm.comes_back) return;
    bool may = world->calm || world->now_ms - world->hub_lost_ms > BACK_AFTER_MS;
    if (!former->exists && may && anyone_knows(world)) {
        former->exists = true;
        sim_say(world, "the former centre comes back");
        sim_schedule(world, world->now_ms, SIM_START, former->index, 0);
    }
    if (former->up && !hf_hub_retired(former->hub)) knock(world, former);
}

bool sim_former_knows(const sim_world *world)
{
    for (unsigned i = 1; i <= world->station_count; i++) {
        const sim_node *node = &world->nodes[i];
        if (node->was_centre && node->exists && !(node->up && hf_hub_retired(node->hub)))
            return false;
    }
    return true;
}

/* ---- what operators do about it ---- */

/* Whoever went there goes elsewhere; who went nowhere else, to the centre. */
static void go_elsewhere(sim_world *world, sim_node *node, unsigned gone)
{
    size_t count = 0, at;
    for (size_t i = 0; i < node->hub_count; i++)
        if (node->hubs[i] != gone) node->hubs[count++] = node->hubs[i];
    if (count == node->hub_count) return;
    if (count == 0) node->hubs[count++] = SIM_HUB;
    node->hub_count = count;
    if (!node->up) return;
    sim_link *link = node->link < SIM_LINKS_MAX ? &world->links[node->link] : NULL;
    for (at = 0; at < count && !(link && node->hubs[at] == link->hub);) at++;
    hf_edge_hubs_changed(node->edge, count, at, sim_node_now(world, node));
    if (link && link->edge_end && at == count) sim_edge_closes(world, link);
}

static void give_up(sim_world *world, sim_node *station)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    hub->wall_seen_ms = sim_node_wall(world, hub);
    hf_status status =
        hf_hub_revoke(hub->hub, station->name, "Insp Hall", "it burnt down", hub->wall_seen_ms);
    if (!sim_node_alive(world, hub) || !sim_status_sane(world, hub, status, "give up")) return;
    station->revoked = true;
    sim_say(world, "%s is given up", station->name);
    sim_observe(world, hub);
    if (hub->up) sim_node_wake(world, hub, world->now_ms);
    for (unsigned i = 1; i < world->node_count && !sim_over(world); i++)
        if (!world->nodes[i].is_station) go_elsewhere(world, &world->nodes[i], station->index);
}

static bool is_noticed(const sim_world *world, const sim_node *node)
{
    return node->lost_ms && (world->calm || world->now_ms - node->lost_ms > NOTICED_MS);
}

void sim_losses_operate(sim_world *world)
{
    sim_node *heir = is_noticed(world, &world->nodes[SIM_HUB]) ? find_heir(world) : NULL;
    if (heir) promote(world, heir->index);
    look_for_former(world);
    for (unsigned i = 1; i <= world->station_count && !sim_over(world); i++) {
        const sim_node *hub = &world->nodes[SIM_HUB];
        sim_node *station = &world->nodes[i];
        if (!is_noticed(world, station) || station->revoked || station->was_centre) continue;
        if (hub->up && !hf_hub_uploads_only(hub->hub)) give_up(world, station);
    }
}
