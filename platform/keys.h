/* keys.h: this installation's key, and the table of functions that the engine is lent.
 *
 * An installation has three PEM files: its key (P-256, mode 0600), its certificate once it is
 * enrolled, and the certificate of the one CA it trusts. A hub has the same, and the CA's key
 * besides (ca.h). Private keys are wiped from memory when they are closed. */
#ifndef HF_PLATFORM_KEYS_H
#define HF_PLATFORM_KEYS_H

#include "holdfast/keys.h"

enum {
    HF_CERTIFICATE_DER_MAX = 4096, /* longer ones are refused unread */
    HF_PEM_MAX = 16 * 1024,        /* a PEM file */
    HF_CSR_DER_MAX = 4096,
    HF_FINGERPRINT_SIZE = 2 * HF_HASH_SIZE + 1 /* hex and NUL */
};

/* A table that believes this CA, in a PEM file, and has no key of its own: it can check what others
 * signed, and sign nothing. Errors: as hf_keys_open. */
HF_MUST_CHECK hf_status hf_keys_open_ca(const char *path, hf_keys **out);

/* Our SubjectPublicKeyInfo, DER; as long as `keys`. */
hf_bytes hf_keys_public(const hf_keys *keys);

/* The CA's certificate, DER; as long as `keys`; empty when there is none. */
hf_bytes hf_keys_ca(const hf_keys *keys);

/* Writes a certificate request for our key, DER, to `out`. Its subject says nothing: who a device
 * is comes from the hub's token, never from the device (DESIGN 7).
 * Errors: HF_ERR_NOMEM, HF_ERR_IO (no random bytes). */
HF_MUST_CHECK hf_status hf_keys_request(hf_keys *keys, uint8_t out[HF_CSR_DER_MAX], size_t *size);

/* Puts a new certificate for our key, DER, in place of the one in `path`: checked, then on disk
 * (hf_file_write), then in the table. After a power cut at any moment the pair works.
 * Errors: HF_ERR_PROTOCOL (not by our CA, or for another key); else as hf_file_write: the old one
 *         stands. */
HF_MUST_CHECK hf_status hf_keys_replace(hf_keys *keys, const char *path, hf_bytes der);

/* SHA-256 of a certificate's DER as lower-case hex: what a token carries for the CA. */
void hf_certificate_fingerprint(hf_bytes der, char out[HF_FINGERPRINT_SIZE]);

/* PEM to DER and back, for `CERTIFICATE` and `CERTIFICATE REQUEST`. *size is room in, used out.
 * Errors: HF_ERR_INPUT (not one PEM block of that label), HF_ERR_LIMIT (no room). */
HF_MUST_CHECK hf_status hf_pem_decode(const char *label, hf_bytes pem, uint8_t *out, size_t *size);
HF_MUST_CHECK hf_status hf_pem_encode(const char *label, hf_bytes der, char *out, size_t *size);

#endif
