/* fixture.c: see fixture.h. Every failed expectation ends the test where it stands. */
#include "fixture.h"

#include "holdfast/hub.h"
#include "sync/embedded.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t T0_WALL_MS = 1571659200000; /* 2019-10-21T12:00:00Z */

/* ---- nodes ---- */

void fix_open(fix_node *node)
{
    char path[32], problem[512] = "";
    snprintf(path, sizeof path, "%s.db", node->name);
    hf_store_options options = {.path = path,
                                .vfs = sim_disk_name(node->disk),
                                .crypto = &node->crypto.table,
                                .is_hub = node->is_hub};
    hf_status status = hf_store_open(&options, &node->store, problem, sizeof problem);
    if (status != HF_OK) print_error("%s: %s\n", node->name, problem);
    assert_int_equal(status, HF_OK);
}

void fix_shut(fix_node *node)
{
    hf_store_close(node->store);
    node->store = NULL;
}

static fix_node *node_new(const char *name, bool is_hub)
{
    fix_node *node = calloc(1, sizeof *node);
    assert_non_null(node);
    snprintf(node->name, sizeof node->name, "%s", name);
    snprintf(node->actor, sizeof node->actor, "PC %s", name);
    node->is_hub = is_hub;
    node->wall_ms = T0_WALL_MS;
    node->disk = sim_disk_new(name, 7);
    assert_non_null(node->disk);
    sim_crypto_init(&node->crypto, 42, name, is_hub);
    fix_open(node);
    return node;
}

void fix_free(fix_node *node)
{
    if (!node) return;
    fix_shut(node);
    sim_disk_free(node->disk);
    free(node);
}

void fix_damage(fix_node *node, const char *sql)
{
    char path[32];
    sqlite3 *db = NULL;
    bool was_open = node->store != NULL;
    fix_shut(node);
    snprintf(path, sizeof path, "%s.db", node->name);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, sim_disk_name(node->disk)),
                     SQLITE_OK);
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK) print_error("%s: %s\n", sql, sqlite3_errmsg(db));
    assert_int_equal(code, SQLITE_OK);
    assert_true(sqlite3_changes(db) > 0); /* else the test would prove nothing */
    sqlite3_close(db);
    if (was_open) fix_open(node);
}

static hf_hub *hub_of(fix_node *node)
{
    hf_hub *hub = NULL;
    hf_hub_options options = {.implementation = "fixture", .peers_max = 1};
    assert_int_equal(hf_hub_new(node->store, &options, &hub), HF_OK);
    return hub;
}

static void enrol(fix_node *hub, const fix_node *device)
{
    const char *scopes[] = {"beat", "custody"};
    hf_hub *gate = hub_of(hub);
    assert_int_equal(
        hf_hub_register(gate, device->crypto.table.own_key_id,
                        &(hf_registration){.name = device->name,
                                           .force = "Avon",
                                           .unit = "Central",
                                           .scopes = scopes,
                                           .scope_count = 2,
                                           .certificate = device->crypto.table.own_certificate},
                        hub->wall_ms += 1000),
        HF_OK);
    hf_hub_free(gate);
}

fix_node *fix_hub(void)
{
    fix_node *hub = node_new("hub", true);
    hf_hub *gate = hub_of(hub);
    assert_int_equal(
        hf_hub_publish_pack(gate, (hf_bytes){hf_pack_police, hf_pack_police_size}, hub->wall_ms),
        HF_OK);
    hf_hub_free(gate);
    enrol(hub, hub); /* makes the scopes */
    return hub;
}

uint32_t fix_scope(fix_node *hub, const char *name)
{
    uint32_t number;
    assert_int_equal(hf_scope_by_name(hub->store, name, &number), HF_OK);
    return number;
}

fix_node *fix_edge(fix_node *hub, const char *name)
{
    fix_node *edge = node_new(name, false);
    enrol(hub, edge);
    hf_grant grants[] = {
        {.number = HF_SCOPE_COMMON, .name = "common"},
        {.number = fix_scope(hub, "beat"), .may_write = true, .name = "beat"},
        {.number = fix_scope(hub, "custody"), .may_write = true, .name = "custody"}};
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(edge->store, edge->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_grants(batch, grants, 3), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    uint64_t position = 0;
    uint32_t scopes[] = {grants[0].number, grants[1].number, grants[2].number};
    if (scopes[1] > scopes[2]) {
        scopes[1] = grants[2].number;
        scopes[2] = grants[1].number;
    }
    fix_pull(hub, edge, scopes, 3, &position);
    assert_true(hf_pack_version(hf_store_pack(edge->store)) > 0);
    return edge;
}

/* ---- writing ---- */

static void write_one(fix_node *node, hf_record_id *id, uint32_t scope, bool fresh,
                      hf_change *change)
{
    hf_txn *txn;
    hf_author author = {.actor = node->actor, .wall_ms = node->wall_ms += 1000, .quality = 3};
    assert_int_equal(hf_txn_begin(node->store, &author, &txn), HF_OK);
    if (fresh) assert_int_equal(hf_txn_new_id(txn, FIX_CRIME, id), HF_OK);
    change->record = *id;
    change->scope = scope;
    hf_status status = hf_txn_change(txn, change);
    if (status != HF_OK) print_error("%s: %s\n", node->name, hf_store_problem(node->store));
    assert_int_equal(status, HF_OK);
    size_t count = 1;
    assert_int_equal(hf_txn_commit(txn, &node->last, &count), HF_OK);
    assert_int_equal(count, 1);
}

void fix_change(fix_node *node, const hf_record_id *id, uint32_t field, hf_change_kind kind,
                const char *text, const char *reason)
{
    hf_buffer value = {0};
    if (text) hf_write_string(&value, text);
    hf_change change = {.field = field, .kind = kind, .value = hf_buffer_bytes(&value)};
    if (reason) change.reason = (hf_bytes){(const uint8_t *)reason, strlen(reason)};
    hf_record_id record = *id;
    write_one(node, &record, 0, false, &change);
    hf_buffer_free(&value);
}

void fix_set(fix_node *node, const hf_record_id *id, uint32_t field, const char *text)
{
    fix_change(node, id, field, HF_CHANGE_SET, text, NULL);
}

void fix_resolve(fix_node *node, const hf_record_id *id, uint32_t field, const char *text,
                 const char *reason)
{
    fix_change(node, id, field, HF_CHANGE_RESOLVE, text, reason);
}

hf_record_id fix_new_crime(fix_node *node, uint32_t scope, const char *summary)
{
    hf_buffer value = {0};
    hf_record_id id;
    hf_write_string(&value, summary);
    hf_change change = {
        .field = FIX_SUMMARY, .kind = HF_CHANGE_SET, .value = hf_buffer_bytes(&value)};
    write_one(node, &id, scope, true, &change);
    hf_buffer_free(&value);
    return id;
}

/* ---- roads ---- */

typedef struct parcel { /* an entry on its way, copied: no store is read and written at once */
    hf_origin_row origin;
    uint8_t lane;
    uint8_t *body;
    size_t size;
} parcel;

typedef struct load {
    fix_node *from;
    const hf_origin_row *origin;
    parcel *parcels;
    size_t count;
} load;

static void load_add(load *l, const hf_entry *entry, const hf_origin_row *origin)
{
    l->parcels = realloc(l->parcels, (l->count + 1) * sizeof *l->parcels);
    assert_non_null(l->parcels);
    parcel *p = &l->parcels[l->count++];
    *p = (parcel){.origin = *origin, .lane = entry->dot.lane, .size = entry->body.size};
    p->body = malloc(p->size);
    assert_non_null(p->body);
    memcpy(p->body, entry->body.data, p->size);
}

static void deliver(load *l, fix_node *to)
{
    hf_batch *batch;
    hf_buffer certificate = {0};
    assert_int_equal(hf_batch_begin(to->store, to->wall_ms, &batch), HF_OK);
    for (size_t i = 0; i < l->count; i++) {
        parcel *p = &l->parcels[i];
        const hf_origin_row *origin;
        hf_applied_entry applied;
        assert_int_equal(hf_origin_certificate(l->from->store, p->origin.no, &certificate), HF_OK);
        assert_int_equal(hf_origin_learn(to->store, p->origin.key_id, p->origin.incarnation,
                                         hf_buffer_bytes(&certificate), &origin),
                         HF_OK);
        hf_status status =
            hf_batch_entry(batch, origin, p->lane, (hf_bytes){p->body, p->size}, 0, &applied);
        if (status != HF_OK) print_error("%s: %s\n", to->name, hf_store_problem(to->store));
        assert_int_equal(status, HF_OK);
        assert_int_not_equal(applied.what, HF_APPLIED_GAP);
        assert_int_not_equal(applied.what, HF_APPLIED_FORK);
        free(p->body);
    }
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    hf_buffer_free(&certificate);
    free(l->parcels);
}

static hf_status on_log_entry(void *context, const hf_entry *entry)
{
    load *l = context;
    load_add(l, entry, l->origin);
    return HF_OK;
}

void fix_push(fix_node *from, fix_node *to)
{
    load l = {.from = from, .origin = hf_store_own_origin(from->store)};
    const hf_origin_row *there = hf_origin_by_id(to->store, &l.origin->id);
    for (uint8_t lane = 0; lane < HF_LANE_COUNT; lane++) {
        hf_log_state has = {0}, had = {.seq = UINT64_MAX};
        if (there) assert_int_equal(hf_log_state_get(to->store, there->no, lane, &has), HF_OK);
        while (had.seq != has.seq) {
            size_t before = l.count;
            had = has;
            assert_int_equal(hf_log_read(from->store, l.origin->no, lane, has.seq, HF_FEED_READ_MAX,
                                         on_log_entry, &l),
                             HF_OK);
            has.seq += l.count - before; /* a log is dense */
        }
    }
    deliver(&l, to);
}

static hf_status on_feed_item(void *context, const hf_feed_item *item)
{
    load *l = context;
    load_add(l, &item->entry, hf_origin_by_no(l->from->store, item->origin_no));
    return HF_OK;
}

void fix_pull(fix_node *hub, fix_node *to, const uint32_t *scopes, size_t count, uint64_t *position)
{
    uint8_t chain[16];
    load l = {.from = hub};
    const hf_origin_row *own = hf_origin_by_id(hub->store, &hf_store_own_origin(to->store)->id);
    int64_t skip = own ? own->no : 0;
    uint64_t before;
    do {
        before = *position;
        hf_feed_query query = {.after = before,
                               .scopes = scopes,
                               .scope_count = count,
                               .skip = &skip,
                               .skip_count = own ? 1 : 0,
                               .limit = HF_FEED_READ_MAX,
                               .bytes = SIZE_MAX};
        assert_int_equal(hf_feed_read_scopes(hub->store, &query, on_feed_item, &l, position, chain),
                         HF_OK);
    } while (*position != before);
    deliver(&l, to);
}

void fix_judge(fix_node *hub, const hf_dot *dot, uint32_t scope, uint32_t reason)
{
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(hub->store, hub->wall_ms += 1000, &batch), HF_OK);
    assert_int_equal(hf_batch_verdict(batch, dot, scope, reason,
                                      reason ? "not for this log" : "looked at again",
                                      hub->wall_ms),
                     HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
}

/* ---- a hub and two officers' devices ---- */

int fix_bench_setup(void **state)
{
    fix_bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->hub = fix_hub();
    b->rees = fix_edge(b->hub, "rees");
    b->khan = fix_edge(b->hub, "khan");
    b->scopes[0] = HF_SCOPE_COMMON;
    b->scopes[1] = b->beat = fix_scope(b->hub, "beat");
    b->scopes[2] = b->custody = fix_scope(b->hub, "custody");
    *state = b;
    return 0;
}

int fix_bench_teardown(void **state)
{
    fix_bench *b = *state;
    fix_free(b->khan);
    fix_free(b->rees);
    fix_free(b->hub);
    free(b);
    return 0;
}

void fix_exchange(fix_bench *b)
{
    fix_push(b->rees, b->hub);
    fix_push(b->khan, b->hub);
    fix_pull(b->hub, b->rees, b->scopes, 3, &b->rees_at);
    fix_pull(b->hub, b->khan, b->scopes, 3, &b->khan_at);
}

/* ---- expectations ---- */

void fix_expect_whole(fix_node *node)
{
    hf_verify_report report;
    assert_int_equal(hf_store_verify(node->store, &report), HF_OK);
    if (report.faults) print_error("%s: %s\n", node->name, report.first_fault);
    assert_int_equal(report.faults, 0);
}

void fix_expect_same(fix_node *a, fix_node *b, uint32_t scope)
{
    uint8_t left[HF_HASH_SIZE], right[HF_HASH_SIZE];
    assert_int_equal(hf_store_digest(a->store, scope, left), HF_OK);
    assert_int_equal(hf_store_digest(b->store, scope, right), HF_OK);
    assert_memory_equal(left, right, sizeof left);
}

const char *fix_shown(fix_node *node, const hf_record_id *id, uint32_t field)
{
    static char text[256];
    hf_view *view;
    text[0] = 0;
    hf_status status = hf_store_get(node->store, id, &view);
    if (status == HF_ERR_NOT_FOUND) return text;
    assert_int_equal(status, HF_OK);
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        const hf_field_view *shown = hf_view_field(view, i);
        if (shown->number != field || !shown->shown.data) continue;
        hf_reader reader = hf_reader_open(shown->shown);
        hf_bytes bytes = hf_read_text(&reader);
        assert_true(bytes.size < sizeof text);
        memcpy(text, bytes.data, bytes.size);
        text[bytes.size] = 0;
    }
    hf_view_free(view);
    return text;
}
