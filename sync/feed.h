/* feed.h: the log read back in the order this replica wrote it, filtered by scope: what a hub
 * sends. */
#ifndef HF_FEED_H
#define HF_FEED_H

#include "elsewhere.h"

typedef struct hf_feed_item {
    hf_entry entry; /* body borrowed until the visitor returns */
    int64_t origin_no;
} hf_feed_item;
typedef hf_status (*hf_feed_visitor)(void *context, const hf_feed_item *item);

typedef struct hf_feed_query {
    uint64_t after;         /* position */
    const uint32_t *scopes; /* granted, ascending */
    size_t scope_count;
    const int64_t *skip; /* origins whose entries the reader has: its own */
    size_t skip_count;
    const hf_had *had; /* what else the reader has; may be NULL */
    uint32_t limit;    /* entries looked at, at most HF_FEED_READ_MAX */
    size_t bytes;      /* stop once this many body bytes were visited */
} hf_feed_query;

/* Visits the entries after `after` that the reader may see; withheld ones come with every part
 * erased. `reached` is the position up to which the reader now is, filtered ranges included;
 * `chain` the feed chain there. */
HF_MUST_CHECK hf_status hf_feed_read_scopes(hf_store *store, const hf_feed_query *query,
                                            hf_feed_visitor visit, void *context, uint64_t *reached,
                                            uint8_t chain[16]);
uint64_t hf_feed_position(const hf_store *store); /* last; 0 when empty */
/* Feed chain at `position`; HF_ERR_NOT_FOUND when we are not that far. */
HF_MUST_CHECK hf_status hf_feed_chain_at(hf_store *store, uint64_t position, uint8_t out[16]);
/* Bytes of the body at `position`; 0 when the query's reader would not get it. HF_ERR_NOT_FOUND. */
HF_MUST_CHECK hf_status hf_feed_size_at(hf_store *store, uint64_t position,
                                        const hf_feed_query *query, size_t *size);
/* H(08 || scopes, 4 bytes big-endian each), first 16 bytes. */
void hf_scope_set_hash(const hf_crypto *crypto, const uint32_t *scopes, size_t count,
                       uint8_t out[16]);

#endif
