/* verdict.c: a hub's word on one entry: it does not count, for this reason; or it counts again.
 *
 * A verdict is an ordinary record of a system type in the entry's own scope, so it reaches exactly
 * those who hold that scope, in order, provably from the hub. Its id is made from the dot it speaks
 * of, so that a second verdict on the same entry is a later write of the same record. */
#include "store_core.h"

#include "system_types.h"

#include <string.h>

static hf_status verdict_id(hf_store *store, const hf_dot *dot, uint32_t scope, hf_record_id *out)
{
    hf_buffer name = {0};
    hf_write_array(&name, 4);
    hf_write_bytes(&name, dot->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&name, dot->lane);
    hf_write_uint(&name, dot->seq);
    hf_write_uint(&name, scope);
    uint8_t hash[HF_HASH_SIZE];
    hf_bytes piece = hf_buffer_bytes(&name);
    hf_status status = name.status;
    if (status == HF_OK) store->crypto->hash(store->crypto->context, &piece, 1, hash);
    hf_buffer_free(&name);
    out->type = HF_TYPE_VERDICT;
    memcpy(out->bytes, hash, HF_RECORD_ID_SIZE);
    out->bytes[6] = (uint8_t)(0x80 | (out->bytes[6] & 0x0f)); /* UUIDv8: made from a name */
    out->bytes[8] = (uint8_t)(0x80 | (out->bytes[8] & 0x3f));
    return status;
}

/* [origin, lane, seq, scope, pseq, entry hash]: all that a replica needs to step over the entry. */
static hf_status write_target(hf_store *store, const hf_dot *dot, hf_buffer *out)
{
    const hf_origin_row *origin = hf_origin_by_id(store, &dot->origin);
    if (!origin) return HF_ERR_NOT_FOUND;
    hf_entry held;
    hf_entry_body body;
    uint8_t hash[HF_HASH_SIZE];
    hf_status status = hf_entry_by_dot(store, hf_log_no(origin->no, dot->lane), dot->seq, &held);
    if (status == HF_OK) status = hf_entry_parse(held.body, &body);
    if (status == HF_OK)
        status = hf_entry_hash(store->crypto, &dot->origin, dot->lane, &body, hash);
    if (status != HF_OK) return status;
    hf_write_array(out, 6);
    hf_write_bytes(out, dot->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(out, dot->lane);
    hf_write_uint(out, dot->seq);
    hf_write_uint(out, body.scope);
    hf_write_uint(out, body.pseq);
    hf_write_bytes(out, hash, HF_HASH_SIZE);
    return out->status;
}

hf_status hf_verdict_known(hf_store *store, const hf_dot *dot, uint32_t scope, bool *known)
{
    hf_record_id id;
    hf_record record = {0};
    hf_status status = verdict_id(store, dot, scope, &id);
    if (status == HF_OK) status = hf_record_load_scope(store, &id, scope, &record);
    *known = status == HF_OK && record.no != 0;
    hf_record_clear(&record);
    return status;
}

hf_status hf_batch_verdict(hf_batch *batch, const hf_dot *dot, uint32_t scope, uint32_t reason,
                           const char *text, uint64_t wall_ms)
{
    hf_store *store = batch->store;
    hf_author author = {.actor = "hub", .wall_ms = wall_ms, .quality = 3};
    hf_record_id id;
    hf_record record = {0};
    hf_buffer target = {0}, standing = {0}, words = {0};
    hf_status status = verdict_id(store, dot, scope, &id);
    if (status == HF_OK) status = hf_record_load_scope(store, &id, scope, &record);
    if (status == HF_OK) status = write_target(store, dot, &target);
    hf_write_uint(&standing, reason);
    hf_write_string(&words, text);
    if (status == HF_OK) status = standing.status;
    if (status == HF_OK) status = words.status;
    hf_change changes[] = {
        {.record = id,
         .scope = scope,
         .field = HF_VERDICT_TARGET,
         .value = hf_buffer_bytes(&target)},
        {.record = id,
         .scope = scope,
         .field = HF_VERDICT_STANDING,
         .value = hf_buffer_bytes(&standing)},
        {.record = id, .scope = scope, .field = HF_VERDICT_TEXT, .value = hf_buffer_bytes(&words)}};
    size_t known = record.no ? 1 : 0; /* the target is written once */
    if (status == HF_OK)
        status = hf_batch_control(batch, scope, &author, changes + known, 3 - known);
    hf_record_clear(&record);
    hf_buffer_free(&target);
    hf_buffer_free(&standing);
    hf_buffer_free(&words);
    if (status != HF_OK) batch->failed = true;
    return status;
}
