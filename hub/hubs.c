/* hubs.c: the centre's list of hubs: made here, shown to who lacks it, and obeyed when it says that
 * another hub is the centre by now. */
#include "peer.h"

#include "sync/control.h"
#include "sync/hubs.h"
#include "sync/ids.h"
#include "sync/planted.h"
#include "sync/system_types.h"

#include <string.h>

/* ---- making one ---- */

static void write_scopes(const hf_device *station, hf_buffer *numbers, hf_listed_hub *out)
{
    hf_buffer_clear(numbers);
    for (size_t i = 0; i < station->scope_count; i++) hf_write_uint(numbers, station->scopes[i]);
    out->scopes = (hf_list){hf_buffer_bytes(numbers), station->scope_count};
}

/* One place for each address that devices may dial. */
static hf_status list_station(hf_hub *hub, const char *name, hf_buffer *hubs, size_t *count)
{
    hf_device station;
    hf_record_id record;
    hf_buffer numbers = {0};
    hf_listed_hub listed = {.scopes = {.count = 0}};
    hf_status status = hf_device_by_name(hub->store, name, &station, &record);
    if (status != HF_OK) return status;
    if (!station.is_hub || station.revoked || station.address_count == 0) return HF_ERR_INPUT;
    memcpy(listed.key_id, station.key_id, HF_HASH_SIZE);
    memcpy(listed.name, station.name, sizeof listed.name);
    write_scopes(&station, &numbers, &listed);
    for (size_t i = 0; i < station.address_count; i++, (*count)++) {
        memcpy(listed.address, station.addresses[i], sizeof listed.address);
        hf_write_listed(hubs, &listed);
    }
    status = numbers.status;
    hf_buffer_free(&numbers);
    return status;
}

static hf_status list_all(hf_hub *hub, const hf_hubs_wish *wish, hf_hub_list *list, hf_buffer *hubs)
{
    hf_listed_hub own = {.scopes = {.count = 0}};
    if (strlen(wish->name) >= sizeof own.name || strlen(wish->address) >= sizeof own.address)
        return HF_ERR_LIMIT;
    memcpy(own.key_id, hf_store_crypto(hub->store)->own_key_id, HF_HASH_SIZE);
    memcpy(own.name, wish->name, strlen(wish->name) + 1);
    memcpy(own.address, wish->address, strlen(wish->address) + 1);
    hf_write_listed(hubs, &own);
    list->hubs.count = 1;
    hf_status status = HF_OK;
    for (size_t i = 0; i < wish->station_count && status == HF_OK; i++) {
        status = list_station(hub, wish->stations[i], hubs, &list->hubs.count);
        if (status != HF_OK && wish->failed) *wish->failed = wish->stations[i];
    }
    list->hubs.items = hf_buffer_bytes(hubs);
    return status == HF_OK ? hubs->status : status;
}

/* The next centre begins the next term. Within it lists are numbered by time, so that a centre
 * which was set back, and does not know what it signed last, does not sign what is older than that.
 */
static hf_status count_on(hf_hub *hub, bool promotes, uint64_t wall_ms, hf_hub_list *out)
{
    hf_buffer held = {0};
    hf_hub_list before;
    bool found;
    hf_status status = hf_hub_list_load(hub->store, &held, &before, &found);
    bool ours =
        found && memcmp(before.centre, hf_store_crypto(hub->store)->own_key_id, HF_HASH_SIZE) == 0;
    out->term = found ? before.term : 1;
    out->number = ours && before.number >= wall_ms ? before.number + 1 : wall_ms;
    if (promotes && !ours) out->term++;
    hf_buffer_free(&held);
    return status;
}

static hf_status publish(hf_hub *hub, hf_bytes signed_list, const hf_hubs_wish *wish,
                         const char *actor, uint64_t wall_ms)
{
    hf_author author = {.actor = actor, .wall_ms = wall_ms, .quality = 3};
    hf_buffer value = {0};
    hf_change change = {.scope = HF_SCOPE_COMMON, .field = HF_HUBS_LIST, .kind = HF_CHANGE_SET};
    hf_batch *batch;
    hf_write_bytes(&value, signed_list.data, signed_list.size);
    change.value = hf_buffer_bytes(&value);
    if (wish->reason)
        change.reason = (hf_bytes){(const uint8_t *)wish->reason, strlen(wish->reason)};
    hf_status status = value.status;
    if (status == HF_OK)
        status =
            hf_record_id_new(hf_store_crypto(hub->store), HF_TYPE_HUBS, wall_ms, &change.record);
    if (status == HF_OK) status = hf_batch_begin_own(hub->store, wall_ms, 1, &batch);
    if (status == HF_OK) {
        status = hf_batch_control(batch, HF_SCOPE_COMMON, &author, &change, 1);
        if (status == HF_OK)
            status = hf_batch_commit(batch);
        else
            hf_batch_rollback(batch);
    }
    hf_buffer_free(&value);
    return status;
}

hf_status hf_hub_set_hubs(hf_hub *hub, const hf_hubs_wish *wish, const char *actor,
                          uint64_t wall_ms)
{
    hf_buffer hubs = {0}, signed_list = {0};
    hf_hub_list list = {.term = 1};
    if (hub->upstream || hub->retired) return HF_ERR_DENIED;
    hf_status status = count_on(hub, wish->promotes, wall_ms, &list);
    if (status == HF_OK) status = list_all(hub, wish, &list, &hubs);
    if (status == HF_OK)
        status = hf_hub_list_sign(hf_store_crypto(hub->store), &list, &signed_list);
    if (status == HF_OK) status = publish(hub, hf_buffer_bytes(&signed_list), wish, actor, wall_ms);
    hf_buffer_free(&hubs);
    hf_buffer_free(&signed_list);
    return status;
}

/* ---- what hubs serve changes ---- */

/* The same hubs in the same order, as they are now. */
static hf_status list_again(hf_hub *hub, const hf_hub_list *held, hf_hub_list *list,
                            hf_buffer *hubs)
{
    hf_listed_hub listed;
    hf_buffer numbers = {0};
    hf_status status = HF_OK;
    list->hubs.count = 0;
    for (hf_list walk = held->hubs; status == HF_OK && hf_next_listed(&walk, &listed);) {
        hf_device station;
        bool is_ours = memcmp(listed.key_id, held->centre, HF_HASH_SIZE) == 0;
        hf_status known = is_ours ? HF_OK : hf_device_by_key(hub->store, listed.key_id, &station);
        if (known == HF_ERR_NOT_FOUND || (known == HF_OK && !is_ours && station.revoked)) continue;
        status = known;
        if (status == HF_OK && !is_ours) write_scopes(&station, &numbers, &listed);
        if (status == HF_OK) hf_write_listed(hubs, &listed);
        list->hubs.count++;
    }
    hf_buffer_free(&numbers);
    list->hubs.items = hf_buffer_bytes(hubs);
    return status == HF_OK ? hubs->status : status;
}

hf_status hf_hub_refresh_hubs(hf_hub *hub, uint64_t wall_ms)
{
    const hf_crypto *crypto = hf_store_crypto(hub->store);
    hf_hubs_wish wish = {.name = "hub"};
    hf_buffer held = {0}, hubs = {0}, signed_list = {0};
    hf_hub_list before, list = {.term = 1};
    bool found;
    hf_status status = hf_hub_list_load(hub->store, &held, &before, &found);
    bool ours = found && memcmp(before.centre, crypto->own_key_id, HF_HASH_SIZE) == 0;
    if (status == HF_OK && ours) status = list_again(hub, &before, &list, &hubs);
    bool differs = status == HF_OK && ours && !hf_bytes_equal(list.hubs.items, before.hubs.items);
    if (differs) status = count_on(hub, false, wall_ms, &list);
    if (differs && status == HF_OK) status = hf_hub_list_sign(crypto, &list, &signed_list);
    if (differs && status == HF_OK)
        status = publish(hub, hf_buffer_bytes(&signed_list), &wish, "hub", wall_ms);
    hf_buffer_free(&held);
    hf_buffer_free(&hubs);
    hf_buffer_free(&signed_list);
    return status;
}

hf_status hf_hub_scopes_made(hf_hub *hub, uint64_t wall_ms)
{
    for (hf_peer *peer = hub->peers; peer; peer = peer->next) {
        hf_device device;
        if (!peer->is_station || !hf_session_live(&peer->session)) continue;
        hf_status status = hf_device_by_key(hub->store, peer->key_id, &device);
        if (status != HF_OK) return status;
        if (!device.every) continue;
        hf_session_bye(&peer->session, HF_CODE_BUSY, 0); /* WELCOME grants what there is */
        hf_peer_wake(peer);
    }
    return hf_hub_refresh_hubs(hub, wall_ms);
}

/* ---- another is the centre ---- */

bool hf_hub_retired(const hf_hub *hub)
{
    return hub->retired;
}

hf_status hf_hub_look_retired(hf_hub *hub)
{
    bool retired = false;
    hf_status status = hub->upstream ? HF_OK : hf_hub_list_retires(hub->store, &retired);
    if (status != HF_OK || retired == hub->retired) return status;
    hub->retired = retired;
    for (hf_peer *peer = hub->peers; peer && retired; peer = peer->next) {
        peer->tells_hubs = !HF_PLANTED(RETIRED_SERVES);
        hf_peer_wake(peer);
    }
    return HF_OK;
}

/* Whoever shows it takes us for no centre, and may be right; or we have one that is newer still. */
hf_status hf_hub_on_hubs(hf_peer *peer, hf_bytes signed_list)
{
    bool taken;
    hf_status status = hf_hub_list_take(peer->hub->store, signed_list, &taken);
    if (status == HF_OK && taken) status = hf_hub_look_retired(peer->hub);
    peer->tells_hubs = true;
    hf_peer_wake(peer);
    return status;
}

hf_status hf_peer_write_hubs(hf_peer *peer, hf_buffer *raw)
{
    hf_message message = {.type = HF_FRAME_HUBS};
    hf_buffer held = {0};
    hf_status status = hf_hub_list_get(peer->hub->store, &held);
    message.as.hubs = hf_buffer_bytes(&held);
    if (status == HF_OK) hf_message_write(raw, &message);
    hf_buffer_free(&held);
    hf_session_bye(&peer->session, HF_CODE_RETIRED, 0);
    hf_peer_wake(peer);
    return status;
}
