/* tree.h: the Merkle tree of RFC 9162 2.1 over hashes: what one signature covers, and the way from
 * one leaf to it. */
#ifndef HF_TREE_H
#define HF_TREE_H

#include "holdfast/crypto.h"

/* Told, for each leaf and from the lowest level up, what stands beside its way to the root. */
typedef void (*hf_tree_beside)(void *context, size_t leaf, const uint8_t hash[HF_HASH_SIZE]);
/* `nodes` are the leaves' hashes, at least one; nodes[0] becomes the root, the others are lost. */
void hf_tree_fold(const hf_crypto *crypto, uint8_t (*nodes)[HF_HASH_SIZE], size_t count,
                  hf_tree_beside visit, void *context);

typedef struct hf_tree_way { /* borrowed */
    size_t index, count;     /* leaf number, of how many */
    const uint8_t (*path)[HF_HASH_SIZE];
    size_t path_count;
} hf_tree_way;
/* `hash` is the leaf's, and becomes the root. HF_ERR_PROTOCOL: the way is not as long as it must
 * be. */
HF_MUST_CHECK hf_status hf_tree_climb(const hf_crypto *crypto, const hf_tree_way *way,
                                      uint8_t hash[HF_HASH_SIZE]);

#endif
