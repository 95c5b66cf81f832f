/* messages_small.c: frames that are a few numbers. */
#include "messages.h"

void hf_read_credit(hf_reader *reader, hf_message *out)
{
    out->as.credit.lane = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    out->as.credit.entries = (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
    out->as.credit.bytes = (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
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
