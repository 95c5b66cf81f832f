/* test_merge_exhaustive.c: small merges, all of them, against a slow model of our own.
 *
 * The model is written from the design and knows nothing of the code: a write is live when no held
 * write cites it truly. How the space is cut, so that it is whole and still runs in seconds:
 *
 * 1. Which writes are live does not depend on values, clocks or rules (merge.c never reads them),
 *    only on who wrote what and cites whom. So every history of 1 to 4 entries over 2 fields is
 *    delivered in every order and every grouping, and after each group both fields must equal the
 *    model's. An entry cites only entries made before it. Origins take every pattern of 3 in turn.
 *    A history that is another one with the two fields changed over is left out.
 * 2. The same for one field, where each citation may also be forged.
 *
 * What is shown depends only on the set of live writes: that is test_fold_exhaustive.c. */
#include "sync/merge.h"

#include "small_sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { FIELDS = 2, SUBSETS = 1 << ENTRIES };
enum { CITES_NOT, CITES_TRULY, CITES_FORGED };

/* ---- histories and their model ---- */

typedef struct history {
    size_t count;
    bool writes[ENTRIES][FIELDS];
    bool has_value[ENTRIES];         /* else it only overwrites */
    uint8_t cites[ENTRIES][ENTRIES]; /* [citing][cited], cited < citing */
    hf_dot dots[ENTRIES];
    uint8_t at[ORIGINS][ENTRIES + 1]; /* which entry has this dot, by origin and seq */
    hf_cite overwritten[ENTRIES][ENTRIES];
    hf_write made[ENTRIES];            /* each entry as it is delivered */
    unsigned live[FIELDS][SUBSETS];    /* by the model: of each set held, who is live */
    unsigned awaited[FIELDS][SUBSETS]; /* cited, truly or not, and not held: must be pending */
    unsigned cited[FIELDS][SUBSETS];   /* cited, and not held as a write here: may be pending */
} history;

static unsigned model_live(const history *h, size_t field, unsigned held)
{
    unsigned live = 0;
    for (size_t d = 0; d < h->count; d++) {
        bool stands = (held >> d & 1) != 0 && h->writes[d][field] && h->has_value[d];
        for (size_t w = 0; w < h->count; w++) {
            bool holds = (held >> w & 1) != 0 && h->writes[w][field];
            if (holds && h->cites[w][d] == CITES_TRULY) stands = false;
        }
        if (stands) live |= 1U << d;
    }
    return live;
}

/* A citation of an entry that never wrote this field may wait for ever, if it came first: it can do
 * nothing, so only what is live is held to be the same everywhere. */
static void model_pending(history *h, size_t field, unsigned held)
{
    unsigned cited = 0, arrived = 0;
    for (size_t w = 0; w < h->count; w++) {
        if ((held >> w & 1) == 0 || !h->writes[w][field]) continue;
        arrived |= 1U << w;
        for (size_t d = 0; d < h->count; d++) cited |= (h->cites[w][d] != CITES_NOT ? 1U : 0U) << d;
    }
    h->awaited[field][held] = cited & ~held;
    h->cited[field][held] = cited & ~arrived;
}

/* ---- deliveries ---- */

typedef struct replica {
    const history *h;
    unsigned seen; /* moves on after each group, as a vector does at a commit */
    hf_cell cells[FIELDS];
} replica;

static size_t entry_of(const history *h, const hf_dot *dot)
{
    return h->at[dot->origin.bytes[0] - ORIGIN_FIRST][dot->seq];
}

static bool has_seen(void *context, const hf_dot *dot)
{
    const replica *r = context;
    return (r->seen >> entry_of(r->h, dot) & 1) != 0;
}

static hf_cite cite_of(const history *h, size_t entry, uint8_t how)
{
    hf_cite cite = {.dot = h->dots[entry]};
    memset(cite.prefix, (int)(0x10 + entry), HF_PREFIX_SIZE);
    if (how == CITES_FORGED) cite.prefix[HF_PREFIX_SIZE - 1] ^= 1;
    return cite;
}

/* The entries as they are delivered, the same each time. */
static void make_writes(history *h)
{
    static const uint8_t value[] = {0xf5};
    memset(h->at, ENTRIES, sizeof h->at); /* a dot that no entry has is none of the model's */
    for (size_t entry = 0; entry < h->count; entry++) {
        hf_write *write = &h->made[entry];
        h->at[h->dots[entry].origin.bytes[0] - ORIGIN_FIRST][h->dots[entry].seq] = (uint8_t)entry;
        *write = (hf_write){.overwritten = h->overwritten[entry]};
        write->write.at = cite_of(h, entry, CITES_TRULY);
        if (h->has_value[entry]) write->write.value = (hf_bytes){value, sizeof value};
        for (size_t d = 0; d < h->count; d++) {
            if (h->cites[entry][d] == CITES_NOT) continue;
            h->overwritten[entry][write->overwritten_count++] = cite_of(h, d, h->cites[entry][d]);
        }
    }
}

static void deliver(replica *r, size_t entry)
{
    const history *h = r->h;
    for (size_t field = 0; field < FIELDS; field++) {
        if (!h->writes[entry][field]) continue;
        assert_int_equal(hf_cell_merge(&r->cells[field], &h->made[entry], has_seen, r), HF_OK);
    }
}

static void expect_model(const replica *r, unsigned held, bool one_by_one)
{
    for (size_t field = 0; field < FIELDS; field++) {
        const hf_cell *cell = &r->cells[field];
        unsigned live = 0, awaited = 0;
        for (size_t i = 0; i < cell->live_count; i++) {
            live |= 1U << entry_of(r->h, &cell->live[i].at.dot);
            if (i == 0) continue; /* ascending: equal sets leave equal bytes on disk */
            assert_true(hf_dot_compare(&cell->live[i - 1].at.dot, &cell->live[i].at.dot) < 0);
        }
        if (live != r->h->live[field][held])
            fail_msg("live %x, model %x", live, r->h->live[field][held]);
        for (size_t i = 0; i < cell->pending_count; i++) {
            awaited |= 1U << entry_of(r->h, &cell->pending[i].dot);
        }
        unsigned must = r->h->awaited[field][held], may = r->h->cited[field][held];
        assert_int_equal(awaited & must, must);
        if (one_by_one) assert_int_equal(awaited & ~may, 0);
    }
}

/* Bit i of `cuts`: a group ends behind the entry delivered as number i. */
static void deliver_all(replica *r, const uint8_t order[ENTRIES], unsigned cuts)
{
    size_t count = r->h->count;
    unsigned held = 0;
    bool one_by_one = cuts == (1U << (count - 1)) - 1;
    r->seen = 0;
    for (size_t field = 0; field < FIELDS; field++) {
        r->cells[field].live_count = 0;
        r->cells[field].pending_count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        deliver(r, order[i]);
        held |= 1U << order[i];
        if (i + 1 < count && (cuts >> i & 1) == 0) continue;
        r->seen = held;
        expect_model(r, held, one_by_one);
    }
}

/* Every order and every grouping. Returns how many there were. */
static uint64_t deliver_every_way(replica *r, history *h)
{
    uint64_t runs = 0;
    make_writes(h);
    for (unsigned held = 0; held < 1U << h->count; held++) {
        for (size_t field = 0; field < FIELDS; field++) {
            h->live[field][held] = model_live(h, field, held);
            model_pending(h, field, held);
        }
    }
    r->h = h;
    for (size_t order = 0; order < ORDERS; order++) {
        if (!is_order_of(ORDER_OF_4[order], h->count)) continue;
        for (unsigned cuts = 0; cuts < 1U << (h->count - 1); cuts++) {
            deliver_all(r, ORDER_OF_4[order], cuts);
            runs++;
        }
    }
    return runs;
}

/* History `number` of those with `count` entries. `ways` to cite: 2, or 3 with forged ones.
 * `masks`: 3 for either field or both, 1 for the first field only. False when it is another one
 * with the two fields changed over: of entries that write one field, the first writes the first. */
static bool build_history(history *h, uint64_t number, size_t count, uint64_t ways, uint64_t masks)
{
    *h = (history){.count = count};
    give_dots(h->dots, count, (size_t)(number * 7 % power(ORIGINS, count)));
    for (size_t i = 0; i < count; i++) {
        uint64_t mask = take_digit(&number, masks) + 1;
        h->writes[i][0] = (mask & 1) != 0;
        h->writes[i][1] = (mask & 2) != 0;
        h->has_value[i] = take_digit(&number, 2) == 0;
        for (size_t d = 0; d < i; d++) h->cites[i][d] = (uint8_t)take_digit(&number, ways);
    }
    assert_int_equal(number, 0);
    for (size_t i = 0; i < count; i++) {
        if (h->writes[i][0] != h->writes[i][1]) return h->writes[i][0];
    }
    return true;
}

static uint64_t run_histories(uint64_t ways, uint64_t masks)
{
    replica r = {0};
    uint64_t runs = 0;
    for (size_t count = 1; count <= ENTRIES; count++) {
        uint64_t histories = power(masks * 2, count) * power(ways, count * (count - 1) / 2);
        for (uint64_t number = 0; number < histories; number++) {
            history h;
            if (build_history(&h, number, count, ways, masks)) runs += deliver_every_way(&r, &h);
        }
    }
    for (size_t field = 0; field < FIELDS; field++) hf_cell_free(&r.cells[field]);
    return runs;
}

static void every_order_and_grouping_leaves_the_same_writes_live(void **state)
{
    (void)state;
    uint64_t runs = run_histories(2, 3);
    print_message("two fields: %llu deliveries agree with the model\n", (unsigned long long)runs);
    assert_true(runs > 8000000);
}

/* Nobody can suppress a write he has not seen: a citation with a wrong prefix does nothing. */
static void forged_citations_overwrite_nothing_in_any_order(void **state)
{
    (void)state;
    uint64_t runs = run_histories(3, 1);
    print_message("forged citations: %llu deliveries agree with the model\n",
                  (unsigned long long)runs);
    assert_true(runs > 2200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_and_grouping_leaves_the_same_writes_live),
        cmocka_unit_test(forged_citations_overwrite_nothing_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
