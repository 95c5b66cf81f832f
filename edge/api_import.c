/* api_import.c: one request's worth of rows, from the command to the store.
 *
 * Why rows travel in requests and not a file's name: the daemon may not be allowed to read the
 * officer's file, and between two requests it serves the hub. */
#include "api.h"
#include "import.h"
#include "sync/render.h"

#include <stdlib.h>
#include <string.h>

static void on_reject(void *context, uint64_t line, const char *why)
{
    hf_json *json = context;
    hf_json_object(json, NULL);
    hf_json_uint(json, "line", line);
    hf_json_string(json, "why", why);
    hf_json_end(json);
}

/* {"column": "field"}: `reversed` for constants, {"field": "value"}. */
static hf_status read_pairs(hf_call *call, json_t *object, bool reversed, hf_import_pair *out,
                            size_t *count)
{
    const char *key;
    json_t *value;
    *count = 0;
    json_object_foreach(object, key, value)
    {
        hf_bytes name = {(const uint8_t *)key, strlen(key)}, text = hf_json_bytes(value);
        if (*count == HF_IMPORT_FIELDS_MAX || !json_is_string(value))
            return hf_call_fail(call, HF_ERR_INPUT,
                                "The mapping's \"%.64s\" must be text, and it may "
                                "name at most %d fields.",
                                key, HF_IMPORT_FIELDS_MAX);
        out[(*count)++] = reversed ? (hf_import_pair){.from = text, .field = name}
                                   : (hf_import_pair){.from = name, .field = text};
    }
    return HF_OK;
}

static hf_status read_mapping(hf_call *call, hf_import_mapping *out)
{
    json_t *mapping = json_object_get(call->request, "mapping");
    memset(out, 0, sizeof *out);
    if (json_integer_value(json_object_get(mapping, "holdfast_mapping")) != 1)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "The mapping is not one that this program knows: it "
                            "begins with \"holdfast_mapping\": 1.");
    out->name = hf_json_bytes(json_object_get(mapping, "name"));
    out->type = hf_json_bytes(json_object_get(mapping, "type"));
    out->scope = hf_json_bytes(json_object_get(mapping, "scope"));
    out->key = hf_json_bytes(json_object_get(mapping, "key"));
    out->time = hf_json_bytes(json_object_get(mapping, "time"));
    if (out->name.size == 0 || out->type.size == 0)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "The mapping needs a \"name\", which its records are "
                            "known by, and a \"type\".");
    hf_status status =
        read_pairs(call, json_object_get(mapping, "fields"), false, out->fields, &out->field_count);
    if (status == HF_OK)
        status = read_pairs(call, json_object_get(mapping, "constants"), true, out->constants,
                            &out->constant_count);
    if (status == HF_OK && out->field_count == 0)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "The mapping needs \"fields\": which column goes to "
                            "which field.");
    return status;
}

static hf_status read_cells(hf_call *call, const json_t *array, hf_bytes *cells, size_t *count)
{
    *count = json_array_size(array);
    if (!json_is_array(array) || *count > HF_CSV_CELLS_MAX)
        return hf_call_fail(call, HF_ERR_INPUT, "A row has at most %d cells.", HF_CSV_CELLS_MAX);
    for (size_t i = 0; i < *count; i++) cells[i] = hf_json_bytes(json_array_get(array, i));
    return HF_OK;
}

typedef struct row_batch {
    hf_import_row rows[HF_IMPORT_ROWS_MAX];
    size_t count;
    hf_bytes *cells; /* of all rows, one behind the other */
} row_batch;

static hf_status read_rows(hf_call *call, row_batch *batch)
{
    const json_t *rows = json_object_get(call->request, "rows");
    size_t cell_count = 0, used = 0;
    batch->count = json_array_size(rows);
    if (batch->count > HF_IMPORT_ROWS_MAX)
        return hf_call_fail(call, HF_ERR_LIMIT, "At most %d rows in one request.",
                            HF_IMPORT_ROWS_MAX);
    for (size_t i = 0; i < batch->count; i++) {
        cell_count += json_array_size(json_object_get(json_array_get(rows, i), "cells"));
    }
    batch->cells = calloc(cell_count + 1, sizeof *batch->cells);
    if (!batch->cells) return HF_ERR_NOMEM;
    for (size_t i = 0; i < batch->count; i++) {
        const json_t *row = json_array_get(rows, i);
        json_int_t line = json_integer_value(json_object_get(row, "line"));
        json_int_t ordinal = json_integer_value(json_object_get(row, "ordinal"));
        hf_import_row *out = &batch->rows[i];
        *out = (hf_import_row){.line = line < 0 ? 0 : (uint64_t)line,
                               .ordinal = ordinal < 0 ? 0 : (uint64_t)ordinal,
                               .cells = batch->cells + used};
        hf_status status =
            read_cells(call, json_object_get(row, "cells"), batch->cells + used, &out->cell_count);
        if (status != HF_OK) return status;
        used += out->cell_count;
    }
    return HF_OK;
}

static void write_result(hf_call *call, const hf_import_result *result)
{
    hf_json_uint(&call->json, "created", result->created);
    hf_json_uint(&call->json, "updated", result->updated);
    hf_json_uint(&call->json, "unchanged", result->unchanged);
    hf_json_uint(&call->json, "seen", result->seen);
    hf_json_uint(&call->json, "rejected", result->rejected);
    hf_json_array(&call->json, "entries");
    if (result->entries) {
        char first[HF_DOT_TEXT_SIZE];
        hf_dot_format(&result->first, first);
        hf_json_object(&call->json, NULL);
        hf_json_string(&call->json, "first", first);
        hf_json_uint(&call->json, "count", result->entries);
        hf_json_end(&call->json);
    }
    hf_json_end(&call->json);
}

hf_status hf_edge_api_import(hf_call *call)
{
    hf_store *store = call->api->store;
    hf_bytes header[HF_CSV_CELLS_MAX];
    size_t header_count = 0;
    hf_import_mapping mapping;
    hf_import_plan plan;
    hf_import_result result = {0};
    hf_author author;
    row_batch *batch = calloc(1, sizeof *batch);
    if (!batch) return HF_ERR_NOMEM;
    hf_edge_author(call, &author);
    hf_status status = read_mapping(call, &mapping);
    if (status == HF_OK)
        status = read_cells(call, json_object_get(call->request, "header"), header, &header_count);
    if (status == HF_OK)
        status = hf_import_plan_make(store, &mapping, header, header_count, &plan, call->why,
                                     sizeof call->why);
    if (status == HF_OK) status = read_rows(call, batch);
    if (status != HF_OK) goto done;
    hf_import_job job = {.plan = &plan,
                         .author = &author,
                         .dry_run = hf_call_flag(call, "dry_run"),
                         .context = &call->json,
                         .reject = on_reject};
    hf_json_string(&call->json, "schema", "holdfast.import/1");
    hf_json_array(&call->json, "rejects");
    status = hf_import_rows(store, &job, batch->rows, batch->count, &result);
    hf_json_end(&call->json);
    write_result(call, &result);

done:
    free(batch->cells);
    free(batch);
    return status;
}
