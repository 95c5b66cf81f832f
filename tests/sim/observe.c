/* observe.c: watches every store from outside, entry by entry: nothing vanishes, nothing is
 * skipped.
 *
 * The world keeps one table of all entries ever seen, with who holds each. What a node's feed shows
 * after a step was committed in it; from then on it must stay there, whatever happens to the node.
 */
#include "world_private.h"

#include "model.h"
#include "sync/feed.h"
#include "sync/limits.h"
#include "sync/log.h"
#include "sync/store_core.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct dot_text {
    char text[64];
} dot_text;

static dot_text name_of(const sim_world *world, const hf_dot *dot)
{
    dot_text out;
    size_t index;
    unsigned node = sim_origin_node(world, &dot->origin, &index);
    snprintf(out.text, sizeof out.text, "%s#%zu/%u/%llu",
             node < world->node_count ? world->nodes[node].name : "?", index, dot->lane,
             (unsigned long long)dot->seq);
    return out;
}

/* ---- the table of all entries ---- */

static size_t dot_slot(const sim_world *world, const hf_dot *dot)
{
    uint64_t key;
    memcpy(&key, dot->origin.bytes, sizeof key);
    size_t mask = world->dot_table_size - 1;
    size_t at = (size_t)sim_mix(key ^ sim_mix(dot->seq * 8 + dot->lane)) & mask;
    for (; world->dot_table[at]; at = (at + 1) & mask) {
        const hf_dot *other = &world->dots[world->dot_table[at] - 1].dot;
        if (other->seq == dot->seq && other->lane == dot->lane &&
            memcmp(other->origin.bytes, dot->origin.bytes, HF_ORIGIN_SIZE) == 0)
            break;
    }
    return at;
}

sim_dot *sim_dot_find(sim_world *world, const hf_dot *dot)
{
    if (!world->dot_table_size) return NULL;
    uint32_t index = world->dot_table[dot_slot(world, dot)];
    return index ? &world->dots[index - 1] : NULL;
}

static void grow_dots(sim_world *world)
{
    if (world->dot_count < world->dot_capacity) return;
    world->dot_capacity = world->dot_capacity ? 2 * world->dot_capacity : 1024;
    world->dots = realloc(world->dots, world->dot_capacity * sizeof *world->dots);
    free(world->dot_table);
    world->dot_table_size = 4 * world->dot_capacity;
    world->dot_table = calloc(world->dot_table_size, sizeof *world->dot_table);
    assert(world->dots && world->dot_table);
    for (size_t i = 0; i < world->dot_count; i++)
        world->dot_table[dot_slot(world, &world->dots[i].dot)] = (uint32_t)i + 1;
}

void sim_observe_free(sim_world *world)
{
    for (size_t i = 0; i < world->dot_count; i++) free(world->dots[i].body);
    free(world->dots);
    free(world->dot_table);
    free(world->references);
}

unsigned sim_origin_node(const sim_world *world, const hf_origin_id *origin, size_t *index)
{
    for (size_t i = 0; i < world->origin_count; i++) {
        if (memcmp(world->origins[i].id.bytes, origin->bytes, HF_ORIGIN_SIZE) != 0) continue;
        *index = i;
        return world->origins[i].node;
    }
    *index = SIM_ORIGINS_MAX;
    return SIM_NODES_MAX;
}

static void learn_origin(sim_world *world, sim_node *node)
{
    const hf_origin_row *own = hf_store_own_origin(node->store);
    size_t index;
    if (own && node->index == SIM_HUB) world->hub_origin = own->id;
    if (!own || sim_origin_node(world, &own->id, &index) < SIM_NODES_MAX) return;
    assert(world->origin_count < SIM_ORIGINS_MAX);
    world->origins[world->origin_count++] =
        (sim_origin){.id = own->id, .node = node->index, .by_station = node->is_station};
    memset(node->acked, 0, sizeof node->acked);
    sim_forget_receipts(node);
}

bool sim_at_station(const sim_world *world, const sim_node *node)
{
    return node->link < SIM_LINKS_MAX && world->links[node->link].hub != SIM_HUB;
}

bool sim_may_hold(const sim_world *world, const sim_node *node, const sim_dot *dot)
{
    (void)world;
    if (node->index == SIM_HUB || node->was_centre) return true;
    for (size_t i = 0; i < node->scope_count; i++)
        if (node->scopes[i] == dot->scope) return true;
    return false;
}

bool sim_may_write(const sim_node *node, uint32_t scope)
{
    for (size_t i = 1; i + 1 < node->scope_count; i++) /* the first is common, the last its own */
        if (node->scopes[i] == scope) return true;
    return false;
}

/* ---- S5: along each (log, scope), no step is skipped that is not a hole ---- */

typedef struct hole_search {
    const hf_dot *dot; /* in: origin and lane */
    uint64_t seq, pseq;
    bool found;
} hole_search;

static hf_status on_hole(void *context, const hf_hole *hole)
{
    hole_search *search = context;
    if (hole->dot.seq != search->seq || hole->dot.lane != search->dot->lane ||
        memcmp(hole->dot.origin.bytes, search->dot->origin.bytes, HF_ORIGIN_SIZE) != 0)
        return HF_OK;
    search->pseq = hole->pseq;
    search->found = true;
    return HF_OK;
}

sim_tail *sim_tail_of(sim_node *node, const sim_dot *dot, uint32_t origin)
{
    for (size_t i = 0; i < node->tail_count; i++) {
        sim_tail *tail = &node->tails[i];
        if (tail->origin == origin && tail->lane == dot->dot.lane && tail->scope == dot->scope)
            return tail;
    }
    if (node->tail_count == node->tail_capacity) {
        node->tail_capacity = node->tail_capacity ? 2 * node->tail_capacity : 64;
        node->tails = realloc(node->tails, node->tail_capacity * sizeof *node->tails);
        assert(node->tails);
    }
    sim_tail *tail = &node->tails[node->tail_count++];
    *tail = (sim_tail){.origin = origin, .lane = dot->dot.lane, .scope = dot->scope};
    return tail;
}

/* A hub that was set back is brought its logs by many, in any order: read again from its beginning,
 * its feed has the later entry first, and the hole before it was filled since. */
static bool filled_since(sim_world *world, sim_node *node, hole_search *search)
{
    uint8_t chain[HF_HASH_SIZE];
    hf_dot dot = *search->dot;
    dot.seq = search->seq;
    const sim_dot *filled = sim_dot_find(world, &dot);
    const hf_origin_row *origin = hf_origin_by_id(node->store, &dot.origin);
    if (!filled || !origin) return false;
    hf_status status = hf_log_chain_at(node->store, origin->no, dot.lane, dot.seq, chain);
    search->pseq = filled->pseq;
    return status == HF_OK;
}

static void check_step(sim_world *world, sim_node *node, const sim_dot *dot, bool again)
{
    size_t origin;
    (void)sim_origin_node(world, &dot->dot.origin, &origin);
    sim_tail *tail = sim_tail_of(node, dot, (uint32_t)origin);
    sim_checked(world, SIM_S5);
    if (dot->dot.seq <= tail->seq) {
        if (again && dot->dot.seq <= tail->based) return; /* it came before the snapshot */
        /* Of a log that came back by another way, a withheld entry's body comes last, too. */
        if (!dot->opened_at && !world->hub_lost_ms)
            sim_break(world, SIM_S5, "%s takes %s after %llu of the same log and scope", node->name,
                      name_of(world, &dot->dot).text, (unsigned long long)tail->seq);
        return; /* a hole that was opened is filled late */
    }
    hole_search search = {.dot = &dot->dot, .seq = dot->pseq};
    while (search.seq > tail->seq) {
        search.found = false;
        if (hf_hole_each(node->store, on_hole, &search) != HF_OK) return;
        bool late = again && world->hub_lost_ms && node->index == SIM_HUB;
        if (!search.found && !(late && filled_since(world, node, &search))) break;
        search.seq = search.pseq;
    }
    if (search.seq != tail->seq)
        sim_break(world, SIM_S5, "%s takes %s of scope %u, which follows %llu, but holds only %llu",
                  node->name, name_of(world, &dot->dot).text, dot->scope,
                  (unsigned long long)dot->pseq, (unsigned long long)tail->seq);
    tail->seq = dot->dot.seq;
}

/* ---- one entry, seen in a node's feed ---- */

static sim_dot *add_dot(sim_world *world, const hf_entry *entry)
{
    grow_dots(world);
    size_t slot = dot_slot(world, &entry->dot);
    hf_entry_body body;
    if (hf_entry_parse(entry->body, &body) != HF_OK) {
        sim_break(world, SIM_HONEST, "an entry in a feed does not parse");
        return NULL;
    }
    size_t origin;
    sim_dot *dot = &world->dots[world->dot_count++];
    *dot = (sim_dot){.dot = entry->dot,
                     .size = entry->body.size,
                     .scope = body.scope,
                     .pseq = body.pseq,
                     .hlc = body.hlc,
                     .author = sim_origin_node(world, &entry->dot.origin, &origin),
                     .created_ms = world->now_ms};
    dot->body = malloc(entry->body.size);
    assert(dot->body);
    memcpy(dot->body, entry->body.data, entry->body.size);
    if (!model_entry_hash(&entry->dot.origin, entry->dot.lane, entry->body, dot->hash))
        sim_break(world, SIM_HONEST, "%s is not an entry by protocol.md 3",
                  name_of(world, &entry->dot).text);
    world->dot_table[slot] = (uint32_t)world->dot_count;
    return dot;
}

void sim_tell_links(sim_world *world, const sim_node *node, const sim_dot *dot)
{
    for (uint32_t i = 0; i < SIM_LINKS_MAX; i++) {
        sim_link *link = &world->links[i];
        if (!link->used || link->ghost) continue;
        const sim_node *edge = &world->nodes[link->node];
        bool up = node == edge && dot->author == node->index;
        bool down = node->index == link->hub && dot->author != edge->index &&
                    sim_may_hold(world, edge, dot);
        if (!up && !down) continue;
        link->missing += dot->size;
        link->missing_count++;
    }
}

/* S12: whatever clocks it met, a node's own stamps stay near its own time. */
static void check_stamp(sim_world *world, sim_node *node, const sim_dot *dot)
{
    sim_checked(world, SIM_S12);
    uint64_t stamp = dot->hlc >> 16;
    if (stamp > node->wall_seen_ms + HF_HLC_AHEAD_MAX_MS + 2)
        sim_break(world, SIM_S12, "%s stamps %s %lld ms ahead of its own clock", node->name,
                  name_of(world, &dot->dot).text, (long long)(stamp - node->wall_seen_ms));
}

/* What the hub takes from a device's log: allowed, or withheld; and in its turn. */
static void check_taken(sim_world *world, sim_dot *dot, const hf_entry *entry, bool again)
{
    const sim_node *author = &world->nodes[dot->author];
    dot->hub_position = entry->position;
    dot->withheld = entry->withheld != 0;
    if (sim_is_centres(world, dot)) return;
    sim_checked(world, SIM_S14);
    if (!sim_may_write(author, dot->scope) && !dot->withheld)
        sim_break(world, SIM_S14, "the hub lets %s count, in scope %u, which %s may not write",
                  name_of(world, &dot->dot).text, dot->scope, author->name);
    if (!again) sim_lanes_taken(world, dot); /* else by what link it came nobody knows any more */
}

typedef struct observation {
    sim_world *world;
    sim_node *node;
    bool again; /* the store was opened anew: what was there before must be there */
    uint64_t at;
} observation;

static void remember_place(sim_node *node, uint32_t index)
{
    if (node->feed_count == node->feed_capacity) {
        node->feed_capacity = node->feed_capacity ? 2 * node->feed_capacity : 512;
        node->feed = realloc(node->feed, node->feed_capacity * sizeof *node->feed);
        assert(node->feed);
    }
    node->feed[node->feed_count++] = index;
}

/* The one content that a dot has; or, of what a hub withholds, its header with the parts' hashes:
 * the same entry hash says that it is the author's, and no part may be left whole. */
static void check_content(sim_world *world, const sim_node *node, sim_dot *dot,
                          const hf_entry *entry)
{
    uint64_t bit = 1ull << node->index;
    sim_checked(world, SIM_S2);
    if (dot->size == entry->body.size && memcmp(dot->body, entry->body.data, dot->size) == 0) {
        dot->hollow &= ~bit;
        return;
    }
    uint8_t hash[HF_HASH_SIZE];
    hf_entry_body body;
    dot->hollow |= bit;
    if (!model_entry_hash(&entry->dot.origin, entry->dot.lane, entry->body, hash) ||
        memcmp(hash, dot->hash, HF_HASH_SIZE) != 0 || hf_entry_parse(entry->body, &body) != HF_OK ||
        body.erased_count != body.part_count)
        sim_break(world, SIM_S2, "%s holds another %s than was seen before", node->name,
                  name_of(world, &dot->dot).text);
    /* To the hub the hashes of what a station withheld may come first, by whoever was there. */
    bool at_hub = node->index == SIM_HUB && dot->acked_now;
    bool whole = at_hub || (dot->author == node->index && !node->set_back);
    if (whole)
        sim_break(world, SIM_S1, "%s has only the hashes of %s", node->name,
                  name_of(world, &dot->dot).text);
}

static void take_new(observation *seen, sim_dot *dot, const hf_entry *entry, bool fresh)
{
    sim_world *world = seen->world;
    sim_node *node = seen->node;
    uint64_t bit = 1ull << node->index;
    bool unheard = !(dot->held & bit);
    dot->held |= bit;
    dot->based &= ~bit;
    check_step(world, node, dot, seen->again);
    if (dot->author == node->index && fresh && !seen->again) check_stamp(world, node, dot);
    if (node->index == SIM_HUB && unheard) check_taken(world, dot, entry, seen->again);
    if (unheard) sim_tell_links(world, node, dot);
    if (node->hub || dot->author == node->index || !unheard) return;
    sim_checked(world, SIM_S14);
    bool from_centre = !sim_at_station(world, node); /* a station learns of it later */
    /* What the hub withheld as it came back empty may have been filled since, and counts. */
    bool is_said = from_centre && !world->hub_lost_ms;
    if (is_said && dot->withheld && !dot->by_operator && !(dot->hollow & bit))
        sim_break(world, SIM_S14, "%s was sent %s, which the hub withholds", node->name,
                  name_of(world, &dot->dot).text);
    if (!sim_may_hold(world, node, dot))
        sim_break(world, SIM_S14, "%s was sent %s of scope %u, which it may not hold", node->name,
                  name_of(world, &dot->dot).text, dot->scope);
}

/* A verdict that the hub died of may have been kept all the same: what it now says, stands. */
static void follow_verdict(const sim_node *hub, sim_dot *dot, const hf_entry *entry)
{
    bool withheld = entry->withheld != 0;
    if (withheld == dot->withheld) return;
    dot->withheld = dot->by_operator = withheld;
    if (!withheld) dot->opened_at = hub->feed_count + 1;
}

static hf_status on_entry(void *context, const hf_entry *entry)
{
    observation *seen = context;
    sim_world *world = seen->world;
    sim_node *node = seen->node;
    sim_checked(world, SIM_S13);
    if (entry->position != ++seen->at)
        sim_break(world, SIM_S13, "%s: position %llu follows %llu", node->name,
                  (unsigned long long)entry->position, (unsigned long long)seen->at - 1);
    sim_dot *dot = sim_dot_find(world, &entry->dot);
    bool fresh = !dot;
    if (dot) check_content(world, node, dot, entry);
    if (dot && node->index == SIM_HUB && dot->held & 1) follow_verdict(node, dot, entry);
    if (fresh) dot = add_dot(world, entry);
    if (fresh) sim_check_references(world, entry);
    if (sim_over(world)) return HF_ERR_INPUT; /* only to stop */
    uint32_t index = (uint32_t)(dot - world->dots);
    if (seen->again && seen->at <= node->feed_count) {
        sim_checked(world, SIM_S1);
        if (node->feed[seen->at - 1] != index)
            sim_break(world, SIM_S1, "%s: position %llu was %s before it went down, now it is %s",
                      node->name, (unsigned long long)seen->at,
                      name_of(world, &world->dots[node->feed[seen->at - 1]].dot).text,
                      name_of(world, &dot->dot).text);
        return HF_OK;
    }
    take_new(seen, dot, entry, fresh);
    remember_place(node, index);
    return sim_over(world) ? HF_ERR_INPUT : HF_OK;
}

/* Reads the feed from `after` to its end; false when the store could not, or the world is over. */
static bool read_feed(observation *seen, uint64_t after)
{
    seen->at = after;
    for (uint64_t before = after;; before = seen->at) {
        hf_status status =
            hf_feed_read(seen->node->store, before, HF_FEED_READ_MAX, on_entry, seen);
        if (sim_over(seen->world) || !sim_node_alive(seen->world, seen->node)) return false;
        if (status != HF_OK) {
            (void)sim_status_sane(seen->world, seen->node, status, "feed");
            return false;
        }
        if (seen->at - before < HF_FEED_READ_MAX) return true;
    }
}

/* ---- S1: what the device was told is at the hub, is ---- */

bool sim_is_at_hub(sim_world *world, const hf_dot *dot)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    const sim_dot *entry = sim_dot_find(world, dot);
    if (entry && entry->hollow & 1 && hub->up) sim_observe_again(world, hub); /* it may have come */
    entry = sim_dot_find(world, dot);
    return entry && entry->held & 1 && (!(entry->hollow & 1) || !hub->up);
}

static void check_acked(sim_world *world, sim_node *node, uint8_t lane, uint64_t acked)
{
    hf_dot dot = {.origin = hf_store_own_origin(node->store)->id, .lane = lane};
    for (uint64_t seq = node->acked[lane] + 1; seq <= acked; seq++) {
        dot.seq = seq;
        sim_checked(world, SIM_S1);
        if (!sim_is_at_hub(world, &dot)) {
            sim_break(world, SIM_S1, "%s was told that the hub has %s; it has not", node->name,
                      name_of(world, &dot).text);
            return;
        }
        sim_dot *told = sim_dot_find(world, &dot);
        told->acked = told->acked_now = true;
    }
    node->acked[lane] = acked;
}

static void observe_acks(sim_world *world, sim_node *node)
{
    const hf_origin_row *own = hf_store_own_origin(node->store);
    int changes = sqlite3_total_changes(node->store->db);
    sim_follow_word(world, node);
    if (!sim_is_greeted(world, node) || node->misled) {
        node->acks_looked = false;
        return;
    }
    if (node->acks_looked && node->acks_changes == changes) return; /* no row is another */
    node->acks_looked = true;
    node->acks_changes = changes;
    for (uint8_t lane = 1; lane < HF_LANE_COUNT && !sim_over(world); lane++) {
        hf_log_state state;
        hf_status status = hf_log_state_get(node->store, own->no, lane, &state);
        if (!sim_node_alive(world, node)) return;
        if (status == HF_OK && state.central > node->acked[lane])
            check_acked(world, node, lane, state.central);
    }
}

/* ---- S7: the cursor never stands past data that is not there ---- */

static void observe_cursor(sim_world *world, sim_node *node)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    if (!world->origin_count) return;
    hf_cursor cursor;
    bool found = false;
    hf_status status = hf_cursor_get(node->store, &world->hub_origin, &cursor, &found);
    if (!sim_node_alive(world, node) || status != HF_OK || !found) return;
    if (!sim_is_greeted(world, node)) node->stale_cursor = cursor.position;
    if (node->stale && cursor.position == node->stale_cursor) return;
    node->stale = false;
    if (cursor.position == node->cursor) return;
    if (cursor.position > hub->feed_count) {
        sim_break(world, SIM_S7, "%s stands at %llu of a feed of %zu", node->name,
                  (unsigned long long)cursor.position, hub->feed_count);
        return;
    }
    for (uint64_t at = node->cursor < cursor.position ? node->cursor : cursor.position;
         at < cursor.position; at++) {
        const sim_dot *dot = &world->dots[hub->feed[at]];
        sim_checked(world, SIM_S7);
        if (dot->withheld || dot->opened_at > cursor.position || dot->author == node->index ||
            !sim_may_hold(world, node, dot) || dot->held & 1ull << node->index)
            continue;
        sim_break(world, SIM_S7, "%s stands at %llu of the hub's feed and lacks %s, at %llu",
                  node->name, (unsigned long long)cursor.position, name_of(world, &dot->dot).text,
                  (unsigned long long)at + 1);
        return;
    }
    node->cursor = cursor.position;
}

/* What the hub calls durable at a device is no more than what the device has committed. */
static hf_status on_peer(void *context, const hf_peer_status *peer)
{
    sim_world *world = context;
    for (unsigned i = 1; i < world->node_count; i++) {
        const sim_node *node = &world->nodes[i];
        if (memcmp(node->crypto.table.own_key_id, peer->key_id, HF_HASH_SIZE) != 0) continue;
        if (!node->up) continue; /* it may have died as it told: judged once it is back */
        sim_checked(world, SIM_S7);
        if (peer->fed_position > node->cursor && !node->set_back && !node->stale)
            sim_break(world, SIM_S7, "the hub believes %s has its feed to %llu; it has it to %llu",
                      node->name, (unsigned long long)peer->fed_position,
                      (unsigned long long)node->cursor);
    }
    return HF_OK;
}

static void observe_epoch(sim_world *world, sim_node *node)
{
    const uint8_t *epoch = hf_store_epoch(node->store);
    sim_checked(world, SIM_S13);
    /* A hub that was set back may learn of it more than once: what it decided comes back in parts.
     */
    bool may_change = node->index == SIM_HUB ? world->hub_lost_ms > 0 : node->set_back;
    if (node->epoch_known && !may_change && memcmp(node->epoch, epoch, sizeof node->epoch) != 0)
        sim_break(world, SIM_S13, "%s has another epoch than before, though nothing was restored",
                  node->name);
    for (unsigned i = 0; i < world->node_count && !node->epoch_known; i++)
        if (world->nodes[i].epoch_known &&
            memcmp(world->nodes[i].epoch, epoch, sizeof node->epoch) == 0)
            sim_break(world, SIM_S13, "%s has the epoch of %s", node->name, world->nodes[i].name);
    memcpy(node->epoch, epoch, sizeof node->epoch);
    node->epoch_known = true;
}

static void observe(sim_world *world, sim_node *node)
{
    learn_origin(world, node);
    if (node->edge) {
        uint64_t wall, now = sim_node_now(world, node);
        uint8_t quality;
        hf_edge_clock(node->edge, now, sim_node_wall(world, node), &wall, &quality);
        if (wall > node->wall_seen_ms) node->wall_seen_ms = wall;
    }
    observation seen = {.world = world, .node = node};
    if (node->edge) sim_observe_bases(world, node);
    if (!sim_node_alive(world, node) || sim_over(world)) return;
    if (!read_feed(&seen, node->feed_count)) return;
    if (node->index == SIM_HUB) {
        hf_status status = hf_hub_peers(node->hub, on_peer, world);
        if (sim_node_alive(world, node)) (void)sim_status_sane(world, node, status, "peers");
        return;
    }
    if (node->was_centre) return;
    observe_acks(world, node);
    if (node->up && !sim_over(world)) observe_cursor(world, node);
}

/* A disk that was set back: what it had, and nobody else has, is gone, and that is not our fault.
 */
static void forget_feed(sim_world *world, sim_node *node)
{
    uint64_t bit = 1ull << node->index;
    if (node->index == SIM_HUB) {
        sim_hub_excuse(world, NULL);
        sim_hub_forget(world, node);
        return;
    }
    for (size_t i = 0; i < world->dot_count; i++) {
        sim_dot *dot = &world->dots[i];
        bool with_author = dot->author != node->index && dot->held >> dot->author & 1;
        if (dot->held & bit && !(dot->held & 1) && !with_author) dot->excused = true;
        dot->held &= ~bit;
        dot->hollow &= ~bit;
        dot->based &= ~bit;
    }
    node->feed_count = node->tail_count = 0;
    node->based = 0;
    node->cursor = 0;
    memset(node->acked, 0, sizeof node->acked);
}

static void observe_again(sim_world *world, sim_node *node)
{
    learn_origin(world, node);
    if (node->just_restored) forget_feed(world, node);
    node->just_restored = node->acks_looked = false;
    observation seen = {.world = world, .node = node, .again = true};
    size_t had = node->feed_count;
    if (node->edge) sim_observe_bases(world, node);
    if (!sim_node_alive(world, node) || sim_over(world)) return;
    if (!read_feed(&seen, 0)) return;
    sim_checked(world, SIM_S1);
    if (seen.at < had)
        sim_break(world, SIM_S1, "%s had committed %zu entries before it went down; %llu are left",
                  node->name, had, (unsigned long long)seen.at);
    observe_epoch(world, node);
    if (node->edge && !sim_over(world)) observe_acks(world, node);
    if (node->edge && node->up && !sim_over(world)) observe_cursor(world, node);
}

void sim_observe(sim_world *world, sim_node *node)
{
    if (node->cloned) learn_origin(world, node); /* and no more: clone.c */
    if (node->cloned) return;
    sim_disk_look(node->disk, true);
    observe(world, node);
    sim_disk_look(node->disk, false);
}

void sim_observe_again(sim_world *world, sim_node *node)
{
    if (node->cloned) learn_origin(world, node);
    if (node->cloned) return;
    sim_disk_look(node->disk, true);
    observe_again(world, node);
    sim_disk_look(node->disk, false);
}
