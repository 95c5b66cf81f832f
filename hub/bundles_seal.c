/* bundles_seal.c: at a station: what waits for the centre goes into a bundle, and answers are read.
 *
 * Why a bundle is kept until it is answered, and not made for each who asks: so the same bytes go
 * by as many devices as come by, each knows at once that it has them, and nothing is sealed twice.
 */
#include "bundles.h"

#include "upstream.h"

#include "sync/node.h"
#include "sync/relay.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char META_SERIAL[] = "bundle_serial"; /* of the last one that was sealed here */

typedef struct covered { /* a log, and how far it is sealed */
    int64_t origin_no;
    uint8_t lane;
    uint64_t seq;
} covered;

typedef struct sealing {
    hf_hub *hub;
    hf_buffer covered; /* of all bundles under way, in a row */
    hf_buffer logs;    /* hf_relay_log, in a row: what has something to go up */
    hf_buffer bodies, withheld, raw, message;
    hf_buffer items;  /* messages, encoded */
    hf_buffer covers; /* of this bundle, encoded */
    size_t messages, covers_count;
    size_t groups, authors;
    uint32_t entries;  /* in it */
    size_t body_bytes; /* ... and what they come to, unpacked */
    int64_t author_no; /* of the last ORIGIN in it */
    uint8_t lane;
    bool full;
    int64_t named[HF_BUNDLE_AUTHORS_MAX];
} sealing;

static void sealing_free(sealing *s)
{
    hf_buffer *all[] = {&s->covered, &s->logs,  &s->bodies, &s->withheld,
                        &s->raw,     &s->items, &s->covers, &s->message};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) hf_buffer_free(all[i]);
    free(s);
}

/* ---- what is under way already ---- */

typedef hf_status (*covers_visitor)(void *context, const covered *log);

/* The station's own note of what it put into a bundle: [[origin, lane, seq], ...]. */
static hf_status read_covers(hf_hub *hub, const uint8_t id[HF_HASH_SIZE], covers_visitor visit,
                             void *context)
{
    hf_buffer note = {0};
    hf_status status = hf_carry_covers(hub->store, id, &note);
    hf_reader reader = hf_reader_open(hf_buffer_bytes(&note));
    size_t count = status == HF_OK ? hf_read_array(&reader, HF_BUNDLE_GROUPS_MAX) : 0;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        hf_origin_id id_of_log;
        covered log;
        if (hf_read_array(&reader, 3) != 3) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
        hf_read_bytes_exact(&reader, id_of_log.bytes, HF_ORIGIN_SIZE);
        log.lane = (uint8_t)hf_read_uint_max(&reader, HF_LANE_COUNT - 1);
        log.seq = hf_read_uint_max(&reader, INT64_MAX);
        const hf_origin_row *row = hf_origin_by_id(hub->store, &id_of_log);
        if (reader.status != HF_OK || !row) status = HF_ERR_CORRUPT;
        if (status != HF_OK) break;
        log.origin_no = row->no;
        status = visit(context, &log);
    }
    hf_buffer_free(&note);
    return status;
}

static hf_status keep_covered(void *context, const covered *log)
{
    sealing *s = context;
    hf_write_raw(&s->covered, (hf_bytes){(const uint8_t *)log, sizeof *log});
    return s->covered.status;
}

static bool is_under_way(const hf_hub *hub, const hf_carry_row *row)
{
    return row->stage == HF_CARRY_BUNDLE &&
           memcmp(row->station, hf_store_crypto(hub->store)->own_key_id, HF_HASH_SIZE) == 0;
}

static hf_status add_covers(void *context, const hf_carry_row *row)
{
    sealing *s = context;
    if (!is_under_way(s->hub, row)) return HF_OK;
    return read_covers(s->hub, row->id, keep_covered, s);
}

static uint64_t sealed_up_to(const sealing *s, const hf_relay_log *log)
{
    uint64_t seq = 0;
    const covered *all = (const covered *)(const void *)s->covered.data;
    for (size_t i = 0; i < s->covered.size / sizeof *all; i++)
        if (all[i].origin_no == log->origin_no && all[i].lane == log->lane && all[i].seq > seq)
            seq = all[i].seq;
    return seq;
}

/* ---- what goes into this one ---- */

static hf_status add_message(sealing *s)
{
    hf_status status = s->raw.status;
    if (status == HF_OK)
        status = hf_frame_seal(s->hub->deflater, hf_buffer_bytes(&s->raw), &s->message);
    if (status != HF_OK) return status;
    hf_write_message_item(&s->items, hf_buffer_bytes(&s->message));
    s->messages++;
    return s->items.status;
}

/* The index by which RELAY names the author; ORIGIN goes before it, once in a bundle. */
static hf_status name_author(sealing *s, int64_t no, uint32_t *index)
{
    hf_buffer certificate = {0};
    const hf_origin_row *row = hf_origin_by_no(s->hub->store, no);
    for (size_t i = 0; i < s->authors; i++) {
        *index = (uint32_t)(HF_HELLO_ORIGINS_MAX + i);
        if (s->named[i] == no) return HF_OK;
    }
    if (!row) return HF_ERR_CORRUPT;
    *index = (uint32_t)(HF_HELLO_ORIGINS_MAX + s->authors);
    hf_status status = hf_origin_certificate(s->hub->store, no, &certificate);
    hf_message message = {.type = HF_FRAME_ORIGIN};
    message.as.origin =
        (hf_origin_frame){.index = *index, .certificate = hf_buffer_bytes(&certificate)};
    memcpy(message.as.origin.key_id, row->key_id, HF_HASH_SIZE);
    memcpy(message.as.origin.incarnation, row->incarnation, HF_INCARNATION_SIZE);
    hf_buffer_clear(&s->raw);
    hf_message_write(&s->raw, &message);
    if (status == HF_OK) status = add_message(s);
    if (status == HF_OK) s->named[s->authors++] = no;
    hf_buffer_free(&certificate);
    return status;
}

static bool has_room(const sealing *s, const hf_relay *group)
{
    if (s->groups == 0) return true;
    return s->items.size + group->bodies.items.size / 2 <= HF_BUNDLE_TARGET &&
           s->entries + group->bodies.count <= HF_CREDIT_ENTRIES &&
           s->body_bytes + group->bodies.items.size <= HF_CREDIT_BYTES &&
           s->groups < HF_BUNDLE_GROUPS_MAX && s->authors < HF_BUNDLE_AUTHORS_MAX;
}

static hf_status add_group(sealing *s, const hf_relay_log *log, const hf_head *head, uint64_t after)
{
    hf_message message = {.type = HF_FRAME_RELAY};
    hf_relay *group = &message.as.relay;
    hf_status status =
        hf_relay_group(s->hub->store, log, head, after, &s->bodies, &s->withheld, group);
    if (status != HF_OK) return status;
    s->full = !has_room(s, group);
    if (s->full) return HF_OK;
    status = name_author(s, log->origin_no, &group->origin);
    if (status != HF_OK) return status;
    hf_buffer_clear(&s->raw);
    hf_message_write(&s->raw, &message);
    if (s->groups++ == 0) s->lane = log->lane;
    s->entries += (uint32_t)group->bodies.count;
    s->body_bytes += group->bodies.items.size;
    return add_message(s);
}

static void note_cover(sealing *s, const hf_relay_log *log, uint64_t seq)
{
    const hf_origin_row *row = hf_origin_by_no(s->hub->store, log->origin_no);
    hf_write_array(&s->covers, 3);
    hf_write_bytes(&s->covers, row->id.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&s->covers, log->lane);
    hf_write_uint(&s->covers, seq);
    s->covers_count++;
}

/* As much of one log as there is room for. What cannot be relayed is the session's to report. */
static hf_status add_log(sealing *s, const hf_relay_log *log)
{
    hf_log_state state;
    hf_status status = hf_log_state_get(s->hub->store, log->origin_no, log->lane, &state);
    if (status != HF_OK) return status;
    uint64_t sealed = sealed_up_to(s, log);
    uint64_t from = sealed > state.acked ? sealed : state.acked, after = from;
    while (status == HF_OK && !s->full && after < log->seq) {
        hf_head head;
        size_t room = s->items.size < HF_BUNDLE_TARGET ? HF_BUNDLE_TARGET - s->items.size : 1;
        status = hf_relay_next(s->hub->store, log, after, HF_FEED_READ_MAX, room, &head);
        if (status == HF_OK) status = add_group(s, log, &head, after);
        if (status == HF_OK && !s->full) after = head.seq;
    }
    if (after > from) note_cover(s, log, after);
    bool ends = status == HF_ERR_NOT_FOUND || status == HF_ERR_DENIED || status == HF_ERR_LIMIT;
    return ends ? HF_OK : status;
}

static hf_status keep_log(void *context, const hf_relay_log *log)
{
    sealing *s = context;
    hf_write_raw(&s->logs, (hf_bytes){(const uint8_t *)log, sizeof *log});
    return s->logs.status;
}

static hf_status gather(sealing *s)
{
    uint64_t number = 0;
    hf_status status = hf_carry_each(s->hub->store, 0, add_covers, s);
    if (status == HF_OK) status = hf_relay_each(s->hub->store, &number, keep_log, s);
    const hf_relay_log *logs = (const hf_relay_log *)(const void *)s->logs.data;
    size_t count = s->logs.size / sizeof *logs;
    for (uint8_t lane = HF_LANE_CONTROL + 1; lane < HF_LANE_COUNT; lane++)
        for (size_t i = 0; i < count && status == HF_OK && !s->full; i++)
            if (logs[i].lane == lane) status = add_log(s, &logs[i]);
    return status;
}

/* ---- sealed ---- */

/* The newest life of the centre that we heard of, with its certificate; NULL: none. */
static const hf_origin_row *find_centre(hf_hub *hub)
{
    for (int64_t no = (int64_t)hf_origin_count(hub->store); no > 0; no--) {
        const hf_origin_row *row = hf_origin_by_no(hub->store, no);
        if (row && row->is_hub && !row->own && row->name[0]) return row;
    }
    return NULL;
}

/* Its certificate came with its control entries. HF_ERR_NOT_FOUND: we never met it. */
static hf_status centres_certificate(hf_hub *hub, hf_certificate *out)
{
    const hf_crypto *crypto = hf_store_crypto(hub->store);
    const hf_origin_row *centre = find_centre(hub);
    hf_buffer der = {0};
    if (!centre) return HF_ERR_NOT_FOUND;
    hf_status status = hf_origin_certificate(hub->store, centre->no, &der);
    if (status == HF_OK) status = crypto->certificate(crypto->context, hf_buffer_bytes(&der), out);
    hf_buffer_free(&der);
    return status;
}

static hf_status next_serial(hf_hub *hub, uint64_t *out)
{
    hf_buffer last = {0}, next = {0};
    hf_status status = hf_meta_get(hub->store, META_SERIAL, &last);
    hf_reader reader = hf_reader_open(hf_buffer_bytes(&last));
    *out = 1 + (last.size ? hf_read_uint_max(&reader, INT64_MAX) : 0);
    hf_write_uint(&next, *out);
    if (status == HF_OK) status = next.status;
    if (status == HF_OK) status = hf_meta_set(hub->store, META_SERIAL, hf_buffer_bytes(&next));
    hf_buffer_free(&last);
    hf_buffer_free(&next);
    return status;
}

static hf_status keep(sealing *s, const hf_certificate *centre)
{
    hf_hub *hub = s->hub;
    const hf_crypto *crypto = hf_store_crypto(hub->store);
    hf_bundle parts = {.lane = s->lane, .made_ms = hub->wall_ms};
    hf_buffer *bytes = &hub->bundles->bytes, note = {0};
    hf_status status = next_serial(hub, &parts.serial);
    hf_list plain = {hf_buffer_bytes(&s->items), s->messages};
    if (status == HF_OK) status = hf_bundle_seal(crypto, &parts, centre, plain, bytes);
    hf_carry_row row = {.stage = HF_CARRY_BUNDLE,
                        .lane = s->lane,
                        .serial = parts.serial,
                        .since_ms = hub->wall_ms};
    memcpy(row.station, crypto->own_key_id, HF_HASH_SIZE);
    hf_write_array(&note, s->covers_count);
    hf_write_raw(&note, hf_buffer_bytes(&s->covers));
    if (status == HF_OK) status = note.status == HF_OK ? s->covers.status : note.status;
    if (status == HF_OK) {
        hf_bundle_id(crypto, hf_buffer_bytes(bytes), row.id);
        status = hf_carry_put(hub->store, &row, hf_buffer_bytes(&note), hf_buffer_bytes(bytes));
    }
    hf_buffer_free(&note);
    return status;
}

hf_status hf_bundles_seal(hf_hub *hub)
{
    hf_carry_sum sum;
    hf_certificate centre;
    hf_status status = hf_carry_count(hub->store, &sum);
    if (status != HF_OK || sum.own_bytes >= HF_BUNDLES_OWN_BYTES) return status;
    status = centres_certificate(hub, &centre);
    if (status == HF_ERR_NOT_FOUND) return HF_OK; /* never met it: there is nobody to seal it to */
    if (status != HF_OK) return status;
    bool more = true;
    while (status == HF_OK && more && hub->bundles->under_way < HF_BUNDLES_OWN_MAX) {
        sealing *s = calloc(1, sizeof *s);
        if (!s) return HF_ERR_NOMEM;
        s->hub = hub;
        status = gather(s);
        if (status == HF_OK && s->groups > 0) status = keep(s, &centre);
        more = s->full && s->groups > 0;
        hub->bundles->under_way += s->groups > 0;
        sealing_free(s);
    }
    return status;
}

/* ---- what the centre has ---- */

typedef struct sweeping {
    hf_hub *hub;
    bool is_there; /* all of it is at the centre */
} sweeping;

static hf_status check_cover(void *context, const covered *log)
{
    sweeping *s = context;
    hf_log_state state;
    hf_status status = hf_log_state_get(s->hub->store, log->origin_no, log->lane, &state);
    if (status == HF_OK && state.acked < log->seq) s->is_there = false;
    return status;
}

static hf_status sweep_row(void *context, const hf_carry_row *row)
{
    sweeping s = {.hub = context, .is_there = true};
    if (!is_under_way(s.hub, row)) return HF_OK;
    hf_status status = read_covers(s.hub, row->id, check_cover, &s);
    return status == HF_OK && s.is_there ? hf_carry_settle(s.hub->store, row->id) : status;
}

hf_status hf_bundles_sweep(hf_hub *hub)
{
    return hf_carry_each(hub->store, 0, sweep_row, hub);
}

typedef struct reading {
    hf_hub *hub;
    hf_batch *batch;
    hf_origin_id centre;
    const hf_answer *answer;
} reading;

/* Only where the centre's log is ours, entry by entry, does its word count. */
static hf_status read_log(reading *r, const hf_answered *log)
{
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    uint8_t root[HF_HASH_SIZE];
    hf_hub *hub = r->hub;
    const hf_origin_row *row = hf_origin_by_id(hub->store, &log->origin);
    if (!row || log->seq == 0) return HF_OK;
    hf_status status =
        hf_head_leaves(hub->store, row->no, log->lane, log->seq, leaves, &count, root);
    if (status == HF_ERR_NOT_FOUND || status == HF_ERR_LIMIT) return HF_OK;
    if (status != HF_OK || memcmp(root, log->root, sizeof root) != 0) return status;
    status = hf_batch_acked(r->batch, &r->centre, row, log->lane, log->seq, log->seq);
    if (status == HF_OK) status = hf_relay_done(r->batch, row, log->lane, log->seq);
    hf_client *client = hf_edge_client(hf_hub_upstream(hub));
    return status == HF_OK ? hf_client_relay_carried(client, row, log->lane) : status;
}

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

/* A life of the centre before the newest that we know: it was set back since, and may have lost
 * what it then held. What it said does not count, and what was in the bundle is sealed anew. */
static bool is_stale(const reading *r)
{
    const hf_origin_row *said = hf_origin_by_id(r->hub->store, &r->centre);
    return said && said != find_centre(r->hub);
}

static hf_status apply_answer(reading *r, const hf_carry_row *row)
{
    hf_answered log;
    hf_list walk = is_stale(r) ? (hf_list){.count = 0} : r->answer->logs;
    hf_status status = hf_batch_begin(r->hub->store, r->hub->wall_ms, &r->batch);
    if (status != HF_OK) return status;
    while (status == HF_OK && hf_next_answered(&walk, &log)) status = read_log(r, &log);
    if (status == HF_OK) status = hf_carry_settle(r->hub->store, row->id);
    if (status == HF_OK) return hf_batch_commit(r->batch);
    hf_batch_rollback(r->batch);
    return status;
}

hf_status hf_bundles_read_answer(hf_hub *hub, const hf_carry_row *row)
{
    const hf_crypto *crypto = hf_store_crypto(hub->store);
    hf_buffer *bytes = &hub->bundles->bytes;
    hf_answer answer;
    hf_answered log;
    hf_certificate centre;
    reading r = {.hub = hub, .answer = &answer};
    hf_status status = hf_carry_bytes(hub->store, row->id, HF_CARRY_ANSWER, bytes);
    if (status == HF_OK) status = hf_answer_read(hf_buffer_bytes(bytes), &answer);
    if (status == HF_OK) status = hf_answer_check(crypto, &answer, &centre);
    if (status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT) /* it was right when it came */
        return hf_carry_settle(hub->store, row->id);
    if (status != HF_OK) return status;
    hf_origin_make_id(crypto, centre.key_id, answer.incarnation, &r.centre);
    status = apply_answer(&r, row);
    if (status != HF_OK) return status;
    if (answer.code) note_refused(hub, &answer, NULL);
    for (hf_list walk = answer.logs; hf_next_answered(&walk, &log);) {
        const hf_origin_row *author = hf_origin_by_id(hub->store, &log.origin);
        if (log.code) note_refused(hub, &answer, &log);
        if (author) hf_upstream_tell(hub, author->no, log.lane);
    }
    return HF_OK;
}
