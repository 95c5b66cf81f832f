/* recovery.c: which entries had to wait, where each is now, and whether the account adds up. */
#include "recovery.h"

#include "sync/control.h"
#include "sync/coverage.h"
#include "sync/entry.h"
#include "sync/render.h"
#include "sync/log.h"
#include "sync/planted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct account { /* one computation */
    hf_store *store;
    const hf_episodes *episodes;
    size_t index;
    hf_recovery *out;
    hf_buffer beats;      /* hf_beat */
    hf_buffer arrivals;   /* hf_arrival */
    hf_buffer touched;    /* hf_record_id */
    hf_log_recovery *log; /* the one being read */
    const hf_origin_row *origin;
    uint64_t read_to; /* seq of the last entry that was looked at */
} account;

/* ---- tallies ---- */

size_t hf_tally_count(const hf_tallies *tallies)
{
    return tallies->items.size / sizeof(hf_tally);
}

const hf_tally *hf_tally_at(const hf_tallies *tallies, size_t index)
{
    return (const hf_tally *)(const void *)tallies->items.data + index;
}

/* A few names, thousands of entries: found where it was last time, or by looking through. */
void hf_tally_add(hf_tallies *tallies, const char *name, uint64_t entries)
{
    hf_tally *items = (hf_tally *)(void *)tallies->items.data;
    size_t count = hf_tally_count(tallies), at = 0;
    while (at < count && strncmp(items[at].name, name, sizeof items[at].name - 1) < 0) at++;
    if (at < count && strncmp(items[at].name, name, sizeof items[at].name - 1) == 0) {
        items[at].entries += entries;
        return;
    }
    hf_tally one = {.entries = entries};
    (void)snprintf(one.name, sizeof one.name, "%s", name);
    hf_write_raw(&tallies->items, (hf_bytes){(const uint8_t *)&one, sizeof one});
    if (tallies->items.status != HF_OK) return;
    items = (hf_tally *)(void *)tallies->items.data;
    memmove(&items[at + 1], &items[at], (count - at) * sizeof *items);
    items[at] = one;
}

const char *hf_lane_words(uint8_t lane)
{
    static const char *const words[] = {
        "control",       "custody and risk to life", "live incidents", "crime", "case", "the rest",
        "audit of reads"};
    return lane < HF_LANE_COUNT ? words[lane] : "unknown";
}

/* ---- which logs ---- */

static hf_log_recovery *logs_of(const hf_recovery *out, size_t *count)
{
    *count = out->logs.size / sizeof(hf_log_recovery);
    return (hf_log_recovery *)(void *)out->logs.data;
}

static void add_log(account *a, const hf_log_recovery *log)
{
    hf_write_raw(&a->out->logs, (hf_bytes){(const uint8_t *)log, sizeof *log});
}

static hf_status add_sighting(account *a, size_t index)
{
    const hf_sighting *s = &a->episodes->sightings[index];
    size_t count;
    hf_outage_log log;
    hf_write_raw(&a->out->sightings, (hf_bytes){(const uint8_t *)&index, sizeof index});
    if (s->party == HF_NOBODY) return a->out->sightings.status;
    hf_reader reader =
        hf_outage_logs((hf_bytes){a->episodes->logs.data + s->logs_at, s->logs_size}, &count);
    for (size_t i = 0; i < count && hf_outage_next_log(&reader, &log); i++) {
        hf_log_recovery one = {.party = s->party,
                               .origin = log.origin,
                               .lane = log.lane,
                               .from = log.from,
                               .to = log.to,
                               .told = true};
        if (log.to > log.from) add_log(a, &one); /* one that lasts has no end yet */
    }
    return a->out->logs.status == HF_OK ? a->out->sightings.status : a->out->logs.status;
}

static int log_compare(const void *a, const void *b)
{
    const hf_log_recovery *x = a, *y = b;
    int order = memcmp(x->origin.bytes, y->origin.bytes, HF_ORIGIN_SIZE);
    if (order == 0) order = (x->lane > y->lane) - (x->lane < y->lane);
    if (order == 0) order = (x->from > y->from) - (x->from < y->from);
    return order ? order : (x->to > y->to) - (x->to < y->to);
}

static bool same_log(const hf_log_recovery *a, const hf_log_recovery *b)
{
    return a->lane == b->lane && memcmp(&a->origin, &b->origin, sizeof a->origin) == 0;
}

/* A device that was cut off twice in one outage tells of the same entries twice: they count once.
 */
static void merge_logs(hf_recovery *out)
{
    size_t count, kept = 0;
    hf_log_recovery *logs = logs_of(out, &count);
    if (count == 0) return;
    qsort(logs, count, sizeof *logs, log_compare);
    for (size_t i = 1; i < count; i++) {
        hf_log_recovery *last = &logs[kept];
        if (same_log(last, &logs[i]) && logs[i].from <= last->to) {
            if (logs[i].to > last->to) last->to = logs[i].to;
            last->told = last->told && logs[i].told;
        } else {
            logs[++kept] = logs[i];
        }
    }
    out->logs.size = (kept + 1) * sizeof *logs;
}

static bool is_covered(const hf_recovery *out, const hf_log_recovery *one)
{
    size_t count;
    const hf_log_recovery *logs = logs_of(out, &count);
    for (size_t i = 0; i < count; i++)
        if (same_log(&logs[i], one) && one->to > logs[i].from && one->to <= logs[i].to) return true;
    return false;
}

static size_t party_of(const account *a, const hf_origin_row *origin)
{
    for (size_t i = 0; i < a->episodes->party_count; i++)
        if (memcmp(a->episodes->parties[i].key_id, origin->key_id, HF_HASH_SIZE) == 0) return i;
    return HF_NOBODY;
}

/* While the hub was away a device may have written, and been back before it noticed. Its entries
 * say when, by its own clock, as far as that is to be believed. */
static hf_status on_untold(void *context, const hf_entry *entry)
{
    account *a = context;
    const hf_episode *episode = &a->out->episode;
    uint64_t written_ms = hf_hlc_wall_ms(entry->hlc);
    bool meanwhile = written_ms >= episode->began_ms &&
                     (episode->ended_ms == 0 || written_ms < episode->ended_ms);
    hf_entry_body body;
    if (entry->dot.lane == HF_LANE_CONTROL || !meanwhile) return HF_OK;
    if (hf_entry_parse(entry->body, &body) != HF_OK) return HF_ERR_CORRUPT;
    if (body.quality == 0) return HF_OK;
    hf_log_recovery one = {.origin = entry->dot.origin,
                           .lane = entry->dot.lane,
                           .from = entry->dot.seq - 1,
                           .to = entry->dot.seq};
    const hf_origin_row *origin = hf_origin_by_id(a->store, &one.origin);
    one.party = origin ? party_of(a, origin) : HF_NOBODY;
    if (one.party == HF_NOBODY || is_covered(a->out, &one)) return HF_OK;
    size_t count;
    hf_log_recovery *logs = logs_of(a->out, &count);
    for (size_t i = 0; i < count; i++)
        if (!logs[i].told && same_log(&logs[i], &one) && logs[i].to + 1 == one.to) {
            logs[i].to = one.to;
            return HF_OK;
        }
    add_log(a, &one);
    return a->out->logs.status;
}

static hf_status find_untold(account *a)
{
    const hf_episode *episode = &a->out->episode;
    const uint64_t after_ms = HF_RECOVERY_AFTER_HOURS * UINT64_C(3600000);
    uint64_t last, until_ms = episode->ended_ms ? episode->ended_ms + after_ms : a->out->now_ms;
    if (!hf_extent_is_all(episode->extent)) return HF_OK;
    hf_status status = hf_beat_position(a->store, until_ms, &last);
    for (uint64_t at = episode->position; at < last && status == HF_OK; at += HF_FEED_READ_MAX)
        status = hf_feed_read(a->store, at, HF_FEED_READ_MAX, on_untold, a);
    merge_logs(a->out);
    return status;
}

/* ---- when it came ---- */

static hf_status on_beat(void *context, const hf_beat *beat)
{
    hf_buffer *beats = context;
    hf_write_raw(beats, (hf_bytes){(const uint8_t *)beat, sizeof *beat});
    return beats->status;
}

/* By the first beat that had it; 0: it came before all of them, or after. */
static uint64_t came_ms(const account *a, uint64_t position)
{
    const hf_beat *beats = (const hf_beat *)(const void *)a->beats.data;
    size_t low = 0, count = a->beats.size / sizeof *beats, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (beats[middle].position < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count ? beats[low].first_ms : a->out->now_ms;
}

/* ---- one log ---- */

static void note_parts(account *a, const hf_entry_body *body)
{
    const hf_pack *pack = hf_store_pack(a->store);
    hf_reader parts = hf_reader_open(body->parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    const hf_type *type = NULL;
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        hf_part part;
        if (hf_part_next(NULL, &parts, &part) != HF_OK) break;
        if (part.erased) continue;
        hf_write_raw(&a->touched, (hf_bytes){(const uint8_t *)&part.record, sizeof part.record});
        if (first) type = hf_pack_type(pack, part.record.type);
        first = false;
        a->out->parts++;
    }
    /* An entry of several records counts once, by its first. */
    hf_tally_add(&a->out->types, first ? "erased" : type ? type->name : "of a newer pack", 1);
}

static void note_arrival(account *a, const hf_entry *entry, uint8_t quality)
{
    hf_arrival arrival = {.written_ms = hf_hlc_wall_ms(entry->hlc), .lane = entry->dot.lane};
    a->out->lanes[entry->dot.lane].entries++;
    if (entry->position <= a->out->episode.position) {
        a->out->earlier++;
        return;
    }
    if (quality == 0) {
        a->out->untimed++;
        return;
    }
    arrival.came_ms = came_ms(a, entry->position);
    if (arrival.written_ms > arrival.came_ms) arrival.written_ms = arrival.came_ms;
    hf_write_raw(&a->arrivals, (hf_bytes){(const uint8_t *)&arrival, sizeof arrival});
}

static hf_status on_entry(void *context, const hf_entry *entry)
{
    account *a = context;
    hf_log_recovery *log = a->log;
    const hf_crypto *crypto = hf_store_crypto(a->store);
    static const uint8_t mark = 0x0c;
    hf_entry_body body;
    uint8_t hash[HF_HASH_SIZE];
    if (entry->dot.seq > log->to) return HF_ERR_LIMIT; /* the walk ends here */
    a->read_to = entry->dot.seq;
    if (HF_PLANTED(RECOVERY_SKIPS) && entry->withheld) return HF_OK;
    hf_status status = hf_entry_parse(entry->body, &body);
    if (status == HF_OK) status = hf_entry_hash(crypto, &log->origin, log->lane, &body, hash);
    if (status != HF_OK) return status == HF_ERR_PROTOCOL ? HF_ERR_CORRUPT : status;
    hf_bytes pieces[] = {{&mark, 1}, {log->digest, HF_HASH_SIZE}, {hash, HF_HASH_SIZE}};
    crypto->hash(crypto->context, pieces, 3, log->digest);
    if (entry->withheld)
        log->withheld++;
    else
        log->counted++;
    note_parts(a, &body);
    note_arrival(a, entry, body.quality);
    return a->touched.status == HF_OK ? a->arrivals.status : a->touched.status;
}

/* How far the log goes here is asked of its vector, what stands in it is read: two answers. */
static hf_status account_log(account *a, hf_log_recovery *log)
{
    hf_log_state state = {.seq = 0};
    hf_status status = HF_OK;
    a->log = log;
    a->origin = hf_origin_by_id(a->store, &log->origin);
    if (a->origin) status = hf_log_state_get(a->store, a->origin->no, log->lane, &state);
    uint64_t last = state.seq < log->to ? state.seq : log->to;
    uint64_t held = last > log->from ? last - log->from : 0;
    a->read_to = log->from;
    for (uint64_t at = UINT64_MAX; at != a->read_to && a->read_to < last && status == HF_OK;) {
        at = a->read_to; /* it stays there when nothing more is found */
        status = hf_log_read(a->store, a->origin->no, log->lane, at, HF_FEED_READ_MAX, on_entry, a);
    }
    if (status == HF_ERR_LIMIT) status = HF_OK;
    if (status == HF_OK && held) {
        status = hf_log_chain_at(a->store, a->origin->no, log->lane, last, log->chain);
        if (status == HF_ERR_NOT_FOUND) status = HF_OK;
    }
    uint64_t read = log->counted + log->withheld;
    /* Stepped over, and nobody sent what it said; what is not, and was lost here, is missing. */
    if (status == HF_OK && held > read)
        status = hf_log_stepped(a->store, a->origin->no, log->lane, log->from, last, &log->erased);
    uint64_t here = read + log->erased, all = log->to - log->from;
    log->missing = here < all ? all - here : 0;
    if (read > held)
        (void)snprintf(a->out->fault, sizeof a->out->fault,
                       "A log holds %llu entries where its vector says %llu.",
                       (unsigned long long)read, (unsigned long long)held);
    return status;
}

static void add_up(account *a, const hf_log_recovery *log)
{
    hf_recovery *out = a->out;
    const hf_party *party = log->party == HF_NOBODY ? NULL : &a->episodes->parties[log->party];
    uint64_t entries = log->to - log->from;
    char unit[HF_RECOVERY_NAME_SIZE];
    out->entries += entries;
    if (log->told) out->told_entries += entries;
    out->counted += log->counted;
    out->withheld += log->withheld;
    out->erased += log->erased;
    out->missing += log->missing;
    (void)snprintf(unit, sizeof unit, "%.60s / %.60s", party ? party->force : "",
                   party ? party->unit : "");
    hf_tally_add(&out->forces, party ? party->force : "", entries);
    hf_tally_add(&out->units, unit, entries);
}

static hf_status account_logs(account *a)
{
    size_t count;
    hf_log_recovery *logs = logs_of(a->out, &count);
    const hf_crypto *crypto = hf_store_crypto(a->store);
    hf_status status = HF_OK;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        static const uint8_t mark = 0x0c;
        status = account_log(a, &logs[i]);
        add_up(a, &logs[i]);
        hf_bytes pieces[] = {
            {&mark, 1}, {a->out->digest, HF_HASH_SIZE}, {logs[i].digest, HF_HASH_SIZE}};
        crypto->hash(crypto->context, pieces, 3, a->out->digest);
    }
    a->out->here = a->out->counted + a->out->withheld + a->out->erased;
    return status;
}

/* ---- who is not back, and how long it took to notice ---- */

static int number_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static hf_status note_noticed(account *a)
{
    const hf_recovery *out = a->out;
    const size_t *which = (const size_t *)(const void *)out->sightings.data;
    size_t count = 0, all = out->sightings.size / sizeof *which;
    uint64_t *took = calloc(all + 1, sizeof *took);
    if (!took) return HF_ERR_NOMEM;
    for (size_t i = 0; i < all; i++) {
        const hf_sighting *s = &a->episodes->sightings[which[i]];
        if (s->party != HF_NOBODY) took[count++] = s->noticed_ms - s->last_ms;
    }
    qsort(took, count, sizeof *took, number_compare);
    a->out->noticed_count = count;
    a->out->noticed_p50_ms = count ? took[(count - 1) / 2] : 0;
    a->out->noticed_max_ms = count ? took[count - 1] : 0;
    free(took);
    return HF_OK;
}

/* A device that was enrolled by then; of one that was never heard of it is all that we know. */
static hf_status was_enrolled(account *a, const hf_party *party, bool *was)
{
    hf_buffer der = {0};
    hf_record_id record;
    uint64_t enrolled_ms = 0, ended_ms = a->out->episode.ended_ms;
    hf_status status = hf_device_certificate(a->store, party->key_id, &der, &record);
    hf_buffer_free(&der);
    for (size_t i = 0; i < 6; i++) enrolled_ms = enrolled_ms << 8 | record.bytes[i]; /* UUIDv7 */
    *was = status == HF_OK && (ended_ms == 0 || enrolled_ms < ended_ms);
    return status;
}

static hf_status find_absent(account *a)
{
    const hf_episode *episode = &a->out->episode;
    hf_status status = HF_OK;
    for (size_t i = 0; i < a->episodes->party_count && status == HF_OK; i++) {
        const hf_party *party = &a->episodes->parties[i];
        bool concerned =
            hf_extent_is_all(episode->extent) || strcmp(party->unit, episode->unit) == 0;
        bool back =
            party->connected || (episode->ended_ms && party->contact_ms >= episode->ended_ms);
        bool was = party->contact_ms != 0;
        if (!concerned || back) continue;
        if (!was) status = was_enrolled(a, party, &was);
        if (was) hf_write_raw(&a->out->absent, (hf_bytes){(const uint8_t *)&i, sizeof i});
    }
    return status == HF_OK ? a->out->absent.status : status;
}

/* ---- does it add up? ---- */

static uint64_t sum(const hf_tallies *tallies)
{
    uint64_t total = 0;
    for (size_t i = 0; i < hf_tally_count(tallies); i++) total += hf_tally_at(tallies, i)->entries;
    return total;
}

static void expect(hf_recovery *out, const char *what, uint64_t found, uint64_t expected)
{
    if (found == expected || out->fault[0]) return;
    (void)snprintf(out->fault, sizeof out->fault, "%s come to %llu, and not to %llu.", what,
                   (unsigned long long)found, (unsigned long long)expected);
}

/* Each sum is over another way of counting the same entries. */
static void check_sums(hf_recovery *out, size_t arrivals)
{
    uint64_t lanes = 0, timed = 0, read = out->counted + out->withheld;
    for (size_t i = 0; i < HF_LANE_COUNT; i++) {
        lanes += out->lanes[i].entries;
        timed += out->lanes[i].timed;
    }
    expect(out, "Entries here and entries still out", out->here + out->missing, out->entries);
    expect(out, "Entries by force", sum(&out->forces), out->entries);
    expect(out, "Entries by unit", sum(&out->units), out->entries);
    expect(out, "Entries by type", sum(&out->types), read);
    expect(out, "Entries by lane", lanes, read);
    expect(out, "Entries that came in time, early and without a time",
           arrivals + out->earlier + out->untimed, read);
    expect(out, "Delays by lane", timed, arrivals);
}

/* ---- all of it ---- */

static hf_status on_digest(void *context, uint32_t scope, const uint8_t digest[HF_HASH_SIZE])
{
    account *a = context;
    hf_scope_digest one = {.scope = scope};
    memcpy(one.digest, digest, HF_HASH_SIZE);
    hf_write_raw(&a->out->scopes, (hf_bytes){(const uint8_t *)&one, sizeof one});
    return a->out->scopes.status;
}

static hf_status gather(account *a)
{
    hf_status status = HF_OK;
    for (size_t i = 0; i < a->episodes->sighting_count && status == HF_OK; i++)
        if (a->episodes->sightings[i].episode == a->index) status = add_sighting(a, i);
    merge_logs(a->out);
    if (status == HF_OK) status = find_untold(a);
    if (status == HF_OK)
        status = hf_beat_each(a->store, a->out->episode.position + 1, on_beat, &a->beats);
    if (status == HF_OK) status = account_logs(a);
    return status;
}

hf_status hf_recovery_compute(hf_store *store, const hf_episodes *episodes, size_t index,
                              uint64_t now_ms, hf_recovery *out)
{
    *out = (hf_recovery){.episode = episodes->items[index], .now_ms = now_ms};
    account a = {.store = store, .episodes = episodes, .index = index, .out = out};
    hf_status status = gather(&a);
    size_t arrivals = a.arrivals.size / sizeof(hf_arrival);
    if (status == HF_OK)
        status = hf_recovery_times(out, (hf_arrival *)(void *)a.arrivals.data, arrivals);
    if (status == HF_OK) status = hf_recovery_conflicts(store, out, &a.touched);
    if (status == HF_OK) status = note_noticed(&a);
    if (status == HF_OK) status = find_absent(&a);
    if (status == HF_OK) status = hf_store_digests(store, on_digest, &a);
    if (status == HF_OK) check_sums(out, arrivals);
    if (status == HF_OK && out->types.items.status != HF_OK) status = HF_ERR_NOMEM;
    hf_buffer_free(&a.beats);
    hf_buffer_free(&a.arrivals);
    hf_buffer_free(&a.touched);
    if (status != HF_OK) hf_recovery_free(out);
    return status;
}

void hf_recovery_free(hf_recovery *recovery)
{
    hf_buffer *buffers[] = {&recovery->logs,        &recovery->types.items, &recovery->forces.items,
                            &recovery->units.items, &recovery->rules,       &recovery->references,
                            &recovery->absent,      &recovery->sightings,   &recovery->scopes};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) hf_buffer_free(buffers[i]);
}
