/* page.c: the two ways to write the same page. Nothing that a device or a person named gets into
 * either but through hf_page_escape. */
#include "page.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 1024 };

/* Colours are in pairs that keep a contrast of 4.5 to 1 on their ground, by day and by night. */
static const char STYLE[] =
    ":root{color-scheme:light dark;--ground:#fff;--ink:#0b0c0c;--faint:#505a5f;--line:#b1b4b6;"
    "--bar:#1d70b8;--mark:#942514;--alarm:#d4351c;--stripe:#f3f2f1}"
    "@media(prefers-color-scheme:dark){:root{--ground:#12161a;--ink:#f3f2f1;--faint:#b1b4b6;"
    "--line:#505a5f;--bar:#5694ca;--mark:#f4a18f;--alarm:#f47d6c;--stripe:#1d242b}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;padding:1rem;max-width:64rem;background:var(--ground);color:var(--ink);"
    "font:1rem/1.5 system-ui,sans-serif}"
    "h1{font-size:1.75rem;line-height:1.2}h2{font-size:1.3rem;margin:2rem 0 .5rem;"
    "border-top:1px solid var(--line);padding-top:1rem}"
    ".wide{overflow-x:auto}.wide:focus-visible{outline:3px solid var(--bar)}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}"
    "caption{text-align:left;font-weight:bold;padding:.25rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;"
    "border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}"
    "thead th{color:var(--faint)}tbody th{font-weight:normal}"
    "code{overflow-wrap:anywhere;font-size:.85rem}"
    ".alarm{border-left:.5rem solid var(--alarm);padding:.5rem 1rem;background:var(--stripe);"
    "font-weight:bold}"
    "figure{margin:1rem 0}svg{display:block;width:100%;height:auto}svg text{fill:var(--ink);"
    "font:13px system-ui,sans-serif}svg .bar{fill:var(--bar)}svg .axis{stroke:var(--line)}"
    "svg .mark{stroke:var(--mark);stroke-dasharray:4 3}svg .curve{fill:none;stroke:var(--bar);"
    "stroke-width:2}figcaption{color:var(--faint)}"
    "@media print{:root{color-scheme:light;--ground:#fff;--ink:#000;--faint:#333;--line:#888;"
    "--bar:#1d70b8;--mark:#942514;--alarm:#942514;--stripe:#fff}body{max-width:none;padding:0}"
    "h2,figure,tr{break-inside:avoid}h2{break-after:avoid}.wide{overflow:visible}}";

/* ---- putting ---- */

static void put_list(hf_page *page, bool escaped, const char *format, va_list values)
{
    char line[WORDS_MAX];
    (void)vsnprintf(line, sizeof line, format, values);
    if (escaped)
        hf_page_escape(page, line);
    else
        hf_write_raw(page->out, (hf_bytes){(const uint8_t *)line, strlen(line)});
}

void hf_page_put(hf_page *page, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    put_list(page, false, format, values);
    va_end(values);
}

static const char *html_for(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    default: return NULL;
    }
}

/* Markdown's own signs get a backslash, so that a device's name cannot make a heading or a link. */
void hf_page_escape(hf_page *page, const char *text)
{
    for (; *text; text++) {
        char one[3] = {*text, 0, 0};
        const char *instead = page->html ? html_for(*text) : NULL;
        if (!page->html && strchr("\\`*_[]<>|#", *text)) {
            one[0] = '\\';
            one[1] = *text;
        }
        if ((unsigned char)*text < 0x20 || *text == 0x7f) one[0] = '?';
        if (!instead) instead = one;
        hf_write_raw(page->out, (hf_bytes){(const uint8_t *)instead, strlen(instead)});
    }
}

/* ---- the page ---- */

void hf_page_begin(hf_page *page, const char *title)
{
    if (!page->html) {
        hf_page_put(page, "# ");
        hf_page_escape(page, title);
        hf_page_put(page, "\n");
        return;
    }
    hf_page_put(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                      "<meta name=\"viewport\" content=\"width=device-width\">"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                      "style-src 'unsafe-inline'\"><title>");
    hf_page_escape(page, title);
    hf_page_put(page, "</title><style>");
    hf_write_raw(page->out, (hf_bytes){(const uint8_t *)STYLE, sizeof STYLE - 1});
    hf_page_put(page, "</style></head>\n<body><main>\n<h1>");
    hf_page_escape(page, title);
    hf_page_put(page, "</h1>\n");
}

void hf_page_end(hf_page *page)
{
    if (page->html) hf_page_put(page, "</main></body></html>\n");
}

void hf_page_heading(hf_page *page, const char *text)
{
    hf_page_put(page, page->html ? "<h2>" : "\n## ");
    hf_page_escape(page, text);
    hf_page_put(page, page->html ? "</h2>\n" : "\n");
}

void hf_page_say(hf_page *page, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    hf_page_put(page, page->html ? "<p>" : "\n");
    put_list(page, true, format, values);
    hf_page_put(page, page->html ? "</p>\n" : "\n");
    va_end(values);
}

void hf_page_alarm(hf_page *page, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    hf_page_put(page, page->html ? "<p class=\"alarm\">" : "\n**");
    put_list(page, true, format, values);
    hf_page_put(page, page->html ? "</p>\n" : "**\n");
    va_end(values);
}

/* ---- tables ---- */

static void table_heads(hf_page *page, const char *const *heads, size_t columns)
{
    for (size_t i = 0; i < columns; i++) {
        hf_page_put(page, page->html ? "<th scope=\"col\">" : i ? " | " : "| ");
        hf_page_escape(page, heads[i]);
        if (page->html) hf_page_put(page, "</th>");
    }
}

void hf_page_table(hf_page *page, const char *caption, const char *const *heads, size_t columns)
{
    page->columns = columns;
    page->column = 0;
    if (!page->html) {
        hf_page_put(page, "\n%s:\n\n", caption);
        table_heads(page, heads, columns);
        hf_page_put(page, " |\n");
        for (size_t i = 0; i < columns; i++) hf_page_put(page, "|---");
        hf_page_put(page, "|\n");
        return;
    }
    /* What is wider than a phone scrolls by keyboard too. */
    hf_page_put(page, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"");
    hf_page_escape(page, caption);
    hf_page_put(page, "\"><table><caption>");
    hf_page_escape(page, caption);
    hf_page_put(page, "</caption><thead><tr>");
    table_heads(page, heads, columns);
    hf_page_put(page, "</tr></thead><tbody>\n");
}

void hf_page_cell(hf_page *page, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    bool first = page->column == 0;
    if (page->html)
        hf_page_put(page, first ? "<tr><th scope=\"row\">" : "<td>");
    else
        hf_page_put(page, first ? "| " : " | ");
    put_list(page, true, format, values);
    if (page->html) hf_page_put(page, first ? "</th>" : "</td>");
    if (++page->column == page->columns) {
        hf_page_put(page, page->html ? "</tr>\n" : " |\n");
        page->column = 0;
    }
    va_end(values);
}

void hf_page_table_end(hf_page *page)
{
    if (page->html) hf_page_put(page, "</tbody></table></div>\n");
}
