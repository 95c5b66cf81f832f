/* planted.h: mistakes on purpose, to prove that the simulator and the demo would notice them.
 *
 * Each stands at the one line where the real mistake would be made. A release has none of them:
 * without HF_PLANTED_BUGS the test is the constant 0 and the compiler drops the wrong branch. */
#ifndef HF_PLANTED_H
#define HF_PLANTED_H

typedef enum hf_planted_name {
    HF_PLANTED_NONE = 0,
    /* session, edge and hub */
    HF_PLANTED_ACK_BEFORE_COMMIT,      /* hub: acknowledged a turn before it is on disk */
    HF_PLANTED_CURSOR_BEFORE_DATA,     /* client: the cursor is committed first, then the data */
    HF_PLANTED_FEED_SKIPS_FILTERED,    /* hub: the feed moves past an entry it did not send */
    HF_PLANTED_FEED_ACK_BEFORE_COMMIT, /* client: says "applied" before it is on disk */
    HF_PLANTED_LANE_ORDER,             /* client: the least urgent lane goes first */
    HF_PLANTED_LANE_STARVED,           /* client: no floor: while one lane is busy, none below it */
    HF_PLANTED_FLOOR_WITHOUT_MEASURE,  /* client: the lower lanes get as much as the most urgent */
    HF_PLANTED_NO_PACE,                /* both: whatever the socket takes is under way */
    HF_PLANTED_FRAMES_AS_LARGE_AS_CAN_BE, /* both: a frame's size says nothing of the link */
    HF_PLANTED_NO_ORIGIN_CHECK,           /* hub: takes anything from anyone it knows */
    HF_PLANTED_WITHHELD_BLOCKS,           /* hub: what follows a withheld entry waits for ever */
    HF_PLANTED_WITHHELD_FED,              /* hub: a withheld entry is sent to others */
    HF_PLANTED_RESYNC_FROM_ZERO,          /* hub: forgets where the client was */
    HF_PLANTED_DROP_ENTRY,                /* hub: a pushed entry is passed over */
    HF_PLANTED_EXPIRED_FED,               /* hub: an expired certificate's session is fed on */
    HF_PLANTED_REDIAL_WITHOUT_END,        /* client: waits longer each time that nobody answered */
    HF_PLANTED_NEVER_RENEWED,             /* client: the expired device never asks */
    HF_PLANTED_RECEIPT_UNCHECKED,  /* hub signs another root; client: keeps what it is told */
    HF_PLANTED_RECEIPT_ONCE,       /* hub: one whose link went before its receipt gets none */
    HF_PLANTED_STATION_IS_CENTRE,  /* station: what it holds it calls durable at the centre */
    HF_PLANTED_RELAY_UNPROVED,     /* hub: relayed entries are believed without their head */
    HF_PLANTED_RELAY_FORGETS,      /* station: what it sent up it takes for acknowledged */
    HF_PLANTED_REVOKED_AT_STATION, /* station: lets a device in that the centre revoked */
    HF_PLANTED_RELAY_SKIPS_FEED,   /* hub: a station is not fed a log that it ever relayed */
    HF_PLANTED_SEALED_IS_THERE,    /* station: what it sealed it takes for acknowledged */
    HF_PLANTED_BUNDLE_FOR_EVER,    /* station: keeps one under way that came by another way */
    HF_PLANTED_NAMED_TOO_FAR,      /* client: of what it had elsewhere, says one entry too many */
    /* store */
    HF_PLANTED_RECEIPT_THINNED,   /* the receipt goes that alone covers what came before */
    HF_PLANTED_NO_FALL_BACK,      /* what a hub lost still counts as being there */
    HF_PLANTED_GUARD_IGNORED,     /* a restored copy goes on under its old name */
    HF_PLANTED_REUSED_SEQ,        /* a new entry takes the last one's seq */
    HF_PLANTED_NO_FSYNC,          /* a commit does not wait for the disk */
    HF_PLANTED_VECTOR_PAST_GAP,   /* an entry is taken though its predecessor is not held */
    HF_PLANTED_LOST_HOLE,         /* a verdict is not obeyed */
    HF_PLANTED_VERDICT_TOO_EARLY, /* ... when it comes before what it judges */
    HF_PLANTED_PENDING_FORGOTTEN, /* what was overwritten before it came is shown again */
    HF_PLANTED_PREFIX_IGNORED,    /* a citation counts whatever hash it names */
    HF_PLANTED_WRONG_FOLD_LAST,   /* `last` shows the oldest */
    HF_PLANTED_WRONG_FOLD_KEEP,   /* `keep` shows one value and calls it settled */
    HF_PLANTED_CONFLICT_DROPPED,  /* an open conflict is not listed */
    HF_PLANTED_DELETE_HIDES_EDIT, /* a delete hides what it never saw */
    HF_PLANTED_HLC_INFECTED,      /* a peer's clock pulls ours as far as it likes */
    HF_PLANTED_STATE_NOT_WRITTEN, /* the log has an entry that the record does not show */
    /* what was lost comes back */
    HF_PLANTED_PATCHY_ACKED, /* hub: a log that came back with gaps is said to be held to its end */
    HF_PLANTED_WAIT_FED,     /* hub: hands out what it has, though it forgot whom it revoked */
    HF_PLANTED_REFILL_NOT_SENT, /* client: goes on from its own receipts, not from what the hub has
                                 */
    HF_PLANTED_FENCE_IGNORED,   /* store: one that was set back does not look beside itself */
    HF_PLANTED_EPOCH_KEPT,      /* store: one that was set back goes on in its epoch and name */
    HF_PLANTED_ENTRY_ABORTS,    /* an entry with the word POISON in it trips an assertion */
    /* other versions */
    HF_PLANTED_LATER_REFUSED, /* both: what a later version adds to a frame is an error */
    HF_PLANTED_OLDER_OFFERED, /* hub: offers a snapshot to one that knows of none */
    /* another is the centre */
    HF_PLANTED_PROMOTED_GOES_ON,  /* hub: who takes the centre's place goes on in its station's life
                                   */
    HF_PLANTED_PROMOTED_UNSAID,   /* hub: ... and does not say what it withheld as a station */
    HF_PLANTED_FIRST_TERM_STANDS, /* all: the list of hubs of a new centre is not followed */
    HF_PLANTED_RETIRED_SERVES,    /* hub: a centre that was replaced, and knows it, serves on */
    /* leased references */
    HF_PLANTED_BLOCK_OUTLIVES,     /* device: a new incarnation uses the old one's numbers */
    HF_PLANTED_NUMBER_TWICE,       /* device: a number that was given is not crossed out */
    HF_PLANTED_LEASED_WITHOUT_GAP, /* hub: in a new life it leases on from what it knows of */
    HF_PLANTED_LEASED_AGAIN,       /* hub: the newest block is leased to the next who asks */
    /* outages */
    HF_PLANTED_OUTAGE_NOT_KEPT, /* hub: forgets that it was away */
    HF_PLANTED_BEAT_ONLY_BUSY,  /* hub: gives no sign of life while nothing comes */
    HF_PLANTED_PROBE_DROPPED,   /* hub: answers a PROBE and does not keep what it told */
    HF_PLANTED_OUTAGE_TO_EARLY, /* edge: of what had to wait, notes only what did so at first */
    HF_PLANTED_RECOVERY_SKIPS,  /* hub: the report leaves out what is withheld */
    /* snapshots */
    HF_PLANTED_SNAPSHOT_NO_HOLES,   /* client: what is withheld counts, as a snapshot has it */
    HF_PLANTED_SNAPSHOT_NOT_ANEW,   /* client: shows what a verdict took back of a snapshot */
    HF_PLANTED_SNAPSHOT_LATE_PLACE, /* hub: the feed goes on from where it is, not from the cut */
    HF_PLANTED_SNAPSHOT_OWN_FORGOTTEN, /* client: own entries not in it are not folded again */
    HF_PLANTED_SNAPSHOT_HALF,          /* client: shown with a chunk missing */
    HF_PLANTED_COUNT
} hf_planted_name;

#ifdef HF_PLANTED_BUGS
extern hf_planted_name hf_planted_bug; /* defined by the test build that plants */
#define HF_PLANTED(name) (hf_planted_bug == HF_PLANTED_##name)
#else
#define HF_PLANTED(name) 0
#endif

#endif
