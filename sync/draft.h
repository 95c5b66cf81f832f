/* draft.h: changes not yet committed: parts of entries, with what each write overwrites. */
#ifndef HF_DRAFT_H
#define HF_DRAFT_H

#include "store_core.h"

typedef struct hf_draft_op {
    uint32_t field;
    hf_cite *cites;
    size_t cite_count;
    uint8_t *value; /* NULL: a write that only overwrites */
    size_t value_size;
    char *reason; /* NULL: an ordinary write */
    size_t reason_size;
} hf_draft_op;

typedef struct hf_draft_part {
    hf_record_id record;
    uint32_t scope;
    uint8_t lane;
    size_t entry;     /* parts of one entry, scope and lane travel together */
    bool begins;      /* its record is new: it was minted for this transaction */
    hf_draft_op *ops; /* ascending by field */
    size_t count, capacity;
} hf_draft_part;

typedef struct hf_drafts { /* zero-initialise; hf_drafts_clear gives all back */
    hf_draft_part *parts;
    size_t count, capacity;
    size_t entry;     /* the one that further changes belong to */
    hf_record *looks; /* each record as the store held it when the entry first changed it */
    size_t look_count, look_capacity;
    struct hf_minted { /* ids that were made for this transaction: their records are new */
        hf_record_id id;
        bool begun; /* has its first part */
    } * minted;
    size_t minted_count, minted_capacity;
} hf_drafts;

void hf_drafts_clear(hf_drafts *drafts);
void hf_drafts_next_entry(hf_drafts *drafts);

/* Notes that the id was made for this transaction: nobody else can have a record of it. */
HF_MUST_CHECK hf_status hf_drafts_minted(hf_drafts *drafts, const hf_record_id *id);
/* Does any part of the record, in any entry, write the field? */
bool hf_drafts_writes(const hf_drafts *drafts, const hf_record_id *record, uint32_t field);

/* Checks one change against the store and the drafts before it, and adds it. Errors as
 * hf_txn_change; on error the drafts are as before. */
HF_MUST_CHECK hf_status hf_drafts_add(hf_store *store, hf_drafts *drafts, const hf_change *change);

/* Adds one write as it is, asking no rule: of `place`'s record, scope and lane, in the entry that
 * further changes belong to. What `op` points at is copied. */
HF_MUST_CHECK hf_status hf_drafts_put(hf_drafts *drafts, const hf_draft_part *place,
                                      const hf_op *op);

/* If part `first` is the first of its entry: *mine, and `parts` is the entry's encoded array of
 * parts, which `draft` borrows. */
HF_MUST_CHECK hf_status hf_drafts_entry(hf_store *store, const hf_drafts *drafts, size_t first,
                                        hf_buffer *parts, hf_draft *draft, bool *mine);
/* Does the entry of part `first` share its transaction with one in another scope or lane? */
bool hf_drafts_shared(const hf_drafts *drafts, size_t first);

/* What a delete of this record has seen: per log the newest entry that touches it, and the holes
 * below. Written to `out` as the delete's value. */
HF_MUST_CHECK hf_status hf_delete_context(hf_store *store, int64_t record, uint32_t scope,
                                          hf_buffer *out);

#endif
