/* test_feed.c: what leaves a replica: all that the reader may see, in order, and nothing else. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- the public feed ---- */

typedef struct seen_list {
    hf_entry entries[64]; /* bodies are not kept */
    bool says[64];        /* does the body say `word`? */
    const char *word;
    size_t count, fail_at;
} seen_list;

static bool contains(hf_bytes body, const char *word)
{
    size_t size = strlen(word);
    for (size_t i = 0; i + size <= body.size; i++)
        if (memcmp(body.data + i, word, size) == 0) return true;
    return false;
}

static hf_status on_entry(void *context, const hf_entry *entry)
{
    seen_list *list = context;
    assert_true(list->count < 64);
    list->says[list->count] = list->word && contains(entry->body, list->word);
    list->entries[list->count++] = *entry;
    return list->count == list->fail_at ? HF_ERR_LIMIT : HF_OK;
}

static void positions_are_dense_and_in_order(void **state)
{
    fix_bench *b = *state;
    for (int i = 0; i < 5; i++) fix_new_crime(b->rees, b->beat, "a theft");
    seen_list list = {.count = 0};
    uint64_t last = hf_feed_position(b->rees->store);
    assert_int_equal(hf_feed_read(b->rees->store, last - 5, 100, on_entry, &list), HF_OK);
    assert_int_equal(list.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(list.entries[i].position, last - 4 + i);
        assert_int_equal(list.entries[i].dot.seq, i + 1);
        assert_int_equal(list.entries[i].scope, b->beat);
        assert_true(i == 0 || list.entries[i].hlc > list.entries[i - 1].hlc);
    }
    list.count = 0;
    assert_int_equal(hf_feed_read(b->rees->store, last - 5, 2, on_entry, &list), HF_OK);
    assert_int_equal(list.count, 2);
    list.count = 0;
    assert_int_equal(hf_feed_read(b->rees->store, last, 100, on_entry, &list), HF_OK);
    assert_int_equal(list.count, 0);
}

static void a_visitor_ends_the_walk(void **state)
{
    fix_bench *b = *state;
    seen_list list = {.fail_at = 2};
    assert_int_equal(hf_feed_read(b->hub->store, 0, 100, on_entry, &list), HF_ERR_LIMIT);
    assert_int_equal(list.count, 2);
}

static void the_chain_names_each_place(void **state)
{
    fix_bench *b = *state;
    uint8_t chain[16], before[16];
    uint64_t last = hf_feed_position(b->hub->store);
    assert_int_equal(hf_feed_chain_at(b->hub->store, 0, before), HF_OK);
    assert_memory_equal(before, hf_store_epoch(b->hub->store), 16);
    for (uint64_t at = 1; at <= last; at++) {
        assert_int_equal(hf_feed_chain_at(b->hub->store, at, chain), HF_OK);
        assert_memory_not_equal(chain, before, 16);
        memcpy(before, chain, 16);
    }
    assert_int_equal(hf_feed_chain_at(b->hub->store, last + 1, chain), HF_ERR_NOT_FOUND);
}

/* ---- what a reader gets ---- */

typedef struct reading {
    seen_list list;
    uint64_t reached;
    uint8_t chain[16];
} reading;

static hf_status on_item(void *context, const hf_feed_item *item)
{
    return on_entry(context, &item->entry);
}

static reading read_as(fix_node *hub, hf_feed_query query, const char *word)
{
    reading r = {.list.word = word};
    uint8_t chain[16];
    if (!query.limit) query.limit = HF_FEED_READ_MAX;
    if (!query.bytes) query.bytes = SIZE_MAX;
    assert_int_equal(hf_feed_read_scopes(hub->store, &query, on_item, &r.list, &r.reached, r.chain),
                     HF_OK);
    assert_int_equal(hf_feed_chain_at(hub->store, r.reached, chain), HF_OK);
    assert_memory_equal(chain, r.chain, 16); /* whatever was passed over is chained too */
    return r;
}

static void only_granted_scopes_are_read(void **state)
{
    fix_bench *b = *state;
    uint64_t from = hf_feed_position(b->hub->store);
    fix_new_crime(b->rees, b->beat, "on the beat");
    fix_new_crime(b->rees, b->custody, "in custody");
    fix_new_crime(b->rees, b->beat, "on the beat");
    fix_push(b->rees, b->hub);
    hf_feed_query query = {.after = from, .scopes = &b->beat, .scope_count = 1};
    reading r = read_as(b->hub, query, "in custody");
    assert_int_equal(r.list.count, 2);
    assert_int_equal(r.list.entries[0].dot.seq, 1);
    assert_int_equal(r.list.entries[1].dot.seq, 3);
    assert_false(r.list.says[0] || r.list.says[1]);
    query.scopes = NULL;
    query.scope_count = 0;
    r = read_as(b->hub, query, NULL);
    assert_int_equal(r.list.count, 0);
    assert_int_equal(r.reached, from + 3); /* nothing to see, and yet all the way */
}

static void a_reader_is_not_fed_its_own(void **state)
{
    fix_bench *b = *state;
    uint64_t from = hf_feed_position(b->hub->store);
    fix_new_crime(b->rees, b->beat, "by Rees");
    fix_new_crime(b->khan, b->beat, "by Khan");
    fix_push(b->rees, b->hub);
    fix_push(b->khan, b->hub);
    const hf_origin_row *rees =
        hf_origin_by_id(b->hub->store, &hf_store_own_origin(b->rees->store)->id);
    hf_feed_query query = {
        .after = from, .scopes = &b->beat, .scope_count = 1, .skip = &rees->no, .skip_count = 1};
    reading r = read_as(b->hub, query, "by Khan");
    assert_int_equal(r.list.count, 1);
    assert_true(r.list.says[0]);
    assert_int_equal(r.reached, from + 2);
}

/* However small the budget, the feed moves: one entry goes, and reading goes on behind it. */
static void a_budget_of_bytes_never_stops_the_feed(void **state)
{
    fix_bench *b = *state;
    uint64_t at = hf_feed_position(b->hub->store);
    for (int i = 0; i < 3; i++) fix_new_crime(b->rees, b->beat, "a theft");
    fix_push(b->rees, b->hub);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        hf_feed_query query = {.after = at, .scopes = &b->beat, .scope_count = 1, .bytes = 1};
        reading r = read_as(b->hub, query, NULL);
        assert_int_equal(r.list.count, 1);
        assert_int_equal(r.list.entries[0].dot.seq, seq);
        assert_int_equal(r.reached, at + 1);
        at = r.reached;
    }
    hf_feed_query query = {.after = at, .scopes = &b->beat, .scope_count = 1, .bytes = 1};
    assert_int_equal(read_as(b->hub, query, NULL).reached, at);
}

static void a_withheld_entry_leaves_without_its_words(void **state)
{
    fix_bench *b = *state;
    uint64_t from = hf_feed_position(b->hub->store);
    fix_new_crime(b->rees, b->beat, "unproven");
    hf_dot dot = b->rees->last;
    fix_push(b->rees, b->hub);
    hf_feed_query query = {.after = from, .scopes = &b->beat, .scope_count = 1};
    assert_true(read_as(b->hub, query, "unproven").list.says[0]);
    fix_judge(b->hub, &dot, b->beat, 604);
    reading r = read_as(b->hub, query, "unproven");
    assert_int_equal(r.list.count, 2); /* the entry's place, and the verdict */
    assert_false(r.list.says[0]);
    assert_int_equal(r.list.entries[0].dot.seq, dot.seq);
    assert_int_equal(r.list.entries[1].dot.lane, HF_LANE_CONTROL);
}

/* Who has stepped over it must get it now, though its place in the feed lies behind them. */
static void an_opened_entry_comes_again_with_its_verdict(void **state)
{
    fix_bench *b = *state;
    fix_new_crime(b->rees, b->beat, "unproven");
    hf_dot dot = b->rees->last;
    fix_push(b->rees, b->hub);
    fix_judge(b->hub, &dot, b->beat, 604);
    uint64_t from = hf_feed_position(b->hub->store);
    fix_judge(b->hub, &dot, b->beat, 0);
    hf_feed_query query = {.after = from, .scopes = &b->beat, .scope_count = 1};
    reading r = read_as(b->hub, query, "unproven");
    assert_int_equal(r.list.count, 2);
    assert_true(r.list.says[0] != r.list.says[1]);
    query.scopes = &b->custody; /* but only who may see it */
    assert_int_equal(read_as(b->hub, query, "unproven").list.count, 0);
    query.scopes = &b->beat;
    fix_judge(b->hub, &dot, b->beat, 604); /* closed again: nobody gets it any more */
    r = read_as(b->hub, query, "unproven");
    for (size_t i = 0; i < r.list.count; i++) assert_false(r.list.says[i]);
}

static void the_set_of_scopes_has_a_hash(void **state)
{
    fix_bench *b = *state;
    uint8_t hash[16], same[16], expected[HF_HASH_SIZE];
    uint32_t scopes[] = {1, 0x01020304};
    static const uint8_t numbers[] = {0x08, 0, 0, 0, 1, 1, 2, 3, 4};
    hf_bytes piece = {numbers, sizeof numbers};
    const hf_crypto *crypto = &b->hub->crypto.table;
    hf_scope_set_hash(crypto, scopes, 2, hash);
    crypto->hash(crypto->context, &piece, 1, expected);
    assert_memory_equal(hash, expected, 16);
    hf_scope_set_hash(crypto, scopes, 1, same);
    assert_memory_not_equal(hash, same, 16);
}

/* ---- logs and vectors ---- */

static void a_log_is_read_whole_or_by_scope(void **state)
{
    fix_bench *b = *state;
    fix_new_crime(b->rees, b->beat, "one");
    fix_new_crime(b->rees, b->custody, "two");
    fix_new_crime(b->rees, b->beat, "three");
    hf_store *store = b->rees->store;
    int64_t own = hf_store_own_origin(store)->no;
    seen_list list = {.count = 0};
    assert_int_equal(hf_log_read(store, own, HF_LANE_CRIME, 1, 100, on_entry, &list), HF_OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.entries[0].dot.seq, 2);
    list.count = 0;
    assert_int_equal(hf_log_read_scope(store, own, HF_LANE_CRIME, b->beat, 0, 100, on_entry, &list),
                     HF_OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.entries[1].dot.seq, 3);
    list.count = 0;
    assert_int_equal(hf_log_read_scope(store, own, HF_LANE_CRIME, b->beat, 1, 100, on_entry, &list),
                     HF_OK);
    assert_int_equal(list.count, 1);
}

static hf_status on_log(void *context, const hf_log_state *log)
{
    hf_log_state *last = context;
    assert_true(last->seq == 0 || log->lane > last->lane);
    *last = *log;
    return HF_OK;
}

static void a_logs_state_is_its_last_entry(void **state)
{
    fix_bench *b = *state;
    hf_store *store = b->rees->store;
    int64_t own = hf_store_own_origin(store)->no;
    hf_log_state log;
    uint8_t chain[HF_HASH_SIZE];
    assert_int_equal(hf_log_state_get(store, own, HF_LANE_CRIME, &log), HF_OK);
    assert_int_equal(log.seq, 0);
    fix_new_crime(b->rees, b->beat, "one");
    fix_new_crime(b->rees, b->custody, "two");
    assert_int_equal(hf_log_state_get(store, own, HF_LANE_CRIME, &log), HF_OK);
    assert_int_equal(log.seq, 2);
    assert_int_equal(hf_log_chain_at(store, own, HF_LANE_CRIME, 2, chain), HF_OK);
    assert_memory_equal(log.chain, chain, sizeof chain);
    assert_int_equal(hf_log_chain_at(store, own, HF_LANE_CRIME, 3, chain), HF_ERR_NOT_FOUND);
    hf_log_state last = {0};
    assert_int_equal(hf_log_each(store, own, on_log, &last), HF_OK);
    assert_int_equal(last.seq, 2);
}

typedef struct vector_list {
    hf_vector_item items[16];
    size_t count;
} vector_list;

static hf_status on_vector(void *context, const hf_vector_item *item)
{
    vector_list *list = context;
    assert_true(list->count < 16);
    list->items[list->count++] = *item;
    return HF_OK;
}

/* Pages must neither overlap nor leave one out: a log left out is asked for from its start. */
static void a_vector_is_read_in_pages_by_name(void **state)
{
    fix_bench *b = *state;
    fix_new_crime(b->rees, b->beat, "one");
    fix_new_crime(b->khan, b->beat, "one");
    fix_push(b->rees, b->hub);
    fix_push(b->khan, b->hub);
    fix_judge(b->hub, &b->khan->last, b->beat, 604); /* a log of the hub's own, lane 0 */
    vector_list all = {.count = 0}, paged = {.count = 0};
    hf_store *store = b->hub->store;
    assert_int_equal(hf_vector_read(store, b->beat, NULL, 0, 100, on_vector, &all), HF_OK);
    assert_int_equal(all.count, 3);
    for (size_t i = 1; i < all.count; i++)
        assert_true(memcmp(&all.items[i - 1].origin, &all.items[i].origin, HF_ORIGIN_SIZE) < 0);
    for (size_t before = 1; before != paged.count;) {
        before = paged.count;
        const hf_vector_item *last = before ? &paged.items[before - 1] : NULL;
        assert_int_equal(hf_vector_read(store, b->beat, last ? &last->origin : NULL,
                                        last ? last->lane : 0, 1, on_vector, &paged),
                         HF_OK);
    }
    assert_int_equal(paged.count, 3);
    for (size_t i = 0; i < 3; i++) { /* field by field: what lies between them is nobody's */
        const hf_vector_item *one = &paged.items[i], *other = &all.items[i];
        assert_memory_equal(&one->origin, &other->origin, HF_ORIGIN_SIZE);
        assert_memory_equal(one->chain, other->chain, HF_HASH_SIZE);
        assert_int_equal(one->origin_no, other->origin_no);
        assert_int_equal(one->lane, other->lane);
        assert_int_equal(one->seq, other->seq);
    }
}

typedef struct hole_list {
    hf_hole items[8];
    size_t count;
} hole_list;

static hf_status on_hole(void *context, const hf_hole *hole)
{
    hole_list *list = context;
    assert_true(list->count < 8);
    list->items[list->count++] = *hole;
    return HF_OK;
}

static void holes_say_why(void **state)
{
    fix_bench *b = *state;
    fix_new_crime(b->rees, b->beat, "one");
    fix_push(b->rees, b->hub);
    fix_judge(b->hub, &b->rees->last, b->beat, 604);
    hole_list list = {.count = 0};
    assert_int_equal(hf_hole_each(b->hub->store, on_hole, &list), HF_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].reason, 604);
    assert_int_equal(list.items[0].dot.seq, 1);
    assert_int_equal(list.items[0].scope, b->beat);
    assert_true(list.items[0].held);
    assert_string_equal(list.items[0].text, "not for this log");
    fix_judge(b->hub, &b->rees->last, b->beat, 0);
    list.count = 0;
    assert_int_equal(hf_hole_each(b->hub->store, on_hole, &list), HF_OK);
    assert_int_equal(list.count, 0);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, fix_bench_setup, fix_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(positions_are_dense_and_in_order),
        PROMISE(a_visitor_ends_the_walk),
        PROMISE(the_chain_names_each_place),
        PROMISE(only_granted_scopes_are_read),
        PROMISE(a_reader_is_not_fed_its_own),
        PROMISE(a_budget_of_bytes_never_stops_the_feed),
        PROMISE(a_withheld_entry_leaves_without_its_words),
        PROMISE(an_opened_entry_comes_again_with_its_verdict),
        PROMISE(the_set_of_scopes_has_a_hash),
        PROMISE(a_log_is_read_whole_or_by_scope),
        PROMISE(a_logs_state_is_its_last_entry),
        PROMISE(a_vector_is_read_in_pages_by_name),
        PROMISE(holes_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
