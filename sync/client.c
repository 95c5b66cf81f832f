/* client.c: a link comes and goes, messages come in and go out, a turn commits what came. */
#include "client_core.h"

#include "feed.h"
#include "planted.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hf_status hf_client_new(hf_store *store, const char *implementation, hf_client **out)
{
    *out = NULL;
    hf_client *client = calloc(1, sizeof *client);
    if (!client) return HF_ERR_NOMEM;
    client->store = store;
    (void)snprintf(client->implementation, sizeof client->implementation, "%s", implementation);
    hf_status status = hf_deflater_new(&client->deflater);
    if (status != HF_OK) {
        hf_client_free(client);
        return status;
    }
    *out = client;
    return HF_OK;
}

void hf_client_free(hf_client *client)
{
    if (!client) return;
    hf_client_link_down(client);
    hf_deflater_free(client->deflater);
    hf_buffer_free(&client->inflated);
    hf_buffer_free(&client->raw);
    hf_buffer_free(&client->items);
    hf_buffer_free(&client->hashes);
    hf_buffer_free(&client->named);
    hf_buffer_free(&client->sealed);
    hf_buffer_free(&client->certificate.next);
    free(client->known);
    hf_client_relays_free(client);
    free(client);
}

void hf_client_link_up(hf_client *client, const hf_certificate *hub, uint64_t now_ms)
{
    hf_client_link_down(client);
    client->hub_known = hub != NULL;
    memset(&client->hub, 0, sizeof client->hub);
    if (hub) client->hub = *hub;
    hf_client_relays_link(client);
    hf_carrier_open(&client->carrier, client->store, hub ? hub->key_id : NULL, true);
    hf_session_open(&client->session, HF_SIDE_CLIENT, now_ms);
    memset(&client->download, 0, sizeof client->download);
    hf_client_certificate_link(client);
    hf_client_references_link(client);
    hf_client_probe_link(client);
    client->fed_acked = client->claimed = 0;
    client->postponed = false;
    client->renewed = false;
}

/* What was received and not applied is dropped: nobody was told that we have it. */
void hf_client_link_down(hf_client *client)
{
    hf_session_close(&client->session);
    hf_inbox_drop(&client->inbox, NULL);
    hf_upload_free(&client->upload);
    hf_client_fetch_drop(client);
    hf_carrier_close(&client->carrier);
    client->known_count = 0;
    client->own_count = 0;
    client->wish_count = 0;
}

static hf_status refuse(hf_client *client, hf_status status, const char *what)
{
    hf_session_fail_status(&client->session, status, what);
    return status;
}

/* The end that needs no store is taken at once: the time that WELCOME, PONG and PROBED tell. */
static void note_time(hf_client *client, const hf_message *message, uint64_t now_ms)
{
    uint64_t took_ms = UINT64_MAX, hub_ms = 0;
    if (message->type == HF_FRAME_WELCOME) {
        took_ms = now_ms - client->hello_at_ms;
        hub_ms = message->as.welcome.wall_ms;
    } else if (message->type == HF_FRAME_PONG) {
        took_ms = client->session.round_trip_ms;
        hub_ms = message->as.ping.wall_ms;
    } else if (message->type == HF_FRAME_PROBED) {
        took_ms = hf_client_probe_took_ms(client, message->as.probe.number, now_ms);
        hub_ms = message->as.probe.wall_ms;
    }
    if (took_ms > HF_CLOCK_RTT_MAX_MS) return; /* too old to set a clock by */
    client->hub_time =
        (hf_hub_time){.known = true, .hub_ms = hub_ms + took_ms / 2, .at_ms = now_ms};
}

hf_status hf_client_recv(hf_client *client, hf_bytes message, uint64_t now_ms)
{
    if (!hf_session_live(&client->session)) return HF_OK;
    hf_bytes raw;
    hf_status status = hf_frame_open(client->deflater, message, &client->inflated, &raw);
    if (status != HF_OK) return refuse(client, status, "message");
    if (client->inbox.bytes + raw.size > HF_INBOX_BYTES_MAX)
        return refuse(client, HF_ERR_LIMIT, "unapplied input");
    hf_message frame;
    status = hf_session_recv(&client->session, raw, now_ms, &frame);
    if (status != HF_OK) return status;
    note_time(client, &frame, now_ms);
    if (frame.type == HF_FRAME_HUBS) return hf_client_on_hubs(client, frame.as.hubs);
    if (frame.type == HF_FRAME_NONE || frame.type == HF_FRAME_PONG) return HF_OK;
    hf_client_probe_heard(client, now_ms);
    status = hf_inbox_put(&client->inbox, client, raw);
    return status == HF_OK ? HF_OK : refuse(client, status, "inbox");
}

static hf_status own_log(void *context, const hf_log_state *log)
{
    hf_upload_log *logs = context;
    logs[log->lane].last = log->seq;
    return HF_OK;
}

/* What the caller wrote between turns becomes ours to send. Former incarnations write no more. */
static hf_status look_for_writes(hf_client *client)
{
    if (client->session.state != HF_SESSION_OPEN || !client->upload.logs) return HF_OK;
    uint64_t position = hf_feed_position(client->store);
    hf_status status = HF_OK;
    if (client->looked_position != position)
        status = hf_log_each(client->store, client->own[0]->no, own_log, client->upload.logs);
    if (status == HF_OK) client->looked_position = position;
    if (status == HF_OK && client->former_came) status = hf_client_look_at_formers(client);
    return status == HF_OK ? hf_client_relays_look(client) : status;
}

/* Our log as it stands is of no more use with this hub: write on under a new name, and say so by
 * connecting anew. */
static hf_status renew(hf_client *client)
{
    if (client->download.phase != HF_PHASE_RENEW || client->renewed) return HF_OK;
    if (!hf_session_live(&client->session)) return HF_OK;
    hf_status status = hf_client_renew(client);
    if (status != HF_OK) return status;
    client->renewed = true;
    hf_session_bye(&client->session, HF_CODE_FORK, 0);
    return HF_OK;
}

/* What a verdict took back of a snapshot only another one can put right: it is asked for in HELLO,
 * once; and once more some time after the hub's did not go with what we hold. */
static hf_status ask_anew(hf_client *client)
{
    bool outdated;
    hf_fetch *fetch = &client->fetch;
    bool again = fetch->refused_until_ms && client->wall_now_ms >= fetch->refused_until_ms;
    if ((fetch->outdated_told && !again) || client->download.phase != HF_PHASE_FEED) return HF_OK;
    hf_status status = hf_snapshot_is_outdated(client->store, &outdated);
    if (status != HF_OK || !outdated) return status;
    fetch->outdated_told = true;
    fetch->refused_until_ms = 0;
    hf_session_bye(&client->session, HF_CODE_BUSY, 0);
    return HF_OK;
}

/* The mistake behind HF_PLANTED_FEED_ACK_BEFORE_COMMIT: true when this turn only acknowledges. */
static bool acks_too_soon(hf_client *client)
{
    if (!HF_PLANTED(FEED_ACK_BEFORE_COMMIT)) return false;
    client->postponed = !client->postponed && client->inbox.count > 0;
    for (hf_received *at = client->inbox.first; at && client->postponed; at = at->next) {
        hf_message message;
        hf_status status = hf_message_read((hf_bytes){at->data, at->size}, &message);
        if (status == HF_OK && message.type == HF_FRAME_FEED) client->claimed = message.as.feed.to;
    }
    return client->postponed;
}

hf_status hf_client_turn(hf_client *client, uint64_t now_ms, uint64_t wall_ms)
{
    client->wall_now_ms = now_ms;
    client->wall_ms = wall_ms;
    hf_session_tick(&client->session, now_ms);
    if (acks_too_soon(client)) return HF_OK;
    bool came = client->inbox.count > 0;
    hf_status status = came ? hf_client_apply(client) : HF_OK;
    if (status == HF_OK) status = renew(client);
    if (status == HF_OK && came) status = ask_anew(client);
    if (status == HF_OK && !client->looked) status = hf_client_renew_on(client);
    if (status == HF_OK) client->looked = true;
    if (status == HF_OK) status = hf_client_references(client);
    if (status == HF_OK) status = look_for_writes(client);
    hf_client_probe_tick(client, now_ms);
    if (status != HF_OK) hf_session_fail_status(&client->session, status, "store");
    return status;
}

hf_status hf_client_send(hf_client *client, uint64_t now_ms, hf_bytes *message)
{
    *message = (hf_bytes){NULL, 0};
    hf_buffer_clear(&client->raw);
    uint64_t wall_ms = client->wall_ms + (now_ms - client->wall_now_ms);
    hf_status status = HF_OK;
    if (!hf_session_send(&client->session, now_ms, wall_ms, &client->raw))
        status = hf_client_write(client, now_ms);
    if (status == HF_OK) status = client->raw.status;
    if (status == HF_OK && client->raw.size == 0) return HF_OK;
    if (status == HF_OK)
        status = hf_frame_seal(client->deflater, hf_buffer_bytes(&client->raw), &client->sealed);
    if (status != HF_OK) return refuse(client, status, "output");
    *message = hf_buffer_bytes(&client->sealed);
    if (client->upload.logs) hf_upload_wired(&client->upload, message->size, now_ms);
    return HF_OK;
}

uint64_t hf_client_deadline_ms(hf_client *client)
{
    uint64_t session = hf_session_deadline_ms(&client->session);
    if (client->postponed) return 0;
    if (client->session.state != HF_SESSION_OPEN) return session;
    /* What was due at the last turn was offered since: it waits for the link, not for time. */
    uint64_t upload = hf_upload_deadline_ms(&client->upload, client->wall_now_ms);
    uint64_t renewal = hf_client_renewal_at_ms(client);
    if (renewal <= client->wall_now_ms) renewal = UINT64_MAX;
    if (renewal < session) session = renewal;
    uint64_t ask = hf_client_ask_at_ms(client);
    if (ask > client->wall_now_ms && ask < session) session = ask;
    if (hf_client_gives(client)) return 0;
    uint64_t probe = hf_client_probe_at_ms(client);
    if (probe > client->wall_now_ms && probe < session) session = probe;
    return upload < session ? upload : session;
}

const hf_session *hf_client_session(const hf_client *client)
{
    return &client->session;
}

const hf_certificate *hf_client_hub(const hf_client *client)
{
    return client->hub_known ? &client->hub : NULL;
}

bool hf_client_caught_up(const hf_client *client)
{
    const hf_download *download = &client->download;
    return download->phase == HF_PHASE_FEED && download->cursor.position >= download->announced;
}

bool hf_client_next_receipt(hf_client *client, hf_dot *out, bool *at_centre)
{
    hf_upload_told told;
    if (!client->upload.logs || !hf_upload_news(&client->upload, &told)) return false;
    *out = (hf_dot){.origin = client->own[told.log / HF_LANE_COUNT]->id,
                    .lane = (uint8_t)(told.log % HF_LANE_COUNT),
                    .seq = told.seq};
    if (at_centre) *at_centre = told.central;
    return true;
}

bool hf_client_uploaded(const hf_client *client)
{
    return client->upload.logs && hf_upload_done(&client->upload);
}

const char *hf_client_notice(const hf_client *client)
{
    return client->notice;
}

bool hf_client_renewed(const hf_client *client)
{
    return client->renewed;
}

hf_hub_time hf_client_hub_time(const hf_client *client)
{
    return client->hub_time;
}
