/* test_sim_vfs.c: the simulated disk itself, under plain SQLite.
 *
 * Why test a test's tool: a disk that loses what was synced would accuse the engine of what it did
 * not do, and one that loses nothing would acquit it of everything. */
#include "random.h"
#include "sim_vfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

enum { ROUNDS = 400 };

static sqlite3 *open_at(const sim_disk *disk, const char *synchronous)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    char sql[256];
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode=WAL; PRAGMA synchronous=%s; PRAGMA wal_autocheckpoint=20;"
             "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, filler BLOB)",
             synchronous);
    if (sqlite3_open_v2("test.db", &db, flags, sim_disk_name(disk)) == SQLITE_OK &&
        sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return db;
    sqlite3_close(db);
    return NULL;
}

static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t answer = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        answer = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return answer;
}

/* Inserts rows, through any failure; returns the last one whose commit was confirmed. */
static int64_t insert_until_death(sqlite3 *db, sim_random *random, int64_t last)
{
    for (int i = 0; i < 150; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "INSERT INTO t VALUES(%lld, randomblob(%llu))",
                 (long long)last + 1, (unsigned long long)sim_random_below(random, 9000));
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK) last++;
    }
    return last;
}

/* One life: open, write until the process dies at some call, then the power goes, or not. */
static void live_and_die(sim_disk *disk, sim_random *random, const char *synchronous, bool cut,
                         int64_t *confirmed, int64_t *found)
{
    sim_disk_kill_at(disk, sim_random_between(random, 1, 700));
    if (sim_random_chance(random, 300))
        sim_disk_fail_at(disk, sim_random_between(random, 1, 300), 2);
    if (sim_random_chance(random, 200)) sim_disk_set_room(disk, 50000);
    sqlite3 *db = open_at(disk, synchronous);
    if (db) *confirmed = insert_until_death(db, random, *confirmed);
    sqlite3_close(db);
    sim_disk_set_room(disk, UINT64_MAX);
    sim_disk_revive(disk, cut);
    db = open_at(disk, synchronous);
    assert_non_null(db);
    assert_int_equal(ask(db, "SELECT count(*) FROM pragma_integrity_check "
                             "WHERE integrity_check='ok'"),
                     1);
    *found = ask(db, "SELECT coalesce(max(n),0) FROM t");
    assert_int_equal(ask(db, "SELECT count(*) FROM t"), *found); /* no gaps */
    sqlite3_close(db);
    sim_disk_revive(disk, false);
}

static void confirmed_commits_survive_any_power_cut(void **state)
{
    (void)state;
    sim_disk_counts total = {0};
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        sim_random random = sim_random_from(seed, 1);
        sim_disk *disk = sim_disk_new("test", seed);
        assert_non_null(disk);
        int64_t confirmed = 0;
        for (int life = 0; life < 4; life++) {
            int64_t found;
            live_and_die(disk, &random, "FULL", sim_random_chance(&random, 500), &confirmed,
                         &found);
            assert_in_range(found, confirmed, confirmed + 1); /* the last one may have made it */
            confirmed = found;
        }
        sim_disk_counts counts = sim_disk_counted(disk);
        total.lost += counts.lost;
        total.torn += counts.torn;
        total.failed += counts.failed;
        total.full += counts.full;
        sim_disk_free(disk);
    }
    assert_true(total.lost > 100); /* and the disk was as bad as it says */
    assert_true(total.torn > 100);
    assert_true(total.failed > 100);
    assert_true(total.full > 10);
}

static void a_store_that_does_not_sync_is_found_out(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        sim_random random = sim_random_from(seed, 2);
        sim_disk *disk = sim_disk_new("test", seed);
        assert_non_null(disk);
        sqlite3 *db = open_at(disk, "NORMAL");
        assert_non_null(db);
        int64_t confirmed = insert_until_death(db, &random, 0);
        sim_disk_kill_at(disk, 1);
        sqlite3_close(db);
        sim_disk_revive(disk, true);
        db = open_at(disk, "NORMAL");
        assert_non_null(db);
        if (ask(db, "SELECT coalesce(max(n),0) FROM t") < confirmed) lost++;
        sqlite3_close(db);
        sim_disk_free(disk);
    }
    assert_true(lost > 10);
}

static void death_without_a_power_cut_loses_nothing_written(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        sim_random random = sim_random_from(seed, 3);
        sim_disk *disk = sim_disk_new("test", seed);
        assert_non_null(disk);
        sqlite3 *db = open_at(disk, "NORMAL");
        assert_non_null(db);
        sim_disk_kill_at(disk, sim_random_between(&random, 1, 300));
        int64_t confirmed = insert_until_death(db, &random, 0), found;
        sqlite3_close(db);
        sim_disk_revive(disk, false);
        db = open_at(disk, "NORMAL");
        assert_non_null(db);
        found = ask(db, "SELECT coalesce(max(n),0) FROM t");
        assert_in_range(found, confirmed, confirmed + 1);
        sqlite3_close(db);
        sim_disk_free(disk);
    }
}

static void the_same_seed_gives_the_same_disk(void **state)
{
    (void)state;
    int64_t outcome[2] = {0, 0};
    sim_disk_counts counts[2];
    for (int run = 0; run < 2; run++) {
        sim_random random = sim_random_from(7, 4);
        sim_disk *disk = sim_disk_new("test", 7);
        assert_non_null(disk);
        sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
        sqlite3_vfs_register(sqlite3_vfs_find("test"), 1);
        sqlite3_randomness(0, NULL); /* SQLite draws its own seed from the default VFS */
        int64_t found;
        for (int life = 0; life < 6; life++)
            live_and_die(disk, &random, "FULL", true, &outcome[run], &found), outcome[run] = found;
        counts[run] = sim_disk_counted(disk);
        sqlite3_vfs_register(usual, 1);
        sim_disk_free(disk);
    }
    assert_int_equal(outcome[0], outcome[1]);
    assert_memory_equal(&counts[0], &counts[1], sizeof counts[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(confirmed_commits_survive_any_power_cut),
        cmocka_unit_test(a_store_that_does_not_sync_is_found_out),
        cmocka_unit_test(death_without_a_power_cut_loses_nothing_written),
        cmocka_unit_test(the_same_seed_gives_the_same_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
