/* test_write.c: what the writer's side promises: which values a write takes the place of, what its
 * rule refuses, and that a transaction is all of it or nothing. */
#include "store_kit.h"

#include "sync/feed.h"

#include <stdio.h>

/* ---- helpers ---- */

/* Refused with `expected` and a sentence that holds `words`; nothing has changed. */
static void expect_refused(kit *k, const hf_change *change, hf_status expected, const char *words)
{
    kit_node *edge = &k->edges[0];
    uint64_t before = hf_feed_position(edge->store);
    assert_int_equal(kit_try(k, edge, change), expected);
    const char *problem = hf_store_problem(edge->store);
    if (!strstr(problem, words)) print_error("it says: %s\n", problem);
    assert_non_null(strstr(problem, words));
    assert_int_equal(hf_feed_position(edge->store), before);
}

static hf_change set(const hf_record_id *record, uint32_t field, hf_bytes value)
{
    return kit_change(record, HF_CHANGE_SET, field, value);
}

static hf_entry_body parse(const kit_entry *entry)
{
    hf_entry_body body;
    assert_int_equal(hf_entry_parse(hf_buffer_bytes(&entry->body), &body), HF_OK);
    return body;
}

static hf_record_id new_id(hf_txn *txn)
{
    hf_record_id id;
    assert_int_equal(hf_txn_new_id(txn, KIT_CRIME, &id), HF_OK);
    return id;
}

static void draft(kit *k, hf_txn *txn, const hf_record_id *id, uint32_t scope, const char *summary)
{
    hf_change change = set(id, KIT_SUMMARY, kit_text(k, summary));
    change.scope = scope;
    assert_int_equal(hf_txn_change(txn, &change), HF_OK);
}

/* Two edges write the field without having seen each other; then both have both. */
static void disagree(kit *k, const hf_record_id *record, uint32_t field, hf_bytes one,
                     hf_bytes other)
{
    kit_sync(k);
    kit_set(k, &k->edges[0], record, field, one);
    kit_set(k, &k->edges[1], record, field, other);
    kit_sync(k);
}

/* ---- scopes at the writer ---- */

static void give_grant(kit *k, bool may_write, bool commits)
{
    hf_batch *batch;
    hf_grant grant = {.number = KIT_BEAT, .may_write = may_write, .name = "beat"};
    assert_int_equal(hf_batch_begin(k->edges[0].store, k->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_grants(batch, &grant, 1), HF_OK);
    if (commits)
        assert_int_equal(hf_batch_commit(batch), HF_OK);
    else
        hf_batch_rollback(batch);
}

/* The store remembers where it may write; what the hub says next counts from then on. */
static void a_scope_that_is_closed_takes_no_more_writes(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    hf_change change = set(&crime, KIT_SUMMARY, kit_text(k, "Door broken"));
    give_grant(k, false, true);
    expect_refused(k, &change, HF_ERR_DENIED, "may not write");
    give_grant(k, true, false); /* a batch that is rolled back opens nothing */
    expect_refused(k, &change, HF_ERR_DENIED, "may not write");
    give_grant(k, true, true);
    assert_int_equal(kit_try(k, &k->edges[0], &change), HF_OK);
}

/* ---- rules at the writer ---- */

static void once_is_written_once_and_corrected_with_a_reason(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    kit_set(k, edge, &crime, KIT_REF, kit_text(k, "AS/1"));
    hf_change second = set(&crime, KIT_REF, kit_text(k, "AS/2"));
    expect_refused(k, &second, HF_ERR_DENIED, "written once");
    assert_string_equal(kit_shown(k, edge, &crime, KIT_REF), "AS/1");
    second.reason = kit_reason("typed wrong");
    assert_int_equal(kit_try(k, edge, &second), HF_OK);
    assert_string_equal(kit_shown(k, edge, &crime, KIT_REF), "AS/2");
    assert_int_equal(kit_live(edge, &crime, KIT_REF), 1);
}

/* Several declared moves at once are one step; against the moves, or across them, is none. */
static void a_state_goes_only_where_declared_moves_lead(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    kit_set(k, edge, &crime, KIT_STATUS, kit_text(k, "draft"));
    kit_set(k, edge, &crime, KIT_STATUS, kit_text(k, "charged"));
    hf_change back = set(&crime, KIT_STATUS, kit_text(k, "submitted"));
    expect_refused(k, &back, HF_ERR_DENIED, "Nothing of it was saved");
    hf_change across = set(&crime, KIT_STATUS, kit_text(k, "no_further_action"));
    expect_refused(k, &across, HF_ERR_DENIED, "Nothing of it was saved");
    assert_string_equal(kit_shown(k, edge, &crime, KIT_STATUS), "charged");
}

static void a_risk_is_lowered_with_a_reason_only(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    kit_set(k, edge, &crime, KIT_RISK, kit_text(k, "medium"));
    kit_set(k, edge, &crime, KIT_RISK, kit_text(k, "high"));
    hf_change lower = set(&crime, KIT_RISK, kit_text(k, "standard"));
    expect_refused(k, &lower, HF_ERR_DENIED, "reason");
    lower.reason = kit_reason("reassessed with the victim");
    assert_int_equal(kit_try(k, edge, &lower), HF_OK);
    assert_string_equal(kit_shown(k, edge, &crime, KIT_RISK), "standard");
}

static void a_maximum_is_lowered_with_a_reason_only(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_set(k, &k->edges[0], &crime, KIT_HARM, kit_uint(k, 40));
    kit_set(k, &k->edges[0], &crime, KIT_HARM, kit_uint(k, 300));
    hf_change lower = set(&crime, KIT_HARM, kit_uint(k, 299));
    expect_refused(k, &lower, HF_ERR_DENIED, "reason");
}

static void a_value_that_does_not_suit_its_field_is_refused(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    hf_change text = set(&crime, KIT_HARM, kit_text(k, "lots"));
    expect_refused(k, &text, HF_ERR_INPUT, "saved");
    hf_change code = set(&crime, KIT_RISK, kit_text(k, "enormous"));
    expect_refused(k, &code, HF_ERR_INPUT, "saved");
    static const uint8_t half[] = {0x65, 'h', 'a'};
    hf_change cut = set(&crime, KIT_SUMMARY, (hf_bytes){half, sizeof half});
    expect_refused(k, &cut, HF_ERR_INPUT, "well formed");
    hf_change none = set(&crime, KIT_SUMMARY, (hf_bytes){NULL, 0});
    expect_refused(k, &none, HF_ERR_INPUT, "missing");
}

/* ---- what a write takes the place of ---- */

static void setting_takes_the_place_of_every_value_that_is_shown_here(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    disagree(k, &crime, KIT_WITHIN, kit_text(k, "Avon"), kit_text(k, "Gwent"));
    for (size_t i = 0; i < KIT_EDGES; i++)
        assert_int_equal(kit_live(&k->edges[i], &crime, KIT_WITHIN), 2);
    kit_set(k, &k->edges[2], &crime, KIT_WITHIN, kit_text(k, "Dyfed"));
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_int_equal(kit_live(&k->edges[i], &crime, KIT_WITHIN), 1);
        assert_string_equal(kit_shown(k, &k->edges[i], &crime, KIT_WITHIN), "Dyfed");
    }
}

static void a_dispute_is_never_settled_by_a_plain_write(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    disagree(k, &crime, KIT_SUMMARY, kit_text(k, "Two windows"), kit_text(k, "A door"));
    for (size_t i = 0; i < KIT_EDGES; i++)
        assert_true(kit_in_conflict(&k->edges[i], &crime, KIT_SUMMARY));
    hf_change plain = set(&crime, KIT_SUMMARY, kit_text(k, "Two windows and a door"));
    expect_refused(k, &plain, HF_ERR_DENIED, "choose one");
    assert_int_equal(kit_live(&k->edges[0], &crime, KIT_SUMMARY), 2);
}

static void a_value_that_was_not_seen_is_not_taken_away(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_sync(k);
    kit_set(k, &k->edges[1], &crime, KIT_SUMMARY, kit_text(k, "A door")); /* not sent */
    kit_set(k, &k->edges[0], &crime, KIT_SUMMARY, kit_text(k, "Two windows"));
    kit_sync(k);
    assert_int_equal(kit_live(&k->hub, &crime, KIT_SUMMARY), 2);
}

static void resolving_needs_a_reason_and_ends_the_conflict(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    disagree(k, &crime, KIT_SUMMARY, kit_text(k, "Two windows"), kit_text(k, "A door"));
    hf_change choice = kit_change(&crime, HF_CHANGE_RESOLVE, KIT_SUMMARY, kit_text(k, "A door"));
    expect_refused(k, &choice, HF_ERR_INPUT, "reason");
    assert_true(kit_in_conflict(edge, &crime, KIT_SUMMARY));
    choice.reason = kit_reason("went back and looked");
    assert_int_equal(kit_try(k, edge, &choice), HF_OK);
    assert_false(kit_in_conflict(edge, &crime, KIT_SUMMARY));
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_false(kit_in_conflict(&k->edges[i], &crime, KIT_SUMMARY));
        assert_string_equal(kit_shown(k, &k->edges[i], &crime, KIT_SUMMARY), "A door");
    }
}

/* As one write, the removal of one would rewrite the other, and bring it back after its own
 * removal. */
static void removing_one_element_leaves_the_others_of_the_same_entry(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    hf_txn *txn = kit_begin(k, edge);
    static const char *const codes[] = {"force used", "forced entry", "disguise"};
    for (size_t i = 0; i < 3; i++) {
        hf_change add = kit_change(&crime, HF_CHANGE_ADD, KIT_MO, kit_text(k, codes[i]));
        assert_int_equal(hf_txn_change(txn, &add), HF_OK);
    }
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    kit_sync(k);
    kit_remove(k, &k->edges[0], &crime, KIT_MO, kit_text(k, "force used"));
    kit_remove(k, &k->edges[1], &crime, KIT_MO, kit_text(k, "disguise"));
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++)
        assert_int_equal(kit_live(&k->edges[i], &crime, KIT_MO), 1);
    assert_true(kit_same(&k->edges[0], &k->edges[1]));
    hf_change absent = kit_change(&crime, HF_CHANGE_REMOVE, KIT_MO, kit_text(k, "disguise"));
    expect_refused(k, &absent, HF_ERR_NOT_FOUND, "does not hold");
}

static void an_element_added_elsewhere_survives_its_removal_here(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_add(k, &k->edges[0], &crime, KIT_MO, kit_text(k, "disguise"));
    kit_sync(k);
    kit_add(k, &k->edges[1], &crime, KIT_MO, kit_text(k, "disguise"));
    kit_remove(k, &k->edges[0], &crime, KIT_MO, kit_text(k, "disguise"));
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++)
        assert_int_equal(kit_live(&k->edges[i], &crime, KIT_MO), 1);
}

static void an_append_field_gives_nothing_up(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_add(k, &k->edges[0], &crime, KIT_LOG, kit_text(k, "21:04 arrived"));
    hf_change remove = kit_change(&crime, HF_CHANGE_REMOVE, KIT_LOG, kit_text(k, "21:04 arrived"));
    assert_int_equal(kit_try(k, &k->edges[0], &remove), HF_ERR_DENIED);
    hf_change over = set(&crime, KIT_LOG, kit_text(k, "21:05 arrived"));
    expect_refused(k, &over, HF_ERR_INPUT, "add one");
    assert_int_equal(kit_live(&k->edges[0], &crime, KIT_LOG), 1);
}

static void what_is_deleted_is_restored_before_it_is_written(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    kit_delete(k, edge, &crime);
    assert_false(kit_holds(edge, &crime));
    hf_change late = set(&crime, KIT_SUMMARY, kit_text(k, "Two windows"));
    expect_refused(k, &late, HF_ERR_DENIED, "deleted");
    hf_change restore = kit_change(&crime, HF_CHANGE_RESTORE, 0, (hf_bytes){NULL, 0});
    assert_int_equal(kit_try(k, edge, &restore), HF_OK);
    assert_true(kit_holds(edge, &crime));
    assert_string_equal(kit_shown(k, edge, &crime, KIT_SUMMARY), "Window broken");
    expect_refused(k, &restore, HF_ERR_DENIED, "not deleted");
}

/* ---- who may write what ---- */

static void a_scope_without_a_grant_is_refused(void **state)
{
    kit *k = *state;
    hf_txn *txn = kit_begin(k, &k->edges[0]);
    hf_record_id id = new_id(txn);
    hf_txn_rollback(txn);
    hf_change hidden = set(&id, KIT_SUMMARY, kit_text(k, "Window broken"));
    hidden.scope = KIT_HIDDEN;
    expect_refused(k, &hidden, HF_ERR_DENIED, "scope");
    hidden.scope = 77; /* never named to this device */
    expect_refused(k, &hidden, HF_ERR_DENIED, "scope");
}

static void control_records_are_the_hubs(void **state)
{
    kit *k = *state;
    hf_record_id id = {.type = HF_TYPE_DEVICE};
    hf_change change = set(&id, HF_DEVICE_NAME, kit_text(k, "mallory"));
    change.scope = KIT_BEAT;
    expect_refused(k, &change, HF_ERR_DENIED, "hub");
}

static void a_record_does_not_move_by_writing(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    hf_change elsewhere = set(&crime, KIT_SUMMARY, kit_text(k, "Two windows"));
    elsewhere.scope = KIT_CUSTODY;
    expect_refused(k, &elsewhere, HF_ERR_DENIED, "another scope");
}

/* ---- limits: told before anything is written ---- */

static void a_value_over_the_limit_is_refused_with_its_size(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    hf_buffer value = {0}, most = {0};
    uint8_t *text = malloc(HF_VALUE_SIZE_MAX);
    assert_non_null(text);
    memset(text, 'a', HF_VALUE_SIZE_MAX);
    hf_write_text(&value, (const char *)text, HF_VALUE_SIZE_MAX - 2); /* with its head, 1 over */
    hf_write_text(&most, (const char *)text, HF_VALUE_SIZE_MAX - 3);
    assert_int_equal(value.size, HF_VALUE_SIZE_MAX + 1);
    hf_change over = set(&crime, KIT_SUMMARY, hf_buffer_bytes(&value));
    expect_refused(k, &over, HF_ERR_LIMIT, "16385");
    hf_change fits = set(&crime, KIT_SUMMARY, hf_buffer_bytes(&most));
    assert_int_equal(kit_try(k, &k->edges[0], &fits), HF_OK);
    free(text);
    hf_buffer_free(&value);
    hf_buffer_free(&most);
}

/* The transaction stands as before the call that failed, and can be saved. */
static void too_many_changes_are_refused_and_those_before_are_kept(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    hf_txn *txn = kit_begin(k, edge);
    char line[32];
    for (int i = 0; i < HF_ENTRY_OPS_MAX; i++) {
        snprintf(line, sizeof line, "line %d", i);
        hf_change add = kit_change(&crime, HF_CHANGE_ADD, KIT_LOG, kit_text(k, line));
        assert_int_equal(hf_txn_change(txn, &add), HF_OK);
    }
    hf_change more = kit_change(&crime, HF_CHANGE_ADD, KIT_LOG, kit_text(k, "one more"));
    assert_int_equal(hf_txn_change(txn, &more), HF_ERR_LIMIT);
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    assert_int_equal(kit_live(edge, &crime, KIT_LOG), HF_ENTRY_OPS_MAX);
    kit_expect_whole(edge);
}

static void an_entry_over_the_limit_saves_nothing(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    uint64_t before = hf_feed_position(edge->store);
    hf_buffer value = {0};
    uint8_t text[16000];
    memset(text, 'a', sizeof text);
    hf_write_text(&value, (const char *)text, sizeof text);
    hf_txn *txn = kit_begin(k, edge);
    for (int i = 0; i < 5; i++) {
        hf_change add = kit_change(&crime, HF_CHANGE_ADD, KIT_LOG, hf_buffer_bytes(&value));
        assert_int_equal(hf_txn_change(txn, &add), HF_OK);
    }
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_ERR_LIMIT);
    assert_non_null(strstr(hf_store_problem(edge->store), "smaller pieces"));
    hf_buffer_free(&value);
    assert_int_equal(hf_feed_position(edge->store), before);
    assert_int_equal(kit_live(edge, &crime, KIT_LOG), 0);
    kit_set(k, edge, &crime, KIT_SUMMARY, kit_text(k, "Two windows")); /* its seq was given back */
    kit_expect_whole(edge);
}

static void an_actors_name_over_the_limit_is_refused(void **state)
{
    kit *k = *state;
    char actor[HF_TEXT_MAX + 2];
    memset(actor, 'a', sizeof actor);
    actor[HF_TEXT_MAX + 1] = 0;
    hf_author author = {.actor = actor, .wall_ms = k->wall_ms, .quality = 3};
    hf_txn *txn;
    assert_int_equal(hf_txn_begin(k->edges[0].store, &author, &txn), HF_ERR_INPUT);
    actor[HF_TEXT_MAX] = 0;
    assert_int_equal(hf_txn_begin(k->edges[0].store, &author, &txn), HF_OK);
    hf_txn_rollback(txn);
}

/* ---- transactions ---- */

static void scopes_of_one_transaction_are_entries_with_its_name(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_txn *txn = kit_begin(k, edge);
    hf_record_id here = new_id(txn), there = new_id(txn);
    draft(k, txn, &here, KIT_BEAT, "Window broken");
    draft(k, txn, &there, KIT_CUSTODY, "Detained at the scene");
    hf_dot dots[4];
    size_t count = 4;
    assert_int_equal(hf_txn_commit(txn, dots, &count), HF_OK);
    assert_int_equal(count, 2);
    assert_int_equal(dots[1].seq, dots[0].seq + 1);
    uint64_t last = hf_feed_position(edge->store);
    kit_entry first = kit_take(edge, last - 1), second = kit_take(edge, last);
    hf_entry_body one = parse(&first), other = parse(&second);
    assert_int_equal(one.scope, KIT_BEAT);
    assert_int_equal(other.scope, KIT_CUSTODY);
    assert_int_equal(other.pseq, 0); /* the first of its scope, though the second of the log */
    assert_int_equal(one.transaction.size, 8);
    assert_true(hf_bytes_equal(one.transaction, other.transaction));
    kit_entry_free(&first);
    kit_entry_free(&second);
    kit_expect_whole(edge);
}

static void one_entry_alone_carries_no_transaction(void **state)
{
    kit *k = *state;
    (void)kit_crime(k, &k->edges[0], "Window broken");
    kit_entry entry = kit_take(&k->edges[0], 0);
    assert_int_equal(parse(&entry).transaction.size, 0);
    kit_entry_free(&entry);
}

static void the_next_entry_is_one_of_its_own_in_the_same_commit(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    uint64_t before = hf_feed_position(edge->store);
    hf_txn *txn = kit_begin(k, edge);
    for (int i = 0; i < 3; i++) {
        hf_record_id id = new_id(txn);
        draft(k, txn, &id, KIT_BEAT, "One row");
        hf_txn_next_entry(txn);
    }
    assert_int_equal(hf_feed_position(edge->store), before); /* nothing before the commit */
    size_t count = 0;
    assert_int_equal(hf_txn_commit(txn, NULL, &count), HF_OK);
    assert_int_equal(count, 3);
    assert_int_equal(hf_feed_position(edge->store), before + 3);
    kit_expect_whole(edge);
}

static void what_is_rolled_back_was_never_there(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    uint64_t before = hf_feed_position(edge->store);
    hf_txn *txn = kit_begin(k, edge);
    hf_record_id id = new_id(txn);
    draft(k, txn, &id, KIT_BEAT, "Window broken");
    hf_txn_rollback(txn);
    assert_int_equal(hf_feed_position(edge->store), before);
    assert_false(kit_holds(edge, &id));
}

static void an_imported_row_is_taken_once_and_with_its_record(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    const uint8_t kept[16] = {1}, dropped[16] = {2};
    bool seen;
    hf_txn *txn = kit_begin(k, edge);
    assert_int_equal(hf_txn_mark_import(txn, dropped), HF_OK);
    hf_txn_rollback(txn);
    txn = kit_begin(k, edge);
    hf_record_id id = new_id(txn);
    draft(k, txn, &id, KIT_BEAT, "From the old system");
    assert_int_equal(hf_txn_mark_import(txn, kept), HF_OK);
    assert_int_equal(hf_import_seen(edge->store, kept, &seen), HF_OK);
    assert_false(seen);
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    kit_shut(edge);
    kit_open(edge);
    assert_int_equal(hf_import_seen(edge->store, kept, &seen), HF_OK);
    assert_true(seen);
    assert_int_equal(hf_import_seen(edge->store, dropped, &seen), HF_OK);
    assert_false(seen);
}

static void a_clock_that_runs_back_does_not_turn_the_order_of_writes(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    kit_entry first = kit_take(edge, 0);
    k->wall_ms -= 30 * 1000;
    kit_set(k, edge, &crime, KIT_WITHIN, kit_text(k, "Avon"));
    kit_entry second = kit_take(edge, 0);
    assert_true(parse(&second).hlc > parse(&first).hlc);
    kit_entry_free(&first);
    kit_entry_free(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(a_scope_that_is_closed_takes_no_more_writes),
        KIT_TEST(once_is_written_once_and_corrected_with_a_reason),
        KIT_TEST(a_state_goes_only_where_declared_moves_lead),
        KIT_TEST(a_risk_is_lowered_with_a_reason_only),
        KIT_TEST(a_maximum_is_lowered_with_a_reason_only),
        KIT_TEST(a_value_that_does_not_suit_its_field_is_refused),
        KIT_TEST(setting_takes_the_place_of_every_value_that_is_shown_here),
        KIT_TEST(a_dispute_is_never_settled_by_a_plain_write),
        KIT_TEST(a_value_that_was_not_seen_is_not_taken_away),
        KIT_TEST(resolving_needs_a_reason_and_ends_the_conflict),
        KIT_TEST(removing_one_element_leaves_the_others_of_the_same_entry),
        KIT_TEST(an_element_added_elsewhere_survives_its_removal_here),
        KIT_TEST(an_append_field_gives_nothing_up),
        KIT_TEST(what_is_deleted_is_restored_before_it_is_written),
        KIT_TEST(a_scope_without_a_grant_is_refused),
        KIT_TEST(control_records_are_the_hubs),
        KIT_TEST(a_record_does_not_move_by_writing),
        KIT_TEST(a_value_over_the_limit_is_refused_with_its_size),
        KIT_TEST(too_many_changes_are_refused_and_those_before_are_kept),
        KIT_TEST(an_entry_over_the_limit_saves_nothing),
        KIT_TEST(an_actors_name_over_the_limit_is_refused),
        KIT_TEST(scopes_of_one_transaction_are_entries_with_its_name),
        KIT_TEST(one_entry_alone_carries_no_transaction),
        KIT_TEST(the_next_entry_is_one_of_its_own_in_the_same_commit),
        KIT_TEST(what_is_rolled_back_was_never_there),
        KIT_TEST(an_imported_row_is_taken_once_and_with_its_record),
        KIT_TEST(a_clock_that_runs_back_does_not_turn_the_order_of_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
