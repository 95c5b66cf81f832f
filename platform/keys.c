/* keys.c: the installation's key and the functions that the engine is lent, by mbedTLS.
 *
 * Why our own checks around the library's: a public key has exactly one encoding here, because its
 * hash is an identity; dates never decide, because a wrong clock must not lock anyone out
 * (DESIGN 4); and extended key usage is required where the library treats its absence as consent.
 */
#include "keys_private.h"

#include "digest.h"
#include "entropy.h"
#include "files.h"

#include <assert.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/x509_csr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { JUDGED_MAX = 64 };

/* A certificate that was found good: what it says follows from its bytes and the CA alone, and each
 * head of a log asks for it anew. Verifying the CA's signature takes milliseconds. */
typedef struct judged {
    bool used;
    uint8_t hash[HF_HASH_SIZE]; /* of its bytes */
    hf_certificate facts;
} judged;

struct hf_keys {
    hf_crypto crypto;
    judged judged[JUDGED_MAX]; /* by the hash's first byte */
    mbedtls_pk_context key;
    mbedtls_x509_crt own;
    mbedtls_x509_crt ca;
    uint8_t public_key[HF_SPKI_SIZE];
    bool has_ca;
};

/* SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { 04 ‖ X ‖ Y } } up to the 04. */
static const uint8_t SPKI_PREFIX[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

static const mbedtls_x509_crt_profile PROFILE = {
    .allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256),
    .allowed_pks = MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECKEY) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECDSA),
    .allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1),
    .rsa_min_bitlen = 0,
};

int hf_keys_rng(void *unused, unsigned char *out, size_t size)
{
    (void)unused;
    return hf_entropy_fill(out, size) == HF_OK ? 0 : MBEDTLS_ERR_ECP_RANDOM_FAILED;
}

hf_status hf_keys_status(int code, hf_status generic)
{
    if (code == 0) return HF_OK;
    switch (code) {
    case MBEDTLS_ERR_ECP_RANDOM_FAILED: return HF_ERR_IO;
    case MBEDTLS_ERR_MPI_ALLOC_FAILED:
    case MBEDTLS_ERR_ECP_ALLOC_FAILED:
    case MBEDTLS_ERR_PK_ALLOC_FAILED:
    case MBEDTLS_ERR_PEM_ALLOC_FAILED:
    case MBEDTLS_ERR_X509_ALLOC_FAILED: return HF_ERR_NOMEM;
    default: return generic;
    }
}

/* --- the table ----------------------------------------------------------------------------- */

static void crypto_hash(void *context, const hf_bytes *pieces, size_t count,
                        uint8_t out[HF_HASH_SIZE])
{
    (void)context;
    hf_sha256(pieces, count, out);
}

static hf_status crypto_random(void *context, uint8_t *out, size_t size)
{
    (void)context;
    return hf_entropy_fill(out, size);
}

/* Deterministic: a signature that needs fresh random bytes leaks the key when they repeat. */
static hf_status crypto_sign(void *context, const uint8_t digest[HF_HASH_SIZE],
                             uint8_t signature[HF_SIGNATURE_SIZE])
{
    hf_keys *keys = context;
    mbedtls_ecp_keypair *pair = mbedtls_pk_ec(keys->key);
    mbedtls_mpi r, s;
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    int code = mbedtls_ecdsa_sign_det_ext(&pair->grp, &r, &s, &pair->d, digest, HF_HASH_SIZE,
                                          MBEDTLS_MD_SHA256, hf_keys_rng, NULL);
    if (code == 0) code = mbedtls_mpi_write_binary(&r, signature, HF_SIGNATURE_SIZE / 2);
    if (code == 0) {
        code =
            mbedtls_mpi_write_binary(&s, signature + HF_SIGNATURE_SIZE / 2, HF_SIGNATURE_SIZE / 2);
    }
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&s);
    return hf_keys_status(code, HF_ERR_CORRUPT);
}

/* The point of a key in the one encoding that we accept; `data` NULL otherwise. */
static hf_bytes spki_point(hf_bytes spki)
{
    const size_t at = sizeof SPKI_PREFIX - 1; /* the point begins with the 04 */
    if (spki.size != HF_SPKI_SIZE || memcmp(spki.data, SPKI_PREFIX, sizeof SPKI_PREFIX) != 0)
        return (hf_bytes){NULL, 0};
    return (hf_bytes){spki.data + at, spki.size - at};
}

hf_status hf_keys_public_read(hf_bytes spki, mbedtls_ecp_group *group, mbedtls_ecp_point *point)
{
    hf_bytes bytes = spki_point(spki);
    if (!bytes.data) return HF_ERR_INPUT;
    int code = mbedtls_ecp_point_read_binary(group, point, bytes.data, bytes.size);
    if (code == 0) code = mbedtls_ecp_check_pubkey(group, point); /* on the curve */
    return hf_keys_status(code, HF_ERR_INPUT);
}

static hf_status crypto_verify(void *context, hf_bytes public_key,
                               const uint8_t digest[HF_HASH_SIZE],
                               const uint8_t signature[HF_SIGNATURE_SIZE])
{
    (void)context;
    hf_bytes point = spki_point(public_key);
    return point.data ? hf_p256_verify(point, digest, signature) : HF_ERR_PROTOCOL;
}

static hf_status crypto_seal(void *context, hf_bytes public_key, hf_bytes beside, hf_bytes plain,
                             uint8_t *out)
{
    (void)context;
    return hf_seal_for(public_key, beside, plain, out);
}

static hf_status crypto_unseal(void *context, hf_bytes beside, hf_bytes sealed, uint8_t *out)
{
    hf_keys *keys = context;
    return hf_seal_open(mbedtls_pk_ec(keys->key), beside, sealed, out);
}

int hf_keys_judge_chain(void *unused, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    (void)unused;
    (void)certificate;
    *flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
    if (depth > 1) *flags |= MBEDTLS_X509_BADCERT_OTHER; /* leaf and CA: no intermediates */
    return 0;
}

/* The library takes a certificate that lists no usage for one that allows every usage. */
bool hf_keys_has_usage(const mbedtls_x509_crt *certificate, const char *oid, size_t oid_size)
{
    return (certificate->ext_types & MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE) &&
           mbedtls_x509_crt_check_extended_key_usage(certificate, oid, oid_size) == 0;
}

/* Exactly one common name, printable, of a length that fits: what cannot be shown is refused. */
static bool name_read(const mbedtls_x509_name *subject, char out[HF_NAME_SIZE])
{
    const mbedtls_x509_buf *found = NULL;
    for (const mbedtls_x509_name *part = subject; part; part = part->next) {
        if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &part->oid) != 0) continue;
        if (found) return false;
        found = &part->val;
    }
    if (!found || found->len == 0 || found->len >= HF_NAME_SIZE) return false;
    for (size_t i = 0; i < found->len; i++) {
        if (found->p[i] < 0x20 || found->p[i] == 0x7f) return false;
    }
    memcpy(out, found->p, found->len);
    out[found->len] = 0;
    return true;
}

static uint64_t time_of(const mbedtls_x509_time *time)
{
    struct tm utc = {.tm_year = time->year - 1900,
                     .tm_mon = time->mon - 1,
                     .tm_mday = time->day,
                     .tm_hour = time->hour,
                     .tm_min = time->min,
                     .tm_sec = time->sec};
    time_t seconds = timegm(&utc);
    return seconds > 0 ? (uint64_t)seconds * 1000 : 0;
}

typedef enum usage { CLIENTS, SERVERS } usage;

static bool is_for(const mbedtls_x509_crt *certificate, usage use)
{
    if (use == SERVERS)
        return hf_keys_has_usage(certificate, MBEDTLS_OID_SERVER_AUTH,
                                 MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH));
    return hf_keys_has_usage(certificate, MBEDTLS_OID_CLIENT_AUTH,
                             MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH));
}

/* What a parsed certificate says, once the chain is known to be good. */
static hf_status certificate_describe(mbedtls_x509_crt *certificate, hf_certificate *out)
{
    const hf_bytes spki = {certificate->pk_raw.p, certificate->pk_raw.len};
    memset(out, 0, sizeof *out);
    if (spki.size != HF_SPKI_SIZE) return HF_ERR_PROTOCOL;
    if (memcmp(spki.data, SPKI_PREFIX, sizeof SPKI_PREFIX) != 0) return HF_ERR_PROTOCOL;
    if (!name_read(&certificate->subject, out->name)) return HF_ERR_PROTOCOL;
    memcpy(out->public_key, spki.data, spki.size);
    out->public_key_size = spki.size;
    hf_sha256(&spki, 1, out->key_id);
    out->valid = (hf_validity){.from_ms = time_of(&certificate->valid_from),
                               .until_ms = time_of(&certificate->valid_to)};
    /* Only the centre's word is law: a station serves devices, but is its client. */
    bool serves = is_for(certificate, SERVERS), connects = is_for(certificate, CLIENTS);
    out->is_hub = serves && !connects;
    out->is_station = serves && connects;
    return HF_OK;
}

static hf_status certificate_judge(hf_keys *keys, hf_bytes der, hf_certificate *out)
{
    mbedtls_x509_crt certificate;
    mbedtls_x509_crt_init(&certificate);
    uint32_t flags = 0;
    int code = mbedtls_x509_crt_parse_der(&certificate, der.data, der.size);
    /* Bytes after the end would give one certificate two forms. */
    if (code == 0 && certificate.raw.len != der.size) code = MBEDTLS_ERR_X509_INVALID_FORMAT;
    if (code == 0 && certificate.ca_istrue) code = MBEDTLS_ERR_X509_CERT_VERIFY_FAILED;
    if (code == 0 && !is_for(&certificate, CLIENTS) && !is_for(&certificate, SERVERS)) {
        code = MBEDTLS_ERR_X509_CERT_VERIFY_FAILED; /* each of ours says what it is for */
    }
    if (code == 0) {
        code = mbedtls_x509_crt_verify_with_profile(&certificate, &keys->ca, NULL, &PROFILE, NULL,
                                                    &flags, hf_keys_judge_chain, NULL);
    }
    hf_status status = hf_keys_status(code, HF_ERR_PROTOCOL);
    if (status == HF_OK) status = certificate_describe(&certificate, out);
    mbedtls_x509_crt_free(&certificate);
    return status;
}

static hf_status crypto_certificate(void *context, hf_bytes der, hf_certificate *out)
{
    hf_keys *keys = context;
    uint8_t hash[HF_HASH_SIZE];
    if (!keys->has_ca || der.size == 0 || der.size > HF_CERTIFICATE_DER_MAX) return HF_ERR_PROTOCOL;
    hf_sha256(&der, 1, hash);
    judged *known = &keys->judged[hash[0] % JUDGED_MAX];
    if (!known->used || memcmp(known->hash, hash, sizeof hash) != 0) {
        hf_certificate facts;
        hf_status status = certificate_judge(keys, der, &facts);
        if (status != HF_OK) return status;
        *known = (judged){.used = true, .facts = facts};
        memcpy(known->hash, hash, sizeof hash);
    }
    *out = known->facts;
    return HF_OK;
}

/* --- files --------------------------------------------------------------------------------- */

hf_status hf_keys_make(mbedtls_pk_context *key, const char *path)
{
    unsigned char pem[HF_PEM_MAX];
    int code = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (code == 0) {
        code =
            mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), hf_keys_rng, NULL);
    }
    if (code == 0) code = mbedtls_pk_write_key_pem(key, pem, sizeof pem);
    hf_status status = hf_keys_status(code, HF_ERR_IO);
    if (status == HF_OK) {
        hf_bytes text = {pem, strlen((const char *)pem)};
        status = hf_file_create(path, text, 0600);
    }
    mbedtls_platform_zeroize(pem, sizeof pem);
    return status;
}

hf_status hf_keys_create(const char *path)
{
    mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    hf_status status = hf_keys_make(&key, path);
    mbedtls_pk_free(&key);
    return status;
}

/* That the public half in the file belongs to the private half: the library does not look. */
static int check_pair(mbedtls_ecp_keypair *pair)
{
    mbedtls_ecp_point expected;
    mbedtls_ecp_point_init(&expected);
    int code = mbedtls_ecp_mul(&pair->grp, &expected, &pair->d, &pair->grp.G, hf_keys_rng, NULL);
    if (code == 0) code = mbedtls_ecp_point_cmp(&expected, &pair->Q);
    mbedtls_ecp_point_free(&expected);
    return code;
}

hf_status hf_keys_load_key(const char *path, mbedtls_pk_context *key)
{
    uint8_t *pem = NULL;
    size_t size = 0;
    hf_status status = hf_file_read(path, HF_PEM_MAX, &pem, &size);
    if (status == HF_ERR_LIMIT) return HF_ERR_CORRUPT;
    if (status != HF_OK) return status;
    int code = mbedtls_pk_parse_key(key, pem, size + 1, NULL, 0); /* PEM: with its NUL */
    if (code == 0 && !mbedtls_pk_can_do(key, MBEDTLS_PK_ECKEY)) code = MBEDTLS_ERR_PK_TYPE_MISMATCH;
    if (code == 0 && mbedtls_pk_ec(*key)->grp.id != MBEDTLS_ECP_DP_SECP256R1) {
        code = MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE;
    }
    if (code == 0) code = check_pair(mbedtls_pk_ec(*key));
    mbedtls_platform_zeroize(pem, size);
    free(pem);
    return hf_keys_status(code, HF_ERR_CORRUPT);
}

hf_status hf_keys_load_certificate(const char *path, mbedtls_x509_crt *certificate)
{
    uint8_t *pem = NULL;
    size_t size = 0;
    hf_status status = hf_file_read(path, HF_PEM_MAX, &pem, &size);
    if (status == HF_ERR_LIMIT) return HF_ERR_CORRUPT;
    if (status != HF_OK) return status;
    int code = mbedtls_x509_crt_parse(certificate, pem, size + 1);
    if (code == 0 && certificate->next) code = MBEDTLS_ERR_X509_INVALID_FORMAT; /* one, no chain */
    free(pem);
    return hf_keys_status(code, HF_ERR_CORRUPT);
}

/* An absent file is a state of an installation, not an error. */
static hf_status load_optional(const char *path, mbedtls_x509_crt *certificate, bool *found)
{
    *found = false;
    if (!path) return HF_OK;
    hf_status status = hf_keys_load_certificate(path, certificate);
    if (status == HF_ERR_NOT_FOUND) return HF_OK;
    *found = status == HF_OK;
    return status;
}

/* Our certificate must be the CA's and for our key, else every hub would refuse us later. */
static hf_status check_own(hf_keys *keys)
{
    hf_certificate own;
    const hf_bytes der = keys->crypto.own_certificate;
    if (keys->has_ca && crypto_certificate(keys, der, &own) != HF_OK) return HF_ERR_CORRUPT;
    const mbedtls_x509_buf *spki = &keys->own.pk_raw;
    if (spki->len != HF_SPKI_SIZE) return HF_ERR_CORRUPT;
    return memcmp(spki->p, keys->public_key, HF_SPKI_SIZE) == 0 ? HF_OK : HF_ERR_CORRUPT;
}

static hf_status keys_load(hf_keys *keys, const hf_key_paths *paths)
{
    hf_status status = hf_keys_load_key(paths->key, &keys->key);
    if (status != HF_OK) return status;
    if (mbedtls_pk_write_pubkey_der(&keys->key, keys->public_key, HF_SPKI_SIZE) != HF_SPKI_SIZE) {
        return HF_ERR_CORRUPT;
    }
    const hf_bytes spki = hf_keys_public(keys);
    hf_sha256(&spki, 1, keys->crypto.own_key_id);
    status = load_optional(paths->ca, &keys->ca, &keys->has_ca);
    if (status != HF_OK) return status;
    if (keys->has_ca && !keys->ca.ca_istrue) return HF_ERR_CORRUPT;
    bool enrolled = false;
    status = load_optional(paths->certificate, &keys->own, &enrolled);
    if (status != HF_OK || !enrolled) return status;
    keys->crypto.own_certificate = (hf_bytes){keys->own.raw.p, keys->own.raw.len};
    return check_own(keys);
}

static hf_keys *keys_new(void)
{
    hf_keys *keys = calloc(1, sizeof *keys);
    if (!keys) return NULL;
    mbedtls_pk_init(&keys->key);
    mbedtls_x509_crt_init(&keys->own);
    mbedtls_x509_crt_init(&keys->ca);
    keys->crypto.context = keys;
    keys->crypto.hash = crypto_hash;
    keys->crypto.random = crypto_random;
    keys->crypto.verify = crypto_verify;
    keys->crypto.seal = crypto_seal;
    keys->crypto.certificate = crypto_certificate;
    return keys;
}

static hf_status keys_give(hf_keys *keys, hf_status status, hf_keys **out)
{
    *out = status == HF_OK ? keys : NULL;
    if (status != HF_OK) hf_keys_close(keys);
    return status;
}

hf_status hf_keys_open(const hf_key_paths *paths, hf_keys **out)
{
    *out = NULL;
    hf_keys *keys = keys_new();
    if (!keys) return HF_ERR_NOMEM;
    keys->crypto.sign = crypto_sign;
    keys->crypto.unseal = crypto_unseal;
    return keys_give(keys, keys_load(keys, paths), out);
}

hf_status hf_keys_open_ca(const char *path, hf_keys **out)
{
    *out = NULL;
    hf_keys *keys = keys_new();
    if (!keys) return HF_ERR_NOMEM;
    hf_status status = load_optional(path, &keys->ca, &keys->has_ca);
    if (status == HF_OK && !keys->has_ca) status = HF_ERR_NOT_FOUND;
    if (status == HF_OK && !keys->ca.ca_istrue) status = HF_ERR_CORRUPT;
    return keys_give(keys, status, out);
}

void hf_keys_close(hf_keys *keys)
{
    if (!keys) return;
    mbedtls_pk_free(&keys->key); /* wipes the private number */
    mbedtls_x509_crt_free(&keys->own);
    mbedtls_x509_crt_free(&keys->ca);
    free(keys);
}

const hf_crypto *hf_keys_crypto(hf_keys *keys)
{
    return &keys->crypto;
}

hf_bytes hf_keys_public(const hf_keys *keys)
{
    return (hf_bytes){keys->public_key, HF_SPKI_SIZE};
}

hf_bytes hf_keys_ca(const hf_keys *keys)
{
    return keys->has_ca ? (hf_bytes){keys->ca.raw.p, keys->ca.raw.len} : (hf_bytes){NULL, 0};
}

static hf_status write_pem(const char *path, hf_bytes der)
{
    char pem[HF_PEM_MAX];
    size_t size = sizeof pem;
    hf_status status = hf_pem_encode("CERTIFICATE", der, pem, &size);
    if (status != HF_OK) return status;
    return hf_file_write(path, (hf_bytes){(const uint8_t *)pem, size}, 0644);
}

hf_status hf_keys_replace(hf_keys *keys, const char *path, hf_bytes der)
{
    hf_certificate facts;
    mbedtls_x509_crt next;
    hf_status status = crypto_certificate(keys, der, &facts);
    if (status != HF_OK) return status;
    if (memcmp(facts.key_id, keys->crypto.own_key_id, HF_HASH_SIZE) != 0) return HF_ERR_PROTOCOL;
    mbedtls_x509_crt_init(&next);
    int code = mbedtls_x509_crt_parse_der(&next, der.data, der.size);
    if (code == 0) status = write_pem(path, der);
    if (code != 0) status = hf_keys_status(code, HF_ERR_PROTOCOL);
    if (status != HF_OK) {
        mbedtls_x509_crt_free(&next);
        return status;
    }
    mbedtls_x509_crt_free(&keys->own);
    keys->own = next;
    keys->crypto.own_certificate = (hf_bytes){keys->own.raw.p, keys->own.raw.len};
    return HF_OK;
}

hf_status hf_keys_request(hf_keys *keys, uint8_t out[HF_CSR_DER_MAX], size_t *size)
{
    *size = 0;
    mbedtls_x509write_csr request;
    mbedtls_x509write_csr_init(&request);
    mbedtls_x509write_csr_set_md_alg(&request, MBEDTLS_MD_SHA256);
    mbedtls_x509write_csr_set_key(&request, &keys->key);
    int code = mbedtls_x509write_csr_set_subject_name(&request, "CN=holdfast");
    /* The library writes at the end of the buffer and returns how much. */
    if (code == 0) {
        code = mbedtls_x509write_csr_der(&request, out, HF_CSR_DER_MAX, hf_keys_rng, NULL);
    }
    mbedtls_x509write_csr_free(&request);
    if (code < 0) return hf_keys_status(code, HF_ERR_NOMEM);
    *size = (size_t)code;
    memmove(out, out + HF_CSR_DER_MAX - *size, *size);
    return HF_OK;
}

void hf_certificate_fingerprint(hf_bytes der, char out[HF_FINGERPRINT_SIZE])
{
    uint8_t hash[HF_HASH_SIZE];
    hf_sha256(&der, 1, hash);
    for (size_t i = 0; i < sizeof hash; i++) snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

/* --- PEM ----------------------------------------------------------------------------------- */

hf_status hf_pem_decode(const char *label, hf_bytes pem, uint8_t *out, size_t *size)
{
    const size_t room = *size;
    *size = 0;
    if (pem.size == 0 || pem.size > HF_PEM_MAX) return HF_ERR_INPUT;
    char begin[64], end[64], text[HF_PEM_MAX + 1];
    snprintf(begin, sizeof begin, "-----BEGIN %s-----", label);
    snprintf(end, sizeof end, "-----END %s-----", label);
    memcpy(text, pem.data, pem.size);
    text[pem.size] = 0;
    mbedtls_pem_context block;
    mbedtls_pem_init(&block);
    size_t used = 0;
    int code =
        mbedtls_pem_read_buffer(&block, begin, end, (const unsigned char *)text, NULL, 0, &used);
    hf_status status = hf_keys_status(code, HF_ERR_INPUT);
    if (status == HF_OK && block.buflen > room) status = HF_ERR_LIMIT;
    if (status == HF_OK) {
        memcpy(out, block.buf, block.buflen);
        *size = block.buflen;
    }
    mbedtls_pem_free(&block);
    return status;
}

hf_status hf_pem_encode(const char *label, hf_bytes der, char *out, size_t *size)
{
    const size_t room = *size;
    char begin[64], end[64];
    snprintf(begin, sizeof begin, "-----BEGIN %s-----\n", label);
    snprintf(end, sizeof end, "-----END %s-----\n", label);
    size_t used = 0;
    int code =
        mbedtls_pem_write_buffer(begin, end, der.data, der.size, (unsigned char *)out, room, &used);
    *size = code == 0 ? used - 1 : 0; /* the library counts the NUL */
    return hf_keys_status(code, HF_ERR_LIMIT);
}
