/* test_find.c: who looks for a record by its words finds it, and nobody else's. */
#include "fixture.h"

#include "sync/find.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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
    fix_bench *b = *state;
    hf_record_id theft = fix_new_crime(b->rees, b->beat, "Theft of a red bicycle, Park Row");
    fix_new_crime(b->rees, b->beat, "Theft of a lorry");
    assert_int_equal(find(b->rees, "theft", 10).count, 2);
    expect_only(b->rees, "theft bicycle", &theft);
    expect_only(b->rees, "bicycle lorry", NULL);
    expect_only(b->rees, "helicopter", NULL);
}

static void case_accents_and_quotes_do_not_count(void **state)
{
    fix_bench *b = *state;
    hf_record_id seen = fix_new_crime(b->rees, b->beat, "Seen with ZOË O’BRIEN near Łódź House");
    expect_only(b->rees, "zoe o'brien", &seen);
    expect_only(b->rees, "LODZ", &seen);
}

/* The list is searched while its last word is still being typed; the others are whole. */
static void the_last_word_may_be_a_beginning(void **state)
{
    fix_bench *b = *state;
    hf_record_id theft = fix_new_crime(b->rees, b->beat, "Theft of a red bicycle");
    expect_only(b->rees, "theft bicy", &theft);
    expect_only(b->rees, "thef bicycle", NULL);
}

static void newest_come_first_and_no_more_than_asked(void **state)
{
    fix_bench *b = *state;
    hf_record_id ids[3];
    for (size_t i = 0; i < 3; i++) ids[i] = fix_new_crime(b->rees, b->beat, "burglary");
    found_list list = find(b->rees, "burglary", 2);
    assert_int_equal(list.count, 2);
    assert_memory_equal(&list.ids[0], &ids[2], sizeof ids[2]);
    assert_memory_equal(&list.ids[1], &ids[1], sizeof ids[1]);
}

static void what_was_written_over_is_not_found(void **state)
{
    fix_bench *b = *state;
    hf_record_id id = fix_new_crime(b->rees, b->beat, "a grey van");
    expect_only(b->rees, "grey", &id);
    fix_set(b->rees, &id, FIX_SUMMARY, "a white van");
    expect_only(b->rees, "grey", NULL);
    expect_only(b->rees, "white", &id);
}

static void deleted_records_are_not_found_until_restored(void **state)
{
    fix_bench *b = *state;
    hf_record_id id = fix_new_crime(b->rees, b->beat, "entered twice");
    fix_change(b->rees, &id, 0, HF_CHANGE_DELETE, NULL, "entered twice");
    expect_only(b->rees, "twice", NULL);
    fix_change(b->rees, &id, 0, HF_CHANGE_RESTORE, NULL, "it was not");
    expect_only(b->rees, "twice", &id);
}

/* Folded anew by a verdict, a record's words go and come back with it, though the feed's own walk
 * has long been past the entry. */
static void withheld_words_are_not_found(void **state)
{
    fix_bench *b = *state;
    hf_record_id id = fix_new_crime(b->rees, b->beat, "poisoned");
    hf_dot dot = b->rees->last;
    fix_push(b->rees, b->hub);
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
    fix_bench *b = *state;
    hf_record_id both = fix_new_crime(b->rees, b->beat, "theft of a bicycle");
    for (int i = 0; i < 6; i++) {
        many_crimes(b->rees, b->beat, "theft", 2000);
        many_crimes(b->rees, b->beat, "a bicycle", 2000);
    }
    expect_only(b->rees, "bicycle theft", &both);
}

static void an_index_is_built_in_short_steps(void **state)
{
    fix_bench *b = *state;
    for (int i = 0; i < 600; i++) fix_new_crime(b->rees, b->beat, "shoplifting");
    size_t steps = 0;
    for (bool more = true; more; steps++)
        assert_int_equal(hf_find_step(b->rees->store, &more), HF_OK);
    assert_true(steps >= 3);
    assert_int_equal(find(b->rees, "shoplifting", 50).count, 50);
}

static void the_index_survives_a_restart(void **state)
{
    fix_bench *b = *state;
    hf_record_id id = fix_new_crime(b->rees, b->beat, "arson");
    expect_only(b->rees, "arson", &id);
    fix_shut(b->rees);
    fix_open(b->rees);
    bool more;
    assert_int_equal(hf_find_step(b->rees->store, &more), HF_OK);
    assert_false(more);
    expect_only(b->rees, "arson", &id);
}

/* Someone who looks for a name must not take "none" for an answer that was not there to be had. */
static void what_could_not_be_searched_is_not_called_searched(void **state)
{
    fix_bench *b = *state;
    hf_record_id known = fix_new_crime(b->rees, b->beat, "arson in Mill Street");
    expect_only(b->rees, "arson", &known);
    assert_true(hf_store_found_all(b->rees->store));
    fix_new_crime(b->rees, b->beat, "arson at the station");
    sim_disk_set_room(b->rees->disk, 0); /* full: the index cannot take the new one in */
    for (int i = 0; i < 2; i++) {
        expect_only(b->rees, "arson", &known);
        assert_false(hf_store_found_all(b->rees->store));
    }
    sim_disk_set_room(b->rees->disk, UINT64_MAX);
    assert_int_equal(find(b->rees, "arson", 10).count, 2);
    assert_true(hf_store_found_all(b->rees->store));
}

static void nothing_asked_is_nothing_found(void **state)
{
    fix_bench *b = *state;
    fix_new_crime(b->rees, b->beat, "arson");
    expect_only(b->rees, "", NULL);
    expect_only(b->rees, " ,.! ", NULL);
}

static void questions_that_are_not_text_are_refused(void **state)
{
    fix_bench *b = *state;
    found_list list = {.count = 0};
    hf_bytes bad = {(const uint8_t *)"\xff\xfe", 2};
    assert_int_equal(hf_store_find(b->rees->store, bad, 10, on_found, &list), HF_ERR_INPUT);
    assert_true(hf_store_problem(b->rees->store)[0] != 0);
    const char *many = "a b c d e f g h i j k l m n o p q";
    hf_bytes text = {(const uint8_t *)many, strlen(many)};
    assert_int_equal(hf_store_find(b->rees->store, text, 10, on_found, &list), HF_ERR_LIMIT);
}

/* A word longer than the index keeps is still found, by as much of it as is kept. */
static void very_long_words_are_found(void **state)
{
    fix_bench *b = *state;
    char word[201];
    memset(word, 'x', 200);
    word[200] = 0;
    hf_record_id id = fix_new_crime(b->rees, b->beat, word);
    expect_only(b->rees, word, &id);
    memset(word, 'y', 200);
    memcpy(word + 63, "ж", 2); /* the cut falls within a letter */
    id = fix_new_crime(b->rees, b->beat, word);
    expect_only(b->rees, word, &id);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, fix_bench_setup, fix_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(every_word_must_be_there),
        PROMISE(case_accents_and_quotes_do_not_count),
        PROMISE(the_last_word_may_be_a_beginning),
        PROMISE(newest_come_first_and_no_more_than_asked),
        PROMISE(what_was_written_over_is_not_found),
        PROMISE(deleted_records_are_not_found_until_restored),
        PROMISE(withheld_words_are_not_found),
        PROMISE(common_words_find_old_records_too),
        PROMISE(an_index_is_built_in_short_steps),
        PROMISE(the_index_survives_a_restart),
        PROMISE(what_could_not_be_searched_is_not_called_searched),
        PROMISE(nothing_asked_is_nothing_found),
        PROMISE(questions_that_are_not_text_are_refused),
        PROMISE(very_long_words_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
