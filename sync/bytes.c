/* bytes.c: order and equality of byte strings, and what is UTF-8. */
#include "codec.h"

#include <string.h>

bool hf_bytes_equal(hf_bytes a, hf_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int hf_bytes_compare(hf_bytes a, hf_bytes b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
    if (order != 0) return order;
    return (a.size > b.size) - (a.size < b.size);
}

/* The bytes of the character that begins at `at`, or 0 if none does. The second byte's range is
 * what shuts out overlong forms, surrogates and what lies beyond U+10FFFF (RFC 3629 4). */
static size_t utf8_character(const uint8_t *at, size_t left)
{
    uint8_t first = at[0], low = 0x80, high = 0xbf;
    size_t size;
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) {
        size = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        size = 3;
        if (first == 0xe0) low = 0xa0;
        if (first == 0xed) high = 0x9f;
    } else if (first >= 0xf0 && first <= 0xf4) {
        size = 4;
        if (first == 0xf0) low = 0x90;
        if (first == 0xf4) high = 0x8f;
    } else {
        return 0;
    }
    if (size > left || at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < size; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    return size;
}

bool hf_utf8_valid(hf_bytes text)
{
    size_t i = 0;
    while (i < text.size) {
        uint64_t eight;
        if (text.size - i >= sizeof eight) { /* nearly all of it is ASCII: eight at a time */
            memcpy(&eight, text.data + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        size_t size = utf8_character(text.data + i, text.size - i);
        if (size == 0) return false;
        i += size;
    }
    return true;
}
