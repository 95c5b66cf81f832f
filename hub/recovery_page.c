/* recovery_page.c: the recovery report for people: what was lost sight of, what came back, what is
 * still out, and whether the account adds up. */
#include "page.h"
#include "recovery.h"
#include "sla.h"

#include "sync/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BARS_MAX = 24, HEX_SIZE = 2 * HF_HASH_SIZE + 1 };

typedef struct words {
    char text[HF_WORDS_SIZE];
} words;

static words when(uint64_t wall_ms)
{
    words w;
    hf_words_time(wall_ms, w.text);
    return w;
}

static words lasting(uint64_t ms)
{
    words w;
    hf_words_lasting(ms, w.text);
    return w;
}

static const char *hex(const uint8_t *bytes, size_t size, char out[HEX_SIZE])
{
    for (size_t i = 0; i < size; i++) (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return out;
}

static const char *reason_words(uint32_t reason)
{
    switch (reason) {
    case HF_OUTAGE_LOST: return "no link";
    case HF_OUTAGE_SILENT: return "a link, and no answer";
    case HF_OUTAGE_DRILL: return "drill";
    case HF_OUTAGE_STOPPED: return "the hub was stopped";
    case HF_OUTAGE_FELL: return "the hub fell";
    case HF_OUTAGE_REPLACED: return "no link, until this hub took the centre's place";
    default: return "unknown";
    }
}

static const char *extent_words(const hf_episode *episode)
{
    if (episode->drill) return "A drill";
    if (episode->extent == HF_EXTENT_HUB) return "The hub was away";
    if (episode->extent == HF_EXTENT_CENTRE) return "The centre was away";
    return episode->extent == HF_EXTENT_UNIT ? "A unit was cut off" : "A device was cut off";
}

static uint64_t lasted_ms(const hf_recovery *r)
{
    uint64_t ended_ms = r->episode.ended_ms ? r->episode.ended_ms : r->now_ms;
    return ended_ms - r->episode.began_ms;
}

/* ---- summary ---- */

static void put_verdict(hf_page *page, const hf_recovery *r)
{
    if (r->fault[0]) {
        hf_page_alarm(page,
                      "This account does not add up: %s Do not rely on it. Run "
                      "\"holdfast-hub verify\" and call support.",
                      r->fault);
        return;
    }
    hf_page_say(page,
                "Every entry is accounted for: %" PRIu64 " had to wait = %" PRIu64 " here (%" PRIu64
                " count, %" PRIu64 " withheld, %" PRIu64 " erased or stepped over) + %" PRIu64
                " still out.",
                r->entries, r->here, r->counted, r->withheld, r->erased, r->missing);
}

static void put_summary(hf_page *page, const hf_recovery_view *view)
{
    const hf_recovery *r = view->recovery;
    const hf_episode *e = &r->episode;
    if (e->drill)
        hf_page_alarm(page, "DRILL. The hub refused the unit on purpose; nothing had failed.");
    hf_page_say(page, "%s%s%s, from %s to %s: %s. Hub: %s. This report was made on %s.",
                extent_words(e), e->unit[0] ? " of " : "", e->unit, when(e->began_ms).text,
                e->ended_ms ? when(e->ended_ms).text : "now, it lasts", lasting(lasted_ms(r)).text,
                view->hub, when(r->now_ms).text);
    put_verdict(page, r);
    if (r->missing)
        hf_page_say(page,
                    "%" PRIu64 " entries are known and not here yet: their devices hold "
                    "them.",
                    r->missing);
    size_t absent = r->absent.size / sizeof(size_t);
    if (absent)
        hf_page_alarm(page,
                      "%zu device%s not been back since: what %s wrote meanwhile is on %s, "
                      "and not counted here.",
                      absent, absent == 1 ? " has" : "s have", absent == 1 ? "it" : "they",
                      absent == 1 ? "it" : "them");
}

/* ---- when ---- */

static const hf_sighting *sighting_at(const hf_recovery_view *view, size_t index)
{
    const size_t *which = (const size_t *)(const void *)view->recovery->sightings.data;
    return &view->episodes->sightings[which[index]];
}

static const char *seer_name(const hf_recovery_view *view, const hf_sighting *s)
{
    return s->party == HF_NOBODY ? view->hub : view->episodes->parties[s->party].name;
}

static void put_intervals_chart(hf_page *page, const hf_recovery_view *view, size_t count)
{
    const hf_recovery *r = view->recovery;
    hf_bar bars[BARS_MAX];
    uint64_t from_ms = r->episode.began_ms, to_ms = from_ms + lasted_ms(r);
    if (count > BARS_MAX) count = BARS_MAX;
    for (size_t i = 0; i < count; i++) {
        const hf_sighting *s = sighting_at(view, i);
        if (s->last_ms < from_ms) from_ms = s->last_ms;
        if (s->ended_ms > to_ms) to_ms = s->ended_ms;
    }
    for (size_t i = 0; i < count; i++) {
        const hf_sighting *s = sighting_at(view, i);
        uint64_t ended_ms = s->ended_ms ? s->ended_ms : to_ms;
        bars[i] = (hf_bar){.from = s->last_ms - from_ms, .to = ended_ms - from_ms};
        (void)snprintf(bars[i].label, sizeof bars[i].label, "%.47s", seer_name(view, s));
        (void)snprintf(bars[i].text, sizeof bars[i].text, "%.47s",
                       lasting(ended_ms - s->last_ms).text);
    }
    hf_page_bars(page, "The outage as each node saw it", bars, count, to_ms - from_ms);
}

static void put_intervals(hf_page *page, const hf_recovery_view *view)
{
    static const char *const heads[] = {"Seen by", "Unit",   "Last contact", "Noticed after",
                                        "Over",    "Lasted", "Why",          "Clock"};
    const hf_recovery *r = view->recovery;
    size_t count = r->sightings.size / sizeof(size_t);
    hf_page_heading(page, "When, as seen from where");
    put_intervals_chart(page, view, count);
    hf_page_table(page, "Intervals as observed", heads, 8);
    for (size_t i = 0; i < count; i++) {
        const hf_sighting *s = sighting_at(view, i);
        bool own = s->party == HF_NOBODY;
        hf_page_cell(page, "%s", seer_name(view, s));
        hf_page_cell(page, "%s",
                     !own         ? view->episodes->parties[s->party].unit
                     : s->unit[0] ? s->unit
                                  : "-");
        hf_page_cell(page, "%s", when(s->last_ms).text);
        hf_page_cell(page, "%s", own ? "-" : lasting(s->noticed_ms - s->last_ms).text);
        hf_page_cell(page, "%s", when(s->ended_ms).text);
        hf_page_cell(page, "%s", s->ended_ms ? lasting(s->ended_ms - s->last_ms).text : "it lasts");
        hf_page_cell(page, "%s", reason_words(s->reason));
        hf_page_cell(page, "%s", s->quality >= 2 ? "by the hub's time" : "not to be relied on");
    }
    hf_page_table_end(page);
    if (r->noticed_count)
        hf_page_say(page,
                    "Devices noticed %s after their last contact (median of %" PRIu64
                    "), the slowest after %s.",
                    lasting(r->noticed_p50_ms).text, r->noticed_count,
                    lasting(r->noticed_max_ms).text);
    else
        hf_page_say(page, "No device was cut off for long enough to notice, or none has told.");
}

/* ---- what ---- */

static void put_tally(hf_page *page, const char *title, const char *what, const hf_tallies *tallies)
{
    const char *heads[] = {what, "Entries"};
    hf_bar bars[BARS_MAX];
    uint64_t most = 0, total = 0;
    size_t count = hf_tally_count(tallies);
    for (size_t i = 0; i < count; i++) {
        const hf_tally *one = hf_tally_at(tallies, i);
        if (one->entries > most) most = one->entries;
        total += one->entries;
        if (i >= BARS_MAX) continue;
        bars[i] = (hf_bar){.to = one->entries};
        (void)snprintf(bars[i].label, sizeof bars[i].label, "%.47s", one->name);
        (void)snprintf(bars[i].text, sizeof bars[i].text, "%" PRIu64, one->entries);
    }
    hf_page_bars(page, title, bars, count < BARS_MAX ? count : BARS_MAX, most);
    hf_page_table(page, title, heads, 2);
    for (size_t i = 0; i < count; i++) {
        hf_page_cell(page, "%s", hf_tally_at(tallies, i)->name);
        hf_page_cell(page, "%" PRIu64, hf_tally_at(tallies, i)->entries);
    }
    hf_page_cell(page, "Together");
    hf_page_cell(page, "%" PRIu64, total);
    hf_page_table_end(page);
}

static void put_entries(hf_page *page, const hf_recovery *r)
{
    uint64_t untold = r->entries - r->told_entries;
    hf_page_heading(page, "What had to wait");
    hf_page_say(page, "%" PRIu64 " entries; those that are here touch %" PRIu64 " records.",
                r->entries, r->records);
    if (untold)
        hf_page_say(page,
                    "Of %" PRIu64 " of them no device told: they are known by their own times.",
                    untold);
    if (r->earlier)
        hf_page_say(page,
                    "%" PRIu64 " had come before the outage began, and only the answer was lost.",
                    r->earlier);
    if (r->entries == 0) return;
    put_tally(page, "Entries that are here, by type", "Type", &r->types);
    put_tally(page, "Entries by force", "Force", &r->forces);
    put_tally(page, "Entries by unit", "Unit", &r->units);
}

/* ---- backlog, delays ---- */

static void put_backlog(hf_page *page, const hf_recovery *r)
{
    static const char *const heads[] = {"At", "Entries waiting"};
    uint64_t values[HF_RECOVERY_POINTS];
    char top[32];
    hf_page_heading(page, "Backlog over time");
    if (r->backlog_max == 0) {
        hf_page_say(page, "Nothing waited.");
        return;
    }
    uint64_t most = 1, from_ms = r->backlog[0].wall_ms;
    uint64_t to_ms = r->backlog[HF_RECOVERY_POINTS - 1].wall_ms;
    for (size_t i = 0; i < HF_RECOVERY_POINTS; i++) {
        values[i] = r->backlog[i].waiting;
        if (values[i] > most) most = values[i];
    }
    (void)snprintf(top, sizeof top, "%" PRIu64, most);
    words first = when(from_ms), last = when(to_ms);
    hf_curve curve = {.title = "Entries written and not yet at the hub",
                      .first = first.text,
                      .last = last.text,
                      .top = top,
                      .values = values,
                      .count = HF_RECOVERY_POINTS,
                      .mark_name = "over"};
    if (r->episode.ended_ms && to_ms > from_ms)
        curve.mark = (double)(r->episode.ended_ms - from_ms) / (double)(to_ms - from_ms);
    hf_page_curve(page, &curve);
    hf_page_say(page, "At most %" PRIu64 " entries waited, at %s.", r->backlog_max,
                when(r->backlog_max_ms).text);
    if (r->missing)
        hf_page_say(page, "The %" PRIu64 " entries still out are not in it.", r->missing);
    hf_page_table(page, "Backlog, where it changes", heads, 2);
    for (size_t i = 0; i < HF_RECOVERY_POINTS; i++) {
        bool ends = i == 0 || i == HF_RECOVERY_POINTS - 1;
        if (!ends && values[i] == values[i - 1] && values[i] == values[i + 1]) continue;
        hf_page_cell(page, "%s", when(r->backlog[i].wall_ms).text);
        hf_page_cell(page, "%" PRIu64, r->backlog[i].waiting);
    }
    hf_page_table_end(page);
}

static size_t lane_bars(const hf_recovery *r, bool cleared, hf_bar *bars, uint64_t *most)
{
    size_t count = 0;
    *most = 1;
    for (uint8_t i = 1; i < HF_LANE_COUNT; i++) {
        const hf_lane_recovery *lane = &r->lanes[i];
        uint64_t value = cleared ? lane->cleared_ms : lane->p95_ms;
        if (lane->timed == 0) continue;
        if (value > *most) *most = value;
        bars[count] = (hf_bar){.to = value};
        (void)snprintf(bars[count].label, sizeof bars[count].label, "%u %s", (unsigned)i,
                       hf_lane_words(i));
        (void)snprintf(bars[count].text, sizeof bars[count].text, "%.47s", lasting(value).text);
        count++;
    }
    return count;
}

static void put_lanes(hf_page *page, const hf_recovery *r)
{
    static const char *const heads[] = {
        "Lane", "Entries", "Timed", "Median", "95 of 100", "Longest", "Clear after the end"};
    hf_bar bars[HF_LANE_COUNT];
    uint64_t most;
    hf_page_heading(page, "Delay and recovery, lane by lane");
    size_t count = lane_bars(r, false, bars, &most);
    hf_page_bars(page, "Delay from writing to the hub, of 95 entries in 100", bars, count, most);
    count = lane_bars(r, true, bars, &most);
    if (r->episode.ended_ms)
        hf_page_bars(page, "Time from the end of the outage until the lane was clear", bars, count,
                     most);
    hf_page_table(page, "Delay by lane, and when it was clear", heads, 7);
    for (uint8_t i = 1; i < HF_LANE_COUNT; i++) {
        const hf_lane_recovery *lane = &r->lanes[i];
        hf_page_cell(page, "%u %s", (unsigned)i, hf_lane_words(i));
        hf_page_cell(page, "%" PRIu64, lane->entries);
        hf_page_cell(page, "%" PRIu64, lane->timed);
        hf_page_cell(page, "%s", lane->timed ? lasting(lane->p50_ms).text : "-");
        hf_page_cell(page, "%s", lane->timed ? lasting(lane->p95_ms).text : "-");
        hf_page_cell(page, "%s", lane->timed ? lasting(lane->max_ms).text : "-");
        hf_page_cell(page, "%s", lane->timed ? lasting(lane->cleared_ms).text : "-");
    }
    hf_page_table_end(page);
    hf_page_say(page,
                "A delay runs from the entry's own time to its commit at the hub, known to the "
                "second. %" PRIu64 " entries have a clock that is known to be wrong, and no delay.",
                r->untimed);
}

/* ---- conflicts, devices ---- */

static void put_conflicts(hf_page *page, const hf_recovery *r)
{
    static const char *const heads[] = {"Rule", "Settled by the rule", "Chosen by a person",
                                        "Still open"};
    const hf_rule_recovery *rules = (const hf_rule_recovery *)(const void *)r->rules.data;
    size_t count = r->rules.size / sizeof *rules;
    hf_page_heading(page, "Written apart about the same thing");
    if (count == 0) {
        hf_page_say(page, "Nobody wrote a different value into a field that another wrote "
                          "meanwhile.");
        return;
    }
    hf_page_table(page, "Fields with versions, by rule", heads, 4);
    for (size_t i = 0; i < count; i++) {
        hf_page_cell(page, "%s", rules[i].name);
        hf_page_cell(page, "%" PRIu64, rules[i].settled);
        hf_page_cell(page, "%" PRIu64, rules[i].chosen);
        hf_page_cell(page, "%" PRIu64, rules[i].open);
    }
    hf_page_table_end(page);
    if (r->rules_partial)
        hf_page_say(page, "What rules settled was looked for in %d of %" PRIu64 " records.",
                    HF_RECOVERY_RECORDS_MAX, r->records);
}

static void put_absent(hf_page *page, const hf_recovery_view *view)
{
    static const char *const heads[] = {
        "Device", "Force", "Unit", "Last contact", "Waited on it then", "Oldest of that"};
    const size_t *which = (const size_t *)(const void *)view->recovery->absent.data;
    size_t count = view->recovery->absent.size / sizeof *which;
    hf_page_heading(page, "Devices that are not back");
    if (count == 0) {
        hf_page_say(page, "All of them have been back since.");
        return;
    }
    hf_page_table(page, "Not back, and what each last held", heads, 6);
    for (size_t i = 0; i < count; i++) {
        const hf_party *party = &view->episodes->parties[which[i]];
        hf_page_cell(page, "%s", party->name);
        hf_page_cell(page, "%s", party->force);
        hf_page_cell(page, "%s", party->unit);
        hf_page_cell(page, "%s", when(party->contact_ms).text);
        hf_page_cell(page, "%" PRIu64, party->told.waiting);
        hf_page_cell(page, "%s",
                     party->told.oldest_ms ? when(party->told.oldest_ms).text : "nothing");
    }
    hf_page_table_end(page);
}

static void put_references(hf_page *page, const hf_recovery *r)
{
    static const char *const heads[] = {"Series", "Numbers given", "Provisional ones given"};
    const hf_reference_recovery *all =
        (const hf_reference_recovery *)(const void *)r->references.data;
    size_t count = r->references.size / sizeof *all;
    hf_page_heading(page, "References");
    if (count == 0) {
        hf_page_say(page, "No leased references in use.");
        return;
    }
    hf_page_table(page, "References given to records while it lasted", heads, 3);
    for (size_t i = 0; i < count; i++) {
        hf_page_cell(page, "%s", all[i].series);
        hf_page_cell(page, "%" PRIu64, all[i].numbers);
        hf_page_cell(page, "%" PRIu64, all[i].provisional);
    }
    hf_page_table_end(page);
}

/* ---- availability ---- */

static void put_sla(hf_page *page, const hf_sla *sla)
{
    static const char *const heads[] = {"Below", "Allows", "Due back"};
    uint32_t ppm = sla->availability_ppm;
    hf_page_heading(page, "Availability of the hub");
    hf_page_say(page,
                "%u-%02u: %u.%02u %% = 1 - %s down of %s service hours (%s; to two places, to the "
                "nearest). Planned and left out: %s; too short to count: %s.",
                sla->terms.year, sla->terms.month, (ppm + 50) / 10000, (ppm + 50) / 100 % 100,
                lasting(sla->down_ms).text, lasting(sla->service_ms).text,
                sla->terms.london ? "by London's clocks" : "by UTC", lasting(sla->excluded_ms).text,
                lasting(sla->short_ms).text);
    if (sla->terms.band_count == 0) return;
    hf_page_table(page, "Bands, as configured", heads, 3);
    for (size_t i = 0; i < sla->terms.band_count; i++) {
        const hf_sla_band *band = &sla->terms.bands[i];
        hf_page_cell(page, "%u.%02u %%", band->below_ppm / 10000, band->below_ppm / 100 % 100);
        hf_page_cell(page, "%s", lasting(hf_sla_allowance_ms(sla, band->below_ppm)).text);
        hf_page_cell(page, "%u.%02u %%%s", band->credit_ppm / 10000, band->credit_ppm / 100 % 100,
                     sla->credit_ppm && band->credit_ppm == sla->credit_ppm ? ", due" : "");
    }
    hf_page_table_end(page);
}

/* ---- integrity ---- */

static void put_logs(hf_page *page, const hf_recovery_view *view)
{
    static const char *const heads[] = {"Device",   "Lane",   "Entries",   "Had to wait", "Count",
                                        "Withheld", "Erased", "Still out", "Digest"};
    const hf_recovery *r = view->recovery;
    const hf_log_recovery *logs = (const hf_log_recovery *)(const void *)r->logs.data;
    char text[HEX_SIZE];
    hf_page_table(page, "Every log, to the entry", heads, 9);
    for (size_t i = 0; i < r->logs.size / sizeof *logs; i++) {
        const hf_log_recovery *log = &logs[i];
        hf_page_cell(page, "%s",
                     log->party == HF_NOBODY ? "" : view->episodes->parties[log->party].name);
        hf_page_cell(page, "%u", (unsigned)log->lane);
        hf_page_cell(page, "%" PRIu64 " to %" PRIu64 "%s", log->from + 1, log->to,
                     log->told ? "" : ", by their times");
        hf_page_cell(page, "%" PRIu64, log->to - log->from);
        hf_page_cell(page, "%" PRIu64, log->counted);
        hf_page_cell(page, "%" PRIu64, log->withheld);
        hf_page_cell(page, "%" PRIu64, log->erased);
        hf_page_cell(page, "%" PRIu64, log->missing);
        hf_page_cell(page, "%s", hex(log->digest, 8, text));
    }
    hf_page_cell(page, "Together");
    hf_page_cell(page, " ");
    hf_page_cell(page, " ");
    hf_page_cell(page, "%" PRIu64, r->entries);
    hf_page_cell(page, "%" PRIu64, r->counted);
    hf_page_cell(page, "%" PRIu64, r->withheld);
    hf_page_cell(page, "%" PRIu64, r->erased);
    hf_page_cell(page, "%" PRIu64, r->missing);
    hf_page_cell(page, "%s", hex(r->digest, 8, text));
    hf_page_table_end(page);
}

static void put_integrity(hf_page *page, const hf_recovery_view *view)
{
    static const char *const heads[] = {"Scope", "Digest of its state, now"};
    const hf_recovery *r = view->recovery;
    const hf_scope_digest *scopes = (const hf_scope_digest *)(const void *)r->scopes.data;
    char text[HEX_SIZE];
    hf_page_heading(page, "Integrity");
    put_verdict(page, r);
    hf_page_say(page,
                "The sums were made by log, by lane, by type, by force and by unit, and "
                "compared by the program that made this report. Digest over all of it: %s",
                hex(r->digest, HF_HASH_SIZE, text));
    if (r->logs.size) put_logs(page, view);
    hf_page_table(page, "The hub's state, scope by scope (protocol.md 7)", heads, 2);
    for (size_t i = 0; i < r->scopes.size / sizeof *scopes; i++) {
        hf_page_cell(page, "%u", scopes[i].scope);
        hf_page_cell(page, "%s", hex(scopes[i].digest, HF_HASH_SIZE, text));
    }
    hf_page_table_end(page);
}

/* ---- the page ---- */

void hf_recovery_page(const hf_recovery_view *view, bool html, hf_buffer *out)
{
    hf_page page = {.out = out, .html = html};
    const hf_recovery *r = view->recovery;
    hf_page_begin(&page, r->episode.drill ? "Operational recovery: drill" : "Operational recovery");
    put_summary(&page, view);
    put_intervals(&page, view);
    put_entries(&page, r);
    put_backlog(&page, r);
    put_lanes(&page, r);
    put_conflicts(&page, r);
    put_absent(&page, view);
    put_references(&page, r);
    put_sla(&page, view->sla);
    put_integrity(&page, view);
    hf_page_end(&page);
}
