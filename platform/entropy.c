/* entropy.c: the only source of randomness, so that one file answers for every key and salt. */
#include "entropy.h"

#include <errno.h>
#include <sys/random.h>

hf_status hf_entropy_fill(uint8_t *out, size_t size)
{
    while (size > 0) {
        ssize_t got = getrandom(out, size, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return HF_ERR_IO;
        out += got;
        size -= (size_t)got;
    }
    return HF_OK;
}
