/* columns.h: a frame's entries turned on their side: like stands beside like (protocol.md 4).
 *
 * Entries of one kind of record say the same things in the same order. Row by row, deflate has to
 * find that out again for each; column by column the names come to nothing, the times to a step of
 * one, and random bytes stay out of its tables: a quarter less on the wire. */
#ifndef HF_COLUMNS_H
#define HF_COLUMNS_H

#include "codec.h"

/* Working memory, kept from frame to frame. Zero-initialise. */
typedef struct hf_columns {
    hf_buffer stream; /* what is worth deflating */
    hf_buffer plain;  /* random bytes, which nothing makes shorter */
    hf_buffer kinds, places;
} hf_columns;

void hf_columns_free(hf_columns *columns);

/* Turns `frame` into stream and plain; false when it is not one of several entries, has too many
 * shapes, or there is no memory: then it goes as it is. */
bool hf_columns_write(hf_columns *columns, hf_bytes frame);

/* The frame that columns->stream and `plain` stand for, of exactly `size` bytes. `out` is cleared
 * first. Errors: HF_ERR_PROTOCOL, HF_ERR_LIMIT, HF_ERR_NOMEM; what `out` then holds means nothing.
 */
HF_MUST_CHECK hf_status hf_columns_read(hf_columns *columns, hf_bytes plain, size_t size,
                                        hf_buffer *out);

#endif
