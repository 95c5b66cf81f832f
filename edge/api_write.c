/* api_write.c: requests that change records: put, delete, resolve.
 *
 * Why values come as text: what an officer types means what the pack's field says, and the one
 * place that knows is hf_value_parse; a refusal says what to enter. */
#include "api.h"

#include "sync/render.h"
#include "sync/report.h"

#include <stdio.h>
#include <string.h>

enum { DOTS_SHOWN = 16, CHANGES_MAX = 1024 };

_Static_assert((int)HF_RECORD_TEXT_SIZE <= (int)HF_DOT_TEXT_SIZE, "one buffer holds either");

typedef struct write_run {
    hf_call *call;
    hf_txn *txn;
    hf_record_id id;
    uint32_t scope; /* 0: the record is held already */
    hf_bytes reason;
    hf_view *view; /* as it stood; NULL when new */
} write_run;

static hf_store *store_of(const write_run *run)
{
    return run->call->api->store;
}

/* ---- what is written, and where ---- */

static hf_status scope_named(hf_call *call, const char *name, uint32_t *out)
{
    hf_scope_view scopes[HF_SCOPES_MAX];
    size_t count = HF_SCOPES_MAX;
    hf_status status = hf_store_scopes(call->api->store, scopes, &count);
    if (status != HF_OK) return status;
    if (count == 0)
        return hf_call_fail(
            call, HF_ERR_DENIED,
            "This device has not yet heard from its hub which scopes it may write in. "
            "Start \"holdfast-edge run\" once where the hub can be reached.");
    for (size_t i = 0; i < count && i < HF_SCOPES_MAX; i++) {
        if (*name && strcmp(scopes[i].name, name) != 0) continue;
        *out = scopes[i].number;
        return HF_OK;
    }
    return hf_call_fail(call, HF_ERR_DENIED,
                        "This device may not write in the scope \"%.64s\". "
                        "\"status\" lists those it may write in.",
                        name);
}

static hf_status field_named(write_run *run, const char *name, const hf_field **out)
{
    const hf_pack *pack = hf_store_pack(store_of(run));
    const hf_type *type = hf_pack_type(pack, run->id.type);
    *out = type ? hf_type_field_named(type, (hf_bytes){(const uint8_t *)name, strlen(name)}) : NULL;
    return *out ? HF_OK : hf_call_no_field(run->call, type, name);
}

static hf_status encode(write_run *run, const hf_field *field, const json_t *value, hf_buffer *out)
{
    hf_call *call = run->call;
    char digits[32];
    hf_bytes text = hf_json_bytes(value);
    if (json_is_boolean(value)) text = (hf_bytes){(const uint8_t *)"true", 4};
    if (json_is_false(value)) text = (hf_bytes){(const uint8_t *)"false", 5};
    if (json_is_integer(value)) {
        int size = snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
        text = (hf_bytes){(const uint8_t *)digits, (size_t)size};
    }
    if (!json_is_string(value) && !json_is_boolean(value) && !json_is_integer(value))
        return hf_call_fail(call, HF_ERR_INPUT,
                            "%s: give the value as text, a whole number, true or "
                            "false.",
                            field->name);
    hf_status status = hf_value_parse(hf_store_pack(call->api->store), field, text, out, call->why,
                                      sizeof call->why);
    return status == HF_OK ? out->status : status;
}

static bool is_many(const hf_field *field)
{
    return field->rule == HF_RULE_SET || field->rule == HF_RULE_APPEND;
}

static hf_status change_kind(write_run *run, const char *word, const hf_field *field,
                             hf_change_kind *out)
{
    *out = is_many(field) ? HF_CHANGE_ADD : HF_CHANGE_SET; /* "set" to a field of many adds */
    if (strcmp(word, "remove") == 0) *out = HF_CHANGE_REMOVE;
    if (strcmp(word, "remove") == 0 && field->rule != HF_RULE_SET)
        return hf_call_fail(run->call, HF_ERR_INPUT, "%s: only an element of a set can be removed.",
                            field->name);
    if (strcmp(word, "add") == 0 && !is_many(field))
        return hf_call_fail(run->call, HF_ERR_INPUT,
                            "%s holds one value: write %s=VALUE without "
                            "--add.",
                            field->name, field->name);
    return HF_OK;
}

static hf_status write_change(write_run *run, const json_t *item)
{
    const char *name = json_string_value(json_object_get(item, "field"));
    const char *word = json_string_value(json_object_get(item, "kind"));
    const hf_field *field = NULL;
    hf_status status = field_named(run, name ? name : "", &field);
    if (status != HF_OK) return status;
    hf_change change = {
        .record = run->id, .scope = run->scope, .field = field->number, .reason = run->reason};
    hf_buffer value = {0};
    status = change_kind(run, word ? word : "set", field, &change.kind);
    if (status == HF_OK) status = encode(run, field, json_object_get(item, "value"), &value);
    change.value = hf_buffer_bytes(&value);
    if (status == HF_OK) status = hf_txn_change(run->txn, &change);
    hf_buffer_free(&value);
    return status;
}

/* ---- begin, commit, tell ---- */

static hf_status run_begin(write_run *run, hf_call *call)
{
    hf_author author;
    hf_edge_author(call, &author);
    *run = (write_run){.call = call};
    run->reason = hf_json_bytes(json_object_get(call->request, "reason"));
    return hf_txn_begin(call->api->store, &author, &run->txn);
}

/* Opens the record that "id" names, which must be held. */
static hf_status run_open(write_run *run)
{
    return hf_call_open(run->call, &run->id, &run->view);
}

static hf_status run_end(write_run *run, hf_status status)
{
    hf_dot dots[DOTS_SHOWN];
    size_t count = DOTS_SHOWN;
    hf_json *json = &run->call->json;
    char text[HF_DOT_TEXT_SIZE]; /* the longer of the two names */
    if (status == HF_OK)
        status = hf_txn_commit(run->txn, dots, &count);
    else
        hf_txn_rollback(run->txn);
    hf_view_free(run->view);
    if (status != HF_OK) return status;
    hf_json_string(json, "schema", "holdfast.saved/1");
    hf_record_id_format(hf_store_pack(store_of(run)), &run->id, text);
    hf_json_string(json, "id", text);
    hf_json_string(json, "saved", "device");
    hf_json_array(json, "entries");
    for (size_t i = 0; i < count && i < DOTS_SHOWN; i++) {
        hf_dot_format(&dots[i], text);
        hf_json_string(json, NULL, text);
    }
    hf_json_end(json);
    return HF_OK;
}

/* ---- put ---- */

/* The record is saved: that it cannot be read just now must not say otherwise. */
static void json_reference(write_run *run, const hf_series *series)
{
    hf_json *json = &run->call->json;
    hf_view *view;
    if (hf_store_get(store_of(run), &run->id, &view) != HF_OK) return;
    const hf_field_view *number = NULL, *aliases = NULL;
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        const hf_field_view *field = hf_view_field(view, i);
        if (field->number == series->field->number) number = field;
        if (field->number == series->aliases->number) aliases = field;
    }
    bool is_given = number && number->value_count > 0;
    const hf_field_view *shown = is_given ? number : aliases;
    if (shown && shown->value_count > 0) {
        hf_reader reader = hf_reader_open(shown->values[0].value);
        hf_json_text(json, "called", hf_read_text(&reader));
        hf_json_bool(json, "provisional", !is_given);
    }
    hf_view_free(view);
}

/* What the officer tells the person at the door. */
static hf_status put_end(write_run *run, hf_status status)
{
    bool is_new = !run->view;
    status = run_end(run, status);
    if (status != HF_OK || !is_new) return status;
    const hf_type *type = hf_pack_type(hf_store_pack(store_of(run)), run->id.type);
    if (type && type->series) json_reference(run, type->series);
    return HF_OK;
}

static hf_status put_id(write_run *run)
{
    hf_call *call = run->call;
    const char *name = hf_call_text(call, "type");
    const hf_pack *pack = hf_store_pack(call->api->store);
    const hf_type *type = hf_pack_type_named(pack, (hf_bytes){(const uint8_t *)name, strlen(name)});
    if (!type || type->number < HF_TYPE_FIRST_PACK) return hf_call_no_type(call, name);
    if (!*hf_call_text(call, "id")) return hf_txn_new_id(run->txn, type->number, &run->id);
    hf_status status = hf_call_record(call, &run->id);
    if (status == HF_OK && run->id.type != type->number)
        return hf_call_fail(call, HF_ERR_INPUT, "%s is not a %s.", hf_call_text(call, "id"),
                            type->name);
    if (status == HF_OK) status = hf_store_get(call->api->store, &run->id, &run->view);
    return status == HF_ERR_NOT_FOUND ? HF_OK : status;
}

hf_status hf_edge_api_put(hf_call *call)
{
    write_run run;
    const json_t *changes = json_object_get(call->request, "changes");
    size_t count = json_array_size(changes);
    if (count == 0 || count > CHANGES_MAX)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "Say what to write: FIELD=VALUE, at most %d of them.", CHANGES_MAX);
    hf_status status = run_begin(&run, call);
    if (status != HF_OK) return status;
    status = put_id(&run);
    bool needs_scope = status == HF_OK && (!run.view || *hf_call_text(call, "scope"));
    if (needs_scope) status = scope_named(call, hf_call_text(call, "scope"), &run.scope);
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        status = write_change(&run, json_array_get(changes, i));
    }
    return put_end(&run, status);
}

/* ---- delete, resolve ---- */

static hf_status change_record(write_run *run, hf_change_kind kind)
{
    hf_change change = {.record = run->id, .kind = kind, .reason = run->reason};
    return hf_txn_change(run->txn, &change);
}

hf_status hf_edge_api_delete(hf_call *call)
{
    write_run run;
    hf_status status = run_begin(&run, call);
    if (status != HF_OK) return status;
    status = run_open(&run);
    if (status == HF_OK && hf_view_deleted(run.view))
        status =
            hf_call_fail(call, HF_ERR_INPUT, "%s is deleted already.", hf_call_text(call, "id"));
    if (status == HF_OK) status = change_record(&run, HF_CHANGE_DELETE);
    return run_end(&run, status);
}

static const hf_field_view *live_field(const write_run *run, uint32_t number)
{
    for (size_t i = 0; i < hf_view_field_count(run->view); i++) {
        if (hf_view_field(run->view, i)->number == number) return hf_view_field(run->view, i);
    }
    return NULL;
}

static hf_status resolve_field(write_run *run)
{
    hf_call *call = run->call;
    const json_t *given = json_object_get(call->request, "value");
    const hf_field *field = NULL;
    hf_status status = field_named(run, hf_call_text(call, "field"), &field);
    if (status != HF_OK) return status;
    const hf_field_view *live = live_field(run, field->number);
    size_t choice = hf_call_number(call, "choose", 0, SIZE_MAX);
    hf_change change = {.record = run->id,
                        .field = field->number,
                        .kind = HF_CHANGE_RESOLVE,
                        .reason = run->reason};
    hf_buffer value = {0};
    if (given) {
        status = encode(run, field, given, &value);
        change.value = hf_buffer_bytes(&value);
    } else {
        status = live ? hf_field_choice(live, choice, &change.value) : HF_ERR_NOT_FOUND;
        if (status == HF_ERR_NOT_FOUND)
            status = hf_call_fail(call, HF_ERR_INPUT,
                                  "%s has no choice %zu. \"holdfast-edge "
                                  "conflicts\" numbers them.",
                                  field->name, choice);
    }
    if (status == HF_OK) status = hf_txn_change(run->txn, &change);
    hf_buffer_free(&value);
    return status;
}

hf_status hf_edge_api_resolve(hf_call *call)
{
    write_run run;
    bool keep = hf_call_flag(call, "keep_deleted");
    bool restore = hf_call_flag(call, "restore");
    hf_status status = run_begin(&run, call);
    if (status != HF_OK) return status;
    if (run.reason.size == 0)
        status = hf_call_fail(call, HF_ERR_INPUT,
                              "A choice needs its reason, for those who come "
                              "after: --reason \"...\".");
    if (status == HF_OK) status = run_open(&run);
    if (status == HF_OK && keep)
        status = change_record(&run, HF_CHANGE_DELETE);
    else if (status == HF_OK && restore)
        status = change_record(&run, HF_CHANGE_RESTORE);
    else if (status == HF_OK)
        status = resolve_field(&run);
    return run_end(&run, status);
}
