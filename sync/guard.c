/* guard.c: notices that a store was copied, or set back to an earlier day, before its first write.
 *
 * Why a file beside the store: a restored database does not know that it is old. If it wrote on, it
 * would give a second meaning to seqs that a hub already holds. So the store and a small file
 * beside it agree on (incarnation, seqs reserved, counter, nonce), newly drawn at every open and
 * every block of seqs; whoever copies one without the other breaks the agreement, and then a new
 * incarnation is minted. What this cannot see (both copied together) the hub sees at HELLO.
 *
 * A change goes: intent in the store, then the file, then the store; a crash between leaves the
 * file equal to one of the two values that the store remembers. The file has two slots, written in
 * turn, so that a torn write leaves the older one whole. */
#include "store_core.h"

#include <string.h>

enum { SLOT_SPACING = 4096, SLOT_SIZE = HF_GUARD_SIZE + 8 };
static const char SUFFIX[] = ".guard";
enum { AT_INCARNATION = 0, AT_RESERVED = 16, AT_COUNTER = 24, AT_NONCE = 32 };

static uint64_t get64(const uint8_t *at)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = value << 8 | at[i];
    return value;
}

static void put64(uint8_t *at, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8) at[i] = (uint8_t)value;
}

static void slot_sum(const hf_store *store, const uint8_t *guard, uint8_t sum[8])
{
    uint8_t hash[HF_HASH_SIZE];
    hf_bytes piece = {guard, HF_GUARD_SIZE};
    store->crypto->hash(store->crypto->context, &piece, 1, hash);
    memcpy(sum, hash, 8);
}

/* The newer of the two slots that are whole; all zero when there is none. */
static hf_status file_read(hf_store *store, uint8_t guard[HF_GUARD_SIZE])
{
    memset(guard, 0, HF_GUARD_SIZE);
    hf_beside beside;
    hf_status status = hf_beside_open(store, SUFFIX, &beside);
    for (int slot = 0; slot < 2 && status == HF_OK; slot++) {
        uint8_t bytes[SLOT_SIZE], sum[8];
        sqlite3_file *file = beside.file;
        int code = file->pMethods->xRead(file, bytes, SLOT_SIZE, slot * SLOT_SPACING);
        if (code == SQLITE_IOERR_SHORT_READ) continue;
        if (code != SQLITE_OK) {
            status = hf_store_fault(store, code);
            break;
        }
        slot_sum(store, bytes, sum);
        if (memcmp(sum, bytes + HF_GUARD_SIZE, 8) != 0) continue;
        if (get64(bytes + AT_COUNTER) >= get64(guard + AT_COUNTER))
            memcpy(guard, bytes, HF_GUARD_SIZE);
    }
    hf_beside_close(&beside);
    return status;
}

static hf_status file_write(hf_store *store, const uint8_t guard[HF_GUARD_SIZE])
{
    uint8_t bytes[SLOT_SIZE];
    memcpy(bytes, guard, HF_GUARD_SIZE);
    slot_sum(store, guard, bytes + HF_GUARD_SIZE);
    hf_beside beside;
    hf_status status = hf_beside_open(store, SUFFIX, &beside);
    if (status != HF_OK) return status;
    sqlite3_file *file = beside.file;
    sqlite3_int64 at = (sqlite3_int64)(get64(guard + AT_COUNTER) & 1) * SLOT_SPACING;
    int code = file->pMethods->xWrite(file, bytes, SLOT_SIZE, at);
    if (code == SQLITE_OK) code = file->pMethods->xSync(file, SQLITE_SYNC_FULL);
    if (code != SQLITE_OK) status = hf_store_fault(store, code);
    hf_beside_close(&beside);
    return status;
}

static hf_status meta_guard(hf_store *store, const char *key, uint8_t guard[HF_GUARD_SIZE])
{
    hf_buffer value = {0};
    memset(guard, 0, HF_GUARD_SIZE);
    hf_status status = hf_meta_get(store, key, &value);
    if (status == HF_OK && value.size == HF_GUARD_SIZE) memcpy(guard, value.data, HF_GUARD_SIZE);
    hf_buffer_free(&value);
    return status;
}

/* Moves store and file on to (own incarnation, reserved). */
static hf_status guard_roll(hf_store *store, uint64_t reserved)
{
    uint8_t next[HF_GUARD_SIZE];
    memcpy(next + AT_INCARNATION, store->own->incarnation, HF_INCARNATION_SIZE);
    put64(next + AT_RESERVED, reserved);
    put64(next + AT_COUNTER, get64(store->guard + AT_COUNTER) + 1);
    hf_bytes value = {next, HF_GUARD_SIZE};
    const hf_crypto *crypto = store->crypto;
    hf_status status = crypto->random(crypto->context, next + AT_NONCE, 8);
    if (status == HF_OK) status = hf_meta_set(store, "guard_next", value); /* commits by itself */
    if (status == HF_OK) status = file_write(store, next);
    if (status == HF_OK) status = hf_meta_set(store, "guard", value);
    if (status != HF_OK) return status;
    memcpy(store->guard, next, HF_GUARD_SIZE);
    store->reserved = reserved;
    return HF_OK;
}

hf_status hf_guard_check(hf_store *store)
{
    uint8_t next[HF_GUARD_SIZE], file[HF_GUARD_SIZE];
    hf_status status = meta_guard(store, "guard", store->guard);
    if (status == HF_OK) status = meta_guard(store, "guard_next", next);
    if (status == HF_OK) status = file_read(store, file);
    if (status != HF_OK) return status;
    bool agree = store->own && (memcmp(file, store->guard, HF_GUARD_SIZE) == 0 ||
                                memcmp(file, next, HF_GUARD_SIZE) == 0);
    if (HF_PLANTED(GUARD_IGNORED) && store->own) agree = true;
    uint64_t counter = get64(file + AT_COUNTER); /* go on above both, so that the new slot wins */
    if (get64(next + AT_COUNTER) > counter) counter = get64(next + AT_COUNTER);
    if (get64(store->guard + AT_COUNTER) > counter) counter = get64(store->guard + AT_COUNTER);
    uint64_t reserved = get64(file + AT_RESERVED);
    if (!agree) {
        reserved = 0;
        if (store->is_hub && store->own) status = hf_fence_doubt(store);
        bool renews = store->is_hub && store->own && !HF_PLANTED(EPOCH_KEPT);
        if (status == HF_OK && renews) status = hf_epoch_renew(store);
        bool keep = HF_PLANTED(EPOCH_KEPT) && store->is_hub && store->own;
        if (status == HF_OK && !keep) status = hf_origin_mint(store);
    }
    put64(store->guard + AT_COUNTER, counter);
    if (status == HF_OK) status = guard_roll(store, reserved);
    return status;
}

hf_status hf_guard_reserve(hf_store *store, uint64_t last_seq, uint64_t count)
{
    if (last_seq + count <= store->reserved) return HF_OK;
    return guard_roll(store, last_seq + count + HF_SEQ_RESERVE);
}

hf_status hf_store_new_incarnation(hf_store *store)
{
    hf_status status = hf_store_writable(store);
    if (status == HF_OK) status = hf_origin_mint(store);
    if (status == HF_OK) status = guard_roll(store, HF_SEQ_RESERVE);
    return status;
}

hf_status hf_store_new_life(hf_store *store)
{
    hf_status status = hf_epoch_renew(store);
    return status == HF_OK ? hf_store_new_incarnation(store) : status;
}
