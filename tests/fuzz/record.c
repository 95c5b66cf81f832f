/* record.c: writes the seeds that are real traffic: conversations of a hub and its edges, frame by
 * frame, and the entries in them.
 *
 *     build/check/fuzz/record tests/fuzz/corpus
 *
 * Run it when the wire format or world.c changes; README.md says what stands where. */
#include "mutate.h"
#include "world.h"

#include "sync/proof.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *corpus;

static FILE *seed_open(const char *target, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s/real_%s", corpus, target, name);
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        exit(1);
    }
    return file;
}

static void put(FILE *file, const void *data, size_t size)
{
    if (size && fwrite(data, 1, size, file) != size) exit(1);
}

/* `skip` frames of the talk are left out: the harness has said them. */
static void write_script(const char *name, uint8_t which, const world_talk *talk, size_t skip)
{
    FILE *file = seed_open("session", name);
    put(file, &which, 1);
    for (size_t i = skip; i < talk->count; i++) {
        size_t size = talk->frames[i].size;
        uint8_t head[2] = {(uint8_t)size, (uint8_t)(size >> 8)};
        if (size == 0) head[0] = head[1] = 0xff;
        put(file, head, sizeof head);
        put(file, talk->frames[i].data, size);
    }
    fclose(file);
}

static void talk_say(world_talk *talk, const hf_message *message)
{
    world_frame *frame = &talk->frames[talk->count++];
    hf_buffer raw = {0};
    hf_message_write(&raw, message);
    assert(raw.status == HF_OK);
    *frame = (world_frame){.data = raw.data, .size = raw.size};
}

static void talk_turn(world_talk *talk)
{
    talk->frames[talk->count++] = (world_frame){.size = 0};
}

static void talk_free(world_talk *talk)
{
    for (size_t i = 0; i < talk->count; i++) {
        hf_buffer raw = {.data = talk->frames[i].data};
        hf_buffer_free(&raw);
    }
}

/* What edge 1 pushed in one lane and signed, as a station relays it: index 64 is its first author.
 * Then how far the hub has it, and a wish for edge 1's certificate. */
static void write_relayed(const fuzz_world *world)
{
    const world_talk *talk = &world->up[1];
    const sim_crypto *crypto = &world->edges[1].node->crypto;
    hf_message said, hello, push = {.type = HF_FRAME_NONE}, head = {.type = HF_FRAME_NONE};
    hf_bytes first = {talk->frames[0].data, talk->frames[0].size};
    hf_claim claim;
    hf_status status = hf_message_read(first, &hello);
    hf_list claims = hello.as.hello.origins;
    assert(status == HF_OK && hf_next_claim(&claims, &claim));
    for (size_t i = 1; i < talk->count; i++) {
        hf_bytes raw = {talk->frames[i].data, talk->frames[i].size};
        if (raw.size == 0 || hf_message_read(raw, &said) != HF_OK) continue;
        if (said.type == HF_FRAME_PUSH && !push.type) push = said;
        if (said.type == HF_FRAME_HEAD && said.as.head.head.lane == push.as.push.lane) head = said;
    }
    assert(push.type == HF_FRAME_PUSH && head.type == HF_FRAME_HEAD);
    world_talk relayed = {.count = 0};
    hf_message say = {.type = HF_FRAME_ORIGIN};
    say.as.origin.index = HF_HELLO_ORIGINS_MAX;
    memcpy(say.as.origin.key_id, crypto->table.own_key_id, HF_HASH_SIZE);
    memcpy(say.as.origin.incarnation, claim.incarnation, HF_INCARNATION_SIZE);
    say.as.origin.certificate = crypto->table.own_certificate;
    talk_say(&relayed, &say);
    say = (hf_message){.type = HF_FRAME_RELAY};
    say.as.relay = (hf_relay){.origin = HF_HELLO_ORIGINS_MAX,
                              .lane = push.as.push.lane,
                              .bodies = push.as.push.bodies,
                              .head = head.as.head.head};
    talk_say(&relayed, &say);
    talk_turn(&relayed);
    say.as.relay.bodies = (hf_list){.count = 0};
    talk_say(&relayed, &say);
    say = (hf_message){.type = HF_FRAME_RENEW_FOR};
    memcpy(say.as.key_id, crypto->table.own_key_id, HF_HASH_SIZE);
    talk_say(&relayed, &say);
    talk_turn(&relayed);
    write_script("hub_relayed", 6, &relayed, 0);
    talk_free(&relayed);
}

/* Each frame type once, raw and as it is sent. */
static void write_frames(fuzz_world *world, const world_talk *talk, const char *way)
{
    bool seen[64] = {false};
    for (size_t i = 0; i < talk->count; i++) {
        hf_bytes raw = {talk->frames[i].data, talk->frames[i].size};
        hf_message message;
        char name[64];
        hf_buffer sealed = {0};
        if (raw.size == 0 || hf_message_read(raw, &message) != HF_OK) continue;
        if (message.type >= 64 || seen[message.type]) continue;
        seen[message.type] = true;
        (void)snprintf(name, sizeof name, "%s_%u", way, message.type);
        FILE *file = seed_open("frame", name);
        hf_status status = hf_frame_seal(world->pair->deflater, raw, &sealed);
        assert(status == HF_OK);
        put(file, sealed.data, sealed.size);
        fclose(file);
        hf_buffer_free(&sealed);
    }
}

static hf_status write_entry(void *context, const hf_entry *entry)
{
    char name[64];
    (void)context;
    (void)snprintf(name, sizeof name, "%u_%u", (unsigned)entry->dot.lane,
                   (unsigned)entry->position);
    FILE *file = seed_open("entry", name);
    put(file, entry->body.data, entry->body.size);
    fclose(file);
    return HF_OK;
}

static void write_receipt(fuzz_world *world, const hf_record_id *record, const char *name)
{
    hf_buffer out = {0};
    hf_proof_counts counts;
    hf_status status = hf_proof_write(world->edges[0].node->store, record, NULL, &out, &counts);
    assert(status == HF_OK && counts.proved > 0);
    FILE *file = seed_open("receipt", name);
    put(file, out.data, out.size);
    fclose(file);
    hf_buffer_free(&out);
}

/* What edges[0] could show to others at that moment; and, under several receipts, hours later. */
static void write_receipts(fuzz_world *world)
{
    pair_world *pair = world->pair;
    write_receipt(world, &world->record, "short");
    pair->nodes[0].offline = false;
    hf_record_id record = pair_crime(pair, 0, "Window broken");
    for (int n = 0; n < 40; n++) {
        pair_set(pair, 0, &record, 27, n % 2 ? "Window broken again" : "Window mended");
        pair_wait(pair, n % 10 == 0 ? 400 * 1000 : 10);
    }
    pair_wait(pair, 4000);
    write_receipt(world, &record, "long");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: record tests/fuzz/corpus\n");
        return 64;
    }
    corpus = argv[1];
    fuzz_world *world = fuzz_world_get();
    write_script("session_up", 0, &world->up[0], 0);
    write_script("session_down", 1, &world->down[0], 0);
    write_script("hub_resumed", 2, &world->up[0], 0);
    write_script("hub_in_company", 2 | 128, &world->up[0], 0);
    write_script("hub_anew", 2, &world->up_anew, 0);
    write_script("hub_greeted", 4, &world->up[0], 1);
    write_script("edge_resumed", 3, &world->down[0], 0);
    write_script("edge_anew", 3, &world->down_anew, 0);
    write_script("edge_greeted", 5, &world->down[0], 1);
    write_relayed(world);
    write_frames(world, &world->up[0], "up");
    write_frames(world, &world->down[0], "down");
    write_frames(world, &world->up_anew, "up_anew");
    write_frames(world, &world->down_anew, "down_anew");
    (void)fuzz_world_fresh(world, &world->hub);
    (void)fuzz_world_fresh(world, &world->edges[0]);
    if (hf_feed_read(world->edges[0].node->store, 0, 100, write_entry, NULL) != HF_OK) return 1;
    write_receipts(world);
    return 0;
}
