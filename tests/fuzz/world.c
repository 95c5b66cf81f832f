/* world.c: see world.h. */
#include "world.h"

#include "sync/store_core.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SUMMARY = 27, OUTCOME = 11, TALK_STEPS = 40, TALK_STEP_MS = 20 };

bool fuzz_world_changed(const world_node *node)
{
    return !node->node->store || sqlite3_total_changes(node->node->store->db) != node->changes;
}

/* What the engine keeps in memory beside the store is made anew each time; the store only when it
 * has been written to. */
bool fuzz_world_fresh(fuzz_world *world, world_node *node)
{
    pair_world *pair = world->pair;
    bool is_hub = node == &world->hub, changed = fuzz_world_changed(node);
    pair->now_ms = world->now_ms;
    if (changed) {
        pair_shut(pair, node->node);
        sim_disk_revive(node->node->disk, false);
        assert_true(sim_disk_restore(node->node->disk, node->image));
        node->node->crypto.random = node->random;
        pair_open(pair, node->node);
        node->changes = sqlite3_total_changes(node->node->store->db);
    } else if (is_hub) {
        hf_hub_options options = {.implementation = "test hub",
                                  .peers_max = PAIR_EDGES_MAX,
                                  .authority = &pair->authority};
        for (size_t i = 0; i < pair->edge_count; i++) pair_cut(pair, i);
        hf_hub_free(pair->hub);
        assert_int_equal(hf_hub_new(node->node->store, &options, &pair->hub), HF_OK);
    } else {
        hf_edge_options options = {.implementation = "test edge"};
        for (size_t i = 0; i < pair->edge_count; i++)
            if (&pair->nodes[i] == node->node) pair_cut(pair, i);
        hf_edge_free(node->node->edge);
        assert_int_equal(hf_edge_new(node->node->store, &options, &node->node->edge), HF_OK);
    }
    node->node->crypto.random = node->random;
    return changed;
}

/* ---- recording ---- */

static void talk_add(world_talk *talk, hf_bytes raw)
{
    assert_true(talk->count < WORLD_FRAMES_MAX);
    world_frame *frame = &talk->frames[talk->count++];
    frame->size = raw.size;
    frame->data = raw.size ? malloc(raw.size) : NULL;
    if (raw.size) memcpy(frame->data, raw.data, raw.size);
}

typedef struct recording {
    size_t edge;
    world_talk *up, *down;
    bool any;
} recording;

static bool record_frame(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    recording *to = pair->context;
    if (edge != to->edge) return true;
    hf_buffer raw = {0};
    hf_message_write(&raw, message);
    talk_add(way == PAIR_UP ? to->up : to->down, hf_buffer_bytes(&raw));
    hf_buffer_free(&raw);
    to->any = true;
    return true;
}

static void record(fuzz_world *world, size_t edge, world_talk *up, world_talk *down)
{
    pair_world *pair = world->pair;
    recording to = {.edge = edge, .up = up, .down = down};
    pair->tap = record_frame;
    pair->context = &to;
    for (size_t i = 0; i < 2; i++) pair->nodes[i].offline = i != edge;
    for (int step = 0; step < TALK_STEPS; step++) {
        to.any = false;
        pair_step(pair);
        pair->now_ms += TALK_STEP_MS;
        if (!to.any) continue;
        talk_add(up, (hf_bytes){NULL, 0});
        talk_add(down, (hf_bytes){NULL, 0});
    }
    pair->tap = NULL;
    assert_true(up->count > 2 && down->count > 2);
}

static void all_fresh(fuzz_world *world)
{
    (void)fuzz_world_fresh(world, &world->hub);
    for (size_t i = 0; i < 2; i++) (void)fuzz_world_fresh(world, &world->edges[i]);
}

static void record_talks(fuzz_world *world)
{
    for (size_t i = 0; i < 2; i++) {
        all_fresh(world);
        record(world, i, &world->up[i], &world->down[i]);
    }
    all_fresh(world);
    sqlite3 *db = world->edges[0].node->store->db;
    assert_int_equal(sqlite3_exec(db, "DELETE FROM cursor", NULL, NULL, NULL), SQLITE_OK);
    record(world, 0, &world->up_anew, &world->down_anew);
}

/* ---- the day ---- */

static void live_until_now(fuzz_world *world)
{
    pair_world *pair = world->pair;
    world->record = pair_crime(pair, 0, "Window broken");
    (void)pair_crime(pair, 1, "Bicycle taken");
    pair_set(pair, 0, &world->record, OUTCOME, "Under investigation");
    pair_wait(pair, 2000);
    pair_cut(pair, 0);
    pair->nodes[0].offline = true;
    pair_set(pair, 1, &world->record, SUMMARY, "Window broken, nothing taken");
    (void)pair_crime(pair, 1, "Noise in the yard");
    pair_wait(pair, 2000);
    pair_cut(pair, 1);
    pair->nodes[1].offline = true;
    (void)pair_crime(pair, 1, "Not sent by edge 1");
    pair_set(pair, 0, &world->record, SUMMARY, "Window broken from within");
    (void)pair_crime(pair, 0, "Not sent by edge 0");
    pair->now_ms += 1000;
    world->now_ms = pair->now_ms;
}

static void keep(world_node *kept, pair_world *pair, pair_node *node)
{
    kept->node = node;
    kept->random = node->crypto.random;
    pair_shut(pair, node);
    kept->image = sim_disk_copy(node->disk, "-wal");
    assert_non_null(kept->image);
}

fuzz_world *fuzz_world_get(void)
{
    static fuzz_world *world;
    if (world) return world;
    world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->pair = pair_new(2);
    live_until_now(world);
    for (size_t i = 0; i < 2; i++) keep(&world->edges[i], world->pair, &world->pair->nodes[i]);
    keep(&world->hub, world->pair, &world->pair->hub_node);
    record_talks(world);
    return world;
}
