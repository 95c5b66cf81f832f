/* invariants.c: what must hold of a whole replica: that it shows what the model works out, and
 * agrees with every other that holds the same; and, once the bad luck is over, that all of it is
 * everywhere. */
#include "world_private.h"

#include "model.h"
#include "sync/carry.h"
#include "sync/log.h"
#include "sync/safe.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the model, over the entries that one node holds ---- */

/* In any order: the sum may not depend on it, and here is where it would show. */
static void shuffle(sim_random *random, uint32_t *items, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)sim_random_below(random, i);
        uint32_t swap = items[i - 1];
        items[i - 1] = items[j];
        items[j] = swap;
    }
}

typedef struct hole_look {
    const hf_dot *dot;
    bool found;
} hole_look;

static hf_status look_at_hole(void *context, const hf_hole *hole)
{
    hole_look *look = context;
    if (hole->dot.seq == look->dot->seq && hole->dot.lane == look->dot->lane &&
        memcmp(hole->dot.origin.bytes, look->dot->origin.bytes, HF_ORIGIN_SIZE) == 0)
        look->found = true;
    return HF_OK;
}

bool sim_is_hole(const sim_node *node, const hf_dot *dot)
{
    hole_look look = {.dot = dot};
    return hf_hole_each(node->store, look_at_hole, &look) == HF_OK && look.found;
}

static model *model_of(sim_world *world, const sim_node *node)
{
    size_t count = node->feed_count;
    uint32_t *order = malloc((count + world->dot_count + 1) * sizeof *order);
    model *m = model_new(hf_store_pack(node->store));
    assert(order && m);
    memcpy(order, node->feed, node->feed_count * sizeof *order);
    for (size_t i = 0; i < world->dot_count; i++) /* by what it was told they came to */
        if (world->dots[i].based >> node->index & 1) order[count++] = (uint32_t)i;
    shuffle(&world->random, order, count);
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        const sim_dot *dot = &world->dots[order[i]];
        if (dot->hollow >> node->index & 1) continue; /* hashes say nothing about any record */
        if (node->is_station && sim_is_hole(node, &dot->dot))
            continue; /* until the centre judges */
        ok = model_add(m, &dot->dot.origin, dot->dot.lane, (hf_bytes){dot->body, dot->size});
    }
    free(order);
    if (ok && model_fold(m)) return m;
    sim_break(world, SIM_HONEST, "%s holds an entry that is not one", node->name);
    model_free(m);
    return NULL;
}

/* ---- S4: one record ---- */

typedef struct text80 {
    char text[80];
} text80;

static text80 field_name(const hf_record_id *id, uint32_t field)
{
    text80 out;
    int size = snprintf(out.text, sizeof out.text, "%u_", id->type);
    for (size_t i = 0; i < HF_RECORD_ID_SIZE; i++)
        size += snprintf(out.text + size, sizeof out.text - (size_t)size, "%02x", id->bytes[i]);
    snprintf(out.text + size, sizeof out.text - (size_t)size, " field %u", field);
    return out;
}

static bool same_bytes(hf_bytes a, hf_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static const hf_field_view *view_field(const hf_view *view, uint32_t number)
{
    for (size_t i = 0; i < hf_view_field_count(view); i++)
        if (hf_view_field(view, i)->number == number) return hf_view_field(view, i);
    return NULL;
}

static bool same_dot(const hf_dot *a, const hf_dot *b)
{
    return a->seq == b->seq && a->lane == b->lane && a->ordinal == b->ordinal &&
           memcmp(a->origin.bytes, b->origin.bytes, HF_ORIGIN_SIZE) == 0;
}

static bool value_in(const hf_field_view *view, const model_live *live)
{
    for (size_t i = 0; i < view->value_count; i++) {
        const hf_value_view *value = &view->values[i];
        if (!same_dot(&value->dot, &live->dot)) continue;
        return value->hlc == live->hlc && value->quality == live->quality &&
               same_bytes(value->value, live->value);
    }
    return false;
}

static bool appends(const sim_node *node, const hf_record_id *id, uint32_t field)
{
    return hf_pack_field(hf_store_pack(node->store), id->type, field)->rule == HF_RULE_APPEND;
}

static void compare_field(sim_world *world, const sim_node *node, const hf_record_id *id,
                          const model_field *expected, const hf_field_view *view)
{
    text80 name = field_name(id, expected->number);
    if (!view || view->value_count != expected->live_count) {
        sim_break(world, SIM_S4, "%s shows %zu live values of %s, the model %zu", node->name,
                  view ? view->value_count : 0, name.text, expected->live_count);
        return;
    }
    bool ordered = appends(node, id, expected->number);
    for (size_t i = 0; i < expected->live_count; i++) {
        if (!value_in(view, &expected->live[i])) {
            sim_break(world, SIM_S4, "%s lacks a live value of %s, or has it otherwise", node->name,
                      name.text);
            return;
        }
        if (ordered && !same_dot(&view->values[i].dot, &expected->live[i].dot)) {
            sim_break(world, SIM_S4, "%s shows %s out of order", node->name, name.text);
            return;
        }
    }
    if (view->conflict != expected->conflict)
        sim_break(world, SIM_S6, "%s %s a conflict of %s, the model %s", node->name,
                  view->conflict ? "shows" : "hides", name.text,
                  expected->conflict ? "has one" : "has none");
    if ((view->shown.data != NULL) != expected->shows ||
        (expected->shows && !same_bytes(view->shown, expected->shown)))
        sim_break(world, SIM_S4, "%s shows another value of %s than the model", node->name,
                  name.text);
}

static void compare_record(sim_world *world, const sim_node *node, const model_record *expected)
{
    hf_view *view = NULL;
    hf_status status = hf_store_get(node->store, &expected->id, &view);
    if (sim_disk_killed(node->disk) || status == HF_ERR_IO) return; /* it will be looked at again */
    if (status == HF_ERR_NOT_FOUND && expected->field_count == 0) return;
    text80 name = field_name(&expected->id, 0);
    if (status != HF_OK) {
        sim_break(world, SIM_S4, "%s does not show %s: %s", node->name, name.text,
                  hf_status_name(status));
        return;
    }
    sim_checked(world, SIM_S4);
    size_t live_fields = 0;
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        const hf_field_view *field = hf_view_field(view, i);
        if (field->number != HF_FIELD_DELETED && field->value_count > 0) live_fields++;
    }
    for (size_t i = 0; i < expected->field_count && !sim_over(world); i++) {
        const model_field *field = &expected->fields[i];
        if (field->number == HF_FIELD_DELETED) continue;
        live_fields--;
        compare_field(world, node, &expected->id, field, view_field(view, field->number));
    }
    if (live_fields != 0)
        sim_break(world, SIM_S4, "%s shows fields of %s that the model does not", node->name,
                  name.text);
    if (hf_view_deleted(view) != expected->deleted ||
        hf_view_edited_deleted(view) != expected->edited_deleted)
        sim_break(world, SIM_S4, "%s: %s is %s, by the model %s", node->name, name.text,
                  hf_view_deleted(view)          ? "deleted"
                  : hf_view_edited_deleted(view) ? "edited while deleted"
                                                 : "shown",
                  expected->deleted          ? "deleted"
                  : expected->edited_deleted ? "edited while deleted"
                                             : "shown");
    hf_view_free(view);
}

/* ---- S6: the list of conflicts ---- */

typedef struct listed {
    hf_conflict *items;
    size_t count, capacity;
} listed;

static hf_status on_conflict(void *context, const hf_conflict *conflict)
{
    listed *list = context;
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 64;
        list->items = realloc(list->items, list->capacity * sizeof *list->items);
        assert(list->items);
    }
    list->items[list->count++] = *conflict;
    return HF_OK;
}

static bool is_listed(const listed *list, const hf_record_id *id, uint32_t field)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].field == field && list->items[i].record.type == id->type &&
            memcmp(list->items[i].record.bytes, id->bytes, HF_RECORD_ID_SIZE) == 0)
            return true;
    return false;
}

static void compare_conflicts(sim_world *world, const sim_node *node, const model *m)
{
    listed list = {0};
    hf_status status = hf_store_conflicts(node->store, on_conflict, &list);
    size_t count, expected = 0;
    const model_record *records = model_records(m, &count);
    for (size_t i = 0; i < count && status == HF_OK && !sim_over(world); i++) {
        const model_record *record = &records[i];
        for (size_t j = 0; j <= record->field_count; j++) {
            bool flagged = j == record->field_count;
            if (flagged ? !record->edited_deleted : !record->fields[j].conflict) continue;
            uint32_t field = flagged ? 0 : record->fields[j].number;
            expected++;
            sim_checked(world, SIM_S6);
            if (!is_listed(&list, &record->id, field))
                sim_break(world, SIM_S6, "%s does not list the conflict of %s", node->name,
                          field_name(&record->id, field).text);
        }
    }
    if (status == HF_OK && expected != list.count)
        sim_break(world, SIM_S6, "%s lists %zu conflicts, the model %zu", node->name, list.count,
                  expected);
    free(list.items);
}

/* ---- S3: who holds the same, shows the same ---- */

/* Do the two hold the same entries of the scope? Withheld ones too: their hashes move the vector.
 * But what counts again since a verdict came back counts where it is whole. */
static bool same_entries(const sim_world *world, const sim_node *a, const sim_node *b,
                         uint32_t scope)
{
    for (size_t i = 0; i < world->dot_count; i++) {
        const sim_dot *dot = &world->dots[i];
        if (dot->scope != scope) continue;
        bool waits = (dot->hollow >> a->index & 1) != (dot->hollow >> b->index & 1);
        if (waits && !dot->withheld) return false;
        if ((dot->held >> a->index & 1) != (dot->held >> b->index & 1)) return false;
    }
    return true;
}

static void compare_digests(sim_world *world, const sim_node *a, const sim_node *b)
{
    const sim_node *edge = a->index == SIM_HUB ? b : a;
    for (size_t i = 0; i < edge->scope_count && !sim_over(world); i++) {
        uint32_t scope = edge->scopes[i];
        if (!sim_may_hold(world, b, &(sim_dot){.scope = scope}) ||
            !sim_may_hold(world, a, &(sim_dot){.scope = scope}) ||
            !same_entries(world, a, b, scope))
            continue;
        uint8_t digests[2][HF_HASH_SIZE];
        if (hf_store_digest(a->store, scope, digests[0]) != HF_OK ||
            hf_store_digest(b->store, scope, digests[1]) != HF_OK)
            continue;
        sim_checked(world, SIM_S3);
        if (memcmp(digests[0], digests[1], HF_HASH_SIZE) != 0)
            sim_break(world, SIM_S3, "%s and %s hold the same of scope %u and differ in its digest",
                      a->name, b->name, scope);
    }
}

enum { PLACES_PER_LOOK = 12 };

/* S1, of others' work as well: no screen says "at the hub" of what is not. */
static void check_places(sim_world *world, sim_node *node)
{
    uint64_t bit = 1ull << node->index;
    sim_random random = sim_random_from(world->now_ms, node->index); /* no one else's dice */
    if (world->hub_lost_ms || !node->edge || !world->dot_count) return;
    for (int i = 0; i < PLACES_PER_LOOK && !sim_over(world); i++) {
        const sim_dot *dot = &world->dots[sim_random_below(&random, world->dot_count)];
        const hf_dot name = dot->dot;
        unsigned author = dot->author;
        hf_place place;
        bool is_here = dot->held & bit && !(dot->hollow & bit) && dot->dot.lane != HF_LANE_CONTROL;
        if (!is_here) continue;
        sim_disk_look(node->disk, true);
        hf_status status = hf_safe_place(node->store, &name, &place);
        sim_disk_look(node->disk, false);
        if (status != HF_OK || place != HF_PLACE_HUB) continue;
        sim_checked(world, SIM_S1);
        if (!sim_is_at_hub(world, &name))
            sim_break(world, SIM_S1, "%s shows %s/%u/%llu at the hub, and it is not", node->name,
                      world->nodes[author].name, name.lane, (unsigned long long)name.seq);
    }
}

void sim_look(sim_world *world, sim_node *node)
{
    sim_observe_again(world, node);
    if (!node->up || sim_over(world) || node->cloned || sim_outdated(node)) return;
    model *m = model_of(world, node);
    if (!m) return;
    size_t count;
    const model_record *records = model_records(m, &count);
    for (size_t i = 0; i < count && !sim_over(world) && !sim_disk_killed(node->disk); i++)
        compare_record(world, node, &records[i]);
    if (!sim_over(world) && !sim_disk_killed(node->disk)) compare_conflicts(world, node, m);
    model_free(m);
    if (!sim_over(world) && !sim_disk_killed(node->disk)) sim_look_at_receipts(world, node);
    if (!sim_over(world) && !sim_disk_killed(node->disk)) check_places(world, node);
    /* Until the centre has judged it, an entry may count here and not there. */
    for (unsigned i = 0; i < world->node_count && !sim_over(world); i++) {
        sim_node *other = &world->nodes[i];
        if (world->station_count && !world->calm) break;
        if (other == node || !other->up || sim_disk_killed(node->disk)) continue;
        if (other->cloned || sim_outdated(other)) continue;
        compare_digests(world, node, other);
        (void)sim_node_alive(world, other);
    }
    (void)sim_node_alive(world, node);
}

void sim_look_at_snapshot(sim_world *world, sim_node *node)
{
    node->based_anew = false;
    if (!world->swarm.looks_at_snapshots || sim_over(world)) return;
    sim_checked(world, SIM_S16);
    world->judges_snapshot = true;
    sim_look(world, node);
    world->judges_snapshot = false;
}

/* ---- when the bad luck is over ---- */

static bool takes_part(const sim_node *node)
{
    return node->exists && node->registered && !node->revoked && !node->cloned;
}

typedef struct head_search {
    const hf_dot *dot;
    bool found;
} head_search;

static hf_status find_head(void *context, uint64_t number, const hf_head *head, uint64_t position)
{
    head_search *search = context;
    const hf_dot *dot = search->dot;
    (void)number;
    (void)position;
    if (head->seq >= dot->seq && head->lane == dot->lane &&
        memcmp(head->origin.bytes, dot->origin.bytes, HF_ORIGIN_SIZE) == 0)
        search->found = true;
    return HF_OK;
}

/* It can show that another wrote this, and is asked for it should the hub lack it. */
static bool can_prove(const sim_world *world, const sim_node *node, const sim_dot *dot)
{
    uint64_t bit = 1ull << node->index;
    head_search search = {.dot = &dot->dot};
    if (!(dot->held & bit) || (dot->hollow | dot->based) & bit || sim_is_centres(world, dot))
        return false;
    sim_disk_look(node->disk, true);
    hf_status status = hf_head_each(node->store, 0, UINT32_MAX, find_head, &search);
    sim_disk_look(node->disk, false);
    return status == HF_OK && search.found;
}

/* What is still to come, from or to this device; NULL when nothing is. */
static const sim_dot *outstanding(const sim_world *world, const sim_node *node, const char **what)
{
    uint64_t bit = 1ull << node->index;
    for (size_t i = 0; i < world->dot_count; i++) {
        const sim_dot *dot = &world->dots[i];
        bool at_hub = dot->held & 1 && !(dot->hollow & 1), here = dot->held & bit;
        *what = "has not reached the hub";
        if (dot->author == node->index && here && !at_hub && !dot->excused) return dot;
        *what = "is held here, and the hub has it not";
        if (dot->author != node->index && !at_hub && !world->nodes[dot->author].revoked &&
            can_prove(world, node, dot))
            return dot;
        *what = "has not been acknowledged";
        if (dot->author == node->index && here && at_hub && !dot->acked &&
            memcmp(dot->dot.origin.bytes, hf_store_own_origin(node->store)->id.bytes,
                   HF_ORIGIN_SIZE) == 0)
            return dot;
        *what = "has not come down";
        bool is_home = dot->scope == node->scopes[node->scope_count - 1];
        if (is_home && sim_at_station(world, node)) continue; /* the centre tells it itself */
        if (at_hub && !dot->withheld && sim_may_hold(world, node, dot) &&
            (!here || dot->hollow & bit))
            return dot;
    }
    return NULL;
}

/* It had a snapshot of what the hub has lost since: whoever wrote it was revoked, or somebody would
 * have brought it. Until an operator declares it lost, no other snapshot goes with what it has. */
static bool rests_on_what_is_lost(const sim_world *world, const sim_node *node)
{
    for (size_t i = 0; i < world->dot_count && world->hub_lost_ms; i++) {
        const sim_dot *dot = &world->dots[i];
        if (dot->based >> node->index & 1 && !(dot->held & 1) && dot->excused) return true;
    }
    return false;
}

/* The centre alone gives one, when it is met. */
static bool waits_for_snapshot(const sim_world *world, const sim_node *node)
{
    return sim_outdated(node) && !sim_at_station(world, node) &&
           !rests_on_what_is_lost(world, node);
}

/* What a station once sealed for the centre, and nobody has answered or found to be there. */
static bool waits_for_answers(sim_world *world, sim_node *node)
{
    hf_carry_sum sum;
    if (!node->is_station) return false;
    hf_status status = hf_carry_count(node->store, &sum);
    return sim_node_alive(world, node) && status == HF_OK && sum.own_bundles > 0;
}

/* By the list that it has. */
bool sim_knows_centre(const sim_world *world, const sim_node *node)
{
    hf_hub_place places[SIM_STATIONS_MAX + 1];
    size_t count = SIM_STATIONS_MAX + 1;
    const uint8_t *centre = world->nodes[SIM_HUB].crypto.table.own_key_id;
    if (!world->swarm.listed || !node->up) return true;
    sim_disk_look(node->disk, true);
    hf_status status = hf_edge_places(node->edge, places, &count);
    sim_disk_look(node->disk, false);
    return status == HF_OK && count > 0 && memcmp(places[0].key_id, centre, HF_HASH_SIZE) == 0;
}

bool sim_settled(sim_world *world)
{
    const char *what;
    sim_node *hub = &world->nodes[SIM_HUB];
    if (!hub->up || !sim_former_knows(world) || !sim_clone_is_told(world)) return false;
    sim_observe_again(world, hub); /* a verdict may have come, before who waits for what it opens */
    for (unsigned i = 1; i < world->node_count && !sim_over(world); i++) {
        sim_node *node = &world->nodes[i];
        if (!takes_part(node)) continue;
        if (!node->up || !sim_knows_centre(world, node)) return false;
        const sim_dot *dot = outstanding(world, node, &what);
        if (waits_for_snapshot(world, node)) return false;
        if (dot && dot->hollow >> i & 1)
            sim_observe_again(world, node);                        /* it may have come since */
        if (dot && dot->hollow & 1) sim_observe_again(world, hub); /* it may be whole now */
        if (sim_over(world)) return false;
        if (dot && (!node->up || outstanding(world, node, &what))) return false;
        if (!sim_all_signed(world, node)) return false;
        if (waits_for_answers(world, node)) return false;
    }
    return !sim_over(world);
}

static void judge_arrival(sim_world *world, sim_node *node)
{
    sim_checked(world, SIM_L1);
    if (!node->up) {
        sim_break(world, SIM_L1, "%s does not come up", node->name);
        return;
    }
    if (!sim_knows_centre(world, node))
        sim_break(world, SIM_L1, "%s does not know who is the centre", node->name);
    const char *what;
    const sim_dot *dot = outstanding(world, node, &what);
    if (!dot && !sim_all_signed(world, node))
        sim_break(world, SIM_RECEIPT, "%s has no receipt for all that was acknowledged",
                  node->name);
    if (waits_for_snapshot(world, node))
        sim_break(world, SIM_L1, "%s still waits for a snapshot to put a verdict right",
                  node->name);
    if (waits_for_answers(world, node))
        sim_break(world, SIM_L1, "%s still has bundles under way whose entries are all at the hub",
                  node->name);
    if (!dot) return;
    hf_edge_status status;
    hf_edge_status_get(node->edge, &status);
    bool behind_withheld = false;
    for (size_t i = 0; i < world->dot_count; i++)
        if (world->dots[i].withheld && world->dots[i].dot.seq < dot->dot.seq &&
            world->dots[i].dot.lane == dot->dot.lane && world->dots[i].author == dot->author)
            behind_withheld = true;
    sim_break(
        world, behind_withheld ? SIM_S14 : SIM_L1,
        "%s: entry %s/%u/%llu of scope %u, %llu in the hub's feed, %s%s (cursor %llu, link %d, "
        "last error \"%s\")",
        node->name, world->nodes[dot->author].name, dot->dot.lane, (unsigned long long)dot->dot.seq,
        dot->scope, (unsigned long long)dot->hub_position, what,
        dot->hollow >> node->index & 1 ? " but for its hashes" : "",
        (unsigned long long)node->cursor, status.link, status.last_error);
}

/* What the hub lost, and only who was revoked since has whole, nobody can bring back. */
static bool can_be_brought(const sim_world *world, const sim_dot *dot)
{
    for (unsigned i = 1; i < world->node_count; i++)
        if (dot->held >> i & 1 && !(dot->hollow >> i & 1) && takes_part(&world->nodes[i]))
            return true;
    return false;
}

static void judge_saved(sim_world *world)
{
    for (size_t i = 0; i < world->dot_count && !sim_over(world); i++) {
        const sim_dot *dot = &world->dots[i];
        const sim_node *author = &world->nodes[dot->author];
        bool gone = world->hub_lost_ms && (dot->excused || !can_be_brought(world, dot));
        bool owed = (dot->acked && !gone) || (dot->saved && takes_part(author) && !dot->excused);
        if (!owed) continue;
        sim_checked(world, SIM_S1);
        if (!(dot->held & 1) || dot->hollow & 1)
            sim_break(world, SIM_S1, "%s/%u/%llu was %s and the hub has it not", author->name,
                      dot->dot.lane, (unsigned long long)dot->dot.seq,
                      dot->acked ? "acknowledged" : "saved");
    }
}

/* Each node's own account of itself: chains, vectors, heads, records. */
static void judge_verify(sim_world *world, sim_node *node)
{
    hf_verify_report report;
    if (hf_store_verify(node->store, &report) != HF_OK) return;
    sim_checked(world, SIM_S11);
    if (report.faults)
        sim_break(world, SIM_S11, "%s finds fault with itself: %s", node->name, report.first_fault);
}

void sim_last_judgement(sim_world *world)
{
    /* What it had by its hashes may be whole by now. */
    if (world->nodes[SIM_HUB].up) sim_observe_again(world, &world->nodes[SIM_HUB]);
    for (unsigned i = 1; i < world->node_count && !sim_over(world); i++)
        if (takes_part(&world->nodes[i])) judge_arrival(world, &world->nodes[i]);
    sim_checked(world, SIM_S11);
    if (!sim_over(world) && !sim_clone_is_told(world))
        sim_break(world, SIM_S11, "who went on from a copy of itself was not told, or lost by it");
    if (!sim_over(world) && !sim_former_knows(world))
        sim_break(world, SIM_L1, "the former centre does not know that another is it by now");
    if (!sim_over(world)) judge_saved(world);
    for (unsigned i = 0; i < world->node_count && !sim_over(world); i++) {
        if (!world->nodes[i].up || world->nodes[i].cloned) continue;
        sim_look(world, &world->nodes[i]);
        if (!sim_over(world)) judge_verify(world, &world->nodes[i]);
    }
    if (!sim_over(world)) sim_outage_judge(world);
    if (!sim_over(world)) sim_metamorphic_judge(world);
    for (uint32_t i = 0; i < SIM_LINKS_MAX && !sim_over(world); i++) { /* L4 of those still open */
        sim_link *link = &world->links[i];
        if (!link->used) continue;
        link->edge_end = false;
        link->peer = NULL;
        sim_link_end(world, link);
    }
}
