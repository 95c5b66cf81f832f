/* metamorphic.c: what the hub holds in the end, given to new replicas in other orders, in other
 * pieces, and twice: each of them must come to the same, to the byte.
 *
 * Within one log and scope the order is the log's own, or an entry is not taken; between logs there
 * is none, and a verdict may come long before what it judges, or after. */
#include "world_private.h"

#include "sync/control.h"
#include "sync/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLICAS = 2, PIECE_MAX = 40, TWICE = 60 /* per thousand */ };

typedef struct replica {
    sim_world *world;
    sim_random random;
    sim_disk *disk;
    sim_crypto crypto;
    hf_store *store;
} replica;

/* ---- the order ---- */

static bool same_log(const sim_dot *a, const sim_dot *b)
{
    return a->scope == b->scope && a->dot.lane == b->dot.lane &&
           memcmp(a->dot.origin.bytes, b->dot.origin.bytes, HF_ORIGIN_SIZE) == 0;
}

static int by_log(const void *left, const void *right)
{
    const sim_dot *a = *(const sim_dot *const *)left, *b = *(const sim_dot *const *)right;
    int order = memcmp(a->dot.origin.bytes, b->dot.origin.bytes, HF_ORIGIN_SIZE);
    if (order == 0) order = (a->dot.lane > b->dot.lane) - (a->dot.lane < b->dot.lane);
    if (order == 0) order = (a->scope > b->scope) - (a->scope < b->scope);
    return order ? order : (a->dot.seq > b->dot.seq) - (a->dot.seq < b->dot.seq);
}

/* One of the logs' next entries, again and again: any order that there can be, with the same odds
 * for each log, so that a long one comes mostly last. */
static void interleave(sim_random *random, const sim_dot **dots, size_t count)
{
    const sim_dot **out = calloc(count + 1, sizeof *out);
    size_t *starts = calloc(count + 1, sizeof *starts), *ends = calloc(count + 1, sizeof *ends);
    assert(out && starts && ends);
    size_t logs = 0;
    qsort(dots, count, sizeof *dots, by_log);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !same_log(dots[i - 1], dots[i])) starts[logs++] = i;
        ends[logs - 1] = i + 1;
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)sim_random_below(random, logs);
        out[i] = dots[starts[at]++];
        if (starts[at] < ends[at]) continue;
        starts[at] = starts[--logs];
        ends[at] = ends[logs];
    }
    memcpy(dots, out, count * sizeof *dots);
    free(out);
    free(starts);
    free(ends);
}

/* ---- a replica ---- */

static hf_status replica_open(replica *r, unsigned number)
{
    char name[24], path[32], problem[256];
    snprintf(name, sizeof name, "again%u", number);
    snprintf(path, sizeof path, "%s.db", name);
    r->random = sim_random_from(r->world->options->seed, 5000 + number);
    r->disk = sim_disk_new(name, sim_mix(r->world->options->seed) + 5000 + number);
    assert(r->disk);
    sim_crypto_init(&r->crypto, r->world->options->seed, name, SIM_STATION);
    hf_store_options options = {.path = path,
                                .vfs = sim_disk_name(r->disk),
                                .crypto = &r->crypto.table,
                                .is_hub = true,
                                .ending = HF_ENDING_QUIET};
    return hf_store_open(&options, &r->store, problem, sizeof problem);
}

static void replica_close(replica *r)
{
    hf_store_close(r->store);
    sim_disk_free(r->disk);
}

/* With the certificate that the hub has of it. */
static hf_status learn(replica *r, const hf_origin_id *id, const hf_origin_row **out)
{
    sim_node *hub = &r->world->nodes[SIM_HUB];
    hf_buffer certificate = {0};
    const hf_origin_row *known = hf_origin_by_id(hub->store, id);
    *out = hf_origin_by_id(r->store, id);
    if (*out && (*out)->name[0]) return HF_OK;
    assert(known);
    hf_status status = hf_origin_certificate(hub->store, known->no, &certificate);
    if (status == HF_OK)
        status = hf_origin_learn(r->store, known->key_id, known->incarnation,
                                 hf_buffer_bytes(&certificate), out);
    hf_buffer_free(&certificate);
    return status;
}

/* As many of them as one piece has, in one transaction; some a second time. */
static hf_status give_piece(replica *r, const sim_dot **dots, size_t count)
{
    hf_batch *batch;
    uint64_t wall_ms = SIM_EPOCH_MS + r->world->now_ms;
    hf_status status = hf_batch_begin(r->store, wall_ms, &batch);
    if (status != HF_OK) return status;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        const sim_dot *dot = dots[i];
        bool twice = sim_random_chance(&r->random, TWICE);
        for (int times = 0; times <= twice && status == HF_OK; times++) {
            const hf_origin_row *origin;
            hf_applied_entry applied;
            status = learn(r, &dot->dot.origin, &origin);
            if (status == HF_OK)
                status = hf_batch_entry(batch, origin, dot->dot.lane,
                                        (hf_bytes){dot->body, dot->size}, 0, &applied);
        }
    }
    if (status == HF_OK) return hf_batch_commit(batch);
    hf_batch_rollback(batch);
    return status;
}

static hf_status give_all(replica *r, const sim_dot **dots, size_t count)
{
    hf_status status = HF_OK;
    for (size_t at = 0; at < count && status == HF_OK;) {
        size_t piece = 1 + (size_t)sim_random_below(&r->random, PIECE_MAX);
        if (piece > count - at) piece = count - at;
        status = give_piece(r, dots + at, piece);
        at += piece;
    }
    return status;
}

/* ---- do they agree? ---- */

typedef struct comparing {
    replica *r;
    size_t scopes;
} comparing;

static hf_status compare(void *context, uint32_t scope, const uint8_t digest[HF_HASH_SIZE])
{
    comparing *c = context;
    sim_world *world = c->r->world;
    uint8_t here[HF_HASH_SIZE];
    hf_status status = hf_store_digest(c->r->store, scope, here);
    if (status != HF_OK) return status;
    sim_checked(world, SIM_META);
    c->scopes++;
    if (memcmp(here, digest, HF_HASH_SIZE) != 0)
        sim_break(world, SIM_META,
                  "what the hub holds of scope %u comes to something else in "
                  "another order",
                  scope);
    return sim_over(world) ? HF_ERR_INPUT : HF_OK;
}

static void try_one(sim_world *world, unsigned number, const sim_dot **dots, size_t count)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    replica r = {.world = world};
    comparing c = {.r = &r};
    hf_status status = replica_open(&r, number);
    interleave(&r.random, dots, count);
    if (status == HF_OK) status = give_all(&r, dots, count);
    sim_disk_look(hub->disk, true);
    if (status == HF_OK) status = hf_store_digests(hub->store, compare, &c);
    sim_disk_look(hub->disk, false);
    if (status != HF_OK && !sim_over(world))
        sim_break(world, SIM_META, "what the hub holds is not taken in another order: %s",
                  hf_status_name(status));
    replica_close(&r);
}

void sim_metamorphic_judge(sim_world *world)
{
    sim_node *hub = &world->nodes[SIM_HUB];
    if (!world->swarm.tried_again || !hub->up) return;
    const sim_dot **dots = calloc(hub->feed_count + 1, sizeof *dots);
    assert(dots);
    size_t count = 0;
    for (; count < hub->feed_count; count++) {
        dots[count] = &world->dots[hub->feed[count]];
        if (dots[count]->hollow & 1) break; /* of such a log it has what nobody else can check */
    }
    for (unsigned i = 0; i < REPLICAS && count == hub->feed_count && !sim_over(world); i++)
        try_one(world, i, dots, count);
    free(dots);
}
