/* harness.c: see harness.h. Memory is counted by AddressSanitizer's hooks, so every malloc of every
 * library is in it; time is this thread's CPU time, so other processes are not. */
#include "harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *block);

static int64_t held, most_held; /* bytes, since the count began */
static uint64_t began_us, slowest_us, most_ms;
static int64_t largest;

static void on_malloc(const volatile void *block, size_t size)
{
    (void)block;
    held += (int64_t)size;
    if (held > most_held) most_held = held;
}

static void on_free(const volatile void *block)
{
    if (block) held -= (int64_t)__sanitizer_get_allocated_size(block);
}

static uint64_t cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

void fuzz_count_from_here(void)
{
    held = most_held = 0;
    began_us = cpu_us();
}

static void say_most(void)
{
    fprintf(stderr, "harness: at most %.1f ms and %" PRId64 " KiB an input\n",
            (double)slowest_us / 1000, largest / 1024);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (!__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free)) abort();
    most_ms = (uint64_t)FUZZ_INPUT_MS_MAX * FUZZ_SANITIZER_FACTOR;
    if (getenv("HOLDFAST_FUZZ_PATIENT")) most_ms *= FUZZ_PATIENCE_FACTOR;
    return atexit(say_most);
}

static uint64_t time_us(const uint8_t *data, size_t size)
{
    fuzz_count_from_here();
    fuzz_one(data, size);
    return cpu_us() - began_us;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t took_us = time_us(data, size);
    /* A virtual machine that stood still is counted as ours: a slow input is slow each time. */
    for (int again = 0; again < 3 && took_us > most_ms * 1000; again++)
        took_us = time_us(data, size);
    if (took_us > slowest_us) slowest_us = took_us;
    if (most_held > largest) largest = most_held;
    if (took_us > most_ms * 1000) {
        fprintf(stderr, "harness: ERROR: the input took %.1f ms; %" PRIu64 " are allowed\n",
                (double)took_us / 1000, most_ms);
        abort();
    }
    if (most_held > FUZZ_INPUT_BYTES_MAX) {
        fprintf(stderr, "harness: ERROR: the input held %" PRId64 " bytes; %d are allowed\n",
                most_held, FUZZ_INPUT_BYTES_MAX);
        abort();
    }
    return 0;
}
