/* report.h: a store's records, conflicts and history as JSON documents, the same at both ends.
 *
 * Each call writes members into the object that is open in `json`; docs/cli.md lists them. They
 * say where every value came from (actor, device, time, dot) and where it is known to be safe. */
#ifndef HF_REPORT_H
#define HF_REPORT_H

#include "json.h"
#include "store.h"

enum {
    HF_REPORT_LIST_DEFAULT = 100, /* records in one answer, unless asked otherwise */
    HF_REPORT_LIST_MAX = 10000
};

/* The heading, saved, since, reference, fields. */
HF_MUST_CHECK hf_status hf_report_record(hf_store *store, const hf_view *view, hf_json *json);

/* The part that all documents about a record share: id, type, scope, title, deleted,
 * edited_while_deleted. */
HF_MUST_CHECK hf_status hf_report_heading(hf_json *json, hf_store *store, const hf_view *view);
void hf_report_dot(hf_json *json, const char *key, const hf_dot *dot);
const char *hf_clock_words(uint8_t quality);

typedef struct hf_report_query {
    uint32_t type;             /* 0: all but the system's */
    const hf_record_id *after; /* NULL: from the start */
    size_t limit;
    bool with_deleted;
} hf_report_query;
/* records, and next: the id to go on after, null at the end. */
HF_MUST_CHECK hf_status hf_report_list(hf_store *store, const hf_report_query *query,
                                       hf_json *json);
HF_MUST_CHECK hf_status hf_report_find(hf_store *store, hf_bytes words, size_t limit,
                                       hf_json *json);
/* conflicts, and total. */
HF_MUST_CHECK hf_status hf_report_conflicts(hf_store *store, size_t limit, hf_json *json);
/* The heading, and writes: oldest first. `field` UINT32_MAX: all. */
HF_MUST_CHECK hf_status hf_report_history(hf_store *store, const hf_record_id *id, uint32_t field,
                                          hf_json *json);
/* The heading, and entries: every one that wrote the record, where it is safe and since when. With
 * `exported`, whose bytes may be empty: file, and what it does not prove (unsigned_yet, others).
 * `reference`: of one entry alone, "" for all. HF_ERR_NOT_FOUND: no such record, or entry of it. */
HF_MUST_CHECK hf_status hf_report_receipt(hf_store *store, const hf_record_id *id,
                                          const char *reference, bool exported, hf_json *json);
/* A file that is shown to us, checked by nothing but the CA in `crypto`: a whole document as text,
 * the caller's to free(). HF_ERR_PROTOCOL: it proves nothing, and the document says why. NULL with
 * HF_ERR_NOMEM alone. */
HF_MUST_CHECK hf_status hf_report_proof_text(const struct hf_crypto *crypto, hf_bytes file,
                                             char **reply);
/* withheld: dots that do not count, with their reasons. `own`: only those written here. */
HF_MUST_CHECK hf_status hf_report_withheld(hf_store *store, bool own, size_t limit, hf_json *json);
/* entries, chains, heads, heads_unproved, faults, first_fault, digests. */
HF_MUST_CHECK hf_status hf_report_verify(hf_store *store, const hf_verify_report *report,
                                         hf_json *json);

/* The live values of a field, each distinct one once, as conflicts numbers them from 1.
 * HF_ERR_NOT_FOUND when there are not so many. Borrowed from the view. */
HF_MUST_CHECK hf_status hf_field_choice(const hf_field_view *field, size_t number, hf_bytes *out);

/* A reason code of protocol.md 5 in words. Never NULL. */
const char *hf_withheld_words(uint32_t code);

/* ---- report_bundles.c ---- */
/* "bundles": those that were sealed here and who took them along; others' that are carried here. */
HF_MUST_CHECK hf_status hf_report_bundles(hf_store *store, hf_json *json);

#endif
