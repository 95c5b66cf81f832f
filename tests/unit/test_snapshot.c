/* test_snapshot.c: state without its entries: what a device that loaded it holds, shows and merges
 * is what one that was fed every entry does. */
#include "snap_kit.h"

#include "sync/messages.h"

#include <stdio.h>

static const uint32_t BEAT[] = {KIT_BEAT}, BOTH[] = {KIT_BEAT, KIT_CUSTODY};

/* A snapshot of the hub as it stands, into an empty edge 2, which holds the pack. */
static void load_fresh(kit *k, const uint32_t *scopes, size_t count, size_t chunk_size)
{
    snap s;
    kit_fresh(k, &k->edges[2]);
    snap_send_scope(k, &k->edges[2], HF_SCOPE_COMMON);
    snap_make(&s, &k->hub, scopes, count, chunk_size);
    snap_load(k, &s, &k->edges[2]);
    snap_free(&s);
}

static void expect_like_hub(kit *k, kit_node *node)
{
    static const char CONFLICTS[] = "SELECT count(*) FROM conflict";
    static const char HIDDEN[] = "SELECT coalesce(sum(deleted),0) FROM record WHERE type>=16";
    static const char ELEMENTS[] = "SELECT count(*) FROM element";
    assert_true(kit_same(&k->hub, node));
    assert_int_equal(kit_number(node, CONFLICTS), kit_number(&k->hub, CONFLICTS));
    assert_int_equal(kit_number(node, HIDDEN), kit_number(&k->hub, HIDDEN));
    assert_int_equal(kit_number(node, ELEMENTS), kit_number(&k->hub, ELEMENTS));
    kit_expect_whole(node);
}

/* Everyone's entries to the hub, and the hub's to everyone. */
static void exchange(kit *k)
{
    for (int i = 0; i < KIT_EDGES; i++) (void)kit_send(k, &k->edges[i], &k->hub);
    for (int i = 0; i < KIT_EDGES; i++) (void)kit_send(k, &k->hub, &k->edges[i]);
}

/* As a person does who was shown all there is. */
static void choose(kit *k, kit_node *node, const hf_record_id *id, const char *text)
{
    hf_change change = kit_change(id, HF_CHANGE_SET, KIT_SUMMARY, kit_text(k, text));
    change.reason = kit_reason("he was there");
    assert_int_equal(kit_try(k, node, &change), HF_OK);
}

/* One record of each rule, with writes that did not see each other. */
static hf_record_id everything(kit *k)
{
    hf_record_id id = kit_crime(k, &k->edges[0], "Shed broken into");
    kit_set(k, &k->edges[0], &id, KIT_REF, kit_text(k, "AV/1"));
    kit_set(k, &k->edges[0], &id, KIT_STATUS, kit_text(k, "draft"));
    kit_set(k, &k->edges[0], &id, KIT_RISK, kit_text(k, "standard"));
    exchange(k);
    for (int i = 0; i < 2; i++) {
        char text[32];
        snprintf(text, sizeof text, "by %d", i);
        kit_set(k, &k->edges[i], &id, KIT_SUMMARY, kit_text(k, text));
        kit_set(k, &k->edges[i], &id, KIT_WITHIN, kit_text(k, text));
        kit_set(k, &k->edges[i], &id, KIT_RISK, kit_text(k, i ? "high" : "medium"));
        kit_set(k, &k->edges[i], &id, KIT_HARM, kit_uint(k, 5 + (uint64_t)i));
        kit_add(k, &k->edges[i], &id, KIT_LOG, kit_text(k, text));
        kit_add(k, &k->edges[i], &id, KIT_MO, kit_text(k, i ? "distraction" : "forced entry"));
    }
    exchange(k);
    return id;
}

static void every_rule_comes_through(void **state)
{
    kit *k = *state;
    hf_record_id id = everything(k);
    assert_true(kit_in_conflict(&k->hub, &id, KIT_SUMMARY));
    load_fresh(k, BOTH, 2, 0);
    expect_like_hub(k, &k->edges[2]);
    assert_true(kit_in_conflict(&k->edges[2], &id, KIT_SUMMARY));
    assert_string_equal(kit_shown(k, &k->edges[2], &id, KIT_RISK), "high");
    assert_int_equal(kit_live(&k->edges[2], &id, KIT_LOG), 2);
    assert_int_equal(kit_number(&k->edges[2], "SELECT count(*) FROM entry WHERE scope=2"), 0);
}

/* What is written after it cites what was written before it, and no body of that is held. */
static void later_writes_merge_as_if_all_were_held(void **state)
{
    kit *k = *state;
    hf_record_id id = everything(k);
    load_fresh(k, BEAT, 1, 0);
    choose(k, &k->edges[0], &id, "chosen by 0");
    choose(k, &k->edges[2], &id, "chosen by 2");
    kit_remove(k, &k->edges[2], &id, KIT_MO, kit_text(k, "distraction"));
    kit_add(k, &k->edges[1], &id, KIT_LOG, kit_text(k, "another line"));
    kit_delete(k, &k->edges[1], &id);
    exchange(k);
    expect_like_hub(k, &k->edges[2]);
    assert_true(kit_same(&k->edges[0], &k->edges[2]));
    assert_int_equal(kit_live(&k->edges[2], &id, KIT_SUMMARY), 2);
    assert_int_equal(kit_live(&k->edges[2], &id, KIT_MO), 1);
}

/* The word on a clock comes after a snapshot of what was written by it. */
static void a_clock_known_to_be_wrong_loses_its_ties_in_what_a_snapshot_brought(void **state)
{
    kit *k = *state;
    hf_record_id id = kit_crime(k, &k->edges[0], "Window broken");
    exchange(k);
    kit_entry ahead = kit_rival_ahead(k, &id);
    exchange(k);
    load_fresh(k, BEAT, 1, 0);
    assert_string_equal(kit_shown(k, &k->edges[2], &id, KIT_WITHIN), "Gwent");
    kit_lower_clock(k, &ahead.dot, 0);
    exchange(k);
    assert_string_equal(kit_shown(k, &k->hub, &id, KIT_WITHIN), "Avon");
    assert_string_equal(kit_shown(k, &k->edges[2], &id, KIT_WITHIN), "Avon");
    expect_like_hub(k, &k->edges[2]);
    kit_entry_free(&ahead);
}

/* An overwriting entry may come before what it overwrites; that must not be forgotten on the way.
 */
static void what_was_overwritten_before_it_came_stays_so(void **state)
{
    kit *k = *state;
    hf_record_id id = kit_crime(k, &k->edges[0], "first");
    kit_entry first = kit_take(&k->edges[0], 0);
    (void)kit_give(k, &k->edges[0], &k->edges[1], &first, 0);
    kit_set(k, &k->edges[1], &id, KIT_SUMMARY, kit_text(k, "second"));
    (void)kit_send(k, &k->edges[1], &k->hub); /* the hub never had the first */
    (void)kit_give(k, &k->edges[1], &k->hub, &first, 0);
    kit_entry_free(&first);
    assert_int_equal(kit_live(&k->hub, &id, KIT_SUMMARY), 1);
    hf_record_id other = kit_crime(k, &k->edges[0], "kept back");
    kit_entry late = kit_take(&k->edges[0], 0);
    (void)kit_give(k, &k->edges[0], &k->edges[1], &late, 0);
    kit_set(k, &k->edges[1], &other, KIT_SUMMARY, kit_text(k, "over it"));
    kit_entry over = kit_take(&k->edges[1], 0);
    (void)kit_give(k, &k->edges[1], &k->hub, &over, 0);
    load_fresh(k, BEAT, 1, 0);
    kit_node *nodes[] = {&k->hub, &k->edges[2]};
    for (size_t i = 0; i < 2; i++) {
        (void)kit_give(k, &k->edges[0], nodes[i], &late, 0);
        assert_string_equal(kit_shown(k, nodes[i], &other, KIT_SUMMARY), "over it");
        assert_int_equal(kit_live(nodes[i], &other, KIT_SUMMARY), 1);
    }
    assert_true(kit_same(&k->hub, &k->edges[2]));
    kit_entry_free(&late);
    kit_entry_free(&over);
}

static void large_sets_and_long_logs_are_cut_over_chunks(void **state)
{
    kit *k = *state;
    hf_record_id id = kit_crime(k, &k->edges[0], "A long shift");
    for (uint32_t i = 0; i < 100; i++) kit_add(k, &k->edges[0], &id, KIT_SUSPECTS, kit_ref(k, i));
    for (int i = 0; i < 150; i++) {
        char line[128];
        snprintf(line, sizeof line, "line %d: he was seen at the corner, and again at the bridge",
                 i);
        kit_add(k, &k->edges[0], &id, KIT_LOG, kit_text(k, line));
    }
    for (int i = 0; i < 30; i++) (void)kit_crime(k, &k->edges[1], "another");
    exchange(k);
    load_fresh(k, BEAT, 1, 2048);
    expect_like_hub(k, &k->edges[2]);
    assert_int_equal(kit_live(&k->edges[2], &id, KIT_LOG), 150);
    kit_remove(k, &k->edges[2], &id, KIT_SUSPECTS, kit_ref(k, 7));
    kit_add(k, &k->edges[1], &id, KIT_LOG, kit_text(k, "the last line"));
    exchange(k);
    expect_like_hub(k, &k->edges[2]);
    assert_int_equal(kit_live(&k->edges[2], &id, KIT_SUSPECTS), 99);
}

/* A withheld entry is a hole in it; opened later, it comes, and overwrites what it would have. */
static void holes_come_along_and_can_be_opened(void **state)
{
    kit *k = *state;
    hf_record_id id = kit_crime(k, &k->edges[0], "before");
    exchange(k);
    kit_set(k, &k->edges[0], &id, KIT_SUMMARY, kit_text(k, "withheld"));
    kit_entry bad = kit_take(&k->edges[0], 0);
    exchange(k);
    kit_set(k, &k->edges[1], &id, KIT_SUMMARY, kit_text(k, "after"));
    exchange(k);
    kit_verdict(k, &bad.dot, HF_REASON_OPERATOR, "not his");
    load_fresh(k, BEAT, 1, 0);
    expect_like_hub(k, &k->edges[2]);
    assert_int_equal(kit_number(&k->edges[2], "SELECT count(*) FROM hole"), 1);
    kit_verdict(k, &bad.dot, 0, "it was his after all");
    (void)kit_send(k, &k->hub, &k->edges[2]);
    expect_like_hub(k, &k->edges[2]);
    kit_entry_free(&bad);
}

/* A verdict on what came after the snapshot is obeyed without it: the record is folded anew from
 * what the snapshot had. */
static void a_later_entry_can_be_withheld_and_opened(void **state)
{
    kit *k = *state;
    hf_record_id id = everything(k);
    load_fresh(k, BEAT, 1, 0);
    choose(k, &k->edges[0], &id, "too much");
    kit_entry bad = kit_take(&k->edges[0], 0);
    kit_add(k, &k->edges[1], &id, KIT_LOG, kit_text(k, "goes on"));
    exchange(k);
    expect_like_hub(k, &k->edges[2]);
    for (uint32_t reason = HF_REASON_OPERATOR;; reason = 0) {
        kit_verdict(k, &bad.dot, reason, "");
        (void)kit_send(k, &k->hub, &k->edges[2]);
        expect_like_hub(k, &k->edges[2]);
        assert_int_equal(kit_live(&k->edges[2], &id, KIT_SUMMARY), reason ? 2 : 1);
        if (reason == 0) break;
    }
    kit_entry_free(&bad);
}

/* What it cannot know it says: only another snapshot can take back what one brought. */
static void a_verdict_on_what_it_brought_asks_for_another(void **state)
{
    kit *k = *state;
    bool outdated;
    hf_record_id id = kit_crime(k, &k->edges[0], "before");
    kit_set(k, &k->edges[0], &id, KIT_SUMMARY, kit_text(k, "too much"));
    kit_entry bad = kit_take(&k->edges[0], 0);
    exchange(k);
    load_fresh(k, BEAT, 1, 0);
    assert_int_equal(hf_snapshot_is_outdated(k->edges[2].store, &outdated), HF_OK);
    assert_false(outdated);
    kit_verdict(k, &bad.dot, HF_REASON_OPERATOR, "");
    (void)kit_send(k, &k->hub, &k->edges[2]);
    assert_int_equal(hf_snapshot_is_outdated(k->edges[2].store, &outdated), HF_OK);
    assert_true(outdated);
    snap s;
    snap_make(&s, &k->hub, BEAT, 1, 0);
    snap_load(k, &s, &k->edges[2]);
    snap_free(&s);
    assert_int_equal(hf_snapshot_is_outdated(k->edges[2].store, &outdated), HF_OK);
    assert_false(outdated);
    expect_like_hub(k, &k->edges[2]);
    kit_entry_free(&bad);
}

/* Away too long, with work of its own that no hub has: it gets the state, and keeps its work. */
static void own_entries_that_no_hub_has_are_folded_again(void **state)
{
    kit *k = *state;
    snap s;
    hf_record_id id = everything(k);
    hf_record_id own = kit_crime(k, &k->edges[2], "written in a cellar");
    choose(k, &k->edges[2], &id, "mine");
    for (int i = 0; i < 20; i++) (void)kit_crime(k, &k->edges[0], "meanwhile");
    choose(k, &k->edges[0], &id, "theirs");
    (void)kit_send(k, &k->edges[0], &k->hub);
    snap_make(&s, &k->hub, BOTH, 2, 0);
    snap_load(k, &s, &k->edges[2]);
    snap_free(&s);
    kit_expect_whole(&k->edges[2]);
    assert_string_equal(kit_shown(k, &k->edges[2], &own, KIT_SUMMARY), "written in a cellar");
    assert_int_equal(kit_live(&k->edges[2], &id, KIT_SUMMARY), 2);
    exchange(k);
    for (int i = 0; i < KIT_EDGES; i++) assert_true(kit_same(&k->hub, &k->edges[i]));
    expect_like_hub(k, &k->edges[2]);
}

/* ---- who acted ---- */

/* A field is written as on this officer's shift. */
static void set_as(kit *k, kit_node *node, const char *actor, const hf_record_id *id,
                   const char *text)
{
    hf_txn *txn;
    k->wall_ms += 1000;
    hf_author author = kit_author(k);
    hf_change change = kit_change(id, HF_CHANGE_SET, KIT_WITHIN, kit_text(k, text));
    change.reason = kit_reason("as told on the spot");
    author.actor = actor;
    assert_int_equal(hf_txn_begin(node->store, &author, &txn), HF_OK);
    assert_int_equal(hf_txn_change(txn, &change), HF_OK);
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
}

/* Who is shown to have written each live value of the field, one behind the other. */
static const char *who(kit_node *node, const hf_record_id *id, uint32_t number)
{
    static char names[1024];
    hf_view *view;
    assert_int_equal(hf_store_get(node->store, id, &view), HF_OK);
    names[0] = 0;
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        const hf_field_view *field = hf_view_field(view, i);
        for (size_t j = 0; field->number == number && j < field->value_count; j++) {
            size_t at = strlen(names);
            snprintf(names + at, sizeof names - at, "%s;", field->values[j].actor);
        }
    }
    hf_view_free(view);
    return names;
}

static void what_a_snapshot_brought_names_who_acted(void **state)
{
    kit *k = *state;
    kit_node *device = &k->edges[2];
    hf_record_id id = everything(k), other = kit_crime(k, &k->edges[1], "Van taken");
    set_as(k, &k->edges[0], "DC 907 Ito", &id, "Avon");
    set_as(k, &k->edges[1], "Ünal, Sgt 12", &id, "Gwent");
    set_as(k, &k->edges[1], "", &other, "Kent");
    exchange(k);
    static const uint32_t fields[] = {KIT_SUMMARY, KIT_WITHIN, KIT_LOG, KIT_MO};
    load_fresh(k, BEAT, 1, 0);
    assert_int_equal(kit_number(device, "SELECT count(*) FROM entry WHERE scope=2"), 0);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char at_hub[1024];
        snprintf(at_hub, sizeof at_hub, "%s", who(&k->hub, &id, fields[i]));
        assert_string_equal(who(device, &id, fields[i]), at_hub);
    }
    assert_non_null(strstr(who(device, &id, KIT_WITHIN), "DC 907 Ito;"));
    assert_non_null(strstr(who(device, &id, KIT_WITHIN), "Ünal, Sgt 12;"));
    assert_string_equal(who(device, &id, KIT_LOG), "PC 4411 Rees;PC 4411 Rees;");
    assert_string_equal(who(device, &other, KIT_WITHIN), ";"); /* nobody said */
    set_as(k, device, "PC 31 Khan", &id, "Dyfed");
    assert_string_equal(who(device, &id, KIT_WITHIN), "PC 31 Khan;");
    assert_string_equal(who(device, &id, KIT_RISK), "PC 4411 Rees;PC 4411 Rees;");
}

/* A name goes with the scope's state that it stood in, and other scopes keep theirs. */
static void another_snapshot_takes_the_place_of_who_acted(void **state)
{
    static const uint32_t CUSTODY[] = {KIT_CUSTODY};
    kit *k = *state;
    kit_node *device = &k->edges[2];
    snap s;
    hf_record_id id = kit_crime(k, &k->edges[0], "Shed broken into");
    hf_record_id apart = kit_crime_in(k, &k->edges[0], KIT_CUSTODY, "In a cell");
    set_as(k, &k->edges[0], "DC 907 Ito", &id, "Avon");
    set_as(k, &k->edges[0], "DC 907 Ito", &apart, "Avon");
    exchange(k);
    load_fresh(k, BOTH, 2, 0);
    assert_int_equal(kit_number(device, "SELECT count(*) FROM actor"), 4); /* two, twice */
    set_as(k, &k->edges[0], "PC 31 Khan", &id, "Gwent");
    (void)kit_send(k, &k->edges[0], &k->hub);
    snap_make(&s, &k->hub, BEAT, 1, 0);
    snap_load(k, &s, device);
    snap_free(&s);
    assert_string_equal(who(device, &id, KIT_WITHIN), "PC 31 Khan;");
    assert_string_equal(who(device, &apart, KIT_WITHIN), "DC 907 Ito;");
    assert_int_equal(kit_number(device, "SELECT count(*) FROM acted WHERE scope=2"), 2);
    assert_int_equal(kit_number(device, "SELECT count(*) FROM actor WHERE scope=2"), 2);
    snap_make(&s, &k->hub, CUSTODY, 1, 0);
    snap_load(k, &s, device);
    snap_free(&s);
    assert_string_equal(who(device, &id, KIT_WITHIN), "PC 31 Khan;");
    expect_like_hub(k, device);
}

/* By an entry that is held or by what a snapshot told: a chunk is known by its hash. */
static void the_same_state_names_who_acted_by_the_same_bytes(void **state)
{
    kit *k = *state;
    snap there, here;
    hf_record_id id = everything(k);
    for (int i = 0; i < 40; i++) {
        char actor[32];
        hf_record_id one = kit_crime(k, &k->edges[i % 2], "another");
        snprintf(actor, sizeof actor, "PC %d", i * 37 % 11);
        set_as(k, &k->edges[i % 2], actor, &one, "Avon");
    }
    exchange(k);
    kit_fresh(k, &k->edges[2]);
    snap_send_scope(k, &k->edges[2], HF_SCOPE_COMMON);
    snap_make(&there, &k->hub, BEAT, 1, 512);
    snap_load(k, &there, &k->edges[2]);
    set_as(k, &k->edges[2], "PC 31 Khan", &id, "not in it"); /* so it goes by `record_base`, too */
    snap_make(&here, &k->edges[2], BEAT, 1, 512);
    assert_true(there.count > 3 && here.count >= there.count);
    size_t same = 0;
    for (size_t i = 0; i < there.count; i++)
        for (size_t j = 0; j < here.count; j++)
            if (memcmp(there.names[i].hash, here.names[j].hash, HF_HASH_SIZE) == 0) same++;
    assert_true(same + 2 >= there.count); /* but for the logs, and what was written since */
    snap_free(&there);
    snap_free(&here);
}

static void a_name_that_is_not_as_it_was_stored_is_not_shown(void **state)
{
    kit *k = *state;
    hf_batch *batch;
    hf_view *view;
    hf_record_id id = kit_crime(k, &k->edges[0], "Shed broken into");
    exchange(k);
    load_fresh(k, BEAT, 1, 0);
    kit_sql(&k->edges[2], "UPDATE actor SET name=CAST('PC 4412 Rees'||substr(name,13) AS BLOB)");
    assert_int_equal(hf_store_get(k->edges[2].store, &id, &view), HF_ERR_CORRUPT);
    kit_shut(&k->edges[2]);
    kit_open(&k->edges[2]); /* noticed at open */
    assert_int_equal(hf_batch_begin(k->edges[2].store, k->wall_ms, &batch), HF_ERR_CORRUPT);
}

/* The hub goes on writing while it is made; what it is of is the moment when it was begun. */
static void it_is_of_one_moment_whatever_is_written_meanwhile(void **state)
{
    kit *k = *state;
    snap s;
    uint8_t then[HF_HASH_SIZE], loaded[HF_HASH_SIZE];
    hf_record_id ids[600];
    for (int i = 0; i < 600; i++) ids[i] = kit_crime(k, &k->edges[0], "before");
    exchange(k);
    assert_int_equal(hf_store_digest(k->hub.store, KIT_BEAT, then), HF_OK);
    snap_begin(&s, &k->hub, BEAT, 1, 4096);
    for (int i = 0; !s.done; i++) {
        snap_step(&s);
        for (int j = i; j < 600; j += 50)
            kit_set(k, &k->edges[1], &ids[j], KIT_SUMMARY, kit_text(k, "while it was made"));
        (void)kit_crime(k, &k->edges[1], "new while it was made");
        (void)kit_send(k, &k->edges[1], &k->hub);
    }
    kit_fresh(k, &k->edges[2]);
    snap_send_scope(k, &k->edges[2], HF_SCOPE_COMMON);
    snap_load(k, &s, &k->edges[2]);
    snap_free(&s);
    assert_int_equal(hf_store_digest(k->edges[2].store, KIT_BEAT, loaded), HF_OK);
    assert_memory_equal(loaded, then, HF_HASH_SIZE);
    assert_int_equal(kit_number(&k->edges[2], "SELECT count(*) FROM acted"), 600);
    exchange(k);
    expect_like_hub(k, &k->edges[2]);
}

/* ---- histories by chance ---- */

static uint64_t chance;
static uint32_t roll(uint32_t below)
{
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(chance >> 33) % below;
}

static void something(kit *k, kit_node *node, hf_record_id *ids, size_t *count)
{
    char text[24];
    snprintf(text, sizeof text, "%u", roll(1000));
    uint32_t what = *count < 3 ? 0 : roll(9);
    if (what == 0 && *count < 40) {
        ids[(*count)++] = kit_crime(k, node, text);
        return;
    }
    const hf_record_id *id = &ids[roll((uint32_t)*count)];
    if (!kit_holds(node, id)) return; /* it has not heard of it yet */
    hf_change change = kit_change(id, HF_CHANGE_SET, KIT_SUMMARY, kit_text(k, text));
    if (what == 1) change.field = KIT_WITHIN;
    if (what == 2) change = kit_change(id, HF_CHANGE_SET, KIT_HARM, kit_uint(k, 1000 + roll(9)));
    if (what == 3) change = kit_change(id, HF_CHANGE_ADD, KIT_LOG, kit_text(k, text));
    if (what == 4) change = kit_change(id, HF_CHANGE_ADD, KIT_SUSPECTS, kit_ref(k, roll(90)));
    if (what == 5) change = kit_change(id, HF_CHANGE_REMOVE, KIT_SUSPECTS, kit_ref(k, roll(90)));
    if (what == 6) change = kit_change(id, HF_CHANGE_DELETE, 0, (hf_bytes){NULL, 0});
    change.reason = kit_reason("because");
    (void)kit_try(k, node, &change); /* some are refused: by a rule, or nothing to remove */
}

static void judge_one(kit *k)
{
    uint64_t at = 1 + roll((uint32_t)k->hub.store->position);
    kit_entry entry = kit_take(&k->hub, at);
    hf_entry_body body;
    assert_int_equal(hf_entry_parse(hf_buffer_bytes(&entry.body), &body), HF_OK);
    if (entry.dot.lane != HF_LANE_CONTROL && body.scope == KIT_BEAT)
        kit_verdict(k, &entry.dot, roll(2) ? HF_REASON_OPERATOR : 0, "by chance");
    kit_entry_free(&entry);
}

static void one_history(kit *k, bool judged_later)
{
    hf_record_id ids[64];
    size_t count = 0;
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 12; i++) something(k, &k->edges[roll(2)], ids, &count);
        if (roll(3)) (void)kit_send(k, &k->edges[roll(2)], &k->hub);
        if (round > 2 && roll(2)) judge_one(k);
        if (roll(3) == 0) (void)kit_send(k, &k->hub, &k->edges[roll(2)]);
    }
    load_fresh(k, BEAT, 1, roll(2) ? 1024 : 0);
    expect_like_hub(k, &k->edges[2]);
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 9; i++) something(k, &k->edges[roll(3)], ids, &count);
        for (int i = 0; i < KIT_EDGES; i++)
            if (roll(2)) (void)kit_send(k, &k->edges[i], &k->hub);
        if (judged_later && roll(2)) judge_one(k);
        for (int i = 0; i < KIT_EDGES; i++)
            if (roll(2)) (void)kit_send(k, &k->hub, &k->edges[i]);
    }
    bool outdated;
    exchange(k);
    assert_int_equal(hf_snapshot_is_outdated(k->edges[2].store, &outdated), HF_OK);
    assert_true(judged_later || !outdated);
    if (outdated) { /* then another, over what it holds */
        snap s;
        snap_make(&s, &k->hub, BEAT, 1, 0);
        snap_load(k, &s, &k->edges[2]);
        snap_free(&s);
    }
    expect_like_hub(k, &k->edges[2]);
}

static void any_history_comes_through_and_goes_on(void **state)
{
    kit *k = *state;
    for (chance = 1; chance <= 3; chance += 1) {
        uint64_t seed = chance;
        chance *= 77777;
        one_history(k, false);
        one_history(k, true);
        chance = seed;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(every_rule_comes_through),
        KIT_TEST(later_writes_merge_as_if_all_were_held),
        KIT_TEST(a_clock_known_to_be_wrong_loses_its_ties_in_what_a_snapshot_brought),
        KIT_TEST(what_was_overwritten_before_it_came_stays_so),
        KIT_TEST(large_sets_and_long_logs_are_cut_over_chunks),
        KIT_TEST(holes_come_along_and_can_be_opened),
        KIT_TEST(a_later_entry_can_be_withheld_and_opened),
        KIT_TEST(a_verdict_on_what_it_brought_asks_for_another),
        KIT_TEST(own_entries_that_no_hub_has_are_folded_again),
        KIT_TEST(what_a_snapshot_brought_names_who_acted),
        KIT_TEST(another_snapshot_takes_the_place_of_who_acted),
        KIT_TEST(the_same_state_names_who_acted_by_the_same_bytes),
        KIT_TEST(a_name_that_is_not_as_it_was_stored_is_not_shown),
        KIT_TEST(it_is_of_one_moment_whatever_is_written_meanwhile),
        KIT_TEST(any_history_comes_through_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
