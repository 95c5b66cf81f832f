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

/* id, type, scope, title, deleted, edited_while_deleted, saved, fields. */
HF_MUST_CHECK hf_status hf_report_record(hf_store *store, const hf_view *view, hf_json *json);

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
/* id, type, title, writes: oldest first. `field` UINT32_MAX: all. */
HF_MUST_CHECK hf_status hf_report_history(hf_store *store, const hf_record_id *id, uint32_t field,
                                          hf_json *json);
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

#endif
