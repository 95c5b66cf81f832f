/* client_renew.c: our log and the hub's have parted (a restored or copied device): we go on under a
 * new name, and what the hub may lack of the old one is written again, saying where it comes from.
 *
 * Why again and not sent as it is: its dots are taken at the hub by other entries, and a dot means
 * one entry for ever. The person who wrote, and the value, stay; the entry is a new one. */
#include "client_core.h"

#include "again.h"

/* Power may fail anywhere in here: each step is done again only as far as it was not done. */
hf_status hf_client_renew_on(hf_client *client)
{
    hf_store *store = client->store;
    const hf_origin_row *old;
    hf_status status = hf_again_whose(store, &old);
    if (status != HF_OK || !old) return status;
    status = hf_client_leave(store, &old->id);
    if (status == HF_OK && old == hf_store_own_origin(store))
        status = hf_store_new_incarnation(store);
    return status == HF_OK ? hf_again_finish(store) : status;
}

hf_status hf_client_renew(hf_client *client)
{
    hf_store *store = client->store;
    const hf_origin_row *old = client->own[client->download.forked];
    const hf_origin_row *unfinished;
    if (client->download.verdict != HF_FORKED) return hf_store_new_incarnation(store);
    hf_status status = hf_again_whose(store, &unfinished);
    if (status == HF_OK && unfinished) status = hf_client_renew_on(client);
    if (status != HF_OK || unfinished == old) return status;
    status = hf_again_begin(store, old);
    return status == HF_OK ? hf_client_renew_on(client) : status;
}
