/* api.c: parses a request, calls the store, names the document. No more.
 *
 * Why every answer is a document: a script that reads "schema" knows what it holds, and a person's
 * screen is printed from the same bytes that a script gets. */
#include "api.h"

#include "render.h"
#include "report.h"
#include "safe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- what a request says ---- */

const char *hf_call_text(const hf_call *call, const char *key)
{
    const char *text = json_string_value(json_object_get(call->request, key));
    return text ? text : "";
}

size_t hf_call_number(const hf_call *call, const char *key, size_t otherwise, size_t max)
{
    const json_t *number = json_object_get(call->request, key);
    if (!json_is_integer(number) || json_integer_value(number) < 0) return otherwise;
    uint64_t value = (uint64_t)json_integer_value(number);
    return value > max ? max : (size_t)value;
}

bool hf_call_flag(const hf_call *call, const char *key)
{
    return json_is_true(json_object_get(call->request, key));
}

hf_bytes hf_json_bytes(const json_t *text)
{
    const char *data = json_string_value(text);
    return (hf_bytes){(const uint8_t *)(data ? data : ""), json_string_length(text)};
}

/* ---- refusals ---- */

hf_status hf_call_fail(hf_call *call, hf_status status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    (void)vsnprintf(call->why, sizeof call->why, format, values);
    va_end(values);
    return status;
}

/* Appends a name to the sentence, as far as there is room for it. */
static void add_name(hf_call *call, const char *name)
{
    size_t used = strlen(call->why);
    (void)snprintf(call->why + used, sizeof call->why - used, " %s", name);
}

hf_status hf_call_no_type(hf_call *call, const char *name)
{
    const hf_pack *pack = hf_store_pack(call->api->store);
    if (hf_pack_version(pack) == 0)
        return hf_call_fail(call, HF_ERR_DENIED, "%s", call->api->side->no_types);
    hf_status status =
        hf_call_fail(call, HF_ERR_INPUT, "No record type is called \"%.64s\". There are:", name);
    for (size_t i = 0; i < hf_pack_type_count(pack); i++) {
        add_name(call, hf_pack_type_at(pack, i)->name);
    }
    return status;
}

hf_status hf_call_no_field(hf_call *call, const hf_type *type, const char *name)
{
    if (!type)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "This %s does not know the record's type: its "
                            "pack is older. Fields cannot be named.",
                            call->api->side->self);
    hf_status status = hf_call_fail(call, HF_ERR_INPUT,
                                    "A %s has no field \"%.64s\". Its fields:", type->name, name);
    for (size_t i = 0; i < type->field_count; i++) add_name(call, type->fields[i].name);
    return status;
}

static hf_status not_held(hf_call *call, hf_status status)
{
    if (status != HF_ERR_NOT_FOUND) return status;
    return hf_call_fail(call, status, "This %s holds no record %s.", call->api->side->self,
                        hf_call_text(call, "id"));
}

/* ---- operations ---- */

hf_status hf_call_record(hf_call *call, hf_record_id *out)
{
    hf_bytes text = hf_json_bytes(json_object_get(call->request, "id"));
    if (hf_record_id_parse(hf_store_pack(call->api->store), text, out) == HF_OK) return HF_OK;
    return hf_call_fail(call, HF_ERR_INPUT,
                        "\"%.80s\" is not a record's id. An id looks like "
                        "crime_01k2m3n4p5q6r7s8t9v0w1x2y3, as \"list\" shows it.",
                        hf_call_text(call, "id"));
}

hf_status hf_call_open(hf_call *call, hf_record_id *out, hf_view **view)
{
    hf_status status = hf_call_record(call, out);
    if (status != HF_OK) return status;
    return not_held(call, hf_store_get(call->api->store, out, view));
}

void hf_call_process(hf_call *call)
{
    hf_json_bool(&call->json, "running", call->api->running);
    if (call->api->running)
        hf_json_int(&call->json, "pid", call->api->pid);
    else
        hf_json_null(&call->json, "pid");
}

hf_status hf_api_get(hf_call *call)
{
    hf_record_id id;
    hf_view *view = NULL;
    hf_status status = hf_call_open(call, &id, &view);
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.record/1");
    status = hf_report_record(call->api->store, view, &call->json);
    hf_view_free(view);
    return status;
}

static hf_status type_asked_for(hf_call *call, uint32_t *out)
{
    const char *name = hf_call_text(call, "type");
    *out = 0;
    if (!*name) return HF_OK;
    const hf_pack *pack = hf_store_pack(call->api->store);
    const hf_type *type = hf_pack_type_named(pack, (hf_bytes){(const uint8_t *)name, strlen(name)});
    if (!type) return hf_call_no_type(call, name);
    *out = type->number;
    return HF_OK;
}

hf_status hf_api_list(hf_call *call)
{
    hf_record_id after;
    hf_report_query query = {
        .limit = hf_call_number(call, "limit", HF_REPORT_LIST_DEFAULT, HF_REPORT_LIST_MAX),
        .with_deleted = hf_call_flag(call, "deleted"),
    };
    hf_status status = type_asked_for(call, &query.type);
    if (status == HF_OK && *hf_call_text(call, "id")) {
        status = hf_call_record(call, &after);
        query.after = &after;
    }
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.list/1");
    return hf_report_list(call->api->store, &query, &call->json);
}

hf_status hf_api_conflicts(hf_call *call)
{
    size_t limit = hf_call_number(call, "limit", HF_REPORT_LIST_MAX, HF_REPORT_LIST_MAX);
    hf_json_string(&call->json, "schema", "holdfast.conflicts/1");
    return hf_report_conflicts(call->api->store, limit, &call->json);
}

hf_status hf_api_history(hf_call *call)
{
    hf_record_id id;
    uint32_t number = UINT32_MAX;
    hf_status status = hf_call_record(call, &id);
    if (status != HF_OK) return status;
    hf_bytes name = hf_json_bytes(json_object_get(call->request, "field"));
    const hf_type *type = hf_pack_type(hf_store_pack(call->api->store), id.type);
    const hf_field *field = type && name.size ? hf_type_field_named(type, name) : NULL;
    if (field) number = field->number;
    if (name.size && !field) return hf_call_no_field(call, type, hf_call_text(call, "field"));
    hf_json_string(&call->json, "schema", "holdfast.history/1");
    return not_held(call, hf_report_history(call->api->store, &id, number, &call->json));
}

hf_status hf_api_receipt(hf_call *call)
{
    hf_record_id id;
    hf_view *view = NULL;
    char reference[HF_SPOKEN_SIZE] = "";
    hf_bytes given = hf_json_bytes(json_object_get(call->request, "reference"));
    hf_status status = hf_call_open(call, &id, &view); /* is it here at all? */
    hf_view_free(view);
    if (status == HF_OK && given.size && hf_reference_parse(given, reference) != HF_OK)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "\"%.40s\" is not a reference: was it misheard? One looks like "
                            "K7QX-2M9D, as \"receipt\" shows it.",
                            hf_call_text(call, "reference"));
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.receipt/1");
    status = hf_report_receipt(call->api->store, &id, reference, hf_call_flag(call, "export"),
                               &call->json);
    if (status != HF_ERR_NOT_FOUND || !*reference) return status;
    return hf_call_fail(call, status, "No entry of %s has the reference %s.",
                        hf_call_text(call, "id"), reference);
}

hf_status hf_api_verify(hf_call *call)
{
    hf_verify_report report;
    hf_status status = hf_store_verify(call->api->store, &report);
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.verify/1");
    return hf_report_verify(call->api->store, &report, &call->json);
}

/* ---- dispatch ---- */

static hf_status dispatch(hf_call *call)
{
    const hf_api_side *side = call->api->side;
    const char *name = hf_call_text(call, "op");
    for (size_t i = 0; i < side->operation_count; i++) {
        if (strcmp(side->operations[i].name, name) == 0) return side->operations[i].answer(call);
    }
    return hf_call_fail(call, HF_ERR_INPUT,
                        "This program does not know the request \"%.32s\". Is the "
                        "daemon of another version than the command?",
                        name);
}

static void write_error(hf_call *call, hf_status status, hf_buffer *reply)
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

hf_status hf_api_answer(const hf_api *api, hf_bytes request, hf_buffer *reply)
{
    hf_call call = {.api = api, .json = {.out = reply}};
    json_error_t error;
    hf_buffer_clear(reply);
    if (request.size <= HF_API_REQUEST_MAX)
        call.request = json_loadb((const char *)request.data, request.size,
                                  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    hf_status status = HF_OK;
    hf_json_object(&call.json, NULL);
    if (json_is_object(call.request))
        status = dispatch(&call);
    else
        status = hf_call_fail(&call, HF_ERR_INPUT,
                              "The request could not be read as one JSON object: it is none, or "
                              "memory ran out.");
    hf_json_end(&call.json);
    if (status == HF_OK) status = reply->status;
    if (status != HF_OK) write_error(&call, status, reply);
    json_decref(call.request);
    return status;
}

hf_status hf_api_answer_text(const hf_api *api, const char *request, char **reply)
{
    hf_buffer out = {0};
    hf_bytes text = {(const uint8_t *)request, strlen(request)};
    hf_status status = hf_api_answer(api, text, &out);
    hf_write_raw(&out, (hf_bytes){(const uint8_t *)"", 1});
    *reply = NULL;
    if (out.status == HF_OK)
        *reply = (char *)out.data;
    else
        hf_buffer_free(&out);
    return *reply ? status : HF_ERR_NOMEM;
}
