/* model.c: lays out every write and citation of a set of entries, and finds which writes stand. */
#include "model_private.h"

#include "sim_crypto.h"
#include "sync/system_types.h"

#include <stdlib.h>
#include <string.h>

enum { PARTS_MAX = 256, CITED_LOGS_MAX = 256 };

typedef struct table { /* a growing array of anything */
    void *items;
    size_t count, capacity, size;
} table;

typedef struct entry {
    hf_dot dot;
    hf_bytes body;
    uint32_t scope;
    hf_hlc hlc;
    uint8_t quality;
    uint8_t hash[HF_HASH_SIZE];
    reader parts; /* at the first part */
    size_t part_count;
} entry;

struct model {
    const hf_pack *pack;
    table entries, writes, cites, holes, lives, fields, records;
};

static void *table_add(table *t, const void *item)
{
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? 2 * t->capacity : 256;
        void *grown = realloc(t->items, capacity * t->size);
        if (!grown) return NULL;
        t->items = grown;
        t->capacity = capacity;
    }
    void *at = (uint8_t *)t->items + t->count++ * t->size;
    memcpy(at, item, t->size);
    return at;
}

model *model_new(const hf_pack *pack)
{
    model *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->pack = pack;
    m->entries.size = sizeof(entry);
    m->writes.size = sizeof(model_write);
    m->cites.size = sizeof(model_cite);
    m->holes.size = sizeof(model_hole);
    m->lives.size = sizeof(model_live);
    m->fields.size = sizeof(model_field);
    m->records.size = sizeof(model_record);
    return m;
}

void model_free(model *m)
{
    if (!m) return;
    free(m->entries.items);
    free(m->writes.items);
    free(m->cites.items);
    free(m->holes.items);
    free(m->lives.items);
    free(m->fields.items);
    free(m->records.items);
    free(m);
}

/* ---- entries: protocol.md 3 ---- */

/* H(02 || salt || ops), or the hash that stands for an erased part. */
static void part_hash(reader *parts, uint8_t out[HF_HASH_SIZE])
{
    if (reader_major(parts) == MAJOR_ARRAY) {
        if (reader_head(parts, MAJOR_ARRAY) != 1) parts->bad = true;
        hf_bytes hash = reader_string(parts, MAJOR_BYTES);
        if (hash.size != HF_HASH_SIZE) parts->bad = true;
        if (!parts->bad) memcpy(out, hash.data, HF_HASH_SIZE);
        return;
    }
    hf_bytes part = reader_string(parts, MAJOR_BYTES);
    hf_bytes pieces[] = {{(const uint8_t *)"\x02", 1}, part};
    sim_hash(pieces, 2, out);
}

/* H(00 || [1, origin, lane, seq .. transaction, [part hash, ...]]): the body's first eight items
 * are the header's, byte for byte. */
static void entry_hash(entry *e, hf_bytes middle)
{
    uint8_t start[32], hashes[PARTS_MAX * (HF_HASH_SIZE + 2) + 16];
    size_t size = 0, hashes_size;
    start[size++] = 0;
    size += writer_head(start + size, MAJOR_ARRAY, 12);
    size += writer_head(start + size, MAJOR_UINT, 1);
    size += writer_head(start + size, MAJOR_BYTES, HF_ORIGIN_SIZE);
    memcpy(start + size, e->dot.origin.bytes, HF_ORIGIN_SIZE);
    size += HF_ORIGIN_SIZE;
    size += writer_head(start + size, MAJOR_UINT, e->dot.lane);
    hashes_size = writer_head(hashes, MAJOR_ARRAY, e->part_count);
    reader parts = e->parts;
    for (size_t i = 0; i < e->part_count && !parts.bad; i++) {
        hashes_size += writer_head(hashes + hashes_size, MAJOR_BYTES, HF_HASH_SIZE);
        part_hash(&parts, hashes + hashes_size);
        hashes_size += HF_HASH_SIZE;
    }
    if (parts.bad || parts.at != parts.end) e->parts.bad = true;
    hf_bytes pieces[] = {{start, size}, middle, {hashes, hashes_size}};
    sim_hash(pieces, 3, e->hash);
}

static bool entry_read(entry *e)
{
    reader r = {e->body.data, e->body.data + e->body.size, false};
    if (reader_head(&r, MAJOR_ARRAY) != 9) return false;
    const uint8_t *middle = r.at;
    e->dot.seq = reader_head(&r, MAJOR_UINT);
    (void)reader_head(&r, MAJOR_UINT); /* pseq */
    e->scope = (uint32_t)reader_head(&r, MAJOR_UINT);
    e->hlc = reader_head(&r, MAJOR_UINT);
    e->quality = (uint8_t)reader_head(&r, MAJOR_UINT);
    (void)reader_head(&r, MAJOR_UINT); /* pack */
    (void)reader_string(&r, MAJOR_TEXT);
    (void)reader_item(&r); /* transaction */
    hf_bytes header = {middle, (size_t)(r.at - middle)};
    e->part_count = (size_t)reader_head(&r, MAJOR_ARRAY);
    e->parts = r;
    if (r.bad || e->part_count > PARTS_MAX) return false;
    entry_hash(e, header);
    return !e->parts.bad;
}

bool model_entry_hash(const hf_origin_id *origin, uint8_t lane, hf_bytes body,
                      uint8_t out[HF_HASH_SIZE])
{
    entry e = {.dot = {.origin = *origin, .lane = lane}, .body = body};
    bool ok = entry_read(&e);
    memcpy(out, e.hash, HF_HASH_SIZE);
    return ok;
}

bool model_add(model *m, const hf_origin_id *origin, uint8_t lane, hf_bytes body)
{
    entry e = {.dot = {.origin = *origin, .lane = lane}, .body = body};
    return entry_read(&e) && table_add(&m->entries, &e);
}

/* ---- parts and operations ---- */

typedef struct part {
    hf_dot logs[CITED_LOGS_MAX + 1]; /* [0] is the entry's own; seq unused */
    size_t log_count;
    model_key key;
} part;

static void read_cite(model *m, reader *r, const part *p)
{
    uint64_t count = reader_head(r, MAJOR_ARRAY);
    uint64_t log = reader_head(r, MAJOR_UINT);
    if (log >= p->log_count) r->bad = true;
    model_cite cite = {.key = p->key};
    if (!r->bad) cite.dot = p->logs[log];
    cite.dot.seq = reader_head(r, MAJOR_UINT);
    hf_bytes prefix = reader_string(r, MAJOR_BYTES);
    if (prefix.size != HF_PREFIX_SIZE) r->bad = true;
    if (!r->bad) memcpy(cite.prefix, prefix.data, HF_PREFIX_SIZE);
    if (count == 4) cite.dot.ordinal = (uint32_t)reader_head(r, MAJOR_UINT);
    if (count != 3 && count != 4) r->bad = true;
    if (!r->bad && !table_add(&m->cites, &cite)) r->bad = true;
}

/* Ops of this part so far that write `field`: the next one's ordinal. */
static uint32_t ordinal_in(const model *m, size_t from, uint32_t field)
{
    uint32_t ordinal = 0;
    const model_write *writes = m->writes.items;
    for (size_t i = from; i < m->writes.count; i++)
        if (writes[i].key.field == field) ordinal++;
    return ordinal;
}

static void read_op(model *m, reader *r, const entry *e, part *p, size_t part_start)
{
    uint64_t items = reader_head(r, MAJOR_ARRAY);
    if (items != 3 && items != 4) r->bad = true;
    p->key.field = (uint32_t)reader_head(r, MAJOR_UINT);
    uint64_t cites = reader_head(r, MAJOR_ARRAY);
    for (uint64_t i = 0; i < cites && !r->bad; i++) read_cite(m, r, p);
    model_write write = {.key = p->key,
                         .live = {.dot = e->dot, .hlc = e->hlc, .quality = e->quality}};
    write.live.dot.ordinal = ordinal_in(m, part_start, p->key.field);
    memcpy(write.prefix, e->hash, HF_PREFIX_SIZE);
    hf_bytes value = reader_item(r);
    if (!r->bad && !(value.size == 1 && value.data[0] == 0xf7)) write.live.value = value;
    if (items == 4) (void)reader_string(r, MAJOR_TEXT);
    if (!r->bad && !table_add(&m->writes, &write)) r->bad = true;
}

static bool read_part(model *m, const entry *e, hf_bytes bytes)
{
    if (bytes.size < 8) return false;
    reader r = {bytes.data + 8, bytes.data + bytes.size, false};
    part p = {.log_count = 1, .logs = {e->dot}, .key = {.scope = e->scope}};
    if (reader_head(&r, MAJOR_ARRAY) != 4) return false;
    p.key.record.type = (uint32_t)reader_head(&r, MAJOR_UINT);
    hf_bytes id = reader_string(&r, MAJOR_BYTES);
    if (r.bad || id.size != HF_RECORD_ID_SIZE) return false;
    memcpy(p.key.record.bytes, id.data, HF_RECORD_ID_SIZE);
    uint64_t logs = reader_head(&r, MAJOR_ARRAY);
    for (uint64_t i = 0; i < logs && i < CITED_LOGS_MAX && !r.bad; i++) {
        hf_dot *log = &p.logs[p.log_count++];
        if (reader_head(&r, MAJOR_ARRAY) != 2) return false;
        hf_bytes origin = reader_string(&r, MAJOR_BYTES);
        if (r.bad || origin.size != HF_ORIGIN_SIZE) return false;
        memcpy(log->origin.bytes, origin.data, HF_ORIGIN_SIZE);
        log->lane = (uint8_t)reader_head(&r, MAJOR_UINT);
    }
    size_t start = m->writes.count;
    uint64_t ops = reader_head(&r, MAJOR_ARRAY);
    for (uint64_t i = 0; i < ops && !r.bad; i++) read_op(m, &r, e, &p, start);
    return !r.bad && r.at == r.end;
}

static bool lay_out(model *m, const entry *e)
{
    reader parts = e->parts;
    for (size_t i = 0; i < e->part_count && !parts.bad; i++) {
        if (reader_major(&parts) == MAJOR_ARRAY) {
            (void)reader_item(&parts); /* erased */
            continue;
        }
        hf_bytes bytes = reader_string(&parts, MAJOR_BYTES);
        if (!parts.bad && !read_part(m, e, bytes)) return false;
    }
    return !parts.bad;
}

/* ---- which writes stand ---- */

static int key_compare(const model_key *a, const model_key *b)
{
    if (a->record.type != b->record.type) return a->record.type < b->record.type ? -1 : 1;
    int order = memcmp(a->record.bytes, b->record.bytes, HF_RECORD_ID_SIZE);
    if (order) return order;
    if (a->scope != b->scope) return a->scope < b->scope ? -1 : 1;
    return a->field == b->field ? 0 : a->field < b->field ? -1 : 1;
}

static int by_key_write(const void *left, const void *right)
{
    const model_write *a = left, *b = right;
    int order = key_compare(&a->key, &b->key);
    return order ? order : model_dot_compare(&a->live.dot, &b->live.dot);
}

static int by_key_cite(const void *left, const void *right)
{
    const model_cite *a = left, *b = right;
    int order = key_compare(&a->key, &b->key);
    if (!order) order = model_dot_compare(&a->dot, &b->dot);
    return order ? order : memcmp(a->prefix, b->prefix, HF_PREFIX_SIZE);
}

static bool stands(const model *m, const model_write *write)
{
    if (!write->live.value.data) return false;
    model_cite cite = {.key = write->key, .dot = write->live.dot};
    memcpy(cite.prefix, write->prefix, HF_PREFIX_SIZE);
    return !m->cites.count ||
           !bsearch(&cite, m->cites.items, m->cites.count, sizeof cite, by_key_cite);
}

static int by_dot_hole(const void *left, const void *right)
{
    return model_dot_compare(&((const model_hole *)left)->dot, &((const model_hole *)right)->dot);
}

static bool is_hole(const model *m, const hf_dot *dot)
{
    model_hole key = {.dot = *dot};
    const model_hole *hole =
        m->holes.count ? bsearch(&key, m->holes.items, m->holes.count, sizeof key, by_dot_hole)
                       : NULL;
    return hole && hole->reason != 0;
}

/* Lays out the writes of the entries: all, or all but the holes. */
static bool lay_out_all(model *m, bool but_holes)
{
    m->writes.count = m->cites.count = 0;
    const entry *entries = m->entries.items;
    for (size_t i = 0; i < m->entries.count; i++)
        if (!(but_holes && is_hole(m, &entries[i].dot)) && !lay_out(m, &entries[i])) return false;
    if (m->writes.count) qsort(m->writes.items, m->writes.count, m->writes.size, by_key_write);
    if (m->cites.count) qsort(m->cites.items, m->cites.count, m->cites.size, by_key_cite);
    return true;
}

/* ---- verdicts: which entries do not count ---- */

static bool read_target(hf_bytes value, hf_dot *dot)
{
    reader r = {value.data, value.data + value.size, false};
    if (reader_head(&r, MAJOR_ARRAY) < 3) return false;
    hf_bytes origin = reader_string(&r, MAJOR_BYTES);
    if (r.bad || origin.size != HF_ORIGIN_SIZE) return false;
    *dot = (hf_dot){.seq = 0};
    memcpy(dot->origin.bytes, origin.data, HF_ORIGIN_SIZE);
    dot->lane = (uint8_t)reader_head(&r, MAJOR_UINT);
    dot->seq = reader_head(&r, MAJOR_UINT);
    return !r.bad;
}

/* The newest standing of each verdict record, with what it is about. */
static bool find_holes(model *m)
{
    const model_write *writes = m->writes.items;
    for (size_t i = 0; i < m->writes.count;) {
        model_key key = writes[i].key;
        const model_live *target = NULL, *standing = NULL;
        for (; i < m->writes.count; i++) {
            model_key of = writes[i].key;
            of.field = key.field;
            if (key_compare(&of, &key) != 0) break;
            if (!stands(m, &writes[i])) continue;
            if (writes[i].key.field == HF_VERDICT_TARGET) target = &writes[i].live;
            if (writes[i].key.field != HF_VERDICT_STANDING) continue;
            if (!standing || model_age_compare(&writes[i].live, standing) > 0)
                standing = &writes[i].live;
        }
        if (key.record.type != HF_TYPE_VERDICT || !target || !standing) continue;
        model_hole hole;
        reader r = {standing->value.data, standing->value.data + standing->value.size, false};
        hole.reason = reader_head(&r, MAJOR_UINT);
        if (r.bad || !read_target(target->value, &hole.dot) || !table_add(&m->holes, &hole))
            return false;
    }
    if (m->holes.count) qsort(m->holes.items, m->holes.count, m->holes.size, by_dot_hole);
    return true;
}

/* ---- deletes, fields, records ---- */

/* The value of `_deleted`: [[origin, lane, seq, [hole, ...]], ...]. */
static bool covers(hf_bytes context, const hf_dot *dot)
{
    reader r = {context.data, context.data + context.size, false};
    uint64_t logs = reader_head(&r, MAJOR_ARRAY);
    bool covered = false;
    for (uint64_t i = 0; i < logs && !r.bad; i++) {
        if (reader_head(&r, MAJOR_ARRAY) != 4) return false;
        hf_bytes origin = reader_string(&r, MAJOR_BYTES);
        uint64_t lane = reader_head(&r, MAJOR_UINT), seq = reader_head(&r, MAJOR_UINT);
        bool here = !r.bad && origin.size == HF_ORIGIN_SIZE && lane == dot->lane &&
                    memcmp(origin.data, dot->origin.bytes, HF_ORIGIN_SIZE) == 0 && dot->seq <= seq;
        uint64_t holes = reader_head(&r, MAJOR_ARRAY);
        for (uint64_t j = 0; j < holes && !r.bad; j++)
            if (reader_head(&r, MAJOR_UINT) == dot->seq) here = false;
        if (here) covered = true;
    }
    return covered && !r.bad;
}

static void settle_deleted(model_record *record)
{
    const model_field *deletes = record->field_count ? &record->fields[0] : NULL;
    if (!deletes || deletes->number != HF_FIELD_DELETED) return;
    bool all = true;
    for (size_t i = 1; i < record->field_count; i++) {
        for (size_t j = 0; j < record->fields[i].live_count; j++) {
            bool one = false;
            for (size_t k = 0; k < deletes->live_count && !one; k++)
                one = covers(deletes->live[k].value, &record->fields[i].live[j].dot);
            if (!one) all = false;
        }
    }
    record->deleted = all;
    record->edited_deleted = !all;
}

/* Collects the live writes of one field, from writes[*at] on, into `field`. */
static void take_field(model *m, size_t *at, model_field *field)
{
    const model_write *writes = m->writes.items;
    model_key key = writes[*at].key;
    model_live *live = (model_live *)m->lives.items + m->lives.count;
    size_t count = 0;
    for (; *at < m->writes.count && key_compare(&writes[*at].key, &key) == 0; ++*at)
        if (stands(m, &writes[*at])) live[count++] = writes[*at].live;
    m->lives.count += count;
    *field = (model_field){.number = key.field, .live = live, .live_count = count};
    if (count) model_rule(hf_pack_field(m->pack, key.record.type, key.field), live, count, field);
    if (key.field == HF_FIELD_DELETED) field->conflict = false;
}

static void take_record(model *m, size_t *at)
{
    const model_write *writes = m->writes.items;
    model_record *record = (model_record *)m->records.items + m->records.count++;
    model_field *fields = (model_field *)m->fields.items + m->fields.count;
    *record = (model_record){
        .id = writes[*at].key.record, .scope = writes[*at].key.scope, .fields = fields};
    while (*at < m->writes.count) {
        model_key of = {
            .record = record->id, .scope = record->scope, .field = writes[*at].key.field};
        if (key_compare(&of, &writes[*at].key) != 0) break;
        take_field(m, at, &fields[record->field_count]);
        if (fields[record->field_count].live_count) record->field_count++;
    }
    m->fields.count += record->field_count;
    settle_deleted(record);
}

/* Room for the worst case at once, so that pointers into the tables stay good. */
static bool reserve(table *t, size_t count)
{
    t->count = 0;
    if (count <= t->capacity) return true;
    free(t->items);
    t->items = malloc(count * t->size);
    t->capacity = t->items ? count : 0;
    return t->items != NULL;
}

bool model_fold(model *m)
{
    m->holes.count = 0;
    if (!lay_out_all(m, false) || !find_holes(m) || !lay_out_all(m, true)) return false;
    size_t count = m->writes.count + 1;
    if (!reserve(&m->lives, count) || !reserve(&m->fields, count) || !reserve(&m->records, count))
        return false;
    for (size_t at = 0; at < m->writes.count;) take_record(m, &at);
    return true;
}

const model_record *model_records(const model *m, size_t *count)
{
    *count = m->records.count;
    return m->records.items;
}

const model_hole *model_holes(const model *m, size_t *count)
{
    *count = m->holes.count;
    return m->holes.items;
}
