/* bench_fleet.c: thousands of devices in one process, as the hub sees them: each its own key and
 * certificate, a full handshake, the upgrade, HELLO, and then silence.
 *
 *   fleet HUB_FOLDER FILE PORT     obeys standard input, and ends with it:
 *     connect N WINDOW             the first N connect, WINDOW at a time; when all are in sync:
 *                                  {"seconds":...,"dials":...,"closed":...}
 *     count                        {"in_sync":...,"pings":...,"fed":...,"rss":KIB of this process}
 *
 * A device that gets no WELCOME in ten seconds, or loses its link, tries again as an edge does:
 * after a random part of a second, which doubles each time. It answers PING and FEED, and asks when
 * it has heard nothing for half a minute. */
#include "crowd.h"
#include "folder.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUND_MS = 20, LINE_SIZE = 64 };

static bool read_devices(crowd *c, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        return false;
    }
    c->count = (size_t)ftell(file) / sizeof(fleet_device);
    c->members = calloc(c->count, sizeof *c->members);
    rewind(file);
    bool read = c->members != NULL;
    for (size_t i = 0; i < c->count && read; i++) {
        fleet_device device;
        read = fread(&device, sizeof device, 1, file) == 1 &&
               crowd_member_init(&c->members[i], &device);
    }
    fclose(file);
    if (!read) fprintf(stderr, "bench: fleet: %s is not what mint wrote\n", path);
    return read;
}

/* True when standard input has ended. */
static bool obey(crowd *c, double *began)
{
    char line[LINE_SIZE];
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&input, 1, 0) != 1) return false;
    ssize_t size = read(STDIN_FILENO, line, sizeof line - 1);
    if (size <= 0) return true;
    line[size] = 0;
    if (strncmp(line, "connect ", 8) == 0) {
        *began = bench_seconds();
        char *end;
        size_t count = strtoul(line + 8, &end, 10);
        crowd_connect(c, count, strtoul(end, NULL, 10));
    }
    if (strncmp(line, "count", 5) == 0) {
        printf("{\"in_sync\":%zu,\"pings\":%zu,\"fed\":%zu,\"rss\":%llu}\n", c->in_sync, c->pings,
               c->fed, (unsigned long long)tls_rss_kib());
        fflush(stdout);
    }
    return false;
}

int main(int argument_count, char **arguments)
{
    crowd c = {.count = 0};
    double began = 0;
    if (argument_count != 4) {
        fprintf(stderr, "usage: fleet HUB_FOLDER FILE PORT\n");
        return 2;
    }
    tls_raise_descriptors();
    if (!read_devices(&c, arguments[2])) return 1;
    crowd_open(&c, arguments[1], (uint16_t)strtoul(arguments[3], NULL, 10));
    printf("{\"devices\":%zu}\n", c.count);
    fflush(stdout);
    while (!obey(&c, &began)) {
        crowd_round(&c, ROUND_MS);
        if (began == 0 || c.in_sync < c.wanted) continue;
        printf("{\"seconds\":%.4f,\"dials\":%zu,\"closed\":%zu}\n", bench_seconds() - began,
               c.dials, c.closed);
        fflush(stdout);
        began = 0;
    }
    return 0;
}
