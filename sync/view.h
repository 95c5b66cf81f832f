/* view.h (internal): what showing a record and telling its history share. */
#ifndef HF_VIEW_H
#define HF_VIEW_H

#include "store_core.h"

typedef struct hf_texts { /* strings that live as long as what is shown; zero-initialise */
    char **items;
    size_t count;
} hf_texts;
HF_MUST_CHECK hf_status hf_texts_add(hf_texts *texts, const char *data, size_t size,
                                     const char **out);
void hf_texts_free(hf_texts *texts);

/* Fills actor, device and reason of the write at view->dot. */
HF_MUST_CHECK hf_status hf_describe_write(hf_store *store, const hf_record *record, uint32_t field,
                                          hf_texts *texts, hf_value_view *view);

#endif
