/* messages_snapshot.c: the frames by which a snapshot travels: OFFER, WANT, CHUNK.
 *
 * Beside messages.c, and by its rule: all of a frame is checked before anyone acts on it. */
#include "messages.h"

#include <string.h>

static void read_tuple(hf_reader *reader, size_t count)
{
    if (hf_read_array(reader, SIZE_MAX) != count) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static uint32_t read_size(hf_reader *reader)
{
    uint64_t size = hf_read_uint(reader);
    if (size == 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    if (size > HF_SNAPSHOT_CHUNK_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    return (uint32_t)size;
}

static void read_chunk_name(hf_reader *reader, hf_chunk_name *out)
{
    read_tuple(reader, 3);
    hf_read_bytes_exact(reader, out->hash, HF_HASH_SIZE);
    out->raw_size = read_size(reader);
    out->packed_size = read_size(reader);
}

static void read_scope(hf_reader *reader, hf_offered_scope *out, size_t *total)
{
    read_tuple(reader, 2);
    out->scope = (uint32_t)hf_read_uint_max(reader, INT32_MAX);
    out->chunks.count = hf_read_array(reader, SIZE_MAX);
    if (out->chunks.count == 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    if (out->chunks.count > HF_SNAPSHOT_CHUNKS_MAX - *total) hf_reader_fail(reader, HF_ERR_LIMIT);
    const uint8_t *start = reader->at;
    for (size_t i = 0; i < out->chunks.count && reader->status == HF_OK; i++) {
        hf_chunk_name chunk;
        read_chunk_name(reader, &chunk);
    }
    *total += out->chunks.count;
    out->chunks.items =
        (hf_bytes){start, reader->status == HF_OK ? (size_t)(reader->at - start) : 0};
}

/* HELLO's tenth item. */
void hf_capabilities_read(hf_reader *reader, hf_message *out)
{
    out->as.hello.capabilities = hf_read_uint(reader);
}

void hf_read_offer(hf_reader *reader, hf_message *out)
{
    hf_offer *offer = &out->as.offer;
    size_t total = 0;
    offer->number = (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
    offer->position = hf_read_uint_max(reader, INT64_MAX);
    hf_read_bytes_exact(reader, offer->chain, sizeof offer->chain);
    offer->scopes.count = hf_read_array(reader, SIZE_MAX);
    if (offer->scopes.count > HF_SCOPES_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    const uint8_t *start = reader->at;
    int64_t last = -1;
    for (size_t i = 0; i < offer->scopes.count && reader->status == HF_OK; i++) {
        hf_offered_scope scope;
        read_scope(reader, &scope, &total);
        if ((int64_t)scope.scope <= last) hf_reader_fail(reader, HF_ERR_PROTOCOL);
        last = scope.scope;
    }
    offer->scopes.items =
        (hf_bytes){start, reader->status == HF_OK ? (size_t)(reader->at - start) : 0};
}

/* A chunk, and a place in it. */
static void read_place(hf_reader *reader, hf_message *out)
{
    hf_read_bytes_exact(reader, out->as.chunk.hash, HF_HASH_SIZE);
    out->as.chunk.offset = (uint32_t)hf_read_uint_max(reader, HF_SNAPSHOT_CHUNK_MAX);
}

void hf_read_want(hf_reader *reader, hf_message *out)
{
    out->as.chunk.offer = (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
    read_place(reader, out);
}

void hf_read_chunk(hf_reader *reader, hf_message *out)
{
    read_place(reader, out);
    out->as.chunk.bytes = hf_read_bytes(reader);
    if (out->as.chunk.bytes.size == 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

bool hf_next_offered(hf_list *list, hf_offered_scope *out)
{
    size_t total = 0;
    hf_reader reader;
    if (!hf_list_begin(list, &reader)) return false;
    read_scope(&reader, out, &total);
    return hf_list_end(list, &reader);
}

bool hf_next_chunk(hf_list *list, hf_chunk_name *out)
{
    hf_reader reader;
    if (!hf_list_begin(list, &reader)) return false;
    read_chunk_name(&reader, out);
    return hf_list_end(list, &reader);
}

/* ---- written ---- */

void hf_write_offered_scope(hf_buffer *out, const hf_offered_scope *scope)
{
    hf_write_array(out, 2);
    hf_write_uint(out, scope->scope);
    hf_write_array(out, scope->chunks.count);
    hf_write_raw(out, scope->chunks.items);
}

void hf_write_chunk_name(hf_buffer *out, const hf_chunk_name *chunk)
{
    hf_write_array(out, 3);
    hf_write_bytes(out, chunk->hash, HF_HASH_SIZE);
    hf_write_uint(out, chunk->raw_size);
    hf_write_uint(out, chunk->packed_size);
}

void hf_write_snapshot_frame(hf_buffer *out, const hf_message *message)
{
    const hf_offer *offer = &message->as.offer;
    const hf_chunk_frame *chunk = &message->as.chunk;
    hf_write_array(out, message->type == HF_FRAME_OFFER ? 5 : 4);
    hf_write_uint(out, message->type);
    if (message->type == HF_FRAME_OFFER) {
        hf_write_uint(out, offer->number);
        hf_write_uint(out, offer->position);
        hf_write_bytes(out, offer->chain, sizeof offer->chain);
        hf_write_array(out, offer->scopes.count);
        hf_write_raw(out, offer->scopes.items);
        return;
    }
    if (message->type == HF_FRAME_WANT) hf_write_uint(out, chunk->offer);
    hf_write_bytes(out, chunk->hash, HF_HASH_SIZE);
    hf_write_uint(out, chunk->offset);
    if (message->type == HF_FRAME_CHUNK) hf_write_bytes(out, chunk->bytes.data, chunk->bytes.size);
}
