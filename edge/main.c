/* main.c: the daemon: one loop that joins the edge to its hub and to the commands beside it.
 *
 * Why one thread: the store belongs to the thread that opened it, and what a command writes between
 * two turns is sent in the next one, with no lock to wait for. */
#include "program.h"

#include "platform/clock.h"
#include "platform/local.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/uplink.h"
#include "sync/limits.h"
#include "sync/render.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    DRAIN_MS = 2500,      /* to send what waits, after SIGTERM */
    DRAIN_CLOSE_MS = 500, /* and to say good-bye */
    DRAIN_ROUND_MS = 50,
    ROOM_EVERY_MS = 60 * 1000
};

typedef struct edge_daemon {
    hf_program *program;
    edge_node *node;
    hf_loop *loop;
    hf_uplink *uplink;
    hf_local *local;
    uint64_t room_at_ms; /* when the disk was last looked at */
    bool failed;
} edge_daemon;

/* ---- turns ---- */

/* One line for each log that is safe further on: what an officer may be told is "at the hub". */
static void log_receipts(edge_daemon *d)
{
    hf_dot dot;
    char text[HF_DOT_TEXT_SIZE];
    bool at_centre;
    while (hf_edge_next_receipt(d->node->edge, &dot, &at_centre)) {
        hf_dot_format(&dot, text);
        hf_log(HF_LOG_INFO, at_centre ? "at-hub" : "at-station", "up-to=%s", text);
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

static void turn_failed(edge_daemon *d, hf_status status)
{
    hf_log(HF_LOG_ERROR, "commit-failed", "status=%s problem=\"%s\"", hf_status_name(status),
           hf_store_problem(d->node->store));
    if (status != HF_ERR_CORRUPT) return; /* a full disk may have room again at the next dial */
    d->failed = true;
    hf_loop_stop(d->loop);
}

static void note_room(edge_daemon *d, uint64_t now_ms)
{
    if (d->room_at_ms && now_ms - d->room_at_ms < ROOM_EVERY_MS) return;
    d->room_at_ms = now_ms ? now_ms : 1;
    hf_edge_free_mib(d->node->edge, hf_file_free_mib(d->program->home.data));
}

static uint64_t on_turn(void *context, uint64_t now_ms)
{
    edge_daemon *d = context;
    note_room(d, now_ms);
    hf_status status = hf_edge_turn(d->node->edge, now_ms, hf_clock_wall_ms());
    log_receipts(d);
    if (status != HF_OK) turn_failed(d, status);
    hf_uplink_turn(d->uplink, status, now_ms);
    d->node->own.hub_certificate = hf_uplink_hub_validity(d->uplink);
    return hf_uplink_deadline_ms(d->uplink, now_ms);
}

/* ---- begin and end ---- */

static int open_link(edge_daemon *d)
{
    hf_loop_options loop_options = {.many = false};
    hf_uplink_options uplink = {.edge = d->node->edge,
                                .home = &d->program->home,
                                .hubs = d->node->config.hubs,
                                .hub_count = d->node->config.hub_count,
                                .message_size_max = HF_FRAME_SIZE_MAX};
    hf_status status = hf_loop_new(&loop_options, &d->loop);
    if (status == HF_OK) status = hf_uplink_open(d->loop, &uplink, &d->uplink);
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
    while (hf_uplink_connected(d->uplink) && now_ms < deadline_ms && has_waiting(d)) {
        (void)on_turn(d, now_ms);
        if (hf_loop_run_once(d->loop, DRAIN_ROUND_MS) != HF_OK) return;
        now_ms = hf_clock_now_ms();
    }
    hf_uplink_end(d->uplink);
    deadline_ms = now_ms + DRAIN_CLOSE_MS;
    while (hf_uplink_connected(d->uplink) && now_ms < deadline_ms) {
        if (hf_loop_run_once(d->loop, DRAIN_ROUND_MS) != HF_OK) return;
        now_ms = hf_clock_now_ms();
    }
}

static void end(edge_daemon *d)
{
    hf_local_close(d->local);
    hf_uplink_close(d->uplink);
    if (d->loop) hf_loop_free(d->loop);
    hf_uplink_free(d->uplink);
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
