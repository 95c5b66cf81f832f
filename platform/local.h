/* local.h: how a command reaches the daemon that holds the store.
 *
 * A Unix socket in the data directory, mode 0600. A request is one JSON text on one line, a reply
 * is another; what they say is api.c's. Only the daemon's own user, and root, are heard. */
#ifndef HF_PLATFORM_LOCAL_H
#define HF_PLATFORM_LOCAL_H

#include "loop.h"

enum {
    HF_LOCAL_REQUEST_MAX = 1024 * 1024, /* longer: the connection is closed unanswered */
    HF_LOCAL_REPLY_MAX = 64 * 1024 * 1024,
    HF_LOCAL_CONNECTIONS_MAX = 16 /* commands at once; the next are turned away: try again */
};

typedef struct hf_local hf_local;

/* Answers one request, a JSON text without its newline, in a later round of the loop than it came
 * or in the same. `*reply` is text from malloc(), which the socket frees; it holds no newline.
 * Anything but HF_OK closes the connection unanswered. */
typedef hf_status (*hf_local_handler)(void *context, const char *request, char **reply);

/* Listens on `path`; a stale socket file there is replaced, so the caller must hold the store's
 * lock.
 * Errors: HF_ERR_LIMIT (path over 107 bytes), HF_ERR_IO, HF_ERR_NOMEM; hf_loop_error says more. */
HF_MUST_CHECK hf_status hf_local_open(hf_loop *loop, const char *path, hf_local_handler handler,
                                      void *context, hf_local **out);

/* Stops listening, removes the socket file, drops its connections. Before hf_loop_free. */
void hf_local_close(hf_local *local);

/* The command's end: asks the daemon at `path` and waits for its answer, at most `timeout_ms`.
 * Owns:   the caller frees *reply with free(); NULL on failure.
 * Errors: HF_ERR_NOT_FOUND (no daemon: no socket, or nobody behind it), HF_ERR_DENIED (not its
 *         user), HF_ERR_BUSY (time-out, or too many commands at once), HF_ERR_LIMIT (path, request
 *         or reply too long), HF_ERR_INPUT (a newline in `request`), HF_ERR_PROTOCOL (it closed
 *         without an answer), HF_ERR_IO, HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_local_ask(const char *path, const char *request, uint64_t timeout_ms,
                                     char **reply);

#endif
