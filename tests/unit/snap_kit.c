/* snap_kit.c: see snap_kit.h. */
#include "snap_kit.h"

#include "sync/feed.h"

static hf_status on_chunk(void *context, uint32_t scope, hf_bytes raw)
{
    snap *s = context;
    bool done = false;
    hf_bytes packed;
    assert_true(s->count < SNAP_CHUNKS_MAX);
    size_t at = s->count++;
    while (at > 0 && s->names[at - 1].scope > scope) at--; /* a scope's stay together, in order */
    memmove(&s->names[at + 1], &s->names[at], (s->count - 1 - at) * sizeof *s->names);
    memmove(&s->packed[at + 1], &s->packed[at], (s->count - 1 - at) * sizeof *s->packed);
    s->packed[at] = (hf_buffer){0};
    assert_int_equal(hf_packer_begin(s->packer, raw), HF_OK);
    while (!done) assert_int_equal(hf_packer_step(s->packer, 4096, &done, &packed), HF_OK);
    hf_write_raw(&s->packed[at], packed);
    s->names[at] = (hf_chunk_name){
        .scope = scope, .raw_size = (uint32_t)raw.size, .packed_size = (uint32_t)packed.size};
    hf_chunk_hash(hf_store_crypto(s->store), raw, s->names[at].hash);
    return HF_OK;
}

void snap_begin(snap *s, kit_node *hub, const uint32_t *scopes, size_t count, size_t chunk_size)
{
    *s = (snap){.store = hub->store, .position = hf_feed_position(hub->store)};
    assert_int_equal(hf_packer_new(&s->packer), HF_OK);
    hf_making_options options = {.scopes = scopes,
                                 .scope_count = count,
                                 .chunk_size = chunk_size,
                                 .sink = on_chunk,
                                 .context = s};
    assert_int_equal(hf_making_begin(hub->store, &options, &s->making), HF_OK);
}

void snap_step(snap *s)
{
    assert_int_equal(hf_making_step(s->making, &s->done), HF_OK);
    if (!s->done) return;
    hf_making_free(s->making);
    s->making = NULL;
}

void snap_make(snap *s, kit_node *hub, const uint32_t *scopes, size_t count, size_t chunk_size)
{
    snap_begin(s, hub, scopes, count, chunk_size);
    while (!s->done) snap_step(s);
}

hf_status snap_try_load(kit *k, const snap *s, kit_node *to)
{
    hf_batch *batch;
    hf_deflater *deflater;
    assert_int_equal(hf_deflater_new(&deflater), HF_OK);
    assert_int_equal(hf_batch_begin(to->store, k->wall_ms, &batch), HF_OK);
    hf_status status = HF_OK;
    for (size_t i = 0; i < s->count && status == HF_OK; i++)
        status = hf_staged_put(batch, s->names[i].hash, hf_buffer_bytes(&s->packed[i]));
    if (status == HF_OK) status = hf_snapshot_load(batch, deflater, s->names, s->count);
    if (status == HF_OK)
        status = hf_batch_commit(batch);
    else
        hf_batch_rollback(batch);
    hf_deflater_free(deflater);
    return status;
}

void snap_load(kit *k, const snap *s, kit_node *to)
{
    hf_status status = snap_try_load(k, s, to);
    if (status != HF_OK) print_error("%s\n", hf_store_problem(to->store));
    assert_int_equal(status, HF_OK);
}

void snap_free(snap *s)
{
    hf_making_free(s->making);
    hf_packer_free(s->packer);
    for (size_t i = 0; i < s->count; i++) hf_buffer_free(&s->packed[i]);
}

void snap_send_scope(kit *k, kit_node *to, uint32_t scope)
{
    for (uint64_t at = 1; at <= hf_feed_position(k->hub.store); at++) {
        hf_entry_body body;
        kit_entry entry = kit_take(&k->hub, at);
        assert_int_equal(hf_entry_parse(hf_buffer_bytes(&entry.body), &body), HF_OK);
        if (body.scope == scope) (void)kit_give(k, &k->hub, to, &entry, 0);
        kit_entry_free(&entry);
    }
}
