/* seal.c: what only one key may read, while anyone may carry it: protocol.md 13.1.
 *
 * Why the key that signs: the centre's is the one key of it that every station holds already, by a
 * certificate, and that a backup brings back. A signature is over a hash with its own first byte
 * and a seal's secret goes through a labelled derivation, so neither can be passed off as the
 * other. */
#include "keys_private.h"

#include <mbedtls/ecdh.h>
#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/platform_util.h>
#include <string.h>

enum { POINT = 65, NUMBER = 32, KEY = 32, NONCE = 12, TAG = 16 };

_Static_assert(POINT + TAG == HF_SEAL_SIZE, "nothing else is added");

static const char LABEL[] = "holdfast seal 1"; /* without its NUL */

/* Key and nonce from the shared point; used once, for both points are in it. */
static int derive(mbedtls_mpi *shared, const uint8_t *ephemeral, const uint8_t *recipient,
                  uint8_t out[KEY + NONCE])
{
    uint8_t secret[NUMBER], info[sizeof LABEL - 1 + 2 * POINT];
    memcpy(info, LABEL, sizeof LABEL - 1);
    memcpy(info + sizeof LABEL - 1, ephemeral, POINT);
    memcpy(info + sizeof LABEL - 1 + POINT, recipient, POINT);
    int code = mbedtls_mpi_write_binary(shared, secret, sizeof secret);
    if (code == 0)
        code = mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), NULL, 0, secret,
                            sizeof secret, info, sizeof info, out, KEY + NONCE);
    mbedtls_platform_zeroize(secret, sizeof secret);
    return code;
}

typedef struct sealing {
    mbedtls_ecp_group group;
    mbedtls_ecp_point theirs, ephemeral;
    mbedtls_mpi shared;
    mbedtls_gcm_context gcm;
    uint8_t derived[KEY + NONCE];
} sealing;

static int sealing_open(sealing *s)
{
    mbedtls_ecp_group_init(&s->group);
    mbedtls_ecp_point_init(&s->theirs);
    mbedtls_ecp_point_init(&s->ephemeral);
    mbedtls_mpi_init(&s->shared);
    mbedtls_gcm_init(&s->gcm);
    return mbedtls_ecp_group_load(&s->group, MBEDTLS_ECP_DP_SECP256R1);
}

static void sealing_close(sealing *s)
{
    mbedtls_ecp_group_free(&s->group);
    mbedtls_ecp_point_free(&s->theirs);
    mbedtls_ecp_point_free(&s->ephemeral);
    mbedtls_mpi_free(&s->shared);
    mbedtls_gcm_free(&s->gcm);
    mbedtls_platform_zeroize(s->derived, sizeof s->derived);
}

static int write_point(sealing *s, const mbedtls_ecp_point *point, uint8_t out[POINT])
{
    size_t size;
    int code = mbedtls_ecp_point_write_binary(&s->group, point, MBEDTLS_ECP_PF_UNCOMPRESSED, &size,
                                              out, POINT);
    return code == 0 && size != POINT ? MBEDTLS_ERR_ECP_BAD_INPUT_DATA : code;
}

static int hide(sealing *s, hf_bytes beside, hf_bytes plain, uint8_t *out)
{
    int code = mbedtls_gcm_setkey(&s->gcm, MBEDTLS_CIPHER_ID_AES, s->derived, 8 * KEY);
    if (code != 0) return code;
    return mbedtls_gcm_crypt_and_tag(&s->gcm, MBEDTLS_GCM_ENCRYPT, plain.size, s->derived + KEY,
                                     NONCE, beside.data, beside.size, plain.data, out + POINT, TAG,
                                     out + POINT + plain.size);
}

hf_status hf_seal_by(mbedtls_mpi *secret, hf_bytes spki, hf_bytes beside, hf_bytes plain,
                     uint8_t *out)
{
    sealing s;
    uint8_t recipient[POINT];
    int code = sealing_open(&s);
    hf_status status = hf_keys_status(code, HF_ERR_INPUT);
    if (status == HF_OK) status = hf_keys_public_read(spki, &s.group, &s.theirs);
    if (status == HF_OK) {
        code = mbedtls_ecp_mul(&s.group, &s.ephemeral, secret, &s.group.G, hf_keys_rng, NULL);
        if (code == 0) code = write_point(&s, &s.ephemeral, out);
        if (code == 0) code = write_point(&s, &s.theirs, recipient);
        if (code == 0)
            code = mbedtls_ecdh_compute_shared(&s.group, &s.shared, &s.theirs, secret, hf_keys_rng,
                                               NULL);
        if (code == 0) code = derive(&s.shared, out, recipient, s.derived);
        if (code == 0) code = hide(&s, beside, plain, out);
        status = hf_keys_status(code, HF_ERR_INPUT);
    }
    sealing_close(&s);
    return status;
}

hf_status hf_seal_for(hf_bytes spki, hf_bytes beside, hf_bytes plain, uint8_t *out)
{
    mbedtls_ecp_group group;
    mbedtls_mpi secret;
    mbedtls_ecp_group_init(&group);
    mbedtls_mpi_init(&secret);
    int code = mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1);
    if (code == 0) code = mbedtls_ecp_gen_privkey(&group, &secret, hf_keys_rng, NULL);
    hf_status status = hf_keys_status(code, HF_ERR_IO);
    if (status == HF_OK) status = hf_seal_by(&secret, spki, beside, plain, out);
    mbedtls_mpi_free(&secret); /* wipes it */
    mbedtls_ecp_group_free(&group);
    return status;
}

hf_status hf_seal_open(mbedtls_ecp_keypair *own, hf_bytes beside, hf_bytes sealed, uint8_t *out)
{
    if (sealed.size < HF_SEAL_SIZE) return HF_ERR_PROTOCOL;
    sealing s;
    uint8_t recipient[POINT];
    size_t size = sealed.size - HF_SEAL_SIZE;
    int code = sealing_open(&s);
    if (code == 0) code = mbedtls_ecp_point_read_binary(&s.group, &s.ephemeral, sealed.data, POINT);
    if (code == 0) code = mbedtls_ecp_check_pubkey(&s.group, &s.ephemeral); /* on the curve */
    if (code == 0) code = write_point(&s, &own->Q, recipient);
    if (code == 0)
        code = mbedtls_ecdh_compute_shared(&s.group, &s.shared, &s.ephemeral, &own->d, hf_keys_rng,
                                           NULL);
    if (code == 0) code = derive(&s.shared, sealed.data, recipient, s.derived);
    if (code == 0) code = mbedtls_gcm_setkey(&s.gcm, MBEDTLS_CIPHER_ID_AES, s.derived, 8 * KEY);
    if (code == 0)
        code =
            mbedtls_gcm_auth_decrypt(&s.gcm, size, s.derived + KEY, NONCE, beside.data, beside.size,
                                     sealed.data + POINT + size, TAG, sealed.data + POINT, out);
    sealing_close(&s);
    if (code != 0) memset(out, 0, size);
    return hf_keys_status(code, HF_ERR_PROTOCOL);
}
