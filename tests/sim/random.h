/* random.h: the simulator's only source of chance: a seed in, the same choices out.
 *
 * Why not rand(): each part of the world draws from a stream of its own, so that a change in one
 * place (one more read of a disk) does not reshuffle what happens everywhere else. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct sim_random {
    uint64_t state;
} sim_random;

static inline uint64_t sim_mix(uint64_t x) /* splitmix64's finisher */
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline uint64_t sim_mix_bytes(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t word;
    for (; size >= sizeof word; bytes += sizeof word, size -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = sim_mix(hash ^ word);
    }
    for (; size > 0; size--) hash = sim_mix(hash ^ *bytes++);
    return hash;
}

/* The stream `number` of `seed`. */
static inline sim_random sim_random_from(uint64_t seed, uint64_t number)
{
    return (sim_random){sim_mix(seed + 0x9e3779b97f4a7c15u) ^ sim_mix(~number)};
}

static inline uint64_t sim_random_next(sim_random *random)
{
    random->state += 0x9e3779b97f4a7c15u;
    return sim_mix(random->state);
}

/* 0 to bound - 1; 0 when bound is 0. The bias of a remainder does not matter here. */
static inline uint64_t sim_random_below(sim_random *random, uint64_t bound)
{
    return bound ? sim_random_next(random) % bound : 0;
}

static inline uint64_t sim_random_between(sim_random *random, uint64_t low, uint64_t high)
{
    return low + sim_random_below(random, high - low + 1);
}

static inline bool sim_random_chance(sim_random *random, uint32_t per_thousand)
{
    return sim_random_below(random, 1000) < per_thousand;
}

/* Waiting time with this mean, exponential in coarse steps: most short, a few long. */
static inline uint64_t sim_random_wait(sim_random *random, uint64_t mean)
{
    uint64_t bits = sim_random_next(random);
    unsigned doublings = 0;
    while (doublings < 5 && (bits >> doublings & 1)) doublings++;
    return sim_random_below(random, (mean << doublings) / 2 + 2) + mean / 4;
}

static inline void sim_random_fill(sim_random *random, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = sim_random_next(random);
        for (size_t j = i; j < size && j < i + 8; j++) out[j] = (uint8_t)(word >> 8 * (j - i));
    }
}

#endif
