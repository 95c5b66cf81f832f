/* api_ready.c: before it happens: drills, planned windows, and who is ready for them. */
#include "api.h"
#include "episodes.h"

#include "sync/control.h"
#include "sync/render.h"
#include "sync/windows.h"

#include <stdio.h>
#include <string.h>

enum {
    HOUR_MS = 60 * 60 * 1000,
    DRILL_MINUTES_MAX = 24 * 60,
    SYNCED_HOURS = 4,
    FREE_MIB_MIN = 256,
    CLOCK_OFF_MAX_MS = 60 * 1000,
    CERTIFICATE_DAYS_MIN = 7,
    READY_PERCENT = 95
};
static const uint64_t DAY_MS = 24 * HOUR_MS;

/* ---- drills ---- */

typedef struct unit_walk {
    const char *unit;
    size_t count;
} unit_walk;

static hf_status on_device(void *context, const hf_device *device)
{
    unit_walk *walk = context;
    if (!device->is_hub && !device->revoked && strcmp(device->unit, walk->unit) == 0) walk->count++;
    return HF_OK;
}

static hf_status end_drill(hf_call *call)
{
    hf_status status = hf_hub_drill(hf_enroll_of(call)->hub, "", 0, call->api->wall_ms);
    if (status == HF_ERR_NOT_FOUND) return hf_call_fail(call, status, "No drill is going on.");
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.drill/1");
    hf_json_null(&call->json, "unit");
    return HF_OK;
}

hf_status hf_hub_api_drill(hf_call *call)
{
    unit_walk walk = {.unit = hf_call_text(call, "unit")};
    size_t minutes = hf_call_number(call, "minutes", 0, SIZE_MAX);
    uint64_t until_ms = call->api->wall_ms + (uint64_t)minutes * 60 * 1000;
    if (hf_call_flag(call, "end")) return end_drill(call);
    if (minutes == 0 || minutes > DRILL_MINUTES_MAX)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "A drill lasts from 1 minute to a day: --minutes "
                            "30.");
    hf_status status = hf_hub_devices(hf_enroll_of(call)->hub, on_device, &walk);
    if (status != HF_OK) return status;
    if (walk.count == 0)
        return hf_call_fail(call, HF_ERR_NOT_FOUND,
                            "No device belongs to a unit \"%.63s\". \"holdfast-hub devices\" "
                            "lists their units.",
                            walk.unit);
    status = hf_hub_drill(hf_enroll_of(call)->hub, walk.unit, until_ms, call->api->wall_ms);
    if (status == HF_ERR_BUSY)
        return hf_call_fail(call, status,
                            "A drill is going on already. \"holdfast-hub drill "
                            "--end\" ends it.");
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.drill/1");
    hf_json_string(&call->json, "unit", walk.unit);
    hf_json_uint(&call->json, "devices", walk.count);
    hf_json_time(&call->json, "until", until_ms);
    return HF_OK;
}

/* ---- windows ---- */

static hf_status time_of(hf_call *call, const char *key, uint64_t *out)
{
    int64_t unix_ms = 0;
    hf_bytes text = hf_json_bytes(json_object_get(call->request, key));
    if (hf_time_parse(text, &unix_ms) != HF_OK || unix_ms <= 0)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "--%s needs a time with its zone, such as 2026-12-01T02:00Z.", key);
    *out = (uint64_t)unix_ms;
    return HF_OK;
}

static void json_window(hf_call *call, const hf_window *window)
{
    char id[HF_RECORD_TEXT_SIZE];
    hf_record_id_format(hf_store_pack(call->api->store), &window->id, id);
    hf_json_string(&call->json, "id", id);
    hf_json_time(&call->json, "from", window->from_ms);
    hf_json_time(&call->json, "until", window->until_ms);
    hf_json_string(&call->json, "why", window->why);
    hf_json_bool(&call->json, "called_off", window->called_off);
}

hf_status hf_hub_api_window(hf_call *call)
{
    hf_window window = {.called_off = false};
    hf_status status = time_of(call, "from", &window.from_ms);
    if (status == HF_OK) status = time_of(call, "until", &window.until_ms);
    if (status != HF_OK) return status;
    (void)snprintf(window.why, sizeof window.why, "%s", hf_call_text(call, "why"));
    status = hf_hub_window(hf_enroll_of(call)->hub, window.from_ms, window.until_ms, window.why,
                           call->api->wall_ms, &window.id);
    if (status == HF_ERR_INPUT)
        return hf_call_fail(call, status,
                            "A window ends after it begins, and says why: --why "
                            "\"new disks\".");
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.window/1");
    json_window(call, &window);
    return HF_OK;
}

hf_status hf_hub_api_window_off(hf_call *call)
{
    hf_record_id id;
    const char *actor = hf_call_text(call, "actor");
    hf_status status = hf_call_record(call, &id);
    if (status != HF_OK) return status;
    if (id.type != HF_TYPE_WINDOW)
        return hf_call_fail(call, HF_ERR_INPUT, "That record is no planned window.");
    status = hf_hub_window_call_off(hf_enroll_of(call)->hub, &id, *actor ? actor : call->api->name,
                                    call->api->wall_ms);
    if (status == HF_ERR_NOT_FOUND)
        return hf_call_fail(call, status, "No such window was announced here.");
    if (status == HF_OK) hf_json_string(&call->json, "schema", "holdfast.window/1");
    return status;
}

typedef struct window_walk {
    hf_call *call;
    const hf_episodes *episodes;
} window_walk;

/* Who is not known to know of it: that is whom to ring. */
static hf_status on_window(void *context, const hf_window *window)
{
    window_walk *walk = context;
    hf_json *json = &walk->call->json;
    size_t known = 0;
    hf_json_object(json, NULL);
    json_window(walk->call, window);
    hf_json_array(json, "not_acknowledged");
    for (size_t i = 0; i < walk->episodes->party_count; i++) {
        uint64_t at_ms;
        const hf_party *party = &walk->episodes->parties[i];
        hf_status status =
            hf_window_known_get(walk->call->api->store, window->id.bytes, party->key_id, &at_ms);
        if (status != HF_OK) return status;
        known += at_ms != 0;
        if (at_ms == 0) hf_json_string(json, NULL, party->name);
    }
    hf_json_end(json);
    hf_json_uint(json, "acknowledged", known);
    hf_json_end(json);
    return json->out->status;
}

hf_status hf_hub_api_windows(hf_call *call)
{
    hf_episodes episodes;
    hf_status status = hf_episodes_read(call->api->store, hf_enroll_of(call)->hub, UINT64_MAX / 4,
                                        call->api->wall_ms, &episodes);
    if (status != HF_OK) return status;
    window_walk walk = {.call = call, .episodes = &episodes};
    hf_json_string(&call->json, "schema", "holdfast.windows/1");
    hf_json_array(&call->json, "windows");
    status = hf_windows_each(call->api->store, on_window, &walk);
    hf_json_end(&call->json);
    hf_episodes_free(&episodes);
    return status;
}

/* ---- readiness ---- */

static hf_status certificate_days(hf_call *call, const hf_party *party, int64_t *days)
{
    const hf_crypto *crypto = hf_store_crypto(call->api->store);
    hf_buffer der = {0};
    hf_record_id record;
    hf_certificate certificate;
    *days = 0;
    hf_status status = hf_device_certificate(call->api->store, party->key_id, &der, &record);
    bool read = status == HF_OK && der.size &&
                crypto->certificate(crypto->context, hf_buffer_bytes(&der), &certificate) == HF_OK;
    if (read)
        *days =
            ((int64_t)certificate.valid.until_ms - (int64_t)call->api->wall_ms) / (int64_t)DAY_MS;
    hf_buffer_free(&der);
    return status == HF_ERR_NOT_FOUND ? HF_OK : status;
}

typedef struct readiness {
    const char *wrong[6];
    size_t count;
} readiness;

static void need(readiness *r, bool holds, const char *wrong)
{
    if (!holds) r->wrong[r->count++] = wrong;
}

static hf_status json_party(hf_call *call, const hf_party *party, bool *ready)
{
    hf_json *json = &call->json;
    const hf_told *told = &party->told;
    int64_t days;
    readiness r = {.count = 0};
    uint32_t pack = hf_pack_version(hf_store_pack(call->api->store));
    hf_status status = certificate_days(call, party, &days);
    if (status != HF_OK) return status;
    uint64_t since_ms = call->api->wall_ms - told->synced_ms;
    need(&r, told->at_ms != 0, "it has never told how it is");
    need(&r, told->synced_ms && since_ms < SYNCED_HOURS * (uint64_t)HOUR_MS,
         "not in sync within 4 hours");
    need(&r, told->free_mib >= FREE_MIB_MIN, "less than 256 MiB free, or not known");
    need(&r, told->clock_ms < CLOCK_OFF_MAX_MS && told->clock_ms > -CLOCK_OFF_MAX_MS,
         "its clock is more than a minute off");
    need(&r, days >= CERTIFICATE_DAYS_MIN, "its certificate ends within a week");
    need(&r, told->pack_version == pack, "it has another pack than the hub");
    *ready = r.count == 0;
    hf_json_object(json, NULL);
    hf_json_string(json, "name", party->name);
    hf_json_string(json, "force", party->force);
    hf_json_string(json, "unit", party->unit);
    hf_json_bool(json, "ready", *ready);
    hf_json_bool(json, "connected", party->connected);
    hf_json_time(json, "told", told->at_ms);
    hf_json_time(json, "synced", told->synced_ms);
    hf_json_uint(json, "waiting", told->waiting);
    hf_json_uint(json, "free_mib", told->free_mib);
    hf_json_int(json, "clock_off_ms", told->clock_ms);
    hf_json_int(json, "certificate_days", days);
    hf_json_string(json, "version", told->implementation);
    hf_json_uint(json, "pack_version", told->pack_version);
    hf_json_array(json, "wrong");
    for (size_t i = 0; i < r.count; i++) hf_json_string(json, NULL, r.wrong[i]);
    hf_json_end(json);
    hf_json_end(json);
    return HF_OK;
}

hf_status hf_hub_api_readiness(hf_call *call)
{
    hf_episodes episodes;
    hf_json *json = &call->json;
    const char *unit = hf_call_text(call, "unit");
    size_t devices = 0, ready = 0;
    hf_status status = hf_episodes_read(call->api->store, hf_enroll_of(call)->hub, UINT64_MAX / 4,
                                        call->api->wall_ms, &episodes);
    if (status != HF_OK) return status;
    hf_json_string(json, "schema", "holdfast.readiness/1");
    hf_json_array(json, "devices");
    for (size_t i = 0; i < episodes.party_count && status == HF_OK; i++) {
        bool one = false;
        if (*unit && strcmp(episodes.parties[i].unit, unit) != 0) continue;
        status = json_party(call, &episodes.parties[i], &one);
        devices++;
        ready += one;
    }
    hf_json_end(json);
    hf_json_uint(json, "device_count", devices);
    hf_json_uint(json, "ready_count", ready);
    hf_json_bool(json, "ready", devices && ready * 100 >= devices * READY_PERCENT);
    hf_episodes_free(&episodes);
    return status;
}
