/* bundles.c: whose turn it is to seal, to open, to answer and to read an answer. */
#include "bundles.h"

#include "upstream.h"

#include "sync/hubs.h"
#include "sync/node.h"

#include <stdlib.h>
#include <string.h>

enum { SWEEP_EVERY_MS = 1000 };

bool hf_bundles_own(const hf_hub *hub, const hf_carry_row *row)
{
    return memcmp(row->station, hf_store_crypto(hub->store)->own_key_id, HF_HASH_SIZE) == 0;
}

typedef struct changed {
    hf_hub *hub;
    bool came;
    hf_buffer own; /* rows that say something of what was sealed here */
} changed;

/* A station's own are news once they are answered; one that became the centre needs none of it. */
static hf_status see_row(void *context, const hf_carry_row *row)
{
    changed *c = context;
    if (row->stage == HF_CARRY_BUNDLE) c->came = true;
    bool is_due =
        row->stage == HF_CARRY_ANSWER || (row->stage == HF_CARRY_BUNDLE && !c->hub->upstream);
    if (is_due && hf_bundles_own(c->hub, row))
        hf_write_raw(&c->own, (hf_bytes){(const uint8_t *)row, sizeof *row});
    return c->own.status;
}

hf_status hf_bundles_new(hf_bundles **out)
{
    *out = calloc(1, sizeof **out);
    if (!*out) return HF_ERR_NOMEM;
    (*out)->again = true;
    return HF_OK;
}

void hf_bundles_free(hf_hub *hub)
{
    hf_bundles *bundles = hub->bundles;
    if (!bundles) return;
    if (bundles->opened) hf_peer_free_linkless(bundles->opened);
    hf_buffer_free(&bundles->bytes);
    hf_buffer_free(&bundles->plain);
    hf_buffer_free(&bundles->items);
    free(bundles);
    hub->bundles = NULL;
}

/* Rows changed: who has a link and carries is told. */
static hf_status look(hf_hub *hub)
{
    hf_bundles *bundles = hub->bundles;
    uint64_t newest;
    hf_status status = hf_carry_newest(hub->store, &newest);
    if (status != HF_OK || newest == bundles->seen) return status;
    changed c = {.hub = hub};
    hf_carry_sum sum = {.own_bundles = 0};
    status = hf_carry_each(hub->store, bundles->seen, see_row, &c);
    const hf_carry_row *rows = (const hf_carry_row *)(const void *)c.own.data;
    for (size_t i = 0; i < c.own.size / sizeof *rows && status == HF_OK; i++)
        status = hub->upstream ? hf_bundles_read_answer(hub, &rows[i])
                               : hf_carry_settle(hub->store, rows[i].id);
    hf_buffer_free(&c.own);
    if (status == HF_OK) status = hf_carry_count(hub->store, &sum);
    if (status == HF_OK) status = hf_carry_newest(hub->store, &bundles->seen); /* it moved on */
    if (status != HF_OK) return status;
    bundles->under_way = sum.own_bundles;
    bundles->again |= c.came;
    for (hf_peer *peer = hub->peers; peer; peer = peer->next)
        if (peer->carrier.on) hf_peer_wake(peer);
    return status;
}

/* ---- a station's ---- */

static bool is_carried(const hf_hub *hub)
{
    for (const hf_peer *peer = hub->peers; peer; peer = peer->next)
        if (peer->carrier.on && hf_session_live(&peer->session)) return true;
    return false;
}

static void offer(hf_hub *hub)
{
    for (hf_peer *peer = hub->peers; peer; peer = peer->next) {
        if (peer->carrier.offers == hub->bundles->cut_off) continue;
        hf_carrier_offer(&peer->carrier, hub->bundles->cut_off);
        hf_peer_wake(peer);
    }
}

/* The more is under way, the less often something is added, so that an outage of any length comes
 * to a bounded number of bundles. */
static uint64_t seal_at_ms(const hf_hub *hub)
{
    const hf_bundles *bundles = hub->bundles;
    if (!bundles->cut_off || bundles->under_way >= HF_BUNDLES_OWN_MAX) return UINT64_MAX;
    if (!is_carried(hub)) return UINT64_MAX;
    if (bundles->made_at_ms == 0) return 0;
    uint64_t times = 1 + bundles->under_way / HF_BUNDLE_EVERY_SHARE;
    return bundles->made_at_ms + times * HF_BUNDLE_EVERY_MS;
}

/* By the list of hubs another is the centre: what is under way is sealed anew, at once. */
static hf_status follow(hf_hub *hub)
{
    hf_bundles *bundles = hub->bundles;
    uint64_t list = hf_hub_list_changes(hub->store);
    if (bundles->followed && bundles->list == list) return HF_OK;
    hf_status status = hf_bundles_follow(hub);
    if (status == HF_OK) status = look(hub);
    if (status != HF_OK) return status;
    bundles->followed = true;
    bundles->list = list;
    bundles->made_at_ms = 0;
    return HF_OK;
}

static hf_status station_turn(hf_hub *hub)
{
    hf_bundles *bundles = hub->bundles;
    hf_edge_status edge;
    hf_edge_status_get(hf_hub_upstream(hub), &edge);
    bundles->cut_off = edge.cut_off;
    hf_status status = follow(hub);
    if (status == HF_OK && bundles->under_way > 0 && !edge.cut_off &&
        hub->now_ms >= bundles->swept_at_ms + SWEEP_EVERY_MS) {
        bundles->swept_at_ms = hub->now_ms;
        status = hf_bundles_sweep(hub);
    }
    if (status == HF_OK && seal_at_ms(hub) <= hub->now_ms) {
        bundles->made_at_ms = hub->now_ms;
        status = hf_bundles_seal(hub);
    }
    offer(hub);
    return status;
}

/* ---- a turn ---- */

hf_status hf_bundles_turn(hf_hub *hub)
{
    if (hub->retired) return HF_OK; /* another opens what is sealed for the centre */
    hub->bundles->heard = false;
    hf_status status = look(hub);
    if (status == HF_OK && hub->upstream) status = station_turn(hub);
    if (status == HF_OK && !hub->upstream) status = hf_bundles_answer(hub);
    if (status == HF_OK && !hub->upstream) status = hf_bundles_open(hub);
    return status == HF_OK ? look(hub) : status;
}

uint64_t hf_bundles_deadline_ms(const hf_hub *hub)
{
    const hf_bundles *bundles = hub->bundles;
    bool busy = !hub->upstream && (bundles->opened || bundles->again || bundles->tried);
    if (hub->retired) return UINT64_MAX;
    if (busy || bundles->heard) return 0;
    if (!hub->upstream) return bundles->waits ? bundles->again_at_ms : UINT64_MAX;
    uint64_t due_ms = seal_at_ms(hub);
    if (bundles->under_way > 0 && !bundles->cut_off &&
        bundles->swept_at_ms + SWEEP_EVERY_MS < due_ms)
        due_ms = bundles->swept_at_ms + SWEEP_EVERY_MS;
    return due_ms;
}
