/* uplink.h: a node's link to its hub: dialled, read, written and dialled again, by the loop.
 *
 * The same for a device's daemon and a station's: what is said on the link, and when to dial, is
 * the node's (holdfast/edge.h). */
#ifndef HF_PLATFORM_UPLINK_H
#define HF_PLATFORM_UPLINK_H

#include "config.h"
#include "home.h"
#include "transport.h"

#include "holdfast/edge.h"

typedef struct hf_uplink hf_uplink;

enum { HF_UPLINK_HUBS_MAX = 16 };

typedef struct hf_uplink_options {
    hf_edge *edge;
    hf_home *home;        /* whose keys it shows, and keeps a new certificate in */
    const hf_place *hubs; /* best first, until the list of hubs says more; they outlive it */
    size_t hub_count;     /* 1 to HF_UPLINK_HUBS_MAX */
    size_t message_size_max;
    bool centre_only; /* of a station: no other station is above it, whoever answers */
} hf_uplink_options;

/* `home` and `edge` outlive it. Errors: as hf_dialer_open; it is to be closed and freed all the
 * same. */
HF_MUST_CHECK hf_status hf_uplink_open(hf_loop *loop, const hf_uplink_options *options,
                                       hf_uplink **out);
/* After the node's own turn, whose status is given: sends what there is, dials when it is time. */
void hf_uplink_turn(hf_uplink *uplink, hf_status status, uint64_t now_ms);
/* The node's deadline; one that is past while a dial is under way is that of the dial, which says
 * itself how it ends: UINT64_MAX. */
uint64_t hf_uplink_deadline_ms(const hf_uplink *uplink, uint64_t now_ms);
/* True once after a renewed certificate came to be on disk: whoever shows it elsewhere reads it
 * anew.
 */
bool hf_uplink_certified(hf_uplink *uplink);
bool hf_uplink_connected(const hf_uplink *uplink);
hf_validity hf_uplink_hub_validity(const hf_uplink *uplink); /* of the hub's certificate */
/* Why the last dial failed, in words; "" when it did not. */
const char *hf_uplink_problem(const hf_uplink *uplink);
void hf_uplink_end(hf_uplink *uplink);   /* says good-bye */
void hf_uplink_close(hf_uplink *uplink); /* before the loop is freed, which calls back once more */
void hf_uplink_free(hf_uplink *uplink);  /* after it; NULL is fine */

#endif
