/* mutate.c: see mutate.h.
 *
 * Why splicing and not a tree: in CBOR an item's bytes are all there is to it, and only the count
 * of the array or map that holds it has to follow. */
#include "mutate.h"

#include "harness.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NODES_MAX = 4096, DEPTH_MAX = 64, HEAD_MAX = 9, SALT_SIZE = 8 };
enum { UINT, NINT, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };

typedef struct node {
    size_t at, head, end; /* where it begins; bytes of its head; where it ends, content included */
    uint64_t argument;
    uint8_t major;
    int parent; /* -1: none */
} node;

typedef struct tree {
    node nodes[NODES_MAX];
    int count;
} tree;

typedef struct chance {
    uint64_t state;
} chance;

static uint32_t draw(chance *from, uint32_t below)
{
    from->state = from->state * 6364136223846793005u + 1442695040888963407u;
    return below ? (uint32_t)(from->state >> 33) % below : 0;
}

/* ---- reading and writing heads ---- */

static bool read_head(const uint8_t *data, size_t size, size_t at, node *out)
{
    if (at >= size) return false;
    uint8_t low = data[at] & 0x1f;
    size_t more = low < 24 ? 0 : low == 24 ? 1 : low == 25 ? 2 : low == 26 ? 4 : 8;
    if (low > 27 || more > size - at - 1) return false;
    *out =
        (node){.at = at, .head = 1 + more, .major = data[at] >> 5, .argument = low, .parent = -1};
    if (more) out->argument = 0;
    for (size_t i = 0; i < more; i++) out->argument = out->argument << 8 | data[at + 1 + i];
    return true;
}

static size_t write_head(uint8_t out[HEAD_MAX], uint8_t major, uint64_t argument)
{
    size_t more = argument < 24 ? 0 : argument < 0x100 ? 1 : argument < 0x10000 ? 2 : 4;
    if (argument > UINT32_MAX) more = 8;
    uint8_t low = more == 0 ? (uint8_t)argument : more == 1 ? 24 : more == 2 ? 25 : 26;
    if (more == 8) low = 27;
    out[0] = (uint8_t)(major << 5 | low);
    for (size_t i = 0; i < more; i++) out[1 + i] = (uint8_t)(argument >> (8 * (more - 1 - i)));
    return 1 + more;
}

/* Takes one item apart; false when it is not whole. */
static bool parse(const uint8_t *data, size_t size, size_t at, tree *out)
{
    uint64_t left[DEPTH_MAX];
    int open[DEPTH_MAX], depth = 0;
    out->count = 0;
    do {
        node *next = &out->nodes[out->count];
        if (out->count == NODES_MAX || !read_head(data, size, at, next)) return false;
        next->parent = depth ? open[depth - 1] : -1;
        at += next->head;
        bool holds = next->major == ARRAY || next->major == MAP;
        bool is_string = next->major == BYTES || next->major == TEXT;
        if (is_string && next->argument > size - at) return false;
        if (is_string) at += next->argument;
        if (holds && next->argument > size) return false;
        next->end = at;
        int index = out->count++;
        if (depth) left[depth - 1]--;
        if (holds && next->argument) {
            if (depth == DEPTH_MAX) return false;
            open[depth] = index;
            left[depth++] = next->argument * (next->major == MAP ? 2 : 1);
        }
        while (depth && left[depth - 1] == 0) out->nodes[open[--depth]].end = at;
    } while (depth);
    return true;
}

/* ---- changing ---- */

typedef struct splice { /* bytes [at, end) become `size` bytes of `with` */
    size_t at, end;
    const uint8_t *with;
    size_t size;
} splice;

static size_t apply(uint8_t *data, size_t size, size_t room, const splice *change)
{
    size_t tail = size - change->end, made = change->at + change->size + tail;
    if (made > room) return size;
    memmove(data + change->at + change->size, data + change->end, tail);
    if (change->size) memcpy(data + change->at, change->with, change->size);
    return made;
}

/* The holder's count follows: `more` items were added behind its head. */
static size_t count_on(uint8_t *data, size_t size, size_t room, const node *holder, int64_t more)
{
    uint8_t head[HEAD_MAX];
    if (holder->major != ARRAY) return size; /* a map's pairs: then it is malformed, as it may be */
    size_t head_size = write_head(head, ARRAY, holder->argument + (uint64_t)more);
    splice change = {holder->at, holder->at + holder->head, head, head_size};
    return apply(data, size, room, &change);
}

static uint64_t telling_number(chance *from, uint64_t now)
{
    static const uint64_t EDGES[] = {0,        1,          2,          23,         24,
                                     64,       255,        256,        1024,       4096,
                                     65535,    65536,      1u << 20,   0x7fffffff, 0x80000000,
                                     1u << 18, UINT32_MAX, 1ull << 32, INT64_MAX,  UINT64_MAX};
    switch (draw(from, 4)) {
    case 0: return now + 1;
    case 1: return now - 1;
    case 2: return now ^ 1ull << draw(from, 64);
    default: return EDGES[draw(from, sizeof EDGES / sizeof *EDGES)];
    }
}

static size_t change_number(uint8_t *data, size_t size, size_t room, const node *item, chance *from)
{
    uint8_t head[HEAD_MAX];
    uint8_t major = draw(from, 8) == 0 ? (uint8_t)(item->major ^ 1) : item->major;
    size_t head_size = write_head(head, major, telling_number(from, item->argument));
    splice change = {item->at, item->at + item->head, head, head_size};
    return apply(data, size, room, &change);
}

static size_t change_string(uint8_t *data, size_t size, size_t room, const node *item, chance *from)
{
    uint8_t content[4096 + HEAD_MAX], *text = content + HEAD_MAX;
    size_t length = (size_t)item->argument;
    if (length > 4096) return size;
    memcpy(text, data + item->at + item->head, length);
    size_t salt = draw(from, 2) ? SALT_SIZE : 0; /* a part's operations stand behind its salt */
    if (item->major == BYTES && length > salt && draw(from, 4) != 0)
        length = salt + mutate_cbor(text + salt, length - salt, 4096 - salt, draw(from, 1u << 31));
    else
        length = LLVMFuzzerMutate(text, length, 4096);
    uint8_t head[HEAD_MAX];
    size_t head_size = write_head(head, item->major, length);
    memcpy(text - head_size, head, head_size);
    splice change = {item->at, item->end, text - head_size, head_size + length};
    return apply(data, size, room, &change);
}

static size_t remove_item(uint8_t *data, size_t size, size_t room, const tree *items,
                          const node *item)
{
    if (item->parent < 0) return size;
    splice change = {item->at, item->end, NULL, 0};
    size = apply(data, size, room, &change);
    return count_on(data, size, room, &items->nodes[item->parent], -1);
}

/* Another item in its place, or (`beside`) behind it, up to many times. */
static size_t copy_item(uint8_t *data, size_t size, size_t room, const tree *items, int at,
                        bool beside, chance *from)
{
    const node *item = &items->nodes[at];
    const node *other = beside && draw(from, 2) ? item : &items->nodes[draw(from, items->count)];
    size_t length = other->end - other->at;
    uint32_t times = beside && draw(from, 4) == 0 ? 1 + draw(from, 300) : 1;
    if (length * times > room || (beside && item->parent < 0)) return size;
    uint8_t *copies = malloc(length * times + 1);
    if (!copies) return size;
    for (uint32_t i = 0; i < times; i++) memcpy(copies + i * length, data + other->at, length);
    splice change = {beside ? item->end : item->at, item->end, copies, length * times};
    size_t made = apply(data, size, room, &change);
    bool fits = change.at + change.size + (size - change.end) <= room;
    if (beside && fits) made = count_on(data, made, room, &items->nodes[item->parent], times);
    free(copies);
    return made;
}

static size_t replace_item(uint8_t *data, size_t size, size_t room, const node *item, chance *from)
{
    static const uint8_t OTHERS[] = {0xf4, 0xf5, 0xf6, 0xf7, 0x00, 0x20, 0x40, 0x60, 0x80, 0xa0};
    splice change = {item->at, item->end, &OTHERS[draw(from, sizeof OTHERS)], 1};
    return apply(data, size, room, &change);
}

/* One more array around it, or many: depth is a limit too. */
static size_t wrap_item(uint8_t *data, size_t size, size_t room, const node *item, chance *from)
{
    uint8_t heads[16];
    memset(heads, 0x81, sizeof heads);
    splice change = {item->at, item->at, heads, 1 + draw(from, draw(from, 4) ? 2 : sizeof heads)};
    return apply(data, size, room, &change);
}

/* A head that says another length than there is. */
static size_t lie(uint8_t *data, size_t size, size_t room, const node *item, chance *from)
{
    uint8_t head[HEAD_MAX];
    size_t head_size = write_head(head, item->major, telling_number(from, item->argument));
    splice change = {item->at, item->at + item->head, head, head_size};
    return apply(data, size, room, &change);
}

size_t mutate_cbor(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    chance from = {.state = seed * 2654435761u + 1};
    (void)draw(&from, 1);
    tree *items = malloc(sizeof *items);
    if (!items || size == 0 || !parse(data, size, 0, items) || draw(&from, 16) == 0) {
        free(items);
        return LLVMFuzzerMutate(data, size, room);
    }
    int at = (int)draw(&from, (uint32_t)items->count);
    const node *item = &items->nodes[at];
    bool is_number = item->major == UINT || item->major == NINT;
    bool is_string = item->major == BYTES || item->major == TEXT;
    size_t made = size;
    switch (draw(&from, 10)) {
    case 0: made = remove_item(data, size, room, items, item); break;
    case 1: made = copy_item(data, size, room, items, at, true, &from); break;
    case 2: made = copy_item(data, size, room, items, at, false, &from); break;
    case 3: made = replace_item(data, size, room, item, &from); break;
    case 4: made = draw(&from, 4) ? size : wrap_item(data, size, room, item, &from); break;
    case 5: made = draw(&from, 4) ? size : lie(data, size, room, item, &from); break;
    default:
        if (is_number) made = change_number(data, size, room, item, &from);
        if (is_string) made = change_string(data, size, room, item, &from);
    }
    free(items);
    return made;
}

/* ---- chunks ---- */

typedef struct chunk {
    size_t at, end; /* with its length */
} chunk;

enum { CHUNKS_MAX = 256 };

static size_t chunks_of(const uint8_t *data, size_t size, chunk out[CHUNKS_MAX])
{
    size_t count = 0, at = 1;
    while (count < CHUNKS_MAX && size > at && size - at >= 2) {
        size_t length = (size_t)data[at] | (size_t)data[at + 1] << 8;
        size_t end = at + 2 + (length == MUTATE_MARK ? 0 : length);
        if (end > size) end = size;
        out[count++] = (chunk){at, end};
        at = end;
    }
    return count;
}

static size_t change_chunk(uint8_t *data, size_t size, size_t room, const chunk *it, chance *from)
{
    size_t length = it->end - it->at - 2, spare = room - size;
    if (length == 0 || length > 32 * 1024) return LLVMFuzzerMutate(data, size, room);
    if (spare > 16 * 1024) spare = 16 * 1024;
    uint8_t *changed = malloc(2 + length + spare);
    if (!changed) return size;
    memcpy(changed + 2, data + it->at + 2, length);
    length = mutate_cbor(changed + 2, length, length + spare, draw(from, 1u << 31));
    changed[0] = (uint8_t)length;
    changed[1] = (uint8_t)(length >> 8);
    splice change = {it->at, it->end, changed, 2 + length};
    size = apply(data, size, room, &change);
    free(changed);
    return size;
}

size_t mutate_chunks(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    static const uint8_t MARK[] = {0xff, 0xff};
    chance from = {.state = seed * 2654435761u + 1};
    chunk chunks[CHUNKS_MAX];
    (void)draw(&from, 1);
    size_t count = size ? chunks_of(data, size, chunks) : 0;
    if (count == 0 || draw(&from, 32) == 0) return LLVMFuzzerMutate(data, size, room);
    chunk it = chunks[draw(&from, (uint32_t)count)], to = chunks[draw(&from, (uint32_t)count)];
    splice change = {it.at, it.at, MARK, sizeof MARK};
    switch (draw(&from, 12)) {
    case 0: change = (splice){it.at, it.end, NULL, 0}; break;
    case 1: break;
    case 2:
    case 3: { /* a copy of it somewhere else */
        uint8_t *copy = malloc(it.end - it.at);
        if (!copy) return size;
        memcpy(copy, data + it.at, it.end - it.at);
        change = (splice){to.at, to.at, copy, it.end - it.at};
        size = apply(data, size, room, &change);
        free(copy);
        return size;
    }
    default: return change_chunk(data, size, room, &it, &from);
    }
    return apply(data, size, room, &change);
}
