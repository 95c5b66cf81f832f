/* test_gather.c: what is kept back from the journal until its sync is read as if it were there,
 * and is there when the sync succeeds, or the sync does not. */
#include "sync/store_core.h"

#include "sim_vfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PIECE = 1000 };

typedef struct desk {
    sim_disk *disk;
    hf_store store; /* of which a gatherer needs the name of a VFS alone */
    sqlite3_vfs *vfs;
    sqlite3_file *journal, *plain; /* the same file, through the gatherer and beneath it */
    uint8_t pieces[4][PIECE];
} desk;

static sqlite3_file *file_open(sqlite3_vfs *vfs, const char *name)
{
    sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL;
    assert_non_null(file);
    assert_int_equal(vfs->xOpen(vfs, name, file, flags, NULL), SQLITE_OK);
    return file;
}

static void file_close(sqlite3_file *file)
{
    assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
    free(file);
}

/* Half of all simulated disks may harm what stands beside a torn write. */
static sim_disk *disk_of(bool careful)
{
    for (uint64_t seed = 1;; seed++) {
        sim_disk *disk = sim_disk_new("desk", seed);
        assert_non_null(disk);
        sqlite3_file *file = file_open(sqlite3_vfs_find("desk"), "trait");
        int traits = file->pMethods->xDeviceCharacteristics(file);
        file_close(file);
        if (careful == ((traits & SQLITE_IOCAP_POWERSAFE_OVERWRITE) != 0)) return disk;
        sim_disk_free(disk);
    }
}

static desk *desk_new(bool careful)
{
    desk *d = calloc(1, sizeof *d);
    assert_non_null(d);
    d->disk = disk_of(careful);
    d->store.vfs = "desk";
    assert_int_equal(hf_gather_open(&d->store), HF_OK);
    d->vfs = sqlite3_vfs_find(hf_gather_name(d->store.gather));
    assert_non_null(d->vfs);
    d->journal = file_open(d->vfs, "journal");
    d->plain = file_open(sqlite3_vfs_find("desk"), "journal");
    for (size_t i = 0; i < 4; i++) memset(d->pieces[i], 'a' + (int)i, PIECE);
    hf_gather_begin(d->store.gather);
    return d;
}

static void desk_free(desk *d)
{
    file_close(d->journal);
    file_close(d->plain);
    hf_gather_close(d->store.gather);
    sim_disk_free(d->disk);
    free(d);
}

static int write_piece(desk *d, size_t piece, sqlite3_int64 at)
{
    return d->journal->pMethods->xWrite(d->journal, d->pieces[piece], PIECE, at);
}

static sqlite3_int64 size_of(sqlite3_file *file)
{
    sqlite3_int64 size = -1;
    assert_int_equal(file->pMethods->xFileSize(file, &size), SQLITE_OK);
    return size;
}

static void expect_piece(const desk *d, sqlite3_file *file, size_t piece, sqlite3_int64 at)
{
    uint8_t found[PIECE];
    assert_int_equal(file->pMethods->xRead(file, found, PIECE, at), SQLITE_OK);
    assert_memory_equal(found, d->pieces[piece], PIECE);
}

static int sync_journal(desk *d)
{
    return d->journal->pMethods->xSync(d->journal, SQLITE_SYNC_NORMAL);
}

static void the_pieces_of_a_commit_are_one_write_and_one_sync(void **state)
{
    (void)state;
    desk *d = desk_new(true);
    uint64_t before = sim_disk_counted(d->disk).calls;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(write_piece(d, i, (sqlite3_int64)i * PIECE), SQLITE_OK);
    assert_true(sim_disk_counted(d->disk).calls == before);
    assert_int_equal(sync_journal(d), SQLITE_OK);
    assert_true(sim_disk_counted(d->disk).calls == before + 2);
    for (size_t i = 0; i < 4; i++) expect_piece(d, d->plain, i, (sqlite3_int64)i * PIECE);
    desk_free(d);
}

static void what_is_kept_is_read_and_measured_as_if_it_were_there(void **state)
{
    (void)state;
    desk *d = desk_new(true);
    assert_int_equal(write_piece(d, 0, 0), SQLITE_OK);
    assert_int_equal(write_piece(d, 1, PIECE), SQLITE_OK);
    expect_piece(d, d->journal, 1, PIECE);
    assert_int_equal(write_piece(d, 2, 2 * PIECE), SQLITE_OK);
    assert_int_equal(size_of(d->journal), 3 * PIECE);
    desk_free(d);
}

static void places_are_written_over_in_the_order_that_was_asked_for(void **state)
{
    (void)state;
    desk *d = desk_new(true);
    assert_int_equal(write_piece(d, 0, 0), SQLITE_OK);
    assert_int_equal(write_piece(d, 1, PIECE), SQLITE_OK);
    assert_int_equal(write_piece(d, 2, 0),
                     SQLITE_OK); /* back: a checksum changes, or it restarts */
    assert_int_equal(write_piece(d, 3, PIECE), SQLITE_OK);
    assert_int_equal(sync_journal(d), SQLITE_OK);
    expect_piece(d, d->plain, 2, 0);
    expect_piece(d, d->plain, 3, PIECE);
    assert_int_equal(size_of(d->plain), 2 * PIECE);
    desk_free(d);
}

/* SQLite was told that the first piece is written: no later success may be without it. */
static void a_write_that_failed_is_not_forgotten(void **state)
{
    (void)state;
    desk *d = desk_new(true);
    assert_int_equal(write_piece(d, 0, 0), SQLITE_OK);
    sim_disk_fail_at(d->disk, 1, 2);
    assert_int_not_equal(sync_journal(d), SQLITE_OK);
    assert_int_not_equal(write_piece(d, 1, 2 * PIECE),
                         SQLITE_OK); /* not behind it: it goes first */
    assert_int_equal(write_piece(d, 1, PIECE), SQLITE_OK);
    assert_int_equal(sync_journal(d), SQLITE_OK);
    expect_piece(d, d->plain, 0, 0);
    expect_piece(d, d->plain, 1, PIECE);
    desk_free(d);
}

static void a_disk_that_is_full_says_so_at_the_sync(void **state)
{
    (void)state;
    desk *d = desk_new(true);
    sim_disk_set_room(d->disk, PIECE);
    assert_int_equal(write_piece(d, 0, 0), SQLITE_OK);
    assert_int_equal(write_piece(d, 1, PIECE), SQLITE_OK);
    assert_int_equal(sync_journal(d), SQLITE_FULL);
    sim_disk_set_room(d->disk, 2 * PIECE);
    assert_int_equal(sync_journal(d), SQLITE_OK);
    expect_piece(d, d->plain, 1, PIECE);
    desk_free(d);
}

static void more_than_there_is_room_for_is_written_on_the_way(void **state)
{
    (void)state;
    desk *d = desk_new(true);
    enum { COUNT = 3 * HF_GATHER_SIZE / PIECE };
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(write_piece(d, i % 4, (sqlite3_int64)i * PIECE), SQLITE_OK);
    assert_true(size_of(d->plain) >= 2 * (HF_GATHER_SIZE - PIECE));
    static uint8_t large[HF_GATHER_SIZE + 1];
    assert_int_equal(d->journal->pMethods->xWrite(d->journal, large, sizeof large, 0), SQLITE_OK);
    assert_int_equal(sync_journal(d), SQLITE_OK);
    assert_int_equal(size_of(d->plain), COUNT * PIECE);
    desk_free(d);
}

/* There SQLite pads a commit behind its own sync, and others may read the padding. */
static void a_disk_that_may_harm_what_stands_beside_is_written_at_once(void **state)
{
    (void)state;
    desk *d = desk_new(false);
    assert_int_equal(write_piece(d, 0, 0), SQLITE_OK);
    expect_piece(d, d->plain, 0, 0);
    desk_free(d);
}

/* ---- under SQLite ---- */

static sqlite3 *database_open(const char *vfs, const char *modes)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    assert_int_equal(sqlite3_open_v2("whole.db", &db, flags, vfs), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, modes, NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t answer = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return answer;
}

/* A transaction larger than SQLite's memory for it reads its own pages back from the journal. */
static void another_reader_sees_a_transaction_whole_or_not_at_all(void **state)
{
    (void)state;
    desk *d = desk_new(true);
    sqlite3 *writer = database_open(hf_gather_name(d->store.gather),
                                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                    "PRAGMA cache_size=10; CREATE TABLE t(n, b)");
    sqlite3 *reader = database_open("desk", "PRAGMA cache_size=1");
    for (int round = 1; round <= 5; round++) {
        const char *insert =
            "BEGIN; WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n<500) "
            "INSERT INTO t SELECT n, zeroblob(n) FROM c; UPDATE t SET n=n+1 WHERE n%7=0";
        assert_int_equal(sqlite3_exec(writer, insert, NULL, NULL, NULL), SQLITE_OK);
        int64_t sum = ask(writer, "SELECT sum(n+length(b)) FROM t");
        assert_int_equal(ask(reader, "SELECT count(*) FROM t"), (round - 1) * 500);
        assert_int_equal(sqlite3_exec(writer, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(ask(reader, "SELECT sum(n+length(b)) FROM t"), sum);
        assert_int_equal(ask(reader, "SELECT count(*) FROM pragma_integrity_check "
                                     "WHERE integrity_check='ok'"),
                         1);
    }
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
    desk_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pieces_of_a_commit_are_one_write_and_one_sync),
        cmocka_unit_test(what_is_kept_is_read_and_measured_as_if_it_were_there),
        cmocka_unit_test(places_are_written_over_in_the_order_that_was_asked_for),
        cmocka_unit_test(a_write_that_failed_is_not_forgotten),
        cmocka_unit_test(a_disk_that_is_full_says_so_at_the_sync),
        cmocka_unit_test(more_than_there_is_room_for_is_written_on_the_way),
        cmocka_unit_test(a_disk_that_may_harm_what_stands_beside_is_written_at_once),
        cmocka_unit_test(another_reader_sees_a_transaction_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
