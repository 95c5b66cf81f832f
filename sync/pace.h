/* pace.h: how fast one way of a link is, learned from what was acknowledged; and from that, how
 * much may be under way on it, and how much of that in one frame. Pure.
 *
 * Why: what is under way waits in buffers that nobody can reach into, so all of it stands ahead of
 * what an officer writes now. Enough must be under way to keep the link busy until the answer is
 * here; a quarter of a second more keeps it busy without fail, and is all that an urgent entry may
 * have to wait for (DESIGN 5). Who keeps to this needs no bound on the socket's own buffers.
 *
 * An acknowledgement says at what time, by its sender's clock, it was made: so what the way there
 * takes is told from what the answer takes, which may itself stand behind bulk. Without that time
 * the whole round trip is taken for the way there. That way ends with the peer's commit: a busy
 * peer looks like a slow link, and is spared alike. */
#ifndef HF_PACE_H
#define HF_PACE_H

#include "limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HF_PACE_ROUNDS = 4 };

typedef struct hf_pace {
    uint64_t in_flight;            /* bytes sent and not acknowledged */
    uint64_t free_us;              /* by our clock, when the link has carried them, as we believe */
    uint64_t moved_ms;             /* by our clock, when something last went out or came back */
    uint32_t rate;                 /* bytes per second that it carried; 0: not known yet */
    uint32_t best[HF_PACE_ROUNDS]; /* the best of each of the last round trips; rate: of them all */
    uint32_t wait_ms;              /* what is waited for on the way there, of late */
    uint32_t clear_ms, least_ms;   /* a round trip less that wait: of late, and the least */
    uint32_t ratio;                /* raw bytes that a wire's byte stands for, in 256ths */
    uint32_t unpaced;              /* bytes sent that nobody acknowledges: the next frame's */
    /* Times and counts from here on wrap around; only their differences mean anything. */
    uint32_t delivered;  /* bytes acknowledged, ever */
    uint32_t stamp_ms;   /* the peer's clock in the last acknowledgement */
    uint32_t sent_ms;    /* when what that was for had been sent */
    uint32_t base_ms;    /* peer's clock less ours, and the shortest way there */
    uint32_t base_at_ms; /* when it was last about that short */
    uint32_t round_end;  /* `delivered` as the present round trip began */
    uint8_t round, late; /* place in `best`; round trips in a row with a long wait */
    bool based, stamped; /* base_ms, stamp_ms say something */
    bool filling;        /* the rate still grows from one round trip to the next */
    bool draining;       /* waits for an empty link, to see how short the way is */
} hf_pace;

typedef struct hf_pace_mark { /* goes with what was sent, until it is acknowledged */
    uint32_t size, at_ms;
    uint32_t delivered, stamp_ms, sent_ms; /* as they were then */
    bool blind;                            /* nothing was acknowledged since the link was empty */
    bool probe;                            /* the link was let run empty for it */
    bool full;                             /* the link had all it could carry */
} hf_pace_mark;

void hf_pace_open(hf_pace *pace);

/* Raw bytes that a frame may have now: a quarter of a second of the link, within bounds. */
size_t hf_pace_frame(const hf_pace *pace);
/* The same on the wire. */
size_t hf_pace_quarter(const hf_pace *pace);
/* May another frame go now? `ahead`: bytes under way that are as urgent as it, or more. Less urgent
 * ones stand in its way for the quarter second that they may be ahead, and no longer. */
bool hf_pace_open_for(const hf_pace *pace, uint64_t ahead, uint64_t now_ms);
/* When one may that is as urgent as all that is under way, unless an acknowledgement comes first.
 * Where none comes at all, a frame was lost by a fault of some program: the next one shows it to
 * the other end, so it is not held back for ever. */
uint64_t hf_pace_due_ms(const hf_pace *pace);

/* A frame of `raw` bytes went out as `wire`. */
hf_pace_mark hf_pace_sent(hf_pace *pace, size_t raw, size_t wire, uint64_t now_ms);
/* Something went out that is never acknowledged. */
void hf_pace_besides(hf_pace *pace, size_t wire);
/* `stamp_ms`: the peer's clock as it acknowledged; ours, now, if it said nothing of it. */
void hf_pace_acked(hf_pace *pace, const hf_pace_mark *mark, uint64_t now_ms, uint64_t stamp_ms);

#endif
