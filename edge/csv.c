/* csv.c: the CSV reader, a byte at a time.
 *
 * Why not split at commas and line ends: a location such as "Bell, the" may hold both, and a file
 * that is read wrongly in one row of a thousand is evidence that is wrong in one case of a
 * thousand. */
#include "csv.h"

#include <string.h>

enum { CELL_START, PLAIN, QUOTED, AFTER_QUOTE, SKIP };

static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};

static void row_begin(hf_csv *csv)
{
    hf_buffer_clear(&csv->raw);
    hf_buffer_clear(&csv->text);
    csv->cell_count = 0;
    csv->fault = NULL;
    csv->state = CELL_START;
    csv->line = csv->lines + 1;
    csv->row_done = false;
}

static void spoil(hf_csv *csv, const char *fault)
{
    if (!csv->fault) csv->fault = fault;
    csv->state = SKIP;
}

static void cell_end(hf_csv *csv)
{
    if (csv->cell_count == HF_CSV_CELLS_MAX) {
        spoil(csv, "more than 256 cells");
        return;
    }
    csv->ends[csv->cell_count++] = csv->text.size;
    csv->state = CELL_START;
}

static void row_end(hf_csv *csv)
{
    if (csv->state != SKIP) cell_end(csv);
    if (csv->raw.size && csv->raw.data[csv->raw.size - 1] == '\r') csv->raw.size--;
    csv->row_done = true;
}

static void put(hf_csv *csv, uint8_t byte)
{
    hf_write_raw(&csv->text, (hf_bytes){&byte, 1});
}

static void plain_byte(hf_csv *csv, uint8_t byte)
{
    if (byte == ',') {
        cell_end(csv);
    } else if (byte == '"' && csv->state == CELL_START) {
        csv->state = QUOTED;
    } else if (byte == '"') {
        spoil(csv, "a quotation mark in the middle of a cell that does not begin with one");
    } else if (byte != '\r') { /* before the line end; lone ones mean nothing */
        put(csv, byte);
        csv->state = PLAIN;
    }
}

static void row_byte(hf_csv *csv, uint8_t byte)
{
    bool is_end = byte == '\n' && csv->state != QUOTED;
    if (byte == '\n') csv->lines++;
    if (is_end) {
        row_end(csv);
        return;
    }
    if (csv->raw.size >= HF_CSV_ROW_SIZE_MAX) {
        spoil(csv, "longer than 64 KiB: is a closing quotation mark missing?");
        return;
    }
    hf_write_raw(&csv->raw, (hf_bytes){&byte, 1});
    switch (csv->state) {
    case CELL_START:
    case PLAIN: plain_byte(csv, byte); break;
    case QUOTED:
        if (byte == '"')
            csv->state = AFTER_QUOTE;
        else
            put(csv, byte);
        break;
    case AFTER_QUOTE:
        if (byte == '"') {
            put(csv, byte);
            csv->state = QUOTED;
        } else if (byte == ',') {
            cell_end(csv);
        } else if (byte != '\r') {
            spoil(csv, "text behind a closing quotation mark");
        }
        break;
    default: break; /* SKIP: on to the line's end */
    }
}

/* True while the byte is one of the mark's, at the very start of the file. */
static bool is_mark(hf_csv *csv, uint8_t byte)
{
    if (csv->marks >= sizeof mark || byte != mark[csv->marks]) {
        if (csv->marks < sizeof mark) {
            for (size_t i = 0; i < csv->marks; i++) row_byte(csv, mark[i]);
        }
        csv->marks = sizeof mark;
        return false;
    }
    csv->marks++;
    return true;
}

hf_csv_step hf_csv_next(hf_csv *csv, hf_bytes *in, bool is_last)
{
    if (csv->row_done || csv->line == 0) row_begin(csv);
    while (in->size && !csv->row_done) {
        uint8_t byte = *in->data++;
        in->size--;
        if (!is_mark(csv, byte)) row_byte(csv, byte);
        bool is_blank = csv->row_done && csv->raw.size == 0;
        if (is_blank) row_begin(csv); /* an empty line is no row */
    }
    if (csv->row_done) return HF_CSV_ROW;
    if (!is_last) return HF_CSV_MORE;
    if (csv->raw.size == 0) return HF_CSV_END;
    if (csv->state == QUOTED) spoil(csv, "the file ends inside quotation marks");
    row_end(csv);
    return HF_CSV_ROW;
}

hf_bytes hf_csv_cell(const hf_csv *csv, size_t index)
{
    if (index >= csv->cell_count || !csv->text.data) return (hf_bytes){(const uint8_t *)"", 0};
    size_t start = index ? csv->ends[index - 1] : 0;
    return (hf_bytes){csv->text.data + start, csv->ends[index] - start};
}

void hf_csv_free(hf_csv *csv)
{
    hf_buffer_free(&csv->raw);
    hf_buffer_free(&csv->text);
}
