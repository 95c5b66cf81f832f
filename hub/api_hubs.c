/* api_hubs.c: the list of hubs that devices go by: shown, and made anew. */
#include "api.h"

#include "sync/hubs.h"

#include <string.h>

static void json_hub(hf_json *json, const hf_hub_list *list, const hf_listed_hub *hub)
{
    hf_json_object(json, NULL);
    hf_json_string(json, "name", hub->name);
    hf_json_string(json, "address", hub->address);
    hf_json_bool(json, "centre", memcmp(hub->key_id, list->centre, HF_HASH_SIZE) == 0);
    hf_json_hex(json, "key_id", (hf_bytes){hub->key_id, HF_HASH_SIZE});
    hf_json_end(json);
}

hf_status hf_hub_api_hubs(hf_call *call)
{
    hf_json *json = &call->json;
    hf_buffer held = {0};
    hf_hub_list list = {.term = 0};
    hf_listed_hub hub;
    bool found;
    hf_status status = hf_hub_list_load(call->api->store, &held, &list, &found);
    hf_json_string(json, "schema", "holdfast.hubs/1");
    hf_json_uint(json, "term", found ? list.term : 0);
    hf_json_time(json, "signed", found ? list.number : 0);
    hf_json_bool(json, "retired", hf_hub_retired(hf_enroll_of(call)->hub));
    hf_json_array(json, "hubs");
    for (hf_list walk = list.hubs; found && hf_next_listed(&walk, &hub);)
        json_hub(json, &list, &hub);
    hf_json_end(json);
    hf_buffer_free(&held);
    return status;
}

static hf_status refused(hf_call *call, hf_status status, const char *name)
{
    if (status == HF_ERR_NOT_FOUND)
        return hf_call_fail(call, status,
                            "No station is called \"%.127s\". \"holdfast-hub devices\" lists them. "
                            "The list stays as it was.",
                            name);
    if (status == HF_ERR_INPUT)
        return hf_call_fail(call, status,
                            "\"%.127s\" is no station, or was revoked: devices cannot go to it. "
                            "The list stays as it was.",
                            name);
    if (status == HF_ERR_LIMIT)
        return hf_call_fail(call, status,
                            "That is more than a list of hubs can hold: %d places in all.",
                            HF_HUBS_LISTED_MAX);
    return status;
}

hf_status hf_hub_api_hubs_set(hf_call *call)
{
    const char *stations[HF_HUBS_LISTED_MAX], *failed = "";
    const hf_enroll *enroll = hf_enroll_of(call);
    const json_t *names = json_object_get(call->request, "stations");
    const char *actor = hf_call_text(call, "actor");
    hf_hubs_wish wish = {.name = call->api->name,
                         .address = enroll->sync_address,
                         .stations = stations,
                         .failed = &failed};
    hf_status status = hf_hub_at_centre(call);
    if (status != HF_OK) return status;
    if (!*wish.address)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "The hub's port is chosen when it starts, and the list names it. Start "
                            "\"holdfast-hub run\" first.");
    if (json_array_size(names) > HF_HUBS_LISTED_MAX) return refused(call, HF_ERR_LIMIT, "");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        stations[wish.station_count++] = name ? name : "";
    }
    status =
        hf_hub_set_hubs(enroll->hub, &wish, *actor ? actor : call->api->name, call->api->wall_ms);
    return status == HF_OK ? hf_hub_api_hubs(call) : refused(call, status, failed);
}
