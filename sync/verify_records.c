/* verify_records.c: is every record what its entries add up to?
 *
 * Records are folded as entries come; here each is folded anew, from nothing but the entries, and
 * the two are compared write by write. Conflicts are compared with what the record shows. */
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 64, NAME_SIZE = 48 };

static const char *name_of(const hf_record *record, char out[NAME_SIZE])
{
    int size = snprintf(out, NAME_SIZE, "%u_", record->id.type);
    for (size_t i = 0; i < HF_RECORD_ID_SIZE; i++)
        size += snprintf(out + size, NAME_SIZE - (size_t)size, "%02x", record->id.bytes[i]);
    return out;
}

/* ---- one record against its entries ---- */

static const hf_record_field *field_of(const hf_record *record, uint32_t number)
{
    for (size_t i = 0; i < record->field_count; i++)
        if (record->fields[i].number == number) return &record->fields[i];
    return NULL;
}

static bool same_cite(const hf_cite *a, const hf_cite *b)
{
    return hf_dot_compare(&a->dot, &b->dot) == 0 &&
           memcmp(a->prefix, b->prefix, HF_PREFIX_SIZE) == 0;
}

/* Cells keep both arrays ascending, so the same set stands in the same places. */
static bool same_live(const hf_cell *a, const hf_cell *b)
{
    if (a->live_count != b->live_count) return false;
    for (size_t i = 0; i < a->live_count; i++) {
        const hf_live *left = &a->live[i], *right = &b->live[i];
        if (!same_cite(&left->at, &right->at) || left->hlc != right->hlc ||
            left->quality != right->quality || !hf_bytes_equal(left->value, right->value))
            return false;
    }
    return true;
}

/* Is the entry here, with all its parts? Then whatever it writes is folded anew whenever it comes
 * to count or not to count, and nobody need remember that it was overwritten. */
static bool is_whole(hf_store *store, const hf_dot *dot)
{
    hf_entry entry;
    hf_entry_body body;
    const hf_origin_row *origin = hf_origin_by_id(store, &dot->origin);
    return origin &&
           hf_entry_by_dot(store, hf_log_no(origin->no, dot->lane), dot->seq, &entry) == HF_OK &&
           hf_entry_parse(entry.body, &body) == HF_OK && body.erased_count == 0;
}

/* What waits for a write that is still to come must not be forgotten, or the write would come back
 * to life; what waits for one that never can come does no harm. */
static bool holds_pending(hf_store *store, const hf_cell *stored, const hf_cell *fresh)
{
    for (size_t i = 0; i < fresh->pending_count; i++) {
        bool found = false;
        for (size_t j = 0; j < stored->pending_count && !found; j++)
            found = same_cite(&stored->pending[j], &fresh->pending[i]);
        if (!found && !is_whole(store, &fresh->pending[i].dot)) return false;
    }
    return true;
}

static bool same_fields(hf_store *store, const hf_record *stored, const hf_record *fresh,
                        uint32_t *field)
{
    static const hf_cell nothing;
    for (size_t i = 0; i < stored->field_count; i++) {
        const hf_record_field *other = field_of(fresh, stored->fields[i].number);
        *field = stored->fields[i].number;
        if (!same_live(&stored->fields[i].cell, other ? &other->cell : &nothing)) return false;
    }
    for (size_t i = 0; i < fresh->field_count; i++) {
        const hf_record_field *other = field_of(stored, fresh->fields[i].number);
        const hf_cell *cell = other ? &other->cell : &nothing;
        *field = fresh->fields[i].number;
        if (!other && fresh->fields[i].cell.live_count) return false;
        if (!holds_pending(store, cell, &fresh->fields[i].cell)) return false;
    }
    return true;
}

/* ---- its conflicts ---- */

static hf_status in_conflict(hf_store *store, const hf_record *record, const hf_record_field *field,
                             bool *out)
{
    const hf_cell *cell = &field->cell;
    *out = false;
    if (field->number == HF_FIELD_DELETED) *out = record->edited_deleted;
    if (field->number == HF_FIELD_DELETED || cell->live_count < 2) return HF_OK;
    size_t *order = malloc(cell->live_count * sizeof *order);
    if (!order) return HF_ERR_NOMEM;
    hf_fold fold;
    hf_fold_live(hf_pack_field(store->pack, record->id.type, field->number), cell->live,
                 cell->live_count, order, &fold);
    free(order);
    *out = fold.conflict;
    return HF_OK;
}

static hf_status is_listed(hf_store *store, const hf_record *record, uint32_t field, bool *out)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_CONFLICT_GET);
    sqlite3_bind_int64(statement, 1, record->no);
    sqlite3_bind_int64(statement, 2, field);
    hf_status status = hf_sql_row(store, statement, out);
    if (statement) sqlite3_reset(statement);
    return status;
}

static hf_status check_conflicts(hf_store *store, const hf_record *record, hf_verify_report *report)
{
    char name[NAME_SIZE];
    hf_status status = HF_OK;
    for (size_t i = 0; i < record->field_count && status == HF_OK; i++) {
        bool expected, listed;
        uint32_t field = record->fields[i].number;
        status = in_conflict(store, record, &record->fields[i], &expected);
        if (status == HF_OK) status = is_listed(store, record, field, &listed);
        if (status == HF_OK && expected != listed)
            hf_verify_fault(report,
                            "Field %u of record %s %s a conflict; the list of conflicts "
                            "says otherwise.",
                            field, name_of(record, name), expected ? "has" : "does not have");
    }
    return status;
}

static hf_status check_reference(hf_store *store, hf_record *record, hf_verify_report *report)
{
    char name[NAME_SIZE];
    bool matches;
    hf_status status = hf_reference_matches(store, record, &matches);
    if (status == HF_OK && !matches)
        hf_verify_fault(report, "The list of references does not say what record %s bears.",
                        name_of(record, name));
    return status;
}

/* ---- all of them ---- */

static hf_status check_record(hf_store *store, int64_t no, hf_verify_report *report)
{
    char name[NAME_SIZE];
    hf_record stored = {0}, fresh = {0};
    uint32_t field = 0;
    hf_status status = hf_record_load_no(store, no, true, &stored);
    if (status == HF_OK) status = hf_record_rebuild(store, no, &fresh);
    if (status == HF_OK && !same_fields(store, &stored, &fresh, &field))
        hf_verify_fault(report, "Field %u of record %s is not what its entries add up to.", field,
                        name_of(&stored, name));
    else if (status == HF_OK &&
             (stored.deleted != fresh.deleted || stored.edited_deleted != fresh.edited_deleted))
        hf_verify_fault(report, "Record %s is %s; by its entries it is not.",
                        name_of(&stored, name), stored.deleted ? "hidden" : "shown");
    else if (status == HF_OK)
        status = check_conflicts(store, &stored, report);
    if (status == HF_OK) status = check_reference(store, &stored, report);
    hf_record_clear(&stored);
    hf_record_clear(&fresh);
    return hf_verify_excuse(store, report, status);
}

hf_status hf_verify_records(hf_store *store, hf_verify_report *report)
{
    int64_t last = 0;
    for (;;) {
        int64_t page[PAGE];
        size_t count = 0;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_RECORDS);
        sqlite3_bind_int64(statement, 1, last);
        bool row;
        hf_status status = hf_sql_row(store, statement, &row);
        while (status == HF_OK && row && count < PAGE) {
            page[count++] = sqlite3_column_int64(statement, 0);
            status = hf_sql_row(store, statement, &row);
        }
        if (statement) sqlite3_reset(statement);
        for (size_t i = 0; i < count && status == HF_OK; i++)
            status = check_record(store, page[i], report);
        if (status != HF_OK || count < PAGE) return status;
        last = page[count - 1];
    }
}
