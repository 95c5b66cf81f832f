/* import.c: what a row means, and whether it was taken before.
 *
 * Why each row is an entry of its own: erasing or withholding one record must not touch another,
 * and an entry is the unit of both. */
#include "import.h"

#include "sync/render.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { HASH_OF_IMPORT_ID = 0x0a, HASH_OF_IMPORT_ROW = 0x0b }; /* protocol.md 2 */

static const char CORRECTED[] = "imported again with another value";

/* ---- the plan ---- */

static bool column_find(const hf_bytes *header, size_t count, hf_bytes name, size_t *out)
{
    for (size_t i = 0; i < count; i++) {
        if (!hf_bytes_equal(header[i], name)) continue;
        *out = i;
        return true;
    }
    return false;
}

static hf_status misfit(char *why, size_t why_size, const char *what, hf_bytes name)
{
    (void)snprintf(why, why_size, "The mapping does not fit: %s \"%.*s\".", what,
                   (int)(name.size > 80 ? 80 : name.size), (const char *)name.data);
    return HF_ERR_INPUT;
}

static hf_status plan_scope(hf_store *store, hf_import_plan *plan, char *why, size_t why_size)
{
    enum { SCOPES_MAX = HF_SCOPES_MAX };
    hf_scope_view scopes[SCOPES_MAX];
    size_t count = SCOPES_MAX;
    hf_bytes wanted = plan->mapping->scope;
    hf_status status = hf_store_scopes(store, scopes, &count);
    if (status != HF_OK) return status;
    for (size_t i = 0; i < count && i < SCOPES_MAX; i++) {
        hf_bytes name = {(const uint8_t *)scopes[i].name, strlen(scopes[i].name)};
        if (wanted.size && !hf_bytes_equal(name, wanted)) continue;
        plan->scope = scopes[i].number;
        return HF_OK;
    }
    if (wanted.size) return misfit(why, why_size, "this device may not write in the scope", wanted);
    (void)snprintf(why, why_size,
                   "This device has not yet heard from its hub which scopes it may "
                   "write in. Start \"holdfast-edge run\" once where the hub can be "
                   "reached, then import again.");
    return HF_ERR_DENIED;
}

static hf_status plan_field(hf_import_plan *plan, hf_bytes name, hf_import_column column, char *why,
                            size_t why_size)
{
    column.field = hf_type_field_named(plan->type, name);
    if (!column.field) return misfit(why, why_size, "the record type has no field", name);
    plan->columns[plan->column_count++] = column;
    return HF_OK;
}

static hf_status plan_columns(hf_import_plan *plan, const hf_bytes *header, size_t count, char *why,
                              size_t why_size)
{
    const hf_import_mapping *mapping = plan->mapping;
    hf_status status = HF_OK;
    for (size_t i = 0; i < mapping->field_count && status == HF_OK; i++) {
        hf_import_column column = {.value = {NULL, 0}};
        if (!column_find(header, count, mapping->fields[i].from, &column.index))
            return misfit(why, why_size, "the file has no column", mapping->fields[i].from);
        status = plan_field(plan, mapping->fields[i].field, column, why, why_size);
    }
    for (size_t i = 0; i < mapping->constant_count && status == HF_OK; i++) {
        hf_import_column column = {.value = mapping->constants[i].from};
        status = plan_field(plan, mapping->constants[i].field, column, why, why_size);
    }
    plan->key = plan->time = SIZE_MAX;
    if (status == HF_OK && mapping->key.size &&
        !column_find(header, count, mapping->key, &plan->key))
        return misfit(why, why_size, "the file has no column", mapping->key);
    if (status == HF_OK && mapping->time.size &&
        !column_find(header, count, mapping->time, &plan->time))
        return misfit(why, why_size, "the file has no column", mapping->time);
    return status;
}

hf_status hf_import_plan_make(hf_store *store, const hf_import_mapping *mapping,
                              const hf_bytes *header, size_t header_count, hf_import_plan *out,
                              char *why, size_t why_size)
{
    memset(out, 0, sizeof *out);
    out->mapping = mapping;
    out->width = header_count;
    out->type = hf_pack_type_named(hf_store_pack(store), mapping->type);
    if (!out->type || out->type->number < HF_TYPE_FIRST_PACK)
        return misfit(why, why_size, "no record type is called", mapping->type);
    hf_status status = plan_columns(out, header, header_count, why, why_size);
    if (status == HF_OK) status = plan_scope(store, out, why, why_size);
    return status;
}

/* ---- identity ---- */

static void hash_of(const hf_crypto *crypto, uint8_t what, const hf_buffer *buffer, uint8_t *out)
{
    hf_bytes pieces[] = {{&what, 1}, hf_buffer_bytes(buffer)};
    uint8_t hash[HF_HASH_SIZE];
    crypto->hash(crypto->context, pieces, 2, hash);
    memcpy(out, hash, 16);
}

void hf_import_digest(const hf_crypto *crypto, hf_bytes mapping_name, const hf_import_row *row,
                      uint8_t out[HF_IMPORT_DIGEST_SIZE])
{
    hf_buffer buffer = {0};
    hf_write_array(&buffer, row->cell_count + 2);
    hf_write_bytes(&buffer, mapping_name.data, mapping_name.size);
    for (size_t i = 0; i < row->cell_count; i++) {
        hf_write_bytes(&buffer, row->cells[i].data, row->cells[i].size);
    }
    hf_write_uint(&buffer, row->ordinal);
    hash_of(crypto, HASH_OF_IMPORT_ROW, &buffer, out);
    hf_buffer_free(&buffer);
}

static hf_status row_time(const hf_import_plan *plan, const hf_import_row *row, uint64_t *out_ms)
{
    int64_t ms = 0;
    *out_ms = 0;
    if (plan->time == SIZE_MAX || row->cells[plan->time].size == 0) return HF_OK;
    hf_bytes cell = row->cells[plan->time];
    hf_status status = hf_date_parse(cell, &ms);
    if (status != HF_OK) status = hf_time_parse(cell, &ms);
    if (status != HF_OK) return status;
    *out_ms = ms < 0 ? 0 : (uint64_t)ms & ((UINT64_C(1) << 48) - 1);
    return HF_OK;
}

/* UUIDv7's layout: 48 bits of time, so that SQLite's tree grows at its end, then the hash. */
hf_status hf_import_identity(const hf_crypto *crypto, const hf_import_plan *plan,
                             const hf_import_row *row, hf_record_id *out, char *why,
                             size_t why_size)
{
    const hf_import_mapping *mapping = plan->mapping;
    bool has_key = plan->key != SIZE_MAX && row->cells[plan->key].size > 0;
    uint8_t digest[HF_IMPORT_DIGEST_SIZE];
    uint64_t ms = 0;
    if (row_time(plan, row, &ms) != HF_OK) {
        (void)snprintf(why, why_size,
                       "\"%.*s\" is not a date or time, such as 2018-10 or "
                       "2018-10-21T09:30:00Z",
                       (int)mapping->time.size, (const char *)mapping->time.data);
        return HF_ERR_INPUT;
    }
    hf_import_digest(crypto, mapping->name, row, digest);
    hf_buffer buffer = {0};
    hf_bytes key = has_key ? row->cells[plan->key] : (hf_bytes){digest, sizeof digest};
    hf_write_array(&buffer, 4);
    hf_write_string(&buffer, plan->type->name);
    hf_write_bytes(&buffer, mapping->name.data, mapping->name.size);
    hf_write_bool(&buffer, has_key);
    hf_write_bytes(&buffer, key.data, key.size);
    hf_status status = buffer.status;
    out->type = plan->type->number;
    if (status == HF_OK) hash_of(crypto, HASH_OF_IMPORT_ID, &buffer, out->bytes);
    hf_buffer_free(&buffer);
    for (int i = 0; i < 6; i++) out->bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    out->bytes[6] = (uint8_t)((out->bytes[6] & 0x0f) | 0x70);
    out->bytes[8] = (uint8_t)((out->bytes[8] & 0x3f) | 0x80);
    return status;
}

/* ---- rows ---- */

typedef struct import_run {
    hf_store *store;
    const hf_import_job *job;
    hf_import_result *result;
    hf_txn *txn;
    hf_record_id touched[HF_IMPORT_ROWS_MAX]; /* by the open transaction: not to be read yet */
    size_t touched_count;
    hf_buffer values; /* encoded, of the row at hand */
    hf_bytes encoded[2 * HF_IMPORT_FIELDS_MAX];
    char why[HF_IMPORT_WHY_SIZE];
} import_run;

static hf_status run_commit(import_run *run)
{
    hf_txn *txn = run->txn;
    hf_dot first;
    size_t count = 1;
    run->txn = NULL;
    run->touched_count = 0;
    if (!txn) return HF_OK;
    hf_status status = hf_txn_commit(txn, &first, &count);
    if (status != HF_OK || count == 0) return status;
    if (run->result->entries == 0) run->result->first = first;
    run->result->entries += count; /* one type, so one lane; and nobody else writes meanwhile */
    return HF_OK;
}

static hf_status reject(import_run *run, const hf_import_row *row, const char *why)
{
    run->result->rejected++;
    if (run->job->reject) run->job->reject(run->job->context, row->line, why);
    return HF_OK;
}

static hf_bytes column_text(const hf_import_column *column, const hf_import_row *row)
{
    return column->value.data ? column->value : row->cells[column->index];
}

/* Encodes and checks every cell before any is written: a row is taken whole or not at all. */
static hf_status encode_row(import_run *run, const hf_import_row *row)
{
    const hf_import_plan *plan = run->job->plan;
    const hf_pack *pack = hf_store_pack(run->store);
    size_t starts[2 * HF_IMPORT_FIELDS_MAX];
    hf_buffer_clear(&run->values);
    for (size_t i = 0; i < plan->column_count; i++) {
        const hf_import_column *column = &plan->columns[i];
        hf_bytes text = column_text(column, row);
        starts[i] = run->values.size;
        if (text.size == 0) continue;
        hf_status status =
            hf_value_parse(pack, column->field, text, &run->values, run->why, sizeof run->why);
        if (status != HF_OK) return status;
        if (run->values.status != HF_OK) return run->values.status;
        hf_bytes value = {run->values.data + starts[i], run->values.size - starts[i]};
        int used = snprintf(run->why, sizeof run->why, "%s: ", column->field->name);
        size_t room = (size_t)used < sizeof run->why ? (size_t)used : 0;
        status = hf_field_check(column->field, value, run->why + room, sizeof run->why - room);
        if (status != HF_OK) return status;
    }
    for (size_t i = 0; i < plan->column_count; i++) { /* the buffer moves no more */
        size_t end = i + 1 < plan->column_count ? starts[i + 1] : run->values.size;
        run->encoded[i] =
            (hf_bytes){end > starts[i] ? run->values.data + starts[i] : NULL, end - starts[i]};
    }
    return HF_OK;
}

static bool holds_value(const hf_view *view, const hf_field *field, hf_bytes value)
{
    for (size_t i = 0; view && i < hf_view_field_count(view); i++) {
        const hf_field_view *held = hf_view_field(view, i);
        if (held->number != field->number) continue;
        bool is_many = field->rule == HF_RULE_SET || field->rule == HF_RULE_APPEND;
        if (!is_many) return held->shown.data && hf_bytes_equal(held->shown, value);
        for (size_t j = 0; j < held->value_count; j++) {
            if (hf_bytes_equal(held->values[j].value, value)) return true;
        }
        return false;
    }
    return false;
}

static bool has_field(const hf_view *view, uint32_t number)
{
    for (size_t i = 0; i < hf_view_field_count(view); i++)
        if (hf_view_field(view, i)->number == number) return true;
    return false;
}

typedef struct had_value {
    hf_bytes value;
    bool found;
} had_value;

static hf_status on_history(void *context, const hf_history_item *item)
{
    had_value *had = context;
    if (item->view.value.data && hf_bytes_equal(item->view.value, had->value)) had->found = true;
    return HF_OK;
}

/* Is this news? A value that the field had before is not: it is the same file, imported by another
 * device or anew, and it must not take back what an officer has written since. */
static hf_status is_news(import_run *run, const hf_record_id *id, const hf_view *view, size_t index,
                         bool *news)
{
    const hf_field *field = run->job->plan->columns[index].field;
    had_value had = {.value = run->encoded[index]};
    *news = run->encoded[index].data && !holds_value(view, field, had.value);
    if (!*news || !view) return HF_OK;
    /* Whether it had been there before a snapshot cannot be told: what stands now stays. */
    if (hf_view_from_snapshot(view)) *news = !has_field(view, field->number);
    if (!*news) return HF_OK;
    hf_status status = hf_store_history(run->store, id, field->number, on_history, &had);
    *news = !had.found;
    return status;
}

static hf_status write_field(import_run *run, const hf_record_id *id, const hf_view *view,
                             size_t index)
{
    const hf_field *field = run->job->plan->columns[index].field;
    bool is_many = field->rule == HF_RULE_SET || field->rule == HF_RULE_APPEND;
    hf_change change = {.record = *id,
                        .scope = view ? 0 : run->job->plan->scope,
                        .field = field->number,
                        .kind = is_many ? HF_CHANGE_ADD : HF_CHANGE_SET,
                        .value = run->encoded[index]};
    /* A source that now says otherwise corrects what it said; rules admit that with its reason. */
    if (view && !is_many)
        change.reason = (hf_bytes){(const uint8_t *)CORRECTED, sizeof CORRECTED - 1};
    return hf_txn_change(run->txn, &change);
}

static hf_status write_row(import_run *run, const hf_import_row *row, const hf_record_id *id,
                           const hf_view *view)
{
    size_t written = 0;
    hf_status status = HF_OK;
    for (size_t i = 0; i < run->job->plan->column_count && status == HF_OK; i++) {
        bool news = false;
        status = is_news(run, id, view, i, &news);
        if (status != HF_OK || !news) continue;
        if (!run->job->dry_run) status = write_field(run, id, view, i);
        if (status == HF_ERR_DENIED || status == HF_ERR_INPUT) { /* the field's rule: not the row */
            (void)snprintf(run->why, sizeof run->why, "taken without one field: %s",
                           hf_store_problem(run->store));
            status = reject(run, row, run->why);
            continue;
        }
        if (status == HF_OK) written++;
    }
    if (status != HF_OK) return status;
    if (!view)
        run->result->created++;
    else if (written)
        run->result->updated++;
    else
        run->result->unchanged++;
    return HF_OK;
}

static bool is_touched(const import_run *run, const hf_record_id *id)
{
    for (size_t i = 0; i < run->touched_count; i++) {
        if (memcmp(run->touched[i].bytes, id->bytes, sizeof id->bytes) == 0) return true;
    }
    return false;
}

/* A row that is new to us, with its record's id; ends in the open transaction. */
static hf_status take_row(import_run *run, const hf_import_row *row, const hf_record_id *id,
                          const uint8_t digest[HF_IMPORT_DIGEST_SIZE])
{
    hf_view *view = NULL;
    hf_status status = HF_OK;
    if (is_touched(run, id) && run->job->dry_run) { /* what it would update was not written */
        run->result->updated++;
        return HF_OK;
    }
    if (is_touched(run, id)) status = run_commit(run); /* the key repeats: read what was written */
    if (status == HF_OK) status = hf_store_get(run->store, id, &view);
    if (status != HF_OK && status != HF_ERR_NOT_FOUND) return status;
    status = HF_OK;
    if (view && hf_view_deleted(view)) {
        hf_view_free(view);
        return reject(run, row, "its record was deleted here; restore that first");
    }
    if (!run->job->dry_run) {
        if (!run->txn)
            status = hf_txn_begin(run->store, run->job->author, &run->txn);
        else
            hf_txn_next_entry(run->txn);
    }
    if (status == HF_OK) status = write_row(run, row, id, view);
    if (status == HF_OK && !run->job->dry_run) status = hf_txn_mark_import(run->txn, digest);
    if (status == HF_OK) run->touched[run->touched_count++] = *id;
    hf_view_free(view);
    return status;
}

static hf_status import_row(import_run *run, const hf_import_row *row)
{
    const hf_import_plan *plan = run->job->plan;
    const hf_crypto *crypto = hf_store_crypto(run->store);
    uint8_t digest[HF_IMPORT_DIGEST_SIZE];
    hf_record_id id;
    bool seen = false;
    if (row->cell_count != plan->width) {
        (void)snprintf(run->why, sizeof run->why, "it has %zu cells, the header %zu",
                       row->cell_count, plan->width);
        return reject(run, row, run->why);
    }
    hf_import_digest(crypto, plan->mapping->name, row, digest);
    hf_status status = hf_import_seen(run->store, digest, &seen);
    if (status != HF_OK) return status;
    if (seen) {
        run->result->seen++;
        return HF_OK;
    }
    status = encode_row(run, row);
    if (status == HF_OK)
        status = hf_import_identity(crypto, plan, row, &id, run->why, sizeof run->why);
    if (status == HF_ERR_INPUT || status == HF_ERR_LIMIT) return reject(run, row, run->why);
    return status == HF_OK ? take_row(run, row, &id, digest) : status;
}

hf_status hf_import_rows(hf_store *store, const hf_import_job *job, const hf_import_row *rows,
                         size_t count, hf_import_result *result)
{
    assert(count <= HF_IMPORT_ROWS_MAX);
    hf_import_result before = *result;
    import_run run = {.store = store, .job = job, .result = result};
    hf_status status = HF_OK;
    for (size_t i = 0; i < count && status == HF_OK; i++) status = import_row(&run, &rows[i]);
    if (status == HF_OK) status = run_commit(&run);
    hf_txn_rollback(run.txn);
    hf_buffer_free(&run.values);
    if (status != HF_OK) *result = before; /* nothing of this batch was told to be saved */
    return status;
}
