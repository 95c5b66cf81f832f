/* workers.c: worlds in processes of their own, a few at a time. */
#include "workers.h"

#include "planted.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

enum { WORKERS_MAX = 64, WORLD_SECONDS_MAX = 300 };

typedef struct worker {
    pid_t pid; /* 0: free */
    int pipe;
    sim_job job;
} worker;

double sim_real_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_job(const sim_job *job, int out)
{
    sim_result result, again;
    alarm(WORLD_SECONDS_MAX); /* a world that hangs is a failure with a seed like any other */
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    bool planted = sim_plant(job->planted);
    assert(planted);
    sim_run(&job->options, &result);
    if (job->twice && !result.failed) {
        sim_run(&job->options, &again);
        if (again.trace != result.trace) {
            result.failed = true;
            result.broken = SIM_HONEST;
            snprintf(result.text, sizeof result.text, "two runs of one seed differ");
        }
    }
    const uint8_t *bytes = (const uint8_t *)&result;
    for (size_t sent = 0; sent < sizeof result;) {
        ssize_t size = write(out, bytes + sent, sizeof result - sent);
        if (size <= 0) _exit(3);
        sent += (size_t)size;
    }
    _exit(0);
}

static void start(worker *w, const sim_job *job)
{
    int ends[2];
    if (pipe(ends) != 0) {
        perror("sim: pipe");
        exit(2);
    }
    fflush(NULL);
    w->job = *job;
    w->pipe = ends[0];
    w->pid = fork();
    if (w->pid < 0) {
        perror("sim: fork");
        exit(2);
    }
    if (w->pid == 0) {
        close(ends[0]);
        run_job(job, ends[1]);
    }
    close(ends[1]);
}

static void collect(worker *w, int status, sim_outcome *out)
{
    memset(out, 0, sizeof *out);
    out->job = w->job;
    uint8_t *bytes = (uint8_t *)&out->result;
    size_t got = 0;
    while (got < sizeof out->result) {
        ssize_t size = read(w->pipe, bytes + got, sizeof out->result - got);
        if (size <= 0) break;
        got += (size_t)size;
    }
    close(w->pipe);
    w->pid = 0;
    if (got == sizeof out->result && WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    memset(&out->result, 0, sizeof out->result);
    out->crashed = out->result.failed = true;
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    snprintf(out->result.text, sizeof out->result.text, "the process ended by signal %d (%s)",
             signal, signal ? strsignal(signal) : "it left early");
}

void sim_work(unsigned workers, sim_next_job next, sim_on_outcome done, void *context)
{
    worker pool[WORKERS_MAX] = {0};
    if (workers > WORKERS_MAX) workers = WORKERS_MAX;
    unsigned running = 0;
    bool more = true;
    while (more || running) {
        for (unsigned i = 0; i < workers && more; i++) {
            sim_job job;
            if (pool[i].pid) continue;
            more = next(context, &job);
            if (!more) break;
            start(&pool[i], &job);
            running++;
        }
        int status;
        pid_t pid = running ? waitpid(-1, &status, 0) : 0;
        for (unsigned i = 0; i < workers && pid > 0; i++) {
            if (pool[i].pid != pid) continue;
            sim_outcome outcome;
            collect(&pool[i], status, &outcome);
            running--;
            if (!done(context, &outcome)) more = false;
            break;
        }
    }
}
