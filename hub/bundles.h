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
    bool heard;           /* an answer was read: those whom it is about are told in the next turn */
    uint64_t made_at_ms;  /* monotonic: of the last bundle; 0: none in this run */
    uint64_t swept_at_ms; /* ... of the last look for those that the centre has by another way */
    size_t under_way;     /* sealed here and not answered */
    bool followed;        /* all that is under way is sealed to the centre by this list of hubs: */
    uint64_t list;        /* hf_hub_list_changes */
    /* At the centre: */
    hf_peer *opened;        /* stands for the bundle that is being taken; NULL: none is */
    hf_carry_row row;       /* that bundle */
    bool again;             /* something came: all that wait are looked at */
    bool waits;             /* one that was looked at waits for what another brings: */
    uint64_t again_at_ms;   /* ... it may come by a link, too */
    bool tried;             /* ... from the first on, or behind: */
    hf_carry_row tried_row; /* the last that was looked at in this round */
    hf_buffer bytes, plain, items;
};

bool hf_bundles_own(const hf_hub *hub, const hf_carry_row *row); /* we sealed it */

/* ---- bundles_seal.c ---- */
HF_MUST_CHECK hf_status hf_bundles_seal(hf_hub *hub); /* what waits and is in no bundle yet */
typedef struct hf_covered {                           /* a log, and how far it is sealed */
    int64_t origin_no;
    uint8_t lane;
    uint64_t seq;
} hf_covered;
typedef hf_status (*hf_covered_visitor)(void *context, const hf_covered *log);
/* Our own note of one that we sealed: for whose key, and each log in it. */
HF_MUST_CHECK hf_status hf_bundles_covers(hf_hub *hub, const uint8_t id[HF_HASH_SIZE],
                                          uint8_t centre[HF_HASH_SIZE], hf_covered_visitor visit,
                                          void *context);

/* ---- bundles_read.c ---- */
/* Who can open what we seal, and whose answers count. HF_ERR_NOT_FOUND: we never heard of one. */
HF_MUST_CHECK hf_status hf_bundles_centre(hf_hub *hub, hf_certificate *out);
HF_MUST_CHECK hf_status hf_bundles_sweep(hf_hub *hub);  /* what the centre has by another way */
HF_MUST_CHECK hf_status hf_bundles_follow(hf_hub *hub); /* what another than the centre opens */
/* The centre's answer to one that we sealed. */
HF_MUST_CHECK hf_status hf_bundles_read_answer(hf_hub *hub, const hf_carry_row *row);

/* ---- bundles_open.c ---- */
HF_MUST_CHECK hf_status hf_bundles_open(hf_hub *hub); /* the next one that waits, if none is open */
HF_MUST_CHECK hf_status hf_bundles_answer(hf_hub *hub); /* the open one, once it is applied */

#endif
