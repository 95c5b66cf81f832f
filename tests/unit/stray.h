/* stray.h: an entry of anybody's that truly overwrites nothing: its writer did not see the others.
 */
#ifndef HF_TEST_STRAY_H
#define HF_TEST_STRAY_H

#include "sync/store_core.h"

#include <stdio.h>
#include <string.h>

typedef struct stray {
    uint32_t who; /* of which installation, by a number of the test's */
    uint32_t scope;
    uint8_t lane;
    uint64_t seq, pseq;
    const hf_record_id *record;
    uint32_t field;
    const hf_dot *cites; /* what it claims to overwrite, by a hash that is not that entry's */
} stray;

static inline void stray_part(hf_buffer *out, const stray *s)
{
    char text[32];
    const uint8_t salt[8] = {1};
    hf_buffer part = {0};
    snprintf(text, sizeof text, "version %u", s->who);
    hf_write_raw(&part, (hf_bytes){salt, sizeof salt});
    hf_write_array(&part, 4);
    hf_write_uint(&part, s->record->type);
    hf_write_bytes(&part, s->record->bytes, HF_RECORD_ID_SIZE);
    hf_write_array(&part, s->cites ? 1 : 0);
    if (s->cites) {
        hf_write_array(&part, 2);
        hf_write_bytes(&part, s->cites->origin.bytes, HF_ORIGIN_SIZE);
        hf_write_uint(&part, s->cites->lane);
    }
    hf_write_array(&part, 1);
    hf_write_array(&part, 3);
    hf_write_uint(&part, s->field);
    hf_write_array(&part, s->cites ? 1 : 0);
    if (s->cites) {
        hf_write_array(&part, 3);
        hf_write_uint(&part, 1);
        hf_write_uint(&part, s->cites->seq);
        hf_write_bytes(&part, salt, HF_PREFIX_SIZE);
    }
    hf_write_string(&part, text);
    hf_write_bytes(out, part.data, part.size);
    hf_buffer_free(&part);
}

static inline void stray_parts(hf_buffer *out, const stray *s)
{
    hf_write_array(out, 1);
    stray_part(out, s);
}

/* As an entry of the store's own: `who` and `seq` do not matter. */
static inline void stray_own(hf_batch *batch, const stray *s)
{
    hf_buffer parts = {0};
    stray_parts(&parts, s);
    hf_draft draft = {.scope = s->scope,
                      .lane = s->lane,
                      .actor = "x",
                      .quality = 3,
                      .parts = hf_buffer_bytes(&parts)};
    assert_int_equal(hf_batch_own(batch, &draft, NULL), HF_OK);
    hf_buffer_free(&parts);
}

/* The head of an entry's body: its parts follow. */
static inline void stray_head(hf_buffer *out, const stray *s, uint64_t wall_ms)
{
    hf_write_array(out, 9);
    hf_write_uint(out, s->seq);
    hf_write_uint(out, s->pseq);
    hf_write_uint(out, s->scope);
    hf_write_uint(out, wall_ms << 16);
    hf_write_uint(out, 3);
    hf_write_uint(out, 1);
    hf_write_string(out, "x");
    hf_write_null(out);
}

static inline const hf_origin_row *stray_origin(hf_store *store, const stray *s)
{
    uint8_t key_id[HF_HASH_SIZE] = {9}, incarnation[HF_INCARNATION_SIZE] = {0};
    const hf_origin_row *origin;
    memcpy(incarnation, &s->who, sizeof s->who);
    assert_int_equal(hf_origin_learn(store, key_id, incarnation, (hf_bytes){NULL, 0}, &origin),
                     HF_OK);
    return origin;
}

/* As an entry of the installation `who`, whom the store may not have met before. */
static inline hf_applied stray_apply(hf_batch *batch, const stray *s)
{
    hf_buffer body = {0};
    hf_applied_entry applied;
    const hf_origin_row *origin = stray_origin(batch->store, s);
    stray_head(&body, s, batch->wall_ms);
    stray_parts(&body, s);
    assert_int_equal(hf_batch_entry(batch, origin, s->lane, hf_buffer_bytes(&body), 0, &applied),
                     HF_OK);
    hf_buffer_free(&body);
    return applied.what;
}

#endif
