/* test_head.c: one signature covers every scope of a log, and nobody but its owner can make one. */
#include "fixture.h"

#include "sync/store_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- the tree ---- */

typedef uint8_t digest[HF_HASH_SIZE];

static void hash_of(const sim_crypto *crypto, uint8_t tag, hf_bytes a, hf_bytes b, digest out)
{
    hf_bytes pieces[] = {{&tag, 1}, a, b};
    crypto->table.hash(crypto->table.context, pieces, 3, out);
}

/* RFC 9162 2.1.1, by its own words: split at the largest power of two below the count. A stack
 * takes the place of the recursion: whole subtrees wait on it until they have a neighbour of their
 * size. */
static void oracle_root(const sim_crypto *crypto, digest *leaves, size_t count, digest root)
{
    digest stack[16];
    size_t depth = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(stack[depth++], leaves[i], HF_HASH_SIZE);
        for (size_t done = i + 1; done % 2 == 0; done /= 2) {
            depth--;
            hash_of(crypto, 0x04, (hf_bytes){stack[depth - 1], HF_HASH_SIZE},
                    (hf_bytes){stack[depth], HF_HASH_SIZE}, stack[depth - 1]);
        }
    }
    while (depth > 1) {
        depth--;
        hash_of(crypto, 0x04, (hf_bytes){stack[depth - 1], HF_HASH_SIZE},
                (hf_bytes){stack[depth], HF_HASH_SIZE}, stack[depth - 1]);
    }
    memcpy(root, stack[0], HF_HASH_SIZE);
}

static void oracle_leaf(const sim_crypto *crypto, const hf_head_leaf *leaf, digest out)
{
    hf_buffer item = {0};
    hf_write_array(&item, 3);
    hf_write_uint(&item, leaf->scope);
    hf_write_uint(&item, leaf->seq);
    hf_write_bytes(&item, leaf->chain, HF_HASH_SIZE);
    hash_of(crypto, 0x03, hf_buffer_bytes(&item), (hf_bytes){NULL, 0}, out);
    hf_buffer_free(&item);
}

static void grant_many(fix_node *node, uint32_t first, size_t count)
{
    hf_grant grants[HF_LOG_SCOPES_MAX];
    hf_batch *batch;
    assert_true(count <= HF_LOG_SCOPES_MAX);
    for (size_t i = 0; i < count; i++)
        grants[i] =
            (hf_grant){.number = first + (uint32_t)i, .may_write = true, .name = "one of many"};
    assert_int_equal(hf_batch_begin(node->store, node->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_grants(batch, grants, count), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

static void expect_tree(fix_node *node, uint64_t seq, size_t scopes)
{
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    digest hashes[HF_LOG_SCOPES_MAX], root, expected;
    size_t count;
    assert_int_equal(hf_head_leaves(node->store, hf_store_own_origin(node->store)->no,
                                    HF_LANE_CRIME, seq, leaves, &count, root),
                     HF_OK);
    assert_int_equal(count, scopes);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || leaves[i].scope > leaves[i - 1].scope);
        assert_true(leaves[i].seq <= seq);
        oracle_leaf(&node->crypto, &leaves[i], hashes[i]);
    }
    oracle_root(&node->crypto, hashes, count, expected);
    assert_memory_equal(root, expected, sizeof root);
    for (size_t i = 0; i < count; i++) { /* each scope finds its own way to it */
        assert_int_equal(hf_head_leaf_root(&node->crypto.table, &leaves[i], root), HF_OK);
        assert_memory_equal(root, expected, sizeof root);
    }
}

/* One scope more with each entry, up to as many as a log may have; and then as it stood at each. */
static void the_tree_is_that_of_rfc_9162(void **state)
{
    fix_bench *b = *state;
    grant_many(b->rees, 100, HF_LOG_SCOPES_MAX);
    for (uint32_t i = 0; i < HF_LOG_SCOPES_MAX; i++) {
        fix_new_crime(b->rees, 100 + (i * 7) % HF_LOG_SCOPES_MAX, "a theft"); /* in no order */
        expect_tree(b->rees, i + 1, i + 1);
    }
    for (uint64_t seq = 1; seq <= HF_LOG_SCOPES_MAX; seq++) expect_tree(b->rees, seq, seq);
}

/* One scope too many would leave the log unproved for ever, so it is refused; a hub, whose verdicts
 * may stand anywhere, goes on without a head. */
static void no_log_has_more_scopes_than_a_head_can_cover(void **state)
{
    fix_bench *b = *state;
    grant_many(b->rees, 100, HF_LOG_SCOPES_MAX);
    for (uint32_t i = 0; i < HF_LOG_SCOPES_MAX; i++) fix_new_crime(b->rees, 100 + i, "a theft");
    grant_many(b->rees, 101, HF_LOG_SCOPES_MAX);
    hf_txn *txn;
    hf_record_id id;
    size_t count = 1;
    hf_dot dot;
    static const uint8_t text[] = {0x61, 'x'};
    hf_author author = {.actor = "PC Rees", .wall_ms = b->rees->wall_ms, .quality = 3};
    assert_int_equal(hf_txn_begin(b->rees->store, &author, &txn), HF_OK);
    assert_int_equal(hf_txn_new_id(txn, FIX_CRIME, &id), HF_OK);
    hf_change change = {.record = id,
                        .scope = 100 + HF_LOG_SCOPES_MAX,
                        .field = FIX_SUMMARY,
                        .value = {text, sizeof text}};
    assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    assert_int_equal(hf_txn_commit(txn, &dot, &count), HF_ERR_LIMIT);
    assert_non_null(strstr(hf_store_problem(b->rees->store), "256 scopes"));
    fix_new_crime(b->rees, 101, "where it has written before");
    expect_tree(b->rees, HF_LOG_SCOPES_MAX + 1, HF_LOG_SCOPES_MAX);
    fix_expect_whole(b->rees);
}

static void a_hub_with_verdicts_everywhere_goes_on(void **state)
{
    fix_bench *b = *state;
    grant_many(b->rees, 100, HF_LOG_SCOPES_MAX);
    for (uint32_t i = 0; i < HF_LOG_SCOPES_MAX; i++) fix_new_crime(b->rees, 100 + i, "a theft");
    hf_dot dot = b->rees->last;
    fix_push(b->rees, b->hub);
    for (uint32_t i = 0; i < HF_LOG_SCOPES_MAX; i++) {
        dot.seq = i + 1;
        fix_judge(b->hub, &dot, 100 + i, 604);
    }
    const hf_origin_row *own = hf_store_own_origin(b->hub->store);
    hf_log_state log;
    hf_head head;
    assert_int_equal(hf_log_state_get(b->hub->store, own->no, HF_LANE_CONTROL, &log), HF_OK);
    assert_int_equal(hf_head_sign(b->hub->store, hf_store_own_origin(b->hub->store),
                                  HF_LANE_CONTROL, log.seq, &head),
                     HF_ERR_LIMIT);
    fix_expect_whole(b->hub);
    hf_hub *hub;
    hf_hub_options options = {.implementation = "test", .peers_max = 1};
    assert_int_equal(hf_hub_new(b->hub->store, &options, &hub), HF_OK);
    for (uint64_t now_ms = 1000; now_ms < 3000; now_ms += 500)
        assert_int_equal(hf_hub_turn(hub, now_ms, b->hub->wall_ms + now_ms), HF_OK);
    assert_true(hf_hub_deadline_ms(hub) > 3000); /* it does not ask for a head again and again */
    hf_hub_free(hub);
}

static void a_wrong_path_leads_nowhere(void **state)
{
    fix_bench *b = *state;
    grant_many(b->rees, 100, 5);
    for (uint32_t i = 0; i < 5; i++) fix_new_crime(b->rees, 100 + i, "a theft");
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    digest root, found;
    assert_int_equal(hf_head_leaves(b->rees->store, hf_store_own_origin(b->rees->store)->no,
                                    HF_LANE_CRIME, 5, leaves, &count, root),
                     HF_OK);
    const hf_crypto *crypto = &b->rees->crypto.table;
    hf_head_leaf bad = leaves[2];
    assert_int_equal(bad.path_count, 3);
    bad.path[1][7] ^= 1;
    assert_int_equal(hf_head_leaf_root(crypto, &bad, found), HF_OK);
    assert_memory_not_equal(found, root, sizeof root);
    bad = leaves[2];
    bad.index = 1;
    assert_int_equal(hf_head_leaf_root(crypto, &bad, found), HF_OK);
    assert_memory_not_equal(found, root, sizeof root);
    bad = leaves[2];
    bad.path_count--;
    assert_int_equal(hf_head_leaf_root(crypto, &bad, found), HF_ERR_PROTOCOL);
    bad.path_count += 2;
    assert_int_equal(hf_head_leaf_root(crypto, &bad, found), HF_ERR_PROTOCOL);
    bad = leaves[2];
    bad.index = bad.count;
    assert_int_equal(hf_head_leaf_root(crypto, &bad, found), HF_ERR_PROTOCOL);
    bad.count = HF_LOG_SCOPES_MAX + 1;
    assert_int_equal(hf_head_leaf_root(crypto, &bad, found), HF_ERR_PROTOCOL);
    bad.count = bad.index = 0;
    assert_int_equal(hf_head_leaf_root(crypto, &bad, found), HF_ERR_PROTOCOL);
}

/* ---- taking heads ---- */

static hf_head sign(fix_node *node, uint64_t seq)
{
    hf_head head;
    assert_int_equal(
        hf_head_sign(node->store, hf_store_own_origin(node->store), HF_LANE_CRIME, seq, &head),
        HF_OK);
    return head;
}

static hf_status take(fix_node *node, const hf_head *head)
{
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(node->store, node->wall_ms, &batch), HF_OK);
    hf_status status = hf_batch_head(batch, head);
    if (status != HF_OK) {
        hf_batch_rollback(batch);
        return status;
    }
    return hf_batch_commit(batch);
}

/* A head is signed over a log that goes on growing, a little further each time, and is asked for
 * again from the start after a restart. */
static void heads_behind_the_tail_are_the_same_in_any_order(void **state)
{
    fix_bench *b = *state;
    grant_many(b->rees, 100, 6);
    for (uint32_t i = 0; i < 40; i++) fix_new_crime(b->rees, 100 + i * i % 6, "a theft");
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    digest roots[41], root;
    size_t count;
    int64_t own = hf_store_own_origin(b->rees->store)->no;
    for (uint64_t seq = 1; seq <= 40; seq++)
        assert_int_equal(
            hf_head_leaves(b->rees->store, own, HF_LANE_CRIME, seq, leaves, &count, roots[seq]),
            HF_OK);
    fix_push(b->rees, b->hub);
    hf_head head = sign(b->rees, 11);
    assert_int_equal(take(b->hub, &head), HF_OK); /* and from a head that was taken */
    const hf_origin_row *there =
        hf_origin_by_id(b->hub->store, &hf_store_own_origin(b->rees->store)->id);
    for (uint64_t i = 1; i <= 40; i++) {
        uint64_t seq = 1 + i * 17 % 40;
        if (i % 9 == 0) {
            fix_shut(b->hub);
            fix_open(b->hub);
            there = hf_origin_by_id(b->hub->store, &hf_store_own_origin(b->rees->store)->id);
        }
        assert_int_equal(
            hf_head_leaves(b->hub->store, there->no, HF_LANE_CRIME, seq, leaves, &count, root),
            HF_OK);
        assert_memory_equal(root, roots[seq], sizeof root);
        for (size_t j = 1; j < count; j++) assert_true(leaves[j].scope > leaves[j - 1].scope);
    }
    assert_int_equal(
        hf_head_leaves(b->hub->store, there->no, HF_LANE_CRIME, 41, leaves, &count, root),
        HF_ERR_NOT_FOUND);
}

typedef struct taken {
    hf_head head;
    uint64_t number, position;
    size_t count;
} taken;

static hf_status on_head(void *context, uint64_t number, const hf_head *head, uint64_t position)
{
    taken *list = context;
    assert_true(number > list->number);
    *list = (taken){*head, number, position, list->count + 1};
    return HF_OK;
}

static taken heads(fix_node *node, uint64_t after)
{
    taken list = {.number = after};
    assert_int_equal(hf_head_each(node->store, after, 100, on_head, &list), HF_OK);
    return list;
}

static void the_newest_head_of_a_log_is_kept(void **state)
{
    fix_bench *b = *state;
    fix_new_crime(b->rees, b->beat, "one");
    hf_head first = sign(b->rees, 1);
    fix_new_crime(b->rees, b->beat, "two");
    hf_head second = sign(b->rees, 2);
    fix_push(b->rees, b->hub);
    assert_int_equal(take(b->hub, &first), HF_OK);
    taken one = heads(b->hub, 0);
    assert_int_equal(one.count, 1);
    assert_int_equal(take(b->hub, &second), HF_OK);
    assert_int_equal(take(b->hub, &first), HF_OK); /* late: no news */
    taken two = heads(b->hub, 0);
    assert_int_equal(two.count, 1);
    assert_int_equal(two.head.seq, 2);
    assert_memory_equal(two.head.signature, second.signature, sizeof second.signature);
    assert_true(two.number > one.number);
    assert_int_equal(heads(b->hub, two.number).count, 0);
    taken none = {.number = 0};
    assert_int_equal(hf_head_each(b->hub->store, 0, 0, on_head, &none), HF_OK);
    assert_int_equal(none.count, 0);
    fix_shut(b->hub);
    fix_open(b->hub);
    assert_int_equal(heads(b->hub, one.number).count, 1);
    fix_new_crime(b->rees, b->beat, "three");
    fix_push(b->rees, b->hub);
    hf_head third = sign(b->rees, 3);
    assert_int_equal(take(b->hub, &third), HF_OK);
    assert_true(heads(b->hub, 0).number > two.number); /* numbers go on over a restart */
}

static void a_head_that_is_not_right_is_refused(void **state)
{
    fix_bench *b = *state;
    fix_new_crime(b->rees, b->beat, "one");
    fix_new_crime(b->rees, b->beat, "two");
    fix_push(b->rees, b->hub);
    hf_head good = sign(b->rees, 2), bad = good;
    bad.signature[5] ^= 1;
    assert_int_equal(take(b->hub, &bad), HF_ERR_PROTOCOL);
    bad = good;
    bad.root[0] ^= 1;
    assert_int_equal(take(b->hub, &bad), HF_ERR_PROTOCOL);
    bad = good;
    bad.hlc++;
    assert_int_equal(take(b->hub, &bad), HF_ERR_PROTOCOL);
    bad = good;
    bad.seq = 1;
    assert_int_equal(take(b->hub, &bad), HF_ERR_PROTOCOL);
    bad = good;
    bad.lane = HF_LANE_RISK; /* a log that we do not hold */
    assert_int_equal(take(b->hub, &bad), HF_ERR_PROTOCOL);
    bad = good;
    bad.origin.bytes[0] ^= 1;
    assert_int_equal(take(b->hub, &bad), HF_ERR_PROTOCOL);
    assert_int_equal(heads(b->hub, 0).count, 0);
    assert_int_equal(take(b->hub, &good), HF_OK);
}

static void another_device_cannot_sign_for_this_one(void **state)
{
    fix_bench *b = *state;
    fix_new_crime(b->rees, b->beat, "one");
    fix_new_crime(b->khan, b->beat, "one");
    fix_push(b->rees, b->hub);
    hf_head forged = sign(b->rees, 1), khans = sign(b->khan, 1);
    memcpy(forged.signature, khans.signature, sizeof forged.signature);
    assert_int_equal(take(b->hub, &forged), HF_ERR_PROTOCOL);
}

static void a_head_over_what_is_not_held_is_refused(void **state)
{
    fix_bench *b = *state;
    fix_new_crime(b->rees, b->beat, "one");
    fix_push(b->rees, b->hub);
    fix_new_crime(b->rees, b->beat, "two");
    hf_head ahead = sign(b->rees, 2);
    assert_int_equal(take(b->hub, &ahead), HF_ERR_PROTOCOL);
    fix_push(b->rees, b->hub);
    assert_int_equal(take(b->hub, &ahead), HF_OK);
}

static void heads_undone_with_their_batch_were_never_there(void **state)
{
    fix_bench *b = *state;
    fix_new_crime(b->rees, b->beat, "one");
    fix_push(b->rees, b->hub);
    hf_head head = sign(b->rees, 1);
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(b->hub->store, b->hub->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_head(batch, &head), HF_OK);
    hf_batch_rollback(batch);
    assert_int_equal(heads(b->hub, 0).count, 0);
    assert_int_equal(take(b->hub, &head), HF_OK);
    assert_int_equal(heads(b->hub, 0).number, 1);
}

/* ---- through a relay ---- */

static hf_status relay(fix_node *to, const hf_head *head, const hf_head_leaf *leaves, size_t count)
{
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(to->store, to->wall_ms, &batch), HF_OK);
    hf_status status = hf_batch_head_relayed(batch, head, leaves, count);
    if (status != HF_OK) {
        hf_batch_rollback(batch);
        return status;
    }
    return hf_batch_commit(batch);
}

typedef struct relayed {
    hf_head head;
    hf_head_leaf leaf; /* of the one scope that the receiver holds */
} relayed;

/* Rees writes in two scopes; Khan holds only one of them. */
static relayed relay_set_up(fix_bench *b)
{
    relayed r;
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    digest root;
    uint64_t position = 0;
    fix_new_crime(b->rees, b->beat, "one");
    fix_new_crime(b->rees, b->custody, "not for Khan");
    fix_new_crime(b->rees, b->beat, "two");
    fix_push(b->rees, b->hub);
    uint32_t scopes[] = {HF_SCOPE_COMMON, b->beat};
    fix_pull(b->hub, b->khan, scopes, 2, &position);
    r.head = sign(b->rees, 3);
    assert_int_equal(take(b->hub, &r.head), HF_OK);
    const hf_origin_row *origin = hf_origin_by_id(b->hub->store, &r.head.origin);
    assert_int_equal(
        hf_head_leaves(b->hub->store, origin->no, HF_LANE_CRIME, 3, leaves, &count, root), HF_OK);
    assert_int_equal(count, 2);
    r.leaf = leaves[leaves[0].scope == b->beat ? 0 : 1];
    memset(r.leaf.chain, 0, sizeof r.leaf.chain); /* it is not sent: the receiver holds it */
    return r;
}

static void one_scope_proves_itself_without_the_others(void **state)
{
    fix_bench *b = *state;
    relayed r = relay_set_up(b);
    assert_int_equal(relay(b->khan, &r.head, &r.leaf, 1), HF_OK);
    taken kept = heads(b->khan, 0);
    assert_int_equal(kept.count, 1);
    assert_int_equal(kept.head.seq, 3);
    assert_int_equal(relay(b->khan, &r.head, &r.leaf, 1), HF_OK); /* again: no news */
    assert_int_equal(heads(b->khan, 0).number, kept.number);
    fix_expect_whole(b->khan);
}

/* A head with one leaf of two is no start for another head: the other scope would be missing. */
static void a_head_of_which_a_part_is_held_is_no_start_for_another(void **state)
{
    fix_bench *b = *state;
    relayed r = relay_set_up(b);
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    digest whole, anew;
    fix_node *khan = b->khan; /* who gets the other scope, too, later */
    assert_int_equal(relay(khan, &r.head, &r.leaf, 1), HF_OK);
    for (int i = 0; i < 3; i++) fix_new_crime(b->rees, b->beat, "more");
    fix_push(b->rees, b->hub);
    uint64_t position = 0;
    uint32_t low = b->beat < b->custody ? b->beat : b->custody;
    uint32_t scopes[] = {HF_SCOPE_COMMON, low, b->beat + b->custody - low};
    fix_pull(b->hub, khan, scopes, 3, &position);
    const hf_origin_row *there = hf_origin_by_id(khan->store, &r.head.origin);
    const hf_origin_row *own = hf_store_own_origin(b->rees->store);
    assert_int_equal(
        hf_head_leaves(b->rees->store, own->no, HF_LANE_CRIME, 5, leaves, &count, whole), HF_OK);
    assert_int_equal(hf_head_leaves(khan->store, there->no, HF_LANE_CRIME, 5, leaves, &count, anew),
                     HF_OK);
    assert_int_equal(count, 2);
    assert_memory_equal(anew, whole, sizeof whole);
}

static void a_relay_cannot_alter_what_a_head_covers(void **state)
{
    fix_bench *b = *state;
    relayed r = relay_set_up(b);
    hf_head_leaf bad = r.leaf;
    bad.path[0][0] ^= 1;
    assert_int_equal(relay(b->khan, &r.head, &bad, 1), HF_ERR_PROTOCOL);
    bad = r.leaf;
    bad.seq = 1; /* to hide the last entry */
    assert_int_equal(relay(b->khan, &r.head, &bad, 1), HF_ERR_PROTOCOL);
    bad = r.leaf;
    bad.seq = 4; /* or to claim one more */
    assert_int_equal(relay(b->khan, &r.head, &bad, 1), HF_ERR_PROTOCOL);
    bad = r.leaf;
    bad.scope = b->custody;
    assert_int_equal(relay(b->khan, &r.head, &bad, 1), HF_ERR_PROTOCOL);
    hf_head forged = r.head;
    forged.signature[9] ^= 1;
    assert_int_equal(relay(b->khan, &forged, &r.leaf, 1), HF_ERR_PROTOCOL);
    assert_int_equal(relay(b->khan, &r.head, &r.leaf, 0), HF_ERR_PROTOCOL);
    static hf_head_leaf many[HF_LOG_SCOPES_MAX + 1];
    assert_int_equal(relay(b->khan, &r.head, many, HF_LOG_SCOPES_MAX + 1), HF_ERR_PROTOCOL);
    forged = r.head;
    forged.origin.bytes[0] ^= 1;
    assert_int_equal(relay(b->khan, &forged, &r.leaf, 1), HF_ERR_PROTOCOL);
    bad = r.leaf;
    bad.seq = 2; /* that entry is of the other scope */
    assert_int_equal(relay(b->khan, &r.head, &bad, 1), HF_ERR_PROTOCOL);
    assert_int_equal(heads(b->khan, 0).count, 0);
    assert_int_equal(relay(b->khan, &r.head, &r.leaf, 1), HF_OK);
}

/* Khan stepped over two entries that he never got: their hashes stand for them in the chain. */
static void a_head_reaches_over_entries_that_never_came(void **state)
{
    fix_bench *b = *state;
    hf_dot withheld[2];
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    digest root;
    for (size_t i = 0; i < 2; i++) {
        fix_new_crime(b->rees, b->beat, "not for long");
        withheld[i] = b->rees->last;
    }
    fix_push(b->rees, b->hub);
    hf_head head = sign(b->rees, 2);
    assert_int_equal(take(b->hub, &head), HF_OK);
    const hf_origin_row *origin = hf_origin_by_id(b->hub->store, &head.origin);
    assert_int_equal(
        hf_head_leaves(b->hub->store, origin->no, HF_LANE_CRIME, 2, leaves, &count, root), HF_OK);
    uint64_t position = hf_feed_position(b->hub->store);
    for (size_t i = 0; i < 2; i++) fix_judge(b->hub, &withheld[i], b->beat, 604);
    fix_new_crime(b->rees, b->beat, "third");
    fix_push(b->rees, b->hub);
    uint32_t scopes[] = {HF_SCOPE_COMMON, b->beat};
    fix_pull(b->hub, b->khan, scopes, 2, &position); /* the verdicts, and what comes after */
    hf_head_leaf hidden = leaves[0];
    hidden.seq = 9;
    assert_int_equal(relay(b->khan, &head, &hidden, 1), HF_ERR_PROTOCOL);
    assert_int_equal(relay(b->khan, &head, leaves, count), HF_OK);
    fix_damage(b->khan, "UPDATE hole SET pseq=2 WHERE seq=2"); /* it would be walked for ever */
    head = sign(b->rees, 3);
    head.seq = 3;
    leaves[0].seq = 2;
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(b->khan->store, b->khan->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_head_relayed(batch, &head, leaves, count), HF_ERR_CORRUPT);
    hf_batch_rollback(batch);
}

/* Without the signer's certificate a head cannot be judged: it is not taken. */
static void a_head_of_a_log_without_a_certificate_is_refused(void **state)
{
    fix_bench *b = *state;
    relayed r = relay_set_up(b);
    fix_damage(b->khan, "UPDATE origin SET certificate=x'' WHERE is_hub=0");
    assert_int_equal(relay(b->khan, &r.head, &r.leaf, 1), HF_ERR_PROTOCOL);
    fix_damage(b->hub, "UPDATE origin SET certificate=x'' WHERE is_hub=0");
    fix_damage(b->hub, "DELETE FROM head");
    assert_int_equal(take(b->hub, &r.head), HF_ERR_PROTOCOL);
}

/* What is withheld is still covered: its place in the chain is known by its hash. */
static void a_head_reaches_over_a_withheld_entry(void **state)
{
    fix_bench *b = *state;
    fix_new_crime(b->rees, b->beat, "one");
    fix_new_crime(b->rees, b->beat, "two");
    hf_dot withheld = b->rees->last;
    fix_push(b->rees, b->hub);
    fix_judge(b->hub, &withheld, b->beat, 604);
    uint64_t position = 0;
    uint32_t scopes[] = {HF_SCOPE_COMMON, b->beat};
    fix_pull(b->hub, b->khan, scopes, 2, &position);
    hf_head head = sign(b->rees, 2);
    assert_int_equal(take(b->hub, &head), HF_OK);
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    digest root;
    const hf_origin_row *origin = hf_origin_by_id(b->hub->store, &head.origin);
    assert_int_equal(
        hf_head_leaves(b->hub->store, origin->no, HF_LANE_CRIME, 2, leaves, &count, root), HF_OK);
    assert_int_equal(count, 1);
    assert_int_equal(relay(b->khan, &head, leaves, count), HF_OK);
    fix_expect_whole(b->khan);
    fix_expect_whole(b->hub);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, fix_bench_setup, fix_bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(the_tree_is_that_of_rfc_9162),
        PROMISE(no_log_has_more_scopes_than_a_head_can_cover),
        PROMISE(a_hub_with_verdicts_everywhere_goes_on),
        PROMISE(a_wrong_path_leads_nowhere),
        PROMISE(heads_behind_the_tail_are_the_same_in_any_order),
        PROMISE(the_newest_head_of_a_log_is_kept),
        PROMISE(a_head_that_is_not_right_is_refused),
        PROMISE(another_device_cannot_sign_for_this_one),
        PROMISE(a_head_over_what_is_not_held_is_refused),
        PROMISE(heads_undone_with_their_batch_were_never_there),
        PROMISE(one_scope_proves_itself_without_the_others),
        PROMISE(a_head_of_which_a_part_is_held_is_no_start_for_another),
        PROMISE(a_head_reaches_over_entries_that_never_came),
        PROMISE(a_head_of_a_log_without_a_certificate_is_refused),
        PROMISE(a_relay_cannot_alter_what_a_head_covers),
        PROMISE(a_head_reaches_over_a_withheld_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
