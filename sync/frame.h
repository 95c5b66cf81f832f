/* frame.h: one websocket message is one frame: its type, and zlib around it when that is smaller.
 *
 * A Z frame stands for another frame (protocol.md 1). Nothing is kept from one frame to the next,
 * so a connection costs no window, and what one scope's frame held cannot show in the size of
 * another's. */
#ifndef HF_FRAME_H
#define HF_FRAME_H

#include "codec.h"

/* zlib's working memory, about 300 KiB: one for each thread, not one for each connection. */
typedef struct hf_deflater hf_deflater;

HF_MUST_CHECK hf_status hf_deflater_new(hf_deflater **out); /* HF_ERR_NOMEM: *out is NULL */
void hf_deflater_free(hf_deflater *deflater);               /* NULL is fine */

/* Makes the message for one frame: a Z frame, or `raw` as it is when it is short or would not
 * shrink. `out` is cleared first, and is empty on error; it must not hold `raw`.
 * Errors: HF_ERR_LIMIT (no message may be this large), HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_frame_seal(hf_deflater *deflater, hf_bytes raw, hf_buffer *out);

/* The frame that a message stands for. `raw` borrows from `message`, or from `scratch` if it was a
 * Z frame. It is not checked beyond its type. Errors: HF_ERR_LIMIT (a size or ratio of limits.h),
 * HF_ERR_PROTOCOL, HF_ERR_NOMEM; `raw` is then empty. At most HF_FRAME_INFLATED_MAX bytes are
 * allocated, whatever the message claims. */
HF_MUST_CHECK hf_status hf_frame_open(hf_deflater *deflater, hf_bytes message, hf_buffer *scratch,
                                      hf_bytes *raw);

/* Reads the head of a frame, `[type, ...]`. `body` then stands at the first item after the type,
 * and `items` of them follow. Errors: HF_ERR_PROTOCOL. */
HF_MUST_CHECK hf_status hf_frame_head(hf_bytes raw, uint64_t *type, hf_reader *body, size_t *items);

/* ---- chunks of a snapshot: packed once, for everyone ---- */

/* Packs one chunk, a bounded piece of work at a time. */
typedef struct hf_packer hf_packer;
HF_MUST_CHECK hf_status hf_packer_new(hf_packer **out); /* HF_ERR_NOMEM: *out is NULL */
void hf_packer_free(hf_packer *packer);                 /* NULL is fine */
/* `raw` must stay until it is done. */
HF_MUST_CHECK hf_status hf_packer_begin(hf_packer *packer, hf_bytes raw);
/* Goes on with the next `bytes` of it; *done: `packed` has all of it, until the next begin. */
HF_MUST_CHECK hf_status hf_packer_step(hf_packer *packer, size_t bytes, bool *done,
                                       hf_bytes *packed);
/* Unpacks to exactly `size` bytes. Errors: HF_ERR_LIMIT (above HF_SNAPSHOT_CHUNK_MAX),
 * HF_ERR_PROTOCOL, HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_chunk_unpack(hf_deflater *deflater, hf_bytes packed, size_t size,
                                        hf_buffer *out);

#endif
