/* passphrase.c: see passphrase.h. A sealed block: version (1 byte), rounds (4, big-endian), salt
 * (16), nonce (12), what is hidden, tag (16). */
#include "passphrase.h"

#include "entropy.h"

#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <mbedtls/pkcs5.h>
#include <mbedtls/platform_util.h>
#include <string.h>

enum { VERSION = 1, SALT_SIZE = 16, NONCE_SIZE = 12, TAG_SIZE = 16, KEY_SIZE = 32 };
enum { AT_ROUNDS = 1, AT_SALT = 5, AT_NONCE = AT_SALT + SALT_SIZE, AT_HIDDEN = 33 };

_Static_assert(AT_NONCE + NONCE_SIZE == AT_HIDDEN, "the hidden bytes follow the nonce");
_Static_assert(AT_HIDDEN + TAG_SIZE == HF_PASSPHRASE_OVERHEAD, "nothing else is added");

static hf_status derive(hf_bytes passphrase, const uint8_t *salt, uint32_t rounds,
                        uint8_t key[KEY_SIZE])
{
    mbedtls_md_context_t md;
    mbedtls_md_init(&md);
    int code = mbedtls_md_setup(&md, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 1);
    if (code == 0)
        code = mbedtls_pkcs5_pbkdf2_hmac(&md, passphrase.data, passphrase.size, salt, SALT_SIZE,
                                         rounds, KEY_SIZE, key);
    mbedtls_md_free(&md);
    return code == 0 ? HF_OK : HF_ERR_NOMEM; /* in software it has nothing else to fail on */
}

static hf_status cipher_open(hf_bytes passphrase, const uint8_t *salt, uint32_t rounds,
                             mbedtls_gcm_context *gcm)
{
    uint8_t key[KEY_SIZE];
    hf_status status = derive(passphrase, salt, rounds, key);
    if (status == HF_OK && mbedtls_gcm_setkey(gcm, MBEDTLS_CIPHER_ID_AES, key, 8 * KEY_SIZE) != 0)
        status = HF_ERR_NOMEM;
    mbedtls_platform_zeroize(key, sizeof key);
    return status;
}

hf_status hf_passphrase_seal(hf_bytes passphrase, hf_bytes beside, hf_bytes plain, uint8_t *out)
{
    if (passphrase.size < HF_PASSPHRASE_MIN || passphrase.size > HF_PASSPHRASE_MAX)
        return HF_ERR_INPUT;
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    out[0] = VERSION;
    for (int i = 0; i < 4; i++)
        out[AT_ROUNDS + i] = (uint8_t)((uint32_t)HF_PASSPHRASE_ROUNDS >> (24 - 8 * i));
    hf_status status = hf_entropy_fill(out + AT_SALT, SALT_SIZE + NONCE_SIZE);
    if (status == HF_OK)
        status = cipher_open(passphrase, out + AT_SALT, HF_PASSPHRASE_ROUNDS, &gcm);
    if (status == HF_OK &&
        mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, plain.size, out + AT_NONCE, NONCE_SIZE,
                                  beside.data, beside.size, plain.data, out + AT_HIDDEN, TAG_SIZE,
                                  out + AT_HIDDEN + plain.size) != 0)
        status = HF_ERR_NOMEM;
    mbedtls_gcm_free(&gcm);
    return status;
}

hf_status hf_passphrase_open(hf_bytes passphrase, hf_bytes beside, hf_bytes sealed, uint8_t *out)
{
    if (sealed.size < HF_PASSPHRASE_OVERHEAD || sealed.data[0] != VERSION) return HF_ERR_PROTOCOL;
    uint32_t rounds = 0;
    for (int i = 0; i < 4; i++) rounds = rounds << 8 | sealed.data[AT_ROUNDS + i];
    if (rounds == 0 || rounds > HF_PASSPHRASE_ROUNDS_MAX) return HF_ERR_PROTOCOL;
    if (passphrase.size > HF_PASSPHRASE_MAX) return HF_ERR_DENIED;
    size_t size = sealed.size - HF_PASSPHRASE_OVERHEAD;
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    hf_status status = cipher_open(passphrase, sealed.data + AT_SALT, rounds, &gcm);
    if (status == HF_OK &&
        mbedtls_gcm_auth_decrypt(&gcm, size, sealed.data + AT_NONCE, NONCE_SIZE, beside.data,
                                 beside.size, sealed.data + AT_HIDDEN + size, TAG_SIZE,
                                 sealed.data + AT_HIDDEN, out) != 0)
        status = HF_ERR_DENIED;
    mbedtls_gcm_free(&gcm);
    return status;
}
