/* fuzz_api.c: any request to an edge or a hub gets one JSON document, and an officer can write
 * after it. */
#include "harness.h"

#include "edge/api.h"
#include "hub/api.h"

#include "world.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

static void check_reply(const hf_buffer *reply, hf_status status)
{
    json_error_t error;
    json_t *document = json_loadb((const char *)reply->data, reply->size,
                                  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    assert(json_is_object(document));
    const char *schema = json_string_value(json_object_get(document, "schema"));
    assert(schema && (strcmp(schema, "holdfast.error/1") == 0) == (status != HF_OK));
    assert(!memchr(reply->data, '\n', reply->size));
    json_decref(document);
}

static hf_status ask_edge(pair_world *pair, hf_bytes request, hf_buffer *reply)
{
    pair_node *node = &pair->nodes[0];
    hf_edge_api own = {.edge = node->edge, .hub = "localhost:1"};
    hf_api api = {.side = &hf_edge_side,
                  .node = &own,
                  .store = node->store,
                  .name = "edge0",
                  .now_ms = pair->now_ms,
                  .wall_ms = pair_wall_ms(pair)};
    return hf_api_answer(&api, request, reply);
}

static hf_status ask_hub(pair_world *pair, hf_bytes request, hf_buffer *reply)
{
    hf_enroll enroll = {.store = pair->hub_node.store,
                        .hub = pair->hub,
                        .enrol_address = "localhost:1",
                        .sync_address = "localhost:2"};
    hf_api api = {.side = &hf_hub_side,
                  .node = &enroll,
                  .store = enroll.store,
                  .name = "hub",
                  .now_ms = pair->now_ms,
                  .wall_ms = pair_wall_ms(pair)};
    return hf_api_answer(&api, request, reply);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static const char put[] = "{\"op\":\"put\",\"type\":\"note\",\"changes\":[{\"field\":"
                              "\"subject\",\"value\":\"x\"}]}";
    hf_buffer reply = {0};
    if (size == 0) return;
    fuzz_world *world = fuzz_world_get();
    (void)fuzz_world_fresh(world, &world->hub);
    (void)fuzz_world_fresh(world, &world->edges[0]);
    fuzz_count_from_here();
    hf_bytes request = {data + 1, size - 1};
    pair_world *pair = world->pair;
    hf_status status =
        data[0] & 1 ? ask_hub(pair, request, &reply) : ask_edge(pair, request, &reply);
    check_reply(&reply, status);
    /* Whatever was asked before, an officer can write: not asked after what changed nothing. */
    if (fuzz_world_changed(&world->edges[0])) {
        status = ask_edge(pair, (hf_bytes){(const uint8_t *)put, sizeof put - 1}, &reply);
        assert(status == HF_OK);
    }
    hf_buffer_free(&reply);
}
