/* client_former.c: whose word no longer counts.
 *
 * A hub that was set back goes on under a new name, and names its former ones: what it said under
 * those it may have lost. A station passes on its centre's names, so that a device which only ever
 * meets stations hears of it too; and it says by whose word it calls anything "at the hub", for it
 * may not have heard yet that its centre was set back when a device has. */
#include "client_core.h"

#include <string.h>

static const char META_FORMER[] = "former"; /* names, in a row, the newest last */
enum { FORMER_KEPT_MAX = 2 * HF_FORMER_MAX };

hf_status hf_client_former(hf_store *store, hf_buffer *out)
{
    return hf_meta_get(store, META_FORMER, out);
}

static bool is_in(const hf_buffer *names, const hf_origin_id *id)
{
    for (size_t at = 0; at + HF_ORIGIN_SIZE <= names->size; at += HF_ORIGIN_SIZE)
        if (memcmp(names->data + at, id->bytes, HF_ORIGIN_SIZE) == 0) return true;
    return false;
}

static hf_status keep(hf_store *store, const hf_buffer *names)
{
    hf_bytes kept = hf_buffer_bytes(names);
    size_t most = (size_t)FORMER_KEPT_MAX * HF_ORIGIN_SIZE;
    if (kept.size > most) kept = (hf_bytes){kept.data + (kept.size - most), most};
    return names->status == HF_OK ? hf_meta_set(store, META_FORMER, kept) : names->status;
}

/* What the centre said of logs that are not ours is void as well: each is asked after again. */
static hf_status void_relayed(hf_client *client, hf_batch *batch, const hf_origin_id *hub)
{
    bool any = false;
    if (!client->relays.on) return HF_OK;
    hf_status status = hf_batch_acks_void(batch, hub, &any);
    if (status == HF_OK) status = hf_batch_receipts_void(batch);
    if (any) client->relays.centre_lost = true;
    return status;
}

/* The same feed of the same hub, for the same scopes, and our place in it is not one: it lost its
 * end, and did not notice. */
static bool lost_in_silence(const hf_client *client, const hf_welcome *welcome)
{
    const hf_cursor *resume = &client->resume, *now = &client->download.cursor;
    bool judged = welcome->verdict == HF_VECTORS || welcome->verdict == HF_SNAPSHOT ||
                  welcome->verdict == HF_REFILLING;
    if (!client->resuming || !judged) return false;
    if (memcmp(&resume->hub, &welcome->hub, sizeof resume->hub) != 0) return false;
    return memcmp(resume->epoch, welcome->epoch, sizeof resume->epoch) != 0 ||
           memcmp(resume->scopes, now->scopes, sizeof resume->scopes) == 0;
}

hf_status hf_client_take_former(hf_client *client, hf_batch *batch, const hf_welcome *welcome)
{
    hf_buffer names = {0};
    hf_origin_id former;
    hf_status status = hf_client_former(client->store, &names);
    size_t before = names.size;
    for (hf_list walk = welcome->former; status == HF_OK && hf_next_origin_id(&walk, &former);) {
        if (is_in(&names, &former)) continue;
        hf_write_raw(&names, (hf_bytes){former.bytes, HF_ORIGIN_SIZE});
        status = void_relayed(client, batch, &former);
    }
    if (status == HF_OK && lost_in_silence(client, welcome))
        status = void_relayed(client, batch, &welcome->hub);
    client->former_new = names.size > before;
    /* Whom we serve was told by whose word we speak: that is another now. */
    if (client->relays.on && client->former_new) client->relays.centre_lost = true;
    if (status == HF_OK && client->former_new) status = keep(client->store, &names);
    client->centre_void = welcome->has_centre && is_in(&names, &welcome->centre);
    hf_buffer_free(&names);
    return status;
}

/* A station passes on names that are not its own: the centre's, and if that was a station once, its
 * name as one. What it holds says nothing of what those hold. */
static bool is_anothers(const hf_client *client, const hf_origin_id *hub)
{
    const hf_origin_row *row = hf_origin_by_id(client->store, hub);
    bool by_station = client->hub_known && client->hub.is_station;
    return by_station && row && row->known &&
           memcmp(row->key_id, client->hub.key_id, HF_HASH_SIZE) != 0;
}

/* What another signed and lost that one says itself: who serves on meanwhile does not know. */
static hf_status undo(hf_client *client, hf_batch *batch, const hf_origin_id *hub,
                      const hf_origin_row *origin, const hf_acked *said)
{
    if (is_anothers(client, hub)) return HF_OK;
    return hf_batch_receipts_undo(batch, hub, origin, said->lane, said->durable);
}

/* What this hub acknowledged, under this name or a former one, and says no more. */
static hf_status count_lost(hf_client *client, const hf_welcome *welcome, const hf_yours *yours)
{
    int64_t no = client->own[yours->origin]->no;
    uint64_t had, most;
    hf_origin_id former;
    hf_status status = hf_acked_by(client->store, &welcome->hub, no, yours->lane, &most);
    for (hf_list walk = welcome->former; status == HF_OK && hf_next_origin_id(&walk, &former);) {
        if (is_anothers(client, &former)) continue;
        status = hf_acked_by(client->store, &former, no, yours->lane, &had);
        if (status == HF_OK && had > most) most = had;
    }
    if (status == HF_OK && most > yours->durable) client->fell_back += most - yours->durable;
    return status;
}

/* What this hub says now is all that counts of what it ever said, under this name and its former
 * ones: it may hold less than it acknowledged, and then nobody may be shown that it holds it. */
hf_status hf_client_fall_back(hf_client *client, hf_batch *batch, const hf_welcome *welcome,
                              const hf_yours *yours)
{
    const hf_origin_row *origin = client->own[yours->origin];
    hf_acked said = {.lane = yours->lane, .durable = yours->durable, .central = yours->central};
    hf_origin_id former;
    bool by_station = client->hub_known && client->hub.is_station;
    hf_status status = count_lost(client, welcome, yours);
    /* Who never heard that the centre was set back told us what it lost; it is not known who did.
     */
    bool alone = client->former_new || !by_station;
    if (status == HF_OK) status = hf_batch_fall_back(batch, &welcome->hub, origin, &said, alone);
    for (hf_list walk = welcome->former; status == HF_OK && hf_next_origin_id(&walk, &former);) {
        status = hf_batch_fall_back(batch, &former, origin, &said, false);
        if (status == HF_OK) status = undo(client, batch, &former, origin, &said);
    }
    return status == HF_OK ? undo(client, batch, &welcome->hub, origin, &said) : status;
}
