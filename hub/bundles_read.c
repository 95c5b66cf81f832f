/* bundles_read.c: at a station: who the centre is, and what it makes of what was sealed for it.
 *
 * Why the list of hubs decides: both a centre and the one that took its place have a certificate
 * of the authority's, and each could open what was sealed to it. Who answers for a centre that is
 * none any more sends the list along, so that the station learns of it by the same device. */
#include "bundles.h"

#include "upstream.h"

#include "sync/hubs.h"
#include "sync/node.h"
#include "sync/planted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- who is the centre ---- */

/* Of this key, or of any centre's: the last that we heard of; NULL: none. */
static const hf_origin_row *newest_life(hf_hub *hub, const uint8_t *key_id)
{
    for (int64_t no = (int64_t)hf_origin_count(hub->store); no > 0; no--) {
        const hf_origin_row *row = hf_origin_by_no(hub->store, no);
        if (!row || !row->is_hub || row->own || !row->name[0]) continue;
        if (!key_id || memcmp(row->key_id, key_id, HF_HASH_SIZE) == 0) return row;
    }
    return NULL;
}

/* Its certificate came with its control entries. */
static hf_status read_newest(hf_hub *hub, hf_buffer *der)
{
    const hf_origin_row *row = newest_life(hub, NULL);
    return row ? hf_origin_certificate(hub->store, row->no, der) : HF_ERR_NOT_FOUND;
}

hf_status hf_bundles_centre(hf_hub *hub, hf_certificate *out)
{
    const hf_crypto *crypto = hf_store_crypto(hub->store);
    hf_buffer held = {0}, der = {0};
    hf_hub_list list;
    bool found;
    hf_status status = hf_hub_list_load(hub->store, &held, &list, &found);
    if (status == HF_OK && found) hf_write_raw(&der, list.certificate);
    if (status == HF_OK) status = found ? der.status : read_newest(hub, &der);
    if (status == HF_OK) status = crypto->certificate(crypto->context, hf_buffer_bytes(&der), out);
    hf_buffer_free(&held);
    hf_buffer_free(&der);
    return status;
}

/* It is not the centre that said this; or it is, in a life before the newest that we know: it was
 * set back since, and may have lost what it then held. What was in the bundle is sealed anew. */
static hf_status is_stale(hf_hub *hub, const hf_certificate *by, const hf_origin_id *life,
                          bool *stale)
{
    hf_certificate centre;
    const hf_origin_row *said = hf_origin_by_id(hub->store, life);
    bool is_former = said && said->known && said != newest_life(hub, by->key_id);
    hf_status status = hf_bundles_centre(hub, &centre);
    *stale = status != HF_OK || is_former || memcmp(centre.key_id, by->key_id, HF_HASH_SIZE) != 0;
    return status == HF_ERR_NOT_FOUND ? HF_OK : status;
}

/* ---- what need not be carried ---- */

typedef struct sweeping {
    hf_hub *hub;
    bool is_there;                 /* all of it is at the centre */
    const hf_certificate *follows; /* NULL: only that counts; else what is for others goes */
} sweeping;

static hf_status check_cover(void *context, const hf_covered *log)
{
    sweeping *s = context;
    hf_log_state state;
    hf_status status = hf_log_state_get(s->hub->store, log->origin_no, log->lane, &state);
    if (status == HF_OK && state.acked < log->seq) s->is_there = false;
    return status;
}

static hf_status sweep_row(void *context, const hf_carry_row *row)
{
    sweeping *s = context;
    uint8_t centre[HF_HASH_SIZE];
    if (row->stage != HF_CARRY_BUNDLE || !hf_bundles_own(s->hub, row)) return HF_OK;
    s->is_there = true;
    hf_status status = hf_bundles_covers(s->hub, row->id, centre, check_cover, s);
    if (status != HF_OK) return status;
    bool goes = s->follows ? memcmp(centre, s->follows->key_id, HF_HASH_SIZE) != 0 : s->is_there;
    if (HF_PLANTED(BUNDLE_FOR_EVER)) goes = false;
    return goes ? hf_carry_settle(s->hub->store, row->id) : HF_OK;
}

hf_status hf_bundles_sweep(hf_hub *hub)
{
    sweeping s = {.hub = hub};
    return hf_carry_each(hub->store, 0, sweep_row, &s);
}

hf_status hf_bundles_follow(hf_hub *hub)
{
    hf_certificate centre;
    sweeping s = {.hub = hub, .follows = &centre};
    hf_status status = hf_bundles_centre(hub, &centre);
    if (status == HF_ERR_NOT_FOUND) return HF_OK;
    return status == HF_OK ? hf_carry_each(hub->store, 0, sweep_row, &s) : status;
}

/* ---- answers ---- */

static void note_refused(hf_hub *hub, const hf_answer *answer, const hf_answered *log)
{
    hub->refused++;
    if (!log) {
        (void)snprintf(hub->refusal, sizeof hub->refusal,
                       "the centre could not take a bundle of ours (%u): %.*s", answer->code,
                       (int)answer->text.size,
                       answer->text.size ? (const char *)answer->text.data : "");
        return;
    }
    const hf_origin_row *row = hf_origin_by_id(hub->store, &log->origin);
    (void)snprintf(hub->refusal, sizeof hub->refusal,
                   "the centre refused entries of %.60s in lane %u, which a device carried (%u)",
                   row && row->name[0] ? row->name : "an unknown device", log->lane, log->code);
}

/* Only where the centre's log is ours, entry by entry, does its word count. */
static hf_status take_receipts(hf_hub *hub, hf_batch *batch, const hf_receipt *receipts,
                               size_t count)
{
    hf_client *client = hf_edge_client(hf_hub_upstream(hub));
    hf_status status = HF_OK;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        status = hf_client_carried(client, batch, &receipts[i]);
        if (status == HF_ERR_PROTOCOL || status == HF_ERR_NOT_FOUND) status = HF_OK;
    }
    return status;
}

static hf_status apply_answer(hf_hub *hub, const hf_carry_row *row, const hf_receipt *receipts,
                              size_t count)
{
    hf_batch *batch;
    hf_status status = hf_batch_begin(hub->store, hub->wall_ms, &batch);
    if (status != HF_OK) return status;
    status = take_receipts(hub, batch, receipts, count);
    if (status == HF_OK) status = hf_carry_settle(hub->store, row->id);
    if (status == HF_OK) return hf_batch_commit(batch);
    hf_batch_rollback(batch);
    return status;
}

/* The centre's word of today: what it signed for is there, and its receipts are handed on. */
static hf_status believe(hf_hub *hub, const hf_carry_row *row, const hf_answer *answer,
                         const hf_certificate *centre)
{
    const hf_crypto *crypto = hf_store_crypto(hub->store);
    const hf_origin_row *life;
    hf_answered log;
    size_t count = 0;
    hf_receipt *receipts = calloc(HF_BUNDLE_GROUPS_MAX, sizeof *receipts);
    hf_status status = receipts ? HF_OK : HF_ERR_NOMEM;
    if (status == HF_OK)
        status = hf_origin_learn(hub->store, centre->key_id, answer->incarnation,
                                 answer->certificate, &life);
    if (status == HF_OK)
        status = hf_answer_receipts(crypto, answer, centre->key_id, receipts, &count);
    if (status == HF_OK) status = apply_answer(hub, row, receipts, count);
    free(receipts);
    if (status != HF_OK) return status;
    hub->bundles->heard = true;
    if (answer->code) note_refused(hub, answer, NULL);
    for (hf_list walk = answer->logs; hf_next_answered(&walk, &log);)
        if (log.code) note_refused(hub, answer, &log);
    return HF_OK;
}

hf_status hf_bundles_read_answer(hf_hub *hub, const hf_carry_row *row)
{
    const hf_crypto *crypto = hf_store_crypto(hub->store);
    hf_buffer *bytes = &hub->bundles->bytes;
    hf_answer answer;
    hf_certificate by;
    hf_origin_id life;
    bool stale = false, taken;
    hf_status status = hf_carry_bytes(hub->store, row->id, HF_CARRY_ANSWER, bytes);
    if (status == HF_OK) status = hf_answer_read(hf_buffer_bytes(bytes), &answer);
    if (status == HF_OK) status = hf_answer_check(crypto, &answer, &by);
    if (status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT) /* it was right when it came */
        return hf_carry_settle(hub->store, row->id);
    if (status == HF_OK && answer.hubs.size)
        status = hf_hub_list_take(hub->store, answer.hubs, &taken);
    if (status != HF_OK) return status;
    hf_origin_make_id(crypto, by.key_id, answer.incarnation, &life);
    status = is_stale(hub, &by, &life, &stale);
    if (status != HF_OK) return status;
    return stale ? hf_carry_settle(hub->store, row->id) : believe(hub, row, &answer, &by);
}
