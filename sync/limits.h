/* limits.h: every bound in the system, what happens at it, and how the bounds relate.
 *
 * A bound that a peer can hit closes that peer's session with ERROR 103 and applies nothing, or, as
 * its group says, withholds an entry or cuts a stranger; a bound that a person can hit is
 * HF_ERR_LIMIT with a sentence. Nothing is cut short in silence. */
#ifndef HF_LIMITS_H
#define HF_LIMITS_H

enum {
    /* Wire: hit by a peer, closes the session (ERROR 103), nothing of the frame applies. */
    HF_FRAME_SIZE_MAX = 256 * 1024,            /* one websocket message, as received */
    HF_FRAME_INFLATED_MAX = 1024 * 1024,       /* a frame after inflate, as declared and as found */
    HF_FRAME_RATIO_MAX = 64,                   /* inflated size over deflated size */
    HF_FRAME_TARGET_SIZE = 160 * 1024,         /* raw bytes we aim at per PUSH or FEED frame */
    HF_FRAME_DEFLATE_MIN = 128,                /* smaller frames go as they are */
    HF_FRAME_ENTRIES_MAX = 1024,               /* entries in one frame */
    HF_COLUMNS_MAX = 16 * 1024,                /* columns in one C frame, all shapes together */
    HF_CBOR_DEPTH_MAX = 8,                     /* nesting of any item from outside */
    HF_VECTOR_LOGS_MAX = 1024,                 /* logs in one VECTOR frame */
    HF_HELLO_ORIGINS_MAX = 64,                 /* incarnations that one HELLO may name */
    HF_SCOPES_MAX = 256,                       /* scopes one device may hold, home and common too */
    HF_TEXT_MAX = 256,                         /* name, actor, implementation: bytes */
    HF_CERTIFICATE_MAX = 4096,                 /* DER bytes */
    HF_HUBS_LISTED_MAX = 32,                   /* hubs in a list of hubs */
    HF_HUB_LIST_SIZE_MAX = 15 * 1024,          /* bytes of one, signed */
    HF_PUSH_ENTRIES_MAX = 512,                 /* entries in one PUSH: a hub's turn ends with it */
    HF_ORIGIN_INDEX_MAX = (1 << 20) - 1,       /* of an origin that a hub names on a connection */
    HF_KEY_ORIGINS_MAX = 4096,                 /* incarnations that a hub learns of one key */
    HF_INBOX_BYTES_MAX = 8 * 1024 * 1024,      /* received, not yet applied: per session */
    HF_HUB_INBOX_BYTES_MAX = 64 * 1024 * 1024, /* the same, all sessions: ERROR 400, come back */

    /* Snapshots: hit by a peer, closes the session; hit by what a hub holds, none is offered. */
    HF_SNAPSHOT_CHUNK_SIZE = 1024 * 1024,  /* raw bytes that we aim at; no less than half */
    HF_SNAPSHOT_CHUNK_MAX = 1280 * 1024,   /* raw: a value and its record's citations more */
    HF_SNAPSHOT_CHUNKS_MAX = 2048,         /* in one offer, over all its scopes */
    HF_SNAPSHOT_SCOPES_AT_ONCE = 16,       /* made in one walk; others wait for the next */
    HF_SNAPSHOT_WANTS_MAX = 2,             /* chunks asked for and not all sent, per session */
    HF_SNAPSHOT_TRIES_MAX = 2,             /* at one hub, of a chunk with a wrong hash */
    HF_SNAPSHOT_AGAIN_MS = 15 * 60 * 1000, /* the hub's did not go with what is held here */
    HF_SNAPSHOT_CACHE_BYTES = 128 * 1024 * 1024, /* packed, kept by a hub; above: none is offered */
    HF_SNAPSHOT_WALK_MAX = 256,                  /* records that a hub looks at for one in a turn */
    HF_SNAPSHOT_PACK_BYTES = 64 * 1024,          /* raw bytes that it packs in a turn: some 5 ms */
    HF_SNAPSHOT_BEHIND_MIN = 4096, /* positions that a device lacks to be offered one */
    HF_SNAPSHOT_BEHIND_SHARE = 4,  /* ... and 1 of this many of all there are */
    HF_SNAPSHOT_FEED_RATIO = 3,    /* what bodies shrink by on the wire: the rule's guess */
    HF_SNAPSHOT_AGE_MAX = 20000,   /* positions behind which a cached one is made anew */

    /* Entry: at a peer, ERROR 103; at our own writer, HF_ERR_LIMIT before anything is written. */
    HF_ENTRY_SIZE_MAX = 64 * 1024, /* body bytes */
    HF_ENTRY_OPS_MAX = 256,        /* operations over all parts */
    HF_ENTRY_PARTS_MAX = 256,
    HF_VALUE_SIZE_MAX = 16 * 1024, /* one field's value, encoded */
    HF_REASON_SIZE_MAX = 1024,     /* why a correction or resolution was made: bytes */
    HF_OVERWRITTEN_MAX = 256,      /* dots that one write may list */
    HF_PART_LOGS_MAX = 256,        /* logs that one part may cite */
    HF_LOG_SCOPES_MAX = 256,       /* scopes one log may write in */

    /* Hit by what a device's entries add up to: a hub withholds the next one (reason 605). */
    HF_FIELD_DOTS_MAX = 256,          /* one field's writes that stand, and citations of unseen */
    HF_RECORD_DOTS_MAX = 1024,        /* the same over all fields of a record */
    HF_ORIGINS_CITED_MAX = 64 * 1024, /* installations known; one more, by a citation alone */

    HF_HEAD_PATH_MAX = 8,             /* hashes from a scope's leaf to a head's root */
    HF_RECEIPT_LOGS_MAX = 1024,       /* under one signature; more wait for the next */
    HF_RECEIPT_FRAME_LOGS = 448,      /* of these in one frame to a peer; the rest in the next */
    HF_ASK_FOR_MAX = 4096,            /* ... and for blocks of numbers */
    HF_RECEIPT_FOR_MAX = 4096,        /* a station's wishes for receipts, waiting; above: no more */
    HF_RECEIPT_PATH_MAX = 10,         /* hashes from a log's leaf to a receipt's root */
    HF_RECEIPT_APART = 1024,          /* entries between two receipts of a log that are kept ... */
    HF_RECEIPT_APART_MS = 600 * 1000, /* ... or this time: closer ones give way to the next */
    HF_RECEIPTS_MAX = 4096,           /* kept of one log; then the oldest goes */
    HF_PROOF_SIZE_MAX = 1024 * 1024,  /* bytes of an exported receipt */
    HF_PROOF_LINKS_MAX = 16 * 1024,   /* entries that it names, most by their hash alone */
    HF_PROOF_RUNS_MAX = 256,          /* stretches of logs that it is about */
    HF_PROOF_KEYS_MAX = 16,           /* installations that it names, with their certificates */
    HF_TRANSACTION_RECORDS_MAX = 4096, /* records one local transaction may touch */

    /* Flow: when used up, the sender waits; nothing is dropped. */
    HF_CREDIT_ENTRIES = 4096,           /* unacknowledged entries per lane, at WELCOME */
    HF_CREDIT_BYTES = 1024 * 1024,      /* unacknowledged body bytes per lane, at WELCOME */
    HF_FEED_WINDOW_BYTES = 1024 * 1024, /* sent down, not yet acknowledged: a session */
    HF_FEED_READ_MAX = 512,             /* entries one feed read returns */
    HF_FEED_FRAMES_MAX = 32,            /* the same in frames: FEED, ENTRIES, CHUNK */
    HF_FEED_LAG_MAX = 1024,             /* filtered positions, at most, till the client is told */
    HF_ELSEWHERE_LOGS_MAX = 4096,       /* that a HELLO names as had elsewhere; the rest is fed */
    HF_ELSEWHERE_LOOK_MAX = 16 * 1024,  /* entries that a device looks at for that: the newest */
    HF_ELSEWHERE_HEADS_MAX = 16 * 1024, /* that a session's vectors name; the rest is sent */
    HF_ELSEWHERE_HUB_MAX = 256 * 1024,  /* of all sessions, kept by a hub; then all is fed */
    HF_REFILL_ENTRIES_MAX = 512,        /* entries in one REFILL */
    HF_REFILL_BYTES = 64 * 1024,        /* body bytes in one; an entry may go whatever its size */
    HF_REFILL_HASHES_MAX = 3072,        /* of what follows them; a log is refilled from there on */
    HF_REFILL_ASKED_MAX = 128,          /* logs that a hub asks for at a time, of all sessions */
    HF_REFILL_AHEAD_MAX = 4096,         /* logs that one session may offer; the rest next time */
    HF_SCOPES_SKIPPED = 100000,         /* numbers left out after a loss of control entries */
    HF_REPORTED_MAX = 64 * 1024,        /* rows kept of what devices hold and a hub lacks */
    /* Bundles: what does not fit waits where it is; nothing is lost with one that is dropped. */
    HF_BUNDLE_SIZE_MAX = 256 * 1024,         /* sealed, in bytes */
    HF_BUNDLE_TARGET = 128 * 1024,           /* packed bytes of entries at which it is sealed */
    HF_BUNDLE_GROUPS_MAX = 512,              /* runs of entries, each under one head, in one */
    HF_BUNDLE_AUTHORS_MAX = 256,             /* installations whose entries are in one */
    HF_BUNDLES_OWN_MAX = 256,                /* under way of one station; more wait for answers */
    HF_BUNDLES_OWN_BYTES = 32 * 1024 * 1024, /* the same in bytes */
    HF_BUNDLE_EVERY_MS = 60 * 1000,          /* a station seals what is new, the less often ... */
    HF_BUNDLE_EVERY_SHARE = 8,               /* ... one such time more for so many under way */
    HF_ANSWER_SIZE_MAX = 64 * 1024,
    HF_CARRY_ROWS_DEVICE = 256, /* that a device takes along, answers too */
    HF_CARRY_BYTES_DEVICE = 8 * 1024 * 1024,
    HF_CARRY_ROWS_HUB = 4096, /* ... and a hub, of others' */
    HF_CARRY_BYTES_HUB = 128 * 1024 * 1024,
    HF_CARRY_LIST_MAX = 64, /* in one CARRY or CARRIED; the rest in the next */
    HF_CARRY_KEPT_DAYS = 30,
    HF_PIECE_SIZE_MAX = 16 * 1024,    /* of a bundle in one frame */
    HF_PUSHES_MAX = 512,              /* PUSH frames not yet acknowledged, per session */
    HF_PACE_AHEAD_MS = 250,           /* of bulk under way beyond what the link needs to be busy */
    HF_PACE_FRAME_MIN = 1024,         /* wire bytes of a frame on the slowest link ... */
    HF_PACE_START = 2 * 1024,         /* ... and unacknowledged while nothing is known of it */
    HF_PACE_ALONE = 512,              /* of the first frame on an empty link */
    HF_PACE_OVERHEAD = 32,            /* that a frame costs on the wire beside itself */
    HF_PACE_PATIENCE_MS = 30 * 1000,  /* nothing is acknowledged: one more frame goes */
    HF_PACE_BASE_MS = 60 * 1000,      /* a busy link's shortest round trip is measured anew */
    HF_LANE_FLOOR = 20,               /* one byte in so many goes to the lanes that must wait */
    HF_UNSIGNED_ENTRIES_MAX = 512,    /* of one log, sent before its head: a relay cuts there */
    HF_RELAY_ORIGINS_MAX = 64 * 1024, /* authors that one session may relay: ERROR 103 */
    HF_NOTICES_MAX = 64,              /* notices in one ACK; the verdicts tell them all */
    HF_PEER_FRAMES_PER_TURN = 32,     /* frames one session may send before the next may */
    HF_PINGS_MAX = 16,                /* of one peer in a second: ERROR 103 */
    HF_TURN_WORK_MIN = 16,            /* that a hub applies in one turn, in small entries ... */
    HF_TURN_WORK_EACH = 16,       /* ... or so much for each session that sent, where that ... */
    HF_TURN_WORK_MAX = 512,       /* ... is more; at most this */
    HF_TURN_SMALL_WORK = 8,       /* of one session, up to that, goes whoever else sent */
    HF_ALLOWANCE_WORK = 2 * 1024, /* that one device has applied each second while others send */
    HF_ALLOWANCE_KEPT = 256,      /* of that, for what is urgent alone */
    HF_SPENT_KEPT = 256,          /* ended sessions, whose devices go on with what they left */
    HF_VECTOR_PASSES_MAX = 4,     /* passes over the vectors before a gap is an error */

    /* Connections: the oldest stranger is cut to make room for the newest. */
    HF_STRANGERS_MAX = 1024,            /* connected to a hub, and not known who: in all ... */
    HF_STRANGERS_PER_ADDRESS_MAX = 256, /* ... and from one address */
    HF_HANDSHAKES_MAX = 64, /* under way and getting done: who comes then waits to be accepted */
    HF_ENROL_STRANGERS_MAX = 64, /* the same where devices enrol: nobody is known there */
    HF_ENROL_STRANGERS_PER_ADDRESS_MAX = 32,
    HF_KEY_SESSIONS_MAX = 4, /* of one device, one live and others ending; more: come back later */

    /* Outages. */
    HF_OUTAGES_PER_SEER = 256, /* that are kept of what one node saw: the oldest go */
    HF_OUTAGE_LOGS_MAX = 512,  /* logs that had to wait, in one outage; a peer: ERROR 103 */
    HF_PROBE_OUTAGES_MAX = 16, /* told in one PROBE; the rest in the next */
    HF_PROBE_WINDOWS_MAX = 16, /* planned windows that one PROBE acknowledges */
    HF_WINDOW_KNOWN_DAYS = 35, /* a planned window is acknowledged for so long */
    HF_BEATS_KEPT_DAYS = 35,   /* how long a hub can tell when an entry came */

    /* Time, in milliseconds. */
    HF_PROBE_EVERY_MS = 15 * 1000,   /* while all is well */
    HF_PROBE_PATIENCE_MS = 5 * 1000, /* nothing heard since a probe: it is missed, and asked anew */
    HF_PROBES_MISSED = 3,            /* in a row: there is a link, and no hub on it */
    HF_CUT_OFF_MS = 15 * 1000,       /* no contact for so long is an outage */
    HF_BEAT_EVERY_MS = 5 * 1000,     /* a quiet hub's durable sign of life */
    HF_BEAT_BUSY_MS = 1000,          /* ... and one whose feed goes on */
    HF_TOLD_EVERY_MS = 10 * 60 * 1000, /* what a device tells of itself is written down by then */
    HF_DRILL_RETRY_MS = 30 * 1000,   /* a unit that is drilled with is told to ask again by then */
    HF_HANDSHAKE_MAX_MS = 10 * 1000, /* from connect to websocket: then a stranger is cut */
    HF_HANDSHAKE_FRESH_MS = 1000,    /* who takes longer is no reason for others to wait */
    HF_HANDSHAKE_FLOW_MS = 100,      /* nor is anyone, when for so long nobody got done */
    HF_ENROL_MAX_MS = 10 * 1000,     /* from connect to the end of an enrolment */
    HF_HLC_AHEAD_MAX_MS = 60 * 1000, /* how far a peer's clock may pull ours */
    HF_CLOCK_RTT_MAX_MS = 4 * 1000,  /* a slower answer does not set our clock */
    HF_HELLO_TIMEOUT_MS = 10 * 1000, /* no HELLO or WELCOME by then: the session closes */
    HF_SILENCE_MAX_MS = 90 * 1000,   /* nothing heard: the session closes */
    HF_PING_AFTER_MS = 30 * 1000,    /* silence before we ask */
    HF_FAREWELL_MS = 5 * 1000,       /* an ERROR or BYE not sent by then is given up */
    HF_REDIAL_MIN_MS = 1000,         /* full jitter between 0 and min << tries, capped: */
    HF_REDIAL_MAX_MS = 60 * 1000,    /* ... so that no custody record waits for longer */
    HF_WINDOW_SPREAD_MS = 10 * 1000, /* after a planned outage devices dial within this */
    HF_REDIAL_REFUSED_MS = 5 * 60 * 1000, /* after what only a person can change */
    HF_FALLBACK_MS = 500,                 /* jitter before the next hub of the list is tried */
    HF_BETTER_MIN_MS = 30 * 1000,         /* at a lower hub: then a better one is tried; doubles */
    HF_BETTER_MAX_MS = 15 * 60 * 1000,    /* ... up to this, when none answers or holds */
    HF_BETTER_HELD_MS = 2 * 60 * 1000,    /* a link that lasted so long has held */
    HF_LIGHT_MS = 10 * 1000,   /* after who sends little, who sends much is held to its allowance */
    HF_ALLOWANCE_WAIT_MS = 10, /* what is over the allowance is looked at again */
    HF_RENEW_RETRY_MS = 10 * 60 * 1000,  /* a renewal came to nothing: the device asks again */
    HF_RENEW_AGAIN_MS = 5 * 60 * 1000,   /* RENEW sooner than this in one session: ERROR 104 */
    HF_STORE_RETRY_MS = 1000,            /* after a failed commit, before a hub tries unasked */
    HF_HEAD_INTERVAL_MS = 250,           /* at most one signed head per log in this time ... */
    HF_HEAD_INTERVAL_MAX_MS = 10 * 1000, /* ... and on the thinnest link not less often than this */
    HF_RECEIPT_INTERVAL_MS = 1000,       /* at most one signature under receipts in this time ... */
    HF_RECEIPT_GATHER_MS = 100, /* ... and not sooner: so that acks go first, and many wait */

    /* Certificates, in percent of a certificate's life. */
    HF_RENEW_ALLOWED_PERCENT = 50, /* before this a hub gives the same one again */
    HF_RENEW_AFTER_PERCENT = 67,   /* its device asks for the next; a hub renews its own */
    HF_RENEW_SPREAD_PERCENT = 6,   /* ... later by up to this, by its key */
    HF_RENEW_FOR_MAX = 256,        /* that one station asks for at a time; the rest ask again */
    HF_RENEWALS_PER_TURN = 8,      /* that a hub issues before it serves others: some 30 ms */

    /* Store. */
    HF_PAGE_SIZE = 4096,        /* bytes of a hub's page; its commits are of many records */
    HF_PAGE_SIZE_DEVICE = 2048, /* a commit of one record writes some six, whole */
    HF_WAL_PAGES = 4096,        /* at a hub, 16 MiB: past it a commit moves them to the database */
    HF_WAL_PAGES_DEVICE = 1024, /* 2 MiB: a journal written over needs no new blocks */
    HF_GATHER_SIZE = 64 * 1024, /* bytes for the journal that reach the disk in one write */
    HF_SEQ_RESERVE = 1000,      /* seqs reserved at a time in the file beside the store */
    HF_SINGLY_ENTRIES = 4096,   /* applied one by one after a fault: a device's whole window */
    HF_BATCH_CONTROL_MAX = 65536, /* a hub's own entries in one batch; then HF_ERR_LIMIT */
    HF_ELEMENT_INLINE_MAX = 64,   /* larger sets, and append fields, live in rows */
    HF_PACK_SIZE_MAX = 15 * 1024, /* compiled pack, which is one field of one entry */
    HF_PACK_TYPES_MAX = 256,
    HF_PACK_FIELDS_MAX = 256, /* per type */
    HF_PACK_STATES_MAX = 64,  /* per state field: the compiler checks all triples */
    HF_PACK_CODES_MAX = 250,  /* per code list; an index is never HF_DISPUTED */
    HF_PACK_NAME_MAX = 32,    /* type and field names: a record's id as text must fit */
    HF_PACK_LABEL_MAX = 64,   /* labels and codes: bytes */
    HF_PACK_SCALE_MAX = 9,    /* digits after the point of a decimal */

    /* Leased references: protocol.md 11. */
    HF_SERIES_MAX = 32,               /* series in one pack, so in one ASK; more: ERROR 103 */
    HF_SERIES_FORMAT_MAX = 32,        /* bytes of a reference's format */
    HF_SERIES_BLOCK_MIN = 2,          /* numbers leased at a time: half of them is some */
    HF_SERIES_BLOCK_MAX = 100 * 1000, /* a lost device loses no more */
    HF_ASK_AGAIN_MS = 10 * 1000,      /* a device that got no numbers asks again */
    HF_LEASE_AGAIN_MS = 5 * 1000,     /* a key gets no two blocks of a series sooner */
    HF_LEASES_PER_TURN = 64,          /* devices that a hub answers before it serves others */
    HF_LEASE_SKIP = 10 * 1000 * 1000, /* a hub under a new name leases from the next of these */
    HF_LEASE_SPREAD = 4,              /* one that forgot, within this part of what is left */
    HF_REFERENCES_PER_TURN = 64       /* records that a device gives their number in one turn */
};

/* Numbers of a series: twelve digits. A hub that has leased them all leases no more. */
#define HF_REFERENCE_MAX 999999999999ll

_Static_assert(HF_FRAME_TARGET_SIZE + HF_ENTRY_SIZE_MAX < HF_FRAME_SIZE_MAX, "a full frame fits");
_Static_assert(HF_SNAPSHOT_CHUNK_SIZE + HF_VALUE_SIZE_MAX + HF_TEXT_MAX + HF_RECORD_DOTS_MAX * 64 <
                   HF_SNAPSHOT_CHUNK_MAX,
               "what a chunk is above its aim by");
_Static_assert(HF_SNAPSHOT_CHUNKS_MAX * 64 < HF_FRAME_SIZE_MAX, "an offer is one frame");
_Static_assert(HF_REFILL_BYTES + HF_ENTRY_SIZE_MAX + HF_REFILL_HASHES_MAX * 32 + 16 * 1024 <
                   HF_FRAME_SIZE_MAX,
               "a full REFILL fits");
_Static_assert(HF_FRAME_SIZE_MAX < HF_FRAME_INFLATED_MAX, "an uncompressed frame is legal");
_Static_assert(HF_VALUE_SIZE_MAX < HF_ENTRY_SIZE_MAX, "one value fits in an entry");
_Static_assert(1 << HF_HEAD_PATH_MAX >= HF_LOG_SCOPES_MAX, "every leaf has its way to the root");
_Static_assert(1 << HF_RECEIPT_PATH_MAX >= HF_RECEIPT_LOGS_MAX, "every log has its way up");
_Static_assert(HF_PROOF_LINKS_MAX >= 2 * (HF_RECEIPT_APART + HF_TURN_WORK_MAX),
               "a proof reaches from one kept receipt to the next");
_Static_assert(HF_LOG_SCOPES_MAX >= HF_SCOPES_MAX, "a device may write in all it holds");
_Static_assert(HF_FIELD_DOTS_MAX <= HF_OVERWRITTEN_MAX, "one write can put a crowded field right");
_Static_assert(HF_FIELD_DOTS_MAX > HF_ELEMENT_INLINE_MAX,
               "a set becomes rows before it is crowded");
_Static_assert(HF_UNSIGNED_ENTRIES_MAX >= HF_PUSH_ENTRIES_MAX, "a full PUSH needs no second head");
_Static_assert(HF_PACK_SIZE_MAX < HF_VALUE_SIZE_MAX, "a pack is one value");
_Static_assert(HF_SINGLY_ENTRIES >= HF_CREDIT_ENTRIES, "what ended us comes within that many");
_Static_assert(HF_FEED_READ_MAX <= HF_FRAME_ENTRIES_MAX, "one read fits in one frame");
_Static_assert(HF_CREDIT_BYTES >= HF_FRAME_INFLATED_MAX, "a credit admits any frame");
_Static_assert(HF_RENEW_AGAIN_MS < HF_RENEW_RETRY_MS, "an honest device is never too early");
_Static_assert(HF_RENEW_ALLOWED_PERCENT < HF_RENEW_AFTER_PERCENT, "who asks in time is answered");
_Static_assert(HF_RENEW_AFTER_PERCENT + HF_RENEW_SPREAD_PERCENT < 90, "time is left to try again");
_Static_assert(HF_LEASE_AGAIN_MS < HF_ASK_AGAIN_MS, "who asks again in time gets one");
_Static_assert(HF_PING_AFTER_MS * 2 < HF_SILENCE_MAX_MS, "a lost ping is asked again");

#endif
