/* test_keys.c: keys, certificates and signatures, against OpenSSL as the second opinion. */
#include "platform/ca.h"
#include "platform/files.h"
#include "platform/keys.h"
#include "platform/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <zlib.h>

/* 2026-11-21T10:00:00Z: certificates in these tests are issued then, whatever the clock says. */
static const uint64_t WALL_MS = 1795255200000;

typedef struct bench {
    char directory[64];
    char ca_key[128], ca_certificate[128], key[128], certificate[128];
    hf_ca *ca;
} bench;

static void join(char out[128], const char *directory, const char *name)
{
    int length = snprintf(out, 128, "%s/%s", directory, name);
    assert_in_range(length, 1, 127);
}

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    snprintf(b->directory, sizeof b->directory, "/tmp/hf-test-keys-XXXXXX");
    assert_non_null(mkdtemp(b->directory));
    join(b->ca_key, b->directory, "ca.key");
    join(b->ca_certificate, b->directory, "ca.crt");
    join(b->key, b->directory, "device.key");
    join(b->certificate, b->directory, "device.crt");
    assert_int_equal(hf_ca_create(b->ca_key, b->ca_certificate, "Drill force CA", WALL_MS), HF_OK);
    assert_int_equal(hf_ca_open(b->ca_key, b->ca_certificate, &b->ca), HF_OK);
    assert_int_equal(hf_keys_create(b->key), HF_OK);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    hf_ca_close(b->ca);
    DIR *directory = opendir(b->directory);
    assert_non_null(directory);
    for (struct dirent *file; (file = readdir(directory));) {
        char path[512];
        if (file->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", b->directory, file->d_name);
        unlink(path);
    }
    closedir(directory);
    rmdir(b->directory);
    free(b);
    return 0;
}

static hf_keys *open_keys(const bench *b)
{
    hf_keys *keys = NULL;
    hf_key_paths paths = {b->key, b->certificate, b->ca_certificate};
    assert_int_equal(hf_keys_open(&paths, &keys), HF_OK);
    return keys;
}

static void save_certificate(const char *path, const uint8_t *der, size_t size)
{
    char pem[HF_PEM_MAX];
    size_t pem_size = sizeof pem;
    assert_int_equal(hf_pem_encode("CERTIFICATE", (hf_bytes){der, size}, pem, &pem_size), HF_OK);
    assert_int_equal(hf_file_write(path, (hf_bytes){(uint8_t *)pem, pem_size}, 0644), HF_OK);
}

static hf_issue device_issue(hf_bytes public_key)
{
    return (hf_issue){.public_key = public_key,
                      .name = "device-0009",
                      .days = HF_CA_DEVICE_DAYS,
                      .wall_ms = WALL_MS};
}

static X509 *parse(const uint8_t *der, size_t size)
{
    X509 *certificate = d2i_X509(NULL, &der, (long)size);
    assert_non_null(certificate);
    return certificate;
}

/* What OpenSSL says of a chain at a moment, for a purpose. */
static int openssl_verify(const bench *b, X509 *leaf, time_t at, int purpose)
{
    hf_bytes der = hf_ca_certificate(b->ca);
    X509 *root = parse(der.data, der.size);
    X509_STORE *store = X509_STORE_new();
    assert_int_equal(X509_STORE_add_cert(store, root), 1);
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_CTX_init(check, store, leaf, NULL), 1);
    X509_VERIFY_PARAM *how = X509_STORE_CTX_get0_param(check);
    X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_time(how, at);
    X509_VERIFY_PARAM_set_purpose(how, purpose);
    int verified = X509_verify_cert(check);
    int error = verified == 1 ? X509_V_OK : X509_STORE_CTX_get_error(check);
    X509_STORE_CTX_free(check);
    X509_STORE_free(store);
    X509_free(root);
    return error;
}

/* --- keys ---------------------------------------------------------------------------------- */

static void key_file_is_for_its_owner_only_and_never_replaced(void **state)
{
    bench *b = *state;
    struct stat before, after;
    assert_int_equal(stat(b->key, &before), 0);
    assert_int_equal(before.st_mode & 0777, 0600);
    assert_int_equal(hf_keys_create(b->key), HF_ERR_BUSY);
    assert_int_equal(stat(b->key, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(stat(b->ca_key, &after), 0);
    assert_int_equal(after.st_mode & 0777, 0600);
    assert_int_equal(hf_ca_create(b->ca_key, b->ca_certificate, "Other", WALL_MS), HF_ERR_BUSY);
}

static void device_without_certificate_has_key_and_key_id(void **state)
{
    hf_keys *keys = open_keys(*state);
    const hf_crypto *crypto = hf_keys_crypto(keys);
    hf_bytes public_key = hf_keys_public(keys);
    uint8_t key_id[HF_HASH_SIZE];
    crypto->hash(crypto->context, &public_key, 1, key_id);
    assert_memory_equal(key_id, crypto->own_key_id, sizeof key_id);
    assert_int_equal(crypto->own_certificate.size, 0);
    hf_keys_close(keys);
}

static void missing_or_wrong_key_is_told_apart(void **state)
{
    bench *b = *state;
    hf_keys *keys = NULL;
    hf_key_paths paths = {"/nonexistent/device.key", NULL, NULL};
    assert_int_equal(hf_keys_open(&paths, &keys), HF_ERR_NOT_FOUND);
    assert_null(keys);
    paths.key = b->ca_certificate; /* PEM, but no key */
    assert_int_equal(hf_keys_open(&paths, &keys), HF_ERR_CORRUPT);
    char p384[128];
    join(p384, b->directory, "p384.key");
    EVP_PKEY *other = EVP_EC_gen("P-384");
    FILE *file = fopen(p384, "w");
    assert_int_equal(PEM_write_PrivateKey(file, other, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    EVP_PKEY_free(other);
    paths.key = p384;
    assert_int_equal(hf_keys_open(&paths, &keys), HF_ERR_CORRUPT);
}

static void certificate_for_another_key_is_refused_at_open(void **state)
{
    bench *b = *state;
    char other_key[128];
    join(other_key, b->directory, "other.key");
    assert_int_equal(hf_keys_create(other_key), HF_OK);
    hf_key_paths other = {other_key, NULL, NULL};
    hf_keys *keys = NULL;
    assert_int_equal(hf_keys_open(&other, &keys), HF_OK);
    uint8_t der[HF_CERTIFICATE_DER_MAX];
    size_t size = 0;
    hf_issue issue = device_issue(hf_keys_public(keys));
    assert_int_equal(hf_ca_issue(b->ca, &issue, der, &size), HF_OK);
    hf_keys_close(keys);
    save_certificate(b->certificate, der, size);
    hf_key_paths paths = {b->key, b->certificate, b->ca_certificate};
    assert_int_equal(hf_keys_open(&paths, &keys), HF_ERR_CORRUPT);
}

/* --- hashing and signatures ---------------------------------------------------------------- */

static void hash_is_sha256_of_the_pieces_joined(void **state)
{
    static const uint8_t abc[HF_HASH_SIZE] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad}; /* FIPS 180-4's example */
    hf_keys *keys = open_keys(*state);
    const hf_crypto *crypto = hf_keys_crypto(keys);
    const hf_bytes pieces[] = {{(const uint8_t *)"a", 1}, {NULL, 0}, {(const uint8_t *)"bc", 2}};
    uint8_t hash[HF_HASH_SIZE];
    crypto->hash(crypto->context, pieces, 3, hash);
    assert_memory_equal(hash, abc, sizeof abc);
    hf_keys_close(keys);
}

/* RFC 6979 A.2.5, P-256 with SHA-256, message "sample". */
static const char RFC6979_KEY[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIMmvqdhFunUWa1whV2ex1pNOUMPbNuibEnuKYisSD2choAoGCCqGSM49\n"
    "AwEHoUQDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4QCLi8\n"
    "maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n"
    "-----END EC PRIVATE KEY-----\n";
static const uint8_t RFC6979_SAMPLE[HF_SIGNATURE_SIZE] = {
    0xef, 0xd4, 0x8b, 0x2a, 0xac, 0xb6, 0xa8, 0xfd, 0x11, 0x40, 0xdd, 0x9c, 0xd4, 0x5e, 0x81, 0xd6,
    0x9d, 0x2c, 0x87, 0x7b, 0x56, 0xaa, 0xf9, 0x91, 0xc3, 0x4d, 0x0e, 0xa8, 0x4e, 0xaf, 0x37, 0x16,
    0xf7, 0xcb, 0x1c, 0x94, 0x2d, 0x65, 0x7c, 0x41, 0xd4, 0x36, 0xc7, 0xa1, 0xb6, 0xe2, 0x9f, 0x65,
    0xf3, 0xe9, 0x00, 0xdb, 0xb9, 0xaf, 0xf4, 0x06, 0x4d, 0xc4, 0xab, 0x2f, 0x84, 0x3a, 0xcd, 0xa8};

static void signature_is_the_one_of_rfc_6979(void **state)
{
    bench *b = *state;
    char path[128];
    join(path, b->directory, "rfc6979.key");
    hf_bytes pem = {(const uint8_t *)RFC6979_KEY, sizeof RFC6979_KEY - 1};
    assert_int_equal(hf_file_create(path, pem, 0600), HF_OK);
    hf_key_paths paths = {path, NULL, NULL};
    hf_keys *keys = NULL;
    assert_int_equal(hf_keys_open(&paths, &keys), HF_OK);
    const hf_crypto *crypto = hf_keys_crypto(keys);
    hf_bytes sample = {(const uint8_t *)"sample", 6};
    uint8_t digest[HF_HASH_SIZE], signature[HF_SIGNATURE_SIZE];
    crypto->hash(crypto->context, &sample, 1, digest);
    assert_int_equal(crypto->sign(crypto->context, digest, signature), HF_OK);
    assert_memory_equal(signature, RFC6979_SAMPLE, sizeof signature);
    assert_int_equal(crypto->verify(crypto->context, hf_keys_public(keys), digest, signature),
                     HF_OK);
    hf_keys_close(keys);
}

static void any_flipped_bit_of_a_signature_digest_or_key_is_noticed(void **state)
{
    hf_keys *keys = open_keys(*state);
    const hf_crypto *crypto = hf_keys_crypto(keys);
    uint8_t digest[HF_HASH_SIZE] = {1, 2, 3}, signature[HF_SIGNATURE_SIZE], spki[HF_PUBLIC_KEY_MAX];
    hf_bytes public_key = hf_keys_public(keys);
    memcpy(spki, public_key.data, public_key.size);
    hf_bytes copy = {spki, public_key.size};
    assert_int_equal(crypto->sign(crypto->context, digest, signature), HF_OK);
    for (size_t i = 0; i < sizeof signature; i += 7) {
        signature[i] ^= 0x10;
        assert_int_equal(crypto->verify(crypto->context, copy, digest, signature), HF_ERR_PROTOCOL);
        signature[i] ^= 0x10;
    }
    digest[31] ^= 1;
    assert_int_equal(crypto->verify(crypto->context, copy, digest, signature), HF_ERR_PROTOCOL);
    digest[31] ^= 1;
    for (size_t i = 0; i < copy.size; i += 9) {
        spki[i] ^= 1;
        assert_int_equal(crypto->verify(crypto->context, copy, digest, signature), HF_ERR_PROTOCOL);
        spki[i] ^= 1;
    }
    copy.size--;
    assert_int_equal(crypto->verify(crypto->context, copy, digest, signature), HF_ERR_PROTOCOL);
    copy.size++;
    assert_int_equal(crypto->verify(crypto->context, copy, digest, signature), HF_OK);
    hf_keys_close(keys);
}

static void r_and_s_of_zero_or_of_n_are_refused(void **state)
{
    static const uint8_t n[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                  0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    hf_keys *keys = open_keys(*state);
    const hf_crypto *crypto = hf_keys_crypto(keys);
    const uint8_t digest[HF_HASH_SIZE] = {0};
    uint8_t good[HF_SIGNATURE_SIZE], bad[HF_SIGNATURE_SIZE];
    assert_int_equal(crypto->sign(crypto->context, digest, good), HF_OK);
    for (int half = 0; half < 2; half++) {
        memcpy(bad, good, sizeof bad);
        memset(bad + 32 * half, 0, 32);
        assert_int_equal(crypto->verify(crypto->context, hf_keys_public(keys), digest, bad),
                         HF_ERR_PROTOCOL);
        memcpy(bad + 32 * half, n, 32);
        assert_int_equal(crypto->verify(crypto->context, hf_keys_public(keys), digest, bad),
                         HF_ERR_PROTOCOL);
    }
    hf_keys_close(keys);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t unhex(const char *text, uint8_t *out, size_t room)
{
    size_t size = strlen(text) / 2;
    assert_true(size <= room);
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    }
    return size;
}

/* One DER INTEGER as 32 big-endian bytes; false when it is not strict DER or does not fit. */
static bool integer_read(const uint8_t **at, const uint8_t *end, uint8_t out[32])
{
    const uint8_t *p = *at;
    if (end - p < 3 || p[0] != 0x02 || p[1] == 0 || p[1] > 33 || end - p < 2 + p[1]) return false;
    size_t size = p[1];
    const uint8_t *digits = p + 2;
    *at = digits + size;
    if (digits[0] & 0x80) return false;
    if (size > 1 && digits[0] == 0 && !(digits[1] & 0x80)) return false;
    if (digits[0] == 0 && size > 1) {
        digits++;
        size--;
    }
    if (size > 32) return false;
    memset(out, 0, 32);
    memcpy(out + 32 - size, digits, size);
    return true;
}

static bool signature_read(const uint8_t *der, size_t size, uint8_t out[HF_SIGNATURE_SIZE])
{
    const uint8_t *end = der + size, *at = der + 2;
    if (size < 8 || der[0] != 0x30 || der[1] >= 0x80 || (size_t)der[1] + 2 != size) return false;
    return integer_read(&at, end, out) && integer_read(&at, end, out + 32) && at == end;
}

static char *gunzip(const char *path)
{
    enum { TEXT_MAX = 4 * 1024 * 1024 };
    gzFile file = gzopen(path, "rb");
    if (!file) return NULL;
    char *text = malloc(TEXT_MAX + 1);
    assert_non_null(text);
    int size = gzread(file, text, TEXT_MAX);
    assert_in_range(size, 1, TEXT_MAX - 1);
    text[size] = 0;
    gzclose(file);
    return text;
}

/* Returns how many of the group's tests could be put to our fixed-size form. */
static size_t check_group(const hf_crypto *crypto, json_t *group)
{
    uint8_t spki[HF_PUBLIC_KEY_MAX], message[8192], der[8192];
    const char *key_hex = json_string_value(json_object_get(group, "publicKeyDer"));
    if (!key_hex) key_hex = json_string_value(json_object_get(group, "keyDer"));
    assert_non_null(key_hex);
    hf_bytes public_key = {spki, unhex(key_hex, spki, sizeof spki)};
    size_t checked = 0, index;
    json_t *test;
    json_array_foreach(json_object_get(group, "tests"), index, test)
    {
        uint8_t digest[HF_HASH_SIZE], signature[HF_SIGNATURE_SIZE];
        const char *result = json_string_value(json_object_get(test, "result"));
        size_t size = unhex(json_string_value(json_object_get(test, "sig")), der, sizeof der);
        bool valid = strcmp(result, "valid") == 0;
        if (!signature_read(der, size, signature)) {
            assert_false(valid); /* what our form cannot say is never a valid signature */
            continue;
        }
        hf_bytes text = {message, 0};
        text.size = unhex(json_string_value(json_object_get(test, "msg")), message, sizeof message);
        crypto->hash(crypto->context, &text, 1, digest);
        hf_status status = crypto->verify(crypto->context, public_key, digest, signature);
        if (status != (valid ? HF_OK : HF_ERR_PROTOCOL)) {
            print_error("wycheproof tcId %lld\n",
                        json_integer_value(json_object_get(test, "tcId")));
        }
        assert_int_equal(status, valid ? HF_OK : HF_ERR_PROTOCOL);
        checked++;
    }
    return checked;
}

static void wycheproof_agrees(void **state)
{
    const char *path = getenv("HOLDFAST_WYCHEPROOF");
    if (!path)
        path = HF_SOURCE_DIR "/../shared/data/wycheproof/ecdsa_secp256r1_sha256_test.json.gz";
    char *text = gunzip(path);
    if (!text) {
        print_message("[ SKIPPED  ] no %s\n", path);
        skip();
    }
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    hf_keys *keys = open_keys(*state);
    size_t index, checked = 0;
    json_t *group;
    json_array_foreach(json_object_get(root, "testGroups"), index, group)
    {
        checked += check_group(hf_keys_crypto(keys), group);
    }
    assert_true(checked > 200); /* else we read the wrong file */
    hf_keys_close(keys);
    json_decref(root);
    free(text);
}

/* --- certificates -------------------------------------------------------------------------- */

static void device_certificate_is_what_openssl_expects_of_a_client(void **state)
{
    bench *b = *state;
    hf_keys *keys = open_keys(b);
    uint8_t der[HF_CERTIFICATE_DER_MAX];
    size_t size = 0;
    hf_issue issue = device_issue(hf_keys_public(keys));
    assert_int_equal(hf_ca_issue(b->ca, &issue, der, &size), HF_OK);
    X509 *leaf = parse(der, size);
    const time_t now = (time_t)(WALL_MS / 1000), day = 24 * 60 * 60;
    assert_int_equal(openssl_verify(b, leaf, now, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
    assert_int_equal(openssl_verify(b, leaf, now - day / 2, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
    assert_int_equal(openssl_verify(b, leaf, now - 2 * day, X509_PURPOSE_SSL_CLIENT),
                     X509_V_ERR_CERT_NOT_YET_VALID);
    assert_int_equal(openssl_verify(b, leaf, now + 366 * day, X509_PURPOSE_SSL_CLIENT),
                     X509_V_ERR_CERT_HAS_EXPIRED);
    assert_int_equal(openssl_verify(b, leaf, now, X509_PURPOSE_SSL_SERVER),
                     X509_V_ERR_INVALID_PURPOSE);
    assert_int_equal(ASN1_STRING_length(X509_get0_serialNumber(leaf)), 16);
    X509_free(leaf);
    hf_keys_close(keys);
}

static void hub_certificate_answers_to_its_names_and_no_other(void **state)
{
    bench *b = *state;
    hf_keys *keys = open_keys(b);
    char long_name[HF_CA_NAME_SIZE_MAX + 1]; /* makes the list longer than 255 bytes */
    memset(long_name, 'h', sizeof long_name);
    for (size_t i = 60; i < sizeof long_name; i += 61) long_name[i] = '.';
    long_name[200] = 0;
    const char *const names[] = {"hub.force.example", "localhost", "127.0.0.1", "2001:db8::7",
                                 long_name};
    hf_issue issue = device_issue(hf_keys_public(keys));
    issue.name = "hub";
    issue.is_hub = true;
    uint8_t der[HF_CERTIFICATE_DER_MAX];
    size_t size = 0;
    for (issue.name_count = 1; issue.name_count <= 5; issue.name_count++) {
        issue.names = names;
        issue.is_station = issue.name_count % 2 == 0;
        assert_int_equal(hf_ca_issue(b->ca, &issue, der, &size), HF_OK);
        X509 *leaf = parse(der, size);
        time_t now = (time_t)(WALL_MS / 1000);
        assert_int_equal(openssl_verify(b, leaf, now, X509_PURPOSE_SSL_SERVER), X509_V_OK);
        assert_int_equal(openssl_verify(b, leaf, now, X509_PURPOSE_SSL_CLIENT) == X509_V_OK,
                         issue.is_station); /* the centre is nobody's client */
        assert_int_equal(X509_check_host(leaf, "hub.force.example", 0, 0, NULL), 1);
        assert_int_equal(X509_check_host(leaf, "localhost", 0, 0, NULL), issue.name_count >= 2);
        assert_int_equal(X509_check_ip_asc(leaf, "127.0.0.1", 0), issue.name_count >= 3);
        assert_int_equal(X509_check_ip_asc(leaf, "2001:db8::7", 0), issue.name_count >= 4);
        assert_int_equal(X509_check_host(leaf, long_name, 0, 0, NULL), issue.name_count >= 5);
        assert_int_equal(X509_check_host(leaf, "other.example", 0, 0, NULL), 0);
        X509_free(leaf);
    }
    hf_keys_close(keys);
}

static void serials_never_repeat(void **state)
{
    bench *b = *state;
    hf_keys *keys = open_keys(b);
    hf_issue issue = device_issue(hf_keys_public(keys));
    uint8_t one[HF_CERTIFICATE_DER_MAX], two[HF_CERTIFICATE_DER_MAX];
    size_t one_size = 0, two_size = 0;
    assert_int_equal(hf_ca_issue(b->ca, &issue, one, &one_size), HF_OK);
    assert_int_equal(hf_ca_issue(b->ca, &issue, two, &two_size), HF_OK);
    X509 *first = parse(one, one_size), *second = parse(two, two_size);
    assert_int_not_equal(
        ASN1_INTEGER_cmp(X509_get0_serialNumber(first), X509_get0_serialNumber(second)), 0);
    X509_free(first);
    X509_free(second);
    hf_keys_close(keys);
}

static void certificate_says_who_and_whether_hub(void **state)
{
    bench *b = *state;
    hf_keys *keys = open_keys(b);
    const hf_crypto *crypto = hf_keys_crypto(keys);
    uint8_t der[HF_CERTIFICATE_DER_MAX];
    size_t size = 0;
    hf_certificate read;
    hf_issue issue = device_issue(hf_keys_public(keys));
    issue.name = "PC 1234, Ó Briain, CN=hub"; /* one name, whatever it looks like */
    assert_int_equal(hf_ca_issue(b->ca, &issue, der, &size), HF_OK);
    assert_int_equal(crypto->certificate(crypto->context, (hf_bytes){der, size}, &read), HF_OK);
    assert_string_equal(read.name, issue.name);
    assert_false(read.is_hub);
    assert_memory_equal(read.key_id, crypto->own_key_id, HF_HASH_SIZE);
    assert_int_equal(read.public_key_size, issue.public_key.size);
    assert_memory_equal(read.public_key, issue.public_key.data, issue.public_key.size);
    issue.is_hub = true;
    issue.name = "hub";
    assert_int_equal(hf_ca_issue(b->ca, &issue, der, &size), HF_OK);
    assert_int_equal(crypto->certificate(crypto->context, (hf_bytes){der, size}, &read), HF_OK);
    assert_true(read.is_hub && !read.is_station);
    assert_string_equal(read.name, "hub");
    issue.is_station = true; /* it serves as well, but its word is not law */
    assert_int_equal(hf_ca_issue(b->ca, &issue, der, &size), HF_OK);
    assert_int_equal(crypto->certificate(crypto->context, (hf_bytes){der, size}, &read), HF_OK);
    assert_true(read.is_station && !read.is_hub);
    save_certificate(b->certificate, der, size);
    hf_keys_close(keys);
    keys = open_keys(b); /* enrolled now */
    assert_int_equal(hf_keys_crypto(keys)->own_certificate.size, size);
    assert_memory_equal(hf_keys_crypto(keys)->own_certificate.data, der, size);
    hf_keys_close(keys);
}

static void dates_do_not_decide(void **state)
{
    bench *b = *state;
    hf_keys *keys = open_keys(b);
    const hf_crypto *crypto = hf_keys_crypto(keys);
    static const uint64_t at_ms[] = {0, 1000000000000, 4000000000000, 9000000000000};
    for (size_t i = 0; i < sizeof at_ms / sizeof *at_ms; i++) {
        uint8_t der[HF_CERTIFICATE_DER_MAX];
        size_t size = 0;
        hf_certificate read;
        hf_issue issue = device_issue(hf_keys_public(keys));
        issue.wall_ms = at_ms[i];
        issue.days = 1;
        assert_int_equal(hf_ca_issue(b->ca, &issue, der, &size), HF_OK);
        assert_int_equal(crypto->certificate(crypto->context, (hf_bytes){der, size}, &read), HF_OK);
    }
    hf_keys_close(keys);
}

/* What is refused leaves file and table as they were. */
static void a_new_certificate_replaces_the_old_only_for_the_same_key(void **state)
{
    bench *b = *state;
    hf_keys *keys = open_keys(b), *other = NULL;
    hf_key_paths other_paths = {NULL, NULL, NULL};
    char other_key[128];
    uint8_t first[HF_CERTIFICATE_DER_MAX], next[HF_CERTIFICATE_DER_MAX];
    size_t first_size, next_size;
    hf_issue issue = device_issue(hf_keys_public(keys));
    assert_int_equal(hf_ca_issue(b->ca, &issue, first, &first_size), HF_OK);
    assert_int_equal(hf_keys_replace(keys, b->certificate, (hf_bytes){first, first_size}), HF_OK);
    join(other_key, b->directory, "other.key");
    other_paths.key = other_key;
    assert_int_equal(hf_keys_create(other_key), HF_OK);
    assert_int_equal(hf_keys_open(&other_paths, &other), HF_OK);
    hf_issue foreign = device_issue(hf_keys_public(other));
    assert_int_equal(hf_ca_issue(b->ca, &foreign, next, &next_size), HF_OK);
    assert_int_equal(hf_keys_replace(keys, b->certificate, (hf_bytes){next, next_size}),
                     HF_ERR_PROTOCOL);
    issue.wall_ms += 250ULL * 24 * 3600 * 1000;
    assert_int_equal(hf_ca_issue(b->ca, &issue, next, &next_size), HF_OK);
    assert_int_equal(hf_keys_replace(keys, "/nowhere/at/all", (hf_bytes){next, next_size}),
                     HF_ERR_NOT_FOUND);
    const hf_crypto *crypto = hf_keys_crypto(keys);
    assert_int_equal(crypto->own_certificate.size, first_size);
    assert_memory_equal(crypto->own_certificate.data, first, first_size);
    assert_int_equal(hf_keys_replace(keys, b->certificate, (hf_bytes){next, next_size}), HF_OK);
    assert_memory_equal(crypto->own_certificate.data, next, next_size);
    hf_certificate facts;
    assert_int_equal(crypto->certificate(crypto->context, crypto->own_certificate, &facts), HF_OK);
    assert_int_equal(facts.valid.from_ms, issue.wall_ms - 24ULL * 3600 * 1000);
    assert_int_equal(facts.valid.until_ms, issue.wall_ms + 365ULL * 24 * 3600 * 1000);
    hf_keys_close(keys);
    hf_keys_close(other);
    keys = open_keys(b); /* from the disk, too */
    assert_memory_equal(hf_keys_crypto(keys)->own_certificate.data, next, next_size);
    hf_keys_close(keys);
}

static void certificate_by_another_ca_or_altered_is_refused(void **state)
{
    bench *b = *state;
    char key_path[128], certificate_path[128];
    join(key_path, b->directory, "ca2.key");
    join(certificate_path, b->directory, "ca2.crt");
    /* The same name as ours: only the key may decide. */
    assert_int_equal(hf_ca_create(key_path, certificate_path, "Drill force CA", WALL_MS), HF_OK);
    hf_ca *other = NULL;
    assert_int_equal(hf_ca_open(key_path, certificate_path, &other), HF_OK);
    hf_keys *keys = open_keys(b);
    const hf_crypto *crypto = hf_keys_crypto(keys);
    hf_issue issue = device_issue(hf_keys_public(keys));
    uint8_t der[HF_CERTIFICATE_DER_MAX + 1];
    size_t size = 0;
    hf_certificate read;
    assert_int_equal(hf_ca_issue(other, &issue, der, &size), HF_OK);
    assert_int_equal(crypto->certificate(crypto->context, (hf_bytes){der, size}, &read),
                     HF_ERR_PROTOCOL);
    assert_int_equal(hf_ca_issue(b->ca, &issue, der, &size), HF_OK);
    der[size] = 0;
    assert_int_equal(crypto->certificate(crypto->context, (hf_bytes){der, size + 1}, &read),
                     HF_ERR_PROTOCOL);
    for (size_t i = 0; i < size; i += 5) {
        der[i] ^= 0x04;
        assert_int_equal(crypto->certificate(crypto->context, (hf_bytes){der, size}, &read),
                         HF_ERR_PROTOCOL);
        der[i] ^= 0x04;
    }
    assert_int_equal(crypto->certificate(crypto->context, hf_ca_certificate(b->ca), &read),
                     HF_ERR_PROTOCOL); /* the CA itself is no installation */
    hf_keys_close(keys);
    hf_ca_close(other);
}

static void names_that_could_mislead_are_not_issued(void **state)
{
    bench *b = *state;
    hf_keys *keys = open_keys(b);
    hf_issue issue = device_issue(hf_keys_public(keys));
    uint8_t der[HF_CERTIFICATE_DER_MAX];
    size_t size = 0;
    char too_long[HF_NAME_SIZE + 1];
    memset(too_long, 'x', sizeof too_long);
    too_long[HF_NAME_SIZE] = 0;
    const char *const bad[] = {"", " leading", "line\nbreak", "back\\slash", too_long};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        issue.name = bad[i];
        assert_int_equal(hf_ca_issue(b->ca, &issue, der, &size), HF_ERR_INPUT);
    }
    issue.name = "hub";
    const char *const name[] = {"bad host"};
    issue.names = name;
    issue.name_count = 1;
    assert_int_equal(hf_ca_issue(b->ca, &issue, der, &size), HF_ERR_INPUT); /* of a device */
    issue.is_hub = true;
    assert_int_equal(hf_ca_issue(b->ca, &issue, der, &size), HF_ERR_INPUT);
    hf_keys_close(keys);
}

/* --- requests ------------------------------------------------------------------------------ */

static void request_carries_the_key_and_proves_it(void **state)
{
    hf_keys *keys = open_keys(*state);
    uint8_t der[HF_CSR_DER_MAX], public_key[HF_PUBLIC_KEY_MAX];
    size_t size = 0, key_size = 0;
    assert_int_equal(hf_keys_request(keys, der, &size), HF_OK);
    assert_int_equal(hf_request_read((hf_bytes){der, size}, public_key, &key_size), HF_OK);
    hf_bytes expected = hf_keys_public(keys);
    assert_int_equal(key_size, expected.size);
    assert_memory_equal(public_key, expected.data, key_size);
    for (size_t i = 0; i < size; i++) { /* no altered request passes for the same key's */
        der[i] ^= 0x20;
        hf_status status = hf_request_read((hf_bytes){der, size}, public_key, &key_size);
        assert_int_equal(status, HF_ERR_INPUT);
        der[i] ^= 0x20;
    }
    assert_int_equal(hf_request_read((hf_bytes){der, size - 1}, public_key, &key_size),
                     HF_ERR_INPUT);
    assert_int_equal(hf_request_read((hf_bytes){NULL, 0}, public_key, &key_size), HF_ERR_INPUT);
    hf_keys_close(keys);
}

static void request_with_another_curve_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-384");
    X509_REQ *request = X509_REQ_new();
    assert_int_equal(X509_REQ_set_pubkey(request, key), 1);
    assert_true(X509_REQ_sign(request, key, EVP_sha256()) > 0);
    uint8_t *der = NULL, public_key[HF_PUBLIC_KEY_MAX];
    size_t key_size = 0;
    int size = i2d_X509_REQ(request, &der);
    assert_true(size > 0);
    assert_int_equal(hf_request_read((hf_bytes){der, (size_t)size}, public_key, &key_size),
                     HF_ERR_INPUT);
    OPENSSL_free(der);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
}

static void fingerprint_is_what_openssl_prints(void **state)
{
    bench *b = *state;
    hf_bytes der = hf_ca_certificate(b->ca);
    X509 *root = parse(der.data, der.size);
    uint8_t digest[32];
    unsigned size = sizeof digest;
    assert_int_equal(X509_digest(root, EVP_sha256(), digest, &size), 1);
    char expected[HF_FINGERPRINT_SIZE], found[HF_FINGERPRINT_SIZE];
    for (size_t i = 0; i < 32; i++) snprintf(expected + 2 * i, 3, "%02x", digest[i]);
    hf_certificate_fingerprint(der, found);
    assert_string_equal(found, expected);
    X509_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define KEYS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        KEYS_TEST(key_file_is_for_its_owner_only_and_never_replaced),
        KEYS_TEST(device_without_certificate_has_key_and_key_id),
        KEYS_TEST(missing_or_wrong_key_is_told_apart),
        KEYS_TEST(certificate_for_another_key_is_refused_at_open),
        KEYS_TEST(hash_is_sha256_of_the_pieces_joined),
        KEYS_TEST(signature_is_the_one_of_rfc_6979),
        KEYS_TEST(any_flipped_bit_of_a_signature_digest_or_key_is_noticed),
        KEYS_TEST(r_and_s_of_zero_or_of_n_are_refused),
        KEYS_TEST(wycheproof_agrees),
        KEYS_TEST(device_certificate_is_what_openssl_expects_of_a_client),
        KEYS_TEST(hub_certificate_answers_to_its_names_and_no_other),
        KEYS_TEST(serials_never_repeat),
        KEYS_TEST(certificate_says_who_and_whether_hub),
        KEYS_TEST(dates_do_not_decide),
        KEYS_TEST(a_new_certificate_replaces_the_old_only_for_the_same_key),
        KEYS_TEST(certificate_by_another_ca_or_altered_is_refused),
        KEYS_TEST(names_that_could_mislead_are_not_issued),
        KEYS_TEST(request_carries_the_key_and_proves_it),
        KEYS_TEST(request_with_another_curve_is_refused),
        KEYS_TEST(fingerprint_is_what_openssl_prints),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
