/* sla.c: months, clock changes, and how outages lie in them.
 *
 * Why minute by minute is not needed: service hours, excluded windows and outages are all spans, so
 * what counts is their intersection, day by day. */
#include "sla.h"

#include <string.h>

enum { HOUR_MS = 3600 * 1000, DAY_HOURS = 24, PPM = 1000000 };
static const int64_t DAY_MS = 24 * 3600 * 1000;

/* ---- the calendar ---- */

/* Days since 1970 of a date: of the proleptic Gregorian calendar, in whole numbers. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    if (month <= 2) year--; /* the leap day comes last, so that months have fixed places */
    int64_t era = year / 400;
    int64_t in_era = year - era * 400;
    int64_t month_from_march = (int64_t)(month > 2 ? month - 3 : month + 9);
    int64_t in_year = (153 * month_from_march + 2) / 5 + (int64_t)day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

/* 0 is a Sunday. */
static unsigned weekday_of(int64_t days)
{
    return (unsigned)((days + 4) % 7); /* 1 January 1970 was a Thursday */
}

static int64_t last_sunday(int64_t year, unsigned month)
{
    int64_t days = days_of(year, month, 31); /* March and October have 31 days */
    return days - (int64_t)weekday_of(days);
}

/* London's clocks are an hour ahead from the last Sunday of March, 01:00 UTC, to October's. */
static bool is_summer(int64_t utc_ms)
{
    int64_t year = 1970 + utc_ms / DAY_MS / 366; /* at most a year too early: */
    while (days_of(year + 1, 1, 1) * DAY_MS <= utc_ms) year++;
    return utc_ms >= last_sunday(year, 3) * DAY_MS + HOUR_MS &&
           utc_ms < last_sunday(year, 10) * DAY_MS + HOUR_MS;
}

/* The moment at which the clocks on the wall show so many hours past the day's midnight. */
static uint64_t moment(int64_t days, unsigned hours, bool london)
{
    int64_t utc_ms = days * DAY_MS + (int64_t)hours * HOUR_MS;
    if (london && is_summer(utc_ms - HOUR_MS)) utc_ms -= HOUR_MS;
    return utc_ms < 0 ? 0 : (uint64_t)utc_ms;
}

void hf_sla_month_of(uint64_t wall_ms, bool london, unsigned *year, unsigned *month)
{
    int64_t local_ms = (int64_t)wall_ms;
    if (london && is_summer(local_ms)) local_ms += HOUR_MS;
    int64_t days = local_ms / DAY_MS;
    *year = 1970;
    while (days_of((int64_t)*year + 1, 1, 1) <= days) (*year)++;
    *month = 1;
    while (*month < 12 && days_of(*year, *month + 1, 1) <= days) (*month)++;
}

/* ---- spans ---- */

static uint64_t shared_ms(hf_span a, hf_span b)
{
    uint64_t from_ms = a.from_ms > b.from_ms ? a.from_ms : b.from_ms;
    uint64_t to_ms = a.to_ms < b.to_ms ? a.to_ms : b.to_ms;
    return to_ms > from_ms ? to_ms - from_ms : 0;
}

/* The next stretch of `within`, from `at_ms` on, that some span covers: overlaps count once. */
static bool next_covered(const hf_span *spans, size_t count, hf_span within, uint64_t at_ms,
                         hf_span *out)
{
    *out = (hf_span){UINT64_MAX, 0};
    for (size_t i = 0; i < count; i++) {
        uint64_t from_ms = spans[i].from_ms > at_ms ? spans[i].from_ms : at_ms;
        if (spans[i].to_ms <= from_ms || from_ms >= within.to_ms) continue;
        if (from_ms < out->from_ms) *out = (hf_span){from_ms, spans[i].to_ms};
    }
    if (out->from_ms == UINT64_MAX) return false;
    for (size_t i = 0; i < count; i++) /* up to where another begins or ends: whole all the same */
        if (spans[i].from_ms <= out->from_ms && spans[i].to_ms > out->to_ms)
            out->to_ms = spans[i].to_ms;
    if (out->to_ms > within.to_ms) out->to_ms = within.to_ms;
    return true;
}

static uint64_t covered_ms(const hf_span *spans, size_t count, hf_span within)
{
    uint64_t total = 0, at_ms = within.from_ms;
    hf_span one;
    while (next_covered(spans, count, within, at_ms, &one)) {
        total += one.to_ms - one.from_ms;
        at_ms = one.to_ms;
    }
    return total;
}

/* Of one stretch of service hours: what outages cover, less what is excluded. */
static void add_service(hf_sla *out, const hf_span *outages, size_t count, hf_span service)
{
    const hf_sla_terms *terms = &out->terms;
    uint64_t at_ms = service.from_ms;
    hf_span down;
    out->service_ms += service.to_ms - service.from_ms;
    while (next_covered(outages, count, service, at_ms, &down)) {
        uint64_t planned = covered_ms(terms->excluded, terms->excluded_count, down);
        out->down_ms += down.to_ms - down.from_ms - planned;
        out->excluded_ms += planned;
        at_ms = down.to_ms;
    }
}

/* ---- the figure ---- */

hf_sla_terms hf_sla_terms_default(unsigned year, unsigned month)
{
    return (hf_sla_terms){.year = year,
                          .month = month,
                          .london = true,
                          .hours_to = DAY_HOURS,
                          .bands = {{999000, 20000}, {995000, 50000}, {990000, 100000}},
                          .band_count = 3};
}

/* Those long enough to count come first. */
static size_t keep_long(const hf_sla_terms *terms, const hf_span *outages, size_t count,
                        hf_span *kept, hf_sla *out)
{
    size_t long_count = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t lasted_ms = outages[i].to_ms - outages[i].from_ms;
        if (lasted_ms >= terms->minimum_ms && long_count < HF_SLA_OUTAGES_MAX)
            kept[long_count++] = outages[i];
        else
            out->short_ms += shared_ms(outages[i], out->month);
    }
    return long_count;
}

static void due_credit(hf_sla *out)
{
    uint32_t lowest = UINT32_MAX;
    for (size_t i = 0; i < out->terms.band_count; i++) {
        const hf_sla_band *band = &out->terms.bands[i];
        if (out->availability_ppm >= band->below_ppm || band->below_ppm >= lowest) continue;
        lowest = band->below_ppm;
        out->credit_ppm = band->credit_ppm;
    }
    out->credit_pence = (out->terms.charge_pence * out->credit_ppm + PPM / 2) / PPM;
}

void hf_sla_compute(const hf_sla_terms *terms, const hf_span *outages, size_t count, hf_sla *out)
{
    hf_span kept[HF_SLA_OUTAGES_MAX];
    *out = (hf_sla){.terms = *terms};
    int64_t first = days_of(terms->year, terms->month, 1);
    int64_t after = terms->month == 12 ? days_of((int64_t)terms->year + 1, 1, 1)
                                       : days_of(terms->year, terms->month + 1, 1);
    out->month = (hf_span){moment(first, 0, terms->london), moment(after, 0, terms->london)};
    size_t kept_count = keep_long(terms, outages, count, kept, out);
    for (int64_t day = first; day < after; day++) {
        unsigned weekday = weekday_of(day);
        if (terms->weekdays_only && (weekday == 0 || weekday == 6)) continue;
        add_service(out, kept, kept_count,
                    (hf_span){moment(day, terms->hours_from, terms->london),
                              moment(day, terms->hours_to, terms->london)});
    }
    uint64_t up_ms = out->service_ms - out->down_ms;
    if (out->service_ms)
        out->availability_ppm = (uint32_t)((up_ms * PPM + out->service_ms / 2) / out->service_ms);
    due_credit(out);
}

uint64_t hf_sla_allowance_ms(const hf_sla *sla, uint32_t ppm)
{
    return sla->service_ms / PPM * (PPM - ppm) + sla->service_ms % PPM * (PPM - ppm) / PPM;
}
