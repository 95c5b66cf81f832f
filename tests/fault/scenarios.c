/* scenarios.c: see scenarios.h. A run may be refused at any point; it never asserts. A judge does:
 * it sees the store after the trouble is over. */
#include "scenarios.h"

#include "edge/api.h"
#include "hub/api.h"
#include "sync/control.h"
#include "sync/feed.h"
#include "sync/lease.h"
#include "sync/log.h"
#include "sync/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stray.h"

enum { CRIME = 16, NOTE = 20, SUMMARY = 27, LOG = 28, SUBJECT = 1, REF = 1, OTHER_REFS = 34 };

static hf_store *store_of(fault_world *world, int node)
{
    return world_node(world, node)->store;
}

static void say(fault_world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One more line of what was read. */
static void say(fault_world *world, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(world->text + world->text_size, WORLD_TEXT_SIZE - world->text_size, format,
                         arguments);
    va_end(arguments);
    world->text_size += (size_t)size;
    assert_true(world->text_size < WORLD_TEXT_SIZE);
}

/* ---- open ---- */

static void run_open(fault_world *world)
{
    pair_node *node = world_node(world, WORLD_EDGE);
    world->said = world_heard(world, pair_try_open(world->pair, node));
}

static void prepare_nothing_there(fault_world *world)
{
    sim_disk_wipe(world_node(world, WORLD_EDGE)->disk);
}

/* A new store is whole or not there; then the device learns what it may write, and writes. */
static void judge_new(fault_world *world)
{
    world_expect_whole(world, WORLD_EDGE);
    pair_open(world->pair, world_node(world, WORLD_HUB));
    world_settle(world);
    assert_true(world_has(world, WORLD_EDGE, &world->edited));
    hf_record_id id = pair_crime(world->pair, 0, "the first on this device");
    assert_true(world_has(world, WORLD_EDGE, &id));
}

static void judge_unchanged(fault_world *world)
{
    world_expect_whole(world, WORLD_EDGE);
    world_expect_base_records(world, WORLD_EDGE);
    hf_record_id id = pair_crime(world->pair, 0, "and on it goes");
    assert_true(world_has(world, WORLD_EDGE, &id));
}

static void prepare_cut(fault_world *world)
{
    assert_true(sim_disk_restore(world_node(world, WORLD_EDGE)->disk, world->cut));
}

static void prepare_copy(fault_world *world)
{
    sim_disk_wipe(world_node(world, WORLD_EDGE)->disk);
    assert_true(sim_disk_restore(world_node(world, WORLD_EDGE)->disk, world->unguarded));
}

/* A copy takes a new name before it writes, also when it failed to at the first try. */
static void judge_copy(fault_world *world)
{
    pair_node *node = world_node(world, WORLD_EDGE);
    hf_origin_id copy = hf_store_own_origin(node->store)->id;
    judge_unchanged(world);
    world_reset(world, WORLD_BIT(WORLD_EDGE));
    assert_memory_not_equal(&copy, &hf_store_own_origin(node->store)->id, sizeof copy);
}

/* ---- write ---- */

typedef struct writing {
    fault_world *world;
    hf_txn *txn;
    hf_status status;
} writing;

static writing begin(fault_world *world)
{
    writing w = {.world = world};
    hf_author author = {
        .actor = "PC 4411 Rees", .wall_ms = pair_wall_ms(world->pair), .quality = 3};
    w.status = hf_txn_begin(store_of(world, WORLD_EDGE), &author, &w.txn);
    return w;
}

static void change(writing *w, hf_change change, const char *text)
{
    uint8_t value[64];
    if (w->status != HF_OK) return;
    size_t size = text ? strlen(text) : 0;
    assert_true(size < 24 || (size < 60 && size > 23));
    size_t head = size < 24 ? 1 : 2;
    value[0] = (uint8_t)(size < 24 ? 0x60 + size : 0x78);
    value[1] = (uint8_t)size;
    if (text) memcpy(value + head, text, size);
    if (text) change.value = (hf_bytes){value, head + size};
    w->status = hf_txn_change(w->txn, &change);
}

static void end(writing *w)
{
    if (w->status == HF_OK)
        w->status = hf_txn_commit(w->txn, NULL, NULL);
    else
        hf_txn_rollback(w->txn);
    w->world->said = world_heard(w->world, w->status);
}

/* Three records, in two scopes and two lanes, by several rules: three entries, one promise. */
static void run_put(fault_world *world)
{
    writing w = begin(world);
    hf_record_id *id = world->made;
    static const uint32_t TYPES[WORLD_PUT] = {CRIME, NOTE, CRIME};
    for (size_t i = 0; i < WORLD_PUT && w.status == HF_OK; i++)
        w.status = hf_txn_new_id(w.txn, TYPES[i], &id[i]);
    change(&w, (hf_change){.record = id[0], .scope = world->beat, .field = SUMMARY}, "put, beat");
    hf_change line = {.record = id[0], .field = LOG, .kind = HF_CHANGE_ADD};
    change(&w, line, "the first line");
    change(&w, line, "the second line");
    change(&w, (hf_change){.record = id[1], .scope = world->beat, .field = SUBJECT}, "put, note");
    hf_change other = {.record = id[2], .scope = world->custody, .field = SUMMARY};
    change(&w, other, "put, custody");
    line.record = world->edited;
    change(&w, line, "and a line to what was there");
    end(&w);
}

/* As many numbers are gone as there are records that bear one. */
static void expect_numbers(fault_world *world, size_t made)
{
    hf_store *store = store_of(world, WORLD_EDGE);
    hf_series_left left;
    const hf_series *series = hf_pack_type(hf_store_pack(store), CRIME)->series;
    assert_int_equal(hf_series_left_get(store, series, &left), HF_OK);
    char found[512], other[512];
    hf_record_id next = pair_crime(world->pair, 0, "the next");
    world_values(world, WORLD_EDGE, &next, REF, found);
    unsigned number = 0;
    assert_int_equal(sscanf(found, "CR/%u/", &number), 1);
    assert_int_equal(left.last - left.left + 1, number);
    for (size_t i = 0; i < made; i++) {
        if (world->made[i].type != CRIME) continue;
        world_values(world, WORLD_EDGE, &world->made[i], REF, other);
        assert_memory_equal(other, "CR/", 3);
        assert_string_not_equal(found, other);
    }
}

static void judge_put(fault_world *world)
{
    char found[512];
    world_expect_whole(world, WORLD_EDGE);
    world_expect_base_records(world, WORLD_EDGE);
    world_values(world, WORLD_EDGE, &world->edited, LOG, found);
    bool line = strstr(found, "and a line to what was there\n") != NULL;
    size_t there = 0;
    for (size_t i = 0; i < WORLD_PUT; i++) there += world_has(world, WORLD_EDGE, &world->made[i]);
    assert_true(there == 0 || there == WORLD_PUT);
    expect_numbers(world, there);
    if (there == 0) {
        assert_int_not_equal(world->said, HF_OK);
        return;
    }
    assert_true(line);
    world_values(world, WORLD_EDGE, &world->made[0], SUMMARY, found);
    assert_string_equal(found, "put, beat\n");
    world_values(world, WORLD_EDGE, &world->made[0], LOG, found);
    assert_string_equal(found, "the first line\nthe second line\n");
    world_values(world, WORLD_EDGE, &world->made[1], SUBJECT, found);
    assert_string_equal(found, "put, note\n");
    world_values(world, WORLD_EDGE, &world->made[2], SUMMARY, found);
    assert_string_equal(found, "put, custody\n");
}

static void run_resolve(fault_world *world)
{
    writing w = begin(world);
    hf_change choice = {.record = world->conflict,
                        .field = SUMMARY,
                        .kind = HF_CHANGE_RESOLVE,
                        .reason = {(const uint8_t *)"glass lay outside", 17}};
    change(&w, choice, "broken from inside");
    end(&w);
}

static void judge_resolve(fault_world *world)
{
    char found[512];
    world_expect_whole(world, WORLD_EDGE);
    world_expect_base_records(world, WORLD_EDGE);
    world_values(world, WORLD_EDGE, &world->conflict, SUMMARY, found);
    bool chosen = strcmp(found, "broken from inside\n") == 0;
    bool both = strstr(found, "from inside\n") && strstr(found, "window broken from outside\n");
    assert_true(chosen || both);
    assert_true(chosen || world->said != HF_OK);
}

static void run_delete(fault_world *world)
{
    writing w = begin(world);
    change(&w, (hf_change){.record = world->gone, .kind = HF_CHANGE_DELETE}, NULL);
    end(&w);
}

static void judge_delete(fault_world *world)
{
    hf_view *view;
    world_expect_whole(world, WORLD_EDGE);
    world_expect_base_records(world, WORLD_EDGE);
    assert_int_equal(hf_store_get(store_of(world, WORLD_EDGE), &world->gone, &view), HF_OK);
    assert_true(hf_view_deleted(view) || world->said != HF_OK);
    hf_view_free(view);
}

/* ---- receive ---- */

static hf_status apply_parcels(fault_world *world, hf_batch *batch)
{
    const hf_origin_row *origin;
    hf_status status =
        hf_origin_learn(store_of(world, WORLD_HUB), world->sender.key_id, world->sender.incarnation,
                        hf_buffer_bytes(&world->sender_certificate), &origin);
    for (size_t i = 0; i < world->parcel_count && status == HF_OK; i++) {
        hf_applied_entry applied;
        const world_parcel *parcel = &world->parcels[i];
        status = hf_batch_entry(batch, origin, parcel->lane, hf_buffer_bytes(&parcel->body), 0,
                                &applied);
    }
    return status;
}

static void run_apply(fault_world *world)
{
    hf_batch *batch;
    hf_status status =
        hf_batch_begin(store_of(world, WORLD_HUB), pair_wall_ms(world->pair), &batch);
    if (status == HF_OK) {
        status = apply_parcels(world, batch);
        if (status == HF_OK)
            status = hf_batch_commit(batch);
        else
            hf_batch_rollback(batch);
    }
    world->said = world_heard(world, status);
}

static void judge_apply(fault_world *world)
{
    size_t there = 0;
    world_expect_whole(world, WORLD_HUB);
    world_expect_base_records(world, WORLD_HUB);
    for (size_t i = 0; i < WORLD_UNSENT; i++)
        there += world_has(world, WORLD_HUB, &world->unsent[1][i]);
    assert_true(there == 0 || there == WORLD_UNSENT);
    assert_int_equal(there == 0, world_is_base(world, WORLD_HUB));
    assert_true(there == WORLD_UNSENT || world->said != HF_OK);
}

/* Greeting, upload, acknowledgement and feed, between the hub and both devices. */
static void run_session(fault_world *world)
{
    hf_dot dot;
    pair_run(world->pair);
    pair_wait(world->pair, 3 * HF_REDIAL_MIN_MS);
    hf_edge *edge = world_node(world, WORLD_EDGE)->edge;
    while (edge && hf_edge_next_receipt(edge, &dot, NULL))
        if (dot.seq > world->acked[dot.lane]) world->acked[dot.lane] = dot.seq;
    world->said = HF_OK; /* of what it promises, `acked` speaks */
}

static void judge_session(fault_world *world)
{
    hf_log_state log;
    hf_store *hub = store_of(world, WORLD_HUB), *edge = store_of(world, WORLD_EDGE);
    for (int i = 0; i < WORLD_NODES; i++) {
        world_expect_whole(world, i);
        world_expect_base_records(world, i);
    }
    const hf_origin_row *there = hf_origin_by_id(hub, &hf_store_own_origin(edge)->id);
    for (uint8_t lane = 0; lane < HF_LANE_COUNT; lane++) {
        assert_non_null(there);
        assert_int_equal(hf_log_state_get(hub, there->no, lane, &log), HF_OK);
        assert_true(log.seq >= world->acked[lane]); /* said to be at the hub, and is */
    }
    world_expect_converges(world);
}

/* Under a new name it has no numbers: two crimes begin without, then some are leased and given. */
static void prepare_dry(fault_world *world)
{
    assert_int_equal(hf_store_new_incarnation(store_of(world, WORLD_EDGE)), HF_OK);
    for (size_t i = 0; i < 2; i++) world->made[i] = pair_crime(world->pair, 0, "no number left");
}

static hf_status on_shared(void *context, const hf_record_id *first, const hf_record_id *second,
                           hf_bytes text)
{
    (void)context;
    (void)first;
    (void)second;
    fail_msg("two records are called %.*s", (int)text.size, (const char *)text.data);
    return HF_OK;
}

static void judge_numbered(fault_world *world)
{
    char found[512], alias[512];
    for (int i = 0; i < WORLD_NODES; i++) world_expect_base_records(world, i);
    world_expect_converges(world);
    pair_wait(world->pair, 3 * HF_ASK_AGAIN_MS);
    hf_store *hub = store_of(world, WORLD_HUB);
    for (size_t i = 0; i < 2; i++) {
        world_values(world, WORLD_HUB, &world->made[i], REF, found);
        world_values(world, WORLD_HUB, &world->made[i], OTHER_REFS, alias);
        assert_memory_equal(found, "CR/", 3);
        assert_ptr_equal(strchr(found, '\n'), found + strlen(found) - 1); /* one, and no more */
        assert_memory_equal(alias, "PROV-", 5);
    }
    const hf_series *series = hf_pack_type(hf_store_pack(hub), CRIME)->series;
    assert_int_equal(hf_references_shared(hub, series, on_shared, NULL), HF_OK);
    for (int i = 0; i < WORLD_NODES; i++) world_expect_whole(world, i);
}

/* The device's certificate is due: asked for, issued, put on record, taken, and shown. */
static void prepare_due(fault_world *world)
{
    world->pair->now_ms += WORLD_LIFE_MS / 5 * 4;
}

static void judge_renewed(fault_world *world)
{
    judge_session(world);
    for (size_t i = 0; i < 2; i++) {
        hf_buffer held = {0};
        hf_record_id record;
        const sim_crypto *crypto = &world->pair->nodes[i].crypto;
        assert_memory_not_equal(crypto->certificate, world->certificate[i + 1],
                                SIM_CERTIFICATE_SIZE);
        assert_int_equal(hf_device_certificate(store_of(world, WORLD_HUB), crypto->table.own_key_id,
                                               &held, &record),
                         HF_OK);
        assert_int_equal(held.size, SIM_CERTIFICATE_SIZE);
        assert_memory_equal(held.data, crypto->certificate, held.size);
        hf_buffer_free(&held);
    }
}

/* ---- a device that lost its disk is given a snapshot, in many parts ---- */

static void prepare_new_disk(fault_world *world)
{
    pair_world *pair = world->pair;
    pair_node *hub = world_node(world, WORLD_HUB), *other = world_node(world, WORLD_OTHER);
    pair->behind_min = 1;
    pair->chunk_size = 512;
    pair_shut(pair, hub);
    pair_open(pair, hub);
    pair_shut(pair, other);
    sim_disk_wipe(other->disk);
    pair_open(pair, other);
    pair->behind_min = pair->chunk_size = 0;
}

static void judge_loaded(fault_world *world)
{
    for (int i = 0; i < WORLD_NODES; i++) world_expect_whole(world, i);
    world_settle(world);
    for (int i = 0; i < WORLD_NODES; i++) world_expect_whole(world, i);
    assert_true(world_has(world, WORLD_OTHER, &world->conflict));
    assert_true(world_has(world, WORLD_OTHER, &world->edited));
    assert_true(pair_equal(world->pair));
}

/* ---- a record at its limit ---- */

static stray one_more(const fault_world *world, uint32_t who)
{
    return (stray){.who = who,
                   .scope = world->beat,
                   .lane = HF_LANE_CRIME,
                   .seq = 1,
                   .record = &world->gone,
                   .field = SUMMARY};
}

static void write_strays(fault_world *world, uint32_t from, uint32_t to)
{
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(store_of(world, WORLD_HUB), pair_wall_ms(world->pair), &batch),
                     HF_OK);
    for (uint32_t who = from; who < to; who++) {
        stray s = one_more(world, who);
        assert_int_equal(stray_apply(batch, &s), HF_APPLIED_NEW);
    }
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

/* That it is full is known from the write that filled it. */
static void prepare_crowded(fault_world *world)
{
    pair_node *node = world_node(world, WORLD_HUB);
    if (!world->crowded) {
        stray s = one_more(world, HF_FIELD_DOTS_MAX);
        hf_buffer body = {0};
        stray_head(&body, &s, pair_wall_ms(world->pair));
        stray_parts(&body, &s);
        assert_true(body.size <= sizeof world->one_too_many);
        memcpy(world->one_too_many, body.data, body.size);
        world->one_too_many_size = body.size;
        hf_buffer_free(&body);
        pair_open(world->pair, node);
        write_strays(world, 0, HF_FIELD_DOTS_MAX - 1);
        world_shut(world);
        world->crowded = sim_disk_copy(node->disk, "?");
        assert_non_null(world->crowded);
    }
    assert_true(sim_disk_restore(node->disk, world->crowded));
    pair_open(world->pair, node);
    write_strays(world, HF_FIELD_DOTS_MAX - 1, HF_FIELD_DOTS_MAX);
}

static void run_crowd(fault_world *world)
{
    bool crowds = false;
    hf_entry_body entry;
    hf_store *hub = store_of(world, WORLD_HUB);
    hf_status status =
        hf_entry_parse((hf_bytes){world->one_too_many, world->one_too_many_size}, &entry);
    if (status == HF_OK)
        status = hf_entry_crowds(hub, hf_store_own_origin(hub), HF_LANE_CRIME, &entry, &crowds);
    world->said = world_heard(world, status);
    if (status == HF_OK) say(world, "it is %s\n", crowds ? "one too many" : "let in");
}

/* An operator lets a device in: several control records, one promise. */
static void run_register(fault_world *world)
{
    static const char *const SCOPES[] = {"beat", "traffic"};
    uint8_t key_id[HF_HASH_SIZE] = {7};
    pair_node *other = world_node(world, WORLD_OTHER);
    world->said = world_heard(
        world,
        hf_hub_register(world->pair->hub, key_id,
                        &(hf_registration){.name = "newcomer",
                                           .force = "Avon",
                                           .unit = "Central",
                                           .scopes = SCOPES,
                                           .scope_count = 2,
                                           .certificate = other->crypto.table.own_certificate},
                        pair_wall_ms(world->pair)));
}

static void judge_register(fault_world *world)
{
    uint8_t key_id[HF_HASH_SIZE] = {7};
    hf_device device;
    uint32_t traffic;
    hf_store *hub = store_of(world, WORLD_HUB);
    world_expect_whole(world, WORLD_HUB);
    world_expect_base_records(world, WORLD_HUB);
    hf_status known = hf_device_by_key(hub, key_id, &device);
    assert_true(known == HF_OK || known == HF_ERR_NOT_FOUND);
    assert_true(known == HF_OK || world->said != HF_OK);
    assert_int_equal(hf_scope_by_name(hub, "traffic", &traffic), known);
    if (known == HF_OK) assert_int_equal(device.scope_count, 2);
}

/* The hub's word on an entry that it holds: its verdict, the hole and the record move together. */
static void run_judge(fault_world *world)
{
    hf_store *hub = store_of(world, WORLD_HUB);
    const hf_origin_row *origin = hf_origin_by_id(hub, &world->author);
    hf_dot dot = {.origin = world->author, .lane = HF_LANE_CRIME, .seq = 3};
    hf_batch *batch;
    hf_status status = origin ? HF_OK : HF_ERR_NOT_FOUND;
    if (status == HF_OK) status = hf_batch_begin(hub, pair_wall_ms(world->pair), &batch);
    if (status == HF_OK) {
        status = hf_batch_verdict(batch, &dot, world->beat, HF_REASON_OPERATOR, "looked into",
                                  pair_wall_ms(world->pair));
        if (status == HF_OK)
            status = hf_batch_commit(batch);
        else
            hf_batch_rollback(batch);
    }
    world->said = world_heard(world, status);
}

static hf_status count_hole(void *context, const hf_hole *hole)
{
    (void)hole;
    ++*(size_t *)context;
    return HF_OK;
}

static void judge_judge(fault_world *world)
{
    size_t holes = 0;
    char found[512];
    hf_store *hub = store_of(world, WORLD_HUB);
    world_expect_whole(world, WORLD_HUB);
    assert_int_equal(hf_hole_each(hub, count_hole, &holes), HF_OK);
    world_values(world, WORLD_HUB, &world->gone, SUMMARY, found);
    assert_true(holes == 0 || holes == 1);
    assert_int_equal(holes == 1, found[0] == 0);
    assert_int_equal(holes == 0, world_is_base(world, WORLD_HUB));
    assert_true(holes == 1 || world->said != HF_OK);
}

/* ---- read: an answer is the whole answer, or none ---- */

static hf_status on_entry(void *context, const hf_feed_item *item)
{
    say(context, "%llu %u %zu\n", (unsigned long long)item->entry.position, item->entry.dot.lane,
        item->entry.body.size);
    return HF_OK;
}

static void run_feed(fault_world *world)
{
    uint32_t scopes[] = {HF_SCOPE_COMMON, world->beat};
    hf_feed_query query = {
        .scopes = scopes, .scope_count = 2, .limit = HF_FEED_READ_MAX, .bytes = SIZE_MAX};
    uint64_t reached = 0;
    uint8_t chain[16];
    hf_status status =
        hf_feed_read_scopes(store_of(world, WORLD_HUB), &query, on_entry, world, &reached, chain);
    say(world, "%llu %02x%02x\n", (unsigned long long)reached, chain[0], chain[15]);
    world->said = world_heard(world, status);
}

static hf_status on_record(void *context, const hf_record_id *id, uint32_t scope, bool deleted)
{
    say(context, "%u %02x%02x %u %d\n", id->type, id->bytes[8], id->bytes[15], scope, deleted);
    return HF_OK;
}

static void run_find(fault_world *world)
{
    hf_bytes words = {(const uint8_t *)"Window", 6};
    hf_store *store = store_of(world, WORLD_EDGE);
    hf_status status = hf_store_find(store, words, 100, on_record, world);
    if (status == HF_OK && !hf_store_found_all(store)) status = HF_ERR_IO; /* it said so */
    world->said = world_heard(world, status);
}

static void run_verify(fault_world *world)
{
    hf_verify_report report;
    world->said = world_heard(world, hf_store_verify(store_of(world, WORLD_EDGE), &report));
    if (world->said != HF_OK) return;
    say(world, "%llu entries, %llu chains, %llu faults %s\n", (unsigned long long)report.entries,
        (unsigned long long)report.chains, (unsigned long long)report.faults, report.first_fault);
}

static hf_status on_history(void *context, const hf_history_item *item)
{
    say(context, "%u %llu %s %s %d %zu\n", item->field, (unsigned long long)item->view.hlc,
        item->view.actor, item->view.device, item->live, item->overwritten_count);
    return HF_OK;
}

static hf_status on_conflict(void *context, const hf_conflict *conflict)
{
    say(context, "%02x %u\n", conflict->record.bytes[15], conflict->field);
    return HF_OK;
}

static void say_view(fault_world *world, const hf_view *view)
{
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        const hf_field_view *field = hf_view_field(view, i);
        say(world, "%s %d", field->name, field->conflict);
        for (size_t v = 0; v < field->value_count; v++)
            say(world, " %zu %s", field->values[v].value.size, field->values[v].actor);
        say(world, "\n");
    }
}

static void run_read(fault_world *world)
{
    hf_store *store = store_of(world, WORLD_EDGE);
    hf_view *view;
    hf_standing standing;
    hf_status status = hf_store_get(store, &world->conflict, &view);
    if (status == HF_OK) say_view(world, view);
    if (status == HF_OK) hf_view_free(view);
    if (status == HF_OK) status = hf_store_get(store, &world->edited, &view);
    if (status == HF_OK) say_view(world, view);
    if (status == HF_OK) hf_view_free(view);
    if (status == HF_OK)
        status = hf_store_history(store, &world->edited, UINT32_MAX, on_history, world);
    if (status == HF_OK) status = hf_store_list(store, 0, NULL, 100, on_record, world);
    if (status == HF_OK) status = hf_store_conflicts(store, on_conflict, world);
    if (status == HF_OK) status = hf_store_standing(store, &standing);
    if (status == HF_OK)
        say(world, "%llu %llu %llu %llu\n", (unsigned long long)standing.entries,
            (unsigned long long)standing.waiting, (unsigned long long)standing.conflicts,
            (unsigned long long)standing.records);
    world->said = world_heard(world, status);
}

/* ---- ask, as the command line and the screens do ---- */

static hf_status ask(fault_world *world, int node, const char *request)
{
    hf_buffer reply = {0};
    bool at_hub = node == WORLD_HUB;
    pair_node *it = world_node(world, node);
    hf_edge_api edge = {.edge = it->edge, .hub = "localhost:7443"};
    hf_enroll enroll = {.store = it->store,
                        .hub = world->pair->hub,
                        .enrol_address = "localhost:7444",
                        .sync_address = "localhost:7443"};
    hf_api api = {.side = at_hub ? &hf_hub_side : &hf_edge_side,
                  .node = at_hub ? (const void *)&enroll : &edge,
                  .store = it->store,
                  .name = it->name,
                  .now_ms = world->pair->now_ms,
                  .wall_ms = pair_wall_ms(world->pair)};
    hf_bytes text = {(const uint8_t *)request, strlen(request)};
    hf_status status = hf_api_answer(&api, text, &reply);
    if (status == HF_OK) say(world, "%.*s\n", (int)reply.size, (const char *)reply.data);
    if (strstr(world->text, "\"complete\":false")) status = HF_ERR_IO; /* it said so */
    hf_buffer_free(&reply);
    return status;
}

static void run_ask(fault_world *world)
{
    static const char *const REQUESTS[] = {
        "{\"op\":\"list\",\"type\":\"crime\"}", "{\"op\":\"conflicts\"}",
        "{\"op\":\"find\",\"words\":\"window\"}", "{\"op\":\"verify\"}"};
    hf_status status = HF_OK;
    for (size_t i = 0; i < sizeof REQUESTS / sizeof *REQUESTS && status == HF_OK; i++)
        status = ask(world, WORLD_EDGE, REQUESTS[i]);
    world->said = world_heard(world, status);
}

static void run_ask_hub(fault_world *world)
{
    static const char *const REQUESTS[] = {"{\"op\":\"devices\"}", "{\"op\":\"conflicts\"}",
                                           "{\"op\":\"list\",\"type\":\"crime\"}",
                                           "{\"op\":\"verify\"}"};
    hf_status status = HF_OK;
    for (size_t i = 0; i < sizeof REQUESTS / sizeof *REQUESTS && status == HF_OK; i++)
        status = ask(world, WORLD_HUB, REQUESTS[i]);
    world->said = world_heard(world, status);
}

static void run_ask_put(fault_world *world)
{
    world->said =
        world_heard(world, ask(world, WORLD_EDGE,
                               "{\"op\":\"put\",\"type\":\"note\",\"scope\":\"beat\",\"changes\":"
                               "[{\"field\":\"subject\",\"value\":\"asked for\"},"
                               "{\"field\":\"text\",\"value\":\"and written\"}]}"));
}

static void judge_ask_put(fault_world *world)
{
    bool said = world->said == HF_OK;
    judge_unchanged(world);
    world->text[world->text_size = 0] = 0;
    assert_int_equal(ask(world, WORLD_EDGE, "{\"op\":\"find\",\"words\":\"asked written\"}"),
                     HF_OK);
    bool whole = strstr(world->text, "note_") != NULL;
    world->text[world->text_size = 0] = 0;
    assert_int_equal(ask(world, WORLD_EDGE, "{\"op\":\"find\",\"words\":\"asked\"}"), HF_OK);
    assert_int_equal(strstr(world->text, "note_") != NULL, whole);
    assert_true(whole || !said);
}

static void judge_hub(fault_world *world)
{
    world_expect_whole(world, WORLD_HUB);
    world_expect_base_records(world, WORLD_HUB);
}

#define EDGE WORLD_BIT(WORLD_EDGE)
#define HUB WORLD_BIT(WORLD_HUB)
#define INPUT (1u << HF_ERR_INPUT)
#define PAGES (1u << HF_ERR_IO)
#define ALL (EDGE | HUB | WORLD_BIT(WORLD_OTHER))

const fault_scenario *fault_scenarios(size_t *count)
{
    static const fault_scenario TABLE[] = {
        {"open_new", 0, EDGE, prepare_nothing_there, run_open, judge_new, PAGES, false},
        {"open", 0, EDGE, NULL, run_open, judge_unchanged, PAGES, false},
        {"open_after_a_power_cut", 0, EDGE, prepare_cut, run_open, judge_unchanged, PAGES, false},
        {"open_a_copy", 0, EDGE, prepare_copy, run_open, judge_copy, PAGES, false},
        {"put", EDGE, EDGE, NULL, run_put, judge_put, 0, false},
        {"resolve", EDGE, EDGE, NULL, run_resolve, judge_resolve, 0, false},
        {"delete", EDGE, EDGE, NULL, run_delete, judge_delete, 0, false},
        {"apply", HUB, HUB, NULL, run_apply, judge_apply, 0, false},
        {"session", ALL, ALL, NULL, run_session, judge_session, 0, false},
        {"number", ALL, ALL, prepare_dry, run_session, judge_numbered, 0, false},
        {"renew", ALL, ALL, prepare_due, run_session, judge_renewed, 0, false},
        {"snapshot", ALL, ALL, prepare_new_disk, run_session, judge_loaded, 0, false},
        {"crowd", 0, HUB, prepare_crowded, run_crowd, judge_hub, 0, true},
        {"register", HUB, HUB, NULL, run_register, judge_register, 0, false},
        {"judge", HUB, HUB, NULL, run_judge, judge_judge, 0, false},
        {"feed", HUB, HUB, NULL, run_feed, judge_hub, 0, true},
        {"find", EDGE, EDGE, NULL, run_find, judge_unchanged, 0, true},
        {"read", EDGE, EDGE, NULL, run_read, judge_unchanged, 0, true},
        {"verify", EDGE, EDGE, NULL, run_verify, judge_unchanged, 0, true},
        {"ask", EDGE, EDGE, NULL, run_ask, judge_unchanged, INPUT, true},
        {"ask_hub", HUB, HUB, NULL, run_ask_hub, judge_hub, INPUT, true},
        {"ask_put", EDGE, EDGE, NULL, run_ask_put, judge_ask_put, INPUT, false},
    };
    *count = sizeof TABLE / sizeof *TABLE;
    return TABLE;
}
