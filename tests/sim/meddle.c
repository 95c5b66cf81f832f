/* meddle.c: software between two honest nodes that loses a write: a message, or one entry out of
 * many.
 *
 * TLS would not let a network do it; a hub or a device with a fault of its own could. Entries are
 * numbered within their log and scope, so the other end must notice, take nothing that stands
 * behind the gap, and come back for it. */
#include "world_private.h"

#include "model_private.h"
#include "sync/frame.h"
#include "sync/messages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct cut_out { /* which body of which run is left out */
    uint64_t run, body;
    bool found;
} cut_out;

typedef struct place { /* of an entry in its log */
    uint64_t seq, pseq, scope;
} place;

static place place_of(hf_bytes body)
{
    reader r = {body.data, body.data + body.size, false};
    place out;
    (void)reader_head(&r, MAJOR_ARRAY);
    out.seq = reader_head(&r, MAJOR_UINT);
    out.pseq = reader_head(&r, MAJOR_UINT);
    out.scope = reader_head(&r, MAJOR_UINT);
    return out;
}

/* An entry whose successor stands right behind it in the same run: without it there is a gap that
 * the receiver can see. `runs` is at the array of them: [[origin, lane, [body, ...]], ...]. */
static cut_out choose(sim_random *random, reader runs)
{
    cut_out out = {.found = false};
    uint64_t count = reader_head(&runs, MAJOR_ARRAY);
    for (uint64_t run = 0; run < count && !runs.bad; run++) {
        (void)reader_head(&runs, MAJOR_ARRAY);
        (void)reader_item(&runs);
        (void)reader_item(&runs);
        uint64_t bodies = reader_head(&runs, MAJOR_ARRAY);
        place last = {0};
        for (uint64_t i = 0; i < bodies && !runs.bad; i++) {
            place here = place_of(reader_item(&runs));
            bool follows = i > 0 && here.pseq == last.seq && here.scope == last.scope;
            if (follows && (!out.found || sim_random_chance(random, 500)))
                out = (cut_out){.run = run, .body = i - 1, .found = true};
            last = here;
        }
    }
    if (runs.bad) out.found = false;
    return out;
}

static void put_head(hf_buffer *out, unsigned major, uint64_t argument)
{
    uint8_t bytes[9];
    hf_write_raw(out, (hf_bytes){bytes, writer_head(bytes, major, argument)});
}

/* Copies the array of runs, but for the one body. */
static void copy_without(hf_buffer *out, reader *runs, cut_out cut)
{
    uint64_t count = reader_head(runs, MAJOR_ARRAY);
    put_head(out, MAJOR_ARRAY, count);
    for (uint64_t run = 0; run < count && !runs->bad; run++) {
        put_head(out, MAJOR_ARRAY, reader_head(runs, MAJOR_ARRAY));
        hf_write_raw(out, reader_item(runs));
        hf_write_raw(out, reader_item(runs));
        uint64_t bodies = reader_head(runs, MAJOR_ARRAY);
        put_head(out, MAJOR_ARRAY, run == cut.run ? bodies - 1 : bodies);
        for (uint64_t i = 0; i < bodies && !runs->bad; i++) {
            hf_bytes body = reader_item(runs);
            if (run != cut.run || i != cut.body) hf_write_raw(out, body);
        }
    }
}

/* Writes the frame again without one entry; false when there is none to leave out. */
static bool leave_one_out(sim_random *random, hf_bytes raw, hf_buffer *out)
{
    reader r = {raw.data, raw.data + raw.size, false};
    uint64_t items = reader_head(&r, MAJOR_ARRAY);
    uint64_t type = reader_head(&r, MAJOR_UINT);
    unsigned before = type == HF_FRAME_FEED ? 3 : 0; /* from, to, chain */
    put_head(out, MAJOR_ARRAY, items);
    put_head(out, MAJOR_UINT, type);
    for (unsigned i = 0; i < before; i++) hf_write_raw(out, reader_item(&r));
    cut_out cut = choose(random, r);
    if (!cut.found) return false;
    copy_without(out, &r, cut);
    hf_write_raw(out, (hf_bytes){r.at, (size_t)(r.end - r.at)});
    return !r.bad && out->status == HF_OK;
}

/* What a station that cheats would do: the last byte of one part's ops, in the middle of a group.
 */
static bool alter_one(sim_random *random, hf_bytes raw, hf_buffer *out)
{
    reader r = {raw.data, raw.data + raw.size, false};
    (void)reader_head(&r, MAJOR_ARRAY);
    for (int i = 0; i < 3; i++) (void)reader_item(&r); /* type, origin, lane */
    uint64_t count = reader_head(&r, MAJOR_ARRAY);
    hf_bytes body = {NULL, 0};
    uint64_t which = count ? sim_random_below(random, count) : 0;
    for (uint64_t i = 0; i <= which && !r.bad; i++) body = reader_item(&r);
    if (r.bad || body.size < 16 || sim_random_chance(random, 500)) return false;
    hf_write_raw(out, raw);
    size_t salt = (size_t)(body.data - raw.data); /* its hlc: always there, and under the hash */
    reader b = {body.data, body.data + body.size, false};
    (void)reader_head(&b, MAJOR_ARRAY);
    for (int i = 0; i < 3; i++) (void)reader_item(&b); /* seq, pseq, scope */
    size_t hlc = (size_t)(b.at - body.data);
    if (out->status != HF_OK || body.data[hlc] != 0x1b) return false; /* eight bytes follow */
    out->data[salt + hlc + 8] ^= 1;
    return true;
}

static uint64_t type_of(hf_bytes raw)
{
    reader r = {raw.data, raw.data + raw.size, false};
    (void)reader_head(&r, MAJOR_ARRAY);
    return reader_head(&r, MAJOR_UINT);
}

static uint64_t type_of_message(hf_bytes message)
{
    hf_deflater *deflater = NULL;
    hf_buffer inflated = {0};
    hf_bytes raw;
    hf_status status = hf_deflater_new(&deflater);
    if (status == HF_OK) status = hf_frame_open(deflater, message, &inflated, &raw);
    assert(status == HF_OK); /* honest nodes send nothing else */
    uint64_t type = type_of(raw);
    hf_buffer_free(&inflated);
    hf_deflater_free(deflater);
    return type;
}

void sim_check_expired(sim_world *world, const sim_link *link, hf_bytes message)
{
    const sim_node *hub = &world->nodes[SIM_HUB];
    uint64_t wall_ms = hub->turn_wall_ms;
    bool forgot = hub->up && hf_hub_uploads_only(hub->hub);
    if (!forgot && wall_ms >= link->valid.from_ms && wall_ms <= link->valid.until_ms) return;
    uint64_t type = type_of_message(message);
    sim_checked(world, SIM_HONEST);
    bool fed = type == HF_FRAME_FEED || type == HF_FRAME_ENTRIES || type == HF_FRAME_HEADS;
    /* A hub that forgot signs receipts all the same, and names itself for them. */
    if (fed || (type == HF_FRAME_ORIGIN && !forgot))
        sim_break(world, SIM_HONEST, "the hub sends frame %u to %s, %s", (unsigned)type,
                  world->nodes[link->node].name,
                  forgot ? "and does not know whom it revoked" : "whose certificate is not valid");
}

void sim_check_retired(sim_world *world, const sim_link *link, hf_bytes message)
{
    sim_node *former = &world->nodes[link->hub];
    if (!hf_hub_retired(former->hub)) return;
    uint64_t type = type_of_message(message);
    sim_checked(world, SIM_HONEST);
    if (type != HF_FRAME_HUBS && type != HF_FRAME_BYE && type != HF_FRAME_ERROR)
        sim_break(world, SIM_HONEST, "%s, which is the centre no more, sends frame %u to %s",
                  former->name, (unsigned)type, world->nodes[link->node].name);
}

bool sim_is_new_piece(sim_world *world, unsigned node, hf_bytes message)
{
    static const uint8_t begin[] = {0x85, 0x18, HF_FRAME_PIECE}; /* sealed: it never shrinks */
    hf_message piece;
    uint64_t key;
    if (message.size <= sizeof begin || memcmp(message.data, begin, sizeof begin) != 0 ||
        hf_message_read(message, &piece) != HF_OK)
        return false;
    world->result->counts.carried++;
    memcpy(&key, piece.as.piece.id, sizeof key);
    key = sim_mix(
        key ^ sim_mix((uint64_t)piece.as.piece.offset << 16 | piece.as.piece.stage << 8 | node));
    for (size_t i = 0; i < world->piece_count; i++)
        if (world->pieces[i] == key) return false;
    if (world->piece_count == world->piece_capacity) {
        world->piece_capacity = world->piece_capacity ? 2 * world->piece_capacity : 64;
        world->pieces = realloc(world->pieces, world->piece_capacity * sizeof *world->pieces);
        assert(world->pieces);
    }
    world->pieces[world->piece_count++] = key;
    return true;
}

bool sim_meddle(sim_world *world, sim_node *edge, hf_bytes *message, hf_buffer *sealed)
{
    if (world->calm || !sim_random_chance(&edge->random, world->swarm.swallow)) return true;
    hf_deflater *deflater = NULL;
    hf_buffer inflated = {0}, altered = {0};
    hf_bytes raw = {NULL, 0};
    bool arrives = true;
    hf_status status = hf_deflater_new(&deflater);
    if (status == HF_OK) status = hf_frame_open(deflater, *message, &inflated, &raw);
    assert(status == HF_OK); /* honest nodes send nothing else */
    uint64_t type = type_of(raw);
    bool runs = type == HF_FRAME_FEED || type == HF_FRAME_ENTRIES;
    if (runs && leave_one_out(&edge->random, raw, &altered)) {
        status = hf_frame_seal(deflater, hf_buffer_bytes(&altered), sealed);
        assert(status == HF_OK);
        *message = hf_buffer_bytes(sealed);
        world->result->counts.cut++;
    } else if (type == HF_FRAME_RELAY && alter_one(&edge->random, raw, &altered)) {
        status = hf_frame_seal(deflater, hf_buffer_bytes(&altered), sealed);
        assert(status == HF_OK);
        *message = hf_buffer_bytes(sealed);
        world->result->counts.cut++; /* it is refused, and goes again in another session */
        sim_schedule(world, world->now_ms + SIM_MINUTE, SIM_LOST, edge->link,
                     world->links[edge->link].generation << 1 | SIM_DOWN);
    } else if (type == HF_FRAME_PUSH || type == HF_FRAME_FEED || type == HF_FRAME_RELAY) {
        arrives = false;
        world->result->counts.cut++;
    }
    hf_deflater_free(deflater);
    hf_buffer_free(&inflated);
    hf_buffer_free(&altered);
    return arrives;
}
