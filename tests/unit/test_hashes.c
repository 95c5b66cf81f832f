/* test_hashes.c: what is hashed and signed, against vectors that another implementation made from
 * protocol.md alone (tests/client2/vectors.js). Hashes and signatures here are the real ones. */
#include "edge/import.h"
#include "hub/enroll.h"
#include "platform/keys.h"
#include "sync/embedded.h"
#include "sync/feed.h"
#include "sync/log.h"
#include "sync/render.h"
#include "sync/store_core.h"

#include "hex.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { T0_MS = 1700000000 };

typedef struct bench {
    json_t *vectors;
    char folder[64], key[96], store[96];
    hf_keys *keys;
    hf_crypto crypto; /* of `keys`, but believes the vectors' certificates, and no chance in it */
    hf_store *db;
    uint8_t room[HEX_MAX];
} bench;

/* ---- reading the vectors ---- */

static json_t *at(json_t *object, const char *name)
{
    json_t *found = json_object_get(object, name);
    if (!found) print_error("no \"%s\" in the vectors\n", name);
    assert_non_null(found);
    return found;
}

static uint64_t number(json_t *object, const char *name)
{
    json_t *item = at(object, name);
    return json_is_string(item) ? strtoull(json_string_value(item), NULL, 10)
                                : (uint64_t)json_integer_value(item);
}

static hf_bytes hex(json_t *item, uint8_t *room)
{
    assert_true(json_is_string(item));
    return unhex(json_string_value(item), room);
}

static void take(json_t *item, uint8_t *out, size_t size)
{
    uint8_t room[HEX_MAX];
    hf_bytes bytes = hex(item, room);
    assert_int_equal(bytes.size, size);
    memcpy(out, bytes.data, size);
}

static void expect_hex(json_t *item, const void *data, size_t size)
{
    uint8_t room[HEX_MAX];
    hf_bytes wanted = hex(item, room);
    assert_int_equal(size, wanted.size);
    assert_memory_equal(data, wanted.data, size);
}

/* ---- a store that believes the vectors ---- */

/* The vectors' certificates are stand-ins: the author's is its public key, another's its key id;
 * the third origin is the hub's. */
static hf_status believe(void *context, hf_bytes der, hf_certificate *out)
{
    bench *b = context;
    uint8_t hub[HF_HASH_SIZE];
    *out = (hf_certificate){.name = "vectors"};
    take(at(json_array_get(at(b->vectors, "origins"), 2), "key_id"), hub, sizeof hub);
    if (der.size == HF_HASH_SIZE) {
        memcpy(out->key_id, der.data, der.size);
        out->is_hub = memcmp(der.data, hub, sizeof hub) == 0;
        return HF_OK;
    }
    const hf_crypto *real = hf_keys_crypto(b->keys);
    memcpy(out->public_key, der.data, der.size);
    out->public_key_size = der.size;
    real->hash(real->context, &der, 1, out->key_id);
    return HF_OK;
}

static hf_status lent_secret(void *context, uint8_t *out, size_t size)
{
    bench *b = context;
    uint8_t secret[HF_HASH_SIZE];
    take(at(at(b->vectors, "secret"), "secret"), secret, sizeof secret);
    for (size_t i = 0; i < size; i++) out[i] = secret[i % sizeof secret];
    return HF_OK;
}

static void lent_hash(void *context, const hf_bytes *pieces, size_t count,
                      uint8_t out[HF_HASH_SIZE])
{
    const hf_crypto *real = hf_keys_crypto(((bench *)context)->keys);
    real->hash(real->context, pieces, count, out);
}

static hf_status lent_verify(void *context, hf_bytes public_key, const uint8_t hash[HF_HASH_SIZE],
                             const uint8_t signature[HF_SIGNATURE_SIZE])
{
    const hf_crypto *real = hf_keys_crypto(((bench *)context)->keys);
    return real->verify(real->context, public_key, hash, signature);
}

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    json_error_t error;
    assert_non_null(b);
    *state = b;
    b->vectors = json_load_file(HF_SOURCE_DIR "/tests/vectors/hashes.json", 0, &error);
    assert_non_null(b->vectors);
    snprintf(b->folder, sizeof b->folder, "/tmp/holdfast-test-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    snprintf(b->key, sizeof b->key, "%s/key.pem", b->folder);
    snprintf(b->store, sizeof b->store, "%s/store.db", b->folder);
    assert_int_equal(hf_keys_create(b->key), HF_OK);
    hf_key_paths paths = {.key = b->key, .certificate = "/nowhere", .ca = "/nowhere"};
    assert_int_equal(hf_keys_open(&paths, &b->keys), HF_OK);
    b->crypto = *hf_keys_crypto(b->keys);
    b->crypto.context = b;
    b->crypto.hash = lent_hash;
    b->crypto.verify = lent_verify;
    b->crypto.random = lent_secret;
    b->crypto.certificate = believe;
    hf_store_options options = {.path = b->store, .crypto = &b->crypto, .is_hub = true};
    assert_int_equal(hf_store_open(&options, &b->db, NULL, 0), HF_OK);
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    const char *ends[] = {"key.pem", "store.db", "store.db-wal", "store.db-shm", "store.db.guard"};
    hf_store_close(b->db);
    hf_keys_close(b->keys);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", b->folder, ends[i]);
        (void)unlink(path);
    }
    (void)rmdir(b->folder);
    json_decref(b->vectors);
    free(b);
    return 0;
}

static const hf_origin_row *learn(bench *b, size_t which)
{
    const hf_origin_row *row;
    json_t *origin = json_array_get(at(b->vectors, "origins"), which);
    uint8_t key_id[HF_HASH_SIZE], incarnation[HF_INCARNATION_SIZE], room[HEX_MAX];
    take(at(origin, "key_id"), key_id, sizeof key_id);
    take(at(origin, "incarnation"), incarnation, sizeof incarnation);
    hf_bytes certificate = {key_id, sizeof key_id};
    if (which == 0) certificate = hex(at(at(b->vectors, "key"), "spki"), room);
    assert_int_equal(hf_origin_learn(b->db, key_id, incarnation, certificate, &row), HF_OK);
    return row;
}

static const hf_origin_row *origin_named(bench *b, json_t *name)
{
    hf_origin_id id;
    take(name, id.bytes, sizeof id.bytes);
    const hf_origin_row *row = hf_origin_by_id(b->db, &id);
    assert_non_null(row);
    return row;
}

static void take_entries(bench *b)
{
    size_t index;
    json_t *item;
    hf_batch *batch;
    for (size_t i = 0; i < 3; i++) learn(b, i);
    assert_int_equal(hf_batch_begin(b->db, T0_MS, &batch), HF_OK);
    json_array_foreach(at(b->vectors, "entries"), index, item)
    {
        hf_applied_entry applied;
        assert_int_equal(hf_batch_entry(batch, origin_named(b, at(item, "origin")),
                                        (uint8_t)number(item, "lane"),
                                        hex(at(item, "body"), b->room), 0, &applied),
                         HF_OK);
        /* Nothing of one is here but its hashes: it is a hole until somebody says more. */
        assert_true(applied.what == HF_APPLIED_NEW || applied.what == HF_APPLIED_WITHHELD);
    }
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

/* ---- the tests ---- */

static void origins_and_scope_sets_are_named_as_the_vectors_say(void **state)
{
    bench *b = *state;
    size_t index, place;
    json_t *item, *one;
    for (size_t i = 0; i < 3; i++)
        expect_hex(at(json_array_get(at(b->vectors, "origins"), i), "origin"),
                   learn(b, i)->id.bytes, HF_ORIGIN_SIZE);
    json_array_foreach(at(b->vectors, "scope_sets"), index, item)
    {
        uint32_t scopes[8];
        uint8_t out[16];
        size_t count = 0;
        json_array_foreach(at(item, "numbers"), place, one)
        {
            uint32_t added = (uint32_t)json_integer_value(one);
            size_t to = count++;
            for (; to > 0 && scopes[to - 1] > added; to--) scopes[to] = scopes[to - 1];
            scopes[to] = added;
        }
        hf_scope_set_hash(&b->crypto, scopes, count, out);
        expect_hex(at(item, "hash"), out, sizeof out);
    }
}

static void what_was_had_elsewhere_is_checked_as_the_vectors_say(void **state)
{
    bench *b = *state;
    size_t index, place;
    json_t *item, *one;
    json_array_foreach(at(b->vectors, "elsewhere"), index, item)
    {
        hf_buffer names = {0};
        uint8_t origin[HF_ORIGIN_SIZE], check[HF_ELSEWHERE_CHECK];
        json_array_foreach(at(item, "logs"), place, one)
        {
            uint8_t lane = (uint8_t)json_integer_value(json_array_get(one, 1));
            take(json_array_get(one, 0), origin, sizeof origin);
            hf_write_raw(&names, (hf_bytes){origin, sizeof origin});
            hf_write_raw(&names, (hf_bytes){&lane, 1});
        }
        hf_elsewhere_check(&b->crypto, hf_buffer_bytes(&names), check);
        expect_hex(at(item, "check"), check, sizeof check);
        hf_buffer_free(&names);
    }
    assert_int_equal(index, 2);
}

static void record_ids_read_as_the_vectors_say(void **state)
{
    bench *b = *state;
    size_t index;
    json_t *item;
    hf_pack *pack;
    assert_int_equal(hf_pack_open((hf_bytes){hf_pack_police, hf_pack_police_size}, &pack), HF_OK);
    json_array_foreach(at(b->vectors, "record_ids"), index, item)
    {
        char text[HF_RECORD_TEXT_SIZE];
        const char *wanted = json_string_value(at(item, "text"));
        hf_record_id id = {.type = 16}, read;
        take(at(item, "id"), id.bytes, sizeof id.bytes);
        hf_record_id_format(pack, &id, text);
        assert_string_equal(text, wanted);
        hf_bytes words = {(const uint8_t *)wanted, strlen(wanted)};
        assert_int_equal(hf_record_id_parse(pack, words, &read), HF_OK);
        assert_memory_equal(read.bytes, id.bytes, sizeof id.bytes);
    }
    hf_pack_close(pack);
}

static void entries_hash_and_chain_as_the_vectors_say(void **state)
{
    bench *b = *state;
    size_t index;
    json_t *item;
    take_entries(b);
    json_array_foreach(at(b->vectors, "entries"), index, item)
    {
        const hf_origin_row *origin = origin_named(b, at(item, "origin"));
        uint8_t lane = (uint8_t)number(item, "lane"), out[HF_HASH_SIZE];
        hf_entry_body entry;
        assert_int_equal(hf_entry_parse(hex(at(item, "body"), b->room), &entry), HF_OK);
        assert_int_equal(hf_entry_hash(&b->crypto, &origin->id, lane, &entry, out), HF_OK);
        expect_hex(at(item, "hash"), out, sizeof out);
        assert_int_equal(hf_log_chain_at(b->db, origin->no, lane, entry.seq, out), HF_OK);
        expect_hex(at(item, "chain"), out, sizeof out);
        hf_reader parts = hf_reader_open(entry.parts);
        size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
        assert_int_equal(count, json_array_size(at(item, "part_hashes")));
        for (size_t i = 0; i < count; i++) {
            hf_part part;
            assert_int_equal(hf_part_next(&b->crypto, &parts, &part), HF_OK);
            expect_hex(json_array_get(at(item, "part_hashes"), i), part.hash, HF_HASH_SIZE);
        }
    }
}

static void the_feed_chains_as_the_vectors_say(void **state)
{
    bench *b = *state;
    json_t *feed = at(b->vectors, "feed"), *item;
    uint8_t now[16], chain[HF_HASH_SIZE];
    size_t index;
    take(at(feed, "epoch"), now, sizeof now);
    json_array_foreach(at(b->vectors, "entries"), index, item)
    {
        take(at(item, "chain"), chain, sizeof chain);
        hf_feed_chain_next(&b->crypto, now, (hf_bytes){chain, sizeof chain});
        expect_hex(json_array_get(at(feed, "after"), index), now, sizeof now);
    }
}

static void every_leaf_of_every_tree_leads_to_the_vectors_root(void **state)
{
    bench *b = *state;
    size_t index, place, step;
    json_t *tree, *path, *hash;
    json_array_foreach(at(b->vectors, "trees"), index, tree)
    {
        json_array_foreach(at(tree, "paths"), place, path)
        {
            uint8_t root[HF_HASH_SIZE];
            hf_head_leaf leaf = {.scope = (uint32_t)place + 1,
                                 .seq = place + 1,
                                 .index = (uint32_t)place,
                                 .count = (uint32_t)number(tree, "count"),
                                 .path_count = json_array_size(path)};
            memset(leaf.chain, (int)place + 1, sizeof leaf.chain);
            json_array_foreach(path, step, hash) take(hash, leaf.path[step], HF_HASH_SIZE);
            assert_int_equal(hf_head_leaf_root(&b->crypto, &leaf, root), HF_OK);
            expect_hex(at(tree, "root"), root, sizeof root);
        }
    }
}

static void a_head_that_another_signed_is_accepted_and_no_other(void **state)
{
    bench *b = *state;
    json_t *item = at(b->vectors, "head"), *leaf;
    hf_head head = {.lane = (uint8_t)number(item, "lane"),
                    .seq = number(item, "seq"),
                    .hlc = number(item, "hlc")};
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    uint8_t root[HF_HASH_SIZE];
    size_t count, index;
    take_entries(b);
    take(at(item, "origin"), head.origin.bytes, sizeof head.origin.bytes);
    take(at(item, "root"), head.root, sizeof head.root);
    take(at(item, "signature"), head.signature, sizeof head.signature);
    const hf_origin_row *origin = origin_named(b, at(item, "origin"));
    assert_int_equal(hf_head_leaves(b->db, origin->no, head.lane, head.seq, leaves, &count, root),
                     HF_OK);
    assert_memory_equal(root, head.root, sizeof root);
    assert_int_equal(count, json_array_size(at(item, "leaves")));
    json_array_foreach(at(item, "leaves"), index, leaf)
    {
        assert_int_equal(leaves[index].scope, number(leaf, "scope"));
        assert_int_equal(leaves[index].seq, number(leaf, "seq"));
        expect_hex(at(leaf, "chain"), leaves[index].chain, HF_HASH_SIZE);
        assert_int_equal(leaves[index].path_count, json_array_size(at(leaf, "path")));
        for (size_t i = 0; i < leaves[index].path_count; i++)
            expect_hex(json_array_get(at(leaf, "path"), i), leaves[index].path[i], HF_HASH_SIZE);
    }
    assert_int_equal(hf_head_check(b->db, &head), HF_OK);
    head.hlc++;
    assert_int_equal(hf_head_check(b->db, &head), HF_ERR_PROTOCOL);
}

static void the_same_entries_give_the_vectors_digest(void **state)
{
    bench *b = *state;
    size_t index;
    json_t *item;
    take_entries(b);
    assert_int_equal(json_array_size(at(b->vectors, "digests")), 2);
    json_array_foreach(at(b->vectors, "digests"), index, item)
    {
        uint8_t digest[HF_HASH_SIZE];
        assert_int_equal(hf_store_digest(b->db, (uint32_t)number(item, "scope"), digest), HF_OK);
        expect_hex(at(item, "digest"), digest, sizeof digest);
    }
}

static uint32_t withheld(bench *b, size_t index)
{
    json_t *item = json_array_get(at(b->vectors, "entries"), index);
    const hf_origin_row *origin = origin_named(b, at(item, "origin"));
    hf_entry_body body;
    hf_entry entry;
    assert_int_equal(hf_entry_parse(hex(at(item, "body"), b->room), &body), HF_OK);
    int64_t log = hf_log_no(origin->no, (uint8_t)number(item, "lane"));
    assert_int_equal(hf_entry_by_dot(b->db, log, body.seq, &entry), HF_OK);
    return entry.withheld;
}

/* The vectors judge entry 4, and an entry of another branch at the dot of entry 0. Whoever holds a
 * branch that the hub does not must not see it hidden by what was said of the hub's. */
static void a_verdict_on_another_branch_hides_nothing_of_ours(void **state)
{
    bench *b = *state;
    take_entries(b);
    assert_int_equal(withheld(b, 4), 603);
    assert_int_equal(withheld(b, 0), 0);
}

/* The hub keeps H(09 || secret) as the name of the token's row, and the token has the secret. */
static void a_tokens_secret_is_written_and_kept_as_the_vectors_say(void **state)
{
    bench *b = *state;
    json_t *secret = at(b->vectors, "secret");
    const char *scopes[] = {"beds/response"};
    hf_token_grant grant = {.name = "rees",
                            .force = "beds",
                            .unit = "response",
                            .scopes = scopes,
                            .scope_count = 1,
                            .lasts_ms = 3600 * 1000};
    hf_enroll enroll = {.store = b->db, .enrol_address = "hub:1", .sync_address = "hub:2"};
    hf_hub_options options = {.implementation = "test", .peers_max = 1};
    hf_token token;
    hf_buffer text = {0}, row = {0};
    char why[256], name[80];
    assert_int_equal(hf_hub_new(b->db, &options, &enroll.hub), HF_OK);
    assert_int_equal(hf_enroll_token(&enroll, &grant, T0_MS, &token, why, sizeof why), HF_OK);
    expect_hex(at(secret, "secret"), token.secret, sizeof token.secret);
    hf_token_write(&token, "enrols rees", &text);
    hf_write_raw(&text, (hf_bytes){(const uint8_t *)"", 1});
    assert_non_null(strstr((const char *)text.data, json_string_value(at(secret, "text"))));
    snprintf(name, sizeof name, "token/%s", json_string_value(at(secret, "hash")));
    assert_int_equal(hf_meta_get(b->db, name, &row), HF_OK);
    assert_true(row.size > 0);
    hf_buffer_free(&text);
    hf_buffer_free(&row);
    hf_hub_free(enroll.hub);
}

static void imported_rows_are_known_by_the_vectors_names(void **state)
{
    bench *b = *state;
    json_t *imports = at(b->vectors, "imports"), *item, *cell;
    size_t index, place;
    uint8_t name_room[HEX_MAX], rooms[4][HEX_MAX], out[HF_IMPORT_DIGEST_SIZE];
    hf_bytes cells[4];
    json_array_foreach(at(imports, "rows"), index, item)
    {
        hf_import_row row = {.ordinal = number(item, "ordinal"), .cells = cells};
        json_array_foreach(at(item, "cells"), place, cell) cells[place] = hex(cell, rooms[place]);
        row.cell_count = json_array_size(at(item, "cells"));
        hf_import_digest(&b->crypto, hex(at(item, "mapping"), name_room), &row, out);
        expect_hex(at(item, "digest"), out, sizeof out);
    }
    json_array_foreach(at(imports, "records"), index, item)
    {
        char why[HF_IMPORT_WHY_SIZE];
        bool has_key = json_is_true(at(item, "hasKey"));
        hf_import_mapping mapping = {.name = hex(at(item, "mapping"), name_room)};
        hf_type type = {.number = 16, .name = json_string_value(at(item, "type"))};
        hf_import_plan plan = {.mapping = &mapping, .type = &type, .key = SIZE_MAX};
        hf_import_row row = {.cells = cells, .cell_count = has_key ? 2 : 3};
        hf_record_id id;
        plan.time = number(item, "ms") ? 1 : SIZE_MAX;
        if (has_key) {
            plan.key = 0;
            cells[0] = hex(at(item, "key"), rooms[0]);
            cells[1] = (hf_bytes){(const uint8_t *)"2018-10", 7};
        } else { /* its key is the first row's digest */
            json_t *first = json_array_get(at(imports, "rows"), 0);
            json_array_foreach(at(first, "cells"), place, cell) cells[place] =
                hex(cell, rooms[place]);
        }
        assert_int_equal(hf_import_identity(&b->crypto, &plan, &row, &id, why, sizeof why), HF_OK);
        expect_hex(at(item, "id"), id.bytes, sizeof id.bytes);
    }
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(origins_and_scope_sets_are_named_as_the_vectors_say),
        WITH_BENCH(what_was_had_elsewhere_is_checked_as_the_vectors_say),
        WITH_BENCH(record_ids_read_as_the_vectors_say),
        WITH_BENCH(entries_hash_and_chain_as_the_vectors_say),
        WITH_BENCH(the_feed_chains_as_the_vectors_say),
        WITH_BENCH(every_leaf_of_every_tree_leads_to_the_vectors_root),
        WITH_BENCH(a_head_that_another_signed_is_accepted_and_no_other),
        WITH_BENCH(the_same_entries_give_the_vectors_digest),
        WITH_BENCH(a_verdict_on_another_branch_hides_nothing_of_ours),
        WITH_BENCH(a_tokens_secret_is_written_and_kept_as_the_vectors_say),
        WITH_BENCH(imported_rows_are_known_by_the_vectors_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
