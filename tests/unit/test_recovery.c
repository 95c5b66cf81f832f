/* test_recovery.c: a hub that lost what it had: what it had decided, and what devices had brought.
 */
#include "pair.h"

#include "sync/control.h"
#include "sync/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EVERYTHING_BACK_MS = 20 * HF_REDIAL_MIN_MS };

/* ---- a hub's disk, set back ---- */

static sim_image *image_of_hub(pair_world *pair, const char *except)
{
    pair_shut(pair, &pair->hub_node);
    sim_image *image = sim_disk_copy(pair->hub_node.disk, except);
    assert_non_null(image);
    pair_open(pair, &pair->hub_node);
    return image;
}

static void lose(pair_world *pair, const char *end)
{
    size_t *size;
    assert_non_null(sim_disk_rot(pair->hub_node.disk, end, &size));
    *size = 0;
}

/* The hub's files as they were then; those whose names end so are gone too, NULL: none. */
static void set_back(pair_world *pair, sim_image *image, const char *lost, const char *lost_too)
{
    pair_shut(pair, &pair->hub_node);
    assert_true(sim_disk_restore(pair->hub_node.disk, image));
    sim_image_free(image);
    if (lost) lose(pair, lost);
    if (lost_too) lose(pair, lost_too);
    pair_open(pair, &pair->hub_node);
}

static void revoke(pair_world *pair, const char *name)
{
    assert_int_equal(hf_hub_revoke(pair->hub, name, "Operator", "stolen", pair_wall_ms(pair)),
                     HF_OK);
}

static bool is_revoked(pair_world *pair, size_t edge)
{
    hf_device device;
    assert_int_equal(
        hf_device_by_key(pair->hub_node.store, pair->nodes[edge].crypto.table.own_key_id, &device),
        HF_OK);
    return device.revoked;
}

typedef struct identity {
    hf_origin_id origin;
    uint8_t epoch[16];
} identity;

static identity identity_of(const hf_store *store)
{
    identity is = {.origin = hf_store_own_origin(store)->id};
    memcpy(is.epoch, hf_store_epoch(store), sizeof is.epoch);
    return is;
}

static void expect_new_life(pair_world *pair, const identity *before)
{
    identity now = identity_of(pair->hub_node.store);
    assert_memory_not_equal(&now.origin, &before->origin, sizeof now.origin);
    assert_memory_not_equal(now.epoch, before->epoch, sizeof now.epoch);
    hf_verify_report report;
    assert_int_equal(hf_store_verify(pair->hub_node.store, &report), HF_OK);
    assert_string_equal(report.first_fault, "");
}

/* ---- what it had decided ---- */

/* Whichever of its files were put back: what stands beside the store is of now. */
static void a_revoked_device_is_not_let_in_again_by_a_restore(void **state)
{
    (void)state;
    for (int guard = 0; guard < 2; guard++) {
        pair_world *pair = pair_new(2);
        sim_image *image = image_of_hub(pair, ".fence");
        revoke(pair, "edge1");
        pair_run(pair);
        identity before = identity_of(pair->hub_node.store);
        set_back(pair, image, guard ? NULL : ".guard", NULL);
        assert_true(is_revoked(pair, 1));
        assert_false(is_revoked(pair, 0));
        assert_false(hf_store_control_waits(pair->hub_node.store));
        expect_new_life(pair, &before);
        pair_free(pair);
    }
}

static void without_a_second_record_of_its_decisions_a_hub_says_so(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    sim_image *image = image_of_hub(pair, "\x01");
    revoke(pair, "edge1");
    identity before = identity_of(pair->hub_node.store);
    set_back(pair, image, ".guard", ".fence");
    expect_new_life(pair, &before);
    for (int openings = 0; openings < 2; openings++) { /* to start it again changes nothing */
        assert_true(hf_store_control_waits(pair->hub_node.store));
        pair_shut(pair, &pair->hub_node);
        pair_open(pair, &pair->hub_node);
    }
    assert_int_equal(hf_store_control_accept(pair->hub_node.store), HF_OK);
    pair_shut(pair, &pair->hub_node);
    pair_open(pair, &pair->hub_node);
    assert_false(hf_store_control_waits(pair->hub_node.store));
    pair_free(pair);
}

/* What stands beside it is of an earlier day than the store that is put back. */
static void an_older_record_of_its_decisions_is_not_taken_for_all_of_them(void **state)
{
    (void)state;
    pair_world *pair = pair_new(3);
    sim_image *early = image_of_hub(pair, ".db");
    revoke(pair, "edge1");
    pair_shut(pair, &pair->hub_node);
    assert_true(sim_disk_restore(pair->hub_node.disk, early));
    sim_image_free(early);
    lose(pair, ".guard");
    pair_open(pair, &pair->hub_node);
    assert_true(hf_store_control_waits(pair->hub_node.store));
    assert_true(is_revoked(pair, 1));
    pair_free(pair);
}

/* Power fails at any disk operation while a device is revoked and the hub starts again: once it was
 * said to be done, no older store undoes it. */
static void what_was_decided_is_on_disk_twice_or_is_said_to_be_missing(void **state)
{
    (void)state;
    bool died = true;
    for (uint64_t call = 1; died; call++) {
        pair_world *pair = pair_new(2);
        sim_image *image = image_of_hub(pair, ".fence");
        sim_disk_kill_at(pair->hub_node.disk, call);
        hf_status status =
            hf_hub_revoke(pair->hub, "edge1", "Operator", "stolen", pair_wall_ms(pair));
        died = sim_disk_killed(pair->hub_node.disk);
        sim_disk_kill_at(pair->hub_node.disk, 0);
        pair_power_cut(pair, &pair->hub_node); /* ... and starts, which adds what is missing */
        if (status == HF_OK) assert_true(is_revoked(pair, 1));
        set_back(pair, image, ".guard", NULL);
        if (status == HF_OK) assert_true(is_revoked(pair, 1));
        pair_free(pair);
        assert_true(call < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_revoked_device_is_not_let_in_again_by_a_restore),
        cmocka_unit_test(without_a_second_record_of_its_decisions_a_hub_says_so),
        cmocka_unit_test(an_older_record_of_its_decisions_is_not_taken_for_all_of_them),
        cmocka_unit_test(what_was_decided_is_on_disk_twice_or_is_said_to_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
