/* test_session.c: the conversation without a store: whose turn it is, and silence. */
#include "sync/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { T0_MS = 1000 * 1000 };

/* ---- helpers ---- */

static hf_buffer raw; /* the frame being given; cleared for each */

static hf_bytes frame(hf_message *message, uint8_t type)
{
    message->type = type;
    hf_buffer_clear(&raw);
    hf_message_write(&raw, message);
    assert_int_equal(raw.status, HF_OK);
    return hf_buffer_bytes(&raw);
}

static hf_bytes hello(void)
{
    static const uint8_t claims[] = {0x82, 0x50, 1,  2,  3,  4,  5,  6,  7,   8,
                                     9,    10,   11, 12, 13, 14, 15, 16, 0x80}; /* [16 bytes, []] */
    hf_message message = {.type = HF_FRAME_HELLO};
    message.as.hello =
        (hf_hello){.protocol_min = 1, .protocol_max = 1, .origins = {{claims, sizeof claims}, 1}};
    return frame(&message, HF_FRAME_HELLO);
}

static hf_bytes small(uint8_t type)
{
    hf_message message;
    memset(&message, 0, sizeof message);
    return frame(&message, type);
}

static hf_status give(hf_session *session, hf_bytes bytes, uint64_t now_ms, uint8_t *type)
{
    hf_message message;
    hf_status status = hf_session_recv(session, bytes, now_ms, &message);
    *type = message.type;
    return status;
}

/* The next frame that the session sends, read; type 0 when there is none. */
static hf_message sent(hf_session *session, uint64_t now_ms)
{
    static hf_buffer out;
    hf_message message = {.type = HF_FRAME_NONE};
    hf_buffer_clear(&out);
    if (!hf_session_send(session, now_ms, 5000, &out)) {
        hf_buffer_free(&out);
        return message;
    }
    assert_int_equal(hf_message_read(hf_buffer_bytes(&out), &message), HF_OK);
    return message;
}

static hf_session open_hub(void)
{
    hf_session session;
    uint8_t type;
    hf_session_open(&session, HF_SIDE_HUB, T0_MS);
    assert_int_equal(give(&session, hello(), T0_MS, &type), HF_OK);
    assert_int_equal(type, HF_FRAME_HELLO);
    hf_session_greeted(&session);
    return session;
}

static hf_session open_client(void)
{
    hf_session session;
    uint8_t type;
    hf_session_open(&session, HF_SIDE_CLIENT, T0_MS);
    hf_session_greeted(&session);
    assert_int_equal(give(&session, small(HF_FRAME_WELCOME), T0_MS, &type), HF_OK);
    assert_int_equal(session.state, HF_SESSION_OPEN);
    return session;
}

static void expect_error(hf_session *session, uint16_t code)
{
    hf_message message = sent(session, T0_MS);
    assert_int_equal(message.type, HF_FRAME_ERROR);
    assert_int_equal(message.as.farewell.code, code);
    assert_true(hf_session_over(session));
    assert_int_equal(sent(session, T0_MS).type, HF_FRAME_NONE); /* once */
}

/* ---- whose turn it is ---- */

static void nothing_comes_before_hello(void **state)
{
    (void)state;
    const uint8_t types[] = {HF_FRAME_START,   HF_FRAME_FEED_ACK, HF_FRAME_VECTOR,
                             HF_FRAME_WELCOME, HF_FRAME_FEED,     HF_FRAME_ACK,
                             HF_FRAME_CREDIT,  HF_FRAME_RENEW,    HF_FRAME_CERTIFICATE,
                             HF_FRAME_ASK,     HF_FRAME_LEASE};
    for (size_t i = 0; i < sizeof types; i++) {
        hf_session session;
        uint8_t type;
        hf_session_open(&session, HF_SIDE_HUB, T0_MS);
        assert_int_equal(give(&session, small(types[i]), T0_MS, &type), HF_ERR_PROTOCOL);
        assert_int_equal(type, HF_FRAME_NONE);
        expect_error(&session, HF_CODE_TURN);
    }
}

/* A device may not send entries before it knows from where the hub lacks them. */
static void nothing_is_pushed_before_welcome(void **state)
{
    (void)state;
    hf_session session;
    uint8_t type;
    hf_session_open(&session, HF_SIDE_HUB, T0_MS);
    assert_int_equal(give(&session, hello(), T0_MS, &type), HF_OK);
    assert_int_equal(give(&session, small(HF_FRAME_FEED_ACK), T0_MS, &type), HF_ERR_PROTOCOL);
    expect_error(&session, HF_CODE_TURN);
}

static void hello_comes_once(void **state)
{
    (void)state;
    hf_session session = open_hub();
    uint8_t type;
    assert_int_equal(give(&session, hello(), T0_MS, &type), HF_ERR_PROTOCOL);
    expect_error(&session, HF_CODE_TURN);
}

static void a_list_of_hubs_comes_up_in_place_of_hello_alone(void **state)
{
    (void)state;
    hf_session hub, open = open_hub();
    uint8_t type;
    hf_session_open(&hub, HF_SIDE_HUB, T0_MS);
    assert_int_equal(give(&hub, small(HF_FRAME_HUBS), T0_MS, &type), HF_OK);
    assert_int_equal(type, HF_FRAME_HUBS);
    assert_int_equal(give(&open, small(HF_FRAME_HUBS), T0_MS, &type), HF_ERR_PROTOCOL);
    expect_error(&open, HF_CODE_TURN);
}

static void each_side_hears_only_what_is_for_it(void **state)
{
    (void)state;
    const uint8_t up[] = {HF_FRAME_VECTOR, HF_FRAME_START, HF_FRAME_FEED_ACK};
    const uint8_t down[] = {HF_FRAME_ENTRIES, HF_FRAME_VECTOR_DONE, HF_FRAME_START, HF_FRAME_ACK,
                            HF_FRAME_FEED,    HF_FRAME_HEADS,       HF_FRAME_CREDIT};
    uint8_t type;
    for (size_t i = 0; i < sizeof up; i++) {
        hf_session hub = open_hub(), client = open_client();
        assert_int_equal(give(&hub, small(up[i]), T0_MS, &type), HF_OK);
        assert_int_equal(type, up[i]);
        assert_int_equal(give(&client, small(up[i]), T0_MS, &type), HF_ERR_PROTOCOL);
        expect_error(&client, HF_CODE_TURN);
    }
    for (size_t i = 0; i < sizeof down; i++) {
        if (down[i] == HF_FRAME_START) continue;
        hf_session hub = open_hub(), client = open_client();
        assert_int_equal(give(&client, small(down[i]), T0_MS, &type), HF_OK);
        assert_int_equal(type, down[i]);
        assert_int_equal(give(&hub, small(down[i]), T0_MS, &type), HF_ERR_PROTOCOL);
        expect_error(&hub, HF_CODE_TURN);
    }
}

static void malformed_bytes_are_error_101(void **state)
{
    (void)state;
    const uint8_t bad[] = {0x82, 0x0d, 0x18, 0x05}; /* FEED_ACK 5, not shortest */
    hf_session session = open_hub();
    uint8_t type;
    assert_int_equal(give(&session, (hf_bytes){bad, sizeof bad}, T0_MS, &type), HF_ERR_PROTOCOL);
    expect_error(&session, HF_CODE_MALFORMED);
    /* What arrives after that is nobody's business any more. */
    assert_int_equal(give(&session, small(HF_FRAME_FEED_ACK), T0_MS, &type), HF_OK);
    assert_int_equal(type, HF_FRAME_NONE);
}

static hf_bytes push_of(hf_bytes bodies, size_t count)
{
    hf_message message;
    memset(&message, 0, sizeof message);
    message.as.push = (hf_push){.lane = 3, .bodies = {bodies, count}};
    return frame(&message, HF_FRAME_PUSH);
}

/* The frame is well formed; an entry in it is not. Nothing of it may be handed on. */
static void a_malformed_entry_refuses_its_whole_frame(void **state)
{
    (void)state;
    const uint8_t not_an_entry[] = {0x83, 1, 0, 7};
    hf_session session = open_hub();
    uint8_t type;
    assert_int_equal(
        give(&session, push_of((hf_bytes){not_an_entry, sizeof not_an_entry}, 1), T0_MS, &type),
        HF_ERR_PROTOCOL);
    assert_int_equal(type, HF_FRAME_NONE);
    expect_error(&session, HF_CODE_MALFORMED);
}

static void too_many_entries_are_error_103(void **state)
{
    (void)state;
    static uint8_t bodies[HF_FRAME_ENTRIES_MAX + 1];
    memset(bodies, 0x80, sizeof bodies);
    hf_session session = open_hub();
    uint8_t type;
    assert_int_equal(
        give(&session, push_of((hf_bytes){bodies, sizeof bodies}, sizeof bodies), T0_MS, &type),
        HF_ERR_LIMIT);
    expect_error(&session, HF_CODE_LIMIT);
}

static void the_first_failure_is_the_one_told(void **state)
{
    (void)state;
    hf_session session = open_hub();
    hf_session_fail(&session, HF_CODE_GAP, "gap in log %s", "1f2e");
    hf_session_fail(&session, HF_CODE_INTERNAL, "something else");
    hf_session_bye(&session, HF_CODE_BUSY, 1000);
    expect_error(&session, HF_CODE_GAP);
    assert_string_equal(session.text, "gap in log 1f2e");
}

static void bye_says_when_to_come_back(void **state)
{
    (void)state;
    hf_session hub = open_hub(), client = open_client();
    hf_session_bye(&hub, HF_CODE_BUSY, 30000);
    hf_message message = sent(&hub, T0_MS);
    assert_int_equal(message.type, HF_FRAME_BYE);
    assert_int_equal(message.as.farewell.retry_after_ms, 30000);
    uint8_t type;
    assert_int_equal(give(&client, frame(&message, HF_FRAME_BYE), T0_MS, &type), HF_OK);
    assert_true(hf_session_over(&client));
    assert_true(client.by_peer);
    assert_int_equal(client.retry_after_ms, 30000);
}

/* What a peer says is shown to people and written to logs: it may not move a terminal. */
static void a_peers_text_is_made_harmless(void **state)
{
    (void)state;
    hf_session client = open_client();
    hf_message message;
    memset(&message, 0, sizeof message);
    const char *text = "\x1b[2Jgone\nnext";
    message.as.farewell.code = 500;
    message.as.farewell.text = (hf_bytes){(const uint8_t *)text, strlen(text)};
    uint8_t type;
    assert_int_equal(give(&client, frame(&message, HF_FRAME_ERROR), T0_MS, &type), HF_OK);
    assert_string_equal(client.text, "?[2Jgone?next");
}

static const char *text_told(const char *text)
{
    static hf_session client;
    hf_message message;
    uint8_t type;
    client = open_client();
    memset(&message, 0, sizeof message);
    message.as.farewell.code = 500;
    message.as.farewell.text = (hf_bytes){(const uint8_t *)text, strlen(text)};
    assert_int_equal(give(&client, frame(&message, HF_FRAME_ERROR), T0_MS, &type), HF_OK);
    return client.text;
}

static void a_long_text_is_cut_at_a_whole_letter(void **state)
{
    (void)state;
    char text[256] = "", expected[256] = "";
    enum { ROOM = sizeof((hf_session){0}).text };
    for (size_t before = 0; before < 3; before++) { /* the cut falls on each byte of a letter */
        memset(text, 'x', before);
        for (size_t at = before; at + 3 < 200; at += 3) memcpy(text + at, "\xe2\x82\xac", 4);
        size_t whole = before + (ROOM - 1 - before) / 3 * 3;
        snprintf(expected, sizeof expected, "%.*s", (int)whole, text);
        assert_string_equal(text_told(text), expected);
    }
    assert_string_equal(text_told("erase: \x7f"), "erase: ?");
}

/* A number for each kind of trouble of our own: the peer must know whether to come back. */
static void each_trouble_of_our_own_has_its_number(void **state)
{
    (void)state;
    const struct {
        hf_status status;
        uint16_t code;
    } each[] = {{HF_ERR_PROTOCOL, HF_CODE_MALFORMED}, {HF_ERR_LIMIT, HF_CODE_LIMIT},
                {HF_ERR_FULL, HF_CODE_FULL},          {HF_ERR_NOMEM, HF_CODE_BUSY},
                {HF_ERR_CORRUPT, HF_CODE_READ_ONLY},  {HF_ERR_IO, HF_CODE_INTERNAL}};
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        hf_session session = open_hub();
        hf_session_fail_status(&session, each[i].status, "x");
        expect_error(&session, each[i].code);
    }
}

/* A frame that a later version may add is passed over, before the greeting too. */
static void an_unknown_frame_that_may_be_ignored_is(void **state)
{
    (void)state;
    static const uint8_t later[] = {0x82, 0x18, 0x80, 0x01};
    hf_session session;
    uint8_t type;
    hf_session_open(&session, HF_SIDE_HUB, T0_MS);
    assert_int_equal(give(&session, (hf_bytes){later, sizeof later}, T0_MS, &type), HF_OK);
    assert_int_equal(type, HF_FRAME_NONE);
    assert_true(hf_session_live(&session));
}

static void a_welcome_comes_once_and_to_who_asked(void **state)
{
    (void)state;
    hf_session client = open_client(), early, hub;
    uint8_t type;
    assert_int_equal(give(&client, small(HF_FRAME_WELCOME), T0_MS, &type), HF_ERR_PROTOCOL);
    expect_error(&client, HF_CODE_TURN);
    hf_session_open(&early, HF_SIDE_CLIENT, T0_MS); /* HELLO has not gone out */
    assert_int_equal(give(&early, small(HF_FRAME_WELCOME), T0_MS, &type), HF_ERR_PROTOCOL);
    expect_error(&early, HF_CODE_TURN);
    hf_session_open(&early, HF_SIDE_CLIENT, T0_MS);
    assert_int_equal(give(&early, small(HF_FRAME_FEED), T0_MS, &type), HF_ERR_PROTOCOL);
    expect_error(&early, HF_CODE_TURN); /* nor is anything fed before WELCOME */
    hf_session_open(&hub, HF_SIDE_HUB, T0_MS);
    assert_int_equal(give(&hub, hello(), T0_MS, &type), HF_OK);
    assert_int_equal(give(&hub, small(HF_FRAME_START), T0_MS, &type), HF_ERR_PROTOCOL);
    expect_error(&hub, HF_CODE_TURN); /* greeted, and WELCOME is not out */
    hf_session_open(&client, HF_SIDE_CLIENT, T0_MS);
    assert_int_equal(give(&client, hello(), T0_MS, &type), HF_ERR_PROTOCOL);
    expect_error(&client, HF_CODE_TURN);
}

/* ---- time ---- */

/* A machine's monotonic clock may begin with 0, and 0 is no sign for "never". */
static void a_clock_that_begins_with_0_works(void **state)
{
    (void)state;
    hf_session session;
    uint8_t type;
    hf_session_open(&session, HF_SIDE_CLIENT, 0);
    hf_session_greeted(&session);
    assert_int_equal(give(&session, small(HF_FRAME_WELCOME), 0, &type), HF_OK);
    session.ping_due = true;
    assert_int_equal(sent(&session, 0).type, HF_FRAME_PING);
    assert_true(session.ping_sent_ms != 0);
    hf_session_fail(&session, HF_CODE_INTERNAL, "x");
    hf_session_tick(&session, 0);
    assert_false(hf_session_over(&session));
    hf_session_tick(&session, HF_FAREWELL_MS);
    assert_false(hf_session_over(&session)); /* it was seen at 1, to the millisecond */
    hf_session_tick(&session, HF_FAREWELL_MS + 1);
    assert_true(hf_session_over(&session));
}

static void an_answer_to_another_question_tells_no_time(void **state)
{
    (void)state;
    hf_session client = open_client();
    uint64_t now_ms = hf_session_deadline_ms(&client);
    uint8_t type;
    hf_session_tick(&client, now_ms);
    hf_message ping = sent(&client, now_ms);
    ping.as.ping.nonce++;
    assert_int_equal(give(&client, frame(&ping, HF_FRAME_PONG), now_ms, &type), HF_OK);
    assert_int_equal(type, HF_FRAME_NONE);
    ping.as.ping.nonce--;
    uint64_t late_ms = now_ms + UINT32_MAX + 7ull; /* a laptop that slept for a month */
    assert_int_equal(give(&client, frame(&ping, HF_FRAME_PONG), late_ms, &type), HF_OK);
    assert_int_equal(client.round_trip_ms, UINT32_MAX);
}

static void a_greeting_that_never_comes_ends_the_session(void **state)
{
    (void)state;
    for (hf_side side = HF_SIDE_CLIENT; side <= HF_SIDE_HUB; side++) {
        hf_session session;
        hf_session_open(&session, side, T0_MS);
        uint64_t deadline_ms = hf_session_deadline_ms(&session);
        assert_int_equal(deadline_ms, T0_MS + HF_HELLO_TIMEOUT_MS);
        hf_session_tick(&session, deadline_ms - 1);
        assert_true(hf_session_live(&session));
        hf_session_tick(&session, deadline_ms);
        expect_error(&session, HF_CODE_TURN);
    }
}

static void silence_is_asked_about_twice_and_then_ends_it(void **state)
{
    (void)state;
    hf_session session = open_client();
    unsigned asked = 0;
    while (hf_session_live(&session)) {
        uint64_t now_ms = hf_session_deadline_ms(&session);
        assert_true(now_ms <= T0_MS + HF_SILENCE_MAX_MS);
        hf_session_tick(&session, now_ms);
        if (sent(&session, now_ms).type == HF_FRAME_PING) asked++;
    }
    assert_int_equal(asked, 2);
    assert_int_equal(session.code, HF_CODE_TURN);
}

static void an_answer_keeps_it_alive_and_tells_the_time(void **state)
{
    (void)state;
    hf_session client = open_client(), hub = open_hub();
    uint64_t now_ms = T0_MS;
    for (int i = 0; i < 10; i++) {
        now_ms = hf_session_deadline_ms(&client);
        hf_session_tick(&client, now_ms);
        hf_message ping = sent(&client, now_ms), pong;
        uint8_t type;
        assert_int_equal(ping.type, HF_FRAME_PING);
        assert_int_equal(give(&hub, frame(&ping, HF_FRAME_PING), now_ms + 40, &type), HF_OK);
        pong = sent(&hub, now_ms + 40);
        assert_int_equal(pong.type, HF_FRAME_PONG);
        assert_int_equal(pong.as.ping.wall_ms, 5000);
        assert_int_equal(give(&client, frame(&pong, HF_FRAME_PONG), now_ms + 80, &type), HF_OK);
        assert_int_equal(type, HF_FRAME_PONG);
        assert_int_equal(client.round_trip_ms, 80);
    }
    assert_true(now_ms > T0_MS + HF_SILENCE_MAX_MS);
    assert_true(hf_session_live(&client));
}

static void a_flood_of_pings_ends_the_session_and_a_ping_now_and_then_does_not(void **state)
{
    (void)state;
    hf_session hub = open_hub();
    uint8_t type;
    for (uint64_t second = 0; second < 3; second++)
        for (int i = 0; i < HF_PINGS_MAX; i++) {
            uint64_t now_ms = T0_MS + second * 1000 + (uint64_t)i;
            assert_int_equal(give(&hub, small(HF_FRAME_PING), now_ms, &type), HF_OK);
        }
    assert_true(hf_session_live(&hub));
    uint64_t now_ms = T0_MS + 2999;
    assert_int_equal(give(&hub, small(HF_FRAME_PING), now_ms, &type), HF_ERR_LIMIT);
    assert_int_equal(hub.code, HF_CODE_LIMIT);
    assert_int_equal(sent(&hub, now_ms).type, HF_FRAME_ERROR); /* and no PONG */
    assert_int_equal(sent(&hub, now_ms).type, HF_FRAME_NONE);
    assert_true(hf_session_over(&hub));
}

/* An old answer would set the clock by a time that is long gone. */
static void a_pong_nobody_asked_for_tells_no_time(void **state)
{
    (void)state;
    hf_session client = open_client();
    hf_message pong;
    memset(&pong, 0, sizeof pong);
    pong.as.ping.nonce = 17;
    uint8_t type;
    assert_int_equal(give(&client, frame(&pong, HF_FRAME_PONG), T0_MS, &type), HF_OK);
    assert_int_equal(type, HF_FRAME_NONE);
}

/* ---- the inbox ---- */

static void what_is_passed_on_goes_behind_what_is_there(void **state)
{
    (void)state;
    hf_inbox from = {0}, to = {0};
    const uint8_t bytes[] = {1, 2};
    assert_int_equal(hf_inbox_put(&to, &to, (hf_bytes){&bytes[0], 1}), HF_OK);
    assert_int_equal(hf_inbox_put(&from, &from, (hf_bytes){&bytes[1], 1}), HF_OK);
    hf_received *received = from.first;
    from.first = from.last = NULL;
    hf_inbox_pass(&from, &to, received);
    assert_int_equal(from.count, 0);
    assert_int_equal(from.bytes, 0);
    assert_int_equal(to.count, 2);
    assert_ptr_equal(to.last, received);
    assert_ptr_equal(to.first->next, received);
    hf_inbox_drop(&to, NULL);
    assert_int_equal(to.bytes, 0);
}

static void dropping_one_sessions_frames_keeps_the_others_in_order(void **state)
{
    (void)state;
    hf_inbox inbox = {0};
    int a, b;
    const uint8_t bytes[] = {0, 1, 2, 3, 4, 5};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(
            hf_inbox_put(&inbox, i % 2 ? (void *)&b : (void *)&a, (hf_bytes){&bytes[i], 1}), HF_OK);
    hf_inbox_drop_from(&inbox, inbox.first->next->next); /* a's second: 2 and 4 go */
    const uint8_t expected[] = {0, 1, 3, 5};
    const hf_received *at = inbox.first;
    for (size_t i = 0; i < sizeof expected; i++, at = at->next)
        assert_int_equal(at->data[0], expected[i]);
    assert_null(at);
    assert_int_equal(inbox.count, 4);
    assert_int_equal(inbox.bytes, 4 * (sizeof *at + 1)); /* what it costs, not what it says */
    hf_inbox_drop(&inbox, &b);
    assert_int_equal(inbox.count, 1);
    assert_int_equal(hf_inbox_put(&inbox, &b, (hf_bytes){bytes, 6}), HF_OK);
    assert_int_equal(inbox.last->size, 6);
    hf_inbox_drop(&inbox, NULL);
    assert_null(inbox.first);
    assert_null(inbox.last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_comes_before_hello),
        cmocka_unit_test(nothing_is_pushed_before_welcome),
        cmocka_unit_test(hello_comes_once),
        cmocka_unit_test(a_list_of_hubs_comes_up_in_place_of_hello_alone),
        cmocka_unit_test(each_side_hears_only_what_is_for_it),
        cmocka_unit_test(malformed_bytes_are_error_101),
        cmocka_unit_test(a_malformed_entry_refuses_its_whole_frame),
        cmocka_unit_test(too_many_entries_are_error_103),
        cmocka_unit_test(the_first_failure_is_the_one_told),
        cmocka_unit_test(bye_says_when_to_come_back),
        cmocka_unit_test(a_peers_text_is_made_harmless),
        cmocka_unit_test(a_greeting_that_never_comes_ends_the_session),
        cmocka_unit_test(silence_is_asked_about_twice_and_then_ends_it),
        cmocka_unit_test(an_answer_keeps_it_alive_and_tells_the_time),
        cmocka_unit_test(a_flood_of_pings_ends_the_session_and_a_ping_now_and_then_does_not),
        cmocka_unit_test(a_pong_nobody_asked_for_tells_no_time),
        cmocka_unit_test(what_is_passed_on_goes_behind_what_is_there),
        cmocka_unit_test(dropping_one_sessions_frames_keeps_the_others_in_order),
        cmocka_unit_test(a_long_text_is_cut_at_a_whole_letter),
        cmocka_unit_test(each_trouble_of_our_own_has_its_number),
        cmocka_unit_test(an_unknown_frame_that_may_be_ignored_is),
        cmocka_unit_test(a_welcome_comes_once_and_to_who_asked),
        cmocka_unit_test(a_clock_that_begins_with_0_works),
        cmocka_unit_test(an_answer_to_another_question_tells_no_time),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hf_buffer_free(&raw);
    return failed;
}
