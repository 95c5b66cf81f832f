/* store.h: one replica's records, and the log that explains how they came to be.
 *
 * A write updates the record and appends to the log in one transaction, so the log can never
 * claim a write that a crash took back. A store belongs to the thread that opened it, and only one
 * process at a time holds it. */
#ifndef HOLDFAST_STORE_H
#define HOLDFAST_STORE_H

#include "holdfast/record.h"

typedef struct hf_store hf_store; /* opaque: its shape is ours to change */
typedef struct hf_txn hf_txn;     /* one local transaction */
typedef struct hf_view hf_view;   /* one record as it stood when it was read */
struct hf_crypto;                 /* hash, random, sign, verify: lent, see holdfast/crypto.h */

/* How the last daemon that held the store came to its end. */
typedef enum hf_ending {
    HF_ENDING_UNKNOWN = 0, /* for commands: whatever it left is left alone */
    HF_ENDING_QUIET,       /* it was told to, was killed, or lost its power */
    HF_ENDING_FAULT        /* by a fault of its own: an assertion, a wild pointer */
} hf_ending;

typedef struct hf_store_options {
    const char *path;               /* SQLite file; its guard file is `<path>.guard` */
    const char *vfs;                /* SQLite VFS name; NULL for the system's */
    const struct hf_crypto *crypto; /* outlives the store */
    bool is_hub;                    /* may write lane 0; mints an epoch */
    bool read_only;                 /* inspect only: nothing is minted, nothing written */
    hf_ending ending;               /* after a fault: what a peer sent may have caused it */
} hf_store_options;

/* Opens or makes the store and brings its tables up to date. If the store and its guard file
 * disagree (a restored copy, a clone), a new incarnation is minted before this returns, and the
 * old logs are foreign and read-only from then on.
 * Errors: HF_ERR_CORRUPT (the file is damaged, or is not a store), HF_ERR_DENIED (made by a newer
 * version), HF_ERR_IO, HF_ERR_FULL, HF_ERR_NOMEM. On failure *out is NULL and `problem`, when not
 * NULL, holds a sentence for people: what happened, why, what to do, and what is safe. */
HF_MUST_CHECK hf_status hf_store_open(const hf_store_options *options, hf_store **out,
                                      char *problem, size_t problem_size);
/* The entry that this opening found to have ended the program while it was applied: from now on it
 * is withheld, as one that a peer may not write. False: there is none. */
bool hf_store_blamed(const hf_store *store, hf_dot *out);
void hf_store_close(hf_store *store); /* NULL is fine */

/* The sentence for the last failure on this store; "" when there was none. Borrowed until the next
 * call on the store. */
const char *hf_store_problem(const hf_store *store);

/* ---- writing ---- */

typedef struct hf_author {
    const char *actor; /* who acts, e.g. "PC 4411 Rees"; at most 256 bytes of UTF-8 */
    uint64_t wall_ms;  /* Unix time; may be wrong or run backwards, the hlc still rises */
    uint8_t quality;   /* of that clock: 0 known wrong, 1 never synced, 2 < 7 days, 3 < 24 h */
} hf_author;

typedef enum hf_change_kind {
    HF_CHANGE_SET = 0,     /* the field's new value, over what is shown here */
    HF_CHANGE_ADD = 1,     /* an element, to a `set` or `append` field */
    HF_CHANGE_REMOVE = 2,  /* an element equal to `value`, from a `set` field */
    HF_CHANGE_RESOLVE = 3, /* a person's choice over all live values; needs a reason */
    HF_CHANGE_DELETE = 4,  /* the record; `field` and `value` unused */
    HF_CHANGE_RESTORE = 5  /* takes the deletes back */
} hf_change_kind;

typedef struct hf_change {
    hf_record_id record;
    uint32_t scope; /* for a record not yet held; must match for one that is, or 0 */
    uint32_t field;
    hf_change_kind kind;
    hf_bytes value;  /* encoded CBOR */
    hf_bytes reason; /* UTF-8; empty for an ordinary write */
} hf_change;

/* Begins a transaction; one at a time. `author` is copied. */
HF_MUST_CHECK hf_status hf_txn_begin(hf_store *store, const hf_author *author, hf_txn **out);
/* Mints a record id of `type` whose time is now. */
HF_MUST_CHECK hf_status hf_txn_new_id(hf_txn *txn, uint32_t type, hf_record_id *out);
/* Adds one change. Copies what it needs.
 * Errors: HF_ERR_INPUT (the value does not suit the field), HF_ERR_DENIED (the rule refuses it, or
 * no write access to the scope), HF_ERR_NOT_FOUND (no such record to change), HF_ERR_LIMIT.
 * After any of these the transaction stands as before the call; hf_store_problem says why. */
HF_MUST_CHECK hf_status hf_txn_change(hf_txn *txn, const hf_change *change);
/* Ends the current entry: later changes go to a new one, in the same durable commit. For imports,
 * which write one entry per record. */
void hf_txn_next_entry(hf_txn *txn);
/* Marks an imported row as taken, in the same commit; and asks whether one was. */
HF_MUST_CHECK hf_status hf_txn_mark_import(hf_txn *txn, const uint8_t digest[16]);
HF_MUST_CHECK hf_status hf_import_seen(hf_store *store, const uint8_t digest[16], bool *seen);
/* HF_OK means durable: the officer may be told "saved on this device". `first` and `count`, when
 * not NULL, receive the entries' dots (at most `*count` of them; *count becomes how many there
 * were). On error nothing is written and the transaction is gone. */
HF_MUST_CHECK hf_status hf_txn_commit(hf_txn *txn, hf_dot *dots, size_t *count);
void hf_txn_rollback(hf_txn *txn); /* NULL is fine */

/* ---- reading ---- */

typedef struct hf_value_view {
    hf_dot dot;
    hf_hlc hlc;
    uint8_t quality;
    hf_bytes value;     /* encoded CBOR */
    const char *actor;  /* who acted; "" when the entry's body is gone */
    const char *device; /* the certificate's name of the origin; "" when unknown */
    const char *reason; /* "" for an ordinary write */
} hf_value_view;

typedef struct hf_field_view {
    uint32_t number;
    const char *name; /* NULL when this node's pack does not know it */
    hf_bytes shown;   /* encoded; data NULL for sets, append, and disputes */
    bool conflict;
    const hf_value_view *values; /* live, in display order: the shown one first */
    size_t value_count;
} hf_field_view;

/* Reads one record. HF_ERR_NOT_FOUND when it is not held. Free with hf_view_free. */
HF_MUST_CHECK hf_status hf_store_get(hf_store *store, const hf_record_id *id, hf_view **out);
void hf_view_free(hf_view *view); /* NULL is fine */
hf_record_id hf_view_id(const hf_view *view);
uint32_t hf_view_scope(const hf_view *view);
bool hf_view_deleted(const hf_view *view);        /* hidden: a delete covers all that is live */
bool hf_view_edited_deleted(const hf_view *view); /* shown: edited while it was deleted elsewhere */
bool hf_view_from_snapshot(const hf_view *view);  /* it began before what is held of its history */
size_t hf_view_field_count(const hf_view *view);
const hf_field_view *hf_view_field(const hf_view *view, size_t index); /* ascending by number */

/* A visitor returns HF_OK to go on; anything else stops the walk and is returned by it. What it is
 * given is borrowed until it returns. */
typedef hf_status (*hf_record_visitor)(void *context, const hf_record_id *id, uint32_t scope,
                                       bool deleted);
/* Records of `type` (0: all but the system's) after `after` (NULL: from the start), in id order,
 * at most `limit`. */
HF_MUST_CHECK hf_status hf_store_list(hf_store *store, uint32_t type, const hf_record_id *after,
                                      size_t limit, hf_record_visitor visit, void *context);

/* Records that hold every word of `words` in any text field: folded, so case and accents do not
 * count. Brings the word index up to date first, outside any commit. Best (newest) first. */
HF_MUST_CHECK hf_status hf_store_find(hf_store *store, hf_bytes words, size_t limit,
                                      hf_record_visitor visit, void *context);
/* Was the last hf_store_find put to every record? Not when newer ones could not be indexed: on a
 * disk that is full or fails, or in a store that may not be written to. Then say so. */
bool hf_store_found_all(const hf_store *store);

typedef struct hf_conflict {
    hf_record_id record;
    uint32_t scope;
    uint32_t field; /* 0: edited while deleted */
    hf_hlc since;   /* the newest write that takes part */
} hf_conflict;
typedef hf_status (*hf_conflict_visitor)(void *context, const hf_conflict *conflict);
/* Every open conflict; state, not events: it survives restarts, and only a write ends it. */
HF_MUST_CHECK hf_status hf_store_conflicts(hf_store *store, hf_conflict_visitor visit,
                                           void *context);

typedef struct hf_history_item {
    uint32_t field;
    hf_value_view view; /* value.data NULL: a write that only overwrote */
    bool live;          /* still stands */
    bool resolution;    /* overwrote more than one value, with a reason */
    uint32_t withheld;  /* 0, or the verdict's reason code: it does not count */
    const hf_dot *overwritten;
    size_t overwritten_count;
} hf_history_item;
typedef hf_status (*hf_history_visitor)(void *context, const hf_history_item *item);
/* Every value that any field of the record ever had, oldest first, by whom and when. `field`
 * 0xffffffff: all fields. */
HF_MUST_CHECK hf_status hf_store_history(hf_store *store, const hf_record_id *id, uint32_t field,
                                         hf_history_visitor visit, void *context);

/* ---- the feed: what this replica holds, in the order it came ---- */

typedef struct hf_entry {
    uint64_t position; /* place in this replica's feed; dense within an epoch */
    hf_dot dot;        /* ordinal 0 */
    uint32_t scope;
    hf_hlc hlc;
    uint8_t quality;
    uint32_t withheld; /* 0, or why it does not count */
    hf_bytes body;     /* protocol.md 3 */
} hf_entry;
typedef hf_status (*hf_entry_visitor)(void *context, const hf_entry *entry);
/* At most `limit` entries after `position`; 0 starts at the beginning. */
HF_MUST_CHECK hf_status hf_feed_read(hf_store *store, uint64_t position, uint32_t limit,
                                     hf_entry_visitor visit, void *context);

/* ---- is it safe, is it whole ---- */

typedef struct hf_standing {
    uint64_t records, entries, conflicts, withheld;
    uint64_t own_entries; /* written here */
    uint64_t waiting;     /* of these, not yet acknowledged by a hub */
    uint64_t at_station;  /* ... acknowledged by a station, and not known to be at the centre */
    uint64_t oldest_waiting_ms; /* wall time of the oldest one; 0 when none waits */
    uint64_t position;          /* of the feed */
    hf_origin_id origin;
    uint32_t pack_version;
} hf_standing;
HF_MUST_CHECK hf_status hf_store_standing(hf_store *store, hf_standing *out);

typedef struct hf_verify_report {
    uint64_t entries, chains, heads; /* checked */
    uint64_t heads_unproved;         /* log tails that no signed head covers yet */
    uint64_t from_snapshot;          /* records of which what a snapshot brought is believed */
    uint64_t receipts;               /* of hubs, checked against the log and their signatures */
    uint64_t faults;                 /* wrong chain, vector, head or record */
    char first_fault[256];           /* a sentence; "" when none */
} hf_verify_report;
/* Recomputes every chain, vector and signed head, and every record from its entries, and compares.
 * HF_OK also when faults were found: read the report. */
HF_MUST_CHECK hf_status hf_store_verify(hf_store *store, hf_verify_report *out);

/* SHA-256 over every live write and vector with holes of `scope`: protocol.md 7. Equal digests mean
 * equal states. */
HF_MUST_CHECK hf_status hf_store_digest(hf_store *store, uint32_t scope, uint8_t out[HF_HASH_SIZE]);

typedef hf_status (*hf_digest_visitor)(void *context, uint32_t scope,
                                       const uint8_t digest[HF_HASH_SIZE]);
/* The digest of each scope in which this replica holds any log, ascending. */
HF_MUST_CHECK hf_status hf_store_digests(hf_store *store, hf_digest_visitor visit, void *context);

typedef struct hf_scope_view {
    uint32_t number;
    char name[64];
} hf_scope_view;
/* The scopes this replica may write records in; *count in: room, out: how many there are. The first
 * is the default for new records. */
HF_MUST_CHECK hf_status hf_store_scopes(hf_store *store, hf_scope_view *out, size_t *count);

#endif
