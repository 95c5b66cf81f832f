/* fuzz_frame.c: any bytes at all as a message from a peer, and as a frame to be sent. */
#include "harness.h"

#include "sync/frame.h"
#include "sync/hubs.h"

#include <assert.h>

/* A list of hubs is read before anybody has said who he is. */
static void read_hubs(hf_bytes raw)
{
    hf_message message;
    hf_hub_list list;
    hf_listed_hub hub;
    size_t count = 0;
    if (hf_message_read(raw, &message) != HF_OK || message.type != HF_FRAME_HUBS) return;
    if (hf_hub_list_read(message.as.hubs, &list) != HF_OK) return;
    for (hf_list walk = list.hubs; hf_next_listed(&walk, &hub); count++)
        assert(hub.name[0] && hub.address[0] && hub.scopes.count <= HF_SCOPES_MAX);
    assert(count == list.hubs.count && count <= HF_HUBS_LISTED_MAX);
    assert(list.certificate.size <= HF_CERTIFICATE_MAX);
}

/* A message opens to a frame within bounds, or is refused and leaves nothing behind. */
static void take_in(hf_deflater *deflater, hf_bytes message)
{
    hf_buffer scratch = {0};
    hf_bytes raw = {NULL, 0};
    hf_status status = hf_frame_open(deflater, message, &scratch, &raw);
    if (status == HF_OK) {
        uint64_t type;
        hf_reader body;
        size_t items;
        assert(raw.size > 0 && raw.size <= HF_FRAME_INFLATED_MAX);
        assert(raw.size <= message.size * HF_FRAME_RATIO_MAX);
        assert(hf_frame_head(raw, &type, &body, &items) == HF_OK);
        assert(type != 60 && type != 61); /* no Z or C frame comes out of one */
        read_hubs(raw);
    } else {
        assert(status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT);
        assert(raw.size == 0);
    }
    hf_buffer_free(&scratch);
}

/* What is sealed opens as it was, if it is a frame that may be sent. */
static void send_out(hf_deflater *deflater, hf_bytes raw)
{
    uint64_t type;
    hf_reader body;
    size_t items;
    hf_buffer message = {0}, scratch = {0};
    hf_bytes opened;
    if (hf_frame_head(raw, &type, &body, &items) != HF_OK) return;
    if (type == 60 || type == 61) return;
    assert(hf_frame_seal(deflater, raw, &message) == HF_OK || raw.size > HF_FRAME_SIZE_MAX);
    if (message.size > 0) {
        assert(message.size <= raw.size && message.size <= HF_FRAME_SIZE_MAX);
        hf_status status = hf_frame_open(deflater, hf_buffer_bytes(&message), &scratch, &opened);
        assert(status == HF_OK);
        assert(hf_bytes_equal(opened, raw));
    }
    hf_buffer_free(&message);
    hf_buffer_free(&scratch);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    hf_deflater *deflater;
    if (hf_deflater_new(&deflater) != HF_OK) return;
    take_in(deflater, (hf_bytes){data, size});
    send_out(deflater, (hf_bytes){data, size});
    hf_deflater_free(deflater);
}
