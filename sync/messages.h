/* messages.h: each frame of protocol.md 4 as a struct, read from and written to strict CBOR.
 *
 * Why one shape for both ways: what is read can be written again to the same bytes, which is
 * what the frozen vectors in tests/vectors prove. Lists stay encoded in the frame and are walked
 * item by item, so that reading a frame allocates nothing however much it claims to hold. */
#ifndef HF_MESSAGES_H
#define HF_MESSAGES_H

#include "receipt.h"
#include "apply.h"
#include "outage.h"
#include "snapshot.h"

typedef enum hf_frame_type {                    /* wire format */
                             HF_FRAME_NONE = 0, /* of an unknown type that may be ignored */
                             HF_FRAME_HELLO = 1,
                             HF_FRAME_WELCOME = 2,
                             HF_FRAME_VECTOR = 3,
                             HF_FRAME_ENTRIES = 4,
                             HF_FRAME_VECTOR_DONE = 5,
                             HF_FRAME_START = 6,
                             HF_FRAME_ORIGIN = 7,
                             HF_FRAME_LACK = 8,
                             HF_FRAME_REFILL = 9,
                             HF_FRAME_PUSH = 10,
                             HF_FRAME_ACK = 11,
                             HF_FRAME_FEED = 12,
                             HF_FRAME_FEED_ACK = 13,
                             HF_FRAME_HEAD = 14,
                             HF_FRAME_HEADS = 15,
                             HF_FRAME_RENEW = 16,
                             HF_FRAME_CERTIFICATE = 17,
                             HF_FRAME_RELAY = 18,
                             HF_FRAME_RENEW_FOR = 19,
                             HF_FRAME_OFFER = 30,
                             HF_FRAME_WANT = 31,
                             HF_FRAME_CHUNK = 32,
                             HF_FRAME_TAKEN = 33,
                             HF_FRAME_ASK = 36,
                             HF_FRAME_LEASE = 37,
                             HF_FRAME_ASK_FOR = 38,
                             HF_FRAME_RECEIPT = 20,
                             HF_FRAME_RECEIPT_FOR = 21,
                             HF_FRAME_HAD = 24,
                             HF_FRAME_CREDIT = 40,
                             HF_FRAME_HUBS = 41,
                             HF_FRAME_CARRY = 44,
                             HF_FRAME_FETCH = 45,
                             HF_FRAME_PIECE = 46,
                             HF_FRAME_CARRIED = 47,
                             HF_FRAME_PING = 50,
                             HF_FRAME_PONG = 51,
                             HF_FRAME_PROBE = 52,
                             HF_FRAME_PROBED = 53,
                             HF_FRAME_ERROR = 62,
                             HF_FRAME_BYE = 63
} hf_frame_type;

typedef enum hf_resume_verdict { /* WELCOME's verdict: wire format */
                                 HF_RESUME = 0,
                                 HF_VECTORS = 1,
                                 HF_BEHIND = 2,
                                 HF_FORKED = 3,
                                 HF_EXPIRED = 4,  /* upload and RENEW only */
                                 HF_SNAPSHOT = 5, /* an OFFER follows; else as HF_VECTORS */
                                 HF_REFILLING = 6 /* upload and REFILL only */
} hf_resume_verdict;

enum {
    HF_PROTOCOL = 1,
    HF_CODE_VERSION = 100,
    HF_CODE_MALFORMED = 101,
    HF_CODE_LIMIT = 103,
    HF_CODE_TURN = 104,
    HF_CODE_UNKNOWN = 200,
    HF_CODE_EXPIRED = 201,
    HF_CODE_REVOKED = 202,
    HF_CODE_SCOPE = 203,
    HF_CODE_RETIRED = 204,
    HF_CODE_GAP = 300,
    HF_CODE_FORK = 301,
    HF_CODE_CHAIN = 303,
    HF_CODE_SIGNATURE = 304,
    HF_CODE_EPOCH = 305,
    HF_CODE_BUSY = 400,
    HF_CODE_DRILL = 401,
    HF_CODE_FULL = 402,
    HF_CODE_READ_ONLY = 403,
    HF_CODE_INTERNAL = 500,
    HF_REASON_NO_GRANT = 600,
    HF_REASON_LANE = 601,
    HF_REASON_HUB_ONLY = 602,
    HF_REASON_MALFORMED = 603,
    HF_REASON_OPERATOR = 604,
    HF_REASON_CROWDED = 605,
    HF_REASON_POISON = 606,
    HF_REASON_REVOKED = 607,
    HF_REASON_LOST = 608
};
#define HF_POISON_TEXT "applying it ended the program" /* in words, for its verdict or its hole */

/* `count` encoded items, one after the other, without the array's head. A copy of a list is a
 * place in it: the hf_next_ functions take the first item off and answer false at the end. */
typedef struct hf_list {
    hf_bytes items;
    size_t count;
} hf_list;
/* What those are made of: `reader` is opened at the first item, false when there is none; and once
 * that was read, the rest is the list. False when it could not be read: then nothing is left. */
bool hf_list_begin(const hf_list *list, hf_reader *reader);
bool hf_list_end(hf_list *list, const hf_reader *reader);

enum { /* HELLO's capabilities, a sum */
       HF_TAKES_SNAPSHOTS = 8,
       HF_HAS_CHUNKS = 16,     /* was promised one, and has not loaded it */
       HF_NEEDS_SNAPSHOT = 32, /* has state that only another can put right */
       HF_CARRIES = 64         /* takes others' bundles along, and answers to them */
};

typedef struct hf_receipted { /* a log, and how far there is a receipt of it */
    uint32_t origin;          /* index in HELLO, or of an ORIGIN up */
    uint8_t lane;
    uint64_t seq;
} hf_receipted;
typedef struct hf_receipt_reach { /* how far one hub's receipts are held */
    bool set;                     /* false: null on the wire, or left out */
    hf_origin_id hub;
    hf_list logs; /* hf_next_receipted */
} hf_receipt_reach;

typedef struct hf_hello {
    uint32_t protocol_min, protocol_max;
    hf_bytes implementation; /* text */
    hf_list origins;         /* hf_next_claim */
    uint32_t pack_version;
    bool resuming; /* false: resume is null on the wire */
    hf_cursor resume;
    uint64_t wall_ms;
    uint64_t heads;            /* of this hub's, held up to this number */
    hf_receipt_reach receipts; /* this hub's; set false: it wants none */
    uint64_t capabilities;     /* 0 where HELLO ends before it */
    hf_receipt_reach passed;   /* the centre's, to a station, which passes them on */
    hf_list elsewhere;         /* hf_next_elsewhere: what it had of other hubs meanwhile */
} hf_hello;
enum { HF_ELSEWHERE_GROUP = 32, HF_ELSEWHERE_CHECK = 8 };
typedef struct hf_elsewhere { /* some logs of one scope, and how far they are held whole */
    uint32_t scope;
    hf_bytes origins, lanes; /* of each log the first 4 bytes of its origin; its lane */
    hf_list seqs, heads;     /* encoded; of a head's seq, how much above the log's, plus 1 */
    uint8_t check[HF_ELSEWHERE_CHECK]; /* over the whole names */
} hf_elsewhere;
bool hf_next_elsewhere(hf_list *list, hf_elsewhere *out);
typedef struct hf_claim { /* an incarnation of the device and how far it has its logs */
    uint8_t incarnation[HF_INCARNATION_SIZE];
    hf_list logs; /* hf_next_claimed_log; lanes ascending */
} hf_claim;
typedef struct hf_claimed_log {
    uint8_t lane;
    uint64_t seq;
    uint8_t chain[HF_HASH_SIZE];
} hf_claimed_log;
bool hf_next_claim(hf_list *list, hf_claim *out);
bool hf_next_receipted(hf_list *list, hf_receipted *out);
bool hf_next_claimed_log(hf_list *list, hf_claimed_log *out);

typedef struct hf_welcome {
    uint32_t protocol;
    hf_bytes implementation;
    hf_origin_id hub;
    uint8_t epoch[16];
    uint64_t position;
    uint8_t chain[16]; /* of the feed, at position */
    uint64_t wall_ms;
    hf_list yours;   /* hf_next_yours */
    hf_list scopes;  /* hf_next_scope */
    uint8_t verdict; /* hf_resume_verdict */
    uint32_t window_entries, window_bytes;
    uint32_t pack_version;
    hf_list former; /* hf_next_origin_id; the hub's names before this one, and its centre's */
    bool has_centre;
    hf_origin_id centre; /* of a station: by whose word `central` is */
} hf_welcome;
enum { HF_FORMER_MAX = 64 };
bool hf_next_origin_id(hf_list *list, hf_origin_id *out);
typedef struct hf_yours { /* how far the hub has one of the client's logs */
    uint8_t origin;       /* index in HELLO */
    uint8_t lane;
    uint64_t durable, central;
    uint8_t chain[HF_HASH_SIZE]; /* of the hub's entry at durable; zeros: it has a hole there */
} hf_yours;
typedef struct hf_scope_item {
    uint32_t number;
    hf_bytes name;
    bool may_write;
} hf_scope_item;
bool hf_next_yours(hf_list *list, hf_yours *out);
bool hf_next_scope(hf_list *list, hf_scope_item *out);

typedef struct hf_log_name { /* one end of a range; !set: null, the open end */
    bool set;
    hf_origin_id origin;
    uint8_t lane;
} hf_log_name;
int hf_log_name_compare(const hf_log_name *a, const hf_log_name *b); /* both set */
typedef struct hf_vector {
    uint32_t scope;
    hf_log_name from, to;
    hf_list logs;  /* hf_next_held, ascending, inside (from, to] */
    hf_list heads; /* encoded, one for each log, as in hf_elsewhere; or none */
} hf_vector;
typedef struct hf_held {
    hf_log_name log;
    uint64_t seq;
} hf_held;
bool hf_next_held(hf_list *list, hf_held *out);

typedef struct hf_lack { /* of these logs the hub lacks, in this scope, what comes after `seq` */
    uint32_t scope;
    hf_list logs; /* hf_next_held */
} hf_lack;
enum { HF_LACK_LOGS_MAX = 16 }; /* and at most so many are out in one session */

/* Entries of another's log, and why they are believed: the chain over them and over the hashes of
 * what follows leads to a leaf of a head that their origin signed. */
typedef struct hf_refill {
    hf_origin_id origin;
    uint8_t lane;
    uint32_t scope;
    bool proven; /* false: nothing can be sent; all below is zero */
    uint8_t key_id[HF_HASH_SIZE];
    uint8_t incarnation[HF_INCARNATION_SIZE];
    hf_bytes certificate;
    hf_head head;
    hf_head_leaf leaf;
    hf_list bodies;
    hf_bytes hashes; /* of the entries between the last body and the leaf, one after the other */
} hf_refill;
void hf_write_refill(hf_buffer *out, const hf_refill *refill);

typedef struct hf_vector_done {
    uint32_t scope;
    hf_log_name to;
    hf_bytes had; /* as in HAD, of the logs that VECTOR listed; may be none */
} hf_vector_done;
typedef struct hf_start {
    uint64_t position;
    uint8_t chain[16];
} hf_start;

typedef struct hf_origin_frame {
    uint32_t index;
    uint8_t key_id[HF_HASH_SIZE];
    uint8_t incarnation[HF_INCARNATION_SIZE];
    hf_bytes certificate; /* may be empty */
} hf_origin_frame;

typedef struct hf_push {
    uint8_t origin; /* index in HELLO */
    uint8_t lane;
    hf_list bodies;
} hf_push;
/* From a station: what another wrote, under that author's own signed head. */
typedef struct hf_relay {
    uint32_t origin; /* of an ORIGIN that the station sent on this connection */
    uint8_t lane;
    hf_list bodies;
    hf_list withheld; /* hf_next_seq: of these, those that do not count at the station; ascending */
    hf_head head;     /* over the last body; head.origin is for the reader to fill in */
} hf_relay;
bool hf_next_seq(hf_list *list, uint64_t *out);
typedef struct hf_feed {
    uint64_t from, to;
    uint8_t chain[16]; /* at `to` */
    hf_list runs;      /* of ENTRIES, too: [origin index, lane, [body, ...]] */
} hf_feed;

/* Walks the bodies of a PUSH, or of all the runs of a FEED or ENTRIES, in order. */
typedef struct hf_bodies {
    hf_reader reader;
    size_t runs, left; /* runs after this one; bodies left in this one */
    uint32_t origin;
    uint8_t lane;
    hf_bytes body;
} hf_bodies;
hf_bodies hf_bodies_of_push(const hf_push *push);
hf_bodies hf_bodies_of_relay(const hf_relay *relay);
hf_bodies hf_bodies_of_runs(const hf_list *runs);
hf_bodies hf_bodies_of_refill(const hf_refill *refill);
bool hf_next_body(hf_bodies *walk);

typedef struct hf_ack {
    hf_list logs;    /* hf_next_acked */
    hf_list notices; /* hf_next_notice */
} hf_ack;
typedef struct hf_acked {
    uint32_t origin; /* index in HELLO; from HF_HELLO_ORIGINS_MAX on, of the client's ORIGINs */
    uint8_t lane;
    uint64_t durable, central;
    uint64_t head; /* newest head of this log taken in this session; 0: none */
} hf_acked;
typedef struct hf_notice {
    uint32_t origin; /* as hf_acked's */
    uint8_t lane;
    uint64_t seq;
    uint32_t code;
    hf_bytes text;
} hf_notice;
bool hf_next_acked(hf_list *list, hf_acked *out);
bool hf_next_notice(hf_list *list, hf_notice *out);

typedef struct hf_head_item { /* in HEAD and HEADS: a head whose origin goes by an index */
    uint32_t origin;
    hf_head head;   /* head.origin is for the caller to fill in */
    hf_list leaves; /* HEADS only: hf_next_leaf; `chain` is not sent */
} hf_head_item;
typedef struct hf_heads {
    hf_list heads;   /* hf_next_head */
    uint64_t number; /* of the last one: for the next HELLO */
} hf_heads;
bool hf_next_head(hf_list *list, hf_head_item *out);
bool hf_next_leaf(hf_list *list, hf_head_leaf *out);

typedef struct hf_receipt_frame { /* one signature, and what of it is the device's */
    uint32_t hub;                 /* index of an ORIGIN: who signed */
    uint8_t epoch[16];
    uint64_t time_ms;
    uint8_t signature[HF_SIGNATURE_SIZE];
    hf_list logs; /* hf_next_receipt */
} hf_receipt_frame;
typedef struct hf_receipt_item {
    uint32_t origin;    /* index in HELLO, or of an ORIGIN up */
    hf_receipt receipt; /* log and way alone: the rest is the frame's */
} hf_receipt_item;
bool hf_next_receipt(hf_list *list, hf_receipt_item *out);

typedef struct hf_certificate_frame {
    hf_bytes certificate; /* DER; empty: none, and `text` says why */
    hf_bytes text;
} hf_certificate_frame;

typedef struct hf_offer { /* a snapshot of some scopes, and where the feed goes on after it */
    uint32_t number;      /* from 1, in this session */
    uint64_t position;
    uint8_t chain[16];
    hf_list scopes; /* hf_next_offered, ascending; none: there is no snapshot to be had */
} hf_offer;
typedef struct hf_offered_scope {
    uint32_t scope;
    hf_list chunks; /* hf_next_chunk: of logs, then of records */
} hf_offered_scope;
/* As hf_next_ functions do; a chunk's scope is the caller's to fill in. */
bool hf_next_offered(hf_list *list, hf_offered_scope *out);
bool hf_next_chunk(hf_list *list, hf_chunk_name *out);
typedef struct hf_chunk_frame { /* WANT (without bytes) and CHUNK (without offer) */
    uint32_t offer;
    uint8_t hash[HF_HASH_SIZE];
    uint32_t offset;
    hf_bytes bytes;
} hf_chunk_frame;
typedef struct hf_asked { /* in ASK: numbers are wanted of a series */
    hf_bytes series;
    uint64_t last; /* of the newest block that was leased to this incarnation; 0: none */
} hf_asked;
typedef struct hf_leased { /* in LEASE */
    hf_bytes series;
    uint64_t first, last;
} hf_leased;
typedef struct hf_ask {
    hf_list asked, held; /* hf_next_asked; held: of these none is wanted, a station is told */
} hf_ask;
typedef struct hf_ask_for { /* a station, for one of its devices */
    uint32_t origin;        /* of an ORIGIN up */
    hf_list asked;          /* hf_next_asked */
} hf_ask_for;
bool hf_next_asked(hf_list *list, hf_asked *out);
bool hf_next_leased(hf_list *list, hf_leased *out);

/* In CARRY (all of it) and CARRIED (name and stage): one bundle, as the sender has it. */
typedef struct hf_carried {
    uint8_t id[HF_HASH_SIZE];
    uint8_t station[HF_HASH_SIZE]; /* key id of who sealed it */
    uint8_t stage;                 /* hf_carry_stage */
    uint8_t lane;                  /* the most urgent in it */
    uint32_t size;                 /* bytes, of the bundle or of the answer to it */
} hf_carried;
bool hf_next_carried(hf_list *list, hf_carried *out); /* of CARRY */
bool hf_next_settled(hf_list *list, hf_carried *out); /* of CARRIED */
typedef struct hf_piece {                             /* FETCH (without bytes) and PIECE */
    uint8_t id[HF_HASH_SIZE];
    uint8_t stage;
    uint32_t offset;
    hf_bytes bytes; /* empty: it is not here any more */
} hf_piece;

typedef struct hf_credit {
    uint8_t lane;
    uint32_t entries, bytes;
} hf_credit;
typedef struct hf_pong { /* PING too, without the time */
    uint64_t nonce, wall_ms;
} hf_pong;
typedef struct hf_probe_frame { /* PROBE; of PROBED its number, the hub's wall_ms and `held` */
    uint64_t number;
    uint64_t wall_ms;   /* the device's own clock, uncorrected */
    uint64_t waiting;   /* entries of its own that no hub is known to hold */
    uint64_t oldest_ms; /* when the oldest of them was written; 0: none waits */
    uint64_t free_mib;  /* room on its disk; 0: not known */
    uint32_t pack_version;
    hf_list outages; /* hf_next_outage */
    hf_list windows; /* hf_next_window: ids of planned windows that it knows of */
    bool has_held;
    uint64_t held; /* outages that the hub has from this device */
} hf_probe_frame;
bool hf_next_outage(hf_list *list, hf_outage *out); /* without seer, told, position, unit */
bool hf_next_window(hf_list *list, uint8_t out[HF_RECORD_ID_SIZE]);

typedef struct hf_farewell { /* ERROR and BYE */
    uint32_t code;
    hf_bytes text;           /* ERROR */
    uint64_t retry_after_ms; /* BYE */
} hf_farewell;

typedef struct hf_message {
    uint8_t type;   /* hf_frame_type; NONE: ignore it */
    bool timed;     /* ACK, FEED_ACK and TAKEN: it says when it was made ... */
    uint32_t at_ms; /* ... by its sender's clock, which wraps around */
    union {
        hf_hello hello;
        hf_welcome welcome;
        hf_vector vector;
        hf_feed feed; /* FEED, ENTRIES (runs only) */
        hf_lack lack;
        hf_refill refill;
        hf_vector_done done;
        hf_start start;
        hf_origin_frame origin;
        hf_push push;
        hf_relay relay;
        uint8_t key_id[HF_HASH_SIZE]; /* RENEW_FOR */
        hf_ack ack;
        hf_bytes had;      /* a bit for each log of HELLO's elsewhere: the hub has it as far */
        uint64_t position; /* FEED_ACK; TAKEN: how many frames */
        hf_head_item head;
        hf_heads heads;
        hf_certificate_frame certificate;
        hf_offer offer;
        hf_chunk_frame chunk;
        hf_ask ask;
        hf_ask_for ask_for;
        hf_receipted reach; /* RECEIPT_FOR */
        hf_list leased;     /* LEASE: hf_next_leased */
        hf_receipt_frame receipt;
        hf_list carried; /* CARRY: hf_next_carried; CARRIED: hf_next_settled */
        hf_piece piece;
        hf_credit credit;
        hf_bytes hubs; /* HUBS: a signed list (hubs.h) */
        hf_pong ping;
        hf_probe_frame probe;
        hf_farewell farewell;
    } as;
} hf_message;

/* Reads one frame (already out of its Z). All of it is checked, every list to its end; only what an
 * entry's body holds is left to hf_entry_parse. Borrows from `raw`.
 * Errors: HF_ERR_PROTOCOL (ERROR 101), HF_ERR_LIMIT (ERROR 103). */
HF_MUST_CHECK hf_status hf_message_read(hf_bytes raw, hf_message *out);

/* ---- messages_small.c ---- */
void hf_read_credit(hf_reader *reader, hf_message *out);
void hf_read_hubs(hf_reader *reader, hf_message *out);
void hf_read_ping(hf_reader *reader, hf_message *out);
void hf_read_pong(hf_reader *reader, hf_message *out);
void hf_read_error(hf_reader *reader, hf_message *out);
void hf_read_bye(hf_reader *reader, hf_message *out);
void hf_read_origin(hf_reader *reader, hf_message *out);
void hf_read_certificate(hf_reader *reader, hf_message *out);
void hf_read_renew_for(hf_reader *reader, hf_message *out);
void hf_read_receipt_for(hf_reader *reader, hf_message *out);

/* ---- messages_refill.c ---- */
void hf_read_former(hf_reader *reader, hf_message *out);
void hf_read_centre(hf_reader *reader, hf_message *out);
void hf_read_lack(hf_reader *reader, hf_message *out);
void hf_read_refill(hf_reader *reader, hf_message *out);

/* Appends one frame. An allocation that failed shows in out->status. */
void hf_message_write(hf_buffer *out, const hf_message *message);

/* The items of lists, for frames to be written. */
void hf_write_claim(hf_buffer *out, const hf_claim *claim);
void hf_write_claimed_log(hf_buffer *out, const hf_claimed_log *log);
void hf_write_yours(hf_buffer *out, const hf_yours *yours);
void hf_write_scope_item(hf_buffer *out, const hf_scope_item *scope);
void hf_write_held(hf_buffer *out, const hf_held *held);
void hf_write_acked(hf_buffer *out, const hf_acked *acked);
void hf_write_notice(hf_buffer *out, const hf_notice *notice);
void hf_write_head_item(hf_buffer *out, const hf_head_item *item);
void hf_write_leaf(hf_buffer *out, const hf_head_leaf *leaf);
void hf_write_offered_scope(hf_buffer *out, const hf_offered_scope *scope);
void hf_write_chunk_name(hf_buffer *out, const hf_chunk_name *chunk);

/* messages_snapshot.c, for messages.c and messages_write.c alone: what is behind a frame's type. */
void hf_capabilities_read(hf_reader *reader, hf_message *out);
/* elsewhere.c, for these two alone. */
void hf_read_elsewhere(hf_reader *reader, hf_message *out);
void hf_read_had(hf_reader *reader, hf_message *out);
void hf_read_vector_had(hf_reader *reader, hf_message *out);
void hf_read_vector_heads(hf_reader *reader, hf_message *out);
void hf_read_offer(hf_reader *reader, hf_message *out);
void hf_read_want(hf_reader *reader, hf_message *out);
void hf_read_chunk(hf_reader *reader, hf_message *out);
void hf_write_snapshot_frame(hf_buffer *out, const hf_message *message);
void hf_write_asked(hf_buffer *out, const hf_asked *asked);
void hf_write_leased(hf_buffer *out, const hf_leased *leased);

/* ---- messages_lease.c: for hf_message_read and hf_message_write ---- */
void hf_ask_read(hf_reader *reader, hf_message *out);
void hf_ask_held_read(hf_reader *reader, hf_message *out);
void hf_ask_for_read(hf_reader *reader, hf_message *out);
void hf_lease_read(hf_reader *reader, hf_message *out);
void hf_lease_write(hf_buffer *out, const hf_message *message);
void hf_write_receipted(hf_buffer *out, const hf_receipted *receipted);
void hf_write_receipt_item(hf_buffer *out, const hf_receipt_item *item);
void hf_write_outage(hf_buffer *out, const hf_outage *outage);

/* ---- messages_carry.c: for hf_message_read and hf_message_write ---- */
void hf_carry_read(hf_reader *reader, hf_message *out);
void hf_carried_read(hf_reader *reader, hf_message *out);
void hf_fetch_read(hf_reader *reader, hf_message *out);
void hf_piece_read(hf_reader *reader, hf_message *out);
void hf_carry_write(hf_buffer *out, const hf_message *message);
void hf_write_carried(hf_buffer *out, const hf_carried *item); /* of CARRY */
void hf_write_settled(hf_buffer *out, const hf_carried *item); /* of CARRIED */

/* ---- messages_probe.c: for hf_message_read and hf_message_write ---- */
void hf_probe_read(hf_reader *reader, hf_message *out);
void hf_probed_read(hf_reader *reader, hf_message *out);
void hf_probed_held_read(hf_reader *reader, hf_message *out);
void hf_probe_write(hf_buffer *out, const hf_probe_frame *probe);

/* Collects bodies into runs of one log each. Zero-initialise. */
typedef struct hf_runs {
    hf_buffer done, bodies;
    size_t run_count, body_count; /* finished runs; bodies of the open one */
    size_t total, bytes;          /* over all runs */
    uint32_t origin;
    uint8_t lane;
} hf_runs;
void hf_runs_clear(hf_runs *runs);
void hf_runs_free(hf_runs *runs);
void hf_runs_add(hf_runs *runs, uint32_t origin, uint8_t lane, hf_bytes body);
hf_list hf_runs_end(hf_runs *runs); /* borrowed until the next clear; see runs->done.status */

#endif
