/* messages_refill.c: LACK and REFILL, and a hub's former names: protocol.md 4, Refill. */
#include "messages.h"

#include <string.h>

enum { ITEMS = 6, PROOF_ITEMS = 11 };

static uint64_t read_seq(hf_reader *reader)
{
    uint64_t seq = hf_read_uint_max(reader, INT64_MAX);
    if (seq == 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    return seq;
}

/* Reads `count` items of at most `max` to their end; where they lie is left in `list`. */
static void read_items(hf_reader *reader, size_t max, void (*item)(hf_reader *), hf_list *list)
{
    size_t count = hf_read_array(reader, SIZE_MAX);
    if (count > max) hf_reader_fail(reader, HF_ERR_LIMIT);
    const uint8_t *start = reader->at;
    for (size_t i = 0; i < count && reader->status == HF_OK; i++) item(reader);
    list->count = reader->status == HF_OK ? count : 0;
    list->items = (hf_bytes){start, list->count ? (size_t)(reader->at - start) : 0};
}

static void former_item(hf_reader *reader)
{
    uint8_t id[HF_ORIGIN_SIZE];
    hf_read_bytes_exact(reader, id, sizeof id);
}

void hf_read_former(hf_reader *reader, hf_message *out)
{
    read_items(reader, HF_FORMER_MAX, former_item, &out->as.welcome.former);
}

void hf_read_centre(hf_reader *reader, hf_message *out)
{
    hf_read_bytes_exact(reader, out->as.welcome.centre.bytes, HF_ORIGIN_SIZE);
    out->as.welcome.has_centre = true;
}

bool hf_next_origin_id(hf_list *list, hf_origin_id *out)
{
    hf_reader reader;
    if (!hf_list_begin(list, &reader)) return false;
    hf_read_bytes_exact(&reader, out->bytes, HF_ORIGIN_SIZE);
    return hf_list_end(list, &reader);
}

static void lack_item(hf_reader *reader)
{
    uint8_t origin[HF_ORIGIN_SIZE];
    if (hf_read_array(reader, SIZE_MAX) != 3) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    hf_read_bytes_exact(reader, origin, sizeof origin);
    (void)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    (void)hf_read_uint_max(reader, INT64_MAX);
}

void hf_read_lack(hf_reader *reader, hf_message *out)
{
    out->as.lack.scope = (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
    read_items(reader, HF_LACK_LOGS_MAX, lack_item, &out->as.lack.logs);
}

static void body_item(hf_reader *reader)
{
    if (hf_read_item(reader).size > HF_ENTRY_SIZE_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
}

static void read_proof(hf_reader *reader, hf_refill *out)
{
    if (hf_reader_kind(reader) == HF_KIND_NULL) {
        hf_read_null(reader);
        return;
    }
    hf_head *head = &out->head;
    hf_head_leaf *leaf = &out->leaf;
    if (hf_read_array(reader, SIZE_MAX) != PROOF_ITEMS) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    hf_read_bytes_exact(reader, out->key_id, HF_HASH_SIZE);
    hf_read_bytes_exact(reader, out->incarnation, HF_INCARNATION_SIZE);
    out->certificate = hf_read_bytes(reader);
    if (out->certificate.size > HF_CERTIFICATE_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    head->seq = read_seq(reader);
    head->hlc = hf_read_uint(reader);
    hf_read_bytes_exact(reader, head->root, HF_HASH_SIZE);
    hf_read_bytes_exact(reader, head->signature, HF_SIGNATURE_SIZE);
    leaf->seq = read_seq(reader);
    leaf->index = (uint32_t)hf_read_uint_max(reader, HF_LOG_SCOPES_MAX - 1);
    leaf->count = (uint32_t)hf_read_uint_max(reader, HF_LOG_SCOPES_MAX);
    leaf->path_count = hf_read_array(reader, HF_HEAD_PATH_MAX);
    for (size_t i = 0; i < leaf->path_count && reader->status == HF_OK; i++)
        hf_read_bytes_exact(reader, leaf->path[i], HF_HASH_SIZE);
    out->proven = reader->status == HF_OK && leaf->index < leaf->count && leaf->seq <= head->seq;
    if (!out->proven) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

void hf_read_refill(hf_reader *reader, hf_message *message)
{
    hf_refill *out = &message->as.refill;
    memset(out, 0, sizeof *out);
    hf_read_bytes_exact(reader, out->origin.bytes, HF_ORIGIN_SIZE);
    out->lane = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    out->scope = (uint32_t)hf_read_uint_max(reader, INT32_MAX);
    read_proof(reader, out);
    out->head.origin = out->origin;
    out->head.lane = out->lane;
    out->leaf.scope = out->scope;
    read_items(reader, HF_REFILL_ENTRIES_MAX, body_item, &out->bodies);
    out->hashes = hf_read_bytes(reader);
    if (out->hashes.size > (size_t)HF_REFILL_HASHES_MAX * HF_HASH_SIZE)
        hf_reader_fail(reader, HF_ERR_LIMIT);
    bool empty = out->bodies.count == 0 && out->hashes.size == 0;
    if (out->hashes.size % HF_HASH_SIZE != 0 || (!out->proven && !empty))
        hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static void write_proof(hf_buffer *out, const hf_refill *refill)
{
    const hf_head_leaf *leaf = &refill->leaf;
    hf_write_array(out, PROOF_ITEMS);
    hf_write_bytes(out, refill->key_id, HF_HASH_SIZE);
    hf_write_bytes(out, refill->incarnation, HF_INCARNATION_SIZE);
    hf_write_bytes(out, refill->certificate.data, refill->certificate.size);
    hf_write_uint(out, refill->head.seq);
    hf_write_uint(out, refill->head.hlc);
    hf_write_bytes(out, refill->head.root, HF_HASH_SIZE);
    hf_write_bytes(out, refill->head.signature, HF_SIGNATURE_SIZE);
    hf_write_uint(out, leaf->seq);
    hf_write_uint(out, leaf->index);
    hf_write_uint(out, leaf->count);
    hf_write_array(out, leaf->path_count);
    for (size_t i = 0; i < leaf->path_count; i++) hf_write_bytes(out, leaf->path[i], HF_HASH_SIZE);
}

void hf_write_refill(hf_buffer *out, const hf_refill *refill)
{
    hf_write_array(out, 1 + ITEMS);
    hf_write_uint(out, HF_FRAME_REFILL);
    hf_write_bytes(out, refill->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(out, refill->lane);
    hf_write_uint(out, refill->scope);
    if (refill->proven)
        write_proof(out, refill);
    else
        hf_write_null(out);
    hf_write_array(out, refill->bodies.count);
    hf_write_raw(out, refill->bodies.items);
    hf_write_bytes(out, refill->hashes.data, refill->hashes.size);
}
