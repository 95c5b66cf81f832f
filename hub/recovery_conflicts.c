/* recovery_conflicts.c: what people wrote apart about the same thing, and who has settled it. */
#include "recovery.h"

#include "sync/entry.h"
#include "sync/feed.h"
#include "sync/pack.h"
#include "sync/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct search {
    hf_store *store;
    hf_recovery *out;
    const hf_record_id *touched; /* sorted, each once */
    size_t count;
} search;

static int id_compare(const void *a, const void *b)
{
    const hf_record_id *x = a, *y = b;
    if (x->type != y->type) return x->type < y->type ? -1 : 1;
    return memcmp(x->bytes, y->bytes, HF_RECORD_ID_SIZE);
}

static size_t sort_once(hf_buffer *touched)
{
    hf_record_id *ids = (hf_record_id *)(void *)touched->data;
    size_t count = touched->size / sizeof *ids, kept = 0;
    if (count == 0) return 0;
    qsort(ids, count, sizeof *ids, id_compare);
    for (size_t i = 1; i < count; i++)
        if (id_compare(&ids[kept], &ids[i]) != 0) ids[++kept] = ids[i];
    return kept + 1;
}

static bool is_touched(const search *s, const hf_record_id *id)
{
    return s->count && bsearch(id, s->touched, s->count, sizeof *id, id_compare) != NULL;
}

static hf_rule_recovery *rule_of(search *s, const hf_record_id *id, uint32_t number)
{
    const hf_field *field = hf_pack_field(hf_store_pack(s->store), id->type, number);
    const char *name = number == HF_FIELD_DELETED ? "delete" : hf_rule_name(field->rule);
    hf_buffer *rules = &s->out->rules;
    size_t count = rules->size / sizeof(hf_rule_recovery);
    hf_rule_recovery *items = (hf_rule_recovery *)(void *)rules->data;
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].name, name) == 0) return &items[i];
    hf_rule_recovery one = {.settled = 0};
    (void)snprintf(one.name, sizeof one.name, "%s", name);
    hf_write_raw(rules, (hf_bytes){(const uint8_t *)&one, sizeof one});
    items = (hf_rule_recovery *)(void *)rules->data;
    return rules->status == HF_OK ? &items[count] : NULL;
}

static hf_status on_open(void *context, const hf_conflict *conflict)
{
    search *s = context;
    if (!is_touched(s, &conflict->record)) return HF_OK;
    hf_rule_recovery *rule = rule_of(s, &conflict->record, conflict->field);
    if (!rule) return HF_ERR_NOMEM;
    rule->open++;
    return HF_OK;
}

/* Of several values the rule shows one, and nobody has to choose. */
static bool settles(const hf_field_view *view, hf_rule rule)
{
    bool many = rule == HF_RULE_SET || rule == HF_RULE_APPEND;
    return !view->conflict && !many && view->value_count > 1 && view->number != HF_FIELD_DELETED;
}

/* ---- references ---- */

static bool had_to_wait(const hf_recovery *out, const hf_dot *dot)
{
    const hf_log_recovery *logs = (const hf_log_recovery *)(const void *)out->logs.data;
    for (size_t i = 0; i < out->logs.size / sizeof *logs; i++)
        if (logs[i].lane == dot->lane && dot->seq > logs[i].from && dot->seq <= logs[i].to &&
            memcmp(&logs[i].origin, &dot->origin, sizeof dot->origin) == 0)
            return true;
    return false;
}

static hf_reference_recovery *series_of(search *s, const char *name)
{
    hf_buffer *all = &s->out->references;
    size_t count = all->size / sizeof(hf_reference_recovery);
    hf_reference_recovery *items = (hf_reference_recovery *)(void *)all->data;
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].series, name) == 0) return &items[i];
    hf_reference_recovery one = {.numbers = 0};
    (void)snprintf(one.series, sizeof one.series, "%s", name);
    hf_write_raw(all, (hf_bytes){(const uint8_t *)&one, sizeof one});
    items = (hf_reference_recovery *)(void *)all->data;
    return all->status == HF_OK ? &items[count] : NULL;
}

/* A number or a provisional one, written in an entry that had to wait. */
static hf_status note_reference(search *s, const hf_series *series, const hf_value_view *value)
{
    char tag[HF_PROVISIONAL_TAG_SIZE];
    hf_reader reader = hf_reader_open(value->value);
    hf_bytes text = hf_read_text(&reader);
    if (reader.status != HF_OK || !had_to_wait(s->out, &value->dot)) return HF_OK;
    bool provisional = hf_provisional_tag(text, tag);
    if (!provisional && hf_reference_number(series, text) == 0) return HF_OK;
    hf_reference_recovery *of = series_of(s, series->name);
    if (!of) return HF_ERR_NOMEM;
    of->provisional += provisional;
    of->numbers += !provisional;
    return HF_OK;
}

static hf_status look_references(search *s, const hf_type *type, const hf_field_view *field)
{
    const hf_series *series = type ? type->series : NULL;
    hf_status status = HF_OK;
    if (!series ||
        (field->number != series->field->number && field->number != series->aliases->number))
        return HF_OK;
    for (size_t i = 0; i < field->value_count && status == HF_OK; i++)
        status = note_reference(s, series, &field->values[i]);
    return status;
}

static hf_status look_settled(search *s)
{
    const hf_pack *pack = hf_store_pack(s->store);
    s->out->rules_partial = s->count > HF_RECOVERY_RECORDS_MAX;
    for (size_t i = 0; i < s->count && i < HF_RECOVERY_RECORDS_MAX; i++) {
        hf_view *view;
        hf_status status = hf_store_get(s->store, &s->touched[i], &view);
        if (status == HF_ERR_NOT_FOUND) continue;
        if (status != HF_OK) return status;
        for (size_t j = 0; j < hf_view_field_count(view) && status == HF_OK; j++) {
            const hf_field_view *field = hf_view_field(view, j);
            hf_rule kind = hf_pack_field(pack, s->touched[i].type, field->number)->rule;
            status = look_references(s, hf_pack_type(pack, s->touched[i].type), field);
            if (!settles(field, kind) || status != HF_OK) continue;
            hf_rule_recovery *rule = rule_of(s, &s->touched[i], field->number);
            if (rule)
                rule->settled++;
            else
                status = HF_ERR_NOMEM;
        }
        hf_view_free(view);
        if (status != HF_OK) return status;
    }
    return HF_OK;
}

/* A person's choice is a write with a reason that overwrites more than one value. */
static hf_status on_entry(void *context, const hf_entry *entry)
{
    search *s = context;
    hf_entry_body body;
    if (entry->withheld || entry->dot.lane == HF_LANE_CONTROL) return HF_OK;
    if (hf_entry_parse(entry->body, &body) != HF_OK) return HF_ERR_CORRUPT;
    hf_reader parts = hf_reader_open(body.parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        hf_part part;
        hf_op op;
        if (hf_part_next(NULL, &parts, &part) != HF_OK) return HF_ERR_CORRUPT;
        bool looked = !part.erased && is_touched(s, &part.record);
        while (looked && part.op_left &&
               hf_op_next(&part, &entry->dot.origin, entry->dot.lane, &op) == HF_OK) {
            if (op.reason.size == 0 || op.cite_count < 2) continue;
            hf_rule_recovery *rule = rule_of(s, &part.record, op.field);
            if (!rule) return HF_ERR_NOMEM;
            rule->chosen++;
        }
    }
    return HF_OK;
}

static hf_status look_chosen(search *s)
{
    uint64_t last = hf_feed_position(s->store), at = s->out->episode.position;
    hf_status status = HF_OK;
    for (; at < last && status == HF_OK; at += HF_FEED_READ_MAX)
        status = hf_feed_read(s->store, at, HF_FEED_READ_MAX, on_entry, s);
    return status;
}

static int rule_compare(const void *a, const void *b)
{
    return strcmp(((const hf_rule_recovery *)a)->name, ((const hf_rule_recovery *)b)->name);
}

hf_status hf_recovery_conflicts(hf_store *store, hf_recovery *recovery, hf_buffer *touched)
{
    search s = {.store = store, .out = recovery, .count = sort_once(touched)};
    s.touched = (const hf_record_id *)(const void *)touched->data;
    recovery->records = s.count;
    hf_status status = hf_store_conflicts(store, on_open, &s);
    if (status == HF_OK) status = look_settled(&s);
    if (status == HF_OK && s.count) status = look_chosen(&s);
    size_t rules = recovery->rules.size / sizeof(hf_rule_recovery);
    if (rules) qsort(recovery->rules.data, rules, sizeof(hf_rule_recovery), rule_compare);
    return status;
}
