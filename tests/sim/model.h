/* model.h: what a replica must show, worked out from the set of entries it holds, simply and
 * slowly.
 *
 * Written from DESIGN.md 3 and docs/protocol.md, not from sync/: it reads bodies with its own
 * decoder, builds its own hashes, and never folds step by step. All writes and all citations are
 * laid out, sorted, and a write is live when no citation of it is found. That is the definition;
 * sync/ has the fast procedure. Only the pack is shared, which is data. */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "holdfast/record.h"
#include "sync/pack.h"

typedef struct model model;

typedef struct model_live {
    hf_dot dot;
    hf_hlc hlc;
    uint8_t quality;
    hf_bytes value;
} model_live;

typedef struct model_field {
    uint32_t number;
    const model_live *live; /* by dot; for append, oldest first */
    size_t live_count;
    bool conflict;
    bool shows; /* one value is shown */
    hf_bytes shown;
} model_field;

typedef struct model_record {
    hf_record_id id;
    uint32_t scope; /* a record belongs to (type, id, scope) */
    bool deleted, edited_deleted;
    const model_field *fields; /* ascending by number; those that have live writes */
    size_t field_count;
} model_record;

typedef struct model_hole {
    hf_dot dot; /* ordinal 0 */
    uint64_t reason;
} model_hole;

/* `pack` must outlive the model, as must every body. NULL when memory is short. */
model *model_new(const hf_pack *pack);
void model_free(model *m); /* NULL is fine */

/* One entry of the set; each once. False: not an entry by protocol.md 3. */
bool model_add(model *m, const hf_origin_id *origin, uint8_t lane, hf_bytes body);
/* The entry's hash, by protocol.md 3. False as model_add. */
bool model_entry_hash(const hf_origin_id *origin, uint8_t lane, hf_bytes body,
                      uint8_t out[HF_HASH_SIZE]);
/* Works everything out. False when memory is short or a body is not what it should be. */
bool model_fold(model *m);

/* By id. A record of which nothing is live and nothing deleted is listed with no fields. */
const model_record *model_records(const model *m, size_t *count);
/* What the verdicts among the entries say; by dot. */
const model_hole *model_holes(const model *m, size_t *count);

#endif
