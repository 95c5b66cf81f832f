/* fuzz_token.c: a token's text, as a person may have cut or pasted it, and the times in it. */
#include "harness.h"

#include "sync/enrolment.h"
#include "sync/render.h"

#include <assert.h>
#include <string.h>

static void check_token(hf_bytes bytes)
{
    hf_token token, back;
    hf_buffer text = {0};
    char why[256] = "", host[HF_ADDRESS_SIZE];
    uint16_t port;
    if (hf_token_read(bytes, &token, why, sizeof why) != HF_OK) {
        assert(*why);
        return;
    }
    assert(hf_address_split(token.address, host, sizeof host, &port) == HF_OK);
    hf_token_write(&token, "again", &text);
    assert(hf_token_read(hf_buffer_bytes(&text), &back, why, sizeof why) == HF_OK);
    assert(memcmp(token.secret, back.secret, sizeof token.secret) == 0);
    hf_buffer_free(&text);
}

static void check_time(hf_bytes bytes)
{
    int64_t ms, back;
    char text[HF_TIME_TEXT_SIZE];
    if (hf_time_parse(bytes, &ms) != HF_OK) return;
    hf_time_format(ms, text);
    assert(hf_time_parse((hf_bytes){(const uint8_t *)text, strlen(text)}, &back) == HF_OK);
    assert(back == ms || ms < INT64_C(-62135596800000) || ms > INT64_C(253402300799999));
}

void fuzz_one(const uint8_t *data, size_t size)
{
    hf_bytes bytes = {data, size};
    check_token(bytes);
    check_time(bytes);
}
