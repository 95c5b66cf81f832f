/* states.h: the states of a `state` field as JSON declares them, tried and encoded. */
#ifndef HF_PACK_STATES_H
#define HF_PACK_STATES_H

#include "source.h"

/* Reads "moves" and "joins" of the field where `src` stands, whose states are `names`, checks that
 * they merge alike in any order, and appends the two encoded arrays to `out`. */
void states_compile(source *src, const json_t *field, const char *const *names, size_t count,
                    hf_buffer *out);

#endif
