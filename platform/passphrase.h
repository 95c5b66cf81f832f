/* passphrase.h: bytes that only those who know a passphrase can read: AES-256-GCM under PBKDF2.
 *
 * For a hub's keys in a backup: the backup leaves the building, and whoever could read them in it
 * could be the hub. */
#ifndef HF_PLATFORM_PASSPHRASE_H
#define HF_PLATFORM_PASSPHRASE_H

#include "holdfast/status.h"

enum {
    HF_PASSPHRASE_MIN = 12, /* bytes: shorter ones are guessed */
    HF_PASSPHRASE_MAX = 1024,
    HF_PASSPHRASE_ROUNDS = 600000, /* of PBKDF2: some tenths of a second a guess */
    HF_PASSPHRASE_ROUNDS_MAX = 10000000,
    HF_PASSPHRASE_OVERHEAD = 1 + 4 + 16 + 12 + 16 /* version, rounds, salt, nonce, tag */
};

/* Seals `plain` into `out`, which has room for HF_PASSPHRASE_OVERHEAD bytes more. `beside` is not
 * hidden, and has to be the same again for the seal to open.
 * Errors: HF_ERR_INPUT (the passphrase is too short or too long), HF_ERR_IO (no random bytes),
 *         HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_passphrase_seal(hf_bytes passphrase, hf_bytes beside, hf_bytes plain,
                                           uint8_t *out);

/* Opens it into `out`, which has room for as many bytes as `sealed` has without the overhead.
 * Errors: HF_ERR_DENIED (another passphrase, or not a byte is as it was), HF_ERR_PROTOCOL (not
 *         sealed by this program), HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_passphrase_open(hf_bytes passphrase, hf_bytes beside, hf_bytes sealed,
                                           uint8_t *out);

#endif
