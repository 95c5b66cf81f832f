/* fuzz_http_reply.c: whatever answers where an enrolment listener was expected. */
#include "harness.h"

#include "platform/http_reply.h"

#include <assert.h>

void fuzz_one(const uint8_t *data, size_t size)
{
    int code = 0;
    hf_bytes body = {NULL, 0};
    if (hf_http_reply_read((hf_bytes){data, size}, &code, &body) != HF_OK) return;
    assert(code >= 100 && code <= 999);
    assert(body.data >= data && body.data + body.size == data + size); /* to the last byte */
}
