/* ids.h: record ids: 16 bytes in UUIDv7 layout (RFC 9562 5.7). Their text form is in render.h. */
#ifndef HF_IDS_H
#define HF_IDS_H

#include "holdfast/crypto.h"

/* Mints an id of `type`: 48 bits of Unix milliseconds, then 74 random bits. The time is for order
 * on disk, where random ids cost a factor of four; it is no evidence of anything.
 * Errors: what `crypto` answers when it has no random bytes. */
HF_MUST_CHECK hf_status hf_record_id_new(const hf_crypto *crypto, uint32_t type, uint64_t wall_ms,
                                         hf_record_id *out);

#endif
