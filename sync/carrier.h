/* carrier.h: one session's talk of bundles, alike for who dials and for who listens.
 *
 * Each side says what it has (CARRY); the other fetches what it wants, piece by piece, each only
 * once the one before is here, and says when it is on its disk (CARRIED). So however thin the link,
 * no more than one piece stands in the way of an entry, and a link that breaks costs one piece. */
#ifndef HF_CARRIER_H
#define HF_CARRIER_H

#include "carry.h"
#include "messages.h"

typedef struct hf_carrier {
    hf_store *store;
    uint8_t peer[HF_HASH_SIZE]; /* key id of the other end */
    bool on;                    /* the other end knows of these frames */
    bool dials;       /* this end does: what we sealed ourselves goes by its own session */
    bool offers;      /* bundles that we hold are offered */
    size_t most;      /* bundles that the other end may have */
    uint64_t looked;  /* rows up to this number were looked at for news */
    hf_buffer theirs; /* what the other end has, as it said or as it took from us */
    hf_buffer wants;  /* hf_carried, in a row: to be fetched, the first one now */
    hf_buffer coming; /* what is here of that one */
    bool fetching;    /* its FETCH is out */
    hf_piece asked;   /* FETCH of theirs, not answered yet; */
    bool is_asked;
    hf_buffer said;    /* hf_carried, in a row: to go into CARRIED */
    char refusal[160]; /* why something that came was not taken; "": nothing was refused */
} hf_carrier;

/* A new session. `peer`: NULL where it is not known. */
void hf_carrier_open(hf_carrier *carrier, hf_store *store, const uint8_t *peer, bool dials);
void hf_carrier_close(hf_carrier *carrier);
/* From now on bundles are offered, or are not. */
void hf_carrier_offer(hf_carrier *carrier, bool offers);
/* One of the four frames came. Stores what is whole, so not inside a batch. HF_ERR_PROTOCOL,
 * HF_ERR_LIMIT: fail the session. */
HF_MUST_CHECK hf_status hf_carrier_on(hf_carrier *carrier, const hf_message *message,
                                      uint64_t wall_ms);
/* Writes the next frame, with a piece of at most `piece_max` bytes; 0: no piece goes now. */
HF_MUST_CHECK hf_status hf_carrier_write(hf_carrier *carrier, size_t piece_max, hf_buffer *raw);
/* Is there something to say, or has a row changed? */
HF_MUST_CHECK hf_status hf_carrier_has_news(hf_carrier *carrier, bool *has);

#endif
