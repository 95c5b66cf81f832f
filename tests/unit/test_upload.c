/* test_upload.c: strict order between lanes, windows that the hub sets, and heads in time. */
#include "sync/upload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { T0_MS = 1000 * 1000 };

static hf_upload uploading(void)
{
    hf_upload upload;
    assert_int_equal(hf_upload_open(&upload, 2), HF_OK);
    for (uint8_t lane = 0; lane < HF_LANE_COUNT; lane++)
        hf_upload_window(&upload, lane, HF_CREDIT_ENTRIES, HF_CREDIT_BYTES);
    return upload;
}

static size_t index_of(size_t origin, uint8_t lane)
{
    return origin * HF_LANE_COUNT + lane;
}

/* However much of the rest waits, what is about a life goes at the next chance. */
static void urgent_lane_goes_first(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    hf_upload_next next;
    upload.logs[index_of(0, HF_LANE_REST)].last = 1000;
    upload.logs[index_of(1, HF_LANE_CRIME)].last = 1000;
    assert_true(hf_upload_choose(&upload, T0_MS, &next));
    assert_int_equal(next.log, index_of(1, HF_LANE_CRIME));
    hf_upload_sent(&upload, next.log, 10, 10, 1000);
    upload.logs[index_of(0, HF_LANE_RISK)].last = 1;
    assert_true(hf_upload_choose(&upload, T0_MS, &next));
    assert_int_equal(next.log, index_of(0, HF_LANE_RISK));
    assert_int_equal(next.after, 0);
    hf_upload_sent(&upload, next.log, 1, 1, 100);
    assert_true(hf_upload_choose(&upload, T0_MS, &next));
    assert_int_equal(next.log, index_of(1, HF_LANE_CRIME)); /* the rest waits still */
    assert_int_equal(next.after, 10);
    hf_upload_free(&upload);
}

static void a_lane_whose_bytes_are_closed_waits(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    hf_upload_next next;
    upload.logs[index_of(0, HF_LANE_CRIME)].last = 10;
    hf_upload_window(&upload, HF_LANE_CRIME, 10, 0);
    assert_false(hf_upload_choose(&upload, T0_MS, &next));
    hf_upload_free(&upload);
}

/* However many small frames there are, what waits for an answer is bounded. */
static void frames_without_an_answer_are_bounded(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    hf_upload_next next;
    size_t log = index_of(0, HF_LANE_CRIME);
    upload.logs[log].last = 100000;
    uint64_t seq = 0;
    while (hf_upload_choose(&upload, T0_MS, &next)) {
        hf_upload_sent(&upload, log, ++seq, 1, 10);
        hf_upload_head_sent(&upload, log, T0_MS);
    }
    assert_int_equal(seq, HF_PUSHES_MAX);
    hf_acked acked = {.lane = HF_LANE_CRIME, .durable = 1};
    hf_upload_acked(&upload, &acked, T0_MS + 10, T0_MS + 10);
    assert_true(hf_upload_choose(&upload, T0_MS, &next));
    hf_upload_free(&upload);
}

/* A station can pass on only what ends at a head, and that in one frame. */
static void no_more_goes_unsigned_than_a_relay_can_pass_on(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    hf_upload_next next;
    size_t log = index_of(0, HF_LANE_CRIME), due;
    upload.logs[log].last = 100000;
    uint64_t seq = 0;
    hf_upload_sent(&upload, log, ++seq, 1, 10);
    hf_upload_head_sent(&upload, log, T0_MS); /* the next is not due for a while */
    while (hf_upload_choose(&upload, T0_MS, &next)) {
        seq += next.entries;
        hf_upload_sent(&upload, log, seq, next.entries, 10);
    }
    assert_int_equal(seq, 1 + HF_UNSIGNED_ENTRIES_MAX);
    assert_true(hf_upload_head_due(&upload, T0_MS, &due));
    hf_upload_head_sent(&upload, due, T0_MS);
    assert_true(hf_upload_choose(&upload, T0_MS, &next));
    hf_upload_sent(&upload, log, ++seq, 1, HF_FRAME_TARGET_SIZE + 1); /* large ones, too */
    assert_false(hf_upload_choose(&upload, T0_MS, &next));
    hf_upload_free(&upload);
}

static void a_full_lane_does_not_hold_up_another(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    hf_upload_next next;
    upload.logs[index_of(0, HF_LANE_RISK)].last = 10;
    upload.logs[index_of(0, HF_LANE_REST)].last = 10;
    hf_upload_window(&upload, HF_LANE_RISK, 0, 0); /* the hub closed it */
    assert_true(hf_upload_choose(&upload, T0_MS, &next));
    assert_int_equal(next.log, index_of(0, HF_LANE_REST));
    hf_upload_free(&upload);
}

static void never_more_unacknowledged_than_the_window(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    hf_upload_next next;
    size_t log = index_of(0, HF_LANE_CRIME);
    upload.logs[log].last = 100000;
    hf_upload_window(&upload, HF_LANE_CRIME, 300, 1024 * 1024);
    uint64_t seq = 0;
    while (hf_upload_choose(&upload, T0_MS, &next)) {
        assert_int_equal(next.after, seq);
        uint32_t entries = next.entries < 100 ? next.entries : 100;
        seq += entries;
        hf_upload_sent(&upload, log, seq, entries, entries * 10);
        hf_upload_head_sent(&upload, log, T0_MS);
    }
    assert_int_equal(seq, 300);
    hf_acked acked = {.lane = HF_LANE_CRIME, .durable = 150};
    assert_true(hf_upload_admits(&upload, &acked));
    hf_upload_acked(&upload, &acked, T0_MS + 10, T0_MS + 10);
    /* 150 is inside the second frame: only the first is out of the way. */
    assert_true(hf_upload_choose(&upload, T0_MS, &next));
    assert_int_equal(next.entries, 100);
    hf_upload_free(&upload);
}

/* A link that carries more than the hub takes: whoever sent what there is room for, as soon as
 * there is some, would send a small frame for each that was acknowledged, for ever. */
static void a_window_that_was_full_does_not_make_frames_small(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    hf_upload_next next;
    size_t log = index_of(0, HF_LANE_CRIME);
    upload.logs[log].last = 100000;
    upload.pace.rate = UINT32_MAX;
    upload.pace.in_flight = 1;
    uint64_t seq = 0;
    for (int acked = 0; acked < 20; acked++) {
        while (hf_upload_choose(&upload, T0_MS, &next)) {
            assert_int_equal(next.bytes, HF_FRAME_TARGET_SIZE);
            seq += 500;
            hf_upload_sent(&upload, log, seq, 500, next.bytes - 300); /* no other goes in */
            hf_upload_head_sent(&upload, log, T0_MS);
        }
        assert_true(upload.lanes[HF_LANE_CRIME].bytes > HF_CREDIT_BYTES - HF_FRAME_TARGET_SIZE);
        hf_acked first = {.lane = HF_LANE_CRIME, .durable = 500 * (uint64_t)(acked + 1)};
        hf_upload_acked(&upload, &first, T0_MS, T0_MS);
    }
    hf_upload_free(&upload);
}

/* ... nor does what a head may still cover. */
static void a_head_goes_before_a_frame_would_be_small(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    hf_upload_next next;
    size_t log = index_of(0, HF_LANE_CRIME), due;
    upload.logs[log].last = 100000;
    hf_upload_sent(&upload, log, 1, 1, 10);
    hf_upload_head_sent(&upload, log, T0_MS); /* the next is not due for a while */
    hf_upload_sent(&upload, log, 500, 499, HF_FRAME_TARGET_SIZE - 300);
    assert_false(hf_upload_choose(&upload, T0_MS, &next));
    assert_true(hf_upload_head_due(&upload, T0_MS, &due));
    hf_upload_free(&upload);
}

/* A lane that has to wait is owed its share, and yet: not on a full link, nor where it is closed.
 */
static void the_share_of_a_lane_waits_for_the_link_and_the_window(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    hf_upload_next next;
    upload.logs[index_of(0, HF_LANE_RISK)].last = 10;
    upload.logs[index_of(0, HF_LANE_REST)].last = 10;
    upload.owed = HF_PACE_START;
    assert_true(hf_upload_choose(&upload, T0_MS, &next));
    assert_int_equal(next.log, index_of(0, HF_LANE_REST));
    upload.pace.in_flight = 2 * HF_PACE_START; /* of the lane that waits */
    upload.pace.moved_ms = T0_MS;
    assert_true(hf_upload_choose(&upload, T0_MS, &next));
    assert_int_equal(next.log, index_of(0, HF_LANE_RISK));
    upload.pace.in_flight = 0;
    hf_upload_window(&upload, HF_LANE_REST, 0, 0);
    assert_true(hf_upload_choose(&upload, T0_MS, &next));
    assert_int_equal(next.log, index_of(0, HF_LANE_RISK));
    hf_upload_free(&upload);
}

/* What was relayed, and is not answered for, is asked after once it is overdue, and not before. */
static void a_relay_is_overdue_once_it_was_sent(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    assert_int_equal(hf_upload_grow(&upload, 3), HF_OK);
    size_t others = index_of(2, HF_LANE_CRIME), log;
    upload.logs[others].last = upload.logs[others].durable = 10;
    hf_upload_sent(&upload, others, 10, 10, 1000);
    assert_false(
        hf_upload_overdue(&upload, T0_MS + HF_PACE_PATIENCE_MS, &log)); /* on its way out */
    hf_upload_wired(&upload, 1000, T0_MS);
    assert_false(hf_upload_overdue(&upload, T0_MS + HF_PACE_PATIENCE_MS - 1, &log));
    assert_int_equal(hf_upload_deadline_ms(&upload, T0_MS), T0_MS + HF_PACE_PATIENCE_MS);
    assert_true(hf_upload_overdue(&upload, T0_MS + HF_PACE_PATIENCE_MS, &log));
    assert_int_equal(log, others);
    assert_int_equal(hf_upload_deadline_ms(&upload, T0_MS + HF_PACE_PATIENCE_MS), UINT64_MAX);
    /* The answer: less is there than was once acknowledged. All of it goes again. */
    upload.logs[others].asking = true;
    hf_acked acked = {.origin = 2, .lane = HF_LANE_CRIME, .durable = 4};
    hf_upload_acked(&upload, &acked, T0_MS, T0_MS);
    assert_int_equal(upload.logs[others].sent, 4);
    hf_upload_free(&upload);
}

static void a_log_that_goes_no_more_is_not_signed(void **state)
{
    (void)state;
    hf_upload upload = uploading(), none = {0};
    size_t log = index_of(0, HF_LANE_CRIME), due;
    assert_false(hf_upload_head_due(&none, T0_MS, &due));
    upload.logs[log].last = 10;
    hf_upload_sent(&upload, log, 10, 10, 1000);
    assert_true(hf_upload_head_due(&upload, T0_MS, &due));
    hf_upload_stop(&upload, log, T0_MS, T0_MS);
    upload.logs[log].sent = 10;
    assert_false(hf_upload_head_due(&upload, T0_MS, &due));
    hf_upload_free(&upload);
}

static void one_entry_may_always_go(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    hf_upload_next next;
    upload.logs[index_of(0, HF_LANE_CRIME)].last = 5;
    hf_upload_window(&upload, HF_LANE_CRIME, 10, 1); /* below any entry's size */
    assert_true(hf_upload_choose(&upload, T0_MS, &next));
    hf_upload_sent(&upload, next.log, 1, 1, 500);
    assert_false(hf_upload_choose(&upload, T0_MS, &next));
    hf_upload_free(&upload);
}

static void an_ack_for_what_was_not_sent_is_refused(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    upload.logs[index_of(0, HF_LANE_CRIME)].last = 50;
    hf_upload_sent(&upload, index_of(0, HF_LANE_CRIME), 20, 20, 2000);
    hf_acked sent_all = {.lane = HF_LANE_CRIME, .durable = 20};
    hf_acked too_far = {.lane = HF_LANE_CRIME, .durable = 21};
    hf_acked no_origin = {.origin = 2, .lane = HF_LANE_CRIME};
    hf_acked no_head = {.lane = HF_LANE_CRIME, .durable = 20, .head = 20};
    assert_true(hf_upload_admits(&upload, &sent_all));
    assert_false(hf_upload_admits(&upload, &too_far));
    assert_false(hf_upload_admits(&upload, &no_origin));
    assert_false(hf_upload_admits(&upload, &no_head));
    hf_upload_free(&upload);
}

/* Bulk fills the link and no more; what is urgent goes all the same, and at once. */
static void a_full_link_has_room_for_what_is_urgent(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    hf_upload_next next;
    size_t bulk = index_of(0, HF_LANE_CRIME), risk = index_of(0, HF_LANE_RISK);
    upload.logs[bulk].last = 100000;
    uint64_t now_ms = T0_MS;
    while (hf_upload_choose(&upload, T0_MS, &next)) {
        hf_upload_sent(&upload, bulk, upload.logs[bulk].sent + 1, 1, next.bytes);
        hf_upload_wired(&upload, next.bytes, now_ms);
    }
    assert_in_range(upload.pace.in_flight, HF_PACE_START, 2 * HF_PACE_START);
    upload.logs[risk].last = 100;
    assert_true(hf_upload_choose(&upload, T0_MS, &next));
    assert_int_equal(next.log, risk);
    hf_upload_sent(&upload, risk, 1, 1, HF_PACE_START);
    hf_upload_wired(&upload, HF_PACE_START, now_ms);
    assert_false(hf_upload_choose(&upload, T0_MS, &next)); /* it has had its own quarter second */
    hf_upload_free(&upload);
}

/* Of what goes up, a twentieth is of the lanes that must wait, each in its turn. */
static void the_lowest_lane_is_never_starved(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    hf_upload_next next;
    uint64_t bytes[HF_LANE_COUNT] = {0}, now_ms = T0_MS;
    for (uint8_t lane = 1; lane < HF_LANE_COUNT; lane++)
        upload.logs[index_of(0, lane)].last = 100000;
    for (int i = 0; i < 4000; i++) {
        assert_true(hf_upload_choose(&upload, T0_MS, &next));
        uint8_t lane = (uint8_t)(next.log % HF_LANE_COUNT);
        uint64_t seq = next.after + 1;
        hf_upload_sent(&upload, next.log, seq, 1, 1000);
        hf_upload_wired(&upload, 1000, now_ms);
        hf_upload_head_sent(&upload, next.log, now_ms);
        now_ms += 200;
        hf_acked acked = {.lane = lane, .durable = seq};
        hf_upload_acked(&upload, &acked, now_ms, now_ms);
        bytes[lane] += 1000;
    }
    assert_in_range(bytes[HF_LANE_RISK], 3750 * 1000, 3850 * 1000);
    for (uint8_t lane = HF_LANE_INCIDENT; lane < HF_LANE_COUNT; lane++)
        assert_in_range(bytes[lane], 30 * 1000, 50 * 1000);
    hf_upload_free(&upload);
}

/* At most one signature per log in each interval, and yet no tail stays unsigned. */
static void every_tail_gets_its_head_in_time(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    size_t log = index_of(0, HF_LANE_CRIME), due;
    upload.logs[log].last = 3;
    assert_false(hf_upload_head_due(&upload, T0_MS, &due)); /* nothing is on the wire */
    assert_int_equal(hf_upload_deadline_ms(&upload, T0_MS), UINT64_MAX);
    hf_upload_sent(&upload, log, 1, 1, 10);
    assert_true(hf_upload_head_due(&upload, T0_MS, &due));
    assert_int_equal(due, log);
    hf_upload_head_sent(&upload, log, T0_MS);
    assert_false(hf_upload_head_due(&upload, T0_MS, &due));
    hf_upload_sent(&upload, log, 3, 2, 20);
    assert_false(hf_upload_head_due(&upload, T0_MS + HF_HEAD_INTERVAL_MS - 1, &due));
    assert_int_equal(hf_upload_deadline_ms(&upload, T0_MS), T0_MS + HF_HEAD_INTERVAL_MS);
    assert_true(hf_upload_head_due(&upload, T0_MS + HF_HEAD_INTERVAL_MS, &due));
    hf_upload_head_sent(&upload, log, T0_MS + HF_HEAD_INTERVAL_MS);
    assert_int_equal(upload.logs[log].head_sent, 3);
    assert_int_equal(hf_upload_deadline_ms(&upload, T0_MS), UINT64_MAX);
    hf_upload_free(&upload);
}

/* A machine's monotonic clock may begin with 0, and 0 is no sign for "never". */
static void a_head_sent_at_0_was_sent(void **state)
{
    (void)state;
    hf_upload upload = uploading();
    size_t log = index_of(0, HF_LANE_CRIME);
    upload.logs[log].last = upload.logs[log].sent = 1;
    hf_upload_head_sent(&upload, log, 0);
    upload.logs[log].sent = 2;
    assert_int_equal(hf_upload_deadline_ms(&upload, 0), 1 + HF_HEAD_INTERVAL_MS);
    hf_upload_free(&upload);
    assert_int_equal(hf_upload_deadline_ms(&upload, T0_MS), UINT64_MAX); /* and nothing owes none */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urgent_lane_goes_first),
        cmocka_unit_test(a_lane_whose_bytes_are_closed_waits),
        cmocka_unit_test(frames_without_an_answer_are_bounded),
        cmocka_unit_test(no_more_goes_unsigned_than_a_relay_can_pass_on),
        cmocka_unit_test(a_full_lane_does_not_hold_up_another),
        cmocka_unit_test(never_more_unacknowledged_than_the_window),
        cmocka_unit_test(a_window_that_was_full_does_not_make_frames_small),
        cmocka_unit_test(a_head_goes_before_a_frame_would_be_small),
        cmocka_unit_test(the_share_of_a_lane_waits_for_the_link_and_the_window),
        cmocka_unit_test(a_relay_is_overdue_once_it_was_sent),
        cmocka_unit_test(a_log_that_goes_no_more_is_not_signed),
        cmocka_unit_test(one_entry_may_always_go),
        cmocka_unit_test(an_ack_for_what_was_not_sent_is_refused),
        cmocka_unit_test(a_full_link_has_room_for_what_is_urgent),
        cmocka_unit_test(the_lowest_lane_is_never_starved),
        cmocka_unit_test(every_tail_gets_its_head_in_time),
        cmocka_unit_test(a_head_sent_at_0_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
