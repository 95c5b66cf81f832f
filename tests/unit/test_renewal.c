/* test_renewal.c: a certificate through its life: renewed in time, or too late, or never. */
#include "pair.h"

#include "sync/control.h"
#include "sync/validity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MINUTE_MS = 60 * 1000, LIFE_MS = 10 * MINUTE_MS };

static hf_edge_status status_of(pair_world *pair, size_t edge)
{
    hf_edge_status status;
    hf_edge_status_get(pair->nodes[edge].edge, &status);
    return status;
}

static uint64_t entries_at_hub(pair_world *pair)
{
    hf_standing standing;
    assert_int_equal(hf_store_standing(pair->hub_node.store, &standing), HF_OK);
    return standing.entries;
}

static uint64_t waiting(pair_world *pair, size_t edge)
{
    hf_standing standing;
    assert_int_equal(hf_store_standing(pair->nodes[edge].store, &standing), HF_OK);
    return standing.waiting;
}

/* Frames that carry what others wrote. */
static size_t fed(const pair_world *pair)
{
    const size_t *down = pair->frames[PAIR_DOWN];
    return down[HF_FRAME_FEED] + down[HF_FRAME_ENTRIES] + down[HF_FRAME_HEADS] +
           down[HF_FRAME_ORIGIN];
}

/* The certificate that the hub has on record. */
static void expect_on_record(pair_world *pair, size_t edge, hf_bytes der)
{
    hf_buffer held = {0};
    hf_record_id record;
    assert_int_equal(hf_device_certificate(pair->hub_node.store,
                                           pair->nodes[edge].crypto.table.own_key_id, &held,
                                           &record),
                     HF_OK);
    assert_int_equal(held.size, der.size);
    assert_memory_equal(held.data, der.data, der.size);
    hf_buffer_free(&held);
}

/* ---- in time ---- */

static void it_is_renewed_at_two_thirds_of_its_life_and_nobody_is_asked(void **state)
{
    (void)state;
    pair_world *pair = pair_new_certified(1, LIFE_MS);
    hf_validity first = sim_crypto_validity(&pair->nodes[0].crypto);
    uint64_t entries = entries_at_hub(pair);
    uint64_t due_ms = hf_validity_due_ms(first, pair->nodes[0].crypto.table.own_key_id);
    pair_wait(pair, due_ms - pair_wall_ms(pair) - 2000);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_RENEW], 0);
    pair_wait(pair, 10 * 1000);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_RENEW], 1);
    assert_int_equal(pair->issued, 1);
    hf_validity second = sim_crypto_validity(&pair->nodes[0].crypto);
    assert_in_range(second.from_ms, due_ms, due_ms + 2000);
    assert_int_equal(entries_at_hub(pair), entries + 1); /* a control entry, as enrolment's */
    expect_on_record(pair, 0, pair->nodes[0].crypto.table.own_certificate);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_HELLO], 1); /* connected anew, with it */
    assert_int_equal(status_of(pair, 0).link, HF_LINK_IN_SYNC);
    assert_int_equal(hf_edge_validity(pair->nodes[0].edge).until_ms, second.until_ms);
    pair_wait(pair, LIFE_MS); /* and again, before that one ends */
    assert_int_equal(pair->issued, 2);
    assert_int_equal(status_of(pair, 0).link, HF_LINK_IN_SYNC);
    pair_free(pair);
}

/* The record is on the hub's disk before the device hears of it, whatever fails there. */
static void it_is_on_the_hubs_disk_before_it_is_sent(void **state)
{
    (void)state;
    bool failed = true;
    for (uint64_t call = 1; failed; call++) {
        pair_world *pair = pair_new_certified(1, LIFE_MS);
        pair_wait(pair, LIFE_MS / 2 + MINUTE_MS);
        hf_buffer raw = {0};
        hf_message renew = {.type = HF_FRAME_RENEW};
        hf_message_write(&raw, &renew);
        assert_int_equal(pair_say(pair, 0, &raw), HF_OK);
        sim_disk_fail_at(pair->hub_node.disk, call, 1);
        hf_status status = hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair));
        failed = sim_disk_counted(pair->hub_node.disk).failed > 0;
        sim_disk_fail_at(pair->hub_node.disk, 0, 0);
        hf_bytes message;
        assert_int_equal(hf_hub_send(pair->hub, pair->nodes[0].peer, pair->now_ms, &message),
                         HF_OK);
        assert_true((status == HF_OK) == (message.size > 0));
        if (status != HF_OK) { /* the hub tries again by itself, with another one */
            assert_int_equal(hf_hub_turn(pair->hub, ++pair->now_ms, pair_wall_ms(pair)), HF_OK);
            assert_int_equal(hf_hub_send(pair->hub, pair->nodes[0].peer, pair->now_ms, &message),
                             HF_OK);
            assert_true(message.size > 0);
        }
        pair_cut(pair, 0);
        hf_buffer_free(&raw);
        pair_free(pair);
    }
}

static bool drops_certificates(pair_world *pair, size_t edge, pair_way way,
                               const hf_message *message)
{
    (void)edge;
    return !pair->context || way != PAIR_DOWN || message->type != HF_FRAME_CERTIFICATE;
}

/* The answer is lost with the link: asking again brings the same, and writes nothing. */
static void a_lost_answer_is_given_again(void **state)
{
    (void)state;
    pair_world *pair = pair_new_certified(1, LIFE_MS);
    pair->tap = drops_certificates;
    pair->context = pair;
    pair_wait(pair, 8 * MINUTE_MS);
    assert_int_equal(pair->issued, 1);
    uint64_t entries = entries_at_hub(pair);
    pair_cut(pair, 0);
    pair->context = NULL;
    pair_wait(pair, 10 * HF_REDIAL_MIN_MS);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_RENEW], 2);
    assert_int_equal(pair->issued, 1);
    assert_int_equal(entries_at_hub(pair), entries);
    expect_on_record(pair, 0, pair->nodes[0].crypto.table.own_certificate);
    pair_free(pair);
}

static void one_that_cannot_be_stored_is_asked_for_again(void **state)
{
    (void)state;
    pair_world *pair = pair_new_certified(1, 60 * MINUTE_MS);
    hf_validity first = sim_crypto_validity(&pair->nodes[0].crypto);
    pair->disk_is_full = true;
    pair_wait(pair, 45 * MINUTE_MS);
    assert_int_equal(pair->issued, 1);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_RENEW], 1); /* not in a loop */
    assert_non_null(strstr(status_of(pair, 0).certificate_problem, "could not be stored"));
    assert_int_equal(status_of(pair, 0).link, HF_LINK_IN_SYNC); /* the old one still holds */
    pair->disk_is_full = false;
    pair_wait(pair, HF_RENEW_RETRY_MS);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_RENEW], 2);
    assert_int_equal(pair->issued, 1);
    assert_true(sim_crypto_validity(&pair->nodes[0].crypto).until_ms > first.until_ms);
    assert_string_equal(status_of(pair, 0).certificate_problem, "");
    pair_free(pair);
}

/* ---- too late ---- */

static void an_expired_device_uploads_and_gets_nothing_until_it_is_renewed(void **state)
{
    (void)state;
    pair_world *pair = pair_new_certified(2, LIFE_MS);
    pair->nodes[0].offline = true;
    pair_cut(pair, 0);
    pair_wait(pair, 2 * LIFE_MS); /* the other one goes on, renewing itself */
    hf_record_id mine = pair_crime(pair, 0, "Written where there was no signal");
    hf_record_id theirs = pair_crime(pair, 1, "Written meanwhile");
    pair_run(pair);
    pair->life_ms = 0; /* the CA fails */
    pair_cut(pair, 1);
    pair->nodes[1].offline = true; /* so that what is counted is the expired one's */
    pair->nodes[0].offline = false;
    pair_count_from_here(pair);
    pair_wait(pair, 5 * MINUTE_MS);
    assert_string_equal(pair_summary(pair->hub_node.store, &mine),
                        "Written where there was no signal");
    assert_int_equal(waiting(pair, 0), 0); /* and it was told so */
    assert_int_equal(fed(pair), 0);
    assert_int_equal(pair->frames[PAIR_UP][HF_FRAME_VECTOR], 0);
    assert_string_equal(pair_summary(pair->nodes[0].store, &theirs), "");
    assert_non_null(strstr(status_of(pair, 0).certificate_problem, "certificate authority"));
    assert_int_equal(status_of(pair, 0).link, HF_LINK_CATCHING_UP); /* never "in sync" */
    pair->life_ms = LIFE_MS;                                        /* it is mended */
    pair_wait(pair, HF_RENEW_RETRY_MS);
    assert_string_equal(pair_summary(pair->nodes[0].store, &theirs), "Written meanwhile");
    assert_int_equal(status_of(pair, 0).link, HF_LINK_IN_SYNC);
    assert_string_equal(status_of(pair, 0).certificate_problem, "");
    pair_free(pair);
}

/* It insists: VECTOR and START from an expired device are out of turn. */
static void an_expired_device_cannot_ask_for_more(void **state)
{
    (void)state;
    static const uint8_t asks[] = {HF_FRAME_VECTOR, HF_FRAME_START, HF_FRAME_FEED_ACK};
    for (size_t i = 0; i < sizeof asks; i++) {
        pair_world *pair = pair_new_certified(1, LIFE_MS);
        pair->life_ms = 0;
        pair_cut(pair, 0);
        pair->now_ms += 2 * LIFE_MS;
        pair_run(pair);
        assert_non_null(pair->nodes[0].peer);
        hf_buffer raw = {0};
        hf_message ask = {.type = asks[i]};
        if (asks[i] == HF_FRAME_VECTOR) ask.as.vector = (hf_vector){.scope = pair_scope(pair)};
        hf_message_write(&raw, &ask);
        assert_int_equal(pair_say(pair, 0, &raw), HF_ERR_PROTOCOL);
        hf_buffer_free(&raw);
        pair_free(pair);
    }
}

/* The session was opened in time, and its certificate ends in the middle of it. */
static void a_session_ends_with_its_certificate(void **state)
{
    (void)state;
    pair_world *pair = pair_new_certified(2, LIFE_MS);
    pair->disk_is_full = true; /* so neither is renewed */
    hf_validity valid = sim_crypto_validity(&pair->nodes[0].crypto);
    pair_wait(pair, valid.until_ms - pair_wall_ms(pair) - 2000);
    assert_int_equal(pair->frames[PAIR_DOWN][HF_FRAME_BYE], 0);
    pair->now_ms += 4000;
    pair_count_from_here(pair);
    hf_record_id theirs = pair_crime(pair, 1, "After the end");
    pair_run(pair);
    assert_string_equal(pair_summary(pair->hub_node.store, &theirs), "After the end");
    assert_int_equal(fed(pair), 0);
    assert_true(pair->frames[PAIR_DOWN][HF_FRAME_BYE] > 0);
    assert_string_equal(pair_summary(pair->nodes[0].store, &theirs), "");
    pair->disk_is_full = false;
    pair_wait(pair, 2 * HF_RENEW_RETRY_MS);
    assert_string_equal(pair_summary(pair->nodes[0].store, &theirs), "After the end");
    pair_free(pair);
}

/* ---- too early, by the hub's clock, which was set back ---- */

static void one_that_does_not_hold_yet_is_fed_as_soon_as_it_does(void **state)
{
    (void)state;
    uint8_t der[SIM_CERTIFICATE_SIZE];
    pair_world *pair = pair_new_certified(2, LIFE_MS);
    pair_node *node = &pair->nodes[0];
    node->offline = true;
    pair_cut(pair, 0);
    pair_wait(pair, 2 * LIFE_MS); /* the one that the hub has on record ends */
    uint64_t from_ms = pair_wall_ms(pair) + 5 * MINUTE_MS;
    sim_certify((hf_bytes){node->crypto.key, SIM_KEY_SIZE}, node->name, false,
                (hf_validity){from_ms, from_ms + 10 * LIFE_MS}, der);
    sim_crypto_take(&node->crypto, (hf_bytes){der, sizeof der});
    pair_shut(pair, node);
    pair_open(pair, node);
    node->offline = false;
    pair->life_ms = 0; /* a new one is not to be had */
    pair_wait(pair, MINUTE_MS);
    hf_record_id theirs = pair_crime(pair, 1, "Before it holds");
    pair_wait(pair, 3 * MINUTE_MS);
    assert_int_equal(status_of(pair, 0).link, HF_LINK_CATCHING_UP);
    assert_string_equal(pair_summary(node->store, &theirs), "");
    pair_wait(pair, 2 * MINUTE_MS);
    assert_int_equal(status_of(pair, 0).link, HF_LINK_IN_SYNC);
    assert_string_equal(pair_summary(node->store, &theirs), "Before it holds");
    pair_free(pair);
}

/* ---- never ---- */

static void a_revoked_device_is_not_renewed(void **state)
{
    (void)state;
    pair_world *pair = pair_new_certified(1, LIFE_MS);
    pair_cut(pair, 0);
    pair->now_ms += 2 * LIFE_MS;
    while (pair->frames[PAIR_UP][HF_FRAME_RENEW] == 0) pair_step(pair);
    /* the hub has answered by now: once more, with the revocation between question and answer */
    size_t issued = pair->issued;
    pair->now_ms += HF_RENEW_AGAIN_MS + LIFE_MS;
    hf_buffer raw = {0};
    hf_message renew = {.type = HF_FRAME_RENEW};
    hf_message_write(&raw, &renew);
    assert_int_equal(pair_say(pair, 0, &raw), HF_OK);
    assert_int_equal(hf_hub_revoke(pair->hub, "edge0", "Sgt", "lost", pair_wall_ms(pair)), HF_OK);
    assert_int_equal(hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_OK);
    assert_int_equal(pair->issued, issued);
    assert_true(hf_hub_deadline_ms(pair->hub) > pair->now_ms); /* and does not turn in vain */
    pair_wait(pair, 2 * LIFE_MS);
    assert_int_equal(pair->issued, issued);
    hf_buffer_free(&raw);
    pair_free(pair);
}

static void asking_again_and_again_is_out_of_turn(void **state)
{
    (void)state;
    pair_world *pair = pair_new_certified(1, LIFE_MS);
    hf_buffer raw = {0};
    hf_message renew = {.type = HF_FRAME_RENEW};
    hf_message_write(&raw, &renew);
    pair->nodes[0].stuck_down = true;
    assert_int_equal(pair_say(pair, 0, &raw), HF_OK);
    assert_int_equal(pair_say(pair, 0, &raw), HF_ERR_PROTOCOL); /* before the answer */
    pair_cut(pair, 0);
    pair->nodes[0].stuck_down = false;
    pair_wait(pair, 10 * HF_REDIAL_MIN_MS);
    uint64_t entries = entries_at_hub(pair);
    assert_int_equal(pair_say(pair, 0, &raw), HF_OK);
    assert_int_equal(hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair)), HF_OK);
    hf_bytes message;
    assert_int_equal(hf_hub_send(pair->hub, pair->nodes[0].peer, pair->now_ms, &message), HF_OK);
    assert_true(message.size > 0); /* the one that it has: half of its life is not over */
    assert_int_equal(pair->issued, 0);
    assert_int_equal(entries_at_hub(pair), entries);
    assert_int_equal(pair_say(pair, 0, &raw), HF_ERR_PROTOCOL); /* within five minutes */
    hf_buffer_free(&raw);
    pair_free(pair);
}

/* All of a force is back at once: the hub serves some in each turn, and all of them in the end. */
static void many_at_once_are_renewed_by_and_by(void **state)
{
    (void)state;
    pair_world *pair = pair_new_certified(PAIR_EDGES_MAX, LIFE_MS);
    for (size_t i = 0; i < PAIR_EDGES_MAX; i++) {
        hf_buffer raw = {0};
        hf_message renew = {.type = HF_FRAME_RENEW};
        hf_message_write(&raw, &renew);
        assert_int_equal(pair_say(pair, i, &raw), HF_OK);
        hf_buffer_free(&raw);
    }
    uint64_t late_ms = pair_wall_ms(pair) + LIFE_MS;
    assert_int_equal(hf_hub_turn(pair->hub, pair->now_ms, late_ms), HF_OK);
    assert_int_equal(pair->issued, HF_RENEWALS_PER_TURN);
    assert_true(hf_hub_deadline_ms(pair->hub) <= pair->now_ms);
    assert_int_equal(hf_hub_turn(pair->hub, pair->now_ms, late_ms), HF_OK);
    assert_int_equal(pair->issued, PAIR_EDGES_MAX);
    pair_free(pair);
}

/* ---- what a device does not take ---- */

typedef struct offer {
    bool asked;
    size_t of; /* whose key it is for */
    bool garbled;
    uint16_t code;
} offer;

static void tell_certificate(pair_world *pair, const offer *o)
{
    uint8_t der[SIM_CERTIFICATE_SIZE];
    uint64_t now_ms = pair_wall_ms(pair);
    sim_certify((hf_bytes){pair->nodes[o->of].crypto.key, SIM_KEY_SIZE}, "edge0", false,
                (hf_validity){now_ms, now_ms + 9 * LIFE_MS}, der);
    if (o->garbled) der[0] ^= 1;
    hf_buffer raw = {0};
    hf_message message = {.type = HF_FRAME_CERTIFICATE};
    message.as.certificate.certificate = (hf_bytes){der, sizeof der};
    hf_message_write(&raw, &message);
    hf_status status = pair_tell(pair, 0, &raw);
    assert_int_equal(status, HF_OK);
    hf_buffer_free(&raw);
}

static void only_its_own_certificate_is_taken_and_only_when_asked_for(void **state)
{
    (void)state;
    static const offer offers[] = {
        {.asked = false, .of = 0, .code = HF_CODE_TURN},
        {.asked = true, .of = 1, .code = HF_CODE_SIGNATURE},
        {.asked = true, .of = 0, .garbled = true, .code = HF_CODE_SIGNATURE},
    };
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
        pair_world *pair = pair_new_certified(2, LIFE_MS);
        hf_bytes der;
        char expected[32];
        pair->tap = drops_certificates;
        pair->context = pair;
        pair_wait(pair, offers[i].asked ? 8 * MINUTE_MS : MINUTE_MS);
        hf_validity before = sim_crypto_validity(&pair->nodes[0].crypto);
        tell_certificate(pair, &offers[i]);
        assert_int_equal(hf_edge_turn(pair->nodes[0].edge, pair->now_ms, pair_wall_ms(pair)),
                         HF_OK);
        assert_false(hf_edge_certificate(pair->nodes[0].edge, &der));
        pair_run(pair); /* the session ends, and says why */
        snprintf(expected, sizeof expected, "we told the hub %u", offers[i].code);
        pair_cut(pair, 0);
        assert_memory_equal(status_of(pair, 0).last_error, expected, strlen(expected));
        assert_int_equal(sim_crypto_validity(&pair->nodes[0].crypto).until_ms, before.until_ms);
        pair_free(pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_renewed_at_two_thirds_of_its_life_and_nobody_is_asked),
        cmocka_unit_test(it_is_on_the_hubs_disk_before_it_is_sent),
        cmocka_unit_test(a_lost_answer_is_given_again),
        cmocka_unit_test(one_that_cannot_be_stored_is_asked_for_again),
        cmocka_unit_test(an_expired_device_uploads_and_gets_nothing_until_it_is_renewed),
        cmocka_unit_test(an_expired_device_cannot_ask_for_more),
        cmocka_unit_test(a_session_ends_with_its_certificate),
        cmocka_unit_test(one_that_does_not_hold_yet_is_fed_as_soon_as_it_does),
        cmocka_unit_test(a_revoked_device_is_not_renewed),
        cmocka_unit_test(asking_again_and_again_is_out_of_turn),
        cmocka_unit_test(many_at_once_are_renewed_by_and_by),
        cmocka_unit_test(only_its_own_certificate_is_taken_and_only_when_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
