/* windows.h: planned outages, as their control records say. */
#ifndef HF_WINDOWS_H
#define HF_WINDOWS_H

#include "store.h"

typedef struct hf_window {
    hf_record_id id;
    uint64_t from_ms, until_ms; /* Unix time */
    char why[128];
    bool called_off;
} hf_window;
typedef hf_status (*hf_window_visitor)(void *context, const hf_window *window);
/* In the order in which they were announced. */
HF_MUST_CHECK hf_status hf_windows_each(hf_store *store, hf_window_visitor visit, void *context);
/* The next one that is planned and not over at `wall_ms`, by its beginning. */
HF_MUST_CHECK hf_status hf_windows_next(hf_store *store, uint64_t wall_ms, hf_window *out,
                                        bool *found);

#endif
