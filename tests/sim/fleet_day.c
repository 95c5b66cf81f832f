/* fleet_day.c: what officers write while the centre is dark, and what goes wrong on top: the plan
 * of tests/replay in virtual time, at full size. */
#include "fleet_private.h"

#include <stdio.h>
#include <string.h>

enum {
    FLAP_MS = 40 * 1000,
    NEW_RECORD = 500, /* per thousand writes; the others go on with a record of one's own */
    REGION = 0        /* index of the scope that all hold */
};
static const int64_t YEAR_MS = 365ll * 24 * 60 * 60 * 1000;

static const struct {
    const char *type, *field;
    hf_change_kind kind;
    uint32_t
        share; /* per thousand writes, as domain.md 4.4 has them, notes and incidents thinned */
} STREAMS[] = {
    {"custody", "log", HF_CHANGE_ADD, 250},        {"incident", "log", HF_CHANGE_ADD, 300},
    {"crime", "log", HF_CHANGE_ADD, 200},          {"note", "subject", HF_CHANGE_SET, 100},
    {"intelligence", "items", HF_CHANGE_ADD, 100}, {"case", "actions", HF_CHANGE_ADD, 50}};

/* ---- writing ---- */

static hf_bytes bytes_of(const char *text)
{
    return (hf_bytes){(const uint8_t *)text, strlen(text)};
}

static void note_saved(fleet *f, fleet_node *device, const hf_dot *dots, size_t count)
{
    for (size_t i = 0; i < count && f->dark; i++) {
        device->waited[dots[i].lane] = dots[i].seq;
        f->out->entries++;
    }
}

/* One change of one record: a new one where the id is of no type yet. */
static hf_status write_one(fleet *f, fleet_node *device, const char *type, const char *field,
                           hf_change *change)
{
    hf_author author = {.actor = device->name};
    hf_edge_clock(device->edge, f->now_ms, fleet_wall_ms(f, device), &author.wall_ms,
                  &author.quality);
    const hf_type *of = hf_pack_type_named(hf_store_pack(device->store), bytes_of(type));
    hf_txn *txn = NULL;
    hf_buffer value = {0};
    hf_dot dots[4];
    size_t count = 4;
    char text[48];
    snprintf(text, sizeof text, "%s at %llu", device->name, (unsigned long long)f->now_ms);
    hf_write_string(&value, text);
    hf_status status = of ? hf_txn_begin(device->store, &author, &txn) : HF_ERR_NOT_FOUND;
    if (status == HF_OK && change->record.type == 0)
        status = hf_txn_new_id(txn, of->number, &change->record);
    if (status == HF_OK) {
        change->field = hf_type_field_named(of, bytes_of(field))->number;
        change->value = hf_buffer_bytes(&value);
        status = hf_txn_change(txn, change);
    }
    if (status == HF_OK)
        status = hf_txn_commit(txn, dots, &count);
    else
        hf_txn_rollback(txn);
    hf_buffer_free(&value);
    if (status == HF_OK) note_saved(f, device, dots, count);
    device->dirty = true;
    return status;
}

static size_t pick_stream(sim_random *random)
{
    uint64_t pick = sim_random_below(random, 1000);
    size_t i = 0;
    for (; pick >= STREAMS[i].share; i++) pick -= STREAMS[i].share;
    return i;
}

void fleet_write(fleet *f, fleet_node *device)
{
    device->write_ms = f->now_ms + 1 + sim_random_wait(&f->random, f->write_every_ms);
    if (!device->store) return;
    size_t stream = pick_stream(&f->random);
    hf_change change = {.scope = device->scopes[1], .kind = STREAMS[stream].kind};
    const hf_type *type =
        hf_pack_type_named(hf_store_pack(device->store), bytes_of(STREAMS[stream].type));
    size_t at = device->record_count ? sim_random_below(&f->random, device->record_count) : 0;
    bool is_new = !device->record_count || change.kind == HF_CHANGE_SET ||
                  device->records[at].type != type->number ||
                  sim_random_chance(&f->random, NEW_RECORD);
    if (!is_new) change.record = device->records[at];
    hf_status status = write_one(f, device, STREAMS[stream].type, STREAMS[stream].field, &change);
    if (!fleet_fine(f, device, status, "write") || !is_new) return;
    if (device->record_count == FLEET_RECORDS_MAX)
        device->records[at] = change.record;
    else
        device->records[device->record_count++] = change.record;
}

/* ---- one record, two officers who cannot see each other ---- */

static fleet_node *device_at(fleet *f, size_t number)
{
    return &f->nodes[FLEET_FIRST + number % FLEET_DEVICES];
}

void fleet_make_disputed(fleet *f)
{
    for (size_t i = 0; i < FLEET_DISPUTES; i++) {
        fleet_node *device = device_at(f, 3 * i);
        hf_change change = {.scope = device->scopes[REGION], .kind = HF_CHANGE_ADD};
        if (!fleet_fine(f, device, write_one(f, device, "crime", "log", &change), "begin")) return;
        f->disputed[i] = change.record;
    }
}

static void dispute(fleet *f)
{
    for (size_t i = 0; i < FLEET_DISPUTES; i++)
        for (size_t j = 0; j < 2; j++) { /* neighbours: of two stations, or alone */
            fleet_node *device = device_at(f, 60 + 2 * i + j);
            hf_change change = {.record = f->disputed[i], .kind = HF_CHANGE_SET};
            hf_status status = write_one(f, device, "crime", "summary", &change);
            (void)fleet_fine(f, device, status, "dispute");
        }
}

/* ---- the day ---- */

static void say(const fleet *f, const char *what)
{
    if (f->verbose) fprintf(stderr, "%7llu s  %s\n", (unsigned long long)f->now_ms / 1000, what);
}

static void restart(fleet *f, fleet_node *node, bool power_cut, int64_t skew_ms)
{
    fleet_shut(f, node, power_cut);
    node->skew_ms = skew_ms;
    fleet_open(f, node);
}

/* By a command on the dead centre's files. */
static void revoke(fleet *f, fleet_node *device)
{
    fleet_node *centre = &f->nodes[FLEET_CENTRE];
    fleet_open(f, centre);
    if (f->out->wrong[0]) return;
    hf_status status =
        hf_hub_revoke(centre->hub, device->name, "Insp Hall", "stolen", fleet_wall_ms(f, centre));
    (void)fleet_fine(f, centre, status, "revoke");
    fleet_shut(f, centre, false);
    device->revoked = true;
    device->write_ms = 0;
    memset(device->waited, 0, sizeof device->waited);
}

static void move_to(fleet *f, fleet_node *device, unsigned station)
{
    fleet_cut(f, device);
    device->hubs[0] = station;
    device->hub_count = 1;
    hf_edge_hubs(device->edge, 1);
    device->dirty = true;
}

static void trouble(fleet *f, unsigned minute)
{
    enum { BEHIND = 4, AHEAD = 9, STOLEN = 14, CUT = 100, GUEST = 30 }; /* 4, 9, 14: alone */
    fleet_node *full = &f->nodes[5], *cut = &f->nodes[17];
    switch (minute) {
    case 0:
        restart(f, device_at(f, BEHIND), false, -3 * YEAR_MS);
        restart(f, device_at(f, AHEAD), false, 40 * 60000);
        break;
    case 1: revoke(f, device_at(f, STOLEN)); break; /* it has written nothing yet */
    case 60: dispute(f); break;
    case 120: sim_disk_set_room(full->disk, 0); break;
    case 140: sim_disk_set_room(full->disk, UINT64_MAX); break;
    case 180:
        restart(f, cut, true, 0);
        restart(f, device_at(f, CUT), true, 0);
        break;
    case 300: /* one in twenty comes back through the station of the force before its own */
        for (unsigned i = 0; i < FLEET_DEVICES / 20; i++) {
            fleet_node *guest = device_at(f, GUEST + 7 * i);
            unsigned own = (guest->index - FLEET_FIRST) % FLEET_STATIONS;
            move_to(f, guest, 1 + (own + FLEET_STATIONS - 1) % FLEET_STATIONS);
        }
        break;
    default: break;
    }
}

static void flap(fleet *f)
{
    for (int i = 0; i < 2; i++) {
        fleet_open(f, &f->nodes[FLEET_CENTRE]);
        if (!fleet_run_until(f, f->now_ms + FLAP_MS)) return;
        fleet_shut(f, &f->nodes[FLEET_CENTRE], true);
        if (!fleet_run_until(f, f->now_ms + FLAP_MS)) return;
    }
}

void fleet_day(fleet *f)
{
    const unsigned minutes = 6 * 60 + 10;
    uint64_t began_ms = f->now_ms;
    say(f, "the centre is lost");
    fleet_shut(f, &f->nodes[FLEET_CENTRE], true);
    f->dark = true;
    for (unsigned minute = 0; minute < minutes && !f->out->wrong[0]; minute++) {
        trouble(f, minute);
        for (size_t i = 0; minute == 2 && i < FLEET_DEVICES; i++)
            if (!device_at(f, i)->revoked)
                device_at(f, i)->write_ms =
                    f->now_ms + 1 + sim_random_wait(&f->random, f->write_every_ms);
        if (!fleet_run_until(f, began_ms + (minute + 1) * 60000ull)) return;
    }
    f->dark = false;
    for (size_t i = 0; i < FLEET_DEVICES; i++) device_at(f, i)->write_ms = 0;
    say(f, "the centre comes back, and fails twice more");
    flap(f);
    if (f->out->wrong[0]) return;
    fleet_open(f, &f->nodes[FLEET_CENTRE]);
    f->back_ms = f->now_ms;
}
