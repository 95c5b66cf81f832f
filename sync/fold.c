/* fold.c: entries into records: one part at a time as they come, or all of them anew.
 *
 * Why both: folding as they come is fast; folding anew is simple, and is what a verdict needs when
 * an entry stops or starts to count. Both go through hf_cell_merge, so they cannot come to differ.
 */
#include "store_core.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct fold_context {
    hf_store *store;
    uint32_t scope;
    hf_status status;
} fold_context;

static bool seen_in_store(void *context, const hf_dot *dot)
{
    fold_context *fold = context;
    bool seen = false;
    if (fold->status == HF_OK) fold->status = hf_dot_seen(fold->store, fold->scope, dot, &seen);
    return seen;
}

static bool seen_never(void *context, const hf_dot *dot)
{
    (void)context;
    (void)dot;
    return false;
}

/* Where the write stands: the entry's facts that every op of it shares. */
typedef struct fold_entry {
    const hf_entry_body *body;
    hf_origin_id origin;
    uint8_t lane, quality;
    uint8_t hash[HF_HASH_SIZE];
} fold_entry;

static hf_write write_of(const fold_entry *entry, const hf_op *op)
{
    hf_write write = {.overwritten = op->cites, .overwritten_count = op->cite_count};
    write.write = (hf_live){.hlc = entry->body->hlc, .quality = entry->quality, .value = op->value};
    write.write.at.dot = (hf_dot){.origin = entry->origin,
                                  .lane = entry->lane,
                                  .seq = entry->body->seq,
                                  .ordinal = op->ordinal};
    memcpy(write.write.at.prefix, entry->hash, HF_PREFIX_SIZE);
    return write;
}

/* A field whose live elements are rows: those that the write overwrites go row by row; the cell
 * keeps what is pending, and the new element until the record is stored. */
static hf_status fold_rows(fold_context *fold, hf_record *record, hf_record_field *field,
                           hf_write *write)
{
    hf_cite left[HF_OVERWRITTEN_MAX];
    size_t left_count = 0;
    for (size_t i = 0; i < write->overwritten_count; i++) {
        bool was_live;
        hf_status status = hf_element_delete(fold->store, record->no, field->number,
                                             &write->overwritten[i], &was_live);
        if (status != HF_OK) return status;
        if (!was_live) left[left_count++] = write->overwritten[i];
    }
    write->overwritten = left;
    write->overwritten_count = left_count;
    return hf_cell_merge(&field->cell, write, seen_in_store, fold);
}

static hf_status fold_part(fold_context *fold, hf_record *record, hf_part *part,
                           const fold_entry *entry)
{
    hf_status status = HF_OK;
    while (part->op_left > 0 && status == HF_OK) {
        hf_op op;
        hf_record_field *field;
        status = hf_op_next(part, &entry->origin, entry->lane, &op);
        if (status == HF_OK) status = hf_record_field_at(record, op.field, &field);
        if (status != HF_OK) return status;
        hf_write write = write_of(entry, &op);
        status = field->rows ? fold_rows(fold, record, field, &write)
                             : hf_cell_merge(&field->cell, &write, seen_in_store, fold);
        if (status == HF_OK) status = fold->status;
        if (HF_PLANTED(PENDING_FORGOTTEN)) field->cell.pending_count = 0;
    }
    return status;
}

/* ---- what the live writes add up to: hidden, flagged, disputed ---- */

/* A delete that does not read as one covers nothing: it is shown, flagged, not obeyed. */
static bool covered(const hf_cell *deletes, const hf_dot *dot)
{
    bool is_covered = false;
    for (size_t i = 0; i < deletes->live_count && !is_covered; i++)
        if (hf_delete_covers(deletes->live[i].value, dot, &is_covered) != HF_OK) is_covered = false;
    return is_covered;
}

static hf_status settle_deleted(hf_store *store, hf_record *record)
{
    record->deleted = record->edited_deleted = false;
    hf_record_field *deletes = record->field_count ? &record->fields[0] : NULL;
    if (!deletes || deletes->number != HF_FIELD_DELETED || deletes->cell.live_count == 0)
        return HF_OK;
    bool all = true;
    for (size_t i = 1; i < record->field_count && all; i++) {
        hf_record_field *field = &record->fields[i];
        if (field->rows) {
            hf_status status = hf_elements_load(store, record, field);
            if (status != HF_OK) return status;
        }
        for (size_t j = 0; j < field->cell.live_count && all; j++)
            all = covered(&deletes->cell, &field->cell.live[j].at.dot);
    }
    if (HF_PLANTED(DELETE_HIDES_EDIT)) all = true;
    record->deleted = all;
    record->edited_deleted = !all;
    return HF_OK;
}

static hf_status conflict_add(hf_store *store, int64_t record, uint32_t field, const hf_cell *cell)
{
    hf_hlc since = 0;
    for (size_t i = 0; i < cell->live_count; i++)
        if (cell->live[i].hlc > since) since = cell->live[i].hlc;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_CONFLICT_ADD);
    sqlite3_bind_int64(statement, 1, record);
    sqlite3_bind_int64(statement, 2, field);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)since);
    return hf_sql_run(store, statement);
}

static hf_status field_conflict(hf_store *store, const hf_record *record,
                                const hf_record_field *field)
{
    const hf_cell *cell = &field->cell;
    if (field->rows || cell->live_count < 2 || field->number == HF_FIELD_DELETED) return HF_OK;
    size_t *order = malloc(cell->live_count * sizeof *order);
    if (!order) return HF_ERR_NOMEM;
    hf_fold fold;
    const hf_field *rule = hf_pack_field(store->pack, record->id.type, field->number);
    hf_fold_live(rule, cell->live, cell->live_count, order, &fold);
    free(order);
    if (!fold.conflict || HF_PLANTED(CONFLICT_DROPPED)) return HF_OK;
    return conflict_add(store, record->no, field->number, cell);
}

static hf_status settle_conflicts(hf_store *store, const hf_record *record, bool fresh)
{
    hf_status status = HF_OK;
    if (!fresh) {
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_CONFLICT_CLEAR);
        sqlite3_bind_int64(statement, 1, record->no);
        status = hf_sql_run(store, statement);
    }
    if (status == HF_OK && record->edited_deleted)
        status = conflict_add(store, record->no, HF_FIELD_DELETED, &record->fields[0].cell);
    for (size_t i = 0; i < record->field_count && status == HF_OK; i++)
        status = field_conflict(store, record, &record->fields[i]);
    return status;
}

hf_status hf_record_settle(hf_store *store, hf_record *record, bool anew)
{
    bool fresh = record->no == 0;
    hf_status status = settle_deleted(store, record);
    if (status == HF_OK) status = hf_record_store(store, record);
    if (status == HF_OK) status = hf_reference_settle(store, record, anew);
    return status == HF_OK ? settle_conflicts(store, record, fresh) : status;
}

static hf_status record_numbers(hf_store *store, int64_t after, int64_t numbers[64], size_t *count)
{
    *count = 0;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECORD_NUMBERS);
    sqlite3_bind_int64(statement, 1, after);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        assert(*count < 64); /* the statement's own bound */
        numbers[(*count)++] = sqlite3_column_int64(statement, 0);
        status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    return status;
}

/* The conflicts are a fold by the pack's rules, as is who bears which number: under another pack
 * they are other ones. */
static hf_status resettle_all(hf_store *store)
{
    hf_status status = HF_OK;
    int64_t numbers[64], after = 0;
    size_t count = 1;
    while (status == HF_OK && count > 0) {
        status = record_numbers(store, after, numbers, &count);
        for (size_t i = 0; i < count && status == HF_OK; i++) {
            hf_record record;
            status = hf_record_load_no(store, numbers[i], false, &record);
            if (status != HF_OK) break;
            status = settle_conflicts(store, &record, false);
            if (status == HF_OK) status = hf_reference_settle(store, &record, true);
            hf_record_clear(&record);
        }
        if (count) after = numbers[count - 1];
    }
    return status;
}

hf_status hf_conflicts_refresh(hf_store *store)
{
    uint32_t version = hf_pack_version(store->pack);
    hf_buffer stored = {0};
    hf_status status = hf_meta_get(store, "conflicts_pack", &stored);
    bool current = stored.size == sizeof version && memcmp(stored.data, &version, 4) == 0;
    hf_buffer_free(&stored);
    if (status != HF_OK || current || store->read_only) return status;
    status = hf_sql_run(store, hf_sql(store, HF_SQL_BEGIN));
    if (status != HF_OK) return status;
    status = resettle_all(store);
    if (status == HF_OK)
        status = hf_meta_set(store, "conflicts_pack",
                             (hf_bytes){(const uint8_t *)&version, sizeof version});
    if (status == HF_OK) status = hf_sql_run(store, hf_sql(store, HF_SQL_COMMIT));
    if (status != HF_OK) hf_store_undo(store);
    return status;
}

/* The entry that began a record stands in its row: most records never get a second one. */
static hf_status note_entry(hf_store *store, int64_t record, uint64_t position)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECORD_ENTRY_ADD);
    sqlite3_bind_int64(statement, 1, record);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)position);
    return hf_sql_run(store, statement);
}

static hf_status entry_quality(hf_store *store, const hf_origin_id *origin, uint8_t lane,
                               const hf_entry_body *entry, uint8_t *quality)
{
    *quality = entry->quality;
    if (!store->clock_caps) return HF_OK;
    const hf_origin_row *row = hf_origin_by_id(store, origin);
    assert(row); /* it was met when its entry came */
    return hf_clock_quality(store, hf_log_no(row->no, lane), entry->seq, quality);
}

hf_status hf_record_fold(hf_store *store, hf_part *part, const hf_entry_body *entry,
                         const hf_origin_id *origin, uint8_t lane, const uint8_t hash[HF_HASH_SIZE],
                         uint64_t position)
{
    fold_context fold = {.store = store, .scope = entry->scope};
    fold_entry facts = {.body = entry, .origin = *origin, .lane = lane};
    memcpy(facts.hash, hash, HF_HASH_SIZE);
    hf_record record;
    hf_status status = entry_quality(store, origin, lane, entry, &facts.quality);
    if (status == HF_OK) status = hf_record_load_scope(store, &part->record, entry->scope, &record);
    if (status != HF_OK) return status;
    bool begins = record.no == 0;
    if (begins) record.first = position;
    status = hf_record_keep(store, &record);
    if (status == HF_OK) status = fold_part(&fold, &record, part, &facts);
    if (status == HF_OK) status = hf_record_settle(store, &record, false);
    if (status == HF_OK && !begins) status = note_entry(store, record.no, position);
    hf_record_clear(&record);
    bool system = part->record.type < HF_TYPE_FIRST_PACK;
    return status == HF_OK && system ? hf_control_fold(store, &part->record, false) : status;
}

/* ---- a record that holds too much ---- */

/* How far above its limits the record is; `full`: it is at one of them. Elements that have rows of
 * their own do not count: no write has to read them. */
static size_t excess_of(const hf_record *record, bool *full)
{
    size_t all = 0, excess = 0;
    *full = false;
    for (size_t i = 0; i < record->field_count; i++) {
        const hf_record_field *field = &record->fields[i];
        size_t dots = field->cell.pending_count + (field->rows ? 0 : field->cell.live_count);
        if (dots > HF_FIELD_DOTS_MAX) excess += dots - HF_FIELD_DOTS_MAX;
        if (dots >= HF_FIELD_DOTS_MAX) *full = true;
        all += dots;
    }
    if (all > HF_RECORD_DOTS_MAX) excess += all - HF_RECORD_DOTS_MAX;
    if (all >= HF_RECORD_DOTS_MAX) *full = true;
    return excess;
}

/* Zero is no record's: the slot is free. */
static uint64_t *crowded_slot(hf_store *store, const hf_record_id *id, uint64_t *mark)
{
    uint64_t high, low;
    memcpy(&high, id->bytes, sizeof high);
    memcpy(&low, id->bytes + sizeof high, sizeof low);
    *mark = ((high ^ id->type) * 0x9e3779b97f4a7c15u ^ low * 0xc2b2ae3d27d4eb4fu) | 1;
    return &store->crowded[(*mark >> 32) % HF_CROWDED_SLOTS];
}

void hf_record_note_crowded(hf_store *store, const hf_record *record)
{
    uint64_t mark;
    bool full;
    (void)excess_of(record, &full);
    if (!full) return;
    uint64_t *slot = crowded_slot(store, &record->id, &mark);
    *slot = mark;
}

/* Folds the part into a copy of its record, for the count alone. */
static hf_status part_crowds(hf_store *store, hf_part *part, const fold_entry *facts, bool *crowds)
{
    hf_record record;
    fold_context fold = {.store = store, .scope = facts->body->scope};
    hf_status status = hf_record_load_scope(store, &part->record, fold.scope, &record);
    if (status != HF_OK) return status;
    bool full;
    size_t before = excess_of(&record, &full);
    while (part->op_left > 0 && status == HF_OK) {
        hf_op op;
        hf_record_field *field;
        status = hf_op_next(part, &facts->origin, facts->lane, &op);
        if (status == HF_OK) status = hf_record_field_at(&record, op.field, &field);
        hf_write write = write_of(facts, &op);
        if (status == HF_OK) status = hf_cell_merge(&field->cell, &write, seen_in_store, &fold);
        if (status == HF_OK) status = fold.status;
    }
    *crowds = excess_of(&record, &full) > before;
    hf_record_clear(&record);
    return status;
}

hf_status hf_entry_crowds(hf_store *store, const hf_origin_row *origin, uint8_t lane,
                          const hf_entry_body *entry, bool *crowds)
{
    fold_entry facts = {.body = entry, .origin = origin->id, .lane = lane};
    hf_reader parts = hf_reader_open(entry->parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    hf_status status = HF_OK;
    *crowds = false;
    for (size_t i = 0; i < count && status == HF_OK && !*crowds; i++) {
        hf_part part;
        uint64_t mark;
        status = hf_part_next(NULL, &parts, &part);
        if (status != HF_OK || part.erased) continue;
        if (*crowded_slot(store, &part.record, &mark) != mark) continue;
        status = part_crowds(store, &part, &facts, crowds);
    }
    return status;
}

/* ---- anew ---- */

static hf_status keep_body(hf_record *record, hf_bytes *body)
{
    uint8_t **kept = realloc(record->kept, (record->kept_count + 1) * sizeof *kept);
    if (!kept) return HF_ERR_NOMEM;
    record->kept = kept;
    uint8_t *copy = malloc(body->size);
    if (!copy) return HF_ERR_NOMEM;
    kept[record->kept_count++] = copy;
    memcpy(copy, body->data, body->size);
    body->data = copy;
    return HF_OK;
}

static hf_status rebuild_parts(hf_store *store, hf_record *record, const fold_entry *facts)
{
    hf_reader parts = hf_reader_open(facts->body->parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        hf_part part;
        hf_status status = hf_part_next(store->crypto, &parts, &part);
        if (status != HF_OK) return status;
        bool ours = !part.erased && part.record.type == record->id.type &&
                    memcmp(part.record.bytes, record->id.bytes, HF_RECORD_ID_SIZE) == 0;
        while (ours && part.op_left > 0) {
            hf_op op;
            hf_record_field *field;
            status = hf_op_next(&part, &facts->origin, facts->lane, &op);
            if (status == HF_OK) status = hf_record_field_at(record, op.field, &field);
            hf_write write = write_of(facts, &op);
            if (status == HF_OK) status = hf_cell_merge(&field->cell, &write, seen_never, NULL);
            if (status != HF_OK) return status;
        }
    }
    return HF_OK;
}

static hf_status rebuild_entry(hf_store *store, hf_record *record, uint64_t position)
{
    hf_entry entry;
    int64_t origin_no;
    hf_entry_body body;
    hf_status status = hf_entry_at(store, position, &entry, &origin_no);
    if (status != HF_OK || entry.withheld) return status;
    status = keep_body(record, &entry.body);
    if (status == HF_OK) status = hf_entry_parse(entry.body, &body);
    if (status != HF_OK || body.scope != record->scope) return status;
    bool had = false;
    if (record->basis)
        status =
            hf_in_base(store, body.scope, hf_log_no(origin_no, entry.dot.lane), body.seq, &had);
    if (status != HF_OK || had) return status;
    fold_entry facts = {.body = &body, .origin = entry.dot.origin, .lane = entry.dot.lane};
    status = hf_entry_hash(store->crypto, &facts.origin, facts.lane, &body, facts.hash);
    if (status == HF_OK)
        status = entry_quality(store, &facts.origin, facts.lane, &body, &facts.quality);
    if (status == HF_OK) status = rebuild_parts(store, record, &facts);
    return status;
}

/* What was cited and is folded, but was not overwritten by then, never can be: its prefix is wrong,
 * or the entry does not write the field. */
hf_status hf_record_drop_seen(hf_store *store, hf_record *record)
{
    for (size_t i = 0; i < record->field_count; i++) {
        hf_cell *cell = &record->fields[i].cell;
        size_t kept = 0;
        for (size_t j = 0; j < cell->pending_count; j++) {
            bool seen;
            hf_status status = hf_dot_seen(store, record->scope, &cell->pending[j].dot, &seen);
            if (status != HF_OK) return status;
            if (!seen) cell->pending[kept++] = cell->pending[j];
        }
        cell->pending_count = kept;
    }
    return HF_OK;
}

/* What a snapshot brought may have been found out since to be by a wrong clock. */
hf_status hf_record_cap(hf_store *store, hf_record *record)
{
    hf_status status = HF_OK;
    for (size_t i = 0; i < record->field_count && store->clock_caps; i++) {
        hf_cell *cell = &record->fields[i].cell;
        for (size_t j = 0; j < cell->live_count && status == HF_OK; j++) {
            const hf_dot *dot = &cell->live[j].at.dot;
            const hf_origin_row *row = hf_origin_by_id(store, &dot->origin);
            assert(row); /* it was met when the snapshot was loaded */
            status = hf_clock_quality(store, hf_log_no(row->no, dot->lane), dot->seq,
                                      &cell->live[j].quality);
        }
    }
    return status;
}

hf_status hf_record_rebuild(hf_store *store, int64_t no, hf_record *out)
{
    hf_status status = hf_record_load_no(store, no, false, out);
    if (status != HF_OK) return status;
    hf_record fresh;
    status = hf_record_load_base(store, out, &fresh);
    hf_record_clear(out);
    if (status == HF_OK) status = hf_record_cap(store, &fresh);
    uint64_t position = 0;
    size_t count = 1;
    while (status == HF_OK && count > 0) {
        uint64_t positions[64];
        status = hf_record_entries(store, no, position, positions, &count);
        for (size_t i = 0; i < count && status == HF_OK; i++)
            status = rebuild_entry(store, &fresh, positions[i]);
        if (count) position = positions[count - 1];
    }
    if (status == HF_OK) status = hf_record_drop_seen(store, &fresh);
    if (status == HF_OK) status = settle_deleted(store, &fresh);
    if (status != HF_OK) hf_record_clear(&fresh);
    *out = fresh;
    return status;
}

hf_status hf_record_entries(hf_store *store, int64_t no, uint64_t after, uint64_t positions[64],
                            size_t *count)
{
    *count = 0;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECORD_ENTRIES);
    sqlite3_bind_int64(statement, 1, no);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)after);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        assert(*count < 64); /* the statement's own bound */
        positions[(*count)++] = (uint64_t)sqlite3_column_int64(statement, 0);
        status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    return status;
}

hf_status hf_record_refold(hf_store *store, int64_t no)
{
    hf_record record;
    hf_status status = hf_record_load_no(store, no, false, &record);
    if (status == HF_OK) status = hf_record_keep(store, &record);
    hf_record_basis basis = record.basis;
    hf_record_clear(&record);
    if (status == HF_OK) status = hf_record_rebuild(store, no, &record);
    if (status != HF_OK) return status;
    record.basis = basis;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ELEMENTS_CLEAR);
    sqlite3_bind_int64(statement, 1, no);
    status = hf_sql_run(store, statement);
    if (status == HF_OK) status = hf_record_settle(store, &record, true);
    hf_record_clear(&record);
    if (status != HF_OK) return status;
    statement =
        hf_sql(store, HF_SQL_R_STALE_ADD); /* find.c follows the feed, which this is not in */
    sqlite3_bind_int64(statement, 1, no);
    return hf_sql_run(store, statement);
}

hf_status hf_record_refold_entry(hf_store *store, uint64_t position)
{
    hf_entry entry;
    int64_t origin_no;
    hf_entry_body body;
    hf_status status = hf_entry_at(store, position, &entry, &origin_no);
    hf_buffer copy = {0}; /* refolding reads other entries through the same statement */
    if (status == HF_OK) hf_write_raw(&copy, entry.body);
    if (status == HF_OK) status = copy.status;
    if (status == HF_OK) status = hf_entry_parse(hf_buffer_bytes(&copy), &body);
    hf_reader parts = hf_reader_open(body.parts);
    size_t count = status == HF_OK ? hf_read_array(&parts, HF_ENTRY_PARTS_MAX) : 0;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        hf_part part;
        hf_record record;
        status = hf_part_next(store->crypto, &parts, &part);
        if (status != HF_OK || part.erased) continue;
        status = hf_record_load_scope(store, &part.record, entry.scope, &record);
        if (status != HF_OK) continue;
        /* Withheld from the start, it was never folded: its record may not be here yet. */
        if (record.no == 0) record.first = position;
        if (record.no == 0) status = hf_record_store(store, &record);
        if (status == HF_OK) status = note_entry(store, record.no, position);
        if (status == HF_OK) status = hf_record_refold(store, record.no);
        hf_record_clear(&record);
    }
    hf_buffer_free(&copy);
    return status;
}
