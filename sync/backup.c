/* backup.c: see backup.h.
 *
 * Why by a connection of its own, in a process of its own: a reader keeps no writer waiting in
 * SQLite's WAL mode, and one read transaction is one moment. It never checkpoints: that stays with
 * the one connection that writes. */
#include "backup.h"

#include "store_core.h"

#include <stdio.h>
#include <string.h>

enum { BUSY_MS = 10000, PAGES_PER_STEP = 1024 };

static const char FACTS[] =
    "SELECT (SELECT value FROM meta WHERE key='origin'), (SELECT value FROM meta WHERE "
    "key='epoch'), (SELECT max(position) FROM entry), (SELECT count(*) FROM entry), (SELECT key_id "
    "FROM origin WHERE id=(SELECT value FROM meta WHERE key='origin')), (SELECT user_version FROM "
    "pragma_user_version), (SELECT application_id FROM pragma_application_id)";

static hf_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK: return HF_OK;
    case SQLITE_NOMEM: return HF_ERR_NOMEM;
    case SQLITE_FULL: return HF_ERR_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return HF_ERR_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: return HF_ERR_CORRUPT; /* no such table: not a store of ours */
    default: return HF_ERR_IO;
    }
}

static bool exact(sqlite3_stmt *row, int index, void *out, size_t size)
{
    bool same = sqlite3_column_bytes(row, index) == (int)size;
    if (same) memcpy(out, sqlite3_column_blob(row, index), size);
    return same;
}

static hf_status read_facts(sqlite3 *db, hf_store_facts *out)
{
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(db, FACTS, -1, &row, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(row);
    hf_status status = code == SQLITE_ROW ? HF_OK : status_of(code);
    *out = (hf_store_facts){.tables = 0};
    if (code == SQLITE_ROW) {
        bool whole = exact(row, 0, out->origin.bytes, HF_ORIGIN_SIZE) &&
                     exact(row, 1, out->epoch, sizeof out->epoch) &&
                     exact(row, 4, out->key_id, HF_HASH_SIZE);
        out->position = (uint64_t)sqlite3_column_int64(row, 2);
        out->entries = (uint64_t)sqlite3_column_int64(row, 3);
        out->tables = (uint32_t)sqlite3_column_int(row, 5);
        if (!whole || out->position != out->entries) status = HF_ERR_CORRUPT;
    }
    sqlite3_finalize(row);
    return status;
}

/* Readable even where a killed process left a journal, which to read SQLite must be able to write.
 */
static int open_reader(const char *path, sqlite3 **db)
{
    int code = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) return code;
    sqlite3_busy_timeout(*db, BUSY_MS);
    sqlite3_wal_autocheckpoint(*db, 0); /* cannot fail */
    code = sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (code != SQLITE_OK) return code;
    return sqlite3_exec(*db, "PRAGMA query_only=ON", NULL, NULL, NULL);
}

static int copy_pages(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (!backup) return sqlite3_errcode(to);
    int code;
    do {
        code = sqlite3_backup_step(backup, PAGES_PER_STEP);
    } while (code == SQLITE_OK);
    int finished = sqlite3_backup_finish(backup);
    return code == SQLITE_DONE ? SQLITE_OK : finished ? finished : code;
}

hf_status hf_store_facts_read(const char *path, hf_store_facts *out)
{
    sqlite3 *db = NULL;
    int code = open_reader(path, &db);
    hf_status status = code == SQLITE_OK ? read_facts(db, out) : status_of(code);
    sqlite3_close(db);
    return status;
}

hf_status hf_store_copy(const char *from, const char *to, hf_store_facts *out, char *problem,
                        size_t problem_size)
{
    sqlite3 *source = NULL, *copy = NULL;
    hf_status status = HF_OK;
    int code = open_reader(from, &source);
    /* One moment: from the first read on, until the end, nothing newer is seen. */
    if (code == SQLITE_OK) code = sqlite3_exec(source, "BEGIN", NULL, NULL, NULL);
    if (code == SQLITE_OK) status = read_facts(source, out);
    if (code == SQLITE_OK && status == HF_OK)
        code = sqlite3_open_v2(
            to, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    /* It is waited for once, when it is whole. */
    if (code == SQLITE_OK && status == HF_OK)
        code = sqlite3_exec(copy,
                            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; "
                            "PRAGMA locking_mode=EXCLUSIVE",
                            NULL, NULL, NULL);
    if (code == SQLITE_OK && status == HF_OK) code = copy_pages(source, copy);
    if (status == HF_OK) status = status_of(code);
    if (status != HF_OK)
        (void)snprintf(problem, problem_size, "The store %s could not be copied (%s).", from,
                       sqlite3_errmsg(copy && sqlite3_errcode(copy) ? copy : source));
    sqlite3_close(copy);
    sqlite3_close(source);
    return status;
}
