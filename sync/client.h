/* client.h: a session to a hub, joined to a store: what an edge has, and a station's upstream.
 *
 * Frames that came are queued by hf_client_recv and applied by hf_client_turn in one batch; what
 * answers them can be had from hf_client_send only after that batch is on disk. Uploading and
 * being fed are two machines that share a link, so that neither ever waits for the other. */
#ifndef HF_CLIENT_H
#define HF_CLIENT_H

#include "relay.h"
#include "session.h"

typedef struct hf_client hf_client;

/* `implementation` is copied, at most HF_TEXT_MAX bytes of it. */
HF_MUST_CHECK hf_status hf_client_new(hf_store *store, const char *implementation, hf_client **out);
void hf_client_free(hf_client *client);

/* This client is a station's: what others wrote goes up, too, and what comes may be of any author.
 */
void hf_client_relay(hf_client *client);

/* `hub`: whom TLS has proved to be at the far end; NULL: not known, taken for the centre. */
void hf_client_link_up(hf_client *client, const hf_certificate *hub, uint64_t now_ms);
void hf_client_link_down(hf_client *client);

/* As in holdfast/edge.h. */
HF_MUST_CHECK hf_status hf_client_recv(hf_client *client, hf_bytes message, uint64_t now_ms);
HF_MUST_CHECK hf_status hf_client_turn(hf_client *client, uint64_t now_ms, uint64_t wall_ms);
HF_MUST_CHECK hf_status hf_client_send(hf_client *client, uint64_t now_ms, hf_bytes *message);
uint64_t hf_client_deadline_ms(hf_client *client);

const hf_session *hf_client_session(const hf_client *client);
const hf_certificate *hf_client_hub(const hf_client *client); /* of this link; NULL: not known */
bool hf_client_caught_up(const hf_client *client); /* the feed, as far as WELCOME announced it */
bool hf_client_uploaded(const hf_client *client);  /* all of ours, acknowledged by this hub */
/* A log of ours of which this hub, or the centre (*at_centre; may be NULL), holds more than was
 * told here before: the newest that it holds durably. False: no news. */
bool hf_client_next_receipt(hf_client *client, hf_dot *out, bool *at_centre);
/* A snapshot is on its way: `staged` of its chunks are here, of `count`; 0 of 0 while it is made.
 * False: none is. */
bool hf_client_fetching(const hf_client *client, size_t *staged, size_t *count);
/* The list of hubs as a message by itself, for a hub that takes itself for the centre and is not;
 * borrowed until the next call. Empty: there is none. */
HF_MUST_CHECK hf_status hf_client_hubs_message(hf_client *client, hf_bytes *message);
/* The newest sentence about an entry of ours that the hub withholds; "" when there is none. */
const char *hf_client_notice(const hf_client *client);
/* The hub refuses our log as it stands (behind, fork): a new incarnation writes since. */
bool hf_client_renewed(const hf_client *client);

/* The name of a station that welcomed us once; "" for the centre, and one that is not known. */
HF_MUST_CHECK hf_status hf_client_station_name(hf_store *store, const hf_origin_id *hub, char *out,
                                               size_t size);

/* ---- a station's: client_relay.c ---- */
/* Others' logs of which the centre has more than was told here before, each once. */
HF_MUST_CHECK hf_status hf_client_relayed(hf_client *client, hf_relay_visitor visit, void *context);
struct hf_receipt; /* receipt.h */
/* In an open batch: the centre's receipt of another's log came by another way than a link. It is
 * what an ACK and a RECEIPT would have been, and the next session asks how far the centre is.
 * HF_ERR_PROTOCOL: it is not true, or not of what we hold. */
HF_MUST_CHECK hf_status hf_client_carried(hf_client *client, hf_batch *batch,
                                          const struct hf_receipt *receipt);
/* Others' logs that the centre signed for since the last call; a log may come twice. `seq` says
 * nothing. */
HF_MUST_CHECK hf_status hf_client_receipts(hf_client *client, hf_relay_visitor visit,
                                           void *context);
/* A device of ours needs its next certificate: the centre is asked for it, once for each link. */
HF_MUST_CHECK hf_status hf_client_wish(hf_client *client, const uint8_t key_id[HF_HASH_SIZE]);
/* ... or a receipt of its log, of more than up to `seq`. */
HF_MUST_CHECK hf_status hf_client_wish_receipt(hf_client *client, int64_t origin_no, uint8_t lane,
                                               uint64_t seq);
/* ... or a block of numbers that lies behind `last`. */
HF_MUST_CHECK hf_status hf_client_wish_numbers(hf_client *client, int64_t origin_no,
                                               const char *series, uint64_t last);
/* Control entries came since the last call: who may connect may have changed. */
/* Once: the centre was set back, and what it said of what we relayed is void. */
bool hf_client_centre_lost(hf_client *client);
/* Names of hubs whose word no longer counts, in a row. */
HF_MUST_CHECK hf_status hf_client_former(hf_store *store, hf_buffer *out);
/* The hub that was met last, if any was. */
HF_MUST_CHECK hf_status hf_client_met(hf_store *store, hf_origin_id *hub, bool *found);
bool hf_client_control_came(hf_client *client);

/* ---- our own certificate: client_certificate.c ---- */
/* A new one for our key came, checked; until it is kept, or cannot be. Borrowed until then. */
bool hf_client_certificate(const hf_client *client, hf_bytes *der);
/* It is on disk and in the crypto table (`kept`): the session ends, so that the next one is made
 * with it. Or it could not be kept, and will be asked for again. */
void hf_client_certificate_kept(hf_client *client, bool kept);
/* When ours holds; zeros when there is none. */
hf_validity hf_client_validity(hf_client *client);
/* Why it is not renewed though it is time: a sentence; "" when all is well. */
const char *hf_client_certificate_problem(const hf_client *client);

/* ---- is the hub there: client_probe.c ---- */
/* A session is open and its probes are answered: the hub saves what it is sent. */
bool hf_client_in_touch(const hf_client *client);
bool hf_client_silent(const hf_client *client);       /* a link, and no answer on it */
uint64_t hf_client_heard_ms(const hf_client *client); /* monotonic; of an open session */
/* An outage ended and its row is in the store: the hub is told with the next PROBE. */
void hf_client_has_news(hf_client *client);
void hf_client_free_mib(hf_client *client, uint64_t free_mib); /* room on our disk, to be told */

/* The hub's clock: Unix time `hub_ms` when the monotonic clock stood at `at_ms`. */
typedef struct hf_hub_time {
    bool known;
    uint64_t hub_ms, at_ms;
} hf_hub_time;
hf_hub_time hf_client_hub_time(const hf_client *client);
/* The same from the last session that a former run had: the hub's Unix time and ours at one moment.
 */
HF_MUST_CHECK hf_status hf_client_stored_time(hf_store *store, uint64_t *hub_ms, uint64_t *wall_ms,
                                              bool *found);

#endif
