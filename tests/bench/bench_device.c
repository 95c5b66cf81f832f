/* bench_device.c: an edge as edge/main.c runs it, which says when each thing happened.
 *
 *   device FOLDER PORT     dials localhost:PORT; obeys standard input, and ends with it:
 *     put                  writes one record
 *     urgent               writes one of lane 1: who is held in a cell
 *     watch                from now on tells of each entry of lane 1 that comes
 *     cut                  ends the connection; it dials again when the node wants to
 *
 * Prints lines, T in seconds of the monotonic clock, which is one for all processes:
 *   dial T, state NAME T, closed T
 *   saved T T              a put began; it was durable here
 *   held POSITION T        what came from the hub is durable here, up to this place in our feed
 *   risk SEQ T             that entry of lane 1 is durable here
 *
 * Why not the daemon: its log has milliseconds of a clock that may be set, and a write through its
 * command line costs more than the whole way to the hub. */
#include "folder.h"
#include "gen.h"

#include "holdfast/edge.h"
#include "platform/clock.h"
#include "platform/loop.h"
#include "platform/transport.h"
#include "sync/feed.h"
#include "sync/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CUSTODY = 21 }; /* a type of the pack, of lane 1 */

typedef struct device {
    folder files;
    hf_edge *edge;
    hf_loop *loop;
    hf_dialer *dialer;
    hf_watch *commands;
    hf_conn *conn; /* NULL while there is none */
    bool dialling, failed, watching;
    hf_buffer out; /* the one message that waits to be written */
    hf_link_state shown;
    uint64_t position;
    gen records;
    hf_buffer value; /* scratch */
} device;

static void tell(const char *what)
{
    printf("%s %.6f\n", what, bench_seconds());
    fflush(stdout);
}

static void fail(device *d, const char *what, hf_status status)
{
    fprintf(stderr, "bench: device: %s: %s\n", what, hf_status_name(status));
    d->failed = true;
    hf_loop_stop(d->loop);
}

/* ---- the link, as in edge/main.c ---- */

static void pull(device *d, uint64_t now_ms)
{
    hf_bytes message = {NULL, 0};
    if (!d->conn || d->out.size) return;
    hf_status status = hf_edge_send(d->edge, now_ms, &message);
    hf_buffer_clear(&d->out);
    if (status == HF_OK) hf_write_raw(&d->out, message);
    if (status == HF_OK) status = d->out.status;
    if (status != HF_OK) fail(d, "send", status);
    if (d->out.size)
        hf_conn_want_write(d->conn);
    else if (hf_edge_wants_close(d->edge))
        hf_conn_close(d->conn, "ended here");
}

static void on_writable(void *user)
{
    device *d = user;
    hf_status status = HF_OK;
    if (d->out.size) status = hf_conn_send(d->conn, hf_buffer_bytes(&d->out));
    hf_buffer_clear(&d->out);
    if (status == HF_OK)
        pull(d, hf_clock_now_ms());
    else
        hf_conn_close(d->conn, "could not write");
}

static hf_status on_open(void *context, hf_conn *conn, const hf_identity *peer, void **user)
{
    device *d = context;
    (void)peer;
    d->conn = conn;
    d->dialling = false;
    hf_buffer_clear(&d->out);
    hf_edge_link_up(d->edge, NULL, hf_clock_now_ms());
    *user = d;
    return HF_OK;
}

static void on_message(void *user, hf_bytes message)
{
    device *d = user;
    hf_status status = hf_edge_recv(d->edge, message, hf_clock_now_ms());
    if (status != HF_OK) fail(d, "a message", status);
}

static void on_close(void *user, const char *reason)
{
    device *d = user;
    (void)reason;
    d->conn = NULL;
    hf_edge_link_down(d->edge, hf_clock_now_ms());
    tell("closed");
}

static void on_fail(void *context, const char *address, const char *reason)
{
    device *d = context;
    fprintf(stderr, "bench: device: dialling %s: %s\n", address, reason);
    d->dialling = false;
    hf_edge_link_down(d->edge, hf_clock_now_ms());
}

static void dial(device *d, uint64_t now_ms)
{
    if (d->conn || d->dialling || !hf_edge_wants_link(d->edge, now_ms)) return;
    double began = bench_seconds();
    hf_status status = hf_dialer_dial(d->dialer);
    if (status == HF_ERR_BUSY) return; /* the last one is still closing */
    if (status != HF_OK) {
        fail(d, "dial", status);
        return;
    }
    d->dialling = true;
    printf("dial %.6f\n", began);
    fflush(stdout);
}

/* ---- turns ---- */

static hf_status tell_risk(void *context, const hf_entry *entry)
{
    const double *at = context;
    if (entry->dot.lane == HF_LANE_RISK)
        printf("risk %llu %.6f\n", (unsigned long long)entry->dot.seq, *at);
    return HF_OK;
}

/* What came since the last turn, which was one frame or a few. */
static void tell_watched(device *d, uint64_t position, double at)
{
    for (uint64_t after = d->position; after < position; after += HF_FEED_READ_MAX) {
        hf_status status = hf_feed_read(d->files.store, after, HF_FEED_READ_MAX, tell_risk, &at);
        if (status != HF_OK) fail(d, "the feed", status);
    }
}

static void tell_turn(device *d)
{
    static const char *const names[] = {"down", "greeting", "catching-up", "in-sync"};
    hf_edge_status now;
    uint64_t position = hf_feed_position(d->files.store);
    double at = bench_seconds();
    if (d->watching) tell_watched(d, position, at);
    if (position != d->position) printf("held %llu %.6f\n", (unsigned long long)position, at);
    d->position = position;
    hf_edge_status_get(d->edge, &now);
    if (now.link != d->shown) printf("state %s %.6f\n", names[now.link], at);
    d->shown = now.link;
    fflush(stdout);
}

static uint64_t on_turn(void *context, uint64_t now_ms)
{
    device *d = context;
    hf_dot receipt;
    hf_status status = hf_edge_turn(d->edge, now_ms, hf_clock_wall_ms());
    while (hf_edge_next_receipt(d->edge, &receipt, NULL)) continue;
    if (status != HF_OK) {
        fail(d, "a turn", status);
        return HF_LOOP_NEVER;
    }
    tell_turn(d);
    pull(d, now_ms);
    dial(d, now_ms);
    return hf_edge_deadline_ms(d->edge);
}

/* ---- commands ---- */

static hf_status write_urgent(device *d, hf_txn *txn)
{
    hf_change change = {.scope = d->files.scopes[0], .kind = HF_CHANGE_SET, .field = 1};
    hf_buffer_clear(&d->value);
    hf_write_string(&d->value, "51/2019/004411");
    change.value = hf_buffer_bytes(&d->value);
    hf_status status = hf_txn_new_id(txn, CUSTODY, &change.record);
    return status == HF_OK ? hf_txn_change(txn, &change) : status;
}

static void put(device *d, bool urgent)
{
    gen_record record;
    hf_txn *txn = NULL;
    if (!urgent) gen_next(&d->records, &record);
    double began = bench_seconds();
    hf_author author = {.actor = "PC 4411 Rees"};
    hf_edge_clock(d->edge, hf_clock_now_ms(), hf_clock_wall_ms(), &author.wall_ms, &author.quality);
    hf_status status = hf_txn_begin(d->files.store, &author, &txn);
    if (status == HF_OK)
        status =
            urgent ? write_urgent(d, txn) : gen_write(txn, &record, d->files.scopes[0], &d->value);
    if (status == HF_OK) status = hf_txn_commit(txn, NULL, NULL);
    if (status != HF_OK) fail(d, "put", status);
    printf("saved %.6f %.6f\n", began, bench_seconds());
    fflush(stdout);
    d->position = hf_feed_position(d->files.store); /* ours, not the hub's */
}

static void on_command(void *context)
{
    device *d = context;
    char line[64];
    ssize_t size = read(STDIN_FILENO, line, sizeof line - 1);
    if (size <= 0) {
        hf_loop_stop(d->loop);
        return;
    }
    line[size] = 0;
    if (strncmp(line, "put", 3) == 0) put(d, false);
    if (strncmp(line, "urgent", 6) == 0) put(d, true);
    if (strncmp(line, "watch", 5) == 0) d->watching = true;
    if (strncmp(line, "cut", 3) == 0 && d->conn) hf_conn_close(d->conn, "cut");
}

static hf_status open_all(device *d, uint16_t port)
{
    hf_edge_options edge = {.implementation = "bench device"};
    hf_loop_options loop = {.many = false};
    hf_dialer_options options = {
        .host = "localhost",
        .port = port,
        .paths = {d->files.key, d->files.certificate, d->files.ca},
        .message_size_max = HF_FRAME_SIZE_MAX,
        .events = {.context = d,
                   .on_open = on_open,
                   .on_message = on_message,
                   .on_writable = on_writable,
                   .on_close = on_close,
                   .on_fail = on_fail},
    };
    hf_status status = hf_edge_new(d->files.store, &edge, &d->edge);
    if (status == HF_OK) status = hf_loop_new(&loop, &d->loop);
    if (status == HF_OK) status = hf_dialer_open(d->loop, &options, &d->dialer);
    if (status == HF_OK) status = hf_watch_open(d->loop, STDIN_FILENO, on_command, d, &d->commands);
    return status;
}

int main(int argument_count, char **arguments)
{
    device d = {.records = gen_start()};
    if (argument_count != 3) {
        fprintf(stderr, "usage: device FOLDER PORT\n");
        return 2;
    }
    if (!folder_open(&d.files, arguments[1], false)) return 1;
    d.position = hf_feed_position(d.files.store);
    if (d.position && !folder_scopes(&d.files)) return 1; /* one that met no hub writes nothing */
    hf_status status = open_all(&d, (uint16_t)strtoul(arguments[2], NULL, 10));
    if (status == HF_OK) status = hf_loop_run(d.loop, on_turn, &d);
    if (status != HF_OK) fprintf(stderr, "bench: device: %s\n", hf_status_name(status));
    hf_watch_close(d.commands);
    hf_dialer_close(d.dialer);
    if (d.loop) hf_loop_free(d.loop);
    hf_edge_free(d.edge);
    hf_buffer_free(&d.out);
    hf_buffer_free(&d.value);
    folder_close(&d.files);
    return status == HF_OK && !d.failed ? 0 : 1;
}
