/* api.c: parses a request, calls the store, names the document. No more.
 *
 * Why every answer is a document: a script that reads "schema" knows what it holds, and a person's
 * screen is printed from the same bytes that a script gets. */
#include "api_call.h"

#include "sync/render.h"
#include "sync/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WITHHELD_SHOWN = 20, SCOPES_SHOWN = HF_SCOPES_MAX };

static const char REVOKED[] = "the hub said 202"; /* protocol.md 5 */

/* ---- what the operations share ---- */

hf_status hf_edge_fail(api_call *call, hf_status status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    (void)vsnprintf(call->why, sizeof call->why, format, values);
    va_end(values);
    return status;
}

const char *hf_edge_text(const api_call *call, const char *key)
{
    const char *text = json_string_value(json_object_get(call->request, key));
    return text ? text : "";
}

hf_bytes hf_edge_bytes(const json_t *text)
{
    const char *data = json_string_value(text);
    return (hf_bytes){(const uint8_t *)(data ? data : ""), json_string_length(text)};
}

size_t hf_edge_number(const api_call *call, const char *key, size_t otherwise, size_t max)
{
    const json_t *number = json_object_get(call->request, key);
    if (!json_is_integer(number) || json_integer_value(number) < 0) return otherwise;
    uint64_t value = (uint64_t)json_integer_value(number);
    return value > max ? max : (size_t)value;
}

hf_status hf_edge_record(api_call *call, hf_record_id *out)
{
    const char *id = hf_edge_text(call, "id");
    hf_bytes text = {(const uint8_t *)id, strlen(id)};
    if (hf_record_id_parse(hf_store_pack(call->api->store), text, out) == HF_OK) return HF_OK;
    return hf_edge_fail(call, HF_ERR_INPUT,
                        "\"%.80s\" is not a record's id. An id looks like "
                        "crime_01k2m3n4p5q6r7s8t9v0w1x2y3, as \"list\" shows it.",
                        id);
}

void hf_edge_author(const api_call *call, hf_author *out)
{
    const char *actor = hf_edge_text(call, "actor");
    *out = (hf_author){.actor = *actor ? actor : call->api->device};
    hf_edge_clock(call->api->edge, call->api->now_ms, call->api->wall_ms, &out->wall_ms,
                  &out->quality);
}

/* Appends a name to the sentence, as far as there is room for it. */
static void add_name(api_call *call, const char *name)
{
    size_t used = strlen(call->why);
    (void)snprintf(call->why + used, sizeof call->why - used, " %s", name);
}

hf_status hf_edge_no_type(api_call *call, const char *name)
{
    const hf_pack *pack = hf_store_pack(call->api->store);
    if (hf_pack_version(pack) == 0)
        return hf_edge_fail(call, HF_ERR_DENIED,
                            "This device has no record types yet: they come from the hub. Start "
                            "\"holdfast-edge run\" once where the hub can be reached.");
    hf_status status =
        hf_edge_fail(call, HF_ERR_INPUT, "No record type is called \"%.64s\". There are:", name);
    for (size_t i = 0; i < hf_pack_type_count(pack); i++) {
        add_name(call, hf_pack_type_at(pack, i)->name);
    }
    return status;
}

hf_status hf_edge_no_field(api_call *call, const hf_type *type, const char *name)
{
    if (!type)
        return hf_edge_fail(call, HF_ERR_INPUT,
                            "This device does not know the record's type: its "
                            "pack is older. Fields cannot be named.");
    hf_status status = hf_edge_fail(call, HF_ERR_INPUT,
                                    "A %s has no field \"%.64s\". Its fields:", type->name, name);
    for (size_t i = 0; i < type->field_count; i++) add_name(call, type->fields[i].name);
    return status;
}

static void begin(api_call *call, const char *schema)
{
    hf_json_string(&call->json, "schema", schema);
}

/* ---- reading ---- */

static hf_status api_get(api_call *call)
{
    hf_record_id id;
    hf_view *view = NULL;
    hf_status status = hf_edge_record(call, &id);
    if (status == HF_OK) status = hf_store_get(call->api->store, &id, &view);
    if (status == HF_ERR_NOT_FOUND)
        return hf_edge_fail(call, status, "This device holds no record %s.",
                            hf_edge_text(call, "id"));
    if (status != HF_OK) return status;
    begin(call, "holdfast.record/1");
    status = hf_report_record(call->api->store, view, &call->json);
    hf_view_free(view);
    return status;
}

static hf_status type_named(api_call *call, const char *name, uint32_t *out)
{
    *out = 0;
    if (!*name) return HF_OK;
    const hf_pack *pack = hf_store_pack(call->api->store);
    const hf_type *type = hf_pack_type_named(pack, (hf_bytes){(const uint8_t *)name, strlen(name)});
    if (!type) return hf_edge_no_type(call, name);
    *out = type->number;
    return HF_OK;
}

static hf_status api_list(api_call *call)
{
    hf_record_id after;
    hf_report_query query = {
        .limit = hf_edge_number(call, "limit", HF_REPORT_LIST_DEFAULT, HF_REPORT_LIST_MAX),
        .with_deleted = json_is_true(json_object_get(call->request, "deleted")),
    };
    hf_status status = type_named(call, hf_edge_text(call, "type"), &query.type);
    if (status == HF_OK && *hf_edge_text(call, "id")) {
        status = hf_edge_record(call, &after);
        query.after = &after;
    }
    if (status != HF_OK) return status;
    begin(call, "holdfast.list/1");
    return hf_report_list(call->api->store, &query, &call->json);
}

static hf_status api_find(api_call *call)
{
    begin(call, "holdfast.list/1");
    return hf_report_find(call->api->store, hf_edge_bytes(json_object_get(call->request, "words")),
                          hf_edge_number(call, "limit", HF_REPORT_LIST_DEFAULT, HF_REPORT_LIST_MAX),
                          &call->json);
}

static hf_status api_conflicts(api_call *call)
{
    begin(call, "holdfast.conflicts/1");
    return hf_report_conflicts(
        call->api->store, hf_edge_number(call, "limit", HF_REPORT_LIST_MAX, HF_REPORT_LIST_MAX),
        &call->json);
}

static hf_status api_history(api_call *call)
{
    hf_record_id id;
    uint32_t number = UINT32_MAX;
    hf_status status = hf_edge_record(call, &id);
    if (status != HF_OK) return status;
    hf_bytes name = hf_edge_bytes(json_object_get(call->request, "field"));
    const hf_type *type = hf_pack_type(hf_store_pack(call->api->store), id.type);
    const hf_field *field = type && name.size ? hf_type_field_named(type, name) : NULL;
    if (field) number = field->number;
    if (name.size && !field) return hf_edge_no_field(call, type, hf_edge_text(call, "field"));
    begin(call, "holdfast.history/1");
    status = hf_report_history(call->api->store, &id, number, &call->json);
    if (status == HF_ERR_NOT_FOUND)
        return hf_edge_fail(call, status, "This device holds no record %s.",
                            hf_edge_text(call, "id"));
    return status;
}

static hf_status api_verify(api_call *call)
{
    hf_verify_report report;
    hf_status status = hf_store_verify(call->api->store, &report);
    if (status != HF_OK) return status;
    begin(call, "holdfast.verify/1");
    hf_report_verify(&report, &call->json);
    return HF_OK;
}

/* ---- status ---- */

static const char *link_word(hf_link_state link)
{
    switch (link) {
    case HF_LINK_DOWN: return "down";
    case HF_LINK_GREETING: return "greeting";
    case HF_LINK_CATCHING_UP: return "catching-up";
    case HF_LINK_IN_SYNC: return "in-sync";
    }
    return "down";
}

static void json_link(api_call *call, const hf_edge_status *link)
{
    hf_json *json = &call->json;
    uint64_t now_ms = call->api->now_ms;
    hf_json_string(json, "link", call->api->running ? link_word(link->link) : "down");
    hf_json_uint(json, "link_for_ms", now_ms > link->since_ms ? now_ms - link->since_ms : 0);
    if (link->redial_at_ms > now_ms)
        hf_json_uint(json, "dials_in_ms", link->redial_at_ms - now_ms);
    else
        hf_json_null(json, "dials_in_ms");
    hf_json_string(json, "last_error", link->last_error);
    hf_json_time(json, "last_sync", link->last_sync_wall_ms);
    hf_json_object(json, "clock");
    hf_json_bool(json, "known", link->clock_known);
    hf_json_int(json, "offset_ms", link->clock_offset_ms);
    hf_json_end(json);
}

static void json_standing(api_call *call, const hf_standing *standing)
{
    hf_json *json = &call->json;
    hf_json_uint(json, "records", standing->records);
    hf_json_uint(json, "entries", standing->entries);
    hf_json_uint(json, "written_here", standing->own_entries);
    hf_json_uint(json, "at_the_hub", standing->own_entries - standing->waiting);
    hf_json_uint(json, "waiting", standing->waiting);
    hf_json_time(json, "oldest_waiting", standing->oldest_waiting_ms);
    hf_json_uint(json, "conflicts", standing->conflicts);
    hf_json_uint(json, "withheld_count", standing->withheld);
    hf_json_uint(json, "position", standing->position);
    hf_json_uint(json, "pack_version", standing->pack_version);
    hf_json_hex(json, "origin", (hf_bytes){standing->origin.bytes, HF_ORIGIN_SIZE});
}

static hf_status json_scopes(api_call *call)
{
    hf_scope_view scopes[SCOPES_SHOWN];
    size_t count = SCOPES_SHOWN;
    hf_status status = hf_store_scopes(call->api->store, scopes, &count);
    hf_json_array(&call->json, "scopes");
    for (size_t i = 0; status == HF_OK && i < count && i < SCOPES_SHOWN; i++) {
        hf_json_string(&call->json, NULL, scopes[i].name);
    }
    hf_json_end(&call->json);
    return status;
}

/* The one thing to do next, worst first; or that nothing is needed. */
static void json_next(api_call *call, const hf_standing *standing, const hf_edge_status *link)
{
    char next[320];
    const hf_edge_api *api = call->api;
    unsigned long long waiting = standing->waiting, conflicts = standing->conflicts;
    if (strncmp(link->last_error, REVOKED, sizeof REVOKED - 1) == 0)
        (void)snprintf(next, sizeof next,
                       "This device was revoked: hand it to your operator. What "
                       "waits here is kept, but goes nowhere.");
    else if (standing->withheld)
        (void)snprintf(next, sizeof next,
                       "Show the withheld writes above to your supervisor: the "
                       "hub keeps them, but they do not count.");
    else if (conflicts)
        (void)snprintf(next, sizeof next,
                       "Choose between the versions of %llu record field%s: "
                       "holdfast-edge conflicts",
                       conflicts, conflicts == 1 ? "" : "s");
    else if (!api->running && waiting)
        (void)snprintf(next, sizeof next,
                       "Start \"holdfast-edge run\" to send %llu change%s to "
                       "the hub. They are safe on this device meanwhile.",
                       waiting, waiting == 1 ? "" : "s");
    else if (!api->running)
        (void)snprintf(next, sizeof next,
                       "Start \"holdfast-edge run\" to keep in touch with the "
                       "hub.");
    else if (waiting && link->link == HF_LINK_DOWN)
        (void)snprintf(next, sizeof next,
                       "Nothing is needed: carry on. %llu change%s saved on "
                       "this device and will go as soon as the hub can be "
                       "reached.",
                       waiting, waiting == 1 ? " is" : "s are");
    else
        (void)snprintf(next, sizeof next, "Nothing is needed.");
    hf_json_string(&call->json, "next", next);
}

static hf_status api_status(api_call *call)
{
    hf_standing standing;
    hf_edge_status link;
    hf_status status = hf_store_standing(call->api->store, &standing);
    if (status != HF_OK) return status;
    hf_edge_status_get(call->api->edge, &link);
    begin(call, "holdfast.status/1");
    hf_json_string(&call->json, "device", call->api->device);
    hf_json_string(&call->json, "hub", call->api->hub);
    hf_json_bool(&call->json, "running", call->api->running);
    if (call->api->running)
        hf_json_int(&call->json, "pid", call->api->pid);
    else
        hf_json_null(&call->json, "pid");
    json_link(call, &link);
    json_standing(call, &standing);
    status = json_scopes(call);
    if (status == HF_OK)
        status = hf_report_withheld(call->api->store, true, WITHHELD_SHOWN, &call->json);
    json_next(call, &standing, &link);
    return status;
}

/* ---- dispatch ---- */

static const struct {
    const char *name;
    hf_status (*answer)(api_call *call);
} operations[] = {
    {"put", hf_edge_api_put},
    {"get", api_get},
    {"list", api_list},
    {"find", api_find},
    {"import", hf_edge_api_import},
    {"delete", hf_edge_api_delete},
    {"conflicts", api_conflicts},
    {"resolve", hf_edge_api_resolve},
    {"history", api_history},
    {"status", api_status},
    {"verify", api_verify},
};

static hf_status dispatch(api_call *call)
{
    const char *name = hf_edge_text(call, "op");
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].name, name) == 0) return operations[i].answer(call);
    }
    return hf_edge_fail(call, HF_ERR_INPUT,
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

hf_status hf_edge_api_answer(hf_edge_api *api, hf_bytes request, hf_buffer *reply)
{
    api_call call = {.api = api, .json = {.out = reply}};
    json_error_t error;
    hf_buffer_clear(reply);
    if (request.size <= HF_EDGE_REQUEST_MAX)
        call.request = json_loadb((const char *)request.data, request.size,
                                  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    hf_status status = HF_OK;
    hf_json_object(&call.json, NULL);
    if (json_is_object(call.request))
        status = dispatch(&call);
    else
        status = hf_edge_fail(&call, HF_ERR_INPUT,
                              "The request could not be read as one JSON object: it "
                              "is none, or memory ran out.");
    hf_json_end(&call.json);
    if (status == HF_OK) status = reply->status;
    if (status != HF_OK) write_error(&call, status, reply);
    json_decref(call.request);
    return status;
}
