/* store.h (internal): what the engine's own files share about an open store.
 *
 * One SQLite connection writes and checkpoints; everything here runs on the thread that opened it.
 */
#ifndef HF_SYNC_STORE_H
#define HF_SYNC_STORE_H

#include "codec.h"
#include "holdfast/crypto.h"
#include "holdfast/store.h"
#include "limits.h"
#include "pack.h"

/* A log or an origin as this store numbers it: small integers instead of 16 bytes, in every row. */
typedef struct hf_origin_row {
    int64_t no;
    hf_origin_id id;
    uint8_t key_id[HF_HASH_SIZE];
    uint8_t incarnation[HF_INCARNATION_SIZE];
    char name[HF_NAME_SIZE]; /* "" until its certificate is known */
    bool own;                /* the incarnation that writes now */
    bool known;              /* key and incarnation are known; else it was only cited */
    bool is_hub;
} hf_origin_row;

const hf_crypto *hf_store_crypto(const hf_store *store);
const hf_pack *hf_store_pack(const hf_store *store); /* newest held; changes only in a commit */
bool hf_store_is_hub(const hf_store *store);
const hf_origin_row *hf_store_own_origin(const hf_store *store);
const uint8_t *hf_store_epoch(const hf_store *store); /* 16 bytes */

/* Origins. Borrowed until the store closes. NULL: not known. */
const hf_origin_row *hf_origin_by_id(hf_store *store, const hf_origin_id *id);
const hf_origin_row *hf_origin_by_no(hf_store *store, int64_t no);
/* Learns an origin: key id and incarnation make its id; `certificate` (DER, may be empty) is
 * checked against the CA and stored. Needs an open batch or makes its own transaction. Errors:
 * HF_ERR_PROTOCOL (certificate not by our CA, or of another key), HF_ERR_LIMIT. */
HF_MUST_CHECK hf_status hf_origin_learn(hf_store *store, const uint8_t key_id[HF_HASH_SIZE],
                                        const uint8_t incarnation[HF_INCARNATION_SIZE],
                                        hf_bytes certificate, const hf_origin_row **out);
size_t hf_origin_count(const hf_store *store); /* known, also by a citation alone */
/* Its certificate, DER, copied out; empty when not known. */
HF_MUST_CHECK hf_status hf_origin_certificate(hf_store *store, int64_t no, hf_buffer *out);
/* Every origin with our own key: this incarnation first, then former ones. */
typedef hf_status (*hf_origin_visitor)(void *context, const hf_origin_row *origin);
HF_MUST_CHECK hf_status hf_origin_each_own(hf_store *store, hf_origin_visitor visit, void *context);
void hf_origin_make_id(const hf_crypto *crypto, const uint8_t key_id[HF_HASH_SIZE],
                       const uint8_t incarnation[HF_INCARNATION_SIZE], hf_origin_id *out);
/* Mints a new incarnation; the former one's logs become read-only. For a hub that says it holds
 * more of our log than we do, or another branch (protocol.md 4). */
HF_MUST_CHECK hf_status hf_store_new_incarnation(hf_store *store);

/* As a hub that learns that it was set back: a new epoch and a new incarnation. */
HF_MUST_CHECK hf_status hf_store_new_life(hf_store *store);
/* As a hub that was set back, and cannot know which of its control entries it lacks: it takes what
 * devices bring and hands nothing out, until someone accepts that what is not here is lost. */
bool hf_store_control_waits(const hf_store *store);
HF_MUST_CHECK hf_status hf_store_control_accept(hf_store *store);
/* ... or until it knows them all: a station has none of its own, and heard all of the centre's. */
HF_MUST_CHECK hf_status hf_store_control_known(hf_store *store);
/* The entries that wrote a record, oldest first. HF_ERR_NOT_FOUND. */
HF_MUST_CHECK hf_status hf_store_story(hf_store *store, const hf_record_id *id,
                                       hf_entry_visitor visit, void *context);

/* Small named values, in the store: clock anchor, hub name and the like. Empty when absent. */
HF_MUST_CHECK hf_status hf_meta_get(hf_store *store, const char *key, hf_buffer *out);
HF_MUST_CHECK hf_status hf_meta_set(hf_store *store, const char *key, hf_bytes value);

/* Of `out` own_entries, waiting and oldest_waiting_ms alone: few rows, so with every probe. */
HF_MUST_CHECK hf_status hf_store_waiting(hf_store *store, hf_standing *out);

#endif
