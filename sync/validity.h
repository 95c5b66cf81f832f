/* validity.h: when a certificate holds, and when the next one is due: protocol.md 9.
 *
 * Why both ends share it: a device asks later than its hub is ready to answer, by so much that no
 * two clocks' difference makes it ask in vain. */
#ifndef HF_VALIDITY_H
#define HF_VALIDITY_H

#include "holdfast/crypto.h"

bool hf_validity_holds(hf_validity valid, uint64_t wall_ms);

/* When the device of this key asks for the next: spread by key, since a force enrols in a day. */
uint64_t hf_validity_due_ms(hf_validity valid, const uint8_t key_id[HF_HASH_SIZE]);

/* May a hub issue the next one? Before that it gives the same again. */
bool hf_validity_may_renew(hf_validity valid, uint64_t wall_ms);

#endif
