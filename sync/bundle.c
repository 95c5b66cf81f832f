/* bundle.c: see bundle.h. */
#include "bundle.h"

#include <stdlib.h>
#include <string.h>

enum { /* first bytes of what is hashed: protocol.md 2 */
       HASH_BUNDLE = 0x14,
       HASH_BUNDLE_ID = 0x15,
       HASH_ANSWER = 0x16
};
enum { VERSION = 1, BUNDLE_ITEMS = 8, ANSWER_ITEMS = 12, ANSWERED_ITEMS = 5 };

static void digest_of(const hf_crypto *crypto, uint8_t first, hf_bytes bytes,
                      uint8_t out[HF_HASH_SIZE])
{
    hf_bytes pieces[] = {{&first, 1}, bytes};
    crypto->hash(crypto->context, pieces, 2, out);
}

void hf_bundle_id(const hf_crypto *crypto, hf_bytes bundle, uint8_t id[HF_HASH_SIZE])
{
    digest_of(crypto, HASH_BUNDLE_ID, bundle, id);
}

static hf_bytes read_certificate(hf_reader *reader)
{
    hf_bytes der = hf_read_bytes(reader);
    if (der.size > HF_CERTIFICATE_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    return der;
}

static void read_begin(hf_reader *reader, size_t items)
{
    if (hf_read_array(reader, SIZE_MAX) != items) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static void read_version(hf_reader *reader)
{
    if (hf_read_uint(reader) != VERSION) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static hf_bytes since(const uint8_t *start, const hf_reader *reader)
{
    bool good = reader->status == HF_OK;
    return (hf_bytes){start, good ? (size_t)(reader->at - start) : 0};
}

/* ---- a bundle ---- */

hf_status hf_bundle_read(hf_bytes bytes, hf_bundle *out)
{
    memset(out, 0, sizeof *out);
    if (bytes.size > HF_BUNDLE_SIZE_MAX) return HF_ERR_LIMIT;
    hf_reader reader = hf_reader_open(bytes);
    read_begin(&reader, BUNDLE_ITEMS);
    const uint8_t *start = reader.at;
    read_version(&reader);
    out->certificate = read_certificate(&reader);
    out->serial = hf_read_uint_max(&reader, INT64_MAX);
    out->lane = (uint8_t)hf_read_uint_max(&reader, HF_LANE_COUNT - 1);
    out->made_ms = hf_read_uint_max(&reader, INT64_MAX);
    hf_read_bytes_exact(&reader, out->centre, HF_HASH_SIZE);
    out->beside = since(start, &reader);
    out->sealed = hf_read_bytes(&reader);
    out->signed_part = since(start, &reader);
    hf_read_bytes_exact(&reader, out->signature, HF_SIGNATURE_SIZE);
    if (out->lane == HF_LANE_CONTROL || out->sealed.size <= HF_SEAL_SIZE)
        hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    return hf_reader_end(&reader);
}

static hf_status check(const hf_crypto *crypto, uint8_t first, hf_bytes certificate,
                       hf_bytes signed_part, const uint8_t *signature, hf_certificate *out)
{
    uint8_t digest[HF_HASH_SIZE];
    hf_status status = crypto->certificate(crypto->context, certificate, out);
    if (status != HF_OK) return status;
    digest_of(crypto, first, signed_part, digest);
    return crypto->verify(crypto->context, (hf_bytes){out->public_key, out->public_key_size},
                          digest, signature);
}

hf_status hf_bundle_check(const hf_crypto *crypto, const hf_bundle *bundle, hf_certificate *station)
{
    hf_status status = check(crypto, HASH_BUNDLE, bundle->certificate, bundle->signed_part,
                             bundle->signature, station);
    return status == HF_OK && !station->is_station ? HF_ERR_PROTOCOL : status;
}

static hf_status sign_and_end(const hf_crypto *crypto, uint8_t first, size_t start, hf_buffer *out)
{
    uint8_t digest[HF_HASH_SIZE], signature[HF_SIGNATURE_SIZE];
    if (out->status != HF_OK) return out->status;
    digest_of(crypto, first, (hf_bytes){out->data + start, out->size - start}, digest);
    hf_status status = crypto->sign(crypto->context, digest, signature);
    if (status == HF_OK) hf_write_bytes(out, signature, sizeof signature);
    return status == HF_OK ? out->status : status;
}

static hf_status hide(const hf_crypto *crypto, const hf_certificate *centre, hf_bytes beside,
                      const hf_buffer *list, hf_buffer *out)
{
    uint8_t *room = hf_buffer_reserve(out, list->size + HF_SEAL_SIZE);
    if (!room || list->status != HF_OK) return HF_ERR_NOMEM;
    out->size = list->size + HF_SEAL_SIZE;
    return crypto->seal(crypto->context, (hf_bytes){centre->public_key, centre->public_key_size},
                        beside, hf_buffer_bytes(list), room);
}

hf_status hf_bundle_seal(const hf_crypto *crypto, const hf_bundle *parts,
                         const hf_certificate *centre, hf_list plain, hf_buffer *out)
{
    hf_buffer list = {0}, sealed = {0};
    hf_write_array(&list, plain.count);
    hf_write_raw(&list, plain.items);
    hf_buffer_clear(out);
    hf_write_array(out, BUNDLE_ITEMS);
    size_t start = out->size;
    hf_write_uint(out, VERSION);
    hf_write_bytes(out, crypto->own_certificate.data, crypto->own_certificate.size);
    hf_write_uint(out, parts->serial);
    hf_write_uint(out, parts->lane);
    hf_write_uint(out, parts->made_ms);
    hf_write_bytes(out, centre->key_id, HF_HASH_SIZE);
    hf_status status = out->status;
    if (status == HF_OK)
        status =
            hide(crypto, centre, (hf_bytes){out->data + start, out->size - start}, &list, &sealed);
    hf_write_bytes(out, sealed.data, sealed.size);
    if (status == HF_OK) status = sign_and_end(crypto, HASH_BUNDLE, start, out);
    hf_buffer_free(&list);
    hf_buffer_free(&sealed);
    return status == HF_OK && out->size > HF_BUNDLE_SIZE_MAX ? HF_ERR_LIMIT : status;
}

static bool read_message(hf_reader *reader, hf_bytes *out)
{
    *out = hf_read_bytes(reader);
    if (out->size == 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    return reader->status == HF_OK;
}

hf_status hf_bundle_open(const hf_crypto *crypto, const hf_bundle *bundle, hf_buffer *plain,
                         hf_list *messages)
{
    hf_buffer_clear(plain);
    *messages = (hf_list){.count = 0};
    if (bundle->sealed.size <= HF_SEAL_SIZE) return HF_ERR_PROTOCOL;
    size_t size = bundle->sealed.size - HF_SEAL_SIZE;
    uint8_t *room = hf_buffer_reserve(plain, size);
    if (!room) return HF_ERR_NOMEM;
    hf_status status = crypto->unseal(crypto->context, bundle->beside, bundle->sealed, room);
    if (status != HF_OK) return status;
    plain->size = size;
    hf_reader reader = hf_reader_open(hf_buffer_bytes(plain));
    hf_bytes message;
    size_t count = hf_read_array(&reader, SIZE_MAX);
    if (count == 0) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    if (count > HF_BUNDLE_GROUPS_MAX + HF_BUNDLE_AUTHORS_MAX) hf_reader_fail(&reader, HF_ERR_LIMIT);
    const uint8_t *start = reader.at;
    for (size_t i = 0; i < count && read_message(&reader, &message); i++) continue;
    status = hf_reader_end(&reader);
    if (status == HF_OK) *messages = (hf_list){since(start, &reader), count};
    return status;
}

bool hf_next_message_item(hf_list *list, hf_bytes *out)
{
    hf_reader reader;
    if (!hf_list_begin(list, &reader)) return false;
    (void)read_message(&reader, out);
    return hf_list_end(list, &reader);
}

void hf_write_message_item(hf_buffer *out, hf_bytes message)
{
    hf_write_bytes(out, message.data, message.size);
}

/* ---- an answer ---- */

static bool read_answered(hf_reader *reader, hf_answered *out)
{
    read_begin(reader, ANSWERED_ITEMS);
    hf_read_bytes_exact(reader, out->origin.bytes, HF_ORIGIN_SIZE);
    out->lane = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    out->seq = hf_read_uint_max(reader, INT64_MAX);
    hf_read_bytes_exact(reader, out->root, HF_HASH_SIZE);
    out->code = (uint16_t)hf_read_uint_max(reader, UINT16_MAX);
    return reader->status == HF_OK;
}

bool hf_next_answered(hf_list *list, hf_answered *out)
{
    hf_reader reader;
    if (!hf_list_begin(list, &reader)) return false;
    (void)read_answered(&reader, out);
    return hf_list_end(list, &reader);
}

void hf_write_answered(hf_buffer *out, const hf_answered *log)
{
    hf_write_array(out, ANSWERED_ITEMS);
    hf_write_bytes(out, log->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(out, log->lane);
    hf_write_uint(out, log->seq);
    hf_write_bytes(out, log->root, HF_HASH_SIZE);
    hf_write_uint(out, log->code);
}

static void read_logs(hf_reader *reader, hf_answer *out)
{
    hf_answered log;
    bool has = false;
    out->logs.count = hf_read_array(reader, SIZE_MAX);
    if (out->logs.count > HF_BUNDLE_GROUPS_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    if (out->code != 0 && out->logs.count > 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    const uint8_t *first = reader->at;
    for (size_t i = 0; i < out->logs.count && read_answered(reader, &log); i++)
        has = has || log.seq > 0;
    out->logs.items = since(first, reader);
    out->receipt = hf_read_bytes(reader);
    if (out->receipt.size != (has ? HF_SIGNATURE_SIZE : 0)) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

hf_status hf_answer_read(hf_bytes bytes, hf_answer *out)
{
    memset(out, 0, sizeof *out);
    if (bytes.size > HF_ANSWER_SIZE_MAX) return HF_ERR_LIMIT;
    hf_reader reader = hf_reader_open(bytes);
    read_begin(&reader, ANSWER_ITEMS);
    const uint8_t *start = reader.at;
    read_version(&reader);
    hf_read_bytes_exact(&reader, out->bundle, HF_HASH_SIZE);
    out->certificate = read_certificate(&reader);
    hf_read_bytes_exact(&reader, out->incarnation, HF_INCARNATION_SIZE);
    hf_read_bytes_exact(&reader, out->epoch, sizeof out->epoch);
    out->time_ms = hf_read_uint_max(&reader, INT64_MAX);
    out->code = (uint16_t)hf_read_uint_max(&reader, UINT16_MAX);
    out->text = hf_read_text(&reader);
    if (out->text.size > HF_TEXT_MAX) hf_reader_fail(&reader, HF_ERR_LIMIT);
    read_logs(&reader, out);
    out->hubs = hf_read_bytes(&reader);
    if (out->hubs.size > HF_HUB_LIST_SIZE_MAX) hf_reader_fail(&reader, HF_ERR_LIMIT);
    out->signed_part = since(start, &reader);
    hf_read_bytes_exact(&reader, out->signature, HF_SIGNATURE_SIZE);
    return hf_reader_end(&reader);
}

/* ---- the receipts in it ---- */

typedef struct folded {
    hf_receipt *receipts;
    size_t count;
    uint8_t digest[HF_HASH_SIZE]; /* that their signature is over, if there are any */
} folded;

/* Each with its place and way; `receipts` has the room. */
static hf_status fold(const hf_crypto *crypto, const hf_answer *answer, const uint8_t *centre,
                      folded *out)
{
    hf_receipt common = {.time_ms = answer->time_ms};
    hf_answered log;
    uint8_t(*roots)[HF_HASH_SIZE] = calloc(HF_BUNDLE_GROUPS_MAX, sizeof *roots);
    out->count = 0;
    if (!roots) return HF_ERR_NOMEM;
    hf_origin_make_id(crypto, centre, answer->incarnation, &common.hub);
    memcpy(common.epoch, answer->epoch, sizeof common.epoch);
    if (answer->receipt.size) memcpy(common.signature, answer->receipt.data, HF_SIGNATURE_SIZE);
    for (hf_list walk = answer->logs; hf_next_answered(&walk, &log);) {
        if (log.seq == 0) continue;
        hf_receipt *receipt = &out->receipts[out->count];
        *receipt = common;
        receipt->origin = log.origin;
        receipt->lane = log.lane;
        receipt->seq = log.seq;
        memcpy(roots[out->count++], log.root, HF_HASH_SIZE);
    }
    hf_status status = HF_OK;
    if (out->count > 0)
        status = hf_receipts_fold(crypto, out->receipts, roots, out->count, out->digest);
    free(roots);
    return status;
}

hf_status hf_answer_receipts(const hf_crypto *crypto, const hf_answer *answer,
                             const uint8_t centre[HF_HASH_SIZE], hf_receipt *out, size_t *count)
{
    folded all = {.receipts = out};
    hf_status status = fold(crypto, answer, centre, &all);
    *count = all.count;
    return status;
}

static hf_status fold_alone(const hf_crypto *crypto, const hf_answer *answer, const uint8_t *centre,
                            folded *out)
{
    *out = (folded){.receipts = calloc(HF_BUNDLE_GROUPS_MAX, sizeof *out->receipts)};
    hf_status status = out->receipts ? fold(crypto, answer, centre, out) : HF_ERR_NOMEM;
    free(out->receipts);
    out->receipts = NULL;
    return status;
}

hf_status hf_answer_check(const hf_crypto *crypto, const hf_answer *answer, hf_certificate *centre)
{
    hf_status status = check(crypto, HASH_ANSWER, answer->certificate, answer->signed_part,
                             answer->signature, centre);
    if (status == HF_OK && !centre->is_hub) return HF_ERR_PROTOCOL;
    if (status != HF_OK || answer->receipt.size == 0) return status;
    folded all;
    status = fold_alone(crypto, answer, centre->key_id, &all);
    if (status != HF_OK) return status;
    return crypto->verify(crypto->context, (hf_bytes){centre->public_key, centre->public_key_size},
                          all.digest, answer->receipt.data);
}

hf_status hf_answer_write(const hf_crypto *crypto, const hf_answer *answer, hf_buffer *out)
{
    uint8_t receipt[HF_SIGNATURE_SIZE];
    folded all;
    hf_buffer_clear(out);
    hf_status status = fold_alone(crypto, answer, crypto->own_key_id, &all);
    if (status == HF_OK && all.count > 0)
        status = crypto->sign(crypto->context, all.digest, receipt);
    if (status != HF_OK) return status;
    hf_write_array(out, ANSWER_ITEMS);
    size_t start = out->size;
    hf_write_uint(out, VERSION);
    hf_write_bytes(out, answer->bundle, HF_HASH_SIZE);
    hf_write_bytes(out, crypto->own_certificate.data, crypto->own_certificate.size);
    hf_write_bytes(out, answer->incarnation, HF_INCARNATION_SIZE);
    hf_write_bytes(out, answer->epoch, sizeof answer->epoch);
    hf_write_uint(out, answer->time_ms);
    hf_write_uint(out, answer->code);
    hf_write_text(out, (const char *)answer->text.data, answer->text.size);
    hf_write_array(out, answer->logs.count);
    hf_write_raw(out, answer->logs.items);
    hf_write_bytes(out, receipt, all.count > 0 ? sizeof receipt : 0);
    hf_write_bytes(out, answer->hubs.data, answer->hubs.size);
    return sign_and_end(crypto, HASH_ANSWER, start, out);
}
