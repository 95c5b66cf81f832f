/* harness.h: what every target is held to, beside not crashing: an input costs little time and
 * little memory, whatever it says.
 *
 * A target defines fuzz_one; the harness calls it, measures it, and ends the process when an input
 * went over a limit, as it would for a crash: the input is then kept. */
#ifndef HF_FUZZ_HARNESS_H
#define HF_FUZZ_HARNESS_H

#include <stddef.h>
#include <stdint.h>

enum {
    FUZZ_INPUT_MS_MAX = 10, /* CPU time of one input, as the programs are built for people */
    /* The sanitizers and libFuzzer's counters make parsers and stores 3 to 5 times slower than the
     * release build (measured over the corpus, where no input took more than 1.4 ms of it). */
    FUZZ_SANITIZER_FACTOR = 6,
    FUZZ_PATIENCE_FACTOR = 20, /* where HOLDFAST_FUZZ_PATIENT is set: for a machine that is slow */
    FUZZ_INPUT_BYTES_MAX = 4 * 1024 * 1024 /* held at once, above what was held before the input */
};

/* The target: any bytes at all. */
void fuzz_one(const uint8_t *data, size_t size);

/* What comes before this in an input is preparation (a store opened, a world made): it does not
 * count, and what it took is not the input's. */
void fuzz_count_from_here(void);

/* libFuzzer asks the target for changed inputs, if it has an opinion. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

#endif
