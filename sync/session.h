/* session.h: one sync conversation, either side of it, as a pure state machine: protocol.md 4.
 *
 * Frames and time go in; frames, and what the peer said, come out. It has no store: who joins it
 * to one (sync/client.c, hub/peer.c) applies what came, commits, and only then lets the answers
 * go. So everything that a bad link or a bad peer can do to a conversation is tested without disk.
 */
#ifndef HF_SESSION_H
#define HF_SESSION_H

#include "messages.h"

typedef enum hf_side { HF_SIDE_CLIENT, HF_SIDE_HUB } hf_side;

typedef enum hf_session_state {
    HF_SESSION_CLOSED = 0, /* no link; also: link up, and all is said */
    HF_SESSION_GREETING,   /* before HELLO */
    HF_SESSION_GREETED,    /* HELLO is through, WELCOME not yet */
    HF_SESSION_OPEN,
    HF_SESSION_CLOSING /* an ERROR or BYE is still to be sent */
} hf_session_state;

typedef struct hf_session {
    hf_side side;
    hf_session_state state;
    uint64_t opened_at_ms, heard_at_ms;
    uint64_t closing_at_ms;  /* the farewell waits for the link since then; 0: not seen by a tick */
    uint64_t asked_at_ms;    /* last PING since we last heard; 0: none */
    uint64_t ping_nonce;     /* of the newest PING */
    uint64_t ping_sent_ms;   /* 0: its PONG came, or none was sent */
    uint64_t pong_nonce;     /* to be answered */
    uint64_t pings_since_ms; /* since then ... */
    uint32_t pings;          /* ... so many PINGs came */
    bool ping_due, pong_due, farewell_due;
    uint16_t code;           /* why it ended; 0: it did not, or the link just went */
    bool by_peer;            /* the peer ended it */
    bool bye;                /* not an error: come back later */
    uint64_t retry_after_ms; /* BYE's: ours to send, or the peer's wish */
    uint32_t round_trip_ms;  /* of the newest PING and PONG; UINT32_MAX: not known */
    char text[160];          /* goes with `code`; a sentence without a full stop */
} hf_session;

void hf_session_open(hf_session *session, hf_side side, uint64_t now_ms);
void hf_session_close(hf_session *session); /* the link is gone; `code` and `text` stay */

/* Takes one raw frame (out of its Z). `out` is what the owner has to act on, borrowed from `raw`;
 * its type is HF_FRAME_NONE when the session dealt with it. PUSH, FEED and ENTRIES come with every
 * entry's body parsed. HF_ERR_PROTOCOL, HF_ERR_LIMIT: the session is failing, nothing of the frame
 * applies. */
HF_MUST_CHECK hf_status hf_session_recv(hf_session *session, hf_bytes raw, uint64_t now_ms,
                                        hf_message *out);
/* Our own greeting was sent: HELLO by a client, WELCOME by a hub. */
void hf_session_greeted(hf_session *session);
/* Moves timers: pings, and fails a session that has gone silent. */
void hf_session_tick(hf_session *session, uint64_t now_ms);
uint64_t hf_session_deadline_ms(const hf_session *session); /* UINT64_MAX: none */

/* Ends the session with ERROR `code`. The first failure stands. */
void hf_session_fail(hf_session *session, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Fails it as `status` asks: 101 or 103 for the peer's bytes, 402 full, 500 for our own trouble. */
void hf_session_fail_status(hf_session *session, hf_status status, const char *what);
void hf_session_bye(hf_session *session, uint16_t code, uint64_t retry_after_ms);

/* Writes the next frame that the session itself owes (PONG, PING, ERROR, BYE). False: none. */
bool hf_session_send(hf_session *session, uint64_t now_ms, uint64_t wall_ms, hf_buffer *out);
bool hf_session_has_output(const hf_session *session);
bool hf_session_live(const hf_session *session); /* neither closing nor closed */
bool hf_session_over(const hf_session *session); /* nothing more will be said: close the link */

/* ---- frames received and not yet applied ---- */

/* One raw frame, whole. Its owner is the session it came on. */
typedef struct hf_received {
    struct hf_received *next;
    void *owner;
    size_t size;
    /* A hub's alone, else 0: what it costs to apply, and what it fills of its lane's window. */
    uint32_t work, entries, bytes;
    uint32_t judged; /* entries that may need a verdict */
    uint8_t lane;
    bool by_lane; /* PUSH, HEAD: it has its place in its lane, not among the others' frames */
    bool asked;   /* the hub asked for it */
    uint16_t
        refused; /* a relayed group that is not believed: why; the rest goes on. 0: it may be */
    uint8_t data[];
} hf_received;

typedef struct hf_inbox { /* first in, first out; zero-initialise */
    hf_received *first, *last;
    size_t count, bytes; /* bytes of memory, not of frames: small ones cost more than they say */
} hf_inbox;

/* Copies `raw` in. HF_ERR_NOMEM. The caller bounds `bytes`. */
HF_MUST_CHECK hf_status hf_inbox_put(hf_inbox *inbox, void *owner, hf_bytes raw);
/* `received`, which the caller has unlinked from the one, becomes the other's last. */
void hf_inbox_pass(hf_inbox *from, hf_inbox *to, hf_received *received);
void hf_inbox_drop(hf_inbox *inbox, const void *owner); /* every frame of it; NULL: all frames */
/* `from` and every later frame of the same owner. */
void hf_inbox_drop_from(hf_inbox *inbox, const hf_received *from);

#endif
