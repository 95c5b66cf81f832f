/* renew.c: a device's next certificate, for the key that TLS proved and no other: protocol.md 9.
 *
 * Why not in the batch of what devices send: a certificate takes milliseconds to sign, and when a
 * whole force comes back from a long outage all of them ask. So many a turn, and in between the hub
 * serves everyone else. */
#include "peer.h"

#include "sync/control.h"
#include "sync/system_types.h"
#include "sync/validity.h"

#include <string.h>

hf_status hf_peer_on_renew(hf_peer *peer, uint64_t now_ms)
{
    bool is_early = peer->renewal_asked_ms && now_ms - peer->renewal_asked_ms < HF_RENEW_AGAIN_MS;
    if (peer->renewal != HF_RENEWAL_NONE || is_early) {
        hf_session_fail(&peer->session, HF_CODE_TURN, "RENEW out of turn");
        return HF_ERR_PROTOCOL;
    }
    peer->renewal_asked_ms = now_ms ? now_ms : 1;
    peer->renewal = HF_RENEWAL_ASKED;
    peer->hub->renewals++;
    return HF_OK;
}

void hf_peer_forget_renewal(hf_peer *peer)
{
    if (peer->renewal == HF_RENEWAL_ASKED) peer->hub->renewals--;
    peer->renewal = HF_RENEWAL_NONE;
}

/* ---- issuing ---- */

static hf_status write_certificate(hf_peer *peer, hf_batch *batch, const hf_record_id *record)
{
    uint64_t wall_ms = peer->hub->wall_ms;
    hf_author author = {.actor = "hub", .wall_ms = wall_ms, .quality = 3};
    hf_buffer value = {0};
    hf_write_bytes(&value, peer->renewed.data, peer->renewed.size);
    hf_change change = {.record = *record,
                        .scope = HF_SCOPE_CONTROL,
                        .field = HF_DEVICE_CERTIFICATE,
                        .kind = HF_CHANGE_SET,
                        .value = hf_buffer_bytes(&value)};
    hf_status status = value.status;
    if (status == HF_OK) status = hf_batch_control(batch, HF_SCOPE_CONTROL, &author, &change, 1);
    hf_buffer_free(&value);
    return status;
}

/* The CA's trouble is nobody's session: it is told, and asked again. */
static hf_status issue(hf_peer *peer, hf_batch *batch, const hf_certificate *held,
                       const hf_record_id *record)
{
    uint8_t der[HF_CERTIFICATE_MAX];
    size_t size = sizeof der;
    const hf_authority *authority = peer->hub->authority;
    hf_device device;
    const char *addresses[HF_STATION_ADDRESSES_MAX];
    hf_buffer_clear(&peer->renewed);
    peer->renewal_problem = "this hub does not issue certificates";
    if (!authority) return HF_OK;
    peer->renewal_problem = "the hub's certificate authority failed: its operator must look at it";
    hf_status status = hf_device_by_key(peer->hub->store, peer->key_id, &device);
    if (status != HF_OK) return status;
    for (size_t i = 0; i < device.address_count; i++) addresses[i] = device.addresses[i];
    hf_certificate_wish wish = {.public_key = {held->public_key, held->public_key_size},
                                .name = peer->name,
                                .wall_ms = peer->hub->wall_ms,
                                .addresses = addresses,
                                .address_count = device.address_count};
    status = authority->issue(authority->context, &wish, der, &size);
    if (status != HF_OK) return HF_OK;
    peer->renewal_problem = "";
    hf_write_raw(&peer->renewed, (hf_bytes){der, size});
    return peer->renewed.status == HF_OK ? write_certificate(peer, batch, record)
                                         : peer->renewed.status;
}

/* What the record says of the key decides, and not the certificate that was shown: who lost our
 * last answer gets it again. */
static hf_status answer(hf_peer *peer, hf_batch *batch)
{
    hf_store *store = peer->hub->store;
    const hf_crypto *crypto = hf_store_crypto(store);
    hf_record_id record;
    hf_certificate held;
    hf_status status = hf_device_certificate(store, peer->key_id, &peer->renewed, &record);
    if (status != HF_OK) return status;
    peer->renewal_problem = "";
    bool is_known =
        peer->renewed.size > 0 &&
        crypto->certificate(crypto->context, hf_buffer_bytes(&peer->renewed), &held) == HF_OK &&
        memcmp(held.key_id, peer->key_id, HF_HASH_SIZE) == 0;
    if (!is_known) {
        hf_buffer_clear(&peer->renewed);
        peer->renewal_problem = "the hub has no certificate of this device on record";
        return HF_OK;
    }
    if (!hf_validity_may_renew(held.valid, peer->hub->wall_ms)) return HF_OK;
    return issue(peer, batch, &held, &record);
}

/* ---- a turn ---- */

static void settle(hf_hub *hub, bool committed)
{
    for (hf_peer *peer = hub->peers; peer; peer = peer->next) {
        if (peer->renewal != HF_RENEWAL_STAGED) continue;
        peer->renewal = committed ? HF_RENEWAL_DUE : HF_RENEWAL_ASKED;
        if (committed) hub->renewals--;
        if (committed) hf_peer_wake(peer);
    }
}

hf_status hf_renew_turn(hf_hub *hub)
{
    if (hub->renewals == 0) return HF_OK;
    hf_batch *batch;
    hf_status status = hf_batch_begin_own(hub->store, hub->wall_ms, HF_RENEWALS_PER_TURN, &batch);
    if (status != HF_OK) return status;
    size_t count = 0;
    for (hf_peer *peer = hub->peers; peer && status == HF_OK; peer = peer->next) {
        if (peer->renewal != HF_RENEWAL_ASKED || count == HF_RENEWALS_PER_TURN) continue;
        if (!hf_session_live(&peer->session)) { /* revoked since it asked, perhaps */
            hf_peer_forget_renewal(peer);
            continue;
        }
        peer->renewal = HF_RENEWAL_STAGED;
        status = answer(peer, batch);
        count++;
    }
    if (status == HF_OK)
        status = hf_batch_commit(batch);
    else
        hf_batch_rollback(batch);
    settle(hub, status == HF_OK);
    return status;
}

void hf_peer_write_certificate(hf_peer *peer, hf_buffer *raw)
{
    if (peer->renewal != HF_RENEWAL_DUE) return;
    const char *problem = peer->renewed.size ? "" : peer->renewal_problem;
    hf_message message = {.type = HF_FRAME_CERTIFICATE};
    message.as.certificate =
        (hf_certificate_frame){.certificate = hf_buffer_bytes(&peer->renewed),
                               .text = {(const uint8_t *)problem, strlen(problem)}};
    hf_message_write(raw, &message);
    hf_buffer_free(&peer->renewed);
    peer->renewal = HF_RENEWAL_NONE;
}
