/* test_snapshot_vectors.c: the bytes of a snapshot's chunks are those that protocol.md describes,
 * and bytes that are not are refused whole. */
#include "hex.h"
#include "platform/digest.h"
#include "snap_kit.h"

#include <jansson.h>
#include <stdio.h>

enum { RAW_MAX = 4096 };

typedef struct chunk_case {
    const char *what;
    hf_bytes raw;
    json_t *says;
    char hash[2 * HF_HASH_SIZE + 1];
} chunk_case;

static json_t *vectors;

static chunk_case the_case(size_t index, uint8_t bytes[RAW_MAX])
{
    json_t *item = json_array_get(vectors, index);
    chunk_case one = {.what = json_string_value(json_object_get(item, "what")),
                      .says = json_object_get(item, "says"),
                      .raw = unhex(json_string_value(json_object_get(item, "raw")), bytes)};
    snprintf(one.hash, sizeof one.hash, "%s", json_string_value(json_object_get(item, "hash")));
    return one;
}

static int setup(void **state)
{
    json_error_t error;
    vectors = json_load_file(HF_SOURCE_DIR "/tests/vectors/snapshot.json", 0, &error);
    return vectors ? kit_setup(state) : -1;
}

static int teardown(void **state)
{
    json_decref(vectors);
    return kit_teardown(state);
}

static json_t *hex_json(const void *data, size_t size)
{
    char text[2 * 256 + 1];
    assert_true(size <= 256);
    for (size_t i = 0; i < size; i++) snprintf(text + 2 * i, 3, "%02x", ((const uint8_t *)data)[i]);
    text[2 * size] = 0;
    return json_string(text);
}

static json_t *cite_json(const hf_cite *at)
{
    return json_pack("{s:o,s:i,s:I,s:i,s:o}", "origin",
                     hex_json(at->dot.origin.bytes, HF_ORIGIN_SIZE), "lane", at->dot.lane, "seq",
                     (json_int_t)at->dot.seq, "ordinal", (int)at->dot.ordinal, "prefix",
                     hex_json(at->prefix, HF_PREFIX_SIZE));
}

static json_t *cell_json(const hf_cell *cell, json_t *pending)
{
    json_t *live = json_array();
    for (size_t i = 0; i < cell->live_count; i++) {
        json_t *one = cite_json(&cell->live[i].at);
        json_object_set_new(one, "hlc", json_integer((json_int_t)cell->live[i].hlc));
        json_object_set_new(one, "quality", json_integer(cell->live[i].quality));
        json_object_set_new(one, "value",
                            hex_json(cell->live[i].value.data, cell->live[i].value.size));
        json_array_append_new(live, one);
    }
    for (size_t i = 0; i < cell->pending_count; i++)
        json_array_append_new(pending, cite_json(&cell->pending[i]));
    return live;
}

typedef struct said { /* by a chunk of records */
    hf_store *store;
    json_t *records, *acted;
} said;

static hf_status on_acted(void *context, int64_t log, uint64_t seq, hf_chunk_actor *actor)
{
    said *all = context;
    const hf_origin_row *origin = hf_origin_by_no(all->store, log / 8);
    json_array_append_new(all->acted, json_pack("{s:o,s:i,s:I,s:s%}", "origin",
                                                hex_json(origin->id.bytes, HF_ORIGIN_SIZE), "lane",
                                                (int)(log % 8), "seq", (json_int_t)seq, "actor",
                                                (const char *)actor->name.data, actor->name.size));
    return HF_OK;
}

static hf_status on_record(void *context, hf_record *record)
{
    said *all = context;
    json_t *fields = json_array();
    for (size_t i = 0; i < record->field_count; i++) {
        json_t *pending = json_array();
        json_t *live = cell_json(&record->fields[i].cell, pending);
        json_array_append_new(fields,
                              json_pack("{s:i,s:o,s:o}", "field", (int)record->fields[i].number,
                                        "live", live, "pending", pending));
    }
    json_array_append_new(
        all->records, json_pack("{s:i,s:o,s:o}", "type", (int)record->id.type, "id",
                                hex_json(record->id.bytes, HF_RECORD_ID_SIZE), "fields", fields));
    return HF_OK;
}

static void records_read_as_they_say(void **state)
{
    kit *k = *state;
    uint8_t bytes[RAW_MAX];
    chunk_case one = the_case(1, bytes);
    said all = {.store = k->hub.store, .records = json_array(), .acted = json_array()};
    hf_chunk_visitor visitor = {.context = &all, .record = on_record, .acted = on_acted};
    assert_int_equal(hf_chunk_read(k->hub.store, one.raw, &visitor), HF_OK);
    assert_true(json_equal(all.records, json_object_get(one.says, "records")));
    assert_true(json_equal(all.acted, json_object_get(one.says, "acted")));
    json_decref(all.records);
    json_decref(all.acted);
}

typedef struct copying {
    hf_store *store;
    hf_chunk chunk;
} copying;

/* As loading does: none of these entries is held. */
static hf_status keep_acted(void *context, int64_t log, uint64_t seq, hf_chunk_actor *actor)
{
    copying *copy = context;
    return hf_acted_put(copy->store, copy->chunk.scope, log, seq, actor);
}

static hf_status write_again(void *context, hf_record *record)
{
    copying *copy = context;
    hf_chunk_place place = {.field = 0};
    return hf_chunk_add(copy->store, &copy->chunk, record, SIZE_MAX, &place);
}

static void records_are_written_to_the_same_bytes(void **state)
{
    kit *k = *state;
    uint8_t bytes[RAW_MAX];
    chunk_case one = the_case(1, bytes);
    copying copy = {.store = k->hub.store, .chunk = {.scope = 5}};
    hf_buffer raw = {0};
    hf_chunk_visitor visitor = {.context = &copy, .record = write_again, .acted = keep_acted};
    assert_int_equal(hf_chunk_read(k->hub.store, one.raw, &visitor), HF_OK);
    hf_chunk_end(&copy.chunk, &raw);
    assert_true(hf_bytes_equal(hf_buffer_bytes(&raw), one.raw));
    hf_chunk_free(&copy.chunk);
    hf_buffer_free(&raw);
}

static void sha256(void *context, const hf_bytes *pieces, size_t count, uint8_t out[HF_HASH_SIZE])
{
    (void)context;
    hf_sha256(pieces, count, out);
}

static void chunks_are_called_by_their_hash(void **state)
{
    (void)state; /* whose hash is a cheap one: here it is SHA-256 */
    hf_crypto crypto = {.hash = sha256};
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        uint8_t bytes[RAW_MAX], hash[HF_HASH_SIZE];
        chunk_case one = the_case(i, bytes);
        hf_chunk_hash(&crypto, one.raw, hash);
        json_t *text = hex_json(hash, sizeof hash);
        assert_string_equal(json_string_value(text), one.hash);
        json_decref(text);
    }
}

/* One chunk of logs and one of records, packed, as if a hub had offered them. */
static hf_status load_raw(kit *k, hf_bytes logs, hf_bytes records)
{
    snap s = {.store = k->hub.store, .count = 2};
    hf_bytes raws[] = {logs, records}, packed;
    assert_int_equal(hf_packer_new(&s.packer), HF_OK);
    for (size_t i = 0; i < 2; i++) {
        bool done = false;
        assert_int_equal(hf_packer_begin(s.packer, raws[i]), HF_OK);
        while (!done) assert_int_equal(hf_packer_step(s.packer, 65536, &done, &packed), HF_OK);
        hf_write_raw(&s.packed[i], packed);
        s.names[i].scope = 5;
        s.names[i].raw_size = (uint32_t)raws[i].size;
        hf_chunk_hash(hf_store_crypto(s.store), raws[i], s.names[i].hash);
    }
    hf_status status = snap_try_load(k, &s, &k->edges[2]);
    snap_free(&s);
    return status;
}

static void logs_load_as_they_say(void **state)
{
    kit *k = *state;
    uint8_t logs[RAW_MAX], records[RAW_MAX];
    kit_node *node = &k->edges[2];
    assert_int_equal(load_raw(k, the_case(0, logs).raw, the_case(1, records).raw), HF_OK);
    assert_int_equal(kit_number(node, "SELECT seq FROM vector WHERE scope=5"), 9);
    assert_int_equal(kit_number(node, "SELECT seq FROM base WHERE scope=5"), 9);
    assert_int_equal(kit_number(node, "SELECT seq*1000+reason FROM hole WHERE scope=5"), 3604);
    assert_int_equal(kit_number(node, "SELECT count(*) FROM record WHERE scope=5"), 2);
    assert_int_equal(kit_number(node, "SELECT count(*) FROM acted WHERE scope=5"), 2);
    assert_int_equal(kit_number(node, "SELECT count(*) FROM conflict"), 1);
}

/* The chunk of records with one piece of it changed. */
static hf_bytes changed(const char *from, const char *to, uint8_t bytes[RAW_MAX])
{
    static char text[2 * RAW_MAX];
    const char *hex = json_string_value(json_object_get(json_array_get(vectors, 1), "raw"));
    const char *at = strstr(hex, from);
    assert_non_null(at);
    assert_null(strstr(at + 1, from));
    int size = snprintf(text, sizeof text, "%.*s%s%s", (int)(at - hex), hex, to, at + strlen(from));
    assert_true(size > 0 && (size_t)size < sizeof text);
    return unhex(text, bytes);
}

static void whoever_is_named_wrongly_it_is_refused_whole(void **state)
{
    kit *k = *state;
    static const char REES[] = "826c504320343431312052656573", ITO[] = "6a4443203930372049746f";
    static char too_long[8 + 2 * 257 + 1], both_too_long[8 + 2 * 257 + 8];
    memcpy(too_long, "790101", 6);
    memset(too_long + 6, '6', sizeof too_long - 9);
    snprintf(both_too_long, sizeof both_too_long, "82%s", too_long);
    const struct {
        const char *what, *from, *to;
        hf_status status;
    } cases[] = {
        {"nothing is wrong", REES, REES, HF_OK},
        {"an officer who is not in the list", "0104010302", "0104010303", HF_ERR_PROTOCOL},
        {"one whom nobody's entry is by", "0104010302", "0104010301", HF_ERR_PROTOCOL},
        {"two, the second first", "00000003018", "00000003028", HF_ERR_PROTOCOL},
        {"one twice", ITO, "6c504320343431312052656573", HF_ERR_PROTOCOL},
        {"one without a name", ITO, "60", HF_ERR_PROTOCOL},
        {"a name that is no text", ITO, "4a4443203930372049746f", HF_ERR_PROTOCOL},
        {"a name that is not UTF-8", ITO, "6a44432039303720ff746f", HF_ERR_PROTOCOL},
        {"a name of 257 bytes", REES, both_too_long, HF_ERR_LIMIT},
        {"two for one entry", "8f0002010200", "8f0000010202", HF_ERR_PROTOCOL},
    };
    static const char ROWS[] = "SELECT (SELECT count(*) FROM record)*1000+"
                               "(SELECT count(*) FROM acted)+(SELECT count(*) FROM actor)";
    uint8_t logs[RAW_MAX], records[RAW_MAX];
    hf_bytes before = the_case(0, logs).raw;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kit_fresh(k, &k->edges[2]);
        int64_t none = kit_number(&k->edges[2], ROWS);
        hf_bytes raw = changed(cases[i].from, cases[i].to, records);
        hf_status status = load_raw(k, before, raw);
        if (status != cases[i].status) print_error("%s\n", cases[i].what);
        assert_int_equal(status, cases[i].status);
        assert_int_equal(kit_number(&k->edges[2], ROWS), none + (status == HF_OK ? 2004 : 0));
    }
}

/* Cut anywhere, or with any byte changed: it loads as something else, or not at all; and where not,
 * nothing of it is there. */
static void damage_is_refused_whole(void **state)
{
    kit *k = *state;
    static const char ROWS[] = "SELECT (SELECT count(*) FROM record)+(SELECT count(*) FROM base)+"
                               "(SELECT count(*) FROM hole)+(SELECT count(*) FROM staged)+"
                               "(SELECT count(*) FROM acted)+(SELECT count(*) FROM actor)";
    uint8_t logs[RAW_MAX], records[RAW_MAX];
    hf_bytes parts[] = {the_case(0, logs).raw, the_case(1, records).raw};
    int64_t before = kit_number(&k->edges[2], ROWS);
    for (size_t which = 0; which < 2; which++) {
        uint8_t *bytes = which ? records : logs;
        for (size_t at = 0; at < parts[which].size; at += 3) {
            hf_bytes cut[] = {parts[0], parts[1]};
            cut[which].size = at ? at : 1;
            assert_int_not_equal(load_raw(k, cut[0], cut[1]), HF_OK);
            bytes[at] ^= 0x41;
            hf_batch *batch;
            hf_status status = load_raw(k, parts[0], parts[1]);
            bytes[at] ^= 0x41;
            assert_true(status == HF_OK || status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT);
            if (status != HF_OK) assert_int_equal(kit_number(&k->edges[2], ROWS), before);
            if (status != HF_OK) continue;
            kit_fresh(k, &k->edges[2]);
            assert_int_equal(hf_batch_begin(k->edges[2].store, k->wall_ms, &batch), HF_OK);
            assert_int_equal(hf_batch_commit(batch), HF_OK);
            before = kit_number(&k->edges[2], ROWS);
        }
    }
}

int main(void)
{
#define VECTOR_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        VECTOR_TEST(records_read_as_they_say),
        VECTOR_TEST(records_are_written_to_the_same_bytes),
        VECTOR_TEST(chunks_are_called_by_their_hash),
        VECTOR_TEST(logs_load_as_they_say),
        VECTOR_TEST(whoever_is_named_wrongly_it_is_refused_whole),
        VECTOR_TEST(damage_is_refused_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
