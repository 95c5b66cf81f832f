/* bundles_open.c: at the centre: a bundle is opened, taken as a session of its station would be,
 * and answered.
 *
 * Why through a session that has no link: what a station relays is believed by each author's own
 * signature, judged by each author's grants, and refused log by log; none of that depends on how
 * the frames came here, and a second road to it would be a second place to be wrong. */
#include "bundles.h"

#include "sync/control.h"
#include "sync/hubs.h"
#include "sync/log.h"

#include <stdio.h>
#include <string.h>

/* ---- which one is next ---- */

static int order(const hf_carry_row *a, const hf_carry_row *b)
{
    if (a->lane != b->lane) return a->lane < b->lane ? -1 : 1;
    int station = memcmp(a->station, b->station, HF_HASH_SIZE);
    if (station != 0) return station;
    if (a->serial != b->serial) return a->serial < b->serial ? -1 : 1;
    return memcmp(a->id, b->id, HF_HASH_SIZE); /* a station that was set back counts anew */
}

typedef struct choosing {
    const hf_bundles *bundles;
    bool found;
    hf_carry_row row;
} choosing;

static hf_status choose(void *context, const hf_carry_row *row)
{
    choosing *c = context;
    bool tried = c->bundles->tried && order(row, &c->bundles->tried_row) <= 0;
    if (c->found || tried || row->stage != HF_CARRY_BUNDLE) return HF_OK;
    c->found = true;
    c->row = *row;
    return HF_OK;
}

/* In rounds: one that lacks what another brings is looked at again once that has come. */
static hf_status next_row(hf_bundles *bundles, hf_store *store, bool *found)
{
    choosing c = {.bundles = bundles};
    hf_status status = hf_carry_each(store, 0, choose, &c);
    *found = c.found;
    bundles->tried = c.found;
    if (c.found) bundles->row = bundles->tried_row = c.row;
    return status;
}

/* ---- the answer ---- */

static hf_status put_answer(hf_hub *hub, hf_answer *answer)
{
    hf_bundles *bundles = hub->bundles;
    const hf_crypto *crypto = hf_store_crypto(hub->store);
    hf_carry_row row = bundles->row;
    row.stage = HF_CARRY_ANSWER;
    row.since_ms = hub->wall_ms;
    memcpy(answer->bundle, row.id, HF_HASH_SIZE);
    memcpy(answer->incarnation, hf_store_own_origin(hub->store)->incarnation, HF_INCARNATION_SIZE);
    memcpy(answer->epoch, hf_store_epoch(hub->store), sizeof answer->epoch);
    answer->time_ms = hub->wall_ms;
    hf_status status = hf_answer_write(crypto, answer, &bundles->bytes);
    if (status == HF_OK)
        status =
            hf_carry_put(hub->store, &row, (hf_bytes){NULL, 0}, hf_buffer_bytes(&bundles->bytes));
    bundles->again = true; /* those that waited for it */
    return status;
}

/* It is nothing to us, and its station is told why: what was in it is still there. Where it took
 * another for the centre, it is told who is. */
static hf_status refuse(hf_hub *hub, const char *name, uint16_t code, const char *why)
{
    const uint8_t *id = hub->bundles->row.id;
    hf_answer answer = {.code = code, .text = {(const uint8_t *)why, strlen(why)}};
    hf_buffer list = {0};
    hf_status status = HF_OK;
    hub->refused++;
    (void)snprintf(hub->refusal, sizeof hub->refusal,
                   "bundle %02x%02x%02x%02x of %.60s is refused: %.90s", id[0], id[1], id[2], id[3],
                   name, why);
    if (code == HF_CODE_RETIRED) status = hf_hub_list_get(hub->store, &list);
    answer.hubs = hf_buffer_bytes(&list);
    if (status == HF_OK) status = put_answer(hub, &answer);
    hf_buffer_free(&list);
    return status;
}

/* Why entries of this log were refused; 0: they were not. */
static uint16_t code_of(const hf_peer *peer, uint32_t index, uint8_t lane)
{
    hf_list walk = {hf_buffer_bytes(&peer->notices), peer->notice_count};
    hf_notice notice;
    while (hf_next_notice(&walk, &notice))
        if (notice.origin == index && notice.lane == lane && notice.code < HF_REASON_NO_GRANT)
            return (uint16_t)notice.code;
    return HF_CODE_UNKNOWN; /* there were more notices than are kept */
}

static hf_status answer_log(hf_hub *hub, size_t place, uint8_t lane, size_t *count)
{
    const hf_peer_relayed *author = &hub->bundles->opened->relayed[place];
    const hf_origin_row *row = hf_origin_by_no(hub->store, author->origin.no);
    uint8_t bit = (uint8_t)(1u << lane);
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t leaf_count;
    hf_answered log = {.origin = row->id, .lane = lane, .seq = author->sent[lane]};
    if (author->blocked & bit)
        log.code = code_of(hub->bundles->opened, (uint32_t)(HF_HELLO_ORIGINS_MAX + place), lane);
    if (log.seq == 0 && log.code == 0) return HF_OK;
    hf_status status = HF_OK;
    if (log.seq > 0)
        status = hf_head_leaves(hub->store, row->no, lane, log.seq, leaves, &leaf_count, log.root);
    if (status == HF_ERR_NOT_FOUND || status == HF_ERR_LIMIT) {
        log.seq = 0;
        status = HF_OK;
    }
    hf_write_answered(&hub->bundles->items, &log);
    ++*count;
    return status == HF_OK ? hub->bundles->items.status : status;
}

static bool lacks_some(const hf_peer *peer)
{
    for (size_t i = 0; i < peer->relayed_count; i++)
        if (peer->relayed[i].gapped) return true;
    return false;
}

static hf_status answer_all(hf_hub *hub)
{
    hf_bundles *bundles = hub->bundles;
    hf_answer answer = {.code = 0};
    hf_status status = HF_OK;
    hf_buffer_clear(&bundles->items);
    for (size_t i = 0; i < bundles->opened->relayed_count; i++)
        for (uint8_t lane = 1; lane < HF_LANE_COUNT && status == HF_OK; lane++)
            status = answer_log(hub, i, lane, &answer.logs.count);
    answer.logs.items = hf_buffer_bytes(&bundles->items);
    return status == HF_OK ? put_answer(hub, &answer) : status;
}

hf_status hf_bundles_answer(hf_hub *hub)
{
    hf_bundles *bundles = hub->bundles;
    hf_peer *peer = bundles->opened;
    hf_status status = HF_OK;
    if (!peer) return HF_OK;
    const hf_session *session = &peer->session;
    bool is_over = !hf_session_live(session);
    if (!is_over && peer->queued_size > 0) return HF_OK; /* more of it in this turn */
    /* Trouble of our own is no reason to refuse it: it waits for the next round. */
    bool waits = is_over ? session->code >= HF_CODE_BUSY : lacks_some(peer);
    if (is_over && !waits)
        status = refuse(hub, peer->name, session->code, session->text);
    else if (!waits)
        status = answer_all(hub);
    if (status != HF_OK) return status;
    if (waits) {
        bundles->waits = true;
        bundles->again_at_ms = hub->now_ms + HF_BUNDLE_EVERY_MS;
    }
    hf_peer_free_linkless(peer);
    bundles->opened = NULL;
    return HF_OK;
}

/* ---- opening ---- */

/* Is it a frame of those that a station's entries go up by? */
static bool may_be_inside(hf_hub *hub, hf_bytes message)
{
    hf_bytes raw;
    hf_reader body;
    uint64_t type;
    size_t items;
    if (hf_frame_open(hub->deflater, message, &hub->inflated, &raw) != HF_OK) return false;
    if (hf_frame_head(raw, &type, &body, &items) != HF_OK) return false;
    return type == HF_FRAME_ORIGIN || type == HF_FRAME_RELAY;
}

static hf_status take(hf_hub *hub, const hf_device *station, hf_list messages)
{
    hf_peer *peer;
    hf_bytes message;
    hf_status status = hf_peer_new_linkless(hub, station, &peer);
    if (status != HF_OK) return status;
    hub->bundles->opened = peer;
    while (hf_session_live(&peer->session) && hf_next_message_item(&messages, &message)) {
        if (may_be_inside(hub, message))
            (void)!hf_hub_recv(hub, peer, message, hub->now_ms); /* what fails, its session tells */
        else
            hf_session_fail(&peer->session, HF_CODE_MALFORMED,
                            "a frame that does not belong there");
    }
    return HF_OK;
}

static hf_status open_row(hf_hub *hub)
{
    hf_bundles *bundles = hub->bundles;
    const hf_crypto *crypto = hf_store_crypto(hub->store);
    hf_bundle bundle;
    hf_device station;
    hf_list messages;
    hf_status status =
        hf_carry_bytes(hub->store, bundles->row.id, HF_CARRY_BUNDLE, &bundles->bytes);
    if (status == HF_ERR_NOT_FOUND) return HF_OK; /* it rotted, and is gone */
    if (status == HF_OK) status = hf_bundle_read(hf_buffer_bytes(&bundles->bytes), &bundle);
    if (status != HF_OK) return status;
    status = hf_device_by_key(hub->store, bundles->row.station, &station);
    if (status == HF_ERR_NOT_FOUND || (status == HF_OK && !station.is_hub))
        return refuse(hub, "a stranger", HF_CODE_UNKNOWN, "no such station is enrolled here");
    if (status != HF_OK) return status;
    if (station.revoked)
        return refuse(hub, station.name, HF_CODE_REVOKED, "its station is revoked");
    if (memcmp(bundle.centre, crypto->own_key_id, HF_HASH_SIZE) != 0)
        return refuse(hub, station.name, HF_CODE_RETIRED,
                      "it is sealed for another centre, and is to be sealed anew for this one");
    status = hf_bundle_open(crypto, &bundle, &bundles->plain, &messages);
    if (status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT)
        return refuse(hub, station.name, HF_CODE_SIGNATURE,
                      "it does not open, or what is in it cannot be read");
    return status == HF_OK ? take(hub, &station, messages) : status;
}

hf_status hf_bundles_open(hf_hub *hub)
{
    hf_bundles *bundles = hub->bundles;
    bool found;
    if (bundles->waits && hub->now_ms >= bundles->again_at_ms) bundles->again = true;
    if (bundles->opened || (!bundles->again && !bundles->tried)) return HF_OK;
    if (bundles->again) bundles->tried = bundles->waits = false; /* from the first on */
    bundles->again = false;
    hf_status status = next_row(bundles, hub->store, &found);
    if (status == HF_OK && found) status = open_row(hub);
    return status;
}
