/* client_core.h: the client as the files that make it up see it. No one else includes it. */
#ifndef HF_CLIENT_CORE_H
#define HF_CLIENT_CORE_H

#include "carrier.h"
#include "client.h"
#include "frame.h"
#include "log.h"
#include "refill.h"
#include "relay.h"
#include "upload.h"

typedef enum hf_phase {
    HF_PHASE_WAITING, /* no WELCOME yet */
    HF_PHASE_VECTORS, /* asking scope by scope for what we lack */
    HF_PHASE_OFFER,   /* a snapshot is being made for us */
    HF_PHASE_FETCH,   /* chunk by chunk; its other scopes were asked for before */
    HF_PHASE_START,   /* nothing is lacking: START is to be sent */
    HF_PHASE_FEED,
    HF_PHASE_EXPIRED,  /* nothing is sent to us until our certificate is renewed */
    HF_PHASE_REFILLED, /* the hub heard what we hold; it hands nothing out yet */
    HF_PHASE_RENEW     /* behind or forked: this session is of no more use */
} hf_phase;

/* How far we are with what the hub sends. Copied before a batch and put back if it is undone, so
 * it always tells what the store tells. */
typedef struct hf_download {
    hf_phase phase;
    hf_cursor cursor;  /* where we are; in VECTORS: where we shall be when all came */
    bool cursor_moved; /* since the last commit */
    uint64_t heads;    /* acceptance number of the newest head of the hub's that we hold */
    bool heads_moved;
    uint64_t announced; /* WELCOME's position: there we are caught up */
    uint32_t scopes[HF_SCOPES_MAX];
    size_t scope_count, scope_at; /* scope_at: being asked for */
    bool offered[HF_SCOPES_MAX];  /* that scope comes in the snapshot: it is not asked for */
    unsigned pass;
    bool gap;             /* an entry stood behind a hole that we do not know yet: one more pass */
    bool asked;           /* a VECTOR is out */
    uint64_t taken;       /* ENTRIES and CHUNKs of this session */
    hf_log_name from, to; /* of that VECTOR, or from where the next goes on */
    hf_resume_verdict verdict;
    size_t forked;                    /* with HF_FORKED: which of own[] */
    uint64_t heads_up[HF_LANE_COUNT]; /* newest heads of ours that this hub holds */
    bool heads_up_moved;
} hf_download;

typedef enum hf_chunk_state { HF_CHUNK_NEEDED = 0, HF_CHUNK_ASKED, HF_CHUNK_STAGED } hf_chunk_state;
typedef struct hf_chunk_progress {
    uint32_t here; /* bytes of it that are on disk */
    uint8_t state, tries;
} hf_chunk_progress;
typedef struct hf_fetch {  /* a snapshot on its way: client_snapshot.c */
    hf_chunk_name *chunks; /* as offered */
    hf_chunk_progress *progress;
    size_t count, staged;
    uint32_t offer;
    uint64_t position; /* where the feed goes on after it */
    uint8_t chain[16];
    size_t asked[HF_SNAPSHOT_WANTS_MAX]; /* in the order in which they will come */
    size_t asked_count;
    hf_buffer raw;
    uint64_t refused_until_ms; /* one did not go with what is held: until then none is asked for */
    bool rotten;               /* what is staged is not as it was: all of it is fetched again */
    bool outdated_told;
} hf_fetch;

typedef struct hf_own_certificate {
    bool looked;        /* `valid` is that of the one in the crypto table */
    hf_validity valid;  /* zeros: there is none */
    bool asked;         /* RENEW is out on this link */
    uint64_t ask_at_ms; /* monotonic: not before */
    hf_buffer next;     /* DER: came, and its owner has not kept it yet */
    char problem[160];  /* why the last RENEW brought nothing */
} hf_own_certificate;

typedef struct hf_numbering { /* of records: client_references.c */
    bool asked;               /* ASK is out on this link */
    bool due;                 /* half of some block is used, or there is none */
    bool told;                /* a station: what we have, on this link */
    bool giving;              /* records may wait for a number that we have */
    uint64_t ask_at_ms;       /* monotonic: not before */
    uint64_t looked;          /* the store's count of moves when `due` was looked up */
} hf_numbering;
typedef struct hf_probing {             /* on this link */
    uint64_t number;                    /* of the newest PROBE */
    bool begun;                         /* the session is open, and due_ms is set */
    bool out;                           /* sent, not answered, not missed */
    bool news;                          /* there is something to tell: do not wait */
    unsigned missed;                    /* in a row */
    uint64_t sent_ms, due_ms, heard_ms; /* monotonic */
    uint64_t told_up_to_ms;             /* outages in it, by their last contact */
    uint64_t free_mib;                  /* room on our disk, as last measured */
} hf_probing;

typedef struct hf_known { /* an origin that the hub named on this connection */
    uint32_t index;
    bool fresh; /* in the open batch: gone again if that is undone */
    const hf_origin_row *row;
} hf_known;

typedef struct hf_client_relays {  /* client_relay.c */
    bool on;                       /* we are a station's upstream */
    const hf_origin_row **origins; /* whose entries go up; index: HF_HELLO_ORIGINS_MAX + place */
    size_t count, capacity;
    size_t named;    /* ORIGIN went up for the first so many, on this link */
    uint64_t number; /* newest head of theirs that was looked at */
    uint64_t filled; /* hf_relay_filled, as it was then */
    bool begun;      /* what is to be asked on this link is known */
    bool control_came;
    bool centre_lost; /* it was set back, and what it said of others' logs is void */
    hf_buffer told;   /* logs of which the centre has more, to be told: hf_relay_log in a row */
    hf_buffer asks;   /* indices of logs in the upload: how far has the centre those? */
    size_t asked;     /* bytes of them that went out */
    hf_buffer doubts; /* hf_relay_log in a row: fed behind a gap, to be asked about */
    hf_buffer mute;   /* ... and those that no head is here for yet, without which nobody can ask */
    bool heads_came;  /* some may be asked about now */
    hf_buffer fresh;  /* logs acknowledged on this link, in a row ... */
    hf_buffer before; /* ... and before it, past our place in the feed: they are asked after */
    bool counts_fed;  /* what is fed is noted: we are a station, or have met one */
    bool looked;      /* ... and whether we have is known */
    const hf_origin_row *run_origin; /* the run of a log that is being fed: acknowledged by it */
    uint8_t run_lane;
    uint64_t run_seq;
    uint64_t run_acked, run_entries; /* as it began; of the run, above that */
    hf_buffer withheld;              /* items of the RELAY being written */
    hf_buffer wishes;                /* keys whose certificates are due, in a row: RENEW_FOR */
    hf_buffer receipt_wishes, number_wishes; /* client_wish.c: RECEIPT_FOR, ASK_FOR */
    hf_buffer receipted;                     /* hf_relay_log: of these, the centre signed more */
} hf_client_relays;

enum { HF_WISHES_MAX = 4 * HF_LACK_LOGS_MAX };

struct hf_client {
    hf_store *store;
    char implementation[HF_TEXT_MAX + 1];
    hf_deflater *deflater;
    hf_session session;
    hf_inbox inbox;

    const hf_origin_row *own[HF_HELLO_ORIGINS_MAX]; /* as in our HELLO */
    size_t own_count;
    hf_upload upload;
    uint64_t looked_position; /* of the feed: up to there the upload knows what we wrote */
    bool former_came;         /* something that a former life of ours wrote, since it looked */
    hf_own_certificate certificate;
    hf_client_relays relays;
    bool former_new;  /* WELCOME named hubs whose word counts no more, and we did not know it */
    bool centre_void; /* what this station says of the centre is by a word that no longer counts */
    bool hub_known;   /* by its certificate: */
    hf_certificate hub;
    hf_numbering numbering;
    hf_probing probing;
    hf_carrier carrier;

    hf_download download;
    hf_fetch fetch;
    hf_wish wishes[HF_WISHES_MAX]; /* what the hub asked of us and was not answered yet */
    size_t wish_count;
    uint64_t fell_back; /* entries that the hub had acknowledged and does not hold: at WELCOME */

    hf_known *known; /* ascending by index */
    size_t known_count, known_capacity;
    uint64_t fed_acked; /* position of our last FEED_ACK; before START: what our last TAKEN said */
    bool resuming;      /* what HELLO said: */
    hf_cursor resume;
    hf_buffer
        named; /* hf_relay_log in a row: what HELLO named as had elsewhere, or the last VECTOR */
    bool postponed;   /* planted mistakes only: what came is applied a turn late */
    uint64_t claimed; /* planted mistakes only: position acknowledged before its time */

    uint64_t hello_at_ms, welcome_at_ms, wall_now_ms, wall_ms; /* wall_ms stood at wall_now_ms */
    hf_hub_time hub_time;
    bool renewed, looked; /* looked: for a renewal that a former run began */
    char notice[160];

    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    hf_buffer inflated, raw, items, hashes,
        sealed; /* items: of a list in the frame being written */
};

/* ---- client_apply.c ---- */
/* Applies everything in the inbox, in one batch. A frame that turns out bad fails the session; what
 * came before it still counts. Not HF_OK: nothing counts. */
HF_MUST_CHECK hf_status hf_client_apply(hf_client *client);
/* Unix time as the hub tells it, where it has: what is written must not follow a wrong clock. */
uint64_t hf_client_true_ms(const hf_client *client);

/* ---- client_snapshot.c ---- */
void hf_client_fetch_drop(hf_client *client); /* the link is gone; what is staged stays */
/* What HELLO says we can do and need. */
HF_MUST_CHECK hf_status hf_client_capabilities(hf_client *client, uint64_t *out);
/* WELCOME promised an OFFER, or not: remembered until it is loaded. */
HF_MUST_CHECK hf_status hf_client_expect_snapshot(hf_client *client, bool expected);
HF_MUST_CHECK hf_status hf_client_on_offer(hf_client *client, hf_batch *batch,
                                           const hf_offer *offer);
HF_MUST_CHECK hf_status hf_client_on_chunk(hf_client *client, hf_batch *batch,
                                           const hf_chunk_frame *chunk);
/* The scopes that are not in the snapshot are here: on with it, or with the feed. */
HF_MUST_CHECK hf_status hf_client_vectors_done(hf_client *client, hf_batch *batch);
/* The next scope to be asked for by its vector, from scope_at on; false: none. */
bool hf_client_next_scope(hf_download *download);
void hf_client_write_want(hf_client *client); /* nothing to ask for: writes nothing */

/* ---- client_send.c ---- */
/* Writes the next frame of ours into client->raw; empty when there is none. */
HF_MUST_CHECK hf_status hf_client_write(hf_client *client, uint64_t now_ms);

/* ---- client_greet.c ---- */
HF_MUST_CHECK hf_status hf_client_write_hello(hf_client *client, uint64_t now_ms);
/* What HELLO named, the hub has, too: where its bit is set. */
/* Of this log the hub will say whether it has as much: HAD, VECTOR_DONE. */
void hf_client_name(hf_client *client, int64_t origin_no, uint8_t lane, uint64_t seq);
HF_MUST_CHECK hf_status hf_client_on_had(hf_client *client, hf_batch *batch, hf_bytes bits);
HF_MUST_CHECK hf_status hf_client_on_welcome(hf_client *client, hf_batch *batch,
                                             const hf_welcome *welcome);
/* Once WELCOME is committed: the upload starts from what the hub says it has. */
HF_MUST_CHECK hf_status hf_client_begin_upload(hf_client *client, const hf_welcome *welcome);
/* What came of former lives may have closed a gap: what is behind it may go now. */
HF_MUST_CHECK hf_status hf_client_look_at_formers(hf_client *client);
/* Remembers that an own, forked log is never to be sent again. */
HF_MUST_CHECK hf_status hf_client_leave(hf_store *store, const hf_origin_id *origin);
HF_MUST_CHECK hf_status hf_client_has_left(hf_store *store, const hf_origin_id *origin, bool *has);
/* Where we are with heads, both ways: in the batch of the frame that says so. */
HF_MUST_CHECK hf_status hf_client_keep_heads(hf_client *client);

/* ---- client_hubs.c ---- */
/* HELLO; or to a hub that takes itself for the centre, the list by which another is. */
HF_MUST_CHECK hf_status hf_client_greet(hf_client *client, uint64_t now_ms);
/* A list that the hub shows us: kept at once, since the hub is about to leave. */
HF_MUST_CHECK hf_status hf_client_on_hubs(hf_client *client, hf_bytes signed_list);

/* ---- client_former.c ---- */
/* In WELCOME's batch: whose word no longer counts, by what it names. */
HF_MUST_CHECK hf_status hf_client_take_former(hf_client *client, hf_batch *batch,
                                              const hf_welcome *welcome);
/* Of a log of ours the hub says how far it has it: nothing that it ever said counts above that. */
HF_MUST_CHECK hf_status hf_client_fall_back(hf_client *client, hf_batch *batch,
                                            const hf_welcome *welcome, const hf_yours *yours);

/* ---- client_relay.c ---- */
void hf_client_relays_free(hf_client *client);
void hf_client_relays_link(hf_client *client); /* a new link: nobody is named on it */
/* Whose log that is, as RELAY and ACK name it on this link; NULL: nobody's. */
const hf_origin_row *hf_client_relayed_origin(const hf_client *client, uint32_t index);
/* The place among those whose entries go up; a new one for who had none. HF_ERR_LIMIT: too many. */
HF_MUST_CHECK hf_status hf_client_relay_place(hf_client *client, int64_t origin_no, size_t *out);
HF_MUST_CHECK hf_status hf_client_write_author(hf_client *client);
/* What came to be relayable since the last look. */
HF_MUST_CHECK hf_status hf_client_relays_look(hf_client *client);
/* The next frame for `next`, which the upload chose; none when it has to wait. */
HF_MUST_CHECK hf_status hf_client_write_asks(hf_client *client);
HF_MUST_CHECK hf_status hf_client_write_relay(hf_client *client, const hf_upload_next *next);
HF_MUST_CHECK hf_status hf_client_relay_acked(hf_client *client, hf_batch *batch,
                                              const hf_acked *acked);
/* The hub does not believe what we relayed of a log: all else goes on. */
void hf_client_relay_refused(hf_client *client, const hf_notice *notice, uint64_t stamp_ms);
/* The hub feeds this entry, so it has the log as far. NULL: the frame ends. */
HF_MUST_CHECK hf_status hf_client_relay_fed(hf_client *client, hf_batch *batch,
                                            const hf_origin_row *origin, uint8_t lane,
                                            uint64_t seq);
/* Two branches of one log met: the one that we hold stands here. Was that known? */
HF_MUST_CHECK hf_status hf_client_relay_forked(hf_client *client, const hf_origin_row *origin,
                                               const hf_applied_entry *applied, bool *pass_over);

/* ---- client_wish.c ---- */
/* Visits each hf_relay_log in a row, and forgets them, told or not. */
HF_MUST_CHECK hf_status hf_client_tell(hf_buffer *logs, hf_relay_visitor visit, void *context);
HF_MUST_CHECK hf_status hf_client_write_wish(hf_client *client); /* the next, if there is one */
/* The centre signed for more of this log: it is to be passed on. */
HF_MUST_CHECK hf_status hf_client_receipted(hf_client *client, int64_t origin_no, uint8_t lane);

/* ---- client_certificate.c ---- */
void hf_client_certificate_link(hf_client *client); /* a new link: what was asked is forgotten */
/* When RENEW is to be sent, by the monotonic clock; UINT64_MAX: not as things stand. */
uint64_t hf_client_renewal_at_ms(hf_client *client);
void hf_client_write_renew(hf_client *client);
HF_MUST_CHECK hf_status hf_client_on_certificate(hf_client *client,
                                                 const hf_certificate_frame *frame);

/* ---- client_references.c ---- */
void hf_client_references_link(hf_client *client); /* a new link: what was asked is forgotten */
/* After what came is applied: are numbers to be asked for? Gives those that we have. */
HF_MUST_CHECK hf_status hf_client_references(hf_client *client);
bool hf_client_gives(const hf_client *client); /* the next turn may have numbers to give */
/* When ASK is to be sent, by the monotonic clock; UINT64_MAX: not as things stand. */
uint64_t hf_client_ask_at_ms(const hf_client *client);
HF_MUST_CHECK hf_status hf_client_write_ask(hf_client *client);
HF_MUST_CHECK hf_status hf_client_on_lease(hf_client *client, hf_batch *batch,
                                           const hf_list *leased);
void hf_client_lease_settled(hf_client *client); /* it is committed */
/* ---- client_probe.c ---- */
void hf_client_probe_link(hf_client *client); /* a new link: nothing is out */
void hf_client_probe_heard(hf_client *client, uint64_t now_ms);
void hf_client_probe_tick(hf_client *client, uint64_t now_ms);
uint64_t hf_client_probe_took_ms(const hf_client *client, uint64_t number, uint64_t now_ms);
bool hf_client_probe_due(const hf_client *client, uint64_t now_ms);
uint64_t hf_client_probe_at_ms(const hf_client *client); /* monotonic; UINT64_MAX: none is due */
HF_MUST_CHECK hf_status hf_client_write_probe(hf_client *client, uint64_t now_ms);
HF_MUST_CHECK hf_status hf_client_on_probed(hf_client *client,
                                            const hf_probe_frame *probed); /* in the batch */
void hf_client_probed(hf_client *client, uint64_t number); /* ... which is committed */

/* ---- client_renew.c ---- */
/* Mints a new incarnation and, after a fork, writes again under it what no hub is known to hold. */
HF_MUST_CHECK hf_status hf_client_renew(hf_client *client);
/* Goes on with what a power cut interrupted; nothing to do: HF_OK. */
HF_MUST_CHECK hf_status hf_client_renew_on(hf_client *client);

#endif
