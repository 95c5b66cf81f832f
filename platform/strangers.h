/* strangers.h: connections that have not yet proved who they are: how many, from where, how long.
 *
 * Why the oldest goes when there is no room, and not the newest that comes: whoever means well is
 * done in a second or two, so among the oldest are those that only hold a place. Somebody who opens
 * connections without end drives out his own.
 *
 * And why not all who come are let in at once: ten thousand handshakes side by side are none that
 * ends in time. As long as those inside get done one after the other, the rest wait where they cost
 * nothing, in the system's queue. Who holds places without ever proving himself stops nobody: when
 * for a moment nobody got done, the door is open. */
#ifndef HF_PLATFORM_STRANGERS_H
#define HF_PLATFORM_STRANGERS_H

#include "loop.h"

struct lws;

typedef struct hf_strangers_limits {
    uint32_t max;         /* at once; 0: no bound */
    uint32_t per_address; /* ... from one address; of IPv6, from one network of 2^64 */
    uint32_t life_ms;     /* after that it is closed */
    uint32_t handshakes;  /* so many under way, and the next who come wait; 0: nobody waits */
    uint32_t fresh_ms;    /* ... of those who came within that time: who is slow counts no more */
    uint32_t flow_ms;     /* ... as long as within that time one of them got done */
} hf_strangers_limits;

typedef struct hf_strangers hf_strangers;

/* Of the descriptors that the loop may open, strangers get a quarter at most, whatever `max` says.
 */
HF_MUST_CHECK hf_status hf_strangers_new(const hf_loop *loop, const hf_strangers_limits *limits,
                                         hf_strangers **out);
void hf_strangers_free(hf_strangers *strangers); /* NULL is fine */

/* A connection on socket `fd` is about to come; then it is here. What has no room is cut. */
void hf_strangers_announce(hf_strangers *strangers, int fd);
void hf_strangers_enter(hf_strangers *strangers, struct lws *wsi);
/* It has proved who it is. */
void hf_strangers_proved(hf_strangers *strangers, const struct lws *wsi);
/* It is gone; a connection that is no stranger, or the listener itself, may be too. */
void hf_strangers_leave(hf_strangers *strangers, const struct lws *wsi);
/* Where they come in; known when the first one does. */
void hf_strangers_listener(hf_strangers *strangers, struct lws *wsi);

#endif
