/* pair.h: a hub and a few edges, on disks and links in memory, turned by hand. For tests. */
#ifndef HF_TEST_PAIR_H
#define HF_TEST_PAIR_H

#include "holdfast/edge.h"
#include "holdfast/hub.h"

#include "sync/frame.h"
#include "sync/messages.h"

#include "sim_crypto.h"
#include "sim_vfs.h"

enum { PAIR_EDGES_MAX = 12, PAIR_WALL_MS_PER_DAY = 24 * 60 * 60 * 1000 };

typedef enum pair_way { PAIR_UP, PAIR_DOWN } pair_way;

typedef struct pair_node {
    char name[16];
    sim_disk *disk;
    sim_crypto crypto;
    hf_store *store;
    hf_edge *edge;     /* NULL at the hub */
    hf_peer *peer;     /* the hub's end of its link; NULL: no link */
    uint64_t ahead_ms; /* of its wall clock; what is added to make it behind */
    bool offline;      /* the hub cannot be reached */
    bool stuck_down;   /* what the hub sends does not arrive, and is kept */
    bool closed_by_hub;
} pair_node;

typedef struct pair_world pair_world;
/* Sees every frame, out of its Z; false drops it. */
typedef bool (*pair_tap)(pair_world *pair, size_t edge, pair_way way, const hf_message *message);

struct pair_world {
    pair_node hub_node, nodes[PAIR_EDGES_MAX];
    hf_hub *hub;
    uint32_t beat;          /* its number, as last asked of an open hub */
    hf_authority authority; /* the hub's CA; without `issue`: it has none */
    uint64_t life_ms;       /* of the certificates that it issues */
    size_t issued;          /* how many it did */
    bool disk_is_full;      /* at the edges, for new certificates */
    size_t edge_count;
    uint64_t now_ms;
    const char *folder;              /* stores are real files in it; NULL: on disks in memory */
    uint32_t behind_min, chunk_size; /* as hf_hub_options has them, of a hub that is opened next */
    hf_ending ending;                /* how the last daemons ended, as the next ones are told */
    bool faults;       /* memory and disks may fail: that ends a link, as in the programs */
    uint32_t troubles; /* ... and these statuses came of it, a bit for each */
    pair_tap tap;
    void *context;
    size_t frames[2][64]; /* by way and type, since pair_count_from */
    size_t bytes[2];
    hf_deflater *deflater;
    hf_buffer scratch;
};

/* `edge_count` edges, each registered at the hub with scope "beat", the police pack published, all
 * in sync. */
pair_world *pair_new(size_t edge_count);
/* The same, with certificates that last from now on for so long: theirs, and those issued later. */
pair_world *pair_new_certified(size_t edge_count, uint64_t life_ms);
typedef struct pair_options {
    size_t edge_count;
    const char *const *scopes; /* that every edge may write in */
    size_t scope_count;
    bool apart;         /* each writes in a scope of its own, named as it is */
    const char *folder; /* as pair_world's */
    uint64_t life_ms;   /* as pair_new_certified's; 0: each has a certificate without end */
} pair_options;
pair_world *pair_new_with(const pair_options *options);
void pair_free(pair_world *pair);
uint64_t pair_wall_ms(const pair_world *pair);

void pair_open(pair_world *pair, pair_node *node); /* opens its store, and hub or edge on it */
hf_status pair_try_open(pair_world *pair, pair_node *node); /* as before the call if it fails */
void pair_shut(pair_world *pair, pair_node *node);          /* the process ends; its link too */
void pair_new_disk(pair_world *pair, pair_node *node); /* all that it held is lost; opened anew */
void pair_power_cut(pair_world *pair,
                    pair_node *node); /* and what was not synced is lost; opened anew */

/* One pass: every edge's turn and messages, the hub's turn and messages; time moves by 1 ms. */
void pair_step(pair_world *pair);
/* Until `steps` passes brought no frame, or too many did. */
void pair_run(pair_world *pair);
void pair_wait(pair_world *pair, uint64_t ms); /* lets time pass, running */
void pair_cut(pair_world *pair, size_t edge);  /* the link is gone, both ends told */
void pair_count_from_here(pair_world *pair);

/* Gives the edge one raw frame as if the hub had sent it. */
hf_status pair_tell(pair_world *pair, size_t edge, hf_buffer *raw);
/* Gives the hub one raw frame as if edge's link had brought it. */
hf_status pair_say(pair_world *pair, size_t edge, hf_buffer *raw);

typedef struct pair_forged { /* one entry in the name of edge's writing origin */
    uint64_t seq, pseq;
    uint32_t scope, type;
    uint8_t lane;
    bool bad_delete;
    uint8_t more_records; /* that it writes beside its first */
    uint8_t cites;        /* writes of another's log that each of them cites */
} pair_forged;
/* Gives the hub one PUSH of these, in the lane of the first, as if edge's link had brought it. */
hf_status pair_forge(pair_world *pair, size_t edge, const pair_forged *entries, size_t count);

/* A crime in "beat" with this summary; returns its id. */
hf_record_id pair_crime(pair_world *pair, size_t edge, const char *summary);
hf_record_id pair_crime_in(pair_world *pair, size_t edge, uint32_t scope, const char *summary);
void pair_set(pair_world *pair, size_t edge, const hf_record_id *record, uint32_t field,
              const char *text);
/* The summary that this node shows; "" when it does not hold the record. */
const char *pair_summary(hf_store *store, const hf_record_id *record);
uint32_t pair_scope(pair_world *pair); /* number of "beat" */
bool pair_equal(pair_world *pair);     /* same digest of "beat" in all that are open */

#endif
