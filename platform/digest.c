/* digest.c: SHA-256 and P-256 verification by OpenSSL, which is here for TLS already.
 *
 * Why not mbedTLS, which does all else in keys.c: Debian's is plain C. OpenSSL uses the processor's
 * own SHA instructions and hand-written curve code: 10 and 20 times as fast, and these two were a
 * third of what an upload cost the hub (docs/performance.md). */
#define OPENSSL_API_COMPAT 10101 /* SHA256_*: EVP looks an algorithm up at every call */

#include "digest.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>

enum { SIGNATURE_DER_MAX = 80 };

void hf_sha256(const hf_bytes *pieces, size_t count, uint8_t out[HF_HASH_SIZE])
{
    SHA256_CTX sha;
    int done = SHA256_Init(&sha);
    for (size_t i = 0; i < count; i++) done &= SHA256_Update(&sha, pieces[i].data, pieces[i].size);
    done &= SHA256_Final(out, &sha);
    assert(done); /* in software it has nothing to fail on */
}

static EVP_PKEY *key_of(hf_bytes point)
{
    char curve[] = "prime256v1";
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM parts[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point.data, point.size),
        OSSL_PARAM_construct_end()};
    if (maker && EVP_PKEY_fromdata_init(maker) == 1)
        (void)EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, parts); /* also: on the curve? */
    EVP_PKEY_CTX_free(maker);
    return key;
}

/* r, s as the DER that OpenSSL takes; 0 when there is no memory. */
static size_t signature_der(const uint8_t signature[HF_SIGNATURE_SIZE],
                            uint8_t der[SIGNATURE_DER_MAX])
{
    const int half = HF_SIGNATURE_SIZE / 2;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, half, NULL), *s = BN_bin2bn(signature + half, half, NULL);
    int size = 0;
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL; /* the pair's now */
        size = i2d_ECDSA_SIG(pair, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return size > 0 ? (size_t)size : 0;
}

hf_status hf_p256_verify(hf_bytes point, const uint8_t digest[HF_HASH_SIZE],
                         const uint8_t signature[HF_SIGNATURE_SIZE])
{
    uint8_t der[SIGNATURE_DER_MAX];
    size_t size = signature_der(signature, der);
    EVP_PKEY *key = key_of(point);
    EVP_PKEY_CTX *verifier = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    hf_status status = size ? HF_ERR_PROTOCOL : HF_ERR_NOMEM;
    if (key && !verifier) status = HF_ERR_NOMEM;
    /* Refuses r and s outside [1, n - 1] before anything else. */
    if (size && verifier && EVP_PKEY_verify_init(verifier) == 1 &&
        EVP_PKEY_verify(verifier, der, size, digest, HF_HASH_SIZE) == 1)
        status = HF_OK;
    EVP_PKEY_CTX_free(verifier);
    EVP_PKEY_free(key);
    ERR_clear_error(); /* a refusal leaves its reason where TLS would find it */
    return status;
}
