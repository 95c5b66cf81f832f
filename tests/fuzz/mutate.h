/* mutate.h: changes inputs so that they stay well-formed enough to get past the first check. */
#ifndef HF_FUZZ_MUTATE_H
#define HF_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Changes one item somewhere in the CBOR that `data` is; most changes leave it valid CBOR. Items
 * within byte strings (an entry's parts) are reached too. Returns the new size, at most `room`;
 * what is no CBOR is left to libFuzzer. */
size_t mutate_cbor(uint8_t *data, size_t size, size_t room, unsigned seed);

/* The same for a byte that chooses, then chunks, each behind its length in two bytes, little-endian
 * (MUTATE_MARK: a chunk without content): a chunk is changed, taken out, doubled, or moved. */
enum { MUTATE_MARK = 0xffff };
size_t mutate_chunks(uint8_t *data, size_t size, size_t room, unsigned seed);

#endif
