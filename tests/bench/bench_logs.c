/* bench_logs.c: what a device had elsewhere: the same entries of many logs, put into a hub's store
 * and into a device's, of which neither runs.
 *
 *   logs HUB_FOLDER DEVICE_FOLDER FILE LOGS STEP
 *
 * STEP 0 begins all the logs. Each later one adds an entry to every sixteenth of them, at most 300,
 * with a signed head over it, as another hub would have brought them to both. Those are the
 * devices' in FILE, which `mint` made; the others are nobody's. */
#include "fleet_file.h"
#include "folder.h"

#include "platform/clock.h"
#include "sync/log.h"
#include "sync/messages.h"
#include "sync/store_core.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CRIME = 16, SUMMARY = 27, EVERY = 16, MOVED_MAX = 300, HEAD_TAG = 0x05 };

typedef struct logs {
    folder hub, device;
    const hf_crypto *crypto; /* the device's */
    fleet_device authors[MOVED_MAX];
    uint64_t wall_ms;
    uint32_t step;
    uint64_t moved;
} logs;

static uint64_t first_seq(uint32_t number)
{
    return 100 + number * 7919 % 900; /* what it wrote before, it wrote elsewhere */
}

static bool moves(uint32_t number)
{
    return number % EVERY == 3 && number / EVERY < MOVED_MAX;
}

static void write_part(uint32_t number, uint64_t seq, hf_buffer *out)
{
    uint8_t salt[8] = {0}, id[HF_RECORD_ID_SIZE] = {0};
    memcpy(salt, &seq, sizeof seq);
    memcpy(id, &number, sizeof number);
    memcpy(id + 8, &seq, sizeof seq);
    hf_write_raw(out, (hf_bytes){salt, sizeof salt});
    hf_write_array(out, 4);
    hf_write_uint(out, CRIME);
    hf_write_bytes(out, id, sizeof id);
    hf_write_array(out, 0);
    hf_write_array(out, 1);
    hf_write_array(out, 3);
    hf_write_uint(out, SUMMARY);
    hf_write_array(out, 0);
    hf_write_string(out, "Cycle taken from outside the station; lock cut");
}

static void write_body(const logs *l, uint32_t number, uint64_t seq, uint64_t pseq, hf_buffer *out)
{
    static const char actor[] = "PC 4411 Rees";
    hf_buffer part = {0};
    write_part(number, seq, &part);
    hf_buffer_clear(out);
    hf_write_array(out, 9);
    hf_write_uint(out, seq);
    hf_write_uint(out, pseq);
    hf_write_uint(out, l->device.scopes[0]);
    hf_write_uint(out, l->wall_ms << 16);
    hf_write_uint(out, 3);
    hf_write_uint(out, 1);
    hf_write_text(out, actor, sizeof actor - 1);
    hf_write_null(out);
    hf_write_array(out, 1);
    hf_write_bytes(out, part.data, part.size);
    if (part.status != HF_OK) out->status = part.status;
    hf_buffer_free(&part);
}

/* Of the digest itself, r and s of 32 bytes each. */
static bool sign(const fleet_device *author, const uint8_t digest[HF_HASH_SIZE],
                 uint8_t out[HF_SIGNATURE_SIZE])
{
    uint8_t der[96];
    const uint8_t *at = author->key, *der_at = der;
    size_t size = sizeof der;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, author->key_size);
    EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    bool signed_it = context && EVP_PKEY_sign_init(context) == 1 &&
                     EVP_PKEY_sign(context, der, &size, digest, HF_HASH_SIZE) == 1;
    ECDSA_SIG *pair = signed_it ? d2i_ECDSA_SIG(NULL, &der_at, (long)size) : NULL;
    signed_it = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, 32) == 32 &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + 32, 32) == 32;
    ECDSA_SIG_free(pair);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    return signed_it;
}

static hf_status sign_head(const logs *l, uint32_t number, const hf_head_leaf *leaf, hf_head *head)
{
    static const uint8_t tag = HEAD_TAG;
    uint8_t digest[HF_HASH_SIZE];
    hf_buffer item = {0};
    hf_status status = hf_head_leaf_root(l->crypto, leaf, head->root);
    hf_write_array(&item, 5);
    hf_write_bytes(&item, head->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&item, head->lane);
    hf_write_uint(&item, head->seq);
    hf_write_bytes(&item, head->root, HF_HASH_SIZE);
    hf_write_uint(&item, head->hlc);
    hf_bytes pieces[] = {{&tag, 1}, hf_buffer_bytes(&item)};
    if (status == HF_OK) status = item.status;
    if (status == HF_OK) l->crypto->hash(l->crypto->context, pieces, 2, digest);
    if (status == HF_OK && !sign(&l->authors[number / EVERY], digest, head->signature))
        status = HF_ERR_IO;
    hf_buffer_free(&item);
    return status;
}

static hf_status add_head(const logs *l, hf_batch *batch, const hf_origin_row *row, uint32_t number)
{
    uint64_t seq = first_seq(number) + l->step;
    hf_head head = {.origin = row->id, .lane = HF_LANE_CRIME, .seq = seq, .hlc = l->wall_ms << 16};
    hf_head_leaf leaf = {.scope = l->device.scopes[0], .seq = seq, .count = 1};
    hf_status status = hf_log_chain_at(batch->store, row->no, HF_LANE_CRIME, seq, leaf.chain);
    if (status == HF_OK) status = sign_head(l, number, &leaf, &head);
    return status == HF_OK ? hf_batch_head_relayed(batch, &head, &leaf, 1) : status;
}

static hf_status key_of(const logs *l, uint32_t number, uint8_t key_id[HF_HASH_SIZE],
                        hf_bytes *certificate)
{
    hf_certificate facts;
    const fleet_device *author = &l->authors[number / EVERY];
    *certificate = (hf_bytes){author->certificate, author->certificate_size};
    hf_status status = l->crypto->certificate(l->crypto->context, *certificate, &facts);
    if (status == HF_OK) memcpy(key_id, facts.key_id, HF_HASH_SIZE);
    return status;
}

static hf_status add_entry(const logs *l, hf_batch *batch, uint32_t number, hf_buffer *body)
{
    const hf_origin_row *row;
    hf_applied_entry applied;
    uint8_t key_id[HF_HASH_SIZE] = {0}, incarnation[HF_INCARNATION_SIZE] = {0};
    hf_bytes certificate = {NULL, 0};
    memcpy(key_id, &number, sizeof number);
    memcpy(incarnation, &number, sizeof number);
    hf_status status = moves(number) ? key_of(l, number, key_id, &certificate) : HF_OK;
    if (status != HF_OK) return status;
    uint64_t seq = first_seq(number) + l->step, pseq = l->step ? seq - 1 : 0;
    write_body(l, number, seq, pseq, body);
    status = hf_origin_learn(batch->store, key_id, incarnation, certificate, &row);
    if (status == HF_OK) status = body->status;
    if (status == HF_OK)
        status = hf_batch_entry(batch, row, HF_LANE_CRIME, hf_buffer_bytes(body), 0, &applied);
    if (status == HF_OK && applied.what != HF_APPLIED_NEW) status = HF_ERR_PROTOCOL;
    return status == HF_OK && l->step ? add_head(l, batch, row, number) : status;
}

static hf_status add_all(logs *l, hf_store *store, uint32_t count)
{
    hf_batch *batch;
    hf_buffer body = {0};
    hf_status status = hf_batch_begin(store, l->wall_ms, &batch);
    if (status != HF_OK) return status;
    l->moved = 0;
    for (uint32_t number = 0; number < count && status == HF_OK; number++) {
        if (l->step && !moves(number)) continue;
        status = add_entry(l, batch, number, &body);
        l->moved++;
    }
    hf_buffer_free(&body);
    if (status == HF_OK) return hf_batch_commit(batch);
    hf_batch_rollback(batch);
    return status;
}

static bool read_authors(logs *l, const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t count = file ? fread(l->authors, sizeof l->authors[0], MOVED_MAX, file) : 0;
    if (file) fclose(file);
    if (count < MOVED_MAX) fprintf(stderr, "bench: logs: %s: %zu devices\n", path, count);
    return count == MOVED_MAX;
}

int main(int argument_count, char **arguments)
{
    static logs l;
    if (argument_count != 6) {
        fprintf(stderr, "usage: logs HUB_FOLDER DEVICE_FOLDER FILE LOGS STEP\n");
        return 2;
    }
    l.wall_ms = hf_clock_wall_ms();
    l.step = (uint32_t)strtoul(arguments[5], NULL, 10);
    uint32_t count = (uint32_t)strtoul(arguments[4], NULL, 10);
    bool open = read_authors(&l, arguments[3]) && folder_open(&l.hub, arguments[1], true) &&
                folder_open(&l.device, arguments[2], false) && folder_scopes(&l.device);
    hf_status status = open ? HF_OK : HF_ERR_IO;
    if (open) l.crypto = hf_keys_crypto(l.device.keys);
    if (status == HF_OK) status = add_all(&l, l.hub.store, count);
    /* It holds what is before those, too: that is only not written here. */
    if (status == HF_OK) status = hf_sql_exec(l.hub.store, "DELETE FROM patchy");
    if (status == HF_OK) status = add_all(&l, l.device.store, count);
    if (status != HF_OK) fprintf(stderr, "bench: logs: %s\n", hf_status_name(status));
    folder_close(&l.device);
    folder_close(&l.hub);
    if (status == HF_OK) printf("{\"logs\":%llu}\n", (unsigned long long)l.moved);
    return status == HF_OK ? 0 : 1;
}
