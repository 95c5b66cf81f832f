/* ids.c: mints record ids, on a device that can ask nobody whether they are free.
 *
 * Why 74 random bits: nine forces at 100 records a second would meet one collision in some tens of
 * thousands of years, and even that one needs both in the same millisecond. */
#include "ids.h"

#include <string.h>

hf_status hf_record_id_new(const hf_crypto *crypto, uint32_t type, uint64_t wall_ms,
                           hf_record_id *out)
{
    static const uint64_t last_ms = (UINT64_C(1) << 48) - 1;
    hf_record_id id = {.type = type};
    hf_status status = crypto->random(crypto->context, id.bytes + 6, HF_RECORD_ID_SIZE - 6);
    if (status != HF_OK) return status;
    if (wall_ms > last_ms) wall_ms = last_ms; /* the year 10895: a clock that is wrong */
    for (int i = 0; i < 6; i++) id.bytes[i] = (uint8_t)(wall_ms >> (40 - 8 * i));
    id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 0x0f)); /* version 7 */
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f)); /* variant of RFC 9562 */
    *out = id;
    return HF_OK;
}
