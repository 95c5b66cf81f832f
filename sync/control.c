/* control.c: what control records add up to: devices, scopes, the pack, holes, clock caps.
 *
 * The records are the truth; these tables are their index, brought up to date in the transaction in
 * which a record changes. So a hub that is restored, or a station that never saw the centre's
 * tables, knows from the log alone whom to admit. */
#include "control.h"

#include "hubs.h"
#include "lease.h"
#include "planted.h"
#include "store_core.h"
#include "system_types.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading one record's fields ---- */

typedef struct fields { /* a record being read: `status` comes before what was read */
    hf_store *store;
    const hf_record *record;
    hf_status status; /* short of memory a field is not absent: a verdict would not be obeyed */
} fields;

/* The value shown for `field`; data NULL when there is none. Borrows from the record. */
static hf_bytes shown(fields *f, uint32_t field)
{
    const hf_record *record = f->record;
    for (size_t i = 0; i < record->field_count; i++) {
        const hf_cell *cell = &record->fields[i].cell;
        if (record->fields[i].number != field || cell->live_count == 0) continue;
        size_t *order = malloc(cell->live_count * sizeof *order);
        if (!order) {
            f->status = hf_store_say(f->store, HF_ERR_NOMEM, "Out of memory; nothing was changed.");
            break;
        }
        hf_fold fold;
        hf_fold_live(hf_pack_field(f->store->pack, record->id.type, field), cell->live,
                     cell->live_count, order, &fold);
        free(order);
        /* Hubs write control records one after the other; should two be live, the first counts. */
        return fold.value.data ? fold.value : cell->live[0].value;
    }
    return (hf_bytes){NULL, 0};
}

static void shown_text(fields *f, uint32_t field, char *out, size_t size)
{
    hf_reader reader = hf_reader_open(shown(f, field));
    hf_bytes text = hf_read_text(&reader);
    size_t length = text.size < size - 1 ? text.size : size - 1;
    if (reader.status != HF_OK) length = 0;
    if (length) memcpy(out, text.data, length);
    out[length] = 0;
}

static uint64_t shown_uint(fields *f, uint32_t field, uint64_t otherwise)
{
    hf_reader reader = hf_reader_open(shown(f, field));
    uint64_t value = hf_read_uint(&reader);
    return reader.status == HF_OK ? value : otherwise;
}

/* ---- devices ---- */

static int number_compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static void device_scopes(const hf_record *record, hf_device *out)
{
    for (size_t i = 0; i < record->field_count; i++) {
        if (record->fields[i].number != HF_DEVICE_SCOPES) continue;
        const hf_cell *cell = &record->fields[i].cell;
        for (size_t j = 0; j < cell->live_count && out->scope_count < HF_SCOPES_MAX; j++) {
            hf_reader reader = hf_reader_open(cell->live[j].value);
            uint32_t scope = (uint32_t)hf_read_uint_max(&reader, INT32_MAX);
            bool twice = reader.status != HF_OK;
            for (size_t k = 0; k < out->scope_count; k++)
                if (out->scopes[k] == scope) twice = true;
            if (!twice) out->scopes[out->scope_count++] = scope;
        }
    }
    qsort(out->scopes, out->scope_count, sizeof *out->scopes, number_compare);
}

static void device_addresses(const hf_record *record, hf_device *out)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const hf_cell *cell = &record->fields[i].cell;
        if (record->fields[i].number != HF_DEVICE_ADDRESSES) continue;
        for (size_t j = 0; j < cell->live_count; j++) {
            hf_reader reader = hf_reader_open(cell->live[j].value);
            hf_bytes text = hf_read_text(&reader);
            bool is_usable = reader.status == HF_OK && text.size > 0 &&
                             text.size < HF_STATION_ADDRESS_SIZE &&
                             out->address_count < HF_STATION_ADDRESSES_MAX;
            if (is_usable) memcpy(out->addresses[out->address_count++], text.data, text.size);
        }
    }
}

static hf_status device_from_record(hf_store *store, const hf_record *record, hf_device *out)
{
    fields f = {.store = store, .record = record};
    *out = (hf_device){.home = (uint32_t)shown_uint(&f, HF_DEVICE_HOME, 0)};
    hf_reader key = hf_reader_open(shown(&f, HF_DEVICE_KEY_ID));
    hf_read_bytes_exact(&key, out->key_id, HF_HASH_SIZE);
    shown_text(&f, HF_DEVICE_NAME, out->name, sizeof out->name);
    shown_text(&f, HF_DEVICE_FORCE, out->force, sizeof out->force);
    shown_text(&f, HF_DEVICE_UNIT, out->unit, sizeof out->unit);
    char standing[16];
    shown_text(&f, HF_DEVICE_STANDING, standing, sizeof standing);
    /* Anything but "active" shuts the door, a dispute and a word of a later version too. */
    out->revoked = strcmp(standing, "active") != 0;
    hf_bytes hub = shown(&f, HF_DEVICE_IS_HUB);
    out->is_hub = hub.size == 1 && hub.data[0] == 0xf5;
    hf_bytes every = shown(&f, HF_DEVICE_EVERY);
    out->every = every.size == 1 && every.data[0] == 0xf5;
    device_scopes(record, out);
    device_addresses(record, out);
    if (out->every && f.status == HF_OK)
        return hf_scopes_all(store, out->scopes, &out->scope_count);
    return f.status;
}

static hf_status device_find(hf_store *store, sqlite3_stmt *statement, hf_record_id *id,
                             hf_record *record)
{
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && !row) return HF_ERR_NOT_FOUND;
    if (status != HF_OK) return status;
    id->type = (uint32_t)sqlite3_column_int64(statement, 0);
    status = hf_column_exact(store, statement, 1, id->bytes, HF_RECORD_ID_SIZE);
    sqlite3_reset(statement);
    return status == HF_OK ? hf_record_load(store, id, true, record) : status;
}

/* The device's own record may be of a day before it was revoked: devices brought back the notice.
 */
static hf_status look_for_notice(hf_store *store, hf_device *device)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_REVOKED);
    hf_bind_bytes(statement, 1, device->key_id, HF_HASH_SIZE);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) {
        device->revoked = true;
        device->revoked_at = (hf_hlc)sqlite3_column_int64(statement, 0);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

static hf_status device_load(hf_store *store, sqlite3_stmt *statement, hf_device *out,
                             hf_record_id *id)
{
    hf_record record;
    hf_status status = device_find(store, statement, id, &record);
    if (status != HF_OK) return status;
    status = device_from_record(store, &record, out);
    hf_record_clear(&record);
    return status == HF_OK ? look_for_notice(store, out) : status;
}

static sqlite3_stmt *by_key(hf_store *store, const uint8_t key_id[HF_HASH_SIZE])
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_DEVICE_KEY);
    hf_bind_bytes(statement, 1, key_id, HF_HASH_SIZE);
    return statement;
}

hf_status hf_device_by_key(hf_store *store, const uint8_t key_id[HF_HASH_SIZE], hf_device *out)
{
    hf_record_id id;
    return device_load(store, by_key(store, key_id), out, &id);
}

hf_status hf_device_certificate(hf_store *store, const uint8_t key_id[HF_HASH_SIZE], hf_buffer *der,
                                hf_record_id *record)
{
    hf_record found;
    hf_buffer_clear(der);
    hf_status status = device_find(store, by_key(store, key_id), record, &found);
    if (status != HF_OK) return status;
    fields f = {.store = store, .record = &found};
    hf_reader reader = hf_reader_open(shown(&f, HF_DEVICE_CERTIFICATE));
    hf_bytes bytes = hf_read_bytes(&reader);
    if (reader.status == HF_OK) hf_write_raw(der, bytes);
    hf_record_clear(&found);
    return f.status == HF_OK ? der->status : f.status;
}

hf_status hf_device_by_name(hf_store *store, const char *name, hf_device *out, hf_record_id *record)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_DEVICE_NAME);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    return device_load(store, statement, out, record);
}

hf_status hf_device_each(hf_store *store, hf_device_visitor visit, void *context)
{
    hf_record_id id = {.type = HF_TYPE_DEVICE};
    for (;;) {
        hf_device device;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_DEVICES);
        hf_bind_bytes(statement, 1, id.bytes, HF_RECORD_ID_SIZE);
        hf_status status = device_load(store, statement, &device, &id);
        if (status == HF_ERR_NOT_FOUND) return HF_OK;
        if (status == HF_OK) status = visit(context, &device);
        if (status != HF_OK) return status;
    }
}

static hf_status fold_device(hf_store *store, const hf_record *record)
{
    hf_device device;
    hf_status status = device_from_record(store, record, &device);
    if (status == HF_OK && device.is_hub && device.revoked) status = hf_hubs_note_gone(store);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_DEVICE_SET);
    hf_bind_bytes(statement, 1, device.key_id, HF_HASH_SIZE);
    sqlite3_bind_int64(statement, 2, record->id.type);
    hf_bind_bytes(statement, 3, record->id.bytes, HF_RECORD_ID_SIZE);
    sqlite3_bind_text(statement, 4, device.name, -1, SQLITE_STATIC);
    return hf_sql_run(store, statement);
}

/* ---- scopes ---- */

static hf_status fold_scope(hf_store *store, const hf_record *record)
{
    char name[HF_TEXT_MAX];
    fields f = {.store = store, .record = record};
    shown_text(&f, HF_SCOPE_NAME, name, sizeof name);
    uint64_t number = shown_uint(&f, HF_SCOPE_NUMBER, UINT64_MAX);
    if (f.status != HF_OK) return f.status;
    if (number > INT32_MAX || !name[0]) return HF_OK; /* not yet whole */
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_SCOPE_SET);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)number);
    sqlite3_bind_text(statement, 2, name, -1, SQLITE_STATIC);
    return hf_sql_run(store, statement);
}

/* ---- the pack ---- */

static hf_status pack_consider(hf_store *store, int64_t record_no, hf_pack **newest)
{
    hf_record record;
    hf_status status = hf_record_load_no(store, record_no, false, &record);
    if (status != HF_OK) return status;
    fields f = {.store = store, .record = &record};
    hf_reader reader = hf_reader_open(shown(&f, HF_PACK_BODY));
    hf_bytes body = hf_read_bytes(&reader);
    hf_pack *pack = NULL;
    status = f.status;
    /* A pack of a later kind that this node cannot read leaves it with the one it has. */
    if (status == HF_OK && hf_reader_end(&reader) == HF_OK) status = hf_pack_open(body, &pack);
    if (status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT) status = HF_OK;
    if (pack && hf_pack_version(pack) > hf_pack_version(*newest)) {
        hf_pack_close(*newest);
        *newest = pack;
    } else {
        hf_pack_close(pack);
    }
    hf_record_clear(&record);
    return status;
}

hf_status hf_pack_load(hf_store *store)
{
    hf_pack *newest = NULL;
    hf_status status = hf_pack_open((hf_bytes){NULL, 0}, &newest);
    if (status == HF_OK && !store->pack) { /* records are read by the system's types until then */
        status = hf_pack_open((hf_bytes){NULL, 0}, &store->pack);
    }
    int64_t packs[64]; /* one record for each version ever published */
    size_t count = 0;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_PACKS);
    bool row = false;
    if (status == HF_OK) status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row) {
        if (count == 64) memmove(packs, packs + 1, (--count) * sizeof *packs); /* newest are last */
        packs[count++] = sqlite3_column_int64(statement, 0);
        status = hf_sql_row(store, statement, &row);
    }
    sqlite3_reset(statement);
    for (size_t i = 0; i < count && status == HF_OK; i++)
        status = pack_consider(store, packs[i], &newest);
    hf_pack *former = store->pack;
    if (status == HF_OK) {
        store->pack = newest;
        status = hf_conflicts_refresh(store);
    }
    store->references_moved++; /* there may be other series */
    /* Rules and the list of conflicts change together, or neither does. */
    if (status != HF_OK) store->pack = former;
    hf_pack_close(status == HF_OK ? former : newest);
    return status;
}

/* ---- verdicts ---- */

typedef struct target {
    hf_origin_id origin;
    uint8_t lane;
    uint64_t seq, pseq;
    uint32_t scope;
    uint8_t hash[HF_HASH_SIZE];
} target;

static hf_status read_target(hf_bytes value, target *out)
{
    hf_reader reader = hf_reader_open(value);
    if (hf_read_array(&reader, 6) != 6) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    hf_read_bytes_exact(&reader, out->origin.bytes, HF_ORIGIN_SIZE);
    out->lane = (uint8_t)hf_read_uint_max(&reader, HF_LANE_COUNT - 1);
    out->seq = hf_read_uint_max(&reader, INT64_MAX);
    out->scope = (uint32_t)hf_read_uint_max(&reader, INT32_MAX);
    out->pseq = hf_read_uint_max(&reader, INT64_MAX);
    hf_read_bytes_exact(&reader, out->hash, HF_HASH_SIZE);
    if (out->seq == 0 || out->pseq >= out->seq) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    return hf_reader_end(&reader);
}

static hf_status entry_stand(hf_store *store, uint64_t position, uint32_t withheld, bool opened)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_ENTRY_STAND);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)position);
    sqlite3_bind_int64(statement, 2, withheld);
    if (opened) sqlite3_bind_int64(statement, 3, (sqlite3_int64)store->position);
    hf_status status = hf_sql_run(store, statement);
    if (statement) sqlite3_clear_bindings(statement);
    return status;
}

/* A snapshot that had the entry's effect, or had it not, where now the other is right. Its holes
 * tell: it may be older than what the entry's row says, by a verdict that came by a station.
 * *stuck: what is shown of it waits for the next snapshot. */
static hf_status judge_based(hf_store *store, const hf_hole_row *hole, bool *stuck)
{
    uint32_t reason;
    uint8_t hash[HF_HASH_SIZE];
    hf_status status = hf_hole_get(store, hole->log, hole->seq, &reason, hash);
    bool differs = (reason != 0) != (hole->reason != 0);
    if (status == HF_OK && differs && (hole->reason || store->rejoining))
        status = hf_snapshot_outdate(store);
    if (status == HF_OK) status = hf_snapshot_is_outdated(store, stuck);
    return status;
}

/* The entry is held: it stops to count, or counts again, and what it touches is folded anew. */
static hf_status judge_held(hf_store *store, const hf_entry *entry, hf_hole_row *hole)
{
    uint64_t position = entry->position;
    bool changes = (entry->withheld != 0) != (hole->reason != 0), had, stuck = false;
    hf_entry_body body;
    uint8_t hash[HF_HASH_SIZE];
    hf_status status = hf_in_base(store, hole->scope, hole->log, hole->seq, &had);
    if (status == HF_OK && had) status = judge_based(store, hole, &stuck);
    if (status == HF_OK) status = hf_entry_parse(entry->body, &body);
    if (status == HF_OK)
        status = hf_entry_hash(store->crypto, &entry->dot.origin, entry->dot.lane, &body, hash);
    if (status != HF_OK) return status;
    /* It speaks of another branch of this log: what we hold, nobody has judged. */
    if (memcmp(hash, hole->hash, sizeof hash) != 0) return HF_OK;
    if (hole->reason == 0 && body.erased_count == body.part_count) {
        hole->reason = HF_HOLE_AWAITED; /* it counts again, and its body is yet to come */
        changes = false;
    }
    status = entry_stand(store, position, hole->reason, hole->reason == 0 && !stuck);
    if (status == HF_OK && hole->reason)
        status = hf_hole_set(store, hole);
    else if (status == HF_OK)
        status = hf_hole_delete(store, hole->log, hole->seq);
    return status == HF_OK && changes && !stuck ? hf_record_refold_entry(store, position) : status;
}

/* Not held: what is behind it flows over the hole. Opened before its body is here, it is awaited.
 */
static hf_status judge_absent(hf_store *store, hf_hole_row *hole)
{
    bool had;
    uint32_t reason;
    uint8_t hash[HF_HASH_SIZE];
    if (HF_PLANTED(VERDICT_TOO_EARLY)) return HF_OK;
    hf_status status = hf_in_base(store, hole->scope, hole->log, hole->seq, &had);
    if (status == HF_OK) status = hf_hole_get(store, hole->log, hole->seq, &reason, hash);
    if (status == HF_OK && had && reason == 0) { /* a snapshot brought its effect */
        if (hole->reason == 0) return HF_OK;
        status = hf_snapshot_outdate(store);
    }
    if (status != HF_OK) return status;
    if (hole->reason == 0) hole->reason = HF_HOLE_AWAITED;
    status = hf_log_patch(store, hole->log);
    if (status == HF_OK) status = hf_hole_set(store, hole);
    return status == HF_OK ? hf_vector_step(store, hole->log, hole->scope) : status;
}

static hf_status fold_verdict(hf_store *store, const hf_record *record)
{
    target at;
    char text[256];
    fields f = {.store = store, .record = record};
    uint64_t standing = shown_uint(&f, HF_VERDICT_STANDING, UINT64_MAX);
    hf_bytes judged = shown(&f, HF_VERDICT_TARGET);
    shown_text(&f, HF_VERDICT_TEXT, text, sizeof text);
    if (f.status != HF_OK) return f.status;
    if (standing > UINT32_MAX || HF_PLANTED(LOST_HOLE)) return HF_OK;
    if (read_target(judged, &at) != HF_OK) return HF_OK;
    if (at.lane == HF_LANE_CONTROL) return HF_OK; /* a hub's words are not judged: what would? */
    hf_origin_row *origin;
    hf_status status = hf_origin_intern(store, &at.origin, &origin);
    if (status != HF_OK) return status;
    hf_hole_row hole = {.log = hf_log_no(origin->no, at.lane),
                        .seq = at.seq,
                        .pseq = at.pseq,
                        .scope = at.scope,
                        .reason = (uint32_t)standing,
                        .hash = at.hash,
                        .text = text};
    hf_entry entry;
    status = hf_entry_by_dot(store, hole.log, at.seq, &entry);
    if (status == HF_ERR_NOT_FOUND) return judge_absent(store, &hole);
    return status == HF_OK ? judge_held(store, &entry, &hole) : status;
}

/* ---- clock quality ---- */

hf_status hf_clock_quality(hf_store *store, int64_t log, uint64_t seq, uint8_t *quality)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_CAP_GET);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row && sqlite3_column_type(statement, 0) == SQLITE_INTEGER) {
        int cap = sqlite3_column_int(statement, 0);
        if (cap < *quality) *quality = (uint8_t)cap;
    }
    sqlite3_reset(statement);
    return status;
}

hf_status hf_clock_caps_load(hf_store *store)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_CAPS);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status == HF_OK && row) store->clock_caps = sqlite3_column_int(statement, 0) != 0;
    sqlite3_reset(statement);
    return status;
}

static hf_status refold_range(hf_store *store, int64_t log, uint64_t first, uint64_t last)
{
    uint64_t after = 0;
    for (;;) {
        uint64_t positions[64];
        size_t count = 0;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_ENTRIES_RANGE);
        sqlite3_bind_int64(statement, 1, log);
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)first);
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)last);
        sqlite3_bind_int64(statement, 4, (sqlite3_int64)after);
        bool row;
        hf_status status = hf_sql_row(store, statement, &row);
        while (status == HF_OK && row && count < 64) {
            positions[count++] = (uint64_t)sqlite3_column_int64(statement, 0);
            status = hf_sql_row(store, statement, &row);
        }
        sqlite3_reset(statement);
        for (size_t i = 0; i < count && status == HF_OK; i++)
            status = hf_record_refold_entry(store, positions[i]);
        if (status != HF_OK || count == 0) return status;
        after = positions[count - 1];
    }
}

/* `whole`: what a snapshot brought has the lower quality already. */
static hf_status fold_clock(hf_store *store, const hf_record *record, bool whole)
{
    hf_origin_id id;
    fields f = {.store = store, .record = record};
    hf_reader reader = hf_reader_open(shown(&f, HF_CLOCK_RANGE));
    if (hf_read_array(&reader, 4) != 4) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    hf_read_bytes_exact(&reader, id.bytes, HF_ORIGIN_SIZE);
    uint8_t lane = (uint8_t)hf_read_uint_max(&reader, HF_LANE_COUNT - 1);
    uint64_t first = hf_read_uint_max(&reader, INT64_MAX);
    uint64_t last = hf_read_uint_max(&reader, INT64_MAX);
    uint64_t quality = shown_uint(&f, HF_CLOCK_QUALITY, UINT64_MAX);
    if (f.status != HF_OK) return f.status;
    if (hf_reader_end(&reader) != HF_OK || quality > 3) return HF_OK; /* not yet whole */
    if (lane == HF_LANE_CONTROL) return HF_OK;
    hf_origin_row *origin;
    hf_status status = hf_origin_intern(store, &id, &origin);
    if (status != HF_OK) return status;
    int64_t log = hf_log_no(origin->no, lane);
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_CAP_SET);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)first);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)last);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)quality);
    status = hf_sql_run(store, statement);
    store->clock_caps = true;
    if (status == HF_OK) status = refold_range(store, log, first, last);
    return status == HF_OK && !whole ? hf_record_refold_based(store) : status;
}

/* ---- keys that are shut out, entries that are lost ---- */

/* When the field was first written, by the writer's clock. */
static hf_hlc shown_since(const hf_record *record, uint32_t field)
{
    hf_hlc first = INT64_MAX;
    for (size_t i = 0; i < record->field_count; i++) {
        const hf_cell *cell = &record->fields[i].cell;
        if (record->fields[i].number != field) continue;
        for (size_t j = 0; j < cell->live_count; j++)
            if (cell->live[j].hlc < first) first = cell->live[j].hlc;
    }
    return first;
}

static hf_status fold_revoked(hf_store *store, const hf_record *record)
{
    uint8_t key_id[HF_HASH_SIZE];
    fields f = {.store = store, .record = record};
    hf_reader reader = hf_reader_open(shown(&f, HF_REVOKED_KEY_ID));
    hf_read_bytes_exact(&reader, key_id, sizeof key_id);
    if (f.status != HF_OK) return f.status;
    if (reader.status != HF_OK) return HF_OK; /* not yet whole */
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_REVOKED_SET);
    hf_bind_bytes(statement, 1, key_id, sizeof key_id);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)shown_since(record, HF_REVOKED_KEY_ID));
    return hf_sql_run(store, statement);
}

static hf_status fold_lost(hf_store *store, const hf_record *record)
{
    hf_origin_id id;
    char text[256];
    fields f = {.store = store, .record = record};
    hf_reader reader = hf_reader_open(shown(&f, HF_LOST_RANGE));
    shown_text(&f, HF_LOST_TEXT, text, sizeof text);
    if (hf_read_array(&reader, 4) != 4) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    hf_read_bytes_exact(&reader, id.bytes, HF_ORIGIN_SIZE);
    uint8_t lane = (uint8_t)hf_read_uint_max(&reader, HF_LANE_COUNT - 1);
    uint64_t first = hf_read_uint_max(&reader, INT64_MAX);
    uint64_t last = hf_read_uint_max(&reader, INT64_MAX);
    if (f.status != HF_OK) return f.status;
    if (hf_reader_end(&reader) != HF_OK || first == 0 || last < first) return HF_OK;
    hf_origin_row *origin;
    hf_status status = hf_origin_intern(store, &id, &origin);
    if (status != HF_OK) return status;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_LOST_SET);
    sqlite3_bind_int64(statement, 1, hf_log_no(origin->no, lane));
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)first);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)last);
    sqlite3_bind_text(statement, 4, text, -1, SQLITE_STATIC);
    return hf_sql_run(store, statement);
}

/* ---- one record changed ---- */

hf_status hf_control_fold(hf_store *store, const hf_record_id *id, bool loaded)
{
    hf_record record;
    hf_status status = hf_record_load(store, id, true, &record);
    if (status != HF_OK) return status;
    switch (id->type) {
    case HF_TYPE_DEVICE: status = fold_device(store, &record); break;
    case HF_TYPE_SCOPE: status = fold_scope(store, &record); break;
    case HF_TYPE_PACK: store->pack_changed = true; break;
    case HF_TYPE_VERDICT:
        if (!loaded) status = fold_verdict(store, &record); /* the snapshot has its holes itself */
        break;
    case HF_TYPE_CLOCK: status = fold_clock(store, &record, loaded); break;
    case HF_TYPE_HUBS: status = hf_hubs_fold(store, &record); break;
    case HF_TYPE_REVOKED: status = fold_revoked(store, &record); break;
    case HF_TYPE_LOST: status = fold_lost(store, &record); break;
    case HF_TYPE_LEASE: status = hf_lease_fold(store, &record); break;
    default: break; /* a system type of a later version: kept, not understood */
    }
    hf_record_clear(&record);
    return status;
}
