/* test_find.c: who looks for a record by its words finds it, and nobody else's. */
#include "fixture.h"

#include "sync/find.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct bench {
    fix_node *hub, *edge;
    uint32_t beat;
    uint64_t position;
} bench;

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->hub = fix_hub();
    b->edge = fix_edge(b->hub, "rees");
    b->beat = fix_scope(b->hub, "beat");
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    fix_free(b->edge);
    fix_free(b->hub);
    free(b);
    return 0;
}

typedef struct found_list {
    hf_record_id ids[64];
    size_t count;
} found_list;

static hf_status on_found(void *context, const hf_record_id *id, uint32_t scope, bool deleted)
{
    found_list *list = context;
    assert_false(deleted);
    assert_true(scope > HF_SCOPE_COMMON);
    assert_true(list->count < 64);
    list->ids[list->count++] = *id;
    return HF_OK;
}

static found_list find(fix_node *node, const char *words, size_t limit)
{
    found_list list = {.count = 0};
    hf_bytes text = {(const uint8_t *)words, strlen(words)};
    assert_int_equal(hf_store_find(node->store, text, limit, on_found, &list), HF_OK);
    return list;
}

static void expect_only(fix_node *node, const char *words, const hf_record_id *id)
{
    found_list list = find(node, words, 10);
    assert_int_equal(list.count, id ? 1 : 0);
    if (id) assert_memory_equal(&list.ids[0], id, sizeof *id);
}

static void every_word_must_be_there(void **state)
{
    bench *b = *state;
    hf_record_id theft = fix_new_crime(b->edge, b->beat, "Theft of a red bicycle, Park Row");
    fix_new_crime(b->edge, b->beat, "Theft of a lorry");
    assert_int_equal(find(b->edge, "theft", 10).count, 2);
    expect_only(b->edge, "theft bicycle", &theft);
    expect_only(b->edge, "bicycle lorry", NULL);
    expect_only(b->edge, "helicopter", NULL);
}

static void case_accents_and_quotes_do_not_count(void **state)
{
    bench *b = *state;
    hf_record_id seen = fix_new_crime(b->edge, b->beat, "Seen with ZOË O’BRIEN near Łódź House");
    expect_only(b->edge, "zoe o'brien", &seen);
    expect_only(b->edge, "LODZ", &seen);
}

/* The list is searched while its last word is still being typed; the others are whole. */
static void the_last_word_may_be_a_beginning(void **state)
{
    bench *b = *state;
    hf_record_id theft = fix_new_crime(b->edge, b->beat, "Theft of a red bicycle");
    expect_only(b->edge, "theft bicy", &theft);
    expect_only(b->edge, "thef bicycle", NULL);
}

static void newest_come_first_and_no_more_than_asked(void **state)
{
    bench *b = *state;
    hf_record_id ids[3];
    for (size_t i = 0; i < 3; i++) ids[i] = fix_new_crime(b->edge, b->beat, "burglary");
    found_list list = find(b->edge, "burglary", 2);
    assert_int_equal(list.count, 2);
    assert_memory_equal(&list.ids[0], &ids[2], sizeof ids[2]);
    assert_memory_equal(&list.ids[1], &ids[1], sizeof ids[1]);
}

static void what_was_written_over_is_not_found(void **state)
{
    bench *b = *state;
    hf_record_id id = fix_new_crime(b->edge, b->beat, "a grey van");
    expect_only(b->edge, "grey", &id);
    fix_set(b->edge, &id, FIX_SUMMARY, "a white van");
    expect_only(b->edge, "grey", NULL);
    expect_only(b->edge, "white", &id);
}

static void deleted_records_are_not_found_until_restored(void **state)
{
    bench *b = *state;
    hf_record_id id = fix_new_crime(b->edge, b->beat, "entered twice");
    fix_change(b->edge, &id, 0, HF_CHANGE_DELETE, NULL, "entered twice");
    expect_only(b->edge, "twice", NULL);
    fix_change(b->edge, &id, 0, HF_CHANGE_RESTORE, NULL, "it was not");
    expect_only(b->edge, "twice", &id);
}

/* Folded anew by a verdict, a record's words go and come back with it, though the feed's own walk
 * has long been past the entry. */
static void withheld_words_are_not_found(void **state)
{
    bench *b = *state;
    hf_record_id id = fix_new_crime(b->edge, b->beat, "poisoned");
    hf_dot dot = b->edge->last;
    fix_push(b->edge, b->hub);
    expect_only(b->hub, "poisoned", &id);
    fix_judge(b->hub, &dot, b->beat, 604);
    expect_only(b->hub, "poisoned", NULL);
    fix_judge(b->hub, &dot, b->beat, 0);
    expect_only(b->hub, "poisoned", &id);
}

static void many_crimes(fix_node *node, uint32_t scope, const char *summary, size_t count)
{
    hf_buffer value = {0};
    hf_txn *txn;
    hf_author author = {.actor = "PC Rees", .wall_ms = node->wall_ms += 1000, .quality = 3};
    hf_write_string(&value, summary);
    assert_int_equal(hf_txn_begin(node->store, &author, &txn), HF_OK);
    for (size_t i = 0; i < count; i++) {
        hf_change change = {.scope = scope, .field = FIX_SUMMARY, .value = hf_buffer_bytes(&value)};
        assert_int_equal(hf_txn_new_id(txn, FIX_CRIME, &change.record), HF_OK);
        assert_int_equal(hf_txn_change(txn, &change), HF_OK);
        hf_txn_next_entry(txn);
    }
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    hf_buffer_free(&value);
}

/* However common both words are: the one old record that has both is not passed over. */
static void common_words_find_old_records_too(void **state)
{
    bench *b = *state;
    hf_record_id both = fix_new_crime(b->edge, b->beat, "theft of a bicycle");
    for (int i = 0; i < 6; i++) {
        many_crimes(b->edge, b->beat, "theft", 2000);
        many_crimes(b->edge, b->beat, "a bicycle", 2000);
    }
    expect_only(b->edge, "bicycle theft", &both);
}

static void an_index_is_built_in_short_steps(void **state)
{
    bench *b = *state;
    for (int i = 0; i < 600; i++) fix_new_crime(b->edge, b->beat, "shoplifting");
    size_t steps = 0;
    for (bool more = true; more; steps++)
        assert_int_equal(hf_find_step(b->edge->store, &more), HF_OK);
    assert_true(steps >= 3);
    assert_int_equal(find(b->edge, "shoplifting", 50).count, 50);
}

static void the_index_survives_a_restart(void **state)
{
    bench *b = *state;
    hf_record_id id = fix_new_crime(b->edge, b->beat, "arson");
    expect_only(b->edge, "arson", &id);
    fix_shut(b->edge);
    fix_open(b->edge);
    bool more;
    assert_int_equal(hf_find_step(b->edge->store, &more), HF_OK);
    assert_false(more);
    expect_only(b->edge, "arson", &id);
}

/* Someone who looks for a name must not take "none" for an answer that was not there to be had. */
static void what_could_not_be_searched_is_not_called_searched(void **state)
{
    bench *b = *state;
    hf_record_id known = fix_new_crime(b->edge, b->beat, "arson in Mill Street");
    expect_only(b->edge, "arson", &known);
    assert_true(hf_store_found_all(b->edge->store));
    fix_new_crime(b->edge, b->beat, "arson at the station");
    sim_disk_set_room(b->edge->disk, 0); /* full: the index cannot take the new one in */
    for (int i = 0; i < 2; i++) {
        expect_only(b->edge, "arson", &known);
        assert_false(hf_store_found_all(b->edge->store));
    }
    sim_disk_set_room(b->edge->disk, UINT64_MAX);
    assert_int_equal(find(b->edge, "arson", 10).count, 2);
    assert_true(hf_store_found_all(b->edge->store));
}

static void nothing_asked_is_nothing_found(void **state)
{
    bench *b = *state;
    fix_new_crime(b->edge, b->beat, "arson");
    expect_only(b->edge, "", NULL);
    expect_only(b->edge, " ,.! ", NULL);
}

static void questions_that_are_not_text_are_refused(void **state)
{
    bench *b = *state;
    found_list list = {.count = 0};
    hf_bytes bad = {(const uint8_t *)"\xff\xfe", 2};
    assert_int_equal(hf_store_find(b->edge->store, bad, 10, on_found, &list), HF_ERR_INPUT);
    assert_true(hf_store_problem(b->edge->store)[0] != 0);
    const char *many = "a b c d e f g h i j k l m n o p q";
    hf_bytes text = {(const uint8_t *)many, strlen(many)};
    assert_int_equal(hf_store_find(b->edge->store, text, 10, on_found, &list), HF_ERR_LIMIT);
}

/* A word longer than the index keeps is still found, by as much of it as is kept. */
static void very_long_words_are_found(void **state)
{
    bench *b = *state;
    char word[201];
    memset(word, 'x', 200);
    word[200] = 0;
    hf_record_id id = fix_new_crime(b->edge, b->beat, word);
    expect_only(b->edge, word, &id);
    memset(word, 'y', 200);
    memcpy(word + 63, "ж", 2); /* the cut falls within a letter */
    id = fix_new_crime(b->edge, b->beat, word);
    expect_only(b->edge, word, &id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_word_must_be_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(case_accents_and_quotes_do_not_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_word_may_be_a_beginning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(newest_come_first_and_no_more_than_asked, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_written_over_is_not_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deleted_records_are_not_found_until_restored, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(withheld_words_are_not_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(common_words_find_old_records_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_index_is_built_in_short_steps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_index_survives_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_could_not_be_searched_is_not_called_searched, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_asked_is_nothing_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(questions_that_are_not_text_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(very_long_words_are_found, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
