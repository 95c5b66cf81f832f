/* page_chart.c: charts as SVG in the page: no script, no font, nothing fetched. */
#include "page.h"

#include <stdio.h>

enum { WIDTH = 720, LABEL = 180, VALUE = 110, ROW = 26, PLOT = WIDTH - LABEL - VALUE, HIGH = 200 };

static void figure_begin(hf_page *page, const char *title, size_t height)
{
    unsigned id = ++page->charts;
    hf_page_put(page,
                "<figure><svg viewBox=\"0 0 %d %zu\" role=\"img\" aria-labelledby=\"chart%u\">"
                "<title id=\"chart%u\">",
                WIDTH, height, id, id);
    hf_page_escape(page, title);
    hf_page_put(page, "</title>\n");
}

static void figure_end(hf_page *page, const char *title)
{
    hf_page_put(page, "</svg><figcaption>");
    hf_page_escape(page, title);
    hf_page_put(page, ". The same numbers stand in the table below.</figcaption></figure>\n");
}

static void text_at(hf_page *page, double x, double y, const char *anchor, const char *text)
{
    hf_page_put(page, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\">", x, y, anchor);
    hf_page_escape(page, text);
    hf_page_put(page, "</text>");
}

void hf_page_bars(hf_page *page, const char *title, const hf_bar *bars, size_t count,
                  uint64_t scale)
{
    if (!page->html || count == 0) return;
    if (scale == 0) scale = 1;
    figure_begin(page, title, count * ROW + 4);
    for (size_t i = 0; i < count; i++) {
        double x = LABEL + (double)bars[i].from / (double)scale * PLOT;
        double width = (double)(bars[i].to - bars[i].from) / (double)scale * PLOT;
        double y = (double)i * ROW;
        text_at(page, LABEL - 8, y + 17, "end", bars[i].label);
        if (width < 1 && bars[i].to > bars[i].from) width = 1; /* little is not nothing */
        hf_page_put(page,
                    "<rect class=\"bar\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%d\"/>", x,
                    y + 4, width, ROW - 8);
        text_at(page, x + width + 6, y + 17, "start", bars[i].text);
        hf_page_put(page, "\n");
    }
    figure_end(page, title);
}

void hf_page_curve(hf_page *page, const hf_curve *curve)
{
    uint64_t top = 1;
    if (!page->html || curve->count < 2) return;
    for (size_t i = 0; i < curve->count; i++)
        if (curve->values[i] > top) top = curve->values[i];
    const double left = 60, right = WIDTH - 20, base = HIGH - 30, peak = 24;
    figure_begin(page, curve->title, HIGH);
    hf_page_put(page,
                "<line class=\"axis\" x1=\"%.0f\" y1=\"%.0f\" x2=\"%.0f\" y2=\"%.0f\"/>"
                "<line class=\"axis\" x1=\"%.0f\" y1=\"%.0f\" x2=\"%.0f\" y2=\"%.0f\"/>\n",
                left, base, right, base, left, peak, left, base);
    hf_page_put(page, "<polyline class=\"curve\" points=\"");
    for (size_t i = 0; i < curve->count; i++) {
        double share = (double)i / (double)(curve->count - 1);
        hf_page_put(page, "%.1f,%.1f ", left + share * (right - left),
                    base - (double)curve->values[i] / (double)top * (base - peak));
    }
    hf_page_put(page, "\"/>\n");
    if (curve->mark > 0 && curve->mark < 1) {
        double x = left + curve->mark * (right - left);
        hf_page_put(page, "<line class=\"mark\" x1=\"%.1f\" y1=\"%.0f\" x2=\"%.1f\" y2=\"%.0f\"/>",
                    x, peak - 8, x, base);
        text_at(page, x, 12, x > WIDTH * 0.7 ? "end" : "middle", curve->mark_name);
    }
    text_at(page, left - 6, peak + 5, "end", curve->top);
    text_at(page, left - 6, base + 4, "end", "0");
    text_at(page, left, HIGH - 8, "start", curve->first);
    text_at(page, right, HIGH - 8, "end", curve->last);
    hf_page_put(page, "\n");
    figure_end(page, curve->title);
}
