/* bundles_seal.c: at a station: what waits for the centre goes into a bundle.
 *
 * Why a bundle is kept until it is answered, and not made for each who asks: so the same bytes go
 * by as many devices as come by, each knows at once that it has them, and nothing is sealed twice.
 */
#include "bundles.h"

#include "sync/client.h"
#include "sync/planted.h"
#include "sync/relay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char META_SERIAL[] = "bundle_serial"; /* of the last one that was sealed here */

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

/* [key id of the centre, [[origin, lane, seq], ...]]. */
hf_status hf_bundles_covers(hf_hub *hub, const uint8_t id[HF_HASH_SIZE],
                            uint8_t centre[HF_HASH_SIZE], hf_covered_visitor visit, void *context)
{
    hf_buffer note = {0};
    hf_status status = hf_carry_covers(hub->store, id, &note);
    hf_reader reader = hf_reader_open(hf_buffer_bytes(&note));
    if (status == HF_OK && hf_read_array(&reader, 2) != 2) status = HF_ERR_CORRUPT;
    if (status == HF_OK) hf_read_bytes_exact(&reader, centre, HF_HASH_SIZE);
    size_t count = status == HF_OK ? hf_read_array(&reader, HF_BUNDLE_GROUPS_MAX) : 0;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        hf_origin_id id_of_log;
        hf_covered log;
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

static hf_status keep_covered(void *context, const hf_covered *log)
{
    sealing *s = context;
    hf_write_raw(&s->covered, (hf_bytes){(const uint8_t *)log, sizeof *log});
    return s->covered.status;
}

static hf_status add_covers(void *context, const hf_carry_row *row)
{
    sealing *s = context;
    uint8_t centre[HF_HASH_SIZE];
    if (row->stage != HF_CARRY_BUNDLE || !hf_bundles_own(s->hub, row)) return HF_OK;
    return hf_bundles_covers(s->hub, row->id, centre, keep_covered, s);
}

static uint64_t sealed_up_to(const sealing *s, const hf_relay_log *log)
{
    uint64_t seq = 0;
    const hf_covered *all = (const hf_covered *)(const void *)s->covered.data;
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

/* The mistake behind HF_PLANTED_SEALED_IS_THERE: what was given away is as good as there. */
static hf_status forget(void *context, const hf_covered *log)
{
    hf_hub *hub = context;
    hf_origin_id life;
    bool has;
    hf_batch *batch;
    hf_status status = hf_client_met(hub->store, &life, &has);
    if (status == HF_OK) status = hf_batch_begin(hub->store, hub->wall_ms, &batch);
    if (status != HF_OK) return status;
    status = hf_batch_acked(batch, &life, hf_origin_by_no(hub->store, log->origin_no), log->lane,
                            log->seq, log->seq);
    if (status == HF_OK) return hf_batch_commit(batch);
    hf_batch_rollback(batch);
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
    hf_write_array(&note, 2);
    hf_write_bytes(&note, centre->key_id, HF_HASH_SIZE);
    hf_write_array(&note, s->covers_count);
    hf_write_raw(&note, hf_buffer_bytes(&s->covers));
    if (status == HF_OK) status = note.status == HF_OK ? s->covers.status : note.status;
    if (status == HF_OK) {
        hf_bundle_id(crypto, hf_buffer_bytes(bytes), row.id);
        status = hf_carry_put(hub->store, &row, hf_buffer_bytes(&note), hf_buffer_bytes(bytes));
    }
    if (status == HF_OK && HF_PLANTED(SEALED_IS_THERE)) {
        uint8_t named[HF_HASH_SIZE];
        status = hf_bundles_covers(hub, row.id, named, forget, hub);
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
    status = hf_bundles_centre(hub, &centre);
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
