/* test_verify.c: what is wrong with a store is found and told; what is right is not called wrong.
 */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A crime that two officers edited apart: a conflict, elements in rows, a delete elsewhere. */
static int set_up(void **state)
{
    (void)fix_bench_setup(state);
    fix_bench *b = *state;
    b->crime = fix_new_crime(b->rees, b->beat, "a stolen bicycle");
    b->other = fix_new_crime(b->rees, b->beat, "a stolen lorry");
    fix_exchange(b);
    fix_set(b->rees, &b->crime, FIX_OUTCOME, "Local resolution");
    fix_set(b->khan, &b->crime, FIX_OUTCOME, "Offender fined");
    fix_change(b->khan, &b->crime, FIX_LOG, HF_CHANGE_ADD, "Spoke to the owner.", NULL);
    fix_change(b->rees, &b->other, 0, HF_CHANGE_DELETE, NULL, "entered twice");
    fix_exchange(b);
    return 0;
}

static hf_verify_report verify(fix_node *node)
{
    hf_verify_report report;
    assert_int_equal(hf_store_verify(node->store, &report), HF_OK);
    assert_int_equal(report.faults > 0, report.first_fault[0] != 0);
    return report;
}

/* Damages the store by `sql`; the check must find it, and say `words`. */
static void expect_found(fix_bench *b, const char *sql, const char *words)
{
    fix_damage(b->khan, sql);
    hf_verify_report report = verify(b->khan);
    if (report.faults == 0 || !strstr(report.first_fault, words))
        print_error("%s: %s\n", sql, report.first_fault);
    assert_true(report.faults > 0);
    assert_non_null(strstr(report.first_fault, words));
}

static void a_sound_store_has_no_faults(void **state)
{
    fix_bench *b = *state;
    fix_expect_whole(b->hub);
    fix_expect_whole(b->rees);
    fix_expect_whole(b->khan);
    hf_standing standing;
    assert_int_equal(hf_store_standing(b->hub->store, &standing), HF_OK);
    hf_verify_report report = verify(b->hub);
    assert_int_equal(report.entries, standing.entries);
    assert_int_equal(report.heads, 0);
    assert_true(report.chains >= 4);
    assert_true(report.heads_unproved >= 3); /* nobody has signed anything yet */
}

static void signed_logs_are_proved(void **state)
{
    fix_bench *b = *state;
    const hf_origin_row *own = hf_store_own_origin(b->rees->store);
    hf_log_state log;
    hf_head head;
    hf_batch *batch;
    assert_int_equal(hf_log_state_get(b->rees->store, own->no, HF_LANE_CRIME, &log), HF_OK);
    assert_int_equal(hf_head_sign(b->rees->store, hf_store_own_origin(b->rees->store),
                                  HF_LANE_CRIME, log.seq, &head),
                     HF_OK);
    uint64_t before = verify(b->hub).heads_unproved;
    assert_int_equal(hf_batch_begin(b->hub->store, b->hub->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_head(batch, &head), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    hf_verify_report report = verify(b->hub);
    assert_int_equal(report.faults, 0);
    assert_int_equal(report.heads, 1);
    assert_int_equal(report.heads_unproved, before - 1);
    fix_damage(b->hub, "UPDATE head SET signature=zeroblob(64)");
    assert_non_null(strstr(verify(b->hub).first_fault, "checksum"));
}

static void a_head_over_another_log_is_found(void **state)
{
    fix_bench *b = *state;
    const hf_origin_row *own = hf_store_own_origin(b->rees->store);
    hf_head head;
    hf_batch *batch;
    assert_int_equal(
        hf_head_sign(b->rees->store, hf_store_own_origin(b->rees->store), HF_LANE_CRIME, 2, &head),
        HF_OK);
    assert_int_equal(hf_batch_begin(b->rees->store, b->rees->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_head(batch, &head), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    assert_int_equal(own->no, 1);
    assert_int_equal(verify(b->rees).faults, 0);
    fix_damage(b->rees, "UPDATE head SET leaves=(SELECT leaves FROM head)||x'00'");
    assert_true(verify(b->rees).faults > 0);
}

static void a_withheld_and_reopened_entry_is_sound(void **state)
{
    fix_bench *b = *state;
    hf_dot dot = b->rees->last;
    fix_judge(b->hub, &dot, b->beat, 604);
    fix_exchange(b);
    fix_expect_whole(b->hub);
    fix_expect_whole(b->rees);
    fix_expect_whole(b->khan);
    fix_judge(b->hub, &dot, b->beat, 0);
    fix_exchange(b);
    fix_expect_whole(b->hub);
    fix_expect_whole(b->rees);
    fix_expect_whole(b->khan);
    fix_expect_same(b->hub, b->khan, b->beat);
    fix_expect_same(b->hub, b->rees, b->beat);
}

static void a_flipped_bit_is_found(void **state)
{
    expect_found(*state,
                 "UPDATE entry SET body=substr(body,1,40)||x'00'||substr(body,42) WHERE "
                 "position=(SELECT max(position) FROM entry)",
                 "damaged");
}

static void an_entry_in_anothers_place_is_found(void **state)
{
    expect_found(*state,
                 "UPDATE entry SET body=(SELECT body FROM entry WHERE scope>1 "
                 "ORDER BY position LIMIT 1) WHERE position=(SELECT max(position) FROM entry)",
                 "another place");
}

static void a_missing_entry_is_found(void **state)
{
    expect_found(*state, "DELETE FROM entry WHERE position=(SELECT max(position)-1 FROM entry)",
                 "The feed has no entry");
}

static void a_feed_out_of_order_is_found(void **state)
{
    expect_found(*state, "UPDATE entry SET feed_chain=zeroblob(16) WHERE position=2",
                 "feed's chain");
}

static void a_broken_chain_is_found(void **state)
{
    expect_found(*state,
                 "UPDATE entry SET chain=(SELECT chain FROM entry WHERE position=1) WHERE "
                 "position=(SELECT max(position) FROM entry)",
                 "chain breaks");
}

static void a_vector_ahead_of_its_entries_is_found(void **state)
{
    expect_found(*state, "UPDATE vector SET seq=seq+1 WHERE scope>1", "vector of scope");
}

static void a_vector_of_another_branch_is_found(void **state)
{
    expect_found(*state, "UPDATE vector SET chain=zeroblob(32) WHERE scope>1", "vector of scope");
}

static void a_missing_vector_is_found(void **state)
{
    expect_found(*state, "DELETE FROM vector WHERE scope>1", "No vector");
}

static void a_record_that_lost_a_write_is_found(void **state)
{
    expect_found(*state,
                 "UPDATE record SET state=(SELECT state FROM record r WHERE r.type=16 AND "
                 "r.id<>record.id) WHERE type=16",
                 "add up");
}

static void a_missing_element_is_found(void **state)
{
    expect_found(*state, "DELETE FROM element", "add up");
}

static void an_entry_that_no_record_shows_is_found(void **state)
{
    expect_found(*state,
                 "DELETE FROM record_entry WHERE position=(SELECT max(position) FROM record_entry)",
                 "does not know of it");
}

static void a_record_hidden_or_shown_wrongly_is_found(void **state)
{
    expect_found(*state, "UPDATE record SET deleted=0 WHERE deleted=1", "by its entries");
}

static void a_conflict_that_is_not_listed_is_found(void **state)
{
    expect_found(*state, "DELETE FROM conflict", "list of conflicts");
}

static void a_conflict_that_is_none_is_found(void **state)
{
    expect_found(*state, "INSERT INTO conflict SELECT record,27,since FROM conflict",
                 "list of conflicts");
}

/* One fault must not hide the next: they are all counted. */
static void faults_are_counted_one_by_one(void **state)
{
    fix_bench *b = *state;
    fix_damage(b->khan, "DELETE FROM element");
    uint64_t one = verify(b->khan).faults;
    fix_damage(b->khan, "UPDATE entry SET feed_chain=zeroblob(16) WHERE position IN (2,5)");
    assert_int_equal(one, 1);
    assert_true(verify(b->khan).faults >= one + 2);
}

static void equal_states_have_equal_digests(void **state)
{
    fix_bench *b = *state;
    fix_expect_same(b->hub, b->rees, b->beat);
    fix_expect_same(b->hub, b->khan, b->beat);
    uint8_t before[HF_HASH_SIZE], after[HF_HASH_SIZE];
    assert_int_equal(hf_store_digest(b->rees->store, b->beat, before), HF_OK);
    fix_set(b->rees, &b->crime, FIX_SUMMARY, "a stolen red bicycle");
    assert_int_equal(hf_store_digest(b->rees->store, b->beat, after), HF_OK);
    assert_memory_not_equal(before, after, sizeof after);
    assert_int_equal(hf_store_digest(b->rees->store, b->scopes[2], after), HF_OK);
    assert_memory_equal(after, (uint8_t[HF_HASH_SIZE]){0}, sizeof after); /* nothing is in it */
}

/* A hole is part of the state: who steps over an entry is not equal to who counts it. */
static void a_hole_changes_the_digest(void **state)
{
    fix_bench *b = *state;
    uint8_t before[HF_HASH_SIZE], after[HF_HASH_SIZE];
    assert_int_equal(hf_store_digest(b->hub->store, b->beat, before), HF_OK);
    fix_judge(b->hub, &b->rees->last, b->beat, 604);
    assert_int_equal(hf_store_digest(b->hub->store, b->beat, after), HF_OK);
    assert_memory_not_equal(before, after, sizeof after);
    fix_exchange(b);
    fix_expect_same(b->hub, b->khan, b->beat);
    fix_expect_same(b->hub, b->rees, b->beat);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, fix_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(a_sound_store_has_no_faults),
        PROMISE(signed_logs_are_proved),
        PROMISE(a_head_over_another_log_is_found),
        PROMISE(a_withheld_and_reopened_entry_is_sound),
        PROMISE(a_flipped_bit_is_found),
        PROMISE(an_entry_in_anothers_place_is_found),
        PROMISE(a_missing_entry_is_found),
        PROMISE(a_feed_out_of_order_is_found),
        PROMISE(a_broken_chain_is_found),
        PROMISE(a_vector_ahead_of_its_entries_is_found),
        PROMISE(a_vector_of_another_branch_is_found),
        PROMISE(a_missing_vector_is_found),
        PROMISE(a_record_that_lost_a_write_is_found),
        PROMISE(a_missing_element_is_found),
        PROMISE(an_entry_that_no_record_shows_is_found),
        PROMISE(a_record_hidden_or_shown_wrongly_is_found),
        PROMISE(a_conflict_that_is_not_listed_is_found),
        PROMISE(a_conflict_that_is_none_is_found),
        PROMISE(faults_are_counted_one_by_one),
        PROMISE(equal_states_have_equal_digests),
        PROMISE(a_hole_changes_the_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
