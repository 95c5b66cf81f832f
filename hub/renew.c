/* renew.c: a device's next certificate, for the key that TLS proved and no other: protocol.md 9.
 * Each takes milliseconds to sign: issuing.c says how many a turn. */
#include "peer.h"

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
    const hf_bytes key = {held->public_key, held->public_key_size};
    hf_buffer_clear(&peer->renewed);
    peer->renewal_problem = "this hub does not issue certificates";
    if (!authority) return HF_OK;
    peer->renewal_problem = "the hub was restored, and does not know yet whom it has revoked";
    if (hf_store_control_waits(peer->hub->store)) return HF_OK;
    peer->renewal_problem = "the hub's certificate authority failed: its operator must look at it";
    hf_status status =
        authority->issue(authority->context, key, peer->name, peer->hub->wall_ms, der, &size);
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

hf_status hf_renew_turn(hf_hub *hub)
{
    return hf_issue_turn(hub, HF_ISSUE_CERTIFICATE, HF_RENEWALS_PER_TURN, 1, answer);
}

void hf_peer_write_certificate(hf_peer *peer, hf_buffer *raw)
{
    if (!hf_issue_due(peer, HF_ISSUE_CERTIFICATE)) return;
    const char *problem = peer->renewed.size ? "" : peer->renewal_problem;
    hf_message message = {.type = HF_FRAME_CERTIFICATE};
    message.as.certificate =
        (hf_certificate_frame){.certificate = hf_buffer_bytes(&peer->renewed),
                               .text = {(const uint8_t *)problem, strlen(problem)}};
    hf_message_write(raw, &message);
    hf_buffer_free(&peer->renewed);
}
