/* elsewhere.c: what a device had of another hub since it left this one.
 *
 * Why not by the logs' whole names, as in VECTOR: 300 of them would be 5 kB. Four bytes tell nearly
 * all origins apart, and one hash over the whole names of a few dozen logs shows where they do not.
 * What is not understood is fed, as if it had not been named. */
#include "elsewhere.h"

#include "coverage.h"
#include "planted.h"
#include "store_core.h"

#include <stdlib.h>
#include <string.h>

enum {
    TAG_ELSEWHERE = 0x11,
    PREFIX_SIZE = 4,
    LOG_SIZE = HF_ORIGIN_SIZE + 1 /* as the check covers it: origin, lane */
};

void hf_elsewhere_check(const hf_crypto *crypto, hf_bytes names, uint8_t out[HF_ELSEWHERE_CHECK])
{
    static const uint8_t tag = TAG_ELSEWHERE;
    uint8_t hash[HF_HASH_SIZE];
    hf_bytes pieces[] = {{&tag, 1}, names};
    crypto->hash(crypto->context, pieces, 2, hash);
    memcpy(out, hash, HF_ELSEWHERE_CHECK);
}

/* ---- the frame's item ---- */

static void read_uints(hf_reader *reader, size_t count, hf_list *out)
{
    *out = (hf_list){.count = hf_read_array(reader, SIZE_MAX)};
    if (out->count != count) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    const uint8_t *start = reader->at;
    for (size_t i = 0; i < out->count && reader->status == HF_OK; i++)
        (void)hf_read_uint_max(reader, INT64_MAX);
    if (reader->status == HF_OK) out->items = (hf_bytes){start, (size_t)(reader->at - start)};
}

static void read_group(hf_reader *reader, hf_elsewhere *out)
{
    memset(out, 0, sizeof *out);
    if (hf_read_array(reader, SIZE_MAX) != 6) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    out->scope = (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
    out->origins = hf_read_bytes(reader);
    out->lanes = hf_read_bytes(reader);
    size_t count = out->lanes.size;
    if (count == 0 || out->origins.size != count * PREFIX_SIZE)
        hf_reader_fail(reader, HF_ERR_PROTOCOL);
    if (count > HF_ELSEWHERE_GROUP) hf_reader_fail(reader, HF_ERR_LIMIT);
    for (size_t i = 0; i < count && reader->status == HF_OK; i++)
        if (out->lanes.data[i] >= HF_LANE_COUNT) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    read_uints(reader, count, &out->seqs);
    read_uints(reader, count, &out->heads);
    hf_read_bytes_exact(reader, out->check, sizeof out->check);
}

/* VECTOR's fifth item. */
void hf_read_vector_heads(hf_reader *reader, hf_message *out)
{
    read_uints(reader, out->as.vector.logs.count, &out->as.vector.heads);
}

/* HELLO's twelfth item. */
void hf_read_elsewhere(hf_reader *reader, hf_message *out)
{
    hf_list *list = &out->as.hello.elsewhere;
    size_t total = 0;
    list->count = hf_read_array(reader, SIZE_MAX);
    const uint8_t *start = reader->at;
    for (size_t i = 0; i < list->count && reader->status == HF_OK; i++) {
        hf_elsewhere group;
        read_group(reader, &group);
        total += group.lanes.size;
        if (total > HF_ELSEWHERE_LOGS_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    }
    list->items = (hf_bytes){start, reader->status == HF_OK ? (size_t)(reader->at - start) : 0};
}

bool hf_next_elsewhere(hf_list *list, hf_elsewhere *out)
{
    hf_reader reader;
    if (!hf_list_begin(list, &reader)) return false;
    read_group(&reader, out);
    return hf_list_end(list, &reader);
}

static hf_bytes read_bits(hf_reader *reader, size_t most)
{
    hf_bytes bits = hf_read_bytes(reader);
    if (bits.size > most / 8) hf_reader_fail(reader, HF_ERR_LIMIT);
    return bits;
}

void hf_read_had(hf_reader *reader, hf_message *out)
{
    out->as.had = read_bits(reader, HF_ELSEWHERE_LOGS_MAX);
}

/* VECTOR_DONE's third item. */
void hf_read_vector_had(hf_reader *reader, hf_message *out)
{
    out->as.done.had = read_bits(reader, HF_VECTOR_LOGS_MAX);
}

static void write_group(hf_buffer *out, const hf_elsewhere *group)
{
    hf_write_array(out, 6);
    hf_write_uint(out, group->scope);
    hf_write_bytes(out, group->origins.data, group->origins.size);
    hf_write_bytes(out, group->lanes.data, group->lanes.size);
    hf_write_array(out, group->seqs.count);
    hf_write_raw(out, group->seqs.items);
    hf_write_array(out, group->heads.count);
    hf_write_raw(out, group->heads.items);
    hf_write_bytes(out, group->check, sizeof group->check);
}

/* ---- at a device ---- */

typedef struct naming { /* one group as it grows */
    hf_store *store;
    hf_buffer *out, *named;
    size_t written;
    uint32_t scope;
    size_t count;
    uint8_t names[HF_ELSEWHERE_GROUP * LOG_SIZE];
    uint8_t origins[HF_ELSEWHERE_GROUP * PREFIX_SIZE], lanes[HF_ELSEWHERE_GROUP];
    hf_buffer seqs, heads;
} naming;

static void end_group(naming *name)
{
    if (name->count == 0) return;
    hf_elsewhere group = {.scope = name->scope,
                          .origins = {name->origins, name->count * PREFIX_SIZE},
                          .lanes = {name->lanes, name->count},
                          .seqs = {hf_buffer_bytes(&name->seqs), name->count},
                          .heads = {hf_buffer_bytes(&name->heads), name->count}};
    hf_elsewhere_check(name->store->crypto, (hf_bytes){name->names, name->count * LOG_SIZE},
                       group.check);
    write_group(name->out, &group);
    name->written++;
    name->count = 0;
    hf_buffer_clear(&name->seqs);
    hf_buffer_clear(&name->heads);
}

hf_status hf_claim_head(hf_store *store, int64_t origin_no, uint8_t lane, uint64_t seq,
                        hf_buffer *out)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_HEAD_SEQ);
    sqlite3_bind_int64(statement, 1, hf_log_no(origin_no, lane));
    uint64_t head;
    hf_status status = hf_sql_number(store, statement, &head);
    hf_write_uint(out, head < seq ? 0 : head - seq + 1);
    return status == HF_OK ? out->status : status;
}

static uint64_t claimed_head(uint64_t seq, uint64_t claim)
{
    return claim ? seq + claim - 1 : 0;
}

static hf_status add_name(naming *name, const hf_origin_row *origin, uint8_t lane, uint64_t seq)
{
    uint8_t *whole = name->names + name->count * LOG_SIZE;
    memcpy(whole, origin->id.bytes, HF_ORIGIN_SIZE);
    whole[HF_ORIGIN_SIZE] = lane;
    memcpy(name->origins + name->count * PREFIX_SIZE, origin->id.bytes, PREFIX_SIZE);
    name->lanes[name->count++] = lane;
    hf_relay_log log = {.origin_no = origin->no, .lane = lane, .seq = seq};
    hf_write_raw(name->named, (hf_bytes){(const uint8_t *)&log, sizeof log});
    hf_write_uint(&name->seqs, seq);
    return hf_claim_head(name->store, origin->no, lane, seq, &name->heads);
}

static hf_status add_row(naming *name, sqlite3_stmt *statement)
{
    uint32_t scope = (uint32_t)sqlite3_column_int64(statement, 0);
    int64_t log = sqlite3_column_int64(statement, 1);
    uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 2);
    uint64_t first = (uint64_t)sqlite3_column_int64(statement, 3);
    uint64_t hole = (uint64_t)sqlite3_column_int64(statement, 4);
    const hf_origin_row *origin = hf_origin_by_no(name->store, log / 8);
    if (!origin) return HF_ERR_CORRUPT;
    /* Of what is withheld here the hub may have the body: from there on it is fed. */
    if (hole && hole <= seq) seq = hole - 1;
    if (HF_PLANTED(NAMED_TOO_FAR)) seq++;
    if (seq < first) return HF_OK;
    if (name->count == HF_ELSEWHERE_GROUP || scope != name->scope) end_group(name);
    name->scope = scope;
    return add_name(name, origin, (uint8_t)(log % 8), seq);
}

hf_status hf_elsewhere_write(hf_store *store, uint64_t here, hf_buffer *named, hf_buffer *groups,
                             size_t *count)
{
    naming name = {.store = store, .named = named, .out = groups};
    /* So that a day's import, which is all our own, does not keep a greeting waiting. */
    if (store->position > here + HF_ELSEWHERE_LOOK_MAX)
        here = store->position - HF_ELSEWHERE_LOOK_MAX;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ELSEWHERE);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)here);
    hf_bind_bytes(statement, 2, store->crypto->own_key_id, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 3, HF_ELSEWHERE_LOGS_MAX);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        status = add_row(&name, statement);
        if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    end_group(&name);
    if (status == HF_OK) status = name.seqs.status;
    if (status == HF_OK) status = name.heads.status;
    if (status == HF_OK) status = named->status;
    *count = name.written;
    hf_buffer_free(&name.seqs);
    hf_buffer_free(&name.heads);
    return status == HF_OK ? groups->status : status;
}

/* ---- at a hub ---- */

typedef struct had_log {
    int64_t log;
    uint32_t scope;
    uint64_t seq, head; /* entries up to here; and heads */
} had_log;

struct hf_had {
    size_t count, room;
    had_log logs[]; /* ascending by log, then scope */
};

/* *had with room for `more`. */
static hf_status grow(hf_had **had, size_t more)
{
    size_t count = hf_had_count(*had);
    if (*had && count + more <= (*had)->room) return HF_OK;
    hf_had *grown = realloc(*had, sizeof *grown + (count + more) * sizeof grown->logs[0]);
    if (!grown) return HF_ERR_NOMEM;
    grown->count = count;
    grown->room = count + more;
    *had = grown;
    return HF_OK;
}

/* The one origin that begins so; 0: none, or several. */
static hf_status origin_of(hf_store *store, const uint8_t prefix[PREFIX_SIZE], int64_t *no)
{
    uint8_t from[HF_ORIGIN_SIZE] = {0}, to[HF_ORIGIN_SIZE];
    memset(to, 0xff, sizeof to);
    memcpy(from, prefix, PREFIX_SIZE);
    memcpy(to, prefix, PREFIX_SIZE);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ORIGINS_BETWEEN);
    hf_bind_bytes(statement, 1, from, sizeof from);
    hf_bind_bytes(statement, 2, to, sizeof to);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    *no = 0;
    if (status == HF_OK && row && sqlite3_column_int64(statement, 1) == 1)
        *no = sqlite3_column_int64(statement, 0);
    if (statement) sqlite3_reset(statement);
    return status;
}

/* Adds what a group names, if each of its logs is known and they are the ones that are meant; but
 * for those that we have not got as far: they are fed when they come, which tells of them. `bits`
 * has room for all, and is 0. */
static hf_status add_group(hf_store *store, const hf_elsewhere *group, size_t first, uint8_t *bits,
                           hf_had *had)
{
    had_log logs[HF_ELSEWHERE_GROUP];
    uint64_t dense[HF_ELSEWHERE_GROUP];
    uint8_t names[HF_ELSEWHERE_GROUP * LOG_SIZE], check[HF_ELSEWHERE_CHECK];
    hf_reader seqs = hf_reader_open(group->seqs.items), heads = hf_reader_open(group->heads.items);
    size_t count = group->lanes.size;
    for (size_t i = 0; i < count; i++) {
        int64_t no;
        hf_status status = origin_of(store, group->origins.data + i * PREFIX_SIZE, &no);
        if (status != HF_OK || no == 0) return status;
        uint8_t lane = group->lanes.data[i];
        memcpy(names + i * LOG_SIZE, hf_origin_by_no(store, no)->id.bytes, HF_ORIGIN_SIZE);
        names[i * LOG_SIZE + HF_ORIGIN_SIZE] = lane;
        uint64_t seq = hf_read_uint(&seqs), head = hf_read_uint(&heads);
        logs[i] = (had_log){.log = hf_log_no(no, lane),
                            .scope = group->scope,
                            .seq = seq,
                            .head = claimed_head(seq, head)};
        status = hf_log_dense(store, no, lane, &dense[i]);
        if (status != HF_OK) return status;
    }
    hf_elsewhere_check(store->crypto, (hf_bytes){names, count * LOG_SIZE}, check);
    if (memcmp(check, group->check, sizeof check) != 0) return HF_OK;
    for (size_t i = 0; i < count; i++) {
        if (dense[i] < logs[i].seq) continue;
        had->logs[had->count++] = logs[i];
        bits[(first + i) / 8] |= (uint8_t)(1u << (first + i) % 8);
    }
    return HF_OK;
}

static int by_log(const void *a, const void *b)
{
    const had_log *x = a, *y = b;
    if (x->log != y->log) return x->log < y->log ? -1 : 1;
    return x->scope < y->scope ? -1 : x->scope > y->scope;
}

hf_status hf_had_read(hf_store *store, const hf_list *groups, hf_buffer *bits, hf_had **out)
{
    static const uint8_t none[HF_ELSEWHERE_LOGS_MAX / 8];
    hf_elsewhere group;
    size_t total = 0, first = 0;
    *out = NULL;
    for (hf_list walk = *groups; hf_next_elsewhere(&walk, &group);) total += group.lanes.size;
    if (total == 0) return HF_OK;
    hf_had *had = NULL;
    hf_status status = grow(&had, total);
    hf_buffer_clear(bits);
    hf_write_raw(bits, (hf_bytes){none, (total + 7) / 8});
    if (status == HF_OK) status = bits->status;
    for (hf_list walk = *groups; status == HF_OK && hf_next_elsewhere(&walk, &group);) {
        status = add_group(store, &group, first, bits->data, had);
        first += group.lanes.size;
    }
    if (status == HF_OK && had->count > 0) {
        qsort(had->logs, had->count, sizeof *had->logs, by_log);
        *out = had;
    } else {
        free(had);
    }
    return status;
}

hf_status hf_had_bits(hf_store *store, const hf_list *logs, hf_buffer *bits)
{
    static const uint8_t none[HF_VECTOR_LOGS_MAX / 8];
    hf_held held;
    size_t at = 0;
    hf_buffer_clear(bits);
    hf_write_raw(bits, (hf_bytes){none, (logs->count + 7) / 8});
    for (hf_list walk = *logs; bits->status == HF_OK && hf_next_held(&walk, &held); at++) {
        uint64_t dense;
        const hf_origin_row *row = hf_origin_by_id(store, &held.log.origin);
        if (!row) continue;
        hf_status status = hf_log_dense(store, row->no, held.log.lane, &dense);
        if (status != HF_OK) return status;
        if (held.seq <= dense) bits->data[at / 8] |= (uint8_t)(1u << at % 8);
    }
    return bits->status;
}

/* Of its entries nothing is noted: what it lacks of those is on its way. */
hf_status hf_had_add_heads(hf_store *store, const hf_vector *vector, size_t room, hf_had **had)
{
    hf_held held;
    hf_reader heads = hf_reader_open(vector->heads.items);
    if (vector->heads.count == 0) return HF_OK;
    hf_status status = grow(had, vector->heads.count);
    if (status != HF_OK) return status;
    for (hf_list walk = vector->logs; room > 0 && hf_next_held(&walk, &held);) {
        const hf_origin_row *row = hf_origin_by_id(store, &held.log.origin);
        uint64_t head = claimed_head(held.seq, hf_read_uint(&heads));
        if (!row || head == 0) continue;
        (*had)->logs[(*had)->count++] = (had_log){
            .log = hf_log_no(row->no, held.log.lane), .scope = vector->scope, .head = head};
        room--;
    }
    qsort((*had)->logs, (*had)->count, sizeof(*had)->logs[0], by_log);
    return HF_OK;
}

void hf_had_free(hf_had *had)
{
    free(had);
}

size_t hf_had_count(const hf_had *had)
{
    return had ? had->count : 0;
}

/* The first place that is not before (log, scope). */
static size_t place_of(const hf_had *had, int64_t log, uint32_t scope)
{
    const had_log wanted = {.log = log, .scope = scope};
    size_t low = 0, high = hf_had_count(had);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_log(&had->logs[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool hf_had_entry(const hf_had *had, int64_t origin_no, const hf_entry *entry)
{
    int64_t log = hf_log_no(origin_no, entry->dot.lane);
    size_t at = place_of(had, log, entry->scope);
    if (at == hf_had_count(had)) return false;
    const had_log *named = &had->logs[at];
    return named->log == log && named->scope == entry->scope && entry->dot.seq <= named->seq;
}

bool hf_had_head(const hf_had *had, int64_t origin_no, uint8_t lane, uint64_t seq)
{
    int64_t log = hf_log_no(origin_no, lane);
    for (size_t at = place_of(had, log, 0); at < hf_had_count(had); at++) {
        if (had->logs[at].log != log) break;
        if (seq <= had->logs[at].head) return true;
    }
    return false;
}
