/* snap_kit.h: a snapshot carried from store to store by hand, with no session between. For tests.
 */
#ifndef HF_TEST_SNAP_KIT_H
#define HF_TEST_SNAP_KIT_H

#include "store_kit.h"

enum { SNAP_CHUNKS_MAX = 512 };

typedef struct snap {
    hf_chunk_name names[SNAP_CHUNKS_MAX]; /* those of a scope together */
    hf_buffer packed[SNAP_CHUNKS_MAX];
    size_t count;
    uint64_t position; /* of the hub's feed, at the cut */
    hf_making *making; /* being made */
    hf_packer *packer;
    hf_store *store;
    bool done;
} snap;

void snap_begin(snap *s, kit_node *hub, const uint32_t *scopes, size_t count, size_t chunk_size);
void snap_step(snap *s); /* one piece of work; s->done: it is whole */
void snap_make(snap *s, kit_node *hub, const uint32_t *scopes, size_t count, size_t chunk_size);
hf_status snap_try_load(kit *k, const snap *s, kit_node *to);
void snap_load(kit *k, const snap *s, kit_node *to);
void snap_free(snap *s);
/* What the hub holds in these scopes, entry by entry. */
void snap_send_scope(kit *k, kit_node *to, uint32_t scope);

#endif
