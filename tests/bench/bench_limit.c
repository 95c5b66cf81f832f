/* bench_limit.c: what SQLite alone does on this disk, in a process of its own as ours are.
 *
 *   limit blobs PATH COUNT PER_COMMIT INDEXED     rows per second
 *   limit rows PATH COUNT PER_COMMIT              the same, in the shape of our own tables
 *   limit commits PATH COUNT                      one row each; milliseconds of two in a row
 *
 * Prints {"rate":...} or {"p50":...,"p99":...}. The file at PATH must not be there. */
#include "raw_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int tell_commits(const char *path, uint32_t count)
{
    double *ms = calloc(count, sizeof *ms);
    if (!ms || !raw_commits(path, count, ms)) return 1;
    uint32_t pairs = count / 2;
    for (uint32_t i = 0; i < pairs; i++) ms[i] = ms[2 * i] + ms[2 * i + 1];
    qsort(ms, pairs, sizeof *ms, by_value);
    printf("{\"p50\":%.4f,\"p99\":%.4f}\n", ms[pairs / 2], ms[pairs * 99 / 100]);
    free(ms);
    return 0;
}

static int tell_rate(double rate)
{
    printf("{\"rate\":%.1f}\n", rate);
    return rate > 0 ? 0 : 1;
}

int main(int argument_count, char **arguments)
{
    const char *what = argument_count > 3 ? arguments[1] : "";
    uint32_t numbers[3] = {0, 1, 0};
    for (int i = 3; i < argument_count && i < 6; i++)
        numbers[i - 3] = (uint32_t)strtoul(arguments[i], NULL, 10);
    if (numbers[0] > 1 && numbers[1] > 0) {
        const char *path = arguments[2];
        if (strcmp(what, "blobs") == 0)
            return tell_rate(raw_blobs(path, numbers[0], numbers[1], numbers[2]));
        if (strcmp(what, "rows") == 0) return tell_rate(raw_rows(path, numbers[0], numbers[1]));
        if (strcmp(what, "commits") == 0) return tell_commits(path, numbers[0]);
    }
    fprintf(stderr, "usage: limit blobs|rows|commits PATH COUNT [PER_COMMIT [INDEXED]]\n");
    return 2;
}
