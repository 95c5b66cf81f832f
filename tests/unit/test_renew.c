/* test_renew.c: a device that was set back and written to writes its branch again under a new name,
 * change by change, each in its own way; and says of each where it comes from. */
#include "pair.h"

#include "sync/again.h"
#include "sync/store_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SUMMARY = 27, LINES = 28, METHODS = 25, MANY = 300, FEW = 4 };

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
    hf_record_id restored = pair_crime(pair, 0, "Deleted, and restored");
    change(pair, &restored, HF_CHANGE_DELETE, 0, NULL, "PC Rees");
    pair_run(pair);
    set_back(pair);
    change(pair, &restored, HF_CHANGE_RESTORE, 0, NULL, "PC Rees");
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
    assert_int_equal(values_of(other, &shared, METHODS), 1); /* one of the two was removed */
    assert_true(is_deleted(hub, &doomed));
    assert_true(is_deleted(other, &doomed));
    assert_true(is_deleted(pair->nodes[0].store, &doomed));
    assert_false(is_deleted(other, &restored));
    assert_string_equal(pair_summary(other, &restored), "Deleted, and restored");
    assert_int_equal(values_of(pair->nodes[0].store, &shared, LINES), 1);
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

/* ---- what the old ops cited, and no more ---- */

static bool no_push(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)pair;
    (void)edge;
    return way == PAIR_DOWN || message->type != HF_FRAME_PUSH;
}

/* As the client does on the hub's word that the log has forked. */
static void write_again(pair_world *pair)
{
    hf_store *store = pair->nodes[0].store;
    assert_int_equal(hf_again_begin(store, hf_store_own_origin(store)), HF_OK);
    assert_int_equal(hf_store_new_incarnation(store), HF_OK);
    assert_int_equal(hf_again_finish(store), HF_OK);
}

static void what_it_had_not_seen_is_not_overwritten_by_what_is_written_again(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_record_id shared = pair_crime(pair, 0, "As it was");
    pair_run(pair);
    pair->tap = no_push;
    change(pair, &shared, HF_CHANGE_RESOLVE, SUMMARY, "Mine", "PC Rees");
    pair->tap = NULL;
    pair->nodes[0].offline = true;
    pair_cut(pair, 0);
    change(pair, &shared, HF_CHANGE_ADD, LINES, "Said once", "PC Rees");
    pair_set(pair, 1, &shared, SUMMARY, "Theirs");
    pair_run(pair);
    pair->nodes[0].offline = false;
    pair->tap = no_push;
    pair_wait(pair, 2 * HF_REDIAL_MAX_MS);
    hf_store *stores[] = {pair->nodes[0].store, pair->hub_node.store, pair->nodes[1].store};
    assert_int_equal(values_of(stores[0], &shared, SUMMARY),
                     2); /* held, but never seen by "Mine" */
    pair->tap = NULL;
    write_again(pair);
    assert_int_equal(values_of(stores[0], &shared, SUMMARY), 2);
    assert_int_equal(values_of(stores[0], &shared, LINES), 1);
    pair_wait(pair, 2 * HF_REDIAL_MAX_MS); /* the hub gets the old ones after all, too */
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(values_of(stores[i], &shared, SUMMARY), 2);
        assert_int_equal(values_of(stores[i], &shared, LINES), 1);
    }
    assert_true(pair_equal(pair));
    pair_free(pair);
}

/* The hub's branch has an edit at the very number that the delete's context names. */
static void a_delete_written_again_hides_no_more_than_it_saw(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    pair_node *node = &pair->nodes[0];
    hf_record_id doomed = pair_crime(pair, 0, "Doomed"), alone = pair_crime(pair, 0, "Alone");
    pair_run(pair);
    pair_shut(pair, node);
    sim_image *image = sim_disk_copy(node->disk, "\x01");
    pair_open(pair, node);
    change(pair, &doomed, HF_CHANGE_RESOLVE, SUMMARY, "What the hub has", "PC Rees");
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    pair_shut(pair, node);
    assert_true(sim_disk_restore(node->disk, image));
    sim_image_free(image);
    pair_open(pair, node);
    change(pair, &alone, HF_CHANGE_RESOLVE, SUMMARY, "Changed, then deleted", "PC Rees");
    change(pair, &doomed, HF_CHANGE_ADD, LINES, "Before the end", "PC Rees");
    change(pair, &doomed, HF_CHANGE_DELETE, 0, NULL, "PC Rees");
    change(pair, &alone, HF_CHANGE_DELETE, 0, NULL, "PC Rees");
    pair_wait(pair, 10 * HF_REDIAL_MIN_MS);
    assert_false(is_deleted(pair->hub_node.store, &doomed));
    assert_false(is_deleted(pair->nodes[1].store, &doomed));
    assert_string_equal(pair_summary(pair->nodes[1].store, &doomed), "What the hub has");
    assert_int_equal(values_of(pair->nodes[1].store, &doomed, LINES), 1);
    assert_true(is_deleted(pair->hub_node.store, &alone));
    assert_true(is_deleted(pair->nodes[1].store, &alone));
    pair_free(pair);
}

/* After a crash the officer may go on before the rest is written again, under the same new name. */
static void a_delete_written_again_does_not_hide_what_was_written_meanwhile(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_store *store = pair->nodes[0].store;
    hf_record_id doomed = pair_crime(pair, 0, "Doomed");
    pair_run(pair);
    pair->nodes[0].offline = true;
    pair_cut(pair, 0);
    change(pair, &doomed, HF_CHANGE_ADD, LINES, "Before the end", "PC Rees");
    change(pair, &doomed, HF_CHANGE_DELETE, 0, NULL, "PC Rees");
    assert_int_equal(hf_again_begin(store, hf_store_own_origin(store)), HF_OK);
    assert_int_equal(hf_store_new_incarnation(store), HF_OK);
    change(pair, &doomed, HF_CHANGE_RESTORE, 0, NULL, "PC Rees");
    change(pair, &doomed, HF_CHANGE_ADD, LINES, "Meanwhile", "PC Rees");
    assert_int_equal(hf_again_finish(store), HF_OK);
    assert_false(is_deleted(store, &doomed));
    assert_int_equal(values_of(store, &doomed, LINES), 2);
    hf_verify_report report;
    assert_int_equal(hf_store_verify(store, &report), HF_OK);
    assert_int_equal(report.faults, 0);
    pair_free(pair);
}

static hf_status add_lines(pair_world *pair, const hf_record_id *id, size_t last)
{
    hf_author author = {.actor = "PC Rees", .wall_ms = pair_wall_ms(pair), .quality = 3};
    hf_txn *txn;
    hf_buffer value = {0};
    char text[HF_VALUE_SIZE_MAX];
    memset(text, 'x', sizeof text);
    assert_int_equal(hf_txn_begin(pair->nodes[0].store, &author, &txn), HF_OK);
    for (size_t i = 0; i < FEW; i++) {
        hf_buffer_clear(&value);
        hf_write_text(&value, text, i + 1 < FEW ? sizeof text - 8 : last);
        hf_change made = {
            .record = *id, .field = LINES, .kind = HF_CHANGE_ADD, .value = hf_buffer_bytes(&value)};
        assert_int_equal(hf_txn_change(txn, &made), HF_OK);
    }
    hf_buffer_free(&value);
    return hf_txn_commit(txn, NULL, NULL);
}

/* There is no room in it to say where it comes from, nor for a citation: so it stands twice here,
 * where both are held, and once at the hub. */
static void an_entry_of_the_largest_size_is_written_again_too(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    pair_node *node = &pair->nodes[0];
    hf_record_id shared = pair_crime(pair, 0, "As it was");
    pair_run(pair);
    node->offline = true;
    pair_cut(pair, 0);
    size_t last = HF_VALUE_SIZE_MAX - 8;
    hf_status status;
    while ((status = add_lines(pair, &shared, last)) == HF_ERR_LIMIT) last--;
    assert_int_equal(status, HF_OK);
    const hf_origin_row *old = hf_store_own_origin(node->store);
    assert_int_equal(hf_again_begin(node->store, old), HF_OK);
    assert_int_equal(values_of(node->store, &shared, LINES), FEW);
    pair_power_cut(pair, node);
    node->offline = false;
    pair_wait(pair, 2 * HF_REDIAL_MAX_MS);
    assert_int_equal(values_of(node->store, &shared, LINES), 2 * FEW);
    assert_int_equal(values_of(pair->hub_node.store, &shared, LINES), FEW);
    pair_free(pair);
}

/* The hub took the line and the device never heard of it; then the two parted. */
static void a_line_whose_ack_was_lost_stands_once(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    pair_node *node = &pair->nodes[0];
    hf_record_id shared = pair_crime(pair, 0, "As it was");
    pair_run(pair);
    node->stuck_down = true;
    change(pair, &shared, HF_CHANGE_ADD, LINES, "Sent, and not acknowledged", "PC Rees");
    pair_run(pair);
    assert_int_equal(values_of(pair->hub_node.store, &shared, LINES), 1);
    pair_shut(pair, node);
    node->stuck_down = false;
    sim_image *image = sim_disk_copy(node->disk, "\x01");
    pair_open(pair, node);
    pair_crime(pair, 0, "What the hub has");
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    pair_shut(pair, node);
    assert_true(sim_disk_restore(node->disk, image));
    sim_image_free(image);
    pair_open(pair, node);
    hf_record_id mine = pair_crime(pair, 0, "Only I have it");
    uint64_t before = hf_store_own_origin(node->store)->no;
    pair_wait(pair, 10 * HF_REDIAL_MIN_MS);
    assert_true((uint64_t)hf_store_own_origin(node->store)->no != before);
    assert_string_equal(pair_summary(pair->nodes[1].store, &mine), "Only I have it");
    assert_int_equal(values_of(pair->hub_node.store, &shared, LINES), 1);
    assert_int_equal(values_of(pair->nodes[1].store, &shared, LINES), 1);
    assert_int_equal(values_of(node->store, &shared, LINES), 1);
    pair_free(pair);
}

/* ---- power ---- */

static hf_status count_entry(void *context, const hf_entry *entry)
{
    if (entry->dot.lane != HF_LANE_CONTROL) ++*(uint64_t *)context;
    return HF_OK;
}

/* Those of devices: a new name is leased numbers, which is a hub's entry. */
static uint64_t entries_of(hf_store *store)
{
    uint64_t count = 0;
    hf_standing standing;
    assert_int_equal(hf_store_standing(store, &standing), HF_OK);
    for (uint64_t at = 0; at < standing.position; at++)
        assert_int_equal(hf_feed_read(store, at, 1, count_entry, &count), HF_OK);
    return count;
}

/* The hub has none of the old ones to be overwritten: what came twice would stand twice there. */
static void power_fails_anywhere_and_each_is_written_again_once(void **state)
{
    (void)state;
    bool died = true;
    for (uint64_t call = 1; died; call += 1) {
        pair_world *pair = pair_new(1);
        pair_node *node = &pair->nodes[0];
        hf_record_id shared = pair_crime(pair, 0, "As it was");
        pair_run(pair);
        uint64_t before = entries_of(pair->hub_node.store);
        node->offline = true;
        pair_cut(pair, 0);
        for (size_t i = 0; i < FEW; i++)
            change(pair, &shared, HF_CHANGE_ADD, LINES, "The same each time", "PC Rees");
        const hf_origin_row *old = hf_store_own_origin(node->store);
        assert_int_equal(hf_again_begin(node->store, old), HF_OK);
        sim_disk_kill_at(node->disk, call);
        hf_status status = hf_store_new_incarnation(node->store);
        if (status == HF_OK) status = hf_again_finish(node->store);
        died = sim_disk_killed(node->disk);
        assert_true(died || status == HF_OK);
        sim_disk_kill_at(node->disk, 0);
        if (died) {
            pair_power_cut(pair, node);
            change(pair, &shared, HF_CHANGE_ADD, METHODS, "disguise", "PC Rees");
            node->offline = false;
            pair_wait(pair, 2 * HF_REDIAL_MAX_MS);
            assert_int_equal(entries_of(pair->hub_node.store), before + FEW + 1);
            assert_int_equal(values_of(pair->hub_node.store, &shared, LINES), FEW);
            assert_int_equal(values_of(node->store, &shared, LINES), FEW);
        }
        pair_free(pair);
    }
}

/* Power failed when it was only begun; the next run hears of the fork before its first turn. */
static void what_was_begun_is_finished_and_not_begun_anew(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    pair_node *node = &pair->nodes[0];
    hf_record_id shared = pair_crime(pair, 0, "As it was");
    hf_bytes message;
    pair_run(pair);
    set_back(pair);
    change(pair, &shared, HF_CHANGE_ADD, LINES, "Said once", "PC Rees");
    assert_int_equal(hf_again_begin(node->store, hf_store_own_origin(node->store)), HF_OK);
    pair_power_cut(pair, node);
    pair->now_ms += HF_REDIAL_MAX_MS;
    assert_int_equal(hf_hub_link_up(pair->hub, node->crypto.table.own_key_id,
                                    sim_crypto_validity(&node->crypto), pair->now_ms, &node->peer),
                     HF_OK);
    hf_peer_set_context(node->peer, node);
    hf_edge_link_up(node->edge, NULL, pair->now_ms);
    assert_int_equal(hf_edge_send(node->edge, pair->now_ms, &message), HF_OK);
    assert_int_equal(hf_hub_recv(pair->hub, node->peer, message, pair->now_ms), HF_OK);
    assert_int_equal(hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_OK);
    assert_int_equal(hf_hub_send(pair->hub, node->peer, pair->now_ms, &message), HF_OK);
    assert_int_equal(hf_edge_recv(node->edge, message, pair->now_ms), HF_OK);
    uint64_t before = entries_of(node->store);
    assert_int_equal(hf_edge_turn(node->edge, pair->now_ms, pair_wall_ms(pair)), HF_OK);
    assert_int_equal(entries_of(node->store), before + 1);
    pair_wait(pair, 10 * HF_REDIAL_MIN_MS);
    assert_int_equal(values_of(pair->hub_node.store, &shared, LINES), 1);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_change_is_written_again_in_its_own_way),
        cmocka_unit_test(a_long_branch_is_written_again_to_its_end),
        cmocka_unit_test(what_it_had_not_seen_is_not_overwritten_by_what_is_written_again),
        cmocka_unit_test(a_delete_written_again_hides_no_more_than_it_saw),
        cmocka_unit_test(a_delete_written_again_does_not_hide_what_was_written_meanwhile),
        cmocka_unit_test(an_entry_of_the_largest_size_is_written_again_too),
        cmocka_unit_test(a_line_whose_ack_was_lost_stands_once),
        cmocka_unit_test(power_fails_anywhere_and_each_is_written_again_once),
        cmocka_unit_test(what_was_begun_is_finished_and_not_begun_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
