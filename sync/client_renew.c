/* client_renew.c: our log and the hub's have parted (a restored or copied device): we go on under a
 * new name, and what the hub may lack of the old one is written again, saying where it comes from.
 *
 * Why again and not sent as it is: its dots are taken at the hub by other entries, and a dot means
 * one entry for ever. The person who wrote, and the value, stay; the entry is a new one. */
#include "client_core.h"

#include "planted.h"

#include <stdio.h>
#include <string.h>

typedef struct renewal_place {
    hf_origin_id origin; /* whose entries are written again */
    uint64_t done[HF_LANE_COUNT];
} renewal_place;

enum { RENEW_ENTRIES_MAX = 256 }; /* read at a time, so that memory stays bounded */

typedef struct renew_walk {
    hf_client *client;
    const hf_origin_row *old;
    uint8_t lane;
    uint64_t seq; /* of the last entry read */
    size_t count;
    hf_buffer bodies; /* an array's items: bodies, kept until their statement is done */
} renew_walk;

static hf_status keep_body(void *context, const hf_entry *entry)
{
    renew_walk *walk = context;
    hf_write_bytes(&walk->bodies, entry->body.data, entry->body.size);
    walk->seq = entry->dot.seq;
    walk->count++;
    return walk->bodies.status;
}

static hf_change_kind kind_of(hf_store *store, uint32_t type, uint32_t field)
{
    hf_rule rule = hf_pack_field(hf_store_pack(store), type, field)->rule;
    if (field == HF_FIELD_DELETED) return HF_CHANGE_DELETE;
    return rule == HF_RULE_SET || rule == HF_RULE_APPEND ? HF_CHANGE_ADD : HF_CHANGE_SET;
}

/* A write without a value only took others away; that has happened here, and its author sees it, so
 * only values are written again. */
static hf_status op_again(hf_txn *txn, hf_store *store, hf_change *change, const hf_op *op)
{
    if (!op->value.data) return HF_OK;
    change->field = op->field;
    change->value = op->value;
    change->kind = kind_of(store, change->record.type, op->field);
    hf_status status = hf_txn_change(txn, change);
    /* What the rules refuse now (a right taken away, say) stays in the old log, for a person. */
    bool refused = status == HF_ERR_DENIED || status == HF_ERR_INPUT || status == HF_ERR_NOT_FOUND;
    return refused ? HF_OK : status;
}

/* `change` has what all writes of the entry share. Of an erased part nothing is left to write. */
static hf_status part_again(const renew_walk *walk, hf_txn *txn, hf_reader *parts,
                            hf_change *change)
{
    hf_part part;
    hf_status status = hf_part_next(NULL, parts, &part);
    change->record = part.record;
    while (status == HF_OK && part.op_left > 0) {
        hf_op op;
        status = hf_op_next(&part, &walk->old->id, walk->lane, &op);
        if (status == HF_OK) status = op_again(txn, walk->client->store, change, &op);
    }
    return status;
}

static hf_status entry_again(renew_walk *walk, hf_bytes body)
{
    hf_entry_body entry;
    hf_status status = hf_entry_parse(body, &entry);
    if (status != HF_OK) return status;
    char actor[HF_TEXT_MAX + 1], reason[96];
    (void)snprintf(actor, sizeof actor, "%.*s", (int)entry.actor.size,
                   entry.actor.size ? (const char *)entry.actor.data : "");
    const uint8_t *id = walk->old->id.bytes;
    (void)snprintf(reason, sizeof reason, "Written again from %02x%02x%02x%02x/%u/%llu", id[0],
                   id[1], id[2], id[3], walk->lane, (unsigned long long)entry.seq);
    hf_author author = {.actor = actor, .wall_ms = entry.hlc >> 16, .quality = entry.quality};
    hf_txn *txn;
    status = hf_txn_begin(walk->client->store, &author, &txn);
    if (status != HF_OK) return status;
    hf_reader parts = hf_reader_open(entry.parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    hf_change change = {.scope = entry.scope, .reason = {(const uint8_t *)reason, strlen(reason)}};
    for (size_t i = 0; i < count && status == HF_OK; i++)
        status = part_again(walk, txn, &parts, &change);
    if (status == HF_OK) return hf_txn_commit(txn, NULL, NULL);
    hf_txn_rollback(txn);
    return status;
}

/* ---- how far we are with it, in the store: power may fail half way ---- */

static const char META_AGAIN[] = "again"; /* [origin, [seq done, ...]]; empty: nothing to do */

static hf_status renewal_get(hf_store *store, renewal_place *out, bool *found)
{
    hf_buffer stored = {0};
    hf_status status = hf_meta_get(store, META_AGAIN, &stored);
    *found = status == HF_OK && stored.size > 0;
    hf_reader reader = hf_reader_open(hf_buffer_bytes(&stored));
    (void)hf_read_array(&reader, 2);
    hf_read_bytes_exact(&reader, out->origin.bytes, HF_ORIGIN_SIZE);
    size_t count = hf_read_array(&reader, HF_LANE_COUNT);
    for (size_t i = 0; i < count; i++) out->done[i] = hf_read_uint(&reader);
    if (*found) status = hf_reader_end(&reader) == HF_OK ? HF_OK : HF_ERR_CORRUPT;
    hf_buffer_free(&stored);
    return status;
}

static hf_status renewal_set(hf_store *store, const renewal_place *renewal)
{
    hf_buffer out = {0};
    hf_write_array(&out, 2);
    hf_write_bytes(&out, renewal->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_array(&out, HF_LANE_COUNT);
    for (size_t i = 0; i < HF_LANE_COUNT; i++) hf_write_uint(&out, renewal->done[i]);
    hf_status status = out.status;
    if (status == HF_OK) status = hf_meta_set(store, META_AGAIN, hf_buffer_bytes(&out));
    hf_buffer_free(&out);
    return status;
}

/* The rest of one old log. A power cut makes at most one round of entries come twice, with the same
 * values; it can make none be forgotten. */
static hf_status log_again(renew_walk *walk, renewal_place *renewal)
{
    hf_store *store = walk->client->store;
    hf_status status;
    walk->seq = renewal->done[walk->lane];
    do {
        hf_buffer_clear(&walk->bodies);
        walk->count = 0;
        status = hf_log_read(store, walk->old->no, walk->lane, walk->seq, RENEW_ENTRIES_MAX,
                             keep_body, walk);
        hf_reader bodies = hf_reader_open(hf_buffer_bytes(&walk->bodies));
        for (size_t i = 0; i < walk->count && status == HF_OK; i++)
            status = entry_again(walk, hf_read_bytes(&bodies));
        renewal->done[walk->lane] = walk->seq;
        if (status == HF_OK && walk->count > 0) status = renewal_set(store, renewal);
    } while (status == HF_OK && walk->count == RENEW_ENTRIES_MAX);
    return status;
}

hf_status hf_client_renew_on(hf_client *client)
{
    hf_store *store = client->store;
    renewal_place renewal;
    bool found;
    hf_status status = renewal_get(store, &renewal, &found);
    if (status != HF_OK || !found) return status;
    renew_walk walk = {.client = client, .old = hf_origin_by_id(store, &renewal.origin)};
    if (!walk.old) return HF_ERR_CORRUPT;
    if (walk.old == hf_store_own_origin(store)) status = hf_store_new_incarnation(store);
    for (walk.lane = 0; walk.lane < HF_LANE_COUNT && status == HF_OK; walk.lane++)
        status = log_again(&walk, &renewal);
    hf_buffer_free(&walk.bodies);
    return status == HF_OK ? hf_meta_set(store, META_AGAIN, (hf_bytes){NULL, 0}) : status;
}

hf_status hf_client_renew(hf_client *client)
{
    hf_store *store = client->store;
    const hf_origin_row *old = client->own[client->download.forked];
    if (client->download.verdict != HF_FORKED) return hf_store_new_incarnation(store);
    renewal_place renewal = {.origin = old->id};
    hf_status status = HF_OK;
    for (uint8_t lane = 0; lane < HF_LANE_COUNT && status == HF_OK; lane++) {
        hf_log_state log;
        status = hf_log_state_get(store, old->no, lane, &log);
        renewal.done[lane] = log.acked; /* what a hub took is there already */
    }
    if (status == HF_OK) status = renewal_set(store, &renewal);
    if (status == HF_OK) status = hf_client_leave(store, &old->id);
    return status == HF_OK ? hf_client_renew_on(client) : status;
}
