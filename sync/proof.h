/* proof.h: a receipt as a file that anyone can check who has the CA's certificate:
 * protocol.md 10.1.
 *
 * It holds the entries that wrote one record, the way from each to what a hub signed, and the
 * certificates of those who wrote and signed. Other records' parts of those entries are left out.
 */
#ifndef HF_PROOF_H
#define HF_PROOF_H

#include "safe.h"

typedef struct hf_proof_counts { /* of the entries that wrote the record */
    size_t proved;               /* in the file */
    size_t unsigned_yet;         /* ours, and no receipt that stands covers them */
    size_t others;               /* by other devices: theirs to prove */
} hf_proof_counts;

/* The file for a record, of all its entries that a receipt covers, or of the one that `reference`
 * names (NULL: all). Borrows nothing. HF_ERR_NOT_FOUND: no such record; HF_ERR_LIMIT: too much for
 * one file, with a sentence; counts->proved 0: nothing was written. */
HF_MUST_CHECK hf_status hf_proof_write(hf_store *store, const hf_record_id *id,
                                       const char *reference, hf_buffer *out,
                                       hf_proof_counts *counts);

typedef struct hf_proof_entry { /* one entry, as the file proves it */
    hf_dot dot;
    uint32_t scope;
    hf_hlc hlc;
    uint8_t quality;
    hf_bytes actor;     /* text; what the device said of who acted */
    const char *author; /* the device's certificate */
    const char *hub;    /* ... and that of the hub that signed */
    bool by_station;    /* which is a station */
    uint64_t time_ms;   /* by the hub's clock */
    uint8_t hash[HF_HASH_SIZE];
} hf_proof_entry;
typedef hf_status (*hf_proof_visitor)(void *context, const hf_proof_entry *entry);
/* Checks a file by nothing but `crypto`'s CA. What is visited counts only when HF_OK is returned.
 * HF_ERR_PROTOCOL: it proves nothing, and *why says in a sentence what is wrong; HF_ERR_LIMIT: it
 * is larger than any that we write. Nothing is allocated but for a header at a time. */
HF_MUST_CHECK hf_status hf_proof_check(const hf_crypto *crypto, hf_bytes file, hf_record_id *record,
                                       hf_proof_visitor visit, void *context, const char **why);

#endif
