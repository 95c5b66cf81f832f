/* test_control.c: what a hub's own records add up to, on the hub and on everyone who holds them. */
#include "fixture.h"

#include "sync/embedded.h"
#include "sync/ids.h"
#include "sync/store_core.h"
#include "sync/system_types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { FALLS_WITHIN = 4 }; /* a field that shows the newest, by the better clock */

static hf_hub *hub_of(fix_bench *b)
{
    hf_hub *hub;
    hf_hub_options options = {.implementation = "test", .peers_max = 1};
    assert_int_equal(hf_hub_new(b->hub->store, &options, &hub), HF_OK);
    return hub;
}

/* One control record's fields, as the hub itself would write them. */
static void control(fix_bench *b, const hf_record_id *id, uint32_t scope, hf_change *changes,
                    size_t count)
{
    hf_batch *batch;
    hf_author author = {.actor = "hub", .wall_ms = b->hub->wall_ms += 1000, .quality = 3};
    for (size_t i = 0; i < count; i++) {
        changes[i].record = *id;
        changes[i].scope = scope;
    }
    assert_int_equal(hf_batch_begin(b->hub->store, author.wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_control(batch, scope, &author, changes, count), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

static hf_record_id new_id(fix_bench *b, uint32_t type)
{
    hf_record_id id;
    assert_int_equal(hf_record_id_new(&b->hub->crypto.table, type, b->hub->wall_ms, &id), HF_OK);
    return id;
}

/* ---- devices ---- */

static void a_device_is_known_by_key_and_by_name(void **state)
{
    fix_bench *b = *state;
    hf_device device;
    hf_record_id record;
    const uint8_t *key = b->rees->crypto.table.own_key_id;
    assert_int_equal(hf_device_by_key(b->hub->store, key, &device), HF_OK);
    assert_string_equal(device.name, "rees");
    assert_string_equal(device.force, "Avon");
    assert_string_equal(device.unit, "Central");
    assert_false(device.revoked || device.is_hub);
    assert_int_equal(device.scope_count, 2);
    assert_true(device.scopes[0] < device.scopes[1]);
    assert_true(device.home > HF_SCOPE_COMMON);
    assert_int_equal(hf_device_by_name(b->hub->store, "rees", &device, &record), HF_OK);
    assert_memory_equal(device.key_id, key, HF_HASH_SIZE);
    assert_int_equal(record.type, HF_TYPE_DEVICE);
    uint8_t nobody[HF_HASH_SIZE] = {1};
    assert_int_equal(hf_device_by_key(b->hub->store, nobody, &device), HF_ERR_NOT_FOUND);
    assert_int_equal(hf_device_by_name(b->hub->store, "nobody", &device, &record),
                     HF_ERR_NOT_FOUND);
}

static void a_revoked_device_is_known_as_revoked(void **state)
{
    fix_bench *b = *state;
    hf_device device;
    hf_hub *hub = hub_of(b);
    assert_int_equal(hf_hub_revoke(hub, "rees", "Insp Bell", "lost", b->hub->wall_ms), HF_OK);
    hf_hub_free(hub);
    fix_shut(b->hub);
    fix_open(b->hub);
    const uint8_t *key = b->rees->crypto.table.own_key_id;
    assert_int_equal(hf_device_by_key(b->hub->store, key, &device), HF_OK);
    assert_true(device.revoked);
    assert_int_equal(hf_device_by_key(b->hub->store, b->khan->crypto.table.own_key_id, &device),
                     HF_OK);
    assert_false(device.revoked);
}

static hf_cite standing_of(fix_bench *b, const hf_record_id *id)
{
    hf_record record;
    hf_cite at = {.dot = {.seq = 0}};
    assert_int_equal(hf_record_load(b->hub->store, id, true, &record), HF_OK);
    for (size_t i = 0; i < record.field_count; i++)
        if (record.fields[i].number == HF_DEVICE_STANDING) at = record.fields[i].cell.live[0].at;
    hf_record_clear(&record);
    assert_int_equal(at.dot.lane, HF_LANE_CONTROL);
    return at;
}

/* An entry that this version would not write: a later one's word for how the device stands. */
static void write_standing(fix_bench *b, const hf_record_id *id, const char *word)
{
    hf_buffer ops = {0}, parts = {0};
    hf_cite over = standing_of(b, id);
    hf_write_raw(&ops, (hf_bytes){(const uint8_t *)"saltsalt", 8});
    hf_write_array(&ops, 4);
    hf_write_uint(&ops, id->type);
    hf_write_bytes(&ops, id->bytes, HF_RECORD_ID_SIZE);
    hf_write_array(&ops, 0);
    hf_write_array(&ops, 1);
    hf_write_array(&ops, 3);
    hf_write_uint(&ops, HF_DEVICE_STANDING);
    hf_write_array(&ops, 1);
    hf_write_array(&ops, 3);
    hf_write_uint(&ops, 0);
    hf_write_uint(&ops, over.dot.seq);
    hf_write_bytes(&ops, over.prefix, HF_PREFIX_SIZE);
    hf_write_string(&ops, word);
    hf_write_array(&parts, 1);
    hf_write_bytes(&parts, ops.data, ops.size);
    hf_draft draft = {.scope = HF_SCOPE_CONTROL,
                      .lane = HF_LANE_CONTROL,
                      .actor = "hub",
                      .quality = 3,
                      .parts = hf_buffer_bytes(&parts)};
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(b->hub->store, b->hub->wall_ms += 1000, &batch), HF_OK);
    assert_int_equal(hf_batch_own(batch, &draft, NULL), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    hf_buffer_free(&ops);
    hf_buffer_free(&parts);
}

/* A door that we do not understand is shut. */
static void an_unknown_standing_shuts_the_door(void **state)
{
    fix_bench *b = *state;
    hf_device device;
    hf_record_id record;
    assert_int_equal(hf_device_by_name(b->hub->store, "rees", &device, &record), HF_OK);
    assert_false(device.revoked);
    write_standing(b, &record, "paused");
    assert_int_equal(hf_device_by_name(b->hub->store, "rees", &device, &record), HF_OK);
    assert_true(device.revoked);
    write_standing(b, &record, "active");
    assert_int_equal(hf_device_by_name(b->hub->store, "rees", &device, &record), HF_OK);
    assert_false(device.revoked);
}

typedef struct device_list {
    char names[16][128];
    size_t count;
} device_list;

static hf_status on_device(void *context, const hf_device *device)
{
    device_list *list = context;
    assert_true(list->count < 16);
    memcpy(list->names[list->count++], device->name, sizeof device->name);
    return HF_OK;
}

static void each_device_is_listed_once(void **state)
{
    fix_bench *b = *state;
    device_list list = {.count = 0};
    assert_int_equal(hf_device_each(b->hub->store, on_device, &list), HF_OK);
    assert_int_equal(list.count, 3); /* the hub, Rees and Khan, in the order they came */
    assert_string_equal(list.names[0], "hub");
    assert_string_equal(list.names[1], "rees");
    assert_string_equal(list.names[2], "khan");
}

/* A station that holds the control log admits whom the centre would, with the centre dark. */
static void a_station_knows_the_devices_from_the_log_alone(void **state)
{
    fix_bench *b = *state;
    fix_node *station = fix_edge(b->hub, "station");
    uint32_t scopes[] = {HF_SCOPE_CONTROL, HF_SCOPE_COMMON};
    uint64_t position = 0;
    fix_pull(b->hub, station, scopes, 2, &position);
    device_list list = {.count = 0};
    assert_int_equal(hf_device_each(station->store, on_device, &list), HF_OK);
    assert_int_equal(list.count, 4);
    hf_device device;
    const uint8_t *key = b->rees->crypto.table.own_key_id;
    assert_int_equal(hf_device_by_key(station->store, key, &device), HF_OK);
    assert_int_equal(device.scope_count, 2);
    fix_expect_same(b->hub, station, HF_SCOPE_CONTROL);
    fix_free(station);
}

/* ---- scopes and grants ---- */

static void scopes_have_names_and_numbers(void **state)
{
    fix_bench *b = *state;
    char name[64];
    uint32_t number, next;
    assert_int_equal(hf_scope_name(b->khan->store, b->beat, name, sizeof name), HF_OK);
    assert_string_equal(name, "beat");
    assert_int_equal(hf_scope_by_name(b->khan->store, "custody", &number), HF_OK);
    assert_int_equal(number, b->custody);
    assert_int_equal(hf_scope_by_name(b->khan->store, "cells", &number), HF_ERR_NOT_FOUND);
    assert_int_equal(hf_scope_name(b->khan->store, 9999, name, sizeof name), HF_ERR_NOT_FOUND);
    assert_int_equal(hf_scope_next(b->hub->store, &next), HF_OK);
    assert_true(next > b->beat && next > b->custody);
    assert_int_equal(hf_scope_name(b->hub->store, next, name, sizeof name), HF_ERR_NOT_FOUND);
}

static void grant(fix_node *node, const hf_grant *grants, size_t count)
{
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(node->store, node->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_grants(batch, grants, count), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

static void only_scopes_that_take_records_are_offered(void **state)
{
    fix_bench *b = *state;
    hf_grant grants[] = {{.number = HF_SCOPE_COMMON, .may_write = true, .name = "common"},
                         {.number = b->beat, .may_write = true, .name = "beat"},
                         {.number = b->custody, .may_write = false, .name = "custody"},
                         {.number = 77, .may_write = true, .name = "device/0102"}};
    grant(b->rees, grants, 4);
    hf_scope_view scopes[4];
    size_t count = 4;
    assert_int_equal(hf_store_scopes(b->rees->store, scopes, &count), HF_OK);
    assert_int_equal(count, 1);
    assert_int_equal(scopes[0].number, b->beat);
    assert_string_equal(scopes[0].name, "beat");
    count = 0;
    assert_int_equal(hf_store_scopes(b->rees->store, NULL, &count), HF_OK);
    assert_int_equal(count, 1);
    hf_grant read[4];
    count = 4;
    assert_int_equal(hf_grants_get(b->rees->store, read, &count), HF_OK);
    assert_int_equal(count, 4);
    grant(b->rees, grants, 1); /* each WELCOME names them all anew */
    count = 4;
    assert_int_equal(hf_grants_get(b->rees->store, read, &count), HF_OK);
    assert_int_equal(count, 1);
}

static void nothing_is_written_without_a_grant(void **state)
{
    fix_bench *b = *state;
    hf_txn *txn;
    hf_record_id id;
    hf_grant grants[] = {{.number = b->beat, .may_write = true, .name = "beat"},
                         {.number = b->custody, .may_write = false, .name = "custody"}};
    grant(b->rees, grants, 2);
    hf_author author = {.actor = "PC Rees", .wall_ms = b->rees->wall_ms, .quality = 3};
    assert_int_equal(hf_txn_begin(b->rees->store, &author, &txn), HF_OK);
    assert_int_equal(hf_txn_new_id(txn, FIX_CRIME, &id), HF_OK);
    static const uint8_t text[] = {0x61, 'x'};
    hf_change change = {
        .record = id, .field = FIX_SUMMARY, .value = {text, sizeof text}, .scope = b->custody};
    assert_int_equal(hf_txn_change(txn, &change), HF_ERR_DENIED);
    change.scope = 4321;
    assert_int_equal(hf_txn_change(txn, &change), HF_ERR_DENIED);
    change.scope = b->beat;
    assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    hf_txn_rollback(txn);
}

/* ---- the pack ---- */

static void publish(fix_bench *b, hf_bytes compiled)
{
    hf_buffer version = {0}, body = {0};
    hf_write_uint(&version, 99);
    hf_write_bytes(&body, compiled.data, compiled.size);
    hf_change changes[] = {{.field = HF_PACK_VERSION, .value = hf_buffer_bytes(&version)},
                           {.field = HF_PACK_BODY, .value = hf_buffer_bytes(&body)}};
    hf_record_id id = new_id(b, HF_TYPE_PACK);
    control(b, &id, HF_SCOPE_COMMON, changes, 2);
    hf_buffer_free(&version);
    hf_buffer_free(&body);
}

static void everyone_holds_the_newest_pack(void **state)
{
    fix_bench *b = *state;
    uint32_t version = hf_pack_version(hf_store_pack(b->hub->store));
    assert_true(version > 0);
    assert_int_equal(hf_pack_version(hf_store_pack(b->rees->store)), version);
    fix_shut(b->rees);
    fix_open(b->rees);
    assert_int_equal(hf_pack_version(hf_store_pack(b->rees->store)), version);
    assert_non_null(hf_pack_type(hf_store_pack(b->rees->store), FIX_CRIME));
}

/* A pack of a later make must not take away the one that a node can read. */
static void a_pack_that_does_not_read_changes_nothing(void **state)
{
    fix_bench *b = *state;
    static const uint8_t later[] = {0x82, 0x02, 0x18, 0x63};
    uint32_t version = hf_pack_version(hf_store_pack(b->hub->store));
    publish(b, (hf_bytes){later, sizeof later});
    publish(b, (hf_bytes){hf_pack_police, hf_pack_police_size}); /* no newer: no news */
    fix_exchange(b);
    assert_int_equal(hf_pack_version(hf_store_pack(b->hub->store)), version);
    assert_int_equal(hf_pack_version(hf_store_pack(b->rees->store)), version);
    fix_shut(b->rees);
    fix_open(b->rees);
    assert_non_null(hf_pack_type(hf_store_pack(b->rees->store), FIX_CRIME));
}

/* ---- verdicts ---- */

static uint64_t vector_of(fix_node *node, fix_node *writer, uint32_t scope)
{
    const hf_origin_row *origin =
        hf_origin_by_id(node->store, &hf_store_own_origin(writer->store)->id);
    hf_vector_slot *slot;
    assert_non_null(origin);
    assert_int_equal(hf_vector_get(node->store, hf_log_no(origin->no, HF_LANE_CRIME), scope, &slot),
                     HF_OK);
    return slot->seq;
}

/* A device that comes after the entry gets only the verdict, and what is behind it still flows. */
static void nothing_waits_behind_a_withheld_entry(void **state)
{
    fix_bench *b = *state;
    hf_record_id first = fix_new_crime(b->rees, b->beat, "withheld");
    hf_dot dot = b->rees->last;
    fix_push(b->rees, b->hub);
    fix_judge(b->hub, &dot, b->beat, 604);
    hf_record_id second = fix_new_crime(b->rees, b->beat, "counts");
    uint64_t after = hf_feed_position(b->hub->store) - 1; /* the verdict, without the entry */
    fix_push(b->rees, b->hub);
    uint32_t beat[] = {b->beat};
    fix_pull(b->hub, b->khan, beat, 1, &after);
    assert_int_equal(vector_of(b->khan, b->rees, b->beat), 2);
    assert_string_equal(fix_shown(b->khan, &second, FIX_SUMMARY), "counts");
    assert_string_equal(fix_shown(b->khan, &first, FIX_SUMMARY), "");
    fix_expect_whole(b->khan);
    fix_expect_same(b->hub, b->khan, b->beat);
    fix_judge(b->hub, &dot, b->beat, 0);
    fix_pull(b->hub, b->khan, beat, 1, &after);
    assert_string_equal(fix_shown(b->khan, &first, FIX_SUMMARY), "withheld");
    fix_expect_whole(b->khan);
    fix_expect_same(b->hub, b->khan, b->beat);
}

/* The same verdict twice, or a verdict taken back and given again: the last one counts. */
static void the_last_verdict_counts(void **state)
{
    fix_bench *b = *state;
    hf_record_id crime = fix_new_crime(b->rees, b->beat, "doubtful");
    hf_dot dot = b->rees->last;
    fix_exchange(b);
    static const uint32_t reasons[] = {604, 604, 0, 600, 0, 0, 604};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        fix_judge(b->hub, &dot, b->beat, reasons[i]);
        if (i % 2) fix_exchange(b);
    }
    fix_exchange(b);
    fix_node *nodes[] = {b->hub, b->rees, b->khan};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(fix_shown(nodes[i], &crime, FIX_SUMMARY), "");
        fix_expect_whole(nodes[i]);
        fix_expect_same(b->hub, nodes[i], b->beat);
    }
    fix_judge(b->hub, &dot, b->beat, 0);
    fix_exchange(b);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(fix_shown(nodes[i], &crime, FIX_SUMMARY), "doubtful");
        fix_expect_whole(nodes[i]);
        fix_expect_same(b->hub, nodes[i], b->beat);
    }
}

static void a_verdict_survives_a_restart(void **state)
{
    fix_bench *b = *state;
    hf_record_id crime = fix_new_crime(b->rees, b->beat, "withheld");
    fix_exchange(b);
    fix_judge(b->hub, &b->rees->last, b->beat, 604);
    fix_exchange(b);
    fix_shut(b->khan);
    fix_open(b->khan);
    assert_string_equal(fix_shown(b->khan, &crime, FIX_SUMMARY), "");
    fix_expect_whole(b->khan);
}

/* ---- clocks ---- */

static void lower_clock(fix_bench *b, const hf_dot *from, uint64_t last, uint64_t quality)
{
    hf_buffer range = {0}, value = {0};
    hf_write_array(&range, 4);
    hf_write_bytes(&range, from->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&range, from->lane);
    hf_write_uint(&range, from->seq);
    hf_write_uint(&range, last);
    hf_write_uint(&value, quality);
    hf_change changes[] = {{.field = HF_CLOCK_RANGE, .value = hf_buffer_bytes(&range)},
                           {.field = HF_CLOCK_QUALITY, .value = hf_buffer_bytes(&value)}};
    hf_record_id id = new_id(b, HF_TYPE_CLOCK);
    control(b, &id, b->beat, changes, 2);
    hf_buffer_free(&range);
    hf_buffer_free(&value);
}

/* A device that was three years ahead won every tie; once its clock is known wrong, it wins none.
 */
static void a_clock_known_wrong_loses_its_ties(void **state)
{
    fix_bench *b = *state;
    hf_record_id crime = fix_new_crime(b->rees, b->beat, "whose is it?");
    fix_exchange(b);
    b->khan->wall_ms += 3ull * 365 * 24 * 3600 * 1000;
    fix_set(b->khan, &crime, FALLS_WITHIN, "Wiltshire");
    hf_dot wrong = b->khan->last;
    fix_set(b->rees, &crime, FALLS_WITHIN, "Avon and Somerset");
    fix_exchange(b);
    assert_string_equal(fix_shown(b->hub, &crime, FALLS_WITHIN), "Wiltshire");
    lower_clock(b, &wrong, wrong.seq + 10, 0);
    fix_exchange(b);
    fix_node *nodes[] = {b->hub, b->rees, b->khan};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(fix_shown(nodes[i], &crime, FALLS_WITHIN), "Avon and Somerset");
        fix_expect_whole(nodes[i]);
    }
    /* The range reaches further: an entry that comes later is judged by it too, after a restart. */
    fix_shut(b->hub);
    fix_open(b->hub);
    fix_set(b->rees, &crime, FALLS_WITHIN, "Gloucestershire");
    fix_set(b->khan, &crime, FALLS_WITHIN, "Devon and Cornwall");
    fix_exchange(b);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(fix_shown(nodes[i], &crime, FALLS_WITHIN), "Gloucestershire");
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, fix_bench_setup, fix_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(a_device_is_known_by_key_and_by_name),
        PROMISE(a_revoked_device_is_known_as_revoked),
        PROMISE(an_unknown_standing_shuts_the_door),
        PROMISE(each_device_is_listed_once),
        PROMISE(a_station_knows_the_devices_from_the_log_alone),
        PROMISE(scopes_have_names_and_numbers),
        PROMISE(only_scopes_that_take_records_are_offered),
        PROMISE(nothing_is_written_without_a_grant),
        PROMISE(everyone_holds_the_newest_pack),
        PROMISE(a_pack_that_does_not_read_changes_nothing),
        PROMISE(nothing_waits_behind_a_withheld_entry),
        PROMISE(the_last_verdict_counts),
        PROMISE(a_verdict_survives_a_restart),
        PROMISE(a_clock_known_wrong_loses_its_ties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
