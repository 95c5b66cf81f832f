/* bundles.h: what a cut-off station sends by its devices, and what the centre makes of it. Inside
 * hub/ only; hub.c sees four functions of it, in peer.h. */
#ifndef HF_HUB_BUNDLES_H
#define HF_HUB_BUNDLES_H

#include "peer.h"

#include "sync/bundle.h"

struct hf_bundles {
    uint64_t seen; /* rows up to this number were looked at */
    /* At a station: */
    bool cut_off;
    bool failed;          /* the last look found nothing to seal, or no key to seal it to */
    uint64_t made_at_ms;  /* monotonic: of the last bundle; 0: none in this run */
    uint64_t swept_at_ms; /* ... of the last look for those that the centre has by another way */
    size_t under_way;     /* sealed here and not answered */
    /* At the centre: */
    hf_peer *opened;        /* stands for the bundle that is being taken; NULL: none is */
    hf_carry_row row;       /* that bundle */
    bool again;             /* something came: all that wait are looked at */
    bool tried;             /* ... from the first on, or behind: */
    hf_carry_row tried_row; /* the last that was looked at in this round */
    hf_buffer bytes, plain, items;
};

/* ---- bundles_seal.c ---- */
HF_MUST_CHECK hf_status hf_bundles_seal(hf_hub *hub);  /* what waits and is in no bundle yet */
HF_MUST_CHECK hf_status hf_bundles_sweep(hf_hub *hub); /* what the centre has by another way */
/* The centre's answer to one that we sealed. */
HF_MUST_CHECK hf_status hf_bundles_read_answer(hf_hub *hub, const hf_carry_row *row);

/* ---- bundles_open.c ---- */
HF_MUST_CHECK hf_status hf_bundles_open(hf_hub *hub); /* the next one that waits, if none is open */
HF_MUST_CHECK hf_status hf_bundles_answer(hf_hub *hub); /* the open one, once it is applied */

#endif
