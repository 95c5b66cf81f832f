/* test_backlog.c: how much of what devices sent one turn of the hub takes. */
#include "hub/backlog.h"

#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CRIME = 16, CUSTODY = 21, FRAME = HF_PUSH_ENTRIES_MAX, FRAMES = 6 };

/* A day's work in the name of an edge: frames full of entries, one behind the other. */
static void send_days_work_of(pair_world *pair, size_t edge)
{
    static pair_forged entries[FRAME];
    uint32_t beat = pair_scope(pair);
    for (uint64_t frame = 0; frame < FRAMES; frame++) {
        for (uint64_t i = 0; i < FRAME; i++)
            entries[i] = (pair_forged){.seq = frame * FRAME + i + 1,
                                       .pseq = frame * FRAME + i,
                                       .scope = beat,
                                       .type = CRIME,
                                       .lane = HF_LANE_CRIME};
        assert_int_equal(pair_forge(pair, edge, entries, FRAME), HF_OK);
    }
}

static void send_days_work(pair_world *pair)
{
    send_days_work_of(pair, 0);
}

static void say(pair_world *pair, size_t edge)
{
    hf_bytes message;
    pair_node *node = &pair->nodes[edge];
    assert_int_equal(hf_edge_turn(node->edge, ++pair->now_ms, pair_wall_ms(pair)), HF_OK);
    for (;;) {
        assert_int_equal(hf_edge_send(node->edge, pair->now_ms, &message), HF_OK);
        if (message.size == 0) return;
        assert_int_equal(hf_hub_recv(pair->hub, node->peer, message, pair->now_ms), HF_OK);
    }
}

static void turn(pair_world *pair)
{
    assert_int_equal(hf_hub_turn(pair->hub, ++pair->now_ms, pair_wall_ms(pair)), HF_OK);
}

/* Others than who sends now, who have just sent little. */
static void others_are_there(pair_world *pair)
{
    pair->hub->other_light_ms = pair->hub->light_ms = pair->now_ms;
}

/* What the hub now says is durable of this edge's lane; 0 when it says nothing. */
static uint64_t acked(pair_world *pair, size_t edge)
{
    hf_bytes message, raw;
    hf_message frame;
    hf_acked log;
    uint64_t durable = 0;
    for (;;) {
        hf_peer *peer = pair->nodes[edge].peer;
        assert_int_equal(hf_hub_send(pair->hub, peer, pair->now_ms, &message), HF_OK);
        if (message.size == 0) return durable;
        assert_int_equal(hf_frame_open(pair->deflater, message, &pair->scratch, &raw), HF_OK);
        assert_int_equal(hf_message_read(raw, &frame), HF_OK);
        if (frame.type != HF_FRAME_ACK) continue;
        for (hf_list walk = frame.as.ack.logs; hf_next_acked(&walk, &log);)
            if (log.lane == HF_LANE_CRIME) durable = log.durable;
    }
}

static void a_small_write_does_not_wait_for_a_days_work(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    send_days_work(pair);
    (void)pair_crime(pair, 1, "Urgent");
    say(pair, 1);
    turn(pair);
    assert_int_equal(acked(pair, 1), 1);
    uint64_t held = acked(pair, 0);
    assert_true(held > 0 && held <= HF_TURN_WORK_MIN); /* a share of it, within one frame even */
    pair_free(pair);
}

static void all_of_a_days_work_comes_in_its_order_a_share_each_turn(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    send_days_work(pair);
    uint64_t held = 0;
    for (int turns = 0; held < FRAMES * FRAME; turns++) {
        assert_true(turns < FRAMES * FRAME);
        assert_int_equal(hf_hub_deadline_ms(pair->hub), 0); /* there is more: at once */
        pair->nodes[0].peer->allowance = HF_ALLOWANCE_WORK;
        turn(pair);
        uint64_t now = acked(pair, 0);
        assert_true(now > held); /* every turn takes some, however much it weighs */
        held = now;
    }
    assert_true(hf_hub_deadline_ms(pair->hub) > 0);
    const hf_peer *peer = pair->nodes[0].peer;
    assert_int_equal(peer->queued_entries[HF_LANE_CRIME], 0); /* its window is whole again */
    assert_int_equal(peer->queued_size, 0);
    assert_int_equal(pair->hub->backlog.bytes, 0);
    pair_free(pair);
}

/* Nobody waits for the end of its turns: then they may be long, for each costs a sync of the disk,
 * and it is held to no allowance. Until somebody comes who has little to send. */
static void who_has_much_to_send_is_taken_in_larger_shares_while_nobody_waits(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_store *store = pair->hub_node.store;
    pair->now_ms += HF_LIGHT_MS;
    send_days_work(pair);
    uint64_t before = hf_feed_position(store);
    turn(pair);
    turn(pair);
    uint64_t held = hf_feed_position(store);
    assert_true(held - before > HF_TURN_WORK_MAX && held - before <= 2 * HF_TURN_WORK_MAX);
    (void)pair_crime(pair, 1, "Urgent");
    say(pair, 1);
    turn(pair);
    assert_int_equal(acked(pair, 1), 1);
    for (int i = 0; i < 2; i++) turn(pair);
    assert_true(hf_feed_position(store) - held <=
                4 * HF_TURN_WORK_EACH); /* in the ones after too */
    pair_free(pair);
}

/* Those who all bring much do not wait for one another. */
static void two_who_have_much_to_send_are_both_taken_in_larger_shares(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    for (size_t edge = 0; edge < 2; edge++) {
        send_days_work_of(pair, edge);
        pair->nodes[edge].peer->allowance = 0;
        pair->nodes[edge].peer->allowance_ms = pair->now_ms + HF_LIGHT_MS;
    }
    pair->now_ms += HF_LIGHT_MS;
    uint64_t before = hf_feed_position(pair->hub_node.store);
    turn(pair);
    uint64_t came = hf_feed_position(pair->hub_node.store) - before;
    assert_true(came > HF_TURN_WORK_MAX / 2 && came <= HF_TURN_WORK_MAX);
    pair_free(pair);
}

/* Each withheld entry makes the hub write verdicts of its own: what a turn takes of them is
 * less, once that is known. */
static void a_device_whose_entries_are_withheld_is_taken_in_smaller_shares(void **state)
{
    (void)state;
    enum { EACH = 32, COUNT = 4 };
    pair_world *pair = pair_new(1);
    pair_forged entries[EACH];
    uint64_t most = 0, held = 0, now, seq = 1;
    for (uint64_t frame = 0; frame < COUNT; frame++) {
        for (uint64_t i = 0; i < EACH; i++, seq++)
            entries[i] = (pair_forged){.seq = seq,
                                       .pseq = seq - 1,
                                       .scope = pair_scope(pair) + 1000,
                                       .type = CRIME,
                                       .lane = HF_LANE_CRIME};
        assert_int_equal(pair_forge(pair, 0, entries, EACH), HF_OK);
        for (most = 0; held < seq - 1; held = now) {
            others_are_there(pair);
            turn(pair);
            now = acked(pair, 0);
            assert_true(now > held); /* it goes on, but slowly */
            if (now - held > most) most = now - held;
        }
        if (frame == 0) assert_true(most > HF_TURN_SMALL_WORK); /* it was not known yet */
    }
    assert_true(most <= HF_TURN_WORK_MIN / 4);
    pair_free(pair);
}

/* An entry of two hundred records is the work of two hundred entries. */
static void an_entry_of_much_work_shares_its_turn_with_none(void **state)
{
    (void)state;
    enum { COUNT = 6 };
    pair_world *pair = pair_new(1);
    pair_forged entries[COUNT];
    for (uint64_t i = 0; i < COUNT; i++)
        entries[i] = (pair_forged){.seq = i + 1,
                                   .pseq = i,
                                   .scope = pair_scope(pair),
                                   .type = CRIME,
                                   .lane = HF_LANE_CRIME,
                                   .more_records = 199};
    assert_int_equal(pair_forge(pair, 0, entries, COUNT), HF_OK);
    others_are_there(pair);
    for (uint64_t i = 1; i <= COUNT; i++) {
        pair->nodes[0].peer->allowance = HF_ALLOWANCE_WORK;
        turn(pair);
        assert_int_equal(acked(pair, 0), i);
    }
    pair_free(pair);
}

/* Milliseconds that such entries of one device take while others send: `count` of them. */
static uint64_t ms_for(const pair_forged *kind, uint64_t count)
{
    static pair_forged entries[FRAME];
    pair_world *pair = pair_new(1);
    for (uint64_t i = 0; i < count; i++) {
        entries[i] = *kind;
        entries[i].seq = i + 1;
        entries[i].pseq = i;
        entries[i].scope = pair_scope(pair);
        entries[i].type = CRIME;
        entries[i].lane = HF_LANE_CRIME;
    }
    pair->nodes[0].peer->allowance = 0;
    pair->nodes[0].peer->allowance_ms = pair->now_ms;
    assert_int_equal(pair_forge(pair, 0, entries, count), HF_OK);
    uint64_t from_ms = pair->now_ms;
    while (acked(pair, 0) < count) {
        others_are_there(pair);
        turn(pair);
    }
    uint64_t took_ms = pair->now_ms - from_ms;
    pair_free(pair);
    return took_ms;
}

/* The same work in one entry keeps others waiting for all of it: so there are fewer of those. */
static void what_cannot_be_cut_costs_its_sender_the_more(void **state)
{
    (void)state;
    enum { SECOND_MS = 1000, RECORDS = 240 };
    const pair_forged small = {.seq = 0}, of_records = {.more_records = RECORDS - 1};
    const pair_forged of_cites = {.more_records = 15, .cites = 250};
    assert_true(ms_for(&small, 2 * RECORDS) < SECOND_MS / 2);
    uint64_t records_ms = ms_for(&of_records, 2), cites_ms = ms_for(&of_cites, 2);
    assert_true(records_ms > SECOND_MS && records_ms < 3 * SECOND_MS);
    assert_true(cites_ms > SECOND_MS && cites_ms < 3 * SECOND_MS);
    const pair_forged ten = {.more_records = 9}; /* what people write is small, and is not this */
    assert_true(ms_for(&ten, RECORDS / 10) < SECOND_MS / 2);
}

/* What others send goes at once meanwhile, and is not kept waiting by the clock that it waits for.
 */
static void a_device_over_its_allowance_waits_while_others_send(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_peer *peer = pair->nodes[0].peer;
    peer->allowance = 0;
    peer->allowance_ms = pair->now_ms;
    others_are_there(pair);
    send_days_work(pair);
    turn(pair); /* a millisecond's allowance is less than the first piece needs */
    assert_int_equal(acked(pair, 0), 0);
    assert_int_equal(hf_hub_deadline_ms(pair->hub), pair->now_ms + HF_ALLOWANCE_WAIT_MS);
    (void)pair_crime(pair, 1, "Urgent");
    say(pair, 1);
    assert_int_equal(hf_hub_deadline_ms(pair->hub), 0);
    turn(pair);
    assert_int_equal(acked(pair, 1), 1);
    uint64_t from_ms = pair->now_ms, held = 0, now;
    for (; held < FRAMES * FRAME; held = now ? now : held) {
        others_are_there(pair);
        turn(pair);
        now = acked(pair, 0);
    }
    uint64_t took_ms = pair->now_ms - from_ms, due_ms = FRAMES * FRAME * 1000 / HF_ALLOWANCE_WORK;
    assert_true(took_ms > due_ms / 2 && took_ms < 2 * due_ms);
    pair_free(pair);
}

static hf_peer *link_up(pair_world *pair, const uint8_t key_id[HF_HASH_SIZE])
{
    hf_peer *peer;
    hf_validity ever = {0, UINT64_MAX};
    assert_int_equal(hf_hub_link_up(pair->hub, key_id, ever, pair->now_ms, &peer), HF_OK);
    return peer;
}

/* Neither does it wait for the allowance, nor does anything else for what it takes. */
static void what_the_hub_asked_for_costs_no_allowance(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_peer *peer = pair->nodes[0].peer;
    (void)pair_crime(pair, 1, "Others are there");
    say(pair, 1);
    const hf_message refill = {.type = HF_FRAME_REFILL, .as.refill.bodies.count = 100};
    const uint8_t raw[] = {0};
    peer->allowance = 1;
    peer->allowance_ms = pair->hub->now_ms; /* no more of it comes */
    assert_int_equal(hf_backlog_put(pair->hub, peer, &refill, (hf_bytes){raw, 1}), HF_OK);
    size_t waiting = pair->hub->backlog.count;
    hf_backlog_take(pair->hub);
    assert_true(pair->hub->backlog.count < waiting);
    assert_int_equal(peer->queued_size, sizeof(hf_received) + 1); /* taken, and not applied yet */
    assert_int_equal(peer->allowance, 1);
    hf_backlog_drop(pair->hub, peer);
    pair_free(pair);
}

/* Else it would send all it likes, a session for each allowance. */
static void a_device_that_comes_back_goes_on_with_what_it_left(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    uint8_t key_id[HF_HASH_SIZE];
    memcpy(key_id, pair->nodes[0].peer->key_id, sizeof key_id);
    pair->nodes[0].peer->allowance = 7;
    pair->nodes[0].peer->allowance_ms = pair->now_ms;
    pair_cut(pair, 0);
    hf_peer *first = link_up(pair, key_id);
    assert_int_equal(first->allowance, 7);
    assert_int_equal(first->allowance_ms, pair->now_ms); /* it grows from there on */
    hf_peer *second = link_up(pair, key_id);
    second->allowance = 3;
    second->allowance_ms = pair->now_ms + 1;
    hf_hub_link_down(pair->hub, second, pair->now_ms);
    hf_hub_link_down(pair->hub, first, pair->now_ms); /* it was told to go, and went late */
    hf_peer *third = link_up(pair, key_id);
    assert_int_equal(third->allowance, 3);
    hf_hub_link_down(pair->hub, third, pair->now_ms);
    memcpy(key_id, pair->nodes[1].peer->key_id, sizeof key_id);
    pair_cut(pair, 1);
    hf_peer *other = link_up(pair, key_id);
    assert_true(other->allowance > HF_ALLOWANCE_WORK / 2);
    hf_hub_link_down(pair->hub, other, pair->now_ms);
    pair_free(pair);
}

/* Neither it, nor its heads or probes without end, cost others more than its entries may. */
static void a_hello_waits_for_the_allowance_as_well(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    pair->nodes[0].peer->allowance = 0;
    pair_cut(pair, 0);
    while (!pair->nodes[0].peer) {
        for (size_t i = 0; i < HF_SPENT_KEPT; i++) pair->hub->spent[i].at_ms = pair->now_ms + 1;
        others_are_there(pair);
        pair_step(pair);
    }
    hf_peer *peer = pair->nodes[0].peer;
    for (int i = 0; i < 10; i++) {
        assert_false(peer->greeted);
        peer->allowance_ms = pair->now_ms + 1; /* no more of it comes */
        (void)pair_crime(pair, 1, "Others are there");
        pair_step(pair);
    }
    peer->allowance = HF_ALLOWANCE_WORK;
    pair_step(pair);
    assert_true(peer->greeted);
    assert_true(peer->allowance < HF_ALLOWANCE_WORK);
    pair_free(pair);
}

/* Each lane is a log of its own: what is urgent goes before what waits of the others, and something
 * of the allowance is kept for it; but it has no more than that. */
static void what_is_urgent_passes_what_waits_of_the_same_device(void **state)
{
    (void)state;
    enum { URGENT = HF_ALLOWANCE_KEPT };
    pair_world *pair = pair_new(1);
    hf_peer *peer = pair->nodes[0].peer;
    static pair_forged urgent[URGENT + 1];
    for (uint64_t i = 0; i <= URGENT; i++)
        urgent[i] = (pair_forged){.seq = i + 1,
                                  .pseq = i,
                                  .scope = pair_scope(pair),
                                  .type = CUSTODY,
                                  .lane = HF_LANE_RISK};
    peer->allowance = HF_ALLOWANCE_KEPT;
    send_days_work(pair);
    assert_int_equal(pair_forge(pair, 0, urgent, URGENT + 1), HF_OK);
    uint64_t before = hf_feed_position(pair->hub_node.store);
    for (int i = 0; i < URGENT; i++) {
        others_are_there(pair);
        peer->allowance_ms = pair->now_ms + 1; /* no more of it comes */
        turn(pair);
    }
    assert_int_equal(acked(pair, 0), 0);
    uint64_t came = hf_feed_position(pair->hub_node.store) - before;
    assert_true(came > URGENT / 2 && came <= URGENT);
    assert_int_equal(peer->queued_entries[HF_LANE_RISK], URGENT + 1 - came);
    pair_free(pair);
}

static void push(pair_world *pair, uint8_t lane, uint64_t after, uint64_t count)
{
    pair_forged entries[HF_TURN_SMALL_WORK];
    for (uint64_t i = 0; i < count; i++)
        entries[i] = (pair_forged){.seq = after + i + 1,
                                   .pseq = after + i,
                                   .scope = pair_scope(pair),
                                   .type = CUSTODY,
                                   .lane = lane};
    assert_int_equal(pair_forge(pair, 0, entries, count), HF_OK);
}

/* Small as it is, it does not slip by what has no room in the turn (simulator, seed 19). */
static void what_is_less_urgent_does_not_pass_what_is_more_so(void **state)
{
    (void)state;
    enum { MOST = HF_TURN_SMALL_WORK - 2 };
    pair_world *pair = pair_new(2);
    (void)pair_crime(pair, 1, "Others are there");
    say(pair, 1);
    const hf_peer *peer = pair->nodes[0].peer;
    for (uint64_t i = 0; i < 3; i++) push(pair, HF_LANE_RISK, i * MOST, MOST);
    push(pair, HF_LANE_INCIDENT, 0, 1);
    turn(pair);
    assert_int_equal(peer->queued_entries[HF_LANE_RISK], MOST);
    assert_int_equal(peer->queued_entries[HF_LANE_INCIDENT], 1);
    turn(pair);
    assert_int_equal(peer->queued_entries[HF_LANE_RISK], 0);
    pair_free(pair);
}

static hf_record_id put_custody(pair_world *pair, size_t edge)
{
    enum { CELL = 3 };
    static const uint8_t TEXT[] = {0x62, 'A', '4'};
    hf_author author = {.actor = "PS 1122 Khan", .wall_ms = pair_wall_ms(pair), .quality = 3};
    hf_change change = {.scope = pair_scope(pair),
                        .field = CELL,
                        .kind = HF_CHANGE_SET,
                        .value = {TEXT, sizeof TEXT}};
    hf_txn *txn;
    assert_int_equal(hf_txn_begin(pair->nodes[edge].store, &author, &txn), HF_OK);
    assert_int_equal(hf_txn_new_id(txn, CUSTODY, &change.record), HF_OK);
    assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    return change.record;
}

static bool hub_has(pair_world *pair, const hf_record_id *record)
{
    hf_view *view;
    if (hf_store_get(pair->hub_node.store, record, &view) != HF_OK) return false;
    hf_view_free(view);
    return true;
}

/* Also once heads have come of the urgent lane: they go before what waits as its entries do. */
static void each_urgent_write_passes_what_waits_of_the_same_device(void **state)
{
    (void)state;
    enum { WRITES = 4, APART_MS = 300, SOON_MS = 20, DAYS_WORK = 12000 };
    pair_world *pair = pair_new(2);
    for (int i = 0; i < DAYS_WORK; i++)
        (void)pair_crime(pair, 0, "A day's work, and the next one's");
    pair->nodes[0].peer->allowance = 0;
    for (int i = 0; i < WRITES; i++) {
        hf_record_id record = {.type = 0};
        for (int ms = 0; ms < APART_MS; ms++) {
            if (ms % 50 == 0) (void)pair_crime(pair, 1, "Others are there");
            if (ms == APART_MS - SOON_MS) record = put_custody(pair, 0);
            pair->now_ms++;
            pair_step(pair);
        }
        assert_true(pair->nodes[0].peer->queued_entries[HF_LANE_CRIME] > 0); /* there is a queue */
        assert_true(hub_has(pair, &record));
    }
    pair_free(pair);
}

static void a_session_that_ends_takes_what_waits_with_it(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    send_days_work(pair);
    others_are_there(pair);
    turn(pair);
    assert_true(pair->hub->backlog.count > 0);
    uint64_t before = hf_feed_position(pair->hub_node.store);
    pair_cut(pair, 0);
    assert_int_equal(pair->hub->backlog.count, 0);
    turn(pair);
    assert_int_equal(hf_feed_position(pair->hub_node.store), before);
    pair_free(pair);
}

static void behind_a_bad_frame_nothing_of_its_session_applies(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    const pair_forged gap = {
        .seq = 9, .pseq = 8, .scope = pair_scope(pair), .type = CRIME, .lane = HF_LANE_CRIME};
    uint64_t before = hf_feed_position(pair->hub_node.store);
    assert_int_equal(pair_forge(pair, 0, &gap, 1), HF_OK);
    send_days_work(pair); /* would be in order, but its session is over */
    for (int i = 0; i < FRAMES; i++) turn(pair);
    assert_int_equal(hf_feed_position(pair->hub_node.store), before);
    assert_int_equal(pair->hub->backlog.count, 0);
    pair_free(pair);
}

static void a_push_of_more_than_a_turn_takes_is_error_103(void **state)
{
    (void)state;
    static pair_forged entries[FRAME + 1];
    pair_world *pair = pair_new(1);
    for (uint64_t i = 0; i <= FRAME; i++)
        entries[i] = (pair_forged){.seq = i + 1,
                                   .pseq = i,
                                   .scope = pair_scope(pair),
                                   .type = CRIME,
                                   .lane = HF_LANE_CRIME};
    assert_int_equal(pair_forge(pair, 0, entries, FRAME + 1), HF_ERR_LIMIT);
    assert_int_equal(pair->nodes[0].peer->session.code, HF_CODE_LIMIT);
    pair_free(pair);
}

/* Frames of almost no bytes cost memory too: what is kept is counted, not what was said. */
static void more_than_is_kept_of_one_session_is_error_103(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_buffer raw = {0};
    hf_message head = {.type = HF_FRAME_HEAD};
    head.as.head = (hf_head_item){.head = {.lane = HF_LANE_CRIME, .seq = 1}};
    hf_message_write(&raw, &head);
    hf_status status = HF_OK;
    size_t frames = 0;
    for (; status == HF_OK && frames < HF_INBOX_BYTES_MAX / 64; frames++)
        status = pair_say(pair, 0, &raw);
    assert_int_equal(status, HF_ERR_LIMIT);
    assert_true(pair->hub->backlog.bytes <= HF_INBOX_BYTES_MAX);
    assert_true(frames * raw.size < HF_INBOX_BYTES_MAX); /* what it said was less */
    assert_int_equal(pair->nodes[0].peer->session.code, HF_CODE_LIMIT);
    (void)pair_crime(pair, 1, "Goes on");
    say(pair, 1);
    turn(pair);
    assert_int_equal(acked(pair, 1), 1);
    hf_buffer_free(&raw);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_write_does_not_wait_for_a_days_work),
        cmocka_unit_test(all_of_a_days_work_comes_in_its_order_a_share_each_turn),
        cmocka_unit_test(who_has_much_to_send_is_taken_in_larger_shares_while_nobody_waits),
        cmocka_unit_test(two_who_have_much_to_send_are_both_taken_in_larger_shares),
        cmocka_unit_test(a_device_whose_entries_are_withheld_is_taken_in_smaller_shares),
        cmocka_unit_test(an_entry_of_much_work_shares_its_turn_with_none),
        cmocka_unit_test(what_cannot_be_cut_costs_its_sender_the_more),
        cmocka_unit_test(a_device_over_its_allowance_waits_while_others_send),
        cmocka_unit_test(what_the_hub_asked_for_costs_no_allowance),
        cmocka_unit_test(a_device_that_comes_back_goes_on_with_what_it_left),
        cmocka_unit_test(a_hello_waits_for_the_allowance_as_well),
        cmocka_unit_test(what_is_urgent_passes_what_waits_of_the_same_device),
        cmocka_unit_test(what_is_less_urgent_does_not_pass_what_is_more_so),
        cmocka_unit_test(each_urgent_write_passes_what_waits_of_the_same_device),
        cmocka_unit_test(a_session_that_ends_takes_what_waits_with_it),
        cmocka_unit_test(behind_a_bad_frame_nothing_of_its_session_applies),
        cmocka_unit_test(a_push_of_more_than_a_turn_takes_is_error_103),
        cmocka_unit_test(more_than_is_kept_of_one_session_is_error_103),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
