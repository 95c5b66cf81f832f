/* hubs.h: the list of hubs: where a node may go, in which order, and which of them is the centre.
 *
 * The centre signs it, so it may come by any way and from anybody: in its own record of the common
 * scope, as all that a hub says, or in a HUBS frame by whoever meets someone that lacks it. A list
 * counts when its signature is by a key that our authority certified for a centre, and it is newer
 * than the one that we have: by its term, which begins anew with each centre, then by its number.
 * So a list that was forged or is old moves nobody, and a centre that has been replaced learns of
 * it from the first node that knows. */
#ifndef HF_HUBS_H
#define HF_HUBS_H

#include "holdfast/edge.h"
#include "messages.h"
#include "store.h"

typedef struct hf_listed_hub {
    uint8_t key_id[HF_HASH_SIZE];
    char name[HF_NAME_SIZE], address[HF_ADDRESS_TEXT_SIZE]; /* "host:port" */
    hf_list scopes; /* numbers, ascending: whose devices it serves; the centre's has none */
} hf_listed_hub;

typedef struct hf_hub_list {
    uint64_t term, number; /* both from 1 */
    hf_list hubs;          /* hf_next_listed; the best first */
    hf_bytes certificate;  /* of the centre, which signed */
    uint8_t signature[HF_SIGNATURE_SIZE];
    uint8_t centre[HF_HASH_SIZE]; /* its key; known once the list is checked */
} hf_hub_list;

/* The list's form alone. HF_ERR_PROTOCOL, HF_ERR_LIMIT. Borrows from `signed_list`. */
HF_MUST_CHECK hf_status hf_hub_list_read(hf_bytes signed_list, hf_hub_list *out);
/* ... and is it a centre's word? HF_ERR_PROTOCOL when it is not. */
HF_MUST_CHECK hf_status hf_hub_list_check(const hf_crypto *crypto, hf_bytes signed_list,
                                          hf_hub_list *out);
bool hf_next_listed(hf_list *list, hf_listed_hub *out);

/* Appends one hub to what will be signed. */
void hf_write_listed(hf_buffer *out, const hf_listed_hub *hub);
/* Signs with our own key and certificate. HF_ERR_LIMIT: too many hubs, or scopes. */
HF_MUST_CHECK hf_status hf_hub_list_sign(const hf_crypto *crypto, const hf_hub_list *list,
                                         hf_buffer *out);

/* ---- the one that this store goes by ---- */
/* Empty when there is none. */
HF_MUST_CHECK hf_status hf_hub_list_get(hf_store *store, hf_buffer *out);
/* Keeps `signed_list` where it counts. One that does not is no error: `*taken` says so. */
HF_MUST_CHECK hf_status hf_hub_list_take(hf_store *store, hf_bytes signed_list, bool *taken);
/* A record of type HF_TYPE_HUBS came: its list is taken. */
struct hf_record;
HF_MUST_CHECK hf_status hf_hubs_fold(hf_store *store, const struct hf_record *record);
/* Rises when another is kept: whoever goes by it looks again. */
uint64_t hf_hub_list_changes(const hf_store *store);
uint64_t hf_hub_places_changes(const hf_store *store); /* ... also when our scopes may be others */
/* The list, checked; `held` keeps its bytes. *found false: there is none. */
HF_MUST_CHECK hf_status hf_hub_list_load(hf_store *store, hf_buffer *held, hf_hub_list *out,
                                         bool *found);
/* Somebody else is the centre by now, though our certificate is a centre's. */
HF_MUST_CHECK hf_status hf_hub_list_retires(hf_store *store, bool *retired);

/* Where this node goes, best first: the centre; then the stations in the list's order: to a device
 * those that serve all its scopes; to a station all others, for one of them may be the centre by
 * now. *count: room, then how many; 0: there is no list. */
HF_MUST_CHECK hf_status hf_hub_list_places(hf_store *store, hf_hub_place *out, size_t *count);

/* ---- hubs that are gone ---- */
/* What a hub that was revoked had, and had not passed on, those may have read who were there. So
 * whoever stood before this place in our feed says anew what it holds; 0: none was revoked. */
HF_MUST_CHECK hf_status hf_hubs_gone(hf_store *store, uint64_t *position);
uint64_t hf_hubs_gone_changes(const hf_store *store); /* rises with each, since the store is open */
HF_MUST_CHECK hf_status hf_hubs_note_gone(hf_store *store); /* in the batch that revokes it */

#endif
