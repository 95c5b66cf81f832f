/* again.c: our log and a hub's have parted; what the hub may lack of ours is written again.
 *
 * Why op by op and not as new changes: a change is made over all that is live here, and would
 * overwrite what its writer never saw. What was written is evidence: it keeps its own citations,
 * and the rules are not asked a second time. */
#include "again.h"

#include "draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- how far we are with it, in the store ---- */

static const char META_AGAIN[] = "again"; /* empty: nothing to do */

static void lanes_read(hf_reader *reader, uint64_t out[HF_LANE_COUNT])
{
    size_t count = hf_read_array(reader, HF_LANE_COUNT);
    for (size_t i = 0; i < count; i++) out[i] = hf_read_uint(reader);
}

static void lanes_write(hf_buffer *out, const uint64_t lanes[HF_LANE_COUNT])
{
    hf_write_array(out, HF_LANE_COUNT);
    for (size_t i = 0; i < HF_LANE_COUNT; i++) hf_write_uint(out, lanes[i]);
}

static hf_status runs_read(hf_reader *reader, hf_again *out)
{
    size_t count = hf_read_array(reader, SIZE_MAX);
    for (size_t i = 0; i < count && reader->status == HF_OK; i++) {
        hf_again_run *runs = realloc(out->runs, (i + 1) * sizeof *runs);
        if (!runs) return HF_ERR_NOMEM;
        out->runs = runs;
        hf_again_run *run = &runs[out->run_count++];
        (void)hf_read_array(reader, 5);
        hf_read_bytes_exact(reader, run->origin.bytes, HF_ORIGIN_SIZE);
        run->lane = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
        run->from = hf_read_uint(reader);
        run->becomes = hf_read_uint(reader);
        run->count = hf_read_uint(reader);
    }
    return hf_reader_end(reader) == HF_OK ? HF_OK : HF_ERR_CORRUPT;
}

/* `out->runs` is the caller's to free, whatever comes of it. */
static hf_status again_get(hf_store *store, hf_again *out, bool *found)
{
    hf_buffer stored = {0};
    *out = (hf_again){.run_count = 0};
    hf_status status = hf_meta_get(store, META_AGAIN, &stored);
    *found = status == HF_OK && stored.size > 0;
    if (*found) {
        hf_reader reader = hf_reader_open(hf_buffer_bytes(&stored));
        (void)hf_read_array(&reader, 4);
        hf_read_bytes_exact(&reader, out->old.bytes, HF_ORIGIN_SIZE);
        lanes_read(&reader, out->durable);
        lanes_read(&reader, out->done);
        status = runs_read(&reader, out);
    }
    hf_buffer_free(&stored);
    return status;
}

/* In the open batch, if there is one: then it is true exactly when the entry stands. */
static hf_status again_set(hf_store *store, const hf_again *again)
{
    hf_buffer out = {0};
    hf_write_array(&out, 4);
    hf_write_bytes(&out, again->old.bytes, HF_ORIGIN_SIZE);
    lanes_write(&out, again->durable);
    lanes_write(&out, again->done);
    hf_write_array(&out, again->run_count);
    for (size_t i = 0; i < again->run_count; i++) {
        const hf_again_run *run = &again->runs[i];
        hf_write_array(&out, 5);
        hf_write_bytes(&out, run->origin.bytes, HF_ORIGIN_SIZE);
        hf_write_uint(&out, run->lane);
        hf_write_uint(&out, run->from);
        hf_write_uint(&out, run->becomes);
        hf_write_uint(&out, run->count);
    }
    hf_status status = out.status;
    if (status == HF_OK) status = hf_meta_set(store, META_AGAIN, hf_buffer_bytes(&out));
    hf_buffer_free(&out);
    return status;
}

hf_status hf_again_begin(hf_store *store, const hf_origin_row *old)
{
    hf_again again = {.old = old->id};
    hf_status status = HF_OK;
    for (uint8_t lane = 0; lane < HF_LANE_COUNT && status == HF_OK; lane++) {
        hf_log_state log;
        status = hf_log_state_get(store, old->no, lane, &log);
        again.durable[lane] = again.done[lane] = log.acked;
    }
    return status == HF_OK ? again_set(store, &again) : status;
}

hf_status hf_again_whose(hf_store *store, const hf_origin_row **old)
{
    hf_again again;
    bool found;
    *old = NULL;
    hf_status status = again_get(store, &again, &found);
    free(again.runs);
    if (status != HF_OK || !found) return status;
    *old = hf_origin_by_id(store, &again.old);
    return *old ? HF_OK : HF_ERR_CORRUPT;
}

/* ---- what became of what ---- */

/* Notes that entry `seq` of the old log is `now`. */
static hf_status runs_add(hf_again *again, uint64_t seq, const hf_dot *now)
{
    for (size_t i = again->run_count; i-- > 0;) {
        hf_again_run *run = &again->runs[i];
        if (run->lane != now->lane) continue;
        bool next = run->from + run->count == seq && run->becomes + run->count == now->seq;
        if (next && hf_origin_equal(&run->origin, &now->origin)) {
            run->count++;
            return HF_OK;
        }
        break;
    }
    hf_again_run *runs = realloc(again->runs, (again->run_count + 1) * sizeof *runs);
    if (!runs) return HF_ERR_NOMEM;
    again->runs = runs;
    runs[again->run_count++] = (hf_again_run){
        .origin = now->origin, .lane = now->lane, .from = seq, .becomes = now->seq, .count = 1};
    return HF_OK;
}

/* Names the new entry where the cited one was written again; else the citation stays as it is. */
static hf_status cite_again(hf_store *store, const hf_again *again, hf_cite *cite)
{
    hf_dot *dot = &cite->dot;
    if (!hf_origin_equal(&dot->origin, &again->old)) return HF_OK;
    for (size_t i = 0; i < again->run_count; i++) {
        const hf_again_run *run = &again->runs[i];
        if (run->lane != dot->lane || dot->seq < run->from) continue;
        if (dot->seq - run->from >= run->count) continue;
        const hf_origin_row *origin = hf_origin_by_id(store, &run->origin);
        if (!origin) return HF_ERR_CORRUPT;
        dot->seq = run->becomes + (dot->seq - run->from);
        dot->origin = run->origin;
        hf_entry entry;
        hf_entry_body body;
        uint8_t hash[HF_HASH_SIZE];
        hf_status status =
            hf_entry_by_dot(store, hf_log_no(origin->no, dot->lane), dot->seq, &entry);
        if (status == HF_OK) status = hf_entry_parse(entry.body, &body);
        if (status == HF_OK)
            status = hf_entry_hash(store->crypto, &run->origin, dot->lane, &body, hash);
        if (status == HF_OK) memcpy(cite->prefix, hash, HF_PREFIX_SIZE);
        return status;
    }
    return HF_OK;
}

/* ---- one entry ---- */

/* What is added makes an entry larger, which may be more than an entry holds. Then it goes without,
 * step by step: a citation less means that a value more stands, for a person to see; nothing is
 * lost by it, as it would be by leaving out a value. */
typedef enum how_full {
    WITH_ALL,
    WITHOUT_REASONS,   /* but for those that it had */
    AS_IT_WAS,         /* nothing is added: it may stand twice, once under each name */
    WITHOUT_CITATIONS, /* a write without a value is nothing but citations, and keeps them */
    TOO_LARGE          /* not to be written again: it stays in the old log, for a person */
} how_full;

typedef struct writing {
    hf_store *store;
    hf_again *again;
    uint8_t lane; /* of the entry, and its seq: what is written again */
    uint64_t seq;
    hf_entry_body entry;
    hf_cite itself;
    hf_drafts drafts;
    how_full how;
    char reason[96];
    hf_buffer context; /* of the delete at hand */
} writing;

static hf_status op_again(writing *write, const hf_draft_part *place, hf_op *op)
{
    hf_status status = HF_OK;
    for (size_t i = 0; i < op->cite_count && status == HF_OK; i++)
        status = cite_again(write->store, write->again, &op->cites[i]);
    if (write->how < AS_IT_WAS && op->cite_count < HF_OVERWRITTEN_MAX) {
        op->cites[op->cite_count] = write->itself;
        op->cites[op->cite_count++].dot.ordinal = op->ordinal;
    }
    if (write->how == WITH_ALL && op->reason.size == 0)
        op->reason = (hf_bytes){(const uint8_t *)write->reason, strlen(write->reason)};
    if (write->how == WITHOUT_CITATIONS && op->value.data) op->cite_count = 0;
    if (status == HF_OK && op->field == HF_FIELD_DELETED && op->value.data) {
        hf_buffer_clear(&write->context);
        status = hf_again_context(write->store, write->again, &place->record, place->scope,
                                  op->value, &write->context);
        op->value = hf_buffer_bytes(&write->context);
    }
    return status == HF_OK ? hf_drafts_put(&write->drafts, place, op) : status;
}

/* Of an erased part nothing is left to write. */
static hf_status parts_again(writing *write)
{
    hf_reader parts = hf_reader_open(write->entry.parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    hf_status status = HF_OK;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        hf_part part;
        status = hf_part_next(NULL, &parts, &part);
        hf_draft_part place = {
            .record = part.record, .scope = write->entry.scope, .lane = write->lane};
        while (status == HF_OK && part.op_left > 0) {
            hf_op op;
            status = hf_op_next(&part, &write->again->old, write->lane, &op);
            if (status == HF_OK) status = op_again(write, &place, &op);
        }
    }
    return status;
}

/* The entry, and that it has been written: both or neither. */
static hf_status write_draft(writing *write, const hf_draft *draft)
{
    hf_store *store = write->store;
    hf_again *again = write->again;
    hf_batch *batch;
    hf_dot now;
    uint64_t wall_ms = (write->entry.hlc + UINT16_MAX) >> 16; /* no lower than it was */
    hf_status status = hf_batch_begin_own(store, wall_ms, 1, &batch);
    if (status != HF_OK) return status;
    status = hf_batch_own(batch, draft, &now);
    if (status == HF_OK) status = runs_add(again, write->seq, &now);
    if (status == HF_OK) again->done[write->lane] = write->seq;
    if (status == HF_OK) status = again_set(store, again);
    if (status == HF_OK) return hf_batch_commit(batch);
    hf_batch_rollback(batch);
    return status;
}

static hf_status write_again(writing *write)
{
    hf_buffer parts = {0};
    char actor[HF_TEXT_MAX + 1];
    hf_bytes name = write->entry.actor;
    (void)snprintf(actor, sizeof actor, "%.*s", (int)name.size,
                   name.size ? (const char *)name.data : "");
    hf_status status = parts_again(write);
    bool some = write->drafts.count > 0;
    if (status == HF_OK && some) {
        hf_draft draft;
        status = hf_drafts_entry(write->store, &write->drafts, 0, &parts, &draft, &some);
        draft.actor = actor;
        draft.quality = write->entry.quality;
        draft.transaction = write->entry.transaction;
        if (status == HF_OK) status = write_draft(write, &draft);
    } else if (status == HF_OK) {
        write->again->done[write->lane] = write->seq;
        status = again_set(write->store, write->again);
    }
    hf_buffer_free(&parts);
    return status;
}

typedef struct next_entry { /* the oldest that is still to be written again */
    bool found;
    hf_hlc hlc;
    uint8_t lane;
    uint64_t seq;
    hf_buffer body;
} next_entry;

static hf_status entry_again(hf_store *store, hf_again *again, const next_entry *next)
{
    writing write = {.store = store, .again = again, .lane = next->lane, .seq = next->seq};
    uint8_t hash[HF_HASH_SIZE];
    const uint8_t *id = again->old.bytes;
    (void)snprintf(write.reason, sizeof write.reason, "Written again from %02x%02x%02x%02x/%u/%llu",
                   id[0], id[1], id[2], id[3], next->lane, (unsigned long long)next->seq);
    hf_status status = hf_entry_parse(hf_buffer_bytes(&next->body), &write.entry);
    if (status == HF_OK)
        status = hf_entry_hash(store->crypto, &again->old, next->lane, &write.entry, hash);
    if (status != HF_OK) return status;
    write.itself.dot = (hf_dot){.origin = again->old, .lane = next->lane, .seq = next->seq};
    memcpy(write.itself.prefix, hash, HF_PREFIX_SIZE);
    do {
        status = write_again(&write);
        hf_drafts_clear(&write.drafts);
    } while (status == HF_ERR_LIMIT && ++write.how < TOO_LARGE);
    hf_buffer_free(&write.context);
    if (status != HF_ERR_LIMIT) return status;
    again->done[next->lane] = next->seq;
    return again_set(store, again);
}

/* ---- the whole of it ---- */

static hf_status look_at(void *context, const hf_entry *entry)
{
    next_entry *next = context;
    if (next->found && next->hlc <= entry->hlc) return HF_OK;
    next->found = true;
    next->hlc = entry->hlc;
    next->lane = entry->dot.lane;
    next->seq = entry->dot.seq;
    hf_buffer_clear(&next->body);
    hf_write_raw(&next->body, entry->body);
    return next->body.status;
}

/* Lanes are taken together, in the order of time: one may cite what another wrote before. */
static hf_status find_next(hf_store *store, const hf_again *again, int64_t old_no, next_entry *next)
{
    next->found = false;
    hf_status status = HF_OK;
    for (uint8_t lane = 0; lane < HF_LANE_COUNT && status == HF_OK; lane++)
        status = hf_log_read(store, old_no, lane, again->done[lane], 1, look_at, next);
    return status;
}

hf_status hf_again_finish(hf_store *store)
{
    hf_again again;
    next_entry next = {.found = true};
    bool found;
    hf_status status = again_get(store, &again, &found);
    const hf_origin_row *old = found ? hf_origin_by_id(store, &again.old) : NULL;
    if (status == HF_OK && found && !old) status = HF_ERR_CORRUPT;
    while (status == HF_OK && old && next.found) {
        status = find_next(store, &again, old->no, &next);
        if (status == HF_OK && next.found) status = entry_again(store, &again, &next);
    }
    if (status == HF_OK && old) status = hf_meta_set(store, META_AGAIN, (hf_bytes){NULL, 0});
    hf_buffer_free(&next.body);
    free(again.runs);
    return status;
}
