/* find.c: records by the words in them.
 *
 * The index is derived: it is built behind the writes, never in the way of a commit, and could be
 * thrown away. It walks the feed from where it stopped; a record that many entries touch is indexed
 * once, at the last of them. What is folded anew out of turn (after a verdict) leaves a note in
 * `word_stale`. */
#include "find.h"

#include "store_core.h"
#include "words.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEP_ENTRIES = 256, /* entries one transaction takes in */
    STEP_STALE = 64,    /* and records that were folded anew */
    WORD_SIZE_MAX = 64, /* bytes; the rest of a longer word is not looked at, on both sides */
    WORDS_MAX = 16,     /* in one question */
    PAGE = 10000        /* records with the rarest word, looked at in one go */
};

static const char MARK[] = "words_position"; /* in `meta`: the feed is indexed up to here */

/* ---- one record ---- */

static hf_bytes cut(hf_bytes word)
{
    size_t size = word.size;
    if (size > WORD_SIZE_MAX) {
        size = WORD_SIZE_MAX;
        while (size > 0 && (word.data[size] & 0xc0) == 0x80) size--; /* not within a letter */
    }
    return (hf_bytes){word.data, size};
}

typedef struct indexing {
    hf_store *store;
    int64_t record;
} indexing;

static hf_status on_record_word(void *context, hf_bytes word)
{
    indexing *index = context;
    hf_bytes key = cut(word);
    sqlite3_stmt *statement = hf_sql(index->store, HF_SQL_R_WORD_ADD);
    sqlite3_bind_text(statement, 1, (const char *)key.data, (int)key.size, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, index->record);
    return hf_sql_run(index->store, statement);
}

static bool has_words(const hf_field *field)
{
    return field->kind == HF_VALUE_TEXT || field->kind == HF_VALUE_CODE ||
           field->kind == HF_VALUE_ANY;
}

static hf_status index_field(indexing *index, const hf_cell *cell)
{
    hf_status status = HF_OK;
    for (size_t i = 0; i < cell->live_count && status == HF_OK; i++) {
        hf_reader reader = hf_reader_open(cell->live[i].value);
        if (hf_reader_kind(&reader) != HF_KIND_TEXT) continue;
        status = hf_words_each(hf_read_text(&reader), on_record_word, index);
        if (status == HF_ERR_INPUT) status = HF_OK; /* it cannot be folded: it cannot be found */
    }
    return status;
}

static hf_status index_record(hf_store *store, int64_t no)
{
    indexing index = {.store = store, .record = no};
    hf_record record;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_WORDS_CLEAR);
    sqlite3_bind_int64(statement, 1, no);
    hf_status status = hf_sql_run(store, statement);
    if (status == HF_OK) status = hf_record_load_no(store, no, true, &record);
    if (status != HF_OK) return status;
    bool shown = !record.deleted && record.id.type >= HF_TYPE_FIRST_PACK;
    for (size_t i = 0; i < record.field_count && shown && status == HF_OK; i++) {
        const hf_record_field *field = &record.fields[i];
        if (field->number != HF_FIELD_DELETED &&
            has_words(hf_pack_field(store->pack, record.id.type, field->number)))
            status = index_field(&index, &field->cell);
    }
    hf_record_clear(&record);
    return status;
}

/* ---- a step: what was folded anew, then what came ---- */

/* Numbers in a statement's first column, at most `room`. */
static hf_status numbers_read(hf_store *store, sqlite3_stmt *statement, int64_t *numbers,
                              size_t room, size_t *count)
{
    *count = 0;
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    while (status == HF_OK && row && *count < room) {
        numbers[(*count)++] = sqlite3_column_int64(statement, 0);
        status = hf_sql_row(store, statement, &row);
    }
    if (statement) sqlite3_reset(statement);
    return status;
}

static hf_status index_stale(hf_store *store, size_t *count)
{
    int64_t numbers[STEP_STALE];
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_STALE);
    hf_status status = numbers_read(store, statement, numbers, STEP_STALE, count);
    for (size_t i = 0; i < *count && status == HF_OK; i++) {
        statement = hf_sql(store, HF_SQL_R_STALE_DONE);
        sqlite3_bind_int64(statement, 1, numbers[i]);
        status = hf_sql_run(store, statement);
        if (status == HF_OK) status = index_record(store, numbers[i]);
    }
    return status;
}

/* Records that the entry touches, and no later one does: those will have their turn. */
static hf_status index_parts(hf_store *store, uint64_t position, uint32_t scope, hf_bytes body)
{
    hf_entry_body entry;
    hf_status status = hf_entry_parse(body, &entry);
    hf_reader parts = hf_reader_open(entry.parts);
    size_t count = status == HF_OK ? hf_read_array(&parts, HF_ENTRY_PARTS_MAX) : 0;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        hf_part part;
        status = hf_part_next(NULL, &parts, &part);
        if (status != HF_OK || part.erased || part.record.type < HF_TYPE_FIRST_PACK) continue;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_RECORD_LAST);
        sqlite3_bind_int64(statement, 1, part.record.type);
        hf_bind_bytes(statement, 2, part.record.bytes, HF_RECORD_ID_SIZE);
        sqlite3_bind_int64(statement, 3, scope);
        sqlite3_bind_int64(statement, 4, (sqlite3_int64)position);
        int64_t no;
        size_t found;
        status = numbers_read(store, statement, &no, 1, &found);
        if (status == HF_OK && found) status = index_record(store, no);
    }
    return status;
}

static hf_status index_entries(hf_store *store, uint64_t *mark)
{
    uint64_t end = *mark + STEP_ENTRIES < store->position ? *mark + STEP_ENTRIES : store->position;
    hf_buffer body = {0}; /* indexing a record may read entries by the same statement */
    hf_status status = HF_OK;
    while (*mark < end && status == HF_OK) {
        hf_entry entry;
        int64_t origin_no;
        status = hf_entry_at(store, *mark + 1, &entry, &origin_no);
        hf_buffer_clear(&body);
        if (status == HF_OK) hf_write_raw(&body, entry.body);
        if (status == HF_OK) status = body.status;
        if (status == HF_OK && !entry.withheld && entry.dot.lane != HF_LANE_CONTROL)
            status = index_parts(store, entry.position, entry.scope, hf_buffer_bytes(&body));
        (*mark)++;
    }
    hf_buffer_free(&body);
    return status;
}

static hf_status mark_read(hf_store *store, uint64_t *mark)
{
    hf_buffer value = {0};
    hf_status status = hf_meta_get(store, MARK, &value);
    hf_reader reader = hf_reader_open(hf_buffer_bytes(&value));
    *mark = value.size ? hf_read_uint_max(&reader, store->position) : 0;
    hf_buffer_free(&value);
    return status; /* a mark that does not read is 0: the index is built again */
}

static hf_status mark_write(hf_store *store, uint64_t mark)
{
    hf_buffer value = {0};
    hf_write_uint(&value, mark);
    hf_status status = value.status;
    if (status == HF_OK) status = hf_meta_set(store, MARK, hf_buffer_bytes(&value));
    hf_buffer_free(&value);
    return status;
}

static hf_status has_stale(hf_store *store, bool *any)
{
    int64_t number;
    size_t count;
    hf_status status = numbers_read(store, hf_sql(store, HF_SQL_R_STALE), &number, 1, &count);
    *any = count > 0;
    return status;
}

static hf_status index_current(hf_store *store, bool *current)
{
    uint64_t mark;
    bool stale;
    hf_status status = mark_read(store, &mark);
    if (status == HF_OK) status = has_stale(store, &stale);
    *current = status == HF_OK && !stale && mark == store->position;
    return status;
}

hf_status hf_find_step(hf_store *store, bool *more)
{
    assert(!store->batch); /* the index has transactions of its own */
    uint64_t mark;
    bool current;
    *more = false;
    hf_status status = index_current(store, &current);
    if (status != HF_OK || current) return status;
    status = mark_read(store, &mark);
    if (status == HF_OK) status = hf_store_writable(store);
    if (status == HF_OK) status = hf_sql_run(store, hf_sql(store, HF_SQL_BEGIN));
    if (status != HF_OK) return status;
    size_t renewed;
    status = index_stale(store, &renewed);
    if (status == HF_OK) status = index_entries(store, &mark);
    if (status == HF_OK) status = mark_write(store, mark);
    if (status == HF_OK) status = hf_sql_run(store, hf_sql(store, HF_SQL_COMMIT));
    if (status != HF_OK) hf_store_undo(store); /* derived: nothing is lost by it */
    *more = status == HF_OK && (mark < store->position || renewed == STEP_STALE);
    return status;
}

/* ---- a question ---- */

typedef struct asked_word { /* every word of the index from `low` to `high` will do */
    char low[WORD_SIZE_MAX + 1], high[WORD_SIZE_MAX + 5];
} asked_word;

typedef struct question {
    asked_word words[WORDS_MAX];
    size_t count;
} question;

static hf_status on_asked_word(void *context, hf_bytes word)
{
    question *asked = context;
    if (asked->count == WORDS_MAX) return HF_ERR_LIMIT;
    hf_bytes key = cut(word);
    asked_word *next = &asked->words[asked->count++];
    memcpy(next->low, key.data, key.size);
    next->low[key.size] = 0;
    memcpy(next->high, next->low, sizeof next->low);
    return HF_OK;
}

static hf_status ask(hf_store *store, hf_bytes text, question *out)
{
    out->count = 0;
    hf_status status = hf_words_each(text, on_asked_word, out);
    if (status == HF_ERR_INPUT)
        return hf_store_say(store, status, "What is looked for must be text (UTF-8).");
    if (status == HF_ERR_LIMIT)
        return hf_store_say(store, status, "At most %d words can be looked for at once.",
                            WORDS_MAX);
    if (status != HF_OK || out->count == 0) return status;
    static const char last_letter[] = "\xf4\x8f\xbf\xbf"; /* U+10FFFF: nothing sorts behind it */
    char *high = out->words[out->count - 1].high;
    memcpy(high + strlen(high), last_letter, sizeof last_letter); /* it may not be typed out yet */
    return HF_OK;
}

static void bind_range(sqlite3_stmt *statement, int at, const asked_word *word)
{
    sqlite3_bind_text(statement, at, word->low, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, at + 1, word->high, -1, SQLITE_STATIC);
}

/* The word that the fewest records have: the others are only checked for what it finds. */
static hf_status rarest(hf_store *store, const question *asked, size_t *out)
{
    int64_t fewest = INT64_MAX;
    *out = 0;
    for (size_t i = 0; i < asked->count; i++) {
        int64_t number;
        size_t found;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_WORD_COUNT);
        bind_range(statement, 1, &asked->words[i]);
        sqlite3_bind_int64(statement, 3, PAGE);
        hf_status status = numbers_read(store, statement, &number, 1, &found);
        if (status != HF_OK) return status;
        if (found && number < fewest) *out = i;
        if (found && number < fewest) fewest = number;
    }
    return HF_OK;
}

typedef struct answer {
    hf_record_id id;
    uint32_t scope;
    bool deleted;
} answer;

/* Newest first: ids begin with the time at which the record was made. */
static int answer_compare(const void *a, const void *b)
{
    const answer *left = a, *right = b;
    int order = memcmp(right->id.bytes, left->id.bytes, HF_RECORD_ID_SIZE);
    if (order == 0) order = (left->id.type > right->id.type) - (left->id.type < right->id.type);
    return order ? order : (left->scope > right->scope) - (left->scope < right->scope);
}

static hf_status has_all(hf_store *store, const question *asked, size_t but, int64_t no, bool *all)
{
    *all = true;
    for (size_t i = 0; i < asked->count && *all; i++) {
        if (i == but) continue;
        sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_WORD_HAS);
        sqlite3_bind_int64(statement, 1, no);
        bind_range(statement, 2, &asked->words[i]);
        hf_status status = hf_sql_row(store, statement, all);
        if (statement) sqlite3_reset(statement);
        if (status != HF_OK) return status;
    }
    return HF_OK;
}

typedef struct answer_list {
    answer *items;
    size_t count, capacity;
} answer_list;

static hf_status answer_add(hf_store *store, int64_t no, answer_list *list)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        answer *items = realloc(list->items, capacity * sizeof *items);
        if (!items) return hf_store_say(store, HF_ERR_NOMEM, "Out of memory; ask for less.");
        list->items = items;
        list->capacity = capacity;
    }
    bool row;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_R_RECORD_NAME);
    sqlite3_bind_int64(statement, 1, no);
    hf_status status = hf_sql_row(store, statement, &row);
    if (status != HF_OK || !row) return status;
    answer *out = &list->items[list->count];
    *out = (answer){.scope = (uint32_t)sqlite3_column_int64(statement, 2),
                    .deleted = sqlite3_column_int(statement, 3) == HF_SHOWN_DELETED};
    out->id.type = (uint32_t)sqlite3_column_int64(statement, 0);
    status = hf_column_exact(store, statement, 1, out->id.bytes, HF_RECORD_ID_SIZE);
    sqlite3_reset(statement);
    if (status == HF_OK) list->count++;
    return status;
}

/* Records with the word, the latest to come first, in pages: nothing is read for longer than a page
 * takes, and however common the words are, no record that has them all is passed over. */
static hf_status search(hf_store *store, const question *asked, size_t limit, answer_list *list)
{
    size_t driver, found = PAGE;
    hf_status status = rarest(store, asked, &driver);
    int64_t *page = malloc(PAGE * sizeof *page), before = INT64_MAX;
    if (!page) return hf_store_say(store, HF_ERR_NOMEM, "Out of memory. What was saved is safe.");
    const asked_word *word = &asked->words[driver];
    bool exact = strcmp(word->low, word->high) == 0; /* then its records are in order already */
    while (status == HF_OK && found == PAGE && list->count < limit) {
        sqlite3_stmt *statement = hf_sql(store, exact ? HF_SQL_R_WORD_EXACT : HF_SQL_R_WORD_RANGE);
        bind_range(statement, 1, word);
        sqlite3_bind_int64(statement, 3, PAGE);
        sqlite3_bind_int64(statement, 4, before);
        status = numbers_read(store, statement, page, PAGE, &found);
        for (size_t i = 0; i < found && status == HF_OK; i++) {
            bool all;
            status = has_all(store, asked, driver, page[i], &all);
            if (status == HF_OK && all) status = answer_add(store, page[i], list);
        }
        if (found) before = page[found - 1];
    }
    free(page);
    return status;
}

bool hf_store_found_all(const hf_store *store)
{
    return store->found_all;
}

hf_status hf_store_find(hf_store *store, hf_bytes words, size_t limit, hf_record_visitor visit,
                        void *context)
{
    question asked;
    answer_list list = {.count = 0};
    store->found_all = true;
    hf_status status = ask(store, words, &asked);
    if (status != HF_OK || asked.count == 0) return status;
    /* A store that may not be written to is searched as far as it was indexed. */
    for (bool more = !store->read_only && !store->damaged; more && status == HF_OK;)
        status = hf_find_step(store, &more);
    /* Nor is a full or busy disk a reason not to answer: what was indexed can be read. But an
     * answer that lacks something must not look like one that is whole. */
    if (status == HF_ERR_FULL || status == HF_ERR_BUSY || status == HF_ERR_IO) status = HF_OK;
    if (status == HF_OK) status = index_current(store, &store->found_all);
    if (status == HF_OK) status = search(store, &asked, limit, &list);
    if (status == HF_OK && list.count)
        qsort(list.items, list.count, sizeof *list.items, answer_compare);
    for (size_t i = 0; i < list.count && limit > 0 && status == HF_OK; i++) {
        const answer *it = &list.items[i];
        if (i > 0 && memcmp(&it->id, &it[-1].id, sizeof it->id) == 0)
            continue; /* the same id in two scopes is shown once */
        limit--;
        status = visit(context, &it->id, it->scope, it->deleted);
    }
    free(list.items);
    return status;
}
