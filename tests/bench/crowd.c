/* crowd.c: see crowd.h. */
#include "crowd.h"

#include "folder.h"
#include "sync/limits.h"
#include "sync/messages.h"

#include <openssl/rand.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS = 512,
    READ_SIZE = 16 * 1024,
    HEAD_SIZE_MAX = 14, /* of a websocket frame */
    MESSAGE_MAX = 256 * 1024
};
static const double PATIENCE_S = 10, LOOK_EVERY_S = 0.02;

bool crowd_member_init(crowd_member *m, const fleet_device *device)
{
    const unsigned char *key = device->key, *certificate = device->certificate;
    m->key = d2i_AutoPrivateKey(NULL, &key, device->key_size);
    m->certificate = d2i_X509(NULL, &certificate, device->certificate_size);
    memcpy(m->hello, device->hello, sizeof m->hello);
    m->hello_size = device->hello_size;
    m->fd = -1;
    return m->key && m->certificate && m->hello_size <= sizeof m->hello;
}

void crowd_open(crowd *c, const char *hub_folder, uint16_t port)
{
    signal(SIGPIPE, SIG_IGN);
    c->ctx = tls_client(hub_folder, false);
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    c->port = port;
    if (c->epoll_fd < 0 || hf_deflater_new(&c->deflater) != HF_OK) {
        fprintf(stderr, "bench: fleet: out of memory\n");
        exit(1);
    }
}

/* ---- links ---- */

static void hang_up(crowd *c, crowd_member *m)
{
    uint16_t random;
    if (m->state == CROWD_AWAY) return;
    if (m->state == CROWD_IN_SYNC)
        c->in_sync--;
    else
        c->pending--;
    if (m->ssl) SSL_free(m->ssl);
    if (m->fd >= 0) close(m->fd);
    free(m->in);
    m->ssl = NULL;
    m->fd = -1;
    m->in = NULL;
    m->in_size = m->in_room = 0;
    m->state = CROWD_AWAY;
    c->closed++;
    if (RAND_bytes((unsigned char *)&random, sizeof random) != 1) exit(1);
    double most_ms = (double)((uint64_t)HF_REDIAL_MIN_MS << (m->tries < 16 ? m->tries : 16));
    if (most_ms > HF_REDIAL_MAX_MS) most_ms = HF_REDIAL_MAX_MS;
    m->tries++;
    m->due = bench_seconds() + most_ms / 1000 * random / UINT16_MAX;
}

static void dial(crowd *c, crowd_member *m)
{
    m->state = CROWD_SHAKING;
    m->due = bench_seconds() + PATIENCE_S;
    m->fd = tls_dial(c->port);
    m->ssl = SSL_new(c->ctx);
    c->dials++;
    c->pending++;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = m};
    bool begun = m->fd >= 0 && m->ssl && SSL_use_certificate(m->ssl, m->certificate) == 1 &&
                 SSL_use_PrivateKey(m->ssl, m->key) == 1 && SSL_set_fd(m->ssl, m->fd) == 1 &&
                 epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, m->fd, &event) == 0;
    if (begun)
        SSL_set_connect_state(m->ssl);
    else
        hang_up(c, m);
}

/* Small frames only, which always fit in the socket's buffer of a link that is mostly silent. */
static void write_all(crowd *c, crowd_member *m, const uint8_t *bytes, size_t size)
{
    if (SSL_write(m->ssl, bytes, (int)size) != (int)size) hang_up(c, m);
}

/* A binary message whose mask is zero, so that it may be left as it is. */
static void send_message(crowd *c, crowd_member *m, hf_bytes message)
{
    uint8_t frame[HEAD_SIZE_MAX + 1024] = {0x82};
    size_t head = 2;
    if (message.size < 126) {
        frame[1] = (uint8_t)(0x80 | message.size);
    } else {
        frame[1] = 0x80 | 126;
        frame[head++] = (uint8_t)(message.size >> 8);
        frame[head++] = (uint8_t)message.size;
    }
    head += 4;
    if (head + message.size > sizeof frame) exit(1);
    memcpy(frame + head, message.data, message.size);
    write_all(c, m, frame, head + message.size);
}

static void send_frame(crowd *c, crowd_member *m, const hf_message *message)
{
    hf_buffer_clear(&c->frame);
    hf_message_write(&c->frame, message);
    send_message(c, m, hf_buffer_bytes(&c->frame));
}

static void upgrade(crowd *c, crowd_member *m)
{
    char request[400];
    int size = snprintf(request, sizeof request,
                        "GET / HTTP/1.1\r\nHost: localhost:%u\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: holdfast.1\r\n\r\n",
                        c->port);
    m->state = CROWD_UPGRADING;
    write_all(c, m, (const uint8_t *)request, (size_t)size);
}

/* ---- what comes ---- */

static void on_welcome(crowd *c, crowd_member *m, const hf_welcome *welcome)
{
    if (welcome->verdict != HF_RESUME) {
        fprintf(stderr, "bench: fleet: the hub does not know this device's place (%u)\n",
                welcome->verdict);
        exit(1);
    }
    m->state = CROWD_IN_SYNC;
    m->tries = 0;
    m->due = bench_seconds() + HF_PING_AFTER_MS / 1000.0;
    c->in_sync++;
    c->pending--;
}

static void on_frame(crowd *c, crowd_member *m, hf_bytes sealed)
{
    hf_bytes raw;
    hf_message message;
    if (hf_frame_open(c->deflater, sealed, &c->inflated, &raw) != HF_OK ||
        hf_message_read(raw, &message) != HF_OK) {
        fprintf(stderr, "bench: fleet: a frame cannot be read\n");
        exit(1);
    }
    hf_message answer = {.type = HF_FRAME_NONE};
    switch (message.type) {
    case HF_FRAME_WELCOME: on_welcome(c, m, &message.as.welcome); return;
    case HF_FRAME_PING:
        answer.type = HF_FRAME_PONG;
        answer.as.ping = message.as.ping;
        break;
    case HF_FRAME_FEED:
        c->fed++;
        answer.type = HF_FRAME_FEED_ACK;
        answer.as.position = message.as.feed.to;
        break;
    case HF_FRAME_ERROR:
        fprintf(stderr, "bench: fleet: the hub said %u: %.*s\n", message.as.farewell.code,
                (int)message.as.farewell.text.size, (const char *)message.as.farewell.text.data);
        return;
    default: return; /* HEADS, ORIGIN: nothing to answer */
    }
    send_frame(c, m, &answer);
}

/* Takes one thing off the front: an HTTP answer or a websocket frame. 0: not whole yet. */
static size_t take(crowd *c, crowd_member *m)
{
    if (m->state == CROWD_UPGRADING) {
        const uint8_t *end = memmem(m->in, m->in_size, "\r\n\r\n", 4);
        if (!end) return 0;
        size_t used = (size_t)(end - m->in) + 4;
        if (memcmp(m->in, "HTTP/1.1 101", 12) != 0) {
            hang_up(c, m);
            return 0;
        }
        m->state = CROWD_GREETING;
        send_message(c, m, (hf_bytes){m->hello, m->hello_size});
        return used;
    }
    size_t head = 2, size = m->in_size >= 2 ? m->in[1] & 0x7f : 0;
    if (size >= 126) head = size == 126 ? 4 : 10;
    if (m->in_size < head) return 0;
    for (size_t i = 2, long_size = 0; head > 2 && i < head; i++) {
        long_size = long_size << 8 | m->in[i];
        size = long_size;
    }
    if (size > MESSAGE_MAX) exit(1);
    if (m->in_size < head + size) return 0;
    if ((m->in[0] & 0x0f) == 8)
        hang_up(c, m); /* a close */
    else
        on_frame(c, m, (hf_bytes){m->in + head, size});
    return head + size;
}

static void keep(crowd_member *m, const uint8_t *bytes, size_t size)
{
    if (m->in_size + size > m->in_room) {
        m->in_room = m->in_size + size;
        m->in = realloc(m->in, m->in_room);
        if (!m->in) exit(1);
    }
    memcpy(m->in + m->in_size, bytes, size);
    m->in_size += size;
}

static void take_all(crowd *c, crowd_member *m)
{
    size_t used;
    while (m->state != CROWD_AWAY && m->in_size > 0 && (used = take(c, m)) > 0) {
        if (m->state == CROWD_AWAY) return; /* hung up: nothing is left */
        m->in_size -= used;
        memmove(m->in, m->in + used, m->in_size);
    }
    if (m->state == CROWD_AWAY || m->in_size > 0) return;
    free(m->in); /* an idle device holds nothing */
    m->in = NULL;
    m->in_room = 0;
}

static void serve(crowd *c, crowd_member *m)
{
    static uint8_t bytes[READ_SIZE];
    if (m->state == CROWD_AWAY) return;
    if (m->state == CROWD_SHAKING) {
        tls_step step = tls_outcome(m->ssl, SSL_do_handshake(m->ssl));
        if (step == TLS_FAILED) hang_up(c, m);
        if (step != TLS_DONE) return;
        upgrade(c, m);
    }
    while (m->state != CROWD_AWAY) {
        int size = SSL_read(m->ssl, bytes, sizeof bytes);
        if (size <= 0) {
            if (tls_outcome(m->ssl, size) == TLS_FAILED) hang_up(c, m);
            return;
        }
        keep(m, bytes, (size_t)size);
        take_all(c, m);
    }
}

/* ---- rounds ---- */

void crowd_connect(crowd *c, size_t count, size_t window)
{
    c->wanted = count < c->count ? count : c->count;
    c->window = window;
    c->begun = 0;
    c->dials = c->closed = c->pings = c->fed = 0;
}

static void begin_more(crowd *c)
{
    for (; c->begun < c->wanted && c->pending < c->window; c->begun++)
        if (c->members[c->begun].state == CROWD_AWAY) dial(c, &c->members[c->begun]);
}

/* After half a minute of silence the client asks whether the hub is there. */
static void ping(crowd *c, crowd_member *m, double now)
{
    hf_message message = {.type = HF_FRAME_PING};
    message.as.ping.nonce = ++c->pings;
    m->due = now + HF_PING_AFTER_MS / 1000.0;
    send_frame(c, m, &message);
}

static void look_at_clocks(crowd *c)
{
    double now = bench_seconds();
    if (now - c->looked < LOOK_EVERY_S) return;
    c->looked = now;
    for (size_t i = 0; i < c->begun; i++) {
        crowd_member *m = &c->members[i];
        if (now < m->due) continue;
        switch (m->state) {
        case CROWD_AWAY: dial(c, m); break;
        case CROWD_IN_SYNC: ping(c, m, now); break;
        default: hang_up(c, m);
        }
    }
}

void crowd_round(crowd *c, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    begin_more(c);
    int count = epoll_wait(c->epoll_fd, events, EVENTS, timeout_ms);
    for (int i = 0; i < count; i++) serve(c, events[i].data.ptr);
    look_at_clocks(c);
}
