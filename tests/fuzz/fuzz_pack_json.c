/* fuzz_pack_json.c: any text as a pack's JSON: refused with a sentence, or compiled to a pack that
 * every node will open. */
#include "harness.h"

#include "sync/pack.h"
#include "sync/pack/compile.h"

#include <assert.h>

void fuzz_one(const uint8_t *data, size_t size)
{
    hf_buffer compiled = {0};
    char why[256] = "";
    hf_status status =
        hf_pack_compile((hf_bytes){data, size}, "fuzz.json", &compiled, why, sizeof why);
    assert(status == HF_OK || why[0] != 0);
    if (status == HF_OK) {
        hf_pack *pack = NULL;
        status = hf_pack_open(hf_buffer_bytes(&compiled), &pack);
        assert(status == HF_OK && hf_pack_type_count(pack) > 0);
        hf_pack_close(pack);
    }
    hf_buffer_free(&compiled);
}
