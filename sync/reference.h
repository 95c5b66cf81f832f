/* reference.h: what people call a record by: a number of a series, from a block that a hub leased.
 *
 * A reference is told to a victim on a doorstep where there is no network, so it must be right at
 * once and for good: the device takes it, in the transaction of the record itself, from numbers
 * that are its own. When they have run out it gives a provisional one, which no other can make, and
 * which stays among the record's aliases when the number comes. protocol.md 11. */
#ifndef HF_REFERENCE_H
#define HF_REFERENCE_H

#include "apply.h"
#include "pack.h"

typedef struct hf_drafts hf_drafts; /* draft.h, which those of the store alone include */

enum { HF_REFERENCE_SIZE = 64, HF_PROVISIONAL_TAG_SIZE = 21 };

/* "CR/12/26" from "CR/{number}/{yy}". */
void hf_reference_format(const hf_series *series, uint64_t number, uint64_t wall_ms,
                         char out[HF_REFERENCE_SIZE]);
/* The number that such a text bears; 0: it is none of the series. */
uint64_t hf_reference_number(const hf_series *series, hf_bytes text);
/* Is it a provisional one, and whose? `tag` tells installations apart: "PROV-4T6Z-K9MR-2A3X-". */
bool hf_provisional_tag(hf_bytes text, char tag[HF_PROVISIONAL_TAG_SIZE]);
void hf_provisional_tag_of(const hf_origin_id *origin, char tag[HF_PROVISIONAL_TAG_SIZE]);

/* Each new record of the drafts whose type has a series, and that got no reference, gets one. In
 * the batch that writes them: both are durable, or neither is. At a device only. */
HF_MUST_CHECK hf_status hf_references_number(hf_batch *batch, hf_drafts *drafts,
                                             const hf_author *author);

#endif
