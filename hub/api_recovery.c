/* api_recovery.c: what the hub lost, what of it is back, and what is given up. */
#include "api.h"

#include "sync/coverage.h"
#include "sync/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTED_MAX = 1000, DECLARED_MAX = 65536 };

/* ---- refill ---- */

typedef struct listing {
    hf_json *json;
    size_t count;     /* listed */
    uint64_t lacking; /* entries that nobody has brought, and nobody gave up */
    uint64_t declared;
} listing;

static hf_status add_missing(void *context, const hf_missing *missing)
{
    listing *list = context;
    hf_json *json = list->json;
    uint64_t entries = missing->last - missing->first + 1;
    if (missing->declared)
        list->declared += entries;
    else
        list->lacking += entries;
    if (list->count++ >= LISTED_MAX) return HF_OK; /* counted all the same */
    hf_json_object(json, NULL);
    hf_json_hex(json, "origin", (hf_bytes){missing->origin.bytes, HF_ORIGIN_SIZE});
    hf_json_string(json, "device", missing->name);
    hf_json_uint(json, "lane", missing->lane);
    hf_json_uint(json, "first", missing->first);
    hf_json_uint(json, "last", missing->last);
    hf_json_uint(json, "held", missing->held);
    hf_json_bool(json, "declared_lost", missing->declared);
    hf_json_string(json, "reason", missing->text);
    hf_json_end(json);
    return json->out->status;
}

static hf_status add_holding(void *context, const hf_holding *holding)
{
    listing *list = context;
    hf_json *json = list->json;
    if (list->count++ >= LISTED_MAX) return HF_OK;
    hf_json_object(json, NULL);
    hf_json_hex(json, "origin", (hf_bytes){holding->origin.bytes, HF_ORIGIN_SIZE});
    hf_json_string(json, "device", holding->name);
    hf_json_uint(json, "lane", holding->lane);
    hf_json_uint(json, "scope", holding->scope);
    hf_json_uint(json, "held", holding->held);
    hf_json_uint(json, "reported", holding->reported);
    hf_json_hex(json, "by", (hf_bytes){holding->key_id, HF_HASH_SIZE});
    hf_json_bool(json, "could_not_prove", holding->tried);
    hf_json_end(json);
    return json->out->status;
}

hf_status hf_hub_api_refill(hf_call *call)
{
    hf_json *json = &call->json;
    hf_store *store = call->api->store;
    listing missing = {.json = json}, holdings = {.json = json};
    hf_json_string(json, "schema", "holdfast.refill/1");
    hf_json_bool(json, "uploads_only", hf_hub_uploads_only(hf_enroll_of(call)->hub));
    hf_json_array(json, "missing");
    hf_status status = hf_coverage_missing(store, add_missing, &missing);
    hf_json_end(json);
    hf_json_array(json, "offers");
    if (status == HF_OK) status = hf_coverage_holdings(store, add_holding, &holdings);
    hf_json_end(json);
    hf_json_uint(json, "missing_count", missing.lacking);
    hf_json_uint(json, "declared_count", missing.declared);
    hf_json_uint(json, "offer_count", holdings.count);
    hf_json_bool(json, "all_listed", missing.count <= LISTED_MAX && holdings.count <= LISTED_MAX);
    return status;
}

/* ---- declare-lost ---- */

typedef struct reach { /* how far a log is known to go */
    hf_dot dot;
    uint64_t last;
} reach;

static bool same_log(const reach *to, const hf_origin_id *origin, uint8_t lane)
{
    return to->dot.lane == lane && memcmp(&to->dot.origin, origin, sizeof *origin) == 0;
}

static hf_status reach_missing(void *context, const hf_missing *missing)
{
    reach *to = context;
    if (same_log(to, &missing->origin, missing->lane) && missing->last > to->last)
        to->last = missing->last;
    return HF_OK;
}

static hf_status reach_holding(void *context, const hf_holding *holding)
{
    reach *to = context;
    if (same_log(to, &holding->origin, holding->lane) && holding->reported > to->last)
        to->last = holding->reported;
    return HF_OK;
}

static bool read_origin(const char *hex, hf_origin_id *out)
{
    if (strlen(hex) != 2 * HF_ORIGIN_SIZE) return false;
    for (size_t i = 0; i < HF_ORIGIN_SIZE; i++) {
        unsigned value;
        if (sscanf(hex + 2 * i, "%2x", &value) != 1) return false;
        out->bytes[i] = (uint8_t)value;
    }
    return true;
}

/* None of them is here, and all of them must have been: a slip of the pen gives nothing up. */
static hf_status check_lost(hf_call *call, const hf_dot *first, uint64_t last)
{
    hf_store *store = call->api->store;
    reach to = {.dot = *first};
    const hf_origin_row *origin = hf_origin_by_id(store, &first->origin);
    hf_status status = hf_coverage_missing(store, reach_missing, &to);
    if (status == HF_OK) status = hf_coverage_holdings(store, reach_holding, &to);
    if (status != HF_OK) return status;
    if (!origin || last > to.last)
        return hf_call_fail(call, HF_ERR_NOT_FOUND,
                            "Nothing says that there are such entries. \"holdfast-hub refill\" "
                            "lists what is missing.");
    for (uint64_t seq = first->seq; seq <= last; seq++) {
        uint8_t chain[HF_HASH_SIZE];
        status = hf_log_chain_at(store, origin->no, first->lane, seq, chain);
        if (status == HF_OK)
            return hf_call_fail(call, HF_ERR_INPUT, "Entry %llu is here; it is not lost.",
                                (unsigned long long)seq);
        if (status != HF_ERR_NOT_FOUND) return status;
    }
    return HF_OK;
}

hf_status hf_hub_api_declare_lost(hf_call *call)
{
    const char *reason = hf_call_text(call, "reason"), *actor = hf_call_text(call, "actor");
    hf_dot dot = {.lane = (uint8_t)hf_call_number(call, "lane", 0, HF_LANE_COUNT - 1),
                  .seq = hf_call_number(call, "first", 0, INT64_MAX)};
    uint64_t last = hf_call_number(call, "last", 0, INT64_MAX);
    if (!read_origin(hf_call_text(call, "origin"), &dot.origin) || dot.seq == 0 || last < dot.seq)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "Name them as \"refill\" does: ORIGIN/LANE/FIRST or "
                            "ORIGIN/LANE/FIRST-LAST.");
    if (last - dot.seq >= DECLARED_MAX)
        return hf_call_fail(call, HF_ERR_LIMIT, "At most %d entries at a time.", DECLARED_MAX);
    if (!*reason || !*actor || strlen(reason) >= HF_TEXT_MAX)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "To give entries up needs who does it and why, for those who come "
                            "after: --actor \"Sgt Khan\" --reason \"burnt with its station\".");
    hf_status status = check_lost(call, &dot, last);
    if (status != HF_OK) return status;
    status =
        hf_hub_declare_lost(hf_enroll_of(call)->hub, &dot, last, actor, reason, call->api->wall_ms);
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.declared_lost/1");
    hf_json_uint(&call->json, "entries", last - dot.seq + 1);
    return HF_OK;
}

/* ---- accept-control-loss ---- */

hf_status hf_hub_api_accept_control_loss(hf_call *call)
{
    const char *reason = hf_call_text(call, "reason"), *actor = hf_call_text(call, "actor");
    hf_hub *hub = hf_enroll_of(call)->hub;
    if (!hf_hub_uploads_only(hub))
        return hf_call_fail(call, HF_ERR_INPUT,
                            "There is nothing to accept: this hub knows what it decided.");
    if (!*reason || !*actor)
        return hf_call_fail(call, HF_ERR_INPUT,
                            "A device that was revoked after the backup may be let in by this. It "
                            "needs who decides and why: --actor \"Sgt Khan\" --reason \"...\".");
    hf_status status = hf_hub_accept_control_loss(hub, actor, reason, call->api->wall_ms);
    if (status != HF_OK) return status;
    hf_json_string(&call->json, "schema", "holdfast.accepted/1");
    hf_json_string(&call->json, "actor", actor);
    hf_json_string(&call->json, "reason", reason);
    return HF_OK;
}
