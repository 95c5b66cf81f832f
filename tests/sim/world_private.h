/* world_private.h: the world's insides, shared by the files that play its parts:
 * world.c (time), node.c (processes), network.c and meddle.c (links), people.c and forge.c
 * (writes), operators.c (the hub's), faults.c, recovery.c and losses.c (bad luck), observe.c and
 * invariants.c (what must hold), thin.c (a thin link that bulk fills). */
#ifndef SIM_WORLD_PRIVATE_H
#define SIM_WORLD_PRIVATE_H

#include "holdfast/edge.h"
#include "holdfast/hub.h"
#include "random.h"
#include "sim_crypto.h"
#include "sim_vfs.h"
#include "sync/apply.h"
#include "sync/codec.h"
#include "sync/snapshot.h"
#include "world.h"

enum {
    SIM_NODES_MAX = 40, /* node 0 is whoever is the centre */
    SIM_HUB = 0,
    SIM_STATIONS_MAX = 3,
    SIM_LINKS_MAX = 256,
    SIM_SCOPES = 5, /* that devices are granted from */
    SIM_ORIGINS_MAX = 512,
    SIM_RECORDS_MAX = 160,
    SIM_LOGS = HF_LANE_COUNT,
    SIM_REFERENCE_SIZE = 48,
    SIM_BLOCK = 4 /* numbers leased at a time: so that devices run dry */
};

enum { SIM_SECOND = 1000, SIM_MINUTE = 60 * SIM_SECOND };
#define SIM_EPOCH_MS 1571443200000u /* the world's first moment: 2019-10-19 */

typedef enum sim_event_kind {
    SIM_TURN,    /* a node runs */
    SIM_START,   /* a node's process starts */
    SIM_DIALLED, /* a connection is made, or is not */
    SIM_DELIVER, /* a message arrives */
    SIM_LOST,    /* one end learns that its link is gone */
    SIM_WRITE,   /* a person writes */
    SIM_OPERATE, /* an operator acts at the hub */
    SIM_FAULT,   /* something goes wrong */
    SIM_RELIEF,  /* something comes right */
    SIM_LOOK,    /* a replica is compared with the model */
    SIM_THIN     /* what happens in a world with a thin link: thin.c */
} sim_event_kind;

typedef struct sim_event {
    uint64_t at, order;
    sim_event_kind kind;
    uint32_t who;  /* node or link */
    uint32_t what; /* direction, fault, or the link's generation */
} sim_event;

/* One entry, wherever it is held: S2 says that there is only one content per dot. */
typedef struct sim_dot {
    hf_dot dot;
    uint8_t *body; /* whole */
    size_t size;
    uint8_t hash[HF_HASH_SIZE];
    uint32_t scope;
    uint64_t pseq;
    hf_hlc hlc;
    unsigned author;       /* node */
    uint64_t held;         /* a bit for each node that has it in its feed */
    uint64_t based;        /* ... and for each that has its effect, by a snapshot, and not it */
    uint64_t hollow;       /* of these, those that have only its hashes */
    uint64_t hub_position; /* 0: not there */
    uint64_t opened_at;    /* hub position when it came to count again; 0 never */
    bool saved;            /* its author was told "saved" */
    bool acked;            /* its author was told "at the hub" */
    bool acked_now;        /* ... by the centre as it is: not set back, and no other, since */
    bool excused;          /* only on a disk that was set back: nobody can have it */
    bool withheld;         /* at the hub, at this moment */
    bool by_operator;      /* ... since an operator said so, not since it came */
    uint64_t created_ms;   /* when its author's store first had it */
} sim_dot;

typedef struct sim_origin {
    hf_origin_id id;
    unsigned node;
    bool by_station; /* of a station's life, though it may be the centre since */
} sim_origin;

typedef struct sim_tail { /* where a node's feed has brought one log in one scope */
    uint32_t origin;      /* index in the world's table */
    uint8_t lane;
    uint32_t scope;
    uint64_t seq;
    uint64_t based; /* up to here a snapshot had it, whatever the feed had before */
} sim_tail;

typedef struct sim_signed { /* a receipt that was seen once */
    hf_origin_id origin;
    uint8_t lane;
    bool by_centre; /* else by a station */
    uint64_t seq, time_ms;
} sim_signed;

typedef struct sim_node {
    unsigned index;
    bool exists, up, registered, revoked;
    bool perhaps_revoked;            /* the hub died while it was being asked to */
    uint32_t scopes[SIM_SCOPES + 3]; /* the common one, those granted, and last its own */
    size_t scope_count;
    char name[24];
    sim_random random;
    sim_disk *disk;
    sim_crypto crypto;
    hf_store *store;
    hf_edge *edge;
    hf_hub *hub; /* a station has both: its edge is its upstream */
    bool is_station;
    int version; /* of its program: below 0, of one before ours; above, of one after */
    bool was_centre, promotes; /* another is the centre since; it becomes the centre as it opens */
    unsigned hubs[SIM_STATIONS_MAX + 1]; /* where it goes, best first */
    size_t hub_count;
    unsigned configured[SIM_STATIONS_MAX + 1]; /* ... as it was set up, beside the list of hubs */
    size_t configured_count;
    uint64_t followed;     /* hf_edge_places_changes when it last read the list */
    sim_image *backup;     /* of a closed store, to be restored some day */
    uint64_t turn_at;      /* the next SIM_TURN that counts; UINT64_MAX: none */
    uint32_t idle_turns;   /* since a message came or went */
    uint64_t boot_ms;      /* its monotonic clock began then */
    int64_t skew_ms;       /* its wall clock less the truth */
    uint64_t frozen_at_ms; /* its wall clock stands still there; 0: it runs */
    bool cut_off;          /* no network */
    uint64_t lost_ms;      /* for good, with its disk: what it held, it held until then; 0: no */
    uint64_t greeted_ms;   /* a station: when it met the hub after its loss; 0: not yet */
    bool misled;           /* by a station that has not, and nobody can tell */
    sim_image *twin;       /* of a closed store, guard and all ... */
    size_t twin_count;     /* ... in which it had written so much */
    bool cloned, branched; /* it goes on from that; and has written since under its old name: */
    hf_origin_id cloned_as;
    bool set_back;        /* its disk was restored from a backup, once: it may have lost things */
    bool just_restored;   /* ... and it has not been started since */
    uint64_t set_back_ms; /* when that was; of a device or a station */
    uint64_t heard_ms[SIM_STATIONS_MAX + 1]; /* when the last link to it began that was welcomed */
    struct {
        uint64_t control; /* entries of its own, when the backup was taken */
        unsigned registered, revoked;
    } at_backup;           /* of the hub */
    uint32_t link;         /* the edge's own, or SIM_LINKS_MAX */
    uint64_t cut_since_ms; /* true time: it has known since then that it is cut off; 0: it is not */
    /* the hub's: */
    bool pulsed, pulse_doubt;             /* it began once; its disk or clock failed since */
    uint64_t died_wall_ms, pulse_high_ms; /* by its clock: when it died; the highest it was shown */
    /* what has been seen of its store */
    uint32_t *feed; /* feed[position - 1]: index of the dot */
    size_t feed_count, feed_capacity;
    sim_tail *tails;
    size_t tail_count, tail_capacity;
    uint8_t epoch[16];
    bool epoch_known;
    uint64_t acked[SIM_LOGS]; /* of its present incarnation, as far as it was told */
    bool acks_looked;         /* ... by its store as it stood after so many changes */
    int acks_changes;
    sim_signed *receipts; /* that it was ever seen to hold, and that stood */
    size_t receipt_count, receipt_capacity;
    uint64_t cursor;
    bool stale;             /* the hub was set back, and has not greeted it since ... */
    uint64_t stale_cursor;  /* ... so its place is one that is no more */
    uint64_t lived_wall_ms; /* the hub's: by its clock, when it last ran */
    uint64_t based;         /* sum of what its snapshots stand for */
    bool based_anew;        /* one has just come to be seen */
    uint64_t wall_seen_ms;  /* highest wall time given to it in this step */
    uint64_t turn_wall_ms;  /* wall time of its last turn */
    uint64_t unheaded;      /* entries that came since it was last sent heads */
} sim_node;

typedef struct sim_message {
    struct sim_message *next;
    uint64_t at;
    size_t size;
    uint8_t data[];
} sim_message;

typedef struct sim_way { /* one direction of a link */
    sim_message *first, *last;
    size_t bytes;     /* in flight */
    uint64_t last_at; /* when the newest one arrives: order is kept */
    uint64_t sent;    /* bytes, ever */
} sim_way;

enum { SIM_UP = 0, SIM_DOWN = 1 };

typedef struct sim_link {
    bool used;
    uint32_t generation;
    unsigned node;     /* the edge, or the station that dialled */
    unsigned hub;      /* the node that it dialled */
    hf_validity valid; /* of the certificate that it dialled with */
    hf_peer *peer;     /* NULL: the hub's end is closed, or not yet open */
    bool edge_end;     /* the edge believes that it is connected */
    bool ghost;        /* a second connection that no edge knows of */
    bool broken;       /* nothing passes any more, whoever believes what */
    sim_way ways[2];
    uint64_t delay_ms;
    size_t rate; /* bytes per ms */
    size_t room; /* in flight per way, before the sender must wait */
    uint64_t opened_ms;
    uint64_t missing, missing_count; /* body bytes and entries that either side lacked */
    uint64_t heads;                  /* number of the newest that the edge had when it opened */
    uint64_t taken, floor;           /* body bytes that came up; of these, before their turn */
    uint64_t floor_largest;          /* of one entry among these */
} sim_link;

enum { SIM_THIN_MS = 300 * SIM_SECOND, SIM_URGENT_MAX = 512 };
typedef struct sim_thin { /* what is counted in a world with a thin link */
    uint32_t took_ms[SIM_URGENT_MAX];
    size_t urgent_count;
    size_t fetching;                    /* ... that were written while a snapshot came */
    uint64_t waiting;                   /* urgent entries that are not at the hub yet */
    uint64_t lane_bytes[HF_LANE_COUNT]; /* at the hub since the link was made anew */
    uint64_t began_ms;                  /* when that was; 0: not yet */
} sim_thin;

typedef struct sim_swarm { /* how bad this seed's luck is: per thousand, or a mean wait; 0: never */
    uint64_t kill_ms, io_ms, full_ms, clock_ms, partition_ms, cut_ms, restore_ms, operate_ms,
        hub_loss_ms;
    uint64_t write_ms;
    uint32_t power_cut, cut_per_message, half_open, ghost, refuse, swallow, rogue, forge,
        unknown_type;
    uint32_t delay_ms, edges_slow;
    uint32_t snapshot_behind, snapshot_chunk; /* as the hub's options have them */
    bool bulky, bulky_now, revokes, early_sends;
    unsigned stations;
    uint64_t station_loss_ms; /* until one of them is lost for good */
    uint64_t centre_loss_ms;  /* ... or the centre, and one of them takes its place */
    bool comes_back;          /* ... and is there again one day */
    bool listed;              /* the centre signs a list of hubs, and all go by it */
    uint64_t clone_ms;        /* until a device goes on from a copy of itself */
    bool versions;            /* there are programs of other versions */
    bool tried_again, storms, looks_at_snapshots; /* which further questions the judge asks */
    uint64_t dark_ms;        /* how long the centre is out of reach at a time */
    uint64_t certificate_ms; /* life of a device's certificate; 0: as good as for ever */
} sim_swarm;

typedef struct sim_reference { /* what a record is called by; or where a lease begins */
    char text[SIM_REFERENCE_SIZE];
    hf_record_id record;
} sim_reference;

typedef struct sim_world {
    const sim_options *options;
    sim_result *result;
    sim_random random;
    sim_swarm swarm;
    hf_authority authority; /* the hub's CA */
    uint32_t hot_fields;    /* which fields of each type people mostly write: a seed for it */
    uint64_t now_ms;
    bool calm;               /* the faults are over */
    bool judges_snapshot;    /* what is amiss now, is so with a snapshot that came */
    bool lost_in_silence;    /* once */
    uint64_t hub_lost_ms;    /* when the hub was last set back; 0: never */
    hf_origin_id hub_origin; /* that the hub writes under, or wrote when it was last up */
    bool thin;               /* not of faults, but of one thin link */
    sim_thin on_thin;
    sim_event *events; /* a heap: earliest first */
    size_t event_count, event_capacity;
    uint64_t event_order;
    sim_node nodes[SIM_NODES_MAX];
    unsigned node_count;
    unsigned station_count; /* nodes 1 to this; one of them may be a former centre */
    unsigned doomed;        /* sim_lose_station */
    bool hub_cut_off;       /* nobody reaches the centre */
    sim_link links[SIM_LINKS_MAX];
    sim_dot *dots;
    size_t dot_count, dot_capacity;
    uint32_t *dot_table; /* open addressing; index + 1, 0 empty */
    size_t dot_table_size;
    sim_origin origins[SIM_ORIGINS_MAX];
    size_t origin_count;
    hf_record_id records[SIM_RECORDS_MAX]; /* that people know of */
    uint32_t record_scopes[SIM_RECORDS_MAX];
    size_t record_count;
    uint8_t epochs[SIM_NODES_MAX][16];
    sim_reference *references;
    size_t reference_count, reference_capacity;
    uint64_t *pieces; /* of bundles, and to whom: which were brought */
    size_t piece_count, piece_capacity;
} sim_world;

/* What the centre wrote, or one that was it once. */
static inline bool sim_is_centres(const sim_world *world, const sim_dot *dot)
{
    return dot->author == SIM_HUB || world->nodes[dot->author].was_centre;
}

/* ---- world.c ---- */
void sim_schedule(sim_world *world, uint64_t at, sim_event_kind kind, uint32_t who, uint32_t what);
/* The run ends here: which invariant, and with what. Only the first call counts. */
void sim_break(sim_world *world, sim_invariant invariant, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sim_say(const sim_world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(sim_world *world, uint64_t a, uint64_t b);
static inline void sim_checked(sim_world *world, sim_invariant invariant)
{
    world->result->checks[invariant]++;
}
static inline bool sim_over(const sim_world *world)
{
    return world->result->failed;
}

/* ---- node.c: processes ---- */
sim_node *sim_node_add(sim_world *world, const char *name, sim_rank rank);
void sim_node_free(sim_node *node);
void sim_node_start(sim_world *world, sim_node *node);
/* The process is gone: links break, memory is lost, the disk keeps what it keeps. */
void sim_node_crash(sim_world *world, sim_node *node, bool power_cut);
/* After any call into a node: has its disk died under it? Then it crashes and this is false. */
bool sim_node_alive(sim_world *world, sim_node *node);
void sim_node_turn(sim_world *world, sim_node *node);
void sim_node_wake(sim_world *world, sim_node *node, uint64_t at);
uint64_t sim_node_now(const sim_world *world, const sim_node *node);  /* monotonic */
uint64_t sim_node_wall(const sim_world *world, const sim_node *node); /* as it believes */
bool sim_status_sane(sim_world *world, sim_node *node, hf_status status, const char *doing);

/* ---- network.c ---- */
void sim_dial(sim_world *world, sim_node *edge);
void sim_on_dialled(sim_world *world, uint32_t link, uint32_t generation);
void sim_on_deliver(sim_world *world, uint32_t link, uint32_t what);
void sim_on_lost(sim_world *world, uint32_t link, uint32_t what);
/* A station serves those whose scopes it holds. */
void sim_choose_hubs(sim_world *world, sim_node *node);
/* Where the list of hubs sends it, and then where it was set up to go. */
void sim_follow_list(sim_world *world, sim_node *node);
/* Sends what the node has for the link, as far as there is room. */
void sim_pump(sim_world *world, sim_link *link, unsigned way);
void sim_link_break(sim_world *world, sim_link *link, bool edge_learns, bool hub_learns);
void sim_edge_closes(sim_world *world, sim_link *link);
void sim_hub_closes(sim_world *world, sim_link *link);
void sim_link_end(sim_world *world, sim_link *link); /* both ends are closed: accounts and frees */
void sim_links_free(sim_world *world);

/* ---- meddle.c ---- */
/* Breaks the run when a centre that knows that it was replaced says more than who is. */
void sim_check_retired(sim_world *world, const sim_link *link, hf_bytes message);
/* Breaks the run when the hub sends what others wrote to one whose certificate does not hold. */
void sim_check_expired(sim_world *world, const sim_link *link, hf_bytes message);
/* A piece of a bundle that nobody has brought to this node. */
bool sim_is_new_piece(sim_world *world, unsigned node, hf_bytes message);
/* False: the message is lost on the way. It may also be altered; `sealed` then holds it. */
bool sim_meddle(sim_world *world, sim_node *edge, hf_bytes *message, hf_buffer *sealed);

/* ---- versions.c ---- */
/* The message as a device of another version would have said it, or been told it. */
void sim_translate(sim_world *world, const sim_node *node, bool down, hf_bytes *message,
                   hf_buffer *sealed);

/* ---- people.c ---- */
void sim_on_write(sim_world *world, sim_node *edge);
/* A new record of this type in the first scope granted, with a text that does not deflate. */
void sim_write_text(sim_world *world, sim_node *edge, uint32_t type, size_t size);

/* ---- thin.c ---- */
bool sim_is_thin(const sim_options *options);
void sim_thin_draw(sim_world *world); /* its luck: before the hub starts */
void sim_thin_plan(sim_world *world);
void sim_on_thin(sim_world *world, uint32_t what);
void sim_thin_judge(sim_world *world);
/* The hub has it from its author: was it its turn? */
void sim_lanes_taken(sim_world *world, const sim_dot *dot);

/* ---- forge.c ---- */
/* Writes an entry that cites another's write with a guessed hash. False: nothing was written. */
bool sim_forge(sim_world *world, sim_node *edge, const hf_author *author, hf_dot *dot);

/* ---- operators.c ---- */
void sim_publish_hubs(sim_world *world);
void sim_on_operate(sim_world *world);
void sim_publish_pack(sim_world *world, uint32_t version);
bool sim_register(sim_world *world, sim_node *edge);
void sim_authority_init(sim_world *world);

/* ---- faults.c ---- */
void sim_swarm_draw(sim_world *world);
void sim_faults_plan(sim_world *world);
void sim_on_fault(sim_world *world, uint32_t kind);
void sim_on_relief(sim_world *world, uint32_t node, uint32_t what);
void sim_calm(sim_world *world);

/* ---- recovery.c: the hub is set back ---- */
void sim_hub_loss(sim_world *world);
/* An operator looks after a hub that does not know whom it revoked. */
void sim_hub_operate(sim_world *world);
/* What the hub had is lost: nobody owes what neither its author can bring, nor the heir has. */
void sim_hub_excuse(sim_world *world, const sim_node *heir);
/* Called when the hub starts from another disk: what was known of it is no more. */
void sim_hub_forget(sim_world *world, sim_node *hub);
/* Has the hub told this device, since it was set back, what it holds? Until then receipts and place
 * are of before. */
bool sim_is_greeted(const sim_world *world, const sim_node *edge);
void sim_follow_word(sim_world *world, sim_node *node); /* who knows of the loss by now? */

/* ---- losses.c: what is lost for good ---- */
/* False: its lines went first; it burns the next time that this is called. */
bool sim_lose_station(sim_world *world);
void sim_lose_centre(sim_world *world);
/* Has the one that was replaced, if it came back, learnt who is the centre by now? */
bool sim_former_knows(const sim_world *world);
/* The store is open as the centre's that it is to be. */
hf_status sim_promote(sim_world *world, sim_node *hub);
/* An operator who has noticed it: a station is revoked, and nobody goes there any more. */
void sim_losses_operate(sim_world *world);

/* ---- observe.c ---- */
sim_dot *sim_dot_find(sim_world *world, const hf_dot *dot); /* NULL: never seen */
unsigned sim_origin_node(const sim_world *world, const hf_origin_id *origin, size_t *index);
/* Looks at what is new in the node's store since the last time, and whether it may be. */
void sim_observe(sim_world *world, sim_node *node);
/* Is all that was there still there? Also learns which bodies have come since. */
void sim_observe_again(sim_world *world, sim_node *node);
/* Its store steps over this entry. */
bool sim_is_hole(const sim_node *node, const hf_dot *dot);
bool sim_at_station(const sim_world *world, const sim_node *node); /* its link leads to one */
bool sim_may_hold(const sim_world *world, const sim_node *node, const sim_dot *dot);
bool sim_may_write(const sim_node *node, uint32_t scope);
void sim_observe_free(sim_world *world);
/* Sessions that last will have to carry this entry: L4. */
void sim_tell_links(sim_world *world, const sim_node *node, const sim_dot *dot);

/* ---- references.c ---- */
void sim_check_references(sim_world *world, const hf_entry *entry); /* one not seen before */

/* ---- receipts.c ---- */
void sim_look_at_receipts(sim_world *world, sim_node *node);
void sim_forget_receipts(sim_node *node); /* its disk was set back */
/* Has a hub signed for all that it acknowledged to this device? */
bool sim_all_signed(const sim_world *world, const sim_node *node);

/* ---- outages.c ---- */
void sim_outage_hub_dies(sim_world *world, sim_node *hub);
void sim_outage_doubt(sim_node *node); /* what it notes of its own life may not be exact */
void sim_outage_hub_begins(sim_world *world, sim_node *hub);
void sim_outage_look(sim_world *world, sim_node *edge); /* after its turn */
void sim_outage_judge(sim_world *world);                /* once settled */

/* Where the node's feed has brought one log in one scope; made when it is new. */
sim_tail *sim_tail_of(sim_node *node, const sim_dot *dot, uint32_t origin);

/* ---- based.c ---- */
/* Learns what the node's snapshots stand for, if that has changed. */
void sim_observe_bases(sim_world *world, sim_node *node);
bool sim_outdated(const sim_node *node); /* it waits for another one, and says so */

/* ---- clone.c ---- */
void sim_clone(sim_world *world);
void sim_clone_wrote(sim_node *node); /* it was told "saved" */
/* Who wrote a second branch has another name by now, and the branch is at the hub under that. */
bool sim_clone_is_told(const sim_world *world);

/* ---- metamorphic.c ---- */
void sim_metamorphic_judge(sim_world *world); /* once settled */

/* ---- storm.c ---- */
void sim_storm(sim_world *world);

/* ---- invariants.c ---- */
bool sim_is_at_hub(sim_world *world, const hf_dot *dot); /* with its hashes alone it is not */
void sim_look_at_snapshot(sim_world *world, sim_node *node);
void sim_look(sim_world *world, sim_node *node); /* S3 to S6 at one replica, now */
bool sim_knows_centre(const sim_world *world, const sim_node *node); /* by its list of hubs */
bool sim_settled(sim_world *world);        /* all that should be everywhere is */
void sim_last_judgement(sim_world *world); /* all of it, once settled */

#endif
