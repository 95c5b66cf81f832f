/* fuzz_receipt.c: any bytes at all as an exported receipt: it proves something or is refused, and
 * then always with a sentence for people. */
#include "harness.h"
#include "mutate.h"

#include "sync/proof.h"

#include "sim_crypto.h"

#include <assert.h>

static hf_status visit(void *context, const hf_proof_entry *entry)
{
    size_t *entries = context;
    assert(entry->dot.seq > 0 && entry->dot.lane < HF_LANE_COUNT);
    assert(entry->author && entry->hub && entry->actor.size <= HF_TEXT_MAX);
    ++*entries;
    return HF_OK;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    return mutate_cbor(data, size, room, seed);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static sim_crypto crypto;
    if (!crypto.table.hash) sim_crypto_init(&crypto, 1, "stranger", false);
    hf_record_id record;
    const char *why;
    size_t entries = 0;
    hf_status status =
        hf_proof_check(&crypto.table, (hf_bytes){data, size}, &record, visit, &entries, &why);
    assert(status == HF_OK || status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT);
    assert((why != NULL) == (status != HF_OK));
    assert(status != HF_OK || (entries > 0 && entries <= size));
}
