/* api.c: what an edge answers beside what sync/api.c does: search, and how things stand.
 *
 * Why "status" says one thing to do: an officer has no time for two. */
#include "api.h"

#include "sync/lease.h"
#include "sync/render.h"
#include "sync/report.h"
#include "sync/validity.h"
#include "sync/windows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 24 * 60 * 60 * 1000, WITHHELD_SHOWN = 20, SCOPES_SHOWN = HF_SCOPES_MAX };

static const char REVOKED[] = "the hub said 202"; /* protocol.md 5 */

const hf_edge_api *hf_edge_of(const hf_call *call)
{
    return call->api->node;
}

void hf_edge_author(const hf_call *call, hf_author *out)
{
    const char *actor = hf_call_text(call, "actor");
    *out = (hf_author){.actor = *actor ? actor : call->api->name};
    hf_edge_clock(hf_edge_of(call)->edge, call->api->now_ms, call->api->wall_ms, &out->wall_ms,
                  &out->quality);
}

static hf_status api_find(hf_call *call)
{
    hf_json_string(&call->json, "schema", "holdfast.list/1");
    return hf_report_find(call->api->store, hf_json_bytes(json_object_get(call->request, "words")),
                          hf_call_number(call, "limit", HF_REPORT_LIST_DEFAULT, HF_REPORT_LIST_MAX),
                          &call->json);
}

/* ---- status ---- */

static const char *link_word(hf_link_state link)
{
    switch (link) {
    case HF_LINK_DOWN: return "down";
    case HF_LINK_GREETING: return "greeting";
    case HF_LINK_CATCHING_UP: return "catching-up";
    case HF_LINK_IN_SYNC: return "in-sync";
    }
    return "down";
}

static void json_link(hf_call *call, const hf_edge_status *link)
{
    hf_json *json = &call->json;
    uint64_t now_ms = call->api->now_ms;
    hf_json_string(json, "link", call->api->running ? link_word(link->link) : "down");
    hf_json_lasting(json, "link_for_ms", link->since_ms, now_ms);
    if (link->redial_at_ms > now_ms)
        hf_json_uint(json, "dials_in_ms", link->redial_at_ms - now_ms);
    else
        hf_json_null(json, "dials_in_ms");
    hf_json_string(json, "connected_to", link->hub_name);
    hf_json_bool(json, "is_station", link->is_station);
    hf_json_string(json, "last_error", link->last_error);
    if (link->fetching) {
        hf_json_object(json, "snapshot");
        hf_json_uint(json, "parts", link->parts_here);
        hf_json_uint(json, "of", link->parts_count);
        hf_json_end(json);
    } else {
        hf_json_null(json, "snapshot");
    }
    hf_json_time(json, "last_sync", link->last_sync_wall_ms);
    hf_json_object(json, "clock");
    hf_json_bool(json, "known", link->clock_known);
    hf_json_int(json, "offset_ms", link->clock_offset_ms);
    hf_json_end(json);
}

static uint64_t at_the_hub(const hf_standing *standing)
{
    return standing->own_entries - standing->waiting - standing->at_station;
}

static void json_standing(hf_call *call, const hf_standing *standing)
{
    hf_json *json = &call->json;
    hf_json_uint(json, "records", standing->records);
    hf_json_uint(json, "entries", standing->entries);
    hf_json_uint(json, "written_here", standing->own_entries);
    hf_json_uint(json, "at_the_hub", at_the_hub(standing));
    hf_json_uint(json, "at_the_station", standing->at_station);
    hf_json_uint(json, "waiting", standing->waiting);
    hf_json_time(json, "oldest_waiting", standing->oldest_waiting_ms);
    hf_json_uint(json, "conflicts", standing->conflicts);
    hf_json_uint(json, "withheld_count", standing->withheld);
    hf_json_uint(json, "position", standing->position);
    hf_json_uint(json, "pack_version", standing->pack_version);
    hf_json_hex(json, "origin", (hf_bytes){standing->origin.bytes, HF_ORIGIN_SIZE});
}

static hf_status json_scopes(hf_call *call)
{
    hf_scope_view scopes[SCOPES_SHOWN];
    size_t count = SCOPES_SHOWN;
    hf_status status = hf_store_scopes(call->api->store, scopes, &count);
    hf_json_array(&call->json, "scopes");
    for (size_t i = 0; status == HF_OK && i < count && i < SCOPES_SHOWN; i++) {
        hf_json_string(&call->json, NULL, scopes[i].name);
    }
    hf_json_end(&call->json);
    return status;
}

static hf_status json_references(hf_call *call)
{
    hf_json *json = &call->json;
    hf_store *store = call->api->store;
    const hf_pack *pack = hf_store_pack(store);
    uint64_t waiting;
    hf_status status = hf_provisional_count(store, &waiting);
    hf_json_array(json, "references");
    for (size_t i = 0; i < hf_pack_type_count(pack) && status == HF_OK; i++) {
        const hf_series *series = hf_pack_type_at(pack, i)->series;
        hf_series_left left;
        if (!series) continue;
        status = hf_series_left_get(store, series, &left);
        hf_json_object(json, NULL);
        hf_json_string(json, "series", series->name);
        hf_json_uint(json, "left", left.left);
        hf_json_end(json);
    }
    hf_json_end(json);
    hf_json_uint(json, "provisional", waiting);
    return status;
}

static const char *certificate_word(const hf_call *call, hf_validity valid, uint64_t now_ms)
{
    const hf_crypto *crypto = hf_store_crypto(call->api->store);
    if (valid.until_ms == 0) return "none";
    if (now_ms > valid.until_ms) return "ended";
    if (now_ms < valid.from_ms) return "not-yet";
    return now_ms < hf_validity_due_ms(valid, crypto->own_key_id) ? "good" : "due";
}

/* By the hub's time, as far as it is known. */
static void json_certificate(hf_call *call, const hf_edge_status *link)
{
    hf_json *json = &call->json;
    hf_validity valid = hf_edge_validity(hf_edge_of(call)->edge);
    uint64_t now_ms;
    uint8_t quality;
    hf_edge_clock(hf_edge_of(call)->edge, call->api->now_ms, call->api->wall_ms, &now_ms, &quality);
    hf_json_object(json, "certificate");
    hf_json_time(json, "from", valid.from_ms);
    hf_json_time(json, "until", valid.until_ms);
    hf_json_int(json, "days_left", ((int64_t)valid.until_ms - (int64_t)now_ms) / DAY_MS);
    hf_json_string(json, "state", certificate_word(call, valid, now_ms));
    hf_json_string(json, "problem", link->certificate_problem);
    hf_json_end(json);
    hf_json_time(json, "hub_certificate_until", hf_edge_of(call)->hub_certificate.until_ms);
}

/* The hub is met all the same: protocol.md 9 says why. */
static bool is_hub_out_of_date(const hf_call *call, const hf_edge_status *link)
{
    uint64_t now_ms;
    uint8_t quality;
    hf_edge_clock(hf_edge_of(call)->edge, call->api->now_ms, call->api->wall_ms, &now_ms, &quality);
    hf_validity valid = hf_edge_of(call)->hub_certificate;
    return link->clock_known && valid.until_ms && !hf_validity_holds(valid, now_ms);
}

/* The one thing to do next, worst first; or that nothing is needed. */
static void json_next(hf_call *call, const hf_standing *standing, const hf_edge_status *link)
{
    char next[320];
    const hf_api *api = call->api;
    unsigned long long waiting = standing->waiting, conflicts = standing->conflicts;
    if (strncmp(link->last_error, REVOKED, sizeof REVOKED - 1) == 0)
        (void)snprintf(next, sizeof next,
                       "This device was revoked: hand it to your operator. What "
                       "waits here is kept, but goes nowhere.");
    else if (*link->certificate_problem)
        (void)snprintf(next, sizeof next,
                       "Tell the hub's operator: this device's certificate is due and was not "
                       "renewed (%s). It will be asked for again.",
                       link->certificate_problem);
    else if (is_hub_out_of_date(call, link))
        (void)snprintf(next, sizeof next,
                       "Carry on, and tell the hub's operator: the hub's certificate does not "
                       "hold today. Starting the hub anew renews it.");
    else if (standing->withheld)
        (void)snprintf(next, sizeof next,
                       "Show the withheld writes above to your supervisor: the "
                       "hub keeps them, but they do not count.");
    else if (conflicts)
        (void)snprintf(next, sizeof next,
                       "Choose between the versions of %llu record field%s: "
                       "holdfast-edge conflicts",
                       conflicts, conflicts == 1 ? "" : "s");
    else if (!api->running && waiting)
        (void)snprintf(next, sizeof next,
                       "Start \"holdfast-edge run\" to send %llu change%s to "
                       "the hub. They are safe on this device meanwhile.",
                       waiting, waiting == 1 ? "" : "s");
    else if (!api->running)
        (void)snprintf(next, sizeof next,
                       "Start \"holdfast-edge run\" to keep in touch with the "
                       "hub.");
    else if (waiting && link->link == HF_LINK_DOWN)
        (void)snprintf(next, sizeof next,
                       "Nothing is needed: carry on. %llu change%s saved on "
                       "this device and will go as soon as the hub can be "
                       "reached.",
                       waiting, waiting == 1 ? " is" : "s are");
    else if (standing->at_station)
        (void)snprintf(next, sizeof next,
                       "Nothing is needed: carry on. %llu change%s at the station, which passes "
                       "them on as soon as it reaches the hub.",
                       (unsigned long long)standing->at_station,
                       standing->at_station == 1 ? " is" : "s are");
    else
        (void)snprintf(next, sizeof next, "Nothing is needed.");
    hf_json_string(&call->json, "next", next);
}

/* One line: are we cut off, since when, what waits, what is safe? */
static void json_contact(hf_call *call, const hf_standing *standing, const hf_edge_status *link)
{
    char words[600], since[HF_WORDS_SIZE], waits[160], whom[HF_NAME_SIZE + 32] = "the hub";
    hf_json *json = &call->json;
    unsigned long long waiting = standing->waiting;
    bool running = call->api->running;
    bool in_touch = running && !link->cut_off && link->link >= HF_LINK_CATCHING_UP;
    if (in_touch && link->is_station)
        (void)snprintf(whom, sizeof whom, "the station \"%s\"", link->hub_name);
    hf_words_time(link->contact_wall_ms, since);
    if (waiting)
        (void)snprintf(waits, sizeof waits, "%llu change%s, saved on this device", waiting,
                       waiting == 1 ? " waits" : "s wait");
    else
        (void)snprintf(waits, sizeof waits, "nothing waits");
    const char *state = link->drill     ? "Cut off from %s for a drill, since %s"
                        : link->cut_off ? "Cut off from %s since %s"
                        : in_touch      ? "In touch with %s, which answered at %s"
                        : running       ? "Looking for %s, for less than a minute"
                                        : "Not in touch: \"holdfast-edge run\" is not running";
    int used = snprintf(words, sizeof words, state, whom, since);
    used += snprintf(words + used, sizeof words - (size_t)used, ": %s; %llu of %llu are at the hub",
                     waits, (unsigned long long)at_the_hub(standing),
                     (unsigned long long)standing->own_entries);
    if (standing->at_station)
        used += snprintf(words + used, sizeof words - (size_t)used, ", %llu at the station",
                         (unsigned long long)standing->at_station);
    (void)snprintf(words + used, sizeof words - (size_t)used, ".");
    hf_json_object(json, "contact");
    hf_json_bool(json, "cut_off", link->cut_off);
    hf_json_bool(json, "drill", link->drill);
    hf_json_time(json, "answered", link->contact_wall_ms);
    hf_json_string(json, "words", words);
    hf_json_end(json);
}

static hf_status json_planned(hf_call *call)
{
    hf_json *json = &call->json;
    hf_window window;
    bool found;
    uint64_t now_ms;
    uint8_t quality;
    hf_edge_clock(hf_edge_of(call)->edge, call->api->now_ms, call->api->wall_ms, &now_ms, &quality);
    hf_status status = hf_windows_next(call->api->store, now_ms, &window, &found);
    if (status != HF_OK || !found) {
        hf_json_null(json, "planned");
        return status;
    }
    hf_json_object(json, "planned");
    hf_json_time(json, "from", window.from_ms);
    hf_json_time(json, "until", window.until_ms);
    hf_json_string(json, "why", window.why);
    hf_json_end(json);
    return HF_OK;
}

/* Where it may go by the centre's list, in which order, and where it is. */
static hf_status json_hubs(hf_call *call, const hf_edge_status *link)
{
    hf_json *json = &call->json;
    size_t count = HF_HUBS_LISTED_MAX;
    uint64_t now_ms = call->api->now_ms;
    bool connected = call->api->running && *link->hub_name;
    hf_hub_place *places = calloc(count, sizeof *places);
    hf_status status =
        places ? hf_edge_places(hf_edge_of(call)->edge, places, &count) : HF_ERR_NOMEM;
    hf_json_array(json, "hubs");
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        bool is_here = connected && memcmp(places[i].key_id, link->hub_key, HF_HASH_SIZE) == 0;
        hf_json_object(json, NULL);
        hf_json_string(json, "name", places[i].name);
        hf_json_string(json, "address", places[i].address);
        hf_json_bool(json, "centre", places[i].is_centre);
        hf_json_bool(json, "connected", is_here);
        hf_json_end(json);
    }
    hf_json_end(json);
    if (connected)
        hf_json_time(json, "connected_since", call->api->wall_ms - (now_ms - link->linked_at_ms));
    else
        hf_json_null(json, "connected_since");
    free(places);
    return status;
}

static hf_status api_status(hf_call *call)
{
    hf_standing standing;
    hf_edge_status link;
    hf_status status = hf_store_standing(call->api->store, &standing);
    if (status != HF_OK) return status;
    hf_edge_status_get(hf_edge_of(call)->edge, &link);
    hf_json_string(&call->json, "schema", "holdfast.status/1");
    hf_json_string(&call->json, "device", call->api->name);
    hf_json_string(&call->json, "hub", hf_edge_of(call)->hub);
    hf_call_process(call);
    json_contact(call, &standing, &link);
    status = json_planned(call);
    if (status != HF_OK) return status;
    json_link(call, &link);
    status = json_hubs(call, &link);
    if (status != HF_OK) return status;
    json_certificate(call, &link);
    json_standing(call, &standing);
    status = json_scopes(call);
    if (status == HF_OK) status = hf_report_bundles(call->api->store, &call->json);
    if (status == HF_OK) status = json_references(call);
    if (status == HF_OK)
        status = hf_report_withheld(call->api->store, true, WITHHELD_SHOWN, &call->json);
    json_next(call, &standing, &link);
    return status;
}

static const hf_operation operations[] = {
    {"put", hf_edge_api_put},        {"get", hf_api_get},
    {"list", hf_api_list},           {"find", api_find},
    {"import", hf_edge_api_import},  {"delete", hf_edge_api_delete},
    {"conflicts", hf_api_conflicts}, {"resolve", hf_edge_api_resolve},
    {"history", hf_api_history},     {"status", api_status},
    {"receipt", hf_api_receipt},     {"verify", hf_api_verify},
};

const hf_api_side hf_edge_side = {
    .self = "device",
    .no_types = "This device has no record types yet: they come from the hub. Start "
                "\"holdfast-edge run\" once where the hub can be reached.",
    .operations = operations,
    .operation_count = sizeof operations / sizeof operations[0],
};
