/* chunk_read.c: reads what chunk.c writes, from a peer or from our own disk.
 *
 * Why its own file: these bytes come from outside. Each must be what protocol.md 4, "Snapshots",
 * says, to the last one, or none of them counts; so all that is believed of them is checked here.
 */
#include "store_core.h"

#include <stdlib.h>
#include <string.h>

typedef struct read_log {
    const hf_origin_row *origin;
    uint8_t lane;
    uint64_t seq;
} read_log;

typedef struct read_column {
    uint32_t type, field;
    hf_reader values;
} read_column;

typedef struct reading {
    hf_store *store;
    uint32_t scope, type; /* type: of the record being read */
    hf_reader reader;
    read_column *columns;
    size_t column_count, column_at;
    read_log *logs;
    size_t log_count;
    hf_chunk_actor *actors;
    size_t actor_count, actors_used;
    hf_bytes ids, prefixes; /* what is left of them */
    hf_hlc hlc;
    hf_live *dots; /* of the record being read: places, hlcs and qualities */
    size_t dot_count, dot_capacity;
} reading;

static hf_status read_logs(reading *in)
{
    size_t count = hf_read_array(&in->reader, (size_t)(in->reader.end - in->reader.at));
    in->logs = calloc(count + 1, sizeof *in->logs);
    if (!in->logs) return HF_ERR_NOMEM;
    for (size_t i = 0; i < count && in->reader.status == HF_OK; i++) {
        hf_origin_id id;
        hf_origin_row *row;
        if (hf_read_array(&in->reader, 2) != 2) hf_reader_fail(&in->reader, HF_ERR_PROTOCOL);
        hf_read_bytes_exact(&in->reader, id.bytes, HF_ORIGIN_SIZE);
        uint8_t lane = (uint8_t)hf_read_uint_max(&in->reader, HF_LANE_COUNT - 1);
        if (in->reader.status != HF_OK) break;
        hf_status status = hf_origin_intern(in->store, &id, &row);
        if (status != HF_OK) return status;
        in->logs[in->log_count++] = (read_log){.origin = row, .lane = lane};
    }
    return in->reader.status;
}

static hf_status read_actors(reading *in)
{
    hf_names names = {.count = 0};
    hf_status status = HF_OK;
    size_t count = hf_read_array(&in->reader, (size_t)(in->reader.end - in->reader.at));
    in->actors = calloc(count + 1, sizeof *in->actors);
    if (!in->actors) return HF_ERR_NOMEM;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        uint32_t number;
        hf_bytes name = hf_read_text(&in->reader);
        status = in->reader.status;
        if (status == HF_OK && name.size == 0) status = HF_ERR_PROTOCOL;
        if (status == HF_OK && name.size > HF_TEXT_MAX) status = HF_ERR_LIMIT;
        if (status == HF_OK) status = hf_names_add(&names, in->store->crypto, name, &number);
        if (status == HF_OK && number <= in->actor_count) status = HF_ERR_PROTOCOL; /* twice */
        in->actors[in->actor_count++] = (hf_chunk_actor){.name = name};
    }
    hf_names_free(&names);
    return status == HF_OK ? in->reader.status : status;
}

static hf_status read_columns(reading *in)
{
    size_t count = hf_read_array(&in->reader, (size_t)(in->reader.end - in->reader.at));
    if (count % HF_CHUNK_COLUMN_ITEMS) hf_reader_fail(&in->reader, HF_ERR_PROTOCOL);
    count /= HF_CHUNK_COLUMN_ITEMS;
    in->columns = calloc(count + 1, sizeof *in->columns);
    if (!in->columns) return HF_ERR_NOMEM;
    for (size_t i = 0; i < count && in->reader.status == HF_OK; i++) {
        read_column *column = &in->columns[in->column_count++];
        column->type = (uint32_t)hf_read_uint_max(&in->reader, UINT16_MAX);
        column->field = (uint32_t)hf_read_uint_max(&in->reader, UINT16_MAX);
        column->values = hf_reader_open(hf_read_bytes(&in->reader));
        bool ascends = i == 0 || column[-1].type < column->type ||
                       (column[-1].type == column->type && column[-1].field < column->field);
        if (!ascends) return HF_ERR_PROTOCOL;
    }
    return in->reader.status;
}

/* The column of a field of the record being read; its values are taken in the order of records. */
static hf_reader *column_of(reading *in, uint32_t field)
{
    for (size_t looked = 0; looked < in->column_count; looked++) {
        read_column *column = &in->columns[in->column_at];
        if (column->type == in->type && column->field == field) return &column->values;
        in->column_at = (in->column_at + 1) % in->column_count;
    }
    return NULL;
}

static hf_status columns_end(const reading *in)
{
    hf_status status = HF_OK;
    for (size_t i = 0; i < in->column_count && status == HF_OK; i++)
        status = hf_reader_end(&in->columns[i].values);
    return status;
}

static bool take_bytes(hf_bytes *from, uint8_t *out, size_t size)
{
    if (from->size < size) return false;
    memcpy(out, from->data, size);
    from->data += size;
    from->size -= size;
    return true;
}

/* Who made the entry of a dot. Names stand in the order in which they are first used. */
static hf_status read_actor(reading *in, const hf_chunk_visitor *visitor, const read_log *log)
{
    size_t number = hf_read_uint_max(&in->reader, in->actor_count);
    if (in->reader.status != HF_OK || number == 0) return in->reader.status;
    if (number > in->actors_used + 1) return HF_ERR_PROTOCOL;
    if (number > in->actors_used) in->actors_used = number;
    if (!visitor->acted) return HF_OK;
    return visitor->acted(visitor->context, hf_log_no(log->origin->no, log->lane), log->seq,
                          &in->actors[number - 1]);
}

static hf_status read_dots(reading *in, const hf_chunk_visitor *visitor)
{
    size_t count = hf_read_array(&in->reader, (size_t)(in->reader.end - in->reader.at));
    if (count % HF_CHUNK_DOT_ITEMS) hf_reader_fail(&in->reader, HF_ERR_PROTOCOL);
    count /= HF_CHUNK_DOT_ITEMS;
    if (count > in->dot_capacity) {
        hf_live *dots = realloc(in->dots, count * sizeof *dots);
        if (!dots) return HF_ERR_NOMEM;
        in->dots = dots;
        in->dot_capacity = count;
    }
    in->dot_count = count;
    for (size_t i = 0; i < count && in->reader.status == HF_OK; i++) {
        hf_live *dot = &in->dots[i];
        size_t index = hf_read_uint_max(&in->reader, in->log_count ? in->log_count - 1 : 0);
        if (in->log_count == 0) return HF_ERR_PROTOCOL;
        read_log *log = &in->logs[index];
        log->seq += (uint64_t)hf_read_int(&in->reader);
        in->hlc += (uint64_t)hf_read_int(&in->reader);
        *dot = (hf_live){.hlc = in->hlc, .quality = (uint8_t)hf_read_uint_max(&in->reader, 3)};
        dot->at.dot = (hf_dot){.origin = log->origin->id, .lane = log->lane, .seq = log->seq};
        bool whole = take_bytes(&in->prefixes, dot->at.prefix, HF_PREFIX_SIZE);
        if (!whole || log->seq == 0 || log->seq > INT64_MAX || in->hlc > INT64_MAX)
            return HF_ERR_PROTOCOL;
        hf_status status = read_actor(in, visitor, log);
        if (status != HF_OK) return status;
    }
    return in->reader.status;
}

static const hf_live *read_dot(reading *in)
{
    static const hf_live none;
    size_t index = hf_read_uint_max(&in->reader, in->dot_count ? in->dot_count - 1 : 0);
    if (in->dot_count == 0) hf_reader_fail(&in->reader, HF_ERR_PROTOCOL);
    return in->reader.status == HF_OK ? &in->dots[index] : &none;
}

static hf_status read_value(hf_reader *values, hf_live *live)
{
    live->value = hf_read_item(values);
    if (live->value.size > HF_VALUE_SIZE_MAX) return HF_ERR_LIMIT;
    return values->status;
}

static hf_status read_live(reading *in, hf_cell *cell, uint32_t field, bool plain)
{
    size_t count = 1;
    if (!plain) {
        count = hf_read_array(&in->reader, (size_t)(in->reader.end - in->reader.at));
        if (count % 2) hf_reader_fail(&in->reader, HF_ERR_PROTOCOL);
        count /= 2;
    }
    hf_reader *values = count ? column_of(in, field) : NULL;
    if (count && !values) return HF_ERR_PROTOCOL;
    cell->live = count ? calloc(count, sizeof *cell->live) : NULL;
    if (count && !cell->live) return HF_ERR_NOMEM;
    cell->live_capacity = count;
    for (size_t i = 0; i < count && in->reader.status == HF_OK; i++) {
        hf_live *live = &cell->live[cell->live_count++];
        if (plain && in->dot_count == 0) return HF_ERR_PROTOCOL;
        *live = plain ? in->dots[0] : *read_dot(in);
        if (!plain) live->at.dot.ordinal = (uint32_t)hf_read_uint_max(&in->reader, UINT32_MAX);
        hf_status status = read_value(values, live);
        if (status != HF_OK) return status;
        /* Ascending, as cells are: so none stands twice. */
        if (i > 0 && hf_dot_compare(&live[-1].at.dot, &live->at.dot) >= 0) return HF_ERR_PROTOCOL;
    }
    return in->reader.status;
}

static int cite_compare(const hf_cite *a, const hf_cite *b)
{
    int dots = hf_dot_compare(&a->dot, &b->dot);
    return dots ? dots : memcmp(a->prefix, b->prefix, HF_PREFIX_SIZE);
}

static hf_status read_pending(reading *in, hf_cell *cell)
{
    size_t count = hf_read_array(&in->reader, (size_t)(in->reader.end - in->reader.at));
    if (count % 2) hf_reader_fail(&in->reader, HF_ERR_PROTOCOL);
    count /= 2;
    cell->pending = count ? calloc(count, sizeof *cell->pending) : NULL;
    if (count && !cell->pending) return HF_ERR_NOMEM;
    cell->pending_capacity = count;
    for (size_t i = 0; i < count && in->reader.status == HF_OK; i++) {
        hf_cite *cite = &cell->pending[cell->pending_count++];
        *cite = read_dot(in)->at;
        cite->dot.ordinal = (uint32_t)hf_read_uint_max(&in->reader, UINT32_MAX);
        if (i > 0 && cite_compare(&cite[-1], cite) >= 0) return HF_ERR_PROTOCOL;
    }
    return in->reader.status;
}

/* `left`: items of the record's fields that are still to be read. */
static hf_status read_field(reading *in, hf_record *record, size_t *left, int64_t *last)
{
    bool plain = hf_reader_kind(&in->reader) == HF_KIND_UINT;
    size_t items = plain ? 1 : 3;
    int64_t number = hf_read_int(&in->reader);
    if (!plain) number = -1 - number;
    if (*left < items || number <= *last || number > UINT16_MAX) return HF_ERR_PROTOCOL;
    if (in->reader.status != HF_OK) return in->reader.status;
    *left -= items;
    *last = number;
    hf_record_field *field;
    hf_status status = hf_record_field_at(record, (uint32_t)number, &field);
    if (status == HF_OK) status = read_live(in, &field->cell, (uint32_t)number, plain);
    if (status == HF_OK && !plain) status = read_pending(in, &field->cell);
    return status;
}

static hf_status read_record(reading *in, const hf_chunk_visitor *visitor, hf_record *record)
{
    if (hf_read_array(&in->reader, 3) != 3) return HF_ERR_PROTOCOL;
    record->scope = in->scope;
    record->id.type = (uint32_t)hf_read_uint_max(&in->reader, UINT16_MAX);
    in->type = record->id.type;
    if (record->id.type == 0 || !take_bytes(&in->ids, record->id.bytes, HF_RECORD_ID_SIZE))
        return HF_ERR_PROTOCOL;
    hf_status status = read_dots(in, visitor);
    size_t left = hf_read_array(&in->reader, (size_t)(in->reader.end - in->reader.at));
    int64_t last = -1;
    if (status == HF_OK && left == 0) status = HF_ERR_PROTOCOL;
    while (status == HF_OK && left > 0) status = read_field(in, record, &left, &last);
    return status == HF_OK ? in->reader.status : status;
}

static hf_status read_all(reading *in, const hf_chunk_visitor *visitor)
{
    if (hf_read_array(&in->reader, HF_CHUNK_ITEMS) != HF_CHUNK_ITEMS ||
        hf_read_uint(&in->reader) != HF_CHUNK_RECORDS)
        return HF_ERR_PROTOCOL;
    in->scope = (uint32_t)hf_read_uint_max(&in->reader, INT32_MAX);
    hf_status status = read_logs(in);
    if (status == HF_OK) status = read_actors(in);
    in->ids = hf_read_bytes(&in->reader);
    in->prefixes = hf_read_bytes(&in->reader);
    if (status == HF_OK) status = read_columns(in);
    size_t count = hf_read_array(&in->reader, (size_t)(in->reader.end - in->reader.at));
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        hf_record record = {.no = 0};
        status = read_record(in, visitor, &record);
        if (status == HF_OK) status = visitor->record(visitor->context, &record);
        hf_record_clear(&record);
    }
    if (status == HF_OK) status = hf_reader_end(&in->reader);
    if (status == HF_OK) status = columns_end(in);
    if (status != HF_OK) return status;
    bool used = in->ids.size + in->prefixes.size == 0 && in->actors_used == in->actor_count;
    return used ? HF_OK : HF_ERR_PROTOCOL;
}

hf_status hf_chunk_read(hf_store *store, hf_bytes raw, const hf_chunk_visitor *visitor)
{
    reading in = {.store = store, .reader = hf_reader_open(raw)};
    hf_status status = read_all(&in, visitor);
    free(in.logs);
    free(in.actors);
    free(in.dots);
    free(in.columns);
    return status;
}
