/* transport_bench.h: a CA, a hub, some devices and their files, for the transport's tests. */
#ifndef HF_TEST_TRANSPORT_BENCH_H
#define HF_TEST_TRANSPORT_BENCH_H

#include "platform/ca.h"
#include "platform/clock.h"
#include "platform/files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DAY_MS = 24 * 60 * 60 * 1000 };

typedef struct identity {
    char key[128], certificate[128], ca[128];
    uint8_t key_id[HF_HASH_SIZE];
    hf_key_paths paths;
} identity;

typedef struct credentials {
    char directory[64];
    identity hub, one, two, stranger, expired, hub_elsewhere, hub_of_stranger, hub_renewed;
} credentials;

static inline void path_of(char out[128], const credentials *c, const char *name, const char *end)
{
    int length = snprintf(out, 128, "%s/%s%s", c->directory, name, end);
    assert_in_range(length, 1, 127);
}

typedef struct identity_wish {
    const char *name, *ca, *trusts; /* its own, its issuer's, the CA it believes */
    const char *const *names;
    size_t name_count;
    uint64_t wall_ms;
    const char *key_of; /* whose key it has; NULL: its own */
} identity_wish;

static inline void identity_make(const credentials *c, const identity_wish *wish, identity *out)
{
    char ca_key[128], ca_certificate[128], pem[HF_PEM_MAX];
    uint8_t der[HF_CERTIFICATE_DER_MAX];
    size_t size = 0, pem_size = sizeof pem;
    hf_ca *ca = NULL;
    hf_keys *keys = NULL;
    path_of(out->key, c, wish->key_of ? wish->key_of : wish->name, ".key");
    path_of(out->certificate, c, wish->name, ".crt");
    path_of(out->ca, c, wish->trusts, ".crt");
    path_of(ca_key, c, wish->ca, ".key");
    path_of(ca_certificate, c, wish->ca, ".crt");
    out->paths = (hf_key_paths){out->key, out->certificate, out->ca};
    hf_key_paths bare = {out->key, NULL, NULL};
    if (!wish->key_of) assert_int_equal(hf_keys_create(out->key), HF_OK);
    assert_int_equal(hf_keys_open(&bare, &keys), HF_OK);
    memcpy(out->key_id, hf_keys_crypto(keys)->own_key_id, HF_HASH_SIZE);
    assert_int_equal(hf_ca_open(ca_key, ca_certificate, &ca), HF_OK);
    hf_issue issue = {.public_key = hf_keys_public(keys),
                      .name = wish->name,
                      .days = 2,
                      .wall_ms = wish->wall_ms,
                      .is_hub = wish->name_count > 0,
                      .names = wish->names,
                      .name_count = wish->name_count};
    assert_int_equal(hf_ca_issue(ca, &issue, der, &size), HF_OK);
    assert_int_equal(hf_pem_encode("CERTIFICATE", (hf_bytes){der, size}, pem, &pem_size), HF_OK);
    assert_int_equal(hf_file_create(out->certificate, (hf_bytes){(uint8_t *)pem, pem_size}, 0644),
                     HF_OK);
    hf_ca_close(ca);
    hf_keys_close(keys);
}

/* cmocka group setup and teardown: *state is the credentials. */
static inline int credentials_make(void **state)
{
    static const char *const here[] = {"localhost", "127.0.0.1", "::1"};
    static const char *const elsewhere[] = {"elsewhere.example", "192.0.2.1"};
    credentials *c = calloc(1, sizeof *c);
    char key[128], certificate[128];
    uint64_t now_ms = hf_clock_wall_ms();
    assert_non_null(c);
    snprintf(c->directory, sizeof c->directory, "/tmp/hf-test-transport-XXXXXX");
    assert_non_null(mkdtemp(c->directory));
    for (int i = 0; i < 2; i++) {
        path_of(key, c, i ? "other-ca" : "ca", ".key");
        path_of(certificate, c, i ? "other-ca" : "ca", ".crt");
        assert_int_equal(hf_ca_create(key, certificate, "Test CA", now_ms), HF_OK);
    }
    const identity_wish wishes[] = {
        {"hub", "ca", "ca", here, 3, now_ms, NULL},
        {"one", "ca", "ca", NULL, 0, now_ms, NULL},
        {"two", "ca", "ca", NULL, 0, now_ms, NULL},
        {"stranger", "other-ca", "ca", NULL, 0, now_ms, NULL},
        {"expired", "ca", "ca", NULL, 0, now_ms - 400ULL * DAY_MS, NULL},
        {"hub-elsewhere", "ca", "ca", elsewhere, 2, now_ms, NULL},
        {"hub-of-stranger", "other-ca", "ca", here, 3, now_ms, NULL},
        {"hub-renewed", "ca", "ca", here, 3, now_ms + DAY_MS / 2, "hub"},
    };
    identity *const out[] = {&c->hub,
                             &c->one,
                             &c->two,
                             &c->stranger,
                             &c->expired,
                             &c->hub_elsewhere,
                             &c->hub_of_stranger,
                             &c->hub_renewed};
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        identity_make(c, &wishes[i], out[i]);
    }
    *state = c;
    return 0;
}

static inline int credentials_drop(void **state)
{
    credentials *c = *state;
    DIR *directory = opendir(c->directory);
    for (struct dirent *file; directory && (file = readdir(directory));) {
        char path[512];
        if (file->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", c->directory, file->d_name);
        unlink(path);
    }
    if (directory) closedir(directory);
    rmdir(c->directory);
    free(c);
    return 0;
}

#endif
