/* bench_mint.c: enrols many devices at once at a hub that does not run.
 *
 *   mint HUB_FOLDER COUNT SCOPE FILE     makes keys and certificates, registers them, writes FILE
 *
 * Each is known to the hub as one that was here before and holds all it may see. The CA and the
 * control records are the production code's; keys come from OpenSSL, which makes them faster, and
 * the rows of known origins are written by SQL, for their learning costs a verify each, which no
 * measurement waits for. */
#include "fleet_file.h"
#include "folder.h"

#include "holdfast/hub.h"
#include "platform/ca.h"
#include "platform/clock.h"
#include "sync/control.h"
#include "sync/feed.h"
#include "sync/log.h"
#include "sync/messages.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct minted {
    uint8_t key_id[HF_HASH_SIZE], incarnation[HF_INCARNATION_SIZE];
    char name[32];
    fleet_device device;
} minted;

typedef struct mint {
    folder files;
    hf_hub *hub;
    hf_ca *ca;
    minted *all;
    size_t count;
    const char *scope;
    uint64_t heads; /* number of the newest */
} mint;

static bool is_ok(hf_status status, const char *what)
{
    if (status != HF_OK) fprintf(stderr, "bench: mint: %s: %s\n", what, hf_status_name(status));
    return status == HF_OK;
}

static bool make_key(const hf_crypto *crypto, minted *m, uint8_t *public_key, size_t *size)
{
    unsigned char *at = m->device.key, *spki = public_key;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    int private_size = key ? i2d_PrivateKey(key, NULL) : 0;
    int public_size = key ? i2d_PUBKEY(key, NULL) : 0;
    bool fits = private_size > 0 && (size_t)private_size <= sizeof m->device.key &&
                public_size > 0 && (size_t)public_size <= *size;
    if (fits) {
        m->device.key_size = (uint16_t)i2d_PrivateKey(key, &at);
        *size = (size_t)i2d_PUBKEY(key, &spki);
        hf_bytes piece = {public_key, *size};
        crypto->hash(crypto->context, &piece, 1, m->key_id);
    }
    EVP_PKEY_free(key);
    return fits;
}

static bool make_device(mint *t, size_t index)
{
    minted *m = &t->all[index];
    const hf_crypto *crypto = hf_keys_crypto(t->files.keys);
    uint8_t public_key[HF_PUBLIC_KEY_MAX], certificate[HF_CERTIFICATE_DER_MAX];
    size_t public_size = sizeof public_key, size = sizeof certificate;
    const char *scopes[] = {t->scope};
    snprintf(m->name, sizeof m->name, "device %05zu", index);
    if (!make_key(crypto, m, public_key, &public_size)) return false;
    hf_issue issue = {.public_key = {public_key, public_size},
                      .name = m->name,
                      .days = 2,
                      .wall_ms = hf_clock_wall_ms()};
    if (!is_ok(hf_ca_issue(t->ca, &issue, certificate, &size), "a certificate")) return false;
    if (size > sizeof m->device.certificate) return false;
    memcpy(m->device.certificate, certificate, size);
    m->device.certificate_size = (uint16_t)size;
    return is_ok(crypto->random(crypto->context, m->incarnation, sizeof m->incarnation),
                 "random") &&
           is_ok(hf_hub_register(t->hub, m->key_id,
                                 &(hf_registration){.name = m->name,
                                                    .force = "Avon",
                                                    .unit = "Central",
                                                    .scopes = scopes,
                                                    .scope_count = 1,
                                                    .certificate = (hf_bytes){certificate, size}},
                                 hf_clock_wall_ms()),
                 "a registration");
}

/* ---- HELLO ---- */

static bool make_cursor(mint *t, const minted *m, hf_cursor *out)
{
    hf_store *store = t->files.store;
    hf_device device;
    uint32_t scopes[8] = {HF_SCOPE_COMMON};
    size_t count = 1;
    if (!is_ok(hf_device_by_key(store, m->key_id, &device), "a device")) return false;
    uint32_t granted = device.scope_count == 1 ? device.scopes[0] : 0;
    scopes[count++] = granted < device.home ? granted : device.home;
    scopes[count++] = granted < device.home ? device.home : granted;
    *out = (hf_cursor){.hub = hf_store_own_origin(store)->id, .position = hf_feed_position(store)};
    memcpy(out->epoch, hf_store_epoch(store), sizeof out->epoch);
    hf_scope_set_hash(hf_store_crypto(store), scopes, count, out->scopes);
    return is_ok(hf_feed_chain_at(store, out->position, out->chain), "the feed chain");
}

static bool make_hello(mint *t, minted *m, hf_buffer *claims, hf_buffer *frame)
{
    static const char implementation[] = "bench fleet";
    hf_claim claim = {.logs = {{NULL, 0}, 0}};
    memcpy(claim.incarnation, m->incarnation, sizeof claim.incarnation);
    hf_buffer_clear(claims);
    hf_buffer_clear(frame);
    hf_write_claim(claims, &claim);
    hf_message message = {.type = HF_FRAME_HELLO};
    message.as.hello =
        (hf_hello){.protocol_min = HF_PROTOCOL,
                   .protocol_max = HF_PROTOCOL,
                   .implementation = {(const uint8_t *)implementation, sizeof implementation - 1},
                   .origins = {hf_buffer_bytes(claims), 1},
                   .pack_version = hf_pack_version(hf_store_pack(t->files.store)),
                   .resuming = true,
                   .wall_ms = hf_clock_wall_ms(),
                   .heads = t->heads};
    if (!make_cursor(t, m, &message.as.hello.resume)) return false;
    hf_message_write(frame, &message);
    if (frame->status != HF_OK || frame->size > sizeof m->device.hello) return false;
    memcpy(m->device.hello, frame->data, frame->size);
    m->device.hello_size = (uint16_t)frame->size;
    return true;
}

/* A turn signs the hub's own head, which the devices know too; then nothing is left to be told. */
static bool make_hellos(mint *t)
{
    hf_buffer claims = {0}, frame = {0};
    bool made = is_ok(hf_hub_turn(t->hub, hf_clock_now_ms(), hf_clock_wall_ms()), "a turn");
    t->heads = hf_head_newest(t->files.store);
    for (size_t i = 0; i < t->count && made; i++) made = make_hello(t, &t->all[i], &claims, &frame);
    hf_buffer_free(&claims);
    hf_buffer_free(&frame);
    return made;
}

/* ---- origins, by SQL ---- */

static bool write_origins(mint *t, sqlite3 *db)
{
    static const char sql[] = "INSERT INTO origin(no, id, key_id, incarnation, certificate, name, "
                              "is_hub) VALUES((SELECT max(no) + 1 FROM origin), ?, ?, ?, ?, ?, 0)";
    const hf_crypto *crypto = hf_keys_crypto(t->files.keys);
    sqlite3_stmt *insert = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &insert, NULL);
    if (code == SQLITE_OK) code = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    for (size_t i = 0; i < t->count && code == SQLITE_OK; i++) {
        const minted *m = &t->all[i];
        hf_origin_id id;
        hf_origin_make_id(crypto, m->key_id, m->incarnation, &id);
        sqlite3_bind_blob(insert, 1, id.bytes, sizeof id.bytes, SQLITE_TRANSIENT);
        sqlite3_bind_blob(insert, 2, m->key_id, sizeof m->key_id, SQLITE_STATIC);
        sqlite3_bind_blob(insert, 3, m->incarnation, sizeof m->incarnation, SQLITE_STATIC);
        sqlite3_bind_blob(insert, 4, m->device.certificate, m->device.certificate_size,
                          SQLITE_STATIC);
        sqlite3_bind_text(insert, 5, m->name, -1, SQLITE_STATIC);
        if (sqlite3_step(insert) == SQLITE_DONE)
            sqlite3_reset(insert);
        else
            code = SQLITE_ERROR;
    }
    if (code == SQLITE_OK) code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (code != SQLITE_OK) fprintf(stderr, "bench: mint: %s\n", sqlite3_errmsg(db));
    sqlite3_finalize(insert);
    return code == SQLITE_OK;
}

static bool learn_origins(mint *t)
{
    sqlite3 *db = NULL;
    bool learned = sqlite3_open(t->files.database, &db) == SQLITE_OK && write_origins(t, db);
    sqlite3_close(db);
    return learned;
}

static bool write_file(const mint *t, const char *path)
{
    FILE *file = fopen(path, "wb");
    bool written = file != NULL;
    for (size_t i = 0; i < t->count && written; i++)
        written = fwrite(&t->all[i].device, sizeof t->all[i].device, 1, file) == 1;
    if (file) written = fclose(file) == 0 && written;
    if (!written) perror(path);
    return written;
}

static bool open_hub(mint *t, const char *path)
{
    char ca_key[600];
    snprintf(ca_key, sizeof ca_key, "%s/ca-key.pem", path);
    hf_hub_options options = {.implementation = "bench mint", .peers_max = 1};
    return folder_open(&t->files, path, true) &&
           is_ok(hf_ca_open(ca_key, t->files.ca, &t->ca), "the CA") &&
           is_ok(hf_hub_new(t->files.store, &options, &t->hub), "the hub");
}

int main(int argument_count, char **arguments)
{
    mint t = {.hub = NULL};
    if (argument_count != 5) {
        fprintf(stderr, "usage: mint HUB_FOLDER COUNT SCOPE FILE\n");
        return 2;
    }
    t.scope = arguments[3];
    t.count = strtoul(arguments[2], NULL, 10);
    t.all = calloc(t.count, sizeof *t.all);
    double began = bench_seconds();
    bool made = t.all && open_hub(&t, arguments[1]);
    for (size_t i = 0; i < t.count && made; i++) made = make_device(&t, i);
    made = made && make_hellos(&t);
    hf_hub_free(t.hub);
    hf_ca_close(t.ca);
    hf_store_close(t.files.store);
    t.files.store = NULL;
    made = made && learn_origins(&t) && write_file(&t, arguments[4]);
    folder_close(&t.files);
    free(t.all);
    if (made) printf("{\"devices\":%zu,\"seconds\":%.3f}\n", t.count, bench_seconds() - began);
    return made ? 0 : 1;
}
