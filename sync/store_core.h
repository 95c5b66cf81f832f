/* store_core.h: the open store, as the files that make up the store see it. No one else includes
 * it.
 *
 * Why one struct for several files: store, record, log, vector and apply are one module cut into
 * screens; they share a connection, prepared statements and small caches, and one thread. */
#ifndef HF_STORE_CORE_H
#define HF_STORE_CORE_H

#include "apply.h"
#include "log.h"
#include "merge.h"
#include "planted.h"
#include "snapshot.h"
#include "store.h"

#include <sqlite3.h>

/* Every statement the engine runs; its text stands in statements.c. */
typedef enum hf_sql_id {
#define HF_SQL(name, text) name,
#include "statements.inc"      /* writing: open, apply, fold */
#include "statements_read.inc" /* reading: views, find, feed, verify, control */
#undef HF_SQL
    HF_SQL_COUNT
} hf_sql_id;

typedef struct hf_vector_slot { /* one (log, scope), cached while a batch is open */
    int64_t log;
    uint32_t scope;
    uint64_t seq;
    uint8_t chain[HF_HASH_SIZE];
    bool known, dirty;
} hf_vector_slot;

typedef struct hf_gather hf_gather;

typedef struct hf_beside { /* an open file beside the store */
    sqlite3_file *file;    /* NULL: not open */
    char *name;            /* SQLite's unix VFS keeps the pointer */
} hf_beside;

enum { HF_BLAMED_MAX = 64 };
typedef struct hf_poison { /* poison.c */
    hf_beside marker;
    bool marked;     /* the marker says that something is being applied */
    uint64_t singly; /* entries still to be applied one by one */
    uint8_t blamed[HF_BLAMED_MAX][HF_HASH_SIZE];
    size_t blamed_count;
    bool found; /* at this opening: `dot` is the newest of the blamed */
    hf_dot dot;
} hf_poison;

typedef struct hf_fence { /* fence.c */
    hf_beside file;
    int64_t end;  /* of what is whole in it */
    uint64_t seq; /* it holds our control log up to here */
    bool ready;   /* read to its end: what is committed from now on follows */
} hf_fence;

enum { HF_VECTOR_SLOTS = 64, HF_LOG_SLOTS = 64, HF_CROWDED_SLOTS = 1024, HF_GUARD_SIZE = 40 };

typedef struct hf_log_slot { /* last seq of a whole log, over all its scopes */
    int64_t log;
    uint64_t seq;
    bool known;
} hf_log_slot;

struct hf_store {
    sqlite3 *db;
    sqlite3_stmt *statements[HF_SQL_COUNT];
    const hf_crypto *crypto;
    char *path, *vfs;
    hf_gather *gather;
    bool is_hub, read_only;
    uint64_t hub_lists;  /* lists of hubs that were kept since it is open (hubs.c) */
    uint64_t grants_set; /* times that our grants were told since then */
    uint64_t hubs_gone;  /* hubs that were revoked since then */
    bool relays;         /* a station: heads are kept until its upstream has what they cover */
    uint64_t filled;     /* bodies, so far, that came after their hashes */
    bool damaged;        /* bytes on disk are wrong: reads go on, writes are refused */
    char damage[128];    /* which */
    hf_status
        undone;    /* why SQLite rolled the open batch back by itself: nothing more goes into it */
    bool undo_due; /* a transaction failed and could not be rolled back yet: before all else */
    hf_pack *pack;
    hf_origin_row **origins; /* by no - 1; rows never move */
    size_t origin_count, origin_capacity;
    hf_origin_row **origin_table;            /* by the id's first bytes, open addressing */
    size_t origin_table_size;                /* a power of two, or 0 */
    struct hf_origin_before *origins_before; /* of the open batch: rows it changed, as they were */
    hf_origin_row *own;
    uint8_t epoch[16];
    uint64_t position; /* of the last entry in our feed */
    uint8_t feed_chain[16];
    hf_hlc hlc;        /* our clock's last value */
    uint64_t reserved; /* own seqs may go up to here, guard file and store agree */
    uint8_t guard[HF_GUARD_SIZE];
    hf_vector_slot vectors[HF_VECTOR_SLOTS];
    hf_log_slot logs[HF_LOG_SLOTS];
    hf_poison poison;
    hf_fence fence;
    bool control_wait; /* as a hub: control entries are missing, so nothing is handed out */
    /* Records seen at their limits (hf_entry_crowds), by the hash of their ids: worth a look. */
    uint64_t crowded[HF_CROWDED_SLOTS];
    hf_batch *batch; /* the open one, or NULL */
    hf_txn *txn;
    uint32_t may_write;               /* a scope found to be open to this device; 0: none yet */
    bool clock_caps;                  /* clock_cap has rows: qualities must be looked up */
    bool rejoining;                   /* what is held is folded again on top of a new snapshot */
    uint64_t references_moved;        /* rises when a block or the pack changes, or who we are */
    bool pack_changed;                /* a newer one may be held: to be looked for after a commit */
    uint64_t head_number;             /* last acceptance number given to a head */
    uint64_t carry_number;            /* carry.c: last number given to a row of `bundle` ... */
    bool carry_counted;               /* ... which was looked up */
    bool found_all;                   /* find.c: the last question was put to every record */
    struct hf_head_bases *head_bases; /* head.c: where heads were worked out last; may be NULL */
    struct hf_making *making;         /* snapshot.c: a snapshot being made; or NULL */
    char problem[512];
};

/* ---- store.c ---- */
/* The statement, reset and unbound; NULL when it could not be prepared (hf_store_status says why).
 */
sqlite3_stmt *hf_sql(hf_store *store, hf_sql_id id);
/* Maps SQLite's last result to a status and writes the sentence. SQLite's codes stop here. */
HF_MUST_CHECK hf_status hf_store_fault(hf_store *store, int code);
/* Writes the sentence for people; returns `status`. */
HF_MUST_CHECK hf_status hf_store_say(hf_store *store, hf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Steps a statement that returns no row. */
HF_MUST_CHECK hf_status hf_sql_run(hf_store *store, sqlite3_stmt *statement);
/* Steps to a row: *row tells whether there is one. */
HF_MUST_CHECK hf_status hf_sql_row(hf_store *store, sqlite3_stmt *statement, bool *row);
/* The first column of its only row, 0 where there is none; resets it. */
HF_MUST_CHECK hf_status hf_sql_number(hf_store *store, sqlite3_stmt *statement, uint64_t *out);
HF_MUST_CHECK hf_status hf_sql_exec(hf_store *store, const char *sql);
void hf_bind_bytes(sqlite3_stmt *statement, int index, const void *data, size_t size);
hf_bytes hf_column_bytes(sqlite3_stmt *statement, int index); /* borrowed until the next step */
/* Copies a blob of exactly `size`; HF_ERR_CORRUPT otherwise. */
HF_MUST_CHECK hf_status hf_column_exact(hf_store *store, sqlite3_stmt *statement, int index,
                                        uint8_t *out, size_t size);
/* Sealed blobs: content and its checksum. hf_unseal gives the content or HF_ERR_CORRUPT. */
enum { HF_SUM_SIZE = 8 }; /* of the checksum */
void hf_seal(hf_buffer *buffer);
HF_MUST_CHECK hf_status hf_unseal(hf_store *store, hf_bytes sealed, hf_bytes *content);
HF_MUST_CHECK hf_status hf_store_writable(hf_store *store); /* not damaged, not read-only */
/* Rolls back what is open; if even that fails it is done before the next write. */
void hf_store_undo(hf_store *store);
/* Marks the store damaged, and says how; HF_ERR_CORRUPT. */
HF_MUST_CHECK hf_status hf_store_damaged(hf_store *store, const char *what);
/* journal.c, at open, before anything is written: marks the store damaged where saved writes were
 * lost with a part of SQLite's journal. */
HF_MUST_CHECK hf_status hf_journal_check(hf_store *store);
/* check.c, at open: marks the store damaged where a row is not what was stored. */
HF_MUST_CHECK hf_status hf_store_check(hf_store *store);

/* ---- cursor.c ---- */
/* Notes what the acks are, in the open transaction; and, at open, whether they still are. */
HF_MUST_CHECK hf_status hf_acks_seal(hf_store *store);
HF_MUST_CHECK hf_status hf_acks_check(hf_store *store);
/* The feed's chain past an entry whose own chain is `chain`: protocol.md 3. */
void hf_feed_chain_next(const hf_crypto *crypto, uint8_t feed[16], hf_bytes chain);

/* ---- gather.c ---- */
/* A VFS of this store's own over the one that it was told to use. */
HF_MUST_CHECK hf_status hf_gather_open(hf_store *store);
const char *hf_gather_name(const hf_gather *gather);
void hf_gather_begin(hf_gather *gather); /* every commit waits for the disk from here on */
void hf_gather_close(hf_gather *gather); /* after the database; NULL is fine */

/* ---- beside.c ---- */
HF_MUST_CHECK hf_status hf_beside_open(hf_store *store, const char *suffix, hf_beside *out);
void hf_beside_close(hf_beside *beside); /* one that is not open is fine */

/* ---- epoch.c ---- */
HF_MUST_CHECK hf_status hf_epoch_load(hf_store *store);
HF_MUST_CHECK hf_status hf_epoch_renew(hf_store *store); /* not inside a transaction */

/* ---- fence.c: what a hub has ever decided, beside its store ---- */
/* At open, last: brings back what the store has lost of it, and adds what it lacks. */
HF_MUST_CHECK hf_status hf_fence_check(hf_store *store);
/* The store was set back: until hf_fence_check has looked, what it decided since is not known. */
HF_MUST_CHECK hf_status hf_fence_doubt(hf_store *store);
/* After a commit: adds our own control entries that it does not hold yet. */
HF_MUST_CHECK hf_status hf_fence_follow(hf_store *store);
/* Was a loss of control entries ever accepted: is there something that we decided and forgot? */
HF_MUST_CHECK hf_status hf_control_was_lost(hf_store *store, bool *lost);

/* ---- poison.c ---- */
/* At open: was something being applied when the last process fell? */
HF_MUST_CHECK hf_status hf_poison_load(hf_store *store, hf_ending ending);
/* Before a received entry is judged or applied. True: it once ended the program, and is neither. */
bool hf_poison_enter(hf_batch *batch, const hf_dot *dot, const uint8_t hash[HF_HASH_SIZE]);
void hf_poison_leave(hf_store *store); /* the batch is over, either way */

/* ---- guard.c: has this store been copied or set back? ---- */
HF_MUST_CHECK hf_status hf_guard_check(hf_store *store); /* at open: mints when they disagree */
/* Makes sure that `count` more seqs of any own log may be used. Not inside a transaction. */
HF_MUST_CHECK hf_status hf_guard_reserve(hf_store *store, uint64_t last_seq, uint64_t count);

/* ---- origin.c ---- */
HF_MUST_CHECK hf_status hf_origins_load(hf_store *store);
/* Finds or makes the row of an origin that may only be cited so far. */
HF_MUST_CHECK hf_status hf_origin_intern(hf_store *store, const hf_origin_id *id,
                                         hf_origin_row **out);
HF_MUST_CHECK hf_status hf_origin_mint(hf_store *store); /* a new incarnation becomes `own` */
HF_MUST_CHECK hf_status hf_origin_own_certificate(hf_store *store); /* once enrolled */
void hf_origins_settle(hf_store *store); /* what the batch learnt of them is durable */
/* After a rollback: those past `count` are forgotten, the others are as they were. */
void hf_origins_undo(hf_store *store, size_t count);
static inline int64_t hf_log_no(int64_t origin_no, uint8_t lane)
{
    return origin_no * 8 + lane;
}

/* ---- vector.c ---- */
HF_MUST_CHECK hf_status hf_vector_get(hf_store *store, int64_t log, uint32_t scope,
                                      hf_vector_slot **out); /* good until the next call */
HF_MUST_CHECK hf_status hf_log_last(hf_store *store, int64_t log, hf_log_slot **out);
HF_MUST_CHECK hf_status hf_vectors_flush(hf_store *store); /* at commit: dirty slots to rows */
void hf_vectors_forget(hf_store *store);                   /* after a rollback */
/* Steps the vector over the holes that follow it. */
HF_MUST_CHECK hf_status hf_vector_step(hf_store *store, int64_t log, uint32_t scope);
HF_MUST_CHECK hf_status hf_hole_get(hf_store *store, int64_t log, uint64_t seq, uint32_t *reason,
                                    uint8_t hash[HF_HASH_SIZE]); /* reason 0: no hole */
/* The hole whose predecessor is *seq: its seq and hash; *seq 0 when there is none. */
HF_MUST_CHECK hf_status hf_hole_next(hf_store *store, int64_t log, uint32_t scope, uint64_t *seq,
                                     uint8_t hash[HF_HASH_SIZE]);
/* The only way a vector moves: from the entry's predecessor, which the caller has checked. */
HF_MUST_CHECK hf_status hf_vector_advance(hf_store *store, int64_t log, uint32_t scope,
                                          uint64_t seq, const uint8_t hash[HF_HASH_SIZE]);
/* The chain at a hole, where a snapshot told it; *known false: it did not. */
HF_MUST_CHECK hf_status hf_hole_chain(hf_store *store, int64_t log, uint64_t seq,
                                      uint8_t chain[HF_HASH_SIZE], bool *known);
typedef struct hf_hole_row {
    int64_t log;
    uint64_t seq, pseq;
    uint32_t scope, reason; /* protocol.md 5, or HF_HOLE_AWAITED */
    const uint8_t *hash;    /* 32 bytes */
    const char *text;
} hf_hole_row;
enum { HF_HOLE_AWAITED = 1 }; /* a verdict opened it, and its body has not come yet */
HF_MUST_CHECK hf_status hf_hole_set(hf_store *store, const hf_hole_row *hole);
HF_MUST_CHECK hf_status hf_hole_delete(hf_store *store, int64_t log, uint64_t seq);
/* Folded here already: held by the vector of `scope` and not a hole. */
HF_MUST_CHECK hf_status hf_dot_seen(hf_store *store, uint32_t scope, const hf_dot *dot, bool *seen);
void hf_chain_next(const hf_crypto *crypto, uint8_t chain[HF_HASH_SIZE],
                   const uint8_t hash[HF_HASH_SIZE]); /* chain = H(01 || chain || hash) */

/* ---- record.c ---- */
typedef struct hf_record_field {
    uint32_t number;
    hf_cell cell; /* values borrow from the record's blob or from the entry */
    bool rows;    /* its elements are rows of `element`; the cell has only pending... */
    bool loaded;  /* ...until they are read into it */
} hf_record_field;
typedef enum hf_record_basis { /* what a record is folded from, beside the entries that are held */
                               HF_BASIS_NONE = 0,
                               HF_BASIS_STATE = 1, /* it is as a snapshot had it */
                               HF_BASIS_KEPT = 2   /* it has changed since: `record_base` has it */
} hf_record_basis;
typedef struct hf_record { /* a record being folded */
    int64_t no;            /* 0: not yet stored */
    hf_record_id id;
    uint32_t scope;
    bool deleted, edited_deleted;
    uint64_t first; /* position of the entry that began it; 0: a snapshot did */
    hf_record_basis basis;
    hf_record_field *fields; /* ascending by number */
    size_t field_count, field_capacity;
    hf_buffer blob; /* the state as stored: what the cells' values borrow from */
    uint8_t **kept; /* bodies that a rebuild's values borrow from */
    size_t kept_count;
} hf_record;
/* Loads, or starts an empty one (no == 0). `rows`: also read element rows into the cells. */
HF_MUST_CHECK hf_status hf_record_load(hf_store *store, const hf_record_id *id, bool rows,
                                       hf_record *out);
/* The one in `scope`: what folding goes by, as a record belongs to the scope of its entries. */
HF_MUST_CHECK hf_status hf_record_load_scope(hf_store *store, const hf_record_id *id,
                                             uint32_t scope, hf_record *out);
enum { HF_SHOWN = 0, HF_SHOWN_DELETED = 1, HF_SHOWN_EDITED_DELETED = 2 }; /* record.deleted */
/* Writes the row, new or not, and the element rows of its `rows` fields. */
HF_MUST_CHECK hf_status hf_record_store(hf_store *store, hf_record *record);
HF_MUST_CHECK hf_status hf_element_delete(hf_store *store, int64_t record, uint32_t field,
                                          const hf_cite *cite, bool *was_live);
HF_MUST_CHECK hf_status hf_record_load_no(hf_store *store, int64_t no, bool rows, hf_record *out);
void hf_record_clear(hf_record *record);
/* Before a stored record changes: whoever needs it as it stood (a rebuild, a snapshot being made)
 * has it kept. Only `no`, `id`, `scope` and `basis` of it are looked at. */
HF_MUST_CHECK hf_status hf_record_keep(hf_store *store, hf_record *record);
/* The record as a snapshot had it, without what came since; `out` is empty where none had it. */
HF_MUST_CHECK hf_status hf_record_load_base(hf_store *store, const hf_record *record,
                                            hf_record *out);
HF_MUST_CHECK hf_status hf_record_field_at(hf_record *record, uint32_t number,
                                           hf_record_field **out); /* finds or adds */
/* Reads a field's element rows into its cell, once. */
HF_MUST_CHECK hf_status hf_elements_load(hf_store *store, hf_record *record,
                                         hf_record_field *field);
/* The next entries that touch a record, ascending, at most 64; *count 0: no more. */
HF_MUST_CHECK hf_status hf_record_entries(hf_store *store, int64_t no, uint64_t after,
                                          uint64_t positions[64], size_t *count);
/* Folds one part in and stores the record: state, index, conflicts. */
HF_MUST_CHECK hf_status hf_record_fold(hf_store *store, hf_part *part, const hf_entry_body *entry,
                                       const hf_origin_id *origin, uint8_t lane,
                                       const uint8_t hash[HF_HASH_SIZE], uint64_t position);
/* Remembers the record if it is at one of its limits: hf_entry_crowds then looks. */
void hf_record_note_crowded(hf_store *store, const hf_record *record);
/* What the live writes add up to, and the row: of a record that a snapshot brought. */
HF_MUST_CHECK hf_status hf_record_settle(hf_store *store, hf_record *record, bool anew);
/* Lowers the quality of live writes by clocks that are known to have been wrong. */
HF_MUST_CHECK hf_status hf_record_cap(hf_store *store, hf_record *record);
/* Drops citations of what is seen and was not overwritten by them: they can do nothing. */
HF_MUST_CHECK hf_status hf_record_drop_seen(hf_store *store, hf_record *record);
/* Folds a record anew from its entries: after a verdict. */
HF_MUST_CHECK hf_status hf_record_refold(hf_store *store, int64_t no);
/* Brings the conflict table up to date with the pack, if it was made under another one. */
HF_MUST_CHECK hf_status hf_conflicts_refresh(hf_store *store);
/* Every record that the entry at `position` touches. */
HF_MUST_CHECK hf_status hf_record_refold_entry(hf_store *store, uint64_t position);
/* Folds from entries into `out` without storing: what verify compares with. */
HF_MUST_CHECK hf_status hf_record_rebuild(hf_store *store, int64_t no, hf_record *out);

/* ---- apply.c ---- */
struct hf_batch {
    hf_store *store;
    uint64_t wall_ms;
    hf_hlc hlc;        /* our clock as this batch raises it */
    uint64_t position; /* to come back to, should the batch be rolled back */
    uint8_t feed_chain[16];
    uint64_t head_number;
    bool pack_changed;
    size_t origin_count;
    hf_buffer scratch;
    bool acks_changed;
    bool named;  /* the marker names an entry that this batch has applied and not committed */
    bool failed; /* something in it went wrong: it can only be rolled back */
};
/* Commits what the batch holds so far and goes on. */
HF_MUST_CHECK hf_status hf_batch_split(hf_batch *batch);
/* Reads an entry row; body unsealed and checked. HF_ERR_NOT_FOUND. Borrowed until the next call. */
HF_MUST_CHECK hf_status hf_entry_at(hf_store *store, uint64_t position, hf_entry *out,
                                    int64_t *origin_no);
/* The same from a row of (position, log, seq, scope, hlc, withheld, body). */
HF_MUST_CHECK hf_status hf_entry_from_row(hf_store *store, sqlite3_stmt *statement, hf_entry *out,
                                          int64_t *origin_no);
HF_MUST_CHECK hf_status hf_entry_by_dot(hf_store *store, int64_t log, uint64_t seq, hf_entry *out);
/* One draft of an entry of our own, as write.c and control entries make them: parts are encoded. */
typedef struct hf_draft {
    uint32_t scope;
    uint8_t lane;
    const char *actor;
    uint8_t quality;
    hf_bytes transaction; /* 8 bytes, or empty */
    hf_bytes parts;       /* the encoded array */
} hf_draft;
/* Gives the draft its seq, hlc and place, and applies it like any other entry. */
HF_MUST_CHECK hf_status hf_batch_own(hf_batch *batch, const hf_draft *draft, hf_dot *dot);
/* As hf_batch_begin, but reserves `own_entries` seqs of our own first. */
HF_MUST_CHECK hf_status hf_batch_begin_own(hf_store *store, uint64_t wall_ms, uint64_t own_entries,
                                           hf_batch **out);

/* ---- write.c ---- */
/* The parts that `changes` make, each folded over what the store holds; one entry per (scope,
 * lane). */
HF_MUST_CHECK hf_status hf_write_changes(hf_batch *batch, const hf_author *author,
                                         const hf_change *changes, size_t count);

/* ---- coverage.c ---- */
/* At a hub, before an entry is taken that leaves a gap in its log or has no body: from now on the
 * log counts as held only as far as it is without gaps. */
HF_MUST_CHECK hf_status hf_log_patch(hf_store *store, int64_t log);

/* ---- feed.c ---- */
/* As it may leave this node: withheld ones with every part erased, in `emptied`. */
HF_MUST_CHECK hf_status hf_entry_outward(hf_store *store, hf_entry *entry, hf_buffer *emptied);

/* ---- log.c ---- */
/* Chain at one seq of a log, held or stepped over as a hole; HF_ERR_NOT_FOUND when it is neither.
 */
HF_MUST_CHECK hf_status hf_log_chain_through(hf_store *store, int64_t log, uint64_t seq,
                                             uint8_t out[HF_HASH_SIZE]);

/* ---- head.c ---- */
typedef struct hf_head_bases hf_head_bases;
void hf_head_forget(hf_store *store); /* after a rollback, and at close */
/* Is the signature by the origin's certified key? HF_ERR_NOT_FOUND: its certificate is not known.
 */
HF_MUST_CHECK hf_status hf_head_check(hf_store *store, const hf_head *head);
HF_MUST_CHECK hf_status hf_head_read_leaves(hf_bytes bytes, hf_head_leaf leaves[HF_LOG_SCOPES_MAX],
                                            size_t *count);
/* The leaves in a row of (seq, hlc, root, signature, leaves), which is sealed as a whole. Borrowed
 * from the statement. HF_ERR_CORRUPT: it is not as it was stored. */
HF_MUST_CHECK hf_status hf_head_row_leaves(hf_store *store, sqlite3_stmt *row, hf_bytes *out);

/* ---- acted.c: who acted, where the entry may not be held ---- */
typedef struct hf_name { /* a text among hf_names.texts */
    uint64_t hash;
    uint32_t start, size, number; /* number 0: the slot is free */
} hf_name;
typedef struct hf_names { /* distinct texts; zero-initialise */
    hf_buffer texts;      /* as CBOR, in the order in which they came */
    hf_name *table;       /* open addressing */
    size_t count, table_size;
} hf_names;
/* *number: of the text among them, from 1 on, as they came; one above the former count: it is new.
 */
HF_MUST_CHECK hf_status hf_names_add(hf_names *names, const hf_crypto *crypto, hf_bytes text,
                                     uint32_t *number);
void hf_names_clear(hf_names *names);
void hf_names_free(hf_names *names);
typedef struct hf_chunk_actor { /* one of a chunk's list */
    hf_bytes name;
    int64_t no; /* its row, once it has one; 0 before */
} hf_chunk_actor;
/* Drops what a snapshot told of a scope, names and all. */
HF_MUST_CHECK hf_status hf_acted_clear(hf_store *store, uint32_t scope);
/* A snapshot told who made an entry. HF_ERR_PROTOCOL: and that it was somebody else. */
HF_MUST_CHECK hf_status hf_acted_put(hf_store *store, uint32_t scope, int64_t log, uint64_t seq,
                                     hf_chunk_actor *actor);
/* Whom a snapshot named; empty: nobody. */
HF_MUST_CHECK hf_status hf_acted_get(hf_store *store, uint32_t scope, int64_t log, uint64_t seq,
                                     hf_buffer *out);
/* The same by the entry, if it is held. */
HF_MUST_CHECK hf_status hf_actor_of(hf_store *store, uint32_t scope, int64_t log, uint64_t seq,
                                    hf_buffer *out);

/* ---- chunk.c, chunk_read.c: records as a snapshot has them, protocol.md 4 ---- */
/* Wire format: the kinds, and how many items there are to each piece. Logs are of snapshot.c. */
enum { HF_CHUNK_LOGS = 1, HF_CHUNK_LOG_ITEMS = 7, HF_CHUNK_HOLE_ITEMS = 6 };
enum {
    HF_CHUNK_RECORDS = 2,
    HF_CHUNK_ITEMS = 8,
    HF_CHUNK_DOT_ITEMS = 5,
    HF_CHUNK_COLUMN_ITEMS = 3
};
typedef struct hf_chunk_log {
    int64_t log; /* 0: the slot is free */
    uint32_t index;
    uint64_t seq; /* of the last dot of it that was written */
} hf_chunk_log;
typedef struct hf_chunk_column { /* the values of one field, one after the other */
    uint32_t type, field;
    hf_buffer values;
} hf_chunk_column;
typedef struct hf_chunk { /* being written; zero-initialise */
    uint32_t scope;
    hf_buffer logs, ids, prefixes, records;
    hf_chunk_column *columns; /* ascending; those of former chunks stay, empty */
    size_t column_count, column_capacity, column_at, values_size;
    size_t log_count, record_count, size;
    hf_chunk_log *table; /* open addressing, by log */
    size_t table_size;   /* a power of two, or 0 */
    hf_hlc hlc;          /* of the last dot that was written */
    hf_buffer dots, fields;
    bool anonymous; /* names nobody: for this store alone, which knows who acted */
    hf_names actors;
    hf_buffer actor; /* of the dot that is being written */
} hf_chunk;
typedef struct hf_chunk_place { /* how far a record is written: the next live write */
    size_t field, live;
    bool done;
} hf_chunk_place;
/* Adds what comes after `place`, until the chunk has `size` bytes: at least one write of it. The
 * record was loaded with its rows, and knows of no citation that is seen. */
HF_MUST_CHECK hf_status hf_chunk_add(hf_store *store, hf_chunk *chunk, const hf_record *record,
                                     size_t size, hf_chunk_place *place);
void hf_chunk_end(hf_chunk *chunk, hf_buffer *raw); /* writes it, and is empty again */
void hf_chunk_free(hf_chunk *chunk);
HF_MUST_CHECK hf_status hf_chunk_of_record(hf_store *store, const hf_record *record,
                                           hf_buffer *raw);
typedef struct hf_chunk_visitor {
    void *context;
    /* Each record, or part of one, as it stands in the chunk; it may be taken over by leaving a
     * zeroed one. Values borrow from `raw`. */
    hf_status (*record)(void *context, hf_record *record);
    /* Who made an entry of the next record's, where that is told. NULL: nobody asks. */
    hf_status (*acted)(void *context, int64_t log, uint64_t seq, hf_chunk_actor *actor);
} hf_chunk_visitor;
/* HF_ERR_PROTOCOL, HF_ERR_LIMIT: it is no chunk. */
HF_MUST_CHECK hf_status hf_chunk_read(hf_store *store, hf_bytes raw,
                                      const hf_chunk_visitor *visitor);

/* ---- snapshot.c ---- */
/* Does the snapshot being made still need this record as it stands? And: here it is. */
HF_MUST_CHECK hf_status hf_making_keep(hf_store *store, const hf_record *record);

/* ---- snapshot_load.c ---- */
/* Was this entry part of the state that a snapshot brought? `position`: of its row; 0: none. */
HF_MUST_CHECK hf_status hf_in_base(hf_store *store, uint32_t scope, int64_t log, uint64_t seq,
                                   bool *in);
/* Folds every record anew that a snapshot brought: their writes' quality changed. */
HF_MUST_CHECK hf_status hf_record_refold_based(hf_store *store);
/* A verdict takes back what is part of it: the store waits for another snapshot. */
HF_MUST_CHECK hf_status hf_snapshot_outdate(hf_store *store);
/* ---- reference.c ---- */
/* The record is stored: brings the tables of who bears which number up to date with it. `anew`: it
 * was folded from nothing, and may have lost what it had. */
HF_MUST_CHECK hf_status hf_reference_settle(hf_store *store, hf_record *record, bool anew);
/* For check.c: is the block's row (state, origin, series, first) what was stored? */
HF_MUST_CHECK hf_status hf_block_check(hf_store *store, sqlite3_stmt *row, void *context);
/* For verify: do these tables say of the record what it holds? */
HF_MUST_CHECK hf_status hf_reference_matches(hf_store *store, hf_record *record, bool *matches);

/* ---- control.c ---- */
/* A record of a system type changed in the open batch: brings its table up to date. `loaded`: it
 * came in a snapshot, which has in it already what it says of other entries. */
HF_MUST_CHECK hf_status hf_control_fold(hf_store *store, const hf_record_id *id, bool loaded);
HF_MUST_CHECK hf_status hf_pack_load(hf_store *store); /* newest `_pack` held becomes the pack */
HF_MUST_CHECK hf_status hf_may_write(hf_store *store, uint32_t scope, bool *may);
HF_MUST_CHECK hf_status hf_clock_caps_load(hf_store *store); /* at open */
/* min of the entry's quality and any cap on its dot */
HF_MUST_CHECK hf_status hf_clock_quality(hf_store *store, int64_t log, uint64_t seq,
                                         uint8_t *quality);

#endif
