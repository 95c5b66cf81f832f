/* hex.h: bytes written as hex, for tests. */
#ifndef HF_TEST_HEX_H
#define HF_TEST_HEX_H

#include "holdfast/status.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { HEX_MAX = 4096 };

/* Borrows `out`, of HEX_MAX bytes. Ends the test on anything but pairs of hex digits. */
static inline hf_bytes unhex(const char *hex, uint8_t *out)
{
    size_t size = strlen(hex) / 2;
    assert(strlen(hex) % 2 == 0 && size <= HEX_MAX);
    for (size_t i = 0; i < size; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
        char *end;
        out[i] = (uint8_t)strtoul(digits, &end, 16);
        assert(end == digits + 2);
    }
    return (hf_bytes){out, size};
}

#endif
