/* verify.h (internal): what the halves of the check share: a fault is told and counted, and the
 * walk goes on. */
#ifndef HF_VERIFY_H
#define HF_VERIFY_H

#include "store_core.h"

/* Counts a fault; the first one's sentence is kept. */
void hf_verify_fault(hf_verify_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Bytes that do not read back are a fault like any other, and HF_OK; what ends the walk is a disk
 * or memory that fails. */
HF_MUST_CHECK hf_status hf_verify_excuse(hf_store *store, hf_verify_report *report,
                                         hf_status status);
/* Every record against its entries, and every conflict against its record. */
HF_MUST_CHECK hf_status hf_verify_records(hf_store *store, hf_verify_report *report);

#endif
