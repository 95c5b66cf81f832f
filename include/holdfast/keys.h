/* keys.h: an installation's key and certificates, by mbedTLS, as the table that the engine is lent.
 *
 * An app with a keystore of its own fills in crypto.h's table itself and needs none of this. */
#ifndef HOLDFAST_KEYS_H
#define HOLDFAST_KEYS_H

#include "holdfast/crypto.h"

/* Where the three files are. Borrowed by each call for as long as it runs. */
typedef struct hf_key_paths {
    const char *key;
    const char *certificate;
    const char *ca;
} hf_key_paths;

typedef struct hf_keys hf_keys;

/* Makes a new P-256 key and writes it to `path`, mode 0600.
 * Errors: HF_ERR_BUSY when a file is there already, which is never replaced; else as
 *         hf_file_create. */
HF_MUST_CHECK hf_status hf_keys_create(const char *path);

/* Opens the key, and the two certificates as far as they are there: without its own an
 * installation cannot be told apart yet, and without the CA's it believes no certificate.
 * Errors: HF_ERR_NOT_FOUND (no key); HF_ERR_CORRUPT (a file that is not what it should be, a key
 *         not on P-256, a certificate for another key or not by this CA); HF_ERR_DENIED,
 *         HF_ERR_IO, HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_keys_open(const hf_key_paths *paths, hf_keys **out);
void hf_keys_close(hf_keys *keys);

/* The table for the engine; lives as long as `keys`, and belongs to the same thread, except
 * `hash`, which any thread may call. Signatures are deterministic (RFC 6979). */
const hf_crypto *hf_keys_crypto(hf_keys *keys);

#endif
