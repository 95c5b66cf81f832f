/* entropy.h: random bytes that nobody can guess. */
#ifndef HF_PLATFORM_ENTROPY_H
#define HF_PLATFORM_ENTROPY_H

#include "holdfast/status.h"

/* Fills `out` from the kernel's generator; waits, once after boot, until that is seeded.
 * Errors: HF_ERR_IO, and `out` must not be used. */
HF_MUST_CHECK hf_status hf_entropy_fill(uint8_t *out, size_t size);

#endif
