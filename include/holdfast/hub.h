/* hub.h: a whole hub, driven from the caller's own loop, as an edge is: many links instead of one.
 *
 * Each turn: hf_hub_recv for each message that came, on any link; hf_hub_turn once, which commits
 * all of it in one transaction and only then acknowledges; then for each peer that
 * hf_hub_next_ready names, hf_hub_send until it has nothing more. */
#ifndef HOLDFAST_HUB_H
#define HOLDFAST_HUB_H

#include "holdfast/crypto.h"
#include "holdfast/edge.h"
#include "holdfast/store.h"

typedef struct hf_hub hf_hub;
typedef struct hf_peer hf_peer; /* one device's session; owned by the hub, gone at link_down */

typedef struct hf_certificate_wish {
    hf_bytes public_key; /* SPKI, DER */
    const char *name;
    uint64_t wall_ms;
    const char *const
        *addresses; /* "host:port", by which devices reach a station; none: a device */
    size_t address_count;
} hf_certificate_wish;

/* The CA, lent by the caller: certificates are the platform's business. */
typedef struct hf_authority {
    void *context;
    /* Reads a certificate request and proves that its sender holds the key: HF_ERR_INPUT. */
    hf_status (*read)(void *context, hf_bytes csr, uint8_t public_key[HF_PUBLIC_KEY_MAX],
                      size_t *size);
    /* *size is room on entry and bytes used on return. */
    hf_status (*issue)(void *context, const hf_certificate_wish *wish, uint8_t *out, size_t *size);
} hf_authority;

typedef struct hf_hub_options {
    const char *implementation;
    uint32_t peers_max;            /* more are told to come back later */
    const hf_authority *authority; /* renews certificates; NULL: this hub cannot. Outlives it */
    bool station;                  /* it has an upstream: hf_hub_upstream */
    /* 0: as in limits.h. Smaller ones are for tests: entries that a device lacks before a snapshot
     * is made for it, and raw bytes of a chunk. */
    uint32_t snapshot_behind_min, snapshot_chunk_size;
} hf_hub_options;

HF_MUST_CHECK hf_status hf_hub_new(hf_store *store, const hf_hub_options *options, hf_hub **out);
void hf_hub_free(hf_hub *hub);

/* A station's own session to the centre, over the hub's own store; NULL at the centre. The caller
 * dials, receives and sends by it as an edge does; its turn is part of hf_hub_turn, and so is its
 * deadline while it is connected. */
hf_edge *hf_hub_upstream(hf_hub *hub);
/* The hub begins to serve, or ends: it notes how long it was away, and from now on, in its turns,
 * that it lives. Without these, as for a command that only looks, it notes nothing. */
HF_MUST_CHECK hf_status hf_hub_begin(hf_hub *hub, uint64_t now_ms, uint64_t wall_ms);
HF_MUST_CHECK hf_status hf_hub_rest(hf_hub *hub, uint64_t wall_ms);
/* A drill: until then every device of the unit is refused, through restarts too. One at a time:
 * HF_ERR_BUSY. `until_ms` in the past ends it. */
HF_MUST_CHECK hf_status hf_hub_drill(hf_hub *hub, const char *unit, uint64_t until_ms,
                                     uint64_t wall_ms);

/* May a device with this key connect? By the hub's own table, at every connection. */
bool hf_hub_admits(hf_hub *hub, const uint8_t key_id[HF_HASH_SIZE]);
/* A link with an authenticated key, by a certificate that is `valid` so long: past it the session
 * uploads and renews, no more. HF_ERR_DENIED: unknown or revoked; HF_ERR_LIMIT: full. */
HF_MUST_CHECK hf_status hf_hub_link_up(hf_hub *hub, const uint8_t key_id[HF_HASH_SIZE],
                                       hf_validity valid, uint64_t now_ms, hf_peer **out);
void hf_hub_link_down(hf_hub *hub, hf_peer *peer, uint64_t now_ms);

/* Statuses as hf_edge_recv: not HF_OK means send what is left, then close that link only. */
HF_MUST_CHECK hf_status hf_hub_recv(hf_hub *hub, hf_peer *peer, hf_bytes message, uint64_t now_ms);
HF_MUST_CHECK hf_status hf_hub_turn(hf_hub *hub, uint64_t now_ms, uint64_t wall_ms);
/* A peer with something to send or to be closed, each once a turn; NULL when there is none. */
hf_peer *hf_hub_next_ready(hf_hub *hub);
HF_MUST_CHECK hf_status hf_hub_send(hf_hub *hub, hf_peer *peer, uint64_t now_ms, hf_bytes *message);
bool hf_hub_wants_close(const hf_hub *hub, const hf_peer *peer);
uint64_t hf_hub_deadline_ms(const hf_hub *hub);
/* Why the peer's session ended, for a log: who said so, the code of protocol.md 5 and its words.
 * False: it did not; the link just went. */
bool hf_peer_ended(const hf_peer *peer, char *out, size_t size);
void *hf_peer_context(const hf_peer *peer); /* the driver's own: its socket */
void hf_peer_set_context(hf_peer *peer, void *context);

/* The newest sentence about an entry that a station relayed and this hub refused; "" when none was.
 */
const char *hf_hub_refused(const hf_hub *hub, uint64_t *count);

enum { HF_STATION_ADDRESSES_MAX = 4, HF_STATION_ADDRESS_SIZE = HF_ADDRESS_TEXT_SIZE };
/* A device, or a station, as the control log has it. */
typedef struct hf_device {
    uint8_t key_id[HF_HASH_SIZE];
    char name[128], force[64], unit[64];
    bool revoked, is_hub, every;                                       /* is_hub: a station */
    hf_hlc revoked_at;                                                 /* 0: not known */
    char addresses[HF_STATION_ADDRESSES_MAX][HF_STATION_ADDRESS_SIZE]; /* where devices reach it */
    size_t address_count;
    uint32_t home;        /* the device's own scope */
    uint32_t scopes[256]; /* granted, ascending, without home and common */
    size_t scope_count;
} hf_device;
typedef hf_status (*hf_device_visitor)(void *context, const hf_device *device);
HF_MUST_CHECK hf_status hf_hub_devices(hf_hub *hub, hf_device_visitor visit, void *context);

/* Writes the device's control records; its scopes are made when they are new. Durable when HF_OK.
 * The same key again: HF_OK and nothing changes. */
typedef struct hf_registration {
    const char *name, *force, *unit;
    const char *const *scopes; /* names */
    size_t scope_count;
    hf_bytes certificate;
    const char *const *addresses; /* as hf_certificate_wish's */
    size_t address_count;
} hf_registration;
#define HF_EVERY_SCOPE "*" /* in place of names: of a station */
HF_MUST_CHECK hf_status hf_hub_register(hf_hub *hub, const uint8_t key_id[HF_HASH_SIZE],
                                        const hf_registration *wish, uint64_t wall_ms);
/* Durable when HF_OK; the device's live session ends in the next turn. HF_ERR_NOT_FOUND. */
HF_MUST_CHECK hf_status hf_hub_revoke(hf_hub *hub, const char *name, const char *actor,
                                      const char *reason, uint64_t wall_ms);
/* Entries that must have been and that nobody has, from `first` to `last` of one log: nothing waits
 * for them any more. Should one turn up, it is taken. Durable when HF_OK. */
HF_MUST_CHECK hf_status hf_hub_declare_lost(hf_hub *hub, const hf_dot *first, uint64_t last,
                                            const char *actor, const char *reason,
                                            uint64_t wall_ms);
/* A hub that was set back hands nothing out while it does not know whom it has revoked since: from
 * now on it does, and what is not known is given up. Every session begins anew. */
HF_MUST_CHECK hf_status hf_hub_accept_control_loss(hf_hub *hub, const char *actor,
                                                   const char *reason, uint64_t wall_ms);
bool hf_hub_uploads_only(const hf_hub *hub);
/* The list of hubs that devices go by: this hub, then these stations, in this order. It is signed,
 * and reaches every device and station with the feed. Durable when HF_OK. HF_ERR_DENIED: this is
 * not the centre. Of `*failed`, a station's name: HF_ERR_NOT_FOUND, HF_ERR_INPUT (no station, or
 * one that was revoked or has no address). */
typedef struct hf_hubs_wish {
    const char *name, *address; /* our own */
    const char *const *stations;
    size_t station_count;
    const char *reason;  /* NULL: none was given */
    bool promotes;       /* we are the centre from now on: a new term begins */
    const char **failed; /* may be NULL */
} hf_hubs_wish;
HF_MUST_CHECK hf_status hf_hub_set_hubs(hf_hub *hub, const hf_hubs_wish *wish, const char *actor,
                                        uint64_t wall_ms);
/* A station, opened as the centre that it is to be, with a centre's certificate: begins a new life
 * and term, and signs the list by which all others find it. May be done again. */
HF_MUST_CHECK hf_status hf_hub_promote(hf_hub *hub, const hf_hubs_wish *wish, const char *actor,
                                       uint64_t wall_ms);
/* Scopes that there are and that this station does not hold; *count: room, then how many. */
HF_MUST_CHECK hf_status hf_hub_lacks(hf_hub *hub, hf_scope_view *out, size_t *count);
/* This hub was the centre, and another is by now: nobody is served, and nothing decided. */
bool hf_hub_retired(const hf_hub *hub);
/* Publishes a compiled pack to every device. HF_ERR_INPUT: not newer, or would not converge. */
HF_MUST_CHECK hf_status hf_hub_publish_pack(hf_hub *hub, hf_bytes compiled, uint64_t wall_ms);

/* Announces a planned outage to every device; or calls it off. `id`: of its record. Durable when
 * HF_OK. HF_ERR_INPUT: it ends before it begins, or the reason is empty or too long. */
HF_MUST_CHECK hf_status hf_hub_window(hf_hub *hub, uint64_t from_ms, uint64_t until_ms,
                                      const char *why, uint64_t wall_ms, hf_record_id *id);
HF_MUST_CHECK hf_status hf_hub_window_call_off(hf_hub *hub, const hf_record_id *id,
                                               const char *actor, uint64_t wall_ms);

typedef struct hf_peer_status {
    char name[128];
    uint8_t key_id[HF_HASH_SIZE];
    uint64_t connected_ms; /* monotonic */
    uint64_t fed_position; /* durable at the device */
    bool in_sync;          /* has all of the feed it may see */
} hf_peer_status;
bool hf_peer_status_get(const hf_peer *peer, hf_peer_status *out); /* false: its session is over */
typedef hf_status (*hf_peer_visitor)(void *context, const hf_peer_status *peer);
HF_MUST_CHECK hf_status hf_hub_peers(hf_hub *hub, hf_peer_visitor visit, void *context);

#endif
