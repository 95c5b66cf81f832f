/* codec.c: strict deterministic CBOR, read and checked one head at a time; the writers.
 *
 * libcbor says what one head means and that its bytes are there. All that makes an encoding the
 * only one of its value (RFC 8949 4.2.1) is checked here, because hashes and signatures cover these
 * bytes: two spellings of one value would be two entries. Nesting and order are item.c's. */
#include "codec_head.h"

#include <assert.h>
#include <cbor.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_SIZE_MAX = 9, /* an initial byte and its 64-bit argument */
    BUFFER_CAPACITY_MIN = 256,
    BUFFER_CAPACITY_MAX = 1 << 30, /* bytes; far above any frame: more is a mistake of ours */
    INFO_INDEFINITE = 31,
    SIMPLE_ONE_BYTE = 0xf8
};

/* ---- one head, by libcbor ----
 *
 * Which kind of head it is stands in its first byte, as hf_reader_kind says; libcbor gives its
 * argument, and the content of a string. */

static void on_8(void *out, uint8_t argument)
{
    ((hf_cbor_head *)out)->argument = argument;
}

static void on_16(void *out, uint16_t argument)
{
    ((hf_cbor_head *)out)->argument = argument;
}

static void on_32(void *out, uint32_t argument)
{
    ((hf_cbor_head *)out)->argument = argument;
}

static void on_64(void *out, uint64_t argument)
{
    ((hf_cbor_head *)out)->argument = argument;
}

static void on_count(void *out, size_t count)
{
    ((hf_cbor_head *)out)->argument = count;
}

static void on_string(void *out, cbor_data data, size_t size)
{
    ((hf_cbor_head *)out)->data = data;
    ((hf_cbor_head *)out)->argument = size;
}

static void on_bool(void *out, bool value)
{
    ((hf_cbor_head *)out)->argument = value;
}

static void on_float(void *out, float value)
{
    (void)out, (void)value; /* its bits are taken from the input: a NaN's payload must count */
}

static void on_double(void *out, double value)
{
    (void)out, (void)value;
}

static void on_nothing(void *out)
{
    (void)out; /* null and undefined; what is indefinite, hf_take_head has refused before */
}

static const struct cbor_callbacks HEAD_CALLBACKS = {
    .uint8 = on_8,
    .uint16 = on_16,
    .uint32 = on_32,
    .uint64 = on_64,
    .negint8 = on_8,
    .negint16 = on_16,
    .negint32 = on_32,
    .negint64 = on_64,
    .byte_string_start = on_nothing,
    .byte_string = on_string,
    .string = on_string,
    .string_start = on_nothing,
    .indef_array_start = on_nothing,
    .array_start = on_count,
    .indef_map_start = on_nothing,
    .map_start = on_count,
    .tag = on_64,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_nothing,
    .null = on_nothing,
    .boolean = on_bool,
    .indef_break = on_nothing,
};

/* ---- shortest forms ---- */

static bool argument_is_shortest(uint8_t info, uint64_t argument)
{
    switch (info) {
    case 24: return argument >= 24;
    case 25: return argument > UINT8_MAX;
    case 26: return argument > UINT16_MAX;
    case 27: return argument > UINT32_MAX;
    default: return info < 24;
    }
}

typedef struct float_shape {
    unsigned exponent_bits, mantissa_bits;
    unsigned spare_bits;        /* of the mantissa, that the next narrower format lacks */
    int narrow_min, narrow_max; /* exponents of its normal numbers */
} float_shape;

/* Would the next narrower format hold the same value? Infinities and NaN: yes, all. */
static bool float_fits_narrower(const float_shape *shape, uint64_t bits)
{
    uint64_t mantissa = bits & ((UINT64_C(1) << shape->mantissa_bits) - 1);
    unsigned all_ones = (1U << shape->exponent_bits) - 1;
    unsigned biased = (unsigned)(bits >> shape->mantissa_bits) & all_ones;
    if (biased == all_ones) return true;
    if (biased == 0) return mantissa == 0; /* a subnormal is far below the narrower range */
    int exponent = (int)biased - (int)(all_ones >> 1);
    if (exponent > shape->narrow_max) return false;
    unsigned lost = shape->spare_bits;
    if (exponent < shape->narrow_min) lost += (unsigned)(shape->narrow_min - exponent);
    if (lost > shape->mantissa_bits) return false;
    return (mantissa & ((UINT64_C(1) << lost) - 1)) == 0;
}

/* `at` is a float's head, of which libcbor has said that it is complete. */
static bool float_is_shortest(const uint8_t *at, uint64_t *bits)
{
    static const float_shape single = {8, 23, 13, -14, 15};
    static const float_shape wide = {11, 52, 29, -126, 127};
    size_t size = (size_t)1 << (*at - 0xf8); /* f9, fa, fb: 2, 4, 8 bytes */
    *bits = 0;
    for (size_t i = 1; i <= size; i++) *bits = *bits << 8 | at[i];
    if (size == 4) return !float_fits_narrower(&single, *bits);
    if (size == 8) return !float_fits_narrower(&wide, *bits);
    bool is_nan = (*bits & 0x7c00) == 0x7c00 && (*bits & 0x03ff) != 0;
    return !is_nan || *bits == 0x7e00; /* RFC 8949 4.2.2: one NaN, the preferred one */
}

/* ---- reading ---- */

hf_reader hf_reader_open(hf_bytes bytes)
{
    static const uint8_t nothing[1] = {0}; /* arithmetic on NULL is undefined, even + 0 */
    assert(bytes.data != NULL || bytes.size == 0);
    const uint8_t *at = bytes.data != NULL ? bytes.data : nothing;
    return (hf_reader){at, at + bytes.size, HF_OK, HF_CBOR_DEPTH_MAX};
}

void hf_reader_fail(hf_reader *reader, hf_status status)
{
    assert(status != HF_OK);
    if (reader->status == HF_OK) reader->status = status;
}

static bool malformed(hf_reader *reader)
{
    hf_reader_fail(reader, HF_ERR_PROTOCOL);
    return false;
}

/* Is this a head that libcbor refuses, good or bad: tags 0 to 23 (it takes some of them) and
 * simple values without a meaning of their own? */
static bool is_unassigned(uint8_t initial)
{
    return (initial >= 0xc0 && initial <= 0xd7) || (initial >= 0xe0 && initial <= 0xf3) ||
           initial == SIMPLE_ONE_BYTE;
}

static bool take_unassigned(hf_reader *reader, hf_cbor_head *out)
{
    out->argument = out->initial & 31;
    size_t size = out->initial == SIMPLE_ONE_BYTE ? 2 : 1;
    if (size > hf_reader_left(reader)) return malformed(reader);
    if (size == 2 && reader->at[1] < 32) return malformed(reader); /* RFC 8949 3.3 */
    reader->at += size;
    return true;
}

/* By the first three bits of a head. */
static const uint8_t MAJORS[] = {HF_KIND_UINT,  HF_KIND_NINT, HF_KIND_BYTES, HF_KIND_TEXT,
                                 HF_KIND_ARRAY, HF_KIND_MAP,  HF_KIND_OTHER};

/* Nine heads in ten are one byte that says it all: a number, length or count below 24. libcbor's
 * way through a table of functions took a fifth of what an upload cost the hub. */
static bool is_short(uint8_t initial)
{
    return (initial & 31) < 24 && initial >> 5 < HF_CBOR_MAJOR_TAG;
}

static bool take_short(hf_reader *reader, hf_cbor_head *out)
{
    uint8_t initial = *reader->at;
    *out = (hf_cbor_head){(hf_kind)MAJORS[initial >> 5], initial, initial & 31, reader->at + 1};
    bool is_string = out->kind == HF_KIND_BYTES || out->kind == HF_KIND_TEXT;
    size_t size = 1 + (is_string ? (size_t)out->argument : 0);
    if (size > hf_reader_left(reader)) return malformed(reader);
    reader->at += size;
    return true;
}

bool hf_take_head(hf_reader *reader, hf_cbor_head *out)
{
    if (reader->status != HF_OK) return false;
    if (reader->at == reader->end) return malformed(reader);
    if (is_short(*reader->at)) return take_short(reader, out);
    *out = (hf_cbor_head){hf_reader_kind(reader), *reader->at, 0, NULL};
    uint8_t info = out->initial & 31;
    if (info == INFO_INDEFINITE) return malformed(reader);
    if (is_unassigned(out->initial)) return take_unassigned(reader, out);
    struct cbor_decoder_result result =
        cbor_stream_decode(reader->at, hf_reader_left(reader), &HEAD_CALLBACKS, out);
    if (result.status != CBOR_DECODER_FINISHED) return malformed(reader);
    assert(result.read > 0);
    assert(result.read <= hf_reader_left(reader));
    if (out->initial > SIMPLE_ONE_BYTE) {
        if (!float_is_shortest(reader->at, &out->argument)) return malformed(reader);
    } else if (out->initial < 0xe0 && !argument_is_shortest(info, out->argument)) {
        return malformed(reader);
    }
    reader->at += result.read;
    return true;
}

bool hf_take_kind(hf_reader *reader, hf_kind kind, hf_cbor_head *out)
{
    if (!hf_take_head(reader, out)) return false;
    return out->kind == kind || malformed(reader);
}

hf_kind hf_reader_kind(const hf_reader *reader)
{
    if (reader->status != HF_OK || reader->at == reader->end) return HF_KIND_END;
    uint8_t initial = *reader->at;
    if (initial >> 5 <= HF_CBOR_MAJOR_TAG) return (hf_kind)MAJORS[initial >> 5];
    switch (initial) {
    case 0xf4:
    case 0xf5: return HF_KIND_BOOL;
    case 0xf6: return HF_KIND_NULL;
    case 0xf7: return HF_KIND_UNDEFINED;
    default: return HF_KIND_OTHER;
    }
}

uint64_t hf_read_uint(hf_reader *reader)
{
    hf_cbor_head next;
    return hf_take_kind(reader, HF_KIND_UINT, &next) ? next.argument : 0;
}

uint64_t hf_read_uint_max(hf_reader *reader, uint64_t max)
{
    uint64_t value = hf_read_uint(reader);
    if (value <= max) return value;
    malformed(reader);
    return 0;
}

int64_t hf_read_int(hf_reader *reader)
{
    hf_cbor_head next;
    if (!hf_take_head(reader, &next)) return 0;
    bool is_int = next.kind == HF_KIND_UINT || next.kind == HF_KIND_NINT;
    if (!is_int || next.argument > INT64_MAX) {
        malformed(reader);
        return 0;
    }
    int64_t value = (int64_t)next.argument;
    return next.kind == HF_KIND_UINT ? value : -1 - value;
}

bool hf_read_bool(hf_reader *reader)
{
    hf_cbor_head next;
    return hf_take_kind(reader, HF_KIND_BOOL, &next) && next.argument != 0;
}

void hf_read_null(hf_reader *reader)
{
    hf_cbor_head next;
    (void)hf_take_kind(reader, HF_KIND_NULL, &next);
}

void hf_read_undefined(hf_reader *reader)
{
    hf_cbor_head next;
    (void)hf_take_kind(reader, HF_KIND_UNDEFINED, &next);
}

hf_bytes hf_read_bytes(hf_reader *reader)
{
    hf_cbor_head next;
    if (!hf_take_kind(reader, HF_KIND_BYTES, &next)) return (hf_bytes){NULL, 0};
    return (hf_bytes){next.data, (size_t)next.argument};
}

void hf_read_bytes_exact(hf_reader *reader, uint8_t *out, size_t size)
{
    hf_bytes bytes = hf_read_bytes(reader);
    memset(out, 0, size);
    if (reader->status != HF_OK) return;
    if (bytes.size != size) {
        malformed(reader);
        return;
    }
    memcpy(out, bytes.data, size);
}

hf_bytes hf_read_text(hf_reader *reader)
{
    hf_cbor_head next;
    if (!hf_take_kind(reader, HF_KIND_TEXT, &next)) return (hf_bytes){NULL, 0};
    hf_bytes text = {next.data, (size_t)next.argument};
    if (hf_utf8_valid(text)) return text;
    malformed(reader);
    return (hf_bytes){NULL, 0};
}

bool hf_count_is_possible(const hf_reader *reader, const hf_cbor_head *container)
{
    uint64_t most = hf_reader_left(reader);
    if (container->kind == HF_KIND_MAP) most /= 2;
    return container->argument <= most;
}

static size_t read_container(hf_reader *reader, hf_kind kind, size_t max)
{
    hf_cbor_head next;
    if (!hf_take_kind(reader, kind, &next)) return 0;
    if (!hf_count_is_possible(reader, &next)) {
        malformed(reader);
        return 0;
    }
    if (next.argument > max) {
        hf_reader_fail(reader, HF_ERR_LIMIT);
        return 0;
    }
    return (size_t)next.argument;
}

size_t hf_read_array(hf_reader *reader, size_t max)
{
    return read_container(reader, HF_KIND_ARRAY, max);
}

size_t hf_read_map(hf_reader *reader, size_t max)
{
    return read_container(reader, HF_KIND_MAP, max);
}

hf_status hf_reader_end(const hf_reader *reader)
{
    if (reader->status != HF_OK) return reader->status;
    return reader->at == reader->end ? HF_OK : HF_ERR_PROTOCOL;
}

/* ---- writing ---- */

void hf_buffer_free(hf_buffer *buffer)
{
    free(buffer->data);
    *buffer = (hf_buffer){0};
}

void hf_buffer_clear(hf_buffer *buffer)
{
    buffer->size = 0;
    buffer->status = HF_OK;
}

hf_bytes hf_buffer_bytes(const hf_buffer *buffer)
{
    return (hf_bytes){buffer->data, buffer->size};
}

uint8_t *hf_buffer_reserve(hf_buffer *buffer, size_t size)
{
    if (buffer->status != HF_OK) return NULL;
    if (buffer->data != NULL && size <= buffer->capacity - buffer->size)
        return buffer->data + buffer->size;
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : BUFFER_CAPACITY_MIN;
    uint8_t *data = NULL;
    if (size <= BUFFER_CAPACITY_MAX - buffer->size) {
        while (capacity - buffer->size < size) capacity *= 2;
        data = realloc(buffer->data, capacity);
    }
    if (data == NULL) {
        buffer->status = HF_ERR_NOMEM;
        return NULL;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return data + buffer->size;
}

static void append(hf_buffer *buffer, const void *data, size_t size)
{
    uint8_t *to = hf_buffer_reserve(buffer, size);
    if (to == NULL || size == 0) return; /* memcpy may not be given NULL, even for 0 bytes */
    memcpy(to, data, size);
    buffer->size += size;
}

typedef enum cbor_major { /* RFC 8949 3.1 */
                          MAJOR_UINT = 0,
                          MAJOR_NEGATIVE = 1,
                          MAJOR_BYTES = 2,
                          MAJOR_TEXT = 3,
                          MAJOR_ARRAY = 4,
                          MAJOR_MAP = 5
} cbor_major;
typedef size_t (*encode_number)(uint64_t, unsigned char *, size_t);
typedef size_t (*encode_start)(size_t, unsigned char *, size_t);
typedef size_t (*encode_simple)(unsigned char *, size_t);

/* Nine heads in ten are their first byte alone: a kind, and an argument below 24. */
static bool write_short(hf_buffer *buffer, cbor_major major, uint64_t argument)
{
    if (argument >= 24 || buffer->status != HF_OK || buffer->size == buffer->capacity) return false;
    buffer->data[buffer->size++] = (uint8_t)(major << 5 | argument);
    return true;
}

static void write_number(hf_buffer *buffer, cbor_major major, encode_number encode, uint64_t value)
{
    if (write_short(buffer, major, value)) return;
    uint8_t *to = hf_buffer_reserve(buffer, HEAD_SIZE_MAX);
    if (to != NULL) buffer->size += encode(value, to, HEAD_SIZE_MAX);
}

static void write_start(hf_buffer *buffer, cbor_major major, encode_start encode, size_t count)
{
    if (write_short(buffer, major, count)) return;
    uint8_t *to = hf_buffer_reserve(buffer, HEAD_SIZE_MAX);
    if (to != NULL) buffer->size += encode(count, to, HEAD_SIZE_MAX);
}

static void write_simple(hf_buffer *buffer, encode_simple encode)
{
    uint8_t *to = hf_buffer_reserve(buffer, HEAD_SIZE_MAX);
    if (to != NULL) buffer->size += encode(to, HEAD_SIZE_MAX);
}

void hf_write_raw(hf_buffer *buffer, hf_bytes bytes)
{
    append(buffer, bytes.data, bytes.size);
}

void hf_write_uint(hf_buffer *buffer, uint64_t value)
{
    write_number(buffer, MAJOR_UINT, cbor_encode_uint, value);
}

void hf_write_int(hf_buffer *buffer, int64_t value)
{
    if (value >= 0)
        write_number(buffer, MAJOR_UINT, cbor_encode_uint, (uint64_t)value);
    else
        write_number(buffer, MAJOR_NEGATIVE, cbor_encode_negint, (uint64_t)(-1 - value));
}

void hf_write_bool(hf_buffer *buffer, bool value)
{
    uint8_t *to = hf_buffer_reserve(buffer, HEAD_SIZE_MAX);
    if (to != NULL) buffer->size += cbor_encode_bool(value, to, HEAD_SIZE_MAX);
}

void hf_write_null(hf_buffer *buffer)
{
    write_simple(buffer, cbor_encode_null);
}

void hf_write_undefined(hf_buffer *buffer)
{
    write_simple(buffer, cbor_encode_undef);
}

void hf_write_bytes(hf_buffer *buffer, const void *data, size_t size)
{
    write_start(buffer, MAJOR_BYTES, cbor_encode_bytestring_start, size);
    append(buffer, data, size);
}

void hf_write_text(hf_buffer *buffer, const char *text, size_t size)
{
    write_start(buffer, MAJOR_TEXT, cbor_encode_string_start, size);
    append(buffer, text, size);
}

void hf_write_string(hf_buffer *buffer, const char *text)
{
    hf_write_text(buffer, text, strlen(text));
}

void hf_write_array(hf_buffer *buffer, size_t count)
{
    write_start(buffer, MAJOR_ARRAY, cbor_encode_array_start, count);
}

void hf_write_map(hf_buffer *buffer, size_t count)
{
    write_start(buffer, MAJOR_MAP, cbor_encode_map_start, count);
}
