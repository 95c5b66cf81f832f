/* fleet_judge.c: did all of it come back, is it alike everywhere, how long did each lane take, and
 * does the centre's own account say so? */
#include "fleet_private.h"

#include "hub/recovery.h"

#include <string.h>

/* In seconds of the world: custody and risk to life first. */
static const uint64_t LANE_MAX_S[HF_LANE_COUNT] = {120, 120, 300, 300, 900, 900, 900};

static bool is_over(const fleet_node *device)
{
    for (size_t lane = 0; lane < HF_LANE_COUNT; lane++)
        if (device->waited[lane]) return false;
    return true;
}

void fleet_note_receipts(fleet *f, fleet_node *device)
{
    hf_dot dot;
    bool at_centre;
    while (hf_edge_next_receipt(device->edge, &dot, &at_centre)) {
        if (!at_centre || f->dark || !device->waited[dot.lane]) continue;
        if (dot.seq < device->waited[dot.lane]) continue;
        device->waited[dot.lane] = 0;
        uint64_t seconds = f->back_ms ? (f->now_ms - f->back_ms + 999) / 1000 : 0;
        if (seconds > f->out->drained_s[dot.lane]) f->out->drained_s[dot.lane] = seconds;
    }
}

static bool alike(const fleet_node *node, const fleet_node *centre)
{
    for (size_t i = 0; i < node->scope_count; i++) {
        uint8_t here[HF_HASH_SIZE], there[HF_HASH_SIZE];
        if (hf_store_digest(node->store, node->scopes[i], here) != HF_OK ||
            hf_store_digest(centre->store, node->scopes[i], there) != HF_OK ||
            memcmp(here, there, sizeof here) != 0)
            return false;
    }
    return true;
}

/* The first of whom more is to come; NULL: nothing is. */
static const fleet_node *unsettled(const fleet *f, const char **why)
{
    const fleet_node *centre = &f->nodes[FLEET_CENTRE];
    for (size_t i = 1; i < FLEET_NODES; i++) {
        const fleet_node *node = &f->nodes[i];
        if (node->revoked) continue;
        *why = "has entries that are not acknowledged";
        if (i >= FLEET_FIRST && !is_over(node)) return node;
        *why = "does not hold what the centre holds";
        if (!alike(node, centre)) return node;
    }
    return NULL;
}

bool fleet_is_settled(fleet *f)
{
    const char *why;
    return !unsettled(f, &why);
}

/* ---- the centre's own account ---- */

static void check_account(fleet *f, const hf_recovery *r, const hf_episode *episode)
{
    if (r->fault[0])
        fleet_wrong(f, "the account does not add up: %s", r->fault);
    else if (r->entries != f->out->entries || r->missing)
        fleet_wrong(f, "the account has %llu entries, %llu of them missing, and %llu were written",
                    (unsigned long long)r->entries, (unsigned long long)r->missing,
                    (unsigned long long)f->out->entries);
    else if (episode->ended_ms - episode->began_ms < 6 * FLEET_HOUR_MS)
        fleet_wrong(f, "the account says that it lasted %llu ms",
                    (unsigned long long)(episode->ended_ms - episode->began_ms));
}

static void judge_account(fleet *f)
{
    fleet_node *centre = &f->nodes[FLEET_CENTRE];
    uint64_t wall_ms = fleet_wall_ms(f, centre);
    hf_episodes episodes;
    hf_recovery recovery;
    hf_status status = hf_episodes_read(centre->store, centre->hub, 0, wall_ms, &episodes);
    if (!fleet_fine(f, centre, status, "tell of outages")) return;
    size_t newest = hf_episodes_find(&episodes, 0, false);
    if (newest == HF_NOBODY) {
        fleet_wrong(f, "the centre knows of no outage");
    } else {
        status = hf_recovery_compute(centre->store, &episodes, newest, wall_ms, &recovery);
        if (fleet_fine(f, centre, status, "account for it")) {
            check_account(f, &recovery, &episodes.items[newest]);
            hf_recovery_free(&recovery);
        }
    }
    hf_episodes_free(&episodes);
}

void fleet_judge(fleet *f)
{
    const char *why;
    const fleet_node *left = unsettled(f, &why);
    if (left) fleet_wrong(f, "%s %s", left->name, why);
    for (size_t lane = 0; lane < HF_LANE_COUNT; lane++)
        if (f->out->drained_s[lane] > LANE_MAX_S[lane])
            fleet_wrong(f, "lane %zu took %llu s", lane,
                        (unsigned long long)f->out->drained_s[lane]);
    hf_standing standing;
    fleet_node *centre = &f->nodes[FLEET_CENTRE];
    if (!fleet_fine(f, centre, hf_store_standing(centre->store, &standing), "be asked")) return;
    f->out->conflicts = standing.conflicts;
    if (standing.conflicts != FLEET_DISPUTES)
        fleet_wrong(f, "%d disputes were begun, and %llu are listed", FLEET_DISPUTES,
                    (unsigned long long)standing.conflicts);
    if (standing.withheld)
        fleet_wrong(f, "%llu entries are withheld", (unsigned long long)standing.withheld);
    judge_account(f);
}
