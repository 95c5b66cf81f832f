/* test_http_reply.c: what counts as a whole reply. */
#include "platform/http_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static hf_status reply_read(const char *text, int *code, hf_bytes *body)
{
    /* In a buffer of its own size, so that a byte read past the end is seen. */
    size_t size = strlen(text);
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, text, size);
    hf_status status = hf_http_reply_read((hf_bytes){copy, size}, code, body);
    if (status == HF_OK) body->data = (const uint8_t *)text + (body->data - copy);
    free(copy);
    return status;
}

static void whole_reply_is_read(void **state)
{
    (void)state;
    int code = 0;
    hf_bytes body = {NULL, 0};
    assert_int_equal(reply_read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", &code, &body),
                     HF_OK);
    assert_int_equal(code, 200);
    assert_int_equal(body.size, 5);
    assert_memory_equal(body.data, "hello", 5);
    assert_int_equal(reply_read("HTTP/1.0 403\r\nX: y\r\ncontent-length:0  \r\n\r\n", &code, &body),
                     HF_OK);
    assert_int_equal(code, 403);
    assert_int_equal(body.size, 0);
}

static void anything_less_or_more_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "H",
        "\r\n\r\n",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",                            /* no length */
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",   /* cut short */
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!", /* too long */
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1  200\r\nContent-Length: 0\r\n\r\n",
        "SMTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int code = 0;
        hf_bytes body = {NULL, 0};
        if (reply_read(bad[i], &code, &body) == HF_OK) print_error("took %s\n", bad[i]);
        assert_int_equal(reply_read(bad[i], &code, &body), HF_ERR_PROTOCOL);
    }
}

/* Every cut of a good reply is refused: none is good by half. */
static void every_prefix_is_refused(void **state)
{
    static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: y\r\n\r\nabc";
    (void)state;
    for (size_t size = 0; size < sizeof good - 1; size++) {
        char cut[sizeof good] = "";
        int code = 0;
        hf_bytes body = {NULL, 0};
        memcpy(cut, good, size);
        assert_int_equal(reply_read(cut, &code, &body), HF_ERR_PROTOCOL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_reply_is_read),
        cmocka_unit_test(anything_less_or_more_is_refused),
        cmocka_unit_test(every_prefix_is_refused),
    };
    return cmocka_run_group_tests_name("http_reply", tests, NULL, NULL);
}
