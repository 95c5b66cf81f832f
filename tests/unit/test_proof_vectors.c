/* test_proof_vectors.c: receipts as files that another implementation made from protocol.md 10
 * alone (tests/client2/receipt_vectors.js), judged here by the real hashes, certificates and
 * signatures. */
#include "platform/keys.h"
#include "sync/proof.h"

#include "hex.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct bench {
    json_t *vectors;
    char ca[64];
    hf_keys *keys;
} bench;

static int setup(void **state)
{
    static const char PATH[] = "/tmp/holdfast-ca-XXXXXX";
    static bench b;
    json_error_t error;
    b.vectors = json_load_file(HF_SOURCE_DIR "/tests/vectors/receipt.json", 0, &error);
    memcpy(b.ca, PATH, sizeof PATH);
    int file = mkstemp(b.ca);
    const char *pem = json_string_value(json_object_get(b.vectors, "ca"));
    if (file < 0 || !pem || write(file, pem, strlen(pem)) < 0) return -1;
    close(file);
    *state = &b;
    return hf_keys_open_ca(b.ca, &b.keys) == HF_OK ? 0 : -1;
}

static int teardown(void **state)
{
    bench *b = *state;
    hf_keys_close(b->keys);
    json_decref(b->vectors);
    return unlink(b->ca);
}

static hf_status note(void *context, const hf_proof_entry *entry)
{
    char reference[HF_SPOKEN_SIZE], hash[2 * HF_HASH_SIZE + 1];
    hf_reference(entry->hash, reference);
    for (size_t i = 0; i < HF_HASH_SIZE; i++)
        (void)snprintf(hash + 2 * i, 3, "%02x", entry->hash[i]);
    json_t *told =
        json_pack("{s:I,s:s,s:s,s:s%,s:s,s:s,s:I}", "seq", (json_int_t)entry->dot.seq, "hash", hash,
                  "reference", reference, "actor", entry->actor.data, entry->actor.size, "author",
                  entry->author, "hub", entry->hub, "time_ms", (json_int_t)entry->time_ms);
    assert_non_null(told);
    return json_array_append_new(context, told) == 0 ? HF_OK : HF_ERR_NOMEM;
}

/* The vectors' word for a refusal, and what stands in the sentence for people. */
static const char *word_of(const char *why)
{
    static const char *const table[][2] = {
        {"cut", "not a whole receipt"},         {"authority", "not by this authority"},
        {"hub", "a device, not a hub"},         {"record", "record was altered"},
        {"path", "belongs to another entry"},   {"log", "of another log"},
        {"signature", "signature does not fit"}};
    for (size_t i = 0; why && i < sizeof table / sizeof *table; i++)
        if (strstr(why, table[i][1])) return table[i][0];
    return "";
}

static void check_one(const bench *b, json_t *vector)
{
    static uint8_t room[HEX_MAX];
    const char *why, *what = json_string_value(json_object_get(vector, "what"));
    hf_bytes file = unhex(json_string_value(json_object_get(vector, "file")), room);
    json_t *proves = json_object_get(vector, "proves"), *found = json_array();
    const char *refused = json_string_value(json_object_get(vector, "refused"));
    hf_record_id record;
    hf_status status = hf_proof_check(hf_keys_crypto(b->keys), file, &record, note, found, &why);
    if ((status == HF_OK) != (proves != NULL)) print_error("%s: %s\n", what, why ? why : "proved");
    assert_int_equal(status, proves ? HF_OK : HF_ERR_PROTOCOL);
    if (proves) assert_true(json_equal(found, proves));
    if (!proves && strcmp(word_of(why), refused) != 0) print_error("%s: %s\n", what, why);
    if (!proves) assert_string_equal(word_of(why), refused);
    json_decref(found);
}

static void each_receipt_proves_or_is_refused_as_the_vectors_say(void **state)
{
    const bench *b = *state;
    json_t *files = json_object_get(b->vectors, "files"), *vector;
    size_t index;
    assert_true(json_array_size(files) >= 20);
    json_array_foreach(files, index, vector) check_one(b, vector);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_receipt_proves_or_is_refused_as_the_vectors_say),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
