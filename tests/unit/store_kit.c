/* store_kit.c: see store_kit.h. Every failed expectation ends the test where it stands. */
#include "store_kit.h"

#include "sync/embedded.h"
#include "sync/feed.h"
#include "sync/ids.h"

#include <stdio.h>
#include <unistd.h>

static const uint64_t T0_WALL_MS = 1571659200000; /* 21 October 2019 */
static const uint32_t SCOPES[] = {HF_SCOPE_CONTROL, HF_SCOPE_COMMON, KIT_BEAT, KIT_CUSTODY};
enum { SCOPE_COUNT = sizeof SCOPES / sizeof *SCOPES };

/* ---- files ---- */

hf_status kit_try_open(kit_node *node, bool read_only, char problem[512])
{
    hf_store_options options = {.path = node->path,
                                .crypto = &node->crypto.table,
                                .is_hub = node->is_hub,
                                .read_only = read_only};
    problem[0] = 0;
    return hf_store_open(&options, &node->store, problem, 512);
}

void kit_open(kit_node *node)
{
    char problem[512];
    hf_status status = kit_try_open(node, false, problem);
    if (status != HF_OK) print_error("%s: %s\n", node->path, problem);
    assert_int_equal(status, HF_OK);
}

void kit_shut(kit_node *node)
{
    hf_store_close(node->store);
    node->store = NULL;
}

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    char block[4096];
    size_t size;
    while ((size = fread(block, 1, sizeof block, in)) > 0)
        assert_int_equal(fwrite(block, 1, size, out), size);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

void kit_copy(const char *from, const char *to, bool guard)
{
    char source[160], target[160];
    copy_file(from, to);
    if (!guard) return;
    snprintf(source, sizeof source, "%s.guard", from);
    snprintf(target, sizeof target, "%s.guard", to);
    copy_file(source, target);
}

static void sql_on(sqlite3 *db, const char *sql)
{
    char *problem = NULL;
    int code = sqlite3_exec(db, sql, NULL, NULL, &problem);
    if (code != SQLITE_OK) print_error("%s: %s\n", sql, problem);
    assert_int_equal(code, SQLITE_OK);
}

void kit_sql(kit_node *node, const char *sql)
{
    if (node->store) {
        sql_on(node->store->db, sql);
        hf_vectors_forget(node->store); /* it could not have known */
        return;
    }
    sqlite3 *db;
    assert_int_equal(sqlite3_open(node->path, &db), SQLITE_OK);
    sql_on(db, sql);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int64_t kit_number(kit_node *node, const char *sql)
{
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(node->store->db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

/* ---- values ---- */

static hf_buffer *value_next(kit *k)
{
    hf_buffer *value = &k->values[k->value++ % KIT_VALUES];
    hf_buffer_clear(value);
    return value;
}

hf_bytes kit_text(kit *k, const char *text)
{
    hf_buffer *value = value_next(k);
    hf_write_string(value, text);
    return hf_buffer_bytes(value);
}

hf_bytes kit_uint(kit *k, uint64_t number)
{
    hf_buffer *value = value_next(k);
    hf_write_uint(value, number);
    return hf_buffer_bytes(value);
}

hf_bytes kit_ref(kit *k, uint32_t number)
{
    hf_buffer *value = value_next(k);
    uint8_t id[HF_RECORD_ID_SIZE] = {0};
    memcpy(id, &number, sizeof number);
    hf_write_array(value, 2);
    hf_write_uint(value, 17);
    hf_write_bytes(value, id, sizeof id);
    return hf_buffer_bytes(value);
}

hf_bytes kit_reason(const char *text)
{
    return (hf_bytes){(const uint8_t *)text, strlen(text)};
}

/* ---- writing ---- */

hf_author kit_author(const kit *k)
{
    return (hf_author){.actor = "PC 4411 Rees", .wall_ms = k->wall_ms, .quality = 3};
}

hf_txn *kit_begin(kit *k, kit_node *node)
{
    hf_txn *txn;
    k->wall_ms += 1000;
    hf_author author = kit_author(k);
    assert_int_equal(hf_txn_begin(node->store, &author, &txn), HF_OK);
    return txn;
}

hf_change kit_change(const hf_record_id *record, hf_change_kind kind, uint32_t field,
                     hf_bytes value)
{
    return (hf_change){.record = *record, .kind = kind, .field = field, .value = value};
}

hf_status kit_try(kit *k, kit_node *node, const hf_change *change)
{
    hf_txn *txn = kit_begin(k, node);
    hf_status status = hf_txn_change(txn, change);
    if (status == HF_OK)
        assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    else
        hf_txn_rollback(txn);
    return status;
}

static void must(kit *k, kit_node *node, const hf_change *change)
{
    hf_status status = kit_try(k, node, change);
    if (status != HF_OK) print_error("%s\n", hf_store_problem(node->store));
    assert_int_equal(status, HF_OK);
}

hf_record_id kit_crime_in(kit *k, kit_node *node, uint32_t scope, const char *summary)
{
    hf_record_id id;
    hf_txn *txn = kit_begin(k, node);
    assert_int_equal(hf_txn_new_id(txn, KIT_CRIME, &id), HF_OK);
    hf_txn_rollback(txn);
    hf_change change = kit_change(&id, HF_CHANGE_SET, KIT_SUMMARY, kit_text(k, summary));
    change.scope = scope;
    must(k, node, &change);
    return id;
}

hf_record_id kit_crime(kit *k, kit_node *node, const char *summary)
{
    return kit_crime_in(k, node, KIT_BEAT, summary);
}

void kit_set(kit *k, kit_node *node, const hf_record_id *record, uint32_t field, hf_bytes value)
{
    hf_change change = kit_change(record, HF_CHANGE_SET, field, value);
    must(k, node, &change);
}

void kit_add(kit *k, kit_node *node, const hf_record_id *record, uint32_t field, hf_bytes value)
{
    hf_change change = kit_change(record, HF_CHANGE_ADD, field, value);
    must(k, node, &change);
}

void kit_remove(kit *k, kit_node *node, const hf_record_id *record, uint32_t field, hf_bytes value)
{
    hf_change change = kit_change(record, HF_CHANGE_REMOVE, field, value);
    must(k, node, &change);
}

void kit_delete(kit *k, kit_node *node, const hf_record_id *record)
{
    hf_change change = kit_change(record, HF_CHANGE_DELETE, 0, (hf_bytes){NULL, 0});
    must(k, node, &change);
}

/* ---- entries from store to store ---- */

static hf_status take_one(void *context, const hf_entry *entry)
{
    kit_entry *out = context;
    out->dot = entry->dot;
    hf_write_raw(&out->body, entry->body);
    return HF_OK;
}

kit_entry kit_take(kit_node *node, uint64_t position)
{
    kit_entry entry = {.body = {0}};
    if (position == 0) position = hf_feed_position(node->store);
    assert_int_equal(hf_feed_read(node->store, position - 1, 1, take_one, &entry), HF_OK);
    assert_true(entry.body.size > 0);
    return entry;
}

void kit_entry_free(kit_entry *entry)
{
    hf_buffer_free(&entry->body);
}

const hf_origin_row *kit_introduce(kit_node *from, kit_node *to, const hf_origin_id *origin)
{
    const hf_origin_row *row = hf_origin_by_id(from->store, origin), *learnt;
    hf_buffer certificate = {0};
    assert_non_null(row);
    assert_int_equal(hf_origin_certificate(from->store, row->no, &certificate), HF_OK);
    assert_int_equal(hf_origin_learn(to->store, row->key_id, row->incarnation,
                                     hf_buffer_bytes(&certificate), &learnt),
                     HF_OK);
    hf_buffer_free(&certificate);
    return learnt;
}

hf_applied_entry kit_give(kit *k, kit_node *from, kit_node *to, const kit_entry *entry,
                          uint32_t withhold)
{
    hf_batch *batch;
    hf_applied_entry applied;
    assert_int_equal(hf_batch_begin(to->store, k->wall_ms, &batch), HF_OK);
    const hf_origin_row *origin = kit_introduce(from, to, &entry->dot.origin);
    assert_int_equal(hf_batch_entry(batch, origin, entry->dot.lane, hf_buffer_bytes(&entry->body),
                                    withhold, &applied),
                     HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    return applied;
}

typedef struct sending {
    kit_node *from, *to;
    hf_batch *batch;
    size_t taken;
} sending;

static hf_status send_one(void *context, const hf_feed_item *item)
{
    sending *s = context;
    hf_applied_entry applied;
    const hf_origin_row *origin = kit_introduce(s->from, s->to, &item->entry.dot.origin);
    hf_status status =
        hf_batch_entry(s->batch, origin, item->entry.dot.lane, item->entry.body, 0, &applied);
    if (status != HF_OK) print_error("%s\n", hf_store_problem(s->to->store));
    assert_int_equal(status, HF_OK);
    assert_int_not_equal(applied.what, HF_APPLIED_GAP);
    assert_int_not_equal(applied.what, HF_APPLIED_FORK);
    if (applied.what != HF_APPLIED_KNOWN) s->taken++;
    return HF_OK;
}

size_t kit_send(kit *k, kit_node *from, kit_node *to)
{
    sending s = {.from = from, .to = to};
    hf_feed_query query = {
        .scopes = SCOPES, .scope_count = SCOPE_COUNT, .limit = HF_FEED_READ_MAX, .bytes = SIZE_MAX};
    uint64_t reached = 0;
    uint8_t chain[16];
    assert_int_equal(hf_batch_begin(to->store, k->wall_ms, &s.batch), HF_OK);
    do {
        query.after = reached;
        assert_int_equal(hf_feed_read_scopes(from->store, &query, send_one, &s, &reached, chain),
                         HF_OK);
    } while (reached > query.after);
    assert_int_equal(hf_batch_commit(s.batch), HF_OK);
    return s.taken;
}

void kit_sync(kit *k)
{
    for (size_t i = 0; i < KIT_EDGES; i++) kit_send(k, &k->edges[i], &k->hub);
    for (size_t i = 0; i < KIT_EDGES; i++) kit_send(k, &k->hub, &k->edges[i]);
}

void kit_verdict(kit *k, const hf_dot *dot, uint32_t reason, const char *text)
{
    hf_batch *batch;
    k->wall_ms += 1000;
    assert_int_equal(hf_batch_begin(k->hub.store, k->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_verdict(batch, dot, KIT_BEAT, reason, text, k->wall_ms), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

/* ---- setup ---- */

static void publish(kit *k)
{
    hf_batch *batch;
    hf_record_id id;
    hf_author author = kit_author(k);
    hf_buffer body = {0};
    hf_write_bytes(&body, hf_pack_police, hf_pack_police_size);
    assert_int_equal(hf_record_id_new(&k->hub.crypto.table, HF_TYPE_PACK, k->wall_ms, &id), HF_OK);
    hf_change changes[] = {
        {.record = id, .scope = HF_SCOPE_COMMON, .field = HF_PACK_VERSION, .value = kit_uint(k, 1)},
        {.record = id,
         .scope = HF_SCOPE_COMMON,
         .field = HF_PACK_BODY,
         .value = hf_buffer_bytes(&body)}};
    assert_int_equal(hf_batch_begin_own(k->hub.store, k->wall_ms, 1, &batch), HF_OK);
    assert_int_equal(hf_batch_control(batch, HF_SCOPE_COMMON, &author, changes, 2), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    hf_buffer_free(&body);
}

static void grant(kit *k, kit_node *node)
{
    hf_batch *batch;
    hf_grant grants[] = {{.number = KIT_BEAT, .may_write = true, .name = "beat"},
                         {.number = KIT_CUSTODY, .may_write = true, .name = "custody"},
                         {.number = KIT_HIDDEN, .may_write = false, .name = "hidden"}};
    assert_int_equal(hf_batch_begin(node->store, k->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_grants(batch, grants, 3), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

static void node_init(kit *k, kit_node *node, const char *name)
{
    node->is_hub = node == &k->hub;
    snprintf(node->path, sizeof node->path, "%s/%s.db", k->folder, name);
    sim_crypto_init(&node->crypto, 7, name, node->is_hub);
    kit_open(node);
}

int kit_setup(void **state)
{
    kit *k = calloc(1, sizeof *k);
    if (!k) return -1;
    *state = k;
    k->wall_ms = T0_WALL_MS;
    snprintf(k->folder, sizeof k->folder, "/tmp/holdfast-test-XXXXXX");
    if (!mkdtemp(k->folder)) return -1;
    node_init(k, &k->hub, "hub");
    publish(k);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        char name[16];
        snprintf(name, sizeof name, "edge%zu", i);
        node_init(k, &k->edges[i], name);
        grant(k, &k->edges[i]);
        kit_send(k, &k->hub, &k->edges[i]);
    }
    return 0;
}

static void remove_files(const char *path)
{
    static const char *const suffixes[] = {"",       "-wal",   "-shm",     "-journal",
                                           ".guard", ".fence", ".applying"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name); /* most are not there */
    }
}

void kit_fresh(kit *k, kit_node *node)
{
    kit_shut(node);
    remove_files(node->path);
    kit_open(node);
    grant(k, node);
}

int kit_teardown(void **state)
{
    kit *k = *state;
    char copy[128];
    kit_shut(&k->hub);
    remove_files(k->hub.path);
    for (size_t i = 0; i < KIT_EDGES; i++) {
        kit_shut(&k->edges[i]);
        remove_files(k->edges[i].path);
    }
    snprintf(copy, sizeof copy, "%s/copy.db", k->folder); /* the one other name that tests use */
    remove_files(copy);
    int left = rmdir(k->folder);
    for (size_t i = 0; i < KIT_VALUES; i++) hf_buffer_free(&k->values[i]);
    free(k);
    return left;
}

/* ---- reading ---- */

static hf_view *view_of(kit_node *node, const hf_record_id *record)
{
    hf_view *view;
    hf_status status = hf_store_get(node->store, record, &view);
    if (status == HF_ERR_NOT_FOUND) return NULL;
    assert_int_equal(status, HF_OK);
    return view;
}

static const hf_field_view *field_of(const hf_view *view, uint32_t field)
{
    for (size_t i = 0; view && i < hf_view_field_count(view); i++)
        if (hf_view_field(view, i)->number == field) return hf_view_field(view, i);
    return NULL;
}

const char *kit_shown(kit *k, kit_node *node, const hf_record_id *record, uint32_t field)
{
    hf_buffer *text = value_next(k);
    hf_view *view = view_of(node, record);
    const hf_field_view *found = field_of(view, field);
    if (found && found->shown.data) {
        hf_reader reader = hf_reader_open(found->shown);
        hf_bytes value = hf_read_text(&reader);
        hf_write_raw(text, hf_reader_end(&reader) == HF_OK ? value : kit_reason("?"));
    }
    hf_view_free(view);
    hf_write_raw(text, (hf_bytes){(const uint8_t *)"", 1});
    assert_int_equal(text->status, HF_OK);
    return (const char *)text->data;
}

size_t kit_live(kit_node *node, const hf_record_id *record, uint32_t field)
{
    hf_view *view = view_of(node, record);
    const hf_field_view *found = field_of(view, field);
    size_t count = found ? found->value_count : 0;
    hf_view_free(view);
    return count;
}

bool kit_in_conflict(kit_node *node, const hf_record_id *record, uint32_t field)
{
    hf_view *view = view_of(node, record);
    const hf_field_view *found = field_of(view, field);
    bool conflict = found && found->conflict;
    hf_view_free(view);
    return conflict;
}

bool kit_holds(kit_node *node, const hf_record_id *record)
{
    hf_view *view = view_of(node, record);
    bool holds = view && !hf_view_deleted(view) && hf_view_field_count(view) > 0;
    hf_view_free(view);
    return holds;
}

bool kit_same(kit_node *a, kit_node *b)
{
    uint8_t one[HF_HASH_SIZE], other[HF_HASH_SIZE];
    assert_int_equal(hf_store_digest(a->store, KIT_BEAT, one), HF_OK);
    assert_int_equal(hf_store_digest(b->store, KIT_BEAT, other), HF_OK);
    return memcmp(one, other, HF_HASH_SIZE) == 0;
}

void kit_expect_whole(kit_node *node)
{
    hf_verify_report report;
    assert_int_equal(hf_store_verify(node->store, &report), HF_OK);
    if (report.faults) print_error("%s\n", report.first_fault);
    assert_int_equal(report.faults, 0);
    assert_true(report.entries > 0);
}

kit_entry kit_rival_ahead(kit *k, const hf_record_id *crime)
{
    kit_set(k, &k->edges[0], crime, KIT_WITHIN, kit_text(k, "Avon"));
    uint64_t right_ms = k->wall_ms;
    k->wall_ms += 365ull * 24 * 3600 * 1000;
    kit_set(k, &k->edges[1], crime, KIT_WITHIN, kit_text(k, "Gwent"));
    kit_entry ahead = kit_take(&k->edges[1], 0);
    k->wall_ms = right_ms + 1000;
    return ahead;
}

void kit_lower_clock(kit *k, const hf_dot *dot, uint64_t quality)
{
    hf_batch *batch;
    hf_record_id id;
    hf_author author = kit_author(k);
    hf_buffer range = {0};
    hf_write_array(&range, 4);
    hf_write_bytes(&range, dot->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&range, dot->lane);
    hf_write_uint(&range, dot->seq);
    hf_write_uint(&range, dot->seq);
    assert_int_equal(hf_record_id_new(&k->hub.crypto.table, HF_TYPE_CLOCK, k->wall_ms, &id), HF_OK);
    hf_change changes[] = {{.record = id,
                            .scope = KIT_BEAT,
                            .field = HF_CLOCK_RANGE,
                            .value = hf_buffer_bytes(&range)},
                           {.record = id,
                            .scope = KIT_BEAT,
                            .field = HF_CLOCK_QUALITY,
                            .value = kit_uint(k, quality)}};
    assert_int_equal(hf_batch_begin_own(k->hub.store, k->wall_ms, 1, &batch), HF_OK);
    assert_int_equal(hf_batch_control(batch, KIT_BEAT, &author, changes, 2), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    hf_buffer_free(&range);
}
