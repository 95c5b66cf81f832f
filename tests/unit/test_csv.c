/* test_csv.c: rows come out as they were meant, however the file was cut and whatever wrote it. */
#include "edge/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Every row as "line:cell|cell", or "line!fault", ended by a newline; fed `step` bytes at a time.
 */
static void read_all(const char *file, size_t size, size_t step, char *out, size_t room)
{
    hf_csv csv = {.line = 0};
    size_t used = 0, at = 0;
    hf_bytes in = {(const uint8_t *)file, 0};
    out[0] = 0;
    for (;;) {
        hf_csv_step found = hf_csv_next(&csv, &in, at == size);
        if (found == HF_CSV_END) break;
        if (found == HF_CSV_MORE) {
            size_t more = size - at < step ? size - at : step;
            in = (hf_bytes){(const uint8_t *)file + at, more};
            at += more;
            continue;
        }
        used += (size_t)snprintf(out + used, room - used, "%u%s", (unsigned)csv.line,
                                 csv.fault ? "!" : ":");
        if (csv.fault) used += (size_t)snprintf(out + used, room - used, "%s", csv.fault);
        for (size_t i = 0; i < csv.cell_count && !csv.fault; i++) {
            hf_bytes cell = hf_csv_cell(&csv, i);
            used += (size_t)snprintf(out + used, room - used, "%s%.*s", i ? "|" : "",
                                     (int)cell.size, (const char *)cell.data);
        }
        used += (size_t)snprintf(out + used, room - used, "\n");
    }
    hf_csv_free(&csv);
}

static void expect_rows(const char *file, const char *rows)
{
    char found[4096];
    for (size_t step = 1; step < 9; step++) { /* a read may end anywhere, within a character too */
        read_all(file, strlen(file), step, found, sizeof found);
        assert_string_equal(found, rows);
    }
    read_all(file, strlen(file), strlen(file) + 1, found, sizeof found);
    assert_string_equal(found, rows);
}

static void plain_rows_are_read(void **state)
{
    (void)state;
    expect_rows("a,b\n1,2\n", "1:a|b\n2:1|2\n");
    expect_rows("a,b\r\n1,2\r\n", "1:a|b\n2:1|2\n");
    expect_rows("a,b\n1,2", "1:a|b\n2:1|2\n"); /* no end on the last line */
    expect_rows("a,,\n,,\n", "1:a||\n2:||\n");
    expect_rows("", "");
    expect_rows("\n\r\n\n", "");
    expect_rows("a\n\n\nb\n", "1:a\n4:b\n"); /* lines are counted, empty ones too */
}

static void quoted_cells_may_hold_anything(void **state)
{
    (void)state;
    expect_rows("\"a,b\",c\n", "1:a,b|c\n");
    expect_rows("\"a \"\"b\"\"\",\"\"\n", "1:a \"b\"|\n");
    expect_rows("\"two\nlines\",x\ny,z\n", "1:two\nlines|x\n3:y|z\n");
    expect_rows("\"a\"\r\nb\r\n", "1:a\n2:b\n");
}

static void the_byte_order_mark_is_no_part_of_the_first_name(void **state)
{
    (void)state;
    expect_rows("\xef\xbb\xbf"
                "Crime ID,Month\nx,y\n",
                "1:Crime ID|Month\n2:x|y\n");
    expect_rows("\xef\xbb"
                "a\n",
                "1:\xef\xbb"
                "a\n"); /* half a mark is not one */
    expect_rows("a,\xef\xbb\xbf"
                "b\n",
                "1:a|\xef\xbb\xbf"
                "b\n");
}

static void a_bad_row_costs_only_itself(void **state)
{
    (void)state;
    expect_rows("a\nb\"c,d\ne\n",
                "1:a\n2!a quotation mark in the middle of a cell that does not begin with one\n"
                "3:e\n");
    expect_rows("\"a\"b,c\nd\n", "1!text behind a closing quotation mark\n2:d\n");
    expect_rows("a\n\"never closed\nb\n", "1:a\n2!the file ends inside quotation marks\n");
}

static void a_row_without_end_is_bounded(void **state)
{
    (void)state;
    static char file[HF_CSV_ROW_SIZE_MAX + 100], found[256];
    memset(file, 'x', sizeof file);
    file[sizeof file - 3] = '\n';
    file[sizeof file - 2] = 'y';
    file[sizeof file - 1] = '\n';
    read_all(file, sizeof file, 4096, found, sizeof found);
    assert_string_equal(found, "1!longer than 64 KiB: is a closing quotation mark missing?\n2:y\n");
    memset(file, ',', HF_CSV_CELLS_MAX);
    file[HF_CSV_CELLS_MAX] = '\n';
    read_all(file, HF_CSV_CELLS_MAX + 1, 64, found, sizeof found);
    assert_string_equal(found, "1!more than 256 cells\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_rows_are_read),
        cmocka_unit_test(quoted_cells_may_hold_anything),
        cmocka_unit_test(the_byte_order_mark_is_no_part_of_the_first_name),
        cmocka_unit_test(a_bad_row_costs_only_itself),
        cmocka_unit_test(a_row_without_end_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
