/* main.c: many worlds, one line: did everything that holdfast promises hold in all of them?
 *
 *   sim --seeds 1000 --from 1         1,000 worlds of two virtual hours
 *   sim --seeds 1 --from 17 -v        one of them, told as it happens
 *   sim --planted                     each planted bug, until some world catches it
 *   sim --fleet                       27 stations and 270 devices on the day of October 2019 */
#include "fleet.h"
#include "planted.h"
#include "workers.h"

#include <getopt.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLANTED_SEEDS = 500, HOUR_MS = 60 * 60 * 1000 };

typedef struct settings {
    uint64_t seeds, from;
    double hours;
    unsigned edges, writes, jobs;
    bool verbose, twice, planted, fleet;
    const char *only;
    uint64_t count; /* planted bugs to try; 0: all */
} settings;

typedef struct campaign {
    const settings *settings;
    uint64_t next, run, failures;
    uint64_t virtual_ms, entries, commits, messages, turns;
    sim_counts counts;
    uint64_t checks[SIM_INVARIANTS];
    bool broken[SIM_INVARIANTS];
    int bug; /* planted, or 0 */
    bool caught;
    sim_outcome catch; /* the one of the lowest seed */
} campaign;

static const char USAGE[] =
    "Examples:\n"
    "  sim --seeds 1000 --from 1        1,000 worlds of two virtual hours each\n"
    "  sim --seeds 1 --from 17 -v       one of them, told as it happens\n"
    "  sim --seeds 5 --from 1 --edges 20 --writes 200\n"
    "  sim --planted                    every planted bug must be caught\n"
    "  sim --planted --only REUSED_SEQ  this one\n"
    "  sim --fleet --from 1             27 stations and 270 devices, six hours without the centre\n"
    "Options: --seeds N --from S --hours H --edges E --writes PER_DAY --jobs J --twice -v\n"
    "         --planted [--only NAME] [--count K]\n";

static sim_job job_of(const settings *s, uint64_t seed, int bug)
{
    return (sim_job){.options = {.seed = seed,
                                 .duration_ms = (uint64_t)(s->hours * HOUR_MS),
                                 .edges = s->edges,
                                 .writes_per_day = s->writes,
                                 .verbose = s->verbose},
                     .planted = bug,
                     .twice = s->twice};
}

static bool next_job(void *context, sim_job *job)
{
    campaign *c = context;
    uint64_t seeds = c->bug ? PLANTED_SEEDS : c->settings->seeds;
    if (c->next >= seeds) return false;
    *job = job_of(c->settings, c->settings->from + c->next++, c->bug);
    return true;
}

static const char *broken_name(const sim_outcome *outcome)
{
    return outcome->crashed ? "ASSERT" : sim_invariant_name(outcome->result.broken);
}

static void add(campaign *c, const sim_result *result)
{
    c->run++;
    c->virtual_ms += result->virtual_ms;
    c->entries += result->entries;
    c->commits += result->commits;
    c->messages += result->messages;
    c->turns += result->turns;
    c->counts.kill += result->counts.kill;
    c->counts.cut += result->counts.cut;
    c->counts.torn += result->counts.torn;
    c->counts.lost += result->counts.lost;
    c->counts.io += result->counts.io;
    c->counts.full += result->counts.full;
    c->counts.clock += result->counts.clock;
    c->counts.renewed += result->counts.renewed;
    c->counts.hub_lost += result->counts.hub_lost;
    c->counts.gone += result->counts.gone;
    c->counts.carried += result->counts.carried;
    for (size_t i = 0; i < SIM_INVARIANTS; i++) c->checks[i] += result->checks[i];
}

static bool on_world(void *context, const sim_outcome *outcome)
{
    campaign *c = context;
    const settings *s = c->settings;
    add(c, &outcome->result);
    if (isatty(STDERR_FILENO) && c->run % 16 == 0)
        fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " ", c->run, s->seeds);
    if (!outcome->result.failed) return true;
    c->failures++;
    if (!outcome->crashed) c->broken[outcome->result.broken] = true;
    printf("seed %" PRIu64 ": %s %s\n", outcome->job.options.seed, broken_name(outcome),
           outcome->result.text);
    printf("replay: ./dev sim --seeds 1 --from %" PRIu64 " --hours %g", outcome->job.options.seed,
           s->hours);
    if (s->edges != 5) printf(" --edges %u", s->edges);
    if (s->writes) printf(" --writes %u", s->writes);
    printf("\n");
    fflush(stdout);
    return true;
}

/* One line for each thing that ./dev test counts. */
static void append_result(const char *kind, const char *name, bool passed)
{
    const char *path = getenv("HOLDFAST_RESULTS");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (!file) return;
    fprintf(file, "%s:%s %s\n", kind, name, passed ? "passed" : "failed");
    fclose(file);
}

static int run_worlds(const settings *s)
{
    campaign c = {.settings = s};
    double start = sim_real_seconds();
    sim_work(s->jobs, next_job, on_world, &c);
    double real = sim_real_seconds() - start;
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r                    \r");
    for (size_t i = 0; i < SIM_INVARIANTS; i++)
        append_result("sim", sim_invariant_name((sim_invariant)i), c.checks[i] && !c.broken[i]);
    append_result("sim", "MULES", c.failures == 0 && c.counts.carried > 0);
    append_result("sim", "seeds", c.failures == 0);
    if (s->verbose)
        fprintf(stderr,
                "%" PRIu64 " entries, %" PRIu64 " commits, %" PRIu64 " messages, %" PRIu64
                " turns, %.1f s\n",
                c.entries, c.commits, c.messages, c.turns, real);
    printf("sim: %" PRIu64 " seeds, %" PRIu64 " failures, %.1f virtual hours, %.0fx life, faults "
           "kill=%" PRIu64 " cut=%" PRIu64 " torn=%" PRIu64 " lost=%" PRIu64 " io=%" PRIu64
           " full=%" PRIu64 " clock=%" PRIu64 " hub-lost=%" PRIu64 " gone=%" PRIu64
           ", renewed=%" PRIu64 ", carried=%" PRIu64 "\n",
           c.run, c.failures, (double)c.virtual_ms / HOUR_MS, (double)c.virtual_ms / 1000 / real,
           c.counts.kill, c.counts.cut, c.counts.torn, c.counts.lost, c.counts.io, c.counts.full,
           c.counts.clock, c.counts.hub_lost, c.counts.gone, c.counts.renewed, c.counts.carried);
    return c.failures ? 1 : 0;
}

/* ---- planted bugs ---- */

static bool on_planted(void *context, const sim_outcome *outcome)
{
    campaign *c = context;
    c->run++;
    if (!outcome->result.failed) return !c->caught;
    if (!c->caught || outcome->job.options.seed < c->catch.job.options.seed) c->catch = *outcome;
    c->caught = true;
    return false;
}

static bool only_job(void *context, sim_job *job)
{
    campaign *c = context;
    if (c->next++) return false;
    *job = c->catch.job;
    job->planted = 0;
    return true;
}

static bool on_innocent(void *context, const sim_outcome *outcome)
{
    ((campaign *)context)->caught = !outcome->result.failed;
    return false;
}

/* It counts only if the same world holds without the bug. */
static bool hunt(const settings *s, const sim_planted *bug)
{
    campaign c = {.settings = s, .bug = bug->number};
    sim_work(s->jobs, next_job, on_planted, &c);
    if (c.caught) {
        campaign without = {.settings = s, .catch = c.catch};
        sim_work(1, only_job, on_innocent, &without);
        c.caught = without.caught;
        if (!c.caught)
            printf("planted %s: seed %" PRIu64 " fails without it too\n", bug->name,
                   c.catch.job.options.seed);
    }
    append_result("planted", bug->name, c.caught);
    if (c.caught) {
        printf("planted %s: caught at seed %" PRIu64 " by %s\n", bug->name,
               c.catch.job.options.seed, broken_name(&c.catch));
        if (s->verbose || s->only) printf("    %s\n", c.catch.result.text);
    } else {
        printf("planted %s: not caught in %" PRIu64 " seeds\n", bug->name, c.run);
    }
    fflush(stdout);
    return c.caught;
}

/* This program has no bugs planted; the one beside it has the same sources, and does. */
static int hand_over(char **arguments)
{
    char self[PATH_MAX], other[PATH_MAX + 16];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size <= 0) return 2;
    self[size] = 0;
    snprintf(other, sizeof other, "%s/sim-planted", dirname(self));
    execv(other, arguments);
    fprintf(stderr, "sim: %s is not there: build it first (./dev build)\n", other);
    return 2;
}

static int run_planted(const settings *s, char **arguments)
{
    if (!sim_plant(1)) return hand_over(arguments);
    size_t count, caught = 0, tried = 0;
    const sim_planted *table = sim_planted_table(&count);
    for (size_t i = 0; i < count && (!s->count || tried < s->count); i++) {
        if (s->only && strcmp(s->only, table[i].name) != 0) continue;
        tried++;
        caught += hunt(s, &table[i]);
    }
    if (!tried) {
        fprintf(stderr, "sim: no planted bug is called %s\n", s->only ? s->only : "that");
        return 2;
    }
    printf("planted: %zu bugs, %zu caught within %d seeds each, %zu missed\n", tried, caught,
           PLANTED_SEEDS, tried - caught);
    return caught == tried ? 0 : 1;
}

/* ---- the fleet ---- */

static int run_fleet(const settings *s)
{
    enum { PER_HOUR = 2, HOURS = 24 };
    sim_fleet_result r;
    double start = sim_real_seconds();
    sim_fleet(s->from, s->writes ? (s->writes + HOURS - 1) / HOURS : PER_HOUR, s->verbose, &r);
    double real = sim_real_seconds() - start;
    bool held = r.wrong[0] == 0;
    append_result("sim", "FLEET", held);
    if (!held)
        printf("fleet: %s\nreplay: ./dev sim --fleet --from %" PRIu64 "\n", r.wrong, s->from);
    printf("fleet: 27 stations, 270 devices, %.1f virtual hours in %.0f s: %" PRIu64
           " entries had to wait, %" PRIu64 " conflicts wait for a person; drained after %" PRIu64
           " s (custody), %" PRIu64 " s (incidents), %" PRIu64 " s (crime), %" PRIu64
           " s (the rest)\n",
           (double)r.virtual_ms / HOUR_MS, real, r.entries, r.conflicts, r.drained_s[1],
           r.drained_s[2], r.drained_s[3], r.drained_s[5]);
    return held ? 0 : 1;
}

/* ---- the command line ---- */

static uint64_t number(const char *text, uint64_t low, uint64_t high)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end || end == text || value < low || value > high) {
        fprintf(stderr, "sim: \"%s\" is not a number from %" PRIu64 " to %" PRIu64 "\n", text, low,
                high);
        exit(2);
    }
    return value;
}

static settings read_options(int count, char **arguments)
{
    enum { SEEDS = 1, FROM, HOURS, EDGES, WRITES, JOBS, TWICE, PLANTED, FLEET, ONLY, COUNT, HELP };
    static const struct option OPTIONS[] = {{"seeds", required_argument, NULL, SEEDS},
                                            {"from", required_argument, NULL, FROM},
                                            {"hours", required_argument, NULL, HOURS},
                                            {"edges", required_argument, NULL, EDGES},
                                            {"writes", required_argument, NULL, WRITES},
                                            {"jobs", required_argument, NULL, JOBS},
                                            {"twice", no_argument, NULL, TWICE},
                                            {"planted", no_argument, NULL, PLANTED},
                                            {"fleet", no_argument, NULL, FLEET},
                                            {"only", required_argument, NULL, ONLY},
                                            {"count", required_argument, NULL, COUNT},
                                            {"help", no_argument, NULL, HELP},
                                            {NULL, 0, NULL, 0}};
    settings s = {.seeds = 100, .from = 1, .hours = 2, .edges = 5, .jobs = 2};
    int option;
    while ((option = getopt_long(count, arguments, "v", OPTIONS, NULL)) != -1) {
        switch (option) {
        case SEEDS: s.seeds = number(optarg, 1, UINT32_MAX); break;
        case FROM: s.from = number(optarg, 0, INT64_MAX); break;
        case HOURS: s.hours = strtod(optarg, NULL); break;
        case EDGES: s.edges = (unsigned)number(optarg, 1, 32); break;
        case WRITES: s.writes = (unsigned)number(optarg, 1, 100000); break;
        case JOBS: s.jobs = (unsigned)number(optarg, 1, 64); break;
        case TWICE: s.twice = true; break;
        case PLANTED: s.planted = true; break;
        case FLEET: s.fleet = true; break;
        case ONLY: s.only = optarg; break;
        case COUNT: s.count = number(optarg, 1, 1000); break;
        case 'v': s.verbose = true; break;
        case HELP: fputs(USAGE, stdout); exit(0);
        default: fputs(USAGE, stderr); exit(2);
        }
    }
    if (s.hours <= 0 || s.hours > 10000) {
        fprintf(stderr, "sim: --hours takes a number above 0\n");
        exit(2);
    }
    return s;
}

int main(int count, char **arguments)
{
    settings s = read_options(count, arguments);
    if (s.fleet) return run_fleet(&s);
    return s.planted ? run_planted(&s, arguments) : run_worlds(&s);
}
