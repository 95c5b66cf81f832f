/* test_fold.c: what a record shows is a function of the entries held, by whatever road and in
 * whatever order they came; what a delete hides; what grows out of the record's blob; whose clock
 * counts. */
#include "store_kit.h"
#include "stray.h"

#include "sync/feed.h"
#include "sync/ids.h"

#include <stdio.h>

/* ---- deletes ---- */

static void a_delete_hides_what_its_writer_saw(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_add(k, &k->edges[0], &crime, KIT_LOG, kit_text(k, "21:04 arrived"));
    kit_sync(k);
    kit_delete(k, &k->edges[1], &crime);
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_false(kit_holds(&k->edges[i], &crime));
        assert_true(kit_same(&k->hub, &k->edges[i]));
        kit_expect_whole(&k->edges[i]);
    }
}

static hf_status note_conflict(void *context, const hf_conflict *conflict)
{
    uint32_t *fields = context;
    fields[conflict->field ? 1 : 0]++;
    return HF_OK;
}

/* Whole: a delete overwrites no values. In either order of arrival. */
static void an_edit_made_while_it_was_deleted_elsewhere_is_shown_and_flagged(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_set(k, &k->edges[0], &crime, KIT_WITHIN, kit_text(k, "Avon"));
    kit_sync(k);
    kit_delete(k, &k->edges[0], &crime);
    kit_set(k, &k->edges[1], &crime, KIT_SUMMARY, kit_text(k, "Two windows"));
    kit_send(k, &k->edges[0], &k->edges[2]); /* the delete first */
    kit_send(k, &k->edges[1], &k->edges[2]);
    kit_send(k, &k->edges[1], &k->hub); /* the edit first */
    kit_send(k, &k->edges[0], &k->hub);
    kit_node *both[] = {&k->edges[2], &k->hub};
    for (size_t i = 0; i < 2; i++) {
        hf_view *view;
        uint32_t conflicts[2] = {0};
        assert_int_equal(hf_store_get(both[i]->store, &crime, &view), HF_OK);
        assert_false(hf_view_deleted(view));
        assert_true(hf_view_edited_deleted(view));
        hf_view_free(view);
        assert_string_equal(kit_shown(k, both[i], &crime, KIT_SUMMARY), "Two windows");
        assert_string_equal(kit_shown(k, both[i], &crime, KIT_WITHIN), "Avon");
        assert_int_equal(hf_store_conflicts(both[i]->store, note_conflict, conflicts), HF_OK);
        assert_int_equal(conflicts[0], 1);
        kit_expect_whole(both[i]);
    }
    assert_true(kit_same(both[0], both[1]));
    kit_delete(k, &k->hub, &crime); /* to insist is to delete again, having seen the edit */
    assert_false(kit_holds(&k->hub, &crime));
}

/* A withheld entry was not seen by who deleted; should it count again, it was edited while deleted.
 */
static void a_delete_does_not_hide_what_was_withheld_from_its_writer(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_set(k, &k->edges[0], &crime, KIT_WITHIN, kit_text(k, "Avon"));
    kit_entry second = kit_take(&k->edges[0], 0);
    kit_set(k, &k->edges[0], &crime, KIT_SUMMARY, kit_text(k, "Two windows"));
    kit_sync(k);
    kit_verdict(k, &second.dot, 604, "Under review.");
    kit_sync(k);
    kit_delete(k, &k->edges[1], &crime);
    kit_sync(k);
    assert_false(kit_holds(&k->hub, &crime));
    kit_verdict(k, &second.dot, 0, "Sound.");
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_true(kit_holds(&k->edges[i], &crime));
        assert_string_equal(kit_shown(k, &k->edges[i], &crime, KIT_WITHIN), "Avon");
        assert_true(kit_same(&k->hub, &k->edges[i]));
        kit_expect_whole(&k->edges[i]);
    }
    kit_entry_free(&second);
}

/* ---- any order ---- */

/* B overwrites what A wrote, and a third hears of B first. */
/* Of two deletes that did not see each other, one saw an edit and one did not: it was seen. */
static void two_deletes_hide_together_what_either_saw(void **state)
{
    kit *k = *state;
    for (size_t wide = 0; wide < 2; wide++) { /* whichever of them comes first in order */
        kit_node *saw = &k->edges[wide], *did_not = &k->edges[1 - wide];
        hf_record_id crime = kit_crime(k, &k->edges[2], "Window broken");
        kit_sync(k);
        kit_set(k, saw, &crime, KIT_WITHIN, kit_text(k, "Avon"));
        kit_delete(k, saw, &crime);
        kit_delete(k, did_not, &crime);
        kit_sync(k);
        for (size_t i = 0; i < KIT_EDGES; i++) {
            assert_false(kit_holds(&k->edges[i], &crime));
            assert_true(kit_same(&k->hub, &k->edges[i]));
            kit_expect_whole(&k->edges[i]);
        }
    }
}

/* What stands in a delete's place and is none, from a newer version or a faulty device, hides
 * nothing. */
static void a_delete_that_does_not_read_as_one_is_shown_and_not_obeyed(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    stray s = {5, KIT_BEAT, HF_LANE_CRIME, 1, 0, &crime, HF_FIELD_DELETED, NULL};
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(edge->store, k->wall_ms, &batch), HF_OK);
    assert_int_equal(stray_apply(batch, &s), HF_APPLIED_NEW);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    assert_true(kit_holds(edge, &crime));
    assert_int_equal(kit_number(edge, "SELECT count(*) FROM conflict WHERE field=0"), 1);
    kit_expect_whole(edge);
}

/* However many were withheld: the context names them all, the oldest too. */
static void a_delete_hides_none_of_many_that_were_withheld(void **state)
{
    enum { WITHHELD = 70 };
    kit *k = *state;
    hf_dot dots[WITHHELD];
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    for (size_t i = 0; i < WITHHELD; i++) {
        kit_set(k, &k->edges[0], &crime, KIT_WITHIN, kit_text(k, i ? "Later" : "First"));
        kit_entry entry = kit_take(&k->edges[0], 0);
        dots[i] = entry.dot;
        kit_entry_free(&entry);
    }
    kit_set(k, &k->edges[0], &crime, KIT_SUMMARY, kit_text(k, "Two windows"));
    kit_sync(k);
    for (size_t i = 0; i < WITHHELD; i++) kit_verdict(k, &dots[i], 604, "Under review.");
    kit_sync(k);
    kit_delete(k, &k->edges[1], &crime);
    kit_sync(k);
    assert_false(kit_holds(&k->hub, &crime));
    kit_verdict(k, &dots[0], 0, "Sound.");
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_true(kit_holds(&k->edges[i], &crime));
        assert_string_equal(kit_shown(k, &k->edges[i], &crime, KIT_WITHIN), "First");
        assert_true(kit_same(&k->hub, &k->edges[i]));
        kit_expect_whole(&k->edges[i]);
    }
}

static void what_was_overwritten_before_it_came_is_not_shown_when_it_comes(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_send(k, &k->edges[0], &k->edges[1]);
    kit_set(k, &k->edges[1], &crime, KIT_SUMMARY, kit_text(k, "Two windows"));
    kit_entry over = kit_take(&k->edges[1], 0), first = kit_take(&k->edges[0], 0);
    kit_node *third = &k->edges[2];
    assert_int_equal(kit_give(k, &k->edges[1], third, &over, 0).what, HF_APPLIED_NEW);
    kit_shut(third); /* what is pending outlives a restart */
    kit_open(third);
    assert_int_equal(kit_give(k, &k->edges[0], third, &first, 0).what, HF_APPLIED_NEW);
    assert_int_equal(kit_live(third, &crime, KIT_SUMMARY), 1);
    assert_string_equal(kit_shown(k, third, &crime, KIT_SUMMARY), "Two windows");
    assert_true(kit_same(third, &k->edges[1]));
    kit_expect_whole(third);
    kit_entry_free(&over);
    kit_entry_free(&first);
}

/* A record that is folded anew, for a verdict on another of its entries, forgets nothing that is
 * yet to come: what was overwritten before it came is still not shown when it comes. */
static void what_is_awaited_is_awaited_still_after_a_verdict(void **state)
{
    kit *k = *state;
    kit_node *third = &k->edges[2];
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_set(k, &k->edges[0], &crime, KIT_WITHIN, kit_text(k, "Avon"));
    kit_entry judged = kit_take(&k->edges[0], 0);
    kit_sync(k);
    kit_set(k, &k->edges[0], &crime, KIT_SUMMARY, kit_text(k, "Overwritten"));
    kit_entry first = kit_take(&k->edges[0], 0);
    kit_send(k, &k->edges[0], &k->edges[1]);
    kit_set(k, &k->edges[1], &crime, KIT_SUMMARY, kit_text(k, "What stands"));
    kit_entry second = kit_take(&k->edges[1], 0);
    assert_int_equal(kit_give(k, &k->edges[1], third, &second, 0).what, HF_APPLIED_NEW);
    kit_verdict(k, &judged.dot, 604, "Under review.");
    kit_entry word = kit_take(&k->hub, 0);
    assert_int_equal(kit_give(k, &k->hub, third, &word, 0).what, HF_APPLIED_NEW);
    assert_int_equal(kit_give(k, &k->edges[0], third, &first, 0).what, HF_APPLIED_NEW);
    assert_int_equal(kit_live(third, &crime, KIT_SUMMARY), 1);
    assert_string_equal(kit_shown(k, third, &crime, KIT_SUMMARY), "What stands");
    kit_expect_whole(third);
    kit_entry_free(&judged);
    kit_entry_free(&first);
    kit_entry_free(&second);
    kit_entry_free(&word);
}

/* What has come, and was overwritten by one, is not awaited by the other: nothing piles up. */
static void nothing_is_awaited_that_has_come(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_sync(k);
    kit_set(k, &k->edges[0], &crime, KIT_SUMMARY, kit_text(k, "One"));
    kit_set(k, &k->edges[1], &crime, KIT_SUMMARY, kit_text(k, "Other"));
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        hf_record record;
        hf_record_field *field;
        assert_int_equal(hf_record_load(k->edges[i].store, &crime, true, &record), HF_OK);
        assert_int_equal(hf_record_field_at(&record, KIT_SUMMARY, &field), HF_OK);
        assert_int_equal(field->cell.live_count, 2);
        assert_int_equal(field->cell.pending_count, 0);
        hf_record_clear(&record);
    }
}

static void every_order_of_arrival_gives_the_same_state(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->hub, "Window broken");
    kit_sync(k);
    static const char *const summaries[] = {"A window", "A door", "A car"};
    for (size_t i = 0; i < KIT_EDGES; i++) {
        kit_node *edge = &k->edges[i];
        kit_set(k, edge, &crime, KIT_SUMMARY, kit_text(k, summaries[i]));
        kit_add(k, edge, &crime, KIT_MO, kit_text(k, i ? "disguise" : "online"));
        kit_add(k, edge, &crime, KIT_LOG, kit_text(k, summaries[i]));
        if (i == 1) kit_remove(k, edge, &crime, KIT_MO, kit_text(k, "disguise"));
        if (i == 2) kit_delete(k, edge, &crime);
    }
    /* Each edge starts with its own, and takes the other two in another order. */
    for (size_t i = 0; i < KIT_EDGES; i++) kit_send(k, &k->edges[i], &k->hub);
    uint64_t first[KIT_EDGES], last[KIT_EDGES];
    for (size_t i = 0; i < KIT_EDGES; i++) {
        last[i] = hf_feed_position(k->edges[i].store);
        first[i] = last[i] - (i ? 3 : 2);
    }
    static const size_t orders[KIT_EDGES][2] = {{1, 2}, {2, 0}, {1, 0}};
    for (size_t i = 0; i < KIT_EDGES; i++) {
        for (size_t j = 0; j < 2; j++) {
            size_t from = orders[i][j];
            for (uint64_t at = first[from]; at <= last[from]; at++) {
                kit_entry entry = kit_take(&k->edges[from], at);
                assert_int_equal(kit_give(k, &k->edges[from], &k->edges[i], &entry, 0).what,
                                 HF_APPLIED_NEW);
                kit_entry_free(&entry);
            }
        }
        assert_true(kit_same(&k->hub, &k->edges[i]));
        kit_expect_whole(&k->edges[i]);
        assert_int_equal(kit_live(&k->edges[i], &crime, KIT_SUMMARY), 3);
        assert_int_equal(kit_live(&k->edges[i], &crime, KIT_MO), 2); /* online; one disguise */
    }
}

/* ---- rows beside the blob ---- */

static void log_lines(kit *k, kit_node *edge, const hf_record_id *crime, int count)
{
    hf_txn *txn = kit_begin(k, edge);
    char line[32];
    for (int i = 0; i < count; i++) {
        snprintf(line, sizeof line, "line %03d", i);
        hf_change add = kit_change(crime, HF_CHANGE_ADD, KIT_LOG, kit_text(k, line));
        assert_int_equal(hf_txn_change(txn, &add), HF_OK);
        if (i % 100 == 99) hf_txn_next_entry(txn);
    }
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
}

/* A custody log of 500 lines must not be rewritten for each line. */
static void a_long_log_does_not_grow_its_record(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    static const char SIZE[] = "SELECT length(state) FROM record WHERE no=(SELECT max(no) FROM "
                               "record)";
    kit_add(k, edge, &crime, KIT_LOG, kit_text(k, "the first line"));
    int64_t size = kit_number(edge, SIZE);
    log_lines(k, edge, &crime, 500);
    assert_int_equal(kit_number(edge, SIZE), size);
    assert_int_equal(kit_number(edge, "SELECT count(*) FROM element"), 501);
    assert_int_equal(kit_live(edge, &crime, KIT_LOG), 501);
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_true(kit_same(&k->hub, &k->edges[i]));
        kit_expect_whole(&k->edges[i]);
    }
}

static void log_lines_are_shown_oldest_first(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    log_lines(k, edge, &crime, 250);
    hf_view *view;
    assert_int_equal(hf_store_get(edge->store, &crime, &view), HF_OK);
    const hf_field_view *field = NULL;
    for (size_t i = 0; i < hf_view_field_count(view); i++)
        if (hf_view_field(view, i)->number == KIT_LOG) field = hf_view_field(view, i);
    assert_non_null(field);
    assert_int_equal(field->value_count, 250);
    for (size_t i = 0; i < 250; i++) {
        char line[32];
        snprintf(line, sizeof line, "line %03zu", i);
        assert_true(hf_bytes_equal(field->values[i].value, kit_text(k, line)));
    }
    hf_view_free(view);
}

/* Over 64 elements a set lives in rows. It stays there when it shrinks; folded anew it comes back.
 * What it holds is the same throughout. */
static void a_set_may_grow_into_rows_and_back(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    kit_entry first = kit_take(edge, 0);
    enum { MANY = HF_ELEMENT_INLINE_MAX + 6 };
    for (uint32_t i = 0; i < HF_ELEMENT_INLINE_MAX; i++)
        kit_add(k, edge, &crime, KIT_SUSPECTS, kit_ref(k, i));
    assert_int_equal(kit_number(edge, "SELECT count(*) FROM element"), 0);
    for (uint32_t i = HF_ELEMENT_INLINE_MAX; i < MANY; i++)
        kit_add(k, edge, &crime, KIT_SUSPECTS, kit_ref(k, i));
    assert_int_equal(kit_number(edge, "SELECT count(*) FROM element"), MANY);
    assert_int_equal(kit_live(edge, &crime, KIT_SUSPECTS), MANY);
    kit_expect_whole(edge);
    kit_sync(k);
    for (uint32_t i = 0; i < MANY - 3; i++)
        kit_remove(k, &k->edges[1], &crime, KIT_SUSPECTS, kit_ref(k, i));
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_int_equal(kit_live(&k->edges[i], &crime, KIT_SUSPECTS), 3);
        assert_true(kit_same(&k->hub, &k->edges[i]));
        kit_expect_whole(&k->edges[i]);
    }
    kit_verdict(k, &first.dot, 604, "Under review."); /* folds the record anew */
    assert_int_equal(kit_number(&k->hub, "SELECT count(*) FROM element"), 0);
    assert_int_equal(kit_live(&k->hub, &crime, KIT_SUSPECTS), 3);
    kit_expect_whole(&k->hub);
    kit_entry_free(&first);
}

/* ---- whose clock counts ---- */

/* A device that was a year ahead wins every tie until a hub lowers the quality of what it wrote
 * then. */
static void a_clock_known_to_be_wrong_loses_its_ties_everywhere(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_sync(k);
    kit_entry ahead = kit_rival_ahead(k, &crime);
    kit_send(k, &k->edges[0], &k->hub);
    kit_send(k, &k->edges[1], &k->hub);
    assert_string_equal(kit_shown(k, &k->hub, &crime, KIT_WITHIN), "Gwent");
    kit_lower_clock(k, &ahead.dot, 0);
    assert_string_equal(kit_shown(k, &k->hub, &crime, KIT_WITHIN), "Avon");
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        kit_node *edge = &k->edges[i];
        assert_string_equal(kit_shown(k, edge, &crime, KIT_WITHIN), "Avon");
        assert_true(kit_same(&k->hub, edge));
        kit_expect_whole(edge);
        kit_shut(edge); /* a cap outlives a restart */
        kit_open(edge);
        assert_string_equal(kit_shown(k, edge, &crime, KIT_WITHIN), "Avon");
    }
    kit_entry_free(&ahead);
}

/* The word on a clock may come before what was written by it. */
static void a_cap_counts_for_what_comes_after_it_too(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_sync(k);
    kit_set(k, &k->edges[0], &crime, KIT_WITHIN, kit_text(k, "Avon"));
    kit_entry early = kit_take(&k->edges[0], 0);
    kit_set(k, &k->edges[1], &crime, KIT_WITHIN, kit_text(k, "Gwent"));
    kit_entry late = kit_take(&k->edges[1], 0);
    kit_send(k, &k->edges[1], &k->hub);
    kit_lower_clock(k, &late.dot, 0);
    kit_entry word = kit_take(&k->hub, 0);
    kit_node *third = &k->edges[2];
    assert_int_equal(kit_give(k, &k->hub, third, &word, 0).what, HF_APPLIED_NEW);
    assert_int_equal(kit_give(k, &k->edges[1], third, &late, 0).what, HF_APPLIED_NEW);
    assert_int_equal(kit_give(k, &k->edges[0], third, &early, 0).what, HF_APPLIED_NEW);
    assert_string_equal(kit_shown(k, third, &crime, KIT_WITHIN), "Avon");
    kit_expect_whole(third);
    kit_entry_free(&early);
    kit_entry_free(&late);
    kit_entry_free(&word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(a_delete_hides_what_its_writer_saw),
        KIT_TEST(an_edit_made_while_it_was_deleted_elsewhere_is_shown_and_flagged),
        KIT_TEST(a_delete_does_not_hide_what_was_withheld_from_its_writer),
        KIT_TEST(two_deletes_hide_together_what_either_saw),
        KIT_TEST(a_delete_that_does_not_read_as_one_is_shown_and_not_obeyed),
        KIT_TEST(a_delete_hides_none_of_many_that_were_withheld),
        KIT_TEST(what_was_overwritten_before_it_came_is_not_shown_when_it_comes),
        KIT_TEST(what_is_awaited_is_awaited_still_after_a_verdict),
        KIT_TEST(nothing_is_awaited_that_has_come),
        KIT_TEST(every_order_of_arrival_gives_the_same_state),
        KIT_TEST(a_long_log_does_not_grow_its_record),
        KIT_TEST(log_lines_are_shown_oldest_first),
        KIT_TEST(a_set_may_grow_into_rows_and_back),
        KIT_TEST(a_clock_known_to_be_wrong_loses_its_ties_everywhere),
        KIT_TEST(a_cap_counts_for_what_comes_after_it_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
