/* recovery.c: the hub's disk is set back by minutes or hours: a backup that was restored, a copy
 * that was put back, a controller that lied about its last writes.
 *
 * What its devices had brought must come back from them, by itself; whom it had revoked must stay
 * outside; and no device may be shown that the hub has what it lost. */
#include "world_private.h"

#include "sync/control.h"
#include "sync/log.h"

#include <string.h>

typedef enum loss {
    LOSS_SILENT,   /* nothing beside the store tells: its guard went back with it */
    LOSS_RESTORED, /* by the command: it knows that it was set back */
    LOSS_ELSEWHERE /* on another machine: nothing stood beside the store */
} loss;

static void count_devices(const sim_world *world, unsigned *registered, unsigned *revoked)
{
    *registered = *revoked = 0;
    for (unsigned i = 1; i < world->node_count; i++) {
        *registered += world->nodes[i].registered;
        *revoked += world->nodes[i].revoked;
    }
}

static uint64_t own_control(sim_node *hub)
{
    hf_log_state log = {.seq = 0};
    const hf_origin_row *own = hf_store_own_origin(hub->store);
    sim_disk_look(hub->disk, true);
    hf_status status = hf_log_state_get(hub->store, own->no, HF_LANE_CONTROL, &log);
    sim_disk_look(hub->disk, false);
    return status == HF_OK ? log.seq : UINT64_MAX;
}

static void take_backup(sim_world *world, sim_node *hub)
{
    hub->at_backup.control = own_control(hub);
    count_devices(world, &hub->at_backup.registered, &hub->at_backup.revoked);
    sim_node_crash(world, hub, false);
    hub->backup = sim_disk_copy(hub->disk, ".fence");
}

static void lose(const sim_node *hub, const char *end)
{
    size_t *size;
    if (sim_disk_rot(hub->disk, end, &size)) *size = 0;
}

/* Of a silent loss only one that took none of the hub's own decisions: what it would decide anew
 * under the same seqs, before a device that knows the old ones came back, is beyond repair. */
static loss choose(sim_world *world, sim_node *hub)
{
    unsigned registered, revoked;
    count_devices(world, &registered, &revoked);
    uint64_t which = sim_random_below(&world->random, 3);
    bool control_lost = own_control(hub) != hub->at_backup.control;
    if (which == LOSS_SILENT && control_lost) return LOSS_RESTORED;
    /* Devices that were enrolled since would have to be enrolled again. */
    if (which == LOSS_ELSEWHERE && registered != hub->at_backup.registered) return LOSS_RESTORED;
    return (loss)which;
}

void sim_hub_loss(sim_world *world)
{
    static const char *const NAMES[] = {"silently", "from its backup", "on another machine"};
    sim_node *hub = &world->nodes[SIM_HUB];
    if (!hub->up) return;
    if (!hub->backup) {
        take_backup(world, hub);
        return;
    }
    loss how = choose(world, hub);
    sim_node_crash(world, hub, false);
    if (!sim_disk_restore(hub->disk, hub->backup)) return;
    sim_image_free(hub->backup);
    hub->backup = NULL;
    if (how != LOSS_SILENT) lose(hub, ".guard");
    if (how == LOSS_ELSEWHERE) lose(hub, ".fence");
    hub->set_back = hub->just_restored = true;
    sim_outage_doubt(hub); /* it can know of no life after its backup */
    world->hub_lost_ms = world->now_ms;
    if (how == LOSS_SILENT) world->lost_in_silence = true;
    world->result->counts.hub_lost++;
    sim_say(world, "the hub is set back %s", NAMES[how]);
}

/* Can anyone bring it back? Its author, if it holds it in a log that it still sends. */
static bool is_owed(const sim_world *world, const sim_dot *dot)
{
    const sim_node *author = &world->nodes[dot->author];
    bool here = !sim_is_centres(world, dot) && dot->held >> author->index & 1;
    return here && !author->set_back && !author->revoked && !author->lost_ms;
}

void sim_hub_excuse(sim_world *world, const sim_node *heir)
{
    uint64_t bit = heir ? 1ull << heir->index : 0;
    for (size_t i = 0; i < world->dot_count; i++) {
        sim_dot *dot = &world->dots[i];
        bool inherited = dot->held & bit && !(dot->hollow & bit);
        if (dot->held & 1 && !inherited && !is_owed(world, dot)) dot->excused = true;
    }
}

void sim_hub_forget(sim_world *world, sim_node *hub)
{
    for (size_t i = 0; i < world->dot_count; i++) {
        sim_dot *dot = &world->dots[i];
        dot->held &= ~1ull;
        dot->based &= ~1ull;
        dot->hollow &= ~1ull;
        dot->hub_position = dot->opened_at = 0;
        dot->by_operator = dot->withheld = dot->acked_now = false;
    }
    hub->feed_count = hub->tail_count = 0;
    hub->epoch_known = false;
    for (unsigned i = 1; i < world->node_count; i++) {
        sim_node *edge = &world->nodes[i];
        edge->stale = true;
        edge->greeted_ms = 0;
        sim_forget_receipts(edge);
        edge->stale_cursor = edge->cursor;
        edge->cursor = 0;
        memset(edge->acked, 0, sizeof edge->acked);
    }
}

/* On its present link it hears of a hub that knows of the loss. */
static bool is_told(const sim_world *world, const sim_node *edge)
{
    hf_edge_status status;
    if (!edge->up || edge->link >= SIM_LINKS_MAX) return false;
    const sim_link *link = &world->links[edge->link];
    hf_edge_status_get(edge->edge, &status);
    /* A station asks after what it relayed before it is in sync. */
    hf_link_state least = edge->is_station ? HF_LINK_IN_SYNC : HF_LINK_CATCHING_UP;
    if (status.link < least) return false;
    if (link->hub == SIM_HUB) return link->opened_ms >= world->hub_lost_ms;
    /* A station that hears of it ends its sessions; those that it did not end say what is so,
     * though they began before the loss. */
    uint64_t greeted_ms = world->nodes[link->hub].greeted_ms;
    bool ended = link->opened_ms > greeted_ms || world->now_ms > greeted_ms + SIM_MINUTE;
    return greeted_ms && ended;
}

bool sim_is_greeted(const sim_world *world, const sim_node *edge)
{
    return !edge->stale || is_told(world, edge);
}

static void note_welcome(const sim_world *world, sim_node *node)
{
    hf_edge_status status;
    if (!node->up || node->link >= SIM_LINKS_MAX) return;
    const sim_link *link = &world->links[node->link];
    hf_edge_status_get(node->edge, &status);
    if (status.link >= HF_LINK_CATCHING_UP) node->heard_ms[link->hub] = link->opened_ms;
}

void sim_follow_word(sim_world *world, sim_node *node)
{
    note_welcome(world, node);
    if (!world->hub_lost_ms) return;
    bool told = is_told(world, node);
    if (node->is_station && told && !node->greeted_ms) node->greeted_ms = world->now_ms;
    /* The hub itself did not notice its loss, so nobody can tell this station's word from a new
     * one. */
    const sim_node *at =
        sim_at_station(world, node) ? &world->nodes[world->links[node->link].hub] : NULL;
    if (at && ((!at->greeted_ms && world->lost_in_silence) || at->was_centre)) node->misled = true;
    if (told) node->misled = false;
}

/* What the README tells an operator: revoke again whom you know to be lost, then let it serve. */
void sim_hub_operate(sim_world *world)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    if (!hub->up || !hf_hub_uploads_only(hub->hub)) return;
    if (!world->calm && world->now_ms - world->hub_lost_ms < 5 * SIM_MINUTE) return;
    hub->wall_seen_ms = sim_node_wall(world, hub);
    hf_status status = HF_OK;
    for (unsigned i = 1; i < world->node_count && status == HF_OK; i++)
        if (world->nodes[i].revoked)
            status = hf_hub_revoke(hub->hub, world->nodes[i].name, "Insp Hall", "lost in town",
                                   hub->wall_seen_ms);
    if (status == HF_OK)
        status = hf_hub_accept_control_loss(hub->hub, "Insp Hall", "as far as is known",
                                            hub->wall_seen_ms);
    if (!sim_node_alive(world, hub)) return;
    if (!sim_status_sane(world, hub, status, "accept")) return;
    sim_say(world, "the hub serves again");
    sim_observe(world, hub);
    if (hub->up) sim_node_wake(world, hub, world->now_ms);
}
