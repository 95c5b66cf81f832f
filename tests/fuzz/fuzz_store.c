/* fuzz_store.c: a store whose files the disk gave back wrong: opened, read, verified, written to.
 *
 * The first byte says whose store and whether it was closed in order or cut off, with its log of
 * changes beside it; then eight bytes for each wound: file and kind, where (3), how much, what (3).
 * A wound may be noticed anywhere, but never crash, never hang, and never be taken for truth: a
 * store that lets itself be written to and finds no fault holds what it held, to the byte, and its
 * next write has a name that no other write has. */
#include "harness.h"
#include "world.h"

#include "sim_vfs_private.h"
#include "sync/feed.h"
#include "sync/merge.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_MAX = 64, WOUND_SIZE = 8, WOUNDS_MAX = 32, PAGE = 4096 };
enum { FILE_STORE, FILE_LOG, FILE_GUARD, FILE_COUNT };

typedef struct held { /* an entry, as it must be found again */
    hf_dot dot;
    uint8_t hash[HF_HASH_SIZE];
} held;

typedef struct scene { /* one store, before it is hurt */
    pair_node *node;
    hf_origin_id own; /* what it is called */
    sim_image *image;
    held entries[HELD_MAX];
    size_t count;
    uint64_t waiting;
} scene;

static void hash_of(const hf_entry *entry, uint8_t out[HF_HASH_SIZE])
{
    sim_hash(&entry->body, 1, out);
}

static hf_status keep_entry(void *context, const hf_entry *entry)
{
    scene *s = context;
    assert(s->count < HELD_MAX);
    held *to = &s->entries[s->count++];
    to->dot = entry->dot;
    hash_of(entry, to->hash);
    return HF_OK;
}

/* `cut`: as a flat battery leaves it, its last writes still in the log beside it. */
static void scene_make(fuzz_world *world, scene *s, world_node *from, bool cut)
{
    (void)fuzz_world_fresh(world, from);
    s->node = from->node;
    s->own = hf_store_own_origin(s->node->store)->id;
    if (cut && from != &world->hub) (void)pair_crime(world->pair, 0, "In the log");
    hf_standing standing;
    hf_status status = hf_feed_read(s->node->store, 0, HELD_MAX, keep_entry, s);
    if (status == HF_OK) status = hf_store_standing(s->node->store, &standing);
    assert(status == HF_OK);
    s->waiting = standing.waiting;
    if (!cut) pair_shut(world->pair, s->node);
    s->image = sim_disk_copy(s->node->disk, cut ? "-shm" : "-wal");
    assert(s->image);
    pair_shut(world->pair, s->node);
}

static scene *scenes(void)
{
    static scene made[4];
    static bool ready;
    if (ready) return made;
    fuzz_world *world = fuzz_world_get();
    scene_make(world, &made[0], &world->edges[0], false);
    scene_make(world, &made[1], &world->edges[0], true);
    scene_make(world, &made[2], &world->hub, false);
    scene_make(world, &made[3], &world->hub, true);
    ready = true;
    return made;
}

/* ---- wounds ---- */

static sim_file *file_of(const scene *s, unsigned which)
{
    static const char *const ends[FILE_COUNT] = {"", "-wal", ".guard"};
    char name[SIM_FILE_NAME_SIZE];
    (void)snprintf(name, sizeof name, "%s.db%s", s->node->name, ends[which]);
    return sim_file_find(s->node->disk, name);
}

static void hurt(sim_file *file, unsigned kind, size_t at, const uint8_t wound[WOUND_SIZE])
{
    uint8_t bytes[PAGE];
    size_t size = 1 + wound[4], left = file->now.size - at;
    memset(bytes, wound[5], sizeof bytes);
    if (size > left) size = left;
    switch (kind) {
    case 0: /* one bit */
        bytes[0] = file->now.data[at] ^ (uint8_t)(1u << wound[4] % 8);
        (void)sim_file_write(file, at, bytes, 1);
        break;
    case 1: (void)sim_file_write(file, at, wound + 5, left < 3 ? left : 3); break;
    case 2: (void)sim_file_write(file, at, bytes, size); break; /* a run of one value */
    case 3: (void)sim_file_truncate(file, at); break;
    case 4: /* what stands at another page's place */
        at = at / PAGE * PAGE;
        size = (size_t)(wound[5] | wound[6] << 8) * PAGE % file->now.size / PAGE * PAGE;
        if (file->now.size - at < PAGE || file->now.size - size < PAGE) break;
        memcpy(bytes, file->now.data + size, PAGE);
        (void)sim_file_write(file, at, bytes, PAGE);
        break;
    case 5: file->exists = false; break;
    default: /* a sector that was never written */
        at = at / 512 * 512;
        left = file->now.size - at;
        memset(bytes, 0, 512);
        (void)sim_file_write(file, at, bytes, left < 512 ? left : 512);
    }
}

/* Returns a bit for each file that was hurt. */
static unsigned hurt_all(const scene *s, const uint8_t *data, size_t size)
{
    unsigned touched = 0;
    for (size_t i = 0; i < WOUNDS_MAX && size >= WOUND_SIZE; i++) {
        unsigned which = data[0] % 4 % FILE_COUNT, kind = data[0] / 4 % 7;
        sim_file *file = file_of(s, which);
        size_t at = (size_t)data[1] | (size_t)data[2] << 8 | (size_t)data[3] << 16;
        if (file && file->now.size) {
            hurt(file, kind, at % file->now.size, data);
            touched |= 1u << which;
        }
        data += WOUND_SIZE;
        size -= WOUND_SIZE;
    }
    return touched;
}

static bool same_dot(const hf_dot *a, const hf_dot *b)
{
    return hf_dot_compare(a, b) == 0;
}

/* ---- what may be done with it ---- */

static hf_status visit_record(void *context, const hf_record_id *id, uint32_t scope, bool deleted)
{
    hf_store *store = context;
    hf_view *view = NULL;
    (void)scope;
    (void)deleted;
    hf_status status = hf_store_get(store, id, &view);
    hf_view_free(view);
    return status == HF_ERR_NOT_FOUND ? HF_OK : status;
}

static hf_status visit_conflict(void *context, const hf_conflict *conflict)
{
    (void)conflict;
    (*(size_t *)context)++;
    return HF_OK;
}

static hf_status visit_entry(void *context, const hf_entry *entry)
{
    (*(size_t *)context) += entry->body.size;
    return HF_OK;
}

/* Everything that a person or a peer can ask of it. */
static void read_all(hf_store *store)
{
    size_t seen = 0;
    uint8_t digest[HF_HASH_SIZE];
    hf_standing standing;
    hf_scope_view scopes[8];
    size_t scope_count = 8;
    (void)!hf_store_standing(store, &standing);
    (void)!hf_store_list(store, 0, NULL, 100, visit_record, store);
    (void)!hf_store_find(store, (hf_bytes){(const uint8_t *)"window", 6}, 10, visit_record, store);
    (void)!hf_store_conflicts(store, visit_conflict, &seen);
    (void)!hf_feed_read(store, 0, 100, visit_entry, &seen);
    (void)!hf_store_digest(store, 2, digest);
    (void)!hf_store_scopes(store, scopes, &scope_count);
    (void)hf_store_problem(store);
}

static hf_status write_one(fuzz_world *world, hf_store *store, hf_dot *dot)
{
    hf_author author = {
        .actor = "PC 4411 Rees", .wall_ms = pair_wall_ms(world->pair), .quality = 3};
    hf_txn *txn = NULL;
    hf_scope_view scope;
    size_t scope_count = 1, dot_count = 1;
    static const uint8_t value[] = {0x63, 'n', 'e', 'w'};
    hf_status status = hf_store_scopes(store, &scope, &scope_count);
    if (status == HF_OK && scope_count == 0) return HF_ERR_DENIED;
    if (status == HF_OK) status = hf_txn_begin(store, &author, &txn);
    hf_change change = {.record = {.type = 16},
                        .scope = scope.number,
                        .field = 27,
                        .kind = HF_CHANGE_SET,
                        .value = {value, sizeof value}};
    if (status == HF_OK) status = hf_txn_new_id(txn, 16, &change.record);
    if (status == HF_OK) status = hf_txn_change(txn, &change);
    if (status == HF_OK) return hf_txn_commit(txn, dot, &dot_count);
    hf_txn_rollback(txn);
    return status;
}

typedef struct comparing {
    const scene *scene;
    const hf_dot *written;
    size_t found;
} comparing;

static hf_status compare_entry(void *context, const hf_entry *entry)
{
    comparing *with = context;
    uint8_t hash[HF_HASH_SIZE];
    if (same_dot(&entry->dot, with->written)) return HF_OK;
    hash_of(entry, hash);
    for (size_t i = 0; i < with->scene->count; i++) {
        const held *was = &with->scene->entries[i];
        if (!same_dot(&was->dot, &entry->dot)) continue;
        assert(memcmp(was->hash, hash, sizeof hash) == 0); /* what it says, it said before */
        with->found++;
    }
    return HF_OK;
}

/* It was written to and says that it is whole. Is it? A hub that took another name says by that
 * that it was set back: of a file that is gone its fence file knows what it decided, no more. */
static void believe(const scene *s, hf_store *store, unsigned touched, const hf_dot *written)
{
    const hf_origin_id *name = &hf_store_own_origin(store)->id;
    if (s->node == &fuzz_world_get()->pair->hub_node && memcmp(name, &s->own, sizeof *name) != 0)
        return;
    comparing with = {.scene = s, .written = written};
    hf_standing standing;
    hf_status status = hf_feed_read(store, 0, HELD_MAX, compare_entry, &with);
    if (status == HF_OK) status = hf_store_standing(store, &standing);
    assert(status == HF_OK);
    /* SQLite takes a log of changes only as far as its checksums hold: what followed is gone, as
     * it is when a disk never wrote it. The hub notices, at HELLO. */
    if (touched & 1u << FILE_LOG) return;
    assert(with.found == s->count);
    assert(standing.waiting >= s->waiting); /* nothing counts as sent that was not */
    for (size_t i = 0; i < s->count; i++) assert(!same_dot(&s->entries[i].dot, written));
}

void fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 1) return;
    fuzz_world *world = fuzz_world_get();
    scene *s = &scenes()[data[0] % 4];
    char problem[512] = "";
    hf_store *store = NULL;
    sim_disk_revive(s->node->disk, false);
    bool restored = sim_disk_restore(s->node->disk, s->image);
    assert(restored);
    sim_file *guard = file_of(s, FILE_GUARD);
    assert(guard);
    unsigned touched = hurt_all(s, data + 1, size - 1);
    char path[32];
    (void)snprintf(path, sizeof path, "%s.db", s->node->name);
    hf_store_options options = {.path = path,
                                .vfs = sim_disk_name(s->node->disk),
                                .crypto = &s->node->crypto.table,
                                .is_hub = s->node == &world->pair->hub_node};
    fuzz_count_from_here();
    hf_status status = hf_store_open(&options, &store, problem, sizeof problem);
    if (status != HF_OK) {
        assert(problem[0] && !store); /* whoever is refused is told why */
        return;
    }
    hf_dot written = {.seq = 0};
    hf_verify_report report;
    read_all(store);
    status = write_one(world, store, &written);
    if (status == HF_OK && hf_store_verify(store, &report) == HF_OK && report.faults == 0)
        believe(s, store, touched, &written);
    hf_store_close(store);
}
