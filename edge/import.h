/* import.h: rows of a table become records, each exactly once.
 *
 * A row's record has an id that follows from the row itself (its key by the mapping, else its
 * digest and its ordinal among equal rows), and a ledger of digests, written in the same
 * transaction, says which rows were taken. So an import that was killed is simply run again, and
 * two devices that import the same file make the same records. */
#ifndef HF_EDGE_IMPORT_H
#define HF_EDGE_IMPORT_H

#include "csv.h"
#include "sync/store.h"

enum {
    HF_IMPORT_FIELDS_MAX = 64,
    HF_IMPORT_ROWS_MAX = 500, /* of one transaction */
    HF_IMPORT_DIGEST_SIZE = 16,
    HF_IMPORT_WHY_SIZE = 256
};

typedef struct hf_import_pair {
    hf_bytes from; /* a column's name, or for a constant its value */
    hf_bytes field;
} hf_import_pair;

typedef struct hf_import_mapping { /* as the mapping file says; all borrowed */
    hf_bytes name;                 /* the namespace of the records' identities */
    hf_bytes type;
    hf_bytes scope; /* empty: the first that this device may write in */
    hf_bytes key;   /* a column, or empty */
    hf_bytes time;  /* a column that tells the record's time, or empty */
    hf_import_pair fields[HF_IMPORT_FIELDS_MAX];
    size_t field_count;
    hf_import_pair constants[HF_IMPORT_FIELDS_MAX];
    size_t constant_count;
} hf_import_mapping;

typedef struct hf_import_column {
    const hf_field *field;
    size_t index;   /* of the column */
    hf_bytes value; /* of a constant; data NULL for a column */
} hf_import_column;

typedef struct hf_import_plan { /* a mapping that fits a pack and a header */
    const hf_import_mapping *mapping;
    const hf_type *type;
    uint32_t scope;
    size_t key, time; /* columns; SIZE_MAX: none */
    hf_import_column columns[2 * HF_IMPORT_FIELDS_MAX];
    size_t column_count;
    size_t width; /* cells a row must have */
} hf_import_plan;

/* Fits a mapping to the store's pack and scopes and to the file's header. `mapping` is borrowed for
 * as long as the plan, which is good until the next change of the store's pack. HF_ERR_INPUT with a
 * sentence in `why` that names what does not fit. */
HF_MUST_CHECK hf_status hf_import_plan_make(hf_store *store, const hf_import_mapping *mapping,
                                            const hf_bytes *header, size_t header_count,
                                            hf_import_plan *out, char *why, size_t why_size);

typedef struct hf_import_row {
    uint64_t line;
    uint64_t ordinal; /* among the equal rows of the file, from 0 */
    const hf_bytes *cells;
    size_t cell_count;
} hf_import_row;

/* What a row is known by: equal rows of one mapping have equal digests when their ordinals are. */
void hf_import_digest(const hf_crypto *crypto, hf_bytes mapping_name, const hf_import_row *row,
                      uint8_t out[HF_IMPORT_DIGEST_SIZE]);
/* The id of the row's record. HF_ERR_INPUT with a reason in `why`: its time is not one. */
HF_MUST_CHECK hf_status hf_import_identity(const hf_crypto *crypto, const hf_import_plan *plan,
                                           const hf_import_row *row, hf_record_id *out, char *why,
                                           size_t why_size);

typedef struct hf_import_result {
    uint64_t created, updated, unchanged;
    uint64_t seen; /* taken by an earlier run */
    uint64_t rejected;
    hf_dot first; /* what was written is a run of one log, from here on */
    uint64_t entries;
} hf_import_result;

typedef struct hf_import_job {
    const hf_import_plan *plan;
    const hf_author *author;
    bool dry_run; /* looks, checks and counts; writes nothing */
    void *context;
    void (*reject)(void *context, uint64_t line, const char *why);
} hf_import_job;

/* Takes rows in; durable when HF_OK, and `result` is added to. On an error what was committed
 * before stands, and running again makes nothing twice. */
HF_MUST_CHECK hf_status hf_import_rows(hf_store *store, const hf_import_job *job,
                                       const hf_import_row *rows, size_t count,
                                       hf_import_result *result);

#endif
