/* messages_lease.c: ASK, ASK_FOR and LEASE: numbers that are wanted, and blocks that are given. */
#include "messages.h"

typedef void (*item_reader)(hf_reader *reader, void *out);

static hf_bytes read_series(hf_reader *reader)
{
    hf_bytes name = hf_read_text(reader);
    if (name.size > HF_PACK_NAME_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    return name;
}

static void read_asked(hf_reader *reader, void *out)
{
    hf_asked *asked = out;
    if (hf_read_array(reader, SIZE_MAX) != 2) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    asked->series = read_series(reader);
    asked->last = hf_read_uint_max(reader, HF_REFERENCE_MAX);
}

static void read_leased(hf_reader *reader, void *out)
{
    hf_leased *leased = out;
    if (hf_read_array(reader, SIZE_MAX) != 3) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    leased->series = read_series(reader);
    leased->first = hf_read_uint_max(reader, HF_REFERENCE_MAX);
    leased->last = hf_read_uint_max(reader, HF_REFERENCE_MAX);
    if (leased->first == 0 || leased->last < leased->first) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static hf_list read_items(hf_reader *reader, item_reader read, void *item)
{
    size_t count = hf_read_array(reader, SIZE_MAX);
    if (count > HF_SERIES_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    const uint8_t *start = reader->at;
    for (size_t i = 0; i < count && reader->status == HF_OK; i++) read(reader, item);
    if (reader->status != HF_OK) return (hf_list){.count = 0};
    return (hf_list){.items = {start, (size_t)(reader->at - start)}, .count = count};
}

static bool next_item(hf_list *list, item_reader read, void *item)
{
    hf_reader reader;
    if (!hf_list_begin(list, &reader)) return false;
    read(&reader, item);
    return hf_list_end(list, &reader);
}

bool hf_next_asked(hf_list *list, hf_asked *out)
{
    return next_item(list, read_asked, out);
}

bool hf_next_leased(hf_list *list, hf_leased *out)
{
    return next_item(list, read_leased, out);
}

void hf_ask_read(hf_reader *reader, hf_message *out)
{
    hf_asked asked;
    out->as.ask = (hf_ask){.asked = read_items(reader, read_asked, &asked)};
}

void hf_ask_held_read(hf_reader *reader, hf_message *out)
{
    hf_asked asked;
    out->as.ask.held = read_items(reader, read_asked, &asked);
}

void hf_ask_for_read(hf_reader *reader, hf_message *out)
{
    hf_asked asked;
    out->as.ask_for.origin = (uint32_t)hf_read_uint_max(reader, HF_ORIGIN_INDEX_MAX);
    out->as.ask_for.asked = read_items(reader, read_asked, &asked);
    if (out->as.ask_for.origin < HF_HELLO_ORIGINS_MAX) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

void hf_lease_read(hf_reader *reader, hf_message *out)
{
    hf_leased leased;
    out->as.leased = read_items(reader, read_leased, &leased);
}

void hf_write_asked(hf_buffer *out, const hf_asked *asked)
{
    hf_write_array(out, 2);
    hf_write_text(out, (const char *)asked->series.data, asked->series.size);
    hf_write_uint(out, asked->last);
}

void hf_write_leased(hf_buffer *out, const hf_leased *leased)
{
    hf_write_array(out, 3);
    hf_write_text(out, (const char *)leased->series.data, leased->series.size);
    hf_write_uint(out, leased->first);
    hf_write_uint(out, leased->last);
}

static void write_items(hf_buffer *out, const hf_list *items)
{
    hf_write_array(out, items->count);
    hf_write_raw(out, items->items);
}

void hf_lease_write(hf_buffer *out, const hf_message *message)
{
    const hf_ask *ask = &message->as.ask;
    switch (message->type) {
    case HF_FRAME_ASK:
        hf_write_array(out, ask->held.count ? 3 : 2);
        hf_write_uint(out, HF_FRAME_ASK);
        write_items(out, &ask->asked);
        if (ask->held.count) write_items(out, &ask->held);
        break;
    case HF_FRAME_ASK_FOR:
        hf_write_array(out, 3);
        hf_write_uint(out, HF_FRAME_ASK_FOR);
        hf_write_uint(out, message->as.ask_for.origin);
        write_items(out, &message->as.ask_for.asked);
        break;
    default:
        hf_write_array(out, 2);
        hf_write_uint(out, HF_FRAME_LEASE);
        write_items(out, &message->as.leased);
        break;
    }
}
