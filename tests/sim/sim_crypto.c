/* sim_crypto.c: hashes, signatures and chance for one simulated installation: cheap and seeded. */
#include "sim_crypto.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK = 32, NAME_AT = 48, NAME_ROOM = 64, VALID_AT = NAME_AT + NAME_ROOM };

#define CENTURY_MS (100ull * 365 * 24 * 60 * 60 * 1000)

typedef struct hasher {
    uint64_t lanes[4];
    uint8_t block[BLOCK];
    size_t filled;
    uint64_t size;
} hasher;

static uint64_t turn(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void absorb(hasher *h, const uint8_t *block)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t word;
        memcpy(&word, block + 8 * i, 8);
        h->lanes[i] = turn((h->lanes[i] ^ word) * 0x9e3779b97f4a7c15u, 29);
    }
    h->lanes[0] += turn(h->lanes[1], 17) ^ h->lanes[3];
    h->lanes[2] += turn(h->lanes[3], 41) ^ h->lanes[1];
    h->lanes[1] ^= h->lanes[2] * 0xbf58476d1ce4e5b9u;
    h->lanes[3] ^= h->lanes[0] * 0x94d049bb133111ebu;
}

static void feed(hasher *h, hf_bytes piece)
{
    h->size += piece.size;
    while (piece.size) {
        if (!h->filled && piece.size >= BLOCK) {
            absorb(h, piece.data);
            piece.data += BLOCK;
            piece.size -= BLOCK;
            continue;
        }
        size_t take = BLOCK - h->filled < piece.size ? BLOCK - h->filled : piece.size;
        memcpy(h->block + h->filled, piece.data, take);
        h->filled += take;
        piece.data += take;
        piece.size -= take;
        if (h->filled < BLOCK) continue;
        absorb(h, h->block);
        h->filled = 0;
    }
}

void sim_hash(const hf_bytes *pieces, size_t count, uint8_t out[HF_HASH_SIZE])
{
    hasher h = {.lanes = {1, 2, 3, 4}};
    for (size_t i = 0; i < count; i++) feed(&h, pieces[i]);
    memset(h.block + h.filled, 0, BLOCK - h.filled);
    absorb(&h, h.block);
    h.lanes[0] ^= h.size; /* pieces may end anywhere: only all of it together counts */
    for (int round = 0; round < 2; round++)
        for (unsigned i = 0; i < 4; i++) h.lanes[i] = sim_mix(h.lanes[i] + h.lanes[(i + 1) & 3]);
    memcpy(out, h.lanes, HF_HASH_SIZE);
}

static void table_hash(void *context, const hf_bytes *pieces, size_t count,
                       uint8_t out[HF_HASH_SIZE])
{
    (void)context;
    sim_hash(pieces, count, out);
}

static hf_status table_random(void *context, uint8_t *out, size_t size)
{
    sim_random_fill(&((sim_crypto *)context)->random, out, size);
    return HF_OK;
}

static void signature_of(hf_bytes key, const uint8_t digest[HF_HASH_SIZE],
                         uint8_t signature[HF_SIGNATURE_SIZE])
{
    hf_bytes pieces[] = {{(const uint8_t *)"sign", 4}, key, {digest, HF_HASH_SIZE}};
    sim_hash(pieces, 3, signature);
    pieces[0].data = (const uint8_t *)"ngis";
    sim_hash(pieces, 3, signature + HF_HASH_SIZE);
}

static hf_status table_sign(void *context, const uint8_t digest[HF_HASH_SIZE],
                            uint8_t signature[HF_SIGNATURE_SIZE])
{
    const sim_crypto *crypto = context;
    signature_of((hf_bytes){crypto->key, SIM_KEY_SIZE}, digest, signature);
    return HF_OK;
}

static hf_status table_verify(void *context, hf_bytes public_key,
                              const uint8_t digest[HF_HASH_SIZE],
                              const uint8_t signature[HF_SIGNATURE_SIZE])
{
    (void)context;
    uint8_t expected[HF_SIGNATURE_SIZE];
    signature_of(public_key, digest, expected);
    return memcmp(expected, signature, sizeof expected) == 0 ? HF_OK : HF_ERR_PROTOCOL;
}

/* A seal: 65 bytes of chance, what is hidden under a stream that key and chance give, 16 of a tag.
 */
enum { SEAL_NONCE = 65, SEAL_TAG = HF_SEAL_SIZE - SEAL_NONCE };

static void hide(const uint8_t *key, const uint8_t *nonce, hf_bytes in, uint8_t *out)
{
    uint8_t stream[HF_HASH_SIZE];
    for (size_t at = 0; at < in.size; at++) {
        uint64_t block = at / sizeof stream;
        hf_bytes pieces[] = {
            {key, SIM_KEY_SIZE}, {nonce, SEAL_NONCE}, {(const uint8_t *)&block, sizeof block}};
        if (at % sizeof stream == 0) sim_hash(pieces, 3, stream);
        out[at] = in.data[at] ^ stream[at % sizeof stream];
    }
}

static void tag_of(const uint8_t *key, const uint8_t *nonce, hf_bytes beside, hf_bytes hidden,
                   uint8_t out[SEAL_TAG])
{
    uint8_t hash[HF_HASH_SIZE];
    hf_bytes pieces[] = {{(const uint8_t *)"tag", 3},
                         {key, SIM_KEY_SIZE},
                         {nonce, SEAL_NONCE},
                         {(const uint8_t *)&beside.size, sizeof beside.size},
                         beside,
                         hidden};
    sim_hash(pieces, sizeof pieces / sizeof *pieces, hash);
    memcpy(out, hash, SEAL_TAG);
}

static hf_status table_seal(void *context, hf_bytes public_key, hf_bytes beside, hf_bytes plain,
                            uint8_t *out)
{
    if (public_key.size != SIM_KEY_SIZE) return HF_ERR_INPUT;
    sim_random_fill(&((sim_crypto *)context)->random, out, SEAL_NONCE);
    hide(public_key.data, out, plain, out + SEAL_NONCE);
    tag_of(public_key.data, out, beside, (hf_bytes){out + SEAL_NONCE, plain.size},
           out + SEAL_NONCE + plain.size);
    return HF_OK;
}

static hf_status table_unseal(void *context, hf_bytes beside, hf_bytes sealed, uint8_t *out)
{
    const sim_crypto *crypto = context;
    uint8_t tag[SEAL_TAG];
    if (sealed.size < HF_SEAL_SIZE) return HF_ERR_PROTOCOL;
    hf_bytes hidden = {sealed.data + SEAL_NONCE, sealed.size - HF_SEAL_SIZE};
    tag_of(crypto->key, sealed.data, beside, hidden, tag);
    memset(out, 0, hidden.size);
    if (memcmp(tag, hidden.data + hidden.size, SEAL_TAG) != 0) return HF_ERR_PROTOCOL;
    hide(crypto->key, sealed.data, hidden, out);
    return HF_OK;
}

/* A certificate: "SIMC", whose it is, 3 bytes of nothing, the key, the name, from, until. */
static hf_status table_certificate(void *context, hf_bytes der, hf_certificate *out)
{
    (void)context;
    memset(out, 0, sizeof *out);
    if (der.size != SIM_CERTIFICATE_SIZE || memcmp(der.data, "SIMC", 4) != 0)
        return HF_ERR_PROTOCOL;
    out->is_hub = der.data[4] == SIM_CENTRE;
    out->is_station = der.data[4] == SIM_STATION;
    out->public_key_size = SIM_KEY_SIZE;
    memcpy(out->public_key, der.data + 8, SIM_KEY_SIZE);
    memcpy(out->name, der.data + NAME_AT, NAME_ROOM);
    out->name[NAME_ROOM] = 0;
    memcpy(&out->valid, der.data + VALID_AT, sizeof out->valid);
    hf_bytes key = {out->public_key, SIM_KEY_SIZE};
    sim_hash(&key, 1, out->key_id);
    return HF_OK;
}

void sim_certify(hf_bytes key, const char *name, sim_rank rank, hf_validity valid,
                 uint8_t out[SIM_CERTIFICATE_SIZE])
{
    _Static_assert(VALID_AT + sizeof valid == SIM_CERTIFICATE_SIZE, "all of it is used");
    size_t size = strlen(name);
    assert(key.size == SIM_KEY_SIZE && size < NAME_ROOM);
    memset(out, 0, SIM_CERTIFICATE_SIZE);
    memcpy(out, "SIMC", 4);
    out[4] = (uint8_t)rank;
    memcpy(out + 8, key.data, SIM_KEY_SIZE);
    memcpy(out + NAME_AT, name, size);
    memcpy(out + VALID_AT, &valid, sizeof valid);
}

hf_validity sim_crypto_validity(const sim_crypto *crypto)
{
    hf_validity valid;
    memcpy(&valid, crypto->certificate + VALID_AT, sizeof valid);
    return valid;
}

void sim_crypto_take(sim_crypto *crypto, hf_bytes certificate)
{
    assert(certificate.size == SIM_CERTIFICATE_SIZE);
    memcpy(crypto->certificate, certificate.data, SIM_CERTIFICATE_SIZE);
}

void sim_crypto_init(sim_crypto *crypto, uint64_t seed, const char *name, sim_rank rank)
{
    memset(crypto, 0, sizeof *crypto);
    hf_bytes label = {(const uint8_t *)name, strlen(name)};
    uint8_t hash[HF_HASH_SIZE];
    sim_hash(&label, 1, hash);
    uint64_t number;
    memcpy(&number, hash, sizeof number);
    crypto->random = sim_random_from(seed, number);
    sim_random_fill(&crypto->random, crypto->key, SIM_KEY_SIZE);
    sim_certify((hf_bytes){crypto->key, SIM_KEY_SIZE}, name, rank,
                (hf_validity){.until_ms = CENTURY_MS}, crypto->certificate);
    crypto->table = (hf_crypto){
        .context = crypto,
        .hash = table_hash,
        .random = table_random,
        .sign = table_sign,
        .verify = table_verify,
        .certificate = table_certificate,
        .seal = table_seal,
        .unseal = table_unseal,
        .own_certificate = {crypto->certificate, SIM_CERTIFICATE_SIZE},
    };
    hf_bytes key = {crypto->key, SIM_KEY_SIZE};
    sim_hash(&key, 1, crypto->table.own_key_id);
}
