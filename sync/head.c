/* head.c: signed heads: one signature that covers every scope of a log, and the way from one
 * scope's chain to it.
 *
 * Why a tree: a device that holds three of a log's twenty scopes must be able to check them without
 * seeing the others; eight hashes are enough for all there can be. Shape and order: RFC 9162 2.1.
 */
#include "relay.h"
#include "store_core.h"
#include "tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TAG_LEAF = 0x03, TAG_HEAD = 0x05, SEAL_SIZE = 8 };

/* ---- the tree ---- */

static hf_status leaf_hash(const hf_crypto *crypto, const hf_head_leaf *leaf,
                           uint8_t out[HF_HASH_SIZE])
{
    static const uint8_t tag = TAG_LEAF;
    hf_buffer item = {0};
    hf_write_array(&item, 3);
    hf_write_uint(&item, leaf->scope);
    hf_write_uint(&item, leaf->seq);
    hf_write_bytes(&item, leaf->chain, HF_HASH_SIZE);
    hf_bytes pieces[] = {{&tag, 1}, hf_buffer_bytes(&item)};
    if (item.status == HF_OK) crypto->hash(crypto->context, pieces, 2, out);
    hf_status status = item.status;
    hf_buffer_free(&item);
    return status;
}

static void note_beside(void *context, size_t index, const uint8_t hash[HF_HASH_SIZE])
{
    hf_head_leaf *leaf = &((hf_head_leaf *)context)[index];
    assert(leaf->path_count < HF_HEAD_PATH_MAX);
    memcpy(leaf->path[leaf->path_count++], hash, HF_HASH_SIZE);
}

hf_status hf_head_leaf_root(const hf_crypto *crypto, const hf_head_leaf *leaf,
                            uint8_t root[HF_HASH_SIZE])
{
    if (leaf->count > HF_LOG_SCOPES_MAX) return HF_ERR_PROTOCOL;
    hf_tree_way way = {leaf->index, leaf->count, leaf->path, leaf->path_count};
    hf_status status = leaf_hash(crypto, leaf, root);
    return status == HF_OK ? hf_tree_climb(crypto, &way, root) : status;
}

/* ---- a log's scopes as they stood at one of its entries ---- */

/* Each scope's last seq, ascending by scope; kept for the next head or receipt of the same log,
 * which is a little further on. Entries never change, so it stays right until a batch is rolled
 * back. Several, since a log's receipts come later than its heads, and lanes take turns. */
enum { BASES = 8 };
typedef struct head_base {
    int64_t log;
    uint64_t seq, used;
    size_t count;
    struct {
        uint32_t scope;
        uint64_t seq;
    } scopes[HF_LOG_SCOPES_MAX];
} head_base;
struct hf_head_bases {
    uint64_t uses;
    head_base base[BASES];
};

void hf_head_forget(hf_store *store)
{
    free(store->head_bases);
    store->head_bases = NULL;
}

/* The one of this log that is nearest before `seq`; else the one that was left alone longest. */
static head_base *base_choose(hf_head_bases *bases, int64_t log, uint64_t seq)
{
    head_base *nearest = NULL, *oldest = &bases->base[0];
    for (size_t i = 0; i < BASES; i++) {
        head_base *at = &bases->base[i];
        if (at->used < oldest->used) oldest = at;
        if (at->log != log || at->seq == 0 || at->seq > seq) continue;
        if (!nearest || at->seq > nearest->seq) nearest = at;
    }
    head_base *chosen = nearest ? nearest : oldest;
    chosen->used = ++bases->uses;
    return chosen;
}

static hf_status base_note(head_base *base, uint32_t scope, uint64_t seq)
{
    size_t at = base->count;
    while (at > 0 && base->scopes[at - 1].scope >= scope) at--;
    if (at == base->count || base->scopes[at].scope != scope) {
        if (base->count == HF_LOG_SCOPES_MAX) return HF_ERR_LIMIT;
        memmove(&base->scopes[at + 1], &base->scopes[at],
                (base->count - at) * sizeof *base->scopes);
        base->count++;
        base->scopes[at].scope = scope;
    }
    base->scopes[at].seq = seq;
    return HF_OK;
}

/* Adds rows of (scope, seq). */
static hf_status base_read(hf_store *store, sqlite3_stmt *statement, head_base *base)
{
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        status = base_note(base, (uint32_t)sqlite3_column_int64(statement, 0),
                           (uint64_t)sqlite3_column_int64(statement, 1));
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    return status;
}

/* From the last accepted head of the log, if it is not past `seq` and has every leaf. */
static hf_status base_from_head(hf_store *store, uint64_t seq, head_base *base)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_HEAD_LOG);
    sqlite3_bind_int64(statement, 1, base->log);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status != HF_OK || !row) return status;
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count = 0;
    uint64_t held = (uint64_t)sqlite3_column_int64(statement, 0);
    hf_bytes stored;
    if (held <= seq) status = hf_head_row_leaves(store, statement, &stored);
    if (held <= seq && status == HF_OK) status = hf_head_read_leaves(stored, leaves, &count);
    bool whole = status == HF_OK && count > 0 && leaves[0].count == count;
    for (size_t i = 0; i < count && whole && status == HF_OK; i++)
        status = base_note(base, leaves[i].scope, leaves[i].seq);
    if (whole) base->seq = held;
    sqlite3_reset(statement);
    return status;
}

/* A log that was written in one scope, as most are: every entry is that scope's, and none of them
 * need be looked at. `single` false: there are more. */
static hf_status base_single(hf_store *store, uint64_t seq, head_base *base, bool *single)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_LOG_SCOPES);
    sqlite3_bind_int64(statement, 1, base->log);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    *single = status == HF_OK && row && sqlite3_column_int64(statement, 0) == 1;
    sqlite3_reset(statement);
    if (status != HF_OK || !*single) return status;
    statement = hf_sql(store, HF_SQL_R_HEAD_TAIL);
    sqlite3_bind_int64(statement, 1, base->log);
    sqlite3_bind_int64(statement, 2, 0);
    sqlite3_bind_int64(statement, 3, INT64_MAX);
    base->count = 0;
    status = base_read(store, statement, base);
    if (status == HF_OK && base->count == 1) base->scopes[0].seq = base->seq = seq;
    return status;
}

/* At the log's tail, the usual place, the vector has the answer. Further back the entries do, from
 * the last head on. */
static hf_status base_at(hf_store *store, int64_t log, uint64_t seq, head_base *base)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_LOG_LAST);
    sqlite3_bind_int64(statement, 1, log);
    uint64_t last;
    hf_status status = hf_sql_number(store, statement, &last);
    bool tail = seq == last;
    if (status != HF_OK) return status;
    if (seq > last || seq == 0) return HF_ERR_NOT_FOUND; /* not held as far as that */
    if (tail || base->log != log || base->seq > seq) {
        base->log = log;
        base->seq = 0;
        base->count = 0;
    }
    bool single = false;
    if (!tail) status = base_single(store, seq, base, &single);
    if (status == HF_OK && !tail && !single && base->seq == 0)
        status = base_from_head(store, seq, base);
    if (status != HF_OK || single) return status;
    statement = hf_sql(store, tail ? HF_SQL_R_HEAD_TAIL : HF_SQL_R_HEAD_SCOPES);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)base->seq);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)seq);
    status = base_read(store, statement, base);
    if (status == HF_OK) base->seq = seq;
    return status;
}

hf_status hf_head_leaves(hf_store *store, int64_t origin_no, uint8_t lane, uint64_t seq,
                         hf_head_leaf leaves[HF_LOG_SCOPES_MAX], size_t *count,
                         uint8_t root[HF_HASH_SIZE])
{
    *count = 0;
    int64_t log = hf_log_no(origin_no, lane);
    if (!store->head_bases) store->head_bases = calloc(1, sizeof *store->head_bases);
    if (!store->head_bases)
        return hf_store_say(store, HF_ERR_NOMEM, "Out of memory. What was saved is safe.");
    head_base *base = base_choose(store->head_bases, log, seq);
    hf_status status = hf_vectors_flush(store);
    if (status == HF_OK) status = base_at(store, log, seq, base);
    if (status == HF_OK && base->count == 0) status = HF_ERR_NOT_FOUND;
    uint8_t nodes[HF_LOG_SCOPES_MAX][HF_HASH_SIZE];
    for (size_t i = 0; status == HF_OK && i < base->count; i++) {
        leaves[i] = (hf_head_leaf){.scope = base->scopes[i].scope,
                                   .seq = base->scopes[i].seq,
                                   .index = (uint32_t)i,
                                   .count = (uint32_t)base->count};
        status = hf_log_chain_through(store, log, leaves[i].seq, leaves[i].chain);
        if (status == HF_OK) status = leaf_hash(store->crypto, &leaves[i], nodes[i]);
    }
    if (status != HF_OK) {
        hf_head_forget(store); /* it may be half read */
        return status;
    }
    *count = base->count;
    hf_tree_fold(store->crypto, nodes, *count, note_beside, leaves);
    memcpy(root, nodes[0], HF_HASH_SIZE);
    return HF_OK;
}

/* ---- signatures ---- */

static hf_status head_digest(const hf_crypto *crypto, const hf_head *head,
                             uint8_t out[HF_HASH_SIZE])
{
    static const uint8_t tag = TAG_HEAD;
    hf_buffer item = {0};
    hf_write_array(&item, 5);
    hf_write_bytes(&item, head->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&item, head->lane);
    hf_write_uint(&item, head->seq);
    hf_write_bytes(&item, head->root, HF_HASH_SIZE);
    hf_write_uint(&item, head->hlc);
    hf_bytes pieces[] = {{&tag, 1}, hf_buffer_bytes(&item)};
    if (item.status == HF_OK) crypto->hash(crypto->context, pieces, 2, out);
    hf_status status = item.status;
    hf_buffer_free(&item);
    return status;
}

hf_status hf_head_sign(hf_store *store, const hf_origin_row *origin, uint8_t lane, uint64_t seq,
                       hf_head *out)
{
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    uint8_t digest[HF_HASH_SIZE];
    *out = (hf_head){.origin = origin->id, .lane = lane, .seq = seq, .hlc = store->hlc};
    hf_status status = hf_head_leaves(store, origin->no, lane, seq, leaves, &count, out->root);
    if (status == HF_OK) status = head_digest(store->crypto, out, digest);
    if (status == HF_OK)
        status = store->crypto->sign(store->crypto->context, digest, out->signature);
    return status;
}

hf_status hf_head_check(hf_store *store, const hf_head *head)
{
    const hf_origin_row *origin = hf_origin_by_id(store, &head->origin);
    assert(origin); /* the caller looked it up */
    hf_buffer der = {0};
    hf_certificate facts;
    uint8_t digest[HF_HASH_SIZE];
    const hf_crypto *crypto = store->crypto;
    hf_status status = hf_origin_certificate(store, origin->no, &der);
    if (status == HF_OK && der.size == 0) status = HF_ERR_NOT_FOUND; /* cannot be judged yet */
    if (status == HF_OK)
        status = crypto->certificate(crypto->context, hf_buffer_bytes(&der), &facts);
    if (status == HF_OK) status = head_digest(crypto, head, digest);
    if (status == HF_OK)
        status =
            crypto->verify(crypto->context, (hf_bytes){facts.public_key, facts.public_key_size},
                           digest, head->signature);
    hf_buffer_free(&der);
    return status;
}

/* ---- accepting heads ---- */

static void write_leaf(hf_buffer *out, const hf_head_leaf *leaf)
{
    hf_write_array(out, 6);
    hf_write_uint(out, leaf->scope);
    hf_write_uint(out, leaf->seq);
    hf_write_bytes(out, leaf->chain, HF_HASH_SIZE);
    hf_write_uint(out, leaf->index);
    hf_write_uint(out, leaf->count);
    hf_write_array(out, leaf->path_count);
    for (size_t i = 0; i < leaf->path_count; i++) hf_write_bytes(out, leaf->path[i], HF_HASH_SIZE);
}

hf_status hf_head_read_leaves(hf_bytes bytes, hf_head_leaf leaves[HF_LOG_SCOPES_MAX], size_t *count)
{
    hf_reader reader = hf_reader_open(bytes);
    *count = hf_read_array(&reader, HF_LOG_SCOPES_MAX);
    for (size_t i = 0; i < *count && reader.status == HF_OK; i++) {
        hf_head_leaf *leaf = &leaves[i];
        *leaf = (hf_head_leaf){0};
        if (hf_read_array(&reader, 6) != 6) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
        leaf->scope = (uint32_t)hf_read_uint_max(&reader, UINT32_MAX);
        leaf->seq = hf_read_uint(&reader);
        hf_read_bytes_exact(&reader, leaf->chain, HF_HASH_SIZE);
        leaf->index = (uint32_t)hf_read_uint_max(&reader, UINT32_MAX);
        leaf->count = (uint32_t)hf_read_uint_max(&reader, UINT32_MAX);
        leaf->path_count = hf_read_array(&reader, HF_HEAD_PATH_MAX);
        for (size_t j = 0; j < leaf->path_count && reader.status == HF_OK; j++)
            hf_read_bytes_exact(&reader, leaf->path[j], HF_HASH_SIZE);
    }
    return hf_reader_end(&reader);
}

/* What the checksum behind the leaves is over: nothing of a head may be wrong, or peers would
 * refuse it. */
static void seal_content(hf_buffer *out, hf_bytes leaves, hf_bytes root, hf_bytes signature,
                         uint64_t seq, hf_hlc hlc)
{
    hf_write_raw(out, leaves);
    hf_write_raw(out, root);
    hf_write_raw(out, signature);
    hf_write_uint(out, seq);
    hf_write_uint(out, hlc);
    hf_seal(out);
}

static void seal_row(hf_buffer *leaves, const hf_head *head)
{
    hf_buffer content = {0};
    seal_content(&content, hf_buffer_bytes(leaves), (hf_bytes){head->root, HF_HASH_SIZE},
                 (hf_bytes){head->signature, HF_SIGNATURE_SIZE}, head->seq, head->hlc);
    if (content.status == HF_OK)
        hf_write_raw(leaves, (hf_bytes){content.data + content.size - SEAL_SIZE, SEAL_SIZE});
    else
        leaves->status = content.status;
    hf_buffer_free(&content);
}

hf_status hf_head_row_leaves(hf_store *store, sqlite3_stmt *row, hf_bytes *out)
{
    hf_bytes stored = hf_column_bytes(row, 4);
    hf_buffer content = {0};
    if (stored.size < SEAL_SIZE) return hf_store_damaged(store, "a head is too short");
    *out = (hf_bytes){stored.data, stored.size - SEAL_SIZE};
    seal_content(&content, *out, hf_column_bytes(row, 2), hf_column_bytes(row, 3),
                 (uint64_t)sqlite3_column_int64(row, 0), (hf_hlc)sqlite3_column_int64(row, 1));
    hf_status status = content.status;
    bool same = status == HF_OK && memcmp(content.data + content.size - SEAL_SIZE,
                                          stored.data + out->size, SEAL_SIZE) == 0;
    hf_buffer_free(&content);
    if (status != HF_OK) return status;
    return same ? HF_OK : hf_store_damaged(store, "a head does not match its checksum");
}

/* Only the newest head of a log is kept: it covers all that older ones did. */
static hf_status head_store(hf_store *store, int64_t log, const hf_head *head,
                            const hf_head_leaf *leaves, size_t count)
{
    hf_buffer bytes = {0};
    hf_write_array(&bytes, count);
    for (size_t i = 0; i < count; i++) write_leaf(&bytes, &leaves[i]);
    seal_row(&bytes, head);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_HEAD_SET);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)++store->head_number);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)store->position);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)head->seq);
    sqlite3_bind_int64(statement, 5, (sqlite3_int64)head->hlc);
    hf_bind_bytes(statement, 6, head->root, HF_HASH_SIZE);
    hf_bind_bytes(statement, 7, head->signature, HF_SIGNATURE_SIZE);
    hf_bind_bytes(statement, 8, bytes.data, bytes.size);
    hf_status status = bytes.status == HF_OK ? hf_sql_run(store, statement) : bytes.status;
    hf_buffer_free(&bytes);
    return status;
}

static hf_status is_newer(hf_store *store, int64_t log, uint64_t seq, bool *newer)
{
    *newer = true;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_HEAD_SEQ);
    sqlite3_bind_int64(statement, 1, log);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) *newer = (uint64_t)sqlite3_column_int64(statement, 0) < seq;
    sqlite3_reset(statement);
    return status;
}

hf_status hf_batch_head(hf_batch *batch, const hf_head *head)
{
    hf_store *store = batch->store;
    const hf_origin_row *origin = hf_origin_by_id(store, &head->origin);
    if (!origin) return HF_ERR_PROTOCOL;
    int64_t log = hf_log_no(origin->no, head->lane);
    bool newer;
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    uint8_t root[HF_HASH_SIZE];
    hf_status status = is_newer(store, log, head->seq, &newer);
    if (status != HF_OK || !newer) return status;
    status = hf_head_leaves(store, origin->no, head->lane, head->seq, leaves, &count, root);
    /* Over entries that we do not hold, or more scopes than a head can cover. */
    if (status == HF_ERR_NOT_FOUND || status == HF_ERR_LIMIT) status = HF_ERR_PROTOCOL;
    if (status == HF_OK && memcmp(root, head->root, HF_HASH_SIZE) != 0)
        status = hf_store_say(store, HF_ERR_PROTOCOL, "A signed head does not match the log.");
    if (status == HF_OK) status = hf_head_check(store, head);
    if (status == HF_OK) status = head_store(store, log, head, leaves, count);
    if (status == HF_OK && store->relays) status = hf_relay_keep(store, log, head);
    return status == HF_ERR_NOT_FOUND ? HF_ERR_PROTOCOL : status;
}

/* HF_ERR_NOT_FOUND: it covers less than a snapshot stands for, where no chain is known. */
static hf_status check_leaf(hf_store *store, const hf_origin_row *origin, const hf_head *head,
                            hf_head_leaf *leaf)
{
    bool had = false;
    uint8_t root[HF_HASH_SIZE];
    hf_vector_slot *slot;
    int64_t log = hf_log_no(origin->no, head->lane);
    hf_status status = hf_vector_get(store, log, leaf->scope, &slot);
    if (status != HF_OK) return status;
    if (slot->seq < leaf->seq) return HF_ERR_PROTOCOL; /* heads follow what they cover */
    if (slot->seq == leaf->seq)
        memcpy(leaf->chain, slot->chain, HF_HASH_SIZE);
    else
        status = hf_log_chain_through(store, log, leaf->seq, leaf->chain);
    if (status == HF_ERR_NOT_FOUND) { /* no entry of ours: another branch, if not that */
        status = hf_in_base(store, leaf->scope, log, leaf->seq, &had);
        if (status == HF_OK) status = had ? HF_ERR_NOT_FOUND : HF_ERR_PROTOCOL;
        return status;
    }
    if (status == HF_OK) status = hf_head_leaf_root(store->crypto, leaf, root);
    if (status == HF_OK && memcmp(root, head->root, HF_HASH_SIZE) != 0)
        status = hf_store_say(store, HF_ERR_PROTOCOL, "A signed head does not match the log.");
    return status;
}

hf_status hf_batch_head_relayed(hf_batch *batch, const hf_head *head, const hf_head_leaf *leaves,
                                size_t leaf_count)
{
    hf_store *store = batch->store;
    const hf_origin_row *origin = hf_origin_by_id(store, &head->origin);
    if (!origin || leaf_count == 0 || leaf_count > HF_LOG_SCOPES_MAX) return HF_ERR_PROTOCOL;
    int64_t log = hf_log_no(origin->no, head->lane);
    hf_head_leaf checked[HF_LOG_SCOPES_MAX];
    bool newer;
    hf_status status = is_newer(store, log, head->seq, &newer);
    if (status != HF_OK || !newer) return status;
    for (size_t i = 0; i < leaf_count && status == HF_OK; i++) {
        checked[i] = leaves[i];
        status = check_leaf(store, origin, head, &checked[i]);
    }
    if (status == HF_ERR_NOT_FOUND) return HF_OK; /* a later head will cover more */
    if (status == HF_OK) status = hf_head_check(store, head);
    if (status == HF_OK) status = head_store(store, log, head, checked, leaf_count);
    return status == HF_ERR_NOT_FOUND ? HF_ERR_PROTOCOL : status;
}

/* ---- passing them on ---- */

static hf_status head_from_row(hf_store *store, sqlite3_stmt *statement, hf_head *head)
{
    int64_t log = sqlite3_column_int64(statement, 0);
    const hf_origin_row *origin = hf_origin_by_no(store, log / 8);
    if (!origin) return HF_ERR_CORRUPT;
    *head = (hf_head){.origin = origin->id,
                      .lane = (uint8_t)(log % 8),
                      .seq = (uint64_t)sqlite3_column_int64(statement, 3),
                      .hlc = (hf_hlc)sqlite3_column_int64(statement, 4)};
    hf_status status = hf_column_exact(store, statement, 5, head->root, HF_HASH_SIZE);
    if (status == HF_OK)
        status = hf_column_exact(store, statement, 6, head->signature, HF_SIGNATURE_SIZE);
    return status;
}

hf_status hf_head_kept_leaves(hf_store *store, const hf_head *head,
                              hf_head_leaf leaves[HF_LOG_SCOPES_MAX], size_t *count)
{
    const hf_origin_row *origin = hf_origin_by_id(store, &head->origin);
    *count = 0;
    if (!origin) return HF_ERR_NOT_FOUND;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_HEAD_LOG);
    sqlite3_bind_int64(statement, 1, hf_log_no(origin->no, head->lane));
    bool row;
    hf_bytes stored;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && (!row || (uint64_t)sqlite3_column_int64(statement, 0) != head->seq))
        status = HF_ERR_NOT_FOUND;
    if (status == HF_OK) status = hf_head_row_leaves(store, statement, &stored);
    if (status == HF_OK) status = hf_head_read_leaves(stored, leaves, count);
    if (statement) sqlite3_reset(statement);
    return status;
}

uint64_t hf_head_newest(const hf_store *store)
{
    return store->head_number;
}

hf_status hf_head_each(hf_store *store, uint64_t after, uint32_t limit, hf_head_visitor visit,
                       void *context)
{
    hf_status status = HF_OK;
    for (uint32_t i = 0; i < limit && status == HF_OK; i++) {
        hf_head head;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_HEADS);
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)after);
        bool row;
        status = hf_sql_row(store, statement, &row);
        if (status != HF_OK || !row) return status;
        after = (uint64_t)sqlite3_column_int64(statement, 1);
        uint64_t position = (uint64_t)sqlite3_column_int64(statement, 2);
        status = head_from_row(store, statement, &head);
        sqlite3_reset(statement); /* the visitor may read heads itself */
        if (status == HF_OK) status = visit(context, after, &head, position);
    }
    return status;
}
