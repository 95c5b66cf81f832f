/* bodies.c: what frames are about: their entries, one after the other, and the order of logs. */
#include "messages.h"

#include <string.h>

hf_bodies hf_bodies_of_push(const hf_push *push)
{
    hf_bodies walk = {.reader = hf_reader_open(push->bodies.items), .left = push->bodies.count};
    walk.origin = push->origin;
    walk.lane = push->lane;
    return walk;
}

hf_bodies hf_bodies_of_relay(const hf_relay *relay)
{
    hf_bodies walk = {.reader = hf_reader_open(relay->bodies.items), .left = relay->bodies.count};
    walk.origin = relay->origin;
    walk.lane = relay->lane;
    return walk;
}

hf_bodies hf_bodies_of_runs(const hf_list *runs)
{
    return (hf_bodies){.reader = hf_reader_open(runs->items), .runs = runs->count};
}

bool hf_next_body(hf_bodies *walk)
{
    if (walk->left == 0 && walk->runs > 0) {
        (void)hf_read_array(&walk->reader, 3);
        walk->origin = (uint32_t)hf_read_uint_max(&walk->reader, UINT32_MAX);
        walk->lane = (uint8_t)hf_read_uint_max(&walk->reader, HF_LANE_COUNT - 1);
        walk->left = hf_read_array(&walk->reader, SIZE_MAX);
        walk->runs--;
    }
    if (walk->left == 0) return false;
    walk->body = hf_read_item(&walk->reader);
    walk->left--;
    return walk->reader.status == HF_OK;
}

int hf_log_name_compare(const hf_log_name *a, const hf_log_name *b)
{
    int order = memcmp(a->origin.bytes, b->origin.bytes, HF_ORIGIN_SIZE);
    return order ? order : (a->lane > b->lane) - (a->lane < b->lane);
}

hf_bodies hf_bodies_of_refill(const hf_refill *refill)
{
    return (hf_bodies){.reader = hf_reader_open(refill->bodies.items),
                       .left = refill->bodies.count,
                       .lane = refill->lane};
}
