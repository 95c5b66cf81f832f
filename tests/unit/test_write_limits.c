/* test_write_limits.c: at each bound the writer is told in a sentence, before anything is saved;
 * and what a person cannot mean is refused. */
#include "store_kit.h"
#include "stray.h"

#include "sync/feed.h"

#include <stdio.h>

/* Refused with `expected` and a sentence that holds `words`; nothing has changed. */
static void expect_refused(kit *k, kit_node *node, const hf_change *change, hf_status expected,
                           const char *words)
{
    uint64_t before = hf_feed_position(node->store);
    assert_int_equal(kit_try(k, node, change), expected);
    const char *problem = hf_store_problem(node->store);
    if (!strstr(problem, words)) print_error("it says: %s\n", problem);
    assert_non_null(strstr(problem, words));
    assert_int_equal(hf_feed_position(node->store), before);
}

/* ---- versions that did not see each other ---- */

static void write_own(kit *k, kit_node *node, const stray *s)
{
    hf_batch *batch;
    assert_int_equal(hf_batch_begin_own(node->store, k->wall_ms, 1, &batch), HF_OK);
    stray_own(batch, s);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

/* `count` people write the field without having seen each other. */
static void many_versions(kit *k, kit_node *node, const hf_record_id *record, uint32_t field,
                          uint32_t first, uint32_t count)
{
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(node->store, k->wall_ms, &batch), HF_OK);
    for (uint32_t who = first; who < first + count; who++) {
        stray s = {who, KIT_BEAT, HF_LANE_CRIME, 1, 0, record, field, NULL};
        assert_int_equal(stray_apply(batch, &s), HF_APPLIED_NEW);
    }
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

/* ---- bounds ---- */

static void a_choice_among_too_many_versions_saves_nothing(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Mine");
    many_versions(k, edge, &crime, KIT_SUMMARY, 1, HF_OVERWRITTEN_MAX - 1);
    assert_int_equal(kit_live(edge, &crime, KIT_SUMMARY), HF_OVERWRITTEN_MAX);
    hf_change choice = kit_change(&crime, HF_CHANGE_RESOLVE, KIT_SUMMARY, kit_text(k, "This"));
    choice.reason = kit_reason("All looked at");
    hf_txn *txn = kit_begin(k, edge);
    assert_int_equal(hf_txn_change(txn, &choice), HF_OK); /* as many as one write may name */
    hf_txn_rollback(txn);
    many_versions(k, edge, &crime, KIT_SUMMARY, HF_OVERWRITTEN_MAX, 1);
    expect_refused(k, edge, &choice, HF_ERR_LIMIT, "");
    assert_int_equal(kit_live(edge, &crime, KIT_SUMMARY), HF_OVERWRITTEN_MAX + 1);
    kit_expect_whole(edge);
}

/* The table of logs that a part cites is bounded, over all its operations. */
static void a_save_that_cites_too_many_logs_saves_nothing(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Mine");
    many_versions(k, edge, &crime, KIT_WITHIN, 1, HF_PART_LOGS_MAX / 2);
    many_versions(k, edge, &crime, KIT_SUMMARY, 1000, HF_PART_LOGS_MAX / 2 + 1);
    uint64_t before = hf_feed_position(edge->store);
    hf_txn *txn = kit_begin(k, edge);
    for (int i = 0; i < 2; i++) {
        hf_change change = kit_change(&crime, HF_CHANGE_RESOLVE, i ? KIT_SUMMARY : KIT_WITHIN,
                                      kit_text(k, "This"));
        change.reason = kit_reason("All looked at");
        assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    }
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_ERR_LIMIT);
    assert_int_equal(hf_feed_position(edge->store), before);
    kit_expect_whole(edge);
}

static void a_save_of_too_many_records_is_refused(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id id;
    hf_txn *txn = kit_begin(k, edge);
    for (int i = 0; i <= HF_TRANSACTION_RECORDS_MAX; i++) {
        assert_int_equal(hf_txn_new_id(txn, KIT_CRIME, &id), HF_OK);
        hf_change change = kit_change(&id, HF_CHANGE_SET, KIT_SUMMARY, kit_text(k, "One row"));
        change.scope = KIT_BEAT;
        bool fits = i < HF_TRANSACTION_RECORDS_MAX;
        assert_int_equal(hf_txn_change(txn, &change), fits ? HF_OK : HF_ERR_LIMIT);
        hf_txn_next_entry(txn);
    }
    assert_non_null(strstr(hf_store_problem(edge->store), "4096 records"));
    hf_txn_rollback(txn);
}

/* A new record whose first change is one too many leaves nothing behind in what is saved. */
static void a_record_that_did_not_fit_is_not_saved_empty(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id full = kit_crime(k, edge, "Full"), late, elsewhere;
    hf_txn *txn = kit_begin(k, edge);
    for (int i = 0; i < HF_ENTRY_OPS_MAX; i++) {
        hf_change add = kit_change(&full, HF_CHANGE_ADD, KIT_LOG, kit_text(k, "line"));
        assert_int_equal(hf_txn_change(txn, &add), HF_OK);
    }
    assert_int_equal(hf_txn_new_id(txn, KIT_CRIME, &late), HF_OK);
    assert_int_equal(hf_txn_new_id(txn, KIT_CRIME, &elsewhere), HF_OK);
    hf_change change = kit_change(&late, HF_CHANGE_SET, KIT_SUMMARY, kit_text(k, "Late"));
    change.scope = KIT_BEAT;
    assert_int_equal(hf_txn_change(txn, &change), HF_ERR_LIMIT);
    change.record = elsewhere; /* another scope is another entry, with room of its own */
    change.scope = KIT_CUSTODY;
    assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    size_t count = 0;
    assert_int_equal(hf_txn_commit(txn, NULL, &count), HF_OK);
    assert_int_equal(count, 2);
    assert_true(kit_holds(edge, &full));
    assert_false(kit_holds(edge, &late));
    assert_true(kit_holds(edge, &elsewhere));
    kit_expect_whole(edge);
}

static void a_reason_that_is_no_short_text_is_refused(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    char text[HF_REASON_SIZE_MAX + 1];
    memset(text, 'a', sizeof text);
    hf_record_id crime = kit_crime(k, edge, "Mine");
    hf_change change = kit_change(&crime, HF_CHANGE_SET, KIT_SUMMARY, kit_text(k, "Changed"));
    change.reason = (hf_bytes){(uint8_t *)text, HF_REASON_SIZE_MAX + 1};
    expect_refused(k, edge, &change, HF_ERR_INPUT, "1024 bytes");
    change.reason = kit_reason("\xff");
    expect_refused(k, edge, &change, HF_ERR_INPUT, "must be text");
    change.reason = (hf_bytes){(uint8_t *)text, HF_REASON_SIZE_MAX};
    assert_int_equal(kit_try(k, edge, &change), HF_OK);
}

/* A delete names what was withheld from it; what it cannot name it would hide. */
static void a_delete_that_cannot_name_what_was_withheld_is_refused(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Mine");
    kit_sql(edge, "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i+1 FROM n WHERE i<6000) "
                  "INSERT INTO hole(log,seq,scope,pseq,reason,hash,text) "
                  "SELECT v.log,i,v.scope,i-1,604,zeroblob(32),'' FROM n,vector v "
                  "WHERE v.scope=2 LIMIT 5999");
    kit_sql(edge, "UPDATE entry SET seq=6001 WHERE position=(SELECT max(position) FROM entry)");
    hf_change gone = kit_change(&crime, HF_CHANGE_DELETE, 0, (hf_bytes){NULL, 0});
    expect_refused(k, edge, &gone, HF_ERR_LIMIT, "withheld");
}

/* ---- what cannot be meant ---- */

static void each_field_is_changed_in_its_own_way(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    enum { UNKNOWN = 999 };
    hf_record_id crime = kit_crime(k, edge, "Mine");
    const struct {
        hf_change_kind kind;
        uint32_t field;
        hf_status expected;
        const char *words;
    } tries[] = {{HF_CHANGE_SET, KIT_MO, HF_ERR_INPUT, "add one, or remove one, instead"},
                 {HF_CHANGE_SET, KIT_LOG, HF_ERR_INPUT, "add one instead"},
                 {HF_CHANGE_ADD, KIT_SUMMARY, HF_ERR_INPUT, "holds one value"},
                 {HF_CHANGE_ADD, UNKNOWN, HF_ERR_INPUT, "This field holds one value"},
                 {HF_CHANGE_REMOVE, KIT_LOG, HF_ERR_DENIED, "only grows"},
                 {HF_CHANGE_REMOVE, UNKNOWN, HF_ERR_DENIED, "This field only grows"},
                 {HF_CHANGE_SET, HF_FIELD_DELETED, HF_ERR_INPUT, "Use delete or restore"},
                 {(hf_change_kind)99, KIT_SUMMARY, HF_ERR_INPUT, ""}};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        hf_change change =
            kit_change(&crime, tries[i].kind, tries[i].field, kit_text(k, "forced entry"));
        expect_refused(k, edge, &change, tries[i].expected, tries[i].words);
    }
}

static void several_versions_of_an_unknown_field_are_not_overwritten_in_passing(void **state)
{
    enum { UNKNOWN = 999 };
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Mine");
    many_versions(k, edge, &crime, UNKNOWN, 1, 2);
    hf_change change = kit_change(&crime, HF_CHANGE_SET, UNKNOWN, kit_text(k, "This"));
    expect_refused(k, edge, &change, HF_ERR_DENIED, "this field: This field has several versions");
}

static void a_new_record_without_a_scope_is_refused(void **state)
{
    kit *k = *state;
    hf_record_id id = {.type = KIT_CRIME, .bytes = {1}};
    hf_change change = kit_change(&id, HF_CHANGE_SET, KIT_SUMMARY, kit_text(k, "Nowhere"));
    expect_refused(k, &k->edges[0], &change, HF_ERR_DENIED, "may not write in scope 0");
}

/* ---- what a write cites ---- */

/* The same installation's logs of two lanes are two logs. */
static void a_write_over_another_lanes_version_names_its_log(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Mine");
    stray urgent = {0, KIT_BEAT, HF_LANE_CASE, 0, 0, &crime, KIT_SUMMARY, NULL};
    stray risk = {0, KIT_BEAT, HF_LANE_RISK, 0, 0, &crime, KIT_SUMMARY, NULL};
    write_own(k, edge, &urgent);
    write_own(k, edge, &risk);
    assert_int_equal(kit_live(edge, &crime, KIT_SUMMARY), 3);
    hf_change choice = kit_change(&crime, HF_CHANGE_RESOLVE, KIT_SUMMARY, kit_text(k, "This"));
    choice.reason = kit_reason("All looked at");
    assert_int_equal(kit_try(k, edge, &choice), HF_OK);
    assert_int_equal(kit_live(edge, &crime, KIT_SUMMARY), 1);
    kit_delete(k, edge, &crime); /* its context holds each lane for itself */
    assert_false(kit_holds(edge, &crime));
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_false(kit_holds(&k->edges[i], &crime));
        assert_true(kit_same(&k->hub, &k->edges[i]));
        kit_expect_whole(&k->edges[i]);
    }
}

/* Nothing of it counts here: the delete has seen nothing, and hides nothing once it is opened. */
static void a_delete_of_what_was_wholly_withheld_covers_nothing(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Withheld");
    kit_entry entry = kit_take(&k->edges[0], 0);
    kit_sync(k);
    kit_verdict(k, &entry.dot, 604, "Under review.");
    kit_sync(k);
    kit_delete(k, &k->edges[1], &crime);
    kit_sync(k);
    kit_verdict(k, &entry.dot, 0, "Sound.");
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_true(kit_holds(&k->edges[i], &crime));
        assert_true(kit_same(&k->hub, &k->edges[i]));
        kit_expect_whole(&k->edges[i]);
    }
    kit_entry_free(&entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(a_choice_among_too_many_versions_saves_nothing),
        KIT_TEST(a_save_that_cites_too_many_logs_saves_nothing),
        KIT_TEST(a_save_of_too_many_records_is_refused),
        KIT_TEST(a_record_that_did_not_fit_is_not_saved_empty),
        KIT_TEST(a_reason_that_is_no_short_text_is_refused),
        KIT_TEST(a_delete_that_cannot_name_what_was_withheld_is_refused),
        KIT_TEST(each_field_is_changed_in_its_own_way),
        KIT_TEST(several_versions_of_an_unknown_field_are_not_overwritten_in_passing),
        KIT_TEST(a_new_record_without_a_scope_is_refused),
        KIT_TEST(a_write_over_another_lanes_version_names_its_log),
        KIT_TEST(a_delete_of_what_was_wholly_withheld_covers_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
