/* tiers.h: a centre, a station and a few devices, on disks and links in memory, turned by hand. */
#ifndef HF_TEST_TIERS_H
#define HF_TEST_TIERS_H

#include "holdfast/edge.h"
#include "holdfast/hub.h"

#include "sync/frame.h"
#include "sync/messages.h"
#include "sync/safe.h"

#include "sim_crypto.h"
#include "sim_vfs.h"

enum { TIERS_CENTRE, TIERS_STATION, TIERS_EDGE, TIERS_NODES_MAX = 8 }; /* devices from TIERS_EDGE */

typedef struct tier_node {
    char name[32];
    sim_disk *disk;
    sim_crypto crypto;
    hf_store *store;
    hf_hub *hub;   /* the centre's and a station's */
    hf_edge *edge; /* who dials: a device's, or a station's upstream */
    size_t at;     /* whom it dials */
    hf_peer *peer; /* that one's end of its link; NULL: no link */
    bool is_station;
    bool offline;
    bool promoted; /* the station is the centre by now */
} tier_node;

typedef struct tiers tiers;
/* Sees every frame that `node` sends up (or is sent, `down`), out of its Z, and may change it by
 * writing another into `instead`. False drops it. */
typedef bool (*tiers_tap)(tiers *t, size_t node, bool down, const hf_message *message,
                          hf_buffer *instead);

struct tiers {
    tier_node nodes[TIERS_NODES_MAX];
    size_t count;
    uint64_t now_ms;
    uint32_t beat;
    hf_authority authority;
    tiers_tap tap;
    void *context;
    size_t up[64], down[64];       /* frames by type, over all links */
    size_t bytes[TIERS_NODES_MAX]; /* of messages, over its own link, both ways */
    size_t relayed;                /* entries that went up in RELAY; one without any only asks */
    hf_deflater *deflater;
    hf_buffer scratch;
};

/* The station and all devices are enrolled at the centre, with scope "beat"; the devices then dial
 * the station. All in sync, and each has its numbers: a crime is one entry. */
tiers *tiers_new(size_t edge_count);
/* The same with more scopes, of which "beat" is one. */
tiers *tiers_new_in(size_t edge_count, const char *const *scopes, size_t scope_count);
/* Another station, with "beat" and "yard"; its place. */
size_t tiers_add_station(tiers *t, const char *name);
/* One more device, at this hub, with these scopes, NULL at their end; its place. */
size_t tiers_add_device(tiers *t, const char *name, const char *const *scopes, size_t hub);
void tiers_free(tiers *t);
uint64_t tiers_wall_ms(const tiers *t);

void tiers_open(tiers *t, size_t node);
void tiers_shut(tiers *t, size_t node);
void tiers_power_cut(tiers *t, size_t node);
void tiers_cut(tiers *t, size_t node);       /* its own link */
void tiers_leave(tiers *t, size_t node);     /* its link ends, and it dials no more ... */
void tiers_come_back(tiers *t, size_t node); /* ... until here; time goes by, so that it did */
/* A station, which is shut, becomes the centre and is open again. */
void tiers_promote(tiers *t, size_t station);
void tiers_go_to(tiers *t, size_t node, size_t hub);
/* Its files as they stand now, without those whose names end in `except`; and put back. */
sim_image *tiers_image(tiers *t, size_t node, const char *except);
void tiers_set_back(tiers *t, size_t node, sim_image *image); /* frees it */

bool tiers_step(tiers *t); /* a millisecond. False: nobody said anything */
/* Until nobody has anything to say. */
void tiers_run(tiers *t);
void tiers_wait(tiers *t, uint64_t ms);

/* Registers an edge at the centre. */
void tiers_enrol(tiers *t, size_t node, const char *const *scopes, size_t scope_count);
hf_record_id tiers_crime(tiers *t, size_t node, const char *summary);
void tiers_set(tiers *t, size_t node, const hf_record_id *record, const char *summary);
typedef struct tiers_piece { /* an entry of a device's log of crime */
    uint64_t seq;
    bool emptied, headed; /* by its hashes alone; with its author's head over it */
    uint32_t reason;      /* for which it is withheld; 0: it is not */
} tiers_piece;
/* Its body, as its author holds it. */
void tiers_body(tiers *t, size_t author, uint64_t seq, hf_buffer *out);
/* As another device that holds it would bring it. */
void tiers_bring(tiers *t, size_t from, size_t to, const tiers_piece *piece);
const char *tiers_summary(tiers *t, size_t node, const hf_record_id *record); /* "": not held */
hf_standing tiers_standing(tiers *t, size_t node);
/* Where `node` says that the writer's `seq`th entry of crime is. */
hf_place tiers_place(tiers *t, size_t node, size_t writer, uint64_t seq);
bool tiers_equal(tiers *t); /* same digest of "beat" in all that are open */

#endif
