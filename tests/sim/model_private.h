/* model_private.h: what the model's three files share: its decoder, its tables and its rules. */
#ifndef SIM_MODEL_PRIVATE_H
#define SIM_MODEL_PRIVATE_H

#include "model.h"

typedef struct reader { /* deterministic CBOR, and no more of it than entries use */
    const uint8_t *at, *end;
    bool bad;
} reader;

enum {
    MAJOR_UINT = 0,
    MAJOR_NINT = 1,
    MAJOR_BYTES = 2,
    MAJOR_TEXT = 3,
    MAJOR_ARRAY = 4,
    MAJOR_SIMPLE = 7
};

/* The next item's head: its argument; sets `bad` when it is not of `major`. */
uint64_t reader_head(reader *r, unsigned major);
unsigned reader_major(const reader *r); /* of what stands next; 8 at the end */
hf_bytes reader_string(reader *r, unsigned major);
hf_bytes reader_item(reader *r); /* one whole item, nested as it may be */
size_t writer_head(uint8_t *out, unsigned major, uint64_t argument); /* returns its size, <= 9 */

typedef struct model_key { /* one field of one record */
    hf_record_id record;
    uint32_t scope; /* the same id in another scope is another record */
    uint32_t field;
} model_key;

typedef struct model_write {
    model_key key;
    model_live live; /* value.data NULL: it only overwrites */
    uint8_t prefix[HF_PREFIX_SIZE];
} model_write;

typedef struct model_cite {
    model_key key;
    hf_dot dot;
    uint8_t prefix[HF_PREFIX_SIZE];
} model_cite;

int model_dot_compare(const hf_dot *a, const hf_dot *b);
/* Newest last: by clock quality, hlc, dot. */
int model_age_compare(const model_live *a, const model_live *b);
/* Fills in conflict and shown from the live writes. May reorder them. */
void model_rule(const hf_field *rule, model_live *live, size_t count, model_field *out);

#endif
