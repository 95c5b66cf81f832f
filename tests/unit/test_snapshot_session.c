/* test_snapshot_session.c: how a snapshot is offered, fetched and loaded, by whom, and by whom not.
 */
#include "pair.h"

#include "sync/control.h"
#include "sync/store_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BEFORE = 60 };

static const char *const SCOPES[] = {"beat", "other"};

static void crime_in(pair_world *pair, const char *name)
{
    hf_txn *txn;
    uint32_t scope;
    hf_record_id id;
    hf_buffer value = {0};
    hf_write_string(&value, "In another scope");
    hf_author author = {.actor = "PC 1", .wall_ms = pair_wall_ms(pair), .quality = 3};
    assert_int_equal(hf_scope_by_name(pair->hub_node.store, name, &scope), HF_OK);
    assert_int_equal(hf_txn_begin(pair->nodes[0].store, &author, &txn), HF_OK);
    assert_int_equal(hf_txn_new_id(txn, 16, &id), HF_OK);
    hf_change change = {.record = id,
                        .scope = scope,
                        .field = 27,
                        .kind = HF_CHANGE_SET,
                        .value = hf_buffer_bytes(&value)};
    assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    hf_buffer_free(&value);
}

/* A hub that makes small snapshots early, and has something in two. */
static pair_world *world(size_t edges)
{
    pair_world *pair =
        pair_new_with(&(pair_options){.edge_count = edges, .scopes = SCOPES, .scope_count = 2});
    pair_shut(pair, &pair->hub_node);
    pair->behind_min = 20;
    pair->chunk_size = 1024;
    pair_open(pair, &pair->hub_node);
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    for (int n = 0; n < BEFORE; n++) pair_crime(pair, 0, "Before anyone else came");
    for (int n = 0; n < 10; n++) crime_in(pair, "other");
    pair_run(pair);
    return pair;
}

static hf_edge_status status_of(pair_world *pair, size_t edge)
{
    hf_edge_status status;
    hf_edge_status_get(pair->nodes[edge].edge, &status);
    return status;
}

static int64_t number(pair_world *pair, size_t edge, const char *sql)
{
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(pair->nodes[edge].store->db, sql, -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void expect_whole(hf_store *store)
{
    hf_verify_report report;
    assert_int_equal(hf_store_verify(store, &report), HF_OK);
    if (report.faults) print_error("%s\n", report.first_fault);
    assert_int_equal(report.faults, 0);
}

static void expect_in_sync(pair_world *pair, size_t edge)
{
    assert_int_equal(status_of(pair, edge).link, HF_LINK_IN_SYNC);
    assert_true(pair_equal(pair));
    expect_whole(pair->nodes[edge].store);
    assert_int_equal(number(pair, edge, "SELECT count(*) FROM staged"), 0);
}

static void a_new_device_is_given_state_and_then_the_feed(void **state)
{
    (void)state;
    pair_world *pair = world(2);
    pair_new_disk(pair, &pair->nodes[1]);
    pair_count_from_here(pair);
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    expect_in_sync(pair, 1);
    assert_int_equal(pair->frames[PAIR_DOWN][HF_FRAME_OFFER], 1);
    assert_true(pair->frames[PAIR_DOWN][HF_FRAME_CHUNK] >= 3);
    assert_int_equal(number(pair, 1, "SELECT count(*) FROM record WHERE base=1"), BEFORE + 10);
    hf_record_id later = pair_crime(pair, 0, "Afterwards");
    pair_run(pair);
    assert_string_equal(pair_summary(pair->nodes[1].store, &later), "Afterwards");
    hf_record_id back = pair_crime(pair, 1, "And back");
    pair_run(pair);
    assert_string_equal(pair_summary(pair->hub_node.store, &back), "And back");
    expect_in_sync(pair, 1);
    pair_cut(pair, 1); /* and it resumes like anyone else */
    pair_count_from_here(pair);
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    assert_int_equal(pair->frames[PAIR_DOWN][HF_FRAME_OFFER], 0);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_VECTOR], 0);
    expect_in_sync(pair, 1);
    pair_free(pair);
}

/* A client of before, as the hub sees it: HELLO ends where it ended then. */
static bool hello_without(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    if (way == PAIR_DOWN || message->type != HF_FRAME_HELLO || message->as.hello.capabilities == 0)
        return true;
    hf_buffer raw = {0};
    hf_message old = *message;
    old.as.hello.capabilities = 0;
    hf_message_write(&raw, &old);
    assert_int_equal(pair_say(pair, edge, &raw), HF_OK);
    hf_buffer_free(&raw);
    return false;
}

static void a_client_that_knows_no_snapshots_is_fed(void **state)
{
    (void)state;
    pair_world *pair = world(2);
    pair_new_disk(pair, &pair->nodes[1]);
    pair_count_from_here(pair);
    pair->tap = hello_without;
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    expect_in_sync(pair, 1);
    assert_int_equal(pair->frames[PAIR_DOWN][HF_FRAME_OFFER], 0);
    assert_true(pair->frames[PAIR_DOWN][HF_FRAME_FEED] > 0);
    pair_free(pair);
}

static void one_that_is_not_far_behind_is_fed(void **state)
{
    (void)state;
    pair_world *pair = world(2);
    pair->nodes[1].offline = true;
    pair_cut(pair, 1);
    for (int n = 0; n < 10; n++) pair_crime(pair, 0, "While it was away");
    pair_run(pair);
    pair->nodes[1].offline = false;
    pair_count_from_here(pair);
    pair_wait(pair, HF_REDIAL_MAX_MS);
    expect_in_sync(pair, 1);
    assert_int_equal(pair->frames[PAIR_DOWN][HF_FRAME_OFFER], 0);
    pair_free(pair);
}

static void one_that_was_away_too_long_keeps_what_it_wrote(void **state)
{
    (void)state;
    pair_world *pair = world(2);
    hf_record_id shared = pair_crime(pair, 0, "Shared");
    pair_run(pair);
    pair->nodes[1].offline = true;
    pair_cut(pair, 1);
    hf_record_id own = pair_crime(pair, 1, "Written in a cellar");
    pair_set(pair, 1, &shared, 27, "His");
    for (int n = 0; n < 400; n++) pair_set(pair, 0, &shared, 27, "Hers, over and over again");
    pair_run(pair);
    pair->nodes[1].offline = false;
    pair_count_from_here(pair);
    pair_wait(pair, HF_REDIAL_MAX_MS);
    assert_int_equal(pair->frames[PAIR_DOWN][HF_FRAME_OFFER], 1);
    expect_in_sync(pair, 1);
    assert_true(number(pair, 1, "SELECT count(*) FROM base") > 0);
    assert_string_equal(pair_summary(pair->nodes[0].store, &own), "Written in a cellar");
    expect_whole(pair->hub_node.store);
    pair_free(pair);
}

/* ---- cut short ---- */

static size_t chunks_left;
static bool cut_at_chunk(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)pair;
    (void)edge;
    if (way == PAIR_UP || message->type != HF_FRAME_CHUNK) return true;
    if (chunks_left == 0) return false;
    chunks_left--;
    return true;
}

static size_t fetched(pair_world *pair)
{
    return pair->frames[PAIR_UP][HF_FRAME_WANT];
}

/* Its power goes while each part in turn is on its way: what came need not come again. */
static void a_power_cut_costs_one_part_at_most(void **state)
{
    (void)state;
    pair_world *pair = world(2);
    pair_new_disk(pair, &pair->nodes[1]);
    pair_count_from_here(pair);
    size_t cuts = 0;
    for (size_t ended = 0; !ended; cuts++) {
        chunks_left = 1;
        pair->tap = cut_at_chunk;
        pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
        ended = status_of(pair, 1).link == HF_LINK_IN_SYNC;
        size_t staged = (size_t)number(pair, 1, "SELECT count(*) FROM staged");
        if (!ended) assert_int_equal(staged, cuts + 1);
        if (!ended) assert_int_equal(number(pair, 1, "SELECT count(*) FROM base"), 0);
        if (!ended) pair_power_cut(pair, &pair->nodes[1]);
    }
    assert_true(cuts > 3);
    assert_true(fetched(pair) <= cuts * (1 + HF_SNAPSHOT_WANTS_MAX));
    pair->tap = NULL;
    expect_in_sync(pair, 1);
    pair_free(pair);
}

static size_t parts;
static bool count_parts(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)pair;
    (void)edge;
    hf_offered_scope scope;
    if (way == PAIR_DOWN && message->type == HF_FRAME_OFFER)
        for (hf_list walk = message->as.offer.scopes; hf_next_offered(&walk, &scope);)
            parts += scope.chunks.count;
    return true;
}

/* The hub forgets what it made; what it makes again is the same where nothing changed. */
static void a_hub_that_starts_anew_goes_on_with_it(void **state)
{
    (void)state;
    pair_world *pair = world(2);
    pair_new_disk(pair, &pair->nodes[1]);
    chunks_left = 3;
    pair->tap = cut_at_chunk;
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    size_t staged = (size_t)number(pair, 1, "SELECT count(*) FROM staged");
    assert_int_equal(staged, 3);
    pair->tap = NULL;
    pair->nodes[0].offline = true; /* only the one of which it is counted */
    pair_shut(pair, &pair->hub_node);
    pair_open(pair, &pair->hub_node);
    pair_count_from_here(pair);
    parts = 0;
    pair->tap = count_parts;
    pair_wait(pair, HF_REDIAL_MAX_MS);
    expect_in_sync(pair, 1);
    assert_int_equal(fetched(pair), parts - staged);
    pair_free(pair);
}

/* ---- bad parts ---- */

static size_t spoil_left;
static bool spoil_chunk(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    if (way == PAIR_UP || message->type != HF_FRAME_CHUNK || spoil_left == 0) return true;
    spoil_left--;
    hf_buffer raw = {0};
    hf_message spoilt = *message;
    uint8_t bytes[4096];
    size_t size = message->as.chunk.bytes.size;
    assert_true(size <= sizeof bytes);
    memcpy(bytes, message->as.chunk.bytes.data, size);
    bytes[size / 2] ^= 1;
    spoilt.as.chunk.bytes = (hf_bytes){bytes, size};
    hf_message_write(&raw, &spoilt);
    assert_int_equal(pair_tell(pair, edge, &raw), HF_OK);
    hf_buffer_free(&raw);
    return false;
}

static void a_part_that_is_not_what_its_hash_says_is_fetched_again(void **state)
{
    (void)state;
    pair_world *pair = world(2);
    pair_new_disk(pair, &pair->nodes[1]);
    spoil_left = 1;
    pair->tap = spoil_chunk;
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    assert_int_equal(spoil_left, 0);
    expect_in_sync(pair, 1);
    pair_free(pair);
}

static void one_that_stays_wrong_is_reported_and_nothing_of_it_applies(void **state)
{
    (void)state;
    pair_world *pair = world(2);
    pair_new_disk(pair, &pair->nodes[1]);
    spoil_left = SIZE_MAX;
    pair->tap = spoil_chunk;
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    assert_non_null(strstr(status_of(pair, 1).last_error, "damaged"));
    assert_int_equal(number(pair, 1, "SELECT count(*) FROM staged"), 0);
    assert_int_equal(number(pair, 1, "SELECT count(*) FROM record WHERE scope=2"), 0);
    spoil_left = 0;
    pair_wait(pair, HF_REDIAL_MAX_MS);
    expect_in_sync(pair, 1);
    pair_free(pair);
}

/* ---- who may not ---- */

static uint8_t seen[64][HF_HASH_SIZE];
static size_t seen_count;
static bool note_wants(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)pair;
    (void)edge;
    if (way == PAIR_UP && message->type == HF_FRAME_WANT && seen_count < 64)
        memcpy(seen[seen_count++], message->as.chunk.hash, HF_HASH_SIZE);
    return true;
}

/* Neither offers nor chunks arrive: so the device itself asks for nothing. */
static size_t offered, of_other;
static bool until_offered(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)pair;
    (void)edge;
    if (way == PAIR_UP || message->type != HF_FRAME_OFFER)
        return way == PAIR_UP || message->type != HF_FRAME_CHUNK;
    offered++;
    of_other = 0;
    hf_offered_scope scope;
    hf_chunk_name chunk;
    for (hf_list walk = message->as.offer.scopes; hf_next_offered(&walk, &scope);)
        while (hf_next_chunk(&scope.chunks, &chunk))
            for (size_t i = 0; i < seen_count; i++)
                if (memcmp(seen[i], chunk.hash, HF_HASH_SIZE) == 0) of_other++;
    return false;
}

static void say_want(pair_world *pair, size_t edge, const uint8_t hash[HF_HASH_SIZE])
{
    hf_buffer raw = {0};
    hf_message message = {.type = HF_FRAME_WANT};
    message.as.chunk.offer = (uint32_t)offered;
    memcpy(message.as.chunk.hash, hash, HF_HASH_SIZE);
    hf_message_write(&raw, &message);
    (void)pair_say(pair, edge, &raw);
    hf_buffer_free(&raw);
}

/* A device that holds one of the scopes knows the hashes of all parts, and gets its own alone. */
static void a_hash_opens_no_other_scope(void **state)
{
    (void)state;
    pair_world *pair = world(3);
    pair_node *node = &pair->nodes[2];
    seen_count = 0;
    pair->tap = note_wants;
    pair_new_disk(pair, &pair->nodes[1]);
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    assert_true(seen_count > 2);
    pair_shut(pair, node);
    sim_crypto_init(&node->crypto, 43, "edge9", false);
    hf_registration device = {.name = "edge9",
                              .force = "Avon",
                              .unit = "Central",
                              .scopes = SCOPES + 1,
                              .scope_count = 1,
                              .certificate = node->crypto.table.own_certificate};
    assert_int_equal(
        hf_hub_register(pair->hub, node->crypto.table.own_key_id, &device, pair_wall_ms(pair)),
        HF_OK);
    pair_new_disk(pair, node);
    offered = 0;
    pair->tap = until_offered;
    pair->nodes[0].offline = pair->nodes[1].offline = true;
    for (int i = 0; i < 2000 && offered < 1; i++) pair_step(pair);
    assert_int_equal(offered, 1);
    pair_count_from_here(pair);
    for (size_t i = 0; i < seen_count; i++) {
        say_want(pair, 2, seen[i]);
        for (int n = 0; n < 20; n++) pair_step(pair);
    }
    assert_true(offered > 1); /* it is told again what there is for it */
    assert_int_equal(pair->frames[PAIR_DOWN][HF_FRAME_CHUNK], of_other);
    assert_true(of_other < seen_count);
    pair_free(pair);
}

/* ---- how far along ---- */

static uint32_t most_here, told_wrongly;
static bool watch(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    if (way == PAIR_DOWN || message->type != HF_FRAME_WANT) return true;
    hf_edge_status status = status_of(pair, edge);
    if (!status.fetching || status.parts_here > status.parts_count) told_wrongly++;
    if (parts && status.parts_count != parts) told_wrongly++;
    parts = status.parts_count;
    if (status.parts_here > most_here) most_here = status.parts_here;
    return true;
}

static void status_says_how_many_parts_are_here_of_how_many(void **state)
{
    (void)state;
    pair_world *pair = world(2);
    most_here = parts = told_wrongly = 0;
    pair_new_disk(pair, &pair->nodes[1]);
    pair->tap = watch;
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    expect_in_sync(pair, 1);
    assert_false(status_of(pair, 1).fetching);
    assert_int_equal(told_wrongly, 0);
    assert_true(parts > 3 && most_here > 0);
    pair_free(pair);
}

/* What came after the cut is fed from there, though much was written while it was made. */
static void what_is_written_meanwhile_follows(void **state)
{
    (void)state;
    pair_world *pair = world(3);
    pair_new_disk(pair, &pair->nodes[1]);
    for (int n = 0; n < 40; n++) {
        pair_crime(pair, 2, "Meanwhile");
        pair_step(pair);
    }
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    expect_in_sync(pair, 1);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_device_is_given_state_and_then_the_feed),
        cmocka_unit_test(a_client_that_knows_no_snapshots_is_fed),
        cmocka_unit_test(one_that_is_not_far_behind_is_fed),
        cmocka_unit_test(one_that_was_away_too_long_keeps_what_it_wrote),
        cmocka_unit_test(a_power_cut_costs_one_part_at_most),
        cmocka_unit_test(a_hub_that_starts_anew_goes_on_with_it),
        cmocka_unit_test(a_part_that_is_not_what_its_hash_says_is_fetched_again),
        cmocka_unit_test(one_that_stays_wrong_is_reported_and_nothing_of_it_applies),
        cmocka_unit_test(a_hash_opens_no_other_scope),
        cmocka_unit_test(status_says_how_many_parts_are_here_of_how_many),
        cmocka_unit_test(what_is_written_meanwhile_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
