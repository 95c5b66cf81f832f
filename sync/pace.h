/* pace.h: how fast one way of a link carries, learned from what was acknowledged; and from that,
 * how much may be under way on it, and how much of that in one frame. Pure.
 *
 * Why: what is under way waits in buffers that nobody can reach into, so all of it stands ahead of
 * what an officer writes now. Enough must be under way to keep the link busy for a round trip; a
 * quarter of a second more than that keeps it busy without fail, and is all that an urgent entry
 * may have to wait for (DESIGN 5). Who keeps to this needs no bound on the socket's own buffers.
 *
 * Round trips include the peer's commit: a busy peer looks like a slow link, and is spared alike.
 */
#ifndef HF_PACE_H
#define HF_PACE_H

#include "limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HF_PACE_ROUNDS = 8 };

typedef struct hf_pace {
    uint64_t in_flight; /* bytes sent and not acknowledged */
    uint64_t ramp;      /* how much may be, since the link was last empty */
    uint32_t rate;      /* bytes per second that the link has carried; 0: not known yet */
    uint32_t best[HF_PACE_ROUNDS]; /* the best of each of the last round trips; rate is the best */
    uint32_t base_ms;              /* a round trip when nothing stands in the way */
    uint32_t ratio;                /* raw bytes that a wire's byte stands for, in 256ths */
    uint32_t delivered;            /* bytes acknowledged, ever; these four wrap around */
    uint32_t delivered_ms;         /* ... the last of them */
    uint32_t sent_ms;              /* when what was acknowledged last had been sent */
    uint32_t base_at_ms;           /* when a round trip was last about that short */
    uint32_t round_end;            /* `delivered` as the present round trip began */
    uint32_t unpaced;              /* bytes sent that nobody acknowledges: the next frame's */
    uint8_t round, late;           /* place in `best`; round trips in a row that were too long */
    bool filling;                  /* the rate still grows from one round trip to the next */
    bool draining;                 /* waits for an empty link, to see how short a round trip is */
} hf_pace;

typedef struct hf_pace_mark { /* goes with what was sent, until it is acknowledged */
    uint32_t size, at_ms;
    uint32_t delivered, delivered_ms, sent_ms; /* as they were then */
    bool alone;                                /* nothing else was under way */
    bool full;                                 /* the link had all it could carry */
} hf_pace_mark;

void hf_pace_open(hf_pace *pace);

/* Raw bytes that a frame may have now: a quarter of a second of the link, within bounds. */
size_t hf_pace_frame(const hf_pace *pace);
/* The same on the wire. */
size_t hf_pace_quarter(const hf_pace *pace);
/* May another frame go? `ahead`: bytes under way that are as urgent as it, or more. Less urgent
 * ones stand in its way for the quarter second that they may be ahead, and no longer. */
bool hf_pace_open_for(const hf_pace *pace, uint64_t ahead);

/* A frame of `raw` bytes went out as `wire`. */
hf_pace_mark hf_pace_sent(hf_pace *pace, size_t raw, size_t wire, uint64_t now_ms);
/* Something went out that is never acknowledged. */
void hf_pace_besides(hf_pace *pace, size_t wire);
void hf_pace_acked(hf_pace *pace, const hf_pace_mark *mark, uint64_t now_ms);

#endif
