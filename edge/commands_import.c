/* commands_import.c: a CSV file, read row by row and handed over in batches.
 *
 * Why the command counts equal rows itself: a row without a key is known by its content and by how
 * many like it came before in the file, and only the reader of the file has seen them all. */
#include "import.h"
#include "program.h"

#include "platform/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CHUNK = 64 * 1024,
    BATCH_BYTES_MAX = 256 * 1024,  /* of rows as read: its request stays within bounds */
    EQUALS_MAX = 16 * 1024 * 1024, /* rows in one file: 384 MiB of counts */
    REJECTS_SAID = 10              /* on standard error, when there is no file for them */
};

/* ---- how many equal rows came before ---- */

typedef struct equal_slot {
    uint8_t digest[HF_IMPORT_DIGEST_SIZE];
    uint64_t count; /* 0: free */
} equal_slot;

typedef struct equal_table {
    equal_slot *slots;
    size_t capacity, used; /* capacity is a power of two */
} equal_table;

static equal_slot *equal_find(equal_slot *slots, size_t capacity, const uint8_t *digest)
{
    uint64_t start;
    memcpy(&start, digest, sizeof start);
    for (size_t i = (size_t)start & (capacity - 1);; i = (i + 1) & (capacity - 1)) {
        bool is_it =
            slots[i].count == 0 || memcmp(slots[i].digest, digest, HF_IMPORT_DIGEST_SIZE) == 0;
        if (is_it) return &slots[i];
    }
}

static bool equal_grow(equal_table *table)
{
    size_t capacity = table->capacity ? table->capacity * 2 : 1024;
    equal_slot *slots = capacity > EQUALS_MAX * 2 ? NULL : calloc(capacity, sizeof *slots);
    if (!slots) return false;
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].count)
            *equal_find(slots, capacity, table->slots[i].digest) = table->slots[i];
    }
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return true;
}

/* The row's ordinal; false when there are more rows than we can count. */
static bool equal_count(equal_table *table, const uint8_t *digest, uint64_t *ordinal)
{
    if (table->used * 2 >= table->capacity && !equal_grow(table)) return false;
    equal_slot *slot = equal_find(table->slots, table->capacity, digest);
    if (slot->count == 0) {
        memcpy(slot->digest, digest, HF_IMPORT_DIGEST_SIZE);
        table->used++;
    }
    *ordinal = slot->count++;
    return true;
}

/* ---- the import ---- */

typedef struct raw_row {
    uint64_t line;
    size_t start, size; /* in `raw` */
} raw_row;

typedef struct import_work {
    hf_program *program;
    const hf_cli_args *args;
    json_t *mapping, *header, *rows; /* rows: of the batch being gathered */
    json_t *entries;                 /* what is saved: one run of entries for each batch */
    hf_csv csv;
    equal_table equals;
    hf_buffer raw; /* the batch's rows as read */
    raw_row raw_rows[HF_IMPORT_ROWS_MAX];
    size_t raw_count;
    FILE *file, *rejects;
    hf_import_result total;
    uint64_t row_count, said;
} import_work;

static void quote(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void tell_reject(import_work *work, uint64_t line, hf_bytes raw, const char *why)
{
    if (work->rejects) {
        fwrite(raw.data, 1, raw.size, work->rejects);
        fprintf(work->rejects, ",%" PRIu64 ",", line);
        quote(work->rejects, why);
        fputs("\r\n", work->rejects);
        return;
    }
    if (work->said++ >= REJECTS_SAID) return;
    fprintf(stderr, "line %" PRIu64 ": ", line);
    hf_cli_text(stderr, why);
    fputc('\n', stderr);
}

static void progress(const import_work *work, bool is_end)
{
    bool is_terminal = isatty(STDERR_FILENO);
    if (is_terminal)
        fprintf(stderr, "\r%" PRIu64 " rows%s", work->row_count, is_end ? "\n" : "");
    else if (is_end || work->row_count % 5000 < HF_IMPORT_ROWS_MAX)
        fprintf(stderr, "%" PRIu64 " rows\n", work->row_count);
}

static void take_answer(import_work *work, const json_t *answer)
{
    const json_t *rejects = json_object_get(answer, "rejects");
    work->total.created += hf_show_number(answer, "created");
    work->total.updated += hf_show_number(answer, "updated");
    work->total.unchanged += hf_show_number(answer, "unchanged");
    work->total.seen += hf_show_number(answer, "seen");
    work->total.rejected += hf_show_number(answer, "rejected");
    (void)json_array_extend(work->entries, json_object_get(answer, "entries"));
    for (size_t i = 0; i < json_array_size(rejects); i++) {
        const json_t *reject = json_array_get(rejects, i);
        uint64_t line = hf_show_number(reject, "line");
        hf_bytes raw = {(const uint8_t *)"", 0};
        for (size_t j = 0; j < work->raw_count; j++) {
            if (work->raw_rows[j].line != line) continue;
            raw = (hf_bytes){work->raw.data + work->raw_rows[j].start, work->raw_rows[j].size};
        }
        tell_reject(work, line, raw, hf_show_text(reject, "why"));
    }
}

static int batch_send(import_work *work)
{
    json_t *answer = NULL;
    json_t *request =
        json_pack("{s:s,s:O,s:O,s:o,s:b}", "op", "import", "mapping", work->mapping, "header",
                  work->header, "rows", work->rows, "dry_run", hf_cli_has(work->args, "dry-run"));
    work->rows = json_array();
    hf_request_give(request, "actor", hf_request_actor(work->args));
    int code = hf_program_ask(work->program, request, &answer);
    if (code == HF_EXIT_OK) {
        take_answer(work, answer);
        progress(work, false);
    }
    json_decref(answer);
    hf_buffer_clear(&work->raw);
    work->raw_count = 0;
    return code;
}

static json_t *cells_of(const hf_csv *csv)
{
    json_t *cells = json_array();
    for (size_t i = 0; i < csv->cell_count; i++) {
        hf_bytes cell = hf_csv_cell(csv, i);
        json_t *text = json_stringn((const char *)cell.data, cell.size);
        if (text && json_array_append_new(cells, text) == 0) continue;
        json_decref(cells);
        return NULL; /* not UTF-8 */
    }
    return cells;
}

static bool row_digest(import_work *work, uint8_t out[HF_IMPORT_DIGEST_SIZE])
{
    hf_bytes cells[HF_CSV_CELLS_MAX];
    for (size_t i = 0; i < work->csv.cell_count; i++) cells[i] = hf_csv_cell(&work->csv, i);
    hf_import_row row = {.cells = cells, .cell_count = work->csv.cell_count};
    hf_import_digest(hf_keys_crypto(work->program->home.keys), (hf_bytes){NULL, 0}, &row, out);
    return true;
}

static int refuse_row(import_work *work, const char *why)
{
    work->total.rejected++;
    tell_reject(work, work->csv.line, hf_buffer_bytes(&work->csv.raw), why);
    return HF_EXIT_OK;
}

static int take_row(import_work *work)
{
    uint8_t digest[HF_IMPORT_DIGEST_SIZE];
    uint64_t ordinal = 0;
    work->row_count++;
    if (work->csv.fault) return refuse_row(work, work->csv.fault);
    json_t *cells = cells_of(&work->csv);
    if (!cells) return refuse_row(work, "it is not UTF-8 text");
    if (!row_digest(work, digest) || !equal_count(&work->equals, digest, &ordinal)) {
        json_decref(cells);
        fprintf(stderr,
                "%s import: the file has too many rows for this machine; cut it in "
                "parts.\n",
                EDGE_PROGRAM);
        return HF_EXIT_NO_MEMORY;
    }
    json_t *row = json_pack("{s:I,s:I,s:o}", "line", (json_int_t)work->csv.line, "ordinal",
                            (json_int_t)ordinal, "cells", cells);
    if (!row || json_array_append_new(work->rows, row) != 0) return HF_EXIT_NO_MEMORY;
    work->raw_rows[work->raw_count++] =
        (raw_row){work->csv.line, work->raw.size, work->csv.raw.size};
    hf_write_raw(&work->raw, hf_buffer_bytes(&work->csv.raw));
    bool is_full = work->raw_count == HF_IMPORT_ROWS_MAX || work->raw.size > BATCH_BYTES_MAX;
    return is_full ? batch_send(work) : HF_EXIT_OK;
}

static int take_header(import_work *work)
{
    work->header = work->csv.fault ? NULL : cells_of(&work->csv);
    if (!work->header) {
        fprintf(stderr, "%s import: the first line does not name the columns (%s).\n", EDGE_PROGRAM,
                work->csv.fault ? work->csv.fault : "it is not UTF-8 text");
        return HF_EXIT_DATA;
    }
    if (work->rejects)
        fprintf(work->rejects, "%.*s,line,reason\r\n", (int)work->csv.raw.size,
                (const char *)work->csv.raw.data);
    return HF_EXIT_OK;
}

static int read_file(import_work *work)
{
    uint8_t chunk[CHUNK];
    bool is_last = false;
    int code = HF_EXIT_OK;
    while (!is_last && code == HF_EXIT_OK) {
        size_t size = fread(chunk, 1, sizeof chunk, work->file);
        hf_bytes in = {chunk, size};
        is_last = size < sizeof chunk;
        if (ferror(work->file)) {
            fprintf(stderr,
                    "%s import: cannot read the file. What was imported stays; run the "
                    "same again.\n",
                    EDGE_PROGRAM);
            return HF_EXIT_IO;
        }
        while (code == HF_EXIT_OK && hf_csv_next(&work->csv, &in, is_last) == HF_CSV_ROW) {
            code = work->header ? take_row(work) : take_header(work);
        }
    }
    if (code == HF_EXIT_OK && work->raw_count) code = batch_send(work);
    return code;
}

static int open_files(import_work *work)
{
    const char *mapping = hf_cli_value(work->args, "mapping");
    const char *rejects = hf_cli_value(work->args, "rejects");
    json_error_t error;
    if (!mapping) {
        fprintf(stderr, "%s import: say which column goes to which field: --mapping FILE.\n",
                EDGE_PROGRAM);
        return HF_EXIT_USAGE;
    }
    work->mapping = json_load_file(mapping, JSON_REJECT_DUPLICATES, &error);
    if (!work->mapping) {
        fprintf(stderr, "%s import: %s, line %d: %s\n", EDGE_PROGRAM, mapping, error.line,
                error.text);
        return hf_home_has(mapping) ? HF_EXIT_DATA : HF_EXIT_NO_INPUT;
    }
    bool is_stdin = strcmp(work->args->operands[0], "-") == 0;
    work->file = is_stdin ? stdin : fopen(work->args->operands[0], "rb");
    if (!work->file) {
        fprintf(stderr, "%s import: there is no file %s.\n", EDGE_PROGRAM, work->args->operands[0]);
        return HF_EXIT_NO_INPUT;
    }
    if (rejects) work->rejects = fopen(rejects, "wb");
    if (rejects && !work->rejects) {
        fprintf(stderr, "%s import: cannot write %s.\n", EDGE_PROGRAM, rejects);
        return HF_EXIT_CANNOT_CREATE;
    }
    return HF_EXIT_OK;
}

static void print_document(const import_work *work, bool complete)
{
    const hf_import_result *total = &work->total;
    json_t *document = json_pack(
        "{s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:O}", "schema", "holdfast.import/1", "complete",
        complete, "rows", (json_int_t)work->row_count, "created", (json_int_t)total->created,
        "updated", (json_int_t)total->updated, "unchanged", (json_int_t)total->unchanged, "seen",
        (json_int_t)total->seen, "rejected", (json_int_t)total->rejected, "dry_run",
        hf_cli_has(work->args, "dry-run"), "entries", work->entries);
    char *text = json_dumps(document, JSON_COMPACT);
    if (text) puts(text);
    free(text);
    json_decref(document);
}

static void print_total(const import_work *work)
{
    const hf_import_result *total = &work->total;
    bool dry = hf_cli_has(work->args, "dry-run");
    if (hf_cli_has(work->args, "json")) {
        print_document(work, true);
        return;
    }
    printf("%s%" PRIu64 " rows: %" PRIu64 " new records, %" PRIu64 " updated, %" PRIu64
           " unchanged, %" PRIu64 " taken by an earlier run, %" PRIu64 " rejected.\n",
           dry ? "Dry run, nothing is written. " : "", work->row_count, total->created,
           total->updated, total->unchanged, total->seen, total->rejected);
}

int hf_edge_cli_import(void *context, const hf_cli_args *args)
{
    import_work *work = calloc(1, sizeof *work);
    if (!work) return HF_EXIT_NO_MEMORY;
    work->program = context;
    work->args = args;
    work->rows = json_array();
    work->entries = json_array();
    hf_home *home = &work->program->home;
    int code = hf_program_open(work->program, args);
    if (code == HF_EXIT_OK && !home->keys) code = hf_home_keys(home, EDGE_PROGRAM);
    if (code == HF_EXIT_OK) code = open_files(work);
    if (code == HF_EXIT_OK) code = read_file(work);
    if (code == HF_EXIT_OK) {
        progress(work, true);
        print_total(work);
        if (!hf_cli_has(args, "dry-run")) fputs("Saved on this device.\n", stderr);
        if (work->total.rejected) code = HF_EXIT_DATA;
    } else if (work->row_count) {
        if (hf_cli_has(args, "json")) print_document(work, false); /* what it says is saved, is */
        fputs("What was imported so far stays; run the same again to go on.\n", stderr);
    }
    if (work->rejects && fclose(work->rejects) != 0 && code == HF_EXIT_OK) code = HF_EXIT_IO;
    if (work->file && work->file != stdin) fclose(work->file);
    json_decref(work->mapping);
    json_decref(work->header);
    json_decref(work->rows);
    json_decref(work->entries);
    hf_csv_free(&work->csv);
    hf_buffer_free(&work->raw);
    free(work->equals.slots);
    free(work);
    return code;
}
