/* network.c: the simulated links: late, cut in mid-message, half-open, doubled, stalled.
 *
 * Within one connection bytes arrive in order or not at all, as TCP and TLS see to it; so what a
 * bad network can do is lose a tail, and let either end believe otherwise for as long as it likes.
 */
#include "world_private.h"

#include "sync/messages.h"

#include "sync/control.h"
#include "sync/limits.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STALL_STEP_MS = 5 * SIM_SECOND,
    SESSION_BYTES = 8 * 1024, /* L4: greetings, vectors and certificates of one session */
    HUB_LIFE_BYTES = 512,     /* L4: a further name of the hub, its certificate and its heads */
    REFILL_BYTES = 1024, /* L4: the heads of one origin's logs, as a set-back hub gets them back */
    ENTRY_BYTES = 192,   /* L4: an entry's share of heads and frames, when it comes alone */
    MISSING_TIMES = 3,   /* L4's k */
    PING_BYTES = 7,      /* L4: per second of a link: a PROBE and its answer each 15 s */
    IN_FLIGHT_MAX = HF_CREDIT_BYTES + HF_CREDIT_BYTES / 2 + HF_FRAME_SIZE_MAX /* S15, stalled */
};

static uint32_t link_index(const sim_world *world, const sim_link *link)
{
    return (uint32_t)(link - world->links);
}

static uint32_t tag(const sim_link *link, unsigned way)
{
    return link->generation << 1 | way;
}

static sim_link *link_of(sim_world *world, uint32_t index, uint32_t what)
{
    sim_link *link = &world->links[index];
    return link->used && link->generation == what >> 1 ? link : NULL;
}

/* Bytes per millisecond, and how far away: what a phone in a village, in a town and on a desk has.
 */
typedef struct profile {
    size_t rate;
    uint32_t delay_ms;
} profile;

static const profile PROFILES[] = {{5, 500}, {15, 300}, {125, 60}, {5000, 2}};
enum { PROFILE_SLOWEST, PROFILES_SLOW = 3, PROFILE_FAST = PROFILES_SLOW };

/* What the world says of its links; else slow or not, and how far as it falls. */
static void link_shape(const sim_world *world, sim_node *edge, sim_link *link)
{
    static const size_t ROOMS[] = {2 * 1024, 64 * 1024, SIZE_MAX};
    if (world->thin) {
        const profile *shape = &PROFILES[edge->index == 1 ? PROFILE_SLOWEST : PROFILE_FAST];
        link->rate = shape->rate;
        link->delay_ms = shape->delay_ms;
        link->room = ROOMS[1 + sim_random_below(&edge->random, 2)];
        return;
    }
    bool slow = !world->calm && sim_random_chance(&edge->random, world->swarm.edges_slow);
    size_t which = slow ? (size_t)sim_random_below(&edge->random, PROFILES_SLOW) : PROFILE_FAST;
    uint32_t delay_ms = slow ? 3 * PROFILES[which].delay_ms : world->swarm.delay_ms;
    link->rate = PROFILES[which].rate;
    link->delay_ms = 1 + sim_random_below(&edge->random, delay_ms);
    link->room = ROOMS[sim_random_below(&edge->random, 3)];
}

static sim_link *link_new(sim_world *world, sim_node *edge)
{
    for (uint32_t i = 0; i < SIM_LINKS_MAX; i++) {
        sim_link *link = &world->links[i];
        if (link->used) continue;
        uint32_t generation = (link->generation + 1) & INT32_MAX;
        *link = (sim_link){.used = true,
                           .generation = generation,
                           .node = edge->index,
                           .hub = edge->hubs[hf_edge_hub(edge->edge)]};
        link_shape(world, edge, link);
        link->opened_ms = world->now_ms;
        link->missing_count = edge->unheaded; /* heads come last: sessions may end before */
        link->heads = hf_head_newest(edge->store);
        return link;
    }
    assert(!"a hub keeps no more half-open links than its timeouts allow");
    return NULL;
}

static void way_clear(sim_way *way)
{
    while (way->first) {
        sim_message *next = way->first->next;
        free(way->first);
        way->first = next;
    }
    way->last = NULL;
    way->bytes = 0;
}

void sim_links_free(sim_world *world)
{
    free(world->pieces);
    for (uint32_t i = 0; i < SIM_LINKS_MAX; i++) {
        way_clear(&world->links[i].ways[SIM_UP]);
        way_clear(&world->links[i].ways[SIM_DOWN]);
    }
}

/* L4: a session costs no more than a few times what one side lacked of the other. */
static void account(sim_world *world, const sim_link *link)
{
    uint64_t sent = link->ways[SIM_UP].sent + link->ways[SIM_DOWN].sent;
    uint64_t life_s = (world->now_ms - link->opened_ms) / 1000;
    uint64_t bound =
        MISSING_TIMES * (link->missing + link->missing_count * ENTRY_BYTES) + SESSION_BYTES +
        life_s * PING_BYTES +
        world->result->counts.hub_lost * (HUB_LIFE_BYTES + world->origin_count * REFILL_BYTES);
    /* What came back empty to a hub that was set back, and was filled by its author, is fed to all
     * once more; where such entries are large, that is most of a session. */
    if (world->hub_lost_ms && world->swarm.bulky_now) return;
    sim_checked(world, SIM_L4);
    if (sent > bound)
        sim_break(world, SIM_L4,
                  "%s: a session of %llu s sent %llu bytes up and %llu down for %llu entries of "
                  "%llu bytes",
                  world->nodes[link->node].name, (unsigned long long)life_s,
                  (unsigned long long)link->ways[SIM_UP].sent,
                  (unsigned long long)link->ways[SIM_DOWN].sent,
                  (unsigned long long)link->missing_count, (unsigned long long)link->missing);
}

/* Who was elsewhere meanwhile may be fed again some of what he had there, where a link was lost
 * between; and a station what it sent before it was cut off. That is bounded by what was missed
 * here, and not by what is lacking: tests/unit/test_roam.c looks more closely. */
static bool is_accountable(const sim_world *world, const sim_link *link)
{
    const sim_node *node = &world->nodes[link->node];
    return link->hub == SIM_HUB && node->hub_count == 1 && !node->is_station && !node->cloned;
}

void sim_link_end(sim_world *world, sim_link *link)
{
    if (!link->used || link->edge_end || link->peer) return;
    if (is_accountable(world, link)) account(world, link);
    way_clear(&link->ways[SIM_UP]);
    way_clear(&link->ways[SIM_DOWN]);
    sim_node *edge = &world->nodes[link->node];
    bool headed = edge->up && hf_head_newest(edge->store) != link->heads;
    if (!link->ghost) edge->unheaded = headed ? 0 : link->missing_count;
    if (edge->link == link_index(world, link)) edge->link = SIM_LINKS_MAX;
    link->used = false;
}

/* ---- making and losing connections ---- */

void sim_choose_hubs(sim_world *world, sim_node *node)
{
    node->hubs[0] = SIM_HUB;
    node->hub_count = 1;
    node->configured_count = 1;
    node->configured[0] = SIM_HUB;
    if (node->is_station) return;
    bool alone = sim_random_chance(&node->random, 300); /* a kiosk, say: it never goes elsewhere */
    for (unsigned i = 1; i <= world->station_count; i++) {
        const sim_node *station = &world->nodes[i];
        bool serves = station->registered && !station->lost_ms;
        for (size_t j = 1; j + 1 < node->scope_count; j++)
            serves = serves && sim_may_write(station, node->scopes[j]);
        if (serves) node->hubs[node->hub_count++] = i;
    }
    if (node->hub_count == 1) return;
    if (alone) node->hubs[0] = node->hubs[--node->hub_count];
    if (alone) node->hub_count = 1;
    if (!alone && sim_random_chance(&node->random, 300)) { /* its station first */
        node->hubs[0] = node->hubs[1];
        node->hubs[1] = SIM_HUB;
    }
    memcpy(node->configured, node->hubs, sizeof node->hubs);
    node->configured_count = node->hub_count;
}

static void add_hub(unsigned *order, size_t *count, unsigned hub)
{
    for (size_t i = 0; i < *count; i++)
        if (order[i] == hub) return;
    order[(*count)++] = hub;
}

/* As platform/uplink.c does it. */
void sim_follow_list(sim_world *world, sim_node *node)
{
    hf_hub_place places[SIM_STATIONS_MAX + 1];
    unsigned order[2 * SIM_STATIONS_MAX + 2];
    size_t room = SIM_STATIONS_MAX + 1, count = 0, at = 0;
    uint64_t changes = hf_edge_places_changes(node->edge);
    if (!world->swarm.listed || changes == node->followed) return;
    sim_disk_look(node->disk, true);
    hf_status status = hf_edge_places(node->edge, places, &room);
    sim_disk_look(node->disk, false);
    if (status != HF_OK) return; /* and again */
    node->followed = changes;
    for (size_t i = 0; i < room; i++)
        for (unsigned j = 0; j <= world->station_count; j++)
            if (!memcmp(world->nodes[j].crypto.table.own_key_id, places[i].key_id, HF_HASH_SIZE))
                add_hub(order, &count, j);
    for (size_t i = 0; i < node->configured_count; i++) add_hub(order, &count, node->configured[i]);
    assert(count > 0 && count <= SIM_STATIONS_MAX + 1);
    if (count == node->hub_count && !memcmp(order, node->hubs, count * sizeof *order)) return;
    memcpy(node->hubs, order, count * sizeof *order);
    node->hub_count = count;
    sim_link *link = node->link < SIM_LINKS_MAX ? &world->links[node->link] : NULL;
    while (at < count && !(link && order[at] == link->hub)) at++;
    hf_edge_hubs_changed(node->edge, count, at, sim_node_now(world, node));
    sim_say(world, "%s goes by another list: %s first of %zu", node->name,
            world->nodes[order[0]].name, count);
    if (link && link->edge_end && at == count) sim_edge_closes(world, link);
}

void sim_dial(sim_world *world, sim_node *edge)
{
    sim_link *link = link_new(world, edge);
    edge->link = link_index(world, link);
    sim_trace(world, 0xd1a1, edge->index);
    sim_schedule(world, world->now_ms + 3 * link->delay_ms, SIM_DIALLED, edge->link, tag(link, 0));
}

/* What this session will have to carry: L4 counts from here. */
static void count_missing(sim_world *world, sim_link *link)
{
    const sim_node *edge = &world->nodes[link->node];
    uint64_t edge_bit = 1ull << edge->index, hub_bit = 1ull << link->hub;
    bool outdated = sim_outdated(edge);
    for (size_t i = 0; i < world->dot_count; i++) {
        const sim_dot *dot = &world->dots[i];
        bool up = (dot->held & edge_bit) && !(dot->held & hub_bit);
        bool whole = (dot->held & edge_bit) && !(dot->hollow & edge_bit);
        /* A device that was set back is fed its own log again from its place in the feed, held or
         * not. */
        bool again =
            edge->set_back && dot->author == edge->index && dot->hub_position > edge->cursor;
        again |= outdated;                      /* all of it, in a snapshot */
        again |= dot->opened_at > edge->cursor; /* what counts again is fed once more */
        bool down = (dot->held & hub_bit) && (!whole || again) && sim_may_hold(world, edge, dot);
        if (!up && !down) continue;
        link->missing += dot->size;
        link->missing_count++;
    }
}

static bool is_cut_off(const sim_world *world, const sim_link *link)
{
    return world->nodes[link->node].cut_off || (link->hub == SIM_HUB && world->hub_cut_off);
}

static bool knows_revoked(sim_node *station, const sim_node *edge)
{
    static hf_device device;
    sim_disk_look(station->disk, true); /* it is we who ask */
    hf_status status = hf_device_by_key(station->store, edge->crypto.table.own_key_id, &device);
    sim_disk_look(station->disk, false);
    return status == HF_OK && device.revoked;
}

static bool hub_accepts(sim_world *world, sim_link *link)
{
    sim_node *hub = &world->nodes[link->hub], *edge = &world->nodes[link->node];
    if (!hub->up || is_cut_off(world, link)) return false;
    if (edge->is_station && hub->is_station) return false; /* it looks for the centre alone */
    if (!world->calm && sim_random_chance(&edge->random, world->swarm.refuse)) return false;
    link->valid = sim_crypto_validity(&edge->crypto);
    hf_status status = hf_hub_link_up(hub->hub, edge->crypto.table.own_key_id, link->valid,
                                      sim_node_now(world, hub), &link->peer);
    if (!sim_node_alive(world, hub)) return false;
    bool is_centre = hub->index == SIM_HUB;      /* a station knows what it was told */
    bool forgot = hf_hub_uploads_only(hub->hub); /* then it hands nothing out: meddle.c looks */
    if (is_centre && edge->revoked && !edge->perhaps_revoked && !forgot && status == HF_OK)
        sim_break(world, SIM_HONEST, "the hub lets %s in, which is revoked", edge->name);
    if (!is_centre && status == HF_OK && knows_revoked(hub, edge))
        sim_break(world, SIM_HONEST, "%s lets %s in, and knows that it is revoked", hub->name,
                  edge->name);
    if (status != HF_OK) {
        link->peer = NULL;
        if (is_centre && !edge->revoked && status != HF_ERR_IO && status != HF_ERR_LIMIT)
            sim_break(world, SIM_HONEST, "the hub refuses %s: %s", edge->name,
                      hf_status_name(status));
        return false;
    }
    hf_peer_set_context(link->peer, link);
    sim_node_wake(world, hub, world->now_ms);
    return true;
}

/* The same device a second time: a proxy's retry, a handshake whose first half was believed lost.
 */
static void add_ghost(sim_world *world, sim_node *edge)
{
    sim_link *ghost = link_new(world, edge);
    ghost->ghost = ghost->broken = true;
    if (!hub_accepts(world, ghost)) {
        sim_link_end(world, ghost);
        return;
    }
    world->result->counts.cut++;
    if (sim_random_chance(&edge->random, 500))
        sim_schedule(world, world->now_ms + sim_random_below(&edge->random, SIM_MINUTE), SIM_LOST,
                     link_index(world, ghost), tag(ghost, SIM_UP));
}

void sim_on_dialled(sim_world *world, uint32_t index, uint32_t what)
{
    sim_link *link = link_of(world, index, what);
    if (!link) return;
    sim_node *edge = &world->nodes[link->node];
    bool ghost = !world->calm && sim_random_chance(&edge->random, world->swarm.ghost);
    if (ghost && sim_random_chance(&edge->random, 500)) add_ghost(world, edge), ghost = false;
    link = link_of(world, index, what);
    if (!link || sim_over(world)) return;
    if (!hub_accepts(world, link)) {
        hf_edge_link_down(edge->edge, sim_node_now(world, edge));
        sim_link_end(world, link);
        sim_node_wake(world, edge, world->now_ms + 1);
        return;
    }
    if (ghost) add_ghost(world, edge);
    if (!link->used) return; /* the hub died of it */
    sim_say(world, "%s is connected (link %u)", edge->name, index);
    link->edge_end = true;
    count_missing(world, link);
    const sim_crypto *shown = &world->nodes[link->hub].crypto;
    hf_certificate facts;
    hf_status read = shown->table.certificate(&edge->crypto, shown->table.own_certificate, &facts);
    assert(read == HF_OK);
    hf_edge_link_up(edge->edge, &facts, sim_node_now(world, edge));
    sim_node_wake(world, edge, world->now_ms);
    if (world->swarm.cut_ms && !world->calm)
        sim_schedule(world, world->now_ms + sim_random_wait(&edge->random, world->swarm.cut_ms),
                     SIM_LOST, index, tag(link, SIM_DOWN));
}

/* Of what is under way, a first part still arrives. */
static void cut_tail(sim_node *edge, sim_way *way)
{
    size_t count = 0;
    for (const sim_message *m = way->first; m; m = m->next) count++;
    size_t keep = (size_t)sim_random_below(&edge->random, count + 1);
    sim_message **at = &way->first;
    way->last = NULL;
    for (; *at && keep; keep--) {
        way->last = *at;
        at = &(*at)->next;
    }
    while (*at) {
        sim_message *gone = *at;
        *at = gone->next;
        free(gone); /* its bytes still fill the sender's buffer: nothing will take them out */
    }
}

void sim_link_break(sim_world *world, sim_link *link, bool edge_learns, bool hub_learns)
{
    if (link->broken) return;
    link->broken = true;
    sim_node *edge = &world->nodes[link->node];
    cut_tail(edge, &link->ways[SIM_UP]);
    cut_tail(edge, &link->ways[SIM_DOWN]);
    for (unsigned way = 0; way < 2; way++) {
        if (!(way == SIM_UP ? hub_learns : edge_learns)) continue;
        uint64_t at =
            link->ways[way].last_at > world->now_ms ? link->ways[way].last_at : world->now_ms;
        sim_schedule(world, at + 1 + sim_random_below(&edge->random, 2 * link->delay_ms), SIM_LOST,
                     link_index(world, link), tag(link, way));
    }
}

/* Why the session ended, by protocol.md 5: what honest nodes must never say to each other. */
static void check_farewell(sim_world *world, const sim_node *edge)
{
    hf_edge_status status;
    hf_edge_status_get(edge->edge, &status);
    unsigned code = 0;
    sim_checked(world, SIM_HONEST);
    if (sscanf(status.last_error, "the hub said %u", &code) != 1 &&
        sscanf(status.last_error, "we told the hub %u", &code) != 1)
        return;
    sim_say(world, "%s: %s", edge->name, status.last_error);
    if (strstr(status.last_error, "nothing heard") || strstr(status.last_error, " in time")) return;
    if ((code == 300 || code == 303) && world->swarm.swallow) return; /* noticed, as it should be */
    /* The snapshot of a hub that has not got back yet what stands in an earlier one of its own. */
    if (world->hub_lost_ms && strstr(status.last_error, "the snapshot does not go with")) return;
    bool ours = (code >= 100 && code < 200) || code == 203 || code == 300 || code >= 303;
    if (ours && code < 400) sim_break(world, SIM_HONEST, "%s: %s", edge->name, status.last_error);
}

void sim_edge_closes(sim_world *world, sim_link *link)
{
    sim_node *edge = &world->nodes[link->node];
    link->edge_end = false;
    edge->link = SIM_LINKS_MAX;
    if (edge->up) hf_edge_link_down(edge->edge, sim_node_now(world, edge));
    if (edge->up) check_farewell(world, edge);
    uint64_t at = link->ways[SIM_UP].last_at;
    if (!link->broken)
        sim_schedule(world, (at > world->now_ms ? at : world->now_ms) + link->delay_ms, SIM_LOST,
                     link_index(world, link), tag(link, SIM_UP));
    way_clear(&link->ways[SIM_DOWN]);
    sim_link_end(world, link);
    if (edge->up) sim_node_wake(world, edge, world->now_ms + 1);
}

void sim_hub_closes(sim_world *world, sim_link *link)
{
    sim_node *hub = &world->nodes[link->hub];
    hf_hub_link_down(hub->hub, link->peer, sim_node_now(world, hub));
    link->peer = NULL;
    uint64_t at = link->ways[SIM_DOWN].last_at;
    if (!link->broken)
        sim_schedule(world, (at > world->now_ms ? at : world->now_ms) + link->delay_ms, SIM_LOST,
                     link_index(world, link), tag(link, SIM_DOWN));
    way_clear(&link->ways[SIM_UP]);
    sim_link_end(world, link);
    sim_node_wake(world, hub, world->now_ms + 1);
}

/* The end that `way` leads to learns that the link is gone. */
void sim_on_lost(sim_world *world, uint32_t index, uint32_t what)
{
    sim_link *link = link_of(world, index, what);
    if (!link) return;
    if (!link->broken && link->edge_end && link->peer) { /* planned: the network cuts it now */
        sim_node *edge = &world->nodes[link->node];
        world->result->counts.cut++;
        sim_say(world, "link %u of %s is cut", index, edge->name);
        sim_link_break(world, link, !sim_random_chance(&edge->random, world->swarm.half_open),
                       !sim_random_chance(&edge->random, world->swarm.half_open));
        return;
    }
    link->broken = true;
    sim_trace(world, 0x1057, what);
    if ((what & 1) == SIM_DOWN && link->edge_end) sim_edge_closes(world, link);
    if ((what & 1) == SIM_UP && link->used && link->peer) sim_hub_closes(world, link);
}

/* ---- messages ---- */

/* Puts a copy of the message on its way, unless the link is cut in the middle of it. */
static void queue_message(sim_world *world, sim_link *link, unsigned way_number, hf_bytes message)
{
    sim_way *way = &link->ways[way_number];
    sim_node *edge = &world->nodes[link->node];
    if (!world->calm && sim_random_chance(&edge->random, world->swarm.cut_per_message)) {
        /* Cut in mid-message: the sender believes it sent, the receiver never has it whole. */
        world->result->counts.cut++;
        sim_say(world, "link %u of %s is cut in mid-message", link_index(world, link), edge->name);
        sim_link_break(world, link, !sim_random_chance(&edge->random, world->swarm.half_open),
                       !sim_random_chance(&edge->random, world->swarm.half_open));
        return;
    }
    sim_message *m = malloc(sizeof *m + message.size);
    assert(m);
    *m = (sim_message){.size = message.size};
    memcpy(m->data, message.data, message.size);
    uint64_t jitter = world->thin ? 0 : sim_random_below(&edge->random, link->delay_ms / 4 + 1);
    m->at = world->now_ms + link->delay_ms + jitter; /* its first byte; then all of it */
    if (m->at < way->last_at) m->at = way->last_at;
    m->at += (message.size + HF_PACE_OVERHEAD) / link->rate;
    way->last_at = m->at;
    *(way->last ? &way->last->next : &way->first) = m;
    way->last = m;
    way->bytes += message.size;
    sim_schedule(world, m->at, SIM_DELIVER, link_index(world, link), tag(link, way_number));
}

static void enqueue(sim_world *world, sim_link *link, unsigned way_number, hf_bytes message)
{
    sim_way *way = &link->ways[way_number];
    sim_node *edge = &world->nodes[link->node];
    uint8_t hash[HF_HASH_SIZE];
    sim_hash(&message, 1, hash);
    sim_trace(world, hash[0] | (uint64_t)hash[1] << 8 | (uint64_t)hash[2] << 16, message.size);
    world->result->messages++;
    world->nodes[way_number == SIM_UP ? link->node : link->hub].idle_turns = 0;
    way->sent += message.size;
    sim_checked(world, SIM_S15);
    if (message.size > HF_FRAME_SIZE_MAX)
        sim_break(world, SIM_S15, "%s: a frame of %zu bytes", edge->name, message.size);
    /* What answers vectors has no window: the socket bounds it, which takes so much. */
    bool by_socket = way_number == SIM_DOWN && world->hub_lost_ms && link->room > IN_FLIGHT_MAX;
    if (!by_socket && way->bytes + message.size > IN_FLIGHT_MAX)
        sim_break(world, SIM_S15, "%s: %zu bytes %s and none acknowledged", edge->name,
                  way->bytes + message.size, way_number == SIM_UP ? "up" : "down");
    if (link->broken) { /* they fill the sender's buffer, and nothing will take them out */
        way->bytes += message.size;
        return;
    }
    hf_buffer altered = {0}, translated = {0};
    sim_translate(world, edge, way_number == SIM_DOWN, &message, &translated);
    if (sim_meddle(world, edge, &message, &altered))
        queue_message(world, link, way_number, message);
    hf_buffer_free(&altered);
    hf_buffer_free(&translated);
}

/* The sender's next message; size 0: none, or the sender died or failed. */
static hf_bytes next_message(sim_world *world, sim_link *link, unsigned way)
{
    sim_node *sender = &world->nodes[way == SIM_UP ? link->node : link->hub];
    hf_bytes message = {NULL, 0};
    uint64_t now = sim_node_now(world, sender);
    hf_status status = way == SIM_UP ? hf_edge_send(sender->edge, now, &message)
                                     : hf_hub_send(sender->hub, link->peer, now, &message);
    if (!sim_node_alive(world, sender)) return (hf_bytes){NULL, 0};
    if (!sim_status_sane(world, sender, status, "send")) message = (hf_bytes){NULL, 0};
    if (way == SIM_DOWN && message.size && link->hub == SIM_HUB)
        sim_check_expired(world, link, message);
    if (way == SIM_DOWN && message.size && sender->was_centre)
        sim_check_retired(world, link, message);
    return message;
}

void sim_pump(sim_world *world, sim_link *link, unsigned way)
{
    uint32_t generation = link->generation;
    while (link->used && link->generation == generation && !sim_over(world)) {
        if (way == SIM_UP ? !link->edge_end : !link->peer) return;
        if (link->ways[way].bytes >= link->room) break;
        hf_bytes message = next_message(world, link, way);
        if (!message.size) break;
        enqueue(world, link, way, message);
    }
    if (!link->used || link->generation != generation) return;
    sim_node *hub = &world->nodes[link->hub];
    if (way == SIM_DOWN && link->peer && hub->up && hf_hub_wants_close(hub->hub, link->peer))
        sim_hub_closes(world, link);
}

static void to_hub(sim_world *world, sim_link *link, hf_bytes message)
{
    sim_node *hub = &world->nodes[link->hub];
    hf_status status = hf_hub_recv(hub->hub, link->peer, message, sim_node_now(world, hub));
    if (!sim_node_alive(world, hub)) return;
    if (!sim_status_sane(world, hub, status, "recv")) {
        sim_pump(world, link, SIM_DOWN);
        if (link->used && link->peer && hub->up) sim_hub_closes(world, link);
    }
    if (hub->up) sim_node_wake(world, hub, world->now_ms + sim_random_below(&hub->random, 4));
}

static void to_edge(sim_world *world, sim_link *link, hf_bytes message)
{
    sim_node *edge = &world->nodes[link->node];
    hf_status status = hf_edge_recv(edge->edge, message, sim_node_now(world, edge));
    if (!sim_node_alive(world, edge)) return;
    if (edge->revoked && status == HF_ERR_PROTOCOL) status = HF_ERR_IO; /* it is told to go away */
    if (!sim_status_sane(world, edge, status, "recv")) {
        sim_pump(world, link, SIM_UP);
        if (link->used && link->edge_end) sim_edge_closes(world, link);
    }
    if (edge->up) sim_node_wake(world, edge, world->now_ms + sim_random_below(&edge->random, 4));
}

void sim_on_deliver(sim_world *world, uint32_t index, uint32_t what)
{
    sim_link *link = link_of(world, index, what);
    if (!link) return;
    unsigned number = what & 1;
    sim_way *way = &link->ways[number];
    sim_message *message = way->first;
    if (!message || message->at > world->now_ms) return;
    if (is_cut_off(world, link)) { /* stalled, not lost: TCP will try again */
        message->at = world->now_ms + STALL_STEP_MS;
        sim_schedule(world, message->at, SIM_DELIVER, index, what);
        return;
    }
    way->first = message->next;
    if (!way->first) way->last = NULL;
    way->bytes -= message->size;
    hf_bytes bytes = {message->data, message->size};
    /* What others carry for a station is work like what is written, once for each who takes it. */
    if (sim_is_new_piece(world, number == SIM_UP ? link->hub : link->node, bytes))
        link->missing += bytes.size;
    uint32_t generation = link->generation;
    if (way->first && way->first->at <= world->now_ms)
        sim_schedule(world, world->now_ms, SIM_DELIVER, index, what);
    if (number == SIM_UP && link->peer) to_hub(world, link, bytes);
    if (number == SIM_DOWN && link->edge_end) to_edge(world, link, bytes);
    free(message);
    if (link->used && link->generation == generation) sim_pump(world, link, number);
}
