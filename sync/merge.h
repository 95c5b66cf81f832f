/* merge.h: live writes, and the rules that fold them into what is shown. Pure.
 *
 * State is a function of the set of entries held: a write is live unless some held write lists it
 * as overwritten (with the first bytes of its entry's hash, so that nobody can suppress a write
 * he has not seen). The cell keeps that set up to date entry by entry, in any order; the proof
 * is in protocol.md 6. The rules differ only in how live values are folded for display. */
#ifndef HF_MERGE_H
#define HF_MERGE_H

#include "holdfast/record.h"
#include "pack.h"

/* A citation: a dot and the start of its entry's hash. */
typedef struct hf_cite {
    hf_dot dot;
    uint8_t prefix[HF_PREFIX_SIZE];
} hf_cite;

typedef struct hf_live {
    hf_cite at;
    hf_hlc hlc;
    uint8_t quality; /* 0 known wrong, 1 never synced, 2 synced < 7 days ago, 3 < 24 h */
    hf_bytes value;  /* encoded; borrowed from the write that brought it */
} hf_live;

/* One field of one record. Zero-initialise. Arrays belong to the cell. */
typedef struct hf_cell {
    hf_live *live;
    size_t live_count, live_capacity;
    hf_cite *pending; /* overwritten before they arrived */
    size_t pending_count, pending_capacity;
} hf_cell;

/* One write. A write without a value only overwrites. */
typedef struct hf_write {
    hf_live write; /* value.data NULL: none */
    const hf_cite *overwritten;
    size_t overwritten_count;
} hf_write;

/* Has this dot's entry been folded here already? (d <= vector and not a hole.) */
typedef bool (*hf_seen)(void *context, const hf_dot *dot);

void hf_cell_free(hf_cell *cell);

/* Folds one write in. The caller sees to it that no write is folded twice.
 * A citation whose prefix does not match the write it names has no effect.
 * Errors: HF_ERR_NOMEM, and then the cell is unchanged. */
HF_MUST_CHECK hf_status hf_cell_merge(hf_cell *cell, const hf_write *write, hf_seen seen,
                                      void *context);

int hf_dot_compare(const hf_dot *a, const hf_dot *b); /* origin, lane, seq, ordinal */
bool hf_origin_equal(const hf_origin_id *a, const hf_origin_id *b);

/* What a person is shown. */
typedef struct hf_fold {
    hf_bytes value; /* the one value shown; data NULL for none, for sets, append and disputes.
                       Borrows from a live value, or from the pack (a joined state). */
    size_t shown;   /* index of the live write it came from, or SIZE_MAX */
    size_t groups;  /* groups of equal live values */
    bool conflict;  /* a person has to choose */
} hf_fold;

/* Folds `count` live writes of `field`, in any order: the same set gives the same fold.
 * `order`, of `count` places, receives the indexes for display: the shown one first, then newest
 * first; for append, oldest first by (hlc, dot); for sets, by value. */
void hf_fold_live(const hf_field *field, const hf_live *live, size_t count, size_t *order,
                  hf_fold *out);

/* May this device write `value` over what is shown? HF_OK, or HF_ERR_DENIED with a sentence in
 * `why`: a second ordinary `once`, a step that `state` does not declare, a lowering without a
 * reason. `reason` may be empty; a reason makes it a correction. */
HF_MUST_CHECK hf_status hf_rule_admits(const hf_field *field, const hf_live *live, size_t count,
                                       hf_bytes value, hf_bytes reason, char *why, size_t why_size);

/* The delete field's live values, against the record's other live dots: protocol.md 6.
 * Does any of the contexts cover `dot`? */
typedef struct hf_cover { /* one (origin, lane) of a delete's context */
    hf_origin_id origin;
    uint8_t lane;
    uint64_t seq;
} hf_cover;
/* Parses the value of a `_deleted` write; HF_ERR_PROTOCOL when it is not one. `covered` answers
 * for one dot. */
HF_MUST_CHECK hf_status hf_delete_covers(hf_bytes value, const hf_dot *dot, bool *covered);

#endif
