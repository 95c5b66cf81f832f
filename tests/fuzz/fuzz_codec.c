/* fuzz_codec.c: any bytes at all, against the oracle, and through every reader. */
#include "harness.h"

#include "sync/codec.h"

#include "../unit/cbor_oracle.h"

#include <assert.h>

/* Reads what stands next and writes it again. False: nothing that the profile has. */
static bool copy_head(hf_reader *in, hf_buffer *out)
{
    hf_bytes bytes;
    switch (hf_reader_kind(in)) {
    case HF_KIND_UINT: hf_write_uint(out, hf_read_uint(in)); return true;
    case HF_KIND_NINT: hf_write_int(out, hf_read_int(in)); return true;
    case HF_KIND_BYTES:
        bytes = hf_read_bytes(in);
        hf_write_bytes(out, bytes.data, bytes.size);
        return true;
    case HF_KIND_TEXT:
        bytes = hf_read_text(in);
        hf_write_text(out, (const char *)bytes.data, bytes.size);
        return true;
    case HF_KIND_ARRAY: hf_write_array(out, hf_read_array(in, SIZE_MAX)); return true;
    case HF_KIND_MAP: hf_write_map(out, hf_read_map(in, SIZE_MAX)); return true;
    case HF_KIND_BOOL: hf_write_bool(out, hf_read_bool(in)); return true;
    case HF_KIND_NULL:
        hf_read_null(in);
        hf_write_null(out);
        return true;
    case HF_KIND_UNDEFINED:
        hf_read_undefined(in);
        hf_write_undefined(out);
        return true;
    case HF_KIND_OTHER:
    case HF_KIND_END: break;
    }
    return false;
}

/* Whatever the readers take one by one, the writers give back to the byte. */
static void read_and_write_again(hf_bytes bytes)
{
    hf_reader in = hf_reader_open(bytes);
    hf_buffer out = {0};
    for (;;) {
        const uint8_t *before = in.at;
        if (!copy_head(&in, &out) || in.status != HF_OK) break;
        assert(in.at > before);
        hf_bytes read = {bytes.data, (size_t)(in.at - bytes.data)};
        assert(hf_bytes_equal(read, hf_buffer_bytes(&out)));
    }
    hf_buffer_free(&out);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    hf_bytes bytes = {data, size};
    hf_status profile = hf_cbor_check_profile(bytes);
    hf_status generic = hf_cbor_check_generic(bytes);
    assert(profile != HF_OK || generic == HF_OK); /* the profile is a part of it */
    if (size <= ORACLE_NODES_MAX) assert((profile == HF_OK) == oracle_accepts(data, size));

    hf_reader whole = hf_reader_open(bytes);
    hf_bytes item = hf_read_item(&whole);
    assert((profile == HF_OK) == (hf_reader_end(&whole) == HF_OK));
    assert(item.size <= size);
    assert(item.size == 0 || hf_cbor_check_profile(item) == HF_OK);
    read_and_write_again(bytes);
}
