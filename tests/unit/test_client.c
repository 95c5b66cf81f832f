/* test_client.c: a device whose hub says what no sound hub says. The device hangs up with the right
 * number, nothing of the bad frame stays, and what it holds is what it held. */
#include "line.h"
#include "stray.h"

/* ---- whose turn it is ---- */

static void what_belongs_to_the_vectors_is_refused_in_the_feed(void **state)
{
    line *l = *state;
    fix_new_crime(l->other, fix_scope(l->hub, "beat"), "Shed");
    hf_message frames[] = {line_carried(l, HF_FRAME_ENTRIES, LINE_OTHER, 1), line_done_of(l)};
    for (size_t i = 0; i < 2; i++) {
        uint64_t held = line_entries_of(l);
        line_meet(l, HF_RESUME);
        assert_int_equal(line_after(l, &frames[i]), HF_CODE_TURN);
        assert_int_equal(line_entries_of(l), held);
    }
}

static void the_feed_does_not_begin_before_the_vectors_are_through(void **state)
{
    line *l = *state;
    fix_new_crime(l->other, fix_scope(l->hub, "beat"), "Shed");
    hf_message heads = {.type = HF_FRAME_HEADS};
    hf_message frames[] = {line_carried(l, HF_FRAME_FEED, LINE_OTHER, 1), heads};
    for (size_t i = 0; i < 2; i++) {
        line_meet(l, HF_VECTORS);
        assert_int_equal(l->last.type, HF_FRAME_VECTOR);
        assert_int_equal(line_after(l, &frames[i]), HF_CODE_TURN);
    }
}

/* An answer must be to the question that is open: another's would leave out what was asked for. */
static void only_the_answer_to_the_open_question_is_taken(void **state)
{
    line *l = *state;
    fix_new_crime(l->other, fix_scope(l->hub, "beat"), "Shed");
    hf_message entries = line_carried(l, HF_FRAME_ENTRIES, LINE_OTHER, 1);
    hf_message done = line_done_of(l), elsewhere = done, too_far = done;
    elsewhere.as.done.scope = fix_scope(l->hub, "custody");
    too_far.as.done.to = (hf_log_name){.set = true, .lane = 1};
    hf_message unasked[] = {entries, done};
    for (size_t i = 0; i < 2; i++) { /* both come on the heels of WELCOME */
        line_dial(l);
        hf_message welcome = line_welcome_of(l, HF_VECTORS);
        assert_int_equal(line_say(l, &welcome), HF_OK);
        assert_int_equal(line_after(l, &unasked[i]), HF_CODE_TURN);
    }
    hf_message wrong[] = {elsewhere, too_far};
    for (size_t i = 0; i < 2; i++) {
        line_meet(l, HF_VECTORS);
        assert_int_equal(line_after(l, &wrong[i]), HF_CODE_TURN);
    }
    line_meet(l, HF_VECTORS);
    assert_int_equal(line_after(l, &done), LINE_LIVE);
    line_listen(l);
    assert_int_equal(l->last.type, HF_FRAME_START);
}

/* A vector of more logs than one frame holds is asked for page by page. */
static void a_vector_of_many_logs_is_asked_for_in_pages(void **state)
{
    line *l = *state;
    const hf_record_id crime = {.type = FIX_CRIME, .bytes = {1}};
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(l->edge->store, l->edge->wall_ms, &batch), HF_OK);
    for (uint32_t who = 0; who <= HF_VECTOR_LOGS_MAX; who++) {
        stray s = {who, fix_scope(l->hub, "beat"), HF_LANE_CRIME, 1, 0, &crime, FIX_LOG, NULL};
        assert_int_equal(stray_apply(batch, &s), HF_APPLIED_NEW);
    }
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    line_meet(l, HF_VECTORS);
    assert_int_equal(l->last.type, HF_FRAME_VECTOR);
    hf_log_name reached = l->last.as.vector.to;
    assert_int_equal(l->last.as.vector.logs.count, HF_VECTOR_LOGS_MAX);
    assert_true(reached.set);
    hf_message done = line_done_of(l), wrong = line_done_of(l);
    wrong.as.done.to = reached;
    wrong.as.done.to.lane++;
    done.as.done.to = reached;
    assert_int_equal(line_after(l, &done), LINE_LIVE);
    line_listen(l);
    assert_int_equal(l->last.type, HF_FRAME_VECTOR); /* from there on, to the open end */
    assert_true(l->last.as.vector.from.set);
    assert_int_equal(hf_log_name_compare(&l->last.as.vector.from, &reached), 0);
    assert_int_equal(l->last.as.vector.logs.count, 1);
    assert_false(l->last.as.vector.to.set);
    line_meet(l, HF_VECTORS);
    assert_int_equal(line_after(l, &wrong), HF_CODE_TURN); /* an answer to another page */
}

static void a_feed_that_skips_positions_is_refused(void **state)
{
    line *l = *state;
    line_meet(l, HF_RESUME);
    hf_message feed = {.type = HF_FRAME_FEED, .as.feed = {.from = 4, .to = 9}};
    assert_int_equal(line_after(l, &feed), HF_CODE_GAP);
}

static void what_comes_after_the_end_is_nobodys_business(void **state)
{
    line *l = *state;
    hf_message feed = {.type = HF_FRAME_FEED, .as.feed = {.from = 4, .to = 9}};
    assert_int_equal(line_say(l, &feed), HF_OK); /* no link at all */
    line_meet(l, HF_RESUME);
    assert_int_equal(line_after(l, &feed), HF_CODE_GAP);
    assert_int_equal(line_after(l, &feed), HF_CODE_GAP);
    line_listen(l);
    assert_int_equal(l->last.type, HF_FRAME_ERROR);
    assert_int_equal(hf_client_deadline_ms(l->client), UINT64_MAX);
}

/* ---- WELCOME ---- */

static void a_welcome_that_cannot_be_is_refused(void **state)
{
    line *l = *state;
    hf_buffer yours = {0};
    hf_write_yours(&yours, &(hf_yours){.origin = 1, .lane = HF_LANE_CRIME});
    char name[HF_TEXT_MAX];
    memset(name, 'x', sizeof name);
    hf_buffer scopes = {0};
    hf_write_scope_item(&scopes, &(hf_scope_item){.number = 5, .name = {(uint8_t *)name, 256}});
    for (int way = 0; way < 3; way++) {
        line_dial(l);
        hf_message welcome = line_welcome_of(l, HF_RESUME);
        if (way == 0) welcome.as.welcome.protocol = 2;
        if (way == 1) welcome.as.welcome.yours = (hf_list){hf_buffer_bytes(&yours), 1};
        if (way == 2) welcome.as.welcome.scopes = (hf_list){hf_buffer_bytes(&scopes), 1};
        const uint16_t codes[] = {HF_CODE_VERSION, HF_CODE_MALFORMED, HF_CODE_LIMIT};
        assert_int_equal(line_after(l, &welcome), codes[way]);
    }
    hf_buffer_free(&yours);
    hf_buffer_free(&scopes);
}

/* A station says what its centre has as soon as it hears it: also on the heels of WELCOME. */
static void an_acknowledgement_right_behind_the_greeting_is_heard(void **state)
{
    line *l = *state;
    for (uint64_t durable = 0; durable < 2; durable++) {
        hf_buffer logs = {0};
        hf_write_acked(&logs, &(hf_acked){.lane = HF_LANE_CRIME, .durable = durable});
        hf_message ack = {.type = HF_FRAME_ACK, .as.ack.logs = {hf_buffer_bytes(&logs), 1}};
        line_dial(l);
        hf_message welcome = line_welcome_of(l, HF_RESUME);
        assert_int_equal(line_say(l, &welcome), HF_OK);
        assert_int_equal(line_after(l, &ack), durable ? HF_CODE_MALFORMED : LINE_LIVE);
        hf_buffer_free(&logs);
    }
}

/* To go on in a feed that we did not name would leave out whatever the other one had. */
static void a_hub_resumes_only_the_feed_that_the_device_named(void **state)
{
    line *l = *state;
    line_meet(l, HF_RESUME);
    for (int way = 0; way < 3; way++) {
        line_dial(l);
        assert_true(l->hello.as.hello.resuming);
        hf_message welcome = line_welcome_of(l, HF_RESUME);
        if (way == 0) welcome.as.welcome.epoch[0] = 8;
        if (way == 1) welcome.as.welcome.hub = hf_store_own_origin(l->other->store)->id;
        assert_int_equal(line_after(l, &welcome), way < 2 ? HF_CODE_EPOCH : LINE_LIVE);
    }
}

/* A hub that has more of our log than we do: its log is ahead, so ours ends here. */
static void a_device_that_is_behind_goes_on_under_a_new_name(void **state)
{
    line *l = *state;
    hf_buffer yours = {0};
    fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "Shed");
    hf_origin_id before = hf_store_own_origin(l->edge->store)->id;
    hf_write_yours(&yours, &(hf_yours){.lane = HF_LANE_CRIME, .durable = 99});
    line_dial(l);
    hf_message welcome = line_welcome_of(l, HF_RESUME);
    welcome.as.welcome.yours = (hf_list){hf_buffer_bytes(&yours), 1};
    assert_int_equal(line_after(l, &welcome), HF_CODE_FORK);
    assert_true(hf_client_renewed(l->client));
    assert_memory_not_equal(before.bytes, hf_store_own_origin(l->edge->store)->id.bytes,
                            HF_ORIGIN_SIZE);
    line_turn(l); /* once is enough */
    hf_buffer_free(&yours);
}

/* A hub's word on how far it has our log names its chain there; zeros say that it has a hole. */
static uint16_t after_yours(line *l, const hf_yours *yours)
{
    hf_buffer items = {0};
    line_dial(l);
    hf_message welcome = line_welcome_of(l, HF_RESUME);
    hf_write_yours(&items, yours);
    welcome.as.welcome.yours = (hf_list){hf_buffer_bytes(&items), 1};
    uint16_t code = line_after(l, &welcome);
    hf_buffer_free(&items);
    return code;
}

static void only_another_chain_is_another_branch(void **state)
{
    line *l = *state;
    hf_yours yours = {.lane = HF_LANE_CRIME, .durable = 1};
    fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "Shed");
    assert_int_equal(after_yours(l, &yours), LINE_LIVE);
    yours.durable = 0; /* of which there is no chain here */
    assert_int_equal(after_yours(l, &yours), LINE_LIVE);
    yours.durable = 1;
    assert_int_equal(hf_log_chain_at(l->edge->store, hf_store_own_origin(l->edge->store)->no,
                                     HF_LANE_CRIME, 1, yours.chain),
                     HF_OK);
    assert_int_equal(after_yours(l, &yours), LINE_LIVE);
    assert_false(hf_client_renewed(l->client));
    yours.chain[5] ^= 1;
    assert_int_equal(after_yours(l, &yours), HF_CODE_FORK);
    assert_true(hf_client_renewed(l->client));
}

/* A hub that hangs up in the same breath is not left under a new name: it may say otherwise next.
 */
static void a_fork_that_was_said_in_parting_changes_nothing(void **state)
{
    line *l = *state;
    fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "Shed");
    line_dial(l);
    hf_message welcome = line_welcome_of(l, HF_FORKED);
    hf_message error = {.type = HF_FRAME_ERROR, .as.farewell = {.code = HF_CODE_INTERNAL}};
    assert_int_equal(line_say(l, &welcome), HF_OK);
    assert_int_equal(line_after(l, &error), HF_CODE_INTERNAL);
    assert_false(hf_client_renewed(l->client));
}

static void a_device_without_scopes_starts_at_once(void **state)
{
    line *l = *state;
    line_dial(l);
    hf_message welcome = line_welcome_of(l, HF_VECTORS);
    welcome.as.welcome.scopes.count = 0;
    welcome.as.welcome.scopes.items.size = 0;
    assert_int_equal(line_after(l, &welcome), LINE_LIVE);
    line_listen(l);
    assert_int_equal(l->last.type, HF_FRAME_START);
}

static hf_hub_time time_after(line *l, uint64_t took_ms)
{
    line_dial(l);
    l->now_ms += took_ms;
    hf_message welcome = line_welcome_of(l, HF_RESUME);
    assert_int_equal(line_after(l, &welcome), LINE_LIVE);
    return hf_client_hub_time(l->client);
}

/* What took long on the way says no more what time it is. */
static void a_slow_welcome_sets_no_clock(void **state)
{
    line *l = *state;
    uint64_t hub_ms, own_ms;
    bool found;
    assert_false(time_after(l, HF_CLOCK_RTT_MAX_MS + 1).known);
    assert_int_equal(hf_client_stored_time(l->edge->store, &hub_ms, &own_ms, &found), HF_OK);
    assert_false(found);
    assert_true(time_after(l, HF_CLOCK_RTT_MAX_MS).known);
    assert_int_equal(hf_client_stored_time(l->edge->store, &hub_ms, &own_ms, &found), HF_OK);
    assert_true(found);
}

/* ---- origins and entries ---- */

static void nothing_is_taken_of_a_log_that_was_not_named(void **state)
{
    line *l = *state;
    fix_new_crime(l->other, fix_scope(l->hub, "beat"), "Shed");
    hf_buffer item = {0};
    hf_write_head_item(&item, &(hf_head_item){.origin = LINE_OTHER, .head = {.lane = 3, .seq = 1}});
    hf_message feed = line_carried(l, HF_FRAME_FEED, LINE_OTHER, 1),
               heads = {.type = HF_FRAME_HEADS};
    heads.as.heads.heads = (hf_list){hf_buffer_bytes(&item), 1};
    line_meet(l, HF_RESUME);
    assert_int_equal(line_after(l, &feed), HF_CODE_TURN);
    line_meet(l, HF_RESUME);
    assert_int_equal(line_after(l, &heads), HF_CODE_TURN);
    /* A name that is lower and one that is higher are not it. */
    line_meet(l, HF_RESUME);
    hf_message low = line_other_origin(l, true), high = low;
    low.as.origin.index = LINE_OTHER - 1;
    high.as.origin.index = LINE_OTHER + 1;
    assert_int_equal(line_after(l, &low), LINE_LIVE);
    assert_int_equal(line_after(l, &high), LINE_LIVE);
    assert_int_equal(line_after(l, &feed), HF_CODE_TURN);
    hf_buffer_free(&item);
}

static void a_number_names_one_log_and_stays_with_it(void **state)
{
    line *l = *state;
    line_meet(l, HF_RESUME);
    hf_message other = line_other_origin(l, true);
    hf_message hub = line_origin_of(l, hf_store_own_origin(l->other->store), LINE_OTHER, true);
    memcpy(hub.as.origin.key_id, l->hub->crypto.table.own_key_id, HF_HASH_SIZE);
    hub.as.origin.certificate = l->hub->crypto.table.own_certificate;
    assert_int_equal(line_after(l, &other), LINE_LIVE);
    assert_int_equal(line_after(l, &other), LINE_LIVE); /* said twice */
    assert_int_equal(line_after(l, &hub), HF_CODE_SIGNATURE);
}

/* More logs than the first table holds, in no order. */
static void a_hub_may_name_many_logs(void **state)
{
    line *l = *state;
    line_meet(l, HF_RESUME);
    for (uint32_t i = 0; i < 200; i++) {
        hf_message other = line_other_origin(l, false);
        other.as.origin.index = i * 37 % 200;
        other.as.origin.incarnation[0] ^= (uint8_t)i;
        assert_int_equal(line_after(l, &other), LINE_LIVE);
    }
}

static void a_certificate_of_another_key_is_refused(void **state)
{
    line *l = *state;
    line_meet(l, HF_RESUME);
    hf_message other = line_other_origin(l, true);
    other.as.origin.key_id[0] ^= 1;
    assert_int_equal(line_after(l, &other), HF_CODE_SIGNATURE);
}

static void a_gap_or_a_fork_in_the_feed_ends_the_session(void **state)
{
    line *l = *state;
    uint32_t beat = fix_scope(l->hub, "beat");
    fix_new_crime(l->other, beat, "One");
    fix_new_crime(l->other, beat, "Two");
    hf_message origin = line_other_origin(l, true);
    line_meet(l, HF_RESUME);
    assert_int_equal(line_after(l, &origin), LINE_LIVE);
    uint64_t held = line_entries_of(l);
    hf_message second = line_carried(l, HF_FRAME_FEED, LINE_OTHER, 2);
    assert_int_equal(line_after(l, &second), HF_CODE_GAP);
    assert_int_equal(line_entries_of(l), held);

    line_meet(l, HF_RESUME);
    assert_int_equal(line_after(l, &origin), LINE_LIVE);
    hf_message first = line_carried(l, HF_FRAME_FEED, LINE_OTHER, 1);
    assert_int_equal(line_after(l, &first), LINE_LIVE);
    assert_int_equal(line_entries_of(l), held + 1);
    uint8_t *bytes = (uint8_t *)first.as.feed.runs.items.data; /* its salt is not hashed away */
    bytes[first.as.feed.runs.items.size - 1] ^= 1;
    first.as.feed.from = 1;
    first.as.feed.to = 2;
    assert_int_equal(line_after(l, &first), HF_CODE_FORK);
    assert_int_equal(line_entries_of(l), held + 1);
}

/* Behind a hole whose verdict is in another log: one more pass, and another; but not for ever. */
static void gaps_that_no_pass_fills_end_the_session(void **state)
{
    line *l = *state;
    uint32_t beat = fix_scope(l->hub, "beat");
    fix_new_crime(l->other, beat, "One");
    fix_new_crime(l->other, beat, "Two");
    hf_message origin = line_other_origin(l, true), done = line_done_of(l);
    line_meet(l, HF_VECTORS);
    assert_int_equal(line_after(l, &origin), LINE_LIVE);
    for (int pass = 1; pass <= HF_VECTOR_PASSES_MAX; pass++) {
        hf_message second = line_carried(l, HF_FRAME_ENTRIES, LINE_OTHER, 2);
        assert_int_equal(l->last.type, HF_FRAME_VECTOR);
        assert_int_equal(line_after(l, &second), LINE_LIVE);
        assert_int_equal(line_after(l, &done),
                         pass < HF_VECTOR_PASSES_MAX ? LINE_LIVE : HF_CODE_GAP);
        l->last.type = HF_FRAME_NONE;
        line_listen(l);
    }
    /* What fills it in time is taken, and the feed begins. */
    line_meet(l, HF_VECTORS);
    assert_int_equal(line_after(l, &origin), LINE_LIVE);
    for (uint64_t seq = 2; seq > 0; seq--) {
        hf_message entries = line_carried(l, HF_FRAME_ENTRIES, LINE_OTHER, seq);
        assert_int_equal(line_after(l, &entries), LINE_LIVE);
    }
    assert_int_equal(line_after(l, &done), LINE_LIVE);
    line_listen(l);
    hf_message again = line_carried(l, HF_FRAME_ENTRIES, LINE_OTHER, 2);
    assert_int_equal(line_after(l, &again), LINE_LIVE);
    assert_int_equal(line_after(l, &done), LINE_LIVE);
    line_listen(l);
    assert_int_equal(l->last.type, HF_FRAME_START);
}

/* A former life of ours that went on elsewhere: the branch that we hold stands, and nothing ends.
 */
static void the_branch_of_our_own_that_we_hold_stands(void **state)
{
    line *l = *state;
    fix_new_crime(l->other, fix_scope(l->hub, "beat"), "Theirs");
    fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "Ours");
    const hf_origin_row *own = hf_store_own_origin(l->edge->store);
    hf_message origin = line_origin_of(l, own, LINE_OTHER, false);
    hf_message feed = line_carried(l, HF_FRAME_FEED, LINE_OTHER, 1);
    uint64_t held = line_entries_of(l);
    line_meet(l, HF_RESUME);
    assert_int_equal(line_after(l, &origin), LINE_LIVE);
    assert_int_equal(line_after(l, &feed), LINE_LIVE);
    assert_int_equal(line_entries_of(l), held);
}

/* An entry may be well formed and still not stand where it does: it costs its session. */
static void a_control_record_outside_a_hubs_log_ends_the_session(void **state)
{
    line *l = *state;
    fix_new_crime(l->other, fix_scope(l->hub, "beat"), "One");
    hf_message origin = line_other_origin(l, true),
               feed = line_carried(l, HF_FRAME_FEED, LINE_OTHER, 1);
    uint64_t held = line_entries_of(l);
    line_meet(l, HF_RESUME);
    assert_int_equal(line_after(l, &origin), LINE_LIVE);
    uint8_t *run = (uint8_t *)feed.as.feed.runs.items.data;
    assert_int_equal(run[2], HF_LANE_CRIME);
    run[2] = HF_LANE_CONTROL; /* the pack's records are not for the hubs' lane either */
    assert_int_equal(line_after(l, &feed), HF_CODE_MALFORMED);
    assert_int_equal(line_entries_of(l), held);
}

static void a_receipt_of_a_log_that_was_not_named_is_refused(void **state)
{
    line *l = *state;
    hf_buffer logs = {0};
    hf_receipt_item item = {.origin = 9, .receipt = {.lane = 3, .seq = 1, .count = 1}};
    hf_write_receipt_item(&logs, &item);
    line_meet(l, HF_RESUME);
    hf_message origin = line_other_origin(l, true), receipt = {.type = HF_FRAME_RECEIPT};
    receipt.as.receipt.hub = origin.as.origin.index;
    receipt.as.receipt.logs = (hf_list){hf_buffer_bytes(&logs), 1};
    assert_int_equal(line_say(l, &origin), HF_OK);
    uint16_t left = line_after(l, &receipt);
    assert_int_equal(left, HF_CODE_MALFORMED);
    hf_buffer_free(&logs);
}

/* What a hub asks for waits at the device until it is answered: there is room for so much. */
static void a_hub_that_asks_for_more_than_is_answered_is_left(void **state)
{
    line *l = *state;
    hf_buffer logs = {0};
    for (uint8_t i = 0; i < HF_LACK_LOGS_MAX; i++)
        hf_write_held(&logs, &(hf_held){.log = {.set = true, .origin = {{i}}, .lane = 3}});
    hf_message lack = {.type = HF_FRAME_LACK};
    lack.as.lack = (hf_lack){.scope = fix_scope(l->hub, "beat"),
                             .logs = {hf_buffer_bytes(&logs), HF_LACK_LOGS_MAX}};
    for (int times = 4; times <= 5; times++) { /* 64 logs, and one frame more */
        line_meet(l, HF_RESUME);
        for (int i = 1; i < times; i++) assert_int_equal(line_say(l, &lack), HF_OK);
        assert_int_equal(line_after(l, &lack), times == 4 ? LINE_LIVE : HF_CODE_LIMIT);
    }
    hf_buffer_free(&logs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINE_TEST(what_belongs_to_the_vectors_is_refused_in_the_feed),
        LINE_TEST(a_receipt_of_a_log_that_was_not_named_is_refused),
        LINE_TEST(a_hub_that_asks_for_more_than_is_answered_is_left),
        LINE_TEST(the_feed_does_not_begin_before_the_vectors_are_through),
        LINE_TEST(only_the_answer_to_the_open_question_is_taken),
        LINE_TEST(a_vector_of_many_logs_is_asked_for_in_pages),
        LINE_TEST(a_feed_that_skips_positions_is_refused),
        LINE_TEST(what_comes_after_the_end_is_nobodys_business),
        LINE_TEST(a_welcome_that_cannot_be_is_refused),
        LINE_TEST(an_acknowledgement_right_behind_the_greeting_is_heard),
        LINE_TEST(a_hub_resumes_only_the_feed_that_the_device_named),
        LINE_TEST(a_device_that_is_behind_goes_on_under_a_new_name),
        LINE_TEST(only_another_chain_is_another_branch),
        LINE_TEST(a_fork_that_was_said_in_parting_changes_nothing),
        LINE_TEST(a_device_without_scopes_starts_at_once),
        LINE_TEST(a_slow_welcome_sets_no_clock),
        LINE_TEST(nothing_is_taken_of_a_log_that_was_not_named),
        LINE_TEST(a_number_names_one_log_and_stays_with_it),
        LINE_TEST(a_hub_may_name_many_logs),
        LINE_TEST(a_certificate_of_another_key_is_refused),
        LINE_TEST(a_gap_or_a_fork_in_the_feed_ends_the_session),
        LINE_TEST(gaps_that_no_pass_fills_end_the_session),
        LINE_TEST(the_branch_of_our_own_that_we_hold_stands),
        LINE_TEST(a_control_record_outside_a_hubs_log_ends_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
