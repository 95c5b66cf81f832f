/* fleet_private.h: the fleet's insides, shared by fleet.c (processes, links, time), fleet_day.c
 * (what people do and what goes wrong) and fleet_judge.c. */
#ifndef SIM_FLEET_PRIVATE_H
#define SIM_FLEET_PRIVATE_H

#include "fleet.h"

#include "holdfast/edge.h"
#include "holdfast/hub.h"
#include "random.h"
#include "sim_crypto.h"
#include "sim_vfs.h"
#include "sync/limits.h"
#include "sync/log.h"

enum {
    FLEET_STATIONS = 27,
    FLEET_DEVICES = 270,
    FLEET_FORCES = 9,
    FLEET_CENTRE = 0,
    FLEET_FIRST = 1 + FLEET_STATIONS, /* the first device */
    FLEET_NODES = FLEET_FIRST + FLEET_DEVICES,
    FLEET_SCOPES_MAX = 3,  /* a station: its force, its neighbour's, the region */
    FLEET_RECORDS_MAX = 8, /* of its own that a device goes on with */
    FLEET_DISPUTES = 40
};

typedef struct fleet_node {
    unsigned index;
    char name[24];
    sim_disk *disk;
    sim_crypto crypto;
    hf_store *store; /* NULL: it is down */
    hf_hub *hub;     /* the centre's and a station's */
    hf_edge *edge;   /* a device's; a station's upstream */
    unsigned hubs[2];
    size_t hub_count;
    unsigned at;   /* whose */
    hf_peer *peer; /* ... end of its link this is; NULL: no link */
    bool revoked, dirty;
    uint64_t due_ms, write_ms; /* next turn; next entry */
    int64_t skew_ms;
    uint32_t scopes[FLEET_SCOPES_MAX];
    size_t scope_count;
    hf_record_id records[FLEET_RECORDS_MAX];
    size_t record_count;
    uint64_t waited[HF_LANE_COUNT]; /* last seq of the outage, by lane; 0: none */
} fleet_node;

typedef struct fleet {
    fleet_node nodes[FLEET_NODES];
    uint64_t now_ms, write_every_ms;
    sim_random random;
    hf_authority authority;
    bool dark, verbose;
    uint64_t back_ms;
    uint64_t seed;
    hf_record_id disputed[FLEET_DISPUTES];
    sim_fleet_result *out;
} fleet;

/* ---- fleet.c ---- */
void fleet_wrong(fleet *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool fleet_fine(fleet *f, const fleet_node *node, hf_status status, const char *doing);
uint64_t fleet_wall_ms(const fleet *f, const fleet_node *node);
void fleet_open(fleet *f, fleet_node *node);
void fleet_shut(fleet *f, fleet_node *node, bool power_cut);
void fleet_cut(fleet *f, fleet_node *node);
/* Until then; true: nothing has gone wrong. */
bool fleet_run_until(fleet *f, uint64_t until_ms);

/* ---- fleet_day.c ---- */
static const uint64_t FLEET_HOUR_MS = 60 * 60 * 1000;
void fleet_write(fleet *f, fleet_node *device);
void fleet_make_disputed(fleet *f);
void fleet_day(fleet *f); /* the centre is lost, all goes wrong, the centre is back */

/* ---- fleet_judge.c ---- */
/* Devices hear how far each of their logs has come. */
void fleet_note_receipts(fleet *f, fleet_node *device);
bool fleet_is_settled(fleet *f);
void fleet_judge(fleet *f);

#endif
