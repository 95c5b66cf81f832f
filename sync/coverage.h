/* coverage.h: what a hub lacks of what there is: by its own logs, by signed heads, and by what
 * devices say that they hold.
 *
 * A hub that never lost anything holds each log up to its last entry, and all of this is empty. */
#ifndef HF_COVERAGE_H
#define HF_COVERAGE_H

#include "log.h"

/* Up to where all of the log is held, each entry with its body: what may be acknowledged. */
HF_MUST_CHECK hf_status hf_log_dense(hf_store *store, int64_t origin_no, uint8_t lane,
                                     uint64_t *seq);
/* Its origin signed that the log has an entry of this seq. In a batch. */
HF_MUST_CHECK hf_status hf_log_known(hf_batch *batch, const hf_origin_row *origin, uint8_t lane,
                                     uint64_t seq);

/* Of what is not here after `after`, up to `last`: what a verdict steps over, or someone gave up.
 * The rest is missing. */
HF_MUST_CHECK hf_status hf_log_stepped(hf_store *store, int64_t origin_no, uint8_t lane,
                                       uint64_t after, uint64_t last, uint64_t *count);

/* A device holds of this log in this scope what we do not. Each call is a write of its own. */
typedef struct hf_report {
    hf_origin_id origin;
    uint8_t lane;
    uint32_t scope;
    uint64_t seq;
} hf_report;
HF_MUST_CHECK hf_status hf_coverage_report(hf_store *store, const uint8_t key_id[HF_HASH_SIZE],
                                           const hf_report *reports, size_t count);
/* It was asked, and could not prove more: nobody goes to it again. In a batch. */
HF_MUST_CHECK hf_status hf_coverage_tried(hf_batch *batch, const uint8_t key_id[HF_HASH_SIZE],
                                          const hf_report *report);
/* What others hold of the log in this scope beyond *seq, we lack: it ends where we do, or before an
 * entry whose body never came, though the vector is past it. */
HF_MUST_CHECK hf_status hf_coverage_held(hf_store *store, int64_t origin_no, uint8_t lane,
                                         uint32_t scope, uint64_t *seq);
/* Does this device hold something that we lack, and was not asked for? */
HF_MUST_CHECK hf_status hf_coverage_owes(hf_store *store, const uint8_t key_id[HF_HASH_SIZE],
                                         bool *owes);

typedef struct hf_missing { /* of one log, from `first` to `last` */
    hf_origin_id origin;
    const char *name; /* the device's; "" when not known */
    uint8_t lane;
    uint64_t first, last;
    uint64_t held;    /* all of the log up to here */
    bool declared;    /* as lost, by an operator */
    const char *text; /* ... and why */
} hf_missing;
typedef hf_status (*hf_missing_visitor)(void *context, const hf_missing *missing);
/* What nobody has brought: entries that must have been, since later ones of the same log are here
 * or their origin signed for them. */
HF_MUST_CHECK hf_status hf_coverage_missing(hf_store *store, hf_missing_visitor visit,
                                            void *context);

typedef struct hf_holding {
    hf_origin_id origin;
    const char *name;
    uint8_t lane;
    uint32_t scope;
    uint64_t held, reported; /* by us; by the device */
    uint8_t key_id[HF_HASH_SIZE];
    bool tried;
} hf_holding;
typedef hf_status (*hf_holding_visitor)(void *context, const hf_holding *holding);
/* What devices said that they hold, and we still lack. */
HF_MUST_CHECK hf_status hf_coverage_holdings(hf_store *store, hf_holding_visitor visit,
                                             void *context);

#endif
