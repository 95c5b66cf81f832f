/* draft.c: one change, checked against its field's rule, becomes one write of a part.
 *
 * Why its own file: which live writes a new one overwrites is where a value could be lost in
 * silence. Each kind of change names what it overwrites in a function of its own. */
#include "draft.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

static void op_clear(hf_draft_op *op)
{
    free(op->cites);
    free(op->value);
    free(op->reason);
    *op = (hf_draft_op){0};
}

/* What was looked at may be large, and a further entry begins with what is stored by then. */
static void looks_clear(hf_drafts *drafts)
{
    for (size_t i = 0; i < drafts->look_count; i++) hf_record_clear(&drafts->looks[i]);
    drafts->look_count = 0;
}

void hf_drafts_next_entry(hf_drafts *drafts)
{
    looks_clear(drafts);
    drafts->entry++;
}

void hf_drafts_clear(hf_drafts *drafts)
{
    looks_clear(drafts);
    free(drafts->looks);
    for (size_t i = 0; i < drafts->count; i++) {
        for (size_t j = 0; j < drafts->parts[i].count; j++) op_clear(&drafts->parts[i].ops[j]);
        free(drafts->parts[i].ops);
    }
    free(drafts->parts);
    free(drafts->minted);
    *drafts = (hf_drafts){0};
}

static void *copy_of(const void *data, size_t size)
{
    void *copy = malloc(size ? size : 1);
    if (copy && size) memcpy(copy, data, size);
    return copy;
}

static hf_status op_fill(hf_draft_op *op, const hf_change *change, hf_bytes value)
{
    op->field = change->field;
    op->value = value.data ? copy_of(value.data, value.size) : NULL;
    op->value_size = value.size;
    op->reason = change->reason.size ? copy_of(change->reason.data, change->reason.size) : NULL;
    op->reason_size = change->reason.size;
    if ((value.data && !op->value) || (change->reason.size && !op->reason)) return HF_ERR_NOMEM;
    return HF_OK;
}

static hf_status op_cite(hf_draft_op *op, const hf_live *live, size_t count)
{
    if (count > HF_OVERWRITTEN_MAX) return HF_ERR_LIMIT;
    op->cites = count ? malloc(count * sizeof *op->cites) : NULL;
    if (count && !op->cites) return HF_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) op->cites[i] = live[i].at;
    op->cite_count = count;
    return HF_OK;
}

/* Ops stand ascending by field; equal ones in the order they came. Takes `op`. */
static hf_status part_insert(hf_draft_part *part, hf_draft_op *op)
{
    if (part->count == part->capacity) {
        size_t capacity = part->capacity ? part->capacity * 2 : 16;
        hf_draft_op *ops = realloc(part->ops, capacity * sizeof *ops);
        if (!ops) return HF_ERR_NOMEM;
        part->ops = ops;
        part->capacity = capacity;
    }
    size_t at = part->count;
    while (at > 0 && part->ops[at - 1].field > op->field) at--;
    memmove(&part->ops[at + 1], &part->ops[at], (part->count - at) * sizeof *part->ops);
    part->ops[at] = *op;
    part->count++;
    *op = (hf_draft_op){0};
    return HF_OK;
}

static hf_draft_op *part_field(hf_draft_part *part, uint32_t field)
{
    for (size_t i = 0; part && i < part->count; i++)
        if (part->ops[i].field == field) return &part->ops[i];
    return NULL;
}

/* ---- one change being added ---- */

typedef struct adding {
    hf_store *store;
    hf_drafts *drafts;
    const hf_change *change;
    hf_record *record;   /* as the store holds it */
    hf_draft_part *part; /* of this record in the current entry, or NULL */
    const hf_field *field;
    const hf_cell *cell; /* the field's live writes */
    uint32_t scope;
    char why[256];
} adding;

static hf_status refuse(adding *add, hf_status status)
{
    const char *name = add->field->name ? add->field->name : "this field";
    return hf_store_say(add->store, status, "%s: %s Nothing of it was saved yet.", name, add->why);
}

static hf_status check_value(adding *add)
{
    const hf_change *change = add->change;
    if (!change->value.data)
        return hf_store_say(add->store, HF_ERR_INPUT, "A value is missing. Nothing was saved yet.");
    if (change->value.size > HF_VALUE_SIZE_MAX)
        return hf_store_say(add->store, HF_ERR_LIMIT,
                            "The value is %zu bytes; a field holds at most %d. Shorten it, or add "
                            "it in pieces; nothing of it was saved yet.",
                            change->value.size, HF_VALUE_SIZE_MAX);
    if (hf_cbor_check_profile(change->value) != HF_OK)
        return hf_store_say(add->store, HF_ERR_INPUT, "The value is not well formed.");
    hf_status status = hf_field_check(add->field, change->value, add->why, sizeof add->why);
    return status == HF_OK ? HF_OK : refuse(add, status);
}

static bool is_record(const hf_record_id *a, const hf_record_id *b)
{
    return a->type == b->type && memcmp(a->bytes, b->bytes, HF_RECORD_ID_SIZE) == 0;
}

hf_status hf_drafts_minted(hf_drafts *drafts, const hf_record_id *id)
{
    if (drafts->minted_count == drafts->minted_capacity) {
        size_t capacity = drafts->minted_capacity ? drafts->minted_capacity * 2 : 4;
        struct hf_minted *minted = realloc(drafts->minted, capacity * sizeof *minted);
        if (!minted) return HF_ERR_NOMEM;
        drafts->minted = minted;
        drafts->minted_capacity = capacity;
    }
    drafts->minted[drafts->minted_count++] = (struct hf_minted){.id = *id};
    return HF_OK;
}

/* Mostly the newest. */
static struct hf_minted *minted_find(const hf_drafts *drafts, const hf_record_id *id)
{
    for (size_t i = drafts->minted_count; i-- > 0;)
        if (is_record(&drafts->minted[i].id, id)) return &drafts->minted[i];
    return NULL;
}

bool hf_drafts_writes(const hf_drafts *drafts, const hf_record_id *record, uint32_t field)
{
    for (size_t i = 0; i < drafts->count; i++) {
        const hf_draft_part *part = &drafts->parts[i];
        if (!is_record(&part->record, record)) continue;
        for (size_t j = 0; j < part->count; j++)
            if (part->ops[j].field == field) return true;
    }
    return false;
}

static hf_draft_part *part_find(hf_drafts *drafts, const hf_record_id *id, size_t entry)
{
    for (size_t i = drafts->count; i-- > 0;) {
        hf_draft_part *part = &drafts->parts[i];
        if (part->entry < entry) break; /* parts stand in entry order */
        if (is_record(&part->record, id)) return part;
    }
    return NULL;
}

static hf_status part_push(hf_drafts *drafts, const hf_draft_part *place, hf_draft_part **out)
{
    if (drafts->count == drafts->capacity) {
        size_t capacity = drafts->capacity ? drafts->capacity * 2 : 16;
        hf_draft_part *parts = realloc(drafts->parts, capacity * sizeof *parts);
        if (!parts) return HF_ERR_NOMEM;
        drafts->parts = parts;
        drafts->capacity = capacity;
    }
    *out = &drafts->parts[drafts->count++];
    **out = (hf_draft_part){.record = place->record,
                            .scope = place->scope,
                            .lane = place->lane,
                            .entry = drafts->entry};
    return HF_OK;
}

static hf_status part_make(adding *add)
{
    hf_drafts *drafts = add->drafts;
    if (add->part) return HF_OK;
    if (drafts->count == HF_TRANSACTION_RECORDS_MAX)
        return hf_store_say(add->store, HF_ERR_LIMIT,
                            "One save may touch at most %d records; save in smaller pieces.",
                            HF_TRANSACTION_RECORDS_MAX);
    const hf_type *type = hf_pack_type(add->store->pack, add->change->record.type);
    hf_draft_part place = {.record = add->change->record,
                           .scope = add->scope,
                           .lane = type ? type->lane : HF_LANE_REST};
    hf_status status = part_push(drafts, &place, &add->part);
    struct hf_minted *minted = minted_find(drafts, &place.record);
    if (status != HF_OK || !minted) return status;
    add->part->begins = !minted->begun;
    minted->begun = true;
    return HF_OK;
}

static hf_status check_op_count(adding *add)
{
    size_t ops = 1;
    for (size_t i = add->drafts->count; i-- > 0;) {
        const hf_draft_part *part = &add->drafts->parts[i];
        if (part->entry != add->drafts->entry) break; /* parts stand in entry order */
        if (part->scope == add->part->scope && part->lane == add->part->lane) ops += part->count;
    }
    if (ops <= HF_ENTRY_OPS_MAX) return HF_OK;
    return hf_store_say(add->store, HF_ERR_LIMIT,
                        "More than %d changes at once. Save in smaller pieces; nothing of this "
                        "was saved yet.",
                        HF_ENTRY_OPS_MAX);
}

static hf_status add_op(adding *add, hf_bytes value, const hf_live *live, size_t count)
{
    hf_draft_op op = {0};
    hf_status status = part_make(add);
    if (status == HF_OK) status = check_op_count(add);
    if (status == HF_OK) status = op_fill(&op, add->change, value);
    if (status == HF_OK) status = op_cite(&op, live, count);
    if (status == HF_OK) status = part_insert(add->part, &op);
    op_clear(&op);
    return status;
}

/* ---- the kinds of change ---- */

/* A second value for the same field in one entry takes the first one's place, and its citations. */
static hf_status replace_op(hf_draft_op *op, const hf_change *change)
{
    hf_draft_op fresh = {0};
    hf_status status = op_fill(&fresh, change, change->value);
    if (status == HF_OK) {
        fresh.cites = op->cites;
        fresh.cite_count = op->cite_count;
        op->cites = NULL;
        op_clear(op);
        *op = fresh;
    } else {
        op_clear(&fresh);
    }
    return status;
}

static hf_status add_set(adding *add)
{
    const hf_change *change = add->change;
    bool resolves = change->kind == HF_CHANGE_RESOLVE;
    if (add->field->rule == HF_RULE_SET || add->field->rule == HF_RULE_APPEND)
        return hf_store_say(
            add->store, HF_ERR_INPUT, "%s holds several values: add one%s instead of setting it.",
            add->field->name, add->field->rule == HF_RULE_SET ? ", or remove one," : "");
    if (resolves && change->reason.size == 0)
        return hf_store_say(add->store, HF_ERR_INPUT, "Say why: a choice needs a reason.");
    hf_draft_op *drafted = part_field(add->part, change->field);
    hf_live instead = {.quality = 3};
    if (drafted) instead.value = (hf_bytes){drafted->value, drafted->value_size};
    const hf_live *live = drafted && drafted->value ? &instead : add->cell->live;
    size_t count = drafted && drafted->value ? 1 : add->cell->live_count;
    hf_status status = check_value(add);
    bool once_again = drafted && add->field->rule == HF_RULE_ONCE; /* not yet saved: may change */
    if (status == HF_OK && !resolves && !once_again)
        status = hf_rule_admits(add->field, live, count, change->value, change->reason, add->why,
                                sizeof add->why);
    if (status == HF_ERR_DENIED) return refuse(add, status);
    if (status != HF_OK) return status;
    if (drafted) return replace_op(drafted, change);
    return add_op(add, change->value, add->cell->live, add->cell->live_count);
}

static hf_status add_element(adding *add)
{
    if (add->field->rule != HF_RULE_SET && add->field->rule != HF_RULE_APPEND)
        return hf_store_say(add->store, HF_ERR_INPUT, "%s holds one value: set it instead.",
                            add->field->name ? add->field->name : "This field");
    hf_status status = check_value(add);
    return status == HF_OK ? add_op(add, add->change->value, NULL, 0) : status;
}

static hf_status remove_element(adding *add)
{
    if (add->field->rule != HF_RULE_SET)
        return hf_store_say(add->store, HF_ERR_DENIED,
                            "%s only grows: nothing is removed from it. Add a correction instead.",
                            add->field->name ? add->field->name : "This field");
    const hf_cell *cell = add->cell;
    hf_live *equal = malloc((cell->live_count + 1) * sizeof *equal);
    if (!equal) return HF_ERR_NOMEM;
    size_t count = 0;
    for (size_t i = 0; i < cell->live_count; i++)
        if (hf_bytes_equal(cell->live[i].value, add->change->value)) equal[count++] = cell->live[i];
    hf_status status = count ? add_op(add, (hf_bytes){NULL, 0}, equal, count)
                             : hf_store_say(add->store, HF_ERR_NOT_FOUND,
                                            "%s does not hold that value.", add->field->name);
    free(equal);
    return status;
}

static hf_status add_delete(adding *add)
{
    hf_buffer context = {0};
    if (add->record->no == 0)
        return hf_store_say(add->store, HF_ERR_NOT_FOUND, "There is no such record on this node.");
    hf_status status = hf_delete_context(add->store, add->record->no, add->scope, &context);
    if (status == HF_OK)
        status = add_op(add, hf_buffer_bytes(&context), add->cell->live, add->cell->live_count);
    hf_buffer_free(&context);
    return status;
}

static hf_status add_restore(adding *add)
{
    if (add->cell->live_count == 0)
        return hf_store_say(add->store, HF_ERR_DENIED, "The record is not deleted.");
    return add_op(add, (hf_bytes){NULL, 0}, add->cell->live, add->cell->live_count);
}

static hf_status dispatch(adding *add)
{
    switch (add->change->kind) {
    case HF_CHANGE_SET:
    case HF_CHANGE_RESOLVE: return add_set(add);
    case HF_CHANGE_ADD: return add_element(add);
    case HF_CHANGE_REMOVE: return remove_element(add);
    case HF_CHANGE_DELETE: return add_delete(add);
    case HF_CHANGE_RESTORE: return add_restore(add);
    }
    return HF_ERR_INPUT;
}

static hf_status check_scope(adding *add)
{
    const hf_change *change = add->change;
    const hf_record *record = add->record;
    uint32_t held = record->no ? record->scope : add->part ? add->part->scope : 0;
    bool system = change->record.type < HF_TYPE_FIRST_PACK;
    add->scope = held ? held : change->scope;
    if (held && change->scope && change->scope != held)
        return hf_store_say(add->store, HF_ERR_DENIED,
                            "The record belongs to another scope; records do not move by writing.");
    if (system && add->store->is_hub) return HF_OK;
    if (system)
        return hf_store_say(add->store, HF_ERR_DENIED, "Control records are the hub's to write.");
    bool may = false;
    hf_status status = hf_may_write(add->store, add->scope, &may);
    if (status == HF_OK && !may)
        return hf_store_say(add->store, HF_ERR_DENIED,
                            "This device may not write in scope %u. Nothing was saved. Ask the hub "
                            "operator for access.",
                            add->scope);
    return status;
}

static hf_status add_checked(adding *add)
{
    const hf_change *change = add->change;
    hf_status status = check_scope(add);
    if (status != HF_OK) return status;
    if (change->reason.size > HF_REASON_SIZE_MAX || !hf_utf8_valid(change->reason))
        return hf_store_say(add->store, HF_ERR_INPUT,
                            "The reason must be text of at most %d "
                            "bytes.",
                            HF_REASON_SIZE_MAX);
    bool revives = change->kind == HF_CHANGE_DELETE || change->kind == HF_CHANGE_RESTORE;
    if (add->record->deleted && !revives)
        return hf_store_say(add->store, HF_ERR_DENIED,
                            "The record was deleted. Restore it first; nothing was saved.");
    return dispatch(add);
}

/* ---- what the store holds ---- */

static hf_status look_load(hf_store *store, hf_drafts *drafts, const hf_change *change)
{
    if (drafts->look_count == drafts->look_capacity) {
        size_t capacity = drafts->look_capacity ? drafts->look_capacity * 2 : 4;
        hf_record *looks = realloc(drafts->looks, capacity * sizeof *looks);
        if (!looks) return HF_ERR_NOMEM;
        drafts->looks = looks;
        drafts->look_capacity = capacity;
    }
    hf_record *look = &drafts->looks[drafts->look_count];
    *look = (hf_record){.id = change->record};
    hf_status status = HF_OK;
    if (change->record.type < HF_TYPE_FIRST_PACK)
        status = hf_record_load_scope(store, &change->record, change->scope, look);
    else if (!minted_find(drafts, &change->record))
        status = hf_record_load(store, &change->record, false, look);
    if (status == HF_OK) drafts->look_count++;
    return status;
}

/* A record is read once for each entry that changes it, not once a field. */
static hf_status look_at(hf_store *store, hf_drafts *drafts, const hf_change *change,
                         hf_record **out)
{
    bool system = change->record.type < HF_TYPE_FIRST_PACK; /* one in each scope */
    for (size_t i = drafts->look_count; i-- > 0;) {
        *out = &drafts->looks[i];
        if (!is_record(&(*out)->id, &change->record)) continue;
        if (!system || (*out)->scope == change->scope) return HF_OK;
    }
    hf_status status = look_load(store, drafts, change);
    if (status == HF_OK) *out = &drafts->looks[drafts->look_count - 1];
    return status;
}

/* The field's live writes; those that are rows are read when a removal has to name them. */
static hf_status find_cell(adding *add)
{
    hf_record_field *field;
    hf_status status = hf_record_field_at(add->record, add->change->field, &field);
    if (status == HF_OK && field->rows && add->change->kind == HF_CHANGE_REMOVE)
        status = hf_elements_load(add->store, add->record, field);
    if (status == HF_OK) add->cell = &field->cell;
    return status;
}

hf_status hf_drafts_add(hf_store *store, hf_drafts *drafts, const hf_change *change)
{
    bool of_record = change->kind == HF_CHANGE_DELETE || change->kind == HF_CHANGE_RESTORE;
    hf_change plain = *change;
    if (of_record) plain.field = HF_FIELD_DELETED;
    adding add = {.store = store, .drafts = drafts, .change = &plain};
    if (plain.field == HF_FIELD_DELETED && !of_record)
        return hf_store_say(store, HF_ERR_INPUT, "Use delete or restore for that.");
    hf_status status = look_at(store, drafts, &plain, &add.record);
    if (status == HF_OK) status = find_cell(&add);
    if (status == HF_OK) {
        add.field = hf_pack_field(store->pack, plain.record.type, plain.field);
        add.part = part_find(drafts, &plain.record, drafts->entry);
        status = add_checked(&add);
    }
    if (status == HF_ERR_NOMEM)
        status = hf_store_say(store, status, "Out of memory; nothing of this was saved yet.");
    return status;
}

/* ---- a write as it is ---- */

hf_status hf_drafts_put(hf_drafts *drafts, const hf_draft_part *place, const hf_op *op)
{
    hf_draft_op made = {0};
    hf_change change = {.field = op->field, .reason = op->reason};
    hf_draft_part *part = part_find(drafts, &place->record, drafts->entry);
    hf_status status = part ? HF_OK : part_push(drafts, place, &part);
    if (status == HF_OK) status = op_fill(&made, &change, op->value);
    if (status == HF_OK && op->cite_count) {
        made.cites = copy_of(op->cites, op->cite_count * sizeof *op->cites);
        made.cite_count = op->cite_count;
        if (!made.cites) status = HF_ERR_NOMEM;
    }
    if (status == HF_OK) status = part_insert(part, &made);
    op_clear(&made);
    return status;
}
