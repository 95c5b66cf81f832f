/* recovery_json.c: the same account for scripts: docs/cli.md names its members. */
#include "recovery.h"
#include "sla.h"

#include "sync/json.h"

static const char *extent_name(hf_extent extent)
{
    static const char *const names[] = {"hub", "centre", "unit", "device"};
    return names[extent];
}

const char *hf_outage_reason_name(uint32_t reason)
{
    static const char *const names[] = {"lost", "silent", "drill", "stopped", "fell", "replaced"};
    return reason < sizeof names / sizeof names[0] ? names[reason] : "unknown";
}

void hf_episode_json(const hf_episode *episode, uint64_t now_ms, hf_json *json)
{
    uint64_t ended_ms = episode->ended_ms ? episode->ended_ms : now_ms;
    hf_json_time(json, "began", episode->began_ms);
    hf_json_time(json, "ended", episode->ended_ms);
    hf_json_uint(json, "lasted_ms", ended_ms - episode->began_ms);
    hf_json_uint(json, "hub_away_ms", episode->away_ms);
    hf_json_string(json, "extent", extent_name(episode->extent));
    hf_json_string(json, "reason", hf_outage_reason_name(episode->reason));
    hf_json_bool(json, "drill", episode->drill);
    hf_json_string(json, "force", episode->force);
    hf_json_string(json, "unit", episode->unit);
    hf_json_uint(json, "seen_by", episode->seers);
}

static void json_sightings(const hf_recovery_view *view, hf_json *json)
{
    const size_t *which = (const size_t *)(const void *)view->recovery->sightings.data;
    hf_json_array(json, "observations");
    for (size_t i = 0; i < view->recovery->sightings.size / sizeof *which; i++) {
        const hf_sighting *s = &view->episodes->sightings[which[i]];
        const hf_party *party = s->party == HF_NOBODY ? NULL : &view->episodes->parties[s->party];
        hf_json_object(json, NULL);
        hf_json_string(json, "seen_by", party ? party->name : view->hub);
        hf_json_bool(json, "hub", !party);
        hf_json_string(json, "force", party ? party->force : "");
        hf_json_string(json, "unit", party ? party->unit : s->unit);
        hf_json_time(json, "last_contact", s->last_ms);
        hf_json_uint(json, "noticed_after_ms", s->noticed_ms - s->last_ms);
        hf_json_time(json, "ended", s->ended_ms);
        hf_json_string(json, "reason", hf_outage_reason_name(s->reason));
        hf_json_uint(json, "clock_quality", s->quality);
        hf_json_end(json);
    }
    hf_json_end(json);
}

static void json_tally(const hf_tallies *tallies, const char *key, hf_json *json)
{
    hf_json_array(json, key);
    for (size_t i = 0; i < hf_tally_count(tallies); i++) {
        hf_json_object(json, NULL);
        hf_json_string(json, "name", hf_tally_at(tallies, i)->name);
        hf_json_uint(json, "entries", hf_tally_at(tallies, i)->entries);
        hf_json_end(json);
    }
    hf_json_end(json);
}

static void json_lanes(const hf_recovery *r, hf_json *json)
{
    hf_json_array(json, "lanes");
    for (uint8_t i = 1; i < HF_LANE_COUNT; i++) {
        const hf_lane_recovery *lane = &r->lanes[i];
        hf_json_object(json, NULL);
        hf_json_uint(json, "lane", i);
        hf_json_string(json, "name", hf_lane_words(i));
        hf_json_uint(json, "entries", lane->entries);
        hf_json_uint(json, "timed", lane->timed);
        hf_json_uint(json, "delay_p50_ms", lane->p50_ms);
        hf_json_uint(json, "delay_p95_ms", lane->p95_ms);
        hf_json_uint(json, "delay_max_ms", lane->max_ms);
        hf_json_uint(json, "clear_after_ms", lane->cleared_ms);
        hf_json_end(json);
    }
    hf_json_end(json);
}

static void json_backlog(const hf_recovery *r, hf_json *json)
{
    hf_json_object(json, "backlog");
    hf_json_uint(json, "max", r->backlog_max);
    hf_json_time(json, "max_at", r->backlog_max_ms);
    hf_json_array(json, "points");
    for (size_t i = 0; i < HF_RECOVERY_POINTS; i++) {
        hf_json_object(json, NULL);
        hf_json_time(json, "at", r->backlog[i].wall_ms);
        hf_json_uint(json, "waiting", r->backlog[i].waiting);
        hf_json_end(json);
    }
    hf_json_end(json);
    hf_json_end(json);
}

static void json_rules(const hf_recovery *r, hf_json *json)
{
    const hf_rule_recovery *rules = (const hf_rule_recovery *)(const void *)r->rules.data;
    hf_json_array(json, "conflicts");
    for (size_t i = 0; i < r->rules.size / sizeof *rules; i++) {
        hf_json_object(json, NULL);
        hf_json_string(json, "rule", rules[i].name);
        hf_json_uint(json, "settled", rules[i].settled);
        hf_json_uint(json, "chosen", rules[i].chosen);
        hf_json_uint(json, "open", rules[i].open);
        hf_json_end(json);
    }
    hf_json_end(json);
}

static void json_references(const hf_recovery *r, hf_json *json)
{
    const hf_reference_recovery *all =
        (const hf_reference_recovery *)(const void *)r->references.data;
    hf_json_array(json, "references");
    for (size_t i = 0; i < r->references.size / sizeof *all; i++) {
        hf_json_object(json, NULL);
        hf_json_string(json, "series", all[i].series);
        hf_json_uint(json, "numbers", all[i].numbers);
        hf_json_uint(json, "provisional", all[i].provisional);
        hf_json_end(json);
    }
    hf_json_end(json);
}

static void json_absent(const hf_recovery_view *view, hf_json *json)
{
    const size_t *which = (const size_t *)(const void *)view->recovery->absent.data;
    hf_json_array(json, "not_back");
    for (size_t i = 0; i < view->recovery->absent.size / sizeof *which; i++) {
        const hf_party *party = &view->episodes->parties[which[i]];
        hf_json_object(json, NULL);
        hf_json_string(json, "name", party->name);
        hf_json_string(json, "force", party->force);
        hf_json_string(json, "unit", party->unit);
        hf_json_time(json, "last_contact", party->contact_ms);
        hf_json_uint(json, "waiting", party->told.waiting);
        hf_json_time(json, "oldest_waiting", party->told.oldest_ms);
        hf_json_end(json);
    }
    hf_json_end(json);
}

static void json_logs(const hf_recovery_view *view, hf_json *json)
{
    const hf_log_recovery *logs = (const hf_log_recovery *)(const void *)view->recovery->logs.data;
    hf_json_array(json, "logs");
    for (size_t i = 0; i < view->recovery->logs.size / sizeof *logs; i++) {
        const hf_log_recovery *log = &logs[i];
        hf_json_object(json, NULL);
        hf_json_string(json, "device",
                       log->party == HF_NOBODY ? "" : view->episodes->parties[log->party].name);
        hf_json_hex(json, "origin", (hf_bytes){log->origin.bytes, HF_ORIGIN_SIZE});
        hf_json_uint(json, "lane", log->lane);
        hf_json_uint(json, "after", log->from);
        hf_json_uint(json, "to", log->to);
        hf_json_bool(json, "told", log->told);
        hf_json_uint(json, "counted", log->counted);
        hf_json_uint(json, "withheld", log->withheld);
        hf_json_uint(json, "erased", log->erased);
        hf_json_uint(json, "missing", log->missing);
        hf_json_hex(json, "chain", (hf_bytes){log->chain, HF_HASH_SIZE});
        hf_json_hex(json, "digest", (hf_bytes){log->digest, HF_HASH_SIZE});
        hf_json_end(json);
    }
    hf_json_end(json);
}

static void json_integrity(const hf_recovery_view *view, hf_json *json)
{
    const hf_recovery *r = view->recovery;
    const hf_scope_digest *scopes = (const hf_scope_digest *)(const void *)r->scopes.data;
    hf_json_object(json, "integrity");
    hf_json_bool(json, "reconciles", !r->fault[0]);
    hf_json_string(json, "fault", r->fault);
    hf_json_hex(json, "digest", (hf_bytes){r->digest, HF_HASH_SIZE});
    json_logs(view, json);
    hf_json_array(json, "scopes");
    for (size_t i = 0; i < r->scopes.size / sizeof *scopes; i++) {
        hf_json_object(json, NULL);
        hf_json_uint(json, "scope", scopes[i].scope);
        hf_json_hex(json, "digest", (hf_bytes){scopes[i].digest, HF_HASH_SIZE});
        hf_json_end(json);
    }
    hf_json_end(json);
    hf_json_end(json);
}

void hf_sla_json(const hf_sla *sla, hf_json *json)
{
    hf_json_uint(json, "year", sla->terms.year);
    hf_json_uint(json, "month", sla->terms.month);
    hf_json_string(json, "clocks", sla->terms.london ? "london" : "utc");
    hf_json_uint(json, "service_ms", sla->service_ms);
    hf_json_uint(json, "down_ms", sla->down_ms);
    hf_json_uint(json, "planned_ms", sla->excluded_ms);
    hf_json_uint(json, "too_short_ms", sla->short_ms);
    hf_json_uint(json, "availability_ppm", sla->availability_ppm);
    hf_json_uint(json, "credit_ppm", sla->credit_ppm);
    hf_json_uint(json, "credit_pence", sla->credit_pence);
    hf_json_array(json, "bands");
    for (size_t i = 0; i < sla->terms.band_count; i++) {
        hf_json_object(json, NULL);
        hf_json_uint(json, "below_ppm", sla->terms.bands[i].below_ppm);
        hf_json_uint(json, "credit_ppm", sla->terms.bands[i].credit_ppm);
        hf_json_uint(json, "allows_ms", hf_sla_allowance_ms(sla, sla->terms.bands[i].below_ppm));
        hf_json_end(json);
    }
    hf_json_end(json);
}

void hf_recovery_json(const hf_recovery_view *view, hf_json *json)
{
    const hf_recovery *r = view->recovery;
    hf_json_string(json, "hub", view->hub);
    hf_json_time(json, "made", r->now_ms);
    hf_episode_json(&r->episode, r->now_ms, json);
    hf_json_object(json, "entries");
    hf_json_uint(json, "waited", r->entries);
    hf_json_uint(json, "told", r->told_entries);
    hf_json_uint(json, "here", r->here);
    hf_json_uint(json, "counted", r->counted);
    hf_json_uint(json, "withheld", r->withheld);
    hf_json_uint(json, "erased", r->erased);
    hf_json_uint(json, "missing", r->missing);
    hf_json_uint(json, "came_before", r->earlier);
    hf_json_uint(json, "untimed", r->untimed);
    hf_json_uint(json, "parts", r->parts);
    hf_json_uint(json, "records", r->records);
    hf_json_end(json);
    hf_json_object(json, "noticed");
    hf_json_uint(json, "devices", r->noticed_count);
    hf_json_uint(json, "p50_ms", r->noticed_p50_ms);
    hf_json_uint(json, "max_ms", r->noticed_max_ms);
    hf_json_end(json);
    json_sightings(view, json);
    json_tally(&r->types, "types", json);
    json_tally(&r->forces, "forces", json);
    json_tally(&r->units, "units", json);
    json_backlog(r, json);
    json_lanes(r, json);
    json_rules(r, json);
    json_absent(view, json);
    json_references(r, json);
    hf_json_object(json, "availability");
    hf_sla_json(view->sla, json);
    hf_json_end(json);
    json_integrity(view, json);
}
