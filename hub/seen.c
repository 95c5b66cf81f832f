/* seen.c: see seen.h. */
#include "seen.h"

#include "sync/apply.h"

#include <stdio.h>
#include <string.h>

enum { SEEN_KEY_SIZE = 5 + 2 * HF_HASH_SIZE + 1 };

static void seen_key(const uint8_t key_id[HF_HASH_SIZE], char out[SEEN_KEY_SIZE])
{
    int used = snprintf(out, SEEN_KEY_SIZE, "seen/");
    for (size_t i = 0; i < HF_HASH_SIZE; i++) {
        used += snprintf(out + used, SEEN_KEY_SIZE - (size_t)used, "%02x", key_id[i]);
    }
}

hf_status hf_last_seen_get(hf_store *store, const uint8_t key_id[HF_HASH_SIZE], hf_last_seen *out)
{
    char key[SEEN_KEY_SIZE];
    hf_buffer value = {0};
    *out = (hf_last_seen){.wall_ms = 0};
    memcpy(out->key_id, key_id, HF_HASH_SIZE);
    seen_key(key_id, key);
    hf_status status = hf_meta_get(store, key, &value);
    if (status == HF_OK && value.size) {
        hf_reader reader = hf_reader_open(hf_buffer_bytes(&value));
        if (hf_read_array(&reader, 2) != 2) hf_reader_fail(&reader, HF_ERR_CORRUPT);
        out->wall_ms = hf_read_uint(&reader);
        out->position = hf_read_uint(&reader);
        if (hf_reader_end(&reader) != HF_OK) status = HF_ERR_CORRUPT;
    }
    hf_buffer_free(&value);
    return status;
}

static hf_status seen_write(hf_store *store, const hf_last_seen *seen)
{
    char key[SEEN_KEY_SIZE];
    hf_buffer value = {0};
    hf_last_seen before;
    hf_status status = hf_last_seen_get(store, seen->key_id, &before);
    if (status != HF_OK) return status;
    bool is_known = seen->position != HF_POSITION_UNKNOWN;
    seen_key(seen->key_id, key);
    hf_write_array(&value, 2);
    hf_write_uint(&value, seen->wall_ms);
    hf_write_uint(&value, is_known ? seen->position : before.position);
    status = value.status;
    if (status == HF_OK) status = hf_meta_set(store, key, hf_buffer_bytes(&value));
    hf_buffer_free(&value);
    return status;
}

hf_status hf_last_seen_keep(hf_store *store, const hf_last_seen *seen, size_t count,
                            uint64_t wall_ms)
{
    hf_batch *batch = NULL;
    if (count == 0) return HF_OK;
    hf_status status = hf_batch_begin(store, wall_ms, &batch);
    if (status != HF_OK) return status;
    for (size_t i = 0; i < count && status == HF_OK; i++) status = seen_write(store, &seen[i]);
    if (status == HF_OK) return hf_batch_commit(batch);
    hf_batch_rollback(batch);
    return status;
}
