/* messages_probe.c: does the peer save? PROBE and PROBED, and the outages that a device tells of in
 * the one. */
#include "messages.h"

#include <string.h>

static size_t read_count(hf_reader *reader, size_t max)
{
    size_t count = hf_read_array(reader, SIZE_MAX);
    if (count > max) hf_reader_fail(reader, HF_ERR_LIMIT);
    return reader->status == HF_OK ? count : 0;
}

static uint64_t read_number(hf_reader *reader)
{
    return hf_read_uint_max(reader, INT64_MAX);
}

/* Times in order, and of each log something that had to wait. */
static void read_outage(hf_reader *reader, hf_outage *out)
{
    memset(out, 0, sizeof *out);
    if (hf_read_array(reader, SIZE_MAX) != 6) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    out->reason = (uint32_t)hf_read_uint_max(reader, HF_OUTAGE_DRILL);
    out->last_ms = read_number(reader);
    out->noticed_ms = read_number(reader);
    out->ended_ms = read_number(reader);
    out->quality = (uint8_t)hf_read_uint_max(reader, 3);
    const uint8_t *start = reader->at;
    size_t count = read_count(reader, HF_OUTAGE_LOGS_MAX);
    for (size_t i = 0; i < count && reader->status == HF_OK; i++) {
        hf_outage_log log;
        bool is_one = hf_outage_next_log(reader, &log);
        if (!is_one || log.lane == 0 || log.from >= log.to) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    }
    out->logs = (hf_bytes){start, (size_t)(reader->at - start)};
    if (out->last_ms == 0 || out->noticed_ms < out->last_ms || out->ended_ms < out->noticed_ms)
        hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

void hf_write_outage(hf_buffer *out, const hf_outage *outage)
{
    hf_write_array(out, 6);
    hf_write_uint(out, outage->reason);
    hf_write_uint(out, outage->last_ms);
    hf_write_uint(out, outage->noticed_ms);
    hf_write_uint(out, outage->ended_ms);
    hf_write_uint(out, outage->quality);
    hf_write_raw(out, outage->logs);
}

static void read_window(hf_reader *reader, uint8_t out[HF_RECORD_ID_SIZE])
{
    hf_read_bytes_exact(reader, out, HF_RECORD_ID_SIZE);
}

static hf_list list_between(const uint8_t *start, const hf_reader *reader, size_t count)
{
    if (reader->status != HF_OK) return (hf_list){.count = 0};
    return (hf_list){.items = {start, (size_t)(reader->at - start)}, .count = count};
}

void hf_probe_read(hf_reader *reader, hf_message *out)
{
    hf_probe_frame *probe = &out->as.probe;
    probe->number = read_number(reader);
    probe->wall_ms = hf_read_uint(reader);
    probe->waiting = read_number(reader);
    probe->oldest_ms = read_number(reader);
    probe->free_mib = read_number(reader);
    probe->pack_version = (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
    size_t count = read_count(reader, HF_PROBE_OUTAGES_MAX);
    const uint8_t *start = reader->at;
    hf_outage outage;
    for (size_t i = 0; i < count && reader->status == HF_OK; i++) read_outage(reader, &outage);
    probe->outages = list_between(start, reader, count);
    count = read_count(reader, HF_PROBE_WINDOWS_MAX);
    start = reader->at;
    uint8_t window[HF_RECORD_ID_SIZE];
    for (size_t i = 0; i < count && reader->status == HF_OK; i++) read_window(reader, window);
    probe->windows = list_between(start, reader, count);
}

void hf_probed_read(hf_reader *reader, hf_message *out)
{
    memset(&out->as.probe, 0, sizeof out->as.probe);
    out->as.probe.number = read_number(reader);
    out->as.probe.wall_ms = read_number(reader);
}

void hf_probed_held_read(hf_reader *reader, hf_message *out)
{
    out->as.probe.has_held = true;
    out->as.probe.held = read_number(reader);
}

void hf_probe_write(hf_buffer *out, const hf_probe_frame *probe)
{
    hf_write_array(out, 9);
    hf_write_uint(out, HF_FRAME_PROBE);
    hf_write_uint(out, probe->number);
    hf_write_uint(out, probe->wall_ms);
    hf_write_uint(out, probe->waiting);
    hf_write_uint(out, probe->oldest_ms);
    hf_write_uint(out, probe->free_mib);
    hf_write_uint(out, probe->pack_version);
    hf_write_array(out, probe->outages.count);
    hf_write_raw(out, probe->outages.items);
    hf_write_array(out, probe->windows.count);
    hf_write_raw(out, probe->windows.items);
}

bool hf_next_outage(hf_list *list, hf_outage *out)
{
    hf_reader reader;
    if (!hf_list_begin(list, &reader)) return false;
    read_outage(&reader, out);
    return hf_list_end(list, &reader);
}

bool hf_next_window(hf_list *list, uint8_t out[HF_RECORD_ID_SIZE])
{
    hf_reader reader;
    if (!hf_list_begin(list, &reader)) return false;
    read_window(&reader, out);
    return hf_list_end(list, &reader);
}
