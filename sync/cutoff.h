/* cutoff.h: are we cut off from the hub, since when, and what had to wait? Kept in the store. */
#ifndef HF_EDGE_CUTOFF_H
#define HF_EDGE_CUTOFF_H

#include "outage.h"

typedef struct hf_cutoff {
    hf_store *store;
    bool begun;               /* a turn has passed: the next two are of this run */
    uint64_t contact_ms;      /* monotonic: last contact, or when we began to try */
    uint64_t lost_ms;         /* monotonic: when we last believed that we were in touch */
    uint64_t contact_true_ms; /* the same by the hub's time, as far as it is known */
    uint8_t quality;          /* of that */
    bool open;                /* cut off: */
    bool measured;            /* ... since this run began, so monotonic time says how long */
    hf_outage outage;         /* the row; its logs lie in: */
    hf_buffer logs;
} hf_cutoff;

typedef struct hf_contact { /* one look at the link */
    bool in_touch;
    uint32_t reason;           /* hf_outage_reason, when not in touch */
    uint64_t now_ms, heard_ms; /* monotonic; heard: when the hub last said something */
    uint64_t true_ms;
    uint8_t quality;
} hf_contact;

/* Goes on with an outage that a former run was in. */
HF_MUST_CHECK hf_status hf_cutoff_open(hf_cutoff *cutoff, hf_store *store);
void hf_cutoff_close(hf_cutoff *cutoff);
/* *ended: an outage is over and its row is in the store. */
HF_MUST_CHECK hf_status hf_cutoff_look(hf_cutoff *cutoff, const hf_contact *contact, bool *ended);
uint64_t hf_cutoff_deadline_ms(const hf_cutoff *cutoff); /* UINT64_MAX: none */

#endif
