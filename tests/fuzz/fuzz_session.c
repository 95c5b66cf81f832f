/* fuzz_session.c: sequences of frames into a session alone, into a live hub, and into a live edge.
 *
 * The first byte says which; then frames, each behind its length in two bytes, little-endian;
 * length 65535 turns the node. Whatever comes, the node commits its turn, only the session that was
 * fed can end, and what another peer sent in the same turn is acknowledged. */
#include "harness.h"
#include "mutate.h"
#include "world.h"

#include "hub/peer.h"
#include "sync/session.h"

#include <assert.h>
#include <string.h>

enum {
    FRAMES_MAX = 64,
    SAYS_MAX = 100, /* frames that a node may have to say in one turn */
    TURN_MS = 10,
    WHICH = 7,       /* of the first byte, the rest by this ... */
    IN_COMPANY = 128 /* ... and this: another peer pushes in the same turns */
};

typedef struct script {
    const uint8_t *at, *end;
    size_t count;
} script;

/* The next frame; *turn instead where the script says so. False at the end. */
static bool next(script *from, hf_bytes *raw, bool *turn)
{
    if (from->end - from->at < 2 || from->count++ == FRAMES_MAX) return false;
    size_t size = (size_t)from->at[0] | (size_t)from->at[1] << 8;
    from->at += 2;
    *turn = size == MUTATE_MARK;
    if (*turn) return true;
    if (size > (size_t)(from->end - from->at)) size = (size_t)(from->end - from->at);
    *raw = (hf_bytes){from->at, size};
    from->at += size;
    return true;
}

static bool is_refusal(hf_status status)
{
    return status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT;
}

/* No store: every frame is refused with a reason or is one that may come now. */
static void feed_session(hf_side side, script from)
{
    hf_session session;
    hf_bytes raw;
    bool turn;
    uint64_t now_ms = 1000;
    hf_session_open(&session, side, now_ms);
    if (side == HF_SIDE_CLIENT) hf_session_greeted(&session);
    while (next(&from, &raw, &turn)) {
        hf_message message;
        hf_buffer out = {0};
        if (turn) {
            now_ms += HF_PING_AFTER_MS;
            hf_session_tick(&session, now_ms);
            if (side == HF_SIDE_HUB && session.state == HF_SESSION_GREETED)
                hf_session_greeted(&session);
            (void)hf_session_send(&session, now_ms, 0, &out);
            hf_buffer_free(&out);
            continue;
        }
        bool was_live = hf_session_live(&session);
        hf_status status = hf_session_recv(&session, raw, now_ms, &message);
        assert(status == HF_OK || is_refusal(status));
        if (status != HF_OK) assert(was_live && session.farewell_due && session.code >= 100);
        if (status != HF_OK || !was_live) assert(message.type == HF_FRAME_NONE);
        if (message.type == HF_FRAME_NONE) continue;
        if (message.type == HF_FRAME_PONG) continue; /* its nonce alone is written again */
        hf_message_write(&out, &message);
        assert(out.status == HF_OK && out.size <= raw.size);
        hf_buffer_free(&out);
    }
}

/* ---- a hub ---- */

static hf_peer *link_up(fuzz_world *world, size_t edge)
{
    hf_peer *peer = NULL;
    const sim_crypto *crypto = &world->edges[edge].node->crypto;
    hf_status status = hf_hub_link_up(world->pair->hub, crypto->table.own_key_id,
                                      sim_crypto_validity(crypto), world->pair->now_ms, &peer);
    assert(status == HF_OK);
    return peer;
}

/* What the hub has to say to a peer; what of the peer's log in lane 3 it says is durable. */
static uint64_t listen(fuzz_world *world, hf_peer *peer)
{
    pair_world *pair = world->pair;
    uint64_t durable = 0;
    for (int frames = 0;; frames++) {
        hf_bytes message, raw;
        hf_message said;
        assert(frames < SAYS_MAX);
        hf_status status = hf_hub_send(pair->hub, peer, pair->now_ms, &message);
        assert(status == HF_OK);
        if (message.size == 0) return durable;
        status = hf_frame_open(pair->deflater, message, &pair->scratch, &raw);
        if (status == HF_OK) status = hf_message_read(raw, &said);
        assert(status == HF_OK); /* whatever it was told, it speaks by the book */
        if (said.type != HF_FRAME_ACK) continue;
        hf_acked log;
        for (hf_list walk = said.as.ack.logs; hf_next_acked(&walk, &log);)
            if (log.durable > durable) durable = log.durable;
    }
}

static void turn_hub(fuzz_world *world, hf_peer *peer)
{
    pair_world *pair = world->pair;
    pair->now_ms += TURN_MS;
    hf_status status = hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair));
    assert(status == HF_OK);
    (void)listen(world, peer);
}

/* Says what the edge of that conversation said, of one type only. */
static void say_recorded(fuzz_world *world, hf_peer *peer, size_t edge, uint8_t type)
{
    for (size_t i = 0; i < world->up[edge].count; i++) {
        const world_frame *frame = &world->up[edge].frames[i];
        if (frame->size < 2 || frame->data[1] != type) continue; /* a type below 24 is one byte */
        hf_bytes raw = {frame->data, frame->size};
        hf_status status = hf_hub_recv(world->pair->hub, peer, raw, world->pair->now_ms);
        assert(status == HF_OK);
    }
}

/* Edge 0's link says what the script says, or that of a station; edge 1 must not notice. */
static void feed_hub(script from, bool is_station, bool greeted, bool in_company)
{
    fuzz_world *world = fuzz_world_get();
    (void)fuzz_world_fresh(world, &world->hub);
    pair_world *pair = world->pair;
    hf_peer *peer = link_up(world, 0), *other = link_up(world, 1);
    peer->is_station = is_station; /* as its row would say */
    say_recorded(world, other, 1, HF_FRAME_HELLO);
    if (greeted) say_recorded(world, peer, 0, HF_FRAME_HELLO);
    turn_hub(world, peer);
    (void)listen(world, other);
    fuzz_count_from_here();
    if (in_company) say_recorded(world, other, 1, HF_FRAME_PUSH);
    hf_bytes raw;
    bool turn;
    while (next(&from, &raw, &turn)) {
        if (turn || raw.size == 0) {
            turn_hub(world, peer);
            continue;
        }
        hf_status status = hf_hub_recv(pair->hub, peer, raw, pair->now_ms);
        assert(status == HF_OK || is_refusal(status));
    }
    turn_hub(world, peer);
    if (in_company) assert(listen(world, other) > 0); /* the ACK of its PUSH */
    hf_hub_link_down(pair->hub, peer, pair->now_ms);
    hf_hub_link_down(pair->hub, other, pair->now_ms);
    if (!fuzz_world_changed(&world->hub)) return;
    hf_verify_report report; /* what was let in is all in its place */
    hf_status status = hf_store_verify(world->hub.node->store, &report);
    assert(status == HF_OK && report.faults == 0);
}

/* ---- an edge ---- */

static void turn_edge(fuzz_world *world, hf_edge *edge)
{
    pair_world *pair = world->pair;
    hf_bytes message;
    pair->now_ms += TURN_MS;
    hf_status status = hf_edge_turn(edge, pair->now_ms, pair_wall_ms(pair));
    assert(status == HF_OK);
    for (int frames = 0;; frames++) {
        assert(frames < SAYS_MAX);
        status = hf_edge_send(edge, pair->now_ms, &message);
        assert(status == HF_OK);
        if (message.size == 0) return;
    }
}

/* The hub says what the script says: the edge may hang up, and goes on with what it holds. */
static void feed_edge(script from, bool greeted)
{
    fuzz_world *world = fuzz_world_get();
    (void)fuzz_world_fresh(world, &world->edges[0]);
    pair_world *pair = world->pair;
    pair_node *node = world->edges[0].node;
    hf_edge_link_up(node->edge, NULL, pair->now_ms);
    turn_edge(world, node->edge);
    if (greeted) {
        const world_frame *welcome = &world->down[0].frames[0];
        hf_bytes raw = {welcome->data, welcome->size};
        hf_status status = hf_edge_recv(node->edge, raw, pair->now_ms);
        assert(status == HF_OK);
        turn_edge(world, node->edge);
    }
    fuzz_count_from_here();
    hf_bytes raw;
    bool turn;
    while (next(&from, &raw, &turn)) {
        if (turn || raw.size == 0) {
            turn_edge(world, node->edge);
            continue;
        }
        hf_status status = hf_edge_recv(node->edge, raw, pair->now_ms);
        assert(status == HF_OK || is_refusal(status));
    }
    turn_edge(world, node->edge);
    hf_edge_link_down(node->edge, pair->now_ms);
    hf_standing standing;
    hf_status status = hf_store_standing(node->store, &standing);
    assert(status == HF_OK && standing.own_entries >= 3); /* nobody takes back what is its own */
    if (!fuzz_world_changed(&world->edges[0])) return;
    hf_verify_report report;
    status = hf_store_verify(node->store, &report);
    assert(status == HF_OK && report.faults == 0);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    return mutate_chunks(data, size, room, seed);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 1) return;
    script from = {.at = data + 1, .end = data + size};
    bool in_company = (data[0] & IN_COMPANY) != 0;
    switch ((data[0] & ~IN_COMPANY) % WHICH) {
    case 0: feed_session(HF_SIDE_HUB, from); break;
    case 1: feed_session(HF_SIDE_CLIENT, from); break;
    case 2: feed_hub(from, false, false, in_company); break;
    case 3: feed_edge(from, false); break;
    case 4: feed_hub(from, false, true, in_company); break;
    case 5: feed_edge(from, true); break;
    default: feed_hub(from, true, true, in_company); break;
    }
}
