/* test_numbers.c: numbers are given by a whole fleet through partitions, power cuts, copies and a
 * hub that is set back, and none is ever given twice. A million of them with HOLDFAST_LONG.
 *
 * Why beside the simulator, whose worlds have this invariant too: there a world gives some
 * hundreds. Here records are made by the hundred in one transaction, so that series run dry, are
 * leased anew and are lost in numbers that a force would take years for. */
#include "pair.h"

#include "sync/control.h"
#include "sync/entry.h"
#include "sync/feed.h"
#include "sync/lease.h"
#include "sync/reference.h"
#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    EDGES = 12,
    CRIME = 16,
    REF = 1,
    WITHIN = 4,
    AT_ONCE = 200, /* crimes in one transaction, at most */
    SHORT = 20 * 1000,
    LONG = 1000 * 1000,
    MISFORTUNE = 6 /* at first, rounds from one to the next */
};

typedef struct bearer { /* of a number: the record's id, hashed */
    uint64_t number, record;
} bearer;

typedef struct fleet {
    pair_world *pair;
    sim_random random;
    const hf_series *series;
    bearer *bearers; /* open addressing */
    size_t size, count;
    uint64_t given, late; /* numbers; of these, to records that had begun without */
    uint64_t provisional; /* records that began without */
    uint64_t kills, set_back, hub_set_back, partitions;
    uint64_t looked[EDGES]; /* feed position up to which an edge's entries were looked at */
    sim_image *backups[EDGES], *hub_backup;
    unsigned edge; /* whose feed is being looked at */
} fleet;

/* ---- who bears which ---- */

static uint64_t hash_of(const hf_record_id *id)
{
    uint64_t high, low;
    memcpy(&high, id->bytes, 8);
    memcpy(&low, id->bytes + 8, 8);
    return sim_mix(high ^ sim_mix(low));
}

static bearer *slot_of(fleet *f, uint64_t number)
{
    size_t at = (size_t)sim_mix(number) & (f->size - 1);
    while (f->bearers[at].number && f->bearers[at].number != number) at = (at + 1) & (f->size - 1);
    return &f->bearers[at];
}

static void grow(fleet *f)
{
    bearer *old = f->bearers;
    size_t size = f->size;
    if (f->count * 2 < f->size) return;
    f->size = size ? 2 * size : 1024;
    f->bearers = calloc(f->size, sizeof *f->bearers);
    assert_non_null(f->bearers);
    for (size_t i = 0; i < size; i++)
        if (old[i].number) *slot_of(f, old[i].number) = old[i];
    free(old);
}

static void take_number(fleet *f, const hf_record_id *id, uint64_t number)
{
    grow(f);
    bearer *slot = slot_of(f, number);
    if (slot->number && slot->record != hash_of(id))
        fail_msg("number %llu is given twice, now by %s", (unsigned long long)number,
                 f->pair->nodes[f->edge].name);
    if (slot->number) return; /* the same again, from a store that was set back */
    *slot = (bearer){.number = number, .record = hash_of(id)};
    f->count++;
    f->given++;
}

static void look_at_part(fleet *f, hf_part *part, const hf_entry *entry, bool *gives_later)
{
    hf_op op;
    bool called = false, begins = false;
    while (part->op_left > 0) {
        assert_int_equal(hf_op_next(part, &entry->dot.origin, entry->dot.lane, &op), HF_OK);
        begins = begins || op.field == WITHIN;
        if (op.field != REF) continue;
        hf_reader reader = hf_reader_open(op.value);
        uint64_t number = hf_reference_number(f->series, hf_read_text(&reader));
        assert_true(number > 0);
        take_number(f, &part->record, number);
        called = true;
    }
    if (begins && !called) f->provisional++;
    *gives_later = called && !begins;
}

/* What an edge wrote itself; what it was fed is its own of a former life. */
static hf_status on_entry(void *context, const hf_entry *entry)
{
    fleet *f = context;
    hf_entry_body body;
    f->looked[f->edge] = entry->position;
    if (entry->dot.lane == HF_LANE_CONTROL) return HF_OK;
    assert_int_equal(hf_entry_parse(entry->body, &body), HF_OK);
    hf_reader parts = hf_reader_open(body.parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        hf_part part;
        bool late;
        assert_int_equal(hf_part_next(NULL, &parts, &part), HF_OK);
        if (part.erased || part.record.type != CRIME) continue;
        look_at_part(f, &part, entry, &late);
        f->late += late;
    }
    return HF_OK;
}

static void look(fleet *f, unsigned edge)
{
    hf_store *store = f->pair->nodes[edge].store;
    uint64_t position = hf_feed_position(store);
    f->edge = edge;
    if (f->looked[edge] > position) f->looked[edge] = 0; /* it was set back */
    while (f->looked[edge] < position)
        assert_int_equal(hf_feed_read(store, f->looked[edge], 512, on_entry, f), HF_OK);
}

/* ---- what happens ---- */

static bool add_crime(hf_txn *txn, uint32_t scope)
{
    hf_buffer value = {0};
    hf_change change = {.scope = scope, .field = WITHIN};
    hf_write_string(&value, "Avon");
    change.value = hf_buffer_bytes(&value);
    hf_status status = hf_txn_new_id(txn, CRIME, &change.record);
    if (status == HF_OK) status = hf_txn_change(txn, &change);
    hf_buffer_free(&value);
    return status == HF_OK;
}

static void write_crimes(fleet *f, unsigned edge)
{
    pair_node *node = &f->pair->nodes[edge];
    hf_author author = {.actor = "PC", .wall_ms = pair_wall_ms(f->pair), .quality = 3};
    hf_scope_view scope;
    size_t scopes = 1;
    hf_txn *txn;
    if (hf_store_scopes(node->store, &scope, &scopes) != HF_OK) return; /* it died of it */
    if (hf_txn_begin(node->store, &author, &txn) != HF_OK) return;
    uint64_t count = 1 + sim_random_below(&f->random, AT_ONCE);
    bool fine = true;
    for (uint64_t i = 0; i < count && fine; i++) fine = add_crime(txn, scope.number);
    if (fine)
        (void)!hf_txn_commit(txn, NULL, NULL); /* whether it is there, its feed says */
    else
        hf_txn_rollback(txn);
}

/* Power fails in the middle of a write, or between two. */
static void kill_edge(fleet *f, unsigned edge)
{
    pair_node *node = &f->pair->nodes[edge];
    sim_disk_kill_at(node->disk, 1 + sim_random_below(&f->random, 60));
    write_crimes(f, edge);
    sim_disk_kill_at(node->disk, 0);
    pair_power_cut(f->pair, node);
    f->kills++;
}

static void set_back(fleet *f, pair_node *node, sim_image **backup, uint64_t *count)
{
    pair_shut(f->pair, node);
    if (*backup) {
        assert_true(sim_disk_restore(node->disk, *backup));
        sim_image_free(*backup);
        *backup = NULL;
        ++*count;
    } else {
        *backup = sim_disk_copy(node->disk, ".guard");
    }
    pair_open(f->pair, node);
}

static void misfortune(fleet *f, unsigned edge)
{
    pair_node *node = &f->pair->nodes[edge];
    switch (sim_random_below(&f->random, 8)) {
    case 0: kill_edge(f, edge); break;
    case 1:
        pair_power_cut(f->pair, &f->pair->hub_node);
        f->kills++;
        break;
    case 2:
        if (f->given < SHORT) /* its copy is as large as all that was ever written */
            set_back(f, &f->pair->hub_node, &f->hub_backup, &f->hub_set_back);
        break;
    case 3: /* few, so that each has a backup to be set back to */
        node = &f->pair->nodes[edge % 3];
        set_back(f, node, &f->backups[edge % 3], &f->set_back);
        break;
    default:
        node->offline = !node->offline;
        f->partitions += node->offline;
        if (node->offline) pair_cut(f->pair, edge);
        break;
    }
}

static void run(fleet *f, uint64_t wanted)
{
    for (uint64_t round = 0; f->given < wanted; round++) {
        unsigned edge = (unsigned)sim_random_below(&f->random, EDGES);
        /* A store is checked whole when it is opened: the larger, the seldomer. */
        if (sim_random_below(&f->random, MISFORTUNE + f->given / 2000) == 0) misfortune(f, edge);
        write_crimes(f, edge);
        look(f, edge);
        pair_run(f->pair);
        f->pair->now_ms += sim_random_below(&f->random, 2 * HF_ASK_AGAIN_MS);
        for (unsigned i = 0; i < EDGES; i++) look(f, i);
    }
}

/* Everyone is back: whoever began without a number has one. */
static void come_home(fleet *f)
{
    for (unsigned i = 0; i < EDGES; i++) f->pair->nodes[i].offline = false;
    for (unsigned i = 0; i < EDGES; i++) {
        uint64_t waiting = 1;
        for (size_t tries = 0; waiting && tries < 1000; tries++) {
            pair_wait(f->pair, HF_ASK_AGAIN_MS);
            assert_int_equal(hf_provisional_count(f->pair->nodes[i].store, &waiting), HF_OK);
        }
        assert_int_equal(waiting, 0);
        look(f, i);
    }
}

static hf_status on_shared(void *context, const hf_record_id *first, const hf_record_id *second,
                           hf_bytes text)
{
    (void)context;
    (void)first;
    (void)second;
    fail_msg("two records are called %.*s", (int)text.size, (const char *)text.data);
    return HF_OK;
}

static void no_number_is_given_twice(void **state)
{
    (void)state;
    fleet f = {.random = sim_random_from(19, 1)};
    f.pair = pair_new_with(&(pair_options){.edge_count = EDGES, .apart = true});
    const hf_type *crime = hf_pack_type(hf_store_pack(f.pair->hub_node.store), CRIME);
    char format[64]; /* the pack itself is read anew when a store is opened */
    snprintf(format, sizeof format, "%s", crime->series->format);
    const hf_series series = {.name = "crime", .format = format};
    f.series = &series;
    run(&f, getenv("HOLDFAST_LONG") ? LONG : SHORT);
    come_home(&f);
    hf_store *hub = f.pair->hub_node.store;
    assert_int_equal(
        hf_references_shared(hub, hf_pack_type(hf_store_pack(hub), CRIME)->series, on_shared, NULL),
        HF_OK);
    hf_series_sum sum;
    assert_int_equal(hf_series_sum_get(hub, "crime", &sum), HF_OK);
    print_message("note: %llu numbers given, %llu of them to records that began without, in %llu "
                  "blocks; %llu partitions, %llu power cuts, %llu devices and %llu hubs set back\n",
                  (unsigned long long)f.given, (unsigned long long)f.late,
                  (unsigned long long)sum.leases, (unsigned long long)f.partitions,
                  (unsigned long long)f.kills, (unsigned long long)f.set_back,
                  (unsigned long long)f.hub_set_back);
    assert_true(f.late > 0 && f.kills > 0 && f.set_back > 0 && f.partitions > 0);
    for (unsigned i = 0; i < EDGES; i++) sim_image_free(f.backups[i]);
    sim_image_free(f.hub_backup);
    free(f.bearers);
    pair_free(f.pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_number_is_given_twice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
