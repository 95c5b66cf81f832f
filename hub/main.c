/* main.c: the daemon: one loop that joins the hub to its devices and to the commands beside it.
 *
 * Why all messages of a round come before one turn: the hub commits them together and only then
 * acknowledges, so that a hundred devices cost one fsync. */
#include "program.h"

#include "platform/clock.h"
#include "platform/enrol.h"
#include "platform/local.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/transport.h"
#include "sync/feed.h"
#include "sync/limits.h"
#include "sync/render.h"
#include "sync/validity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DRAIN_MS = 1500, DRAIN_ROUND_MS = 50, MESSAGES_MAX = 256 * 1024 * 1024 };

typedef struct hub_daemon {
    hf_program *program;
    hub_node *node;
    hf_loop *loop;
    hf_server *server;
    hf_enrol_server *enrol; /* NULL at a station: it enrols nobody */
    hf_uplink *uplink;      /* a station's; else NULL */
    hf_local *local;
    size_t links;
    hf_buffer seen; /* hf_last_seen of those who left since the last turn */
    hf_link_state upstream_shown;
    bool failed;
    bool begun; /* how long the hub was away is on disk */
} hub_daemon;

typedef struct hub_link { /* one device's connection, joined to its session */
    hub_daemon *daemon;
    hf_conn *conn;
    hf_peer *peer;
    uint8_t key_id[HF_HASH_SIZE];
    char key[9];  /* the first of its key's digits, for logs */
    bool refused; /* its bytes were wrong: say so, then close */
} hub_link;

/* ---- links ---- */

static bool admit(void *context, const hf_identity *peer)
{
    hub_daemon *d = context;
    return hf_hub_admits(d->node->hub, peer->key_id);
}

static hf_status on_open(void *context, hf_conn *conn, const hf_identity *peer, void **user)
{
    hub_daemon *d = context;
    hub_link *l = calloc(1, sizeof *l);
    if (!l) return HF_ERR_NOMEM;
    *l = (hub_link){.daemon = d, .conn = conn};
    memcpy(l->key_id, peer->key_id, sizeof l->key_id);
    (void)snprintf(l->key, sizeof l->key, "%02x%02x%02x%02x", l->key_id[0], l->key_id[1],
                   l->key_id[2], l->key_id[3]);
    hf_status status =
        hf_hub_link_up(d->node->hub, peer->key_id, peer->valid, hf_clock_now_ms(), &l->peer);
    bool holds = hf_validity_holds(peer->valid, hf_clock_wall_ms());
    hf_log(status == HF_OK ? HF_LOG_INFO : HF_LOG_WARN, "device-up",
           "key=%s status=%s tls=%s certificate=%s", l->key, hf_status_name(status),
           peer->resumed ? "resumed" : "full", holds ? "good" : "expired");
    if (status != HF_OK) {
        free(l);
        return status;
    }
    hf_peer_set_context(l->peer, l);
    d->links++;
    *user = l;
    return HF_OK;
}

static void on_message(void *user, hf_bytes message)
{
    hub_link *l = user;
    if (l->refused) return;
    hf_status status = hf_hub_recv(l->daemon->node->hub, l->peer, message, hf_clock_now_ms());
    if (status == HF_OK) return;
    l->refused = true;            /* on_close says why */
    hf_conn_read(l->conn, false); /* nothing that it goes on to say counts */
    hf_conn_want_write(l->conn);
}

static void on_writable(void *user)
{
    hub_link *l = user;
    hf_bytes message = {NULL, 0};
    hf_hub *hub = l->daemon->node->hub;
    hf_status status = hf_hub_send(hub, l->peer, hf_clock_now_ms(), &message);
    if (status == HF_OK && message.size) {
        status = hf_conn_send(l->conn, message);
        if (status == HF_OK) hf_conn_want_write(l->conn);
    } else if (l->refused || hf_hub_wants_close(hub, l->peer)) {
        hf_conn_close(l->conn, "ended by the session");
    }
    if (status == HF_OK) return;
    hf_log(HF_LOG_WARN, "send-failed", "key=%s status=%s", l->key, hf_status_name(status));
    hf_conn_close(l->conn, "could not write");
}

static void on_close(void *user, const char *reason)
{
    hub_link *l = user;
    hub_daemon *d = l->daemon;
    hf_peer_status now;
    char ended[256];
    bool was_ended = hf_peer_ended(l->peer, ended, sizeof ended);
    bool was_live = hf_peer_status_get(l->peer, &now);
    hf_last_seen seen = {.wall_ms = hf_clock_wall_ms(),
                         .position = was_live ? now.fed_position : HF_POSITION_UNKNOWN};
    memcpy(seen.key_id, l->key_id, sizeof seen.key_id);
    hf_write_raw(&d->seen, (hf_bytes){(const uint8_t *)&seen, sizeof seen});
    hf_hub_link_down(d->node->hub, l->peer, hf_clock_now_ms());
    hf_log(was_ended ? HF_LOG_WARN : HF_LOG_INFO, "device-down", "key=%s reason=\"%s\"", l->key,
           was_ended ? ended : reason);
    d->links--;
    free(l);
}

static void on_fail(void *context, const char *address, const char *reason)
{
    (void)context;
    hf_log(HF_LOG_WARN, "connection-refused", "address=%s reason=\"%s\"", address, reason);
}

/* ---- turns ---- */

/* What ended the last one must not be a riddle to who looks after this one. */
static void log_blamed(hub_daemon *d)
{
    hf_dot dot;
    char text[HF_DOT_TEXT_SIZE];
    if (!hf_store_blamed(d->node->store, &dot)) return;
    hf_dot_format(&dot, text);
    hf_log(HF_LOG_ERROR, "entry-blamed", "entry=%s reason=\"applying it ended the program\"", text);
}

static void turn_failed(hub_daemon *d, hf_status status)
{
    hf_log(HF_LOG_ERROR, "commit-failed", "status=%s problem=\"%s\"", hf_status_name(status),
           hf_store_problem(d->node->store));
    if (status != HF_ERR_CORRUPT) return; /* sessions were told; a full disk may have room again */
    d->failed = true;
    hf_loop_stop(d->loop);
}

/* When they were last here is worth a commit, but not one each. */
static void keep_seen(hub_daemon *d)
{
    if (d->seen.size == 0) return;
    hf_status status =
        hf_last_seen_keep(d->node->store, (const hf_last_seen *)(const void *)d->seen.data,
                          d->seen.size / sizeof(hf_last_seen), hf_clock_wall_ms());
    if (status != HF_OK)
        hf_log(HF_LOG_WARN, "last-seen-not-kept", "status=%s", hf_status_name(status));
    hf_buffer_clear(&d->seen);
}

/* What the station's devices wrote and the centre has: for who reads the log afterwards. */
static void log_upstream(hub_daemon *d)
{
    hf_edge_status now;
    hf_edge_status_get(hf_hub_upstream(d->node->hub), &now);
    if (now.link == d->upstream_shown) return;
    d->upstream_shown = now.link;
    hf_log(now.link == HF_LINK_DOWN ? HF_LOG_WARN : HF_LOG_INFO, "upstream", "state=%s",
           now.link == HF_LINK_DOWN ? "cut-off" : "connected");
}

/* On a full disk it is tried again with each turn: the hub serves meanwhile. */
static void begin_pulse(hub_daemon *d, uint64_t now_ms)
{
    if (d->begun) return;
    hf_status status = hf_hub_begin(d->node->hub, now_ms, hf_clock_wall_ms());
    d->begun = status == HF_OK;
    if (status != HF_OK)
        hf_log(HF_LOG_WARN, "outage-not-noted", "status=%s", hf_status_name(status));
}

/* A station is a client to its centre and a server to its devices, by one certificate. */
static void show_renewed(hub_daemon *d)
{
    const hf_home *home = &d->program->home;
    hf_key_paths paths = {.key = home->key, .certificate = home->certificate, .ca = home->ca};
    if (!d->server || !hf_uplink_certified(d->uplink)) return;
    hf_status status = hf_server_renewed(d->server, &paths);
    hf_log(status == HF_OK ? HF_LOG_INFO : HF_LOG_ERROR, "own-certificate-shown", "status=%s",
           hf_status_name(status));
}

static uint64_t on_turn(void *context, uint64_t now_ms)
{
    hub_daemon *d = context;
    hf_peer *peer;
    begin_pulse(d, now_ms);
    hf_status status = hf_hub_turn(d->node->hub, now_ms, hf_clock_wall_ms());
    if (status != HF_OK) turn_failed(d, status);
    while ((peer = hf_hub_next_ready(d->node->hub)) != NULL) {
        const hub_link *l = hf_peer_context(peer);
        hf_conn_want_write(l->conn);
    }
    keep_seen(d);
    uint64_t deadline_ms = hf_hub_deadline_ms(d->node->hub);
    if (!d->uplink) return deadline_ms;
    hf_uplink_turn(d->uplink, status, now_ms);
    show_renewed(d);
    log_upstream(d);
    uint64_t uplink_ms = hf_uplink_deadline_ms(d->uplink, now_ms);
    return uplink_ms < deadline_ms ? uplink_ms : deadline_ms;
}

/* ---- enrolment ---- */

static int on_enrol(void *context, hf_bytes body, const char *address, uint8_t *reply, size_t *size)
{
    hub_daemon *d = context;
    hf_buffer answer = {0};
    int http = hf_enroll_answer(&d->node->enroll, body, hf_clock_wall_ms(), &answer);
    hf_log(http == 200 ? HF_LOG_INFO : HF_LOG_WARN, "enrol", "address=%s answer=%d", address, http);
    if (answer.status != HF_OK || answer.size > *size) http = 500;
    *size = answer.status != HF_OK || answer.size > *size ? 0 : answer.size;
    if (*size) memcpy(reply, answer.data, *size);
    hf_buffer_free(&answer);
    return http;
}

/* ---- the hub's own certificate ---- */

/* It lasts ten years; a hub is started anew well within the last of them. Its key stays. */
static void renew_own(hub_daemon *d)
{
    hf_program *program = d->program;
    const hub_node *node = d->node;
    const hf_crypto *crypto = hf_keys_crypto(program->home.keys);
    const hf_hub_config *config = &node->config;
    const char *names[HF_CONFIG_NAMES_MAX] = {node->own_name};
    size_t count = config->name_count;
    hf_certificate own;
    hf_status status = crypto->certificate(crypto->context, crypto->own_certificate, &own);
    uint64_t wall_ms = hf_clock_wall_ms();
    if (status == HF_OK && hf_validity_holds(own.valid, wall_ms) &&
        wall_ms < hf_validity_due_ms(own.valid, crypto->own_key_id))
        return;
    for (size_t i = 0; i < count; i++) names[i] = config->names[i];
    if (status == HF_OK)
        status = hf_hub_issue_own(program, node->own_name, names, count ? count : 1);
    hf_log(status == HF_OK ? HF_LOG_INFO : HF_LOG_ERROR, "own-certificate-renewed", "status=%s",
           hf_status_name(status));
}

/* ---- begin and end ---- */

/* Every connection is a descriptor, and the system may allow fewer of these than we would take. */
static uint32_t devices_max(const hub_daemon *d)
{
    uint32_t allowed = hf_loop_connections_max(d->loop);
    return allowed < HUB_DEVICES_MAX ? allowed : HUB_DEVICES_MAX;
}

static const char *listen_host(const hf_place *place)
{
    return *place->host ? place->host : NULL;
}

static hf_status open_uplink(hub_daemon *d)
{
    hf_uplink_options options = {.edge = hf_hub_upstream(d->node->hub),
                                 .home = &d->program->home,
                                 .hubs = &d->node->config.upstream,
                                 .hub_count = 1,
                                 .message_size_max = HF_FRAME_SIZE_MAX,
                                 .centre_only = true};
    hf_status status = hf_uplink_open(d->loop, &options, &d->uplink);
    d->node->uplink = d->uplink;
    return status;
}

static hf_status open_listeners(hub_daemon *d)
{
    const hf_home *home = &d->program->home;
    const hf_hub_config *config = &d->node->config;
    hf_key_paths paths = {.key = home->key, .certificate = home->certificate, .ca = home->ca};
    hf_loop_options loop_options = {.many = true, .buffer_size_max = MESSAGES_MAX};
    uint16_t sync_port, enrol_port;
    hf_hub_ports(d->program, &sync_port, &enrol_port);
    hf_server_options server = {.address = listen_host(&config->listen),
                                .port = sync_port,
                                .paths = paths,
                                .message_size_max = HF_FRAME_SIZE_MAX,
                                .strangers = {.max = HF_STRANGERS_MAX,
                                              .per_address = HF_STRANGERS_PER_ADDRESS_MAX,
                                              .life_ms = HF_HANDSHAKE_MAX_MS,
                                              .handshakes = HF_HANDSHAKES_MAX,
                                              .fresh_ms = HF_HANDSHAKE_FRESH_MS,
                                              .flow_ms = HF_HANDSHAKE_FLOW_MS},
                                .events = {.context = d,
                                           .admit = admit,
                                           .on_open = on_open,
                                           .on_message = on_message,
                                           .on_writable = on_writable,
                                           .on_close = on_close,
                                           .on_fail = on_fail}};
    hf_enrol_options enrol = {.address = listen_host(&config->enrol_listen),
                              .port = enrol_port,
                              .paths = paths,
                              .strangers = {.max = HF_ENROL_STRANGERS_MAX,
                                            .per_address = HF_ENROL_STRANGERS_PER_ADDRESS_MAX,
                                            .life_ms = HF_ENROL_MAX_MS},
                              .context = d,
                              .on_enrol = on_enrol};
    hf_status status = hf_loop_new(&loop_options, &d->loop);
    if (status == HF_OK) server.connections_max = devices_max(d);
    if (status == HF_OK) status = hf_server_open(d->loop, &server, &d->server);
    if (status == HF_OK && !hf_hub_is_station(d->node))
        status = hf_enrol_open(d->loop, &enrol, &d->enrol);
    if (status == HF_OK && hf_hub_is_station(d->node)) status = open_uplink(d);
    if (status == HF_OK) status = hf_program_listen(d->program, d->loop, &d->local);
    return status;
}

/* For those who let the hub choose: the ports it has. */
static hf_status write_ports(hub_daemon *d)
{
    char text[64];
    uint16_t sync_port = hf_server_port(d->server);
    uint16_t enrol_port = d->enrol ? hf_enrol_port(d->enrol) : 0;
    int size = snprintf(text, sizeof text, "listen %u\nenrol %u\n", sync_port, enrol_port);
    hf_hub_set_ports(d->node, sync_port, enrol_port);
    return hf_file_write(d->program->home.ports, (hf_bytes){(const uint8_t *)text, (size_t)size},
                         0644);
}

static int begin(hub_daemon *d)
{
    hf_status status = open_listeners(d);
    if (status == HF_OK) status = write_ports(d);
    if (status == HF_OK) return HF_EXIT_OK;
    return hf_program_cannot_start(d->program, d->loop, status);
}

/* What was committed is acknowledged, then the devices are let go. Well within 5 seconds. */
static void drain(hub_daemon *d)
{
    uint64_t now_ms = hf_clock_now_ms(), deadline_ms = now_ms + DRAIN_MS;
    (void)on_turn(d, now_ms);
    if (hf_loop_run_once(d->loop, DRAIN_ROUND_MS) != HF_OK) return;
    hf_server_close(d->server);
    d->server = NULL;
    if (d->uplink) hf_uplink_end(d->uplink);
    while (d->links && now_ms < deadline_ms) {
        if (hf_loop_run_once(d->loop, DRAIN_ROUND_MS) != HF_OK) return;
        now_ms = hf_clock_now_ms();
    }
}

static void end(hub_daemon *d)
{
    hf_local_close(d->local);
    hf_enrol_close(d->enrol);
    hf_server_close(d->server);
    hf_uplink_close(d->uplink);
    if (d->loop) hf_loop_free(d->loop); /* tells each link that is left */
    hf_uplink_free(d->uplink);
    d->node->uplink = NULL;
    keep_seen(d);
    hf_buffer_free(&d->seen);
}

int hf_hub_cli_run(void *context, const hf_cli_args *args)
{
    hf_program *program = context;
    hub_daemon d = {.program = program, .node = program->node};
    int code = hf_program_open_alone(program, args);
    if (code == HF_EXIT_OK) {
        d.node->api.running = true;
        d.node->api.pid = getpid();
        if (!hf_hub_is_station(d.node)) renew_own(&d); /* a station's is renewed by the centre */
        code = begin(&d);
    }
    if (code == HF_EXIT_OK) {
        hf_log(HF_LOG_INFO, "started", "pid=%ld listen=%u enrol=%u devices-max=%u", (long)getpid(),
               hf_server_port(d.server), d.enrol ? hf_enrol_port(d.enrol) : 0, devices_max(&d));
        log_blamed(&d);
        hf_status status = hf_loop_run(d.loop, on_turn, &d);
        drain(&d);
        hf_status rested = hf_hub_rest(d.node->hub, hf_clock_wall_ms());
        if (rested != HF_OK)
            hf_log(HF_LOG_WARN, "rest-not-noted", "status=%s", hf_status_name(rested));
        hf_log(HF_LOG_INFO, "ended", "signal=%d", hf_loop_signal(d.loop));
        code = d.failed ? HF_EXIT_DATA : hf_cli_exit(status);
    }
    end(&d);
    return code;
}

int main(int argc, char **argv)
{
    hub_node node = {.store = NULL};
    return hf_program_main(&hf_hub_cli, &hf_hub_kind, &node, argc, argv);
}
