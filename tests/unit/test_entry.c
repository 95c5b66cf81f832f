/* test_entry.c: an entry's bytes come from outside and are hashed for ever: all that protocol.md 3
 * says of them is checked before anything of them is believed. */
#include "sync/store_core.h"

#include "sim_crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LEFT_OUT = 0, LONG = 60000 };

/* An entry that is sound in every number; each test spoils one of them. */
typedef struct recipe {
    uint64_t items, seq, pseq, scope, hlc, quality;
    uint64_t actor_size, transaction_size; /* transaction LEFT_OUT: null */
    uint64_t parts, part_written;          /* how many are claimed; how many are there */
    uint64_t erased, erased_items;         /* true: the part is but its hash */
    uint64_t salt_size, part_items, type, id_size;
    uint64_t logs, log_items, log_lane;
    uint64_t ops, ops_written, op_items, field, last_field;
    uint64_t cites, cite_items, cite_log, cite_seq, cite_ordinal, prefix_size;
    uint64_t value_size; /* LEFT_OUT: undefined */
    uint64_t reason_size, behind_ops, behind_parts;
} recipe;

static const recipe SOUND = {.items = 9,
                             .seq = 7,
                             .pseq = 5,
                             .scope = 2,
                             .hlc = 1000,
                             .quality = 3,
                             .actor_size = 4,
                             .transaction_size = 8,
                             .parts = 1,
                             .part_written = 1,
                             .salt_size = 8,
                             .part_items = 4,
                             .type = 16,
                             .id_size = HF_RECORD_ID_SIZE,
                             .logs = 1,
                             .log_items = 2,
                             .log_lane = HF_LANE_CRIME,
                             .ops = 2,
                             .ops_written = 2,
                             .op_items = 4,
                             .field = 3,
                             .last_field = 3,
                             .cites = 1,
                             .cite_items = 3,
                             .cite_log = 1,
                             .cite_seq = 90,
                             .prefix_size = HF_PREFIX_SIZE,
                             .value_size = 5,
                             .reason_size = 4};

static uint8_t FILL[LONG]; /* letters: bytes of a name, a hash, a text; main fills it */

static void write_op(hf_buffer *out, const recipe *r, uint64_t field)
{
    hf_write_array(out, (size_t)r->op_items);
    hf_write_uint(out, field);
    hf_write_array(out, (size_t)r->cites);
    for (uint64_t i = 0; i < r->cites; i++) {
        hf_write_array(out, (size_t)r->cite_items);
        hf_write_uint(out, r->cite_log);
        hf_write_uint(out, r->cite_seq);
        hf_write_bytes(out, FILL, (size_t)r->prefix_size);
        if (r->cite_items == 4) hf_write_uint(out, r->cite_ordinal);
    }
    if (r->value_size == LEFT_OUT)
        hf_write_undefined(out);
    else
        hf_write_bytes(out, FILL, (size_t)r->value_size);
    if (r->op_items == 4) hf_write_text(out, (const char *)FILL, (size_t)r->reason_size);
}

/* The part of the entry's record number `index`: no record may stand in two parts. */
static void write_part(hf_buffer *out, const recipe *r, uint64_t index)
{
    const uint8_t id[HF_RECORD_ID_SIZE] = {(uint8_t)index};
    if (r->erased) {
        hf_write_array(out, (size_t)r->erased_items);
        for (uint64_t i = 0; i < r->erased_items; i++) hf_write_bytes(out, FILL, HF_HASH_SIZE);
        return;
    }
    hf_buffer part = {0};
    hf_write_raw(&part, (hf_bytes){FILL, (size_t)r->salt_size});
    if (r->salt_size == 8) {
        hf_write_array(&part, (size_t)r->part_items);
        hf_write_uint(&part, r->type);
        hf_write_bytes(&part, id, (size_t)r->id_size);
        hf_write_array(&part, (size_t)r->logs);
        for (uint64_t i = 0; i < r->logs; i++) {
            hf_write_array(&part, (size_t)r->log_items);
            hf_write_bytes(&part, FILL, HF_ORIGIN_SIZE);
            hf_write_uint(&part, r->log_lane);
        }
        hf_write_array(&part, (size_t)r->ops);
        for (uint64_t i = 0; i < r->ops_written; i++)
            write_op(&part, r, i == 0 ? r->field : r->last_field);
        for (uint64_t i = 0; i < r->behind_ops; i++) hf_write_null(&part);
    }
    hf_write_bytes(out, part.data, part.size);
    hf_buffer_free(&part);
}

static void write_entry(hf_buffer *out, const recipe *r)
{
    hf_write_array(out, (size_t)r->items);
    hf_write_uint(out, r->seq);
    hf_write_uint(out, r->pseq);
    hf_write_uint(out, r->scope);
    hf_write_uint(out, r->hlc);
    hf_write_uint(out, r->quality);
    hf_write_uint(out, 1);
    hf_write_text(out, (const char *)FILL, (size_t)r->actor_size);
    if (r->transaction_size == LEFT_OUT)
        hf_write_null(out);
    else
        hf_write_bytes(out, FILL, (size_t)r->transaction_size);
    hf_write_array(out, (size_t)r->parts);
    for (uint64_t i = 0; i < r->part_written; i++) write_part(out, r, i);
    for (uint64_t i = 0; i < r->behind_parts; i++) hf_write_null(out);
    assert_int_equal(out->status, HF_OK);
}

static hf_status parsed(const recipe *r, hf_entry_body *entry)
{
    hf_buffer body = {0};
    write_entry(&body, r);
    hf_status status = hf_entry_parse(hf_buffer_bytes(&body), entry);
    hf_buffer_free(&body);
    return status;
}

typedef struct spoilt {
    const char *what;
    size_t offset;
    uint64_t value;
    hf_status expected;
} spoilt;
#define SPOILT(name, value, expected)                                                              \
    {                                                                                              \
#name, offsetof(recipe, name), value, expected                                             \
    }

static void expect_refused(const recipe *sound, const spoilt *tries, size_t count)
{
    hf_entry_body entry;
    assert_int_equal(parsed(sound, &entry), HF_OK);
    for (size_t i = 0; i < count; i++) {
        recipe r = *sound;
        memcpy((uint8_t *)&r + tries[i].offset, &tries[i].value, sizeof tries[i].value);
        hf_status status = parsed(&r, &entry);
        if (status != tries[i].expected)
            fail_msg("%s = %llu: status %d", tries[i].what, (unsigned long long)tries[i].value,
                     (int)status);
    }
}

static void each_malformed_header_is_refused(void **state)
{
    (void)state;
    static const spoilt tries[] = {
        SPOILT(items, 8, HF_ERR_PROTOCOL),
        SPOILT(seq, 0, HF_ERR_PROTOCOL),
        SPOILT(seq, UINT64_MAX, HF_ERR_PROTOCOL),
        SPOILT(pseq, 7, HF_ERR_PROTOCOL), /* an entry is not its own predecessor */
        SPOILT(pseq, 8, HF_ERR_PROTOCOL),
        SPOILT(scope, UINT32_MAX, HF_ERR_PROTOCOL),
        SPOILT(hlc, UINT64_MAX, HF_ERR_PROTOCOL),
        SPOILT(quality, 4, HF_ERR_PROTOCOL),
        SPOILT(actor_size, HF_TEXT_MAX + 1, HF_ERR_LIMIT),
        SPOILT(transaction_size, 7, HF_ERR_PROTOCOL),
        SPOILT(transaction_size, 9, HF_ERR_PROTOCOL),
        SPOILT(parts, 0, HF_ERR_PROTOCOL),
        SPOILT(parts, 2, HF_ERR_PROTOCOL), /* more than there are */
        SPOILT(parts, HF_ENTRY_PARTS_MAX + 1, HF_ERR_PROTOCOL),
        SPOILT(behind_parts, 1, HF_ERR_PROTOCOL),
    };
    expect_refused(&SOUND, tries, sizeof tries / sizeof *tries);
}

static void each_malformed_part_is_refused(void **state)
{
    (void)state;
    static const spoilt tries[] = {
        SPOILT(salt_size, 7, HF_ERR_PROTOCOL),
        SPOILT(salt_size, 0, HF_ERR_PROTOCOL),
        SPOILT(part_items, 3, HF_ERR_PROTOCOL),
        SPOILT(type, 0, HF_ERR_PROTOCOL),
        SPOILT(type, UINT16_MAX + 1, HF_ERR_PROTOCOL),
        SPOILT(id_size, 15, HF_ERR_PROTOCOL),
        SPOILT(log_items, 1, HF_ERR_PROTOCOL),
        SPOILT(log_lane, HF_LANE_COUNT, HF_ERR_PROTOCOL),
        SPOILT(ops, 0, HF_ERR_PROTOCOL),
        SPOILT(ops, 3, HF_ERR_PROTOCOL),
        SPOILT(behind_ops, 1, HF_ERR_PROTOCOL),
    };
    expect_refused(&SOUND, tries, sizeof tries / sizeof *tries);
    recipe twice = SOUND; /* it does not matter which of several is wrong */
    twice.logs = 2;
    expect_refused(&twice, tries, sizeof tries / sizeof *tries);
    recipe empty = SOUND;
    empty.ops = empty.ops_written = 0;
    hf_entry_body entry;
    assert_int_equal(parsed(&empty, &entry), HF_ERR_PROTOCOL);           /* a part without an op */
    const hf_status expected[] = {HF_ERR_PROTOCOL, HF_OK, HF_ERR_LIMIT}; /* its hash alone */
    for (size_t items = 0; items < 3; items++) {
        recipe erased = SOUND;
        erased.erased = true;
        erased.erased_items = items;
        assert_int_equal(parsed(&erased, &entry), expected[items]);
    }
}

static void each_malformed_op_is_refused(void **state)
{
    (void)state;
    static const spoilt tries[] = {
        SPOILT(op_items, 2, HF_ERR_PROTOCOL),
        SPOILT(field, UINT16_MAX + 1, HF_ERR_PROTOCOL),
        SPOILT(last_field, 2, HF_ERR_PROTOCOL), /* fields ascend */
        SPOILT(value_size, HF_VALUE_SIZE_MAX, HF_ERR_LIMIT),
        SPOILT(reason_size, 0, HF_ERR_PROTOCOL),
        SPOILT(reason_size, HF_REASON_SIZE_MAX + 1, HF_ERR_LIMIT),
    };
    expect_refused(&SOUND, tries, sizeof tries / sizeof *tries);
    hf_entry_body entry;
    recipe silent = SOUND; /* an op that neither says nor takes away anything */
    silent.value_size = LEFT_OUT;
    silent.cites = 0;
    assert_int_equal(parsed(&silent, &entry), HF_ERR_PROTOCOL);
    silent.cites = 1;
    assert_int_equal(parsed(&silent, &entry), HF_OK);
}

static void each_malformed_citation_is_refused(void **state)
{
    (void)state;
    static const spoilt tries[] = {
        SPOILT(cite_items, 2, HF_ERR_PROTOCOL),
        SPOILT(cite_log, 2, HF_ERR_PROTOCOL), /* there is one log to cite from */
        SPOILT(cite_seq, 0, HF_ERR_PROTOCOL),
        SPOILT(cite_seq, UINT64_MAX, HF_ERR_PROTOCOL),
        SPOILT(prefix_size, HF_PREFIX_SIZE - 1, HF_ERR_PROTOCOL),
        SPOILT(cite_log, 0, HF_ERR_PROTOCOL), /* 90 of its own log has yet to be written */
        SPOILT(cites, HF_OVERWRITTEN_MAX + 1, HF_ERR_LIMIT),
    };
    expect_refused(&SOUND, tries, sizeof tries / sizeof *tries);
    recipe twice = SOUND;
    twice.cites = 2;
    expect_refused(&twice, tries, sizeof tries / sizeof *tries);
}

/* One value has one encoding, ordinals too: 0 is left out. */
static void an_ordinal_of_0_is_left_out(void **state)
{
    (void)state;
    hf_entry_body entry;
    recipe r = SOUND;
    r.cite_items = 4;
    assert_int_equal(parsed(&r, &entry), HF_ERR_PROTOCOL);
    r.cite_ordinal = 1;
    assert_int_equal(parsed(&r, &entry), HF_OK);
    r.cite_ordinal = HF_ENTRY_OPS_MAX + 1;
    assert_int_equal(parsed(&r, &entry), HF_ERR_PROTOCOL);
}

/* In its own log an entry sees what lies before it, and neither itself nor what comes. */
static void an_entry_cites_only_what_lies_before_it_in_its_log(void **state)
{
    (void)state;
    hf_entry_body entry;
    recipe r = SOUND;
    r.cite_log = 0;
    for (r.cite_seq = 5; r.cite_seq < 10; r.cite_seq++)
        assert_int_equal(parsed(&r, &entry), r.cite_seq < r.seq ? HF_OK : HF_ERR_PROTOCOL);
}

/* The bounds hold for the whole entry, however the operations are spread over parts. */
static void an_entry_holds_no_more_than_its_bounds(void **state)
{
    (void)state;
    hf_entry_body entry;
    recipe r = SOUND;
    r.cites = 0;
    r.parts = r.part_written = 3;
    r.ops = r.ops_written = HF_ENTRY_OPS_MAX / 4;
    assert_int_equal(parsed(&r, &entry), HF_OK);
    assert_int_equal(entry.op_count, HF_ENTRY_OPS_MAX / 4 * 3);
    r.ops = r.ops_written = HF_ENTRY_OPS_MAX / 2;
    assert_int_equal(parsed(&r, &entry), HF_ERR_LIMIT);
    r = SOUND;
    r.value_size = HF_VALUE_SIZE_MAX - 3; /* with its head: just what a value may be */
    assert_int_equal(parsed(&r, &entry), HF_OK);
    r.parts = r.part_written = 3;
    assert_int_equal(parsed(&r, &entry), HF_ERR_LIMIT); /* six of them */
}

/* An erased part keeps its hash, so the entry's hash is the same with it and without. */
static void an_erased_part_leaves_the_entrys_hash_as_it_was(void **state)
{
    (void)state;
    sim_crypto crypto;
    hf_buffer body = {0}, erased = {0};
    hf_entry_body whole, emptied;
    hf_origin_id origin = {{1}};
    uint8_t before[HF_HASH_SIZE], after[HF_HASH_SIZE];
    recipe r = SOUND;
    r.parts = r.part_written = 3;
    sim_crypto_init(&crypto, 1, "edge", false);
    write_entry(&body, &r);
    assert_int_equal(hf_entry_erase(&crypto.table, hf_buffer_bytes(&body), &erased), HF_OK);
    assert_int_equal(hf_entry_parse(hf_buffer_bytes(&body), &whole), HF_OK);
    assert_int_equal(hf_entry_parse(hf_buffer_bytes(&erased), &emptied), HF_OK);
    assert_int_equal(whole.erased_count, 0);
    assert_int_equal(emptied.erased_count, 3);
    assert_int_equal(emptied.op_count, 0);
    assert_int_equal(hf_entry_hash(&crypto.table, &origin, 3, &whole, before), HF_OK);
    assert_int_equal(hf_entry_hash(&crypto.table, &origin, 3, &emptied, after), HF_OK);
    assert_memory_equal(before, after, HF_HASH_SIZE);
    hf_buffer_clear(&body);
    hf_write_null(&body);
    assert_int_equal(hf_entry_erase(&crypto.table, hf_buffer_bytes(&body), &erased),
                     HF_ERR_PROTOCOL);
    hf_buffer_free(&body);
    hf_buffer_free(&erased);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_malformed_header_is_refused),
        cmocka_unit_test(each_malformed_part_is_refused),
        cmocka_unit_test(each_malformed_op_is_refused),
        cmocka_unit_test(each_malformed_citation_is_refused),
        cmocka_unit_test(an_ordinal_of_0_is_left_out),
        cmocka_unit_test(an_entry_cites_only_what_lies_before_it_in_its_log),
        cmocka_unit_test(an_entry_holds_no_more_than_its_bounds),
        cmocka_unit_test(an_erased_part_leaves_the_entrys_hash_as_it_was),
    };
    memset(FILL, 'a', sizeof FILL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
