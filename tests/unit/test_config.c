/* test_config.c: the configuration files, and what is said of a wrong one. */
#include "platform/config.h"
#include "platform/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct bench {
    char path[64], error[512];
    hf_edge_config edge;
    hf_hub_config hub;
} bench;

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    snprintf(b->path, sizeof b->path, "/tmp/hf-test-config-XXXXXX");
    int fd = mkstemp(b->path);
    assert_true(fd >= 0);
    close(fd);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    unlink(b->path);
    free(b);
    return 0;
}

static void put(const bench *b, const char *text)
{
    hf_bytes bytes = {(const uint8_t *)text, strlen(text)};
    assert_int_equal(hf_file_write(b->path, bytes, 0600), HF_OK);
}

static hf_status edge(bench *b, const char *text)
{
    put(b, text);
    return hf_config_edge(b->path, &b->edge, b->error, sizeof b->error);
}

static hf_status hub(bench *b, const char *text)
{
    put(b, text);
    return hf_config_hub(b->path, &b->hub, b->error, sizeof b->error);
}

static void absent_or_empty_file_gives_the_defaults(void **state)
{
    bench *b = *state;
    assert_int_equal(hub(b, "# nothing\n"), HF_OK);
    assert_string_equal(b->hub.listen.host, "");
    assert_int_equal(b->hub.listen.port, HF_PORT_SESSION);
    assert_int_equal(b->hub.enrol_listen.port, HF_PORT_ENROL);
    assert_int_equal(b->hub.device_days, HF_DEVICE_DAYS_DEFAULT);
    assert_int_equal(b->hub.name_count, 0);
    unlink(b->path);
    assert_int_equal(hf_config_edge(b->path, &b->edge, b->error, sizeof b->error), HF_OK);
    assert_int_equal(b->edge.hub_count, 0);
}

static void every_option_is_read(void **state)
{
    bench *b = *state;
    assert_int_equal(edge(b, "hub = \"hub.force.example:7000\" # the centre\n"), HF_OK);
    assert_string_equal(b->edge.hubs[0].host, "hub.force.example");
    assert_int_equal(b->edge.hubs[0].port, 7000);
    assert_int_equal(edge(b, "hub = \"hub.example\"\nstations = {\"north\", \"south:7\"}\n"),
                     HF_OK);
    assert_int_equal(b->edge.hub_count, 3);
    assert_string_equal(b->edge.hubs[1].host, "north");
    assert_int_equal(b->edge.hubs[2].port, 7);
    assert_int_equal(edge(b, "hub = \"hub\"\nstations = {\":7443\"}\n"), HF_ERR_INPUT);
    assert_int_equal(hub(b, "listen = \"127.0.0.1:0\"\nenrol_listen = \":81\"\n"
                            "address = \"hub.example\"\nnames = {\"hub.example\", \"::1\"}\n"
                            "device_days = 30\nupstream = \"centre.example:7000\"\n"),
                     HF_OK);
    assert_string_equal(b->hub.listen.host, "127.0.0.1");
    assert_int_equal(b->hub.listen.port, 0);
    assert_string_equal(b->hub.enrol_listen.host, "");
    assert_int_equal(b->hub.enrol_listen.port, 81);
    assert_string_equal(b->hub.address.host, "hub.example");
    assert_int_equal(b->hub.address.port, HF_PORT_SESSION);
    assert_int_equal(b->hub.name_count, 2);
    assert_string_equal(b->hub.names[1], "::1");
    assert_int_equal(b->hub.device_days, 30);
    assert_string_equal(b->hub.upstream.host, "centre.example");
    assert_int_equal(b->hub.upstream.port, 7000);
}

static void unknown_option_is_refused_with_line_and_what_was_meant(void **state)
{
    bench *b = *state;
    assert_int_equal(hub(b, "listen = \":7443\"\n\nenroll_listen = \":7444\"\n"), HF_ERR_INPUT);
    assert_non_null(strstr(b->error, b->path));
    assert_non_null(strstr(b->error, "line 3"));
    assert_non_null(strstr(b->error, "'enroll_listen'"));
    assert_non_null(strstr(b->error, "did you mean 'enrol_listen'?"));
    assert_int_equal(edge(b, "colour = \"blue\"\n"), HF_ERR_INPUT);
    assert_non_null(strstr(b->error, "line 1"));
    assert_null(strstr(b->error, "did you mean"));
}

static void what_cannot_be_meant_is_refused(void **state)
{
    static const char *const bad[] = {
        "hub = \"a b\"\n",  "hub = \"host:99999\"\n", "hub = \"host:\"\n", "hub = \"host:12x\"\n",
        "hub = \"[::1\"\n", "hub = \"wss://host\"\n", "hub = \n",          "hub = \"unfinished\n"};
    bench *b = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        b->error[0] = 0;
        if (edge(b, bad[i]) == HF_OK) print_error("took %s\n", bad[i]);
        assert_int_equal(edge(b, bad[i]), HF_ERR_INPUT);
        assert_non_null(strstr(b->error, b->path));
    }
    assert_int_equal(hub(b, "device_days = 0\n"), HF_ERR_INPUT);
    assert_int_equal(hub(b, "device_days = 4000\n"), HF_ERR_INPUT);
    assert_int_equal(hub(b, "device_days = many\n"), HF_ERR_INPUT);
    hf_bytes nul = {(const uint8_t *)"hub = \0", 7};
    assert_int_equal(hf_file_write(b->path, nul, 0600), HF_OK);
    assert_int_equal(hf_config_edge(b->path, &b->edge, b->error, sizeof b->error), HF_ERR_INPUT);
    assert_int_not_equal(hf_config_edge("/tmp", &b->edge, b->error, sizeof b->error), HF_OK);
}

static void places_are_split(void **state)
{
    static const struct {
        const char *text, *host;
        int port; /* -1: refused */
    } cases[] = {
        {"host", "host", 9},     {"host:1", "host", 1}, {"1.2.3.4:80", "1.2.3.4", 80},
        {"[::1]:80", "::1", 80}, {"[::1]", "::1", 9},   {"::1", "::1", 9},
        {":80", "", 80},         {"", "", 9},           {"host:65535", "host", 65535},
        {"host:65536", "", -1},  {"[::1]80", "", -1},   {"host:-1", "", -1},
        {"host: 1", "", -1},     {"user@host", "", -1}, {"host/path", "", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hf_place place;
        hf_status status = hf_place_read(cases[i].text, 9, &place);
        if (cases[i].port < 0) {
            assert_int_equal(status, HF_ERR_INPUT);
            continue;
        }
        assert_int_equal(status, HF_OK);
        assert_string_equal(place.host, cases[i].host);
        assert_int_equal(place.port, cases[i].port);
    }
}

int main(void)
{
#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(absent_or_empty_file_gives_the_defaults),
        CONFIG_TEST(every_option_is_read),
        CONFIG_TEST(unknown_option_is_refused_with_line_and_what_was_meant),
        CONFIG_TEST(what_cannot_be_meant_is_refused),
        CONFIG_TEST(places_are_split),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
