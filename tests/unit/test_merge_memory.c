/* test_merge_memory.c: a merge that runs out of memory has not happened.
 *
 * merge.c is compiled in here with an allocator that fails on demand; the library's copy is not
 * used. */
#include <stdlib.h>

static void *failing_realloc(void *old, size_t size);

#define realloc failing_realloc
#include "sync/merge.c"
#undef realloc

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static size_t allocations_left; /* of this test alone */

static void *failing_realloc(void *old, size_t size)
{
    if (allocations_left == 0) return NULL;
    allocations_left--;
    return realloc(old, size);
}

static bool not_seen(void *context, const hf_dot *dot)
{
    (void)context;
    (void)dot;
    return false;
}

static hf_cite cite(uint8_t origin, uint64_t seq)
{
    hf_cite made = {.dot = {.lane = HF_LANE_CRIME, .seq = seq}};
    made.dot.origin.bytes[0] = origin;
    return made;
}

/* Each write cites one that is live and one still to come, so that both arrays grow in turn. */
static void a_merge_without_memory_changes_nothing(void **state)
{
    (void)state;
    static const uint8_t value[] = {0xf5};
    hf_cell cell = {0};
    size_t failures = 0;
    for (uint64_t seq = 1; seq <= 40; seq++) {
        hf_cite over[] = {cite(1, seq), cite(2, seq), cite(3, seq)};
        hf_write write = {.overwritten = over, .overwritten_count = seq % 4 == 0 ? 3 : 2};
        write.write = (hf_live){.at = cite(1, seq + 1), .value = {value, sizeof value}};
        if (seq % 3 == 0) write.overwritten_count = 0;
        hf_status status = HF_ERR_NOMEM;
        for (allocations_left = 0; status != HF_OK; allocations_left++) {
            hf_live live[64];
            hf_cite pending[128];
            size_t live_count = cell.live_count, pending_count = cell.pending_count;
            assert_true(live_count <= 64 && pending_count <= 128);
            if (live_count > 0) memcpy(live, cell.live, live_count * sizeof *live);
            if (pending_count > 0) memcpy(pending, cell.pending, pending_count * sizeof *pending);
            size_t granted = allocations_left;
            status = hf_cell_merge(&cell, &write, not_seen, NULL);
            allocations_left = granted;
            if (status == HF_OK) continue;
            failures++;
            assert_int_equal(status, HF_ERR_NOMEM);
            assert_int_equal(cell.live_count, live_count);
            assert_int_equal(cell.pending_count, pending_count);
            if (live_count > 0) assert_memory_equal(cell.live, live, live_count * sizeof *live);
            if (pending_count > 0) {
                assert_memory_equal(cell.pending, pending, pending_count * sizeof *pending);
            }
        }
    }
    assert_true(failures >= 10); /* both arrays grew several times */
    hf_cell_free(&cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_merge_without_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
