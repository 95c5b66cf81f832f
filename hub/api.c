/* api.c: what a hub answers beside what sync/api.c does: how the hub and its devices are. */
#include "api.h"

#include "sync/feed.h"
#include "sync/relay.h"
#include "sync/render.h"
#include "sync/report.h"

#include <stdio.h>
#include <string.h>

enum { WITHHELD_SHOWN = 20 };

const hf_enroll *hf_enroll_of(const hf_call *call)
{
    return call->api->node;
}

static void json_next(hf_call *call, const hf_standing *standing, const hub_fleet *fleet)
{
    char next[256];
    unsigned long long behind = fleet->connected - fleet->in_sync;
    uint64_t refused;
    if (!call->api->running)
        (void)snprintf(next, sizeof next,
                       "Start the hub, so that devices can reach it: "
                       "holdfast-hub run");
    else if (hf_hub_retired(hf_enroll_of(call)->hub))
        (void)snprintf(
            next, sizeof next,
            "Stop this hub: it is the centre no longer, and serves nobody. \"holdfast-hub "
            "hubs list\" says who is.");
    else if (hf_hub_uploads_only(hf_enroll_of(call)->hub))
        (void)snprintf(next, sizeof next,
                       "This hub was restored and hands nothing out, since it does not know whom "
                       "it has revoked: holdfast-hub refill, then accept-control-loss --help");
    else if (hf_enroll_of(call)->upstream && hf_enroll_of(call)->upstream_problem &&
             *hf_enroll_of(call)->upstream_problem)
        (void)snprintf(next, sizeof next,
                       "Nothing is needed for the devices here: carry on. Find out why the centre "
                       "cannot be reached (above).");
    else if (*hf_hub_refused(hf_enroll_of(call)->hub, &refused))
        (void)snprintf(
            next, sizeof next,
            "Look at who brought what is refused (above). None of it counts, and nothing "
            "waits for it.");
    else if (fleet->enrolled == 0 && !hf_enroll_of(call)->upstream)
        (void)snprintf(next, sizeof next,
                       "Make a token for the first device: holdfast-hub token "
                       "--help");
    else if (standing->withheld)
        (void)snprintf(next, sizeof next,
                       "Look at the withheld writes above: each names its "
                       "device and why it does not count.");
    else if (standing->conflicts)
        (void)snprintf(next, sizeof next,
                       "%llu conflict%s for the officers who wrote: "
                       "holdfast-hub conflicts",
                       (unsigned long long)standing->conflicts,
                       standing->conflicts == 1 ? " waits" : "s wait");
    else if (behind)
        (void)snprintf(next, sizeof next, "Nothing is needed: %llu connected device%s catching up.",
                       behind, behind == 1 ? " is" : "s are");
    else
        (void)snprintf(next, sizeof next, "Nothing is needed.");
    hf_json_string(&call->json, "next", next);
}

static hf_status json_certificate(hf_call *call)
{
    const hf_crypto *crypto = hf_store_crypto(call->api->store);
    hf_certificate own = {.valid = {0, 0}};
    if (crypto->own_certificate.size == 0) return HF_OK;
    hf_status status = crypto->certificate(crypto->context, crypto->own_certificate, &own);
    hf_json_time(&call->json, "certificate_until", status == HF_OK ? own.valid.until_ms : 0);
    return status == HF_ERR_PROTOCOL ? HF_OK : status;
}

static void json_fleet(hf_call *call, const hub_fleet *fleet)
{
    hf_json *json = &call->json;
    hf_json_object(json, "devices");
    hf_json_uint(json, "enrolled", fleet->enrolled);
    hf_json_uint(json, "revoked", fleet->revoked);
    hf_json_uint(json, "connected", fleet->connected);
    hf_json_uint(json, "in_sync", fleet->in_sync);
    hf_json_end(json);
    hf_json_object(json, "stations");
    hf_json_uint(json, "enrolled", fleet->stations);
    hf_json_uint(json, "connected", fleet->stations_connected);
    hf_json_end(json);
}

/* A station's own line to the centre; null at the centre. */
static hf_status json_upstream(hf_call *call)
{
    static const char *const words[] = {"down", "greeting", "catching-up", "in-sync"};
    hf_json *json = &call->json;
    const hf_enroll *enroll = hf_enroll_of(call);
    hf_edge *upstream = hf_hub_upstream(enroll->hub);
    hf_edge_status link;
    uint64_t waiting, oldest_ms;
    if (!upstream) {
        hf_json_null(json, "upstream");
        return HF_OK;
    }
    hf_status status = hf_relay_waiting(call->api->store, &waiting, &oldest_ms);
    hf_edge_status_get(upstream, &link);
    hf_json_object(json, "upstream");
    hf_json_string(json, "address", enroll->upstream);
    hf_json_string(json, "link", call->api->running ? words[link.link] : "down");
    hf_json_lasting(json, "link_for_ms", link.since_ms, call->api->now_ms);
    hf_json_string(json, "last_error", link.last_error);
    hf_json_string(json, "problem", enroll->upstream_problem ? enroll->upstream_problem : "");
    hf_json_uint(json, "waiting", waiting);
    hf_json_time(json, "oldest_waiting", oldest_ms);
    hf_json_time(json, "last_sync", link.last_sync_wall_ms);
    hf_json_string(json, "certificate_problem", link.certificate_problem);
    hf_json_end(json);
    return status;
}

/* At a station that runs: does it reach the centre? "" at the centre. */
static void centre_words(const hf_edge_status *link, char *words, size_t size)
{
    char when[HF_WORDS_SIZE];
    hf_words_time(link->contact_wall_ms, when);
    const char *state = link->drill     ? "Cut off from the centre for a drill, since %s. "
                        : link->cut_off ? "Cut off from the centre since %s. "
                        : link->link >= HF_LINK_CATCHING_UP
                            ? "In touch with the centre, which answered at %s. "
                            : "Looking for the centre, for less than a minute. ";
    (void)snprintf(words, size, state, when);
}

/* One line: whom do we reach, since when, what waits elsewhere, what is safe here? */
static void contact_words(hf_call *call, const hf_standing *standing, const hub_contact *contact,
                          char *words, size_t size)
{
    char last[HF_WORDS_SIZE], lasted[HF_WORDS_SIZE];
    unsigned long long waiting = contact->waiting, away = contact->away;
    int used = 0;
    if (!call->api->running)
        used = snprintf(words, size, "Cut off from every device: this hub is not running. ");
    else if (contact->drill)
        used = snprintf(words, size, "DRILL: unit %s is refused on purpose. ", contact->unit);
    else if (contact->known) {
        hf_words_time(contact->ended_ms, last);
        hf_words_lasting(contact->lasted_ms, lasted);
        used = snprintf(words, size, "%s since %s (away for %s then). ",
                        hf_enroll_of(call)->upstream ? "Itself back" : "Not cut off", last, lasted);
    }
    (void)snprintf(words + used, size - (size_t)used,
                   "%llu device%s away, with %llu entr%s when last heard of; the %llu here are "
                   "safe on this disk.",
                   away, away == 1 ? " is" : "s are", waiting, waiting == 1 ? "y" : "ies",
                   (unsigned long long)standing->entries);
}

static hf_status json_contact(hf_call *call, const hf_standing *standing)
{
    char words[640] = "";
    hf_json *json = &call->json;
    hub_contact contact;
    hf_edge_status link = {.cut_off = false};
    hf_edge *upstream = hf_hub_upstream(hf_enroll_of(call)->hub);
    hf_status status = hf_hub_contact(call, &contact);
    if (status != HF_OK) return status;
    if (upstream) hf_edge_status_get(upstream, &link);
    if (upstream && call->api->running) centre_words(&link, words, sizeof words);
    size_t used = strlen(words);
    contact_words(call, standing, &contact, words + used, sizeof words - used);
    hf_json_object(json, "contact");
    hf_json_bool(json, "cut_off", !call->api->running || link.cut_off);
    hf_json_bool(json, "drill", contact.drill);
    hf_json_time(json, "back_since", contact.ended_ms);
    hf_json_uint(json, "away", contact.away);
    hf_json_uint(json, "waiting", contact.waiting);
    hf_json_string(json, "words", words);
    hf_json_end(json);
    return HF_OK;
}

static hf_status api_status(hf_call *call)
{
    hf_standing standing;
    hub_fleet fleet;
    hf_json *json = &call->json;
    hf_status status = hf_store_standing(call->api->store, &standing);
    if (status == HF_OK) status = hf_hub_fleet_count(call, &fleet);
    if (status != HF_OK) return status;
    hf_json_string(json, "schema", "holdfast.hub_status/1");
    hf_json_string(json, "hub", call->api->name);
    hf_call_process(call);
    status = json_contact(call, &standing);
    if (status != HF_OK) return status;
    hf_json_string(json, "listen", hf_enroll_of(call)->sync_address);
    hf_json_string(json, "enrol", hf_enroll_of(call)->enrol_address);
    hf_json_hex(json, "origin", (hf_bytes){standing.origin.bytes, HF_ORIGIN_SIZE});
    hf_json_hex(json, "epoch", (hf_bytes){hf_store_epoch(call->api->store), 16});
    hf_json_uint(json, "position", standing.position);
    hf_json_uint(json, "records", standing.records);
    hf_json_uint(json, "entries", standing.entries);
    hf_json_uint(json, "conflicts", standing.conflicts);
    hf_json_uint(json, "withheld_count", standing.withheld);
    hf_json_uint(json, "pack_version", standing.pack_version);
    hf_json_bool(json, "uploads_only", hf_hub_uploads_only(hf_enroll_of(call)->hub));
    status = json_certificate(call);
    if (status != HF_OK) return status;
    json_fleet(call, &fleet);
    uint64_t refused;
    const char *refusal = hf_hub_refused(hf_enroll_of(call)->hub, &refused);
    hf_json_bool(json, "retired", hf_hub_retired(hf_enroll_of(call)->hub));
    hf_json_uint(json, "relay_refused", refused);
    hf_json_string(json, "relay_refusal", refusal);
    status = json_upstream(call);
    if (status == HF_OK) status = hf_report_bundles(call->api->store, json);
    if (status != HF_OK) return status;
    status = hf_report_withheld(call->api->store, false, WITHHELD_SHOWN, json);
    json_next(call, &standing, &fleet);
    return status;
}

static const hf_operation operations[] = {
    {"status", api_status},
    {"devices", hf_hub_api_devices},
    {"token", hf_hub_api_token},
    {"revoke", hf_hub_api_revoke},
    {"conflicts", hf_api_conflicts},
    {"show", hf_api_get},
    {"history", hf_api_history},
    {"list", hf_api_list},
    {"verify", hf_api_verify},
    {"pack", hf_hub_api_pack},
    {"refill", hf_hub_api_refill},
    {"declare-lost", hf_hub_api_declare_lost},
    {"accept-control-loss", hf_hub_api_accept_control_loss},
    {"references", hf_hub_api_references},
    {"receipt", hf_api_receipt},
    {"outages", hf_hub_api_outages},
    {"outage", hf_hub_api_outage},
    {"sla", hf_hub_api_sla},
    {"drill", hf_hub_api_drill},
    {"window", hf_hub_api_window},
    {"window-off", hf_hub_api_window_off},
    {"windows", hf_hub_api_windows},
    {"readiness", hf_hub_api_readiness},
    {"hubs", hf_hub_api_hubs},
    {"hubs-set", hf_hub_api_hubs_set},
};

const hf_api_side hf_hub_side = {
    .self = "hub",
    .no_types = "This hub has no record types yet: publish a pack with \"holdfast-hub pack\".",
    .operations = operations,
    .operation_count = sizeof operations / sizeof operations[0],
};
