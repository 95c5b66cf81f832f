/* client_certificate.c: our own certificate is renewed in good time, without anyone's help.
 *
 * Why only the hub's time counts: our own clock may be three years off, and a device that believed
 * it would ask at every contact, or never. */
#include "client_core.h"

#include "planted.h"
#include "validity.h"

#include <stdio.h>
#include <string.h>

/* Checking it costs milliseconds, so it is looked at once, and again when it was replaced. */
hf_validity hf_client_validity(hf_client *client)
{
    hf_own_certificate *own = &client->certificate;
    const hf_crypto *crypto = hf_store_crypto(client->store);
    hf_certificate facts;
    if (own->looked) return own->valid;
    own->looked = true;
    own->valid = (hf_validity){0, 0};
    if (crypto->own_certificate.size > 0 &&
        crypto->certificate(crypto->context, crypto->own_certificate, &facts) == HF_OK)
        own->valid = facts.valid;
    return own->valid;
}

void hf_client_certificate_link(hf_client *client)
{
    client->certificate.asked = false;
    client->certificate.ask_at_ms = 0;
}

/* ---- asking ---- */

uint64_t hf_client_renewal_at_ms(hf_client *client)
{
    const hf_own_certificate *own = &client->certificate;
    const hf_hub_time *time = &client->hub_time;
    hf_phase phase = client->download.phase;
    if (HF_PLANTED(NEVER_RENEWED)) return UINT64_MAX;
    if (client->session.state != HF_SESSION_OPEN || own->asked || own->next.size > 0)
        return UINT64_MAX;
    if (phase == HF_PHASE_WAITING || phase == HF_PHASE_RENEW) return UINT64_MAX;
    if (phase == HF_PHASE_EXPIRED) return own->ask_at_ms;
    hf_validity valid = hf_client_validity(client);
    if (valid.until_ms == 0 || !time->known) return UINT64_MAX;
    uint64_t due_ms = hf_validity_due_ms(valid, hf_store_crypto(client->store)->own_key_id);
    if (!hf_validity_holds(valid, time->hub_ms) || due_ms <= time->hub_ms) return own->ask_at_ms;
    uint64_t at_ms = time->at_ms + (due_ms - time->hub_ms);
    return at_ms > own->ask_at_ms ? at_ms : own->ask_at_ms;
}

void hf_client_write_renew(hf_client *client)
{
    hf_message message = {.type = HF_FRAME_RENEW};
    hf_message_write(&client->raw, &message);
    client->certificate.asked = true;
}

/* ---- the answer ---- */

static hf_status refuse(hf_client *client, uint16_t code, const char *what)
{
    hf_session_fail(&client->session, code, "%s", what);
    return HF_ERR_PROTOCOL;
}

static void note(hf_client *client, hf_bytes text)
{
    (void)snprintf(client->certificate.problem, sizeof client->certificate.problem, "%.*s",
                   (int)text.size, text.size ? (const char *)text.data : "");
}

/* Worth having: it ends later than ours, or ours does not hold; and it holds now itself. */
static bool is_better(hf_client *client, hf_validity next)
{
    const hf_hub_time *time = &client->hub_time;
    hf_validity own = hf_client_validity(client);
    if (!time->known) return next.until_ms > own.until_ms;
    uint64_t hub_ms = time->hub_ms + (client->wall_now_ms - time->at_ms);
    return hf_validity_holds(next, hub_ms) &&
           (next.until_ms > own.until_ms || !hf_validity_holds(own, hub_ms));
}

hf_status hf_client_on_certificate(hf_client *client, const hf_certificate_frame *frame)
{
    static const char no_newer[] = "the hub has none that is newer";
    hf_own_certificate *own = &client->certificate;
    const hf_crypto *crypto = hf_store_crypto(client->store);
    hf_certificate facts;
    if (!own->asked) return refuse(client, HF_CODE_TURN, "CERTIFICATE out of turn");
    own->asked = false;
    own->ask_at_ms = client->wall_now_ms + HF_RENEW_RETRY_MS;
    note(client, frame->text);
    if (frame->certificate.size == 0) return HF_OK;
    if (crypto->certificate(crypto->context, frame->certificate, &facts) != HF_OK)
        return refuse(client, HF_CODE_SIGNATURE, "certificate not to be trusted");
    if (memcmp(facts.key_id, crypto->own_key_id, HF_HASH_SIZE) != 0)
        return refuse(client, HF_CODE_SIGNATURE, "certificate for another key");
    if (!is_better(client, facts.valid)) {
        note(client, (hf_bytes){(const uint8_t *)no_newer, sizeof no_newer - 1});
        return HF_OK;
    }
    own->problem[0] = 0;
    hf_buffer_clear(&own->next);
    hf_write_raw(&own->next, frame->certificate);
    return own->next.status;
}

/* ---- its owner ---- */

bool hf_client_certificate(const hf_client *client, hf_bytes *der)
{
    *der = hf_buffer_bytes(&client->certificate.next);
    return der->size > 0;
}

void hf_client_certificate_kept(hf_client *client, bool kept)
{
    static const char not_kept[] = "the new one could not be stored on this device";
    hf_own_certificate *own = &client->certificate;
    hf_buffer_clear(&own->next);
    if (!kept) {
        note(client, (hf_bytes){(const uint8_t *)not_kept, sizeof not_kept - 1});
        return;
    }
    own->looked = false;
    hf_session_bye(&client->session, HF_CODE_EXPIRED, 0);
}

const char *hf_client_certificate_problem(const hf_client *client)
{
    return client->certificate.problem;
}
