/* merge.c: live writes, kept up to date entry by entry, in any order.
 *
 * Why its own file: that all replicas agree rests on these few functions. They know nothing of
 * rules, values or clocks; what a write overwrites is all that counts here (protocol.md 6). */
#include "merge.h"

#include "planted.h"

#include "codec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool hf_origin_equal(const hf_origin_id *a, const hf_origin_id *b)
{
    return memcmp(a->bytes, b->bytes, HF_ORIGIN_SIZE) == 0;
}

int hf_dot_compare(const hf_dot *a, const hf_dot *b)
{
    int origins = memcmp(a->origin.bytes, b->origin.bytes, HF_ORIGIN_SIZE);
    if (origins != 0) return origins < 0 ? -1 : 1;
    if (a->lane != b->lane) return a->lane < b->lane ? -1 : 1;
    if (a->seq != b->seq) return a->seq < b->seq ? -1 : 1;
    if (a->ordinal != b->ordinal) return a->ordinal < b->ordinal ? -1 : 1;
    return 0;
}

void hf_cell_free(hf_cell *cell)
{
    free(cell->live);
    free(cell->pending);
    *cell = (hf_cell){0};
}

/* Makes room for `extra` more items. On failure nothing has changed. */
static hf_status reserve(void **items, size_t *capacity, size_t count, size_t extra, size_t size)
{
    if (extra <= *capacity - count) return HF_OK;
    if (extra > SIZE_MAX / size / 2 - count) return HF_ERR_NOMEM;
    size_t wanted = count + extra;
    if (count > 0 && wanted < 2 * count) wanted = 2 * count;
    void *grown = realloc(*items, wanted * size);
    if (grown == NULL) return HF_ERR_NOMEM;
    *items = grown;
    *capacity = wanted;
    return HF_OK;
}

static size_t live_find(const hf_cell *cell, const hf_dot *dot)
{
    size_t i = 0;
    while (i < cell->live_count && hf_dot_compare(&cell->live[i].at.dot, dot) != 0) i++;
    return i;
}

/* Both arrays stay ascending, so that the same set of entries leaves the same bytes on disk. */
static void live_insert(hf_cell *cell, const hf_live *write)
{
    assert(cell->live_count < cell->live_capacity);
    size_t at = cell->live_count;
    while (at > 0 && hf_dot_compare(&cell->live[at - 1].at.dot, &write->at.dot) > 0) at--;
    memmove(&cell->live[at + 1], &cell->live[at], (cell->live_count - at) * sizeof *cell->live);
    cell->live[at] = *write;
    cell->live_count++;
}

static void live_remove(hf_cell *cell, size_t at)
{
    cell->live_count--;
    memmove(&cell->live[at], &cell->live[at + 1], (cell->live_count - at) * sizeof *cell->live);
}

static int cite_compare(const hf_cite *a, const hf_cite *b)
{
    int dots = hf_dot_compare(&a->dot, &b->dot);
    return dots != 0 ? dots : memcmp(a->prefix, b->prefix, HF_PREFIX_SIZE);
}

/* Two entries may cite one dot with different prefixes; until the dot arrives, both are kept. */
static void pending_insert(hf_cell *cell, const hf_cite *cite)
{
    size_t at = cell->pending_count;
    while (at > 0 && cite_compare(&cell->pending[at - 1], cite) > 0) at--;
    if (at > 0 && cite_compare(&cell->pending[at - 1], cite) == 0) return;
    assert(cell->pending_count < cell->pending_capacity);
    memmove(&cell->pending[at + 1], &cell->pending[at],
            (cell->pending_count - at) * sizeof *cell->pending);
    cell->pending[at] = *cite;
    cell->pending_count++;
}

/* Takes out every citation of the write that has now arrived. Was one of them true to it? */
static bool pending_settle(hf_cell *cell, const hf_cite *at)
{
    bool overwritten = false;
    size_t kept = 0;
    for (size_t i = 0; i < cell->pending_count; i++) {
        if (hf_dot_compare(&cell->pending[i].dot, &at->dot) != 0) {
            cell->pending[kept++] = cell->pending[i];
            continue;
        }
        if (memcmp(cell->pending[i].prefix, at->prefix, HF_PREFIX_SIZE) == 0) overwritten = true;
    }
    cell->pending_count = kept;
    return overwritten;
}

/* All room is made before anything changes: a failed call changes nothing. */
static hf_status make_room(hf_cell *cell, const hf_write *write)
{
    size_t absent = 0;
    for (size_t i = 0; i < write->overwritten_count; i++) {
        if (live_find(cell, &write->overwritten[i].dot) == cell->live_count) absent++;
    }
    void *pending = cell->pending;
    hf_status status = reserve(&pending, &cell->pending_capacity, cell->pending_count, absent,
                               sizeof *cell->pending);
    cell->pending = pending;
    if (status != HF_OK || write->write.value.data == NULL) return status;
    void *live = cell->live;
    status = reserve(&live, &cell->live_capacity, cell->live_count, 1, sizeof *cell->live);
    cell->live = live;
    return status;
}

hf_status hf_cell_merge(hf_cell *cell, const hf_write *write, hf_seen seen, void *context)
{
    assert(live_find(cell, &write->write.at.dot) == cell->live_count); /* folded twice */
    hf_status status = make_room(cell, write);
    if (status != HF_OK) return status;
    for (size_t i = 0; i < write->overwritten_count; i++) {
        const hf_cite *cite = &write->overwritten[i];
        size_t at = live_find(cell, &cite->dot);
        if (at < cell->live_count) {
            bool true_to_it = memcmp(cell->live[at].at.prefix, cite->prefix, HF_PREFIX_SIZE) == 0;
            if (true_to_it || HF_PLANTED(PREFIX_IGNORED)) live_remove(cell, at);
        } else if (!seen(context, &cite->dot)) {
            pending_insert(cell, cite);
        } /* else it was overwritten before, or never wrote here: nothing to do */
    }
    bool overwritten = pending_settle(cell, &write->write.at);
    if (!overwritten && write->write.value.data != NULL) live_insert(cell, &write->write);
    return HF_OK;
}

/* ---- deletes ---- */

/* One log of a delete's context: all up to `seq` but the holes. Is `dot` among them? */
static bool read_cover(hf_reader *reader, hf_dot *last, bool first, const hf_dot *dot)
{
    hf_dot log = {.seq = 0};
    if (hf_read_array(reader, 4) != 4) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    hf_read_bytes_exact(reader, log.origin.bytes, HF_ORIGIN_SIZE);
    log.lane = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    uint64_t seq = hf_read_uint(reader);
    if (!first && hf_dot_compare(last, &log) >= 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    *last = log;

    bool covered =
        hf_origin_equal(&log.origin, &dot->origin) && log.lane == dot->lane && dot->seq <= seq;
    size_t holes = hf_read_array(reader, HF_VALUE_SIZE_MAX);
    uint64_t hole = 0;
    for (size_t i = 0; i < holes && reader->status == HF_OK; i++) {
        uint64_t next = hf_read_uint(reader);
        if (next <= hole || next > seq) hf_reader_fail(reader, HF_ERR_PROTOCOL);
        hole = next;
        if (hole == dot->seq) covered = false;
    }
    return covered;
}

hf_status hf_delete_covers(hf_bytes value, const hf_dot *dot, bool *covered)
{
    *covered = false;
    hf_reader reader = hf_reader_open(value);
    size_t count = hf_read_array(&reader, HF_VALUE_SIZE_MAX);
    bool found = false;
    hf_dot last = {.seq = 0};
    for (size_t i = 0; i < count && reader.status == HF_OK; i++) {
        if (read_cover(&reader, &last, i == 0, dot)) found = true;
    }
    hf_status status = hf_reader_end(&reader);
    if (status != HF_OK) return HF_ERR_PROTOCOL;
    *covered = found;
    return HF_OK;
}
