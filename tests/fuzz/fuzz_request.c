/* fuzz_request.c: certificate requests as a stranger may post them, in PEM and in DER. */
#include "harness.h"

#include "platform/ca.h"

#include <assert.h>

void fuzz_one(const uint8_t *data, size_t size)
{
    uint8_t der[HF_CSR_DER_MAX], public_key[HF_PUBLIC_KEY_MAX];
    size_t der_size = sizeof der, key_size = 0;
    hf_bytes request = {data, size};
    if (hf_pem_decode("CERTIFICATE REQUEST", request, der, &der_size) == HF_OK) {
        request = (hf_bytes){der, der_size};
    }
    hf_status status = hf_request_read(request, public_key, &key_size);
    assert(status == HF_OK || status == HF_ERR_INPUT);
    assert((status == HF_OK) == (key_size > 0));
}
