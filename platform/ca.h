/* ca.h: the centre's certificate authority: makes itself once, then issues certificates.
 *
 * Certificates are X.509 v3 on P-256 with SHA-256, a random serial of 16 bytes and a start one day
 * back, because the clock of a new device is often behind the hub's. */
#ifndef HF_PLATFORM_CA_H
#define HF_PLATFORM_CA_H

#include "keys.h"

enum {
    HF_CA_YEARS = 20,
    HF_CA_NAMES_MAX = 16, /* host names and addresses in one hub certificate */
    HF_CA_NAME_SIZE_MAX = 253,
    HF_CA_DEVICE_DAYS = 365,
    HF_CA_HUB_DAYS = 3650
};

typedef struct hf_ca hf_ca;

/* Makes a new CA called `name`: writes its key (0600) and self-signed certificate (0644).
 * Errors: HF_ERR_BUSY when a file is there already; HF_ERR_INPUT for a name that is empty, too
 *         long, or holds a control character or a backslash; else as hf_file_create. */
HF_MUST_CHECK hf_status hf_ca_create(const char *key_path, const char *certificate_path,
                                     const char *name, uint64_t wall_ms);

/* Errors: as hf_keys_open; also HF_ERR_CORRUPT when the key is not the certificate's. */
HF_MUST_CHECK hf_status hf_ca_open(const char *key_path, const char *certificate_path, hf_ca **out);
void hf_ca_close(hf_ca *ca);

/* The CA's own certificate, DER, as long as `ca`. */
hf_bytes hf_ca_certificate(const hf_ca *ca);

/* Reads a certificate request, DER, and checks that its sender holds the key: P-256 only.
 * Errors: HF_ERR_INPUT, when it is malformed, another kind of key, or its signature is false. */
HF_MUST_CHECK hf_status hf_request_read(hf_bytes der, uint8_t public_key[HF_PUBLIC_KEY_MAX],
                                        size_t *size);

typedef struct hf_issue {
    hf_bytes public_key; /* SubjectPublicKeyInfo, DER, P-256 */
    const char *name;    /* the common name, UTF-8, shorter than HF_NAME_SIZE */
    uint32_t days;
    uint64_t wall_ms;         /* the issuer's clock */
    bool is_hub;              /* the centre: serverAuth; a device has clientAuth alone */
    bool is_station;          /* serverAuth and clientAuth */
    const char *const *names; /* of either: host names and IP addresses it answers to */
    size_t name_count;
} hf_issue;

/* Issues a certificate, DER, to `out`.
 * Errors: HF_ERR_INPUT (name, key, or a host name that is neither name nor address), HF_ERR_LIMIT
 *         (too many names, or longer than the buffer), HF_ERR_IO (no random bytes), HF_ERR_NOMEM.
 */
HF_MUST_CHECK hf_status hf_ca_issue(hf_ca *ca, const hf_issue *issue,
                                    uint8_t out[HF_CERTIFICATE_DER_MAX], size_t *size);

#endif
