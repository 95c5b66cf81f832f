/* strangers.c: see strangers.h. A few hundred at most, so every look is a walk over all. */
#include "strangers.h"

#include "loop_private.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { LOOK_US = 1000 * 1000 }; /* between two looks for those whose time is up */

typedef struct stranger {
    struct lws *wsi;
    uint64_t network; /* where it comes from */
    lws_usec_t since;
} stranger;

struct hf_strangers {
    hf_strangers_limits limits;
    uint64_t announced;
    size_t count;
    struct lws_context *lws;
    lws_sorted_usec_list_t timer;
    bool timer_set;
    struct lws *listener; /* NULL: not known yet, or gone */
    lws_sorted_usec_list_t door;
    lws_usec_t proved_at; /* the last who did */
    bool closed;          /* the door */
    stranger all[];
};

hf_status hf_strangers_new(const hf_loop *loop, const hf_strangers_limits *limits,
                           hf_strangers **out)
{
    uint32_t quarter = loop->descriptors_max / 4;
    uint32_t max = limits->max < quarter ? limits->max : quarter;
    hf_strangers *strangers = calloc(1, sizeof *strangers + max * sizeof *strangers->all);
    *out = strangers;
    if (!strangers) return HF_ERR_NOMEM;
    strangers->limits = *limits;
    strangers->limits.max = max;
    strangers->lws = loop->lws;
    return HF_OK;
}

void hf_strangers_free(hf_strangers *strangers)
{
    if (!strangers) return;
    if (strangers->timer_set) lws_sul_cancel(&strangers->timer);
    if (strangers->closed) lws_sul_cancel(&strangers->door);
    free(strangers);
}

/* An IPv4 address, or the network part of an IPv6 one: who has one address there has them all. */
void hf_strangers_announce(hf_strangers *strangers, int fd)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&peer;
    const struct sockaddr_in *four = (const struct sockaddr_in *)&peer;
    strangers->announced = 0;
    if (getpeername(fd, (struct sockaddr *)&peer, &size)) return;
    if (peer.ss_family == AF_INET) strangers->announced = four->sin_addr.s_addr;
    if (peer.ss_family != AF_INET6) return;
    uint32_t mapped;
    memcpy(&strangers->announced, &six->sin6_addr, sizeof strangers->announced);
    memcpy(&mapped, six->sin6_addr.s6_addr + 12, sizeof mapped);
    if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) strangers->announced = mapped;
}

static void forget(hf_strangers *strangers, size_t index)
{
    size_t after = --strangers->count - index;
    memmove(&strangers->all[index], &strangers->all[index + 1], after * sizeof *strangers->all);
}

/* Not from within this call: lws may be using the connection, or the one that came. */
static void cut(hf_strangers *strangers, size_t index)
{
    lws_set_timeout(strangers->all[index].wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    forget(strangers, index);
}

/* They stand in the order in which they came. */
static void make_room(hf_strangers *strangers)
{
    size_t neighbours = 0, oldest = 0;
    for (size_t i = strangers->count; i-- > 0;) {
        if (strangers->all[i].network != strangers->announced) continue;
        neighbours++;
        oldest = i;
    }
    if (neighbours >= strangers->limits.per_address)
        cut(strangers, oldest);
    else if (strangers->count == strangers->limits.max)
        cut(strangers, 0);
}

static void set_timer(hf_strangers *strangers);

static void look(lws_sorted_usec_list_t *timer)
{
    hf_strangers *strangers = lws_container_of(timer, hf_strangers, timer);
    lws_usec_t life_us = (lws_usec_t)strangers->limits.life_ms * 1000;
    strangers->timer_set = false;
    while (strangers->count && lws_now_usecs() - strangers->all[0].since >= life_us)
        cut(strangers, 0);
    if (strangers->count) set_timer(strangers);
}

static void set_timer(hf_strangers *strangers)
{
    if (strangers->timer_set) return;
    strangers->timer_set = true;
    lws_sul_schedule(strangers->lws, 0, &strangers->timer, look, LOOK_US);
}

/* ---- the door ---- */

static size_t fresh(const hf_strangers *strangers, lws_usec_t now)
{
    lws_usec_t fresh_us = (lws_usec_t)strangers->limits.fresh_ms * 1000;
    size_t at = strangers->count; /* the newest stand last */
    while (at > 0 && now - strangers->all[at - 1].since < fresh_us) at--;
    return strangers->count - at;
}

static void look_at_door(lws_sorted_usec_list_t *timer);

static void mind_door(hf_strangers *strangers)
{
    lws_usec_t now = lws_now_usecs(), flow_us = (lws_usec_t)strangers->limits.flow_ms * 1000;
    bool flows = strangers->proved_at && now - strangers->proved_at < flow_us;
    bool close = strangers->limits.handshakes && strangers->listener && flows &&
                 fresh(strangers, now) >= strangers->limits.handshakes;
    if (close != strangers->closed && strangers->listener)
        lws_rx_flow_control(strangers->listener, !close);
    if (strangers->closed) lws_sul_cancel(&strangers->door);
    strangers->closed = close;
    if (close) lws_sul_schedule(strangers->lws, 0, &strangers->door, look_at_door, flow_us);
}

static void look_at_door(lws_sorted_usec_list_t *timer)
{
    mind_door(lws_container_of(timer, hf_strangers, door));
}

void hf_strangers_listener(hf_strangers *strangers, struct lws *wsi)
{
    strangers->listener = wsi;
}

void hf_strangers_enter(hf_strangers *strangers, struct lws *wsi)
{
    if (strangers->limits.max == 0) return;
    make_room(strangers);
    strangers->all[strangers->count++] =
        (stranger){.wsi = wsi, .network = strangers->announced, .since = lws_now_usecs()};
    set_timer(strangers);
    mind_door(strangers);
}

static bool forget_one(hf_strangers *strangers, const struct lws *wsi)
{
    for (size_t i = 0; i < strangers->count; i++) {
        if (strangers->all[i].wsi != wsi) continue;
        forget(strangers, i);
        return true;
    }
    return false;
}

void hf_strangers_proved(hf_strangers *strangers, const struct lws *wsi)
{
    if (!forget_one(strangers, wsi)) return;
    strangers->proved_at = lws_now_usecs();
    mind_door(strangers);
}

void hf_strangers_leave(hf_strangers *strangers, const struct lws *wsi)
{
    if (wsi == strangers->listener) strangers->listener = NULL;
    if (forget_one(strangers, wsi)) mind_door(strangers);
}
