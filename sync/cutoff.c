/* cutoff.c: an outage as a device lives it: last contact, noticed, over; and what waited meanwhile.
 *
 * Why by seq and not by time: a device's clock may be years off. The hub acknowledged each log up
 * to some seq before contact was lost, and the log has some last seq when it is back: what lies
 * between had to wait, whatever any clock says. */
#include "cutoff.h"

#include "log.h"
#include "planted.h"

#include <string.h>

/* ---- logs ---- */

typedef struct log_walk {
    hf_cutoff *cutoff;
    const hf_origin_row *origin;
    hf_buffer items;
    size_t count;
    bool closing;
} log_walk;

/* The log as it was when it began: acknowledged up to `from`, written up to `to`. */
static hf_outage_log at_first(const hf_cutoff *cutoff, const hf_outage_log *wanted)
{
    size_t count;
    hf_outage_log log;
    hf_reader reader = hf_outage_logs(hf_buffer_bytes(&cutoff->logs), &count);
    for (size_t i = 0; i < count && hf_outage_next_log(&reader, &log); i++)
        if (log.lane == wanted->lane &&
            memcmp(&log.origin, &wanted->origin, sizeof log.origin) == 0)
            return log;
    log = *wanted; /* it began while we were cut off: a new name after a restore */
    log.from = log.to = 0;
    return log;
}

static hf_status on_log(void *context, const hf_log_state *state)
{
    log_walk *walk = context;
    if (state->lane == HF_LANE_CONTROL || walk->count == HF_OUTAGE_LOGS_MAX) return HF_OK;
    hf_outage_log log = {.origin = walk->origin->id, .lane = state->lane, .from = state->acked};
    if (walk->closing) log = at_first(walk->cutoff, &log);
    if (!walk->closing || !HF_PLANTED(OUTAGE_TO_EARLY)) log.to = state->seq;
    if (walk->closing && log.from >= log.to) return HF_OK;
    hf_write_outage_log(&walk->items, &log);
    walk->count++;
    return walk->items.status;
}

static hf_status on_origin(void *context, const hf_origin_row *origin)
{
    log_walk *walk = context;
    walk->origin = origin;
    return hf_log_each(walk->cutoff->store, origin->no, on_log, walk);
}

/* While it lasts: how far each log was acknowledged. At its end: what had to wait. */
static hf_status read_logs(hf_cutoff *cutoff, bool closing, hf_buffer *out)
{
    log_walk walk = {.cutoff = cutoff, .closing = closing};
    hf_status status = hf_origin_each_own(cutoff->store, on_origin, &walk);
    hf_write_array(out, walk.count);
    hf_write_raw(out, hf_buffer_bytes(&walk.items));
    if (status == HF_OK) status = walk.items.status == HF_OK ? out->status : walk.items.status;
    hf_buffer_free(&walk.items);
    return status;
}

/* ---- open ---- */

static hf_status on_stored(void *context, const hf_outage *outage)
{
    hf_cutoff *cutoff = context;
    if (outage->ended_ms) return HF_OK;
    cutoff->open = true;
    cutoff->outage = *outage;
    hf_buffer_clear(&cutoff->logs);
    hf_write_raw(&cutoff->logs, outage->logs);
    cutoff->outage.logs = hf_buffer_bytes(&cutoff->logs);
    return cutoff->logs.status;
}

hf_status hf_cutoff_open(hf_cutoff *cutoff, hf_store *store)
{
    *cutoff = (hf_cutoff){.store = store};
    const hf_origin_row *own = hf_store_own_origin(store);
    return own ? hf_outage_each(store, own->key_id, 0, on_stored, cutoff) : HF_OK;
}

void hf_cutoff_close(hf_cutoff *cutoff)
{
    hf_buffer_free(&cutoff->logs);
}

/* ---- one look ---- */

/* Contact was when the hub last said something, which may be a while ago on a quiet link. */
static void note_contact(hf_cutoff *cutoff, const hf_contact *contact)
{
    uint64_t ago_ms = contact->now_ms - contact->heard_ms;
    cutoff->contact_ms = contact->heard_ms;
    cutoff->contact_true_ms = contact->true_ms > ago_ms ? contact->true_ms - ago_ms : 1;
    cutoff->lost_ms = contact->now_ms;
    cutoff->quality = contact->quality;
}

static hf_status take_free(void *context, const hf_outage *outage)
{
    hf_outage *wanted = context;
    if (outage->ended_ms == 0) return HF_OK;                   /* that is this one */
    if (outage->last_ms == wanted->last_ms) wanted->last_ms++; /* they come in ascending order */
    return HF_OK;
}

static hf_status begin(hf_cutoff *cutoff, const hf_contact *contact)
{
    hf_outage outage = {
        .last_ms = cutoff->contact_true_ms, .reason = contact->reason, .quality = cutoff->quality};
    memcpy(outage.seer, hf_store_own_origin(cutoff->store)->key_id, sizeof outage.seer);
    /* A clock that stood still gives two outages one moment, and so one name. */
    hf_status status = hf_outage_each(cutoff->store, outage.seer, 0, take_free, &outage);
    outage.noticed_ms = outage.last_ms + (contact->now_ms - cutoff->contact_ms);
    hf_buffer_clear(&cutoff->logs);
    if (status == HF_OK) status = read_logs(cutoff, false, &cutoff->logs);
    outage.logs = hf_buffer_bytes(&cutoff->logs);
    if (status == HF_OK) status = hf_outage_put(cutoff->store, &outage);
    if (status != HF_OK) {
        cutoff->lost_ms = contact->now_ms; /* not at once again: the disk is full, perhaps */
        return status;
    }
    cutoff->outage = outage;
    cutoff->open = cutoff->measured = true;
    return HF_OK;
}

/* When it was. If one run saw all of it, the monotonic clock says how long it lasted and the hub
 * now says what time it is: a clock that was wrong meanwhile dates nothing. Else the beginning
 * stays as it was noted, and the end is the hub's. */
static hf_status date(const hf_cutoff *cutoff, const hf_contact *contact, hf_outage *outage)
{
    if (cutoff->measured) {
        uint64_t took_ms = contact->now_ms - cutoff->contact_ms;
        uint64_t notice_ms = outage->noticed_ms - outage->last_ms;
        outage->last_ms = contact->true_ms > took_ms ? contact->true_ms - took_ms : 1;
        hf_status status = hf_outage_each(cutoff->store, outage->seer, 0, take_free, outage);
        if (status != HF_OK) return status;
        outage->noticed_ms = outage->last_ms + notice_ms;
        outage->ended_ms = outage->last_ms + took_ms;
        outage->quality = contact->quality;
    } else {
        outage->ended_ms = contact->true_ms;
        if (contact->quality < outage->quality) outage->quality = contact->quality;
    }
    if (outage->ended_ms < outage->noticed_ms) outage->ended_ms = outage->noticed_ms;
    return HF_OK;
}

static hf_status finish(hf_cutoff *cutoff, const hf_contact *contact, bool *ended)
{
    hf_buffer logs = {0};
    hf_outage outage = cutoff->outage;
    hf_status status = read_logs(cutoff, true, &logs);
    outage.logs = hf_buffer_bytes(&logs);
    if (status == HF_OK) status = date(cutoff, contact, &outage);
    if (status == HF_OK) status = hf_outage_end(cutoff->store, &outage, cutoff->outage.last_ms);
    hf_buffer_free(&logs);
    if (status != HF_OK) return status;
    cutoff->open = cutoff->measured = false;
    *ended = true;
    return HF_OK;
}

hf_status hf_cutoff_look(hf_cutoff *cutoff, const hf_contact *contact, bool *ended)
{
    *ended = false;
    if (!hf_store_own_origin(cutoff->store)) return HF_OK;
    if (!cutoff->begun || contact->in_touch) {
        hf_status status = HF_OK;
        if (cutoff->open && contact->in_touch) status = finish(cutoff, contact, ended);
        if (status == HF_OK) note_contact(cutoff, contact);
        cutoff->begun = true;
        return status;
    }
    /* A link that has been silent has been so for long enough. */
    bool late =
        contact->reason == HF_OUTAGE_SILENT || contact->now_ms - cutoff->lost_ms >= HF_CUT_OFF_MS;
    return !cutoff->open && late ? begin(cutoff, contact) : HF_OK;
}

uint64_t hf_cutoff_deadline_ms(const hf_cutoff *cutoff)
{
    return cutoff->open || !cutoff->begun ? UINT64_MAX : cutoff->lost_ms + HF_CUT_OFF_MS;
}
