/* client_hubs.c: a hub that takes itself for the centre, and the list by which another is. */
#include "client_core.h"

#include "hubs.h"

#include <string.h>

/* Is it the centre by its certificate, and another by the list? */
static hf_status is_replaced(hf_client *client, bool *replaced)
{
    hf_buffer held = {0};
    hf_hub_list list;
    bool found;
    *replaced = false;
    if (!client->hub_known || !client->hub.is_hub) return HF_OK; /* a station claims nothing */
    hf_status status = hf_hub_list_load(client->store, &held, &list, &found);
    *replaced =
        status == HF_OK && found && memcmp(list.centre, client->hub.key_id, HF_HASH_SIZE) != 0;
    hf_buffer_free(&held);
    return status;
}

static hf_status write_hubs(hf_client *client)
{
    hf_buffer held = {0};
    hf_status status = hf_hub_list_get(client->store, &held);
    hf_message message = {.type = HF_FRAME_HUBS, .as.hubs = hf_buffer_bytes(&held)};
    if (status == HF_OK && held.size > 0) hf_message_write(&client->raw, &message);
    hf_buffer_free(&held);
    return status == HF_OK ? client->raw.status : status;
}

hf_status hf_client_hubs_message(hf_client *client, hf_bytes *message)
{
    hf_buffer_clear(&client->raw);
    *message = (hf_bytes){NULL, 0};
    hf_status status = write_hubs(client);
    if (status != HF_OK || client->raw.size == 0) return status;
    status = hf_frame_seal(client->deflater, hf_buffer_bytes(&client->raw), &client->sealed);
    if (status == HF_OK) *message = hf_buffer_bytes(&client->sealed);
    return status;
}

hf_status hf_client_greet(hf_client *client, uint64_t now_ms)
{
    bool replaced;
    hf_status status = is_replaced(client, &replaced);
    if (status != HF_OK) return status;
    if (!replaced) return hf_client_write_hello(client, now_ms);
    hf_session_greeted(&client->session); /* it answers with the list that it has then, and ends */
    return write_hubs(client);
}

/* One that is false or old moves nobody, and is no reason to leave who sent it. */
hf_status hf_client_on_hubs(hf_client *client, hf_bytes signed_list)
{
    bool taken;
    hf_status status = hf_hub_list_take(client->store, signed_list, &taken);
    if (status != HF_OK) hf_session_fail_status(&client->session, status, "HUBS");
    return status;
}
