/* sla.h: how much of a month the hub was there, by the words of a contract. Pure arithmetic.
 *
 * What a contract says differs, so all of it is an option: which hours count, which outages, how
 * the figure is rounded, what credit is due. The report prints each of them beside the figure. */
#ifndef HF_HUB_SLA_H
#define HF_HUB_SLA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HF_SLA_BANDS_MAX = 8, HF_SLA_WINDOWS_MAX = 64, HF_SLA_OUTAGES_MAX = 1024 };

typedef struct hf_span { /* Unix ms; to is not in it */
    uint64_t from_ms, to_ms;
} hf_span;

typedef struct hf_sla_band { /* below so much, so much of the month's charge is due back */
    uint32_t below_ppm;      /* 999000 is 99.9 % */
    uint32_t credit_ppm;
} hf_sla_band;

typedef struct hf_sla_terms {
    unsigned year, month; /* month from 1 */
    bool london;          /* its first and last moment by London's clocks, else UTC */
    unsigned hours_from,
        hours_to; /* service hours, of each day, by the same clocks; 0 and 24: all */
    bool weekdays_only;
    uint64_t minimum_ms;                  /* shorter outages do not count */
    hf_span excluded[HF_SLA_WINDOWS_MAX]; /* planned windows that do not count as downtime */
    size_t excluded_count;
    hf_sla_band bands[HF_SLA_BANDS_MAX]; /* the lowest that it falls below is due */
    size_t band_count;
    uint64_t charge_pence; /* of the month; 0: not said */
} hf_sla_terms;

typedef struct hf_sla {
    hf_sla_terms terms;
    hf_span month;
    uint64_t service_ms;            /* service hours in the month */
    uint64_t down_ms;               /* of that, outages that count */
    uint64_t excluded_ms, short_ms; /* and those that do not: planned; too short */
    uint32_t availability_ppm;      /* rounded to the nearest */
    uint32_t credit_ppm;
    uint64_t credit_pence;
} hf_sla;

/* 99.9, 99.5 and 99.0 % for 2, 5 and 10 %; all hours; London. An illustration, not a contract. */
hf_sla_terms hf_sla_terms_default(unsigned year, unsigned month);
/* Outages may overlap, and reach over the month's ends; at most HF_SLA_OUTAGES_MAX. */
void hf_sla_compute(const hf_sla_terms *terms, const hf_span *outages, size_t count, hf_sla *out);
/* The downtime that `ppm` leaves in the month's service hours. */
uint64_t hf_sla_allowance_ms(const hf_sla *sla, uint32_t ppm);
/* The month that holds `wall_ms`, by London's clocks or UTC. */
void hf_sla_month_of(uint64_t wall_ms, bool london, unsigned *year, unsigned *month);

#endif
