/* test_import.c: each row becomes a record, once, whatever happens in between. */
#include "edge/import.h"

#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { COLUMNS = 5, REJECTS_MAX = 8 };

static const char *const HEADER[COLUMNS] = {"Crime ID", "Month", "Location", "Outcome", "Latitude"};

typedef struct scene {
    pair_world *pair;
    hf_import_mapping mapping;
    hf_bytes header[COLUMNS];
    hf_import_plan plan; /* of the last import */
    hf_import_result result;
    size_t rejects;
    uint64_t lines[REJECTS_MAX];
    char whys[REJECTS_MAX][HF_IMPORT_WHY_SIZE];
} scene;

static hf_bytes text_of(const char *text)
{
    return (hf_bytes){(const uint8_t *)text, strlen(text)};
}

static void on_reject(void *context, uint64_t line, const char *why)
{
    scene *s = context;
    assert_true(s->rejects < REJECTS_MAX);
    s->lines[s->rejects] = line;
    (void)snprintf(s->whys[s->rejects++], HF_IMPORT_WHY_SIZE, "%s", why);
}

static int set_up(void **state)
{
    static scene s;
    char why[256];
    memset(&s, 0, sizeof s);
    s.pair = pair_new(2);
    s.mapping = (hf_import_mapping){
        .name = text_of("street"),
        .type = text_of("crime"),
        .key = text_of("Crime ID"),
        .time = text_of("Month"),
        .fields = {{text_of("Crime ID"), text_of("crime_ref")},
                   {text_of("Month"), text_of("month")},
                   {text_of("Location"), text_of("location_text")},
                   {text_of("Outcome"), text_of("outcome")},
                   {text_of("Latitude"), text_of("latitude")}},
        .field_count = COLUMNS,
        .constants = {{text_of("recorded"), text_of("status")}},
        .constant_count = 1,
    };
    for (size_t i = 0; i < COLUMNS; i++) s.header[i] = text_of(HEADER[i]);
    assert_int_equal(hf_import_plan_make(s.pair->nodes[0].store, &s.mapping, s.header, COLUMNS,
                                         &s.plan, why, sizeof why),
                     HF_OK);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    pair_free(((scene *)*state)->pair);
    return 0;
}

/* Imports rows of "id|month|location|outcome|latitude" on one edge; ordinals are counted here. */
static hf_status import(scene *s, size_t edge, bool dry_run, const char *const *lines, size_t count)
{
    static hf_bytes cells[HF_IMPORT_ROWS_MAX][COLUMNS + 1];
    static hf_import_row rows[HF_IMPORT_ROWS_MAX];
    hf_author author = {.actor = "import", .wall_ms = pair_wall_ms(s->pair), .quality = 3};
    hf_import_job job = {
        .plan = &s->plan, .author = &author, .dry_run = dry_run, .context = s, .reject = on_reject};
    char why[256];
    assert_int_equal(hf_import_plan_make(s->pair->nodes[edge].store, &s->mapping, s->header,
                                         COLUMNS, &s->plan, why, sizeof why),
                     HF_OK); /* anew each time: it ends with the store's pack */
    memset(&s->result, 0, sizeof s->result);
    s->rejects = 0;
    for (size_t i = 0; i < count; i++) {
        const char *at = lines[i];
        rows[i] = (hf_import_row){.line = i + 2, .cells = cells[i]};
        for (;;) {
            size_t size = strcspn(at, "|");
            assert_true(rows[i].cell_count <= COLUMNS);
            cells[i][rows[i].cell_count++] = (hf_bytes){(const uint8_t *)at, size};
            if (!at[size]) break;
            at += size + 1;
        }
        for (size_t j = 0; j < i; j++) rows[i].ordinal += strcmp(lines[i], lines[j]) == 0;
    }
    return hf_import_rows(s->pair->nodes[edge].store, &job, rows, count, &s->result);
}

static void expect_result(const scene *s, uint64_t created, uint64_t updated, uint64_t unchanged,
                          uint64_t seen, uint64_t rejected)
{
    assert_int_equal(s->result.created, created);
    assert_int_equal(s->result.updated, updated);
    assert_int_equal(s->result.unchanged, unchanged);
    assert_int_equal(s->result.seen, seen);
    assert_int_equal(s->result.rejected, rejected);
}

static hf_standing standing_of(const scene *s, size_t edge)
{
    hf_standing standing;
    assert_int_equal(hf_store_standing(s->pair->nodes[edge].store, &standing), HF_OK);
    return standing;
}

static const char *const STREET[] = {
    "a1|2018-10|Bell Inn Yard|Under investigation|51.512598",
    "|2018-10|Cullum Street||51.512027", /* no key: known by its content */
    "|2018-10|Cullum Street||51.512027", /* and there are two of it */
    "a2|2018-11|No Location||",
    "a1|2018-10|Bell Inn Yard|Unable to prosecute suspect|51.512598", /* the key repeats */
};
enum { STREET_COUNT = sizeof STREET / sizeof STREET[0] };

static void each_row_is_an_entry_of_its_own(void **state)
{
    scene *s = *state;
    hf_standing before = standing_of(s, 0);
    assert_int_equal(import(s, 0, false, STREET, STREET_COUNT), HF_OK);
    expect_result(s, 4, 1, 0, 0, 0);
    hf_standing after = standing_of(s, 0);
    assert_int_equal(after.records - before.records, 4);
    assert_int_equal(after.own_entries - before.own_entries, 5);
    assert_int_equal(after.conflicts, 0);
}

static void importing_again_makes_nothing_twice(void **state)
{
    scene *s = *state;
    assert_int_equal(import(s, 0, false, STREET, STREET_COUNT), HF_OK);
    hf_standing once = standing_of(s, 0);
    assert_int_equal(import(s, 0, false, STREET, STREET_COUNT), HF_OK);
    expect_result(s, 0, 0, 0, 5, 0);
    pair_shut(s->pair, &s->pair->nodes[0]); /* and after a restart, too */
    pair_open(s->pair, &s->pair->nodes[0]);
    assert_int_equal(import(s, 0, false, STREET, STREET_COUNT), HF_OK);
    expect_result(s, 0, 0, 0, 5, 0);
    assert_int_equal(standing_of(s, 0).entries, once.entries);
}

/* A power cut takes back what was not committed, rows and their marks alike. */
static void an_import_that_was_cut_off_goes_on(void **state)
{
    scene *s = *state;
    assert_int_equal(import(s, 0, false, STREET, 2), HF_OK);
    pair_power_cut(s->pair, &s->pair->nodes[0]);
    assert_int_equal(import(s, 0, false, STREET, STREET_COUNT), HF_OK);
    expect_result(s, 2, 1, 0, 2, 0);
    assert_int_equal(standing_of(s, 0).records, 4);
}

static void two_devices_that_import_one_file_make_the_same_records(void **state)
{
    scene *s = *state;
    s->pair->nodes[0].offline = s->pair->nodes[1].offline = true;
    pair_cut(s->pair, 0);
    pair_cut(s->pair, 1);
    assert_int_equal(import(s, 0, false, STREET, STREET_COUNT), HF_OK);
    assert_int_equal(import(s, 1, false, STREET, STREET_COUNT), HF_OK);
    s->pair->nodes[0].offline = s->pair->nodes[1].offline = false;
    pair_wait(s->pair, HF_REDIAL_MAX_MS);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(standing_of(s, i).records, 4);
        assert_int_equal(standing_of(s, i).conflicts, 0); /* equal values are no disagreement */
    }
    assert_true(pair_equal(s->pair));
}

static const hf_field_view *field_of(const hf_view *view, uint32_t number)
{
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        if (hf_view_field(view, i)->number == number) return hf_view_field(view, i);
    }
    return NULL;
}

static hf_record_id id_of(scene *s, const char *key, const char *month)
{
    char why[256];
    hf_record_id id;
    hf_bytes cells[COLUMNS] = {text_of(key), text_of(month)};
    for (size_t i = 2; i < COLUMNS; i++) cells[i] = text_of("");
    hf_import_row row = {.cells = cells, .cell_count = COLUMNS};
    assert_int_equal(hf_import_identity(hf_store_crypto(s->pair->nodes[0].store), &s->plan, &row,
                                        &id, why, sizeof why),
                     HF_OK);
    return id;
}

/* The file says what it said before; what an officer has written since must stand. */
static void an_import_takes_back_nothing_an_officer_wrote(void **state)
{
    scene *s = *state;
    enum { LOCATION = 7 };
    hf_view *view = NULL;
    assert_int_equal(import(s, 0, false, STREET, STREET_COUNT), HF_OK);
    pair_run(s->pair);
    hf_record_id id = id_of(s, "a2", "2018-11");
    pair_set(s->pair, 0, &id, LOCATION, "Found by an officer");
    pair_run(s->pair);
    assert_int_equal(import(s, 1, false, STREET, STREET_COUNT), HF_OK); /* on the other device */
    expect_result(s, 0, 0, 5, 0, 0);
    pair_run(s->pair);
    assert_int_equal(hf_store_get(s->pair->nodes[1].store, &id, &view), HF_OK);
    hf_bytes shown = field_of(view, LOCATION)->shown;
    hf_reader reader = hf_reader_open(shown);
    hf_bytes text = hf_read_text(&reader);
    assert_true(hf_bytes_equal(text, text_of("Found by an officer")));
    hf_view_free(view);
}

static void only_what_changed_is_written(void **state)
{
    scene *s = *state;
    static const char *const later[] = {"a1|2018-10|Bell Inn Yard|Local resolution|51.512598"};
    assert_int_equal(import(s, 0, false, STREET, 1), HF_OK);
    hf_record_id id = id_of(s, "a1", "2018-10");
    assert_int_equal(import(s, 0, false, later, 1), HF_OK);
    expect_result(s, 0, 1, 0, 0, 0);
    hf_view *view = NULL;
    assert_int_equal(hf_store_get(s->pair->nodes[0].store, &id, &view), HF_OK);
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        const hf_field_view *field = hf_view_field(view, i);
        if (field->value_count == 0) continue;
        uint64_t seq = field->values[0].dot.seq;
        assert_int_equal(field->value_count, 1);
        assert_int_equal(seq, strcmp(field->name, "outcome") == 0 ? 2 : 1);
    }
    hf_view_free(view);
}

static void a_bad_row_is_told_and_the_rest_is_taken(void **state)
{
    scene *s = *state;
    static const char *const lines[] = {"b1|2018-10|Here||north", "b2|2018-10|Here",
                                        "b3|October|Here||", "b4|2018-10|Here|Nonsense|",
                                        "b5|2018-10|Here||51.5"};
    assert_int_equal(import(s, 0, false, lines, 5), HF_OK);
    expect_result(s, 1, 0, 0, 0, 4);
    assert_int_equal(s->rejects, 4);
    for (size_t i = 0; i < 4; i++) assert_int_equal(s->lines[i], i + 2);
    assert_non_null(strstr(s->whys[0], "latitude"));
    assert_non_null(strstr(s->whys[1], "cells"));
    assert_non_null(strstr(s->whys[2], "month"));
    assert_non_null(strstr(s->whys[3], "outcome"));
    assert_int_equal(standing_of(s, 0).records, 1);
    assert_int_equal(import(s, 0, false, lines, 5), HF_OK); /* a rejected row is not "taken" */
    expect_result(s, 0, 0, 0, 1, 4);
}

static void a_dry_run_writes_nothing(void **state)
{
    scene *s = *state;
    hf_standing before = standing_of(s, 0);
    assert_int_equal(import(s, 0, true, STREET, STREET_COUNT), HF_OK);
    expect_result(s, 4, 1, 0, 0, 0);
    assert_int_equal(standing_of(s, 0).entries, before.entries);
    assert_int_equal(import(s, 0, false, STREET, STREET_COUNT), HF_OK);
    expect_result(s, 4, 1, 0, 0, 0);
}

static void a_deleted_record_is_not_brought_back(void **state)
{
    scene *s = *state;
    static const char *const later[] = {"a2|2018-11|Somewhere else||"};
    hf_txn *txn = NULL;
    hf_author author = {.actor = "a", .wall_ms = pair_wall_ms(s->pair), .quality = 3};
    assert_int_equal(import(s, 0, false, STREET, STREET_COUNT), HF_OK);
    hf_change change = {.record = id_of(s, "a2", "2018-11"), .kind = HF_CHANGE_DELETE};
    assert_int_equal(hf_txn_begin(s->pair->nodes[0].store, &author, &txn), HF_OK);
    assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    assert_int_equal(import(s, 0, false, later, 1), HF_OK);
    expect_result(s, 0, 0, 0, 0, 1);
}

static void ids_lie_in_the_order_of_their_time(void **state)
{
    scene *s = *state;
    hf_record_id october = id_of(s, "zz", "2018-10"), november = id_of(s, "aa", "2018-11");
    assert_true(memcmp(october.bytes, november.bytes, 6) < 0);
    assert_int_equal(october.bytes[6] >> 4, 7); /* a UUID of version 7 */
    assert_int_equal(october.bytes[8] >> 6, 2);
    hf_record_id again = id_of(s, "zz", "2018-10");
    assert_memory_equal(&again, &october, sizeof again);
}

static void a_mapping_that_does_not_fit_is_refused_by_name(void **state)
{
    scene *s = *state;
    hf_import_plan plan;
    char why[256];
    hf_store *store = s->pair->nodes[0].store;
    hf_import_mapping wrong = s->mapping;
    wrong.fields[2].from = text_of("Where");
    assert_int_equal(hf_import_plan_make(store, &wrong, s->header, COLUMNS, &plan, why, sizeof why),
                     HF_ERR_INPUT);
    assert_non_null(strstr(why, "Where"));
    wrong = s->mapping;
    wrong.fields[2].field = text_of("whereabouts");
    assert_int_equal(hf_import_plan_make(store, &wrong, s->header, COLUMNS, &plan, why, sizeof why),
                     HF_ERR_INPUT);
    assert_non_null(strstr(why, "whereabouts"));
    wrong = s->mapping;
    wrong.type = text_of("_device"); /* not for devices to write */
    assert_int_equal(hf_import_plan_make(store, &wrong, s->header, COLUMNS, &plan, why, sizeof why),
                     HF_ERR_INPUT);
    wrong = s->mapping;
    wrong.scope = text_of("other force");
    assert_int_equal(hf_import_plan_make(store, &wrong, s->header, COLUMNS, &plan, why, sizeof why),
                     HF_ERR_INPUT);
    assert_non_null(strstr(why, "other force"));
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAIR(each_row_is_an_entry_of_its_own),
        WITH_PAIR(importing_again_makes_nothing_twice),
        WITH_PAIR(an_import_that_was_cut_off_goes_on),
        WITH_PAIR(two_devices_that_import_one_file_make_the_same_records),
        WITH_PAIR(an_import_takes_back_nothing_an_officer_wrote),
        WITH_PAIR(only_what_changed_is_written),
        WITH_PAIR(a_bad_row_is_told_and_the_rest_is_taken),
        WITH_PAIR(a_dry_run_writes_nothing),
        WITH_PAIR(a_deleted_record_is_not_brought_back),
        WITH_PAIR(ids_lie_in_the_order_of_their_time),
        WITH_PAIR(a_mapping_that_does_not_fit_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
