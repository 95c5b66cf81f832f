/* thin.c: what is urgent goes first. In every world: did the hub get a device's entries in the
 * order of their lanes? And worlds of one kind more: no faults, one device behind a link of 40
 * kbit/s and a second's round trip, with bulk enough to fill it both ways for as long as the world
 * lasts. */
#include "world_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    THIN_EVERY = 20, /* seeds */
    THIN = 1,        /* the device behind the thin link */
    NEAR = 2,        /* one with a good one, whose work the other is fed */
    URGENT_MAX_MS = 2000,
    URGENT_EVERY_MS = 2 * SIM_SECOND,
    CUT_MS = 20 * SIM_SECOND,    /* until then all is set up */
    STEADY_MS = 15 * SIM_SECOND, /* the link anew: how fast it is must show first */
    BULK_SIZE = 560,
    BULK_PER_SECOND = 10, /* some 6 kB, where the link takes 5 */
    BULK_BEFORE = 400,    /* written while the link is away: 50 s and more of it */
    REST_BEFORE = 300,
    CUSTODY = 21, /* types of the pack, lanes 1, 3 and 5 */
    CRIME = 16,
    INTELLIGENCE = 25
};

typedef enum thin_step { STEP_CUT, STEP_BULK, STEP_URGENT } thin_step;

/* ---- in every world ---- */

static unsigned links_of(const sim_world *world, const sim_node *node)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < SIM_LINKS_MAX; i++)
        if (world->links[i].used && world->links[i].node == node->index) count++;
    return count;
}

/* An entry that its author had before the link was made, is more urgent, and is not at the hub. */
static const sim_dot *more_urgent(const sim_world *world, const sim_link *link, const sim_dot *dot)
{
    for (size_t i = 0; i < world->dot_count; i++) {
        const sim_dot *other = &world->dots[i];
        if (other->dot.lane < dot->dot.lane && !(other->held & 1) &&
            other->held & 1ull << dot->author && other->created_ms < link->opened_ms &&
            memcmp(other->dot.origin.bytes, dot->dot.origin.bytes, HF_ORIGIN_SIZE) == 0)
            return other;
    }
    return NULL;
}

/* Of what came by one link, a twentieth may come before its turn. Twice that is allowed here, and
 * one entry: shares are counted in bytes on the wire, and here in bytes of entries. */
static void check_turn(sim_world *world, sim_link *link, const sim_dot *dot)
{
    const sim_dot *other = more_urgent(world, link, dot);
    sim_checked(world, SIM_LANES);
    link->taken += dot->size;
    if (!other) return;
    link->floor += dot->size;
    if (dot->size > link->floor_largest) link->floor_largest = dot->size;
    if ((link->floor - link->floor_largest) * HF_LANE_FLOOR <= 2 * link->taken &&
        link->taken > (uint64_t)HF_PACE_FRAME_MIN * (HF_LANE_FLOOR - 1) / 2)
        return;
    sim_break(world, SIM_LANES,
              "%s: lane %u seq %llu came to the hub while lane %u seq %llu waited; %llu of %llu "
              "bytes came so",
              world->nodes[dot->author].name, dot->dot.lane, (unsigned long long)dot->dot.seq,
              other->dot.lane, (unsigned long long)other->dot.seq, (unsigned long long)link->floor,
              (unsigned long long)link->taken);
}

static void count_on_thin(sim_world *world, const sim_dot *dot)
{
    sim_thin *thin = &world->on_thin;
    if (dot->author != THIN || !thin->began_ms) return;
    thin->lane_bytes[dot->dot.lane] += dot->size;
    if (dot->dot.lane != HF_LANE_RISK || dot->created_ms < thin->began_ms) return;
    thin->waiting--;
    sim_say(world, "urgent entry %llu took %llu ms", (unsigned long long)dot->dot.seq,
            (unsigned long long)(world->now_ms - dot->created_ms));
    if (thin->urgent_count < SIM_URGENT_MAX)
        thin->took_ms[thin->urgent_count++] = (uint32_t)(world->now_ms - dot->created_ms);
}

void sim_lanes_taken(sim_world *world, const sim_dot *dot)
{
    const sim_node *author = &world->nodes[dot->author];
    if (world->thin) count_on_thin(world, dot);
    /* Windows full, frames lost; or it came by another way than its author's own link. */
    bool overtaken = world->swarm.bulky_now || world->swarm.swallow || world->station_count ||
                     world->hub_lost_ms;
    if (overtaken || author->link >= SIM_LINKS_MAX || links_of(world, author) > 1) return;
    check_turn(world, &world->links[author->link], dot);
}

/* ---- worlds with a thin link ---- */

bool sim_is_thin(const sim_options *options)
{
    return options->seed % THIN_EVERY == 0;
}

void sim_thin_plan(sim_world *world)
{
    sim_schedule(world, CUT_MS, SIM_THIN, 0, STEP_CUT);
}

/* The link is lost, a day's work is written, and the link is made again. */
static void cut(sim_world *world)
{
    sim_node *thin = &world->nodes[THIN];
    if (thin->link < SIM_LINKS_MAX) sim_link_break(world, &world->links[thin->link], true, true);
    for (int i = 0; i < BULK_BEFORE && !sim_over(world); i++)
        sim_write_text(world, thin, CRIME, BULK_SIZE);
    for (int i = 0; i < REST_BEFORE && !sim_over(world); i++)
        sim_write_text(world, thin, INTELLIGENCE, BULK_SIZE);
    world->on_thin.began_ms = world->now_ms + STEADY_MS;
    sim_schedule(world, world->now_ms + SIM_SECOND, SIM_THIN, 0, STEP_BULK);
    sim_schedule(world, world->on_thin.began_ms, SIM_THIN, 0, STEP_URGENT);
}

static void bulk(sim_world *world)
{
    for (int i = 0; i < BULK_PER_SECOND && !sim_over(world); i++) {
        sim_write_text(world, &world->nodes[THIN], CRIME, BULK_SIZE);
        sim_write_text(world, &world->nodes[NEAR], CRIME, BULK_SIZE);
    }
    sim_schedule(world, world->now_ms + SIM_SECOND, SIM_THIN, 0, STEP_BULK);
}

static void urgent(sim_world *world)
{
    sim_node *thin = &world->nodes[THIN];
    world->on_thin.waiting++;
    sim_write_text(world, thin, CUSTODY, 12);
    sim_schedule(world, world->now_ms + sim_random_wait(&thin->random, URGENT_EVERY_MS), SIM_THIN,
                 0, STEP_URGENT);
}

void sim_on_thin(sim_world *world, uint32_t what)
{
    if (world->calm) return;
    switch ((thin_step)what) {
    case STEP_CUT: cut(world); break;
    case STEP_BULK: bulk(world); break;
    case STEP_URGENT: urgent(world); break;
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* While the most urgent bulk waits, the least urgent gets its twentieth: neither nothing nor more.
 */
static void judge_floor(sim_world *world)
{
    const sim_thin *thin = &world->on_thin;
    uint64_t rest = thin->lane_bytes[HF_LANE_REST];
    uint64_t all = rest + thin->lane_bytes[HF_LANE_CRIME];
    sim_checked(world, SIM_LANES);
    if (rest * HF_LANE_FLOOR * 2 < all || rest * HF_LANE_FLOOR > 2 * all)
        sim_break(world, SIM_LANES, "of %llu bytes of bulk that came, %llu were of the lowest lane",
                  (unsigned long long)all, (unsigned long long)rest);
}

void sim_thin_judge(sim_world *world)
{
    sim_thin *thin = &world->on_thin;
    uint64_t lasted_s = (world->now_ms - thin->began_ms) / 1000;
    uint64_t all = 0;
    for (size_t i = 0; i < HF_LANE_COUNT; i++) all += thin->lane_bytes[i];
    sim_checked(world, SIM_URGENT);
    if (all / lasted_s < 2500)
        sim_break(world, SIM_URGENT, "a link of 5,000 bytes a second carried %llu",
                  (unsigned long long)(all / lasted_s));
    qsort(thin->took_ms, thin->urgent_count, sizeof *thin->took_ms, by_size);
    uint32_t p99 = thin->urgent_count ? thin->took_ms[thin->urgent_count * 99 / 100] : UINT32_MAX;
    sim_say(world, "%zu urgent entries: p50 %u ms, p99 %u ms; %llu bytes a second in all",
            thin->urgent_count, thin->took_ms[thin->urgent_count / 2], p99,
            (unsigned long long)(all / lasted_s));
    if (p99 > URGENT_MAX_MS || thin->waiting > 2)
        sim_break(world, SIM_URGENT,
                  "of %zu urgent entries one in 100 took %u ms or more, %llu wait",
                  thin->urgent_count, p99, (unsigned long long)thin->waiting);
    judge_floor(world);
}
