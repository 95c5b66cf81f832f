/* devices.c: who is enrolled, with what, and no longer: control records, written by the hub alone.
 *
 * They are ordinary records in the hub's own log, so they are chained, signed and backed up like
 * all else; the tables that are asked at every connection are folded from them. */
#include "backlog.h"
#include "peer.h"

#include "sync/control.h"
#include "sync/ids.h"
#include "sync/system_types.h"

#include <stdio.h>
#include <string.h>

enum { CHANGES_MAX = HF_SCOPES_MAX + 16, SCOPE_NAME_SIZE = 64 }; /* as hf_scope_view has it */

/* Changes of one record being put together; their values lie in `values`, one after the other. */
typedef struct drafting {
    hf_record_id record;
    uint32_t scope;
    hf_change changes[CHANGES_MAX];
    size_t starts[CHANGES_MAX];
    size_t count;
    bool made_scope; /* one that devices may hold */
    hf_buffer values;
} drafting;

static void draft(drafting *drafts, uint32_t field, hf_change_kind kind)
{
    drafts->starts[drafts->count] = drafts->values.size;
    drafts->changes[drafts->count++] =
        (hf_change){.record = drafts->record, .scope = drafts->scope, .field = field, .kind = kind};
}

static void draft_text(drafting *drafts, uint32_t field, const char *text)
{
    draft(drafts, field, HF_CHANGE_SET);
    hf_write_string(&drafts->values, text);
}

static void draft_number(drafting *drafts, uint32_t field, hf_change_kind kind, uint64_t number)
{
    draft(drafts, field, kind);
    hf_write_uint(&drafts->values, number);
}

static void draft_bytes(drafting *drafts, uint32_t field, hf_bytes bytes)
{
    draft(drafts, field, HF_CHANGE_SET);
    hf_write_bytes(&drafts->values, bytes.data, bytes.size);
}

static void draft_true(drafting *drafts, uint32_t field)
{
    draft(drafts, field, HF_CHANGE_SET);
    hf_write_bool(&drafts->values, true);
}

/* Writes what was drafted as one entry, and empties the draft. */
static hf_status draft_write(drafting *drafts, hf_batch *batch, const char *actor, uint64_t wall_ms)
{
    hf_status status = drafts->values.status; /* short of memory, there are no values to point at */
    for (size_t i = 0; i < drafts->count && status == HF_OK; i++) {
        size_t end = i + 1 < drafts->count ? drafts->starts[i + 1] : drafts->values.size;
        drafts->changes[i].value =
            (hf_bytes){drafts->values.data + drafts->starts[i], end - drafts->starts[i]};
    }
    hf_author author = {.actor = actor, .wall_ms = wall_ms, .quality = 3};
    if (status == HF_OK)
        status = hf_batch_control(batch, drafts->scope, &author, drafts->changes, drafts->count);
    drafts->count = 0;
    hf_buffer_clear(&drafts->values);
    return status;
}

static hf_status new_record(hf_hub *hub, drafting *drafts, uint32_t type, uint32_t scope,
                            uint64_t wall_ms)
{
    drafts->scope = scope;
    return hf_record_id_new(hf_store_crypto(hub->store), type, wall_ms, &drafts->record);
}

/* ---- scopes ---- */

typedef struct new_scope {
    const char *name;
    uint32_t told_in; /* the scope that its record stands in: who is to know of it */
    uint64_t wall_ms;
} new_scope;

static hf_status make_scope(hf_hub *hub, drafting *drafts, hf_batch *batch, const new_scope *wish,
                            uint32_t *number)
{
    hf_status status = hf_scope_next(hub->store, number);
    if (status == HF_OK)
        status = new_record(hub, drafts, HF_TYPE_SCOPE, wish->told_in, wish->wall_ms);
    if (status != HF_OK) return status;
    draft_number(drafts, HF_SCOPE_NUMBER, HF_CHANGE_SET, *number);
    draft_text(drafts, HF_SCOPE_NAME, wish->name);
    return draft_write(drafts, batch, "hub", wish->wall_ms);
}

/* Devices know a scope's name from one another's records, so all of them hear of it. */
static hf_status find_scope(hf_hub *hub, drafting *drafts, hf_batch *batch, const new_scope *wish,
                            uint32_t *number)
{
    hf_status status = hf_scope_by_name(hub->store, wish->name, number);
    if (status != HF_ERR_NOT_FOUND) return status;
    drafts->made_scope = true;
    return make_scope(hub, drafts, batch, wish, number);
}

/* ---- devices ---- */

static hf_status write_device(hf_hub *hub, drafting *drafts, hf_batch *batch, const uint8_t *key,
                              const hf_registration *in, uint64_t wall_ms)
{
    uint32_t scopes[HF_SCOPES_MAX], home;
    char home_name[SCOPE_NAME_SIZE];
    /* By the key: two devices may come to bear one name. "device/" is not offered for writing. */
    (void)snprintf(home_name, sizeof home_name, "device/%02x%02x%02x%02x%02x%02x", key[0], key[1],
                   key[2], key[3], key[4], key[5]);
    /* WELCOME names it to the device; told to all, ten thousand devices would hold as many of them.
     */
    const new_scope own = {home_name, HF_SCOPE_CONTROL, wall_ms};
    hf_status status = make_scope(hub, drafts, batch, &own, &home);
    bool every = in->scope_count == 1 && strcmp(in->scopes[0], HF_EVERY_SCOPE) == 0;
    size_t scope_count = every ? 0 : in->scope_count;
    for (size_t i = 0; i < scope_count && status == HF_OK; i++) {
        const new_scope granted = {in->scopes[i], HF_SCOPE_COMMON, wall_ms};
        status = find_scope(hub, drafts, batch, &granted, &scopes[i]);
    }
    if (status == HF_OK)
        status = new_record(hub, drafts, HF_TYPE_DEVICE, HF_SCOPE_CONTROL, wall_ms);
    if (status != HF_OK) return status;
    draft_bytes(drafts, HF_DEVICE_KEY_ID, (hf_bytes){key, HF_HASH_SIZE});
    draft_text(drafts, HF_DEVICE_NAME, in->name);
    draft_text(drafts, HF_DEVICE_FORCE, in->force);
    draft_text(drafts, HF_DEVICE_UNIT, in->unit);
    draft_text(drafts, HF_DEVICE_STANDING, "active");
    if (in->certificate.size) draft_bytes(drafts, HF_DEVICE_CERTIFICATE, in->certificate);
    draft_number(drafts, HF_DEVICE_HOME, HF_CHANGE_SET, home);
    if (every) draft_true(drafts, HF_DEVICE_EVERY);
    for (size_t i = 0; i < scope_count; i++)
        draft_number(drafts, HF_DEVICE_SCOPES, HF_CHANGE_ADD, scopes[i]);
    if (in->address_count) draft_true(drafts, HF_DEVICE_IS_HUB);
    for (size_t i = 0; i < in->address_count; i++) {
        draft(drafts, HF_DEVICE_ADDRESSES, HF_CHANGE_ADD);
        hf_write_string(&drafts->values, in->addresses[i]);
    }
    return draft_write(drafts, batch, "hub", wall_ms);
}

static hf_status commit(hf_batch *batch, hf_status status)
{
    if (status == HF_OK) return hf_batch_commit(batch);
    hf_batch_rollback(batch);
    return status;
}

hf_status hf_hub_register(hf_hub *hub, const uint8_t key_id[HF_HASH_SIZE],
                          const hf_registration *wish, uint64_t wall_ms)
{
    hf_device known;
    if (hub->upstream || hub->retired) return HF_ERR_DENIED; /* that is the centre's word */
    hf_status status = hf_device_by_key(hub->store, key_id, &known);
    if (status != HF_ERR_NOT_FOUND) return status;
    if (wish->scope_count > HF_SCOPES_MAX - 3 || wish->certificate.size > HF_CERTIFICATE_MAX ||
        wish->address_count > HF_STATION_ADDRESSES_MAX)
        return HF_ERR_LIMIT;
    for (size_t i = 0; i < wish->scope_count; i++)
        if (strlen(wish->scopes[i]) >= SCOPE_NAME_SIZE) return HF_ERR_LIMIT;
    drafting drafts = {.count = 0};
    hf_batch *batch;
    status = hf_batch_begin_own(hub->store, wall_ms, wish->scope_count + 2, &batch);
    if (status != HF_OK) return status;
    status = commit(batch, write_device(hub, &drafts, batch, key_id, wish, wall_ms));
    hf_buffer_free(&drafts.values);
    return status == HF_OK && drafts.made_scope ? hf_hub_scopes_made(hub, wall_ms) : status;
}

void hf_peer_revoked(hf_peer *peer)
{
    hf_backlog_drop(peer->hub, peer); /* nothing of it counts from now on */
    hf_session_fail(&peer->session, HF_CODE_REVOKED, "this device was revoked");
    hf_peer_wake(peer);
}

/* Of whom, no device is told: a key's hash, so that any of them can bring it back to a hub that has
 * forgotten. */
static hf_status tell_revoked(hf_hub *hub, drafting *drafts, hf_batch *batch,
                              const hf_device *device, uint64_t wall_ms)
{
    hf_status status = new_record(hub, drafts, HF_TYPE_REVOKED, HF_SCOPE_COMMON, wall_ms);
    if (status != HF_OK) return status;
    draft_bytes(drafts, HF_REVOKED_KEY_ID, (hf_bytes){device->key_id, HF_HASH_SIZE});
    return draft_write(drafts, batch, "hub", wall_ms);
}

hf_status hf_hub_declare_lost(hf_hub *hub, const hf_dot *first, uint64_t last, const char *actor,
                              const char *reason, uint64_t wall_ms)
{
    drafting drafts = {.count = 0};
    hf_batch *batch;
    hf_status status = new_record(hub, &drafts, HF_TYPE_LOST, HF_SCOPE_COMMON, wall_ms);
    if (status == HF_OK) status = hf_batch_begin_own(hub->store, wall_ms, 1, &batch);
    if (status != HF_OK) return status;
    draft(&drafts, HF_LOST_RANGE, HF_CHANGE_SET);
    hf_write_array(&drafts.values, 4);
    hf_write_bytes(&drafts.values, first->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&drafts.values, first->lane);
    hf_write_uint(&drafts.values, first->seq);
    hf_write_uint(&drafts.values, last);
    draft_text(&drafts, HF_LOST_TEXT, reason);
    status = commit(batch, draft_write(&drafts, batch, actor, wall_ms));
    hf_buffer_free(&drafts.values);
    return status;
}

/* The newest of our former names: what it decided last is what may be lost. */
static hf_status find_former(void *context, const hf_origin_row *origin)
{
    const hf_origin_row **former = context;
    if (!origin->own && (!*former || origin->no > (*former)->no)) *former = origin;
    return HF_OK;
}

/* Who decided it, and why, is written down before it holds: what came after in that log is given
 * up.
 */
hf_status hf_hub_accept_control_loss(hf_hub *hub, const char *actor, const char *reason,
                                     uint64_t wall_ms)
{
    hf_log_state log = {.seq = 0};
    const hf_origin_row *former = NULL;
    hf_status status = hf_origin_each_own(hub->store, find_former, &former);
    if (status == HF_OK && former)
        status = hf_log_state_get(hub->store, former->no, HF_LANE_CONTROL, &log);
    hf_dot first = {.lane = HF_LANE_CONTROL, .seq = log.seq + 1};
    if (former) first.origin = former->id;
    if (status == HF_OK && former)
        status = hf_hub_declare_lost(hub, &first, INT64_MAX, actor, reason, wall_ms);
    if (status == HF_OK) status = hf_store_control_accept(hub->store);
    if (status == HF_OK) hf_hub_part(hub);
    return status;
}

hf_status hf_hub_revoke(hf_hub *hub, const char *name, const char *actor, const char *reason,
                        uint64_t wall_ms)
{
    hf_device device;
    drafting drafts = {.scope = HF_SCOPE_CONTROL};
    if (hub->upstream || hub->retired) return HF_ERR_DENIED;
    hf_status status = hf_device_by_name(hub->store, name, &device, &drafts.record);
    if (status != HF_OK) return status;
    hf_batch *batch;
    if (!device.revoked) {
        status = hf_batch_begin_own(hub->store, wall_ms, 2, &batch);
        if (status != HF_OK) return status;
        draft_text(&drafts, HF_DEVICE_STANDING, "revoked");
        drafts.changes[0].reason = (hf_bytes){(const uint8_t *)reason, strlen(reason)};
        status = draft_write(&drafts, batch, actor, wall_ms);
        if (status == HF_OK) status = tell_revoked(hub, &drafts, batch, &device, wall_ms);
        status = commit(batch, status);
        hf_buffer_free(&drafts.values);
    }
    for (hf_peer *peer = hub->peers; peer && status == HF_OK; peer = peer->next)
        if (memcmp(peer->key_id, device.key_id, HF_HASH_SIZE) == 0) hf_peer_revoked(peer);
    hf_hub_look_gone(hub);
    return status == HF_OK && device.is_hub ? hf_hub_refresh_hubs(hub, wall_ms) : status;
}

hf_status hf_hub_devices(hf_hub *hub, hf_device_visitor visit, void *context)
{
    return hf_device_each(hub->store, visit, context);
}

hf_status hf_hub_publish_pack(hf_hub *hub, hf_bytes compiled, uint64_t wall_ms)
{
    if (hub->upstream || hub->retired) return HF_ERR_DENIED;
    if (compiled.size > HF_PACK_SIZE_MAX) return HF_ERR_LIMIT;
    hf_pack *pack;
    hf_status status = hf_pack_open(compiled, &pack);
    if (status == HF_ERR_PROTOCOL) return HF_ERR_INPUT;
    if (status != HF_OK) return status;
    uint32_t version = hf_pack_version(pack);
    hf_pack_close(pack);
    if (version <= hf_pack_version(hf_store_pack(hub->store))) return HF_ERR_INPUT;
    drafting drafts = {.count = 0};
    hf_batch *batch;
    status = new_record(hub, &drafts, HF_TYPE_PACK, HF_SCOPE_COMMON, wall_ms);
    if (status == HF_OK) status = hf_batch_begin_own(hub->store, wall_ms, 1, &batch);
    if (status != HF_OK) return status;
    draft_number(&drafts, HF_PACK_VERSION, HF_CHANGE_SET, version);
    draft_bytes(&drafts, HF_PACK_BODY, compiled);
    status = commit(batch, draft_write(&drafts, batch, "hub", wall_ms));
    hf_buffer_free(&drafts.values);
    return status;
}

/* ---- planned outages ---- */

hf_status hf_hub_window(hf_hub *hub, uint64_t from_ms, uint64_t until_ms, const char *why,
                        uint64_t wall_ms, hf_record_id *id)
{
    drafting drafts = {.count = 0};
    hf_batch *batch;
    if (until_ms <= from_ms || !*why || strlen(why) > HF_TEXT_MAX) return HF_ERR_INPUT;
    hf_status status = new_record(hub, &drafts, HF_TYPE_WINDOW, HF_SCOPE_COMMON, wall_ms);
    if (status == HF_OK) status = hf_batch_begin_own(hub->store, wall_ms, 1, &batch);
    if (status != HF_OK) return status;
    *id = drafts.record;
    draft_number(&drafts, HF_WINDOW_FROM, HF_CHANGE_SET, from_ms);
    draft_number(&drafts, HF_WINDOW_UNTIL, HF_CHANGE_SET, until_ms);
    draft_text(&drafts, HF_WINDOW_WHY, why);
    draft_text(&drafts, HF_WINDOW_STANDING, "planned");
    status = commit(batch, draft_write(&drafts, batch, "hub", wall_ms));
    hf_buffer_free(&drafts.values);
    return status;
}

hf_status hf_hub_window_call_off(hf_hub *hub, const hf_record_id *id, const char *actor,
                                 uint64_t wall_ms)
{
    drafting drafts = {.record = *id, .scope = HF_SCOPE_COMMON};
    hf_batch *batch;
    hf_view *view;
    hf_status status = hf_store_get(hub->store, id, &view);
    if (status != HF_OK) return status;
    hf_view_free(view);
    status = hf_batch_begin_own(hub->store, wall_ms, 1, &batch);
    if (status != HF_OK) return status;
    draft_text(&drafts, HF_WINDOW_STANDING, "called_off");
    status = commit(batch, draft_write(&drafts, batch, actor, wall_ms));
    hf_buffer_free(&drafts.values);
    return status;
}
