/* tree.c: hashes folded level by level, pairs from the left, an odd one carried up: the same tree
 * as RFC 9162's split at the largest power of two. */
#include "tree.h"

#include <string.h>

enum { TAG_NODE = 0x04 };

static void node_hash(const hf_crypto *crypto, const uint8_t *left, const uint8_t *right,
                      uint8_t out[HF_HASH_SIZE])
{
    static const uint8_t tag = TAG_NODE;
    hf_bytes pieces[] = {{&tag, 1}, {left, HF_HASH_SIZE}, {right, HF_HASH_SIZE}};
    crypto->hash(crypto->context, pieces, 3, out);
}

void hf_tree_fold(const hf_crypto *crypto, uint8_t (*nodes)[HF_HASH_SIZE], size_t count,
                  hf_tree_beside visit, void *context)
{
    size_t width = count;
    for (unsigned level = 0; width > 1; level++, width = (width + 1) / 2) {
        for (size_t i = 0; i < count; i++) {
            size_t beside = i >> level ^ 1;
            if (beside < width) visit(context, i, nodes[beside]);
        }
        for (size_t i = 0; i < width; i += 2) {
            if (i + 1 < width)
                node_hash(crypto, nodes[i], nodes[i + 1], nodes[i / 2]);
            else
                memmove(nodes[i / 2], nodes[i], HF_HASH_SIZE);
        }
    }
}

hf_status hf_tree_climb(const hf_crypto *crypto, const hf_tree_way *way, uint8_t hash[HF_HASH_SIZE])
{
    if (way->count == 0 || way->index >= way->count) return HF_ERR_PROTOCOL;
    size_t index = way->index, count = way->count, step = 0;
    while (count > 1) {
        bool alone = index == count - 1 && count % 2 == 1;
        if (!alone && step == way->path_count) return HF_ERR_PROTOCOL;
        if (!alone && index % 2 == 0)
            node_hash(crypto, hash, way->path[step++], hash);
        else if (!alone)
            node_hash(crypto, way->path[step++], hash, hash);
        index /= 2;
        count = (count + 1) / 2;
    }
    return step == way->path_count ? HF_OK : HF_ERR_PROTOCOL;
}
