/* versions.c: devices of a version before and after ours, beside ours, at one hub.
 *
 * One of before ends its HELLO where that did, and must never be sent what it did not ask for. One
 * of after says more than we know of, and is told more than it would be by us: what is added at the
 * end of a frame is skipped by whoever does not know it. */
#include "world_private.h"

#include "model_private.h"
#include "sync/frame.h"
#include "sync/messages.h"

#include <assert.h>

enum { HELLO_ITEMS_BEFORE = 1 + 8 }; /* its type, and what every HELLO has */

/* Nothing may follow them today, so one item more is of a later version. */
static bool may_grow(uint64_t type)
{
    return type == HF_FRAME_PUSH || type == HF_FRAME_FEED || type == HF_FRAME_ENTRIES ||
           type == HF_FRAME_HEAD || type == HF_FRAME_HEADS || type == HF_FRAME_ORIGIN ||
           type == HF_FRAME_LACK || type == HF_FRAME_PING || type == HF_FRAME_PROBE;
}

static bool is_of_later(uint64_t type)
{
    return type == HF_FRAME_OFFER || type == HF_FRAME_CHUNK || type == HF_FRAME_RECEIPT;
}

static void put_head(hf_buffer *out, uint64_t items)
{
    uint8_t bytes[9];
    hf_write_raw(out, (hf_bytes){bytes, writer_head(bytes, MAJOR_ARRAY, items)});
}

/* With `keep` items of it at most, and one more. */
static void rewrite(hf_bytes raw, uint64_t keep, bool grows, hf_buffer *out)
{
    reader r = {raw.data, raw.data + raw.size, false};
    uint64_t items = reader_head(&r, MAJOR_ARRAY);
    if (items > keep) items = keep;
    put_head(out, items + grows);
    for (uint64_t i = 0; i < items; i++) hf_write_raw(out, reader_item(&r));
    if (grows) hf_write_string(out, "of a later version");
    assert(!r.bad && out->status == HF_OK);
}

static uint64_t type_of(hf_bytes raw)
{
    reader r = {raw.data, raw.data + raw.size, false};
    (void)reader_head(&r, MAJOR_ARRAY);
    return reader_head(&r, MAJOR_UINT);
}

void sim_translate(sim_world *world, const sim_node *node, bool down, hf_bytes *message,
                   hf_buffer *sealed)
{
    hf_deflater *deflater = NULL;
    hf_buffer inflated = {0}, altered = {0};
    hf_bytes raw;
    if (node->version == 0) return;
    hf_status status = hf_deflater_new(&deflater);
    if (status == HF_OK) status = hf_frame_open(deflater, *message, &inflated, &raw);
    assert(status == HF_OK); /* honest nodes send nothing else */
    uint64_t type = type_of(raw);
    sim_checked(world, SIM_HONEST);
    if (node->version < 0 && down && is_of_later(type))
        sim_break(world, SIM_HONEST, "%s is sent frame %u, which it did not ask for", node->name,
                  (unsigned)type);
    if (node->version < 0 && !down && type == HF_FRAME_HELLO)
        rewrite(raw, HELLO_ITEMS_BEFORE, false, &altered);
    if (node->version > 0 && may_grow(type)) rewrite(raw, UINT64_MAX, true, &altered);
    if (altered.size > 0) {
        status = hf_frame_seal(deflater, hf_buffer_bytes(&altered), sealed);
        assert(status == HF_OK);
        *message = hf_buffer_bytes(sealed);
    }
    hf_deflater_free(deflater);
    hf_buffer_free(&inflated);
    hf_buffer_free(&altered);
}
