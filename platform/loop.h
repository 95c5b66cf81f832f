/* loop.h: the one place where a process waits.
 *
 * A loop serves sockets, signals and wake-ups, and after each round of them calls its owner once.
 * All messages that one wait brought in are therefore handed over before the owner's turn: it can
 * commit them together, and the acks it then asks to write go out in the next round, at once.
 *
 * A loop belongs to the thread that made it; only hf_loop_wake may be called from another. One loop
 * per process: SIGTERM and SIGINT stop it, and SIGPIPE is ignored. */
#ifndef HF_PLATFORM_LOOP_H
#define HF_PLATFORM_LOOP_H

#include "holdfast/status.h"

#include <stdbool.h>

typedef struct hf_loop hf_loop;

/* Whatever the system would allow: lws keeps a table with a place for each descriptor that may be.
 */
enum {
    HF_LOOP_DESCRIPTORS_MANY = 128 * 1024, /* of a hub's process, connections and all */
    HF_LOOP_DESCRIPTORS_FEW = 1024,        /* of an edge's */
    HF_LOOP_DESCRIPTORS_KEPT = 256         /* for the store, listeners, enrolment and commands */
};

#define HF_LOOP_NEVER UINT64_MAX /* no deadline: wait until something happens */

typedef struct hf_loop_options {
    bool many; /* a hub: libuv's loop, whose cost does not grow with idle connections */
    size_t buffer_size_max; /* bytes all half-received messages together may hold; 0 for 64 MiB */
} hf_loop_options;

/* From here on SIGTERM and SIGINT are the loop's: call it before making threads. The process's soft
 * limit on descriptors becomes the hard one, or what is named above if that is less.
 * Errors: HF_ERR_NOMEM, HF_ERR_IO. */
HF_MUST_CHECK hf_status hf_loop_new(const hf_loop_options *options, hf_loop **out);

/* How many connections a server here can hold: what the limit on descriptors leaves when the rest
 * of the process has its own. Past it accept() would fail, and a command could not reach the hub.
 */
uint32_t hf_loop_connections_max(const hf_loop *loop);

/* Closes every connection, telling its owner, then frees the loop and the servers and dialers made
 * with it, closed before or not. Local sockets and watches must have been closed before. */
void hf_loop_free(hf_loop *loop);

/* The owner's turn. `now_ms` is monotonic; returns when it wants its next turn at the latest. */
typedef uint64_t (*hf_loop_turn)(void *context, uint64_t now_ms);

/* Turns until hf_loop_stop or a signal; the first turn comes at once.
 * Errors: HF_ERR_IO when waiting itself fails: nothing can be served any more. */
HF_MUST_CHECK hf_status hf_loop_run(hf_loop *loop, hf_loop_turn turn, void *context);

/* One round: waits at most `timeout_ms` for something to happen, and serves it. For a caller that
 * has its own loop, and for tests. */
HF_MUST_CHECK hf_status hf_loop_run_once(hf_loop *loop, uint64_t timeout_ms);

void hf_loop_stop(hf_loop *loop);
bool hf_loop_stopped(const hf_loop *loop);
int hf_loop_signal(const hf_loop *loop); /* the signal that stopped it, or 0 */

/* Ends the present wait, so that the owner gets a turn. From any thread. */
void hf_loop_wake(hf_loop *loop);

/* Why the last call on this loop, or on something made with it, failed: one sentence for a person.
 * Never NULL; valid until the next call. */
const char *hf_loop_error(const hf_loop *loop);

/* Calls `on_ready` whenever `fd` can be read (and, if asked, written) or is broken. The callback
 * may end its own watch or any other. The descriptor stays the caller's. */
typedef struct hf_watch hf_watch;
typedef void (*hf_watch_ready)(void *context);
HF_MUST_CHECK hf_status hf_watch_open(hf_loop *loop, int fd, hf_watch_ready on_ready, void *context,
                                      hf_watch **out);
void hf_watch_write(hf_watch *watch, bool wanted);
void hf_watch_close(hf_watch *watch);

#endif
