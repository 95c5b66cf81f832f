/* test_proof.c: a receipt as a file: what it proves to someone who was not there, that no change of
 * it proves anything else, and that a person can read its reference over the telephone. */
#include "pair.h"

#include "sync/log.h"
#include "sync/proof.h"
#include "sync/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND_MS = 1000, PROVED_MAX = 64 };

typedef struct proved { /* what a file was found to prove */
    size_t count;
    hf_record_id record;
    struct {
        hf_dot dot;
        uint64_t time_ms;
        uint8_t hash[HF_HASH_SIZE];
        char actor[32], author[32], hub[32];
    } entries[PROVED_MAX];
} proved;

static hf_status note(void *context, const hf_proof_entry *entry)
{
    proved *p = context;
    assert_true(p->count < PROVED_MAX);
    p->entries[p->count].dot = entry->dot;
    p->entries[p->count].time_ms = entry->time_ms;
    memcpy(p->entries[p->count].hash, entry->hash, HF_HASH_SIZE);
    (void)snprintf(p->entries[p->count].actor, 32, "%.*s", (int)entry->actor.size,
                   (const char *)entry->actor.data);
    (void)snprintf(p->entries[p->count].author, 32, "%.31s", entry->author);
    (void)snprintf(p->entries[p->count].hub, 32, "%.31s", entry->hub);
    p->count++;
    return HF_OK;
}

/* By a table that holds nothing but the means to check. */
static hf_status check(const pair_world *pair, hf_bytes file, proved *p, const char **why)
{
    hf_crypto stranger = pair->nodes[1].crypto.table;
    memset(p, 0, sizeof *p);
    stranger.sign = NULL;
    stranger.random = NULL;
    return hf_proof_check(&stranger, file, &p->record, note, p, why);
}

static hf_proof_counts written(pair_world *pair, const hf_record_id *id, const char *reference,
                               hf_buffer *out)
{
    hf_proof_counts counts;
    assert_int_equal(hf_proof_write(pair->nodes[0].store, id, reference, out, &counts), HF_OK);
    return counts;
}

/* ---- what it proves ---- */

static void it_proves_every_entry_of_the_record_and_tells_nothing_else(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_buffer file = {0};
    proved p;
    const char *why;
    pair_crime(pair, 0, "before it");
    hf_record_id record = pair_crime(pair, 0, "first");
    pair_crime(pair, 0, "between");
    pair_set(pair, 0, &record, 27, "second");
    pair_wait(pair, 2 * SECOND_MS);
    pair_set(pair, 1, &record, 27, "by another");
    pair_wait(pair, 2 * SECOND_MS);
    pair_set(pair, 0, &record, 27, "third"); /* under a receipt of its own */
    pair_wait(pair, 2 * SECOND_MS);
    hf_proof_counts counts = written(pair, &record, NULL, &file);
    assert_int_equal(counts.proved, 3);
    assert_int_equal(counts.others, 1);
    assert_int_equal(counts.unsigned_yet, 0);
    assert_int_equal(check(pair, hf_buffer_bytes(&file), &p, &why), HF_OK);
    assert_int_equal(p.count, 3);
    assert_memory_equal(&p.record, &record, sizeof record);
    for (size_t i = 0; i < p.count; i++) {
        assert_string_equal(p.entries[i].author, "edge0");
        assert_string_equal(p.entries[i].hub, "hub");
        assert_true(p.entries[i].time_ms <= pair_wall_ms(pair));
    }
    assert_int_equal(p.entries[0].dot.seq, 2);
    assert_int_equal(p.entries[2].dot.seq, 5);
    static const char *const others[] = {"before it", "between", "by another"};
    for (size_t i = 0; i < 3; i++)
        assert_null(memmem(file.data, file.size, others[i], strlen(others[i])));
    hf_buffer_free(&file);
    pair_free(pair);
}

static void what_is_not_signed_for_is_not_proved(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_buffer file = {0};
    hf_proof_counts counts;
    pair->nodes[0].offline = true;
    pair_cut(pair, 0);
    hf_record_id record = pair_crime(pair, 0, "alone"), nobody = {.type = 16};
    counts = written(pair, &record, NULL, &file);
    assert_int_equal(counts.proved, 0);
    assert_int_equal(counts.unsigned_yet, 1);
    assert_int_equal(file.size, 0);
    assert_int_equal(hf_proof_write(pair->nodes[0].store, &nobody, NULL, &file, &counts),
                     HF_ERR_NOT_FOUND);
    hf_buffer_free(&file);
    pair_free(pair);
}

/* A record of years: the first entry is far from the last, and is proved by the receipt next to it.
 */
static void an_old_entry_is_proved_by_a_short_file(void **state)
{
    (void)state;
    enum { ENTRIES = 6000 };
    pair_world *pair = pair_new(2);
    hf_buffer file = {0};
    proved p;
    const char *why;
    hf_record_id record = pair_crime(pair, 0, "long ago");
    for (int n = 0; n < ENTRIES; n++) {
        pair_crime(pair, 0, "since");
        if (n % 500 == 0) pair_wait(pair, 2 * SECOND_MS);
    }
    pair_wait(pair, 2 * SECOND_MS);
    assert_int_equal(written(pair, &record, NULL, &file).proved, 1);
    assert_true(file.size < (size_t)2 * HF_RECEIPT_APART * 34);
    assert_int_equal(check(pair, hf_buffer_bytes(&file), &p, &why), HF_OK);
    hf_buffer_free(&file);
    pair_free(pair);
}

/* ---- what does not ---- */

/* Where the certificates lie: the simulated authority signs nothing, so that a changed one is a
 * good one by another name. */
static bool in_certificate(const pair_world *pair, const hf_buffer *file, size_t at)
{
    const pair_node *nodes[] = {&pair->hub_node, &pair->nodes[0]};
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *found =
            memmem(file->data, file->size, nodes[i]->crypto.certificate, SIM_CERTIFICATE_SIZE);
        assert_non_null(found);
        size_t start = (size_t)(found - file->data);
        if (at >= start && at < start + SIM_CERTIFICATE_SIZE) return true;
    }
    return false;
}

/* Each bit of it, and each length: what is not refused proves what it proved before. */
static void no_change_of_it_proves_anything_else(void **state)
{
    (void)state;
    pair_world *pair = pair_new(3);
    hf_buffer file = {0};
    proved before, after;
    const char *why;
    hf_record_id record = pair_crime(pair, 0, "first");
    pair_crime(pair, 0, "between");
    for (size_t i = 1; i < 3; i++) pair_crime(pair, i, "under the same signature");
    pair_wait(pair, 2 * SECOND_MS);
    assert_int_equal(written(pair, &record, NULL, &file).proved, 1);
    assert_int_equal(check(pair, hf_buffer_bytes(&file), &before, &why), HF_OK);
    for (size_t bit = 0; bit < file.size * 8; bit++) {
        if (in_certificate(pair, &file, bit / 8)) continue;
        file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        hf_status status = check(pair, hf_buffer_bytes(&file), &after, &why);
        assert_true((status == HF_OK) == (why == NULL));
        if (status == HF_OK) assert_memory_equal(&before, &after, sizeof before);
        file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t size = 0; size < file.size; size++) {
        assert_int_equal(check(pair, (hf_bytes){file.data, size}, &after, &why), HF_ERR_PROTOCOL);
        assert_string_equal(
            why,
            "This is not a whole receipt: the file was cut short, or bytes of it were changed.");
    }
    hf_buffer_free(&file);
    pair_free(pair);
}

/* A device signs as hubs do, with a good certificate of its own. */
static void a_device_cannot_pose_as_a_hub(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_buffer file = {0};
    proved p;
    const char *why;
    hf_record_id record = pair_crime(pair, 0, "first");
    pair_wait(pair, 2 * SECOND_MS);
    (void)written(pair, &record, NULL, &file);
    uint8_t *found =
        memmem(file.data, file.size, pair->hub_node.crypto.certificate, SIM_CERTIFICATE_SIZE);
    assert_non_null(found);
    memcpy(found, pair->nodes[1].crypto.certificate, SIM_CERTIFICATE_SIZE);
    assert_int_equal(check(pair, hf_buffer_bytes(&file), &p, &why), HF_ERR_PROTOCOL);
    assert_non_null(strstr(why, "a device, not a hub"));
    memcpy(found, "SIMX", 4); /* by no authority that we know */
    assert_int_equal(check(pair, hf_buffer_bytes(&file), &p, &why), HF_ERR_PROTOCOL);
    assert_non_null(strstr(why, "not by this authority"));
    hf_buffer_free(&file);
    pair_free(pair);
}

/* ---- references ---- */

static const char SPOKEN[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void a_reference_that_was_misheard_is_noticed(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 200; seed++) {
        uint8_t hash[HF_HASH_SIZE];
        char text[HF_SPOKEN_SIZE], heard[HF_SPOKEN_SIZE], again[HF_SPOKEN_SIZE];
        for (size_t i = 0; i < sizeof hash; i++) hash[i] = (uint8_t)(seed * 37 + i * 101 + i * i);
        hf_reference(hash, text);
        assert_int_equal(strlen(text), 9);
        for (size_t at = 0; at < 9; at++) {
            for (size_t digit = 0; digit < 32 && at != 4; digit++) { /* one heard wrong */
                memcpy(heard, text, sizeof heard);
                if (heard[at] == SPOKEN[digit]) continue;
                heard[at] = SPOKEN[digit];
                assert_int_equal(hf_reference_parse((hf_bytes){(uint8_t *)heard, 9}, again),
                                 HF_ERR_INPUT);
            }
            for (size_t other = at + 1; other < 9 && at != 4; other++) { /* two swapped */
                memcpy(heard, text, sizeof heard);
                if (other == 4 || heard[at] == heard[other]) continue;
                heard[at] = text[other];
                heard[other] = text[at];
                assert_int_equal(hf_reference_parse((hf_bytes){(uint8_t *)heard, 9}, again),
                                 HF_ERR_INPUT);
            }
        }
        assert_int_equal(hf_reference_parse((hf_bytes){(uint8_t *)text, 9}, again), HF_OK);
        assert_string_equal(again, text);
    }
}

static void a_reference_is_read_as_people_write_it(void **state)
{
    (void)state;
    uint8_t hash[HF_HASH_SIZE] = {0x08, 0x42, 0x10, 0x84, 0x21};
    char text[HF_SPOKEN_SIZE], again[HF_SPOKEN_SIZE];
    hf_reference(hash, text);
    assert_memory_equal(text, "1111-111", 8);
    static const char *const ways[] = {"IiLl-111", "1111 1l1", "iiii i11"};
    for (size_t i = 0; i < 3; i++) {
        char spoken[HF_SPOKEN_SIZE + 1];
        (void)snprintf(spoken, sizeof spoken, "%s%c", ways[i], text[8]);
        assert_int_equal(hf_reference_parse((hf_bytes){(uint8_t *)spoken, 9}, again), HF_OK);
        assert_string_equal(again, text);
    }
    assert_int_equal(hf_reference_parse((hf_bytes){(uint8_t *)"U111-1111", 9}, again),
                     HF_ERR_INPUT);
    assert_int_equal(hf_reference_parse((hf_bytes){(uint8_t *)"", 0}, again), HF_ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_proves_every_entry_of_the_record_and_tells_nothing_else),
        cmocka_unit_test(what_is_not_signed_for_is_not_proved),
        cmocka_unit_test(an_old_entry_is_proved_by_a_short_file),
        cmocka_unit_test(no_change_of_it_proves_anything_else),
        cmocka_unit_test(a_device_cannot_pose_as_a_hub),
        cmocka_unit_test(a_reference_that_was_misheard_is_noticed),
        cmocka_unit_test(a_reference_is_read_as_people_write_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
