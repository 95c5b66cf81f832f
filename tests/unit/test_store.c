/* test_store.c: what a store promises when it is opened: that it is ours, that it was not copied or
 * set back, and that damage is noticed before anything is written on top of it. */
#include "store_kit.h"

#include "sync/feed.h"

#include <stdio.h>
#include <unistd.h>

/* ---- files, compared byte by byte ---- */

static hf_buffer read_file(const char *path)
{
    hf_buffer bytes = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t block[4096];
    size_t size;
    while ((size = fread(block, 1, sizeof block, file)) > 0)
        hf_write_raw(&bytes, (hf_bytes){block, size});
    fclose(file);
    assert_int_equal(bytes.status, HF_OK);
    return bytes;
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void flip(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_true(byte != EOF);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_true(fputc(byte ^ 0x5a, file) != EOF);
    assert_int_equal(fclose(file), 0);
}

/* Opening the edge's file is refused with a sentence that holds `words`, and changes not a byte of
 * it. */
static void expect_refused(kit_node *node, hf_status expected, const char *words)
{
    char problem[512];
    hf_buffer before = read_file(node->path);
    assert_int_equal(kit_try_open(node, false, problem), expected);
    assert_null(node->store);
    if (!strstr(problem, words)) print_error("it says: %s\n", problem);
    assert_non_null(strstr(problem, words));
    hf_buffer after = read_file(node->path);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    hf_buffer_free(&before);
    hf_buffer_free(&after);
}

static hf_origin_id own(const kit_node *node)
{
    return hf_store_own_origin(node->store)->id;
}

static bool is_called(const kit_node *node, const hf_origin_id *origin)
{
    return hf_origin_equal(&hf_store_own_origin(node->store)->id, origin);
}

static bool wrote_under(kit_node *node, const hf_origin_id *origin)
{
    kit_entry last = kit_take(node, 0);
    bool same = hf_origin_equal(&last.dot.origin, origin);
    kit_entry_free(&last);
    return same;
}

/* ---- ours, and of our time ---- */

static void what_was_saved_is_there_after_a_restart(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    hf_origin_id before = own(edge);
    uint64_t position = hf_feed_position(edge->store);
    kit_shut(edge);
    kit_open(edge);
    assert_string_equal(kit_shown(k, edge, &crime, KIT_SUMMARY), "Window broken");
    hf_origin_id after = own(edge);
    assert_true(hf_origin_equal(&before, &after));
    kit_set(k, edge, &crime, KIT_SUMMARY, kit_text(k, "Two windows broken"));
    assert_int_equal(hf_feed_position(edge->store), position + 1);
    kit_expect_whole(edge);
}

static void a_newer_programs_store_is_left_as_it_is(void **state)
{
    kit *k = *state;
    kit_shut(&k->edges[0]);
    kit_sql(&k->edges[0], "PRAGMA user_version=2");
    expect_refused(&k->edges[0], HF_ERR_DENIED, "newer");
    kit_sql(&k->edges[0], "PRAGMA user_version=1");
    kit_open(&k->edges[0]);
}

static void somebody_elses_database_is_left_as_it_is(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    kit_shut(edge);
    assert_int_equal(unlink(edge->path), 0);
    kit_sql(edge, "CREATE TABLE recipe(name); INSERT INTO recipe VALUES('scones')");
    expect_refused(edge, HF_ERR_CORRUPT, "not a holdfast store");
}

static void a_file_that_is_no_database_is_left_as_it_is(void **state)
{
    kit *k = *state;
    char page[4096];
    memset(page, 'x', sizeof page);
    kit_shut(&k->edges[0]);
    write_file(k->edges[0].path, page, sizeof page);
    expect_refused(&k->edges[0], HF_ERR_CORRUPT, "safe");
}

static void opened_for_reading_it_mints_and_writes_nothing(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    char problem[512];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    hf_origin_id before = own(edge);
    kit_shut(edge);
    hf_buffer file = read_file(edge->path);
    assert_int_equal(kit_try_open(edge, true, problem), HF_OK);
    assert_string_equal(kit_shown(k, edge, &crime, KIT_SUMMARY), "Window broken");
    hf_author author = kit_author(k);
    hf_txn *txn;
    assert_int_equal(hf_txn_begin(edge->store, &author, &txn), HF_ERR_DENIED);
    kit_shut(edge);
    hf_buffer after = read_file(edge->path);
    assert_int_equal(file.size, after.size);
    assert_memory_equal(file.data, after.data, file.size);
    hf_buffer_free(&file);
    hf_buffer_free(&after);
    kit_open(edge);
    hf_origin_id again = own(edge);
    assert_true(hf_origin_equal(&before, &again));
}

static void a_feeds_epoch_lasts_as_long_as_its_store(void **state)
{
    kit *k = *state;
    uint8_t epoch[16];
    memcpy(epoch, hf_store_epoch(k->hub.store), sizeof epoch);
    kit_shut(&k->hub);
    kit_open(&k->hub);
    assert_memory_equal(epoch, hf_store_epoch(k->hub.store), sizeof epoch);
    assert_memory_not_equal(epoch, hf_store_epoch(k->edges[0].store), sizeof epoch);
}

/* ---- copied or set back ---- */

/* A copy that wrote on under the old name would give a second meaning to seqs that a hub holds. */
static void a_copy_without_its_guard_takes_a_new_name_before_it_writes(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0], copy = *edge;
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    hf_origin_id before = own(edge);
    kit_shut(edge);
    snprintf(copy.path, sizeof copy.path, "%s/copy.db", k->folder);
    kit_copy(edge->path, copy.path, false);
    copy.crypto.table.context = &copy.crypto;
    kit_open(&copy);
    hf_origin_id after = own(&copy);
    assert_false(hf_origin_equal(&before, &after));
    assert_string_equal(kit_shown(k, &copy, &crime, KIT_SUMMARY), "Window broken");
    kit_set(k, &copy, &crime, KIT_SUMMARY, kit_text(k, "Two windows broken"));
    kit_entry last = kit_take(&copy, 0);
    assert_true(hf_origin_equal(&last.dot.origin, &after));
    assert_int_equal(last.dot.seq, 1);
    kit_entry_free(&last);
    kit_expect_whole(&copy);
    kit_shut(&copy);
    kit_open(edge);
    assert_true(is_called(edge, &before));
}

static void a_store_set_back_to_an_earlier_day_takes_a_new_name(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    char backup[128];
    snprintf(backup, sizeof backup, "%s/copy.db", k->folder);
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    hf_origin_id before = own(edge);
    kit_shut(edge);
    kit_copy(edge->path, backup, false);
    kit_open(edge);
    kit_set(k, edge, &crime, KIT_SUMMARY, kit_text(k, "Two windows broken"));
    kit_shut(edge);
    kit_copy(backup, edge->path, false);
    kit_open(edge);
    hf_origin_id after = own(edge);
    assert_false(hf_origin_equal(&before, &after));
    assert_string_equal(kit_shown(k, edge, &crime, KIT_SUMMARY), "Window broken");
    kit_set(k, edge, &crime, KIT_SUMMARY, kit_text(k, "Three windows broken"));
    assert_true(wrote_under(edge, &after));
    kit_shut(edge);
    kit_open(edge); /* and keeps it */
    assert_true(is_called(edge, &after));
}

static void a_store_whose_guard_was_set_back_takes_a_new_name(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    char guard[160];
    snprintf(guard, sizeof guard, "%s.guard", edge->path);
    hf_origin_id before = own(edge);
    hf_buffer old = read_file(guard);
    kit_shut(edge);
    kit_open(edge); /* the nonce is drawn anew at every open */
    kit_shut(edge);
    write_file(guard, old.data, old.size);
    hf_buffer_free(&old);
    kit_open(edge);
    assert_false(is_called(edge, &before));
}

/* Between intent, file and store there are two places to crash; the name is the same after both. */
static void a_crash_while_the_guard_moves_keeps_the_name(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_origin_id before = own(edge);
    kit_shut(edge);
    kit_sql(edge, "UPDATE meta SET value=randomblob(40) WHERE key='guard_next'"); /* intent only */
    kit_open(edge);
    assert_true(is_called(edge, &before));
    kit_shut(edge);
    kit_sql(edge, "UPDATE meta SET value=randomblob(40) WHERE key='guard'"); /* and the file */
    kit_open(edge);
    assert_true(is_called(edge, &before));
}

static void more_writes_than_were_reserved_keep_the_name(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_origin_id before = own(edge);
    hf_record_id id;
    hf_txn *txn = kit_begin(k, edge);
    for (int i = 0; i < HF_SEQ_RESERVE + 200; i++) {
        assert_int_equal(hf_txn_new_id(txn, KIT_CRIME, &id), HF_OK);
        hf_change change = kit_change(&id, HF_CHANGE_SET, KIT_SUMMARY, kit_text(k, "One of many"));
        change.scope = KIT_BEAT;
        assert_int_equal(hf_txn_change(txn, &change), HF_OK);
        hf_txn_next_entry(txn);
    }
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    kit_shut(edge);
    kit_open(edge);
    assert_true(is_called(edge, &before));
    kit_set(k, edge, &id, KIT_SUMMARY, kit_text(k, "The last of many"));
    assert_true(wrote_under(edge, &before));
    kit_expect_whole(edge);
}

/* ---- damage ---- */

static void expect_no_writes(kit *k, kit_node *node)
{
    hf_author author = kit_author(k);
    hf_txn *txn;
    hf_batch *batch;
    assert_int_equal(hf_txn_begin(node->store, &author, &txn), HF_ERR_CORRUPT);
    assert_null(txn);
    assert_non_null(strstr(hf_store_problem(node->store), "safe"));
    assert_int_equal(hf_batch_begin(node->store, k->wall_ms, &batch), HF_ERR_CORRUPT);
    assert_null(batch);
}

/* The state's eighth byte lies within its content: SQLite itself would give it out as it is. */
static void a_flipped_byte_in_a_record_stops_writing_and_says_what_is_safe(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id sound = kit_crime(k, edge, "Sound");
    hf_record_id rotten = kit_crime(k, edge, "Rotten");
    kit_sql(edge, "UPDATE record SET state=substr(state,1,7)||x'ff'||substr(state,9) "
                  "WHERE no=(SELECT max(no) FROM record)");
    hf_view *view;
    assert_int_equal(hf_store_get(edge->store, &rotten, &view), HF_ERR_CORRUPT);
    assert_null(view);
    assert_non_null(strstr(hf_store_problem(edge->store), "damaged"));
    assert_non_null(strstr(hf_store_problem(edge->store), "safe"));
    expect_no_writes(k, edge);
    assert_string_equal(kit_shown(k, edge, &sound, KIT_SUMMARY), "Sound"); /* reads go on */
}

/* SQLite's own words quote what it read of a damaged file. */
static void what_is_said_of_damage_can_be_read(void **state)
{
    kit *k = *state;
    hf_store *store = k->edges[0].store;
    assert_int_equal(hf_store_damaged(store, "malformed (wo\xce\x07rd\n\x7f)"), HF_ERR_CORRUPT);
    assert_non_null(strstr(hf_store_problem(store), "malformed (wo??rd ?)"));
}

/* One bit of the number up to which a hub holds a log: nobody may be told "at the hub" by it. */
static void a_flipped_bit_in_a_receipt_is_never_shown(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    (void)kit_crime(k, edge, "At the hub");
    hf_batch *batch;
    hf_store *store = edge->store;
    assert_int_equal(hf_batch_begin(store, k->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_acked(batch, &hf_store_own_origin(k->hub.store)->id,
                                    hf_store_own_origin(store), HF_LANE_CRIME, 1, 1),
                     HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    (void)kit_crime(k, edge, "Not at any hub");
    hf_standing standing;
    kit_shut(edge);
    kit_open(edge);
    assert_int_equal(hf_store_standing(edge->store, &standing), HF_OK);
    assert_int_equal(standing.waiting, 1);
    kit_shut(edge);
    kit_sql(edge, "UPDATE ack SET durable=durable+2");
    kit_open(edge);
    assert_int_equal(hf_store_standing(edge->store, &standing), HF_OK);
    assert_int_equal(standing.waiting, 2); /* no receipt is believed */
    expect_no_writes(k, edge);
    assert_non_null(strstr(hf_store_problem(edge->store), "acknowledged"));
}

static void a_flipped_byte_in_an_entry_is_never_given_out(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    (void)kit_crime(k, edge, "Rotten");
    kit_sql(edge, "UPDATE entry SET body=substr(body,1,20)||x'ff'||substr(body,22) "
                  "WHERE position=(SELECT max(position) FROM entry)");
    hf_entry out;
    int64_t origin;
    assert_int_equal(hf_entry_at(edge->store, hf_feed_position(edge->store), &out, &origin),
                     HF_ERR_CORRUPT);
    expect_no_writes(k, edge);
}

/* A page that opening has no other reason to read: damage must not wait until it is needed. */
static void a_broken_page_is_noticed_at_open(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    int64_t size = kit_number(edge, "PRAGMA page_size");
    int64_t page = kit_number(edge, "SELECT rootpage FROM sqlite_schema WHERE name='import_row'");
    assert_true(page > 1);
    kit_shut(edge);
    flip(edge->path, (long)((page - 1) * size)); /* its first byte says what kind of page it is */
    expect_refused(edge, HF_ERR_CORRUPT, "safe");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(what_was_saved_is_there_after_a_restart),
        KIT_TEST(a_newer_programs_store_is_left_as_it_is),
        KIT_TEST(somebody_elses_database_is_left_as_it_is),
        KIT_TEST(a_file_that_is_no_database_is_left_as_it_is),
        KIT_TEST(opened_for_reading_it_mints_and_writes_nothing),
        KIT_TEST(a_feeds_epoch_lasts_as_long_as_its_store),
        KIT_TEST(a_copy_without_its_guard_takes_a_new_name_before_it_writes),
        KIT_TEST(a_store_set_back_to_an_earlier_day_takes_a_new_name),
        KIT_TEST(a_store_whose_guard_was_set_back_takes_a_new_name),
        KIT_TEST(a_crash_while_the_guard_moves_keeps_the_name),
        KIT_TEST(more_writes_than_were_reserved_keep_the_name),
        KIT_TEST(a_flipped_byte_in_a_record_stops_writing_and_says_what_is_safe),
        KIT_TEST(what_is_said_of_damage_can_be_read),
        KIT_TEST(a_flipped_bit_in_a_receipt_is_never_shown),
        KIT_TEST(a_flipped_byte_in_an_entry_is_never_given_out),
        KIT_TEST(a_broken_page_is_noticed_at_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
