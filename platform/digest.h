/* digest.h: the two sums of every upload: hash an entry, verify a head. */
#ifndef HF_PLATFORM_DIGEST_H
#define HF_PLATFORM_DIGEST_H

#include "holdfast/crypto.h"

/* SHA-256 over `count` pieces, one after the other. Cannot fail. */
void hf_sha256(const hf_bytes *pieces, size_t count, uint8_t out[HF_HASH_SIZE]);

/* Did the key of `point` (65 bytes: 04, x, y) sign the digest? `signature` is r, s.
 * Errors: HF_ERR_PROTOCOL (it did not, or `point` is not on the curve), HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_p256_verify(hf_bytes point, const uint8_t digest[HF_HASH_SIZE],
                                       const uint8_t signature[HF_SIGNATURE_SIZE]);

#endif
