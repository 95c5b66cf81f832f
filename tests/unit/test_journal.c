/* test_journal.c: what a power cut leaves of a transaction that nobody was told of is not taken for
 * saved writes that were lost. */
#include "pair.h"

#include "sim_vfs.h"
#include "sync/limits.h"
#include "sync/store_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { FRAME_SIZE = 24 + HF_PAGE_SIZE_DEVICE, SECTOR_SIZE = 512, WORDS = 8 };

/* The power fails; the journal, as the disk has it. */
static uint8_t *fallen(pair_world *pair, size_t *size)
{
    size_t *end;
    sim_disk *disk = pair->nodes[0].disk;
    sim_disk_kill_at(disk, 1);
    pair_shut(pair, &pair->nodes[0]);
    sim_disk_revive(disk, true);
    sim_disk_kill_at(disk, 0);
    uint8_t *bytes = sim_disk_rot(disk, "-wal", &end);
    assert_non_null(bytes);
    *size = *end;
    return bytes;
}

/* Where the first frame of its last transaction begins. */
static size_t last_begins(const uint8_t *journal, size_t size)
{
    static const uint8_t ON[4] = {0}; /* in place of the size that ends a transaction */
    size_t at = size - FRAME_SIZE;
    while (memcmp(journal + at - FRAME_SIZE + 4, ON, sizeof ON) == 0) at -= FRAME_SIZE;
    return at;
}

/* A frame's page and whether it ends a transaction stand in one sector, its salts in the next. Of a
 * transaction that was cut off all sectors came but that one: an older frame's words stand there,
 * which ended one. */
static void a_sector_that_did_not_come_is_no_lost_transaction(void **state)
{
    static const uint8_t OLDER[WORDS] = {0, 0, 0, 7, 0, 0, 0, 99};
    (void)state;
    pair_world *pair = pair_new(1);
    for (bool done = false; !done; pair_open(pair, &pair->nodes[0])) {
        size_t size;
        (void)pair_crime(pair, 0, "In the journal's last transaction, sooner or later");
        uint8_t *journal = fallen(pair, &size);
        size_t at = last_begins(journal, size);
        done = at % SECTOR_SIZE == SECTOR_SIZE - WORDS && size >= at + 2 * FRAME_SIZE;
        if (done) memcpy(journal + at, OLDER, WORDS);
    }
    (void)pair_crime(pair, 0, "It is written on"); /* to a damaged store nothing is */
    pair_free(pair);
}

/* SQLite stops before the frame whose sum rotted; what was saved behind it is chained to what that
 * sum was, and so to what the frame's own bytes add up to. */
static void a_sum_that_rotted_hides_no_saved_write(void **state)
{
    (void)state;
    enum { AT_SUM = 16 };
    pair_world *pair = pair_new(1);
    for (int i = 0; i < 3; i++) (void)pair_crime(pair, 0, "Saved");
    size_t size;
    uint8_t *journal = fallen(pair, &size);
    journal[last_begins(journal, size) - FRAME_SIZE + AT_SUM + 7] ^= 1;
    pair_open(pair, &pair->nodes[0]);
    assert_true(pair->nodes[0].store->damaged); /* and it says so */
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sector_that_did_not_come_is_no_lost_transaction),
        cmocka_unit_test(a_sum_that_rotted_hides_no_saved_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
