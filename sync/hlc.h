/* hlc.h: the hybrid logical clock: 48 bits of Unix milliseconds, 16 of counter. Pure.
 *
 * It breaks ties between concurrent writes and times nothing. Nobody's wrong clock may infect ours:
 * a peer moves it at most HF_HLC_AHEAD_MAX_MS past our own wall clock, and our own last value is
 * pulled back to there before it is raised. So it may fall when a clock that was years ahead is put
 * right; within a log, seq orders. */
#ifndef HF_HLC_H
#define HF_HLC_H

#include "holdfast/record.h"

/* The stamp of a write made now: above `last` unless that lay too far ahead, and not below the wall
 * clock. */
hf_hlc hf_hlc_next(hf_hlc last, uint64_t wall_ms);

/* Our clock after an entry stamped `remote` came in. */
hf_hlc hf_hlc_raise(hf_hlc last, hf_hlc remote, uint64_t wall_ms);

#endif
