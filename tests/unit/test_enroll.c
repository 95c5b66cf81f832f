/* test_enroll.c: a token admits one device, once, and each refusal says which it was. */
#include "hub/enroll.h"

#include "pair.h"
#include "sync/control.h"
#include "sync/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A CA that cannot be wrong: a request is the key itself, a certificate the key and the name. */
typedef struct fake_ca {
    int issued;
    hf_status fails; /* what issuing answers */
} fake_ca;

static hf_status fake_read(void *context, hf_bytes csr, uint8_t public_key[HF_PUBLIC_KEY_MAX],
                           size_t *size)
{
    (void)context;
    if (csr.size == 0 || csr.size > HF_PUBLIC_KEY_MAX) return HF_ERR_INPUT;
    memcpy(public_key, csr.data, csr.size);
    *size = csr.size;
    return HF_OK;
}

static hf_status fake_issue(void *context, const hf_certificate_wish *wish, uint8_t *out,
                            size_t *size)
{
    fake_ca *ca = context;

    if (ca->fails != HF_OK) return ca->fails;
    ca->issued++;
    memcpy(out, wish->public_key.data, wish->public_key.size);
    *size = wish->public_key.size;
    *size += (size_t)snprintf((char *)out + *size, 64, "%s#%d", wish->name, ca->issued);
    return HF_OK;
}

typedef struct scene {
    pair_world *pair;
    fake_ca ca;
    hf_authority authority;
    hf_enroll enroll;
    hf_buffer answer;
} scene;

static int set_up(void **state)
{
    static scene s;
    memset(&s, 0, sizeof s);
    s.pair = pair_new(0);
    s.authority = (hf_authority){.context = &s.ca, .read = fake_read, .issue = fake_issue};
    s.enroll = (hf_enroll){.store = s.pair->hub_node.store,
                           .hub = s.pair->hub,
                           .authority = &s.authority,
                           .ca = {1, 2, 3},
                           .hub_id = {9, 9},
                           .enrol_address = "localhost:7444",
                           .sync_address = "localhost:7443"};
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    scene *s = *state;
    hf_buffer_free(&s->answer);
    pair_free(s->pair);
    return 0;
}

static hf_status make(scene *s, const char *name, uint64_t lasts_ms, hf_token *out)
{
    static const char *const scopes[] = {"beds/response", "beds/cid"};
    char why[256] = "";
    hf_token_grant grant = {.name = name,
                            .force = "beds",
                            .unit = "response",
                            .scopes = scopes,
                            .scope_count = 2,
                            .lasts_ms = lasts_ms};
    hf_status status =
        hf_enroll_token(&s->enroll, &grant, pair_wall_ms(s->pair), out, why, sizeof why);
    assert_true(status != HF_ERR_INPUT || strlen(why) > 20);
    return status;
}

/* Shows the token with this key, `later_ms` from now; returns the HTTP status. */
static int show(scene *s, const hf_token *token, const char *key, uint64_t later_ms,
                hf_enrol_answer *answer)
{
    hf_buffer body = {0};
    hf_enrol_request request = {.csr = {(const uint8_t *)key, strlen(key)}};
    memcpy(request.hub, token->hub, sizeof request.hub);
    memcpy(request.secret, token->secret, sizeof request.secret);
    hf_enrol_request_write(&request, &body);
    int http = hf_enroll_answer(&s->enroll, hf_buffer_bytes(&body),
                                pair_wall_ms(s->pair) + later_ms, &s->answer);
    hf_buffer_free(&body);
    assert_int_equal(hf_enrol_answer_read(hf_buffer_bytes(&s->answer), answer), HF_OK);
    if (answer->code != HF_ENROL_OK) assert_true(answer->text.size > 20);
    return http;
}

static void key_id_of(scene *s, const char *key, uint8_t out[HF_HASH_SIZE])
{
    const hf_crypto *crypto = hf_store_crypto(s->enroll.store);
    hf_bytes bytes = {(const uint8_t *)key, strlen(key)};
    crypto->hash(crypto->context, &bytes, 1, out);
}

static void a_token_makes_a_device_of_what_the_operator_said(void **state)
{
    scene *s = *state;
    hf_token token;
    hf_enrol_answer answer;
    hf_device device;
    uint8_t key_id[HF_HASH_SIZE];
    assert_int_equal(make(s, "PC 4411 Rees", 1000, &token), HF_OK);
    assert_memory_equal(token.ca, s->enroll.ca, sizeof token.ca);
    assert_string_equal(token.address, "localhost:7444");
    assert_int_equal(show(s, &token, "key A", 0, &answer), 200);
    assert_int_equal(answer.name.size, strlen("PC 4411 Rees"));
    assert_memory_equal(answer.name.data, "PC 4411 Rees", answer.name.size);
    assert_memory_equal(answer.address.data, "localhost:7443", answer.address.size);
    assert_memory_equal(answer.certificate.data, "key APC 4411 Rees#1", answer.certificate.size);
    key_id_of(s, "key A", key_id);
    assert_true(hf_hub_admits(s->pair->hub, key_id));
    assert_int_equal(hf_device_by_key(s->enroll.store, key_id, &device), HF_OK);
    assert_string_equal(device.name, "PC 4411 Rees");
    assert_string_equal(device.force, "beds");
    assert_string_equal(device.unit, "response");
    assert_int_equal(device.scope_count, 2);
}

/* The answer may be lost on the way; asking again must not cost the officer the token. */
static void the_same_key_gets_the_same_certificate_again(void **state)
{
    scene *s = *state;
    hf_token token;
    hf_enrol_answer answer;
    uint8_t first[256];
    assert_int_equal(make(s, "A", 1000, &token), HF_OK);
    assert_int_equal(show(s, &token, "key A", 0, &answer), 200);
    size_t size = answer.certificate.size;
    memcpy(first, answer.certificate.data, size);
    uint64_t position = hf_feed_position(s->enroll.store);
    assert_int_equal(show(s, &token, "key A", 5000, &answer), 200); /* expired by now: still */
    assert_int_equal(answer.certificate.size, size);
    assert_memory_equal(answer.certificate.data, first, size);
    assert_int_equal(s->ca.issued, 1);
    assert_int_equal(hf_feed_position(s->enroll.store), position); /* nothing written twice */
}

static void a_used_token_admits_no_second_key(void **state)
{
    scene *s = *state;
    hf_token token;
    hf_enrol_answer answer;
    uint8_t key_id[HF_HASH_SIZE];
    assert_int_equal(make(s, "A", 1000, &token), HF_OK);
    assert_int_equal(show(s, &token, "key A", 0, &answer), 200);
    assert_int_equal(show(s, &token, "key B", 0, &answer), 403);
    assert_int_equal(answer.code, HF_ENROL_USED);
    key_id_of(s, "key B", key_id);
    assert_false(hf_hub_admits(s->pair->hub, key_id));
    assert_int_equal(s->ca.issued, 1);
}

static void wrong_expired_and_foreign_tokens_are_told_apart(void **state)
{
    scene *s = *state;
    hf_token token, other;
    hf_enrol_answer answer;
    assert_int_equal(make(s, "A", 1000, &token), HF_OK);
    other = token;
    other.secret[31] ^= 1;
    assert_int_equal(show(s, &other, "key A", 0, &answer), 403);
    assert_int_equal(answer.code, HF_ENROL_WRONG);
    other = token;
    other.hub[0] ^= 1;
    assert_int_equal(show(s, &other, "key A", 0, &answer), 403);
    assert_int_equal(answer.code, HF_ENROL_OTHER_HUB);
    assert_int_equal(show(s, &token, "key A", 1001, &answer), 403);
    assert_int_equal(answer.code, HF_ENROL_EXPIRED);
    assert_int_equal(show(s, &token, "key A", 1000, &answer), 200); /* none of them spent it */
}

static void a_request_that_is_no_request_changes_nothing(void **state)
{
    scene *s = *state;
    hf_token token;
    hf_enrol_answer answer;
    hf_bytes rubbish = {(const uint8_t *)"\x84\x01\x40", 3};
    assert_int_equal(hf_enroll_answer(&s->enroll, rubbish, 0, &s->answer), 400);
    assert_int_equal(hf_enrol_answer_read(hf_buffer_bytes(&s->answer), &answer), HF_OK);
    assert_int_equal(answer.code, HF_ENROL_MALFORMED);
    assert_int_equal(make(s, "A", 1000, &token), HF_OK);
    assert_int_equal(show(s, &token, "", 0, &answer), 400); /* a false certificate request */
    assert_int_equal(answer.code, HF_ENROL_MALFORMED);
    assert_int_equal(show(s, &token, "key A", 0, &answer), 200);
}

static void a_revoked_device_does_not_come_back_by_a_new_token(void **state)
{
    scene *s = *state;
    hf_token token;
    hf_enrol_answer answer;
    assert_int_equal(make(s, "A", 1000, &token), HF_OK);
    assert_int_equal(show(s, &token, "key A", 0, &answer), 200);
    assert_int_equal(hf_hub_revoke(s->pair->hub, "A", "op", "lost", pair_wall_ms(s->pair)), HF_OK);
    assert_int_equal(show(s, &token, "key A", 0, &answer), 403);
    assert_int_equal(answer.code, HF_ENROL_REVOKED);
    assert_int_equal(make(s, "A", 1000, &token), HF_OK); /* the name is free again */
    assert_int_equal(show(s, &token, "key A", 0, &answer), 403);
    assert_int_equal(answer.code, HF_ENROL_REVOKED);
    assert_int_equal(show(s, &token, "key B", 0, &answer), 200);
}

static void two_living_devices_never_share_a_name(void **state)
{
    scene *s = *state;
    hf_token token, second;
    hf_enrol_answer answer;
    assert_int_equal(make(s, "A", 1000, &token), HF_OK);
    assert_int_equal(make(s, "A", 1000, &second), HF_OK); /* neither is used yet */
    assert_int_equal(show(s, &token, "key A", 0, &answer), 200);
    assert_int_equal(show(s, &second, "key B", 0, &answer), 403);
    assert_int_equal(make(s, "A", 1000, &token), HF_ERR_INPUT);
}

static void a_failing_disk_spends_no_token(void **state)
{
    scene *s = *state;
    hf_token token;
    hf_enrol_answer answer;
    assert_int_equal(make(s, "A", 1000, &token), HF_OK);
    s->ca.fails = HF_ERR_FULL;
    assert_int_equal(show(s, &token, "key A", 0, &answer), 503);
    assert_int_equal(answer.code, HF_ENROL_BUSY);
    s->ca.fails = HF_OK;
    assert_int_equal(show(s, &token, "key B", 0, &answer), 200); /* not yet bound to A */
}

static void a_grant_that_makes_no_sense_is_refused(void **state)
{
    scene *s = *state;
    hf_token token;
    char long_name[200];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    assert_int_equal(make(s, "", 1000, &token), HF_ERR_INPUT);
    assert_int_equal(make(s, long_name, 1000, &token), HF_ERR_INPUT);
    assert_int_equal(make(s, "a\nb", 1000, &token), HF_ERR_INPUT);
    assert_int_equal(make(s, "\xff", 1000, &token), HF_ERR_INPUT);
    assert_int_equal(make(s, "A", 0, &token), HF_ERR_INPUT);
    assert_int_equal(make(s, "A", UINT64_C(31) * 24 * 3600 * 1000, &token), HF_ERR_INPUT);
}

/* ---- the token's text ---- */

static void a_token_survives_paper(void **state)
{
    (void)state;
    hf_token token = {.address = "hub.example:7444", .expires_ms = 1571659200000}, back;
    hf_buffer text = {0};
    char why[256];
    for (size_t i = 0; i < 32; i++) token.secret[i] = (uint8_t)(255 - i * 7);
    memset(token.ca, 0xab, sizeof token.ca);
    memset(token.hub, 0x0c, sizeof token.hub);
    hf_token_write(&token, "for PC 4411 Rees", &text);
    assert_int_equal(hf_token_read(hf_buffer_bytes(&text), &back, why, sizeof why), HF_OK);
    assert_memory_equal(back.secret, token.secret, sizeof back.secret);
    assert_memory_equal(back.ca, token.ca, sizeof back.ca);
    assert_memory_equal(back.hub, token.hub, sizeof back.hub);
    assert_string_equal(back.address, token.address);
    assert_true(back.expires_ms == token.expires_ms);
    for (size_t cut = 0; cut + 1 < text.size; cut++) { /* cut short anywhere, it is refused */
        hf_bytes part = {text.data, cut};
        assert_int_equal(hf_token_read(part, &back, why, sizeof why), HF_ERR_INPUT);
    }
    hf_write_raw(&text,
                 (hf_bytes){(const uint8_t *)"address x\n", 10}); /* named twice, once badly */
    assert_int_equal(hf_token_read(hf_buffer_bytes(&text), &back, why, sizeof why), HF_ERR_INPUT);
    hf_buffer_free(&text);
}

static void addresses_are_split_with_care(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",           "host",  ":1",      "host:",  "host:x",
                                        "host:65536", "a:b:1", "[::1]",   "[::1:1", "host:1 ",
                                        "ho st:1",    "h\n:1", "host:-1", "[]:1"};
    char host[64], address[HF_ADDRESS_SIZE];
    uint16_t port;
    assert_int_equal(hf_address_split("localhost:7443", host, sizeof host, &port), HF_OK);
    assert_string_equal(host, "localhost");
    assert_int_equal(port, 7443);
    hf_address_join("::1", 1, address);
    assert_string_equal(address, "[::1]:1");
    assert_int_equal(hf_address_split(address, host, sizeof host, &port), HF_OK);
    assert_string_equal(host, "::1");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(hf_address_split(wrong[i], host, sizeof host, &port), HF_ERR_INPUT);
    }
    assert_int_equal(hf_address_split("localhost:1", host, 9, &port), HF_ERR_INPUT);
}

static void answers_and_requests_are_read_strictly(void **state)
{
    (void)state;
    hf_buffer body = {0};
    hf_enrol_request request = {.csr = {(const uint8_t *)"csr", 3}}, back;
    hf_enrol_request_write(&request, &body);
    assert_int_equal(hf_enrol_request_read(hf_buffer_bytes(&body), &back), HF_OK);
    for (size_t cut = 0; cut < body.size; cut++) {
        hf_bytes part = {body.data, cut};
        assert_int_equal(hf_enrol_request_read(part, &back), HF_ERR_PROTOCOL);
    }
    hf_write_uint(&body, 0); /* something behind the end */
    assert_int_equal(hf_enrol_request_read(hf_buffer_bytes(&body), &back), HF_ERR_PROTOCOL);
    hf_buffer_clear(&body);
    hf_write_array(&body, 5); /* a refusal that also holds a certificate */
    hf_write_uint(&body, 1);
    hf_write_uint(&body, HF_ENROL_WRONG);
    hf_write_bytes(&body, "c", 1);
    hf_write_string(&body, "n");
    hf_write_string(&body, "a");
    hf_enrol_answer answer;
    assert_int_equal(hf_enrol_answer_read(hf_buffer_bytes(&body), &answer), HF_ERR_PROTOCOL);
    hf_buffer_free(&body);
}

#define WITH_HUB(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HUB(a_token_makes_a_device_of_what_the_operator_said),
        WITH_HUB(the_same_key_gets_the_same_certificate_again),
        WITH_HUB(a_used_token_admits_no_second_key),
        WITH_HUB(wrong_expired_and_foreign_tokens_are_told_apart),
        WITH_HUB(a_request_that_is_no_request_changes_nothing),
        WITH_HUB(a_revoked_device_does_not_come_back_by_a_new_token),
        WITH_HUB(two_living_devices_never_share_a_name),
        WITH_HUB(a_failing_disk_spends_no_token),
        WITH_HUB(a_grant_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_token_survives_paper),
        cmocka_unit_test(addresses_are_split_with_care),
        cmocka_unit_test(answers_and_requests_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
