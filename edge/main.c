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
#include <sys/stat.h>
#include <unistd.h>

enum {
    DRAIN_MS = 2500,      /* to send what waits, after SIGTERM */
    DRAIN_CLOSE_MS = 500, /* and to say good-bye */
    DRAIN_ROUND_MS = 50
};

typedef struct edge_daemon {
    edge_program program;
    hf_loop *loop;
    hf_dialer *dialer;
    hf_local *local;
    hf_conn *conn; /* NULL while there is none */
    bool dialling, ending, failed;
    hf_buffer out;       /* the one message that waits to be written */
    hf_link_state shown; /* the state that was last logged */
} edge_daemon;

/* ---- messages out ---- */

/* Fetches the next message, when none waits, and asks to write it. */
static void pull(edge_daemon *d, uint64_t now_ms)
{
    hf_bytes message = {NULL, 0};
    if (!d->conn || d->out.size) return;
    hf_status status = hf_edge_send(d->program.edge, now_ms, &message);
    hf_buffer_clear(&d->out);
    if (status == HF_OK) hf_write_raw(&d->out, message);
    if (status == HF_OK) status = d->out.status;
    if (status != HF_OK) {
        hf_log(HF_LOG_ERROR, "send-failed", "status=%s", hf_status_name(status));
        hf_conn_close(d->conn, "could not make the next message");
    } else if (d->out.size) {
        hf_conn_want_write(d->conn);
    } else if (d->ending || hf_edge_wants_close(d->program.edge)) {
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
    hf_buffer_clear(&d->out);
    hf_edge_link_up(d->program.edge, hf_clock_now_ms());
    hf_log(HF_LOG_INFO, "link-up", "hub=%02x%02x%02x%02x", peer->key_id[0], peer->key_id[1],
           peer->key_id[2], peer->key_id[3]);
    *user = d;
    return HF_OK;
}

static void on_message(void *user, hf_bytes message)
{
    edge_daemon *d = user;
    if (d->ending) return;
    hf_status status = hf_edge_recv(d->program.edge, message, hf_clock_now_ms());
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
    hf_edge_link_down(d->program.edge, hf_clock_now_ms());
    hf_edge_status_get(d->program.edge, &now);
    hf_log(HF_LOG_INFO, "link-down", "reason=\"%s\" session=\"%s\"", reason, now.last_error);
}

static void on_fail(void *context, const char *address, const char *reason)
{
    edge_daemon *d = context;
    d->dialling = false;
    hf_edge_link_down(d->program.edge, hf_clock_now_ms());
    hf_log(HF_LOG_INFO, "dial-failed", "address=%s reason=\"%s\"", address, reason);
}

static void dial(edge_daemon *d, uint64_t now_ms)
{
    if (d->conn || d->dialling || !hf_edge_wants_link(d->program.edge, now_ms)) return;
    hf_status status = hf_dialer_dial(d->dialer);
    d->dialling = status == HF_OK;
    if (status == HF_OK || status == HF_ERR_BUSY) return; /* busy: the last one is still closing */
    hf_edge_link_down(d->program.edge, now_ms);
    hf_log(HF_LOG_WARN, "dial-failed", "status=%s", hf_status_name(status));
}

/* ---- turns ---- */

static void log_state(edge_daemon *d)
{
    static const char *const names[] = {"down", "greeting", "catching-up", "in-sync"};
    hf_edge_status now;
    hf_edge_status_get(d->program.edge, &now);
    if (now.link == d->shown) return;
    d->shown = now.link;
    hf_log(HF_LOG_INFO, "link-state", "state=%s", names[now.link]);
}

/* One line for each log that is safe further on: what an officer may be told is "at the hub". */
static void log_receipts(edge_daemon *d)
{
    hf_dot dot;
    char text[HF_DOT_TEXT_SIZE];
    while (hf_edge_next_receipt(d->program.edge, &dot)) {
        hf_dot_format(&dot, text);
        hf_log(HF_LOG_INFO, "at-hub", "up-to=%s", text);
    }
}

/* What ended the last one must not be a riddle to who looks after this one. */
static void log_blamed(edge_daemon *d)
{
    hf_dot dot;
    char text[HF_DOT_TEXT_SIZE];
    if (!hf_store_blamed(d->program.store, &dot)) return;
    hf_dot_format(&dot, text);
    hf_log(HF_LOG_ERROR, "entry-blamed", "entry=%s reason=\"applying it ended the program\"", text);
}

static void turn_failed(edge_daemon *d, hf_status status)
{
    hf_log(HF_LOG_ERROR, "commit-failed", "status=%s problem=\"%s\"", hf_status_name(status),
           hf_store_problem(d->program.store));
    if (d->conn) hf_conn_close(d->conn, hf_status_name(status));
    if (status != HF_ERR_CORRUPT) return; /* a full disk may have room again at the next dial */
    d->failed = true;
    hf_loop_stop(d->loop);
}

static uint64_t on_turn(void *context, uint64_t now_ms)
{
    edge_daemon *d = context;
    hf_status status = hf_edge_turn(d->program.edge, now_ms, hf_clock_wall_ms());
    log_receipts(d);
    if (status != HF_OK)
        turn_failed(d, status);
    else
        pull(d, now_ms);
    dial(d, now_ms);
    log_state(d);
    return hf_edge_deadline_ms(d->program.edge);
}

/* ---- commands beside us ---- */

static hf_status on_request(void *context, const char *request, char **reply)
{
    edge_daemon *d = context;
    hf_buffer answer = {0};
    hf_bytes text = {(const uint8_t *)request, strlen(request)};
    d->program.api.now_ms = hf_clock_now_ms();
    d->program.api.wall_ms = hf_clock_wall_ms();
    hf_status status = hf_edge_api_answer(&d->program.api, text, &answer);
    hf_log(HF_LOG_DEBUG, "request", "status=%s", hf_status_name(status));
    *reply = answer.data ? strndup((const char *)answer.data, answer.size) : NULL;
    hf_buffer_free(&answer);
    return *reply ? HF_OK : HF_ERR_NOMEM;
}

/* ---- begin and end ---- */

static int open_link(edge_daemon *d)
{
    const hf_home *home = &d->program.home;
    hf_dialer_options options = {
        .host = d->program.config.hub.host,
        .port = d->program.config.hub.port,
        .paths = {.key = home->key, .certificate = home->certificate, .ca = home->ca},
        .message_size_max = HF_FRAME_SIZE_MAX,
        .events = {.context = d,
                   .on_open = on_open,
                   .on_message = on_message,
                   .on_writable = on_writable,
                   .on_close = on_close,
                   .on_fail = on_fail},
    };
    hf_loop_options loop_options = {.many = false};
    hf_status status = hf_loop_new(&loop_options, &d->loop);
    if (status == HF_OK) status = hf_dialer_open(d->loop, &options, &d->dialer);
    if (status == HF_OK) status = hf_local_open(d->loop, home->socket, on_request, d, &d->local);
    if (status == HF_OK) return HF_EXIT_OK;
    fprintf(stderr, "%s run: cannot start (%s%s%s).\n", EDGE_PROGRAM, hf_status_name(status),
            d->loop ? ": " : "", d->loop ? hf_loop_error(d->loop) : "");
    return hf_cli_exit(status);
}

static bool has_waiting(edge_daemon *d)
{
    hf_standing standing;
    return hf_store_standing(d->program.store, &standing) == HF_OK && standing.waiting > 0;
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
    hf_edge_cli_close(&d->program);
}

int hf_edge_cli_run(void *context, const hf_cli_args *args)
{
    (void)context;
    edge_daemon d = {.conn = NULL};
    int code = hf_edge_cli_open_alone(&d.program, args);
    d.program.api.running = true;
    d.program.api.pid = getpid();
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
    umask(0077); /* records, keys and tokens are nobody else's */
    return hf_cli_run(&hf_edge_cli, argc, argv, NULL);
}
