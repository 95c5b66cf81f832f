/* test_damage.c: bytes on this disk that cannot be: the store says so, gives nothing of it out, and
 * writes no more. Seals are right here: what is wrong lies below them, as a bug of ours would leave
 * it. */
#include "store_kit.h"

#include "sync/feed.h"

#include <stdio.h>

/* ---- helpers ---- */

static void expect_no_writes(kit *k, kit_node *node)
{
    hf_batch *batch;
    assert_int_equal(hf_batch_begin(node->store, k->wall_ms, &batch), HF_ERR_CORRUPT);
}

/* The newest record's state becomes `content`, sealed. */
static void set_state(kit_node *node, hf_buffer *content)
{
    enum { SQL_MAX = 4096 };
    static char sql[SQL_MAX];
    hf_seal(content);
    assert_int_equal(content->status, HF_OK);
    int at = snprintf(sql, sizeof sql, "UPDATE record SET state=x'");
    assert_true(content->size * 2 + 100 < SQL_MAX);
    for (size_t i = 0; i < content->size; i++)
        at += snprintf(sql + at, sizeof sql - (size_t)at, "%02x", content->data[i]);
    snprintf(sql + at, sizeof sql - (size_t)at, "' WHERE no=(SELECT max(no) FROM record)");
    kit_sql(node, sql);
    hf_buffer_free(content);
}

/* ---- records ---- */

typedef enum rot {
    SOUND,
    MORE_FIELDS,
    FIELDS_NO_NUMBER,
    MORE_LIVE,
    LIVE_NO_NUMBER,
    UNKNOWN_ORIGIN,
    BAD_VALUE,
    MORE_PENDING,
    PENDING_NO_NUMBER,
    PENDING_CUT,
    BYTES_BEHIND,
    ROTS
} rot;

static void write_dot(kit_node *node, hf_buffer *out, bool known)
{
    int64_t origin = known ? hf_store_own_origin(node->store)->no : 999;
    hf_write_uint(out, (uint64_t)hf_log_no(origin, HF_LANE_CRIME));
    hf_write_uint(out, 1);
    hf_write_uint(out, 0);
    hf_write_bytes(out, (const uint8_t *)"abcd", HF_PREFIX_SIZE);
}

/* One field, one live write and one that is awaited; and one thing that is wrong. */
static void write_state(kit_node *node, hf_buffer *out, rot wrong)
{
    if (wrong == FIELDS_NO_NUMBER)
        hf_write_string(out, "x");
    else
        hf_write_uint(out, wrong == MORE_FIELDS ? 3 : 1);
    hf_write_uint(out, KIT_SUMMARY);
    hf_write_bool(out, false);
    if (wrong == LIVE_NO_NUMBER)
        hf_write_bool(out, true);
    else
        hf_write_uint(out, wrong == MORE_LIVE ? 1 << 20 : wrong == BAD_VALUE ? 2 : 1);
    write_dot(node, out, wrong != UNKNOWN_ORIGIN);
    hf_write_uint(out, 7);
    hf_write_uint(out, 3);
    if (wrong == BAD_VALUE)
        hf_write_raw(out, (hf_bytes){(const uint8_t *)"\xff", 1});
    else
        hf_write_string(out, "Window broken");
    if (wrong == PENDING_NO_NUMBER)
        hf_write_bool(out, true);
    else
        hf_write_uint(out, wrong == MORE_PENDING ? 1 << 20 : wrong == PENDING_CUT ? 3 : 1);
    write_dot(node, out, true);
    if (wrong == BYTES_BEHIND) hf_write_null(out);
}

static void a_record_that_does_not_read_back_is_not_given_out(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    for (int wrong = SOUND; wrong < ROTS; wrong++) {
        hf_record_id crime = kit_crime(k, edge, "Window broken");
        hf_buffer content = {0};
        hf_view *view;
        write_state(edge, &content, (rot)wrong);
        set_state(edge, &content);
        hf_status status = hf_store_get(edge->store, &crime, &view);
        hf_view_free(view);
        assert_int_equal(status, wrong == SOUND ? HF_OK : HF_ERR_CORRUPT);
        if (wrong == SOUND) continue;
        assert_non_null(strstr(hf_store_problem(edge->store), "does not read back"));
        assert_non_null(strstr(hf_store_problem(edge->store), "safe"));
        expect_no_writes(k, edge);
        kit_sql(edge, "DELETE FROM record WHERE no=(SELECT max(no) FROM record)");
        kit_shut(edge);
        kit_open(edge);
    }
}

/* ---- rows that name a log of nobody's ---- */

static hf_status any_entry(void *context, const hf_entry *entry)
{
    (void)context;
    (void)entry;
    return HF_OK;
}

static hf_status any_vector(void *context, const hf_vector_item *item)
{
    (void)context;
    (void)item;
    return HF_OK;
}

static hf_status any_hole(void *context, const hf_hole *hole)
{
    (void)context;
    (void)hole;
    return HF_OK;
}

static hf_status any_head(void *context, uint64_t number, const hf_head *head, uint64_t position)
{
    (void)context;
    (void)number;
    (void)head;
    (void)position;
    return HF_OK;
}

static hf_status read_entries(hf_store *store)
{
    return hf_feed_read(store, 0, HF_FEED_READ_MAX * 2, any_entry, NULL);
}

static hf_status read_vector(hf_store *store)
{
    return hf_vector_read(store, KIT_BEAT, NULL, 0, 100, any_vector, NULL);
}

static hf_status read_holes(hf_store *store)
{
    return hf_hole_each(store, any_hole, NULL);
}

static hf_status read_heads(hf_store *store)
{
    return hf_head_each(store, 0, 100, any_head, NULL);
}

/* One head, one hole and one line of a custody log, all of edge 0's; at the hub, too. */
static hf_record_id write_all_sorts(kit *k)
{
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Window broken");
    kit_add(k, edge, &crime, KIT_LOG, kit_text(k, "A line"));
    kit_entry second = kit_take(edge, 0);
    kit_crime(k, edge, "Shed");
    kit_send(k, edge, &k->hub);
    kit_verdict(k, &second.dot, 604, "Under review.");
    kit_verdict(k, &second.dot, 0, "Sound.");
    kit_crime(k, edge, "Withheld");
    kit_entry third = kit_take(edge, 0);
    kit_send(k, edge, &k->hub);
    kit_verdict(k, &third.dot, 604, "Under review.");
    hf_head head;
    hf_batch *batch;
    assert_int_equal(
        hf_head_sign(edge->store, hf_store_own_origin(edge->store), HF_LANE_CRIME, 2, &head),
        HF_OK);
    assert_int_equal(hf_batch_begin(k->hub.store, k->wall_ms, &batch), HF_OK);
    assert_int_equal(hf_batch_head(batch, &head), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    kit_entry_free(&second);
    kit_entry_free(&third);
    return crime;
}

static void a_row_of_a_log_that_nobody_has_is_not_given_out(void **state)
{
    kit *k = *state;
    hf_record_id crime = write_all_sorts(k);
    const struct {
        const char *sql; /* no origin has the number 1000 */
        hf_status (*read)(hf_store *store);
    } rows[] = {{"UPDATE entry SET log=8000+8*position", read_entries},
                {"UPDATE vector SET log=8003 WHERE scope=2 AND log%8=3", read_vector},
                {"UPDATE hole SET log=8003", read_holes},
                {"UPDATE head SET log=8003", read_heads}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(rows[i].read(k->hub.store), HF_OK);
        kit_sql(&k->hub, rows[i].sql);
        assert_int_equal(rows[i].read(k->hub.store), HF_ERR_CORRUPT);
    }
    hf_view *view;
    hf_status status = hf_store_get(k->hub.store, &crime, &view);
    assert_int_equal(status, HF_OK);
    hf_view_free(view);
    kit_sql(&k->hub, "UPDATE element SET log=8000");
    assert_int_equal(hf_store_get(k->hub.store, &crime, &view), HF_ERR_CORRUPT);
    assert_null(view);
}

/* ---- heads ---- */

static void a_head_that_is_cut_is_not_passed_on(void **state)
{
    kit *k = *state;
    write_all_sorts(k);
    hf_verify_report report;
    kit_sql(&k->hub, "UPDATE head SET leaves=x'00'");
    hf_status status = hf_store_verify(k->hub.store, &report);
    assert_true(status == HF_ERR_CORRUPT || report.faults > 0);
    kit_shut(&k->hub);
    kit_open(&k->hub); /* noticed at open */
    expect_no_writes(k, &k->hub);
}

/* Entries are gone that the vector counts: no root may be made up over what is left. */
static void no_head_is_signed_over_entries_that_are_gone(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_head head;
    for (int i = 0; i < 3; i++) kit_crime(k, edge, "Shed");
    assert_int_equal(
        hf_head_sign(edge->store, hf_store_own_origin(edge->store), HF_LANE_CRIME, 2, &head),
        HF_OK);
    assert_int_equal(
        hf_head_sign(edge->store, hf_store_own_origin(edge->store), HF_LANE_CRIME, 0, &head),
        HF_ERR_NOT_FOUND);
    assert_int_equal(
        hf_head_sign(edge->store, hf_store_own_origin(edge->store), HF_LANE_CRIME, 4, &head),
        HF_ERR_NOT_FOUND);
    kit_sql(edge, "DELETE FROM entry WHERE log%8=3");
    hf_head_forget(edge->store);
    assert_int_equal(
        hf_head_sign(edge->store, hf_store_own_origin(edge->store), HF_LANE_CRIME, 2, &head),
        HF_ERR_NOT_FOUND);
}

/* ---- elements ---- */

static void an_element_that_lost_its_prefix_is_not_taken_away(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_record_id crime = kit_crime(k, edge, "Gang");
    for (uint32_t i = 0; i <= HF_ELEMENT_INLINE_MAX; i++)
        kit_add(k, edge, &crime, KIT_SUSPECTS, kit_ref(k, i));
    assert_int_equal(kit_live(edge, &crime, KIT_SUSPECTS), HF_ELEMENT_INLINE_MAX + 1);
    kit_sql(edge, "UPDATE element SET prefix=x'00' WHERE seq=(SELECT max(seq) FROM element)");
    hf_change change =
        kit_change(&crime, HF_CHANGE_REMOVE, KIT_SUSPECTS, kit_ref(k, HF_ELEMENT_INLINE_MAX));
    hf_txn *txn = kit_begin(k, edge);
    assert_int_equal(hf_txn_change(txn, &change), HF_ERR_CORRUPT);
    hf_txn_rollback(txn);
}

/* What cannot be told apart is not taken away by somebody else's removal; verify finds it. */
static void a_removal_from_elsewhere_leaves_an_element_that_lost_its_prefix(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0], *other = &k->edges[1];
    hf_record_id crime = kit_crime(k, edge, "Gang");
    for (uint32_t i = 0; i <= HF_ELEMENT_INLINE_MAX; i++)
        kit_add(k, edge, &crime, KIT_SUSPECTS, kit_ref(k, i));
    kit_sync(k);
    kit_sql(edge, "UPDATE element SET prefix=x'00' WHERE seq=(SELECT max(seq) FROM element)");
    kit_remove(k, other, &crime, KIT_SUSPECTS, kit_ref(k, HF_ELEMENT_INLINE_MAX));
    kit_send(k, other, edge);
    assert_int_equal(kit_number(edge, "SELECT count(*) FROM element"), HF_ELEMENT_INLINE_MAX + 1);
    hf_verify_report report;
    hf_status status = hf_store_verify(edge->store, &report);
    assert_true(status == HF_ERR_CORRUPT || report.faults > 0);
}

/* What it says, who said it and when, and of which field: an officer would read it for true. */
static void an_element_that_rotted_is_not_shown(void **state)
{
    static const char *const CHANGES[] = {
        "value=x''",     "value=CAST('A lime'||substr(value,8) AS BLOB)",
        "hlc=hlc+65536", "seq=seq+1",
        "log=log-1",     "ordinal=ordinal+1",
        "quality=1",     "prefix=zeroblob(8)",
        "field=field+1", "record=record+1",
    };
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    for (size_t i = 0; i < sizeof CHANGES / sizeof CHANGES[0]; i++) {
        char sql[128];
        hf_view *view = NULL;
        hf_verify_report report;
        hf_record_id crime = kit_crime(k, edge, "Window broken");
        kit_add(k, edge, &crime, KIT_LOG, kit_text(k, "A line"));
        snprintf(sql, sizeof sql, "UPDATE element SET %s", CHANGES[i]);
        kit_sql(edge, sql);
        hf_status status = hf_store_get(edge->store, &crime, &view);
        if (status == HF_OK) /* it is not of this record any more, or of this field */
            for (size_t f = 0; f < hf_view_field_count(view); f++)
                assert_true(hf_view_field(view, f)->number != KIT_LOG ||
                            hf_view_field(view, f)->value_count == 0);
        else
            assert_int_equal(status, HF_ERR_CORRUPT);
        hf_view_free(view);
        status = hf_store_verify(edge->store, &report);
        assert_true(status == HF_ERR_CORRUPT || report.faults > 0);
        kit_sql(edge, "DELETE FROM element");
        edge->store->damaged = false;
    }
}

/* The index of what touches a record is no evidence: an entry of another scope is passed over. */
static void an_index_that_points_elsewhere_adds_nothing_to_a_record(void **state)
{
    kit *k = *state;
    kit_node *edge = &k->edges[0];
    hf_verify_report report;
    kit_crime(k, edge, "Window broken");
    kit_crime_in(k, edge, KIT_CUSTODY, "Elsewhere");
    kit_sql(edge, "INSERT INTO record_entry SELECT (SELECT min(no) FROM record WHERE scope=2),"
                  "(SELECT max(position) FROM entry)");
    assert_int_equal(hf_store_verify(edge->store, &report), HF_OK);
    assert_string_equal(report.first_fault, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(a_record_that_does_not_read_back_is_not_given_out),
        KIT_TEST(a_row_of_a_log_that_nobody_has_is_not_given_out),
        KIT_TEST(a_head_that_is_cut_is_not_passed_on),
        KIT_TEST(no_head_is_signed_over_entries_that_are_gone),
        KIT_TEST(an_element_that_lost_its_prefix_is_not_taken_away),
        KIT_TEST(a_removal_from_elsewhere_leaves_an_element_that_lost_its_prefix),
        KIT_TEST(an_element_that_rotted_is_not_shown),
        KIT_TEST(an_index_that_points_elsewhere_adds_nothing_to_a_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
