/* fuzz_enrolment.c: an enrolment request and its answer, from strangers: read whole or refused. */
#include "harness.h"
#include "mutate.h"

#include "sync/enrolment.h"

#include <assert.h>

/* What was accepted is written to the same bytes again: there is one way to say a thing. */
static void check_request(hf_bytes bytes)
{
    hf_enrol_request request;
    hf_buffer again = {0};
    if (hf_enrol_request_read(bytes, &request) != HF_OK) return;
    hf_enrol_request_write(&request, &again);
    assert(hf_bytes_equal(hf_buffer_bytes(&again), bytes));
    hf_buffer_free(&again);
}

static void check_answer(hf_bytes bytes)
{
    hf_enrol_answer answer;
    hf_buffer again = {0};
    if (hf_enrol_answer_read(bytes, &answer) != HF_OK) return;
    hf_enrol_answer_write(&answer, &again);
    assert(hf_bytes_equal(hf_buffer_bytes(&again), bytes));
    hf_buffer_free(&again);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    if (size < 2 || room < 2) return LLVMFuzzerMutate(data, size, room);
    data[0] ^= seed % 16 == 0; /* what follows the first byte is CBOR */
    return 1 + mutate_cbor(data + 1, size - 1, room - 1, seed);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    if (size == 0) return;
    hf_bytes bytes = {data + 1, size - 1};
    if (data[0] % 2 == 0)
        check_request(bytes);
    else
        check_answer(bytes);
}
