/* fall.h: how did the last daemon end? By a fault of its own, or because it was told or killed?
 *
 * A file tells, whose mark only a signal handler writes: for an assertion that failed or a wild
 * pointer there is one, for a kill or a loss of power there is not. The store asks, since what a
 * peer sent may have caused the fault (DESIGN 5, Poison). */
#ifndef HF_PLATFORM_FALL_H
#define HF_PLATFORM_FALL_H

#include "holdfast/status.h"

#include <stdbool.h>

/* *fell: this file's last owner ended by a fault. From now on our own end is noted there.
 * Errors: HF_ERR_DENIED, HF_ERR_IO, HF_ERR_NOT_FOUND (the directory): then nothing is noted. */
HF_MUST_CHECK hf_status hf_fall_watch(const char *path, bool *fell);
/* What it was told is taken in: the next to ask is told of our own end. */
void hf_fall_forget(void);

#endif
