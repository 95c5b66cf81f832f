/* origin.c: installations, known by number in every row and by 16 bytes on the wire.
 *
 * Rows are few (one for each device's incarnation) and asked for at every write, so all of them
 * are held in memory. An origin that was only cited has a row without a key until it is met. */
#include "store_core.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t slot_of(const hf_store *store, const hf_origin_id *id)
{
    uint64_t word;
    memcpy(&word, id->bytes, sizeof word); /* a hash's bytes are spread already */
    size_t mask = store->origin_table_size - 1;
    size_t slot = (size_t)word & mask;
    while (store->origin_table[slot] && memcmp(&store->origin_table[slot]->id, id, sizeof *id) != 0)
        slot = (slot + 1) & mask;
    return slot;
}

static hf_status table_grow(hf_store *store)
{
    if ((store->origin_count + 1) * 2 <= store->origin_table_size) return HF_OK;
    size_t size = store->origin_table_size ? store->origin_table_size * 2 : 64;
    hf_origin_row **table = calloc(size, sizeof *table);
    if (!table) return HF_ERR_NOMEM;
    free(store->origin_table);
    store->origin_table = table;
    store->origin_table_size = size;
    for (size_t i = 0; i < store->origin_count; i++)
        table[slot_of(store, &store->origins[i]->id)] = store->origins[i];
    return HF_OK;
}

/* Takes `row`, also when it fails. */
static hf_status cache_add(hf_store *store, hf_origin_row *row)
{
    assert(row->no == (int64_t)store->origin_count + 1); /* rows are numbered from 1, no gaps */
    hf_status status = table_grow(store);
    if (status == HF_OK && store->origin_count == store->origin_capacity) {
        size_t capacity = store->origin_capacity ? store->origin_capacity * 2 : 32;
        hf_origin_row **rows = realloc(store->origins, capacity * sizeof *rows);
        if (!rows) status = HF_ERR_NOMEM;
        if (rows) store->origins = rows;
        if (rows) store->origin_capacity = capacity;
    }
    if (status != HF_OK) {
        free(row);
        return hf_store_say(store, status, "Out of memory. What was saved before is safe.");
    }
    store->origins[store->origin_count++] = row;
    store->origin_table[slot_of(store, &row->id)] = row;
    return HF_OK;
}

struct hf_origin_before {
    hf_origin_row row;
    struct hf_origin_before *next;
};

/* A batch that fails takes back what it learnt of an origin that was here already. */
static hf_status before_keep(hf_store *store, const hf_origin_row *row)
{
    if (!store->batch) return HF_OK; /* a statement of its own: done, or not */
    struct hf_origin_before *before = malloc(sizeof *before);
    if (!before) return hf_store_say(store, HF_ERR_NOMEM, "Out of memory. What was saved is safe.");
    *before = (struct hf_origin_before){*row, store->origins_before};
    store->origins_before = before;
    return HF_OK;
}

/* The oldest of a row's is the last to be put back. */
static void before_end(hf_store *store, bool undo)
{
    while (store->origins_before) {
        struct hf_origin_before *before = store->origins_before;
        store->origins_before = before->next;
        if (undo) *store->origins[before->row.no - 1] = before->row;
        free(before);
    }
}

void hf_origins_settle(hf_store *store)
{
    before_end(store, false);
}

void hf_origins_undo(hf_store *store, size_t count)
{
    before_end(store, true);
    if (count == store->origin_count) return;
    while (store->origin_count > count) free(store->origins[--store->origin_count]);
    memset(store->origin_table, 0, store->origin_table_size * sizeof *store->origin_table);
    for (size_t i = 0; i < store->origin_count; i++)
        store->origin_table[slot_of(store, &store->origins[i]->id)] = store->origins[i];
}

const hf_origin_row *hf_origin_by_id(hf_store *store, const hf_origin_id *id)
{
    return store->origin_table_size ? store->origin_table[slot_of(store, id)] : NULL;
}

size_t hf_origin_count(const hf_store *store)
{
    return store->origin_count;
}

const hf_origin_row *hf_origin_by_no(hf_store *store, int64_t no)
{
    if (no < 1 || (uint64_t)no > store->origin_count) return NULL;
    return store->origins[no - 1];
}

static hf_status row_from_statement(hf_store *store, sqlite3_stmt *statement, hf_origin_row *row)
{
    row->no = sqlite3_column_int64(statement, 0);
    hf_status status = hf_column_exact(store, statement, 1, row->id.bytes, HF_ORIGIN_SIZE);
    hf_bytes key = hf_column_bytes(statement, 2), incarnation = hf_column_bytes(statement, 3);
    if (key.size == HF_HASH_SIZE && incarnation.size == HF_INCARNATION_SIZE) {
        memcpy(row->key_id, key.data, HF_HASH_SIZE);
        memcpy(row->incarnation, incarnation.data, HF_INCARNATION_SIZE);
        row->known = true;
    }
    const char *name = (const char *)sqlite3_column_text(statement, 4);
    if (name) strncpy(row->name, name, sizeof row->name - 1);
    row->is_hub = sqlite3_column_int(statement, 5) != 0;
    return status;
}

static hf_status own_find(hf_store *store)
{
    hf_buffer id = {0};
    hf_status status = hf_meta_get(store, "origin", &id);
    if (status == HF_OK && id.size == HF_ORIGIN_SIZE) {
        hf_origin_id own;
        memcpy(own.bytes, id.data, HF_ORIGIN_SIZE);
        store->own = (hf_origin_row *)hf_origin_by_id(store, &own);
        if (store->own) store->own->own = true;
    }
    hf_buffer_free(&id);
    return status;
}

hf_status hf_origins_load(hf_store *store)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ORIGINS);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        hf_origin_row *origin = calloc(1, sizeof *origin);
        status = origin ? row_from_statement(store, statement, origin) : HF_ERR_NOMEM;
        if (status == HF_OK && origin->no != (int64_t)store->origin_count + 1)
            status = hf_store_say(store, HF_ERR_CORRUPT,
                                  "The store %s is damaged: an origin's "
                                  "row is missing.",
                                  store->path);
        if (status == HF_OK)
            status = cache_add(store, origin);
        else
            free(origin);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status == HF_OK ? own_find(store) : status;
}

static hf_status row_write(hf_store *store, hf_sql_id sql, const hf_origin_row *row,
                           hf_bytes certificate)
{
    sqlite3_stmt *statement = hf_sql(store, sql);
    int at = sql == HF_SQL_ORIGIN_ADD ? 3 : 2; /* an update does not name the id again */
    sqlite3_bind_int64(statement, 1, row->no);
    if (sql == HF_SQL_ORIGIN_ADD) hf_bind_bytes(statement, 2, row->id.bytes, HF_ORIGIN_SIZE);
    hf_bind_bytes(statement, at, row->key_id, row->known ? HF_HASH_SIZE : 0);
    hf_bind_bytes(statement, at + 1, row->incarnation, row->known ? HF_INCARNATION_SIZE : 0);
    hf_bind_bytes(statement, at + 2, certificate.data, certificate.size);
    sqlite3_bind_text(statement, at + 3, row->name, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, at + 4, row->is_hub);
    return hf_sql_run(store, statement);
}

static hf_status row_add(hf_store *store, const hf_origin_row *like, hf_bytes certificate,
                         hf_origin_row **out)
{
    if (store->origin_count >= HF_ORIGIN_INDEX_MAX)
        return hf_store_say(store, HF_ERR_LIMIT,
                            "This store knows as many installations as it can.");
    hf_origin_row *row = malloc(sizeof *row);
    if (!row) return hf_store_say(store, HF_ERR_NOMEM, "Out of memory. What was saved is safe.");
    *row = *like;
    row->no = (int64_t)store->origin_count + 1;
    hf_status status = row_write(store, HF_SQL_ORIGIN_ADD, row, certificate);
    if (status != HF_OK) {
        free(row);
        return status;
    }
    status = cache_add(store, row);
    if (status == HF_OK) *out = store->origins[store->origin_count - 1];
    return status;
}

hf_status hf_origin_intern(hf_store *store, const hf_origin_id *id, hf_origin_row **out)
{
    *out = (hf_origin_row *)hf_origin_by_id(store, id);
    if (*out) return HF_OK;
    hf_origin_row row = {.id = *id};
    return row_add(store, &row, (hf_bytes){NULL, 0}, out);
}

void hf_origin_make_id(const hf_crypto *crypto, const uint8_t key_id[HF_HASH_SIZE],
                       const uint8_t incarnation[HF_INCARNATION_SIZE], hf_origin_id *out)
{
    static const uint8_t tag = 0x06;
    uint8_t hash[HF_HASH_SIZE];
    hf_bytes pieces[] = {{&tag, 1}, {key_id, HF_HASH_SIZE}, {incarnation, HF_INCARNATION_SIZE}};
    crypto->hash(crypto->context, pieces, 3, hash);
    memcpy(out->bytes, hash, HF_ORIGIN_SIZE);
}

static hf_status certificate_read(hf_store *store, hf_bytes certificate, hf_origin_row *row)
{
    hf_certificate facts;
    hf_status status = store->crypto->certificate(store->crypto->context, certificate, &facts);
    if (status != HF_OK)
        return hf_store_say(store, HF_ERR_PROTOCOL,
                            "A certificate that came with an origin is not by our authority.");
    if (memcmp(facts.key_id, row->key_id, HF_HASH_SIZE) != 0)
        return hf_store_say(store, HF_ERR_PROTOCOL,
                            "A certificate that came with an origin is of another key.");
    memcpy(row->name, facts.name, sizeof row->name);
    row->name[sizeof row->name - 1] = 0;
    row->is_hub = facts.is_hub;
    return HF_OK;
}

/* The newest named installation with this key, NULL for none; and how many there are, named or not.
 */
static const hf_origin_row *named_by_key(const hf_store *store, const uint8_t key_id[HF_HASH_SIZE],
                                         size_t *count)
{
    const hf_origin_row *named = NULL;
    *count = 0;
    for (size_t i = store->origin_count; i-- > 0;) {
        const hf_origin_row *row = store->origins[i];
        if (!row->known || memcmp(row->key_id, key_id, HF_HASH_SIZE) != 0) continue;
        if (!named && row->name[0]) named = row;
        (*count)++;
    }
    return named;
}

/* Reads the certificate into `fresh`. One that we hold for this key is as good as when we checked
 * it, and to check it again costs milliseconds, of which 64 incarnations would cost 64 times. */
static hf_status certificate_take(hf_store *store, hf_bytes certificate, const hf_origin_row *named,
                                  hf_origin_row *fresh)
{
    hf_buffer held = {0};
    hf_status status = named ? hf_origin_certificate(store, named->no, &held) : HF_OK;
    bool same = named && hf_bytes_equal(hf_buffer_bytes(&held), certificate);
    hf_buffer_free(&held);
    if (status != HF_OK) return status;
    if (!same) return certificate_read(store, certificate, fresh);
    memcpy(fresh->name, named->name, sizeof fresh->name);
    fresh->is_hub = named->is_hub;
    return HF_OK;
}

hf_status hf_origin_learn(hf_store *store, const uint8_t key_id[HF_HASH_SIZE],
                          const uint8_t incarnation[HF_INCARNATION_SIZE], hf_bytes certificate,
                          const hf_origin_row **out)
{
    hf_origin_row fresh = {.known = true};
    hf_origin_make_id(store->crypto, key_id, incarnation, &fresh.id);
    hf_origin_row *row = (hf_origin_row *)hf_origin_by_id(store, &fresh.id);
    *out = row;
    if (row && row->known && (row->name[0] || certificate.size == 0)) return HF_OK;
    memcpy(fresh.key_id, key_id, HF_HASH_SIZE);
    memcpy(fresh.incarnation, incarnation, HF_INCARNATION_SIZE);
    hf_status status = HF_OK;
    size_t count;
    const hf_origin_row *named = named_by_key(store, key_id, &count);
    bool ours = memcmp(key_id, store->crypto->own_key_id, HF_HASH_SIZE) == 0;
    if (!row && !ours && count >= HF_KEY_ORIGINS_MAX)
        return hf_store_say(store, HF_ERR_LIMIT, "One key has as many lives here as it may have.");
    if (certificate.size) status = certificate_take(store, certificate, named, &fresh);
    if (status != HF_OK) return status;
    if (!row) {
        status = row_add(store, &fresh, certificate, &row);
    } else {
        fresh.no = row->no;
        fresh.own = row->own;
        status = before_keep(store, row);
        if (status == HF_OK) status = row_write(store, HF_SQL_ORIGIN_SET, &fresh, certificate);
        if (status == HF_OK) *row = fresh;
    }
    *out = row;
    return status;
}

hf_status hf_origin_certificate(hf_store *store, int64_t no, hf_buffer *out)
{
    hf_buffer_clear(out);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ORIGIN_CERTIFICATE);
    sqlite3_bind_int64(statement, 1, no);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) hf_write_raw(out, hf_column_bytes(statement, 0));
    sqlite3_reset(statement);
    return status == HF_OK ? out->status : status;
}

hf_status hf_origin_each_own(hf_store *store, hf_origin_visitor visit, void *context)
{
    hf_status status = store->own ? visit(context, store->own) : HF_OK;
    for (size_t i = store->origin_count; i-- > 0 && status == HF_OK;) {
        const hf_origin_row *row = store->origins[i];
        if (row->own || !row->known) continue;
        if (memcmp(row->key_id, store->crypto->own_key_id, HF_HASH_SIZE) != 0) continue;
        status = visit(context, row);
    }
    return status;
}

hf_status hf_origin_mint(hf_store *store)
{
    uint8_t incarnation[HF_INCARNATION_SIZE];
    const hf_crypto *crypto = store->crypto;
    const hf_origin_row *row = NULL;
    size_t before = store->origin_count;
    hf_status status = crypto->random(crypto->context, incarnation, sizeof incarnation);
    if (status == HF_OK) status = hf_sql_exec(store, "BEGIN IMMEDIATE");
    if (status != HF_OK) return status;
    status = hf_origin_learn(store, crypto->own_key_id, incarnation, crypto->own_certificate, &row);
    if (status == HF_OK)
        status = hf_meta_set(store, "origin", (hf_bytes){row->id.bytes, HF_ORIGIN_SIZE});
    if (status == HF_OK) status = hf_sql_exec(store, "COMMIT");
    if (status != HF_OK) {
        hf_store_undo(store);
        hf_origins_undo(store, before);
        return status;
    }
    if (store->own) store->own->own = false;
    store->own = store->origins[row->no - 1];
    store->own->own = true;
    store->fence.seq = 0;      /* of the log that begins now */
    store->references_moved++; /* the former one's numbers are not ours */
    return HF_OK;
}

/* Enrolment comes after the store: our own origin learns its certificate at the next open. */
hf_status hf_origin_own_certificate(hf_store *store)
{
    const hf_origin_row *row;
    if (!store->own || store->own->name[0] || store->crypto->own_certificate.size == 0)
        return HF_OK;
    return hf_origin_learn(store, store->own->key_id, store->own->incarnation,
                           store->crypto->own_certificate, &row);
}
