/* test_renew.c: a device that was set back and written to writes its branch again under a new name,
 * change by change, each in its own way; and says of each where it comes from. */
#include "pair.h"

#include "sync/store_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SUMMARY = 27, LINES = 28, METHODS = 25, MANY = 300 };

/* The device is set back to what it was, while the hub has one entry more of its log. */
static void set_back(pair_world *pair)
{
    pair_node *node = &pair->nodes[0];
    pair_shut(pair, node);
    sim_image *image = sim_disk_copy(node->disk, "\x01");
    pair_open(pair, node);
    pair_crime(pair, 0, "What the hub has");
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    pair_shut(pair, node);
    assert_true(sim_disk_restore(node->disk, image));
    sim_image_free(image);
    pair_open(pair, node);
}

static void change(pair_world *pair, const hf_record_id *id, hf_change_kind kind, uint32_t field,
                   const char *text, const char *actor)
{
    hf_store *store = pair->nodes[0].store;
    hf_author author = {.actor = actor, .wall_ms = pair_wall_ms(pair), .quality = 3};
    hf_txn *txn;
    hf_buffer value = {0};
    if (text) hf_write_string(&value, text);
    hf_change made = {
        .record = *id, .field = field, .kind = kind, .value = hf_buffer_bytes(&value)};
    if (kind == HF_CHANGE_RESOLVE) made.reason = (hf_bytes){(const uint8_t *)"misheard", 8};
    assert_int_equal(hf_txn_begin(store, &author, &txn), HF_OK);
    assert_int_equal(hf_txn_change(txn, &made), HF_OK);
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    hf_buffer_free(&value);
}

static size_t values_of(hf_store *store, const hf_record_id *id, uint32_t number)
{
    hf_view *view;
    size_t count = 0;
    if (hf_store_get(store, id, &view) != HF_OK) return 0;
    for (size_t i = 0; i < hf_view_field_count(view); i++)
        if (hf_view_field(view, i)->number == number) count = hf_view_field(view, i)->value_count;
    hf_view_free(view);
    return count;
}

static bool is_deleted(hf_store *store, const hf_record_id *id)
{
    hf_view *view;
    assert_int_equal(hf_store_get(store, id, &view), HF_OK);
    bool deleted = hf_view_deleted(view);
    hf_view_free(view);
    return deleted;
}

static void every_kind_of_change_is_written_again_in_its_own_way(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_store *hub = pair->hub_node.store, *other = pair->nodes[1].store;
    hf_record_id shared = pair_crime(pair, 0, "As it was"), doomed = pair_crime(pair, 0, "Doomed");
    pair_run(pair);
    set_back(pair);
    change(pair, &shared, HF_CHANGE_ADD, METHODS, "forced entry", "PC Rees");
    change(pair, &shared, HF_CHANGE_ADD, METHODS, "distraction", "PC Rees");
    change(pair, &shared, HF_CHANGE_REMOVE, METHODS, "distraction", "PC Rees");
    change(pair, &shared, HF_CHANGE_ADD, LINES, "A line", "");
    change(pair, &shared, HF_CHANGE_RESOLVE, SUMMARY, "As it is", "PC Rees");
    change(pair, &doomed, HF_CHANGE_SET, SUMMARY, "Changed, then deleted", "PC Rees");
    change(pair, &doomed, HF_CHANGE_DELETE, 0, NULL, "PC Rees");
    pair_wait(pair, 10 * HF_REDIAL_MIN_MS);
    assert_string_equal(pair_summary(hub, &shared), "As it is");
    assert_string_equal(pair_summary(other, &shared), "As it is");
    assert_int_equal(values_of(other, &shared, LINES), 1);
    assert_true(values_of(other, &shared, METHODS) >= 1);
    assert_true(is_deleted(hub, &doomed)); /* what preceded it is refused now, and costs nothing */
    assert_true(is_deleted(other, &doomed));
    hf_verify_report report;
    assert_int_equal(hf_store_verify(hub, &report), HF_OK);
    assert_int_equal(report.faults, 0);
    pair_free(pair);
}

/* More than is read at a time. */
static void a_long_branch_is_written_again_to_its_end(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_record_id made[MANY];
    set_back(pair);
    for (size_t i = 0; i < MANY; i++) made[i] = pair_crime(pair, 0, "Only I have it");
    pair_wait(pair, 10 * HF_REDIAL_MIN_MS);
    for (size_t i = 0; i < MANY; i++)
        assert_string_equal(pair_summary(pair->hub_node.store, &made[i]), "Only I have it");
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_change_is_written_again_in_its_own_way),
        cmocka_unit_test(a_long_branch_is_written_again_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
