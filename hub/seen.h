/* seen.h: when a device was last here, and how far it was fed. Of those who are away it is all that
 * a hub can say.
 *
 * Not in the control log: it changes at every connection and is nobody's evidence, so it must not
 * be fed to every device. */
#ifndef HF_HUB_SEEN_H
#define HF_HUB_SEEN_H

#include "sync/store.h"

#define HF_POSITION_UNKNOWN UINT64_MAX /* a session that ended badly no longer tells */

typedef struct hf_last_seen {
    uint8_t key_id[HF_HASH_SIZE];
    uint64_t wall_ms, position;
} hf_last_seen;
/* Zeros when it never was. */
HF_MUST_CHECK hf_status hf_last_seen_get(hf_store *store, const uint8_t key_id[HF_HASH_SIZE],
                                         hf_last_seen *out);
/* Keeps them in one transaction: a hub that stops lets go of thousands at once. Not while a batch
 * is open. */
HF_MUST_CHECK hf_status hf_last_seen_keep(hf_store *store, const hf_last_seen *seen, size_t count,
                                          uint64_t wall_ms);

#endif
