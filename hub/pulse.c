/* pulse.c: a hub's own signs of life, on disk; what it was away for; and drills.
 *
 * Why on disk: a hub that was killed cannot say when. At its next start it knows that it was away
 * from its last durable beat until now, and nobody has to believe a clock but its own. */
#include "backlog.h"
#include "peer.h"

#include "sync/control.h"
#include "sync/planted.h"

#include <stdio.h>
#include <string.h>

static const char META_RESTED[] = "rested"; /* it was told to end, and ended well */

/* ---- being away ---- */

static hf_status was_told_to_end(hf_hub *hub, bool *told)
{
    hf_buffer value = {0};
    hf_status status = hf_meta_get(hub->store, META_RESTED, &value);
    *told = value.size > 0;
    hf_buffer_free(&value);
    return status;
}

/* A beat that is still to come: that clock was wrong, or this one is. An outage that begins in the
 * future would stand as one that lasts, so until the time has come it is one that ended just now.
 */
static hf_status note_away(hf_hub *hub, const hf_beat *last, uint64_t wall_ms)
{
    bool told, dated = last->last_ms <= wall_ms;
    hf_outage away = {.last_ms = dated ? last->last_ms : wall_ms,
                      .noticed_ms = wall_ms,
                      .ended_ms = wall_ms,
                      .quality = dated ? 3 : 0,
                      .position = hf_feed_position(hub->store),
                      .told = true};
    memcpy(away.seer, hf_store_crypto(hub->store)->own_key_id, sizeof away.seer);
    hf_status status = was_told_to_end(hub, &told);
    away.reason = told ? HF_OUTAGE_STOPPED : HF_OUTAGE_FELL;
    /* What was committed after the last beat came before the end, not after it. */
    if (status == HF_OK) status = hf_beat_put(hub->store, away.position, last->last_ms);
    if (status == HF_OK && !HF_PLANTED(OUTAGE_NOT_KEPT)) status = hf_outage_put(hub->store, &away);
    if (status == HF_OK) status = hf_meta_set(hub->store, META_RESTED, (hf_bytes){NULL, 0});
    hub->pulse.undated = !dated;
    hub->pulse.away = away;
    hub->pulse.died_ms = last->last_ms;
    hub->pulse.began_ms = hub->now_ms;
    return status;
}

/* It began by a clock that was behind, as one without a battery is until somebody tells it the
 * time. Now that it is right, the last beat says when the hub died, and the monotonic clock when it
 * came back. */
static hf_status date_away(hf_hub *hub)
{
    hf_pulse *pulse = &hub->pulse;
    hf_outage away = pulse->away;
    uint64_t since_ms = hub->now_ms - pulse->began_ms;
    if (hub->wall_ms < pulse->died_ms + since_ms) return HF_OK;
    away.last_ms = pulse->died_ms;
    away.noticed_ms = away.ended_ms = hub->wall_ms - since_ms;
    away.quality = 3;
    hf_status status = hf_outage_end(hub->store, &away, pulse->away.last_ms);
    pulse->undated = status != HF_OK;
    return status;
}

static hf_status beat(hf_hub *hub)
{
    hub->pulse.position = hf_feed_position(hub->store);
    hub->pulse.at_ms = hub->now_ms;
    hf_status status = hub->pulse.undated ? date_away(hub) : HF_OK;
    if (status == HF_OK) status = hf_beat_put(hub->store, hub->pulse.position, hub->wall_ms);
    hub->pulse.failed = status != HF_OK;
    return status;
}

hf_status hf_hub_begin(hf_hub *hub, uint64_t now_ms, uint64_t wall_ms)
{
    hf_batch *batch;
    hf_beat last;
    bool found;
    hub->now_ms = now_ms;
    hub->wall_ms = wall_ms;
    hf_status status = hf_batch_begin(hub->store, wall_ms, &batch);
    if (status != HF_OK) return status;
    status = hf_beat_last(hub->store, &last, &found);
    if (status == HF_OK && found) status = note_away(hub, &last, wall_ms);
    if (status == HF_OK) status = beat(hub);
    if (status == HF_OK)
        status = hf_batch_commit(batch);
    else
        hf_batch_rollback(batch);
    hub->pulse.on = status == HF_OK;
    return status;
}

hf_status hf_hub_rest(hf_hub *hub, uint64_t wall_ms)
{
    if (!hub->pulse.on) return HF_OK;
    hub->wall_ms = wall_ms;
    hub->pulse.on = false;
    hf_status status = beat(hub);
    if (status == HF_OK)
        status = hf_meta_set(hub->store, META_RESTED, (hf_bytes){(const uint8_t *)"1", 1});
    return status;
}

/* ---- the pulse ---- */

uint64_t hf_pulse_deadline_ms(const hf_hub *hub)
{
    const hf_pulse *pulse = &hub->pulse;
    if (!pulse->on) return UINT64_MAX;
    bool busy = hf_feed_position(hub->store) != pulse->position;
    if (!busy && HF_PLANTED(BEAT_ONLY_BUSY)) return UINT64_MAX;
    return pulse->at_ms + (busy ? HF_BEAT_BUSY_MS : HF_BEAT_EVERY_MS);
}

hf_status hf_pulse_turn(hf_hub *hub)
{
    return hub->now_ms < hf_pulse_deadline_ms(hub) ? HF_OK : beat(hub);
}

/* ---- drills ---- */

static hf_status on_own(void *context, const hf_outage *outage)
{
    hf_pulse *pulse = context;
    if (outage->reason != HF_OUTAGE_DRILL || outage->ended_ms < pulse->until_ms) return HF_OK;
    memcpy(pulse->unit, outage->unit, sizeof pulse->unit);
    pulse->until_ms = outage->ended_ms;
    return HF_OK;
}

hf_status hf_pulse_load(hf_hub *hub)
{
    hub->pulse.until_ms = 0;
    hub->pulse.unit[0] = 0;
    const uint8_t *own = hf_store_crypto(hub->store)->own_key_id;
    return hf_outage_each(hub->store, own, 0, on_own, &hub->pulse);
}

void hf_pulse_refuse(hf_hub *hub, hf_peer *peer, const char *unit)
{
    const hf_pulse *pulse = &hub->pulse;
    if (hub->wall_ms >= pulse->until_ms || strcmp(unit, pulse->unit) != 0) return;
    uint64_t left_ms = pulse->until_ms - hub->wall_ms;
    if (left_ms > HF_DRILL_RETRY_MS) left_ms = HF_DRILL_RETRY_MS;
    hf_session_bye(&peer->session, HF_CODE_DRILL, left_ms);
    hf_backlog_drop(hub, peer);
    hf_peer_wake(peer);
}

static hf_status refuse_all(hf_hub *hub)
{
    hf_status status = HF_OK;
    for (hf_peer *peer = hub->peers; peer && status == HF_OK; peer = peer->next) {
        hf_device device;
        status = hf_device_by_key(hub->store, peer->key_id, &device);
        if (status == HF_OK) hf_pulse_refuse(hub, peer, device.unit);
    }
    return status;
}

typedef struct drill_walk {
    const hf_pulse *pulse;
    hf_outage row;
    bool found;
} drill_walk;

static hf_status find_drill(void *context, const hf_outage *outage)
{
    drill_walk *walk = context;
    if (outage->reason != HF_OUTAGE_DRILL || outage->ended_ms != walk->pulse->until_ms)
        return HF_OK;
    walk->row = *outage;
    walk->row.logs = (hf_bytes){NULL, 0};
    walk->found = true;
    return HF_OK;
}

static hf_status end_drill(hf_hub *hub)
{
    drill_walk walk = {.pulse = &hub->pulse};
    const uint8_t *own = hf_store_crypto(hub->store)->own_key_id;
    hf_status status = hf_outage_each(hub->store, own, 0, find_drill, &walk);
    if (status == HF_OK && !walk.found) status = HF_ERR_NOT_FOUND;
    walk.row.ended_ms = hub->wall_ms > walk.row.last_ms ? hub->wall_ms : walk.row.last_ms;
    if (status == HF_OK) status = hf_outage_put(hub->store, &walk.row);
    return status == HF_OK ? hf_pulse_load(hub) : status;
}

hf_status hf_hub_drill(hf_hub *hub, const char *unit, uint64_t until_ms, uint64_t wall_ms)
{
    hub->wall_ms = wall_ms;
    bool drilling = wall_ms < hub->pulse.until_ms;
    if (until_ms <= wall_ms) return drilling ? end_drill(hub) : HF_ERR_NOT_FOUND;
    if (drilling) return HF_ERR_BUSY;
    hf_outage drill = {.reason = HF_OUTAGE_DRILL,
                       .quality = 3,
                       .told = true,
                       .last_ms = wall_ms,
                       .noticed_ms = wall_ms,
                       .ended_ms = until_ms,
                       .position = hf_feed_position(hub->store)};
    memcpy(drill.seer, hf_store_crypto(hub->store)->own_key_id, sizeof drill.seer);
    (void)snprintf(drill.unit, sizeof drill.unit, "%s", unit);
    hf_status status = hf_outage_put(hub->store, &drill);
    if (status == HF_OK) status = hf_pulse_load(hub);
    return status == HF_OK ? refuse_all(hub) : status;
}
