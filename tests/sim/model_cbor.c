/* model_cbor.c: the model's own decoder: forty lines that owe nothing to sync/codec.c. */
#include "model_private.h"

unsigned reader_major(const reader *r)
{
    return r->at < r->end ? *r->at >> 5 : 8;
}

uint64_t reader_head(reader *r, unsigned major)
{
    if (r->bad || reader_major(r) != major) {
        r->bad = true;
        return 0;
    }
    unsigned info = *r->at++ & 31;
    if (info < 24) return info;
    size_t size = (size_t)1 << (info - 24);
    if (info > 27 || (size_t)(r->end - r->at) < size) {
        r->bad = true;
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) value = value << 8 | *r->at++;
    return value;
}

hf_bytes reader_string(reader *r, unsigned major)
{
    uint64_t size = reader_head(r, major);
    if (r->bad || size > (uint64_t)(r->end - r->at)) {
        r->bad = true;
        return (hf_bytes){NULL, 0};
    }
    hf_bytes bytes = {r->at, (size_t)size};
    r->at += size;
    return bytes;
}

hf_bytes reader_item(reader *r)
{
    const uint8_t *start = r->at;
    uint64_t left = 1; /* items still to come, however deep they stand */
    while (left && !r->bad) {
        left--;
        unsigned major = reader_major(r);
        if (major == MAJOR_BYTES || major == MAJOR_TEXT) {
            (void)reader_string(r, major);
            continue;
        }
        uint64_t argument = reader_head(r, major);
        if (major == MAJOR_ARRAY) left += argument;
        if (major == MAJOR_ARRAY + 1) left += 2 * argument; /* a map's keys and values */
    }
    return (hf_bytes){start, (size_t)(r->at - start)};
}

size_t writer_head(uint8_t *out, unsigned major, uint64_t argument)
{
    if (argument < 24) {
        out[0] = (uint8_t)(major << 5 | argument);
        return 1;
    }
    unsigned power = argument > UINT32_MAX ? 3 : argument > UINT16_MAX ? 2 : argument > UINT8_MAX;
    size_t size = (size_t)1 << power;
    out[0] = (uint8_t)(major << 5 | (24 + power));
    for (size_t i = 0; i < size; i++) out[1 + i] = (uint8_t)(argument >> 8 * (size - 1 - i));
    return 1 + size;
}
