/* codec.h: deterministic CBOR (RFC 8949 4.2.1), strict both ways, over libcbor's low-level calls.
 *
 * Why our own layer: libcbor's stream decoder accepts non-shortest integers, unsorted keys, bad
 * UTF-8 and lengths of any size, and its tree loader can be made to allocate gigabytes by five
 * bytes. Here every length is checked against what is left before it is believed, and nothing
 * is allocated by a reader.
 *
 * Readers are sticky: after the first error each call returns zero or empty and `status` keeps
 * HF_ERR_PROTOCOL (or HF_ERR_LIMIT: nested too deep, or more items than the caller's `max`), so a
 * parser checks once, at hf_reader_end. */
#ifndef HF_CODEC_H
#define HF_CODEC_H

#include "holdfast/record.h"
#include "limits.h"

typedef struct hf_reader {
    const uint8_t *at, *end;
    hf_status status;
    uint8_t depth; /* containers we may still open */
} hf_reader;

typedef enum hf_kind {              /* what stands next */
                       HF_KIND_END, /* nothing left, or an error */
                       HF_KIND_UINT,
                       HF_KIND_NINT,
                       HF_KIND_BYTES,
                       HF_KIND_TEXT,
                       HF_KIND_ARRAY,
                       HF_KIND_MAP,
                       HF_KIND_BOOL,
                       HF_KIND_NULL,
                       HF_KIND_UNDEFINED,
                       HF_KIND_OTHER /* tag, float, other simple value: legal CBOR, outside the
                                        holdfast profile */
} hf_kind;

/* Reads `bytes`, which must outlive the reader: what is returned borrows from them. */
hf_reader hf_reader_open(hf_bytes bytes);
hf_kind hf_reader_kind(const hf_reader *reader);
uint64_t hf_read_uint(hf_reader *reader);
/* A uint of at most `max`, else HF_ERR_PROTOCOL. */
uint64_t hf_read_uint_max(hf_reader *reader, uint64_t max);
int64_t hf_read_int(hf_reader *reader); /* outside int64: HF_ERR_PROTOCOL */
bool hf_read_bool(hf_reader *reader);
void hf_read_null(hf_reader *reader);
void hf_read_undefined(hf_reader *reader);
hf_bytes hf_read_bytes(hf_reader *reader);
/* A byte string of exactly `size` bytes, copied to `out`; zeroed on error. */
void hf_read_bytes_exact(hf_reader *reader, uint8_t *out, size_t size);
hf_bytes hf_read_text(hf_reader *reader); /* valid UTF-8, not NUL-terminated */
/* Enters a container and returns its item (or pair) count, at most `max`. There is no closing
 * call: the caller reads that many items. Depth is spent by hf_read_item only. */
size_t hf_read_array(hf_reader *reader, size_t max);
size_t hf_read_map(hf_reader *reader, size_t max);
/* One whole item of the holdfast profile, checked throughout; returns its bytes verbatim. */
hf_bytes hf_read_item(hf_reader *reader);
/* HF_OK only if all was read, without an error. */
HF_MUST_CHECK hf_status hf_reader_end(const hf_reader *reader);
void hf_reader_fail(hf_reader *reader, hf_status status); /* keeps the first failure */

/* Is `bytes` exactly one item? Generic: all of deterministic CBOR (floats in shortest form, tags).
 * Profile: what holdfast values may hold; protocol.md 1. HF_OK or HF_ERR_PROTOCOL/HF_ERR_LIMIT. */
HF_MUST_CHECK hf_status hf_cbor_check_generic(hf_bytes bytes);
HF_MUST_CHECK hf_status hf_cbor_check_profile(hf_bytes bytes);

/* A growing byte buffer. Zero-initialise; hf_buffer_free gives it back. After a failed
 * allocation `status` is HF_ERR_NOMEM and every later write is a no-op: check once, at the end. */
typedef struct hf_buffer {
    uint8_t *data;
    size_t size, capacity;
    hf_status status;
} hf_buffer;

void hf_buffer_free(hf_buffer *buffer);            /* wipes nothing; NULL data is fine */
void hf_buffer_clear(hf_buffer *buffer);           /* size 0 and status HF_OK; keeps the memory */
hf_bytes hf_buffer_bytes(const hf_buffer *buffer); /* borrowed until the next write */
/* Room for `size` bytes behind what is there, for the caller to fill and then add to `size`; NULL
 * when there is no memory (or was none before). */
uint8_t *hf_buffer_reserve(hf_buffer *buffer, size_t size);
void hf_write_raw(hf_buffer *buffer, hf_bytes bytes); /* bytes as they are: an encoded item */
void hf_write_uint(hf_buffer *buffer, uint64_t value);
void hf_write_int(hf_buffer *buffer, int64_t value);
void hf_write_bool(hf_buffer *buffer, bool value);
void hf_write_null(hf_buffer *buffer);
void hf_write_undefined(hf_buffer *buffer);
void hf_write_bytes(hf_buffer *buffer, const void *data, size_t size);
void hf_write_text(hf_buffer *buffer, const char *text, size_t size); /* caller vouches for UTF-8 */
void hf_write_string(hf_buffer *buffer, const char *text);            /* NUL-terminated */
void hf_write_array(hf_buffer *buffer, size_t count);
void hf_write_map(hf_buffer *buffer, size_t count); /* keys in order: the caller's duty */

bool hf_utf8_valid(hf_bytes text);
bool hf_bytes_equal(hf_bytes a, hf_bytes b);
/* memcmp over the shorter, then the shorter first: a total order. */
int hf_bytes_compare(hf_bytes a, hf_bytes b);

#endif
