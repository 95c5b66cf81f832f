/* node.c: who keeps a session to a hub: when to dial it, what time it really is, where we stand.
 *
 * The conversation itself is client.c. What is left here is the same for an edge and for a station
 * towards the centre: it keeps trying for as long as the shift lasts, spread out so that nine
 * forces do not knock at once, and it knows whether its clock can be believed. */
#include "node.h"

#include "cutoff.h"
#include "hubs.h"
#include "planted.h"
#include "store.h"
#include "system_types.h"
#include "windows.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 60 * 60 * 1000, DAY_HOURS = 24, WEEK_HOURS = 7 * 24, SYNCED_EVERY_MS = 60 * 1000 };

static const char META_SYNCED[] = "synced"; /* hub's wall ms when we were last in sync */

struct hf_edge {
    hf_store *store;
    hf_client *client;
    bool linked, ended_well; /* ended_well: the session was of use, so tries start anew */
    unsigned tries;          /* rounds over all hubs in a row that came to nothing */
    size_t hub_count, at;    /* hubs there are; the one dialled or linked */
    size_t better;           /* the next one above it to be tried */
    unsigned better_tries;   /* times in a row that none above answered, or held */
    uint64_t better_at_ms, linked_at_ms;
    uint64_t lists_at_link; /* lists of hubs that there were when the link came up */
    uint64_t redial_at_ms;  /* 0: now */
    hf_link_state state;
    uint64_t since_ms;
    uint64_t wall_ms, wall_now_ms; /* as of the last turn */
    bool stored_known;             /* clock anchor of a former run */
    uint64_t stored_hub_ms, stored_wall_ms;
    uint64_t synced_wall_ms, synced_saved_ms; /* last in sync; what of it is stored */
    char last_error[160];
    hf_cutoff cutoff;
    bool drilled; /* the hub refuses us on purpose */
};

static hf_status load(hf_edge *edge)
{
    hf_buffer stored = {0};
    hf_status status = hf_client_stored_time(edge->store, &edge->stored_hub_ms,
                                             &edge->stored_wall_ms, &edge->stored_known);
    if (status == HF_OK) status = hf_meta_get(edge->store, META_SYNCED, &stored);
    hf_reader reader = hf_reader_open(hf_buffer_bytes(&stored));
    uint64_t synced_ms = hf_read_uint(&reader);
    if (status == HF_OK && stored.size && hf_reader_end(&reader) == HF_OK)
        edge->synced_wall_ms = edge->synced_saved_ms = synced_ms;
    hf_buffer_free(&stored);
    return status;
}

hf_status hf_edge_new(hf_store *store, const hf_edge_options *options, hf_edge **out)
{
    *out = NULL;
    hf_edge *edge = calloc(1, sizeof *edge);
    if (!edge) return HF_ERR_NOMEM;
    edge->store = store;
    edge->hub_count = 1;
    hf_status status = hf_client_new(store, options->implementation, &edge->client);
    if (status == HF_OK) status = load(edge);
    if (status == HF_OK) status = hf_cutoff_open(&edge->cutoff, store);
    if (status != HF_OK) {
        hf_edge_free(edge);
        return status;
    }
    *out = edge;
    return HF_OK;
}

void hf_edge_free(hf_edge *edge)
{
    if (!edge) return;
    hf_client_free(edge->client);
    hf_cutoff_close(&edge->cutoff);
    free(edge);
}

hf_client *hf_edge_client(hf_edge *edge)
{
    return edge->client;
}

/* ---- dialling ---- */

/* A number in [0, below]; the whole of it if there is no randomness to be had. */
static uint64_t random_below(hf_edge *edge, uint64_t below)
{
    const hf_crypto *crypto = hf_store_crypto(edge->store);
    uint8_t bytes[8];
    if (crypto->random(crypto->context, bytes, sizeof bytes) != HF_OK) return below;
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof bytes; i++) number = number << 8 | bytes[i];
    return number % (below + 1);
}

/* Not at once, and later each time that it came to nothing or did not last: who moves to and fro is
 * connected nowhere. */
static void plan_better(hf_edge *edge, uint64_t now_ms)
{
    uint64_t most_ms = (uint64_t)HF_BETTER_MIN_MS << edge->better_tries;
    if (most_ms > HF_BETTER_MAX_MS) most_ms = HF_BETTER_MAX_MS;
    edge->better = 0;
    edge->better_at_ms = now_ms + most_ms + random_below(edge, most_ms / 2);
}

void hf_edge_hubs(hf_edge *edge, size_t count)
{
    assert(count > 0 && !edge->linked);
    edge->hub_count = count;
    edge->at = 0;
}

size_t hf_edge_hub(const hf_edge *edge)
{
    return edge->at;
}

void hf_edge_hubs_changed(hf_edge *edge, size_t count, size_t at, uint64_t now_ms)
{
    assert(count > 0 && at <= count);
    edge->hub_count = count;
    edge->at = at < count ? at : 0;
    edge->better_tries = 0; /* what did not answer under the former list says nothing of this one */
    if (edge->linked && at < count) plan_better(edge, now_ms);
    if (edge->linked && at == count) edge->ended_well = true; /* to the best, and without delay */
    if (!edge->linked) edge->redial_at_ms = now_ms;
}

hf_status hf_edge_places(hf_edge *edge, hf_hub_place *out, size_t *count)
{
    return hf_hub_list_places(edge->store, out, count);
}

hf_status hf_edge_hubs_message(hf_edge *edge, const hf_certificate *hub, hf_bytes *message)
{
    hf_buffer held = {0};
    hf_hub_list list;
    bool found;
    *message = (hf_bytes){NULL, 0};
    hf_status status = hf_hub_list_load(edge->store, &held, &list, &found);
    bool is_replaced = status == HF_OK && found && hub->is_hub &&
                       memcmp(list.centre, hub->key_id, HF_HASH_SIZE) != 0;
    hf_buffer_free(&held);
    return is_replaced ? hf_client_hubs_message(edge->client, message) : status;
}

uint64_t hf_edge_places_changes(const hf_edge *edge)
{
    return hf_hub_places_changes(edge->store);
}

bool hf_edge_wants_link(const hf_edge *edge, uint64_t now_ms)
{
    return !edge->linked && now_ms >= edge->redial_at_ms;
}

static void enter(hf_edge *edge, hf_link_state state, uint64_t now_ms)
{
    if (edge->state == state) return;
    edge->state = state;
    edge->since_ms = now_ms;
}

void hf_edge_link_up(hf_edge *edge, const hf_certificate *hub, uint64_t now_ms)
{
    edge->linked = true;
    edge->ended_well = false;
    edge->redial_at_ms = 0;
    edge->linked_at_ms = now_ms;
    edge->lists_at_link = hf_hub_list_changes(edge->store);
    plan_better(edge, now_ms);
    hf_client_link_up(edge->client, hub, now_ms);
    enter(edge, HF_LINK_GREETING, now_ms);
}

/* ---- a better hub ---- */

bool hf_edge_wants_better(const hf_edge *edge, uint64_t now_ms, size_t *hub)
{
    *hub = edge->better;
    return edge->linked && edge->at > 0 && now_ms >= edge->better_at_ms;
}

void hf_edge_better_failed(hf_edge *edge, uint64_t now_ms)
{
    if (edge->better + 1 < edge->at) {
        edge->better++; /* the next best, now */
        return;
    }
    if (edge->better_tries < 16) edge->better_tries++;
    plan_better(edge, now_ms);
}

void hf_edge_link_move(hf_edge *edge, size_t hub_index, const hf_certificate *hub, uint64_t now_ms)
{
    assert(hub_index < edge->hub_count);
    hf_client_link_down(edge->client);
    edge->at = hub_index;
    hf_edge_link_up(edge, hub, now_ms);
}

/* Full jitter: after an outage all devices come back, and must not come at once. */
static uint64_t redial_delay(hf_edge *edge)
{
    unsigned shift = edge->tries < 16 ? edge->tries : 16;
    uint64_t most_ms = (uint64_t)HF_REDIAL_MIN_MS << shift;
    if (most_ms > HF_REDIAL_MAX_MS && !HF_PLANTED(REDIAL_WITHOUT_END)) most_ms = HF_REDIAL_MAX_MS;
    return random_below(edge, most_ms);
}

static void note_end(hf_edge *edge)
{
    const hf_session *session = hf_client_session(edge->client);
    if (session->code == 0)
        (void)snprintf(edge->last_error, sizeof edge->last_error, "the link was lost");
    else
        (void)snprintf(edge->last_error, sizeof edge->last_error, "%s %u: %.120s",
                       session->by_peer ? "the hub said" : "we told the hub", session->code,
                       session->text);
}

/* Where to go next, and when. A link that was of use is looked for again at the best hub; one that
 * came to nothing, at the next, and after the last of them all after a pause. */
static uint64_t next_hub(hf_edge *edge, uint64_t now_ms)
{
    bool held = edge->linked && now_ms - edge->linked_at_ms >= HF_BETTER_HELD_MS;
    if (edge->linked && !held && edge->at + 1 < edge->hub_count && edge->better_tries < 16)
        edge->better_tries++; /* it did not last: not so soon again */
    if (held) edge->better_tries = 0;
    if (edge->ended_well) {
        edge->tries = 0;
        edge->at = 0;
        return redial_delay(edge);
    }
    if (edge->at + 1 < edge->hub_count) {
        edge->at++;
        return random_below(edge, HF_FALLBACK_MS);
    }
    edge->at = 0;
    uint64_t delay_ms = redial_delay(edge);
    if (edge->tries < 16) edge->tries++;
    return delay_ms;
}

/* Of a planned outage the end is known: who would sleep through it dials then, and if it lasts
 * longer tries often at first, as if it began there. */
static uint64_t window_delay(hf_edge *edge, uint64_t now_ms, uint64_t delay_ms)
{
    uint64_t true_ms, wall_ms = edge->wall_ms + (now_ms - edge->wall_now_ms);
    uint8_t quality;
    hf_window window;
    bool found;
    hf_edge_clock(edge, now_ms, wall_ms, &true_ms, &quality);
    if (hf_windows_next(edge->store, true_ms, &window, &found) != HF_OK || !found) return delay_ms;
    if (window.from_ms > true_ms || window.until_ms >= true_ms + delay_ms) return delay_ms;
    edge->tries = 0;
    return window.until_ms - true_ms + random_below(edge, HF_WINDOW_SPREAD_MS);
}

void hf_edge_link_down(hf_edge *edge, uint64_t now_ms)
{
    const hf_session *session = hf_client_session(edge->client);
    if (edge->linked) note_end(edge);
    if (!edge->linked)
        (void)snprintf(edge->last_error, sizeof edge->last_error, "the hub could not be reached");
    /* It ended for a new list of hubs: that begins with the best of it. */
    if (edge->linked && hf_hub_list_changes(edge->store) != edge->lists_at_link)
        edge->ended_well = true;
    uint64_t delay_ms = window_delay(edge, now_ms, next_hub(edge, now_ms));
    if (edge->linked && session->by_peer && session->retry_after_ms > 0)
        delay_ms = session->retry_after_ms + random_below(edge, session->retry_after_ms / 4);
    if (edge->linked && session->by_peer && session->code == HF_CODE_REVOKED)
        delay_ms = HF_REDIAL_REFUSED_MS; /* only a person can change that */
    if (edge->linked) edge->drilled = session->by_peer && session->code == HF_CODE_DRILL;
    edge->ended_well = false;
    edge->linked = false;
    edge->redial_at_ms = now_ms + delay_ms;
    hf_client_link_down(edge->client);
    enter(edge, HF_LINK_DOWN, now_ms);
}

/* ---- a turn ---- */

hf_status hf_edge_recv(hf_edge *edge, hf_bytes message, uint64_t now_ms)
{
    return hf_client_recv(edge->client, message, now_ms);
}

/* Once a minute is enough: it only has to be right within a shift after a power cut. */
static hf_status keep_synced(hf_edge *edge)
{
    if (edge->synced_wall_ms < edge->synced_saved_ms + SYNCED_EVERY_MS) return HF_OK;
    hf_buffer out = {0};
    hf_write_uint(&out, edge->synced_wall_ms);
    hf_status status = out.status;
    if (status == HF_OK) status = hf_meta_set(edge->store, META_SYNCED, hf_buffer_bytes(&out));
    hf_buffer_free(&out);
    if (status == HF_OK) edge->synced_saved_ms = edge->synced_wall_ms;
    return status;
}

/* Are we cut off? Asked in every turn, with a link or without. */
static hf_status look_for_hub(hf_edge *edge)
{
    hf_contact contact = {.now_ms = edge->wall_now_ms,
                          .in_touch = edge->linked && hf_client_in_touch(edge->client)};
    contact.reason = edge->drilled                    ? HF_OUTAGE_DRILL
                     : hf_client_silent(edge->client) ? HF_OUTAGE_SILENT
                                                      : HF_OUTAGE_LOST;
    contact.heard_ms = contact.in_touch ? hf_client_heard_ms(edge->client) : edge->wall_now_ms;
    hf_edge_clock(edge, edge->wall_now_ms, edge->wall_ms, &contact.true_ms, &contact.quality);
    bool ended;
    hf_status status = hf_cutoff_look(&edge->cutoff, &contact, &ended);
    if (ended) hf_client_has_news(edge->client);
    if (contact.in_touch) edge->drilled = false;
    return status;
}

hf_status hf_edge_turn(hf_edge *edge, uint64_t now_ms, uint64_t wall_ms)
{
    edge->wall_ms = wall_ms;
    edge->wall_now_ms = now_ms;
    hf_status status = hf_client_turn(edge->client, now_ms, wall_ms);
    hf_status looked = look_for_hub(edge);
    if (status == HF_OK) status = looked;
    if (!edge->linked) return status;
    const hf_session *session = hf_client_session(edge->client);
    bool in_sync = hf_client_caught_up(edge->client) && hf_client_uploaded(edge->client);
    if (session->state != HF_SESSION_OPEN) {
        if (edge->state != HF_LINK_GREETING) enter(edge, HF_LINK_CATCHING_UP, now_ms);
        return status;
    }
    enter(edge, in_sync ? HF_LINK_IN_SYNC : HF_LINK_CATCHING_UP, now_ms);
    edge->last_error[0] = 0;
    if (in_sync || now_ms - session->opened_at_ms >= HF_PING_AFTER_MS) edge->ended_well = true;
    if (!in_sync || status != HF_OK) return status;
    uint8_t quality;
    hf_edge_clock(edge, now_ms, wall_ms, &edge->synced_wall_ms, &quality);
    return keep_synced(edge);
}

hf_status hf_edge_send(hf_edge *edge, uint64_t now_ms, hf_bytes *message)
{
    return hf_client_send(edge->client, now_ms, message);
}

bool hf_edge_next_receipt(hf_edge *edge, hf_dot *out, bool *at_centre)
{
    return hf_client_next_receipt(edge->client, out, at_centre);
}

bool hf_edge_wants_close(const hf_edge *edge)
{
    return edge->linked && hf_session_over(hf_client_session(edge->client));
}

uint64_t hf_edge_deadline_ms(const hf_edge *edge)
{
    uint64_t due_ms = edge->linked ? hf_client_deadline_ms(edge->client) : edge->redial_at_ms;
    uint64_t cutoff_ms = hf_cutoff_deadline_ms(&edge->cutoff);
    bool waits = !edge->linked && cutoff_ms > edge->wall_now_ms;
    bool is_lower = edge->linked && edge->at > 0 && edge->better_at_ms > edge->wall_now_ms;
    if (is_lower && edge->better_at_ms < due_ms) due_ms = edge->better_at_ms;
    return waits && cutoff_ms < due_ms ? cutoff_ms : due_ms;
}

/* ---- our certificate ---- */

bool hf_edge_certificate(const hf_edge *edge, hf_bytes *der)
{
    return hf_client_certificate(edge->client, der);
}

void hf_edge_certificate_kept(hf_edge *edge, bool kept)
{
    hf_client_certificate_kept(edge->client, kept);
    if (kept) edge->ended_well = true;
}

hf_validity hf_edge_validity(hf_edge *edge)
{
    return hf_client_validity(edge->client);
}

/* ---- the clock ---- */

static uint8_t quality_at_age(uint64_t age_ms)
{
    uint64_t hours = age_ms / HOUR_MS;
    return hours < DAY_HOURS ? 3 : hours < WEEK_HOURS ? 2 : 1;
}

/* Within a run the hub's time is carried on by the monotonic clock, which no one can set. After a
 * restart only the difference between the hub's clock and ours is left; if ours now stands before
 * the moment we last heard from the hub, it has been set back and is known to be wrong. */
void hf_edge_clock(const hf_edge *edge, uint64_t now_ms, uint64_t wall_ms, uint64_t *true_ms,
                   uint8_t *quality)
{
    hf_hub_time heard = hf_client_hub_time(edge->client);
    if (heard.known) {
        *true_ms = heard.hub_ms + (now_ms - heard.at_ms);
        *quality = quality_at_age(now_ms - heard.at_ms);
        return;
    }
    *true_ms = wall_ms;
    *quality = 1;
    if (!edge->stored_known) return;
    if (wall_ms < edge->stored_wall_ms) {
        *quality = 0;
        return;
    }
    *true_ms = edge->stored_hub_ms + (wall_ms - edge->stored_wall_ms);
    *quality = quality_at_age(wall_ms - edge->stored_wall_ms);
}

void hf_edge_free_mib(hf_edge *edge, uint64_t free_mib)
{
    hf_client_free_mib(edge->client, free_mib);
}

void hf_edge_status_get(const hf_edge *edge, hf_edge_status *out)
{
    memset(out, 0, sizeof *out);
    out->link = edge->state;
    out->since_ms = edge->since_ms;
    out->redial_at_ms = edge->linked ? 0 : edge->redial_at_ms;
    out->last_sync_wall_ms = edge->synced_wall_ms;
    hf_hub_time heard = hf_client_hub_time(edge->client);
    size_t here, count;
    out->fetching = edge->linked && hf_client_fetching(edge->client, &here, &count);
    if (out->fetching) out->parts_here = (uint32_t)here;
    if (out->fetching) out->parts_count = (uint32_t)count;
    out->clock_known = heard.known || edge->stored_known;
    uint64_t true_ms;
    uint8_t quality;
    hf_edge_clock(edge, edge->wall_now_ms, edge->wall_ms, &true_ms, &quality);
    out->cut_off = edge->cutoff.open;
    out->drill = edge->cutoff.open && edge->drilled;
    out->contact_wall_ms = edge->cutoff.open ? edge->cutoff.outage.last_ms : 0;
    if (!edge->cutoff.open && edge->linked && edge->cutoff.begun)
        out->contact_wall_ms = true_ms - (edge->wall_now_ms - hf_client_heard_ms(edge->client));
    if (out->clock_known) out->clock_offset_ms = (int64_t)(true_ms - edge->wall_ms);
    const hf_certificate *hub = hf_client_hub(edge->client);
    if (edge->linked && hub) {
        out->is_station = hub->is_station;
        (void)snprintf(out->hub_name, sizeof out->hub_name, "%s", hub->name);
        memcpy(out->hub_key, hub->key_id, HF_HASH_SIZE);
        out->linked_at_ms = edge->linked_at_ms;
    }
    (void)snprintf(out->certificate_problem, sizeof out->certificate_problem, "%s",
                   hf_client_certificate_problem(edge->client));
    /* A refused entry matters more to its author than a link that came and went. */
    const char *notice = hf_client_notice(edge->client);
    (void)snprintf(out->last_error, sizeof out->last_error, "%s",
                   notice[0] ? notice : edge->last_error);
}
