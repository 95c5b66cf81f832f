/* damage.c: a disk that rots: bytes flipped, pages zeroed and ends cut off, in each of a store's
 * files. Opening refuses and says why, or reads on and takes no write, or nothing was harmed:
 * never does it crash, and never does it show without a word what was not written. */
#include "memory.h"
#include "scenarios.h"

#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SHORT_SEEDS = 20, LONG_SEEDS = 200, WRITES = 5, STATES = WRITES + 1, RECORDS_MAX = 24 };
enum { SHOWN_SIZE = 1024, PAGE = 4096, SUMMARY = 27 };

typedef struct shown { /* one record as a person sees it */
    hf_record_id id;
    char text[SHOWN_SIZE];
} shown;

typedef struct truth { /* all of a store as it stood after one of its transactions */
    shown records[RECORDS_MAX];
    size_t count;
    hf_status status; /* of the reading */
} truth;

typedef struct rotten {
    fault_world *world;
    sim_image *image; /* of a device that died with work in its journal */
    truth states[STATES];
    uint64_t seed;
    unsigned refused, read_only, unharmed, earlier;
} rotten;

/* ---- what is shown ---- */

static size_t show(char *out, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static size_t show(char *out, size_t at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(out + at, SHOWN_SIZE - at, format, arguments);
    va_end(arguments);
    assert_true(at + (size_t)size < SHOWN_SIZE);
    return at + (size_t)size;
}

static void show_record(const hf_view *view, char *out)
{
    size_t at = show(out, 0, "%d %d %u\n", hf_view_deleted(view), hf_view_edited_deleted(view),
                     hf_view_scope(view));
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        const hf_field_view *field = hf_view_field(view, i);
        at = show(out, at, "%u %d", field->number, field->conflict);
        for (size_t v = 0; v < field->value_count; v++) {
            const hf_value_view *value = &field->values[v];
            at = show(out, at, " %llx/%llu ", (unsigned long long)value->hlc,
                      (unsigned long long)value->dot.seq);
            for (size_t b = 0; b < value->value.size; b++)
                at = show(out, at, "%02x", value->value.data[b]);
        }
        at = show(out, at, "\n");
    }
}

static hf_status on_record(void *context, const hf_record_id *id, uint32_t scope, bool deleted)
{
    truth *all = context;
    (void)scope;
    (void)deleted;
    assert_true(all->count < RECORDS_MAX);
    all->records[all->count++].id = *id;
    return HF_OK;
}

static void look(hf_store *store, truth *out)
{
    memset(out, 0, sizeof *out);
    out->status = hf_store_list(store, 0, NULL, RECORDS_MAX, on_record, out);
    for (size_t i = 0; i < out->count; i++) {
        hf_view *view;
        hf_status status = hf_store_get(store, &out->records[i].id, &view);
        if (status != HF_OK) out->status = status;
        if (status != HF_OK) continue;
        show_record(view, out->records[i].text);
        hf_view_free(view);
    }
}

static const shown *record_in(const truth *state, const hf_record_id *id)
{
    for (size_t i = 0; i < state->count; i++)
        if (memcmp(&state->records[i].id, id, sizeof *id) == 0) return &state->records[i];
    return NULL;
}

/* ---- the store that will rot ---- */

static int set_up(void **state)
{
    rotten *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->world = world_new();
    pair_node *node = world_node(r->world, WORLD_EDGE);
    world_reset(r->world, WORLD_BIT(WORLD_EDGE));
    look(node->store, &r->states[0]);
    for (size_t i = 1; i < STATES; i++) {
        char text[32];
        snprintf(text, sizeof text, "written as the %zu.", i);
        if (i % 2)
            (void)pair_crime(r->world->pair, 0, text);
        else
            pair_set(r->world->pair, 0, &r->world->edited, SUMMARY, text);
        look(node->store, &r->states[i]);
        assert_int_equal(r->states[i].status, HF_OK);
    }
    sim_disk_kill_at(node->disk, 1);
    world_shut(r->world);
    sim_disk_revive(node->disk, false);
    r->image = sim_disk_copy(node->disk, "?");
    assert_non_null(r->image);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    rotten *r = *state;
    if (r->seed) print_error("seed %llu\n", (unsigned long long)r->seed);
    sim_image_free(r->image);
    world_shut(r->world);
    world_free(r->world);
    free(r);
    return 0;
}

static void spoil(rotten *r, const char *file)
{
    size_t *size;
    sim_random random = sim_random_from(r->seed, 0x707);
    uint8_t *bytes = sim_disk_rot(world_node(r->world, WORLD_EDGE)->disk, file, &size);
    assert_non_null(bytes);
    size_t at = (size_t)sim_random_below(&random, *size), end = at / PAGE * PAGE + PAGE;
    switch (r->seed % 4) {
    case 0: *size = at; break;
    case 1:
        memset(bytes + at / PAGE * PAGE, 0, (end < *size ? end : *size) - at / PAGE * PAGE);
        break;
    default: bytes[at] ^= (uint8_t)(1u << sim_random_below(&random, 8)); break;
    }
}

/* ---- what must hold ---- */

/* It has said that it is damaged: what it still shows was written, if not last. */
static void expect_nothing_made_up(const rotten *r, const truth *found)
{
    for (size_t i = 0; i < found->count; i++) {
        bool known = found->records[i].text[0] == 0; /* it could not be read, and said so */
        for (size_t s = 0; s < STATES && !known; s++) {
            const shown *was = record_in(&r->states[s], &found->records[i].id);
            known = was && strcmp(was->text, found->records[i].text) == 0;
        }
        assert_true(known);
    }
}

/* It has said nothing: all is there, as it stood last. Of a journal whose end is gone, as it stood
 * after an earlier transaction: nothing on this disk can tell that there was a later one. */
static void expect_a_whole_state(rotten *r, const truth *found, size_t oldest)
{
    assert_int_equal(found->status, HF_OK);
    for (size_t s = STATES; s-- > oldest;) {
        const truth *state = &r->states[s];
        bool same = found->count == state->count;
        for (size_t i = 0; i < state->count && same; i++) {
            const shown *it = record_in(found, &state->records[i].id);
            same = it && strcmp(it->text, state->records[i].text) == 0;
        }
        if (same && s < STATES - 1) r->earlier++;
        if (same && s == STATES - 1) r->unharmed++;
        if (same) return;
    }
    fail_msg("it shows what was not written, and says nothing");
}

static hf_status try_write(rotten *r, hf_store *store)
{
    hf_txn *txn;
    hf_author author = {.actor = "PC 1", .wall_ms = pair_wall_ms(r->world->pair), .quality = 3};
    static const uint8_t TEXT[] = {0x61, 'x'};
    hf_change change = {.record = r->world->edited, .field = SUMMARY, .value = {TEXT, sizeof TEXT}};
    hf_status status = hf_txn_begin(store, &author, &txn);
    if (status != HF_OK) return status;
    status = hf_txn_change(txn, &change);
    if (status == HF_OK) return hf_txn_commit(txn, NULL, NULL);
    hf_txn_rollback(txn);
    return status;
}

static void expect_no_lie(rotten *r, size_t oldest)
{
    char problem[512] = "";
    truth found;
    hf_store *store;
    pair_node *node = world_node(r->world, WORLD_EDGE);
    char path[32];
    snprintf(path, sizeof path, "%s.db", node->name);
    hf_store_options options = {
        .path = path, .vfs = sim_disk_name(node->disk), .crypto = &node->crypto.table};
    hf_status status = hf_store_open(&options, &store, problem, sizeof problem);
    if (status != HF_OK) {
        assert_true(strlen(problem) > 20); /* a sentence */
        r->refused++;
        return;
    }
    look(store, &found);
    status = try_write(r, store);
    if (status == HF_ERR_CORRUPT) {
        assert_non_null(strstr(hf_store_problem(store), "damaged"));
        expect_nothing_made_up(r, &found);
        r->read_only++;
    } else {
        assert_int_equal(status, HF_OK);
        expect_a_whole_state(r, &found, oldest);
    }
    hf_verify_report report;
    (void)!hf_store_verify(store, &report); /* whatever it finds: it does not crash */
    hf_store_close(store);
}

/* `in_journal`: what is lost from its end alone nothing can tell. A bit spoils the last transaction
 * at most, a page the last two, and a cut any number. */
static void rots(rotten *r, const char *name, const char *file, bool in_journal)
{
    uint64_t seeds = fault_is_long() ? LONG_SEEDS : SHORT_SEEDS;
    for (r->seed = 1; r->seed <= seeds; r->seed++) {
        world_reset(r->world, 0);
        assert_true(sim_disk_restore(world_node(r->world, WORLD_EDGE)->disk, r->image));
        spoil(r, file);
        size_t oldest = r->seed % 4 == 0 ? 0 : r->seed % 4 == 1 ? STATES - 3 : STATES - 2;
        expect_no_lie(r, in_journal ? oldest : STATES - 1);
    }
    r->seed = 0;
    printf("note: %s: %llu seeds: refused %u, read only %u, unharmed %u, as it stood earlier %u\n",
           name, (unsigned long long)seeds, r->refused, r->read_only, r->unharmed, r->earlier);
}

static void the_database_rots(void **state)
{
    rots(*state, "database", ".db", false);
}

static void the_journal_rots(void **state)
{
    rots(*state, "journal", "-wal", true);
}

static void the_guard_file_rots(void **state)
{
    rots(*state, "guard file", ".guard", false);
}

/* Of what rotted in the middle of the journal nothing is kept from the officer: byte by byte. */
static void saved_writes_lost_from_the_middle_of_the_journal_are_missed(void **state)
{
    rotten *r = *state;
    size_t *size;
    sim_disk *disk = world_node(r->world, WORLD_EDGE)->disk;
    size_t whole = 0, untold = 0, told = 0, step = fault_is_long() ? 97 : 1499;
    for (size_t at = 32; whole == 0 || at < whole; at += step) {
        world_reset(r->world, 0);
        assert_true(sim_disk_restore(disk, r->image));
        uint8_t *bytes = sim_disk_rot(disk, "-wal", &size);
        whole = *size;
        bytes[at] ^= 0x10;
        unsigned before = r->earlier;
        expect_no_lie(r, STATES - 2); /* the last transaction alone can go unnoticed */
        told += r->earlier == before;
        untold += r->earlier > before;
    }
    assert_true(told > 2 * untold); /* else the journal held hardly more than that one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_database_rots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_journal_rots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_guard_file_rots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(saved_writes_lost_from_the_middle_of_the_journal_are_missed,
                                        set_up, tear_down),
    };
    fault_memory_install();
    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
