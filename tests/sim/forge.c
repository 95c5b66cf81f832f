/* forge.c: a device whose software claims to overwrite what it has not seen.
 *
 * The dot that it cites is right, or about to be; the hash that should go with it is a guess. Such
 * an entry is well formed and is kept like any other; what it must not do is make a write vanish.
 */
#include "world_private.h"

#include "sync/store_core.h"

#include <assert.h>
#include <string.h>

typedef struct target {
    hf_record_id record;
    uint32_t scope, field;
    hf_dot dot;
    uint8_t lane; /* that the record's type belongs in */
    bool found;
} target;

/* A live value of somebody else's, in a record that this device holds. */
static target pick_target(sim_world *world, sim_node *edge)
{
    target out = {.found = false};
    if (!world->record_count) return out;
    size_t at = (size_t)sim_random_below(&edge->random, world->record_count);
    out.record = world->records[at];
    out.scope = world->record_scopes[at];
    const hf_type *type = hf_pack_type(hf_store_pack(edge->store), out.record.type);
    hf_view *view = NULL;
    if (!type || !sim_may_write(edge, out.scope) ||
        hf_store_get(edge->store, &out.record, &view) != HF_OK)
        return out;
    out.lane = type->lane;
    const hf_origin_id *own = &hf_store_own_origin(edge->store)->id;
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        const hf_field_view *field = hf_view_field(view, i);
        if (field->number == HF_FIELD_DELETED || !field->value_count) continue;
        if (memcmp(field->values[0].dot.origin.bytes, own->bytes, HF_ORIGIN_SIZE) == 0) continue;
        out.field = field->number;
        out.dot = field->values[0].dot;
        out.found = true;
        if (sim_random_chance(&edge->random, 400)) break;
    }
    hf_view_free(view);
    return out;
}

/* protocol.md 3: one part with one operation, whose citation is a lie. */
static void write_parts(sim_world *world, sim_node *edge, const target *aim, hf_buffer *out)
{
    hf_buffer part = {0};
    uint8_t random[8 + HF_PREFIX_SIZE];
    sim_random_fill(&edge->random, random, sizeof random);
    hf_write_raw(&part, (hf_bytes){random, 8});
    hf_write_array(&part, 4);
    hf_write_uint(&part, aim->record.type);
    hf_write_bytes(&part, aim->record.bytes, HF_RECORD_ID_SIZE);
    hf_write_array(&part, 1);
    hf_write_array(&part, 2);
    hf_write_bytes(&part, aim->dot.origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&part, aim->dot.lane);
    hf_write_array(&part, 1);
    hf_write_array(&part, 3);
    hf_write_uint(&part, aim->field);
    hf_write_array(&part, 1);
    hf_write_array(&part, aim->dot.ordinal ? 4 : 3);
    hf_write_uint(&part, 1);
    hf_write_uint(&part, aim->dot.seq + sim_random_below(&edge->random, 2));
    hf_write_bytes(&part, random + 8, HF_PREFIX_SIZE);
    if (aim->dot.ordinal) hf_write_uint(&part, aim->dot.ordinal);
    hf_write_int(&part, (int64_t)(world->now_ms / 1000));
    hf_write_array(out, 1);
    hf_write_bytes(out, part.data, part.size);
    assert(part.status == HF_OK && out->status == HF_OK);
    hf_buffer_free(&part);
}

bool sim_forge(sim_world *world, sim_node *edge, const hf_author *author, hf_dot *dot)
{
    target aim = pick_target(world, edge);
    if (!aim.found) return false;
    hf_buffer parts = {0};
    write_parts(world, edge, &aim, &parts);
    hf_draft draft = {.scope = aim.scope,
                      .lane = aim.lane,
                      .actor = author->actor,
                      .quality = author->quality,
                      .parts = hf_buffer_bytes(&parts)};
    hf_batch *batch = NULL;
    hf_status status = hf_batch_begin_own(edge->store, author->wall_ms, 1, &batch);
    if (status == HF_OK) {
        status = hf_batch_own(batch, &draft, dot);
        if (status == HF_OK)
            status = hf_batch_commit(batch);
        else
            hf_batch_rollback(batch);
    }
    hf_buffer_free(&parts);
    if (status == HF_OK) sim_say(world, "%s forges an overwrite", edge->name);
    if (status != HF_OK && sim_node_alive(world, edge))
        (void)sim_status_sane(world, edge, status, "forge");
    return status == HF_OK;
}
