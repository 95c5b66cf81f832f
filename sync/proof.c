/* proof.c: an exported receipt, checked by someone who was not there.
 *
 * Each step from the record to the signature is also written down in the file, though it could be
 * worked out: so that whoever is shown a file that was tampered with is told what was altered. */
#include "proof.h"

#include "log.h"

#include <string.h>

typedef struct proof_key {
    hf_origin_id id;
    hf_certificate facts;
} proof_key;

typedef struct checking {
    const hf_crypto *crypto;
    hf_record_id record;
    proof_key keys[HF_PROOF_KEYS_MAX];
    size_t key_count, links; /* over all runs */
    hf_proof_visitor visit;
    void *context;
    const char **why;
} checking;

typedef struct run {
    const proof_key *author, *hub;
    uint32_t scope;
    uint8_t start[HF_HASH_SIZE], log_root[HF_HASH_SIZE];
    hf_bytes links;
    size_t link_count;
    hf_head_leaf leaf;
    hf_receipt receipt;
} run;

static const char CUT[] =
    "This is not a whole receipt: the file was cut short, or bytes of it were changed.";
static const char FOREIGN_HUB[] =
    "The certificate in it that a hub should have is not by this authority: another CA's, or "
    "altered.";
static const char FOREIGN_AUTHOR[] =
    "The certificate in it of the device that wrote is not by this authority: another CA's, or "
    "altered.";
static const char NO_HUB[] =
    "What signed it is a device, not a hub: a device cannot vouch for what it wrote.";
static const char RECORD[] = "The record was altered: it is not what was written and signed for.";
static const char PATH[] =
    "The way from the record to the signature belongs to another entry, or was altered.";
static const char LOG[] =
    "What was signed is of another log than the one that the record is in, or was altered.";
static const char SIGNATURE[] =
    "The hub's signature does not fit: the time or the place in it was altered, or another signed.";
static const char LARGE[] = "The file is larger than any receipt.";

static hf_status refuse(const checking *c, const char *why)
{
    *c->why = why;
    return HF_ERR_PROTOCOL;
}

/* ---- reading ---- */

static void read_tuple(hf_reader *reader, size_t count)
{
    if (hf_read_array(reader, count) != count) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static size_t read_path(hf_reader *reader, uint8_t (*path)[HF_HASH_SIZE], size_t max)
{
    size_t count = hf_read_array(reader, max);
    for (size_t i = 0; i < count && reader->status == HF_OK; i++)
        hf_read_bytes_exact(reader, path[i], HF_HASH_SIZE);
    return count;
}

static uint32_t read_u32(hf_reader *reader)
{
    return (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
}

static void read_leaf(hf_reader *reader, run *r)
{
    read_tuple(reader, 5);
    r->leaf.scope = r->scope;
    r->leaf.seq = hf_read_uint_max(reader, INT64_MAX);
    hf_read_bytes_exact(reader, r->leaf.chain, HF_HASH_SIZE);
    r->leaf.index = read_u32(reader);
    r->leaf.count = read_u32(reader);
    r->leaf.path_count = read_path(reader, r->leaf.path, HF_HEAD_PATH_MAX);
}

static const proof_key *read_key(hf_reader *reader, const checking *c)
{
    uint64_t index = hf_read_uint(reader);
    if (index < c->key_count) return &c->keys[index];
    hf_reader_fail(reader, HF_ERR_PROTOCOL);
    return &c->keys[0];
}

static void read_seal(hf_reader *reader, const checking *c, run *r)
{
    hf_receipt *receipt = &r->receipt;
    read_tuple(reader, 9);
    r->hub = read_key(reader, c);
    receipt->hub = r->hub->id;
    hf_read_bytes_exact(reader, receipt->epoch, sizeof receipt->epoch);
    receipt->time_ms = hf_read_uint_max(reader, INT64_MAX);
    receipt->seq = hf_read_uint_max(reader, INT64_MAX);
    hf_read_bytes_exact(reader, r->log_root, HF_HASH_SIZE);
    receipt->index = read_u32(reader);
    receipt->count = read_u32(reader);
    receipt->path_count = read_path(reader, receipt->path, HF_RECEIPT_PATH_MAX);
    hf_read_bytes_exact(reader, receipt->signature, HF_SIGNATURE_SIZE);
}

/* A link is an entry's hash; of an entry of the record, [hash, body]. */
static hf_bytes read_link(hf_reader *reader, uint8_t hash[HF_HASH_SIZE])
{
    hf_bytes body = {NULL, 0};
    bool whole = hf_reader_kind(reader) == HF_KIND_ARRAY;
    if (whole) read_tuple(reader, 2);
    hf_read_bytes_exact(reader, hash, HF_HASH_SIZE);
    if (whole) body = hf_read_item(reader);
    return body;
}

static void read_run(hf_reader *reader, checking *c, run *r)
{
    uint8_t hash[HF_HASH_SIZE];
    memset(r, 0, sizeof *r);
    read_tuple(reader, 7);
    r->author = read_key(reader, c);
    r->receipt.origin = r->author->id;
    r->receipt.lane = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    r->scope = read_u32(reader);
    hf_read_bytes_exact(reader, r->start, HF_HASH_SIZE);
    r->link_count = hf_read_array(reader, HF_PROOF_LINKS_MAX);
    c->links += r->link_count;
    if (c->links > HF_PROOF_LINKS_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    const uint8_t *start = reader->at;
    for (size_t i = 0; i < r->link_count && reader->status == HF_OK; i++)
        (void)read_link(reader, hash);
    r->links = (hf_bytes){start, (size_t)(reader->at - start)};
    read_leaf(reader, r);
    read_seal(reader, c, r);
}

/* ---- checking ---- */

/* Exactly one part is there, and it is of the record that the file is about. */
static bool is_of_record(const checking *c, const hf_entry_body *entry)
{
    hf_reader parts = hf_reader_open(entry->parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    bool same = entry->erased_count + 1 == entry->part_count;
    for (size_t i = 0; i < count && same; i++) {
        hf_part part;
        if (hf_part_next(NULL, &parts, &part) != HF_OK) return false;
        same = part.erased || (part.record.type == c->record.type &&
                               memcmp(part.record.bytes, c->record.bytes, HF_RECORD_ID_SIZE) == 0);
    }
    return same;
}

static hf_status check_entry(checking *c, const run *r, hf_bytes body,
                             const uint8_t hash[HF_HASH_SIZE])
{
    hf_entry_body entry;
    uint8_t found[HF_HASH_SIZE];
    const hf_receipt *receipt = &r->receipt;
    if (hf_entry_parse(body, &entry) != HF_OK || entry.scope != r->scope ||
        entry.seq > r->leaf.seq || !is_of_record(c, &entry))
        return refuse(c, RECORD);
    hf_status status = hf_entry_hash(c->crypto, &receipt->origin, receipt->lane, &entry, found);
    if (status != HF_OK) return status;
    if (memcmp(found, hash, HF_HASH_SIZE) != 0) return refuse(c, RECORD);
    hf_proof_entry told = {
        .dot = {.origin = receipt->origin, .lane = receipt->lane, .seq = entry.seq},
        .scope = entry.scope,
        .hlc = entry.hlc,
        .quality = entry.quality,
        .actor = entry.actor,
        .author = r->author->facts.name,
        .hub = r->hub->facts.name,
        .by_station = r->hub->facts.is_station,
        .time_ms = receipt->time_ms};
    memcpy(told.hash, hash, HF_HASH_SIZE);
    return c->visit(c->context, &told);
}

static void chain_next(const hf_crypto *crypto, uint8_t chain[HF_HASH_SIZE],
                       const uint8_t hash[HF_HASH_SIZE])
{
    static const uint8_t tag = 0x01;
    hf_bytes pieces[] = {{&tag, 1}, {chain, HF_HASH_SIZE}, {hash, HF_HASH_SIZE}};
    crypto->hash(crypto->context, pieces, 3, chain);
}

static hf_status check_links(checking *c, const run *r)
{
    uint8_t chain[HF_HASH_SIZE], hash[HF_HASH_SIZE];
    hf_reader reader = hf_reader_open(r->links);
    hf_status status = HF_OK;
    size_t entries = 0;
    memcpy(chain, r->start, HF_HASH_SIZE);
    for (size_t i = 0; i < r->link_count && status == HF_OK; i++) {
        hf_bytes body = read_link(&reader, hash);
        if (body.data) status = check_entry(c, r, body, hash);
        if (body.data) entries++;
        chain_next(c->crypto, chain, hash);
    }
    if (status != HF_OK) return status;
    bool same = entries > 0 && memcmp(chain, r->leaf.chain, HF_HASH_SIZE) == 0;
    return same ? HF_OK : refuse(c, PATH);
}

static hf_status check_run(checking *c, const run *r)
{
    uint8_t root[HF_HASH_SIZE], digest[HF_HASH_SIZE];
    const hf_certificate *hub = &r->hub->facts;
    if (!hub->is_hub && !hub->is_station) return refuse(c, NO_HUB);
    hf_status status = check_links(c, r);
    if (status == HF_OK) status = hf_head_leaf_root(c->crypto, &r->leaf, root);
    if (status == HF_ERR_PROTOCOL && !*c->why) return refuse(c, PATH);
    if (status != HF_OK) return status;
    if (r->leaf.seq > r->receipt.seq || memcmp(root, r->log_root, HF_HASH_SIZE) != 0)
        return refuse(c, LOG);
    status = hf_receipt_climb(c->crypto, &r->receipt, r->log_root, digest);
    if (status == HF_ERR_PROTOCOL) return refuse(c, LOG);
    if (status == HF_OK)
        status =
            c->crypto->verify(c->crypto->context, (hf_bytes){hub->public_key, hub->public_key_size},
                              digest, r->receipt.signature);
    return status == HF_ERR_PROTOCOL ? refuse(c, SIGNATURE) : status;
}

/* ---- certificates ---- */

/* The first is a hub's; which of the others are, the runs say. */
static hf_status read_keys(hf_reader *reader, checking *c)
{
    c->key_count = hf_read_array(reader, HF_PROOF_KEYS_MAX);
    for (size_t i = 0; i < c->key_count && reader->status == HF_OK; i++) {
        uint8_t incarnation[HF_INCARNATION_SIZE];
        proof_key *key = &c->keys[i];
        read_tuple(reader, 2);
        hf_read_bytes_exact(reader, incarnation, sizeof incarnation);
        hf_bytes der = hf_read_bytes(reader);
        if (reader->status != HF_OK) break;
        hf_status status = c->crypto->certificate(c->crypto->context, der, &key->facts);
        if (status == HF_ERR_PROTOCOL) return refuse(c, i == 0 ? FOREIGN_HUB : FOREIGN_AUTHOR);
        if (status != HF_OK) return status;
        hf_origin_make_id(c->crypto, key->facts.key_id, incarnation, &key->id);
    }
    return HF_OK;
}

static hf_status read_file(checking *c, hf_reader *reader)
{
    static const char magic[] = "holdfast-receipt";
    read_tuple(reader, 5);
    hf_bytes name = hf_read_text(reader);
    if (!hf_bytes_equal(name, (hf_bytes){(const uint8_t *)magic, sizeof magic - 1}) ||
        hf_read_uint(reader) != 1)
        return refuse(c, "This is not a receipt of a kind that this program knows.");
    read_tuple(reader, 2);
    c->record.type = (uint32_t)hf_read_uint_max(reader, UINT16_MAX);
    hf_read_bytes_exact(reader, c->record.bytes, HF_RECORD_ID_SIZE);
    if (reader->status != HF_OK) return HF_OK;
    hf_status status = read_keys(reader, c);
    size_t runs = status == HF_OK ? hf_read_array(reader, HF_PROOF_RUNS_MAX) : 0;
    if (runs == 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    for (size_t i = 0; i < runs && status == HF_OK && reader->status == HF_OK; i++) {
        run r;
        read_run(reader, c, &r);
        if (reader->status == HF_OK) status = check_run(c, &r);
    }
    return status;
}

hf_status hf_proof_check(const hf_crypto *crypto, hf_bytes file, hf_record_id *record,
                         hf_proof_visitor visit, void *context, const char **why)
{
    checking c = {.crypto = crypto, .visit = visit, .context = context, .why = why};
    *why = NULL;
    *record = (hf_record_id){0};
    if (file.size > HF_PROOF_SIZE_MAX) {
        *why = LARGE;
        return HF_ERR_LIMIT;
    }
    /* Cut short or not one item: said before anything in it is believed to be someone's doing. */
    if (hf_cbor_check_profile(file) != HF_OK) return refuse(&c, CUT);
    hf_reader reader = hf_reader_open(file);
    hf_status status = read_file(&c, &reader);
    if (status == HF_OK && hf_reader_end(&reader) != HF_OK) status = refuse(&c, CUT);
    *record = c.record;
    return status;
}
