/* fuzz_enrolment.c: a token's text, a request and an answer from strangers: read whole or refused.
 */
#include "sync/enrolment.h"
#include "sync/render.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted is written to the same bytes again: there is one way to say a thing. */
static void check_request(hf_bytes bytes)
{
    hf_enrol_request request;
    hf_buffer again = {0};
    if (hf_enrol_request_read(bytes, &request) != HF_OK) return;
    hf_enrol_request_write(&request, &again);
    assert(hf_bytes_equal(hf_buffer_bytes(&again), bytes));
    hf_buffer_free(&again);
}

static void check_answer(hf_bytes bytes)
{
    hf_enrol_answer answer;
    hf_buffer again = {0};
    if (hf_enrol_answer_read(bytes, &answer) != HF_OK) return;
    hf_enrol_answer_write(&answer, &again);
    assert(hf_bytes_equal(hf_buffer_bytes(&again), bytes));
    hf_buffer_free(&again);
}

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    hf_bytes bytes = {data + 1, size - 1};
    switch (data[0] % 4) {
    case 0: check_request(bytes); break;
    case 1: check_answer(bytes); break;
    case 2: check_token(bytes); break;
    default: check_time(bytes); break;
    }
    return 0;
}
