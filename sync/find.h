/* find.h: keeps the index of words up with the records, a step at a time. */
#ifndef HF_FIND_H
#define HF_FIND_H

#include "store.h"

/* Indexes some of what came since the last step, in a transaction of its own that is short enough
 * to stand between two commits. *more: there is more to do. For a loop that has nothing better to
 * do; hf_store_find does what is left by itself. */
HF_MUST_CHECK hf_status hf_find_step(hf_store *store, bool *more);

#endif
