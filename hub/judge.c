/* judge.c: see judge.h. A refused entry is stored all the same, as a hole: ingest.c says why. */
#include "judge.h"

#include "sync/merge.h"
#include "sync/messages.h"
#include "sync/planted.h"

/* A write of the delete field holds a context that says what was seen; or it takes deletes back. */
static uint32_t delete_reason(const hf_op *op)
{
    hf_dot nothing = {.seq = 0};
    bool covered;
    if (!op->value.data) return 0;
    hf_status status = hf_delete_covers(op->value, &nothing, &covered);
    return status == HF_OK ? 0 : HF_REASON_MALFORMED;
}

/* Every installation that is only cited costs a place for good, and whoever cites may make them up.
 * Ours cite what they have seen; so the bound is met by those who do not. */
static bool cites_too_many(const hf_rights *rights, const hf_part *part)
{
    size_t unknown = 0;
    for (size_t i = 0; i < part->log_count; i++)
        if (!hf_origin_by_id(rights->store, &part->logs[i])) unknown++;
    return unknown > 0 && hf_origin_count(rights->store) + unknown > HF_ORIGINS_CITED_MAX;
}

static uint32_t part_reason(const hf_rights *rights, hf_part *part)
{
    uint32_t type = part->record.type, reason = 0;
    if (type < HF_TYPE_FIRST_PACK) return HF_REASON_HUB_ONLY;
    const hf_type *known = hf_pack_type(hf_store_pack(rights->store), type);
    if (known && known->lane != rights->lane) return HF_REASON_LANE;
    if (cites_too_many(rights, part)) return HF_REASON_CROWDED;
    while (part->op_left > 0 && reason == 0) { /* ops ascend by field: deletes come first */
        hf_op op;
        if (hf_op_next(part, &rights->row->id, rights->lane, &op) != HF_OK)
            return HF_REASON_MALFORMED;
        if (op.field != HF_FIELD_DELETED) break;
        reason = delete_reason(&op);
    }
    return reason;
}

bool hf_judge_may_write(const hf_rights *rights, uint32_t scope)
{
    for (size_t i = 0; i < rights->scope_count; i++)
        if (rights->scopes[i] == scope) return true;
    return false;
}

uint32_t hf_judge_entry(const hf_rights *rights, const hf_entry_body *entry)
{
    if (HF_PLANTED(NO_ORIGIN_CHECK)) return 0;
    if (rights->lane == HF_LANE_CONTROL) return HF_REASON_LANE;
    bool hub_only = entry->scope == rights->home || entry->scope <= HF_SCOPE_COMMON;
    if (hub_only || !hf_judge_may_write(rights, entry->scope)) return HF_REASON_NO_GRANT;
    /* From before or after it was shut out? A clock that could be wrong does not say. */
    bool before = entry->quality >= 2 && entry->hlc < rights->revoked_at;
    if (rights->revoked_at && !before) return HF_REASON_REVOKED;
    if (rights->relayed && entry->erased_count == entry->part_count) return 0; /* awaited */
    hf_reader parts = hf_reader_open(entry->parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    uint32_t reason = 0;
    for (size_t i = 0; i < count && reason == 0; i++) {
        /* An author sends what it wrote, whole: only a hub may have reason to send less. */
        hf_part part;
        bool is_whole = hf_part_next(NULL, &parts, &part) == HF_OK && !part.erased;
        reason = is_whole ? part_reason(rights, &part) : HF_REASON_MALFORMED;
    }
    return reason;
}

const char *hf_judge_text(uint32_t reason)
{
    switch (reason) {
    case HF_REASON_NO_GRANT: return "the device has no grant for this scope";
    case HF_REASON_LANE: return "this type of record is not allowed in this lane";
    case HF_REASON_REVOKED: return "it came through another device, and its author is revoked";
    case HF_REASON_POISON: return HF_POISON_TEXT;
    case HF_REASON_HUB_ONLY: return "only a hub may write this type of record";
    case HF_REASON_CROWDED: return "the record holds more than it can, or what it cites is unknown";
    default: return "the operations do not suit the type of record";
    }
}
