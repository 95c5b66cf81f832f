/* uplink.c: see uplink.h.
 *
 * Why one message at a time: what goes next is decided when the socket can take it, so that a
 * custody entry written now is not behind what was queued a second ago. */
#include "uplink.h"

#include "clock.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

enum { KNOCK_MS = 10 * 60 * 1000 }; /* between two looks for a hub that the list does not name */

typedef struct line {  /* the way to one hub */
    struct line *next; /* of all there ever were: what a dialer knows is not taken from it */
    hf_uplink *uplink;
    hf_place place;
    bool pinned; /* by the list of hubs: */
    uint8_t key_id[HF_HASH_SIZE];
    hf_dialer *dialer;   /* NULL until it is dialled */
    bool certified_anew; /* the dialer still shows the former certificate */
} line;

struct hf_uplink {
    hf_uplink_options options;
    hf_loop *loop;
    line *lines;                     /* all of them */
    line *order[HF_UPLINK_HUBS_MAX]; /* best first */
    size_t count;
    uint64_t followed;   /* hf_edge_places_changes as of `order` */
    const line *current; /* whose connection is ours */
    line *dialled;       /* being dialled, for the link or for a better one; NULL: none */
    line *knocked; /* being dialled, or open, to show the list to a hub that it does not name */
    hf_conn *knock;
    hf_bytes shown_there; /* the list, until it is written */
    uint64_t knock_at_ms;
    hf_conn *conn;          /* NULL while there is none */
    bool ending, certified; /* a new certificate came, and nobody asked since */
    uint8_t *out;           /* the one message that waits to be written */
    size_t out_size;
    hf_validity hub_valid;
    uint8_t hub_key[HF_HASH_SIZE]; /* whose connection it is */
    hf_link_state shown;           /* the state that was last logged */
    char problem[HF_CONN_REASON_SIZE];
};

/* ---- messages out ---- */

static hf_status keep_message(hf_uplink *u, hf_bytes message)
{
    uint8_t *out = realloc(u->out, message.size);
    if (!out) return HF_ERR_NOMEM;
    memcpy(out, message.data, message.size);
    u->out = out;
    u->out_size = message.size;
    return HF_OK;
}

/* Fetches the next message, when none waits, and asks to write it. */
static void pull(hf_uplink *u, uint64_t now_ms)
{
    hf_bytes message = {NULL, 0};
    if (!u->conn || u->out_size) return;
    hf_status status = hf_edge_send(u->options.edge, now_ms, &message);
    if (status == HF_OK && message.size) status = keep_message(u, message);
    if (status != HF_OK) {
        hf_log(HF_LOG_ERROR, "send-failed", "status=%s", hf_status_name(status));
        hf_conn_close(u->conn, "could not make the next message");
    } else if (u->out_size) {
        hf_conn_want_write(u->conn);
    } else if (u->ending || hf_edge_wants_close(u->options.edge)) {
        hf_conn_close(u->conn, "ended here");
    }
}

/* Another has taken its place: its end is nobody's business. */
static bool is_left(const line *l)
{
    return l != l->uplink->current;
}

/* It is taken or not, and that is the end of it. */
static void write_list(hf_uplink *u)
{
    hf_bytes list = u->shown_there;
    hf_status status = list.size ? hf_conn_send(u->knock, list) : HF_OK;
    free((uint8_t *)list.data);
    u->shown_there = (hf_bytes){NULL, 0};
    hf_conn_close(u->knock, status == HF_OK ? "it was shown the list of hubs" : "could not write");
}

static void on_writable(void *user)
{
    const line *l = user;
    hf_uplink *u = l->uplink;
    if (l == u->knocked) write_list(u);
    if (is_left(l)) return;
    hf_status status = HF_OK;
    if (u->out_size) status = hf_conn_send(u->conn, (hf_bytes){u->out, u->out_size});
    u->out_size = 0;
    if (status != HF_OK)
        hf_conn_close(u->conn, "could not write");
    else
        pull(u, hf_clock_now_ms());
}

/* ---- the link ---- */

static size_t index_of(const hf_uplink *u, const line *l)
{
    size_t index = 0;
    while (index < u->count && u->order[index] != l) index++;
    return index;
}

/* A dial beside a link that is there, or for one. */
static void dial_failed(hf_uplink *u, uint64_t now_ms)
{
    u->dialled = NULL;
    if (u->conn)
        hf_edge_better_failed(u->options.edge, now_ms);
    else
        hf_edge_link_down(u->options.edge, now_ms);
}

/* Is it one of those whom we look for? Nobody else will say that the dial came to nothing. */
static bool is_wanted(hf_uplink *u, const line *l, const hf_identity *peer,
                      const hf_certificate *hub)
{
    const char *why = NULL;
    if (index_of(u, l) == u->count) why = "the list of hubs names it no longer";
    if (l->pinned && memcmp(l->key_id, peer->key_id, HF_HASH_SIZE) != 0)
        why = "not whom the list of hubs names";
    if (u->options.centre_only && hub && hub->is_station) why = "it is a station, too";
    if (!why) return true;
    hf_log(HF_LOG_INFO, "hub-passed-over", "host=%s reason=\"%s\"", l->place.host, why);
    if (l == u->dialled) dial_failed(u, hf_clock_now_ms());
    return false;
}

/* A hub answers that the list does not name. Not HF_OK: there is nothing to tell it. */
static hf_status show_list(hf_uplink *u, hf_conn *conn, const hf_certificate *hub)
{
    hf_bytes message = {NULL, 0};
    hf_status status = hub ? hf_edge_hubs_message(u->options.edge, hub, &message) : HF_OK;
    uint8_t *copy = status == HF_OK && message.size ? malloc(message.size) : NULL;
    if (!copy) {
        u->knocked = NULL;
        u->knock_at_ms = UINT64_MAX; /* a hub of the list, under another address: once is enough */
        return HF_ERR_BUSY;
    }
    memcpy(copy, message.data, message.size);
    u->shown_there = (hf_bytes){copy, message.size};
    u->knock = conn;
    hf_conn_want_write(conn);
    hf_log(HF_LOG_WARN, "former-centre",
           "hub=%02x%02x%02x%02x reason=\"the list of hubs names another\"", hub->key_id[0],
           hub->key_id[1], hub->key_id[2], hub->key_id[3]);
    return HF_OK;
}

static hf_status on_open(void *context, hf_conn *conn, const hf_identity *peer, void **user)
{
    line *l = context;
    hf_uplink *u = l->uplink;
    const hf_crypto *crypto = hf_keys_crypto(u->options.home->keys);
    size_t index = index_of(u, l);
    hf_certificate hub;
    bool is_known = crypto->certificate(crypto->context, peer->certificate, &hub) == HF_OK;
    if (l == u->knocked) {
        *user = l;
        return show_list(u, conn, is_known ? &hub : NULL);
    }
    if (!is_wanted(u, l, peer, is_known ? &hub : NULL)) return HF_ERR_DENIED;
    hf_conn *former = u->conn;
    u->current = l;
    u->conn = conn;
    u->dialled = NULL;
    u->ending = false;
    u->hub_valid = peer->valid;
    memcpy(u->hub_key, peer->key_id, HF_HASH_SIZE);
    u->out_size = 0;
    u->problem[0] = 0;
    if (former)
        hf_edge_link_move(u->options.edge, index, is_known ? &hub : NULL, hf_clock_now_ms());
    else
        hf_edge_link_up(u->options.edge, is_known ? &hub : NULL, hf_clock_now_ms());
    if (former) hf_conn_close(former, "a better hub answers");
    hf_log(HF_LOG_INFO, "link-up", "hub=%02x%02x%02x%02x station=%s place=%zu", peer->key_id[0],
           peer->key_id[1], peer->key_id[2], peer->key_id[3],
           is_known && hub.is_station ? "yes" : "no", index + 1);
    *user = l;
    return HF_OK;
}

static void on_message(void *user, hf_bytes message)
{
    const line *l = user;
    hf_uplink *u = l->uplink;
    if (is_left(l) || u->ending) return;
    hf_status status = hf_edge_recv(u->options.edge, message, hf_clock_now_ms());
    if (status == HF_OK) return;
    u->ending = true; /* once our ERROR frame is out */
    hf_log(HF_LOG_WARN, "message-refused", "status=%s size=%zu", hf_status_name(status),
           message.size);
}

static void on_close(void *user, const char *reason)
{
    const line *l = user;
    hf_uplink *u = l->uplink;
    hf_edge_status now;
    if (l == u->knocked) {
        free((uint8_t *)u->shown_there.data);
        u->shown_there = (hf_bytes){NULL, 0};
        u->knocked = NULL;
        u->knock = NULL;
    }
    if (is_left(l)) return;
    u->conn = NULL;
    u->current = NULL;
    hf_edge_link_down(u->options.edge, hf_clock_now_ms());
    hf_edge_status_get(u->options.edge, &now);
    hf_log(HF_LOG_INFO, "link-down", "reason=\"%s\" session=\"%s\"", reason, now.last_error);
}

static void on_fail(void *context, const char *address, const char *reason)
{
    line *l = context;
    hf_uplink *u = l->uplink;
    if (l == u->knocked) {
        u->knocked = NULL; /* as it should be */
        return;
    }
    if (!u->conn && l == u->order[0]) /* why the others do not answer matters less */
        (void)snprintf(u->problem, sizeof u->problem, "%s", reason);
    dial_failed(u, hf_clock_now_ms());
    hf_log(HF_LOG_INFO, "dial-failed", "address=%s reason=\"%s\"", address, reason);
}

static hf_status dialer_open(line *l, hf_dialer **out)
{
    const hf_uplink *u = l->uplink;
    const hf_home *home = u->options.home;
    hf_dialer_options options = {
        .host = l->place.host,
        .port = l->place.port,
        .paths = {.key = home->key, .certificate = home->certificate, .ca = home->ca},
        .message_size_max = u->options.message_size_max,
        .events = {.context = l,
                   .on_open = on_open,
                   .on_message = on_message,
                   .on_writable = on_writable,
                   .on_close = on_close,
                   .on_fail = on_fail},
    };
    return hf_dialer_open(u->loop, &options, out);
}

/* A new one for a new certificate also forgets the TLS session, which would go on showing the
 * former one. */
static hf_status dialer_ready(line *l)
{
    if (l->dialer && !l->certified_anew) return HF_OK;
    hf_dialer *next = NULL;
    hf_status status = dialer_open(l, &next);
    if (status != HF_OK) return status;
    hf_dialer_close(l->dialer);
    l->dialer = next;
    l->certified_anew = false;
    return HF_OK;
}

static hf_status line_dial(line *l)
{
    hf_status ready = dialer_ready(l);
    if (ready != HF_OK)
        hf_log(HF_LOG_WARN, "certificate-not-used", "status=%s", hf_status_name(ready));
    return l->dialer ? hf_dialer_dial(l->dialer) : ready;
}

/* Beside a link that is good: a hub that we were told of once and that no list names may be a
 * former centre. Should it be there again, it must not take in the work of those who do not know.
 */
static line *former(const hf_uplink *u)
{
    line *l = u->count ? u->order[u->count - 1] : NULL;
    if (!u->conn || u->dialled || u->knocked || l == u->current) return NULL;
    return u->order[0]->pinned && !l->pinned ? l : NULL;
}

static void look_for_former(hf_uplink *u, uint64_t now_ms)
{
    line *l = former(u);
    if (!l || now_ms < u->knock_at_ms) return;
    /* When a link came up is chance enough that not all of them look at once. */
    u->knock_at_ms = now_ms + KNOCK_MS + now_ms % KNOCK_MS / 2;
    u->knocked = l;
    if (line_dial(l) != HF_OK) u->knocked = NULL;
}

static void dial(hf_uplink *u, uint64_t now_ms)
{
    hf_edge *edge = u->options.edge;
    size_t index = hf_edge_hub(edge);
    bool wanted =
        u->conn ? hf_edge_wants_better(edge, now_ms, &index) : hf_edge_wants_link(edge, now_ms);
    line *l = u->order[index];
    if (u->dialled || !wanted || l == u->knocked) return; /* a knock is over in seconds */
    hf_status status = line_dial(l);
    if (status == HF_OK) u->dialled = l;
    if (status == HF_OK || status == HF_ERR_BUSY) return; /* busy: the last one is still closing */
    dial_failed(u, now_ms);
    hf_log(HF_LOG_WARN, "dial-failed", "status=%s", hf_status_name(status));
}

/* ---- which hubs ---- */

typedef struct ordered { /* one line in the order that is to be */
    line *line;
    bool pinned;
    uint8_t key_id[HF_HASH_SIZE];
} ordered;

typedef struct ordering {
    ordered items[HF_UPLINK_HUBS_MAX];
    size_t count;
} ordering;

static bool goes_to(const line *l, const hf_place *place)
{
    return strcmp(l->place.host, place->host) == 0 && l->place.port == place->port;
}

/* The line to this place, which may be there already; NULL: out of memory. */
static line *line_to(hf_uplink *u, const hf_place *place)
{
    line *l = u->lines;
    while (l && !goes_to(l, place)) l = l->next;
    if (l) return l;
    l = calloc(1, sizeof *l);
    if (!l) return NULL;
    *l = (line){.next = u->lines, .uplink = u, .place = *place};
    u->lines = l;
    return l;
}

/* `key_id` NULL: whoever answers there. A place that has one already keeps it. */
static hf_status add(hf_uplink *u, ordering *o, const hf_place *place, const uint8_t *key_id)
{
    for (size_t i = 0; i < o->count; i++)
        if (goes_to(o->items[i].line, place)) return HF_OK;
    if (o->count == HF_UPLINK_HUBS_MAX) return HF_OK; /* the least wanted */
    ordered *item = &o->items[o->count];
    item->line = line_to(u, place);
    if (!item->line) return HF_ERR_NOMEM;
    item->pinned = key_id != NULL;
    if (key_id) memcpy(item->key_id, key_id, HF_HASH_SIZE);
    o->count++;
    return HF_OK;
}

/* Those of the list first; then those of the configuration, by which a node finds its first hub,
 * and by which it can still be led out of a list whose addresses are all gone. */
static hf_status order_make(hf_uplink *u, ordering *o)
{
    size_t count = HF_UPLINK_HUBS_MAX;
    hf_hub_place *listed = calloc(count, sizeof *listed);
    memset(o, 0, sizeof *o);
    hf_status status = listed ? hf_edge_places(u->options.edge, listed, &count) : HF_ERR_NOMEM;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        hf_place place;
        if (hf_place_read(listed[i].address, HF_PORT_SESSION, &place) == HF_OK)
            status = add(u, o, &place, listed[i].key_id);
    }
    for (size_t i = 0; i < u->options.hub_count && status == HF_OK; i++)
        status = add(u, o, &u->options.hubs[i], NULL);
    free(listed);
    return status;
}

/* True when anything is another than before. */
static bool order_take(hf_uplink *u, const ordering *o)
{
    bool differs = u->count != o->count;
    for (size_t i = 0; i < o->count; i++) {
        const ordered *item = &o->items[i];
        line *l = item->line;
        if (u->order[i] != l || l->pinned != item->pinned ||
            memcmp(l->key_id, item->key_id, HF_HASH_SIZE) != 0)
            differs = true;
        u->order[i] = l;
        l->pinned = item->pinned;
        memcpy(l->key_id, item->key_id, HF_HASH_SIZE);
    }
    u->count = o->count;
    return differs;
}

static void drop_unlisted(hf_uplink *u)
{
    for (line *l = u->lines; l; l = l->next) {
        if (index_of(u, l) < u->count || !l->dialer) continue;
        if (u->dialled == l) u->dialled = NULL;
        if (u->knocked == l && !u->knock) u->knocked = NULL;
        hf_dialer_close(l->dialer); /* and its connection: on_close follows */
        l->dialer = NULL;
    }
}

/* Who is where the list wants him to be does not notice that it is new. */
static void follow(hf_uplink *u, uint64_t now_ms)
{
    ordering o;
    uint64_t changes = hf_edge_places_changes(u->options.edge);
    if (changes == u->followed) return;
    hf_status status = order_make(u, &o);
    if (status != HF_OK) { /* what there is goes on, and this is tried again */
        hf_log(HF_LOG_WARN, "hubs-not-read", "status=%s", hf_status_name(status));
        return;
    }
    u->followed = changes;
    if (!order_take(u, &o)) return;
    u->knock_at_ms = 0;
    const line *l = u->current;
    bool is_another = l && l->pinned && memcmp(l->key_id, u->hub_key, HF_HASH_SIZE) != 0;
    size_t at = l && !is_another ? index_of(u, l) : u->count;
    hf_edge_hubs_changed(u->options.edge, u->count, at, now_ms);
    if (is_another) hf_conn_close(u->conn, "not whom the list of hubs names");
    drop_unlisted(u);
    hf_log(HF_LOG_INFO, "hubs", "count=%zu best=%s:%u", u->count, u->order[0]->place.host,
           u->order[0]->place.port);
}

/* ---- turns ---- */

static void log_state(hf_uplink *u)
{
    static const char *const names[] = {"down", "greeting", "catching-up", "in-sync"};
    hf_edge_status now;
    hf_edge_status_get(u->options.edge, &now);
    if (now.link == u->shown) return;
    u->shown = now.link;
    hf_log(HF_LOG_INFO, "link-state", "state=%s", names[now.link]);
}

/* On disk first, then in use: a power cut leaves one of two certificates for the same key. */
static void take_certificate(hf_uplink *u)
{
    hf_bytes der;
    const hf_home *home = u->options.home;
    if (!hf_edge_certificate(u->options.edge, &der)) return;
    hf_status status = hf_keys_replace(home->keys, home->certificate, der);
    for (line *l = u->lines; l && status == HF_OK; l = l->next) l->certified_anew = true;
    u->certified = status == HF_OK;
    hf_edge_certificate_kept(u->options.edge, status == HF_OK);
    hf_log(status == HF_OK ? HF_LOG_INFO : HF_LOG_ERROR, "certificate-renewed", "status=%s",
           hf_status_name(status));
}

bool hf_uplink_certified(hf_uplink *uplink)
{
    bool certified = uplink->certified;
    uplink->certified = false;
    return certified;
}

void hf_uplink_turn(hf_uplink *uplink, hf_status status, uint64_t now_ms)
{
    take_certificate(uplink);
    if (status == HF_OK)
        pull(uplink, now_ms);
    else if (uplink->conn) /* a full disk may have room again at the next dial */
        hf_conn_close(uplink->conn, hf_status_name(status));
    follow(uplink, now_ms);
    dial(uplink, now_ms);
    look_for_former(uplink, now_ms);
    log_state(uplink);
}

uint64_t hf_uplink_deadline_ms(const hf_uplink *uplink, uint64_t now_ms)
{
    uint64_t due_ms = hf_edge_deadline_ms(uplink->options.edge);
    bool is_dialling = (uplink->dialled || uplink->knocked) && !uplink->conn;
    if (former(uplink) && uplink->knock_at_ms < due_ms) due_ms = uplink->knock_at_ms;
    return is_dialling && due_ms <= now_ms ? UINT64_MAX : due_ms;
}

bool hf_uplink_connected(const hf_uplink *uplink)
{
    return uplink->conn != NULL;
}

hf_validity hf_uplink_hub_validity(const hf_uplink *uplink)
{
    return uplink->hub_valid;
}

const char *hf_uplink_problem(const hf_uplink *uplink)
{
    return uplink->problem;
}

/* ---- begin and end ---- */

hf_status hf_uplink_open(hf_loop *loop, const hf_uplink_options *options, hf_uplink **out)
{
    *out = NULL;
    hf_uplink *u = calloc(1, sizeof *u);
    if (!u) return HF_ERR_NOMEM;
    u->options = *options;
    u->loop = loop;
    u->followed = hf_edge_places_changes(options->edge);
    ordering o;
    hf_status status = order_make(u, &o);
    (void)order_take(u, &o);
    for (size_t i = 0; i < u->count && status == HF_OK; i++) status = dialer_ready(u->order[i]);
    if (status == HF_OK) hf_edge_hubs(options->edge, u->count);
    *out = u; /* what was opened of it is closed with it */
    return status;
}

void hf_uplink_end(hf_uplink *uplink)
{
    if (uplink->conn) hf_conn_close(uplink->conn, "ended here");
}

void hf_uplink_close(hf_uplink *uplink)
{
    for (line *l = uplink ? uplink->lines : NULL; l; l = l->next) hf_dialer_close(l->dialer);
}

void hf_uplink_free(hf_uplink *uplink)
{
    if (!uplink) return;
    while (uplink->lines) {
        line *l = uplink->lines;
        uplink->lines = l->next;
        free(l);
    }
    free((uint8_t *)uplink->shown_there.data);
    free(uplink->out);
    free(uplink);
}
