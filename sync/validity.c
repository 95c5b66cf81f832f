/* validity.c: the dates of a certificate against a clock that may stand anywhere. */
#include "validity.h"

#include "limits.h"

bool hf_validity_holds(hf_validity valid, uint64_t wall_ms)
{
    return valid.from_ms <= wall_ms && wall_ms <= valid.until_ms;
}

static uint64_t percent_of_life(hf_validity valid, uint64_t percent)
{
    uint64_t life_ms = valid.until_ms > valid.from_ms ? valid.until_ms - valid.from_ms : 0;
    return life_ms / 100 * percent;
}

uint64_t hf_validity_due_ms(hf_validity valid, const uint8_t key_id[HF_HASH_SIZE])
{
    uint64_t share = (uint64_t)key_id[0] << 8 | key_id[1];
    uint64_t delay_ms = percent_of_life(valid, HF_RENEW_SPREAD_PERCENT) * share >> 16;
    return valid.from_ms + percent_of_life(valid, HF_RENEW_AFTER_PERCENT) + delay_ms;
}

bool hf_validity_may_renew(hf_validity valid, uint64_t wall_ms)
{
    uint64_t half_ms = valid.from_ms + percent_of_life(valid, HF_RENEW_ALLOWED_PERCENT);
    return wall_ms < valid.from_ms || wall_ms >= half_ms;
}
