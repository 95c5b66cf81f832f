/* test_stock.c: a station has numbers in stock for its devices, and gives none that the centre did
 * not lease to that very device. */
#include "tiers.h"

#include "sync/control.h"
#include "sync/lease.h"
#include "sync/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    CENTRE = TIERS_CENTRE,
    STATION = TIERS_STATION,
    FIRST = TIERS_EDGE,
    SECOND = TIERS_EDGE + 1,
    CRIME = 16,
    BLOCK = 500
};

static const hf_series *series_of(tiers *t, size_t node)
{
    return hf_pack_type(hf_store_pack(t->nodes[node].store), CRIME)->series;
}

static hf_series_left left_of(tiers *t, size_t node)
{
    hf_series_left left;
    assert_int_equal(hf_series_left_get(t->nodes[node].store, series_of(t, node), &left), HF_OK);
    return left;
}

/* Is there a block at `hub` for this device behind those that it has? */
static bool in_stock(tiers *t, size_t hub, size_t node, hf_lease *out)
{
    bool got;
    hf_store *store = t->nodes[hub].store;
    const hf_origin_row *holder =
        hf_origin_by_id(store, &hf_store_own_origin(t->nodes[node].store)->id);
    assert_non_null(holder);
    assert_int_equal(hf_lease_next(store, "crime", holder, left_of(t, node).last, out, &got),
                     HF_OK);
    return got;
}

static void write_down_to(tiers *t, size_t node, uint64_t left)
{
    while (left_of(t, node).left > left) (void)tiers_crime(t, node, "One of many");
    tiers_wait(t, 3 * HF_ASK_AGAIN_MS);
}

/* A device that only ever meets the station has numbers, and there is a block more for it. */
static void a_station_has_a_block_in_stock_for_each_of_its_devices(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    hf_lease first, second;
    tiers_wait(t, 4 * HF_ASK_AGAIN_MS);

    assert_true(in_stock(t, STATION, FIRST, &first));
    assert_true(in_stock(t, STATION, SECOND, &second));
    assert_true(first.first > second.last || second.first > first.last);
    for (size_t i = FIRST; i <= SECOND; i++) assert_int_equal(left_of(t, i).left, BLOCK);
    hf_series_sum sum; /* two for each, however often they came and asked */
    for (int n = 0; n < 3; n++) {
        tiers_leave(t, FIRST);
        tiers_come_back(t, FIRST);
        tiers_leave(t, STATION);
        tiers_come_back(t, STATION);
    }
    assert_int_equal(hf_series_sum_get(t->nodes[CENTRE].store, "crime", &sum), HF_OK);
    assert_int_equal(sum.leases, 4);
    tiers_free(t);
}

static void numbers_go_on_in_the_dark(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    uint64_t provisional;
    hf_lease block;
    tiers_wait(t, 4 * HF_ASK_AGAIN_MS);
    uint64_t last = left_of(t, FIRST).last;
    tiers_leave(t, STATION);
    write_down_to(t, FIRST, BLOCK / 2); /* renewed at half, by the stock */
    assert_int_equal(left_of(t, FIRST).left, BLOCK / 2 + BLOCK);
    assert_true(left_of(t, FIRST).last > last);
    write_down_to(t, FIRST, 0);
    (void)tiers_crime(t, FIRST, "Quite dry");
    tiers_run(t);
    assert_int_equal(hf_provisional_count(t->nodes[FIRST].store, &provisional), HF_OK);
    assert_int_equal(provisional, 1);
    assert_false(in_stock(t, STATION, FIRST, &block));
    tiers_come_back(t, STATION);
    tiers_wait(t, 4 * HF_ASK_AGAIN_MS); /* its number follows, and the stock is filled again */
    assert_int_equal(hf_provisional_count(t->nodes[FIRST].store, &provisional), HF_OK);
    assert_int_equal(provisional, 0);
    assert_true(in_stock(t, STATION, FIRST, &block));
    tiers_free(t);
}

/* However far a station is set back, guard and all: what it hands over is what the centre leased to
 * that device, so nobody is given what another has. */
static void a_station_that_was_set_back_gives_no_number_twice(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    tiers_wait(t, 4 * HF_ASK_AGAIN_MS);
    tiers_shut(t, STATION);
    sim_image *image = sim_disk_copy(t->nodes[STATION].disk, "-shm");
    tiers_open(t, STATION);
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    tiers_leave(t, STATION); /* dark from here on */
    write_down_to(t, FIRST, BLOCK / 2);
    uint64_t first = left_of(t, FIRST).last;
    tiers_shut(t, STATION);
    assert_true(sim_disk_restore(t->nodes[STATION].disk, image));
    tiers_open(t, STATION);
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
    write_down_to(t, SECOND, BLOCK / 2);
    uint64_t second = left_of(t, SECOND).last;
    assert_true(second != first);
    write_down_to(t, FIRST, 0);
    write_down_to(t, SECOND, 0);
    tiers_come_back(t, STATION);
    tiers_wait(t, 4 * HF_ASK_AGAIN_MS);
    assert_true(tiers_equal(t));
    hf_series_sum sum; /* as many numbers as records: not one twice */
    assert_int_equal(hf_series_sum_get(t->nodes[CENTRE].store, "crime", &sum), HF_OK);
    assert_int_equal(sum.used, 2 * (BLOCK + BLOCK));
    sim_image_free(image);
    tiers_free(t);
}

static bool lose_wishes(tiers *t, size_t node, bool down, const hf_message *message,
                        hf_buffer *instead)
{
    (void)instead;
    return !(t->context && node == STATION && !down && message->type == HF_FRAME_ASK_FOR);
}

static void a_wish_that_was_lost_is_made_again(void **state)
{
    (void)state;
    tiers *t = tiers_new(1);
    hf_lease block;
    t->tap = lose_wishes;
    t->context = t;
    tiers_leave(t, STATION);
    tiers_come_back(t, STATION);
    tiers_power_cut(t, FIRST);
    tiers_wait(t, 4 * HF_ASK_AGAIN_MS);
    t->context = NULL;
    write_down_to(t, FIRST, BLOCK / 2);
    tiers_leave(t, STATION);
    tiers_come_back(t, STATION);
    tiers_wait(t, 4 * HF_ASK_AGAIN_MS);
    assert_true(in_stock(t, STATION, FIRST, &block));
    tiers_free(t);
}

/* Numbers for a device of which the centre knows nothing, or nothing good, are none. */
static void the_centre_leases_nothing_to_whom_it_revoked(void **state)
{
    (void)state;
    tiers *t = tiers_new(2);
    hf_series_sum before, after;
    tiers_wait(t, 4 * HF_ASK_AGAIN_MS);
    tiers_leave(t, STATION);
    write_down_to(t, FIRST, BLOCK / 2); /* the stock is handed over, and another is wished for */
    assert_int_equal(
        hf_hub_revoke(t->nodes[CENTRE].hub, "edge0", "an operator", "lost", tiers_wall_ms(t)),
        HF_OK);
    assert_int_equal(hf_series_sum_get(t->nodes[CENTRE].store, "crime", &before), HF_OK);
    tiers_come_back(t, STATION);
    assert_int_equal(hf_series_sum_get(t->nodes[CENTRE].store, "crime", &after), HF_OK);
    assert_int_equal(after.leases, before.leases);
    tiers_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_station_has_a_block_in_stock_for_each_of_its_devices),
        cmocka_unit_test(numbers_go_on_in_the_dark),
        cmocka_unit_test(a_station_that_was_set_back_gives_no_number_twice),
        cmocka_unit_test(a_wish_that_was_lost_is_made_again),
        cmocka_unit_test(the_centre_leases_nothing_to_whom_it_revoked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
