/* people.c: what officers do in the simulated world: everything the rules allow, often on the same
 * few records and fields, sometimes with software that knows more than its peers do. */
#include "world_private.h"

#include "sync/control.h"
#include "sync/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHANGES_MAX = 6,
    HOT_FIELDS = 5,     /* of each type, in one seed: so that people meet */
    NEW_RECORD = 120,   /* per thousand */
    UNKNOWN_TYPE = 900, /* of no pack */
    UNKNOWN_FIELD = 200,
    BULKY_ENTRIES = 60, /* more than a lane's credit in one go */
    BULKY_VALUE = 15000
};

/* ---- values ---- */

static void write_text(sim_random *random, const char *start, hf_buffer *out)
{
    char text[40];
    snprintf(text, sizeof text, "%s %llu", start, (unsigned long long)sim_random_below(random, 6));
    hf_write_string(out, text);
}

static void write_ref(sim_world *world, sim_random *random, hf_buffer *out)
{
    hf_record_id id = {.type = HF_TYPE_FIRST_PACK};
    if (world->record_count) id = world->records[sim_random_below(random, world->record_count)];
    hf_write_array(out, 2);
    hf_write_uint(out, id.type);
    hf_write_bytes(out, id.bytes, HF_RECORD_ID_SIZE);
}

/* A value of a kind, out of a handful, so that two people often mean the same. */
static void write_value(sim_world *world, sim_random *random, const hf_field *field, hf_buffer *out)
{
    uint64_t pick = sim_random_below(random, 8);
    char date[16];
    switch (field->kind) {
    case HF_VALUE_INT:
    case HF_VALUE_DECIMAL: hf_write_int(out, (int64_t)pick * 300 - 900); break;
    case HF_VALUE_BOOL: hf_write_bool(out, pick & 1); break;
    case HF_VALUE_TIME: hf_write_int(out, (int64_t)(SIM_EPOCH_MS + pick * SIM_MINUTE)); break;
    case HF_VALUE_DATE:
        snprintf(date, sizeof date, "2019-10-%02u", 10 + (unsigned)pick);
        hf_write_string(out, date);
        break;
    case HF_VALUE_CODE:
        if (field->code_count)
            hf_write_string(out, field->codes[sim_random_below(random, field->code_count)]);
        else
            write_text(random, "code", out);
        break;
    case HF_VALUE_REF: write_ref(world, random, out); break;
    case HF_VALUE_BYTES: hf_write_bytes(out, &pick, 1); break;
    case HF_VALUE_ANY:
        hf_write_array(out, 2);
        hf_write_uint(out, pick);
        hf_write_null(out);
        break;
    case HF_VALUE_TEXT:
    default: write_text(random, field->name ? field->name : "unknown", out); break;
    }
}

/* ---- one change ---- */

static bool same_id(const hf_record_id *a, const hf_record_id *b)
{
    return a->type == b->type && memcmp(a->bytes, b->bytes, HF_RECORD_ID_SIZE) == 0;
}

static void remember_record(sim_world *world, const hf_record_id *id, uint32_t scope)
{
    for (size_t i = 0; i < world->record_count; i++)
        if (same_id(&world->records[i], id)) return;
    size_t at = world->record_count < SIM_RECORDS_MAX
                    ? world->record_count++
                    : (size_t)sim_random_below(&world->random, SIM_RECORDS_MAX);
    world->records[at] = *id;
    world->record_scopes[at] = scope;
}

static uint32_t pick_type(sim_world *world, sim_node *edge)
{
    const hf_pack *pack = hf_store_pack(edge->store);
    size_t count = hf_pack_type_count(pack);
    if (!count || sim_random_chance(&edge->random, world->swarm.unknown_type)) return UNKNOWN_TYPE;
    return hf_pack_type_at(pack, (size_t)sim_random_below(&edge->random, count))->number;
}

/* A record that exists in this scope, or a new one. */
static bool pick_record(sim_world *world, sim_node *edge, hf_txn *txn, uint32_t scope,
                        hf_record_id *out)
{
    sim_random *random = &edge->random;
    if (!sim_random_chance(random, NEW_RECORD)) {
        for (int tries = 0; tries < 8 && world->record_count; tries++) {
            size_t at = (size_t)sim_random_below(random, world->record_count);
            if (world->record_scopes[at] != scope) continue;
            *out = world->records[at];
            return true;
        }
    }
    return hf_txn_new_id(txn, pick_type(world, edge), out) == HF_OK;
}

/* One of the seed's few hot fields of the type, or any, or one that the pack does not know. */
static const hf_field *pick_field(sim_world *world, sim_node *edge, uint32_t type, uint32_t *number)
{
    sim_random *random = &edge->random;
    const hf_pack *pack = hf_store_pack(edge->store);
    const hf_type *known = hf_pack_type(pack, type);
    if (!known || sim_random_chance(random, world->swarm.unknown_type)) {
        *number = UNKNOWN_FIELD + (uint32_t)sim_random_below(random, HOT_FIELDS);
    } else {
        uint64_t hot = sim_random_below(random, HOT_FIELDS) << 32 | (world->hot_fields + type);
        uint64_t pick = sim_random_chance(random, 900) ? sim_mix(hot) : sim_random_next(random);
        *number = known->fields[pick % known->field_count].number;
    }
    return hf_pack_field(pack, type, *number);
}

static hf_change_kind pick_kind(sim_random *random, const hf_field *field)
{
    if (field->rule == HF_RULE_APPEND) return HF_CHANGE_ADD;
    if (field->rule == HF_RULE_SET)
        return sim_random_chance(random, 700) ? HF_CHANGE_ADD : HF_CHANGE_REMOVE;
    return sim_random_chance(random, 800) ? HF_CHANGE_SET : HF_CHANGE_RESOLVE;
}

/* Rules may refuse what people try; that is their work. Anything else is ours to explain. */
static bool refused(hf_status status)
{
    return status == HF_ERR_DENIED || status == HF_ERR_INPUT || status == HF_ERR_NOT_FOUND ||
           status == HF_ERR_LIMIT;
}

static hf_status one_change(sim_world *world, sim_node *edge, hf_txn *txn, uint32_t scope,
                            uint32_t *changed)
{
    static const hf_bytes WHY = {(const uint8_t *)"looked again", 12};
    sim_random *random = &edge->random;
    hf_change change = {.scope = scope};
    if (!pick_record(world, edge, txn, scope, &change.record)) return HF_OK;
    uint64_t whole = sim_random_below(random, 100);
    hf_buffer value = {0};
    if (whole < 4) {
        change.kind = HF_CHANGE_DELETE;
    } else if (whole < 8) {
        change.kind = HF_CHANGE_RESTORE;
    } else {
        const hf_field *field = pick_field(world, edge, change.record.type, &change.field);
        change.kind = pick_kind(random, field);
        write_value(world, random, field, &value);
        change.value = hf_buffer_bytes(&value);
        if (change.kind == HF_CHANGE_RESOLVE || sim_random_chance(random, 150)) change.reason = WHY;
    }
    hf_status status = hf_txn_change(txn, &change);
    if (status == HF_OK) {
        remember_record(world, &change.record, scope);
        ++*changed;
    }
    hf_buffer_free(&value);
    return refused(status) ? HF_OK : status;
}

/* ---- one transaction ---- */

/* The device was told "saved": from here on it is owed. */
static void journal(sim_world *world, sim_node *edge, const hf_dot *dots, size_t count)
{
    sim_observe(world, edge);
    if (edge->cloned && edge->up) sim_clone_wrote(edge);
    if (edge->cloned) return;
    for (size_t i = 0; i < count && !sim_over(world); i++) {
        sim_dot *dot = sim_dot_find(world, &dots[i]);
        sim_checked(world, SIM_S1);
        if (dot && dot->held & 1ull << edge->index) {
            dot->saved = true;
        } else if (edge->up) {
            sim_break(world, SIM_S1, "%s said saved, and %u/%llu is not in its feed", edge->name,
                      dots[i].lane, (unsigned long long)dots[i].seq);
        }
    }
}

static hf_author author_of(sim_world *world, sim_node *edge, char *actor, size_t size)
{
    hf_author author = {.actor = actor};
    snprintf(actor, size, "PC %u", 4400 + edge->index);
    hf_edge_clock(edge->edge, sim_node_now(world, edge), sim_node_wall(world, edge),
                  &author.wall_ms, &author.quality);
    edge->wall_seen_ms = author.wall_ms;
    return author;
}

static void finish(sim_world *world, sim_node *edge, hf_txn *txn, hf_status status)
{
    hf_dot dots[CHANGES_MAX * 2];
    size_t count = sizeof dots / sizeof *dots;
    if (status == HF_OK) {
        status = hf_txn_commit(txn, dots, &count);
    } else {
        hf_txn_rollback(txn);
    }
    world->result->commits += status == HF_OK;
    sim_trace(world, 0xc0, status);
    if (status == HF_OK) { /* told so before the process could die of anything else */
        assert(count <= sizeof dots / sizeof *dots);
        journal(world, edge, dots, count);
    } else if (sim_node_alive(world, edge) && status != HF_ERR_LIMIT) {
        (void)sim_status_sane(world, edge, status, "save");
    }
    if (sim_node_alive(world, edge)) sim_node_wake(world, edge, world->now_ms);
}

/* One that it may write. */
static uint32_t pick_scope(const sim_node *edge, sim_random *random)
{
    return edge->scopes[1 + sim_random_below(random, edge->scope_count - 2)];
}

/* Pretends that an older WELCOME allowed more: what is written then, the hub must withhold. */
static uint32_t rogue_scope(sim_world *world, sim_node *edge)
{
    hf_grant grants[HF_SCOPES_MAX];
    size_t count = HF_SCOPES_MAX - 1;
    const sim_node *other =
        &world->nodes[1 + sim_random_below(&edge->random, world->node_count - 1)];
    if (!other->registered) return 0;
    sim_dot dot = {.scope = pick_scope(other, &edge->random)};
    if (sim_may_hold(world, edge, &dot) || hf_grants_get(edge->store, grants, &count) != HF_OK)
        return 0;
    size_t at = 0; /* ascending by number, as WELCOME has them */
    while (at < count && grants[at].number < dot.scope) at++;
    memmove(grants + at + 1, grants + at, (count - at) * sizeof *grants);
    grants[at] = (hf_grant){.number = dot.scope, .may_write = true, .name = "stale"};
    hf_batch *batch = NULL;
    if (hf_batch_begin(edge->store, edge->wall_seen_ms, &batch) != HF_OK) return 0;
    if (hf_batch_grants(batch, grants, count + 1) != HF_OK) {
        hf_batch_rollback(batch);
        return 0;
    }
    return hf_batch_commit(batch) == HF_OK ? dot.scope : 0;
}

static void write_some(sim_world *world, sim_node *edge)
{
    sim_random *random = &edge->random;
    char actor[32];
    hf_author author = author_of(world, edge, actor, sizeof actor);
    hf_dot forged;
    if (sim_random_chance(random, world->swarm.forge) && sim_forge(world, edge, &author, &forged))
        journal(world, edge, &forged, 1);
    if (!sim_node_alive(world, edge) || sim_over(world)) return;
    uint32_t rogue = sim_random_chance(random, world->swarm.rogue) ? rogue_scope(world, edge) : 0;
    if (!sim_node_alive(world, edge)) return;
    hf_txn *txn = NULL;
    hf_status status = hf_txn_begin(edge->store, &author, &txn);
    uint32_t changed = 0;
    uint64_t wanted =
        sim_random_chance(random, 600) ? 1 : 1 + sim_random_below(random, CHANGES_MAX);
    for (uint64_t i = 0; i < wanted && status == HF_OK; i++)
        status = one_change(world, edge, txn, rogue ? rogue : pick_scope(edge, random), &changed);
    if (status == HF_OK && !changed) {
        hf_txn_rollback(txn);
        (void)sim_node_alive(world, edge);
        return;
    }
    finish(world, edge, txn, status);
}

static void write_noise(sim_random *random, size_t size, hf_buffer *out)
{
    static const char LETTERS[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";
    char *text = malloc(size);
    assert(text);
    for (size_t i = 0; i < size; i++) text[i] = LETTERS[sim_random_next(random) >> 58];
    hf_write_text(out, text, size);
    free(text);
}

/* One record with so many texts of that size, from field 1 on. */
static void write_texts(sim_world *world, sim_node *edge, uint32_t type, uint32_t fields,
                        size_t size)
{
    char actor[32];
    hf_author author = author_of(world, edge, actor, sizeof actor);
    hf_txn *txn = NULL;
    hf_change change = {.scope = pick_scope(edge, &edge->random), .kind = HF_CHANGE_SET};
    hf_status status = hf_txn_begin(edge->store, &author, &txn);
    if (status == HF_OK) status = hf_txn_new_id(txn, type, &change.record);
    for (change.field = 1; change.field <= fields && status == HF_OK; change.field++) {
        hf_buffer value = {0};
        write_noise(&edge->random, size, &value);
        change.value = hf_buffer_bytes(&value);
        status = hf_txn_change(txn, &change);
        hf_buffer_free(&value);
    }
    finish(world, edge, txn, status);
}

void sim_write_text(sim_world *world, sim_node *edge, uint32_t type, size_t size)
{
    write_texts(world, edge, type, 1, size);
}

/* A long narrative, many times: more than a link may carry unacknowledged. */
static void write_bulk(sim_world *world, sim_node *edge)
{
    for (unsigned i = 0; i < BULKY_ENTRIES && edge->up && !sim_over(world); i++)
        write_texts(world, edge, UNKNOWN_TYPE, 4, BULKY_VALUE);
}

void sim_on_write(sim_world *world, sim_node *edge)
{
    if (world->calm) return;
    uint64_t wait = sim_random_wait(&edge->random, world->swarm.write_ms);
    sim_schedule(world, world->now_ms + wait, SIM_WRITE, edge->index, 0);
    if (!edge->up || edge->revoked || !edge->scope_count) return;
    bool knows = hf_pack_type_count(hf_store_pack(edge->store)) > 0;
    if (!knows && !sim_random_chance(&edge->random, 100)) return; /* not yet set up: seldom used */
    if (world->swarm.bulky && knows && edge->index == 1 && sim_random_chance(&edge->random, 100)) {
        world->swarm.bulky = false; /* once is enough */
        world->swarm.bulky_now = true;
        write_bulk(world, edge);
        return;
    }
    write_some(world, edge);
}
