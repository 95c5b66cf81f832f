/* fuzz_bundle.c: any bytes at all as a bundle, as the answer to one, or as what was sealed in one:
 * by the first byte. Refused, or read to its end and within bounds. */
#include "harness.h"
#include "mutate.h"

#include "sync/bundle.h"

#include "sim_crypto.h"

#include <assert.h>
#include <string.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    if (size < 2) return LLVMFuzzerMutate(data, size, room);
    return 1 + mutate_cbor(data + 1, size - 1, room - 1, seed);
}

static bool is_refusal(hf_status status)
{
    return status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT;
}

static void as_bundle(const hf_crypto *crypto, hf_bytes bytes)
{
    hf_bundle bundle;
    hf_certificate station;
    hf_buffer plain = {0};
    hf_list messages;
    hf_status status = hf_bundle_read(bytes, &bundle);
    assert(status == HF_OK || is_refusal(status));
    if (status != HF_OK) return;
    assert(bundle.lane > 0 && bundle.lane < HF_LANE_COUNT);
    assert(bundle.beside.size < bundle.signed_part.size && bundle.signed_part.size < bytes.size);
    status = hf_bundle_check(crypto, &bundle, &station);
    assert(status == HF_OK || is_refusal(status));
    status = hf_bundle_open(crypto, &bundle, &plain, &messages);
    assert(is_refusal(status)); /* nobody sealed this to us */
    hf_buffer_free(&plain);
}

/* Each leaf has its way to one root, whatever the logs are said to be. */
static void as_receipts(const hf_crypto *crypto, const hf_answer *answer)
{
    static hf_receipt receipts[HF_BUNDLE_GROUPS_MAX];
    size_t count;
    hf_status status = hf_answer_receipts(crypto, answer, crypto->own_key_id, receipts, &count);
    assert(status == HF_OK && count <= answer->logs.count);
    assert((count > 0) == (answer->receipt.size > 0));
    for (size_t i = 0; i < count; i++) assert(receipts[i].index == i && receipts[i].count == count);
}

static void as_answer(const hf_crypto *crypto, hf_bytes bytes)
{
    hf_answer answer;
    hf_answered log;
    hf_certificate centre;
    size_t count = 0;
    hf_status status = hf_answer_read(bytes, &answer);
    assert(status == HF_OK || is_refusal(status));
    if (status != HF_OK) return;
    for (hf_list walk = answer.logs; hf_next_answered(&walk, &log); count++)
        assert(log.lane < HF_LANE_COUNT);
    assert(count == answer.logs.count && (count == 0 || answer.code == 0));
    assert(answer.receipt.size == 0 || answer.receipt.size == HF_SIGNATURE_SIZE);
    as_receipts(crypto, &answer);
    status = hf_answer_check(crypto, &answer, &centre);
    assert(status == HF_OK || is_refusal(status));
}

/* What a station that means harm can make the centre read. */
static void as_content(const hf_crypto *crypto, hf_bytes bytes)
{
    hf_bundle bundle = {.lane = 1};
    hf_buffer sealed = {0}, plain = {0};
    hf_list messages;
    hf_bytes message;
    hf_certificate own;
    size_t count = 0;
    hf_status status = crypto->certificate(crypto->context, crypto->own_certificate, &own);
    assert(status == HF_OK);
    uint8_t *room = hf_buffer_reserve(&sealed, bytes.size + HF_SEAL_SIZE);
    assert(room);
    sealed.size = bytes.size + HF_SEAL_SIZE;
    status = crypto->seal(crypto->context, (hf_bytes){own.public_key, own.public_key_size},
                          (hf_bytes){NULL, 0}, bytes, room);
    assert(status == HF_OK);
    bundle.sealed = hf_buffer_bytes(&sealed);
    status = hf_bundle_open(crypto, &bundle, &plain, &messages);
    assert(status == HF_OK || is_refusal(status));
    while (status == HF_OK && hf_next_message_item(&messages, &message)) {
        assert(message.size > 0);
        count += message.size;
    }
    assert(count <= bytes.size);
    hf_buffer_free(&sealed);
    hf_buffer_free(&plain);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static sim_crypto crypto;
    if (!crypto.table.hash) sim_crypto_init(&crypto, 1, "hub", SIM_CENTRE);
    if (size == 0) return;
    hf_bytes bytes = {data + 1, size - 1};
    switch (data[0] % 3) {
    case 0: as_bundle(&crypto.table, bytes); break;
    case 1: as_answer(&crypto.table, bytes); break;
    default: as_content(&crypto.table, bytes); break;
    }
}
