/* show.c: JSON documents to tables.
 *
 * Why from JSON and not from the store: a daemon may hold the store, and then its answer is all
 * that the command has. */
#include "show.h"

#include "cli.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIME_SIZE = 64, VALUE_SHOWN_MAX = 240 };

/* ---- small things ---- */

const char *hf_show_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

uint64_t hf_show_number(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));
    return number < 0 ? 0 : (uint64_t)number;
}

void hf_rows_add(hf_rows *rows, const char *text)
{
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity ? rows->capacity * 2 : 64;
        rows->cells = realloc(rows->cells, rows->capacity * sizeof *rows->cells);
    }
    char *copy = rows->cells ? strdup(text) : NULL;
    if (!copy) { /* a command that prints has nothing better to do without memory */
        fputs("Out of memory.\n", stderr);
        exit(HF_EXIT_NO_MEMORY);
    }
    rows->cells[rows->count++] = copy;
}

void hf_rows_print(hf_rows *rows, FILE *out)
{
    assert(rows->columns && rows->count % rows->columns == 0);
    if (rows->count)
        hf_cli_table(out, (const char *const *)rows->cells, rows->columns,
                     rows->count / rows->columns);
    for (size_t i = 0; i < rows->count; i++) free(rows->cells[i]);
    free(rows->cells);
    rows->cells = NULL;
    rows->count = rows->capacity = 0;
}

/* The writer of the documents always gives UTC with milliseconds. */
static uint64_t time_ms(const char *text)
{
    struct tm utc = {.tm_isdst = 0};
    int ms = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &utc.tm_year, &utc.tm_mon, &utc.tm_mday,
               &utc.tm_hour, &utc.tm_min, &utc.tm_sec, &ms) != 7)
        return 0;
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    time_t seconds = timegm(&utc);
    return seconds < 0 ? 0 : (uint64_t)seconds * 1000 + (uint64_t)ms;
}

void hf_show_time(const hf_show *show, const json_t *object, const char *key, char *out,
                  size_t size)
{
    const char *text = hf_show_text(object, key);
    if (*text)
        hf_cli_time(time_ms(text), show->now_wall_ms, out, size);
    else
        (void)snprintf(out, size, "never");
}

/* A value in a table: text as it is, anything else as JSON, cut where it would drown the rest. */
static void add_value(hf_rows *rows, const json_t *value)
{
    char shown[VALUE_SHOWN_MAX + 8];
    char *dumped = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    const char *text = json_is_string(value) ? json_string_value(value) : dumped ? dumped : "";
    size_t size = strlen(text);
    bool is_cut = size > VALUE_SHOWN_MAX;
    if (is_cut) size = VALUE_SHOWN_MAX;
    while (is_cut && size && ((unsigned char)text[size] & 0xc0) == 0x80) size--;
    (void)snprintf(shown, sizeof shown, "%.*s%s", (int)size, text, is_cut ? "…" : "");
    hf_rows_add(rows, json_is_null(value) ? "-" : shown);
    free(dumped);
}

const char *hf_show_saved(const char *saved)
{
    if (strcmp(saved, "station") == 0) return "At the station";
    return strcmp(saved, "hub") == 0 ? "At the hub" : "Saved on this device";
}

static void add_author(hf_rows *rows, const hf_show *show, const json_t *value)
{
    char when[TIME_SIZE];
    hf_show_time(show, value, "time", when, sizeof when);
    hf_rows_add(rows, hf_show_text(value, "actor"));
    hf_rows_add(rows, hf_show_text(value, "device"));
    hf_rows_add(rows, when);
}

void hf_show_title(const hf_show *show, const json_t *document)
{
    hf_cli_text(show->out, hf_show_text(document, "id"));
    fputs("  in ", show->out);
    hf_cli_text(show->out, hf_show_text(document, "scope"));
    const char *title = hf_show_text(document, "title");
    if (*title) fputs("  ", show->out);
    hf_cli_text(show->out, title);
    fputc('\n', show->out);
}

/* ---- one record ---- */

static void add_field(hf_rows *rows, const hf_show *show, const json_t *field)
{
    const json_t *values = json_object_get(field, "values");
    bool conflict = json_is_true(json_object_get(field, "conflict"));
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);
        char choice[24] = "";
        if (conflict)
            (void)snprintf(choice, sizeof choice, "%" PRIu64, hf_show_number(value, "choice"));
        hf_rows_add(rows, i == 0 ? hf_show_text(field, "field") : "");
        hf_rows_add(rows, choice);
        add_value(rows, json_object_get(value, "value"));
        add_author(rows, show, value);
        hf_rows_add(rows, hf_show_saved(hf_show_text(value, "saved")));
    }
}

static void add_heads(hf_rows *rows, const char *const *heads, size_t count)
{
    rows->columns = count;
    for (size_t i = 0; i < count; i++) hf_rows_add(rows, heads[i]);
}

void hf_show_record(const hf_show *show, const json_t *document)
{
    static const char *const heads[] = {"FIELD", "", "VALUE", "BY", "ON", "WHEN", "SAVED"};
    const json_t *fields = json_object_get(document, "fields");
    hf_rows rows = {0};
    size_t conflicts = 0;
    hf_show_title(show, document);
    if (json_is_true(json_object_get(document, "deleted")))
        fputs("Deleted. Its history is kept.\n", show->out);
    if (json_is_true(json_object_get(document, "edited_while_deleted")))
        fputs("Edited while it was deleted elsewhere: choose with \"holdfast-edge resolve\", "
              "--keep-deleted or --restore.\n",
              show->out);
    add_heads(&rows, heads, 7);
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        conflicts += json_is_true(json_object_get(field, "conflict"));
        add_field(&rows, show, field);
    }
    hf_rows_print(&rows, show->out);
    if (conflicts)
        fprintf(show->out,
                "Two versions: choose. %zu field%s with numbered values need%s a "
                "person: \"%s conflicts\".\n",
                conflicts, conflicts == 1 ? "" : "s", conflicts == 1 ? "s" : "", show->program);
    char since[TIME_SIZE];
    const char *reference = hf_show_text(document, "reference");
    hf_show_time(show, document, "since", since, sizeof since);
    fputs(hf_show_saved(hf_show_text(document, "saved")), show->out);
    if (*hf_show_text(document, "station")) {
        fputs(" (", show->out);
        hf_cli_text(show->out, hf_show_text(document, "station"));
        fputc(')', show->out);
    }
    if (strcmp(since, "never") != 0) fprintf(show->out, " since %s", since);
    fputs(*reference ? ". Reference " : ".", show->out);
    fprintf(show->out, *reference ? "%s.\n" : "%s\n", reference);
}

/* ---- lists ---- */

void hf_show_list(const hf_show *show, const json_t *document)
{
    static const char *const heads[] = {"ID", "SCOPE", "CONFLICTS", "TITLE"};
    const json_t *records = json_object_get(document, "records");
    hf_rows rows = {0};
    add_heads(&rows, heads, 4);
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        char count[24];
        bool deleted = json_is_true(json_object_get(record, "deleted"));
        (void)snprintf(count, sizeof count, "%" PRIu64, hf_show_number(record, "conflicts"));
        hf_rows_add(&rows, hf_show_text(record, "id"));
        hf_rows_add(&rows, hf_show_text(record, "scope"));
        hf_rows_add(&rows, deleted ? "deleted" : count);
        hf_rows_add(&rows, hf_show_text(record, "title"));
    }
    hf_rows_print(&rows, show->out);
    const char *next = hf_show_text(document, "next");
    if (*next) fprintf(stderr, "More follow: --after %s\n", next);
    if (json_is_false(json_object_get(document, "complete")))
        fprintf(stderr, "Newer records were not searched: the word index cannot be written to. "
                        "There may be more.\n");
}

void hf_show_conflicts(const hf_show *show, const json_t *document)
{
    const json_t *conflicts = json_object_get(document, "conflicts");
    size_t count = json_array_size(conflicts);
    if (count == 0) fputs("No conflicts: nothing waits for a person's choice.\n", show->out);
    for (size_t i = 0; i < count; i++) {
        const json_t *conflict = json_array_get(conflicts, i);
        const json_t *values = json_object_get(conflict, "values");
        const char *id = hf_show_text(conflict, "record"), *name = hf_show_text(conflict, "field");
        bool is_delete = strcmp(name, "_deleted") == 0;
        hf_rows rows = {.columns = 5};
        fprintf(show->out, "%s  field %s, rule %s\n", id, name, hf_show_text(conflict, "rule"));
        for (size_t j = 0; j < json_array_size(values); j++) {
            const json_t *value = json_array_get(values, j);
            char choice[24];
            (void)snprintf(choice, sizeof choice, "  %" PRIu64, hf_show_number(value, "choice"));
            hf_rows_add(&rows, choice);
            add_value(&rows, json_object_get(value, "value"));
            add_author(&rows, show, value);
        }
        hf_rows_print(&rows, show->out);
        if (is_delete)
            fprintf(show->out,
                    "  holdfast-edge resolve %s --keep-deleted|--restore --reason "
                    "\"...\"\n",
                    id);
        else
            fprintf(show->out, "  holdfast-edge resolve %s %s --choose N --reason \"...\"\n", id,
                    name);
    }
    uint64_t total = hf_show_number(document, "total");
    if (total > count)
        fprintf(show->out, "%" PRIu64 " more are not shown: --limit.\n", total - count);
}

/* ---- history ---- */

static void add_standing(hf_rows *rows, const json_t *write)
{
    char words[160];
    const json_t *withheld = json_object_get(write, "withheld");
    bool live = json_is_true(json_object_get(write, "live"));
    if (json_is_object(withheld)) {
        (void)snprintf(words, sizeof words, "withheld: %s", hf_show_text(withheld, "why"));
        hf_rows_add(rows, words);
    } else if (json_is_null(json_object_get(write, "value"))) {
        hf_rows_add(rows, "overwrites only");
    } else {
        hf_rows_add(rows, live ? "live" : "overwritten");
    }
}

void hf_show_history(const hf_show *show, const json_t *document)
{
    static const char *const heads[] = {"FIELD",    "VALUE", "BY",        "ON",    "WHEN",
                                        "STANDING", "SAVED", "REFERENCE", "REASON"};
    const json_t *writes = json_object_get(document, "writes");
    hf_rows rows = {0};
    hf_show_title(show, document);
    add_heads(&rows, heads, 9);
    for (size_t i = 0; i < json_array_size(writes); i++) {
        const json_t *write = json_array_get(writes, i);
        hf_rows_add(&rows, hf_show_text(write, "field"));
        add_value(&rows, json_object_get(write, "value"));
        add_author(&rows, show, write);
        add_standing(&rows, write);
        hf_rows_add(&rows, hf_show_saved(hf_show_text(write, "saved")));
        hf_rows_add(&rows, hf_show_text(write, "reference"));
        hf_rows_add(&rows, hf_show_text(write, "reason"));
    }
    hf_rows_print(&rows, show->out);
    if (json_is_false(json_object_get(document, "complete")))
        fputs("What was written before this device received a snapshot is not held here, but for "
              "its own\nwrites; the hub has it: holdfast-hub show --history ID\n",
              show->out);
}

/* ---- withheld, verify ---- */

void hf_show_withheld(const hf_show *show, const json_t *document)
{
    static const char *const heads[] = {"WITHHELD", "ON", "SCOPE", "WHY"};
    const json_t *withheld = json_object_get(document, "withheld");
    hf_rows rows = {0};
    if (json_array_size(withheld) == 0) return;
    add_heads(&rows, heads, 4);
    for (size_t i = 0; i < json_array_size(withheld); i++) {
        const json_t *one = json_array_get(withheld, i);
        hf_rows_add(&rows, hf_show_text(one, "at"));
        hf_rows_add(&rows, hf_show_text(one, "device"));
        hf_rows_add(&rows, hf_show_text(one, "scope"));
        hf_rows_add(&rows, hf_show_text(one, "why"));
    }
    hf_rows_print(&rows, show->out);
}

void hf_show_verify(const hf_show *show, const json_t *document)
{
    uint64_t faults = hf_show_number(document, "faults");
    fprintf(show->out,
            "Checked %" PRIu64 " entries, %" PRIu64 " chains and %" PRIu64 " signed heads.\n",
            hf_show_number(document, "entries"), hf_show_number(document, "chains"),
            hf_show_number(document, "heads"));
    uint64_t unproved = hf_show_number(document, "heads_unproved");
    if (unproved)
        fprintf(show->out,
                "%" PRIu64 " log%s more behind its last signed head; that is normal "
                "until the next one.\n",
                unproved, unproved == 1 ? " has" : "s have");
    uint64_t based = hf_show_number(document, "from_snapshot");
    if (based)
        fprintf(show->out,
                "%" PRIu64 " record%s received in a snapshot: what was written before it can be "
                "checked at the hub only.\n",
                based, based == 1 ? " was" : "s were");
    uint64_t receipts = hf_show_number(document, "receipts");
    if (receipts) fprintf(show->out, "Checked %" PRIu64 " receipts by hubs.\n", receipts);
    if (faults == 0) {
        fputs("All of it is whole.\n", show->out);
        return;
    }
    fprintf(show->out, "%" PRIu64 " fault%s found. The first: ", faults, faults == 1 ? "" : "s");
    hf_cli_text(show->out, hf_show_text(document, "first_fault"));
    fputs("\nStop writing on this machine, keep the file, and call support. What a hub "
          "acknowledged is safe there.\n",
          show->out);
}
