/* session.c: whose turn it is to say what, when silence has lasted too long, and how it ends.
 *
 * Why sans-IO: an officer's link stalls, dies in the middle of a frame and returns on another
 * network. We only know that we survive it if a test can do it to us a million times. */
#include "session.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hf_session_open(hf_session *session, hf_side side, uint64_t now_ms)
{
    memset(session, 0, sizeof *session);
    session->side = side;
    session->state = HF_SESSION_GREETING;
    session->opened_at_ms = session->heard_at_ms = now_ms;
    session->round_trip_ms = UINT32_MAX;
}

void hf_session_close(hf_session *session)
{
    session->state = HF_SESSION_CLOSED;
    session->ping_due = session->pong_due = session->farewell_due = false;
}

bool hf_session_live(const hf_session *session)
{
    return session->state != HF_SESSION_CLOSED && session->state != HF_SESSION_CLOSING;
}

bool hf_session_over(const hf_session *session)
{
    return !hf_session_live(session) && !session->farewell_due;
}

static void fail_text(hf_session *session, uint16_t code, const char *format, va_list arguments)
{
    if (!hf_session_live(session)) return;
    session->code = code;
    (void)vsnprintf(session->text, sizeof session->text, format, arguments);
    session->state = HF_SESSION_CLOSING;
    session->farewell_due = true;
}

void hf_session_fail(hf_session *session, uint16_t code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fail_text(session, code, format, arguments);
    va_end(arguments);
}

void hf_session_fail_status(hf_session *session, hf_status status, const char *what)
{
    switch (status) {
    case HF_ERR_PROTOCOL: hf_session_fail(session, HF_CODE_MALFORMED, "malformed %s", what); break;
    case HF_ERR_LIMIT: hf_session_fail(session, HF_CODE_LIMIT, "%s above its limit", what); break;
    case HF_ERR_FULL: hf_session_fail(session, HF_CODE_FULL, "storage full"); break;
    case HF_ERR_NOMEM: hf_session_fail(session, HF_CODE_BUSY, "out of memory"); break;
    case HF_ERR_CORRUPT:
        hf_session_fail(session, HF_CODE_READ_ONLY, "the store is damaged and read only");
        break;
    default: hf_session_fail(session, HF_CODE_INTERNAL, "internal error: %s", what); break;
    }
}

void hf_session_bye(hf_session *session, uint16_t code, uint64_t retry_after_ms)
{
    if (!hf_session_live(session)) return;
    session->code = code;
    session->bye = true;
    session->retry_after_ms = retry_after_ms;
    (void)snprintf(session->text, sizeof session->text, "told to come back later");
    session->state = HF_SESSION_CLOSING;
    session->farewell_due = true;
}

void hf_session_greeted(hf_session *session)
{
    bool client = session->side == HF_SIDE_CLIENT;
    assert(session->state == (client ? HF_SESSION_GREETING : HF_SESSION_GREETED));
    session->state = client ? HF_SESSION_GREETED : HF_SESSION_OPEN;
}

/* ---- receiving ---- */

/* Both sides may say these at any time. */
static bool is_common(uint8_t type)
{
    return type == HF_FRAME_NONE || type == HF_FRAME_PING || type == HF_FRAME_PONG ||
           type == HF_FRAME_ERROR || type == HF_FRAME_BYE;
}

static bool is_in_turn(const hf_session *session, uint8_t type)
{
    bool open = session->state == HF_SESSION_OPEN;
    switch (type) {
    case HF_FRAME_HELLO:
        return session->side == HF_SIDE_HUB && session->state == HF_SESSION_GREETING;
    case HF_FRAME_WELCOME:
        return session->side == HF_SIDE_CLIENT && session->state == HF_SESSION_GREETED;
    case HF_FRAME_VECTOR:
    case HF_FRAME_START:
    case HF_FRAME_PUSH:
    case HF_FRAME_RELAY:
    case HF_FRAME_RENEW_FOR:
    case HF_FRAME_RECEIPT_FOR:
    case HF_FRAME_ASK_FOR:
    case HF_FRAME_FEED_ACK:
    case HF_FRAME_HEAD:
    case HF_FRAME_WANT:
    case HF_FRAME_TAKEN:
    case HF_FRAME_REFILL:
    case HF_FRAME_ASK:
    case HF_FRAME_PROBE:
    case HF_FRAME_RENEW: return session->side == HF_SIDE_HUB && open;
    case HF_FRAME_HUBS: /* in place of HELLO; down, whenever the hub learns that it is none */
        return session->side == HF_SIDE_CLIENT || session->state == HF_SESSION_GREETING;
    case HF_FRAME_CARRY:
    case HF_FRAME_FETCH:
    case HF_FRAME_PIECE:
    case HF_FRAME_CARRIED:
    case HF_FRAME_ORIGIN: return open; /* a station names authors, too */
    default: return session->side == HF_SIDE_CLIENT && open;
    }
}

/* Copies a peer's text for people: cut at a whole character, and nothing that moves a terminal. */
static void copy_text(char *out, size_t room, hf_bytes text)
{
    size_t size = text.size < room ? text.size : room - 1;
    while (size < text.size && (text.data[size] & 0xc0) == 0x80) size--; /* it is UTF-8 */
    for (size_t i = 0; i < size; i++)
        out[i] = text.data[i] < 0x20 || text.data[i] == 0x7f ? '?' : (char)text.data[i];
    out[size] = 0;
}

static void on_farewell(hf_session *session, const hf_message *message)
{
    const hf_farewell *farewell = &message->as.farewell;
    session->code = (uint16_t)farewell->code;
    session->by_peer = true;
    session->bye = message->type == HF_FRAME_BYE;
    session->retry_after_ms = farewell->retry_after_ms;
    if (session->bye)
        (void)snprintf(session->text, sizeof session->text, "told to come back later");
    else
        copy_text(session->text, sizeof session->text, farewell->text);
    session->state = HF_SESSION_CLOSED;
    session->ping_due = session->pong_due = false;
}

/* Each is an answer to be sealed and sent, and no replica has reason for many. */
static hf_status on_ping(hf_session *session, const hf_message *message, uint64_t now_ms)
{
    enum { WINDOW_MS = 1000 };
    if (now_ms - session->pings_since_ms >= WINDOW_MS) {
        session->pings_since_ms = now_ms;
        session->pings = 0;
    }
    if (++session->pings > HF_PINGS_MAX) {
        hf_session_fail(session, HF_CODE_LIMIT, "more than %d PINGs in a second", HF_PINGS_MAX);
        return HF_ERR_LIMIT;
    }
    session->pong_nonce = message->as.ping.nonce;
    session->pong_due = true; /* of several unanswered ones, the newest is enough */
    return HF_OK;
}

/* True when it answers our newest PING: then it carries the peer's time, and we know how old. */
static bool on_pong(hf_session *session, const hf_message *message, uint64_t now_ms)
{
    if (session->ping_sent_ms == 0 || message->as.ping.nonce != session->ping_nonce) return false;
    uint64_t took_ms = now_ms - session->ping_sent_ms;
    session->round_trip_ms = took_ms < UINT32_MAX ? (uint32_t)took_ms : UINT32_MAX;
    session->ping_sent_ms = 0;
    return true;
}

static hf_status parse_bodies(hf_bodies walk)
{
    while (hf_next_body(&walk)) {
        hf_entry_body entry;
        hf_status status = hf_entry_parse(walk.body, &entry);
        if (status != HF_OK) return status;
    }
    return HF_OK;
}

/* Why here and not at the commit: what is malformed must fail its own session before it shares a
 * transaction with what others sent. */
static hf_status parse_entries(const hf_message *message)
{
    if (message->type == HF_FRAME_PUSH) return parse_bodies(hf_bodies_of_push(&message->as.push));
    if (message->type == HF_FRAME_RELAY)
        return parse_bodies(hf_bodies_of_relay(&message->as.relay));
    if (message->type == HF_FRAME_REFILL)
        return parse_bodies(hf_bodies_of_refill(&message->as.refill));
    if (message->type == HF_FRAME_FEED || message->type == HF_FRAME_ENTRIES)
        return parse_bodies(hf_bodies_of_runs(&message->as.feed.runs));
    return HF_OK;
}

hf_status hf_session_recv(hf_session *session, hf_bytes raw, uint64_t now_ms, hf_message *out)
{
    assert(now_ms >= session->heard_at_ms); /* monotonic time is the driver's promise */
    out->type = HF_FRAME_NONE;
    if (!hf_session_live(session)) return HF_OK; /* we have said why; what still arrives is late */
    session->heard_at_ms = now_ms;
    session->asked_at_ms = 0;
    hf_message message;
    hf_status status = hf_message_read(raw, &message);
    if (status != HF_OK) {
        hf_session_fail_status(session, status, "frame");
        return status;
    }
    if (!is_common(message.type) && !is_in_turn(session, message.type)) {
        hf_session_fail(session, HF_CODE_TURN, "frame %u out of turn", message.type);
        return HF_ERR_PROTOCOL;
    }
    status = parse_entries(&message);
    if (status != HF_OK) {
        hf_session_fail_status(session, status, "entry");
        return status;
    }
    switch (message.type) {
    case HF_FRAME_ERROR:
    case HF_FRAME_BYE: on_farewell(session, &message); break;
    case HF_FRAME_PING: return on_ping(session, &message, now_ms);
    case HF_FRAME_PONG:
        if (on_pong(session, &message, now_ms)) *out = message;
        break;
    default: *out = message; break;
    }
    /* What follows a greeting may come before its owner has acted on it. */
    if (message.type == HF_FRAME_HELLO) session->state = HF_SESSION_GREETED;
    if (message.type == HF_FRAME_WELCOME) session->state = HF_SESSION_OPEN;
    return HF_OK;
}

/* ---- time ---- */

void hf_session_tick(hf_session *session, uint64_t now_ms)
{
    if (session->state == HF_SESSION_CLOSING) { /* a dead link's full buffer takes no farewell */
        if (!session->closing_at_ms) session->closing_at_ms = now_ms ? now_ms : 1;
        if (now_ms >= session->closing_at_ms + HF_FAREWELL_MS) session->farewell_due = false;
    }
    if (!hf_session_live(session)) return;
    if (session->state != HF_SESSION_OPEN) {
        if (now_ms - session->opened_at_ms >= HF_HELLO_TIMEOUT_MS)
            hf_session_fail(session, HF_CODE_TURN, "no %s in time",
                            session->side == HF_SIDE_HUB ? "HELLO" : "WELCOME");
        return;
    }
    if (now_ms - session->heard_at_ms >= HF_SILENCE_MAX_MS) {
        hf_session_fail(session, HF_CODE_TURN, "nothing heard for %d s", HF_SILENCE_MAX_MS / 1000);
        return;
    }
    uint64_t since = session->asked_at_ms ? session->asked_at_ms : session->heard_at_ms;
    /* The client asks; a hub only when even that has not come, or every silence would cost two. */
    uint64_t patience = session->side == HF_SIDE_CLIENT || session->asked_at_ms
                            ? HF_PING_AFTER_MS
                            : HF_PING_AFTER_MS + HF_PING_AFTER_MS / 2;
    if (now_ms - since < patience) return;
    session->asked_at_ms = now_ms;
    session->ping_nonce++;
    session->ping_due = true;
}

uint64_t hf_session_deadline_ms(const hf_session *session)
{
    if (session->state == HF_SESSION_CLOSING && session->farewell_due)
        return session->closing_at_ms ? session->closing_at_ms + HF_FAREWELL_MS : 0;
    if (!hf_session_live(session)) return UINT64_MAX;
    if (session->state != HF_SESSION_OPEN) return session->opened_at_ms + HF_HELLO_TIMEOUT_MS;
    uint64_t silence = session->heard_at_ms + HF_SILENCE_MAX_MS;
    uint64_t since = session->asked_at_ms ? session->asked_at_ms : session->heard_at_ms;
    uint64_t ask = since + HF_PING_AFTER_MS;
    if (session->side == HF_SIDE_HUB && !session->asked_at_ms) ask += HF_PING_AFTER_MS / 2;
    return ask < silence ? ask : silence;
}

/* ---- sending ---- */

bool hf_session_has_output(const hf_session *session)
{
    return session->farewell_due ||
           (hf_session_live(session) && (session->pong_due || session->ping_due));
}

static void send_farewell(hf_session *session, hf_buffer *out)
{
    hf_message message = {.type = HF_FRAME_ERROR};
    message.as.farewell.code = session->code;
    if (session->bye) {
        message.type = HF_FRAME_BYE;
        message.as.farewell.retry_after_ms = session->retry_after_ms;
    } else {
        message.as.farewell.text =
            (hf_bytes){(const uint8_t *)session->text, strlen(session->text)};
    }
    hf_message_write(out, &message);
    session->farewell_due = false;
    session->state = HF_SESSION_CLOSED;
}

bool hf_session_send(hf_session *session, uint64_t now_ms, uint64_t wall_ms, hf_buffer *out)
{
    if (!hf_session_has_output(session)) return false;
    if (session->farewell_due) {
        send_farewell(session, out);
        return true;
    }
    hf_message message = {.type = HF_FRAME_PING};
    message.as.ping.nonce = session->ping_nonce;
    if (session->pong_due) {
        message.type = HF_FRAME_PONG;
        message.as.ping.nonce = session->pong_nonce;
        message.as.ping.wall_ms = wall_ms;
        session->pong_due = false;
    } else {
        session->ping_due = false;
        session->ping_sent_ms = now_ms ? now_ms : 1;
    }
    hf_message_write(out, &message);
    return true;
}

/* ---- inbox ---- */

static void append(hf_inbox *inbox, hf_received *received)
{
    received->next = NULL;
    if (inbox->last)
        inbox->last->next = received;
    else
        inbox->first = received;
    inbox->last = received;
    inbox->count++;
    inbox->bytes += sizeof *received + received->size;
}

static void leaves(hf_inbox *inbox, const hf_received *received)
{
    inbox->count--;
    inbox->bytes -= sizeof *received + received->size;
}

hf_status hf_inbox_put(hf_inbox *inbox, void *owner, hf_bytes raw)
{
    hf_received *received = malloc(sizeof *received + raw.size);
    if (!received) return HF_ERR_NOMEM;
    *received = (hf_received){.owner = owner, .size = raw.size};
    memcpy(received->data, raw.data, raw.size); /* a frame has at least its head */
    append(inbox, received);
    return HF_OK;
}

void hf_inbox_pass(hf_inbox *from, hf_inbox *to, hf_received *received)
{
    leaves(from, received);
    append(to, received);
}

/* `reached` false: frames of `owner` are kept until `from` comes. */
static void drop(hf_inbox *inbox, const void *owner, const hf_received *from)
{
    hf_received **at = &inbox->first;
    bool reached = from == NULL;
    inbox->last = NULL;
    while (*at) {
        hf_received *received = *at;
        if (received == from) reached = true;
        if (!reached || (owner && received->owner != owner)) {
            inbox->last = received;
            at = &received->next;
            continue;
        }
        *at = received->next;
        leaves(inbox, received);
        free(received);
    }
}

void hf_inbox_drop(hf_inbox *inbox, const void *owner)
{
    drop(inbox, owner, NULL);
}

void hf_inbox_drop_from(hf_inbox *inbox, const hf_received *from)
{
    drop(inbox, from->owner, from);
}
