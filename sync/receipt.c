/* receipt.c: what hubs signed of our logs: checked, kept, thinned out, and marked when a hub turns
 * out to have lost what it signed for. */
#include "receipt.h"

#include "messages.h"
#include "store_core.h"
#include "tree.h"

#include <assert.h>
#include <string.h>

enum { TAG_RECEIPT = 0x0d, TAG_LOG = 0x0e };

/* ---- what is hashed ---- */

static hf_status hash_item(const hf_crypto *crypto, uint8_t tag, hf_buffer *item,
                           uint8_t out[HF_HASH_SIZE])
{
    hf_bytes pieces[] = {{&tag, 1}, hf_buffer_bytes(item)};
    hf_status status = item->status;
    if (status == HF_OK) crypto->hash(crypto->context, pieces, 2, out);
    hf_buffer_free(item);
    return status;
}

hf_status hf_receipt_leaf(const hf_crypto *crypto, const hf_receipt *receipt,
                          const uint8_t log_root[HF_HASH_SIZE], uint8_t out[HF_HASH_SIZE])
{
    hf_buffer item = {0};
    hf_write_array(&item, 4);
    hf_write_bytes(&item, receipt->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&item, receipt->lane);
    hf_write_uint(&item, receipt->seq);
    hf_write_bytes(&item, log_root, HF_HASH_SIZE);
    return hash_item(crypto, TAG_LOG, &item, out);
}

hf_status hf_receipt_digest(const hf_crypto *crypto, const hf_receipt *receipt,
                            const uint8_t root[HF_HASH_SIZE], uint8_t out[HF_HASH_SIZE])
{
    hf_buffer item = {0};
    hf_write_array(&item, 5);
    hf_write_bytes(&item, receipt->hub.bytes, HF_ORIGIN_SIZE);
    hf_write_bytes(&item, receipt->epoch, sizeof receipt->epoch);
    hf_write_uint(&item, receipt->time_ms);
    hf_write_uint(&item, receipt->count);
    hf_write_bytes(&item, root, HF_HASH_SIZE);
    return hash_item(crypto, TAG_RECEIPT, &item, out);
}

hf_status hf_receipt_climb(const hf_crypto *crypto, const hf_receipt *receipt,
                           const uint8_t log_root[HF_HASH_SIZE], uint8_t digest[HF_HASH_SIZE])
{
    uint8_t hash[HF_HASH_SIZE];
    if (receipt->count > HF_RECEIPT_LOGS_MAX) return HF_ERR_PROTOCOL;
    hf_tree_way way = {receipt->index, receipt->count, receipt->path, receipt->path_count};
    hf_status status = hf_receipt_leaf(crypto, receipt, log_root, hash);
    if (status == HF_OK) status = hf_tree_climb(crypto, &way, hash);
    return status == HF_OK ? hf_receipt_digest(crypto, receipt, hash, digest) : status;
}

static void note_beside(void *context, size_t index, const uint8_t hash[HF_HASH_SIZE])
{
    hf_receipt *receipt = &((hf_receipt *)context)[index];
    assert(receipt->path_count < HF_RECEIPT_PATH_MAX);
    memcpy(receipt->path[receipt->path_count++], hash, HF_HASH_SIZE);
}

hf_status hf_receipts_fold(const hf_crypto *crypto, hf_receipt *receipts,
                           uint8_t (*roots)[HF_HASH_SIZE], size_t count,
                           uint8_t digest[HF_HASH_SIZE])
{
    hf_status status = HF_OK;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        receipts[i].index = (uint32_t)i;
        receipts[i].count = (uint32_t)count;
        receipts[i].path_count = 0;
        status = hf_receipt_leaf(crypto, &receipts[i], roots[i], roots[i]);
    }
    if (status != HF_OK) return status;
    hf_tree_fold(crypto, roots, count, note_beside, receipts);
    return hf_receipt_digest(crypto, &receipts[0], roots[0], digest);
}

/* ---- is it true? ---- */

static hf_status check_signature(hf_store *store, const hf_receipt *receipt,
                                 const uint8_t digest[HF_HASH_SIZE])
{
    const hf_origin_row *hub = hf_origin_by_id(store, &receipt->hub);
    const hf_crypto *crypto = store->crypto;
    hf_certificate facts;
    hf_buffer der = {0};
    if (!hub || !hub->known || !hub->name[0]) return HF_ERR_NOT_FOUND;
    hf_status status = hf_origin_certificate(store, hub->no, &der);
    if (status == HF_OK)
        status = crypto->certificate(crypto->context, hf_buffer_bytes(&der), &facts);
    if (status == HF_OK && !facts.is_hub && !facts.is_station) status = HF_ERR_PROTOCOL;
    if (status == HF_OK)
        status =
            crypto->verify(crypto->context, (hf_bytes){facts.public_key, facts.public_key_size},
                           digest, receipt->signature);
    hf_buffer_free(&der);
    return status;
}

hf_status hf_receipt_check(hf_store *store, const hf_receipt *receipt)
{
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    size_t count;
    uint8_t root[HF_HASH_SIZE], digest[HF_HASH_SIZE];
    const hf_origin_row *origin = hf_origin_by_id(store, &receipt->origin);
    if (!origin) return HF_ERR_NOT_FOUND;
    hf_status status =
        hf_head_leaves(store, origin->no, receipt->lane, receipt->seq, leaves, &count, root);
    if (status == HF_OK) status = hf_receipt_climb(store->crypto, receipt, root, digest);
    return status == HF_OK ? check_signature(store, receipt, digest) : status;
}

/* ---- rows ---- */

/* A row is (log, seq, hub, time, undone, proof). The checksum behind `proof` is over all of it: a
 * bit that flips in a time would make another time of it. */
static void seal_row(hf_buffer *proof, int64_t log, const hf_receipt *receipt)
{
    hf_buffer all = {0};
    hf_write_raw(&all, hf_buffer_bytes(proof));
    hf_write_int(&all, log);
    hf_write_uint(&all, receipt->seq);
    hf_write_bytes(&all, receipt->hub.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&all, receipt->time_ms);
    hf_write_uint(&all, receipt->undone_ms);
    hf_seal(&all);
    if (all.status == HF_OK)
        hf_write_raw(proof, (hf_bytes){all.data + all.size - sizeof(uint64_t), sizeof(uint64_t)});
    else
        proof->status = all.status;
    hf_buffer_free(&all);
}

static void proof_write(hf_buffer *out, int64_t log, const hf_receipt *receipt)
{
    hf_write_array(out, 5);
    hf_write_bytes(out, receipt->epoch, sizeof receipt->epoch);
    hf_write_bytes(out, receipt->signature, HF_SIGNATURE_SIZE);
    hf_write_uint(out, receipt->index);
    hf_write_uint(out, receipt->count);
    hf_write_array(out, receipt->path_count);
    for (size_t i = 0; i < receipt->path_count; i++)
        hf_write_bytes(out, receipt->path[i], HF_HASH_SIZE);
    seal_row(out, log, receipt);
}

static hf_status proof_read(hf_store *store, hf_bytes stored, int64_t log, hf_receipt *out)
{
    size_t size = stored.size < sizeof(uint64_t) ? 0 : stored.size - sizeof(uint64_t);
    hf_reader reader = hf_reader_open((hf_bytes){stored.data, size});
    (void)hf_read_array(&reader, 5);
    hf_read_bytes_exact(&reader, out->epoch, sizeof out->epoch);
    hf_read_bytes_exact(&reader, out->signature, HF_SIGNATURE_SIZE);
    out->index = (uint32_t)hf_read_uint_max(&reader, UINT32_MAX);
    out->count = (uint32_t)hf_read_uint_max(&reader, UINT32_MAX);
    out->path_count = hf_read_array(&reader, HF_RECEIPT_PATH_MAX);
    for (size_t i = 0; i < out->path_count && reader.status == HF_OK; i++)
        hf_read_bytes_exact(&reader, out->path[i], HF_HASH_SIZE);
    hf_buffer again = {0};
    bool same = hf_reader_end(&reader) == HF_OK;
    if (same) proof_write(&again, log, out);
    hf_status status = again.status;
    same = same && hf_bytes_equal(hf_buffer_bytes(&again), stored);
    hf_buffer_free(&again);
    if (status != HF_OK || same) return status;
    return hf_store_damaged(store, "a receipt does not match its checksum");
}

static hf_status row_read(hf_store *store, sqlite3_stmt *row, hf_receipt *out)
{
    int64_t log = sqlite3_column_int64(row, 0);
    const hf_origin_row *origin = hf_origin_by_no(store, log / 8);
    *out = (hf_receipt){.lane = (uint8_t)(log % 8),
                        .seq = (uint64_t)sqlite3_column_int64(row, 1),
                        .time_ms = (uint64_t)sqlite3_column_int64(row, 3),
                        .undone_ms = (uint64_t)sqlite3_column_int64(row, 4)};
    if (!origin) return hf_store_damaged(store, "a receipt is of a log that nobody wrote");
    out->origin = origin->id;
    hf_status status = hf_column_exact(store, row, 2, out->hub.bytes, HF_ORIGIN_SIZE);
    return status == HF_OK ? proof_read(store, hf_column_bytes(row, 5), log, out) : status;
}

static hf_status row_write(hf_store *store, int64_t log, const hf_receipt *receipt)
{
    hf_buffer proof = {0};
    proof_write(&proof, log, receipt);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECEIPT_SET);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)receipt->seq);
    hf_bind_bytes(statement, 3, receipt->hub.bytes, HF_ORIGIN_SIZE);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)receipt->time_ms);
    sqlite3_bind_int64(statement, 5, (sqlite3_int64)receipt->undone_ms);
    hf_bind_bytes(statement, 6, proof.data, proof.size);
    hf_status status = proof.status == HF_OK ? hf_sql_run(store, statement) : proof.status;
    hf_buffer_free(&proof);
    return status;
}

/* One row, or none, of a statement that gives whole rows; reset when it is read. */
static hf_status row_take(hf_store *store, sqlite3_stmt *statement, hf_receipt *out, bool *found)
{
    hf_status status = hf_sql_row(store, statement, found);
    if (status == HF_OK && *found) status = row_read(store, statement, out);
    if (statement) sqlite3_reset(statement);
    return status;
}

/* ---- keeping ---- */

static hf_status row_drop(hf_store *store, int64_t log, const hf_receipt *receipt)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECEIPT_DROP);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)receipt->seq);
    hf_bind_bytes(statement, 3, receipt->hub.bytes, HF_ORIGIN_SIZE);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)receipt->time_ms);
    return hf_sql_run(store, statement);
}

/* The last two of this hub's that stand are A and B, and C comes. Where C is still close to A, in
 * entries and in time, B says nothing that anyone needs: a proof by C is short, and not late. While
 * the hub's clock is being set, all are kept. */
static hf_status thin(hf_store *store, int64_t log, const hf_receipt *next)
{
    hf_receipt last[2];
    size_t count = 0;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECEIPT_LAST);
    sqlite3_bind_int64(statement, 1, log);
    hf_bind_bytes(statement, 2, next->hub.bytes, HF_ORIGIN_SIZE);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row && count < 2) {
        status = row_read(store, statement, &last[count++]);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    if (status != HF_OK || count < 2) return status;
    bool in_order = last[1].time_ms <= last[0].time_ms && last[0].time_ms <= next->time_ms;
    bool near = in_order && next->seq - last[1].seq <= HF_RECEIPT_APART &&
                next->time_ms < last[1].time_ms + HF_RECEIPT_APART_MS;
    if (HF_PLANTED(RECEIPT_THINNED)) return row_drop(store, log, &last[1]);
    return near ? row_drop(store, log, &last[0]) : HF_OK;
}

/* The oldest goes: what it alone covered is then proved by the next one, by a longer way. */
static hf_status make_room(hf_store *store, int64_t log)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECEIPT_ROOM);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, HF_RECEIPTS_MAX - 1);
    hf_receipt oldest;
    bool found;
    hf_status status = row_take(store, statement, &oldest, &found);
    return status == HF_OK && found ? row_drop(store, log, &oldest) : status;
}

/* A station has others' receipts to pass on, and their authors keep them: the newest will do. */
static hf_status keep_newest(hf_store *store, int64_t log, const hf_receipt *receipt)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECEIPT_CLEAR);
    sqlite3_bind_int64(statement, 1, log);
    hf_status status = hf_sql_run(store, statement);
    return status == HF_OK ? row_write(store, log, receipt) : status;
}

hf_status hf_batch_receipt(hf_batch *batch, const hf_receipt *receipt)
{
    hf_store *store = batch->store;
    uint64_t newest = 0;
    const hf_origin_row *origin = hf_origin_by_id(store, &receipt->origin);
    if (!origin) return HF_ERR_PROTOCOL;
    hf_status status = HF_PLANTED(RECEIPT_UNCHECKED) ? HF_OK : hf_receipt_check(store, receipt);
    if (status == HF_ERR_NOT_FOUND || status == HF_ERR_LIMIT) return HF_ERR_PROTOCOL;
    if (status == HF_OK)
        status = hf_receipt_newest(store, &receipt->hub, origin->no, receipt->lane, &newest);
    if (status != HF_OK || receipt->seq <= newest) return status; /* nothing that is not known */
    int64_t log = hf_log_no(origin->no, receipt->lane);
    hf_receipt kept = *receipt;
    kept.undone_ms = 0;
    if (store->relays) return keep_newest(store, log, &kept);
    status = thin(store, log, &kept);
    if (status == HF_OK) status = make_room(store, log);
    return status == HF_OK ? row_write(store, log, &kept) : status;
}

hf_status hf_batch_receipts_void(hf_batch *batch)
{
    return hf_sql_run(batch->store, hf_sql(batch->store, HF_SQL_RECEIPTS_VOID));
}

/* ---- falling back ---- */

/* There is one centre: what it has not, its former lives have lost. */
static bool is_centre(hf_store *store, const hf_origin_id *hub)
{
    const hf_origin_row *row = hf_origin_by_id(store, hub);
    return row && row->is_hub;
}

static hf_status undo_one(hf_batch *batch, int64_t log, const hf_origin_id *hub, uint64_t durable,
                          bool *more)
{
    hf_store *store = batch->store;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECEIPT_PAST);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)durable);
    hf_bind_bytes(statement, 3, hub->bytes, HF_ORIGIN_SIZE);
    sqlite3_bind_int(statement, 4, is_centre(store, hub));
    hf_receipt receipt;
    hf_status status = row_take(store, statement, &receipt, more);
    if (status != HF_OK || !*more) return status;
    receipt.undone_ms = batch->wall_ms ? batch->wall_ms : 1;
    return row_write(store, log, &receipt);
}

hf_status hf_batch_fall_back(hf_batch *batch, const hf_origin_id *hub, const hf_origin_row *origin,
                             const hf_acked *said, bool alone)
{
    hf_store *store = batch->store;
    int64_t log = hf_log_no(origin->no, said->lane);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ACK_LOWER);
    hf_bind_bytes(statement, 1, hub->bytes, HF_ORIGIN_SIZE);
    sqlite3_bind_int64(statement, 2, log);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)said->durable);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)said->central);
    sqlite3_bind_int(statement, 5, alone);
    sqlite3_bind_int(statement, 6, alone && is_centre(store, hub));
    hf_status status = hf_sql_run(store, statement);
    batch->acks_changed = true;
    return status;
}

hf_status hf_batch_receipts_undo(hf_batch *batch, const hf_origin_id *hub,
                                 const hf_origin_row *origin, uint8_t lane, uint64_t durable)
{
    hf_status status = HF_OK;
    bool more = true;
    while (status == HF_OK && more)
        status = undo_one(batch, hf_log_no(origin->no, lane), hub, durable, &more);
    return status;
}

/* ---- asking ---- */

hf_status hf_receipt_newest(hf_store *store, const hf_origin_id *hub, int64_t origin_no,
                            uint8_t lane, uint64_t *seq)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECEIPT_NEWEST);
    sqlite3_bind_int64(statement, 1, hf_log_no(origin_no, lane));
    hf_bind_bytes(statement, 2, hub->bytes, HF_ORIGIN_SIZE);
    bool row;
    *seq = 0;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) *seq = (uint64_t)sqlite3_column_int64(statement, 0);
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_receipt_find(hf_store *store, int64_t origin_no, uint8_t lane, uint64_t seq,
                          bool undone, hf_receipt *out, bool *found)
{
    sqlite3_stmt *statement =
        hf_sql(store, undone ? HF_SQL_RECEIPT_UNDONE : HF_SQL_RECEIPT_COVERING);
    sqlite3_bind_int64(statement, 1, hf_log_no(origin_no, lane));
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    return row_take(store, statement, out, found);
}

hf_status hf_receipt_by(hf_store *store, int64_t origin_no, uint8_t lane, uint64_t seq, bool centre,
                        hf_receipt *out, bool *found)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECEIPT_BY);
    sqlite3_bind_int64(statement, 1, hf_log_no(origin_no, lane));
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    sqlite3_bind_int(statement, 3, centre);
    return row_take(store, statement, out, found);
}

hf_status hf_receipt_centre(hf_store *store, hf_origin_id *hub, bool *found)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECEIPT_CENTRE);
    hf_status status = hf_sql_row(store, statement, found);
    if (status == HF_OK && *found)
        status = hf_column_exact(store, statement, 0, hub->bytes, HF_ORIGIN_SIZE);
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_receipt_each(hf_store *store, hf_receipt_visitor visit, void *context)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_RECEIPTS);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_receipt receipt;
        status = row_read(store, statement, &receipt);
        if (status == HF_OK) status = visit(context, &receipt);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}
