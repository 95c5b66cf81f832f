/* world.c: see world.h. Every failed expectation ends the test where it stands. */
#include "world.h"

#include "sync/control.h"
#include "sync/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SUMMARY = 27, LOG = 28, RISK = 14 };

pair_node *world_node(fault_world *world, int node)
{
    return node == WORLD_HUB ? &world->pair->hub_node : &world->pair->nodes[node - 1];
}

hf_status world_heard(fault_world *world, hf_status status)
{
    world->pair->troubles |= 1u << status;
    return status;
}

/* ---- the base ---- */

static void add(pair_world *pair, size_t edge, const hf_record_id *id, uint32_t field,
                const char *text)
{
    hf_store *store = pair->nodes[edge].store;
    hf_author author = {.actor = "PC 2207 Okafor", .wall_ms = pair_wall_ms(pair), .quality = 3};
    hf_buffer value = {0};
    hf_txn *txn;
    hf_write_string(&value, text);
    hf_change change = {
        .record = *id, .field = field, .kind = HF_CHANGE_ADD, .value = hf_buffer_bytes(&value)};
    assert_int_equal(hf_txn_begin(store, &author, &txn), HF_OK);
    assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    hf_buffer_free(&value);
}

static void write_base(fault_world *world)
{
    pair_world *pair = world->pair;
    world->conflict = pair_crime(pair, 0, "window broken in Mill Street");
    world->edited = pair_crime(pair, 0, "bicycle stolen from the station");
    world->gone = pair_crime(pair, 0, "window forced, nothing taken");
    pair_run(pair);
    add(pair, 1, &world->edited, LOG, "spoke to the owner");
    add(pair, 0, &world->edited, LOG, "no cameras there");
    pair->nodes[0].offline = pair->nodes[1].offline = true;
    pair_cut(pair, 0);
    pair_cut(pair, 1);
    pair_set(pair, 0, &world->conflict, SUMMARY, "window broken from inside");
    pair_set(pair, 1, &world->conflict, SUMMARY, "window broken from outside");
    pair->nodes[0].offline = pair->nodes[1].offline = false;
    pair_wait(pair, 2 * HF_REDIAL_MAX_MS);
    assert_true(pair_equal(pair));
    pair_cut(pair, 0);
    pair_cut(pair, 1);
    for (size_t edge = 0; edge < 2; edge++)
        for (size_t i = 0; i < WORLD_UNSENT; i++) {
            char summary[64];
            snprintf(summary, sizeof summary, "device %zu, window %zu", edge, i);
            world->unsent[edge][i] = pair_crime(pair, edge, summary);
            if (i == 0) add(pair, edge, &world->edited, LOG, summary);
        }
}

static hf_status pack_parcel(void *context, const hf_entry *entry)
{
    fault_world *world = context;
    assert_true(world->parcel_count < sizeof world->parcels / sizeof *world->parcels);
    world_parcel *parcel = &world->parcels[world->parcel_count++];
    parcel->lane = entry->dot.lane;
    hf_write_raw(&parcel->body, entry->body);
    return parcel->body.status;
}

static void pack_parcels(fault_world *world)
{
    hf_store *from = world_node(world, WORLD_OTHER)->store, *hub = world->pair->hub_node.store;
    world->sender = *hf_store_own_origin(from);
    const hf_origin_row *there = hf_origin_by_id(hub, &world->sender.id);
    assert_non_null(there);
    hf_log_state has;
    for (uint8_t lane = 1; lane < HF_LANE_COUNT; lane++) {
        assert_int_equal(hf_log_state_get(hub, there->no, lane, &has), HF_OK);
        assert_int_equal(hf_log_read(from, world->sender.no, lane, has.seq, HF_FEED_READ_MAX,
                                     pack_parcel, world),
                         HF_OK);
    }
    assert_true(world->parcel_count > WORLD_UNSENT);
    assert_int_equal(hf_origin_certificate(from, world->sender.no, &world->sender_certificate),
                     HF_OK);
}

/* Runs draw the same numbers: they differ by what fails, and by nothing else. */
static void keep_chance(fault_world *world)
{
    for (int i = 0; i < WORLD_NODES; i++) world->random[i] = world_node(world, i)->crypto.random;
}

/* The power goes in the middle of a commit: what SQLite has to clear up at the next open. */
static void cut_image(fault_world *world)
{
    pair_node *node = world_node(world, WORLD_EDGE);
    world_reset(world, WORLD_BIT(WORLD_EDGE));
    uint64_t before = 0;
    for (int i = 0; i < 3; i++) {
        before = sim_disk_counted(node->disk).calls;
        (void)pair_crime(world->pair, 0, "just before the power went");
    }
    uint64_t whole = sim_disk_counted(node->disk).calls - before;
    sim_disk_kill_at(node->disk, whole - 1); /* its sync is the last */
    hf_author author = {.actor = "PC 1", .wall_ms = pair_wall_ms(world->pair), .quality = 3};
    hf_buffer value = {0};
    hf_txn *txn;
    hf_record_id id;
    hf_write_string(&value, "lost with the power");
    assert_int_equal(hf_txn_begin(node->store, &author, &txn), HF_OK);
    assert_int_equal(hf_txn_new_id(txn, 16, &id), HF_OK);
    hf_change change = {
        .record = id, .scope = world->beat, .field = SUMMARY, .value = hf_buffer_bytes(&value)};
    hf_status status = hf_txn_change(txn, &change);
    if (status == HF_OK)
        assert_int_not_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    else
        hf_txn_rollback(txn);
    hf_buffer_free(&value);
    assert_true(sim_disk_killed(node->disk));
    world_shut(world);
    sim_disk_revive(node->disk, true);
    world->cut = sim_disk_copy(node->disk, "?");
    assert_non_null(world->cut);
}

fault_world *world_new(void)
{
    static const char *const SCOPES[] = {"beat", "custody"};
    fault_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->pair = pair_new_with(&(pair_options){
        .edge_count = 2, .scopes = SCOPES, .scope_count = 2, .life_ms = WORLD_LIFE_MS});
    write_base(world);
    hf_store *hub = world->pair->hub_node.store;
    assert_int_equal(hf_scope_by_name(hub, "beat", &world->beat), HF_OK);
    assert_int_equal(hf_scope_by_name(hub, "custody", &world->custody), HF_OK);
    pack_parcels(world);
    world->author = hf_store_own_origin(world_node(world, WORLD_EDGE)->store)->id;
    for (int i = 0; i < WORLD_NODES; i++)
        assert_int_equal(
            hf_store_digest(world_node(world, i)->store, world->beat, world->digest[i]), HF_OK);
    world_shut(world);
    world->base_ms = world->pair->now_ms;
    for (int i = 0; i < WORLD_NODES; i++) {
        world->base[i] = sim_disk_copy(world_node(world, i)->disk, "?");
        assert_non_null(world->base[i]);
        memcpy(world->certificate[i], world_node(world, i)->crypto.certificate,
               sizeof world->certificate[i]);
    }
    world->unguarded = sim_disk_copy(world_node(world, WORLD_EDGE)->disk, ".guard");
    assert_non_null(world->unguarded);
    keep_chance(world);
    cut_image(world);
    keep_chance(world);
    return world;
}

void world_free(fault_world *world)
{
    for (int i = 0; i < WORLD_NODES; i++) sim_image_free(world->base[i]);
    sim_image_free(world->cut);
    sim_image_free(world->unguarded);
    if (world->crowded) sim_image_free(world->crowded);
    for (size_t i = 0; i < world->parcel_count; i++) hf_buffer_free(&world->parcels[i].body);
    hf_buffer_free(&world->sender_certificate);
    pair_free(world->pair);
    free(world);
}

void world_shut(fault_world *world)
{
    pair_world *pair = world->pair;
    for (int i = WORLD_NODES - 1; i >= 0; i--) pair_shut(pair, world_node(world, i));
    if (pair->faults) return;
    /* What looking at frames took is the test's own: it is given back, and not counted as lost. */
    hf_deflater_free(pair->deflater);
    hf_buffer_free(&pair->scratch);
    assert_int_equal(hf_deflater_new(&pair->deflater), HF_OK);
}

void world_reset(fault_world *world, unsigned open)
{
    world_shut(world);
    world->pair->faults = false;
    world->pair->troubles = 0;
    world->pair->now_ms = world->base_ms + 60 * 1000;
    for (int i = 0; i < WORLD_NODES; i++) {
        pair_node *node = world_node(world, i);
        sim_disk_revive(node->disk, false);
        assert_true(sim_disk_restore(node->disk, world->base[i]));
        sim_crypto_take(&node->crypto, (hf_bytes){world->certificate[i], SIM_CERTIFICATE_SIZE});
        node->crypto.random = world->random[i];
        if (open & WORLD_BIT(i)) pair_open(world->pair, node);
    }
    world->said = HF_ERR_NOT_FOUND;
    memset(world->made, 0, sizeof world->made);
    memset(world->acked, 0, sizeof world->acked);
    world->text[world->text_size = 0] = 0;
}

uint64_t world_state(fault_world *world)
{
    uint64_t hash = (uint64_t)world->said;
    for (int i = 0; i < WORLD_NODES; i++) {
        const pair_node *node = world_node(world, i);
        hash = sim_disk_mix(node->disk, sim_mix(hash + (uint64_t)i));
        hash = sim_mix_bytes(hash, node->crypto.certificate, sizeof node->crypto.certificate);
    }
    hash = sim_mix_bytes(hash, world->acked, sizeof world->acked);
    return sim_mix_bytes(hash, world->made, sizeof world->made);
}

void world_reopen(fault_world *world, int node, bool power_cut)
{
    pair_node *it = world_node(world, node);
    pair_shut(world->pair, it);
    sim_disk_revive(it->disk, power_cut);
    pair_open(world->pair, it);
}

/* ---- what must hold ---- */

void world_expect_whole(fault_world *world, int node)
{
    hf_verify_report report;
    pair_node *it = world_node(world, node);
    assert_int_equal(hf_store_verify(it->store, &report), HF_OK);
    if (report.faults) print_error("%s: %s\n", it->name, report.first_fault);
    assert_int_equal(report.faults, 0);
}

bool world_is_base(fault_world *world, int node)
{
    uint8_t digest[HF_HASH_SIZE];
    assert_int_equal(hf_store_digest(world_node(world, node)->store, world->beat, digest), HF_OK);
    return memcmp(digest, world->digest[node], sizeof digest) == 0;
}

void world_values(fault_world *world, int node, const hf_record_id *id, uint32_t field,
                  char out[512])
{
    hf_view *view;
    size_t at = 0;
    out[0] = 0;
    hf_status status = hf_store_get(world_node(world, node)->store, id, &view);
    if (status == HF_ERR_NOT_FOUND) return;
    assert_int_equal(status, HF_OK);
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        const hf_field_view *shown = hf_view_field(view, i);
        for (size_t v = 0; shown->number == field && v < shown->value_count; v++) {
            hf_reader reader = hf_reader_open(shown->values[v].value);
            hf_bytes text = hf_read_text(&reader);
            assert_true(at + text.size + 2 < 512);
            memcpy(out + at, text.data, text.size);
            at += text.size;
            out[at++] = '\n';
            out[at] = 0;
        }
    }
    hf_view_free(view);
}

bool world_has(fault_world *world, int node, const hf_record_id *id)
{
    hf_view *view;
    hf_status status = hf_store_get(world_node(world, node)->store, id, &view);
    if (status == HF_ERR_NOT_FOUND) return false;
    assert_int_equal(status, HF_OK);
    hf_view_free(view);
    return true;
}

void world_expect_base_records(fault_world *world, int node)
{
    char found[512];
    assert_true(world_has(world, node, &world->conflict));
    world_values(world, node, &world->edited, SUMMARY, found);
    assert_string_equal(found, "bicycle stolen from the station\n");
    assert_true(world_has(world, node, &world->gone));
    if (node == WORLD_HUB) return;
    for (size_t i = 0; i < WORLD_UNSENT; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "device %d, window %zu\n", node - 1, i);
        world_values(world, node, &world->unsent[node - 1][i], SUMMARY, found);
        assert_string_equal(found, expected);
    }
}

void world_settle(fault_world *world)
{
    for (uint64_t ms = 0; ms < 2 * HF_REDIAL_MAX_MS; ms += 1000) {
        pair_wait(world->pair, 1000);
        if (pair_equal(world->pair)) return;
    }
    fail_msg("they do not come to agree");
}

void world_expect_converges(fault_world *world)
{
    for (int i = 0; i < WORLD_NODES; i++)
        if (!world_node(world, i)->store) pair_open(world->pair, world_node(world, i));
    hf_record_id later = pair_crime(world->pair, 0, "and the work goes on");
    world_settle(world);
    assert_true(world_has(world, WORLD_HUB, &later));
    for (size_t edge = 0; edge < 2; edge++)
        for (size_t i = 0; i < WORLD_UNSENT; i++)
            assert_true(world_has(world, WORLD_HUB, &world->unsent[edge][i]));
    for (int i = 0; i < WORLD_NODES; i++) world_expect_whole(world, i);
}
