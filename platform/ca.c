/* ca.c: makes the CA and issues certificates, by mbedTLS.
 *
 * Why raw DER for names and usages: mbedTLS 2.28 writes neither extension itself. What is written
 * here is small enough to read against RFC 5280 4.2.1.6 and 4.2.1.12. */
#include "ca.h"

#include "entropy.h"
#include "files.h"
#include "keys_private.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_csr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    SERIAL_SIZE = 16,
    DAY_S = 24 * 60 * 60,
    SAN_ITEM_MAX = 2 + HF_CA_NAME_SIZE_MAX + 1, /* tag, length (1 or 2 bytes), bytes */
    SAN_MAX = 4 + HF_CA_NAMES_MAX * SAN_ITEM_MAX,
    SUBJECT_MAX = 3 + 2 * HF_NAME_SIZE /* "CN=" and every byte escaped */
};

static const uint8_t USAGE_DEVICE[] = {0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06,
                                       0x01, 0x05, 0x05, 0x07, 0x03, 0x02};
static const uint8_t USAGE_HUB[] = {0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06,
                                    0x01, 0x05, 0x05, 0x07, 0x03, 0x01};
static const uint8_t USAGE_STATION[] = {0x30, 0x14, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05,
                                        0x05, 0x07, 0x03, 0x01, 0x06, 0x08, 0x2b, 0x06,
                                        0x01, 0x05, 0x05, 0x07, 0x03, 0x02};

struct hf_ca {
    mbedtls_pk_context key;
    mbedtls_x509_crt certificate;
};

/* mbedTLS takes a subject as text, in which a comma would start another attribute: a device called
 * "x, O=Police" must stay one name. It knows no escape for the backslash, so that is refused. */
static hf_status subject_of(const char *name, char out[SUBJECT_MAX])
{
    size_t size = strlen(name), used = 0;
    if (size == 0 || size >= HF_NAME_SIZE || name[0] == ' ') return HF_ERR_INPUT;
    memcpy(out, "CN=", 3);
    used = 3;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || c == '\\') return HF_ERR_INPUT;
        if (c == ',') out[used++] = '\\';
        out[used++] = (char)c;
    }
    out[used] = 0;
    return HF_OK;
}

static hf_status set_serial(mbedtls_x509write_cert *certificate)
{
    uint8_t bytes[SERIAL_SIZE];
    hf_status status = hf_entropy_fill(bytes, sizeof bytes);
    if (status != HF_OK) return status;
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and always 16 bytes long */
    mbedtls_mpi serial;
    mbedtls_mpi_init(&serial);
    int code = mbedtls_mpi_read_binary(&serial, bytes, sizeof bytes);
    if (code == 0) code = mbedtls_x509write_crt_set_serial(certificate, &serial);
    mbedtls_mpi_free(&serial);
    return hf_keys_status(code, HF_ERR_NOMEM);
}

static bool time_text(int64_t seconds, char out[16])
{
    if (seconds < 0) seconds = 0; /* a hub with a dead clock still issues */
    time_t t = (time_t)seconds;
    struct tm utc;
    return gmtime_r(&t, &utc) && utc.tm_year < 8100 && /* four digits */
           strftime(out, 16, "%Y%m%d%H%M%S", &utc) == 14;
}

static hf_status set_validity(mbedtls_x509write_cert *certificate, uint64_t wall_ms, uint32_t days)
{
    char from[16], to[16];
    if (wall_ms > INT64_MAX) return HF_ERR_INPUT;
    int64_t now_s = (int64_t)(wall_ms / 1000);
    if (!time_text(now_s - DAY_S, from)) return HF_ERR_INPUT;
    if (!time_text(now_s + (int64_t)days * DAY_S, to)) return HF_ERR_INPUT;
    int code = mbedtls_x509write_crt_set_validity(certificate, from, to);
    return hf_keys_status(code, HF_ERR_INPUT);
}

/* What every certificate of ours has: version, hash, serial, dates, both names, both key ids. */
static hf_status set_common(mbedtls_x509write_cert *certificate, const char *subject,
                            const char *issuer)
{
    mbedtls_x509write_crt_set_version(certificate, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(certificate, MBEDTLS_MD_SHA256);
    int code = mbedtls_x509write_crt_set_subject_name(certificate, subject);
    if (code == 0) code = mbedtls_x509write_crt_set_issuer_name(certificate, issuer);
    if (code == 0) code = mbedtls_x509write_crt_set_subject_key_identifier(certificate);
    if (code == 0) code = mbedtls_x509write_crt_set_authority_key_identifier(certificate);
    if (code != 0) return hf_keys_status(code, HF_ERR_INPUT);
    return set_serial(certificate);
}

static hf_status write_der(mbedtls_x509write_cert *certificate, uint8_t out[HF_CERTIFICATE_DER_MAX],
                           size_t *size)
{
    int code =
        mbedtls_x509write_crt_der(certificate, out, HF_CERTIFICATE_DER_MAX, hf_keys_rng, NULL);
    if (code < 0) return hf_keys_status(code, HF_ERR_LIMIT);
    *size = (size_t)code;
    memmove(out, out + HF_CERTIFICATE_DER_MAX - *size, *size); /* written at the end */
    return HF_OK;
}

static hf_status self_sign(mbedtls_pk_context *key, const char *subject, uint64_t wall_ms,
                           uint8_t out[HF_CERTIFICATE_DER_MAX], size_t *size)
{
    mbedtls_x509write_cert certificate;
    mbedtls_x509write_crt_init(&certificate);
    mbedtls_x509write_crt_set_subject_key(&certificate, key);
    mbedtls_x509write_crt_set_issuer_key(&certificate, key);
    hf_status status = set_common(&certificate, subject, subject);
    if (status == HF_OK) {
        status = set_validity(&certificate, wall_ms, (uint32_t)HF_CA_YEARS * 365 + HF_CA_YEARS / 4);
    }
    if (status == HF_OK) {
        /* Path length 0: what we issue can never issue. */
        int code = mbedtls_x509write_crt_set_basic_constraints(&certificate, 1, 0);
        if (code == 0) {
            code = mbedtls_x509write_crt_set_key_usage(&certificate, MBEDTLS_X509_KU_KEY_CERT_SIGN |
                                                                         MBEDTLS_X509_KU_CRL_SIGN);
        }
        status = hf_keys_status(code, HF_ERR_NOMEM);
    }
    if (status == HF_OK) status = write_der(&certificate, out, size);
    mbedtls_x509write_crt_free(&certificate);
    return status;
}

hf_status hf_ca_create(const char *key_path, const char *certificate_path, const char *name,
                       uint64_t wall_ms)
{
    char subject[SUBJECT_MAX], pem[HF_PEM_MAX];
    uint8_t der[HF_CERTIFICATE_DER_MAX];
    size_t der_size = 0, pem_size = sizeof pem;
    hf_status status = subject_of(name, subject);
    if (status != HF_OK) return status;
    mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    status = hf_keys_make(&key, key_path);
    bool made_key = status == HF_OK;
    if (status == HF_OK) status = self_sign(&key, subject, wall_ms, der, &der_size);
    if (status == HF_OK) {
        status = hf_pem_encode("CERTIFICATE", (hf_bytes){der, der_size}, pem, &pem_size);
    }
    if (status == HF_OK) {
        status = hf_file_create(certificate_path, (hf_bytes){(uint8_t *)pem, pem_size}, 0644);
    }
    mbedtls_pk_free(&key);
    /* A key without its certificate would make the next attempt say that there is a CA already. */
    if (status != HF_OK && made_key) unlink(key_path);
    return status;
}

hf_status hf_ca_open(const char *key_path, const char *certificate_path, hf_ca **out)
{
    *out = NULL;
    hf_ca *ca = calloc(1, sizeof *ca);
    if (!ca) return HF_ERR_NOMEM;
    mbedtls_pk_init(&ca->key);
    mbedtls_x509_crt_init(&ca->certificate);
    hf_status status = hf_keys_load_key(key_path, &ca->key);
    if (status == HF_OK) status = hf_keys_load_certificate(certificate_path, &ca->certificate);
    if (status == HF_OK && !ca->certificate.ca_istrue) status = HF_ERR_CORRUPT;
    if (status == HF_OK && mbedtls_pk_check_pair(&ca->certificate.pk, &ca->key) != 0) {
        status = HF_ERR_CORRUPT;
    }
    if (status == HF_OK) {
        *out = ca;
    } else {
        hf_ca_close(ca);
    }
    return status;
}

void hf_ca_close(hf_ca *ca)
{
    if (!ca) return;
    mbedtls_pk_free(&ca->key);
    mbedtls_x509_crt_free(&ca->certificate);
    free(ca);
}

hf_bytes hf_ca_certificate(const hf_ca *ca)
{
    return (hf_bytes){ca->certificate.raw.p, ca->certificate.raw.len};
}

/* --- requests ------------------------------------------------------------------------------ */

/* mbedTLS parses a request without looking at its signature. */
static int request_verify(mbedtls_x509_csr *request)
{
    uint8_t digest[HF_HASH_SIZE];
    if (request->sig_md != MBEDTLS_MD_SHA256) return MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG;
    int code = mbedtls_sha256_ret(request->cri.p, request->cri.len, digest, 0);
    if (code != 0) return code;
    return mbedtls_pk_verify(&request->pk, MBEDTLS_MD_SHA256, digest, sizeof digest, request->sig.p,
                             request->sig.len);
}

hf_status hf_request_read(hf_bytes der, uint8_t public_key[HF_PUBLIC_KEY_MAX], size_t *size)
{
    *size = 0;
    if (der.size == 0 || der.size > HF_CSR_DER_MAX) return HF_ERR_INPUT;
    mbedtls_x509_csr request;
    mbedtls_x509_csr_init(&request);
    uint8_t spki[HF_SPKI_SIZE];
    int code = mbedtls_x509_csr_parse_der(&request, der.data, der.size);
    if (code == 0 && request.raw.len != der.size) code = MBEDTLS_ERR_X509_INVALID_FORMAT;
    if (code == 0 && (!mbedtls_pk_can_do(&request.pk, MBEDTLS_PK_ECKEY) ||
                      mbedtls_pk_ec(request.pk)->grp.id != MBEDTLS_ECP_DP_SECP256R1)) {
        code = MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG;
    }
    if (code == 0) code = request_verify(&request);
    if (code == 0 && mbedtls_pk_write_pubkey_der(&request.pk, spki, sizeof spki) != HF_SPKI_SIZE) {
        code = MBEDTLS_ERR_X509_INVALID_FORMAT;
    }
    mbedtls_x509_csr_free(&request);
    if (code != 0) return hf_keys_status(code, HF_ERR_INPUT);
    memcpy(public_key, spki, sizeof spki);
    *size = sizeof spki;
    return HF_OK;
}

/* --- issuing ------------------------------------------------------------------------------- */

static bool is_host_name(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > HF_CA_NAME_SIZE_MAX || name[0] == '.' || name[0] == '-') return false;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)name[i];
        if (!isalnum(c) && c != '-' && c != '.') return false;
        if (c == '.' && (name[i + 1] == '.' || name[i + 1] == 0)) return false;
    }
    return true;
}

/* Appends one GeneralName: [2] dNSName or [7] iPAddress, both context-specific and primitive. */
static hf_status san_add(const char *name, uint8_t *out, size_t *used)
{
    uint8_t address[sizeof(struct in6_addr)];
    const uint8_t *bytes = address;
    uint8_t tag = 0x87;
    size_t size = 0;
    if (inet_pton(AF_INET, name, address) == 1) {
        size = sizeof(struct in_addr);
    } else if (inet_pton(AF_INET6, name, address) == 1) {
        size = sizeof(struct in6_addr);
    } else if (is_host_name(name)) {
        tag = 0x82;
        bytes = (const uint8_t *)name;
        size = strlen(name);
    } else {
        return HF_ERR_INPUT;
    }
    out[(*used)++] = tag;
    if (size > 127) out[(*used)++] = 0x81;
    out[(*used)++] = (uint8_t)size;
    memcpy(out + *used, bytes, size);
    *used += size;
    return HF_OK;
}

static hf_status set_names(mbedtls_x509write_cert *certificate, const hf_issue *issue)
{
    uint8_t items[SAN_MAX], der[SAN_MAX + 4];
    size_t size = 0, used = 0;
    if (issue->name_count > HF_CA_NAMES_MAX) return HF_ERR_LIMIT;
    for (size_t i = 0; i < issue->name_count; i++) {
        hf_status status = san_add(issue->names[i], items, &size);
        if (status != HF_OK) return status;
    }
    assert(size <= sizeof items); /* sized for the longest names */
    der[used++] = 0x30;
    if (size > 255) {
        der[used++] = 0x82;
        der[used++] = (uint8_t)(size >> 8);
    } else if (size > 127) {
        der[used++] = 0x81;
    }
    der[used++] = (uint8_t)(size & 0xff);
    memcpy(der + used, items, size);
    int code = mbedtls_x509write_crt_set_extension(certificate, MBEDTLS_OID_SUBJECT_ALT_NAME,
                                                   MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME),
                                                   0, der, used + size);
    return hf_keys_status(code, HF_ERR_NOMEM);
}

static hf_bytes usage_of(const hf_issue *issue)
{
    if (issue->is_station) return (hf_bytes){USAGE_STATION, sizeof USAGE_STATION};
    if (issue->is_hub) return (hf_bytes){USAGE_HUB, sizeof USAGE_HUB};
    return (hf_bytes){USAGE_DEVICE, sizeof USAGE_DEVICE};
}

static hf_status set_usage(mbedtls_x509write_cert *certificate, hf_bytes usage)
{
    int code = mbedtls_x509write_crt_set_basic_constraints(certificate, 0, -1);
    if (code == 0) {
        code = mbedtls_x509write_crt_set_key_usage(certificate, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
    }
    if (code == 0) {
        code = mbedtls_x509write_crt_set_extension(certificate, MBEDTLS_OID_EXTENDED_KEY_USAGE,
                                                   MBEDTLS_OID_SIZE(MBEDTLS_OID_EXTENDED_KEY_USAGE),
                                                   0, usage.data, usage.size);
    }
    return hf_keys_status(code, HF_ERR_NOMEM);
}

static hf_status load_subject_key(hf_bytes spki, mbedtls_pk_context *key)
{
    int code = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (code == 0) {
        code = mbedtls_ecp_group_load(&mbedtls_pk_ec(*key)->grp, MBEDTLS_ECP_DP_SECP256R1);
    }
    if (code != 0) return hf_keys_status(code, HF_ERR_NOMEM);
    return hf_keys_public_read(spki, &mbedtls_pk_ec(*key)->grp, &mbedtls_pk_ec(*key)->Q);
}

/* The issuer's name must be byte for byte the CA's subject; mbedTLS wants it as text again. */
static hf_status issuer_of(const hf_ca *ca, char out[SUBJECT_MAX])
{
    const mbedtls_x509_name *subject = &ca->certificate.subject;
    char name[HF_NAME_SIZE];
    if (subject->next || MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &subject->oid) != 0) {
        return HF_ERR_CORRUPT; /* not a CA that hf_ca_create made */
    }
    if (subject->val.len >= sizeof name) return HF_ERR_CORRUPT;
    memcpy(name, subject->val.p, subject->val.len);
    name[subject->val.len] = 0;
    return subject_of(name, out) == HF_OK ? HF_OK : HF_ERR_CORRUPT;
}

hf_status hf_ca_issue(hf_ca *ca, const hf_issue *issue, uint8_t out[HF_CERTIFICATE_DER_MAX],
                      size_t *size)
{
    char subject[SUBJECT_MAX], issuer[SUBJECT_MAX];
    *size = 0;
    if (!issue->is_hub && !issue->is_station && issue->name_count > 0)
        return HF_ERR_INPUT; /* nobody dials a device */
    mbedtls_x509write_cert certificate;
    mbedtls_pk_context key;
    mbedtls_x509write_crt_init(&certificate);
    mbedtls_pk_init(&key);
    hf_status status = load_subject_key(issue->public_key, &key);
    if (status == HF_OK) status = subject_of(issue->name, subject);
    if (status == HF_OK) status = issuer_of(ca, issuer);
    if (status != HF_OK) goto done;
    mbedtls_x509write_crt_set_subject_key(&certificate, &key);
    mbedtls_x509write_crt_set_issuer_key(&certificate, &ca->key);
    status = set_common(&certificate, subject, issuer);
    if (status == HF_OK) status = set_validity(&certificate, issue->wall_ms, issue->days);
    if (status == HF_OK) status = set_usage(&certificate, usage_of(issue));
    if (status == HF_OK && issue->name_count > 0) status = set_names(&certificate, issue);
    if (status == HF_OK) status = write_der(&certificate, out, size);

done:
    mbedtls_x509write_crt_free(&certificate);
    mbedtls_pk_free(&key);
    return status;
}
