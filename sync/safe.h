/* safe.h: where an entry is known to be durable, and since when: what a screen may say of it. */
#ifndef HF_SAFE_H
#define HF_SAFE_H

#include "receipt.h"

typedef enum hf_place { /* each holds more than the one before */
                        HF_PLACE_DEVICE,
                        HF_PLACE_STATION,
                        HF_PLACE_HUB
} hf_place;
const char *hf_place_name(hf_place place); /* "device", "station", "hub" */
/* By what hubs acknowledged; what others wrote came here from the hub. */
HF_MUST_CHECK hf_status hf_safe_place(hf_store *store, const hf_dot *dot, hf_place *out);
/* Which station has it; "" when none is known to. */
HF_MUST_CHECK hf_status hf_safe_station(hf_store *store, const hf_dot *dot, char out[HF_NAME_SIZE]);

typedef struct hf_safe {
    hf_place place;
    bool is_own;           /* written by this installation's key */
    bool is_signed;        /* a receipt that stands covers it: it can be proved */
    uint64_t since_ms;     /* by that receipt, or on this device as the entry says; 0: not known */
    char by[HF_NAME_SIZE]; /* who signed; "" */
    char station[HF_NAME_SIZE]; /* one that holds it; "" */
    uint64_t station_ms;        /* ... since, as it signed; 0: it has not */
    uint64_t said_ms,
        undone_ms; /* signed for at the one time, found to be lost at the other; or 0 */
} hf_safe;
HF_MUST_CHECK hf_status hf_safe_find(hf_store *store, const hf_dot *dot, hf_hlc hlc, hf_safe *out);

enum { HF_SPOKEN_SIZE = 10 };
/* An entry's name for the telephone: "K7QX-2M9D", the first 35 bits of its hash and a check
 * character that notices any wrong one and any two that changed places. */
void hf_reference(const uint8_t hash[HF_HASH_SIZE], char out[HF_SPOKEN_SIZE]);
/* Reads one as people write it: any case, with or without the hyphen, O for 0, I and L for 1.
 * HF_ERR_INPUT: none, or misheard. */
HF_MUST_CHECK hf_status hf_reference_parse(hf_bytes text, char out[HF_SPOKEN_SIZE]);
/* Of an entry that is held; HF_ERR_NOT_FOUND. */
HF_MUST_CHECK hf_status hf_reference_of(hf_store *store, const hf_dot *dot,
                                        char out[HF_SPOKEN_SIZE]);

#endif
