/* client_wish.c: what a station asks its centre for, on behalf of its devices: certificates,
 * receipts, numbers. Nothing answers such a wish; what comes of it is in a record that the station
 * is fed, or is a RECEIPT. Whoever still lacks it wishes again, so a link that is lost loses none.
 */
#include "client_core.h"

#include <stdio.h>
#include <string.h>

typedef struct receipt_wish {
    size_t place; /* among those whose entries go up */
    uint64_t seq;
    uint8_t lane;
} receipt_wish;

typedef struct number_wish {
    size_t place;
    uint64_t last; /* of the numbers that were leased to it */
    char series[HF_PACK_NAME_MAX + 1];
} number_wish;

const hf_origin_row *hf_client_relayed_origin(const hf_client *client, uint32_t index)
{
    const hf_client_relays *relays = &client->relays;
    bool is_named = index >= HF_HELLO_ORIGINS_MAX && index - HF_HELLO_ORIGINS_MAX < relays->named;
    return is_named ? relays->origins[index - HF_HELLO_ORIGINS_MAX] : NULL;
}

/* Is there a session to wish in? */
static bool can_wish(const hf_client *client)
{
    return client->session.state == HF_SESSION_OPEN && client->upload.logs;
}

/* ---- wishing ---- */

hf_status hf_client_wish(hf_client *client, const uint8_t key_id[HF_HASH_SIZE])
{
    hf_buffer *wishes = &client->relays.wishes;
    if (!can_wish(client)) return HF_OK;
    for (size_t at = 0; at < wishes->size; at += HF_HASH_SIZE)
        if (memcmp(wishes->data + at, key_id, HF_HASH_SIZE) == 0) return HF_OK;
    if (wishes->size == (size_t)HF_RENEW_FOR_MAX * HF_HASH_SIZE) return HF_OK;
    hf_write_raw(wishes, (hf_bytes){key_id, HF_HASH_SIZE});
    return wishes->status;
}

hf_status hf_client_wish_receipt(hf_client *client, int64_t origin_no, uint8_t lane, uint64_t seq)
{
    hf_buffer *wishes = &client->relays.receipt_wishes;
    receipt_wish wish, other;
    memset(&wish, 0, sizeof wish);
    if (!can_wish(client)) return HF_OK;
    hf_status status = hf_client_relay_place(client, origin_no, &wish.place);
    if (status != HF_OK) return status == HF_ERR_LIMIT ? HF_OK : status;
    wish.lane = lane;
    wish.seq = seq;
    for (size_t at = 0; at < wishes->size; at += sizeof other) {
        memcpy(&other, wishes->data + at, sizeof other);
        if (other.place == wish.place && other.lane == lane) return HF_OK;
    }
    if (wishes->size == HF_RECEIPT_FOR_MAX * sizeof wish) return HF_OK;
    hf_write_raw(wishes, (hf_bytes){(const uint8_t *)&wish, sizeof wish});
    return wishes->status;
}

hf_status hf_client_wish_numbers(hf_client *client, int64_t origin_no, const char *series,
                                 uint64_t last)
{
    hf_buffer *wishes = &client->relays.number_wishes;
    number_wish wish, other;
    memset(&wish, 0, sizeof wish);
    if (!can_wish(client)) return HF_OK;
    hf_status status = hf_client_relay_place(client, origin_no, &wish.place);
    if (status != HF_OK) return status == HF_ERR_LIMIT ? HF_OK : status;
    wish.last = last;
    (void)snprintf(wish.series, sizeof wish.series, "%s", series);
    for (size_t at = 0; at < wishes->size; at += sizeof other) {
        memcpy(&other, wishes->data + at, sizeof other);
        if (other.place == wish.place && strcmp(other.series, series) == 0) return HF_OK;
    }
    if (wishes->size == HF_ASK_FOR_MAX * sizeof wish) return HF_OK;
    hf_write_raw(wishes, (hf_bytes){(const uint8_t *)&wish, sizeof wish});
    return wishes->status;
}

/* ---- the frames ---- */

static void write_renew_for(hf_client *client)
{
    hf_buffer *wishes = &client->relays.wishes;
    hf_message message = {.type = HF_FRAME_RENEW_FOR};
    wishes->size -= HF_HASH_SIZE;
    memcpy(message.as.key_id, wishes->data + wishes->size, HF_HASH_SIZE);
    hf_message_write(&client->raw, &message);
}

static hf_status write_receipt_for(hf_client *client)
{
    hf_buffer *wishes = &client->relays.receipt_wishes;
    receipt_wish wish;
    memcpy(&wish, wishes->data + wishes->size - sizeof wish, sizeof wish);
    if (wish.place >= client->relays.named) return hf_client_write_author(client);
    hf_message message = {.type = HF_FRAME_RECEIPT_FOR};
    message.as.reach = (hf_receipted){.origin = (uint32_t)(HF_HELLO_ORIGINS_MAX + wish.place),
                                      .lane = wish.lane,
                                      .seq = wish.seq};
    hf_message_write(&client->raw, &message);
    wishes->size -= sizeof wish;
    return HF_OK;
}

/* All that is wished for the device of the last wish, in one frame. */
static hf_status write_ask_for(hf_client *client)
{
    hf_buffer *wishes = &client->relays.number_wishes;
    number_wish wish;
    size_t kept = 0;
    memcpy(&wish, wishes->data + wishes->size - sizeof wish, sizeof wish);
    size_t place = wish.place;
    if (place >= client->relays.named) return hf_client_write_author(client);
    hf_message message = {.type = HF_FRAME_ASK_FOR};
    hf_ask_for *ask = &message.as.ask_for;
    ask->origin = (uint32_t)(HF_HELLO_ORIGINS_MAX + place);
    hf_buffer_clear(&client->items);
    for (size_t at = 0; at < wishes->size; at += sizeof wish) {
        memcpy(&wish, wishes->data + at, sizeof wish);
        if (wish.place == place && ask->asked.count < HF_SERIES_MAX) {
            hf_asked asked = {.series = {(const uint8_t *)wish.series, strlen(wish.series)},
                              .last = wish.last};
            hf_write_asked(&client->items, &asked);
            ask->asked.count++;
        } else {
            memmove(wishes->data + kept, &wish, sizeof wish);
            kept += sizeof wish;
        }
    }
    wishes->size = kept;
    ask->asked.items = hf_buffer_bytes(&client->items);
    hf_message_write(&client->raw, &message);
    return client->items.status;
}

hf_status hf_client_write_wish(hf_client *client)
{
    hf_status status = HF_OK;
    if (!can_wish(client)) return HF_OK;
    if (client->relays.wishes.size > 0)
        write_renew_for(client);
    else if (client->relays.receipt_wishes.size > 0)
        status = write_receipt_for(client);
    else if (client->relays.number_wishes.size > 0)
        status = write_ask_for(client);
    return status;
}

/* ---- receipts that came ---- */

hf_status hf_client_receipted(hf_client *client, int64_t origin_no, uint8_t lane)
{
    hf_relay_log log = {.origin_no = origin_no, .lane = lane};
    hf_write_raw(&client->relays.receipted, (hf_bytes){(const uint8_t *)&log, sizeof log});
    return client->relays.receipted.status;
}

/* What was told of a batch that was then undone only makes someone look in vain. */
hf_status hf_client_receipts(hf_client *client, hf_relay_visitor visit, void *context)
{
    return hf_client_tell(&client->relays.receipted, visit, context);
}
