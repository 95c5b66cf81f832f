/* test_hub.c: the hub's side: what it acknowledges, refuses, withholds and passes on. */
#include "pair.h"

#include "hub/peer.h"
#include "sync/control.h"
#include "sync/embedded.h"
#include "sync/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CRIME = 16, SUMMARY = 27 };

static const hf_validity ALWAYS = {.until_ms = UINT64_MAX};

static hf_standing hub_standing(pair_world *pair)
{
    hf_standing standing;
    assert_int_equal(hf_store_standing(pair->hub_node.store, &standing), HF_OK);
    return standing;
}

static hf_standing edge_standing(pair_world *pair, size_t edge)
{
    hf_standing standing;
    assert_int_equal(hf_store_standing(pair->nodes[edge].store, &standing), HF_OK);
    return standing;
}

/* ---- acknowledgements ---- */

static void pump_to_hub(pair_world *pair, size_t edge)
{
    hf_bytes message;
    pair_node *node = &pair->nodes[edge];
    pair->now_ms++;
    assert_int_equal(hf_edge_turn(node->edge, pair->now_ms, pair_wall_ms(pair)), HF_OK);
    do {
        assert_int_equal(hf_edge_send(node->edge, pair->now_ms, &message), HF_OK);
        if (message.size)
            assert_int_equal(hf_hub_recv(pair->hub, node->peer, message, pair->now_ms), HF_OK);
    } while (message.size);
}

static hf_message from_hub(pair_world *pair, size_t edge)
{
    static hf_message none;
    hf_bytes message, raw;
    hf_message frame;
    assert_int_equal(hf_hub_send(pair->hub, pair->nodes[edge].peer, pair->now_ms, &message), HF_OK);
    if (message.size == 0) return none;
    assert_int_equal(hf_frame_open(pair->deflater, message, &pair->scratch, &raw), HF_OK);
    assert_int_equal(hf_message_read(raw, &frame), HF_OK);
    return frame;
}

/* To acknowledge what is not yet on disk would lose evidence. */
static void ack_waits_for_commit(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    uint64_t before = hub_standing(pair).entries;
    hf_record_id record = pair_crime(pair, 0, "Only once it is safe");
    pump_to_hub(pair, 0);
    assert_int_equal(from_hub(pair, 0).type, HF_FRAME_NONE); /* received is not stored */
    assert_int_equal(hub_standing(pair).entries, before);
    assert_int_equal(hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_OK);
    hf_message ack = from_hub(pair, 0);
    assert_int_equal(ack.type, HF_FRAME_ACK);
    hf_acked acked;
    assert_true(hf_next_acked(&ack.as.ack.logs, &acked));
    assert_int_equal(acked.durable, 1);
    assert_int_equal(acked.lane, HF_LANE_CRIME);
    pair_power_cut(pair, &pair->hub_node); /* what was said holds */
    assert_string_equal(pair_summary(pair->hub_node.store, &record), "Only once it is safe");
    pair_free(pair);
}

/* The commit fails at any of its disk operations: then nothing is said, and later all of it is. */
static void a_failed_commit_acknowledges_nothing(void **state)
{
    (void)state;
    bool failed = true;
    for (uint64_t call = 1; failed; call++) {
        pair_world *pair = pair_new(1);
        hf_record_id record = pair_crime(pair, 0, "Disk trouble");
        pump_to_hub(pair, 0);
        sim_disk_fail_at(pair->hub_node.disk, call, 1);
        hf_status status = hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair));
        failed = sim_disk_counted(pair->hub_node.disk).failed > 0;
        sim_disk_fail_at(pair->hub_node.disk, 0, 0);
        if (status != HF_OK) {
            hf_message answer = from_hub(pair, 0);
            assert_int_equal(answer.type, HF_FRAME_ERROR);
            assert_true(hf_hub_wants_close(pair->hub, pair->nodes[0].peer));
            assert_int_equal(from_hub(pair, 0).type, HF_FRAME_NONE);
        }
        pair_cut(pair, 0);
        pair_wait(pair, 3 * HF_REDIAL_MIN_MS);
        assert_string_equal(pair_summary(pair->hub_node.store, &record), "Disk trouble");
        assert_int_equal(edge_standing(pair, 0).waiting, 0);
        pair_free(pair);
    }
}

static void a_full_disk_says_so_and_recovers(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    sim_disk_set_room(pair->hub_node.disk, 0);
    hf_record_id record = pair_crime(pair, 0, "No room");
    pump_to_hub(pair, 0);
    assert_int_equal(hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_ERR_FULL);
    hf_message error = from_hub(pair, 0);
    assert_int_equal(error.type, HF_FRAME_ERROR);
    assert_int_equal(error.as.farewell.code, HF_CODE_FULL);
    pair_cut(pair, 0);
    sim_disk_set_room(pair->hub_node.disk, UINT64_MAX);
    pair_wait(pair, 3 * HF_REDIAL_MIN_MS);
    assert_string_equal(pair_summary(pair->hub_node.store, &record), "No room");
    assert_int_equal(edge_standing(pair, 0).waiting, 0);
    pair_free(pair);
}

/* ---- hostile frames ---- */

/* Turns the hub; the session of `edge` must have ended with `code` and its queue be gone. */
static void expect_error(pair_world *pair, size_t edge, uint16_t code)
{
    assert_int_equal(hf_hub_turn(pair->hub, ++pair->now_ms, pair_wall_ms(pair)), HF_OK);
    hf_message answer = from_hub(pair, edge);
    while (answer.type != HF_FRAME_NONE && answer.type != HF_FRAME_ERROR)
        answer = from_hub(pair, edge);
    assert_int_equal(answer.type, HF_FRAME_ERROR);
    assert_int_equal(answer.as.farewell.code, code);
    assert_true(hf_hub_wants_close(pair->hub, pair->nodes[edge].peer));
}

static void a_gap_is_error_300_and_a_fork_301(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    uint32_t beat = pair_scope(pair);
    uint64_t before = hub_standing(pair).entries;
    const pair_forged gap = {
        .seq = 2, .pseq = 0, .scope = beat, .type = CRIME, .lane = HF_LANE_CRIME};
    assert_int_equal(pair_forge(pair, 0, &gap, 1), HF_OK);
    expect_error(pair, 0, HF_CODE_GAP);
    assert_int_equal(hub_standing(pair).entries, before);
    pair_cut(pair, 0);
    pair_wait(pair, 3 * HF_REDIAL_MIN_MS);
    (void)pair_crime(pair, 0, "The real first");
    pair_run(pair);
    const pair_forged fork = {
        .seq = 1, .pseq = 0, .scope = beat, .type = CRIME, .lane = HF_LANE_CRIME};
    assert_int_equal(pair_forge(pair, 0, &fork, 1), HF_OK);
    expect_error(pair, 0, HF_CODE_FORK);
    assert_int_equal(hub_standing(pair).entries, before + 1);
    pair_free(pair);
}

/* Two good entries and one with a false predecessor: none of the three is taken. */
static void nothing_of_a_bad_frame_applies(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    uint32_t beat = pair_scope(pair);
    uint64_t before = hub_standing(pair).entries;
    const pair_forged three[] = {
        {.seq = 1, .pseq = 0, .scope = beat, .type = CRIME, .lane = HF_LANE_CRIME},
        {.seq = 2, .pseq = 1, .scope = beat, .type = CRIME, .lane = HF_LANE_CRIME},
        {.seq = 3, .pseq = 1, .scope = beat, .type = CRIME, .lane = HF_LANE_CRIME}};
    assert_int_equal(pair_forge(pair, 0, three, 3), HF_OK);
    expect_error(pair, 0, HF_CODE_FORK);
    assert_int_equal(hub_standing(pair).entries, before);
    pair_free(pair);
}

/* In one transaction with the bad frame: a good one before it from the same device, and another
 * device's. */
static void a_bad_frame_takes_nothing_of_others_with_it(void **state)
{
    (void)state;
    pair_world *pair = pair_new(3);
    uint32_t beat = pair_scope(pair);
    hf_record_id good = pair_crime(pair, 1, "Innocent");
    pump_to_hub(pair, 1);
    const pair_forged first = {.seq = 1, .scope = beat, .type = CRIME, .lane = HF_LANE_CRIME};
    const pair_forged gap = {
        .seq = 9, .pseq = 8, .scope = beat, .type = CRIME, .lane = HF_LANE_CRIME};
    uint64_t before = hub_standing(pair).entries;
    assert_int_equal(pair_forge(pair, 0, &first, 1), HF_OK);
    assert_int_equal(pair_forge(pair, 0, &gap, 1), HF_OK);
    hf_record_id other = pair_crime(pair, 2, "Innocent too");
    pump_to_hub(pair, 2);
    expect_error(pair, 0, HF_CODE_GAP);
    assert_int_equal(hub_standing(pair).entries, before + 3);
    assert_string_equal(pair_summary(pair->hub_node.store, &good), "Innocent");
    assert_string_equal(pair_summary(pair->hub_node.store, &other), "Innocent too");
    assert_int_equal(from_hub(pair, 1).type, HF_FRAME_ACK);
    assert_int_equal(from_hub(pair, 2).type, HF_FRAME_ACK);
    pair_free(pair);
}

static void malformed_messages_close_only_their_session(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    const uint8_t junk[] = {0x9f, 0x01, 0xff};
    assert_int_equal(
        hf_hub_recv(pair->hub, pair->nodes[0].peer, (hf_bytes){junk, sizeof junk}, pair->now_ms),
        HF_ERR_PROTOCOL);
    expect_error(pair, 0, HF_CODE_MALFORMED);
    (void)pair_crime(pair, 1, "Goes on");
    pair_run(pair);
    assert_int_equal(edge_standing(pair, 1).waiting, 0);
    pair_free(pair);
}

static bool drop_heads(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)pair;
    (void)edge;
    return way == PAIR_DOWN || message->type != HF_FRAME_HEAD;
}

static void a_false_head_is_told_which_way_it_is_false(void **state)
{
    (void)state;
    for (int wrong_root = 0; wrong_root < 2; wrong_root++) {
        pair_world *pair = pair_new(1);
        (void)pair_crime(pair, 0, "Signed for");
        pair_run(pair);
        (void)pair_crime(pair, 0, "Not yet signed for");
        pair->tap = drop_heads;
        pair_step(pair);
        hf_buffer raw = {0};
        hf_message message = {.type = HF_FRAME_HEAD};
        hf_head_item *item = &message.as.head;
        assert_int_equal(hf_head_sign(pair->nodes[0].store,
                                      hf_store_own_origin(pair->nodes[0].store), HF_LANE_CRIME, 2,
                                      &item->head),
                         HF_OK);
        if (wrong_root) item->head.root[0] ^= 1;
        if (!wrong_root) item->head.signature[0] ^= 1;
        hf_message_write(&raw, &message);
        assert_int_equal(pair_say(pair, 0, &raw), HF_OK);
        expect_error(pair, 0, wrong_root ? HF_CODE_CHAIN : HF_CODE_SIGNATURE);
        hf_buffer_free(&raw);
        pair_free(pair);
    }
}

static void more_than_the_window_is_error_103(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_status status = HF_OK;
    uint64_t seq = 0;
    pair_forged many[256];
    while (status == HF_OK && seq < HF_CREDIT_ENTRIES + 512) {
        for (size_t i = 0; i < 256; i++, seq++)
            many[i] = (pair_forged){.seq = seq + 1,
                                    .pseq = seq,
                                    .scope = pair_scope(pair),
                                    .type = CRIME,
                                    .lane = HF_LANE_CRIME};
        status = pair_forge(pair, 0, many, 256);
    }
    assert_int_equal(status, HF_ERR_LIMIT);
    assert_int_equal(seq, HF_CREDIT_ENTRIES + 256);
    expect_error(pair, 0, HF_CODE_LIMIT);
    pair_free(pair);
}

/* ---- withheld ---- */

static uint32_t hole_reason;
static hf_status see_hole(void *context, const hf_hole *hole)
{
    (*(size_t *)context)++;
    hole_reason = hole->reason;
    return HF_OK;
}

static size_t holes_of(hf_store *store)
{
    size_t count = 0;
    assert_int_equal(hf_hole_each(store, see_hole, &count), HF_OK);
    return count;
}

static void expect_withheld(const pair_forged *entry, uint32_t reason, bool seen_by_other)
{
    pair_world *pair = pair_new(2);
    pair_forged first = *entry;
    if (first.scope == UINT32_MAX) first.scope = pair_scope(pair);
    assert_int_equal(pair_forge(pair, 0, &first, 1), HF_OK);
    assert_int_equal(hf_hub_turn(pair->hub, ++pair->now_ms, pair_wall_ms(pair)), HF_OK);
    hf_message ack = from_hub(pair, 0);
    hf_acked acked;
    hf_notice notice;
    assert_int_equal(ack.type, HF_FRAME_ACK);
    assert_true(hf_next_acked(&ack.as.ack.logs, &acked));
    assert_int_equal(acked.durable, 1); /* a hole is durable too */
    assert_true(hf_next_notice(&ack.as.ack.notices, &notice));
    assert_int_equal(notice.code, reason);
    assert_int_equal(holes_of(pair->hub_node.store), 1);
    assert_int_equal(hole_reason, reason);
    pair_cut(pair, 0);
    pair->nodes[0].offline = true;
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    assert_int_equal(holes_of(pair->nodes[1].store), seen_by_other ? 1 : 0);
    hf_record_id record = {.type = entry->type, .bytes = {0x01, 0x92, 0, 1}};
    assert_string_equal(pair_summary(pair->nodes[1].store, &record), "");
    assert_string_equal(pair_summary(pair->hub_node.store, &record), "");
    pair_free(pair);
}

static void each_reason_for_withholding_is_found(void **state)
{
    (void)state;
    const uint32_t beat = UINT32_MAX;
    const pair_forged no_grant = {.seq = 1, .scope = 4711, .type = CRIME, .lane = HF_LANE_CRIME};
    const pair_forged control = {.seq = 1, .scope = 0, .type = CRIME, .lane = HF_LANE_CRIME};
    const pair_forged common = {.seq = 1, .scope = 1, .type = CRIME, .lane = HF_LANE_CRIME};
    const pair_forged lane = {.seq = 1, .scope = beat, .type = CRIME, .lane = HF_LANE_RISK};
    const pair_forged lane_0 = {.seq = 1, .scope = beat, .type = CRIME, .lane = HF_LANE_CONTROL};
    const pair_forged system = {.seq = 1, .scope = beat, .type = 3, .lane = HF_LANE_CRIME};
    const pair_forged delete = {
        .seq = 1, .scope = beat, .type = CRIME, .lane = HF_LANE_CRIME, .bad_delete = true};
    expect_withheld(&no_grant, HF_REASON_NO_GRANT, false);
    expect_withheld(&control, HF_REASON_NO_GRANT, false);
    expect_withheld(&common, HF_REASON_NO_GRANT, true);
    expect_withheld(&lane, HF_REASON_LANE, true);
    expect_withheld(&lane_0, HF_REASON_LANE, true);
    expect_withheld(&system, HF_REASON_HUB_ONLY, true);
    expect_withheld(&delete, HF_REASON_MALFORMED, true);
}

/* Good ones before, between and behind refused ones reach everybody. */
static void withheld_entries_block_nothing(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    uint32_t beat = pair_scope(pair);
    pair_forged five[5];
    for (size_t i = 0; i < 5; i++)
        five[i] = (pair_forged){.seq = i + 1,
                                .pseq = i,
                                .scope = beat,
                                .type = i % 2 ? 3 : CRIME,
                                .lane = HF_LANE_CRIME};
    assert_int_equal(pair_forge(pair, 0, five, 5), HF_OK);
    assert_int_equal(hf_hub_turn(pair->hub, ++pair->now_ms, pair_wall_ms(pair)), HF_OK);
    pair_cut(pair, 0);
    pair->nodes[0].offline = true;
    pair_wait(pair, 2 * HF_REDIAL_MIN_MS);
    assert_int_equal(holes_of(pair->hub_node.store), 2);
    assert_int_equal(holes_of(pair->nodes[1].store), 2);
    hf_record_id record = {.type = CRIME, .bytes = {0x01, 0x92, 0, 1}};
    assert_string_equal(pair_summary(pair->nodes[1].store, &record), "forged");
    uint8_t at_hub[HF_HASH_SIZE], at_edge[HF_HASH_SIZE];
    assert_int_equal(hf_store_digest(pair->hub_node.store, beat, at_hub), HF_OK);
    assert_int_equal(hf_store_digest(pair->nodes[1].store, beat, at_edge), HF_OK);
    assert_memory_equal(at_hub, at_edge, HF_HASH_SIZE);
    pair_free(pair);
}

/* ---- who may connect ---- */

static void unknown_and_revoked_devices_are_refused(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    const uint8_t stranger[HF_HASH_SIZE] = {9};
    hf_peer *peer;
    assert_false(hf_hub_admits(pair->hub, stranger));
    assert_int_equal(hf_hub_link_up(pair->hub, stranger, ALWAYS, pair->now_ms, &peer),
                     HF_ERR_DENIED);
    const uint8_t *known = pair->nodes[0].crypto.table.own_key_id;
    assert_true(hf_hub_admits(pair->hub, known));
    assert_int_equal(hf_hub_revoke(pair->hub, "edge9", "Sgt", "lost", pair_wall_ms(pair)),
                     HF_ERR_NOT_FOUND);
    assert_int_equal(hf_hub_revoke(pair->hub, "edge0", "Sgt", "lost", pair_wall_ms(pair)), HF_OK);
    assert_false(hf_hub_admits(pair->hub, known));
    assert_int_equal(hf_hub_link_up(pair->hub, known, ALWAYS, pair->now_ms, &peer), HF_ERR_DENIED);
    pair_power_cut(pair, &pair->hub_node);
    assert_false(hf_hub_admits(pair->hub, known)); /* it was durable */
    pair_free(pair);
}

/* What it had sent and is not committed does not count; its session ends in the next turn. */
static void revoked_session_ends(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    uint64_t before = hub_standing(pair).entries;
    (void)pair_crime(pair, 0, "Too late");
    pump_to_hub(pair, 0);
    assert_int_equal(
        hf_hub_revoke(pair->hub, "edge0", "Sgt Khan", "Left on a bus", pair_wall_ms(pair)), HF_OK);
    expect_error(pair, 0, HF_CODE_REVOKED);
    assert_int_equal(hub_standing(pair).entries, before + 2); /* the revocation, twice */
    pair_free(pair);
}

static void a_second_link_of_a_device_replaces_the_first(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    pair_node *node = &pair->nodes[0];
    hf_peer *older = node->peer, *newer;
    (void)pair_crime(pair, 0, "On the way when the link changed");
    pump_to_hub(pair, 0);
    assert_int_equal(
        hf_hub_link_up(pair->hub, node->crypto.table.own_key_id, ALWAYS, pair->now_ms, &newer),
        HF_OK);
    assert_int_equal(from_hub(pair, 0).type, HF_FRAME_BYE);
    assert_true(hf_hub_wants_close(pair->hub, older));
    hf_hub_link_down(pair->hub, older, pair->now_ms);
    hf_edge_link_down(node->edge, pair->now_ms);
    node->peer = newer;
    hf_peer_set_context(newer, node);
    hf_edge_link_up(node->edge, NULL, pair->now_ms);
    pair_run(pair);
    assert_int_equal(edge_standing(pair, 0).waiting, 0);
    pair_free(pair);
}

/* Each of its links died without a word; the hub does not hold them for ever. */
static void a_device_has_only_so_many_sessions(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    const uint8_t *key_id = pair->nodes[0].crypto.table.own_key_id;
    hf_peer *peers[HF_KEY_SESSIONS_MAX], *more;
    peers[0] = pair->nodes[0].peer;
    for (size_t i = 1; i < HF_KEY_SESSIONS_MAX; i++)
        assert_int_equal(hf_hub_link_up(pair->hub, key_id, ALWAYS, pair->now_ms, &peers[i]), HF_OK);
    assert_int_equal(hf_hub_link_up(pair->hub, key_id, ALWAYS, pair->now_ms, &more), HF_ERR_LIMIT);
    assert_null(more);
    hf_hub_link_down(pair->hub, peers[1], pair->now_ms);
    assert_int_equal(hf_hub_link_up(pair->hub, key_id, ALWAYS, pair->now_ms, &more), HF_OK);
    hf_hub_link_down(pair->hub, more, pair->now_ms);
    for (size_t i = 2; i < HF_KEY_SESSIONS_MAX; i++)
        hf_hub_link_down(pair->hub, peers[i], pair->now_ms);
    pair_free(pair);
}

static void say_hello(pair_world *pair, hf_peer *peer, uint16_t first)
{
    hf_buffer claims = {0}, raw = {0};
    for (uint16_t i = 0; i < HF_HELLO_ORIGINS_MAX; i++) {
        hf_claim claim = {.incarnation = {0x77, (uint8_t)((first + i) >> 8), (uint8_t)(first + i)}};
        hf_write_claim(&claims, &claim);
    }
    hf_message hello = {.type = HF_FRAME_HELLO};
    hello.as.hello = (hf_hello){.protocol_min = HF_PROTOCOL,
                                .protocol_max = HF_PROTOCOL,
                                .origins = {hf_buffer_bytes(&claims), HF_HELLO_ORIGINS_MAX}};
    hf_message_write(&raw, &hello);
    hf_status status = hf_hub_recv(pair->hub, peer, hf_buffer_bytes(&raw), pair->now_ms);
    assert_int_equal(status, HF_OK);
    pair->now_ms += 1000; /* so many lives are a second's allowance */
    assert_int_equal(hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_OK);
    hf_buffer_free(&claims);
    hf_buffer_free(&raw);
}

/* Every life of a key is a row for good, at the hub and at everyone whom its entries reach. */
static void a_key_has_only_so_many_lives(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    pair_node *node = &pair->nodes[0];
    bool refused = false;
    for (uint32_t first = 0; !refused; first += HF_HELLO_ORIGINS_MAX) {
        assert_true(first <= HF_KEY_ORIGINS_MAX);
        pair_cut(pair, 0);
        assert_int_equal(hf_hub_link_up(pair->hub, node->crypto.table.own_key_id, ALWAYS,
                                        pair->now_ms, &node->peer),
                         HF_OK);
        say_hello(pair, node->peer, (uint16_t)first);
        refused = from_hub(pair, 0).type == HF_FRAME_ERROR;
    }
    assert_int_equal(node->peer->session.code, HF_CODE_LIMIT);
    assert_true(hf_origin_count(pair->hub_node.store) <= HF_KEY_ORIGINS_MAX + 8);
    pair_cut(pair, 0);
    (void)pair_crime(pair, 0, "The life that it has still writes"); /* and others are not touched */
    (void)pair_crime(pair, 1, "So do others");
    pair_wait(pair, HF_REDIAL_MAX_MS); /* its links came to nothing often enough */
    assert_int_equal(edge_standing(pair, 0).waiting, 0);
    assert_int_equal(edge_standing(pair, 1).waiting, 0);
    pair_free(pair);
}

/* ---- a record that is made to hold too much ---- */

/* An entry of edge 0 that writes the summary of one record, always the same, and cites `cites` dots
 * that no log has. */
static void write_on(pair_world *pair, uint64_t seq, size_t cites)
{
    static const uint8_t id[HF_RECORD_ID_SIZE] = {0x01, 0x92, 0x99}, nobody[HF_ORIGIN_SIZE] = {9};
    static const uint8_t salt[8] = {1}, prefix[HF_PREFIX_SIZE] = {1, 2, 3, 4};
    hf_buffer ops = {0}, body = {0}, raw = {0};
    hf_write_raw(&ops, (hf_bytes){salt, sizeof salt});
    hf_write_array(&ops, 4);
    hf_write_uint(&ops, CRIME);
    hf_write_bytes(&ops, id, sizeof id);
    hf_write_array(&ops, 1);
    hf_write_array(&ops, 2);
    hf_write_bytes(&ops, nobody, sizeof nobody);
    hf_write_uint(&ops, 3);
    hf_write_array(&ops, 1);
    hf_write_array(&ops, 3);
    hf_write_uint(&ops, SUMMARY);
    hf_write_array(&ops, cites);
    for (size_t i = 0; i < cites; i++) {
        hf_write_array(&ops, 3);
        hf_write_uint(&ops, 1);
        hf_write_uint(&ops, seq * 1000 + i);
        hf_write_bytes(&ops, prefix, sizeof prefix);
    }
    hf_write_uint(&ops, seq);
    hf_write_array(&body, 9);
    hf_write_uint(&body, seq);
    hf_write_uint(&body, seq - 1);
    hf_write_uint(&body, pair_scope(pair));
    hf_write_uint(&body, (1571659200000ull + seq) << 16);
    hf_write_uint(&body, 3);
    hf_write_uint(&body, 1);
    hf_write_string(&body, "mallory");
    hf_write_null(&body);
    hf_write_array(&body, 1);
    hf_write_bytes(&body, ops.data, ops.size);
    hf_message message = {.type = HF_FRAME_PUSH};
    message.as.push = (hf_push){.lane = HF_LANE_CRIME, .bodies = {hf_buffer_bytes(&body), 1}};
    hf_message_write(&raw, &message);
    assert_int_equal(pair_say(pair, 0, &raw), HF_OK);
    assert_int_equal(hf_hub_turn(pair->hub, ++pair->now_ms, pair_wall_ms(pair)), HF_OK);
    hf_buffer_free(&ops);
    hf_buffer_free(&body);
    hf_buffer_free(&raw);
}

static void resolve(pair_world *pair, const hf_record_id *record, const char *text)
{
    hf_store *store = pair->nodes[1].store;
    hf_author author = {.actor = "Sgt Khan", .wall_ms = pair_wall_ms(pair), .quality = 3};
    hf_txn *txn;
    hf_buffer value = {0};
    static const char why[] = "All but one were noise";
    hf_write_string(&value, text);
    hf_change change = {.record = *record,
                        .field = SUMMARY,
                        .kind = HF_CHANGE_RESOLVE,
                        .value = hf_buffer_bytes(&value),
                        .reason = {(const uint8_t *)why, sizeof why - 1}};
    assert_int_equal(hf_txn_begin(store, &author, &txn), HF_OK);
    assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    hf_buffer_free(&value);
}

static void a_record_that_is_full_takes_no_more_until_someone_puts_it_in_order(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    const hf_record_id record = {.type = CRIME, .bytes = {0x01, 0x92, 0x99}};
    uint64_t seq = 0;
    pair->nodes[0].stuck_down = true; /* its own program did not write what is acknowledged here */
    while (seq < HF_FIELD_DOTS_MAX) write_on(pair, ++seq, 0);
    assert_int_equal(hub_standing(pair).withheld, 0);
    write_on(pair, seq, 0); /* the same again, as after a lost ACK: known, and nothing changes */
    assert_int_equal(hub_standing(pair).withheld, 0);
    write_on(pair, ++seq, 0);
    write_on(pair, ++seq, 0);
    assert_int_equal(hub_standing(pair).withheld, 2); /* held, visible, and it does not count */
    pair_run(pair);
    resolve(pair, &record, "In order"); /* one write that has seen all that stands */
    pair_run(pair);
    assert_int_equal(edge_standing(pair, 1).waiting, 0);
    assert_string_equal(pair_summary(pair->hub_node.store, &record), "In order");
    write_on(pair, ++seq, 0);
    assert_int_equal(hub_standing(pair).withheld, 2); /* and there is room again */
    pair_free(pair);
}

static void citations_of_what_nobody_wrote_fill_a_record_too(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    write_on(pair, 1, HF_OVERWRITTEN_MAX);
    for (uint64_t seq = 2; seq < 6; seq++) write_on(pair, seq, HF_OVERWRITTEN_MAX);
    assert_int_equal(hub_standing(pair).withheld, 4);
    hf_verify_report report;
    assert_int_equal(hf_store_verify(pair->hub_node.store, &report), HF_OK);
    assert_int_equal(report.faults, 0);
    pair_free(pair);
}

static void registering_twice_changes_nothing(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    const char *scopes[] = {"beat", "another"};
    uint64_t before = hub_standing(pair).entries;
    assert_int_equal(hf_hub_register(pair->hub, pair->nodes[0].crypto.table.own_key_id,
                                     &(hf_registration){.name = "edge0",
                                                        .force = "Avon",
                                                        .unit = "Central",
                                                        .scopes = scopes,
                                                        .scope_count = 2,
                                                        .certificate = {NULL, 0}},
                                     pair_wall_ms(pair)),
                     HF_OK);
    assert_int_equal(hub_standing(pair).entries, before);
    assert_int_equal(hf_hub_publish_pack(pair->hub, (hf_bytes){hf_pack_police, hf_pack_police_size},
                                         pair_wall_ms(pair)),
                     HF_ERR_INPUT); /* not newer */
    assert_int_equal(
        hf_hub_publish_pack(pair->hub, (hf_bytes){(const uint8_t *)"x", 1}, pair_wall_ms(pair)),
        HF_ERR_INPUT);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ack_waits_for_commit),
        cmocka_unit_test(a_failed_commit_acknowledges_nothing),
        cmocka_unit_test(a_full_disk_says_so_and_recovers),
        cmocka_unit_test(a_gap_is_error_300_and_a_fork_301),
        cmocka_unit_test(nothing_of_a_bad_frame_applies),
        cmocka_unit_test(a_bad_frame_takes_nothing_of_others_with_it),
        cmocka_unit_test(malformed_messages_close_only_their_session),
        cmocka_unit_test(a_false_head_is_told_which_way_it_is_false),
        cmocka_unit_test(more_than_the_window_is_error_103),
        cmocka_unit_test(each_reason_for_withholding_is_found),
        cmocka_unit_test(withheld_entries_block_nothing),
        cmocka_unit_test(unknown_and_revoked_devices_are_refused),
        cmocka_unit_test(revoked_session_ends),
        cmocka_unit_test(a_second_link_of_a_device_replaces_the_first),
        cmocka_unit_test(a_device_has_only_so_many_sessions),
        cmocka_unit_test(a_key_has_only_so_many_lives),
        cmocka_unit_test(a_record_that_is_full_takes_no_more_until_someone_puts_it_in_order),
        cmocka_unit_test(citations_of_what_nobody_wrote_fill_a_record_too),
        cmocka_unit_test(registering_twice_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
