/* test_client_places.c: what a device notes of its hub: receipts, heads, its own lives and where it
 * stands. None of them is believed beyond what was sent. */
#include "line.h"

#include "sync/store_core.h"

/* ---- heads ---- */

static uint16_t after_head_of(line *l, const hf_origin_row *row, bool certified)
{
    hf_message origin = line_origin_of(l, row, LINE_OTHER, certified),
               heads = {.type = HF_FRAME_HEADS};
    hf_buffer item = {0};
    hf_head_item head = {.origin = LINE_OTHER, .head = {.lane = HF_LANE_CRIME, .seq = 1}};
    line_meet(l, HF_RESUME);
    assert_int_equal(line_after(l, &origin), LINE_LIVE);
    hf_write_head_item(&item, &head);
    heads.as.heads = (hf_heads){.heads = {hf_buffer_bytes(&item), 1}, .number = 1};
    uint16_t code = line_after(l, &heads);
    hf_buffer_free(&item);
    return code;
}

static void a_head_is_judged_only_by_a_certified_key(void **state)
{
    line *l = *state;
    fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "Ours");
    const hf_origin_row *own = hf_store_own_origin(l->edge->store);
    const hf_origin_row *other = hf_store_own_origin(l->other->store);
    assert_int_equal(after_head_of(l, own, false), LINE_LIVE);   /* we know ours better */
    assert_int_equal(after_head_of(l, other, false), LINE_LIVE); /* nothing to judge it by */
    assert_int_equal(after_head_of(l, other, true), HF_CODE_CHAIN);
}

/* As many leaves as a head may have, and none of them leads to its root. */
static void a_head_with_all_the_leaves_there_can_be_is_checked_whole(void **state)
{
    line *l = *state;
    hf_message origin = line_other_origin(l, true), heads = {.type = HF_FRAME_HEADS};
    hf_buffer leaves = {0}, item = {0};
    for (uint32_t i = 0; i < HF_LOG_SCOPES_MAX; i++)
        hf_write_leaf(
            &leaves,
            &(hf_head_leaf){.scope = i + 1, .seq = 1, .index = i, .count = HF_LOG_SCOPES_MAX});
    hf_write_head_item(&item,
                       &(hf_head_item){.origin = LINE_OTHER,
                                       .head = {.lane = HF_LANE_CRIME, .seq = 1},
                                       .leaves = {hf_buffer_bytes(&leaves), HF_LOG_SCOPES_MAX}});
    heads.as.heads.heads = (hf_list){hf_buffer_bytes(&item), 1};
    line_meet(l, HF_RESUME);
    assert_int_equal(line_after(l, &origin), LINE_LIVE);
    assert_int_equal(line_after(l, &heads), HF_CODE_CHAIN);
    hf_buffer_free(&leaves);
    hf_buffer_free(&item);
}

/* ---- acknowledgements ---- */

static hf_message ack_of(line *l, const hf_acked *acked)
{
    hf_message ack = {.type = HF_FRAME_ACK};
    hf_buffer_clear(&l->items);
    hf_write_acked(&l->items, acked);
    ack.as.ack.logs = (hf_list){hf_buffer_bytes(&l->items), 1};
    return ack;
}

/* "At the hub" is never said of what was not sent. */
static void what_was_not_sent_is_not_acknowledged(void **state)
{
    line *l = *state;
    const hf_acked wrong[] = {{.lane = HF_LANE_CRIME, .durable = 2},
                              {.lane = HF_LANE_CASE, .durable = 1},
                              {.origin = 1, .lane = HF_LANE_CRIME, .durable = 1},
                              {.lane = HF_LANE_CRIME, .durable = 1, .head = 2}};
    hf_dot dot;
    fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "Ours");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        line_meet(l, HF_RESUME); /* the entry and its head go up */
        hf_message ack = ack_of(l, &wrong[i]);
        assert_int_equal(line_after(l, &ack), HF_CODE_MALFORMED);
        assert_false(hf_client_next_receipt(l->client, &dot, NULL));
        assert_false(hf_client_uploaded(l->client));
    }
    line_dial(l); /* with WELCOME still unread there is no upload that could be acknowledged */
    hf_message welcome = line_welcome_of(l, HF_RESUME), ack = ack_of(l, &wrong[0]);
    assert_int_equal(line_say(l, &welcome), HF_OK);
    assert_int_equal(line_after(l, &ack), HF_CODE_MALFORMED);
}

static void a_receipt_is_told_once_and_only_after_its_ack(void **state)
{
    line *l = *state;
    hf_dot dot;
    fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "Ours");
    assert_false(hf_client_next_receipt(l->client, &dot, NULL)); /* no hub yet */
    assert_false(hf_client_uploaded(l->client));
    line_meet(l, HF_RESUME);
    assert_false(hf_client_next_receipt(l->client, &dot, NULL));
    hf_message ack =
        ack_of(l, &(hf_acked){.lane = HF_LANE_CRIME, .durable = 1, .central = 1, .head = 1});
    assert_int_equal(line_after(l, &ack), LINE_LIVE);
    assert_true(hf_client_next_receipt(l->client, &dot, NULL));
    assert_int_equal(dot.lane, HF_LANE_CRIME);
    assert_int_equal(dot.seq, 1);
    assert_memory_equal(dot.origin.bytes, hf_store_own_origin(l->edge->store)->id.bytes,
                        HF_ORIGIN_SIZE);
    assert_false(hf_client_next_receipt(l->client, &dot, NULL));
    assert_true(hf_client_uploaded(l->client));
}

/* What a former life wrote goes up, too, and its receipts come by its place in HELLO. */
/* At a station an entry is not yet at the hub; the better word comes when the centre has it. */
static void a_receipt_says_how_far_an_entry_came(void **state)
{
    line *l = *state;
    hf_dot dot;
    bool at_centre = true;
    fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "Ours");
    line_meet(l, HF_RESUME);
    hf_message ack = ack_of(l, &(hf_acked){.lane = HF_LANE_CRIME, .durable = 1, .head = 1});
    assert_int_equal(line_after(l, &ack), LINE_LIVE);
    assert_true(hf_client_next_receipt(l->client, &dot, &at_centre));
    assert_false(at_centre);
    assert_false(hf_client_next_receipt(l->client, &dot, &at_centre));
    hf_standing standing;
    assert_int_equal(hf_store_standing(l->edge->store, &standing), HF_OK);
    assert_int_equal(standing.waiting, 0);
    assert_int_equal(standing.at_station, 1);
    ack = ack_of(l, &(hf_acked){.lane = HF_LANE_CRIME, .durable = 1, .central = 1, .head = 1});
    assert_int_equal(line_say(l, &ack), HF_OK);
    line_turn(l);
    assert_true(hf_client_next_receipt(l->client, &dot, &at_centre));
    assert_true(at_centre);
    assert_int_equal(hf_store_standing(l->edge->store, &standing), HF_OK);
    assert_int_equal(standing.at_station, 0);
}

static void a_former_lifes_entries_get_their_receipts(void **state)
{
    line *l = *state;
    hf_dot dot;
    fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "Of a former life");
    hf_origin_id former = hf_store_own_origin(l->edge->store)->id;
    assert_int_equal(hf_store_new_incarnation(l->edge->store), HF_OK);
    line_meet(l, HF_RESUME);
    assert_int_equal(l->last.type, HF_FRAME_HEAD); /* by the key that both lives have */
    assert_int_equal(l->last.as.head.origin, 1);
    hf_message ack =
        ack_of(l, &(hf_acked){.origin = 1, .lane = HF_LANE_CRIME, .durable = 1, .central = 1});
    assert_int_equal(line_after(l, &ack), LINE_LIVE);
    assert_true(hf_client_next_receipt(l->client, &dot, NULL));
    assert_memory_equal(dot.origin.bytes, former.bytes, HF_ORIGIN_SIZE);
    assert_int_equal(dot.seq, 1);
}

static void a_notice_without_words_is_still_told(void **state)
{
    line *l = *state;
    fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "Ours");
    line_meet(l, HF_RESUME);
    assert_string_equal(hf_client_notice(l->client), "");
    hf_message ack = ack_of(l, &(hf_acked){.lane = HF_LANE_CRIME, .durable = 1});
    hf_buffer notice = {0};
    hf_write_notice(&notice, &(hf_notice){.lane = HF_LANE_CRIME, .seq = 1, .code = 600});
    ack.as.ack.notices = (hf_list){hf_buffer_bytes(&notice), 1};
    assert_int_equal(line_after(l, &ack), LINE_LIVE);
    assert_string_equal(hf_client_notice(l->client), "entry 1 in lane 3 is withheld (600): ");
    hf_buffer_free(&notice);
}

/* The hub may close a lane, and open it again: nothing is lost, it waits. */
static void a_closed_lane_waits_until_it_is_opened(void **state)
{
    line *l = *state;
    line_meet(l, HF_RESUME);
    hf_message credit = {.type = HF_FRAME_CREDIT, .as.credit = {.lane = HF_LANE_CRIME}};
    assert_int_equal(line_after(l, &credit), LINE_LIVE);
    fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "Ours");
    line_turn(l);
    l->said = 0;
    line_listen(l);
    assert_int_equal(l->said, 0);
    credit.as.credit = (hf_credit){HF_LANE_CRIME, 10, 1}; /* less than an entry: one may go */
    assert_int_equal(line_after(l, &credit), LINE_LIVE);
    l->said = 0;
    line_listen(l);
    assert_int_equal(l->said, 2); /* the entry and its head */
}

/* The log's vector counts it, its row is gone: to pass over it would make a gap that no one sees.
 */
static void an_entry_that_is_gone_from_the_log_is_not_passed_over(void **state)
{
    line *l = *state;
    hf_bytes message = {NULL, 0};
    fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "Gone");
    line_dial(l);
    hf_message welcome = line_welcome_of(l, HF_RESUME);
    assert_int_equal(line_after(l, &welcome), LINE_LIVE);
    assert_int_equal(
        sqlite3_exec(l->edge->store->db, "DELETE FROM entry WHERE log%8=3", NULL, NULL, NULL),
        SQLITE_OK);
    hf_status status = HF_OK;
    for (int frames = 0; frames < 3 && status == HF_OK; frames++)
        status = hf_client_send(l->client, l->now_ms, &message);
    assert_int_equal(status, HF_ERR_CORRUPT);
    assert_int_equal(line_ended_with(l), HF_CODE_READ_ONLY);
}

/* ---- after a fork ---- */

static uint64_t entries_after_a_fork(line *l)
{
    uint64_t before = line_entries_of(l);
    line_dial(l);
    hf_message welcome = line_welcome_of(l, HF_FORKED);
    assert_int_equal(line_after(l, &welcome), HF_CODE_FORK);
    return line_entries_of(l) - before;
}

/* A hub acknowledges only behind a WELCOME whose chains are ours: so what it took is there. */
static void what_a_hub_took_is_not_written_again(void **state)
{
    line *l = *state;
    for (int i = 0; i < 3; i++) fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "Mine");
    line_meet(l, HF_RESUME);
    hf_message ack = ack_of(l, &(hf_acked){.lane = HF_LANE_CRIME, .durable = 2});
    assert_int_equal(line_after(l, &ack), LINE_LIVE);
    assert_int_equal(entries_after_a_fork(l), 1);
    line_meet(l, HF_RESUME); /* the new log */
    ack = ack_of(l, &(hf_acked){.lane = HF_LANE_CRIME, .durable = 1});
    assert_int_equal(line_after(l, &ack), LINE_LIVE);
    assert_int_equal(entries_after_a_fork(l), 0);
    fix_new_crime(l->edge, fix_scope(l->hub, "beat"), "And one more");
    assert_int_equal(entries_after_a_fork(l), 1);
}

/* ---- bounds ---- */

static void input_that_is_not_yet_applied_is_bounded(void **state)
{
    line *l = *state;
    static uint8_t certificate[HF_CERTIFICATE_MAX];
    line_meet(l, HF_RESUME);
    hf_message origin = line_other_origin(l, false);
    origin.as.origin.certificate = (hf_bytes){certificate, sizeof certificate};
    size_t taken = 0;
    while (line_say(l, &origin) == HF_OK) taken += sizeof certificate;
    assert_int_equal(line_ended_with(l), HF_CODE_LIMIT);
    assert_true(taken < HF_INBOX_BYTES_MAX);
    assert_true(taken > HF_INBOX_BYTES_MAX / 2);
}

/* ---- many lives ---- */

static hf_message hello_of(line *l)
{
    line_dial(l);
    return l->hello;
}

/* HELLO names 64 origins: of more lives than that, those go first that have something to send. */
static void more_lives_than_a_hello_holds_take_turns(void **state)
{
    line *l = *state;
    uint32_t beat = fix_scope(l->hub, "beat");
    for (int lives = 0; lives < HF_HELLO_ORIGINS_MAX + 6; lives++) {
        fix_new_crime(l->edge, beat, "Never sent");
        assert_int_equal(hf_store_new_incarnation(l->edge->store), HF_OK);
    }
    assert_int_equal(hf_store_new_incarnation(l->edge->store), HF_OK); /* one that wrote nothing */
    assert_int_equal(hello_of(l).as.hello.origins.count, HF_HELLO_ORIGINS_MAX);
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(l->edge->store, l->edge->wall_ms, &batch), HF_OK);
    hf_origin_id hub = hf_store_own_origin(l->hub->store)->id;
    for (int64_t no = 1; no < 1000; no++) {
        const hf_origin_row *row = hf_origin_by_no(l->edge->store, no);
        if (!row || memcmp(row->key_id, l->edge->crypto.table.own_key_id, HF_HASH_SIZE) != 0)
            continue;
        assert_int_equal(hf_batch_acked(batch, &hub, row, HF_LANE_CRIME, 1, 1), HF_OK);
    }
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    assert_int_equal(hello_of(l).as.hello.origins.count, HF_HELLO_ORIGINS_MAX / 2);
}

/* ---- stored places ---- */

/* Where we were is a help, no more: notes that do not read back are as good as none. */
static void notes_that_do_not_read_back_are_as_none(void **state)
{
    line *l = *state;
    static const uint8_t junk[HF_ORIGIN_SIZE] = {0x85, 0x41};
    uint64_t hub_ms, own_ms;
    bool found;
    line_meet(l, HF_RESUME);
    const char *keys[] = {"heads", "clock", "hub"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(hf_meta_set(l->edge->store, keys[i], (hf_bytes){junk, sizeof junk}),
                         HF_OK);
    assert_int_equal(hf_client_stored_time(l->edge->store, &hub_ms, &own_ms, &found), HF_OK);
    assert_false(found);
    hf_message hello = hello_of(l);
    assert_true(hello.as.hello.resuming); /* we hold data, at a place that means nothing */
    assert_int_equal(hello.as.hello.resume.position, 0);
    assert_int_equal(hello.as.hello.heads, 0);
    assert_int_equal(hf_meta_set(l->edge->store, "hub", (hf_bytes){junk, 5}), HF_OK);
    assert_false(hello_of(l).as.hello.resuming);
}

/* Heads are numbered by the hub, in one epoch: another's number would skip some. */
static void the_number_of_the_last_head_is_of_one_hub_and_epoch(void **state)
{
    line *l = *state;
    hf_message heads = {.type = HF_FRAME_HEADS};
    heads.as.heads.number = 41;
    line_meet(l, HF_RESUME);
    assert_int_equal(line_after(l, &heads), LINE_LIVE);
    hf_message hello = hello_of(l);
    assert_int_equal(hello.as.hello.heads, 41);
    for (int way = 0; way < 2; way++) {
        hf_cursor cursor = hello.as.hello.resume;
        hf_batch *batch;
        if (way == 0) cursor.epoch[0] ^= 1;
        if (way == 1) cursor.hub = hf_store_own_origin(l->other->store)->id;
        assert_int_equal(hf_batch_begin(l->edge->store, l->edge->wall_ms, &batch), HF_OK);
        assert_int_equal(hf_batch_cursor(batch, &cursor), HF_OK);
        assert_int_equal(hf_batch_commit(batch), HF_OK);
        hf_bytes hub = {cursor.hub.bytes, HF_ORIGIN_SIZE};
        assert_int_equal(hf_meta_set(l->edge->store, "hub", hub), HF_OK);
        assert_int_equal(hello_of(l).as.hello.heads, 0);
    }
}

/* What is left to write again is no help but a debt: if it does not read back, a person is told. */
static void a_renewal_that_does_not_read_back_is_not_forgotten(void **state)
{
    line *l = *state;
    static const uint8_t junk[] = {0x82, 0x41, 0x00};
    hf_buffer unknown = {0};
    hf_write_array(&unknown, 2);
    hf_write_bytes(&unknown, l->hub->crypto.table.own_key_id, HF_ORIGIN_SIZE);
    hf_write_array(&unknown, 0);
    hf_bytes notes[] = {{junk, sizeof junk}, hf_buffer_bytes(&unknown)};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(hf_meta_set(l->edge->store, "again", notes[i]), HF_OK);
        hf_client_link_up(l->client, NULL, l->now_ms);
        assert_int_equal(hf_client_turn(l->client, l->now_ms, line_wall_ms(l)), HF_ERR_CORRUPT);
        assert_int_equal(line_ended_with(l), HF_CODE_READ_ONLY);
    }
    hf_buffer_free(&unknown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINE_TEST(a_head_is_judged_only_by_a_certified_key),
        LINE_TEST(a_head_with_all_the_leaves_there_can_be_is_checked_whole),
        LINE_TEST(what_was_not_sent_is_not_acknowledged),
        LINE_TEST(a_receipt_is_told_once_and_only_after_its_ack),
        LINE_TEST(a_former_lifes_entries_get_their_receipts),
        LINE_TEST(a_receipt_says_how_far_an_entry_came),
        LINE_TEST(a_notice_without_words_is_still_told),
        LINE_TEST(a_closed_lane_waits_until_it_is_opened),
        LINE_TEST(an_entry_that_is_gone_from_the_log_is_not_passed_over),
        LINE_TEST(what_a_hub_took_is_not_written_again),
        LINE_TEST(input_that_is_not_yet_applied_is_bounded),
        LINE_TEST(more_lives_than_a_hello_holds_take_turns),
        LINE_TEST(notes_that_do_not_read_back_are_as_none),
        LINE_TEST(the_number_of_the_last_head_is_of_one_hub_and_epoch),
        LINE_TEST(a_renewal_that_does_not_read_back_is_not_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
