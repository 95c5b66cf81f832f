/* resolve.h: looks a host name up beside the loop.
 *
 * Without a network a look-up can take half a minute, and an officer's screen must not stand still
 * meanwhile: each runs in a thread of its own, which touches nothing but its own answer. */
#ifndef HF_PLATFORM_RESOLVE_H
#define HF_PLATFORM_RESOLVE_H

#include "loop.h"

enum {
    HF_RESOLVE_MAX = 8,          /* addresses kept of one answer */
    HF_RESOLVE_ADDRESS_SIZE = 64 /* one as text */
};

typedef struct hf_resolve hf_resolve;

typedef struct hf_addresses {
    char text[HF_RESOLVE_MAX][HF_RESOLVE_ADDRESS_SIZE];
    size_t count; /* 0: not found, and `error` says why */
    char error[96];
} hf_addresses;

/* Calls `on_done` once, from a later round. A numeric address needs no thread.
 * Errors: HF_ERR_NOMEM, HF_ERR_IO (no thread, no descriptor), HF_ERR_LIMIT (name too long). */
typedef void (*hf_resolve_done)(void *context, const hf_addresses *addresses);
HF_MUST_CHECK hf_status hf_resolve_open(hf_loop *loop, const char *host, hf_resolve_done on_done,
                                        void *context, hf_resolve **out);

/* Frees; `on_done` is not called any more. A look-up under way ends by itself, unheard. Also to be
 * called, once, in or after on_done. */
void hf_resolve_close(hf_resolve *resolve);

#endif
