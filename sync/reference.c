/* reference.c: which number a record gets, and which records bear which.
 *
 * Why by incarnation: a store that was copied or set back does not know which numbers its twin has
 * given since. It writes under a new name, and the numbers of the old one are nobody's any more. */
#include "reference.h"

#include "draft.h"
#include "lease.h"
#include "render.h"
#include "store_core.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char NUMBER[] = "{number}", YEAR[] = "{yy}", PROVISIONAL[] = "PROV-";
static const char META_PROVISIONAL[] = "provisional"; /* [own origin, how many it has given] */

enum { DIGITS_MAX = 12, TAG_GROUPS = 3, TAG_GROUP = 4 };

/* ---- as text ---- */

void hf_reference_format(const hf_series *series, uint64_t number, uint64_t wall_ms,
                         char out[HF_REFERENCE_SIZE])
{
    char time[HF_TIME_TEXT_SIZE];
    size_t used = 0;
    hf_time_format((int64_t)wall_ms, time);
    for (const char *at = series->format; *at && used < HF_REFERENCE_SIZE - 1;) {
        size_t room = HF_REFERENCE_SIZE - used;
        int added = 1;
        if (strncmp(at, NUMBER, sizeof NUMBER - 1) == 0) {
            added = snprintf(out + used, room, "%llu", (unsigned long long)number);
            at += sizeof NUMBER - 1;
        } else if (strncmp(at, YEAR, sizeof YEAR - 1) == 0) {
            added = snprintf(out + used, room, "%.2s", time + 2); /* "2019-..." */
            at += sizeof YEAR - 1;
        } else {
            out[used] = *at++;
        }
        used += (size_t)added;
    }
    assert(used < HF_REFERENCE_SIZE); /* a format has 32 bytes at most, a number 12 digits */
    out[used] = 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

uint64_t hf_reference_number(const hf_series *series, hf_bytes text)
{
    const char *at = (const char *)text.data, *end = at + text.size;
    uint64_t number = 0;
    for (const char *format = series->format; *format;) {
        if (strncmp(format, NUMBER, sizeof NUMBER - 1) == 0) {
            size_t digits = 0;
            if (at == end || *at == '0') return 0;
            for (; at < end && is_digit(*at); at++) {
                if (++digits > DIGITS_MAX) return 0;
                number = number * 10 + (uint64_t)(*at - '0');
            }
            format += sizeof NUMBER - 1;
        } else if (strncmp(format, YEAR, sizeof YEAR - 1) == 0) {
            if (end - at < 2 || !is_digit(at[0]) || !is_digit(at[1])) return 0;
            at += 2;
            format += sizeof YEAR - 1;
        } else {
            if (at == end || *at++ != *format++) return 0;
        }
    }
    return at == end ? number : 0;
}

void hf_provisional_tag_of(const hf_origin_id *origin, char tag[HF_PROVISIONAL_TAG_SIZE])
{
    static const char DIGITS[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford's: read aloud */
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits = bits << 8 | origin->bytes[i];
    char *at = tag + sizeof PROVISIONAL - 1;
    memcpy(tag, PROVISIONAL, sizeof PROVISIONAL - 1);
    for (int i = 0; i < TAG_GROUPS * TAG_GROUP; i++) {
        *at++ = DIGITS[bits >> (59 - 5 * i) & 31];
        if (i % TAG_GROUP == TAG_GROUP - 1) *at++ = '-';
    }
    *at = 0;
    assert(at - tag == HF_PROVISIONAL_TAG_SIZE - 1);
}

bool hf_provisional_tag(hf_bytes text, char tag[HF_PROVISIONAL_TAG_SIZE])
{
    size_t size = HF_PROVISIONAL_TAG_SIZE - 1;
    if (text.size <= size || memcmp(text.data, PROVISIONAL, sizeof PROVISIONAL - 1) != 0)
        return false;
    memcpy(tag, text.data, size);
    tag[size] = 0;
    return tag[9] == '-' && tag[14] == '-' && tag[19] == '-';
}

static hf_bytes text_of(hf_bytes value)
{
    hf_reader reader = hf_reader_open(value);
    hf_bytes text = hf_read_text(&reader);
    return hf_reader_end(&reader) == HF_OK ? text : (hf_bytes){NULL, 0};
}

/* ---- blocks ---- */

typedef struct block_row {
    int64_t origin;
    char series[HF_PACK_NAME_MAX + 1];
    uint64_t first, last, next;
} block_row;

static hf_status block_read(hf_store *store, hf_bytes sealed, block_row *out)
{
    hf_bytes state, name;
    hf_status status = hf_unseal(store, sealed, &state);
    if (status != HF_OK) return status;
    hf_reader reader = hf_reader_open(state);
    (void)hf_read_array(&reader, 5);
    out->origin = (int64_t)hf_read_uint_max(&reader, INT64_MAX);
    name = hf_read_text(&reader);
    out->first = hf_read_uint(&reader);
    out->last = hf_read_uint(&reader);
    out->next = hf_read_uint(&reader);
    if (hf_reader_end(&reader) != HF_OK || name.size > HF_PACK_NAME_MAX)
        return hf_store_damaged(store, "a block of numbers is not as it was stored");
    memcpy(out->series, name.data, name.size);
    out->series[name.size] = 0;
    return HF_OK;
}

static hf_status block_write(hf_store *store, const block_row *row)
{
    hf_buffer state = {0};
    hf_write_array(&state, 5);
    hf_write_uint(&state, (uint64_t)row->origin);
    hf_write_string(&state, row->series);
    hf_write_uint(&state, row->first);
    hf_write_uint(&state, row->last);
    hf_write_uint(&state, row->next);
    hf_seal(&state);
    hf_status status = state.status;
    if (status == HF_OK) {
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_BLOCK_SET);
        sqlite3_bind_int64(statement, 1, row->origin);
        sqlite3_bind_text(statement, 2, row->series, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)row->first);
        sqlite3_bind_int64(statement, 4, (sqlite3_int64)(row->last + 1 - row->next));
        hf_bind_bytes(statement, 5, state.data, state.size);
        status = hf_sql_run(store, statement);
    }
    hf_buffer_free(&state);
    store->references_moved++;
    return status;
}

hf_status hf_block_check(hf_store *store, sqlite3_stmt *row, void *context)
{
    block_row block;
    (void)context;
    hf_status status = block_read(store, hf_column_bytes(row, 0), &block);
    if (status != HF_OK) return status;
    const char *series = (const char *)sqlite3_column_text(row, 2);
    bool same = block.origin == sqlite3_column_int64(row, 1) && series &&
                strcmp(series, block.series) == 0 &&
                block.first == (uint64_t)sqlite3_column_int64(row, 3);
    return same ? HF_OK : hf_store_damaged(store, "a block of numbers is filed as another");
}

/* The next number of ours; 0: they have run out. */
static hf_status take(hf_store *store, const hf_series *series, uint64_t *number)
{
    block_row row;
    bool found;
    *number = 0;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_BLOCK_NEXT);
    sqlite3_bind_int64(statement, 1, store->own->no);
    if (HF_PLANTED(BLOCK_OUTLIVES)) sqlite3_bind_int64(statement, 1, 1);
    sqlite3_bind_text(statement, 2, series->name, -1, SQLITE_STATIC);
    hf_status status = hf_sql_row(store, statement, &found);
    if (status == HF_OK && found) status = block_read(store, hf_column_bytes(statement, 0), &row);
    sqlite3_reset(statement);
    if (status != HF_OK || !found) return status;
    /* What says how many are left is not sealed, and it only ever chooses the row. */
    if (row.next > row.last || strcmp(row.series, series->name) != 0)
        return hf_store_damaged(store, "a block of numbers says that it is not used up");
    *number = row.next++;
    if (HF_PLANTED(NUMBER_TWICE) && *number % 4 == 1) return HF_OK;
    return block_write(store, &row);
}

hf_status hf_batch_block(hf_batch *batch, hf_bytes series, uint64_t first, uint64_t last,
                         bool *taken)
{
    hf_store *store = batch->store;
    block_row row = {.origin = store->own->no, .first = first, .last = last, .next = first};
    *taken = false;
    if (first == 0 || last < first || last > HF_REFERENCE_MAX || series.size > HF_PACK_NAME_MAX ||
        last - first >= HF_SERIES_BLOCK_MAX)
        return HF_ERR_PROTOCOL;
    memcpy(row.series, series.data, series.size);
    bool overlaps = false, found;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_BLOCKS);
    sqlite3_bind_text(statement, 1, row.series, -1, SQLITE_STATIC);
    hf_status status = hf_sql_row(store, statement, &found);
    while (status == HF_OK && found) {
        block_row held;
        status = block_read(store, hf_column_bytes(statement, 0), &held);
        if (status == HF_OK && held.first <= last && held.last >= first) overlaps = true;
        if (status == HF_OK) status = hf_sql_row(store, statement, &found);
    }
    sqlite3_reset(statement);
    if (status != HF_OK || overlaps) return status;
    *taken = true;
    return block_write(store, &row);
}

hf_status hf_series_left_get(hf_store *store, const hf_series *series, hf_series_left *out)
{
    bool found;
    *out = (hf_series_left){0};
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_BLOCKS);
    sqlite3_bind_text(statement, 1, series->name, -1, SQLITE_STATIC);
    hf_status status = hf_sql_row(store, statement, &found);
    while (status == HF_OK && found) {
        block_row row;
        status = block_read(store, hf_column_bytes(statement, 0), &row);
        if (status == HF_OK && row.origin == store->own->no) {
            out->left += row.last + 1 - row.next;
            if (row.last > out->last) {
                out->last = row.last;
                out->block = row.last + 1 - row.first;
            }
        }
        if (status == HF_OK) status = hf_sql_row(store, statement, &found);
    }
    sqlite3_reset(statement);
    return status;
}

uint64_t hf_references_moved(const hf_store *store)
{
    return store->references_moved;
}

/* ---- giving ---- */

static hf_status provisional(hf_store *store, char out[HF_REFERENCE_SIZE])
{
    char tag[HF_PROVISIONAL_TAG_SIZE];
    hf_buffer stored = {0};
    uint8_t origin[HF_ORIGIN_SIZE];
    hf_status status = hf_meta_get(store, META_PROVISIONAL, &stored);
    hf_reader reader = hf_reader_open(hf_buffer_bytes(&stored));
    (void)hf_read_array(&reader, 2);
    hf_read_bytes_exact(&reader, origin, sizeof origin);
    uint64_t count = hf_read_uint(&reader);
    bool ours = stored.size > 0 && hf_reader_end(&reader) == HF_OK &&
                memcmp(origin, store->own->id.bytes, sizeof origin) == 0;
    count = ours ? count + 1 : 1;
    hf_buffer_clear(&stored);
    hf_write_array(&stored, 2);
    hf_write_bytes(&stored, store->own->id.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&stored, count);
    if (status == HF_OK) status = stored.status;
    if (status == HF_OK) status = hf_meta_set(store, META_PROVISIONAL, hf_buffer_bytes(&stored));
    hf_buffer_free(&stored);
    hf_provisional_tag_of(&store->own->id, tag);
    /* Four digits: a search is by the beginnings of words, and "1" begins every year. */
    (void)snprintf(out, HF_REFERENCE_SIZE, "%s%04llu", tag, (unsigned long long)count);
    return status;
}

/* What the record is to be called by, as a change of its field or of its aliases. */
static hf_status number_part(hf_store *store, hf_drafts *drafts, const hf_draft_part *part,
                             const hf_series *series, uint64_t wall_ms)
{
    char text[HF_REFERENCE_SIZE];
    uint64_t number;
    hf_buffer value = {0};
    hf_change change = {.record = part->record, .scope = part->scope};
    hf_status status = take(store, series, &number);
    if (status == HF_OK && number)
        hf_reference_format(series, number, wall_ms, text);
    else if (status == HF_OK)
        status = provisional(store, text);
    if (status != HF_OK) return status;
    change.field = number ? series->field->number : series->aliases->number;
    change.kind = number ? HF_CHANGE_SET : HF_CHANGE_ADD;
    hf_write_string(&value, text);
    change.value = hf_buffer_bytes(&value);
    size_t last_entry = drafts->entry;
    drafts->entry = part->entry;
    status = value.status == HF_OK ? hf_drafts_add(store, drafts, &change) : value.status;
    drafts->entry = last_entry;
    hf_buffer_free(&value);
    return status;
}

hf_status hf_references_number(hf_batch *batch, hf_drafts *drafts, const hf_author *author)
{
    hf_store *store = batch->store;
    hf_status status = HF_OK;
    if (store->is_hub) return HF_OK;
    for (size_t i = 0; i < drafts->count && status == HF_OK; i++) {
        const hf_draft_part *part = &drafts->parts[i];
        if (!part->begins || part->count == 0) continue;
        const hf_type *type = hf_pack_type(store->pack, part->record.type);
        if (!type || !type->series) continue;
        if (hf_drafts_writes(drafts, &part->record, type->series->field->number)) continue;
        status = number_part(store, drafts, part, type->series, author->wall_ms);
    }
    return status;
}

/* ---- the number comes later ---- */

static const hf_record_field *field_of(const hf_record *record, const hf_field *field)
{
    for (size_t i = 0; i < record->field_count; i++)
        if (record->fields[i].number == field->number) return &record->fields[i];
    return NULL;
}

typedef struct giving {
    hf_store *store;
    const hf_author *author;
    hf_batch *batch;
    size_t given;
} giving;

static hf_status give_one(giving *give, int64_t no)
{
    hf_store *store = give->store;
    char text[HF_REFERENCE_SIZE];
    hf_buffer value = {0};
    hf_record record;
    uint64_t number = 0;
    hf_status status = hf_record_load_no(store, no, false, &record);
    if (status != HF_OK) return status;
    const hf_type *type = hf_pack_type(store->pack, record.id.type);
    const hf_series *series = type ? type->series : NULL;
    if (series) status = take(store, series, &number);
    if (status == HF_OK && number) {
        hf_change change = {.record = record.id, .scope = record.scope, .kind = HF_CHANGE_SET};
        change.field = series->field->number;
        hf_reference_format(series, number, give->author->wall_ms, text);
        hf_write_string(&value, text);
        change.value = hf_buffer_bytes(&value);
        status = value.status;
        if (status == HF_OK) status = hf_write_changes(give->batch, give->author, &change, 1);
        if (status == HF_OK) give->given++;
    }
    hf_buffer_free(&value);
    hf_record_clear(&record);
    return status;
}

static hf_status next_mine(hf_store *store, const char *tag, int64_t *record)
{
    bool found;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_PROVISIONAL_MINE);
    sqlite3_bind_text(statement, 1, tag, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, *record);
    hf_status status = hf_sql_row(store, statement, &found);
    *record = status == HF_OK && found ? sqlite3_column_int64(statement, 0) : 0;
    if (statement) sqlite3_reset(statement);
    return status;
}

/* Those that this incarnation, or a former one of ours, gave a provisional reference. */
static hf_status give_of(void *context, const hf_origin_row *origin)
{
    giving *give = context;
    char tag[HF_PROVISIONAL_TAG_SIZE];
    int64_t record = 0;
    hf_provisional_tag_of(&origin->id, tag);
    while (give->given < HF_REFERENCES_PER_TURN) {
        hf_status status = next_mine(give->store, tag, &record);
        if (status == HF_OK && record) status = give_one(give, record);
        if (status != HF_OK || !record) return status;
    }
    return HF_OK;
}

hf_status hf_references_give(hf_store *store, const hf_author *author, bool *more)
{
    giving give = {.store = store, .author = author};
    uint64_t waiting = 0;
    *more = false;
    hf_status status = hf_provisional_count(store, &waiting);
    if (status != HF_OK || waiting == 0) return status;
    status = hf_batch_begin_own(store, author->wall_ms, HF_REFERENCES_PER_TURN, &give.batch);
    if (status != HF_OK) return status;
    status = hf_origin_each_own(store, give_of, &give);
    *more = give.given == HF_REFERENCES_PER_TURN;
    if (status == HF_OK && give.given > 0) return hf_batch_commit(give.batch);
    hf_batch_rollback(give.batch);
    return status;
}

hf_status hf_provisional_count(hf_store *store, uint64_t *out)
{
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_PROVISIONAL_COUNT);
    return hf_sql_number(store, statement, out);
}

/* ---- who bears which ---- */

static hf_status each_tag(hf_store *store, const hf_record *record, const hf_record_field *aliases,
                          hf_status (*visit)(hf_store *, int64_t, const char *, bool *), bool *ok)
{
    hf_status status = HF_OK;
    for (size_t i = 0; i < aliases->cell.live_count && status == HF_OK; i++) {
        char tag[HF_PROVISIONAL_TAG_SIZE];
        if (hf_provisional_tag(text_of(aliases->cell.live[i].value), tag))
            status = visit(store, record->no, tag, ok);
    }
    return status;
}

static hf_status tag_add(hf_store *store, int64_t record, const char *tag, bool *ok)
{
    (void)ok;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_PROVISIONAL_ADD);
    sqlite3_bind_int64(statement, 1, record);
    sqlite3_bind_text(statement, 2, tag, -1, SQLITE_STATIC);
    return hf_sql_run(store, statement);
}

static hf_status tag_has(hf_store *store, int64_t record, const char *tag, bool *ok)
{
    bool found;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_PROVISIONAL_TAG);
    sqlite3_bind_int64(statement, 1, record);
    sqlite3_bind_text(statement, 2, tag, -1, SQLITE_STATIC);
    hf_status status = hf_sql_row(store, statement, &found);
    if (statement) sqlite3_reset(statement);
    *ok = *ok && found;
    return status;
}

static hf_status number_sql(hf_store *store, hf_sql_id sql, const hf_series *series,
                            const hf_record *record, const hf_live *live, bool *found)
{
    uint64_t number = hf_reference_number(series, text_of(live->value));
    *found = true;
    if (number == 0) return HF_OK;
    sqlite3_stmt *statement = hf_sql(store, sql);
    sqlite3_bind_text(statement, 1, series->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)number);
    sqlite3_bind_int64(statement, 3, record->no);
    hf_status status = hf_sql_row(store, statement, found);
    if (statement) sqlite3_reset(statement);
    return status;
}

/* The aliases that stand, their rows read; NULL: the record never had any. */
static hf_status aliases_of(hf_store *store, hf_record *record, const hf_series *series,
                            const hf_record_field **out)
{
    const hf_record_field *aliases = field_of(record, series->aliases);
    *out = aliases;
    if (!aliases || !aliases->rows) return HF_OK;
    return hf_elements_load(store, record, &record->fields[aliases - record->fields]);
}

static bool lacks_number(const hf_record *record, const hf_record_field *numbers)
{
    return !record->deleted && (!numbers || numbers->cell.live_count == 0);
}

hf_status hf_reference_settle(hf_store *store, hf_record *record, bool anew)
{
    const hf_type *type = hf_pack_type(store->pack, record->id.type);
    const hf_series *series = type ? type->series : NULL;
    const hf_record_field *aliases = NULL;
    if (!series) return HF_OK;
    const hf_record_field *numbers = field_of(record, series->field);
    hf_status status = HF_OK;
    for (size_t i = 0; store->is_hub && numbers && i < numbers->cell.live_count; i++) {
        bool row;
        status =
            number_sql(store, HF_SQL_REFERENCE_ADD, series, record, &numbers->cell.live[i], &row);
        if (status != HF_OK) return status;
    }
    status = aliases_of(store, record, series, &aliases);
    if (status == HF_OK && (aliases || anew)) {
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_PROVISIONAL_CLEAR);
        sqlite3_bind_int64(statement, 1, record->no);
        status = hf_sql_run(store, statement);
    }
    if (status == HF_OK && aliases && lacks_number(record, numbers))
        status = each_tag(store, record, aliases, tag_add, NULL);
    return status;
}

static hf_status is_listed(hf_store *store, int64_t record, bool *out)
{
    bool row;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_PROVISIONALS);
    sqlite3_bind_int64(statement, 1, record - 1);
    hf_status status = hf_sql_row(store, statement, &row);
    *out = status == HF_OK && row && sqlite3_column_int64(statement, 0) == record;
    if (statement) sqlite3_reset(statement);
    return status;
}

hf_status hf_reference_matches(hf_store *store, hf_record *record, bool *matches)
{
    const hf_type *type = hf_pack_type(store->pack, record->id.type);
    const hf_series *series = type ? type->series : NULL;
    const hf_record_field *aliases = NULL;
    *matches = true;
    if (!series) return HF_OK;
    const hf_record_field *numbers = field_of(record, series->field);
    hf_status status = HF_OK;
    for (size_t i = 0; store->is_hub && numbers && i < numbers->cell.live_count; i++) {
        bool found;
        status = number_sql(store, HF_SQL_R_BEARS, series, record, &numbers->cell.live[i], &found);
        *matches = *matches && found;
        if (status != HF_OK) return status;
    }
    status = aliases_of(store, record, series, &aliases);
    bool lacks = aliases && lacks_number(record, numbers), listed = false;
    if (status == HF_OK && lacks) status = each_tag(store, record, aliases, tag_has, matches);
    if (status == HF_OK && !lacks) status = is_listed(store, record->no, &listed);
    *matches = *matches && !listed;
    return status;
}
