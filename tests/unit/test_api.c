/* test_api.c: a request gets one document or one refusal that says what to do. */
#include "edge/api.h"
#include "hub/api.h"

#include "pair.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct scene {
    pair_world *pair;
    hf_buffer reply;
    json_t *document; /* the last answer */
    char id[HF_RECORD_TEXT_SIZE];
} scene;

static int set_up(void **state)
{
    static scene s;
    memset(&s, 0, sizeof s);
    s.pair = pair_new(2);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    scene *s = *state;
    json_decref(s->document);
    hf_buffer_free(&s->reply);
    pair_free(s->pair);
    return 0;
}

static void parse_reply(scene *s, hf_status status)
{
    json_error_t error;
    json_decref(s->document);
    s->document = json_loadb((const char *)s->reply.data, s->reply.size,
                             JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!s->document)
        print_error("%s: %.*s\n", error.text, (int)s->reply.size, (const char *)s->reply.data);
    assert_non_null(s->document);
    assert_null(memchr(s->reply.data, '\n', s->reply.size)); /* one line on the socket */
    const char *schema = json_string_value(json_object_get(s->document, "schema"));
    assert_non_null(schema);
    assert_int_equal(strcmp(schema, "holdfast.error/1") == 0, status != HF_OK);
    if (status == HF_OK) return;
    assert_int_equal(json_integer_value(json_object_get(s->document, "status")), status);
    const char *message = json_string_value(json_object_get(s->document, "message"));
    assert_true(message && strlen(message) > 15); /* a sentence */
}

static hf_status ask(scene *s, size_t edge, const char *request)
{
    pair_node *node = &s->pair->nodes[edge];
    hf_edge_api own = {.edge = node->edge, .hub = "localhost:7443"};
    hf_api api = {.side = &hf_edge_side,
                  .node = &own,
                  .store = node->store,
                  .name = node->name,
                  .now_ms = s->pair->now_ms,
                  .wall_ms = pair_wall_ms(s->pair)};
    hf_status status =
        hf_api_answer(&api, (hf_bytes){(const uint8_t *)request, strlen(request)}, &s->reply);
    parse_reply(s, status);
    return status;
}

static hf_status ask_hub(scene *s, const char *request)
{
    hf_enroll enroll = {.store = s->pair->hub_node.store,
                        .hub = s->pair->hub,
                        .enrol_address = "localhost:7444",
                        .sync_address = "localhost:7443"};
    hf_api api = {.side = &hf_hub_side,
                  .node = &enroll,
                  .store = enroll.store,
                  .name = "hub",
                  .running = true,
                  .pid = 1,
                  .now_ms = s->pair->now_ms,
                  .wall_ms = pair_wall_ms(s->pair)};
    hf_status status =
        hf_api_answer(&api, (hf_bytes){(const uint8_t *)request, strlen(request)}, &s->reply);
    parse_reply(s, status);
    return status;
}

/* As ask, with the scene's record in place of %s. */
static hf_status ask_about(scene *s, size_t edge, const char *format)
{
    char request[512];
    char *at = strstr(format, "%s");
    (void)snprintf(request, sizeof request, "%.*s%s%s", (int)(at - format), format, s->id, at + 2);
    return ask(s, edge, request);
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static const json_t *field_at(const json_t *record, const char *name)
{
    const json_t *fields = json_object_get(record, "fields");
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        if (strcmp(text_at(field, "field"), name) == 0) return field;
    }
    return NULL;
}

static void put_crime(scene *s)
{
    assert_int_equal(ask(s, 0,
                         "{\"op\":\"put\",\"type\":\"crime\",\"actor\":\"PC Rees\",\"changes\":["
                         "{\"field\":\"status\",\"value\":\"recorded\"},"
                         "{\"field\":\"summary\",\"value\":\"Window forced\"},"
                         "{\"field\":\"longitude\",\"value\":\"-0.111497\"},"
                         "{\"field\":\"harm_score\",\"value\":7},"
                         "{\"field\":\"flags\",\"value\":\"knife\"}]}"),
                     HF_OK);
    assert_string_equal(text_at(s->document, "saved"), "device");
    (void)snprintf(s->id, sizeof s->id, "%s", text_at(s->document, "id"));
}

static void a_record_says_where_each_value_came_from_and_is_safe(void **state)
{
    scene *s = *state;
    put_crime(s);
    assert_int_equal(ask_about(s, 0, "{\"op\":\"get\",\"id\":\"%s\"}"), HF_OK);
    assert_string_equal(text_at(s->document, "schema"), "holdfast.record/1");
    assert_string_equal(text_at(s->document, "saved"), "device");
    assert_string_equal(text_at(s->document, "scope"), "beat");
    const json_t *field = field_at(s->document, "longitude");
    assert_string_equal(text_at(field, "value"), "-0.111497");
    const json_t *value = json_array_get(json_object_get(field, "values"), 0);
    assert_string_equal(text_at(value, "actor"), "PC Rees");
    assert_string_equal(text_at(value, "device"), "edge0");
    assert_string_equal(text_at(value, "saved"), "device");
    assert_int_equal(
        json_integer_value(json_object_get(field_at(s->document, "harm_score"), "value")), 7);
    assert_true(json_is_true(json_object_get(field_at(s->document, "flags"), "many")));
    pair_run(s->pair); /* now the hub has it, and says so */
    assert_int_equal(ask_about(s, 0, "{\"op\":\"get\",\"id\":\"%s\"}"), HF_OK);
    assert_string_equal(text_at(s->document, "saved"), "hub");
    assert_int_equal(ask_about(s, 1, "{\"op\":\"get\",\"id\":\"%s\"}"), HF_OK);
    char request[128];
    (void)snprintf(request, sizeof request, "{\"op\":\"show\",\"id\":\"%s\"}", s->id);
    assert_int_equal(ask_hub(s, request), HF_OK);
    assert_string_equal(text_at(field_at(s->document, "summary"), "value"), "Window forced");
}

static void a_refusal_says_what_to_enter(void **state)
{
    scene *s = *state;
    static const struct {
        const char *change, *says;
    } refused[] = {
        {"{\"field\":\"reported_at\",\"value\":\"noon\"}", "2019-10-21T09:30:00Z"},
        {"{\"field\":\"longitude\",\"value\":\"0.1234567\"}", "6 places"},
        {"{\"field\":\"nosuch\",\"value\":\"x\"}", "summary"}, /* lists what there is */
        {"{\"field\":\"summary\",\"value\":[1]}", "text"},
        {"{\"field\":\"summary\",\"kind\":\"add\",\"value\":\"x\"}", "one value"},
        {"{\"field\":\"summary\",\"kind\":\"remove\",\"value\":\"x\"}", "set"},
        {"{\"field\":\"status\",\"value\":\"nowhere\"}", "nter"},
    };
    put_crime(s);
    hf_standing before, after;
    assert_int_equal(hf_store_standing(s->pair->nodes[0].store, &before), HF_OK);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char request[256];
        (void)snprintf(request, sizeof request,
                       "{\"op\":\"put\",\"type\":\"crime\",\"changes\":[%s]}", refused[i].change);
        assert_int_not_equal(ask(s, 0, request), HF_OK);
        if (!strstr(text_at(s->document, "message"), refused[i].says))
            print_error("%s: %s\n", refused[i].change, text_at(s->document, "message"));
        assert_non_null(strstr(text_at(s->document, "message"), refused[i].says));
    }
    assert_int_equal(hf_store_standing(s->pair->nodes[0].store, &after), HF_OK);
    assert_int_equal(after.entries, before.entries);
}

static void what_is_no_request_is_refused(void **state)
{
    scene *s = *state;
    static const char *const wrong[] = {
        "",
        "[]",
        "{",
        "null",
        "{\"op\":\"put\",\"op\":\"get\"}",
        "{\"op\":\"nosuch\"}",
        "{}",
        "{\"op\":\"get\"}",
        "{\"op\":\"get\",\"id\":7}",
        "{\"op\":\"get\",\"id\":\"crime_x\"}",
        "{\"op\":\"put\",\"type\":\"crime\"}",
        "{\"op\":\"put\",\"type\":\"crime\",\"changes\":[7]}",
        "{\"op\":\"put\",\"type\":\"_device\",\"changes\":[{}]}",
        "{\"op\":\"list\",\"type\":\"crimes\"}",
        "{\"op\":\"import\"}",
        "{\"op\":\"import\",\"mapping\":{\"holdfast_mapping\":2}}",
        "{\"op\":\"resolve\",\"id\":\"crime_01h455vb4pex5vsknk084sn02q\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_not_equal(ask(s, 0, wrong[i]), HF_OK);
        assert_null(s->pair->nodes[0].store ? NULL : "");
    }
    assert_int_equal(ask(s, 0, "{\"op\":\"get\",\"id\":\"crime_01h455vb4pex5vsknk084sn02q\"}"),
                     HF_ERR_NOT_FOUND);
    put_crime(s); /* none of them left a transaction open */
}

/* Both write the same field apart; `second` decides and the other sees who, when and why. */
static void a_conflict_is_listed_numbered_and_resolved(void **state)
{
    scene *s = *state;
    put_crime(s);
    pair_run(s->pair);
    for (size_t i = 0; i < 2; i++) {
        s->pair->nodes[i].offline = true;
        pair_cut(s->pair, i);
        char format[256];
        (void)snprintf(format, sizeof format,
                       "{\"op\":\"put\",\"type\":\"crime\",\"id\":\"%%s\",\"changes\":[{\"field\":"
                       "\"summary\",\"value\":\"by edge %zu\"}]}",
                       i);
        assert_int_equal(ask_about(s, i, format), HF_OK);
    }
    for (size_t i = 0; i < 2; i++) s->pair->nodes[i].offline = false;
    pair_wait(s->pair, HF_REDIAL_MAX_MS);
    assert_int_equal(ask_hub(s, "{\"op\":\"conflicts\"}"), HF_OK);
    assert_int_equal(json_integer_value(json_object_get(s->document, "total")), 1);
    assert_int_equal(ask(s, 1, "{\"op\":\"conflicts\"}"), HF_OK);
    const json_t *conflict = json_array_get(json_object_get(s->document, "conflicts"), 0);
    assert_string_equal(text_at(conflict, "record"), s->id);
    assert_string_equal(text_at(conflict, "field"), "summary");
    assert_string_equal(text_at(conflict, "rule"), "keep");
    const json_t *values = json_object_get(conflict, "values");
    assert_int_equal(json_array_size(values), 2);
    const json_t *second = json_array_get(values, 1);
    assert_int_equal(json_integer_value(json_object_get(second, "choice")), 2);
    char kept[64];
    (void)snprintf(kept, sizeof kept, "%s", text_at(second, "value"));
    assert_int_equal(ask_about(s, 1,
                               "{\"op\":\"resolve\",\"id\":\"%s\",\"field\":\"summary\","
                               "\"choose\":2}"),
                     HF_ERR_INPUT); /* no reason */
    assert_int_equal(ask_about(s, 1,
                               "{\"op\":\"resolve\",\"id\":\"%s\",\"field\":\"summary\","
                               "\"choose\":3,\"reason\":\"r\"}"),
                     HF_ERR_INPUT);
    assert_int_equal(ask_about(s, 1,
                               "{\"op\":\"resolve\",\"id\":\"%s\",\"field\":\"summary\","
                               "\"choose\":2,\"reason\":\"rang her\"}"),
                     HF_OK);
    pair_run(s->pair);
    assert_int_equal(ask(s, 0, "{\"op\":\"conflicts\"}"), HF_OK);
    assert_int_equal(json_integer_value(json_object_get(s->document, "total")), 0);
    assert_int_equal(ask_about(s, 0, "{\"op\":\"history\",\"id\":\"%s\",\"field\":\"summary\"}"),
                     HF_OK);
    const json_t *writes = json_object_get(s->document, "writes");
    assert_int_equal(json_array_size(writes), 4);
    const json_t *last = json_array_get(writes, 3);
    assert_string_equal(text_at(last, "value"), kept);
    assert_string_equal(text_at(last, "reason"), "rang her");
    assert_true(json_is_true(json_object_get(last, "live")));
    assert_true(json_is_true(json_object_get(last, "resolution")));
    assert_int_equal(json_array_size(json_object_get(last, "overwrites")), 2);
    for (size_t i = 0; i < 3; i++)
        assert_true(json_is_false(json_object_get(json_array_get(writes, i), "live")));
}

static void a_delete_hides_and_a_restore_shows(void **state)
{
    scene *s = *state;
    put_crime(s);
    assert_int_equal(ask_about(s, 0, "{\"op\":\"delete\",\"id\":\"%s\",\"reason\":\"twice\"}"),
                     HF_OK);
    assert_int_equal(ask(s, 0, "{\"op\":\"list\",\"type\":\"crime\"}"), HF_OK);
    assert_int_equal(json_array_size(json_object_get(s->document, "records")), 0);
    assert_int_equal(ask(s, 0, "{\"op\":\"list\",\"deleted\":true}"), HF_OK);
    assert_int_equal(json_array_size(json_object_get(s->document, "records")), 1);
    assert_int_equal(ask_about(s, 0, "{\"op\":\"delete\",\"id\":\"%s\"}"), HF_ERR_INPUT);
    assert_int_equal(ask_about(s, 0,
                               "{\"op\":\"resolve\",\"id\":\"%s\",\"restore\":true,"
                               "\"reason\":\"not twice\"}"),
                     HF_OK);
    assert_int_equal(ask(s, 0, "{\"op\":\"list\"}"), HF_OK);
    assert_int_equal(json_array_size(json_object_get(s->document, "records")), 1);
}

static void lists_go_on_where_they_ended(void **state)
{
    scene *s = *state;
    char seen[7][HF_RECORD_TEXT_SIZE], request[256];
    size_t count = 0;
    for (size_t i = 0; i < 7; i++) put_crime(s);
    (void)snprintf(request, sizeof request, "{\"op\":\"list\",\"limit\":3}");
    for (;;) {
        assert_int_equal(ask(s, 0, request), HF_OK);
        const json_t *records = json_object_get(s->document, "records");
        for (size_t i = 0; i < json_array_size(records); i++) {
            assert_true(count < 7);
            (void)snprintf(seen[count], sizeof seen[count], "%s",
                           text_at(json_array_get(records, i), "id"));
            if (count) assert_true(strcmp(seen[count - 1], seen[count]) < 0);
            count++;
        }
        const char *next = text_at(s->document, "next");
        if (!*next) break;
        (void)snprintf(request, sizeof request, "{\"op\":\"list\",\"limit\":3,\"id\":\"%s\"}",
                       next);
    }
    assert_int_equal(count, 7);
}

static void status_tells_what_waits_and_what_to_do(void **state)
{
    scene *s = *state;
    assert_int_equal(ask(s, 0, "{\"op\":\"status\"}"), HF_OK);
    assert_string_equal(text_at(s->document, "schema"), "holdfast.status/1");
    assert_int_equal(json_integer_value(json_object_get(s->document, "waiting")), 0);
    put_crime(s);
    assert_int_equal(ask(s, 0, "{\"op\":\"status\"}"), HF_OK);
    assert_int_equal(json_integer_value(json_object_get(s->document, "waiting")), 1);
    assert_int_equal(json_integer_value(json_object_get(s->document, "at_the_hub")), 0);
    assert_true(json_is_string(json_object_get(s->document, "oldest_waiting")));
    assert_non_null(strstr(text_at(s->document, "next"), "holdfast-edge run"));
    pair_run(s->pair);
    assert_int_equal(ask(s, 0, "{\"op\":\"status\"}"), HF_OK);
    assert_int_equal(json_integer_value(json_object_get(s->document, "waiting")), 0);
    assert_int_equal(json_integer_value(json_object_get(s->document, "at_the_hub")), 1);
    assert_int_equal(ask_hub(s, "{\"op\":\"status\"}"), HF_OK);
    const json_t *devices = json_object_get(s->document, "devices");
    assert_int_equal(json_integer_value(json_object_get(devices, "enrolled")), 2);
    assert_int_equal(json_integer_value(json_object_get(devices, "connected")), 2);
    assert_string_equal(text_at(s->document, "next"), "Nothing is needed.");
}

static void devices_tell_who_is_behind_and_who_is_out(void **state)
{
    scene *s = *state;
    hf_last_seen seen = {.wall_ms = 1571659200000, .position = 2};
    memcpy(seen.key_id, s->pair->nodes[1].crypto.table.own_key_id, sizeof seen.key_id);
    hf_store *store = s->pair->hub_node.store;
    assert_int_equal(hf_last_seen_keep(store, &seen, 1, pair_wall_ms(s->pair)), HF_OK);
    seen.position = HF_POSITION_UNKNOWN; /* what was known before still holds */
    assert_int_equal(hf_last_seen_keep(store, &seen, 1, pair_wall_ms(s->pair)), HF_OK);
    s->pair->nodes[1].offline = true;
    pair_cut(s->pair, 1);
    put_crime(s);
    pair_run(s->pair);
    assert_int_equal(ask_hub(s, "{\"op\":\"devices\"}"), HF_OK);
    const json_t *devices = json_object_get(s->document, "devices");
    assert_int_equal(json_array_size(devices), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *device = json_array_get(devices, i);
        bool is_away = strcmp(text_at(device, "name"), "edge1") == 0;
        json_int_t behind = json_integer_value(json_object_get(device, "behind"));
        assert_int_equal(json_is_true(json_object_get(device, "connected")), !is_away);
        assert_true(is_away ? behind > 0 : behind == 0);
        if (is_away) assert_string_equal(text_at(device, "last_seen"), "2019-10-21T12:00:00.000Z");
        assert_string_equal(json_string_value(json_array_get(json_object_get(device, "scopes"), 0)),
                            "beat");
    }
    assert_int_equal(ask_hub(s, "{\"op\":\"revoke\",\"name\":\"edge0\"}"), HF_ERR_INPUT);
    assert_int_equal(ask_hub(s, "{\"op\":\"revoke\",\"name\":\"nobody\",\"reason\":\"lost\"}"),
                     HF_ERR_NOT_FOUND);
    assert_int_equal(ask_hub(s, "{\"op\":\"revoke\",\"name\":\"edge0\",\"reason\":\"lost\"}"),
                     HF_OK);
    assert_int_equal(json_integer_value(json_object_get(s->document, "sessions_closed")), 1);
    assert_int_equal(ask_hub(s, "{\"op\":\"revoke\",\"name\":\"edge0\",\"reason\":\"lost\"}"),
                     HF_ERR_INPUT);
}

static void verify_counts_what_it_checked(void **state)
{
    scene *s = *state;
    put_crime(s);
    pair_run(s->pair);
    assert_int_equal(ask(s, 0, "{\"op\":\"verify\"}"), HF_OK);
    assert_int_equal(json_integer_value(json_object_get(s->document, "faults")), 0);
    assert_true(json_integer_value(json_object_get(s->document, "entries")) > 0);
    assert_int_equal(ask_hub(s, "{\"op\":\"verify\"}"), HF_OK);
    assert_int_equal(json_integer_value(json_object_get(s->document, "faults")), 0);
}

/* The digest of the scope `number` in the last document; "" when it has none. */
static const char *digest_of(scene *s, json_int_t number)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(s->document, "digests"), index, item)
    {
        if (json_integer_value(json_object_get(item, "scope")) == number)
            return json_string_value(json_object_get(item, "digest"));
    }
    return "";
}

static void verify_tells_by_digest_that_both_ends_hold_the_same(void **state)
{
    scene *s = *state;
    put_crime(s);
    pair_run(s->pair);
    assert_int_equal(ask(s, 0, "{\"op\":\"verify\"}"), HF_OK);
    json_int_t scope = json_integer_value(
        json_object_get(json_array_get(json_object_get(s->document, "digests"), 1), "scope"));
    assert_true(scope > HF_SCOPE_COMMON);
    char at_edge[2 * HF_HASH_SIZE + 1];
    (void)snprintf(at_edge, sizeof at_edge, "%s", digest_of(s, scope));
    assert_int_equal(strlen(at_edge), 2 * HF_HASH_SIZE);
    assert_int_equal(ask_hub(s, "{\"op\":\"verify\"}"), HF_OK);
    assert_string_equal(digest_of(s, scope), at_edge);

    put_crime(s); /* the hub has not heard of it */
    assert_int_equal(ask(s, 0, "{\"op\":\"verify\"}"), HF_OK);
    assert_string_not_equal(digest_of(s, scope), at_edge);
}

static void words_are_found_whatever_their_case(void **state)
{
    scene *s = *state;
    put_crime(s);
    assert_int_equal(ask(s, 0, "{\"op\":\"find\",\"words\":\"WINDOW\"}"), HF_OK);
    assert_int_equal(json_array_size(json_object_get(s->document, "records")), 1);
    assert_int_equal(ask(s, 0, "{\"op\":\"find\",\"words\":\"window door\"}"), HF_OK);
    assert_int_equal(json_array_size(json_object_get(s->document, "records")), 0);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAIR(a_record_says_where_each_value_came_from_and_is_safe),
        WITH_PAIR(a_refusal_says_what_to_enter),
        WITH_PAIR(what_is_no_request_is_refused),
        WITH_PAIR(a_conflict_is_listed_numbered_and_resolved),
        WITH_PAIR(a_delete_hides_and_a_restore_shows),
        WITH_PAIR(lists_go_on_where_they_ended),
        WITH_PAIR(status_tells_what_waits_and_what_to_do),
        WITH_PAIR(devices_tell_who_is_behind_and_who_is_out),
        WITH_PAIR(verify_counts_what_it_checked),
        WITH_PAIR(verify_tells_by_digest_that_both_ends_hold_the_same),
        WITH_PAIR(words_are_found_whatever_their_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
