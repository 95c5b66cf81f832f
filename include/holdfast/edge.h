/* edge.h: a whole edge node, driven from the caller's own loop: bytes and time in, bytes out.
 *
 * The node opens no socket, reads no clock and starts no thread. A loop does, each turn:
 * dial when hf_edge_wants_link says so; hf_edge_recv for each message that came; hf_edge_turn once;
 * then hf_edge_send until it has nothing more; sleep until hf_edge_deadline_ms or an event.
 * `now_ms` is monotonic and runs timeouts; `wall_ms` is Unix time and feeds only the hlc. */
#ifndef HOLDFAST_EDGE_H
#define HOLDFAST_EDGE_H

#include "holdfast/crypto.h"
#include "holdfast/store.h"

typedef struct hf_edge hf_edge;

typedef struct hf_edge_options {
    const char *implementation; /* shown to the hub, e.g. "holdfast-edge 0.1" */
} hf_edge_options;

/* Takes `store`, which must outlive the edge and may be written to by the caller between turns. */
HF_MUST_CHECK hf_status hf_edge_new(hf_store *store, const hf_edge_options *options, hf_edge **out);
void hf_edge_free(hf_edge *edge); /* NULL is fine; the store stays open */

/* How many hubs it may go to, best first: 1 unless told. It takes the first that answers, falls
 * back at once when that is lost, and moves up again when a better one answers. */
void hf_edge_hubs(hf_edge *edge, size_t count);
/* They are others, in another order, and the one that we are linked to is the `at`-th of them;
 * `at` = `count`: none of them, and the caller ends that link. */
void hf_edge_hubs_changed(hf_edge *edge, size_t count, size_t at, uint64_t now_ms);

/* A place where this node may go, by the list that the centre signed. */
typedef struct hf_hub_place {
    char address[HF_ADDRESS_TEXT_SIZE]; /* "host:port" */
    char name[HF_NAME_SIZE];            /* as its certificate says */
    uint8_t key_id[HF_HASH_SIZE];       /* whoever else answers there is not the one */
    bool is_centre;
} hf_hub_place;
/* Best first; *count: room, then how many; 0: there is no list, and the configuration counts. */
HF_MUST_CHECK hf_status hf_edge_places(hf_edge *edge, hf_hub_place *out, size_t *count);
uint64_t hf_edge_places_changes(const hf_edge *edge); /* rises when they may be others */
/* The list as one message, for a hub that takes itself for the centre and is not the one of the
 * list
 * (`*message` empty: there is none, or it is). Borrowed until the next call on the edge. */
HF_MUST_CHECK hf_status hf_edge_hubs_message(hf_edge *edge, const hf_certificate *hub,
                                             hf_bytes *message);
bool hf_edge_wants_link(const hf_edge *edge, uint64_t now_ms); /* true: dial hf_edge_hub now */
size_t hf_edge_hub(const hf_edge *edge);
/* While linked: is it time to see whether a better one answers? Dial `*hub` beside the link that
 * there is; if it opens, hf_edge_link_move, else hf_edge_better_failed. */
bool hf_edge_wants_better(const hf_edge *edge, uint64_t now_ms, size_t *hub);
void hf_edge_better_failed(hf_edge *edge, uint64_t now_ms);
void hf_edge_link_move(hf_edge *edge, size_t hub_index, const hf_certificate *hub, uint64_t now_ms);
/* `hub`: what the certificate says that TLS proved; NULL: not known, and taken for the centre. */
void hf_edge_link_up(hf_edge *edge, const hf_certificate *hub, uint64_t now_ms);
/* The link is gone, or could not be made: the next dial is planned (full jitter). */
void hf_edge_link_down(hf_edge *edge, uint64_t now_ms);

/* Takes one whole message in. HF_ERR_PROTOCOL/HF_ERR_LIMIT: send what hf_edge_send gives (it is the
 * ERROR frame), then close the link. Nothing of a refused message applies. Copies `message`. */
HF_MUST_CHECK hf_status hf_edge_recv(hf_edge *edge, hf_bytes message, uint64_t now_ms);
/* Commits what arrived, in one transaction, and moves timers. Statuses of the store pass through;
 * on HF_ERR_FULL or HF_ERR_IO nothing was acknowledged and the link should be closed. */
HF_MUST_CHECK hf_status hf_edge_turn(hf_edge *edge, uint64_t now_ms, uint64_t wall_ms);
/* The next message to send, borrowed until the next call on the edge; size 0 when there is none. */
HF_MUST_CHECK hf_status hf_edge_send(hf_edge *edge, uint64_t now_ms, hf_bytes *message);
bool hf_edge_wants_close(const hf_edge *edge);     /* all sent: close the link */
uint64_t hf_edge_deadline_ms(const hf_edge *edge); /* UINT64_MAX: none */

/* What became safe since the last call: the newest entry of a log of ours that the hub holds
 * durably, and so all before it; `*at_centre` (may be NULL) tells whether the centre does, or only
 * the station that we are connected to. Call until false, after each turn; told again on a new
 * link. */
bool hf_edge_next_receipt(hf_edge *edge, hf_dot *out, bool *at_centre);

/* A new certificate for our key came in place of ours, checked; the same until
 * hf_edge_certificate_kept. The owner puts it on disk, then into the crypto table, says so, and
 * dials with it from now on. */
bool hf_edge_certificate(const hf_edge *edge, hf_bytes *der);
void hf_edge_certificate_kept(hf_edge *edge, bool kept); /* false: it could not be stored */

/* Wall time as the hub's authenticated time corrects it, and how far it is to be trusted. What
 * hf_author wants. */
void hf_edge_clock(const hf_edge *edge, uint64_t now_ms, uint64_t wall_ms, uint64_t *true_ms,
                   uint8_t *quality);

typedef enum hf_link_state {
    HF_LINK_DOWN,     /* no hub in reach */
    HF_LINK_GREETING, /* connected, not yet welcome */
    HF_LINK_CATCHING_UP,
    HF_LINK_IN_SYNC /* all of ours acknowledged, all of the hub's feed applied */
} hf_link_state;

typedef struct hf_edge_status {
    hf_link_state link;
    uint64_t since_ms;          /* monotonic: in this state since then */
    uint64_t redial_at_ms;      /* monotonic; 0 when not planned */
    uint64_t last_sync_wall_ms; /* last time in sync, hub time; 0 never */
    int64_t clock_offset_ms;    /* hub's clock minus ours; 0 until known */
    bool clock_known;
    bool is_station;                  /* the hub that we are connected to is one */
    char hub_name[HF_NAME_SIZE];      /* what its certificate calls it; "" when not connected */
    uint8_t hub_key[HF_HASH_SIZE];    /* and its key */
    uint64_t linked_at_ms;            /* monotonic: connected to it since then */
    bool cut_off;                     /* an outage, as this device sees it; it lasts */
    bool drill;                       /* ... on purpose */
    uint64_t contact_wall_ms;         /* when the hub last answered, hub time; 0: not in this run */
    bool fetching;                    /* a snapshot is on its way ... */
    uint32_t parts_here, parts_count; /* ... of which so many parts are here; of 0: it is made */
    char certificate_problem[160];    /* why ours is not renewed though it is time; "" */
    char last_error[160];             /* why the last link ended; "" when it did not */
} hf_edge_status;
/* Room on the device's disk, as its owner measured it: told to the hub, for its readiness. */
void hf_edge_free_mib(hf_edge *edge, uint64_t free_mib);
void hf_edge_status_get(const hf_edge *edge, hf_edge_status *out);
/* When our own certificate holds; zeros when there is none. */
hf_validity hf_edge_validity(hf_edge *edge);

#endif
