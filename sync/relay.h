/* relay.h: what a station holds of others' logs and its upstream may not: by their signed heads.
 *
 * The upstream believes an entry that comes through a relay only under its author's head. A store
 * keeps one head for each log, the newest, and a day in the dark lies between what the upstream has
 * and that one; so a station keeps each head until what it covers has gone up. */
#ifndef HF_RELAY_H
#define HF_RELAY_H

#include "messages.h"

/* From now on this store keeps heads for its upstream. */
void hf_relay_start(hf_store *store);
/* In the open batch: this head was verified here, over a log that we hold to its seq. */
HF_MUST_CHECK hf_status hf_relay_keep(hf_store *store, int64_t log, const hf_head *head);
/* In the open batch: the upstream holds the log up to `seq`. */
HF_MUST_CHECK hf_status hf_relay_done(hf_batch *batch, const hf_origin_row *origin, uint8_t lane,
                                      uint64_t seq);

typedef struct hf_relay_log { /* there is something to go up, as far as `seq` */
    int64_t origin_no;
    uint8_t lane;
    uint64_t seq;
} hf_relay_log;
typedef hf_status (*hf_relay_visitor)(void *context, const hf_relay_log *log);
/* Each log with a head whose number is above *number, which then becomes the highest there is. */
HF_MUST_CHECK hf_status hf_relay_each(hf_store *store, uint64_t *number, hf_relay_visitor visit,
                                      void *context);
/* How often a body came after its hashes: until then its log does not go up from here. */
uint64_t hf_relay_filled(const hf_store *store);
/* Each log with a head of which the upstream `hub` must say how far it has it, before more of it
 * goes up, or because nothing else would say so. */
HF_MUST_CHECK hf_status hf_relay_unknown(hf_store *store, const hf_origin_id *hub,
                                         hf_relay_visitor visit, void *context);
/* The newest head that we hold of the log. */
HF_MUST_CHECK hf_status hf_relay_newest(hf_store *store, const hf_relay_log *log, hf_head *out);
/* How many entries we hold of the log after `after`, up to log->seq. */
HF_MUST_CHECK hf_status hf_relay_count(hf_store *store, const hf_relay_log *log, uint64_t after,
                                       uint64_t *count);
/* In the open batch: the upstream lacks what follows `after`, and the heads in between are gone. It
 * goes up again under the newest head, and *last becomes that, if it fits into one frame; where it
 * does not, the upstream asks for it by LACK. */
HF_MUST_CHECK hf_status hf_relay_again(hf_batch *batch, const hf_origin_row *origin, uint8_t lane,
                                       uint64_t after, uint64_t *last);
/* Entries that wait for the centre, and the Unix time of the oldest; 0 when none does. */
HF_MUST_CHECK hf_status hf_relay_waiting(hf_store *store, uint64_t *count, uint64_t *oldest_ms);
/* The head under which the entries after `after` go next: the furthest that takes at most `entries`
 * entries of `bytes` in all, else the nearest. HF_ERR_NOT_FOUND: there is none. */
HF_MUST_CHECK hf_status hf_relay_next(hf_store *store, const hf_relay_log *log, uint64_t after,
                                      uint32_t entries, size_t bytes, hf_head *out);
/* The entries after `after` up to that head, as RELAY carries them; its `origin` is the caller's to
 * fill in. `bodies` and `withheld` are scratch. HF_ERR_NOT_FOUND: we hold the log in part;
 * HF_ERR_DENIED: one of them by its hashes alone; HF_ERR_LIMIT: its author signed too seldom. */
HF_MUST_CHECK hf_status hf_relay_group(hf_store *store, const hf_relay_log *log,
                                       const hf_head *head, uint64_t after, hf_buffer *bodies,
                                       hf_buffer *withheld, hf_relay *out);

#endif
