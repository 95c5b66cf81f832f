/* fuzz_entry.c: any bytes at all as an entry's body: refused, or parsed to the end, and then it has
 * one encoding and one hash, which names its lane too. */
#include "harness.h"
#include "mutate.h"

#include "sync/apply.h"

#include "sim_crypto.h"

#include <assert.h>
#include <string.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    return mutate_cbor(data, size, room, seed);
}

/* decode, then encode: the identity on what is accepted. */
static void write_again(const hf_entry_body *entry, hf_bytes body)
{
    hf_buffer again = {0};
    hf_write_array(&again, 9);
    hf_write_uint(&again, entry->seq);
    hf_write_uint(&again, entry->pseq);
    hf_write_uint(&again, entry->scope);
    hf_write_uint(&again, entry->hlc);
    hf_write_uint(&again, entry->quality);
    hf_write_uint(&again, entry->pack);
    hf_write_text(&again, (const char *)entry->actor.data, entry->actor.size);
    if (entry->transaction.size)
        hf_write_bytes(&again, entry->transaction.data, entry->transaction.size);
    else
        hf_write_null(&again);
    hf_write_raw(&again, entry->parts);
    assert(again.status == HF_OK && hf_bytes_equal(hf_buffer_bytes(&again), body));
    hf_buffer_free(&again);
}

static void hash_twice(const hf_entry_body *entry)
{
    sim_crypto crypto;
    hf_origin_id origin = {{7}};
    uint8_t first[HF_HASH_SIZE], second[HF_HASH_SIZE], other[HF_HASH_SIZE];
    sim_crypto_init(&crypto, 1, "edge", false);
    hf_status status = hf_entry_hash(&crypto.table, &origin, 3, entry, first);
    if (status == HF_OK) status = hf_entry_hash(&crypto.table, &origin, 3, entry, second);
    if (status == HF_OK) status = hf_entry_hash(&crypto.table, &origin, 4, entry, other);
    assert(status == HF_OK);
    assert(memcmp(first, second, sizeof first) == 0);
    assert(memcmp(first, other, sizeof first) != 0); /* its lane is part of what it says */
}

void fuzz_one(const uint8_t *data, size_t size)
{
    hf_bytes body = {data, size};
    hf_entry_body entry;
    hf_status status = hf_entry_parse(body, &entry);
    assert(status == HF_OK || status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT);
    if (status != HF_OK) return;
    assert(size <= HF_ENTRY_SIZE_MAX && entry.seq > entry.pseq);
    assert(entry.part_count <= HF_ENTRY_PARTS_MAX && entry.op_count <= HF_ENTRY_OPS_MAX);
    assert(entry.erased_count <= entry.part_count);
    write_again(&entry, body);
    hash_twice(&entry);
}
