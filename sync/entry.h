/* entry.h: an entry's bytes taken apart, and its hash, as protocol.md 3 has them.
 *
 * No one else reads these bytes. What is read borrows from the body. */
#ifndef HF_ENTRY_H
#define HF_ENTRY_H

#include "holdfast/crypto.h"
#include "merge.h"

/* An entry's body, taken apart (protocol.md 3). */
typedef struct hf_entry_body {
    uint64_t seq, pseq;
    uint32_t scope;
    hf_hlc hlc;
    uint8_t quality;
    uint32_t pack;
    hf_bytes actor;
    hf_bytes transaction; /* 8 bytes, or empty */
    hf_bytes parts;       /* the encoded array */
    hf_bytes body;        /* all of it, verbatim */
    size_t part_count, op_count, cite_count, erased_count;
} hf_entry_body;
/* Strict: HF_ERR_PROTOCOL or HF_ERR_LIMIT on anything protocol.md 3 does not allow. */
HF_MUST_CHECK hf_status hf_entry_parse(hf_bytes body, hf_entry_body *out);
/* Who made it, of a body that was checked as it came: no more of it is read than that takes. */
HF_MUST_CHECK hf_status hf_entry_actor(hf_bytes body, hf_bytes *actor);
/* H(00 || header), the header built again from the body and its log. */
HF_MUST_CHECK hf_status hf_entry_hash(const hf_crypto *crypto, const hf_origin_id *origin,
                                      uint8_t lane, const hf_entry_body *entry,
                                      uint8_t out[HF_HASH_SIZE]);

typedef struct hf_part {
    bool erased;
    uint8_t hash[HF_HASH_SIZE];
    hf_record_id record;
    hf_reader ops; /* at the next op; op_left of them */
    size_t op_left;
    uint32_t last_field, last_ordinal; /* ops ascend by field; equal ones count up */
    bool started;
    hf_origin_id logs[HF_PART_LOGS_MAX]; /* cited logs */
    uint8_t lanes[HF_PART_LOGS_MAX];
    size_t log_count;
} hf_part;
typedef struct hf_op {
    uint32_t field, ordinal;
    hf_cite cites[HF_OVERWRITTEN_MAX];
    size_t cite_count;
    hf_bytes value; /* data NULL: none */
    hf_bytes reason;
} hf_op;
/* The next part of `parts`, an entry's array behind its count. `crypto` NULL: without its hash. */
HF_MUST_CHECK hf_status hf_part_next(const hf_crypto *crypto, hf_reader *parts, hf_part *out);
/* The next op of a part that is not erased. The entry's own log is (origin, lane): what it cites of
 * itself. */
HF_MUST_CHECK hf_status hf_op_next(hf_part *part, const hf_origin_id *origin, uint8_t lane,
                                   hf_op *out);

/* The same entry with every part but that of `keep` erased: of the others only the hashes are left.
 */
HF_MUST_CHECK hf_status hf_entry_keep(const hf_crypto *crypto, hf_bytes body,
                                      const hf_record_id *keep, hf_buffer *out);
/* ... and with every part erased. */
HF_MUST_CHECK hf_status hf_entry_erase(const hf_crypto *crypto, hf_bytes body, hf_buffer *out);

#endif
