/* draft_write.c: drafts as bytes (protocol.md 3), and the context that a delete carries. */
#include "draft.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- parts ---- */

typedef struct cited_logs { /* the logs a part cites, its entry's own left out */
    hf_origin_id origins[HF_PART_LOGS_MAX];
    uint8_t lanes[HF_PART_LOGS_MAX];
    size_t count;
} cited_logs;

/* 0 for the entry's own log, else 1 + its place in the table; HF_ERR_LIMIT when it is full. */
static hf_status log_index(hf_store *store, uint8_t lane, cited_logs *logs, const hf_dot *dot,
                           size_t *index)
{
    *index = 0;
    if (hf_origin_equal(&dot->origin, &store->own->id) && dot->lane == lane) return HF_OK;
    for (size_t i = 0; i < logs->count; i++) {
        *index = i + 1;
        if (hf_origin_equal(&dot->origin, &logs->origins[i]) && dot->lane == logs->lanes[i])
            return HF_OK;
    }
    if (logs->count == HF_PART_LOGS_MAX) return HF_ERR_LIMIT;
    logs->origins[logs->count] = dot->origin;
    logs->lanes[logs->count++] = dot->lane;
    *index = logs->count;
    return HF_OK;
}

static hf_status write_op(hf_store *store, uint8_t lane, cited_logs *logs, const hf_draft_op *op,
                          hf_buffer *out)
{
    hf_write_array(out, op->reason ? 4 : 3);
    hf_write_uint(out, op->field);
    hf_write_array(out, op->cite_count);
    for (size_t i = 0; i < op->cite_count; i++) {
        const hf_cite *cite = &op->cites[i];
        size_t index;
        hf_status status = log_index(store, lane, logs, &cite->dot, &index);
        if (status != HF_OK) return status;
        hf_write_array(out, cite->dot.ordinal ? 4 : 3);
        hf_write_uint(out, index);
        hf_write_uint(out, cite->dot.seq);
        hf_write_bytes(out, cite->prefix, HF_PREFIX_SIZE);
        if (cite->dot.ordinal) hf_write_uint(out, cite->dot.ordinal);
    }
    if (op->value)
        hf_write_raw(out, (hf_bytes){op->value, op->value_size});
    else
        hf_write_undefined(out);
    if (op->reason) hf_write_text(out, op->reason, op->reason_size);
    return out->status;
}

static hf_status write_part(hf_store *store, const hf_draft_part *part, hf_buffer *out)
{
    hf_buffer ops = {0}, bytes = {0};
    cited_logs logs = {.count = 0};
    uint8_t salt[8];
    hf_status status = store->crypto->random(store->crypto->context, salt, sizeof salt);
    hf_write_array(&ops, part->count);
    for (size_t i = 0; i < part->count && status == HF_OK; i++)
        status = write_op(store, part->lane, &logs, &part->ops[i], &ops);
    hf_write_raw(&bytes, (hf_bytes){salt, sizeof salt});
    hf_write_array(&bytes, 4);
    hf_write_uint(&bytes, part->record.type);
    hf_write_bytes(&bytes, part->record.bytes, HF_RECORD_ID_SIZE);
    hf_write_array(&bytes, logs.count);
    for (size_t i = 0; i < logs.count; i++) {
        hf_write_array(&bytes, 2);
        hf_write_bytes(&bytes, logs.origins[i].bytes, HF_ORIGIN_SIZE);
        hf_write_uint(&bytes, logs.lanes[i]);
    }
    hf_write_raw(&bytes, hf_buffer_bytes(&ops));
    if (status == HF_OK) status = ops.status;
    if (status == HF_OK) status = bytes.status;
    if (status == HF_OK) hf_write_bytes(out, bytes.data, bytes.size);
    hf_buffer_free(&ops);
    hf_buffer_free(&bytes);
    return status == HF_OK ? out->status : status;
}

/* Of parts of one `entry`: do they share their scope and lane, and so the entry itself? */
static bool together(const hf_draft_part *a, const hf_draft_part *b)
{
    return a->scope == b->scope && a->lane == b->lane;
}

hf_status hf_drafts_entry(hf_store *store, const hf_drafts *drafts, size_t first, hf_buffer *parts,
                          hf_draft *draft, bool *mine)
{
    const hf_draft_part *head = &drafts->parts[first];
    *mine = head->count > 0;
    for (size_t i = first; i-- > 0 && *mine && drafts->parts[i].entry == head->entry;)
        if (drafts->parts[i].count && together(&drafts->parts[i], head)) *mine = false;
    if (!*mine) return HF_OK;
    size_t count = 0;
    size_t end = first;
    for (; end < drafts->count && drafts->parts[end].entry == head->entry; end++)
        if (drafts->parts[end].count && together(&drafts->parts[end], head)) count++;
    hf_buffer_clear(parts);
    hf_write_array(parts, count);
    assert(count <= HF_ENTRY_PARTS_MAX); /* each has an op, and those were counted as they came */
    hf_status status = HF_OK;
    for (size_t i = first; i < end && status == HF_OK; i++)
        if (drafts->parts[i].count && together(&drafts->parts[i], head))
            status = write_part(store, &drafts->parts[i], parts);
    *draft = (hf_draft){.scope = head->scope, .lane = head->lane, .parts = hf_buffer_bytes(parts)};
    return status;
}

bool hf_drafts_shared(const hf_drafts *drafts, size_t first)
{
    const hf_draft_part *head = &drafts->parts[first];
    size_t begin = first; /* parts stand in entry order */
    while (begin > 0 && drafts->parts[begin - 1].entry == head->entry) begin--;
    for (size_t i = begin; i < drafts->count && drafts->parts[i].entry == head->entry; i++)
        if (!together(&drafts->parts[i], head)) return true;
    return false;
}

/* ---- delete: [[origin, lane, seq, [hole, ...]], ...] of every entry that touches the record ----
 */

typedef struct seen_log {
    hf_origin_id origin;
    uint8_t lane;
    int64_t log;
    uint64_t seq;
} seen_log;

static int seen_compare(const void *a, const void *b)
{
    const seen_log *left = a, *right = b;
    int order = memcmp(left->origin.bytes, right->origin.bytes, HF_ORIGIN_SIZE);
    return order ? order : (int)left->lane - (int)right->lane;
}

static hf_status seen_add(seen_log **logs, size_t *count, const hf_dot *dot, int64_t log)
{
    for (size_t i = 0; i < *count; i++) {
        if ((*logs)[i].log != log) continue;
        if (dot->seq > (*logs)[i].seq) (*logs)[i].seq = dot->seq;
        return HF_OK;
    }
    seen_log *more = realloc(*logs, (*count + 1) * sizeof *more);
    if (!more) return HF_ERR_NOMEM;
    *logs = more;
    more[(*count)++] = (seen_log){dot->origin, dot->lane, log, dot->seq};
    return HF_OK;
}

static hf_status seen_collect(hf_store *store, int64_t record, seen_log **logs, size_t *count)
{
    uint64_t positions[64], after = 0;
    size_t found = 1;
    hf_status status = HF_OK;
    while (status == HF_OK && found > 0) {
        status = hf_record_entries(store, record, after, positions, &found);
        for (size_t i = 0; i < found && status == HF_OK; i++) {
            hf_entry entry;
            int64_t origin;
            status = hf_entry_at(store, positions[i], &entry, &origin);
            if (status == HF_OK && !entry.withheld)
                status = seen_add(logs, count, &entry.dot, hf_log_no(origin, entry.dot.lane));
        }
        if (found) after = positions[found - 1];
    }
    return status;
}

/* All holes are named, however many: one left out would let the delete hide what was withheld from
 * its writer. */
static hf_status write_seen(hf_store *store, const seen_log *log, uint32_t scope, hf_buffer *out)
{
    hf_buffer holes = {0};
    size_t count = 0;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_HOLES_UP_TO);
    sqlite3_bind_int64(statement, 1, log->log);
    sqlite3_bind_int64(statement, 2, scope);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)log->seq);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    for (; status == HF_OK && row; count++) {
        hf_write_uint(&holes, (uint64_t)sqlite3_column_int64(statement, 0));
        status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    hf_write_array(out, 4);
    hf_write_bytes(out, log->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(out, log->lane);
    hf_write_uint(out, log->seq);
    hf_write_array(out, count);
    hf_write_raw(out, hf_buffer_bytes(&holes));
    if (status == HF_OK) status = holes.status;
    hf_buffer_free(&holes);
    return status;
}

hf_status hf_delete_context(hf_store *store, int64_t record, uint32_t scope, hf_buffer *out)
{
    seen_log *logs = NULL;
    size_t count = 0;
    hf_status status = seen_collect(store, record, &logs, &count);
    if (status == HF_OK && count) qsort(logs, count, sizeof *logs, seen_compare);
    hf_write_array(out, count);
    for (size_t i = 0; i < count && status == HF_OK; i++)
        status = write_seen(store, &logs[i], scope, out);
    free(logs);
    if (status == HF_OK) status = out->status;
    if (status != HF_OK || out->size <= HF_VALUE_SIZE_MAX) return status;
    return hf_store_say(store, HF_ERR_LIMIT,
                        "Too many of the record's entries are withheld to delete it. Ask the hub "
                        "operator to review them; nothing was saved.");
}
