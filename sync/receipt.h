/* receipt.h: what a hub signs of what it holds durably, kept by whoever wrote it; protocol.md 10.
 *
 * One signature covers many logs of many devices: it is over a tree, and each receipt has the way
 * from one log to its root. An acknowledgement is believed because of who said it; a receipt can be
 * shown to anyone. */
#ifndef HF_RECEIPT_H
#define HF_RECEIPT_H

#include "apply.h"

struct hf_acked; /* messages.h */

typedef struct hf_receipt {
    hf_origin_id hub;
    uint8_t epoch[16];
    uint64_t time_ms; /* Unix time by the hub's clock: it held all this by then */
    uint8_t signature[HF_SIGNATURE_SIZE];
    hf_origin_id origin; /* the log, up to `seq` */
    uint8_t lane;
    uint64_t seq;
    uint32_t index, count; /* leaf number, of how many */
    uint8_t path[HF_RECEIPT_PATH_MAX][HF_HASH_SIZE];
    size_t path_count;
    uint64_t undone_ms; /* as stored: by our clock, when the hub no longer had it; 0: it stands */
} hf_receipt;

/* The leaf: over a log as it stands at `seq`, whose own root is hf_head_leaves'. */
HF_MUST_CHECK hf_status hf_receipt_leaf(const hf_crypto *crypto, const hf_receipt *receipt,
                                        const uint8_t log_root[HF_HASH_SIZE],
                                        uint8_t out[HF_HASH_SIZE]);
/* What the hub signs: over itself, its epoch, the time, the number of leaves and the root. */
HF_MUST_CHECK hf_status hf_receipt_digest(const hf_crypto *crypto, const hf_receipt *receipt,
                                          const uint8_t root[HF_HASH_SIZE],
                                          uint8_t out[HF_HASH_SIZE]);
/* The two together, by the receipt's way: the digest that the signature must be over. */
HF_MUST_CHECK hf_status hf_receipt_climb(const hf_crypto *crypto, const hf_receipt *receipt,
                                         const uint8_t log_root[HF_HASH_SIZE],
                                         uint8_t digest[HF_HASH_SIZE]);

/* `count` of them, at least one, under one signature: each gets its place in the tree and its way.
 * `roots` are those of their logs, and are lost. `digest` is what the signature must be over. */
HF_MUST_CHECK hf_status hf_receipts_fold(const hf_crypto *crypto, hf_receipt *receipts,
                                         uint8_t (*roots)[HF_HASH_SIZE], size_t count,
                                         uint8_t digest[HF_HASH_SIZE]);

/* Compares with the log that is held, and checks the signature. HF_ERR_PROTOCOL: it is not true.
 * HF_ERR_NOT_FOUND: the hub's certificate is not known, or the log not held so far. */
HF_MUST_CHECK hf_status hf_receipt_check(hf_store *store, const hf_receipt *receipt);

/* Checks and keeps it. Of receipts that stand close together only the last is kept, so that as many
 * are held as a proof of any entry needs, and no more; at a station, the last of all. */
HF_MUST_CHECK hf_status hf_batch_receipt(hf_batch *batch, const hf_receipt *receipt);
/* At a station: what it has to pass on the centre signed in another life. */
HF_MUST_CHECK hf_status hf_batch_receipts_void(hf_batch *batch);
/* The hub said: this far, and no further (`said`: lane, durable, central), though it once said
 * more, which no longer counts; nor does what other lives of the centre said, when `hub` is known
 * to be the centre. `alone`: nobody's word on what the centre has counts above this. */
HF_MUST_CHECK hf_status hf_batch_fall_back(hf_batch *batch, const hf_origin_id *hub,
                                           const hf_origin_row *origin, const struct hf_acked *said,
                                           bool alone);
/* What it signed beyond is marked, and no longer counts; so is what other lives of the centre did,
 * when `hub` is known to be the centre. */
HF_MUST_CHECK hf_status hf_batch_receipts_undo(hf_batch *batch, const hf_origin_id *hub,
                                               const hf_origin_row *origin, uint8_t lane,
                                               uint64_t durable);

/* Highest seq of the log in a receipt of this hub's that stands; 0: none. */
HF_MUST_CHECK hf_status hf_receipt_newest(hf_store *store, const hf_origin_id *hub,
                                          int64_t origin_no, uint8_t lane, uint64_t *seq);
/* The earliest that covers the entry and stands; or, `undone`, the latest that was undone. */
HF_MUST_CHECK hf_status hf_receipt_find(hf_store *store, int64_t origin_no, uint8_t lane,
                                        uint64_t seq, bool undone, hf_receipt *out, bool *found);
/* The earliest that covers it and stands, by the centre; or, `centre` false, by a station. */
HF_MUST_CHECK hf_status hf_receipt_by(hf_store *store, int64_t origin_no, uint8_t lane,
                                      uint64_t seq, bool centre, hf_receipt *out, bool *found);
/* The life of the centre that signed last of all whose receipts stand. */
HF_MUST_CHECK hf_status hf_receipt_centre(hf_store *store, hf_origin_id *hub, bool *found);
typedef hf_status (*hf_receipt_visitor)(void *context, const hf_receipt *receipt);
/* All there are, by log and seq. HF_ERR_CORRUPT: one is not as it was stored. */
HF_MUST_CHECK hf_status hf_receipt_each(hf_store *store, hf_receipt_visitor visit, void *context);

#endif
