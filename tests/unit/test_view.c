/* test_view.c: what a person is shown of a record, who wrote it, and how it came to be so. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint32_t ALL_FIELDS = UINT32_MAX;

static int set_up(void **state)
{
    (void)fix_bench_setup(state);
    fix_bench *b = *state;
    b->crime = fix_new_crime(b->rees, b->beat, "a stolen bicycle"); /* all hold it */
    fix_exchange(b);
    return 0;
}

static hf_view *view_of(fix_node *node, const hf_record_id *id)
{
    hf_view *view;
    assert_int_equal(hf_store_get(node->store, id, &view), HF_OK);
    return view;
}

static const hf_field_view *field_of(const hf_view *view, uint32_t number)
{
    const hf_field_view *found = NULL;
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        const hf_field_view *field = hf_view_field(view, i);
        assert_true(i == 0 || field->number > hf_view_field(view, i - 1)->number);
        if (field->number == number) found = field;
    }
    return found;
}

static void expect_text(hf_bytes value, const char *text)
{
    hf_reader reader = hf_reader_open(value);
    hf_bytes found = hf_read_text(&reader);
    assert_int_equal(hf_reader_end(&reader), HF_OK);
    assert_int_equal(found.size, strlen(text));
    assert_memory_equal(found.data, text, found.size);
}

/* ---- one record ---- */

static void a_value_says_who_wrote_it_and_where(void **state)
{
    fix_bench *b = *state;
    hf_view *view = view_of(b->khan, &b->crime);
    const hf_field_view *field = field_of(view, FIX_SUMMARY);
    assert_non_null(field);
    assert_string_equal(field->name, "summary");
    expect_text(field->shown, "a stolen bicycle");
    assert_int_equal(field->value_count, 1);
    assert_string_equal(field->values[0].actor, "PC rees");
    assert_string_equal(field->values[0].device, "rees");
    assert_string_equal(field->values[0].reason, "");
    assert_int_equal(field->values[0].dot.seq, 1);
    assert_int_equal(field->values[0].quality, 3);
    assert_int_equal(hf_view_scope(view), b->beat);
    assert_false(field->conflict || hf_view_deleted(view) || hf_view_edited_deleted(view));
    hf_view_free(view);
}

static void a_record_that_is_not_held_is_not_found(void **state)
{
    fix_bench *b = *state;
    hf_view *view;
    hf_record_id id = b->crime;
    id.bytes[15] ^= 1;
    assert_int_equal(hf_store_get(b->khan->store, &id, &view), HF_ERR_NOT_FOUND);
    assert_null(view);
    hf_view_free(view);
}

/* Both stand and are shown until a person chooses, and the choice says why. */
static void two_versions_stand_until_a_person_chooses(void **state)
{
    fix_bench *b = *state;
    fix_set(b->rees, &b->crime, FIX_OUTCOME, "Local resolution");
    fix_set(b->khan, &b->crime, FIX_OUTCOME, "Offender fined");
    fix_exchange(b);
    hf_view *view = view_of(b->rees, &b->crime);
    const hf_field_view *field = field_of(view, FIX_OUTCOME);
    assert_true(field->conflict);
    assert_int_equal(field->value_count, 2);
    assert_string_not_equal(field->values[0].actor, field->values[1].actor);
    hf_view_free(view);
    fix_resolve(b->khan, &b->crime, FIX_OUTCOME, "Offender fined", "the court's letter");
    fix_exchange(b);
    view = view_of(b->rees, &b->crime);
    field = field_of(view, FIX_OUTCOME);
    assert_false(field->conflict);
    assert_int_equal(field->value_count, 1);
    assert_string_equal(field->values[0].reason, "the court's letter");
    assert_string_equal(field->values[0].actor, "PC khan");
    hf_view_free(view);
}

static void elements_are_shown_oldest_first(void **state)
{
    fix_bench *b = *state;
    fix_change(b->rees, &b->crime, FIX_LOG, HF_CHANGE_ADD, "first", NULL);
    fix_change(b->rees, &b->crime, FIX_LOG, HF_CHANGE_ADD, "second", NULL);
    fix_exchange(b);
    fix_change(b->khan, &b->crime, FIX_LOG, HF_CHANGE_ADD, "third", NULL);
    fix_change(b->khan, &b->crime, FIX_LOG, HF_CHANGE_ADD, "fourth", NULL);
    fix_exchange(b);
    static const char *const words[] = {"first", "second", "third", "fourth"};
    fix_node *nodes[] = {b->hub, b->rees, b->khan};
    for (size_t n = 0; n < 3; n++) {
        hf_view *view = view_of(nodes[n], &b->crime);
        const hf_field_view *field = field_of(view, FIX_LOG);
        assert_int_equal(field->value_count, 4);
        assert_null(field->shown.data);
        for (size_t i = 0; i < 4; i++) expect_text(field->values[i].value, words[i]);
        hf_view_free(view);
    }
}

static void a_delete_hides_only_what_it_saw(void **state)
{
    fix_bench *b = *state;
    fix_change(b->rees, &b->crime, 0, HF_CHANGE_DELETE, NULL, "entered twice");
    hf_view *view = view_of(b->rees, &b->crime);
    assert_true(hf_view_deleted(view));
    hf_view_free(view);
    fix_set(b->khan, &b->crime, FIX_SUMMARY, "a stolen red bicycle");
    fix_exchange(b);
    view = view_of(b->rees, &b->crime);
    assert_false(hf_view_deleted(view));
    assert_true(hf_view_edited_deleted(view));
    assert_true(field_of(view, 0)->conflict);
    assert_string_equal(field_of(view, 0)->values[0].reason, "entered twice");
    hf_view_free(view);
}

/* Its history is how the author learns what became of it: so it is still there to be asked for. */
static void a_record_that_is_wholly_withheld_is_still_held(void **state)
{
    fix_bench *b = *state;
    hf_dot dot = b->rees->last;
    fix_judge(b->hub, &dot, b->beat, 604);
    fix_exchange(b);
    hf_view *view = view_of(b->rees, &b->crime);
    assert_int_equal(hf_view_field_count(view), 0);
    hf_view_free(view);
}

/* ---- history ---- */

typedef struct told {
    uint32_t field;
    char text[64], actor[32], reason[64];
    bool live, resolution;
    uint32_t withheld;
    size_t overwritten;
    hf_hlc hlc;
} told;

typedef struct story {
    told items[16];
    size_t count;
} story;

static hf_status on_item(void *context, const hf_history_item *item)
{
    story *s = context;
    assert_true(s->count < 16);
    told *t = &s->items[s->count++];
    *t = (told){.field = item->field,
                .live = item->live,
                .resolution = item->resolution,
                .withheld = item->withheld,
                .overwritten = item->overwritten_count,
                .hlc = item->view.hlc};
    snprintf(t->actor, sizeof t->actor, "%s", item->view.actor);
    snprintf(t->reason, sizeof t->reason, "%s", item->view.reason);
    hf_reader reader = hf_reader_open(item->view.value);
    hf_bytes text = hf_read_text(&reader);
    if (text.size < sizeof t->text && text.size) memcpy(t->text, text.data, text.size);
    return HF_OK;
}

static story history(fix_node *node, const hf_record_id *id, uint32_t field)
{
    story s = {.count = 0};
    assert_int_equal(hf_store_history(node->store, id, field, on_item, &s), HF_OK);
    for (size_t i = 1; i < s.count; i++) assert_true(s.items[i].hlc >= s.items[i - 1].hlc);
    return s;
}

static void history_keeps_every_value_there_ever_was(void **state)
{
    fix_bench *b = *state;
    fix_set(b->rees, &b->crime, FIX_SUMMARY, "a stolen red bicycle");
    fix_set(b->rees, &b->crime, FIX_OUTCOME, "Local resolution");
    fix_exchange(b);
    story s = history(b->khan, &b->crime, FIX_SUMMARY);
    assert_int_equal(s.count, 2);
    assert_string_equal(s.items[0].text, "a stolen bicycle");
    assert_false(s.items[0].live);
    assert_string_equal(s.items[1].text, "a stolen red bicycle");
    assert_true(s.items[1].live);
    assert_int_equal(s.items[1].overwritten, 1);
    assert_string_equal(s.items[1].actor, "PC rees");
    assert_int_equal(history(b->khan, &b->crime, ALL_FIELDS).count, 4); /* and its reference */
    assert_int_equal(history(b->khan, &b->crime, FIX_CATEGORY).count, 0);
}

static void history_tells_a_resolution_from_an_edit(void **state)
{
    fix_bench *b = *state;
    fix_set(b->rees, &b->crime, FIX_OUTCOME, "Local resolution");
    fix_set(b->khan, &b->crime, FIX_OUTCOME, "Offender fined");
    fix_exchange(b);
    fix_resolve(b->khan, &b->crime, FIX_OUTCOME, "Local resolution", "agreed with Rees");
    fix_exchange(b);
    story s = history(b->hub, &b->crime, FIX_OUTCOME);
    assert_int_equal(s.count, 3);
    assert_false(s.items[0].resolution || s.items[1].resolution);
    assert_false(s.items[0].live || s.items[1].live);
    assert_true(s.items[2].resolution && s.items[2].live);
    assert_int_equal(s.items[2].overwritten, 2);
    assert_string_equal(s.items[2].reason, "agreed with Rees");
}

static void history_names_what_does_not_count(void **state)
{
    fix_bench *b = *state;
    fix_set(b->rees, &b->crime, FIX_SUMMARY, "slander");
    hf_dot dot = b->rees->last;
    fix_exchange(b);
    fix_judge(b->hub, &dot, b->beat, 604);
    fix_exchange(b);
    story s = history(b->rees, &b->crime, FIX_SUMMARY);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.items[0].withheld, 0);
    assert_true(s.items[0].live); /* what it overwrote stands again */
    assert_int_equal(s.items[1].withheld, 604);
    assert_false(s.items[1].live);
    assert_string_equal(fix_shown(b->rees, &b->crime, FIX_SUMMARY), "a stolen bicycle");
    assert_string_equal(fix_shown(b->khan, &b->crime, FIX_SUMMARY), "a stolen bicycle");
    fix_judge(b->hub, &dot, b->beat, 0);
    fix_exchange(b);
    assert_string_equal(fix_shown(b->khan, &b->crime, FIX_SUMMARY), "slander");
    assert_string_equal(fix_shown(b->rees, &b->crime, FIX_SUMMARY), "slander");
    assert_int_equal(history(b->rees, &b->crime, FIX_SUMMARY).items[1].withheld, 0);
}

/* ---- lists ---- */

typedef struct listed {
    hf_record_id ids[600];
    size_t count, deleted;
} listed;

static hf_status on_record(void *context, const hf_record_id *id, uint32_t scope, bool deleted)
{
    listed *list = context;
    (void)scope;
    assert_true(list->count < 600);
    list->ids[list->count++] = *id;
    list->deleted += deleted;
    return HF_OK;
}

static void lists_are_whole_in_any_pages(void **state)
{
    fix_bench *b = *state;
    for (int i = 0; i < 299; i++) fix_new_crime(b->rees, b->beat, "a theft");
    listed *all = calloc(1, sizeof *all), *paged = calloc(1, sizeof *paged);
    assert_true(all && paged);
    hf_store *store = b->rees->store;
    assert_int_equal(hf_store_list(store, 0, NULL, SIZE_MAX, on_record, all), HF_OK);
    assert_int_equal(all->count, 300); /* and none of the system's */
    for (size_t i = 1; i < all->count; i++)
        assert_true(memcmp(all->ids[i - 1].bytes, all->ids[i].bytes, HF_RECORD_ID_SIZE) < 0);
    for (size_t before = 1; before != paged->count;) {
        before = paged->count;
        assert_int_equal(hf_store_list(store, FIX_CRIME, before ? &paged->ids[before - 1] : NULL, 7,
                                       on_record, paged),
                         HF_OK);
    }
    assert_int_equal(paged->count, all->count);
    assert_memory_equal(paged->ids, all->ids, all->count * sizeof *all->ids);
    all->count = 0;
    assert_int_equal(hf_store_list(store, FIX_CRIME + 1, NULL, 10, on_record, all), HF_OK);
    assert_int_equal(all->count, 0);
    free(all);
    free(paged);
}

static void deleted_records_are_listed_as_deleted(void **state)
{
    fix_bench *b = *state;
    listed *list = calloc(1, sizeof *list);
    assert_non_null(list);
    fix_change(b->rees, &b->crime, 0, HF_CHANGE_DELETE, NULL, "entered twice");
    assert_int_equal(hf_store_list(b->rees->store, 0, NULL, 10, on_record, list), HF_OK);
    assert_int_equal(list->count, 1);
    assert_int_equal(list->deleted, 1);
    free(list);
}

typedef struct disputes {
    hf_conflict items[8];
    size_t count;
} disputes;

static hf_status on_conflict(void *context, const hf_conflict *conflict)
{
    disputes *list = context;
    assert_true(list->count < 8);
    list->items[list->count++] = *conflict;
    return HF_OK;
}

static disputes conflicts(fix_node *node)
{
    disputes list = {.count = 0};
    assert_int_equal(hf_store_conflicts(node->store, on_conflict, &list), HF_OK);
    hf_standing standing;
    assert_int_equal(hf_store_standing(node->store, &standing), HF_OK);
    assert_int_equal(standing.conflicts, list.count);
    return list;
}

static void every_replica_lists_the_conflict_until_it_is_resolved(void **state)
{
    fix_bench *b = *state;
    fix_set(b->rees, &b->crime, FIX_OUTCOME, "Local resolution");
    fix_set(b->khan, &b->crime, FIX_OUTCOME, "Offender fined");
    assert_int_equal(conflicts(b->rees).count, 0);
    fix_exchange(b);
    fix_shut(b->rees);
    fix_open(b->rees);
    fix_node *nodes[] = {b->hub, b->rees, b->khan};
    for (size_t i = 0; i < 3; i++) {
        disputes list = conflicts(nodes[i]);
        assert_int_equal(list.count, 1);
        assert_int_equal(list.items[0].field, FIX_OUTCOME);
        assert_int_equal(list.items[0].scope, b->beat);
        assert_memory_equal(&list.items[0].record, &b->crime, sizeof b->crime);
    }
    fix_resolve(b->rees, &b->crime, FIX_OUTCOME, "Offender fined", "seen the letter");
    fix_exchange(b);
    for (size_t i = 0; i < 3; i++) assert_int_equal(conflicts(nodes[i]).count, 0);
}

/* ---- in numbers ---- */

static hf_standing standing_of(fix_node *node)
{
    hf_standing standing;
    assert_int_equal(hf_store_standing(node->store, &standing), HF_OK);
    return standing;
}

static void acknowledge(fix_node *node, fix_node *hub, uint64_t seq)
{
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(node->store, node->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_acked(batch, &hf_store_own_origin(hub->store)->id,
                                    hf_store_own_origin(node->store), HF_LANE_CRIME, seq, seq),
                     HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

static void what_no_hub_has_acknowledged_is_waiting(void **state)
{
    fix_bench *b = *state;
    assert_int_equal(standing_of(b->rees).waiting, 1);
    b->rees->wall_ms += 60000; /* past what the hub's clock has pulled ours to */
    uint64_t second_ms = b->rees->wall_ms + 1000;
    fix_set(b->rees, &b->crime, FIX_SUMMARY, "a stolen red bicycle");
    fix_new_crime(b->rees, b->scopes[2], "in the cells");
    hf_standing standing = standing_of(b->rees);
    assert_int_equal(standing.own_entries, 3);
    assert_int_equal(standing.waiting, 3);
    acknowledge(b->rees, b->hub, 1);
    standing = standing_of(b->rees);
    assert_int_equal(standing.waiting, 2);
    assert_int_equal(standing.oldest_waiting_ms, second_ms);
    acknowledge(b->rees, b->hub, 3);
    standing = standing_of(b->rees);
    assert_int_equal(standing.waiting, 0);
    assert_int_equal(standing.oldest_waiting_ms, 0);
    assert_int_equal(standing.own_entries, 3);
}

static void deleted_records_are_not_counted(void **state)
{
    fix_bench *b = *state;
    fix_new_crime(b->rees, b->beat, "another");
    assert_int_equal(standing_of(b->rees).records, 2);
    fix_change(b->rees, &b->crime, 0, HF_CHANGE_DELETE, NULL, "entered twice");
    hf_standing standing = standing_of(b->rees);
    assert_int_equal(standing.records, 1);
    assert_int_equal(standing.position, hf_feed_position(b->rees->store));
    assert_int_equal(standing.entries, standing.position);
    assert_int_equal(standing.pack_version, hf_pack_version(hf_store_pack(b->rees->store)));
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, fix_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(a_value_says_who_wrote_it_and_where),
        PROMISE(a_record_that_is_not_held_is_not_found),
        PROMISE(two_versions_stand_until_a_person_chooses),
        PROMISE(elements_are_shown_oldest_first),
        PROMISE(a_delete_hides_only_what_it_saw),
        PROMISE(a_record_that_is_wholly_withheld_is_still_held),
        PROMISE(history_keeps_every_value_there_ever_was),
        PROMISE(history_tells_a_resolution_from_an_edit),
        PROMISE(history_names_what_does_not_count),
        PROMISE(lists_are_whole_in_any_pages),
        PROMISE(deleted_records_are_listed_as_deleted),
        PROMISE(every_replica_lists_the_conflict_until_it_is_resolved),
        PROMISE(what_no_hub_has_acknowledged_is_waiting),
        PROMISE(deleted_records_are_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
