/* fuzz_snapshot.c: any bytes at all as a chunk of a snapshot: refused whole, or loaded, and then
 * the store still adds up. */
#include "harness.h"
#include "mutate.h"
#include "world.h"

#include "sync/snapshot.h"

#include <assert.h>
#include <string.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    return mutate_cbor(data, size, room, seed);
}

static hf_bytes packed_of(hf_packer *packer, hf_bytes raw)
{
    bool done = false;
    hf_bytes packed;
    hf_status status = hf_packer_begin(packer, raw);
    assert(status == HF_OK);
    while (!done) {
        status = hf_packer_step(packer, SIZE_MAX, &done, &packed);
        assert(status == HF_OK);
    }
    return packed;
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static hf_deflater *deflater;
    static hf_packer *packer;
    fuzz_world *world = fuzz_world_get();
    (void)fuzz_world_fresh(world, &world->edges[0]);
    hf_store *store = world->edges[0].node->store;
    hf_status status = deflater ? HF_OK : hf_deflater_new(&deflater);
    if (status == HF_OK && !packer) status = hf_packer_new(&packer);
    assert(status == HF_OK);
    fuzz_count_from_here();
    if (size == 0) return;
    hf_bytes raw = {data, size}, packed = packed_of(packer, raw);
    hf_chunk_name name = {.scope = pair_scope(world->pair), .raw_size = (uint32_t)size};
    name.packed_size = (uint32_t)packed.size;
    hf_chunk_hash(hf_store_crypto(store), raw, name.hash);
    hf_batch *batch;
    status = hf_batch_begin(store, pair_wall_ms(world->pair), &batch);
    assert(status == HF_OK);
    status = hf_staged_put(batch, name.hash, packed);
    assert(status == HF_OK);
    fuzz_count_from_here();
    status = hf_snapshot_load(batch, deflater, &name, 1);
    assert(status == HF_OK || status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT ||
           status == HF_ERR_DENIED);
    hf_batch_rollback(batch);
}
