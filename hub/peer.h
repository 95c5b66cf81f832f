/* peer.h: one device's session at the hub, and the hub that all of them share. Inside hub/ only.
 *
 * Why a peer holds so little: a force has tens of thousands of devices, nearly all of them silent
 * at any moment. A silent one costs its place in the feed and nothing else; buffers, the deflater
 * and the inbox are the hub's, and are lent for the length of a call. */
#ifndef HF_HUB_PEER_H
#define HF_HUB_PEER_H

#include "holdfast/hub.h"

#include "sync/carrier.h"
#include "sync/coverage.h"
#include "sync/elsewhere.h"
#include "sync/feed.h"
#include "sync/frame.h"
#include "sync/log.h"
#include "sync/pace.h"
#include "sync/session.h"

typedef struct hf_upstream hf_upstream; /* upstream.h */
typedef struct hf_bundles hf_bundles;   /* bundles.c */

typedef struct hf_peer_log {
    uint64_t held; /* we have the log up to here */
    uint64_t head; /* newest signed head taken in this session; 0: none */
} hf_peer_log;

typedef struct hf_peer_origin { /* one of the incarnations that HELLO named, by its index there */
    int64_t no;
    bool skip;                      /* it writes that itself, or has another branch: not fed */
    uint8_t touched, ack_due;       /* a bit for each lane */
    uint8_t pushed;                 /* ... it sent of in this session: it has all up to `held` */
    hf_peer_log now[HF_LANE_COUNT]; /* with what the open batch adds */
    hf_peer_log durable[HF_LANE_COUNT]; /* committed: what may be said */
    uint8_t receipt_due, pass_due;      /* a bit for each lane */
    uint64_t receipted[HF_LANE_COUNT];  /* signed for, or about to be, up to here */
    uint64_t passed[HF_LANE_COUNT];     /* the device has the centre's receipts up to here */
} hf_peer_origin;

typedef struct hf_peer_relayed { /* one of the authors that a station named: relayed.c */
    hf_peer_origin origin;
    uint64_t sent[HF_LANE_COUNT]; /* the station has the log up to here: not fed to it */
    uint8_t blocked;              /* a bit for each lane: refused once in this session */
    uint8_t gapped, gapped_now;   /* told of a gap: until what comes follows, no more is said */
} hf_peer_relayed;

typedef enum hf_fed { HF_FED_NOT, HF_FED_VECTORS, HF_FED_FEED } hf_fed;

typedef enum hf_issue {
    HF_ISSUE_CERTIFICATE,
    HF_ISSUE_WISHES, /* a station's, for its devices */
    HF_ISSUE_NUMBERS,
    HF_ISSUES
} hf_issue;

typedef enum hf_issuing {
    HF_ISSUING_NONE,
    HF_ISSUING_ASKED,
    HF_ISSUING_STAGED, /* in the open batch */
    HF_ISSUING_DUE     /* on disk: it may be said */
} hf_issuing;

typedef enum hf_peer_snapshot {
    HF_PEER_SNAPSHOT_NOT,      /* it is fed */
    HF_PEER_SNAPSHOT_WAITS,    /* one is being made */
    HF_PEER_SNAPSHOT_DUE,      /* OFFER is */
    HF_PEER_SNAPSHOT_NONE_DUE, /* ... that says there is none */
    HF_PEER_SNAPSHOT_OFFERED
} hf_peer_snapshot;

typedef struct hf_snapshots hf_snapshots; /* snapshots.h */

enum { HF_PEER_WANTED_MAX = 8 };

enum { HF_PEER_MARKS = 4 };

/* What a commit looks at of each peer. One that rests is owed nothing: while it does, `scanned`,
 * `heads` and `heads_looked` stand where the hub's own do, and its own are old. */
typedef struct hf_rest {
    uint64_t marks[HF_PEER_MARKS]; /* of the scopes it holds, a bit each; some share theirs */
    uint64_t until;                /* it rests before the feed is there; 0: it does not */
    hf_peer *peer;
} hf_rest;

struct hf_peer {
    hf_hub *hub;
    void *context;
    hf_peer *next, *previous; /* all peers */
    size_t rest;              /* its place in the hub's list of rests */
    hf_peer *next_in_bucket;  /* of those whose keys begin alike */
    hf_peer *next_ready, *next_paced;
    uint64_t paced_at_ms; /* in the list of those whose link must carry what it has first; 0: not */
    bool ready, starved;  /* in the list of those to be sent to; out of budget this turn */
    hf_session session;
    uint8_t key_id[HF_HASH_SIZE];
    char name[128];
    uint64_t connected_ms;
    hf_validity valid; /* of the certificate that it connected with */
    uint32_t home;
    uint32_t *scopes; /* granted, home and common, ascending */
    size_t scope_count;
    hf_buffer certificate; /* only while HELLO waits to be applied */

    hf_peer_origin *origins;
    size_t origin_count;
    bool is_station;
    bool tells_hubs;          /* it is shown the list of hubs, and let go */
    hf_peer_relayed *relayed; /* by the station's index, from HF_HELLO_ORIGINS_MAX on */
    size_t relayed_count, relayed_durable, relayed_capacity;
    bool greeted, hello_durable; /* HELLO is applied; and committed, so WELCOME is due */
    hf_resume_verdict verdict;

    uint32_t queued_entries[HF_LANE_COUNT], queued_bytes[HF_LANE_COUNT]; /* not yet applied */
    size_t queued_size;     /* memory of all its frames in backlog and inbox */
    uint64_t settled_ms;    /* when what it sent was last committed */
    uint64_t share_turn;    /* in which the next two were counted */
    uint32_t share_used;    /* of the turn's work; ... */
    uint8_t share_waits;    /* ... lanes of which a frame waits for the next turn, a bit each, and
                             * that of HF_LANE_COUNT: a frame of none, for which all wait */
    uint64_t withheld_turn; /* the last in which an entry of it was withheld */
    bool had_withheld;      /* that was the last in which any of its frames was applied */
    uint32_t allowance;     /* work that it may still have applied while others send, ... */
    uint64_t allowance_ms;  /* ... at this time */
    hf_buffer notices;      /* encoded items */
    size_t notice_count, notices_durable, notices_durable_size;

    hf_carrier carrier;
    bool linkless;       /* it stands for a bundle that was opened: nothing is said to it */
    hf_buffer renew_for; /* a station's wishes for its devices: keys, in a row */
    bool wants_receipts;
    bool receipt_waits;      /* in the hub's list of those that are due one */
    hf_peer *next_receipt;   /* ... the next in it */
    hf_buffer receipt;       /* signed, and to be sent: the raw frame; empty: none */
    hf_origin_id passed_hub; /* at a station: whose receipts origins[].passed is about */
    bool passes;             /* ... and one of them is due */

    hf_issuing issues[HF_ISSUES];
    uint64_t renewal_asked_ms; /* 0: not in this session */
    hf_buffer renewed;         /* what CERTIFICATE will say; empty: `renewal_problem` */
    const char *renewal_problem;
    bool renewal_waits; /* at a station: until the centre has issued it */

    hf_buffer asked;         /* the ASK that waits, raw; at a station the last one */
    hf_buffer leased;        /* items of the LEASE that answers it, ... */
    size_t leased_count;     /* ... and how many they are */
    char implementation[48]; /* as HELLO said */
    uint64_t probe, probed;  /* newest PROBE in the batch; durable, so it may be answered */
    bool counted;            /* it was told how many outages we have from it */
    uint64_t told_at_ms;     /* monotonic: when what it told of itself was last written down */
    bool told_synced;        /* ... and it was in sync then */

    hf_fed fed;
    uint64_t announced; /* WELCOME's position */
    uint8_t announced_chain[16];
    uint64_t scanned, told, acked; /* looked at up to; sent; durable at the device: positions.
                                    * Before it is fed, the last two count ENTRIES and CHUNKs */
    bool at_end;                   /* nothing for it after `scanned`, as of the last look */
    struct {
        uint64_t to;
        uint32_t bytes;
        hf_pace_mark mark; /* size 0: not yet on the wire */
    } flights[HF_FEED_FRAMES_MAX];
    size_t first_flight, flight_count, flight_bytes;
    hf_pace pace;          /* of the way down */
    uint64_t heads;        /* sent up to this acceptance number */
    bool heads_passed;     /* ... some it had elsewhere, and has not been told the number */
    uint64_t heads_looked; /* hub's count of accepted heads at the last look */
    uint8_t *named;        /* bit per origin number: ORIGIN was sent */
    size_t named_size;
    int64_t wanted[HF_PEER_WANTED_MAX]; /* ORIGINs to be sent before more is fed */
    size_t wanted_count;
    hf_had *had;            /* what it had elsewhere, so far as that matters yet; may be NULL */
    hf_buffer had_bits;     /* of HAD, which is due; empty: it is not */
    struct hf_ahead *ahead; /* what it holds and we lack: refill.c */
    size_t ahead_count, asked_count;
    hf_buffer vector;      /* the VECTOR being answered, raw; empty: none */
    hf_log_name vector_at; /* answered up to here */
    uint64_t vector_seq;   /* ... and in the log after it, up to this seq; 0: not begun */
    hf_peer_snapshot snapshot;
    bool snapshot_needed, offered;
    uint64_t snapshot_turn;                 /* in which it began to wait */
    uint64_t snapshot_from, offer_position; /* HELLO's place; where the feed goes on */
    uint8_t offer_chain[16];
    uint32_t offers; /* made to it in this session */
    struct {
        uint8_t hash[HF_HASH_SIZE];
        uint32_t sent;
    } wants[HF_SNAPSHOT_WANTS_MAX];
    size_t want_count;
    unsigned budget; /* frames it may still send in the turn `budget_turn` */
    uint64_t budget_turn;
};

typedef struct hf_receipt_point { /* a log as it stands on disk: to be signed for */
    hf_peer *peer;
    size_t origin; /* as hf_peer_origin_at has it */
    uint8_t lane;
    uint64_t seq;
    uint8_t root[HF_HASH_SIZE];
} hf_receipt_point;
typedef struct hf_pulse { /* pulse.c */
    bool on;              /* hf_hub_begin was called */
    bool failed;          /* the last beat did not come to the disk */
    uint64_t at_ms;       /* monotonic: of the last beat */
    uint64_t position;    /* of the feed then */
    char unit[64];        /* a drill refuses it ... */
    uint64_t until_ms;    /* ... until then, Unix time; 0: there is none */
    bool undated;         /* when it was away last could not be told when it began: */
    hf_outage away;       /* ... that one; its logs are none */
    uint64_t died_ms;     /* by its last beat, which is still to come */
    uint64_t began_ms;    /* monotonic */
} hf_pulse;

enum { HF_HUB_TOUCHED_MAX = 64 };
typedef struct hf_scope_list {
    uint32_t scopes[HF_HUB_TOUCHED_MAX];
    size_t count; /* above the maximum: too many to list */
} hf_scope_list;

typedef struct hf_spent { /* what a session left of its allowance */
    uint8_t key_id[HF_HASH_SIZE];
    uint32_t allowance;
    uint64_t at_ms;
} hf_spent;

struct hf_hub {
    hf_store *store;
    const hf_authority *authority; /* NULL: no certificate is renewed here */
    hf_upstream *upstream;         /* NULL: this is the centre, unless it is retired */
    hf_bundles *bundles;
    bool retired; /* another is the centre by now: nobody is served */
    char implementation[HF_TEXT_MAX + 1];
    uint32_t peers_max, peer_count;
    hf_peer *peers;
    hf_peer **buckets;   /* peers by key: each link asks whether its device has another */
    size_t bucket_count; /* a power of two */
    hf_peer *ready_first, *ready_last;
    hf_peer *paced;       /* their list */
    uint64_t paced_at_ms; /* the first of them is to be woken then; UINT64_MAX: there is none */
    hf_inbox backlog;     /* what came; backlog.h says when a turn takes it into ... */
    hf_inbox inbox;       /* ... what the present turn applies */
    uint64_t backlog_ms;  /* nothing of the backlog can go sooner */
    size_t inbox_entries;
    hf_spent spent[HF_SPENT_KEPT]; /* of those whose sessions ended last, by their keys */
    size_t issues[HF_ISSUES];      /* peers that wait for theirs */
    uint64_t wish_at_ms;     /* at a station: what its devices lack by then is wished for again */
    hf_peer *receipt_first;  /* peers that are due one */
    uint64_t receipts_at_ms; /* when the next signature may be; UINT64_MAX: none is due */
    uint64_t receipts_signed_ms;
    hf_receipt_point *points; /* room for HF_RECEIPT_LOGS_MAX; NULL before the first */
    size_t point_count;
    const hf_peer *light;     /* the last who had something to be applied and sends little; ... */
    uint64_t light_ms;        /* ... when; 0: never */
    uint64_t other_light_ms;  /* the same of the last other one */
    uint64_t now_ms, wall_ms; /* of the last turn */
    uint64_t turn;            /* counts turns */
    uint64_t timers_at_ms;    /* no session has a deadline before */
    uint64_t retry_at_ms;     /* the store failed (disk full): no haste before; 0: fine */
    hf_rest *rests;           /* peer_count of them */
    size_t rest_capacity;
    uint64_t position;     /* of the feed, when peers were last woken */
    hf_scope_list touched; /* scopes that the open batch added entries to */
    hf_scope_list headed;  /* scopes that its heads cover */
    uint64_t heads_taken;  /* heads accepted since we run */
    uint64_t heads_woken;  /* ... when peers were last woken, ... */
    uint64_t heads_newest; /* ... and the newest's acceptance number then */
    hf_pulse pulse;
    uint64_t own_head_seq, own_head_at_ms; /* newest head over our own control log */
    bool starved;                          /* some peer ran out of budget: turn again soon */
    uint64_t refused;            /* relayed entries, or heads of them, that were not true */
    char refusal[200];           /* the newest of these */
    uint64_t postponed_until_ms; /* planted mistakes only: what came waits; 0: not */
    hf_snapshots *snapshots;
    bool plain;         /* what is in `raw` is packed already */
    uint64_t hubs_gone; /* hf_hubs_gone_changes that was acted on */
    bool set_back;      /* a device brought a control entry of ours that we do not have */
    struct {
        const hf_peer *peer;
        hf_report log;
    } asked[HF_REFILL_ASKED_MAX]; /* logs being asked for, in all sessions */
    size_t asked_count;
    size_t had_count;  /* over all sessions */
    uint64_t refilled; /* entries that devices brought of others', since we run */
    hf_deflater *deflater;
    hf_buffer inflated, raw, items, sealed, bytes; /* lent to whoever is being served */
    hf_runs runs;
};

/* ---- peer.c ---- */
void hf_hub_touch(hf_scope_list *list, uint32_t scope); /* who holds it has something to look for */
void hf_peer_reset_staged(hf_peer *peer);               /* the batch was undone */
void hf_peer_settle(hf_peer *peer); /* ... or is on disk: what it held may be said */
void hf_peer_wake(hf_peer *peer);   /* has, or may have, something to send */
bool hf_peer_holds(const hf_peer *peer, uint32_t scope);
/* Frames that move only this session's own state; *queue: the frame needs the batch instead. */
HF_MUST_CHECK hf_status hf_peer_on_frame(hf_peer *peer, const hf_message *message, hf_bytes raw,
                                         uint64_t now_ms, bool *queue);
void hf_peer_write_ack(hf_peer *peer, hf_buffer *raw);
/* By the index that frames have: of HELLO, or of an ORIGIN up. NULL: none was named by it. */
hf_peer_origin *hf_peer_origin_at(hf_peer *peer, size_t index);
/* How far the centre has a log of which we hold up to `held`. */
HF_MUST_CHECK hf_status hf_peer_central(hf_hub *hub, int64_t origin_no, uint8_t lane, uint64_t held,
                                        uint64_t *out);

/* ---- devices.c ---- */
void hf_peer_revoked(hf_peer *peer); /* its session ends */

/* ---- hubs.c ---- */
/* Who is the centre by the list of hubs? Asked when it may be another. */
HF_MUST_CHECK hf_status hf_hub_look_retired(hf_hub *hub);
/* What a hub serves may be another: our list is signed anew, if it says so. */
HF_MUST_CHECK hf_status hf_hub_refresh_hubs(hf_hub *hub, uint64_t wall_ms);
/* New scopes: who holds every one comes back for it, and is listed for it. */
HF_MUST_CHECK hf_status hf_hub_scopes_made(hf_hub *hub, uint64_t wall_ms);
HF_MUST_CHECK hf_status hf_hub_on_hubs(hf_peer *peer, hf_bytes signed_list);
/* The list that we go by, and good-bye. */
HF_MUST_CHECK hf_status hf_peer_write_hubs(hf_peer *peer, hf_buffer *raw);

/* ---- hub.c ---- */
/* A station's session without a link: what comes of it is taken as if it had one. */
HF_MUST_CHECK hf_status hf_peer_new_linkless(hf_hub *hub, const hf_device *station, hf_peer **out);
void hf_peer_free_linkless(hf_peer *peer);
void hf_hub_part(hf_hub *hub);      /* every session is told to go, and to come back at once */
void hf_hub_look_gone(hf_hub *hub); /* ... so when a station was revoked */

/* ---- issuing.c ---- */
bool hf_issue_ask(hf_peer *peer, hf_issue issue); /* false: it has asked already */
void hf_issues_forget(hf_peer *peer);             /* its link is gone */
bool hf_issues_wait(const hf_hub *hub);           /* anyone's */
/* Answers at most so many of those that wait, in one transaction of its own. */
HF_MUST_CHECK hf_status hf_issue_turn(hf_hub *hub, hf_issue issue, size_t most, size_t entries_each,
                                      hf_status (*answer)(hf_peer *peer, hf_batch *batch));
bool hf_issue_due(hf_peer *peer, hf_issue issue); /* it is said now: once */

/* ---- renew.c ---- */
HF_MUST_CHECK hf_status hf_peer_on_renew(hf_peer *peer, uint64_t now_ms);
/* A station's wishes for its devices: the same, and nothing is said of them. */
HF_MUST_CHECK hf_status hf_peer_on_renew_for(hf_peer *peer, const uint8_t key_id[HF_HASH_SIZE]);
void hf_peer_drop_wishes(hf_peer *peer); /* those that are answered; the rest wait again */
/* Answers some of those that wait, in one transaction of its own. */
HF_MUST_CHECK hf_status hf_renew_turn(hf_hub *hub);
void hf_renew_again(hf_hub *hub); /* a station: what the centre was asked for may be here now */
void hf_peer_write_certificate(hf_peer *peer, hf_buffer *raw);

/* ---- leasing.c ---- */
HF_MUST_CHECK hf_status hf_peer_on_ask(hf_peer *peer, hf_bytes raw);
/* Answers some of those that wait, in one transaction of its own. */
HF_MUST_CHECK hf_status hf_leasing_turn(hf_hub *hub);
void hf_peer_write_lease(hf_peer *peer, hf_buffer *raw);
/* At a station: is there a block in stock for the device, of each series that it has told of? Else
 * one is wished for. */
HF_MUST_CHECK hf_status hf_leasing_look(hf_peer *peer);
/* At the centre, in the open batch: a station's wish for one of its devices. */
HF_MUST_CHECK hf_status hf_leasing_for(hf_peer *station, hf_batch *batch, const hf_ask_for *ask);
/* ---- receipts.c ---- */
void hf_receipts_due(hf_peer *peer, size_t origin, uint8_t lane); /* more of it is on disk */
void hf_receipts_forget(hf_peer *peer);                           /* its link is gone */
/* After a commit: notes what a long upload has reached, and signs when it is time. */
HF_MUST_CHECK hf_status hf_receipts_turn(hf_hub *hub);
uint64_t hf_receipts_deadline_ms(const hf_hub *hub);
void hf_peer_write_receipt(hf_peer *peer, hf_buffer *raw);
/* ---- passing.c: at a station ---- */
/* Which receipts by the centre the device lacks: those that are here are sent, others wished for.
 */
HF_MUST_CHECK hf_status hf_passing_look(hf_peer *peer);
/* The same of one log. */
HF_MUST_CHECK hf_status hf_passing_look_at(hf_peer *peer, int64_t origin_no, uint8_t lane);
HF_MUST_CHECK hf_status hf_peer_write_passed(hf_peer *peer, hf_buffer *raw);

/* ---- probe.c ---- */
HF_MUST_CHECK hf_status hf_peer_probe(hf_peer *peer,
                                      const hf_probe_frame *probe); /* in the batch */
void hf_peer_write_probed(hf_peer *peer, uint64_t wall_ms, hf_buffer *raw);

/* ---- bundles.c ---- */
HF_MUST_CHECK hf_status hf_bundles_new(hf_bundles **out);
void hf_bundles_free(hf_hub *hub);
/* A station that is cut off seals what waits, and reads answers; the centre opens what came, and
 * answers what was in it. Before the turn's frames are taken. */
HF_MUST_CHECK hf_status hf_bundles_turn(hf_hub *hub);
uint64_t hf_bundles_deadline_ms(const hf_hub *hub);

/* ---- pulse.c ---- */
HF_MUST_CHECK hf_status hf_pulse_load(hf_hub *hub);
HF_MUST_CHECK hf_status hf_pulse_turn(hf_hub *hub);
uint64_t hf_pulse_deadline_ms(const hf_hub *hub);
/* Where the unit is refused on purpose the session ends with BYE. */
void hf_pulse_refuse(hf_hub *hub, hf_peer *peer, const char *unit);

/* ---- greet.c ---- */
HF_MUST_CHECK hf_status hf_peer_find_certificate(hf_peer *peer);
HF_MUST_CHECK hf_status hf_peer_greet(hf_peer *peer, const hf_hello *hello);
HF_MUST_CHECK hf_status hf_peer_write_welcome(hf_peer *peer, hf_buffer *raw);

#endif
