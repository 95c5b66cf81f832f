/* columns.c: see columns.h; the layout is in protocol.md 4, "Entries side by side".
 *
 * Why its own file: it is the one place that looks into entries for the sake of size alone. What it
 * gives back is a frame like any other, and is checked like any other. */
#include "columns.h"

#include "codec_head.h"
#include "frame.h"
#include "messages.h"

#include <assert.h>
#include <string.h>

/* What one cell of a column holds. */
enum {
    KIND_ITEM = 0,     /* a head, and a string's content with it */
    KIND_STEP = 1,     /* an unsigned integer, as its distance from the one above */
    KIND_LENGTH = 2,   /* of a byte string whose content the next columns hold */
    KIND_BYTES = 0x20, /* + n: n bytes, in the stream */
    KIND_PLAIN = 0x40, /* + n: n bytes, in plain */
    PIECE_MAX = 32     /* n is 1 to this */
};

enum { MAJOR_UINT = 0, MAJOR_BYTES = 2 };
enum { BODY_ITEMS = 9, ID_TIME_SIZE = 6, SALT_SIZE = 8, SHAPES_MAX = 128, ROWS_MIN = 8 };

typedef struct shape { /* rows with the same kinds of cells, one below the other */
    size_t kinds_at, kinds_size, rows;
} shape;

void hf_columns_free(hf_columns *columns)
{
    hf_buffer_free(&columns->stream);
    hf_buffer_free(&columns->plain);
    hf_buffer_free(&columns->kinds);
    hf_buffer_free(&columns->places);
}

/* ---- turning ---- */

typedef struct turning {
    hf_columns *columns;
    hf_reader frame;
    const uint8_t *literal; /* where what is no entry began */
    size_t pieces;
    hf_buffer *out; /* pieces, until the count of them is known */
    shape shapes[SHAPES_MAX];
    size_t shape_count, row_count;
    const uint8_t *rows[HF_FRAME_ENTRIES_MAX]; /* each entry, where its next cell begins */
    uint8_t shape_of[HF_FRAME_ENTRIES_MAX];
} turning;

static void kind(turning *t, uint8_t value)
{
    hf_write_raw(&t->columns->kinds, (hf_bytes){&value, 1});
}

/* One head of the frame, which becomes a cell. */
static uint64_t cell(turning *t, uint8_t as)
{
    hf_cbor_head head;
    if (!hf_take_head(&t->frame, &head)) return 0;
    if (as == KIND_STEP && head.kind != HF_KIND_UINT) hf_reader_fail(&t->frame, HF_ERR_PROTOCOL);
    kind(t, as);
    return head.argument;
}

/* A byte string in pieces: its head is passed, its content is yet to come. */
static size_t string_cell(turning *t)
{
    hf_bytes content = hf_read_bytes(&t->frame);
    if (t->frame.status == HF_OK) t->frame.at = content.data;
    kind(t, KIND_LENGTH);
    return content.size;
}

static void bytes_cell(turning *t, uint8_t where, size_t size)
{
    if (size > hf_reader_left(&t->frame)) hf_reader_fail(&t->frame, HF_ERR_PROTOCOL);
    if (t->frame.status != HF_OK) return;
    t->frame.at += size;
    kind(t, (uint8_t)(where + size));
}

/* salt, [type, record id, ...: a record's id is a time and then random, as its salt is. */
static void describe_part(turning *t)
{
    hf_reader *frame = &t->frame;
    size_t size = string_cell(t);
    const uint8_t *end = frame->at + size;
    bytes_cell(t, KIND_PLAIN, SALT_SIZE);
    (void)cell(t, KIND_ITEM);
    (void)cell(t, KIND_ITEM);
    size_t id_size = string_cell(t);
    if (id_size != HF_RECORD_ID_SIZE) hf_reader_fail(frame, HF_ERR_PROTOCOL);
    bytes_cell(t, KIND_BYTES, ID_TIME_SIZE);
    bytes_cell(t, KIND_PLAIN, HF_RECORD_ID_SIZE - ID_TIME_SIZE);
    while (frame->status == HF_OK && frame->at < end) (void)cell(t, KIND_ITEM);
    if (frame->at != end) hf_reader_fail(frame, HF_ERR_PROTOCOL);
}

static void describe_erased(turning *t)
{
    (void)cell(t, KIND_ITEM);
    size_t size = string_cell(t);
    if (size != HF_HASH_SIZE) hf_reader_fail(&t->frame, HF_ERR_PROTOCOL);
    bytes_cell(t, KIND_PLAIN, HF_HASH_SIZE);
}

/* The kinds of an entry's cells (protocol.md 3: body), to the end of `kinds`. */
static void describe(turning *t)
{
    if (cell(t, KIND_ITEM) != BODY_ITEMS) hf_reader_fail(&t->frame, HF_ERR_PROTOCOL);
    for (int i = 0; i < BODY_ITEMS - 1; i++) {
        bool counts_up = i == 0 || i == 1 || i == 3; /* seq, pseq, hlc */
        (void)cell(t, counts_up ? KIND_STEP : KIND_ITEM);
    }
    uint64_t parts = cell(t, KIND_ITEM);
    for (uint64_t i = 0; i < parts && t->frame.status == HF_OK; i++) {
        if (hf_reader_kind(&t->frame) == HF_KIND_BYTES)
            describe_part(t);
        else
            describe_erased(t);
    }
}

/* The shape whose kinds were just written; they are dropped if there was one like it. */
static void take_shape(turning *t, size_t kinds_at)
{
    hf_buffer *kinds = &t->columns->kinds;
    size_t size = kinds->size - kinds_at, i = t->shape_count;
    while (i-- > 0) { /* the last one first: like follows like */
        shape *known = &t->shapes[i];
        if (known->kinds_size != size) continue;
        if (memcmp(kinds->data + known->kinds_at, kinds->data + kinds_at, size) == 0) break;
    }
    if (i < t->shape_count) {
        kinds->size = kinds_at;
    } else if (t->shape_count == SHAPES_MAX) {
        hf_reader_fail(&t->frame, HF_ERR_LIMIT);
        return;
    } else {
        i = t->shape_count++;
        t->shapes[i] = (shape){kinds_at, size, 0};
        if (kinds->size > HF_COLUMNS_MAX) hf_reader_fail(&t->frame, HF_ERR_LIMIT);
    }
    t->shapes[i].rows++;
    t->shape_of[t->row_count++] = (uint8_t)i;
}

static void piece(turning *t, uint64_t rows)
{
    hf_write_bytes(t->out, t->literal, (size_t)(t->frame.at - t->literal));
    hf_write_uint(t->out, rows);
    t->pieces++;
}

static void take_rows(turning *t)
{
    size_t count = hf_read_array(&t->frame, HF_FRAME_ENTRIES_MAX - t->row_count);
    if (t->frame.status != HF_OK) return;
    piece(t, count);
    for (size_t i = 0; i < count && t->frame.status == HF_OK; i++) {
        size_t kinds_at = t->columns->kinds.size;
        t->rows[t->row_count] = t->frame.at;
        describe(t);
        if (t->frame.status == HF_OK && t->columns->kinds.status == HF_OK) take_shape(t, kinds_at);
    }
    t->literal = t->frame.at;
}

static void skip(turning *t, int heads)
{
    hf_cbor_head head;
    while (heads-- > 0) (void)hf_take_head(&t->frame, &head);
}

static void take_runs(turning *t)
{
    size_t runs = hf_read_array(&t->frame, HF_FRAME_ENTRIES_MAX);
    for (size_t i = 0; i < runs && t->frame.status == HF_OK; i++) {
        skip(t, 3); /* [origin, lane, ... */
        take_rows(t);
    }
}

/* Finds every entry and its shape. */
static bool survey(turning *t, hf_bytes frame)
{
    uint64_t type;
    size_t items;
    if (hf_frame_head(frame, &type, &t->frame, &items) != HF_OK) return false;
    t->literal = frame.data;
    switch (type) {
    case HF_FRAME_PUSH:
    case HF_FRAME_RELAY:
        skip(t, 2);
        take_rows(t);
        break;
    case HF_FRAME_FEED:
        skip(t, 3);
        take_runs(t);
        break;
    case HF_FRAME_ENTRIES: take_runs(t); break;
    default: return false;
    }
    t->frame.at = t->frame.end;
    piece(t, 0);
    return t->frame.status == HF_OK && t->row_count >= ROWS_MIN;
}

/* One cell of the row, which goes on behind it. The survey has read all of this before. */
static void put_cell(hf_columns *out, uint8_t as, const uint8_t **row, const uint8_t *end,
                     uint64_t *above)
{
    hf_reader reader = {*row, end, HF_OK, HF_CBOR_DEPTH_MAX};
    hf_cbor_head head;
    if (as >= KIND_BYTES) {
        bool is_plain = as > KIND_PLAIN;
        size_t size = as - (size_t)(is_plain ? KIND_PLAIN : KIND_BYTES);
        hf_write_raw(is_plain ? &out->plain : &out->stream, (hf_bytes){*row, size});
        *row += size;
        return;
    }
    bool was_read = hf_take_head(&reader, &head);
    assert(was_read);
    if (as == KIND_ITEM) {
        hf_write_raw(&out->stream, (hf_bytes){*row, (size_t)(reader.at - *row)});
    } else if (as == KIND_LENGTH) {
        hf_write_uint(&out->stream, head.argument);
        reader.at = head.data;
    } else {
        hf_write_int(&out->stream, (int64_t)(head.argument - *above));
        *above = head.argument;
    }
    *row = reader.at;
}

static void put_shape(turning *t, size_t index)
{
    hf_columns *out = t->columns;
    const shape *s = &t->shapes[index];
    hf_write_uint(&out->stream, s->rows);
    hf_write_bytes(&out->stream, out->kinds.data + s->kinds_at, s->kinds_size);
    for (size_t column = 0; column < s->kinds_size; column++) {
        uint64_t above = 0;
        for (size_t row = 0; row < t->row_count; row++)
            if (t->shape_of[row] == index)
                put_cell(out, out->kinds.data[s->kinds_at + column], &t->rows[row], t->frame.end,
                         &above);
    }
}

bool hf_columns_write(hf_columns *columns, hf_bytes frame)
{
    turning t = {.columns = columns, .out = &columns->places};
    hf_buffer_clear(&columns->stream);
    hf_buffer_clear(&columns->plain);
    hf_buffer_clear(&columns->kinds);
    hf_buffer_clear(&columns->places);
    if (!survey(&t, frame)) return false;
    hf_write_uint(&columns->stream, t.pieces);
    hf_write_raw(&columns->stream, hf_buffer_bytes(&columns->places));
    hf_write_uint(&columns->stream, t.shape_count);
    hf_write_bytes(&columns->stream, t.shape_of, t.shape_count > 1 ? t.row_count : 0);
    for (size_t i = 0; i < t.shape_count; i++) put_shape(&t, i);
    bool memory = columns->kinds.status == HF_OK && columns->places.status == HF_OK;
    return memory && columns->stream.status == HF_OK && columns->plain.status == HF_OK;
}

/* ---- turning back ---- */

typedef struct column { /* where the next row's cell of it stands */
    uint8_t kind;
    const uint8_t *at;
    uint64_t above;
} column;

typedef struct turned {
    hf_reader stream;
    hf_bytes plain;
    hf_buffer *columns; /* column by column, shape by shape */
    size_t column_count, shape_count, row_count;
    struct {
        size_t first, count; /* of its columns */
        size_t rows;         /* still to come */
    } shapes[SHAPES_MAX];
    hf_bytes order;
    size_t row;
    hf_buffer *out;
    size_t size; /* that the frame is to have */
} turned;

static void fail(turned *t, hf_status status)
{
    hf_reader_fail(&t->stream, status);
}

static size_t read_count(turned *t, size_t max)
{
    uint64_t count = hf_read_uint(&t->stream);
    if (count <= max) return (size_t)count;
    fail(t, HF_ERR_LIMIT);
    return 0;
}

static column *column_at(turned *t, size_t index)
{
    return (column *)(void *)t->columns->data + index;
}

/* Passes over one cell in the stream. */
static void pass(turned *t, uint8_t as)
{
    hf_cbor_head head;
    if (as > KIND_BYTES) {
        size_t size = as - (size_t)KIND_BYTES;
        if (size > hf_reader_left(&t->stream)) fail(t, HF_ERR_PROTOCOL);
        if (t->stream.status == HF_OK) t->stream.at += size;
        return;
    }
    if (!hf_take_head(&t->stream, &head)) return;
    bool is_uint = head.kind == HF_KIND_UINT;
    if (as == KIND_STEP && !is_uint && head.kind != HF_KIND_NINT) fail(t, HF_ERR_PROTOCOL);
    if (as == KIND_LENGTH && !is_uint) fail(t, HF_ERR_PROTOCOL);
}

static void find_column(turned *t, uint8_t as, size_t rows)
{
    column *to = (column *)(void *)hf_buffer_reserve(t->columns, sizeof *to);
    if (!to) {
        fail(t, HF_ERR_NOMEM);
        return;
    }
    t->columns->size += sizeof *to;
    t->column_count++;
    *to = (column){as, as > KIND_PLAIN ? t->plain.data : t->stream.at, 0};
    bool known = as <= KIND_LENGTH || (as > KIND_BYTES && as <= KIND_PLAIN + PIECE_MAX);
    if (!known) fail(t, HF_ERR_PROTOCOL);
    if (as <= KIND_PLAIN) {
        for (size_t i = 0; i < rows && t->stream.status == HF_OK; i++) pass(t, as);
        return;
    }
    size_t size = rows * (as - (size_t)KIND_PLAIN);
    if (size > t->plain.size) fail(t, HF_ERR_PROTOCOL);
    if (t->stream.status != HF_OK) return;
    t->plain.data += size;
    t->plain.size -= size;
}

static void find_shapes(turned *t)
{
    t->shape_count = read_count(t, SHAPES_MAX);
    t->order = hf_read_bytes(&t->stream);
    for (size_t i = 0; i < t->shape_count && t->stream.status == HF_OK; i++) {
        size_t rows = read_count(t, HF_FRAME_ENTRIES_MAX);
        hf_bytes kinds = hf_read_bytes(&t->stream);
        t->shapes[i].first = t->column_count;
        t->shapes[i].count = kinds.size;
        t->shapes[i].rows = rows;
        t->row_count += rows;
        if (rows == 0 || kinds.size == 0) fail(t, HF_ERR_PROTOCOL); /* says nothing */
        if (t->row_count > HF_FRAME_ENTRIES_MAX) fail(t, HF_ERR_LIMIT);
        if (kinds.size > HF_COLUMNS_MAX - t->column_count) fail(t, HF_ERR_LIMIT);
        for (size_t c = 0; c < kinds.size && t->stream.status == HF_OK; c++)
            find_column(t, kinds.data[c], rows);
    }
    if (t->order.size != (t->shape_count > 1 ? t->row_count : 0)) fail(t, HF_ERR_PROTOCOL);
    if (t->plain.size || hf_reader_end(&t->stream) != HF_OK) fail(t, HF_ERR_PROTOCOL);
}

static void put(turned *t, hf_bytes bytes)
{
    if (bytes.size > t->size - t->out->size) fail(t, HF_ERR_PROTOCOL);
    if (t->stream.status == HF_OK) hf_write_raw(t->out, bytes);
}

/* Heads differ in their first three bits alone. */
static void put_head(turned *t, uint8_t major, uint64_t argument)
{
    size_t at = t->out->size;
    hf_write_uint(t->out, argument);
    if (t->out->status != HF_OK) fail(t, t->out->status);
    if (t->out->size > t->size) fail(t, HF_ERR_PROTOCOL);
    if (t->stream.status == HF_OK)
        t->out->data[at] |= (uint8_t)(major << 5);
    else
        t->out->size = at;
}

static void put_back(turned *t, column *from)
{
    if (from->kind > KIND_BYTES) {
        bool is_plain = from->kind > KIND_PLAIN;
        size_t size = from->kind - (size_t)(is_plain ? KIND_PLAIN : KIND_BYTES);
        put(t, (hf_bytes){from->at, size});
        from->at += size;
        return;
    }
    hf_reader reader = {from->at, t->stream.end, HF_OK, HF_CBOR_DEPTH_MAX};
    hf_cbor_head head;
    bool was_read = hf_take_head(&reader, &head);
    assert(was_read); /* when the column was found */
    if (from->kind == KIND_ITEM) {
        put(t, (hf_bytes){from->at, (size_t)(reader.at - from->at)});
    } else if (from->kind == KIND_LENGTH) {
        put_head(t, MAJOR_BYTES, head.argument);
    } else {
        from->above += head.kind == HF_KIND_UINT ? head.argument : ~head.argument;
        put_head(t, MAJOR_UINT, from->above);
    }
    from->at = reader.at;
}

static void put_row(turned *t)
{
    size_t index = t->shape_count > 1 && t->row < t->order.size ? t->order.data[t->row] : 0;
    t->row++;
    if (index >= t->shape_count || t->shapes[index].rows == 0) {
        fail(t, HF_ERR_PROTOCOL);
        return;
    }
    t->shapes[index].rows--;
    for (size_t i = 0; i < t->shapes[index].count && t->stream.status == HF_OK; i++)
        put_back(t, column_at(t, t->shapes[index].first + i));
}

/* The pieces, each followed by its rows. */
static void put_pieces(turned *t, hf_reader pieces, size_t count)
{
    for (size_t i = 0; i < count && t->stream.status == HF_OK; i++) {
        hf_bytes literal = hf_read_bytes(&pieces);
        uint64_t rows = hf_read_uint(&pieces);
        put(t, literal);
        for (uint64_t row = 0; row < rows && t->stream.status == HF_OK; row++) put_row(t);
    }
    if (t->row != t->row_count || t->out->size != t->size) fail(t, HF_ERR_PROTOCOL);
}

hf_status hf_columns_read(hf_columns *columns, hf_bytes plain, size_t size, hf_buffer *out)
{
    turned t = {.stream = hf_reader_open(hf_buffer_bytes(&columns->stream)),
                .plain = plain,
                .columns = &columns->places,
                .out = out,
                .size = size};
    hf_buffer_clear(&columns->places);
    hf_buffer_clear(out);
    size_t count = read_count(&t, HF_FRAME_ENTRIES_MAX + 1);
    hf_reader pieces = t.stream;
    for (size_t i = 0; i < count && t.stream.status == HF_OK; i++) {
        (void)hf_read_bytes(&t.stream);
        (void)read_count(&t, HF_FRAME_ENTRIES_MAX);
    }
    find_shapes(&t);
    if (t.stream.status == HF_OK) put_pieces(&t, pieces, count);
    return t.stream.status == HF_OK ? out->status : t.stream.status;
}
