/* enroll.c: tokens, and the certificate that one of them buys.
 *
 * Why a token is bound to the first key that shows it: an answer lost on the way must not cost the
 * officer the token, and a stolen one must not admit a second device. Binding and certificate are
 * one write; the device's control records follow before the answer does, and the same key asking
 * again finishes what a crash between the two left undone. */
#include "enroll.h"

#include "sync/control.h"
#include "sync/render.h"

#include <stdio.h>
#include <string.h>

enum {
    HASH_OF_TOKEN = 0x09, /* protocol.md 2: what a hash is of */
    KEY_SIZE = 6 + 2 * HF_HASH_SIZE + 1
};

static const uint64_t HOUR_MS = 3600 * 1000;

typedef struct token_row { /* texts borrow from `bytes` */
    hf_buffer bytes;
    char name[128], force[64], unit[64];
    char scopes[HF_TOKEN_SCOPES_MAX][64];
    size_t scope_count;
    char addresses[HF_STATION_ADDRESSES_MAX][HF_STATION_ADDRESS_SIZE];
    size_t address_count;
    uint64_t expires_ms;
    bool spent;
    uint8_t key_id[HF_HASH_SIZE];
    uint8_t certificate[HF_CERTIFICATE_MAX];
    size_t certificate_size;
} token_row;

static void row_key(const hf_crypto *crypto, const uint8_t secret[HF_TOKEN_SECRET_SIZE],
                    char out[KEY_SIZE])
{
    static const uint8_t of_token = HASH_OF_TOKEN;
    uint8_t hash[HF_HASH_SIZE];
    hf_bytes pieces[] = {{&of_token, 1}, {secret, HF_TOKEN_SECRET_SIZE}};
    crypto->hash(crypto->context, pieces, 2, hash);
    int used = snprintf(out, KEY_SIZE, "token/");
    for (size_t i = 0; i < HF_HASH_SIZE; i++) {
        used += snprintf(out + used, KEY_SIZE - (size_t)used, "%02x", hash[i]);
    }
}

static hf_status row_write(hf_store *store, const char *key, token_row *row)
{
    hf_buffer *out = &row->bytes;
    hf_buffer_clear(out);
    hf_write_array(out, 8);
    hf_write_string(out, row->name);
    hf_write_string(out, row->force);
    hf_write_string(out, row->unit);
    hf_write_array(out, row->scope_count);
    for (size_t i = 0; i < row->scope_count; i++) hf_write_string(out, row->scopes[i]);
    hf_write_array(out, row->address_count);
    for (size_t i = 0; i < row->address_count; i++) hf_write_string(out, row->addresses[i]);
    hf_write_uint(out, row->expires_ms);
    hf_write_bytes(out, row->key_id, row->spent ? sizeof row->key_id : 0);
    hf_write_bytes(out, row->certificate, row->certificate_size);
    if (out->status != HF_OK) return out->status;
    return hf_meta_set(store, key, hf_buffer_bytes(out));
}

static void read_name(hf_reader *reader, char *out, size_t size)
{
    hf_bytes text = hf_read_text(reader);
    if (text.size >= size) hf_reader_fail(reader, HF_ERR_CORRUPT);
    size_t used = text.size >= size ? 0 : text.size;
    if (used) memcpy(out, text.data, used);
    out[used] = 0;
}

/* HF_ERR_NOT_FOUND when no such token was ever made here. */
static hf_status row_read(hf_store *store, const char *key, token_row *row)
{
    hf_status status = hf_meta_get(store, key, &row->bytes);
    if (status != HF_OK) return status;
    if (row->bytes.size == 0) return HF_ERR_NOT_FOUND;
    hf_reader reader = hf_reader_open(hf_buffer_bytes(&row->bytes));
    if (hf_read_array(&reader, 8) != 8) hf_reader_fail(&reader, HF_ERR_CORRUPT);
    read_name(&reader, row->name, sizeof row->name);
    read_name(&reader, row->force, sizeof row->force);
    read_name(&reader, row->unit, sizeof row->unit);
    row->scope_count = hf_read_array(&reader, HF_TOKEN_SCOPES_MAX);
    for (size_t i = 0; i < row->scope_count; i++) {
        read_name(&reader, row->scopes[i], sizeof row->scopes[i]);
    }
    row->address_count = hf_read_array(&reader, HF_STATION_ADDRESSES_MAX);
    for (size_t i = 0; i < row->address_count; i++)
        read_name(&reader, row->addresses[i], sizeof row->addresses[i]);
    row->expires_ms = hf_read_uint(&reader);
    hf_bytes key_id = hf_read_bytes(&reader), certificate = hf_read_bytes(&reader);
    row->spent = key_id.size == sizeof row->key_id;
    if (row->spent) memcpy(row->key_id, key_id.data, key_id.size);
    if (certificate.size > sizeof row->certificate) hf_reader_fail(&reader, HF_ERR_CORRUPT);
    row->certificate_size = reader.status == HF_OK ? certificate.size : 0;
    if (row->certificate_size) memcpy(row->certificate, certificate.data, certificate.size);
    return hf_reader_end(&reader) == HF_OK ? HF_OK : HF_ERR_CORRUPT;
}

/* ---- making a token ---- */

static hf_status refuse(char *why, size_t why_size, const char *sentence)
{
    (void)snprintf(why, why_size, "%s", sentence);
    return HF_ERR_INPUT;
}

static bool is_name(const char *text, size_t size)
{
    hf_bytes bytes = {(const uint8_t *)text, strlen(text)};
    if (bytes.size == 0 || bytes.size >= size || !hf_utf8_valid(bytes)) return false;
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] < 0x20 || bytes.data[i] == 0x7f || bytes.data[i] == '\\') return false;
    }
    return true;
}

static hf_status grant_check(const hf_enroll *enroll, const hf_token_grant *grant, char *why,
                             size_t why_size)
{
    hf_device device;
    hf_record_id record;
    if (!is_name(grant->name, sizeof((token_row *)0)->name))
        return refuse(why, why_size,
                      "Give the device a name of at most 127 bytes, for instance "
                      "--name \"PC 4411 Rees\".");
    if (!is_name(grant->force, sizeof((token_row *)0)->force) ||
        !is_name(grant->unit, sizeof((token_row *)0)->unit))
        return refuse(why, why_size,
                      "Give --force and --unit, of at most 63 bytes each, for "
                      "instance --force beds --unit response.");
    if (grant->scope_count == 0 || grant->scope_count > HF_TOKEN_SCOPES_MAX)
        return refuse(why, why_size,
                      "Give between 1 and 50 scopes that the device may write in, "
                      "for instance --scopes beds/response.");
    bool every = false;
    for (size_t i = 0; i < grant->scope_count; i++)
        every = every || strcmp(grant->scopes[i], HF_EVERY_SCOPE) == 0;
    if (every && (grant->scope_count > 1 || grant->address_count == 0))
        return refuse(why, why_size,
                      "Every scope (*) is for a station, and then it is the only one to give.");
    for (size_t i = 0; i < grant->scope_count; i++) {
        if (!is_name(grant->scopes[i], sizeof((token_row *)0)->scopes[0]))
            return refuse(why, why_size,
                          "A scope's name has between 1 and 63 bytes, for instance "
                          "beds/response.");
    }
    char host[HF_STATION_ADDRESS_SIZE];
    uint16_t port;
    if (grant->address_count > HF_STATION_ADDRESSES_MAX)
        return refuse(why, why_size, "A station has at most 4 addresses.");
    for (size_t i = 0; i < grant->address_count; i++) {
        if (hf_address_split(grant->addresses[i], host, sizeof host, &port) != HF_OK || !*host)
            return refuse(why, why_size,
                          "Give the address by which devices reach the station, with its port: "
                          "--address north.beds.example:7443.");
    }
    if (grant->lasts_ms == 0 || grant->lasts_ms > HF_TOKEN_LASTS_MAX_HOURS * HOUR_MS)
        return refuse(why, why_size, "A token works for at most 30 days: --expires 24h.");
    hf_status status = hf_device_by_name(enroll->store, grant->name, &device, &record);
    if (status == HF_OK && !device.revoked)
        return refuse(why, why_size,
                      "A device of that name is enrolled already. Choose another "
                      "name, or revoke the old one first.");
    return status == HF_ERR_NOT_FOUND ? HF_OK : status;
}

hf_status hf_enroll_token(const hf_enroll *enroll, const hf_token_grant *grant, uint64_t wall_ms,
                          hf_token *out, char *why, size_t why_size)
{
    const hf_crypto *crypto = hf_store_crypto(enroll->store);
    token_row row = {.scope_count = grant->scope_count, .expires_ms = wall_ms + grant->lasts_ms};
    char key[KEY_SIZE];
    hf_status status = grant_check(enroll, grant, why, why_size);
    if (status != HF_OK) return status;
    memset(out, 0, sizeof *out);
    status = crypto->random(crypto->context, out->secret, sizeof out->secret);
    if (status != HF_OK) return status;
    (void)snprintf(out->address, sizeof out->address, "%s", enroll->enrol_address);
    memcpy(out->ca, enroll->ca, sizeof out->ca);
    memcpy(out->hub, enroll->hub_id, sizeof out->hub);
    out->expires_ms = row.expires_ms;
    out->is_station = grant->address_count > 0;
    (void)snprintf(row.name, sizeof row.name, "%s", grant->name);
    (void)snprintf(row.force, sizeof row.force, "%s", grant->force);
    (void)snprintf(row.unit, sizeof row.unit, "%s", grant->unit);
    for (size_t i = 0; i < grant->scope_count; i++) {
        (void)snprintf(row.scopes[i], sizeof row.scopes[i], "%s", grant->scopes[i]);
    }
    row.address_count = grant->address_count;
    for (size_t i = 0; i < grant->address_count; i++)
        (void)snprintf(row.addresses[i], sizeof row.addresses[i], "%s", grant->addresses[i]);
    row_key(crypto, out->secret, key);
    status = row_write(enroll->store, key, &row);
    hf_buffer_free(&row.bytes);
    return status;
}

/* ---- spending it ---- */

static int say(hf_buffer *answer, hf_enrol_code code, int http, const char *sentence)
{
    hf_enrol_answer no = {.code = code, .text = {(const uint8_t *)sentence, strlen(sentence)}};
    hf_buffer_clear(answer);
    hf_enrol_answer_write(&no, answer);
    return http;
}

static int say_trouble(hf_buffer *answer, hf_status status)
{
    if (status == HF_ERR_FULL || status == HF_ERR_IO || status == HF_ERR_NOMEM)
        return say(answer, HF_ENROL_BUSY, 503,
                   "The hub cannot write just now (its disk is full or failing). The token still "
                   "works: try again later.");
    return say(answer, HF_ENROL_INTERNAL, 500,
               "The hub could not finish the enrolment. The token still works on this device; ask "
               "the hub's operator to look at the hub's log.");
}

static hf_status spend(const hf_enroll *enroll, const char *key, token_row *row,
                       hf_bytes public_key, uint64_t wall_ms)
{
    size_t size = sizeof row->certificate;
    const hf_authority *authority = enroll->authority;
    const char *addresses[HF_STATION_ADDRESSES_MAX];
    for (size_t i = 0; i < row->address_count; i++) addresses[i] = row->addresses[i];
    hf_certificate_wish wish = {.public_key = public_key,
                                .name = row->name,
                                .wall_ms = wall_ms,
                                .addresses = addresses,
                                .address_count = row->address_count};
    hf_status status = authority->issue(authority->context, &wish, row->certificate, &size);
    if (status != HF_OK) return status;
    row->certificate_size = size;
    row->spent = true;
    return row_write(enroll->store, key, row);
}

static int grant_access(const hf_enroll *enroll, const token_row *row, uint64_t wall_ms,
                        hf_buffer *answer)
{
    const char *scopes[HF_TOKEN_SCOPES_MAX];
    for (size_t i = 0; i < row->scope_count; i++) scopes[i] = row->scopes[i];
    hf_bytes certificate = {row->certificate, row->certificate_size};
    const char *addresses[HF_STATION_ADDRESSES_MAX];
    for (size_t i = 0; i < row->address_count; i++) addresses[i] = row->addresses[i];
    hf_registration wish = {.name = row->name,
                            .force = row->force,
                            .unit = row->unit,
                            .scopes = scopes,
                            .scope_count = row->scope_count,
                            .certificate = certificate,
                            .addresses = addresses,
                            .address_count = row->address_count};
    hf_status status = hf_hub_register(enroll->hub, row->key_id, &wish, wall_ms);
    if (status != HF_OK) return say_trouble(answer, status);
    hf_enrol_answer yes = {
        .code = HF_ENROL_OK,
        .certificate = certificate,
        .name = {(const uint8_t *)row->name, strlen(row->name)},
        .address = {(const uint8_t *)enroll->sync_address, strlen(enroll->sync_address)},
    };
    hf_buffer_clear(answer);
    hf_enrol_answer_write(&yes, answer);
    return 200;
}

/* May this key have what the token buys? 0, or the HTTP status of the refusal in `answer`. */
static int judge(const hf_enroll *enroll, const token_row *row, const uint8_t *key_id,
                 uint64_t wall_ms, hf_buffer *answer)
{
    hf_device device;
    hf_record_id record;
    hf_status status = hf_device_by_key(enroll->store, key_id, &device);
    if (status != HF_OK && status != HF_ERR_NOT_FOUND) return say_trouble(answer, status);
    if (status == HF_OK && device.revoked)
        return say(answer, HF_ENROL_REVOKED, 403,
                   "This device was revoked. Make it anew (holdfast-edge init in an empty data "
                   "directory) and enrol that with a new token.");
    bool is_same_key = row->spent && memcmp(row->key_id, key_id, HF_HASH_SIZE) == 0;
    if (row->spent && !is_same_key)
        return say(answer, HF_ENROL_USED, 403,
                   "This token was used already, by another device. Ask the hub's operator for a "
                   "new one, and tell them if that other device is not yours.");
    if (is_same_key) return 0;
    if (wall_ms > row->expires_ms)
        return say(answer, HF_ENROL_EXPIRED, 403,
                   "This token has expired. Ask the hub's operator for a new one.");
    status = hf_device_by_name(enroll->store, row->name, &device, &record);
    if (status != HF_OK && status != HF_ERR_NOT_FOUND) return say_trouble(answer, status);
    if (status == HF_OK && !device.revoked)
        return say(answer, HF_ENROL_USED, 403,
                   "Another device was enrolled under this token's name meanwhile. Ask the hub's "
                   "operator for a token with another name.");
    return 0;
}

static int answer_with(const hf_enroll *enroll, const hf_enrol_request *request, uint64_t wall_ms,
                       token_row *row, hf_buffer *answer)
{
    const hf_crypto *crypto = hf_store_crypto(enroll->store);
    uint8_t public_key[HF_PUBLIC_KEY_MAX], key_id[HF_HASH_SIZE];
    char key[KEY_SIZE];
    size_t public_key_size = sizeof public_key;
    if (hf_store_control_waits(enroll->store))
        return say(answer, HF_ENROL_BUSY, 503,
                   "The hub was restored and enrols nobody yet. The token stays good: try again "
                   "later, or ask the hub's operator.");
    row_key(crypto, request->secret, key);
    hf_status status = row_read(enroll->store, key, row);
    if (status == HF_ERR_NOT_FOUND)
        return say(answer, HF_ENROL_WRONG, 403,
                   "This hub does not know the token. Check that the whole token was copied, or "
                   "ask the hub's operator for a new one.");
    if (status != HF_OK) return say_trouble(answer, status);
    const hf_authority *authority = enroll->authority;
    status = authority->read(authority->context, request->csr, public_key, &public_key_size);
    if (status == HF_ERR_INPUT)
        return say(answer, HF_ENROL_MALFORMED, 400,
                   "The device's certificate request is not valid. The token still works: update "
                   "the device's program and try again.");
    if (status != HF_OK) return say_trouble(answer, status);
    hf_bytes spki = {public_key, public_key_size};
    crypto->hash(crypto->context, &spki, 1, key_id);
    int refused = judge(enroll, row, key_id, wall_ms, answer);
    if (refused) return refused;
    memcpy(row->key_id, key_id, sizeof key_id);
    if (!row->spent) status = spend(enroll, key, row, spki, wall_ms);
    if (status != HF_OK) return say_trouble(answer, status);
    return grant_access(enroll, row, wall_ms, answer);
}

int hf_enroll_answer(const hf_enroll *enroll, hf_bytes request_bytes, uint64_t wall_ms,
                     hf_buffer *answer)
{
    hf_enrol_request request;
    token_row row = {.spent = false};
    hf_buffer_clear(answer);
    if (hf_enrol_request_read(request_bytes, &request) != HF_OK)
        return say(answer, HF_ENROL_MALFORMED, 400, "The hub could not read the request.");
    if (memcmp(request.hub, enroll->hub_id, HF_HUB_ID_SIZE) != 0)
        return say(answer, HF_ENROL_OTHER_HUB, 403,
                   "This token was made by another hub. Ask the operator of this hub for one, or "
                   "enrol at the hub that made it.");
    int http = answer_with(enroll, &request, wall_ms, &row, answer);
    hf_buffer_free(&row.bytes);
    return http;
}
