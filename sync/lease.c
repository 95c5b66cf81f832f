/* lease.c: a hub leases numbers, and never the same twice.
 *
 * Why the next free number is asked of the table and kept nowhere else: whatever a hub knows of
 * leases, it knows by entries in a log, whoever wrote them and however they came to be here. A hub
 * that writes under a new name has been restored or has taken another's place, and may not know of
 * all that was leased: it leaves a gap that no hub can have used up meanwhile. */
#include "lease.h"

#include "ids.h"
#include "planted.h"
#include "reference.h"
#include "store_core.h"
#include "system_types.h"

#include <stdio.h>
#include <string.h>

/* ---- the table ---- */

static hf_bytes first_value(const hf_record *record, uint32_t field)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const hf_cell *cell = &record->fields[i].cell;
        if (record->fields[i].number == field && cell->live_count) return cell->live[0].value;
    }
    return (hf_bytes){NULL, 0};
}

static hf_status author_of(hf_store *store, const hf_record *record, int64_t *hub)
{
    hf_origin_row *row = NULL;
    for (size_t i = 0; i < record->field_count; i++) {
        const hf_cell *cell = &record->fields[i].cell;
        if (record->fields[i].number != HF_LEASE_RANGE || !cell->live_count) continue;
        hf_status status = hf_origin_intern(store, &cell->live[0].at.dot.origin, &row);
        if (status != HF_OK) return status;
    }
    *hub = row ? row->no : 0;
    return HF_OK;
}

hf_status hf_lease_fold(hf_store *store, const struct hf_record *record)
{
    hf_lease lease;
    int64_t hub;
    hf_reader series = hf_reader_open(first_value(record, HF_LEASE_SERIES));
    hf_reader range = hf_reader_open(first_value(record, HF_LEASE_RANGE));
    hf_reader holder = hf_reader_open(first_value(record, HF_LEASE_HOLDER));
    hf_reader key = hf_reader_open(first_value(record, HF_LEASE_KEY_ID));
    hf_reader granted = hf_reader_open(first_value(record, HF_LEASE_GRANTED));
    hf_bytes name = hf_read_text(&series);
    if (hf_read_array(&range, 2) != 2) hf_reader_fail(&range, HF_ERR_PROTOCOL);
    lease.first = hf_read_uint_max(&range, HF_REFERENCE_MAX);
    lease.last = hf_read_uint_max(&range, HF_REFERENCE_MAX);
    hf_read_bytes_exact(&holder, lease.holder.bytes, HF_ORIGIN_SIZE);
    hf_read_bytes_exact(&key, lease.key_id, HF_HASH_SIZE);
    lease.granted_ms = hf_read_uint_max(&granted, INT64_MAX);
    bool whole = hf_reader_end(&series) == HF_OK && hf_reader_end(&range) == HF_OK &&
                 hf_reader_end(&holder) == HF_OK && hf_reader_end(&key) == HF_OK &&
                 hf_reader_end(&granted) == HF_OK;
    if (!whole || lease.first == 0 || lease.last < lease.first) return HF_OK; /* not yet whole */
    hf_status status = author_of(store, record, &hub);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_LEASE_SET);
    hf_bind_bytes(statement, 1, record->id.bytes, HF_RECORD_ID_SIZE);
    sqlite3_bind_text(statement, 2, (const char *)name.data, (int)name.size, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)lease.first);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)lease.last);
    hf_bind_bytes(statement, 5, lease.holder.bytes, HF_ORIGIN_SIZE);
    hf_bind_bytes(statement, 6, lease.key_id, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 7, (sqlite3_int64)lease.granted_ms);
    sqlite3_bind_int64(statement, 8, hub);
    return hf_sql_run(store, statement);
}

/* Runs a statement that gives one number, or none: 0. `series` is its first value. */
static sqlite3_stmt *of_series(hf_store *store, hf_sql_id sql, const char *series)
{
    sqlite3_stmt *statement = hf_sql(store, sql);
    sqlite3_bind_text(statement, 1, series, -1, SQLITE_STATIC);
    return statement;
}

static sqlite3_stmt *in_range(hf_store *store, hf_sql_id sql, const char *series, uint64_t first,
                              uint64_t last)
{
    sqlite3_stmt *statement = of_series(store, sql, series);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)first);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)last);
    return statement;
}

/* ---- the next that were leased to nobody ---- */

static hf_status count_own(void *context, const hf_origin_row *origin)
{
    (void)origin;
    ++*(size_t *)context;
    return HF_OK;
}

/* A life of this hub that it has forgotten may have left the very same gap, and leased above it. So
 * each life that does not know what was leased goes on somewhere else: where, its name says. */
static uint64_t own_skips(const hf_store *store, uint64_t last)
{
    const uint8_t *id = store->own->id.bytes;
    uint64_t places = (HF_REFERENCE_MAX - last) / HF_LEASE_SKIP / HF_LEASE_SPREAD;
    uint64_t name = (uint64_t)id[0] << 24 | (uint64_t)id[1] << 16 | (uint64_t)id[2] << 8 | id[3];
    return places ? name % places : 0;
}

static hf_status next_free(hf_store *store, const hf_series *series, uint64_t *first)
{
    uint64_t last, ours;
    size_t lives = 0;
    hf_status status =
        hf_sql_number(store, of_series(store, HF_SQL_R_LEASE_LAST, series->name), &last);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = of_series(store, HF_SQL_R_LEASE_BY, series->name);
    sqlite3_bind_int64(statement, 2, store->own->no);
    status = hf_sql_number(store, statement, &ours);
    if (status == HF_OK) status = hf_origin_each_own(store, count_own, &lives);
    bool is_new = !ours && (last > 0 || lives > 1) && !HF_PLANTED(LEASED_WITHOUT_GAP);
    bool forgot = false;
    if (status == HF_OK) status = hf_control_was_lost(store, &forgot);
    if (is_new)
        last = (last / HF_LEASE_SKIP + 1 + (forgot ? own_skips(store, last) : 0)) * HF_LEASE_SKIP;
    if (HF_PLANTED(LEASED_AGAIN) && last > 2 * series->block) last -= series->block;
    *first = last + 1;
    /* Numbers that are in use all the same, since somebody typed them or this hub forgot. */
    for (uint64_t used = 1; status == HF_OK && used;) {
        uint64_t end = *first + series->block - 1;
        status = hf_sql_number(
            store, in_range(store, HF_SQL_R_USED_LAST, series->name, *first, end), &used);
        if (used && !HF_PLANTED(LEASED_AGAIN)) *first = used + 1;
        if (HF_PLANTED(LEASED_AGAIN)) used = 0;
    }
    return status;
}

/* ---- leasing ---- */

hf_status hf_lease_next(hf_store *store, const char *series, const hf_origin_row *holder,
                        uint64_t last, hf_lease *out, bool *got)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_LEASE_AFTER);
    hf_bind_bytes(statement, 1, holder->key_id, HF_HASH_SIZE);
    sqlite3_bind_text(statement, 2, series, -1, SQLITE_STATIC);
    hf_bind_bytes(statement, 3, holder->id.bytes, HF_ORIGIN_SIZE);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)last);
    hf_status status = hf_sql_row(store, statement, got);
    if (status == HF_OK && *got) {
        out->first = (uint64_t)sqlite3_column_int64(statement, 0);
        out->last = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

/* A key that asks without end would use the series up. */
static hf_status had_one_now(hf_batch *batch, const char *series, const hf_origin_row *holder,
                             bool *out)
{
    uint64_t granted_ms;
    sqlite3_stmt *statement = hf_sql(batch->store, HF_SQL_R_LEASE_GRANTED);
    hf_bind_bytes(statement, 1, holder->key_id, HF_HASH_SIZE);
    sqlite3_bind_text(statement, 2, series, -1, SQLITE_STATIC);
    hf_status status = hf_sql_number(batch->store, statement, &granted_ms);
    *out = granted_ms && batch->wall_ms >= granted_ms &&
           batch->wall_ms - granted_ms < HF_LEASE_AGAIN_MS;
    return status;
}

static hf_status write_lease(hf_batch *batch, const hf_series *series, const hf_lease *lease)
{
    hf_store *store = batch->store;
    hf_author author = {.actor = "hub", .wall_ms = batch->wall_ms, .quality = 3};
    hf_record_id id;
    hf_buffer values[5] = {{0}};
    hf_change changes[5];
    hf_status status = hf_record_id_new(store->crypto, HF_TYPE_LEASE, batch->wall_ms, &id);
    hf_write_string(&values[0], series->name);
    hf_write_array(&values[1], 2);
    hf_write_uint(&values[1], lease->first);
    hf_write_uint(&values[1], lease->last);
    hf_write_bytes(&values[2], lease->holder.bytes, HF_ORIGIN_SIZE);
    hf_write_bytes(&values[3], lease->key_id, HF_HASH_SIZE);
    hf_write_uint(&values[4], lease->granted_ms);
    for (uint32_t i = 0; i < 5; i++) {
        if (status == HF_OK) status = values[i].status;
        changes[i] = (hf_change){.record = id,
                                 .scope = HF_SCOPE_CONTROL,
                                 .field = HF_LEASE_SERIES + i,
                                 .value = hf_buffer_bytes(&values[i])};
    }
    if (status == HF_OK) status = hf_batch_control(batch, HF_SCOPE_CONTROL, &author, changes, 5);
    for (size_t i = 0; i < 5; i++) hf_buffer_free(&values[i]);
    return status;
}

hf_status hf_batch_lease(hf_batch *batch, const hf_series *series, const hf_origin_row *holder,
                         uint64_t last, hf_lease *out, bool *got)
{
    hf_store *store = batch->store;
    bool early = false;
    *out = (hf_lease){.holder = holder->id, .granted_ms = batch->wall_ms};
    memcpy(out->key_id, holder->key_id, HF_HASH_SIZE);
    hf_status status = hf_lease_next(store, series->name, holder, last, out, got);
    if (status != HF_OK || *got) return status;
    status = had_one_now(batch, series->name, holder, &early);
    if (status != HF_OK || early) return status;
    status = next_free(store, series, &out->first);
    out->last = out->first + series->block - 1;
    if (status != HF_OK || out->last > HF_REFERENCE_MAX) return status;
    *got = true;
    return write_lease(batch, series, out);
}

/* ---- for people ---- */

hf_status hf_lease_each(hf_store *store, const char *series, size_t limit, hf_lease_visitor visit,
                        void *context)
{
    bool row;
    sqlite3_stmt *statement = of_series(store, HF_SQL_R_LEASES, series);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)limit);
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_lease lease = {.first = (uint64_t)sqlite3_column_int64(statement, 0),
                          .last = (uint64_t)sqlite3_column_int64(statement, 1),
                          .granted_ms = (uint64_t)sqlite3_column_int64(statement, 4)};
        status = hf_column_exact(store, statement, 2, lease.holder.bytes, HF_ORIGIN_SIZE);
        if (status == HF_OK)
            status = hf_column_exact(store, statement, 3, lease.key_id, HF_HASH_SIZE);
        if (status == HF_OK) status = visit(context, &lease);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_series_used(hf_store *store, const char *series, uint64_t first, uint64_t last,
                         uint64_t *out)
{
    return hf_sql_number(store, in_range(store, HF_SQL_R_USED, series, first, last), out);
}

hf_status hf_series_sum_get(hf_store *store, const char *series, hf_series_sum *out)
{
    bool row;
    *out = (hf_series_sum){0};
    sqlite3_stmt *statement = of_series(store, HF_SQL_R_LEASE_SUM, series);
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) {
        out->leases = (uint64_t)sqlite3_column_int64(statement, 0);
        out->leased = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    if (statement) sqlite3_reset(statement);
    return status == HF_OK ? hf_series_used(store, series, 0, HF_REFERENCE_MAX, &out->used)
                           : status;
}

/* ---- two records of one number ---- */

typedef struct bearer { /* a record that shows the number now */
    bool found;
    hf_record_id id;
    hf_buffer text;
} bearer;

/* The next record after *no that shows a text with this number. */
static hf_status next_bearer(hf_store *store, const hf_series *series, uint64_t number, int64_t *no,
                             bearer *out)
{
    out->found = false;
    for (;;) {
        uint64_t next;
        sqlite3_stmt *statement =
            in_range(store, HF_SQL_R_BEARERS, series->name, number, (uint64_t)*no);
        hf_status status = hf_sql_number(store, statement, &next);
        if (status != HF_OK || next == 0) return status;
        *no = (int64_t)next;
        hf_record record;
        status = hf_record_load_no(store, *no, false, &record);
        if (status != HF_OK) return status;
        for (size_t i = 0; i < record.field_count && !record.deleted; i++) {
            const hf_cell *cell = &record.fields[i].cell;
            if (record.fields[i].number != series->field->number) continue;
            for (size_t j = 0; j < cell->live_count && !out->found; j++) {
                hf_reader reader = hf_reader_open(cell->live[j].value);
                hf_bytes text = hf_read_text(&reader);
                if (hf_reader_end(&reader) != HF_OK) continue;
                if (hf_reference_number(series, text) != number) continue;
                out->found = true;
                out->id = record.id;
                hf_buffer_clear(&out->text);
                hf_write_raw(&out->text, text);
                status = out->text.status;
            }
        }
        hf_record_clear(&record);
        if (status != HF_OK || out->found) return status;
    }
}

hf_status hf_references_shared(hf_store *store, const hf_series *series, hf_shared_visitor visit,
                               void *context)
{
    hf_status status = HF_OK;
    bearer first = {0}, second = {0};
    for (uint64_t number = 0; status == HF_OK;) {
        sqlite3_stmt *statement = of_series(store, HF_SQL_R_SHARED, series->name);
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)number);
        status = hf_sql_number(store, statement, &number);
        if (status != HF_OK || number == 0) break;
        int64_t no = 0;
        status = next_bearer(store, series, number, &no, &first);
        if (status == HF_OK && first.found)
            status = next_bearer(store, series, number, &no, &second);
        while (status == HF_OK && first.found && second.found) {
            status = visit(context, &first.id, &second.id, hf_buffer_bytes(&second.text));
            if (status == HF_OK) status = next_bearer(store, series, number, &no, &second);
        }
    }
    hf_buffer_free(&first.text);
    hf_buffer_free(&second.text);
    return status;
}

/* ---- none yet ---- */

static hf_status visit_provisional(hf_store *store, int64_t no, const char *tag,
                                   hf_provisional_visitor visit, void *context)
{
    hf_record record;
    hf_status status = hf_record_load_no(store, no, true, &record);
    if (status != HF_OK) return status;
    const hf_type *type = hf_pack_type(store->pack, record.id.type);
    for (size_t i = 0; type && type->series && i < record.field_count && status == HF_OK; i++) {
        const hf_cell *cell = &record.fields[i].cell;
        if (record.fields[i].number != type->series->aliases->number) continue;
        for (size_t j = 0; j < cell->live_count; j++) {
            char found[HF_PROVISIONAL_TAG_SIZE];
            hf_reader reader = hf_reader_open(cell->live[j].value);
            hf_bytes text = hf_read_text(&reader);
            if (hf_reader_end(&reader) != HF_OK || !hf_provisional_tag(text, found)) continue;
            if (strcmp(found, tag) != 0) continue;
            status = visit(context, &record.id, text);
            break;
        }
    }
    hf_record_clear(&record);
    return status;
}

hf_status hf_provisionals(hf_store *store, size_t limit, hf_provisional_visitor visit,
                          void *context)
{
    int64_t no = 0;
    hf_status status = HF_OK;
    for (size_t i = 0; i < limit && status == HF_OK; i++) {
        char tag[HF_PROVISIONAL_TAG_SIZE];
        bool row;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_PROVISIONALS);
        sqlite3_bind_int64(statement, 1, no);
        status = hf_sql_row(store, statement, &row);
        if (status != HF_OK || !row) break;
        no = sqlite3_column_int64(statement, 0);
        (void)snprintf(tag, sizeof tag, "%s", (const char *)sqlite3_column_text(statement, 1));
        sqlite3_reset(statement);
        status = visit_provisional(store, no, tag, visit, context);
    }
    return status;
}
