/* store.c: opens a replica's file, brings its tables up to date, and turns SQLite's answers into
 * ours.
 *
 * Why its own file: everything that must hold before the first read or write is on these screens:
 * the journal mode, what a damaged or foreign file is told, and that SQLite's codes go no further.
 */
#include "store_core.h"

#include "backup.h"
#include "embedded.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA_VERSION = HF_STORE_TABLES, APPLICATION_ID = 0x48464453 }; /* "HFDS" */

static const char *const SQL_TEXT[HF_SQL_COUNT] = {
#define HF_SQL(name, text) [name] = text,
#include "statements.inc"
#include "statements_read.inc"
#undef HF_SQL
};

hf_status hf_store_say(hf_store *store, hf_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(store->problem, sizeof store->problem, format, arguments);
    va_end(arguments);
    return status;
}

const char *hf_store_problem(const hf_store *store)
{
    return store->problem;
}

/* The first damage found is the one told of: what comes after may follow from it. SQLite quotes
 * what it read, which may be anything now: a byte that is no letter is a question mark. */
hf_status hf_store_damaged(hf_store *store, const char *what)
{
    if (!store->damaged) (void)snprintf(store->damage, sizeof store->damage, "%s", what);
    for (char *at = store->damage; *at; at++) {
        if (*at == '\n') *at = ' ';
        if (*at < 0x20 || *at > 0x7e) *at = '?';
    }
    store->damaged = true;
    return hf_store_say(store, HF_ERR_CORRUPT,
                        "The store %s is damaged: %s. Nothing more is written to it. What a hub "
                        "acknowledged is safe there; keep the file and call support.",
                        store->path, store->damage);
}

static hf_status fault_told(hf_store *store, int code)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return hf_store_say(store, HF_ERR_NOMEM,
                            "Out of memory. What was saved before is safe; "
                            "try again.");
    case SQLITE_FULL:
        return hf_store_say(store, HF_ERR_FULL,
                            "The disk is full. What was saved before is safe and can be read; "
                            "nothing new is saved until there is room.");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return hf_store_damaged(store, sqlite3_errmsg(store->db));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return hf_store_say(store, HF_ERR_BUSY, "Another process is writing to %s. Try again.",
                            store->path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return hf_store_say(store, HF_ERR_IO,
                            "Cannot write to %s (%s). Check that the folder "
                            "exists and may be written to.",
                            store->path, sqlite3_errmsg(store->db));
    default:
        return hf_store_say(store, HF_ERR_IO,
                            "The disk did not do as asked (%s). What was saved "
                            "before is safe; try again.",
                            store->db ? sqlite3_errmsg(store->db) : "no database");
    }
}

/* After an error SQLite answers nothing else until no statement is in the middle of its rows any
 * more; one whose row was lent (hf_entry_by_dot) would keep a hub from reading for good. A batch
 * ends by resetting all of them, in either way. */
hf_status hf_store_fault(hf_store *store, int code)
{
    hf_status status = fault_told(store, code);
    if (!store->batch)
        for (size_t i = 0; i < HF_SQL_COUNT; i++) sqlite3_reset(store->statements[i]);
    return status;
}

void hf_store_undo(hf_store *store)
{
    /* After some failures SQLite has rolled back by itself; then there is nothing left to undo. */
    store->undo_due = !sqlite3_get_autocommit(store->db) &&
                      hf_sql_run(store, hf_sql(store, HF_SQL_ROLLBACK)) != HF_OK;
}

hf_status hf_store_writable(hf_store *store)
{
    /* Else the next write would join what failed, and be called saved with nothing committed. */
    if (store->undo_due) hf_store_undo(store);
    if (store->undo_due) return hf_store_fault(store, sqlite3_errcode(store->db));
    if (store->damaged) return hf_store_damaged(store, store->damage);
    if (store->read_only)
        return hf_store_say(store, HF_ERR_DENIED, "This store was opened for reading only.");
    return HF_OK;
}

/* ---- statements ---- */

sqlite3_stmt *hf_sql(hf_store *store, hf_sql_id id)
{
    sqlite3_stmt *statement = store->statements[id];
    if (statement) {
        sqlite3_reset(statement);
        return statement;
    }
    int code = sqlite3_prepare_v3(store->db, SQL_TEXT[id], -1, SQLITE_PREPARE_PERSISTENT,
                                  &statement, NULL);
    if (code == SQLITE_OK) store->statements[id] = statement;
    return statement; /* NULL when it failed: SQLite remembers why */
}

hf_status hf_sql_row(hf_store *store, sqlite3_stmt *statement, bool *row)
{
    *row = false;
    if (!statement) return hf_store_fault(store, sqlite3_errcode(store->db));
    if (store->undone != HF_OK && !sqlite3_stmt_readonly(statement)) return store->undone;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *row = true;
        return HF_OK;
    }
    hf_status status = code == SQLITE_DONE ? HF_OK : hf_store_fault(store, code);
    if (status != HF_OK && store->batch && sqlite3_get_autocommit(store->db))
        store->undone = status;
    sqlite3_reset(statement);
    return status;
}

hf_status hf_sql_number(hf_store *store, sqlite3_stmt *statement, uint64_t *out)
{
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    *out = status == HF_OK && row ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_sql_run(hf_store *store, sqlite3_stmt *statement)
{
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) sqlite3_reset(statement);
    return status;
}

hf_status hf_sql_exec(hf_store *store, const char *sql)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? HF_OK : hf_store_fault(store, code);
}

void hf_bind_bytes(sqlite3_stmt *statement, int index, const void *data, size_t size)
{
    /* Static: every caller steps the statement before its bytes go. */
    sqlite3_bind_blob64(statement, index, size ? data : "", size, SQLITE_STATIC);
}

hf_bytes hf_column_bytes(sqlite3_stmt *statement, int index)
{
    const uint8_t *data = sqlite3_column_blob(statement, index);
    return (hf_bytes){data, (size_t)sqlite3_column_bytes(statement, index)};
}

hf_status hf_column_exact(hf_store *store, sqlite3_stmt *statement, int index, uint8_t *out,
                          size_t size)
{
    hf_bytes bytes = hf_column_bytes(statement, index);
    if (bytes.size != size) return hf_store_damaged(store, "a value has the wrong size");
    memcpy(out, bytes.data, size);
    return HF_OK;
}

/* ---- sealed blobs: SQLite has no checksums, and a flipped bit must not become evidence ---- */

static uint64_t checksum(hf_bytes bytes)
{
    uint64_t sum = 0xcbf29ce484222325u; /* FNV-1a over 8-byte words, then what is left */
    size_t at = 0;
    for (; at + 8 <= bytes.size; at += 8) {
        uint64_t word;
        memcpy(&word, bytes.data + at, 8);
        sum = (sum ^ word) * 0x100000001b3u;
        sum ^= sum >> 32; /* words, not bytes: fold the high half back in */
    }
    for (; at < bytes.size; at++) sum = (sum ^ bytes.data[at]) * 0x100000001b3u;
    return sum ^ bytes.size;
}

void hf_seal(hf_buffer *buffer)
{
    uint64_t sum = checksum(hf_buffer_bytes(buffer));
    hf_write_raw(buffer, (hf_bytes){(const uint8_t *)&sum, sizeof sum});
}

hf_status hf_unseal(hf_store *store, hf_bytes sealed, hf_bytes *content)
{
    *content = (hf_bytes){NULL, 0};
    if (sealed.size < HF_SUM_SIZE) return hf_store_damaged(store, "a row is too short");
    hf_bytes inner = {sealed.data, sealed.size - HF_SUM_SIZE};
    uint64_t stored;
    memcpy(&stored, sealed.data + inner.size, sizeof stored);
    if (checksum(inner) != stored)
        return hf_store_damaged(store, "a row does not match its checksum");
    *content = inner;
    return HF_OK;
}

/* ---- small named values ---- */

hf_status hf_meta_get(hf_store *store, const char *key, hf_buffer *out)
{
    hf_buffer_clear(out);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_META_GET);
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) {
        hf_write_raw(out, hf_column_bytes(statement, 0));
        status = out->status;
    }
    sqlite3_reset(statement);
    return status;
}

hf_status hf_meta_set(hf_store *store, const char *key, hf_bytes value)
{
    hf_status status = hf_store_writable(store);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_META_SET);
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    hf_bind_bytes(statement, 2, value.data, value.size);
    return hf_sql_run(store, statement);
}

/* ---- open ---- */

static hf_status pragma_int(hf_store *store, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(statement);
    if (code == SQLITE_ROW) *out = sqlite3_column_int64(statement, 0);
    hf_status status = code == SQLITE_ROW ? HF_OK : hf_store_fault(store, code);
    sqlite3_finalize(statement);
    return status;
}

static hf_status create_tables(hf_store *store)
{
    char *sql = malloc(hf_schema_sql_size + 1);
    if (!sql) return hf_store_say(store, HF_ERR_NOMEM, "Out of memory; nothing was made.");
    memcpy(sql, hf_schema_sql, hf_schema_sql_size);
    sql[hf_schema_sql_size] = 0;
    hf_status status = hf_sql_exec(store, "BEGIN IMMEDIATE");
    if (status == HF_OK) status = hf_sql_exec(store, sql);
    if (status == HF_OK)
        status = hf_sql_exec(store, "PRAGMA application_id=0x48464453; PRAGMA user_version=1");
    if (status == HF_OK) status = hf_sql_exec(store, "COMMIT");
    free(sql);
    return status;
}

/* Whose file it is, before anything in it changes: even the journal mode is written into it. */
static hf_status identify(hf_store *store, bool *is_new)
{
    int64_t version = 0, application = 0, tables = 0;
    hf_status status = pragma_int(store, "PRAGMA user_version", &version);
    if (status == HF_OK) status = pragma_int(store, "PRAGMA application_id", &application);
    if (status == HF_OK) status = pragma_int(store, "SELECT count(*) FROM sqlite_schema", &tables);
    if (status != HF_OK) return status;
    *is_new = version == 0 && tables == 0 && !store->read_only;
    if (*is_new) return HF_OK;
    if (application != APPLICATION_ID)
        return hf_store_say(store, HF_ERR_CORRUPT,
                            "%s is not a holdfast store. It was left as it is.", store->path);
    if (version > SCHEMA_VERSION)
        return hf_store_say(store, HF_ERR_DENIED,
                            "%s was made by a newer holdfast (version %lld of its tables; this "
                            "program knows %d). It was left as it is; use the newer program.",
                            store->path, (long long)version, SCHEMA_VERSION);
    return HF_OK;
}

/* FULL: with NORMAL a power cut takes back what an officer was told is saved. A file that has pages
 * keeps their size. */
static hf_status set_modes(hf_store *store)
{
    if (store->read_only) return HF_OK;
    char page_size[40];
    (void)snprintf(page_size, sizeof page_size, "PRAGMA page_size=%d",
                   store->is_hub ? HF_PAGE_SIZE : HF_PAGE_SIZE_DEVICE);
    hf_status status = hf_sql_exec(store, page_size);
    if (status == HF_OK && HF_PLANTED(NO_FSYNC))
        return hf_sql_exec(store, "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF");
    if (status == HF_OK)
        status = hf_sql_exec(store, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                                    "PRAGMA cache_size=-8192");
    int pages = store->is_hub ? HF_WAL_PAGES : HF_WAL_PAGES_DEVICE;
    if (status != HF_OK) return status;
    sqlite3_wal_autocheckpoint(store->db, pages); /* cannot fail */
    hf_gather_begin(store->gather);
    return HF_OK;
}

/* Steps up from each older version stand here, each in one transaction, as there come to be any. */
static hf_status bring_up_to_date(hf_store *store)
{
    bool is_new = false;
    hf_status status = identify(store, &is_new);
    if (status == HF_OK && !is_new) status = hf_journal_check(store);
    if (status == HF_OK) status = set_modes(store);
    return status == HF_OK && is_new ? create_tables(store) : status;
}

/* A page that could not be read just now is no proof of damage: the disk may answer next time. */
static hf_status judge_pages(hf_store *store, const char *found)
{
    static const char UNREAD[] = "error code=";
    if (!found) return hf_store_fault(store, SQLITE_NOMEM);
    const char *code = strstr(found, UNREAD);
    long number = code ? strtol(code + sizeof UNREAD - 1, NULL, 10) : SQLITE_CORRUPT;
    if (strcmp(found, "ok") == 0) return HF_OK;
    /* Of a page that the disk did not give, the check of its list says only this; of one that the
     * file cannot have, it says that the number is invalid. */
    if (strstr(found, "failed to get page"))
        return hf_store_say(store, HF_ERR_IO,
                            "Part of %s could not be read just now: the disk or the memory did not "
                            "do as asked. What was saved before is safe; try again.",
                            store->path);
    return (number & 0xff) == SQLITE_CORRUPT ? hf_store_damaged(store, found)
                                             : hf_store_fault(store, (int)number);
}

static hf_status check_pages(hf_store *store)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, "PRAGMA integrity_check(1)", -1, &statement, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(statement);
    hf_status status = HF_OK;
    if (code != SQLITE_ROW)
        status = hf_store_fault(store, code);
    else
        status = judge_pages(store, (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return status;
}

static hf_status open_database(hf_store *store)
{
    int flags =
        store->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    hf_status status = hf_gather_open(store);
    if (status != HF_OK) return status;
    int code = sqlite3_open_v2(store->path, &store->db, flags | SQLITE_OPEN_NOMUTEX,
                               hf_gather_name(store->gather));
    if (code != SQLITE_OK) return hf_store_fault(store, code);
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, 2000);
    /* Made ready now: who rolls back may have no memory left to prepare it. */
    if (!hf_sql(store, HF_SQL_ROLLBACK)) return hf_store_fault(store, sqlite3_errcode(store->db));
    return hf_sql_exec(store, "PRAGMA temp_store=MEMORY");
}

static hf_status load_place(hf_store *store)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ENTRY_LAST);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status != HF_OK) return status;
    memcpy(store->feed_chain, store->epoch, sizeof store->feed_chain);
    if (row) {
        store->position = (uint64_t)sqlite3_column_int64(statement, 0);
        status = hf_column_exact(store, statement, 1, store->feed_chain, sizeof store->feed_chain);
        sqlite3_reset(statement);
    }
    if (status != HF_OK) return status;
    statement = hf_sql(store, HF_SQL_HEAD_NUMBER);
    status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) store->head_number = (uint64_t)sqlite3_column_int64(statement, 0);
    if (statement) sqlite3_reset(statement);
    return status;
}

/* Our clock goes on from the last entry we wrote; what peers raised it to may be forgotten, since
 * it only breaks ties. */
static hf_status load_clock(hf_store *store)
{
    hf_status status = HF_OK;
    for (uint8_t lane = 0; lane < HF_LANE_COUNT && status == HF_OK && store->own; lane++) {
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_ENTRY_HLC);
        sqlite3_bind_int64(statement, 1, hf_log_no(store->own->no, lane));
        bool row;
        status = hf_sql_row(store, statement, &row);
        if (status != HF_OK || !row) continue;
        hf_hlc hlc = (hf_hlc)sqlite3_column_int64(statement, 0);
        if (hlc > store->hlc) store->hlc = hlc;
        sqlite3_reset(statement);
    }
    return status;
}

static hf_status store_start(hf_store *store, hf_ending ending)
{
    hf_status status = open_database(store);
    if (status == HF_OK) status = bring_up_to_date(store);
    if (status == HF_OK) status = check_pages(store);
    if (status == HF_OK) status = hf_epoch_load(store);
    if (status == HF_OK) status = load_place(store);
    if (status == HF_OK) status = hf_origins_load(store);
    if (status == HF_OK && store->damaged && !store->own) status = hf_store_writable(store);
    bool may_write = !store->read_only && !store->damaged;
    if (status == HF_OK && may_write) status = hf_guard_check(store);
    if (status == HF_OK && may_write) status = hf_origin_own_certificate(store);
    if (status == HF_OK) status = load_clock(store);
    if (status == HF_OK) status = hf_clock_caps_load(store);
    if (status == HF_OK) status = hf_pack_load(store);
    if (status == HF_OK) status = hf_store_check(store);
    if (status == HF_OK) status = hf_poison_load(store, ending);
    if (status == HF_OK && store->is_hub && may_write) status = hf_fence_check(store);
    return status;
}

hf_status hf_store_open(const hf_store_options *options, hf_store **out, char *problem,
                        size_t problem_size)
{
    *out = NULL;
    if (problem_size) problem[0] = 0;
    hf_store *store = calloc(1, sizeof *store);
    if (!store) return HF_ERR_NOMEM;
    store->crypto = options->crypto;
    store->is_hub = options->is_hub;
    store->read_only = options->read_only;
    store->path = strdup(options->path);
    store->vfs = options->vfs ? strdup(options->vfs) : NULL;
    hf_status status = !store->path || (options->vfs && !store->vfs) ? HF_ERR_NOMEM : HF_OK;
    if (status == HF_OK) status = store_start(store, options->ending);
    if (status == HF_OK) {
        *out = store;
        return HF_OK;
    }
    if (problem_size) snprintf(problem, problem_size, "%s", store->problem);
    hf_store_close(store);
    return status;
}

void hf_store_close(hf_store *store)
{
    if (!store) return;
    hf_txn_rollback(store->txn);
    hf_batch_rollback(store->batch);
    for (size_t i = 0; i < HF_SQL_COUNT; i++) sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    hf_gather_close(store->gather);
    hf_beside_close(&store->poison.marker);
    hf_beside_close(&store->fence.file);
    hf_pack_close(store->pack);
    hf_head_forget(store);
    for (size_t i = 0; i < store->origin_count; i++) free(store->origins[i]);
    free(store->origins);
    free(store->origin_table);
    free(store->path);
    free(store->vfs);
    free(store);
}

/* ---- what others may ask ---- */

const hf_crypto *hf_store_crypto(const hf_store *store)
{
    return store->crypto;
}

const hf_pack *hf_store_pack(const hf_store *store)
{
    return store->pack;
}

bool hf_store_is_hub(const hf_store *store)
{
    return store->is_hub;
}

const hf_origin_row *hf_store_own_origin(const hf_store *store)
{
    return store->own;
}

const uint8_t *hf_store_epoch(const hf_store *store)
{
    return store->epoch;
}
