/* report_bundles.c: what travels on devices, with whom and since when, for those who ask. */
#include "report.h"

#include "carry.h"
#include "control.h"

typedef struct carriers {
    hf_store *store;
    hf_json *json;
} carriers;

static hf_status one_carrier(void *context, const hf_carrier_row *row)
{
    const carriers *c = context;
    hf_device device;
    hf_status status = hf_device_by_key(c->store, row->key_id, &device);
    if (status != HF_OK && status != HF_ERR_NOT_FOUND) return status;
    hf_json_object(c->json, NULL);
    hf_json_string(c->json, "device", status == HF_OK ? device.name : "");
    hf_json_time(c->json, "since", row->since_ms);
    hf_json_uint(c->json, "bundles", row->bundles);
    hf_json_uint(c->json, "bytes", row->bytes);
    hf_json_end(c->json);
    return HF_OK;
}

hf_status hf_report_bundles(hf_store *store, hf_json *json)
{
    hf_carry_sum sum;
    carriers c = {.store = store, .json = json};
    hf_status status = hf_carry_count(store, &sum);
    if (status != HF_OK) return status;
    hf_json_object(json, "bundles");
    hf_json_uint(json, "sealed_here", sum.own_bundles);
    hf_json_uint(json, "sealed_here_bytes", sum.own_bytes);
    hf_json_time(json, "sealed_here_since", sum.own_since_ms);
    hf_json_array(json, "carriers");
    status = hf_carry_carriers(store, hf_store_crypto(store)->own_key_id, one_carrier, &c);
    hf_json_end(json);
    hf_json_uint(json, "for_others", sum.bundles);
    hf_json_uint(json, "for_others_bytes", sum.bytes);
    hf_json_time(json, "for_others_since", sum.since_ms);
    hf_json_uint(json, "answers", sum.answers);
    hf_json_end(json);
    return status;
}
