/* keys_private.h: what the files that use mbedTLS share. For these only. */
#ifndef HF_PLATFORM_KEYS_PRIVATE_H
#define HF_PLATFORM_KEYS_PRIVATE_H

#include "keys.h"

#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <stdbool.h>

enum { HF_SPKI_SIZE = 91 }; /* a P-256 SubjectPublicKeyInfo with an uncompressed point */

/* mbedTLS's form of hf_entropy_fill; `unused` is its context. */
int hf_keys_rng(void *unused, unsigned char *out, size_t size);

/* `generic` unless mbedTLS's code says no memory or no random bytes. */
HF_MUST_CHECK hf_status hf_keys_status(int code, hf_status generic);

/* A new P-256 key in `key`, and as PEM in `path`, which must not be there yet. */
HF_MUST_CHECK hf_status hf_keys_make(mbedtls_pk_context *key, const char *path);

/* Reads a P-256 private key, or one certificate, from a PEM file into an initialised context. */
HF_MUST_CHECK hf_status hf_keys_load_key(const char *path, mbedtls_pk_context *key);
HF_MUST_CHECK hf_status hf_keys_load_certificate(const char *path, mbedtls_x509_crt *certificate);

/* For mbedTLS's verification: dates never decide (DESIGN 4), and nothing stands between leaf and
 * CA. */
int hf_keys_judge_chain(void *unused, mbedtls_x509_crt *certificate, int depth, uint32_t *flags);

/* Does the certificate itself say that it is for this use? */
bool hf_keys_has_usage(const mbedtls_x509_crt *certificate, const char *oid, size_t oid_size);

/* Reads a public key from exactly the one encoding that we accept. HF_ERR_INPUT if it is not. */
HF_MUST_CHECK hf_status hf_keys_public_read(hf_bytes spki, mbedtls_ecp_group *group,
                                            mbedtls_ecp_point *point);

/* ---- seal.c: protocol.md 13.1 ---- */
/* As in hf_crypto. */
HF_MUST_CHECK hf_status hf_seal_for(hf_bytes spki, hf_bytes beside, hf_bytes plain, uint8_t *out);
HF_MUST_CHECK hf_status hf_seal_open(mbedtls_ecp_keypair *own, hf_bytes beside, hf_bytes sealed,
                                     uint8_t *out);
/* The seal of a given throw of the dice: for hf_seal_for, and for the vectors. */
HF_MUST_CHECK hf_status hf_seal_by(mbedtls_mpi *secret, hf_bytes spki, hf_bytes beside,
                                   hf_bytes plain, uint8_t *out);

#endif
