/* bench.c: how fast this machine saves and uploads, beside what SQLite alone can do on its disk.
 *
 * Rounds of ours and of the limit alternate, and medians are compared, because a machine's speed
 * drifts more between minutes than a change of ours moves it. Status 0: all was measured, whether
 * or not a target was met; a slow disk is no fault of the code. */
#include "gen.h"
#include "nodes.h"
#include "platform/clock.h"
#include "raw_sqlite.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUNDS_MAX = 99,
    ROUNDS_DEFAULT = 3,
    SINGLE_COUNT = 800, /* of transactions: each waits for the disk */
    PER_COMMIT = 1000,
    UPLOAD_SECONDS_MAX = 60,
    CRIME_LANE = HF_LANE_CRIME
};

typedef struct figures { /* records per second */
    double ours[ROUNDS_MAX], limit[ROUNDS_MAX];
} figures;

typedef struct measure {
    const char *name;
    bool (*ours)(nodes *n, double *rate); /* on new, empty stores */
    double (*limit)(const char *path);
    double ratio; /* target, of the limit; 0: none */
    double rate;  /* target, records per second; 0: none */
} measure;

/* ---- ours ---- */

/* Writes `count` records, each an entry of its own, `per_commit` in each transaction. */
static hf_status write_records(nodes *n, uint32_t count, uint32_t per_commit)
{
    hf_store *store = n->edge_node.store;
    uint32_t scope = nodes_scope(n);
    gen g = gen_start();
    hf_buffer value = {0};
    hf_status status = HF_OK;
    for (uint32_t done = 0; done < count && status == HF_OK; done += per_commit) {
        hf_author author = {.actor = "PC 4411 Rees", .wall_ms = hf_clock_wall_ms(), .quality = 3};
        hf_txn *txn;
        status = hf_txn_begin(store, &author, &txn);
        if (status != HF_OK) break;
        for (uint32_t i = 0; i < per_commit && status == HF_OK; i++) {
            gen_record record;
            gen_next(&g, &record);
            status = gen_write(txn, &record, scope, &value);
            hf_txn_next_entry(txn);
        }
        if (status == HF_OK)
            status = hf_txn_commit(txn, NULL, NULL);
        else
            hf_txn_rollback(txn);
    }
    hf_buffer_free(&value);
    if (status != HF_OK) fprintf(stderr, "bench: %s\n", hf_store_problem(store));
    return status;
}

/* What was not written cannot have been fast. */
static bool holds(hf_store *store, uint64_t records)
{
    hf_standing standing;
    hf_status status = hf_store_standing(store, &standing);
    if (status == HF_OK && standing.records == records) return true;
    fprintf(stderr, "bench: a store holds %llu records where %llu were written\n",
            status == HF_OK ? (unsigned long long)standing.records : 0ULL,
            (unsigned long long)records);
    return false;
}

static bool timed_writes(nodes *n, uint32_t count, uint32_t per_commit, double *rate)
{
    double began = raw_seconds();
    if (write_records(n, count, per_commit) != HF_OK) return false;
    *rate = count / (raw_seconds() - began);
    return holds(n->edge_node.store, count);
}

static bool local_write(nodes *n, double *rate)
{
    return timed_writes(n, SINGLE_COUNT, 1, rate);
}

static bool local_write_batched(nodes *n, double *rate)
{
    return timed_writes(n, GEN_COUNT, PER_COMMIT, rate);
}

/* From the first byte of the session to the edge's receipt for its last entry. */
static bool upload_engine(nodes *n, double *rate)
{
    if (write_records(n, GEN_COUNT, PER_COMMIT) != HF_OK) return false;
    double began = raw_seconds();
    if (!nodes_upload(n, CRIME_LANE, GEN_COUNT, UPLOAD_SECONDS_MAX)) return false;
    *rate = GEN_COUNT / (raw_seconds() - began);
    return holds(n->hub_node.store, GEN_COUNT);
}

/* ---- the limits ---- */

static double limit_single(const char *path)
{
    return raw_blobs(path, SINGLE_COUNT, 1, false);
}

static double limit_batched(const char *path)
{
    return raw_blobs(path, GEN_COUNT, PER_COMMIT, true);
}

static double limit_hub(const char *path)
{
    return raw_hub_rows(path, GEN_COUNT);
}

static const measure MEASURES[] = {
    {"local_write", local_write, limit_single, 0.8, 0},
    {"local_write_batched", local_write_batched, limit_batched, 0, 0},
    {"upload_engine", upload_engine, limit_hub, 0, 30000},
};

/* ---- rounds ---- */

static bool one_round(nodes *n, const measure *m, double *ours, double *limit)
{
    char path[96];
    bool measured = nodes_open(n) && m->ours(n, ours);
    nodes_close(n);
    if (!measured) return false;
    nodes_path(n, "limit.db", path);
    *limit = m->limit(path);
    nodes_remove_database(path);
    return *limit > 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void print(const measure *m, double value, double limit, bool json)
{
    double ratio = value / limit;
    double target = m->ratio > 0 ? m->ratio : m->rate;
    bool met = ratio >= m->ratio && value >= m->rate;
    if (json) {
        printf("{\"bench\":\"%s\",\"value\":%.0f,\"unit\":\"records/s\",\"limit\":%.0f,"
               "\"ratio\":%.3f,",
               m->name, value, limit, ratio);
        if (target > 0)
            printf("\"target\":%g,\"met\":%s}\n", target, met ? "true" : "false");
        else
            printf("\"target\":null,\"met\":null}\n");
    } else {
        printf("%-20s %6.0f records/s; raw SQLite %6.0f: %3.0f %%", m->name, value, limit,
               100 * ratio);
        if (m->ratio > 0) printf("; target %.0f %%: %s", 100 * m->ratio, met ? "met" : "not met");
        if (m->rate > 0) printf("; target %.0f/s: %s", m->rate, met ? "met" : "not met");
        printf("\n");
    }
    fflush(stdout);
}

static bool run_measure(nodes *n, const measure *m, size_t rounds, bool json)
{
    figures f;
    assert(rounds >= 1 && rounds <= ROUNDS_MAX);
    for (size_t i = 0; i < rounds; i++)
        if (!one_round(n, m, &f.ours[i], &f.limit[i])) {
            fprintf(stderr, "bench: %s was not measured\n", m->name);
            return false;
        }
    print(m, median(f.ours, rounds), median(f.limit, rounds), json);
    return true;
}

/* ---- the program ---- */

typedef struct wishes {
    bool json;
    size_t rounds;
    const char *only; /* NULL: all */
} wishes;

static bool is_measure(const char *name)
{
    for (size_t i = 0; i < sizeof MEASURES / sizeof *MEASURES; i++)
        if (strcmp(MEASURES[i].name, name) == 0) return true;
    return false;
}

static bool read_rounds(const char *text, size_t *out)
{
    char *end;
    unsigned long rounds = text ? strtoul(text, &end, 10) : 0;
    if (rounds < 1 || rounds > ROUNDS_MAX || *end) return false;
    *out = rounds;
    return true;
}

static bool read_arguments(char **arguments, wishes *out)
{
    *out = (wishes){.rounds = ROUNDS_DEFAULT};
    for (char **a = arguments + 1; *a; a++) {
        if (strcmp(*a, "--json") == 0) {
            out->json = true;
        } else if (strcmp(*a, "--rounds") == 0 && read_rounds(a[1], &out->rounds)) {
            a++;
        } else if (is_measure(*a)) {
            out->only = *a;
        } else {
            fprintf(stderr,
                    "usage: bench [--json] [--rounds 1..%d] [MEASURE]; measures:", ROUNDS_MAX);
            for (size_t i = 0; i < sizeof MEASURES / sizeof *MEASURES; i++)
                fprintf(stderr, " %s", MEASURES[i].name);
            fprintf(stderr, "\n");
            return false;
        }
    }
    return true;
}

int main(int argument_count, char **arguments)
{
    (void)argument_count;
    wishes w;
    nodes n;
    if (!read_arguments(arguments, &w)) return 2;
    bool measured = nodes_make_keys(&n);
    if (measured && !gen_is_the_peers(hf_keys_crypto(n.hub_node.keys))) {
        fprintf(stderr, "bench: the records are not those that the peers were measured with\n");
        measured = false;
    }
    for (size_t i = 0; measured && i < sizeof MEASURES / sizeof *MEASURES; i++)
        if (!w.only || strcmp(w.only, MEASURES[i].name) == 0)
            measured = run_measure(&n, &MEASURES[i], w.rounds, w.json);
    nodes_free(&n);
    return measured ? 0 : 1;
}
