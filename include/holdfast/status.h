/* status.h: what every call may answer, and the two shapes that bytes travel in.
 *
 * A status is named for what the caller does next. New ones are appended, never renumbered. */
#ifndef HOLDFAST_STATUS_H
#define HOLDFAST_STATUS_H

#include <stddef.h>
#include <stdint.h>

#define HF_MUST_CHECK __attribute__((warn_unused_result))

typedef enum hf_status {
    HF_OK = 0,
    HF_ERR_NOMEM = 1,     /* shed work, then try again */
    HF_ERR_IO = 2,        /* the disk or the link failed: retry later */
    HF_ERR_CORRUPT = 3,   /* our bytes are wrong: stop writing and call a person */
    HF_ERR_PROTOCOL = 4,  /* the peer's bytes are wrong: close that session only */
    HF_ERR_DENIED = 5,    /* not allowed: tell the user */
    HF_ERR_NOT_FOUND = 6, /* no such thing: tell the user */
    HF_ERR_INPUT = 7,     /* the caller's data is wrong: tell the user what, and what to enter */
    HF_ERR_FULL = 8,      /* no space: reads go on, writes wait until there is room */
    HF_ERR_BUSY = 9,      /* another process holds the store: ask that one */
    HF_ERR_LIMIT = 10     /* a named bound was hit: make it smaller */
} hf_status;

/* Borrowed bytes; each call says for how long. `data` may be NULL only when `size` is 0. */
typedef struct hf_bytes {
    const uint8_t *data;
    size_t size;
} hf_bytes;

/* A short constant name ("disk full"), for logs. Never NULL. */
const char *hf_status_name(hf_status status);

#endif
