/* csv.h: rows out of bytes, by RFC 4180, however the bytes are cut.
 *
 * Takes what real files have: CR LF or LF, a UTF-8 byte order mark, quoted cells with line ends in
 * them, a last line without an end. A row that breaks the rules is handed over with its fault, and
 * reading goes on at the next line: one bad row must not cost the file. */
#ifndef HF_EDGE_CSV_H
#define HF_EDGE_CSV_H

#include "sync/codec.h"

enum {
    HF_CSV_CELLS_MAX = 256,
    HF_CSV_ROW_SIZE_MAX = 64 * 1024 /* as read */
};

typedef enum hf_csv_step {
    HF_CSV_MORE, /* all of the input is used up: give more, or say that it was the last */
    HF_CSV_ROW,
    HF_CSV_END
} hf_csv_step;

typedef struct hf_csv { /* zero-initialise; hf_csv_free gives it back */
    hf_buffer raw;      /* the row as read, without its line end */
    uint64_t line;      /* on which the row begins, from 1 */
    const char *fault;  /* what is wrong with the row; NULL when nothing is */
    size_t cell_count;
    /* private */
    hf_buffer text;
    size_t ends[HF_CSV_CELLS_MAX];
    uint64_t lines;
    size_t marks; /* bytes of the byte order mark seen so far */
    int state;
    bool row_done;
} hf_csv;

/* Takes bytes off the front of `in` until a row is whole. Row, cells and fault are good until the
 * next call. HF_ERR_NOMEM shows in raw.status or text.status. */
hf_csv_step hf_csv_next(hf_csv *csv, hf_bytes *in, bool is_last);
hf_bytes hf_csv_cell(const hf_csv *csv, size_t index); /* empty past the last one */
void hf_csv_free(hf_csv *csv);

#endif
