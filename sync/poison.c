/* poison.c: knows the entry that ended the program, and does not apply it again.
 *
 * Why: the peer that sent it sends it again, since it was never acknowledged. An assertion that one
 * entry can trip would be a crash loop at every node that the entry reaches, and all of nine forces
 * behind it would wait.
 *
 * A small file beside the store says what is being applied: first only that something is. When the
 * program falls in the middle, the next one applies what comes one by one for a while and writes
 * down the name of each before it looks at it; if it falls again, the name that stands there is the
 * culprit's. Its hash is kept in the store for good, and the entry becomes a hole like any other
 * that is withheld. The file is never synced: a program's end loses nothing that was written, and
 * the loss of power is nobody's fault. A program that was killed leaves the file too: whether there
 * was a fault, only the one that opens the store can know. */
#include "store_core.h"

#include "messages.h"

#include <assert.h>
#include <string.h>

enum { MARKER_SIZE = 72, AT_STAGE = 0, AT_LANE = 1, AT_SEQ = 8, AT_ORIGIN = 16, AT_HASH = 32 };
enum { STAGE_NOTHING = 0, STAGE_BATCH = 1, STAGE_ENTRY = 2 };

static const char SUFFIX[] = ".applying", META[] = "blamed";

_Static_assert(AT_HASH + HF_HASH_SIZE + 8 == MARKER_SIZE, "eight bytes are left for the sum");

static void marker_sum(const hf_store *store, const uint8_t *marker, uint8_t sum[8])
{
    uint8_t hash[HF_HASH_SIZE];
    hf_bytes piece = {marker, MARKER_SIZE - 8};
    store->crypto->hash(store->crypto->context, &piece, 1, hash);
    memcpy(sum, hash, 8);
}

/* A marker that cannot be written leaves this entry without its guard, as all were before there was
 * one; that is no reason to refuse it. */
static void marker_write(hf_store *store, uint8_t stage, const hf_dot *dot, const uint8_t *hash)
{
    hf_beside *marker = &store->poison.marker;
    uint8_t bytes[MARKER_SIZE] = {stage};
    if (dot) {
        bytes[AT_LANE] = dot->lane;
        memcpy(bytes + AT_SEQ, &dot->seq, sizeof dot->seq);
        memcpy(bytes + AT_ORIGIN, dot->origin.bytes, HF_ORIGIN_SIZE);
        memcpy(bytes + AT_HASH, hash, HF_HASH_SIZE);
    }
    marker_sum(store, bytes, bytes + MARKER_SIZE - 8);
    if (!marker->file && hf_beside_open(store, SUFFIX, marker) != HF_OK) return;
    int code = marker->file->pMethods->xWrite(marker->file, bytes, MARKER_SIZE, 0);
    store->poison.marked = code == SQLITE_OK && stage != STAGE_NOTHING;
}

/* All zero when nothing was being applied, or what stands there is not whole. */
static hf_status marker_read(hf_store *store, uint8_t bytes[MARKER_SIZE])
{
    uint8_t sum[8];
    hf_beside *marker = &store->poison.marker;
    hf_status status = hf_beside_open(store, SUFFIX, marker);
    if (status != HF_OK) return status;
    int code = marker->file->pMethods->xRead(marker->file, bytes, MARKER_SIZE, 0);
    if (code == SQLITE_OK) marker_sum(store, bytes, sum);
    bool whole = code == SQLITE_OK && memcmp(sum, bytes + MARKER_SIZE - 8, sizeof sum) == 0;
    if (!whole) memset(bytes, 0, MARKER_SIZE);
    return code == SQLITE_OK || code == SQLITE_IOERR_SHORT_READ ? HF_OK
                                                                : hf_store_fault(store, code);
}

static bool is_blamed(const hf_poison *poison, const uint8_t hash[HF_HASH_SIZE])
{
    for (size_t i = 0; i < poison->blamed_count; i++)
        if (memcmp(poison->blamed[i], hash, HF_HASH_SIZE) == 0) return true;
    return false;
}

static hf_status blamed_load(hf_store *store)
{
    hf_poison *poison = &store->poison;
    hf_buffer value = {0};
    hf_status status = hf_meta_get(store, META, &value);
    size_t count = value.size / HF_HASH_SIZE;
    poison->blamed_count = count < HF_BLAMED_MAX ? count : HF_BLAMED_MAX;
    if (poison->blamed_count)
        memcpy(poison->blamed, value.data, poison->blamed_count * HF_HASH_SIZE);
    hf_buffer_free(&value);
    return status;
}

/* Newest first; past the last place the oldest goes: it became a hole long ago. */
static hf_status blame(hf_store *store, const uint8_t marker[MARKER_SIZE])
{
    hf_poison *poison = &store->poison;
    const uint8_t *hash = marker + AT_HASH;
    poison->found = true;
    poison->dot.lane = marker[AT_LANE];
    memcpy(&poison->dot.seq, marker + AT_SEQ, sizeof poison->dot.seq);
    memcpy(poison->dot.origin.bytes, marker + AT_ORIGIN, HF_ORIGIN_SIZE);
    if (is_blamed(poison, hash)) return HF_OK;
    if (poison->blamed_count < HF_BLAMED_MAX) poison->blamed_count++;
    memmove(poison->blamed[1], poison->blamed[0], (poison->blamed_count - 1) * HF_HASH_SIZE);
    memcpy(poison->blamed[0], hash, HF_HASH_SIZE);
    return hf_meta_set(store, META,
                       (hf_bytes){poison->blamed[0], poison->blamed_count * HF_HASH_SIZE});
}

hf_status hf_poison_load(hf_store *store, hf_ending ending)
{
    uint8_t marker[MARKER_SIZE] = {0};
    hf_status status = blamed_load(store);
    if (status != HF_OK || ending == HF_ENDING_UNKNOWN || store->read_only || store->damaged)
        return status;
    status = marker_read(store, marker);
    if (status == HF_OK && ending == HF_ENDING_FAULT && marker[AT_STAGE] != STAGE_NOTHING) {
        store->poison.singly = HF_SINGLY_ENTRIES;
        if (marker[AT_STAGE] == STAGE_ENTRY) status = blame(store, marker);
    }
    /* Only now, when the blame is on disk. Else the next fault, of whatever kind, would be theirs.
     */
    if (status == HF_OK && marker[AT_STAGE] != STAGE_NOTHING)
        marker_write(store, STAGE_NOTHING, NULL, NULL);
    return status;
}

hf_status hf_poison_enter(hf_batch *batch, const hf_dot *dot, const uint8_t hash[HF_HASH_SIZE],
                          bool *blamed)
{
    hf_store *store = batch->store;
    hf_poison *poison = &store->poison;
    *blamed = poison->blamed_count > 0 && is_blamed(poison, hash);
    hf_status status = hf_batch_next_frame(batch);
    if (status == HF_OK && poison->singly == 0 && !poison->marked)
        marker_write(store, STAGE_BATCH, NULL, NULL);
    if (status != HF_OK || poison->singly == 0) return status;
    poison->singly--;
    marker_write(store, STAGE_ENTRY, dot, hash);
    batch->named = true;
    return HF_OK;
}

hf_status hf_batch_next_frame(hf_batch *batch)
{
    if (!batch->named) return HF_OK;
    hf_status status = hf_batch_split(batch);
    if (status != HF_OK) batch->failed = true;
    batch->named = false;
    marker_write(batch->store, STAGE_BATCH, NULL, NULL);
    return status;
}

void hf_poison_leave(hf_store *store)
{
    if (store->poison.marked) marker_write(store, STAGE_NOTHING, NULL, NULL);
}

bool hf_store_blamed(const hf_store *store, hf_dot *out)
{
    if (store->poison.found) *out = store->poison.dot;
    return store->poison.found;
}
