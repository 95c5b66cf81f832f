/* messages_end.c: the short frames: windows, and how a conversation ends. */
#include "messages_end.h"

enum { CODE_MAX = 0xffff };

void hf_credit_read(hf_reader *reader, hf_message *out)
{
    out->as.credit.lane = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    out->as.credit.entries = (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
    out->as.credit.bytes = (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
}

void hf_hubs_read(hf_reader *reader, hf_message *out)
{
    out->as.hubs = hf_read_bytes(reader);
    if (out->as.hubs.size > HF_HUB_LIST_SIZE_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
}

void hf_error_read(hf_reader *reader, hf_message *out)
{
    out->as.farewell.code = (uint32_t)hf_read_uint_max(reader, CODE_MAX);
    out->as.farewell.text = hf_read_text(reader);
    if (out->as.farewell.text.size > HF_TEXT_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    out->as.farewell.retry_after_ms = 0;
}

void hf_bye_read(hf_reader *reader, hf_message *out)
{
    out->as.farewell.code = (uint32_t)hf_read_uint_max(reader, CODE_MAX);
    out->as.farewell.text = (hf_bytes){NULL, 0};
    out->as.farewell.retry_after_ms = hf_read_uint_max(reader, UINT32_MAX);
}
