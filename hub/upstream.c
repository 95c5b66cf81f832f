/* upstream.c: see upstream.h. */
#include "upstream.h"

#include "sync/control.h"
#include "sync/node.h"

#include <stdlib.h>

struct hf_upstream {
    hf_hub *hub;
    hf_edge *node;
    uint64_t heads; /* newest acceptance number before the turn */
    uint64_t heads_came;
    bool welcomed; /* the scopes below are those of this session */
    hf_grant scopes[HF_SCOPES_MAX];
    size_t scope_count;
};

/* What we were granted is known from the last session, before there is another. */
static hf_status read_scopes(hf_upstream *upstream)
{
    size_t count = HF_SCOPES_MAX;
    hf_status status = hf_grants_get(upstream->hub->store, upstream->scopes, &count);
    if (status == HF_OK) upstream->scope_count = count < HF_SCOPES_MAX ? count : HF_SCOPES_MAX;
    return status;
}

hf_status hf_upstream_new(hf_hub *hub, hf_upstream **out)
{
    *out = NULL;
    hf_upstream *upstream = calloc(1, sizeof *upstream);
    if (!upstream) return HF_ERR_NOMEM;
    upstream->hub = hub;
    hf_edge_options options = {.implementation = hub->implementation};
    hf_status status = hf_edge_new(hub->store, &options, &upstream->node);
    if (status == HF_OK) status = read_scopes(upstream);
    if (status != HF_OK) {
        hf_upstream_free(upstream);
        return status;
    }
    hf_client_relay(hf_edge_client(upstream->node));
    *out = upstream;
    return HF_OK;
}

void hf_upstream_free(hf_upstream *upstream)
{
    if (!upstream) return;
    hf_edge_free(upstream->node);
    free(upstream);
}

hf_edge *hf_hub_upstream(hf_hub *hub)
{
    return hub->upstream ? hub->upstream->node : NULL;
}

/* ---- whom we serve ---- */

bool hf_upstream_holds(const hf_upstream *upstream, uint32_t scope)
{
    for (size_t i = 0; i < upstream->scope_count; i++)
        if (upstream->scopes[i].number == scope) return true;
    return false;
}

bool hf_upstream_serves(const hf_upstream *upstream, const hf_device *device)
{
    for (size_t i = 0; i < device->scope_count; i++)
        if (!hf_upstream_holds(upstream, device->scopes[i])) return false;
    return true;
}

hf_status hf_upstream_wish(hf_upstream *upstream, const uint8_t key_id[HF_HASH_SIZE])
{
    return hf_client_wish(hf_edge_client(upstream->node), key_id);
}

hf_status hf_upstream_wish_receipt(hf_upstream *upstream, int64_t origin_no, uint8_t lane,
                                   uint64_t seq)
{
    return hf_client_wish_receipt(hf_edge_client(upstream->node), origin_no, lane, seq);
}

hf_status hf_upstream_wish_numbers(hf_upstream *upstream, int64_t origin_no, const char *series,
                                   uint64_t last)
{
    return hf_client_wish_numbers(hf_edge_client(upstream->node), origin_no, series, last);
}

static hf_status close_revoked(hf_hub *hub)
{
    for (hf_peer *peer = hub->peers; peer; peer = peer->next) {
        hf_device device;
        hf_status status = hf_device_by_key(hub->store, peer->key_id, &device);
        if (status != HF_OK) return status;
        if (device.revoked) hf_peer_revoked(peer);
    }
    return HF_OK;
}

hf_status hf_upstream_centre(hf_upstream *upstream, hf_buffer *former, hf_welcome *welcome)
{
    hf_store *store = upstream->hub->store;
    hf_status status = hf_client_former(store, former);
    return status == HF_OK ? hf_client_met(store, &welcome->centre, &welcome->has_centre) : status;
}

/* ---- a turn ---- */

/* It was set back, and has since been told all that the centre ever decided: it serves again. */
static hf_status hear_out(hf_hub *hub, hf_client *client)
{
    bool open = hf_client_session(client)->state == HF_SESSION_OPEN;
    if (!hf_store_control_waits(hub->store) || !open || !hf_client_caught_up(client)) return HF_OK;
    hf_status status = hf_store_control_known(hub->store);
    if (status == HF_OK) hf_hub_part(hub); /* its devices hear it at their next WELCOME */
    return status;
}

/* An hf_relay_visitor: the author, if he is here, hears that his work is at the centre. */
static hf_status tell_author(void *context, const hf_relay_log *log)
{
    hf_hub *hub = context;
    hf_upstream_look_again(hub); /* the centre's receipt may have been lost, or not have been due */
    for (hf_peer *peer = hub->peers; peer; peer = peer->next) {
        for (size_t i = 0; i < peer->origin_count; i++) {
            if (peer->origins[i].no != log->origin_no) continue;
            peer->origins[i].ack_due |= (uint8_t)(1u << log->lane);
            hf_peer_wake(peer);
        }
        for (size_t i = 0; i < peer->relayed_durable; i++) {
            if (peer->relayed[i].origin.no != log->origin_no) continue;
            peer->relayed[i].origin.ack_due |= (uint8_t)(1u << log->lane);
            hf_peer_wake(peer);
        }
    }
    return HF_OK;
}

/* An hf_relay_visitor: ... and is given the centre's receipt. */
static hf_status pass_on(void *context, const hf_relay_log *log)
{
    hf_hub *hub = context;
    hf_status status = HF_OK;
    for (hf_peer *peer = hub->peers; peer && status == HF_OK; peer = peer->next)
        status = hf_passing_look_at(peer, log->origin_no, log->lane);
    return status;
}

void hf_upstream_look_again(hf_hub *hub)
{
    if (!hub->upstream->welcomed) return; /* when we are, we look at once */
    if (hub->wish_at_ms == UINT64_MAX) hub->wish_at_ms = hub->now_ms + HF_ASK_AGAIN_MS;
}

/* Whatever the devices that are here lack of the centre is wished for. */
static hf_status look_for_wishes(hf_hub *hub)
{
    hf_status status = HF_OK;
    hub->wish_at_ms = UINT64_MAX;
    for (hf_peer *peer = hub->peers; peer && status == HF_OK; peer = peer->next) {
        if (peer->session.state != HF_SESSION_OPEN) continue;
        status = hf_passing_look(peer);
        if (status == HF_OK) status = hf_leasing_look(peer);
    }
    return status;
}

hf_status hf_upstream_turn(hf_upstream *upstream)
{
    hf_hub *hub = upstream->hub;
    hf_client *client = hf_edge_client(upstream->node);
    uint64_t heads = hf_head_newest(hub->store);
    hf_status status = hf_edge_turn(upstream->node, hub->now_ms, hub->wall_ms);
    upstream->heads_came += hf_head_newest(hub->store) - heads;
    bool open = hf_client_session(client)->state == HF_SESSION_OPEN;
    bool fresh = open && !upstream->welcomed;
    if (status == HF_OK && fresh) status = read_scopes(upstream);
    upstream->welcomed = open && status == HF_OK;
    if (status == HF_OK && (fresh || hub->now_ms >= hub->wish_at_ms)) status = look_for_wishes(hub);
    bool came = hf_client_control_came(client);
    if (status == HF_OK && came) status = close_revoked(hub);
    if (status == HF_OK) status = hear_out(hub, client);
    if (came || fresh) hf_renew_again(hub); /* what was asked for on a link that ended is not */
    if (status == HF_OK && hf_client_centre_lost(client))
        hf_hub_part(hub); /* WELCOME says what counts */
    if (status == HF_OK) status = hf_client_relayed(client, tell_author, hub);
    if (status == HF_OK) status = hf_client_receipts(client, pass_on, hub);
    /* What the hub tells of the time is the centre's word, where there is one. */
    uint8_t quality;
    hf_edge_clock(upstream->node, hub->now_ms, hub->wall_ms, &hub->wall_ms, &quality);
    return status;
}

void hf_upstream_heads(hf_upstream *upstream)
{
    hf_hub *hub = upstream->hub;
    if (upstream->heads_came == 0) return;
    hub->heads_taken += upstream->heads_came;
    hub->headed.count = HF_HUB_TOUCHED_MAX + 1;
    upstream->heads_came = 0;
}

uint64_t hf_upstream_deadline_ms(const hf_upstream *upstream)
{
    /* When to dial is for who dials to know: hf_edge_deadline_ms. */
    hf_client *client = hf_edge_client(upstream->node);
    return hf_session_live(hf_client_session(client)) ? hf_edge_deadline_ms(upstream->node)
                                                      : UINT64_MAX;
}
