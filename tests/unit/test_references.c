/* test_references.c: the numbers that people call records by: given at once, given once, and found
 * again by whatever was given. */
#include "pair.h"

#include "sync/control.h"
#include "sync/lease.h"
#include "sync/reference.h"
#include "sync/store_core.h"
#include "sync/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CRIME = 16, REF = 1, OTHER_REFS = 34, BLOCK = 500 };

static const hf_series *series_of(hf_store *store)
{
    const hf_type *crime = hf_pack_type(hf_store_pack(store), CRIME);
    assert_non_null(crime);
    assert_non_null(crime->series);
    return crime->series;
}

/* What the node shows of the field: of a set its first; "" for nothing. */
static const char *text_of(hf_store *store, const hf_record_id *record, uint32_t number)
{
    static char text[4][64];
    static size_t turn;
    char *out = text[turn++ % 4];
    hf_view *view;
    out[0] = 0;
    assert_int_equal(hf_store_get(store, record, &view), HF_OK);
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        const hf_field_view *field = hf_view_field(view, i);
        if (field->number != number || field->value_count == 0) continue;
        hf_reader reader = hf_reader_open(field->values[0].value);
        hf_bytes value = hf_read_text(&reader);
        snprintf(out, sizeof text[0], "%.*s", (int)value.size, (const char *)value.data);
    }
    hf_view_free(view);
    return out;
}

static uint64_t number_of(hf_store *store, const hf_record_id *record)
{
    const char *text = text_of(store, record, REF);
    return hf_reference_number(series_of(store), (hf_bytes){(const uint8_t *)text, strlen(text)});
}

static uint64_t left_of(hf_store *store)
{
    hf_series_left left;
    assert_int_equal(hf_series_left_get(store, series_of(store), &left), HF_OK);
    return left.left;
}

static uint64_t leases(pair_world *pair)
{
    hf_series_sum sum;
    assert_int_equal(hf_series_sum_get(pair->hub_node.store, "crime", &sum), HF_OK);
    return sum.leases;
}

static uint64_t provisionals(hf_store *store)
{
    uint64_t count;
    assert_int_equal(hf_provisional_count(store, &count), HF_OK);
    return count;
}

static void expect_whole(hf_store *store)
{
    hf_verify_report report;
    assert_int_equal(hf_store_verify(store, &report), HF_OK);
    assert_string_equal(report.first_fault, "");
}

static void go_offline(pair_world *pair, size_t edge)
{
    pair->nodes[edge].offline = true;
    pair_cut(pair, edge);
}

static void go_online(pair_world *pair, size_t edge)
{
    pair->nodes[edge].offline = false;
    pair_wait(pair, 2 * HF_REDIAL_MAX_MS);
}

/* Until the device has none left; the last one's id. */
static hf_record_id use_up(pair_world *pair, size_t edge)
{
    hf_record_id last = {.type = 0};
    while (left_of(pair->nodes[edge].store) > 0) last = pair_crime(pair, edge, "One of many");
    return last;
}

/* ---- as text ---- */

static void every_number_makes_a_text_of_its_own(void **state)
{
    (void)state;
    const hf_series series = {.name = "crime", .format = "CR/{number}/{yy}"};
    const uint64_t numbers[] = {1, 9, 10, 19, 1019, 99999, 10000001, HF_REFERENCE_MAX};
    char text[HF_REFERENCE_SIZE];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        hf_reference_format(&series, numbers[i], 1571443200000u, text);
        hf_bytes bytes = {(const uint8_t *)text, strlen(text)};
        assert_int_equal(hf_reference_number(&series, bytes), numbers[i]);
    }
    hf_reference_format(&series, 12345, 1571443200000u, text);
    assert_string_equal(text, "CR/12345/19");
    const char *const none[] = {
        "",         "CR//19",    "CR/012/19", "CR/12/1",  "CR/12/199",
        "CR/12/ab", "cr/12/19",  "CR/12",     "CR/12/",   " CR/12/19",
        "CR/0/19",  "CR/12x/19", "XCR/12/19", "CR/-1/19", "CR/1234567890123/19"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        hf_bytes bytes = {(const uint8_t *)none[i], strlen(none[i])};
        assert_int_equal(hf_reference_number(&series, bytes), 0);
    }
}

static void a_format_that_could_make_one_text_of_two_numbers_is_refused(void **state)
{
    (void)state;
    const char *const sound[] = {"{number}", "CR/{number}/{yy}", "{yy}-{number}", "C{number}"};
    const char *const unsound[] = {"",
                                   "CR",
                                   "{number}{number}",
                                   "{yy}",
                                   "1{number}",
                                   "{number}2",
                                   "{number}{yy}",
                                   "{yy}{number}",
                                   "{number}/{",
                                   "{no}/{number}",
                                   "{number}/{yy}/{yy}",
                                   "a\n{number}"};
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
        assert_true(hf_series_format_sound(sound[i]));
    for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++)
        assert_false(hf_series_format_sound(unsound[i]));
}

static void a_provisional_one_tells_who_gave_it(void **state)
{
    (void)state;
    char tag[HF_PROVISIONAL_TAG_SIZE], found[HF_PROVISIONAL_TAG_SIZE], text[64];
    hf_origin_id origin = {{0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88}};
    hf_provisional_tag_of(&origin, tag);
    assert_string_equal(tag, "PROV-ZZQD-VK5V-NACR-");
    snprintf(text, sizeof text, "%s12", tag);
    assert_true(hf_provisional_tag((hf_bytes){(const uint8_t *)text, strlen(text)}, found));
    assert_string_equal(found, tag);
    assert_false(hf_provisional_tag((hf_bytes){(const uint8_t *)tag, strlen(tag)}, found));
    assert_false(
        hf_provisional_tag((hf_bytes){(const uint8_t *)"CR/12345678901234567/19", 23}, found));
}

/* ---- given ---- */

static void a_new_record_gets_the_devices_next_number(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_store *one = pair->nodes[0].store, *two = pair->nodes[1].store;
    hf_record_id first = pair_crime(pair, 0, "Window forced");
    uint64_t number = number_of(one, &first);
    assert_in_range(number, 1, 2 * BLOCK);
    hf_record_id second = pair_crime(pair, 0, "Door forced");
    assert_int_equal(number_of(one, &second), number + 1);
    pair_set(pair, 0, &second, 27, "Door forced, nothing taken"); /* it has one */
    assert_int_equal(number_of(one, &second), number + 1);
    hf_record_id theirs = pair_crime(pair, 1, "Elsewhere");
    assert_true(number_of(two, &theirs) > number + 1 || number_of(two, &theirs) < number);
    assert_int_equal(left_of(one), BLOCK - 2);
    pair_run(pair);
    assert_int_equal(number_of(two, &second), number + 1);
    assert_int_equal(number_of(pair->hub_node.store, &second), number + 1);
    for (size_t i = 0; i < 2; i++) expect_whole(pair->nodes[i].store);
    expect_whole(pair->hub_node.store);
    pair_free(pair);
}

static hf_status put_with(pair_world *pair, size_t edge, const hf_record_id *id, bool minted,
                          const char *reference)
{
    hf_store *store = pair->nodes[edge].store;
    hf_author author = {.actor = "PC", .wall_ms = pair_wall_ms(pair), .quality = 3};
    hf_txn *txn;
    hf_buffer value = {0};
    hf_record_id record = *id;
    assert_int_equal(hf_txn_begin(store, &author, &txn), HF_OK);
    if (minted) assert_int_equal(hf_txn_new_id(txn, CRIME, &record), HF_OK);
    hf_write_string(&value, reference ? reference : "Theft");
    hf_change change = {.record = record,
                        .scope = pair_scope(pair),
                        .field = reference ? REF : 27,
                        .value = hf_buffer_bytes(&value)};
    assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    hf_buffer_free(&value);
    return hf_txn_commit(txn, NULL, NULL);
}

static void what_has_a_reference_or_comes_from_elsewhere_takes_none(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_store *store = pair->nodes[0].store;
    hf_record_id imported = {.type = CRIME, .bytes = {1, 2, 3, 4, 5, 6, 0x70, 8, 0x80}};
    assert_int_equal(put_with(pair, 0, &imported, true, "22/12345/19"), HF_OK);
    assert_int_equal(put_with(pair, 0, &imported, false, NULL), HF_OK);
    assert_string_equal(text_of(store, &imported, REF), "");
    assert_string_equal(text_of(store, &imported, OTHER_REFS), "");
    assert_int_equal(left_of(store), BLOCK);
    pair_free(pair);
}

/* Power fails at each call to the disk in turn: as many numbers are gone as there are records. */
static void a_number_and_its_record_are_durable_together(void **state)
{
    (void)state;
    bool died = true;
    size_t points = 0;
    for (uint64_t call = 1; died; call++, points++) {
        pair_world *pair = pair_new(1);
        pair_node *node = &pair->nodes[0];
        hf_record_id before = pair_crime(pair, 0, "Before"), none = {.type = CRIME};
        uint64_t number = number_of(node->store, &before);
        go_offline(pair, 0);
        sim_disk_kill_at(node->disk, call);
        bool saved = put_with(pair, 0, &none, true, NULL) == HF_OK;
        died = sim_disk_killed(node->disk);
        assert_true(died || saved);
        sim_disk_kill_at(node->disk, 0);
        if (died) pair_power_cut(pair, node);
        uint64_t left = left_of(node->store);
        hf_standing standing;
        assert_int_equal(hf_store_standing(node->store, &standing), HF_OK);
        if (saved) assert_int_equal(standing.own_entries, 2);
        assert_int_equal(left, BLOCK - standing.own_entries);
        hf_record_id next = pair_crime(pair, 0, "Next");
        assert_int_equal(number_of(node->store, &next), number + standing.own_entries);
        expect_whole(node->store);
        pair_free(pair);
    }
    assert_true(points > 3);
}

/* ---- leased ---- */

static void a_block_is_renewed_at_half(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    assert_int_equal(leases(pair), 1);
    pair_wait(pair, HF_ASK_AGAIN_MS);
    pair_count_from_here(pair);
    for (size_t i = 0; i < BLOCK / 2 - 1; i++) pair_crime(pair, 0, "One of many");
    pair_run(pair);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_ASK], 0);
    pair_crime(pair, 0, "The half");
    pair_run(pair);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_ASK], 1);
    assert_int_equal(leases(pair), 2);
    assert_int_equal(left_of(pair->nodes[0].store), BLOCK / 2 + BLOCK);
    pair_wait(pair, 2 * HF_ASK_AGAIN_MS);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_ASK], 1); /* and it rests */
    pair_free(pair);
}

static bool drop_lease(pair_world *pair, size_t edge, pair_way way, const hf_message *message)
{
    (void)edge;
    return !pair->context || way != PAIR_DOWN || message->type != HF_FRAME_LEASE;
}

static void a_lost_answer_costs_no_numbers(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    pair_wait(pair, HF_ASK_AGAIN_MS);
    pair->tap = drop_lease;
    pair->context = pair;
    for (size_t i = 0; i < BLOCK / 2; i++) pair_crime(pair, 0, "One of many");
    pair_run(pair);
    assert_int_equal(leases(pair), 2);
    assert_int_equal(left_of(pair->nodes[0].store), BLOCK / 2);
    pair->context = NULL;
    pair_cut(pair, 0);
    pair_wait(pair, 2 * HF_REDIAL_MAX_MS);
    assert_int_equal(leases(pair), 2); /* the same again */
    assert_int_equal(left_of(pair->nodes[0].store), BLOCK / 2 + BLOCK);
    pair_free(pair);
}

static void it_is_on_the_hubs_disk_before_it_is_told(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    pair_wait(pair, HF_ASK_AGAIN_MS);
    for (size_t i = 0; i < BLOCK / 2; i++) pair_crime(pair, 0, "One of many");
    while (left_of(pair->nodes[0].store) <= BLOCK) pair_step(pair);
    uint64_t before = leases(pair);
    pair_power_cut(pair, &pair->hub_node);
    assert_int_equal(leases(pair), before);
    pair_free(pair);
}

static void a_key_gets_blocks_only_so_fast(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    for (size_t i = 0; i < 20; i++) { /* each time as if it had none */
        hf_buffer items = {0}, raw = {0};
        hf_asked asked = {.series = {(const uint8_t *)"crime", 5}, .last = HF_REFERENCE_MAX};
        hf_write_asked(&items, &asked);
        hf_message ask = {.type = HF_FRAME_ASK};
        ask.as.ask.asked = (hf_list){hf_buffer_bytes(&items), 1};
        hf_message_write(&raw, &ask);
        assert_int_equal(pair_say(pair, 0, &raw), HF_OK);
        hf_buffer_free(&items);
        hf_buffer_free(&raw);
        assert_int_equal(hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_OK);
        hf_bytes message;
        do {
            assert_int_equal(hf_hub_send(pair->hub, pair->nodes[0].peer, pair->now_ms, &message),
                             HF_OK);
        } while (message.size > 0);
    }
    assert_int_equal(leases(pair), 1);
    pair_free(pair);
}

static void asking_twice_at_once_is_out_of_turn(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_message ask = {.type = HF_FRAME_ASK};
    hf_buffer raw = {0};
    hf_message_write(&raw, &ask);
    assert_int_equal(pair_say(pair, 0, &raw), HF_OK);
    assert_int_equal(pair_say(pair, 0, &raw), HF_ERR_PROTOCOL);
    hf_buffer_free(&raw);
    pair_free(pair);
}

static void a_block_that_was_not_asked_for_is_out_of_turn(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_message lease = {.type = HF_FRAME_LEASE};
    hf_buffer raw = {0};
    hf_message_write(&raw, &lease);
    assert_int_equal(pair_tell(pair, 0, &raw), HF_OK);
    pair_step(pair);
    hf_edge_status status;
    hf_edge_status_get(pair->nodes[0].edge, &status);
    pair_run(pair);
    hf_edge_status_get(pair->nodes[0].edge, &status);
    assert_non_null(strstr(status.last_error, "LEASE out of turn"));
    hf_buffer_free(&raw);
    pair_free(pair);
}

/* A hub that forgot what it leased: what we had once is not ours to use again. */
static void numbers_that_we_had_are_not_taken_again(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_store *store = pair->nodes[0].store;
    uint64_t left = left_of(store);
    hf_batch *batch;
    bool taken;
    assert_int_equal(hf_batch_begin(store, pair_wall_ms(pair), &batch), HF_OK);
    const hf_bytes crime = {(const uint8_t *)"crime", 5};
    assert_int_equal(hf_batch_block(batch, crime, BLOCK, BLOCK + 9, &taken), HF_OK);
    assert_false(taken);
    assert_int_equal(hf_batch_block(batch, crime, 90000, 90009, &taken), HF_OK);
    assert_true(taken);
    assert_int_equal(hf_batch_block(batch, crime, 9, 8, &taken), HF_ERR_PROTOCOL);
    assert_int_equal(hf_batch_block(batch, crime, 0, 8, &taken), HF_ERR_PROTOCOL);
    assert_int_equal(hf_batch_block(batch, crime, 1, HF_REFERENCE_MAX, &taken), HF_ERR_PROTOCOL);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    assert_int_equal(left_of(store), left + 10);
    pair_free(pair);
}

/* ---- dry ---- */

static hf_status count_record(void *context, const hf_record_id *id, uint32_t scope, bool deleted)
{
    (void)id;
    (void)scope;
    (void)deleted;
    ++*(size_t *)context;
    return HF_OK;
}

static size_t found(hf_store *store, const char *words)
{
    size_t count = 0;
    hf_bytes text = {(const uint8_t *)words, strlen(words)};
    assert_int_equal(hf_store_find(store, text, 10, count_record, &count), HF_OK);
    return count;
}

static void a_dry_device_gives_a_provisional_one_and_the_number_follows(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_store *store = pair->nodes[0].store;
    pair_wait(pair, HF_ASK_AGAIN_MS);
    go_offline(pair, 0);
    use_up(pair, 0);
    hf_record_id late[3];
    char alias[3][64];
    for (size_t i = 0; i < 3; i++) {
        late[i] = pair_crime(pair, 0, "No number left");
        assert_string_equal(text_of(store, &late[i], REF), "");
        snprintf(alias[i], sizeof alias[i], "%s", text_of(store, &late[i], OTHER_REFS));
        assert_memory_equal(alias[i], "PROV-", 5);
        for (size_t j = 0; j < i; j++) assert_string_not_equal(alias[i], alias[j]);
        assert_int_equal(found(store, alias[i]), 1);
    }
    assert_int_equal(provisionals(store), 3);
    expect_whole(store);
    go_online(pair, 0);
    for (size_t i = 0; i < 3; i++) {
        for (size_t n = 0; n < 2; n++) {
            hf_store *at = pair->nodes[n].store;
            assert_true(number_of(at, &late[i]) > BLOCK);
            assert_string_equal(text_of(at, &late[i], OTHER_REFS), alias[i]);
            assert_int_equal(found(at, alias[i]), 1);
        }
    }
    assert_int_equal(provisionals(store), 0);
    assert_int_equal(provisionals(pair->hub_node.store), 0);
    expect_whole(store);
    expect_whole(pair->hub_node.store);
    assert_true(pair_equal(pair));
    pair_free(pair);
}

/* Others' provisional records are theirs to number, and a deleted one gets none. */
static void only_what_it_called_itself_is_given_a_number(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    pair_wait(pair, HF_ASK_AGAIN_MS);
    go_offline(pair, 0);
    use_up(pair, 0);
    hf_record_id kept = pair_crime(pair, 0, "Kept"), dropped = pair_crime(pair, 0, "Dropped");
    hf_author author = {.actor = "PC", .wall_ms = pair_wall_ms(pair), .quality = 3};
    hf_txn *txn;
    hf_change change = {.record = dropped, .kind = HF_CHANGE_DELETE};
    assert_int_equal(hf_txn_begin(pair->nodes[0].store, &author, &txn), HF_OK);
    assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    assert_int_equal(provisionals(pair->nodes[0].store), 1);
    uint64_t left = left_of(pair->nodes[1].store);
    go_online(pair, 0);
    assert_int_equal(left_of(pair->nodes[1].store), left);
    assert_true(number_of(pair->nodes[1].store, &kept) > 0);
    assert_int_equal(number_of(pair->nodes[0].store, &dropped), 0);
    pair_free(pair);
}

static void as_many_as_there_are_numbers_for_are_given_and_the_rest_later(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_store *store = pair->nodes[0].store;
    go_offline(pair, 0);
    use_up(pair, 0);
    for (size_t i = 0; i < BLOCK + 30; i++) pair_crime(pair, 0, "No number left");
    assert_int_equal(provisionals(store), BLOCK + 30);
    go_online(pair, 0);
    assert_int_equal(provisionals(store), 0);
    assert_int_equal(left_of(store), BLOCK - 30);
    expect_whole(store);
    pair_free(pair);
}

typedef struct shared_pair {
    size_t count;
    char text[64];
} shared_pair;

static hf_status on_shared(void *context, const hf_record_id *first, const hf_record_id *second,
                           hf_bytes text)
{
    shared_pair *shared = context;
    assert_memory_not_equal(first->bytes, second->bytes, HF_RECORD_ID_SIZE);
    shared->count++;
    snprintf(shared->text, sizeof shared->text, "%.*s", (int)text.size, (const char *)text.data);
    return HF_OK;
}

/* ---- other lives ---- */

static void a_new_name_has_none_of_the_old_ones_numbers(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    pair_node *node = &pair->nodes[0];
    hf_record_id before = pair_crime(pair, 0, "Before");
    pair_wait(pair, HF_ASK_AGAIN_MS);
    go_offline(pair, 0);
    assert_int_equal(hf_store_new_incarnation(node->store), HF_OK);
    assert_int_equal(left_of(node->store), 0);
    hf_record_id after = pair_crime(pair, 0, "After");
    assert_string_equal(text_of(node->store, &after, REF), "");
    go_online(pair, 0);
    assert_true(number_of(node->store, &after) > BLOCK);
    assert_in_range(number_of(node->store, &before), 1, BLOCK);
    pair_free(pair);
}

/* It was called provisionally under a former name: it is still ours to number. */
static void a_provisional_one_of_a_former_life_gets_its_number(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    pair_node *node = &pair->nodes[0];
    go_offline(pair, 0);
    use_up(pair, 0);
    hf_record_id late = pair_crime(pair, 0, "No number left");
    assert_int_equal(hf_store_new_incarnation(node->store), HF_OK);
    go_online(pair, 0);
    assert_true(number_of(node->store, &late) > BLOCK);
    pair_free(pair);
}

static void use_half(pair_world *pair, size_t edge)
{
    for (size_t i = 0; i < BLOCK / 2; i++) pair_crime(pair, edge, "One of many");
    pair_wait(pair, 2 * HF_REDIAL_MAX_MS);
}

static uint64_t last_of(hf_store *store)
{
    hf_series_left left;
    assert_int_equal(hf_series_left_get(store, series_of(store), &left), HF_OK);
    return left.last;
}

/* Set back to its backup, the hub has forgotten a block; nobody else may come to have it. */
static void a_hub_that_was_set_back_leases_nothing_twice(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    pair_node *hub = &pair->hub_node;
    pair_wait(pair, HF_ASK_AGAIN_MS);
    pair_shut(pair, hub);
    sim_image *backup = sim_disk_copy(hub->disk, ".guard");
    pair_open(pair, hub);
    use_half(pair, 0);
    assert_int_equal(last_of(pair->nodes[0].store), 3 * BLOCK);
    go_offline(pair, 0);
    pair_shut(pair, hub);
    assert_true(sim_disk_restore(hub->disk, backup));
    pair_open(pair, hub);
    assert_int_equal(leases(pair), 2);
    use_half(pair, 1);
    assert_int_equal(last_of(pair->nodes[1].store), HF_LEASE_SKIP + BLOCK);
    use_up(pair, 0);
    go_online(pair, 0);
    assert_int_equal(last_of(pair->nodes[0].store), HF_LEASE_SKIP + 2 * BLOCK);
    shared_pair shared = {0};
    assert_int_equal(hf_references_shared(hub->store, series_of(hub->store), on_shared, &shared),
                     HF_OK);
    assert_int_equal(shared.count, 0);
    sim_image_free(backup);
    pair_free(pair);
}

/* The hub's store as it was then, its decisions since lost; an operator accepts that. */
static void restore_elsewhere(pair_world *pair, const sim_image *backup)
{
    pair_node *hub = &pair->hub_node;
    pair_shut(pair, hub);
    sim_disk_wipe(hub->disk);
    assert_true(sim_disk_restore(hub->disk, backup));
    pair_open(pair, hub);
    assert_int_equal(hf_hub_accept_control_loss(pair->hub, "Operator", "the machine is gone",
                                                pair_wall_ms(pair)),
                     HF_OK);
}

/* Neither of the two knows of the other: both would leave the same gap. */
static void two_lives_of_one_backup_lease_no_number_alike(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    pair_node *hub = &pair->hub_node;
    pair_wait(pair, HF_ASK_AGAIN_MS);
    pair_shut(pair, hub);
    size_t *size;
    assert_non_null(sim_disk_rot(hub->disk, ".fence", &size));
    *size = 0;
    sim_image *backup = sim_disk_copy(hub->disk, ".guard");
    pair_open(pair, hub);
    restore_elsewhere(pair, backup);
    use_half(pair, 0);
    uint64_t first = last_of(pair->nodes[0].store);
    go_offline(pair, 0);
    restore_elsewhere(pair, backup);
    use_half(pair, 1);
    uint64_t second = last_of(pair->nodes[1].store);
    assert_true(first > HF_LEASE_SKIP && second > HF_LEASE_SKIP);
    assert_int_not_equal(first / HF_LEASE_SKIP, second / HF_LEASE_SKIP);
    sim_image_free(backup);
    pair_free(pair);
}

static void numbers_that_are_in_use_are_not_leased(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_store *store = pair->nodes[0].store;
    hf_record_id none = {.type = CRIME};
    pair_wait(pair, HF_ASK_AGAIN_MS);
    assert_int_equal(put_with(pair, 0, &none, true, "CR/700/19"), HF_OK); /* typed by someone */
    for (size_t i = 0; i < BLOCK / 2; i++) pair_crime(pair, 0, "One of many");
    pair_run(pair);
    hf_series_left left;
    assert_int_equal(hf_series_left_get(store, series_of(store), &left), HF_OK);
    assert_int_equal(left.last, 700 + BLOCK);
    pair_free(pair);
}

/* ---- what the operator sees ---- */

static void two_records_of_one_number_are_named_to_the_operator(void **state)
{
    (void)state;
    pair_world *pair = pair_new(2);
    hf_store *hub = pair->hub_node.store;
    hf_record_id first = pair_crime(pair, 0, "The first"), none = {.type = CRIME};
    char text[64];
    snprintf(text, sizeof text, "%s", text_of(pair->nodes[0].store, &first, REF));
    assert_int_equal(put_with(pair, 1, &none, true, text), HF_OK); /* typed, and wrong */
    pair_run(pair);
    shared_pair shared = {0};
    assert_int_equal(hf_references_shared(hub, series_of(hub), on_shared, &shared), HF_OK);
    assert_int_equal(shared.count, 1);
    assert_string_equal(shared.text, text);
    pair_free(pair);
}

static void a_missing_row_is_found_by_verify(void **state)
{
    (void)state;
    pair_world *pair = pair_new(1);
    hf_store *store = pair->nodes[0].store, *hub = pair->hub_node.store;
    hf_verify_report report;
    pair_crime(pair, 0, "With a number");
    go_offline(pair, 0);
    use_up(pair, 0);
    pair_crime(pair, 0, "Without");
    assert_int_equal(hf_sql_exec(store, "DELETE FROM provisional"), HF_OK);
    assert_int_equal(hf_store_verify(store, &report), HF_OK);
    assert_int_equal(report.faults, 1);
    go_online(pair, 0);
    assert_int_equal(hf_sql_exec(hub, "DELETE FROM reference WHERE number=1"), HF_OK);
    assert_int_equal(hf_store_verify(hub, &report), HF_OK);
    assert_int_equal(report.faults, 1);
    pair_free(pair);
}

static void a_block_that_rotted_stops_writing(void **state)
{
    (void)state;
    const char *const harm[] = {"UPDATE block SET state=x'00'||state WHERE series='crime'",
                                "UPDATE block SET first=first+1 WHERE series='crime'",
                                "UPDATE block SET series='crimf' WHERE series='crime'"};
    for (size_t i = 0; i < sizeof harm / sizeof *harm; i++) {
        pair_world *pair = pair_new(1);
        pair_node *node = &pair->nodes[0];
        go_offline(pair, 0);
        assert_int_equal(hf_sql_exec(node->store, harm[i]), HF_OK);
        pair_shut(pair, node);
        pair_open(pair, node);
        hf_author author = {.actor = "PC", .wall_ms = pair_wall_ms(pair), .quality = 3};
        hf_txn *txn;
        assert_int_equal(hf_txn_begin(node->store, &author, &txn), HF_ERR_CORRUPT);
        pair_free(pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_makes_a_text_of_its_own),
        cmocka_unit_test(a_format_that_could_make_one_text_of_two_numbers_is_refused),
        cmocka_unit_test(a_provisional_one_tells_who_gave_it),
        cmocka_unit_test(a_new_record_gets_the_devices_next_number),
        cmocka_unit_test(what_has_a_reference_or_comes_from_elsewhere_takes_none),
        cmocka_unit_test(a_number_and_its_record_are_durable_together),
        cmocka_unit_test(a_block_is_renewed_at_half),
        cmocka_unit_test(a_lost_answer_costs_no_numbers),
        cmocka_unit_test(it_is_on_the_hubs_disk_before_it_is_told),
        cmocka_unit_test(a_key_gets_blocks_only_so_fast),
        cmocka_unit_test(asking_twice_at_once_is_out_of_turn),
        cmocka_unit_test(a_block_that_was_not_asked_for_is_out_of_turn),
        cmocka_unit_test(numbers_that_we_had_are_not_taken_again),
        cmocka_unit_test(a_dry_device_gives_a_provisional_one_and_the_number_follows),
        cmocka_unit_test(only_what_it_called_itself_is_given_a_number),
        cmocka_unit_test(as_many_as_there_are_numbers_for_are_given_and_the_rest_later),
        cmocka_unit_test(a_new_name_has_none_of_the_old_ones_numbers),
        cmocka_unit_test(a_provisional_one_of_a_former_life_gets_its_number),
        cmocka_unit_test(a_hub_that_was_set_back_leases_nothing_twice),
        cmocka_unit_test(two_lives_of_one_backup_lease_no_number_alike),
        cmocka_unit_test(numbers_that_are_in_use_are_not_leased),
        cmocka_unit_test(two_records_of_one_number_are_named_to_the_operator),
        cmocka_unit_test(a_missing_row_is_found_by_verify),
        cmocka_unit_test(a_block_that_rotted_stops_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
