/* api_devices.c: who may connect, who is connected, who is behind; tokens, revocation,
 * packs. */
#include "api.h"

#include "sync/control.h"
#include "sync/feed.h"
#include "sync/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the fleet ---- */

typedef struct fleet {
    hf_buffer devices; /* hf_device, one behind the other */
    hf_buffer peers;   /* hf_peer_status */
} fleet;

static hf_status on_device(void *context, const hf_device *device)
{
    fleet *f = context;
    hf_write_raw(&f->devices, (hf_bytes){(const uint8_t *)device, sizeof *device});
    return f->devices.status;
}

static hf_status on_peer(void *context, const hf_peer_status *peer)
{
    fleet *f = context;
    hf_write_raw(&f->peers, (hf_bytes){(const uint8_t *)peer, sizeof *peer});
    return f->peers.status;
}

static int by_key(const void *a, const void *b)
{
    const hf_peer_status *x = a, *y = b;
    return memcmp(x->key_id, y->key_id, HF_HASH_SIZE);
}

/* Peers come sorted by key: each device is looked up among them, and there are ten thousand. */
static hf_status fleet_read(hf_call *call, fleet *out)
{
    hf_status status = hf_hub_devices(hf_enroll_of(call)->hub, on_device, out);
    if (status == HF_OK) status = hf_hub_peers(hf_enroll_of(call)->hub, on_peer, out);
    if (status == HF_OK && out->peers.size)
        qsort(out->peers.data, out->peers.size / sizeof(hf_peer_status), sizeof(hf_peer_status),
              by_key);
    return status;
}

static void fleet_free(fleet *f)
{
    hf_buffer_free(&f->devices);
    hf_buffer_free(&f->peers);
}

static size_t fleet_size(const fleet *f)
{
    return f->devices.size / sizeof(hf_device);
}

static void fleet_device(const fleet *f, size_t index, hf_device *out)
{
    memcpy(out, f->devices.data + index * sizeof *out, sizeof *out);
}

static bool fleet_peer(const fleet *f, const uint8_t key_id[HF_HASH_SIZE], hf_peer_status *out)
{
    hf_peer_status wanted;
    if (f->peers.size == 0) return false;
    memcpy(wanted.key_id, key_id, HF_HASH_SIZE);
    const hf_peer_status *found =
        bsearch(&wanted, f->peers.data, f->peers.size / sizeof wanted, sizeof wanted, by_key);
    if (found) *out = *found;
    return found != NULL;
}

hf_status hf_hub_fleet_count(hf_call *call, hub_fleet *out)
{
    fleet f = {{0}, {0}};
    *out = (hub_fleet){.enrolled = 0};
    hf_status status = fleet_read(call, &f);
    for (size_t i = 0; status == HF_OK && i < fleet_size(&f); i++) {
        hf_device device;
        hf_peer_status peer;
        fleet_device(&f, i, &device);
        if (device.is_hub) {
            out->stations += !device.revoked;
            out->stations_connected += fleet_peer(&f, device.key_id, &peer);
            continue;
        }
        out->enrolled += !device.revoked;
        out->revoked += device.revoked;
        if (!fleet_peer(&f, device.key_id, &peer)) continue;
        out->connected++;
        out->in_sync += peer.in_sync;
    }
    fleet_free(&f);
    return status;
}

/* ---- devices ---- */

static hf_status json_scopes(hf_call *call, const hf_device *device)
{
    char name[64];
    hf_status status = HF_OK;
    hf_json_array(&call->json, "scopes");
    for (size_t i = 0; i < device->scope_count && status == HF_OK; i++) {
        status = hf_scope_name(call->api->store, device->scopes[i], name, sizeof name);
        if (status == HF_OK) hf_json_string(&call->json, NULL, name);
        if (status == HF_ERR_NOT_FOUND) status = HF_OK;
    }
    hf_json_end(&call->json);
    return status;
}

/* The device's record was made when it was enrolled, and its id says when. */
static hf_status enrolled_ms(hf_call *call, const hf_device *device, uint64_t *out)
{
    hf_device same;
    hf_record_id record;
    *out = 0;
    hf_status status = hf_device_by_name(call->api->store, device->name, &same, &record);
    if (status == HF_ERR_NOT_FOUND) return HF_OK;
    for (int i = 0; status == HF_OK && i < 6; i++) *out = *out << 8 | record.bytes[i];
    return status;
}

static hf_status json_device(hf_call *call, const fleet *f, const hf_device *device)
{
    hf_json *json = &call->json;
    hf_peer_status peer = {.fed_position = 0};
    hf_last_seen seen;
    uint64_t enrolled, position = hf_feed_position(call->api->store);
    bool connected = fleet_peer(f, device->key_id, &peer);
    hf_status status = hf_last_seen_get(call->api->store, device->key_id, &seen);
    if (status == HF_OK) status = enrolled_ms(call, device, &enrolled);
    if (status != HF_OK) return status;
    uint64_t fed = connected ? peer.fed_position : seen.position;
    hf_json_object(json, NULL);
    hf_json_string(json, "name", device->name);
    hf_json_string(json, "force", device->force);
    hf_json_string(json, "unit", device->unit);
    hf_json_hex(json, "key_id", (hf_bytes){device->key_id, HF_HASH_SIZE});
    status = json_scopes(call, device);
    hf_json_time(json, "enrolled", enrolled);
    hf_json_bool(json, "revoked", device->revoked);
    hf_json_bool(json, "station", device->is_hub);
    hf_json_bool(json, "connected", connected);
    hf_json_time(json, "last_seen", connected ? call->api->wall_ms : seen.wall_ms);
    hf_json_bool(json, "in_sync", connected && peer.in_sync);
    hf_json_uint(json, "behind",
                 (connected && peer.in_sync) || fed > position ? 0 : position - fed);
    hf_json_end(json);
    return status;
}

hf_status hf_hub_api_devices(hf_call *call)
{
    fleet f = {{0}, {0}};
    hf_status status = fleet_read(call, &f);
    hf_json_string(&call->json, "schema", "holdfast.devices/1");
    hf_json_array(&call->json, "devices");
    for (size_t i = 0; status == HF_OK && i < fleet_size(&f); i++) {
        hf_device device;
        fleet_device(&f, i, &device);
        status = json_device(call, &f, &device);
    }
    hf_json_end(&call->json);
    fleet_free(&f);
    return status;
}

/* ---- token, revoke, pack ---- */

/* Who may connect, and with what, is the centre's word: a station knows it, and does not give it.
 */
hf_status hf_hub_at_centre(hf_call *call)
{
    const hf_enroll *enroll = hf_enroll_of(call);
    if (hf_hub_retired(enroll->hub))
        return hf_call_fail(call, HF_ERR_DENIED,
                            "This hub is the centre no longer: a station was promoted in its "
                            "place (\"holdfast-hub hubs list\" says which). Do this there.");
    if (!enroll->upstream) return HF_OK;
    return hf_call_fail(call, HF_ERR_DENIED,
                        "This is a station: devices are enrolled and revoked, and packs "
                        "published, at the centre (%.200s). Devices that it knows already "
                        "connect here whether or not the centre can be reached.",
                        enroll->upstream);
}

hf_status hf_hub_api_token(hf_call *call)
{
    const char *scopes[HF_TOKEN_SCOPES_MAX];
    const json_t *names = json_object_get(call->request, "scopes");
    json_int_t lasts_ms = json_integer_value(json_object_get(call->request, "lasts_ms"));
    const char *addresses[HF_STATION_ADDRESSES_MAX + 1];
    hf_token token;
    hf_buffer text = {0};
    char comment[256];
    hf_token_grant grant = {.name = hf_call_text(call, "name"),
                            .force = hf_call_text(call, "force"),
                            .unit = hf_call_text(call, "unit"),
                            .scopes = scopes,
                            .addresses = addresses,
                            .lasts_ms = lasts_ms < 0 ? 0 : (uint64_t)lasts_ms};
    for (size_t i = 0; i < json_array_size(names) && i < HF_TOKEN_SCOPES_MAX; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        scopes[grant.scope_count++] = name ? name : "";
    }
    const json_t *where = json_object_get(call->request, "addresses");
    for (size_t i = 0; i < json_array_size(where) && i <= HF_STATION_ADDRESSES_MAX; i++) {
        const char *address = json_string_value(json_array_get(where, i));
        addresses[grant.address_count++] = address ? address : "";
    }
    hf_status status = hf_hub_at_centre(call);
    if (status == HF_OK)
        status = hf_enroll_token(hf_enroll_of(call), &grant, call->api->wall_ms, &token, call->why,
                                 sizeof call->why);
    if (status != HF_OK) return status;
    (void)snprintf(comment, sizeof comment, "enrols %s once. Keep it secret, then delete it.",
                   grant.name);
    hf_token_write(&token, comment, &text);
    hf_json_string(&call->json, "schema", "holdfast.token/1");
    hf_json_string(&call->json, "name", grant.name);
    hf_json_time(&call->json, "expires", token.expires_ms);
    hf_json_text(&call->json, "token", hf_buffer_bytes(&text));
    status = text.status;
    hf_buffer_free(&text);
    return status;
}

hf_status hf_hub_api_revoke(hf_call *call)
{
    const char *name = hf_call_text(call, "name"), *reason = hf_call_text(call, "reason");
    const char *actor =
        *hf_call_text(call, "actor") ? hf_call_text(call, "actor") : call->api->name;
    hf_device device;
    hf_record_id record;
    fleet f = {{0}, {0}};
    hf_peer_status peer;
    if (!*reason)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "A revocation needs its reason, for those who come "
                            "after: --reason \"lost on patrol\".");
    hf_status status = hf_hub_at_centre(call);
    if (status == HF_OK) status = hf_device_by_name(call->api->store, name, &device, &record);
    if (status == HF_ERR_DENIED) return status;
    if (status == HF_OK && device.revoked)
        return hf_call_fail(call, HF_ERR_INPUT, "\"%.127s\" is revoked already.", name);
    if (status == HF_OK) status = fleet_read(call, &f);
    bool connected = status == HF_OK && fleet_peer(&f, device.key_id, &peer);
    fleet_free(&f);
    if (status == HF_OK)
        status = hf_hub_revoke(hf_enroll_of(call)->hub, name, actor, reason, call->api->wall_ms);
    if (status == HF_ERR_NOT_FOUND)
        return hf_call_fail(call, status,
                            "No device is called \"%.127s\". \"holdfast-hub devices\" "
                            "lists them.",
                            name);
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.revoked/1");
    hf_json_string(&call->json, "name", name);
    hf_json_uint(&call->json, "sessions_closed", connected ? 1 : 0);
    return HF_OK;
}

hf_status hf_hub_api_pack(hf_call *call)
{
    const char *hex = hf_call_text(call, "hex");
    size_t size = strlen(hex) / 2;
    hf_status denied = hf_hub_at_centre(call);
    if (denied != HF_OK) return denied;
    uint8_t *bytes = malloc(size + 1);
    if (!bytes) return HF_ERR_NOMEM;
    hf_status status = strlen(hex) % 2 ? HF_ERR_INPUT : HF_OK;
    for (size_t i = 0; i < size && status == HF_OK; i++) {
        unsigned value = 0;
        if (sscanf(hex + 2 * i, "%2x", &value) != 1) status = HF_ERR_INPUT;
        bytes[i] = (uint8_t)value;
    }
    if (status == HF_OK)
        status = hf_hub_publish_pack(hf_enroll_of(call)->hub, (hf_bytes){bytes, size},
                                     call->api->wall_ms);
    free(bytes);
    if (status == HF_ERR_INPUT || status == HF_ERR_PROTOCOL)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "This is not a compiled pack, or it is not newer than "
                            "the one in use. The one in use stays.");
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.pack/1");
    hf_json_uint(&call->json, "version", hf_pack_version(hf_store_pack(call->api->store)));
    return HF_OK;
}
