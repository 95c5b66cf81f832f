/* test_branches.c: what arrives in pieces, out of place or in contradiction: it is taken where it
 * belongs, or not at all, and the first of two branches stands. */
#include "store_kit.h"
#include "stray.h"

#include "sync/feed.h"

#include <stdio.h>

enum { OPERATOR = 604 };

/* ---- in part erased ---- */

/* One entry that makes two crimes. */
static kit_entry two_in_one(kit *k, kit_node *edge, hf_record_id crimes[2])
{
    hf_txn *txn = kit_begin(k, edge);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(hf_txn_new_id(txn, KIT_CRIME, &crimes[i]), HF_OK);
        hf_change change =
            kit_change(&crimes[i], HF_CHANGE_SET, KIT_SUMMARY, kit_text(k, i ? "Two" : "One"));
        change.scope = KIT_BEAT;
        assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    }
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    return kit_take(edge, 0);
}

/* The same entry, its first part or both but their hashes. */
static kit_entry erased(kit_node *edge, const kit_entry *entry, size_t count)
{
    kit_entry out = {.dot = entry->dot};
    hf_entry_body body;
    hf_bytes bytes = hf_buffer_bytes(&entry->body);
    assert_int_equal(hf_entry_parse(bytes, &body), HF_OK);
    hf_write_raw(&out.body, (hf_bytes){bytes.data, bytes.size - body.parts.size});
    hf_write_array(&out.body, 2);
    hf_reader parts = hf_reader_open(body.parts);
    assert_int_equal(hf_read_array(&parts, 2), 2);
    for (size_t i = 0; i < 2; i++) {
        hf_reader whole = parts;
        hf_part part;
        assert_int_equal(hf_part_next(&edge->crypto.table, &parts, &part), HF_OK);
        if (i >= count) {
            hf_write_raw(&out.body, (hf_bytes){whole.at, (size_t)(parts.at - whole.at)});
            continue;
        }
        hf_write_array(&out.body, 1);
        hf_write_bytes(&out.body, part.hash, HF_HASH_SIZE);
    }
    return out;
}

static void what_is_left_of_an_erased_entry_counts(void **state)
{
    kit *k = *state;
    kit_node *from = &k->edges[0], *to = &k->edges[1];
    hf_record_id crimes[2];
    kit_entry whole = two_in_one(k, from, crimes), part = erased(from, &whole, 1);
    assert_int_equal(kit_give(k, from, to, &part, 0).what, HF_APPLIED_NEW);
    assert_false(kit_holds(to, &crimes[0]));
    assert_string_equal(kit_shown(k, to, &crimes[1], KIT_SUMMARY), "Two");
    assert_int_equal(kit_give(k, from, to, &part, 0).what, HF_APPLIED_KNOWN);
    kit_expect_whole(to);
    kit_entry_free(&part);
    kit_entry_free(&whole);
}

static void a_body_that_was_in_part_erased_is_filled_in(void **state)
{
    kit *k = *state;
    kit_node *from = &k->edges[0], *to = &k->edges[1];
    hf_record_id crimes[2];
    kit_entry whole = two_in_one(k, from, crimes), part = erased(from, &whole, 1);
    assert_int_equal(kit_give(k, from, to, &part, 0).what, HF_APPLIED_NEW);
    assert_int_equal(kit_give(k, from, to, &whole, 0).what, HF_APPLIED_NEW);
    for (size_t i = 0; i < 2; i++) assert_true(kit_holds(to, &crimes[i]));
    assert_int_equal(kit_give(k, from, to, &part, 0).what, HF_APPLIED_KNOWN); /* never less again */
    for (size_t i = 0; i < 2; i++) assert_true(kit_holds(to, &crimes[i]));
    assert_true(kit_same(from, to));
    kit_expect_whole(to);
    kit_entry_free(&part);
    kit_entry_free(&whole);
}

static void an_entry_that_says_nothing_any_more_keeps_the_reason_it_is_given(void **state)
{
    kit *k = *state;
    kit_node *from = &k->edges[0], *to = &k->edges[1];
    hf_record_id crimes[2];
    kit_entry whole = two_in_one(k, from, crimes), nothing = erased(from, &whole, 2);
    assert_int_equal(kit_give(k, from, to, &nothing, OPERATOR).what, HF_APPLIED_WITHHELD);
    assert_int_equal(kit_number(to, "SELECT reason FROM hole"), OPERATOR);
    kit_node *third = &k->edges[2]; /* without a reason it is awaited, and counts when it comes */
    assert_int_equal(kit_give(k, from, third, &nothing, 0).what, HF_APPLIED_WITHHELD);
    assert_int_equal(kit_number(third, "SELECT reason FROM hole"), HF_HOLE_AWAITED);
    assert_int_equal(kit_give(k, from, third, &whole, 0).what, HF_APPLIED_NEW);
    assert_true(kit_holds(third, &crimes[0]));
    assert_true(kit_same(from, third));
    kit_entry_free(&nothing);
    kit_entry_free(&whole);
}

static hf_status keep_item(void *context, const hf_vector_item *item)
{
    *(hf_vector_item *)context = *item;
    return HF_OK;
}

/* What a node says that it holds of its beat's last log. */
static uint64_t claimed(kit_node *node)
{
    hf_vector_item item = {.seq = 0};
    uint64_t seq;
    assert_int_equal(hf_vector_read(node->store, KIT_BEAT, NULL, 0, 9, keep_item, &item), HF_OK);
    assert_int_equal(hf_vector_claim(node->store, KIT_BEAT, &item, &seq), HF_OK);
    return seq;
}

/* Else nobody would send it again. */
static void what_is_awaited_is_not_claimed(void **state)
{
    kit *k = *state;
    kit_node *from = &k->edges[0], *to = &k->edges[1];
    hf_record_id crimes[2];
    (void)kit_crime(k, from, "Before");
    kit_entry before = kit_take(from, 0);
    kit_entry whole = two_in_one(k, from, crimes), nothing = erased(from, &whole, 2);
    assert_int_equal(kit_give(k, from, to, &before, 0).what, HF_APPLIED_NEW);
    assert_int_equal(kit_give(k, from, to, &nothing, 0).what, HF_APPLIED_WITHHELD);
    assert_int_equal(claimed(to), before.dot.seq);
    assert_int_equal(kit_give(k, from, to, &whole, 0).what, HF_APPLIED_NEW);
    assert_int_equal(claimed(to), whole.dot.seq);
    kit_entry_free(&nothing);
    kit_entry_free(&whole);
    kit_entry_free(&before);
}

/* A verdict opens and closes it: what is erased stays so, the rest comes and goes. */
static void a_verdict_on_an_entry_in_part_erased_moves_the_rest(void **state)
{
    kit *k = *state;
    kit_node *from = &k->edges[0];
    hf_record_id crimes[2];
    kit_entry whole = two_in_one(k, from, crimes), part = erased(from, &whole, 1);
    assert_int_equal(kit_give(k, from, &k->hub, &part, 0).what, HF_APPLIED_NEW);
    for (int counts = 0; counts < 2; counts++) {
        kit_verdict(k, &whole.dot, counts ? 0 : OPERATOR, "Under review.");
        assert_false(kit_holds(&k->hub, &crimes[0]));
        assert_int_equal(kit_holds(&k->hub, &crimes[1]), counts);
        kit_expect_whole(&k->hub);
    }
    kit_entry_free(&part);
    kit_entry_free(&whole);
}

/* ---- out of place ---- */

static hf_applied give_stray(kit *k, kit_node *node, const stray *s)
{
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(node->store, k->wall_ms, &batch), HF_OK);
    hf_applied what = stray_apply(batch, s);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    return what;
}

/* A seq is one entry, whatever scope it says it is of; and nothing is slid in behind the vector. */
static void a_seq_that_is_taken_or_passed_is_another_branch(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    const hf_record_id id = {.type = KIT_CRIME, .bytes = {1}};
    stray beat = {5, KIT_BEAT, HF_LANE_CRIME, 1, 0, &id, KIT_SUMMARY, NULL}, s = beat;
    assert_int_equal(give_stray(k, edge, &s), HF_APPLIED_NEW);
    s.scope = KIT_CUSTODY; /* 1 once more, in another scope */
    assert_int_equal(give_stray(k, edge, &s), HF_APPLIED_FORK);
    s = beat;
    s.seq = 4;
    s.pseq = 1; /* 2 and 3 are of scopes that are not for us */
    assert_int_equal(give_stray(k, edge, &s), HF_APPLIED_NEW);
    s.seq = 3;
    assert_int_equal(give_stray(k, edge, &s), HF_APPLIED_FORK);
    s.seq = 5; /* behind 4, and claims to follow 1 */
    assert_int_equal(give_stray(k, edge, &s), HF_APPLIED_FORK);
    s.scope = KIT_CUSTODY;
    s.seq = 3; /* that may be: its first in this scope */
    s.pseq = 0;
    assert_int_equal(give_stray(k, edge, &s), HF_APPLIED_NEW);
    kit_expect_whole(edge);
}

/* The hub judged one entry; another that bears its dot is not the one it judged. */
static void another_branch_of_a_judged_entry_is_not_taken_for_it(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[1];
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_entry entry = kit_take(&k->edges[0], 0);
    kit_send(k, &k->edges[0], &k->hub);
    kit_verdict(k, &entry.dot, OPERATOR, "Under review.");
    kit_entry word = kit_take(&k->hub, 0);
    assert_int_equal(kit_give(k, &k->hub, edge, &word, 0).what, HF_APPLIED_NEW);
    entry.body.data[entry.body.size - 1] ^= 1;
    assert_int_equal(kit_give(k, &k->edges[0], edge, &entry, 0).what, HF_APPLIED_FORK);
    entry.body.data[entry.body.size - 1] ^= 1;
    assert_int_equal(kit_give(k, &k->edges[0], edge, &entry, 0).what, HF_APPLIED_WITHHELD);
    assert_false(kit_holds(edge, &crime));
    kit_entry_free(&entry);
    kit_entry_free(&word);
}

/* ---- contradictions ---- */

/* A hub's word on `entry` with a predecessor of our choice, which no sound hub would write. */
static void judge_as_following(kit *k, const kit_entry *entry, uint64_t pseq, uint32_t standing)
{
    hf_entry_body body;
    uint8_t hash[HF_HASH_SIZE];
    hf_buffer target = {0};
    hf_batch *batch;
    hf_author author = kit_author(k);
    const hf_record_id id = {.type = HF_TYPE_VERDICT,
                             .bytes = {(uint8_t)entry->dot.seq, (uint8_t)(standing == 0)}};
    assert_int_equal(hf_entry_parse(hf_buffer_bytes(&entry->body), &body), HF_OK);
    assert_int_equal(
        hf_entry_hash(&k->hub.crypto.table, &entry->dot.origin, entry->dot.lane, &body, hash),
        HF_OK);
    hf_write_array(&target, 6);
    hf_write_bytes(&target, entry->dot.origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&target, entry->dot.lane);
    hf_write_uint(&target, entry->dot.seq);
    hf_write_uint(&target, KIT_BEAT);
    hf_write_uint(&target, pseq);
    hf_write_bytes(&target, hash, sizeof hash);
    hf_change changes[] = {
        {.record = id,
         .scope = KIT_BEAT,
         .field = HF_VERDICT_TARGET,
         .value = hf_buffer_bytes(&target)},
        {.record = id,
         .scope = KIT_BEAT,
         .field = HF_VERDICT_STANDING,
         .value = kit_uint(k, standing)},
        {.record = id, .scope = KIT_BEAT, .field = HF_VERDICT_TEXT, .value = kit_text(k, "x")}};
    assert_int_equal(hf_batch_begin_own(k->hub.store, k->wall_ms, 1, &batch), HF_OK);
    assert_int_equal(hf_batch_control(batch, KIT_BEAT, &author, changes, 3), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    hf_buffer_free(&target);
    kit_entry word = kit_take(&k->hub, 0);
    assert_int_equal(kit_give(k, &k->hub, &k->edges[1], &word, 0).what, HF_APPLIED_NEW);
    kit_entry_free(&word);
}

static void an_entry_is_not_put_where_contradicting_verdicts_leave_no_place(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[1];
    kit_entry entries[6];
    for (size_t seq = 1; seq <= 5; seq++) {
        kit_crime(k, &k->edges[0], "Shed");
        entries[seq] = kit_take(&k->edges[0], 0);
        assert_int_equal(entries[seq].dot.seq, seq);
    }
    for (size_t seq = 1; seq <= 2; seq++)
        assert_int_equal(kit_give(k, &k->edges[0], edge, &entries[seq], 0).what, HF_APPLIED_NEW);
    judge_as_following(k, &entries[5], 2, OPERATOR); /* 5 follows 2, it says: 5 is stepped over */
    judge_as_following(k, &entries[3], 1, OPERATOR); /* yet 3 lies between, and follows 1 */
    for (int opened = 0; opened < 2; opened++) {
        hf_batch *batch;
        hf_applied_entry applied;
        assert_int_equal(hf_batch_begin(edge->store, k->wall_ms, &batch), HF_OK);
        const hf_origin_row *origin = kit_introduce(&k->edges[0], edge, &entries[3].dot.origin);
        assert_int_equal(hf_batch_entry(batch, origin, HF_LANE_CRIME,
                                        hf_buffer_bytes(&entries[3].body), 0, &applied),
                         HF_ERR_PROTOCOL);
        hf_batch_rollback(batch);
        assert_non_null(strstr(hf_store_problem(edge->store), "verdict"));
        if (opened) break;
        judge_as_following(k, &entries[5], 2,
                           0); /* 5 counts and is here: no hole is left to step */
        assert_int_equal(kit_give(k, &k->edges[0], edge, &entries[5], 0).what, HF_APPLIED_NEW);
    }
    for (size_t seq = 1; seq <= 5; seq++) kit_entry_free(&entries[seq]);
}

/* Withheld before it was ever folded, it becomes part of a record that is known without it. */
static void an_edit_that_was_withheld_from_the_start_counts_once_it_is_opened(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_sync(k);
    kit_set(k, &k->edges[0], &crime, KIT_WITHIN, kit_text(k, "Avon"));
    kit_entry edit = kit_take(&k->edges[0], 0);
    assert_int_equal(kit_give(k, &k->edges[0], &k->hub, &edit, OPERATOR).what, HF_APPLIED_WITHHELD);
    for (uint32_t standing = OPERATOR; standing != UINT32_MAX;
         standing = standing ? 0 : UINT32_MAX) {
        kit_verdict(k, &edit.dot, standing, "Looked at.");
        kit_sync(k);
        for (size_t i = 0; i < KIT_EDGES; i++) {
            assert_string_equal(kit_shown(k, &k->edges[i], &crime, KIT_WITHIN),
                                standing ? "" : "Avon");
            assert_true(kit_same(&k->hub, &k->edges[i]));
            kit_expect_whole(&k->edges[i]);
        }
        assert_string_equal(kit_shown(k, &k->hub, &crime, KIT_WITHIN), standing ? "" : "Avon");
    }
    kit_expect_whole(&k->hub);
    kit_entry_free(&edit);
}

/* What it speaks of is written once; later words on it are a standing and a sentence. */
static void a_second_verdict_does_not_name_its_target_again(void **state)
{
    kit *k = *state;
    kit_crime(k, &k->edges[0], "Window broken");
    kit_entry entry = kit_take(&k->edges[0], 0);
    kit_send(k, &k->edges[0], &k->hub);
    const size_t ops[] = {3, 2, 2};
    for (size_t i = 0; i < 3; i++) {
        hf_entry_body body;
        kit_verdict(k, &entry.dot, i % 2 ? 0 : OPERATOR, "Looked at.");
        kit_entry word = kit_take(&k->hub, 0);
        assert_int_equal(hf_entry_parse(hf_buffer_bytes(&word.body), &body), HF_OK);
        assert_int_equal(body.op_count, ops[i]);
        assert_int_equal(body.hlc >> 16, k->wall_ms);
        assert_int_equal(body.quality, 3);
        assert_int_equal(body.actor.size, 3);
        assert_memory_equal(body.actor.data, "hub", 3);
        kit_entry_free(&word);
    }
    assert_int_equal(kit_number(&k->hub, "SELECT count(*) FROM record WHERE type=4"), 1);
    kit_entry_free(&entry);
}

static void a_verdict_on_what_is_not_held_is_not_written(void **state)
{
    kit *k = *state;
    hf_dot unknown = {.origin = {{7}}, .lane = HF_LANE_CRIME, .seq = 1};
    hf_dot ahead = {.origin = hf_store_own_origin(k->hub.store)->id, .seq = 999};
    hf_dot dots[] = {unknown, ahead};
    uint64_t before = hf_feed_position(k->hub.store);
    for (size_t i = 0; i < 2; i++) {
        hf_batch *batch;
        assert_int_equal(hf_batch_begin(k->hub.store, k->wall_ms, &batch), HF_OK);
        assert_int_equal(hf_batch_verdict(batch, &dots[i], KIT_BEAT, OPERATOR, "x", k->wall_ms),
                         HF_ERR_NOT_FOUND);
        assert_int_equal(hf_batch_commit(batch), HF_ERR_PROTOCOL); /* it can only be undone */
    }
    assert_int_equal(hf_feed_position(k->hub.store), before);
}

/* A seq that is not in the guard's file could be given out again by a copy. */
static void what_was_not_reserved_is_not_written(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    const hf_record_id id = {.type = KIT_CRIME, .bytes = {1}};
    stray s = {0, KIT_BEAT, HF_LANE_CRIME, 0, 0, &id, KIT_LOG, NULL};
    uint64_t before = hf_feed_position(edge->store);
    hf_batch *batch;
    hf_buffer parts = {0};
    stray_parts(&parts, &s);
    hf_draft draft = {.scope = KIT_BEAT,
                      .lane = s.lane,
                      .actor = "x",
                      .quality = 3,
                      .parts = hf_buffer_bytes(&parts)};
    assert_int_equal(hf_batch_begin_own(edge->store, k->wall_ms, 1, &batch), HF_OK);
    uint64_t left = edge->store->reserved;
    assert_in_range(left, 1, 2 * HF_SEQ_RESERVE);
    while (left-- > 0) assert_int_equal(hf_batch_own(batch, &draft, NULL), HF_OK);
    assert_int_equal(hf_batch_own(batch, &draft, NULL), HF_ERR_LIMIT);
    hf_batch_rollback(batch);
    hf_buffer_free(&parts);
    assert_int_equal(hf_feed_position(edge->store), before);
}

/* Entries come in any order: what a delete has seen of a log is its newest, not its last to come.
 */
static void a_delete_after_a_late_body_covers_all_that_is_here(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[1];
    kit_entry entries[3];
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    entries[0] = kit_take(&k->edges[0], 0);
    kit_set(k, &k->edges[0], &crime, KIT_WITHIN, kit_text(k, "Avon"));
    entries[1] = kit_take(&k->edges[0], 0);
    kit_set(k, &k->edges[0], &crime, KIT_SUMMARY, kit_text(k, "Two windows"));
    entries[2] = kit_take(&k->edges[0], 0);
    kit_send(k, &k->edges[0], &k->hub);
    for (uint32_t standing = OPERATOR; standing != UINT32_MAX;
         standing = standing ? 0 : UINT32_MAX) {
        kit_verdict(k, &entries[0].dot, standing, "Under review.");
        kit_entry word = kit_take(&k->hub, 0);
        assert_int_equal(kit_give(k, &k->hub, edge, &word, 0).what, HF_APPLIED_NEW);
        kit_entry_free(&word);
    }
    const size_t order[] = {1, 2, 0};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(kit_give(k, &k->edges[0], edge, &entries[order[i]], 0).what,
                         HF_APPLIED_NEW);
    kit_delete(k, edge, &crime);
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_false(kit_holds(&k->edges[i], &crime));
        assert_true(kit_same(&k->hub, &k->edges[i]));
        kit_expect_whole(&k->edges[i]);
        kit_entry_free(&entries[i]);
    }
}

/* ---- large fields ---- */

static void a_record_of_many_fields_keeps_them_all(void **state)
{
    enum { FIRST = 200, FIELDS = 40 }; /* a newer pack's, that this one does not know */
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    for (uint32_t field = FIRST + FIELDS; field-- > FIRST;)
        kit_set(k, &k->edges[0], &crime, field, kit_uint(k, field));
    kit_sync(k);
    for (uint32_t field = FIRST; field < FIRST + FIELDS; field++)
        assert_int_equal(kit_live(&k->edges[1], &crime, field), 1);
    assert_true(kit_same(&k->edges[0], &k->edges[1]));
    kit_expect_whole(&k->edges[1]);
}

/* What is cited may be of a log that never comes here, or by another entry's hash: it takes nothing
 * away. */
static void a_false_citation_leaves_the_lines_as_they_are(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    kit_add(k, edge, &crime, KIT_LOG, kit_text(k, "A line"));
    kit_entry line = kit_take(edge, 0);
    const hf_dot nobodys = {.origin = {{0xee}}, .lane = HF_LANE_CRIME, .seq = 1};
    const hf_dot *cited[] = {&nobodys, &line.dot};
    for (uint32_t i = 0; i < 2; i++) {
        stray s = {5 + i, KIT_BEAT, HF_LANE_CRIME, 1, 0, &crime, KIT_LOG, cited[i]};
        assert_int_equal(give_stray(k, edge, &s), HF_APPLIED_NEW);
        assert_int_equal(kit_live(edge, &crime, KIT_LOG), 2 + i);
    }
    kit_expect_whole(edge);
    kit_entry_free(&line);
}

static void two_elements_of_a_large_set_are_removed_in_one_save(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Gang");
    for (uint32_t i = 0; i <= HF_ELEMENT_INLINE_MAX; i++)
        kit_add(k, edge, &crime, KIT_SUSPECTS, kit_ref(k, i));
    hf_txn *txn = kit_begin(k, edge);
    for (uint32_t i = 0; i < 2; i++) {
        hf_change change = kit_change(&crime, HF_CHANGE_REMOVE, KIT_SUSPECTS, kit_ref(k, i));
        assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    }
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    assert_int_equal(kit_live(edge, &crime, KIT_SUSPECTS), HF_ELEMENT_INLINE_MAX - 1);
    kit_expect_whole(edge);
}

/* ---- records that hold too much ---- */

static bool crowds(kit *k, kit_node *node, const stray *first, const stray *second)
{
    hf_buffer body = {0};
    hf_entry_body entry;
    bool found = false;
    stray_head(&body, first, k->wall_ms);
    hf_write_array(&body, second ? 2 : 1);
    stray_part(&body, first);
    if (second) stray_part(&body, second);
    assert_int_equal(hf_entry_parse(hf_buffer_bytes(&body), &entry), HF_OK);
    assert_int_equal(
        hf_entry_crowds(node->store, stray_origin(node->store, first), first->lane, &entry, &found),
        HF_OK);
    hf_buffer_free(&body);
    return found;
}

/* No field of it is full, and all of them together are. */
static void a_record_is_crowded_by_all_its_fields_together(void **state)
{
    enum { EACH = HF_FIELD_DOTS_MAX / 2, FIELDS = HF_RECORD_DOTS_MAX / EACH, FIRST = 200 };
    kit *k = *state;
    const hf_record_id id = {.type = KIT_CRIME, .bytes = {1}}, other = {.type = KIT_CRIME};
    hf_batch *batch;
    stray s = {.scope = KIT_BEAT, .lane = HF_LANE_CRIME, .seq = 1, .record = &id};
    assert_int_equal(hf_batch_begin(k->hub.store, k->wall_ms, &batch), HF_OK);
    for (s.who = 0; s.who < HF_RECORD_DOTS_MAX; s.who++) {
        s.field = FIRST + s.who % FIELDS;
        assert_int_equal(stray_apply(batch, &s), HF_APPLIED_NEW);
    }
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    stray elsewhere = s;
    elsewhere.record = &other;
    assert_true(crowds(k, &k->hub, &s, NULL));
    assert_true(crowds(k, &k->hub, &s, &elsewhere));
    assert_true(crowds(k, &k->hub, &elsewhere, &s));
    assert_false(crowds(k, &k->hub, &elsewhere, NULL));
    hf_record_id crimes[2];
    hf_entry_body body;
    kit_entry whole = two_in_one(k, &k->edges[0], crimes), part = erased(&k->edges[0], &whole, 2);
    bool found = true; /* of what is erased nothing is held */
    assert_int_equal(hf_entry_parse(hf_buffer_bytes(&part.body), &body), HF_OK);
    assert_int_equal(hf_entry_crowds(k->hub.store, hf_store_own_origin(k->hub.store), HF_LANE_CRIME,
                                     &body, &found),
                     HF_OK);
    assert_false(found);
    kit_entry_free(&whole);
    kit_entry_free(&part);
}

/* ---- conflicts under another pack ---- */

static void conflicts_are_listed_anew_under_another_pack(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    for (int i = 0; i < 70; i++) kit_crime(k, edge, "No conflict");
    kit_sync(k);
    kit_set(k, edge, &crime, KIT_SUMMARY, kit_text(k, "One"));
    kit_set(k, &k->edges[1], &crime, KIT_SUMMARY, kit_text(k, "Other"));
    uint64_t newest_ms = k->wall_ms;
    kit_sync(k);
    assert_int_equal(kit_number(edge, "SELECT since>>16 FROM conflict"), newest_ms);
    assert_int_equal(kit_number(edge, "SELECT count(*) FROM conflict"), 1);
    kit_sql(edge, "DELETE FROM conflict");
    kit_sql(edge, "INSERT INTO conflict SELECT no,27,1 FROM record");
    kit_sql(edge, "UPDATE meta SET value=x'00000000' WHERE key='conflicts_pack'");
    kit_shut(edge);
    char problem[512];
    assert_int_equal(kit_try_open(edge, true, problem), HF_OK); /* a reader changes nothing */
    assert_true(kit_number(edge, "SELECT count(*) FROM conflict") > 1);
    kit_shut(edge);
    kit_open(edge);
    assert_int_equal(kit_number(edge, "SELECT count(*) FROM conflict"), 1);
    kit_expect_whole(edge);
}

/* A vector that moved becomes a row when another needs its place, or at the end. */
static void a_vector_that_could_not_be_written_keeps_its_place(void **state)
{
    enum { LOG = 8 * 1000 + 3 };
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_vector_slot *slot, *other = NULL;
    int64_t log = LOG;
    kit_sql(edge, "CREATE TEMP TRIGGER full BEFORE INSERT ON vector BEGIN "
                  "SELECT RAISE(ABORT, 'full'); END");
    assert_int_equal(hf_vector_get(edge->store, LOG, KIT_BEAT, &slot), HF_OK);
    while (other != slot)
        assert_int_equal(hf_vector_get(edge->store, ++log, KIT_BEAT, &other), HF_OK);
    assert_int_equal(hf_vector_get(edge->store, LOG, KIT_BEAT, &slot), HF_OK);
    slot->seq = 7;
    slot->dirty = true;
    assert_int_not_equal(hf_vector_get(edge->store, log, KIT_BEAT, &other), HF_OK);
    assert_true(slot->log == LOG && slot->seq == 7 && slot->dirty);
    kit_sql(edge, "DROP TRIGGER full");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(what_is_left_of_an_erased_entry_counts),
        KIT_TEST(a_body_that_was_in_part_erased_is_filled_in),
        KIT_TEST(an_entry_that_says_nothing_any_more_keeps_the_reason_it_is_given),
        KIT_TEST(what_is_awaited_is_not_claimed),
        KIT_TEST(a_verdict_on_an_entry_in_part_erased_moves_the_rest),
        KIT_TEST(a_seq_that_is_taken_or_passed_is_another_branch),
        KIT_TEST(another_branch_of_a_judged_entry_is_not_taken_for_it),
        KIT_TEST(an_entry_is_not_put_where_contradicting_verdicts_leave_no_place),
        KIT_TEST(an_edit_that_was_withheld_from_the_start_counts_once_it_is_opened),
        KIT_TEST(a_second_verdict_does_not_name_its_target_again),
        KIT_TEST(a_verdict_on_what_is_not_held_is_not_written),
        KIT_TEST(what_was_not_reserved_is_not_written),
        KIT_TEST(a_delete_after_a_late_body_covers_all_that_is_here),
        KIT_TEST(a_record_of_many_fields_keeps_them_all),
        KIT_TEST(a_false_citation_leaves_the_lines_as_they_are),
        KIT_TEST(two_elements_of_a_large_set_are_removed_in_one_save),
        KIT_TEST(a_record_is_crowded_by_all_its_fields_together),
        KIT_TEST(conflicts_are_listed_anew_under_another_pack),
        KIT_TEST(a_vector_that_could_not_be_written_keeps_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
