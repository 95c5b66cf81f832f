/* test_elsewhere.c: what a device had of another hub is named in few bytes, and only what it holds.
 */
#include "store_kit.h"

#include "sync/elsewhere.h"
#include "sync/feed.h"
#include "sync/frame.h"

#include <stdio.h>

enum { MANY = 5000, MOVED = 300, LANE = HF_LANE_CRIME };

/* ---- others' logs, which no kit node writes ---- */

static void author_key(uint32_t author, uint8_t key_id[HF_HASH_SIZE],
                       uint8_t incarnation[HF_INCARNATION_SIZE])
{
    memset(key_id, 0x5a, HF_HASH_SIZE);
    memset(incarnation, 0xa5, HF_INCARNATION_SIZE);
    memcpy(key_id, &author, sizeof author);
}

static const hf_origin_row *author_at(kit_node *node, uint32_t author)
{
    const hf_origin_row *row;
    uint8_t key_id[HF_HASH_SIZE], incarnation[HF_INCARNATION_SIZE];
    author_key(author, key_id, incarnation);
    assert_int_equal(hf_origin_learn(node->store, key_id, incarnation, (hf_bytes){NULL, 0}, &row),
                     HF_OK);
    return row;
}

/* An entry of one part, of a record of its own; with its hashes alone if `emptied`. */
static void write_body(kit *k, uint32_t author, uint64_t seq, uint64_t pseq, bool emptied,
                       hf_buffer *out)
{
    static const char actor[] = "PC 4411 Rees";
    hf_buffer part = {0}, whole = {0};
    uint8_t salt[8] = {0}, id[HF_RECORD_ID_SIZE] = {0};
    memcpy(id, &author, sizeof author);
    memcpy(id + 8, &seq, sizeof seq);
    hf_write_raw(&part, (hf_bytes){salt, sizeof salt});
    hf_write_array(&part, 4);
    hf_write_uint(&part, KIT_CRIME);
    hf_write_bytes(&part, id, sizeof id);
    hf_write_array(&part, 0);
    hf_write_array(&part, 1);
    hf_write_array(&part, 3);
    hf_write_uint(&part, KIT_SUMMARY);
    hf_write_array(&part, 0);
    hf_write_string(&part, "elsewhere");
    hf_write_array(&whole, 9);
    hf_write_uint(&whole, seq);
    hf_write_uint(&whole, pseq);
    hf_write_uint(&whole, KIT_BEAT);
    hf_write_uint(&whole, k->wall_ms << 16);
    hf_write_uint(&whole, 3);
    hf_write_uint(&whole, 1);
    hf_write_text(&whole, actor, sizeof actor - 1);
    hf_write_null(&whole);
    hf_write_array(&whole, 1);
    hf_write_bytes(&whole, part.data, part.size);
    hf_buffer_clear(out);
    if (emptied)
        assert_int_equal(hf_entry_erase(&k->hub.crypto.table, hf_buffer_bytes(&whole), out), HF_OK);
    else
        hf_write_raw(out, hf_buffer_bytes(&whole));
    hf_buffer_free(&part);
    hf_buffer_free(&whole);
}

static void take(kit *k, kit_node *node, uint32_t author, uint64_t seq, uint64_t pseq, bool emptied)
{
    hf_batch *batch;
    hf_buffer body = {0};
    hf_applied_entry applied;
    write_body(k, author, seq, pseq, emptied, &body);
    bool alone = !node->store->batch;
    if (alone) assert_int_equal(hf_batch_begin(node->store, k->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_entry(node->store->batch, author_at(node, author), LANE,
                                    hf_buffer_bytes(&body), 0, &applied),
                     HF_OK);
    assert_int_equal(applied.what, emptied ? HF_APPLIED_WITHHELD : HF_APPLIED_NEW);
    if (alone) assert_int_equal(hf_batch_commit(batch), HF_OK);
    hf_buffer_free(&body);
}

/* ---- what is said, and what is heard ---- */

typedef struct said {
    hf_buffer named, groups, frame, bits;
    hf_message hello;
    hf_had *had;
} said;

/* As HELLO says it, and as the hub reads that. */
static void say(kit *k, kit_node *device, uint64_t here, said *out)
{
    hf_buffer claims = {0};
    hf_claim claim = {.logs = {.count = 0}};
    hf_message message = {.type = HF_FRAME_HELLO};
    size_t count;
    *out = (said){.had = NULL};
    assert_int_equal(hf_elsewhere_write(device->store, here, &out->named, &out->groups, &count),
                     HF_OK);
    hf_write_claim(&claims, &claim);
    message.as.hello = (hf_hello){.protocol_min = 1,
                                  .protocol_max = 1,
                                  .implementation = {(const uint8_t *)"test", 4},
                                  .origins = {hf_buffer_bytes(&claims), 1},
                                  .elsewhere = {hf_buffer_bytes(&out->groups), count}};
    hf_message_write(&out->frame, &message);
    assert_int_equal(hf_message_read(hf_buffer_bytes(&out->frame), &out->hello), HF_OK);
    assert_int_equal(out->hello.as.hello.elsewhere.count, count);
    assert_int_equal(
        hf_had_read(k->hub.store, &out->hello.as.hello.elsewhere, &out->bits, &out->had), HF_OK);
    hf_buffer_free(&claims);
}

static void said_free(said *s)
{
    hf_had_free(s->had);
    hf_buffer_free(&s->named);
    hf_buffer_free(&s->groups);
    hf_buffer_free(&s->frame);
    hf_buffer_free(&s->bits);
}

static bool has(kit *k, const said *s, uint32_t author, uint32_t scope, uint64_t seq)
{
    hf_entry entry = {.scope = scope, .dot = {.lane = LANE, .seq = seq}};
    return hf_had_entry(s->had, author_at(&k->hub, author)->no, &entry);
}

/* ---- the promises ---- */

static uint64_t seq_of(uint32_t author)
{
    return 100 + author * 7919 % 900;
}

/* The log's first entry that these nodes may see; what is before is of other scopes. */
static void fill_both(kit *k, uint32_t count)
{
    kit_node *nodes[] = {&k->hub, &k->edges[0]};
    for (size_t i = 0; i < 2; i++) {
        hf_batch *batch;
        assert_int_equal(hf_batch_begin(nodes[i]->store, k->wall_ms, &batch), HF_OK);
        for (uint32_t author = 0; author < count; author++)
            take(k, nodes[i], author, seq_of(author), 0, false);
        assert_int_equal(hf_batch_commit(batch), HF_OK);
    }
}

/* The hub holds what is before, too: it is only not written here. */
static void move_both(kit *k)
{
    kit_node *nodes[] = {&k->hub, &k->edges[0]};
    for (size_t i = 0; i < 2; i++) {
        hf_batch *batch;
        assert_int_equal(hf_batch_begin(nodes[i]->store, k->wall_ms, &batch), HF_OK);
        for (uint32_t author = 3; author < MOVED * 16; author += 16)
            take(k, nodes[i], author, seq_of(author) + 1, seq_of(author), false);
        assert_int_equal(hf_batch_commit(batch), HF_OK);
    }
    kit_sql(&k->hub, "DELETE FROM patchy");
}

static void naming_300_of_5000_logs_takes_two_kilobytes(void **state)
{
    enum { BYTES_MAX = 2100 };
    kit *k = *state;
    kit_node *device = &k->edges[0];
    hf_deflater *deflater;
    hf_buffer sealed = {0};
    said s;
    fill_both(k, MANY);
    uint64_t here = hf_feed_position(device->store);
    move_both(k);
    say(k, device, here, &s);
    assert_int_equal(hf_had_count(s.had), MOVED);
    for (uint32_t author = 0; author < MANY; author++) {
        bool moved = author % 16 == 3 && author / 16 < MOVED;
        uint64_t seq = seq_of(author);
        assert_int_equal(has(k, &s, author, KIT_BEAT, seq), moved);
        assert_int_equal(has(k, &s, author, KIT_BEAT, seq + 1), moved);
        assert_false(has(k, &s, author, KIT_BEAT, seq + 2));
        assert_false(has(k, &s, author, KIT_CUSTODY, seq));
    }
    assert_int_equal(hf_deflater_new(&deflater), HF_OK);
    assert_int_equal(hf_frame_seal(deflater, hf_buffer_bytes(&s.frame), &sealed), HF_OK);
    print_message("note: to name %d of %d logs: %zu bytes\n", MOVED, MANY, sealed.size);
    assert_in_range(sealed.size, MOVED * 4, BYTES_MAX);
    hf_buffer_free(&sealed);
    hf_deflater_free(deflater);
    said_free(&s);
    say(k, device, 0, &s); /* more than one HELLO may name: the rest is fed */
    assert_int_equal(hf_had_count(s.had), HF_ELSEWHERE_LOGS_MAX);
    said_free(&s);
}

/* The hub may have the body of what is a hole here. */
static void nothing_is_named_from_a_hole_on(void **state)
{
    kit *k = *state;
    kit_node *device = &k->edges[0];
    said s;
    for (uint64_t seq = 1; seq <= 4; seq++) {
        for (uint32_t author = 0; author < 3; author++)
            take(k, &k->hub, author, seq, seq - 1, false);
        take(k, device, 0, seq, seq - 1, seq == 3);
        take(k, device, 1, seq, seq - 1, seq == 1);
        take(k, device, 2, seq, seq - 1, false);
    }
    say(k, device, 0, &s);
    assert_true(has(k, &s, 0, KIT_BEAT, 2));
    assert_false(has(k, &s, 0, KIT_BEAT, 3));
    assert_false(has(k, &s, 1, KIT_BEAT, 1));
    assert_true(has(k, &s, 2, KIT_BEAT, 4));
    said_free(&s);
    take(k, device, 0, 5, 4, false); /* nor is it by what came later */
    say(k, device, hf_feed_position(device->store) - 1, &s);
    assert_null(s.had);
    said_free(&s);
}

static void our_own_logs_are_not_named(void **state)
{
    kit *k = *state;
    said s;
    (void)kit_crime(k, &k->edges[0], "Ours");
    say(k, &k->edges[0], hf_feed_position(k->edges[0].store) - 1, &s);
    assert_int_equal(s.groups.size, 0);
    said_free(&s);
}

/* What cannot be told apart, or is not known, is fed; in its group alone. */
static void what_is_not_understood_counts_for_nothing(void **state)
{
    enum { LOGS = HF_ELSEWHERE_GROUP + 8 };
    kit *k = *state;
    said s;
    for (uint32_t author = 0; author < LOGS; author++) {
        if (author < LOGS - 1) take(k, &k->hub, author, 1, 0, false);
        take(k, &k->edges[0], author, 1, 0, false);
    }
    say(k, &k->edges[0], 0, &s);
    assert_int_equal(hf_had_count(s.had), HF_ELSEWHERE_GROUP);
    assert_true(has(k, &s, 0, KIT_BEAT, 1));
    assert_false(has(k, &s, LOGS - 2, KIT_BEAT, 1));
    said_free(&s);
    take(k, &k->hub, LOGS - 1, 1, 0, false);
    say(k, &k->edges[0], 0, &s);
    assert_int_equal(hf_had_count(s.had), LOGS);
    said_free(&s);
}

/* The hub knows one that begins as the other does: alone, it would be taken for that. */
static void origins_that_begin_alike_are_not_taken_for_one_another(void **state)
{
    kit *k = *state;
    said s;
    char sql[160], start[9];
    take(k, &k->edges[0], 0, 1, 0, false);
    const uint8_t *id = author_at(&k->edges[0], 0)->id.bytes;
    snprintf(start, sizeof start, "%02x%02x%02x%02x", id[0], id[1], id[2], id[3]);
    take(k, &k->hub, 1, 1, 0, false);
    int64_t other = author_at(&k->hub, 1)->no;
    snprintf(sql, sizeof sql, "UPDATE origin SET id=x'%s000102030405060708090a0b' WHERE no=%lld",
             start, (long long)other);
    kit_shut(&k->hub);
    kit_sql(&k->hub, sql);
    kit_open(&k->hub);
    say(k, &k->edges[0], 0, &s);
    assert_true(s.groups.size > 0);
    assert_null(s.had);
    said_free(&s);
    (void)author_at(&k->hub, 0); /* and now it knows both */
    say(k, &k->edges[0], 0, &s);
    assert_null(s.had);
    said_free(&s);
}

/* It is fed when it comes, and so the device hears where it is. Of the others the bits tell. */
static void what_the_hub_has_not_as_far_counts_for_nothing(void **state)
{
    kit *k = *state;
    said s;
    for (uint32_t author = 0; author < 10; author++) {
        take(k, &k->edges[0], author, 1, 0, false);
        take(k, &k->edges[0], author, 2, 1, false);
        take(k, &k->hub, author, 1, 0, false);
        if (author == 0 || author == 9) take(k, &k->hub, author, 2, 1, false);
    }
    say(k, &k->edges[0], 0, &s);
    assert_int_equal(hf_had_count(s.had), 2);
    assert_true(has(k, &s, 0, KIT_BEAT, 2));
    assert_false(has(k, &s, 1, KIT_BEAT, 1));
    assert_int_equal(s.named.size, 10 * sizeof(hf_relay_log));
    assert_int_equal(s.bits.size, 2);
    assert_int_equal(s.bits.data[0], 1);
    assert_int_equal(s.bits.data[1], 2);
    said_free(&s);
}

/* ---- what is refused ---- */

static void write_zeros(hf_buffer *out, size_t count)
{
    hf_write_array(out, count);
    for (size_t i = 0; i < count; i++) hf_write_uint(out, 0);
}

typedef struct shape { /* of groups, as a peer might write them */
    size_t groups, origins_size, lanes, seqs, heads;
    uint8_t lane;
    hf_status status;
} shape;

static hf_status read_shape(const shape *of)
{
    static const uint8_t origins[4 * 40], check[HF_ELSEWHERE_CHECK];
    uint8_t lanes[40];
    hf_buffer items = {0}, claims = {0}, frame = {0};
    memset(lanes, of->lane, sizeof lanes);
    for (size_t i = 0; i < of->groups; i++) {
        hf_write_array(&items, 6);
        hf_write_uint(&items, KIT_BEAT);
        hf_write_bytes(&items, origins, of->origins_size);
        hf_write_bytes(&items, lanes, of->lanes);
        write_zeros(&items, of->seqs);
        write_zeros(&items, of->heads);
        hf_write_bytes(&items, check, sizeof check);
    }
    hf_write_claim(&claims, &(hf_claim){.logs = {.count = 0}});
    hf_message message = {.type = HF_FRAME_HELLO}, read;
    message.as.hello = (hf_hello){.origins = {hf_buffer_bytes(&claims), 1},
                                  .elsewhere = {hf_buffer_bytes(&items), of->groups}};
    hf_message_write(&frame, &message);
    hf_status status = hf_message_read(hf_buffer_bytes(&frame), &read);
    hf_buffer_free(&items);
    hf_buffer_free(&claims);
    hf_buffer_free(&frame);
    return status;
}

static void a_group_that_does_not_fit_together_is_refused(void **state)
{
    (void)state;
    enum { FULL = HF_ELSEWHERE_GROUP, MOST = HF_ELSEWHERE_LOGS_MAX / FULL };
    static const shape shapes[] = {
        {1, 4, 1, 1, 1, LANE, HF_OK},
        {MOST, 4 * FULL, FULL, FULL, FULL, HF_LANE_COUNT - 1, HF_OK},
        {MOST + 1, 4 * FULL, FULL, FULL, FULL, LANE, HF_ERR_LIMIT},
        {1, 4 * FULL + 4, FULL + 1, FULL + 1, FULL + 1, LANE, HF_ERR_LIMIT},
        {1, 0, 0, 0, 0, LANE, HF_ERR_PROTOCOL},
        {1, 7, 2, 2, 2, LANE, HF_ERR_PROTOCOL},
        {1, 8, 2, 1, 2, LANE, HF_ERR_PROTOCOL},
        {1, 8, 2, 2, 3, LANE, HF_ERR_PROTOCOL},
        {1, 8, 2, 2, 2, HF_LANE_COUNT, HF_ERR_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        assert_int_equal(read_shape(&shapes[i]), shapes[i].status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(naming_300_of_5000_logs_takes_two_kilobytes),
        KIT_TEST(nothing_is_named_from_a_hole_on),
        KIT_TEST(our_own_logs_are_not_named),
        KIT_TEST(what_is_not_understood_counts_for_nothing),
        KIT_TEST(origins_that_begin_alike_are_not_taken_for_one_another),
        KIT_TEST(what_the_hub_has_not_as_far_counts_for_nothing),
        cmocka_unit_test(a_group_that_does_not_fit_together_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
