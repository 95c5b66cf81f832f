/* fuzz_session.c: sequences of frames into a live hub, into a live edge, and into a session alone.
 *
 * The first byte says which; then frames, each behind its length in two bytes, little-endian;
 * length 65535 turns the node. Whatever comes, the node commits its turn, its other peer is served,
 * and only the session that was fed can end. */
#include "pair.h"

#include "sync/session.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TURN = 0xffff, FRAMES_MAX = 64 };

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
    *turn = size == TURN;
    if (*turn) return true;
    if (size > (size_t)(from->end - from->at)) size = (size_t)(from->end - from->at);
    *raw = (hf_bytes){from->at, size};
    from->at += size;
    return true;
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
        assert(status == HF_OK || status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT);
        if (status != HF_OK) assert(was_live && session.farewell_due && session.code >= 100);
        if (status != HF_OK || !was_live) assert(message.type == HF_FRAME_NONE);
        if (message.type == HF_FRAME_NONE) continue;
        if (message.type == HF_FRAME_PONG) continue; /* its nonce alone is written again */
        hf_message_write(&out, &message);
        assert(out.status == HF_OK && out.size <= raw.size);
        hf_buffer_free(&out);
    }
}

static pair_world *fresh_world(void)
{
    pair_world *pair = pair_new(2);
    (void)pair_crime(pair, 0, "One");
    (void)pair_crime(pair, 1, "Two");
    pair_run(pair);
    return pair;
}

/* Edge 0's link says whatever the script says; edge 1 must not notice. */
static void feed_hub(script from)
{
    pair_world *pair = fresh_world();
    hf_bytes raw, message;
    bool turn;
    hf_peer *peer = pair->nodes[0].peer;
    while (next(&from, &raw, &turn)) {
        if (!turn && raw.size > 0) {
            hf_status status = hf_hub_recv(pair->hub, peer, raw, pair->now_ms);
            assert(status == HF_OK || status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT);
            continue;
        }
        pair->now_ms += 10;
        assert(hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair)) == HF_OK);
        for (int frames = 0; frames < 100; frames++) {
            assert(hf_hub_send(pair->hub, peer, pair->now_ms, &message) == HF_OK);
            if (message.size == 0) break;
        }
    }
    assert(hf_hub_turn(pair->hub, ++pair->now_ms, pair_wall_ms(pair)) == HF_OK);
    pair_cut(pair, 0);
    pair->nodes[0].offline = true;
    hf_record_id record = pair_crime(pair, 1, "Still served");
    pair_run(pair);
    assert(strcmp(pair_summary(pair->hub_node.store, &record), "Still served") == 0);
    pair_free(pair);
}

/* The hub says whatever the script says: the edge may hang up, and goes on with what it holds. */
static void feed_edge(script from)
{
    pair_world *pair = fresh_world();
    hf_bytes raw, message;
    bool turn;
    hf_edge *edge = pair->nodes[0].edge;
    while (next(&from, &raw, &turn)) {
        if (!turn && raw.size > 0) {
            hf_status status = hf_edge_recv(edge, raw, pair->now_ms);
            assert(status == HF_OK || status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT);
            continue;
        }
        pair->now_ms += 10;
        assert(hf_edge_turn(edge, pair->now_ms, pair_wall_ms(pair)) == HF_OK);
        for (int frames = 0; frames < 100; frames++) {
            assert(hf_edge_send(edge, pair->now_ms, &message) == HF_OK);
            if (message.size == 0) break;
        }
    }
    assert(hf_edge_turn(edge, ++pair->now_ms, pair_wall_ms(pair)) == HF_OK);
    pair_cut(pair, 0);
    pair->nodes[0].offline = true;
    hf_standing standing;
    assert(hf_store_standing(pair->nodes[0].store, &standing) == HF_OK);
    pair_free(pair);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    script from = {.at = data + 1, .end = data + size};
    switch (data[0] % 4) {
    case 0: feed_session(HF_SIDE_HUB, from); break;
    case 1: feed_session(HF_SIDE_CLIENT, from); break;
    case 2: feed_hub(from); break;
    default: feed_edge(from); break;
    }
    return 0;
}
