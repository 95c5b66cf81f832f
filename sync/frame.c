/* frame.c: frames in and out of zlib, with every size checked before it is believed.
 *
 * Why not permessage-deflate: it keeps a window per connection (256 KiB), and it compresses what
 * different scopes hold in one context, where sizes tell. A preset dictionary gives short frames
 * most of what a window would. */
#include "frame.h"

#include "columns.h"
#include "embedded.h"

#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    FRAME_Z = 60,
    FRAME_C = 61,
    DICTIONARY_1 = 1,
    Z_ITEMS = 3,          /* after the type: dictionary, raw length, deflate */
    C_ITEMS = 5,          /* dictionary, raw length, stream length, deflate, plain */
    OVERHEAD_MAX = 24,    /* bytes of either that are not deflate or plain: 1 + 2 + 1 + 4 * 5 */
    CHUNK_LEVEL = 6,      /* of a snapshot */
    DEFLATE_LEVEL = 3,    /* lazy matching costs 0.4 us a record and saves 2 bytes of it */
    DEFLATE_WINDOW = -15, /* 32 KiB, raw: CBOR has the length, TLS has the checksum */
    DEFLATE_MEMORY = 8    /* zlib's default */
};

struct hf_deflater {
    z_stream deflate, inflate;
    bool deflate_ready, inflate_ready;
    hf_buffer packed;
    hf_columns columns;
};

hf_status hf_deflater_new(hf_deflater **out)
{
    *out = NULL;
    hf_deflater *deflater = calloc(1, sizeof *deflater);
    if (deflater == NULL) return HF_ERR_NOMEM;
    int code = deflateInit2(&deflater->deflate, DEFLATE_LEVEL, Z_DEFLATED, DEFLATE_WINDOW,
                            DEFLATE_MEMORY, Z_DEFAULT_STRATEGY);
    deflater->deflate_ready = code == Z_OK;
    if (code == Z_OK) code = inflateInit2(&deflater->inflate, DEFLATE_WINDOW);
    deflater->inflate_ready = code == Z_OK;
    if (code != Z_OK) {
        assert(code == Z_MEM_ERROR); /* else zlib.h and zlib are of different versions */
        hf_deflater_free(deflater);
        return HF_ERR_NOMEM;
    }
    *out = deflater;
    return HF_OK;
}

void hf_deflater_free(hf_deflater *deflater)
{
    if (deflater == NULL) return;
    if (deflater->deflate_ready) (void)deflateEnd(&deflater->deflate);
    if (deflater->inflate_ready) (void)inflateEnd(&deflater->inflate);
    hf_buffer_free(&deflater->packed);
    hf_columns_free(&deflater->columns);
    free(deflater);
}

hf_status hf_frame_head(hf_bytes raw, uint64_t *type, hf_reader *body, size_t *items)
{
    *type = 0;
    *items = 0;
    *body = hf_reader_open(raw);
    size_t count = hf_read_array(body, SIZE_MAX);
    if (body->status == HF_OK && count == 0) hf_reader_fail(body, HF_ERR_PROTOCOL);
    uint64_t number = hf_read_uint(body);
    if (body->status != HF_OK) return body->status;
    *type = number;
    *items = count - 1;
    return HF_OK;
}

/* Deflates `raw` into deflater->packed, which stays empty when that takes more than `room`, or
 * would break a limit of the reader. */
static hf_status frame_deflate(hf_deflater *deflater, hf_bytes raw, size_t room)
{
    hf_buffer *packed = &deflater->packed;
    z_stream *stream = &deflater->deflate;
    hf_buffer_clear(packed);
    if (hf_buffer_reserve(packed, room) == NULL) return HF_ERR_NOMEM;
    int code = deflateReset(stream);
    assert(code == Z_OK);
    code = deflateSetDictionary(stream, hf_dictionary_1, (uInt)hf_dictionary_1_size);
    assert(code == Z_OK);
    stream->next_in = (z_const Bytef *)raw.data;
    stream->avail_in = (uInt)raw.size;
    stream->next_out = packed->data;
    stream->avail_out = (uInt)room;
    code = deflate(stream, Z_FINISH);
    assert(code == Z_STREAM_END || code == Z_OK || code == Z_BUF_ERROR);
    if (code != Z_STREAM_END) return HF_OK; /* it needed more room than it saves */
    size_t size = room - stream->avail_out;
    if (raw.size <= size * HF_FRAME_RATIO_MAX) packed->size = size;
    return HF_OK;
}

/* What the message may have for deflate, so that it is legal and smaller than the frame; 0: none.
 */
static size_t room_for(hf_bytes raw, size_t plain_size)
{
    size_t most = raw.size < HF_FRAME_SIZE_MAX ? raw.size : HF_FRAME_SIZE_MAX;
    size_t taken = plain_size + OVERHEAD_MAX;
    return taken < most ? most - taken : 0;
}

/* Several entries: side by side. Leaves `out` empty when that is not to be had. */
static hf_status seal_columns(hf_deflater *deflater, hf_bytes raw, hf_buffer *out)
{
    hf_columns *columns = &deflater->columns;
    if (!hf_columns_write(columns, raw)) return HF_OK;
    hf_bytes stream = hf_buffer_bytes(&columns->stream), plain = hf_buffer_bytes(&columns->plain);
    size_t room = room_for(raw, plain.size);
    if (stream.size > HF_FRAME_INFLATED_MAX || room == 0) return HF_OK;
    hf_status status = frame_deflate(deflater, stream, room);
    if (status != HF_OK || deflater->packed.size == 0) return status;
    hf_write_array(out, 1 + C_ITEMS);
    hf_write_uint(out, FRAME_C);
    hf_write_uint(out, DICTIONARY_1);
    hf_write_uint(out, raw.size);
    hf_write_uint(out, stream.size);
    hf_write_bytes(out, deflater->packed.data, deflater->packed.size);
    hf_write_bytes(out, plain.data, plain.size);
    return out->status;
}

static hf_status seal_whole(hf_deflater *deflater, hf_bytes raw, hf_buffer *out)
{
    hf_status status = frame_deflate(deflater, raw, room_for(raw, 0));
    if (status != HF_OK || deflater->packed.size == 0) return status;
    hf_write_array(out, 1 + Z_ITEMS);
    hf_write_uint(out, FRAME_Z);
    hf_write_uint(out, DICTIONARY_1);
    hf_write_uint(out, raw.size);
    hf_write_bytes(out, deflater->packed.data, deflater->packed.size);
    return out->status;
}

hf_status hf_frame_seal(hf_deflater *deflater, hf_bytes raw, hf_buffer *out)
{
    assert(raw.size > 0);
    hf_buffer_clear(out);
    if (raw.size > HF_FRAME_INFLATED_MAX) return HF_ERR_LIMIT;
    hf_status status = HF_OK;
    if (raw.size > HF_FRAME_DEFLATE_MIN) {
        status = seal_columns(deflater, raw, out);
        if (status == HF_OK && out->size == 0) status = seal_whole(deflater, raw, out);
    }
    if (status == HF_OK && out->size == 0) {
        if (raw.size > HF_FRAME_SIZE_MAX) return HF_ERR_LIMIT;
        hf_write_raw(out, raw);
        status = out->status;
    }
    if (status != HF_OK) hf_buffer_clear(out);
    return status;
}

/* Inflates to exactly `size` bytes. What would be more is never written: it is malformed. */
static hf_status frame_inflate(hf_deflater *deflater, hf_bytes packed, size_t size,
                               hf_buffer *scratch)
{
    z_stream *stream = &deflater->inflate;
    hf_buffer_clear(scratch);
    uint8_t *to = hf_buffer_reserve(scratch, size);
    if (to == NULL) return HF_ERR_NOMEM;
    int code = inflateReset(stream);
    assert(code == Z_OK);
    code = inflateSetDictionary(stream, hf_dictionary_1, (uInt)hf_dictionary_1_size);
    if (code == Z_MEM_ERROR) return HF_ERR_NOMEM; /* zlib takes its window here, the first time */
    assert(code == Z_OK);
    stream->next_in = (z_const Bytef *)packed.data;
    stream->avail_in = (uInt)packed.size;
    stream->next_out = to;
    stream->avail_out = (uInt)size;
    code = inflate(stream, Z_FINISH);
    if (code == Z_MEM_ERROR) return HF_ERR_NOMEM;
    if (code != Z_STREAM_END) return HF_ERR_PROTOCOL;
    if (stream->avail_in != 0 || stream->avail_out != 0) return HF_ERR_PROTOCOL;
    scratch->size = size;
    return HF_OK;
}

/* Sizes are compared before a byte is made of them. */
static hf_status check_sizes(uint64_t dictionary, uint64_t size, hf_bytes packed)
{
    if (dictionary != DICTIONARY_1) return HF_ERR_PROTOCOL;
    if (size > HF_FRAME_INFLATED_MAX) return HF_ERR_LIMIT;
    return size > packed.size * HF_FRAME_RATIO_MAX ? HF_ERR_LIMIT : HF_OK;
}

/* `body` stands behind the type of a Z frame. */
static hf_status open_whole(hf_deflater *deflater, hf_reader *body, size_t items,
                            hf_buffer *scratch)
{
    if (items != Z_ITEMS) return HF_ERR_PROTOCOL;
    uint64_t dictionary = hf_read_uint(body);
    uint64_t size = hf_read_uint(body);
    hf_bytes packed = hf_read_bytes(body);
    hf_status status = hf_reader_end(body);
    if (status == HF_OK) status = check_sizes(dictionary, size, packed);
    return status == HF_OK ? frame_inflate(deflater, packed, (size_t)size, scratch) : status;
}

/* The same of a C frame. */
static hf_status open_columns(hf_deflater *deflater, hf_reader *body, size_t items,
                              hf_buffer *scratch)
{
    if (items != C_ITEMS) return HF_ERR_PROTOCOL;
    hf_columns *columns = &deflater->columns;
    uint64_t dictionary = hf_read_uint(body);
    uint64_t size = hf_read_uint(body);
    uint64_t stream_size = hf_read_uint(body);
    hf_bytes packed = hf_read_bytes(body), plain = hf_read_bytes(body);
    hf_status status = hf_reader_end(body);
    if (status == HF_OK) status = check_sizes(dictionary, stream_size, packed);
    if (status == HF_OK && size > HF_FRAME_INFLATED_MAX) status = HF_ERR_LIMIT;
    if (status == HF_OK)
        status = frame_inflate(deflater, packed, (size_t)stream_size, &columns->stream);
    return status == HF_OK ? hf_columns_read(columns, plain, (size_t)size, scratch) : status;
}

hf_status hf_frame_open(hf_deflater *deflater, hf_bytes message, hf_buffer *scratch, hf_bytes *raw)
{
    *raw = (hf_bytes){NULL, 0};
    if (message.size > HF_FRAME_SIZE_MAX) return HF_ERR_LIMIT;
    uint64_t type;
    hf_reader body;
    size_t items;
    hf_status status = hf_frame_head(message, &type, &body, &items);
    if (status != HF_OK) return status;
    if (type != FRAME_Z && type != FRAME_C) {
        *raw = message;
        return HF_OK;
    }
    status = type == FRAME_Z ? open_whole(deflater, &body, items, scratch)
                             : open_columns(deflater, &body, items, scratch);
    if (status == HF_OK) status = hf_frame_head(hf_buffer_bytes(scratch), &type, &body, &items);
    bool again = type == FRAME_Z || type == FRAME_C; /* no bomb in a bomb */
    if (status == HF_OK && again) status = HF_ERR_PROTOCOL;
    if (status == HF_OK) *raw = hf_buffer_bytes(scratch);
    return status;
}

/* ---- chunks ---- */

struct hf_packer {
    z_stream stream;
    bool ready;
    hf_bytes raw;
    hf_buffer packed;
};

hf_status hf_packer_new(hf_packer **out)
{
    *out = NULL;
    hf_packer *packer = calloc(1, sizeof *packer);
    if (packer == NULL) return HF_ERR_NOMEM;
    int code = deflateInit2(&packer->stream, CHUNK_LEVEL, Z_DEFLATED, DEFLATE_WINDOW,
                            DEFLATE_MEMORY, Z_DEFAULT_STRATEGY);
    packer->ready = code == Z_OK;
    if (code != Z_OK) {
        hf_packer_free(packer);
        return HF_ERR_NOMEM;
    }
    *out = packer;
    return HF_OK;
}

void hf_packer_free(hf_packer *packer)
{
    if (packer == NULL) return;
    if (packer->ready) (void)deflateEnd(&packer->stream);
    hf_buffer_free(&packer->packed);
    free(packer);
}

hf_status hf_packer_begin(hf_packer *packer, hf_bytes raw)
{
    int code = deflateReset(&packer->stream);
    assert(code == Z_OK);
    code = deflateSetDictionary(&packer->stream, hf_dictionary_1, (uInt)hf_dictionary_1_size);
    assert(code == Z_OK);
    hf_buffer_clear(&packer->packed);
    if (hf_buffer_reserve(&packer->packed, deflateBound(&packer->stream, raw.size)) == NULL)
        return HF_ERR_NOMEM;
    packer->raw = raw;
    return HF_OK;
}

hf_status hf_packer_step(hf_packer *packer, size_t bytes, bool *done, hf_bytes *packed)
{
    z_stream *stream = &packer->stream;
    bool last = bytes >= packer->raw.size;
    size_t size = last ? packer->raw.size : bytes;
    size_t room = packer->packed.capacity - packer->packed.size;
    stream->next_in = (z_const Bytef *)packer->raw.data;
    stream->avail_in = (uInt)size;
    stream->next_out = packer->packed.data + packer->packed.size;
    stream->avail_out = (uInt)room;
    int code = deflate(stream, last ? Z_FINISH : Z_NO_FLUSH);
    assert(stream->avail_in == 0 && code == (last ? Z_STREAM_END : Z_OK)); /* the bound holds */
    packer->packed.size += room - stream->avail_out;
    packer->raw.data += size;
    packer->raw.size -= size;
    *done = last;
    *packed = hf_buffer_bytes(&packer->packed);
    return HF_OK;
}

hf_status hf_chunk_unpack(hf_deflater *deflater, hf_bytes packed, size_t size, hf_buffer *out)
{
    if (size > HF_SNAPSHOT_CHUNK_MAX) return HF_ERR_LIMIT;
    return frame_inflate(deflater, packed, size, out);
}
