/* fuzz_csv.c: any file, cut anywhere, gives the same rows as the file in one piece. */
#include "harness.h"

#include "edge/csv.h"

#include <assert.h>
#include <string.h>

/* Everything that a reader of rows can see, into one buffer. */
static void read_all(const uint8_t *data, size_t size, size_t step, hf_buffer *out)
{
    hf_csv csv = {.line = 0};
    hf_bytes in = {data, 0};
    size_t at = 0;
    for (;;) {
        hf_csv_step found = hf_csv_next(&csv, &in, at == size && in.size == 0);
        if (found == HF_CSV_END) break;
        if (found == HF_CSV_MORE) {
            size_t more = size - at < step ? size - at : step;
            in = (hf_bytes){data + at, more};
            at += more;
            continue;
        }
        assert(csv.raw.size <= HF_CSV_ROW_SIZE_MAX && csv.cell_count <= HF_CSV_CELLS_MAX);
        hf_write_uint(out, csv.line);
        hf_write_bytes(out, csv.raw.data, csv.raw.size);
        hf_write_string(out, csv.fault ? csv.fault : "");
        for (size_t i = 0; i < csv.cell_count; i++) {
            hf_bytes cell = hf_csv_cell(&csv, i);
            hf_write_bytes(out, cell.data, cell.size);
        }
        assert(hf_csv_cell(&csv, csv.cell_count).size == 0);
    }
    hf_csv_free(&csv);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    hf_buffer whole = {0}, cut = {0};
    if (size == 0) return;
    size_t step = 1 + data[0] % 16;
    read_all(data + 1, size - 1, size, &whole);
    read_all(data + 1, size - 1, step, &cut);
    assert(hf_bytes_equal(hf_buffer_bytes(&whole), hf_buffer_bytes(&cut)));
    hf_buffer_free(&whole);
    hf_buffer_free(&cut);
}
