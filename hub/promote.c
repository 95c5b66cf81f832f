/* promote.c: a station that becomes the centre: what it has to hold for that, and what it takes on.
 *
 * Nothing is copied: a station has the entries, the control records and, from now on, a centre's
 * certificate. It begins a new life, so that nobody takes the station's word of yesterday for the
 * centre's of today; it says again, as the centre, what it withheld as a station; and it signs the
 * list of hubs by which all others find it, and know the former centre for what it is. */
#include "peer.h"

#include "sync/apply.h"
#include "sync/control.h"
#include "sync/log.h"
#include "sync/planted.h"
#include "upstream.h"

#include <stdlib.h>
#include <string.h>

enum { VERDICTS_PER_BATCH = 64 };

/* ---- does it hold everything? ---- */

hf_status hf_hub_lacks(hf_hub *hub, hf_scope_view *out, size_t *count)
{
    size_t room = *count, all = HF_SCOPES_MAX;
    hf_scope_view *scopes = calloc(all, sizeof *scopes);
    *count = 0;
    if (!scopes) return HF_ERR_NOMEM;
    hf_status status = hf_store_scopes(hub->store, scopes, &all);
    if (status == HF_OK && all > HF_SCOPES_MAX) status = HF_ERR_LIMIT;
    for (size_t i = 0; i < all && status == HF_OK && hub->upstream; i++) {
        if (hf_upstream_holds(hub->upstream, scopes[i].number)) continue;
        if (*count < room) out[*count] = scopes[i];
        (*count)++;
    }
    free(scopes);
    return status;
}

/* ---- what a station withheld ---- */

typedef struct judging {
    hf_hub *hub;
    hf_buffer holes; /* hf_hole, with their words cut to what a verdict has */
} judging;

/* Only what stands here in full, and by a rule that the centre judges by, too. */
static hf_status on_hole(void *context, const hf_hole *hole)
{
    judging *j = context;
    bool is_ours = hole->held && hole->dot.lane != HF_LANE_CONTROL &&
                   hole->reason >= HF_REASON_NO_GRANT && hole->reason <= HF_REASON_REVOKED;
    if (is_ours) hf_write_raw(&j->holes, (hf_bytes){(const uint8_t *)hole, sizeof *hole});
    return j->holes.status;
}

static hf_status judge_some(hf_hub *hub, const hf_hole *holes, size_t count, uint64_t wall_ms)
{
    hf_batch *batch;
    hf_status status = hf_batch_begin_own(hub->store, wall_ms, count, &batch);
    if (status != HF_OK) return status;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        bool is_said;
        status = hf_verdict_known(hub->store, &holes[i].dot, holes[i].scope, &is_said);
        if (status == HF_OK && !is_said)
            status = hf_batch_verdict(batch, &holes[i].dot, holes[i].scope, holes[i].reason,
                                      "withheld by the station that is the centre now", wall_ms);
    }
    if (status == HF_OK) return hf_batch_commit(batch);
    hf_batch_rollback(batch);
    return status;
}

static hf_status judge_again(hf_hub *hub, uint64_t wall_ms)
{
    judging j = {.hub = hub};
    hf_status status = hf_hole_each(hub->store, on_hole, &j);
    size_t count = j.holes.size / sizeof(hf_hole);
    const hf_hole *holes = (const hf_hole *)(const void *)j.holes.data;
    for (size_t at = 0; at < count && status == HF_OK; at += VERDICTS_PER_BATCH) {
        size_t left = count - at;
        status = judge_some(hub, holes + at, left < VERDICTS_PER_BATCH ? left : VERDICTS_PER_BATCH,
                            wall_ms);
    }
    hf_buffer_free(&j.holes);
    return status;
}

/* ---- the centre's absence ---- */

typedef struct absence {
    hf_outage row;
    bool found;
} absence;

static hf_status find_open(void *context, const hf_outage *outage)
{
    absence *open = context;
    if (outage->ended_ms != 0) return HF_OK;
    open->row = *outage;
    open->row.logs = (hf_bytes){NULL, 0}; /* a station writes nothing of its own that had to wait */
    open->found = true;
    return HF_OK;
}

/* It noted as a client that the centre does not answer. It is nobody's client any more, so nobody
 * would ever end that. */
static hf_status end_absence(hf_hub *hub, uint64_t wall_ms)
{
    absence open = {.found = false};
    const uint8_t *own = hf_store_crypto(hub->store)->own_key_id;
    hf_status status = hf_outage_each(hub->store, own, 0, find_open, &open);
    if (status != HF_OK || !open.found) return status;
    hf_outage *row = &open.row;
    row->ended_ms = wall_ms > row->noticed_ms ? wall_ms : row->noticed_ms;
    row->reason = HF_OUTAGE_REPLACED;
    row->told = true; /* there is no centre to be told */
    return hf_outage_put(hub->store, row);
}

/* ---- the centre from now on ---- */

hf_status hf_hub_promote(hf_hub *hub, const hf_hubs_wish *wish, const char *actor, uint64_t wall_ms)
{
    if (hub->upstream) return HF_ERR_DENIED; /* it is to be opened as the centre first */
    hub->retired = false; /* the list by which another is the centre is about to be replaced */
    hf_status status = HF_PLANTED(PROMOTED_GOES_ON) ? HF_OK : hf_store_new_life(hub->store);
    /* What the former centre decided and nobody brought here is given up, as after a restore. */
    if (status == HF_OK) status = hf_store_control_accept(hub->store);
    if (status == HF_OK && !HF_PLANTED(PROMOTED_UNSAID)) status = judge_again(hub, wall_ms);
    if (status == HF_OK) status = end_absence(hub, wall_ms);
    hf_hubs_wish first = *wish;
    first.promotes = true;
    return status == HF_OK ? hf_hub_set_hubs(hub, &first, actor, wall_ms) : status;
}
