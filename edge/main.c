/* main.c: the daemon: one loop that joins the edge to its hub and to the commands beside it.
 *
 * Why one thread: the store belongs to the thread that opened it, and what a command writes between
 * two turns is sent in the next one, with no lock to wait for. */
#include "program.h"

#include "platform/clock.h"
#include "platform/local.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/transport.h"
#include "sync/limits.h"
#include "sync/render.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    DRAIN_MS = 2500,      /* to send what waits, after SIGTERM */
    DRAIN_CLOSE_MS = 500, /* and to say good-bye */
    DRAIN_ROUND_MS = 50
};

typedef struct edge_daemon {
    hf_program *program;
    edge_node *node;
    hf_loop *loop;
    hf_dialer *dialer;
    hf_local *local;
    hf_conn *conn; /* NULL while there is none */
    bool dialling, ending, failed;
    bool certified_anew; /* the dialer still shows the former certificate */
    hf_buffer out;       /* the one message that waits to be written */
    hf_link_state shown; /* the state that was last logged */
} edge_daemon;

/* ---- messages out ---- */

/* Fetches the next message, when none waits, and asks to write it. */
static void pull(edge_daemon *d, uint64_t now_ms)
{
    hf_bytes message = {NULL, 0};
    if (!d->conn || d->out.size) return;
    hf_status status = hf_edge_send(d->node->edge, now_ms, &message);
    hf_buffer_clear(&d->out);
    if (status == HF_OK) hf_write_raw(&d->out, message);
    if (status == HF_OK) status = d->out.status;
    if (status != HF_OK) {
        hf_log(HF_LOG_ERROR, "send-failed", "status=%s", hf_status_name(status));
        hf_conn_close(d->conn, "could not make the next message");
    } else if (d->out.size) {
        hf_conn_want_write(d->conn);
    } else if (d->ending || hf_edge_wants_close(d->node->edge)) {
        hf_conn_close(d->conn, "ended here");
    }
}

static void on_writable(void *user)
{
    edge_daemon *d = user;
    hf_status status = HF_OK;
    if (d->out.size) status = hf_conn_send(d->conn, hf_buffer_bytes(&d->out));
    hf_buffer_clear(&d->out);
    if (status != HF_OK)
        hf_conn_close(d->conn, "could not write");
    else
        pull(d, hf_clock_now_ms());
}

/* ---- the link ---- */

static hf_status on_open(void *context, hf_conn *conn, const hf_identity *peer, void **user)
{
    edge_daemon *d = context;
    d->conn = conn;
    d->dialling = d->ending = false;
    d->node->own.hub_certificate = peer->valid;
    hf_buffer_clear(&d->out);
    hf_edge_link_up(d->node->edge, NULL, hf_clock_now_ms());
    hf_log(HF_LOG_INFO, "link-up", "hub=%02x%02x%02x%02x", peer->key_id[0], peer->key_id[1],
           peer->key_id[2], peer->key_id[3]);
    *user = d;
    return HF_OK;
}

static void on_message(void *user, hf_bytes message)
{
    edge_daemon *d = user;
    if (d->ending) return;
    hf_status status = hf_edge_recv(d->node->edge, message, hf_clock_now_ms());
    if (status == HF_OK) return;
    d->ending = true; /* once our ERROR frame is out */
    hf_log(HF_LOG_WARN, "message-refused", "status=%s size=%zu", hf_status_name(status),
           message.size);
}

static void on_close(void *user, const char *reason)
{
    edge_daemon *d = user;
    hf_edge_status now;
    d->conn = NULL;
    hf_edge_link_down(d->node->edge, hf_clock_now_ms());
    hf_edge_status_get(d->node->edge, &now);
    hf_log(HF_LOG_INFO, "link-down", "reason=\"%s\" session=\"%s\"", reason, now.last_error);
}

static void on_fail(void *context, const char *address, const char *reason)
{
    edge_daemon *d = context;
    d->dialling = false;
    hf_edge_link_down(d->node->edge, hf_clock_now_ms());
    hf_log(HF_LOG_INFO, "dial-failed", "address=%s reason=\"%s\"", address, reason);
}

static hf_status dialer_open(edge_daemon *d, hf_dialer **out)
{
    const hf_home *home = &d->program->home;
    hf_dialer_options options = {
        .host = d->node->config.hub.host,
        .port = d->node->config.hub.port,
        .paths = {.key = home->key, .certificate = home->certificate, .ca = home->ca},
        .message_size_max = HF_FRAME_SIZE_MAX,
        .events = {.context = d,
                   .on_open = on_open,
                   .on_message = on_message,
                   .on_writable = on_writable,
                   .on_close = on_close,
                   .on_fail = on_fail},
    };
    return hf_dialer_open(d->loop, &options, out);
}

/* Also forgets the TLS session, which would go on showing the former one. */
static hf_status dialer_renew(edge_daemon *d)
{
    if (!d->certified_anew) return HF_OK;
    hf_dialer *next = NULL;
    hf_status status = dialer_open(d, &next);
    if (status != HF_OK) return status;
    hf_dialer_close(d->dialer);
    d->dialer = next;
    d->certified_anew = false;
    return HF_OK;
}

static void dial(edge_daemon *d, uint64_t now_ms)
{
    if (d->conn || d->dialling || !hf_edge_wants_link(d->node->edge, now_ms)) return;
    hf_status renewed = dialer_renew(d);
    if (renewed != HF_OK)
        hf_log(HF_LOG_WARN, "certificate-not-used", "status=%s", hf_status_name(renewed));
    hf_status status = hf_dialer_dial(d->dialer);
    d->dialling = status == HF_OK;
    if (status == HF_OK || status == HF_ERR_BUSY) return; /* busy: the last one is still closing */
    hf_edge_link_down(d->node->edge, now_ms);
    hf_log(HF_LOG_WARN, "dial-failed", "status=%s", hf_status_name(status));
}

/* ---- turns ---- */

static void log_state(edge_daemon *d)
{
    static const char *const names[] = {"down", "greeting", "catching-up", "in-sync"};
    hf_edge_status now;
    hf_edge_status_get(d->node->edge, &now);
    if (now.link == d->shown) return;
    d->shown = now.link;
    hf_log(HF_LOG_INFO, "link-state", "state=%s", names[now.link]);
}

/* One line for each log that is safe further on: what an officer may be told is "at the hub". */
static void log_receipts(edge_daemon *d)
{
    hf_dot dot;
    char text[HF_DOT_TEXT_SIZE];
    while (hf_edge_next_receipt(d->node->edge, &dot, NULL)) {
        hf_dot_format(&dot, text);
        hf_log(HF_LOG_INFO, "at-hub", "up-to=%s", text);
    }
}

/* What ended the last one must not be a riddle to who looks after this one. */
static void log_blamed(edge_daemon *d)
{
    hf_dot dot;
    char text[HF_DOT_TEXT_SIZE];
    if (!hf_store_blamed(d->node->store, &dot)) return;
    hf_dot_format(&dot, text);
    hf_log(HF_LOG_ERROR, "entry-blamed", "entry=%s reason=\"applying it ended the program\"", text);
}

/* On disk first, then in use: a power cut leaves one of two certificates for the same key. */
static void take_certificate(edge_daemon *d)
{
    hf_bytes der;
    const hf_home *home = &d->program->home;
    if (!hf_edge_certificate(d->node->edge, &der)) return;
    hf_status status = hf_keys_replace(home->keys, home->certificate, der);
    d->certified_anew = d->certified_anew || status == HF_OK;
    hf_edge_certificate_kept(d->node->edge, status == HF_OK);
    hf_log(status == HF_OK ? HF_LOG_INFO : HF_LOG_ERROR, "certificate-renewed", "status=%s",
           hf_status_name(status));
}

static void turn_failed(edge_daemon *d, hf_status status)
{
    hf_log(HF_LOG_ERROR, "commit-failed", "status=%s problem=\"%s\"", hf_status_name(status),
           hf_store_problem(d->node->store));
    if (d->conn) hf_conn_close(d->conn, hf_status_name(status));
    if (status != HF_ERR_CORRUPT) return; /* a full disk may have room again at the next dial */
    d->failed = true;
    hf_loop_stop(d->loop);
}

static uint64_t on_turn(void *context, uint64_t now_ms)
{
    edge_daemon *d = context;
    hf_status status = hf_edge_turn(d->node->edge, now_ms, hf_clock_wall_ms());
    log_receipts(d);
    take_certificate(d);
    if (status != HF_OK)
        turn_failed(d, status);
    else
        pull(d, now_ms);
    dial(d, now_ms);
    log_state(d);
    return hf_edge_deadline_ms(d->node->edge);
}

/* ---- begin and end ---- */

static int open_link(edge_daemon *d)
{
    hf_loop_options loop_options = {.many = false};
    hf_status status = hf_loop_new(&loop_options, &d->loop);
    if (status == HF_OK) status = dialer_open(d, &d->dialer);
    if (status == HF_OK) status = hf_program_listen(d->program, d->loop, &d->local);
    if (status == HF_OK) return HF_EXIT_OK;
    return hf_program_cannot_start(d->program, d->loop, status);
}

static bool has_waiting(edge_daemon *d)
{
    hf_standing standing;
    return hf_store_standing(d->node->store, &standing) == HF_OK && standing.waiting > 0;
}

/* What is written already may still reach the hub; then good-bye. Well within 5 seconds. */
static void drain(edge_daemon *d)
{
    uint64_t now_ms = hf_clock_now_ms(), deadline_ms = now_ms + DRAIN_MS;
    while (d->conn && now_ms < deadline_ms && has_waiting(d)) {
        (void)on_turn(d, now_ms);
        if (hf_loop_run_once(d->loop, DRAIN_ROUND_MS) != HF_OK) return;
        now_ms = hf_clock_now_ms();
    }
    if (d->conn) hf_conn_close(d->conn, "ended here");
    deadline_ms = now_ms + DRAIN_CLOSE_MS;
    while (d->conn && now_ms < deadline_ms) {
        if (hf_loop_run_once(d->loop, DRAIN_ROUND_MS) != HF_OK) return;
        now_ms = hf_clock_now_ms();
    }
}

static void end(edge_daemon *d)
{
    hf_local_close(d->local);
    hf_dialer_close(d->dialer);
    if (d->loop) hf_loop_free(d->loop);
    hf_buffer_free(&d->out);
}

int hf_edge_cli_run(void *context, const hf_cli_args *args)
{
    hf_program *program = context;
    edge_daemon d = {.program = program, .node = program->node};
    int code = hf_program_open_alone(program, args);
    d.node->api.running = true;
    d.node->api.pid = getpid();
    if (code == HF_EXIT_OK) code = open_link(&d);
    if (code == HF_EXIT_OK) {
        hf_log(HF_LOG_INFO, "started", "pid=%ld", (long)getpid());
        log_blamed(&d);
        hf_status status = hf_loop_run(d.loop, on_turn, &d);
        drain(&d);
        hf_log(HF_LOG_INFO, "ended", "signal=%d", hf_loop_signal(d.loop));
        code = d.failed ? HF_EXIT_DATA : hf_cli_exit(status);
    }
    end(&d);
    return code;
}

int main(int argc, char **argv)
{
    edge_node node = {.store = NULL};
    return hf_program_main(&hf_edge_cli, &hf_edge_kind, &node, argc, argv);
}
