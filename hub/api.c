/* api.c: parses a request, calls the hub, names the document. No more. */
#include "api_call.h"

#include "sync/feed.h"
#include "sync/render.h"
#include "sync/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WITHHELD_SHOWN = 20 };

hf_status hf_hub_fail(api_call *call, hf_status status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    (void)vsnprintf(call->why, sizeof call->why, format, values);
    va_end(values);
    return status;
}

const char *hf_hub_text(const api_call *call, const char *key)
{
    const char *text = json_string_value(json_object_get(call->request, key));
    return text ? text : "";
}

static size_t number_of(const api_call *call, const char *key, size_t otherwise, size_t max)
{
    const json_t *number = json_object_get(call->request, key);
    if (!json_is_integer(number) || json_integer_value(number) < 0) return otherwise;
    uint64_t value = (uint64_t)json_integer_value(number);
    return value > max ? max : (size_t)value;
}

static hf_status record_of(api_call *call, hf_record_id *out)
{
    const char *id = hf_hub_text(call, "id");
    hf_bytes text = {(const uint8_t *)id, strlen(id)};
    if (hf_record_id_parse(hf_store_pack(call->api->store), text, out) == HF_OK) return HF_OK;
    return hf_hub_fail(call, HF_ERR_INPUT,
                       "\"%.80s\" is not a record's id. An id looks like "
                       "crime_01k2m3n4p5q6r7s8t9v0w1x2y3.",
                       id);
}

/* ---- records ---- */

static hf_status api_show(api_call *call)
{
    hf_record_id id;
    hf_view *view = NULL;
    hf_status status = record_of(call, &id);
    if (status == HF_OK) status = hf_store_get(call->api->store, &id, &view);
    if (status == HF_ERR_NOT_FOUND)
        return hf_hub_fail(call, status, "This hub holds no record %s.", hf_hub_text(call, "id"));
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.record/1");
    status = hf_report_record(call->api->store, view, &call->json);
    hf_view_free(view);
    return status;
}

static hf_status api_history(api_call *call)
{
    hf_record_id id;
    hf_status status = record_of(call, &id);
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.history/1");
    status = hf_report_history(call->api->store, &id, UINT32_MAX, &call->json);
    if (status == HF_ERR_NOT_FOUND)
        return hf_hub_fail(call, status, "This hub holds no record %s.", hf_hub_text(call, "id"));
    return status;
}

static hf_status api_list(api_call *call)
{
    hf_record_id after;
    const char *name = hf_hub_text(call, "type");
    const hf_type *type = hf_pack_type_named(hf_store_pack(call->api->store),
                                             (hf_bytes){(const uint8_t *)name, strlen(name)});
    hf_report_query query = {
        .type = type ? type->number : 0,
        .limit = number_of(call, "limit", HF_REPORT_LIST_DEFAULT, HF_REPORT_LIST_MAX),
        .with_deleted = json_is_true(json_object_get(call->request, "deleted")),
    };
    if (*name && !type)
        return hf_hub_fail(call, HF_ERR_INPUT, "No record type is called \"%.64s\".", name);
    hf_status status = *hf_hub_text(call, "id") ? record_of(call, &after) : HF_OK;
    if (status != HF_OK) return status;
    if (*hf_hub_text(call, "id")) query.after = &after;
    hf_json_string(&call->json, "schema", "holdfast.list/1");
    return hf_report_list(call->api->store, &query, &call->json);
}

static hf_status api_conflicts(api_call *call)
{
    hf_json_string(&call->json, "schema", "holdfast.conflicts/1");
    return hf_report_conflicts(call->api->store,
                               number_of(call, "limit", HF_REPORT_LIST_MAX, HF_REPORT_LIST_MAX),
                               &call->json);
}

static hf_status api_verify(api_call *call)
{
    hf_verify_report report;
    hf_status status = hf_store_verify(call->api->store, &report);
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.verify/1");
    hf_report_verify(&report, &call->json);
    return HF_OK;
}

/* ---- status ---- */

static void json_next(api_call *call, const hf_standing *standing, const hub_fleet *fleet)
{
    char next[256];
    unsigned long long behind = fleet->connected - fleet->in_sync;
    if (!call->api->running)
        (void)snprintf(next, sizeof next,
                       "Start the hub, so that devices can reach it: "
                       "holdfast-hub run");
    else if (fleet->enrolled == 0)
        (void)snprintf(next, sizeof next,
                       "Make a token for the first device: holdfast-hub token "
                       "--help");
    else if (standing->withheld)
        (void)snprintf(next, sizeof next,
                       "Look at the withheld writes above: each names its "
                       "device and why it does not count.");
    else if (standing->conflicts)
        (void)snprintf(next, sizeof next,
                       "%llu conflict%s for the officers who wrote: "
                       "holdfast-hub conflicts",
                       (unsigned long long)standing->conflicts,
                       standing->conflicts == 1 ? " waits" : "s wait");
    else if (behind)
        (void)snprintf(next, sizeof next, "Nothing is needed: %llu connected device%s catching up.",
                       behind, behind == 1 ? " is" : "s are");
    else
        (void)snprintf(next, sizeof next, "Nothing is needed.");
    hf_json_string(&call->json, "next", next);
}

static void json_fleet(api_call *call, const hub_fleet *fleet)
{
    hf_json *json = &call->json;
    hf_json_object(json, "devices");
    hf_json_uint(json, "enrolled", fleet->enrolled);
    hf_json_uint(json, "revoked", fleet->revoked);
    hf_json_uint(json, "connected", fleet->connected);
    hf_json_uint(json, "in_sync", fleet->in_sync);
    hf_json_end(json);
}

static hf_status api_status(api_call *call)
{
    hf_standing standing;
    hub_fleet fleet;
    hf_json *json = &call->json;
    hf_status status = hf_store_standing(call->api->store, &standing);
    if (status == HF_OK) status = hf_hub_fleet_count(call, &fleet);
    if (status != HF_OK) return status;
    hf_json_string(json, "schema", "holdfast.hub_status/1");
    hf_json_string(json, "hub", call->api->name);
    hf_json_bool(json, "running", call->api->running);
    if (call->api->running)
        hf_json_int(json, "pid", call->api->pid);
    else
        hf_json_null(json, "pid");
    hf_json_string(json, "listen", call->api->enroll->sync_address);
    hf_json_string(json, "enrol", call->api->enroll->enrol_address);
    hf_json_hex(json, "origin", (hf_bytes){standing.origin.bytes, HF_ORIGIN_SIZE});
    hf_json_hex(json, "epoch", (hf_bytes){hf_store_epoch(call->api->store), 16});
    hf_json_uint(json, "position", standing.position);
    hf_json_uint(json, "records", standing.records);
    hf_json_uint(json, "entries", standing.entries);
    hf_json_uint(json, "conflicts", standing.conflicts);
    hf_json_uint(json, "withheld_count", standing.withheld);
    hf_json_uint(json, "pack_version", standing.pack_version);
    json_fleet(call, &fleet);
    status = hf_report_withheld(call->api->store, false, WITHHELD_SHOWN, json);
    json_next(call, &standing, &fleet);
    return status;
}

/* ---- dispatch ---- */

static const struct {
    const char *name;
    hf_status (*answer)(api_call *call);
} operations[] = {
    {"status", api_status},       {"devices", hf_hub_api_devices},
    {"token", hf_hub_api_token},  {"revoke", hf_hub_api_revoke},
    {"conflicts", api_conflicts}, {"show", api_show},
    {"history", api_history},     {"list", api_list},
    {"verify", api_verify},       {"pack", hf_hub_api_pack},
};

static hf_status dispatch(api_call *call)
{
    const char *name = hf_hub_text(call, "op");
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].name, name) == 0) return operations[i].answer(call);
    }
    return hf_hub_fail(call, HF_ERR_INPUT,
                       "This program does not know the request \"%.32s\". Is the "
                       "daemon of another version than the command?",
                       name);
}

static void write_error(api_call *call, hf_status status, hf_buffer *reply)
{
    const char *problem = *call->why ? call->why : hf_store_problem(call->api->store);
    hf_json json = {.out = reply};
    hf_buffer_clear(reply);
    hf_json_object(&json, NULL);
    hf_json_string(&json, "schema", "holdfast.error/1");
    hf_json_int(&json, "status", (int)status);
    hf_json_string(&json, "name", hf_status_name(status));
    hf_json_string(&json, "message", problem);
    hf_json_end(&json);
}

hf_status hf_hub_api_answer(hf_hub_api *api, hf_bytes request, hf_buffer *reply)
{
    api_call call = {.api = api, .json = {.out = reply}};
    json_error_t error;
    hf_buffer_clear(reply);
    if (request.size <= HF_HUB_REQUEST_MAX)
        call.request = json_loadb((const char *)request.data, request.size,
                                  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    hf_status status = HF_OK;
    hf_json_object(&call.json, NULL);
    if (json_is_object(call.request))
        status = dispatch(&call);
    else
        status = hf_hub_fail(&call, HF_ERR_INPUT,
                             "The request could not be read as one JSON object: it "
                             "is none, or memory ran out.");
    hf_json_end(&call.json);
    if (status == HF_OK) status = reply->status;
    if (status != HF_OK) write_error(&call, status, reply);
    json_decref(call.request);
    return status;
}
