/* backlog.h: what devices sent and is not applied yet, and how much of it the next turn takes.
 *
 * Why not all of it at once: a turn is one transaction, and everybody waits for its end. A device
 * that has a day's work to send, or that means harm, must not make it long: the others' small
 * writes go in the very next turn, however much one device has sent before them. */
#ifndef HF_HUB_BACKLOG_H
#define HF_HUB_BACKLOG_H

#include "peer.h"

/* A session begins, with what its device's last one left of the allowance. */
void hf_backlog_join(hf_hub *hub, hf_peer *peer);
/* Keeps one frame for a turn to come. HF_ERR_LIMIT: this session, or all of them, sent more than is
 * kept; HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_backlog_put(hf_hub *hub, hf_peer *peer, const hf_message *message,
                                       hf_bytes raw);
/* Moves to hub->inbox what this turn applies. */
void hf_backlog_take(hf_hub *hub);
/* hub->inbox is applied, or never will be: its frames no longer count in their senders' windows. */
void hf_backlog_done(hf_hub *hub);
/* Forgets all that this peer sent, also what the present turn took. */
void hf_backlog_drop(hf_hub *hub, const hf_peer *peer);

#endif
