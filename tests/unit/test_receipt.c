/* test_receipt.c: what a hub signs of what it holds, what of it a device keeps, and what becomes of
 * it when the hub loses what it signed for. */
#include "pair.h"

#include "sync/log.h"
#include "sync/receipt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND_MS = 1000 };

static hf_store *store_of(pair_world *pair, size_t edge)
{
    return pair->nodes[edge].store;
}

typedef struct found {
    hf_receipt last;
    size_t count, undone, covering; /* covering: those that stand and reach seq */
    hf_store *store;
} found;

static hf_status note(void *context, const hf_receipt *receipt)
{
    found *f = context;
    f->last = *receipt;
    f->count++;
    f->undone += receipt->undone_ms != 0;
    if (!receipt->undone_ms) assert_int_equal(hf_receipt_check(f->store, receipt), HF_OK);
    return HF_OK;
}

/* All receipts of an edge; those that stand are checked. */
static found receipts(pair_world *pair, size_t edge)
{
    found f = {.store = store_of(pair, edge)};
    assert_int_equal(hf_receipt_each(f.store, note, &f), HF_OK);
    return f;
}

static bool covering(pair_world *pair, size_t edge, uint64_t seq, bool undone, hf_receipt *out)
{
    bool is_found;
    hf_store *store = store_of(pair, edge);
    assert_int_equal(hf_receipt_find(store, hf_store_own_origin(store)->no, HF_LANE_CRIME, seq,
                                     undone, out, &is_found),
                     HF_OK);
    return is_found;
}

static uint64_t acked(pair_world *pair, size_t edge)
{
    hf_log_state log;
    hf_store *store = store_of(pair, edge);
    assert_int_equal(hf_log_state_get(store, hf_store_own_origin(store)->no, HF_LANE_CRIME, &log),
                     HF_OK);
    return log.acked;
}

/* ---- signing ---- */

static void what_is_acknowledged_is_signed_for_within_a_second(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_receipt receipt;
    pair_crime(pair, 0, "Safe");
    pair_run(pair);
    assert_int_equal(acked(pair, 0), 1);
    pair_wait(pair, 2 * SECOND_MS);
    assert_true(covering(pair, 0, 1, false, &receipt));
    assert_int_equal(receipt.seq, 1);
    assert_memory_equal(&receipt.hub, &hf_store_own_origin(pair->hub_node.store)->id,
                        sizeof receipt.hub);
    assert_true(receipt.time_ms <= pair_wall_ms(pair));
    assert_int_equal(receipts(pair, 1).count, 0); /* it wrote nothing */
    pair_free(pair);
}

typedef struct heard { /* when, by the frames of one edge */
    uint64_t ack_ms, receipt_ms, signatures;
    uint8_t last[HF_SIGNATURE_SIZE];
} heard;

static bool listen(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    heard *h = pair->context;
    (void)edge;
    if (way == PAIR_DOWN && message->type == HF_FRAME_ACK) h->ack_ms = pair->now_ms;
    if (way == PAIR_UP || message->type != HF_FRAME_RECEIPT) return true;
    h->receipt_ms = pair->now_ms;
    h->signatures += memcmp(h->last, message->as.receipt.signature, sizeof h->last) != 0;
    memcpy(h->last, message->as.receipt.signature, sizeof h->last);
    return true;
}

/* The ack is on its way before anything is signed. */
static void a_signature_keeps_no_ack_waiting(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    heard h = {.ack_ms = 0};
    pair_wait(pair, 2 * SECOND_MS);
    pair->tap = listen;
    pair->context = &h;
    pair_crime(pair, 0, "At once");
    while (h.receipt_ms == 0) pair_step(pair);
    assert_true(h.receipt_ms >= h.ack_ms + HF_RECEIPT_GATHER_MS);
    assert_true(h.receipt_ms <= h.ack_ms + HF_RECEIPT_INTERVAL_MS);
    pair_free(pair);
}

/* However many write, and however often: one signature a second, and each has its own way to it. */
static void one_signature_a_second_serves_all(void **state)
{
    (void)state;
    enum { EDGES = 5, SECONDS = 6, WRITES = 10 * SECONDS };
    pair_world *pair = pair_new(EDGES);
    heard h = {.ack_ms = 0};
    pair_wait(pair, 2 * SECOND_MS);
    pair->tap = listen;
    pair->context = &h;
    uint64_t start_ms = pair->now_ms;
    for (int n = 0; n < WRITES; n++) {
        for (size_t i = 0; i < EDGES; i++) pair_crime(pair, i, "Busy");
        while (pair->now_ms < start_ms + (uint64_t)n * 100) pair_step(pair);
    }
    assert_true(h.signatures >= SECONDS - 1 && h.signatures <= SECONDS + 1);
    pair_wait(pair, 2 * SECOND_MS);
    for (size_t i = 0; i < EDGES; i++) {
        hf_receipt receipt;
        assert_true(covering(pair, i, WRITES, false, &receipt));
        assert_int_equal(receipt.count, EDGES);
        (void)receipts(pair, i);
    }
    pair_free(pair);
}

/* What was acknowledged on a link that then went is signed for on the next. */
static void a_receipt_that_was_lost_comes_on_the_next_link(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_receipt receipt;
    pair_crime(pair, 0, "Acknowledged, not signed for");
    while (acked(pair, 0) == 0) pair_step(pair);
    pair_cut(pair, 0);
    pair->nodes[0].offline = true;
    pair_wait(pair, 3 * SECOND_MS);
    assert_false(covering(pair, 0, 1, false, &receipt));
    pair->nodes[0].offline = false;
    pair_wait(pair, HF_REDIAL_MAX_MS);
    assert_true(covering(pair, 0, 1, false, &receipt));
    pair_count_from_here(pair); /* and what it has is not sent again */
    pair_cut(pair, 0);
    pair_wait(pair, HF_REDIAL_MAX_MS);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_HELLO], 1);
    assert_int_equal(pair->frames[PAIR_DOWN][HF_FRAME_RECEIPT], 0);
    pair_free(pair);
}

/* ---- a hub that lies ---- */

static hf_message forged(pair_world *pair, const hf_receipt *receipt, hf_buffer *items)
{
    hf_receipt_item item = {.origin = 0, .receipt = *receipt};
    hf_buffer_clear(items);
    hf_write_receipt_item(items, &item);
    hf_message message = {.type = HF_FRAME_RECEIPT};
    message.as.receipt.hub = (uint32_t)hf_store_own_origin(pair->hub_node.store)->no;
    message.as.receipt.time_ms = receipt->time_ms;
    memcpy(message.as.receipt.epoch, receipt->epoch, sizeof receipt->epoch);
    memcpy(message.as.receipt.signature, receipt->signature, HF_SIGNATURE_SIZE);
    message.as.receipt.logs = (hf_list){hf_buffer_bytes(items), 1};
    return message;
}

/* A time, a place, a signature that is not so: the session ends, and nothing is kept. */
static void a_receipt_that_is_not_true_is_refused(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_buffer raw = {0}, items = {0};
    hf_receipt good;
    pair_crime(pair, 0, "One");
    pair_wait(pair, 2 * SECOND_MS);
    assert_true(covering(pair, 0, 1, false, &good));
    pair_crime(pair, 0, "Two");
    pair_run(pair);
    for (int way = 0; way < 5; way++) {
        hf_receipt bad = good;
        bad.seq = 2; /* the signature was over the first alone */
        if (way == 1) bad.time_ms++;
        if (way == 2) bad.signature[0] ^= 1;
        if (way == 3) bad.epoch[0] ^= 1;
        if (way == 4) bad.seq = 3; /* never written */
        hf_message message = forged(pair, &bad, &items);
        hf_buffer_clear(&raw);
        hf_message_write(&raw, &message);
        pair_wait(pair, HF_REDIAL_MAX_MS);
        hf_receipt before, after;
        bool had = covering(pair, 0, 2, false, &before);
        pair_count_from_here(pair);
        (void)pair_tell(pair, 0, &raw);
        pair_wait(pair, HF_REDIAL_MAX_MS);
        assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_HELLO], 1);
        bool has = covering(pair, 0, 2, false, &after);
        assert_int_equal(had, has);
        if (has) assert_memory_equal(&before, &after, sizeof before);
    }
    hf_buffer_free(&raw);
    hf_buffer_free(&items);
    pair_free(pair);
}

/* ---- what is kept ---- */

/* A year of writing must not fill the device with receipts, nor leave an entry far from the next.
 */
static void receipts_that_stand_close_give_way_to_the_next(void **state)
{
    (void)state;
    enum { WRITES = 60, APART_MS = 30 * SECOND_MS };
    pair_world *pair = pair_new(1);
    for (int n = 0; n < WRITES; n++) {
        pair_crime(pair, 0, "Again");
        pair_wait(pair, APART_MS);
    }
    found f = receipts(pair, 0);
    uint64_t all_ms = (uint64_t)WRITES * APART_MS;
    assert_true(f.count >= all_ms / HF_RECEIPT_APART_MS);
    assert_true(f.count <= 2 * all_ms / HF_RECEIPT_APART_MS + 2);
    for (uint64_t seq = 1; seq <= WRITES; seq++) { /* and no time that is told is far too late */
        hf_receipt receipt;
        assert_true(covering(pair, 0, seq, false, &receipt));
        uint64_t written_ms = pair_wall_ms(pair) - (WRITES - seq + 1) * APART_MS;
        assert_true(receipt.time_ms <= written_ms + HF_RECEIPT_APART_MS + 2 * SECOND_MS);
    }
    pair_free(pair);
}

/* ---- a hub that loses what it signed for ---- */

static void set_hub_back(pair_world *pair, const sim_image *image)
{
    pair_cut(pair, 0);
    pair_shut(pair, &pair->hub_node);
    assert_true(sim_disk_restore(pair->hub_node.disk, image));
    pair_open(pair, &pair->hub_node);
}

/* The screen falls back in the moment that the hub says so; what it once signed stays, as what it
 * once said; and when it has the entry again, a new receipt says that. */
static void a_receipt_that_a_rollback_undid_falls_back(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_receipt before, after;
    pair_crime(pair, 0, "Before the backup");
    pair_wait(pair, 2 * SECOND_MS);
    pair_shut(pair, &pair->hub_node);
    sim_image *image = sim_disk_copy(pair->hub_node.disk, "-shm");
    pair_open(pair, &pair->hub_node);
    pair_wait(pair, HF_REDIAL_MAX_MS);
    pair_crime(pair, 0, "After it");
    pair_wait(pair, 2 * SECOND_MS);
    assert_true(covering(pair, 0, 2, false, &before));
    set_hub_back(pair, image);
    pair->tap = NULL;
    uint64_t lowest = UINT64_MAX;
    for (int n = 0; n < 400000 && acked(pair, 0) >= 2 && lowest == UINT64_MAX; n += 1) {
        pair_step(pair);
        if (acked(pair, 0) < 2) lowest = acked(pair, 0);
    }
    assert_int_equal(lowest, 1); /* as the hub said, until it has the second one again */
    assert_false(covering(pair, 0, 2, false, &after));
    assert_true(covering(pair, 0, 1, false, &after));
    assert_true(covering(pair, 0, 2, true, &after));
    assert_int_equal(after.time_ms, before.time_ms);
    assert_true(after.undone_ms > before.time_ms);
    pair_wait(pair, HF_REDIAL_MAX_MS);
    assert_int_equal(acked(pair, 0), 2);
    assert_true(covering(pair, 0, 2, false, &after));
    assert_true(after.time_ms > before.time_ms);
    assert_int_equal(receipts(pair, 0).undone, 1); /* the evidence stays */
    sim_image_free(image);
    pair_free(pair);
}

/* A hub that was set back may begin a new life: what its former one held, and it does not, is not
 * there, whoever acknowledged it. */
static void a_new_life_of_the_hub_speaks_for_the_old_one(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_receipt receipt;
    hf_batch *batch;
    hf_buffer certificate = {0};
    const hf_origin_row *next, *hub = hf_store_own_origin(pair->hub_node.store);
    static const uint8_t life[HF_INCARNATION_SIZE] = {9};
    for (int n = 0; n < 3; n++) pair_crime(pair, 0, "Three of them");
    pair_wait(pair, 2 * SECOND_MS);
    hf_store *store = store_of(pair, 0);
    assert_int_equal(acked(pair, 0), 3);
    assert_int_equal(hf_origin_certificate(pair->hub_node.store, hub->no, &certificate), HF_OK);
    assert_int_equal(hf_batch_begin(store, pair_wall_ms(pair), &batch), HF_OK);
    assert_int_equal(
        hf_origin_learn(store, hub->key_id, life, hf_buffer_bytes(&certificate), &next), HF_OK);
    const hf_acked said = {.lane = HF_LANE_CRIME, .durable = 2, .central = 2};
    assert_int_equal(hf_batch_fall_back(batch, &next->id, hf_store_own_origin(store), &said, true),
                     HF_OK);
    assert_int_equal(
        hf_batch_receipts_undo(batch, &next->id, hf_store_own_origin(store), HF_LANE_CRIME, 2),
        HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    assert_int_equal(acked(pair, 0), 2);
    assert_false(covering(pair, 0, 3, false, &receipt));
    assert_true(covering(pair, 0, 3, true, &receipt));
    hf_buffer_free(&certificate);
    pair_free(pair);
}

/* A hub that knows nothing of the log at all does not name it in WELCOME. */
static void a_log_that_the_hub_lost_whole_falls_back_too(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_receipt receipt;
    pair_shut(pair, &pair->hub_node);
    sim_image *image = sim_disk_copy(pair->hub_node.disk, "-shm");
    pair_open(pair, &pair->hub_node);
    pair_wait(pair, HF_REDIAL_MAX_MS);
    pair_crime(pair, 0, "All of it");
    pair_wait(pair, 2 * SECOND_MS);
    assert_int_equal(acked(pair, 0), 1);
    set_hub_back(pair, image);
    bool fell = false;
    for (int n = 0; n < 400000 && !fell; n++) {
        pair_step(pair);
        fell = acked(pair, 0) == 0;
    }
    assert_true(fell);
    assert_true(covering(pair, 0, 1, true, &receipt));
    pair_wait(pair, HF_REDIAL_MAX_MS);
    assert_int_equal(acked(pair, 0), 1);
    sim_image_free(image);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_acknowledged_is_signed_for_within_a_second),
        cmocka_unit_test(a_signature_keeps_no_ack_waiting),
        cmocka_unit_test(one_signature_a_second_serves_all),
        cmocka_unit_test(a_receipt_that_was_lost_comes_on_the_next_link),
        cmocka_unit_test(a_receipt_that_is_not_true_is_refused),
        cmocka_unit_test(receipts_that_stand_close_give_way_to_the_next),
        cmocka_unit_test(a_receipt_that_a_rollback_undid_falls_back),
        cmocka_unit_test(a_new_life_of_the_hub_speaks_for_the_old_one),
        cmocka_unit_test(a_log_that_the_hub_lost_whole_falls_back_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
