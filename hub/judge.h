/* judge.h: may this origin write this? For entries from their author and through others alike. */
#ifndef HF_HUB_JUDGE_H
#define HF_HUB_JUDGE_H

#include "holdfast/hub.h"

#include "sync/entry.h"
#include "sync/store.h"

typedef struct hf_rights { /* of an entry's author */
    hf_store *store;
    const hf_origin_row *row;
    uint8_t lane;
    uint32_t home;
    const uint32_t *scopes; /* ascending; home may be among them */
    size_t scope_count;
    bool relayed;      /* it came through another: what was withheld comes as its hash alone */
    hf_hlc revoked_at; /* only what was written before counts; 0: its author is in good standing */
} hf_rights;

/* 0, or why the entry is stored as a hole: protocol.md 5. */
uint32_t hf_judge_entry(const hf_rights *rights, const hf_entry_body *entry);
bool hf_judge_may_write(const hf_rights *rights, uint32_t scope);
const char *hf_judge_text(uint32_t reason); /* in words, for its verdict */

#endif
