/* test_model.c: the reference model on sets of entries small enough to work out by hand.
 *
 * It judges the engine; here is what it is judged by: entries spelt out, with the answer from the
 * design. */
#include "model.h"

#include "sync/codec.h"
#include "sync/embedded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { CRIME = 16, MONTH = 2, FALLS_WITHIN = 4, CONTEXT = 12, STATUS = 13, HARM = 15, LOG = 28 };

typedef struct cite {
    unsigned author; /* of the cited entry */
    uint64_t seq;
    const uint8_t *prefix;
} cite;

typedef struct spec { /* one entry with one operation on the one record */
    unsigned author;
    uint64_t seq, time;
    uint32_t field;
    const char *text; /* NULL: it only overwrites; a number when it starts with '#' */
    const cite *cites;
    size_t cite_count;
} spec;

typedef struct built {
    hf_buffer body;
    hf_origin_id origin;
    uint8_t hash[HF_HASH_SIZE];
} built;

static hf_pack *pack;

static hf_origin_id origin_of(unsigned author)
{
    hf_origin_id origin;
    memset(origin.bytes, (int)author, sizeof origin.bytes);
    return origin;
}

static void write_op(hf_buffer *out, const spec *s)
{
    hf_write_array(out, 3);
    hf_write_uint(out, s->field);
    hf_write_array(out, s->cite_count);
    for (size_t i = 0; i < s->cite_count; i++) {
        hf_write_array(out, 3);
        hf_write_uint(out, s->cites[i].author == s->author ? 0 : 1);
        hf_write_uint(out, s->cites[i].seq);
        hf_write_bytes(out, s->cites[i].prefix, HF_PREFIX_SIZE);
    }
    if (!s->text)
        hf_write_undefined(out);
    else if (s->text[0] == '#')
        hf_write_uint(out, (uint64_t)(s->text[1] - '0'));
    else
        hf_write_string(out, s->text);
}

static built build(spec s)
{
    built out = {.origin = origin_of(s.author)};
    hf_buffer part = {0};
    uint8_t id[HF_RECORD_ID_SIZE] = {1};
    hf_write_raw(&part, (hf_bytes){(const uint8_t *)"saltsalt", 8});
    hf_write_array(&part, 4);
    hf_write_uint(&part, CRIME);
    hf_write_bytes(&part, id, sizeof id);
    bool foreign = s.cite_count && s.cites[0].author != s.author;
    hf_write_array(&part, foreign);
    if (foreign) {
        hf_origin_id other = origin_of(s.cites[0].author);
        hf_write_array(&part, 2);
        hf_write_bytes(&part, other.bytes, sizeof other.bytes);
        hf_write_uint(&part, 3);
    }
    hf_write_array(&part, 1);
    write_op(&part, &s);
    hf_write_array(&out.body, 9);
    hf_write_uint(&out.body, s.seq);
    hf_write_uint(&out.body, s.seq - 1);
    hf_write_uint(&out.body, 7);
    hf_write_uint(&out.body, s.time << 16);
    hf_write_uint(&out.body, 3);
    hf_write_uint(&out.body, 1);
    hf_write_string(&out.body, "PC 1");
    hf_write_null(&out.body);
    hf_write_array(&out.body, 1);
    hf_write_bytes(&out.body, part.data, part.size);
    hf_buffer_free(&part);
    assert_true(model_entry_hash(&out.origin, 3, hf_buffer_bytes(&out.body), out.hash));
    return out;
}

/* Folds the entries, forwards or backwards, and returns the record. */
static const model_record *fold(model *m, const built *entries, size_t count, bool backwards)
{
    for (size_t i = 0; i < count; i++) {
        const built *entry = &entries[backwards ? count - 1 - i : i];
        assert_true(model_add(m, &entry->origin, 3, hf_buffer_bytes(&entry->body)));
    }
    assert_true(model_fold(m));
    size_t records;
    const model_record *record = model_records(m, &records);
    assert_int_equal(records, 1);
    return record;
}

static void expect(const built *entries, size_t count, size_t live, bool conflict,
                   const char *shown)
{
    for (int backwards = 0; backwards < 2; backwards++) {
        model *m = model_new(pack);
        assert_non_null(m);
        const model_record *record = fold(m, entries, count, backwards);
        assert_int_equal(record->field_count, live ? 1 : 0);
        if (live) {
            const model_field *field = &record->fields[0];
            assert_int_equal(field->live_count, live);
            assert_int_equal(field->conflict, conflict);
            assert_int_equal(field->shows, shown != NULL);
            if (shown) assert_memory_equal(field->shown.data + 1, shown, strlen(shown));
        }
        model_free(m);
    }
}

static void concurrent_writes_all_stay_and_the_rule_picks(void **state)
{
    (void)state;
    built last[] = {
        build((spec){.author = 1, .seq = 1, .time = 5, .field = FALLS_WITHIN, .text = "a"}),
        build((spec){.author = 2, .seq = 1, .time = 9, .field = FALLS_WITHIN, .text = "b"})};
    expect(last, 2, 2, false, "b");
    built keep[] = {build((spec){.author = 1, .seq = 1, .time = 5, .field = CONTEXT, .text = "a"}),
                    build((spec){.author = 2, .seq = 1, .time = 9, .field = CONTEXT, .text = "b"})};
    expect(keep, 2, 2, true, "b");
    built same[] = {build((spec){.author = 1, .seq = 1, .time = 5, .field = CONTEXT, .text = "a"}),
                    build((spec){.author = 2, .seq = 1, .time = 9, .field = CONTEXT, .text = "a"})};
    expect(same, 2, 2, false, "a");
    built state_of[] = {
        build((spec){.author = 1, .seq = 1, .time = 9, .field = STATUS, .text = "recorded"}),
        build((spec){.author = 2, .seq = 1, .time = 5, .field = STATUS, .text = "charged"})};
    expect(state_of, 2, 2, false, "charged");
    built dispute[] = {
        build((spec){.author = 1, .seq = 1, .time = 9, .field = STATUS, .text = "cancelled"}),
        build((spec){.author = 2, .seq = 1, .time = 5, .field = STATUS, .text = "charged"})};
    expect(dispute, 2, 2, true, NULL);
    built *all[] = {last, keep, same, state_of, dispute};
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 2; j++) hf_buffer_free(&all[i][j].body);
}

static void max_goes_by_value_not_by_time(void **state)
{
    (void)state;
    built entries[] = {
        build((spec){.author = 1, .seq = 1, .time = 9, .field = HARM, .text = "#3"}),
        build((spec){.author = 2, .seq = 1, .time = 5, .field = HARM, .text = "#7"})};
    model *m = model_new(pack);
    const model_record *record = fold(m, entries, 2, false);
    assert_int_equal(record->fields[0].shown.data[0], 7);
    model_free(m);
    for (size_t i = 0; i < 2; i++) hf_buffer_free(&entries[i].body);
}

static void what_is_cited_is_gone_whichever_came_first(void **state)
{
    (void)state;
    built first = build((spec){.author = 1, .seq = 1, .time = 9, .field = CONTEXT, .text = "a"});
    cite seen = {1, 1, first.hash};
    built second = build((spec){.author = 2,
                                .seq = 1,
                                .time = 5,
                                .field = CONTEXT,
                                .text = "b",
                                .cites = &seen,
                                .cite_count = 1});
    built entries[] = {first, second};
    expect(entries, 2, 1, false, "b");
    built nothing = build((spec){
        .author = 2, .seq = 1, .time = 5, .field = CONTEXT, .cites = &seen, .cite_count = 1});
    entries[1] = nothing;
    expect(entries, 2, 0, false, NULL);
    hf_buffer_free(&first.body);
    hf_buffer_free(&second.body);
    hf_buffer_free(&nothing.body);
}

static void a_citation_of_another_hash_suppresses_nothing(void **state)
{
    (void)state;
    static const uint8_t GUESSED[HF_PREFIX_SIZE] = {1, 2, 3, 4};
    cite guess = {1, 1, GUESSED};
    built entries[] = {
        build((spec){.author = 1, .seq = 1, .time = 5, .field = CONTEXT, .text = "a"}),
        build((spec){.author = 2,
                     .seq = 1,
                     .time = 9,
                     .field = CONTEXT,
                     .text = "b",
                     .cites = &guess,
                     .cite_count = 1})};
    expect(entries, 2, 2, true, "b");
    for (size_t i = 0; i < 2; i++) hf_buffer_free(&entries[i].body);
}

static void appended_lines_stand_oldest_first(void **state)
{
    (void)state;
    built entries[] = {
        build((spec){.author = 1, .seq = 1, .time = 9, .field = LOG, .text = "late"}),
        build((spec){.author = 2, .seq = 1, .time = 5, .field = LOG, .text = "early"})};
    model *m = model_new(pack);
    const model_record *record = fold(m, entries, 2, false);
    assert_int_equal(record->fields[0].live_count, 2);
    assert_memory_equal(record->fields[0].live[0].value.data + 1, "early", 5);
    assert_false(record->fields[0].conflict || record->fields[0].shows);
    model_free(m);
    for (size_t i = 0; i < 2; i++) hf_buffer_free(&entries[i].body);
}

static int open_pack(void **state)
{
    (void)state;
    hf_bytes compiled = {hf_pack_police, hf_pack_police_size};
    return hf_pack_open(compiled, &pack) == HF_OK ? 0 : -1;
}

static int close_pack(void **state)
{
    (void)state;
    hf_pack_close(pack);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(concurrent_writes_all_stay_and_the_rule_picks),
        cmocka_unit_test(max_goes_by_value_not_by_time),
        cmocka_unit_test(what_is_cited_is_gone_whichever_came_first),
        cmocka_unit_test(a_citation_of_another_hash_suppresses_nothing),
        cmocka_unit_test(appended_lines_stand_oldest_first),
    };
    return cmocka_run_group_tests(tests, open_pack, close_pack);
}
