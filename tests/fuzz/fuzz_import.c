/* fuzz_import.c: any mapping with any table: what is taken in can be read, and the same again makes
 * nothing twice. The mapping's JSON comes first, then a zero byte, then the CSV. */
#include "harness.h"
#include "world.h"

#include "edge/api.h"
#include "edge/csv.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

enum { ROWS_MAX = 8 }; /* of one input: what an import costs, it costs for each row */

static json_t *cells_of(const hf_csv *csv)
{
    json_t *cells = json_array();
    for (size_t i = 0; i < csv->cell_count; i++) {
        hf_bytes cell = hf_csv_cell(csv, i);
        json_t *text = json_stringn((const char *)cell.data, cell.size);
        (void)json_array_append_new(cells, text ? text : json_string("not UTF-8"));
    }
    return cells;
}

/* As the command does: the first row names the columns, the rest are rows. */
static json_t *request_of(json_t *mapping, hf_bytes table)
{
    json_t *header = NULL, *rows = json_array();
    hf_csv csv = {.line = 0};
    while (json_array_size(rows) < ROWS_MAX && hf_csv_next(&csv, &table, true) == HF_CSV_ROW) {
        if (csv.fault) continue;
        json_t *cells = cells_of(&csv);
        if (header)
            (void)json_array_append_new(rows,
                                        json_pack("{s:I,s:i,s:o}", "line", (json_int_t)csv.line,
                                                  "ordinal", 0, "cells", cells));
        else
            header = cells;
    }
    hf_csv_free(&csv);
    return json_pack("{s:s,s:O,s:o,s:o,s:b}", "op", "import", "mapping", mapping, "header",
                     header ? header : json_array(), "rows", rows, "dry_run", 0);
}

static json_t *ask(fuzz_world *world, const json_t *request, hf_status *status)
{
    pair_node *node = world->edges[0].node;
    hf_edge_api own = {.edge = node->edge, .hub = "localhost:1"};
    hf_api api = {.side = &hf_edge_side,
                  .node = &own,
                  .store = node->store,
                  .name = "edge0",
                  .now_ms = world->pair->now_ms,
                  .wall_ms = pair_wall_ms(world->pair)};
    hf_buffer reply = {0};
    char *text = json_dumps(request, JSON_COMPACT);
    assert(text);
    *status = hf_api_answer(&api, (hf_bytes){(const uint8_t *)text, strlen(text)}, &reply);
    json_t *answer = json_loadb((const char *)reply.data, reply.size, JSON_ALLOW_NUL, NULL);
    assert(json_is_object(answer));
    free(text);
    hf_buffer_free(&reply);
    return answer;
}

static json_int_t count_of(const json_t *answer, const char *name)
{
    return json_integer_value(json_object_get(answer, name));
}

static void import_twice(fuzz_world *world, json_t *request)
{
    hf_status status;
    (void)json_object_set_new(request, "dry_run", json_true());
    json_t *looked = ask(world, request, &status);
    (void)json_object_set_new(request, "dry_run", json_false());
    json_t *first = ask(world, request, &status);
    if (status == HF_OK) {
        json_t *second = ask(world, request, &status);
        assert(status == HF_OK);
        assert(count_of(second, "created") == 0 && count_of(second, "updated") == 0);
        assert(count_of(second, "rejected") == count_of(first, "rejected"));
        assert(count_of(looked, "rejected") == count_of(first, "rejected"));
        json_decref(second);
    }
    json_decref(looked);
    json_decref(first);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    fuzz_world *world = fuzz_world_get();
    (void)fuzz_world_fresh(world, &world->edges[0]);
    fuzz_count_from_here();
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t length = end ? (size_t)(end - data) : size;
    json_t *mapping = json_loadb((const char *)data, length, JSON_REJECT_DUPLICATES, NULL);
    if (!mapping) return;
    hf_bytes table = {data + length + (end != NULL), size - length - (end != NULL)};
    json_t *request = request_of(mapping, table);
    if (request) import_twice(world, request);
    json_decref(request);
    json_decref(mapping);
}
