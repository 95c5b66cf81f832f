/* test_entry_parts.c: no record stands in two parts of one entry. */
#include "sync/apply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CRIME = 16, SUMMARY = 27 };

/* A part that writes one field of the record whose id ends in `record`. */
static void write_part(hf_buffer *out, uint8_t record)
{
    static const uint8_t salt[8] = {1};
    const uint8_t id[HF_RECORD_ID_SIZE] = {[HF_RECORD_ID_SIZE - 1] = record};
    hf_buffer ops = {0};
    hf_write_raw(&ops, (hf_bytes){salt, sizeof salt});
    hf_write_array(&ops, 4);
    hf_write_uint(&ops, CRIME);
    hf_write_bytes(&ops, id, sizeof id);
    hf_write_array(&ops, 0);
    hf_write_array(&ops, 1);
    hf_write_array(&ops, 3);
    hf_write_uint(&ops, SUMMARY);
    hf_write_array(&ops, 0);
    hf_write_string(&ops, "x");
    hf_write_bytes(out, ops.data, ops.size);
    hf_buffer_free(&ops);
}

static hf_status parse(const uint8_t *records, size_t count)
{
    hf_buffer body = {0};
    hf_entry_body entry;
    hf_write_array(&body, 9);
    hf_write_uint(&body, 1);
    hf_write_uint(&body, 0);
    hf_write_uint(&body, 2);
    hf_write_uint(&body, 1571659200000ull << 16);
    hf_write_uint(&body, 3);
    hf_write_uint(&body, 1);
    hf_write_string(&body, "nobody");
    hf_write_null(&body);
    hf_write_array(&body, count);
    for (size_t i = 0; i < count; i++) write_part(&body, records[i]);
    hf_status status = hf_entry_parse(hf_buffer_bytes(&body), &entry);
    if (status == HF_OK) assert_int_equal(entry.part_count, count);
    hf_buffer_free(&body);
    return status;
}

/* Both would be the same dot's first write of the field: a hub that folded the second one ended. */
static void one_record_in_two_parts_is_malformed(void **state)
{
    (void)state;
    assert_int_equal(parse((const uint8_t[]){1, 2, 3}, 3), HF_OK);
    assert_int_equal(parse((const uint8_t[]){1, 1}, 2), HF_ERR_PROTOCOL);
    assert_int_equal(parse((const uint8_t[]){1, 2, 3, 1}, 4), HF_ERR_PROTOCOL);
    assert_int_equal(parse((const uint8_t[]){1, 2, 3, 3}, 4), HF_ERR_PROTOCOL);
}

static void as_many_records_as_an_entry_may_have_are_taken(void **state)
{
    (void)state;
    uint8_t records[HF_ENTRY_PARTS_MAX];
    for (size_t i = 0; i < sizeof records; i++) records[i] = (uint8_t)i;
    assert_int_equal(parse(records, sizeof records), HF_OK);
    records[0] = 255;
    assert_int_equal(parse(records, sizeof records), HF_ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_record_in_two_parts_is_malformed),
        cmocka_unit_test(as_many_records_as_an_entry_may_have_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
