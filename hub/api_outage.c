/* api_outage.c: what was an outage, what came of it, and what is ready for the next. */
#include "api.h"
#include "recovery.h"
#include "sla.h"

#include "sync/render.h"
#include "sync/windows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- times in requests ---- */

static hf_status time_asked(hf_call *call, const char *key, uint64_t *out)
{
    int64_t unix_ms;
    hf_bytes text = hf_json_bytes(json_object_get(call->request, key));
    *out = 0;
    if (text.size == 0) return HF_OK;
    if ((hf_time_parse(text, &unix_ms) != HF_OK && hf_date_parse(text, &unix_ms) != HF_OK) ||
        unix_ms <= 0)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "\"%.40s\" is not a time. Write 2019-10-08T09:00Z, or a date.",
                            (const char *)text.data);
    *out = (uint64_t)unix_ms;
    return HF_OK;
}

/* ---- outages ---- */

static hf_status episodes_read(hf_call *call, hf_episodes *out)
{
    return hf_episodes_read(call->api->store, hf_enroll_of(call)->hub, 0, call->api->wall_ms, out);
}

hf_status hf_hub_api_outages(hf_call *call)
{
    hf_episodes episodes;
    hf_json *json = &call->json;
    uint64_t since_ms;
    hf_status status = time_asked(call, "since", &since_ms);
    if (status == HF_OK) status = episodes_read(call, &episodes);
    if (status != HF_OK) return status;
    bool devices = hf_call_flag(call, "devices");
    hf_json_string(json, "schema", "holdfast.outages/1");
    hf_json_array(json, "outages");
    for (size_t i = 0; i < episodes.count; i++) {
        const hf_episode *one = &episodes.items[i];
        if (one->extent == HF_EXTENT_DEVICE && !devices) continue;
        if (one->ended_ms && one->ended_ms < since_ms) continue;
        hf_json_object(json, NULL);
        hf_episode_json(one, call->api->wall_ms, json);
        hf_json_end(json);
    }
    hf_json_end(json);
    hf_episodes_free(&episodes);
    return HF_OK;
}

hf_status hf_hub_contact(hf_call *call, hub_contact *out)
{
    hf_episodes episodes;
    *out = (hub_contact){.known = false};
    hf_status status = episodes_read(call, &episodes);
    if (status != HF_OK) return status;
    for (size_t i = 0; i < episodes.count; i++) {
        const hf_episode *one = &episodes.items[i];
        if (one->drill && one->ended_ms == 0) {
            out->drill = true;
            memcpy(out->unit, one->unit, sizeof out->unit);
        }
        if (one->extent != HF_EXTENT_HUB || one->ended_ms == 0) continue;
        out->known = true;
        out->ended_ms = one->ended_ms;
        out->lasted_ms = one->ended_ms - one->began_ms;
    }
    for (size_t i = 0; i < episodes.party_count; i++) {
        out->away += !episodes.parties[i].connected;
        if (!episodes.parties[i].connected) out->waiting += episodes.parties[i].told.waiting;
    }
    hf_episodes_free(&episodes);
    return HF_OK;
}

/* ---- availability ---- */

static hf_status read_hours(hf_call *call, hf_sla_terms *terms)
{
    const char *hours = hf_call_text(call, "hours");
    unsigned from, to;
    if (!*hours) return HF_OK;
    if (sscanf(hours, "%2u-%2u", &from, &to) != 2 || from >= to || to > 24)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "\"%.20s\" are no service hours. Write 8-18, for 08:00 to 18:00.",
                            hours);
    terms->hours_from = from;
    terms->hours_to = to;
    return HF_OK;
}

/* "99.9:2,99.5:5": below 99.9 %, 2 % of the charge. "none" for no credit at all. */
static hf_status read_bands(hf_call *call, hf_sla_terms *terms)
{
    const char *text = hf_call_text(call, "bands");
    if (!*text) return HF_OK;
    terms->band_count = 0;
    if (strcmp(text, "none") == 0) return HF_OK;
    while (*text && terms->band_count < HF_SLA_BANDS_MAX) {
        char *end;
        double below = strtod(text, &end), credit = *end == ':' ? strtod(end + 1, &end) : -1;
        if ((*end && *end != ',') || !(below > 0 && below <= 100 && credit >= 0 && credit <= 100))
            return hf_call_fail(call, HF_ERR_INPUT,
                                "\"%.40s\" are no bands. Write 99.9:2,99.0:10: below 99.9 %%, "
                                "2 %% of the charge is due back, and so on.",
                                hf_call_text(call, "bands"));
        terms->bands[terms->band_count++] =
            (hf_sla_band){(uint32_t)(below * 10000 + 0.5), (uint32_t)(credit * 10000 + 0.5)};
        text = *end ? end + 1 : end;
    }
    return HF_OK;
}

static hf_status on_planned(void *context, const hf_window *window)
{
    hf_sla_terms *terms = context;
    if (window->called_off || terms->excluded_count == HF_SLA_WINDOWS_MAX) return HF_OK;
    terms->excluded[terms->excluded_count++] = (hf_span){window->from_ms, window->until_ms};
    return HF_OK;
}

/* `wall_ms`: the month that holds it, unless the request names one. */
static hf_status read_terms(hf_call *call, uint64_t wall_ms, hf_sla_terms *terms)
{
    unsigned year, month;
    const char *asked = hf_call_text(call, "month");
    bool london = !hf_call_flag(call, "utc");
    hf_sla_month_of(wall_ms, london, &year, &month);
    if (*asked && (sscanf(asked, "%4u-%2u", &year, &month) != 2 || year < 1970 || year > 9999 ||
                   month < 1 || month > 12))
        return hf_call_fail(call, HF_ERR_INPUT, "\"%.20s\" is not a month. Write 2019-10.", asked);
    *terms = hf_sla_terms_default(year, month);
    terms->london = london;
    terms->weekdays_only = hf_call_flag(call, "weekdays");
    terms->minimum_ms = hf_call_number(call, "minimum_ms", 0, SIZE_MAX);
    terms->charge_pence = hf_call_number(call, "charge_pence", 0, SIZE_MAX / 1000001);
    hf_status status = read_hours(call, terms);
    if (status == HF_OK) status = read_bands(call, terms);
    if (status == HF_OK && hf_call_flag(call, "exclude_planned"))
        status = hf_windows_each(call->api->store, on_planned, terms);
    return status;
}

/* "2019-10-08T09:00Z,2019-10-08T15:10Z": an outage that this hub has not seen itself. */
static hf_status add_also(hf_call *call, hf_buffer *spans)
{
    const json_t *also = json_object_get(call->request, "also");
    for (size_t i = 0; i < json_array_size(also); i++) {
        const char *text = json_string_value(json_array_get(also, i));
        const char *comma = text ? strchr(text, ',') : NULL;
        int64_t from = 0, to = 0;
        bool read =
            comma &&
            hf_time_parse((hf_bytes){(const uint8_t *)text, (size_t)(comma - text)}, &from) ==
                HF_OK &&
            hf_time_parse((hf_bytes){(const uint8_t *)comma + 1, strlen(comma + 1)}, &to) == HF_OK;
        if (!read || from <= 0 || to <= from)
            return hf_call_fail(call, HF_ERR_INPUT,
                                "\"%.80s\" is not an outage. Write its two ends: "
                                "2019-10-08T09:00Z,2019-10-08T15:10Z.",
                                text ? text : "");
        hf_span span = {(uint64_t)from, (uint64_t)to};
        hf_write_raw(spans, (hf_bytes){(const uint8_t *)&span, sizeof span});
    }
    return spans->status;
}

/* Of the hub's own: what a device was cut off from for itself is not the hub's downtime, nor is it
 * a station's when its centre is away. */
static hf_status compute_sla(hf_call *call, const hf_episodes *episodes, uint64_t wall_ms,
                             hf_sla *out)
{
    hf_sla_terms terms;
    hf_buffer spans = {0};
    hf_status status = read_terms(call, wall_ms, &terms);
    for (size_t i = 0; i < episodes->sighting_count && status == HF_OK; i++) {
        const hf_sighting *s = &episodes->sightings[i];
        bool was_away = s->reason == HF_OUTAGE_STOPPED || s->reason == HF_OUTAGE_FELL;
        if (s->party != HF_NOBODY || !was_away) continue;
        hf_span span = {s->last_ms, s->ended_ms ? s->ended_ms : call->api->wall_ms};
        hf_write_raw(&spans, (hf_bytes){(const uint8_t *)&span, sizeof span});
        status = spans.status;
    }
    if (status == HF_OK) status = add_also(call, &spans);
    if (status == HF_OK)
        hf_sla_compute(&terms, (const hf_span *)(const void *)spans.data,
                       spans.size / sizeof(hf_span), out);
    hf_buffer_free(&spans);
    return status;
}

hf_status hf_hub_api_sla(hf_call *call)
{
    hf_episodes episodes;
    hf_sla sla;
    hf_status status = episodes_read(call, &episodes);
    if (status != HF_OK) return status;
    status = compute_sla(call, &episodes, call->api->wall_ms, &sla);
    hf_episodes_free(&episodes);
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.sla/1");
    hf_sla_json(&sla, &call->json);
    return HF_OK;
}

/* ---- one outage ---- */

static hf_status write_report(hf_call *call, const hf_recovery_view *view)
{
    hf_buffer text = {0};
    const char *format = hf_call_text(call, "format");
    bool html = strcmp(format, "html") == 0;
    if (!html && strcmp(format, "markdown") != 0) {
        hf_json_string(&call->json, "schema", "holdfast.recovery/1");
        hf_recovery_json(view, &call->json);
        return HF_OK;
    }
    hf_recovery_page(view, html, &text);
    hf_json_string(&call->json, "schema", "holdfast.page/1");
    hf_json_bool(&call->json, "reconciles", !view->recovery->fault[0]);
    hf_json_string(&call->json, "fault", view->recovery->fault);
    hf_json_text(&call->json, "text", hf_buffer_bytes(&text));
    hf_status status = text.status;
    hf_buffer_free(&text);
    return status;
}

static hf_status report(hf_call *call, const hf_episodes *episodes, size_t index)
{
    hf_sla sla;
    hf_recovery recovery;
    hf_status status = compute_sla(call, episodes, episodes->items[index].began_ms, &sla);
    if (status == HF_OK)
        status =
            hf_recovery_compute(call->api->store, episodes, index, call->api->wall_ms, &recovery);
    if (status != HF_OK) return status;
    hf_recovery_view view = {
        .episodes = episodes, .recovery = &recovery, .hub = call->api->name, .sla = &sla};
    status = write_report(call, &view);
    hf_recovery_free(&recovery);
    return status;
}

hf_status hf_hub_api_outage(hf_call *call)
{
    hf_episodes episodes;
    uint64_t at_ms;
    hf_status status = time_asked(call, "at", &at_ms);
    if (status == HF_OK) status = episodes_read(call, &episodes);
    if (status != HF_OK) return status;
    size_t index = hf_episodes_find(&episodes, at_ms, hf_call_flag(call, "devices"));
    if (index == HF_NOBODY)
        status = hf_call_fail(call, HF_ERR_NOT_FOUND,
                              "No outage is known%s. \"holdfast-hub outage list --devices\" lists "
                              "those of single devices too.",
                              at_ms ? " that began by then" : "");
    else
        status = report(call, &episodes, index);
    hf_episodes_free(&episodes);
    return status;
}
