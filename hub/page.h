/* page.h: a report for people: headings, sentences, tables and charts, as Markdown or as one HTML
 * page that needs nothing beside itself.
 *
 * Why one set of calls for both: what the two say cannot differ. A chart is for the eye alone:
 * every number in it stands in a table too, and Markdown has the table. */
#ifndef HF_HUB_PAGE_H
#define HF_HUB_PAGE_H

#include "sync/codec.h"

typedef struct hf_page {
    hf_buffer *out; /* its status tells of memory, once, at the end */
    bool html;
    size_t columns, column; /* of the open table */
    unsigned charts;        /* so far: their parts have ids */
} hf_page;

void hf_page_begin(hf_page *page, const char *title);
void hf_page_end(hf_page *page);
void hf_page_heading(hf_page *page, const char *text);
/* A paragraph. `alarm`: one that must not be overlooked. */
void hf_page_say(hf_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void hf_page_alarm(hf_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A table; then its cells, row by row, and its end. The first cell of a row names it. */
void hf_page_table(hf_page *page, const char *caption, const char *const *heads, size_t columns);
void hf_page_cell(hf_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void hf_page_table_end(hf_page *page);

typedef struct hf_bar { /* from and to on one scale; text says it in words */
    char label[48], text[48];
    uint64_t from, to;
} hf_bar;
/* page_chart.c. Nothing in Markdown. `scale`: what the width stands for. */
void hf_page_bars(hf_page *page, const char *title, const hf_bar *bars, size_t count,
                  uint64_t scale);
typedef struct hf_curve {
    const char *title, *first, *last, *top; /* words at the ends of the axes */
    const uint64_t *values;
    size_t count;
    double mark; /* a line across at this share of the width, named: */
    const char *mark_name;
} hf_curve;
void hf_page_curve(hf_page *page, const hf_curve *curve);

void hf_page_put(hf_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void hf_page_escape(hf_page *page, const char *text);

#endif
