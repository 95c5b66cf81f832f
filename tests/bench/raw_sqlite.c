/* raw_sqlite.c: see raw_sqlite.h. */
#include "raw_sqlite.h"

#include "folder.h"
#include "sync/embedded.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRY_BODY_SIZE = 340, STATE_SIZE = 400, STATEMENTS_MAX = 2 };

typedef struct raw {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *insert[STATEMENTS_MAX];
    uint8_t bytes[512];
    uint8_t id[16];
    bool failed;
} raw;

static void expect(raw *r, int code, int wanted)
{
    if (code == wanted || r->failed) return;
    fprintf(stderr, "bench: raw SQLite: %s\n", sqlite3_errmsg(r->db));
    r->failed = true;
}

static void run(raw *r, const char *sql)
{
    if (!r->failed) expect(r, sqlite3_exec(r->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static sqlite3_stmt *prepare(raw *r, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (!r->failed) expect(r, sqlite3_prepare_v2(r->db, sql, -1, &statement, NULL), SQLITE_OK);
    return statement;
}

static void step(raw *r, sqlite3_stmt *statement)
{
    if (r->failed) return;
    expect(r, sqlite3_step(statement), SQLITE_DONE);
    sqlite3_reset(statement);
}

static void raw_open(raw *r, const char *path)
{
    memset(r, 0, sizeof *r);
    for (size_t i = 0; i < sizeof r->bytes; i++) r->bytes[i] = (uint8_t)(i * 151 + 7);
    expect(r, sqlite3_open(path, &r->db), SQLITE_OK);
    run(r, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8192");
    r->begin = prepare(r, "BEGIN IMMEDIATE");
    r->commit = prepare(r, "COMMIT");
}

static void raw_close(raw *r)
{
    sqlite3_finalize(r->begin);
    sqlite3_finalize(r->commit);
    for (size_t i = 0; i < STATEMENTS_MAX; i++) sqlite3_finalize(r->insert[i]);
    sqlite3_close(r->db);
}

/* Ids rise, as our time-ordered ones do, and their ends are scattered as random bits are. */
static void next_id(raw *r, uint32_t number)
{
    uint32_t scattered = number * 2654435761u;
    for (size_t i = 0; i < 4; i++) {
        r->id[2 + i] = (uint8_t)(number >> (24 - 8 * i));
        r->id[12 + i] = (uint8_t)(scattered >> (8 * i));
    }
}

double raw_blobs(const char *path, uint32_t count, uint32_t per_commit, bool indexed)
{
    raw r;
    raw_open(&r, path);
    run(&r, "CREATE TABLE r(seq INTEGER PRIMARY KEY, id BLOB, body BLOB)");
    if (indexed) run(&r, "CREATE UNIQUE INDEX ri ON r(id)");
    r.insert[0] = prepare(&r, "INSERT INTO r(id, body) VALUES(?, ?)");
    double began = bench_seconds();
    for (uint32_t i = 0; i < count && !r.failed; i++) {
        if (i % per_commit == 0) step(&r, r.begin);
        next_id(&r, i);
        if (indexed) sqlite3_bind_blob(r.insert[0], 1, r.id, sizeof r.id, SQLITE_STATIC);
        sqlite3_bind_blob(r.insert[0], 2, r.bytes, RAW_BLOB_SIZE, SQLITE_STATIC);
        step(&r, r.insert[0]);
        if (i % per_commit == per_commit - 1 || i == count - 1) step(&r, r.commit);
    }
    double seconds = bench_seconds() - began;
    raw_close(&r);
    return r.failed ? 0 : count / seconds;
}

static void insert_rows(raw *r, uint32_t number)
{
    sqlite3_stmt *entry = r->insert[0], *record = r->insert[1];
    next_id(r, number);
    sqlite3_bind_int64(entry, 1, number);
    sqlite3_bind_int64(entry, 2, (sqlite3_int64)number << 16);
    sqlite3_bind_blob(entry, 3, r->bytes, 32, SQLITE_STATIC);
    sqlite3_bind_blob(entry, 4, r->bytes, 16, SQLITE_STATIC);
    sqlite3_bind_blob(entry, 5, r->bytes, ENTRY_BODY_SIZE, SQLITE_STATIC);
    step(r, entry);
    sqlite3_bind_int64(record, 1, number);
    sqlite3_bind_blob(record, 2, r->id, sizeof r->id, SQLITE_STATIC);
    sqlite3_bind_blob(record, 3, r->bytes, STATE_SIZE, SQLITE_STATIC);
    step(r, record);
}

double raw_rows(const char *path, uint32_t count, uint32_t per_commit)
{
    raw r;
    raw_open(&r, path);
    char *schema = sqlite3_mprintf("%.*s", (int)hf_schema_sql_size, (const char *)hf_schema_sql);
    if (schema) run(&r, schema);
    sqlite3_free(schema);
    r.insert[0] = prepare(&r, "INSERT INTO entry(position, log, seq, scope, hlc, withheld, chain, "
                              "feed_chain, body) VALUES(?1, 19, ?1, 5, ?2, 0, ?3, ?4, ?5)");
    r.insert[1] =
        prepare(&r, "INSERT INTO record(no, type, id, scope, deleted, position, first, base, "
                    "state) VALUES(?1, 16, ?2, 5, 0, ?1, ?1, 0, ?3)");
    double began = bench_seconds();
    for (uint32_t i = 0; i < count && !r.failed; i++) {
        if (i % per_commit == 0) step(&r, r.begin);
        insert_rows(&r, i + 1);
        if (i % per_commit == per_commit - 1 || i == count - 1) step(&r, r.commit);
    }
    double seconds = bench_seconds() - began;
    raw_close(&r);
    return r.failed ? 0 : count / seconds;
}

bool raw_commits(const char *path, uint32_t count, double *ms)
{
    raw r;
    raw_open(&r, path);
    run(&r, "CREATE TABLE r(seq INTEGER PRIMARY KEY, id BLOB, body BLOB)");
    r.insert[0] = prepare(&r, "INSERT INTO r(id, body) VALUES(NULL, ?)");
    for (uint32_t i = 0; i < count && !r.failed; i++) {
        double began = bench_seconds();
        step(&r, r.begin);
        sqlite3_bind_blob(r.insert[0], 1, r.bytes, RAW_BLOB_SIZE, SQLITE_STATIC);
        step(&r, r.insert[0]);
        step(&r, r.commit);
        ms[i] = 1000 * (bench_seconds() - began);
    }
    raw_close(&r);
    return !r.failed;
}
