/* renew.c: a device's next certificate, for the key that TLS proved and no other: protocol.md 9.
 * Each takes milliseconds to sign: issuing.c says how many a turn. */
#include "peer.h"

#include "upstream.h"

#include "sync/control.h"
#include "sync/system_types.h"
#include "sync/validity.h"

#include <string.h>

hf_status hf_peer_on_renew(hf_peer *peer, uint64_t now_ms)
{
    bool is_early = peer->renewal_asked_ms && now_ms - peer->renewal_asked_ms < HF_RENEW_AGAIN_MS;
    if (is_early || !hf_issue_ask(peer, HF_ISSUE_CERTIFICATE)) {
        hf_session_fail(&peer->session, HF_CODE_TURN, "RENEW out of turn");
        return HF_ERR_PROTOCOL;
    }
    peer->renewal_asked_ms = now_ms ? now_ms : 1;
    return HF_OK;
}

hf_status hf_peer_on_renew_for(hf_peer *peer, const uint8_t key_id[HF_HASH_SIZE])
{
    if (peer->renew_for.size == (size_t)HF_RENEW_FOR_MAX * HF_HASH_SIZE) return HF_OK;
    hf_write_raw(&peer->renew_for, (hf_bytes){key_id, HF_HASH_SIZE});
    (void)hf_issue_ask(peer, HF_ISSUE_WISHES); /* false: others wait there */
    return peer->renew_for.status;
}

/* ---- issuing ---- */

typedef struct renewing { /* one key's certificate */
    hf_hub *hub;
    hf_batch *batch;
    const uint8_t *key_id;
    hf_buffer *der;
    bool ended;          /* the one that it showed holds no more */
    bool wished;         /* out: the centre was asked for it */
    const char *problem; /* why there is none; "" */
} renewing;

static hf_status write_certificate(renewing *r, const hf_record_id *record)
{
    hf_author author = {.actor = "hub", .wall_ms = r->hub->wall_ms, .quality = 3};
    hf_buffer value = {0};
    hf_write_bytes(&value, r->der->data, r->der->size);
    hf_change change = {.record = *record,
                        .scope = HF_SCOPE_CONTROL,
                        .field = HF_DEVICE_CERTIFICATE,
                        .kind = HF_CHANGE_SET,
                        .value = hf_buffer_bytes(&value)};
    hf_status status = value.status;
    hf_hub_touch(&r->hub->touched, HF_SCOPE_CONTROL); /* stations hold it */
    if (status == HF_OK) status = hf_batch_control(r->batch, HF_SCOPE_CONTROL, &author, &change, 1);
    hf_buffer_free(&value);
    return status;
}

/* The CA's trouble is nobody's session: it is told, and asked again. A station has none, and asks
 * the centre's. */
static hf_status issue(renewing *r, const hf_certificate *held, const hf_record_id *record)
{
    uint8_t der[HF_CERTIFICATE_MAX];
    size_t size = sizeof der;
    const hf_authority *authority = r->hub->authority;
    hf_device device;
    const char *addresses[HF_STATION_ADDRESSES_MAX];
    hf_buffer_clear(r->der);
    r->problem = "this hub does not issue certificates";
    r->wished = r->hub->upstream != NULL;
    if (r->hub->upstream) return hf_upstream_wish(r->hub->upstream, r->key_id);
    if (!authority) return HF_OK;
    r->problem = "the hub was restored, and does not know yet whom it has revoked";
    if (hf_store_control_waits(r->hub->store)) return HF_OK;
    r->problem = "the hub's certificate authority failed: its operator must look at it";
    hf_status status = hf_device_by_key(r->hub->store, r->key_id, &device);
    if (status != HF_OK) return status;
    for (size_t i = 0; i < device.address_count; i++) addresses[i] = device.addresses[i];
    hf_certificate_wish wish = {.public_key = {held->public_key, held->public_key_size},
                                .name = device.name,
                                .wall_ms = r->hub->wall_ms,
                                .addresses = addresses,
                                .address_count = device.address_count};
    if (device.revoked) return HF_OK;
    status = authority->issue(authority->context, &wish, der, &size);
    if (status != HF_OK) return HF_OK;
    r->problem = "";
    hf_write_raw(r->der, (hf_bytes){der, size});
    return r->der->status == HF_OK ? write_certificate(r, record) : r->der->status;
}

/* What the record says of the key decides, and not the certificate that was shown: who lost our
 * last answer gets it again. */
static hf_status renew(renewing *r)
{
    hf_store *store = r->hub->store;
    const hf_crypto *crypto = hf_store_crypto(store);
    hf_record_id record;
    hf_certificate held;
    hf_status status = hf_device_certificate(store, r->key_id, r->der, &record);
    if (status != HF_OK) return status;
    r->problem = "";
    bool is_known = r->der->size > 0 &&
                    crypto->certificate(crypto->context, hf_buffer_bytes(r->der), &held) == HF_OK &&
                    memcmp(held.key_id, r->key_id, HF_HASH_SIZE) == 0;
    if (!is_known) {
        hf_buffer_clear(r->der);
        r->problem = "the hub has no certificate of this device on record";
        return HF_OK;
    }
    bool is_due = hf_validity_may_renew(held.valid, r->hub->wall_ms);
    /* A station's next one is minutes away. Meanwhile what it has is better than one that has
     * ended. */
    bool will_do = r->hub->upstream && r->ended && hf_validity_holds(held.valid, r->hub->wall_ms);
    if (is_due && will_do) return hf_upstream_wish(r->hub->upstream, r->key_id);
    return is_due ? issue(r, &held, &record) : HF_OK;
}

static hf_status answer(hf_peer *peer, hf_batch *batch)
{
    renewing r = {.hub = peer->hub,
                  .batch = batch,
                  .key_id = peer->key_id,
                  .der = &peer->renewed,
                  .ended = !hf_validity_holds(peer->valid, peer->hub->wall_ms)};
    hf_status status = renew(&r);
    peer->renewal_problem = r.problem;
    peer->renewal_waits = r.wished;
    return status;
}

void hf_renew_again(hf_hub *hub)
{
    for (hf_peer *peer = hub->peers; peer; peer = peer->next) {
        if (!peer->renewal_waits) continue;
        peer->renewal_waits = false;
        (void)hf_issue_ask(peer, HF_ISSUE_CERTIFICATE); /* false: it has asked anew */
    }
}

/* For one of a station's devices: what comes of it stands in the device's record, which the station
 * is fed, and gives to the device when it asks again. */
static hf_status answer_for(hf_peer *station, hf_batch *batch, size_t at)
{
    hf_buffer der = {0};
    uint8_t key_id[HF_HASH_SIZE];
    memcpy(key_id, station->renew_for.data + at, sizeof key_id);
    renewing r = {.hub = station->hub, .batch = batch, .key_id = key_id, .der = &der};
    hf_status status = renew(&r);
    hf_buffer_free(&der);
    return status == HF_ERR_NOT_FOUND ? HF_OK : status; /* nobody that we know */
}

static hf_status answer_wishes(hf_peer *station, hf_batch *batch)
{
    hf_status status = HF_OK;
    size_t count = station->renew_for.size / HF_HASH_SIZE;
    if (count > HF_RENEWALS_PER_TURN) count = HF_RENEWALS_PER_TURN;
    for (size_t i = 0; i < count && status == HF_OK; i++)
        status = answer_for(station, batch, i * HF_HASH_SIZE);
    return status;
}

void hf_peer_drop_wishes(hf_peer *peer)
{
    if (!hf_issue_due(peer, HF_ISSUE_WISHES)) return;
    size_t done = HF_RENEWALS_PER_TURN * (size_t)HF_HASH_SIZE, size = peer->renew_for.size;
    if (done > size) done = size;
    memmove(peer->renew_for.data, peer->renew_for.data + done, size - done);
    peer->renew_for.size = size - done;
    if (size > done) (void)hf_issue_ask(peer, HF_ISSUE_WISHES);
}

hf_status hf_renew_turn(hf_hub *hub)
{
    hf_status status = hf_issue_turn(hub, HF_ISSUE_CERTIFICATE, HF_RENEWALS_PER_TURN, 1, answer);
    if (status != HF_OK) return status;
    return hf_issue_turn(hub, HF_ISSUE_WISHES, 1, HF_RENEWALS_PER_TURN, answer_wishes);
}

void hf_peer_write_certificate(hf_peer *peer, hf_buffer *raw)
{
    if (!hf_issue_due(peer, HF_ISSUE_CERTIFICATE)) return;
    if (peer->renewal_waits) return; /* it is answered when the centre's is here */
    const char *problem = peer->renewed.size ? "" : peer->renewal_problem;
    hf_message message = {.type = HF_FRAME_CERTIFICATE};
    message.as.certificate =
        (hf_certificate_frame){.certificate = hf_buffer_bytes(&peer->renewed),
                               .text = {(const uint8_t *)problem, strlen(problem)}};
    hf_message_write(raw, &message);
    hf_buffer_free(&peer->renewed);
}
