/* crypto.h: the functions that the engine is lent: hash, random, sign, verify, seal.
 *
 * Why a table: the engine decides what is hashed and signed; platform/keys.c decides how. The
 * simulator lends a cheap, seeded table, so that a seed replays to the byte. */
#ifndef HOLDFAST_CRYPTO_H
#define HOLDFAST_CRYPTO_H

#include "holdfast/record.h"

enum {
    HF_SIGNATURE_SIZE = 64,    /* P-256: r || s, 32 bytes each, big-endian */
    HF_SEAL_SIZE = 81,         /* what sealing adds: a point of the curve and a tag */
    HF_PUBLIC_KEY_MAX = 128,   /* SubjectPublicKeyInfo, DER: 91 bytes for P-256 */
    HF_NAME_SIZE = 128,        /* a certificate's common name and its NUL */
    HF_ADDRESS_TEXT_SIZE = 264 /* "host:port" and its NUL */
};

/* When a certificate holds: Unix time, both ends included. Judged by who has the time. */
typedef struct hf_validity {
    uint64_t from_ms, until_ms;
} hf_validity;

/* What a certificate that chains to the pinned CA says. */
typedef struct hf_certificate {
    uint8_t key_id[HF_HASH_SIZE]; /* SHA-256 of the SubjectPublicKeyInfo */
    uint8_t public_key[HF_PUBLIC_KEY_MAX];
    size_t public_key_size;
    char name[HF_NAME_SIZE];
    bool is_hub;     /* the centre: serverAuth alone; its lane-0 entries count */
    bool is_station; /* serverAuth and clientAuth: serves devices, and is the centre's client */
    hf_validity valid;
} hf_certificate;

typedef struct hf_crypto {
    void *context;
    /* SHA-256 over `count` pieces, one after the other. Cannot fail. */
    void (*hash)(void *context, const hf_bytes *pieces, size_t count, uint8_t out[HF_HASH_SIZE]);
    hf_status (*random)(void *context, uint8_t *out, size_t size);
    /* Signs a 32-byte digest with this installation's own key. */
    hf_status (*sign)(void *context, const uint8_t digest[HF_HASH_SIZE],
                      uint8_t signature[HF_SIGNATURE_SIZE]);
    /* HF_OK, or HF_ERR_PROTOCOL when the signature is not by `public_key` (SPKI DER). */
    hf_status (*verify)(void *context, hf_bytes public_key, const uint8_t digest[HF_HASH_SIZE],
                        const uint8_t signature[HF_SIGNATURE_SIZE]);
    /* Checks that `der` chains to the pinned CA, without dates (DESIGN 4), and reads it.
     * HF_ERR_PROTOCOL when it does not. */
    hf_status (*certificate)(void *context, hf_bytes der, hf_certificate *out);
    /* Hides `plain` from all but who has the private half of `public_key` (SPKI DER), and binds it
     * to `beside`, which is not hidden: plain.size + HF_SEAL_SIZE bytes to `out`. */
    hf_status (*seal)(void *context, hf_bytes public_key, hf_bytes beside, hf_bytes plain,
                      uint8_t *out);
    /* What was sealed to our own key: sealed.size - HF_SEAL_SIZE bytes to `out`. HF_ERR_PROTOCOL:
     * it was not, or is not as it was; `out` is then zeros. */
    hf_status (*unseal)(void *context, hf_bytes beside, hf_bytes sealed, uint8_t *out);
    /* Our own certificate, DER, for as long as the table lives; empty before enrolment. */
    hf_bytes own_certificate;
    uint8_t own_key_id[HF_HASH_SIZE];
} hf_crypto;

#endif
