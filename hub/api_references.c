/* api_references.c: which numbers were leased to whom, which records still wait for theirs, and
 * which bear the same: after an outage somebody has to be able to say that it all adds up. */
#include "api.h"

#include "sync/control.h"
#include "sync/lease.h"
#include "sync/render.h"

#include <string.h>

enum { LISTED_DEFAULT = 20, LISTED_MAX = 10000 };

static void json_id(hf_call *call, const char *key, const hf_record_id *id)
{
    char text[HF_RECORD_TEXT_SIZE];
    hf_record_id_format(hf_store_pack(call->api->store), id, text);
    hf_json_string(&call->json, key, text);
}

typedef struct of_series {
    hf_call *call;
    const hf_series *series;
} of_series;

static hf_status on_lease(void *context, const hf_lease *lease)
{
    of_series *of = context;
    hf_json *json = &of->call->json;
    hf_store *store = of->call->api->store;
    hf_device device = {.name = ""};
    uint64_t used;
    hf_status status = hf_device_by_key(store, lease->key_id, &device);
    if (status != HF_OK && status != HF_ERR_NOT_FOUND) return status;
    status = hf_series_used(store, of->series->name, lease->first, lease->last, &used);
    hf_json_object(json, NULL);
    hf_json_uint(json, "first", lease->first);
    hf_json_uint(json, "last", lease->last);
    hf_json_string(json, "device", device.name);
    hf_json_hex(json, "origin", (hf_bytes){lease->holder.bytes, HF_ORIGIN_SIZE});
    hf_json_time(json, "leased", lease->granted_ms);
    hf_json_uint(json, "used", used);
    hf_json_end(json);
    return status;
}

static hf_status json_series(hf_call *call, const hf_type *type, size_t limit)
{
    hf_json *json = &call->json;
    hf_series_sum sum;
    of_series of = {.call = call, .series = type->series};
    hf_status status = hf_series_sum_get(call->api->store, type->series->name, &sum);
    if (status != HF_OK) return status;
    hf_json_object(json, NULL);
    hf_json_string(json, "series", type->series->name);
    hf_json_string(json, "type", type->name);
    hf_json_string(json, "format", type->series->format);
    hf_json_uint(json, "block", type->series->block);
    hf_json_uint(json, "leases", sum.leases);
    hf_json_uint(json, "leased", sum.leased);
    hf_json_uint(json, "used", sum.used);
    hf_json_array(json, "blocks");
    status = hf_lease_each(call->api->store, type->series->name, limit, on_lease, &of);
    hf_json_end(json);
    hf_json_end(json);
    return status;
}

static hf_status on_provisional(void *context, const hf_record_id *record, hf_bytes text)
{
    hf_call *call = context;
    hf_json_object(&call->json, NULL);
    json_id(call, "id", record);
    hf_json_text(&call->json, "reference", text);
    hf_json_end(&call->json);
    return HF_OK;
}

static hf_status on_shared(void *context, const hf_record_id *first, const hf_record_id *second,
                           hf_bytes text)
{
    hf_call *call = context;
    hf_json_object(&call->json, NULL);
    hf_json_text(&call->json, "reference", text);
    json_id(call, "id", first);
    json_id(call, "also", second);
    hf_json_end(&call->json);
    return HF_OK;
}

hf_status hf_hub_api_references(hf_call *call)
{
    hf_store *store = call->api->store;
    const hf_pack *pack = hf_store_pack(store);
    size_t limit = hf_call_number(call, "limit", LISTED_DEFAULT, LISTED_MAX);
    uint64_t waiting;
    hf_status status = hf_provisional_count(store, &waiting);
    hf_json_string(&call->json, "schema", "holdfast.references/1");
    hf_json_array(&call->json, "series");
    for (size_t i = 0; i < hf_pack_type_count(pack) && status == HF_OK; i++) {
        const hf_type *type = hf_pack_type_at(pack, i);
        if (type->series) status = json_series(call, type, limit);
    }
    hf_json_end(&call->json);
    hf_json_uint(&call->json, "provisional_count", waiting);
    hf_json_array(&call->json, "provisional");
    if (status == HF_OK) status = hf_provisionals(store, limit, on_provisional, call);
    hf_json_end(&call->json);
    hf_json_array(&call->json, "shared");
    for (size_t i = 0; i < hf_pack_type_count(pack) && status == HF_OK; i++) {
        const hf_series *series = hf_pack_type_at(pack, i)->series;
        if (series) status = hf_references_shared(store, series, on_shared, call);
    }
    hf_json_end(&call->json);
    return status;
}
