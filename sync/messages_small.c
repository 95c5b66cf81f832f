/* messages_small.c: frames that are a few fields: names, windows, signs of life, what a station
 * wishes for its devices, and how a conversation ends. */
#include "messages.h"

enum { CODE_MAX = 0xffff };

void hf_read_origin(hf_reader *reader, hf_message *out)
{
    hf_origin_frame *origin = &out->as.origin;
    origin->index = (uint32_t)hf_read_uint_max(reader, HF_ORIGIN_INDEX_MAX);
    hf_read_bytes_exact(reader, origin->key_id, HF_HASH_SIZE);
    hf_read_bytes_exact(reader, origin->incarnation, HF_INCARNATION_SIZE);
    origin->certificate = hf_read_bytes(reader);
    if (origin->certificate.size > HF_CERTIFICATE_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
}

void hf_read_certificate(hf_reader *reader, hf_message *out)
{
    hf_certificate_frame *frame = &out->as.certificate;
    frame->certificate = hf_read_bytes(reader);
    if (frame->certificate.size > HF_CERTIFICATE_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    frame->text = hf_read_text(reader);
    if (frame->text.size > HF_TEXT_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
}

void hf_read_credit(hf_reader *reader, hf_message *out)
{
    out->as.credit.lane = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    out->as.credit.entries = (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
    out->as.credit.bytes = (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
}

void hf_read_hubs(hf_reader *reader, hf_message *out)
{
    out->as.hubs = hf_read_bytes(reader);
    if (out->as.hubs.size > HF_HUB_LIST_SIZE_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
}

void hf_read_ping(hf_reader *reader, hf_message *out)
{
    out->as.ping.nonce = hf_read_uint(reader);
    out->as.ping.wall_ms = 0;
}

void hf_read_pong(hf_reader *reader, hf_message *out)
{
    out->as.ping.nonce = hf_read_uint(reader);
    out->as.ping.wall_ms = hf_read_uint_max(reader, INT64_MAX);
}

void hf_read_error(hf_reader *reader, hf_message *out)
{
    out->as.farewell.code = (uint32_t)hf_read_uint_max(reader, CODE_MAX);
    out->as.farewell.text = hf_read_text(reader);
    if (out->as.farewell.text.size > HF_TEXT_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    out->as.farewell.retry_after_ms = 0;
}

void hf_read_bye(hf_reader *reader, hf_message *out)
{
    out->as.farewell.code = (uint32_t)hf_read_uint_max(reader, CODE_MAX);
    out->as.farewell.text = (hf_bytes){NULL, 0};
    out->as.farewell.retry_after_ms = hf_read_uint_max(reader, UINT32_MAX);
}

void hf_read_renew_for(hf_reader *reader, hf_message *out)
{
    hf_read_bytes_exact(reader, out->as.key_id, HF_HASH_SIZE);
}

void hf_read_receipt_for(hf_reader *reader, hf_message *out)
{
    hf_receipted *reach = &out->as.reach;
    reach->origin = (uint32_t)hf_read_uint_max(reader, HF_ORIGIN_INDEX_MAX);
    reach->lane = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    reach->seq = hf_read_uint_max(reader, INT64_MAX);
    if (reach->origin < HF_HELLO_ORIGINS_MAX) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}
