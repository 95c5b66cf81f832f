/* client_references.c: numbers for our records are fetched in good time, and given to those that
 * had to begin without.
 *
 * Why at half: what is left then lasts through an outage as long as the one before it took to use
 * up as much, and a device that comes back to a busy hub is not among those that cannot wait. Why
 * only when all of the feed is applied: a device that was set back gave numbers that it has
 * forgotten, and hears of them there. */
#include "client_core.h"

#include "lease.h"

#include <stdio.h>
#include <string.h>

void hf_client_references_link(hf_client *client)
{
    client->numbering = (hf_numbering){.giving = true};
}

/* ---- asking ---- */

static bool is_due(const hf_series_left *left)
{
    return left->left * 2 <= left->block; /* none was ever leased: 0 of 0 */
}

/* The series of which numbers are wanted; or, `due` false, the others. */
static hf_status write_items(hf_client *client, bool due, hf_buffer *items, size_t *count)
{
    const hf_pack *pack = hf_store_pack(client->store);
    hf_status status = HF_OK;
    hf_buffer_clear(items);
    *count = 0;
    for (size_t i = 0; i < hf_pack_type_count(pack) && status == HF_OK; i++) {
        const hf_series *series = hf_pack_type_at(pack, i)->series;
        hf_series_left left;
        if (!series) continue;
        status = hf_series_left_get(client->store, series, &left);
        if (status != HF_OK || is_due(&left) != due) continue;
        hf_asked asked = {.series = {(const uint8_t *)series->name, strlen(series->name)},
                          .last = left.last};
        hf_write_asked(items, &asked);
        ++*count;
        status = items->status;
    }
    return status;
}

/* A station has the next block in stock, and must know which is the last that we have. */
static bool tells(const hf_client *client)
{
    return client->hub_known && client->hub.is_station && !client->numbering.told;
}

uint64_t hf_client_ask_at_ms(const hf_client *client)
{
    const hf_numbering *numbering = &client->numbering;
    hf_phase phase = client->download.phase;
    bool may = phase == HF_PHASE_VECTORS || phase == HF_PHASE_START || phase == HF_PHASE_FEED;
    if (client->session.state != HF_SESSION_OPEN || !may) return UINT64_MAX;
    if (numbering->asked) return UINT64_MAX;
    return numbering->due || tells(client) ? numbering->ask_at_ms : UINT64_MAX;
}

hf_status hf_client_write_ask(hf_client *client)
{
    size_t count, held_count = 0;
    hf_buffer held = {0};
    hf_status status = write_items(client, true, &client->items, &count);
    client->numbering.due = count > 0;
    if (status == HF_OK && client->hub_known && client->hub.is_station)
        status = write_items(client, false, &held, &held_count);
    if (status == HF_OK && count + held_count > 0) {
        hf_message message = {.type = HF_FRAME_ASK};
        message.as.ask = (hf_ask){.asked = {hf_buffer_bytes(&client->items), count},
                                  .held = {hf_buffer_bytes(&held), held_count}};
        hf_message_write(&client->raw, &message);
        client->numbering.asked = true;
    }
    client->numbering.told = status == HF_OK;
    hf_buffer_free(&held);
    return status;
}

/* ---- the answer ---- */

hf_status hf_client_on_lease(hf_client *client, hf_batch *batch, const hf_list *leased)
{
    hf_leased block;
    if (!client->numbering.asked) {
        hf_session_fail(&client->session, HF_CODE_TURN, "LEASE out of turn");
        return HF_ERR_PROTOCOL;
    }
    /* They are for the name that we had at HELLO. */
    if (client->own[0] != hf_store_own_origin(client->store)) return HF_OK;
    hf_status status = HF_OK;
    for (hf_list walk = *leased; status == HF_OK && hf_next_leased(&walk, &block);) {
        bool taken;
        status = hf_batch_block(batch, block.series, block.first, block.last, &taken);
        if (status == HF_OK && !taken)
            (void)snprintf(client->notice, sizeof client->notice,
                           "the hub leased numbers of %.*s again that this device has had",
                           (int)block.series.size, (const char *)block.series.data);
    }
    return status;
}

void hf_client_lease_settled(hf_client *client)
{
    client->numbering.asked = false;
    client->numbering.ask_at_ms = client->wall_now_ms + HF_ASK_AGAIN_MS;
}

/* ---- each turn ---- */

bool hf_client_gives(const hf_client *client)
{
    return client->numbering.giving && hf_client_caught_up(client) && !client->renewed &&
           !hf_store_is_hub(client->store); /* a station writes nothing of its own */
}

static hf_status give(hf_client *client)
{
    hf_author author = {.actor = "holdfast",
                        .wall_ms = hf_client_true_ms(client),
                        .quality = client->hub_time.known ? 3 : 1};
    return hf_references_give(client->store, &author, &client->numbering.giving);
}

hf_status hf_client_references(hf_client *client)
{
    hf_numbering *numbering = &client->numbering;
    uint64_t moved = hf_references_moved(client->store);
    hf_status status = HF_OK;
    if (client->session.state != HF_SESSION_OPEN || hf_store_is_hub(client->store)) return HF_OK;
    if (numbering->looked != moved) {
        size_t count;
        status = write_items(client, true, &client->items, &count);
        if (status != HF_OK) return status;
        numbering->due = count > 0;
        numbering->giving = true;
        numbering->looked = moved;
    }
    return hf_client_gives(client) ? give(client) : HF_OK;
}
