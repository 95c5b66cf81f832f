/* saved.h: where a write is known to be safe: on this device, at a station, at the hub. */
#ifndef HF_SAVED_H
#define HF_SAVED_H

#include "store.h"

typedef enum hf_place { HF_AT_DEVICE, HF_AT_STATION, HF_AT_HUB } hf_place; /* better and better */

typedef struct hf_saved {
    hf_place place;
    char station[HF_NAME_SIZE]; /* of HF_AT_STATION: which; "" when its name is not known */
} hf_saved;

/* Never more than what a hub said that it has on disk. */
HF_MUST_CHECK hf_status hf_saved_where(hf_store *store, const hf_dot *dot, hf_saved *out);
const char *hf_place_word(hf_place place); /* "device", "station", "hub": for documents */

#endif
