/* http_reply.h: reads one whole HTTP/1.1 reply, as a closed connection left it. */
#ifndef HF_PLATFORM_HTTP_REPLY_H
#define HF_PLATFORM_HTTP_REPLY_H

#include "holdfast/status.h"

/* Finds status and body in `bytes`; `body` borrows from them. A Content-Length must be there and be
 * met exactly: a reply that was cut short is none.
 * Errors: HF_ERR_PROTOCOL. */
HF_MUST_CHECK hf_status hf_http_reply_read(hf_bytes bytes, int *http_status, hf_bytes *body);

#endif
