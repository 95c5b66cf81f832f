/* test_apply.c: what a batch of received entries promises: all of it or nothing, each entry once,
 * no gap, no second branch; and that what is withheld stops nobody but itself. */
#include "store_kit.h"

#include "sync/feed.h"
#include "sync/log.h"

#include <stdio.h>

enum { NO_GRANT = 600, OPERATOR = 604 };

/* ---- helpers ---- */

typedef struct standing { /* all that a batch could have moved */
    uint64_t position;
    uint8_t chain[16], digest[HF_HASH_SIZE];
    hf_hlc hlc;
    size_t origins;
} standing;

static standing standing_of(kit_node *node)
{
    standing at = {.position = hf_feed_position(node->store),
                   .hlc = node->store->hlc,
                   .origins = node->store->origin_count};
    assert_int_equal(hf_feed_chain_at(node->store, at.position, at.chain), HF_OK);
    assert_int_equal(hf_store_digest(node->store, KIT_BEAT, at.digest), HF_OK);
    return at;
}

static void expect_as_before(kit_node *node, const standing *before)
{
    standing now = standing_of(node);
    assert_int_equal(now.position, before->position);
    assert_int_equal(now.hlc, before->hlc);
    assert_int_equal(now.origins, before->origins);
    assert_memory_equal(now.chain, before->chain, sizeof now.chain);
    assert_memory_equal(now.digest, before->digest, sizeof now.digest);
}

/* The node's log in the crimes' lane, as this store numbers it. */
static int64_t log_at(kit_node *node, const hf_origin_id *origin)
{
    const hf_origin_row *row = hf_origin_by_id(node->store, origin);
    assert_non_null(row);
    return hf_log_no(row->no, HF_LANE_CRIME);
}

static uint64_t held_up_to(kit_node *node, const hf_origin_id *origin)
{
    hf_vector_slot *slot;
    assert_int_equal(hf_vector_get(node->store, log_at(node, origin), KIT_BEAT, &slot), HF_OK);
    return slot->seq;
}

static uint32_t hole_at(kit_node *node, const hf_dot *dot)
{
    uint32_t reason;
    uint8_t hash[HF_HASH_SIZE];
    assert_int_equal(hf_hole_get(node->store, log_at(node, &dot->origin), dot->seq, &reason, hash),
                     HF_OK);
    return reason;
}

static void expect_same_chain(kit_node *a, kit_node *b, const hf_dot *dot)
{
    uint8_t one[HF_HASH_SIZE], other[HF_HASH_SIZE];
    const hf_origin_row *at_a = hf_origin_by_id(a->store, &dot->origin);
    const hf_origin_row *at_b = hf_origin_by_id(b->store, &dot->origin);
    assert_int_equal(hf_log_chain_at(a->store, at_a->no, dot->lane, dot->seq, one), HF_OK);
    assert_int_equal(hf_log_chain_at(b->store, at_b->no, dot->lane, dot->seq, other), HF_OK);
    assert_memory_equal(one, other, HF_HASH_SIZE);
}

/* Three crimes by one edge, as entries that have not been sent. */
typedef struct three {
    hf_record_id crimes[3];
    kit_entry entries[3];
} three;

static three three_crimes(kit *k, kit_node *edge)
{
    three made;
    static const char *const summaries[] = {"First", "Second", "Third"};
    for (size_t i = 0; i < 3; i++) {
        made.crimes[i] = kit_crime(k, edge, summaries[i]);
        made.entries[i] = kit_take(edge, 0);
    }
    return made;
}

static void three_free(three *made)
{
    for (size_t i = 0; i < 3; i++) kit_entry_free(&made->entries[i]);
}

/* Gives the hub all three, the middle one withheld. */
static void withhold_second(kit *k, three *made)
{
    hf_applied expected[] = {HF_APPLIED_NEW, HF_APPLIED_WITHHELD, HF_APPLIED_NEW};
    for (size_t i = 0; i < 3; i++) {
        hf_applied_entry applied =
            kit_give(k, &k->edges[0], &k->hub, &made->entries[i], i == 1 ? NO_GRANT : 0);
        assert_int_equal(applied.what, expected[i]);
    }
}

/* ---- each entry once, in its place ---- */

static void what_is_known_changes_nothing_when_it_comes_again(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_entry entry = kit_take(&k->edges[0], 0);
    hf_applied_entry first = kit_give(k, &k->edges[0], &k->hub, &entry, 0);
    assert_int_equal(first.what, HF_APPLIED_NEW);
    standing before = standing_of(&k->hub);
    hf_applied_entry again = kit_give(k, &k->edges[0], &k->hub, &entry, 0);
    assert_int_equal(again.what, HF_APPLIED_KNOWN);
    assert_int_equal(again.position, first.position);
    expect_as_before(&k->hub, &before);
    assert_int_equal(kit_live(&k->hub, &crime, KIT_SUMMARY), 1);
    kit_entry_free(&entry);
}

static void an_entry_ahead_of_its_log_is_not_taken_and_says_what_is_missing(void **state)
{
    kit *k = *state;
    three made = three_crimes(k, &k->edges[0]);
    (void)kit_give(k, &k->edges[0], &k->hub, &made.entries[0], 0);
    hf_applied_entry third = kit_give(k, &k->edges[0], &k->hub, &made.entries[2], 0);
    assert_int_equal(third.what, HF_APPLIED_GAP);
    assert_int_equal(third.expected, 1);
    assert_int_equal(third.position, 0);
    assert_false(kit_holds(&k->hub, &made.crimes[2]));
    for (size_t i = 1; i < 3; i++) {
        hf_applied_entry applied = kit_give(k, &k->edges[0], &k->hub, &made.entries[i], 0);
        assert_int_equal(applied.what, HF_APPLIED_NEW);
    }
    assert_true(kit_same(&k->hub, &k->edges[0]));
    three_free(&made);
}

/* A device restored with its guard cannot know that it was; whoever holds its log can. */
static void of_two_branches_the_first_stands(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0], twin = *edge;
    kit_shut(edge);
    snprintf(twin.path, sizeof twin.path, "%s/copy.db", k->folder);
    kit_copy(edge->path, twin.path, true);
    twin.crypto.table.context = &twin.crypto;
    kit_open(edge);
    kit_open(&twin);
    hf_record_id stands = kit_crime(k, edge, "The one that came first");
    hf_record_id other = kit_crime(k, &twin, "The other one");
    kit_entry first = kit_take(edge, 0), second = kit_take(&twin, 0);
    assert_int_equal(hf_dot_compare(&first.dot, &second.dot), 0);
    assert_int_equal(kit_give(k, edge, &k->hub, &first, 0).what, HF_APPLIED_NEW);
    standing before = standing_of(&k->hub);
    assert_int_equal(kit_give(k, &twin, &k->hub, &second, 0).what, HF_APPLIED_FORK);
    expect_as_before(&k->hub, &before);
    assert_true(kit_holds(&k->hub, &stands));
    assert_false(kit_holds(&k->hub, &other));
    kit_shut(&twin);
    kit_entry_free(&first);
    kit_entry_free(&second);
}

static void a_scope_is_followed_without_the_logs_other_scopes(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    (void)kit_crime_in(k, edge, KIT_BEAT, "First");
    kit_entry first = kit_take(edge, 0);
    (void)kit_crime_in(k, edge, KIT_CUSTODY, "Not for everyone");
    (void)kit_crime_in(k, edge, KIT_BEAT, "Third");
    kit_entry third = kit_take(edge, 0);
    assert_int_equal(third.dot.seq, 3);
    assert_int_equal(kit_give(k, edge, &k->edges[1], &first, 0).what, HF_APPLIED_NEW);
    assert_int_equal(kit_give(k, edge, &k->edges[1], &third, 0).what, HF_APPLIED_NEW);
    assert_int_equal(held_up_to(&k->edges[1], &first.dot.origin), 3);
    assert_true(kit_same(edge, &k->edges[1]));
    kit_expect_whole(&k->edges[1]);
    kit_entry_free(&first);
    kit_entry_free(&third);
}

static void only_a_hubs_control_log_writes_control_records(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_buffer part = {0}, parts = {0};
    uint8_t id[HF_RECORD_ID_SIZE] = {1}, salt[8] = {0};
    hf_write_raw(&part, (hf_bytes){salt, sizeof salt});
    hf_write_array(&part, 4);
    hf_write_uint(&part, HF_TYPE_DEVICE);
    hf_write_bytes(&part, id, sizeof id);
    hf_write_array(&part, 0);
    hf_write_array(&part, 1);
    hf_write_array(&part, 3);
    hf_write_uint(&part, HF_DEVICE_NAME);
    hf_write_array(&part, 0);
    hf_write_string(&part, "mallory");
    hf_write_array(&parts, 1);
    hf_write_bytes(&parts, part.data, part.size);
    for (uint8_t lane = HF_LANE_CONTROL; lane <= HF_LANE_RISK; lane++) {
        hf_batch *batch;
        hf_draft draft = {.scope = KIT_BEAT,
                          .lane = lane,
                          .actor = "x",
                          .quality = 3,
                          .parts = hf_buffer_bytes(&parts)};
        standing before = standing_of(edge);
        assert_int_equal(hf_batch_begin_own(edge->store, k->wall_ms, 1, &batch), HF_OK);
        assert_int_equal(hf_batch_own(batch, &draft, NULL), HF_ERR_PROTOCOL);
        assert_int_equal(hf_batch_commit(batch), HF_ERR_PROTOCOL); /* it can only be undone */
        expect_as_before(edge, &before);
    }
    hf_buffer_free(&part);
    hf_buffer_free(&parts);
}

/* ---- citations ---- */

/* One op over `cited` with a prefix that may be foreign, as an entry of the edge's own. */
static void overwrite(kit *k, kit_node *edge, const hf_record_id *record, const kit_entry *cited,
                      bool foreign)
{
    hf_entry_body body;
    uint8_t hash[HF_HASH_SIZE], salt[8] = {0};
    hf_bytes bytes = hf_buffer_bytes(&cited->body);
    assert_int_equal(hf_entry_parse(bytes, &body), HF_OK);
    assert_int_equal(
        hf_entry_hash(&edge->crypto.table, &cited->dot.origin, cited->dot.lane, &body, hash),
        HF_OK);
    if (foreign) hash[3] ^= 1;
    hf_buffer part = {0}, parts = {0};
    hf_write_raw(&part, (hf_bytes){salt, sizeof salt});
    hf_write_array(&part, 4);
    hf_write_uint(&part, record->type);
    hf_write_bytes(&part, record->bytes, HF_RECORD_ID_SIZE);
    hf_write_array(&part, 1);
    hf_write_array(&part, 2);
    hf_write_bytes(&part, cited->dot.origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&part, cited->dot.lane);
    hf_write_array(&part, 1);
    hf_write_array(&part, 3);
    hf_write_uint(&part, KIT_SUMMARY);
    hf_write_array(&part, 1);
    hf_write_array(&part, 3);
    hf_write_uint(&part, 1);
    hf_write_uint(&part, cited->dot.seq);
    hf_write_bytes(&part, hash, HF_PREFIX_SIZE);
    hf_write_undefined(&part);
    hf_write_array(&parts, 1);
    hf_write_bytes(&parts, part.data, part.size);
    hf_batch *batch;
    hf_draft draft = {.scope = KIT_BEAT,
                      .lane = HF_LANE_CRIME,
                      .actor = "x",
                      .quality = 3,
                      .parts = hf_buffer_bytes(&parts)};
    assert_int_equal(hf_batch_begin_own(edge->store, k->wall_ms, 1, &batch), HF_OK);
    assert_int_equal(hf_batch_own(batch, &draft, NULL), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    hf_buffer_free(&part);
    hf_buffer_free(&parts);
}

/* Nobody can take away what he has not seen: before it came, or after. */
static void a_citation_with_a_foreign_prefix_takes_nothing_away(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_entry written = kit_take(&k->edges[0], 0);
    overwrite(k, &k->edges[1], &crime, &written, true); /* there, before what it cites */
    kit_send(k, &k->edges[1], &k->hub);
    kit_sync(k); /* to the others, after it */
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_string_equal(kit_shown(k, &k->edges[i], &crime, KIT_SUMMARY), "Window broken");
        assert_true(kit_same(&k->hub, &k->edges[i]));
        kit_expect_whole(&k->edges[i]);
    }
    overwrite(k, &k->edges[1], &crime, &written, false); /* the true one does */
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++)
        assert_int_equal(kit_live(&k->edges[i], &crime, KIT_SUMMARY), 0);
    kit_entry_free(&written);
}

/* ---- all or nothing ---- */

static void a_batch_that_fails_changes_nothing(void **state)
{
    kit *k = *state;
    three made = three_crimes(k, &k->edges[0]);
    standing before = standing_of(&k->hub);
    for (size_t cut = 1; cut < 40; cut += 6) {
        hf_batch *batch;
        hf_applied_entry applied;
        assert_int_equal(hf_batch_begin(k->hub.store, k->wall_ms, &batch), HF_OK);
        const hf_origin_row *origin =
            kit_introduce(&k->edges[0], &k->hub, &made.entries[0].dot.origin);
        hf_bytes good = hf_buffer_bytes(&made.entries[0].body);
        hf_bytes bad = hf_buffer_bytes(&made.entries[1].body);
        assert_true(bad.size > cut);
        bad.size -= cut;
        assert_int_equal(hf_batch_entry(batch, origin, HF_LANE_CRIME, good, 0, &applied), HF_OK);
        assert_int_equal(applied.what, HF_APPLIED_NEW);
        assert_int_equal(hf_batch_entry(batch, origin, HF_LANE_CRIME, bad, 0, &applied),
                         HF_ERR_PROTOCOL);
        assert_int_equal(hf_batch_commit(batch), HF_ERR_PROTOCOL);
        expect_as_before(&k->hub, &before);
        assert_false(kit_holds(&k->hub, &made.crimes[0]));
    }
    kit_sync(k); /* and the same entries are taken afterwards */
    assert_true(kit_same(&k->hub, &k->edges[0]));
    kit_expect_whole(&k->hub);
    three_free(&made);
}

static void a_cursor_is_stored_with_what_it_covers_or_not_at_all(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[1];
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_entry entry = kit_take(&k->edges[0], 0);
    hf_cursor cursor = {.hub = hf_store_own_origin(k->hub.store)->id,
                        .position = 41,
                        .epoch = {1},
                        .chain = {2},
                        .scopes = {3}};
    for (int commits = 0; commits < 2; commits++) {
        hf_batch *batch;
        hf_applied_entry applied;
        assert_int_equal(hf_batch_begin(edge->store, k->wall_ms, &batch), HF_OK);
        const hf_origin_row *origin = kit_introduce(&k->edges[0], edge, &entry.dot.origin);
        assert_int_equal(
            hf_batch_entry(batch, origin, HF_LANE_CRIME, hf_buffer_bytes(&entry.body), 0, &applied),
            HF_OK);
        assert_int_equal(hf_batch_cursor(batch, &cursor), HF_OK);
        if (commits)
            assert_int_equal(hf_batch_commit(batch), HF_OK);
        else
            hf_batch_rollback(batch);
        kit_shut(edge);
        kit_open(edge);
        hf_cursor stored;
        bool found;
        assert_int_equal(hf_cursor_get(edge->store, &cursor.hub, &stored, &found), HF_OK);
        assert_int_equal(found, commits);
        assert_int_equal(kit_holds(edge, &crime), commits);
        if (found) assert_int_equal(stored.position, 41);
        if (found) assert_memory_equal(stored.chain, cursor.chain, sizeof cursor.chain);
    }
    kit_entry_free(&entry);
}

/* It was cited only, so its row is there; what it is comes in a batch that fails. */
static void an_origin_learnt_in_a_batch_that_fails_is_learnt_in_the_next(void **state)
{
    kit *k = *state;
    kit_node *writer = &k->edges[0], *editor = &k->edges[1];
    hf_record_id crime = kit_crime(k, writer, "Window broken");
    kit_entry entry = kit_take(writer, 0);
    assert_int_equal(kit_give(k, writer, editor, &entry, 0).what, HF_APPLIED_NEW);
    kit_set(k, editor, &crime, KIT_SUMMARY, kit_text(k, "Two windows broken"));
    kit_entry edit = kit_take(editor, 0);
    assert_int_equal(kit_give(k, editor, &k->hub, &edit, 0).what, HF_APPLIED_NEW);
    for (int commits = 0; commits < 2; commits++) {
        hf_batch *batch;
        assert_false(hf_origin_by_id(k->hub.store, &entry.dot.origin)->known);
        assert_int_equal(hf_batch_begin(k->hub.store, k->wall_ms, &batch), HF_OK);
        assert_true(kit_introduce(writer, &k->hub, &entry.dot.origin)->known);
        if (commits)
            assert_int_equal(hf_batch_commit(batch), HF_OK);
        else
            hf_batch_rollback(batch);
    }
    kit_shut(&k->hub);
    kit_open(&k->hub);
    const hf_origin_row *row = hf_origin_by_id(k->hub.store, &entry.dot.origin);
    assert_true(row->known);
    assert_string_not_equal(row->name, "");
    kit_entry_free(&edit);
    kit_entry_free(&entry);
}

/* Where a row stays lent, SQLite goes on answering with its last error, and keeps its journal. */
static void a_row_that_was_lent_holds_up_neither_the_journal_nor_a_store_in_trouble(void **state)
{
    kit *k = *state;
    hf_store *store = k->edges[0].store;
    hf_entry lent;
    hf_batch *batch;
    kit_crime(k, &k->edges[0], "Window broken");
    int64_t log = hf_log_no(hf_store_own_origin(store)->no, HF_LANE_CRIME);
    sqlite3_stmt *const *lender = &store->statements[HF_SQL_ENTRY_DOT];
    assert_int_equal(hf_entry_by_dot(store, log, 1, &lent), HF_OK);
    assert_true(sqlite3_stmt_busy(*lender));
    assert_int_equal(hf_batch_begin(store, k->wall_ms, &batch), HF_OK);
    assert_false(sqlite3_stmt_busy(*lender));
    hf_batch_rollback(batch);
    assert_int_equal(hf_entry_by_dot(store, log, 1, &lent), HF_OK);
    assert_int_equal(hf_store_fault(store, SQLITE_IOERR), HF_ERR_IO);
    assert_false(sqlite3_stmt_busy(*lender));
}

/* ---- withheld, stepped over, opened again ---- */

/* SQLite rolls back by itself when it is short of memory, or a disk fails: here by a row that is
 * told to. Whoever shrugs that off must not write on as if what came before were still there. */
static void what_sqlite_has_undone_is_not_written_on(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_store *store = edge->store;
    hf_batch *batch;
    sqlite3_stmt *failing;
    const hf_bytes value = {(const uint8_t *)"1", 1};
    standing before = standing_of(edge);
    assert_int_equal(hf_batch_begin(store, k->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_meta_set(store, "before", value), HF_OK);
    assert_int_equal(sqlite3_prepare_v2(store->db,
                                        "INSERT OR ROLLBACK INTO meta SELECT key,value FROM meta",
                                        -1, &failing, NULL),
                     SQLITE_OK);
    hf_status why = hf_sql_run(store, failing);
    assert_int_not_equal(why, HF_OK);
    sqlite3_finalize(failing);
    assert_int_equal(hf_meta_set(store, "after", value), why);
    assert_int_equal(hf_batch_commit(batch), why);
    expect_as_before(edge, &before);
    assert_int_equal(kit_number(edge, "SELECT count(*) FROM meta WHERE key IN('before','after')"),
                     0);
    assert_int_equal(hf_batch_begin(store, k->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_meta_set(store, "after", value), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

static void what_is_behind_a_withheld_entry_flows_on(void **state)
{
    kit *k = *state;
    three made = three_crimes(k, &k->edges[0]);
    withhold_second(k, &made);
    assert_true(kit_holds(&k->hub, &made.crimes[0]));
    assert_false(kit_holds(&k->hub, &made.crimes[1]));
    assert_true(kit_holds(&k->hub, &made.crimes[2]));
    assert_int_equal(hole_at(&k->hub, &made.entries[1].dot), NO_GRANT);
    assert_int_equal(held_up_to(&k->hub, &made.entries[0].dot.origin), 3);
    kit_expect_whole(&k->hub);
    three_free(&made);
}

static void others_step_over_a_withheld_entry_and_do_not_learn_what_it_said(void **state)
{
    kit *k = *state;
    three made = three_crimes(k, &k->edges[0]);
    withhold_second(k, &made);
    kit_verdict(k, &made.entries[1].dot, NO_GRANT, "No grant for this scope.");
    kit_send(k, &k->hub, &k->edges[1]);
    assert_true(kit_holds(&k->edges[1], &made.crimes[2]));
    assert_false(kit_holds(&k->edges[1], &made.crimes[1]));
    assert_int_equal(hole_at(&k->edges[1], &made.entries[1].dot), NO_GRANT);
    assert_int_equal(held_up_to(&k->edges[1], &made.entries[0].dot.origin), 3);
    assert_int_equal(kit_number(&k->edges[1], "SELECT count(*) FROM entry WHERE instr(body,"
                                              "CAST('Second' AS BLOB))>0"),
                     0);
    assert_true(kit_same(&k->hub, &k->edges[1]));
    kit_expect_whole(&k->edges[1]);
    three_free(&made);
}

/* The author is told, and sees the same as all others; nothing it wrote is gone. */
static void a_verdict_closes_what_counted_and_opens_it_again(void **state)
{
    kit *k = *state;
    hf_record_id crime = kit_crime(k, &k->edges[0], "Window broken");
    kit_sync(k);
    kit_set(k, &k->edges[0], &crime, KIT_SUMMARY, kit_text(k, "Nothing broken"));
    kit_entry second = kit_take(&k->edges[0], 0);
    kit_sync(k);
    kit_verdict(k, &second.dot, OPERATOR, "Written by mistake.");
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_string_equal(kit_shown(k, &k->edges[i], &crime, KIT_SUMMARY), "Window broken");
        assert_int_equal(hole_at(&k->edges[i], &second.dot), OPERATOR);
        assert_true(kit_same(&k->hub, &k->edges[i]));
        kit_expect_whole(&k->edges[i]);
    }
    kit_verdict(k, &second.dot, 0, "It was none.");
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_string_equal(kit_shown(k, &k->edges[i], &crime, KIT_SUMMARY), "Nothing broken");
        assert_int_equal(hole_at(&k->edges[i], &second.dot), 0);
        assert_true(kit_same(&k->hub, &k->edges[i]));
        kit_expect_whole(&k->edges[i]);
    }
    kit_entry_free(&second);
}

static void what_was_withheld_from_the_start_counts_once_it_is_opened(void **state)
{
    kit *k = *state;
    three made = three_crimes(k, &k->edges[0]);
    withhold_second(k, &made);
    kit_verdict(k, &made.entries[1].dot, NO_GRANT, "No grant for this scope.");
    kit_sync(k);
    kit_verdict(k, &made.entries[1].dot, 0, "Granted since.");
    kit_sync(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        assert_string_equal(kit_shown(k, &k->edges[i], &made.crimes[1], KIT_SUMMARY), "Second");
        assert_true(kit_same(&k->hub, &k->edges[i]));
        expect_same_chain(&k->hub, &k->edges[i], &made.entries[1].dot);
        kit_expect_whole(&k->edges[i]);
    }
    three_free(&made);
}

/* Takes the hub's last entry to the edge: its newest verdict. */
static void give_last_word(kit *k, kit_node *edge)
{
    kit_entry word = kit_take(&k->hub, 0);
    assert_int_equal(word.dot.lane, HF_LANE_CONTROL);
    assert_int_equal(kit_give(k, &k->hub, edge, &word, 0).what, HF_APPLIED_NEW);
    kit_entry_free(&word);
}

/* A vector may bring the hub's log before the author's: the hole is there before there is a log.
 * Each body comes late, in either order, and has the chain of its own place. */
static void a_body_that_comes_after_its_verdicts_takes_its_own_place(void **state)
{
    kit *k = *state;
    for (int turn = 0; turn < 2; turn++) {
        kit_node *edge = &k->edges[1 + turn];
        three made = three_crimes(k, &k->edges[0]);
        kit_send(k, &k->edges[0], &k->hub);
        if (turn) kit_send(k, &k->edges[1], edge); /* as far as the first turn brought it */
        for (size_t i = 0; i < 2; i++) {
            kit_verdict(k, &made.entries[i].dot, OPERATOR, "Under review.");
            give_last_word(k, edge);
        }
        for (size_t i = 0; i < 2; i++) {
            kit_verdict(k, &made.entries[i].dot, 0, "Sound.");
            give_last_word(k, edge);
            assert_int_equal(hole_at(edge, &made.entries[i].dot), HF_HOLE_AWAITED);
        }
        assert_int_equal(held_up_to(edge, &made.entries[0].dot.origin), made.entries[1].dot.seq);
        size_t order[] = {2, turn ? 1 : 0, turn ? 0 : 1}; /* what is behind them need not wait */
        for (size_t i = 0; i < 3; i++) {
            kit_entry *entry = &made.entries[order[i]];
            assert_int_equal(kit_give(k, &k->edges[0], edge, entry, 0).what, HF_APPLIED_NEW);
            expect_same_chain(&k->hub, edge, &entry->dot);
        }
        for (size_t i = 0; i < 3; i++) assert_true(kit_holds(edge, &made.crimes[i]));
        assert_true(kit_same(&k->hub, edge));
        kit_expect_whole(edge);
        three_free(&made);
    }
}

static void a_body_that_comes_after_it_was_withheld_keeps_the_verdicts_words(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[1];
    three made = three_crimes(k, &k->edges[0]);
    kit_send(k, &k->edges[0], &k->hub);
    kit_verdict(k, &made.entries[0].dot, OPERATOR, "Under review.");
    give_last_word(k, edge);
    hf_applied_entry late = kit_give(k, &k->edges[0], edge, &made.entries[0], 0);
    assert_int_equal(late.what, HF_APPLIED_WITHHELD);
    assert_false(kit_holds(edge, &made.crimes[0]));
    assert_int_equal(kit_number(edge, "SELECT count(*) FROM hole WHERE text='Under review.' AND "
                                      "reason=604"),
                     1);
    expect_same_chain(&k->hub, edge, &made.entries[0].dot);
    kit_expect_whole(edge);
    three_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(what_is_known_changes_nothing_when_it_comes_again),
        KIT_TEST(an_entry_ahead_of_its_log_is_not_taken_and_says_what_is_missing),
        KIT_TEST(of_two_branches_the_first_stands),
        KIT_TEST(a_scope_is_followed_without_the_logs_other_scopes),
        KIT_TEST(only_a_hubs_control_log_writes_control_records),
        KIT_TEST(a_citation_with_a_foreign_prefix_takes_nothing_away),
        KIT_TEST(a_batch_that_fails_changes_nothing),
        KIT_TEST(what_sqlite_has_undone_is_not_written_on),
        KIT_TEST(a_cursor_is_stored_with_what_it_covers_or_not_at_all),
        KIT_TEST(what_is_behind_a_withheld_entry_flows_on),
        KIT_TEST(an_origin_learnt_in_a_batch_that_fails_is_learnt_in_the_next),
        KIT_TEST(a_row_that_was_lent_holds_up_neither_the_journal_nor_a_store_in_trouble),
        KIT_TEST(others_step_over_a_withheld_entry_and_do_not_learn_what_it_said),
        KIT_TEST(a_verdict_closes_what_counted_and_opens_it_again),
        KIT_TEST(what_was_withheld_from_the_start_counts_once_it_is_opened),
        KIT_TEST(a_body_that_comes_after_its_verdicts_takes_its_own_place),
        KIT_TEST(a_body_that_comes_after_it_was_withheld_keeps_the_verdicts_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
