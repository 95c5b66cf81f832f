/* show.h: the documents of docs/cli.md, laid out for people on standard output.
 *
 * Both commands print from the same JSON that --json gives, so a person and a script are never told
 * different things. */
#ifndef HF_PLATFORM_SHOW_H
#define HF_PLATFORM_SHOW_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* `now_wall_ms` is for "3 min ago"; `program` names the command that a hint suggests. */
typedef struct hf_show {
    FILE *out;
    const char *program;
    uint64_t now_wall_ms;
} hf_show;

void hf_show_record(const hf_show *show, const json_t *document);
void hf_show_list(const hf_show *show, const json_t *document);
void hf_show_conflicts(const hf_show *show, const json_t *document);
void hf_show_history(const hf_show *show, const json_t *document);
void hf_show_withheld(const hf_show *show, const json_t *document);
void hf_show_bundles(const hf_show *show, const json_t *document); /* show_bundles.c */
void hf_show_verify(const hf_show *show, const json_t *document);
void hf_show_receipt(const hf_show *show, const json_t *document); /* show_receipt.c */
void hf_show_proof(const hf_show *show, const json_t *document);
void hf_show_title(const hf_show *show, const json_t *document); /* id, scope and title */

/* "At the hub", "At the station", "Saved on this device". */
const char *hf_show_saved(const char *saved);

/* A member's text, "" when there is none; its number, 0 when there is none. */
const char *hf_show_text(const json_t *object, const char *key);
uint64_t hf_show_number(const json_t *object, const char *key);
/* A member that is an RFC 3339 time, as "2026-11-21 10:42, 3 min ago"; "never" when it is null. */
void hf_show_time(const hf_show *show, const json_t *object, const char *key, char *out,
                  size_t size);

/* Rows of cells that own their text; hf_show_rows prints them as a table and frees them. */
typedef struct hf_rows {
    char **cells;
    size_t count, capacity, columns;
} hf_rows;
void hf_rows_add(hf_rows *rows, const char *text);
void hf_rows_print(hf_rows *rows, FILE *out);

#endif
