/* test_messages_limits.c: of what stations, refills, snapshots and numbers brought to the wire, one
 * more than is allowed is the peer's limit; one less is sound. */
#include "sync/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint8_t many[HF_REFILL_HASHES_MAX * HF_HASH_SIZE + HF_HASH_SIZE];

static hf_status read_again(const hf_message *message)
{
    hf_buffer raw = {0};
    hf_message read;
    hf_message_write(&raw, message);
    assert_int_equal(raw.status, HF_OK);
    hf_status status = hf_message_read(hf_buffer_bytes(&raw), &read);
    hf_buffer_free(&raw);
    return status;
}

static hf_message refill(void)
{
    hf_message message = {.type = HF_FRAME_REFILL};
    message.as.refill =
        (hf_refill){.lane = 3, .proven = true, .head = {.seq = 9}, .leaf = {.seq = 9, .count = 1}};
    return message;
}

static void a_refill_is_no_larger_than_was_agreed(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        hf_status expected = over ? HF_ERR_LIMIT : HF_OK;
        hf_message message = refill();
        message.as.refill.certificate = (hf_bytes){many, HF_CERTIFICATE_MAX + over};
        assert_int_equal(read_again(&message), expected);
        message = refill();
        message.as.refill.hashes = (hf_bytes){many, (HF_REFILL_HASHES_MAX + over) * HF_HASH_SIZE};
        assert_int_equal(read_again(&message), expected);
        message = refill();
        hf_buffer body = {0};
        hf_write_bytes(&body, many, HF_ENTRY_SIZE_MAX - 3 + over);
        message.as.refill.bodies = (hf_list){hf_buffer_bytes(&body), 1};
        assert_int_equal(read_again(&message), expected);
        hf_buffer_free(&body);
    }
}

static void a_refill_brings_nothing_that_it_does_not_prove(void **state)
{
    (void)state;
    hf_message message = refill();
    message.as.refill.hashes = (hf_bytes){many, HF_HASH_SIZE + 1};
    assert_int_equal(read_again(&message), HF_ERR_PROTOCOL); /* half a hash */
    message = refill();
    message.as.refill.proven = false;
    assert_int_equal(read_again(&message), HF_OK);
    message.as.refill.hashes = (hf_bytes){many, HF_HASH_SIZE};
    assert_int_equal(read_again(&message), HF_ERR_PROTOCOL);
}

static void a_list_of_hubs_and_a_farewell_are_bounded(void **state)
{
    (void)state;
    char text[HF_TEXT_MAX + 2];
    memset(text, 'a', sizeof text);
    for (size_t over = 0; over < 2; over++) {
        hf_status expected = over ? HF_ERR_LIMIT : HF_OK;
        hf_message hubs = {.type = HF_FRAME_HUBS}, error = {.type = HF_FRAME_ERROR};
        hubs.as.hubs = (hf_bytes){many, HF_HUB_LIST_SIZE_MAX + over};
        assert_int_equal(read_again(&hubs), expected);
        error.as.farewell.text = (hf_bytes){(const uint8_t *)text, HF_TEXT_MAX + over};
        assert_int_equal(read_again(&error), expected);
    }
}

static void the_name_of_a_series_is_bounded(void **state)
{
    (void)state;
    uint8_t name[HF_PACK_NAME_MAX + 1];
    memset(name, 'a', sizeof name);
    for (size_t over = 0; over < 2; over++) {
        hf_buffer asked = {0};
        hf_write_asked(&asked, &(hf_asked){.series = {name, HF_PACK_NAME_MAX + over}});
        hf_message ask = {.type = HF_FRAME_ASK};
        ask.as.ask.asked = (hf_list){hf_buffer_bytes(&asked), 1};
        assert_int_equal(read_again(&ask), over ? HF_ERR_LIMIT : HF_OK);
        hf_buffer_free(&asked);
    }
}

static hf_status read_offer(size_t scopes, size_t chunks)
{
    hf_buffer names = {0}, offered = {0};
    for (size_t i = 0; i < chunks; i++)
        hf_write_chunk_name(&names, &(hf_chunk_name){.raw_size = 1, .packed_size = 1});
    for (size_t i = 0; i < scopes; i++)
        hf_write_offered_scope(
            &offered,
            &(hf_offered_scope){.scope = (uint32_t)i, .chunks = {hf_buffer_bytes(&names), chunks}});
    hf_message offer = {.type = HF_FRAME_OFFER};
    offer.as.offer.scopes = (hf_list){hf_buffer_bytes(&offered), scopes};
    hf_status status = read_again(&offer);
    hf_buffer_free(&names);
    hf_buffer_free(&offered);
    return status;
}

static void an_offer_has_so_many_scopes_and_chunks(void **state)
{
    (void)state;
    assert_int_equal(read_offer(HF_SCOPES_MAX, 1), HF_OK);
    assert_int_equal(read_offer(HF_SCOPES_MAX + 1, 1), HF_ERR_LIMIT);
    assert_int_equal(read_offer(2, HF_SNAPSHOT_CHUNKS_MAX / 2), HF_OK); /* over all its scopes */
    assert_int_equal(read_offer(2, HF_SNAPSHOT_CHUNKS_MAX / 2 + 1), HF_ERR_LIMIT);
    assert_int_equal(read_offer(1, 0), HF_ERR_PROTOCOL);
}

static hf_status read_receipt(uint64_t seq, uint32_t count)
{
    hf_buffer logs = {0};
    hf_write_array(&logs, 6);
    hf_write_uint(&logs, 0);
    hf_write_uint(&logs, 3);
    hf_write_uint(&logs, seq);
    hf_write_uint(&logs, 0);
    hf_write_uint(&logs, count);
    hf_write_array(&logs, 0);
    hf_message receipt = {.type = HF_FRAME_RECEIPT};
    receipt.as.receipt.logs = (hf_list){hf_buffer_bytes(&logs), 1};
    hf_status status = read_again(&receipt);
    hf_buffer_free(&logs);
    return status;
}

static void a_receipt_is_of_an_entry_under_so_many_logs(void **state)
{
    (void)state;
    assert_int_equal(read_receipt(1, HF_RECEIPT_LOGS_MAX), HF_OK);
    assert_int_equal(read_receipt(1, HF_RECEIPT_LOGS_MAX + 1), HF_ERR_LIMIT);
    assert_int_equal(read_receipt(0, 1), HF_ERR_PROTOCOL);
    assert_int_equal(read_receipt(1, 0), HF_ERR_PROTOCOL); /* index 0 of none */
}

/* A device that has the centre's receipts and none of this hub. */
static void what_was_passed_on_is_told_without_receipts_of_ones_own(void **state)
{
    (void)state;
    hf_buffer claim = {0}, raw = {0};
    hf_message hello = {.type = HF_FRAME_HELLO}, read;
    hf_write_claim(&claim, &(hf_claim){.incarnation = {1}});
    hello.as.hello.origins = (hf_list){hf_buffer_bytes(&claim), 1};
    hello.as.hello.passed = (hf_receipt_reach){.set = true, .hub = {{7}}};
    hf_message_write(&raw, &hello);
    assert_int_equal(hf_message_read(hf_buffer_bytes(&raw), &read), HF_OK);
    assert_false(read.as.hello.receipts.set);
    assert_true(read.as.hello.passed.set);
    assert_int_equal(read.as.hello.passed.hub.bytes[0], 7);
    hf_buffer_free(&claim);
    hf_buffer_free(&raw);
}

/* What is one byte too long is the peer's limit, not its malformation; one less is sound. */
static void what_is_too_long_is_a_limit(void **state)
{
    (void)state;
    static uint8_t bytes[HF_ENTRY_SIZE_MAX + 1];
    memset(bytes, 'a', sizeof bytes);
    for (size_t over = 0; over < 2; over++) {
        hf_status expected = over ? HF_ERR_LIMIT : HF_OK;
        hf_message hello = {.type = HF_FRAME_HELLO}, origin = {.type = HF_FRAME_ORIGIN};
        hf_buffer claim = {0};
        hf_write_claim(&claim, &(hf_claim){.incarnation = {1}});
        hello.as.hello.origins = (hf_list){hf_buffer_bytes(&claim), 1};
        hello.as.hello.implementation = (hf_bytes){bytes, HF_TEXT_MAX + over};
        assert_int_equal(read_again(&hello), expected);
        origin.as.origin.certificate = (hf_bytes){bytes, HF_CERTIFICATE_MAX + over};
        assert_int_equal(read_again(&origin), expected);
        hf_message renewed = {.type = HF_FRAME_CERTIFICATE};
        renewed.as.certificate.certificate = (hf_bytes){bytes, HF_CERTIFICATE_MAX + over};
        assert_int_equal(read_again(&renewed), expected);
        hf_buffer body = {0}; /* what is in it is for another reader */
        hf_write_bytes(&body, bytes, HF_ENTRY_SIZE_MAX - 3 + over);
        assert_int_equal(body.size, HF_ENTRY_SIZE_MAX + over);
        hf_message push = {.type = HF_FRAME_PUSH};
        push.as.push.bodies = (hf_list){hf_buffer_bytes(&body), 1};
        assert_int_equal(read_again(&push), expected);
        hf_buffer_free(&body);
        hf_buffer_free(&claim);
    }
}

static hf_status read_leased(uint64_t first, uint64_t last, size_t count)
{
    hf_buffer items = {0};
    hf_leased leased = {.series = {(const uint8_t *)"crime", 5}, .first = first, .last = last};
    for (size_t i = 0; i < count; i++) hf_write_leased(&items, &leased);
    hf_message lease = {.type = HF_FRAME_LEASE};
    lease.as.leased = (hf_list){hf_buffer_bytes(&items), count};
    hf_status status = read_again(&lease);
    hf_buffer_free(&items);
    return status;
}

static void a_block_of_numbers_has_a_first_and_a_last(void **state)
{
    (void)state;
    assert_int_equal(read_leased(1, 1, 1), HF_OK);
    assert_int_equal(read_leased(1, HF_REFERENCE_MAX, HF_SERIES_MAX), HF_OK);
    assert_int_equal(read_leased(0, 1, 1), HF_ERR_PROTOCOL);
    assert_int_equal(read_leased(2, 1, 1), HF_ERR_PROTOCOL);
    assert_int_equal(read_leased(1, HF_REFERENCE_MAX + 1, 1), HF_ERR_PROTOCOL);
    assert_int_equal(read_leased(1, 1, HF_SERIES_MAX + 1), HF_ERR_LIMIT);
}

/* A device's own heads go by the index of one of its own origins. */
static void a_head_names_an_origin_of_the_hello(void **state)
{
    (void)state;
    hf_message head = {.type = HF_FRAME_HEAD};
    head.as.head.head.seq = 1;
    head.as.head.origin = HF_HELLO_ORIGINS_MAX - 1;
    assert_int_equal(read_again(&head), HF_OK);
    head.as.head.origin = HF_HELLO_ORIGINS_MAX;
    assert_int_equal(read_again(&head), HF_ERR_PROTOCOL);
    head.as.head.origin = 0;
    head.as.head.head.seq = 0;
    assert_int_equal(read_again(&head), HF_ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_too_long_is_a_limit),
        cmocka_unit_test(a_block_of_numbers_has_a_first_and_a_last),
        cmocka_unit_test(a_head_names_an_origin_of_the_hello),
        cmocka_unit_test(a_refill_is_no_larger_than_was_agreed),
        cmocka_unit_test(a_refill_brings_nothing_that_it_does_not_prove),
        cmocka_unit_test(a_list_of_hubs_and_a_farewell_are_bounded),
        cmocka_unit_test(the_name_of_a_series_is_bounded),
        cmocka_unit_test(an_offer_has_so_many_scopes_and_chunks),
        cmocka_unit_test(a_receipt_is_of_an_entry_under_so_many_logs),
        cmocka_unit_test(what_was_passed_on_is_told_without_receipts_of_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
