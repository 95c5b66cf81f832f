/* sim_crypto.h: hashes, signatures and chance for one simulated installation: cheap and seeded.
 *
 * Nobody in the simulator forges, so a signature need only be checkable, and a hash only spread
 * well: real ones would cost most of the run and find nothing here (tests/unit has the real ones).
 */
#ifndef SIM_CRYPTO_H
#define SIM_CRYPTO_H

#include "random.h"
#include "holdfast/crypto.h"

enum { SIM_KEY_SIZE = 40, SIM_CERTIFICATE_SIZE = 128 };

typedef struct sim_crypto {
    hf_crypto table; /* what the engine is lent; points back here */
    sim_random random;
    uint8_t key[SIM_KEY_SIZE]; /* the public one, which also signs */
    uint8_t certificate[SIM_CERTIFICATE_SIZE];
} sim_crypto;

/* The installation `name` of the world `seed`. Must not move afterwards: the table points into it.
 */
typedef enum sim_rank { SIM_DEVICE = 0, SIM_CENTRE = 1, SIM_STATION = 2 } sim_rank;
void sim_crypto_init(sim_crypto *crypto, uint64_t seed, const char *name, sim_rank rank);
/* Its certificate is valid for a hundred years, until another is put in its place. */
hf_validity sim_crypto_validity(const sim_crypto *crypto);
void sim_crypto_take(sim_crypto *crypto, hf_bytes certificate);
/* Issues one for `key` and `name`. */
void sim_certify(hf_bytes key, const char *name, sim_rank rank, hf_validity valid,
                 uint8_t out[SIM_CERTIFICATE_SIZE]);
/* 256 bits over `count` pieces, one after the other: as the table's hash. */
void sim_hash(const hf_bytes *pieces, size_t count, uint8_t out[HF_HASH_SIZE]);

#endif
