/* messages_carry.c: the frames by which bundles change hands: CARRY, FETCH, PIECE, CARRIED. */
#include "messages.h"

#include "carry.h"

static void read_tuple(hf_reader *reader, size_t count)
{
    if (hf_read_array(reader, SIZE_MAX) != count) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static void read_carried(hf_reader *reader, hf_carried *out)
{
    read_tuple(reader, 5);
    hf_read_bytes_exact(reader, out->id, HF_HASH_SIZE);
    hf_read_bytes_exact(reader, out->station, HF_HASH_SIZE);
    out->stage = (uint8_t)hf_read_uint_max(reader, HF_CARRY_ANSWER);
    out->lane = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    uint64_t size = hf_read_uint(reader);
    if (size > HF_BUNDLE_SIZE_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    if (size == 0 || out->lane == HF_LANE_CONTROL) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    out->size = (uint32_t)size;
}

static void read_settled(hf_reader *reader, hf_carried *out)
{
    *out = (hf_carried){.size = 0};
    read_tuple(reader, 2);
    hf_read_bytes_exact(reader, out->id, HF_HASH_SIZE);
    out->stage = (uint8_t)hf_read_uint_max(reader, HF_CARRY_SETTLED);
}

static void read_items(hf_reader *reader, void (*item)(hf_reader *, hf_carried *), hf_list *list)
{
    hf_carried scratch;
    list->count = hf_read_array(reader, SIZE_MAX);
    if (list->count > HF_CARRY_LIST_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    const uint8_t *start = reader->at;
    for (size_t i = 0; i < list->count && reader->status == HF_OK; i++) item(reader, &scratch);
    list->items = (hf_bytes){start, reader->status == HF_OK ? (size_t)(reader->at - start) : 0};
}

static bool next_item(hf_list *list, void (*item)(hf_reader *, hf_carried *), hf_carried *out)
{
    hf_reader reader;
    if (!hf_list_begin(list, &reader)) return false;
    item(&reader, out);
    return hf_list_end(list, &reader);
}

bool hf_next_carried(hf_list *list, hf_carried *out)
{
    return next_item(list, read_carried, out);
}

bool hf_next_settled(hf_list *list, hf_carried *out)
{
    return next_item(list, read_settled, out);
}

void hf_carry_read(hf_reader *reader, hf_message *out)
{
    read_items(reader, read_carried, &out->as.carried);
}

void hf_carried_read(hf_reader *reader, hf_message *out)
{
    read_items(reader, read_settled, &out->as.carried);
}

static void read_place(hf_reader *reader, hf_piece *out)
{
    hf_read_bytes_exact(reader, out->id, HF_HASH_SIZE);
    out->stage = (uint8_t)hf_read_uint_max(reader, HF_CARRY_ANSWER);
    out->offset = (uint32_t)hf_read_uint_max(reader, HF_BUNDLE_SIZE_MAX - 1);
}

void hf_fetch_read(hf_reader *reader, hf_message *out)
{
    out->as.piece = (hf_piece){.offset = 0};
    read_place(reader, &out->as.piece);
}

void hf_piece_read(hf_reader *reader, hf_message *out)
{
    read_place(reader, &out->as.piece);
    out->as.piece.bytes = hf_read_bytes(reader);
    if (out->as.piece.bytes.size > HF_PIECE_SIZE_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
}

/* ---- written ---- */

void hf_write_carried(hf_buffer *out, const hf_carried *item)
{
    hf_write_array(out, 5);
    hf_write_bytes(out, item->id, HF_HASH_SIZE);
    hf_write_bytes(out, item->station, HF_HASH_SIZE);
    hf_write_uint(out, item->stage);
    hf_write_uint(out, item->lane);
    hf_write_uint(out, item->size);
}

void hf_write_settled(hf_buffer *out, const hf_carried *item)
{
    hf_write_array(out, 2);
    hf_write_bytes(out, item->id, HF_HASH_SIZE);
    hf_write_uint(out, item->stage);
}

void hf_carry_write(hf_buffer *out, const hf_message *message)
{
    const hf_piece *piece = &message->as.piece;
    bool is_list = message->type == HF_FRAME_CARRY || message->type == HF_FRAME_CARRIED;
    hf_write_array(out, is_list ? 2 : message->type == HF_FRAME_FETCH ? 4 : 5);
    hf_write_uint(out, message->type);
    if (is_list) {
        hf_write_array(out, message->as.carried.count);
        hf_write_raw(out, message->as.carried.items);
        return;
    }
    hf_write_bytes(out, piece->id, HF_HASH_SIZE);
    hf_write_uint(out, piece->stage);
    hf_write_uint(out, piece->offset);
    if (message->type == HF_FRAME_PIECE) hf_write_bytes(out, piece->bytes.data, piece->bytes.size);
}
