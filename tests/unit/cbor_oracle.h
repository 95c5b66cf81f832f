/* cbor_oracle.h: is this one item of the holdfast profile? Decided by decoding and encoding again.
 *
 * Why a second opinion: the codec checks rules one by one. This knows no rule of canonical form: it
 * decodes as leniently as RFC 8949 allows into a flat list, writes the list again in the plain
 * way, and says yes if the bytes are the same. It shares no code with the codec. */
#ifndef HF_TEST_CBOR_ORACLE_H
#define HF_TEST_CBOR_ORACLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { ORACLE_NODES_MAX = 1024, ORACLE_DEPTH_MAX = 8 };

typedef struct oracle_node {
    uint8_t major;
    uint64_t argument;
    const uint8_t *data;  /* of a string */
    uint64_t children;    /* still to come, while reading */
    size_t parent, place; /* whose how manieth child; the root is its own parent */
    const uint8_t *start, *end;
} oracle_node;

/* The head at `at`, of any length; its size, or 0. */
static inline size_t oracle_head(const uint8_t *at, size_t left, oracle_node *out)
{
    if (left == 0) return 0;
    uint8_t info = at[0] & 31;
    out->major = at[0] >> 5;
    out->argument = info;
    if (info < 24) return 1;
    if (info > 27) return 0;
    size_t size = (size_t)1 << (info - 24);
    if (left < 1 + size) return 0;
    out->argument = 0;
    for (size_t i = 0; i < size; i++) out->argument = out->argument * 256 + at[1 + i];
    return 1 + size;
}

/* The shortest head there is: what fits in the fewest bytes. */
static inline size_t oracle_encode(uint8_t major, uint64_t argument, uint8_t out[9])
{
    size_t size = 0;
    if (argument >= 24) size = 1;
    while (size > 0 && size < 8 && argument >> (8 * size) != 0) size *= 2;
    static const uint8_t infos[9] = {0, 24, 25, 0, 26, 0, 0, 0, 27};
    out[0] = (uint8_t)(major * 32 + (size == 0 ? argument : infos[size]));
    for (size_t i = 0; i < size; i++) out[1 + i] = (uint8_t)(argument >> (8 * (size - 1 - i)));
    return 1 + size;
}

/* Decodes code points without care and encodes them again: only UTF-8 comes out as it went in. */
static inline bool oracle_utf8(const uint8_t *at, uint64_t size)
{
    const uint8_t *end = at + size;
    while (at < end) {
        size_t more = *at < 0x80 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
        if ((size_t)(end - at) <= more) return false;
        uint32_t point = more == 0 ? *at : *at & (0x3fU >> more);
        for (size_t i = 1; i <= more; i++) point = point << 6 | (at[i] & 0x3f);
        uint8_t again[4];
        if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
        size_t need = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
        static const uint8_t leads[4] = {0, 0xc0, 0xe0, 0xf0};
        again[0] = (uint8_t)(leads[need] | point >> (6 * need));
        for (size_t i = 1; i <= need; i++)
            again[i] = (uint8_t)(0x80 | (point >> (6 * (need - i)) & 0x3f));
        if (need != more || memcmp(again, at, 1 + need) != 0) return false;
        at += 1 + need;
    }
    return true;
}

static inline bool oracle_in_profile(const oracle_node *node)
{
    if (node->major == 1) return node->argument <= INT64_MAX;
    if (node->major == 3) return oracle_utf8(node->data, node->argument);
    if (node->major == 7) return node->argument >= 20 && node->argument <= 22;
    return node->major != 6;
}

static inline int oracle_compare(const oracle_node *a, const oracle_node *b)
{
    size_t a_size = (size_t)(a->end - a->start), b_size = (size_t)(b->end - b->start);
    int order = memcmp(a->start, b->start, a_size < b_size ? a_size : b_size);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

/* Every key is a uint or text, and each is greater than the one before it in the same map. */
static inline bool oracle_keys(const oracle_node *nodes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const oracle_node *key = &nodes[i];
        if (nodes[key->parent].major != 5 || key->place % 2 != 0) continue;
        if (key->major != 0 && key->major != 3) return false;
        for (size_t k = key->parent + 1; k < i; k++) { /* against all of them: slow and plain */
            bool is_rival = nodes[k].parent == key->parent && nodes[k].place % 2 == 0;
            if (is_rival && oracle_compare(&nodes[k], key) >= 0) return false;
        }
    }
    return true;
}

/* Reads one node at `at`. False: it is not well-formed, or not of the profile. */
static inline bool oracle_read(const uint8_t **at, const uint8_t *end, oracle_node *node)
{
    size_t size = oracle_head(*at, (size_t)(end - *at), node);
    if (size == 0) return false;
    node->start = *at;
    *at += size;
    node->data = *at;
    if (node->major == 2 || node->major == 3) {
        if (node->argument > (uint64_t)(end - *at)) return false;
        *at += node->argument;
    }
    node->end = *at;
    uint64_t left = (uint64_t)(end - *at);
    node->children = 0;
    if (node->major == 4 || node->major == 5) {
        if (node->argument > left) return false;
        node->children = node->argument * (node->major == 5 ? 2 : 1);
    }
    uint8_t again[9]; /* encode: the head must come out as it stood */
    if (oracle_encode(node->major, node->argument, again) != size) return false;
    return memcmp(again, node->start, size) == 0 && oracle_in_profile(node);
}

/* True: `bytes` is exactly one item of the profile, nested ORACLE_DEPTH_MAX deep at most. Inputs of
 * more than ORACLE_NODES_MAX bytes are the caller's mistake. */
static inline bool oracle_accepts(const uint8_t *bytes, size_t size)
{
    oracle_node nodes[ORACLE_NODES_MAX];
    size_t count = 0, open = 0, depth = 0; /* `open`: the innermost container not yet full */
    const uint8_t *at = bytes, *end = bytes + size;
    do {
        if (count == ORACLE_NODES_MAX) return false;
        oracle_node *node = &nodes[count];
        if (!oracle_read(&at, end, node)) return false;
        node->parent = count == 0 ? 0 : open;
        node->place = 0;
        if (count > 0) {
            oracle_node *parent = &nodes[open];
            uint64_t all = parent->argument * (parent->major == 5 ? 2 : 1);
            node->place = (size_t)(all - parent->children);
            parent->children--;
        }
        bool is_container = node->major == 4 || node->major == 5;
        if (is_container && depth + 1 > ORACLE_DEPTH_MAX) return false;
        if (node->children > 0) {
            open = count;
            depth++;
        }
        count++;
        while (depth > 0 && nodes[open].children == 0) {
            nodes[open].end = at;
            open = nodes[open].parent;
            depth--;
        }
    } while (depth > 0);
    return at == end && oracle_keys(nodes, count);
}

#endif
