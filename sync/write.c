/* write.c: what an officer changes becomes entries: what each write overwrites, part by part.
 *
 * The rule decides here, once, at the writer: which live writes a new one lists as overwritten.
 * Drafts are made from what the store holds, and become entries only at commit, through apply.c. */
#include "store_core.h"

#include "draft.h"
#include "ids.h"
#include "reference.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct hf_txn {
    hf_store *store;
    char actor[HF_TEXT_MAX + 1];
    hf_author author; /* its actor points at ours */
    hf_drafts drafts;
    uint8_t (*imports)[16]; /* rows to mark as taken, in the same transaction */
    size_t import_count, import_capacity;
};

hf_status hf_txn_begin(hf_store *store, const hf_author *author, hf_txn **out)
{
    assert(!store->txn && !store->batch); /* one at a time */
    *out = NULL;
    hf_status status = hf_store_writable(store);
    if (status != HF_OK) return status;
    size_t size = strlen(author->actor);
    if (size > HF_TEXT_MAX || !hf_utf8_valid((hf_bytes){(const uint8_t *)author->actor, size}))
        return hf_store_say(store, HF_ERR_INPUT,
                            "The name of who acts must be at most %d bytes of "
                            "text.",
                            HF_TEXT_MAX);
    hf_txn *txn = calloc(1, sizeof *txn);
    if (!txn) return hf_store_say(store, HF_ERR_NOMEM, "Out of memory; nothing was changed.");
    txn->store = store;
    memcpy(txn->actor, author->actor, size + 1);
    txn->author = *author;
    txn->author.actor = txn->actor;
    store->txn = txn;
    *out = txn;
    return HF_OK;
}

void hf_txn_rollback(hf_txn *txn)
{
    if (!txn) return;
    txn->store->txn = NULL;
    hf_drafts_clear(&txn->drafts);
    free(txn->imports);
    free(txn);
}

hf_status hf_txn_new_id(hf_txn *txn, uint32_t type, hf_record_id *out)
{
    hf_status status = hf_record_id_new(txn->store->crypto, type, txn->author.wall_ms, out);
    if (status == HF_OK) status = hf_drafts_minted(&txn->drafts, out);
    return status == HF_ERR_NOMEM ? hf_store_say(txn->store, status, "Out of memory.") : status;
}

hf_status hf_txn_change(hf_txn *txn, const hf_change *change)
{
    return hf_drafts_add(txn->store, &txn->drafts, change);
}

void hf_txn_next_entry(hf_txn *txn)
{
    hf_drafts_next_entry(&txn->drafts);
}

hf_status hf_import_seen(hf_store *store, const uint8_t digest[16], bool *seen)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_IMPORT_GET);
    hf_bind_bytes(statement, 1, digest, 16);
    hf_status status = hf_sql_row(store, statement, seen);
    sqlite3_reset(statement);
    return status;
}

hf_status hf_txn_mark_import(hf_txn *txn, const uint8_t digest[16])
{
    if (txn->import_count == txn->import_capacity) {
        size_t capacity = txn->import_capacity ? txn->import_capacity * 2 : 64;
        uint8_t(*imports)[16] = realloc(txn->imports, capacity * sizeof *imports);
        if (!imports) return hf_store_say(txn->store, HF_ERR_NOMEM, "Out of memory.");
        txn->imports = imports;
        txn->import_capacity = capacity;
    }
    memcpy(txn->imports[txn->import_count++], digest, 16);
    return HF_OK;
}

static hf_status mark_imports(hf_txn *txn)
{
    hf_status status = HF_OK;
    for (size_t i = 0; i < txn->import_count && status == HF_OK; i++) {
        sqlite3_stmt *statement = hf_sql(txn->store, HF_SQL_IMPORT_ADD);
        hf_bind_bytes(statement, 1, txn->imports[i], 16);
        status = hf_sql_run(txn->store, statement);
    }
    return status;
}

/* ---- drafts to entries ---- */

static hf_status write_entries(hf_batch *batch, hf_drafts *drafts, const hf_author *author,
                               hf_dot *dots, size_t *count)
{
    hf_store *store = batch->store;
    size_t room = count ? *count : 0, made = 0;
    hf_buffer parts = {0};
    uint8_t id[8];
    hf_status status = store->crypto->random(store->crypto->context, id, sizeof id);
    for (size_t first = 0; first < drafts->count && status == HF_OK; first++) {
        hf_draft draft;
        bool mine; /* the first part of its entry writes them all */
        status = hf_drafts_entry(store, drafts, first, &parts, &draft, &mine);
        if (status != HF_OK || !mine) continue;
        draft.actor = author->actor;
        draft.quality = author->quality;
        if (hf_drafts_shared(drafts, first)) draft.transaction = (hf_bytes){id, sizeof id};
        hf_dot dot;
        status = hf_batch_own(batch, &draft, &dot);
        if (status == HF_OK && made < room) dots[made] = dot;
        made++;
    }
    hf_buffer_free(&parts);
    if (count) *count = made;
    return status;
}

hf_status hf_txn_commit(hf_txn *txn, hf_dot *dots, size_t *count)
{
    hf_store *store = txn->store;
    hf_batch *batch = NULL;
    hf_status status =
        hf_batch_begin_own(store, txn->author.wall_ms, txn->drafts.count + 1, &batch);
    if (status == HF_OK) status = hf_references_number(batch, &txn->drafts, &txn->author);
    if (status == HF_OK) status = write_entries(batch, &txn->drafts, &txn->author, dots, count);
    if (status == HF_OK) status = mark_imports(txn);
    if (status == HF_OK)
        status = hf_batch_commit(batch);
    else
        hf_batch_rollback(batch);
    hf_txn_rollback(txn);
    return status;
}

hf_status hf_write_changes(hf_batch *batch, const hf_author *author, const hf_change *changes,
                           size_t count)
{
    hf_drafts drafts = {0};
    hf_status status = HF_OK;
    for (size_t i = 0; i < count && status == HF_OK; i++)
        status = hf_drafts_add(batch->store, &drafts, &changes[i]);
    if (status == HF_OK) status = write_entries(batch, &drafts, author, NULL, NULL);
    hf_drafts_clear(&drafts);
    return status;
}

/* ---- a hub's own words ---- */

hf_status hf_batch_control(hf_batch *batch, uint32_t scope, const hf_author *author,
                           const hf_change *changes, size_t count)
{
    assert(batch->store->is_hub);
    for (size_t i = 0; i < count; i++) {
        assert(changes[i].scope == scope);
        assert(changes[i].record.type < HF_TYPE_FIRST_PACK);
    }
    return hf_write_changes(batch, author, changes, count);
}
