/* snapshot.h: the live state of a scope in chunks, made at a hub and loaded at a device:
 * protocol.md 4, "Snapshots".
 *
 * What entries add up to, without the entries: a new device gets in seconds what took years to
 * write. A chunk is known by its hash, so all who may see a scope share it, and one that is held
 * already is not sent again. */
#ifndef HF_SNAPSHOT_H
#define HF_SNAPSHOT_H

#include "frame.h"
#include "log.h"

/* ---- making ---- */

typedef struct hf_making hf_making;
/* A chunk is whole: of the logs first, then of records, ascending. Borrowed. */
typedef hf_status (*hf_chunk_sink)(void *context, uint32_t scope, hf_bytes raw);
typedef struct hf_making_options {
    const uint32_t *scopes; /* at most HF_SNAPSHOT_SCOPES_AT_ONCE */
    size_t scope_count;
    size_t chunk_size; /* raw bytes to aim at; 0: HF_SNAPSHOT_CHUNK_SIZE */
    hf_chunk_sink sink;
    void *context;
} hf_making_options;
/* The cut: the snapshot is of this moment, whatever is written while it is made. One at a time for
 * each store. */
HF_MUST_CHECK hf_status hf_making_begin(hf_store *store, const hf_making_options *options,
                                        hf_making **out);
/* Looks at HF_SNAPSHOT_WALK_MAX records more; *done: all chunks went to the sink. */
HF_MUST_CHECK hf_status hf_making_step(hf_making *making, bool *done);
void hf_making_free(hf_making *making); /* NULL is fine */
void hf_chunk_hash(const hf_crypto *crypto, hf_bytes raw, uint8_t out[HF_HASH_SIZE]);

/* ---- loading ---- */

typedef struct hf_chunk_name {
    uint32_t scope;
    uint8_t hash[HF_HASH_SIZE];
    uint32_t raw_size, packed_size;
} hf_chunk_name;
/* Keeps one packed chunk until its snapshot is whole. */
HF_MUST_CHECK hf_status hf_staged_put(hf_batch *batch, const uint8_t hash[HF_HASH_SIZE],
                                      hf_bytes packed);
HF_MUST_CHECK hf_status hf_staged_has(hf_store *store, const uint8_t hash[HF_HASH_SIZE], bool *has);
/* Drops what is staged and not among these, which may be none. */
HF_MUST_CHECK hf_status hf_staged_keep(hf_batch *batch, const hf_chunk_name *chunks, size_t count);
/* Puts the snapshot in place of what is held of its scopes, and folds again what is held and is
 * not in it. All chunks are staged; those of a scope stand together, in the order of the offer.
 * Errors: HF_ERR_PROTOCOL, HF_ERR_LIMIT (not what protocol.md says); HF_ERR_NOT_FOUND (a staged
 * chunk is not what its hash says, and is dropped with the batch's other staged ones: fetch it
 * again); HF_ERR_DENIED (it does not go with what is held: another branch, or less). */
HF_MUST_CHECK hf_status hf_snapshot_load(hf_batch *batch, hf_deflater *deflater,
                                         const hf_chunk_name *chunks, size_t count);
/* Each log of which a snapshot stands for the beginning, up to item->seq in `scope`. */
typedef hf_status (*hf_base_visitor)(void *context, uint32_t scope, const hf_vector_item *item);
HF_MUST_CHECK hf_status hf_snapshot_each_base(hf_store *store, hf_base_visitor visit,
                                              void *context);
/* A verdict spoke of what a snapshot brought: until another is loaded, records are not as the
 * hub's. */
HF_MUST_CHECK hf_status hf_snapshot_is_outdated(hf_store *store, bool *outdated);

#endif
