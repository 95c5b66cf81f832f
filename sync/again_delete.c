/* again_delete.c: what a delete had seen, said again for a log whose entries have new names.
 *
 * Why it is not worked out anew from what is held: a delete hides what its writer had seen, and by
 * now others' changes may have come that nobody looked at. */
#include "again.h"

#include "store_core.h"

#include <stdlib.h>
#include <string.h>

typedef struct seen_item { /* of the context: its log and last seq, and where its bytes are */
    hf_dot log;
    size_t at, size;
    bool fresh; /* of a new log */
} seen_item;

typedef struct seeing {
    hf_store *store;
    const hf_again *again;
    hf_bytes value; /* the context as it was written first */
    int64_t record;
    seen_item *items;
    size_t count;
    hf_buffer bytes;
    uint64_t *holes; /* of the item at hand */
    size_t hole_count;
} seeing;

static hf_status hole_add(seeing *see, uint64_t seq)
{
    uint64_t *holes = realloc(see->holes, (see->hole_count + 1) * sizeof *holes);
    if (!holes) return HF_ERR_NOMEM;
    see->holes = holes;
    holes[see->hole_count++] = seq;
    return HF_OK;
}

/* Adds `log` up to its seq with the holes at hand. */
static hf_status item_add(seeing *see, const hf_dot *log, bool fresh)
{
    seen_item *items = realloc(see->items, (see->count + 1) * sizeof *items);
    if (!items) return HF_ERR_NOMEM;
    see->items = items;
    size_t at = see->bytes.size;
    hf_write_array(&see->bytes, 4);
    hf_write_bytes(&see->bytes, log->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&see->bytes, log->lane);
    hf_write_uint(&see->bytes, log->seq);
    hf_write_array(&see->bytes, see->hole_count);
    for (size_t i = 0; i < see->hole_count; i++) hf_write_uint(&see->bytes, see->holes[i]);
    items[see->count++] =
        (seen_item){.log = *log, .at = at, .size = see->bytes.size - at, .fresh = fresh};
    return see->bytes.status;
}

/* ---- what it named: of the old log no more than the hub holds ---- */

static hf_status item_keep(seeing *see, hf_reader *reader, uint64_t above[HF_LANE_COUNT])
{
    hf_dot log = {.seq = 0};
    (void)hf_read_array(reader, 4);
    hf_read_bytes_exact(reader, log.origin.bytes, HF_ORIGIN_SIZE);
    log.lane = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    log.seq = hf_read_uint(reader);
    uint64_t last = UINT64_MAX;
    if (hf_origin_equal(&log.origin, &see->again->old)) last = see->again->durable[log.lane];
    if (log.seq > last) {
        above[log.lane] = log.seq;
        log.seq = last;
    }
    see->hole_count = 0;
    size_t holes = hf_read_array(reader, HF_VALUE_SIZE_MAX);
    hf_status status = HF_OK;
    for (size_t i = 0; i < holes && reader->status == HF_OK && status == HF_OK; i++) {
        uint64_t hole = hf_read_uint(reader);
        if (hole <= last) status = hole_add(see, hole);
    }
    if (status == HF_OK) status = reader->status;
    return status == HF_OK && log.seq > 0 ? item_add(see, &log, false) : status;
}

/* ---- what it had seen above that, by the new names ---- */

/* Had the writer seen this entry, by whatever name it went then? */
static hf_status was_seen(const seeing *see, const hf_dot *dot, bool *seen)
{
    hf_dot then = *dot;
    for (size_t i = 0; i < see->again->run_count; i++) {
        const hf_again_run *run = &see->again->runs[i];
        if (run->lane != dot->lane || !hf_origin_equal(&run->origin, &dot->origin)) continue;
        if (dot->seq < run->becomes || dot->seq - run->becomes >= run->count) continue;
        then.origin = see->again->old;
        then.seq = run->from + (dot->seq - run->becomes);
        break;
    }
    return hf_delete_covers(see->value, &then, seen);
}

static int ascending(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* What else stands in the new log below `log`: of the entries that touch the record, those that the
 * writer had not seen. The others have nothing that the delete could hide. */
static hf_status holes_find(seeing *see, const hf_dot *log)
{
    uint64_t positions[64], after = 0;
    size_t found = 1;
    hf_status status = HF_OK;
    see->hole_count = 0;
    while (status == HF_OK && found > 0) {
        status = hf_record_entries(see->store, see->record, after, positions, &found);
        for (size_t i = 0; i < found && status == HF_OK; i++) {
            hf_entry entry;
            int64_t origin;
            bool seen = true;
            status = hf_entry_at(see->store, positions[i], &entry, &origin);
            bool below = status == HF_OK && entry.dot.lane == log->lane &&
                         entry.dot.seq <= log->seq &&
                         hf_origin_equal(&entry.dot.origin, &log->origin);
            if (below) status = was_seen(see, &entry.dot, &seen);
            if (status == HF_OK && !seen) status = hole_add(see, entry.dot.seq);
        }
        if (found) after = positions[found - 1];
    }
    if (see->hole_count) qsort(see->holes, see->hole_count, sizeof *see->holes, ascending);
    return status;
}

/* The entry that the run's last one up to `seq` became; seq 0: it begins later. */
static hf_dot run_up_to(const hf_again_run *run, uint8_t lane, uint64_t seq)
{
    hf_dot dot = {.origin = run->origin, .lane = lane};
    if (run->lane != lane || run->from > seq) return dot;
    uint64_t steps = seq - run->from < run->count ? seq - run->from : run->count - 1;
    dot.seq = run->becomes + steps;
    return dot;
}

/* All of the old log's lane up to `seq`, which lies above what the hub holds. */
static hf_status items_above(seeing *see, uint8_t lane, uint64_t seq)
{
    const hf_again *again = see->again;
    hf_status status = HF_OK;
    for (size_t i = 0; i < again->run_count && status == HF_OK; i++) {
        hf_dot log = run_up_to(&again->runs[i], lane, seq);
        bool named = log.seq == 0;
        for (size_t j = i + 1; j < again->run_count && !named; j++) /* a later run says it */
            named = hf_origin_equal(&again->runs[j].origin, &log.origin) &&
                    run_up_to(&again->runs[j], lane, seq).seq > 0;
        for (size_t j = 0; j < see->count && !named; j++)
            named = see->items[j].log.lane == lane &&
                    hf_origin_equal(&see->items[j].log.origin, &log.origin);
        if (named) continue;
        status = holes_find(see, &log);
        if (status == HF_OK) status = item_add(see, &log, true);
    }
    return status;
}

/* ---- all of it ---- */

static int item_compare(const void *a, const void *b)
{
    const seen_item *left = a, *right = b;
    int order = memcmp(left->log.origin.bytes, right->log.origin.bytes, HF_ORIGIN_SIZE);
    return order ? order : (int)left->log.lane - (int)right->log.lane;
}

static void items_write(const seeing *see, bool fresh, hf_buffer *out)
{
    size_t count = 0;
    for (size_t i = 0; i < see->count; i++) count += fresh || !see->items[i].fresh;
    hf_buffer_clear(out);
    hf_write_array(out, count);
    for (size_t i = 0; i < see->count; i++)
        if (fresh || !see->items[i].fresh)
            hf_write_raw(out, (hf_bytes){see->bytes.data + see->items[i].at, see->items[i].size});
}

static hf_status items_collect(seeing *see)
{
    uint64_t above[HF_LANE_COUNT] = {0};
    hf_reader reader = hf_reader_open(see->value);
    size_t count = hf_read_array(&reader, HF_VALUE_SIZE_MAX);
    hf_status status = reader.status;
    for (size_t i = 0; i < count && status == HF_OK; i++) status = item_keep(see, &reader, above);
    for (uint8_t lane = 0; lane < HF_LANE_COUNT && status == HF_OK; lane++)
        if (above[lane]) status = items_above(see, lane, above[lane]);
    return status;
}

hf_status hf_again_context(hf_store *store, const hf_again *again, const hf_record_id *id,
                           uint32_t scope, hf_bytes value, hf_buffer *out)
{
    seeing see = {.store = store, .again = again, .value = value};
    hf_record record = {.no = 0};
    hf_status status = hf_record_load_scope(store, id, scope, &record);
    see.record = record.no;
    hf_record_clear(&record);
    if (status == HF_OK) status = items_collect(&see);
    if (status == HF_OK) {
        if (see.count) qsort(see.items, see.count, sizeof *see.items, item_compare);
        items_write(&see, true, out);
        /* One that names less hides less: what it leaves out is shown, for a person to see. */
        if (out->size > HF_VALUE_SIZE_MAX) items_write(&see, false, out);
        status = out->status;
    }
    free(see.items);
    free(see.holes);
    hf_buffer_free(&see.bytes);
    return status;
}
