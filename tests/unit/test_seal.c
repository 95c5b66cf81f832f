/* test_seal.c: a seal, a bundle and its answer, by mbedTLS, against what Node's own cipher made of
 * protocol.md 13: tests/vectors/bundle.json. */
#include "hex.h"

#include "platform/keys_private.h"
#include "sync/bundle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <mbedtls/ecp.h>

#include <cmocka.h>

enum { ROOM = 4096 };

typedef struct bench {
    json_t *vectors;
    char folder[64], key[128], ca[128];
    hf_keys *keys; /* the centre's */
    const hf_crypto *crypto;
    uint8_t bytes[8][ROOM];
} bench;

static const char *text_at(const bench *b, const char *part, const char *name)
{
    const char *text = json_string_value(json_object_get(json_object_get(b->vectors, part), name));
    assert_non_null(text);
    return text;
}

static hf_bytes bytes_at(bench *b, const char *part, const char *name, size_t slot)
{
    return unhex(text_at(b, part, name), b->bytes[slot]);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    json_error_t error;
    assert_non_null(b);
    b->vectors = json_load_file(HF_SOURCE_DIR "/tests/vectors/bundle.json", 0, &error);
    assert_non_null(b->vectors);
    snprintf(b->folder, sizeof b->folder, "/tmp/hf-test-seal-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    snprintf(b->key, sizeof b->key, "%s/key.pem", b->folder);
    snprintf(b->ca, sizeof b->ca, "%s/ca.pem", b->folder);
    write_file(b->key, text_at(b, "bundle", "centre_key"));
    write_file(b->ca, json_string_value(json_object_get(b->vectors, "ca")));
    hf_key_paths paths = {.key = b->key, .certificate = "/nowhere", .ca = b->ca};
    assert_int_equal(hf_keys_open(&paths, &b->keys), HF_OK);
    b->crypto = hf_keys_crypto(b->keys);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    hf_keys_close(b->keys);
    (void)unlink(b->key);
    (void)unlink(b->ca);
    (void)rmdir(b->folder);
    json_decref(b->vectors);
    free(b);
    return 0;
}

/* A public key as it stands in a certificate: this prefix and the point. */
static hf_bytes spki_of(hf_bytes point, uint8_t out[HF_SPKI_SIZE])
{
    uint8_t prefix[32];
    hf_bytes head = unhex("3059301306072a8648ce3d020106082a8648ce3d030107034200", prefix);
    assert_int_equal(head.size + point.size, HF_SPKI_SIZE);
    memcpy(out, head.data, head.size);
    memcpy(out + head.size, point.data, point.size);
    return (hf_bytes){out, HF_SPKI_SIZE};
}

static void read_pair(hf_bytes number, mbedtls_ecp_keypair *pair)
{
    mbedtls_ecp_keypair_init(pair);
    assert_int_equal(mbedtls_ecp_read_key(MBEDTLS_ECP_DP_SECP256R1, pair, number.data, number.size),
                     0);
    assert_int_equal(
        mbedtls_ecp_mul(&pair->grp, &pair->Q, &pair->d, &pair->grp.G, hf_keys_rng, NULL), 0);
}

static void a_seal_is_that_of_the_vectors(void **state)
{
    bench *b = *state;
    uint8_t spki[HF_SPKI_SIZE], made[ROOM], opened[ROOM];
    mbedtls_ecp_keypair own;
    mbedtls_mpi once;
    hf_bytes number = bytes_at(b, "seal", "once", 0), beside = bytes_at(b, "seal", "beside", 1);
    hf_bytes plain = bytes_at(b, "seal", "plain", 2), sealed = bytes_at(b, "seal", "seal", 3);
    hf_bytes recipient = spki_of(bytes_at(b, "seal", "point", 4), spki);
    mbedtls_mpi_init(&once);
    assert_int_equal(mbedtls_mpi_read_binary(&once, number.data, number.size), 0);
    assert_int_equal(hf_seal_by(&once, recipient, beside, plain, made), HF_OK);
    assert_int_equal(sealed.size, plain.size + HF_SEAL_SIZE);
    assert_memory_equal(made, sealed.data, sealed.size);
    read_pair(bytes_at(b, "seal", "number", 5), &own);
    assert_int_equal(hf_seal_open(&own, beside, sealed, opened), HF_OK);
    assert_memory_equal(opened, plain.data, plain.size);
    mbedtls_mpi_free(&once);
    mbedtls_ecp_keypair_free(&own);
}

static void what_is_sealed_twice_is_not_the_same_and_opens_alike(void **state)
{
    bench *b = *state;
    uint8_t spki[HF_SPKI_SIZE], first[ROOM], second[ROOM], opened[ROOM];
    mbedtls_ecp_keypair own;
    hf_bytes beside = bytes_at(b, "seal", "beside", 1), plain = bytes_at(b, "seal", "plain", 2);
    hf_bytes recipient = spki_of(bytes_at(b, "seal", "point", 4), spki);
    size_t size = plain.size + HF_SEAL_SIZE;
    assert_int_equal(hf_seal_for(recipient, beside, plain, first), HF_OK);
    assert_int_equal(hf_seal_for(recipient, beside, plain, second), HF_OK);
    assert_memory_not_equal(first, second, size);
    read_pair(bytes_at(b, "seal", "number", 5), &own);
    assert_int_equal(hf_seal_open(&own, beside, (hf_bytes){second, size}, opened), HF_OK);
    assert_memory_equal(opened, plain.data, plain.size);
    mbedtls_ecp_keypair_free(&own);
}

static void what_was_altered_or_is_another_s_does_not_open(void **state)
{
    bench *b = *state;
    uint8_t opened[ROOM], altered[ROOM];
    mbedtls_ecp_keypair own, other;
    hf_bytes beside = bytes_at(b, "seal", "beside", 1), sealed = bytes_at(b, "seal", "seal", 3);
    read_pair(bytes_at(b, "seal", "number", 5), &own);
    read_pair(bytes_at(b, "seal", "once", 6), &other);
    for (size_t i = 0; i < sealed.size; i++) {
        memcpy(altered, sealed.data, sealed.size);
        altered[i] ^= 0x20;
        hf_bytes now = {altered, sealed.size};
        assert_int_equal(hf_seal_open(&own, beside, now, opened), HF_ERR_PROTOCOL);
    }
    for (size_t size = 0; size < sealed.size; size++) {
        hf_bytes cut = {sealed.data, size};
        assert_int_equal(hf_seal_open(&own, beside, cut, opened), HF_ERR_PROTOCOL);
    }
    hf_bytes less = {beside.data, beside.size - 1};
    assert_int_equal(hf_seal_open(&own, less, sealed, opened), HF_ERR_PROTOCOL);
    assert_int_equal(hf_seal_open(&other, beside, sealed, opened), HF_ERR_PROTOCOL);
    mbedtls_ecp_keypair_free(&own);
    mbedtls_ecp_keypair_free(&other);
}

static void a_bundle_says_what_the_vectors_say(void **state)
{
    bench *b = *state;
    const json_t *told = json_object_get(b->vectors, "bundle");
    const json_t *messages = json_object_get(told, "messages");
    hf_bytes bytes = bytes_at(b, "bundle", "hex", 0), wanted = bytes_at(b, "bundle", "id", 1);
    hf_bundle bundle;
    hf_certificate station;
    hf_buffer plain = {0};
    hf_list list;
    hf_bytes message;
    uint8_t id[HF_HASH_SIZE];
    hf_bundle_id(b->crypto, bytes, id);
    assert_memory_equal(id, wanted.data, sizeof id);
    assert_int_equal(hf_bundle_read(bytes, &bundle), HF_OK);
    assert_int_equal(hf_bundle_check(b->crypto, &bundle, &station), HF_OK);
    assert_memory_equal(station.key_id, bytes_at(b, "bundle", "station", 2).data, HF_HASH_SIZE);
    assert_memory_equal(bundle.centre, bytes_at(b, "bundle", "centre", 3).data, HF_HASH_SIZE);
    assert_memory_equal(bundle.centre, b->crypto->own_key_id, HF_HASH_SIZE);
    assert_int_equal(bundle.serial, json_integer_value(json_object_get(told, "number")));
    assert_int_equal(bundle.lane, json_integer_value(json_object_get(told, "lane")));
    assert_int_equal(bundle.made_ms, json_integer_value(json_object_get(told, "made_ms")));
    assert_int_equal(hf_bundle_open(b->crypto, &bundle, &plain, &list), HF_OK);
    assert_int_equal(list.count, json_array_size(messages));
    for (size_t i = 0; hf_next_message_item(&list, &message); i++) {
        wanted = unhex(json_string_value(json_array_get(messages, i)), b->bytes[4]);
        assert_true(hf_bytes_equal(message, wanted));
    }
    hf_buffer_free(&plain);
}

static void an_answer_says_what_the_vectors_say(void **state)
{
    bench *b = *state;
    const json_t *told = json_object_get(b->vectors, "answer");
    const json_t *logs = json_object_get(told, "logs"), *one;
    hf_answer answer;
    hf_answered log;
    hf_certificate centre;
    assert_int_equal(hf_answer_read(bytes_at(b, "answer", "hex", 0), &answer), HF_OK);
    assert_int_equal(hf_answer_check(b->crypto, &answer, &centre), HF_OK);
    assert_memory_equal(answer.bundle, bytes_at(b, "bundle", "id", 1).data, HF_HASH_SIZE);
    assert_int_equal(answer.time_ms, json_integer_value(json_object_get(told, "time_ms")));
    assert_int_equal(answer.code, 0);
    assert_int_equal(answer.logs.count, json_array_size(logs));
    for (size_t i = 0; hf_next_answered(&answer.logs, &log); i++) {
        one = json_array_get(logs, i);
        hf_bytes root = unhex(json_string_value(json_array_get(one, 3)), b->bytes[2]);
        hf_bytes origin = unhex(json_string_value(json_array_get(one, 0)), b->bytes[3]);
        assert_memory_equal(log.origin.bytes, origin.data, HF_ORIGIN_SIZE);
        assert_int_equal(log.lane, json_integer_value(json_array_get(one, 1)));
        assert_int_equal(log.seq, json_integer_value(json_array_get(one, 2)));
        assert_memory_equal(log.root, root.data, HF_HASH_SIZE);
        assert_int_equal(log.code, json_integer_value(json_array_get(one, 4)));
    }
}

static void a_refusal_says_what_the_vectors_say(void **state)
{
    bench *b = *state;
    const json_t *told = json_object_get(b->vectors, "refused");
    hf_bytes hubs = bytes_at(b, "refused", "hubs", 1);
    const char *text = json_string_value(json_object_get(told, "text"));
    hf_answer answer;
    hf_certificate centre;
    assert_int_equal(hf_answer_read(bytes_at(b, "refused", "hex", 0), &answer), HF_OK);
    assert_int_equal(hf_answer_check(b->crypto, &answer, &centre), HF_OK);
    assert_int_equal(answer.code, json_integer_value(json_object_get(told, "code")));
    assert_true(hf_bytes_equal(answer.text, (hf_bytes){(const uint8_t *)text, strlen(text)}));
    assert_true(hf_bytes_equal(answer.hubs, hubs));
    assert_int_equal(answer.receipt.size, 0);
}

/* It is whole and signed, for us to open, by a station of whom our authority knows nothing. */
static void a_foreign_bundle_is_not_believed(void **state)
{
    bench *b = *state;
    hf_bundle bundle;
    hf_certificate station;
    assert_int_equal(hf_bundle_read(bytes_at(b, "foreign", "hex", 0), &bundle), HF_OK);
    assert_memory_equal(bundle.centre, b->crypto->own_key_id, HF_HASH_SIZE);
    assert_int_equal(hf_bundle_check(b->crypto, &bundle, &station), HF_ERR_PROTOCOL);
}

static void what_is_cut_short_is_not_read(void **state)
{
    bench *b = *state;
    hf_bytes bundle = bytes_at(b, "bundle", "hex", 0), answer = bytes_at(b, "answer", "hex", 1);
    hf_bundle read;
    hf_answer answered;
    for (size_t size = 0; size < bundle.size; size++)
        assert_int_equal(hf_bundle_read((hf_bytes){bundle.data, size}, &read), HF_ERR_PROTOCOL);
    for (size_t size = 0; size < answer.size; size++)
        assert_int_equal(hf_answer_read((hf_bytes){answer.data, size}, &answered), HF_ERR_PROTOCOL);
}

/* A byte that is another: it is not read, or not believed. So with both. */
static void damage_anywhere_is_noticed(void **state)
{
    bench *b = *state;
    hf_bytes bundle = bytes_at(b, "bundle", "hex", 0), answer = bytes_at(b, "answer", "hex", 1);
    for (size_t i = 0; i < bundle.size; i++) {
        hf_bundle read;
        hf_certificate station;
        memcpy(b->bytes[2], bundle.data, bundle.size);
        b->bytes[2][i] ^= 0x01;
        hf_status status = hf_bundle_read((hf_bytes){b->bytes[2], bundle.size}, &read);
        if (status == HF_OK) status = hf_bundle_check(b->crypto, &read, &station);
        assert_int_not_equal(status, HF_OK);
    }
    for (size_t i = 0; i < answer.size; i++) {
        hf_answer read;
        hf_certificate centre;
        memcpy(b->bytes[2], answer.data, answer.size);
        b->bytes[2][i] ^= 0x01;
        hf_status status = hf_answer_read((hf_bytes){b->bytes[2], answer.size}, &read);
        if (status == HF_OK) status = hf_answer_check(b->crypto, &read, &centre);
        assert_int_not_equal(status, HF_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_seal_is_that_of_the_vectors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_sealed_twice_is_not_the_same_and_opens_alike,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_altered_or_is_another_s_does_not_open, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_bundle_says_what_the_vectors_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_says_what_the_vectors_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_says_what_the_vectors_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_foreign_bundle_is_not_believed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_cut_short_is_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_anywhere_is_noticed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
