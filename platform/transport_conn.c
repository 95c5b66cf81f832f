/* transport_conn.c: one open connection, the same at both ends.
 *
 * Why half-received messages are counted for the whole process: a peer chooses how many connections
 * it opens and how much of a message it sends on each. What it can pin down in our memory is one
 * number, and past it the connection that asks for more is closed (DESIGN 5). */
#include "loop_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUFFER_FIRST_SIZE = 8 * 1024,
    SEND_FIRST_SIZE = 64 * 1024,
    CLOSE_TEXT_MAX = 100, /* a close frame takes 123 bytes of text */
    CLOSE_STEP_S = 5      /* lws allows each of its own two steps as much */
};

void hf_conn_begin(hf_conn *conn, struct lws *wsi, hf_endpoint *endpoint)
{
    memset(conn, 0, sizeof *conn);
    conn->wsi = wsi;
    conn->endpoint = endpoint;
}

int hf_conn_open(hf_conn *conn, const hf_identity *peer)
{
    const hf_conn_events *events = &conn->endpoint->events;
    if (events->on_open(events->context, conn, peer, &conn->user) != HF_OK) return -1;
    conn->is_open = true;
    conn->next = conn->endpoint->conns;
    if (conn->next) conn->next->previous = conn;
    conn->endpoint->conns = conn;
    return 0;
}

static void unlink_conn(hf_conn *conn)
{
    if (conn->previous) conn->previous->next = conn->next;
    if (conn->next) conn->next->previous = conn->previous;
    if (conn->endpoint->conns == conn) conn->endpoint->conns = conn->next;
}

static void reason_set(hf_conn *conn, const char *reason)
{
    if (!conn->reason[0]) snprintf(conn->reason, sizeof conn->reason, "%s", reason);
}

/* A close in three steps, each of which the next waits for: what was sent has left, our close frame
 * goes, the peer answers with its own. Only then is the link cut, so the peer has read our last
 * message. Why the middle step hangs on a timer: Debian's lws is a debug build that under libuv
 * closes everything twice "to confirm it has no problem", and the second close cuts the polite one
 * short, unless the first comes from a timer. */
static void farewell(hf_conn *conn, uint16_t code, const char *reason)
{
    if (conn->closing) return;
    conn->closing = true;
    conn->close_code = code;
    reason_set(conn, reason);
    lws_rx_flow_control(conn->wsi, 1); /* else the peer's half of it is never read */
    lws_callback_on_writable(conn->wsi);
    lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, CLOSE_STEP_S);
    hf_loop_wake(conn->endpoint->loop); /* lets lws under libuv arm that timer */
}

int hf_conn_timer(hf_conn *conn)
{
    if (!conn->closing) return 0;
    unsigned char text[CLOSE_TEXT_MAX];
    size_t size = strnlen(conn->reason, CLOSE_TEXT_MAX);
    memcpy(text, conn->reason, size);
    lws_close_reason(conn->wsi, (enum lws_close_status)conn->close_code, text, size);
    return -1;
}

/* --- receiving ----------------------------------------------------------------------------- */

static void buffer_release(hf_conn *conn)
{
    free(conn->buffer);
    conn->endpoint->loop->buffer_used -= conn->room;
    conn->buffer = NULL;
    conn->size = conn->room = 0;
}

/* Doubles with what has arrived, never with what was announced: an announcement costs nothing. */
static hf_status buffer_grow(hf_conn *conn, size_t needed)
{
    hf_loop *loop = conn->endpoint->loop;
    size_t room = conn->room ? conn->room : BUFFER_FIRST_SIZE;
    while (room < needed) room *= 2;
    if (room > conn->endpoint->message_size_max) room = conn->endpoint->message_size_max;
    if (room == conn->room) return HF_OK;
    if (loop->buffer_used + (room - conn->room) > loop->buffer_max) return HF_ERR_LIMIT;
    uint8_t *buffer = realloc(conn->buffer, room);
    if (!buffer) return HF_ERR_NOMEM;
    loop->buffer_used += room - conn->room;
    conn->buffer = buffer;
    conn->room = room;
    return HF_OK;
}

static void deliver(hf_conn *conn, const uint8_t *bytes, size_t size)
{
    conn->endpoint->events.on_message(conn->user, (hf_bytes){bytes, size});
}

int hf_conn_receive(hf_conn *conn, const void *bytes, size_t size)
{
    if (conn->closing || !conn->is_open) return 0; /* nothing more is handed up */
    if (!lws_frame_is_binary(conn->wsi)) {
        farewell(conn, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "sent a text message");
        return 0;
    }
    const size_t arrived = conn->size + size, coming = lws_remaining_packet_payload(conn->wsi);
    if (arrived > conn->endpoint->message_size_max ||
        coming > conn->endpoint->message_size_max - arrived) {
        buffer_release(conn);
        farewell(conn, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "sent a message over the limit");
        return 0;
    }
    const bool is_last = lws_is_final_fragment(conn->wsi);
    if (is_last && conn->size == 0) { /* whole at once: the usual case, and no copy */
        deliver(conn, bytes, size);
        return 0;
    }
    hf_status status = buffer_grow(conn, arrived);
    if (status != HF_OK) {
        buffer_release(conn);
        farewell(conn, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION, "no room for its message");
        return 0;
    }
    memcpy(conn->buffer + conn->size, bytes, size);
    conn->size = arrived;
    if (!is_last) return 0;
    deliver(conn, conn->buffer, conn->size);
    buffer_release(conn);
    return 0;
}

/* --- sending ------------------------------------------------------------------------------- */

/* Wakes the loop too: called between rounds, lws under libuv would not look at its timers. */
void hf_conn_want_write(hf_conn *conn)
{
    if (!conn->closing) lws_callback_on_writable(conn->wsi);
}

static hf_status send_room(hf_loop *loop, size_t size)
{
    const size_t needed = LWS_PRE + size;
    if (needed <= loop->send_room) return HF_OK;
    size_t room = loop->send_room ? loop->send_room : SEND_FIRST_SIZE;
    while (room < needed) room *= 2;
    uint8_t *buffer = realloc(loop->send_buffer, room);
    if (!buffer) return HF_ERR_NOMEM;
    loop->send_buffer = buffer;
    loop->send_room = room;
    return HF_OK;
}

hf_status hf_conn_send(hf_conn *conn, hf_bytes message)
{
    assert(conn->sending); /* only in on_writable, and once: lws promises room for one */
    if (message.size > conn->endpoint->message_size_max) return HF_ERR_LIMIT;
    hf_loop *loop = conn->endpoint->loop;
    hf_status status = send_room(loop, message.size);
    if (status != HF_OK) return status;
    conn->sending = false;
    /* Copied, for lws writes its header before the bytes, and a client masks them in place. */
    if (message.size) memcpy(loop->send_buffer + LWS_PRE, message.data, message.size);
    int sent = lws_write(conn->wsi, loop->send_buffer + LWS_PRE, message.size, LWS_WRITE_BINARY);
    if (sent >= (int)message.size) return HF_OK;
    hf_conn_close(conn, "the link failed");
    return HF_ERR_IO;
}

int hf_conn_writable(hf_conn *conn)
{
    if (!conn->is_open) return 0;
    if (conn->closing) { /* lws calls only when all that was sent before has left */
        if (!conn->farewell_begun) lws_set_timer_usecs(conn->wsi, 1);
        conn->farewell_begun = true;
        return 0;
    }
    conn->sending = true;
    conn->endpoint->events.on_writable(conn->user);
    conn->sending = false;
    return 0;
}

void hf_conn_read(hf_conn *conn, bool wanted)
{
    if (!conn->closing) lws_rx_flow_control(conn->wsi, wanted);
}

/* --- closing ------------------------------------------------------------------------------- */

void hf_conn_close(hf_conn *conn, const char *reason)
{
    farewell(conn, LWS_CLOSE_STATUS_NORMAL, reason);
}

/* The peer's words go to a log: printable bytes only, and never as our own. lws answers them. */
void hf_conn_peer_closes(hf_conn *conn, const uint8_t *payload, size_t size)
{
    char text[CLOSE_TEXT_MAX + 1];
    size_t used = 0;
    for (size_t i = 2; i < size && used < CLOSE_TEXT_MAX; i++) {
        text[used++] = payload[i] >= 0x20 && payload[i] < 0x7f ? (char)payload[i] : '?';
    }
    text[used] = 0;
    conn->closing = true;
    if (conn->reason[0]) return;
    snprintf(conn->reason, sizeof conn->reason, "the peer closed%s%s%s", used ? ", saying \"" : "",
             text, used ? "\"" : "");
}

void hf_conn_closed(hf_conn *conn)
{
    if (!conn || !conn->endpoint) return; /* refused before it was one */
    buffer_release(conn);
    if (!conn->is_open) return;
    unlink_conn(conn);
    conn->is_open = false;
    conn->closing = true;
    reason_set(conn, "the link was lost");
    conn->endpoint->events.on_close(conn->user, conn->reason);
}

void hf_endpoint_close(hf_endpoint *endpoint, const char *reason)
{
    endpoint->closed = true;
    for (hf_conn *conn = endpoint->conns; conn; conn = conn->next) hf_conn_close(conn, reason);
}
