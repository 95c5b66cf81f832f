/* item.c: whole CBOR items: nesting, key order, and which values holdfast has (protocol.md 1).
 *
 * Why its own file: this is the check that everything from outside passes before it is stored,
 * hashed or relayed, so it stands on one screen, a loop over heads with a bounded stack. */
#include "codec_head.h"

#include <assert.h>

enum {
    TAG_BIGNUM = 2,
    TAG_NEGATIVE_BIGNUM = 3,
    BIGNUM_SIZE_MIN = 9 /* what fits in 8 bytes is an integer */
};

static bool malformed(hf_reader *reader)
{
    hf_reader_fail(reader, HF_ERR_PROTOCOL);
    return false;
}

typedef struct level { /* one container that is open */
    uint64_t left;     /* items still to come; a map's keys count too, so even means a key */
    bool is_map;
    const uint8_t *item; /* where the map's current key began */
    hf_bytes key;        /* the one before it; data NULL: none yet */
} level;

typedef struct walk {
    hf_reader *reader;
    bool generic; /* all of deterministic CBOR, not only the holdfast profile */
    size_t depth;
    level levels[HF_CBOR_DEPTH_MAX];
} walk;

static bool walk_at_key(const walk *w)
{
    const level *top = w->depth > 0 ? &w->levels[w->depth - 1] : NULL;
    return top != NULL && top->is_map && top->left % 2 == 0;
}

static bool walk_open(walk *w, uint64_t items, bool is_map)
{
    if (w->depth >= w->reader->depth) {
        hf_reader_fail(w->reader, HF_ERR_LIMIT);
        return false;
    }
    w->levels[w->depth++] = (level){items, is_map, NULL, {NULL, 0}};
    return true;
}

/* RFC 8949 3.4.3: preferred serialization has no leading zero, and no bignum for an integer. */
static bool walk_bignum(walk *w)
{
    hf_cbor_head content;
    if (!hf_take_kind(w->reader, HF_KIND_BYTES, &content)) return false;
    if (content.argument < BIGNUM_SIZE_MIN || content.data[0] == 0) return malformed(w->reader);
    return true;
}

/* A head whose kind the profile does not have. */
static bool walk_other(walk *w, const hf_cbor_head *next)
{
    if (!w->generic) return malformed(w->reader);
    /* Floats and simple values were checked whole with their head. */
    if (next->initial >> 5 != HF_CBOR_MAJOR_TAG) return true;
    if (next->argument == TAG_BIGNUM || next->argument == TAG_NEGATIVE_BIGNUM)
        return walk_bignum(w);
    return walk_open(w, 1, false);
}

/* Takes one head in; opens a level if it is of a container. */
static bool walk_head(walk *w)
{
    hf_reader *reader = w->reader;
    bool is_key = walk_at_key(w);
    if (is_key) w->levels[w->depth - 1].item = reader->at;
    hf_cbor_head next;
    if (!hf_take_head(reader, &next)) return false;
    if (is_key && !w->generic && next.kind != HF_KIND_UINT && next.kind != HF_KIND_TEXT)
        return malformed(reader);
    switch (next.kind) {
    case HF_KIND_UINT:
    case HF_KIND_BYTES:
    case HF_KIND_BOOL:
    case HF_KIND_NULL: return true;
    case HF_KIND_NINT: return w->generic || next.argument <= INT64_MAX || malformed(reader);
    case HF_KIND_TEXT:
        return hf_utf8_valid((hf_bytes){next.data, (size_t)next.argument}) || malformed(reader);
    case HF_KIND_ARRAY:
    case HF_KIND_MAP: {
        bool is_map = next.kind == HF_KIND_MAP;
        if (!hf_count_is_possible(reader, &next)) return malformed(reader);
        return walk_open(w, is_map ? next.argument * 2 : next.argument, is_map);
    }
    case HF_KIND_UNDEFINED: return w->generic || malformed(reader);
    case HF_KIND_OTHER: return walk_other(w, &next);
    case HF_KIND_END: break;
    }
    return malformed(reader);
}

/* A key has been read to its end: each must come after the one before, so none comes twice. */
static bool walk_key_done(walk *w, level *map)
{
    hf_bytes key = {map->item, (size_t)(w->reader->at - map->item)};
    if (map->key.data != NULL && hf_bytes_compare(map->key, key) >= 0) return malformed(w->reader);
    map->key = key;
    return true;
}

/* Closes every level that is full now. An empty container closes at once; else the item just read
 * counts in the level around it. */
static bool walk_close(walk *w, bool opened)
{
    if (opened && w->levels[w->depth - 1].left > 0) return true;
    if (opened) w->depth--;
    while (w->depth > 0) {
        level *top = &w->levels[w->depth - 1];
        if (top->is_map && top->left % 2 == 0 && !walk_key_done(w, top)) return false;
        if (--top->left > 0) return true;
        w->depth--;
    }
    return true;
}

/* Iterative: what nests the items is the peer, and it shall not spend our stack. */
static void walk_item(hf_reader *reader, bool generic)
{
    walk w; /* not cleared: levels are written as they open, and clearing costs as much as a read */
    w.reader = reader;
    w.generic = generic;
    w.depth = 0;
    assert(reader->depth <= HF_CBOR_DEPTH_MAX);
    do {
        size_t before = w.depth;
        if (!walk_head(&w)) return;
        if (!walk_close(&w, w.depth > before)) return;
    } while (w.depth > 0);
}

hf_bytes hf_read_item(hf_reader *reader)
{
    const uint8_t *start = reader->at;
    walk_item(reader, false);
    if (reader->status != HF_OK) return (hf_bytes){NULL, 0};
    return (hf_bytes){start, (size_t)(reader->at - start)};
}

hf_status hf_cbor_check_generic(hf_bytes bytes)
{
    hf_reader reader = hf_reader_open(bytes);
    walk_item(&reader, true);
    return hf_reader_end(&reader);
}

hf_status hf_cbor_check_profile(hf_bytes bytes)
{
    hf_reader reader = hf_reader_open(bytes);
    walk_item(&reader, false);
    return hf_reader_end(&reader);
}
