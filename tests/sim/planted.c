/* planted.c: the mistakes that sync/planted.h can make on purpose, by name.
 *
 * A simulator that has never caught anything proves nothing. Each of these is the real mistake at
 * the one line where it would be made; `sim --planted` shows that no invariant sleeps. */
#include "planted.h"

#include "sync/planted.h"

#define BUG(name)                                                                                  \
    {                                                                                              \
#name, HF_PLANTED_##name                                                                   \
    }

static const sim_planted TABLE[] = {
    BUG(ACK_BEFORE_COMMIT),
    BUG(VECTOR_PAST_GAP),
    BUG(WRONG_FOLD_LAST),
    BUG(LOST_HOLE),
    BUG(REUSED_SEQ),
    BUG(BLOCK_OUTLIVES),
    BUG(NUMBER_TWICE),
    BUG(LEASED_AGAIN),
    BUG(CURSOR_BEFORE_DATA),
    BUG(FEED_SKIPS_FILTERED),
    BUG(FEED_ACK_BEFORE_COMMIT),
    BUG(LANE_ORDER),
    BUG(LANE_STARVED),
    BUG(FLOOR_WITHOUT_MEASURE),
    BUG(NO_PACE),
    BUG(FRAMES_AS_LARGE_AS_CAN_BE),
    BUG(NO_ORIGIN_CHECK),
    BUG(WITHHELD_BLOCKS),
    BUG(WITHHELD_FED),
    BUG(RESYNC_FROM_ZERO),
    BUG(DROP_ENTRY),
    BUG(EXPIRED_FED),
    BUG(NEVER_RENEWED),
    BUG(RECEIPT_UNCHECKED),
    BUG(RECEIPT_ONCE),
    BUG(RECEIPT_THINNED),
    BUG(STATION_IS_CENTRE),
    BUG(RELAY_UNPROVED),
    BUG(RELAY_FORGETS),
    BUG(REVOKED_AT_STATION),
    BUG(RELAY_SKIPS_FEED),
    BUG(PROMOTED_GOES_ON),
    BUG(PROMOTED_UNSAID),
    BUG(FIRST_TERM_STANDS),
    BUG(RETIRED_SERVES),
    BUG(LEASED_WITHOUT_GAP),
    BUG(VERDICT_TOO_EARLY),
    BUG(LATER_REFUSED),
    BUG(OLDER_OFFERED),
    BUG(REDIAL_WITHOUT_END),
    BUG(SEALED_IS_THERE),
    BUG(BUNDLE_FOR_EVER),
    BUG(NAMED_TOO_FAR),
    BUG(GUARD_IGNORED),
    BUG(NO_FSYNC),
    BUG(PENDING_FORGOTTEN),
    BUG(PREFIX_IGNORED),
    BUG(WRONG_FOLD_KEEP),
    BUG(CONFLICT_DROPPED),
    BUG(DELETE_HIDES_EDIT),
    BUG(HLC_INFECTED),
    BUG(STATE_NOT_WRITTEN),
    BUG(OUTAGE_NOT_KEPT),
    BUG(BEAT_ONLY_BUSY),
    BUG(PROBE_DROPPED),
    BUG(OUTAGE_TO_EARLY),
    BUG(RECOVERY_SKIPS),
    BUG(SNAPSHOT_NO_HOLES),
    BUG(SNAPSHOT_NOT_ANEW),
    BUG(SNAPSHOT_LATE_PLACE),
    BUG(SNAPSHOT_OWN_FORGOTTEN),
    BUG(SNAPSHOT_HALF),
    BUG(PATCHY_ACKED),
    BUG(WAIT_FED),
    BUG(REFILL_NOT_SENT),
    BUG(FENCE_IGNORED),
    BUG(EPOCH_KEPT),
};

const sim_planted *sim_planted_table(size_t *count)
{
    *count = sizeof TABLE / sizeof *TABLE;
    return TABLE;
}

#ifdef HF_PLANTED_BUGS
hf_planted_name hf_planted_bug = HF_PLANTED_NONE;

bool sim_plant(int number)
{
    hf_planted_bug = (hf_planted_name)number;
    return true;
}
#else
bool sim_plant(int number)
{
    return number == HF_PLANTED_NONE;
}
#endif
